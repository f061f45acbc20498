"""Chapter 9: the pull on an arc, the maps, and the seeds."""

import math

import numpy as np
import pytest
import torch

from arcbook import cells, derive, experiments, losses, plot
from arcbook.chapters import ch09, spheres
from pictures import caught, marks


@pytest.mark.parametrize("beta", [0.0, 0.2, 1.5])
def test_the_pull_is_that_of_the_head_that_trains(beta):
    """Two class vectors; the feature on the arc between them."""
    s, between, theta = 7.0, 1.1, 0.4
    symbols = derive.s, derive.beta, derive.Delta, derive.theta
    values = dict(zip(symbols, (s, beta, between, theta)))
    slope = float(ch09.pull_on_arc().subs(values))
    name = "iam" if beta else "normface"
    given = {"beta": beta, "base": "normface"} if beta else {}
    head = losses.create(name, embedding_dim=2, num_classes=2, s=s, **given)
    at = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    angles = torch.stack([at, between - at])[None]
    loss = head.losses_at(angles, torch.zeros(1, dtype=torch.long)).sum()
    (shipped,) = torch.autograd.grad(loss, at)
    assert slope == pytest.approx(float(shipped), rel=1e-9)


@pytest.mark.parametrize("beta", [0.05, 0.2, 0.8])
def test_at_the_crossing_both_parts_pull_alike(beta):
    s, between = 30.0, math.radians(66)
    theta = ch09.crossing(s, beta, between)
    u = s * (math.cos(between - theta) - math.cos(theta))
    p = 1 / (1 + math.exp(u))
    assert 1 - p == pytest.approx(beta * p)


def test_hollow_is_printed_and_filled_measured(monkeypatch):
    rows = ch09.table()
    figure = caught(monkeypatch, ch09.accuracies, rows)
    hollow, filled = (
        [x for _, x, _ in marks(figure.axes[0], hollow=kind)]
        for kind in (True, False)
    )
    assert sorted(hollow) == sorted(rows["printed"])
    assert sorted(filled) == sorted(rows["measured"].dropna())


def test_seeds_are_marks_on_the_line_of_their_network(monkeypatch):
    runs = cells.measured("iam.fig2")
    rows = dict(list(runs.groupby("column")))
    figure = caught(monkeypatch, ch09.by_seed, rows)
    for axes, metric in zip(figure.axes, ch09.ANGLES, strict=True):
        drawn = [x for _, x, _ in marks(axes, hollow=False)]
        expected = [math.degrees(x[metric].iloc[0]) for x in rows.values()]
        assert drawn == pytest.approx(expected)


@pytest.mark.parametrize("seed", [0, 1])
def test_discs_keep_areas_and_lead_back(seed):
    draw = np.random.default_rng(seed)
    directions = spheres.unit(draw.normal(size=(4000, 3)))
    places, discs = spheres.flattened(directions)
    for disc in (0, 1):
        back = spheres.raised(places[discs == disc], disc)
        assert back == pytest.approx(directions[discs == disc], abs=1e-9)
    inner = (places**2).sum(1) < 0.5
    assert inner.mean() == pytest.approx(0.5, abs=0.03)


def test_turning_keeps_angles_and_leaves_the_rim():
    draw = np.random.default_rng(0)
    directions = spheres.unit(draw.normal(size=(10, 3)))
    turn = spheres.turned(directions)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9)
    least = np.abs(directions @ turn[2]).min()
    assert least >= max(np.abs(directions).min(0)) - 0.02


def test_facts_are_angles_of_the_kept_features():
    runs = {r["column"]: r for r in experiments.records("iam.fig2", "full")}
    run = runs["Eq.(3)"]
    x = spheres.unit(spheres.kept(run, "features").astype(float))
    labels = spheres.kept(run, "feature_labels").astype(int)
    means = spheres.unit(np.stack([x[labels == k].mean(0) for k in range(10)]))
    own = np.degrees(np.arccos(np.clip((x * means[labels]).sum(1), -1, 1)))
    apart = np.degrees(np.arccos(np.clip(means @ means.T, -1, 1)))
    found = spheres.facts(run)
    assert found["spread"] == pytest.approx(own.mean(), rel=1e-3)
    assert found["apart"] == pytest.approx(apart[apart > 1].min(), rel=1e-6)
    wide, *_ = experiments.records("mnist-cosine.table1", "full")
    with pytest.raises(ValueError, match="3 dimensions"):
        spheres.facts(wide)


def test_maps_draw_every_feature(monkeypatch):
    runs = {r["column"]: r for r in experiments.records("iam.fig2", "full")}
    figure = caught(monkeypatch, spheres.maps, {"a": runs["Eq.(3)"]})
    points = sum(
        len(p.get_offsets()) for a in figure.axes for p in a.collections
    )
    assert points == len(spheres.kept(runs["Eq.(3)"], "features"))
    assert plot.colour("iam") == ch09.look("Eq.(3) + 0.8 IAM")["color"]
