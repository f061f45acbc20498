"""Chapter 5: weights, pushes and the descent are drawn as derived."""

import math
from functools import partial

import numpy as np
import pytest

from arcbook import derive
from arcbook.chapters import ch05
from pictures import caught, opened
from test_derive import head_gradient, head_losses


def test_the_opening_draws_the_mean_over_starts(monkeypatch):
    given = {"betas": [0.0, 2.0], "seeds": 2, "C": 4}
    figure, values = opened(monkeypatch, "05_iam", **given)
    frame = values["frame"]
    for axes, column in zip(figure.axes, ("nearest", "own"), strict=True):
        for line, name in zip(axes.lines, ("β = 0", "β = 2"), strict=True):
            mean = frame[frame["β"] == name].groupby("step")[column].mean()
            np.testing.assert_allclose(line.get_xdata(), mean.index)
            np.testing.assert_allclose(line.get_ydata(), mean)
        last = math.degrees(mean.iloc[-1])
        assert axes.get_title("left").endswith(f"{last:.0f}° at β = 2")


def test_descent_keeps_settings_and_seeds_apart():
    at = np.arange(6.0).reshape(2, 3)
    frame = ch05.descent({0: (at, at + 10), 5: (at + 20, at + 30)}, [0, 0.2])
    second = frame[(frame["β"] == "β = 0.2") & (frame["step"] == 5)]
    assert second["nearest"].tolist() == [23, 24, 25]
    assert second["own"].tolist() == [33, 34, 35]


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_rival_weight_is_the_gradient_of_the_code(beta):
    theta, s = [0.9, 1.1, 1.6], 4.0
    weight, _ = ch05.rival_weight(*theta, s=s, beta=beta)
    shipped = head_gradient("iam", theta, s=s, beta=beta)[1]
    assert shipped == pytest.approx(-s * math.sin(1.1) * weight, rel=1e-9)


def test_claim_on_beta_above_1_fails_until_the_rival_stands_alone():
    near = np.radians([100, 90, 80, 70, 60, 50])
    own, third = np.radians([30, 90])
    weight, sign = ch05.rival_weight(own, near, third, s=10, beta=2)
    assert (np.diff(weight)[:4] > 0).all() and weight[5] < weight[4]
    assert sign.tolist() == [1, 1, 1, 1, -1, -1]
    two = derive.rival_bracket().subs(derive.p_j, 1 - derive.p_y)
    for beta in (0.5, 2):
        value = two.subs({derive.beta: beta, derive.p_y: 0.7})
        assert (value > 0) == (beta < 1)


def test_rivals_draws_the_weights_and_where_they_turn(monkeypatch):
    draw = partial(ch05.rivals, s=10, beta=2)
    figure = caught(monkeypatch, draw, [0.2, 2])
    left, right = figure.axes[:2]
    for line, beta in zip(left.lines, (0.2, 2)):
        x, y = line.get_data()
        expected, _ = ch05.rival_weight(
            np.radians(30), x, np.pi / 2, s=10, beta=beta
        )
        np.testing.assert_allclose(y, expected)
    mesh = right.collections[0].get_array().reshape(361, 361)
    expected, _ = ch05.rival_weight(
        np.radians(30), np.radians(60), np.pi / 2, s=10, beta=2
    )
    assert mesh[120, 60] == pytest.approx(float(expected))


def test_a_batch_is_unbounded_in_s_when_beta_outweighs_the_wrong():
    """Eq. (5.2), through the shipped loss of two classes."""

    def loss(s, beta, leads):
        rival = np.arccos(-np.array(leads))
        theta = np.stack([np.full(len(leads), math.pi / 2), rival], 1)
        return head_losses("iam", theta, s=s, beta=beta).sum().item()

    leads = [0.1] * 10 + [-0.5] * 5  # sums of 1 and 2.5
    for beta, rises in ((0.2, True), (2.4, True), (2.6, False), (4, False)):
        assert (loss(4000.0, beta, leads) > loss(2000.0, beta, leads)) == rises
