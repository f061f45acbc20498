"""Angles on the circle: who wins where, digits lost, and one step."""

from __future__ import annotations

import math
from functools import partial

import mpmath
import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt

from arcbook import derive, geometry, plot
from arcbook.chapters import ch02
from arcbook.plot import BASELINE, INK, colour, degrees

ARROW = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 14}


def direction(angle):
    """Unit vectors of the plane at angles from the x axis, (…, 2)."""
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def circle(axes):
    """Draw the unit circle, on axes with no frame."""
    axes.set(aspect="equal", xlim=(-1.3, 1.3), ylim=(-1.3, 1.3))
    axes.axis("off")
    turn = np.linspace(0, 2 * np.pi, 361)
    axes.plot(*direction(turn).T, color=BASELINE, lw=1)


def arrow(axes, tip, text="", colour=INK, gap=1.13):
    """Draw a vector from the origin, named beyond its tip."""
    look = ARROW | {"color": colour, "lw": 2}
    axes.annotate("", tip, (0, 0), arrowprops=look)
    write(axes, gap * np.asarray(tip), text, colour)


def write(axes, at, text, colour=INK):
    """Write a text centred at a point."""
    axes.text(*at, text, color=colour, ha="center", va="center")


def arc(axes, start, stop, radius, text=""):
    """Draw the arc of an angle, named beyond its middle."""
    turn = np.linspace(start, stop, 61)
    axes.plot(*(radius * direction(turn)).T, color=INK, lw=1.2)
    write(axes, (radius + 0.12) * direction((start + stop) / 2), text)


def regions(angles, norms, theta: float):
    """Who wins where: inner products with equal and with unequal norms.

    Gives the figure; the winning region of the first class is tinted.
    """
    figure, panels = plt.subplots(1, 2, figsize=(8, 4.5))
    grid = np.linspace(-1, 1, 301)
    points = np.stack(np.meshgrid(grid, grid), -1)
    inside = np.linalg.norm(points, axis=-1) < 1
    tips = direction(angles) * np.asarray(norms)[:, None]
    wide, tall = 1.2 + np.maximum(abs(tips).max(0) - 1, 0)
    cases = {
        "Equal norms: the smallest angle wins": direction(angles),
        "A longer class vector takes more than its half": tips,
    }
    for axes, (text, vectors) in zip(panels, cases.items(), strict=True):
        circle(axes)
        axes.set(xlim=(-wide, wide), ylim=(-1.05, tall))
        logits = points @ vectors.T
        first = np.where(inside, logits[..., 0] - logits[..., 1], np.nan)
        field = grid, grid, first
        axes.contourf(*field, levels=[0, 10], colors=BASELINE, alpha=0.22)
        axes.contour(*field, [0], colors=INK, linestyles="--", linewidths=1.4)
        for k, vector in enumerate(vectors):
            gap = 1 + 0.13 / np.linalg.norm(vector)
            arrow(axes, vector, f"$W_{k + 1}$", gap=gap)
        spot = angles[0] + theta
        arrow(axes, 0.8 * direction(spot), "", colour("arcgrad"))
        side = np.sign((vectors[1] - vectors[0]) @ direction(spot))
        beside = 0.85 * direction(spot + 0.14 * side)
        write(axes, beside, "$x$", colour("arcgrad"))
        arc(axes, angles[0], spot, 0.36, r"$\theta_1$")
        arc(axes, spot, angles[1], 0.48, r"$\theta_2$")
        axes.set_title(text, fontsize=11.5)
    return plot.show(figure)


def confidence(scales):
    """P_y and ∂L/∂θ_y as a feature walks from one class vector to another.

    Two classes at a right angle, no margin; θ_2 = π/2 − θ_1.
    """
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(8, 6), sharex=True)
    theta = np.linspace(0, np.pi / 2, 361)
    for s, dash in zip(scales, (":", "--", "-", "-.")):
        wrong = 1 / (1 + np.exp(s * (np.cos(theta) - np.sin(theta))))
        upper.plot(theta, 1 - wrong, color=INK, ls=dash, label=f"s = {s:g}")
        pull = wrong * (np.sin(theta) + np.cos(theta))
        lower.plot(theta, pull, color=INK, ls=dash)
    upper.legend(loc="upper right")
    for axes in (upper, lower):
        axes.axvline(np.pi / 4, color=BASELINE, lw=1.2)
        degrees(axes.xaxis, 15)
        axes.set_xlim(0, np.pi / 2)
    upper.annotate("decision boundary ", (np.pi / 4, 0.08), ha="right")
    upper.set(ylabel="$P_y$", ylim=(0, 1.05))
    lower.set_ylabel(r"$\frac{1}{s}\,dL/d\theta_y$ along the path")
    lower.set_xlabel(r"$\theta_y$, from $W_y$ towards the other class vector")
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
    plane, _ = np.linalg.qr(generator.normal(size=(points, 8, 2)))
    u, v = np.moveaxis(plane, -1, 0)
    v = np.cos(theta)[:, None] * u + np.sin(theta)[:, None] * v
    exact = list(map(_exact_angle, u.tolist(), v.tolist()))
    arccos = np.arccos((u * v).sum(1).clip(-1, 1))
    chords = geometry.angle(torch.tensor(u), torch.tensor(v)).numpy()
    errors = (
        [float(abs(a - b) / b) for a, b in zip(way, exact)]
        for way in (arccos, chords)
    )
    return np.array(exact, dtype=float), *map(np.array, errors)


def _exact_angle(u, v):
    with mpmath.workdps(50):
        u, v = (mpmath.matrix(w) / mpmath.norm(w) for w in (u, v))
        return 2 * mpmath.atan2(mpmath.norm(u - v), mpmath.norm(u + v))


def digits_lost(seed: int = 0):
    """The errors of `arccos_error` as a picture."""
    theta, arccos, chords = arccos_error(seed=seed)
    figure, axes = plt.subplots()
    for bound, text in (
        (2.0**-53 / theta**2, r"  $2^{-53}/\theta^2$"),
        ((2.0**-53 / theta) ** 2 / 2, r"$(2^{-53}/\theta)^2/2$"),
    ):
        (line,) = axes.loglog(theta, bound, color=BASELINE, lw=1.4)
        plot.label_line(line, theta[np.abs(bound - 1e-8).argmin()], text, 8)
    for errors, shape, like, text, height in (
        (arccos, "o", "arcgrad", "arc cosine of the dot product", 1e5),
        (chords, "s", "arcface", "two chords", 3e-15),
    ):
        look = {"color": colour(like), "ms": 4.5}
        axes.loglog(theta, np.maximum(errors, 1e-17), shape, **look)
        axes.text(1e-7, height, text, color=colour(like))
    axes.set(xlabel=r"$\theta$ (rad)", ylabel="relative error")
    axes.set_ylim(3e-18, 1e8)
    axes.set_title("Near 0 the arc cosine loses every digit, the chords hold")
    return plot.show(figure)


def step(name: str, turns, rate: float, s: float = 1.0):
    """One gradient step on the class vectors of the plane, x held.

    Gives (K, C), where they stand after the step, in radians from the feature,
    between −π and π.
    """
    vectors = direction(turns)
    made, norm = ch02.head(name, vectors.shape[1], s)
    loss = partial(derive.losses_of, made, norm=norm)
    moved = vectors - rate * derive.autograd(loss, vectors)
    return np.arctan2(moved[..., 1], moved[..., 0])


def update_toy(names, turns, rate: float, s: float = 1.0):
    """Class vectors before and after one step. [angular-learning, Fig. 2]"""
    figure, panels = plt.subplots(
        1, len(names), figsize=(8, 4.6), squeeze=False
    )
    for axes, name in zip(panels.flat, names, strict=True):
        circle(axes)
        after = step(name, [turns], rate, s)[0]
        arrow(axes, (1, 0), "$x'$")
        for k, (old, new) in enumerate(zip(turns, after, strict=True)):
            which = "y" if k == 0 else str(k)
            ink = INK if k or name == "softmax" else colour(name)
            way = np.outer(direction(old), [0, 1])
            axes.plot(*way, "--", color=BASELINE)
            away = 0.17 * math.copysign(1, _turn(new, old))
            write(axes, 1.16 * direction(old + away), f"$W_{which}$", BASELINE)
            arrow(axes, direction(new), colour=ink)
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
    sizes = []
    for name in names:
        pushed = np.arctan(-push * ch02.logit_slope(name, theta))
        after = (step(name, turns, push / s, s)[:, 0] for s in scales)
        sizes.append([pushed, *(_turn(one, theta) for one in after)])
        for axes, size in zip(panels, sizes[-1], strict=True):
            axes.plot(theta, size, color=colour(name), label=plot.title(name))
    texts = ["logit alone ($P_y = 0$)", *(f"loss, s = {s:g}" for s in scales)]
    limits = min(1.1 * np.min(sizes), 0), 1.15 * np.max(sizes)
    for axes, text in zip(panels, texts, strict=True):
        axes.plot(theta, theta, color=BASELINE, lw=1.2, ls="--")
        past = {"color": BASELINE, "alpha": 0.2, "lw": 0}
        axes.fill_between(theta, theta, limits[1], theta < limits[1], **past)
        axes.set_title(text, fontsize=11.5)
        plot.own_angle(axes, 90)
        axes.set(xlabel=r"$\theta_y$ before", ylim=limits)
        degrees(axes.yaxis, spacing(np.max(sizes), 7))
    panels[0].set_ylabel(r"turn of $W_y$ towards $x$")
    title = "The logit of ArcGrad never lets go; its probability does"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5)
    figure.get_layout_engine().set(wspace=0.06)
    drawn = panels[0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=4)
    return plot.show(figure)


def descent(names, theta: float, others, rate: float, s: float, steps: int):
    """θ_y step by step, x held and class vectors made unit each time."""
    own = {}
    for name in names:
        turns = [[theta, *others]]
        for _ in range(steps):
            turns.append(step(name, turns[-1:], rate, s)[0])
        own[plot.title(name)] = np.abs([row[0] for row in turns])
    own = pd.DataFrame(own)
    top = own.to_numpy().max()
    left = math.degrees(own.iloc[-1, 0])
    axes = plot.lines(own, ylim=(0, 1.05 * top))
    axes.set(xlabel="step", ylabel=r"$\theta_y$")
    axes.set_title(
        f"After {steps} steps {own.columns[0]} still has {left:.1f}° to go"
    )
    degrees(axes.yaxis, spacing(top, 7))
    return plot.show(axes.figure)


def spacing(span: float, most: int) -> int:
    """Degrees between ticks, so that no more than so many parts cover it."""
    steps = (1, 2, 5, 10, 15, 30)
    return next((k for k in steps if math.degrees(span) <= most * k), 60)
