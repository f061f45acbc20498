"""A card says what a data set is: files, checksums, shape, preprocessing."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from arcbook import paths


class DataError(RuntimeError):
    """Data that is missing, damaged, unreachable or unknown."""


class Checksum(NamedTuple):
    """One accepted form of a file."""

    sha256: str
    bytes: int
    origin: str


@dataclass(frozen=True)
class File:
    """One file of a data set: its path in a place, the checksums it may have.

    It is downloaded from its url, or from a zip there if `member` is set. The
    role is the array of images it holds, e.g. "train_images", or "archive" if
    it holds them all. Its format says how to cut a table into cells (see
    `tables`), or what is where in an archive (see `cifar`).
    """

    path: str
    accepted: tuple[Checksum, ...]
    format: Mapping
    url: str = ""
    member: str = ""
    role: str = ""

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Sample:
    """The copy in data/samples: all of a small set, or part of a big one.

    It is from a package, its origin, under the licence of that package and of
    the data; the note says how it differs from the official files. Of images
    it has so many to train and to test.
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
        title: the name in the paper.
        kind: "table" or "image".
        order: its place among its kind; Table II order for tables.
        classes, features, instances: counts after preprocessing.
        class_labels: the labels in the files; label k becomes class k.
        class_names, class_counts: readable names, and instances of each.
        feature_names: columns of X, in order; empty for images.
        preprocessing: what `rules` have `tables` carry out, in words.
        identity: digests of the parsed arrays, by "official"/"sample".
        mosaics: of images, files that hold the same pixels as `files`
            and are taken from ARCBOOK_DATA where those are not there.
        system, system_package: the folder and the name of an
            operating-system package, or "".
        shape: of images, (height, width), and 3 where in colour.
        train, test: how many images there are.
        mean, std: of the training pixels (0 to 255), one a channel.
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
    licence: str
    source: str
    citation: str
    preprocessing: str
    rules: Mapping
    identity: Mapping[str, str]
    files: tuple[File, ...]
    mosaics: tuple[File, ...]
    sample: Sample | None
    notes: str = ""
    system: str = ""
    system_package: str = ""
    shape: Sequence[int] = ()
    train: int = 0
    test: int = 0
    mean: Sequence[float] = ()
    std: Sequence[float] = ()


def _file(raw: dict, folder: str, **layout) -> File:
    raw = layout | raw
    origin = "official" if folder else "sample"
    accepted = [Checksum(raw.pop("sha256"), raw.pop("bytes"), origin)]
    accepted += [Checksum(**other) for other in raw.pop("also", [])]
    path = str(PurePosixPath(folder, raw.pop("path")))
    named = {k: raw.pop(k) for k in ("url", "member", "role") if k in raw}
    return File(path, tuple(accepted), raw, **named)


def _prose(text: str) -> str:
    return " ".join(text.split())


@cache
def _read(path: Path, modified: int) -> Card:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    folder, layout = raw.pop("folder"), raw.pop("layout", {})
    classes, rules = raw.pop("classes"), raw.pop("rules", {})
    image, sample = raw.pop("image", {}), raw.pop("sample", None)
    files, mosaics = (
        tuple(_file(one, folder, **layout) for one in raw.pop(key, []))
        for key in ("files", "mosaics")
    )
    if sample:
        own = tuple(_file(f, "", header=True) for f in sample.pop("files"))
        sample = Sample(own, **sample)
    unused = {*rules.get("drop", []), rules.get("class")}
    columns = [c for c in layout.get("columns", []) if c not in unused]
    return Card(
        name=path.stem,
        kind="image" if image else "table",
        classes=len(classes),
        class_labels=tuple(one["label"] for one in classes),
        class_names=tuple(one["name"] for one in classes),
        class_counts=tuple(one["count"] for one in classes),
        feature_names=tuple(columns),
        rules=rules,
        files=files,
        mosaics=mosaics,
        sample=sample,
        **image,
        **{k: _prose(v) if isinstance(v, str) else v for k, v in raw.items()},
    )


def _cards() -> dict[str, Card]:
    files = paths.CARDS.glob("*.toml")
    cards = [_read(path, path.stat().st_mtime_ns) for path in files]
    cards.sort(key=lambda card: (card.kind != "table", card.order))
    return {card.name: card for card in cards}


def available(kind: str | None = None) -> list[str]:
    """Names that `load` takes, tables in the order of [arcgrad, Table II]."""
    if kind not in (None, "table", "image"):
        raise DataError(
            f"There is no kind of data set {kind!r}: "
            "ask for 'table', 'image' or None."
        )
    return [n for n, c in _cards().items() if kind in (None, c.kind)]


def card(name: str) -> Card:
    """The card of a data set, or a DataError that names the close matches."""
    known = _cards()
    if name in known:
        return known[name]
    if not known:
        raise DataError(
            f"{paths.CARDS} has no cards of data sets: set ARCBOOK_HOME "
            "to the checkout of the book."
        )
    words = {c.title.lower(): c.name for c in known.values()}
    words |= {one: one for one in known}
    close = difflib.get_close_matches(str(name).lower(), words, n=3)
    names = dict.fromkeys(repr(words[word]) for word in close)
    hint = f"there are {', '.join(known)}."
    if names:
        hint = f"did you mean {' or '.join(names)}?"
    raise DataError(f"There is no data set {name!r}: {hint}")


def identities(name: str) -> dict[str, str]:
    """The digests, "official" and perhaps "sample", that its arrays may have.

    A run record with another one is stale. See `digest`.
    """
    return dict(card(name).identity)
