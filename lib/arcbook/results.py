"""Run records: one small JSON file for each run that was measured.

A record lies at data/results/EXPERIMENT/PROFILE/NAME-KEY.json, where KEY is
a hash of everything that decides the result. Files are written whole or not
at all: a process that is killed leaves no half record behind.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from arcbook import paths

try:
    import fcntl
except ImportError:  # not on Windows: one process at a time there
    fcntl = None

BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error)
LARGEST = 2**20  # bytes of a record; they have less than a tenth


class RecordError(RuntimeError):
    """A record that can't be read; the message says what to do."""


def key(experiment: str, profile: str, run: Mapping) -> str:
    """Eight hexadecimal digits from what decides a result."""
    decides = {"experiment": experiment, "profile": profile, "run": dict(run)}
    return short_digest(decides)


def short_digest(value: object) -> str:
    """Eight hexadecimal digits of a plain value."""
    return digest(json.dumps(value, sort_keys=True).encode())[:8]


def path(experiment: str, profile: str, name: str, run: Mapping) -> Path:
    """Where the record of a run is, measured or not."""
    file = f"{name}-{key(experiment, profile, run)}.json"
    return paths.RESULTS / experiment / profile / file


def place(file: Path) -> str:
    """A record's path from the results' folder."""
    return "/".join(file.parts[-3:])


def write(target: Path, record: Mapping) -> None:
    """Write a record, whole or not at all, and its digest."""
    text = _layout(record)
    with manifest() as digests:
        write_whole(target, text)
        digests[place(target)] = digest(target.read_bytes())


def write_whole(target: Path, text: str) -> None:
    """Write a file so that nobody sees half of it, whatever ends us."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with open(draft, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, target)


def load(file: Path) -> dict:
    """Read one record.

    Raises RecordError when the file is not a whole record.
    """
    record, problem = parse(file.read_bytes())
    if problem:
        experiment, profile, _ = file.parts[-3:]
        raise RecordError(
            f"{place(file)} is not a whole record ({problem}); run "
            f"`arcbook run {experiment} --profile {profile}` to measure it "
            "again, or restore the file from git"
        )
    return record


@contextmanager
def manifest():
    """The digests of all records, by path; what is changed is written.

    One process at a time: others wait.
    """
    with lock(_manifest().with_name(".manifest.lock")):
        known = digests()
        before = dict(known)
        yield known
        if known != before:
            lines = [f"{known[name]}  {name}\n" for name in sorted(known)]
            write_whole(_manifest(), "".join(lines))


def digests() -> dict[str, str]:
    """The manifest: from a record's path below the results to its sha256.

    It has the form that ``sha256sum -c`` checks.
    """
    if not _manifest().exists():
        return {}
    lines = _manifest().read_text(encoding="utf-8").splitlines()
    return {name: value for value, name in (x.split("  ", 1) for x in lines)}


def digest(content: bytes) -> str:
    """The sha256 of a record's bytes, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def lock(file: Path):
    """Hold a lock that ends with the process, however it ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "a") as held:
        if fcntl is not None:
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _manifest():
    return paths.RESULTS / "SHA256SUMS"


def parse(content: bytes) -> tuple[dict, str]:
    """A record from the bytes of its file.

    Gives the record, and what is wrong with it; "" if it is whole.
    """
    try:
        record = json.loads(content.decode("utf-8"))
        missing = {"experiment", "profile", "metrics", "canary"} - {*record}
    except (UnicodeDecodeError, json.JSONDecodeError, TypeError) as error:
        return {}, str(error)
    if not isinstance(record, dict):
        return {}, "it is a list, not fields"
    problem = f"it has no {', '.join(sorted(missing))}" if missing else ""
    return record, problem


def pack(
    target: Path, ids: list[str] | None = None, limit: int = 16 * 2**20
) -> list[Path]:
    """Put records into archives, to take them to another machine.

    Gives the archives written. Raises ValueError if there are no such records,
    or the target's name does not end in .tar.gz.
    """
    if not target.name.endswith(".tar.gz"):
        raise ValueError(f"{target}: the archive's name ends in .tar.gz")
    wanted = [file for id in ids or ["*"] for file in files(id)]
    if not wanted:
        what = " or ".join(ids or ["any experiment"])
        raise ValueError(f"there are no records of {what}")
    parts, size = [], limit
    for file in wanted:
        room = len(zlib.compress(file.read_bytes(), 1)) + 2048
        size += room
        if size > limit:
            parts.append([])
            size = room
        parts[-1].append(file)
    written = []
    for number, part in enumerate(parts, 1):
        end = f"-{number}.tar.gz" if number > 1 else ".tar.gz"
        archive = Path(str(target).removesuffix(".tar.gz") + end)
        draft = archive.with_name(archive.name + ".tmp")
        with tarfile.open(draft, "w:gz") as tar:
            for file in part:
                tar.add(file, place(file))
        os.replace(draft, archive)
        written.append(archive)
    return written


def unpack(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The records in a .tar.gz or .zip archive: path there and content.

    Nothing is written, and no path of the archive is used to write to.

    Raises RecordError if it can't be read as an archive.
    """
    content = io.BytesIO(archive.read_bytes())
    try:
        if zipfile.is_zipfile(content):
            with zipfile.ZipFile(content) as zipped:
                for info in zipped.infolist():
                    if _is_record(info.filename, info.file_size):
                        yield info.filename, zipped.read(info)
            return
        content.seek(0)
        with tarfile.open(fileobj=content) as tar:
            for info in tar:
                if info.isfile() and _is_record(info.name, info.size):
                    yield info.name, tar.extractfile(info).read()
    except (*BROKEN, EOFError, OSError) as error:
        raise RecordError(
            f"{archive} can't be read as a .tar.gz or .zip of records "
            f"({error}): fetch it again"
        ) from None


def _is_record(name, size):
    file = PurePosixPath(name).name
    if not file.endswith(".json") or file.startswith("."):
        return False
    if size > LARGEST:
        raise RecordError(
            f"{name} has {size:,} bytes, where a record has at most "
            f"{LARGEST:,}: this is no archive of records"
        )
    return True


def files(experiment: str = "*", profile: str = "*") -> list[Path]:
    """The records there are, by name."""
    return sorted(paths.RESULTS.glob(f"{experiment}/{profile}/*.json"))


def clean() -> None:
    """Remove the drafts of processes that are gone."""
    for draft in paths.RESULTS.rglob(".*.[0-9]*.tmp"):
        try:
            os.kill(int(draft.name.split(".")[-2]), 0)
        except ProcessLookupError:
            draft.unlink(missing_ok=True)
        except OSError:
            continue  # it is another user's


def _layout(record):
    """JSON with a line for each field and each metric, for git's sake."""
    lines = []
    for name, value in record.items():
        if name in ("metrics", "curves", "arrays") and value:
            inner = [f"    {_item(k, v)}" for k, v in value.items()]
            text = ",\n".join(inner)
            lines.append(f"  {json.dumps(name)}: {{\n{text}\n  }}")
        else:
            lines.append(f"  {_item(name, value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _item(name, value):
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return f"{json.dumps(name)}: {text}"
