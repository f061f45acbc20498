"""Chapter 16: softmax against tuned losses, by what was fixed beforehand."""

import numpy as np
import pandas as pd
import pytest

from arcbook import datasets, experiments, plot, results, stats
from arcbook.chapters import ch16
from arcbook.experiments import checks, registry, search
from pictures import bars, caught, marks, near, opened

LEADS = {"NormFace": 0.2, "AdaCos": -3.0}


def record(run, leads, generator):
    """A made-up record of a run whose loss has a lead in points."""
    images = "network" in run
    rows = 5000 if images else 1000
    choices = 1 if images else run["seeds"]
    lead = leads.get(run["column"], 0) + generator.normal(0, 0.2, run["seeds"])
    test = np.round((70 + lead) * rows / 100).astype(int)
    shape = choices, run["trials"]
    hits, looked = generator.integers(100, 900, (2, *shape))
    share = 100 * test / rows
    metrics = {
        "accuracy": round(share.mean(), 3),
        "std": round(share.std(ddof=1), 3),
        "trials": search.trials(run),
        "validation": hits.tolist(),
        "validated": 1000,
        "looked": looked.tolist(),
        "looked_at": 2000,
        "chosen": hits.argmax(1).tolist(),
        "test": test.tolist(),
        "tested": rows,
        "diverged": 0,
    }
    digest = datasets.identities(run["dataset"])["official"]
    about = {"experiment": ch16.ID, "profile": "reduced", "canary": "none"}
    about |= {"data_sha256": digest, "curves": {}, "threads": 1}
    about |= {"seconds": 1.0, "date": "2026-01-01T00:00:00+00:00"}
    return run | about | {"metrics": metrics}


def world(leads=LEADS, only=lambda run: True):
    generator = np.random.default_rng(0)
    runs = experiments.runs(ch16.ID, "reduced")
    made = [record(run, leads, generator) for run in runs if only(run)]
    return [one for one in made if ch16.fair(one)]


@pytest.fixture(autouse=True)
def style():
    plot.style()


@pytest.fixture(scope="module")
def found():
    return world()


@pytest.fixture(scope="module")
def tested(found):
    return ch16.accuracies(found)


@pytest.fixture(scope="module")
def rows(tested):
    return ch16.against(tested, 1.0)


def test_made_up_records_agree_with_themselves(found):
    assert all(checks.disagreement(one) == "" for one in found)


def test_adacos_counts_where_it_has_a_scale(found):
    sets = {one["dataset"] for one in found if one["loss"] == "adacos"}
    others = {one["dataset"] for one in found} - sets
    assert {datasets.card(name).classes for name in others} == {2}
    assert all(datasets.card(name).classes > 2 for name in sets)


def test_gaps_pair_seeds_and_every_data_set_counts_once(found, tested, rows):
    gaps = ch16.gaps(tested, "ArcFace", "Soft")
    assert len(gaps) == 17
    ours, soft = (
        next(
            one["metrics"]
            for one in found
            if (one["dataset"], one["column"]) == ("cifar10", column)
        )
        for column in ("ArcFace", "Soft")
    )
    expected = np.subtract(ours["test"], soft["test"]) / 50
    assert gaps["cifar10"] == pytest.approx(expected)
    means = [values.mean() for values in gaps.values()]
    where = rows.set_index(["panel", "method"])
    whole = where.loc[(ch16.ALL, "ArcFace")]
    assert whole["sets"] == 17
    assert whole["low"] == pytest.approx(stats.equivalence(means, 1).low)
    assert where.loc[(ch16.TABLES, "ArcFace"), "sets"] == 15
    assert where.loc[(ch16.ALL, "AdaCos"), "sets"] == 17 - 6
    alone = stats.equivalence(gaps["cifar10"], 1)
    assert where.loc[("CIFAR-10", "ArcFace"), "high"] == alone.high


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.9, 0.9, ch16.MATCHES),
        (0.2, 0.9, ch16.MATCHES),
        (1.1, 2.0, ch16.AHEAD),
        (-3.0, -1.1, ch16.BEHIND),
        (0.5, 1.5, ch16.OPEN),
        (-1.5, 0.5, ch16.OPEN),
        (np.nan, np.nan, ch16.OPEN),
    ],
)
def test_verdicts_are_those_fixed_beforehand(low, high, verdict):
    gap = stats.Estimate((low + high) / 2, low, high)
    assert ch16.verdict(gap, 1.0) == verdict


@pytest.mark.parametrize(
    ("leads", "words"),
    [
        ({}, "Yes: over 17 data sets no loss"),
        ({"AdaCos": -5.0}, "Yes"),
        ({"ArcFace": 2.0, "Center": 3.0}, "the lead of Center and ArcFace"),
        ({"ArcGrad": 1.0}, "not settled over 17 data sets: ArcGrad may"),
        ({"ArcGrad": 1.0, "ArcFace": 2.0}, "No: over 17 data sets the lead"),
    ],
)
def test_the_answer_follows_the_intervals(leads, words):
    made = ch16.accuracies(world(leads))
    assert words in ch16.answer(ch16.against(made, 1.0), 1.0)


def test_losses_are_named_by_their_verdict(rows):
    told = ch16.named(rows, ch16.BEHIND, ch16.AHEAD)
    assert "Behind softmax by more than the bound: AdaCos." in told
    assert "Ahead of softmax by more than the bound: none." in told
    assert ch16.named(rows[:0], ch16.OPEN) == "Open, as above."
    assert ch16.answer(rows[:0], 1.0).startswith("No answer yet")


def test_pairs_add_up_to_one(tested):
    pairs = ch16.beats(tested).set_index(["method", "other"])
    assert len(pairs) == 42
    for ours, theirs in pairs.index:
        both = pairs.loc[[(ours, theirs), (theirs, ours)]]
        assert both["share"].sum() == pytest.approx(1)
        low, high = both["low"].iloc[0], both["high"].iloc[1]
        assert low + high == pytest.approx(1)
    gap = np.array([*ch16.gaps(tested, "NormFace", "Soft").values()])
    share = (gap > 0).mean() + (gap == 0).mean() / 2
    assert pairs.loc[("NormFace", "Soft"), "share"] == pytest.approx(share)


@pytest.mark.parametrize("shown", ["test", "validation"])
def test_the_budget_ends_at_the_chosen_trial(found, shown):
    course = ch16.budget(found, shown)
    ends = course[course["trials"] == 30].set_index(["panel", "column"])
    of = next(
        one["metrics"]
        for one in found
        if (one["dataset"], one["column"]) == ("cifar10", "Soft")
    )
    key, rows = {
        "test": ("looked", 2000),
        "validation": ("validation", 1000),
    }[shown]
    expected = 100 * of[key][0][of["chosen"][0]] / rows
    assert ends.loc[("CIFAR-10", "Soft"), "accuracy"] == expected
    begins = course[course["trials"] == 1].set_index(["panel", "column"])
    first = begins.loc[("CIFAR-10", "Soft"), "accuracy"]
    assert first == pytest.approx(100 * np.mean(of[key]) / rows)
    assert course.groupby(["panel", "column"]).size().eq(30).all()
    with pytest.raises(ValueError, match="shown = 'train'"):
        ch16.budget(found, "train")


def test_means_are_of_data_sets_that_have_all_losses(tested):
    table = ch16.means(tested)
    assert [*table] == [ch16.TABLES, "Fashion-MNIST", "CIFAR-10"]
    part = tested[(tested["dataset"] == "cifar10")]
    means = part.groupby("column")["accuracy"].mean()
    assert table["CIFAR-10"].to_dict() == pytest.approx(means.to_dict())
    lacks = {"pima", "wpbc", "wholesale", "banknote", "votes", "haberman"}
    part = tested[~tested["dataset"].isin({*lacks, *ch16.IMAGES})]
    soft = part[part["column"] == "Soft"].groupby("dataset")["accuracy"]
    mean = soft.mean().mean()
    assert table.loc["Soft", ch16.TABLES] == pytest.approx(mean)


def test_the_opening_draws_intervals_and_the_bound(monkeypatch, rows):
    figure = caught(monkeypatch, ch16.opening, rows, 1.0)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    named = ["all data sets: 17", "tables: 15", "Fashion-MNIST", "CIFAR-10"]
    assert titles == named
    for axes, (_, part) in zip(
        figure.axes, rows.groupby("panel", sort=False), strict=True
    ):
        drawn = {x for _, x, _ in marks(axes, hollow=False)}
        assert drawn == {*part["measured"]}
        (band,) = axes.patches
        corners = band.get_extents().transformed(axes.transData.inverted())
        assert corners.x0 == pytest.approx(-1)
        assert corners.x1 == pytest.approx(1)
    text = figure.get_suptitle()
    assert text == "5 of 6 losses are within 1 point of softmax"
    assert near(bars(figure.axes[0])) == [
        (plot.look(one["method"])["color"], y, one["low"], one["high"])
        for y, one in zip(
            range(5, -1, -1),
            rows[rows["panel"] == ch16.ALL].to_dict("records"),
        )
    ]


def test_the_matrix_prints_percent_and_marks_what_is_clear(
    monkeypatch, tested
):
    pairs = ch16.beats(tested)
    figure = caught(monkeypatch, ch16.matrix, pairs)
    (axes,) = figure.axes
    order = [text.get_text() for text in axes.get_yticklabels()]
    assert order == [*search.METHODS]
    where = pairs.set_index(["method", "other"])
    assert len(axes.texts) == 42
    for text in axes.texts:
        column, row = (int(x) for x in text.get_position())
        one = where.loc[(order[row], order[column])]
        assert text.get_text() == f"{100 * one['share']:.0f}"
        clear = one["low"] > 0.5 or one["high"] < 0.5
        assert (text.get_fontweight() == "bold") == clear


def test_curves_are_those_of_the_budget(monkeypatch, found):
    course = ch16.budget(found)
    figure = caught(monkeypatch, ch16.courses, course, "test")
    for axes in figure.axes:
        part = course[course["panel"] == axes.get_title(loc="left")]
        assert len(axes.get_lines()) == 7
        for line, (column, one) in zip(
            axes.get_lines(), part.groupby("column", sort=False), strict=True
        ):
            assert line.get_ydata().tolist() == one["accuracy"].tolist()
            assert line.get_color() == plot.look(column)["color"]
    looks = {
        (line.get_color(), line.get_linestyle())
        for line in figure.axes[0].get_lines()
    }
    assert len(looks) == 7


def test_nothing_and_a_part_are_drawn_without_an_answer(monkeypatch):
    none = ch16.accuracies([])
    assert ch16.against(none, 1.0).empty and ch16.beats(none).empty
    assert ch16.budget([]).empty and ch16.means(none).empty
    told = ch16.opening(ch16.against(none, 1.0), 1.0).data
    assert "No run of `open.tuned` is measured" in told
    assert ch16.matrix(ch16.beats(none)) is None
    assert ch16.courses(ch16.budget([]), "test") is None
    some = world(only=lambda run: run["dataset"] == "tae")
    part = ch16.accuracies(some)
    caught(monkeypatch, ch16.opening, ch16.against(part, 1.0), 1.0)
    caught(monkeypatch, ch16.matrix, ch16.beats(part))
    caught(monkeypatch, ch16.courses, ch16.budget(some), "test")


def written(made):
    for run, one in made:
        results.write(registry.file(ch16.ID, "reduced", run), one)


def test_the_page_answers_once_all_is_measured(folder, monkeypatch):
    generator = np.random.default_rng(0)
    runs = experiments.runs(ch16.ID, "reduced")
    made = [(run, record(run, LEADS, generator)) for run in runs]
    written(made[:-1])
    assert not ch16.whole("reduced")
    written(made[-1:])
    assert ch16.whole("reduced")
    figure, values = opened(monkeypatch, "16_tuned")
    assert len(values["records"]) == len(runs) - 6
    assert isinstance(values["rows"], pd.DataFrame)
    assert figure.get_suptitle().startswith("5 of 6 losses")
