"""Chapter 7: what depth does, against what can be derived."""

import math

import pytest

from arcbook import experiments, plot
from arcbook.chapters import ch06, ch07
from arcbook.experiments import uci
from pictures import caught, marks, opened


def test_wide_features_collapse_as_derived(iris):
    start = ch07.features_at_start(iris.X, range(2, 13), width=512, count=3)
    middle = start.groupby("layers", as_index=False).median()
    shrink = ch07.fade(middle, "angle", start=7)
    assert shrink == pytest.approx(1 / math.sqrt(6), rel=0.05)
    norm = middle["norm"].iloc[-1]
    assert norm == pytest.approx(1 / math.sqrt(5), rel=0.05)


def test_features_are_those_of_the_seed(iris):
    once, again, other = (
        ch07.features_at_start(iris.X, [3], count=2, seed=seed)
        for seed in (4, 4, 5)
    )
    assert once.equals(again) and not once.equals(other)


def test_pull_falls_with_depth_and_crosses_weight_decay(iris):
    columns = ("Soft", "ArcGrad30")
    pull = ch07.pull_at_start(iris.X, iris.y, (3, 9, 16), columns, count=3)
    for _, part in pull.groupby("column"):
        assert part["gradient"].is_monotonic_decreasing
    assert ch07.crossing(pull).to_dict() == {"Soft": 9, "ArcGrad30": 16}
    given = iris.X, iris.y, (3,), columns
    none, ten = (
        ch07.pull_at_start(*given, count=3, weight_decay=decay)
        for decay in (1e-12, 5e-3)
    )
    assert ch07.crossing(none).isna().all()
    assert ten["decay"][0] == pytest.approx(10 * pull["decay"][0])


def test_one_class_is_worse_than_chance(iris):
    assert 15 < ch07.one_class(iris.y) < 100 / 3


def test_course_is_in_percent_and_first_low_layers_are_found():
    course = ch07.course().set_index(["column", "layers"])
    for one in experiments.records("arcgrad.fig2", "full")[::9]:
        row = course.loc[(one["column"], one["layers"])]
        assert row["mean"] == pytest.approx(uci.accuracies(one).mean())
        assert row["constant"] == one["metrics"]["constant"]  # of 100
        assert row["low"] <= row["mean"] <= row["high"]
    falls = ch07.falls(course.reset_index(), below=90)
    for column, layers in falls.items():
        means = course.loc[column]["mean"]
        assert means[layers] < 90
        assert (means[(means.index >= 3) & (means.index < layers)] >= 90).all()


def test_each_column_has_its_curve(monkeypatch):
    course = ch07.course()
    figure = caught(monkeypatch, ch07.accuracy, course, 22.0)
    lines = (line for axes in figure.axes for line in axes.get_lines())
    drawn = {line.get_label(): line for line in lines}
    for column in uci.CURVES:
        part = course[course["column"] == column].sort_values("layers")
        line = drawn[column]
        assert line.get_xdata().tolist() == part["layers"].tolist()
        assert line.get_ydata() == pytest.approx(part["mean"].to_numpy())
    hollow = [x for axes in figure.axes for x in marks(axes, hollow=True)]
    colors = {plot.look(column)["color"] for column in ch07.CLAIMED}
    assert {color for color, *_ in hollow} == colors
    assert all(abs(x - 10) < 1 and y == 33 for _, x, y in hollow)


def test_scales_of_arcgrad_are_told_apart():
    looks = [ch06.look(f"ArcGrad{s}") for s in (30, 10, 5)]
    assert len({str(one["marker"]) for one in looks}) == 3
    assert len({str(one["ls"]) for one in looks}) == 3


def test_the_opening_draws_the_gradient_and_weight_decay(monkeypatch):
    given = {"deepest": 5, "dataset": "tae"}
    figure, values = opened(monkeypatch, "07_layers", **given)
    pull, axes = values["pull"], figure.axes[0]
    *curves, decay = axes.get_lines()
    for column, line in zip(uci.CURVES, curves, strict=True):
        part = pull[pull["column"] == column]
        assert line.get_ydata() == pytest.approx(part["gradient"].to_numpy())
        assert line.get_color() == plot.look(column)["color"]
    middle = pull.groupby("layers")["decay"].median().to_numpy()
    assert decay.get_ydata() == pytest.approx(middle)
    assert axes.get_yscale() == "log"
