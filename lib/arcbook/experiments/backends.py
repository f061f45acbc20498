"""Where the runs of a grid are handed to: processes here, dask or ray.

What opens and closes the place, and what has to hold there.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from unittest.mock import patch
from urllib.parse import urlsplit

from arcbook.naming import refuse_unknown

PATIENCE = 10.0  # seconds for a cluster to answer, and to have a worker


def check(backend: str, scheduler: str | None = None) -> None:
    """Refuse a backend that there is not, or one that has no scheduler.

    Raises ValueError in both cases.
    """
    refuse_unknown("backend", [backend], BACKENDS)
    if backend == "loky" and scheduler is not None:
        raise ValueError(
            f"the scheduler {scheduler} needs the backend dask or ray: loky "
            "runs on this machine alone"
        )


def hand_out(
    calls: Mapping[Hashable, Callable],
    backend: str,
    jobs: int,
    scheduler: str | None,
) -> Iterator[tuple]:
    """Call functions somewhere, and yield what comes back as it comes.

    All calls, which have no arguments, are given away at once and wait there
    for a free worker: one of `jobs` processes on this machine, or one of the
    cluster at the scheduler's address. Gives names and results, in the order
    in which calls end. Raises RuntimeError if the backend is not installed,
    its cluster can't be reached, has no worker, or loses a call for good.
    """
    if calls:
        jobs = min(jobs, len(calls))
        with patch.dict(os.environ):  # dask's nannies and ray write there
            yield from BACKENDS[backend](calls, jobs, scheduler)


def wanted() -> bool:
    """Whether somebody still waits for the run that this thread measures.

    A run on dask isn't ended with the process that asked for it.
    """
    worker = _dask_worker()
    if worker is None:
        return True
    return worker.state.tasks[worker.get_current_task()].state != "cancelled"


def _loky(calls, jobs, _):
    from joblib import Parallel, delayed

    workers = Parallel(
        jobs,
        return_as="generator_unordered",
        pre_dispatch="all",
        batch_size=1,
    )
    call = delayed(_call_beside)
    yield from workers(call(os.getpid(), *item) for item in calls.items())


def _call_beside(parent, name, call):
    if os.getpid() != parent:
        _watch(parent)
    return name, call()


@functools.cache
def _watch(parent):
    """End this process soon after its parent, which may be killed."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _dask(calls, jobs, scheduler):
    distributed = _module("distributed", "dask")
    with ExitStack() as stack:
        if scheduler is None:
            cluster = distributed.LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                memory_limit=None,
                dashboard_address=None,
                silence_logs="ERROR",
            )
            scheduler = stack.enter_context(cluster).scheduler_address
        else:
            _knock(scheduler)
            _ask_dask(scheduler)
        client = stack.enter_context(
            distributed.Client(scheduler, set_as_default=False)
        )
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
            client.run_on_scheduler(_check_worker)
            client.run(_check_worker)
        except TimeoutError:
            raise RuntimeError(
                f"the dask scheduler at {scheduler} has no worker: start one "
                f"with `dask worker {scheduler} --nthreads 1`, or wait until "
                "one is up"
            ) from None
        except Exception as error:
            raise RuntimeError(
                f"the dask cluster at {scheduler} can't run this code "
                f"({_first_line(error)}): install the checkout "
                "where its scheduler and its workers are"
            ) from None
        names = {
            client.submit(_call_alone, call, pure=False): name
            for name, call in calls.items()
        }
        try:
            for ended in distributed.as_completed(names, loop=client.loop):
                yield names[ended], ended.result()
        except distributed.KilledWorker as error:
            raise RuntimeError(
                f"dask gave a run up: {_first_line(error)}"
            ) from None
        except distributed.CancelledError:
            raise RuntimeError(
                f"the dask scheduler at {scheduler} is gone"
            ) from None


def _ask_dask(scheduler):
    """Look whether it is a dask scheduler; a client would wait for ever."""
    from distributed import Security, rpc

    how = Security().get_connection_args("client")

    async def ask():
        async with rpc(scheduler, connection_args=how) as there:
            await asyncio.wait_for(there.identity(), PATIENCE)

    try:
        with ThreadPoolExecutor(1) as pool:  # a notebook has its own loop
            pool.submit(asyncio.run, ask()).result()
    except (OSError, TypeError, ValueError) as error:
        reason = str(error) or "what is there speaks no dask"
        raise _no_answer(scheduler, reason) from None


def _call_alone(call):
    _check_worker()
    return call()


def _check_worker():
    worker = _dask_worker()
    if worker is not None and worker.state.nthreads > 1:
        raise RuntimeError(
            f"the dask worker at {worker.address} has "
            f"{worker.state.nthreads} threads, which would disturb each "
            "other's random numbers: start it with `--nthreads 1`"
        )


def _dask_worker():
    """The dask worker that this thread works for, if it is one's."""
    distributed = sys.modules.get("distributed")
    try:
        return distributed and distributed.get_worker()
    except ValueError:
        return None


def _ray(calls, jobs, scheduler):
    ray = _module("ray", "ray")
    if scheduler is not None:
        _knock(scheduler)
    try:
        ray.init(
            scheduler or "local",
            num_cpus=None if scheduler else jobs,
            include_dashboard=False,
            logging_level="ERROR",
            log_to_driver=False,
        )
    except ConnectionError as error:
        raise _no_answer(scheduler, error) from None
    try:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        share = 1 if scheduler else 1 / math.ceil(jobs / max(1, gpus))
        far = ray.remote(num_gpus=share if gpus else 0)(_call_alone)
        names = {far.remote(call): name for name, call in calls.items()}
        while names:
            (ended,), _ = ray.wait([*names])
            yield names.pop(ended), ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise RuntimeError(
            f"ray gave a run up: {_first_line(error)}"
        ) from None
    finally:
        ray.shutdown()


BACKENDS = {"loky": _loky, "dask": _dask, "ray": _ray}


def _module(name, extra):
    try:
        return importlib.import_module(name)
    except ImportError:
        raise RuntimeError(
            f"the backend {extra} is not installed: pip install -e "
            f"'.[{extra}]'"
        ) from None


def _knock(scheduler):
    """Look whether there is anybody, for which ray would take minutes."""
    place = urlsplit(scheduler if "://" in scheduler else f"//{scheduler}")
    try:
        address = place.hostname or "", int(place.port)
    except (TypeError, ValueError):
        raise ValueError(
            f"{scheduler} is no address of a scheduler, such as "
            "tcp://10.0.0.1:8786"
        ) from None
    try:
        socket.create_connection(address, PATIENCE).close()
    except OSError as error:
        raise _no_answer(scheduler, error) from None


def _no_answer(scheduler, reason):
    return RuntimeError(
        f"no scheduler answers at {scheduler} ({_first_line(reason)}): start "
        "one there, or correct the address"
    )


def _first_line(error):
    return str(error).strip().partition("\n")[0]
