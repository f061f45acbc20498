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
LOOKS = {
    "ReLU features": {"color": OTHER, "marker": "o"},
    "signed features": {"color": OWN, "marker": "^"},
}
WRITE = {"textcoords": "offset points", "fontsize": 10.5}


def gradient(scale: float, theta, labels) -> np.ndarray:
    """∂L/∂θ of ArcGrad over s, (N, C), by autograd of what trains."""
    size = {"embedding_dim": 2, "num_classes": theta.shape[1]}
    head = losses.create("arcgrad", s=scale, **size)
    labels = torch.tensor(labels)
    return derive.autograd(lambda a: head.losses_at(a, labels), theta) / scale


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
    turn = np.exp(1j * theta)
    push = 1j * turn * np.clip(-0.8 * pull, -theta * radius, None)
    arrow = {"headwidth": 4, "headlength": 5, "minlength": 0.5, "width": 0.003}
    arrow |= {"angles": "xy", "scale_units": "xy", "scale": 1, "alpha": 0.8}
    for part, ink in ((own, OWN), (~own, OTHER)):
        at, to = (radius * turn)[part], push[part]
        axes.scatter(at.real, at.imag, s=13, color=ink, lw=0)
        axes.quiver(at.real, at.imag, to.real, to.imag, color=ink, **arrow)
    around = np.exp(1j * np.linspace(0, math.pi, 181))
    for line in (inner * around, (inner + 1) * around):
        axes.plot(line.real, line.imag, color=BASELINE, lw=0.8, alpha=0.6)
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
        axes.set_aspect("equal")
        axes.axis("off")
        axes.set_title(f"s = {scale:g}: own angles end at {median:.0f}°")
    return plot.show(figure)


def trade_off(classes: int):
    """Gradient and confidence at θ_y = 0, θ_j = π/2, against the scale.

    The picture of [angular-learning, Fig. 4]; gradients also for other C.
    """
    figure, axes = plt.subplots()
    s, gap = np.linspace(0.01, 6, 600), math.pi / 2
    for c in sorted({3, 10, 100, classes}):
        ink, width = (OTHER, 2.2) if c == classes else (BASELINE, 1.3)
        axes.plot(s, derive.pull(s, gap, c), color=ink, lw=width)
        best = derive.best_scale(gap, c)
        top = best, derive.pull(best, gap, c)
        axes.plot(*top, "o", color=ink)
        axes.annotate(f"C = {c}: {best:.2f}", top, (6, 6), color=ink, **WRITE)
    confidence = 1 - derive.pull(s, gap, classes) / s
    (line,) = axes.plot(s, confidence, color=OWN)
    plot.label_line(line, 4.2, f"confidence P(y), C = {classes}", 10)
    best = derive.best_scale(gap, classes)
    axes.set(xlabel="scale s", ylabel="s (1 − P(y)), and P(y)", ylim=0)
    axes.set_title(f"C = {classes}: the gradient peaks at s = {best:.2f}")
    return plot.show(figure)


def no_best_gap(classes: int, scales=(1, 3, 10)):
    """The gradient of Eq. 16 over the gap, with the gap of Eq. 19."""
    figure, axes = plt.subplots()
    gap = np.linspace(-math.pi / 3, math.pi, 800)
    share = derive.pull(1, derive.best_gap(1, classes), classes)
    axes.axhline(share, color=BASELINE, lw=1, ls=":")
    text = f"{share:.0%} of s"
    axes.annotate(text, (math.pi, share), (0, 4), ha="right", **WRITE)
    for shade, s in zip((0.6, 0.8, 1), scales):
        left = derive.pull(s, gap, classes) / s
        axes.plot(gap, left, color=OWN, alpha=shade, label=f"s = {s}")
        if derive.best_gap(s, classes) < math.pi:
            axes.plot(derive.best_gap(s, classes), share, "o", color=INK)
    axes.legend(loc="upper right")
    plot.degrees(axes.xaxis)
    axes.set(xlabel="gap m̃", ylabel="size of ∂L″/∂m̃, share of s", ylim=0)
    axes.set_title("For a given scale there is no best gap")
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
        at = s[end], after[end]
        axes.annotate(name, at, (-10, 8), ha="right", color=ink, **WRITE)
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
        for s, *means in zip(scales, seen.intra.mean(-1), seen.gap.mean(-1)):
            rows += [(name, s, *pair) for pair in zip(*means)]
    return pd.DataFrame(rows, columns=["network", "s", "own", "gap"])


def sweep(figure, frame: pd.DataFrame, classes: int):
    """Publish own angles and gaps against the scale, from `angles`."""
    relu = frame[frame["network"] == "ReLU features"]
    means = np.degrees(relu.groupby("s")[["own", "gap"]].mean())
    scales, right = means.index, figure.axes[1]
    titles = "Own angle", "Smallest gap"
    for name, axes, angle in zip(titles, figure.axes, means, strict=True):
        axes.set_xticks(scales, [f"{s:g}" for s in scales])
        axes.minorticks_off()
        plot.degrees(axes.yaxis)
        first, last = means[angle].iloc[[0, -1]]
        axes.set(
            xlabel="scale s",
            ylabel="",
            title=f"{name}: {first:.0f}° at s = {scales[0]:g}, "
            f"{last:.0f}° at {scales[-1]:g}",
        )
    first = max(scales[0], derive.best_scale(2.2, classes))
    dense = np.geomspace(first, scales[-1], 200)
    claimed = derive.best_gap(dense, classes)
    (line,) = right.plot(dense, claimed, color=INK, lw=1.4)
    plot.label_line(line, dense[100], " Eq. 19", 6)
    for name, look in LOOKS.items():
        bound = widest_gap(classes, relu=name == "ReLU features")
        right.axhline(bound, color=look["color"], lw=1.2, ls=":")
    return plot.show(figure)
