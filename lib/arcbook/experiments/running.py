"""Measure an experiment: what is missing or stale, and nothing else.

A run can be stopped anywhere, by a signal that can't be caught too, and the
next one goes on.
"""

from __future__ import annotations

import datetime
import functools
import platform
import sys
import time
from collections.abc import Mapping
from contextlib import closing, contextmanager

import pandas as pd
import torch

from arcbook import datasets, paths, provenance, results
from arcbook.ensembles import one_thread
from arcbook.experiments import backends, canary, checks
from arcbook.experiments.registry import PROFILES, available, get, home, runs


def run(
    id: str,
    *,
    profile: str = "quick",
    jobs: int = 1,
    time_budget: float | None = None,
    only: Mapping | None = None,
    progress: bool | None = None,
    backend: str = "loky",
    scheduler: str | None = None,
) -> int:
    """Measure the runs that have no fresh record, and write their records.

    A run that reads another experiment's record is measured as that one's.
    Wherever a run is measured, this process writes its record as soon as it
    comes back.

    Args:
        id, profile, only: as `runs` takes them.
        jobs: processes on this machine that measure runs at the same time.
        time_budget: seconds after which no further run is begun, and no
            further epoch of a run that can go on from a checkpoint.
        progress: whether to show it on stderr; by default on a terminal.
        backend: joblib's, to which the runs are handed: "loky", processes
            on this machine, "dask" or "ray". Each run computes on one
            thread, so the results are the same.
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
    grid = runs(id, profile, only)
    results.clean(id, profile)
    files = {_file(id, profile, one): one for one in grid}
    todo = {
        file: one for file, one in files.items() if not _is_fresh(file, one)
    }
    if profile == "full":
        for name in {one["dataset"] for one in todo.values()} - {None}:
            _need_official(name)
    stamps = {
        file: canary.stamp(id, one)
        for file, one in todo.items()
        if not home(id, one).unmeasurable(one)
    }
    measured = 0
    seconds = float("inf") if time_budget is None else time_budget
    stop = time.time() + seconds
    calls = {}
    for file, stamp in stamps.items():
        one = todo[file]
        owner, rest = home(id, one), (one, file, stamp, stop)
        calls[file] = (
            functools.partial(_measure, owner, *rest)
            if backend == "loky"
            else functools.partial(
                _measure_elsewhere,
                *(owner.id, canary.committed()[canary.key(id, one)]),
                *rest,
            )
        )
    with (
        _progress(progress, id, len(grid), len(grid) - len(todo)) as show,
        closing(backends.hand_out(calls, backend, jobs, scheduler)) as ended,
    ):
        for file, outcome in ended:
            if outcome is None:
                continue
            outcome["canary"] = stamps[file]
            results.write(file, _record(id, profile, todo[file], outcome))
            _forget(file)
            measured += 1
            show()
    return measured


def status() -> dict:
    """What is measured and what of it is stale, of every experiment.

    Returns:
        ``{"experiments": [{"id", "runs": {"quick": {"expected", "measured",
        "stale", "unchecked"}, "full": {...}}}], "problems": [...]}``. Stale
        records count as measured; a file that does not agree with itself or
        the manifest counts as stale, and is named under "problems".
        Unchecked are those whose canary can't be run here.
    """
    wrong = checks.problems()
    return {
        "experiments": [
            {"id": id, "runs": {p: _count(id, p, wrong) for p in PROFILES}}
            for id in available()
        ],
        "problems": [f"{name}: {why}" for name, why in wrong.items()],
    }


def records(id: str, profile: str = "quick") -> list[dict]:
    """The records of an experiment's grid, in its order.

    Gives those that are measured, each with a field "stale". Raises
    results.RecordError: when a file is not a whole record.
    """
    found = []
    for one in runs(id, profile):
        file = _file(id, profile, one)
        if file.exists():
            record = results.load(file)
            found.append(record | {"stale": is_stale(record)})
    return found


def table(id: str, profile: str = "quick") -> pd.DataFrame:
    """`records` as a table, one run a row; empty if nothing is measured."""
    return results.frame(records(id, profile))


def is_stale(record: Mapping) -> bool:
    """Whether a record's code or data are no longer those of today."""
    return bool(why_stale(record))


def why_stale(record: Mapping) -> str | None:
    """What a record's numbers come from that is not there any more.

    Gives the reason in words, or None if the record is fresh.
    """
    name = record["dataset"]
    if name is not None:
        known = datasets.identities(name)
        if record["profile"] == "full":
            known = {"official": known["official"]}
        if record["data_sha256"] not in known.values():
            here = " or ".join(f"{value[:12]}..." for value in known.values())
            return (
                f"its {name} data are {record['data_sha256'][:12]}..., "
                f"those of the {record['profile']} profile are {here}"
            )
    return (
        canary.why_stale(record["experiment"], record, record["canary"])
        or None
    )


def _need_official(name):
    """Refuse a data set that is here as a sample with another identity."""
    place = datasets.locate(name, sample=False)
    known = datasets.identities(name)
    if place.sample and known["sample"] != known["official"]:
        raise datasets.DataError(
            f"the full profile takes the official {name}, and here is only "
            f"{place.source}, a sample with other rows or another order: "
            f"run arcbook data fetch {name}, or point ARCBOOK_DATA at a "
            "folder that has it"
        )


def _file(id, profile, one):
    owner = home(id, one)
    return results.path(owner.id, profile, owner.name(one), one)


def _is_fresh(file, one):
    try:
        return not is_stale(results.load(file))
    except (FileNotFoundError, results.RecordError):
        return False


def _count(id, profile, wrong):
    counts = dict.fromkeys(("expected", "measured", "stale", "unchecked"), 0)
    for one in runs(id, profile):
        file = _file(id, profile, one)
        counts["expected"] += 1
        if file.exists():
            broken = "/".join(file.parts[-3:]) in wrong
            counts["measured"] += 1
            counts["stale"] += broken or not _is_fresh(file, one)
            counts["unchecked"] += home(id, one).unmeasurable(one)
    return counts


def _record(id, profile, one, outcome):
    what = ("data_sha256", "metrics", "curves", "note")
    where = ("device", "torch", "threads", "commit", "canary")
    return {
        "experiment": home(id, one).id,
        "profile": profile,
        **one,
        **{key: outcome[key] for key in what},
        **outcome.get("more", {}),
        "seconds": round(outcome["seconds"], 2),
        **{key: outcome[key] for key in where},
        "date": datetime.datetime.now(datetime.UTC).isoformat("T", "seconds"),
    }


def _checkpoint(file, stamp):
    """Where the state of a run lies, by its record's file and canary."""
    folder = paths.CACHE / "checkpoints" / file.parts[-3] / file.parts[-2]
    return folder / f"{file.stem}-{stamp.rpartition(':')[2]}.pt"


def _forget(file):
    """Remove the states of a run, those of other code too."""
    state = _checkpoint(file, "")
    for found in state.parent.glob(f"{state.stem}*"):
        found.unlink()


def _measure(experiment, one, file, stamp, stop):
    """Measure a run and say where; None if there is nothing to write.

    That is if the time is over before the run is, or if another process
    held the run and has measured it meanwhile.
    """
    if time.time() >= stop:
        return None
    held = paths.CACHE / "locks" / f"{file.stem}.lock"
    with results.lock(held), one_thread():
        if _is_fresh(file, one):
            return None
        going_on = {}
        if experiment.resumes:
            going_on["checkpoint"] = _checkpoint(file, stamp)
            going_on["time_left"] = lambda: (
                stop - time.time() if backends.wanted() else 0.0
            )
        outcome = experiment.measure(one, **going_on)
        if outcome is None:
            return None
        return outcome | {
            "threads": torch.get_num_threads(),
            "device": outcome.get("device") or provenance.processor(),
            "torch": torch.__version__,
            "commit": provenance.commit(),
        }


def _measure_elsewhere(id, expected, one, file, stamp, stop):
    """The same on a machine that has its own code and its own disk."""
    if id not in available():
        raise RuntimeError(
            f"the worker on {platform.node()} knows no experiment {id}: "
            "bring its checkout to the same commit and restart it"
        )
    if why := canary.moved(id, one, expected):
        raise RuntimeError(
            f"the worker on {platform.node()} trains {id} otherwise ({why}): "
            "bring its checkout to the same commit and restart it"
        )
    outcome = _measure(get(id), one, file, stamp, stop)
    if outcome is not None and backends.wanted():
        _forget(file)
    return outcome


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
