"""The displayed equations of ArcGrad, 1 to 22, and of its sister paper.

Angular Learning has 1 to 15 and four unnumbered ones.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

import numpy as np
import torch
from scipy.optimize import brentq

from arcbook import derive, losses
from arcbook.audit import equations as at
from arcbook.audit.equations import Check
from arcbook.audit.shared_equations import (
    FORMS,
    common,
    cosine,
    logits,
    shipped,
)


def adacos_batch(generator, wide=False):
    """A scale and a B: AdaCos's own, or a very large scale if wide."""
    C = at.whole(6, 40)(generator)
    if not wide:
        return at.Situation(s=math.sqrt(2) * math.log(C - 1), B=C - 1.0)
    s = generator.uniform(400, 900)
    return at.Situation(s=s, B=math.exp(s * generator.uniform(0.3, 0.8)))


def adacos_angles(generator):
    """Own angles of a batch, a previous s, and cosines to the others."""
    v = at.drawn(C=at.whole(2, 9), theta=(0.1, 1.4, 7), s=(1, 9))(generator)
    return v.but(cosines=generator.uniform(-0.6, 0.6, size=(7, v.C - 1)))


def adacos_two_steps(v):
    """Scale at the start and after a step, of the shipped head."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = losses.create("adacos", embedding_dim=2, num_classes=v.C)
    after, _ = derive.adacos_step(v.s, v.cosines, float(np.median(v.theta)))
    return [head.s.item(), float(after)]


def adacos_printed(v, middle=np.min):
    """Eq. 10; θ_mod is read as the mode: of distinct angles, each is one."""
    B = np.exp(v.s * v.cosines).sum(1).mean()
    step = np.log(B) / np.cos(min(np.pi / 4, middle(v.theta)))
    return [math.sqrt(2) * math.log(v.C - 1), step]


def gaps_of(v):
    """θ_j − θ_y, (N, C − 1)."""
    return v.others(v.angles) - v.own(v.angles)[:, None]


GAPS = at.drawn(m=(-0.9, 1.9, 5), s=(0.5, 8), C=at.whole(2, 30))
GAP = at.drawn(GAPS, m=(0.1, 1.9))
OF_EITHER_SIGN = at.drawn(  # as often of a sample on the wrong side
    GAP, m=lambda g: g.choice([-1, 1]) * g.uniform(0.1, 1.9)
)


def at_equal_gaps(v, gap):
    """The shipped loss of a sample all of whose gaps are one."""
    angles = [1.0] + [1.0 + gap] * (v.C - 1)
    theta = torch.tensor([angles], dtype=torch.float64)
    return at.losses_by_angles("arcgrad", theta, s=v.s).item()


def upper_bound(v, m):
    """L′ of a gap, Eq. 14."""
    return np.log1p((v.C - 1) * np.exp(-v.s * m))


def bound_holds(v):
    """Whether L of unequal gaps lies in [L′ − log(C − 1), L′]."""
    above = np.random.default_rng(v.C).exponential(size=(len(v.m), v.C - 1))
    above[:, 0] = 0
    loss = np.log1p(np.exp(-v.s * (v.m[:, None] + above)).sum(1))
    slack = upper_bound(v, v.m) - loss
    return (slack >= -1e-12).all() and (slack <= np.log(v.C - 1)).all()


def slope(v, sign):
    """(C − 1) e^{±sm} / ((C − 1) e^{±sm} + 1)."""
    odds = (v.C - 1) * np.exp(sign * v.m * v.s)
    return odds / (odds + 1)


@lru_cache
def slope_in_scale():
    """∂|∂L″/∂m̃|/∂s as a function of s, m and C."""
    return derive.numeric(derive.scale_slope(), derive.s, derive.m, derive.C)


def stationary_scale(v):
    """The zero of Eq. 18, found by bracketing; NaN where there is none."""
    change = slope_in_scale()
    low, high = 1e-3 / abs(v.m), 30 / abs(v.m)
    if change(low, v.m, v.C) * change(high, v.m, v.C) > 0:
        return math.nan
    return brentq(change, low, high, args=(v.m, v.C), xtol=1e-14)


def stationary_is_maximum(v):
    """Whether Eq. 18 has one zero, and |∂L″/∂m̃| is largest there."""
    best = v.but(s=stationary_scale(v))
    grid = v.but(s=np.linspace(1e-3, 30, 3001) / abs(v.m))
    signs = np.sign(slope_in_scale()(grid.s, v.m, v.C))
    highest = (grid.s * slope(grid, -1)).max()
    once = np.count_nonzero(np.diff(signs)) == 1
    return once and best.s * slope(best, -1) >= highest


OF_ARCGRAD = common(
    entropy="2",
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
        FORMS["probabilities"].truth,
        lambda v: np.exp(v.z[v.y]) / np.exp(v.z).sum(),
        correct=FORMS["probabilities"].printed,
    ),
    "9": Check(
        adacos_batch,
        lambda v: v.s * math.cos(derive.steepest_angle(v.s, v.B)),
        lambda v: math.log(v.B),
        assumed=lambda generator: adacos_batch(generator, wide=True),
        slack=1e-3,
    ),
    "10": Check(
        adacos_angles,
        adacos_two_steps,
        adacos_printed,
        correct=lambda v: adacos_printed(v, middle=np.median),
    ),
    "11": Check(
        at.batch,
        shipped("arcgrad", "s"),
        lambda v: [
            v.loss(-v.s * theta)
            for theta in (v.angles, np.arccos(at.unit(v.x) @ at.unit(v.w).T))
        ],
    ),
    "12": Check(
        at.batch,
        shipped("arcgrad", "s"),
        lambda v: np.log1p(np.exp(-v.s * gaps_of(v)).sum(1)).mean(),
    ),
    "13": Check(  # the truth is ArcGrad's loss at a very large s
        at.batch,
        lambda v: -torch.logsumexp(-1e5 * torch.tensor(gaps_of(v)), 1) / 1e5,
        lambda v: gaps_of(v).min(1),
    ),
    "14": Check(
        GAPS,
        lambda v: [np.mean([at_equal_gaps(v, m) for m in v.m]), 1.0],
        lambda v: [upper_bound(v, v.m).mean(), bound_holds(v)],
    ),
    "15": Check(
        GAPS,
        lambda v: np.polyfit(range(len(v.m)), v.m, 0)[0],
        lambda v: sum(v.m) / len(v.m),
    ),
    "16": Check(
        GAPS,
        lambda v: at_equal_gaps(v, v.m.mean()),
        lambda v: upper_bound(v, -v.m.mean()),
        correct=lambda v: upper_bound(v, v.m.mean()),
    ),
    "17": Check(
        GAP,
        lambda v: derive.autograd(
            lambda m: torch.log1p((v.C - 1) * torch.exp(-v.s * m)), v.m
        ),
        lambda v: slope(v, +1),
        correct=lambda v: -v.s * slope(v, -1),
    ),
    "18": Check(
        OF_EITHER_SIGN, lambda v: 1, stationary_is_maximum, assumed=GAP
    ),
    "19": Check(GAP, stationary_scale, lambda v: derive.best_scale(v.m, v.C)),
}


def scale_outside(v):
    """Eq. 3 as printed: s e^{cos θ_j} where e^{s cos θ_j} is meant."""
    cosines = np.cos(v.angles)
    target = np.exp(v.s * v.own(cosines))
    rest = (v.s * np.exp(v.others(cosines))).sum(1)
    return -np.log(target / (target + rest)).mean()


LOGIT = at.drawn(
    norms=(0.5, 3, 2), theta=(0, math.pi), m=(0.05, 0.9), s=(0.5, 20)
)


def slopes(name):
    """Autograd of a shipped target logit, and of another class's."""
    spec = losses.get(name)

    def truth(v):
        hyper = spec.defaults | {"s": v.s, "m": v.m}
        size = v.norms.prod() if "|x|" in spec.factors(hyper) else v.s
        forms = lambda t: spec.target(t, **spec.arguments(hyper)), spec.others
        return [size * derive.autograd(form, v.theta) for form in forms]

    return truth


RIGHT_ANGLE = at.drawn(s=(0.3, 9), C=at.whole(2, 40))


def right_angles(v):
    """θ_y = 0 and θ_j = π/2."""
    return np.array([0.0] + [math.pi / 2] * (v.C - 1))


def probabilities(v):
    """Softmax of the shipped logits at θ_y = 0, θ_j = π/2."""
    theta = torch.tensor(right_angles(v))
    z = v.s * losses.get("arcgrad").others(theta)
    return torch.softmax(z, 0)[:2].numpy()


def printed_probabilities(v):
    """P(j) as printed."""
    own, other = math.exp(v.s * math.pi), math.exp(v.s * math.pi / 2)
    return np.array([own, other]) / (own + (v.C - 1) * other)


def chain(v):
    """(∂L/∂Z)(∂Z/∂θ), each by itself, for ArcGrad's logits."""
    z = torch.tensor(-v.s * v.theta, requires_grad=True)
    loss = torch.logsumexp(z, 0) - z[0]
    return torch.autograd.grad(loss, z)[0].numpy() * -v.s


OF_ANGULAR = common(
    probabilities="P(c)",
    entropy="L",
    bias="1",
    softmax="2",
    arcface="4",
    distance="5",
    center="6",
    wc_intra="12",
    w_inter="13",
    c_inter="14",
) | {
    "3": Check(
        at.batch, shipped("normface", "s"), scale_outside, correct=cosine
    ),
    "7": Check(
        at.batch,
        shipped("arcgrad", "s"),
        lambda v: v.loss(v.s * v.angles),
        correct=lambda v: v.loss(-v.s * v.angles),
    ),
    "8": Check(
        LOGIT,
        lambda v: slopes("softmax")(v)[1],
        lambda v: -v.norms.prod() * math.sin(v.theta),
    ),
    "9": Check(
        LOGIT,
        slopes("arcface"),
        lambda v: -v.s * np.sin([v.theta + v.m, v.theta]),
    ),
    "10": Check(LOGIT, slopes("arcgrad"), lambda v: -v.s),
    "P(j)": Check(RIGHT_ANGLE, probabilities, printed_probabilities),
    "chain": Check(
        at.drawn(
            theta=lambda g: g.uniform(0.2, 2.9, size=g.integers(2, 7)),
            s=(0.5, 6),
        ),
        lambda v: at.by_angles("arcgrad", v.theta, s=v.s),
        chain,
    ),
    "11": Check(
        RIGHT_ANGLE,
        lambda v: at.by_angles("arcgrad", right_angles(v), s=v.s)[:2],
        lambda v: -v.s * (printed_probabilities(v) - [1, 0]),
    ),
    "15": Check(
        at.drawn(x=lambda g: at.unit(g.normal(size=(6, 4)))),
        lambda v: np.cos(at.angles(v.x, v.x)),
        lambda v: v.x @ v.x.T,
    ),
}
