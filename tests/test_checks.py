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


def of_image(change):
    def edited(record):
        change(record)
        return record

    return edited


def accuracy(record):
    record["metrics"]["test_accuracy"] += 0.0001


def whole_accuracy(record):
    for part in (record["metrics"], record["curves"]):
        value = part["test_accuracy"]
        if isinstance(value, list):
            value[-1] = round(value[-1] + 0.0005, 6)
        else:
            part["test_accuracy"] = round(value + 0.0005, 6)


def confusion(record):
    counts = packing.unpack(record["arrays"]["confusion"]).astype(np.uint32)
    counts[0, 0] -= 1
    counts[0, 1] += 1
    record["arrays"]["confusion"] = packing.pack(counts)


def histogram(record):
    counts = packing.unpack(record["arrays"]["intra_test"]).astype(np.uint32)
    counts[-1, 50] += 1
    record["arrays"]["intra_test"] = packing.pack(counts)


def top5(record):
    record["metrics"]["test_top5"] = 0.5
    record["curves"]["test_top5"][-1] = 0.5


def fold(record):
    record["metrics"]["correct"][3] -= 1


def mean(record):
    record["metrics"]["accuracy"] += 0.01


def deviation(record):
    record["metrics"]["std"] += 0.01


def threads(record):
    del record["threads"]


def seconds(record):
    record["metrics"]["seconds"]["ArcGrad"] *= 1.01


def extra(record):
    record["metrics"]["over_softmax"]["ArcGrad"][0] += 0.01


def column(record):
    record["metrics"]["by_column"]["Soft"] += 1.0


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *(
            ("images", change)
            for change in (
                *(accuracy, whole_accuracy, confusion, histogram, top5),
                threads,
            )
        ),
        *(("folds", change) for change in (fold, mean, deviation, threads)),
        *(("times", change) for change in (seconds, extra)),
        ("candidates", column),
    ],
)
def test_a_record_that_contradicts_itself_is_named(copied, kind, change):
    """Even where the manifest is brought along."""
    file = copied(kind)
    record = results.load(file)
    change(record)
    results.write(file, record)
    assert checks.disagreement(record)
    place = "/".join(file.parts[-3:])
    assert [*checks.problems()] == [place]


def test_a_record_under_another_name_is_named(copied):
    file = copied("folds")
    other = file.with_name("iris-center-00000000.json")
    file.rename(other)
    found = checks.problems()
    assert "its content is that of" in found["/".join(other.parts[-3:])]
    assert "it is not there" in found["/".join(file.parts[-3:])]


def test_the_command_names_the_file_and_fails(copied):
    file = copied("folds")
    run = CliRunner().invoke(cli.app, ["results", "check"])
    assert run.exit_code == 0, run.output
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    run = CliRunner().invoke(cli.app, ["results", "check"])
    assert run.exit_code == 1
    assert file.name in run.output
    found = experiments.status()
    assert [file.name in line for line in found["problems"]] == [True]


def test_a_broken_record_counts_as_stale(copied):
    file = copied("folds")
    before = _table1()
    assert (before["measured"], before["stale"]) == (1, 0)
    record = results.load(file)
    mean(record)
    results.write(file, record)
    assert _table1()["stale"] == 1


def _table1():
    (found,) = (
        one["runs"]["full"]
        for one in experiments.status()["experiments"]
        if one["id"] == "arcgrad.table1"
    )
    return found


def test_the_manifest_is_one_that_sha256sum_reads():
    lines = (Path(REAL) / "SHA256SUMS").read_text().splitlines()
    assert all(re.fullmatch(r"[0-9a-f]{64}  \S+\.json", x) for x in lines)
    assert lines == sorted(lines, key=lambda line: line.split("  ")[1])
