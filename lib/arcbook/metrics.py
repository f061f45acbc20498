"""What is measured of a trained network: hits, confusions, angles, and how
well it tells classes apart that it was not trained on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from arcbook import geometry

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

BINS = 180
FALSE_ACCEPTS = 0.01


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


def verification(
    scores: Float[Tensor, " n"], same: Bool[Tensor, " n"]
) -> dict[str, float]:
    """How well a score tells pairs of one class from pairs of two.

    A pair is accepted where its score is a threshold or more; of all
    thresholds come the shares of same pairs and of others accepted.

    Args:
        scores: of pairs, the larger the more alike, such as cosines.
        same: whether the two of a pair are of one class.

    Gives, between 0 and 1: auc, the area below the one share over the other,
    that is the chance that a same pair has the larger score, ties counting
    half; eer, the share of errors of both kinds where they are equal, on the
    line between two thresholds; tar, the largest share of same pairs accepted
    by a threshold that accepts at most `FALSE_ACCEPTS` of the others. Raises
    ValueError: if all pairs are of one kind.
    """
    pairs = scores.numel()
    wanted = int(same.sum())
    if not 0 < wanted < pairs:
        raise ValueError(
            f"{wanted} of {pairs} pairs are of one class: it takes both kinds"
        )
    ordered, order = scores.sort(descending=True)
    hits = same[order].cumsum(0).double()
    last = torch.ones_like(same)
    last[:-1] = ordered[1:] != ordered[:-1]  # equal scores come together
    count = torch.arange(1, pairs + 1, device=scores.device)[last]
    zero = hits.new_zeros(1)
    true = torch.cat([zero, hits[last] / wanted])
    false = torch.cat([zero, (count - hits[last]) / (pairs - wanted)])
    gap = true + false - 1  # false accepts less false rejects, rising
    at = int((gap < 0).sum())
    part = -gap[at - 1] / (gap[at] - gap[at - 1])
    return {
        "auc": torch.trapezoid(true, false).item(),
        "eer": torch.lerp(false[at - 1], false[at], part).item(),
        "tar": true[false <= FALSE_ACCEPTS].max().item(),
    }


def retrieval(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"]
) -> dict[str, float]:
    """How well each sample finds the others of its class, by the cosine.

    Gives, between 0 and 1: recall, the share of samples whose nearest other
    is of their class (recall@1); map, the mean average precision of all others
    in the order of their cosines; centroid, the share of samples that are
    nearest to the mean direction of the other samples of their class. Raises
    ValueError: if a class has a single sample, or if there is one class.
    """
    there, labels = labels.unique(return_inverse=True)
    counts = labels.bincount()
    if len(there) < 2 or counts.min() < 2:
        raise ValueError(
            f"{len(there)} classes of {counts.min()} samples or more: it "
            "takes two classes, and two samples of each"
        )
    x, _ = geometry.unit(features)
    cosines = x @ x.mT
    order = cosines.fill_diagonal_(-torch.inf).argsort(-1, descending=True)
    found = labels[order[:, :-1]] == labels[:, None]
    rank = torch.arange(1, len(x), device=x.device)
    precision = found.cumsum(-1) / rank
    average = (precision * found).sum(-1) / (counts[labels] - 1)
    one_hot = torch.nn.functional.one_hot(labels).to(x)
    sums = one_hot.mT @ x
    near = x @ geometry.unit(sums)[0].mT
    others, _ = geometry.unit(sums[labels] - x)
    near[torch.arange(len(x)), labels] = (x * others).sum(-1)
    return {
        "recall": found[:, 0].double().mean().item(),
        "map": average.mean().item(),
        "centroid": (near.argmax(-1) == labels).double().mean().item(),
    }


def on_unseen(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"]
) -> dict[str, float]:
    """`verification` of the cosines of all pairs, and `retrieval`."""
    first, second = torch.triu_indices(*[len(labels)] * 2, offset=1)
    scores = cosine_matrix(features)[first, second]
    same = labels[first] == labels[second]
    return verification(scores, same) | retrieval(features, labels)
