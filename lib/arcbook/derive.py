"""Results of the papers, derived: what the pages print and the tests check.

One function a result. Symbols: `s` the scale, `m` the gap θ_j − θ_y, `C`
the number of classes, `theta` the angle to the own class, `B` the summed
exponentials of the other classes, `beta` the weight of the IAM penalty,
`p_y` and `p_j` the probabilities of the own and of another class.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import sympy as sp
from scipy.optimize import brentq
from scipy.special import lambertw

s, m, C, B, beta, Delta = sp.symbols("s m C B beta Delta", positive=True)
theta, theta_j = sp.symbols("theta theta_j", positive=True)
p_y, p_j = sp.symbols("p_y p_j", positive=True)
u = sp.Symbol("u", real=True)


def right_angle_probabilities() -> tuple[sp.Expr, sp.Expr]:
    """P(y) and P(j) of Z = s (π − θ) at θ_y = 0 and θ_j = π/2.

    [angular-learning, between Eq. 10 and Eq. 11]
    """
    own, other = sp.exp(s * sp.pi), sp.exp(s * sp.pi / 2)
    total = own + (C - 1) * other
    return own / total, other / total


def right_angle_gradients() -> tuple[sp.Expr, sp.Expr]:
    """∂L/∂θ_y and ∂L/∂θ_j there. [angular-learning, Eq. 11]"""
    y, j = sp.symbols("theta_y theta_j", positive=True)
    rest = (C - 2) * sp.exp(s * sp.pi / 2)
    loss = sp.log(sp.exp(-s * y) + sp.exp(-s * j) + rest * sp.exp(-s * sp.pi))
    loss += s * y
    at = {y: 0, j: sp.pi / 2}
    return tuple(sp.simplify(sp.diff(loss, v).subs(at)) for v in (y, j))


def loss_of_gap() -> sp.Expr:
    """Loss of a sample all of whose gaps are m. [arcgrad, Eq. 14 and 16]"""
    return sp.log(1 + (C - 1) * sp.exp(-s * m))


def gap_gradient() -> sp.Expr:
    """Derivative of `loss_of_gap` in the gap. [arcgrad, Eq. 17]"""
    return sp.simplify(sp.diff(loss_of_gap(), m))


def gap_curvature() -> sp.Expr:
    """Second derivative in the gap: positive, so Jensen's inequality holds.

    [arcgrad, step from Eq. 14 to Eq. 16]
    """
    return sp.factor(sp.diff(loss_of_gap(), m, 2))


def printed_gap_gradient(factor: sp.Expr | int = 1) -> sp.Expr:
    """[arcgrad, Eq. 17] as printed, times a factor."""
    e = (C - 1) * sp.exp(m * s)
    return factor * e / (e + 1)


def scale_slope() -> sp.Expr:
    """Derivative in s of the size of `gap_gradient`. [arcgrad, Eq. 18]"""
    return sp.factor(sp.simplify(sp.diff(-gap_gradient(), s)))


def best_product() -> sp.Expr:
    """The product s·m at which that slope is zero. [arcgrad, Eq. 19]"""
    return 1 + sp.LambertW((C - 1) / sp.E)


def curvature_at_best() -> sp.Expr:
    """Second derivative in s at the zero of `scale_slope`: it is negative.

    Written with C − 1 = (sm − 1) eˢᵐ, which is Eq. 19 solved for C.
    """
    second = sp.diff(-gap_gradient(), s, 2)
    return sp.factor(sp.simplify(second.subs(C, 1 + (s * m - 1) * _e())))


def largest_gradient() -> sp.Expr:
    """Size of the gradient at `best_product`, in s and m: s − 1/m."""
    size = -gap_gradient()
    return sp.simplify(size.subs(C, 1 + (s * m - 1) * _e()))


def share_left() -> sp.Expr:
    """Size of the gradient at the gap of Eq. 19, over its bound s."""
    w = sp.LambertW((C - 1) / sp.E)
    return w / (1 + w)


def _e():
    return sp.exp(s * m)


def best_gap(scale: float, classes: int) -> float:
    """The gap of Eq. 19, in radians. [arcgrad, Eq. 19]

    Args:
        scale: s > 0.
        classes: C ≥ 2.
    """
    return (1 + lambertw((classes - 1) / math.e).real) / scale


def best_scale(gap: float, classes: int) -> float:
    """The scale of Eq. 19 for a gap in radians."""
    return best_gap(gap, classes)


def widest_gap(classes: int, relu: bool = False) -> float:
    """The largest gap that all C classes can have at once, in radians.

    A gap θ_j − θ_y is at most the angle between the two class vectors, and
    the smallest angle among C vectors is at most the simplex's,
    arccos(−1/(C − 1)). Gaps of two samples of two classes add up to at most
    twice the angle between the samples, which is at most π/2 where no
    feature is negative.

    Args:
        classes: C ≥ 2.
        relu: whether features have passed a ReLU.
    """
    return math.pi / 2 if relu else math.acos(-1 / (classes - 1))


def gap_table(classes: list[int]) -> pd.DataFrame:
    """Eq. 19 in numbers, a row for each number of classes."""
    rows = []
    for c in classes:
        product, widest = best_gap(1, c), widest_gap(c)
        in_degrees = np.degrees([product, product / 40, widest])
        share = float(share_left().subs(C, c))
        rows.append([c, product, *in_degrees, product / widest, share])
    columns = [
        "C",
        "s·m̃",
        "gap at s = 1, °",
        "gap at s = 40, °",
        "widest for all, °",
        "least s",
        "share of s",
    ]
    return pd.DataFrame(rows, columns=columns)


def gap_after(time, scale, classes: int):
    """The gap that gradient flow reaches from 0, in radians.

    Solves dm/dt = s (C − 1)/(C − 1 + eˢᵐ), the flow of Eq. 16 with its
    minus, by (C − 1) s m + eˢᵐ − 1 = (C − 1) s² t.

    Args:
        time: t ≥ 0, an array or a number.
        scale: s > 0, an array or a number.
        classes: C ≥ 2.
    """
    k, scale = classes - 1, np.asarray(scale, dtype=float)
    total = 1 / k + scale**2 * np.asarray(time, dtype=float)
    log_v = total - math.log(k)
    return (total - _lambertw_of_exp(log_v)) / scale


def _lambertw_of_exp(x):
    """W(eˣ), also where eˣ overflows."""
    w = np.where(x > 1, x - np.log(np.maximum(x, 1)), np.exp(np.minimum(x, 1)))
    for _ in range(30):
        w = w * (1 + x - np.log(w)) / (1 + w)
    return w


def gap_of_overlap() -> sp.Expr:
    """The best gap of two classes that share a place, s·m = log(q/(1 − q)).

    There a sample is of one class with probability q > 1/2; the expected
    loss is q log(1 + e^(−sm)) + (1 − q) log(1 + e^(sm)).
    """
    q, r = sp.symbols("q r", positive=True)
    x = sp.Symbol("x", real=True)
    loss = q * sp.log(1 + sp.exp(-x)) + r * sp.log(1 + sp.exp(x))
    (root,) = sp.solve(sp.numer(sp.together(sp.diff(loss, x))), x)
    return root.subs(r, 1 - q) / s


def adacos_probability() -> sp.Expr:
    """P of the own class as a function of its angle, B held fixed."""
    own = sp.exp(s * sp.cos(theta))
    return own / (own + B)


def adacos_bracket() -> sp.Expr:
    """What is zero where ∂²P/∂θ² is: s sin²θ (1 − 2P) − cos θ.

    The second derivative is s P (1 − P) times it. [arcgrad, before Eq. 9]
    """
    p = adacos_probability()
    return s * sp.sin(theta) ** 2 * (1 - 2 * p) - sp.cos(theta)


def adacos_dropped() -> sp.Expr:
    """What Eq. 9 leaves out: ∂²P/∂θ² = 0 is s cos θ = log B − this."""
    ratio = sp.cos(theta) / (s * sp.sin(theta) ** 2)
    return 2 * sp.atanh(ratio)


def steepest_angle(scale: float, rivals: float) -> float:
    """The angle in (0, π/2) at which P changes fastest, in radians.

    Args:
        scale: s > 0.
        rivals: B > 0.

    Returns:
        The zero of `adacos_bracket`; NaN where P has no inflection there.
    """

    def bracket(t):
        p = 1 / (1 + rivals * math.exp(-scale * math.cos(t)))
        return scale * math.sin(t) ** 2 * (1 - 2 * p) - math.cos(t)

    grid = np.linspace(1e-6, math.pi / 2, 2001)
    values = [bracket(t) for t in grid]
    for left, right, a, b in zip(grid, grid[1:], values, values[1:]):
        if a < 0 <= b:
            return brentq(bracket, left, right, xtol=1e-14)
    return math.nan


def half_angle(scale: float, rivals: float) -> float:
    """The angle of Eq. 9: P = 1/2. NaN where no angle gives it."""
    ratio = math.log(rivals) / scale
    return math.acos(ratio) if abs(ratio) <= 1 else math.nan


def adacos_step(scale, cosines, middle: float):
    """One dynamic step: log B_avg(s) over the cosine. [arcgrad, Eq. 10]

    Args:
        scale: s, an array (…).
        cosines: (N, C − 1), of the inter-class angles.
        middle: the median own angle, in radians; cut at π/4.

    Returns:
        The next scale, and the slope of that map, shape (…) each.
    """
    scale = np.asarray(scale, dtype=float)
    z = scale[..., None, None] * cosines
    top = z.max((-1, -2))
    e = np.exp(z - top[..., None, None])
    total = e.sum((-1, -2))
    divisor = math.cos(min(math.pi / 4, middle))
    log_mean = top + np.log(total / len(cosines))
    slope = (e * cosines).sum((-1, -2)) / total
    return log_mean / divisor, slope / divisor


def iam_by_logits() -> tuple[sp.Expr, sp.Expr]:
    """∂/∂z_y and ∂/∂z_j of log((1 − p_y)/(C − 1)). [iam, Eq. 10 and 11]"""
    return _by_logits(lambda own, others: sp.log(others / (own + others)))


def total_by_logits() -> tuple[sp.Expr, sp.Expr]:
    """∂/∂z_y and ∂/∂z_j of −log p_y + β log(1 − p_y). [iam, Eq. 13, 14]"""

    def loss(own, others):
        all_of_them = own + others
        penalty = sp.log(others / all_of_them)
        return -sp.log(own / all_of_them) + beta * penalty

    return _by_logits(loss)


def _by_logits(loss):
    z_y, z_j = sp.symbols("z_y z_j", real=True)
    rest = sp.Symbol("R", positive=True)
    value = loss(sp.exp(z_y), sp.exp(z_j) + rest)
    total = sp.exp(z_y) / p_y
    to_p = [
        (rest, total - sp.exp(z_y) - sp.exp(z_j)),
        (sp.exp(z_j), p_j * total),
    ]
    return tuple(
        sp.factor(sp.simplify(sp.diff(value, z).subs(to_p)))
        for z in (z_y, z_j)
    )


def rival_slope() -> sp.Expr:
    """How the weight of Eq. 14 changes with the rival's own logit.

    The other logits stay, so p_y and p_j both move:
    ∂p_j/∂z_j = p_j (1 − p_j) and ∂p_y/∂z_j = −p_y p_j. [iam, Section 4.1]
    """
    weight = total_by_logits()[1]
    slope = sp.diff(weight, p_j) * p_j * (1 - p_j)
    return sp.factor(slope - sp.diff(weight, p_y) * p_y * p_j)


def rival_bracket() -> sp.Expr:
    """What decides the sign of `rival_slope`, as it is read on the page."""
    return (1 - p_j) * (1 - p_y) * (1 - p_y + beta * p_y) - beta * p_y * p_j


def iam_of_log_odds() -> sp.Expr:
    """The total of Eq. 12 in the log-odds against the own class, u.

    −log p + β log(1 − p) with p = 1/(1 + eᵘ), without β log(C − 1).
    """
    p = 1 / (1 + sp.exp(u))
    return sp.expand_log(-sp.log(p), force=True) + beta * (
        u - sp.log(1 + sp.exp(u))
    )


def iam_scale_slope() -> sp.Expr:
    """Derivative of the total in s where u = −s Δ, Δ > 0."""
    slope = sp.diff(iam_of_log_odds(), u).subs(u, -s * Delta)
    return sp.factor(sp.simplify(-Delta * slope))
