"""The displayed equations of ArcGrad, 1 to 22."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

import numpy as np
import sympy as sp
import torch
from scipy.optimize import brentq
from torch.nn.functional import cross_entropy

from arcbook import derive, losses
from arcbook.audit import situations as at
from arcbook.audit.equations import Check
from arcbook.audit.shared_equations import common, shipped


def logits(generator):
    """Logits of C classes and the index of one."""
    z = generator.normal(size=generator.integers(2, 9))
    return {"z": z, "y": generator.integers(len(z))}


def adacos_batch(generator, wide=False):
    """A scale and a B: AdaCos's own, or a very large scale if wide."""
    C = int(generator.integers(6, 40))
    s = generator.uniform(400, 900) if wide else math.sqrt(2) * math.log(C - 1)
    B = math.exp(s * generator.uniform(0.3, 0.8)) if wide else C - 1.0
    return {"s": s, "B": B}


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
    after, _ = derive.adacos_step(s, cosines, float(np.median(own)))
    return [head.s.item(), float(after)]


def adacos_printed(s, cosines, own, C, middle=np.min):
    """Eq. 10; θ_mod is read as the mode: of distinct angles, each is one."""
    B = np.exp(s * cosines).sum(1).mean()
    step = np.log(B) / np.cos(min(np.pi / 4, middle(own)))
    return [math.sqrt(2) * math.log(C - 1), step]


def gaps_of(x, w, y):
    """θ_j − θ_y, (N, C − 1)."""
    theta = at.theta(x, w)
    return at.others(theta, y) - at.own(theta, y)[:, None]


def by_cosines(x, w, y, s):
    """Eq. 11's second line: the angles are those of inner products."""
    theta = np.arccos(at.normal(x) @ at.normal(w).T)
    return at.softmax_loss(-s * theta, y)


def soft_minimum(x, w, y, s, scale=1e5):
    """−log Σ_j e^{−S (θ_j − θ_y)}/S, ArcGrad's loss at a very large S."""
    gaps = torch.tensor(gaps_of(x, w, y))
    return -torch.logsumexp(-scale * gaps, 1).numpy() / scale


def gaps(generator):
    """Smallest gaps of a batch, a scale, a number of classes."""
    return {
        "m": generator.uniform(-0.9, 1.9, size=5),
        "s": generator.uniform(0.5, 8),
        "C": int(generator.integers(2, 30)),
    }


def gap(generator, sign=1):
    """One gap, positive or that of a sample on the wrong side."""
    return gaps(generator) | {"m": sign * generator.uniform(0.1, 1.9)}


def at_equal_gaps(gap, s, C):
    """The shipped loss of a sample all of whose gaps are one."""
    head = losses.create("arcgrad", embedding_dim=2, num_classes=C, s=s)
    angles = [1.0] + [1.0 + gap] * (C - 1)
    theta = torch.tensor([angles], dtype=torch.float64)
    return head.losses_at(theta, torch.zeros(1, dtype=torch.long)).item()


def upper_bound(m, s, C):
    """L′ of each gap, Eq. 14."""
    return np.log1p((C - 1) * np.exp(-s * m))


def bound_holds(m, s, C):
    """Whether L of unequal gaps lies in [L′ − log(C − 1), L′]."""
    above = np.random.default_rng(C).exponential(size=(len(m), C - 1))
    above[:, 0] = 0
    loss = np.log1p(np.exp(-s * (m[:, None] + above)).sum(1))
    slack = upper_bound(m, s, C) - loss
    return float((slack >= -1e-12).all() and (slack <= np.log(C - 1)).all())


def gradient_by_autograd(m, s, C):
    """∂L″/∂m̃ of the loss with the minus."""
    return at.derivative(
        lambda gap: torch.log1p((C - 1) * torch.exp(-s * gap)), m
    )


def slope(sign, s, m, C):
    """(C − 1) e^{±sm} / ((C − 1) e^{±sm} + 1)."""
    odds = (C - 1) * np.exp(sign * m * s)
    return odds / (odds + 1)


@lru_cache
def slope_in_scale():
    """∂|∂L″/∂m̃|/∂s as a function of s, m and C."""
    return sp.lambdify((derive.s, derive.m, derive.C), derive.scale_slope())


def stationary_scale(m, s, C):
    """The zero of Eq. 18, found by bracketing; NaN where there is none."""
    change = slope_in_scale()
    low, high = 1e-3 / abs(m), 30 / abs(m)
    if change(low, m, C) * change(high, m, C) > 0:
        return math.nan
    return brentq(lambda x: change(x, m, C), low, high, xtol=1e-14)


def stationary_is_maximum(m, s, C):
    """Whether Eq. 18 has one zero, and |∂L″/∂m̃| is largest there."""
    best = stationary_scale(m, s, C)
    grid = np.linspace(1e-3, 30, 3001) / abs(m)
    zeros = np.count_nonzero(np.diff(np.sign(slope_in_scale()(grid, m, C))))
    highest = (grid * slope(-1, grid, m, C)).max()
    return float(zeros == 1 and best * slope(-1, best, m, C) >= highest)


CHECKS = common(
    bias="3",
    softmax="4",
    distance="5",
    center="6",
    cosine="7",
    arcface="8",
    wc_intra="20",
    w_inter="21",
    c_inter="22",
) | {
    "1": Check(
        logits,
        lambda z, y: torch.softmax(torch.tensor(z), 0).numpy(),
        lambda z, y: np.full(len(z), np.exp(z[y]) / np.exp(z).sum()),
        correct=lambda z, y: np.exp(z) / np.exp(z).sum(),
    ),
    "2": Check(
        logits,
        lambda z, y: cross_entropy(torch.tensor(z), torch.tensor(y)).item(),
        lambda z, y: -np.log(np.exp(z[y]) / np.exp(z).sum()),
    ),
    "9": Check(
        adacos_batch,
        lambda s, B: s * math.cos(derive.steepest_angle(s, B)),
        lambda s, B: math.log(B),
        assumed=lambda g: adacos_batch(g, wide=True),
        slack=1e-3,
    ),
    "10": Check(
        adacos_angles,
        adacos_two_steps,
        adacos_printed,
        correct=lambda **v: adacos_printed(**v, middle=np.median),
    ),
    "11": Check(
        at.batch,
        lambda **v: [shipped("arcgrad")(**v)] * 2,
        lambda x, w, y, s: [
            at.softmax_loss(-s * at.theta(x, w), y),
            by_cosines(x, w, y, s),
        ],
    ),
    "12": Check(
        at.batch,
        shipped("arcgrad"),
        lambda x, w, y, s: np.log1p(
            np.exp(-s * gaps_of(x, w, y)).sum(1)
        ).mean(),
    ),
    "13": Check(
        at.batch,
        soft_minimum,
        lambda x, w, y, s: gaps_of(x, w, y).min(1),
        slack=1e-3,
    ),
    "14": Check(
        gaps,
        lambda m, s, C: [np.mean([at_equal_gaps(g, s, C) for g in m]), 1.0],
        lambda m, s, C: [upper_bound(m, s, C).mean(), bound_holds(m, s, C)],
    ),
    "15": Check(
        gaps,
        lambda m, s, C: np.polyfit(range(len(m)), m, 0)[0],
        lambda m, s, C: sum(m) / len(m),
    ),
    "16": Check(
        gaps,
        lambda m, s, C: at_equal_gaps(float(m.mean()), s, C),
        lambda m, s, C: upper_bound(-m.mean(), s, C),
        correct=lambda m, s, C: upper_bound(m.mean(), s, C),
    ),
    "17": Check(
        gap,
        gradient_by_autograd,
        lambda m, s, C: slope(+1, s, m, C),
        correct=lambda m, s, C: -s * slope(-1, s, m, C),
    ),
    "18": Check(
        lambda g: gap(g, 1 if g.random() < 0.5 else -1),
        lambda m, s, C: 1.0,
        stationary_is_maximum,
        assumed=gap,
    ),
    "19": Check(
        gap, stationary_scale, lambda m, s, C: derive.best_scale(m, C)
    ),
}
