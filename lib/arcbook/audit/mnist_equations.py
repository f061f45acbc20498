"""The displayed equations of the MNIST paper; it numbers none of them."""

from __future__ import annotations

import numpy as np

from arcbook.audit import situations as at
from arcbook.audit.equations import Check
from arcbook.audit.shared_equations import (
    common,
    cosine,
    margin,
    products,
    shipped,
)


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
