"""Differences of image runs, from full records, with a 95% interval.

Several seeds: the t interval of the mean difference, paired by seed. It
speaks of other seeds on the same test images. One run each: the error of
the images that were looked at, which says nothing of other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats

from arcbook import experiments, packing, results
from arcbook.audit.records import Interval
from arcbook.experiments.registry import home

UNKNOWN = Interval(math.nan, math.nan, math.nan)
NORMAL = float(stats.norm.ppf(0.975))
HITS = {
    "accuracy": ("test_accuracy", "test_images"),
    "top-5 accuracy": ("test_top5", "test_images"),
    "training accuracy": ("train_accuracy", "probe_images"),
}
EARLY = 0.25


class Cell(NamedTuple):
    """A quantity of the runs that differ in nothing but the seed.

    Attributes:
        experiment: its id.
        where: fields of a run, or hyperparameters, with their values.
        metric: of `HITS`, in percent; an angle of the record's metrics, in
            degrees; or "early NAME" and "late NAME" of a histogram NAME:
            the mean angle over the first quarter of training and at its
            end.
    """

    experiment: str
    where: Mapping
    metric: str


class Part(NamedTuple):
    """Something that has to be above 0: a constant and weighted cells."""

    label: str
    terms: tuple[tuple[float, Cell], ...]
    constant: float = 0.0


def fresh(id: str) -> list[dict]:
    """The full records of an experiment that are not stale."""
    owners = {home(id, run).id for run in experiments.runs(id, "full")}
    files = [
        file for one in sorted(owners) for file in results.files(one, "full")
    ]
    return _fresh(id, tuple((str(f), f.stat().st_mtime_ns) for f in files))


@lru_cache(maxsize=16)
def _fresh(id, files):
    if not files:
        return []
    return [x for x in experiments.records(id, "full") if not x["stale"]]


def select(id: str, where: Mapping) -> list[dict] | None:
    """Full records of runs by their fields, None unless all are there."""
    wanted = [r for r in experiments.runs(id, "full") if _has(r, where)]
    if not wanted:
        raise ValueError(f"no full run of {id} has {dict(where)}")
    found = [one for one in fresh(id) if _has(one, where)]
    return found if len(found) == len(wanted) else None


def interval(part: Part) -> Interval | None:
    """Mean and 95% interval of a part.

    Returns:
        In points or degrees; None if a record is missing; NaN if a run
        diverged, or if there is one run and its error is not known.
    """
    chosen = [select(c.experiment, c.where) for _, c in part.terms]
    if any(found is None for found in chosen):
        return None
    weights = [weight for weight, _ in part.terms]
    cells = [cell for _, cell in part.terms]
    by_seed = [{one["seed"]: one for one in found} for found in chosen]
    if any(len(a) != len(b) for a, b in zip(by_seed, chosen, strict=True)):
        raise ValueError(f"{part.label}: a cell has runs that differ")
    seeds = sorted(set.intersection(*(set(one) for one in by_seed)))
    values = np.array(
        [
            [value(one[seed], cell.metric) for seed in seeds]
            for one, cell in zip(by_seed, cells, strict=True)
        ]
    )
    gaps = part.constant + np.array(weights) @ values
    if len(seeds) > 1:
        return t_interval(gaps)
    errors = [
        weight**2 * variance(one[seeds[0]], cell.metric)
        for weight, one, cell in zip(weights, by_seed, cells, strict=True)
    ]
    return around(float(gaps[0]), NORMAL * math.sqrt(sum(errors)))


def t_interval(values) -> Interval:
    """Mean of independent runs, with its 95% t interval."""
    values = np.asarray(values)
    error = values.std(ddof=1) / math.sqrt(len(values))
    return around(
        float(values.mean()),
        float(stats.t.ppf(0.975, len(values) - 1) * error),
    )


def welch(first, second) -> Interval:
    """Difference of two means, with Welch's 95% t interval."""
    gap = float(np.mean(first) - np.mean(second))
    if math.isnan(gap):
        return UNKNOWN
    if np.std(first) == np.std(second) == 0:
        return around(gap, 0.0)
    test = stats.ttest_ind(first, second, equal_var=False)
    return Interval(gap, *map(float, test.confidence_interval()))


def around(mean: float, half: float) -> Interval:
    """An interval by its middle."""
    if math.isnan(mean + half):
        return UNKNOWN
    return Interval(mean, mean - half, mean + half)


def value(record: Mapping, metric: str) -> float:
    """A metric of `Cell`; NaN where the run diverged."""
    if record["metrics"]["diverged"]:
        return math.nan
    if metric in HITS:
        return 100 * record["metrics"][HITS[metric][0]]
    if metric.startswith(("early ", "late ")):
        return _at(record, *metric.split())
    return math.degrees(record["metrics"][metric])


def variance(record: Mapping, metric: str) -> float:
    """Squared error of a metric of one run by the images looked at.

    Of a share the binomial's. Of an angle of class centres, that of the
    mean of the images' own angles.
    """
    if record["metrics"]["diverged"]:
        return math.nan
    if metric in HITS:
        name, images = HITS[metric]
        share = record["metrics"][name]
        return 1e4 * share * (1 - share) / record[images]
    if metric.startswith(("early ", "late ")):
        return math.nan
    kind = "intra_test" if metric.startswith("test_") else "intra_train"
    counts = packing.unpack(record["arrays"][kind])[-1].astype(float)
    degrees = np.arange(len(counts)) + 0.5
    mean = np.average(degrees, weights=counts)
    spread = np.average((degrees - mean) ** 2, weights=counts)
    return float(spread / counts.sum())


def _at(record, when, name):
    counts = packing.unpack(record["arrays"][name]).astype(float)
    degrees = np.arange(counts.shape[1]) + 0.5
    means = counts @ degrees / counts.sum(1)
    if when == "late":
        return float(means[-1])
    epochs = packing.unpack(record["arrays"]["histogram_epochs"])
    first = (epochs > 0) & (epochs <= EARLY * record["epochs"])
    return float(means[first].mean())


def _has(run, where):
    given = run["hyperparameters"] | {k: run.get(k) for k in run}
    return all(given.get(name) == value for name, value in where.items())
