"""What a run does with its time: rates, curves, fewer images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator

from arcbook.analysis import cifar_pages, measured
from arcbook.figures.cifar import SMALL, look
from arcbook.plot.style import BASELINE, INK, colour, spaced


def cycle(planned: Sequence[int], steps: int):
    """The one-cycle rate against the epoch, for several lengths.

    Args:
        planned: numbers of epochs, rising.
        steps: of an epoch.
    """
    figure, axes = plt.subplots(figsize=(8, 4.2))
    shades = np.linspace(1, 0.45, len(planned))
    at = planned[0]
    for row, (length, shade) in enumerate(zip(planned, shades)):
        rates = cifar_pages.schedule(length, steps)
        epoch = np.arange(1, len(rates) + 1) / steps
        axes.plot(epoch, rates, color=colour("arcgrad"), alpha=shade)
        here = rates[min(at * steps, len(rates)) - 1]
        axes.plot(at, here, "o", color=INK, ms=6, zorder=3)
        top = rates.argmax()
        axes.annotate(
            f"planned for {length}",
            (epoch[top], rates[top]),
            (4, 4 + 13 * (row % 2)),
            textcoords="offset points",
            fontsize=11,
        )
        low = here < 0.5
        axes.annotate(
            f"{100 * here:.4f}%" if here < 1e-3 else f"{100 * here:.0f}%",
            (at, here),
            (9, 7 if low else -14),
            textcoords="offset points",
            fontsize=11,
        )
    axes.axvline(at, color=BASELINE, lw=1, ls=":")
    axes.set_ylim(-0.02, 1.18)
    axes.set_xlim(0)
    axes.set_xlabel("epoch")
    axes.set_ylabel("learning rate / largest")
    axes.set_title(
        f"After {at} epochs the run of {at} is over, that of {length} is at "
        f"{here:.0%} of its rate"
    )
    return figure


def courses(records: Sequence[Mapping], columns: Sequence[str]):
    """Accuracy against the epoch, a panel a column, a curve a run.

    Args:
        records: of runs with curves; of several seeds the first.
        columns: in the order of the panels.
    """
    lines = -(-len(columns) // 2)
    figure, panels = plt.subplots(
        lines,
        min(2, len(columns)),
        figsize=(9, 2.5 * lines + 0.6),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    lengths = sorted({one["epochs"] for one in records})
    for axes, column in zip(panels.flat, columns, strict=False):
        mine = {
            one["epochs"]: one["curves"]
            for one in sorted(records, key=lambda one: -one["seed"])
            if one["column"] == column
        }
        style = look(column)
        for length, curves in sorted(mine.items()):
            if length == lengths[-1]:
                axes.plot(
                    curves["epoch"],
                    100 * np.array(curves["train_accuracy"]),
                    color=style["color"],
                    lw=1,
                    ls=(0, (2, 2)),
                )
            test = 100 * np.array(curves["test_accuracy"])
            shade = 1 if length == lengths[-1] else 0.6
            axes.plot(
                curves["epoch"],
                test,
                color=style["color"],
                alpha=shade,
                lw=1.4,
            )
            axes.plot(curves["epoch"][-1], test[-1], **style)
        if not mine:
            axes.annotate(
                "not measured yet",
                (0.5, 0.5),
                xycoords="axes fraction",
                ha="center",
            )
        axes.set_title(column, fontsize=11, color=style["color"], pad=4)
    for axes in panels.flat[len(columns) :]:
        axes.axis("off")
    panels[0, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.supxlabel("epoch", fontsize=11.5)
    figure.supylabel("accuracy, %", fontsize=11.5)
    return figure


def against(records: Sequence[Mapping], name: str, metric: str = "accuracy"):
    """Accuracy of live runs against one of their settings.

    Args:
        records: of runs that differ in column and in the setting; those
            without the setting are drawn as a level line.
        name: "learning_rate" or "s".
        metric: "accuracy" or "top5".
    """
    figure, axes = plt.subplots(figsize=(8, 4.2))
    runs = measured.of_records(records).dropna(subset=[metric])
    if runs.empty:
        axes.annotate("every run diverged", (0.4, 0.5))
        return figure
    if name not in runs:
        runs[name] = math.nan
    images = int(runs["test_images"].iloc[0])
    ends = {}
    values = runs[name].dropna()
    right = values.max() if len(values) else 1.0
    for column, part in runs.groupby("column", sort=False):
        style, part = look(column), part.sort_values(name)
        bounds = [measured.binomial(x, images) for x in part[metric]]
        if part[name].isna().all():
            level = part[metric].iloc[0]
            axes.axhspan(*bounds[0], color=style["color"], alpha=0.15, lw=0)
            axes.axhline(level, color=style["color"], lw=1.2)
        else:
            axes.vlines(
                part[name], *zip(*bounds, strict=True), style["color"], lw=2
            )
            axes.plot(part[name], part[metric], **style)
        ends[column] = part[metric].iloc[-1]
    low, high = axes.get_ylim()
    for column, height in spaced(ends, 0.06 * (high - low)).items():
        axes.annotate(
            column,
            (right, ends[column]),
            (1.17 * right, height),
            color=look(column)["color"],
            va="center",
            fontsize=11,
            annotation_clip=False,
        )
    axes.set_xscale("log")
    ticks = sorted(set(values)) or [1.0]
    axes.set_xlim(ticks[0] / 1.12, ticks[-1] * 1.12)
    axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
    axes.minorticks_off()
    words = {"learning_rate": "largest learning rate", "s": "scale s"}
    kinds = {"accuracy": "accuracy", "top5": "top-5 accuracy"}
    axes.set_xlabel(f"{words[name]}, log scale")
    axes.set_ylabel(f"{kinds[metric]} on {images:,} test images, %")
    if len(ticks) > 1:
        wide = runs.pivot_table(index=name, columns="column", values=metric)
        change = wide.iloc[-1] - wide.iloc[0]
        text = ", ".join(f"{k} {x:+.1f}" for k, x in change.items())
        axes.set_title(
            f"From {ticks[0]:g} to {ticks[-1]:g}: "
            + text.replace(" -", " −")
            + " points"
        )
    return figure


def shares(cells: pd.DataFrame, note: str):
    """Accuracy against the share of images kept, measured alone.

    Args:
        cells: as from `cifar_pages.by_place`.
        note: for the title, whose runs these are.
    """
    figure, axes = plt.subplots(figsize=(8, 4.4))
    known = cells.dropna(subset=["measured"])
    ends = {}
    for column, part in known.groupby("column", sort=False):
        part = part.sort_values("value")
        x, style = 100 * part["value"], look(column)
        axes.vlines(x, part["low"], part["high"], style["color"], lw=1.2)
        axes.plot(x, part["measured"], **style)
        ends[column] = part["measured"].iloc[0]
    left = 100 * known["value"].min()
    low, high = axes.get_ylim()
    for column, height in spaced(ends, 0.06 * (high - low)).items():
        axes.annotate(
            column,
            (left, ends[column]),
            (left - 2, height),
            color=look(column)["color"],
            ha="right",
            va="center",
            fontsize=SMALL,
        )
    shown = sorted(100 * known["value"].unique())
    axes.set_xticks(shown, [f"{x:.0f}%" for x in shown])
    axes.set_xlim(left - 0.17 * (shown[-1] - left) - 2, shown[-1] + 2)
    axes.set_xlabel("share of the training images kept")
    axes.set_ylabel("accuracy, %")
    axes.set_title(note)
    return figure
