"""Records survive whatever happens to the process that makes them."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from arcbook import datasets, experiments, formulas, losses, paths, results
from arcbook.experiments import checks, uci
from arcbook.losses import registry

CHANGES = ("seconds", "date")
TINY = {"epochs": 1, "width": 4, "runs": 1, "splits": 3}
COLUMNS = ("Soft", "ArcFace", "ArcGrad5")


def tiny_runs(profile):
    return [
        uci.table1_runs("quick")[0]
        | TINY
        | dict(
            zip(
                ("dataset", "column", "loss", "hyperparameters"),
                ("iris", column, *uci.CURVES[column]),
                strict=True,
            )
        )
        for column in COLUMNS
    ]


def name(run):
    return f"{run['dataset']}-{run['column'].lower()}"


TINY_EXPERIMENT = experiments.Experiment(
    id="test.tiny",
    title="Three runs",
    paper="none",
    runs=tiny_runs,
    name=name,
    measure=uci.measure,
    canary=uci.canary,
    probe=uci.probe,
    canary_name=uci.canary_name,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    return tmp_path


@pytest.fixture
def tiny(folder):
    yield experiments.register(TINY_EXPERIMENT)
    experiments.unregister("test.tiny")


def counts(id="test.tiny", profile="quick"):
    (found,) = [
        e for e in experiments.status()["experiments"] if e["id"] == id
    ]
    return found["runs"][profile]


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
    assert counts() == {
        "expected": 3,
        "measured": 0,
        "stale": 0,
        "unchecked": 0,
    }
    assert experiments.run("test.tiny") == 3
    before = {f: f.stat().st_mtime_ns for f in folder.rglob("*.json")}
    assert experiments.run("test.tiny") == 0
    assert before == {f: f.stat().st_mtime_ns for f in folder.rglob("*.json")}
    assert counts() == {
        "expected": 3,
        "measured": 3,
        "stale": 0,
        "unchecked": 0,
    }


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
    place = "/".join(old.parts[-3:])
    assert checks.problems() == {place: "it is of no run of today's grids"}


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
    other = replace(arcface, title="Other", about="other words")
    monkeypatch.setitem(registry._registry, "arcface", other)
    losses.register(
        replace(arcface, name="gentle", aliases=(), target=gentler)
    )
    other_code()
    try:
        assert counts()["stale"] == 0
    finally:
        losses.unregister("gentle")


def test_unknown_names_are_told_with_the_close_ones():
    with pytest.raises(ValueError, match=r"did you mean arcgrad\.table1"):
        experiments.run("arcgrad.tabel1")
    with pytest.raises(ValueError, match="quick and full"):
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
    found = experiments.table("arcgrad.protocol", "full")
    if len(found) < len(experiments.runs("arcgrad.protocol", "full")):
        pytest.skip("arcgrad.protocol is not measured")
    chosen = uci.choose(found)
    assert chosen == {name: uci.PROTOCOL[name] for name in chosen}


def test_validation_never_sees_a_test_fold():
    from arcbook import ensembles

    for fold in ensembles.cross_validation(50, runs=1):
        inner = uci._hold_out(fold, uci.HELD_OUT)
        assert {*inner.train} | {*inner.test} == {*fold.train}
        assert not {*inner.train} & {*inner.test}


def test_one_run_live():
    row = uci.run_one("iris", "ArcGrad5", epochs=2, splits=3).iloc[0]
    assert row["loss"] == "arcgrad" and len(uci.accuracies(row)) == 3
    row = uci.run_one("iris", loss="cosface", epochs=1, splits=3).iloc[0]
    assert row["column"] == "cosface"
    with pytest.raises(ValueError, match="unknown epoch"):
        uci.run_one("iris", "Soft", epoch=2)
    with pytest.raises(ValueError, match="there is no column 'Hard'"):
        uci.run_one("iris", "Hard")
    with pytest.raises(ValueError, match="not both"):
        uci.run_one("iris", "Soft", loss="softmax")


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
import test_experiments as t
experiments = t.experiments

def slowly(run, **given):
    done = t.uci.measure(run)
    time.sleep(0.4)
    return done

experiments.register(t.replace(t.TINY_EXPERIMENT, measure=slowly))
print("ready", flush=True)
experiments.run("test.tiny", jobs={jobs})
"""


def sweep(folder, jobs, until=None):
    """Run the tiny experiment elsewhere; kill it when `until` records lie."""
    source = SCRIPT.format(tests=os.path.dirname(__file__), jobs=jobs)
    process = subprocess.Popen(
        [sys.executable, "-c", source],
        env=os.environ | {"ARCBOOK_RESULTS": str(folder)},
        stdout=subprocess.PIPE,
    )
    if until is not None:
        process.stdout.readline()
        limit = time.monotonic() + 120
        while len([*folder.rglob("*.json")]) < until:
            assert process.poll() is None and time.monotonic() < limit
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    process.stdout.close()
    code = process.wait(timeout=120)
    assert code == (0 if until is None else -signal.SIGKILL)


def test_killed_in_one_process_then_in_two_gives_the_same_records(
    tiny, folder, monkeypatch
):
    experiments.run("test.tiny")
    straight = contents(folder)
    killed = folder / "killed"
    sweep(killed, 1, until=1)
    assert 1 <= len(contents(killed)) < 3
    sweep(killed, 2, until=2)
    for record in contents(killed).values():
        assert record in straight.values()
    monkeypatch.setattr(paths, "RESULTS", killed)
    assert experiments.run("test.tiny") <= 1
    assert contents(killed) == straight
    assert not [*killed.rglob("*.tmp")]


def test_accuracies_of_folds_have_the_mean_of_the_record(tiny):
    experiments.run("test.tiny")
    rows = experiments.table("test.tiny")
    assert uci.accuracies(rows.iloc[0]).mean() == pytest.approx(
        rows.iloc[0]["accuracy"], abs=1e-3
    )


@pytest.mark.parametrize(
    "id", ["arcgrad.table1", "arcgrad.fig2", "arcgrad.protocol"]
)
def test_the_committed_records_are_whole_and_fresh(id):
    counts = {
        one["id"]: one["runs"] for one in experiments.status()["experiments"]
    }
    full = counts[id]["full"]
    assert full["expected"] > 0
    assert full == {
        "expected": full["expected"],
        "measured": full["expected"],
        "stale": 0,
        "unchecked": 0,
    }
