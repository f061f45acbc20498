"""Runs handed to dask or ray give the records of a run in one process."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

import tiny
from arcbook import experiments, paths
from arcbook.experiments import backends, grids, images, registry, running
from test_experiments import contents

ID = "test.backends"
TINY = tiny.TINY | {"epochs": 3}
LIMIT = 120  # seconds; nothing here takes so long


def tiny_runs(profile, **changes):
    methods = grids.METHODS
    return [
        images.one_run("MNIST", column, methods[column], TINY, **changes)
        for column in ("ArcGrad", "Soft", "ArcFace")
    ]


def register(grid=tiny_runs, id=ID, **changes):
    images.register(id, "A test", "none", grid, **changes)


def measure(run, *, checkpoint, time_left):
    """As images are, but the first who has ArcGrad stops half-way."""
    log = Path(os.environ["ARCBOOK_TEST"], f"{run['column']}.log")
    stops = run["column"] == "ArcGrad" and not log.exists()
    with open(log, "a") as file:
        print(os.getpid(), checkpoint.exists(), file=file)

    def left():
        while stops and checkpoint.exists():
            time.sleep(0.1)
        return time_left()

    return images.measure(run, checkpoint=checkpoint, time_left=left)


def dask_setup(worker):
    """What `dask worker --preload` calls for this file."""
    paths.CACHE = Path(os.environ["ARCBOOK_TEST"])
    if "ARCBOOK_TEST_OWN_DISKS" in os.environ:
        paths.CACHE /= str(os.getpid())
    register(measure=measure)


class Dask:
    """A scheduler, and workers as they are asked for."""

    def __init__(self, folder, **environment):
        self.folder, self.processes = folder, []
        modules = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
        self.environment = os.environ | environment
        self.environment |= {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, modules)),
            "ARCBOOK_TEST": str(folder),
        }

    def start(self, *command):
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *command, "--no-dashboard"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        self.processes.append(process)

    def __enter__(self):
        self.folder.mkdir(exist_ok=True)
        file = self.folder / "scheduler.json"
        place = ("--host", "127.0.0.1", "--port", "0")
        self.start("scheduler", *place, "--scheduler-file", str(file))
        wait_until(lambda: file.exists() and file.read_text())
        self.address = json.loads(file.read_text())["address"]
        return self

    def workers(self, number):
        from distributed import Client

        options = ("--nthreads", "1", "--no-nanny", "--preload", __name__)
        local = ("--local-directory", str(self.folder))
        for _ in range(number):
            self.start("worker", self.address, *options, *local)
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(number, timeout=LIMIT)

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait(timeout=LIMIT)


def wait_until(condition):
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.fixture
def registered(folder, monkeypatch):
    """Registers the experiment, and with changes as often as asked."""
    before = registry._registry

    def again(*given, **changes):
        monkeypatch.setattr(registry, "_registry", dict(before))
        register(*given, **changes)

    again()
    return again


@pytest.mark.parametrize("shared", [True, False])
def test_a_worker_killed_half_way_changes_no_record(
    registered, tmp_path, monkeypatch, shared
):
    with monkeypatch.context() as patch:
        patch.setattr(paths, "RESULTS", tmp_path / "straight")
        assert experiments.run(ID) == 3
    log, killed = paths.CACHE / "ArcGrad.log", []

    def kill():
        """Once ArcGrad is half-way and another record has come back."""
        wait_until(
            lambda: (
                [*log.parent.rglob("*arcgrad*.pt")]
                and [*paths.RESULTS.rglob("*.json")]
            )
        )
        killed.append(int(log.read_text().split()[0]))
        os.kill(killed[0], signal.SIGKILL)

    disks = {} if shared else {"ARCBOOK_TEST_OWN_DISKS": "yes"}
    with Dask(paths.CACHE, **disks) as dask:
        dask.workers(2)
        killer = threading.Thread(target=kill)
        killer.start()
        place = {"backend": "dask", "scheduler": dask.address}
        assert experiments.run(ID, **place) == 3
        killer.join()
        (dead,) = [p for p in dask.processes if p.pid == killed[0]]
        assert dead.wait(LIMIT) == -signal.SIGKILL
    first, again = log.read_text().splitlines()
    assert first == f"{killed[0]} False"
    assert not again.startswith(f"{killed[0]} ")
    assert again.endswith(str(shared))
    assert contents(paths.RESULTS) == contents(tmp_path / "straight")
    left = [file.parts for file in log.parent.rglob("*.pt")]
    assert all(str(killed[0]) in parts for parts in left)
    assert len(left) == (not shared)


def look(begun, ended):
    """Runs on a worker, until nobody waits for it."""
    begun.touch()
    while backends.wanted():
        time.sleep(0.02)
    ended.touch()


def test_a_worker_that_can_not_measure_says_why(
    registered, tmp_path, monkeypatch
):
    from distributed import Client

    def fails(error, match, id=ID):
        with pytest.raises(error, match=match) as raised:
            experiments.run(id, backend="dask", scheduler=dask.address)
        assert "\n" not in str(raised.value)
        assert not [*paths.RESULTS.rglob("*.json")]

    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with Dask(paths.CACHE, **once) as dask:
        with monkeypatch.context() as patch:
            patch.setattr(backends, "PATIENCE", 2.0)
            fails(RuntimeError, "has no worker: start one with `dask worker t")
        dask.workers(1)
        registered(partial(tiny_runs, learning_rate=-1.0))
        fails(ValueError, r"learning_rate = -1\.0: it is above 0")
        registered(id="test.new")
        fails(RuntimeError, "knows no experiment test.new", "test.new")
        begun, ended = tmp_path / "begun", tmp_path / "ended"
        with Client(dask.address, set_as_default=False) as client:
            asked = client.submit(look, begun, ended)
            wait_until(begun.exists)
            assert not ended.exists()
            asked.release()
            wait_until(ended.exists)
        with pytest.raises(RuntimeError, match="dask gave a run up"):
            calls = {"a": partial(os._exit, 1), "b": time.time}
            list(backends.hand_out(calls, "dask", 1, dask.address))
    registered()
    fails(RuntimeError, "no scheduler answers at tcp:.*refused")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_worker_of_two_threads_measures_nothing(monkeypatch, threads):
    state = SimpleNamespace(nthreads=threads)
    worker = SimpleNamespace(address="tcp://here", state=state)
    monkeypatch.setattr(backends, "_dask_worker", lambda: worker)
    if threads == 1:
        assert backends._call_alone(lambda: 7) == 7
        return
    with pytest.raises(RuntimeError, match="tcp://here has 2 threads"):
        backends._call_alone(pytest.fail)


def test_a_worker_that_trains_otherwise_says_so(registered, tmp_path):
    (run, *_) = tiny_runs("quick")
    work = ({"loss": 1.0}, run, tmp_path / "x.json", "", time.time() + 9)
    with pytest.raises(RuntimeError, match=r"otherwise \(it has other"):
        running._measure_elsewhere(ID, *work)


@pytest.mark.parametrize(("backend", "jobs"), [("dask", 1), ("ray", 2)])
def test_without_a_scheduler_one_is_started(
    folder, tmp_path, monkeypatch, backend, jobs
):
    pytest.importorskip(backend)
    found = []
    part = {"only": {"column": ["ArcFace"], "layers": [1, 2]}}
    for place in ({}, {"backend": backend, "jobs": jobs}):
        monkeypatch.setattr(paths, "RESULTS", tmp_path / str(len(found)))
        before = dict(os.environ)
        assert experiments.run("arcgrad.fig2", **part, **place) == 2
        assert experiments.run("arcgrad.fig2", **part, **place) == 0
        found.append(contents(paths.RESULTS))
        monkeypatch.setattr(running, "processor", lambda: "the caller's")
    here, elsewhere = found
    assert elsewhere == here
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (("spark", None), "no backend 'spark'; there are loky, dask, ray"),
        (("loky", "tcp://10.0.0.1:8786"), "needs the backend dask or ray"),
        (("dask", "nonsense"), "nonsense is no address of a scheduler"),
        (("dask", "tcp://:port"), "is no address of a scheduler"),
    ],
)
def test_a_place_that_can_not_be_is_bad_usage(registered, place, message):
    backend, scheduler = place
    with pytest.raises(ValueError, match=message):
        experiments.run(ID, backend=backend, scheduler=scheduler)


@pytest.mark.parametrize(
    ("backend", "module"), [("dask", "distributed"), ("ray", "ray")]
)
def test_what_is_not_installed_is_named(
    registered, monkeypatch, backend, module
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RuntimeError, match=rf"pip install .*\[{backend}\]"):
        experiments.run(ID, backend=backend)


def test_somebody_who_speaks_no_dask_is_no_scheduler(registered, monkeypatch):
    monkeypatch.setattr(backends, "PATIENCE", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(RuntimeError, match="speaks no dask"):
            experiments.run(ID, backend="dask", scheduler=address)
