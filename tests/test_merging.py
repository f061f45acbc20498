"""Records travel: packed here, taken in there, refused where they differ."""

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile

import pytest
from typer.testing import CliRunner

from arcbook import cli, experiments, results


@pytest.fixture
def measured(tiny, folder, tmp_path):
    """An archive with two records, none of them here any more."""
    experiments.run("test.images")
    (archive,) = results.pack(tmp_path / "records.tar.gz")
    for file in folder.rglob("*.json"):
        file.unlink()
    return archive


def rewritten(archive, change):
    """The archive with its first record changed; as a zip."""
    target = archive.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as zipped:
        for n, (name, content) in enumerate(results.unpack(archive)):
            if n == 0:
                content = change(content)
            zipped.writestr(f"elsewhere/{name}", content)
    return target


def with_fields(**fields):
    return lambda content: json.dumps(json.loads(content) | fields).encode()


def test_records_come_back_as_they_were_and_again_changes_nothing(
    tiny, folder, measured
):
    merged = experiments.merge(measured)
    assert len(merged.taken) == 2 and not merged.refused
    assert experiments.run("test.images") == 0
    before = {f: f.stat().st_mtime_ns for f in folder.rglob("*.json")}
    packed = dict(results.unpack(measured))
    for file in before:
        assert packed[file.relative_to(folder).as_posix()] == file.read_bytes()
    merged = experiments.merge(measured)
    assert len(merged.kept) == 2 and not merged.taken
    assert before == {f: f.stat().st_mtime_ns for f in folder.rglob("*.json")}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_fields(canary="conv4:0123"), "its canary is conv4:0123"),
        (with_fields(data_sha256="ab" * 32), "mnist data are abababababab"),
        (with_fields(batch_size=33), "no such run"),
        (with_fields(experiment="test.other"), "no such run"),
        (with_fields(profile="slow"), "no such run"),
        (lambda content: content[:99], "not a whole record"),
        (lambda content: b"[]", "not a whole record"),
    ],
)
def test_what_does_not_belong_here_is_refused(
    tiny, folder, measured, change, reason
):
    merged = experiments.merge(rewritten(measured, change))
    (why,) = merged.refused.values()
    assert reason in why and len(merged.taken) == 1
    assert len([*folder.rglob("*.json")]) == 1


def test_of_two_records_the_later_stays(tiny, folder, measured):
    later = rewritten(measured, with_fields(date="2999-01-01", note="later"))
    assert len(experiments.merge(measured).taken) == 2
    assert len(experiments.merge(later).taken) == 1
    assert len(experiments.merge(measured).kept) == 2
    notes = [r["note"] for r in experiments.records("test.images")]
    assert sorted(notes) == ["", "later"]


def test_a_stale_record_gives_way(tiny, folder, measured):
    experiments.merge(measured)
    for file in folder.rglob("*.json"):
        record = results.load(file) | {"canary": "old", "date": "2999-01-01"}
        results.write(file, record)
    assert len(experiments.merge(measured).taken) == 2


def test_what_is_no_archive_or_truncated_is_refused(tiny, measured):
    truncated = measured.read_bytes()[:-400]
    for content in (b"", b"nothing", b"\x1f\x8b\x08\0" + bytes(40), truncated):
        measured.write_bytes(content)
        with pytest.raises(results.RecordError, match="fetch it again"):
            experiments.merge(measured)


def test_a_record_too_large_is_none(tmp_path):
    large = tmp_path / "large.tar.gz"
    with tarfile.open(large, "w:gz") as tar:
        info = tarfile.TarInfo("a/quick/b.json")
        info.size = results.LARGEST + 1
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(results.RecordError, match="at most 1,048,576"):
        experiments.merge(large)


def test_archives_have_a_limit_each(tiny, folder, tmp_path):
    experiments.run("test.images")
    target = tmp_path / "all.tar.gz"
    largest = max(f.stat().st_size for f in folder.rglob("*.json")) + 4096
    parts = results.pack(target, ["test.images"], limit=largest)
    assert [p.name for p in parts] == ["all.tar.gz", "all-2.tar.gz"]
    assert all(part.stat().st_size <= largest for part in parts)
    names = [name for part in parts for name, _ in results.unpack(part)]
    assert len(names) == 2 and names[0].startswith("test.images/quick/")
    with pytest.raises(ValueError, match="no records of"):
        results.pack(target, ["test.none"])
    with pytest.raises(ValueError, match=r"ends in \.tar\.gz"):
        results.pack(tmp_path / "all.rar")


def test_the_command_names_what_it_refuses(tiny, measured):
    done = CliRunner().invoke(cli.app, ["results", "merge", str(measured)])
    assert done.exit_code == 0 and "2 taken, 0 kept, 0 refused" in done.stdout
    other = rewritten(measured, with_fields(canary="0123"))
    done = CliRunner().invoke(cli.app, ["results", "merge", str(other)])
    assert done.exit_code == 1 and "0 taken, 1 kept" in done.stdout
    assert "refused elsewhere/test.images/quick/mnist-" in done.stdout
    assert "its canary is 0123" in done.stdout


TRAIN = """
from arcbook import datasets, training
images = datasets.load("mnist", sample=True)
result = training.train(images, network="conv4", loss="arcgrad", epochs=1,
                        batch_size=50, learning_rate=0.01, max_steps=2)
print(result.steps, "steps")
"""
RUN_AND_MERGE = """
from arcbook import cli
from arcbook.experiments import grids

less = {"share": 0.02, "epochs": 1, "probe": 50, "test_limit": 50}
grids.CONTENT["protocols"]["mnist"]["quick"] |= less

def command(*arguments):
    try:
        cli.main([*arguments])
    except SystemExit as end:
        assert not end.code, arguments

archive = sys.argv[1]
command("run", "mnist-cosine.fig1", "--only", "seed=0")
command("results", "pack", archive)
command("results", "merge", archive)
"""


@pytest.mark.parametrize(
    ("script", "missing", "said"),
    [
        (TRAIN, "jaxtyping joblib typer rich torchvision", ["2 steps"]),
        (
            RUN_AND_MERGE,
            "jsonschema IPython seaborn nbformat filelock bs4 dask ray",
            [
                "mnist-cosine.fig1: 1 runs measured now",
                "0 taken, 1 kept, 0 refused",
            ],
        ),
    ],
)
def test_little_has_to_be_installed(tmp_path, script, missing, said):
    names = f"pooch yaml xlrd papermill {missing}".split()
    without = f"import sys\nsys.modules |= dict.fromkeys({names})\n"
    done = subprocess.run(
        [sys.executable, "-c", without + script, str(tmp_path / "r.tar.gz")],
        env=os.environ | {"ARCBOOK_RESULTS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert all(line in done.stdout for line in said)
