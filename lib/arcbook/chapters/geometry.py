"""What the geometry allows: the bounds, and the printed angles."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook import geometry, plot
from arcbook.plot.style import BASELINE, INK

TITLES = {
    ("arcgrad", "table6"): "ArcGrad, Table VI\nCIFAR-10",
    ("angular-learning", "table2"): "Angular Learning, Table 2\nCIFAR-10+",
    ("angular-learning", "table3"): "Angular Learning, Table 3\nCIFAR-100",
}


def angles(rows: pd.DataFrame):
    """Printed W-Inter (left) and C-Inter (right) of each loss and table."""
    figure, panels = plt.subplots(1, 3, figsize=(8, 4.6), sharey=True)
    for axes, (key, title) in zip(panels, TITLES.items(), strict=True):
        part = rows[(rows["paper"] == key[0]) & (rows["table"] == key[1])]
        simplex, largest = part[["simplex", "largest"]].iloc[0]
        axes.axhline(simplex, color=INK, lw=1.2, ls=(0, (5, 3)))
        axes.axhline(largest, color=INK, lw=1.6)
        axes.axhspan(largest, 1.9, color=BASELINE, alpha=0.14, lw=0)
        for place, metric in enumerate(("W-Inter", "C-Inter")):
            some = part[part["metric"] == metric]
            for k, (_, row) in enumerate(some.iterrows()):
                axes.plot(
                    place + 0.13 * (k - (len(some) - 1) / 2),
                    row["printed"],
                    **plot.look(row["method"]) | plot.HOLLOW | {"ls": "none"},
                )
        axes.set_xticks([0, 1], ["W-Inter", "C-Inter"])
        axes.set_xlim(-0.55, 1.55)
        axes.set_title(title, fontsize=10.5)
        axes.grid(axis="x", visible=False)
    plot.degrees(panels[0].yaxis, 5)
    panels[0].set_ylim(math.radians(70), math.radians(103))
    panels[0].set_ylabel("mean angle")
    for y, text, up in (
        (geometry.simplex_angle(10), "simplex", -1),
        (geometry.largest_mean_angle(10), "largest mean", 1),
    ):
        panels[1].annotate(
            text,
            (0.5, y),
            (0, 3 * up),
            textcoords="offset points",
            va="top" if up < 0 else "bottom",
            ha="center",
            fontsize=10,
        )
    plot.key(
        figure,
        {
            x: plot.look(x) | plot.HOLLOW
            for x in rows["method"].unique()
            if x != "Arc"
        },
    )
    return plot.show(figure)


def bounds():
    """Both bounds against the number of classes."""
    classes = np.unique(np.geomspace(2, 1000, 80).astype(int))
    figure, axes = plt.subplots(figsize=(8, 3.6))
    for function, text, dashes, at, shift in (
        (geometry.largest_mean_angle, "largest mean", "-", 2, (8, 8)),
        (geometry.simplex_angle, "simplex", (0, (5, 3)), 5, (-52, -22)),
    ):
        values = [function(int(number)) for number in classes]
        axes.plot(classes, values, color=INK, ls=dashes)
        axes.annotate(
            text,
            (classes[at], values[at]),
            shift,
            textcoords="offset points",
            va="bottom",
        )
    axes.set(xscale="log", ylim=(math.pi / 2 - 0.05, math.pi))
    plot.degrees(axes.yaxis)
    axes.set(xlabel="number of classes", ylabel="angle")
    return plot.show(figure)
