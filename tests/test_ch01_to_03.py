"""Chapters 1 to 3: every registered loss has its curve, told apart."""

import itertools

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from arcbook import losses, plot
from arcbook.chapters import ch01, ch02, ch03
from arcbook.plot import to_svg
from pictures import caught, opened

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


def unit_slope(name, theta, step=1e-6):
    """The numerical slope of the head's logit, over its scale."""
    made = losses.create(name, embedding_dim=2, num_classes=10).eval()
    at = torch.from_numpy(theta + [[step], [-step]])
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


def test_new_loss_gets_its_curves(monkeypatch, squared):
    np.testing.assert_allclose(ch02.logit_slope(squared, THETA), -THETA)
    assert "Squared" in set(ch02.table()["loss"])
    for draw, given in ((ch02.logit_atlas, ()), (ch02.loss_atlas, (5.0, 10))):
        figure = caught(monkeypatch, draw, *given)
        titles = " ".join(a.get_title(loc="left") for a in figure.axes)
        assert "Squared" in titles
    assert plot.colour(squared).startswith("#")


@pytest.mark.parametrize(
    ("draw", "given"), [(ch02.logit_atlas, ()), (ch02.loss_atlas, (20.0, 10))]
)
def test_atlas_names_every_loss_once(monkeypatch, draw, given):
    figure = caught(monkeypatch, draw, *given)
    text = " ".join(
        a.get_title(loc="left").replace("\n", " ") for a in figure.axes
    )
    names = sorted(name for name in text.replace(", ", " ").split())
    titles = " ".join(plot.title(n) for n in losses.available())
    assert names == sorted(titles.split())


def test_the_table_has_the_slopes_of_the_shipped_heads():
    table = ch02.table().set_index("loss")
    assert table.loc["ArcGrad", ["0°", "90°", "180°"]].tolist() == [-1] * 3
    assert table.loc["Softmax", "90°"] == pytest.approx(-1)
    m = losses.get("arcface").defaults["m"]
    assert table.loc["ArcFace", "0°"] == pytest.approx(-np.sin(m))


@pytest.mark.parametrize("name", ["01_angles", "02_gradients", "03_margins"])
def test_each_chapter_opens_with_its_picture(monkeypatch, name):
    figure, _ = opened(monkeypatch, name)
    assert figure.axes


def test_targets_are_the_logits_over_the_scale(monkeypatch):
    settings = {"cosface": {"m": 0.3}, "arcgrad": {}}
    figure = caught(monkeypatch, ch03.targets, settings)
    cosface, arcgrad = (line.get_ydata() for line in figure.axes[0].lines)
    assert cosface == pytest.approx(np.cos(ch03.THETA) - 0.3)
    assert arcgrad == pytest.approx(-ch03.THETA)


FIGURES = {
    "regions": (ch01.regions, (0.3, 2.2), (1.0, 1.6), 1.0),
    "confidence": (ch01.confidence, (1, 10, 40)),
    "toy": (ch01.update_toy, ["softmax", "arcgrad"], [1, -1.3], 0.3),
    "sizes": (ch01.step_sizes, ["softmax"], 0.3, [1], [-2], 9),
    "descent": (ch01.descent, ["arcgrad"], 1, [-2], 0.3, 1.0, 5),
    "psi": (ch03.psi_pieces,),
    "mixed": (ch03.mixed_slopes, 2, [0.0, 1.0]),
    "variants": (ch03.variants, 0.5),
    "plane": (ch03.plane, {"arcface": {"m": 0.5}}, 20.0),
    "gaps": (ch03.gaps, {"cosface": {"m": 0.4}}, 20.0, 1.5),
}


@pytest.mark.parametrize("drawn", FIGURES.values(), ids=FIGURES)
def test_same_figure_gives_the_same_bytes(monkeypatch, drawn):
    draw, *given = drawn
    first, second = (
        to_svg(caught(monkeypatch, draw, *given)) for _ in range(2)
    )
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
    assert (high + 0.05) / (low + 0.05) >= (3.3 if page == PAGES[0] else 2.5)


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

    heights = {"a": 1.0, "b": 1.02, "c": 5.0, "d": 1.01}
    placed = plot.spaced(heights, 0.5)
    assert placed == {"a": 1.0, "d": 1.5, "b": 2.0, "c": 5.0}
