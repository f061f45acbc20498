"""Sentences of the IAM paper that mathematics decides."""

from __future__ import annotations

import math

import numpy as np
import sympy as sp

from arcbook import derive
from arcbook.audit import iam_forms
from arcbook.audit import situations as at
from arcbook.audit.derived import IAM, MARGINS, decided
from arcbook.audit.verdicts import Finding, rule

d = derive


def weights(seed):
    """p_y and p_j of random samples with three classes or more."""
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(4), size=300)
    return p[:, 0], p[:, 1]


@rule("claim", "iam", "adaptive")
def larger_with_a_rival(seed: int = 0) -> Finding:
    """∂L_IAM/∂z_j = p_y p_j/(1 − p_y) ≥ 0."""
    _, of_j = d.iam_by_logits()
    p_y, p_j = weights(seed)
    slope = sp.lambdify((d.p_y, d.p_j), of_j)(p_y, p_j)
    return decided(
        slope.min() >= 0,
        "The penalty rises with the logit of every rival. It penalises by "
        "one weight a sample, largest where the sample is already right.",
        IAM,
    )


@rule("claim", "iam", "one-sample")
def one_sample() -> Finding:
    """Both rise with the log-odds against the own class."""
    u = d.u
    cross = sp.log(1 + sp.exp(u))
    both = [sp.diff(cross, u), sp.diff(d.iam_of_log_odds(), u)]
    values = [
        float(expr.subs({u: x, d.beta: 0.7})) for expr in both for x in (-3, 2)
    ]
    return decided(
        min(values) > 0,
        "Both are rising functions of one number, the log-odds u against "
        "the own class: they are smallest together.",
        IAM,
    )


@rule("claim", "iam", "many-samples")
def many_samples(seed: int = 0) -> Finding:
    """Gradients of the two over a batch are not parallel."""
    found = at.batch(np.random.default_rng(seed))
    one = iam_forms.gradients(**found, beta=0.0, base=1.0)[1].ravel()
    two = iam_forms.gradients(**found, beta=1.0, base=0)[1].ravel()
    cosine = float(one @ two / np.linalg.norm(one) / np.linalg.norm(two))
    return decided(
        cosine < 0.999,
        "A sample weighs 1 − p in one and p in the other, so the sums over "
        f"a batch point elsewhere: a cosine of {cosine:.2f} in a random one.",
        IAM,
        cosine=cosine,
    )


def same_boundary(margin, condition, seed, limit=math.pi):
    """Whether target and rival logit are equal just where it is said."""
    generator = np.random.default_rng(seed)
    own, rival = generator.uniform(0, math.pi, size=(2, 4000))
    own = own[own < limit]
    rival = rival[: len(own)]
    return float(
        ((margin(own) > np.cos(rival)) == condition(own, rival)).mean()
    )


def boundary(margin, condition, inside, words, seed) -> Finding:
    """A decision boundary of two classes, on [0, π] and where it holds."""
    everywhere = same_boundary(margin, condition, seed)
    there = same_boundary(margin, condition, seed, inside)
    return decided(
        there == 1,
        f"{words} It decides {everywhere:.0%} of random pairs of angles as "
        f"the loss does, and {there:.0%} within the range.",
        MARGINS,
        assuming=f"θ ≤ {inside:.3g}" if everywhere < 1 == there else "",
        everywhere=everywhere,
        inside=there,
    )


@rule("claim", "iam", "sphereface-boundary")
def sphereface(seed: int = 0) -> Finding:
    """mθ₁ = θ₂ for cos(mθ)."""
    return boundary(
        lambda own: np.cos(4 * own),
        lambda own, rival: 4 * own < rival,
        math.pi / 4,
        "Only for θ₁ ≤ π/m: beyond, cos(mθ) comes back, and features far "
        "from their class count as near (m = 4).",
        seed,
    )


@rule("claim", "iam", "cosface-boundary")
def cosface(seed: int = 0) -> Finding:
    """cos θ₁ − m = cos θ₂."""
    return boundary(
        lambda own: at.target_logit("cosface", own, s=1.0, m=0.4),
        lambda own, rival: np.cos(own) - 0.4 > np.cos(rival),
        math.pi,
        "The two logits are equal just there.",
        seed,
    )


@rule("claim", "iam", "arcface-boundary")
def arcface(seed: int = 0) -> Finding:
    """θ₁ + m = θ₂."""
    return boundary(
        lambda own: at.target_logit("arcface", own, s=1.0, m=0.5),
        lambda own, rival: own + 0.5 < rival,
        math.pi - 0.5,
        "Only for θ₁ ≤ π − m: beyond, cos(θ + m) rises again (m = 0.5).",
        seed,
    )


@rule("claim", "iam", "beta-0")
def beta_0() -> Finding:
    """1 − p falls with p."""
    pull = -d.total_by_logits()[0].subs(d.beta, 0)
    slope = sp.diff(pull, d.p_y)
    return decided(slope == -1, "The weight is 1 − p.", IAM)


@rule("claim", "iam", "beta-1")
def beta_1() -> Finding:
    """The weight is 1 whatever p is."""
    pull = sp.simplify(d.total_by_logits()[0].subs(d.beta, 1))
    return decided(pull == -1, "The weight is 1 for every sample.", IAM)


@rule("claim", "iam", "beta-above-1-pull")
def pull() -> Finding:
    """∂(1 − p + βp)/∂p = β − 1."""
    slope = sp.diff(-d.total_by_logits()[0], d.p_y)
    return decided(
        sp.simplify(slope - (d.beta - 1)) == 0,
        "∂(1 − p + βp)/∂p = β − 1, positive for β > 1.",
        IAM,
    )


@rule("claim", "iam", "beta-above-1-push")
def push() -> Finding:
    """Both signs for three classes or more."""
    bracket = sp.lambdify((d.p_y, d.p_j), d.rival_bracket().subs(d.beta, 2))
    grid = np.linspace(0.02, 0.96, 40)
    p_y, p_j = np.meshgrid(grid, grid)
    inside = p_y + p_j < 0.98
    share = float((bracket(p_y, p_j)[inside] > 0).mean())
    two = bracket(grid, 1 - grid)
    return decided(
        share == 0,
        "Right for two classes. For more, the push on a rival grows as it "
        f"comes nearer over {share:.0%} of all probabilities at β = 2.",
        IAM,
        share=share,
        two_classes=bool((two < 0).all()),
    )


@rule("claim", "iam", "gradient-larger")
def larger() -> Finding:
    """By β(p_j2 − p_j1), which is not negative, for every β > 0."""
    added = sp.diff(d.total_by_logits()[1], d.beta)
    form = d.p_j / (1 - d.p_y) - d.p_j
    return decided(
        sp.simplify(added - form) == 0,
        "The push grows by β(p_j2 − p_j1) ≥ 0, for every β, not only below 1.",
        IAM,
    )


@rule("claim", "iam", "same-analysis")
def same_analysis(seed: int = 0) -> Finding:
    """With a margin, pull and push no longer share one weight."""
    generator = np.random.default_rng(seed)
    theta = generator.uniform([0.8, 1.3, 1.3, 1.3], [1.0, 1.8, 1.8, 1.8])
    s, m, beta = 4.0, 0.4, 0.5
    slopes = at.by_angles(
        "iam", theta, s=s, beta=beta, base="cosface", m=m
    ) / (-s * np.sin(theta))
    z = s * np.cos(theta)
    lowered = z - s * m * (np.arange(4) == 0)
    p = np.exp(z) / np.exp(z).sum()
    with_margin = np.exp(lowered) / np.exp(lowered).sum()
    one_weight = -(1 - with_margin[0] * (1 - beta))
    two = -(1 - with_margin[0]) - beta * p[0]
    return decided(
        abs(slopes[0] - one_weight) < 1e-6,
        "The softmax of the base holds the margin, the penalty's does not: "
        f"the pull is 1 − p′ + βp with two probabilities, {-slopes[0]:.2f} "
        f"in a random sample where one would give {-one_weight:.2f}.",
        IAM,
        two_probabilities=float(abs(slopes[0] - two)),
    )
