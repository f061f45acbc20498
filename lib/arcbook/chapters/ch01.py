"""Angles on the circle: who wins where, digits lost, and one step."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import torch
from matplotlib import pyplot as plt

from arcbook import plot
from arcbook.chapters import slopes
from arcbook.plot.style import BASELINE, INK, colour, degrees, label_line

ARROW = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 14}


def direction(angle):
    """Unit vectors of the plane at angles from the x axis, (…, 2)."""
    angle = np.asarray(angle, dtype=float)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def circle(axes, reach=1.3):
    """Draw the unit circle, on axes with no frame."""
    axes.set_aspect("equal")
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.axis("off")
    turn = np.linspace(0, 2 * np.pi, 361)
    axes.plot(*direction(turn).T, color=BASELINE, lw=1)


def arrow(axes, tip, text, colour=INK, gap=1.13, width=2):
    """Draw a vector from the origin, named beyond its tip."""
    look = ARROW | {"color": colour, "lw": width}
    axes.annotate("", tip, (0, 0), arrowprops=look)
    write(axes, gap * np.asarray(tip), text, colour)


def write(axes, at, text, colour=INK):
    """Write a text centred at a point."""
    axes.text(*at, text, color=colour, ha="center", va="center")


def _arc(axes, start, stop, radius, text):
    turn = np.linspace(start, stop, 61)
    axes.plot(*(radius * direction(turn)).T, color=INK, lw=1.2)
    write(axes, (radius + 0.12) * direction((start + stop) / 2), text)


def regions(angles, norms=(1.0, 1.6), theta: float = 1.0):
    """Who wins where: inner products with equal and with unequal norms.

    Gives the figure; the winning region of the first class is tinted.
    """
    figure, panels = plt.subplots(1, 2, figsize=(8, 4.5))
    cases = [
        ((1, 1), "Equal norms: the smallest angle wins"),
        (norms, "A longer class vector takes more than its half"),
    ]
    grid = np.linspace(-1, 1, 301)
    points = np.stack(np.meshgrid(grid, grid), -1)
    inside = np.linalg.norm(points, axis=-1) < 1
    tips = direction(angles) * np.asarray(norms)[:, None]
    wide, tall = 1.2 + np.maximum(abs(tips).max(0) - 1, 0)
    for axes, (lengths, text) in zip(panels, cases, strict=True):
        circle(axes)
        axes.set(xlim=(-wide, wide), ylim=(-1.05, tall))
        vectors = direction(angles) * np.asarray(lengths)[:, None]
        logits = points @ vectors.T
        first = np.where(inside, logits[..., 0] - logits[..., 1], np.nan)
        look = {"colors": [BASELINE], "alpha": 0.22}
        axes.contourf(grid, grid, first, levels=[0, 10], **look)
        look = {"colors": [INK], "linestyles": "dashed", "linewidths": 1.4}
        axes.contour(grid, grid, first, levels=[0], **look)
        for k, vector in enumerate(vectors):
            arrow(axes, vector, f"$W_{k + 1}$", gap=1 + 0.13 / lengths[k])
        spot = angles[0] + theta
        arrow(axes, 0.8 * direction(spot), "", colour("arcgrad"))
        beside = 0.85 * direction(spot - 0.14)
        write(axes, beside, "$x$", colour("arcgrad"))
        _arc(axes, angles[0], spot, 0.36, r"$\theta_1$")
        _arc(axes, spot, angles[1], 0.48, r"$\theta_2$")
        axes.set_title(text, fontsize=11.5)
    return plot.show(figure)


def confidence(scales=(1, 10, 40), between: float = math.pi / 2):
    """P_y and ∂L/∂θ_y as a feature walks from one class vector to another.

    Two classes at an angle, no margin; θ_2 = between − θ_1.
    """
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(8, 6), sharex=True)
    theta = np.linspace(0, between, 361)
    gap = np.cos(theta) - np.cos(between - theta)
    dashes = itertools.cycle((":", "--", "-"))
    for s, dash in zip(scales, dashes):
        wrong = 1 / (1 + np.exp(s * gap))
        pull = wrong * (np.sin(theta) + np.sin(between - theta))
        for axes, curve in ((upper, 1 - wrong), (lower, pull)):
            axes.plot(theta, curve, color=INK, ls=dash, label=f"s = {s:g}")
    upper.legend(loc="upper right")
    for axes in (upper, lower):
        axes.axvline(between / 2, color=BASELINE, lw=1.2)
        degrees(axes.xaxis, 15 if between <= 2 else 30)
        axes.set_xlim(0, between)
    upper.annotate("decision boundary ", (between / 2, 0.08), ha="right")
    upper.set(ylabel="$P_y$", ylim=(0, 1.05))
    lower.set(
        ylabel=r"$\frac{1}{s}\,dL/d\theta_y$ along the path",
        xlabel=r"$\theta_y$, from $W_y$ towards the other class vector",
    )
    upper.set_title(
        "A large s is content as soon as the feature is on the right side"
    )
    return plot.show(figure)


def arccos_error(points: int = 60, seed: int = 0):
    """Relative error of two ways to an angle, against 50 digits.

    Gives the angles, and the errors of the arc cosine and of two chords.
    """
    generator = np.random.default_rng(seed)
    theta = np.logspace(-12, 0, points)
    u, v = generator.normal(size=(2, points, 8))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v -= (u * v).sum(1, keepdims=True) * u
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    v = np.cos(theta)[:, None] * u + np.sin(theta)[:, None] * v
    exact = np.array([_exact_angle(a, b) for a, b in zip(u, v, strict=True)])
    minus, plus = (np.linalg.norm(u + sign * v, axis=1) for sign in (-1, 1))
    ways = np.arccos((u * v).sum(1).clip(-1, 1)), 2 * np.arctan2(minus, plus)
    return exact.astype(float), *(
        np.array([float(abs(a - b) / b) for a, b in zip(w, exact)])
        for w in ways
    )


def _exact_angle(u, v):
    with mpmath.workdps(50):
        u, v = ([mpmath.mpf(float(a)) for a in w] for w in (u, v))
        norm_u, norm_v = mpmath.norm(u), mpmath.norm(v)
        minus = [a / norm_u - b / norm_v for a, b in zip(u, v)]
        plus = [a / norm_u + b / norm_v for a, b in zip(u, v)]
        return 2 * mpmath.atan2(mpmath.norm(minus), mpmath.norm(plus))


def digits_lost(points: int = 60, seed: int = 0):
    """The errors of `arccos_error` as a picture."""
    theta, arccos, chords = arccos_error(points, seed)
    figure, axes = plt.subplots()
    bound = [(2.0**-53 / theta**2, r"  $2^{-53}/\theta^2$")]
    bound += [((2.0**-53 / theta) ** 2 / 2, r"$(2^{-53}/\theta)^2/2$")]
    for curve, text in bound:
        (line,) = axes.loglog(theta, curve, color=BASELINE, lw=1.4)
        label_line(line, theta[np.abs(curve - 1e-8).argmin()], text, dy=8)
    clouds = [
        (arccos, "o", "arcgrad", "arc cosine of the dot product", 1e5),
        (chords, "s", "arcface", "two chords", 3e-15),
    ]
    for errors, shape, like, text, height in clouds:
        look = {"color": colour(like), "ms": 4.5}
        axes.loglog(theta, np.maximum(errors, 1e-17), shape, **look)
        axes.text(1e-7, height, text, color=colour(like))
    axes.set(xlabel=r"$\theta$ (rad)", ylabel="relative error")
    axes.set_ylim(3e-18, 1e8)
    axes.set_title("Near 0 the arc cosine loses every digit, the chords hold")
    return plot.show(figure)


def step(name: str, turns, rate: float, s: float = 1.0, **wanted):
    """One gradient step on the class vectors of the plane, x held.

    Gives (K, C), where they stand after the step, in radians from the feature,
    between −π and π.
    """
    turns = np.asarray(turns, dtype=float)
    made = slopes.head(name, turns.shape[-1], s=s, alpha=s, **wanted)
    vectors = torch.tensor(direction(turns), requires_grad=True)
    norm = slopes.feature_norm(made, s)
    feature = torch.tensor([norm, 0.0]).double().expand(len(turns), 1, 2)
    labels = torch.zeros(len(turns), 1, dtype=torch.long)
    loss = made.on(vectors, penalties=False).losses(feature, labels).sum()
    (gradient,) = torch.autograd.grad(loss, vectors)
    moved = (vectors - rate * gradient).detach().numpy()
    return np.arctan2(moved[..., 1], moved[..., 0])


def update_toy(names, turns, rate: float, s: float = 1.0):
    """Class vectors before and after one step. [angular-learning, Fig. 2]"""
    figure, panels = plt.subplots(1, len(names), figsize=(8, 4.6))
    for axes, name in zip(np.atleast_1d(panels), names, strict=True):
        circle(axes)
        after = step(name, [turns], rate, s)[0]
        arrow(axes, (1, 0), "$x'$")
        for k, (old, new) in enumerate(zip(turns, after, strict=True)):
            which = "y" if k == 0 else str(k)
            ink = INK if k or name == "softmax" else colour(name)
            axes.plot(
                *np.stack([(0, 0), direction(old)]).T, "--", color=BASELINE
            )
            away = 0.17 * math.copysign(1, _turn(new, old))
            write(axes, 1.16 * direction(old + away), f"$W_{which}$", BASELINE)
            arrow(axes, direction(new), "", ink)
            write(axes, 1.16 * direction(new - away), f"$W_{which}'$", ink)
        moved = math.degrees(abs(turns[0]) - abs(after[0]))
        word = "falls" if moved >= 0 else "overshoots and rises"
        axes.set_title(
            f"{plot.title(name)}: $\\theta_y$ {word} by {abs(moved):.1f}°",
            fontsize=11.5,
        )
    return plot.show(figure)


def _turn(a, b):
    """The signed turn from a to b, between −π and π."""
    return (b - a + np.pi) % (2 * np.pi) - np.pi


def step_sizes(names, push: float, scales, others, points: int = 181):
    """How far one step turns W_y, over θ_y: the logit alone, then the loss.

    In the first panel the step is that of the logit, as if P_y were 0; in the
    others that of the loss, where the factor 1 − P_y is in. η s is the same in
    all of them.
    """
    theta = np.linspace(1e-3, np.pi - 1e-3, points)
    turns = np.column_stack([theta, np.tile(others, (points, 1))])
    figure, panels = plt.subplots(
        1, 1 + len(scales), figsize=(8, 4.4), sharex=True, sharey=True
    )
    for name in names:
        made = slopes.head(name, turns.shape[1])
        slope = slopes.logit_slope(made, theta) / float(made.s)
        sizes = [np.arctan(-push * slope)]
        for s in scales:
            after = step(name, turns, push / s, s)[:, 0]
            sizes.append(_turn(after, theta))
        for axes, size in zip(panels, sizes, strict=True):
            axes.plot(theta, size, color=colour(name), label=plot.title(name))
    texts = ["logit alone ($P_y = 0$)", *(f"loss, s = {s:g}" for s in scales)]
    top = max(line.get_ydata().max() for a in panels for line in a.lines)
    low = min(line.get_ydata().min() for a in panels for line in a.lines)
    for axes, text in zip(panels, texts, strict=True):
        axes.plot(theta, theta, color=BASELINE, lw=1.2, ls="--")
        axes.set(xlim=(0, np.pi), ylim=(min(1.1 * low, 0), 1.15 * top))
        degrees(axes.xaxis, 90)
        degrees(axes.yaxis, _spacing(top))
        axes.set_title(text, fontsize=11.5)
        axes.set_xlabel(r"$\theta_y$ before")
    panels[0].set_ylabel(r"turn of $W_y$ towards $x$")
    figure.suptitle(
        "The logit of ArcGrad never lets go; its probability does",
        x=0.01,
        ha="left",
        fontsize=12.5,
    )
    figure.get_layout_engine().set(wspace=0.06)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
    )
    return plot.show(figure)


def descent(names, theta: float, others, rate: float, s: float, steps: int):
    """θ_y step by step, x held and class vectors made unit each time."""
    figure, axes = plt.subplots()
    for name in names:
        turns = [[theta, *others]]
        for _ in range(steps):
            turns.append(step(name, turns[-1:], rate, s)[0])
        own = np.abs([row[0] for row in turns])
        axes.plot(own, color=colour(name), lw=1.8, label=plot.title(name))
    axes.set(xlim=(0, steps), xlabel="step")
    axes.set_ylim(bottom=0)
    ends = {line.get_label(): line.get_xydata()[-1] for line in axes.lines}
    inks = {plot.title(name): colour(name) for name in names}
    plot.names(axes, ends, lambda label: {"color": inks[label]})
    degrees(axes.yaxis, _spacing(max(a.get_ydata().max() for a in axes.lines)))
    axes.set_ylabel(r"$\theta_y$")
    left = math.degrees(axes.lines[0].get_ydata()[-1])
    axes.set_title(
        f"After {steps} steps {plot.title(names[0])} still has {left:.1f}° "
        "to go"
    )
    return plot.show(figure)


def _spacing(top):
    """Degrees between ticks, so that about five cover the range."""
    steps = (1, 2, 5, 10, 15, 30)
    return next((k for k in steps if math.degrees(top) <= 7 * k), 60)
