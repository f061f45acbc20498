"""The pictures of the chapter on the scale."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook import derive, geometry
from arcbook.plot.style import (
    BASELINE,
    INK,
    colour,
    degrees,
    label_line,
    marker,
)

INTRA, INTER = "#2b7bd6", "#d55e00"


def widest_gap(classes: int, relu: bool = False) -> float:
    """The largest gap that all C classes can have at once, in radians."""
    return math.pi / 2 if relu else geometry.simplex_angle(classes)


def gap_table(classes: list[int]) -> pd.DataFrame:
    """Eq. 19 in numbers, a row for each number of classes."""
    rows = []
    for c in classes:
        product, widest = derive.best_gap(1, c), widest_gap(c)
        in_degrees = np.degrees([product, product / 40, widest])
        share = float(derive.share_left().subs(derive.C, c))
        rows.append([c, product, *in_degrees, product / widest, share])
    columns = [
        "C",
        "s·m̃",
        "gap at s = 1, °",
        "gap at s = 40, °",
        "widest for all, °",
        "least s",
        "share of s",
    ]
    return pd.DataFrame(rows, columns=columns)


def trade_off(classes: int):
    """Gradient and confidence at θ_y = 0, θ_j = π/2, against s.

    The picture of [angular-learning, Fig. 4], and both against each other.

    Args:
        classes: C; drawn strong among 2, 3, 10 and 100.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.4))
    s = np.linspace(0.01, 6, 600)
    confidence, gradient = _right_angle(s, classes)
    for values, ink, name, at in (
        (confidence, INTRA, "confidence P(y)", 3.2),
        (gradient, INTER, "gradient s (1 − P(y))", 2.2),
    ):
        (line,) = left.plot(s, values, color=ink)
        label_line(line, at, name, dy=12 if ink == INTER else -14)
    best = derive.best_scale(math.pi / 2, classes)
    top = _right_angle(best, classes)[1]
    left.plot([best, best], [0, top], color=BASELINE, lw=1, ls=":")
    left.plot(best, top, "o", color=INTER)
    left.set(xlabel="scale s", ylabel="at θ_y = 0°, θ_j = 90°", ylim=(0, None))
    left.set_title(f"C = {classes}: the gradient peaks at s = {best:.2f}")
    for c in sorted({2, 3, 10, 100, classes}):
        confidence, gradient = _right_angle(s, c)
        strong = c == classes
        right.plot(
            confidence,
            gradient,
            color=INK if strong else BASELINE,
            lw=2.2 if strong else 1.4,
        )
        top = gradient.argmax()
        at = top if strong else top // 3
        right.annotate(
            f"C = {c}",
            (confidence[at], gradient[at]),
            (-14, 6) if strong else (7, -7),
            textcoords="offset points",
            ha="right" if strong else "left",
            fontsize=11,
        )
    for mark in (1, 2, 3):
        point = _right_angle(mark, classes)
        right.plot(*point, "o", color=INK, ms=5)
        right.annotate(
            f"s = {mark}",
            point,
            (4, 4),
            textcoords="offset points",
            fontsize=10,
        )
    right.set(xlabel="confidence P(y)", ylabel="gradient s (1 − P(y))")
    right.set(ylim=(0, None), xlim=(0, 1.02))
    right.set_title("More confidence, less gradient")
    return figure


def _right_angle(s, classes):
    gradient = derive.pull(s, math.pi / 2, classes)
    return 1 - gradient / s, gradient


def best_scale_and_gap(classes: int, gaps=(20, 40, 80)):
    """The gradient of Eq. 16 in the gap: over s, and over the gap.

    Args:
        classes: C.
        gaps: in degrees, a curve each on the left.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.4))
    k = classes - 1
    s = np.linspace(0.01, 14, 800)
    for shade, gap in zip((0.45, 0.7, 1), gaps):
        m = math.radians(gap)
        left.plot(s, derive.pull(s, m, classes), color=INTER, alpha=shade)
        best = derive.best_scale(m, classes)
        left.plot(best, best - 1 / m, "o", color=INK, ms=6)
        left.annotate(
            f"gap {gap}°: s = {best:.2f}",
            (best, best - 1 / m),
            (8, 3),
            textcoords="offset points",
            fontsize=11,
        )
    left.set(xlabel="scale s", ylabel="|∂L″/∂m̃|", ylim=(0, None))
    left.set_title("For a fixed gap there is a best scale")
    m = np.linspace(-math.pi / 3, math.pi, 800)
    share = float(derive.share_left().subs(derive.C, classes))
    right.axhline(share, color=BASELINE, lw=1, ls=":")
    right.annotate(
        f"{share:.0%} of s",
        (-math.pi / 3, share),
        (0, -13),
        textcoords="offset points",
        fontsize=10.5,
    )
    marks = ((1, 1, 0.15), (3, 0.75, 0.12), (10, 0.55, 0.06))
    for scale, _, height in marks:
        at = math.log(k * (1 / height - 1)) / scale
        right.annotate(
            f"s = {scale}",
            (min(at, 2.6), height),
            (5, 5),
            textcoords="offset points",
            fontsize=11,
        )
    for scale, shade, _ in (*marks, (40, 0.4, 0)):
        right.plot(
            m,
            derive.pull(scale, m, classes) / scale,
            color=INTRA,
            alpha=shade,
        )
        gap = derive.best_gap(scale, classes)
        if gap < math.pi:
            right.plot(gap, share, "o", color=INK, ms=6)
    right.annotate("s = 40", (-math.pi / 3, 1.02), fontsize=11)
    right.set(xlabel="gap m̃", ylabel="|∂L″/∂m̃| / s", ylim=(0, 1.12))
    degrees(right.xaxis, 60)
    right.set_title("For a fixed scale there is no best gap")
    return figure


def steepest(classes):
    """P against the own angle, with P = 1/2 and the steepest place marked.

    Args:
        classes: several C > 2, a curve each, at the fixed scale of AdaCos.
    """
    figure, axis = plt.subplots(figsize=(8, 4.5))
    theta = np.linspace(0, math.pi / 2, 500)
    for shade, c in zip(np.linspace(0.45, 1, len(classes)), classes):
        s, rivals = math.sqrt(2) * math.log(c - 1), c - 1
        p = 1 / (1 + rivals * np.exp(-s * np.cos(theta)))
        axis.plot(theta, p, color=colour("adacos"), alpha=shade)
        axis.annotate(
            f"C = {c}",
            (0, p[0]),
            (4, 5),
            textcoords="offset points",
            fontsize=11,
        )
        at = derive.steepest_angle(s, rivals)
        if not math.isnan(at):
            there = 1 / (1 + rivals * math.exp(-s * math.cos(at)))
            axis.plot(at, there, marker("adacos"), color=INK, ms=8)
            axis.annotate(
                f"{math.degrees(at):.0f}°",
                (at, there),
                (8, 4) if at > 0.84 else (-8, -8),
                textcoords="offset points",
                ha="left" if at > 0.84 else "right",
                fontsize=11,
            )
    axis.plot(math.pi / 4, 0.5, "o", mfc="none", mec=INK, ms=10)
    axis.annotate(
        "Eq. 9: P = 1/2 at 45°",
        (math.pi / 4, 0.5),
        (-12, -4),
        textcoords="offset points",
        ha="right",
        fontsize=11,
    )
    degrees(axis.xaxis, 15)
    axis.set(xlabel="angle to the own class θ_y", ylabel="P(y)", ylim=(0, 1))
    axis.set_title("P falls fastest later than Eq. 9 says (triangles)")
    return figure


def adacos_steps(cases):
    """The next scale of AdaCos against the present one.

    Args:
        cases: (name, cosines (N, C − 1), median own angle) each.
    """
    figure, axis = plt.subplots(figsize=(8, 4.8))
    s = np.linspace(0, 12, 400)
    axis.plot(s, s, color=BASELINE, ls="--", lw=1.4)
    axis.annotate(
        "next = present",
        (8.5, 8.5),
        (6, -12),
        textcoords="offset points",
        color=BASELINE,
        fontsize=11,
    )
    inks = (colour("adacos"), INTRA, INTER)
    for ink, (name, cosines, middle) in zip(inks, cases):
        after, slope = derive.adacos_step(s, cosines, middle)
        axis.plot(s, after, color=ink)
        end = np.flatnonzero(after <= 10.6)[-1]
        axis.annotate(
            name,
            (s[end], after[end]),
            (-10, 8),
            textcoords="offset points",
            ha="right",
            color=ink,
            fontsize=11,
        )
        for k in np.flatnonzero(np.diff(np.sign(after - s))):
            hollow = abs(slope[k]) >= 1
            axis.plot(
                s[k],
                s[k],
                "o",
                color=ink,
                ms=8,
                mfc="none" if hollow else ink,
            )
    axis.set(
        xlabel="present scale", ylabel="next scale", xlim=(0, 12), ylim=(0, 12)
    )
    axis.set_title(
        "A filled dot draws the scale in, a hollow one drives it away"
    )
    return figure


def semicircles(run, scales, gradient, samples: int = 45, seed: int = 0):
    """Angles and their gradients through a training: [arcgrad, Fig. 1].

    Args:
        run: a `live.Trained` with one setting for each scale, one seed.
        scales: a row of semicircles each; its epochs are the columns.
        gradient: from (scale, theta (N, C), labels (N,)) to the gradient
            in every angle, as a share of s.
        samples: how many to draw.
        seed: of the choice of samples and of their radii.
    """
    size = (10.2, 2.45 * len(scales) + 0.4)
    figure, axes = plt.subplots(
        len(scales), len(run.train), figsize=size, squeeze=False
    )
    draw = np.random.default_rng(seed)
    for k, (line, scale) in enumerate(zip(axes, scales)):
        for axis, (epoch, seen) in zip(line, run.train.items()):
            theta, labels = seen.theta[k, 0], seen.labels[k, 0]
            pull = -gradient(scale, theta, labels)
            some = draw.permutation(len(theta))[:samples]
            own = np.arange(theta.shape[1]) == labels[:, None]
            _semicircle(axis)
            for part, ink in ((own[some], INTRA), (~own[some], INTER)):
                _points(axis, theta[some][part], pull[some][part], ink, draw)
            gap = derive.best_gap(scale, theta.shape[1])
            _arc(axis, np.median(theta[own]), gap)
            axis.set_title(
                f"s = {scale:g}, epoch {epoch}",
                fontsize=11.5,
                loc="center",
                pad=0,
            )
    last = [np.median(seen.intra[k, 0]) for k in range(len(scales))]
    figure.suptitle(
        "Median own angle at the end: "
        + ", ".join(
            f"{math.degrees(angle):.0f}° at s = {scale:g}"
            for angle, scale in zip(last, scales)
        ),
        fontsize=12.5,
        x=0.01,
        ha="left",
    )
    return figure


def _points(axis, theta, pull, ink, draw):
    radius = draw.uniform(1, 3, len(theta))
    x, y = radius * np.cos(theta), radius * np.sin(theta)
    axis.scatter(x, y, s=11, color=ink, lw=0)
    keep = np.abs(pull) > 0.01
    axis.quiver(
        x[keep],
        y[keep],
        (-np.sin(theta) * pull)[keep],
        (np.cos(theta) * pull)[keep],
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.006,
        color=ink,
        alpha=0.75,
    )


def _semicircle(axis):
    around = np.linspace(0, math.pi, 100)
    for radius in (1, 3):
        axis.plot(
            radius * np.cos(around),
            radius * np.sin(around),
            color=BASELINE,
            lw=0.8,
            alpha=0.6,
        )
    for mark in range(0, 181, 30):
        at = math.radians(mark)
        axis.text(
            3.95 * math.cos(at),
            3.95 * math.sin(at),
            f"{mark}°",
            ha="center",
            va="center",
            fontsize=9,
        )
    axis.set(xlim=(-4.4, 4.4), ylim=(-0.9, 4.2), aspect="equal")
    axis.axis("off")


def _arc(axis, start, gap):
    stop = min(start + gap, math.pi)
    arc = np.linspace(start, stop, 60)
    axis.plot(
        3.3 * np.cos(arc),
        3.3 * np.sin(arc),
        color=INK,
        lw=3.5,
        solid_capstyle="butt",
    )
    if start + gap > math.pi:
        axis.annotate("past 180°", (-3.3, 0), (-3.9, -0.65), fontsize=9)


NETWORKS = {
    "ReLU features": (INTER, "o-", True),
    "signed features": (INTRA, "^--", False),
}


def gap_distribution(gaps, scales, classes: int):
    """How many samples have at most a gap, and what Eq. 19 says.

    Args:
        gaps: for each of `NETWORKS`, (H, N), in radians.
        scales: H of them.
        classes: C.
    """
    figure, axis = plt.subplots(figsize=(8.4, 4.4))
    share = np.linspace(0, 1, gaps["ReLU features"].shape[-1])
    for name, values in gaps.items():
        ink, style, relu = NETWORKS[name]
        for row in np.sort(values, -1):
            axis.plot(row, share, style[1:], color=ink)
        bound = widest_gap(classes, relu)
        _upright(axis, bound, f"most for all, {name}", ink, ":", 4)
    for k, scale in enumerate(scales):
        claimed = derive.best_gap(scale, classes)
        if claimed < math.pi:
            _upright(axis, claimed, f"Eq. 19, s = {scale:g}", INK, "-")
        middle = np.median([values[k] for values in gaps.values()])
        axis.annotate(
            f"s = {scale:g}",
            (middle, 1.03),
            ha="center",
            fontsize=11,
        )
    degrees(axis.xaxis)
    most = max(axis.get_xlim()[1], widest_gap(classes) + 0.15)
    least = min(np.quantile(values, 0.02) for values in gaps.values())
    axis.set(
        xlim=(min(least, 0) - 0.15, most),
        xlabel="smallest gap of a sample m_i",
        ylabel="share of samples with less",
        ylim=(0, 1.12),
    )
    axis.set_title("Eq. 19 names one gap for a scale, training leaves many")
    return figure


def _upright(axis, x, text, ink, style, dx=-4):
    axis.axvline(x, color=ink, ls=style, lw=1.3)
    axis.annotate(
        text,
        (x, 0.03),
        (dx, 0),
        textcoords="offset points",
        rotation=90,
        ha="right" if dx < 0 else "left",
        va="bottom",
        color=ink,
        fontsize=10,
    )


def sweep(scales, measured, classes: int):
    """Intra-class angle and gap after training, against the scale.

    Args:
        scales: rising.
        measured: for each of `NETWORKS`, mean and half-width of the
            interval of the own angle, then of the gap, in radians.
        classes: C.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.4, 4.4))
    scales = np.array(scales)
    k = len(scales) // 2
    for name, values in measured.items():
        ink, style, relu = NETWORKS[name]
        for axis, (mean, half) in zip(axes, (values[:2], values[2:])):
            axis.errorbar(
                scales * (1 if relu else 1.06),
                mean,
                half,
                fmt=style,
                color=ink,
                capsize=3,
                lw=1.8,
                elinewidth=1.2,
                mfc=ink if relu else "none",
            )
            below = relu and axis is axes[1]
            axis.annotate(
                name,
                (scales[k], mean[k]),
                (-10 if relu else 10, -16 if below else 8),
                textcoords="offset points",
                ha="right" if relu else "left",
                color=ink,
                fontsize=11,
            )
        bound = widest_gap(classes, relu)
        axes[1].axhline(bound, color=ink, lw=1.2, ls=":")
    claimed = np.array([derive.best_gap(s, classes) for s in scales])
    shown = claimed < math.pi
    axes[1].plot(scales[shown], claimed[shown], color=INK, lw=1.4)
    low = np.argmin(np.abs(claimed - 0.5))
    axes[1].annotate(
        "Eq. 19",
        (scales[low], claimed[low]),
        (-6, -12),
        textcoords="offset points",
        ha="right",
        fontsize=11,
    )
    first = measured["ReLU features"]
    for axis, name, mean in zip(
        axes, ("Own angle", "Smallest gap"), (first[0], first[2])
    ):
        axis.set_xscale("log")
        axis.set_xticks(scales, [f"{s:g}" for s in scales])
        axis.minorticks_off()
        degrees(axis.yaxis)
        axis.set(xlabel="scale s", ylim=(min(0, 1.2 * mean.min()), None))
        ends = np.degrees(mean[[0, -1]])
        axis.set_title(
            f"{name}: {ends[0]:.0f}° at s = {scales[0]:g}, "
            f"{ends[1]:.0f}° at s = {scales[-1]:g}"
        )
    return figure
