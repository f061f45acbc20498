"""Chapter 10: a larger scale leads first, a smaller one ends tighter."""

import math

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

from arcbook import derive, experiments, packing
from arcbook.chapters import ch10
from pictures import caught, opened

S, C = 7.0, 10


def number(expression, **values):
    given = {derive.s: S, ch10.k: C - 1} | {
        getattr(derive, k, None) or getattr(ch10, k): v
        for k, v in values.items()
    }
    return float(expression.subs(given))


def test_the_gap_left_leaves_that_pull():
    gap = number(ch10.gap_left(), epsilon=0.3)
    assert number(ch10.pull(), m=gap) == pytest.approx(0.3)


def test_the_widest_gap_at_an_equal_pull_is_at_the_turning_share():
    share = number(ch10.turning_share())
    gap = sp.lambdify(
        derive.s, ch10.gap_left().subs({ch10.k: C - 1, ch10.epsilon: 1.0})
    )
    scales = np.linspace(1.05, 30, 20_001)
    best = scales[np.argmax(gap(scales))]
    assert 1 / best == pytest.approx(share, rel=1e-3)


def test_time_is_the_integral_of_one_over_the_pull():
    end = 0.6
    found = solve_ivp(
        lambda t, m: derive.pull(S, m, C),
        *((0, number(ch10.time_to(), m=end)), [0.0]),
        rtol=1e-9,
        atol=1e-12,
    )
    assert found.y[0, -1] == pytest.approx(end, rel=1e-5)
    assert math.pi / 2 - ch10.own_angle_after(found.t[-1], S, C) == (
        pytest.approx(end, rel=1e-5)
    )


@pytest.mark.parametrize("gap", [0.3, 0.8])
def test_the_quickest_scale_reaches_a_gap_first(gap):
    best = ch10.quickest_product(C) / gap
    time = sp.lambdify(
        derive.s, ch10.time_to().subs({ch10.k: C - 1, derive.m: gap})
    )
    assert time(best) < min(time(0.98 * best), time(1.02 * best))


def test_curves_cross():
    early, late = (
        ch10.own_angle_after(t, np.array([1.0, 20.0]), C) for t in (0.01, 10)
    )
    assert early[1] < early[0] and late[0] < late[1]


@pytest.mark.parametrize("share", [0.1, 0.01])
def test_own_angle_left_leaves_the_share(share):
    angle = ch10.own_angle_left(share, S, C)
    left = derive.pull(S, math.pi / 2 - angle, C) / S
    assert left == pytest.approx(share)
    with pytest.raises(ValueError, match="between 0 and 1"):
        ch10.own_angle_left(1.5, S, C)


def test_certainty_is_that_of_a_sample_on_its_class_vector():
    table = ch10.certainty([1.0, 20.0], C).set_index("s")
    for s in (1.0, 20.0):
        odds = 9 * math.exp(-s * math.pi / 2)
        assert table.loc[s, "p"] == pytest.approx(1 / (1 + odds))


def record(s, features, labels, vectors):
    arrays = {
        "features": features.astype(np.float32),
        "feature_labels": labels.astype(np.uint8),
        "class_vectors": vectors.astype(np.float32),
    }
    return {
        "hyperparameters": {"s": s},
        "arrays": {k: packing.pack(v) for k, v in arrays.items()},
    }


def test_pulls_are_one_less_the_softmax_of_angles():
    draw = np.random.default_rng(0)
    x, w = draw.normal(size=(20, 4)), draw.normal(size=(3, 4))
    labels = np.arange(20) % 3
    found = ch10.pulls(record(2.0, x, labels, w))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, w)]
    theta = np.arccos(unit[0] @ unit[1].T)
    p = np.exp(-2 * theta) / np.exp(-2 * theta).sum(1, keepdims=True)
    rows = np.arange(20)
    assert found["own"].to_numpy() == pytest.approx(
        theta[rows, labels], abs=1e-5
    )
    assert found["left"].to_numpy() == pytest.approx(
        1 - p[rows, labels], abs=1e-5
    )
    right = theta.argmin(1) == labels
    assert (found["right"] == right).all()


def test_filled_images_are_right_and_hollow_ones_wrong(monkeypatch):
    table = pd.DataFrame(
        {"own": [0.3, 1.2], "left": [0.2, 0.9], "right": [True, False]}
    )
    figure = caught(monkeypatch, ch10.pulled, {1.0: table}, C)
    (dots,) = figure.axes[0].collections
    assert dots.get_offsets().data.tolist() == [[0.3, 0.2], [1.2, 0.9]]
    assert dots.get_facecolor()[:, 3].tolist() == [1, 0]


def test_the_opening_draws_the_flow(monkeypatch):
    figure, values = opened(monkeypatch, "10_fashion")
    lines = figure.axes[0].get_lines()
    assert len(lines) == len(values["SCALES"])
    for line, s in zip(lines, values["SCALES"], strict=True):
        t, angle = line.get_data()
        assert angle == pytest.approx(ch10.own_angle_after(t, s, C))


def test_courses_are_those_of_the_records(monkeypatch):
    records = experiments.records("angular-learning.fig5", "quick")
    figure = caught(monkeypatch, ch10.courses, records)
    (axes,) = figure.axes
    ordered = sorted(records, key=lambda x: x["hyperparameters"]["s"])
    for line, one in zip(axes.get_lines(), ordered, strict=True):
        looks = one["curves"]["looks"]
        assert line.get_xdata() == pytest.approx(looks["step"])
        assert line.get_ydata() == pytest.approx(looks["wc_intra"])


def test_every_class_is_named_in_the_plane(monkeypatch):
    records = experiments.records("angular-learning.fig6", "quick")
    names = [f"class {k}" for k in range(10)]
    figure = caught(monkeypatch, ch10.plane, records, names)
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == names
    inks = [one.get_color() for one in key.get_lines()]
    assert len(set(inks)) == 10
    for axes, one in zip(figure.axes, records, strict=True):
        *rays, ring = axes.get_lines()
        assert [ray.get_color() for ray in rays] == inks
        vectors = packing.unpack(one["arrays"]["class_vectors"])
        drawn = [ray.get_xdata()[1] for ray in rays]
        assert drawn == pytest.approx(np.arctan2(vectors[:, 1], vectors[:, 0]))
        assert (ring.get_ydata() == 1).all()
