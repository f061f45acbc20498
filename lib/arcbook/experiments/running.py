"""Measure an experiment: what is missing or stale, and nothing else.

A run can be stopped anywhere, by a signal that can't be caught too, and the
next one goes on.
"""

from __future__ import annotations

import datetime
import functools
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pandas as pd
import torch

from arcbook import datasets, provenance, results
from arcbook.experiments.registry import PROFILES, available, get, runs


def run(
    id: str,
    *,
    profile: str = "quick",
    jobs: int = 1,
    time_budget: float | None = None,
    progress: bool | None = None,
) -> int:
    """Measure the runs that have no fresh record, and write their records.

    Args:
        id: one of `available()`.
        profile: "quick" or "full".
        jobs: processes that measure runs at the same time.
        time_budget: seconds after which no further run is begun.
        progress: whether to show progress on stderr; by default if that is
            a terminal.

    Returns:
        How many runs were measured.

    Raises:
        ValueError: for an unknown id or profile.
        datasets.DataError: when a data set can't be read.
    """
    grid = runs(id, profile)
    experiment = get(id)
    results.clean(id, profile)
    files = {_file(experiment, profile, one): one for one in grid}
    todo = {
        file: one for file, one in files.items() if not _is_fresh(file, one)
    }
    codes = {file: _code(experiment, one) for file, one in todo.items()}
    measured = 0
    seconds = float("inf") if time_budget is None else time_budget
    stop = time.monotonic() + seconds
    outcomes = _measure_all(
        experiment.measure, list(todo.values()), jobs, stop
    )
    with _progress(progress, id, len(grid), len(grid) - len(todo)) as show:
        for one, outcome in outcomes:
            file = _file(experiment, profile, one)
            outcome["code"] = codes[file]
            results.write(file, _record(experiment, profile, one, outcome))
            measured += 1
            show()
    if measured == len(todo):
        for file in results.files(id, profile):
            if file not in files:
                file.unlink()
    return measured


def status() -> dict:
    """What is measured and what of it is stale, of every experiment.

    Returns:
        ``{"experiments": [{"id", "runs": {"quick": {"expected", "measured",
        "stale"}, "full": {...}}}]}``. Stale records count as measured; a
        file that is not a whole record counts as stale.
    """
    return {
        "experiments": [
            {"id": id, "runs": {p: _count(id, p) for p in PROFILES}}
            for id in available()
        ]
    }


def records(id: str, profile: str = "quick") -> list[dict]:
    """The records of an experiment's grid, in its order.

    Returns:
        Those that are measured, each with a field "stale".

    Raises:
        results.RecordError: when a file is not a whole record.
    """
    experiment = get(id)
    found = []
    for one in runs(id, profile):
        file = _file(experiment, profile, one)
        if file.exists():
            record = results.load(file)
            found.append(record | {"stale": is_stale(record)})
    return found


def table(id: str, profile: str = "quick") -> pd.DataFrame:
    """`records` as a table, one run a row; empty if nothing is measured."""
    return results.frame(records(id, profile))


def is_stale(record: Mapping) -> bool:
    """Whether a record's code or data are no longer those of today."""
    experiment = get(record["experiment"])
    known = datasets.identities(record["dataset"])
    return (
        record["code"] != _code(experiment, record)
        or record["data_sha256"] not in known.values()
    )


def _file(experiment, profile, one):
    return results.path(experiment.id, profile, experiment.name(one), one)


def _is_fresh(file, one):
    try:
        return not is_stale(results.load(file))
    except (FileNotFoundError, results.RecordError):
        return False


def _count(id, profile):
    experiment = get(id)
    counts = {"expected": 0, "measured": 0, "stale": 0}
    for one in runs(id, profile):
        file = _file(experiment, profile, one)
        counts["expected"] += 1
        if file.exists():
            counts["measured"] += 1
            counts["stale"] += not _is_fresh(file, one)
    return counts


def _code(experiment, one):
    parts = list(experiment.code)
    for loss, hyperparameters in experiment.losses(one):
        parts += provenance.loss_code(loss, hyperparameters)
    return provenance.code_hash(parts)


def _record(experiment, profile, one, outcome):
    return {
        "experiment": experiment.id,
        "profile": profile,
        **one,
        "data_sha256": outcome["data_sha256"],
        "metrics": outcome["metrics"],
        "curves": outcome["curves"],
        "note": outcome["note"],
        "seconds": round(outcome["seconds"], 2),
        "device": provenance.processor(),
        "torch": torch.__version__,
        "commit": provenance.commit(),
        "code": outcome["code"],
        "date": datetime.datetime.now(datetime.UTC).isoformat("T", "seconds"),
    }


def _measure_all(measure, todo, jobs, stop) -> Iterator[tuple]:
    """Each run with its outcome, in the order in which they are done."""

    def in_time():
        for one in todo:
            if time.monotonic() >= stop:
                return
            yield one

    if jobs == 1 or len(todo) < 2:
        yield from ((one, measure(one)) for one in in_time())
        return
    from joblib import Parallel, delayed

    workers = Parallel(
        jobs,
        return_as="generator_unordered",
        pre_dispatch=jobs,
        batch_size=1,
    )
    parent = os.getpid()
    yield from workers(
        delayed(_measure_for)(parent, measure, one) for one in in_time()
    )


def _measure_for(parent, measure, one):
    _leave_with(parent)
    return one, measure(one)


@functools.cache
def _leave_with(parent):
    """End this process soon after its parent, which may be killed."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _progress(wanted, id, total, done):
    """A function to call after each run; it draws a bar on a terminal."""
    shown = sys.stderr.isatty() if wanted is None else wanted
    if not shown or done == total:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(id, total=total, completed=done)
        yield lambda: bar.advance(task)
