"""Figures: every registered loss has its curve, and all can be told apart."""

import itertools

import numpy as np
import pytest
from matplotlib import pyplot as plt

from arcbook import losses, plot
from arcbook.figures import boundaries, curves, sphere, steps
from arcbook.plot.style import to_svg

MAIN = ("softmax", "center", "m_softmax", "arcface", "adacos", "arcgrad")
PAGES = ("#ffffff", "#121212")
THETA = np.linspace(0.01, np.pi - 0.02, 7)


@pytest.fixture(autouse=True)
def book_style():
    plot.style()
    yield
    plt.close("all")


@pytest.fixture
def squared():
    """A loss that is one formula and one registry entry, nothing else."""

    def square(theta, *, m):
        return 1 - m * theta**2

    entry = losses.Loss(
        "squared",
        "Squared",
        "the square of the angle",
        target=square,
        hyperparameters=(
            losses.Hyperparameter("s", "scale", 5.0, 0, closed=False),
            losses.Hyperparameter("m", "steepness", 0.5, 0),
        ),
        sources=("a test",),
    )
    losses.register(entry)
    yield "squared"
    losses.unregister("squared")


def numerical_slope(made, theta, step=1e-6):
    import torch

    high, low = (
        made.target_logit(torch.tensor(theta + d)).numpy()
        for d in (step, -step)
    )
    return (high - low) / (2 * step)


@pytest.mark.parametrize("name", losses.available())
def test_slope_of_the_logit_is_the_numerical_one(name):
    made = curves.head(name)
    slope = curves.logit_slope(made, THETA)
    np.testing.assert_allclose(slope, numerical_slope(made, THETA), atol=1e-6)


@pytest.mark.parametrize("name", losses.available())
def test_loss_pulls_as_the_chain_rule_says(name):
    made = curves.head(name, num_classes=4, s=3.0, alpha=3.0)
    slope = curves.loss_slope(made, THETA, s=3.0)
    assert np.isfinite(slope).all()
    if name == "iam":
        return
    scale = curves.unit_scale(made, 3.0)
    logit = curves.logit_slope(made, THETA) * curves.feature_norm(made, 3.0)
    own = boundaries.surplus(name, THETA, 0 * THETA + np.pi / 2, 3.0)
    wrong = 3 / (3 + np.exp(scale * own))
    np.testing.assert_allclose(slope, -wrong * logit, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", losses.available())
def test_step_of_a_small_rate_follows_the_slope(name):
    turns = np.column_stack([THETA, np.tile([-1.3, -2.5], (7, 1))])
    after = steps.step(name, turns, 1e-5)
    made = curves.head(name, 3)
    moved = THETA - after[:, 0]
    assert np.abs(moved).max() < 1e-3
    assert (moved * -curves.logit_slope(made, THETA) >= -1e-12).all()


def test_new_loss_gets_its_curves(squared):
    slope = curves.logit_slope(curves.head(squared), THETA)
    np.testing.assert_allclose(slope, -5.0 * THETA)
    for figure in (curves.logit_atlas(), curves.loss_atlas(5.0, 10)):
        titles = " ".join(a.get_title(loc="left") for a in figure.axes)
        assert "Squared" in titles
    assert plot.colour(squared).startswith("#")


@pytest.mark.parametrize("draw", [curves.logit_atlas, curves.loss_atlas])
def test_atlas_names_every_loss_once(draw):
    figure = draw() if draw is curves.logit_atlas else draw(20.0, 10)
    text = " ".join(
        a.get_title(loc="left").replace("\n", " ") for a in figure.axes
    )
    names = sorted(name for name in text.replace(", ", " ").split())
    titles = " ".join(plot.title(n) for n in losses.available())
    assert names == sorted(titles.split())


FIGURES = {
    "regions": lambda: sphere.regions((0.3, 2.2)),
    "confidence": sphere.confidence,
    "digits lost": lambda: sphere.digits_lost(points=12),
    "toy": lambda: steps.update_toy(["softmax", "arcgrad"], [1, -1.3], 0.3),
    "sizes": lambda: steps.step_sizes(["softmax"], 0.3, [1], [-2], 9),
    "descent": lambda: steps.descent(["arcgrad"], 1, [-2], 0.3, 1.0, 5),
    "fig3": lambda: curves.fig3({"softmax": {}, "l_softmax": {"m": 3}}),
    "atlas": lambda: curves.loss_atlas(20.0, 10, ["arcface", "iam"]),
    "psi": boundaries.psi_pieces,
    "variants": lambda: boundaries.arcface_variants(0.5),
    "plane": lambda: boundaries.plane({"arcface": {"m": 0.5}}, 20.0),
    "gaps": lambda: boundaries.gaps({"cosface": {"m": 0.4}}, 20.0, 1.5),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_same_figure_gives_the_same_bytes(draw):
    first, second = (to_svg(draw(), "a picture") for _ in range(2))
    assert first == second
    assert "currentColor" in first and 'aria-label="a picture"' in first


def test_figure_needs_alternative_text():
    with pytest.raises(ValueError, match="alternative text"):
        plot.show(plt.figure(), alt=" ")


def test_width_of_the_margin_has_its_closed_form():
    apart = np.array([0.8, 1.5, 3.0])
    arcface = boundaries.gap("arcface", apart, 20.0, m=0.5)
    np.testing.assert_allclose(arcface, 0.5)
    cosface = boundaries.gap("cosface", apart[1:], 20.0, m=0.4)
    closed = 2 * np.arcsin(0.4 / (2 * np.sin(apart[1:] / 2)))
    np.testing.assert_allclose(cosface, closed)
    sphereface = boundaries.gap("sphereface", apart, 20.0, m=2)
    np.testing.assert_allclose(sphereface, apart / 3)
    np.testing.assert_allclose(boundaries.gap("arcgrad", apart, 1.0), 0)
    assert np.isnan(boundaries.gap("arcface", [0.3], 20.0, m=0.5)).all()


def test_chords_keep_the_digits_that_the_arc_cosine_loses():
    theta, arccos, chords = sphere.arccos_error(points=25)
    assert arccos[theta < 1e-8].max() >= 1
    assert chords[theta > 1e-7].max() < 1e-15


def luminance(colour):
    rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(
        rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4
    )
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", losses.available())
def test_colour_stands_out_on_the_page(name, page):
    high, low = sorted(
        (luminance(plot.colour(name)), luminance(page)), reverse=True
    )
    assert (high + 0.05) / (low + 0.05) >= 2.5


@pytest.mark.parametrize("defect", ["deuteran", "protan", "tritan"])
def test_main_colours_differ_for_colour_blind_readers(defect):
    colorspacious = pytest.importorskip("colorspacious")
    sight = {
        "name": "sRGB1+CVD",
        "cvd_type": f"{defect}omaly",
        "severity": 100,
    }

    def seen(name):
        code = plot.colour(name)
        rgb = [int(code[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        shown = np.clip(
            colorspacious.cspace_convert(rgb, sight, "sRGB1"), 0, 1
        )
        return colorspacious.cspace_convert(shown, "sRGB1", "CAM02-UCS")

    for one, other in itertools.combinations(MAIN, 2):
        apart = np.linalg.norm(seen(one) - seen(other))
        assert apart >= 12, f"{one} and {other} are {apart:.1f} apart"


def test_markers_differ():
    markers = [plot.marker(name) for name in losses.available()]
    assert len(set(markers)) == len(markers)


def test_labels_are_spaced_without_changing_their_order():
    from arcbook.plot.style import spaced

    heights = {"a": 1.0, "b": 1.02, "c": 5.0, "d": 1.01}
    placed = spaced(heights, 0.5)
    assert placed == {"a": 1.0, "d": 1.5, "b": 2.0, "c": 5.0}
