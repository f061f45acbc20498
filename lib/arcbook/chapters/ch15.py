"""Chapter 15: CosFace's margin against a number of classes.

CosFace of C classes is a softmax with (C − 1) e^{sm} rivals: its loss depends
on s and u = s m + log(C − 1). What is fitted to runs without a margin is a
surface in log s and u, quadratic; runs with one are predicted by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import sympy as sp

from arcbook import derive, experiments, plot, stats
from arcbook.derive import C, m, s
from arcbook.plot import BASELINE, INK

ID = "open.classes"
IMAGES = 2500  # of a run, but for those with 50 of each class
theta_y, theta_j = derive.THETA_Y, derive.THETA_J
u = sp.Symbol("u", real=True)
SETTING = ["s", "m", "classes"]


class Outcome(NamedTuple):
    """What is predicted: its title, unit, and the bound set beforehand."""

    title: str
    unit: str
    bound: float


OUTCOMES = {
    "own_angle": Outcome("own angle, training images", "°", 3.0),
    "wc_intra": Outcome("WC-Intra", "°", 3.0),
    "unseen_auc": Outcome("AUC on unseen classes", "points", 1.0),
    "unseen_centroid": Outcome("nearest centroid, unseen", "points", 2.0),
    "test_own_angle": Outcome("own angle, test images", "°", 3.0),
    "accuracy": Outcome("accuracy less chance", "points", 3.0),
}
PRIMARY = tuple(OUTCOMES)[:4]
LINE_LEAST = 6  # of the 9 pairs that have to be equal
EXCHANGE = np.linspace(-1, 3, 401)  # values of w that are tried
INKS = ("#2b7bd6", "#08774a", "#c08a1e", "#d55e00", "#a23984")


def loss(rivals=C - 1, margin=m) -> sp.Expr:
    """CosFace's loss of a sample; so many rivals, and all stand at θ_j."""
    own = sp.exp(s * (sp.cos(theta_y) - margin))
    return derive.cross_entropy(own, rivals * sp.exp(s * sp.cos(theta_j)))


def loss_of_weight() -> sp.Expr:
    """The same loss in s and u alone."""
    return sp.log(1 + sp.exp(u + s * (sp.cos(theta_j) - sp.cos(theta_y))))


def pull() -> sp.Expr:
    """∂L/∂θ_y in s and u: s sin θ_y σ(u + s (cos θ_j − cos θ_y))."""
    odds = u + s * (sp.cos(theta_j) - sp.cos(theta_y))
    return s * sp.sin(theta_y) / (1 + sp.exp(-odds))


def weight(scale, margin, classes):
    """u = s m + log(C − 1), of numbers or arrays."""
    return scale * margin + np.log(np.asarray(classes) - 1.0)


def like(scale: float, margin: float, classes: int) -> float:
    """How many classes without a margin weigh as much: 1 + (C − 1) e^{sm}."""
    return 1 + (classes - 1) * math.exp(scale * margin)


def collapsed(classes) -> float:
    """What u lacks, over s, where C class vectors stand as a simplex.

    A feature on its class vector then has its rivals at −1/(C − 1), so that
    its log-odds are u − s − s/(C − 1).
    """
    return 1 / (np.asarray(classes) - 1.0)


def frame(records: Sequence[Mapping]) -> pd.DataFrame:
    """A row a run: s, m, classes, each, seed, u, kind and the outcomes.

    Angles are in degrees, the rest in points; accuracy is 100 (a − 1/C)/(1 −
    1/C), 0 by chance. Kind is "plain" without a margin, "matched" where one
    makes up for fewer classes, "between", and "few" where there are 50 images
    of each class. A run that diverged has NaN.
    """
    rows = [_row(one) for one in records]
    names = [*SETTING, "each", "seed", "u", "kind", *OUTCOMES]
    return pd.DataFrame(rows, columns=names)


def _row(record):
    known, found = record["hyperparameters"], record["metrics"]
    classes, images = record["classes"], record["images"]
    row = {"s": known["s"], "m": known["m"], "classes": classes}
    row |= {"each": images // classes, "seed": record["seed"]}
    row["u"] = float(weight(*(row[key] for key in SETTING)))
    row["kind"] = "few" if images < IMAGES else _kind(row)
    if found["diverged"]:
        return row
    chance = 1 / classes
    right = (found["test_accuracy"] - chance) / (1 - chance)
    factor = {"°": math.degrees(1), "points": 100}
    found = found | {"accuracy": right}
    return row | {k: factor[o.unit] * found[k] for k, o in OUTCOMES.items()}


def _kind(row):
    plain = experiments.runs(ID, "full", {"seed": [0]})
    weights = [
        math.log(run["classes"] - 1)
        for run in plain
        if run["hyperparameters"]["m"] == 0
    ]
    if row["m"] == 0:
        return "plain"
    near = min(abs(row["u"] - one) for one in weights)
    return "matched" if near < 1e-4 else "between"


def whole(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of the seeds that have every setting, none of them diverged.

    Settings with 50 images of each class may be missing.
    """
    grid = experiments.runs(ID, "reduced", {"seed": [0]})
    needed = sum(run["images"] == IMAGES for run in grid)
    there = runs[runs["kind"] != "few"].dropna()
    counts = there.groupby("seed").size()
    return runs[runs["seed"].isin(counts.index[counts == needed])].dropna()


def waiting(id: str, profile: str, records: Sequence[Mapping]) -> str:
    """What stands on a page as long as there are too few runs to draw."""
    return (
        f"{len(records)} of {len(experiments.runs(id, profile))} runs are "
        f"measured, too few to draw: `arcbook run {id} --profile {profile}`."
    )


def centred(runs: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Settings down, seeds across, less what is common to a seed."""
    table = runs[runs["kind"] != "few"].pivot_table(
        index=[*SETTING, "kind"], columns="seed", values=outcome
    )
    return table - table.mean() + table.mean().mean()


def noise(table: pd.DataFrame) -> float:
    """Standard deviation between seeds, beyond what a seed has in common."""
    rest = table.sub(table.mean(axis=1), axis=0)
    settings, seeds = table.shape
    freedom = (settings - 1) * (seeds - 1)
    square = (rest.to_numpy() ** 2).sum()
    return math.sqrt(square / freedom) if freedom else math.nan


def _basis(scale, weights):
    x, y = np.log(np.asarray(scale, float)), np.asarray(weights, float)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)


def _weights(at, exchange=1.0, geometry=0.0):
    """log(C − 1) + w s m, less what `collapsed` says if asked for."""
    scale, margin, classes = (
        at.get_level_values(key).to_numpy(float) for key in SETTING
    )
    found = weight(scale, exchange * margin, classes)
    return found - geometry * scale * collapsed(classes)


class Fit(NamedTuple):
    """A surface fitted to settings without a margin."""

    coefficients: np.ndarray
    inverse: np.ndarray  # of the normal matrix
    geometry: float

    def __call__(self, at: pd.MultiIndex, exchange: float = 1.0):
        """Predictions for settings."""
        return self._rows(at, exchange) @ self.coefficients

    def leverage(self, at: pd.MultiIndex) -> np.ndarray:
        """What the fit adds to the variance of a prediction."""
        rows = self._rows(at)
        return np.einsum("ij,jk,ik->i", rows, self.inverse, rows)

    def _rows(self, at, exchange=1.0):
        scale = at.get_level_values("s").to_numpy(float)
        return _basis(scale, _weights(at, exchange, self.geometry))


def fit(means: pd.Series, geometry: float = 0.0) -> Fit:
    """Fit the settings without a margin, by least squares.

    `means` are by setting and kind. Raises ValueError for fewer settings than
    the surface has numbers.
    """
    plain = means[means.index.get_level_values("kind") == "plain"]
    scale = plain.index.get_level_values("s")
    rows = _basis(scale, _weights(plain.index, 1.0, geometry))
    if np.linalg.matrix_rank(rows) < rows.shape[1]:
        raise ValueError(
            f"{len(plain)} settings without a margin do not fix a surface of "
            f"{rows.shape[1]} numbers"
        )
    solution, *_ = np.linalg.lstsq(rows, plain.to_numpy(), rcond=None)
    return Fit(solution, np.linalg.inv(rows.T @ rows), geometry)


def _held_out(table):
    return table[table.index.get_level_values("kind") != "plain"]


def _rms(gaps):
    return float(np.sqrt(np.mean(np.square(gaps))))


def exchange_rate(means: pd.Series) -> float:
    """The w with which log(C − 1) + w s m predicts best, of `EXCHANGE`."""
    surface, held = fit(means), _held_out(means)
    errors = [_rms(held - surface(held.index, w)) for w in EXCHANGE]
    return float(EXCHANGE[np.argmin(errors)])


def prediction(runs: pd.DataFrame, outcome: str) -> dict:
    """How well runs with a margin are predicted by those without.

    Gives root mean squares over settings: error, by s and u; no_margin, by s
    and log(C − 1); simplex, by s and u − s/(C − 1); ceiling, what the error
    of a true surface would be, by the seeds' noise; w, an Estimate over seeds.
    """
    table = centred(runs, outcome)
    held, means = _held_out(table).mean(axis=1), table.mean(axis=1)
    surface, at = fit(means), held.index
    spread = noise(table) ** 2 / table.shape[1]
    shares = 1 + surface.leverage(at)
    return {
        "error": _rms(held - surface(at)),
        "no_margin": _rms(held - surface(at, 0.0)),
        "simplex": _rms(held - fit(means, geometry=1.0)(at)),
        "ceiling": math.sqrt(spread * shares.mean()),
        "w": stats.of_runs([exchange_rate(table[x]) for x in table]),
    }


def pairs(runs: pd.DataFrame, outcome: str, kind: str = "matched"):
    """Settings with a margin beside those without one that weigh as much.

    Gives a row a pair: s, classes, like, mean, low and high of the difference
    over seeds, and found: whether the 90% interval is in the bound.
    `kind` "few" takes the runs with 50 images of each class; their other half
    has 50 classes, and as many images of each.
    """
    plain, rows = runs[runs["kind"] == "plain"], []
    mine = runs[(runs["kind"] == kind) & (runs["m"] > 0)]
    for (scale, margin, classes), part in mine.groupby(SETTING):
        alike = round(like(scale, margin, classes))
        other = plain[(plain["s"] == scale) & (plain["classes"] == alike)]
        first, second = (x.set_index("seed")[outcome] for x in (part, other))
        gaps = (first - second).dropna()
        found = stats.of_runs(gaps)
        rows.append(
            {"s": scale, "classes": classes, "like": alike}
            | {"mean": found.mean, "low": found.low, "high": found.high}
            | {"found": _equal(gaps, OUTCOMES[outcome].bound)}
        )
    names = ["s", "classes", "like", "mean", "low", "high", "found"]
    return pd.DataFrame(rows, columns=names).sort_values(names[:3])


def _equal(gaps, bound):
    return stats.within(stats.equivalence(gaps, bound), bound)


def answer(runs: pd.DataFrame, outcome: str) -> str:
    """What the design says of an outcome: "one curve", "not one", "open"."""
    found = pairs(runs, outcome)["found"].value_counts()
    counts = [found.get(word, 0) for word in ("equal", "apart")]
    if counts[1] >= sum(found) / 3:
        return "not one"
    close = prediction(runs, outcome)["error"] <= OUTCOMES[outcome].bound
    if close and not counts[1] and counts[0] >= LINE_LEAST * sum(found) / 9:
        return "one curve"
    return "open"


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """A row an outcome: how well it is predicted, and the answer."""
    rows = []
    for key, about in OUTCOMES.items():
        found = prediction(runs, key)
        counted = pairs(runs, key)["found"].value_counts()
        rows.append(
            {
                "outcome": f"{about.title}, {about.unit}",
                "error": found["error"],
                "without m": found["no_margin"],
                "simplex": found["simplex"],
                "noise": found["ceiling"],
                "w": str(found["w"]).replace("+", ""),
                "pairs equal": counted.get("equal", 0),
                "apart": counted.get("apart", 0),
                "answer": answer(runs, key),
            }
        )
    return pd.DataFrame(rows)


def _ink(scale):
    known = (4.0, 6.0, 8.0, 12.0, 16.0)
    return INKS[known.index(scale)] if scale in known else INK


def opening(axes, settings: Sequence[tuple[float, float, int]]):
    """Publish the pull of each (s, m, C); with a margin it is dashed."""
    theta = np.linspace(0, math.pi, 361)
    force = derive.numeric(pull(), theta_y, theta_j, s, u)
    plain, names = INKS[0], {}
    for scale, margin, classes in settings:
        total = float(weight(scale, margin, classes))
        line = force(theta, math.pi / 2, scale, total)
        name = f"{classes} classes" + f", m = {margin:.3g}" * (margin > 0)
        names.setdefault(round(total, 3), (line, []))[1].append(name)
        look = {"lw": 1.8, "ls": "--"} if margin else {"lw": 5, "alpha": 0.45}
        ink = plain if len(names) == 1 else INKS[3]
        axes.plot(theta, line, color=ink, **look)
    for (line, texts), side in zip(names.values(), (1, -1)):
        rises, half = slice(line.argmax() + 1), line.max() / 2
        axes.annotate(
            "\nand ".join(texts),
            (np.interp(half, line[rises], theta[rises]), half),
            (14 * side, 0),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            color=plain if side > 0 else INKS[3],
        )
    plot.own_angle(axes)
    axes.set_ylabel(r"pull $\partial L/\partial\theta_y$")
    axes.set_title("A margin and more classes pull alike")
    return plot.show(axes.figure)


def surface(runs: pd.DataFrame, outcomes: Sequence[str] = PRIMARY):
    """Outcomes over u: plain settings as the fit has them, others hollow."""
    figure, panels = plot.grid(len(outcomes), 2, 3.1, width=8.6, base=0.5)
    for axes, outcome in zip(panels, outcomes, strict=True):
        table = centred(runs, outcome)
        means, err = table.mean(axis=1), noise(table)
        half = 1.96 * err / math.sqrt(table.shape[1])
        made = fit(means)
        for (scale, margin, classes, kind), mean in means.items():
            x = float(weight(scale, margin, classes))
            hollow = {} if kind == "plain" else plot.HOLLOW
            mark = "o" if kind != "between" else "D"
            look = {"color": _ink(scale), "marker": mark, "ls": "none"}
            axes.vlines(x, mean - half, mean + half, _ink(scale), lw=1)
            axes.plot(x, mean, **look | hollow)
        grid = np.linspace(*np.log([4, 49]), 60)
        for scale in sorted(means.index.unique("s")):
            rows = _basis(np.full_like(grid, scale), grid)
            curve = rows @ made.coefficients
            axes.plot(grid, curve, color=_ink(scale), lw=1.2)
        about = OUTCOMES[outcome]
        axes.set_title(f"{about.title}, {about.unit}", fontsize=11)
    for axes in panels[-2:]:
        axes.set_xlabel(r"$u = s\,m + \log(C - 1)$")
    marks = {
        f"s = {x:g}": {"color": _ink(x), "marker": "s"}
        for x in sorted(runs["s"].unique())
    }
    marks |= {
        "no margin": {"color": INK, "marker": "o"},
        "matched": {"color": INK, "marker": "o"} | plot.HOLLOW,
        "between": {"color": INK, "marker": "D"} | plot.HOLLOW,
    }
    plot.key(figure, marks, ncols=4)
    return plot.show(figure)


def matched(runs: pd.DataFrame, outcomes: Sequence[str] = PRIMARY):
    """Differences of matched settings, the bound shaded, a panel each."""
    figure, panels = plot.grid(
        len(outcomes), 2, 3.3, width=8.6, base=0.3, sharey=True
    )
    for axes, outcome in zip(panels, outcomes, strict=True):
        about, places = OUTCOMES[outcome], {}
        axes.axvspan(
            -about.bound, about.bound, color=BASELINE, alpha=0.18, lw=0
        )
        axes.axvline(0, color=INK, lw=1)
        for kind in ("matched", "few"):
            for row in pairs(runs, outcome, kind).to_dict("records"):
                label = f"s = {row['s']:g}: {row['classes']} as {row['like']}"
                label += ", 50 each" * (kind == "few")
                y = places.setdefault(label, -len(places))
                ink = _ink(row["s"])
                axes.hlines(y, row["low"], row["high"], ink, lw=1.6)
                hollow = plot.HOLLOW if kind == "few" else {}
                axes.plot(row["mean"], y, "o", color=ink, **hollow)
        axes.set_yticks([*places.values()], [*places])
        axes.set_title(f"{about.title}, {about.unit}", fontsize=11)
    figure.supxlabel("with a margin less without one", fontsize=11.5)
    return plot.show(figure)
