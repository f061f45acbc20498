"""Mean angles between vectors: printed, measured, by chance, at most."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.patches import Arc

from arcbook import geometry
from arcbook.analysis import compactness
from arcbook.audit import sphere
from arcbook.experiments import images
from arcbook.plot.style import BASELINE, INK, colour, degrees, marker
from arcbook.plot.style import show as publish

HOLLOW = {"markerfacecolor": "none", "markeredgewidth": 1.5}
CROSS = {"color": INK, "marker": "x", "ls": "none", "ms": 12, "mew": 1.2}
SHIFT = {"W-Inter": 0.2, "C-Inter": -0.2, "WC-Intra": 0.0}
BOUNDS = (
    ("simplex", geometry.simplex_angle, (0, (5, 3))),
    ("largest mean", geometry.largest_mean_angle, "-"),
)


def look(column: str) -> dict:
    """Colour and marker of what a paper calls a loss."""
    name, _ = compactness.METHODS[column]
    size = 9 if marker(name) == "*" else 6.5
    return {"color": colour(name), "marker": marker(name), "ms": size}


def toy(class_vectors: np.ndarray, centers: np.ndarray, scatter: float):
    """Class vectors and centres in the plane; features around one.

    Args:
        class_vectors, centers: (3, 2), unit vectors.
        scatter: degrees from the class vector on the right to the features
            at either side of it.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4.1))
    names = ("softmax", "arcface", "arcgrad")
    pairs = zip(names, class_vectors, centers, strict=True)
    for number, (name, vector, center) in enumerate(pairs, 1):
        _arrow(left, vector, colour(name), width=2.4)
        _arrow(left, center, colour(name), width=1.4, dashed=True)
        _arc(left, vector, center)
        left.annotate(
            f"$W_{number}$",
            1.13 * vector,
            color=colour(name),
            ha="center",
            va="center",
        )
    left.set_title("class vectors (solid), centres (dashed)", fontsize=11.5)
    own = compactness.plane([90])[0]
    _arrow(right, own, colour("arcgrad"), width=2.4)
    for vector in compactness.plane([90 - scatter, 90, 90 + scatter]):
        right.plot(*vector, "o", color=INK, ms=7, **HOLLOW)
        right.plot([0, vector[0]], [0, vector[1]], color=INK, lw=0.8)
        _arc(right, own, vector)
    right.annotate(
        "W, and the\nfeatures' centre",
        (0, -0.08),
        color=colour("arcgrad"),
        ha="center",
        va="top",
    )
    right.set_title(f"features {scatter:g}° away, WC-Intra 0°", fontsize=11.5)
    for axes in (left, right):
        axes.set_aspect("equal")
        axes.set_xlim(-1.22, 1.22)
        axes.set_ylim(-1.22, 1.22)
        axes.axis("off")
        axes.add_patch(
            plt.Circle((0, 0), 1, fill=False, color=BASELINE, lw=0.8)
        )
    return figure


def _arc(axes, first, second):
    """The smaller arc from one vector to another."""
    ends = sorted(math.degrees(math.atan2(y, x)) for x, y in (first, second))
    if ends[1] - ends[0] > 180:
        ends = [ends[1], ends[0] + 360]
    axes.add_patch(
        Arc((0, 0), 1.1, 1.1, theta1=ends[0], theta2=ends[1], color=INK)
    )


def _arrow(axes, vector, color, *, width, dashed=False):
    axes.annotate(
        "",
        vector,
        (0, 0),
        arrowprops={
            "arrowstyle": "-|>",
            "color": color,
            "lw": width,
            "linestyle": (0, (4, 2)) if dashed else "-",
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def room(drawn: Mapping[int, Mapping[str, np.ndarray]], printed: pd.DataFrame):
    """Mean angles of random vectors, the bounds, and what is printed.

    Args:
        drawn: from a number of classes to `compactness.chance`.
        printed: as from `sphere.against_bounds`.
    """
    figure, panels = plt.subplots(
        len(drawn), 1, figsize=(8, 2.6 * len(drawn)), sharex=True
    )
    for axes, (classes, sets) in zip(np.atleast_1d(panels), drawn.items()):
        rows = [*sets, "printed W-Inter", "printed C-Inter"]
        for place, values in enumerate(sets.values()):
            low, middle, high = np.quantile(values, (0.025, 0.5, 0.975))
            height = len(rows) - 1 - place
            axes.hlines(height, low, high, INK, lw=7, alpha=0.35)
            axes.plot(middle, height, "|", color=INK, ms=13, mew=2)
        for place, metric in enumerate(("W-Inter", "C-Inter")):
            part = printed[
                (printed["C"] == classes) & (printed["metric"] == metric)
            ]
            for _, row in part.iterrows():
                mark = look(row["method"]) | HOLLOW | {"ls": "none"}
                axes.plot(row["printed"], 1 - place, **mark)
                if row["place"] == sphere.BEYOND:
                    axes.plot(row["printed"], 1 - place, **CROSS)
        _bounds(axes, classes)
        axes.set_yticks(range(len(rows)), rows[::-1])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_title(f"{classes} vectors", fontsize=11.5, pad=16)
        axes.grid(axis="y", visible=False)
    degrees(axes.xaxis, 5)
    axes.set_xlim(math.radians(69), math.radians(102))
    axes.set_xlabel("mean angle over the pairs")
    entries = {
        column: Line2D([], [], **look(column) | HOLLOW | {"ls": "none"})
        for column in images.METHODS
    } | {"impossible": Line2D([], [], **CROSS)}
    figure.legend(
        entries.values(),
        entries,
        loc="outside lower center",
        ncols=len(entries),
        fontsize=9.5,
        handletextpad=0.1,
        columnspacing=1.0,
    )
    return figure


def _bounds(axes, classes):
    """The right angle, the simplex and the bound of the mean, as lines."""
    lines = [("90°", math.pi / 2, (0, (1, 2)))]
    lines += [(text, bound(classes), dash) for text, bound, dash in BOUNDS]
    axes.axvspan(lines[-1][1], math.pi, color=BASELINE, alpha=0.14, lw=0)
    for _, at, dash in lines:
        axes.axvline(at, color=INK, lw=1.3, ls=dash)
    places = (("right", 3), ("center", 17), ("left", 3))
    for (text, at, _), (side, height) in zip(lines, places, strict=True):
        axes.annotate(
            text,
            (at, 1),
            (0, height),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha=side,
            fontsize=9.5,
            annotation_clip=False,
        )


def angles(cells: pd.DataFrame, title: str):
    """Angles within and between classes, published hollow, measured filled.

    Args:
        cells: as from `compactness.angles`.
        title: the point of the picture.
    """
    methods = list(cells["method"].unique())[::-1]
    classes = int(cells["classes"].iloc[0])
    figure, (within, between) = plt.subplots(
        1,
        2,
        figsize=(8, 1.3 + 0.55 * len(methods)),
        sharey=True,
        width_ratios=(2, 3),
    )
    for _, cell in cells.iterrows():
        axes = within if cell["metric"] == "WC-Intra" else between
        place = methods.index(cell["method"]) + SHIFT[cell["metric"]]
        mark = look(cell["method"]) | {"ls": "none"}
        _printed(axes, cell, place, mark)
        if not np.isnan(cell["measured"]):
            axes.hlines(place, cell["low"], cell["high"], mark["color"])
            axes.plot(cell["measured"], place, **mark)
    _bounds(between, classes)
    values = cells.loc[
        cells["metric"] != "WC-Intra",
        ["measured", "high", "low", "published"],
    ]
    low = min(np.nanmin(values.to_numpy()), math.pi / 2)
    high = max(np.nanmax(values.to_numpy()), BOUNDS[1][1](classes))
    pad = 0.06 * (high - low)
    between.set_xlim(low - pad, high + pad)
    within.set_xlim(left=-0.04 * within.get_xlim()[1])
    within.set_ylim(-0.6, len(methods) - 0.4)
    within.set_yticks(range(len(methods)), methods)
    within.set_xlabel("WC-Intra")
    between.set_xlabel("W-Inter (upper) and C-Inter (lower)")
    span = math.degrees(high - low)
    degrees(within.xaxis, _step(math.degrees(within.get_xlim()[1])))
    degrees(between.xaxis, _step(span))
    _key(figure, cells)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5)
    return figure


def show(cells: pd.DataFrame, item: str, title: str):
    """Publish `angles` for a printed table.

    Args:
        cells: as from `compactness.angles`.
        item: the table, such as "arcgrad, Table VI".
        title: the point of the picture.
    """
    return publish(
        angles(cells, title),
        alt="A row for each loss: WC-Intra on the left; on the right W-Inter "
        "and C-Inter, with lines at 90 degrees, at the simplex and at the "
        "largest mean.",
        caption=f"[{item}]. Published hollow, measured filled with its 95% "
        "interval over seeds. Dotted: 90°, the bound after a ReLU. Grey "
        "ground: what no vectors have.",
    )


def _printed(axes, cell, place, mark):
    axes.plot(cell["published"], place, **mark | HOLLOW, zorder=4)
    if cell["place"] == sphere.BEYOND:
        axes.plot(cell["published"], place, **CROSS)


def _step(span):
    """Degrees between ticks, for about five of them."""
    return next((x for x in (1, 2, 5, 10, 15, 30) if span / x <= 6), 45)


def _key(figure, cells):
    dot = {"color": INK, "marker": "o", "ls": "none"}
    entries = [(Line2D([], [], **dot, **HOLLOW), "published")]
    if (cells["place"] == sphere.BEYOND).any():
        entries.append((Line2D([], [], **CROSS), "beyond any vectors"))
    if cells["measured"].notna().any():
        entries.append((Line2D([], [], **dot), "measured"))
    figure.legend(
        *zip(*entries),
        loc="outside lower center",
        ncols=len(entries),
        fontsize=10.5,
    )
