"""Margins as pictures: where two classes meet, target logits, ψ."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook import derive, formulas, losses, plot
from arcbook.chapters.ch01 import direction
from arcbook.plot import BASELINE, INK

THETA = np.linspace(0, np.pi, 1441)


def surplus(name: str, first, second, s: float, **hyper):
    """Z_y(θ_1) − Z_j(θ_2) at unit scale; above 0 the loss is content.

    What is taken from the finished logit is taken at the scale s.
    """
    spec = losses.get(name)
    own = spec.target_logit(first, [s], spec.check(hyper)) / s
    return own - spec.others(second)


def gap(name: str, between, s: float, **hyper) -> np.ndarray:
    """Width of the margin on the arc between two class vectors.

    On the arc θ₁ + θ₂ = Θ. The loss of class 1 is content up to some θ₁, that
    of class 2 from the mirrored angle on; the width is Θ − 2θ₁.

    Gives radians, NaN where the loss is content with no feature on the arc.
    """
    between = np.asarray(between, dtype=float)
    low, high = np.zeros_like(between), between / 2
    content = surplus(name, low, between, s, **hyper) >= 0
    for _ in range(60):
        middle = (low + high) / 2
        fine = surplus(name, middle, between - middle, s, **hyper) >= 0
        low, high = np.where(fine, middle, low), np.where(fine, high, middle)
    return np.where(content, between - 2 * low, np.nan)


def ring(axes, k: int, name: str, width: float, between: float):
    """One loss's arc between two class vectors, its margin drawn thick."""
    radius, start = 1 - 0.13 * k, (math.pi - between) / 2
    arc = radius * direction(start + np.linspace(0, between, 361))
    axes.plot(*arc.T, color=BASELINE)
    turn = math.pi / 2 + np.linspace(-width / 2, width / 2, 181)
    look = {"color": plot.colour(name), "lw": 8, "solid_capstyle": "butt"}
    axes.plot(*(radius * direction(turn)).T, **look)
    size = "none fits" if math.isnan(width) else f"{math.degrees(width):.1f}°"
    axes.annotate(
        f"{plot.title(name)}: {size}",
        radius * direction(start - 0.02),
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
        axes.plot(*np.outer(direction(turn), [0, 1.06]), color=INK, lw=1.4)
        axes.annotate(text, 1.1 * direction(turn))
    axes.plot([0, 0], [0, 1.08], color=INK, ls="--", lw=1.2)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(
        f"Class vectors {math.degrees(between):.0f}° apart: where the loss is "
        "content with neither class"
    )
    return plot.show(axes.figure)


def targets(settings: dict[str, dict]):
    """The target's logit of losses over the angle, at unit scale."""
    logits = {}
    for name, given in settings.items():
        spec = losses.get(name)
        logits[spec.title] = spec.target_logit(THETA, [1], spec.check(given))
    axes = plot.lines(pd.DataFrame(logits, index=THETA))
    plot.own_angle(axes)
    axes.set_ylabel("target logit at unit scale")
    axes.set_title("Each margin lowers the own class's logit at other angles")
    return plot.show(axes.figure)


def psi_pieces(ms=(1, 2, 3, 4)):
    """ψ for some m, its knots marked; m = 1 is the cosine."""
    values, looks = {}, {}
    for m, shade in zip(ms, np.linspace(0.6, 1, len(ms))):
        name = "m = 1: cos θ" if m == 1 else f"m = {m}"
        ink = BASELINE if m == 1 else plot.colour("l_softmax")
        values[name] = formulas.psi(THETA, m=m)
        looks[name] = {"color": ink, "alpha": 1 if m == 1 else shade}
    axes = plot.lines(pd.DataFrame(values, index=THETA), style=looks.get)
    for m in ms:
        knots = np.arange(1, m)
        at = knots * np.pi / m, 1 - 2 * knots
        axes.plot(*at, "o", color=plot.colour("l_softmax"), ms=5)
    plot.own_angle(axes)
    axes.set_ylabel(r"$\psi(\theta_y)$")
    axes.set_title("ψ falls all the way, with a step of slope 0 at each knot")
    return plot.show(axes.figure)


def mixed_slopes(m: int, weights):
    """Slope of (λ cos θ + ψ)/(1 + λ) for some λ, ψ alone first."""
    figure, axes = plt.subplots()
    for weight, dashes in zip(weights, ["-", "--", "-.", ":"]):
        mixture = partial(formulas.annealed_psi, m=m, annealing=weight)
        look = {"color": plot.colour("l_softmax"), "ls": dashes}
        (line,) = axes.plot(THETA, derive.autograd(mixture, THETA), **look)
        peak = np.pi * (1 if weight < 3 else 3) / (2 * m)
        plot.label_line(line, peak, f" λ = {weight:g}", dy=-8)
    axes.plot(THETA, -np.sin(THETA), color=BASELINE, lw=1.4)
    plot.own_angle(axes)
    axes.set_ylabel("slope at unit scale")
    axes.set_title("λ fills the dead angles of ψ, and thins the margin")
    return plot.show(figure)


def variants(m: float):
    """ArcFace plain and monotone, with the jump between them."""
    figure, axes = plt.subplots()
    knot = math.pi - m
    before, beyond = np.split(THETA, [np.searchsorted(THETA, knot)])
    look = {"color": plot.colour("arcface"), "ms": 7}
    axes.plot(THETA, np.cos(THETA), color=BASELINE, ls="--", lw=1.4)
    axes.plot(before, np.cos(before + m), **look)
    (rise,) = axes.plot(beyond, np.cos(beyond + m), ls=":", **look)
    (drop,) = axes.plot(beyond, np.cos(beyond) - m * math.sin(m), **look)
    for line, word in ((rise, "plain"), (drop, "monotone")):
        plot.label_line(line, np.pi, f" {word}")
    at_knot = -math.cos(m) - m * math.sin(m)
    axes.plot(knot, -1, "o", mfc="none", **look)
    axes.plot(knot, at_knot, "o", **look)
    side = "right" if knot > math.pi / 2 else "left"
    text = f"  knot π − m = {math.degrees(knot):.1f}°  "
    axes.text(knot, 0.75, text, ha=side)
    axes.axvline(knot, color=BASELINE, lw=1)
    plot.own_angle(axes)
    word = "drops" if at_knot < -1 else "jumps up"
    axes.set_ylabel("target logit at unit scale")
    axes.set_title(
        f"At the knot the monotone variant {word} by {abs(at_knot + 1):.3f}"
    )
    return plot.show(figure)


def plane(settings: dict[str, dict], s: float, columns: int = 3):
    """Where two classes meet in (θ₁, θ₂), a panel for each loss."""
    shared = {"base": 0.3, "sharex": True, "sharey": True}
    figure, panels = plot.grid(len(settings), columns, 2.55, **shared)
    theta = THETA[::4]
    first, second = np.meshgrid(theta, theta)
    for axes, (name, given) in zip(panels, settings.items(), strict=True):
        one = surplus(name, first, second, s, **given)
        ink = {"colors": [plot.colour(name)]}
        neither = theta, theta, np.maximum(one, one.T)
        axes.contourf(*neither, levels=[-99, 0], alpha=0.25, **ink)
        for side in (one, one.T):
            axes.contour(theta, theta, side, levels=[0], linewidths=2, **ink)
        axes.plot([0, np.pi], [0, np.pi], color=INK, ls="--", lw=1)
        look = {"color": plot.colour(name), "fontsize": 11.5, "pad": 4}
        axes.set_title(plot.title(name), **look)
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
    between = np.linspace(0.02, np.pi, 629)
    widths = {
        plot.title(name): gap(name, between, s, **given)
        for name, given in settings.items()
    }
    widths = pd.DataFrame(widths, index=between)
    top = min(max(2 * widths.iloc[-1].max(), 0.1), np.pi)
    axes = plot.lines(widths, ylim=(-0.03, top))
    axes.axvline(equal_at, color=BASELINE, lw=1)
    plot.own_angle(axes)
    axes.set_xlabel(r"angle $\Theta$ between the class vectors")
    axes.set_ylabel(r"width of the margin, $\theta_2 - \theta_1$")
    axes.set_title("Equal margins are equal at one angle only")
    plot.degrees(axes.yaxis, 15 if top < 2 else 30)
    return plot.show(axes.figure)
