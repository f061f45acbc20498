"""A card in, verified arrays out.

A data set is found in ARCBOOK_DATA (a folder), in the operating
system's package, in data/samples, or at its official site, in that
order. Whatever its way, its sha256 is checked against its card
(data/cards/<name>.toml) before it is parsed. Nothing is unpickled.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePath

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
        train_images, test_images: uint8 (N, height, width) where grey,
            (N, height, width, 3) where in colour.
        train_labels, test_labels: int64 (N,), in 0..C-1.
        class_names, sha256, source: as of a `Table`.
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
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _decode(entry):
    file, content = entry
    by_suffix = {".webp": cifar.mosaic, ".npy": cifar.labels}
    decode = by_suffix.get(PurePath(file.path).suffix, idx.read)
    return file.role, decode(content, file.path)


def _images(known: Card, place: Place, contents: list) -> list[np.ndarray]:
    """Images and labels to train, images and labels to test."""
    if place.files[0].role == "archive":
        pieces = cifar.read_archive(*contents[0])
    else:
        with ThreadPoolExecutor() as threads:
            pieces = [*threads.map(_decode, contents)]
    size, parts = known.sample if place.sample else known, []
    for part, count in (("train", size.train), ("test", size.test)):
        images, labels = (
            np.concatenate([x for role, x in pieces if role == wanted])
            for wanted in (f"{part}_images", f"{part}_labels")
        )
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
        if images.ndim == 4:  # CIFAR, whose files have more than one order
            images, labels = cifar.canonical(images, labels)
        parts += [images, labels.astype(np.int64)]
    return parts


def load(name: str, *, sample: bool | None = None) -> Table | Images:
    """Load one of `available()`, verified against its card.

    With `sample` True it is the sample in data/samples; with False the whole
    data set, so never a sample that is a part of it; with None the first
    place that has it (see `locate`). Raises DataError: if the data set is
    unknown, a file is missing, truncated, altered or of the wrong shape, or
    the site cannot be reached; one sentence that says what to do.
    """
    known, place = card(name), locate(name, sample=sample)
    if place.kind == "download":
        fetch(name)
    contents = [(file, read(place, file)) for file in place.files]
    if known.kind == "table":
        arrays = tables.parse(known, contents)
    else:
        arrays = _images(known, place, contents)
    found = digest(*arrays)
    expected = known.identity["sample" if place.sample else "official"]
    if found != expected:
        raise DataError(
            f"{place.source} was read as {found[:12]}..., where the card "
            f"of {known.name} says {expected[:12]}...: its preprocessing "
            "and its identity do not belong together; correct "
            f"data/cards/{known.name}.toml."
        )
    about = known.name, *arrays, known.class_names
    if known.kind == "table":
        return Table(*about, known.feature_names, found, place.source)
    partial = place.sample and not known.sample.complete
    return Images(*about, found, place.source, partial)
