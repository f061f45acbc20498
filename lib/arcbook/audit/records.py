"""Claims on the UCI experiments, judged from the records."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from arcbook import (
    datasets,
    ensembles,
    experiments,
    papers,
    results,
    statistics,
)
from arcbook.analysis import comparisons, depth, tables
from arcbook.audit import numbers
from arcbook.audit.verdicts import (
    CLOSE,
    FAILS,
    FOLLOWS,
    MEASURED,
    NOT_REPLICATED,
    PROTOCOL,
    REPLICATED,
    UNMEASURED,
    Finding,
    all_of,
    by_interval,
    rule,
)

OURS = "ArcGrad5"
SCALES = ("ArcGrad5", "ArcGrad10", "ArcGrad30")
RIVALS = ("Soft", "Center", "M-Soft", "ArcFace", "AdaCos")
CHANCE = 100 / 3
AROUND = 5.0
UCI, LAYERS = "06_uci.html", "07_layers.html"


class Interval(NamedTuple):
    """A mean and its 95% interval, in percentage points."""

    mean: float
    low: float
    high: float

    def __sub__(self, other):
        half = np.hypot(self.high - self.mean, other.high - other.mean)
        gap = self.mean - other.mean
        return Interval(gap, gap - half, gap + half)

    def __str__(self):
        text = f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"
        return text.replace("-", "−")


def full(id: str):
    """The full records of an experiment, None unless all are fresh."""
    files = results.files(id, "full")
    return _full(id, tuple((x.name, x.stat().st_mtime_ns) for x in files))


@lru_cache(maxsize=4)
def _full(id, files):
    records = experiments.records(id, "full")
    wanted = len(experiments.runs(id, "full"))
    fresh = [one for one in records if not one["stale"]]
    return fresh if len(fresh) == wanted else None


def average_gap(records, first: str, second: str) -> Interval:
    """Difference of two columns' averages over the data sets of Table I.

    Within a data set the variance of the mean over folds is the corrected
    one of Nadeau and Bengio; data sets are independent.
    """
    names = papers.table("arcgrad", "table1")["dataset"].unique()
    means, variances = [], []
    for name in names:
        gap = tables.folds(name, first, records) - tables.folds(
            name, second, records
        )
        means.append(gap.mean())
        error = comparisons.reach(gap.std(ddof=1), len(gap))
        variances.append((error / stats.t.ppf(0.975, len(gap) - 1)) ** 2)
    mean = float(np.mean(means))
    half = stats.norm.ppf(0.975) * np.sqrt(np.sum(variances)) / len(names)
    return Interval(mean, float(mean - half), float(mean + half))


def worse_somewhere(records) -> tuple[int, int, int]:
    """Data sets where ArcGrad5 is clearly worse than another, better, all.

    Clearly: p < 0.05 after Holm's correction over all comparisons.
    """
    names = papers.table("arcgrad", "table1")["dataset"].unique()
    tests = [
        (
            name,
            statistics.corrected_t_test(
                tables.folds(name, OURS, records),
                tables.folds(name, other, records),
            ),
        )
        for name in names
        for other in RIVALS
    ]
    p = statistics.holm(np.array([test.p for _, test in tests]))
    clear = [
        (name, test.mean)
        for (name, test), one in zip(tests, p, strict=True)
        if one < 0.05
    ]
    worse = {name for name, mean in clear if mean < 0}
    better = {name for name, mean in clear if mean > 0}
    return len(worse), len(better - worse), len(names)


@rule("claim", "arcgrad", "consistently")
def consistently() -> Finding:
    """On how many data sets is some ArcGrad the best?"""
    wins = papers.summary("arcgrad", "table1")["Wins"]
    ours = int(wins.filter(like="ArcGrad").sum())
    total = int(wins.sum())
    found = {"wins": ours, "data sets": total}
    why = (
        f"In the printed Table I an ArcGrad is best on {ours} of {total} "
        "data sets, with two tries at s."
    )
    records = full("arcgrad.table1")
    if records is None:
        return Finding(UNMEASURED, why, in_print=FAILS, found=found, page=UCI)
    worse, better, _ = worse_somewhere(records)
    verdict = NOT_REPLICATED if worse else CLOSE
    verdict = REPLICATED if better == total else verdict
    return Finding(
        verdict,
        why,
        in_print=FAILS if ours < total else FOLLOWS,
        measured=f"clearly worse than another loss on {worse} of {total} "
        f"data sets; clearly better than some, and worse than none, on "
        f"{better}",
        found=found | {"worse": worse, "better": better},
        page=UCI,
        basis=MEASURED,
    )


def averages(first: str, others, why: str) -> Finding:
    """A claim that one column's average is above others'."""
    printed = papers.summary("arcgrad", "table1")["Average"]
    follows = all(printed[first] > printed[other] for other in others)
    found = {other: printed[first] - printed[other] for other in others}
    in_print = FOLLOWS if follows else FAILS
    records = full("arcgrad.table1")
    if records is None:
        return Finding(
            UNMEASURED, why, in_print=in_print, found=found, page=UCI
        )
    gaps = {other: average_gap(records, first, other) for other in others}
    return Finding(
        all_of(by_interval(gap.low, gap.high) for gap in gaps.values()),
        why,
        in_print=in_print,
        measured=f"{first} minus "
        + "; ".join(f"{other}: {gap}" for other, gap in gaps.items())
        + " points",
        found=found | {f"measured, {k}": v.mean for k, v in gaps.items()},
        page=UCI,
        basis=MEASURED,
    )


@rule("claim", "arcgrad", "soft-average")
def soft_average() -> Finding:
    """Soft above Center, ArcFace and AdaCos."""
    return averages("Soft", ("Center", "ArcFace", "AdaCos"), without_two())


@rule("claim", "arcgrad", "best-average")
def best_average() -> Finding:
    """ArcGrad5 above the five other losses."""
    return averages(OURS, RIVALS, "The averages are those of Table I.")


def without_two() -> str:
    """Averages without the data sets of two classes, as a sentence."""
    averages = average_without_two()
    printed = papers.summary("arcgrad", "table1")["Average"]
    return (
        f"AdaCos averages {printed['AdaCos']:.2f} because its scale is 0 "
        f"on the {len(comparisons.two_class())} data sets of two classes; "
        "without them it has "
        f"{averages['AdaCos']:.2f} and Soft {averages['Soft']:.2f}."
    )


def average_without_two() -> pd.Series:
    """Averages of the printed Table I over more than two classes."""
    means = numbers.wide("arcgrad", "table1")
    return means.drop(comparisons.two_class()).mean()


def at_depth(curve: pd.DataFrame, column: str, layers: int) -> Interval:
    """Accuracy of a column of Fig. 2 at a number of layers."""
    row = curve[(curve["column"] == column) & (curve["layers"] == layers)]
    row = row.iloc[0]
    return Interval(row["mean"], row["low"], row["high"])


def collapsed() -> float:
    """Accuracy on Iris of a network that gives all rows one class, percent.

    The class is the one that is largest in the training fold, which is short
    in the test fold: with random partitions it has less than a third right.
    """
    run = experiments.runs("arcgrad.fig2", "full")[0]
    labels = datasets.load("iris", sample=False).y
    folds = ensembles.cross_validation(
        len(labels), **{key: run[key] for key in ("runs", "splits", "seed")}
    )
    shares = [
        (labels[f.test] == np.bincount(labels[f.train]).argmax()).mean()
        for f in folds
    ]
    return 100 * float(np.mean(shares))


@rule("claim", "arcgrad", "layers-chance")
def chance_at_ten() -> Finding:
    """Soft, ArcFace and AdaCos at 10 layers, against chance."""
    least = collapsed()
    why = (
        "Random choice gives a third; a network that gives all rows the "
        f"class that is largest in training has {least:.1f}% on these folds. "
        f"Around is taken as within {AROUND:.0f} points of what lies between."
    )
    records = full("arcgrad.fig2")
    if records is None:
        return Finding(UNMEASURED, why, page=LAYERS, caution=PROTOCOL)
    curve = depth.curve(records)
    found, verdicts = {"collapsed": least}, []
    for column in ("Soft", "ArcFace", "AdaCos"):
        reached = at_depth(curve, column, 10)
        found[column] = reached.mean
        low, high = least - AROUND, CHANCE + AROUND
        near = low <= reached.mean <= high
        apart = reached.low > high or reached.high < low
        verdicts.append(
            REPLICATED if near else NOT_REPLICATED if apart else CLOSE
        )
    text = ", ".join(f"{k} {found[k]:.1f}%" for k in list(found)[1:])
    return Finding(
        all_of(verdicts),
        why,
        measured=text,
        found=found,
        page=LAYERS,
        basis=MEASURED,
        caution=PROTOCOL,
    )


@rule("claim", "arcgrad", "layers-decay")
def smallest_decay() -> Finding:
    """What accuracy falls by from 3 layers to 10, for each of three scales."""
    why = (
        "Decay is accuracy at 3 layers minus accuracy at 10. The paper does "
        "not say which s Fig. 2 has, nor width, epochs, or how layers are "
        "counted; Table I has s = 30 and 5 on Iris, the images s = 10."
    )
    records = full("arcgrad.fig2")
    if records is None:
        return Finding(UNMEASURED, why, page=LAYERS, caution=PROTOCOL)
    curve = depth.curve(records)
    falls = {
        column: at_depth(curve, column, 3) - at_depth(curve, column, 10)
        for column in (*SCALES, *RIVALS)
    }
    words = {
        ours: all_of(
            by_interval(gap.low, gap.high)
            for gap in (falls[other] - falls[ours] for other in RIVALS)
        )
        for ours in SCALES
    }
    several = set(words.values())
    verdict = several.pop() if len(several) == 1 else CLOSE
    text = "; ".join(f"{column} {fall}" for column, fall in falls.items())
    by_scale = ", ".join(f"{ours} {word}" for ours, word in words.items())
    return Finding(
        verdict,
        why,
        measured=f"it depends on the scale: {by_scale}. Falls in points: "
        f"{text}",
        found={column: fall.mean for column, fall in falls.items()},
        page=LAYERS,
        basis=MEASURED,
        caution=PROTOCOL,
    )
