"""Features on the unit sphere as two discs, a row of them a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from arcbook.analysis import spheres
from arcbook.plot.style import BASELINE, INK

# Ten colours that stand out 2.5 to 1 or more on white and on the dark page.
# Each class has its number beside it, so no two need be told apart by
# colour alone.
CLASSES = (
    *("#2b7bd6", "#d55e00", "#08774a", "#ce73ab", "#8a7420"),
    *("#6f5fd6", "#3f93a8", "#a23984", "#759d2d", "#808080"),
)
TALL, SHORT = 4.15, 0.8
PIXELS = 360
TINT = 0.2
LABELS = 24
REACH = 0.16


def maps(rows: Sequence[tuple[str, Mapping | None]], title: str = ""):
    """Directions of features and class vectors, two discs a network.

    Args:
        rows: a heading and a record with features of three dimensions for
            each; None where there is no record.
        title: the figure's point.
    """
    heights = [TALL if _has_map(record) else SHORT for _, record in rows]
    figure, panels = plt.subplots(
        len(rows),
        2,
        figsize=(8, sum(heights) + 0.3 * bool(title)),
        height_ratios=heights,
        squeeze=False,
    )
    for (heading, record), pair in zip(rows, panels, strict=True):
        for axes in pair:
            axes.axis("off")
        pair[0].set_title(heading, fontsize=11.5)
        if _has_map(record):
            _network(pair, spheres.cloud(record))
        else:
            why = "not measured yet" if record is None else "diverged"
            pair[0].text(0, 0.5, why, va="center", color=BASELINE)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12.5)
    return figure


def _has_map(record):
    return record is not None and "features" in record["arrays"]


def _network(pair, cloud):
    turn = spheres.turned(spheres.unit(cloud.vectors))
    directions = spheres.unit(cloud.features) @ turn.T
    places, discs = spheres.flattened(directions)
    heads, sides = spheres.flattened(spheres.unit(cloud.vectors) @ turn.T)
    inks = np.array([to_rgb(CLASSES[k % 10]) for k in range(len(heads))])
    weights = cloud.vectors @ turn.T
    if cloud.normalised:
        weights = spheres.unit(weights)
    for disc, axes in enumerate(pair):
        axes.set_aspect("equal")
        axes.set(xlim=(-1.04, 1.04), ylim=(-1.04, 1.04))
        _regions(axes, disc, weights, inks)
        here = discs == disc
        axes.scatter(
            *places[here].T,
            s=5,
            c=inks[cloud.labels[here]],
            linewidths=0,
            rasterized=True,
        )
        _heads(axes, heads, sides == disc, places[here], inks)


def _regions(axes, disc, weights, inks):
    """Tint what the network takes for each class, and draw the rim."""
    line = (np.arange(PIXELS) + 0.5) / PIXELS * 2 - 1
    grid = np.stack(np.meshgrid(line, line), -1)
    vectors = spheres.raised(grid, disc)
    inside = ~np.isnan(vectors[..., 0])
    winner = (np.nan_to_num(vectors) @ weights.T).argmax(-1)
    picture = np.concatenate([inks[winner], TINT * inside[..., None]], -1)
    axes.imshow(
        picture,
        extent=(-1, 1, -1, 1),
        origin="lower",
        interpolation="none",
        zorder=0,
    )
    turn = np.linspace(0, 2 * np.pi, 361)
    axes.plot(np.cos(turn), np.sin(turn), color=BASELINE, lw=1)


def _heads(axes, heads, here, places, inks):
    """Mark the class vectors of a disc, each with its number beside it."""
    taken = np.concatenate([places, heads[here]])
    for k in np.flatnonzero(here):
        axes.plot(*heads[k], "+", color=INK, ms=9, mew=1.6)
        spot = _free(heads[k], taken)
        axes.plot(*np.stack([heads[k], spot]).T, color=INK, lw=0.5)
        axes.text(
            *spot,
            str(k),
            color=INK,
            ha="center",
            va="center",
            fontsize=14,
            fontweight="bold",
        )
        taken = np.concatenate([taken, np.repeat(spot[None], 20, 0)])


def _free(head, taken):
    """The emptiest place around a class vector, inside the disc."""
    turn = np.arange(LABELS) / LABELS * 2 * np.pi
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    spots = np.concatenate(
        [head + reach * ring for reach in (REACH, 1.5 * REACH)]
    )
    gaps = np.linalg.norm(spots[:, None] - taken[None], axis=-1)
    crowd = np.exp(-((gaps / 0.07) ** 2)).sum(1)
    crowd += 1e3 * (np.linalg.norm(spots, axis=1) > 0.97)
    return spots[crowd.argmin()]
