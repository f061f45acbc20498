"""Execute notebooks by papermill, again only when something changed.

The executed copy of `notebooks/NAME.ipynb` is `_build/executed/NAME.ipynb`.
Beside it `NAME.json` holds what it was made from: the notebook, the lock
file, the Python version and the `ARCBOOK_*` settings (the key), and the
state of every file and folder that the run needed (`arcbook.book.trace`).
While all of that is unchanged, the copy is fresh and nothing runs.
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

import nbformat
import yaml
from filelock import FileLock

from arcbook.book import prose, trace
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

    Attributes:
        path: the executed copy.
        seconds: how long it took; None where a fresh copy was there.
    """

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
        and made["needs"] == _states(made["needs"], root)
    )


def needs(name, *, root=ROOT):
    """What the executed copy was made from.

    Gives paths relative to the root (absolute where outside), sorted.
    """
    return sorted(json.loads(_record_path(name, root).read_text())["needs"])


def execute(name, *, root=ROOT):
    """Execute one notebook with its own parameters, unless it is fresh.

    Two processes that want the same notebook execute it once: the second waits
    and finds it fresh.

    Raises NotebookError: a cell failed.
    """
    path, root = executed_path(name, root=root), Path(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / f".{name}.lock"):
        if is_fresh(name, root=root):
            return Executed(path, None)
        started = time.time()
        _record_path(name, root).unlink(missing_ok=True)
        source, key = _source(name, root), _key(name, root)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            log, partial = Path(folder, "trace"), Path(folder, path.name)
            papermill(source, partial, root=root, log=log)
            touched = trace.read_log(log)
            os.replace(partial, path)
        files = [Path(root, need) for need in touched]
        changed = any(
            file.is_file() and file.stat().st_mtime >= started
            for file in files
        )
        made = {"key": key, "settled": not changed}
        made["needs"] = _states({_relative(x, root) for x in files}, root)
        record = json.dumps(made, indent=1, sort_keys=True)
        _record_path(name, root).write_text(record)
        return Executed(path, time.time() - started)


def execute_all(names, *, root=ROOT, jobs=2, report=print):
    """Execute every notebook that is not fresh, some at a time.

    Raises NotebookError: some failed; the message holds every failure.
    """

    def failure(name):
        try:
            done = execute(name, root=root)
        except NotebookError as error:
            report(f"executing {name} ... failed")
            return str(error)
        if done.seconds is not None:
            report(f"executing {name} ... {done.seconds:.0f} s")
        return None

    with ThreadPoolExecutor(jobs) as pool:
        failures = list(filter(None, pool.map(failure, names)))
    if failures:
        raise NotebookError("\n\n".join(failures))


def papermill(source, output, *, root=ROOT, parameters=None, log=None):
    """Run a notebook in its own process and fill its prose.

    Raises NotebookError: a cell failed.
    """
    name, notebook = Path(source).stem, nbformat.read(source, 4)
    prose.weave(notebook, name)
    command = [sys.executable, "-m", "papermill", "--no-progress-bar"]
    command += ["-", str(output)]
    if parameters:
        command += ["--parameters_yaml", yaml.safe_dump(parameters)]
    for _ in range(STARTS):
        run = subprocess.run(
            command,
            cwd=root,
            env=_environment(root, log),
            input=nbformat.writes(notebook),
            capture_output=True,
            text=True,
        )
        if not run.returncode or NOT_STARTED not in run.stderr:
            break
    if Path(output).exists():
        executed = nbformat.read(output, 4)
        prose.unweave(executed)
        nbformat.write(executed, output)
    if run.returncode:
        raise NotebookError(f"{name} failed:\n{_cell_error(run.stderr)}")


def _source(name, root):
    return Path(root, "notebooks", f"{name}.ipynb")


def _record_path(name, root):
    return executed_path(name, root=root).with_suffix(".json")


def _environment(root, log):
    path = [str(root / "lib"), os.environ.get("PYTHONPATH")]
    own = {
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONHASHSEED": "0",
        "ARCBOOK_HOME": str(root),
    }
    traced = {"ARCBOOK_TRACE": str(log)} if log else {}
    return os.environ | ONE_THREAD | own | traced


def _key(name, root):
    settings = {
        variable: value
        for variable, value in os.environ.items()
        if variable.startswith("ARCBOOK_") and variable not in NOT_SETTINGS
    }
    parts = [
        _hash(_source(name, root)),
        _hash(Path(root, "requirements.lock")),
        sys.version_info[:2],
        sorted(settings.items()),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _states(paths, root):
    """What each need looks like now; compared, never interpreted."""
    return {str(path): _state(Path(root, path), root) for path in paths}


def _state(path, root):
    if path.is_dir():
        names = (entry.name for entry in path.iterdir())
        return sorted(x for x in names if not x.startswith((".", "__pyc")))
    if path.is_file() and not path.is_relative_to(root):
        return [path.stat().st_size, path.stat().st_mtime_ns]
    return _hash(path)


def _hash(file):
    if not file.is_file():
        return None
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _relative(file, root):
    return file.relative_to(root) if file.is_relative_to(root) else file


def _cell_error(stderr):
    """Papermill's report of the cell, without its own traceback."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", stderr)
    return text.rpartition("PapermillExecutionError:")[2].strip()
