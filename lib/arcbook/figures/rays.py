"""Features of two numbers in their plane, with the class vectors as rays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt

from arcbook import packing
from arcbook.figures.hemispheres import CLASSES
from arcbook.plot.style import BASELINE, colour, show, spaced


def plane(records: Sequence[Mapping], names: Sequence[str]):
    """2-D features with the class vectors as rays, a panel a loss.

    Features are drawn at their own length, all but the longest 2% inside
    the ring; the ring shows their directions.

    Args:
        records: of runs with two features, kept.
        names: of the classes.
    """
    lines = -(-len(records) // 2)
    figure, panels = plt.subplots(
        lines, 2, figsize=(8.6, 3.5 * lines), squeeze=False
    )
    for axes, record in zip(panels.flat, records, strict=False):
        _plane(axes, record, names)
    for axes in panels.flat[len(records) :]:
        axes.axis("off")
    return figure


def shown(records: Sequence[Mapping], names: Sequence[str], label: str):
    """`plane` of records as it stands on the page; None without any.

    Args:
        records, names: as in `plane`.
        label: what they are, in front of the caption.
    """
    if not records:
        return None
    return show(
        plane(records, names),
        alt="A disc for each loss with points in ten colours around rays "
        "that carry the names of the classes.",
        caption=f"{label} Points: training images. The ring shows their "
        "directions, the rays the class vectors. Distances from the centre "
        "are relative to the longest features of each loss.",
    )


def _plane(axes, record, names):
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_xlim(-2.05, 2.05)
    axes.set_ylim(-1.5, 1.5)
    ink = colour(record["loss"])
    if record["metrics"]["diverged"]:
        axes.set_title(f"{record['column']}: diverged", color=ink, pad=2)
        return
    right = record["metrics"]["test_accuracy"]
    axes.set_title(f"{record['column']}: {right:.0%} right", color=ink, pad=2)
    x, labels, vectors = (
        packing.unpack(record["arrays"][name])
        for name in ("features", "feature_labels", "class_vectors")
    )
    length = np.linalg.norm(x.astype(float), axis=1)
    shown = np.clip(length / np.quantile(length, 0.98), 0, 1)
    angle = np.arctan2(x[:, 1], x[:, 0]).astype(float)
    ring = np.linspace(0, 2 * math.pi, 200)
    axes.plot(np.cos(ring), np.sin(ring), color=BASELINE, lw=0.8)
    paint = np.array(CLASSES)[labels % len(CLASSES)]
    for radius, size in ((shown, 7), (1.06, 5)):
        axes.scatter(
            radius * np.cos(angle),
            radius * np.sin(angle),
            s=size,
            c=paint,
            lw=0,
            alpha=0.7,
            rasterized=True,
        )
    _name_rays(axes, np.arctan2(vectors[:, 1], vectors[:, 0]), names)


def _name_rays(axes, directions, names):
    """A ray a class, named around the ring, names apart from each other."""
    for side in (1, -1):
        there = {
            i: math.sin(a)
            for i, a in enumerate(directions)
            if (math.cos(a) >= 0) == (side > 0)
        }
        heights = spaced({i: 1.35 * h for i, h in there.items()}, 0.22)
        shift = max(0, max(heights.values(), default=0) - 1.45)
        for i, height in heights.items():
            tip = np.cos(directions[i]), np.sin(directions[i])
            ink = CLASSES[i % len(CLASSES)]
            place = (side * _beside(height - shift), height - shift)
            axes.plot(*zip((0, 0), tip, strict=True), color=ink, lw=1.4)
            axes.plot(
                *zip((1.1 * tip[0], 1.1 * tip[1]), place, strict=True),
                color=ink,
                lw=0.7,
            )
            axes.annotate(
                names[i],
                place,
                (2 * side, 0),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=9.5,
                color=ink,
            )


def _beside(height):
    """How far out a name stands at a height, clear of the ring."""
    return max(math.sqrt(max(1.22**2 - height**2, 0)), 0.35)
