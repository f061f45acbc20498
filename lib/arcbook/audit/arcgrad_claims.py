"""Sentences of ArcGrad that mathematics decides."""

from __future__ import annotations

import math

import numpy as np
import sympy as sp

from arcbook import derive, losses
from arcbook.audit.derived import MARGINS, SCALE, decided
from arcbook.audit.verdicts import (
    UNMEASURED,
    Finding,
    rule,
)


@rule("claim", "arcgrad", "s-m-inverse")
def inverse() -> Finding:
    """Eq. 19: the product is one number for a number of classes."""
    product = derive.best_product()
    free = product.free_symbols
    return decided(
        free == {derive.C},
        "By Eq. 19 s·m̃ = 1 + W((C − 1)/e), which holds neither s nor m̃. It "
        "answers which s has the largest gradient at a given gap, not "
        "where the gap goes for a given s.",
        SCALE,
        caution="of Eq. 19, not of trained networks",
        product_for_3=float(product.subs(derive.C, 3)),
    )


@rule("claim", "arcgrad", "gap-84")
def degrees() -> Finding:
    """Eq. 19 for the three classes of Iris."""
    gaps = [math.degrees(derive.best_gap(s, 3)) for s in (1, 40)]
    return decided(
        [round(gap) for gap in gaps] == [84, 2],
        f"Eq. 19 gives {gaps[0]:.1f}° and {gaps[1]:.1f}° for three classes. "
        "That a trained network has such gaps is another matter: those that "
        "chapter 4 trains have a far wider one at s = 40.",
        SCALE,
        caution="of Eq. 19, not of trained networks",
        at_1=gaps[0],
        at_40=gaps[1],
    )


@rule("claim", "arcgrad", "smaller-s-tighter")
def smaller() -> Finding:
    """The order of the gaps turns round with time."""
    early, late = (
        derive.gap_after(time, np.array([1.0, 10.0]), 10)
        for time in (0.1, 1000)
    )
    return Finding(
        UNMEASURED,
        "Angular Learning says the opposite, and the derivation supports "
        "neither: along the gradient the larger of s = 1 and 10 has the "
        f"wider gap early ({math.degrees(early[1]):.0f}° against "
        f"{math.degrees(early[0]):.0f}°), the smaller one late.",
        in_print="contradicted by Angular Learning, Section 3.2",
        found={
            "larger s leads early": bool(early[1] > early[0]),
            "smaller s leads late": bool(late[0] > late[1]),
        },
        page=SCALE,
    )


@rule("claim", "arcgrad", "adacos-right-angles")
def adacos_angles(seed: int = 0) -> Finding:
    """B against C − 1 where the cosines spread."""
    generator = np.random.default_rng(seed)
    s, C = math.sqrt(2) * math.log(9), 10
    spread = generator.uniform(-0.6, 0.6, size=(400, C - 1))
    ratio = np.exp(s * spread).sum(1).mean() / (C - 1)
    return decided(
        ratio > 1.05,
        "AdaCos takes every e^{s cos θ_j} for 1. With cosines spread "
        "evenly within ±0.6 the sum is larger by a factor of "
        f"{ratio:.1f}: the exponential is convex, so spread never cancels.",
        SCALE,
        ratio=float(ratio),
    )


@rule("claim", "arcgrad", "adacos-b-constant")
def adacos_constant(seed: int = 0) -> Finding:
    """The slope of the AdaCos step in s."""
    generator = np.random.default_rng(seed)
    cosines = generator.uniform(-0.2, 0.6, size=(200, 9))
    _, slope = derive.adacos_step(3.0, cosines, 0.5)
    return decided(
        abs(slope) > 1e-3,
        f"The step's derivative in s is {float(slope):.2f} for cosines "
        "between −0.2 and 0.6, not 0: Eq. 10 is a step of an iteration.",
        SCALE,
        slope=float(slope),
    )


@rule("claim", "arcgrad", "unit-features")
def unit_features() -> Finding:
    """SphereFace keeps the norm of the feature."""
    spec = losses.get("sphereface")
    factors = spec.factors(spec.defaults)
    return decided(
        "|x|" not in factors,
        "SphereFace normalises the class vectors and keeps ‖x‖; the IAM "
        "paper's Eq. 4 prints it so.",
        MARGINS,
        factors=factors,
    )


@rule("claim", "arcgrad", "arcface-max")
def arcface_max(seed: int = 0) -> Finding:
    """Below the largest rival is not below the nearest."""
    generator = np.random.default_rng(seed)
    theta = generator.uniform(0.2, 2.0, size=(2000, 5))
    m = 0.5
    inside = theta[:, 0] + m <= math.pi
    printed = theta[:, 0] < theta[:, 1:].max(1) - m
    right = theta[:, 0] < theta[:, 1:].min(1) - m
    wins = np.cos(theta[:, 0] + m) > np.cos(theta[:, 1:]).max(1)
    return decided(
        (printed == wins)[inside].all(),
        "The margin has to hold against the nearest rival, min(θ_j). The "
        f"printed condition calls {(printed & ~wins)[inside].mean():.0%} of "
        "random samples separated that ArcFace does not.",
        MARGINS,
        min_is_right=bool((right == wins)[inside].all()),
    )


@rule("claim", "arcgrad", "larger-approximation")
def larger_approximation(seed: int = 0) -> Finding:
    """L ≤ L′ for random gaps."""
    generator = np.random.default_rng(seed)
    gaps = generator.uniform(-2, 2, size=(500, 7))
    s = generator.uniform(0.5, 30)
    loss = np.log1p(np.exp(-s * gaps).sum(1))
    above = np.log1p(7 * np.exp(-s * gaps.min(1)))
    return decided(
        (loss <= above + 1e-12).all(),
        "Every term of the sum is at most the smallest gap's, so L ≤ L′.",
        SCALE,
    )


@rule("claim", "arcgrad", "maximum-at-zero")
def maximum() -> Finding:
    """A zero derivative, with the second one."""
    d = derive
    second = d.curvature_at_best()
    at_best = second.subs({d.s: d.best_scale(0.8, 10), d.m: 0.8})
    printed = sp.diff(d.printed_gap_gradient(), d.s)
    zero = [printed.subs({d.m: 0.8, d.C: 10, d.s: x}) for x in (0.1, 1, 5, 20)]
    return decided(
        float(at_best) < 0 and all(value > 0 for value in zero),
        "Of the right gradient, for a positive gap: one zero, and the "
        "second derivative there is negative. The function as printed "
        "(Eq. 17) rises throughout and has no maximum.",
        SCALE,
        second_derivative=float(at_best),
    )


@rule("claim", "arcgrad", "boundary-unchanged")
def boundary(seed: int = 0) -> Finding:
    """The training logits rank the classes as the angles do."""
    generator = np.random.default_rng(seed)
    theta = generator.uniform(0, math.pi, size=(500, 6))
    spec = losses.get("arcgrad")
    same = spec.target is spec.others
    ranked = (-theta).argmax(1) == np.cos(theta).argmax(1)
    return decided(
        same and ranked.all(),
        "The own class has the same function as the others, and −sθ falls "
        "with the angle: the nearest class vector wins at every s.",
        MARGINS,
    )
