"""What a process reads of the project: the dependencies of a page.

A page must be made again when something it was made from has changed. What
that is is observed, not declared: the process that makes the page logs it.
`arcbook` starts the log on import where `ARCBOOK_TRACE` names a file, so
worker processes append to the same one.
"""

import importlib.util
import os
import sys
from pathlib import Path

from arcbook.paths import DATA, RESULTS, ROOT


def start(log):
    """Log what this process needs of library and data from now on."""
    library = _inside(ROOT / "lib")
    places = [DATA, RESULTS, os.environ.get("ARCBOOK_DATA")]
    data = tuple(_inside(place) for place in places if place)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    seen = set()

    def note(path, watched=data):
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(path))
        if path not in seen and (path + os.sep).startswith(watched):
            seen.add(path)
            os.write(descriptor, f"{path}\n".encode())

    def hook(event, args):
        if event == "open" and not _writes(*args[1:]):
            note(_source(args[0]), (library, *data))
        elif event in ("os.listdir", "os.scandir"):
            note("." if args[0] is None else args[0])

    for module in list(sys.modules.values()):
        note(getattr(module, "__file__", None), (library,))
    _watch_stat(note)
    sys.addaudithook(hook)


def read_log(log):
    """The paths of a log; none where there is no log."""
    log = Path(log)
    return set(log.read_text().splitlines()) if log.exists() else set()


def _inside(folder):
    return os.path.join(os.path.abspath(folder), "")


def _writes(mode, flags):
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR))


def _source(path):
    """The module that a byte-code file was compiled from."""
    if isinstance(path, str) and path.endswith(".pyc"):
        try:
            return importlib.util.source_from_cache(path)
        except ValueError:
            return path
    return path


def _watch_stat(note):
    """A file that is not there is only asked for, and Python raises no audit
    event for that."""
    stat = os.stat

    def noting(path, **given):
        if given.get("dir_fd") is None:
            note(path)
        return stat(path, **given)

    for able in (
        os.supports_dir_fd,
        os.supports_fd,
        os.supports_follow_symlinks,
    ):
        able.add(noting)
    os.stat = noting
