"""Where the files of a data set are, whether they are whole, how they come."""

import hashlib
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from arcbook import paths

from .cards import Card, DataError, File, card


@dataclass(frozen=True)
class Place:
    """One place where a data set can be.

    Attributes:
        kind: "folder" (ARCBOOK_DATA), "system" (an operating-system
            package), "sample" (data/samples) or "download".
        label: how records name it; no path of this machine.
        remedy: what to do when a file there is missing or damaged.
    """

    kind: str
    root: Path
    files: tuple[File, ...]
    label: str
    remedy: str

    @property
    def sample(self) -> bool:
        return self.kind == "sample"

    def path(self, file: File) -> Path:
        flat = self.kind == "system"
        return self.root / (file.name if flat else file.path)

    @property
    def occupied(self) -> bool:
        return any(self.path(file).exists() for file in self.files)

    @property
    def source(self) -> str:
        if self.kind == "system":
            return self.label
        files = [file.path for file in self.files]
        if len(files) > 2:
            files = [str(PurePosixPath(files[0]).parent)]
        return self.label + " + ".join(files)


class FileStatus(NamedTuple):
    """What `verify` found out about one file, in a place of some kind.

    Its status is "ok", "missing", "truncated" or "altered"; the detail says
    which accepted form it is, or else what is wrong.
    """

    place: str
    path: Path
    status: str
    detail: str


def _places(known: Card) -> Iterator[Place]:
    """Where a data set can be, in the order in which it is looked for."""
    if os.environ.get("ARCBOOK_DATA"):
        yield _folder(known, Path(os.environ["ARCBOOK_DATA"]))
    if known.system:
        package = f"package {known.system_package}"
        place = "system", Path(known.system), known.files, package
        yield Place(*place, f"reinstall the {package}")
    if known.sample:
        yield _sample(known)
    yield _download(known)


def _folder(known: Card, root: Path) -> Place:
    if not root.is_dir():
        raise DataError(
            f"ARCBOOK_DATA names {root}, which is not a folder: correct "
            "it or unset it."
        )
    put = f"from {known.source} there, or unset ARCBOOK_DATA"
    files, remedy = known.files, f"put the file {put}"
    if known.mosaics and not any((root / f.path).exists() for f in files):
        official = " and ".join(file.name for file in files)
        files, remedy = known.mosaics, f"restore it, or put {official} {put}"
    return Place("folder", root, files, "ARCBOOK_DATA: ", remedy)


def _sample(known: Card) -> Place:
    place = "sample", paths.SAMPLES, known.sample.files, "data/samples/"
    return Place(*place, "restore it with git restore data/samples")


def _download(known: Card) -> Place:
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    root = Path(os.environ.get("ARCBOOK_CACHE") or Path(user, "arcbook"))
    remedy = f"run arcbook data fetch {known.name}"
    return Place("download", root, known.files, "download: ", remedy)


def locate(name: str, *, sample: bool | None = None) -> Place:
    """Say where `load` would take a data set from, its files unverified.

    The first of ARCBOOK_DATA, the operating system's package and data/samples
    that has one of its files, else the download. Raises DataError if the data
    set is unknown, has no sample although one is asked for, or ARCBOOK_DATA is
    not a folder.
    """
    known = card(name)
    if sample and known.sample is None:
        raise DataError(
            f"{known.title} has no sample in data/samples: load it with "
            "sample=None from ARCBOOK_DATA or its official site."
        )
    for place in [_sample(known)] if sample else _places(known):
        whole = not place.sample or known.sample.complete
        if place.occupied and (whole or sample is None):
            return place
    return place


def check(content: bytes, file: File) -> tuple[str, str]:
    """Status and detail of bytes, as a `FileStatus` has them."""
    found = hashlib.sha256(content).hexdigest()
    origins = {form.sha256: form.origin for form in file.accepted}
    if found in origins:
        return "ok", origins[found]
    least = min(form.bytes for form in file.accepted)
    if len(content) < least:
        return "truncated", f"{len(content):,} of {least:,} bytes"
    known = " or ".join(f"{sha256[:12]}..." for sha256 in origins)
    return "altered", f"sha256 {found[:12]}..., not {known}"


def read(place: Place, file: File) -> bytes:
    """The verified bytes; DataError if missing, truncated or altered."""
    path = place.path(file)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        problem = "is missing"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    else:
        status, detail = check(content, file)
        if status == "ok":
            return content
        problem = f"is {status} ({detail})"
    raise DataError(f"{path} {problem}: {place.remedy}.")


def verify(name: str) -> list[FileStatus]:
    """Check every copy of a data set on this machine against its card.

    Gives one status a file, in the order in which places are searched; if no
    place has any, the official files as "missing". Raises as `locate` does.
    """
    found = []
    for place in _places(card(name)):
        if not place.occupied and (found or place.kind != "download"):
            continue
        for file in place.files:
            path, status, detail = place.path(file), "missing", place.remedy
            if path.is_file():
                status, detail = check(path.read_bytes(), file)
            found.append(FileStatus(place.kind, path, status, detail))
    return found


def fetch(name: str) -> list[Path]:
    """Download the official files of a data set into the cache.

    A file is written beside its place, verified, and only then moved there;
    one that is there and right is left alone. Gives where the files are, and
    raises DataError if the site cannot be reached or what it gives is not the
    file that the card describes.
    """
    known = card(name)
    place = _download(known)
    for file in place.files:
        target = place.path(file)
        if target.is_file() and check(target.read_bytes(), file)[0] == "ok":
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                dir=target.parent, prefix=".part-"
            ) as scratch:
                part = Path(scratch, "verified")
                part.write_bytes(_fetched(known, file, Path(scratch)))
                os.replace(part, target)
        except OSError as error:
            raise DataError(
                f"{target} cannot be written ({error.strerror}): make "
                "room, or set ARCBOOK_CACHE to a folder of yours."
            ) from error
    return [place.path(file) for file in place.files]


def _fetched(known: Card, file: File, scratch: Path) -> bytes:
    elsewhere = f"point ARCBOOK_DATA at a folder that has {file.path}"
    if known.sample:
        elsewhere += "; or take the sample (sample=True)"
    try:
        content = _download_bytes(file, scratch)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        problem = f"cannot be fetched ({type(error).__name__})"
    else:
        status, detail = check(content, file)
        if status == "ok":
            return content
        problem = f"gave a file that is {status} ({detail})"
    raise DataError(
        f"{file.url} {problem}, and nothing was kept: try again when the site "
        f"can be reached, or {elsewhere}."
    )


def _download_bytes(file: File, scratch: Path) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its progress bar, in Jupyter
            import pooch
    except ImportError:
        raise DataError(
            f"{file.name} is not on this machine and pooch, which "
            "downloads it, is not installed: pip install pooch."
        ) from None
    whole = scratch / "download"
    pooch.HTTPDownloader(timeout=30)(file.url, str(whole), None)
    if not file.member:
        return whole.read_bytes()
    with zipfile.ZipFile(whole) as archive:
        return archive.read(file.member)
