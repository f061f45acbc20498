"""What chance alone does to accuracies that are counted on one test set.

Accuracies are in percent, differences in percentage points. The counts are
taken as independent binomials. Networks that err on the same images differ
less than that by the test set; networks of other seeds differ more.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.05
UNSETTLED = 5.0


class Homogeneity(NamedTuple):
    """Pearson's χ² test that accuracies are of one and the same share."""

    chi2: float
    freedom: int
    p: float


def standard_error(percent: float, images: int) -> float:
    """Of an accuracy on a number of images, in points."""
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / images)


def least_gap(percent: float, images: int, settings: int = 2) -> float:
    """How far the best of equal settings lies above the worst, at most.

    The 95% quantile of the range, by the studentised range with a known
    error. Two settings that are picked from all because they lie far apart
    have to differ by more, to mean anything.

    Args:
        percent: the accuracy that all have.
        images: of the test set.
        settings: how many they are picked from, 2 or more.

    Returns:
        Points.
    """
    quantile = stats.studentized_range.ppf(1 - LEVEL, settings, np.inf)
    return float(quantile) * standard_error(percent, images)


def expected_range(percent: float, images: int, settings: int) -> float:
    """The mean of best minus worst of equal settings, in points.

    By the order statistics of the binomial: the largest of k counts is at
    most x with probability Fᵏ, the smallest above x with (1 − F)ᵏ.
    """
    below = stats.binom.cdf(np.arange(images), images, percent / 100)
    hits = 1 - below**settings - (1 - below) ** settings
    return float(100 * hits.sum() / images)


def homogeneity(percents, images: int) -> Homogeneity:
    """Whether accuracies differ by more than one test set's chance.

    Args:
        percents: at least two, each on as many images.
        images: of the test set.

    Raises:
        ValueError: for fewer than two, or one that is no number.
    """
    percents = np.asarray(percents, dtype=float)
    if len(percents) < 2 or np.isnan(percents).any():
        raise ValueError(
            f"{percents.tolist()}: a test of homogeneity needs two "
            "accuracies or more, and no gaps"
        )
    hits = np.round(percents * images / 100)
    if hits.sum() in (0, images * len(hits)):
        return Homogeneity(0.0, len(hits) - 1, 1.0)
    found = stats.chi2_contingency([hits, images - hits], correction=False)
    return Homogeneity(
        float(found.statistic), int(found.dof), float(found.pvalue)
    )


def settled(percents, images: int) -> np.ndarray:
    """Which runs are no accident.

    A run that ends five standard errors below the median of its kind or
    more has failed to settle.

    Args:
        percents: of runs of one kind; NaN where one diverged.
        images: of the test set.

    Returns:
        Booleans, False for NaN.
    """
    percents = np.asarray(percents, dtype=float)
    if np.isnan(percents).all():
        return np.zeros(len(percents), dtype=bool)
    median = float(np.nanmedian(percents))
    floor = median - UNSETTLED * standard_error(median, images)
    return percents > floor


def ranked(
    percent: float, images: int, settings: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where the lowest, the second lowest, ... of equal settings lie.

    Args:
        percent: the accuracy that all have.
        images: of the test set.
        settings: how many there are.

    Returns:
        Lower and upper ends of 95% ranges, in percent, by rank. The r-th of
        k counts is at most x with the chance that a beta variable of r and
        k − r + 1 is at most F(x).
    """
    counts = np.arange(images + 1)
    below = stats.binom.cdf(counts, images, percent / 100)
    rank = np.arange(1, settings + 1)[:, None]
    chances = stats.beta.cdf(below, rank, settings - rank + 1)
    low, high = (
        (chances < q).sum(1) * 100 / images for q in (LEVEL / 2, 1 - LEVEL / 2)
    )
    return low, high
