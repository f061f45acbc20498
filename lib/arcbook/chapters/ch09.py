"""IAM on digits: the pull on an arc, and what the penalty moves."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import sympy as sp
from matplotlib import pyplot as plt

from arcbook import cells, derive, plot, stats
from arcbook.chapters import cifar, spheres
from arcbook.plot import INK

ANGLES = {"c_inter": "C-Inter", "wc_intra": "WC-Intra"}


def look(column: str) -> dict:
    """Colour and marker of a network's name, such as "Eq.(3) + 0.2 IAM"."""
    return plot.look("… IAM" if "IAM" in column else column)


def table() -> pd.DataFrame:
    """`cells.beside` of the four accuracies, under the book's names."""
    rows = cells.beside("iam", "table2")
    return rows.assign(method=rows["method"].replace(cells.COLUMNS))


def small():
    """The four accuracies at reduced scale, means over seeds."""
    return cifar.small_dots("iam", "table2", style=look)


def cosface_maps(runs: pd.DataFrame):
    """The two CosFace networks of reduced runs, without and with IAM."""
    known = runs.set_index("column")["record"].to_dict()
    names = "CosFace", "CosFace + 0.2 IAM"
    drawn = [
        k for k in names if "features" in known.get(k, {}).get("arrays", {})
    ]
    found = {name: known[name] for name in drawn}
    return spheres.maps(found) if found else cifar.absent("iam.fig2")


def moved(runs: pd.DataFrame) -> pd.DataFrame:
    """What the penalty moves in reduced runs, paired by seed.

    Gives a row a base loss: a `stats.Estimate` of the difference of accuracy
    in points, and one of each angle in degrees, under their titles.
    """
    degrees = {name: np.degrees(runs[name].astype(float)) for name in ANGLES}
    wide = runs.assign(**degrees).pivot(index="seed", columns="column")
    titles = {"accuracy": "accuracy, points"}
    titles |= {name: f"{title}, degrees" for name, title in ANGLES.items()}
    rows = {}
    for base in ("Eq.(3)", "CosFace"):
        pair = [f"{base} + 0.2 IAM", base]
        if {*pair} <= {*runs["column"]}:
            rows[base] = {
                title: stats.of_runs((wide[name][pair] @ [1, -1]).dropna())
                for name, title in titles.items()
            }
    return pd.DataFrame(rows).T.rename_axis("0.2 IAM added to")


def accuracies(rows: pd.DataFrame):
    """The four accuracies: printed hollow, measured filled."""
    figure = plot.dots(rows, style=look, bars="")
    gains = 100 * rows["printed"].diff().iloc[1::2]
    figure.axes[0].set_title(
        "Printed gains of {:.0f} and {:.0f} images".format(*gains)
    )
    return plot.show(figure)


def angles(runs: pd.DataFrame) -> pd.DataFrame:
    """C-Inter and WC-Intra of rows of `cells.runs`, in degrees, by network."""
    found = runs.set_index("column")[list(ANGLES)].astype(float)
    return np.degrees(found).rename(columns=ANGLES)


def by_seed(rows: dict[str, pd.DataFrame]):
    """Two angles of live networks, a line a kind of network, a mark a seed."""
    figure, panels = plt.subplots(
        1, 2, figsize=(8, 1.6 + 0.6 * len(rows)), sharey=True
    )
    found = {name: angles(runs) for name, runs in rows.items()}
    for axes, title in zip(panels, ANGLES.values(), strict=True):
        for place, (name, degrees) in enumerate(found.items()):
            at = [-place] * len(degrees)
            axes.plot(degrees[title], at, **look(name) | {"ls": "none"})
        axes.set_xlabel(f"{title}, degrees")
        axes.grid(axis="y", visible=False)
    panels[0].set_yticks([-k for k in range(len(rows))], list(rows))
    panels[0].set_ylim(0.6 - len(rows), 0.6)
    inter = [degrees["C-Inter"] for degrees in found.values()]
    means = [one.mean() for one in inter]
    title = f"C-Inter moves by up to {max(map(np.ptp, inter)):.0f}° with the "
    title += f"seed, {np.ptp(means):.0f}° with the penalty"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5)
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
        curve, ink = slope(theta, s, value, between) / s, plot.colour(name)
        axes.plot(theta, curve, color=ink)
        above = curve[theta < 0.3 * between].max() + 0.02
        axes.text(0, above, f" {text}", color=ink)
    axes.axvline(between / 2, color=INK, lw=1, ls=(0, (4, 2)))
    top = {"ha": "right", "va": "top"}
    axes.text(between / 2, axes.get_ylim()[1], "decision boundary ", **top)
    plot.degrees(axes.xaxis, 10)
    axes.set_xlim(0, between)
    axes.set(
        xlabel=r"$\theta$, from $w_y$ towards the nearest rival",
        ylabel=r"$\partial L/\partial\theta$, in units of $s$",
    )
    left = math.degrees(between / 2 - crossing(s, beta, between))
    axes.set_title(
        f"The penalty pulls harder up to {left:.1f}° before the boundary"
        if left > 0
        else "The penalty pulls harder all the way to the boundary"
    )
    return plot.show(figure)
