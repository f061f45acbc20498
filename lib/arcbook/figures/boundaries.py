"""Margins as pictures: ψ, turning points, and where two classes meet."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib import pyplot as plt

from arcbook import formulas
from arcbook.figures import curves
from arcbook.plot.style import (
    BASELINE,
    INK,
    colour,
    degrees,
    label_line,
    title,
)

THETA = np.linspace(0, np.pi, 1441)


def psi_pieces(ms=(1, 2, 3, 4)):
    """ψ for some m, its knots marked."""
    figure, axes = plt.subplots()
    for m in ms:
        shade = 0.35 + 0.65 * (m - min(ms) + 1) / (max(ms) - min(ms) + 1)
        values = formulas.psi(THETA, m=m)
        look = BASELINE if m == 1 else colour("l_softmax")
        (line,) = axes.plot(THETA, values, color=look, alpha=shade)
        knots = np.arange(1, m) * np.pi / m
        axes.plot(knots, 1 - 2 * np.arange(1, m), "o", color=look, ms=5)
        name = " m = 1: cos θ" if m == 1 else f" m = {m}"
        label_line(line, np.pi, name)
    _angles(axes, r"$\theta_y$")
    axes.set_ylabel(r"$\psi(\theta_y)$")
    axes.set_title("ψ falls all the way, with a step of slope 0 at each knot")
    return figure


def mixed_slopes(m: int, weights):
    """Slope of (λ cos θ + ψ)/(1 + λ) for some λ, ψ alone first."""
    figure, axes = plt.subplots()
    looks = ["-", "--", "-.", ":"]
    theta = torch.tensor(THETA, requires_grad=True)
    for weight, dashes in zip(weights, looks, strict=False):
        value = formulas.annealed_psi(theta, m=m, annealing=weight)
        (slope,) = torch.autograd.grad(value.sum(), theta)
        (line,) = axes.plot(THETA, slope.numpy(), color=colour("l_softmax"),
                            ls=dashes)  # fmt: skip
        peak = np.pi * (1 if weight < 3 else 3) / (2 * m)
        label_line(line, peak, f" λ = {weight:g}", dy=-8)
    axes.plot(THETA, -np.sin(THETA), color=BASELINE, lw=1.4)
    _angles(axes, r"$\theta_y$")
    axes.set_ylabel("slope at unit scale")
    axes.set_title("λ fills the dead angles of ψ, and thins the margin")
    return figure


def target_logits(settings: list[dict]):
    """cos(m₁θ + m₂) − m₃ for some margins, with the angle where it turns."""
    figure, axes = plt.subplots(figsize=(8, 4.8))
    axes.plot(THETA, np.cos(THETA), color=BASELINE, ls="--", lw=1.4)
    axes.annotate("cos θ ", (0.62, math.cos(0.55)), color=BASELINE)
    named = []
    for k, margins in enumerate(settings):
        values = formulas.combined(THETA, **margins)
        fade = 1 - 0.22 * k
        look = {"color": colour("combined"), "alpha": max(fade, 0.3)}
        turn = (math.pi - margins["m2"]) / margins["m1"]
        falls = turn >= THETA
        text = ", ".join(f"{v:g}" for v in margins.values())
        named += axes.plot(THETA, values, ls=":", label=f"({text})", **look)
        axes.plot(THETA[falls], values[falls], **look)
        if turn < math.pi:
            axes.plot(turn, -1 - margins["m3"], "o", **look)
    _angles(axes, r"$\theta_y$")
    axes.set_ylabel(r"$\cos(m_1\theta_y + m_2) - m_3$")
    curves.label_ends(named)
    axes.set_title("Beyond (π − m₂)/m₁ the target's logit rises again")
    return figure


def arcface_variants(m: float):
    """ArcFace plain and monotone, with the jump between them."""
    figure, axes = plt.subplots()
    knot = math.pi - m
    left, right = THETA[knot > THETA], THETA[knot <= THETA]
    look = {"color": colour("arcface")}
    axes.plot(THETA, np.cos(THETA), color=BASELINE, ls="--", lw=1.4)
    axes.plot(left, np.cos(left + m), **look)
    (rise,) = axes.plot(right, np.cos(right + m), ls=":", **look)
    fall = np.cos(right) - m * math.sin(m)
    (drop,) = axes.plot(right, fall, **look)
    at_knot = -math.cos(m) - m * math.sin(m)
    axes.plot(knot, -1, "o", mfc="none", ms=7, **look)
    axes.plot(knot, at_knot, "o", ms=7, **look)
    side = "right" if knot > math.pi / 2 else "left"
    text = f"  knot π − m = {_deg(knot)}  "
    axes.text(knot, 0.75, text, ha=side)
    axes.axvline(knot, color=BASELINE, lw=1)
    _angles(axes, r"$\theta_y$")
    for line, text in ((rise, "plain"), (drop, "monotone")):
        label_line(line, np.pi, f" {text}")
    axes.annotate(" cos θ", (0.35 * np.pi, math.cos(0.33 * np.pi)),
                  color=BASELINE)  # fmt: skip
    jump = at_knot + 1
    word = "drops" if jump < 0 else "jumps up"
    axes.set_ylabel("target logit at unit scale")
    axes.set_title(
        f"At the knot the monotone variant {word} by {abs(jump):.3f}"
    )
    return figure


def surplus(name: str, first, second, s: float, **wanted):
    """Z_y(θ_1) − Z_j(θ_2) at unit scale: positive where the loss is content.

    Args:
        name: of the loss.
        first, second: angles to the own and to the other class vector.
        s: scale of the losses that have one, |W||x| of those without.
        **wanted: further hyperparameters, for the losses that have them.
    """
    made = curves.head(name, 3, s=s, alpha=s, **wanted)
    norm = curves.feature_norm(made, s)
    first, second = (torch.as_tensor(a).double() for a in (first, second))
    scale = float(made.s) * norm
    own = made.spec.target_logit(first, [scale], made.hyper) / scale
    return (own - made.spec.others(second)).numpy()


def plane(settings: dict[str, dict], s: float, columns: int = 3):
    """Where two classes meet in (θ₁, θ₂), a panel for each loss.

    Below one line the loss is content with a sample of class 1's rival,
    above the other with one of class 1; between them lies the margin.
    The dashed diagonal decides at test time.

    Args:
        settings: the hyperparameters of each loss, by its name.
        s: scale of the losses that have one, |W||x| of those without.
        columns: of the grid.
    """
    rows = math.ceil(len(settings) / columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(8, 2.55 * rows + 0.3), squeeze=False,
        sharex=True, sharey=True,
    )  # fmt: skip
    theta = np.linspace(0, np.pi, 361)
    first, second = np.meshgrid(theta, theta)
    for spare in grid.flat[len(settings) :]:
        spare.remove()
    for axes, (name, values) in zip(grid.flat, settings.items()):
        one = surplus(name, first, second, s, **values)
        two = surplus(name, second, first, s, **values)
        ink = colour(name)
        axes.contourf(theta, theta, np.maximum(one, two), levels=[-99, 0],
                      colors=[ink], alpha=0.25)  # fmt: skip
        for side in (one, two):
            axes.contour(theta, theta, side, levels=[0], colors=[ink],
                         linewidths=2, linestyles="solid")  # fmt: skip
        axes.plot([0, np.pi], [0, np.pi], color=INK, ls="--", lw=1)
        axes.set_title(title(name), color=ink, fontsize=11.5, pad=4)
        axes.set(xlim=(0, np.pi), ylim=(0, np.pi), aspect="equal")
        degrees(axes.xaxis, 60)
        degrees(axes.yaxis, 60)
    for axes in grid[:, 0]:
        axes.set_ylabel(r"$\theta_2$")
    for axes in grid.flat[max(len(settings) - columns, 0) : len(settings)]:
        axes.set_xlabel(r"$\theta_1$")
        axes.tick_params(labelbottom=True)
    return figure


def gap(name: str, between, s: float, **wanted) -> np.ndarray:
    """Width of the margin on the arc between two class vectors.

    On the arc θ₁ + θ₂ = Θ. The loss of class 1 is content up to some θ₁,
    that of class 2 from the mirrored angle on; the width is Θ − 2θ₁.

    Args:
        name: of the loss.
        between: angles Θ of the two class vectors, in radians.
        s: scale of the losses that have one, |W||x| of those without.
        **wanted: further hyperparameters, for the losses that have them.

    Returns:
        Radians, NaN where the loss is content with no feature on the arc.
    """
    between = np.asarray(between, dtype=float)
    low, high = np.zeros_like(between), between / 2
    content = surplus(name, low, between, s, **wanted) >= 0
    for _ in range(60):
        middle = (low + high) / 2
        fine = surplus(name, middle, between - middle, s, **wanted) >= 0
        low, high = np.where(fine, middle, low), np.where(fine, high, middle)
    return np.where(content, between - 2 * low, np.nan)


def gaps(settings: dict[str, dict], s: float, equal_at: float):
    """The margin's width on the arc, over the angle of the class vectors."""
    figure, axes = plt.subplots(figsize=(8, 4.8))
    between = np.linspace(0.02, np.pi, 629)
    for name, values in settings.items():
        width = gap(name, between, s, **values)
        axes.plot(between, width, color=colour(name), label=title(name))
    ends = [line.get_ydata()[-1] for line in axes.lines]
    top = min(max(2 * np.nanmax(ends), 0.1), np.pi)
    axes.set_ylim(-0.03, top)
    curves.label_ends(axes.lines)
    axes.axvline(equal_at, color=BASELINE, lw=1)
    _angles(axes, r"angle $\Theta$ between the class vectors")
    degrees(axes.yaxis, 15 if top < 2 else 30)
    axes.set_ylabel(r"width of the margin, $\theta_2 - \theta_1$")
    axes.set_title("Equal margins are equal at one angle only")
    return figure


def circle(settings: dict[str, dict], s: float, between: float):
    """The same margins on the circle, a ring segment for each loss."""
    figure, axes = plt.subplots(figsize=(8, 4.6))
    axes.set_aspect("equal")
    axes.axis("off")
    start = (math.pi - between) / 2
    for k, (name, values) in enumerate(settings.items()):
        radius = 1 - 0.11 * k
        width = float(gap(name, between, s, **values))
        arc = np.linspace(0, between, 361) + start
        axes.plot(radius * np.cos(arc), radius * np.sin(arc),
                  color=BASELINE, lw=1.2)  # fmt: skip
        if width > 0:
            inner = np.linspace(-width / 2, width / 2, 181) + math.pi / 2
            axes.plot(radius * np.cos(inner), radius * np.sin(inner),
                      color=colour(name), lw=8,
                      solid_capstyle="butt")  # fmt: skip
        size = "none fits" if math.isnan(width) else f"{_deg(width)}"
        end = start - 0.02
        axes.annotate(f"{title(name)}: {size}",
                      (radius * math.cos(end), radius * math.sin(end)),
                      (4, -3), textcoords="offset points", va="top",
                      rotation=0, color=colour(name),
                      fontsize=11)  # fmt: skip
    for text, turn in (("$W_1$", start), ("$W_2$", start + between)):
        axes.plot([0, 1.06 * math.cos(turn)], [0, 1.06 * math.sin(turn)],
                  color=INK, lw=1.4)  # fmt: skip
        axes.annotate(text, (1.1 * math.cos(turn), 1.1 * math.sin(turn)))
    axes.plot([0, 0], [0, 1.08], color=INK, ls="--", lw=1.2)
    axes.set_title(
        f"Class vectors {_deg(between)} apart: where no class is content"
    )
    return figure


def _deg(angle):
    return f"{math.degrees(angle):.1f}°"


def _angles(axes, label):
    axes.set_xlim(0, np.pi)
    degrees(axes.xaxis)
    axes.set_xlabel(label)
