"""The page on mean angles: tables, pictures and sentences from records."""

import math
import re

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib import pyplot as plt

from arcbook import experiments, geometry, metrics, packing, plot
from arcbook.analysis import compactness, scatter
from arcbook.audit import image_intervals, ledger, sphere
from arcbook.figures import compactness as plots
from arcbook.figures import cosines, ridges
from arcbook.plot.style import to_svg
from arcbook.verdicts import NOT_YET
from arcbook.verdicts import compactness as verdicts
from arcbook.verdicts import scatter as sentences

TABLE6, TABLE2, TABLE3 = sphere.TABLES
ENDS = {
    "Soft": 50.0,
    "Center": 40.0,
    "M-Soft": 45.0,
    "ArcFace": 20.0,
    "AdaCos": 35.0,
    "ArcGrad": 12.0,
    "Arc": 12.0,
}
NOISE = (0.0, 0.01, -0.01, 0.02, -0.02)


@pytest.fixture(autouse=True)
def book_style():
    plot.style()
    yield
    plt.close("all")


def histogram(means, width, images):
    """Rows of counts of normal angles around means, in degrees."""
    bins = np.arange(metrics.BINS) + 0.5
    rows = np.exp(-((bins - np.array(means)[:, None]) ** 2) / 2 / width**2)
    shares = rows / rows.sum(1, keepdims=True)
    return packing.pack(np.rint(images * shares).astype(np.uint32))


def arrays(run, end, classes, images):
    """Arrays of a run whose mean intra-class angle ends at `end` degrees."""
    draw = np.random.default_rng([run["seed"], len(run["column"])])
    number = min(31, run["epochs"] + 1)
    epochs = np.linspace(0, run["epochs"], number).round().astype(np.uint32)
    means = end + (88 - end) * np.exp(epochs / run["epochs"] * -6.0)
    kept = {
        "histogram_epochs": packing.pack(epochs),
        "intra_train": histogram(means, 4 + end / 8, 10_000),
        "intra_test": histogram(means + 3, 5 + end / 8, images),
        "intra_class0": histogram(means, 4 + end / 8, 200),
    }
    errors = draw.poisson(0.06 * images / classes / 9, (classes, classes))
    each = images // classes
    np.fill_diagonal(errors, np.maximum(each - errors.sum(1), 1))
    kept["confusion"] = packing.pack(errors.astype(np.uint32))
    if run["keep_cosines"]:
        labels = np.repeat(np.arange(classes), 100 // classes)
        centers = np.eye(classes, 64 if classes < 64 else 128)
        features = centers[labels] + math.tan(math.radians(end)) / 8 * (
            draw.normal(size=(100, centers.shape[1]))
        )
        cosine = metrics.cosine_matrix(torch.tensor(features)).numpy()
        kept["cosines"] = packing.pack(cosine.astype(np.float16))
        kept["cosine_labels"] = packing.pack(labels.astype(np.uint16))
    return kept


def made_up(run, **given):
    """A record of a run, its angles by its column's place in `ENDS`."""
    plain = {
        "stale": False,
        "device": "made up",
        "torch": "0",
        "commit": "none",
        "date": "2001-01-01T00:00:00+00:00",
    }
    if given.get("diverged"):
        lost = {"diverged": True, "diverged_epoch": 3}
        return run | plain | {"metrics": lost, "arrays": {}}
    hundred = run["benchmark"] == "CIFAR100+"
    classes, images = (100, 10_000) if hundred else (10, 10_000)
    end = given.get("end", ENDS[run["column"]])
    simplex = geometry.simplex_angle(classes)
    noise = NOISE[run["seed"]]
    found = {
        "test_accuracy": 0.9 + noise / 10,
        "test_top5": 0.99,
        "train_accuracy": 0.99,
        "wc_intra": math.radians(end - 5) + noise,
        "w_inter": simplex - math.radians(end) / 9 + noise / 9,
        "c_inter": simplex - math.radians(end) / 12 + noise / 9,
    }
    found |= {f"test_{key}": found[key] for key in ("wc_intra", "c_inter")}
    return (
        run
        | plain
        | {
            "metrics": {"diverged": False} | found | given.get("metrics", {}),
            "arrays": arrays(run, end, classes, images),
            "test_images": images,
            "probe_images": 10_000,
            "train_images": 50_000,
        }
    )


def grid(id, **given):
    return [made_up(run, **given) for run in experiments.runs(id, "full")]


def cell(cells, method, metric):
    same = (cells["method"] == method) & (cells["metric"] == metric)
    (found,) = cells[same].to_dict("records")
    return found


# ------------------------------------------------------------- derivation


@pytest.mark.parametrize("number", [2, 3, 7])
def test_mean_cosine_is_the_length_of_the_sum(number):
    u, _ = geometry.unit(torch.randn(number, 5))
    square = u.sum(0).square().sum().item()
    table = metrics.cosine_matrix(u)
    mean = (table.sum() - table.trace()).item() / (number**2 - number)
    assert mean == pytest.approx(
        (square - number) / (number**2 - number), abs=1e-6
    )
    assert mean >= -1 / (number - 1) - 1e-6


def test_vectors_without_their_mean_stand_at_the_simplex_on_average():
    found = compactness.chance(10, 100, draws=50)
    simplex = geometry.simplex_angle(10)
    assert found["random"].mean() == pytest.approx(math.pi / 2, abs=0.01)
    less = found["random, less their mean"]
    assert less.mean() == pytest.approx(simplex, abs=0.002)
    assert less.max() <= geometry.largest_mean_angle(10)
    relu = found["random, after a ReLU"]
    assert relu.max() < math.pi / 2
    assert relu.mean() == pytest.approx(math.acos(1 / math.pi), abs=0.02)


def test_the_toy_of_the_page():
    directions, tilts = np.array([0, 120, 240]), np.array([20, -15, 10])
    vectors = torch.tensor(compactness.plane(directions))
    centers = torch.tensor(compactness.plane(directions + tilts))
    degrees = [
        math.degrees(angle)
        for angle in (
            geometry.wc_intra(centers, vectors),
            geometry.w_inter(vectors),
            geometry.c_inter(centers),
        )
    ]
    assert degrees == pytest.approx([15, 120, 120])
    assert math.degrees(sphere.smallest_angle(centers)) == pytest.approx(85)


def test_series_of_the_arc_cosine_is_a_line_near_0():
    x = sp.Symbol("x")
    line = sp.series(sp.acos(x), x, 0, 3).removeO()
    assert sp.simplify(line - sp.pi / 2 + x) == 0


# ------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("table", "home"),
    [
        (TABLE6, ("arcgrad.table4", "CIFAR10")),
        (TABLE2, ("angular-learning.table6", "CIFAR10+")),
        (TABLE3, ("angular-learning.table7", "CIFAR100+")),
    ],
)
def test_a_table_reads_the_networks_of_the_accuracies(table, home):
    assert compactness.home(*table) == home
    records = grid(home[0])
    cells = compactness.angles(*table, records=records)
    for name in cells["method"].unique():
        mine = [
            one["metrics"]["w_inter"]
            for one in records
            if (one["column"], one["benchmark"]) == (name, home[1])
        ]
        found = cell(cells, name, "W-Inter")
        assert len(mine) == found["runs"] == found["expected"] == 5
        assert found["measured"] == pytest.approx(np.mean(mine))
        assert found["low"] < found["measured"] < found["high"]


def test_without_records_every_cell_is_not_measured_yet():
    for table in sphere.TABLES:
        cells = compactness.angles(*table, records=[])
        text = compactness.table(cells)
        measured = text[text.index.get_level_values(1) == "measured ●"]
        assert (measured == "not measured yet").all(axis=None)
        assert verdicts.bound(cells) == NOT_YET
        assert verdicts.against_soft(cells) == NOT_YET


def test_published_numbers_stand_as_printed_with_degrees():
    text = compactness.table(compactness.angles(*TABLE6, records=[]))
    assert text.loc[("Soft", "published ○"), "WC-Intra"] == "0.80 (45.8°)"
    text = compactness.table(compactness.angles(*TABLE3, records=[]))
    assert text.loc[("Center", "published ○"), "C-Inter"] == "1.5601 (89.4°)"
    assert (
        text.loc[("ArcFace", "published ○"), "C-Inter"]
        == "<b>1.6244 (93.1°) ✗</b>"
    )
    assert text.map(lambda cell: "✗" in cell).sum(axis=None) == 2


def test_a_cell_says_which_seeds_are_missing_or_diverged():
    records = grid("angular-learning.table6")
    records = [
        made_up(one, diverged=True) if one["column"] == "Arc" else one
        for one in records
        if one["seed"] < 3 or one["column"] != "Soft"
    ]
    text = compactness.table(compactness.angles(*TABLE2, records=records))
    rows = [kind for _, kind in text.index if kind.startswith("measured")]
    assert rows == [
        "measured ● (3 of 5 seeds)",
        "measured ● (5 diverged)",
        "measured ●",
        "measured ●",
    ]
    assert (text.loc["Arc"].iloc[1] == "diverged").all()
    center = text.loc["Center"].iloc[1]["W-Inter"]
    assert re.fullmatch(r"1\.\d{4} ± 0\.\d{4} \(\d\d\.\d°\)", center)


# ------------------------------------------------------------- sentences


def test_sentences_on_a_table_follow_the_records():
    cells = compactness.angles(
        *TABLE2, records=grid("angular-learning.table6")
    )
    text = verdicts.against_soft(cells)
    assert "WC-Intra is narrower for Arc, ArcFace and Center" in text
    assert "W-Inter is wider for Arc, ArcFace and Center" in text
    assert "below the simplex's" in verdicts.bound(cells)
    same = grid("angular-learning.table6", end=30.0)
    text = verdicts.against_soft(compactness.angles(*TABLE2, records=same))
    assert "WC-Intra is not told apart for Arc, ArcFace and Center" in text
    turned = grid("angular-learning.table6", end=70.0)
    turned = [
        made_up(one) if one["column"] == "Soft" else one for one in turned
    ]
    text = verdicts.against_soft(compactness.angles(*TABLE2, records=turned))
    assert "W-Inter is narrower for Arc, ArcFace and Center" in text


def test_one_run_each_is_said_to_be_one():
    records = [
        one for one in grid("angular-learning.table6") if one["seed"] == 0
    ]
    cells = compactness.angles(*TABLE2, records=records)
    assert cells["low"].isna().all()
    assert "one run" in verdicts.against_soft(cells)
    gone = [one for one in records if one["column"] != "Arc"]
    text = verdicts.against_soft(compactness.angles(*TABLE2, records=gone))
    assert "Arc is missing or diverged" in text


def test_headline_counts_the_impossible_until_there_is_a_measurement():
    cells = compactness.angles(*TABLE3, records=[])
    assert verdicts.headline(cells).startswith("2 of 8 printed")
    cells = compactness.angles(
        *TABLE3, records=grid("angular-learning.table7")
    )
    assert verdicts.headline(cells).startswith("Measured")


def test_printed_places_add_up():
    for table in sphere.TABLES:
        cells = compactness.angles(*table, records=[])
        inter = cells[cells["metric"] != "WC-Intra"]
        assert inter["place"].ne("").all()
        assert f"Of {len(inter)} printed" in verdicts.printed(cells)
    assert "2 lie beyond" in verdicts.printed(cells)


def test_the_course_of_the_angle_is_compared_with_soft():
    records = grid("arcgrad.fig4")
    means = scatter.courses(records)
    assert means.iloc[-1]["Soft"] == pytest.approx(50, abs=1)
    early, late = (
        scatter.against_soft(means, when) for when in ("early", "late")
    )
    assert (early > 0).all()
    assert late["ArcGrad"] == pytest.approx(38, abs=1.5)
    text = sentences.course(means)
    assert "at the end for Center, M-Soft, ArcFace, AdaCos and ArcGrad" in text
    slow = [
        made_up(one, end=80.0) if one["column"] == "ArcGrad" else one
        for one in records
    ]
    text = sentences.course(scatter.courses(slow))
    assert "at the end for Center, M-Soft, ArcFace and AdaCos" in text
    assert sentences.course(scatter.courses([])) == ""
    title = sentences.course_title(means, "Live")
    assert title.startswith("Live: after 120 epochs a mean angle of 12° (Ar")
    assert sentences.course_title(scatter.courses([])) == "Measured"


def test_early_is_the_first_quarter_as_in_the_audit():
    record = grid("arcgrad.fig4")[0]
    means = scatter.courses([record])
    kept = means[(means.index > 0) & (means.index <= 0.25 * 120)]
    audited = image_intervals.value(record, "early intra_train")
    assert kept["Soft"].mean() == pytest.approx(audited)


def test_centres_hide_the_angle_of_features():
    cells = compactness.angles(*TABLE6, records=grid("arcgrad.table4"))
    means = scatter.courses(grid("arcgrad.fig4"))
    text = sentences.centre_and_features(cells, means)
    assert "stand" in text
    assert sentences.centre_and_features(cells, means.iloc[:, :0]) == ""


def test_mean_cosines_leave_out_the_diagonal():
    features = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    labels = np.array([0, 0, 1, 1])
    found = scatter.mean_cosines(
        metrics.cosine_matrix(features).numpy(), labels
    )
    assert found == pytest.approx((1.0, 0.0))
    within, between = scatter.mean_cosines(np.eye(3), np.arange(3))
    assert math.isnan(within)
    assert between == 0


def test_cosines_are_summed_up_and_compared():
    records = grid("angular-learning.fig8")
    ten = [one for one in records if one["benchmark"] == "CIFAR10"]
    table = scatter.matrices(ten)
    within = table.set_index("loss")["within classes"]
    assert within.idxmax() == "Arc"
    assert within.idxmin() == "Soft"
    text = sentences.matrices(table)
    assert f"({within.idxmax()})" in text
    assert "between classes" in text
    hundred = scatter.summary(records[4:])
    assert (hundred["within classes"] == "–").all()
    assert sentences.matrices(scatter.matrices([])) == ""
    title = sentences.matrices_title(table)
    assert f"within classes {within.min():.2f} to {within.max():.2f}" in title
    title = sentences.matrices_title(scatter.matrices(records[4:]), "Live")
    assert "between classes" in title
    assert sentences.matrices_title(scatter.matrices([])) == "Measured"


def test_claims_stand_under_their_verdict(monkeypatch):
    claims = {"arcgrad": ("adacos-inter", "histogram")}
    monkeypatch.setattr(image_intervals, "fresh", lambda id: [])
    text = verdicts.ledger(claims)
    assert text.count("Nothing is settled here") == 2
    assert text.count("not measured yet") == 2
    monkeypatch.setattr(image_intervals, "fresh", grid)
    holds, fails, unknown = verdicts.ledger(claims).split("\n\n")
    assert "reduces the intra-class angle faster" in holds
    assert "AdaCos can decrease" in fails
    assert "No claim is open" in unknown


def test_claims_of_the_page_are_claims_of_the_papers():
    names = ("center-slightly", "adacos-inter", "both-enhanced", "histogram")
    assert [one.item for one in ledger.claims("arcgrad", names)] == [*names]


def test_a_quick_label_says_what_it_is():
    run = experiments.runs("arcgrad.fig4", "quick")[0]
    record = made_up(run) | {"train_images": 10_000, "test_images": 1000}
    label = verdicts.quick_label("arcgrad.fig4", [record])
    assert "10,000 images, 2 epochs, small network (conv4)" in label
    assert "enters no comparison with the paper" in label
    assert "`" not in label
    assert "not measured yet" in verdicts.quick_label("arcgrad.fig4", [])
    assert sentences.hint("") == ""
    assert verdicts.said("", "") is None
    assert verdicts.said("a", "", "b").data == "a\n\nb"
    assert sentences.hint("It is so.") == "As a hint only: it is so."


# ------------------------------------------------------------- pictures


def test_impossible_numbers_are_crossed_out():
    figure = plots.angles(compactness.angles(*TABLE3, records=[]), "title")
    crosses = [
        line for line in figure.axes[1].lines if line.get_marker() == "x"
    ]
    assert len(crosses) == 2
    largest = geometry.largest_mean_angle(100)
    assert all(line.get_xdata()[0] > largest for line in crosses)
    figure = plots.angles(compactness.angles(*TABLE6, records=[]), "title")
    assert all(line.get_marker() != "x" for line in figure.axes[1].lines)


def test_bounds_are_drawn_and_measured_is_filled():
    cells = compactness.angles(
        *TABLE2, records=grid("angular-learning.table6")
    )
    axes = plots.angles(cells, "title").axes[1]
    levels = [line.get_xdata()[0] for line in axes.lines]
    for bound in (
        math.pi / 2,
        geometry.simplex_angle(10),
        geometry.largest_mean_angle(10),
    ):
        assert bound in levels
    filled = [
        line.get_xdata()[0]
        for line in axes.lines
        if line.get_marker() != "None"
        and line.get_markerfacecolor() != "none"
        and line.get_marker() != "x"
    ]
    inter = cells[cells["metric"] != "WC-Intra"]["measured"]
    assert sorted(filled) == pytest.approx(sorted(inter))


def words(figure):
    return [
        text.get_text()
        for axes in figure.axes
        for text in [*axes.texts, axes.title, axes._left_title]
    ]


def test_a_ridge_has_a_slice_for_each_epoch_dark_on_top():
    records = grid("angular-learning.fig7")
    figure = ridges.ridges(records, compactness.FOUR, "intra_class0")
    axes = figure.axes[0]
    slices = axes.collections
    assert len(slices) == 31
    assert all(one.get_rasterized() for one in slices)
    light = [one.get_facecolor()[0][:3].sum() for one in slices]
    assert light == sorted(light)
    top, bottom = (
        one.get_paths()[0].vertices[:, 1].max()
        for one in (slices[0], slices[-1])
    )
    assert top < bottom
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert any("Soft 50." in text for text in words(figure))


def test_a_panel_without_a_run_says_why():
    records = [
        made_up(one, diverged=True) if one["column"] == "Arc" else one
        for one in grid("angular-learning.fig7")
        if one["column"] != "Center"
    ]
    for figure in (
        ridges.ridges(records, compactness.FOUR, "intra_class0"),
        cosines.matrices(records, compactness.FOUR),
    ):
        said = words(figure)
        assert "not measured yet" in said
        assert "diverged in epoch 3" in said
        to_svg(figure, "a test")


def test_matrices_show_cosines_and_confusions():
    records = grid("angular-learning.fig8")[:4]
    figure = cosines.matrices(records, compactness.FOUR)
    left, right = figure.axes[:2]
    shown = np.asarray(left.images[0].get_array())
    assert shown == pytest.approx(
        packing.unpack(records[0]["arrays"]["cosines"]).astype(float)
    )
    assert left.images[0].get_clim() == (-1, 1)
    clear = left.images[0].cmap(0.5)[3]
    assert clear < 0.01
    errors = np.ma.asarray(right.images[0].get_array())
    assert np.isnan(np.diag(np.ma.filled(errors, np.nan))).all()
    bold = [t for t in right.texts if t.get_weight() == "bold"]
    assert len(bold) == 10


def test_confusions_are_shares_of_a_class():
    record = grid("angular-learning.fig8")[0]
    shares = cosines.errors_of(record)
    assert shares.sum(1) == pytest.approx(np.full(10, 100))


def test_same_picture_same_bytes():
    records = grid("angular-learning.fig8")

    def drawn():
        hundred = cosines.matrices(records[4:], compactness.FOUR)
        ridge = ridges.ridges(records[:4], compactness.FOUR)
        return [to_svg(hundred, "one"), to_svg(ridge, "two")]

    assert drawn() == drawn()


def test_toy_and_room_are_drawn():
    vectors = compactness.plane([0, 120, 240])
    centers = compactness.plane([20, 105, 250])
    arcs = plots.toy(vectors, centers, 40).axes[0].patches
    spans = [one.theta2 - one.theta1 for one in arcs if hasattr(one, "theta1")]
    assert spans == pytest.approx([20, 15, 10])
    drawn = {10: compactness.chance(10, 100, draws=5)}
    figure = plots.room(drawn, sphere.against_bounds())
    assert "largest mean" in words(figure)


# ------------------------------------------------------------- live


def test_a_live_run_gives_s_to_those_that_have_one(monkeypatch):
    asked = []

    def quick(id, columns, **changes):
        asked.append((columns, changes))
        return scatter.live_images.Live([{"column": columns[0]}])

    monkeypatch.setattr(scatter.live_images, "quick", quick)
    live = scatter.live(["Soft", "ArcGrad"], 7.0, epochs=1, seed=2)
    assert [one["column"] for one in live.records] == ["Soft", "ArcGrad"]
    same = {"keep_cosines": 100, "epochs": 1, "seed": 2}
    assert asked == [(["Soft"], same), (["ArcGrad"], same | {"s": 7.0})]


def test_a_live_run_without_data_says_so(monkeypatch):
    problem = scatter.live_images.Live(problem="no data")
    monkeypatch.setattr(scatter.live_images, "quick", lambda *a, **k: problem)
    assert scatter.live(["Soft"], 7.0).problem == "no data"
