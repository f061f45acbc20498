"""What depth does to networks, against what can be derived."""

import math

import numpy as np
import pandas as pd
import pytest

from arcbook import datasets, ensembles
from arcbook.analysis import depth
from arcbook.experiments import uci
from arcbook.verdicts import layers as verdicts


@pytest.fixture(scope="module")
def iris():
    return datasets.load("iris", sample=False)


def record(column, layers, share):
    return {
        "column": column,
        "layers": layers,
        "runs": 10,
        "metrics": {
            "correct": [round(15 * share) - (k % 2) for k in range(100)],
            "tested": [15] * 100,
            "constant": 30,
        },
        "stale": False,
    }


def test_wide_features_collapse_as_derived(iris):
    start = depth.features_at_start(iris.X, range(2, 13), width=512, count=3)
    middle = start.groupby("layers", as_index=False).median()
    shrink = depth.fade(middle, "angle", start=7)
    assert shrink == pytest.approx(1 / math.sqrt(6), rel=0.05)
    norm = middle["norm"].iloc[-1]
    assert norm == pytest.approx(1 / math.sqrt(5), rel=0.05)


def test_features_are_those_of_the_seed(iris):
    once, again = (
        depth.features_at_start(iris.X, [3], count=2, seed=4) for _ in "ab"
    )
    other = depth.features_at_start(iris.X, [3], count=2, seed=5)
    assert once.equals(again)
    assert not once.equals(other)


def test_pull_falls_with_depth_and_crosses_weight_decay(iris):
    columns = ("Soft", "ArcGrad30")
    pull = depth.pull_at_start(iris.X, iris.y, (3, 9, 16), columns, count=3)
    for _, part in pull.groupby("column"):
        assert part["gradient"].is_monotonic_decreasing
    crossing = depth.crossing(pull)
    assert crossing["Soft"] == 9
    assert crossing["ArcGrad30"] == 16
    none = depth.pull_at_start(
        iris.X, iris.y, (3,), columns, count=2, weight_decay=1e-12
    )
    assert depth.crossing(none).isna().all()


def test_weight_decay_adds_in_proportion(iris):
    one, ten = (
        depth.pull_at_start(
            iris.X, iris.y, (4,), ("Soft",), count=2, weight_decay=decay
        )["decay"].item()
        for decay in (1e-3, 1e-2)
    )
    assert ten == pytest.approx(10 * one)


def test_curve_has_an_interval_over_runs():
    course = depth.curve([record("Soft", 3, 0.8), record("Soft", 1, 0.4)])
    assert list(course["layers"]) == [1, 3]
    assert (course["low"] <= course["mean"]).all()
    assert (course["constant"] == 30).all()


def test_where_accuracy_falls():
    course = depth.curve(
        [record("Soft", n, share) for n, share in ((1, 0.5), (3, 1), (9, 0.5))]
    )
    assert depth.falls(course)["Soft"] == 9
    assert depth.falls(course, below=20).isna().all()


def test_one_class_is_worse_than_chance(iris):
    folds = ensembles.cross_validation(len(iris.y), runs=10, seed=0)
    share = depth.rows_of_one_class(iris.y, folds)
    assert 15 < share < 100 / 3


def test_sentences_without_records():
    nothing = depth.curve([])
    assert nothing.empty
    assert "ot measured yet" in verdicts.at_depth(nothing, ("Soft",), 22)
    assert "ot measured yet" in verdicts.claim(nothing, ("Soft",))
    assert "Too few" in verdicts.order(
        depth.crossing(depth_rows()), depth.falls(nothing)
    )


def depth_rows():
    return pd.DataFrame(
        {
            "column": ["Soft", "Soft"],
            "layers": [3, 9],
            "gradient": [1.0, 1e-6],
            "decay": [1e-3, 1e-3],
        }
    )


@pytest.mark.parametrize("low", [(), ("Soft",), ("Soft", "ArcFace", "AdaCos")])
def test_sentences_with_records(low):
    course = depth.curve(
        [
            record(column, layers, 0.3 if layers > 5 and column in low else 1)
            for column in uci.CURVES
            for layers in (3, 10, 20)
        ]
    )
    claimed = ("Soft", "ArcFace", "AdaCos")
    for text in (
        verdicts.at_depth(course, claimed, 22),
        verdicts.claim(course, claimed),
    ):
        assert text.endswith(".")
        assert " nan" not in text.lower()
    assert np.isfinite(course["mean"]).all()


def test_sentence_on_weight_decay():
    rows = pd.DataFrame(
        [
            ("Soft", 15, decay, accuracy)
            for decay, accuracy in ((5e-4, 24.0), (0.0, 95.0))
        ],
        columns=["column", "layers", "weight_decay", "accuracy"],
    )
    text = verdicts.without_decay(rows, 5e-4)
    assert "from 24.0% to 95.0%" in text
    assert "is weight decay" in text
    rows["accuracy"] = 95.0
    assert "Nothing stands near" in verdicts.without_decay(rows, 5e-4)
