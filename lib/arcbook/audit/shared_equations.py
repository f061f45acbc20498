"""The losses that more than one paper prints, checked wherever they stand."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from arcbook import geometry
from arcbook.audit import situations as at
from arcbook.audit.equations import Check


def shipped(name):
    """The truth of a loss with a scale and perhaps margins."""
    return lambda x, w, y, **hyper: at.shipped(name, x, w, y, **hyper)


def with_bias(generator):
    """A batch and a bias for every class."""
    return at.batch(generator) | {"b": generator.normal(size=4)}


def of_torch(x, w, y, s, b):
    """PyTorch's own cross-entropy of inner products."""
    return cross_entropy(torch.tensor(x @ w.T + b), torch.tensor(y)).item()


def biased(x, w, y, s, b):
    """Softmax loss with a bias, as printed."""
    logits = x @ w.T + b
    share = np.exp(at.own(logits, y)) / np.exp(logits).sum(1)
    return -np.log(share).mean()


def softmax(x, w, y, s):
    """Both lines of the softmax loss, by products and by angles."""
    norms = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(w, axis=1)
    angles = norms * np.cos(at.theta(x, w))
    return [at.softmax_loss(z, y) for z in (x @ w.T, angles)]


def softmax_truth(x, w, y, s):
    """The shipped softmax, once a line."""
    return [at.shipped("softmax", x, w, y)] * 2


def with_centers(generator):
    """A batch, class centres and a λ."""
    return at.batch(generator) | {
        "c": generator.normal(size=(4, at.D)),
        "lam": generator.uniform(0.1, 2),
    }


def center(x, w, y, s, c, lam):
    """The distances, and the center loss with them, as printed."""
    distance = ((x - c[y]) ** 2).sum() / (2 * len(x))
    return [distance, lam * distance + softmax(x, w, y, s)[0]]


def center_truth(x, w, y, s, c, lam):
    """The shipped center loss, and what it adds to softmax."""
    whole = at.shipped("center", x, w, y, centers=c, lam=lam)
    return [(whole - at.shipped("softmax", x, w, y)) / lam, whole]


def cosine(x, w, y, s):
    """The scaled cosine loss, as printed."""
    return at.softmax_loss(s * np.cos(at.theta(x, w)), y)


def margin(function):
    """A loss with a margin on the own angle, as printed."""

    def printed(x, w, y, s, **hyper):
        angles = at.theta(x, w)
        target = s * function(at.own(angles, y), **hyper)
        return at.log_loss(target, s * np.cos(at.others(angles, y)))

    return printed


def metrics(generator):
    """Class centres and class vectors."""
    return {
        "centers": generator.normal(size=(7, at.D)),
        "w": generator.normal(size=(7, at.D)),
    }


def measured(metric, *vectors):
    """A mean angle as training records it."""
    return metric(*map(torch.tensor, vectors)).item()


def apart(vectors):
    """Mean angle over pairs of different vectors."""
    return at.theta(vectors, vectors)[np.triu_indices(len(vectors), 1)].mean()


def printed_c_inter(centers, w):
    """Σ_j Σ_{i≠j} ⟨Center_j, W_j⟩ / (C² − C), term by term."""
    angles, count = np.diag(at.theta(centers, w)), len(w)
    terms = [angles[j] for j in range(count) for i in range(count) if i != j]
    return sum(terms) / (count**2 - count)


MARGIN = at.batch_with(m=(0.05, 0.9))
FORMS = {
    "bias": Check(with_bias, of_torch, biased),
    "softmax": Check(at.batch, softmax_truth, softmax),
    "distance": Check(
        with_centers,
        lambda **v: center_truth(**v)[0],
        lambda **v: center(**v)[0],
    ),
    "center": Check(with_centers, center_truth, center),
    "cosine": Check(at.batch, shipped("normface"), cosine),
    "arcface": Check(
        MARGIN, shipped("arcface"), margin(lambda t, m: np.cos(t + m))
    ),
    "cosface": Check(
        MARGIN, shipped("cosface"), margin(lambda t, m: np.cos(t) - m)
    ),
    "wc_intra": Check(
        metrics,
        lambda centers, w: measured(geometry.wc_intra, centers, w),
        lambda centers, w: np.diag(at.theta(centers, w)).mean(),
    ),
    "w_inter": Check(
        metrics,
        lambda centers, w: measured(geometry.w_inter, w),
        lambda centers, w: apart(w),
    ),
    "c_inter": Check(
        metrics,
        lambda centers, w: measured(geometry.c_inter, centers),
        printed_c_inter,
        correct=lambda centers, w: apart(centers),
    ),
}


def common(**numbers: str) -> dict[str, Check]:
    """Checks of equations that several papers print, by their numbers."""
    return {number: FORMS[name] for name, number in numbers.items()}
