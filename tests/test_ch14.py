"""Chapter 14: work is counted as derived, and drawn in percent."""

import numpy as np
import pytest
import torch

from arcbook import experiments, plot
from arcbook.chapters import ch14
from arcbook.experiments import cost
from pictures import caught, marks, opened
from test_cost import TINY


def test_arithmetic_of_heads_is_the_derived():
    run = cost.one_run("cpu", cost.COLUMNS, **TINY)
    products = run["batch_size"] * run["classes"] * run["embedding_dim"]
    found = ch14.table(run)["arithmetic"] / products
    assert found["ArcGrad"] == 10
    assert {*found.drop(["ArcGrad", "conv4"])} == {6}


def test_a_head_s_calls_depend_on_nothing_but_the_loss():
    settings = ({}, {"classes": 20}, {"batch_size": 9}, {"network": "iam_cnn"})
    tables = [
        ch14.table(cost.one_run("cpu", cost.COLUMNS, **TINY | one))
        for one in settings
    ]
    counted = [one["calls"].iloc[1:].to_dict() for one in tables]
    assert counted[0] == counted[1] == counted[2] == counted[3]
    assert counted[0]["Soft"] < counted[0]["ArcGrad"]


def test_a_call_is_counted_with_its_bytes():
    a, b = torch.ones(3, 5), torch.ones(5, 2)
    found = ch14.of(lambda: (a @ b).T.neg())
    assert found == (2 * 3 * 5 * 2, 4 * (15 + 10 + 6 + 6 + 6), 2)


def test_network_is_counted_as_published():
    """He et al. 2016 have 41 million multiply-adds in ResNet-20."""
    macs = ch14.of_network("resnet20", None, 2).arithmetic / 2 / 2 / 3
    assert macs == pytest.approx(41e6, rel=0.03)


def test_the_opening_draws_percent_of_the_network(monkeypatch):
    figure, values = opened(monkeypatch, "14_cost")
    counted = ch14.table(values["deep"]).astype(float)
    network = counted.loc["resnet18"]
    for axes, kind in zip(figure.axes, ch14.Work._fields, strict=True):
        xs = [x for _, x, _ in marks(axes, hollow=False)]
        heads = counted.loc[[*cost.COLUMNS], kind]
        assert xs == pytest.approx((100 * heads / network[kind]).tolist())
        assert axes.get_title(loc="left") == kind


def test_costs_are_medians_of_ratios_in_percent(monkeypatch):
    (record,) = experiments.records("arcgrad.cost", "full")
    figure = caught(monkeypatch, ch14.costs, record, "Here")
    (axes,) = figure.axes
    seconds = {k: np.array(v) for k, v in record["curves"].items()}
    rows = [c for c in seconds if cost.base(c) != c]
    filled, below = marks(axes, hollow=False), axes.collections[len(rows) :]
    for place, column in enumerate(rows[::-1]):
        ratio = seconds[column] / seconds[cost.base(column)]
        rounds = 100 * (ratio - 1)
        here = [x for _, x, y in filled if y == place]
        assert here == [pytest.approx(np.median(rounds))]
        ordered = np.sort(rounds)
        dots = [(x, place - 0.27) for x in ordered]
        assert below[place].get_offsets().data == pytest.approx(
            np.array(dots), abs=1e-6
        )
        low, high = axes.collections[len(rows) - 1 - place].get_segments()[0]
        ends = ordered[1], ordered[-2]  # of nine
        assert (low[0], high[0]) == pytest.approx(ends)
        assert filled[0][0] == plot.look(rows[0])["color"]
