"""Angles, to the last digit."""

import math

import mpmath as mp
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arcbook.geometry import angle, angles, class_centers, unit


@pytest.mark.parametrize("theta", [0.0, 1e-12, 1e-7, 1e-3, 1.0, 3.0, math.pi])
def test_angle_keeps_its_digits(theta):
    u = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    v = torch.tensor([[math.cos(theta), math.sin(theta)]], dtype=torch.float64)
    with mp.workdps(40):
        truth = float(mp.atan2(*(mp.mpf(c.item()) for c in v[0].flip(0))))
    paired = angle(u, unit(v)[0]).item()
    crossed = angles(u, unit(v)[0]).item()
    assert paired == pytest.approx(truth, rel=4e-15, abs=1e-300)
    assert crossed == pytest.approx(truth, rel=4e-15, abs=1e-300)


def test_pairs_and_crosses_agree_in_value_and_gradient():
    torch.manual_seed(0)
    u = unit(torch.randn(5, 4))[0].requires_grad_()
    v = unit(torch.randn(3, 4))[0].requires_grad_()
    upstream = torch.randn(5, 3).double()

    def project(gradient, vectors):
        along = (gradient * vectors).sum(-1, keepdim=True)
        return gradient - along * vectors

    crossed = torch.autograd.grad((angles(u, v) * upstream).sum(), (u, v))
    every = angle(u[:, None].expand(5, 3, 4), v[None].expand(5, 3, 4))
    paired = torch.autograd.grad((every * upstream).sum(), (u, v))
    torch.testing.assert_close(angles(u, v), every)
    for one, other, vectors in zip(crossed, paired, (u, v), strict=True):
        torch.testing.assert_close(
            project(one, vectors), project(other, vectors)
        )


def test_zero_has_no_direction_and_no_gradient():
    x = torch.zeros(1, 3, requires_grad=True)
    direction, size = unit(x)
    assert size.item() == 0
    other = torch.tensor([[1.0, 0, 0]]).double()
    assert angle(direction, other).item() == pytest.approx(math.pi / 2)
    (angles(direction, other).sum() + angle(direction, other).sum()).backward()
    assert x.grad.abs().max() == 0


def test_a_second_derivative_is_refused_rather_than_wrong():
    u = unit(torch.randn(5, 4))[0].requires_grad_()
    v = unit(torch.randn(3, 4))[0]
    (slope,) = torch.autograd.grad(angles(u, v).sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad(slope.sum(), u)


directions = st.lists(
    st.floats(-1, 1).filter(lambda x: abs(x) > 1e-3), min_size=4, max_size=4
)


@given(directions, directions, directions)
def test_angles_are_a_metric_on_the_sphere(a, b, c):
    u, v, w = (
        unit(torch.tensor(one, dtype=torch.float64))[0] for one in (a, b, c)
    )
    uv, vw, uw = (float(angle(x, y)) for x, y in ((u, v), (v, w), (u, w)))
    assert 0 <= uv <= math.pi
    assert uv == pytest.approx(float(angle(v, u)), abs=1e-12)
    assert uw <= uv + vw + 1e-9
    assert float(angle(u, u)) == pytest.approx(0, abs=1e-9)
    assert float(angle(u, -u)) == pytest.approx(math.pi)


@given(directions, st.floats(-250, 250))
def test_an_angle_does_not_see_a_length(a, power):
    u = torch.tensor(a, dtype=torch.float64)
    length = unit(u * 10.0**power)[1].item()
    assert length == pytest.approx(math.hypot(*a) * 10.0**power, rel=1e-9)
    e = torch.eye(4, dtype=torch.float64)[0]
    plain, scaled = (float(angle(unit(x)[0], e)) for x in (u, u * 10.0**power))
    assert scaled == pytest.approx(plain, rel=1e-9)


def test_class_centers_are_the_means_of_their_classes():
    features = torch.tensor([[1.0, 2.0], [3.0, 6.0], [-2.0, 5.0]])
    labels = torch.tensor([1, 1, 0])
    centers = class_centers(features, labels, 2)
    assert centers.tolist() == [[-2.0, 5.0], [2.0, 4.0]]
    with pytest.raises(ValueError, match="class 2 has no sample"):
        class_centers(features, labels, 3)
