"""The page on Fashion-MNIST: its derivation, sentences and pictures."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from scipy.optimize import minimize_scalar

from arcbook import derive, experiments, losses, packing, plot
from arcbook.analysis import measured, phases
from arcbook.audit.verdicts import NOT_REPLICATED, REPLICATED, UNMEASURED
from arcbook.figures import fashion as plots
from arcbook.figures import rays
from arcbook.plot.style import to_svg
from arcbook.verdicts import NOT_YET
from arcbook.verdicts import fashion as verdicts

FIG5, FIG6, TABLE5 = (
    f"angular-learning.{name}" for name in ("fig5", "fig6", "table5")
)
CLASSES = [2, 3, 10, 100]
SCALES = experiments.fashion.SCALES
NAMES = [f"class {i}" for i in range(10)]


@pytest.fixture(autouse=True)
def book_style():
    plot.style()
    yield
    plt.close("all")


# ------------------------------------------------- made-up records


def made(run, *, curve=(), accuracy=0.9, diverged=False, stale=False, **more):
    """A record of a run, with a curve of (step, WC-Intra)."""
    steps, angles = zip(*curve, strict=True) if curve else ((), ())
    looks = {"step": [*steps], "wc_intra": [*angles]}
    metrics = {"diverged": diverged}
    if not diverged:
        metrics |= {
            "test_accuracy": accuracy,
            "wc_intra": angles[-1] if angles else 0.5,
            "w_inter": 1.6,
            "c_inter": 1.5,
        }
    counts = np.zeros((2, 180), np.uint32)
    counts[0, 89], counts[1, [20, 40]] = 8, (6, 2)
    arrays = {} if diverged else {"intra_train": packing.pack(counts)}
    return (
        run
        | {
            "profile": "full",
            "metrics": metrics,
            "curves": {"looks": looks},
            "arrays": arrays | more.pop("arrays", {}),
            "stale": stale,
            "train_images": 60_000,
            "probe_images": 10_000,
            "test_images": 10_000,
            "device": "a card",
            "torch": "2",
            "commit": "c",
            "date": "2026-01-01T00:00:00+00:00",
        }
        | more
    )


def grid(id):
    return experiments.runs(id, "full")


def six(angle, lost=(), left_out=()):
    """Records of Fig. 5; `angle` gives WC-Intra by scale and step."""
    return [
        made(
            run,
            curve=[(t, angle(run["hyperparameters"]["s"], t)) for t in STEPS],
            diverged=run["hyperparameters"]["s"] in lost,
        )
        for run in grid(FIG5)
        if run["hyperparameters"]["s"] not in left_out
    ]


STEPS = (0, 200, 400, 600, 800)


def smaller(s, step):
    return 0.1 + 0.05 * s * (step > 0)


def larger(s, step):
    return 1.5 - 0.05 * s * (step > 0)


def crossing(s, step):
    return larger(s, step) if step < 500 else smaller(s, step)


def mixed(s, step):
    return 0.5 + 0.1 * (s in (3, 7, 20))


def planar(run, spread=0.1, **more):
    """A record of Fig. 6 with ten classes around the plane."""
    draw = np.random.default_rng(0)
    at = np.linspace(0.1, 2 * math.pi, 10, endpoint=False)
    labels = np.arange(200) % 10
    angle = at[labels] + spread * draw.standard_normal(200)
    length = np.exp(draw.standard_normal(200))
    x = length[:, None] * np.c_[np.cos(angle), np.sin(angle)]
    arrays = {
        "features": x.astype(np.float16),
        "feature_labels": labels.astype(np.uint16),
        "class_vectors": np.c_[np.cos(at), np.sin(at)].astype(np.float32),
    }
    packed = {name: packing.pack(array) for name, array in arrays.items()}
    return made(run, arrays=packed, **more)


def four(accuracies, **more):
    return [
        made(run, accuracy=accuracies[run["column"]], **more)
        for run in grid(TABLE5)
        if run["column"] in accuracies
    ]


def beside(records, profile="full"):
    return measured.beside("angular-learning", "table5", profile, records)


# ------------------------------------------------- the derivation


def at(expression, **values):
    symbols = {symbol.name: symbol for symbol in expression.free_symbols}
    return float(expression.subs({symbols[k]: v for k, v in values.items()}))


def head_pull(theta, scale):
    """∂L/∂θ_y by the code that trains."""
    head = losses.create(
        "arcgrad", embedding_dim=2, num_classes=len(theta), s=float(scale)
    )
    theta = torch.tensor([theta], dtype=torch.float64, requires_grad=True)
    loss = head.losses_at(theta, torch.zeros(1, dtype=torch.long)).sum()
    return torch.autograd.grad(loss, theta)[0][0, 0].item()


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("scale", [0.5, 3, 12])
def test_pull_is_that_of_the_code(classes, scale):
    own, gap = 0.7, 0.3
    theta = [own] + [own + gap] * (classes - 1)
    derived = at(phases.pull(), s=scale, m=gap, k=classes - 1)
    assert derived == pytest.approx(head_pull(theta, scale))


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("share", [0.9, 0.1, 1e-3])
def test_gap_and_angle_leave_that_share(classes, share):
    scale, k = 9.0, classes - 1
    gap = at(phases.gap_left(), s=scale, epsilon=share * scale, k=k)
    assert at(phases.pull(), s=scale, m=gap, k=k) == pytest.approx(
        share * scale
    )
    own = float(phases.own_angle_left(share, scale, classes))
    if 0 < own < math.pi:
        theta = [own] + [math.pi / 2] * k
        assert head_pull(theta, scale) == pytest.approx(share * scale)


@pytest.mark.parametrize("share", [0, 1, -0.1, math.nan])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        phases.own_angle_left(share, 5.0, 10)


@pytest.mark.parametrize("classes", CLASSES)
def test_the_widest_gap_at_a_pull_is_where_it_turns(classes):
    k = classes - 1
    share = at(phases.turning_share(), k=k)
    known = derive.share_left().subs(derive.C, classes)
    assert share == pytest.approx(float(known))
    gap = phases.gap_left().subs({phases.k: k, phases.epsilon: 0.7})
    best = minimize_scalar(
        lambda s: -at(gap, s=s), bounds=(0.71, 20), method="bounded"
    )
    assert 0.7 / best.x == pytest.approx(share, rel=1e-4)


@pytest.mark.parametrize("classes", CLASSES)
def test_time_is_the_inverse_of_the_flow(classes):
    for scale in (1.0, 7.0):
        time = at(phases.time_to(), s=scale, m=0.4, k=classes - 1)
        gap = derive.gap_after(time, scale, classes)
        assert gap == pytest.approx(0.4)


@pytest.mark.parametrize("classes", [*CLASSES, 10_000])
def test_quickest_scale_is_the_minimum_of_time(classes):
    time = phases.time_to().subs({phases.k: classes - 1, derive.m: 0.5})
    best = minimize_scalar(
        lambda s: at(time, s=s), bounds=(0.5, 60), method="bounded"
    )
    product = phases.quickest_product(classes)
    assert best.x * 0.5 == pytest.approx(product, rel=1e-4)


def test_both_sentences_have_their_phase():
    early, late = (
        [float(phases.own_angle_after(t, s, 10)) for s in (3, 5, 7, 12, 20)]
        for t in (0.005, 5.0)
    )
    assert early == sorted(early, reverse=True)
    assert late == sorted(late)
    assert min(late) == 0


def test_certainty_is_the_softmax():
    table = phases.certainty([1.0, 12.0], 10)
    for one in table.itertuples():
        logits = -one.s * torch.tensor([0.0] + [math.pi / 2] * 9).double()
        p = torch.softmax(logits, 0)[0].item()
        assert one.p == pytest.approx(p)
        assert one.left == pytest.approx(1 - p, rel=1e-6)


# ------------------------------------------------- what is measured


def test_course_and_order_follow_the_curves():
    course = phases.course(six(crossing))
    assert len(course) == len(SCALES) * len(STEPS)
    order = phases.order(course)
    assert order["tau"].round(9).tolist() == [-1, -1, 1, 1]
    assert phases.settled(order) == 600
    assert phases.settled(phases.order(phases.course(six(larger)))) is None
    assert phases.settled(phases.order(phases.course(six(smaller)))) == 200


def test_a_diverged_run_counts_for_no_order():
    def world(s, step):
        return 0.01 if s == 20 else smaller(s, step)

    assert phases.order(phases.course(six(world)))["tau"].max() < 1
    order = phases.order(phases.course(six(world, lost=[20])))
    assert order["tau"].round(9).tolist() == [1] * 4


def test_two_scales_have_no_order():
    few = six(smaller, left_out=SCALES[:4])
    assert phases.order(phases.course(few)).empty
    assert phases.order(phases.course([])).empty


def test_own_angle_of_a_sample_is_the_mean_of_the_last_histogram():
    record = made(grid(FIG5)[0])
    expected = (6 * 20.5 + 2 * 40.5) / 8
    assert phases.sample_angle(record) == pytest.approx(math.radians(expected))
    assert math.isnan(phases.sample_angle(made(grid(FIG5)[0], diverged=True)))


def test_pulls_are_those_of_the_angles():
    run = next(one for one in grid(FIG6) if one["column"] == "Arc")
    record = planar(run, spread=0.4)
    table = phases.pulls(record)
    x, labels, w = (
        packing.unpack(record["arrays"][name]).astype(float)
        for name in ("features", "feature_labels", "class_vectors")
    )
    labels = labels.astype(int)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    theta = np.arccos(np.clip(x @ w.T, -1, 1))
    own = theta[np.arange(200), labels]
    odds = np.exp(-run["hyperparameters"]["s"] * theta)
    p = odds[np.arange(200), labels] / odds.sum(1)
    np.testing.assert_allclose(table["own"], own, atol=1e-6)
    np.testing.assert_allclose(table["left"], 1 - p, atol=1e-6)
    right = theta.argmin(1) == labels
    assert 0 < right.sum() < 200
    assert table["right"].tolist() == right.tolist()
    assert (table["gap"] > 0).tolist() == right.tolist()


# ------------------------------------------------- sentences


def which(world, **more):
    return verdicts.which(phases.ends(six(world, **more)), len(SCALES))


def test_the_sentence_turns_round_with_the_records():
    assert "supports ArcGrad's" in which(smaller)
    assert "supports Angular Learning's" in which(larger)
    assert "against ArcGrad's" in which(larger)
    found = which(mixed)
    assert "neither sentence holds" in found
    assert "Of 5 steps to a larger s, 3 make it wider and 2 narrower" in found


def test_the_end_is_told_in_degrees():
    assert "ends at 9° for s = 1 and at 63° for s = 20" in which(smaller)


def test_no_verdict_before_all_scales_are_there():
    assert verdicts.which(phases.ends([]), 6) == NOT_YET
    found = which(smaller, left_out=[7])
    assert found == "5 of 6 scales are measured: too few to compare."


def test_a_diverged_run_is_named():
    found = which(smaller, lost=[20])
    assert "supports ArcGrad's" in found
    assert "each of the 4 steps" in found
    assert "s = 20 diverged" in found
    assert "4 of 6 runs diverged" in which(smaller, lost=SCALES[:4])


def test_quick_runs_only_hint():
    ends = phases.ends(six(smaller))
    found = verdicts.which(ends, 6, hint=True)
    assert "points to ArcGrad's" in found
    assert "supports" not in found
    page = verdicts.scales(FIG5, "quick", [])
    assert "hint" not in page
    assert NOT_YET in page


def test_phases_are_told_as_they_were():
    def said(world):
        return verdicts.phases_seen(phases.course(six(world)))

    found = said(crossing)
    assert "at 2 of 4 looks" in found
    assert "the last of them at step 400. From step 600 of 800" in found
    assert "At no look" in said(smaller)
    assert "a smaller one is not at the last" in said(larger)
    assert verdicts.phases_seen(phases.course([])) == ""


def test_accuracies_are_split_at_three():
    records = [
        made(run, accuracy=0.8 + 0.005 * run["hyperparameters"]["s"])
        for run in grid(FIG5)
    ]
    found = verdicts.accuracies(records)
    assert "82.5 to 90.0% at s above 3" in found
    assert "80.5 to 81.5% at s up to 3" in found
    assert verdicts.accuracies(records[:2]) == ""


def test_angles_say_what_is_missing_diverged_or_stale():
    records = six(smaller, lost=[3], left_out=[7])
    records[0]["stale"] = True
    table = verdicts.angles(FIG5, "full", records).set_index("s")
    assert [*table.index] == [f"{s:g}" for s in SCALES]
    assert set(table.loc["7"]) == {"not measured yet"}
    assert set(table.loc["3"]) == {"diverged"}
    assert table.loc["1", "WC-Intra, °"] == "8.6†"
    assert table.loc["20", "WC-Intra, °"] == "63.0"
    assert table.loc["5", "θ_y, °"] == "25.5"
    planes = verdicts.angles(FIG6, "full", [])
    assert [*planes["loss"]] == ["Soft", "Arc", "ArcFace", "Center"]


def test_quick_records_never_enter_the_full_table():
    quick = [
        made(run, profile="quick") for run in experiments.runs(FIG5, "quick")
    ]
    assert "Quick profile" in verdicts.label(quick)
    assert "no comparison with the paper" in verdicts.label(quick)
    full = verdicts.angles(FIG5, "full", [])
    assert (full.drop(columns="s") == "not measured yet").all(axis=None)


def test_pulled_compares_with_the_derived_angle():
    run = next(one for one in grid(FIG6) if one["column"] == "Arc")
    table = phases.pulls(planar(run))
    found = verdicts.pulled({10.0: table}, 10)
    left = table["left"].mean()
    derived = phases.own_angle_left(left, 10.0, 10)
    assert f"{left:.0%} of the pull left" in found
    assert f"puts that at {math.degrees(derived):.0f}°" in found
    assert f"{math.degrees(table['own'].mean()):.0f}° on average" in found


BEST = {"Soft": 0.93, "Arc": 0.95, "ArcFace": 0.93, "Center": 0.949}


def test_errors_follow_the_records():
    found = verdicts.errors(beside(four(BEST)))
    assert "lowest error measured is that of Arc, 5.00%" in found
    assert "4 are so beyond" in found
    worst = {"Soft": 0.95, "Arc": 0.93, "ArcFace": 0.95, "Center": 0.93}
    found = verdicts.errors(beside(four(worst)))
    assert "0 are so beyond the error of the test images and 4 are" in found
    same = dict.fromkeys(BEST, 0.94)
    assert "0 are so beyond the error" in verdicts.errors(beside(four(same)))


def test_errors_wait_for_all_four():
    assert verdicts.errors(beside([])) == NOT_YET
    three = {k: v for k, v in BEST.items() if k != "Arc"}
    found = verdicts.errors(beside(four(three)))
    assert found == "3 of 4 losses are measured: too few."
    lost = four(BEST)
    lost[0] = made(grid(TABLE5)[0], diverged=True)
    assert "Soft diverged" in verdicts.errors(beside(lost))


def test_error_table_keeps_printed_and_measured_apart():
    three = {k: v for k, v in BEST.items() if k != "Arc"}
    table = verdicts.error_table(beside(four(three))).set_index("method")
    assert table.loc["Genetic DCNN", "printed, %"] == "5.40"
    assert table.loc["Genetic DCNN", "measured, %"] == "–"
    assert table.loc["Arc", "printed, %"] == "6.04"
    assert table.loc["Arc", "measured, %"] == "not measured yet"
    assert table.loc["Soft", "measured, %"] == "7.00"
    low, high = table.loc["Soft", "interval, %"].split(" to ")
    assert float(low) < 7 < float(high)
    alone = verdicts.error_table(beside(four(BEST)), printed=False)
    assert "printed, %" not in alone
    assert [*alone["method"]] == [*BEST]


def item(verdict, printed="It is so.", measured=""):
    return SimpleNamespace(
        verdict=verdict,
        printed=printed,
        paper="arcgrad",
        place="Section I",
        measured=measured,
        why="One run.",
    )


def test_ending_sorts_claims_by_their_verdict():
    found = verdicts.ending(
        [
            item(REPLICATED, "Yes."),
            item(NOT_REPLICATED, "No."),
            item(UNMEASURED, "Maybe."),
        ]
    )
    holds, fails, unknown = found.split("\n\n")
    assert "“Yes” (ArcGrad)" in holds
    assert "“No” (ArcGrad)" in fails
    assert "1 of 3 claims are open" in unknown
    assert "Maybe" not in holds + fails
    assert "none so far" in verdicts.ending([item(UNMEASURED)])


# ------------------------------------------------- pictures


def texts(figure):
    return [
        text.get_text() for text in figure.findobj(plt.Text) if text.get_text()
    ]


def test_course_draws_every_scale_and_the_order():
    course = phases.course(six(crossing, lost=[12]))
    figure = plots.course(course, phases.order(course))
    above, below = figure.axes
    assert len(above.get_lines()) == len(SCALES)
    dotted = [x for x in above.get_lines() if x.get_linestyle() == ":"]
    assert len(dotted) == 1
    assert "s = 12 diverged" in texts(figure)
    heights = [bar.get_height() for bar in below.patches]
    assert sorted(np.round(heights)) == [-1, -1, 1, 1]
    assert above.get_title(loc="left").startswith("9° at s = 1, 63° at s = 20")


def test_there_is_no_picture_without_records():
    assert plots.shown_course([], "") is None
    assert rays.shown([], NAMES, "") is None


def test_course_on_the_page_says_what_it_is_of():
    shown = plots.shown_course(six(smaller), "Full profile: x.").data
    assert "Full profile: x. WC-Intra of 10,000 training images" in shown
    assert "9° at s = 1" in shown


def test_descent_and_left_are_drawn_for_any_scales():
    figure = plots.descent([2.0], 3)
    (line,) = figure.axes[0].get_lines()
    assert np.all(np.diff(line.get_ydata()) <= 0)
    figure = plots.left([0.5, 30.0], [0.5], 1000)
    assert "50% left" in texts(figure)


def test_rays_carry_the_names_and_a_diverged_run_says_so():
    records = [planar(run) for run in grid(FIG6)]
    records[1] = made(grid(FIG6)[1], diverged=True)
    figure = rays.plane(records, NAMES)
    found = texts(figure)
    assert all(found.count(name) == 3 for name in NAMES)
    assert "Arc: diverged" in found
    assert "Soft: 90% right" in found
    points = figure.axes[0].collections[0].get_offsets()
    assert len(points) == 200
    assert np.linalg.norm(points, axis=1).max() <= 1 + 1e-6


def test_names_of_rays_that_coincide_stand_apart():
    _, axes = plt.subplots()
    rays._name_rays(axes, np.full(10, 0.3), NAMES)
    heights = sorted(text.xy[1] for text in axes.texts)
    assert len(heights) == 10
    assert np.diff(heights).min() > 0.2


def test_errors_draw_filled_marks_for_what_is_measured():
    def filled(records):
        figure = plots.errors(beside(records))
        marks = figure.axes[0].get_lines()
        return sum(mark.get_markerfacecolor() != "none" for mark in marks)

    assert filled([]) == 0
    assert filled(four(BEST)) == 4
    assert filled(four({"Arc": 0.95})) == 1
    found = texts(plots.errors(beside(four({"Arc": 0.95}))))
    assert found.count("not measured yet") == 3
    assert "CNN, cited" in found


def test_title_of_errors_is_the_printed_spread():
    cells = beside([])
    (title,) = (
        x for x in texts(plots.errors(cells)) if x.startswith("In print")
    )
    ours = cells.loc[cells["expected"] > 0, "published"]
    assert f"{ours.max() - ours.min():.2f} points apart" in title


def test_pulls_show_every_image():
    run = next(one for one in grid(FIG6) if one["column"] == "Arc")
    table = phases.pulls(planar(run, spread=0.4))
    figure = plots.pulls({10.0: table}, 10)
    shown = sum(len(x.get_offsets()) for x in figure.axes[0].collections)
    assert shown == len(table)


def test_the_same_picture_gives_the_same_bytes():
    once, twice = (
        to_svg(rays.plane([planar(grid(FIG6)[0])], NAMES), "x")
        for _ in range(2)
    )
    assert once == twice
