"""Sentences of Angular Learning that mathematics decides."""

from __future__ import annotations

import math

import numpy as np
import sympy as sp

from arcbook import derive
from arcbook.audit import situations as at
from arcbook.audit.derived import ATLAS, SCALE, decided
from arcbook.audit.verdicts import (
    NOT_REPLICATED,
    REPLICATED,
    UNMEASURED,
    Finding,
    rule,
)


@rule("claim", "angular-learning", "larger-s-smaller-angle")
def larger() -> Finding:
    """The gradient peaks in s and then falls."""
    peak = derive.best_scale(math.pi / 2, 10)
    s, C = derive.s, derive.C
    slope, _ = derive.right_angle_gradients()
    size = sp.lambdify(s, slope.subs(C, 10))
    return Finding(
        UNMEASURED,
        "ArcGrad says the opposite. It doesn't follow from a positive "
        f"gradient: at the angles of Eq. 11 the gradient is {size(peak):.2f} "
        f"at s = {peak:.1f} and {size(20.0):.0e} at s = 20, for ten classes.",
        in_print="contradicted by ArcGrad, Section I",
        found={"peak": peak, "falls": bool(size(20.0) < size(peak))},
        page=SCALE,
    )


@rule("claim", "angular-learning", "rescale")
def rescale() -> Finding:
    """ArcFace's gradient is proportional to s."""
    slope = derive.of("arcface").dZ_y
    s = next(x for x in slope.free_symbols if x.name == "s")
    return decided(
        sp.diff(slope, s) == 0,
        "Eq. 9 of the same paper, and sympy: the gradient is proportional "
        "to s.",
        ATLAS,
    )


@rule("claim", "angular-learning", "ratio")
def ratio() -> Finding:
    """P(y)/P(j) = e^{sπ/2}; P(y) itself falls with C."""
    own, other = derive.right_angle_probabilities()
    s, C = derive.s, derive.C
    quotient = float((own / other).subs({s: 3, C: 10}))
    many = float(own.subs({s: 3, C: 1000}))
    return decided(
        quotient > 100,
        f"At s = 3 the quotient is {quotient:.0f} for any number of "
        f"classes. The confidence is not: P(y) is {many:.2f} for 1,000.",
        SCALE,
        quotient=quotient,
        p_of_1000=many,
    )


@rule("claim", "angular-learning", "softmax-gradient")
def softmax_gradient() -> Finding:
    """∂Z/∂θ → 0 as θ → 0."""
    slope = derive.of("softmax").dZ_y
    limit = sp.limit(slope, derive.THETA_Y, 0)
    return decided(limit == 0, "−‖W‖‖x‖ sin θ is 0 at θ = 0.", ATLAS)


@rule("claim", "angular-learning", "arcface-avoids-zero")
def arcface_zero() -> Finding:
    """The zero is moved to π − m."""
    m = 0.5
    slope = derive.of("arcface", s=1.0, m=m).dZ_y
    at = [float(slope.subs(derive.THETA_Y, x)) for x in (0, math.pi - m)]
    beyond = float(slope.subs(derive.THETA_Y, math.pi - m / 2))
    return decided(
        abs(at[0]) > 1e-9,
        "−s sin(θ + m) is not 0 where softmax's slope vanishes, at θ = 0. "
        "The zero is moved to θ = π − m, and beyond that the slope pushes "
        "the own angle wider.",
        ATLAS,
        assuming="that θ is near 0, of which the sentence speaks"
        if abs(at[1]) < 1e-9
        else "",
        at_0=at[0],
        at_end=at[1],
        beyond=beyond,
    )


@rule("claim", "angular-learning", "l-softmax-zero")
def l_softmax_zero() -> Finding:
    """Zero at every knot kπ/m."""
    slope = derive.of("l_softmax", m=4, annealing=0).dZ_y
    zero = [
        slope.subs(derive.THETA_Y, k * sp.pi / 4).simplify() for k in range(4)
    ]
    return decided(
        all(value == 0 for value in zero),
        "The derivative of ψ is 0 at every kπ/m, θ = 0 among them.",
        ATLAS,
    )


@rule("claim", "angular-learning", "constant-gradient")
def constant(seed: int = 0) -> Finding:
    """The logit's gradient is constant, the loss's is not."""
    generator = np.random.default_rng(seed)
    rivals = generator.uniform(1.2, 1.9, size=4)
    slopes = [
        at.by_angles("arcgrad", np.array([own, *rivals]), s=5.0)[0]
        for own in (0.05, 0.6, 1.5)
    ]
    return decided(
        max(slopes) < 1.01 * min(slopes),
        "∂Z/∂θ = −s is constant. What trains is ∂L/∂θ_y = s (1 − P(y)): "
        f"{slopes[2]:.1f} at an own angle of 86° and {slopes[0]:.0e} at 3° "
        "for s = 5. It fades as the sample becomes certain.",
        ATLAS,
        far=float(slopes[2]),
        near=float(slopes[0]),
    )


@rule("claim", "angular-learning", "keeps-decreasing")
def keeps_decreasing(seed: int = 0) -> Finding:
    """∂L/∂θ_y > 0 at random angles, so a step against it is down."""
    generator = np.random.default_rng(seed)
    slopes = [
        at.by_angles("arcgrad", generator.uniform(0.01, 3, size=5), s=s)[0]
        for s in (0.5, 3.0, 10.0)
        for _ in range(5)
    ]
    return decided(
        min(slopes) > 0,
        "∂L/∂θ_y = s (1 − P(y)) is positive for every s. It says which way "
        "the angle moves with the features fixed, not how far.",
        SCALE,
    )


@rule("claim", "angular-learning", "s-confidence")
def confidence() -> Finding:
    """∂P(y)/∂s > 0."""
    own, _ = derive.right_angle_probabilities()
    slope = sp.lambdify((derive.s, derive.C), sp.diff(own, derive.s))
    values = [slope(s, C) for s in (0.1, 1, 5) for C in (2, 10, 100)]
    return decided(
        min(values) > 0, "P(y) at the angles of Eq. 11 rises with s.", SCALE
    )


@rule("claim", "angular-learning", "eq14-intra")
def cross_reference(seed: int = 0) -> Finding:
    """Which equation is WC-Intra?"""
    from arcbook import papers

    latex = papers.equation("angular-learning", 14).latex
    return decided(
        "WC-Intra" in latex,
        "WC-Intra is Eq. 12; Eq. 14 is headed C-Inter. (As printed, with i "
        "nowhere in the sum, Eq. 14 does equal WC-Intra.)",
    )


@rule("claim", "angular-learning", "right-angles")
def right_angles() -> Finding:
    """What class vectors far apart leave between a feature and a rival."""
    from arcbook.geometry import simplex_angle

    printed = simplex_angle(10)
    return Finding(
        REPLICATED if abs(printed - math.pi / 2) < 0.15 else NOT_REPLICATED,
        "Near enough for ten classes: a feature on its class vector is "
        f"{math.degrees(printed):.1f}° from the others at the simplex, "
        "and the simplex's angle goes to 90° as classes are added.",
        measured="derived",
        found={"simplex of 10": printed},
        page="geometry_bounds.html",
    )
