"""Estimates and tests, against scipy, closed forms and published values."""

import itertools
import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from arcbook import papers, stats

TABLE1 = papers.table("arcgrad", "table1")
PAPER = TABLE1.pivot(index="dataset", columns="method", values="mean")
PAPER = PAPER[papers.summary("arcgrad", "table1").index]


def test_an_estimate_is_written_with_its_interval():
    one = stats.Estimate(1.5, 0.25, 2.75, 0.02)
    assert f"{one:+.1f}" == "+1.5 [+0.2, +2.8]"
    assert str(-one) == "−1.50 [−2.75, −0.25]"
    assert str(stats.Estimate(0.5)) == "+0.50"
    assert (one + 1) == stats.Estimate(2.5, 1.25, 3.75)
    assert one * -2 == stats.Estimate(-3.0, -5.5, -0.5, 0.02)
    assert one.half == 1.25


def test_estimates_as_rows():
    one = stats.Estimate(1.0, 0.5, 1.5, 0.1)
    rows = stats.frame({"a": one, "b": -one}, "measured")
    assert rows.loc["b"].tolist() == [-1.0, -1.5, -0.5, 0.1]
    assert list(rows) == ["measured", "low", "high", "p"]
    assert stats.frame({}).empty


@pytest.mark.parametrize(("percent", "trials"), [(99.2, 10_000), (100, 50)])
def test_a_share_has_wilson_s_interval(percent, trials):
    z, p = 1.959963985, percent / 100
    middle = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = math.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    half *= z / (1 + z**2 / trials)
    found = stats.of_share(percent, trials)
    ends = 100 * (middle - half), 100 * (middle + half)
    assert (found.low, found.high) == pytest.approx(ends)


def test_two_shares():
    found = stats.of_shares(60.0, 50.0, 1000)
    error = 100 * math.sqrt(0.6 * 0.4 / 1000 + 0.5 * 0.5 / 1000)
    assert found.mean == pytest.approx(10)
    assert found.half == pytest.approx(1.959963985 * error)
    assert found.p == pytest.approx(2 * scipy_stats.norm.sf(10 / error))


def test_folds_by_hand():
    """Nadeau and Bengio's variance (1/4 + 1) 5/3 makes t = √3."""
    found = stats.of_folds([1, 2, 3, 4], splits=2)
    upper = 1 / 2 + (1 / 2 + math.pi / 4) / math.pi  # F(√3), 3 degrees
    assert found.mean == 2.5
    assert found.p == pytest.approx(2 * (1 - upper))
    assert found.half == pytest.approx(3.182446305 * 2.5 / math.sqrt(3))


def test_paired_folds_are_differences_of_one_fold():
    first, second = [80.0, 90.0, 70.0], [79.0, 87.0, 68.0]
    found = stats.paired_folds(first, second)
    assert found == stats.of_folds([1.0, 3.0, 2.0])
    assert stats.paired_folds(second, first) == -found
    assert stats.paired_folds(first, first) == stats.Estimate(0, 0, 0, 1)
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\) don't pair"):
        stats.paired_folds([1, 2], [1, 2, 3])


def test_welch_by_hand():
    a, b = [5.0, 7.0, 9.0], [1.0, 2.0, 1.5, 1.2, 2.2]
    parts = [np.var(x, ddof=1) / len(x) for x in (a, b)]
    freedom = sum(parts) ** 2 / sum(
        v**2 / (len(x) - 1) for v, x in zip(parts, (a, b))
    )
    gap, error = np.mean(a) - np.mean(b), math.sqrt(sum(parts))
    found = stats.welch(a, b)
    assert found.mean == pytest.approx(gap)
    reach = scipy_stats.t.ppf(0.975, freedom) * error
    assert found.half == pytest.approx(reach)
    p = 2 * scipy_stats.t.sf(gap / error, freedom)
    assert found.p == pytest.approx(p)
    assert stats.welch([1, 1], [1, 1]) == stats.Estimate(0, 0, 0, 1)


def test_the_mean_of_estimates_has_the_error_of_a_mean():
    parts = [stats.around(mean, 2.0, 99) for mean in (1.0, 2.0, 3.0, 6.0)]
    found = stats.pooled(parts, 99)
    assert found.mean == 3
    assert found.half == pytest.approx(1.959963985 * 2.0 / math.sqrt(4))


def test_wins_are_counted_as_the_paper_counts_them():
    assert stats.wins(PAPER.loc[TABLE1["dataset"].unique()]).to_dict() == (
        papers.summary("arcgrad", "table1")["Wins"].to_dict()
    )
    assert stats.wins(PAPER, ties="all")["ArcFace"] == 2
    with pytest.raises(ValueError, match="'first' or 'all'"):
        stats.wins(PAPER, ties="none")
    holed = PAPER.copy()
    holed.iloc[0, 0] = np.nan
    assert stats.wins(holed).sum() == 14
    assert stats.ranks(holed).sum() == pytest.approx(28)


def test_ranks_share_ties():
    tied = pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 3.0], "c": [3.0, 1.0]})
    assert stats.ranks(tied).tolist() == [2.25, 1.75, 2.0]


def test_friedman_by_its_rank_sums():
    """Data sets are blocks, losses treatments: 12 / nk(k+1) ΣR² − 3n(k+1)."""
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(15, 4)))
    wide[0] += 1
    n, k = wide.shape
    sums = wide.rank(axis=1).sum()
    statistic = 12 / (n * k * (k + 1)) * (sums**2).sum() - 3 * n * (k + 1)
    p = scipy_stats.chi2.sf(statistic, k - 1)
    assert stats.friedman(wide) == pytest.approx(p)
    assert abs(stats.friedman(wide.T) - p) > 0.01


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (7, 2.949), (10, 3.164)])
def test_critical_difference_is_that_of_demsar_s_table(k, q):
    expected = q * math.sqrt(k * (k + 1) / (6 * 15))
    assert stats.critical_difference(k, 15) == pytest.approx(
        expected, rel=1e-3
    )


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8))
def test_signed_ranks_go_through_all_signs(hundredths):
    gaps = np.array([gap for gap in hundredths if gap])
    ranks = scipy_stats.rankdata(abs(gaps))
    least = min(ranks[gaps > 0].sum(), ranks[gaps < 0].sum())
    sums = [
        ranks[np.array(signs, bool)].sum()
        for signs in itertools.product((0, 1), repeat=len(gaps))
    ]
    expected = min(1, 2 * np.mean(np.array(sums) <= least))
    found = stats.signed_ranks(0.01 * np.array(hundredths), 0 * ranks.sum())
    assert found == pytest.approx(expected)


def test_signed_ranks_without_ties_are_scipy_s():
    first = np.random.default_rng(1).normal(0.3, 1, 12)
    exact = scipy_stats.wilcoxon(first, method="exact").pvalue
    assert stats.signed_ranks(first, 0, digits=6) == pytest.approx(exact)


def test_holm_steps_down_and_stays_in_order():
    found = stats.holm([0.01, 0.04, 0.03, 0.005])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.9, 0.8]).tolist() == [1, 1]


numbers = st.lists(
    st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=3, max_size=12
)


@given(numbers, st.floats(0.1, 10), st.floats(-50, 50))
def test_intervals_move_and_stretch_with_their_values(values, factor, shift):
    values = np.array(values)
    for estimate in (stats.of_runs, stats.of_folds):
        one, other = estimate(values), estimate(factor * values + shift)
        for end in ("mean", "low", "high"):
            expected = factor * getattr(one, end) + shift
            assert getattr(other, end) == pytest.approx(expected, abs=1e-6)
    runs, folds = stats.of_runs(values), stats.of_folds(values)
    assert runs.half <= folds.half + 1e-12  # folds share their rows


@given(numbers)
def test_student_s_interval_is_scipy_s(values):
    if np.ptp(values) < 1e-6:
        return
    found = stats.of_runs(values)
    test = scipy_stats.ttest_1samp(values, 0)
    low, high = test.confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p == pytest.approx(test.pvalue)


def test_one_run_has_no_interval_and_none_no_mean():
    one = stats.of_runs([3.0])
    assert one.mean == 3.0 and np.isnan([one.low, one.high, one.p]).all()
    assert np.isnan(stats.of_runs([]).mean)


def test_folds_are_ten_by_ten_unless_said_otherwise():
    assert stats.fold_error(2.0) == pytest.approx(2 * (1 / 100 + 1 / 9) ** 0.5)
    values = [1.0, 2.0, 4.0]
    assert stats.of_folds(values) == stats.of_folds(values, 10)
    assert stats.of_folds(values) != stats.of_folds(values, 5)


@pytest.mark.parametrize("values", [[1.0], [[1.0, 2.0]]])
def test_folds_are_a_list_of_at_least_two(values):
    shape = re.escape(str(np.shape(values)))
    with pytest.raises(ValueError, match=f"{shape}: give a list of at least"):
        stats.of_folds(values)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_between_p_and_bonferroni(p):
    corrected = stats.holm(p)
    assert (corrected >= np.array(p) - 1e-12).all()
    assert (corrected <= np.minimum(len(p) * np.array(p), 1) + 1e-12).all()


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("runs", [2, 5, 20])
@pytest.mark.parametrize("power", [0.5, 0.8])
def test_the_detectable_difference_is_found_so_often(runs, power, paired):
    gap = stats.detectable(3.0, runs, power, paired=paired)
    freedom = (runs - 1) * (1 if paired else 2)
    shift = gap / 3.0 / math.sqrt((1 if paired else 2) / runs)
    most = scipy_stats.t.ppf(0.975, freedom)
    above = scipy_stats.nct.sf(most, freedom, shift)
    below = scipy_stats.nct.cdf(-most, freedom, shift)
    assert above + below == pytest.approx(power, abs=1e-6)


@pytest.mark.parametrize(("runs", "power"), [(1, 0.8), (3, 0.05), (3, 1.0)])
def test_what_no_number_of_runs_can_find_is_refused(runs, power):
    with pytest.raises(ValueError, match=f"runs = {runs}, power = {power}"):
        stats.detectable(1.0, runs, power)


def test_two_settings_are_compared_without_correction():
    chi2, freedom, p = stats.homogeneity([90, 95], 100)
    expected = 2 * 2.5**2 * (1 / 92.5 + 1 / 7.5)
    assert (chi2, freedom) == (pytest.approx(expected), 1)
    assert p == pytest.approx(scipy_stats.chi2.sf(expected, 1))
    chi2, *_ = stats.homogeneity([1, 0], 100)
    assert chi2 == pytest.approx(2 * 0.5**2 * (1 / 0.5 + 1 / 99.5))
    assert stats.homogeneity([98, 98.5, 99], 1000)[1] == 2
    assert stats.homogeneity([100.0, 100.0], 50) == (0.0, 1, 1.0)
    for bad in ([98.0], [98.0, np.nan]):
        with pytest.raises(ValueError, match="two accuracies"):
            stats.homogeneity(bad, 10_000)


def test_two_runs_and_two_folds_have_an_interval():
    t = scipy_stats.t.ppf(0.975, 1)
    assert stats.of_runs([1.0, 3.0]).half == pytest.approx(t)
    wide = math.sqrt(2 * (1 / 2 + 1 / 4))
    assert stats.of_folds([1.0, 3.0], 5).half == pytest.approx(t * wide)
    paired = stats.paired_folds([2.0, 5.0], [1.0, 2.0], 5)
    assert paired == stats.of_folds([1.0, 3.0], 5)
    assert stats.interval([1.0, 3.0]) == pytest.approx((2 - t, 2 + t))


def test_equivalence_is_two_one_sided_t_tests():
    values = np.array([0.2, -0.5, 0.4, 0.1, -0.3, 0.6])
    found = stats.equivalence(values, 1.0)
    above = scipy_stats.ttest_1samp(values, -1.0, alternative="greater")
    below = scipy_stats.ttest_1samp(values, 1.0, alternative="less")
    assert found.p == pytest.approx(max(above.pvalue, below.pvalue))
    ends = below.confidence_interval(0.95).high
    assert found.high == pytest.approx(ends)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


@pytest.mark.parametrize("shift", np.linspace(-1.5, 1.5, 13))
def test_equivalence_is_found_where_its_interval_is_within(shift):
    values = shift + np.array([0.2, -0.5, 0.4, 0.1, -0.3, 0.6])
    found = stats.equivalence(values, 1.0)
    within = found.low > -1 and found.high < 1
    assert (found.p < 0.05) == within


def test_equivalence_of_what_does_not_vary_and_of_what_is_missing():
    assert stats.equivalence([0.5, 0.5], 1).p == 0
    assert stats.equivalence([1.0, 1.0], 1).p == 1
    assert math.isnan(stats.equivalence([0.5], 1).low)
    with pytest.raises(ValueError, match="bound = 0: it is above 0"):
        stats.equivalence([1, 2], 0)


@pytest.mark.parametrize("number", [10, 17])
def test_equivalence_is_found_as_often_as_said(number):
    spread = stats.settles(number, 1.0)
    draws = np.random.default_rng(0).normal(0, spread, (2000, number))
    found = np.mean([stats.equivalence(x, 1.0).p < 0.05 for x in draws])
    assert found == pytest.approx(0.8, abs=0.03)
    with pytest.raises(ValueError, match="at least 2 differences"):
        stats.settles(1, 1.0)


def test_beats_counts_ties_by_half_and_data_sets_alike():
    found = stats.beats([[1, 1, 0, -1], [2, 3, 4, 5]])
    assert found.mean == (2.5 / 4 + 1) / 2
    assert 2.5 / 4 - 0.5 <= found.low < found.mean < found.high == 1
    reverse = stats.beats([[-1, -1, 0, 1], [-2, -3, -4, -5]])
    assert reverse.mean == 1 - found.mean
    assert stats.beats([[1.0, 1.0]]).low == 1
    for bad in ([], [1.0, 2.0]):
        with pytest.raises(ValueError, match="a row a data set"):
            stats.beats(bad)


def test_beats_has_an_interval_that_holds_the_truth():
    """Data sets of different leads, of which the mean share is known."""
    generator, held = np.random.default_rng(1), 0
    for seed in range(200):
        shares = generator.uniform(0.3, 0.9, (17, 1))
        gaps = np.where(generator.random((17, 10)) < shares, 1, -1)
        found = stats.beats(gaps, draws=300, seed=seed)
        held += found.low <= 0.6 <= found.high
    assert held / 200 >= 0.92


def test_best_of_is_the_mean_over_all_choices():
    scores = np.array([3.0, 1.0, 4.0, 1.5, 5.0])
    by = np.array([0.2, 0.9, 0.9, 0.1, 0.5])
    for chosen_by in (scores, by):
        found = stats.best_of(scores, chosen_by)
        for k in range(1, 6):
            picks = itertools.combinations(range(5), k)
            best = [
                scores[max(pick, key=lambda x: (chosen_by[x], -x))]
                for pick in picks
            ]
            assert found[k - 1] == pytest.approx(np.mean(best))
    assert stats.best_of(scores).tolist() == sorted(stats.best_of(scores))
    with pytest.raises(ValueError, match="of one length"):
        stats.best_of(scores, by[:3])


def test_mcnemar_s_test_tosses_a_coin_for_each_image_of_one_alone():
    first = np.array([True] * 9 + [False] * 3 + [True] * 50)
    second = np.array([False] * 9 + [True] * 3 + [True] * 50)
    *only, p = stats.mcnemar(first, second)
    assert only == [9, 3]
    tails = sum(math.comb(12, k) for k in range(4)) / 2**12
    assert p == pytest.approx(2 * tails)
    assert stats.mcnemar(second, first)[2] == pytest.approx(p)
    assert stats.mcnemar(first, first) == (0, 0, 1.0)


def test_hits_of_other_images_do_not_pair():
    with pytest.raises(ValueError, match="hits of shape"):
        stats.mcnemar([True], [True, False])
