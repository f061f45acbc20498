"""From a formula to its derivatives, and the proof that they are right.

The registry's formula is called with sympy symbols, differentiated, and
held against float64 autograd of the very code that trains.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import mpmath
import numpy as np
import pandas as pd
import sympy as sp
import torch

from arcbook import formulas, losses
from arcbook.losses.registry import Loss

THETA_Y = sp.Symbol("theta_y", nonnegative=True)
THETA_J = sp.Symbol("theta_j", nonnegative=True)
P_Y = sp.Symbol("P_y", positive=True)
P_J = sp.Symbol("P_j", positive=True)
NORMS = {
    "|W|": sp.Symbol(r"{\lVert W\rVert}", positive=True),
    "|x|": sp.Symbol(r"{\lVert x\rVert}", positive=True),
}


@dataclass(frozen=True)
class Derivation:
    """Logits of a loss and their derivatives, as sympy expressions.

    Attributes:
        name: of the loss.
        Z_y, Z_j: logit of the target and of another class, in the angles.
        dZ_y, dZ_j: ∂Z_y/∂θ_y and ∂Z_j/∂θ_j.
        dL_y, dL_j: ∂L/∂θ_y and ∂L/∂θ_j for one sample, in the angles and
            the probabilities P_y and P_j that the softmax gives; under iam
            on a base with a margin, p_y and p_j are those without it.
    """

    name: str
    Z_y: sp.Expr
    Z_j: sp.Expr
    dZ_y: sp.Expr
    dZ_j: sp.Expr
    dL_y: sp.Expr
    dL_j: sp.Expr

    def latex(self) -> str:
        """The six lines as one aligned block of LaTeX."""
        lines = [
            ("Z_y", self.Z_y),
            ("Z_j", self.Z_j),
            (r"\frac{\partial Z_y}{\partial\theta_y}", self.dZ_y),
            (r"\frac{\partial Z_j}{\partial\theta_j}", self.dZ_j),
            (r"\frac{\partial L}{\partial\theta_y}", self.dL_y),
            (r"\frac{\partial L}{\partial\theta_j}", self.dL_j),
        ]
        rows = [f"{left} &= {sp.latex(right)}" for left, right in lines]
        return r"\begin{aligned}" + r" \\[4pt] ".join(rows) + r"\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"


def derive(name: str, **values) -> Derivation:
    """Derive the logits of a loss by the angles, and the loss by both.

    Args:
        name: of the loss.
        **values: hyperparameters to fix; the others stay symbols. Whole
            numbers and choices are always fixed, at their default if not
            given. For ``"iam"``, ``base`` names the base loss.

    Raises:
        ValueError: for an unknown loss or hyperparameter.
    """
    spec, base, beta = _parts(name, values)
    hyper = symbols(base, **values)
    Z_y, Z_j = logits(base, THETA_Y, hyper), rival(base, THETA_J, hyper)
    dZ_y, dZ_j = sp.diff(Z_y, THETA_Y), sp.diff(Z_j, THETA_J)
    dL_y, dL_j = (g * d for g, d in zip(_by_logits(), (dZ_y, dZ_j)))
    if spec.penalty == "iam":
        for_y, for_j = _penalty_by_logits()
        if base.target is not formulas.cosine:
            plain = dict(
                zip(
                    (P_Y, P_J),
                    sp.symbols("p_y p_j", positive=True),
                    strict=False,
                )
            )
            for_y, for_j = for_y.subs(plain), for_j.subs(plain)
        s = hyper["s"]
        dL_y += beta * for_y * sp.diff(s * sp.cos(THETA_Y), THETA_Y)
        dL_j += beta * for_j * sp.diff(s * sp.cos(THETA_J), THETA_J)
    return Derivation(
        spec.name, Z_y, Z_j, dZ_y, dZ_j, _tidy(dL_y), _tidy(dL_j)
    )


def _tidy(expression):
    if expression.has(sp.Piecewise):
        return expression
    return sp.factor(expression)


def _parts(name, values):
    spec = losses.get(name)
    base = spec
    if spec.penalty == "iam":
        base = losses.get(values.pop("base", "normface"))
    beta = values.pop("beta", sp.Symbol("beta", positive=True))
    return spec, base, beta


def symbols(spec: Loss, **values) -> dict:
    """A symbol or a fixed value for every hyperparameter of a loss."""
    hyper = {}
    for h in spec.hyperparameters:
        fixed = h.integer or h.choices
        symbol = sp.Symbol(h.symbol or h.name, positive=True)
        hyper[h.name] = values.pop(h.name, h.default if fixed else symbol)
    if spec.adaptive:
        hyper["s"] = values.pop("s", sp.Symbol("s", positive=True))
    spec.check(values)
    return hyper


def scale(spec: Loss, hyper: dict) -> sp.Expr:
    """The factors of the logit, multiplied."""
    return sp.Mul(*(NORMS.get(f, hyper.get(f)) for f in spec.factors(hyper)))


def logits(spec: Loss, theta, hyper: dict) -> sp.Expr:
    """Logit of the target at an angle."""
    logit = scale(spec, hyper) * spec.target(theta, **spec.arguments(hyper))
    return logit - (hyper[spec.lowered_by] if spec.lowered_by else 0)


def rival(spec: Loss, theta, hyper: dict) -> sp.Expr:
    """Logit of another class at an angle."""
    return scale(spec, hyper) * spec.others(theta)


def _by_logits():
    """∂L/∂Z_y and ∂L/∂Z_j of the cross-entropy, in P_y and P_j."""
    Z_y, Z_j = sp.symbols("Z_y Z_j", real=True)
    rest = sp.Symbol("R", positive=True)
    total = sp.exp(Z_y) + sp.exp(Z_j) + rest
    loss = sp.log(total) - Z_y
    return _in_probabilities(loss, Z_y, Z_j, rest)


def _penalty_by_logits():
    """∂/∂Z_y and ∂/∂Z_j of log(1 − P_y), in P_y and P_j. [iam, Eq. 7]"""
    Z_y, Z_j = sp.symbols("Z_y Z_j", real=True)
    rest = sp.Symbol("R", positive=True)
    rivals = sp.exp(Z_j) + rest
    penalty = sp.log(rivals) - sp.log(rivals + sp.exp(Z_y))
    return _in_probabilities(penalty, Z_y, Z_j, rest)


def _in_probabilities(loss, Z_y, Z_j, rest):
    total = sp.exp(Z_y) / P_Y
    to_p = [
        (rest, total - sp.exp(Z_y) - sp.exp(Z_j)),
        (sp.exp(Z_j), P_J * total),
    ]
    return [
        sp.factor(sp.simplify(sp.diff(loss, Z).subs(to_p))) for Z in (Z_y, Z_j)
    ]


def loss_of_angles(name: str, angles, **values) -> sp.Expr:
    """The loss of one sample, written out in its angles at unit norms.

    Args:
        name: of the loss.
        angles: C symbols, the target's first.
        **values: a number for every hyperparameter.
    """
    spec, base, beta = _parts(name, values)
    hyper = symbols(base, **values)
    first, *others = angles
    unit = dict.fromkeys(NORMS.values(), 1)
    target = logits(base, first, hyper).subs(unit)
    rivals = [rival(base, theta, hyper).subs(unit) for theta in others]
    loss = sp.log(1 + sum(sp.exp(z - target) for z in rivals))
    if spec.penalty == "iam":
        s = hyper["s"]
        odds = sum(
            sp.exp(s * (sp.cos(theta) - sp.cos(first))) for theta in others
        )
        loss += beta * sp.log(odds / (1 + odds) / len(others))
    return loss


def knots(name: str, **values) -> list[float]:
    """Angles at which the target's formula changes its piece."""
    _spec, base, _ = _parts(name, dict(values))
    values = {k: v for k, v in values.items() if k not in ("base", "beta")}
    hyper = {**base.defaults, **values}
    if "annealing" in hyper:
        return [k * math.pi / hyper["m"] for k in range(1, hyper["m"])]
    if hyper.get("variant") == "monotone":
        return [math.pi - hyper["m"]]
    return []


def grid(name: str, points: int = 25, **values) -> np.ndarray:
    """Angles from 0 to π, ends, their neighbours and knots included."""
    inner = np.linspace(0, np.pi, points)
    ends = [np.nextafter(0, 1), 1e-9, np.nextafter(np.pi, 0), np.pi - 1e-9]
    return np.unique(np.concatenate([inner, ends, knots(name, **values)]))


def check(name: str, points: int = 25, **values) -> pd.DataFrame:
    """Hold every derivative of a loss against float64 autograd.

    Sympy's derivative is evaluated with 40 digits at each angle of `grid`,
    autograd's by the code that trains, once as a function of the angles and
    once through features and class vectors that stand at those angles
    (between 0 and π: at the ends that path has its kink). Three classes, so
    that the sums over the other classes are sums.

    Args:
        name: of the loss.
        points: evenly spaced angles, besides ends and knots.
        **values: hyperparameters; the rest is at its default.

    Returns:
        A row for each derivative: the number of angles and the largest
        relative error. Where a derivative is below 1e-5 of its largest
        value on the grid, the error is relative to that 1e-5: a sine that
        vanishes at a knot has no relative digits in float64.
    """
    head = losses.create(name, embedding_dim=4, num_classes=3, **values)
    theta = grid(name, points, **values)
    fixed = values | _numbers(head, values)
    exact_at = theta + 4e-16 * np.isin(theta, knots(name, **values))
    rows = [
        _compare(
            "∂Z_y/∂θ_y",
            _evaluate(_target(head, fixed), exact_at[:, None], 0),
            _autograd(
                lambda t: _shipped_target(head, t[:, 0]), theta[:, None]
            ),
        )
    ]
    for k, label in enumerate(["∂L/∂θ_y", "∂L/∂θ_j"]):
        angles = np.tile([0.8, 1.9, 1.2], (len(theta), 1))
        angles[:, k] = theta
        nudged = angles.copy()
        nudged[:, k] = exact_at if k == 0 else theta
        loss = loss_of_angles(name, sp.symbols("t:3", real=True), **fixed)
        exact = _evaluate(loss, nudged, k)
        shipped = _autograd(lambda t: _losses_at(head, t), angles, k)
        rows.append(_compare(label, exact, shipped))
        inside = (angles[:, k] >= 1e-9) & (angles[:, k] <= np.pi - 1e-9)
        inside &= ~np.isin(theta, knots(name, **values))
        vectors = _autograd(
            lambda t: _losses_of_vectors(head, t), angles[inside], k
        )
        rows.append(
            _compare(f"{label}, through vectors", exact[inside], vectors)
        )
    return pd.DataFrame(rows)


def _numbers(head, values):
    """Every number of a head as the exact rational that its float is."""
    numbers = {k: v for k, v in head.hyper.items() if not isinstance(v, str)}
    numbers |= {k: v for k, v in values.items() if not isinstance(v, str)}
    if head.spec.adaptive:
        numbers["s"] = head.s.item()
    if head.regularisers and hasattr(head.regularisers[0], "beta"):
        numbers["beta"] = head.regularisers[0].beta
    return {
        k: sp.Rational(v) if isinstance(v, float) else v
        for k, v in numbers.items()
    }


def _target(head, fixed):
    spec = head.spec
    hyper = {k: fixed.get(k, v) for k, v in head.hyper.items()}
    hyper |= {"s": fixed["s"]} if spec.adaptive else {}
    unit = dict.fromkeys(NORMS.values(), 1)
    theta = sp.Symbol("t0", real=True)
    return logits(spec, theta, hyper).subs(unit)


def _shipped_target(head, theta):
    lowered = head.spec.lowered_by
    logit = head.s * head.spec.target(theta, **head.margin)
    return logit - (head.hyper[lowered] if lowered else 0)


def _losses_at(head, theta):
    return head.losses_at(theta, torch.zeros(len(theta), dtype=torch.long))


def _losses_of_vectors(head, theta):
    """Losses of unit vectors that stand at given angles, one a time."""
    features = torch.eye(4, dtype=torch.float64)[:1].expand(len(theta), 1, 4)
    axes = torch.eye(4, dtype=torch.float64)[1:]
    vectors = theta.cos()[..., None] * features + theta.sin()[..., None] * axes
    batched = copy.deepcopy(head).eval()
    del batched.weight
    batched.weight = vectors
    if head.spec.penalty:
        batched.regularisers = torch.nn.ModuleList()
    labels = torch.zeros(len(theta), 1, dtype=torch.long)
    return batched.losses(features, labels)[:, 0]


def _autograd(function, angles, k=0):
    theta = torch.tensor(angles, requires_grad=True)
    (gradient,) = torch.autograd.grad(function(theta).sum(), theta)
    return gradient[:, k].numpy()


def _evaluate(expression, angles, k):
    symbols = sp.symbols(f"t:{angles.shape[1]}", real=True)
    derivative = sp.diff(expression, symbols[k])
    function = sp.lambdify(symbols, derivative, "mpmath")
    with mpmath.workdps(40):
        return np.array(
            [float(function(*map(mpmath.mpf, row))) for row in angles]
        )


def _compare(derivative, exact, shipped):
    size = np.maximum(np.abs(exact), np.abs(shipped))
    size = np.maximum(size, 1e-5 * size.max())
    error = np.abs(exact - shipped) / np.where(size > 0, size, 1)
    return {
        "derivative": derivative,
        "angles": len(exact),
        "largest relative error": error.max(),
    }
