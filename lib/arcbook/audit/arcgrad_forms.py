"""ArcGrad's equations as printed, as functions of a situation."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

import numpy as np
import sympy as sp
import torch
from scipy.optimize import brentq

from arcbook import derive, losses
from arcbook.audit import situations as at


def logits(generator):
    """Logits of C classes and the index of one."""
    z = generator.normal(size=generator.integers(2, 9))
    return {"z": z, "y": generator.integers(len(z))}


def shares(z, y):
    """What the left side of Eq. 1 is for c = 1..C: a distribution."""
    return torch.softmax(torch.tensor(z), 0).numpy()


def gap_loss(m, s, C):
    """A batch's L′, autograd apart: numbers, from the shipped ArcGrad."""
    return [at_equal_gaps(gap, s, C) for gap in m]


def at_equal_gaps(gap, s, C):
    """The shipped loss of a sample all of whose gaps are one."""
    head = losses.create("arcgrad", embedding_dim=2, num_classes=C, s=s)
    angles = [1.0] + [1.0 + gap] * (C - 1)
    theta = torch.tensor([angles], dtype=torch.float64)
    return head.losses_at(theta, torch.zeros(1, dtype=torch.long)).item()


def gaps(generator, low=-0.9, high=1.9):
    """Smallest gaps of a batch, a scale, a number of classes."""
    return {
        "m": generator.uniform(low, high, size=5),
        "s": generator.uniform(0.5, 8),
        "C": int(generator.integers(2, 30)),
    }


def gap(generator):
    """One positive gap."""
    return gaps(generator) | {"m": generator.uniform(0.1, 1.9)}


def any_gap(generator):
    """One gap that may be negative: a sample on the wrong side."""
    return gaps(generator) | {"m": -generator.uniform(0.1, 1.9)}


def gradient_by_autograd(m, s, C):
    """∂L″/∂m̃ of the loss with the minus."""

    def loss(gap):
        return torch.log1p((C - 1) * torch.exp(-s * gap))

    return at.derivative(loss, m)


def size_of_gradient(s, m, C):
    """|∂L″/∂m̃| as a function of the scale."""
    return s * (C - 1) / ((C - 1) + np.exp(s * m))


@lru_cache
def slope_in_scale():
    """∂|∂L″/∂m̃|/∂s as a function of s, m and C."""
    d = derive
    return sp.lambdify((d.s, d.m, d.C), d.scale_slope())


def stationary_scale(m, s, C):
    """The zero of Eq. 18, found by bracketing; NaN where there is none."""
    slope = slope_in_scale()
    low, high = 1e-3 / abs(m), 30 / abs(m)
    if slope(low, m, C) * slope(high, m, C) > 0:
        return math.nan
    return brentq(lambda x: slope(x, m, C), low, high, xtol=1e-14)


def stationary_is_maximum(m, s, C):
    """Whether Eq. 18 has one zero, and |∂L″/∂m̃| is largest there."""
    best = stationary_scale(m, s, C)
    grid = np.linspace(1e-3, 30, 3001) / abs(m)
    changes = np.diff(np.sign(slope_in_scale()(grid, m, C))) != 0
    highest = size_of_gradient(grid, m, C).max()
    return float(
        changes.sum() == 1 and size_of_gradient(best, m, C) >= highest
    )


def adacos_batch(generator, wide=False):
    """A scale and a B: AdaCos's own, or a very large scale if wide."""
    C = int(generator.integers(6, 40))
    s = generator.uniform(400, 900) if wide else math.sqrt(2) * math.log(C - 1)
    B = math.exp(s * generator.uniform(0.3, 0.8)) if wide else C - 1.0
    return {"s": s, "B": B}


def cosine_at_steepest(s, B):
    """s·cos θ where |∂P/∂θ| is largest, from the second derivative."""
    return s * math.cos(derive.steepest_angle(s, B))


def adacos_angles(generator):
    """A previous s, cosines to the others and own angles of a batch."""
    C = int(generator.integers(2, 9))
    own = generator.uniform(0.1, 1.4, size=7)
    return {
        "s": generator.uniform(1, 9),
        "cosines": generator.uniform(-0.6, 0.6, size=(7, C - 1)),
        "own": own,
        "C": C,
    }


def adacos_two_steps(s, cosines, own, C):
    """Scale at the start and after a step, of the shipped head."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = losses.create("adacos", embedding_dim=2, num_classes=C)
    start = head.s.item()
    after, _ = derive.adacos_step(s, cosines, float(np.median(own)))
    return [start, float(after)]


def adacos_printed(s, cosines, own, C, middle=None):
    """Eq. 10; θ_mod is read as the mode: of distinct angles, each is one."""
    middle = own.min() if middle is None else middle(own)
    B = np.exp(s * cosines).sum(1).mean()
    step = np.log(B) / np.cos(min(np.pi / 4, middle))
    return [math.sqrt(2) * math.log(C - 1), step]


def bound_holds(m, s, C):
    """Whether L of unequal gaps lies in [L′ − log(C − 1), L′]."""
    generator = np.random.default_rng(C)
    above = generator.exponential(size=(len(m), C - 1))
    above[:, 0] = 0
    loss = np.log1p(np.exp(-s * (m[:, None] + above)).sum(1))
    upper = np.log1p((C - 1) * np.exp(-s * m))
    slack = upper - loss
    return float((slack >= -1e-12).all() and (slack <= np.log(C - 1)).all())
