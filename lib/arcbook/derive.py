"""From a formula to LaTeX, derivatives and numbers.

The registry's formula is called with sympy symbols, differentiated, and
held against float64 autograd of the very code that trains; the papers'
results follow from the same formulas. Symbols: `s` the scale, `m` the gap
θ_j − θ_y, `C` the number of classes, `theta` the own angle, `B` the summed
exponentials of the other classes, `beta` the weight of the IAM penalty,
`p_y` and `p_j` probabilities, `u` the log-odds against the own class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import mpmath
import numpy as np
import pandas as pd
import sympy as sp
import torch
from scipy.optimize import brentq
from scipy.special import wrightomega

from arcbook import formulas, losses
from arcbook.losses.registry import Loss

THETA_Y, THETA_J = sp.symbols("theta_y theta_j", nonnegative=True)
P_Y, P_J, p_y, p_j = sp.symbols("P_y P_j p_y p_j", positive=True)
s, m, C, B, beta, Delta = sp.symbols("s m C B beta Delta", positive=True)
theta = sp.Symbol("theta", positive=True)
u = sp.Symbol("u", real=True)
NORMS = {
    "|W|": sp.Symbol(r"{\lVert W\rVert}", positive=True),
    "|x|": sp.Symbol(r"{\lVert x\rVert}", positive=True),
}
UNIT = dict.fromkeys(NORMS.values(), 1)


def numeric(expression: sp.Expr, *symbols: sp.Symbol):
    """An expression as a function of arrays, for what is drawn."""
    return sp.lambdify(symbols, expression, ["numpy", "scipy"])


def cross_entropy(own, others):
    """−log p of the own class's exponential and the summed others'."""
    return sp.log(own + others) - sp.log(own)


def interclass(own, others):
    """log(1 − p), IAM's penalty without −log(C − 1). [iam, Eq. 7]"""
    return sp.log(others) - sp.log(own + others)


def by_logits(loss, p=(P_Y, P_J)) -> tuple[sp.Expr, sp.Expr]:
    """Derivatives of a loss such as `cross_entropy` by z_y and z_j, in p."""
    z_y, z_j = sp.symbols("z_y z_j", real=True)
    rest = sp.Symbol("R", positive=True)
    value = loss(sp.exp(z_y), sp.exp(z_j) + rest)
    total = sp.exp(z_y) / p[0]
    to_p = [
        (rest, total - sp.exp(z_y) - sp.exp(z_j)),
        (sp.exp(z_j), p[1] * total),
    ]
    slopes = (sp.diff(value, z).subs(to_p) for z in (z_y, z_j))
    return tuple(sp.factor(sp.simplify(slope)) for slope in slopes)


@dataclass(frozen=True)
class Derivation:
    """Logits of target and rival, their slopes, and those of the loss.

    All in the angles θ_y and θ_j; dL_y and dL_j also in the probabilities
    P_y and P_j that the softmax gives. Under iam on a base with a margin,
    p_y and p_j are those without it.
    """

    name: str
    Z_y: sp.Expr
    Z_j: sp.Expr
    dZ_y: sp.Expr
    dZ_j: sp.Expr
    dL_y: sp.Expr
    dL_j: sp.Expr

    def _repr_latex_(self) -> str:
        """The six lines as one aligned block of LaTeX."""
        slope = r"\frac{{\partial {0}}}{{\partial\theta_{1}}}".format
        lines = {
            "Z_y": self.Z_y,
            "Z_j": self.Z_j,
            slope("Z_y", "y"): self.dZ_y,
            slope("Z_j", "j"): self.dZ_j,
            slope("L", "y"): self.dL_y,
            slope("L", "j"): self.dL_j,
        }
        rows = [f"{left} &= {sp.latex(lines[left])}" for left in lines]
        body = r" \\[4pt] ".join(rows)
        return rf"$$\begin{{aligned}}{body}\end{{aligned}}$$"


def of(name: str, **values) -> Derivation:
    """Derive the logits of a loss by the angles, and the loss by both.

    Of the hyperparameters, `base` of iam among them, those in `values` are
    fixed, whole numbers and choices are at their default, others stay symbols.

    Raises ValueError: for an unknown loss or hyperparameter.
    """
    spec, base, weight = _parts(name, values)
    hyper = symbols(base, **values)
    Z_y, Z_j = logits(base, THETA_Y, hyper), rival(base, THETA_J, hyper)
    dZ = sp.diff(Z_y, THETA_Y), sp.diff(Z_j, THETA_J)
    dL = [g * d for g, d in zip(by_logits(cross_entropy), dZ)]
    if spec.penalty == "iam":
        margin = base.target is not formulas.cosine
        p = (p_y, p_j) if margin else (P_Y, P_J)
        for k, angle in enumerate((THETA_Y, THETA_J)):
            plain = hyper["s"] * formulas.cosine(angle)
            slope = by_logits(interclass, p)[k] * sp.diff(plain, angle)
            dL[k] += weight * slope
    dL = [d if d.has(sp.Piecewise) else sp.factor(d) for d in dL]
    return Derivation(spec.name, Z_y, Z_j, *dZ, *dL)


def _parts(name, values):
    spec = base = losses.get(name)
    if spec.penalty == "iam":
        base = losses.get(values.pop("base", "normface"))
    return spec, base, values.pop("beta", beta)


def symbols(spec: Loss, **values) -> dict:
    """A symbol or a fixed value for every hyperparameter of a loss."""
    hyper = {}
    for h in spec.hyperparameters:
        fixed = h.integer or h.choices
        symbol = sp.Symbol(h.symbol or h.name, positive=True)
        hyper[h.name] = values.pop(h.name, h.default if fixed else symbol)
    if spec.adaptive:
        hyper["s"] = values.pop("s", s)
    spec.check(values)
    return hyper


def scale(spec: Loss, hyper: dict) -> sp.Expr:
    """The factors of the logit, multiplied."""
    return sp.Mul(*(NORMS.get(f, hyper.get(f)) for f in spec.factors(hyper)))


def logits(spec: Loss, theta, hyper: dict) -> sp.Expr:
    """Logit of the target at an angle."""
    return spec.target_logit(theta, [scale(spec, hyper)], hyper)


def rival(spec: Loss, theta, hyper: dict) -> sp.Expr:
    """Logit of another class at an angle."""
    return scale(spec, hyper) * spec.others(theta)


def loss_of_angles(name: str, angles, **values) -> sp.Expr:
    """The loss of one sample in its C angles at unit norms, its own first.

    Every hyperparameter has to have a value.
    """
    spec, base, weight = _parts(name, values)
    hyper = symbols(base, **values)
    first, *others = angles
    target = logits(base, first, hyper)
    odds = [sp.exp(rival(base, t, hyper) - target) for t in others]
    loss = cross_entropy(1, sum(odds).subs(UNIT))
    if spec.penalty == "iam":
        own, *plain = (hyper["s"] * formulas.cosine(t) for t in angles)
        odds = sum(sp.exp(z - own) for z in plain)
        loss += weight * (interclass(1, odds) - sp.log(len(others)))
    return loss


def autograd(function, at) -> np.ndarray:
    """The gradient of a function's sum at an array, in float64."""
    at = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(function(at).sum(), at)[0].numpy()


def losses_of(head: losses.Head, vectors, norm: float = 1.0):
    """Losses of a feature on the first axis, whose class is the first.

    Class vectors are (K, C, d); gives (K,).
    """
    feature = norm * torch.eye(vectors.shape[-1], dtype=torch.float64)[:1]
    labels = torch.zeros(len(vectors), 1, dtype=torch.long)
    moved = head.on(vectors, penalties=False).eval()
    return moved.losses(feature.expand(len(vectors), 1, -1), labels)[:, 0]


def turned(theta: torch.Tensor) -> torch.Tensor:
    """Unit vectors (K, C, C + 1) at angles (K, C) from the first axis."""
    axes = torch.eye(theta.shape[1] + 1, dtype=torch.float64)
    return theta.cos()[..., None] * axes[0] + theta.sin()[..., None] * axes[1:]


def check(name: str, points: int = 25, **values) -> pd.DataFrame:
    """Hold every derivative of a loss against float64 autograd.

    Sympy's derivative is evaluated with 40 digits at angles from 0 to π,
    `points` evenly spaced ones, ends, their neighbours and knots; autograd's
    by the code that trains, once as a function of the angles and once through
    features and class vectors that stand at those angles (not at the ends,
    where that path has its kink). There are three classes; hyperparameters
    that are not given are at their default.

    Gives a row for each derivative: the number of angles and the largest
    relative error, of no less than 1e-5 of the largest value: a sine that
    vanishes at a knot has no relative digits in float64.
    """
    head = losses.create(name, embedding_dim=4, num_classes=3, **values)
    fixed = values | _numbers(head, values)
    t = sp.symbols("t:3", real=True)
    target = logits(head.spec, t[0], head.hyper | fixed).subs(UNIT)
    knots = [
        float(condition.rhs.subs(sp.pi, math.pi))
        for joined in target.atoms(sp.Piecewise)
        for _, condition in joined.args[:-1]
    ]
    ends = [np.nextafter(0, 1), 1e-9, np.nextafter(np.pi, 0), np.pi - 1e-9]
    angle = np.unique([*np.linspace(0, np.pi, points), *ends, *knots])
    inside = (angle >= 1e-9) & (angle <= np.pi - 1e-9)
    inside &= ~np.isin(angle, knots)
    right = angle + 4e-16 * np.isin(angle, knots)
    loss = loss_of_angles(name, t, **fixed)
    first = torch.zeros(len(angle), dtype=torch.long)
    exact = _evaluate(target, t[:1], right[:, None], 0)
    rows = [("∂Z_y/∂θ_y", exact, autograd(head.target_logit, angle))]
    for k, label in enumerate(["∂L/∂θ_y", "∂L/∂θ_j"]):
        angles = np.tile([0.8, 1.9, 1.2], (len(angle), 1))
        angles[:, k] = right if k == 0 else angle
        exact = _evaluate(loss, t, angles, k)
        angles[:, k] = angle
        shipped = autograd(lambda a: head.losses_at(a, first), angles)[:, k]
        rows.append((label, exact, shipped))
        shipped = autograd(
            lambda a: losses_of(head, turned(a)), angles[inside]
        )[:, k]
        rows.append((f"{label}, through vectors", exact[inside], shipped))
    return pd.DataFrame([_compare(*row) for row in rows])


def _numbers(head, values):
    """Every number of a head as the exact rational that its float is."""
    numbers = head.hyper | values
    if head.spec.adaptive:
        numbers["s"] = head.s.item()
    for penalty in head.regularisers:
        numbers |= {"beta": penalty.beta} if hasattr(penalty, "beta") else {}
    return {
        k: sp.Rational(v) if isinstance(v, float) else v
        for k, v in numbers.items()
        if not isinstance(v, str)
    }


def _evaluate(expression, symbols, angles, k):
    derivative = sp.diff(expression, symbols[k])
    function = sp.lambdify(symbols, derivative, "mpmath")
    with mpmath.workdps(40):
        exact = [float(function(*map(mpmath.mpf, row))) for row in angles]
    return np.array(exact)


def _compare(derivative, exact, shipped):
    size = np.maximum(np.abs(exact), np.abs(shipped))
    size = np.maximum(size, 1e-5 * size.max())
    error = np.abs(exact - shipped) / np.where(size > 0, size, 1)
    return {
        "derivative": derivative,
        "angles": len(exact),
        "largest relative error": error.max(),
    }


def _lead(own, other):
    """Logit of another class over the own one's under ArcGrad."""
    spec, hyper = losses.get("arcgrad"), {"s": s}
    return sp.expand(rival(spec, other, hyper) - logits(spec, own, hyper))


def right_angle_probabilities() -> tuple[sp.Expr, sp.Expr]:
    """P(y) and P(j) of Z = s (π − θ) at θ_y = 0 and θ_j = π/2.

    [angular-learning, between Eq. 10 and Eq. 11]
    """
    own, other = (sp.exp(_lead(sp.pi, a)) for a in (sp.S(0), sp.pi / 2))
    total = own + (C - 1) * other
    return own / total, other / total


def right_angle_gradients() -> tuple[sp.Expr, sp.Expr]:
    """∂L/∂θ_y and ∂L/∂θ_j there. [angular-learning, Eq. 11]"""
    rest = (C - 2) * sp.exp(_lead(THETA_Y, sp.pi / 2))
    loss = cross_entropy(1, sp.exp(_lead(THETA_Y, THETA_J)) + rest)
    slopes = (sp.diff(loss, angle) for angle in (THETA_Y, THETA_J))
    at = {THETA_Y: 0, THETA_J: sp.pi / 2}
    return tuple(sp.simplify(slope.subs(at)) for slope in slopes)


def loss_of_gap() -> sp.Expr:
    """Loss of a sample all of whose gaps are m. [arcgrad, Eq. 14 and 16]"""
    return cross_entropy(1, (C - 1) * sp.exp(_lead(THETA_Y, THETA_Y + m)))


@cache
def gap_gradient() -> sp.Expr:
    """Derivative of `loss_of_gap` in the gap. [arcgrad, Eq. 17]"""
    return sp.simplify(sp.diff(loss_of_gap(), m))


def printed_gap_gradient() -> sp.Expr:
    """[arcgrad, Eq. 17] as printed."""
    e = (C - 1) * sp.exp(m * s)
    return e / (e + 1)


def pull(scale, gap, classes):
    """Size of `gap_gradient`, s (1 − p) = s k/(k + eˢᵐ) with k = C − 1.

    Scale, gap in radians and classes may be numbers or arrays.
    """
    with np.errstate(over="ignore"):
        return numeric(-gap_gradient(), s, m, C)(scale, gap, classes)


def scale_slope() -> sp.Expr:
    """Derivative in s of the size of `gap_gradient`. [arcgrad, Eq. 18]"""
    return sp.factor(sp.simplify(sp.diff(-gap_gradient(), s)))


def best_product() -> sp.Expr:
    """The product s·m at which that slope is zero. [arcgrad, Eq. 19]"""
    return 1 + sp.LambertW((C - 1) / sp.E)


def at_best(expression: sp.Expr) -> sp.Expr:
    """With C − 1 = (sm − 1) eˢᵐ, which is Eq. 19 solved for C."""
    known = expression.subs(C, 1 + (s * m - 1) * sp.exp(s * m))
    return sp.factor(sp.simplify(known))


def curvature_at_best() -> sp.Expr:
    """Second derivative in s at the zero of `scale_slope`: it is negative."""
    return at_best(sp.diff(-gap_gradient(), s, 2))


def best_gap(scale: float, classes: int) -> float:
    """The gap of [arcgrad, Eq. 19] in radians, s > 0 and C ≥ 2."""
    return numeric(best_product(), C)(classes).real / scale


def best_scale(gap: float, classes: int) -> float:
    """The scale of Eq. 19 for a gap in radians."""
    return best_gap(gap, classes)


def gap_after(time, scale, classes: int):
    """The gap that gradient flow reaches from 0, in radians.

    Solves dm/dt = `pull` by (C − 1) s m + eˢᵐ − 1 = (C − 1) s² t, for
    numbers or arrays t ≥ 0 and s > 0.
    """
    k, scale = classes - 1, np.asarray(scale, dtype=float)
    total = 1 / k + scale**2 * np.asarray(time, dtype=float)
    return (total - wrightomega(total - math.log(k))) / scale


def adacos_bracket() -> sp.Expr:
    """What is zero where ∂²P/∂θ² is: s sin²θ (1 − 2P) − cos θ.

    P is that of the own class as a function of its angle, B held fixed. The
    second derivative is s P (1 − P) times this. [arcgrad, before Eq. 9]
    """
    p = 1 / (1 + B * sp.exp(-s * formulas.cosine(theta)))
    return s * sp.sin(theta) ** 2 * (1 - 2 * p) - sp.cos(theta)


def steepest_angle(scale: float, rivals: float) -> float:
    """The zero of `adacos_bracket` in (0, π/2), NaN if there is none."""
    bracket = numeric(adacos_bracket(), theta, s, B)
    grid = np.linspace(1e-6, math.pi / 2, 2001)
    values = bracket(grid, scale, rivals)
    for k in np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0)):
        ends = grid[k], grid[k + 1]
        return brentq(bracket, *ends, args=(scale, rivals), xtol=1e-14)
    return math.nan


def adacos_step(scale, cosines, middle: float):
    """One dynamic step: log B_avg(s) over the cosine. [arcgrad, Eq. 10]

    Args:
        scale: s, an array (…).
        cosines: (N, C − 1), of the inter-class angles.
        middle: the median own angle, in radians; cut at π/4.

    Gives the next scale, and the slope of that map, (…) each.
    """
    z = np.asarray(scale, dtype=float)[..., None, None] * cosines
    top = z.max((-1, -2))
    e = np.exp(z - top[..., None, None])
    total = e.sum((-1, -2))
    divisor = math.cos(min(math.pi / 4, middle))
    slope = (e * cosines).sum((-1, -2)) / total
    return (top + np.log(total / len(cosines))) / divisor, slope / divisor


def iam_by_logits() -> tuple[sp.Expr, sp.Expr]:
    """∂/∂z_y and ∂/∂z_j of log((1 − p_y)/(C − 1)). [iam, Eq. 10 and 11]"""
    return by_logits(interclass, (p_y, p_j))


def _total(own, others):
    return cross_entropy(own, others) + beta * interclass(own, others)


@cache
def total_by_logits() -> tuple[sp.Expr, sp.Expr]:
    """∂/∂z_y and ∂/∂z_j of −log p_y + β log(1 − p_y). [iam, Eq. 13, 14]"""
    return by_logits(_total, (p_y, p_j))


def rival_bracket() -> sp.Expr:
    """The sign of the growth of Eq. 14 with the rival's own logit z_j.

    ∂/∂z_j of the weight, times (1 − p_y)²/p_j. The other logits stay, so
    ∂p_j/∂z_j = p_j (1 − p_j) and ∂p_y/∂z_j = −p_y p_j. [iam, Section 4.1]
    """
    weight = total_by_logits()[1]
    slope = sp.diff(weight, p_j) * (1 - p_j) - sp.diff(weight, p_y) * p_y
    return sp.factor(slope * (1 - p_y) ** 2)


def iam_of_log_odds() -> sp.Expr:
    """The total of [iam, Eq. 12] in u, without β log(C − 1)."""
    return _total(sp.S(1), sp.exp(u))
