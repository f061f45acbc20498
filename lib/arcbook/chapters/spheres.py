"""Features of three dimensions as a map of the sphere, for MNIST's pages.

The map is of two discs, the halves of the sphere seen from outside, side by
side like the pages of an open book. Lambert's azimuthal projection keeps
areas, so a class that looks larger is larger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from scipy.spatial.distance import pdist

from arcbook import packing, plot
from arcbook.plot import BASELINE, INK

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Ten colours that stand out 2.5 to 1 or more on white and on the dark page.
# Each class has its number beside it, so no two need be told apart by
# colour alone.
CLASSES = (
    *("#2b7bd6", "#d55e00", "#08774a", "#ce73ab", "#8a7420"),
    *("#6f5fd6", "#3f93a8", "#a23984", "#759d2d", "#808080"),
)
CANDIDATES, PIXELS, TINT, LABELS, REACH = 4000, 360, 0.2, 24, 0.16


def kept(record: Mapping, name: str) -> np.ndarray:
    """An array of a record: features, feature_labels or class_vectors.

    Raises ValueError if it keeps no features of three dimensions.
    """
    if "features" not in record["arrays"] or record["embedding_dim"] != 3:
        raise ValueError(
            f"the run of {record['column']} keeps no features of 3 "
            "dimensions, so there is no map of it"
        )
    return packing.unpack(record["arrays"][name])


def unit(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Directions; a zero vector has none and comes back as NaN."""
    vectors = np.asarray(vectors)
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms == 0, np.nan, norms)


def turned(directions: Float[np.ndarray, "c 3"]) -> Float[np.ndarray, "3 3"]:
    """A rotation that keeps directions away from the rim of the discs.

    Gives orthonormal rows. The last is the axis from which all directions are
    furthest from a right angle.
    """
    k = np.arange(CANDIDATES) + 0.5
    height, turn = 1 - k / CANDIDATES, math.pi * (1 + math.sqrt(5)) * k
    flat = np.sqrt(1 - height**2)
    axes = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], 1)
    axis = axes[np.abs(axes @ directions.T).min(1).argmax()]
    first = np.eye(3)[np.abs(axis).argmin()]
    first = unit(first - first @ axis * axis)
    return np.stack([first, np.cross(axis, first), axis])


def flattened(
    directions: Float[np.ndarray, "n 3"],
) -> tuple[Float[np.ndarray, "n 2"], Int[np.ndarray, " n"]]:
    """Places of unit vectors on the two discs of radius 1.

    Gives places on the disc, and which: 0 for z ≥ 0, 1 for z < 0. Where the
    discs touch, at x = 1 of the first and −1 of the second, is one point of
    the sphere.
    """
    x, y, z = directions.T
    side = np.where(z < 0, -1.0, 1.0)
    shrink = 1 / np.sqrt(1 + np.abs(z))
    return np.stack([side * x * shrink, y * shrink], 1), (side < 0).astype(int)


def raised(
    places: Float[np.ndarray, "*n 2"], disc: int
) -> Float[np.ndarray, "*n 3"]:
    """The unit vectors of places on a disc; NaN outside of it."""
    inside = (places**2).sum(-1, keepdims=True)
    inside = np.where(inside <= 1, inside, np.nan)
    side = 1 if disc == 0 else -1
    xy = places * np.sqrt(2 - inside) * [side, 1]
    return np.concatenate([xy, side * (1 - inside)], -1)


def facts(record: Mapping) -> dict[str, float]:
    """Angles of a record's features, in degrees.

    Gives spread: of a feature from the mean direction of its class, averaged
    over the features; apart: the smallest angle between the mean directions of
    two classes. Classes without a feature are left out.
    """
    x = unit(kept(record, "features").astype(float))
    x = pd.DataFrame(x).dropna()
    classes = x.groupby(kept(record, "feature_labels")[x.index])
    chords = {
        "spread": np.linalg.norm(x - unit(classes.transform("mean")), axis=1),
        "apart": pdist(unit(classes.mean())).min(),
    }
    return {
        name: float(np.degrees(2 * np.arcsin(length / 2)).mean())
        for name, length in chords.items()
    }


def maps(rows: Mapping[str, Mapping]):
    """Directions of features and class vectors, two discs a network."""
    figure, panels = plt.subplots(
        len(rows), 2, figsize=(8, 4.15 * len(rows)), squeeze=False
    )
    for (heading, record), pair in zip(rows.items(), panels, strict=True):
        pair[0].set_title(heading, fontsize=11.5)
        vectors = kept(record, "class_vectors").astype(float)
        features = kept(record, "features").astype(float)
        labels = kept(record, "feature_labels").astype(int)
        turn = turned(unit(vectors))
        places, discs = flattened(unit(features) @ turn.T)
        heads, sides = flattened(unit(vectors) @ turn.T)
        inks = np.array([to_rgb(CLASSES[k % 10]) for k in range(len(heads))])
        weights = vectors if record["loss"] == "softmax" else unit(vectors)
        for disc, axes in enumerate(pair):
            axes.axis("off")
            axes.set(aspect="equal", xlim=(-1.04, 1.04), ylim=(-1.04, 1.04))
            _regions(axes, disc, weights @ turn.T, inks)
            here, spots = discs == disc, {"s": 5, "lw": 0, "rasterized": True}
            axes.scatter(*places[here].T, c=inks[labels[here]], **spots)
            _heads(axes, heads, sides == disc, places[here])
    return plot.show(figure)


def _regions(axes, disc, weights, inks):
    """Tint what the network takes for each class, and draw the rim."""
    line = (np.arange(PIXELS) + 0.5) / PIXELS * 2 - 1
    vectors = raised(np.stack(np.meshgrid(line, line), -1), disc)
    inside = ~np.isnan(vectors[..., :1])
    winner = (np.nan_to_num(vectors) @ weights.T).argmax(-1)
    picture = np.concatenate([inks[winner], TINT * inside], -1)
    shown = {"origin": "lower", "interpolation": "none", "zorder": 0}
    axes.imshow(picture, extent=(-1, 1, -1, 1), **shown)
    turn = np.linspace(0, 2 * np.pi, 361)
    axes.plot(np.cos(turn), np.sin(turn), color=BASELINE, lw=1)


def _heads(axes, heads, here, places):
    """Mark the class vectors of a disc, each with its number beside it."""
    taken = np.concatenate([places, heads[here]])
    look = {"fontsize": 14, "fontweight": "bold", "ha": "center"}
    for k in np.flatnonzero(here):
        axes.plot(*heads[k], "+", color=INK, ms=9, mew=1.6)
        spot = _free(heads[k], taken)
        axes.plot(*np.stack([heads[k], spot]).T, color=INK, lw=0.5)
        axes.text(*spot, str(k), color=INK, va="center", **look)
        taken = np.concatenate([taken, np.repeat(spot[None], 20, 0)])


def _free(head, taken):
    """The emptiest place around a class vector, inside the disc."""
    turn = np.arange(LABELS) / LABELS * 2 * np.pi
    ring = REACH * np.stack([np.cos(turn), np.sin(turn)], 1)
    spots = head + np.concatenate([ring, 1.5 * ring])
    gaps = np.linalg.norm(spots[:, None] - taken[None], axis=-1)
    crowd = np.exp(-((gaps / 0.07) ** 2)).sum(1)
    crowd += 1e3 * (np.linalg.norm(spots, axis=1) > 0.97)
    return spots[crowd.argmin()]
