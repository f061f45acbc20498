"""Compactness: mean angles, their bounds, histograms and cosines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook import cells, geometry, packing, plot
from arcbook.audit import sphere
from arcbook.chapters import cifar
from arcbook.chapters.ch01 import arc, arrow, circle, direction, spacing, write
from arcbook.plot import BASELINE, HOLLOW, INK

LINE = {"color": INK, "lw": 1.3}
BOUNDS = {
    "90°": LINE | {"ls": (0, (1, 2))},
    "simplex": LINE | {"ls": (0, (5, 3))},
    "largest mean": LINE | {"ls": "-"},
}
CROSS = {"color": INK, "marker": "x", "ls": "none", "ms": 12, "mew": 1.2}


def plane(directions: Sequence[float]) -> np.ndarray:
    """Unit vectors in the plane, (n, 2), from their directions in degrees."""
    return direction(np.radians(directions))


def chance(
    classes: int, dim: int, draws: int = 100, seed: int = 0
) -> dict[str, np.ndarray]:
    """Mean angles, a draw each, of vectors that have learned nothing."""
    normal = np.random.default_rng(seed).normal(size=(draws, classes, dim))
    sets = {
        "random": normal,
        "random, less their mean": normal - normal.mean(1, keepdims=True),
        "random, after a ReLU": normal.clip(0),
    }
    return {
        name: np.array([sphere.mean_angle(one) for one in vectors])
        for name, vectors in sets.items()
    }


def limits(drawn: Mapping[int, Mapping[str, np.ndarray]]) -> pd.DataFrame:
    """Bounds of the mean angle and chance by row; classes by column."""
    angles = {
        f"{classes} classes": {
            "simplex": geometry.simplex_angle(classes),
            "largest mean": geometry.largest_mean_angle(classes),
            **{name: values.mean() for name, values in sets.items()},
        }
        for classes, sets in drawn.items()
    }
    return pd.DataFrame(angles).map(cifar.angle)


def opening(figure, drawn: Mapping[int, Mapping]):
    """Publish what chance, the bounds and the papers have of mean angles."""
    rows = ["printed C-Inter", "printed W-Inter"]
    rows += list(next(iter(drawn.values())))[::-1]
    for axes, classes in zip(figure.axes, drawn):
        _bounds(axes, classes)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_title(f"{classes} vectors", fontsize=11.5)
        axes.grid(axis="y", visible=False)
    plot.degrees(axes.xaxis, 5)
    axes.set_xlim(math.radians(69), math.radians(102))
    axes.set_xlabel("mean angle over the pairs")
    plot.key(figure, BOUNDS, handletextpad=0.6)
    return plot.show(figure)


def _bounds(axes, classes):
    """The right angle, the simplex and the bound of the mean, as lines."""
    most = geometry.largest_mean_angle(classes)
    places = math.pi / 2, geometry.simplex_angle(classes), most
    for at, line in zip(places, BOUNDS.values(), strict=True):
        axes.axvline(at, **line)
    axes.axvspan(most, math.pi, color=BASELINE, alpha=0.14, lw=0)


def toy(vectors: Sequence[float], centers: Sequence[float], scatter: float):
    """Class vectors and centres, by their degrees; features around one."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4.4))
    titles = {
        left: "class vectors (solid), centres (dashed)",
        right: f"features {scatter:g}° away, WC-Intra 0°",
    }
    for axes, title in titles.items():
        circle(axes)
        axes.set_title(title, fontsize=11.5)
    inks = [plot.colour(name) for name in ("softmax", "arcface", "arcgrad")]
    turns = zip(np.radians(vectors), np.radians(centers), inks, strict=True)
    for number, (own, center, ink) in enumerate(turns, 1):
        arrow(left, direction(own), f"$W_{number}$", ink)
        left.plot(*np.outer(direction(center), [0, 1]), "--", color=ink)
        arc(left, own, center, 0.55)
    arrow(right, (0, 1), colour=inks[-1])
    write(right, (0, -0.25), "W, and the\nfeatures' centre", inks[-1])
    for at in np.radians([90 - scatter, 90, 90 + scatter]):
        right.plot(*np.outer(direction(at), [0, 1]), color=INK, lw=0.8)
        right.plot(*direction(at), "o", color=INK, ms=7, **HOLLOW)
        arc(right, np.pi / 2, at, 0.55)
    return plot.show(figure)


def angles(paper: str, item: str, profile: str = "full"):
    """A table of mean angles, a panel each; impossible ones are crossed.

    The reduced profile has a picture of its own, without what is printed.
    """
    rows, bounds = cells.beside(paper, item), sphere.against_bounds()
    bounds = bounds[(bounds["paper"] == paper) & (bounds["table"] == item)]
    beyond = bounds[bounds["place"] == sphere.BEYOND]
    if profile == "reduced":
        rows, beyond = cifar.small(paper, item), beyond[:0]
        if rows["reduced"].isna().all():
            return cifar.absent(f"{paper}.{item}")
    figure = plot.dots(
        *(rows,), panels="at", columns=3, xlabel="", bars=cifar.BARS[profile]
    )
    methods, (classes,) = list(rows["method"].unique()), bounds["C"].unique()
    ends = rows.filter(regex="printed$|low$|high$")
    between = ends[rows["at"] != "WC-Intra"]
    low = min(np.nanmin(between), math.pi / 2)
    high = max(np.nanmax(between), geometry.largest_mean_angle(classes))
    pad = 0.06 * (high - low)
    for axes, at in zip(figure.axes, rows["at"].unique(), strict=True):
        for one in beyond[beyond["metric"] == at].itertuples():
            place = len(methods) - 1 - methods.index(one.method)
            axes.plot(one.printed, place, **CROSS)
        if at == "WC-Intra":
            axes.set_xlim(left=-0.06 * axes.get_xlim()[1])
        else:
            _bounds(axes, classes)
            axes.set_xlim(low - pad, high + pad)
        plot.degrees(axes.xaxis, spacing(np.ptp(axes.get_xlim()), 5))
    crossed = {"more than any vectors have": CROSS} if len(beyond) else {}
    plot.key(figure, BOUNDS | crossed, handletextpad=0.6)
    return plot.show(figure)


def histograms(records: Sequence[Mapping], kind: str):
    """Intra-class angles over training, a panel a loss, and their means."""
    lines = -(-len(records) // 2)
    figure = plt.figure(figsize=(8, 2.1 * lines + 2.7))
    heights = [2.1] * lines + [2.7]
    grid = figure.add_gridspec(lines + 1, 2, height_ratios=heights)
    means, ends = figure.add_subplot(grid[-1, :]), {}
    for place, one in enumerate(records):
        column, axes = (
            one["column"],
            figure.add_subplot(grid[divmod(place, 2)]),
        )
        shares, ink = cells.histogram(one, kind), plot.look(column)["color"]
        named = [*shares.index[:: max(1, len(shares) // 3)], shares.index[-1]]
        plot.ridges(axes, shares, ink, labels=named)
        axes.set_xlim(0, 110)
        axes.xaxis.set_major_formatter("{x:.0f}°")
        axes.set_title(column, fontsize=11.5, color=ink, pad=4)
        axes.set_ylabel("epoch" if place % 2 == 0 else "")
        course = cells.course(one, kind)
        means.plot(course, color=ink)
        ends[column] = course.index[-1], course.iloc[-1]
    means.set_ylim(0)
    means.xaxis.get_major_locator().set_params(integer=True)
    means.yaxis.set_major_formatter("{x:.0f}°")
    means.set(xlabel="epoch", ylabel="mean of the histogram")
    plot.names(means, ends)
    if records[0].get("profile") == "reduced":
        for axes in figure.axes:
            plot.small(axes)
    return plot.show(figure)


def confusions(runs: pd.DataFrame, class_names: Sequence[str]):
    """What is taken for what, in percent of each class, a panel a loss."""
    parts = dict(list(runs.groupby("column", sort=False)))
    figure, panels = plot.grid(len(parts), 2, 4.5, width=9)
    for axes, (column, part) in zip(panels, parts.items(), strict=True):
        counts = cifar.confusion(part["record"])
        shares = 100 * counts / counts.sum(1, keepdims=True)
        names = list(class_names)
        matrix = pd.DataFrame(shares.round().astype(int), names, names)
        ink = plot.look(column)["color"]
        plot.heat(matrix, axes=axes, hits=ink)
        plot.small(axes)
        wrong = np.where(np.eye(len(names), dtype=bool), -1, shares)
        own, taken = np.unravel_index(wrong.argmax(), wrong.shape)
        title = f"{column}: {wrong.max():.0f}% of {names[own]}: {names[taken]}"
        axes.set_title(title, fontsize=11, color=ink, pad=4)
        axes.tick_params(axis="y", labelrotation=0)
        axes.tick_params(labelsize=9)
    return plot.show(figure)


def mean_cosines(record: Mapping) -> tuple[float, float]:
    """Mean cosine of pairs of different images of a run's matrix.

    Gives within a class and between classes; NaN where there is no pair.
    """
    cosines, labels = _cosines(record)
    first, second = np.triu_indices(len(labels), 1)
    values, same = cosines[first, second], labels[first] == labels[second]
    parts = (values[same], values[~same])
    return tuple(x.mean() if x.size else math.nan for x in parts)


def by_cosines(records: Sequence[Mapping]) -> pd.DataFrame:
    """`mean_cosines` of records: within, between and gap, a row a loss."""
    rows = {one["column"]: mean_cosines(one) for one in records}
    found = pd.DataFrame(rows, ["within", "between"]).T
    return found.assign(gap=found["within"] - found["between"])


def _cosines(record):
    arrays = record["arrays"]
    labels = packing.unpack(arrays["cosine_labels"])
    return packing.unpack(arrays["cosines"]).astype(float), labels


def cosines(records: Sequence[Mapping], class_names: Sequence[str]):
    """Cosines of test images of all pairs, a panel a loss."""
    figure, panels = plot.grid(len(records), 2, 4.1, width=8.5)
    low = min(_cosines(one)[0].min() for one in records)
    for axes, one in zip(panels, records, strict=True):
        matrix, labels = _cosines(one)
        axes.imshow(matrix, cmap=plot.tint(BASELINE, 0.95), vmin=low, vmax=1)
        middles = pd.Series(range(len(labels))).groupby(labels).mean()
        words = [class_names[k] for k in middles.index]
        axes.set_xticks(middles, words, rotation=90, fontsize=9)
        axes.set_yticks(middles, words, fontsize=9)
        within, between = mean_cosines(one)
        title = f"{one['column']}: within {within:.2f}, between {between:.2f}"
        ink = plot.look(one["column"])["color"]
        axes.set_title(title, fontsize=11, color=ink, pad=4)
        axes.grid(visible=False)
        axes.tick_params(length=0)
    return plot.show(figure)
