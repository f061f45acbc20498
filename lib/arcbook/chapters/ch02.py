"""The gradient atlas: every loss's slopes as small panels."""

from __future__ import annotations

import math
import textwrap

import numpy as np
import pandas as pd
import sympy as sp
from IPython.display import Markdown

from arcbook import derive, losses, plot
from arcbook.chapters import slopes
from arcbook.plot.style import BASELINE, INK


def opening(axes):
    """Name and publish ∂Z_y/∂θ_y of some losses. [angular-learning, Fig. 3]"""
    for line in axes.lines:
        name = line.get_label()
        theta, slope = line.get_data()
        line.set_color(plot.colour(name))
        at = theta[np.argmin(np.abs(slope - max(slope.min(), -1.9)))]
        at = at if np.ptp(slope) > 1e-9 else 2.6
        plot.label_line(line, min(at, 2.2), plot.title(name), dy=-11)
    axes.axhline(0, color=INK, lw=0.8)
    _angle_axis(axes)
    axes.set_ylabel(r"$\partial Z_y/\partial\theta_y$ (a radian)")
    axes.set_ylim(-2.2, 0.8)
    axes.set_title("Only the angle as logit pulls the same at every angle")
    return plot.show(axes.figure)


def table() -> pd.DataFrame:
    """Every loss's target logit and its slope, a row each.

    Gives loss, target logit and slope as LaTeX (ψ stays ψ), and the slope at
    scale 1 and 0°, 90° and 180° with default hyperparameters.
    """
    rows = []
    for name in losses.available():
        spec, found, head = (
            losses.get(name),
            derive.of(name),
            slopes.head(name),
        )
        logit, slope = sp.latex(found.Z_y), sp.latex(found.dZ_y)
        if "cases" in logit:
            front = sp.latex(derive.scale(spec, {}))
            mixed = front + r"\tfrac{%s + \psi%s(\theta_y)}{1 + \lambda}"
            logit = mixed % (r"\lambda\cos\theta_y", "")
            slope = mixed % (r"-\lambda\sin\theta_y", "'")
        at = slopes.logit_slope(head, np.array([0, math.pi / 2, math.pi]))
        values = dict(
            zip(("0°", "90°", "180°"), at / float(head.s), strict=True)
        )
        rows.append(
            {"loss": spec.title, "target logit": logit, "slope": slope}
            | values
        )
    return pd.DataFrame(rows)


def listing() -> Markdown:
    """`table` with its formulas set."""
    shown = table()
    for name in ("target logit", "slope"):
        shown[name] = "$" + shown[name] + "$"
    for name in ("0°", "90°", "180°"):
        shown[name] = [
            f"{round(x, 2) + 0:.2f}".replace("-", "−") for x in shown[name]
        ]
    lines = [shown.columns, ["---"] * shown.shape[1], *shown.to_numpy()]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def logit_atlas(names: list[str] | None = None, columns: int = 3, **wanted):
    """∂Z_y/∂θ_y at unit scale; losses with the same curve share a panel."""
    theta = np.linspace(0, np.pi, 721)

    def slope(name):
        made = slopes.head(name, **wanted)
        return slopes.logit_slope(made, theta) / float(made.s)

    groups = slopes.alike(names or losses.available(), slope)
    figure, panels = _grid(groups, columns)
    for axes, (members, curve) in zip(panels, groups, strict=True):
        axes.plot(theta, -np.sin(theta), color=BASELINE, lw=1.2, ls="--")
        axes.plot(theta, curve, color=plot.colour(members[0]))
        axes.axhline(0, color=INK, lw=0.6)
    figure.supylabel(
        r"$\partial Z_y/\partial\theta_y$ at scale 1", fontsize=11.5
    )
    return plot.show(figure)


def loss_atlas(
    s: float,
    num_classes: int,
    names: list[str] | None = None,
    columns: int = 3,
    **wanted,
):
    """∂L/∂θ_y at unit scale with θ_j = 90°; the same curves share a panel."""

    def pull(name):
        return slopes.pull_curve(name, s, num_classes, **wanted)[1]

    theta = slopes.pull_angles()
    groups = slopes.alike(names or losses.available(), pull)
    figure, panels = _grid(groups, columns)
    for axes, (members, curve) in zip(panels, groups, strict=True):
        ink = plot.colour(members[0])
        axes.plot(theta, curve, color=ink)
        strong = curve > curve.max() / 2
        axes.fill_between(
            theta, curve, where=strong, color=ink, alpha=0.25, lw=0
        )
        axes.axhline(0, color=INK, lw=0.6)
    figure.supylabel(
        r"$\partial L/\partial\theta_y$ at scale 1", fontsize=11.5
    )
    return plot.show(figure)


def _grid(groups, columns):
    longest = max(len(members) for members, _ in groups)
    figure, panels = plot.grid(
        len(groups), columns, 2.35, base=0.12 * longest, sharey=True
    )
    for axes, (members, _) in zip(panels, groups, strict=True):
        text = textwrap.fill(", ".join(map(plot.title, members)), 26)
        axes.set_title(text, color=plot.colour(members[0]), fontsize=11, pad=4)
        _angle_axis(axes, step=60)
    figure.get_layout_engine().set(wspace=0.06)
    return figure, panels


def _angle_axis(axes, step=30):
    axes.set_xlim(0, np.pi)
    plot.degrees(axes.xaxis, step)
    axes.set_xlabel(r"$\theta_y$")
