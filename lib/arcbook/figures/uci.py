"""Accuracies on small tables: published hollow, measured filled."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from arcbook import datasets, statistics
from arcbook.analysis import comparisons, tables
from arcbook.experiments import uci
from arcbook.plot.style import BASELINE, INK, colour, marker

SHIFT = 0.17
PUBLISHED = {"markerfacecolor": "none", "markeredgewidth": 1.5}


def look(column: str) -> dict:
    """Colour and marker of a column of Table I."""
    name, _ = uci.CURVES[column]
    size = 9 if marker(name) == "*" else 6.5
    return {"color": colour(name), "marker": marker(name), "ms": size}


def differences(rows: pd.DataFrame, candidate: str, baseline: str):
    """How much better one column is than another, data set by data set.

    Args:
        rows: as from `comparisons.within`.
        candidate, baseline: the two columns.
    """
    figure, axes = plt.subplots(figsize=(8, 6.2))
    places = np.arange(len(rows))[::-1]
    style = look(candidate) | {"linestyle": "none"}
    axes.axvline(0, color=INK, linewidth=1)
    axes.plot(rows["published"], places + SHIFT, **style | PUBLISHED)
    axes.plot(rows["difference"], places - SHIFT, **style)
    axes.hlines(
        places - SHIFT, rows["low"], rows["high"], style["color"], lw=2
    )
    axes.set_yticks(places, rows["dataset"])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(f"{candidate} − {baseline}, percentage points")
    known = rows.dropna(subset=["difference"])
    clear = ((known["low"] > 0) | (known["high"] < 0)).sum()
    if len(known):
        axes.set_title(
            f"Measured, {len(known) - clear} of {len(known)} differences "
            "are within their noise"
        )
    _legend(figure, bool(rows["difference"].notna().any()))
    return figure


def half_width(rows: pd.DataFrame) -> pd.Series:
    """Half of each row's 95% interval, in percentage points.

    Args:
        rows: as from `uci.run_one`.
    """
    halves = [
        comparisons.reach(row["std"], len(row["correct"]), row["splits"])
        for _, row in rows.iterrows()
    ]
    return pd.Series(halves, index=rows["column"])


def live(rows: pd.DataFrame):
    """Accuracy of a few folds for each column, with intervals.

    Args:
        rows: as from `uci.run_one`, one a column.
    """
    figure, axes = plt.subplots(figsize=(8, 3.6))
    halves = half_width(rows)
    for place, (_, row) in zip(range(len(rows))[::-1], rows.iterrows()):
        folds = uci.accuracies(row)
        ink, half = look(row["column"])["color"], halves[row["column"]]
        axes.plot(
            folds,
            np.full(len(folds), place + 0.0),
            "|",
            color=ink,
            alpha=0.5,
            ms=14,
        )
        axes.hlines(place, folds.mean() - half, folds.mean() + half, ink)
        axes.plot(folds.mean(), place, **look(row["column"]))
    axes.set_yticks(range(len(rows))[::-1], rows["column"])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("accuracy on test folds, %")
    means = rows["accuracy"]
    axes.set_title(
        f"Means {means.max() - means.min():.1f} points apart at most, "
        f"intervals of ±{halves.min():.1f} to ±{halves.max():.1f}"
    )
    return figure


def table1(cells: pd.DataFrame):
    """Every cell of Table I, a panel a data set.

    Args:
        cells: as from `tables.beside`.
    """
    names = list(cells["dataset"].unique())
    methods = list(cells["method"].unique())
    places = dict(zip(methods, range(len(methods))[::-1], strict=True))
    figure, panels = plt.subplots(
        -(-len(names) // 3), 3, figsize=(8, 12.5), sharey=True
    )
    for axes, name in zip(panels.flat, names, strict=False):
        part = cells[cells["dataset"] == name].set_index("method")
        classes = datasets.card(name).classes
        lost = part.index[(part.index == "AdaCos") & (classes == 2)]
        _panel(axes, part.drop(lost), places)
        for method in lost:
            _beyond(axes, part.loc[method], places[method])
        axes.set_title(f"{name}, C = {classes}", fontsize=10.5, pad=5)
        axes.tick_params(labelsize=9.5)
    panels[0, 0].set_yticks(list(places.values()), methods)
    panels[0, 0].set_ylim(-0.6, len(methods) - 0.4)
    figure.supxlabel("accuracy, %", fontsize=11.5)
    _legend(figure, bool(cells["measured"].notna().any()))
    return figure


def _panel(axes, part, places):
    for method, cell in part.iterrows():
        place, style = places[method], look(method)
        kinds = (
            (SHIFT, cell["mean"], cell["std"], PUBLISHED, 0.9),
            (-SHIFT, cell["measured"], cell["measured_std"], {}, 2),
        )
        for shift, mean, std, extra, width in kinds:
            half = comparisons.reach(std, cell["networks"] or 100)
            if not np.isfinite(half):
                half = comparisons.reach(std)
            at = place + shift
            axes.hlines(at, mean - half, mean + half, style["color"], lw=width)
            axes.plot(mean, at, **style | extra)
    half = comparisons.reach(part["measured_std"])
    ends = pd.concat(
        [part["mean"], part["measured"] - half, part["measured"] + half]
    )
    margin = max(0.6, 0.06 * (ends.max() - ends.min()))
    axes.set_xlim(ends.min() - margin, ends.max() + margin)


def _beyond(axes, cell, place):
    """Write what lies outside of the panel at its left edge."""
    values = [f"{cell['mean']:.0f}"]
    if np.isfinite(cell["measured"]):
        values.append(f"{cell['measured']:.0f}")
    axes.annotate(
        "◂ " + " / ".join(values),
        (0.02, place),
        xycoords=("axes fraction", "data"),
        color=colour("adacos"),
        va="center",
        fontsize=10,
    )


def spread(rows: pd.DataFrame):
    """The ± of each cell against what chance alone gives.

    Args:
        rows: as from `comparisons.spread`.
    """
    figure, axes = plt.subplots(figsize=(8, 4.8))
    top = 1.06 * rows[["chance", "measured_chance"]].max().max()
    axes.plot([0, top], [0, top], color=INK, linewidth=1)
    axes.annotate(
        "chance alone",
        (0.6 * top, 0.6 * top),
        (8, -14),
        textcoords="offset points",
        va="top",
        fontsize=10.5,
    )
    dots = {"marker": "o", "linestyle": "none", "ms": 6}
    axes.plot(rows["chance"], rows["std"], color=BASELINE, **dots, **PUBLISHED)
    axes.plot(
        rows["measured_chance"],
        rows["measured_std"],
        color=colour("arcgrad"),
        **dots,
    )
    ratio = rows["std"] / rows["chance"]
    low = ratio[ratio < 0.8].groupby(rows["dataset"]).idxmin()
    for k in [*ratio.nlargest(3).index, *low]:
        cell = rows.loc[k]
        name, right = cell["dataset"], cell["chance"] > 0.8 * top
        axes.annotate(
            name if k in low.values else f"{name}, {cell['method']}",
            (cell["chance"], cell["std"]),
            (-10, -9) if right else (8, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
            fontsize=10,
        )
    axes.set_xlim(0, top)
    axes.set_ylim(0)
    axes.set_xlabel("spread that chance alone gives a test fold, points")
    axes.set_ylabel("± of the cell, points")
    axes.set_title("Published ± lie on both sides of chance")
    _legend(figure, bool(rows["measured_std"].notna().any()), "measured")
    return figure


def ranks(groups: dict[str, pd.DataFrame]):
    """Average ranks, with bars of half a critical difference to each side.

    Args:
        groups: from "published" or "measured" to means, data sets × columns.
    """
    figure, panels = plt.subplots(
        len(groups), 1, figsize=(8, 3.1 * len(groups)), sharex=True
    )
    for axes, (word, means) in zip(
        np.atleast_1d(panels), groups.items(), strict=True
    ):
        averages = statistics.ranks(means).sort_values(kind="stable")
        half = statistics.critical_difference(*means.shape[::-1]) / 2
        hollow = PUBLISHED if word == "published" else {}
        for place, (column, rank) in enumerate(averages[::-1].items()):
            ink = look(column)["color"]
            axes.hlines(place, rank - half, rank + half, ink, lw=2)
            axes.plot(rank, place, **look(column) | hollow)
        first = averages.iloc[0]
        axes.axvspan(
            first - half, first + half, color=BASELINE, alpha=0.12, lw=0
        )
        axes.set_yticks(range(len(averages)), averages.index[::-1])
        axes.set_ylim(-0.6, len(averages) - 0.4)
        far = (averages > first + 2 * half).sum()
        axes.set_title(
            f"{word.capitalize()}, {len(means)} data sets: {far} of "
            f"{len(averages) - 1} rank clearly behind {averages.index[0]}"
        )
    axes.set_xlabel("average rank over data sets (1 is best)")
    return figure


def _legend(figure, measured: bool, note="measured, 95% interval"):
    handles = [
        Line2D([], [], color=INK, marker="o", lw=0, **PUBLISHED),
        Line2D([], [], color=INK, marker="o", lw=0),
    ]
    figure.legend(
        handles,
        ["published", note if measured else tables.UNMEASURED],
        loc="outside upper right",
        ncols=2,
        fontsize=10.5,
    )
