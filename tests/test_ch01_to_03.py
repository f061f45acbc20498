"""Chapters 1 to 3: every registered loss has its curve, told apart."""

import itertools

import numpy as np
import pytest
import torch

from arcbook import losses, plot
from arcbook.chapters import ch01, ch02, ch03
from arcbook.plot import to_svg
from pictures import caught

MAIN = ("softmax", "center", "m_softmax", "arcface", "adacos", "arcgrad")
PAGES = ("#ffffff", "#121212")
THETA = np.linspace(0.01, np.pi - 0.02, 7)


@pytest.fixture(autouse=True)
def book_style():
    plot.style()


def unit_slope(name, theta, step=1e-6):
    """The numerical slope of the head's logit, over its scale."""
    made = losses.create(name, embedding_dim=2, num_classes=10).eval()
    at = torch.from_numpy(theta + np.array([[step], [-step]]))
    high, low = made.target_logit(at).numpy() / float(made.s)
    return (high - low) / (2 * step)


@pytest.mark.parametrize("name", losses.available())
def test_slope_of_the_logit_is_the_numerical_one(name):
    slope = ch02.logit_slope(name, THETA)
    np.testing.assert_allclose(slope, unit_slope(name, THETA), atol=1e-7)


@pytest.mark.parametrize("name", losses.available())
def test_loss_pulls_as_the_chain_rule_says(name):
    pull = ch02.pull(name, 3.0, 4, THETA)
    assert np.isfinite(pull).all()
    if name == "iam":
        return
    made, norm = ch02.head(name, 4, 3.0)
    own = ch03.surplus(name, THETA, 0 * THETA + np.pi / 2, 3.0)
    wrong = 3 / (3 + np.exp(float(made.s) * norm * own))
    expected = -wrong * ch02.logit_slope(name, THETA)
    np.testing.assert_allclose(pull, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", losses.available())
def test_step_of_a_small_rate_follows_the_slope(name):
    turns = np.column_stack([THETA, np.tile([-1.3, -2.5], (7, 1))])
    moved = THETA - ch01.step(name, turns, 1e-5)[:, 0]
    assert np.abs(moved).max() < 1e-3
    assert (moved * -ch02.logit_slope(name, THETA) >= -1e-12).all()


@pytest.mark.parametrize(
    ("draw", "given"), [(ch02.logit_atlas, ()), (ch02.loss_atlas, (20.0, 10))]
)
def test_atlas_names_every_loss_once(monkeypatch, draw, given):
    figure = caught(monkeypatch, draw, *given)
    drawn = " ".join(axes.get_title("left") for axes in figure.axes)
    titles = " ".join(map(plot.title, losses.available()))
    assert sorted(drawn.replace(",", "").split()) == sorted(titles.split())


def test_the_table_has_the_slopes_of_the_shipped_heads():
    table = ch02.table().set_index("loss")
    assert table.loc["ArcGrad", ["0°", "90°", "180°"]].tolist() == [-1] * 3
    assert table.loc["Softmax", "90°"] == pytest.approx(-1)
    m = losses.get("arcface").defaults["m"]
    assert table.loc["ArcFace", "0°"] == pytest.approx(-np.sin(m))


def test_targets_are_the_logits_over_the_scale(monkeypatch):
    settings = {"cosface": {"m": 0.3}, "arcgrad": {}}
    figure = caught(monkeypatch, ch03.targets, settings)
    cosface, arcgrad = (line.get_ydata() for line in figure.axes[0].lines)
    assert cosface == pytest.approx(np.cos(ch03.THETA) - 0.3)
    assert arcgrad == pytest.approx(-ch03.THETA)


FIGURES = {
    "toy": (ch01.update_toy, ["softmax", "arcgrad"], [1, -1.3], 0.3),
    "sizes": (ch01.step_sizes, ["softmax"], 0.3, [1], [-2], 9),
    "variants": (ch03.variants, 2.5),
    "plane": (ch03.plane, {"arcface": {"m": 0.5}}, 20.0),
}


@pytest.mark.parametrize("drawn", FIGURES.values(), ids=FIGURES)
def test_same_figure_gives_the_same_bytes(monkeypatch, drawn):
    first, second = (to_svg(caught(monkeypatch, *drawn)) for _ in range(2))
    assert first == second
    assert "currentColor" in first and 'aria-label="' in first


def test_width_of_the_margin_has_its_closed_form():
    apart = np.array([0.8, 1.5, 3.0])
    arcface = ch03.gap("arcface", apart, 20.0, m=0.5)
    np.testing.assert_allclose(arcface, 0.5)
    cosface = ch03.gap("cosface", apart[1:], 20.0, m=0.4)
    closed = 2 * np.arcsin(0.4 / (2 * np.sin(apart[1:] / 2)))
    np.testing.assert_allclose(cosface, closed)
    sphereface = ch03.gap("sphereface", apart, 20.0, m=2)
    np.testing.assert_allclose(sphereface, apart / 3)
    np.testing.assert_allclose(ch03.gap("arcgrad", apart, 1.0), 0)
    assert np.isnan(ch03.gap("arcface", [0.3], 20.0, m=0.5)).all()


def test_chords_keep_the_digits_that_the_arc_cosine_loses():
    theta, arccos, chords = ch01.arccos_error(points=25)
    assert arccos[theta < 1e-8].max() >= 1
    assert chords[theta > 1e-7].max() < 1e-15


def rgb(code):
    return np.array([int(code[k : k + 2], 16) for k in (1, 3, 5)]) / 255


def luminance(code):
    dark, bright = rgb(code) / 12.92, ((rgb(code) + 0.055) / 1.055) ** 2.4
    linear = np.where(rgb(code) <= 0.04045, dark, bright)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", losses.available())
def test_colour_stands_out_on_the_page(name, page):
    low, high = sorted(map(luminance, (plot.colour(name), page)))
    assert (high + 0.05) / (low + 0.05) >= (3.3 if page == PAGES[0] else 2.5)


@pytest.mark.parametrize("defect", ["deuteran", "protan", "tritan"])
def test_main_colours_differ_for_colour_blind_readers(defect):
    convert = pytest.importorskip("colorspacious").cspace_convert
    kind = {"name": "sRGB1+CVD", "cvd_type": f"{defect}omaly"}

    def seen(name):
        shown = convert(
            rgb(plot.colour(name)), kind | {"severity": 100}, "sRGB1"
        )
        return convert(np.clip(shown, 0, 1), "sRGB1", "CAM02-UCS")

    for one, other in itertools.combinations(MAIN, 2):
        apart = np.linalg.norm(seen(one) - seen(other))
        assert apart >= 12, f"{one} and {other} are {apart:.1f} apart"


def test_markers_differ():
    markers = [plot.marker(name) for name in losses.available()]
    assert len(set(markers)) == len(markers)


def test_labels_are_spaced_without_changing_their_order():

    heights = {"a": 1.0, "b": 1.02, "c": 5.0, "d": 1.01}
    placed = plot.spaced(heights, 0.5)
    assert placed == {"a": 1.0, "d": 1.5, "b": 2.0, "c": 5.0}
