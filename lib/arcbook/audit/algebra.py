"""Sentences of the papers that mathematics decides.

A proof yields, claim by claim, whether one holds (True, False, or a word of
`verdicts.OF_CLAIMS`) and the numbers that the sentence's `why` in
`data/papers` prints.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import sympy as sp
import torch

from arcbook import datasets, losses, papers
from arcbook import derive as d
from arcbook.audit import equations as at
from arcbook.audit.verdicts import ASSUMES, SLIP
from arcbook.geometry import simplex_angle

PROOFS: dict[tuple[str, str], Callable[[], tuple]] = {}


def proves(paper: str, *names: str):
    """Register the generator that decides claims, in this order."""

    def keep(function):
        for place, name in enumerate(names):
            PROOFS[paper, name] = partial(_answer, function, place)
        return function

    return keep


def _answer(function, place):
    return next(itertools.islice(function(), place, None))


def draw() -> np.random.Generator:
    """Random numbers, the same each time."""
    return np.random.default_rng(0)


def under(holds, assumed):
    """What holds, or does under something that the sentence leaves unsaid."""
    return bool(holds) or (ASSUMES if assumed else False)


# Sentences without a number to show


def same(first, second):
    """Whether two expressions are one."""
    return sp.simplify(first - second) == 0


def pull():
    """The weight of a sample on its class vector, in p and β."""
    return -d.total_by_logits()[0]


def push(beta=d.beta):
    """The weight of a sample on a rival's class vector."""
    return d.total_by_logits()[1].subs(d.beta, beta)


def factors(name):
    """What stands before the angle's function of a loss that trains."""
    spec = losses.get(name)
    return spec.factors(spec.defaults)


def slopes_at_knots():
    """The slope of L-Softmax's logit at every knot kπ/m."""
    slope = d.of("l_softmax", m=4, annealing=0).dZ_y
    return [slope.subs(d.THETA_Y, k * sp.pi / 4).simplify() for k in range(4)]


SHARES = np.linspace(0.1, 0.9, 9)
HOLDS = {
    ("arcgrad", "s-m-inverse"): lambda: d.best_product().free_symbols == {d.C},
    ("angular-learning", "rescale"): lambda: not d.of("arcface").dZ_y.has(d.s),
    ("angular-learning", "softmax-gradient"): lambda: (
        sp.limit(d.of("softmax").dZ_y, d.THETA_Y, 0) == 0
    ),
    ("angular-learning", "l-softmax-zero"): lambda: not any(slopes_at_knots()),
    ("iam", "one-sample"): lambda: (  # −log p and log(1 − p) fall with p
        np.diff([-np.log(SHARES), np.log1p(-SHARES)]).max() < 0
    ),
    ("iam", "adaptive"): lambda: on_samples(d.iam_by_logits()[1]).min() >= 0,
    ("iam", "beta-0"): lambda: same(pull().subs(d.beta, 0), 1 - d.p_y),
    ("iam", "beta-0-push"): lambda: same(push(0), d.p_j),
    ("iam", "beta-1"): lambda: same(pull().subs(d.beta, 1), 1),
    ("iam", "beta-1-push"): lambda: same(push(1), d.p_j / (1 - d.p_y)),
    ("iam", "beta-below-1-pull"): lambda: same(sp.diff(pull(), d.beta), d.p_y),
    ("iam", "beta-above-1-pull"): lambda: same(
        sp.diff(pull(), d.p_y), d.beta - 1
    ),
    ("iam", "whole-training"): lambda: same(pull().subs(d.p_y, 1), d.beta),
    # what would have to be so, were it no slip
    ("arcgrad", "unit-features"): lambda: (
        "|x|" not in factors("sphereface") or SLIP
    ),
    ("arcgrad", "l-softmax-weights"): lambda: (
        "|W|" not in factors("l_softmax") or SLIP
    ),
    ("angular-learning", "eq14-intra"): lambda: (
        "WC-Intra" in papers.equation("angular-learning", 14).latex or SLIP
    ),
    ("mnist-cosine", "table-2"): lambda: (
        "table2" in papers.names("mnist-cosine", "tables") or SLIP
    ),
}


def plainly(statement):
    """Whether a statement holds, and no numbers."""
    return statement(), {}


PROOFS |= {key: partial(plainly, one) for key, one in HOLDS.items()}


# ArcGrad


@proves(
    "arcgrad",
    *("gap-84", "small-s-large-gap", "none-in-region", "fig1-gradient"),
    *("maximum-at-zero", "smaller-s-tighter"),
)
def best_gaps():
    """The gap of Eq. 19, of Iris first, and the gradient at it."""
    gaps = [math.degrees(d.best_gap(s, 3)) for s in (1, 5, 10, 40)]
    whole = [round(gaps[0]), round(gaps[-1])]
    yield whole == [84, 2], {"at_1": gaps[0], "at_40": gaps[-1]}
    falls = all(np.diff(gaps) < 0)
    yield falls, {"small": gaps[0], "large": gaps[-1]}

    widest = simplex_angle(10)  # that ten classes have
    found = {"simplex": math.degrees(widest)}
    found["least"] = d.best_scale(widest, 10)
    yield under(d.best_gap(1.0, 10) <= widest, assumed=True), found

    within = np.linspace(0, d.best_gap(1.0, 3), 50)
    share = d.pull(1.0, within, 3).min()  # of the most, s = 1
    yield share > 0.25, {"share": share}

    best = {d.s: d.best_scale(0.8, 10), d.m: 0.8}
    second = float(d.curvature_at_best().subs(best))
    first = float(d.scale_slope().subs(best | {d.C: 10}))
    yield abs(first) < 1e-9 and second < 0, {"second_derivative": second}

    early, late = (  # the order of the gaps turns round with time
        np.degrees(d.gap_after(time, np.array([1.0, 10.0]), 10))
        for time in (0.1, 1000)
    )
    turns = early[1] > early[0] and late[0] > late[1]
    yield None, {"early_1": early[0], "early_10": early[1], "turns": turns}


@proves(
    "arcgrad", "adacos-right-angles", "adacos-variance", "adacos-b-constant"
)
def adacos():
    """Σ e^{s cos θ}, a rival, over the 1 that AdaCos takes for it; its B."""

    def taken(cosines):
        s = math.sqrt(2) * math.log(9)
        return float(np.exp(s * cosines).mean())

    spread = taken(draw().uniform(-0.6, 0.6, 4000))
    near = taken(np.cos(np.radians(70.0)))
    yield min(spread, near) > 1.05, {"ratio": spread, "near": near}

    base = draw().uniform(-1, 1, 4000)
    base -= base.mean()
    sums = [taken(width * base) for width in (0.2, 0.4, 0.6)]
    rises = sums[0] > 1 and all(np.diff(sums) > 0)
    yield rises, dict(zip(("narrow", "middle", "wide"), sums, strict=True))

    cosines = draw().uniform(-0.2, 0.6, size=(200, 9))
    _, slope = d.adacos_step(3.0, cosines, 0.5)
    yield under(False, abs(slope) > 1e-3), {"slope": float(slope)}


@proves("arcgrad", "ten-classes")
def ten_classes():
    """Classes of CIFAR-100."""
    classes = datasets.card("cifar100").classes
    yield classes == 10 or SLIP, {"classes": classes}


def arcface_separates(theta, m):
    """Whether ArcFace has each sample right, own class first."""
    target = at.target_logit("arcface", theta[:, 0], m=m)
    return target > np.cos(theta[:, 1:]).max(1)


@proves("arcgrad", "arcface-max")
@proves("angular-learning", "arcface-max")
def arcface_max():
    """Below the largest rival is not below the nearest."""
    theta = draw().uniform(0.2, 2.0, size=(2000, 5))
    separates = arcface_separates(theta, 0.5)
    printed = theta[:, 0] < theta[:, 1:].max(1) - 0.5
    wrong = (printed & ~separates).mean()
    yield (printed == separates).all(), {"wrong": wrong}


@proves("arcgrad", "larger-approximation", "boundary-unchanged")
def approximation():
    """L ≤ L′, and logits that rank the classes as the angles do."""
    generator = draw()
    gaps, s = generator.uniform(-2, 2, (500, 7)), generator.uniform(0.5, 30)
    loss = np.log1p(np.exp(-s * gaps).sum(1))
    above = np.log1p(7 * np.exp(-s * gaps.min(1)))
    yield (loss <= above + 1e-12).all(), {}

    theta = draw().uniform(0, math.pi, size=(500, 6))
    ranked = at.target_logit("arcgrad", theta).argmax(1) == theta.argmin(1)
    spec = losses.get("arcgrad")
    yield spec.target is spec.others and ranked.all(), {}


# Angular Learning


@proves("angular-learning", "pairs")
def pairs():
    """Degrees in N of the numbers of pairs and triplets."""
    N, C = sp.symbols("N C", positive=True)
    counts = N * (N - 1) / 2, N * (N / C - 1) * (N - N / C)
    two, three = (int(sp.degree(sp.expand(count), N)) for count in counts)
    yield (two, three) == (2, 3), {"triplets": three}


@proves("angular-learning", "arcface-penalty", "margin-lowers")
def with_margin():
    """cos(θ_y + m) and others below cos θ_j, of what is right, and cos θ_y."""
    theta = draw().uniform(0.1, 2.5, size=(4000, 5))
    right = theta[arcface_separates(theta, 0.5)]
    target = at.target_logit("arcface", right[:, 0], m=0.5)
    meets = (target[:, None] < np.cos(right[:, 1:])).any(1)
    yield meets.all(), {"share": meets.mean()}

    theta = np.linspace(0, math.pi, 2001)
    arcface, cosface = (
        at.target_logit(name, theta, m=0.5) < np.cos(theta)
        for name in ("arcface", "cosface")
    )
    near = arcface[theta < math.pi - 0.25].all() and cosface.all()
    found = {"end": math.degrees(theta[arcface].max())}
    yield under(arcface.all() and cosface.all(), near), found


@proves(
    "angular-learning",
    *("right-angles", "ratio", "s-confidence", "larger-s-smaller-angle"),
)
def at_right_angles():
    """The widest angle to all rivals, to which 90° is the limit; p there."""
    angles = [simplex_angle(C) for C in (10, 100, 10_000)]
    limit = all(np.diff(angles) < 0) and abs(angles[-1] - math.pi / 2) < 1e-3
    yield under(False, limit), {"simplex": math.degrees(angles[0])}

    own, other = d.right_angle_probabilities()
    quotient = float((own / other).subs({d.s: 3, d.C: 10}))
    many = float(own.subs({d.s: 3, d.C: 1000}))
    found = {"quotient": quotient, "p_of_1000": many}
    yield under(quotient > 100 and many >= 0.5, quotient > 100), found

    slope = sp.lambdify((d.s, d.C), sp.diff(own, d.s))
    slopes = [slope(s, C) for s in (0.1, 1, 5) for C in (2, 10, 100)]
    yield min(slopes) > 0, {}

    size = sp.lambdify(d.s, d.right_angle_gradients()[0].subs(d.C, 10))
    peak = d.best_scale(math.pi / 2, 10)
    found = {"peak": peak, "at_peak": size(peak), "at_20": size(20.0)}
    yield None, found | {"falls": bool(found["at_20"] < found["at_peak"])}


@proves("angular-learning", "features-fixed")
def features_fixed():
    """The gradient by the features beside that by the class vectors."""
    generator = draw()
    x, w = (
        torch.tensor(generator.normal(size=(n, 16)), requires_grad=True)
        for n in (32, 10)
    )
    loss = at.shipped_loss("softmax", x, w, np.arange(32) % 10)
    by_x, by_w = torch.autograd.grad(loss, (x, w))
    size = float(by_x.norm() / by_w.norm())
    yield under(size <= 0.01, assumed=True), {"ratio": size}


@proves("angular-learning", "arcface-avoids-zero", "l-softmax-range")
def small_slopes():
    """The zero is moved to π − m; shares of angles with a slope below ½."""
    slope = d.of("arcface", s=1.0, m=0.5).dZ_y
    zero, end = (float(slope.subs(d.THETA_Y, x)) for x in (0, math.pi - 0.5))
    avoided = abs(zero) > 1e-9
    yield under(avoided and abs(end) >= 1e-9, avoided), {"at_0": zero}

    theta = np.linspace(0.001, math.pi - 0.001, 4001)
    slopes = {
        "softmax": d.of("softmax").dZ_y,
        "l_softmax": d.of("l_softmax", m=4, annealing=0).dZ_y,
    }
    shares = {}
    for name, slope in slopes.items():
        size = sp.lambdify(d.THETA_Y, slope.subs(d.UNIT))
        shares[name] = (np.abs(size(theta)) < 0.5).mean()
    yield shares["l_softmax"] < shares["softmax"], shares


@proves("angular-learning", "constant-gradient", "keeps-decreasing")
def slopes_of_the_loss():
    """∂L/∂θ_y is not constant as ∂Z/∂θ_y is, and positive at any angles."""
    rivals = draw().uniform(1.2, 1.9, size=4)
    slopes = [
        at.by_angles("arcgrad", np.array([own, *rivals]), s=5.0)[0]
        for own in (0.05, 0.6, 1.5)
    ]
    constant = max(slopes) < 1.01 * min(slopes)
    yield constant, {"far": slopes[-1], "near": slopes[0]}

    generator = draw()
    slopes = [
        at.by_angles("arcgrad", generator.uniform(0.01, 3, size=5), s=s)[0]
        for s in np.repeat([0.5, 3.0, 10.0], 5)
    ]
    yield min(slopes) > 0, {}


# Inter-class angular margin


def on_samples(expression):
    """An expression in p_y and p_j, β = 1, on samples of four classes."""
    p = draw().dirichlet(np.ones(4), size=300)
    fixed = expression.subs(d.beta, 1)
    return sp.lambdify((d.p_y, d.p_j), fixed)(p[:, 0], p[:, 1])


@proves("iam", "adaptive-angles", "gradient-larger", "beta-above-1-push")
def pushes():
    """Whether the push on a rival grows: with its logit, β, and at β = 2."""
    _, of_iam = d.iam_by_logits()
    slope = sp.diff(of_iam, d.p_j) * (1 - d.p_j)
    slope -= sp.diff(of_iam, d.p_y) * d.p_y
    falls = (on_samples(slope * d.p_j) < 0).mean()
    for_two = sp.diff(of_iam.subs(d.p_j, 1 - d.p_y), d.p_y)
    yield under(falls == 0, same(for_two, 1)), {"share": falls}

    added = sp.diff(push(), d.beta)
    least = on_samples(added).min()
    grows = same(added, d.p_j / (1 - d.p_y) - d.p_j)
    yield grows and least >= 0, {"least": least}

    bracket = sp.lambdify((d.p_y, d.p_j), d.rival_bracket().subs(d.beta, 2))
    grid = np.linspace(0.02, 0.96, 40)
    p_y, p_j = np.meshgrid(grid, grid)
    share = (bracket(p_y, p_j)[p_y + p_j < 0.98] > 0).mean()
    yield not share, {"share": share}


@proves("iam", "scaled-cannot", "same-analysis")
def pull_and_push():
    """Eq. 3 pulls and pushes; with a margin IAM does by two weights."""
    generator = draw()
    slopes = np.array(
        [
            at.by_angles("normface", generator.uniform(0.3, 2.5, 4), s=4.0)
            for _ in range(50)
        ]
    )
    own, rival = slopes[:, 0].min(), slopes[:, 1:].max()
    yield not (own > 0 and rival < 0), {"own": own, "rival": rival}

    theta = draw().uniform([0.8, 1.3, 1.3, 1.3], [1.0, 1.8, 1.8, 1.8])
    s, m, beta = 4.0, 0.4, 0.5
    slopes = at.by_angles("iam", theta, s=s, beta=beta, base="cosface", m=m)
    weight = slopes[0] / (s * np.sin(theta[0]))
    lowered = s * np.cos(theta) - s * m * (np.arange(4) == 0)
    p = (np.exp(lowered) / np.exp(lowered).sum())[0]
    one = 1 - p * (1 - beta)
    yield abs(weight - one) < 1e-6, {"two": weight, "one": one}


@proves("iam", "many-samples")
def many_samples():
    """Where each loss puts a class vector between two samples."""
    samples, rivals = np.array([0.0, 1.2]), np.array([2.2, -2.0, 3.0])
    turns = np.linspace(-math.pi, math.pi, 7201)
    own = np.exp(4 * np.cos(turns[:, None] - samples))
    others = np.exp(4 * np.cos(rivals[:, None] - samples)).sum(0)
    p = own / (own + others)
    ends = [turns[loss.sum(1).argmin()] for loss in (-np.log(p), np.log1p(-p))]
    apart = abs(math.degrees(ends[0] - ends[1]))
    yield apart > 0.1, {"apart": apart}


BOUNDARIES = {  # the printed one, up to which own angle it has to hold, and m
    "sphereface": (lambda own, rival: 4 * own < rival, math.pi / 4, 4),
    "cosface": (
        lambda own, rival: (
            rival > np.arccos(np.maximum(np.cos(own) - 0.4, -1))
        ),
        math.pi,
        0.4,
    ),
    "arcface": (lambda own, rival: own + 0.5 < rival, math.pi - 0.5, 0.5),
}


def boundary(name, printed, inside, m):
    """How often a printed boundary decides as the loss does."""
    own, rival = draw().uniform(0, math.pi, size=(2, 4000))
    if name == "sphereface":
        target = np.cos(m * own)
    else:
        target = at.target_logit(name, own, m=m)
    agree = (target > np.cos(rival)) == printed(own, rival)
    within = agree[own < inside]
    return under(agree.all(), within.all()), {
        "everywhere": agree.mean(),
        "inside": within.mean(),
    }


PROOFS |= {
    ("iam", f"{name}-boundary"): partial(boundary, name, *row)
    for name, row in BOUNDARIES.items()
}
