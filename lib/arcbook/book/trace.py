"""What a process reads of the project: the dependencies of a page.

A page must be made again when a file it was made from has changed. Which
files those are is observed, not declared: the process that makes the page
logs them. `arcbook` starts the log on import where `ARCBOOK_TRACE` names a
file, so worker processes append to the same one.
"""

import importlib.util
import os
import sys
from pathlib import Path

from arcbook.paths import DATA, RESULTS, ROOT

READ, LIST, LOOK = "read", "list", "look"


def start(log):
    """Log what this process reads, from now on, of the library and the data.

    Args:
        log: file to append to, one `kind<TAB>path` a line; kind is `read`
            (opened to be read, or a module imported before), `list` (a
            folder of the data listed) or `look` (asked whether it is there).
    """
    library = _inside(ROOT / "lib")
    data = tuple(map(_inside, [DATA, RESULTS, *_data_folder()]))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    seen = set()

    def note(kind, path):
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(path))
        watched = (library, *data) if kind == READ else data
        new = (kind, path) not in seen
        if new and (path + os.sep).startswith(watched):
            seen.add((kind, path))
            os.write(descriptor, f"{kind}\t{path}\n".encode())

    def hook(event, args):
        if event == "open":
            path, mode, flags = args
            if not _writes(mode, flags):
                note(READ, _source(path))
        elif event in ("os.listdir", "os.scandir"):
            note(LIST, "." if args[0] is None else args[0])

    for module in list(sys.modules.values()):
        if file := getattr(module, "__file__", None):
            note(READ, file)
    _watch_stat(note)
    sys.addaudithook(hook)


def _inside(folder):
    return os.path.join(os.path.abspath(folder), "")


def _data_folder():
    return filter(None, [os.environ.get("ARCBOOK_DATA")])


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
    """Python raises no audit event for `os.stat`: wrap it."""
    stat = os.stat

    def noting(path, *, dir_fd=None, follow_symlinks=True):
        if dir_fd is None:
            note(LOOK, path)
        return stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    for able in (
        os.supports_dir_fd,
        os.supports_fd,
        os.supports_follow_symlinks,
    ):
        if stat in able:
            able.add(noting)
    os.stat = noting


def read_log(log):
    """The (kind, path) pairs of a log; none where there is no log."""
    log = Path(log)
    lines = log.read_text().splitlines() if log.exists() else []
    return sorted({tuple(line.split("\t", 1)) for line in lines})
