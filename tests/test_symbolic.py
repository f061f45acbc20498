"""Derivatives on the pages equal autograd of the shipped code."""

import pytest
import sympy as sp

from arcbook import formulas, losses, symbolic

VARIANTS = [(name, {}) for name in losses.available()] + [
    ("arcface", {"variant": "monotone", "m": 0.5}),
    ("l_softmax", {"m": 3, "annealing": 2.0}),
    ("combined", {"m1": 0.9, "m2": 0.4, "m3": 0.15}),
    ("normface", {"s": 64.0}),
    ("iam", {"base": "arcface", "beta": 0.8}),
    ("iam", {"base": "arcgrad", "beta": 2.0, "s": 3.0}),
    ("ring", {"normalize_weights": True}),
]


@pytest.mark.parametrize(("name", "values"), VARIANTS)
def test_every_derivative_equals_autograd(name, values):
    table = symbolic.check(name, **values)
    assert len(table) == 5
    assert (table["angles"] >= 20).all()
    assert (table["largest relative error"] < 1e-9).all(), table


@pytest.mark.parametrize("name", losses.available())
def test_probability_form_equals_the_loss_written_out(name):
    """dL in P_y and P_j against sympy's derivative of the whole loss."""
    spec = losses.get(name)
    base = losses.get("normface") if spec.penalty == "iam" else spec
    numbers = {
        k: sp.Rational(v) if isinstance(v, float) else v
        for k, v in (base.defaults | spec.defaults).items()
    }
    if base.adaptive:
        numbers["s"] = sp.Rational(7, 5)
    derivation = symbolic.derive(name, **numbers)
    angles = sp.symbols("t:3", real=True)
    loss = symbolic.loss_of_angles(name, angles, **numbers)
    at = dict(zip(angles, map(sp.Rational, ("0.8", "1.9", "1.2"))))
    hyper = {k: v for k, v in numbers.items() if k != "beta"}
    hyper = symbolic.symbols(base, **hyper)
    unit = dict.fromkeys(symbolic.NORMS.values(), 1)
    z = [symbolic.logits(base, at[angles[0]], hyper)]
    z += [symbolic.rival(base, at[t], hyper) for t in angles[1:]]
    weights = [sp.exp(logit.subs(unit)) for logit in map(sp.sympify, z)]
    point = {
        symbolic.THETA_Y: at[angles[0]],
        symbolic.THETA_J: at[angles[1]],
        symbolic.P_Y: weights[0] / sum(weights),
        symbolic.P_J: weights[1] / sum(weights),
    } | unit
    for form, angle in (
        (derivation.dL_y, angles[0]),
        (derivation.dL_j, angles[1]),
    ):
        written_out = sp.diff(loss, angle).subs(at).evalf(30)
        assert abs(form.subs(point).evalf(30) / written_out - 1) < 1e-20


def test_a_check_can_fail():
    """A formula that differs from its derivative is caught."""

    def crooked(theta, *, m):
        if hasattr(theta, "free_symbols"):
            return formulas.cos(theta) - m
        return formulas.cos(theta) - m + 1e-6 * theta

    entry = losses.Loss(
        "crooked",
        "Crooked",
        "sympy and torch see different formulas",
        target=crooked,
        hyperparameters=(
            losses.Hyperparameter("s", "scale", 3.0, 0, closed=False),
            losses.Hyperparameter("m", "margin", 0.1, 0),
        ),
    )
    losses.register(entry)
    try:
        errors = symbolic.check("crooked")["largest relative error"]
        assert errors.max() > 1e-8
    finally:
        losses.unregister("crooked")


def test_a_new_loss_is_a_formula_and_an_entry():
    def squared(theta, *, m):
        """Square margin: cos θ − m θ²."""
        return formulas.cos(theta) - m * theta**2

    losses.register(
        losses.Loss(
            "squared",
            "Squared",
            "a margin that grows with the angle",
            target=squared,
            hyperparameters=(
                losses.Hyperparameter("s", "scale", 8.0, 0, closed=False),
                losses.Hyperparameter("m", "margin", 0.2, 0),
            ),
        )
    )
    try:
        assert "squared" in losses.available()
        derivation = symbolic.derive("squared")
        s, m = sp.symbols("s m", positive=True)
        slope = -s * (sp.sin(symbolic.THETA_Y) + 2 * m * symbolic.THETA_Y)
        assert sp.simplify(derivation.dZ_y - slope) == 0
        errors = symbolic.check("squared")["largest relative error"]
        assert (errors < 1e-9).all()
        assert "cos θ − m θ²" in losses.describe("squared")
    finally:
        losses.unregister("squared")
