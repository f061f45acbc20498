"""The scale: gradients, angles and gaps at a small s and at a large one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt

from arcbook import derive, geometry, losses, plot
from arcbook.plot import BASELINE, INK

OWN, OTHER = "#2b7bd6", "#d55e00"
RELU = {"ReLU features": True, "signed features": False}
WRITE = {"textcoords": "offset points", "fontsize": 10.5}


def gradient(scale: float, theta, labels) -> np.ndarray:
    """∂L/∂θ of ArcGrad over s, (N, C), by autograd of what trains."""
    size = {"embedding_dim": 2, "num_classes": theta.shape[1]}
    head = losses.create("arcgrad", s=scale, **size)
    theta = torch.tensor(theta, requires_grad=True)
    loss = head.losses_at(theta, torch.tensor(labels)).sum()
    return torch.autograd.grad(loss, theta)[0].numpy() / scale


def ring(axes, place: int, name: str, theta, labels, pull, samples=30):
    """Angles (N, C) in one ring of a semicircle, with their pulls.

    The first ring is the innermost. An arrow points where descent along
    `pull` drives an angle, no further than to 0.
    """
    draw, inner = np.random.default_rng(place), 1.2 + 1.35 * place
    some = draw.permutation(len(theta))[:samples]
    theta, pull = theta[some], pull[some]
    own = np.arange(theta.shape[1]) == labels[some, None]
    radius = draw.uniform(inner, inner + 1, theta.shape)
    place = radius * np.cos(theta), radius * np.sin(theta)
    along = np.clip(-0.8 * pull, -theta * radius, None)
    along = -np.sin(theta) * along, np.cos(theta) * along
    for part, ink in ((own, OWN), (~own, OTHER)):
        x, y, dx, dy = (values[part] for values in (*place, *along))
        axes.scatter(x, y, s=13, color=ink, lw=0)
        axes.quiver(x, y, dx, dy, color=ink, alpha=0.8, width=0.003,
                    headwidth=4, headlength=5, minlength=0.5,
                    angles="xy", scale_units="xy", scale=1)  # fmt: skip
    around = np.linspace(0, math.pi, 181)
    for edge in (inner, inner + 1):
        line = edge * np.cos(around), edge * np.sin(around)
        axes.plot(*line, color=BASELINE, lw=0.8, alpha=0.6)
    axes.text(-inner - 0.5, -0.25, name, ha="center", va="top", fontsize=10.5)


def opening(figure, scales, ends):
    """Publish the semicircles of [arcgrad, Fig. 1], a panel a scale.

    The ends are the own angles of the last ring, (N,) for each scale.
    """
    medians = np.degrees([np.median(own) for own in ends])
    for axes, scale, median in zip(figure.axes, scales, medians):
        edge = max(line.get_xdata().max() for line in axes.lines) + 0.35
        for mark in np.radians(range(0, 181, 30)):
            x, y = edge * math.cos(mark), edge * math.sin(mark)
            text = f"{math.degrees(mark):.0f}°"
            axes.text(x, y, text, ha="center", va="center", fontsize=10.5)
        axes.set(xlim=(-edge - 0.2, edge + 0.2), ylim=(-0.7, edge + 0.2))
        axes.set(aspect="equal")
        axes.axis("off")
        axes.set_title(f"s = {scale:g}: own angles end at {median:.0f}°")
    return plot.show(figure)


def trade_off(classes: int):
    """Gradient and confidence at θ_y = 0, θ_j = π/2, against the scale.

    The picture of [angular-learning, Fig. 4]; gradients also for other C.
    """
    figure, axes = plt.subplots()
    s = np.linspace(0.01, 6, 600)
    for c in sorted({3, 10, 100, classes}):
        left = derive.pull(s, math.pi / 2, c)
        strong = {"color": OTHER} if c == classes else {"color": BASELINE}
        axes.plot(s, left, **strong, lw=2.2 if c == classes else 1.3)
        best = derive.best_scale(math.pi / 2, c)
        top = best, derive.pull(best, math.pi / 2, c)
        axes.plot(*top, "o", **strong)
        axes.annotate(f"C = {c}: {best:.2f}", top, (6, 6), **strong, **WRITE)
    confidence = 1 - derive.pull(s, math.pi / 2, classes) / s
    (line,) = axes.plot(s, confidence, color=OWN)
    plot.label_line(line, 4.2, f"confidence P(y), C = {classes}", 10)
    axes.set(xlabel="scale s", ylabel="s (1 − P(y)), and P(y)", ylim=0)
    best = derive.best_scale(math.pi / 2, classes)
    axes.set_title(f"C = {classes}: the gradient peaks at s = {best:.2f}")
    return plot.show(figure)


def best_scale_and_gap(classes: int, gaps=(20, 40, 80), scales=(1, 3, 10)):
    """The gradient of Eq. 16, over s for some gaps and over the gap."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.4))
    s = np.linspace(0.01, 14, 800)
    for shade, gap in zip((0.45, 0.7, 1), np.radians(gaps)):
        left.plot(s, derive.pull(s, gap, classes), color=OTHER, alpha=shade)
        best = derive.best_scale(gap, classes)
        top = best, derive.pull(best, gap, classes)
        left.plot(*top, "o", color=INK)
        text = f"{math.degrees(gap):.0f}°: {best:.2f}"
        left.annotate(text, top, (8, 4), **WRITE)
    left.set(xlabel="scale s", ylabel="size of ∂L″/∂m̃", ylim=0)
    left.set_title("For a given gap there is a best scale")
    m = np.linspace(-math.pi / 3, math.pi, 800)
    share = float(derive.share_left().subs(derive.C, classes))
    right.axhline(share, color=BASELINE, lw=1, ls=":")
    for shade, scale in zip((0.45, 0.7, 1), scales):
        left_over = derive.pull(scale, m, classes) / scale
        right.plot(m, left_over, color=OWN, alpha=shade, label=f"s = {scale}")
        gap = derive.best_gap(scale, classes)
        if gap < math.pi:
            right.plot(gap, share, "o", color=INK)
    right.legend(loc="upper right")
    right.annotate(f"{share:.0%} of s", (math.pi, share), (0, 4),
                   ha="right", **WRITE)  # fmt: skip
    right.set(xlabel="gap m̃", ylabel="share of s", ylim=(0, 1.05))
    plot.degrees(right.xaxis, 60)
    right.set_title("For a given scale there is no best gap")
    return plot.show(figure)


def widest_gap(classes: int, relu: bool = False) -> float:
    """The largest gap that all C classes can have at once, in radians.

    It is at most the smallest angle between class vectors, and of two
    samples at most the angle between them: π/2 if no feature is negative.
    """
    return math.pi / 2 if relu else geometry.simplex_angle(classes)


def adacos_steps(cases, classes: int):
    """The next scale of AdaCos against the present one.

    A case is a name, cosines (N, C − 1) and the median own angle.
    """
    figure, axes = plt.subplots(figsize=(8, 4.8))
    most = max(12, 1.6 * math.sqrt(2) * math.log(classes))
    s = np.linspace(0, most, 400)
    (line,) = axes.plot(s, s, color=BASELINE, ls="--", lw=1.4)
    plot.label_line(line, 0.75 * most, "next = present", -16)
    for ink, (name, *batch) in zip((plot.colour("adacos"), OWN, OTHER), cases):
        after, slope = derive.adacos_step(s, *batch)
        axes.plot(s, after, color=ink)
        end = np.flatnonzero(after <= 0.88 * most)[-1]
        axes.annotate(name, (s[end], after[end]), (-10, 8), ha="right",
                      color=ink, **WRITE)  # fmt: skip
        for k in np.flatnonzero(np.diff(np.sign(after - s))):
            face = ink if abs(slope[k]) < 1 else "none"
            axes.plot(s[k], s[k], "o", color=ink, ms=8, mfc=face)
    axes.set(xlabel="present scale", ylabel="next scale")
    axes.set(xlim=(0, most), ylim=(0, most))
    axes.set_title("A filled dot draws the scale in, a hollow one drives it")
    return plot.show(figure)


def angles(runs, scales, epoch: int) -> pd.DataFrame:
    """Mean own angle and gap in radians, a row a network, s and seed."""
    rows = []
    for name, run in runs.items():
        seen = run.train[epoch]
        for k, s in enumerate(scales):
            means = zip(seen.intra[k].mean(-1), seen.gap[k].mean(-1))
            rows += [(name, s, *pair) for pair in means]
    return pd.DataFrame(rows, columns=["network", "s", "own", "gap"])


def look(network: str) -> dict:
    """Colour and marker of a network: those with ReLU filled."""
    relu = RELU[network]
    return {"color": OTHER if relu else OWN, "marker": "o" if relu else "^"}


def sweep(figure, frame: pd.DataFrame, classes: int):
    """Publish own angles and gaps against the scale, from `angles`."""
    scales = np.sort(frame["s"].unique())
    relu = (
        frame[frame["network"] == "ReLU features"]
        .groupby("s")[["own", "gap"]]
        .mean()
    )
    left, right = figure.axes
    for name, axes in (("Own angle", left), ("Smallest gap", right)):
        axes.set_xticks(scales, [f"{s:g}" for s in scales])
        axes.minorticks_off()
        plot.degrees(axes.yaxis)
        axes.set(xlabel="scale s", ylabel="")
        ends = np.degrees(relu["own" if axes is left else "gap"].iloc[[0, -1]])
        axes.set_title(
            f"{name}: {ends.iloc[0]:.0f}° at s = {scales[0]:g}, "
            f"{ends.iloc[1]:.0f}° at {scales[-1]:g}"
        )
    dense = np.geomspace(scales[0], scales[-1], 200)
    claimed = np.array([derive.best_gap(s, classes) for s in dense])
    dense, claimed = dense[claimed < 2.2], claimed[claimed < 2.2]
    (line,) = right.plot(dense, claimed, color=INK, lw=1.4)
    plot.label_line(line, dense[len(dense) // 2], " Eq. 19", 6)
    for network, one in RELU.items():
        bound = widest_gap(classes, one)
        right.axhline(bound, color=look(network)["color"], lw=1.2, ls=":")
    return plot.show(figure)
