"""Fifteen small tables: printed beside measured, and what chance does."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook import cells, datasets, experiments, plot, stats
from arcbook.experiments import uci
from arcbook.plot import BASELINE, HOLLOW, INK

SCALES = {
    "ArcGrad30": {"ls": "-"},
    "ArcGrad10": {"marker": (6, 1), "ls": (0, (5, 2))},
    "ArcGrad5": {"marker": (4, 1), "ls": (0, (1, 1.5))},
}


def look(column: str) -> dict:
    """Colour and marker of a column; ArcGrads differ by their scale."""
    return plot.look(column) | SCALES.get(column, {})


def dot(column: str) -> dict:
    """`look` without a line."""
    return look(column) | {"ls": "none"}


def two_class() -> list[str]:
    """The tables with two classes."""
    names = datasets.available("table")
    return [name for name in names if datasets.card(name).classes == 2]


def opening(figure, gaps: pd.DataFrame, candidate: str, baseline: str):
    """Publish one loss against another, a data set a row, if they differ."""
    if candidate == baseline:
        raise ValueError(
            f"candidate and baseline are both {candidate}: a column does "
            "not differ from itself; choose two"
        )
    (axes,) = figure.axes
    axes.axvline(0, color=INK, lw=1)
    figure.supxlabel(f"{candidate} − {baseline}, points")
    known = gaps.dropna(subset="measured")
    within = ((known["low"] <= 0) & (known["high"] >= 0)).sum()
    axes.set_title(
        f"{candidate} against {baseline}: {within} of {len(known)} measured "
        "intervals hold 0"
    )
    return plot.show(figure)


def trials() -> pd.DataFrame:
    """Validation accuracies, in percent, of the protocol's candidates.

    A row a record and a column a loss; of data sets with every candidate.
    """
    names = [*uci.CANDIDATES, "dataset"]
    rows = pd.DataFrame(
        {name: one[name] for name in names}
        | {"accuracy": one["metrics"]["accuracy"]}
        | one["metrics"]["by_column"]
        for one in experiments.records("arcgrad.protocol", "full")
    )
    count = np.prod([len(values) for values in uci.CANDIDATES.values()])
    return rows.groupby("dataset").filter(lambda part: len(part) == count)


def by_candidate(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """A mean of `trials` over data sets: learning rates across."""
    wide = rows.pivot_table(value, ["width", "epochs"], "lr")
    wide.columns = [f"rate {rate:g}" for rate in wide.columns]
    return wide.reset_index()


def live(rows: pd.DataFrame):
    """Means of a live run with their intervals, and the folds below."""
    folds = {row["column"]: uci.accuracies(row) for _, row in rows.iterrows()}
    splits = rows["splits"].iloc[0]
    found = {name: stats.of_folds(x, splits) for name, x in folds.items()}
    shown = stats.frame(found, "measured").reset_index(names="method")
    figure, axes = plt.subplots(figsize=(8, 4.8))
    plot.row_dots(axes, shown, style=look)
    under(axes, folds, look)
    halves = [one.half for one in found.values()]
    axes.set_xlabel("accuracy on test folds, %")
    axes.set_title(
        f"Means {np.ptp(shown['measured']):.1f} points apart at most, "
        f"intervals of ±{min(halves):.1f} to ±{max(halves):.1f}"
    )
    return plot.show(figure)


def under(axes, values: Mapping[str, np.ndarray], style):
    """Single values as dots under rows, larger where they are several."""
    for place, (name, several) in enumerate(reversed(values.items())):
        at, counts = np.unique(np.round(several, 6), return_counts=True)
        low, ink = np.full(len(at), place - 0.27), style(name)["color"]
        sizes = 250 * counts / len(several)
        axes.scatter(at, low, sizes, ink, alpha=0.5, lw=0)


def noise(table: pd.DataFrame) -> pd.DataFrame:
    """The ± of each cell beside what chance alone gives a test fold.

    Which rows a network gets wrong is taken as given; which of them a fold
    holds is chance, by the hypergeometric distribution. AdaCos on two classes
    is left out: it answers by a coin.
    """
    kept = table[~_tossed(table)]
    rows = kept["at"].map(lambda name: datasets.card(name).instances)
    return kept[["at", "method", "printed_std", "std"]].assign(
        printed_chance=chance(kept["printed"], rows),
        chance=chance(kept["measured"], rows),
    )


def _tossed(table):
    """Which cells of Table I are a coin's: AdaCos on two classes."""
    return (table["method"] == "AdaCos") & table["at"].isin(two_class())


def chance(percent, rows, splits: int = 10):
    """Standard deviation of the accuracy of a random fold, in points."""
    share, size = percent / 100, rows / splits
    left = (rows - size) / (rows - 1)
    return 100 * np.sqrt(share * (1 - share) / size * left)


def spread(rows: pd.DataFrame):
    """The ± of each cell against chance; the line is chance alone."""
    figure, axes = plt.subplots(figsize=(8, 4.8))
    top = 1.06 * rows[["printed_chance", "chance"]].max().max()
    axes.plot([0, top], [0, top], color=INK, lw=1)
    dots = {"marker": "o", "ls": "none", "ms": 6, "color": INK}
    axes.plot(rows["printed_chance"], rows["printed_std"], **dots | HOLLOW)
    axes.plot(rows["chance"], rows["std"], **dots)
    axes.text(0.69 * top, 0.6 * top, "chance alone", va="center")
    above = rows["printed_std"] - rows["printed_chance"]
    for one in rows.loc[above.nlargest(3).index].itertuples():
        name = f"   {one.at}, {one.method}"
        axes.text(one.printed_chance, one.printed_std, name, va="center")
    axes.set(
        xlim=(0, top),
        ylim=0,
        xlabel="spread that chance alone gives a test fold, points",
        ylabel="± of the cell, points",
    )
    ratio = rows["printed_std"] / rows["printed_chance"]
    axes.set_title(
        f"Printed: {(ratio > 1).sum()} of {len(ratio)} ± are above chance, "
        f"{(ratio < 0.8).sum()} far below it"
    )
    plot.legend(figure, *plot.KINDS, bars="")
    return plot.show(figure)


def spans(table: pd.DataFrame, runs: pd.DataFrame):
    """Every cell of Table I, less the mean of its row."""
    figure, panels = plt.subplots(
        1, 2, figsize=(9, 6.6), sharex=True, sharey=True
    )
    kept, names = table[~_tossed(table)], list(table["at"].unique())[::-1]
    bars = reach(runs).reindex(names)
    panels[1].hlines(range(len(names)), -bars, bars, BASELINE, lw=9, alpha=0.3)
    for axes, kind in zip(panels, plot.KINDS):
        wide = cells.wide(kept, kind).loc[names]
        wide = wide.sub(wide.drop(columns="AdaCos").mean(axis=1), axis=0)
        for method in wide:
            mark = dot(method) | plot.KINDS[kind][2]
            axes.plot(wide[method], range(len(names)), **mark)
        far = np.nanmedian(wide.max(axis=1) - wide.min(axis=1))
        axes.set_title(
            f"{kind.capitalize()}: median range {far:.1f} points",
            fontsize=11.5,
        )
        axes.set_xlabel("accuracy less the mean of the row, points")
    panels[0].set_yticks(range(len(names)), names)
    plot.key(figure, {name: dot(name) for name in uci.COLUMNS}, ncols=4)
    return plot.show(figure)


def reach(runs: pd.DataFrame) -> pd.Series:
    """Half of the 95% interval of a difference, by data set, in points.

    The median over pairs of losses, AdaCos left out.
    """

    def middle(folds):
        pairs = itertools.combinations(folds, 2)
        return np.median([stats.paired_folds(*pair).half for pair in pairs])

    kept = runs[runs["column"] != "AdaCos"]
    return kept.groupby("dataset")["folds"].agg(middle)


def grid(table: pd.DataFrame) -> pd.DataFrame:
    """Table I as text, printed and measured by turns, the best bold."""
    pieces = {}
    for kind in plot.KINDS:
        wide = cells.wide(table, kind).round(2)
        best = wide.eq(wide.max(axis=1), axis=0)
        text = wide.map("{:.2f}".format).replace("nan", "–")
        pieces[kind] = text.where(~best, "<b>" + text + "</b>")
    found = pd.concat(pieces).swaplevel().loc[list(table["at"].unique())]
    return found.rename_axis([None, None]).rename_axis(columns=None)


def coins(table: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """AdaCos on two classes beside a coin that gives all rows one class."""
    found = table[_tossed(table)]
    cards = found["at"].map(datasets.card)
    rows = cards.map(lambda card: card.instances)
    share = 100 * cards.map(lambda card: card.class_counts[0]) / rows
    constant = runs[runs["column"] == "AdaCos"].set_index("dataset")
    return pd.DataFrame(
        {
            "data set": found["at"],
            "coin": 50.0,
            "±": np.hypot(share - 50, chance(share, rows)),
            "printed": found["printed"],
            " ±": found["printed_std"],
            "measured": found["measured"],
            "  ±": found["std"],
            "give one class": found["at"].map(constant["constant"]),
        }
    )


def ranks(means: dict[str, pd.DataFrame], level: float = 0.05):
    """Average ranks, with half a critical difference to each side.

    The level is the chance of one false difference among all pairs.
    """
    shown = pd.DataFrame({kind: stats.ranks(x) for kind, x in means.items()})
    for kind, wide in means.items():
        size = wide.shape[::-1]
        half = stats.critical_difference(*size, level=level) / 2
        low, high, *_ = plot.KINDS[kind]
        shown[low], shown[high] = shown[kind] - half, shown[kind] + half
    figure = plot.dots(
        shown.reset_index(names="method"),
        style=look,
        xlabel="average rank over data sets, 1 is best",
        bars="± half a critical difference",
    )
    best = (f"{shown[kind].idxmin()} as {kind}" for kind in means)
    figure.axes[0].set_title(f"Best rank: {', '.join(best)}")
    return plot.show(figure)


def against(means: pd.DataFrame, candidate: str) -> pd.DataFrame:
    """Wilcoxon's test of one loss against each other one, in points."""
    others = means.drop(columns=candidate)
    gaps = (-others).add(means[candidate], axis=0).round(2)
    p = [stats.signed_ranks(means[candidate], others[x]) for x in others]
    return pd.DataFrame(
        {
            "against": list(others),
            "median difference": gaps.median().to_numpy(),
            "better on": (gaps > 0).sum().to_numpy(),
            "p": p,
            "p, Holm": stats.holm(p),
        }
    )


def apart(table: pd.DataFrame, points: float = 5.0) -> pd.DataFrame:
    """Cells printed and measured more than so far apart, furthest first."""
    names = {"at": "data set", "method": "loss", "printed": "printed"}
    names |= {"printed_std": "±", "measured": "measured", "std": " ±"}
    shown = table[list(names)].rename(columns=names)
    gap = table["measured"] - table["printed"]
    far = shown.assign(gap=gap)[gap.abs() > points]
    return far.sort_values("gap", key=abs, ascending=False)
