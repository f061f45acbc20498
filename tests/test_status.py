"""The status page counts what there is, and asks for a GPU where due."""

import math

import pytest

from arcbook.chapters import status

SPEEDS = {"resnet20": 1000.0, "resnet18": 100.0, "resnet34": 50.0}


def counted(id, measured, expected, **more):
    runs = {"expected": expected, "measured": measured} | more
    return [{"id": id, "runs": {"quick": runs, "full": runs}}]


@pytest.mark.parametrize(
    ("id", "seconds", "why"),
    [
        ("angular-learning.table5", 60 * 60_000 / 1000, "no GPU"),
        ("arcgrad.table5", 160 * 50_000 / 50, "it needs a GPU"),
        ("iam.fig2", math.nan, "comes with <code>iam.table2</code>"),
        ("arcgrad.cost", math.nan, "times a GPU"),
    ],
)
def test_what_is_missing_says_how_long_and_why(monkeypatch, id, seconds, why):
    monkeypatch.setattr(status, "rates", lambda: SPEEDS)
    [row] = status.missing(counted(id, 1, 4)).to_dict("records")
    assert row["runs"] == 3
    assert row["one"] == pytest.approx(seconds, nan_ok=True)
    assert row["all"] == pytest.approx(3 * seconds, nan_ok=True)
    assert why in row["why"]


def test_what_no_record_times_is_not_said_to_need_a_gpu(monkeypatch):
    monkeypatch.setattr(status, "rates", dict)
    [row] = status.missing(counted("iam.table2", 2, 4)).to_dict("records")
    assert math.isnan(row["one"]) and "GPU" not in row["why"]


def test_power_is_that_of_the_seeds():
    table = status.power(points=0.5).set_index("claim")
    three = table.loc["arcgrad, margin-not-needed"]
    assert three["seeds"] == 3
    assert three["found"] == pytest.approx(0.5 * 3.264, rel=1e-3)
    assert three["least difference in print"] == pytest.approx(0.13)
    five = table.loc["mnist-cosine, reliable"]
    assert five["seeds"] == 5 and five["found"] < three["found"]
    wide = table.loc["arcgrad, soft-fails"]
    assert wide["found"] == pytest.approx(2 * 3.264, rel=1e-3)
    assert "angular-learning, train-99-9" not in table.index
    assert "iam, megaface" not in table.index


def test_open_claims_are_those_of_the_ledger():
    table = status.open_claims().set_index("claim")
    assert "iam, eq4-converges" in table.index
    assert "arcgrad, gap-84" not in table.index
    assert "not looked at" in table.loc["iam, eq4-converges", "why"]


def test_what_is_whole_is_not_missing(monkeypatch):
    monkeypatch.setattr(status, "rates", dict)
    assert status.missing(counted("arcgrad.table5", 4, 4)).empty


def test_counts_say_what_is_stale():
    some = counted("arcgrad.table5", 3, 4, stale=1, unchecked=2)
    [row] = status.overview(some).to_dict("records")
    assert row["full profile"] == "3 of 4 (1 stale, 2 not checked here)"
    assert row["in print"] == "[arcgrad, Table V]"
    none = status.overview(counted("arcgrad.protocol", 0, 0))
    assert none["quick profile"].tolist() == ["–"]


def test_the_speed_of_a_network_is_its_records():
    speeds = status.rates()
    assert speeds["resnet34"] < speeds["resnet18"] / 2 < speeds["resnet20"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (math.nan, "–"),
        (90, "2 minutes"),
        (7100, "118 minutes"),
        (7200, "2 hours"),
        (100 * 3600, "4 days"),
    ],
)
def test_a_time_is_said_in_its_unit(seconds, text):
    assert status.duration(seconds) == text
