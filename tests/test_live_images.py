"""Quick runs on a page: what was asked for, and no record."""

import pytest

from arcbook import datasets, experiments, live_images
from arcbook.experiments import grids

SMALL = {"share": 0.02, "epochs": 1, "probe": 50, "test_limit": 50}


def test_trains_the_columns_asked_for_with_the_changes(folder):
    live = live_images.quick("mnist-cosine.fig2", ["ArcFace"], m=0.3, **SMALL)
    assert live.problem == ""
    assert {one["column"] for one in live.records} == {"ArcFace"}
    for one in live.records:
        assert one["hyperparameters"] == {"s": 64.0, "m": 0.3}
        assert one["epochs"] == 1
        assert 0 <= one["metrics"]["test_accuracy"] <= 1
    dimensions = [one["embedding_dim"] for one in live.records]
    assert dimensions == [3, None]  # three lengths have become the same run
    assert not folder.exists()


def test_trains_what_a_record_of_the_grid_holds(folder, monkeypatch):
    quick = grids.CONTENT["protocols"]["mnist"]["quick"]
    for key, value in SMALL.items():
        monkeypatch.setitem(quick, key, value)
    monkeypatch.setattr(grids, "_grid", grids._grid.__wrapped__)
    (one,) = live_images.quick("mnist-cosine.fig1").records
    experiments.run("mnist-cosine.fig1", profile="quick")
    (record,) = experiments.records("mnist-cosine.fig1", "quick")
    assert one["metrics"] == record["metrics"]
    assert one["arrays"] == record["arrays"]


def test_refuses_what_a_run_does_not_have():
    with pytest.raises(ValueError, match="has no margin; it has s, m"):
        live_images.quick("mnist-cosine.table1", ["ArcFace"], margin=0.3)
    with pytest.raises(ValueError, match=r"no run .* has column"):
        live_images.quick("mnist-cosine.table1", ["Softmax"])


def test_says_why_there_are_no_runs_without_the_data(monkeypatch):
    def damaged(*_, **__):
        raise datasets.DataError("the file is altered")

    monkeypatch.setattr(datasets, "load", damaged)
    experiments.images.load.cache_clear()
    live = live_images.quick("mnist-cosine.fig1")
    assert live.records == []
    assert live.problem == "the file is altered"


def test_downloads_nothing(monkeypatch, tmp_path):
    monkeypatch.delenv("ARCBOOK_DATA", raising=False)
    monkeypatch.setenv("ARCBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(datasets, "load", lambda *_, **__: pytest.fail())
    live = live_images.quick("arcgrad.table4", ["Soft"])
    assert live.records == []
    assert "This needs CIFAR-10: run" in live.problem
    assert live_images.missing("mnist", sample=True) == ""
