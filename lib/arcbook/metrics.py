"""What is measured of a trained network: hits, confusions, angles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from arcbook import geometry

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

BINS = 180


def top_k(
    logits: Float[Tensor, "n c"], labels: Int[Tensor, " n"], k: int = 1
) -> float:
    """The share of samples whose class is among the k largest logits.

    Of equal logits that of the lower class is the larger, as for
    `torch.argmax`, by which heads predict.

    Args:
        logits: of any floating type; k = 1 gives the accuracy.
        labels: integers in 0..C−1.
        k: with k ≥ C the answer is 1.

    Gives a share between 0 and 1, not a percentage.
    """
    own = logits.gather(-1, labels[:, None])
    places = torch.arange(logits.shape[-1], device=logits.device)
    before = (logits == own) & (places < labels[:, None])
    ahead = ~(logits <= own) | before
    return (ahead.sum(-1) < k).double().mean().item()


def confusion(
    labels: Int[Tensor, " n"], predictions: Int[Tensor, " n"], classes: int
) -> Int[Tensor, "c c"]:
    """How often class i (row) was taken for class j (column)."""
    pairs = labels * classes + predictions
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def intra_angles(
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    class_vectors: Float[Tensor, "c d"],
) -> Float[Tensor, " n"]:
    """Angle of each feature to its own class vector, θ_y, in radians."""
    x, _ = geometry.unit(features)
    w, _ = geometry.unit(class_vectors)
    return geometry.angle(x, w[labels])


def angle_histogram(angles: Float[Tensor, " n"]) -> Int[Tensor, " bins"]:
    """Counts of angles in 180 bins of one degree, from 0 to π.

    An angle on an edge belongs to the bin above it; π to the last.
    """
    bins = (angles * (BINS / math.pi)).long().clamp(0, BINS - 1)
    return torch.bincount(bins, minlength=BINS)


def compactness(
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    class_vectors: Float[Tensor, "c d"],
) -> dict[str, float]:
    """WC-Intra, W-Inter and C-Inter of features, in radians.

    As in [arcgrad, Eq. 20 to 22] and [angular-learning, Eq. 12 to 14]; see
    `geometry.wc_intra`, `w_inter` and `c_inter`.

    Raises ValueError: if a class has no sample.
    """
    centers = geometry.class_centers(features, labels, len(class_vectors))
    return {
        "wc_intra": geometry.wc_intra(centers, class_vectors).item(),
        "w_inter": geometry.w_inter(class_vectors).item(),
        "c_inter": geometry.c_inter(centers).item(),
    }


def cosine_matrix(features: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """Cosines between all pairs of features. [angular-learning, Eq. 15]"""
    directions, _ = geometry.unit(features)
    return directions @ directions.mT


def spread(labels: Int[Tensor, " n"], number: int) -> Int[Tensor, " m"]:
    """Indices of the first samples of each class, classes side by side.

    Args:
        labels: integers in 0..C−1.
        number: how many in all, shared out evenly: 100 of ten classes are
            the first ten of each; a class that has fewer gives all.

    Gives indices in the order of the classes.
    """
    each = max(1, number // len(labels.unique()))
    found = [(labels == c).nonzero()[:each, 0] for c in labels.unique()]
    return torch.cat(found)[:number]
