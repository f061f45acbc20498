"""The IAM penalty on digits: its pull on an arc, and printed gains."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import sympy as sp
from matplotlib import pyplot as plt

from arcbook import derive
from arcbook.analysis import measured
from arcbook.figures.mnist import HOLLOW
from arcbook.plot.style import INK, colour, degrees, marker

LOSSES = {
    "Eq.(3)": "normface",
    "Eq.(3) + 0.2 IAM": "iam",
    "CosFace": "cosface",
    "CosFace + 0.2 IAM": "iam",
}
PENALTY = " + 0.2 IAM"
SHIFT = 0.15


def look(column: str) -> dict:
    """Colour and marker of a row of the table."""
    name = LOSSES[column]
    return {
        "color": colour(name),
        "marker": marker(name),
        "ms": 7,
        "linestyle": "none",
    }


def gains(cells: pd.DataFrame, images: int):
    """The four accuracies: printed hollow, measured filled.

    Args:
        cells: as from `measured.beside("iam", "table2")`.
        images: of the test set, for the intervals of printed cells.
    """
    figure, axes = plt.subplots(figsize=(8, 4))
    names = []
    for place, cell in zip(range(len(cells))[::-1], cells.to_dict("records")):
        column = measured.COLUMNS.get(cell["method"], cell["method"])
        names.append(column)
        ends = measured.binomial(cell["published"], images)
        style = look(column)
        axes.hlines(place + SHIFT, *ends, style["color"], lw=1)
        axes.plot(cell["published"], place + SHIFT, **style | HOLLOW)
        below = place - SHIFT
        if np.isfinite(cell["measured"]):
            ends = cell["low"], cell["high"]
            axes.hlines(below, *ends, style["color"], lw=2)
            axes.plot(cell["measured"], below, **style)
    axes.set_yticks(range(len(cells))[::-1], names)
    axes.set_ylim(-0.6, len(cells) - 0.4)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("test accuracy, %")
    hits = cells["published"].to_numpy() * images / 100
    steps = " and ".join(f"{b - a:.0f}" for a, b in hits.reshape(-1, 2))
    axes.set_title(f"Printed gains of {steps} among {images:,} images")
    _name_marks(axes, cells.iloc[0], len(cells) - 1, images)
    return figure


def _name_marks(axes, cell, place, images):
    """Say beside the first row which mark is printed, which measured."""
    _, end = measured.binomial(cell["published"], images)
    marks = [("printed", end, place + SHIFT)]
    if np.isfinite(cell["measured"]):
        marks.append(("measured", cell["high"], place - SHIFT))
    for text, x, y in marks:
        axes.annotate(
            text,
            (x, y),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=10.5,
            color=INK,
        )


def by_seed(rows: Sequence[tuple[str, pd.DataFrame]]):
    """C-Inter and WC-Intra of a few networks a line.

    Args:
        rows: a name and runs that differ in the seed, as from
            `measured.of_records`, for each line.
    """
    figure, panels = plt.subplots(
        1, 2, figsize=(8, 1.7 + 0.6 * len(rows)), sharey=True
    )
    names = [name for name, _ in rows]
    for axes, metric, text in (
        (panels[0], "c_inter", "C-Inter"),
        (panels[1], "wc_intra", "WC-Intra"),
    ):
        for place, (name, runs) in zip(range(len(rows))[::-1], rows):
            style = look(name if name in LOSSES else names[0] + PENALTY)
            angles = np.degrees(runs[metric].dropna())
            axes.hlines(place, angles.min(), angles.max(), style["color"])
            axes.plot(angles, np.full(len(angles), place), **style)
        axes.set_xlabel(f"{text}, degrees")
        axes.grid(axis="y", visible=False)
    panels[0].set_yticks(range(len(rows))[::-1], names)
    panels[0].set_ylim(-0.6, len(rows) - 0.4)
    middles = [math.degrees(runs["c_inter"].mean()) for _, runs in rows]
    seeds = [math.degrees(np.ptp(runs["c_inter"])) for _, runs in rows]
    figure.suptitle(
        f"C-Inter moves by up to {max(seeds):.0f}° with the seed, "
        f"{max(middles) - min(middles):.0f}° with the penalty",
        x=0.01,
        ha="left",
        fontsize=12.5,
    )
    return figure


def pull_on_arc() -> sp.Expr:
    """∂L/∂θ of Eq. 3 with β IAM, as θ leaves w_y for a rival at Θ.

    Of C classes the nearest rival alone counts. Symbols as in
    `derivations`: s, beta; theta and Delta are θ and Θ.
    """
    theta, between = derive.theta, derive.Delta
    gap = sp.cos(between - theta) - sp.cos(theta)
    loss = derive.iam_of_log_odds()
    return sp.diff(loss.subs(derive.u, derive.s * gap), theta)


def crossing(s: float, beta: float, between: float) -> float:
    """Where on the arc the penalty's pull is as large as the base's.

    Args:
        s: scale.
        beta: above 0.
        between: Θ, the angle of the two class vectors, in radians.

    Returns:
        θ in radians; beyond the arc where there is no such place on it.
    """
    reach = -math.log(beta) / (2 * s * math.sin(between / 2))
    return between / 2 - math.asin(max(-1.0, min(1.0, reach)))


def pull(s: float, beta: float, between: float):
    """The pull towards the own class vector along the arc to a rival.

    Args:
        s: scale of the logits.
        beta: of the penalty, above 0.
        between: angle of the two class vectors, in radians.
    """
    figure, axes = plt.subplots(figsize=(8, 4.4))
    theta = np.linspace(0, between, 400)
    symbols = [getattr(derive, n) for n in ("theta", "s", "beta")]
    slope = sp.lambdify([*symbols, derive.Delta], pull_on_arc(), "numpy")
    for value, name, text in (
        (0.0, "normface", "Eq. 3"),
        (beta, "iam", f"Eq. 3 + {beta:g} IAM"),
    ):
        curve = slope(theta, s, value, between) / s
        axes.plot(theta, curve, color=colour(name))
        axes.annotate(
            text,
            (0, curve[theta < 0.3 * between].max()),
            (6, 6),
            textcoords="offset points",
            color=colour(name),
        )
    axes.axvline(between / 2, color=INK, lw=1, ls=(0, (4, 2)))
    axes.annotate(
        "decision boundary ",
        (between / 2, axes.get_ylim()[1]),
        ha="right",
        va="top",
    )
    degrees(axes.xaxis, 10)
    axes.set_xlim(0, between)
    axes.set_xlabel(r"$\theta$, from $w_y$ towards the nearest rival")
    axes.set_ylabel(r"$\partial L/\partial\theta$, in units of $s$")
    left = math.degrees(between / 2 - crossing(s, beta, between))
    axes.set_title(
        f"The penalty pulls harder up to {left:.1f}° before the boundary"
        if left > 0
        else "The penalty pulls harder all the way to the boundary"
    )
    return figure
