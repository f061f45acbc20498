"""The gradient atlas: every loss's slopes, through what trains."""

from __future__ import annotations

import math
import textwrap

import numpy as np
import pandas as pd
import sympy as sp
import torch
from IPython.display import Markdown

from arcbook import derive, losses, plot
from arcbook.plot import BASELINE, INK

THETA = np.linspace(1e-4, np.pi - 1e-4, 541)
PLACES = {"0°": 0.0, "90°": math.pi / 2, "180°": math.pi}


def head(name: str, num_classes: int, s: float, **wanted):
    """A head at a scale, with those wanted hyperparameters that it has.

    Gives the head (AdaCos at the s that it starts with), and the norm of a
    feature: s for a loss that keeps |x|, so that all compare at one scale.
    """
    known = dict(losses.get(name).defaults)
    if losses.get(name).penalty == "iam":
        known |= losses.get("normface").defaults
    wanted |= {"s": s, "alpha": s}
    given = {k: wanted[k] for k in known if k in wanted}
    made = losses.create(
        name, embedding_dim=2, num_classes=num_classes, **given
    ).eval()
    return made, s if "|x|" in made.factors else 1.0


def logit_slope(name: str, theta, **hyper) -> np.ndarray:
    """∂Z_y/∂θ_y of the shipped formula at unit scale, by autograd."""
    spec = losses.get(name)
    hyper = spec.check(hyper)
    return derive.autograd(lambda a: spec.target_logit(a, [1], hyper), theta)


def pull(name: str, s: float, num_classes: int, theta=THETA, **wanted):
    """∂L/∂θ_y of one sample at unit scale with θ_j = 90°, by autograd.

    The class vectors have norm 1 and so has the feature, but for losses that
    keep |x|, where |x| = s.
    """
    made, norm = head(name, num_classes, s, **wanted)

    def loss(theta):
        turns = torch.full((len(theta), num_classes), math.pi / 2).double()
        turns = torch.cat([theta[:, None], turns[:, 1:]], 1)
        return derive.losses_of(made, derive.turned(turns), norm)

    return derive.autograd(loss, theta) / (float(made.s) * norm)


def half_range(name: str, s: float, num_classes: int, **wanted):
    """Smallest and largest θ_y where the pull is above half of its top."""
    strength = pull(name, s, num_classes, **wanted)
    strong = THETA[strength > strength.max() / 2]
    return strong.min(), strong.max()


def alike(curve) -> list[tuple[list[str], np.ndarray]]:
    """Losses whose curves agree to 1e-9, together, in the book's order.

    `curve` is a function of a loss's name. Gives pairs of the names that share
    a curve, and the curve.
    """
    groups = []
    for name in losses.available():
        values = curve(name)
        for members, known in groups:
            if np.allclose(values, known, rtol=0, atol=1e-9):
                members.append(name)
                break
        else:
            groups.append(([name], values))
    return groups


def opening(axes):
    """Name and publish ∂Z_y/∂θ_y of some losses. [angular-learning, Fig. 3]"""
    ends = {}
    for line in axes.lines:
        line.set_color(plot.colour(line.get_label()))
        ends[plot.title(line.get_label())] = line.get_xydata()[-1]
    axes.axhline(0, color=INK, lw=0.8)
    plot.own_angle(axes)
    axes.set_ylabel(r"$\partial Z_y/\partial\theta_y$ per radian, s = 1")
    axes.set_ylim(-2.2, 0.8)
    plot.names(axes, ends)
    axes.set_title("Only the angle as logit pulls the same at every angle")
    return plot.show(axes.figure)


def table() -> pd.DataFrame:
    """Every loss's target logit and its slope, a row each.

    Gives loss, target logit and slope as LaTeX (ψ stays ψ), and the slope at
    scale 1 and 0°, 90° and 180° with default hyperparameters.
    """
    rows = []
    for name in losses.available():
        spec, found = losses.get(name), derive.of(name)
        logit, slope = sp.latex(found.Z_y), sp.latex(found.dZ_y)
        if "cases" in logit:
            front = sp.latex(derive.scale(spec, {}))
            mixed = front + r"\tfrac{%s + \psi%s(\theta_y)}{1 + \lambda}"
            logit = mixed % (r"\lambda\cos\theta_y", "")
            slope = mixed % (r"-\lambda\sin\theta_y", "'")
        row = {"loss": spec.title, "target logit": logit, "slope": slope}
        at = logit_slope(name, list(PLACES.values()))
        rows.append(row | dict(zip(PLACES, at)))
    return pd.DataFrame(rows)


def listing() -> Markdown:
    """`table` with its formulas set."""
    shown = table()
    for name in ("target logit", "slope"):
        shown[name] = "$" + shown[name] + "$"
    for name in PLACES:
        shown[name] = [
            f"{round(x, 2) + 0:.2f}".replace("-", "−") for x in shown[name]
        ]
    lines = [shown.columns, ["---"] * shown.shape[1], *shown.to_numpy()]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def logit_atlas():
    """∂Z_y/∂θ_y at unit scale; losses with the same curve share a panel."""
    groups = alike(lambda name: logit_slope(name, THETA))
    figure = _atlas(groups, r"$\partial Z_y/\partial\theta_y$ at scale 1")
    look = {"color": BASELINE, "lw": 1.2, "ls": "--", "zorder": 1.5}
    for axes in figure.axes:
        axes.plot(THETA, -np.sin(THETA), **look)
    return plot.show(figure)


def loss_atlas(s: float, num_classes: int, **wanted):
    """∂L/∂θ_y at unit scale with θ_j = 90°; the same curves share a panel."""
    groups = alike(lambda name: pull(name, s, num_classes, **wanted))
    figure = _atlas(groups, r"$\partial L/\partial\theta_y$ at scale 1")
    for axes, (members, curve) in zip(figure.axes, groups, strict=True):
        look = {"color": plot.colour(members[0]), "alpha": 0.25, "lw": 0}
        axes.fill_between(THETA, curve, where=curve > curve.max() / 2, **look)
    return plot.show(figure)


def _atlas(groups, label):
    longest = max(len(members) for members, _ in groups)
    figure, panels = plot.grid(
        len(groups), 3, 2.35, base=0.12 * longest, sharey=True
    )
    for axes, (members, curve) in zip(panels, groups, strict=True):
        text = textwrap.fill(", ".join(map(plot.title, members)), 26)
        ink = plot.colour(members[0])
        axes.set_title(text, color=ink, fontsize=11, pad=4)
        axes.plot(THETA, curve, color=ink)
        axes.axhline(0, color=INK, lw=0.6)
        plot.own_angle(axes, step=60)
    figure.supylabel(label)
    figure.get_layout_engine().set(wspace=0.06)
    return figure


def slopes(name: str, s: float, num_classes: int, m: float):
    """∂Z_y/∂θ_y and ∂L/∂θ_y over `THETA` at a scale, all others at 90°.

    `m` is taken by what has a margin that is no whole number.
    """
    numbers = [
        h.name for h in losses.get(name).hyperparameters if not h.integer
    ]
    given = {"m": m} if "m" in numbers else {}
    made, norm = head(name, num_classes, s, **given)
    size = norm * float(made.s)
    pulls = size * pull(name, s, num_classes, **given)
    return size * logit_slope(name, THETA, **given), pulls


def pair(figure):
    """Name and publish the slopes of logit and loss, a panel each."""
    titles = (
        r"$\partial Z_y/\partial\theta_y$",
        r"$\partial L/\partial\theta_y$",
    )
    for axes, text in zip(figure.axes, titles):
        axes.axhline(0, color=INK, lw=0.6)
        axes.set_title(text)
        plot.own_angle(axes, step=45)
    figure.axes[0].legend()
    return plot.show(figure)
