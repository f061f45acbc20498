"""What is derived holds: by identity, by numbers, by autograd."""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from arcbook import derive as d
from arcbook import formulas, losses, plot
from arcbook.chapters import ch02
from pictures import caught

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
    table = d.check(name, **values)
    assert len(table) == 5
    assert (table["angles"] >= 20).all()
    assert (table["largest relative error"] < 1e-9).all(), table


@pytest.mark.parametrize("name", losses.available())
def test_probability_form_equals_the_loss_written_out(name):
    """dL in P_y and P_j against sympy's derivative of the whole loss."""
    spec = losses.get(name)
    base = losses.get("normface") if spec.penalty == "iam" else spec
    numbers = base.defaults | spec.defaults
    numbers |= {"s": 1.4} if base.adaptive else {}
    numbers = {
        k: sp.Rational(v) if isinstance(v, float) else v
        for k, v in numbers.items()
    }
    derivation = d.of(name, **numbers)
    angles = sp.symbols("t:3", real=True)
    loss = d.loss_of_angles(name, angles, **numbers)
    at = dict(zip(angles, map(sp.Rational, ("0.8", "1.9", "1.2"))))
    hyper = {k: v for k, v in numbers.items() if k != "beta"}
    own, *others = at.values()
    z = [d.logits(base, own, hyper)]
    z += [d.rival(base, t, hyper) for t in others]
    odds = [sp.exp(sp.sympify(logit).subs(d.UNIT)) for logit in z]
    p_y, p_j, _ = (one / sum(odds) for one in odds)
    point = {d.THETA_Y: own, d.THETA_J: others[0], d.P_Y: p_y, d.P_J: p_j}
    for form, angle in zip((derivation.dL_y, derivation.dL_j), angles):
        written_out = sp.diff(loss, angle).subs(at).evalf(30)
        found = form.subs(point | d.UNIT).evalf(30)
        assert abs(found / written_out - 1) < 1e-20


@pytest.fixture
def register():
    """Make "squared" a loss of a formula with s and m, for one test."""
    hyper = (
        losses.Hyperparameter("s", "scale", 8.0, 0, closed=False),
        losses.Hyperparameter("m", "margin", 0.2, 0),
    )
    yield lambda target: losses.register(
        losses.Loss("squared", "Squared", "", target, hyperparameters=hyper)
    )
    losses.unregister("squared")


def test_a_check_can_fail(register):
    """A formula that differs from its derivative is caught."""

    def crooked(theta, *, m):
        wrong = 0 if hasattr(theta, "free_symbols") else 1e-6 * theta
        return formulas.cos(theta) - m + wrong

    register(crooked)
    assert d.check("squared")["largest relative error"].max() > 1e-8


def test_a_new_loss_is_a_formula_and_an_entry(register, monkeypatch):
    def squared(theta, *, m):
        """Square margin: cos θ − m θ²."""
        return formulas.cos(theta) - m * theta**2

    register(squared)
    assert "squared" in losses.available()
    slope = -d.s * (sp.sin(d.THETA_Y) + 2 * d.m * d.THETA_Y)
    assert sp.simplify(d.of("squared").dZ_y - slope) == 0
    assert (d.check("squared")["largest relative error"] < 1e-9).all()
    assert "cos θ − m θ²" in losses.describe("squared")
    assert "Squared" in set(ch02.table()["loss"])
    plot.style()
    for draw, given in ((ch02.logit_atlas, ()), (ch02.loss_atlas, (5.0, 10))):
        figure = caught(monkeypatch, draw, *given)
        titles = " ".join(a.get_title(loc="left") for a in figure.axes)
        assert "Squared" in titles
    assert plot.colour("squared").startswith("#")


CLASSES = [2, 3, 10, 100]


def value(expression, **at):
    names = {symbol.name: symbol for symbol in expression.free_symbols}
    return float(expression.subs({names[k]: v for k, v in at.items()}))


def head_losses(name, theta, **hyper):
    """Losses of the code at angles (N, C), all of class 0."""
    theta = torch.as_tensor(theta)
    head = losses.create(
        name, embedding_dim=2, num_classes=theta.shape[1], **hyper
    )
    return head.losses_at(theta, torch.zeros(len(theta), dtype=torch.long))


def head_gradient(name, theta, **hyper):
    return d.autograd(lambda a: head_losses(name, a, **hyper), [theta])[0]


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("scale", [0.5, 3, 12])
def test_right_angle_gradients_are_those_of_the_code(classes, scale):
    theta = [0.0] + [math.pi / 2] * (classes - 1)
    shipped = head_gradient("arcgrad", theta, s=float(scale))
    for derived, at in zip(d.right_angle_gradients(), (0, 1), strict=True):
        expected = value(derived, s=scale, C=classes)
        assert shipped[at] == pytest.approx(expected, rel=1e-12)


def test_right_angle_probabilities_sum_to_one_and_give_the_gradients():
    p_y, p_j = d.right_angle_probabilities()
    assert sp.simplify(p_y + (d.C - 1) * p_j - 1) == 0
    of_y, of_j = d.right_angle_gradients()
    assert sp.simplify(of_y - d.s * (1 - p_y)) == 0
    assert sp.simplify(of_j + d.s * p_j) == 0


def test_every_gap_as_the_smallest_bounds_the_loss_from_above():
    draw = np.random.default_rng(0)
    bound = sp.lambdify((d.s, d.C, d.m), d.loss_of_gap())
    theta = draw.uniform(0, math.pi, (200, 5))
    loss = head_losses("arcgrad", theta, s=4.0).numpy()
    gaps = theta[:, 1:] - theta[:, :1]
    above = bound(4, 5, gaps.min(1))
    assert (loss <= above).all()
    assert (above - loss < math.log(4)).all()


def test_jensen_makes_the_mean_gap_a_bound_from_below():
    loss = d.numeric(d.loss_of_gap().subs({d.s: 5, d.C: 3}), d.m)
    gaps = np.array([-0.7, 0.1, 1.4])
    assert loss(gaps.mean()) < loss(gaps).mean()


@pytest.mark.parametrize("gap", [-0.7, 0.2, 2.5])
def test_pull_is_what_is_left_of_the_gradient_of_the_code(gap):
    theta = [0.3] + [0.3 + gap] * 4
    shipped = head_gradient("arcgrad", theta, s=7.0)[0]
    assert d.pull(7.0, gap, 5) == pytest.approx(shipped, rel=1e-12)
    p = 1 / (1 + 4 * math.exp(-7 * gap))
    assert shipped == pytest.approx(7 * (1 - p), rel=1e-9)


def test_pull_falls_with_the_gap_and_ends_at_zero():
    pull = d.pull(4, np.linspace(-3, 3, 50), 3)
    assert (np.diff(pull) < 0).all()
    assert d.pull(1e4, np.pi, 3) == 0


def test_gap_gradient_has_the_sign_and_the_factor_that_eq_17_lacks():
    signed = -d.s * d.printed_gap_gradient().subs(d.m, -d.m)
    assert sp.simplify(d.gap_gradient() - signed) == 0
    slope = sp.diff(d.printed_gap_gradient(), d.s)
    for scale in np.geomspace(0.01, 10, 20):
        assert value(slope, s=scale, m=0.8, C=3) > 0


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("gap", [0.05, 0.8, 2.5])
def test_eq_19_is_the_scale_of_the_largest_gradient(classes, gap):
    best = d.best_scale(gap, classes)
    found = minimize_scalar(
        lambda s: -d.pull(s, gap, classes),
        bounds=(best / 5, best * 5),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert found.x == pytest.approx(best, rel=1e-6)
    product = value(d.best_product(), C=classes)
    assert best * gap == pytest.approx(product, rel=1e-12)
    largest = value(d.at_best(-d.gap_gradient()), s=best, m=gap)
    assert d.pull(best, gap, classes) == pytest.approx(largest, rel=1e-12)


def test_zero_of_the_slope_solves_for_the_lambert_function():
    assert round(math.degrees(d.best_gap(1, 3))) == 84
    assert round(math.degrees(d.best_gap(40, 3))) == 2
    x = sp.Symbol("x", positive=True)
    (root,) = sp.solve(d.scale_slope().subs(d.s, x / d.m), x)
    assert sp.simplify(root - d.best_product()) == 0


def test_curvature_at_the_best_scale_is_negative():
    gap, classes = 0.8, 10
    best = d.best_scale(gap, classes)
    second = sp.diff(-d.gap_gradient(), d.s, 2)
    direct = value(second, s=best, m=gap, C=classes)
    short = value(d.curvature_at_best(), s=best, m=gap)
    assert direct == pytest.approx(short, rel=1e-9)
    assert direct < 0


@pytest.mark.parametrize(("classes", "scale"), [(2, 1.0), (3, 10), (100, 40)])
def test_gap_after_solves_the_gradient_flow(classes, scale):
    times = np.array([0, 0.01, 1, 100])
    flow = solve_ivp(
        lambda _, m: d.pull(scale, m, classes),
        (0, 100),
        [0.0],
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
    )
    reached = d.gap_after(times, scale, classes)
    np.testing.assert_allclose(reached, flow.y[0], rtol=1e-7, atol=1e-10)
    assert np.isfinite(d.gap_after(1e6, scale, classes))


def test_second_derivative_of_p_is_the_bracket():
    p = 1 / (1 + d.B * sp.exp(-d.s * sp.cos(d.theta)))
    second = sp.diff(p, d.theta, 2)
    assert sp.simplify(second - d.s * p * (1 - p) * d.adacos_bracket()) == 0


@pytest.mark.parametrize(("scale", "rivals"), [(3.1, 9), (9.8, 999), (30, 2)])
def test_steepest_angle_is_where_p_falls_fastest(scale, rivals):
    angles = np.linspace(0, math.pi / 2, 100_001)
    p = 1 / (1 + rivals * np.exp(-scale * np.cos(angles)))
    fastest = angles[np.gradient(p, angles).argmin()]
    assert d.steepest_angle(scale, rivals) == pytest.approx(fastest, abs=2e-5)
    assert math.isnan(d.steepest_angle(0.1, 1.0))


def test_adacos_step_is_the_step_of_the_code():
    torch.manual_seed(0)
    head = losses.create("adacos", embedding_dim=6, num_classes=5)
    head.s.fill_(4.0)
    x, y = torch.randn(41, 6, dtype=torch.float64), torch.arange(41) % 5
    w = torch.nn.functional.normalize(head.weight.detach().double())
    cosines = (torch.nn.functional.normalize(x) @ w.T).numpy()
    own = np.eye(5, dtype=bool)[y]
    middle = np.median(np.arccos(cosines[own]))
    expected, _ = d.adacos_step(4.0, cosines[~own].reshape(41, 4), middle)
    head.train()(x, y)
    assert head.s.item() == pytest.approx(float(expected), rel=1e-6)


def test_slope_of_the_adacos_step_is_its_derivative():
    cosines = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    low, _ = d.adacos_step(3 - 1e-6, cosines, 0.5)
    high, _ = d.adacos_step(3 + 1e-6, cosines, 0.5)
    _, slope = d.adacos_step(3.0, cosines, 0.5)
    assert (high - low) / 2e-6 == pytest.approx(slope, rel=1e-6)
    assert d.adacos_step(0.0, cosines[:, :1], 0.5)[0] == 0  # two classes


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_total_by_logits_is_the_gradient_of_the_code(beta, classes):
    theta = np.random.default_rng(classes).uniform(0.2, 2.8, classes)
    shipped = head_gradient("iam", list(theta), s=3.0, beta=beta)
    p = softmax(3 * np.cos(theta))
    at = {d.beta: beta, d.p_y: p[0], d.p_j: p[1]}
    for k, by_logit in enumerate(d.total_by_logits()):
        by_angle = float(by_logit.subs(at)) * -3 * math.sin(theta[k])
        assert shipped[k] == pytest.approx(by_angle, rel=1e-9)


def test_eq_10_to_14_and_their_common_weight():
    of_y, of_j = d.total_by_logits()
    weight = 1 - d.p_y + d.beta * d.p_y
    assert sp.simplify(of_y + weight) == 0
    assert sp.simplify(of_j - d.p_j / (1 - d.p_y) * weight) == 0
    of_y, of_j = d.iam_by_logits()
    assert of_y == -d.p_y
    assert sp.simplify(of_j - (d.p_j / (1 - d.p_y) - d.p_j)) == 0


def test_rival_bracket_is_that_of_the_page():
    by_hand = (1 - d.p_j) * (1 - d.p_y) * (1 - d.p_y + d.beta * d.p_y)
    by_hand -= d.beta * d.p_y * d.p_j
    assert sp.expand(d.rival_bracket() - by_hand) == 0


def test_total_in_the_log_odds_is_the_loss_of_the_code():
    theta = np.array([[0.4, 1.3, 2.0]])
    z = 5 * np.cos(theta[0])
    u = np.logaddexp(z[1], z[2]) - z[0]
    expected = value(d.iam_of_log_odds(), u=u, beta=0.7) - 0.7 * math.log(2)
    loss = head_losses("iam", theta, s=5.0, beta=0.7).item()
    assert loss == pytest.approx(expected, rel=1e-12)
    assert sp.simplify(d.iam_of_log_odds().subs(d.beta, 1) - d.u) == 0
