"""Pictures of the audit: printed numbers against what they can be."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook import geometry, papers
from arcbook.audit import tables
from arcbook.plot.style import BASELINE, INK, colour, degrees, marker

LOOKS = {
    "Soft": "softmax",
    "Center": "center",
    "M-Soft": "m_softmax",
    "ArcFace": "arcface",
    "AdaCos": "adacos",
    "ArcGrad": "arcgrad",
    "Arc": "arcgrad",
}
TITLES = {
    ("arcgrad", "table6"): "ArcGrad, Table VI\nCIFAR-10",
    ("angular-learning", "table2"): "Angular Learning, Table 2\nCIFAR-10+",
    ("angular-learning", "table3"): "Angular Learning, Table 3\nCIFAR-100",
}


def angles(rows: pd.DataFrame):
    """Printed W-Inter (left) and C-Inter (right) of each loss and table.

    Args:
        rows: as from `sphere.against_bounds`.
    """
    figure, panels = plt.subplots(1, 3, figsize=(8, 4.6), sharey=True)
    for axes, (key, title) in zip(panels, TITLES.items(), strict=True):
        part = rows[(rows["paper"] == key[0]) & (rows["table"] == key[1])]
        simplex, largest = part[["simplex", "largest"]].iloc[0]
        axes.axhline(simplex, color=INK, lw=1.2, ls=(0, (5, 3)))
        axes.axhline(largest, color=INK, lw=1.6)
        axes.axhspan(largest, 1.9, color=BASELINE, alpha=0.14, lw=0)
        for place, metric in enumerate(("W-Inter", "C-Inter")):
            chosen = part[part["metric"] == metric]
            for k, (_, row) in enumerate(chosen.iterrows()):
                look = LOOKS[row["method"]]
                axes.plot(
                    place + 0.13 * (k - (len(chosen) - 1) / 2),
                    row["printed"],
                    color=colour(look),
                    marker=marker(look),
                    ms=9 if marker(look) == "*" else 6.5,
                    markerfacecolor="none",
                    markeredgewidth=1.5,
                    ls="none",
                    label=row["method"] if place == 0 else None,
                )
        axes.set_xticks([0, 1], ["W-Inter", "C-Inter"])
        axes.set_xlim(-0.55, 1.55)
        axes.set_title(title, fontsize=10.5)
        axes.grid(axis="x", visible=False)
    degrees(panels[0].yaxis, 5)
    panels[0].set_ylim(math.radians(70), math.radians(103))
    panels[0].set_ylabel("mean angle")
    for y, text, va in (
        (geometry.simplex_angle(10), "simplex", "top"),
        (geometry.largest_mean_angle(10), "largest mean", "bottom"),
    ):
        panels[1].annotate(
            text,
            (0.5, y),
            (0, -3 if va == "top" else 3),
            textcoords="offset points",
            va=va,
            ha="center",
            fontsize=10,
        )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6)
    return figure


def bounds():
    """Both bounds against the number of classes."""
    classes = np.unique(np.geomspace(2, 1000, 80).astype(int))
    figure, axes = plt.subplots(figsize=(8, 3.6))
    for function, text, style, at in (
        (geometry.largest_mean_angle, "largest mean", "-", 2),
        (geometry.simplex_angle, "largest minimum: simplex", (0, (5, 3)), 12),
    ):
        values = [function(int(number)) for number in classes]
        axes.plot(classes, values, color=INK, ls=style)
        axes.annotate(
            text,
            (classes[at], values[at]),
            (8, 8) if style == "-" else (40, 34),
            textcoords="offset points",
            arrowprops=None
            if style == "-"
            else {"arrowstyle": "-", "color": INK, "lw": 0.8},
            va="bottom",
        )
    axes.set_xscale("log")
    axes.set_ylim(math.pi / 2 - 0.05, math.pi)
    degrees(axes.yaxis)
    axes.set_xlabel("number of classes")
    axes.set_ylabel("angle")
    return figure


def digits():
    """The 40 accuracies of the MNIST table with binomial intervals."""
    table = papers.table("mnist-cosine", "table1")
    figure, panels = plt.subplots(1, 2, figsize=(8, 4.4), sharey=True)
    titles = ("ArcFace, by m", "combined, by m2 and m3")
    for axes, name, title in zip(panels, ("arcface", "combined"), titles):
        cells, keep = tables.settled(name)
        look = {"arcface": "arcface", "combined": "combined"}[name]
        mean = cells[keep].mean()
        error = 196 * math.sqrt(mean / 100 * (1 - mean / 100) / 10_000)
        axes.axhspan(
            mean - error, mean + error, color=BASELINE, alpha=0.16, lw=0
        )
        axes.axhline(mean, color=BASELINE, lw=1.2)
        shown = cells.clip(lower=98.3)
        axes.plot(
            np.arange(20)[keep],
            shown[keep],
            color=colour(look),
            marker=marker(look),
            ls="none",
            markerfacecolor="none",
            markeredgewidth=1.5,
        )
        for place in np.arange(20)[~keep]:
            axes.annotate(
                f"{cells[place]:.1f}↓",
                (place, 98.4),
                ha="center",
                fontsize=9.5,
                color=colour(look),
            )
        axes.set_title(title)
        axes.grid(axis="x", visible=False)
    ticks = [0, 5, 10, 15, 19]
    panels[0].set_xticks(ticks, table["m"].iloc[ticks])
    corners = [
        f"{row.m2}\n{row.m3}"
        for row in table.iloc[[0, 5, 10, 15]].itertuples()
    ]
    panels[1].set_xticks(ticks[:4], corners)
    panels[0].set_ylim(98.35, 99.15)
    panels[0].set_ylabel("printed accuracy, %")
    return figure


def leads(rows: pd.DataFrame):
    """Printed leads with twice the standard error of the test set.

    Args:
        rows: "name", "points" and "error", one a row.
    """
    figure, axes = plt.subplots(figsize=(8, 0.27 * len(rows) + 1.1))
    places = np.arange(len(rows))[::-1]
    sure = rows["points"].abs() > 2 * rows["error"]
    axes.axvline(0, color=INK, lw=1)
    axes.hlines(
        places,
        rows["points"] - 2 * rows["error"],
        rows["points"] + 2 * rows["error"],
        color=[INK if one else BASELINE for one in sure],
        lw=1.6,
    )
    for place, point, one in zip(places, rows["points"], sure, strict=True):
        axes.plot(
            point,
            place,
            "o",
            color=INK if one else BASELINE,
            markerfacecolor="none",
            markeredgewidth=1.5,
        )
    axes.set_yticks(places, rows["name"])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel("printed lead, percentage points, ± two standard errors")
    return figure


def papers_apart(rows: pd.DataFrame):
    """Error rates that two papers print for one loss and network.

    Args:
        rows: as from `two_papers.same_setup`.
    """
    names = rows["benchmark"].unique()
    figure, panels = plt.subplots(1, len(names), figsize=(8, 3.6))
    for axes, name in zip(panels, names, strict=True):
        part = rows[rows["benchmark"] == name]
        for _, row in part.iterrows():
            look = LOOKS[row["method"]]
            axes.plot(
                [0, 1],
                [row["arcgrad"], row["angular"]],
                color=colour(look),
                marker=marker(look),
                markerfacecolor="none",
                label=row["method"],
            )
        axes.set_xticks([0, 1], ["ArcGrad", "Angular L."], fontsize=9)
        axes.set_xlim(-0.35, 1.35)
        axes.set_title(name, fontsize=10.5)
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("printed error rate, %")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def ranks(groups: dict[str, tuple[pd.Series, float]]):
    """Average ranks, with half a critical difference to each side.

    Args:
        groups: from a title to the average rank of each column of Table I,
            and the critical difference of Nemenyi's test.
    """
    figure, panels = plt.subplots(
        len(groups), 1, figsize=(8, 2.9 * len(groups)), sharex=True
    )
    for axes, (title, (averages, critical)) in zip(
        np.atleast_1d(panels), groups.items(), strict=True
    ):
        averages = averages.sort_values(ascending=False)
        best = averages.iloc[-1]
        axes.axvspan(
            best - critical / 2,
            best + critical / 2,
            color=BASELINE,
            alpha=0.14,
            lw=0,
        )
        for place, (column, rank) in enumerate(averages.items()):
            look = LOOKS[column.rstrip("0123456789")]
            ends = rank - critical / 2, rank + critical / 2
            axes.hlines(place, *ends, color=colour(look), lw=2)
            axes.plot(
                rank,
                place,
                color=colour(look),
                marker=marker(look),
                ms=9 if marker(look) == "*" else 6.5,
                markerfacecolor="none",
                markeredgewidth=1.5,
            )
        axes.set_yticks(range(len(averages)), averages.index)
        axes.set_ylim(-0.6, len(averages) - 0.4)
        axes.set_title(title)
    axes.set_xlabel("average rank (1 is best)")
    return figure
