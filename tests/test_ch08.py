"""Chapter 8: margins move angles; what chance does to equal settings."""

import numpy as np
import pytest

from arcbook import cells, packing, plot
from arcbook.chapters import ch08
from pictures import caught, marks, opened


def test_margins_move_angles_and_not_accuracy():
    rows = ch08.networks()
    rank = ch08.follows(rows)
    assert rank["c_inter"] > 0.99 and rank["w_inter"] > 0.98
    assert rank["wc_intra"] < -0.8
    assert abs(rank["accuracy"]) < 0.3  # 5% level of 20: 0.44
    assert (rows["c_inter"] <= 90).all()  # after a ReLU


def test_the_opening_draws_the_records(monkeypatch):
    figure, values = opened(monkeypatch, "08_mnist")
    rows = values["arcface"]
    color = plot.colour("arcface")
    for axes, name in zip(figure.axes, ch08.FOUR, strict=True):
        drawn = marks(axes, hollow=False)
        assert {c for c, *_ in drawn} == {color}
        assert [x for _, x, _ in drawn] == pytest.approx(list(rows["m"]))
        assert [y for *_, y in drawn] == pytest.approx(list(rows[name]))


@pytest.mark.parametrize(("settings", "rel"), [(2, 0.05), (20, 0.02)])
def test_ranges_are_those_of_simulated_networks(settings, rel):
    draw = np.random.default_rng(0)
    hits = draw.binomial(10_000, 0.988, size=(6000, settings)) / 100
    spans = np.ptp(hits, axis=1)
    mean = ch08.expected_range(98.8, 10_000, settings)
    most = ch08.largest_range(98.8, 10_000, settings)
    assert mean == pytest.approx(spans.mean(), rel=rel)
    assert most == pytest.approx(np.quantile(spans, 0.95), rel=0.05)


def test_what_has_settled_is_what_the_audit_says():
    ours = ch08.table()
    assert (~ours["settled"]).sum() == 5 and ours["settled_here"].all()
    found = ch08.apart(ours).set_index(["loss", "kind"])
    assert found.loc[("Combined", "printed"), "far below"] == 3
    spans = found["best − worst"]
    assert (spans < found["of equal ones"]).all()


def test_settings_stand_where_their_numbers_are(monkeypatch):
    rows = ch08.table()
    figure = caught(monkeypatch, ch08.settings, rows)
    for axes, method in zip(figure.axes, ("ArcFace", "Combined")):
        part = rows[rows["method"] == method]
        for value, hollow in (("printed", True), ("measured", False)):
            drawn = [(x, round(y)) for _, x, y in marks(axes, hollow=hollow)]
            places = range(len(part))[::-1]
            assert drawn == list(zip(part[value], places))
    far = [t.get_text()[-4:] for axes in figure.axes for t in axes.texts]
    low = rows["printed"][~rows["settled"]]
    assert sorted(far) == sorted(f"{x:.1f}" for x in low)


def test_the_confusion_is_the_sum_of_the_records(monkeypatch):
    rows = ch08.networks()
    rows = rows[rows["column"] == "ArcFace"]
    figure = caught(monkeypatch, ch08.confusion, rows)
    texts = [t.get_text() for t in figure.axes[0].texts if t.get_text()]
    total = sum(
        packing.unpack(one["arrays"]["confusion"]).astype(int)
        for one in rows["record"]
    )
    assert sum(map(int, texts)) == total.sum() == 20 * 10_000
    right = 100 * np.trace(total) / total.sum()
    assert right == pytest.approx(rows["accuracy"].mean())


def test_courses_end_at_the_measured_accuracy(monkeypatch):
    rows = ch08.lengths()
    figure = caught(monkeypatch, ch08.courses, rows)
    for axes, epochs in zip(figure.axes, (5, 10, 100), strict=True):
        drawn = {c: y for c, _, y in marks(axes, hollow=False)}
        part = rows[rows["epochs"] == epochs].set_index("column")["accuracy"]
        for column, accuracy in part.items():
            color = plot.look(column)["color"]
            assert drawn[color] == pytest.approx(100 - accuracy)


def test_live_networks_are_drawn_with_wilsons_interval(monkeypatch):
    runs = cells.measured("mnist-cosine.table1").iloc[:3]
    figure = caught(monkeypatch, ch08.seeds, {"a, b": runs})
    drawn = [x for _, x, _ in marks(figure.axes[0], hollow=False)]
    assert drawn == pytest.approx(list(runs["accuracy"]))
