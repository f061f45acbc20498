"""Measure an experiment: what is missing or stale, and nothing else.

A run can be stopped anywhere, by a signal that can't be caught too, and the
next one goes on.
"""

from __future__ import annotations

import datetime
import functools
import math
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import torch

from arcbook import datasets, paths, results
from arcbook.ensembles import one_thread
from arcbook.experiments import backends, canary, checks, registry
from arcbook.experiments.registry import PROFILES, file, home, runs


def run(
    id: str,
    *,
    profile: str = "quick",
    jobs: int = 1,
    time_budget: float = math.inf,
    only: Mapping | None = None,
    backend: str = "loky",
    scheduler: str | None = None,
) -> int:
    """Measure the runs that have no fresh record, and write their records.

    A run that reads another experiment's record is measured as that one's.
    Wherever a run is measured, this process writes its record as soon as it
    comes back. A terminal shows how far it is.

    Args:
        id, profile, only: as `runs` takes them.
        jobs: processes on this machine that measure runs at the same time.
        time_budget: seconds after which no further run is begun, and no
            further epoch of a run that can go on from a checkpoint.
        backend: to which the runs are handed: "loky", processes on this
            machine, "dask" or "ray". Each run computes on one thread, so
            the results are the same.
        scheduler: address of a dask scheduler or a ray cluster that is up,
            such as "tcp://10.0.0.1:8786"; its workers, not `jobs`, say how
            many runs there are at a time. They need this checkout and the
            data, and go on from checkpoints where they share its disk.
            Without it, dask and ray are started here with `jobs` processes.

    Gives how many runs were measured. Raises ValueError: for an unknown id,
    profile or backend, a part with no run, or a scheduler for loky. Raises
    RuntimeError: when the backend is not installed, its cluster can't be
    reached or has no workers, or a worker has other code. Raises
    datasets.DataError: when a data set can't be read.
    """
    backends.check(backend, scheduler)
    grid = {file(id, profile, one): one for one in runs(id, profile, only)}
    results.clean()
    todo = {
        place: one for place, one in grid.items() if not checks.fresh(place)
    }
    if profile != "quick":
        for name in {one["dataset"] for one in todo.values()} - {None}:
            _need_official(name)
    stamps = {
        place: canary.stamp(id, one)
        for place, one in todo.items()
        if not home(id, one).unmeasurable(one)
    }
    stop = time.time() + time_budget
    calls = {}
    for place, stamp in stamps.items():
        one = todo[place]
        owner, work = home(id, one), (one, place, stamp, stop)
        if backend == "loky":
            calls[place] = functools.partial(_measure, owner, *work)
        else:
            expected = canary.committed()[canary.key(id, one)]
            calls[place] = functools.partial(
                _measure_elsewhere, owner.id, expected, *work
            )
    measured = 0
    with (
        _bar(shown=todo and sys.stderr.isatty()) as bar,
        closing(backends.hand_out(calls, backend, jobs, scheduler)) as ended,
    ):
        done = len(grid) - len(todo)
        task = bar.add_task(id, total=len(grid), completed=done)
        for place, outcome in ended:
            if outcome is None:
                continue
            of = {"experiment": home(id, todo[place]).id, "profile": profile}
            results.write(place, of | todo[place] | outcome)
            _forget(place)
            measured += 1
            bar.advance(task)
    return measured


def _bar(shown):
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not shown)


def status() -> dict:
    """What is measured and what of it is stale, of every experiment.

    Gives ``{"experiments": [{"id", "runs": {"quick": {"expected",
    "measured", "stale", "unchecked"}, ...}}], "problems": [...]}``, by
    profile. Stale records count as measured; a file that does not agree with
    itself or the manifest counts as stale, and is named under "problems".
    Unchecked are those whose canary can't be run here.
    """
    wrong = checks.problems()
    return {
        "experiments": [
            {"id": id, "runs": {p: _count(id, p, wrong) for p in PROFILES}}
            for id in registry.available()
        ],
        "problems": [f"{name}: {why}" for name, why in wrong.items()],
    }


def _count(id, profile, wrong):
    counts = dict.fromkeys(("expected", "measured", "stale", "unchecked"), 0)
    for one in runs(id, profile):
        place = file(id, profile, one)
        counts["expected"] += 1
        if place.exists():
            broken = results.place(place) in wrong
            counts["measured"] += 1
            counts["stale"] += broken or not checks.fresh(place)
            counts["unchecked"] += home(id, one).unmeasurable(one)
    return counts


def records(id: str, profile: str = "quick") -> list[dict]:
    """The records of an experiment's grid, in its order.

    Gives those that are measured, each with a field "stale". Raises
    results.RecordError: when a file is not a whole record.
    """
    places = [file(id, profile, one) for one in runs(id, profile)]
    found = [results.load(place) for place in places if place.exists()]
    return [one | {"stale": bool(checks.why_stale(one))} for one in found]


def _need_official(name):
    """Refuse a data set that is here as a sample with another identity."""
    place = datasets.locate(name, sample=False)
    known = datasets.identities(name)
    if place.sample and known["sample"] != known["official"]:
        raise datasets.DataError(
            f"only the quick profile takes a sample of {name}, and here is "
            f"{place.source}, a sample with other rows or another order: "
            f"run arcbook data fetch {name}, or point ARCBOOK_DATA at a "
            "folder that has it"
        )


def _checkpoint(place, stamp):
    """Where the state of a run lies, by its record's file and canary."""
    name = f"{place.stem}-{stamp.rpartition(':')[2]}.pt"
    return paths.CACHE / "checkpoints" / Path(*place.parts[-3:-1]) / name


def _forget(place):
    """Remove the states of a run, those of other code too."""
    state = _checkpoint(place, "")
    for found in state.parent.glob(f"{state.stem}*"):
        found.unlink()


def _measure(experiment, one, place, stamp, stop):
    """What a record of a run keeps; None if there is nothing to write.

    That is if the time is over before the run is, or if another process
    held the run and has measured it meanwhile.
    """
    if time.time() >= stop:
        return None
    held = paths.CACHE / "locks" / f"{place.stem}.lock"
    with results.lock(held), one_thread():
        if checks.fresh(place):
            return None
        going_on = {}
        if experiment.resumes:
            going_on["checkpoint"] = _checkpoint(place, stamp)
            going_on["time_left"] = lambda: (
                stop - time.time() if backends.wanted() else 0.0
            )
        outcome = experiment.measure(one, **going_on)
        if outcome is None:
            return None
        fields = ("data_sha256", "metrics", "curves", "note")
        now = datetime.datetime.now(datetime.UTC)
        return {
            **{key: outcome[key] for key in fields},
            **outcome.get("more", {}),
            "seconds": round(outcome["seconds"], 2),
            "device": outcome.get("device") or processor(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "commit": commit(),
            "canary": stamp,
            "date": now.isoformat("T", "seconds"),
        }


def _measure_elsewhere(id, expected, one, place, stamp, stop):
    """The same on a machine that has its own code and its own disk."""
    why = f"knows no experiment {id}"
    if id in registry.available():
        moved = canary.moved(id, one, expected)
        why = moved and f"trains {id} otherwise ({moved})"
    if why:
        raise RuntimeError(
            f"the worker on {platform.node()} {why}: bring its checkout to "
            "the same commit and restart it"
        )
    outcome = _measure(registry.get(id), one, place, stamp, stop)
    if outcome is not None and backends.wanted():
        _forget(place)
    return outcome


def commit() -> str:
    """The commit of the checkout, or "unknown"; "+" if files differ."""

    def git(*arguments):
        command = ["git", "-C", paths.ROOT, *arguments]
        return subprocess.check_output(
            command, stderr=subprocess.DEVNULL, text=True, timeout=10
        ).strip()

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if git("status", "--porcelain", "lib") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def processor() -> str:
    """The processor's model where the system tells it."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        told = ""
    model = re.search(r"^model name\s*:\s*(.*)", told, re.MULTILINE)
    return model[1] if model else platform.processor() or platform.machine()
