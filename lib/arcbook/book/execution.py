"""Execute notebooks by papermill, again only when something changed.

The executed copy of `notebooks/NAME.ipynb` is `_build/executed/NAME.ipynb`.
Beside it `NAME.json` holds what it was made from: the notebook, the lock
file, the Python version and the `ARCBOOK_*` settings (the key), and the
state of every file and folder that the run touched (`arcbook.trace`). While
all of that is unchanged, the copy is fresh and nothing runs.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from arcbook.book import trace
from arcbook.paths import ROOT

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
)
# Kernels that start at the same time can draw the same port. One that dies
# so has run nothing, and is started again.
NOT_STARTED, STARTS = "Kernel died before replying to kernel_info", 3
NOT_SETTINGS = {"ARCBOOK_TRACE", "ARCBOOK_HOME"}


class NotebookError(RuntimeError):
    """A notebook failed; the message holds the error of its cell."""


@dataclass(frozen=True)
class Executed:
    """An executed notebook.

    Args:
        name: the notebook's name, without its suffix.
        path: the executed copy.
        seconds: how long it took; None where a fresh copy was there.
    """

    name: str
    path: Path
    seconds: float | None


def executed_path(name, *, root=ROOT):
    """Where the executed copy of a notebook lies."""
    return Path(root, "_build", "executed", f"{name}.ipynb")


def is_fresh(name, *, root=ROOT):
    """Whether the executed copy is there and nothing it needs has changed."""
    try:
        made = json.loads(_record_path(name, root).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return (
        executed_path(name, root=root).exists()
        and made["settled"]
        and made["key"] == _key(name, root)
        and made["needs"]
        == {need: _state(*need.split(" ", 1), root) for need in made["needs"]}
    )


def needs(name, *, root=ROOT):
    """What the executed copy was made from.

    Returns:
        Paths relative to the root (absolute where outside), sorted.
    """
    made = json.loads(_record_path(name, root).read_text())
    return sorted({need.split(" ", 1)[1] for need in made["needs"]})


def execute(name, *, root=ROOT):
    """Execute one notebook with its own parameters, unless it is fresh.

    Two processes that want the same notebook execute it once: the second
    waits and finds it fresh.

    Raises:
        NotebookError: a cell failed.
    """
    path = executed_path(name, root=root)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / f".{name}.lock"):
        if is_fresh(name, root=root):
            return Executed(name, path, None)
        started = time.time()
        _record_path(name, root).unlink(missing_ok=True)
        _make(name, path, Path(root), started)
        return Executed(name, path, time.time() - started)


def execute_all(names, *, root=ROOT, jobs=2, report=print):
    """Execute every notebook that is not fresh, some at a time.

    Args:
        names: notebook names.
        jobs: how many at a time; each computes on one thread, so that its
            numbers don't depend on the machine's load.
        report: called with one line for each notebook that was executed.

    Raises:
        NotebookError: some failed; the message holds every failure.
    """

    def one(name):
        try:
            done = execute(name, root=root)
        except NotebookError as error:
            report(f"executing {name} ... failed")
            return error
        if done.seconds is not None:
            report(f"executing {name} ... {done.seconds:.0f} s")
        return done

    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(one, names))
    failures = [result for result in results if not _is_done(result)]
    if failures:
        raise NotebookError("\n\n".join(map(str, failures)))
    return results


def papermill(source, output, *, cwd, environment, parameters=None):
    """Run papermill in its own process, so that its settings are its own.

    Raises:
        NotebookError: a cell failed.
    """
    command = [sys.executable, "-m", "papermill", "--no-progress-bar"]
    command += [str(source), str(output)]
    if parameters:
        command += ["--parameters_yaml", json.dumps(parameters)]
    for _ in range(STARTS):
        run = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True
        )
        if not run.returncode or NOT_STARTED not in run.stderr:
            break
    if run.returncode:
        name = Path(source).name
        raise NotebookError(f"{name} failed:\n{_cell_error(run.stderr)}")


def _make(name, path, root, started):
    source = root / "notebooks" / f"{name}.ipynb"
    key = _key(name, root)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        log, partial = Path(folder, "trace"), Path(folder, path.name)
        papermill(
            source, partial, cwd=root, environment=_environment(root, log)
        )
        touched = {
            f"{kind} {_relative(file, root)}"
            for kind, file in trace.read_log(log)
        }
        os.replace(partial, path)
    states = {need: _state(*need.split(" ", 1), root) for need in touched}
    changed = [
        need
        for need in touched
        if need.startswith(trace.READ) and _modified(need, root) >= started
    ]
    made = {"key": key, "settled": not changed, "needs": states}
    partial = _record_path(name, root).with_suffix(".tmp")
    partial.write_text(json.dumps(made, indent=1, sort_keys=True))
    os.replace(partial, _record_path(name, root))


def _is_done(result):
    return isinstance(result, Executed)


def _record_path(name, root):
    return executed_path(name, root=root).with_suffix(".json")


def _environment(root, log):
    inherited = os.environ.get("PYTHONPATH")
    path = [str(root / "lib")] + ([inherited] if inherited else [])
    return (
        os.environ
        | ONE_THREAD
        | {
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONHASHSEED": "0",
            "ARCBOOK_HOME": str(root),
            "ARCBOOK_TRACE": str(log),
        }
    )


def _key(name, root):
    root = Path(root)
    settings = {
        variable: value
        for variable, value in os.environ.items()
        if variable.startswith("ARCBOOK_") and variable not in NOT_SETTINGS
    }
    parts = [
        _hash(root / "notebooks" / f"{name}.ipynb"),
        _hash(root / "requirements.lock"),
        sys.version_info[:2],
        sorted(settings.items()),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _state(kind, path, root):
    """What a need looks like now; compared, never interpreted."""
    file = Path(root, path)
    if kind == trace.LIST:
        if not file.is_dir():
            return None
        return sorted(
            entry.name
            for entry in file.iterdir()
            if not entry.name.startswith((".", "__pycache__"))
        )
    if kind == trace.LOOK:
        return "folder" if file.is_dir() else file.exists()
    if not Path(path).is_absolute():
        return _hash(file)
    if not file.exists():
        return None
    return [file.stat().st_size, file.stat().st_mtime_ns]


def _hash(file):
    if not file.is_file():
        return None
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _modified(need, root):
    file = Path(root, need.split(" ", 1)[1])
    return file.stat().st_mtime if file.exists() else 0.0


def _relative(file, root):
    file = Path(file)
    return file.relative_to(root) if file.is_relative_to(root) else file


def _cell_error(stderr):
    """Papermill's report of the cell, without its own traceback."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", stderr)
    return text.rpartition("PapermillExecutionError:")[2].strip()
