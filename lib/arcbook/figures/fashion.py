"""Scales and losses on Fashion-MNIST: curves, pulls and errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colors
from matplotlib import pyplot as plt

from arcbook.analysis import measured, phases
from arcbook.experiments.images import ANGULAR_METHODS
from arcbook.plot import HOLLOW as PUBLISHED
from arcbook.plot.style import (
    BASELINE,
    INK,
    colour,
    degrees,
    marker,
    show,
    spaced,
)

_RAMP = colors.LinearSegmentedColormap.from_list(
    "scales",
    ("#2b7bd6", "#2f93a0", "#7a9a2d", "#c08a1e", "#d55e00", "#c0392b"),
)
SENTENCES = {1: "smaller s tighter", -1: "larger s tighter"}


def inks(scales: Sequence[float]) -> dict[float, tuple]:
    """A colour for each scale, from blue to red by rank."""
    ranked = sorted(set(scales))
    places = np.linspace(0, 1, max(len(ranked), 2))
    return {s: _RAMP(x) for s, x in zip(ranked, places, strict=False)}


def descent(scales: Sequence[float], classes: int):
    """The own angle along gradient flow, one curve a scale: they cross.

    Args:
        scales: s, several.
        classes: C; the rivals stay at 90°.
    """
    figure, axes = plt.subplots(figsize=(8, 4.6))
    time = np.geomspace(3e-3, 30, 400)
    ends = {}
    for s, ink in inks(scales).items():
        angle = phases.own_angle_after(time, s, classes)
        axes.plot(time, angle, color=ink)
        ends[s] = angle[-1]
    _name_ends(axes, time[-1], ends, math.radians(5.5), inks(scales))
    axes.set_xscale("log")
    axes.set_xlim(time[0], time[-1])
    axes.set_ylim(-0.03, 1.62)
    degrees(axes.yaxis, 15)
    axes.set_xlabel("time along the gradient, log scale")
    axes.set_ylabel("own angle θ_y")
    axes.set_title("A larger s leads at first, a smaller s ends tighter")
    return figure


def left(scales: Sequence[float], shares: Sequence[float], classes: int):
    """The own angle at which a share of the pull is left, against s.

    Args:
        scales: those marked.
        shares: 1 − p, one curve each.
        classes: C; the rivals are at 90°.
    """
    figure, axes = plt.subplots(figsize=(8, 4.4))
    dense = np.geomspace(min(scales), max(scales), 400)
    for share, width in zip(shares, (1.5, 2.2, 3.0), strict=False):
        angle = phases.own_angle_left(share, dense, classes)
        axes.plot(dense, angle, color=colour("arcgrad"), lw=width)
        marks = phases.own_angle_left(share, scales, classes)
        axes.plot(scales, marks, "o", color=colour("arcgrad"), ms=5)
        axes.annotate(
            f"{share:.1%} left".replace(".0%", "%"),
            (dense[-1], angle[-1]),
            (8, 0),
            textcoords="offset points",
            va="center",
            color=colour("arcgrad"),
        )
    axes.set_xscale("log")
    axes.set_xticks(scales, [f"{s:g}" for s in scales])
    axes.minorticks_off()
    axes.set_ylim(-0.03, 1.62)
    degrees(axes.yaxis, 15)
    axes.set_xlabel("scale s, log scale")
    axes.set_ylabel("own angle θ_y")
    axes.set_title("At a large s the pull is gone while θ_y is still wide")
    return figure


def course(table: pd.DataFrame, order: pd.DataFrame):
    """WC-Intra against the step, and below which order the scales have.

    Args:
        table, order: as from `phases.course` and `phases.order`.
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(8, 6.2), sharex=True, height_ratios=(3, 1.15)
    )
    ends, palette = {}, inks(table["s"])
    last = table["step"].max()
    for s, part in table.groupby("s"):
        lost = bool(part["diverged"].any())
        above.plot(
            part["step"],
            part["wc_intra"],
            color=palette[s],
            lw=1.8,
            ls=":" if lost else "-",
        )
        ends[s] = part["wc_intra"].iloc[-1]
    lost = set(table.loc[table["diverged"], "s"])
    _name_ends(above, last, ends, math.radians(6), palette, lost)
    above.set_ylim(0, max(1.62, table["wc_intra"].max() + 0.06))
    degrees(above.yaxis)
    above.set_ylabel("WC-Intra")
    above.set_title(_ends_say(table))
    _strip(below, order)
    below.set_xlim(0, last)
    return figure


def shown_course(records: Sequence[Mapping], label: str):
    """`course` of records as it stands on the page; None without any.

    Args:
        records: runs of ArcGrad that differ in nothing but the scale.
        label: what they are, in front of the caption.
    """
    table = phases.course(records)
    if table.empty:
        return None
    return show(
        course(table, phases.order(table)),
        alt="WC-Intra against the iteration, one curve for each scale. "
        f"{_ends_say(table)}. Below, bars of the rank correlation of scale "
        "and angle at each look.",
        caption=f"{label} WC-Intra of {records[0]['probe_images']:,} "
        "training images against the iteration, one run a scale. Below, "
        "Kendall's rank correlation of s and WC-Intra at each look: up "
        "where a smaller s is tighter, down where a larger one is.",
    )


def _strip(axes, order):
    """Kendall's tau, a bar a look, and the sentence that each side is."""
    width = np.diff(order["step"], prepend=0).astype(float)
    sides = order["tau"].gt(0).to_numpy()
    for side, ink in ((True, colour("arcgrad")), (False, BASELINE)):
        part = order[sides == side]
        axes.bar(
            part["step"] - width[sides == side],
            part["tau"],
            width[sides == side],
            align="edge",
            color=ink,
            lw=0,
            alpha=0.75,
        )
    axes.axhline(0, color=INK, lw=1)
    axes.set_ylim(-1.15, 1.15)
    axes.set_yticks([1, 0, -1], [SENTENCES[1], "no order", SENTENCES[-1]])
    axes.set_xlabel("iteration")
    axes.set_ylabel("rank\ncorrelation")


def _ends_say(table):
    whole = table[table["diverged"].eq(False)]
    if whole.empty:
        return "every run diverged"
    ends = whole.groupby("s")["wc_intra"].last().iloc[[0, -1]]
    said = [f"{math.degrees(a):.0f}° at s = {s:g}" for s, a in ends.items()]
    return f"{', '.join(dict.fromkeys(said))} at the last look"


def _name_ends(axes, x, ends, gap, palette, lost=()):
    for s, height in spaced(ends, gap).items():
        axes.annotate(
            f"s = {s:g}" + (" diverged" if s in lost else ""),
            (x, height),
            (7, 0),
            textcoords="offset points",
            va="center",
            color=palette[s],
            annotation_clip=False,
        )


def pulls(runs: Mapping[float, pd.DataFrame], classes: int):
    """What is left of the pull on each image, against its own angle.

    Args:
        runs: from s to a table as from `phases.pulls`.
        classes: C, of the curves with all rivals at 90°.
    """
    figure, axes = plt.subplots(figsize=(8, 4.8))
    theta = np.linspace(0, math.pi, 400)
    for s, ink in inks(list(runs)).items():
        table = runs[s]
        gap = math.pi / 2 - theta
        rest = (classes - 1) / (classes - 1 + np.exp(s * gap))
        axes.plot(theta, rest, color=ink, lw=1.2)
        for right, fill in ((True, ink), (False, "none")):
            part = table[table["right"] == right]
            axes.scatter(
                part["own"],
                part["left"],
                s=16,
                facecolor=fill,
                edgecolor=ink,
                lw=0.8,
                alpha=0.7,
                rasterized=True,
            )
        low = table.loc[table["left"].idxmin()]
        beside = low["left"] < 0.15
        axes.annotate(
            f"s = {s:g}",
            (low["own"], low["left"]),
            (-9, 9) if beside else (0, -14),
            textcoords="offset points",
            ha="right" if beside else "left",
            va="center",
            color=ink,
        )
    least = [f"{t['left'].min():.0%} at s = {s:g}" for s, t in runs.items()]
    axes.set_title(f"The least pull on any image: {', '.join(least)}")
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(0, math.pi)
    degrees(axes.xaxis)
    axes.set_xlabel("own angle θ_y")
    axes.set_ylabel("pull left, 1 − p")
    return figure


def errors(cells: pd.DataFrame, images: int = 10_000):
    """Error of each method, printed and measured.

    Args:
        cells: as from `measured.beside`.
        images: in the test set, for the interval of what is printed.
    """
    figure, axes = plt.subplots(figsize=(8, 0.62 * len(cells) + 1.3))
    places = np.arange(len(cells))[::-1]
    for place, cell in zip(places, cells.to_dict("records"), strict=True):
        style = _method(cell)
        low, high = measured.binomial(100 - cell["published"], images)
        axes.hlines(
            place + 0.16,
            100 - high,
            100 - low,
            style["color"],
            lw=1,
            alpha=0.6,
        )
        axes.plot(
            cell["published"],
            place + 0.16,
            **style | PUBLISHED,
        )
        if not math.isnan(cell["measured"]):
            ends = cell["low"], cell["high"]
            axes.hlines(place - 0.16, *ends, style["color"], lw=2.4)
            axes.plot(cell["measured"], place - 0.16, **style)
        elif cell["expected"]:
            said = "diverged" if cell["diverged"] else "not measured yet"
            axes.annotate(
                said,
                (cell["published"], place - 0.16),
                ha="center",
                va="center",
                fontsize=9.5,
                color=style["color"],
            )
    known = cells["expected"] > 0
    names = cells["method"].where(known, cells["method"] + ", cited")
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(cells) - 0.4)
    axes.set_xlabel("error on the 10,000 test images, %")
    axes.set_title(_printed_says(cells, images))
    return figure


def _method(cell):
    if not cell["expected"]:
        return {"color": BASELINE, "marker": "o", "ms": 6.5, "lw": 0}
    loss, _ = ANGULAR_METHODS[cell["method"]]
    size = 11 if marker(loss) == "*" else 7
    return {"color": colour(loss), "marker": marker(loss), "ms": size, "lw": 0}


def _printed_says(cells, images):
    """The largest printed difference beside the error of a difference."""
    share = cells.loc[cells["expected"] > 0, "published"] / 100
    spread = share.max() - share.min()
    error = 1.96 * math.sqrt(2 * share.mean() * (1 - share.mean()) / images)
    return (
        f"In print {100 * spread:.2f} points apart, where the error of a "
        f"difference is ±{100 * error:.2f}"
    )
