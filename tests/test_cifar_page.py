"""The CIFAR pages say what prints and records hold, whatever they are."""

import math
import os
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import stats

from arcbook import audit, datasets, experiments, live_images, papers, plot
from arcbook.analysis import cifar_pages, leads, measured
from arcbook.analysis.tables import UNMEASURED
from arcbook.audit import verdicts as words
from arcbook.figures import cifar as plots
from arcbook.figures import cifar100 as plots100
from arcbook.figures import schedules
from arcbook.verdicts import NOT_YET
from arcbook.verdicts import cifar as verdicts
from arcbook.verdicts import cifar100 as sentences
from arcbook.verdicts import epochs as over
from arcbook.verdicts.claims import quoted

BOTH = "arcgrad", "angular-learning"


def record(run, accuracy=0.9, top5=0.99, **more):
    """A record with made-up metrics, as `experiments.records` gives it."""
    metrics = {"test_accuracy": accuracy, "test_top5": top5}
    metrics |= {"train_accuracy": 1.0, "diverged": False}
    length = run["epochs"]
    grows = [accuracy * k / length for k in range(1, length + 1)]
    names = "test_accuracy", "train_accuracy"
    curves = {"epoch": list(range(1, length + 1))}
    return (
        run
        | {
            "metrics": metrics,
            "curves": curves | dict.fromkeys(names, grows),
            "test_images": 10_000,
            "train_images": 50_000,
            "probe_images": 10_000,
            "stale": False,
        }
        | more
    )


def diverged(run):
    return record(run) | {"metrics": {"diverged": True}, "curves": {}}


def fake(id, accuracy=lambda run: 0.9, keep=lambda run: True, lost=()):
    """Full records of an experiment: some kept, some of them diverged."""
    return [
        diverged(run)
        if (run["column"], run["seed"]) in lost
        else record(run, accuracy(run))
        for run in experiments.runs(id, "full")
        if keep(run)
    ]


def by_column(**gains):
    """0.9, and for some columns more, with a wobble over the seeds."""
    return lambda run: 0.9 + gains.get(run["column"], 0) + 1e-4 * run["seed"]


def frame(id, records):
    return measured.frame(id, "full", records)


@pytest.fixture(autouse=True)
def book_style():
    plot.style()
    yield
    plt.close("all")


# ------------------------------------------------------------------ leads


def test_errors_and_accuracies_stand_in_one_picture():
    ours = leads.accuracies(*BOTH[:1], "table4", records=[])
    theirs = leads.accuracies("angular-learning", "table6", records=[])
    soft = theirs.set_index(["method", "benchmark"])["published"]
    assert soft["Soft", "CIFAR10+"] == pytest.approx(100 - 5.73)
    assert ours["published"].between(80, 100).all()
    records = fake("angular-learning.table6", by_column(Arc=0.01))
    cells = leads.accuracies("angular-learning", "table6", records=records)
    cell = cells.set_index(["method", "benchmark"]).loc["Arc", "CIFAR10"]
    assert cell["measured"] == pytest.approx(91.02)
    assert cell["low"] < cell["measured"] < cell["high"]


@pytest.mark.parametrize("kind", leads.TABLES)
def test_a_printed_lead_is_the_difference_of_two_cells(kind):
    for paper, rows in leads.ahead_in_both(kind).items():
        name, ours = leads.TABLES[kind][paper], leads.OURS[paper]
        cells = papers.table(paper, name)
        wrong = "wrong" in papers.facts(paper, name)["unit"]
        other = "epochs" if "epochs" in cells else "benchmark"
        wide = cells.pivot(index=other, columns="method", values="mean")
        for row in rows.to_dict("records"):
            line = wide.loc[row["place"]]
            gap = line[ours] - line[row["rival"]]
            assert row["published"] == pytest.approx(-gap if wrong else gap)
        assert ours not in set(rows["rival"])


def test_an_interval_of_printed_means_is_welchs():
    rows = leads.beside("angular-learning", "table6", "Arc", records=[])
    row = rows.set_index(["place", "rival"]).loc["CIFAR10", "Center"]
    base = np.array([-2, -1, 0, 1, 2]) / math.sqrt(2.5)
    arc, center = (
        100 - mean + std * base for mean, std in ((11.77, 0.31), (12.22, 0.45))
    )
    test = stats.ttest_ind(arc, center, equal_var=False)
    low, high = test.confidence_interval()
    assert row["published_low"] == pytest.approx(low)
    assert row["published_high"] == pytest.approx(high)
    none = leads.beside("arcgrad", "table4", "ArcGrad", records=[])
    assert none["published_low"].isna().all()


def test_a_measured_lead_is_paired_by_seed():
    def accuracy(run):
        gain = {"ArcGrad": 0.01 + 1e-3 * run["seed"]}
        return 0.8 + 0.02 * run["seed"] + gain.get(run["column"], 0)

    records = fake("arcgrad.table4", accuracy)
    rows = leads.beside("arcgrad", "table4", "ArcGrad", records=records)
    row = rows.iloc[0]
    gaps = np.arange(5) * 0.1 + 1
    half = 2.776445 * gaps.std(ddof=1) / math.sqrt(5)
    assert row["measured"] == pytest.approx(gaps.mean())
    assert row["high"] - row["measured"] == pytest.approx(half, rel=1e-5)
    assert row["seeds"] == 5


def test_missing_and_diverged_runs_are_no_pairs():
    records = fake(
        "arcgrad.table4",
        by_column(ArcGrad=0.01),
        keep=lambda run: run["seed"] < 3 and run["column"] != "AdaCos",
        lost=[("Soft", 1)],
    )
    rows = leads.beside("arcgrad", "table4", "ArcGrad", records=records)
    seeds = rows.set_index(["place", "rival"])["seeds"]["CIFAR10"]
    assert seeds["Soft"] == 2
    assert seeds["Center"] == 3
    assert seeds["AdaCos"] == 0
    unmeasured = rows[rows["rival"] == "AdaCos"]
    assert unmeasured[["measured", "low", "high"]].isna().all(axis=None)


def test_one_pair_has_the_error_of_the_test_images():
    runs = pd.DataFrame(
        {
            "column": ["ArcGrad", "Soft"],
            "seed": 0,
            "accuracy": [94.0, 90.0],
            "test_images": 10_000,
        }
    )
    found = leads.of_runs(runs, "ArcGrad", "Soft")
    error = math.sqrt(94 * 6 / 1e4 + 90 * 10 / 1e4)
    assert found["measured"] == pytest.approx(4)
    assert found["high"] - 4 == pytest.approx(1.959964 * error, rel=1e-5)


def test_what_five_seeds_find_is_found_four_times_of_five():
    shift = leads.detectable(0.2, 5) / (0.2 * math.sqrt(2 / 5))
    critical = stats.t.ppf(0.975, 8)
    found = stats.nct.sf(critical, 8, shift)
    assert found == pytest.approx(leads.POWER, abs=1e-3)
    assert leads.reach(0.2, 5) < leads.detectable(0.2, 5)
    assert leads.detectable(0.2, 20) < leads.detectable(0.2, 5)
    assert leads.detectable(0.4, 5) == pytest.approx(
        2 * leads.detectable(0.2, 5)
    )


@pytest.mark.parametrize(("seeds", "power"), [(1, 0.8), (5, 0.0), (5, 1.0)])
def test_too_few_seeds_and_no_chance_are_refused(seeds, power):
    with pytest.raises(ValueError, match="at least 2 seeds"):
        leads.detectable(0.2, seeds, power)


def test_leads_over_epochs_join_four_tables():
    rows = leads.over_epochs()
    assert rows.groupby("paper")["epochs"].agg(sorted).to_dict() == {
        "arcgrad": [10, 20, 40, 90, 120],
        "angular-learning": [10, 20, 80, 160, 200],
    }
    first = rows[(rows["paper"] == "arcgrad") & (rows["epochs"] == 10)]
    assert first["published"].item() == pytest.approx(88.34 - 72.84)
    assert rows.loc[rows["several"], "epochs"].tolist() == [120, 160]


# ----------------------------------------------------------------- tables


def test_a_table_prints_both_kinds_and_says_what_is_missing():
    records = fake(
        "angular-learning.table6",
        by_column(),
        keep=lambda run: run["column"] != "Center",
        lost=[("Soft", 2)],
    )
    cells = measured.beside("angular-learning", "table6", records=records)
    table = cifar_pages.grid(cells)
    assert table.loc["Soft ○", "CIFAR10"] == "13.16 ± 0.31"
    assert "(1 diverged)" in table.loc["Soft ●", "CIFAR10"]
    assert table.loc["Center ●", "CIFAR10"] == UNMEASURED
    assert table.loc["Arc ●", "CIFAR10+"] == "9.98 ± 0.02"
    assert "Maxout ●" not in table.index
    assert table.loc["Maxout ○", "CIFAR10+"] == "–"


def test_full_tables_never_hold_quick_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr("arcbook.paths.RESULTS", tmp_path)
    table, where = cifar_pages.printed_and_measured("arcgrad.table7")
    assert table.data.count(UNMEASURED) == 24
    assert "(0 of 24 runs)" in where.data
    (only,) = cifar_pages.quick("arcgrad.table7")
    assert UNMEASURED in only.data


def test_quick_tables_are_labelled_and_have_intervals():
    id = "arcgrad.table7"
    records = [
        record(run, 0.5, test_images=1000, train_images=10_000)
        for run in experiments.runs(id, "quick")
    ]
    table = cifar_pages.quick_table(id, records)
    assert list(table) == ["2 epochs", "4 epochs"]
    low, high = measured.binomial(50.0, 1000)
    assert table.loc["Soft", "2 epochs"] == f"50.0 ({low:.1f} to {high:.1f})"
    label = cifar_pages.label(records)
    assert "10,000 images, 2 or 4 epochs" in label
    assert "enters no comparison" in label
    assert "1,000 test images" in label


def test_what_varies_is_what_stands_across():
    for id, places in (
        ("arcgrad.table4", ["CIFAR10+", "CIFAR10"]),
        ("arcgrad.table5", ["top-1", "top-5"]),
        ("arcgrad.fig3", [f"{x}0% of the images" for x in range(10, 0, -1)]),
    ):
        cells = cifar_pages.by_place(frame(id, fake(id)))
        assert list(dict.fromkeys(cells["place"])) == places
    top = cells = cifar_pages.by_place(frame("arcgrad.table5", []))
    assert top["measured"].isna().all()
    assert len(cells) == 12


def test_fewer_images_are_fewer_steps():
    table = cifar_pages.steps().set_index("share")
    assert table.loc[1.0, "steps"] == 20 * (50_000 // 256)
    assert table.loc[0.1, "steps"] == 20 * (5_000 // 256)
    text = over.fewer_steps(cifar_pages.steps())
    assert "takes 380 steps instead of 3,900" in text
    assert "as many as 10 epochs of all" in text


def test_the_schedule_is_that_of_the_runs():
    rates = cifar_pages.schedule(10, 195, 0.1)
    assert rates[0] == pytest.approx(0.1 / 25)
    assert rates[-1] == pytest.approx(0.1 / 250_000)
    assert rates.argmax() == 0.3 * 1950 - 1
    found = experiments.records("arcgrad.table7", "quick")
    if not found:
        pytest.skip("no quick records")
    one = found[-1]
    steps = one["curves"]["step"]
    drawn = cifar_pages.schedule(one["epochs"], steps[0], one["learning_rate"])
    there = one["curves"]["learning_rate"]
    assert drawn[np.array(steps) - 1] == pytest.approx(there, rel=1e-4)


# ------------------------------------------------------------------- live


def test_a_sweep_leaves_out_what_a_loss_does_not_have(monkeypatch):
    asked = []

    def quick(id, columns, **changes):
        asked.append((columns[0], changes))
        return live_images.Live([{"column": columns[0]} | changes])

    monkeypatch.setattr(live_images, "quick", quick)
    live = cifar_pages.trained(
        "arcgrad.table5", ["Soft", "ArcGrad"], s=[1.0, 10.0], seed=[3]
    )
    assert asked == [
        ("Soft", {"seed": 3}),
        ("ArcGrad", {"s": 1.0, "seed": 3}),
        ("ArcGrad", {"s": 10.0, "seed": 3}),
    ]
    assert len(live.records) == 3


def test_a_page_downloads_nothing(monkeypatch, tmp_path):
    monkeypatch.delenv("ARCBOOK_DATA", raising=False)
    monkeypatch.setenv("ARCBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(datasets, "load", lambda *a, **k: pytest.fail())
    live = cifar_pages.trained("arcgrad.table7", ["Soft"], epochs=[1])
    assert live.records == []
    assert "CIFAR-10 is not on this machine" in live.problem
    assert live.problem in cifar_pages.absent(live).data
    assert cifar_pages.in_both_parts() is None
    assert "no live run" in over.rates([])
    assert "no live run" in sentences.scales([], {})


def test_a_problem_of_the_data_is_passed_on(monkeypatch):
    problem = live_images.Live(problem="the file is altered.")
    monkeypatch.setattr(live_images, "quick", lambda *a, **k: problem)
    live = cifar_pages.trained("arcgrad.table7", ["Soft"], epochs=[1])
    assert live.problem == "the file is altered."


def test_images_in_both_parts_are_found_with_their_labels(monkeypatch):
    rng = np.random.default_rng(0)
    train = rng.integers(0, 255, (6, 2, 2, 3), np.uint8)
    test = np.concatenate([train[[4, 1]], 255 - train[:2]])
    images = SimpleNamespace(
        train_images=train,
        train_labels=np.array([0, 1, 2, 0, 1, 2]),
        test_images=test,
        test_labels=np.array([1, 0, 2, 2]),
        class_names=("a", "b", "c"),
    )
    monkeypatch.setattr(datasets, "load", lambda *a, **k: images)
    monkeypatch.setattr(live_images, "missing", lambda name: "")
    pairs = cifar_pages.in_both_parts()
    assert pairs.to_numpy().tolist() == [["b", "b"], ["a", "b"]]
    text = sentences.duplicates(pairs, 2, 4)
    assert "1 of them have the same label" in text
    assert "a/b" in text
    assert "at most 25.00 points" in text


@pytest.mark.skipif(
    not os.environ.get("ARCBOOK_DATA"), reason="needs CIFAR-100"
)
def test_the_card_tells_of_as_many_as_there_are():
    assert len(cifar_pages.in_both_parts()) == cifar_pages.on_the_card()


# -------------------------------------------------------------- sentences


def test_one_loss_printed_twice_is_read_from_the_tables():
    cells = leads.in_both_papers("over epochs")
    text = over.one_loss_twice(cells)
    first = papers.table("arcgrad", "table7").iloc[0]["mean"]
    second = 100 - papers.table("angular-learning", "table4").iloc[0]["mean"]
    assert f"{second - first:.2f} points between" in text
    assert "15.50 points in one and 3.63 in the other" in text


def test_protocols_are_those_of_the_grids():
    text = over.protocols()
    assert "batches of 256 and a largest rate of 0.1 for Soft" in text
    assert "0.01 for Soft and 0.1 for Arc" in text


def test_long_runs_are_held_against_the_means():
    text = over.longer(
        leads.in_both_papers("over epochs"), leads.in_both_papers("CIFAR-10")
    )
    assert "single runs of 200 epochs stand below the means" in text
    assert "for 4 of 4 losses, by up to 1.20 points" in text


def live_runs(gain, loss=0.0):
    """Soft and ArcGrad at two rates; how far ArcGrad leads at the larger."""
    runs = experiments.runs(
        "arcgrad.table7", "quick", {"column": ["Soft", "ArcGrad"]}
    )[:2]
    return [
        record(
            run | {"learning_rate": rate},
            0.4 + (gain - loss if rate == 0.1 else 0) * (k == 1),
            test_images=1000,
        )
        for k, run in enumerate(runs)
        for rate in (0.01, 0.1)
    ]


def test_the_live_sentence_turns_round():
    up = over.rates(live_runs(0.1))
    assert "ArcGrad is ahead of Soft by +0.0 at 0.01, +10.0 at 0.1" in up
    assert "larger at the largest rate" in up
    assert "more than the test images' error" in up
    down = over.rates(live_runs(0, 0.1))
    assert "−10.0 at 0.1" in down
    assert "smaller at the largest rate" in down
    close = over.rates(live_runs(0.01))
    assert "within the test images' error" in close
    alone = over.rates(live_runs(0.1)[:2])
    assert alone == "There are no two columns to compare."
    assert "hint" in up


def test_courses_are_read_at_the_end_of_the_short_run():
    runs = experiments.runs("arcgrad.table7", "full", {"column": ["Soft"]})
    records = [record(run, 0.9) for run in runs]
    text = over.courses(records, "full")
    assert "At epoch 10 the run planned for 90 is behind" in text
    assert "for 1 of 1 losses, by 80.0 to 80.0 points" in text
    assert "hint" not in text
    assert "hint" in over.courses(records, "quick")
    assert over.courses(records[:1], "full") == NOT_YET
    assert over.courses([], "full") == NOT_YET


@pytest.mark.parametrize(
    ("there", "profile", "number"),
    [
        (("full", "quick"), "full", 4),
        (("quick",), "quick", 2),
        ((), "full", 0),
    ],
)
def test_full_courses_come_before_quick_ones(
    monkeypatch, there, profile, number
):
    def some(id, profile):
        runs = experiments.runs(id, profile) if profile in there else []
        return [record(run) for run in runs]

    monkeypatch.setattr(experiments, "records", some)
    found, which = cifar_pages.courses("arcgrad.table7", ["Soft"])
    assert which == profile
    assert [one["column"] for one in found] == ["Soft"] * number


@pytest.mark.parametrize(("sign", "first"), [(1, "+7.00"), (-1, "−7.00")])
def test_fewer_images_turn_the_lead_with_the_records(sign, first):
    def accuracy(run):
        lead = sign * 0.1 * (1 - run["share"])
        return 0.8 + lead * (run["column"] == "ArcGrad")

    cells = cifar_pages.by_place(
        frame("arcgrad.fig3", fake("arcgrad.fig3", accuracy))
    )
    assert f"over Soft {first} points" in over.less_data(cells)
    none = cifar_pages.by_place(frame("arcgrad.fig3", []))
    assert over.less_data(none) == NOT_YET


def test_leads_beyond_the_band_are_counted():
    cells = leads.in_both_papers("CIFAR-10")
    bands = verdicts.bands(cells["angular-learning"])
    assert bands["CIFAR10"] == pytest.approx(leads.detectable(0.38, 5))
    rows = leads.ahead_in_both("CIFAR-10")
    printed = verdicts.showing(rows, bands)
    assert "Measured: not yet" in printed
    assert "ArcFace 0 of 4" in printed
    assert "Soft 4 of 4" in printed
    for gain, says in ((0.01, "10 are clear"), (-0.01, "10 are the other")):
        records = fake("arcgrad.table4", by_column(ArcGrad=gain))
        row = leads.beside("arcgrad", "table4", "ArcGrad", records=records)
        assert says in verdicts.showing({"arcgrad": row}, bands)


def test_claims_are_quoted_with_their_verdict():
    items = [
        item
        for paper, names in verdicts.CLAIMS.items()
        for item in audit.claims(paper, names)
    ]
    assert set(verdicts.SAYS) == {item.item for item in items}
    text = quoted(items)
    for item in items:
        assert f"> {item.printed} [{item.paper}, {item.place}]" in text
    (one,) = audit.claims("arcgrad", ["epochs"])
    one = audit.Item(**one.__dict__ | {"measured": "+1 [0, 2]"})
    assert "Measured: +1 [0, 2]." in quoted([one])
    kept = verdicts.standing(items, ["A holds."], ["B fails."])
    assert kept.startswith("**What holds.** A holds.")
    assert "**What does not.** B fails." in kept
    assert "Not measured yet" in kept


@pytest.mark.parametrize(
    ("verdict", "head"),
    [
        (words.REPLICATED, "What holds"),
        (words.NOT_REPLICATED, "What does not"),
        (words.CLOSE, "Too close to call"),
    ],
)
def test_a_settled_claim_stands_under_its_verdict(verdict, head):
    (item,) = audit.claims("arcgrad", ["epochs"])
    item = audit.Item(**item.__dict__ | {"verdict": verdict})
    text = verdicts.standing([item], [], [])
    assert text.startswith(f"**{head}.** By the full records: ahead of")
    assert "Not measured" not in text


# ---------------------------------------------------------- a hundred


def hundred(**more):
    """Table V and 7 with made-up full records, where there are any."""
    return {
        paper: leads.accuracies(paper, name, records=more.get(name, []))
        for paper, name in leads.TABLES["CIFAR-100"].items()
    }


def test_orders_by_top_1_and_top_5():
    text = sentences.orders(hundred())
    assert text.startswith("Another loss is first by top-5 in 2 of 2 tables")
    assert "ArcGrad is first by top-1 and Center by top-5" in text
    records = [
        record(run, 0.7 + 0.01 * k, 0.9 + 0.01 * k)
        for k, run in enumerate(
            experiments.runs("arcgrad.table5", "full", {"seed": [0]})
        )
    ]
    more = sentences.orders(hundred(table5=records))
    assert "in 2 of 3 tables" in more
    assert (
        "measured, ArcGrad is first by top-1 and ArcGrad by top-5; "
        "Kendall's τ of the two orders is 1.00" in more
    )


def test_what_five_guesses_rescue():
    table = sentences.rescued(hundred())
    share = 100 * (89.56 - 72.55) / (100 - 72.55)
    assert table.loc["Soft", "[arcgrad] ○"] == f"{share:.1f}"
    assert table.loc["Soft", "[arcgrad] ●"] == UNMEASURED
    assert table.loc["AdaCos", "[angular-learning] ○"] == "–"
    assert table.loc["AdaCos", "[angular-learning] ●"] == "–"


def test_one_set_up_printed_twice():
    text = sentences.printed_twice(leads.ahead_in_both("CIFAR-100"))
    assert f"{100 - 25.64 - 72.55:.2f} points apart" in text
    assert "Of the 8 leads of ArcGrad by top-1 in the two tables, 5" in text


def test_leads_from_ten_to_a_hundred_classes():
    text = sentences.from_ten_to_hundred(
        leads.ahead_in_both("CIFAR-10"), leads.ahead_in_both("CIFAR-100")
    )
    assert "[arcgrad], printed: Soft +0.86 to +2.57" in text
    assert "Center +0.17 to +1.04" in text


def test_duplicates_are_counted_or_read_on_the_card():
    text = sentences.duplicates(None, 10, 10_000)
    assert "The card tells of 10 images" in text
    assert "0.10 points at most" in text


@pytest.mark.parametrize(
    ("level", "says"),
    [(0.99, "allowed by ArcFace's s = 20"), (0.9999999, "It is not by")],
)
def test_whether_a_scale_suffices_depends_on_the_level(level, says):
    rise = math.log(99 * level / (1 - level))
    needed = {
        "cosine": lambda c: rise * (c - 1) / c,
        "angle": lambda c: rise / math.acos(-1 / (c - 1)),
    }
    given = {"ArcFace": 20.0, "ArcGrad": 10.0}
    assert says in sentences.suffices(given, needed, level)


def test_live_scales_are_held_against_their_floor():
    (run,) = experiments.runs(
        "arcgrad.table5", "quick", {"column": ["ArcGrad"]}
    )
    records = [
        record(run | {"hyperparameters": {"s": s}}, 0.1 + s / 100)
        for s in (1.0, 10.0)
    ]
    for one in records:
        one["curves"]["train_loss"] = [4.5, 4.25]
    text = sentences.scales(records, {1.0: 3.0, 10.0: 0.0})
    assert "11.0% at s = 1 and 20.0% at s = 10" in text
    assert "at s = 1: 4.25 in the last epoch, 3.00 at the simplex" in text
    assert "hint" in text
    soft = experiments.runs("arcgrad.table5", "quick", {"column": ["Soft"]})
    assert "None of these runs" in sentences.scales([record(soft[0])], {})


# ---------------------------------------------------------------- figures


def marks(figure, hollow):
    """Positions of the hollow, or of the filled, marks of a figure."""
    return [
        (round(float(x), 6), round(float(y), 6))
        for axes in figure.axes
        for line in axes.lines
        if line.get_marker() not in ("None", None, "")
        and (line.get_markerfacecolor() == "none") == hollow
        for x, y in zip(*line.get_data())
    ]


def title(axes):
    return axes.get_title(loc="left")


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_first_picture_has_the_printed_leads_and_no_others():
    rows = leads.over_epochs()
    empty = rows.assign(measured=math.nan, low=math.nan, high=math.nan)
    figure = plots.lead_over_epochs(empty)
    assert sorted(marks(figure, hollow=True)) == sorted(
        (float(e), round(y, 6)) for e, y in zip(rows.epochs, rows.published)
    )
    assert marks(figure, hollow=False) == []
    assert legend(figure)[1] == UNMEASURED
    assert "15.5 and 3.6 points after 10" in title(figure.axes[0])
    some = empty.copy()
    some.loc[0, ["measured", "low", "high"]] = 5.0, 4.0, 6.0
    figure = plots.lead_over_epochs(some)
    assert marks(figure, hollow=False) == [(10.0, 5.0)]
    assert "measured" in legend(figure)[1]


def some_records(id):
    """Three seeds, one column missing, one run diverged."""
    return fake(
        id,
        by_column(ArcGrad=0.01, Arc=0.01),
        keep=lambda run: run["seed"] < 3 and run["column"] != "Center",
        lost=[("Soft", 0)],
    )


@pytest.mark.parametrize("kind", ["CIFAR-10", "CIFAR-100"])
def test_dots_are_filled_where_there_is_a_measurement(kind):
    places = ("CIFAR10+", "CIFAR10")
    if kind == "CIFAR-100":
        places = (("Top-1", "Top1"), ("Top-5", "Top5"))
    for there in (False, True):
        cells, rows = {}, {}
        for paper, name in leads.TABLES[kind].items():
            records = some_records(f"{paper}.{name}") if there else []
            cells[paper] = leads.accuracies(paper, name, records=records)
            rows[paper] = leads.beside(
                paper, name, leads.OURS[paper], records=records
            )
        bands = verdicts.bands(cells["angular-learning"])
        if kind == "CIFAR-100":
            bands |= {"Top-1": bands["Top1"], "Top-5": bands["Top5"]}
        for figure, number in (
            (plots.accuracies(cells, places), 20),
            (plots.leads(rows, places, bands), 16),
        ):
            assert len(marks(figure, hollow=True)) == number
            filled = len(marks(figure, hollow=False))
            assert filled == (number - 4 if there else 0)
            assert (legend(figure)[1] == UNMEASURED) == (not there)


def test_accuracy_over_epochs_shows_each_printed_run():
    cells = {
        paper: leads.accuracies(
            paper, name, records=some_records(f"{paper}.{name}")
        )
        for paper, name in leads.TABLES["over epochs"].items()
    }
    figure = plots.epochs(cells)
    printed = [
        (float(epochs), round(-math.log(100 - y), 6))
        for table in cells.values()
        for epochs, y in zip(table["epochs"], table["published"])
    ]
    assert sorted(marks(figure, hollow=True)) == sorted(printed)
    # of ten columns both Centers are missing and both Softs diverged
    assert len(marks(figure, hollow=False)) == 4 * (10 - 4)


def test_top_1_and_5_are_one_mark_a_loss():
    figure = plots100.top_1_and_5(hundred())
    assert (72.55, 89.56) in marks(figure, hollow=True)
    assert len(marks(figure, hollow=True)) == 10
    assert marks(figure, hollow=False) == []
    assert (
        title(figure.axes[0])
        == "Printed: best by top-1 ArcGrad and Arc, by top-5 Center"
    )
    more = plots100.top_1_and_5(hundred(table5=some_records("arcgrad.table5")))
    assert len(marks(more, hollow=False)) == 5


def test_the_cycle_ends_where_another_is_at_full_speed():
    figure = schedules.cycle([10, 40], 195)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "planned for 10" in texts
    assert "0.0004%" in texts
    assert "that of 40 is at 94% of its rate" in title(figure.axes[0])


def test_courses_have_a_panel_a_loss_and_an_end_a_run():
    id, columns = "arcgrad.table7", ["Soft", "Center", "ArcGrad"]
    records = [one for one in some_records(id) if one["curves"]]
    figure = schedules.courses(records, columns)
    titles = [title(axes) for axes in figure.axes[:3]]
    assert titles == columns
    assert [text.get_text() for text in figure.axes[1].texts] == [
        "not measured yet"
    ]
    ends = {x for x, _ in marks(figure, hollow=False)}
    assert ends == {10.0, 20.0, 40.0, 90.0}


def test_shares_are_drawn_where_they_are_measured():
    records = fake("arcgrad.fig3", keep=lambda run: run["share"] > 0.25)
    cells = cifar_pages.by_place(frame("arcgrad.fig3", records))
    figure = schedules.shares(cells, "note")
    assert {x for x, _ in marks(figure, hollow=False)} == {
        float(x) for x in range(30, 101, 10)
    }


def test_live_runs_are_drawn_with_or_without_the_setting():
    figure = schedules.against(live_runs(0.1), "learning_rate")
    assert {(0.1, 50.0), (0.01, 40.0)} <= {*marks(figure, hollow=False)}
    assert (
        title(figure.axes[0])
        == "From 0.01 to 0.1: ArcGrad +10.0, Soft +0.0 points"
    )
    soft = live_runs(0)[:1]
    lost = live_runs(0.1)
    lost[0] |= {"metrics": {"diverged": True}, "test_images": math.nan}
    figure = schedules.against(lost, "learning_rate")
    assert len(marks(figure, hollow=False)) == 3
    gone = [one | {"metrics": {"diverged": True}} for one in lost]
    figure = schedules.against(gone, "learning_rate")
    assert figure.axes[0].texts[0].get_text() == "every run diverged"
    assert "1 of the runs diverged" in over.rates(lost)
    level = schedules.against(soft, "s", "top5")
    assert marks(level, hollow=False) == []
    assert [text.get_text() for text in level.axes[0].texts] == ["Soft"]


def test_the_needed_scale_is_that_of_the_steepest_curve():
    reach = {"ArcFace, cosine": math.log, "ArcGrad, angle": lambda c: 1.0}
    given = {"ArcGrad": 10.0}
    figure = plots100.needed(reach, given, 0.9, marked=(10, 100))
    assert "s = 4.6 is enough for p = 0.9" in title(figure.axes[0])
    assert marks(figure, hollow=True) == [(10.0, 10.0), (100.0, 10.0)]
