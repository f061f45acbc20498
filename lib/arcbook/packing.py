"""The result of a run in plain values, small enough for a record."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping

import numpy as np

from arcbook.training import Diverged, Result

DIGITS = 6


def pack(array: np.ndarray) -> dict:
    """An array as plain values: type, shape and compressed bytes.

    Whole numbers take the smallest type that holds them.
    """
    if array.dtype.kind == "u" and array.size:
        array = array.astype(np.min_scalar_type(array.max()))
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    packed = zlib.compress(array.tobytes(), 9)
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "zlib": base64.b64encode(packed).decode(),
    }


def unpack(packed: Mapping) -> np.ndarray:
    """The array of `pack`.

    Raises ValueError if the bytes are not those of such an array.
    """
    try:
        content = zlib.decompress(base64.b64decode(packed["zlib"]))
        array = np.frombuffer(content, np.dtype(packed["dtype"]))
        return array.reshape(packed["shape"]).copy()
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise ValueError(
            f"this is not a packed array ({error}): measure the run again"
        ) from None


def columns(rows: list[Mapping]) -> dict[str, list]:
    """Rows of a curve as one list a column."""
    return {
        name: [short(row[name]) for row in rows]
        for name in (rows[0] if rows else ())
    }


def outcome(result: Result) -> dict:
    """A result for a record, numbers to 6 significant digits.

    Gives its attributes by their names; of "curves" a list for each column,
    and under "looks" those of `Result.looks`; "arrays" are packed.
    """
    plain = {k: v for k, v in vars(result).items() if k != "looks"}
    return plain | {
        "metrics": {k: short(v) for k, v in result.metrics.items()},
        "curves": columns(result.curves) | {"looks": columns(result.looks)},
        "arrays": {name: pack(a) for name, a in result.arrays.items()},
    }


def outcome_of_diverged(error: Diverged) -> dict:
    """What a record keeps of a run that diverged: where, and the curves."""
    return {
        "metrics": {
            "epoch": error.epoch,
            "step": error.step,
            "loss": str(error.loss),
            "learning_rate": error.learning_rate,
        },
        "curves": columns(error.curves) | {"looks": columns(error.looks)},
    }


def short(value):
    """A number to the digits that a record keeps; what is none, as it is."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
