"""What a hundred classes change: top-5, and the scale that is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook.figures.cifar import SMALL, legend, look
from arcbook.figures.uci import PUBLISHED
from arcbook.plot.style import BASELINE


def top_1_and_5(cells: Mapping[str, pd.DataFrame]):
    """Top-5 against top-1 accuracy of each loss, both papers.

    Args:
        cells: from the paper to `leads.accuracies` of its table.
    """
    figure, axes = plt.subplots(figsize=(8, 5.2))
    ends = {}
    for paper, table in cells.items():
        table = table[table["expected"] > 0]
        for column, part in table.groupby("method", sort=False):
            one, five = part.to_dict("records")
            style = look(column)
            at = one["published"], five["published"]
            axes.plot(*at, **style | PUBLISHED)
            if not math.isnan(one["measured"]):
                here = one["measured"], five["measured"]
                axes.hlines(here[1], one["low"], one["high"], style["color"])
                axes.vlines(here[0], five["low"], five["high"], style["color"])
                axes.plot(*here, **style)
            name = "ArcGrad" if column == "Arc" else column
            ends.setdefault(name, []).append(at)
            left = paper == "arcgrad"
            axes.annotate(
                f"{column}, {'V' if left else '7'}",
                at,
                (-6, 4) if left else (7, -11),
                textcoords="offset points",
                ha="right" if left else "left",
                color=style["color"],
                fontsize=SMALL,
            )
    for column, points in ends.items():
        if len(points) > 1:
            axes.plot(
                *zip(*points, strict=True),
                color=look(column)["color"],
                lw=0.8,
                ls=(0, (2, 2)),
                zorder=0,
            )
    axes.set_xlabel("top-1 accuracy, %")
    axes.set_ylabel("top-5 accuracy, %")
    axes.set_title(
        f"Printed: best by top-1 {_best(cells, 0)}, by top-5 {_best(cells, 1)}"
    )
    axes.margins(0.14, 0.1)
    whole = pd.concat(cells.values())
    legend(figure, bool(whole["measured"].notna().any()))
    return figure


def _best(cells, place):
    """The column printed highest, of each paper, each name once."""
    found = {}
    for table in cells.values():
        table = table[table["expected"] > 0]
        where = table["benchmark"].unique()[place]
        part = table[table["benchmark"] == where].set_index("method")
        found[part["published"].idxmax()] = None
    return " and ".join(found)


def needed(
    reach: Mapping[str, Callable],
    given: Mapping[str, float],
    level: float,
    marked: Sequence[int],
):
    """The scale that lets p reach a level, against the number of classes.

    Args:
        reach: from a word on the curve to a function from classes to s;
            the word begins with the loss whose colour it takes.
        given: from a column to the scale that the paper gives it.
        level: the probability.
        marked: numbers of classes to mark.
    """
    figure, axes = plt.subplots(figsize=(8, 4.6))
    classes = np.unique(np.geomspace(3, 1000, 200).round())
    fixed = np.sqrt(2) * np.log(classes - 1)
    curves = {word: [f(one) for one in classes] for word, f in reach.items()}
    for word, values in {**curves, "AdaCos, fixed": fixed}.items():
        ink = look(word.split(",")[0])["color"]
        axes.plot(classes, values, color=ink)
        axes.annotate(
            word,
            (classes[-1], values[-1]),
            (6, 0),
            textcoords="offset points",
            color=ink,
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )
    for column, scale in given.items():
        style = look(column)
        axes.plot(marked, [scale] * len(marked), **style | PUBLISHED)
        axes.annotate(
            f"{column}, s = {scale:g} [arcgrad]",
            (marked[0], scale),
            (8, 6),
            textcoords="offset points",
            color=style["color"],
            fontsize=SMALL,
        )
    for one in marked:
        axes.axvline(one, color=BASELINE, lw=1, ls=":")
    axes.set_xscale("log")
    ticks = [3, 10, 30, 100, 300, 1000]
    axes.set_xticks(ticks, map(str, ticks))
    axes.minorticks_off()
    axes.set_ylim(0)
    axes.set_xlabel("classes C, log scale")
    axes.set_ylabel("scale s")
    most = max(scale(marked[-1]) for scale in reach.values())
    axes.set_title(
        f"With {marked[-1]} classes s = {most:.1f} is enough for p = {level:g}"
    )
    return figure
