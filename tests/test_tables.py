"""Published beside measured: nothing is mixed, and nothing is made up."""

import math

import numpy as np
import pandas as pd
import pytest

from arcbook import datasets, experiments, papers
from arcbook.analysis import tables
from arcbook.analysis.tables import UNMEASURED
from arcbook.experiments import uci

SETS = ("iris", "votes", "hayes-roth")


def fake(run, generator, stale=False):
    """A record with made-up hits, as `experiments.records` gives it."""
    rows = datasets.card(run["dataset"]).instances
    tested = np.diff(np.linspace(0, rows, 11).astype(int)).tolist() * 10
    correct = generator.binomial(tested, 0.8)
    shares = 100 * correct / tested
    return run | {
        "profile": "full",
        "metrics": {
            "accuracy": round(shares.mean(), 3),
            "std": round(shares.std(ddof=1), 3),
            "constant": 0,
            "diverged": 0,
            "correct": correct.tolist(),
            "tested": tested,
        },
        "device": "a processor",
        "torch": "2.13.0",
        "commit": "0123abc",
        "date": "2026-03-01T10:00:00+00:00",
        "stale": stale,
    }


@pytest.fixture
def records():
    """All columns of three data sets; the first record is stale."""
    generator = np.random.default_rng(0)
    runs = [run for run in uci.table1_runs("full") if run["dataset"] in SETS]
    return [fake(run, generator, stale=k == 0) for k, run in enumerate(runs)]


@pytest.fixture
def cells(records):
    return tables.beside("arcgrad", "table1", records=records)


def test_beside_keeps_the_printed_order_and_cells(cells):
    printed = papers.table("arcgrad", "table1")
    pd.testing.assert_frame_equal(cells[printed.columns], printed)


def test_beside_puts_each_record_to_its_cell(cells, records):
    for one in records:
        cell = cells[
            (cells["dataset"] == one["dataset"])
            & (cells["method"] == one["column"])
        ].iloc[0]
        assert cell["measured"] == one["metrics"]["accuracy"]
        assert cell["measured_std"] == one["metrics"]["std"]
        assert cell["networks"] == 100


def test_what_is_not_measured_is_missing(cells):
    apart = cells[~cells["dataset"].isin(SETS)]
    assert len(apart) == 12 * 7
    assert (
        apart[["measured", "measured_std", "networks"]].isna().all(axis=None)
    )


def test_profiles_are_not_mixed(tmp_path, monkeypatch):
    monkeypatch.setattr("arcbook.paths.RESULTS", tmp_path)
    for profile in experiments.PROFILES:
        cells = tables.beside("arcgrad", "table1", profile)
        assert cells["measured"].isna().all()


def test_wide_is_data_sets_by_methods(cells):
    means = tables.wide(cells)
    assert list(means.columns) == list(uci.COLUMNS)
    assert list(means.index) == datasets.available("table")
    assert means.loc["iris", "AdaCos"] == 95.73


def test_wins_count_ties_for_all():
    means = pd.DataFrame({"a": [1.001, 3], "b": [1.004, 2], "c": [0, 3]})
    assert tables.wins(means).to_dict() == {"a": 2, "b": 1, "c": 1}


def test_published_wins_differ_from_the_printed_line_by_one_tie():
    wins = tables.wins(
        tables.wide(tables.beside("arcgrad", "table1", "full", []))
    )
    printed = papers.summary("arcgrad", "table1")["Wins"]
    assert printed.sum() == 15
    assert (wins - printed).pipe(lambda x: x[x != 0]).to_dict() == {
        "ArcFace": 1
    }


def test_grid_marks_the_best_the_stale_and_the_missing(cells):
    grid = tables.grid(cells)
    ties = grid.loc[("iris", "published ○")]
    assert ties["M-Soft"] == "<b>97.53 ± 4.78</b>"
    assert ties["ArcFace"] == "<b>97.53 ± 4.28</b>"
    stale = [cell for cell in grid.to_numpy().flat if "†" in cell]
    assert len(stale) == 1
    assert (grid.loc[("pima", "measured ●")] == UNMEASURED).all()


def test_grid_sums_up_only_what_is_measured_in_every_column(cells):
    grid = tables.grid(cells)
    means = tables.wide(cells, "measured").loc[list(SETS)]
    average = grid.loc[("Average", "measured ●")]
    assert average["Soft"] == f"{means['Soft'].mean():.2f}"
    nothing = tables.grid(tables.beside("arcgrad", "table1", "full", []))
    assert (nothing.loc[("Wins", "measured ●")] == UNMEASURED).all()


def test_folds_are_those_of_the_record(records):
    shares = tables.folds("iris", "Soft", records)
    accuracy = tables.wide(
        tables.beside("arcgrad", "table1", "full", records), "measured"
    ).loc["iris", "Soft"]
    assert len(shares) == 100
    assert math.isclose(shares.mean(), accuracy, abs_tol=1e-3)
    assert tables.folds("pima", "Soft", records) is None


def test_counts_agree_with_what_is_printed():
    counts = tables.counts()
    assert len(counts) == 15
    for size in ("classes", "features", "instances"):
        assert (counts[size] == counts[f"counted {size}"]).all()


def test_provenance_says_what_is_there_and_where_from(records):
    text = tables.provenance("arcgrad.table1", "full", records)
    assert "full profile: 21 of 105 runs are measured, 1 of them" in text
    assert "10 runs of 10-fold cross-validation with seed 0" in text
    assert "a processor with PyTorch 2.13.0, on 1 March 2026" in text
    assert text.endswith("commit 0123abc.")


def test_provenance_of_nothing_says_so():
    text = tables.provenance("arcgrad.table1", "full", [])
    assert UNMEASURED in text
    assert "0 of 105" in text


def test_plain_numbers():
    frame = pd.DataFrame(
        {"gap": [1.234, 2.0], "p": [0.0004, 0.0321], "name": ["a", "b"]}
    )
    assert tables.plain(frame).to_dict("list") == {
        "gap": ["1.23", "2"],
        "p": ["&lt; 0.001", "0.032"],
        "name": ["a", "b"],
    }
