"""Features of three dimensions on the unit sphere, and a map of it.

The map is of two discs, the halves of the sphere seen from outside, side by
side like the pages of an open book. Lambert's azimuthal projection keeps
areas, so a class that looks larger is larger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from arcbook import packing

if TYPE_CHECKING:
    from jaxtyping import Float, Int

CANDIDATES = 4000
UNMEASURED = "not measured yet"


class Cloud(NamedTuple):
    """What a record keeps of its features.

    Attributes:
        features: (n, 3), with their norms.
        labels: (n,), 0 to C − 1.
        vectors: (C, 3), the class vectors with their norms.
        normalised: whether the loss sees the vectors' directions alone.
    """

    features: Float[np.ndarray, "n 3"]
    labels: Int[np.ndarray, " n"]
    vectors: Float[np.ndarray, "c 3"]
    normalised: bool


def cloud(record: Mapping) -> Cloud:
    """The features of a record.

    Raises:
        ValueError: if it keeps none of three dimensions.
    """
    arrays = record["arrays"]
    if "features" not in arrays or record["embedding_dim"] != 3:
        raise ValueError(
            f"the run of {record['column']} keeps no features of 3 "
            "dimensions, so there is no map of it"
        )
    return Cloud(
        packing.unpack(arrays["features"]).astype(float),
        packing.unpack(arrays["feature_labels"]).astype(int),
        packing.unpack(arrays["class_vectors"]).astype(float),
        record["loss"] != "softmax",
    )


def unit(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Directions; a zero vector has none and comes back as NaN."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms == 0, np.nan, norms)


def turned(directions: Float[np.ndarray, "c 3"]) -> Float[np.ndarray, "3 3"]:
    """A rotation that keeps directions away from the rim of the discs.

    Args:
        directions: unit vectors.

    Returns:
        Orthonormal rows. The last is the axis from which all directions are
        furthest from a right angle.
    """
    k = np.arange(CANDIDATES) + 0.5
    height, turn = 1 - k / CANDIDATES, math.pi * (1 + math.sqrt(5)) * k
    flat = np.sqrt(1 - height**2)
    axes = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], 1)
    axis = axes[np.abs(axes @ directions.T).min(1).argmax()]
    first = np.eye(3)[np.abs(axis).argmin()]
    first = unit(first - first @ axis * axis)
    return np.stack([first, np.cross(axis, first), axis])


def flattened(
    directions: Float[np.ndarray, "n 3"],
) -> tuple[Float[np.ndarray, "n 2"], Int[np.ndarray, " n"]]:
    """Places of unit vectors on the two discs of radius 1.

    Args:
        directions: in turned coordinates, z towards the reader.

    Returns:
        Places on the disc, and which: 0 for z ≥ 0, 1 for z < 0. Where the
        discs touch, at x = 1 of the first and −1 of the second, is one
        point of the sphere.
    """
    x, y, z = directions.T
    side = np.where(z < 0, -1.0, 1.0)
    shrink = 1 / np.sqrt(1 + np.abs(z))
    return np.stack([side * x * shrink, y * shrink], 1), (side < 0).astype(int)


def raised(
    places: Float[np.ndarray, "*n 2"], disc: int
) -> Float[np.ndarray, "*n 3"]:
    """The unit vectors of places on a disc; NaN outside of it."""
    inside = (places**2).sum(-1, keepdims=True)
    inside = np.where(inside <= 1, inside, np.nan)
    side = 1 if disc == 0 else -1
    xy = places * np.sqrt(2 - inside) * [side, 1]
    return np.concatenate([xy, side * (1 - inside)], -1)


def facts(record: Mapping) -> dict[str, float]:
    """Angles of a record's features, in radians.

    Returns:
        spread: of a feature from the mean direction of its class, averaged
        over the features; apart: the smallest angle between the mean
        directions of two classes. Classes without a feature are left out.
    """
    found = cloud(record)
    directions = unit(found.features)
    known = ~np.isnan(directions).any(1)
    directions, labels = directions[known], found.labels[known]
    present = np.unique(labels)
    centres = unit(
        np.stack([directions[labels == k].mean(0) for k in present])
    )
    own = centres[np.searchsorted(present, labels)]
    pairs = centres[:, None] - centres[None]
    chords = np.linalg.norm(pairs, axis=-1)
    first, second = np.triu_indices(len(present), 1)
    return {
        "spread": float(_angle(np.linalg.norm(directions - own, axis=1))),
        "apart": float(2 * np.arcsin(chords[first, second].min() / 2)),
    }


def texts(runs: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and angles of runs as text, a row each.

    Args:
        runs: as from `measured.frame` or `measured.of_records`.
    """
    rows = []
    for run in runs.to_dict("records"):
        row = {"network": run["column"]}
        for name, metric, scale in (
            ("accuracy, %", "accuracy", 1.0),
            ("C-Inter", "c_inter", math.degrees(1)),
            ("WC-Intra", "wc_intra", math.degrees(1)),
        ):
            value = scale * run[metric]
            unit = "°" if scale != 1 else ""
            row[name] = f"{value:.2f}{unit}"
            if math.isnan(value):
                row[name] = "diverged" if run["diverged"] else UNMEASURED
        rows.append(row)
    return pd.DataFrame(rows)


def _angle(chords):
    return np.mean(2 * np.arcsin(np.clip(chords / 2, 0, 1)))
