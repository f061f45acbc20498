"""MNIST: what forty margins move, and what a test set can tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from scipy import stats as distributions

from arcbook import cells, packing, plot, stats
from arcbook.audit import sphere, tables
from arcbook.book import page
from arcbook.chapters import cifar
from arcbook.plot import BASELINE

FOUR = {
    "c_inter": "C-Inter, degrees",
    "w_inter": "W-Inter, degrees",
    "wc_intra": "WC-Intra, degrees",
    "accuracy": "test accuracy, %",
}
MISSED = (0.5, 1, 2, 5)


def networks() -> pd.DataFrame:
    """The 40 networks of the table: `cells.runs` with angles in degrees."""
    rows = cells.measured("mnist-cosine.table1")
    angles = list(cells.ANGLES)
    return rows.assign(**np.degrees(rows[angles].astype(float)))


def follows(rows: pd.DataFrame) -> pd.Series:
    """Spearman's correlation of ArcFace's margin with each of `FOUR`."""
    arcface = rows.loc[rows["column"] == "ArcFace", ["m", *FOUR]]
    return arcface.astype(float).corr("spearman").loc["m", list(FOUR)]


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


def apart(rows: pd.DataFrame) -> pd.DataFrame:
    """How far settled accuracies lie apart, and how far chance puts them."""
    found, images = [], cells.TEST_IMAGES
    for method, part in rows.groupby("method", sort=False):
        for kind, kept in zip(plot.KINDS, ("settled", "settled_here")):
            values = part.loc[part[kept], kind]
            if len(values) < 2:
                continue
            number = len(values)
            equal = expected_range(values.mean(), images, number)
            chi2, freedom, p = stats.homogeneity(values, images)
            found.append(
                {
                    "loss": method,
                    "kind": kind,
                    "networks": number,
                    "far below": part[kind].count() - number,
                    "best − worst": np.ptp(values),
                    "of equal ones": equal,
                    "χ² a degree of freedom": chi2 / freedom,
                    "p": p,
                }
            )
    return pd.DataFrame(found)


def settings(rows: pd.DataFrame):
    """Every setting: printed hollow, measured filled."""
    figure, panels = plt.subplots(1, 2, figsize=(8.5, 8.2), sharex=True)
    low = 98.25
    parts = rows.groupby("method", sort=False)
    for axes, (method, part) in zip(panels, parts, strict=True):
        look = plot.look(method)
        named = part.replace({"at": {r"\bm(\d)": r"m$_\1$"}}, regex=True)
        plot.row_dots(axes, named, "at", style=lambda _, look=look: look)
        for place, value in enumerate(part["printed"][::-1]):
            if value < low:
                axes.text(low, place, f" ← {value:.1f}", va="center")
        axes.set_xlim(low, 99.55)
        far = [(~part[name]).sum() for name in ("settled", "settled_here")]
        axes.set_title(
            f"{method}, far below: {far[0]} printed, {far[1]} measured",
            fontsize=11.5,
        )
    figure.supxlabel("test accuracy, %", fontsize=11.5)
    plot.legend(figure, *plot.kinds(rows))
    return plot.show(figure)


def confusion(rows: pd.DataFrame):
    """What networks take each digit for, all together."""
    total = cifar.confusion(rows["record"])
    figure, axes = plt.subplots(figsize=(8, 6.2))
    matrix = pd.DataFrame(total)
    plot.heat(matrix, axes=axes, hits=plot.colour("arcface"))
    axes.set(xlabel="taken for", ylabel="digit")
    axes.tick_params(axis="y", labelrotation=0)
    errors = matrix.where(~np.eye(len(total), dtype=bool)).stack()
    digit, taken = errors.idxmax()
    axes.set_title(
        f"Of {errors.sum():.0f} misses {errors.max():.0f} are a {digit} taken "
        f"for a {taken}"
    )
    return plot.show(figure)


def named(runs: pd.DataFrame) -> pd.DataFrame:
    """Reduced runs with a column `setting`, such as "ArcFace, m = 0.5"."""
    values = [name for name in ("m", "m2", "m3", "epochs") if name in runs]
    varied = [name for name in values if runs[name].nunique() > 1]
    texts = [
        ", ".join(
            [one["column"]]
            + [f"{k} = {one[k]:g}" for k in varied if pd.notna(one[k])]
        )
        for one in runs.to_dict("records")
    ]
    return runs.assign(setting=texts)


def by_setting(runs: pd.DataFrame):
    """Reduced runs by their setting: means over seeds."""
    runs = named(runs)
    losses = runs.set_index("setting")["column"].to_dict()
    shown = cifar.grouped(runs, ["setting"])
    look = {"rows": "setting", "style": lambda name: plot.look(losses[name])}
    figure = plot.dots(shown, **look, bars=cifar.BARS["reduced"])
    span = np.ptp(shown["reduced"])
    figure.axes[0].set_title(f"Means over seeds: within {span:.2f} points")
    return plot.show(figure)


def hits(record: Mapping) -> np.ndarray:
    """Of each test image whether a run got it right, (n,) of booleans."""
    bits = np.unpackbits(packing.unpack(record["arrays"]["hits"]))
    return bits[: record["test_images"]].astype(bool)


def image_by_image(
    runs: pd.DataFrame, pairs: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """Two settings of `named` on the same images, for each seed of both.

    Gives a row a pair and seed: first, second, seed; lead of the first in
    points; only_first, only_second, p of McNemar's test; rho, the
    correlation of the hits.
    """
    kept = {
        (one["setting"], one["seed"]): hits(one["record"])
        for one in runs.to_dict("records")
        if "hits" in one["record"]["arrays"]
    }
    rows = []
    for first, second in pairs:
        for seed in runs.loc[runs["setting"] == first, "seed"]:
            if {(first, seed), (second, seed)} <= {*kept}:
                both = kept[first, seed], kept[second, seed]
                row = {"first": first, "second": second, "seed": seed}
                row["lead"] = 100 * (both[0].mean() - both[1].mean())
                only = "only_first", "only_second", "p"
                row |= dict(zip(only, stats.mcnemar(*both), strict=True))
                rows.append(row | {"rho": np.corrcoef(*both)[0, 1]})
    return pd.DataFrame(rows)


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """`image_by_image` by pair, as a table of the page."""
    rows = rows.assign(holm=stats.holm(rows["p"]))
    found = [
        {
            "first": first,
            "second": second,
            "ahead by": stats.of_runs(part["lead"]),
            "only the first right": part["only_first"].mean(),
            "only the second": part["only_second"].mean(),
            "p < 0.05": f"{(part['p'] < 0.05).sum()} of {len(part)}",
            "least p, Holm": part["holm"].min(),
        }
        for (first, second), part in rows.groupby(
            ["first", "second"], sort=False
        )
    ]
    return pd.DataFrame(found)


def against_one(runs: pd.DataFrame, m: float = 0.5):
    """ArcFace at one margin against each other setting, as a table."""
    runs = named(runs)
    ours = f"ArcFace, m = {m:g}", "ArcFace"
    others = dict.fromkeys(runs["setting"])
    firsts = [name for name in others if name in ours]
    return _compared(runs, [(x, y) for x in firsts for y in others if x != y])


def against_softmax(runs: pd.DataFrame):
    """ArcFace against softmax at each number of epochs, as a table."""
    runs = named(runs[runs["embedding_dim"].isna()])
    lengths = sorted(runs["epochs"].unique())
    pairs = [
        tuple(f"{name}, epochs = {x}" for name in ("ArcFace", "Soft"))
        for x in lengths
    ]
    return _compared(runs, pairs)


def _compared(runs, pairs):
    rows = image_by_image(runs, pairs)
    if rows.empty:
        return cifar.absent(runs["record"].iloc[0]["experiment"])
    rho = rows["rho"].mean()
    mark = (
        "◐ Reduced"
        if runs["record"].iloc[0]["profile"] == "reduced"
        else "Full"
    )
    return page.table(
        compared(rows),
        f"{mark} profile, both on the same test images, seed by seed: the "
        "lead in points with its 95% interval over seeds; images that one "
        "alone gets right, on average; seeds in which McNemar's p is below "
        "0.05; the least p of all tests of the table, by Holm. The hits of "
        f"two networks have a correlation of ρ = {rho:.2f} on average.",
        formats={"least p, Holm": ".2g"},
        digits=0,
    )


def lengths() -> pd.DataFrame:
    """The runs of both losses for 5, 10 and 100 epochs."""
    rows = cells.measured("mnist-cosine.fig2")
    return rows[rows["embedding_dim"].isna()]


def courses(rows: pd.DataFrame):
    """Share of test images missed over the epochs of each run."""
    figure, panels = plt.subplots(1, 3, figsize=(8, 3.8), sharey=True)
    for axes, (length, part) in zip(panels, rows.groupby("epochs")):
        for one in part.itertuples():
            curves, look = one.record["curves"], plot.look(one.column)
            missed = 100 - 100 * np.array(curves["test_accuracy"])
            axes.plot(curves["epoch"], missed, color=look["color"], lw=1.4)
            axes.plot(curves["epoch"][-1], missed[-1], **look)
        end = part.set_index("column")["accuracy"]
        gap = f"{end['ArcFace'] - end['Soft']:+.2f}".replace("-", "−")
        axes.set_title(f"{length} epochs: {gap}", fontsize=11.5)
        axes.set(yscale="log", xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[0].set_yticks(MISSED, map(str, MISSED))
    panels[0].minorticks_off()
    panels[0].set_ylabel("test images missed, %")
    plot.key(figure, {name: plot.look(name) for name in ("ArcFace", "Soft")})
    return plot.show(figure)


def seeds(rows: dict[str, pd.DataFrame]):
    """Accuracies of live networks: of each set how far they are apart."""
    runs = pd.concat(rows.values()).drop_duplicates(["m", "seed"])
    figure = cifar.live_dots(runs, ["m", "seed"])
    apart = (
        f"{name}: {np.ptp(some['accuracy'].dropna()):.1f} points apart"
        for name, some in rows.items()
    )
    figure.axes[0].set_title("; ".join(apart))
    return plot.show(figure)


def room(tries: int = 3) -> float:
    """Degrees between the closest two of ten directions at their widest."""
    found = (
        sphere.spread_out(10, 3, goal="minimum", seed=seed)
        for seed in range(tries)
    )
    return math.degrees(max(map(sphere.smallest_angle, found)))
