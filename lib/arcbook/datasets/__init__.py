"""A card in, verified arrays out.

A data set is found in ARCBOOK_DATA (a folder), in the operating
system's package, in data/samples, or at its official site, in that
order. Whatever its way, its sha256 is checked against its card
(data/cards/<name>.toml) before it is parsed. Nothing is unpickled.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from . import cifar, idx, tables
from .cards import Card, DataError, available, card, identities
from .places import FileStatus, Place, fetch, locate, read, verify

__all__ = [
    "Card",
    "DataError",
    "FileStatus",
    "Images",
    "Place",
    "Table",
    "available",
    "card",
    "digest",
    "fetch",
    "identities",
    "load",
    "locate",
    "verify",
]


@dataclass(frozen=True)
class Table:
    """A table of numbers with one class a row.

    Attributes:
        name: the data set.
        X: float64 (instances, features), as in the files, not scaled.
        y: int64 (instances,), in 0..C-1.
        class_names: name of class k at position k.
        feature_names: name of column k of X at position k.
        sha256: digest of X and y, one of `identities(name)`.
        source: where the files were; no path of this machine.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    sha256: str
    source: str


@dataclass(frozen=True)
class Images:
    """Images in a training and a test part.

    Attributes:
        name: the data set.
        train_images, test_images: uint8 (N, height, width) where grey,
            (N, height, width, 3) where in colour.
        train_labels, test_labels: int64 (N,), in 0..C-1.
        class_names: name of class k at position k.
        sha256: digest of the arrays, one of `identities(name)`.
        source: where the files were; no path of this machine.
        sample: True if this is part of the data set only.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    sha256: str
    source: str
    sample: bool


def digest(*arrays: np.ndarray) -> str:
    """Digest arrays: their types, shapes and values, rows in order.

    Gives a sha256 as 64 hexadecimal digits, the same on every machine.
    """
    total = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _identify(known: Card, place: Place, *arrays: np.ndarray) -> str:
    found = digest(*arrays)
    expected = known.identity["sample" if place.sample else "official"]
    if found != expected:
        raise DataError(
            f"{place.source} was read as {found[:12]}..., where the card "
            f"of {known.name} says {expected[:12]}...: its preprocessing "
            "and its identity do not belong together; correct "
            f"data/cards/{known.name}.toml."
        )
    return found


def _table(known: Card, place: Place) -> Table:
    X, y = tables.parse(known, [(f, read(place, f)) for f in place.files])
    names = known.class_names, known.feature_names
    sha256 = _identify(known, place, X, y)
    return Table(known.name, X, y, *names, sha256, place.source)


def _images(known: Card, place: Place) -> Images:
    contents = [(file, read(place, file)) for file in place.files]
    if place.files[0].role == "archive":
        arrays = cifar.read_archive(*contents[0])
    elif place.files[0].name.endswith(".webp"):
        arrays = cifar.read_mosaics(contents)
    else:
        arrays = {f.role: idx.read(raw, f.path) for f, raw in contents}
    size = known.sample if place.sample else known
    for part, count in (("train", size.train), ("test", size.test)):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.shape != (count, *known.shape) or labels.shape != (count,):
            raise DataError(
                f"{place.source} has {part} images {images.shape} and "
                f"labels {labels.shape}, where the card of {known.name} "
                f"says {(count, *known.shape)} and {(count,)}."
            )
        if labels.max() >= known.classes:
            raise DataError(
                f"{place.source} has label {labels.max()} among its "
                f"{part} labels: they end at {known.classes - 1}."
            )
        arrays[f"{part}_labels"] = labels.astype(np.int64)
    parts = [
        arrays[f"{part}_{what}"]
        for part in ("train", "test")
        for what in ("images", "labels")
    ]
    about = known.class_names, _identify(known, place, *parts), place.source
    partial = place.sample and not known.sample.complete
    return Images(known.name, *parts, *about, sample=partial)


def load(name: str, *, sample: bool | None = None) -> Table | Images:
    """Load a data set, verified against its card.

    Args:
        name: one of `available()`.
        sample: True for the sample in data/samples; False for the whole
            data set, so never a sample that is a part of it; None for
            the first place that has it (see `locate`).

    Gives a Table or Images, as the card's kind says. Raises DataError: if the
    data set is unknown, a file is missing, truncated, altered or of the wrong
    shape, or the site cannot be reached; one sentence that says what to do.
    """
    known = card(name)
    place = locate(name, sample=sample)
    if place.kind == "download":
        fetch(name)
    return (_table if known.kind == "table" else _images)(known, place)
