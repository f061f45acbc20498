"""Chapters 11 to 13: leads, bounds and what is drawn of them."""

import math

import numpy as np
import pytest
import torch
from scipy import stats as scipy_stats

from arcbook import (
    cells,
    datasets,
    experiments,
    geometry,
    live_images,
    packing,
    plot,
    stats,
)
from arcbook.chapters import ch11, ch12, ch13, cifar
from pictures import bars, caught, marks, near
from test_cells import record


def test_a_printed_lead_is_of_the_paper_s_own_cells():
    rows = ch11.leads("Soft").set_index(["paper", "item", "epochs"])
    printed = rows["printed"]
    assert printed["arcgrad", "table7", 10] == pytest.approx(88.34 - 72.84)
    assert printed["angular-learning", "table4", 10] == pytest.approx(
        15.72 - 12.09, abs=0.005
    )
    assert printed["arcgrad", "table4", 120] == pytest.approx(94.36 - 93.50)
    assert rows["five"].sum() == 2


def test_welch_s_interval_of_a_printed_lead():
    row = cifar.ahead("CIFAR-10").query(
        "paper == 'angular-learning' and at == 'CIFAR10' and rival == 'Soft'"
    )
    table = cells.beside("angular-learning", "table6").query("at == 'CIFAR10'")
    ours, soft = table.set_index("method").loc[["Arc", "Soft"]].itertuples()
    truth = scipy_stats.ttest_ind_from_stats(
        *(ours.printed, ours.printed_std, 5),
        *(soft.printed, soft.printed_std, 5),
        equal_var=False,
    )
    freedom = (ours.printed_std**2 + soft.printed_std**2) ** 2 * 4
    freedom /= ours.printed_std**4 + soft.printed_std**4
    lead = row["printed"].item()
    half = lead / truth.statistic * scipy_stats.t.ppf(0.975, freedom)
    assert row["printed_high"].item() == pytest.approx(lead + half)
    assert row["printed_low"].item() == pytest.approx(lead - half)


def test_a_measured_lead_is_paired_by_seed(monkeypatch):
    shares = {"ArcGrad": (0.94, 0.95, 0.96), "Soft": (0.93, 0.945, 0.94)}
    only = {"column": [*shares], "seed": [0, 1, 2], "benchmark": ["CIFAR10+"]}
    found = [
        record(run, shares[run["column"]][run["seed"]])
        for run in experiments.runs("arcgrad.table4", "full", only)
    ]
    records = {"arcgrad.table4": found}
    monkeypatch.setattr(
        experiments, "records", lambda id, profile: records.get(id, [])
    )
    row = cifar.ahead("CIFAR-10").query(
        "paper == 'arcgrad' and at == 'CIFAR10+' and rival == 'Soft'"
    )
    gaps = 100 * np.subtract(*shares.values())
    truth = scipy_stats.ttest_1samp(gaps, 0).confidence_interval()
    assert row["measured"].item() == pytest.approx(gaps.mean())
    assert row["low"].item() == pytest.approx(truth.low)
    assert row["high"].item() == pytest.approx(truth.high)


def test_leads_are_drawn_hollow_where_printed(monkeypatch):
    rows = cifar.ahead("CIFAR-10")
    filled = rows["paper"] == "arcgrad"
    rows.loc[filled, ["measured", "low", "high"]] = [1.0, 0.5, 1.5]
    monkeypatch.setattr(cifar, "ahead", lambda kind, profile: rows)
    figure = caught(monkeypatch, cifar.leads, "CIFAR-10")
    for axes in figure.axes:
        title = axes.get_title() or axes.get_title(loc="left")
        at, paper = title.split(", ")
        here = (rows["at"] == at) & (rows["paper"].map(cifar.TITLES) == paper)
        part = rows[here]
        both = part["measured"].notna().all()
        inks = [plot.look(name)["color"] for name in part["rival"]]
        for kind, sign in (("printed", 1), ("measured", -1)):
            places = np.arange(len(part))[::-1] + sign * 0.17 * both
            drawn = marks(axes, hollow=kind == "printed")
            assert drawn == near(zip(inks, part[kind], places))
        drawn = {(color, low, high) for color, _, low, high in bars(axes)}
        if both:
            assert (plot.look("Soft")["color"], 0.5, 1.5) in drawn


def test_the_schedule_is_the_policy_of_the_papers_optimiser():
    rates = ch11.schedule(2, 50, 0.1)
    assert len(rates) == 100
    assert rates.max() == pytest.approx(0.1)
    assert rates.argmax() == 29
    assert rates[0] == pytest.approx(0.1 / 25)
    assert rates[-1] == pytest.approx(0.1 / 25 / 1e4)


def test_how_far_a_long_run_is_behind():
    def run(epochs, curve):
        curves = {"test_accuracy": curve}
        return {"epochs": epochs, "column": "Soft", "curves": curves}

    found = ch11.behind([run(2, [0.1, 0.5]), run(3, [0.2, 0.3, 0.9])])
    assert found.to_dict() == {"Soft": pytest.approx(20.0)}


def test_steps_of_fewer_images():
    table = ch11.steps().set_index("share")
    assert table.loc[1.0, "steps"] == 20 * (50_000 // 256)
    assert table.loc[0.1, "steps"] == 20 * (5_000 // 256)
    assert table.loc[0.1, "epochs of all"] == pytest.approx(380 / 195)


def test_curves_of_a_table_over_epochs_are_those_printed(monkeypatch):
    figure = caught(monkeypatch, ch11.over_epochs)
    (first, _) = figure.axes
    drawn = {
        color: y
        for color, x, y in marks(first, hollow=True)
        if x == pytest.approx(10)
    }
    soft = ch11.error_spaced(72.84)
    assert drawn[plot.look("Soft")["color"]] == pytest.approx(soft)


def test_random_vectors_stand_where_theory_says():
    drawn = ch12.chance(100, 512, draws=5)
    assert drawn["random"].mean() == pytest.approx(math.pi / 2, abs=2e-3)
    simplex = geometry.simplex_angle(100)
    assert drawn["random, less their mean"].mean() == pytest.approx(
        simplex, abs=1e-4
    )
    assert drawn["random, after a ReLU"].mean() == pytest.approx(
        math.acos(1 / math.pi), abs=5e-3
    )


def test_impossible_angles_are_crossed(monkeypatch):
    figure = caught(monkeypatch, ch12.angles, "angular-learning", "table3")
    crossed = [
        line.get_xdata()[0]
        for axes in figure.axes  # W-Inter, C-Inter, WC-Intra
        for line in axes.get_lines()
        if line.get_marker() == "x"
    ]
    assert crossed == pytest.approx([1.6256, 1.6244], abs=1e-4)


def test_mean_cosines_within_and_between():
    cosines = np.array([[1, 0.8, 0.1], [0.8, 1, 0.3], [0.1, 0.3, 1]])
    arrays = {
        "cosines": packing.pack(cosines),
        "cosine_labels": packing.pack(np.array([0, 0, 1])),
    }
    found = ch12.mean_cosines({"arrays": arrays})
    assert found == pytest.approx((0.8, 0.2))
    arrays["cosine_labels"] = packing.pack(np.array([0, 1, 2]))
    assert math.isnan(ch12.mean_cosines({"arrays": arrays})[0])


def test_a_mean_angle_is_of_the_centre_not_of_the_features():
    spread = torch.tensor(ch12.plane([-40, 0, 40]))
    labels = torch.zeros(3, dtype=int)
    center = geometry.class_centers(spread, labels, 1)
    own = torch.tensor(ch12.plane([0]))
    assert float(geometry.wc_intra(center, own)) == pytest.approx(0, abs=1e-9)


def test_top_1_and_top_5_stand_as_printed():
    rows = ch13.both_places().set_index(["paper", "method"])
    assert rows.loc["arcgrad", "ArcGrad"].tolist() == [75.12, 90.98]
    arc = rows.loc["angular-learning", "Arc"]
    assert arc.tolist() == pytest.approx([100 - 24.29, 100 - 10.07])


def test_the_share_found_among_five():
    table = ch13.rescued()
    expected = 100 * (89.56 - 72.55) / (100 - 72.55)
    assert table.loc["Soft", "ArcGrad"] == pytest.approx(expected)
    assert np.isnan(table.loc["AdaCos", "Angular Learning"])


def test_the_needed_scale_reaches_the_level(monkeypatch):
    def reach(classes):
        return (1 - 1 / classes) * math.log((classes - 1) * 0.99 / 0.01)

    figure = caught(
        monkeypatch,
        *(ch13.needed, {"ArcFace, s cos θ": reach}, {"ArcFace": 20.0}, 0.99),
    )
    (line, *_) = figure.axes[0].get_lines()
    x, y = line.get_xydata()[-1]
    lead = y * (1 + 1 / (x - 1))
    assert 1 / (1 + (x - 1) * math.exp(-lead)) == pytest.approx(0.99)


def test_ten_images_stand_in_both_parts():
    pairs = ch13.in_both_parts()
    if pairs is None:
        pytest.skip("CIFAR-100 is not on this machine")
    assert len(pairs) == 10
    assert (pairs["in the test"] == pairs["in training"]).sum() == 4
    assert datasets.card("cifar100").test == 10_000


def test_a_quick_run_says_so():
    one = {"train_images": 100, "epochs": 2, "test_images": 50}
    one |= {"network": "conv4"}
    assert "Quick profile" in cifar.label([one | {"profile": "quick"}])
    assert cifar.label([one | {"profile": "full"}]) == ""


def test_texts_of_a_printed_table():
    rows = cifar.tables("CIFAR-10", "angular-learning")
    assert cifar.printed_table(rows).loc["Arc", "CIFAR10+"] == "94.77 ± 0.19"
    table = cifar.printed_table(cells.beside("angular-learning", "table3"))
    assert table.loc["ArcFace", "W-Inter"] == "1.6256 (93.1°)"


def test_live_runs_are_rows_with_wilson_s_interval(monkeypatch):
    runs = [
        {"column": column, "hyperparameters": hyper, "test_images": 100}
        | {"metrics": {"diverged": False, "test_accuracy": share}}
        for column, hyper, share in (
            ("Soft", {}, 0.5),
            ("ArcGrad", {"s": 1.0}, 0.6),
            ("ArcGrad", {"s": 10.0}, 0.7),
        )
    ]
    figure = caught(monkeypatch, cifar.against, live_images.Live(runs), "s")
    (axes,) = figure.axes
    texts = [text.get_text() for text in axes.get_yticklabels()]
    assert texts == ["ArcGrad, s = 10", "ArcGrad, s = 1", "Soft"]
    looks = [plot.look(name)["color"] for name in ("Soft", *["ArcGrad"] * 2)]
    drawn = list(zip(looks, (50, 60, 70), (2, 1, 0)))
    assert marks(axes, hollow=False) == near(drawn)
    _, _, low, high = bars(axes)[0]
    one = stats.of_share(50, 100)
    assert (low, high) == pytest.approx((one.low, one.high))
