"""Where the files of a data set are, and whether they are whole."""

import hashlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from arcbook import paths

from .cards import Card, DataError, File, card


@dataclass(frozen=True)
class Place:
    """One place where a data set can be.

    Attributes:
        kind: "folder" (ARCBOOK_DATA), "system" (an operating-system
            package), "sample" (data/samples) or "download".
        root: the folder its files are in.
        files: the files there.
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


@dataclass(frozen=True)
class FileStatus:
    """What `verify` found out about one file.

    Attributes:
        place: the kind of place it is in (see `Place`).
        path: where it is or should be.
        status: "ok", "missing", "truncated" or "altered".
        detail: for "ok" which accepted form it is, else what is wrong.
    """

    place: str
    path: Path
    status: str
    detail: str


def cache_folder() -> Path:
    """The folder of downloads: ARCBOOK_CACHE or the user's cache."""
    if os.environ.get("ARCBOOK_CACHE"):
        return Path(os.environ["ARCBOOK_CACHE"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its progress bar, in Jupyter
            import pooch
    except ImportError:
        return Path.home() / ".cache" / "arcbook"
    return Path(pooch.os_cache("arcbook"))


def _places(known: Card) -> Iterator[Place]:
    """Where a data set can be, in the order in which it is looked for."""
    if os.environ.get("ARCBOOK_DATA"):
        yield _folder(known, Path(os.environ["ARCBOOK_DATA"]))
    if known.system:
        package = f"package {known.system_package}"
        remedy = f"reinstall the {package}"
        yield Place("system", Path(known.system), known.files, package, remedy)
    if known.sample:
        yield _sample(known)
    yield download(known)


def _folder(known: Card, root: Path) -> Place:
    if not root.is_dir():
        raise DataError(
            f"ARCBOOK_DATA names {root}, which is not a folder: correct "
            "it or unset it."
        )
    put = f"from {known.source} there, or unset ARCBOOK_DATA"
    label, remedy = "ARCBOOK_DATA: ", f"put the file {put}"
    place = Place("folder", root, known.files, label, remedy)
    if not known.mosaics or place.occupied:
        return place
    official = " and ".join(file.name for file in known.files)
    remedy = f"restore it, or put {official} {put}"
    return Place("folder", root, known.mosaics, label, remedy)


def _sample(known: Card) -> Place:
    files, remedy = known.sample.files, "restore it with git restore"
    place = "sample", paths.SAMPLES, files, "data/samples/"
    return Place(*place, f"{remedy} data/samples")


def download(known: Card) -> Place:
    """The place in the cache for a card's official files."""
    remedy = f"run arcbook data fetch {known.name}"
    place = "download", cache_folder(), known.files, "download: "
    return Place(*place, remedy)


def locate(name: str, *, sample: bool | None = None) -> Place:
    """Say where `load` would take a data set from.

    The first of ARCBOOK_DATA, the operating system's package and data/samples
    that has one of its files, else the download.

    Gives the place. Its files are not verified. Raises DataError if the data
    set is unknown, has no sample although one is asked for, or ARCBOOK_DATA is
    not a folder.
    """
    known = card(name)
    if sample and known.sample is None:
        raise DataError(
            f"{known.title} has no sample in data/samples: load it with "
            "sample=None from ARCBOOK_DATA or its official site."
        )
    if sample:
        return _sample(known)
    for place in _places(known):
        whole = not place.sample or known.sample.complete
        if place.occupied and (whole or sample is None):
            return place
    return place


def check(content: bytes, file: File) -> tuple[str, str]:
    """Compare bytes with the checksums of a file.

    Gives ("ok", origin of the accepted form), or "truncated" or "altered" with
    what is wrong.
    """
    found = hashlib.sha256(content).hexdigest()
    for form in file.accepted:
        if form.sha256 == found:
            return "ok", form.origin
    sizes = [form.bytes for form in file.accepted]
    if len(content) < min(sizes):
        return "truncated", f"{len(content):,} of {min(sizes):,} bytes"
    known = " or ".join(f"{form.sha256[:12]}..." for form in file.accepted)
    return "altered", f"sha256 {found[:12]}..., not {known}"


def read(place: Place, file: File) -> bytes:
    """Read a file after its size and sha256 were found right.

    Gives its bytes: those that were verified. Raises DataError if it is
    missing, truncated or altered.
    """
    path = place.path(file)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} is missing: {place.remedy}.") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): {place.remedy}."
        ) from None
    status, detail = check(content, file)
    if status != "ok":
        raise DataError(f"{path} is {status} ({detail}): {place.remedy}.")
    return content


def verify(name: str) -> list[FileStatus]:
    """Check every copy of a data set on this machine against its card.

    Gives one status a file, in the order in which places are searched; if no
    place has any, the official files as "missing". Raises DataError if the
    data set is unknown or ARCBOOK_DATA is not a folder.
    """
    found = []
    for place in _places(card(name)):
        if not place.occupied and (found or place.kind != "download"):
            continue
        for file in place.files:
            path = place.path(file)
            if path.is_file():
                status, detail = check(path.read_bytes(), file)
            else:
                status, detail = "missing", place.remedy
            found.append(FileStatus(place.kind, path, status, detail))
    return found
