"""Sentences of the papers that mathematics decides.

Each function says whether one holds (True, False, or a word of
`verdicts.OF_CLAIMS`) and gives the numbers that the sentence's `why` in
`data/papers` prints.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import sympy as sp
import torch

from arcbook import datasets, derive, losses, papers
from arcbook.audit import situations as at
from arcbook.audit.verdicts import ASSUMES, SLIP
from arcbook.geometry import simplex_angle

PROOFS: dict[tuple[str, str], Callable[[], tuple]] = {}
d = derive


def proves(paper: str, name: str):
    """Register the function that decides a claim."""

    def keep(function):
        PROOFS[paper, name] = function
        return function

    return keep


def draw() -> np.random.Generator:
    """Random numbers, the same each time."""
    return np.random.default_rng(0)


# ArcGrad


@proves("arcgrad", "s-m-inverse")
def inverse():
    """Eq. 19: the product is a number of C alone."""
    product = d.best_product()
    return product.free_symbols == {d.C}, {}


@proves("arcgrad", "gap-84")
def degrees():
    """Eq. 19 for the three classes of Iris."""
    one, forty = (math.degrees(d.best_gap(s, 3)) for s in (1, 40))
    return [round(one), round(forty)] == [84, 2], {"at_1": one, "at_40": forty}


@proves("arcgrad", "small-s-large-gap")
def small_s():
    """The gap of Eq. 19 falls with s."""
    gaps = [math.degrees(d.best_gap(s, 3)) for s in (1, 5, 10, 40)]
    falls = all(np.diff(gaps) < 0)
    return falls, {"small": gaps[0], "large": gaps[-1]}


@proves("arcgrad", "none-in-region")
def none_in_region():
    """The gap of Eq. 19 against the widest that ten classes have."""
    widest = simplex_angle(10)
    least = d.best_scale(widest, 10)
    fits = d.best_gap(1.0, 10) <= widest
    return fits or ASSUMES, {"simplex": math.degrees(widest), "least": least}


@proves("arcgrad", "fig1-gradient")
def gradient_at_gap():
    """The least gradient within the gap of Eq. 19, of the most, s."""
    size = sp.lambdify((d.s, d.m, d.C), d.gap_gradient() / d.s)
    within = np.linspace(0, d.best_gap(1.0, 3), 50)
    shares = np.abs(size(1.0, within, 3))
    return shares.min() > 0.25, {"share": shares.min()}


@proves("arcgrad", "smaller-s-tighter")
def smaller():
    """The order of the gaps turns round with time."""
    early, late = (
        np.degrees(d.gap_after(time, np.array([1.0, 10.0]), 10))
        for time in (0.1, 1000)
    )
    turns = early[1] > early[0] and late[0] > late[1]
    return None, {"early_1": early[0], "early_10": early[1], "turns": turns}


def rivals_sum(s, cosines):
    """Σ e^{s cos θ} over what AdaCos takes for it, one a rival."""
    return float(np.exp(s * cosines).mean())


@proves("arcgrad", "adacos-right-angles")
def adacos_angles():
    """B against C − 1 where the cosines are not 0."""
    s = math.sqrt(2) * math.log(9)
    spread = rivals_sum(s, draw().uniform(-0.6, 0.6, 4000))
    near = rivals_sum(s, np.cos(np.radians([70.0])))
    return min(spread, near) > 1.05, {"ratio": spread, "near": near}


@proves("arcgrad", "adacos-variance")
def adacos_variance():
    """The error of that sum rises with the spread of the cosines."""
    s = math.sqrt(2) * math.log(9)
    base = draw().uniform(-1, 1, 4000)
    base -= base.mean()
    sums = [rivals_sum(s, width * base) for width in (0.2, 0.4, 0.6)]
    rises = sums[0] > 1 and all(np.diff(sums) > 0)
    return rises, dict(zip(("narrow", "middle", "wide"), sums, strict=True))


@proves("arcgrad", "adacos-b-constant")
def adacos_constant():
    """The slope of the AdaCos step in s, and of B in the own angle."""
    cosines = draw().uniform(-0.2, 0.6, size=(200, 9))
    _, slope = d.adacos_step(3.0, cosines, 0.5)
    s, own, rival = sp.symbols("s theta_y theta_j")
    along = sp.diff(sp.exp(s * sp.cos(rival)), own)
    changes = abs(slope) > 1e-3
    return ASSUMES if changes and along == 0 else changes, {
        "slope": float(slope)
    }


def factors(name):
    """What stands before the angle's function of a loss that trains."""
    spec = losses.get(name)
    return spec.factors(spec.defaults)


@proves("arcgrad", "unit-features")
def unit_features():
    """SphereFace keeps the norm of the feature."""
    return "|x|" not in factors("sphereface") or SLIP, {}


@proves("arcgrad", "l-softmax-weights")
def unit_weights():
    """L-Softmax keeps the norm of the class vector."""
    return "|W|" not in factors("l_softmax") or SLIP, {}


@proves("arcgrad", "ten-classes")
def ten_classes():
    """Classes of CIFAR-100."""
    classes = datasets.card("cifar100").classes
    return classes == 10 or SLIP, {"classes": classes}


@proves("arcgrad", "arcface-max")
@proves("angular-learning", "arcface-max")
def arcface_max():
    """Below the largest rival is not below the nearest."""
    theta = draw().uniform(0.2, 2.0, size=(2000, 5))
    separates = arcface_separates(theta, 0.5)
    printed = theta[:, 0] < theta[:, 1:].max(1) - 0.5
    return (printed == separates).all(), {
        "wrong": (printed & ~separates).mean()
    }


def arcface_separates(theta, m):
    """Whether ArcFace has each sample right, own class first."""
    target = at.target_logit("arcface", theta[:, 0], s=1.0, m=m)
    return target > np.cos(theta[:, 1:]).max(1)


@proves("arcgrad", "larger-approximation")
def larger_approximation():
    """L ≤ L′ for random gaps."""
    generator = draw()
    gaps, s = generator.uniform(-2, 2, (500, 7)), generator.uniform(0.5, 30)
    loss = np.log1p(np.exp(-s * gaps).sum(1))
    above = np.log1p(7 * np.exp(-s * gaps.min(1)))
    return (loss <= above + 1e-12).all(), {}


@proves("arcgrad", "maximum-at-zero")
def maximum():
    """A zero derivative, with the second one negative there."""
    best = {d.s: d.best_scale(0.8, 10), d.m: 0.8}
    second = float(d.curvature_at_best().subs(best))
    first = float(d.scale_slope().subs(best | {d.C: 10}))
    return abs(first) < 1e-9 and second < 0, {"second_derivative": second}


@proves("arcgrad", "boundary-unchanged")
def boundary_unchanged():
    """The training logits rank the classes as the angles do."""
    theta = draw().uniform(0, math.pi, size=(500, 6))
    logits = at.target_logit("arcgrad", theta, s=1.0)
    same = losses.get("arcgrad").target is losses.get("arcgrad").others
    return same and (logits.argmax(1) == theta.argmin(1)).all(), {}


# Angular Learning


@proves("angular-learning", "rescale")
def rescale():
    """ArcFace's gradient is proportional to s."""
    slope = derive.of("arcface").dZ_y
    s = next(x for x in slope.free_symbols if x.name == "s")
    return sp.diff(slope, s) == 0, {}


@proves("angular-learning", "pairs")
def pairs():
    """Degrees in N of the numbers of pairs and triplets."""
    N, C = sp.symbols("N C", positive=True)
    triplets = N * (N / C - 1) * (N - N / C)
    degree = sp.degree(sp.expand(triplets), N)
    return (sp.degree(N * (N - 1) / 2, N), degree) == (2, 3), {
        "triplets": int(degree)
    }


@proves("angular-learning", "arcface-penalty")
def arcface_penalty():
    """cos(θ_y + m) < cos θ_j on samples that ArcFace has right."""
    theta = draw().uniform(0.1, 2.5, size=(4000, 5))
    right = theta[arcface_separates(theta, 0.5)]
    target = at.target_logit("arcface", right[:, 0], s=1.0, m=0.5)
    meets = (target[:, None] < np.cos(right[:, 1:])).any(1)
    return meets.all(), {"share": meets.mean()}


@proves("angular-learning", "margin-lowers")
def margin_lowers():
    """Target logits with a margin against those without."""
    theta = np.linspace(0, math.pi, 2001)
    lower = at.target_logit("arcface", theta, s=1.0, m=0.5) < np.cos(theta)
    end = theta[lower].max()
    cosine = at.target_logit("cosface", theta, s=1.0, m=0.5) < np.cos(theta)
    everywhere = lower.all() and cosine.all()
    near = lower[theta < math.pi - 0.25].all() and cosine.all()
    return everywhere or (ASSUMES if near else False), {
        "end": math.degrees(end)
    }


@proves("angular-learning", "ratio")
def ratio():
    """P(y)/P(j) = e^{sπ/2}; P(y) itself falls with C."""
    own, other = d.right_angle_probabilities()
    quotient = float((own / other).subs({d.s: 3, d.C: 10}))
    many = float(own.subs({d.s: 3, d.C: 1000}))
    large = quotient > 100
    return ASSUMES if large and many < 0.5 else large, {
        "quotient": quotient,
        "p_of_1000": many,
    }


@proves("angular-learning", "softmax-gradient")
def softmax_gradient():
    """∂Z/∂θ → 0 as θ → 0."""
    slope = derive.of("softmax").dZ_y
    return sp.limit(slope, derive.THETA_Y, 0) == 0, {}


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
    return ASSUMES if size > 0.01 else True, {"ratio": size}


@proves("angular-learning", "arcface-avoids-zero")
def arcface_zero():
    """The zero is moved to π − m."""
    slope = derive.of("arcface", s=1.0, m=0.5).dZ_y
    zero, end = (
        float(slope.subs(derive.THETA_Y, x)) for x in (0, math.pi - 0.5)
    )
    avoided = abs(zero) > 1e-9
    return ASSUMES if avoided and abs(end) < 1e-9 else avoided, {"at_0": zero}


@proves("angular-learning", "l-softmax-zero")
def l_softmax_zero():
    """Zero at every knot kπ/m."""
    slope = derive.of("l_softmax", m=4, annealing=0).dZ_y
    values = [slope.subs(derive.THETA_Y, k * sp.pi / 4) for k in range(4)]
    return all(value.simplify() == 0 for value in values), {}


@proves("angular-learning", "l-softmax-range")
def l_softmax_range():
    """Share of the angles with a slope below a half."""
    theta = np.linspace(0.001, math.pi - 0.001, 4001)
    shares = {}
    for name, values in (
        ("softmax", {}),
        ("l_softmax", {"m": 4, "annealing": 0}),
    ):
        slope = derive.of(name, **values).dZ_y
        ones = dict.fromkeys(slope.free_symbols - {derive.THETA_Y}, 1)
        size = sp.lambdify(derive.THETA_Y, slope.subs(ones))
        shares[name] = (np.abs(size(theta)) < 0.5).mean()
    return shares["l_softmax"] < shares["softmax"], shares


@proves("angular-learning", "constant-gradient")
def constant():
    """The logit's gradient is constant, the loss's is not."""
    rivals = draw().uniform(1.2, 1.9, size=4)
    near, middle, far = (
        at.by_angles("arcgrad", np.array([own, *rivals]), s=5.0)[0]
        for own in (0.05, 0.6, 1.5)
    )
    constant = max(near, middle, far) < 1.01 * min(near, middle, far)
    return constant, {"far": far, "near": near}


@proves("angular-learning", "keeps-decreasing")
def keeps_decreasing():
    """∂L/∂θ_y > 0 at random angles, so a step against it is down."""
    generator = draw()
    slopes = [
        at.by_angles("arcgrad", generator.uniform(0.01, 3, size=5), s=s)[0]
        for s in (0.5, 3.0, 10.0)
        for _ in range(5)
    ]
    return min(slopes) > 0, {}


@proves("angular-learning", "larger-s-smaller-angle")
def larger():
    """The gradient peaks in s and then falls."""
    peak = d.best_scale(math.pi / 2, 10)
    slope, _ = d.right_angle_gradients()
    size = sp.lambdify(d.s, slope.subs(d.C, 10))
    at_peak, at_20 = size(peak), size(20.0)
    return None, {
        "peak": peak,
        "at_peak": at_peak,
        "at_20": at_20,
        "falls": bool(at_20 < at_peak),
    }


@proves("angular-learning", "s-confidence")
def confidence():
    """∂P(y)/∂s > 0."""
    own, _ = d.right_angle_probabilities()
    slope = sp.lambdify((d.s, d.C), sp.diff(own, d.s))
    return min(slope(s, C) for s in (0.1, 1, 5) for C in (2, 10, 100)) > 0, {}


@proves("angular-learning", "eq14-intra")
def cross_reference():
    """Which equation is WC-Intra?"""
    latex = papers.equation("angular-learning", 14).latex
    return "WC-Intra" in latex or SLIP, {}


@proves("angular-learning", "right-angles")
def right_angles():
    """The widest angle to all rivals falls to 90° with the classes."""
    angles = [simplex_angle(C) for C in (10, 100, 10_000)]
    limit = all(np.diff(angles) < 0) and abs(angles[-1] - math.pi / 2) < 1e-3
    return ASSUMES if limit else False, {"simplex": math.degrees(angles[0])}


# Inter-class angular margin


def probabilities():
    """p_y and p_j of random samples with four classes."""
    p = draw().dirichlet(np.ones(4), size=300)
    return p[:, 0], p[:, 1]


def on_samples(expression, **values):
    """An expression in p_y, p_j and β at `probabilities`."""
    fixed = expression.subs({d.beta: values.get("beta", 1)})
    return sp.lambdify((d.p_y, d.p_j), fixed)(*probabilities())


@proves("iam", "adaptive-angles")
def adaptive_angles():
    """Whether the push on a rival grows as its logit does."""
    _, push = d.iam_by_logits()
    slope = (
        sp.diff(push, d.p_j) * d.p_j * (1 - d.p_j)
        - sp.diff(push, d.p_y) * d.p_y * d.p_j
    )
    falls = (on_samples(slope) < 0).mean()
    two = push.subs(d.p_j, 1 - d.p_y)
    falls_for_two = sp.simplify(sp.diff(two, d.p_y)) == 1
    return ASSUMES if falls > 0 and falls_for_two else falls == 0, {
        "share": falls
    }


@proves("iam", "scaled-cannot")
def scaled_cannot():
    """Eq. 3 pulls the own angle and pushes the others'."""
    generator = draw()
    slopes = np.array(
        [
            at.by_angles("normface", generator.uniform(0.3, 2.5, 4), s=4.0)
            for _ in range(50)
        ]
    )
    does = slopes[:, 0].min() > 0 and slopes[:, 1:].max() < 0
    return not does, {"own": slopes[:, 0].min(), "rival": slopes[:, 1:].max()}


@proves("iam", "gradient-larger")
def gradient_larger():
    """The push grows by β(p_j2 − p_j1), never negative."""
    added = sp.diff(d.total_by_logits()[1], d.beta)
    same = sp.simplify(added - d.p_j / (1 - d.p_y) + d.p_j) == 0
    least = on_samples(added).min()
    return same and least >= 0, {"least": least}


@proves("iam", "adaptive")
def adaptive():
    """∂L_IAM/∂z_j ≥ 0."""
    _, push = d.iam_by_logits()
    return on_samples(push).min() >= 0, {}


@proves("iam", "one-sample")
def one_sample():
    """−log p and log(1 − p), the two losses of one sample, fall with p."""
    p = sp.Symbol("p", positive=True)
    slopes = [sp.diff(one, p) for one in (-sp.log(p), sp.log(1 - p))]
    values = [float(one.subs(p, x)) for one in slopes for x in (0.1, 0.5, 0.9)]
    return max(values) < 0, {}


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
    return apart > 0.1, {"apart": apart}


def boundary(name, condition, inside, **hyper):
    """How often a printed boundary decides as the loss does, in percent."""
    own, rival = draw().uniform(0, math.pi, size=(2, 4000))
    if name == "sphereface":
        target = np.cos(hyper["m"] * own)
    else:
        target = at.target_logit(name, own, s=1.0, **hyper)
    same = (target > np.cos(rival)) == condition(own, rival)
    within = same[own < inside].all()
    return same.all() or (ASSUMES if within else False), {
        "everywhere": same.mean(),
        "inside": same[own < inside].mean(),
    }


@proves("iam", "sphereface-boundary")
def sphereface():
    """mθ₁ = θ₂ for cos(mθ)."""
    return boundary(
        "sphereface", lambda own, rival: 4 * own < rival, math.pi / 4, m=4
    )


@proves("iam", "cosface-boundary")
def cosface():
    """cos θ₁ − m = cos θ₂, as angles: θ₂ beyond arccos(cos θ₁ − m)."""
    return boundary(
        "cosface",
        lambda own, rival: (
            rival > np.arccos(np.maximum(np.cos(own) - 0.4, -1))
        ),
        math.pi,
        m=0.4,
    )


@proves("iam", "arcface-boundary")
def arcface():
    """θ₁ + m = θ₂."""
    return boundary(
        "arcface", lambda own, rival: own + 0.5 < rival, math.pi - 0.5, m=0.5
    )


def pull():
    """The weight of a sample on its class vector, in p and β."""
    return -d.total_by_logits()[0]


def push(beta):
    """The weight of a sample on a rival's class vector."""
    return d.total_by_logits()[1].subs(d.beta, beta)


ZERO = {  # what is 0 if a sentence of [iam, Section 4.1] holds
    "beta-0": lambda: sp.diff(pull().subs(d.beta, 0), d.p_y) + 1,
    "beta-0-push": lambda: push(0) - d.p_j,
    "beta-1": lambda: pull().subs(d.beta, 1) - 1,
    "beta-1-push": lambda: push(1) - d.p_j / (1 - d.p_y),
    "beta-below-1-pull": lambda: sp.diff(pull(), d.beta) - d.p_y,
    "beta-above-1-pull": lambda: sp.diff(pull(), d.p_y) - (d.beta - 1),
}


def vanishes(name: str):
    """Whether one of `ZERO` is 0."""
    return sp.simplify(ZERO[name]()) == 0, {}


for _name in ZERO:
    proves("iam", _name)(functools.partial(vanishes, _name))


@proves("iam", "beta-above-1-push")
def beta_above_1_push():
    """Whether the push on a rival grows as it comes nearer, at β = 2."""
    bracket = sp.lambdify((d.p_y, d.p_j), d.rival_bracket().subs(d.beta, 2))
    grid = np.linspace(0.02, 0.96, 40)
    p_y, p_j = np.meshgrid(grid, grid)
    grows = (bracket(p_y, p_j)[p_y + p_j < 0.98] > 0).mean()
    return not grows, {"share": grows}


@proves("iam", "same-analysis")
def same_analysis():
    """With a margin, pull and push no longer share one weight."""
    theta = draw().uniform([0.8, 1.3, 1.3, 1.3], [1.0, 1.8, 1.8, 1.8])
    s, m, beta = 4.0, 0.4, 0.5
    slopes = at.by_angles("iam", theta, s=s, beta=beta, base="cosface", m=m)
    weight = slopes[0] / (s * np.sin(theta[0]))
    lowered = s * np.cos(theta) - s * m * (np.arange(4) == 0)
    p = (np.exp(lowered) / np.exp(lowered).sum())[0]
    one = 1 - p * (1 - beta)
    return abs(weight - one) < 1e-6, {"two": weight, "one": one}


@proves("iam", "whole-training")
def whole_training():
    """The pull 1 − p + βp at p = 1, and the softmax's."""
    with_iam = pull().subs(d.p_y, 1)
    return with_iam == d.beta and pull().subs({d.p_y: 1, d.beta: 0}) == 0, {}


# the MNIST paper


@proves("mnist-cosine", "table-2")
def second_table():
    """Whether there is one."""
    return "table2" in papers.names("mnist-cosine", "tables") or SLIP, {}
