"""Is a difference between losses real?

Between losses over many data sets: average ranks with Friedman's test, and
pairs by Wilcoxon's signed ranks with Holm's correction, as J. Demšar
recommends (Statistical comparisons of classifiers over multiple data sets,
JMLR 7, 2006). Within one data set, folds of repeated cross-validation share
most of their rows, and the corrected resampled t-test allows for that
(C. Nadeau and Y. Bengio, Inference for the generalization error, Machine
Learning 52, 2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from arcbook.stats import wilcoxon  # noqa: F401  exact on hundredths

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences, and what is known of it.

    Attributes:
        mean: of the differences, in their unit.
        low, high: 95% confidence interval.
        p: two-sided; the chance of a mean as far from 0 if there were no
            difference.
    """

    mean: float
    low: float
    high: float
    p: float


def wins(accuracy: pd.DataFrame, *, ties: str = "first") -> pd.Series:
    """How many data sets each loss is best on.

    Args:
        accuracy: a row for each data set, a column for each loss; rows with
            a missing value don't count.
        ties: "first" gives a tied data set to the first of the columns, as
            the paper does (its Table I has Iris tied between M-Soft and
            ArcFace, and counts it for M-Soft alone); "all" gives it to each.

    Returns:
        A number for each loss.

    Raises:
        ValueError: for another way with ties.
    """
    if ties not in ("first", "all"):
        raise ValueError(f"ties = {ties!r}: it is 'first' or 'all'")
    whole = accuracy.dropna()
    best = whole.eq(whole.max(axis=1), axis=0)
    if ties == "first":
        best &= best.cumsum(axis=1) == 1
    return best.sum()


def ranks(accuracy: pd.DataFrame) -> pd.Series:
    """Average rank of each loss over data sets, 1 is best, ties shared."""
    return accuracy.dropna().rank(axis=1, ascending=False).mean()


def friedman(accuracy: pd.DataFrame) -> float:
    """p of Friedman's test: do the losses differ at all?

    Args:
        accuracy: a row for each data set, a column for each of at least 3
            losses.
    """
    columns = accuracy.dropna().to_numpy().T
    return float(stats.friedmanchisquare(*columns).pvalue)


def critical_difference(
    losses: int, datasets: int, *, level: float = 0.05
) -> float:
    """Nemenyi's critical difference of average ranks. [Demšar 2006]

    Two of k losses differ at the level if their average ranks over N data
    sets are further apart than q √(k (k + 1) / 6N), where q √2 is a
    quantile of the studentised range.

    Args:
        losses: k.
        datasets: N.
        level: chance of one false difference among all pairs.
    """
    q = stats.studentized_range.ppf(1 - level, losses, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(losses * (losses + 1) / (6 * datasets)))


def holm(p: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """p-values corrected for their number by Holm's method.

    Args:
        p: of n tests, in any order.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    steps = (len(p) - np.arange(len(p))) * p[order]
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def corrected_t_test(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    *,
    splits: int = 10,
) -> Difference:
    """Compare two losses by the folds of repeated cross-validation.

    The variance of the n differences is taken (1/n + 1/(splits − 1)) times
    rather than 1/n times, because training folds overlap.
    [Nadeau and Bengio 2003]

    Args:
        first, second: a value for each fold of all runs, in one order.
        splits: folds of a run; a test fold is 1/(splits − 1) of its
            training fold.

    Raises:
        ValueError: when the folds don't pair.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise ValueError(
            f"folds of shape {first.shape} and {second.shape} don't pair: "
            "give two lists of one length, at least 2"
        )
    gap = first - second
    n, mean = len(gap), gap.mean()
    error = np.sqrt((1 / n + 1 / (splits - 1)) * gap.var(ddof=1))
    if error == 0:
        return Difference(mean, mean, mean, float(mean == 0))
    reach = stats.t.ppf(0.975, n - 1) * error
    p = 2 * stats.t.sf(abs(mean) / error, n - 1)
    return Difference(mean, mean - reach, mean + reach, float(p))
