"""What the image pages make of runs at reduced scale: all, some or none."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy import stats as scipy_stats

from arcbook import cells, experiments, packing, plot, stats
from arcbook.chapters import ch08, ch09, ch10, ch11, ch12, ch14, cifar
from pictures import bars, caught, marks
from test_cells import record

SHARE = {"Soft": 0.5, "Center": 0.52, "M-Soft": 0.54, "ArcFace": 0.6}
SHARE |= {"AdaCos": 0.58, "ArcGrad": 0.62, "Arc": 0.61}


def share(run):
    """Different for each loss, seed, rate, length, share and noise."""
    seed, column = run["seed"], run["column"]
    rate = 0.02 * math.log10(run["learning_rate"]) * (column == "Soft")
    noise = run.get("label_noise", 0) * (1 + 0.1 * seed)
    spread = 0.01 * math.sin(7 * seed + len(column))
    return SHARE.get(column, 0.6) + spread - rate - noise


def title(axes):
    return axes.get_title() or axes.get_title(loc="left")


@pytest.fixture
def measured(monkeypatch):
    """Have records of one profile, by metrics that a function of a run says;
    of those runs alone that `only` lets through."""

    def say(metrics=lambda run: {}, profile="reduced", only=lambda run: True):
        def records(id, asked):
            if asked != profile:
                return []
            grid = filter(only, experiments.runs(id, asked))
            return [one(run) for run in grid]

        def one(run):
            found = {"test_accuracy": share(run)} | metrics(run)
            arrays = found.pop("arrays", {})
            about = {"profile": profile, "experiment": "here"}
            made = record(run, **found) | about | {"arrays": arrays}
            return made | {"test_images": 16, "images_per_second": 100}

        monkeypatch.setattr(experiments, "records", records)

    return say


def test_a_reduced_mark_is_half_filled_on_its_own_ground():
    rows = pd.DataFrame(
        [["Soft", 60.0, 59.0, 61.5], ["ArcGrad", 62.0, 61.0, 63.0]],
        columns=["method", "reduced", "reduced_low", "reduced_high"],
    )
    figure = plot.dots(rows)
    (axes,) = figure.axes
    drawn = [x for x in axes.get_lines() if x.get_marker() != "None"]
    assert [x.get_fillstyle() for x in drawn] == ["left"] * 2
    assert {x.get_markerfacecoloralt() for x in drawn} == {"none"}
    assert sorted(x for _, x, _ in marks(axes, hollow=False)) == [60, 62]
    assert (plot.look("Soft")["color"], 1, 59.0, 61.5) in bars(axes)
    assert to_hex(axes.get_facecolor()) == plot.GROUND
    (text,) = figure.legends[0].get_texts()
    assert text.get_text().startswith("measured, reduced scale")


def test_what_is_measured_in_full_has_no_such_ground():
    rows = pd.DataFrame({"method": ["Soft"], "measured": [93.0]})
    (axes,) = plot.dots(rows).axes
    assert to_hex(axes.get_facecolor()) != plot.GROUND


def test_without_records_a_page_says_so_once(measured):
    measured(only=lambda run: False)
    box = cifar.reduced("arcgrad.rates", ch11.rates)
    assert "`arcbook run arcgrad.rates --profile reduced`" in box.data
    assert cifar.reduced("arcgrad.rates", ch11.rates, box=False) is None
    assert "table4" in cifar.small_dots("arcgrad", "table4").data
    assert "table6" in ch12.angles("arcgrad", "table6", "reduced").data
    assert "table7" in ch11.epochs_at_scale().data
    assert cifar.leads("CIFAR-10", "reduced") is None


def test_reduced_cells_stand_without_printed_ones(measured):
    measured()
    rows = cifar.small("arcgrad", "table4")
    assert not [name for name in rows if "printed" in name]
    soft = rows.query("at == 'CIFAR10+' and method == 'Soft'").iloc[0]
    runs = experiments.runs("arcgrad.table4", "reduced")
    same = [
        100 * share(run)
        for run in runs
        if (run["benchmark"], run["column"]) == ("CIFAR10+", "Soft")
    ]
    truth = stats.of_runs(same)
    assert soft["reduced"] == pytest.approx(truth.mean)
    assert soft["reduced_high"] == pytest.approx(truth.high)


def test_reduced_leads_are_paired_by_seed(measured):
    measured()
    runs = cifar.reduced_runs("arcgrad.table7", epochs=10)
    found = cifar.paired(runs, ["epochs"]).set_index("rival")
    assert list(found.index) == [x for x in cifar.SIX if x != "ArcGrad"]
    wide = runs.pivot(index="seed", columns="column", values="accuracy")
    truth = scipy_stats.ttest_rel(wide["ArcGrad"], wide["Center"])
    low, high = truth.confidence_interval()
    center = found.loc["Center"]
    assert center["reduced_low"] == pytest.approx(low)
    assert center["reduced_high"] == pytest.approx(high)
    assert center["p"] == pytest.approx(truth.pvalue)


def test_leads_of_tables_are_drawn_half_filled(measured, monkeypatch):
    measured()
    figure = caught(monkeypatch, cifar.leads, "CIFAR-10", "reduced")
    rows = cifar.ahead("CIFAR-10", "reduced")
    part = rows.query("paper == 'arcgrad' and at == 'CIFAR10+'")
    drawn = [x for _, x, _ in marks(figure.axes[0], hollow=False)]
    assert drawn == pytest.approx(part["measured"].tolist())
    assert not marks(figure.axes[0], hollow=True)


def test_more_losses_come_first_and_then_the_larger_profile(measured):
    assert cifar.best_records("arcgrad.table4")[0]["profile"] == "quick"
    measured()
    found = cifar.best_records("arcgrad.table4")
    assert {one["seed"] for one in found} == {0}
    assert {one["profile"] for one in found} == {"reduced"}
    every = cifar.best_records("angular-learning.fig5", ["Arc"], seed=None)
    assert {one["seed"] for one in every} == {0, 1, 2} and len(every) == 18


def test_part_of_the_losses_is_no_better_than_all(monkeypatch):
    known = experiments.records

    def records(id, profile):
        if profile != "reduced":
            return known(id, profile)
        runs = experiments.runs(id, profile, {"column": ["Soft"]})
        return [record(run) | {"profile": profile} for run in runs]

    monkeypatch.setattr(experiments, "records", records)
    found = cifar.best_records("arcgrad.table4")
    assert {one["profile"] for one in found} == {"quick"}


def test_a_reduced_run_says_so():
    one = {"train_images": 6400, "epochs": 10, "test_images": 5000}
    one |= {"network": "resnet18", "width": 0.25, "profile": "reduced"}
    text = cifar.label([one, one])
    assert "◐" in text and "book/reduced.html" in text
    assert "6,400 images" in text and "resnet18 at 0.25 of its" in text


def test_leads_by_what_sets_the_rates(measured):
    measured()
    runs = cifar.reduced_runs("arcgrad.rates")
    best = ch11.best_rates(runs)
    assert best["Soft"] == 0.003  # `share` falls with its rate
    rows = ch11.rate_leads(runs)
    printed = rows.dropna(subset="printed").set_index("rates")["printed"]
    assert printed[ch11.RATES.format(0.1)] == pytest.approx(15.5)
    assert printed[ch11.OWN_RATES] == pytest.approx(3.63, abs=0.005)
    small = rows[rows["scale"] == "reduced scale"].set_index("rates")
    values = runs.pivot_table("accuracy", "seed", ["column", "learning_rate"])
    for name, soft, ours in (
        (ch11.RATES.format(0.03), 0.03, 0.03),
        (ch11.OWN_RATES, 0.01, 0.1),
        (ch11.BEST_RATES, 0.003, best["ArcGrad"]),
    ):
        gaps = values["ArcGrad", ours] - values["Soft", soft]
        truth = stats.of_runs(gaps)
        assert small.loc[name, "reduced"] == pytest.approx(truth.mean)
        assert small.loc[name, "reduced_low"] == pytest.approx(truth.low)


def test_rates_of_one_loss_alone_can_be_drawn(measured, monkeypatch):
    measured(only=lambda run: run["column"] == "Soft")
    figure = caught(
        monkeypatch, cifar.reduced, "arcgrad.rates", ch11.leads_by_rate
    )
    (axes,) = figure.axes  # that of the printed leads
    assert len(marks(axes, hollow=True)) == 2


def test_a_loss_without_rivals_has_no_lead(measured, monkeypatch):
    measured(only=lambda run: run["column"] == "Center")
    runs = cifar.reduced_runs("arcgrad.table7")
    assert cifar.paired(runs, ["epochs"]).empty
    _, _, low, _ = caught(monkeypatch, ch11.epochs_at_scale).axes
    assert not marks(low, hollow=False)


def test_printed_and_reduced_leads_have_panels_of_their_own(
    measured, monkeypatch
):
    measured()
    figure = caught(
        monkeypatch, cifar.reduced, "arcgrad.rates", ch11.leads_by_rate
    )
    small, printed = figure.axes
    assert not marks(small, hollow=True) and len(marks(printed, hollow=True))
    assert not marks(printed, hollow=False)


def test_epochs_and_leads_over_them(measured, monkeypatch):
    measured()
    figure = caught(monkeypatch, ch11.epochs_at_scale)
    top, _, low, _ = figure.axes
    runs = cifar.reduced_runs("arcgrad.table7")
    means = runs[runs["column"] == "Soft"].groupby("epochs")["accuracy"].mean()
    ink = plot.look("Soft")["color"]
    drawn = [y for color, _, y in marks(top, hollow=False) if color == ink]
    assert drawn == pytest.approx(means.tolist())
    gaps = cifar.paired(runs, ["epochs"]).query("rival == 'Soft'")
    drawn = [y for color, _, y in marks(low, hollow=False) if color == ink]
    assert drawn == pytest.approx(gaps["reduced"].tolist())


def test_fewer_images_are_counted(measured, monkeypatch):
    measured()
    figure = caught(monkeypatch, cifar.reduced, "arcgrad.fig3", ch11.fewer)
    ticks = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert ticks == ["640", "1600", "3200", "6400"]


def test_what_wrong_labels_take(measured):
    measured()
    runs = cifar.reduced_runs("angular-learning.tolerance")
    row = ch11.wrong_labels(runs).set_index("loss").loc["Arc"]
    assert row["lost, points"].mean == pytest.approx(11)  # 10, 11 and 12
    truth = stats.of_runs([10, 11, 12])
    assert row["lost, points"].high == pytest.approx(truth.high)


def wide(run):
    """Angles that grow by a degree a unit of s, and by one a seed."""
    s = run["hyperparameters"].get("s", 10.0)
    angle = math.radians(20 + s + run["seed"] * (1 + s / 100))
    return {"wc_intra": angle}


def test_steps_of_the_scale_are_paired_by_seed(measured, monkeypatch):
    measured(wide)
    runs = cifar.reduced_runs("angular-learning.fig5")
    steps = ch10.per_step(runs).set_index(["from s", "to s"])
    found = steps.loc[(1.0, 3.0), "WC-Intra, degrees"]
    truth = stats.of_runs([2.0, 2.02, 2.04])
    assert found.mean == pytest.approx(truth.mean, rel=1e-4)
    assert found.high == pytest.approx(truth.high, rel=1e-3)
    assert steps.index[-1] == (1.0, 20.0)
    figure = caught(monkeypatch, ch10.at_end, runs)
    first = [y for *_, y in marks(figure.axes[0], hollow=False)]
    scales = np.array([1, 3, 5, 7, 12, 20])
    assert first == pytest.approx(list(21 + 1.01 * scales), rel=1e-3)


def test_reduced_angles_are_in_the_panel_of_their_name(measured, monkeypatch):
    measured(lambda run: {"w_inter": 1.5 + 0.01 * run["seed"]})
    figure = caught(
        monkeypatch, ch12.angles, "angular-learning", "table3", "reduced"
    )
    for axes in figure.axes:
        xs = [x for _, x, _ in marks(axes, hollow=False)]
        if title(axes) == "W-Inter":
            assert xs == pytest.approx([1.51] * 4)
        assert len(xs) == 4 and not marks(axes, hollow=True)
        assert "x" not in [line.get_marker() for line in axes.get_lines()]


def test_confusions_are_percent_of_a_class(measured, monkeypatch):
    names = [*"abcdefghij"]
    counts = np.eye(10, dtype=int) * 3
    counts[1, 4] = 1
    arrays = {"confusion": packing.pack(counts)}
    measured(lambda run: {"arrays": arrays})
    runs = cifar.reduced_runs("angular-learning.fig8", benchmark="CIFAR10")
    figure = caught(monkeypatch, ch12.confusions, runs, names)
    assert len(figure.axes) == 4
    axes = figure.axes[0]
    assert title(axes) == "Soft: 25% of b: e"
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("100") == 9 and "75" in texts and "25" in texts


def test_cosines_are_ranked_by_their_gap():
    def one(column, inside, outside):
        matrix = np.array([[1, inside, outside]] * 3)
        matrix[1] = inside, 1, outside
        arrays = {"cosines": packing.pack(matrix)}
        arrays["cosine_labels"] = packing.pack(np.array([0, 0, 1]))
        return {"column": column, "arrays": arrays}

    rows = ch12.by_cosines([one("Soft", 0.5, 0.1), one("Arc", 0.9, 0.8)])
    assert rows["within"].idxmax() == "Arc"
    assert rows.loc["Soft", "gap"] == pytest.approx(0.4)


def seen(run):
    """Hits of 16 images: of ArcFace another one is missed for each margin."""
    hits = np.ones(16, dtype=bool)
    if run["column"] == "ArcFace":
        hits[round(100 * run["hyperparameters"]["m"]) % 7] = False
    hits[15 - run["seed"] :] = False
    return {"arrays": {"hits": packing.pack(np.packbits(hits))}}


def test_settings_are_compared_image_by_image(measured):
    measured(seen)
    runs = ch08.named(cifar.reduced_runs("mnist-cosine.table1"))
    first, other = "ArcFace, m = 0.5", "Combined, m2 = 0.4, m3 = 0.2"
    assert {first, other} <= {*runs["setting"]} and len(runs) == 45
    rows = ch08.image_by_image(runs, [(first, other)])
    assert rows["seed"].tolist() == [0, 1, 2, 3, 4]
    assert (rows["only_first"] == 0).all() and (rows["only_second"] == 1).all()
    assert rows["lead"].tolist() == pytest.approx([-100 / 16] * 5)
    table = ch08.compared(rows)
    assert table.loc[0, "p < 0.05"] == "0 of 5"
    assert table.loc[0, "ahead by"].mean == pytest.approx(-100 / 16)
    html = ch08.against_one(runs).data
    assert "◐ Reduced profile" in html and other in html and "ρ = " in html


def test_lengths_are_compared_with_softmax(measured):
    measured(seen)
    runs = cifar.reduced_runs("mnist-cosine.fig2")
    html = ch08.against_softmax(runs).data
    for epochs in (2, 4, 12):
        assert f"ArcFace, epochs = {epochs}" in html


def test_records_without_hits_are_not_compared(measured):
    measured(profile="full")
    runs = cifar.reduced_runs("mnist-cosine.seeds", "full")
    assert len(runs) == 15
    assert "Not measured yet" in ch08.against_one(runs).data


def test_settings_are_means_over_seeds(measured, monkeypatch):
    measured()
    runs = cifar.reduced_runs("mnist-cosine.table1")
    figure = caught(monkeypatch, ch08.by_setting, runs)
    drawn = [x for _, x, _ in marks(figure.axes[0], hollow=False)]
    means = ch08.named(runs).groupby("setting", sort=False)["accuracy"].mean()
    assert drawn == pytest.approx(means.tolist())


def test_what_the_penalty_moves(measured):
    def angle(run):
        moved = 3 + run["seed"] if "IAM" in run["column"] else 0
        return {"c_inter": math.radians(80 + moved)}

    measured(angle)
    rows = ch09.moved(cifar.reduced_runs("iam.table2"))
    found = rows.loc["CosFace", "C-Inter, degrees"]
    truth = stats.of_runs([3, 4, 5])
    assert (found.mean, found.low) == pytest.approx((truth.mean, truth.low))
    assert rows.loc["Eq.(3)", "WC-Intra, degrees"].mean == pytest.approx(0)


def test_fresh_seeds_are_held_against_the_bound_alone(measured, monkeypatch):
    def accuracy(run):
        seed, half = run["seed"], run["precision"] == "bfloat16"
        lead = (0.009 if seed < 5 else 0.001) + 0.0001 * (seed % 2)
        return {"test_accuracy": 0.8 + 0.001 * seed + lead * half}

    measured(accuracy, profile="full")
    runs = cifar.reduced_runs("arcgrad.precision", "full")
    gaps, means = ch14.precision_gaps(runs), ch14.precision_means(runs)
    truth = scipy_stats.ttest_1samp(gaps[5:], 0).confidence_interval(0.9)
    fresh = means[ch14.FRESH]
    assert (fresh.low, fresh.high) == pytest.approx((truth.low, truth.high))
    figure = caught(monkeypatch, ch14.precisions, runs)
    ends = [(low, high) for _, _, low, high in bars(figure.axes[0])]
    assert pytest.approx((truth.low, truth.high)) in ends
    said = title(figure.axes[0])
    assert "first five apart" in said and "fresh ones equal" in said
    assert ch14.speeds(runs)["median"].tolist() == [100, 100]


def test_five_seeds_alone_are_drawn_too(measured, monkeypatch):
    measured(profile="full", only=lambda run: run["seed"] < 5)
    runs = cifar.reduced_runs("arcgrad.precision", "full")
    assert list(ch14.precision_means(runs)) == [ch14.FIRST]
    figure = caught(monkeypatch, ch14.precisions, runs)
    assert len(marks(figure.axes[0], hollow=True)) == 5


@pytest.mark.parametrize("id", ["arcgrad.table7", "angular-learning.table4"])
def test_a_loss_has_one_run_of_each_length_and_seed(id):
    runs = cells.runs(id, "reduced", records=[])
    assert not runs.duplicated(["epochs", "column", "seed"]).any()
