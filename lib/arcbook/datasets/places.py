"""Where the files of a data set are, and whether they are whole."""

import hashlib
import os
import warnings
from dataclasses import dataclass, replace
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
        sample: True if they are the sample.
        label: how records name it; no path of this machine.
        remedy: what to do when a file there is missing or damaged.
    """

    kind: str
    root: Path
    files: tuple[File, ...]
    sample: bool
    label: str
    remedy: str

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
    """Return the folder of downloads: ARCBOOK_CACHE or the user's cache."""
    if os.environ.get("ARCBOOK_CACHE"):
        return Path(os.environ["ARCBOOK_CACHE"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its progress bar, in Jupyter
            import pooch
    except ImportError:
        return Path.home() / ".cache" / "arcbook"
    return Path(pooch.os_cache("arcbook"))


def _folder(known: Card) -> Place | None:
    if not os.environ.get("ARCBOOK_DATA"):
        return None
    root = Path(os.environ["ARCBOOK_DATA"])
    if not root.is_dir():
        raise DataError(
            f"ARCBOOK_DATA names {root}, which is not a folder: correct "
            "it or unset it."
        )
    place = Place(
        "folder",
        root,
        known.files,
        sample=False,
        label="ARCBOOK_DATA: ",
        remedy=f"put the file from {known.source} there, or unset "
        "ARCBOOK_DATA",
    )
    if known.mosaics and not place.occupied:
        official = " and ".join(file.name for file in known.files)
        return replace(
            place,
            files=known.mosaics,
            remedy=f"restore it, or put {official} from {known.source} "
            "there, or unset ARCBOOK_DATA",
        )
    return place


def _system(known: Card) -> Place | None:
    if not known.system:
        return None
    return Place(
        "system",
        Path(known.system),
        known.files,
        sample=False,
        label=f"package {known.system_package}",
        remedy=f"reinstall the package {known.system_package}",
    )


def _sample(known: Card) -> Place | None:
    if known.sample is None:
        return None
    return Place(
        "sample",
        paths.SAMPLES,
        known.sample.files,
        sample=True,
        label="data/samples/",
        remedy="restore it with git restore data/samples",
    )


def download(known: Card) -> Place:
    """Return the place in the cache for a card's official files."""
    return Place(
        "download",
        cache_folder(),
        known.files,
        sample=False,
        label="download: ",
        remedy=f"run arcbook data fetch {known.name}",
    )


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
    partial = known.sample is not None and not known.sample.complete
    for place in (_folder(known), _system(known), _sample(known)):
        if place is None or not place.occupied:
            continue
        if place.sample and partial and sample is False:
            continue
        return place
    return download(known)


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
    return "altered", f"sha256 {found[:12]}..., not {_expected(file)}"


def _expected(file: File) -> str:
    return " or ".join(f"{form.sha256[:12]}..." for form in file.accepted)


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
    known = card(name)
    places = [_folder(known), _system(known), _sample(known)]
    places = [p for p in places if p and p.occupied]
    cached = download(known)
    if cached.occupied or not places:
        places.append(cached)
    found = []
    for place in places:
        for file in place.files:
            path = place.path(file)
            if path.is_file():
                status, detail = check(path.read_bytes(), file)
            else:
                status, detail = "missing", place.remedy
            found.append(FileStatus(place.kind, path, status, detail))
    return found
