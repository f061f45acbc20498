"""Run records: one small JSON file for each run that was measured.

A record lies at data/results/EXPERIMENT/PROFILE/NAME-KEY.json, where KEY is
a hash of everything that decides the result. Files are written whole or not
at all: a process that is killed leaves no half record behind.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from arcbook import paths


class RecordError(RuntimeError):
    """A record that can't be read; the message says what to do."""


def key(experiment: str, profile: str, run: Mapping) -> str:
    """Eight hexadecimal digits from what decides a result."""
    decides = {"experiment": experiment, "profile": profile, "run": dict(run)}
    text = json.dumps(decides, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def folder(experiment: str, profile: str) -> Path:
    """Where the records of an experiment and a profile are."""
    return Path(paths.RESULTS) / experiment / profile


def path(experiment: str, profile: str, name: str, run: Mapping) -> Path:
    """Where the record of a run is, measured or not."""
    file = f"{name}-{key(experiment, profile, run)}.json"
    return folder(experiment, profile) / file


def write(target: Path, record: Mapping) -> None:
    """Write a record, whole or not at all.

    Args:
        target: as from `path`.
        record: of plain values; see `experiments.run` for its fields.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with open(draft, "w", encoding="utf-8") as file:
        file.write(_layout(record))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, target)


def load(file: Path) -> dict:
    """Read one record.

    Raises:
        RecordError: when the file is not a whole record.
    """
    try:
        record = json.loads(Path(file).read_text(encoding="utf-8"))
        missing = {"experiment", "profile", "metrics", "code"} - {*record}
        problem = f"it has no {', '.join(sorted(missing))}" if missing else ""
    except (UnicodeDecodeError, json.JSONDecodeError, TypeError) as error:
        problem = str(error)
    if problem:
        place = Path(file).parts[-3:]
        experiment, profile = place[0], place[1]
        raise RecordError(
            f"{'/'.join(place)} is not a whole record ({problem}); run "
            f"`arcbook run {experiment} --profile {profile}` to measure it "
            "again, or restore the file from git"
        )
    return record


def files(experiment: str, profile: str) -> list[Path]:
    """The records there are, by name; drafts of a killed process are not."""
    return sorted(
        file
        for file in folder(experiment, profile).glob("*.json")
        if not file.name.startswith(".")
    )


def read(experiment: str, profile: str) -> pd.DataFrame:
    """All records of an experiment and a profile, one a row.

    Returns:
        Columns as from `frame`; no rows if nothing is measured.

    Raises:
        RecordError: when a file is not a whole record.
    """
    return frame(load(file) for file in files(experiment, profile))


def frame(records: Iterable[Mapping]) -> pd.DataFrame:
    """Records as a table: fields and metrics are columns."""
    rows = []
    for record in records:
        row = {k: v for k, v in record.items() if k != "metrics"}
        rows.append(row | record["metrics"])
    return pd.DataFrame(rows)


def clean(experiment: str, profile: str) -> None:
    """Remove the drafts of processes that are gone."""
    for draft in folder(experiment, profile).glob(".*.json.*.tmp"):
        if not _alive(int(draft.name.split(".")[-2])):
            draft.unlink(missing_ok=True)


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _layout(record):
    """JSON with a line for each field and each metric, for git's sake."""
    lines = []
    for name, value in record.items():
        if name in ("metrics", "curves") and value:
            inner = [f"    {_item(k, v)}" for k, v in value.items()]
            text = ",\n".join(inner)
            lines.append(f"  {json.dumps(name)}: {{\n{text}\n  }}")
        else:
            lines.append(f"  {_item(name, value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _item(name, value):
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return f"{json.dumps(name)}: {text}"
