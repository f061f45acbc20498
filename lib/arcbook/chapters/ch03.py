"""Margins as pictures: where two classes meet, target logits, ψ."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt

from arcbook import formulas, plot
from arcbook.chapters import slopes
from arcbook.plot.style import BASELINE, INK

THETA = np.linspace(0, np.pi, 1441)


def surplus(name: str, first, second, s: float, **wanted):
    """Z_y(θ_1) − Z_j(θ_2) at unit scale; above 0 the loss is content."""
    made = slopes.head(name, 3, s=s, alpha=s, **wanted)
    norm = slopes.feature_norm(made, s)
    first, second = (torch.as_tensor(a).double() for a in (first, second))
    scale = float(made.s) * norm
    own = made.spec.target_logit(first, [scale], made.hyper) / scale
    return (own - made.spec.others(second)).numpy()


def gap(name: str, between, s: float, **wanted) -> np.ndarray:
    """Width of the margin on the arc between two class vectors.

    On the arc θ₁ + θ₂ = Θ. The loss of class 1 is content up to some θ₁, that
    of class 2 from the mirrored angle on; the width is Θ − 2θ₁.

    Gives radians, NaN where the loss is content with no feature on the arc.
    """
    between = np.asarray(between, dtype=float)
    low, high = np.zeros_like(between), between / 2
    content = surplus(name, low, between, s, **wanted) >= 0
    for _ in range(60):
        middle = (low + high) / 2
        fine = surplus(name, middle, between - middle, s, **wanted) >= 0
        low, high = np.where(fine, middle, low), np.where(fine, high, middle)
    return np.where(content, between - 2 * low, np.nan)


def ring(axes, k: int, name: str, width: float, between: float):
    """One loss's arc between two class vectors, its margin drawn thick."""
    radius, start = 1 - 0.13 * k, (math.pi - between) / 2
    arc = np.linspace(0, between, 361) + start
    axes.plot(radius * np.cos(arc), radius * np.sin(arc), color=BASELINE)
    inner = np.linspace(-width / 2, width / 2, 181) + math.pi / 2
    axes.plot(
        *(radius * np.cos(inner), radius * np.sin(inner)),
        color=plot.colour(name),
        lw=8,
        solid_capstyle="butt",
    )
    size = "none fits" if math.isnan(width) else f"{math.degrees(width):.1f}°"
    end = start - 0.02
    axes.annotate(
        f"{plot.title(name)}: {size}",
        (radius * math.cos(end), radius * math.sin(end)),
        (4, -3),
        textcoords="offset points",
        va="top",
        color=plot.colour(name),
        fontsize=11,
    )


def fan(axes, between: float):
    """Add the class vectors and publish the arcs of `ring`."""
    start = (math.pi - between) / 2
    for text, turn in (("$W_1$", start), ("$W_2$", start + between)):
        tip = math.cos(turn), math.sin(turn)
        axes.plot([0, 1.06 * tip[0]], [0, 1.06 * tip[1]], color=INK, lw=1.4)
        axes.annotate(text, (1.1 * tip[0], 1.1 * tip[1]))
    axes.plot([0, 0], [0, 1.08], color=INK, ls="--", lw=1.2)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(
        f"Class vectors {math.degrees(between):.0f}° apart: where the loss is "
        "content with neither class"
    )
    return plot.show(axes.figure)


def targets(logits: pd.DataFrame):
    """The target's logit of losses over the angle, at unit scale."""
    figure, axes = plt.subplots(figsize=(8, 5.4))
    for name, values in logits.items():
        axes.plot(logits.index, values, color=plot.colour(name))
    axes.set_xlim(0, np.pi)
    plot.degrees(axes.xaxis)
    ends = {
        plot.title(name): (np.pi, values.iloc[-1])
        for name, values in logits.items()
    }
    inks = {plot.title(name): plot.colour(name) for name in logits}
    plot.names(axes, ends, lambda title: {"color": inks[title]})
    axes.set_xlabel(r"own angle $\theta_y$")
    axes.set_ylabel("target logit at unit scale")
    axes.set_title("Every margin lowers the own class's logit, each elsewhere")
    return plot.show(figure)


def psi_pieces(ms=(1, 2, 3, 4)):
    """ψ for some m, its knots marked."""
    figure, axes = plt.subplots()
    for m in ms:
        shade = 0.35 + 0.65 * (m - min(ms) + 1) / (max(ms) - min(ms) + 1)
        look = BASELINE if m == 1 else plot.colour("l_softmax")
        (line,) = axes.plot(
            THETA, formulas.psi(THETA, m=m), color=look, alpha=shade
        )
        knots = np.arange(1, m) * np.pi / m
        axes.plot(knots, 1 - 2 * np.arange(1, m), "o", color=look, ms=5)
        name = " m = 1: cos θ" if m == 1 else f" m = {m}"
        plot.label_line(line, np.pi, name)
    _angles(axes)
    axes.set_ylabel(r"$\psi(\theta_y)$")
    axes.set_title("ψ falls all the way, with a step of slope 0 at each knot")
    return plot.show(figure)


def mixed_slopes(m: int, weights):
    """Slope of (λ cos θ + ψ)/(1 + λ) for some λ, ψ alone first."""
    figure, axes = plt.subplots()
    theta = torch.tensor(THETA, requires_grad=True)
    for weight, dashes in zip(weights, ["-", "--", "-.", ":"], strict=False):
        value = formulas.annealed_psi(theta, m=m, annealing=weight)
        (slope,) = torch.autograd.grad(value.sum(), theta)
        (line,) = axes.plot(
            THETA, slope.numpy(), color=plot.colour("l_softmax"), ls=dashes
        )
        peak = np.pi * (1 if weight < 3 else 3) / (2 * m)
        plot.label_line(line, peak, f" λ = {weight:g}", dy=-8)
    axes.plot(THETA, -np.sin(THETA), color=BASELINE, lw=1.4)
    _angles(axes)
    axes.set_ylabel("slope at unit scale")
    axes.set_title("λ fills the dead angles of ψ, and thins the margin")
    return plot.show(figure)


def combined(settings: list[dict]):
    """cos(m₁θ + m₂) − m₃ for some margins, with the angle where it turns."""
    figure, axes = plt.subplots(figsize=(8, 4.8))
    axes.plot(THETA, np.cos(THETA), color=BASELINE, lw=1.4)
    axes.annotate("cos θ ", (0.62, math.cos(0.55)), color=BASELINE)
    ink, ends = plot.colour("combined"), {}
    for margins, dashes in zip(settings, ["-", "--", "-."], strict=False):
        values = formulas.combined(THETA, **margins)
        turn = (math.pi - margins["m2"]) / margins["m1"]
        axes.plot(THETA, values, color=ink, ls=dashes)
        if turn < math.pi:
            axes.plot(turn, -1 - margins["m3"], "o", color=ink)
        ends[f"({', '.join(f'{v:g}' for v in margins.values())})"] = (
            np.pi,
            values[-1],
        )
    _angles(axes)
    plot.names(axes, ends, lambda name: {"color": ink})
    axes.set_ylabel(r"$\cos(m_1\theta_y + m_2) - m_3$")
    axes.set_title("Beyond (π − m₂)/m₁ the target's logit rises again")
    return plot.show(figure)


def variants(m: float):
    """ArcFace plain and monotone, with the jump between them."""
    figure, axes = plt.subplots()
    knot = math.pi - m
    left, right = THETA[knot > THETA], THETA[knot <= THETA]
    look = {"color": plot.colour("arcface")}
    axes.plot(THETA, np.cos(THETA), color=BASELINE, ls="--", lw=1.4)
    axes.plot(left, np.cos(left + m), **look)
    (rise,) = axes.plot(right, np.cos(right + m), ls=":", **look)
    (drop,) = axes.plot(right, np.cos(right) - m * math.sin(m), **look)
    at_knot = -math.cos(m) - m * math.sin(m)
    axes.plot(knot, -1, "o", mfc="none", ms=7, **look)
    axes.plot(knot, at_knot, "o", ms=7, **look)
    side = "right" if knot > math.pi / 2 else "left"
    text = f"  knot π − m = {math.degrees(knot):.1f}°  "
    axes.text(knot, 0.75, text, ha=side)
    axes.axvline(knot, color=BASELINE, lw=1)
    _angles(axes)
    for line, word in ((rise, "plain"), (drop, "monotone")):
        plot.label_line(line, np.pi, f" {word}")
    jump = at_knot + 1
    word = "drops" if jump < 0 else "jumps up"
    axes.set_ylabel("target logit at unit scale")
    axes.set_title(
        f"At the knot the monotone variant {word} by {abs(jump):.3f}"
    )
    return plot.show(figure)


def plane(settings: dict[str, dict], s: float, columns: int = 3):
    """Where two classes meet in (θ₁, θ₂), a panel for each loss."""
    shared = {"base": 0.3, "sharex": True, "sharey": True}
    figure, panels = plot.grid(len(settings), columns, 2.55, **shared)
    theta = np.linspace(0, np.pi, 361)
    first, second = np.meshgrid(theta, theta)
    for axes, (name, values) in zip(panels, settings.items(), strict=True):
        one = surplus(name, first, second, s, **values)
        two = surplus(name, second, first, s, **values)
        ink = [plot.colour(name)]
        axes.contourf(
            *(theta, theta, np.maximum(one, two)),
            levels=[-99, 0],
            colors=ink,
            alpha=0.25,
        )
        for side in (one, two):
            axes.contour(
                theta, theta, side, levels=[0], colors=ink, linewidths=2
            )
        axes.plot([0, np.pi], [0, np.pi], color=INK, ls="--", lw=1)
        axes.set_title(plot.title(name), color=ink[0], fontsize=11.5, pad=4)
        axes.set(xlim=(0, np.pi), ylim=(0, np.pi), aspect="equal")
        plot.degrees(axes.xaxis, 60)
        plot.degrees(axes.yaxis, 60)
    for axes in panels[::columns]:
        axes.set_ylabel(r"$\theta_2$")
    for axes in panels[-columns:]:
        axes.set_xlabel(r"$\theta_1$")
        axes.tick_params(labelbottom=True)
    return plot.show(figure)


def gaps(settings: dict[str, dict], s: float, equal_at: float):
    """The margin's width on the arc, over the angle of the class vectors."""
    figure, axes = plt.subplots(figsize=(8, 4.8))
    between, ends = np.linspace(0.02, np.pi, 629), {}
    inks = {plot.title(name): plot.colour(name) for name in settings}
    for name, values in settings.items():
        width = gap(name, between, s, **values)
        axes.plot(between, width, color=plot.colour(name))
        ends[plot.title(name)] = between[-1], width[-1]
    last = [y for _, y in ends.values()]
    top = min(max(2 * np.nanmax(last), 0.1), np.pi)
    axes.set(ylim=(-0.03, top), xlim=(0, np.pi))
    plot.names(axes, ends, lambda title: {"color": inks[title]})
    axes.axvline(equal_at, color=BASELINE, lw=1)
    plot.degrees(axes.xaxis)
    axes.set_xlabel(r"angle $\Theta$ between the class vectors")
    plot.degrees(axes.yaxis, 15 if top < 2 else 30)
    axes.set_ylabel(r"width of the margin, $\theta_2 - \theta_1$")
    axes.set_title("Equal margins are equal at one angle only")
    return plot.show(figure)


def _angles(axes):
    axes.set_xlim(0, np.pi)
    plot.degrees(axes.xaxis)
    axes.set_xlabel(r"$\theta_y$")
