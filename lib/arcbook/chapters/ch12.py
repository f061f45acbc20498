"""Compactness: mean angles, their bounds, histograms and cosines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.patches import Arc

from arcbook import cells, geometry, packing, plot
from arcbook.audit import sphere
from arcbook.plot import BASELINE, HOLLOW, INK

CROSS = {"color": INK, "marker": "x", "ls": "none", "ms": 12, "mew": 1.2}
SHIFT = {"W-Inter": 0.22, "C-Inter": -0.22, "WC-Intra": 0.0}
ITEMS = {
    ("arcgrad", "table6"): "arcgrad, Table VI",
    ("angular-learning", "table2"): "angular-learning, Table 2",
    ("angular-learning", "table3"): "angular-learning, Table 3",
}


def plane(directions: Sequence[float]) -> np.ndarray:
    """Unit vectors in the plane, (n, 2), from their directions in degrees."""
    radians = np.radians(np.asarray(directions, dtype=float))
    return np.column_stack([np.cos(radians), np.sin(radians)])


def chance(
    classes: int, dim: int, draws: int = 100, seed: int = 0
) -> dict[str, np.ndarray]:
    """Mean angles of vectors that have learned nothing.

    Maps "random" (normal in every coordinate), "random, less their mean" and
    "random, after a ReLU" to the mean angle over the pairs, in radians, of
    each draw.
    """
    normal = np.random.default_rng(seed).normal(size=(draws, classes, dim))
    centred = normal - normal.mean(1, keepdims=True)
    return {
        "random": _mean_angles(normal),
        "random, less their mean": _mean_angles(centred),
        "random, after a ReLU": _mean_angles(normal.clip(0)),
    }


def _mean_angles(vectors):
    units = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    cosines = np.einsum("kid,kjd->kij", units, units)
    pairs = np.triu_indices(vectors.shape[1], 1)
    return np.arccos(cosines[:, *pairs].clip(-1, 1)).mean(1)


def limits(drawn: Mapping[int, Mapping[str, np.ndarray]]) -> pd.DataFrame:
    """Bounds of the mean angle and chance by row; classes by column."""
    columns = {}
    for classes, sets in drawn.items():
        angles = {"simplex": geometry.simplex_angle(classes)}
        angles["largest mean"] = geometry.largest_mean_angle(classes)
        angles |= {name: values.mean() for name, values in sets.items()}
        columns[f"{classes} classes"] = {
            name: f"{x:.4f} ({math.degrees(x):.1f}°)"
            for name, x in angles.items()
        }
    return pd.DataFrame(columns)


def opening(figure, drawn: Mapping[int, Mapping]):
    """Publish what chance, the bounds and the papers have of mean angles."""
    rows = ["printed C-Inter", "printed W-Inter"]
    rows += list(next(iter(drawn.values())))[::-1]
    for axes, classes in zip(figure.axes, drawn):
        _bounds(axes, classes)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_title(f"{classes} vectors", fontsize=11.5, pad=17)
        axes.grid(axis="y", visible=False)
    plot.degrees(axes.xaxis, 5)
    axes.set_xlim(math.radians(69), math.radians(102))
    axes.set_xlabel("mean angle over the pairs")
    return plot.show(figure)


def _bounds(axes, classes):
    """The right angle, the simplex and the bound of the mean, as lines."""
    most = geometry.largest_mean_angle(classes)
    lines = (
        ("90°", math.pi / 2, (0, (1, 2)), "right", 3),
        (
            "simplex",
            geometry.simplex_angle(classes),
            (0, (5, 3)),
            "center",
            16,
        ),
        ("largest mean", most, "-", "left", 3),
    )
    axes.axvspan(most, math.pi, color=BASELINE, alpha=0.14, lw=0)
    for text, at, dash, side, height in lines:
        axes.axvline(at, color=INK, lw=1.3, ls=dash)
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


def toy(class_vectors: np.ndarray, centers: np.ndarray, scatter: float):
    """Class vectors and centres in the plane; features around one."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4.1))
    names = ("softmax", "arcface", "arcgrad")
    for number, name in enumerate(names):
        vector, center = class_vectors[number], centers[number]
        _arrow(left, vector, plot.colour(name), width=2.4)
        _arrow(left, center, plot.colour(name), width=1.4, dashed=True)
        _arc(left, vector, center)
        left.annotate(
            f"$W_{number + 1}$",
            1.13 * vector,
            color=plot.colour(name),
            ha="center",
            va="center",
        )
    left.set_title("class vectors (solid), centres (dashed)", fontsize=11.5)
    own = plane([90])[0]
    _arrow(right, own, plot.colour("arcgrad"), width=2.4)
    for vector in plane([90 - scatter, 90, 90 + scatter]):
        right.plot(*vector, "o", color=INK, ms=7, **HOLLOW)
        right.plot([0, vector[0]], [0, vector[1]], color=INK, lw=0.8)
        _arc(right, own, vector)
    right.annotate(
        "W, and the\nfeatures' centre",
        (0, -0.08),
        color=plot.colour("arcgrad"),
        ha="center",
        va="top",
    )
    right.set_title(f"features {scatter:g}° away, WC-Intra 0°", fontsize=11.5)
    for axes in (left, right):
        axes.set_aspect("equal")
        axes.set(xlim=(-1.22, 1.22), ylim=(-1.22, 1.22))
        axes.axis("off")
        circle = plt.Circle((0, 0), 1, fill=False, color=BASELINE, lw=0.8)
        axes.add_patch(circle)
    return plot.show(figure)


def _arc(axes, first, second):
    """The smaller arc from one vector to another."""
    ends = sorted(math.degrees(math.atan2(y, x)) for x, y in (first, second))
    if ends[1] - ends[0] > 180:
        ends = [ends[1], ends[0] + 360]
    axes.add_patch(
        Arc((0, 0), 1.1, 1.1, theta1=ends[0], theta2=ends[1], color=INK)
    )


def _arrow(axes, vector, color, *, width, dashed=False):
    line = {"color": color, "lw": width, "shrinkA": 0, "shrinkB": 0}
    line["linestyle"] = (0, (4, 2)) if dashed else "-"
    axes.annotate("", vector, (0, 0), arrowprops=line | {"arrowstyle": "-|>"})


def angles(paper: str, item: str):
    """A table of mean angles: within classes, and between them."""
    rows = cells.beside(paper, item)
    bounds = sphere.against_bounds()
    beyond = bounds[
        (bounds["paper"] == paper)
        & (bounds["table"] == item)
        & (bounds["place"] == sphere.BEYOND)
    ]
    impossible = set(zip(beyond["method"], beyond["metric"]))
    methods = list(dict.fromkeys(rows["method"]))[::-1]
    classes = sphere.printed_angles().set_index(["paper", "table"])
    classes = int(classes.loc[(paper, item), "classes"].iloc[0])
    figure, (within, between) = plt.subplots(
        *(1, 2),
        figsize=(8, 1.3 + 0.55 * len(methods)),
        sharey=True,
        width_ratios=(2, 3),
    )
    for cell in rows.to_dict("records"):
        axes = within if cell["at"] == "WC-Intra" else between
        place = methods.index(cell["method"]) + SHIFT[cell["at"]]
        mark = plot.look(cell["method"]) | {"ls": "none"}
        axes.plot(cell["printed"], place, **mark | HOLLOW, zorder=4)
        if (cell["method"], cell["at"]) in impossible:
            axes.plot(cell["printed"], place, **CROSS)
        if cell["runs"]:
            axes.hlines(place, cell["low"], cell["high"], mark["color"])
            axes.plot(cell["measured"], place, **mark)
    _bounds(between, classes)
    values = rows.loc[rows["at"] != "WC-Intra", ["printed", "low", "high"]]
    low = min(np.nanmin(values), math.pi / 2)
    high = max(np.nanmax(values), geometry.largest_mean_angle(classes))
    pad = 0.06 * (high - low)
    between.set_xlim(low - pad, high + pad)
    within.set_xlim(left=-0.04 * within.get_xlim()[1])
    within.set_ylim(-0.6, len(methods) - 0.4)
    within.set_yticks(range(len(methods)), methods)
    within.set_xlabel("WC-Intra")
    between.set_xlabel("W-Inter (upper) and C-Inter (lower)")
    plot.degrees(within.xaxis, _step(within.get_xlim()[1]))
    plot.degrees(between.xaxis, _step(high - low))
    dot = {"color": INK, "marker": "o"}
    entries = {"printed": dot | HOLLOW}
    if impossible:
        entries["more than any vectors have"] = CROSS
    if rows["runs"].any():
        entries["measured, 95% interval over seeds"] = dot
    plot.key(figure, entries)
    return plot.show(figure)


def _step(span):
    """Degrees between ticks, for about five of them, of a span in radians."""
    sizes = (1, 2, 5, 10, 15, 30)
    return next((x for x in sizes if math.degrees(span) / x <= 6), 45)


def angle_table(paper: str, item: str) -> pd.DataFrame:
    """The numbers of `angles` as text: losses down, angles across."""
    rows = cells.beside(paper, item)
    texts = {}
    for cell in rows.to_dict("records"):
        line = texts.setdefault(cell["method"], {})
        line[cell["at"]] = _angle(cell["printed"])
        if cell["runs"]:
            line[f"{cell['at']}, measured"] = _angle(cell["measured"])
    return pd.DataFrame(texts).T.rename_axis("loss")


def _angle(radians):
    return f"{radians:.4g} ({math.degrees(radians):.1f}°)"


def histograms(records: Sequence[Mapping], kind: str):
    """Intra-class angles over training, a panel a loss, and their means."""
    columns = [one["column"] for one in records]
    lines = -(-len(columns) // 2)
    figure = plt.figure(figsize=(8, 2.1 * lines + 2.7))
    grid = figure.add_gridspec(
        lines + 1, 2, height_ratios=[2.1] * lines + [2.7]
    )
    means = {}
    for place, one in enumerate(records):
        axes = figure.add_subplot(grid[divmod(place, 2)])
        shares, ink = cells.histogram(one, kind), plot.look(columns[place])
        named = [*shares.index[:: max(1, len(shares) // 3)], shares.index[-1]]
        plot.ridges(axes, shares, ink["color"], labels=named)
        axes.set_xlim(0, 110)
        axes.xaxis.set_major_formatter("{x:.0f}°")
        axes.set_title(columns[place], fontsize=11.5, **_ink(ink), pad=4)
        axes.set_ylabel("epoch" if place % 2 == 0 else "")
        means[columns[place]] = cells.course(one, kind)
    axes = figure.add_subplot(grid[-1, :])
    for column, course in means.items():
        axes.plot(course, **_ink(plot.look(column)))
    axes.set_ylim(0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter("{x:.0f}°")
    axes.set(xlabel="epoch", ylabel="mean of the histogram")
    plot.names(axes, {c: (m.index[-1], m.iloc[-1]) for c, m in means.items()})
    return plot.show(figure)


def _ink(mark):
    return {"color": mark["color"]}


def mean_cosines(record: Mapping) -> tuple[float, float]:
    """Mean cosine of pairs of different images of a run's matrix.

    Gives within a class and between classes; NaN where there is no pair.
    """
    cosines = packing.unpack(record["arrays"]["cosines"]).astype(float)
    labels = packing.unpack(record["arrays"]["cosine_labels"])
    first, second = np.triu_indices(len(labels), 1)
    values, same = cosines[first, second], labels[first] == labels[second]
    parts = (values[same], values[~same])
    return tuple(x.mean() if x.size else math.nan for x in parts)


def cosines(records: Sequence[Mapping], class_names: Sequence[str]):
    """Cosines of test images of all pairs, a panel a loss."""
    matrices = [
        packing.unpack(one["arrays"]["cosines"]).astype(float)
        for one in records
    ]
    figure, panels = plot.grid(len(records), 2, 4.1, width=8.5)
    low = min(matrix.min() for matrix in matrices)
    for axes, one, matrix in zip(panels, records, matrices):
        ink = plot.look(one["column"])["color"]
        axes.imshow(matrix, cmap=plot.tint(BASELINE, 0.95), vmin=low, vmax=1)
        labels = packing.unpack(one["arrays"]["cosine_labels"])
        classes, starts, counts = np.unique(
            labels, return_index=True, return_counts=True
        )
        middles = starts + (counts - 1) / 2
        words = [class_names[c] for c in classes]
        if counts.max() > 1:
            axes.set_xticks(middles, words, rotation=90, fontsize=9)
            axes.set_yticks(middles, words, fontsize=9)
        within, between = mean_cosines(one)
        axes.set_title(
            f"{one['column']}: within {within:.2f}, between {between:.2f}",
            fontsize=11,
            color=ink,
            pad=4,
        )
        axes.grid(visible=False)
        axes.tick_params(length=0)
    return plot.show(figure)
