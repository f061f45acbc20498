"""Sentences of the papers that mathematics decides.

Each proof says whether one holds (True, False, or a word of
`verdicts.OF_CLAIMS`) and gives the numbers that the sentence's `why` in
`data/papers` prints.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import sympy as sp
import torch

from arcbook import datasets, losses, papers
from arcbook import derive as d
from arcbook.audit import situations as at
from arcbook.audit.verdicts import ASSUMES, SLIP
from arcbook.geometry import simplex_angle

PROOFS: dict[tuple[str, str], Callable[[], tuple]] = {}


def proves(paper: str, name: str):
    """Register the function that decides a claim."""

    def keep(function):
        PROOFS[paper, name] = function
        return function

    return keep


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


def slope_at_knots():
    """The slope of L-Softmax's logit at every knot kπ/m."""
    slope = d.of("l_softmax", m=4, annealing=0).dZ_y
    knots = [k * sp.pi / 4 for k in range(4)]
    return [sp.simplify(slope.subs(d.THETA_Y, knot)) for knot in knots]


HOLDS = {
    ("arcgrad", "s-m-inverse"): lambda: d.best_product().free_symbols == {d.C},
    ("angular-learning", "rescale"): lambda: not d.of("arcface").dZ_y.has(d.s),
    ("angular-learning", "softmax-gradient"): lambda: (
        sp.limit(d.of("softmax").dZ_y, d.THETA_Y, 0) == 0
    ),
    ("angular-learning", "l-softmax-zero"): lambda: not any(slope_at_knots()),
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
}
SLIPS = {  # what would have to be so, were it none
    ("arcgrad", "unit-features"): lambda: "|x|" not in factors("sphereface"),
    ("arcgrad", "l-softmax-weights"): lambda: (
        "|W|" not in factors("l_softmax")
    ),
    ("angular-learning", "eq14-intra"): lambda: (
        "WC-Intra" in papers.equation("angular-learning", 14).latex
    ),
    ("mnist-cosine", "table-2"): lambda: (
        "table2" in papers.names("mnist-cosine", "tables")
    ),
}


def plainly(statement, otherwise=False):
    """Whether a statement holds, and no numbers."""
    return statement() or otherwise, {}


PROOFS |= {key: partial(plainly, one) for key, one in HOLDS.items()}
PROOFS |= {key: partial(plainly, one, SLIP) for key, one in SLIPS.items()}


# ArcGrad


def gaps(*scales):
    """The gap of Eq. 19 for the three classes of Iris, in degrees."""
    return [math.degrees(d.best_gap(s, 3)) for s in scales]


@proves("arcgrad", "gap-84")
def degrees():
    """84° at s = 1 and 2° at s = 40."""
    one, forty = gaps(1, 40)
    return [round(one), round(forty)] == [84, 2], {"at_1": one, "at_40": forty}


@proves("arcgrad", "small-s-large-gap")
def small_s():
    """The gap of Eq. 19 falls with s."""
    found = gaps(1, 5, 10, 40)
    return all(np.diff(found) < 0), {"small": found[0], "large": found[-1]}


@proves("arcgrad", "none-in-region")
def none_in_region():
    """The gap of Eq. 19 against the widest that ten classes have."""
    widest = simplex_angle(10)
    return under(d.best_gap(1.0, 10) <= widest, assumed=True), {
        "simplex": math.degrees(widest),
        "least": d.best_scale(widest, 10),
    }


@proves("arcgrad", "fig1-gradient")
def gradient_at_gap():
    """The least gradient within the gap of Eq. 19, of the most, s = 1."""
    within = np.linspace(0, d.best_gap(1.0, 3), 50)
    share = d.pull(1.0, within, 3).min()
    return share > 0.25, {"share": share}


@proves("arcgrad", "smaller-s-tighter")
def smaller():
    """The order of the gaps turns round with time."""
    early, late = (
        np.degrees(d.gap_after(time, np.array([1.0, 10.0]), 10))
        for time in (0.1, 1000)
    )
    turns = early[1] > early[0] and late[0] > late[1]
    return None, {"early_1": early[0], "early_10": early[1], "turns": turns}


def rivals_sum(cosines):
    """Σ e^{s cos θ} over what AdaCos takes for it, one a rival, at C = 10."""
    s = math.sqrt(2) * math.log(9)
    return float(np.exp(s * cosines).mean())


@proves("arcgrad", "adacos-right-angles")
def adacos_angles():
    """B against C − 1 where the cosines are not 0."""
    spread = rivals_sum(draw().uniform(-0.6, 0.6, 4000))
    near = rivals_sum(np.cos(np.radians(70.0)))
    return min(spread, near) > 1.05, {"ratio": spread, "near": near}


@proves("arcgrad", "adacos-variance")
def adacos_variance():
    """The error of that sum rises with the spread of the cosines."""
    base = draw().uniform(-1, 1, 4000)
    base -= base.mean()
    sums = [rivals_sum(width * base) for width in (0.2, 0.4, 0.6)]
    rises = sums[0] > 1 and all(np.diff(sums) > 0)
    return rises, dict(zip(("narrow", "middle", "wide"), sums, strict=True))


@proves("arcgrad", "adacos-b-constant")
def adacos_constant():
    """B changes with s, and no own angle stands in it."""
    cosines = draw().uniform(-0.2, 0.6, size=(200, 9))
    _, slope = d.adacos_step(3.0, cosines, 0.5)
    return under(False, abs(slope) > 1e-3), {"slope": float(slope)}


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
    wrong = (printed & ~separates).mean()
    return (printed == separates).all(), {"wrong": wrong}


def arcface_separates(theta, m):
    """Whether ArcFace has each sample right, own class first."""
    target = at.target_logit("arcface", theta[:, 0], m=m)
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
    ranked = at.target_logit("arcgrad", theta).argmax(1) == theta.argmin(1)
    spec = losses.get("arcgrad")
    return spec.target is spec.others and ranked.all(), {}


# Angular Learning


@proves("angular-learning", "pairs")
def pairs():
    """Degrees in N of the numbers of pairs and triplets."""
    N, C = sp.symbols("N C", positive=True)
    counts = N * (N - 1) / 2, N * (N / C - 1) * (N - N / C)
    two, three = (int(sp.degree(sp.expand(count), N)) for count in counts)
    return (two, three) == (2, 3), {"triplets": three}


@proves("angular-learning", "arcface-penalty")
def arcface_penalty():
    """cos(θ_y + m) < cos θ_j on samples that ArcFace has right."""
    theta = draw().uniform(0.1, 2.5, size=(4000, 5))
    right = theta[arcface_separates(theta, 0.5)]
    target = at.target_logit("arcface", right[:, 0], m=0.5)
    meets = (target[:, None] < np.cos(right[:, 1:])).any(1)
    return meets.all(), {"share": meets.mean()}


@proves("angular-learning", "margin-lowers")
def margin_lowers():
    """Target logits with a margin against those without."""
    theta = np.linspace(0, math.pi, 2001)
    arcface, cosface = (
        at.target_logit(name, theta, m=0.5) < np.cos(theta)
        for name in ("arcface", "cosface")
    )
    near = arcface[theta < math.pi - 0.25].all() and cosface.all()
    return under(arcface.all() and cosface.all(), near), {
        "end": math.degrees(theta[arcface].max())
    }


@proves("angular-learning", "ratio")
def ratio():
    """P(y)/P(j) = e^{sπ/2}; P(y) itself falls with C."""
    own, other = d.right_angle_probabilities()
    quotient = float((own / other).subs({d.s: 3, d.C: 10}))
    many = float(own.subs({d.s: 3, d.C: 1000}))
    large = quotient > 100
    return under(large and many >= 0.5, large), {
        "quotient": quotient,
        "p_of_1000": many,
    }


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
    return under(size <= 0.01, assumed=True), {"ratio": size}


@proves("angular-learning", "arcface-avoids-zero")
def arcface_zero():
    """The zero is moved to π − m."""
    slope = d.of("arcface", s=1.0, m=0.5).dZ_y
    zero, end = (float(slope.subs(d.THETA_Y, x)) for x in (0, math.pi - 0.5))
    avoided = abs(zero) > 1e-9
    return under(avoided and abs(end) >= 1e-9, avoided), {"at_0": zero}


@proves("angular-learning", "l-softmax-range")
def l_softmax_range():
    """Share of the angles with a slope below a half."""
    theta = np.linspace(0.001, math.pi - 0.001, 4001)
    shares = {}
    for name, values in (
        ("softmax", {}),
        ("l_softmax", {"m": 4, "annealing": 0}),
    ):
        slope = d.of(name, **values).dZ_y.subs(d.UNIT)
        size = sp.lambdify(d.THETA_Y, slope)
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
    slope, _ = d.right_angle_gradients()
    size = sp.lambdify(d.s, slope.subs(d.C, 10))
    peak = d.best_scale(math.pi / 2, 10)
    found = {"peak": peak, "at_peak": size(peak), "at_20": size(20.0)}
    return None, found | {"falls": bool(found["at_20"] < found["at_peak"])}


@proves("angular-learning", "s-confidence")
def confidence():
    """∂P(y)/∂s > 0."""
    own, _ = d.right_angle_probabilities()
    slope = sp.lambdify((d.s, d.C), sp.diff(own, d.s))
    return min(slope(s, C) for s in (0.1, 1, 5) for C in (2, 10, 100)) > 0, {}


@proves("angular-learning", "right-angles")
def right_angles():
    """The widest angle to all rivals falls to 90° with the classes."""
    angles = [simplex_angle(C) for C in (10, 100, 10_000)]
    limit = all(np.diff(angles) < 0) and abs(angles[-1] - math.pi / 2) < 1e-3
    return under(False, limit), {"simplex": math.degrees(angles[0])}


# Inter-class angular margin


def on_samples(expression):
    """An expression in p_y and p_j, β = 1, on samples of four classes."""
    p = draw().dirichlet(np.ones(4), size=300)
    fixed = expression.subs(d.beta, 1)
    return sp.lambdify((d.p_y, d.p_j), fixed)(p[:, 0], p[:, 1])


@proves("iam", "adaptive-angles")
def adaptive_angles():
    """Whether the push on a rival grows as its logit does."""
    _, push = d.iam_by_logits()
    slope = sp.diff(push, d.p_j) * (1 - d.p_j) - sp.diff(push, d.p_y) * d.p_y
    falls = (on_samples(slope * d.p_j) < 0).mean()
    for_two = sp.diff(push.subs(d.p_j, 1 - d.p_y), d.p_y)
    return under(falls == 0, same(for_two, 1)), {"share": falls}


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
    own, rival = slopes[:, 0].min(), slopes[:, 1:].max()
    return not (own > 0 and rival < 0), {"own": own, "rival": rival}


@proves("iam", "gradient-larger")
def gradient_larger():
    """The push grows by β(p_j2 − p_j1), never negative."""
    added = sp.diff(push(), d.beta)
    least = on_samples(added).min()
    grows = same(added, d.p_j / (1 - d.p_y) - d.p_j)
    return grows and least >= 0, {"least": least}


@proves("iam", "one-sample")
def one_sample():
    """−log p and log(1 − p), the two losses of one sample, fall with p."""
    p = np.linspace(0.1, 0.9, 9)
    return np.diff([-np.log(p), np.log1p(-p)]).max() < 0, {}


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


for _name, _row in BOUNDARIES.items():
    proves("iam", f"{_name}-boundary")(partial(boundary, _name, *_row))


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
