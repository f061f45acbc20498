"""The displayed equations of the MNIST paper; it numbers none of them."""

from __future__ import annotations

import numpy as np

from arcbook.audit import situations as at
from arcbook.audit.equations import Check
from arcbook.audit.shared_equations import (
    common,
    cosine,
    margin,
)

PAPER = "mnist-cosine"


def pairs(generator):
    """As many samples as class vectors."""
    return {
        "x": generator.normal(size=(4, at.D)),
        "w": generator.normal(size=(4, at.D)),
    }


def three_margins(generator):
    """A batch and the three margins."""
    return at.batch(generator) | {
        "m1": generator.uniform(0.7, 1.5),
        "m2": generator.uniform(0, 0.6),
        "m3": generator.uniform(0, 0.5),
    }


def combined(x, w, y, s, m1, m2, m3):
    """The combined margin as printed."""

    def target(theta, _):
        return np.cos(m1 * theta + m2) - m3

    return margin(target)(x, w, y, s, 0)


def unit_vectors(generator):
    """Class vectors of length one, features of length s."""
    found = at.batch(generator)
    x, w = at.normal(found["x"]), at.normal(found["w"])
    return found | {"x": found["s"] * x, "w": w}


CHECKS = [
    *common(PAPER, {"bias": "L_1"}),
    Check(
        PAPER,
        "product",
        pairs,
        lambda x, w: x @ w.T,
        lambda x, w: np.broadcast_to(
            np.diag(x @ w.T)[:, None], (len(x), len(w))
        ),
        correct=lambda x, w: (
            np.linalg.norm(x, axis=1)[:, None]
            * np.linalg.norm(w, axis=1)
            * np.cos(at.theta(x, w))
        ),
        latex=r"W_j^T x_i = \|W_j\| \, \|x_i\| \cos(\theta_{i,j})",
        why="An index slip. The text has \"j'th weight vector and i'th "
        'sample"; the formula has i for both, and an n that stands nowhere '
        "else. With "
        "one index only the sample's own number of class would be met.",
    ),
    Check(
        PAPER,
        "L_2",
        at.batch,
        lambda x, w, y, s: at.shipped("softmax", x, w, y),
        cosine,
        assumed=unit_vectors,
        latex=r"\|W_j\| \, \|x_i\| = s \text{ for all } i \text{ and } j",
        why='The text says "ignoring the bias term". That alone leaves a '
        "factor of its own to every class; class vectors and features have "
        "to be normalised as well.",
    ),
    Check(
        PAPER,
        "combined",
        three_margins,
        lambda x, w, y, **hyper: at.shipped("combined", x, w, y, **hyper),
        combined,
        why="The combined margin that trains in this book. It falls with "
        "the angle as long as m₁θ + m₂ ≤ π.",
        page="03_margins.html",
    ),
]
