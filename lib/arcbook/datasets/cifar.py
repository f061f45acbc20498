"""CIFAR-10 and CIFAR-100, from the python archive or from mosaics.

The archive is a tar of pickles. No pickle is trusted: the reader below
knows dictionaries, lists, strings, numbers and arrays of bytes, and
nothing that a pickle names is ever imported or called.

Both ways end in one order that the pixels alone decide (`canonical`), so
that they give equal arrays: within a class by the sha256 of the image, and the
classes taking turns. The first n images are thus a fair draw from all
classes, near-copies (neighbours by file name) apart.
"""

import hashlib
import io
import math
import pickle
import re
import tarfile
import zlib
from collections.abc import Sequence

import numpy as np

from .cards import DataError, File

SIDE = 32


class _Named:
    """Stands for what a pickle names: keeps what it is given, does nothing."""

    def __init__(self, *given):
        self.given, self.state = given, ()

    def __setstate__(self, state):
        self.state = state


NUMPY = r"numpy\.(ndarray|dtype|_?core\.multiarray\._reconstruct)"


class _Unpickler(pickle.Unpickler):
    """Reads plain containers and arrays of bytes; refuses all else."""

    def find_class(self, module, name):
        if re.fullmatch(NUMPY, f"{module}.{name}"):
            return _Named
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _array(value):
    if not isinstance(value, _Named):
        return value
    _, shape, kind, fortran, content = value.state
    if (
        kind.given[0] not in (b"u1", "u1")
        or fortran
        or len(content) != math.prod(shape)
    ):
        raise pickle.UnpicklingError("an array is not of bytes, row-wise")
    return np.frombuffer(content, np.uint8).reshape(shape)


def unpickle(content: bytes, name: str = "file") -> dict:
    """The dictionary of one batch of the python archive, without trusting it.

    Keys and strings are bytes, as Python 2 wrote them, arrays are uint8.
    Raises DataError if it holds anything but containers, strings, numbers and
    arrays of bytes, or is damaged.
    """
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(batch, dict):
            kind = type(batch).__name__
            raise pickle.UnpicklingError(
                f"it holds a {kind}, not a dictionary"
            )
        return {key: _array(value) for key, value in batch.items()}
    except Exception as error:
        raise DataError(
            f"{name} is not a batch of CIFAR images ({error}): nothing of "
            "it was run; fetch the archive again."
        ) from None


def _batch(content: bytes, labels: str, name: str) -> tuple:
    batch = unpickle(content, name)
    pixels, y = batch.get(b"data"), batch.get(labels.encode())
    size = 3 * SIDE * SIDE
    if getattr(pixels, "shape", ())[1:] != (size,):
        raise DataError(f"{name} has no array 'data' of rows of {size} bytes.")
    if not isinstance(y, list) or len(y) != len(pixels):
        raise DataError(
            f"{name} has no list {labels!r} of {len(pixels)} labels."
        )
    return pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), y


def canonical(
    images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Images and int64 labels in the order that the pixels decide.

    The k-th image of every class, classes in turn, stands before any k+1-th;
    within a class they follow their sha256.
    """
    images, labels = np.ascontiguousarray(images), np.asarray(labels)
    prints = [hashlib.sha256(image).digest() for image in images]
    order = np.lexsort((prints, labels))
    by_class = labels[order]
    rank = np.arange(len(labels)) - np.searchsorted(by_class, by_class)
    order = order[np.lexsort((by_class, rank))]
    return images[order], labels[order].astype(np.int64)


def read_archive(file: File, content: bytes) -> list[tuple[str, Sequence]]:
    """Batches of the official python archive, with roles as "train_images".

    Raises DataError if it is damaged or not as the card says.
    """
    pieces = []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            for part in ("train", "test"):
                for member in file.format[part]:
                    raw = tar.extractfile(member).read()
                    name = f"{file.name}: {member}"
                    pixels, y = _batch(raw, file.format["labels"], name)
                    pieces.append((f"{part}_images", pixels))
                    pieces.append((f"{part}_labels", y))
    except (
        tarfile.TarError,
        OSError,
        EOFError,
        KeyError,
        zlib.error,
    ) as error:
        raise DataError(
            f"{file.path} is damaged, or not the archive that its card "
            f"describes ({error}): fetch it again."
        ) from None
    return pieces


def mosaic(content: bytes, name: str) -> np.ndarray:
    """The images, uint8 (N, 32, 32, 3), that tile a lossless WebP image."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=["WEBP"]) as image:
            pixels = np.asarray(image.convert("RGB"))
    except Exception as error:
        raise DataError(
            f"{name} cannot be read as a WebP image ({error}): it "
            "takes a Pillow that knows WebP, pip install -U pillow."
        ) from None
    height, width, _ = pixels.shape
    if height % SIDE or width % SIDE:
        raise DataError(
            f"{name} is {height} x {width}, not a mosaic of images "
            f"of {SIDE} x {SIDE}."
        )
    tiles = pixels.reshape(height // SIDE, SIDE, width // SIDE, SIDE, 3)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(-1, SIDE, SIDE, 3)


def labels(content: bytes, name: str) -> np.ndarray:
    """The labels in a .npy file, beside mosaics."""
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{name} has no labels ({error}).") from None
