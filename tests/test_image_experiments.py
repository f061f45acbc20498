"""A run of images records what it shows, stops, resumes and diverges."""

import math
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from arcbook import datasets, experiments, packing, paths, training
from arcbook.experiments import canary
from tiny import add, tiny_runs


def test_a_record_keeps_curves_angles_and_features(tiny, folder):
    assert experiments.run("test.images") == 2
    record = experiments.records("test.images")[1]
    assert not record["stale"] and record["metrics"]["diverged"] is False
    assert 0 <= record["metrics"]["test_accuracy"] <= 1
    assert len(record["curves"]["test_accuracy"]) == 2
    arrays = {k: packing.unpack(v) for k, v in record["arrays"].items()}
    assert arrays["intra_train"].shape == (3, 180)
    assert arrays["histogram_epochs"].tolist() == [0, 1, 2]
    assert arrays["confusion"].sum() == record["test_images"] == 100
    assert arrays["features"].shape == (20, 128)
    assert arrays["cosines"].shape == (10, 10)
    assert record["train_images"] == 200 and record["steps"] == 12
    assert record["precision"] in ("float32", "bfloat16")
    assert record["device"] not in ("", None, "cpu")
    assert not [*paths.CACHE.rglob("*.pt*")]
    assert experiments.run("test.images") == 0


def test_another_experiment_reads_the_record(tiny, folder):
    home = {"home": lambda run: "test.images"}
    add("test.reader", lambda p: tiny_runs(p)[1:], **home)
    assert experiments.run("test.reader") == 1
    assert [f.parts[-3] for f in folder.rglob("*.json")] == ["test.images"]
    assert len(experiments.records("test.reader")) == 1
    assert experiments.run("test.images") == 1
    assert experiments.run("test.reader") == 0


def test_a_spent_budget_leaves_checkpoints_from_which_runs_go_on(
    tiny, folder, monkeypatch
):
    train = training.train

    def one_epoch(*given, time_budget, **settings):
        left = iter([math.inf, 0]).__next__
        return train(*given, time_budget=left, **settings)

    for run in experiments.runs("test.images"):
        canary.stamp("test.images", run)
    with monkeypatch.context() as patch:
        patch.setattr(training, "train", one_epoch)
        assert experiments.run("test.images") == 0
    assert len([*paths.CACHE.rglob("*.pt")]) == 2
    assert not [*folder.rglob("*.json")]
    old = next(paths.CACHE.rglob("*.pt"))
    old.with_name(old.name.replace(old.stem[-8:], "0" * 8)).touch()
    assert experiments.run("test.images") == 2
    assert not [*paths.CACHE.rglob("*.pt")]
    resumed = experiments.records("test.images")
    monkeypatch.setattr(paths, "RESULTS", folder / "straight")
    assert experiments.run("test.images") == 2
    straight = experiments.records("test.images")
    for key in ("metrics", "curves", "arrays"):
        assert [r[key] for r in resumed] == [r[key] for r in straight]


def test_a_run_that_diverges_is_recorded_and_the_sweep_goes_on(folder):
    def grid(profile):
        first, second = tiny_runs(profile)
        return [first | {"learning_rate": 1e30}, second]

    add("test.diverges", grid)
    assert experiments.run("test.diverges") == 2
    bad, good = experiments.records("test.diverges")
    assert bad["metrics"]["diverged"] and not good["metrics"]["diverged"]
    assert "in epoch 1" in bad["note"] and bad["loss"] == "softmax"
    assert bad["metrics"]["diverged_epoch"] == 1
    assert experiments.run("test.diverges") == 0
    assert not [*paths.CACHE.rglob("*.pt*")]


def test_without_the_data_one_sentence_says_what_to_do(folder, monkeypatch):
    why = datasets.DataError("it cannot be fetched: set ARCBOOK_DATA")
    monkeypatch.delenv("ARCBOOK_DATA", raising=False)
    monkeypatch.setattr(datasets, "fetch", mock.Mock(side_effect=why))
    monkeypatch.setenv("ARCBOOK_CACHE", str(folder))
    with pytest.raises(datasets.DataError, match="set ARCBOOK_DATA"):
        experiments.run("arcgrad.table7")
    assert not [*folder.rglob("*.json")]


def test_the_record_of_a_long_run_is_small(folder, monkeypatch):
    train, draw = training.train, np.random.default_rng(0)

    def long(*given, **settings):
        """A result as large as that of the longest runs."""
        found = train(*given, **settings)
        histograms = np.array(
            [
                np.histogram(draw.normal(centre, 12, 10_000), 180, (0, 180))[0]
                for centre in np.linspace(90, 20, 161)
            ],
            dtype=np.uint32,
        )
        arrays = {
            "intra_train": histograms,
            "intra_test": histograms[::-1],
            "intra_class0": histograms // 50,
            "confusion": draw.poisson(100 * np.eye(100) + 1).astype(np.uint32),
            "cosines": draw.uniform(-1, 1, (100, 100)).astype(np.float16),
            "cosine_labels": np.arange(100, dtype=np.uint16),
        }
        rows = {"curves": 80 * found.curves, "looks": 54 * found.looks}
        return replace(found, arrays=arrays, **rows)

    monkeypatch.setattr(training, "train", long)
    add("test.long", lambda profile: tiny_runs(profile)[:1])
    experiments.run("test.long")
    (file,) = folder.rglob("*.json")
    assert file.stat().st_size < 60_000
    (record,) = experiments.records("test.long")
    epochs = packing.unpack(record["arrays"]["histogram_epochs"])
    assert epochs[0] == 0 and epochs[-1] == 160 and len(epochs) == 31
