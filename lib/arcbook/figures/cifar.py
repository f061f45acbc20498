"""Accuracies on CIFAR-10 and CIFAR-100: printed hollow, measured filled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from arcbook.analysis import tables
from arcbook.experiments.images import ANGULAR_METHODS, METHODS
from arcbook.figures.uci import PUBLISHED
from arcbook.plot.style import BASELINE, INK, colour, marker, spaced

SHIFT = 0.17
DASHES = {"arcgrad": "-", "angular-learning": (0, (5, 2))}
SMALL = 10


def look(column: str) -> dict:
    """Colour and marker of what the papers call a loss."""
    name, _ = (METHODS | ANGULAR_METHODS)[column]
    size = 10 if marker(name) == "*" else 6.5
    return {"color": colour(name), "marker": marker(name), "ms": size}


def lead_over_epochs(rows: pd.DataFrame, rival: str = "Soft"):
    """How far ArcGrad is ahead against the number of epochs.

    Args:
        rows: as from `leads.over_epochs`.
        rival: whom it is ahead of.
    """
    figure, axes = plt.subplots(figsize=(8, 4.4))
    axes.axhline(0, color=INK, lw=1)
    for paper, part in rows.groupby("paper", sort=False):
        part = part.sort_values("epochs")
        style = look("ArcGrad") | {"ls": "none"}
        line = part[~part["several"]]
        for name, width in (("published", 1), ("measured", 2)):
            known = line.dropna(subset=[name])
            axes.plot(
                *(known["epochs"], known[name]),
                color=style["color"],
                lw=width,
                ls=DASHES[paper],
            )
            _bars(axes, part, style, name, x="epochs", width=width)
        first = line.iloc[0]
        above = first["published"] == rows["published"].max()
        axes.annotate(
            f"[{paper}]",
            (first["epochs"], first["published"]),
            (11, 0) if above else (0, -12),
            textcoords="offset points",
            va="center" if above else "top",
            fontsize=10.5,
        )
    _epochs_axis(axes, rows["epochs"])
    axes.set_ylabel(f"ahead of {rival}, points")
    few, many = rows["epochs"].min(), rows["epochs"].max()
    leads = rows.groupby("epochs")["published"].agg(list)
    early, late = (
        " and ".join(f"{x:.1f}" for x in leads[at]) for at in (few, many)
    )
    axes.set_title(
        f"Printed leads: {early} points after {few} epochs, "
        f"{late} after {many}"
    )
    legend(figure, bool(rows["measured"].notna().any()))
    return figure


def _bars(axes, part, style, name, *, x=None, y=None, width=1.0):
    """Marks with their intervals, along x or along y."""
    ends = {
        "published": ("published_low", "published_high"),
        "measured": ("low", "high"),
    }[name]
    hollow = PUBLISHED if name == "published" else {}
    known = part.dropna(subset=[name])
    style = style | {"ls": "none"}
    if x is not None:
        axes.vlines(
            known[x], known[ends[0]], known[ends[1]], style["color"], lw=width
        )
        axes.plot(known[x], known[name], **style | hollow)
    else:
        axes.hlines(
            known[y], known[ends[0]], known[ends[1]], style["color"], lw=width
        )
        axes.plot(known[name], known[y], **style | hollow)


def _epochs_axis(axes, epochs):
    there = sorted(set(map(int, epochs)))
    shown = [
        one
        for one, after in zip(there, [*there[1:], math.inf])
        if after / one > 1.1
    ]
    axes.set_xscale("log")
    axes.set_xticks(shown, [str(one) for one in shown])
    axes.minorticks_off()
    axes.set_xlabel("epochs that the run was planned for, log scale")


def epochs(cells: Mapping[str, pd.DataFrame]):
    """Accuracy against the number of epochs, a panel a paper.

    Args:
        cells: from the paper to `leads.accuracies` of its table.
    """
    figure, panels = plt.subplots(1, 2, figsize=(9, 5), sharey=True)
    every = pd.concat(cells.values())
    for axes, (paper, table) in zip(panels, cells.items(), strict=True):
        table = table.assign(epochs=table["epochs"].astype(int))
        starts = {}
        for column, part in table.groupby("method", sort=False):
            style = look(column)
            axes.plot(
                part["epochs"],
                _far(part["published"]),
                lw=1,
                **style | PUBLISHED,
            )
            known = part.dropna(subset=["measured"])
            axes.vlines(
                *(known["epochs"], _far(known["low"]), _far(known["high"])),
                style["color"],
                lw=2,
            )
            axes.plot(known["epochs"], _far(known["measured"]), **style)
            starts[column] = _far(part["published"].iloc[0])
        _epochs_axis(axes, table["epochs"])
        left = table["epochs"].min()
        for column, height in spaced(starts, 0.085).items():
            axes.annotate(
                column,
                (left, starts[column]),
                (0.9 * left, height),
                color=look(column)["color"],
                ha="right",
                va="center",
                fontsize=SMALL,
            )
        axes.set_xlim(left / 2.1, 1.15 * table["epochs"].max())
        first = table[table["epochs"] == left]["published"]
        axes.set_title(
            f"[{paper}] {first.max() - first.min():.1f} points apart at "
            f"{left} epochs",
            fontsize=11.5,
        )
    ticks = [10, 50, 70, 80, 85, 90, 92, 94, 96, 98]
    panels[0].set_yticks(_far(np.array(ticks)), [str(x) for x in ticks])
    values = every[["published", "measured", "low", "high"]].stack()
    bottom, top = _far(values.min()), _far(values.max())
    panels[0].set_ylim(bottom - 0.12, top + 0.12)
    panels[0].set_ylabel("accuracy, %, spaced by log error")
    legend(figure, bool(every["measured"].notna().any()))
    return figure


def _far(accuracy):
    """Heights at which equal ratios of the error are equal distances."""
    return -np.log(100 - np.minimum(accuracy, 99.9))


def accuracies(cells: Mapping[str, pd.DataFrame], places: Sequence[str]):
    """Accuracy of each loss, a row of panels a paper, a column a place.

    Args:
        cells: from the paper to `leads.accuracies` of its table.
        places: for each column of panels a benchmark, or several names of
            it, as the papers write it.
    """
    kept = {p: c[c["expected"] > 0] for p, c in cells.items()}
    figure, panels = _grid(kept, places)
    for row, (paper, table) in zip(panels, kept.items(), strict=True):
        order = list(table["method"].unique())[::-1]
        for axes, names in zip(row, places, strict=True):
            part = table[table["benchmark"].isin(_names(names))]
            half = 2.776 * part["published_std"] / math.sqrt(5)
            part = part.assign(
                published_low=part["published"] - half,
                published_high=part["published"] + half,
            )
            _panel(axes, part, "method", order)
            axes.set_title(f"{_names(names)[0]} [{paper}]", fontsize=11)
    figure.supxlabel("accuracy, %", fontsize=11.5)
    whole = pd.concat(kept.values())
    legend(figure, bool(whole["measured"].notna().any()))
    return figure


def leads(
    rows: Mapping[str, pd.DataFrame],
    places: Sequence[str],
    bands: Mapping[str, float],
):
    """How far ArcGrad is ahead of each other loss.

    Args:
        rows: from the paper to `leads.beside` of its table.
        places: as in `accuracies`.
        bands: for a place what five seeds can't be relied on to show, in
            points.
    """
    figure, panels = _grid(rows, places)
    for row, (paper, table) in zip(panels, rows.items(), strict=True):
        order = list(table["rival"].unique())[::-1]
        for axes, names in zip(row, places, strict=True):
            part = table[table["place"].isin(_names(names))]
            band = bands[_names(names)[0]]
            axes.axvspan(-band, band, color=BASELINE, alpha=0.18, lw=0)
            axes.axvline(0, color=INK, lw=1)
            _panel(axes, part, "rival", order)
            clear = (part["published"] > band).sum()
            axes.set_title(
                f"{_names(names)[0]} [{paper}]: {clear} of {len(part)} "
                "beyond the band",
                fontsize=10.5,
            )
    figure.supxlabel("ahead of it, percentage points", fontsize=11.5)
    whole = pd.concat(rows.values())
    legend(figure, bool(whole["measured"].notna().any()))
    return figure


def _names(place):
    return [place] if isinstance(place, str) else list(place)


def _grid(cells, places):
    key = "method" if "method" in next(iter(cells.values())) else "rival"
    heights = [table[key].nunique() + 1 for table in cells.values()]
    return plt.subplots(
        len(cells),
        len(places),
        figsize=(9, 0.42 * sum(heights) + 1.2),
        sharex="col",
        sharey="row",
        squeeze=False,
        height_ratios=heights,
    )


def _panel(axes, part, key, order):
    for column, cell in part.groupby(key, sort=False):
        place = order.index(column)
        for shift, name, width in (
            (SHIFT, "published", 0.9),
            (-SHIFT, "measured", 2),
        ):
            moved = cell.assign(height=place + shift)
            _bars(axes, moved, look(column), name, y="height", width=width)
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(-0.6, len(order) - 0.4)


def legend(figure, measured: bool):
    handles = [
        Line2D([], [], color=INK, marker="o", lw=0, **PUBLISHED),
        Line2D([], [], color=INK, marker="o", lw=0),
    ]
    word = "measured, 95% interval" if measured else tables.UNMEASURED
    figure.legend(
        handles,
        ["printed", word],
        loc="outside upper right",
        ncols=2,
        fontsize=10.5,
    )
