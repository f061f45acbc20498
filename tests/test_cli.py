"""The command line is a thin layer, and its errors are one sentence."""

import json
import math
import os
import subprocess
import sys
from unittest import mock

import pytest
from typer.testing import CliRunner

from arcbook import cli, datasets, experiments, losses
from arcbook.book import parameters

COUNTS = {"expected": 105, "measured": 3, "stale": 1}
STATUS = {
    "experiments": [{"id": "arcgrad.table1", "runs": {"full": COUNTS}}],
    "problems": ["a record: what is wrong with it"],
}


def invoke(*arguments):
    return CliRunner().invoke(cli.app, arguments)


def fails(capsys, *arguments):
    """Exit code and the one line on stderr."""
    with pytest.raises(SystemExit) as exit:
        cli.main(list(arguments))
    error = capsys.readouterr().err.strip()
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1
    return exit.value.code, error


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_status(monkeypatch, options):
    monkeypatch.setattr(experiments, "status", lambda: STATUS)
    result = invoke("status", *options)
    assert result.exit_code == 0
    if options:
        assert json.loads(result.stdout) == STATUS
    else:
        shown = ("arcgrad.table1", "full", "105", *STATUS["problems"])
        assert all(word in result.stdout for word in shown)


@pytest.fixture
def calls(monkeypatch):
    """The calls of `experiments.run`, which runs nothing."""
    found = []
    monkeypatch.setattr(
        experiments, "run", lambda id, **given: found.append((id, given))
    )
    return found


def test_run_hands_its_options_on(calls):
    options = ("--profile", "full", "--jobs", "2", "--time-budget", "60")
    assert invoke("run", "arcgrad.fig2", *options).exit_code == 0
    [(name, given)] = calls
    assert name == "arcgrad.fig2"
    assert given.pop("time_budget") == pytest.approx(60, abs=1)
    options = {"profile": "full", "jobs": 2, "only": None}
    assert given == options | {"backend": "loky", "scheduler": None}


def test_run_hands_the_runs_to_a_cluster(calls):
    place = {"backend": "dask", "scheduler": "tcp://10.0.0.1:8786"}
    options = [f"--{name}={value}" for name, value in place.items()]
    assert invoke("run", "arcgrad.fig2", *options).exit_code == 0
    assert invoke("run", "arcgrad.fig2", "--backend", "ray").exit_code == 0
    (_, first), (_, second) = calls
    assert place.items() <= first.items()
    assert second["backend"] == "ray" and second["scheduler"] is None


def test_a_spent_budget_begins_nothing(calls):
    run = invoke("run", "arcgrad.fig2", "--time-budget", "0")
    assert run.exit_code == 0 and not calls


def test_run_all_without_a_budget(monkeypatch, calls):
    monkeypatch.setattr(experiments, "available", lambda: ["a.x", "b.y"])
    assert invoke("run", "all").exit_code == 0
    assert [name for name, _ in calls] == ["a.x", "b.y"]
    assert {given["time_budget"] for _, given in calls} == {math.inf}


@pytest.mark.parametrize("option", ["--profile=ful", "--backend=x"])
def test_an_unknown_profile_or_backend_is_bad_usage(option):
    assert invoke("run", "arcgrad.fig2", option).exit_code == 2


def test_losses_are_listed_and_described():
    assert invoke("losses").stdout.split() == list(losses.available())
    described = losses.describe("arcface").strip()
    assert invoke("losses", "arcface").stdout.strip() == described


@pytest.mark.parametrize(
    ("command", "told"),
    [(["list"], "Hayes-Roth"), (["verify", "iris"], "iris")],
)
def test_data_are_listed_and_verified(command, told):
    result = invoke("data", *command)
    assert result.exit_code == 0
    assert told in result.stdout


def test_a_data_error_is_one_sentence(capsys, monkeypatch):
    why = datasets.DataError("the site cannot be reached; try later")
    monkeypatch.setattr(datasets, "fetch", mock.Mock(side_effect=why))
    code, error = fails(capsys, "data", "fetch", "iris")
    assert code == 1
    assert error == "arcbook: the site cannot be reached; try later"


def test_a_notebook_gets_its_parameters(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(
        parameters,
        "run",
        lambda *given, **values: calls.append((given, values)),
    )
    output = tmp_path / "out.ipynb"
    result = invoke(
        *("notebook", "06_uci", "-p", "dataset", "balance-scale"),
        *("-p", "s", "-1.5", "-o", str(output), "-p", "live", "False"),
    )
    assert result.exit_code == 0, result.output
    values = {"dataset": "balance-scale", "s": -1.5, "live": False}
    assert calls == [(("06_uci", output), values)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("losses arcfase", "arcface"),
        (
            "run arcgrad.fig2 --scheduler tcp://10.0.0.1:8786",
            "needs the backend dask or ray",
        ),
        ("run arcgrad.table4 --only seed", "expected FIELD=VALUE, got seed"),
        ("run arcgrad.table4 --only seed=9", "has seed = 9; there are 0"),
        ("results merge nowhere.zip", "there is no file nowhere.zip"),
        ("notebook no_such", "there is no notebook 'no_such'"),
        ("notebook 06_uci -p dataset", "expected -p KEY VALUE"),
        ("notebook 06_uci -x dataset iris", "expected -p KEY VALUE"),
    ],
)
def test_bad_usage(capsys, arguments, message):
    code, error = fails(capsys, *arguments.split())
    assert code == 2
    assert message in error


def test_an_interruption_has_its_own_code(monkeypatch):
    interrupted = mock.Mock(side_effect=KeyboardInterrupt)
    monkeypatch.setattr(experiments, "status", interrupted)
    assert invoke("status").exit_code == 130


def test_python_m_arcbook_lists_losses_where_there_is_no_book(tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "arcbook", *arguments],
            capture_output=True,
            text=True,
            env=os.environ | {"ARCBOOK_HOME": str(tmp_path)},
        )

    listed, refused = run("losses"), run("status")
    assert listed.stdout.split() == list(losses.available())
    assert listed.returncode == 0 and refused.returncode == 1
    assert refused.stderr.startswith("arcbook: this needs the book's files")


@pytest.mark.parametrize("group", [(), ("data",), ("results",)])
def test_helps_without_arguments(group):
    alone, asked = invoke(*group), invoke(*group, "--help")
    assert asked.exit_code == 0
    assert alone.output.strip() == asked.output.strip()
    assert "Usage" in alone.output


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["ok", "ok"], 0),
        (["missing", "missing"], 0),
        (["ok", "missing"], 1),
        (["ok", "altered"], 1),
        (["truncated", "truncated"], 1),
    ],
)
def test_damaged_data_fail(monkeypatch, statuses, code):
    files = [
        datasets.FileStatus("folder", f"file-{k}", status, "why")
        for k, status in enumerate(statuses)
    ]
    monkeypatch.setattr(datasets, "verify", lambda name: files)
    assert invoke("data", "verify", "iris").exit_code == code
