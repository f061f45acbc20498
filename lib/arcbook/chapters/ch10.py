"""Fashion-MNIST: what a larger scale does, derived and seen.

Derived: a sample of ArcGrad, all of whose rivals have one gap
m = θ_j − θ_y, is pulled by s (1 − p). Symbols are those of `derive`; `k` is
C − 1, the number of rivals, and `epsilon` a pull that is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import sympy as sp
import torch
from matplotlib import colors
from matplotlib import pyplot as plt
from scipy import stats
from scipy.optimize import brentq

from arcbook import derive, geometry, packing, plot
from arcbook.chapters.spheres import CLASSES
from arcbook.derive import C, m
from arcbook.plot import BASELINE, INK, LOSS, spaced

k, epsilon = sp.symbols("k epsilon", positive=True)
RIGHT = math.pi / 2
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


def course(records: Iterable[Mapping]) -> pd.DataFrame:
    """WC-Intra against the step, one row a look.

    Gives s, step, wc_intra in radians, diverged; sorted by s and step.
    """
    rows = [
        (one["hyperparameters"]["s"], step, angle, one["metrics"]["diverged"])
        for one in records
        for step, angle in zip(
            one["curves"]["looks"].get("step", ()),
            one["curves"]["looks"].get("wc_intra", ()),
            strict=True,
        )
    ]
    table = pd.DataFrame(rows, columns=["s", "step", "wc_intra", "diverged"])
    return table.sort_values(["s", "step"], ignore_index=True)


def order(course: pd.DataFrame) -> pd.DataFrame:
    """Which scale is the tighter one, at each step that all scales have.

    Gives step and tau, Kendall's rank correlation of s and WC-Intra: 1 where
    every larger s has the wider angle, −1 where it has the tighter one. Empty
    for fewer than three scales.
    """
    whole = course[course["diverged"].eq(False) & course["step"].gt(0)]
    wide = whole.pivot(index="step", columns="s", values="wc_intra").dropna()
    if wide.shape[1] < 3:
        return pd.DataFrame({"step": [], "tau": []})
    tau = [
        stats.kendalltau(wide.columns, row).statistic for row in wide.values
    ]
    return pd.DataFrame({"step": wide.index, "tau": tau})


def pulls(record: Mapping) -> pd.DataFrame:
    """What is left of the pull on each image whose features are kept.

    Gives own, the angle to the own class vector; gap, to the nearest other one
    less own, both in radians; left, 1 − p; right, whether the gap is positive.
    """
    kept = {
        name: torch.from_numpy(packing.unpack(record["arrays"][name]))
        for name in ("features", "feature_labels", "class_vectors")
    }
    theta = geometry.angles(
        geometry.unit(kept["features"])[0],
        geometry.unit(kept["class_vectors"])[0],
    )
    labels = kept["feature_labels"].long()
    p = torch.softmax(-record["hyperparameters"]["s"] * theta, 1)
    at = torch.arange(len(labels))
    own = theta[at, labels].clone()
    theta[at, labels] = torch.inf
    gap = theta.min(1).values - own
    return pd.DataFrame(
        {
            "own": own.numpy(),
            "gap": gap.numpy(),
            "left": 1 - p[at, labels].numpy(),
            "right": (gap > 0).numpy(),
        }
    )


def style(scales: Iterable[float]):
    """A colour for each scale, from blue to red by rank."""
    ranked = [f"s = {s:g}" for s in sorted(set(scales))]
    places = np.linspace(0, 1, max(len(ranked), 2))
    inks = {name: RAMP(x) for name, x in zip(ranked, places, strict=False)}
    return lambda name: {"color": inks[name]}


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


def left(scales: Sequence[float], shares: Sequence[float], classes: int):
    """The own angle at which a share of the pull is left, against s."""
    figure, axes = plt.subplots(figsize=(8, 4.4))
    dense = np.geomspace(min(scales), max(scales), 400)
    ink = plot.colour("arcgrad")
    ends = {}
    for share, width in zip(shares, (1.5, 2.2, 3.0), strict=False):
        angle = own_angle_left(share, dense, classes)
        axes.plot(dense, angle, color=ink, lw=width)
        marks = own_angle_left(share, scales, classes)
        axes.plot(scales, marks, "o", color=ink, ms=5)
        ends[f"{share:.1%} left".replace(".0%", "%")] = dense[-1], angle[-1]
    axes.set_xscale("log")
    axes.set_xticks(scales, [f"{s:g}" for s in scales])
    axes.minorticks_off()
    axes.set_ylim(-0.03, 1.62)
    plot.degrees(axes.yaxis, 15)
    plot.names(axes, ends, lambda name: {"color": ink})
    axes.set_xlabel("scale s, log scale")
    axes.set_ylabel(r"own angle $\theta_y$")
    axes.set_title("At a large s the pull is gone while the angle is wide")
    return plot.show(figure)


def courses(records: Sequence[Mapping]):
    """WC-Intra against the iteration, and which order the scales have."""
    table = course(records)
    ranks = order(table)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(8, 6.2), sharex=True, height_ratios=(3, 1.15)
    )
    look, ends = style(table["s"]), {}
    for s, part in table.groupby("s"):
        name = f"s = {s:g}"
        above.plot(part["step"], part["wc_intra"], **look(name), lw=1.8)
        ends[name] = part[["step", "wc_intra"]].iloc[-1]
    above.set_ylim(0, max(1.62, table["wc_intra"].max() + 0.06))
    plot.degrees(above.yaxis)
    plot.names(above, ends, look)
    above.set_ylabel("WC-Intra")
    last = table.groupby("s")["wc_intra"].last().iloc[[0, -1]]
    above.set_title(
        ", ".join(
            f"{math.degrees(x):.0f}° at s = {s:g}" for s, x in last.items()
        )
        + " at the last look"
    )
    width = np.diff(ranks["step"], prepend=0).astype(float)
    inks = np.where(ranks["tau"] > 0, plot.colour("arcgrad"), BASELINE)
    below.bar(
        ranks["step"] - width, ranks["tau"], width, align="edge", color=inks
    )
    below.axhline(0, color=INK, lw=1)
    below.set_ylim(-1.15, 1.15)
    below.set_yticks(
        [1, 0, -1], ["smaller s tighter", "no order", "larger s tighter"]
    )
    below.set(xlabel="iteration", xlim=(0, table["step"].max()))
    return plot.show(figure)


def pulled(runs: Mapping[float, pd.DataFrame], classes: int):
    """What is left of the pull on each image, against its own angle."""
    figure, axes = plt.subplots(figsize=(8, 4.8))
    theta = np.linspace(0, math.pi, 400)
    look = style(runs)
    for s, table in runs.items():
        name = f"s = {s:g}"
        ink = look(name)["color"]
        rest = derive.pull(s, RIGHT - theta, classes) / s
        axes.plot(theta, rest, color=ink, lw=1.2)
        for right, fill in ((True, ink), (False, "none")):
            part = table[table["right"] == right]
            axes.scatter(
                *(part["own"], part["left"]),
                s=16,
                facecolor=fill,
                edgecolor=ink,
                lw=0.8,
                alpha=0.7,
                rasterized=True,
            )
        low = table.loc[table["left"].idxmin()]
        beside = low["left"] < 0.15
        axes.annotate(
            name,
            (low["own"], low["left"]),
            (-9, 9) if beside else (0, -14),
            textcoords="offset points",
            ha="right" if beside else "left",
            va="center",
            color=ink,
        )
    least = [f"{t['left'].min():.0%} at s = {s:g}" for s, t in runs.items()]
    axes.set_title(f"The least pull on any image: {', '.join(least)}")
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(0, math.pi)
    plot.degrees(axes.xaxis)
    axes.set(xlabel=r"own angle $\theta_y$", ylabel="pull left, 1 − p")
    return plot.show(figure)


def errors(rows: pd.DataFrame, four: pd.Series):
    """Table 5 as accuracies, with those of the four losses in its title."""
    figure = plot.dots(
        rows,
        style=lambda name: (
            plot.look(name)
            if name in LOSS
            else {"color": BASELINE, "marker": "o", "markersize": 6.5}
        ),
    )
    within = f"All four losses within {np.ptp(four):.2f} points, in print"
    figure.axes[0].set_title(within)
    return plot.show(figure)


def plane(records: Sequence[Mapping], names: Sequence[str]):
    """2-D features with the class vectors as rays, a panel a loss.

    Features are drawn at their own length, all but the longest 2% inside the
    ring; the ring shows their directions.
    """
    figure, panels = plot.grid(len(records), 2, 3.5, width=8.6)
    for axes, record in zip(panels, records, strict=True):
        _plane(axes, record, names)
    return plot.show(figure)


def _plane(axes, record, names):
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set(xlim=(-2.05, 2.05), ylim=(-1.5, 1.5))
    ink = plot.colour(record["loss"])
    right = record["metrics"]["test_accuracy"]
    axes.set_title(f"{record['column']}: {right:.0%} right", color=ink, pad=2)
    x, labels, vectors = (
        packing.unpack(record["arrays"][name])
        for name in ("features", "feature_labels", "class_vectors")
    )
    length = np.linalg.norm(x.astype(float), axis=1)
    shown = np.clip(length / np.quantile(length, 0.98), 0, 1)
    angle = np.arctan2(x[:, 1], x[:, 0]).astype(float)
    ring = np.linspace(0, 2 * math.pi, 200)
    axes.plot(np.cos(ring), np.sin(ring), color=BASELINE, lw=0.8)
    paint = np.array(CLASSES)[labels % len(CLASSES)]
    for radius, size in ((shown, 7), (1.06, 5)):
        axes.scatter(
            radius * np.cos(angle),
            radius * np.sin(angle),
            s=size,
            c=paint,
            lw=0,
            alpha=0.7,
            rasterized=True,
        )
    _name_rays(axes, np.arctan2(vectors[:, 1], vectors[:, 0]), names)


def _name_rays(axes, directions, names):
    """A ray a class, named around the ring, names apart from each other."""
    for side in (1, -1):
        there = {
            i: math.sin(a)
            for i, a in enumerate(directions)
            if (math.cos(a) >= 0) == (side > 0)
        }
        heights = spaced({i: 1.35 * h for i, h in there.items()}, 0.22)
        shift = max(0, max(heights.values(), default=0) - 1.45)
        for i, height in heights.items():
            tip = np.cos(directions[i]), np.sin(directions[i])
            ink = CLASSES[i % len(CLASSES)]
            place = (side * _beside(height - shift), height - shift)
            axes.plot(*zip((0, 0), tip, strict=True), color=ink, lw=1.4)
            axes.plot(
                *zip((1.1 * tip[0], 1.1 * tip[1]), place, strict=True),
                color=ink,
                lw=0.7,
            )
            axes.annotate(
                names[i],
                place,
                (2 * side, 0),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=9.5,
                color=ink,
            )


def _beside(height):
    """How far out a name stands at a height, clear of the ring."""
    return max(math.sqrt(max(1.22**2 - height**2, 0)), 0.35)
