"""Chapter 17: whether the angles of trained classes predict unseen ones.

Between losses by Spearman's ranks of their means over seeds, their intervals
by drawing losses, and seeds of each, with replacement; within losses by what
is left of the runs when the means of losses and seeds are taken out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats as distributions
from scipy.stats import rankdata

from arcbook import plot

ID = "open.angles"
DRAWS, LEVEL = 2000, 0.99
ANGLES = {"wc_intra": -1, "w_inter": 1, "c_inter": 1}  # sign expected
ACCURACY = "test_accuracy"
PREDICTORS = (*ANGLES, ACCURACY)
OUTCOMES = {"unseen_auc": "AUC", "unseen_recall": "recall@1"}
TITLES = {"wc_intra": "WC-Intra", "w_inter": "W-Inter", "c_inter": "C-Inter"}
TITLES |= {ACCURACY: "accuracy on trained classes"} | {
    key: f"{title} on unseen classes" for key, title in OUTCOMES.items()
}
LEAST_LOSSES, LEAST_SEEDS = 10, 2


def frame(records: Sequence[Mapping]) -> pd.DataFrame:
    """A row a run that did not diverge: column, loss, seed, and numbers.

    Angles are in degrees, shares in percent.
    """
    rows = []
    for one in records:
        found = one["metrics"]
        if found["diverged"]:
            continue
        row = {key: one[key] for key in ("column", "loss", "seed")}
        row |= {key: math.degrees(found[key]) for key in ANGLES}
        shares = (ACCURACY, *OUTCOMES)
        rows.append(row | {key: 100 * found[key] for key in shares})
    names = ["column", "loss", "seed", *PREDICTORS, *OUTCOMES]
    return pd.DataFrame(rows, columns=names)


def whole(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of seeds and losses that are complete, empty if too few.

    A seed counts if most losses have it, a loss if it has all such seeds.
    """
    there = runs.groupby("seed")["column"].nunique()
    seeds = there.index[there > runs["column"].nunique() / 2]
    runs = runs[runs["seed"].isin(seeds)]
    counts = runs.groupby("column")["seed"].nunique()
    runs = runs[runs["column"].isin(counts.index[counts == len(seeds)])]
    few = runs["column"].nunique() < LEAST_LOSSES or len(seeds) < LEAST_SEEDS
    return runs[:0] if few else runs


def array(runs: pd.DataFrame) -> np.ndarray:
    """Complete runs as an array: losses, seeds, then predictors, outcomes."""
    names = [*PREDICTORS, *OUTCOMES]
    ordered = runs.sort_values(["column", "seed"])
    shape = runs["column"].nunique(), runs["seed"].nunique(), len(names)
    return ordered[names].to_numpy(float).reshape(shape)


def _correlation(x, y):
    """Pearson's along the last axis, 0 where one does not vary."""
    x = x - x.mean(-1, keepdims=True)
    y = y - y.mean(-1, keepdims=True)
    size = np.sqrt((x * x).sum(-1) * (y * y).sum(-1))
    return (x * y).sum(-1) / np.where(size > 0, size, np.inf)


def spearman(x, y):
    """Spearman's rank correlation along the last axis, ties shared."""
    return _correlation(rankdata(x, axis=-1), rankdata(y, axis=-1))


def partial(x, y, given):
    """Spearman's of x and y, what both have of `given` taken out."""
    xy, xz, yz = spearman(x, y), spearman(x, given), spearman(y, given)
    left = np.sqrt(np.clip((1 - xz**2) * (1 - yz**2), 0, None))
    return (xy - xz * yz) / np.where(left > 1e-9, left, np.inf)


def within(values: np.ndarray, x: int, y: int):
    """Pearson's of what is left without the means of losses and of seeds.

    `values` are (..., losses, seeds, columns).
    """
    rest = values - values.mean(-2, keepdims=True)
    rest = rest - rest.mean(-3, keepdims=True)
    flat = rest.reshape(*values.shape[:-3], -1, values.shape[-1])
    return _correlation(flat[..., x], flat[..., y])


def drawn(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """`DRAWS` samples of losses and, for each loss, of its seeds."""
    random = np.random.default_rng(seed)
    losses, seeds, _ = values.shape
    which = random.integers(losses, size=(DRAWS, losses, 1))
    runs = random.integers(seeds, size=(DRAWS, losses, seeds))
    return values[which, runs]


def _interval(draws):
    tail = (1 - LEVEL) / 2
    return [float(x) for x in np.quantile(draws, (tail, 1 - tail))]


def correlations(runs: pd.DataFrame) -> pd.DataFrame:
    """How well each predictor goes with each outcome.

    Gives a row a pair: predictor, outcome; rho, low, high of the losses'
    means; least, largest rho when one loss is left out; partial,
    partial_low, partial_high with the accuracy on trained classes taken out
    (NaN for the accuracy itself); within, within_low, within_high.
    """
    values = array(runs)
    names = [*PREDICTORS, *OUTCOMES]
    lots = drawn(values)
    means, lot_means = values.mean(1).T, np.moveaxis(lots.mean(2), 2, 0)
    whole_losses = _losses_drawn(values)
    rows, z = [], names.index(ACCURACY)
    for outcome in OUTCOMES:
        for predictor in PREDICTORS:
            x, y = names.index(predictor), names.index(outcome)
            out = [
                spearman(*np.delete(means[[x, y]], k, axis=1))
                for k in range(means.shape[1])
            ]
            ends = _interval(spearman(lot_means[x], lot_means[y]))
            row = {"predictor": predictor, "outcome": outcome}
            row["rho"] = float(spearman(means[x], means[y]))
            row |= dict(zip(("low", "high"), ends))
            row |= {"least": float(min(out)), "largest": float(max(out))}
            rest, rest_ends = math.nan, (math.nan, math.nan)
            if predictor != ACCURACY:
                rest = float(partial(means[x], means[y], means[z]))
                lot = partial(lot_means[x], lot_means[y], lot_means[z])
                rest_ends = _interval(lot)
            row["partial"] = rest
            row |= dict(zip(("partial_low", "partial_high"), rest_ends))
            row["within"] = float(within(values, x, y))
            ends = _interval(within(whole_losses, x, y))
            rows.append(row | dict(zip(("within_low", "within_high"), ends)))
    return pd.DataFrame(rows)


def _losses_drawn(values, seed=1):
    """Samples of losses with all their seeds, so that seeds stay paired."""
    random = np.random.default_rng(seed)
    return values[random.integers(len(values), size=(DRAWS, len(values)))]


def answer(row: Mapping) -> str:
    """What the design says of a row: "yes", "the other way" or "not found".

    An angle whose partial interval leaves out 0 too predicts "beyond
    accuracy".
    """
    if row["low"] <= 0 <= row["high"]:
        return "not found"
    expected = ANGLES.get(row["predictor"], 1)
    if row["rho"] * expected < 0:
        return "the other way"
    beyond = row["partial_low"] > 0 or row["partial_high"] < 0
    return "yes, beyond accuracy" if beyond else "yes"


def detectable(losses: int) -> float:
    """The least |ρ| of so many losses that is found, at `LEVEL`."""
    t = distributions.t.ppf((1 + LEVEL) / 2, losses - 2)
    return float(t / math.sqrt(losses - 2 + t * t))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """`correlations` as a table of the page."""

    def text(row, *names):
        mean, low, high = (f"{row[x]:+.2f}".replace("-", "−") for x in names)
        return "–" if mean == "+nan" else f"{mean} [{low}, {high}]"

    rows = [
        {
            "outcome": OUTCOMES[row["outcome"]],
            "predictor": TITLES[row["predictor"]],
            "ρ of losses": text(row, "rho", "low", "high"),
            "one left out": f"{row['least']:+.2f} to {row['largest']:+.2f}",
            "accuracy taken out": text(
                row, "partial", "partial_low", "partial_high"
            ),
            "within a loss": text(row, "within", "within_low", "within_high"),
            "predicts": answer(row),
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows)


def scatter(runs: pd.DataFrame, table: pd.DataFrame):
    """Means of losses: each outcome against each predictor, and its ρ."""
    means = runs.groupby(["column", "loss"], sort=False).mean(True)
    figure, panels = plot.grid(
        len(OUTCOMES) * len(PREDICTORS), 4, 2.4, width=9.2, base=0.7
    )
    places = [(y, x) for y in OUTCOMES for x in PREDICTORS]
    rhos = table.set_index(["outcome", "predictor"])["rho"]
    for axes, (y, x) in zip(panels, places, strict=True):
        for (_, loss), row in means.iterrows():
            look = {"color": plot.colour(loss), "marker": plot.marker(loss)}
            axes.plot(row[x], row[y], **look, ls="none", ms=6)
        rho = f"{rhos[y, x]:+.2f}".replace("-", "−")
        axes.set_title(f"ρ = {rho}", fontsize=11)
        unit = "°" if x in ANGLES else "%"
        title = TITLES[x].replace(" on trained classes", "")
        axes.set_xlabel(f"{title}, {unit}", fontsize=10.5)
        if x == PREDICTORS[0]:
            axes.set_ylabel(f"{OUTCOMES[y]}, %", fontsize=10.5)
    names = dict.fromkeys(means.index.get_level_values("loss"))
    marks = {
        plot.title(x): {"color": plot.colour(x), "marker": plot.marker(x)}
        for x in names
    }
    plot.key(figure, marks, ncols=6)
    return plot.show(figure)


def intervals(table: pd.DataFrame):
    """Rank correlations with their intervals, a panel an outcome."""
    figure, panels = plot.grid(
        len(OUTCOMES), 2, 2.9, width=8.6, base=0.4, sharey=True
    )
    kinds = {
        "losses": ("rho", "low", "high", plot.INK, 0.2),
        "accuracy taken out": (
            *("partial", "partial_low", "partial_high"),
            *("#2b7bd6", 0.0),
        ),
        "within a loss": (
            *("within", "within_low", "within_high"),
            *("#d55e00", -0.2),
        ),
    }
    for axes, (outcome, part) in zip(panels, table.groupby("outcome")):
        axes.axvline(0, color=plot.INK, lw=0.8)
        for place, row in enumerate(part.to_dict("records")):
            for mean, low, high, ink, side in kinds.values():
                y = -place + side
                axes.hlines(y, row[low], row[high], ink, lw=1.8)
                axes.plot(row[mean], y, "o", color=ink)
        names = [TITLES[x] for x in part["predictor"]]
        axes.set_yticks(range(0, -len(names), -1), names)
        axes.set(xlim=(-1.03, 1.03), title=OUTCOMES[outcome])
        axes.set_xlabel("correlation")
    inks = {
        name: {"color": ink, "marker": "o"}
        for name, (*_, ink, _) in kinds.items()
    }
    plot.key(figure, inks)
    return plot.show(figure)
