"""The displayed equations of the MNIST paper; it numbers none of them."""

from __future__ import annotations

import numpy as np

from arcbook.audit import situations as at
from arcbook.audit.equations import Check
from arcbook.audit.shared_equations import common, cosine, margin, shipped


def pairs(generator):
    """As many samples as class vectors."""
    return {
        "x": generator.normal(size=(4, at.D)),
        "w": generator.normal(size=(4, at.D)),
    }


def products(x, w):
    """Norms times the cosine of the angle, (N, C)."""
    norms = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(w, axis=1)
    return norms * np.cos(at.theta(x, w))


def one_index(x, w):
    """The products as printed: i stands for both."""
    return np.repeat(np.diag(x @ w.T)[:, None], len(w), axis=1)


def unit_vectors(generator):
    """Class vectors of length one, features of length s."""
    found = at.batch(generator)
    x, w = at.normal(found["x"]), at.normal(found["w"])
    return found | {"x": found["s"] * x, "w": w}


CHECKS = common(bias="L_1") | {
    "product": Check(pairs, lambda x, w: x @ w.T, one_index, correct=products),
    "L_2": Check(
        at.batch,
        lambda x, w, y, s: at.shipped("softmax", x, w, y),
        cosine,
        assumed=unit_vectors,
    ),
    "combined": Check(
        at.batch_with(m1=(0.7, 1.5), m2=(0, 0.6), m3=(0, 0.5)),
        shipped("combined"),
        margin(lambda t, m1, m2, m3: np.cos(m1 * t + m2) - m3),
    ),
}
