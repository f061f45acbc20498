"""A card says what a data set is: files, checksums, shape, preprocessing."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

from arcbook import paths


class DataError(RuntimeError):
    """Data that is missing, damaged, unreachable or unknown."""


@dataclass(frozen=True)
class Checksum:
    """One accepted form of a file."""

    sha256: str
    bytes: int
    origin: str


@dataclass(frozen=True)
class File:
    """One file of a data set.

    Attributes:
        path: where it lies in its place, with forward slashes.
        accepted: the checksums under which it is read, official first.
        url: where it is downloaded from; a zip if `member` is set.
        member: its name inside that zip.
        role: for images, the array it holds, e.g. "train_images", or
            "archive" if it holds them all.
        format: for tables, how to cut it into cells (see `tables`); for
            an archive, what is where in it (see `cifar`).
    """

    path: str
    accepted: tuple[Checksum, ...]
    url: str = ""
    member: str = ""
    role: str = ""
    format: Mapping = field(default_factory=dict)

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Sample:
    """The copy in data/samples: all of a small set, or part of a big one.

    Attributes:
        files: its files, paths relative to data/samples.
        complete: True if it has every row of the data set.
        origin: the package, its version and the file it came from.
        licence: terms of that package and of the data.
        note: how it differs from the official files.
        train, test: for images, how many it has.
    """

    files: tuple[File, ...]
    complete: bool
    origin: str
    licence: str
    note: str = ""
    train: int = 0
    test: int = 0


@dataclass(frozen=True)
class Card:
    """What is known of one data set, read from data/cards/<name>.toml.

    Attributes:
        name: the id, also the file name of the card.
        title: the name in the paper.
        kind: "table" or "image".
        order: its place among its kind; Table II order for tables.
        classes, features, instances: counts after preprocessing.
        class_labels: the labels in the files; label k becomes class k.
        class_names: readable names, in the same order.
        class_counts: instances per class, in the same order.
        feature_names: columns of X, in order; empty for images.
        shape: for images, (height, width), and 3 where in colour.
        train, test: for images, how many there are.
        mean, std: for images, of the training pixels (0 to 255), one a
            channel.
        mosaics: for images, files that hold the same pixels as `files`
            and are taken from ARCBOOK_DATA where those are not there.
        rules: for tables, the preprocessing that `tables` carries out.
        preprocessing: the same in words.
        system: the folder of an operating-system package, or "".
        system_package: the name of that package, or "".
        identity: digests of the parsed arrays, by "official"/"sample".
    """

    name: str
    title: str
    kind: str
    order: int
    classes: int
    features: int
    instances: int
    class_labels: tuple[str, ...]
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    feature_names: tuple[str, ...]
    shape: tuple[int, ...]
    train: int
    test: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mosaics: tuple[File, ...]
    licence: str
    source: str
    citation: str
    preprocessing: str
    notes: str
    rules: Mapping
    system: str
    system_package: str
    files: tuple[File, ...]
    sample: Sample | None
    identity: Mapping[str, str]


def _file(raw: dict, folder: str = "", **layout) -> File:
    raw = layout | raw
    origin = "official" if folder else "sample"
    accepted = [Checksum(raw.pop("sha256"), raw.pop("bytes"), origin)]
    accepted += [Checksum(**other) for other in raw.pop("also", [])]
    named = {
        key: raw.pop(key) for key in ("url", "member", "role") if key in raw
    }
    path = str(PurePosixPath(folder, raw.pop("path")))
    return File(path, tuple(accepted), format=raw, **named)


def _prose(text: str) -> str:
    return " ".join(text.split())


@cache
def _read(path: Path, modified: int) -> Card:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    layout, rules = raw.get("layout", {}), raw.get("rules", {})
    image, system = raw.get("image", {}), raw.get("system", {})
    unused = {*rules.get("drop", []), rules.get("class")}
    columns = layout.get("columns", [])
    sample = raw.get("sample")
    if sample is not None:
        files = tuple(_file(one, header=True) for one in sample.pop("files"))
        sample = Sample(files, **sample)
    same = ("title", "order", "features", "instances", "licence", "source")
    prose = ("citation", "preprocessing", "notes")
    return Card(
        name=path.stem,
        kind="image" if image else "table",
        classes=len(raw["classes"]),
        **{
            f"class_{key}s": tuple(one[key] for one in raw["classes"])
            for key in ("label", "name", "count")
        },
        feature_names=tuple(name for name in columns if name not in unused),
        **{key: tuple(image.get(key, ())) for key in ("shape", "mean", "std")},
        **{key: image.get(key, 0) for key in ("train", "test")},
        mosaics=tuple(_file(f, raw["folder"]) for f in raw.get("mosaics", [])),
        **{key: raw[key] for key in same},
        **{key: _prose(raw.get(key, "")) for key in prose},
        rules=rules,
        system=system.get("folder", ""),
        system_package=system.get("package", ""),
        files=tuple(_file(f, raw["folder"], **layout) for f in raw["files"]),
        sample=sample,
        identity=raw["identity"],
    )


def _cards() -> list[Card]:
    cards = [
        _read(path, path.stat().st_mtime_ns)
        for path in paths.CARDS.glob("*.toml")
    ]
    return sorted(cards, key=lambda c: (c.kind != "table", c.order))


def available(kind: str | None = None) -> list[str]:
    """Name the data sets, tables in the order of [arcgrad, Table II].

    Gives names that `load` takes. Raises DataError if kind is another word.
    """
    if kind not in (None, "table", "image"):
        raise DataError(
            f"There is no kind of data set {kind!r}: "
            "ask for 'table', 'image' or None."
        )
    return [c.name for c in _cards() if kind in (None, c.kind)]


def card(name: str) -> Card:
    """Read the card of a data set.

    Gives the card. Raises DataError if there is no such data set; names the
    close matches.
    """
    path = paths.CARDS / f"{name}.toml"
    if name in available():
        return _read(path, path.stat().st_mtime_ns)
    if not available():
        raise DataError(
            f"{paths.CARDS} has no cards of data sets: set ARCBOOK_HOME "
            "to the checkout of the book."
        )
    words = {c.name: c.name for c in _cards()}
    words |= {c.title.lower(): c.name for c in _cards()}
    close = difflib.get_close_matches(str(name).lower(), words, n=3)
    names = list(dict.fromkeys(words[word] for word in close))
    hint = (
        f"did you mean {' or '.join(map(repr, names))}?"
        if names
        else f"there are {', '.join(available())}."
    )
    raise DataError(f"There is no data set {name!r}: {hint}")


def identities(name: str) -> dict[str, str]:
    """Give the digests that the arrays of a data set may have.

    A run record whose data digest is none of these is stale. The digest covers
    values, shapes and the order of the rows, not the bytes of the files (see
    `digest`).

    Gives {"official": sha256} and, where there is a sample, "sample". The two
    are equal where the sample has the official rows in the official order.
    """
    return dict(card(name).identity)
