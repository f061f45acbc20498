"""Estimates with their intervals, and the tests that compare losses.

An estimate is a number with a 95% interval. Which interval it is depends on
what varies: runs with other seeds (Student), the images of a test set
(binomial), folds that share their rows (Nadeau and Bengio, Inference for the
generalization error, Machine Learning 52, 2003). Between losses over many
data sets J. Demšar recommends average ranks with Friedman's test, and pairs
by Wilcoxon's signed ranks with Holm's correction (JMLR 7, 2006).
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number and what is known of it.

    Attributes:
        mean: the number.
        low, high: 95% interval; NaN where it is not known.
        p: two-sided chance of a mean as far from 0 if it were 0; NaN where
            it is not known.

    Examples:
        >>> f"{Estimate(1.5, 0.25, 2.75):+.1f}"
        '+1.5 [+0.2, +2.8]'
        >>> print(-Estimate(1.5, 0.25, 2.75))
        −1.50 [−2.75, −0.25]
    """

    mean: float
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan

    @property
    def half(self) -> float:
        """Half of the interval's length."""
        return (self.high - self.low) / 2

    def __neg__(self):
        return self * -1

    def __add__(self, number: float):
        return Estimate(
            self.mean + number, self.low + number, self.high + number
        )

    def __mul__(self, factor: float):
        ends = sorted((self.low * factor, self.high * factor))
        return Estimate(self.mean * factor, *ends, self.p)

    def __format__(self, spec):
        mean, low, high = (
            format(x, spec or "+.2f").replace("-", "−")
            for x in (self.mean, self.low, self.high)
        )
        return mean if math.isnan(self.low) else f"{mean} [{low}, {high}]"

    def __str__(self):
        return format(self, "")


def frame(estimates: dict[str, Estimate], mean: str = "mean") -> pd.DataFrame:
    """Estimates as rows by their name: their means, low, high and p."""
    return pd.DataFrame(
        [astuple(one) for one in estimates.values()],
        index=list(estimates),
        columns=[mean, "low", "high", "p"],
        dtype=float,
    )


def around(mean: float, error: float, freedom: float = math.inf) -> Estimate:
    """An estimate by its standard error and Student's degrees of freedom."""
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    if error > 0:
        p = 2 * float(stats.t.sf(abs(mean) / error, freedom))
    else:
        p = math.nan if math.isnan(error) else float(mean == 0)
    return Estimate(float(mean), float(mean - half), float(mean + half), p)


def of_runs(values) -> Estimate:
    """Mean of independent runs, Student's interval; none for a single run."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return Estimate(float(values.mean()) if len(values) else math.nan)
    error = values.std(ddof=1) / math.sqrt(len(values))
    return around(float(values.mean()), error, len(values) - 1)


def interval(runs) -> tuple[float, float]:
    """Low and high of `of_runs`, as seaborn takes error bars."""
    found = of_runs(runs)
    return found.low, found.high


def of_share(percent: float, trials: int) -> Estimate:
    """A share of independent trials, in percent, with Wilson's interval."""
    hits = round(percent * trials / 100)
    found = stats.binomtest(hits, trials).proportion_ci(LEVEL, "wilson")
    return Estimate(float(percent), 100 * found.low, 100 * found.high)


def share_error(percent: float, trials: int) -> float:
    """Standard error of a share, in percentage points, by the binomial."""
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / trials)


def of_shares(first: float, second: float, trials: int) -> Estimate:
    """Difference of two shares in percent, taken as independent."""
    error = math.hypot(share_error(first, trials), share_error(second, trials))
    return around(first - second, error)


def mcnemar(first, second) -> tuple[int, int, float]:
    """Whether two networks differ on the same images by more than chance.

    `first` and `second` say of each image whether it is got right. Gives how
    many only the first gets right, how many only the second, and McNemar's
    exact p: were the two alike, each of these images would be a coin's toss.

    Raises ValueError: the two are not of one shape.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape:
        raise ValueError(
            f"hits of shape {first.shape} and {second.shape} don't pair: "
            "give those of the same images, in one order"
        )
    only = int((first & ~second).sum()), int((second & ~first).sum())
    p = stats.binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0
    return *only, float(p)


def homogeneity(percents, trials: int) -> tuple[float, int, float]:
    """Whether shares of as many trials differ by more than chance.

    Gives Pearson's χ², its degrees of freedom, and p. Raises ValueError for
    fewer than two shares, or one that is no number.
    """
    percents = np.asarray(percents, dtype=float)
    if len(percents) < 2 or np.isnan(percents).any():
        raise ValueError(
            f"{percents.tolist()}: a test of homogeneity needs two "
            "accuracies or more, and no gaps"
        )
    hits = np.rint(percents * trials / 100)
    if hits.sum() in (0, trials * len(hits)):
        return 0.0, len(hits) - 1, 1.0
    found = stats.chi2_contingency([hits, trials - hits], correction=False)
    return float(found.statistic), int(found.dof), float(found.pvalue)


def of_folds(values, splits: int = 10) -> Estimate:
    """Mean over the folds of repeated cross-validation.

    Training folds overlap, so the variance is taken 1/n + 1/(splits − 1)
    times rather than 1/n times: a test fold is 1/(splits − 1) of its training
    fold. `values` are of n folds of all runs, or the differences of two
    losses. [Nadeau and Bengio 2003]

    Raises ValueError: for fewer than two folds.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(
            f"folds of shape {values.shape}: give a list of at least 2"
        )
    error = fold_error(values.std(ddof=1), len(values), splits)
    return around(float(values.mean()), error, len(values) - 1)


def fold_error(std, folds: int = 100, splits: int = 10):
    """Standard error of a mean over folds, their overlap allowed for.

    `std` is that of the folds of all runs (n − 1), `splits` the folds of one.
    """
    return np.sqrt(1 / folds + 1 / (splits - 1)) * std


def paired_folds(first, second, splits: int = 10) -> Estimate:
    """The corrected resampled t-test of two losses. [Nadeau and Bengio 2003]

    Each has a value for each fold of all runs, in one order. Raises
    ValueError when the folds don't pair.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape:
        raise ValueError(
            f"folds of shape {first.shape} and {second.shape} don't pair: "
            "give two lists of one length"
        )
    return of_folds(first - second, splits)


def welch(first, second) -> Estimate:
    """Difference of two means of independent runs, Welch's t interval."""
    gap = float(np.mean(first) - np.mean(second))
    if np.std(first) == np.std(second) == 0:
        return Estimate(gap, gap, gap, float(gap == 0))
    test = stats.ttest_ind(first, second, equal_var=False)
    return Estimate(
        gap, *map(float, test.confidence_interval(LEVEL)), float(test.pvalue)
    )


def pooled(parts, freedom: float = math.inf) -> Estimate:
    """Mean of independent estimates, whose intervals had such a freedom."""
    parts = list(parts)
    t = float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    error = math.sqrt(sum(part.half**2 for part in parts)) / len(parts) / t
    return around(float(np.mean([part.mean for part in parts])), error)


def detectable(
    std: float, runs: int, power: float = 0.8, *, paired: bool = False
) -> float:
    """The least true difference of two means that a t test finds.

    `std` is that between runs, the same for both losses, or, where they are
    `paired`, that of the pairs' differences; `runs` are those of each; `power`
    is the chance to find it, above the 5% of a false alarm. Gives it in the
    unit of `std`. Raises ValueError for fewer than two runs, or a power that
    is no chance.
    """
    if runs < 2 or not 0.05 < power < 1:
        raise ValueError(
            f"runs = {runs}, power = {power}: at least 2 runs, and a power "
            "between 0.05 and 1"
        )
    sides = 1 if paired else 2
    freedom = sides * (runs - 1)
    critical = stats.f.ppf(LEVEL, 1, freedom)  # t² is F

    def excess(shift):
        return stats.ncf.sf(critical, 1, freedom, shift**2) - power

    shift = optimize.brentq(excess, 0.01, 4 * math.sqrt(critical))
    return float(shift * std * math.sqrt(sides / runs))


def wins(accuracy: pd.DataFrame, *, ties: str = "first") -> pd.Series:
    """How many data sets, the rows, each loss, a column, is best on.

    Rows with a missing value don't count. `ties` "first" gives a tied data
    set to the first of the columns, as the paper does (its Table I has Iris
    tied between M-Soft and ArcFace, and counts it for M-Soft alone); "all"
    gives it to each. Raises ValueError for another way with ties.
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
    """p of Friedman's test: do the losses, three columns or more, differ?"""
    columns = accuracy.dropna().to_numpy().T
    return float(stats.friedmanchisquare(*columns).pvalue)


def critical_difference(
    losses: int, datasets: int, *, level: float = 0.05
) -> float:
    """Nemenyi's critical difference of average ranks. [Demšar 2006]

    Two of k losses differ at the level, the chance of one false difference
    among all pairs, if their average ranks over N data sets are further apart
    than q √(k (k + 1) / 6N), where q √2 is a quantile of the studentised
    range.
    """
    q = stats.studentized_range.ppf(1 - level, losses, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(losses * (losses + 1) / (6 * datasets)))


def signed_ranks(first, second, digits: int = 2) -> float:
    """p of Wilcoxon's signed-rank test of paired values, exact with ties.

    Differences are counted in units of the last of `digits` decimals, so that
    equal ones are equal; zeros are left out. All 2ⁿ signs are gone through by
    dynamic programming, which knows ties, unlike a table of the distribution.
    """
    gaps = np.rint(np.subtract(first, second) * 10**digits).astype(int)
    gaps = gaps[gaps != 0]
    if not len(gaps):
        return 1.0
    doubled = np.rint(2 * stats.rankdata(np.abs(gaps))).astype(int)
    ways = np.zeros(doubled.sum() + 1)
    ways[0] = 1.0
    for rank in doubled:
        ways[rank:] += ways[:-rank].copy()
    least = min(doubled[gaps > 0].sum(), doubled[gaps < 0].sum())
    return min(1.0, float(2 * ways[: least + 1].sum() / 2.0 ** len(gaps)))


def holm(p) -> np.ndarray:
    """The p-values of several tests, corrected for their number by Holm."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    steps = (len(p) - np.arange(len(p))) * p[order]
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def equivalence(values, bound: float) -> Estimate:
    """Whether a mean is within ± bound, by two one-sided t tests.

    `values` are independent differences. Gives their mean, with the 90%
    interval, and the larger p of the two tests: they find the mean within the
    bound at the 5% level where the interval lies within it. [Schuirmann 1987]

    Raises ValueError for a bound that is not above 0.
    """
    if not bound > 0:
        raise ValueError(f"bound = {bound}: it is above 0")
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return Estimate(float(values.mean()) if len(values) else math.nan)
    mean, freedom = float(values.mean()), len(values) - 1
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    if error == 0:
        return Estimate(mean, mean, mean, float(abs(mean) >= bound))
    half = float(stats.t.ppf(LEVEL, freedom)) * error
    p = float(stats.t.sf((bound - abs(mean)) / error, freedom))
    return Estimate(mean, mean - half, mean + half, p)


def within(found: Estimate, bound: float) -> str:
    """What an estimate's interval says of ±bound, as of `equivalence`.

    Gives "equal" if it lies within, "apart" if outside, else "open".
    """
    if -bound <= found.low and found.high <= bound:
        return "equal"
    return "apart" if found.low > bound or found.high < -bound else "open"


def settles(number: int, bound: float, power: float = 0.8) -> float:
    """The largest standard deviation with which `equivalence` is found.

    Of so many differences whose true mean is 0, so often, about. Raises
    ValueError for fewer than two differences, or a power that is no chance.
    """
    if number < 2 or not 0.05 < power < 1:
        raise ValueError(
            f"number = {number}, power = {power}: at least 2 differences, "
            "and a power between 0.05 and 1"
        )
    ends = stats.t.ppf([LEVEL, (1 + power) / 2], number - 1).sum()
    return float(bound * math.sqrt(number) / ends)


def beats(gaps, *, draws: int = 4000, seed: int = 0) -> Estimate:
    """How often one loss is ahead of another, ties by half.

    `gaps` are differences, a row a data set, a column a seed; each data set
    counts alike. The 95% interval is a bootstrap's: data sets are drawn, and
    of each its seeds; of a single one its seeds alone. Raises ValueError
    where it is no table, or an empty one.
    """
    gaps = np.asarray(gaps, dtype=float)
    if gaps.ndim != 2 or not gaps.size:
        raise ValueError(
            f"differences of shape {gaps.shape}: give a row a data set, a "
            "column a seed"
        )
    wins, (sets, seeds) = (np.sign(gaps) + 1) / 2, gaps.shape
    generator = np.random.default_rng(seed)
    rows = generator.integers(sets, size=(draws, sets, 1))
    columns = generator.integers(seeds, size=(draws, sets, seeds))
    means = wins[rows, columns].mean((1, 2))
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(wins.mean()), float(low), float(high))


def best_of(scores, by=None) -> np.ndarray:
    """What the best of k trials is expected to have, for k = 1 to n.

    Exact, over all choices of k of the n trials. The best is the one with
    the largest of `by`, the first of equals, by default of `scores`
    themselves. [Dodge et al. 2019, whose draws have repeats]

    Raises ValueError where the two have different lengths.
    """
    scores = np.asarray(scores, dtype=float)
    by = scores if by is None else np.asarray(by, dtype=float)
    if scores.shape != by.shape or scores.ndim != 1:
        raise ValueError(
            f"scores of shape {scores.shape}, chosen by {by.shape}: give two "
            "lists of one length"
        )
    count = len(scores)
    worse = np.arange(count)[::-1]  # trials behind the one of each rank
    ordered = scores[np.argsort(-by, kind="stable")]
    k = np.arange(1, count + 1)[:, None]
    chance = special.comb(worse, k - 1) / special.comb(count, k)
    return chance @ ordered
