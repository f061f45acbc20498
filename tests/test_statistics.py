import numpy as np
import pandas as pd
import pytest

from arcbook import statistics

COLUMNS = ["Soft", "Center", "M-Soft", "ArcFace", "AdaCos", "AG30", "AG5"]
PAPER = pd.DataFrame(
    [
        [77.81, 77.78, 77.87, 74.64, 50.42, 77.85, 78.42],
        [57.16, 57.83, 59.11, 72.28, 72.59, 79.2, 79.32],
        [94.57, 94.12, 96.00, 94.66, 91.67, 95.81, 95.95],
        [73.22, 73.15, 73.05, 70.11, 53.61, 71.4, 70.75],
        [86.64, 87.91, 87.96, 80.77, 46.3, 89.47, 89.11],
        [53.40, 52.44, 54.06, 38.40, 55.62, 53.19, 53.81],
        [98.64, 97.92, 99.01, 83.94, 50.85, 99.50, 99.51],
        [92.78, 93.75, 92.62, 92.18, 49.95, 92.37, 92.83],
        [83.05, 83.06, 83.47, 84.48, 83.72, 84.18, 84.18],
        [71.84, 71.91, 72.03, 72.64, 49.44, 72.97, 73.19],
        [96.80, 96.75, 97.53, 97.53, 95.73, 97.00, 96.93],
        [62.86, 59.44, 64.14, 65.71, 65.87, 66.50, 66.71],
        [72.62, 72.62, 74.1, 76.99, 77.28, 78.45, 78.81],
        [82.33, 82.69, 83.61, 82.83, 87.24, 86.81, 85.67],
        [89.65, 88.75, 90.05, 91.98, 88.08, 91.87, 92.35],
    ],
    columns=COLUMNS,
)


def test_wins_are_counted_as_the_paper_counts_them():
    assert statistics.wins(PAPER).tolist() == [1, 1, 2, 1, 2, 1, 7]
    assert statistics.wins(PAPER, ties="all")["ArcFace"] == 2
    with pytest.raises(ValueError, match="'first' or 'all'"):
        statistics.wins(PAPER, ties="none")


def test_a_data_set_with_a_missing_value_does_not_count():
    holed = PAPER.copy()
    holed.loc[0, "AG5"] = np.nan
    assert statistics.wins(holed).sum() == 14
    assert np.isclose(statistics.ranks(holed).sum(), 28)


def test_ranks_share_ties():
    tied = pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 3.0], "c": [3.0, 1.0]})
    assert statistics.ranks(tied).tolist() == [2.25, 1.75, 2.0]


def test_critical_difference_is_that_of_the_tables():
    # Demšar 2006: q = 2.949 for 7 classifiers and 3.164 for 10, at 0.05.
    for k, q in ((2, 1.960), (7, 2.949), (10, 3.164)):
        expected = q * np.sqrt(k * (k + 1) / (6 * 15))
        assert statistics.critical_difference(k, 15) == pytest.approx(
            expected, rel=1e-3
        )


def test_friedman_sees_the_differences_of_the_paper():
    assert statistics.friedman(PAPER) < 0.001
    noise = pd.DataFrame(np.random.default_rng(0).normal(size=(15, 7)))
    assert statistics.friedman(noise) > 0.05


def test_holm_steps_down_and_stays_in_order():
    p = [0.01, 0.04, 0.03, 0.005]
    assert statistics.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]).tolist() == [1, 1]


def test_wilcoxon_compares_every_pair():
    pairs = statistics.wilcoxon(PAPER)
    assert len(pairs) == 21
    assert (pairs.p_holm >= pairs.p).all()
    same = PAPER[["Soft"]].assign(Twin=PAPER["Soft"])
    assert statistics.wilcoxon(same).p.item() == 1


def test_corrected_t_test_is_wider_than_the_plain_one():
    random = np.random.default_rng(0)
    first, second = random.normal(1, 1, 100), random.normal(0, 1, 100)
    found = statistics.corrected_t_test(first, second)
    gap = first - second
    t = gap.mean() / np.sqrt((1 / 100 + 1 / 9) * gap.var(ddof=1))
    width = (found.high - found.low) / 2
    assert gap.mean() / width * 1.98422 == pytest.approx(t, rel=1e-4)
    assert found.low < gap.mean() < found.high
    assert (found.p < 0.05) == (found.low > 0)


def test_corrected_t_test_without_any_difference():
    same = statistics.corrected_t_test([1, 2, 3], [1, 2, 3])
    assert (same.mean, same.p) == (0, 1)
    with pytest.raises(ValueError, match="don't pair"):
        statistics.corrected_t_test([1, 2], [1, 2, 3])
