"""Chapter 16: every loss tuned alike, and what softmax then lacks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, to_rgba

from arcbook import datasets, experiments, plot, stats
from arcbook.experiments import search
from arcbook.plot import BASELINE, INK

ID, BASE = "open.tuned", "Soft"
IMAGES = {"fashion-mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}
ALL, TABLES = "all data sets", "tables"
MATCHES, AHEAD, BEHIND = "matches", "ahead", "behind"
OPEN = "not settled"


def fair(record: dict) -> bool:
    """Whether a loss is defined: AdaCos has s = 0 of two classes."""
    classes = datasets.card(record["dataset"]).classes
    return classes > 2 or record["loss"] != "adacos"


def records(profile: str = "reduced") -> list[dict]:
    """The records of the search, without AdaCos on two classes."""
    return [one for one in experiments.records(ID, profile) if fair(one)]


def panel(dataset: str) -> str:
    """The panel of a data set: its own of images, one for all tables."""
    return IMAGES.get(dataset, TABLES)


def accuracies(found: Sequence[dict]) -> pd.DataFrame:
    """Test accuracy in percent, a row a seed: dataset, column, seed."""
    rows = [
        (one["dataset"], one["column"], seed, 100 * hits / of["tested"])
        for one in found
        for of in [one["metrics"]]
        for seed, hits in enumerate(of["test"])
    ]
    heads = ["dataset", "column", "seed", "accuracy"]
    return pd.DataFrame(rows, columns=heads)


def gaps(frame: pd.DataFrame, column: str, base: str) -> dict:
    """Differences of two losses in points, paired by seed, by data set."""
    wide = frame.pivot(
        index=["dataset", "seed"], columns="column", values="accuracy"
    )
    wide = wide.reindex(columns=[column, base]).dropna()
    gap = wide[column] - wide[base]
    return {
        name: part.to_numpy()
        for name, part in gap.groupby("dataset", sort=False)
    }


def against(frame: pd.DataFrame, bound: float) -> pd.DataFrame:
    """Each loss against softmax, over data sets and on each set of images.

    Gives rows: panel, method, measured, low, high (90%), p, sets, verdict.
    The values are means of data sets, or where there is one its seeds.
    """
    rows = []
    for name in (ALL, TABLES, *IMAGES.values()):
        for column in search.METHODS:
            gap = {
                dataset: values
                for dataset, values in gaps(frame, column, BASE).items()
                if name in (ALL, panel(dataset))
            }
            if column == BASE or not gap:
                continue
            means = [values.mean() for values in gap.values()]
            one = next(iter(gap.values()))
            values = one if name in IMAGES.values() else means
            found = stats.equivalence(values, bound)
            ends = found.mean, found.low, found.high, found.p
            said = verdict(found, bound)
            rows.append((name, column, *ends, len(gap), said))
    heads = ["panel", "method", "measured", "low", "high", "p", "sets"]
    return pd.DataFrame(rows, columns=[*heads, "verdict"])


def verdict(gap: stats.Estimate, bound: float) -> str:
    """What the interval of a loss less softmax says, as fixed beforehand."""
    if gap.low > -bound and gap.high < bound:
        return MATCHES
    if gap.low >= bound:
        return AHEAD
    return BEHIND if gap.high <= -bound else OPEN


def whole(profile: str) -> bool:
    """Whether all runs of a profile are measured: no answer before."""
    found = experiments.records(ID, profile)
    return len(found) == len(experiments.runs(ID, profile))


def answer(rows: pd.DataFrame, bound: float) -> str:
    """Whether tuned softmax matches, in a sentence, over all data sets.

    `rows` are those of `against`, or none of them.
    """
    main = rows[rows["panel"] == ALL]
    if main.empty:
        return "No answer yet: it waits for all of its runs."
    count = int(main["sets"].max())
    counted = f"over {count} data set{'s' * (count != 1)}"
    if ahead := _names(main[main["low"] >= bound]):
        return f"No: {counted} the lead of {ahead} is larger than the bound."
    if open_ := _names(main[~(main["high"] < bound)]):
        return (
            f"It is not settled {counted}: {open_} may be ahead by "
            f"{bound:g} or more points."
        )
    return f"Yes: {counted} no loss is ahead by {bound:g} or more points."


def named(rows: pd.DataFrame, *verdicts: str) -> str:
    """Which losses have these verdicts over all data sets, in sentences."""
    main = rows[rows["panel"] == ALL]
    said = {
        MATCHES: "Within the bound of softmax over all data sets: {}.",
        AHEAD: "Ahead of softmax by more than the bound: {}.",
        BEHIND: "Behind softmax by more than the bound: {}.",
        OPEN: "Not settled by these data sets: {}.",
    }
    found = [
        said[one].format(_names(main[main["verdict"] == one]) or "none")
        for one in verdicts
    ]
    return " ".join(found) if len(main) else "Open, as above."


def _names(rows):
    *others, last = rows["method"].tolist() or [""]
    return f"{', '.join(others)} and {last}" if others else last


def beats(frame: pd.DataFrame) -> pd.DataFrame:
    """How often each loss, "method", beats each other, "other", with ends."""
    columns = [x for x in search.METHODS if (frame["column"] == x).any()]
    rows = []
    for pair in itertools.combinations(columns, 2):
        gap = [*gaps(frame, *pair).values()]
        found = stats.beats(gap) if gap else stats.Estimate(np.nan)
        for names, one in ((pair, found), (pair[::-1], -found + 1)):
            rows.append((*names, one.mean, one.low, one.high))
    heads = ["method", "other", "share", "low", "high"]
    return pd.DataFrame(rows, columns=heads)


def budget(found: Sequence[dict], shown: str = "test") -> pd.DataFrame:
    """Expected accuracy of the best of k trials, in percent.

    The best is the one on validation rows; `shown` are the rows whose
    accuracy is given, "test" or "validation". Means over splits, then over
    the data sets of a panel that have all losses.

    Gives rows: panel, column, trials, accuracy. Raises ValueError for other
    rows.
    """
    keys = {"test": ("looked", "looked_at")}
    keys["validation"] = "validation", "validated"
    if shown not in keys:
        raise ValueError(f"shown = {shown!r}: it is 'test' or 'validation'")
    hits, number = keys[shown]
    rows = []
    for one in found:
        of = one["metrics"]
        splits = zip(of[hits], of["validation"], strict=True)
        course = np.mean([stats.best_of(*each) for each in splits], 0)
        course = 100 * course / of[number]
        about = panel(one["dataset"]), one["dataset"], one["column"]
        rows += [(*about, k, x) for k, x in enumerate(course, 1)]
    heads = ["panel", "dataset", "column", "trials", "accuracy"]
    frame = pd.DataFrame(rows, columns=heads)
    several = frame.groupby("dataset")["column"].transform("nunique")
    frame = frame[several == several.max()]
    by = ["panel", "column", "trials"]
    return frame.groupby(by, sort=False, as_index=False)["accuracy"].mean()


def means(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean test accuracy by loss and panel, over data sets that have all."""
    wide = frame.pivot_table("accuracy", "dataset", "column").dropna()
    wide = wide.reindex(columns=[x for x in search.METHODS if x in wide])
    found = wide.groupby(panel, sort=False).mean().T
    found = found[[x for x in (TABLES, *IMAGES.values()) if x in found]]
    return found.rename_axis(index=None, columns=None)


def opening(rows: pd.DataFrame, bound: float):
    """Publish each loss less softmax, with the bound as a band."""
    if rows.empty:
        return plot.absent(f"No run of `{ID}` is measured in this profile.")
    figure = plot.dots(
        rows,
        panels="panel",
        columns=2,
        sharex=True,
        xlabel="accuracy less that of softmax, points",
        bars="90% interval",
    )
    parts = rows.groupby("panel", sort=False)
    for axes, (name, part) in zip(figure.axes, parts, strict=True):
        axes.axvspan(-bound, bound, color=BASELINE, alpha=0.18, lw=0)
        axes.axvline(0, color=INK, lw=1)
        if name in (ALL, TABLES):
            axes.set_title(f"{name}: {part['sets'].max()}", fontsize=11.5)
    main = rows[rows["panel"] == ALL]
    within = (main["verdict"] == MATCHES).sum()
    title = f"{within} of {len(main)} losses are within {bound:g} point"
    title += f"{'s' * (bound != 1)} of softmax"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5)
    return plot.show(figure)


def matrix(found: pd.DataFrame):
    """Publish how often the loss of a row beats that of a column."""
    if found.empty:
        return None
    order = [x for x in search.METHODS if x in found["method"].values]
    wide = found.pivot(index="method", columns="other", values="share")
    wide = wide.reindex(index=order, columns=order)
    clear = found[(found["low"] > 0.5) | (found["high"] < 0.5)]
    figure, axes = plt.subplots(figsize=(7, 4.6))
    ends = [to_rgba(color, 0.6) for color in ("#d55e00", "#2b7bd6")]
    ramp = [ends[0], to_rgba(BASELINE, 0), ends[1]]
    sns.heatmap(
        100 * wide,
        cmap=LinearSegmentedColormap.from_list("beats", ramp),
        vmin=0,
        vmax=100,
        annot=True,
        fmt=".0f",
        annot_kws={"fontsize": 11, "color": INK},
        linewidths=0.5,
        linecolor="none",
        cbar=False,
        ax=axes,
    )
    for text in axes.texts:
        text.set_color(INK)
        column, row = (int(x) for x in text.get_position())
        pair = order[row], order[column]
        if pair in set(zip(clear["method"], clear["other"])):
            text.set_fontweight("bold")
    axes.grid(False)
    axes.tick_params(length=0, rotation=0)
    axes.set(ylabel="how often this loss, %", xlabel="beats this one")
    number = len(clear) // 2
    axes.set_title(f"{number} of {len(found) // 2} pairs are told apart")
    return plot.show(figure)


def courses(found: pd.DataFrame, shown: str):
    """Publish the best against the number of trials, a panel each."""
    if found.empty:
        return None
    parts = found.groupby("panel", sort=False)
    figure, every = plot.grid(
        *(len(parts), 3, 3.6), width=9.5, base=0.6, sharex=True
    )
    for axes, (name, part) in zip(every, parts, strict=True):
        for column, course in part.groupby("column", sort=False):
            axes.plot(course["trials"], course["accuracy"], **line(column))
        axes.set_title(name, fontsize=11.5)
        axes.set_xscale("log")
        ticks = [k for k in (1, 3, 10, 30, 100) if k <= part["trials"].max()]
        axes.set_xticks(ticks, ticks)
        axes.xaxis.set_minor_locator(plt.NullLocator())
    every[0].set_ylabel(f"expected {shown} accuracy, %")
    every[len(every) // 2].set_xlabel("trials, of which validation chooses")
    marks = {column: line(column) for column in found["column"].unique()}
    plot.key(figure, marks, handletextpad=0.6, fontsize=10)
    return plot.show(figure)


def line(column: str) -> dict:
    """The curve of a loss; NormFace is as grey as softmax, so dashed."""
    dashes = "--" if column == "NormFace" else "-"
    return plot.look(column) | {"marker": "", "ls": dashes}
