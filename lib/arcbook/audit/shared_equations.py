"""The losses that more than one paper prints, checked wherever they stand.

The MNIST paper, which numbers no equation, has few others: they come last.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from arcbook import geometry
from arcbook.audit import equations as at
from arcbook.audit.equations import Check


def shipped(name, *hyper, **fixed):
    """The truth of a loss: the shipped one, with these of the situation."""

    def truth(v):
        given = {key: getattr(v, key) for key in hyper}
        return v.shipped(name, **given, **fixed)

    return truth


def logits(generator):
    """Outputs of a network for some classes, and one of them."""
    z = generator.normal(size=generator.integers(2, 9))
    return at.Situation(z=z, y=generator.integers(len(z)))


def softmax(v):
    """Both lines of the softmax loss, by products and by angles."""
    return [v.loss(z) for z in (v.x @ v.w.T, products(v))]


def products(v):
    """Norms times the cosine of the angle, (N, C)."""
    x, w = np.linalg.norm(v.x, axis=1), np.linalg.norm(v.w, axis=1)
    return x[:, None] * w * np.cos(v.angles)


def biased(v):
    """Softmax loss with a bias, as printed."""
    e = np.exp(v.x @ v.w.T + v.b)
    return -np.log(v.own(e) / e.sum(1)).mean()


def center(v):
    """The distances, and the center loss with them, as printed."""
    distance = ((v.x - v.centers[v.y]) ** 2).sum() / (2 * len(v.x))
    return [distance, v.lam * distance + softmax(v)[0]]


def center_truth(v):
    """What the shipped center loss adds to softmax, and the loss."""
    whole = v.shipped("center", centers=v.centers, lam=v.lam)
    return [(whole - v.shipped("softmax")) / v.lam, whole]


def cosine(v):
    """The scaled cosine loss, as printed."""
    return v.loss(v.s * np.cos(v.angles))


def margin(target):
    """A loss whose own logit is a function of the angle, as printed."""

    def printed(v):
        others = np.cos(v.others(v.angles))
        return at.log_loss(v.s * target(v.own(v.angles), v), v.s * others)

    return printed


def measured(metric, *vectors):
    """A mean angle as training records it."""
    return metric(*map(torch.tensor, vectors)).item()


def apart(vectors):
    """Mean angle over pairs of different vectors."""
    pairs = np.triu_indices(len(vectors), 1)
    return at.angles(vectors, vectors)[pairs].mean()


def printed_c_inter(v):
    """Σ_j Σ_{i≠j} ⟨Center_j, W_j⟩ / (C² − C), term by term."""
    angles, count = np.diag(at.angles(v.centers, v.w)), len(v.w)
    terms = [angles[j] for j in range(count) for i in range(count) if i != j]
    return sum(terms) / (count**2 - count)


WITH_CENTERS = at.drawn(at.batch, centers=at.normals(4, at.D), lam=(0.1, 2))
WITH_MARGIN = at.drawn(at.batch, m=(0.05, 0.9))
VECTORS = at.drawn(centers=at.normals(7, at.D), w=at.normals(7, at.D))
FORMS = {
    "probabilities": Check(
        logits,
        lambda v: torch.softmax(torch.tensor(v.z), 0).numpy(),
        lambda v: np.exp(v.z) / np.exp(v.z).sum(),
    ),
    "entropy": Check(
        logits,
        lambda v: cross_entropy(torch.tensor(v.z), torch.tensor(v.y)).item(),
        lambda v: -np.log(np.exp(v.z[v.y]) / np.exp(v.z).sum()),
    ),
    "bias": Check(
        at.drawn(at.batch, b=at.normals(4)),
        lambda v: cross_entropy(
            torch.tensor(v.x @ v.w.T + v.b), torch.tensor(v.y)
        ).item(),
        biased,
    ),
    "softmax": Check(at.batch, shipped("softmax"), softmax),
    "distance": Check(
        WITH_CENTERS, lambda v: center_truth(v)[0], lambda v: center(v)[0]
    ),
    "center": Check(WITH_CENTERS, center_truth, center),
    "cosine": Check(at.batch, shipped("normface", "s"), cosine),
    "arcface": Check(
        WITH_MARGIN,
        shipped("arcface", "s", "m"),
        margin(lambda theta, v: np.cos(theta + v.m)),
    ),
    "cosface": Check(
        WITH_MARGIN,
        shipped("cosface", "s", "m"),
        margin(lambda theta, v: np.cos(theta) - v.m),
    ),
    "wc_intra": Check(
        VECTORS,
        lambda v: measured(geometry.wc_intra, v.centers, v.w),
        lambda v: np.diag(at.angles(v.centers, v.w)).mean(),
    ),
    "w_inter": Check(
        VECTORS,
        lambda v: measured(geometry.w_inter, v.w),
        lambda v: apart(v.w),
    ),
    "c_inter": Check(
        VECTORS,
        lambda v: measured(geometry.c_inter, v.centers),
        printed_c_inter,
        correct=lambda v: apart(v.centers),
    ),
}


def common(**numbers: str) -> dict[str, Check]:
    """Checks of equations that several papers print, by their numbers."""
    return {number: FORMS[name] for name, number in numbers.items()}


def unit_vectors(generator):
    """Class vectors of length one, features of length s."""
    v = at.batch(generator)
    return v.but(x=v.s * at.unit(v.x), w=at.unit(v.w))


CHECKS = common(bias="L_1") | {
    "product": Check(
        at.drawn(x=at.normals(4, at.D), w=at.normals(4, at.D)),
        lambda v: v.x @ v.w.T,
        lambda v: np.diag(v.x @ v.w.T)[:, None],  # i stands for both
        correct=products,
    ),
    "L_2": Check(at.batch, shipped("softmax"), cosine, assumed=unit_vectors),
    "combined": Check(
        at.drawn(at.batch, m1=(0.7, 1.5), m2=(0, 0.6), m3=(0, 0.5)),
        shipped("combined", "s", "m1", "m2", "m3"),
        margin(lambda theta, v: np.cos(v.m1 * theta + v.m2) - v.m3),
    ),
}
