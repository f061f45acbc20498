"""The margins of the MNIST paper, with what a test set alone would scatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from arcbook.analysis import chance, margins, measured
from arcbook.experiments.mnist import M2
from arcbook.plot.style import (
    BASELINE,
    INK,
    colour,
    marker,
    spaced,
    title,
)

LOSSES = {"ArcFace": "arcface", "Combined": "combined", "Soft": "softmax"}
HOLLOW = {"markerfacecolor": "none", "markeredgewidth": 1.5}
SHIFT = 0.16
MISSED = (0.5, 1, 2, 5, 10)
KINDS = (
    ("published", ("published_low", "published_high"), -SHIFT, HOLLOW, 1.0),
    ("measured", ("low", "high"), SHIFT, {}, 2.0),
)


def look(column: str) -> dict:
    """Colour and marker of a column."""
    name = LOSSES[column]
    return {
        "color": colour(name),
        "marker": marker(name),
        "ms": 6.5,
        "linestyle": "none",
    }


def ranks(table: pd.DataFrame):
    """Accuracies in order, with where equal ones would lie.

    Args:
        table: as from `margins.beside`.
    """
    figure, panels = plt.subplots(1, 2, figsize=(8, 4.4), sharey=True)
    for axes, column in zip(panels, margins.COLUMNS, strict=True):
        part = table[table["column"] == column]
        for name, _, _, extra, _ in KINDS:
            images = _images(part, name)
            values = np.sort(part[name].dropna())
            values = values[chance.settled(values, images)]
            if len(values) < 2:
                continue
            rank = np.arange(1, len(values) + 1)
            axes.fill_between(
                rank,
                *chance.ranked(values.mean(), images, len(values)),
                color=BASELINE if extra else colour(LOSSES[column]),
                alpha=0.22,
                linewidth=0,
            )
            axes.plot(rank, values, **look(column) | extra)
        axes.set_title(title(LOSSES[column]), fontsize=11.5)
        axes.set_xlabel("rank, lowest to highest")
        axes.set_xticks([1, 5, 10, 15, 20])
    panels[0].set_ylabel("test accuracy, %")
    tests = margins.chi_squared(table)
    tests = tests[tests["kind"] == "printed"].groupby("column").last()
    shares = tests["range"] / tests["expected"]
    lost = len(table) - tests["runs"].sum()
    figure.suptitle(
        f"Without {lost} outliers, the printed settings span "
        f"{_from_to(shares)} of what equal ones would",
        x=0.01,
        ha="left",
        fontsize=12.5,
    )
    _legend(panels[1], bool(table["measured"].notna().any()), "lower right")
    return figure


def _from_to(values):
    ends = f"{min(values):.1f}", f"{max(values):.1f}"
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _images(part, name):
    if name == "published" or part["images"].isna().all():
        return margins.TEST_IMAGES
    return int(part["images"].max())


def settings(table: pd.DataFrame):
    """Every setting of the table: printed hollow, measured filled.

    Args:
        table: as from `margins.beside`.
    """
    figure, panels = plt.subplots(2, 1, figsize=(8, 8.2), sharey=True)
    low, high = _limits(table)
    for axes, column in zip(panels, margins.COLUMNS, strict=True):
        part = table[table["column"] == column]
        places = np.arange(len(part), dtype=float)
        if column == "Combined":
            places += np.arange(len(part)) // len(M2)
        _bands(axes, part, column)
        for kind in KINDS:
            _cells(axes, part, places, kind, low, look(column))
        _ticks(axes, part, places)
        axes.set_xlim(places[0] - 0.7, places[-1] + 0.7)
        axes.set_title(_title(part, column), fontsize=11.5)
        axes.set_ylabel("test accuracy, %")
    panels[0].set_ylim(low - 0.1 * (high - low), high)
    _legend(panels[0], bool(table["measured"].notna().any()), "upper left")
    return figure


def _limits(table):
    """The ends of the intervals of all runs that settled."""
    lows, highs = [], []
    for _, part in table.groupby("column"):
        for name, (low, high), *_ in KINDS:
            kept = part[chance.settled(part[name], _images(part, name))]
            lows.append(kept[low].min())
            highs.append(kept[high].max())
    low, high = np.nanmin(lows), np.nanmax(highs)
    return low - 0.05 * (high - low), high + 0.3 * (high - low)


def _bands(axes, part, column):
    """Where 95% of accuracies lie, if all that settled are equal."""
    for name, _, _, extra, _ in KINDS:
        images = _images(part, name)
        values = part[name][chance.settled(part[name], images)]
        if len(values) < 2:
            continue
        half = chance.least_gap(values.mean(), images) / np.sqrt(2)
        axes.axhspan(
            values.mean() - half,
            values.mean() + half,
            color=BASELINE if extra else colour(LOSSES[column]),
            alpha=0.18,
            linewidth=0,
        )


def _cells(axes, part, places, kind, low, style):
    name, (start, end), shift, extra, width = kind
    at = places + shift
    inside = (part[name] >= low).to_numpy()
    seen = part[inside]
    ends = seen[start].clip(lower=low), seen[end]
    axes.vlines(at[inside], *ends, style["color"], lw=width)
    axes.plot(at[inside], seen[name], **style | extra)
    outside = part[name].lt(low).to_numpy()
    for x, value in zip(at[outside], part[name][outside], strict=True):
        axes.plot(x, low, **style | {"marker": "v"} | extra)
        _above(axes, x, low, f"{value:.2f}")
    if name == "measured":
        for x in at[part["diverged"].gt(0).to_numpy()]:
            axes.plot(x, low, **style | {"marker": "x"})
            _above(axes, x, low, "diverged")


def _above(axes, x, y, text):
    axes.annotate(
        text,
        (x, y),
        (0, 7),
        textcoords="offset points",
        ha="center",
        fontsize=9.5,
        color=INK,
    )


def _ticks(axes, part, places):
    name = "m" if part["m"].notna().any() else "m2"
    labels = [f"{value:.2f}".lstrip("0") for value in part[name]]
    axes.set_xticks(places, labels, fontsize=9.5)
    axes.grid(axis="x", visible=False)
    if name == "m":
        axes.set_xlabel("margin m, radians")
        return
    axes.set_xlabel("$m_2$, radians, in groups of one $m_3$", labelpad=20)
    for m3 in part["m3"].unique():
        inside = places[(part["m3"] == m3).to_numpy()]
        axes.annotate(
            f"$m_3$ = {m3:.2f}",
            (inside.mean(), 0),
            (0, -26),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=10.5,
        )


def _title(part, column):
    """How many runs of each kind stand apart from the others."""
    parts = []
    for name, *_ in KINDS:
        values = part[name].dropna()
        if len(values):
            word = "printed" if name == "published" else "measured"
            apart = ~chance.settled(values, _images(part, name))
            parts.append(f"{apart.sum()} of {len(values)} {word}")
    name = title(LOSSES[column])
    return f"{name}: {' and '.join(parts)} runs far below the others"


def _legend(axes, has_measured, place):
    style = {"color": INK, "linestyle": "none", "marker": "o", "ms": 6.5}
    marks = [Line2D([], [], label="printed", **style | HOLLOW)]
    if has_measured:
        marks.append(Line2D([], [], label="measured", **style))
    axes.legend(handles=marks, loc=place, ncols=2, fontsize=10.5)


def seeds(rows: Sequence[tuple[str, pd.DataFrame]]):
    """Accuracies of a few networks a line, each with its interval.

    Args:
        rows: a name and runs, as from `measured.of_records`, for each line.
    """
    figure, axes = plt.subplots(figsize=(8, 1.2 + 1.1 * len(rows)))
    names = []
    for place, (name, runs) in enumerate(rows[::-1]):
        names.append(name)
        part = runs.dropna(subset=["accuracy"])
        at = place + np.linspace(-0.3, 0.3, len(part))
        ends = [
            measured.binomial(run.accuracy, int(run.test_images))
            for run in part.itertuples()
        ]
        style = look("ArcFace")
        axes.hlines(at, *np.transpose(ends), style["color"], lw=1)
        axes.plot(part["accuracy"], at, **style)
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("test accuracy, %")
    spans = [np.ptp(runs["accuracy"].dropna()) for _, runs in rows]
    axes.set_title(
        "; ".join(
            f"{name.split(',')[0]}: {span:.1f} points apart"
            for (name, _), span in zip(rows, spans, strict=True)
        )
    )
    return figure


def courses(
    records: Sequence[Mapping],
    printed: Mapping[tuple[str, int], float],
    lengths: Sequence[int],
):
    """Share of test images missed against the epoch, for each run.

    Args:
        records: of networks that differ in the loss and in the epochs.
        printed: accuracy in percent by column and epochs.
        lengths: the epochs of the grid, for where nothing is measured.
    """
    figure, axes = plt.subplots(figsize=(8, 5))
    ends, seen = {}, [1.0, 5.0]
    for record in records:
        if not record["metrics"]["diverged"]:
            missed = _course(axes, record)
            ends[record["column"], record["epochs"]] = missed[-1]
            seen += [missed.min(), missed.max()]
    hollow = {at: 100 - accuracy for at, accuracy in printed.items()}
    for (column, epochs), missed in hollow.items():
        axes.plot(1.1 * epochs, missed, **look(column) | HOLLOW)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(lengths, [f"{n}" for n in lengths])
    axes.set_yticks(MISSED, [f"{tick:g}" for tick in MISSED])
    axes.minorticks_off()
    axes.set_xlim(0.9, 2.2 * max(lengths))
    seen += hollow.values()
    axes.set_ylim(0.7 * min(seen), 1.5 * max(seen))
    axes.set_xlabel("epoch; each run ends at a marker")
    axes.set_ylabel("test images missed, %")
    axes.set_title(_course_title(ends, lengths))
    last = max(lengths)
    at_end = {c: y for (c, n), y in (hollow | ends).items() if n == last}
    _names(axes, 1.25 * last, at_end)
    if not ends:
        axes.annotate("not measured yet", (5, 2), color=BASELINE)
    _legend(axes, bool(ends), "upper right")
    return figure


def _course(axes, record):
    """Draw a run; return the percentage missed after each epoch."""
    style, curve = look(record["column"]), record["curves"]
    missed = 100 - 100 * np.array(curve["test_accuracy"])
    axes.plot(curve["epoch"], missed, color=style["color"], lw=1.4)
    low, high = measured.binomial(100 - missed[-1], record["test_images"])
    place = record["epochs"]
    axes.vlines(place, 100 - high, 100 - low, style["color"], lw=2)
    axes.plot(place, missed[-1], **style)
    return missed


def _course_title(ends, lengths):
    gaps = [
        f"{ends['Soft', n] - ends['ArcFace', n]:+.2f}".replace("-", "−")
        for n in lengths
        if {("Soft", n), ("ArcFace", n)} <= {*ends}
    ]
    if len(gaps) < len(lengths):
        return "ArcFace and softmax after few and many epochs"
    *most, last = map(str, lengths)
    return (
        f"ArcFace − softmax, points: {', '.join(gaps)} after "
        f"{', '.join(most)} and {last} epochs"
    )


def _names(axes, x, ends):
    heights = {column: np.log10(y) for column, y in ends.items()}
    for column, height in spaced(heights, 0.08).items():
        axes.annotate(
            title(LOSSES[column]),
            (x, 10**height),
            color=look(column)["color"],
            va="center",
            fontsize=11,
        )
