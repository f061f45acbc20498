"""A record that was edited, or contradicts itself, is named."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from arcbook import cli, experiments, packing, paths, results
from arcbook.experiments import checks

REAL = paths.RESULTS
SAMPLES = {
    "folds": "arcgrad.table1/full/iris-soft-*",
    "images": "mnist-cosine.table1/full/mnist-arcface-s64-m0.4-*",
    "quick": "arcgrad.table4/quick/cifar10-arcgrad-*",
    "times": "arcgrad.cost/full/cpu-*",
    "candidates": "arcgrad.protocol/full/iris-w16-e30-lr0.003-*",
}


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A function that copies a committed record to another folder."""
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    shutil.copy(REAL / "canaries.jsonl", tmp_path)

    def copy(kind):
        (file,) = REAL.glob(SAMPLES[kind])
        place = tmp_path / file.relative_to(REAL)
        results.write(place, json.loads(file.read_text()))
        assert place.read_bytes() == file.read_bytes()
        return place

    return copy


def test_the_committed_records_agree():
    assert checks.problems() == {}


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_changed_digit_is_named(copied, kind):
    file = copied(kind)
    assert checks.problems() == {}
    text = file.read_text()
    digits = [found.start() for found in re.finditer(r"[0-9]", text)]
    for place in digits[:: max(1, len(digits) // 60)]:
        other = "7" if text[place] != "7" else "3"
        file.write_text(text[:place] + other + text[place + 1 :])
        assert len(checks.problems()) == 1
    file.write_text(text)
    assert checks.problems() == {}


def added(path, amount):
    """A change that adds to a number in a record."""

    def change(record):
        *names, last = path.split(".")
        for name in names:
            record = record[name]
        place = int(last) if isinstance(record, list) else last
        record[place] = round(record[place] + amount, 6)

    return change


def counted(array, *cells):
    """A change that adds to the counts in cells of an array."""

    def change(record):
        counts = packing.unpack(record["arrays"][array]).astype(np.int32)
        for cell, amount in cells:
            counts[cell] += amount
        record["arrays"][array] = packing.pack(counts.astype(np.uint32))

    return change


def whole_accuracy(record):
    added("metrics.test_accuracy", 0.0005)(record)
    added("curves.test_accuracy.-1", 0.0005)(record)


def top5(record):
    record["metrics"]["test_top5"] = 0.5
    record["curves"]["test_top5"][-1] = 0.5


def threads(record):
    del record["threads"]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("images", added("metrics.test_accuracy", 0.0001)),
        ("images", whole_accuracy),
        ("images", counted("confusion", ((0, 0), -1), ((0, 1), 1))),
        ("images", counted("intra_test", ((-1, 50), 1))),
        ("images", top5),
        ("images", threads),
        ("folds", added("metrics.correct.3", -1)),
        ("folds", added("metrics.accuracy", 0.01)),
        ("folds", added("metrics.std", 0.01)),
        ("folds", threads),
        ("times", added("metrics.seconds.ArcGrad", 0.001)),
        ("times", added("metrics.over_softmax.ArcGrad.0", 0.01)),
        ("candidates", added("metrics.by_column.Soft", 1.0)),
    ],
)
def test_a_record_that_contradicts_itself_is_named(copied, kind, change):
    """Even where the manifest is brought along."""
    file = copied(kind)
    record = results.load(file)
    change(record)
    results.write(file, record)
    assert checks.disagreement(record)
    assert [*checks.problems()] == [results.place(file)]


def test_a_record_under_another_name_is_named(copied):
    file = copied("folds")
    other = file.with_name("iris-center-00000000.json")
    file.rename(other)
    found = checks.problems()
    assert "its content is that of" in found[results.place(other)]
    assert "it is not there" in found[results.place(file)]


def test_the_command_names_the_file_and_fails(copied):
    file = copied("folds")
    command = ["results", "check"]
    assert CliRunner().invoke(cli.app, command).exit_code == 0
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    run = CliRunner().invoke(cli.app, command)
    assert run.exit_code == 1
    assert file.name in run.output
    found = experiments.status()
    assert [file.name in line for line in found["problems"]] == [True]


def test_a_broken_record_counts_as_stale(copied):
    file = copied("folds")
    for stale in (0, 1):
        found = experiments.status()["experiments"][0]["runs"]["full"]
        assert (found["measured"], found["stale"]) == (1, stale)
        record = results.load(file)
        added("metrics.accuracy", 0.01)(record)
        results.write(file, record)


def test_the_manifest_is_one_that_sha256sum_reads():
    lines = (Path(REAL) / "SHA256SUMS").read_text().splitlines()
    assert all(re.fullmatch(r"[0-9a-f]{64}  \S+\.json", x) for x in lines)
    assert lines == sorted(lines, key=lambda line: line.split("  ")[1])
