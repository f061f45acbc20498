"""One formula, three libraries."""

import math

import numpy as np
import pytest
import sympy as sp
import torch

from arcbook import formulas, losses

ANGLES = np.linspace(0, math.pi, 41)


def with_symbols(spec):
    theta = sp.Symbol("theta", real=True)
    values = {
        k: sp.Rational(v) if isinstance(v, float) else v
        for k, v in spec.arguments(spec.defaults).items()
    }
    return theta, spec.target(theta, **values)


@pytest.mark.parametrize("name", losses.available())
def test_sympy_torch_numpy_and_float_agree(name):
    spec = losses.get(name)
    arguments = spec.arguments(spec.defaults)
    theta, expression = with_symbols(spec)
    exact = [float(expression.subs(theta, sp.Float(t, 30))) for t in ANGLES]
    tensor = spec.target(torch.tensor(ANGLES), **arguments)
    array = spec.target(ANGLES, **arguments)
    floats = [spec.target(float(t), **arguments) for t in ANGLES]
    np.testing.assert_allclose(tensor.numpy(), exact, atol=1e-14)
    np.testing.assert_allclose(array, exact, atol=1e-14)
    np.testing.assert_allclose(floats, exact, atol=1e-14)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 7])
def test_psi_by_its_definition(m):
    """ψ(θ) = (−1)ᵏ cos(mθ) − 2k for θ in [kπ/m, (k+1)π/m]."""
    for theta in np.linspace(0, math.pi, 50)[:-1]:
        k = math.floor(m * theta / math.pi)
        expected = (-1) ** k * math.cos(m * theta) - 2 * k
        assert formulas.psi(theta, m=m) == pytest.approx(expected)
    falls = np.diff(formulas.psi(ANGLES, m=m))
    assert (falls < 0).all()
    assert formulas.psi(math.pi, m=m) == pytest.approx(1 - 2 * m)


def test_monotone_arcface_falls_to_the_end_and_plain_does_not():
    m = 0.5
    monotone = formulas.arcface(ANGLES, m=m, variant="monotone")
    assert (np.diff(monotone) < 0).all()
    assert (np.diff(formulas.arcface(ANGLES, m=m)) > 0).any()
    beyond = math.pi - m <= ANGLES
    np.testing.assert_allclose(
        monotone[beyond], np.cos(ANGLES[beyond]) - m * math.sin(m)
    )


def test_at_a_knot_the_right_piece_holds():
    knot = torch.tensor(math.pi - 0.5, dtype=torch.float64, requires_grad=True)
    value = formulas.arcface(knot, m=0.5, variant="monotone")
    value.backward()
    assert value.item() == pytest.approx(-math.cos(0.5) - 0.5 * math.sin(0.5))
    assert knot.grad.item() == pytest.approx(-math.sin(0.5))
