"""Execute notebooks by papermill, again only when something changed.

The executed copy of `notebooks/NAME.ipynb` is `_build/executed/NAME.ipynb`.
Beside it `NAME.json` holds what it was made from: the `ARCBOOK_*` settings
and the state of every file and folder that it needed, which are the notebook,
the lock file and what the run read (`arcbook.book.trace`). While all of that
is unchanged, the copy is fresh and nothing runs.
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
from pathlib import Path

import nbformat
import yaml
from filelock import FileLock

from arcbook.book import prose
from arcbook.paths import ROOT

ONE_THREAD = {f"{one}_NUM_THREADS": "1" for one in ("OMP", "MKL", "OPENBLAS")}
# Kernels that start at the same time can draw the same port. One that dies
# so has run nothing, and is started again.
NOT_STARTED, STARTS = "Kernel died before replying to kernel_info", 3


class NotebookError(RuntimeError):
    """A notebook failed; the message holds the error of its cell."""


def executed_path(name, *, root=ROOT):
    """Where the executed copy of a notebook lies."""
    return Path(root, "_build", "executed", f"{name}.ipynb")


def is_fresh(name, *, root=ROOT):
    """Whether the executed copy is there and nothing it needs has changed."""
    path = executed_path(name, root=root)
    try:
        made = json.loads(path.with_suffix(".json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return path.exists() and made == _made_from(made["needs"], root)


def execute(name, *, root=ROOT):
    """Execute one notebook with its own parameters, unless it is fresh.

    Two processes that want the same notebook execute it once: the second waits
    and finds it fresh. Gives how many seconds it took, None for a fresh one.

    Raises NotebookError: a cell failed.
    """
    path, root = executed_path(name, root=root), Path(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / f".{name}.lock"):
        if is_fresh(name, root=root):
            return None
        started, record = time.time(), path.with_suffix(".json")
        record.unlink(missing_ok=True)
        needs = [root / f"notebooks/{name}.ipynb", root / "requirements.lock"]
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            log, partial = Path(folder, "trace"), Path(folder, path.name)
            log.touch()
            papermill(needs[0], partial, root=root, log=log)
            os.replace(partial, path)
            needs += map(Path, log.read_text().splitlines())
        # What changed meanwhile may have been read before: not fresh then.
        if not any(
            x.is_file() and x.stat().st_mtime >= started for x in needs
        ):
            relative = {os.path.relpath(need, root) for need in needs}
            made = _made_from(relative, root)
            record.write_text(json.dumps(made, indent=1, sort_keys=True))
        return time.time() - started


def execute_all(names, *, root=ROOT, jobs=3, report=print):
    """Execute every notebook that is not fresh, some at a time.

    Three keep two cores busy: one of them waits for its kernel. Raises
    NotebookError: some failed; the message holds every failure.
    """

    def failure(name):
        try:
            seconds = execute(name, root=root)
        except NotebookError as error:
            report(f"executing {name} ... failed")
            return str(error)
        if seconds is not None:
            report(f"executing {name} ... {seconds:.0f} s")
        return None

    with ThreadPoolExecutor(jobs) as pool:
        failures = list(filter(None, pool.map(failure, names)))
    if failures:
        raise NotebookError("\n\n".join(failures))


def papermill(source, output, *, root=ROOT, parameters=None, log=os.devnull):
    """Run a notebook in its own process and fill its prose.

    Raises NotebookError: a cell failed.
    """
    name, notebook = Path(source).stem, nbformat.read(source, 4)
    prose.weave(notebook, name)
    command = [sys.executable, "-m", "papermill", "--no-progress-bar"]
    command += ["--parameters_yaml", yaml.safe_dump(parameters or {})]
    command += ["-", os.path.abspath(output)]
    path = filter(None, [str(root / "lib"), os.environ.get("PYTHONPATH")])
    own = {
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONHASHSEED": "0",
        "ARCBOOK_HOME": str(root),
        "ARCBOOK_TRACE": str(log),
    }
    for _ in range(STARTS):
        run = subprocess.run(
            command,
            cwd=root,
            env=os.environ | ONE_THREAD | own,
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
        plain = re.sub(r"\x1b\[[0-9;]*m", "", run.stderr)
        cell = plain.rpartition("PapermillExecutionError:")[2].strip()
        raise NotebookError(f"{name} failed:\n{cell}")


def _made_from(needs, root):
    """What all that a page needs looks like; compared, never interpreted."""
    settings = (x for x in os.environ.items() if x[0].startswith("ARCBOOK_"))
    return {
        "python": list(sys.version_info[:2]),
        "settings": dict(settings),
        "needs": {need: _state(need, root) for need in needs},
    }


def _state(need, root):
    path = Path(root, need)
    if path.is_dir():
        names = (entry.name for entry in path.iterdir())
        return sorted(x for x in names if not x.startswith((".", "__pyc")))
    if not path.is_file():
        return None
    if need.startswith(".."):  # data from outside may be too large to read
        return [path.stat().st_size, path.stat().st_mtime_ns]
    return hashlib.sha256(path.read_bytes()).hexdigest()
