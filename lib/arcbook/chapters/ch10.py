"""Fashion-MNIST: what a larger scale does, derived and seen.

Derived: a sample of ArcGrad, all of whose rivals have one gap
m = θ_j − θ_y, is pulled by s (1 − p). Symbols are those of `derive`; `k` is
C − 1, the number of rivals, and `epsilon` a pull that is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import sympy as sp
import torch
from matplotlib import colors
from matplotlib import pyplot as plt
from scipy.optimize import brentq

from arcbook import derive, geometry, packing, plot, stats
from arcbook.chapters.cifar import BARS, half_bars, log_ticks
from arcbook.chapters.spheres import CLASSES
from arcbook.derive import C, m
from arcbook.plot import BASELINE

k, epsilon = sp.symbols("k varepsilon", positive=True)
RIGHT = math.pi / 2
STEPS = {"wc_intra": "WC-Intra, degrees", "accuracy": "accuracy, points"}
TIPS = "oDs^v*PX<>"  # of class vectors, by class
RAMP = colors.LinearSegmentedColormap.from_list(
    "scales",
    ("#2b7bd6", "#2f93a0", "#7a9a2d", "#c08a1e", "#d55e00", "#c0392b"),
)


def pull() -> sp.Expr:
    """What pulls θ_y down: ∂L/∂θ_y = s (1 − p), all gaps being m."""
    return sp.simplify(-derive.gap_gradient().subs(C, k + 1))


def gap_left() -> sp.Expr:
    """The gap at which the pull has fallen to `epsilon` < s."""
    (gap,) = sp.solve(sp.Eq(pull(), epsilon), m)
    return gap


def turning_share() -> sp.Expr:
    """The share epsilon/s of the pull at which `gap_left` is widest in s.

    With v = f/(1 − f) of the share f the derivative vanishes where
    1 + v = log(k/v), that is v eᵛ = k/e. While more than this share is left,
    the larger scale has the wider gap at an equal pull; once less is left,
    the smaller one.
    """
    v = sp.Symbol("v", positive=True)
    (root,) = sp.solve(v * sp.exp(v) - k / sp.E, v)
    return root / (1 + root)


def time_to() -> sp.Expr:
    """Time in which gradient flow widens the gap from 0 to m."""
    return sp.integrate(sp.expand(1 / pull()), (m, 0, m))


def quickest_product(classes: int) -> float:
    """The product s·m of the scale that reaches a gap m first.

    The zero of eˣ (x − 2) + 2 − (C − 1) x, to which ∂`time_to`/∂s is
    proportional.
    """
    rivals = classes - 1

    def slope(x):
        return math.exp(x) * (x - 2) + 2 - rivals * x

    return brentq(slope, math.log(1 + rivals), 4 + math.log(1 + rivals))


def own_angle_after(time, scale: float, classes: int) -> np.ndarray:
    """θ_y that gradient flow reaches from π/2, in radians.

    The rivals stay at π/2, so that θ_y = π/2 − m, down to 0.
    """
    gap = derive.gap_after(time, scale, classes)
    return np.maximum(RIGHT - gap, 0)


def own_angle_left(share: float, scale, classes: int) -> np.ndarray:
    """θ_y at which a share of the pull is left, in radians.

    The rivals are at π/2; 0 where more than that share is left even there.

    Raises ValueError for a share that is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share = {share}: it is between 0 and 1")
    gap = math.log((classes - 1) * (1 / share - 1)) / np.asarray(scale, float)
    return np.clip(RIGHT - gap, 0, math.pi)


def certainty(scales: Iterable[float], classes: int) -> pd.DataFrame:
    """p and the pull left at θ_y = 0 with all rivals at π/2, a row a scale."""
    left = derive.pull(np.array([*scales]), RIGHT, classes) / [*scales]
    return pd.DataFrame({"s": [*scales], "p": 1 - left, "1 − p": left})


def pulls(record: Mapping) -> pd.DataFrame:
    """What is left of the pull on each image whose features are kept.

    Gives own, the angle to the own class vector in radians; left, 1 − p;
    right, whether the own class vector is the nearest.
    """
    features, labels, vectors = (
        torch.from_numpy(packing.unpack(record["arrays"][name]))
        for name in ("features", "feature_labels", "class_vectors")
    )
    units = (geometry.unit(one)[0] for one in (features, vectors))
    theta, labels = geometry.angles(*units), labels.long()
    p = torch.softmax(-record["hyperparameters"]["s"] * theta, 1)
    at = torch.arange(len(labels))
    own = theta[at, labels].clone()
    theta[at, labels] = torch.inf
    return pd.DataFrame(
        {
            "own": own.numpy(),
            "left": 1 - p[at, labels].numpy(),
            "right": (theta.min(1).values > own).numpy(),
        }
    )


def style(scales: Iterable[float]):
    """A colour for each scale, from blue to red by rank."""
    ranked = [f"s = {s:g}" for s in sorted(set(scales))]
    places = np.linspace(0, 1, max(len(ranked), 2))
    inks = map(colors.to_hex, RAMP(places))
    looks = {name: {"color": ink} for name, ink in zip(ranked, inks)}
    return looks.get


def opening(axes, scales: Sequence[float]):
    """Name and publish the own angle along gradient flow."""
    look, ends = style(scales), {}
    for line, s in zip(axes.lines, scales, strict=True):
        name = f"s = {s:g}"
        line.set_color(look(name)["color"])
        x, y = line.get_data()
        ends[name] = x[-1], y[-1]
    axes.set(xscale="log", xlim=(x[0], x[-1]), ylim=(-0.03, 1.62))
    plot.degrees(axes.yaxis, 15)
    plot.names(axes, ends, look)
    axes.set_xlabel("time along the gradient, log scale")
    axes.set_ylabel(r"own angle $\theta_y$")
    axes.set_title("A larger s leads at first, a smaller s ends tighter")
    return plot.show(axes.figure)


def courses(records: Sequence[Mapping]):
    """WC-Intra against the iteration, a curve a scale, a band its seeds'."""
    records = sorted(records, key=lambda one: one["hyperparameters"]["s"])
    rows = [
        pd.DataFrame(
            one["curves"]["looks"], columns=["step", "wc_intra"]
        ).assign(s=f"s = {one['hyperparameters']['s']:g}")
        for one in records
    ]
    table = pd.concat(rows, ignore_index=True)
    figure, axes = plt.subplots(figsize=(8, 4.6))
    axes.set_ylim(0, max(1.62, table["wc_intra"].max() + 0.06))
    look = style(one["hyperparameters"]["s"] for one in records)
    plot.curves(table, "step", "wc_intra", hue="s", axes=axes, style=look)
    plot.degrees(axes.yaxis)
    axes.set(xlabel="iteration", ylabel="WC-Intra")
    axes.set_xlim(0, table["step"].max())
    last = table[table["step"] == table["step"].max()]
    last = last.groupby("s", sort=False)["wc_intra"].mean().iloc[[0, -1]]
    ends = (f"{math.degrees(x):.0f}° at {name}" for name, x in last.items())
    axes.set_title(f"{', '.join(ends)} at the last look")
    if records[0].get("profile") == "reduced":
        plot.small(axes)
    return plot.show(figure)


def at_end(runs: pd.DataFrame):
    """WC-Intra and accuracy at the end against s, in reduced runs."""
    runs = runs.assign(degrees=np.degrees(runs["wc_intra"].astype(float)))
    figure, panels = plt.subplots(1, 2, figsize=(8.5, 4))
    titles = {"degrees": "WC-Intra, degrees", "accuracy": "accuracy, %"}
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        plot.small(axes)
        plot.curves(runs, "s", name, "column", axes, half_bars)
        for text in axes.texts:
            text.remove()
        log_ticks(axes, sorted(runs["s"].unique()))
        axes.set(xlabel="scale s, log scale", ylabel=title)
    plot.legend(figure, "reduced", bars=BARS["reduced"])
    return plot.show(figure)


def per_step(runs: pd.DataFrame) -> pd.DataFrame:
    """What each step from a scale to the next does, and all of them.

    Gives a row a step, in reduced runs: its scales, and the estimates of
    what it adds to WC-Intra in degrees and to accuracy, paired by seed.
    """
    runs = runs.assign(wc_intra=np.degrees(runs["wc_intra"].astype(float)))
    wide = runs.pivot(index="seed", columns="s", values=[*STEPS])
    scales = sorted(runs["s"].unique())
    rows = [
        {"from s": low, "to s": high}
        | {
            title: stats.of_runs((wide[k][high] - wide[k][low]).dropna())
            for k, title in STEPS.items()
        }
        for low, high in [*pairwise(scales), (scales[0], scales[-1])]
    ]
    return pd.DataFrame(rows)


def pulled(runs: Mapping[float, pd.DataFrame], classes: int):
    """What is left of the pull on each image, against its own angle."""
    figure, axes = plt.subplots(figsize=(8, 4.8))
    theta = np.linspace(0, math.pi, 400)
    look, ends = style(runs), {}
    for s, table in runs.items():
        name = f"s = {s:g}"
        ink = look(name)["color"]
        rest = derive.pull(s, RIGHT - theta, classes) / s
        axes.plot(theta, rest, color=ink, lw=1.2)
        fill = colors.to_rgba_array([ink] * len(table), 1.0 * table["right"])
        dots = {"s": 16, "facecolors": fill, "edgecolors": ink, "lw": 0.8}
        axes.scatter(table["own"], table["left"], rasterized=True, **dots)
        ends[name] = math.pi, rest[-1]
    least = [f"{t['left'].min():.0%} at s = {s:g}" for s, t in runs.items()]
    axes.set_title(f"The least pull on any image: {', '.join(least)}")
    axes.set(xlim=(0, math.pi), ylim=(-0.03, 1.03))
    plot.names(axes, ends, look)
    plot.degrees(axes.xaxis)
    axes.set(xlabel=r"own angle $\theta_y$", ylabel="pull left, 1 − p")
    return plot.show(figure)


def plane(records: Sequence[Mapping], names: Sequence[str]):
    """2-D features with the class vectors as rays, a panel a loss.

    Features are drawn at their own length, all but the longest 2% inside the
    ring; the ring shows their directions.
    """
    polar = {"subplot_kw": {"projection": "polar"}}
    figure, panels = plot.grid(len(records), 2, 3.8, width=8, **polar)
    for axes, record in zip(panels, records, strict=True):
        x, labels, vectors = (
            packing.unpack(record["arrays"][name])
            for name in ("features", "feature_labels", "class_vectors")
        )
        length = np.linalg.norm(x.astype(float), axis=1)
        shown = np.clip(length / np.quantile(length, 0.98), 0, 1)
        angle = np.arctan2(*x.T[::-1]).astype(float)
        paint = {"c": np.array(CLASSES)[labels], "lw": 0, "alpha": 0.7}
        for radius, size in ((shown, 7), (np.full_like(shown, 1.05), 5)):
            axes.scatter(angle, radius, s=size, rasterized=True, **paint)
        for direction, look in zip(np.arctan2(*vectors.T[::-1]), _tips()):
            ray = {"markevery": [1], "lw": 1.4} | look
            axes.plot([direction] * 2, [0, 1.14], **ray)
        turn = np.linspace(0, 2 * math.pi, 200)
        axes.plot(turn, np.ones_like(turn), color=BASELINE, lw=0.8)
        axes.set_ylim(0, 1.2)
        axes.axis("off")
        right = record["metrics"]["test_accuracy"]
        ink = plot.colour(record["loss"])
        axes.set_title(f"{record['column']}: {right:.0%} right", color=ink)
    plot.key(figure, dict(zip(names, _tips(), strict=True)), ncols=5)
    return plot.show(figure)


def _tips():
    """Colour and marker of each class's ray."""
    return [
        {"color": ink, "marker": mark, "markersize": 7}
        for ink, mark in zip(CLASSES, TIPS, strict=True)
    ]
