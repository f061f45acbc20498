"""Chapters 15 and 17: what they say of records whose truth is known."""

import math

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from scipy.stats import spearmanr

from arcbook import derive, experiments, stats
from arcbook.chapters import ch15, ch17
from pictures import caught, opened

UNSEEN = ("auc", "eer", "tar", "recall", "map", "centroid")


def faked(id, truth, noise=0.0, seeds=(0, 1, 2)):
    """Records of a grid whose metrics are `truth` of the run, and noise."""
    draw = np.random.default_rng(0)
    grid = experiments.runs(id, "reduced", {"seed": list(seeds)})
    return [
        run
        | {
            "metrics": {"diverged": False}
            | {
                key: value + noise * draw.normal()
                for key, value in truth(run).items()
            }
        }
        for run in grid
    ]


def of_classes(worth=1.0):
    """Outcomes that are a surface in s and log(C − 1) + worth · s m."""

    def truth(run):
        s, m = (run["hyperparameters"][key] for key in ("s", "m"))
        total = ch15.weight(s, worth * m, run["classes"])
        angle = 0.9 - 0.1 * math.log(s) - 0.05 * total + 0.01 * total**2
        angles = ("own_angle", "wc_intra", "test_own_angle")
        share = 0.5 + 0.05 * total
        found = dict.fromkeys(angles, angle + 0.01 * run["seed"])
        found |= {f"unseen_{key}": share for key in UNSEEN}
        chance = 1 / run["classes"]
        return found | {"test_accuracy": chance + (1 - chance) * share}

    return truth


def of_weight(truth=None, **given):
    return ch15.frame(faked(ch15.ID, truth or of_classes(), **given))


def test_the_loss_and_its_pull_are_of_the_weight_alone():
    values = {derive.s: 7, derive.m: 0.2, derive.C: 9}
    values |= {ch15.theta_y: 0.5, ch15.theta_j: 1.4}
    total = float(ch15.weight(7, 0.2, 9))
    assert total == pytest.approx(1.4 + math.log(8))
    full = float(ch15.loss().subs(values))
    short = ch15.loss_of_weight().subs(values).subs(ch15.u, total)
    assert full == pytest.approx(float(short))
    slope = sp.diff(ch15.loss(), ch15.theta_y).subs(values)
    pull = ch15.pull().subs(values).subs(ch15.u, total)
    assert float(slope) == pytest.approx(float(pull))
    same = ch15.like(7, 0.2, 9)
    assert float(ch15.weight(7, 0, same)) == pytest.approx(total)


def test_a_collapsed_simplex_lacks_s_over_its_rivals():
    """C unit vectors that stand equally far apart, and a feature on one."""
    c = 6
    corners = np.eye(c) - 1 / c
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    rivals = 5.0 * (corners @ corners[0])
    odds = np.log(np.exp(rivals[1:]).sum()) - rivals[0]
    total = ch15.weight(5.0, 0.0, c)
    assert odds == pytest.approx(total - 5 * (1 + ch15.collapsed(c)))


def test_settings_are_of_four_kinds():
    found = of_weight(seeds=(0,))
    assert found["kind"].value_counts().to_dict() == {
        "plain": 12,
        "matched": 9,
        "between": 8,
        "few": 5,
    }
    few = found[found["kind"] == "few"]
    assert set(few["each"]) == {50}
    right = found["accuracy"] / 100
    assert right.to_numpy() == pytest.approx(0.5 + 0.05 * found["u"])


@pytest.mark.parametrize("worth", [1.0, 0.0, 0.5])
def test_what_a_margin_is_worth_is_found(worth):
    runs = of_weight(of_classes(worth), noise=1e-4)
    found = ch15.prediction(runs, "own_angle")
    assert found["w"].mean == pytest.approx(worth, abs=0.02)
    errors = {1.0: found["error"], 0.0: found["no_margin"]}
    if worth in errors:
        best = errors.pop(worth)
        assert best < 0.05 < min(errors.values())
        assert best < 2.5 * found["ceiling"]


def test_noise_is_what_a_seed_does_not_have_in_common():
    runs = of_weight(noise=0.01)
    table = ch15.centred(runs, "own_angle")
    assert ch15.noise(table) == pytest.approx(math.degrees(0.01), rel=0.2)
    still = ch15.centred(of_weight(), "own_angle")
    assert ch15.noise(still) == pytest.approx(0, abs=1e-9)


def test_a_shift_of_the_simplex_is_found_by_its_surface():
    def truth(run):
        found = of_classes()(run)
        s, m = (run["hyperparameters"][key] for key in ("s", "m"))
        lacking = s * ch15.collapsed(run["classes"])
        total = ch15.weight(s, m, run["classes"]) - lacking
        return found | {"own_angle": 0.5 + 0.05 * total}

    found = ch15.prediction(of_weight(truth, noise=1e-5), "own_angle")
    assert found["simplex"] < 0.01 < found["error"]


def test_pairs_are_equal_under_the_identity_and_apart_without_it():
    bound = ch15.OUTCOMES["unseen_auc"].bound
    same = ch15.pairs(of_weight(noise=1e-4), "unseen_auc")
    assert len(same) == 9 and set(same["found"]) == {"equal"}
    assert (same["mean"].abs() < 0.1).all()
    other = ch15.pairs(of_weight(of_classes(0.0), noise=1e-4), "unseen_auc")
    assert set(other["found"]) == {"apart"}
    lack = -5 * np.log((other["like"] - 1) / (other["classes"] - 1))
    assert other["mean"].to_numpy() == pytest.approx(lack, abs=0.05)
    assert (other["high"] < -bound).all()
    few = ch15.pairs(of_weight(), "unseen_auc", "few")
    assert few["classes"].tolist() == [5, 10] and set(few["like"]) == {50}


@pytest.mark.parametrize(
    ("worth", "noise", "says"),
    [(1.0, 1e-3, "one curve"), (0.0, 1e-3, "not one"), (1.0, 0.2, "open")],
)
def test_the_answer_is_that_of_the_design(worth, noise, says):
    runs = of_weight(of_classes(worth), noise=noise)
    assert ch15.answer(runs, "unseen_auc") == says
    row = ch15.summary(runs).set_index("outcome").loc["WC-Intra, °"]
    assert row["answer"] == ch15.answer(runs, "wc_intra")


def test_too_few_settings_fix_no_surface():
    runs = of_weight()
    means = ch15.centred(runs[runs["s"] == 8], "own_angle").mean(axis=1)
    with pytest.raises(ValueError, match="4 settings without a margin"):
        ch15.fit(means)


def test_only_whole_seeds_count():
    records = faked(ch15.ID, of_classes())
    records[0] = records[0] | {"metrics": {"diverged": True}}
    runs = ch15.frame(records)
    assert math.isnan(runs["own_angle"][0])
    assert set(ch15.whole(runs)["seed"]) == {1, 2}
    assert ch15.whole(runs[:20]).empty
    assert ch15.whole(ch15.frame([])).empty


def test_the_opening_of_15_draws_equal_weights_as_one(monkeypatch):
    figure, values = opened(monkeypatch, "15_margin_as_classes")
    plain, many, lowered = figure.axes[0].get_lines()
    assert lowered.get_ydata() == pytest.approx(many.get_ydata(), rel=1e-5)
    assert plain.get_ydata().max() < many.get_ydata().max()
    force = many.get_ydata()[180]  # θ_y = 90°, where both are equal
    expected = values["scale"] * (1 - 1 / values["many"])
    assert force == pytest.approx(expected)


def test_marks_of_15_are_the_means(monkeypatch):
    runs = of_weight(noise=0.01)
    figure = caught(monkeypatch, ch15.surface, runs)
    table = ch15.centred(runs, "own_angle").mean(axis=1)
    marks = [x for x in figure.axes[0].get_lines() if len(x.get_xdata()) == 1]
    drawn = sorted(x.get_ydata()[0] for x in marks)
    assert drawn == pytest.approx(sorted(table))
    hollow = [x for x in marks if x.get_markerfacecolor() == "none"]
    assert len(hollow) == 17


def test_differences_of_15_are_those_of_pairs(monkeypatch):
    runs = of_weight(noise=0.01)
    figure = caught(monkeypatch, ch15.matched, runs)
    for axes, outcome in zip(figure.axes, ch15.PRIMARY, strict=True):
        drawn = [x.get_xdata()[0] for x in axes.get_lines()[1:]]
        means = [
            *ch15.pairs(runs, outcome)["mean"],
            *ch15.pairs(runs, outcome, "few")["mean"],
        ]
        assert drawn == pytest.approx(means)


def of_angles(sign):
    """Unseen AUC follows C-Inter by rank; recall follows the accuracy."""

    def truth(run):
        column = sum(map(ord, run["column"])) % 101 / 101
        other = sum(ord(x) ** 2 for x in run["column"]) % 103 / 103
        found = {"wc_intra": 0.3 + 0.2 * other, "w_inter": 1.5 + 0.0 * other}
        found |= {"c_inter": 1 + 0.4 * column, "test_accuracy": 0.3 * other}
        found |= {"unseen_auc": 0.7 + sign * 0.1 * column**3}
        return found | {"unseen_recall": 0.2 + 0.1 * other}

    return truth


def correlations(sign=1, noise=1e-3, **given):
    runs = ch17.frame(faked(ch17.ID, of_angles(sign), noise=noise, **given))
    table = ch17.correlations(runs)
    return runs, table.set_index(["predictor", "outcome"])


def test_ranks_are_those_of_scipy():
    draw = np.random.default_rng(0)
    x, y, z = draw.normal(size=(3, 20)).round(1)
    assert ch17.spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    ranks = pd.DataFrame({"x": x, "y": y, "z": z}).rank()
    design = np.stack([np.ones(20), ranks["z"]], 1)
    rest = [
        ranks[k] - design @ np.linalg.lstsq(design, ranks[k], rcond=None)[0]
        for k in "xy"
    ]
    expected = np.corrcoef(*rest)[0, 1]
    assert ch17.partial(x, y, z) == pytest.approx(expected)


@pytest.mark.parametrize(("sign", "says"), [(1, "yes"), (-1, "the other")])
def test_an_angle_that_predicts_is_found(sign, says):
    _, table = correlations(sign)
    row = table.loc[("c_inter", "unseen_auc")].to_dict()
    assert row["rho"] * sign > 0.95 and row["low"] * row["high"] > 0
    row["predictor"] = "c_inter"
    assert ch17.answer(row).startswith(says)
    accuracy = table.loc[("test_accuracy", "unseen_recall")]
    assert accuracy["rho"] > 0.95 and math.isnan(accuracy["partial"])
    nothing = table.loc[("w_inter", "unseen_auc")].to_dict()
    assert ch17.answer(nothing | {"predictor": "w_inter"}) == "not found"


def test_within_losses_the_means_of_losses_and_seeds_are_gone():
    draw = np.random.default_rng(0)
    rest = draw.normal(size=(12, 5))
    rest -= rest.mean(0)
    rest -= rest.mean(1, keepdims=True)
    loss, seed = draw.normal(size=(12, 1)), draw.normal(size=5)
    values = np.stack([rest + 9 * loss + seed, 7 * seed - 2 * rest], -1)
    assert ch17.within(values, 0, 1) == pytest.approx(-1)


def test_what_can_be_found_is_at_the_edge_of_a_test():
    least = ch17.detectable(25)
    t = least * math.sqrt(23 / (1 - least**2))
    p = 2 * float(derive.sp.N(1)) * (1 - _student(t, 23))
    assert p == pytest.approx(0.01)


def _student(t, freedom):
    from scipy import stats as distributions

    return distributions.t.cdf(t, freedom)


def test_only_complete_losses_and_seeds_count():
    records = faked(ch17.ID, of_angles(1))
    records[3] = records[3] | {"metrics": {"diverged": True}}
    runs = ch17.frame(records)
    kept = ch17.whole(runs)
    assert kept["column"].nunique() == 24 and len(kept) == 72
    assert records[3]["column"] not in set(kept["column"])
    begun = ch17.whole(runs[runs["seed"] < 2][:30])
    assert begun.empty
    assert ch17.whole(ch17.frame([])).empty


def test_figures_of_17_show_means_and_intervals(monkeypatch):
    runs, table = correlations()
    table = table.reset_index()
    figure = caught(monkeypatch, ch17.scatter, runs, table)
    first = figure.axes[0]
    assert len(first.get_lines()) == 25
    means = runs.groupby("column", sort=False)[["wc_intra", "unseen_auc"]]
    drawn = [tuple(x.get_xydata()[0]) for x in first.get_lines()]
    assert np.array(drawn) == pytest.approx(means.mean().to_numpy())
    other = caught(monkeypatch, ch17.intervals, table)
    for axes, outcome in zip(other.axes, ch17.OUTCOMES, strict=True):
        part = table[table["outcome"] == outcome]
        marks = [x.get_xdata()[0] for x in axes.get_lines()[1:]]
        assert marks[::3] == pytest.approx(part["rho"].tolist())
        assert axes.get_title(loc="left") == ch17.OUTCOMES[outcome]


def test_equivalence_is_by_the_90_percent_interval():
    gaps = np.array([0.1, 0.3, 0.2, 0.4, 0.5])
    half = 2.131847 * gaps.std(ddof=1) / math.sqrt(5)
    gap, one = (stats.equivalence(x, 1.0) for x in (gaps, [0.0]))
    assert stats.within(gap, 0.3 + half + 1e-4) == "equal"
    assert stats.within(gap, 0.3 + half - 1e-4) == "open"
    assert stats.within(-gap, 0.3 - half - 1e-4) == "apart"
    assert stats.within(one, 1.0) == "open"
    with pytest.raises(ValueError, match="bound = 0"):
        stats.equivalence(gaps, 0)
