"""Chapter 4: angles, pulls and gaps are drawn where they are."""

import math

import numpy as np
import pytest
from matplotlib import pyplot as plt

from arcbook import derive, live
from arcbook.chapters import ch04
from pictures import caught, marks, opened

FEW = {"epochs": 10, "seeds": 2, "sweep": [0.5, 40.0]}


def test_gradient_is_the_softmax_of_the_gaps():
    theta, labels = np.array([[0.3, 0.9, 1.4], [1.2, 0.5, 0.8]]), [0, 2]
    z = np.exp(-7 * theta)
    p = z / z.sum(1, keepdims=True)
    expected = np.eye(3)[labels] - p
    found = ch04.gradient(7.0, theta, np.array(labels))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_ring_holds_the_angles_and_arrows_go_down_the_gradient():
    draw = np.random.default_rng(0)
    theta, labels = draw.uniform(0.3, 2, (9, 3)), np.arange(9) % 3
    pull = ch04.gradient(1.0, theta, labels)
    _, axes = plt.subplots()
    ch04.ring(axes, 1, "epoch 3", theta, labels, pull, samples=9)
    dots, arrows = axes.collections[::2], axes.collections[1::2]
    own = np.eye(3, dtype=bool)[labels]
    for part, points, arrow in zip((own, ~own), dots, arrows, strict=True):
        x, y = points.get_offsets().T
        at = np.arctan2(y, x)
        assert sorted(at) == pytest.approx(sorted(theta[part]))
        radius = np.hypot(x, y)
        assert ((radius >= 2.55) & (radius <= 3.55)).all()
        turned = -np.sin(at) * arrow.U + np.cos(at) * arrow.V
        assert sorted(turned) == pytest.approx(sorted(-0.8 * pull[part]))


def test_the_opening_names_the_angles_that_it_draws(monkeypatch):
    figure, values = opened(monkeypatch, "04_scale", **FEW)
    seen = values["run"].train[10]
    for axes, scale in zip(figure.axes, values["scales"], strict=True):
        k = values["every"].index(scale)
        own = math.degrees(np.median(seen.intra[k, 0]))
        title = f"s = {scale:g}: own angles end at {own:.0f}°"
        assert axes.get_title("left") == title
        x, y = axes.collections[-4].get_offsets().T
        for angle in np.arctan2(y, x):
            assert np.abs(seen.intra[k, 0] - angle).min() < 1e-6


def test_trade_off_peaks_where_the_derivative_is_zero(monkeypatch):
    figure = caught(monkeypatch, ch04.trade_off, 4)
    dots = marks(figure.axes[0], hollow=False)
    for (_, best, top), c in zip(dots, (3, 4, 10, 100), strict=True):
        around = best * np.array([0.99, 1, 1.01])
        values = derive.pull(around, math.pi / 2, c)
        assert top == pytest.approx(values[1]) and values.argmax() == 1


def test_dots_of_eq_19_lie_on_their_curves(monkeypatch):
    figure = caught(monkeypatch, ch04.no_best_gap, 5)
    dots = marks(figure.axes[0], hollow=False)
    for (_, gap, share), s in zip(dots, (1, 3, 10), strict=True):
        assert s * gap == pytest.approx(derive.best_gap(1, 5))
        assert share == pytest.approx(derive.pull(s, gap, 5) / s)


@pytest.mark.parametrize("relu", [True, False])
def test_no_vectors_leave_all_classes_a_wider_gap(relu):
    draw = np.random.default_rng(1)
    widest = 0
    for _ in range(300):
        x = draw.normal(size=(4, 3))
        x = np.abs(x) if relu else x
        w = x + draw.normal(size=x.shape) * draw.choice([0.01, 0.5])
        x, w = (v / np.linalg.norm(v, axis=1)[:, None] for v in (x, w))
        theta = np.arccos(np.clip(x @ w.T, -1, 1))
        others = np.where(np.eye(4, dtype=bool), 9, theta).min(1)
        widest = max(widest, (others - np.diag(theta)).min())
    assert widest <= ch04.widest_gap(4, relu) + 1e-12


def test_adacos_dots_are_fixed_points_and_filled_where_they_draw_in(
    monkeypatch,
):
    draw = np.random.default_rng(0)
    near = np.cos(np.radians(draw.uniform(60, 120, (60, 2))))
    near[:12, 0] = math.cos(math.radians(15))
    case = "near", near, math.pi / 4
    figure = caught(monkeypatch, ch04.adacos_steps, [case], 3)
    for hollow in (True, False):
        ((_, s, _),) = marks(figure.axes[0], hollow=hollow)
        after, slope = derive.adacos_step(s, near, math.pi / 4)
        assert after == pytest.approx(s, abs=0.05)
        assert (slope > 1) == hollow


def test_adacos_of_many_classes_is_drawn(monkeypatch):
    case = "right", np.zeros((4, 9999)), math.pi / 4
    figure = caught(monkeypatch, ch04.adacos_steps, [case], 10_000)
    ((_, s, _),) = marks(figure.axes[0], hollow=False)
    assert s == pytest.approx(math.sqrt(2) * math.log(9999), abs=0.06)


def test_sweep_draws_the_means_of_the_trainings(monkeypatch):
    theta = np.random.default_rng(0).uniform(0.1, 2, (2, 3, 5, 3))
    seen = live.Angles(theta, np.zeros((2, 3, 5), dtype=int))
    run = live.Trained({4: seen}, {4: seen}, {})
    frame = ch04.angles({"ReLU features": run}, [1, 40], 4)
    gaps = theta[..., 1:].min(-1) - theta[..., 0]
    means = np.stack([theta[..., 0], gaps]).mean((2, 3)).T
    found = frame.groupby("s")[["own", "gap"]].mean()
    assert found.to_numpy() == pytest.approx(means)
    empty, _ = plt.subplots(1, 2)
    figure = caught(monkeypatch, ch04.sweep, empty, frame, 3)
    (line,) = [one for one in figure.axes[1].lines if len(one.get_xdata()) > 9]
    for s, gap in line.get_xydata():
        assert gap == pytest.approx(derive.best_gap(s, 3))
