"""Accuracy, features and gradients against the number of layers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook.analysis import depth
from arcbook.figures.uci import PUBLISHED, look
from arcbook.plot.style import BASELINE, INK, spaced

TICKS = (2, 5, 10, 15, 20, 25, 30)


def accuracy(course: pd.DataFrame, columns, chance: float, claimed=()):
    """Accuracy against the number of layers, a panel a column.

    Args:
        course: as from `depth.curve`.
        columns: of `uci.CURVES`, in the order of the panels.
        chance: the level of a network that answers one class, in percent.
        claimed: the columns of which the paper says "around 33%" at 10.
    """
    lines = -(-len(columns) // 2)
    figure, panels = plt.subplots(
        lines, 2, figsize=(8, 2.5 * lines), sharex=True, sharey=True
    )
    panels = np.atleast_2d(panels)
    for axes, column in zip(panels.flat, columns, strict=False):
        part = course[course["column"] == column]
        style = look(column) | {"ms": 5}
        axes.axhline(chance, color=INK, linewidth=1, linestyle=(0, (1, 2)))
        if axes is panels[0, 0]:
            _explain(axes, chance)
        axes.fill_between(
            part["layers"],
            part["low"].clip(0),
            part["high"].clip(upper=100),
            color=style["color"],
            alpha=0.25,
            linewidth=0,
        )
        axes.plot(part["layers"], part["mean"], **style)
        axes.plot(
            part["layers"],
            part["constant"],
            color=BASELINE,
            linestyle=(0, (4, 2)),
            linewidth=1.5,
        )
        if column in claimed:
            axes.plot(10, 33, **look(column) | {"ms": 9} | PUBLISHED)
        if not len(part):
            axes.annotate("not measured yet", (3, 60))
        axes.set_title(column, fontsize=11.5, color=style["color"], pad=4)
        axes.set_ylim(-4, 104)
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.set_xlim(0.5, 20.5)
    for axes in panels.flat[len(columns) :]:
        axes.axis("off")
    figure.supxlabel("layers", fontsize=11.5)
    figure.supylabel("percent", fontsize=11.5)
    return figure


def _explain(axes, chance):
    for text, height, ink in (
        ("dashed: share giving one class", 3, BASELINE),
        ("chance, 1/C", chance + 2, INK),
    ):
        axes.annotate(text, (1, height), va="bottom", fontsize=9, color=ink)


def decayed(rows: pd.DataFrame, usual: float):
    """Accuracy with weight decay (filled) and without it (hollow).

    Args:
        rows: as from `uci.run_one`, with column, layers, weight_decay.
        usual: the weight decay that is compared with 0.
    """
    columns = list(dict.fromkeys(rows["column"]))
    number = len(set(rows["layers"]))
    figure, panels = plt.subplots(
        1,
        number,
        figsize=(8, 1.5 + 0.45 * len(columns)),
        sharex=True,
        sharey=True,
    )
    groups = rows.groupby("layers")
    for axes, (layers, part) in zip(np.atleast_1d(panels), groups):
        for place, column in enumerate(columns[::-1]):
            here = part[part["column"] == column].set_index("weight_decay")
            ends = here.loc[0.0, "accuracy"], here.loc[usual, "accuracy"]
            axes.hlines(place, *ends, look(column)["color"], lw=1.2)
            axes.plot(ends[1], place, **look(column))
            axes.plot(ends[0], place, **look(column) | {"ms": 11} | PUBLISHED)
        axes.set_title(f"{layers} layers")
        axes.set_yticks(range(len(columns)), columns[::-1])
        axes.set_ylim(-0.6, len(columns) - 0.4)
        axes.set_xlim(0, 105)
    figure.supxlabel("accuracy, %", fontsize=11.5)
    return figure


def collapse(start: pd.DataFrame):
    """Angles between features, and their norm, before training.

    Args:
        start: as from `depth.features_at_start`.
    """
    figure, panels = plt.subplots(1, 2, figsize=(8, 4))
    groups = start.groupby("layers")
    layers = np.array(sorted(start["layers"].unique()))
    for axes, name, unit in (
        (panels[0], "angle", 180 / math.pi),
        (panels[1], "norm", 1),
    ):
        low, middle, high = (
            unit * groups[name].quantile(share).to_numpy()
            for share in (0.1, 0.5, 0.9)
        )
        axes.fill_between(layers, low, high, color=INK, alpha=0.15, lw=0)
        axes.plot(layers, middle, color=INK, marker="o", ms=4)
        axes.set_yscale("log")
        axes.set_xlabel("layers")
        axes.set_xticks([tick for tick in TICKS if tick <= layers[-1]])
    begin = math.degrees(start[start["layers"] == layers[0]]["angle"].median())
    panels[0].plot(
        layers,
        begin * 6.0 ** (-(layers - layers[0]) / 2),
        color=BASELINE,
        linestyle=(0, (4, 2)),
    )
    panels[0].set_title("Features turn to one direction")
    panels[0].set_ylabel("mean angle between features, degrees")
    panels[1].axhline(1 / math.sqrt(5), color=BASELINE, ls=(0, (4, 2)))
    panels[1].set_title("while their norm settles")
    panels[1].set_ylabel("mean norm of the features")
    panels[1].set_ylim(0.1, 10)
    return figure


def pull(rows: pd.DataFrame):
    """The loss's gradient on the first layer against weight decay's.

    Args:
        rows: as from `depth.pull_at_start`.
    """
    figure, axes = plt.subplots(figsize=(8, 4.8))
    last = rows["layers"].max()
    ends = {}
    alive = rows[rows["gradient"] > 0]
    for column, part in alive.groupby("column", sort=False):
        axes.plot(
            part["layers"], part["gradient"], **look(column) | {"ms": 4.5}
        )
        ends[column] = part["gradient"].iloc[-1]
    decay = rows.groupby("layers")["decay"].median()
    axes.plot(decay.index, decay, color=INK, linestyle=(0, (4, 2)))
    axes.annotate(
        "weight decay",
        (decay.index[0], decay.iloc[0]),
        (0, -6),
        textcoords="offset points",
        va="top",
        fontsize=10.5,
    )
    axes.set_yscale("log")
    places = _apart(ends, axes)
    for column, place in places.items():
        axes.annotate(
            column,
            (last, ends[column]),
            (1.03 * last, place),
            color=look(column)["color"],
            va="center",
            fontsize=10.5,
            annotation_clip=False,
        )
    axes.set_xticks([tick for tick in TICKS if tick <= last])
    axes.set_xlim(1.5, 1.17 * last)
    axes.set_xlabel("layers")
    axes.set_ylabel("gradient on the first layer")
    met = depth.crossing(alive).dropna()
    if len(met):
        axes.set_title(
            f"Weight decay takes over from {met.min():.0f} layers on for "
            f"{met.idxmin()}, from {met.max():.0f} for {met.idxmax()}"
        )
    return figure


def _apart(ends, axes, least=0.055):
    """Heights of labels on a logarithmic scale."""
    low, high = np.log10(axes.get_ylim())
    logs = {column: np.log10(end) for column, end in ends.items()}
    placed = spaced(logs, least * (high - low))
    return {column: 10**height for column, height in placed.items()}
