"""Image runs as tables: what has no record is missing, never made up."""

import math

import numpy as np
import pandas as pd
import pytest

from arcbook import cells, experiments, papers

TABLES = [
    id.split(".")
    for id in experiments.available()
    if ".table" in id and not id.endswith("table1")
]


def record(run, accuracy=0.9, **metrics):
    """A record with made-up metrics, as `experiments.records` gives it."""
    return run | {
        "metrics": {
            "diverged": False,
            "test_accuracy": accuracy,
            "test_top5": 0.99,
            "train_accuracy": 1.0,
            "wc_intra": 0.5,
            "w_inter": 1.5,
            "c_inter": 1.6,
        }
        | metrics,
        "test_images": 10_000,
        "probe_images": 10_000,
        "train_images": 50_000,
        "stale": False,
    }


def grid(id):
    return experiments.runs(id, "full")


@pytest.mark.parametrize(("paper", "name"), TABLES)
def test_every_run_of_a_table_has_a_printed_cell(paper, name):
    """With all records there, no cell of the book's own methods is empty."""
    id, where = cells.source(paper, name)
    found = cells.beside(
        paper, name, records=[record(run) for run in grid(id)]
    )
    assert len(found) == len(papers.table(paper, name))
    ours = found["expected"] > 0
    names = {cells.COLUMNS.get(m, m) for m in found.loc[ours, "method"]}
    columns = {
        run["column"] for run in grid(id) if where.items() <= run.items()
    }
    assert columns == names
    assert found.loc[ours, "measured"].notna().all()
    assert found.loc[~ours, "measured"].isna().all()
    assert found.loc[ours, "runs"].equals(found.loc[ours, "expected"])


def test_without_records_no_cell_has_a_number():
    found = cells.beside("arcgrad", "table4", records=[])
    assert found["measured"].isna().all() and (found["expected"] == 5).all()


def test_errors_are_accuracies_the_other_way_round():
    records = [record(run, 0.94) for run in grid("angular-learning.table5")]
    found = cells.beside("angular-learning", "table5", records=records)
    one = found.set_index("method").loc["Arc"]
    assert one["measured"] == pytest.approx(94.0)
    assert one["printed"] == pytest.approx(100 - 6.04)
    assert one["low"] < 94.0 < one["high"]


def test_seeds_are_one_cell_with_students_interval():
    shares = dict(enumerate((0.90, 0.91, 0.92, 0.93, 0.94)))
    records = [record(r, shares[r["seed"]]) for r in grid("arcgrad.table4")]
    cell = cells.beside("arcgrad", "table4", records=records).iloc[0]
    assert cell["measured"] == pytest.approx(92.0)
    assert cell["std"] == pytest.approx(np.std(range(5), ddof=1))
    half = 2.776445 * cell["std"] / math.sqrt(5)
    assert cell["high"] == pytest.approx(92.0 + half)


def test_a_cell_says_how_many_are_missing_diverged_or_stale():
    runs = grid("arcgrad.table4")
    soft = [
        record(r, 0.9)
        for r in runs
        if r["column"] == "Soft" and r["benchmark"] == "CIFAR10+"
    ][:2]
    soft[0]["stale"] = True
    lost = next(r for r in runs if r["column"] == "Center")
    diverged = record(lost) | {"metrics": {"diverged": True}}
    found = cells.beside(
        "arcgrad", "table4", records=[*soft, diverged]
    ).set_index(["method", "at"])
    one = found.loc["Soft", "CIFAR10+"]
    assert (one["runs"], one["expected"], one["stale"]) == (2, 5, True)
    other = found.loc["Center", lost["benchmark"]]
    assert (other["runs"], other["diverged"]) == (1, 1)


def test_the_printed_error_is_that_of_folds_seeds_or_images():
    folds = cells.beside("arcgrad", "table1", records=[]).iloc[0]
    assert folds["printed_error"] == pytest.approx(
        folds["printed_std"] * math.sqrt(1 / 100 + 1 / 9)
    )
    seeds = cells.beside("angular-learning", "table6", records=[])
    seeds = seeds.dropna(subset="printed_std").iloc[0]
    assert seeds["printed_error"] == pytest.approx(
        seeds["printed_std"] / math.sqrt(5)
    )
    images = cells.beside("iam", "table3", records=[]).iloc[0]
    share = images["printed"] / 100
    error = 100 * math.sqrt(share * (1 - share) / 6000)
    assert images["printed_error"] == pytest.approx(error)
    faces = cells.beside("iam", "table6", records=[])
    assert faces["printed_error"].isna().all()


def test_an_angle_of_one_run_has_no_interval():
    first = [record(run) for run in grid("arcgrad.table4") if run["seed"] == 0]
    found = cells.beside("arcgrad", "table6", records=first)
    assert found["low"].isna().all()
    there = found.set_index(["at", "method"])["measured"]
    assert there["W-Inter", "Soft"] == 1.5
    assert there["WC-Intra", "ArcGrad"] == 0.5


def test_a_table_of_other_things_is_refused():
    with pytest.raises(ValueError, match="not a table of results"):
        cells.beside("arcgrad", "table2")


def test_quick_and_full_are_never_mixed():
    quick = [record(run) for run in experiments.runs("iam.table2", "quick")]
    found = cells.beside("iam", "table2", "full", records=quick)
    assert found["measured"].isna().all()


def test_rows_of_the_grid_stay_without_a_record():
    runs = grid("arcgrad.table7")
    rows = cells.runs("arcgrad.table7", records=[record(runs[3])])
    assert len(rows) == len(runs)
    assert rows["accuracy"].notna().sum() == 1
    assert rows.loc[3, "accuracy"] == pytest.approx(90.0)
    assert rows.loc[3, "column"] == runs[3]["column"]


def test_hyperparameters_are_columns():
    rows = cells.runs("mnist-cosine.table1", records=[])
    assert sorted(rows["m"].dropna()) == [
        round(0.40 + 0.01 * k, 2) for k in range(20)
    ]
    assert rows["m3"].notna().sum() == 20


def test_a_diverged_run_has_no_accuracy():
    lost = record(grid("arcgrad.table4")[0])
    lost["metrics"] = {"diverged": True}
    rows = cells.of_records([lost])
    assert rows.loc[0, "diverged"]
    assert "accuracy" not in rows or pd.isna(rows.loc[0, "accuracy"])
