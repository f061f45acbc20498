"""One gradient step on the class vectors: how far it turns them."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib import pyplot as plt

from arcbook.figures import curves
from arcbook.figures.sphere import arrow, circle, direction, write
from arcbook.plot.style import BASELINE, INK, colour, degrees, title


def step(name: str, turns, rate: float, s: float = 1.0, **wanted):
    """One gradient step on the class vectors of the plane, x held.

    Args:
        name: of the loss.
        turns: (K, C) where the unit class vectors stand, in radians from
            the feature; class 0 is the feature's own.
        rate: η in W' = W − η ∂L/∂W.
        s: scale of the losses that have one, |x| of those that keep it.
        **wanted: further hyperparameters, for the losses that have them.

    Returns:
        (K, C), where they stand after the step, in radians from the
        feature, between −π and π.
    """
    turns = np.asarray(turns, dtype=float)
    made = curves.head(name, turns.shape[-1], s=s, alpha=s, **wanted)
    vectors = torch.tensor(direction(turns), requires_grad=True)
    norm = curves.feature_norm(made, s)
    feature = torch.tensor([norm, 0.0]).double().expand(len(turns), 1, 2)
    labels = torch.zeros(len(turns), 1, dtype=torch.long)
    loss = made.on(vectors, penalties=False).losses(feature, labels).sum()
    (gradient,) = torch.autograd.grad(loss, vectors)
    moved = (vectors - rate * gradient).detach().numpy()
    return np.arctan2(moved[..., 1], moved[..., 0])


def update_toy(names, turns, rate: float, s: float = 1.0):
    """Class vectors before and after one step. [angular-learning, Fig. 2]

    Args:
        names: of the losses, a panel each.
        turns, rate, s: see `step`; one row of turns.
    """
    figure, panels = plt.subplots(1, len(names), figsize=(8, 4.6))
    for axes, name in zip(np.atleast_1d(panels), names, strict=True):
        circle(axes)
        after = step(name, [turns], rate, s)[0]
        arrow(axes, (1, 0), "$x'$")
        for k, (old, new) in enumerate(zip(turns, after, strict=True)):
            which = "y" if k == 0 else str(k)
            ink = colour(name) if k == 0 else INK
            arrow(axes, direction(old), "", BASELINE, width=1.3)
            away = 0.17 * math.copysign(1, _turn(new, old))
            write(axes, 1.16 * direction(old + away), f"$W_{which}$", BASELINE)
            arrow(axes, direction(new), "", ink)
            write(axes, 1.16 * direction(new - away), f"$W_{which}'$", ink)
        moved = math.degrees(abs(turns[0]) - abs(after[0]))
        word = "falls" if moved >= 0 else "overshoots and rises"
        axes.set_title(
            f"{title(name)}: $\\theta_y$ {word} by {abs(moved):.1f}°",
            fontsize=11.5,
        )
    return figure


def _turn(a, b):
    """The signed turn from a to b, between −π and π."""
    return (b - a + np.pi) % (2 * np.pi) - np.pi


def step_sizes(names, push: float, scales, others, points: int = 181):
    """How far one step turns W_y, over θ_y: the logit alone, then the loss.

    In the first panel the step is that of the logit, as if P_y were 0; in
    the others that of the loss, where the factor 1 − P_y is in. η s is the
    same in all of them.

    Args:
        names: of the losses.
        push: η s.
        scales: values of s, a panel each: the scale of the losses that have
            one, |x| of those that keep it.
        others: angles of the other class vectors from the feature.
        points: angles θ_y.
    """
    theta = np.linspace(1e-3, np.pi - 1e-3, points)
    turns = np.column_stack([theta, np.tile(others, (points, 1))])
    figure, panels = plt.subplots(
        1, 1 + len(scales), figsize=(8, 4.4), sharex=True, sharey=True
    )
    for name in names:
        made = curves.head(name, turns.shape[1])
        slope = curves.logit_slope(made, theta) / float(made.s)
        sizes = [np.arctan(-push * slope)]
        for s in scales:
            after = step(name, turns, push / s, s)[:, 0]
            sizes.append(_turn(after, theta))
        for axes, size in zip(panels, sizes, strict=True):
            axes.plot(theta, size, color=colour(name), label=title(name))
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
    figure.legend(*panels[0].get_legend_handles_labels(),
                  loc="outside lower center", ncols=4)  # fmt: skip
    return figure


def descent(names, theta: float, others, rate: float, s: float, steps: int):
    """θ_y step by step, x held and class vectors made unit each time.

    Args:
        names: of the losses.
        theta: θ_y at the start.
        others: angles of the other class vectors from the feature.
        rate, s: see `step`.
        steps: how many.
    """
    figure, axes = plt.subplots()
    for name in names:
        turns = [[theta, *others]]
        for _ in range(steps):
            turns.append(step(name, turns[-1:], rate, s)[0])
        own = np.abs([row[0] for row in turns])
        axes.plot(own, color=colour(name), lw=1.8, label=title(name))
    axes.set(xlim=(0, steps), xlabel="step")
    axes.set_ylim(bottom=0)
    curves.label_ends(axes.lines)
    degrees(axes.yaxis, _spacing(max(a.get_ydata().max() for a in axes.lines)))
    axes.set_ylabel(r"$\theta_y$")
    left = math.degrees(axes.lines[0].get_ydata()[-1])
    axes.set_title(
        f"After {steps} steps {title(names[0])} still has {left:.1f}° to go"
    )
    return figure


def _spacing(top):
    """Degrees between ticks, so that about five cover the range."""
    steps = (1, 2, 5, 10, 15, 30)
    return next((k for k in steps if math.degrees(top) <= 7 * k), 60)
