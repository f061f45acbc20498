"""MNIST: what forty margins move, and what a test set can tell."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from scipy import stats as distributions

from arcbook import cells, packing, plot, stats
from arcbook.audit import tables
from arcbook.plot import BASELINE, INK

ID, LENGTHS = "mnist-cosine.table1", "mnist-cosine.fig2"
FOUR = {
    "c_inter": "C-Inter, degrees",
    "w_inter": "W-Inter, degrees",
    "wc_intra": "WC-Intra, degrees",
    "accuracy": "test accuracy, %",
}
MISSED = (0.5, 1, 2, 5)


def networks() -> pd.DataFrame:
    """The 40 networks of the table: `cells.runs` with angles in degrees."""
    rows = cells.measured(ID)
    angles = list(cells.ANGLES)
    return rows.assign(**np.degrees(rows[angles].astype(float)))


def follows(rows: pd.DataFrame) -> pd.Series:
    """Spearman's correlation of ArcFace's margin with each of `FOUR`."""
    arcface = rows[rows["column"] == "ArcFace"]
    return pd.Series(
        {
            name: distributions.spearmanr(arcface["m"], arcface[name])[0]
            for name in FOUR
        }
    )


def opening(figure, rows: pd.DataFrame):
    """Name, label and publish the four panels of the first picture."""
    rank = follows(rows)
    accuracy = rows.loc[rows["column"] == "ArcFace", "accuracy"]
    for axes, (name, label) in zip(figure.axes, FOUR.items(), strict=True):
        axes.set_ylabel(label)
        axes.set_title(
            f"rank correlation with m: {rank[name]:+.2f}".replace("-", "−"),
            fontsize=11,
        )
    last = figure.axes[-1]
    middle = accuracy.mean()
    half = 1.96 * stats.share_error(middle, cells.TEST_IMAGES)
    last.axhspan(middle - half, middle + half, color=BASELINE, alpha=0.16)
    last.set_ylim(middle - 2.5 * half, middle + 2.5 * half)
    for axes in figure.axes[-2:]:
        axes.set_xlabel("margin m of ArcFace, radians")
    return plot.show(figure)


def expected_range(percent: float, images: int, settings: int) -> float:
    """The mean of best minus worst of equal settings, in points.

    By the order statistics of the binomial: the largest of k counts is at most
    x with probability Fᵏ, the smallest above x with (1 − F)ᵏ.
    """
    below = distributions.binom.cdf(np.arange(images), images, percent / 100)
    hits = 1 - below**settings - (1 - below) ** settings
    return float(100 * hits.sum() / images)


def largest_range(percent: float, images: int, settings: int = 2) -> float:
    """95% quantile of that difference, by the studentised range."""
    quantile = distributions.studentized_range.ppf(0.95, settings, np.inf)
    return float(quantile) * stats.share_error(percent, images)


def table() -> pd.DataFrame:
    """`cells.beside` of the printed table, with which runs have settled.

    Adds settled and settled_here (of the measured): see `tables.settled`.
    """
    rows = cells.beside("mnist-cosine", "table1")
    return rows.assign(
        settled=tables.settled(rows),
        settled_here=tables.settled(rows, "measured"),
    )


def short_of(rows: pd.DataFrame) -> pd.Series:
    """How far a printed accuracy is below the median of its loss, points."""
    medians = rows.groupby("method")["printed"].transform("median")
    return medians - rows["printed"]


def apart(rows: pd.DataFrame) -> pd.DataFrame:
    """How far settled accuracies lie apart, and how far chance puts them."""
    found = []
    for method, part in rows.groupby("method", sort=False):
        for value, kept in (
            ("printed", "settled"),
            ("measured", "settled_here"),
        ):
            values = part.loc[part[kept], value]
            if len(values) < 2:
                continue
            mean = values.mean()
            chi2, freedom, p = stats.homogeneity(values, cells.TEST_IMAGES)
            found.append(
                {
                    "loss": method,
                    "kind": value,
                    "networks": len(values),
                    "far below": int(part[value].notna().sum() - len(values)),
                    "best − worst": np.ptp(values),
                    "of equal ones": expected_range(
                        mean, cells.TEST_IMAGES, len(values)
                    ),
                    "χ² a degree of freedom": chi2 / freedom,
                    "p": p,
                }
            )
    return pd.DataFrame(found)


def settings(rows: pd.DataFrame):
    """Every setting: printed hollow, measured filled."""
    figure, panels = plt.subplots(2, 1, figsize=(8, 7.4), sharey=True)
    low = 98.25
    for axes, (method, part) in zip(
        panels, rows.groupby("method", sort=False), strict=True
    ):
        look = plot.look(method)
        for shift, (value, (left, right, hollow, width)) in zip(
            (-0.16, 0.16), plot.KINDS.items(), strict=True
        ):
            seen = part[value] >= low
            at = np.arange(len(part)) + shift
            ends = part[left].clip(lower=low)[seen], part[right][seen]
            axes.vlines(at[seen], *ends, look["color"], lw=width)
            axes.plot(
                at[seen], part[value][seen], **look | hollow | {"ls": "none"}
            )
            for place in np.flatnonzero(part[value] < low):
                axes.annotate(
                    f"{part[value].iloc[place]:.1f}↓",
                    (at[place], low),
                    ha="center",
                    fontsize=9.5,
                    color=INK,
                )
        labels = part["at"].str.findall(r"0\.\d+").str.join("\n")
        axes.set_xticks(range(len(part)), labels, fontsize=8.5)
        axes.grid(axis="x", visible=False)
        axes.set_ylabel("test accuracy, %")
        lost = (~part["settled"]).sum(), (~part["settled_here"]).sum()
        axes.set_title(
            f"{method}: {lost[0]} of {len(part)} printed and {lost[1]} "
            "measured networks far below the others",
            fontsize=11.5,
        )
    panels[0].set_xlabel("margin m, radians")
    panels[1].set_xlabel("margins $m_2$ (above) and $m_3$, radians")
    panels[0].set_ylim(low - 0.02, 99.55)
    plot.legend(figure, "printed", "measured")
    return plot.show(figure)


def confusion(rows: pd.DataFrame, method: str = "ArcFace"):
    """What the networks of a loss take each digit for, all together."""
    some = rows.loc[rows["column"] == method, "record"]
    total = sum(
        packing.unpack(one["arrays"]["confusion"]).astype(int) for one in some
    )
    digits = [str(k) for k in range(len(total))]
    matrix = pd.DataFrame(total, index=digits, columns=digits)
    figure, axes = plt.subplots(figsize=(8, 6.2))
    plot.heat(matrix, axes=axes, hits=plot.colour("arcface"))
    axes.set(xlabel="taken for", ylabel="digit")
    errors = matrix.where(~np.eye(len(total), dtype=bool)).stack()
    digit, taken = errors.idxmax()
    axes.set_title(
        f"Of {errors.sum():.0f} misses {errors.max():.0f} are a {digit} taken "
        f"for a {taken}"
    )
    return plot.show(figure)


def courses():
    """Share of test images missed over the epochs of each run."""
    rows = cells.measured(LENGTHS)
    rows = rows[rows["embedding_dim"].isna()]
    lengths = sorted(rows["epochs"].unique())
    figure, panels = plt.subplots(
        1, len(lengths), figsize=(8, 3.8), sharey=True
    )
    for axes, length in zip(panels, lengths, strict=True):
        part = rows[rows["epochs"] == length]
        ends = {}
        for method, one in part.groupby("column"):
            (record,) = one["record"]
            look = plot.look(method)
            epoch = record["curves"]["epoch"]
            missed = 100 - 100 * np.array(record["curves"]["test_accuracy"])
            axes.plot(epoch, missed, color=look["color"], lw=1.4)
            axes.plot(epoch[-1], missed[-1], **look)
            ends[method] = missed[-1]
        gap = f"{ends['Soft'] - ends['ArcFace']:+.2f}".replace("-", "−")
        axes.set_title(f"{length} epochs: {gap}", fontsize=11.5)
        axes.set(yscale="log", xlabel="epoch")
    panels[0].set_yticks(MISSED, map(str, MISSED))
    panels[0].minorticks_off()
    panels[0].set_ylabel("test images missed, %")
    plot.key(
        figure,
        {name: plot.look(name) for name in sorted(rows["column"].unique())},
    )
    return plot.show(figure)


def lengths() -> pd.DataFrame:
    """Accuracy of both losses after each number of epochs."""
    rows = cells.measured(LENGTHS)
    rows = rows[rows["embedding_dim"].isna()]
    found = cells.group(rows, ["epochs", "column"])
    return found[["epochs", "column", "mean", "low", "high"]]


def seeds(rows: dict[str, pd.DataFrame]):
    """Accuracies of live networks, a line a set."""
    figure, axes = plt.subplots(figsize=(8, 1.4 + 0.9 * len(rows)))
    look = plot.look("ArcFace") | {"ls": "none"}
    for place, runs in enumerate(rows.values()):
        found = runs.dropna(subset="accuracy")
        at = -place + np.linspace(-0.25, 0.25, len(found))
        ends = [
            stats.of_share(run.accuracy, int(run.test_images))
            for run in found.itertuples()
        ]
        axes.hlines(
            at, [x.low for x in ends], [x.high for x in ends], look["color"]
        )
        axes.plot(found["accuracy"], at, **look)
    axes.set_yticks([-k for k in range(len(rows))], list(rows))
    axes.set_xlabel("test accuracy, %")
    spans = [np.ptp(runs["accuracy"].dropna()) for runs in rows.values()]
    axes.set_title(
        "; ".join(
            f"{name.split(',')[0]}: {span:.1f} points apart"
            for name, span in zip(rows, spans, strict=True)
        )
    )
    return plot.show(figure)


def room(tries: int = 3) -> float:
    """Degrees between the closest two of ten directions at their widest."""
    from arcbook.audit import sphere

    return math.degrees(
        max(
            sphere.smallest_angle(
                sphere.spread_out(10, 3, goal="minimum", seed=k)
            )
            for k in range(tries)
        )
    )
