"""How far training gets, and what the protocol was chosen from."""

from __future__ import annotations

import itertools

import pandas as pd
from matplotlib import pyplot as plt

from arcbook.figures.uci import PUBLISHED, look
from arcbook.plot.style import BASELINE, INK, colour, spaced


def candidates(scores: pd.DataFrame, chosen: dict):
    """Validation accuracy of the candidates.

    Args:
        scores: columns width, epochs, lr, accuracy, one row a candidate.
        chosen: the width, epochs and lr that were taken.
    """
    figure, axes = plt.subplots(figsize=(8, 3.9))
    widths, lengths = (sorted(scores[k].unique()) for k in ("width", "epochs"))
    inks = dict(zip(widths, itertools.cycle([BASELINE, INK])))
    dashes = dict(zip(lengths, itertools.cycle([(0, (4, 2)), "-"])))
    span = scores["accuracy"].max() - scores["accuracy"].min()
    groups = scores.sort_values("lr").groupby(["width", "epochs"])
    heights = spaced(groups["accuracy"].first().to_dict(), 0.06 * span)
    for (width, epochs), part in groups:
        (line,) = axes.plot(
            part["lr"],
            part["accuracy"],
            color=inks[width],
            linestyle=dashes[epochs],
            marker="o",
        )
        axes.annotate(
            f"width {width}, {epochs} epochs",
            (part["lr"].iloc[0], heights[width, epochs]),
            (-8, 0),
            textcoords="offset points",
            color=line.get_color(),
            ha="right",
            va="center",
            fontsize=10.5,
        )
    taken = scores[(scores[list(chosen)] == pd.Series(chosen)).all(axis=1)]
    axes.plot(
        taken["lr"],
        taken["accuracy"],
        marker="o",
        ms=15,
        color=colour("arcgrad"),
        **PUBLISHED,
        linestyle="none",
    )
    axes.set_xscale("log")
    axes.set_xlim(scores["lr"].min() / 3.6, scores["lr"].max() * 1.3)
    ticks = sorted(scores["lr"].unique())
    axes.set_xticks(ticks, [f"{lr:g}" for lr in ticks])
    axes.minorticks_off()
    axes.set_xlabel("largest learning rate")
    axes.set_ylabel("validation accuracy, %")
    axes.set_title(f"The candidates lie within {span:.1f} points")
    return figure


def likeness(rows: pd.DataFrame, published: tuple, names: tuple):
    """The gap between two columns against how well training went.

    Args:
        rows: as from `candidates.likeness`.
        published: the baseline's accuracy and the gap, means over the same
            data sets.
        names: candidate and baseline.
    """
    candidate, baseline = names
    figure, axes = plt.subplots(figsize=(8, 4.6))
    style = look(candidate) | {"linestyle": "none"}
    axes.axhline(0, color=INK, linewidth=1)
    axes.plot(rows["accuracy"], rows["gap"], **style)
    axes.plot(*published, **style | {"ms": 13} | PUBLISHED)
    axes.annotate(
        "published",
        published,
        (10, 0),
        textcoords="offset points",
        va="center",
    )
    for row in rows.nsmallest(1, "accuracy").itertuples():
        axes.annotate(
            f"width {row.width}, {row.epochs} epochs, lr {row.lr:g}",
            (row.accuracy, row.gap),
            (9, 3),
            textcoords="offset points",
            fontsize=10,
        )
    axes.set_xlabel(f"accuracy of {baseline}, %, mean over data sets")
    axes.set_ylabel(f"{candidate} − {baseline}, points")
    if rows["gap"].max() < published[1] / 2:
        axes.set_title("No candidate comes near the published gap")
    return figure


def lengths(rows: pd.DataFrame, published: pd.Series):
    """Accuracy against the number of epochs, with what is published.

    Args:
        rows: as from `uci.run_one`, with column and epochs.
        published: mean accuracy of each column.
    """
    figure, axes = plt.subplots(figsize=(8, 4.2))
    epochs = sorted(set(rows["epochs"]))
    starts = rows.sort_values("epochs").groupby("column")["accuracy"].first()
    span = rows["accuracy"].max() - rows["accuracy"].min()
    heights = spaced(starts.to_dict(), 0.06 * span)
    for column, part in rows.groupby("column", sort=False):
        style = look(column)
        part = part.sort_values("epochs")
        axes.plot(part["epochs"], part["accuracy"], **style)
        axes.annotate(
            column,
            (part["epochs"].iloc[0], heights[column]),
            (-10, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=style["color"],
        )
        height = published[column]
        axes.axhline(
            height, color=style["color"], linewidth=1, linestyle=(0, (1, 2))
        )
        axes.plot(1.5 * epochs[-1], height, **style | {"ms": 10} | PUBLISHED)
    axes.set_xscale("log")
    axes.set_xlim(0.55 * epochs[0], 1.8 * epochs[-1])
    axes.set_xticks(epochs, [str(number) for number in epochs])
    axes.minorticks_off()
    ends = rows.pivot(index="epochs", columns="column", values="accuracy")
    apart = (ends.max(axis=1) - ends.min(axis=1)).iloc[[0, -1]]
    axes.set_title(
        f"{apart.iloc[0]:.1f} points apart after {epochs[0]} epochs, "
        f"{apart.iloc[1]:.1f} after {epochs[-1]}"
    )
    axes.set_xlabel("epochs")
    axes.set_ylabel("accuracy, %")
    return figure
