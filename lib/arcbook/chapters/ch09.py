"""IAM on digits: the pull on an arc, and what the penalty moves."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import sympy as sp
from matplotlib import pyplot as plt

from arcbook import cells, derive, plot
from arcbook.plot import INK

ANGLES = {"c_inter": "C-Inter", "wc_intra": "WC-Intra"}


def look(column: str) -> dict:
    """Colour and marker of a network's name, such as "Eq.(3) + 0.2 IAM"."""
    penalised = "IAM" in column
    return plot.look("… IAM" if penalised else column)


def table() -> pd.DataFrame:
    """`cells.beside` of the four accuracies, under the book's names."""
    rows = cells.beside("iam", "table2")
    return rows.assign(method=rows["method"].replace(cells.COLUMNS))


def accuracies(rows: pd.DataFrame):
    """The four accuracies: printed hollow, measured filled."""
    figure = plot.dots(rows, style=look, bars="")
    gains = rows["printed"].to_numpy()
    figure.axes[0].set_title(
        "Printed gains of {:.0f} and {:.0f} images".format(
            *(100 * (gains[1::2] - gains[::2]))
        )
    )
    return plot.show(figure)


def angles() -> pd.DataFrame:
    """C-Inter and WC-Intra of the networks that are measured, in degrees."""
    rows = cells.measured("iam.fig2")
    found = rows.set_index("column")[list(ANGLES)].astype(float)
    return np.degrees(found).rename(columns=ANGLES)


def by_seed(rows: dict[str, pd.DataFrame]):
    """Two angles of live networks, a line a kind of network, a mark a seed."""
    figure, panels = plt.subplots(
        1, 2, figsize=(8, 1.6 + 0.6 * len(rows)), sharey=True
    )
    for axes, (metric, title) in zip(panels, ANGLES.items(), strict=True):
        for place, (name, runs) in enumerate(rows.items()):
            degrees = np.degrees(runs[metric].astype(float))
            axes.plot(
                degrees, [-place] * len(degrees), **look(name) | {"ls": "none"}
            )
        axes.set_xlabel(f"{title}, degrees")
        axes.grid(axis="y", visible=False)
    panels[0].set_yticks([-k for k in range(len(rows))], list(rows))
    panels[0].set_ylim(0.6 - len(rows), 0.6)
    inter = [
        np.degrees(runs["c_inter"].astype(float)) for runs in rows.values()
    ]
    means = [one.mean() for one in inter]
    figure.suptitle(
        f"C-Inter moves by up to {max(map(np.ptp, inter)):.0f}° with the "
        f"seed, {np.ptp(means):.0f}° with the penalty",
        x=0.01,
        ha="left",
        fontsize=12.5,
    )
    return plot.show(figure)


def pull_on_arc() -> sp.Expr:
    """∂L/∂θ of Eq. 3 with β IAM, as θ leaves w_y for a rival at Δ.

    Of C classes the nearest rival alone counts. Symbols as in `derive`.
    """
    gap = sp.cos(derive.Delta - derive.theta) - sp.cos(derive.theta)
    loss = derive.iam_of_log_odds().subs(derive.u, derive.s * gap)
    return sp.diff(loss, derive.theta)


def crossing(s: float, beta: float, between: float) -> float:
    """Where on the arc the penalty's pull is as large as the base's.

    Gives θ in radians; beyond the arc where there is no such place on it.
    """
    reach = -math.log(beta) / (2 * s * math.sin(between / 2))
    return between / 2 - math.asin(max(-1.0, min(1.0, reach)))


def pull(s: float, beta: float, between: float):
    """The pull towards the own class vector along the arc to a rival."""
    figure, axes = plt.subplots(figsize=(8, 4.4))
    theta = np.linspace(0, between, 400)
    symbols = derive.theta, derive.s, derive.beta, derive.Delta
    slope = sp.lambdify(symbols, pull_on_arc(), "numpy")
    for value, name, text in (
        (0.0, "normface", "Eq. 3"),
        (beta, "iam", f"Eq. 3 + {beta:g} IAM"),
    ):
        curve = slope(theta, s, value, between) / s
        axes.plot(theta, curve, color=plot.colour(name))
        axes.annotate(
            text,
            (0, curve[theta < 0.3 * between].max()),
            (6, 6),
            textcoords="offset points",
            color=plot.colour(name),
        )
    axes.axvline(between / 2, color=INK, lw=1, ls=(0, (4, 2)))
    axes.annotate(
        "decision boundary ",
        (between / 2, axes.get_ylim()[1]),
        ha="right",
        va="top",
    )
    plot.degrees(axes.xaxis, 10)
    axes.set_xlim(0, between)
    axes.set_xlabel(r"$\theta$, from $w_y$ towards the nearest rival")
    axes.set_ylabel(r"$\partial L/\partial\theta$, in units of $s$")
    left = math.degrees(between / 2 - crossing(s, beta, between))
    axes.set_title(
        f"The penalty pulls harder up to {left:.1f}° before the boundary"
        if left > 0
        else "The penalty pulls harder all the way to the boundary"
    )
    return plot.show(figure)
