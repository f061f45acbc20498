"""What the cells of a table can tell, and what chapters say of them."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from arcbook import papers
from arcbook.analysis import candidates, comparisons, tables
from arcbook.experiments import uci
from arcbook.verdicts import listed, protocol
from arcbook.verdicts import uci as verdicts
from test_tables import fake


def measured(share):
    """Made-up records of a share of Table I's cells."""
    generator = np.random.default_rng(1)
    runs = uci.table1_runs("full")
    kept = [run for run in runs if generator.random() < share]
    return [fake(run, generator) for run in kept]


@pytest.fixture(
    scope="module", params=(0, 0.5, 1), ids=("none", "half", "all")
)
def records(request):
    return measured(request.param)


@pytest.fixture
def cells(records):
    return tables.beside("arcgrad", "table1", records=records)


def test_printed_averages_follow_from_the_cells(cells):
    summary = comparisons.summary(cells)
    printed = summary.loc["Average, printed"]
    assert (
        printed - summary.loc["Average, from printed cells"]
    ).abs().max() < 0.006
    assert "follow from the printed cells. " in verdicts.sums(summary)
    assert "ArcFace" in verdicts.sums(summary)


def test_chance_is_the_spread_of_random_folds():
    generator = np.random.default_rng(0)
    right = np.arange(150) < 120
    shares = [
        100 * generator.permutation(right)[:15].mean() for _ in range(20000)
    ]
    expected = comparisons.chance(80, 150)
    assert np.std(shares) == pytest.approx(expected, rel=0.02)


def test_a_coin_spreads_as_simulated():
    cells = tables.beside("arcgrad", "table1", "full", [])
    coin = comparisons.coins(cells).set_index("dataset").loc["pima"]
    generator = np.random.default_rng(0)
    labels = np.arange(392) < 130
    shares = [
        100 * (generator.permutation(labels)[:39] == toss).mean()
        for toss in generator.random(20000) < 0.5
    ]
    assert np.mean(shares) == pytest.approx(50, abs=0.5)
    assert np.std(shares) == pytest.approx(coin["coin_std"], rel=0.02)


def test_only_two_class_sets_are_coins(cells):
    coins = comparisons.coins(cells)
    assert list(coins["dataset"]) == [
        "pima",
        "wpbc",
        "wholesale",
        "banknote",
        "votes",
        "haberman",
    ]
    assert len(comparisons.spread(cells)) == 15 * 7 - len(coins)


def test_against_is_the_signed_rank_test():
    means = tables.wide(tables.beside("arcgrad", "table1", "full", []))
    rows = comparisons.against(means, "ArcGrad5").set_index("other")
    assert len(rows) == 6
    expected = stats.wilcoxon(means["ArcGrad5"], means["Soft"]).pvalue
    assert rows.loc["Soft", "p"] == pytest.approx(expected)
    assert rows.loc["Soft", "better"] == 14
    assert (rows["p_holm"] >= rows["p"]).all()


def test_within_pairs_the_folds():
    records = measured(1)
    cells = tables.beside("arcgrad", "table1", records=records)
    rows = comparisons.within(cells, records, "ArcGrad5", "Soft")
    means = tables.wide(cells, "measured")
    gap = (means["ArcGrad5"] - means["Soft"]).to_numpy()
    assert rows["difference"].to_numpy() == pytest.approx(gap, abs=2e-3)
    assert (rows["low"] < rows["difference"]).all()
    assert rows["published"].iloc[0] == pytest.approx(0.61)


def test_a_column_is_not_compared_with_itself():
    cells = tables.beside("arcgrad", "table1", "full", [])
    with pytest.raises(ValueError, match="both Soft"):
        comparisons.within(cells, [], "Soft", "Soft")


def test_reach_allows_for_overlap():
    wide = comparisons.reach(1.0)
    assert wide == pytest.approx(1.984 * np.sqrt(1 / 100 + 1 / 9), rel=1e-3)


def test_apart_is_sorted_by_distance():
    cells = tables.beside("arcgrad", "table1", records=measured(1))
    far = comparisons.apart(cells, 5)
    assert (far["gap"].abs() > 5).all()
    assert far["gap"].abs().is_monotonic_decreasing


def test_validation_uses_complete_data_sets_only():
    grid = itertools.product(*uci.CANDIDATES.values())
    records = [
        {
            "dataset": dataset,
            **dict(zip(uci.CANDIDATES, values, strict=True)),
            "metrics": {
                "accuracy": 70 + k,
                "by_column": dict.fromkeys(uci.COLUMNS, 70 + k),
            },
        }
        for k, values in enumerate(grid)
        for dataset in ("iris", "tae")
    ]
    scores, by_loss = candidates.validation(records[:-1])
    assert (scores["sets"] == 1).all()
    assert len(scores) == len(by_loss) == len(records) / 2
    assert scores["accuracy"].iloc[-1] == 70 + len(scores) - 1
    scores, by_loss = candidates.validation([])
    assert scores.empty
    assert "not measured" in protocol.candidates(scores, by_loss)


def test_likeness_to_the_published_table():
    published = tables.wide(tables.beside("arcgrad", "table1", "full", []))
    records = [
        {
            "dataset": dataset,
            **dict(zip(uci.CANDIDATES, values, strict=True)),
            "metrics": {
                "accuracy": 70,
                "by_column": (published.loc[dataset] + k).to_dict(),
            },
        }
        for k, values in enumerate(itertools.product(*uci.CANDIDATES.values()))
        for dataset in ("iris", "tae")
    ]
    rows = candidates.likeness(records, "ArcGrad5", "Soft")
    assert list(rows["distance"]) == pytest.approx(list(range(len(rows))))
    gap = published["ArcGrad5"] - published["Soft"]
    expected = gap[["iris", "tae"]].mean()
    assert rows["gap"].to_numpy() == pytest.approx(expected)
    assert candidates.complete_sets(records) == ["iris", "tae"]
    text = protocol.likeness(rows, expected, ("ArcGrad5", "Soft"))
    assert text.endswith(".")
    assert "one of speed" not in text
    early = rows.assign(accuracy=range(len(rows)), gap=range(len(rows), 0, -1))
    text = protocol.likeness(early, 3.0, ("ArcGrad5", "Soft"))
    assert "one of speed" in text
    text = protocol.likeness(early, 60.0, ("ArcGrad5", "Soft"))
    assert "no training within this range" in text
    nothing = candidates.likeness([], "ArcGrad5", "Soft")
    assert "not measured" in protocol.likeness(nothing, 1, ("a", "b"))


@pytest.mark.parametrize("candidate", ["ArcGrad5", "AdaCos"])
@pytest.mark.parametrize("baseline", ["Soft", "ArcFace"])
def test_sentences_are_whole_whatever_is_measured(
    cells, records, candidate, baseline
):
    pairs = comparisons.within(cells, records, candidate, baseline)
    summary = comparisons.summary(cells)
    sentences = [
        verdicts.ranks(cells, candidate),
        verdicts.within(pairs, candidate, baseline),
        verdicts.apart(cells, comparisons.apart(cells)),
        verdicts.table1(cells, records, candidate, baseline),
        verdicts.noise(comparisons.spread(cells)),
        verdicts.coins(comparisons.coins(cells), summary, candidate),
        verdicts.sums(summary),
    ]
    for sentence in sentences:
        assert sentence.endswith((".", ".)"))
        assert " nan" not in sentence.lower()
        assert "  " not in sentence


def test_friedman_of_what_is_not_measured_is_missing():
    cells = tables.beside("arcgrad", "table1", "full", [])
    tests = comparisons.friedman(cells)
    assert tests["measured"].isna().all()
    assert tests["published"].between(0, 1).all()
    assert list(tests["data sets"]) == [15, 15, 9]


def test_lists_in_a_sentence():
    assert listed([]) == "none"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_summary_has_the_printed_columns():
    cells = tables.beside("arcgrad", "table1", "full", [])
    printed = papers.summary("arcgrad", "table1")
    assert list(comparisons.summary(cells)) == list(printed.index)
    assert isinstance(comparisons.two_class(), list)
    assert pd.isna(comparisons.summary(cells).loc["Average, measured"]).all()


@pytest.mark.parametrize(("last", "said"), [(60, "one of speed"), (71, "no")])
def test_gap_over_the_length_of_training(last, said):
    rows = pd.DataFrame(
        [("Soft", 5, 50), ("Soft", 40, 60), ("X", 5, 71), ("X", 40, last)],
        columns=["column", "epochs", "accuracy"],
    )
    text = protocol.lengths(rows, 22.2, ("X", "Soft"))
    assert "+21.0 after 5" in text
    assert said in text
