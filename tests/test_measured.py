"""Image runs as tables: what has no record is missing, never made up."""

import math

import numpy as np
import pandas as pd
import pytest

from arcbook import experiments, papers
from arcbook.analysis import measured, tables

TABLES = (
    ("arcgrad", "table4"),
    ("arcgrad", "table5"),
    ("arcgrad", "table6"),
    ("arcgrad", "table7"),
    ("angular-learning", "table2"),
    ("angular-learning", "table3"),
    ("angular-learning", "table4"),
    ("angular-learning", "table5"),
    ("angular-learning", "table6"),
    ("angular-learning", "table7"),
    ("iam", "table2"),
)


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
        "device": "a card",
        "torch": "2.13.0",
        "commit": "0123abc",
        "date": "2026-03-01T10:00:00+00:00",
    }


def grid(id):
    return experiments.runs(id, "full")


@pytest.mark.parametrize(("paper", "name"), TABLES)
def test_every_run_of_a_table_has_a_printed_cell(paper, name):
    """With all records there, no cell of the book's own methods is empty."""
    id = f"{paper}.{name}"
    cells = measured.beside(
        paper, name, records=[record(run) for run in grid(id)]
    )
    printed = papers.table(paper, name)
    assert len(cells) == len(printed)
    assert cells["published"].equals(printed["mean"])
    columns = {run["column"] for run in grid(id)}
    names = {measured.COLUMNS.get(m, m) for m in cells["method"]}
    assert columns <= names
    ours = cells["method"].map(lambda m: measured.COLUMNS.get(m, m) in columns)
    assert cells.loc[ours, "measured"].notna().all()
    assert (cells.loc[ours, "expected"] > 0).all()
    assert cells.loc[~ours, "measured"].isna().all()
    # table 6 and 7 print 80 and 200 epochs and so on: all are in the grid
    assert cells.loc[ours, "runs"].equals(cells.loc[ours, "expected"])


def test_without_records_no_cell_has_a_number():
    cells = measured.beside("arcgrad", "table4", records=[])
    assert cells["measured"].isna().all()
    assert set(cells.apply(measured.text, axis=1)) == {"not measured yet"}


def test_errors_are_accuracies_the_other_way_round():
    records = [record(run, 0.94) for run in grid("angular-learning.table5")]
    cells = measured.beside("angular-learning", "table5", records=records)
    one = cells[cells["method"] == "Arc"].iloc[0]
    assert one["measured"] == pytest.approx(6.0)
    assert one["low"] < 6.0 < one["high"]
    printed_only = cells[cells["expected"] == 0].iloc[0]
    assert measured.text(printed_only) == "–"


def test_seeds_are_one_cell_with_students_interval():
    shares = dict(enumerate((0.90, 0.91, 0.92, 0.93, 0.94)))
    records = [record(r, shares[r["seed"]]) for r in grid("arcgrad.table4")]
    cells = measured.beside("arcgrad", "table4", records=records)
    cell = cells.iloc[0]
    assert cell["measured"] == pytest.approx(92.0)
    assert cell["measured_std"] == pytest.approx(np.std(range(5), ddof=1))
    half = 2.776445 * cell["measured_std"] / math.sqrt(5)
    assert cell["high"] == pytest.approx(92.0 + half)
    assert measured.text(cell) == "92.00 ± 1.58"


def test_a_cell_says_which_seeds_are_missing_diverged_or_stale():
    runs = grid("arcgrad.table4")
    soft = [
        record(r, 0.9)
        for r in runs
        if r["column"] == "Soft" and r["benchmark"] == "CIFAR10+"
    ][:2]
    soft[0]["stale"] = True
    lost = next(r for r in runs if r["column"] == "Center")
    diverged = record(lost) | {"metrics": {"diverged": True}}
    cells = measured.beside(
        "arcgrad", "table4", records=[*soft, diverged]
    ).set_index(["method", "benchmark"])
    assert (
        measured.text(cells.loc["Soft", "CIFAR10+"])
        == "90.00 ± 0.00 † (2 of 5 seeds)"
    )
    assert measured.text(cells.loc["Center", lost["benchmark"]]) == "diverged"
    assert measured.text(cells.loc["Soft", "CIFAR10"]) == "not measured yet"


def test_an_interval_of_one_run_is_wilsons():
    low, high = measured.binomial(50.0, 4)
    z2 = 1.959964**2
    half = math.sqrt(z2 / 4 * (0.25 + z2 / 16)) / (1 + z2 / 4)
    assert low == pytest.approx(50 - 100 * half, abs=1e-4)
    assert high == pytest.approx(50 + 100 * half, abs=1e-4)


def test_an_angle_of_one_run_has_no_interval():
    records = [record(run) for run in grid("arcgrad.table6")]
    cells = measured.beside("arcgrad", "table6", records=records)
    assert cells["low"].isna().all()
    there = cells.set_index(["metric", "method"])["measured"]
    assert there["W-Inter", "Soft"] == 1.5
    assert there["WC-Intra", "ArcGrad"] == 0.5


def test_a_table_of_other_things_is_refused():
    with pytest.raises(ValueError, match="no unit"):
        measured.beside("arcgrad", "table2")


def test_quick_and_full_are_never_mixed():
    quick = [record(run) for run in experiments.runs("iam.table2", "quick")]
    cells = measured.beside("iam", "table2", "full", records=quick)
    assert cells["measured"].isna().all()


def test_rows_of_the_grid_stay_without_a_record():
    runs = grid("arcgrad.table7")
    rows = measured.frame("arcgrad.table7", records=[record(runs[3])])
    assert len(rows) == len(runs)
    assert rows["accuracy"].notna().sum() == 1
    assert rows.loc[3, "accuracy"] == pytest.approx(90.0)
    assert rows.loc[3, "column"] == runs[3]["column"]


def test_hyperparameters_are_columns():
    rows = measured.frame("mnist-cosine.table1", records=[])
    assert sorted(rows["m"].dropna()) == [
        round(0.40 + 0.01 * k, 2) for k in range(20)
    ]
    assert rows["m3"].notna().sum() == 20


def test_provenance_names_device_seeds_epochs_and_date():
    records = [record(run) for run in grid("arcgrad.table4")]
    text = tables.provenance("arcgrad.table4", records=records)
    for word in ("60 of 60", "0, 1, 2, 3, 4", "120", "256", "a card"):
        assert word in text
    assert "1 March 2026" in text


def test_provenance_of_a_diverged_run():
    lost = record(grid("arcgrad.table4")[0])
    lost["metrics"] = {"diverged": True}
    del lost["train_images"], lost["test_images"], lost["probe_images"]
    assert "1 of 60" in tables.provenance("arcgrad.table4", records=[lost])
    rows = measured.of_records([lost])
    assert pd.isna(rows.loc[0, "accuracy"]) and rows.loc[0, "diverged"]
