"""Where the runs of a grid are handed to: processes here, dask or ray.

joblib does the handing out; here is what opens and closes the place, and
what has to hold there.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from arcbook.experiments import addresses


def check(backend: str, scheduler: str | None = None) -> None:
    """Refuse a backend that there is not, or one that has no scheduler.

    Raises ValueError in both cases.
    """
    if backend not in BACKENDS:
        raise ValueError(
            f"there is no backend {backend!r}; there are {', '.join(BACKENDS)}"
        )
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

    All calls are given away at once and wait there for a free worker.

    Args:
        calls: from names to functions without arguments. Names and
            functions travel, so they are small.
        backend: one of `BACKENDS`.
        jobs: processes on this machine; of no meaning with a scheduler.
        scheduler: address of a dask scheduler or a ray cluster that is up;
            without it dask and ray begin one here and end it again.

    Yields:
        Names and results, in the order in which calls end.

    Raises RuntimeError: if the backend is not installed, its cluster can't be
    reached, has no worker, or loses a call for good.
    """
    if not calls:
        return
    jobs = min(jobs, len(calls))
    from joblib import Parallel, delayed

    with BACKENDS[backend](jobs, scheduler) as (place, slots, prepare):
        workers = Parallel(
            slots,
            backend=place,
            return_as="generator_unordered",
            pre_dispatch="all",
            batch_size=1,
        )
        yield from workers(
            delayed(_call)(prepare, name, call) for name, call in calls.items()
        )


def wanted() -> bool:
    """Whether somebody still waits for the run that this thread measures.

    A run on dask isn't ended with the process that asked for it.
    """
    worker = _dask_worker()
    if worker is None:
        return True
    return worker.state.tasks[worker.get_current_task()].state != "cancelled"


def _call(prepare, name, call):
    prepare()
    return name, call()


@contextmanager
def _loky(jobs, scheduler):
    yield "loky", jobs, functools.partial(_leave_with, os.getpid())


def _leave_with(parent):
    if os.getpid() != parent:
        _watch(parent)


@functools.cache
def _watch(parent):
    """End this process soon after its parent, which may be killed."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _dask(jobs, scheduler):
    try:
        import dask
        import distributed
        from joblib._dask import DaskDistributedBackend
    except ImportError:
        raise _missing("dask") from None

    class Backend(DaskDistributedBackend):
        """joblib's, which alone would wait for what dask gives up.

        It would also compute here if there is just one worker.
        """

        def effective_n_jobs(self, n_jobs):
            return max(2, super().effective_n_jobs(n_jobs))

        def submit(self, func, callback=None):
            def tell(job):
                if job.exception():
                    callback(job.exception())

            job = super().submit(func, callback)
            job.add_done_callback(tell)
            return job

        def retrieve_result_callback(self, out):
            if isinstance(out, BaseException):
                raise out
            return super().retrieve_result_callback(out)

    with ExitStack() as stack:
        if scheduler is None:
            stack.enter_context(patch.dict(os.environ))  # nannies write there
            name = "distributed.nanny.pre-spawn-environ"
            with dask.config.set({name: _threads(jobs)}):
                cluster = distributed.LocalCluster(
                    n_workers=jobs,
                    threads_per_worker=1,
                    memory_limit=None,
                    dashboard_address=None,
                    silence_logs="ERROR",
                )
            scheduler = stack.enter_context(cluster).scheduler_address
        else:
            addresses.knock(scheduler)
            addresses.ask_dask(scheduler)
        client = stack.enter_context(
            distributed.Client(scheduler, set_as_default=False)
        )
        try:
            client.wait_for_workers(1, timeout=addresses.PATIENCE)
        except TimeoutError:
            raise RuntimeError(
                f"the dask scheduler at {scheduler} has no worker: start one "
                f"with `dask worker {scheduler} --nthreads 1`, or wait until "
                "one is up"
            ) from None
        try:
            client.run_on_scheduler(_check_worker)
            client.run(_check_worker)
        except Exception as error:
            raise RuntimeError(
                f"the dask cluster at {scheduler} can't run this code "
                f"({addresses.first_line(error)}): install the checkout "
                "where its scheduler and its workers are"
            ) from None
        try:
            yield Backend(client=client), None, _check_worker
        except distributed.KilledWorker as error:
            raise RuntimeError(
                f"dask gave a run up: {addresses.first_line(error)}"
            ) from None
        except distributed.CancelledError:
            raise RuntimeError(
                f"the dask scheduler at {scheduler} is gone"
            ) from None


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
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        return get_worker()
    except ValueError:
        return None


@contextmanager
def _ray(jobs, scheduler):
    try:
        import ray
        from ray.util.joblib.ray_backend import RayBackend
    except ImportError:
        raise _missing("ray") from None
    here = {
        "num_cpus": jobs,
        "include_dashboard": False,
        "runtime_env": {"env_vars": _threads(jobs)},
    }
    if scheduler is not None:
        addresses.knock(scheduler)
    try:
        ray.init(
            scheduler or "local",
            logging_level="ERROR",
            log_to_driver=False,
            **({} if scheduler else here),
        )
    except ConnectionError as error:
        raise addresses.no_answer(scheduler, error) from None
    try:
        there = ray.cluster_resources()
        gpus = int(there.get("GPU", 0))
        slots = max(2, gpus or int(there["CPU"])) if scheduler else jobs
        share = {"num_gpus": 1 / math.ceil(slots / gpus)} if gpus else None
        place = RayBackend(ray_remote_args=share)
        place.supports_return_generator = True
        yield place, slots, _check_worker
    except ray.exceptions.RayError as error:
        raise RuntimeError(
            f"ray gave a run up: {addresses.first_line(error)}"
        ) from None
    finally:
        ray.shutdown()


BACKENDS = {"loky": _loky, "dask": _dask, "ray": _ray}


def _threads(jobs):
    """Numbers of threads for each of so many processes here.

    As loky gives them. PyTorch follows MKL's where the two differ.
    """
    from joblib import cpu_count

    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    own = os.environ.get(names[0], str(max(1, cpu_count() // jobs)))
    return {name: os.environ.get(name, own) for name in names}


def _missing(extra):
    return RuntimeError(
        f"the backend {extra} is not installed: pip install -e '.[{extra}]'"
    )
