"""Records survive whatever happens to the process that makes them."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest

from arcbook import datasets, experiments, formulas, losses, paths, results
from arcbook.ensembles import cross_validation
from arcbook.experiments import checks, registry, uci

CHANGES = ("seconds", "images_per_second", "date")
TINY = {"epochs": 1, "width": 4, "runs": 1, "splits": 3}
COLUMNS = ("Soft", "ArcFace", "ArcGrad5")


def tiny_runs(profile):
    return [
        uci.one_run("iris", column, uci.CURVES[column], uci.SETTINGS | TINY)
        for column in COLUMNS
    ]


def tiny_experiment(**given):
    name = registry.named("{dataset}-{column}")
    about = "test.tiny", "Three runs", "none", tiny_runs, name
    made = experiments.Experiment(*about, **(uci.HOW | given))
    return experiments.register(made)


@pytest.fixture
def tiny(folder):
    return tiny_experiment()


def counts():
    found = experiments.status()["experiments"][-1]
    assert found["id"] == "test.tiny"
    return found["runs"]["quick"]


def contents(folder):
    return {
        file.name: {
            key: value
            for key, value in json.loads(file.read_text()).items()
            if key not in CHANGES
        }
        for file in folder.rglob("*.json")
    }


def test_running_again_is_a_no_op(tiny, folder):
    none = {"expected": 3, "measured": 0, "stale": 0, "unchecked": 0}
    assert counts() == none
    assert experiments.run("test.tiny") == 3
    before = {f: f.stat().st_mtime_ns for f in folder.rglob("*.json")}
    assert experiments.run("test.tiny") == 0
    assert before == {f: f.stat().st_mtime_ns for f in folder.rglob("*.json")}
    assert counts() == none | {"measured": 3}


def test_a_record_says_where_it_comes_from(tiny):
    experiments.run("test.tiny")
    record = experiments.records("test.tiny")[1]
    assert record["loss"] == "arcface"
    assert record["hyperparameters"] == {"s": 20.0, "m": 0.1}
    assert record["data_sha256"] in datasets.identities("iris").values()
    assert record["profile"] == "quick" and record["epochs"] == 1
    for field in ("seed", "seconds", "device", "torch", "commit", "date"):
        assert record[field] not in ("", None)
    assert sum(record["metrics"]["tested"]) == 150
    mean = uci.accuracies(record).mean()
    assert mean == pytest.approx(record["metrics"]["accuracy"], abs=1e-3)
    assert len(record["curves"]["loss"]) > 1


def test_a_time_budget_stops_between_runs(tiny):
    assert experiments.run("test.tiny", time_budget=0) == 0
    assert experiments.run("test.tiny", time_budget=600) == 3


def test_a_broken_record_is_measured_again(tiny, folder):
    experiments.run("test.tiny")
    whole = contents(folder)
    file = results.files("test.tiny", "quick")[0]
    file.write_text(file.read_text()[:200])
    assert counts()["stale"] == 1
    with pytest.raises(results.RecordError, match="not a whole record"):
        experiments.records("test.tiny")
    assert experiments.run("test.tiny") == 1
    assert contents(folder) == whole


def test_nothing_is_deleted_and_what_no_grid_asks_for_is_named(tiny):
    experiments.run("test.tiny")
    old = results.path("test.tiny", "quick", "old", {"dataset": "iris"})
    record = results.load(results.files("test.tiny", "quick")[0])
    results.write(old, record | {"epochs": 7})
    experiments.run("test.tiny")
    experiments.run("test.tiny", only={"column": ["Soft"]})
    assert len(results.files("test.tiny", "quick")) == 4
    problem = {results.place(old): "it is of no run of today's grids"}
    assert checks.problems() == problem


def test_another_identity_of_the_data_makes_records_stale(tiny, monkeypatch):
    experiments.run("test.tiny")
    monkeypatch.setattr(
        datasets, "identities", lambda name: {"official": "other"}
    )
    assert counts()["stale"] == 3


def gentler(theta, *, m, variant="plain"):
    return formulas.cosine(theta + m / 2)


def test_a_changed_formula_makes_its_own_records_stale(
    tiny, monkeypatch, other_code
):
    experiments.run("test.tiny")
    changed = replace(losses.get("arcface"), target=gentler)
    with monkeypatch.context() as patch:
        patch.setitem(losses.registry._registry, "arcface", changed)
        other_code()
        stale = {r["column"]: r["stale"] for r in experiments.records(tiny.id)}
        assert stale == {"Soft": False, "ArcFace": True, "ArcGrad5": False}
        assert experiments.run("test.tiny") == 1
        assert counts()["stale"] == 0
    other_code()
    assert counts()["stale"] == 1


def test_a_new_loss_or_new_words_make_nothing_stale(
    tiny, monkeypatch, other_code
):
    experiments.run("test.tiny")
    arcface = losses.get("arcface")
    for changes in (
        {"title": "Other", "about": "other words"},
        {"name": "gentle", "aliases": (), "target": gentler},
    ):
        new = replace(arcface, **changes)
        monkeypatch.setitem(losses.registry._registry, new.name, new)
    other_code()
    assert counts()["stale"] == 0


def test_unknown_names_are_told_with_the_close_ones():
    with pytest.raises(ValueError, match=r"did you mean arcgrad\.table1"):
        experiments.run("arcgrad.tabel1")
    with pytest.raises(
        ValueError, match=r"no profile 'ful'.* quick, reduced, full"
    ):
        experiments.run("arcgrad.table1", profile="ful")


def test_grids_are_those_of_the_paper():
    table1 = experiments.runs("arcgrad.table1", "full")
    assert len(table1) == 15 * 7
    assert {run["runs"] * run["splits"] for run in table1} == {100}
    assert {run["layers"] for run in table1} == {3}
    fig2 = experiments.runs("arcgrad.fig2", "full")
    assert {run["dataset"] for run in fig2} == {"iris"}
    assert {run["layers"] for run in fig2} > {*range(1, 11)}
    for id in experiments.available():
        for profile in experiments.PROFILES:
            grid = experiments.runs(id, profile)
            keys = {results.key(id, profile, run) for run in grid}
            assert len(keys) == len(grid)


def test_the_protocol_is_the_one_that_validation_chose():
    found = pd.json_normalize(experiments.records("arcgrad.protocol", "full"))
    names = [*uci.CANDIDATES]
    best = found.groupby(names)["metrics.accuracy"].mean().idxmax()
    assert dict(zip(names, best)) == {k: uci.PROTOCOL[k] for k in names}


def test_validation_never_sees_a_test_fold():
    for fold in cross_validation(50, runs=1):
        inner = uci._hold_out(fold, 0.2)
        assert {*inner.train} | {*inner.test} == {*fold.train}
        assert not {*inner.train} & {*inner.test}


def test_one_run_live():
    row = uci.run_one("iris", "ArcGrad5", epochs=2, splits=3).iloc[0]
    assert row["loss"] == "arcgrad" and len(uci.accuracies(row)) == 3
    row = uci.run_one("iris", loss="cosface", epochs=1, splits=3).iloc[0]
    assert row["column"] == "cosface"
    with pytest.raises(ValueError, match=r"no setting 'epoch'.* are layers"):
        uci.run_one("iris", "Soft", epoch=2)
    with pytest.raises(ValueError, match="there is no column 'Hard'"):
        uci.run_one("iris", "Hard")
    with pytest.raises(ValueError, match="not both"):
        uci.run_one("iris", "Soft", loss="softmax")


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
import test_experiments as t

def slowly(run, **given):
    done = t.uci.measure(run)
    time.sleep(0.4)
    return done

t.tiny_experiment(measure=slowly)
print("ready", flush=True)
t.experiments.run("test.tiny", jobs={jobs})
"""


def killed_sweep(folder, jobs, until):
    """Run the tiny experiment elsewhere; kill it when `until` records lie."""
    source = SCRIPT.format(tests=os.path.dirname(__file__), jobs=jobs)
    process = subprocess.Popen(
        [sys.executable, "-c", source],
        env=os.environ | {"ARCBOOK_RESULTS": str(folder)},
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    limit = time.monotonic() + 120
    while len([*folder.rglob("*.json")]) < until:
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    assert process.wait(timeout=120) == -signal.SIGKILL


def test_killed_in_one_process_then_in_two_gives_the_same_records(
    tiny, folder, monkeypatch
):
    experiments.run("test.tiny")
    straight = contents(folder)
    killed = folder / "killed"
    killed_sweep(killed, 1, until=1)
    assert 1 <= len(contents(killed)) < 3
    killed_sweep(killed, 2, until=2)
    for record in contents(killed).values():
        assert record in straight.values()
    monkeypatch.setattr(paths, "RESULTS", killed)
    assert experiments.run("test.tiny") <= 1
    assert contents(killed) == straight
    assert not [*killed.rglob("*.tmp")]


def test_the_committed_records_are_whole_and_fresh():
    for one in experiments.status()["experiments"][:3]:
        full = one["runs"]["full"]
        assert full["expected"] == full["measured"] > 0, one["id"]
        assert full["stale"] == full["unchecked"] == 0, one["id"]
