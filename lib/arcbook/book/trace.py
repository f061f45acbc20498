"""What a process reads of the project: the dependencies of a page.

A page must be made again when something it was made from has changed. What
that is is observed, not declared: the process that makes the page logs it.
`arcbook` starts the log on import where `ARCBOOK_TRACE` names a file, so
worker processes append to the same one.
"""

import os
import sys

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
        new = path not in seen and not path.endswith(".pyc")
        if new and (path + os.sep).startswith(watched):
            seen.add(path)
            os.write(descriptor, f"{path}\n".encode())

    def hook(event, args):
        if event == "exec":  # a module, wherever its byte code came from
            note(args[0].co_filename, library)
        elif event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR):
            note(args[0], (library, *data))
        elif event in ("os.listdir", "os.scandir"):
            note("." if args[0] is None else args[0])

    def stat(path, **given):
        """A missing file is only asked for, which raises no audit event."""
        if given.get("dir_fd") is None:
            note(path)
        return plain_stat(path, **given)

    for module in list(sys.modules.values()):
        note(getattr(module, "__file__", None), library)
    plain_stat = os.stat
    os.supports_dir_fd.add(stat)
    os.supports_fd.add(stat)
    os.supports_follow_symlinks.add(stat)
    os.stat = stat
    sys.addaudithook(hook)


def _inside(folder):
    return os.path.join(os.path.abspath(folder), "")
