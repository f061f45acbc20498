"""Every derived result holds: by identity, by numbers, by autograd."""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from arcbook import derive as d
from arcbook import losses
from arcbook.figures import iam as iam_pictures

CLASSES = [2, 3, 10, 100]


def value(expression, **at):
    names = {symbol.name: symbol for symbol in expression.free_symbols}
    return float(expression.subs({names[k]: v for k, v in at.items()}))


def head_gradient(name, theta, **hyper):
    head = losses.create(
        name, embedding_dim=2, num_classes=len(theta), **hyper
    )
    theta = torch.tensor([theta], dtype=torch.float64, requires_grad=True)
    loss = head.losses_at(theta, torch.zeros(1, dtype=torch.long)).sum()
    return torch.autograd.grad(loss, theta)[0][0].numpy()


# ------------------------------------------------- P(j) and Eq. 11


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


# ------------------------------------------------- ArcGrad Eq. 12 to 19


def test_every_gap_as_the_smallest_bounds_the_loss_from_above():
    draw = np.random.default_rng(0)
    bound = sp.lambdify((d.s, d.C, d.m), d.loss_of_gap())
    head = losses.create("arcgrad", embedding_dim=2, num_classes=5, s=4.0)
    theta = torch.tensor(draw.uniform(0, math.pi, (200, 5)))
    loss = head.losses_at(theta, torch.zeros(200, dtype=torch.long)).numpy()
    gaps = (theta[:, 1:] - theta[:, :1]).numpy()
    above = bound(4, 5, gaps.min(1))
    assert (loss <= above).all()
    assert (above - loss < math.log(4)).all()


def test_jensen_makes_the_mean_gap_a_bound_from_below():
    assert value(d.gap_curvature(), s=2, C=3, m=0.7) > 0
    loss = sp.lambdify(d.m, d.loss_of_gap().subs({d.s: 5, d.C: 3}))
    gaps = np.array([-0.7, 0.1, 1.4])
    assert loss(gaps.mean()) < loss(gaps).mean()


def test_gap_gradient_has_the_sign_and_the_factor_that_eq_17_lacks():
    signed = -d.s * d.printed_gap_gradient().subs(d.m, -d.m)
    assert sp.simplify(d.gap_gradient() - signed) == 0
    assert sp.simplify(d.gap_gradient() - d.printed_gap_gradient()) != 0


def test_printed_eq_17_has_no_maximum_in_s():
    slope = sp.diff(d.printed_gap_gradient(), d.s)
    for scale in np.geomspace(0.01, 10, 20):
        assert value(slope, s=scale, m=0.8, C=3) > 0


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("gap", [0.05, 0.8, 2.5])
def test_eq_19_is_the_scale_of_the_largest_gradient(classes, gap):
    size = sp.lambdify(d.s, -d.gap_gradient().subs({d.C: classes, d.m: gap}))
    best = d.best_scale(gap, classes)
    found = minimize_scalar(
        lambda s: -size(s),
        bounds=(best / 5, best * 5),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert found.x == pytest.approx(best, rel=1e-6)
    product = value(d.best_product(), C=classes)
    assert best * gap == pytest.approx(product, rel=1e-12)
    assert size(best) == pytest.approx(
        value(d.largest_gradient(), s=best, m=gap), rel=1e-12
    )


def test_zero_of_the_slope_solves_for_the_lambert_function():
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


def test_84_and_2_degrees():
    assert round(math.degrees(d.best_gap(1, 3))) == 84
    assert round(math.degrees(d.best_gap(40, 3))) == 2


@pytest.mark.parametrize("classes", CLASSES)
def test_share_left_is_the_same_at_every_scale(classes):
    share = value(d.share_left(), C=classes)
    for scale in (0.3, 7):
        gap = d.best_gap(scale, classes)
        size = -value(d.gap_gradient(), s=scale, m=gap, C=classes)
        assert size / scale == pytest.approx(share, rel=1e-12)


def test_gradient_in_the_gap_has_no_maximum():
    gaps = np.linspace(-3, 3, 50)
    size = sp.lambdify(d.m, -d.gap_gradient().subs({d.s: 4, d.C: 3}))(gaps)
    assert (np.diff(size) < 0).all()


@pytest.mark.parametrize(("classes", "scale"), [(2, 1.0), (3, 10), (100, 40)])
def test_gap_after_solves_the_gradient_flow(classes, scale):
    times = np.array([0, 0.01, 1, 100])
    k = classes - 1
    flow = solve_ivp(
        lambda _, m: scale * k / (k + np.exp(scale * m)),
        (0, 100),
        [0.0],
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
    )
    reached = d.gap_after(times, scale, classes)
    np.testing.assert_allclose(reached, flow.y[0], rtol=1e-7, atol=1e-10)


def test_gap_after_survives_a_long_time():
    assert np.isfinite(d.gap_after(1e6, 40, 3))


def test_overlap_ends_the_gap_at_the_log_odds():
    q, scale = 0.8, 7.0
    (symbol,) = d.gap_of_overlap().free_symbols - {d.s}
    derived = float(d.gap_of_overlap().subs({d.s: scale, symbol: q}))
    found = minimize_scalar(
        lambda m: (
            q * np.log1p(np.exp(-scale * m))
            + (1 - q) * np.log1p(np.exp(scale * m))
        )
    )
    assert derived == pytest.approx(found.x, rel=1e-5)


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
        own = np.diag(theta)
        others = np.where(np.eye(4, dtype=bool), 9, theta).min(1)
        widest = max(widest, (others - own).min())
    assert widest <= d.widest_gap(4, relu) + 1e-12


def test_gap_table_has_a_row_for_each_number_of_classes():
    assert list(d.gap_table(CLASSES)["C"]) == CLASSES


# ------------------------------------------------- AdaCos Eq. 9 and 10


def test_second_derivative_of_p_is_the_bracket():
    p = d.adacos_probability()
    second = sp.diff(p, d.theta, 2)
    assert sp.simplify(second - d.s * p * (1 - p) * d.adacos_bracket()) == 0


@pytest.mark.parametrize(("scale", "rivals"), [(3.1, 9), (9.8, 999), (30, 2)])
def test_eq_9_with_the_dropped_term_is_exact(scale, rivals):
    at = d.steepest_angle(scale, rivals)
    dropped = value(d.adacos_dropped(), s=scale, theta=at)
    exact = scale * math.cos(at)
    assert exact == pytest.approx(math.log(rivals) - dropped, rel=1e-9)
    slope = sp.diff(d.adacos_probability(), d.theta)
    slope = sp.lambdify(d.theta, slope.subs({d.s: scale, d.B: rivals}))
    assert slope(at) < min(slope(at - 0.01), slope(at + 0.01))


def test_eq_9_is_one_half_and_not_the_steepest_place():
    scale, rivals = math.sqrt(2) * math.log(9), 9
    half = d.half_angle(scale, rivals)
    assert half == pytest.approx(math.pi / 4)
    p = value(d.adacos_probability(), s=scale, B=rivals, theta=half)
    assert p == pytest.approx(0.5)
    assert d.steepest_angle(scale, rivals) - half > math.radians(10)


def test_steepest_angle_nears_eq_9_as_the_scale_grows():
    gaps = [
        abs(d.steepest_angle(s, math.exp(s / 2)) - math.pi / 3)
        for s in (10, 100, 1000)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


def test_no_angle_is_nan():
    assert math.isnan(d.half_angle(1.0, 100))
    assert math.isnan(d.steepest_angle(0.1, 1.0))


def test_adacos_step_is_the_step_of_the_code():
    torch.manual_seed(0)
    head = losses.create("adacos", embedding_dim=6, num_classes=5)
    head.s.fill_(4.0)
    x, y = torch.randn(41, 6, dtype=torch.float64), torch.arange(41) % 5
    w = torch.nn.functional.normalize(head.weight.detach().double())
    cosines = (torch.nn.functional.normalize(x) @ w.T).numpy()
    own = torch.nn.functional.one_hot(y, 5).bool().numpy()
    middle = np.median(np.arccos(cosines[own]))
    others = cosines[~own].reshape(41, 4)
    expected, _ = d.adacos_step(4.0, others, middle)
    head.train()(x, y)
    assert head.s.item() == pytest.approx(float(expected), rel=1e-6)


def test_slope_of_the_adacos_step_is_its_derivative():
    cosines = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    low, _ = d.adacos_step(3 - 1e-6, cosines, 0.5)
    high, _ = d.adacos_step(3 + 1e-6, cosines, 0.5)
    _, slope = d.adacos_step(3.0, cosines, 0.5)
    assert (high - low) / 2e-6 == pytest.approx(slope, rel=1e-6)


def test_adacos_of_two_classes_stays_at_zero():
    after, _ = d.adacos_step(0.0, np.array([[0.3], [-0.8]]), 0.5)
    assert after == 0


# ------------------------------------------------- IAM Eq. 7 to 14


def probabilities(theta, s):
    z = s * np.cos(theta)
    p = np.exp(z - z.max())
    return p / p.sum()


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_total_by_logits_is_the_gradient_of_the_code(beta, classes):
    theta = np.random.default_rng(classes).uniform(0.2, 2.8, classes)
    shipped = head_gradient("iam", list(theta), s=3.0, beta=beta)
    p = probabilities(theta, 3.0)
    for k, derived in ((0, 0), (1, 1)):
        names = {"beta": beta, "p_y": p[0], "p_j": p[1]}
        expression = d.total_by_logits()[derived]
        names = {
            symbol: names[symbol.name] for symbol in expression.free_symbols
        }
        by_angle = float(expression.subs(names)) * -3 * math.sin(theta[k])
        assert shipped[k] == pytest.approx(by_angle, rel=1e-9)


def test_eq_13_and_14_share_one_weight():
    of_y, of_j = d.total_by_logits()
    weight = 1 - d.p_y + d.beta * d.p_y
    assert sp.simplify(of_y + weight) == 0
    assert sp.simplify(of_j - d.p_j / (1 - d.p_y) * weight) == 0


def test_penalty_by_logits_is_eq_10_and_11():
    of_y, of_j = d.iam_by_logits()
    assert of_y == -d.p_y
    assert sp.simplify(of_j - (d.p_j / (1 - d.p_y) - d.p_j)) == 0


def test_rival_slope_is_the_derivative_in_the_rivals_logit():
    z_j, R, T = sp.symbols("z_j R T", positive=True)
    total = T + sp.exp(z_j) + R
    p = {d.p_y: T / total, d.p_j: sp.exp(z_j) / total}
    direct = sp.diff(d.total_by_logits()[1].subs(p), z_j)
    at = {z_j: 0.3, R: 2.0, T: 5.0, d.beta: 1.7}
    derived = d.rival_slope().subs({k: v.subs(at) for k, v in p.items()})
    assert float(direct.subs(at)) == pytest.approx(float(derived.subs(at)))
    scaled = d.p_j * d.rival_bracket() / (1 - d.p_y) ** 2
    assert sp.simplify(d.rival_slope() - scaled) == 0


def test_claim_on_beta_above_1_holds_for_two_classes_only():
    two = sp.factor(d.rival_bracket().subs(d.p_j, 1 - d.p_y))
    assert value(two, beta=2, p_y=0.7) < 0
    assert value(two, beta=0.5, p_y=0.7) > 0
    weights = [
        iam_pictures.rival_weight(*np.radians([30, angle, 90]), s=10, beta=2)[
            0
        ]
        for angle in (100, 90, 80, 70, 60)
    ]
    assert (np.diff(weights) > 0).all()


def test_rival_weight_of_the_picture_is_the_derived_one():
    theta, s, beta = np.array([0.9, 1.1, 1.6]), 4.0, 2.0
    p = probabilities(theta, s)
    weight, sign = iam_pictures.rival_weight(*theta, s=s, beta=beta)
    at = {"beta": beta, "p_y": p[0], "p_j": p[1]}
    assert weight == pytest.approx(value(d.total_by_logits()[1], **at))
    assert sign == np.sign(value(d.rival_bracket(), **at))


def test_total_in_the_log_odds_is_the_loss_of_the_code():
    theta = torch.tensor([[0.4, 1.3, 2.0]], dtype=torch.float64)
    label = torch.zeros(1, dtype=torch.long)
    head = losses.create(
        "iam", embedding_dim=2, num_classes=3, s=5.0, beta=0.7
    )
    z = 5 * theta.cos()[0]
    u = (z[1:].logsumexp(0) - z[0]).item()
    expected = value(d.iam_of_log_odds(), u=u, beta=0.7)
    expected -= 0.7 * math.log(2)
    loss = head.losses_at(theta, label).item()
    assert loss == pytest.approx(expected, rel=1e-12)


def test_at_beta_1_the_loss_is_the_log_odds():
    total = d.iam_of_log_odds().subs(d.beta, 1)
    assert sp.simplify(total - d.u) == 0


def test_loss_falls_for_ever_in_the_scale():
    slope = d.iam_scale_slope()
    assert sp.limit(slope, d.s, sp.oo) == -d.beta * d.Delta
    total = d.iam_of_log_odds().subs(d.u, -d.s * d.Delta)
    assert sp.simplify(sp.diff(total, d.s) - slope) == 0
