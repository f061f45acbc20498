"""Chapter 6: Table I beside what is measured, and what chance does."""

import itertools
from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy import stats as scipy_stats

from arcbook import cells, datasets, experiments, papers, plot, stats
from arcbook.chapters import ch06
from arcbook.experiments import uci
from pictures import bars, caught, marks, near, opened

ID = "arcgrad.table1"
PRINTED = papers.table("arcgrad", "table1")
MEANS = PRINTED.pivot(index="dataset", columns="method", values="mean")
NAMES = list(PRINTED["dataset"].unique())


@pytest.fixture(scope="module")
def table():
    return cells.beside("arcgrad", "table1")


@pytest.fixture(scope="module")
def runs():
    return cells.measured(ID)


@cache
def hits():
    records = experiments.records(ID, "full")
    return {(one["dataset"], one["column"]): one["metrics"] for one in records}


def folds(name, column):
    found = hits()[name, column]
    return 100 * np.divide(found["correct"], found["tested"])


@pytest.mark.parametrize("pair", [("ArcGrad5", "Soft"), ("Center", "AdaCos")])
def test_the_opening_is_the_t_test_of_both_columns(monkeypatch, pair):
    given = dict(zip(("candidate", "baseline"), pair))
    figure, values = opened(monkeypatch, "06_uci", **given)
    (axes,) = figure.axes
    ours, rival = pair
    color = plot.look(ours)["color"]
    hollow, filled, ends = [], [], []
    for place, name in enumerate(NAMES[::-1]):
        gap = folds(name, ours) - folds(name, rival)
        error = np.sqrt((1 / 100 + 1 / 9) * gap.var(ddof=1))
        half, mean = scipy_stats.t.ppf(0.975, 99) * error, gap.mean()
        printed = MEANS.loc[name, ours] - MEANS.loc[name, rival]
        hollow.append((color, printed, place + 0.17))
        filled.append((color, mean, place - 0.17))
        ends.append((color, place - 0.17, mean - half, mean + half))
    assert sorted(marks(axes, hollow=True)) == near(sorted(hollow))
    assert sorted(marks(axes, hollow=False)) == near(sorted(filled))
    assert sorted(bars(axes)) == near(sorted(ends))
    assert [text.get_text() for text in axes.get_yticklabels()] == NAMES[::-1]
    t = values["gaps"].loc["pima"]
    assert t["p"] == pytest.approx(
        stats.paired_folds(folds("pima", ours), folds("pima", rival)).p
    )


def test_a_column_is_not_compared_with_itself(monkeypatch):
    with pytest.raises(ValueError, match="both Soft"):
        opened(monkeypatch, "06_uci", candidate="Soft", baseline="Soft")


def test_what_is_not_measured_is_refused_with_the_command():
    with pytest.raises(ValueError, match="--profile quick`"):
        cells.measured(ID, "quick")


def test_cells_stand_beside_their_records(table):
    assert table["printed"].tolist() == PRINTED["mean"].tolist()
    for cell in table.iloc[::13].itertuples():
        found = folds(cell.at, cell.method)
        assert cell.measured == pytest.approx(found.mean())
        assert cell.std == pytest.approx(found.std(ddof=1), abs=1e-3)


def test_both_panels_hold_the_cells_less_their_row(monkeypatch, table, runs):
    figure = caught(monkeypatch, ch06.spans, table, runs)
    printed, measured = figure.axes[:2]
    own = cells.wide(table, "measured").rename_axis(None)
    for axes, wide, hollow in ((printed, MEANS, True), (measured, own, False)):
        assert marks(axes, hollow=not hollow) == []
        rest = wide.drop(columns="AdaCos").mean(axis=1)
        found = {(x, y) for _, x, y in marks(axes, hollow=hollow)}
        for place, name in enumerate(NAMES[::-1]):
            row = {x for x, y in found if y == place and np.isfinite(x)}
            left = wide.loc[name] - rest[name]
            if datasets.card(name).classes == 2:
                left = left.drop("AdaCos")
            assert sorted(row) == pytest.approx(sorted(set(left)))


def test_the_grey_bar_is_the_median_pair_s(runs):
    losses = [x for x in uci.COLUMNS if x != "AdaCos"]
    halves = [
        stats.paired_folds(folds("tae", a), folds("tae", b)).half
        for a, b in itertools.combinations(losses, 2)
    ]
    assert ch06.reach(runs)["tae"] == pytest.approx(np.median(halves))


def test_the_best_of_a_row_is_bold(table):
    grid = ch06.grid(table)
    row = grid.loc[("iris", "printed")]
    assert row["M-Soft"] == row["ArcFace"] == "<b>97.53</b>"
    assert row["Soft"] == "96.80"
    bold = grid.loc[("iris", "measured")].str.startswith("<b>")
    assert bold.idxmax() == cells.wide(table, "measured").loc["iris"].idxmax()


def test_chance_is_the_spread_of_random_folds():
    generator = np.random.default_rng(0)
    right = np.arange(150) < 120
    shares = [
        100 * generator.permutation(right)[:15].mean() for _ in range(20000)
    ]
    assert np.std(shares) == pytest.approx(ch06.chance(80, 150), rel=0.02)


def test_spread_is_drawn_against_chance(monkeypatch, table):
    rows = ch06.noise(table)
    assert len(rows) == 15 * 7 - len(ch06.two_class())
    figure = caught(monkeypatch, ch06.spread, rows)
    for prefix, hollow in (("printed_", True), ("", False)):
        found = marks(figure.axes[0], hollow=hollow)
        pairs = rows[[f"{prefix}chance", f"{prefix}std"]]
        assert [[x, y] for _, x, y in found] == pairs.to_numpy().tolist()


def test_a_coin_spreads_as_simulated(table, runs):
    coins = ch06.coins(table, runs).set_index("data set")
    assert list(coins.index) == ch06.two_class()
    assert (coins["give one class"] == 100).all()
    generator = np.random.default_rng(0)
    labels = np.arange(392) < 130
    shares = [
        100 * (generator.permutation(labels)[:39] == toss).mean()
        for toss in generator.random(20000) < 0.5
    ]
    assert coins.loc["pima", "coin"] == 50
    assert np.std(shares) == pytest.approx(coins.loc["pima", "±"], rel=0.02)
    assert coins.loc["pima", "printed"] == 50.42


def test_ranks_are_drawn_with_half_a_critical_difference(monkeypatch, table):
    means = {kind: cells.wide(table, kind) for kind in plot.KINDS}
    figure = caught(monkeypatch, ch06.ranks, means)
    (axes,) = figure.axes
    half = 2.949 * np.sqrt(7 * 8 / (6 * 15)) / 2  # Demšar's q for 7
    for kind, hollow in (("printed", True), ("measured", False)):
        ranks = means[kind].rank(axis=1, ascending=False).mean()
        found = {x for _, x, _ in marks(axes, hollow=hollow)}
        assert sorted(found) == pytest.approx(sorted(ranks))
    for _, _, low, high in bars(axes):
        assert high - low == pytest.approx(2 * half, rel=1e-3)


def test_against_is_wilcoxon_s_test_with_holm_s_correction():
    rows = ch06.against(MEANS, "ArcGrad5").set_index("against")
    assert rows.loc["Soft", "better on"] == 14
    assert rows.loc["Soft", "p"] == pytest.approx(0.0021, abs=5e-5)
    assert rows.loc["M-Soft", "p"] == pytest.approx(0.0262, abs=5e-5)
    gap = MEANS["ArcGrad5"] - MEANS["Soft"]
    assert rows.loc["Soft", "median difference"] == pytest.approx(gap.median())
    assert rows["p, Holm"].to_numpy() == pytest.approx(stats.holm(rows["p"]))
    assert (rows["p, Holm"] > rows["p"]).sum() == 5


def test_the_furthest_cells_come_first(table):
    far = ch06.apart(table, 5)
    assert (far["gap"].abs() > 5).all()
    assert far["gap"].abs().is_monotonic_decreasing
    first = far.iloc[0]
    assert first["gap"] == pytest.approx(first["measured"] - first["printed"])


def test_candidates_are_means_over_whole_data_sets(monkeypatch):
    values = itertools.product(*uci.CANDIDATES.values())
    grid = [dict(zip(uci.CANDIDATES, x)) for x in values]
    found = [
        {"dataset": name, **one}
        | {"metrics": {"accuracy": 70 + k, "by_column": {"Soft": 60 + k}}}
        for name in ("iris", "tae")
        for k, one in enumerate(grid)
    ]
    monkeypatch.setattr(experiments, "records", lambda *_: found[:-1])
    rows = ch06.trials()
    assert set(rows["dataset"]) == {"iris"}
    wide = ch06.by_candidate(rows, "Soft").set_index(["width", "epochs"])
    assert wide.to_numpy().ravel().tolist() == [60 + k for k in range(12)]
    assert list(wide) == ["rate 0.003", "rate 0.01", "rate 0.03"]


def test_live_folds_hide_none(monkeypatch):
    hits = [9, 9, 9, 5, 8, 9, 7, 7, 6, 10]
    rows = pd.DataFrame(
        [
            {"column": column, "correct": hits, "tested": [10] * 10}
            | {"splits": 10, "runs": 1, "epochs": 3, "dataset": "iris"}
            for column in ("Soft", "ArcFace")
        ]
    )
    figure = caught(monkeypatch, ch06.live, rows)
    (axes,) = figure.axes
    means = marks(axes, hollow=False)
    assert [x for _, x, _ in means] == pytest.approx([79, 79])
    for dots in axes.collections[-2:]:
        at = dots.get_offsets()[:, 0].tolist()
        sizes = dots.get_sizes() / dots.get_sizes().sum()
        assert dict(zip(at, 10 * sizes)) == pytest.approx(
            {50: 1, 60: 1, 70: 2, 80: 1, 90: 4, 100: 1}
        )
    assert to_hex(axes.collections[-1].get_facecolor()[0]) == plot.colour(
        "softmax"
    )
