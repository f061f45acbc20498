"""The losses once more, by their definitions, with 60 digits and no tricks."""

import mpmath as mp
import sympy as sp

from arcbook import losses


def _angle(u, v):
    dot = mp.fsum(a * b for a, b in zip(u, v, strict=True))
    minus = mp.norm([a / mp.norm(u) - b / mp.norm(v) for a, b in zip(u, v)])
    return mp.acos(dot / mp.norm(u) / mp.norm(v)) if minus else mp.mpf(0)


def _formula(function, theta, arguments):
    symbol = sp.Symbol("t", real=True)
    exact = {k: _exact(v) for k, v in arguments.items()}
    expression = function(symbol, **exact)
    return sp.lambdify(symbol, expression, "mpmath")(theta)


def _exact(value):
    return sp.Rational(value) if isinstance(value, float) else value


def loss(name, features, weight, label, *, beta=None, base=None, **hyper):
    """Loss of one sample.

    Args:
        name: of the loss.
        features: d numbers, taken as the exact numbers they are.
        weight: C rows of d numbers.
        label: of the sample.
    """
    spec = losses.get(base or name)
    x = [mp.mpf(value) for value in features]
    rows = [[mp.mpf(value) for value in row] for row in weight]
    hyper = {**spec.defaults, **hyper}
    if spec.adaptive:
        hyper["s"] = mp.sqrt(2) * mp.log(len(rows) - 1)
    logits = []
    for j, row in enumerate(rows):
        size = mp.mpf(1)
        for factor in spec.factors(hyper):
            norms = {"|W|": mp.norm(row), "|x|": mp.norm(x)}
            size *= norms.get(factor) or mp.mpf(hyper[factor])
        margin = spec.arguments(hyper) if j == label else {}
        formula = spec.target if j == label else spec.others
        logit = size * _formula(formula, _angle(x, row), margin)
        if j == label and spec.lowered_by:
            logit -= mp.mpf(hyper[spec.lowered_by])
        logits.append(logit)
    rest = mp.fsum(
        mp.exp(z - logits[label]) for j, z in enumerate(logits) if j != label
    )
    value = mp.log1p(rest)
    if spec.name == "center":
        value += mp.mpf(hyper["lam"]) / 2 * mp.fsum(a**2 for a in x)
    if spec.name == "ring":
        value += mp.mpf(hyper["lam"]) / 2 * (mp.norm(x) - 1) ** 2
    if beta is not None:
        cosines = [mp.cos(_angle(x, row)) for row in rows]
        odds = mp.fsum(
            mp.exp(mp.mpf(hyper["s"]) * (c - cosines[label]))
            for j, c in enumerate(cosines)
            if j != label
        )
        share = odds / (1 + odds) / (len(rows) - 1)
        value += mp.mpf(beta) * mp.log(share)
    return value


def gradient(name, features, weight, label, **hyper):
    """Derivative of `loss` by each feature, by central differences."""
    size = mp.norm([mp.mpf(v) for v in features])
    step = size * mp.mpf(10) ** -25
    slopes = []
    for k in range(len(features)):
        ends = []
        for sign in (1, -1):
            moved = [mp.mpf(v) for v in features]
            moved[k] += sign * step
            ends.append(loss(name, moved, weight, label, **hyper))
        slopes.append((ends[0] - ends[1]) / (2 * step))
    return slopes
