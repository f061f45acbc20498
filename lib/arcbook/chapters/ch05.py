"""IAM: what a penalty on the other classes does to weights and angles."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from scipy.special import softmax

from arcbook import derive, plot
from arcbook.plot import BASELINE, INK

OWN, THIRD = math.radians(30), math.radians(90)
WEIGHT = "weight of Eq. 14"
SHADES = ("#2b7bd6", "#0f8a7e", "#a23984", "#d55e00", "#8a7420")
INKS = {0: BASELINE} | dict(zip((0.2, 0.8, 1, 2), SHADES))


def look(name: str) -> dict:
    """The colour of a name such as "β = 0.2"; grey without the penalty."""
    beta = float(name.removeprefix("β = "))
    return {"color": INKS.get(beta, SHADES[int(10 * beta) % len(SHADES)])}


def descent(seen, betas) -> pd.DataFrame:
    """What `live.descend_on_sphere` gave: β, step, nearest, own (radians)."""
    rows = [
        (f"β = {beta:g}", step, *pair)
        for step, both in seen.items()
        for k, beta in enumerate(betas)
        for pair in zip(*(angle[k] for angle in both))
    ]
    return pd.DataFrame(rows, columns=["β", "step", "nearest", "own"])


def opening(figure, frame: pd.DataFrame):
    """Publish how far classes come apart and features come near."""
    last = frame[frame["step"] == frame["step"].max()]
    ends = np.degrees(last.groupby("β", sort=False).mean().iloc[[0, -1]])
    titles = {"nearest": "Nearest class vector", "own": "Own angle"}
    for axes, (column, title) in zip(figure.axes, titles.items()):
        plot.degrees(axes.yaxis, 30 if column == "nearest" else 10)
        axes.set(ylim=0, ylabel="")
        ending = (f"{ends.loc[b, column]:.0f}° at {b}" for b in ends.index)
        axes.set_title(f"{title}: {', '.join(ending)}")
    return plot.show(figure)


def weights(pulls: pd.DataFrame, losses: pd.DataFrame):
    """The weight of a sample over p and its loss over u, a column a β."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 4.4))
    plot.lines(pulls, left, look, ylabel="1 − p + βp")
    left.set_xlabel("probability of the own class p")
    left.set_title("With β the pull no longer fades as p → 1")
    plot.lines(losses, right, look, ylabel="−log p + β log(1 − p)")
    right.axhline(0, color=INK, lw=0.8)
    right.set_xlabel("log-odds for the own class log(p/(1 − p))")
    right.set_title("With any β > 0 there is no lowest loss")
    return plot.show(figure)


def rival_weight(theta_y, theta_j, theta_k, *, s: float, beta: float):
    """The weight of Eq. 14 with three classes, and its growth in cos θ_j.

    The angles to own class, rival and third class are arrays in radians.
    Gives p_j + β (p_j2 − p_j) and the sign of its derivative in z_j.
    """
    angles = np.broadcast_arrays(theta_y, theta_j, theta_k)
    p_y, p_j, _ = softmax(s * np.cos(angles), axis=0)
    weight, bracket = (
        derive.numeric(form, derive.p_y, derive.p_j, derive.beta)(
            p_y, p_j, beta
        )
        for form in (derive.total_by_logits()[1], derive.rival_bracket())
    )
    return weight, np.sign(bracket)


def rivals(betas, *, s: float, beta: float):
    """The push on a rival as it comes near: for several β, and a map for one.

    Own and third angle are `OWN` and `THIRD`; the map varies the first.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 4.5))
    theta = np.linspace(0, math.pi, 361)
    for one in betas:
        weight, _ = rival_weight(OWN, theta, THIRD, s=s, beta=one)
        name = f"β = {one:g}"
        left.plot(theta, weight, label=name, **look(name))
    handles, labels = left.get_legend_handles_labels()
    left.legend(handles[::-1], labels[::-1], loc="upper right")
    left.axvline(OWN, color=BASELINE, lw=1, ls=":")
    left.set(xlabel=r"angle to the rival $\theta_j$", ylabel=WEIGHT)
    left.set_title(rf"The push at $\theta_y$ = {math.degrees(OWN):.0f}°")
    y, j = np.meshgrid(theta, theta)
    weight, sign = rival_weight(y, j, THIRD, s=s, beta=beta)
    mesh = right.pcolormesh(y, j, weight, cmap="cividis", rasterized=True)
    where = "falls nowhere"
    if sign.min() < 0:
        where = "falls only below the line"
        right.contour(y, j, sign, levels=[0], colors="#d55e00", linewidths=3)
    figure.colorbar(mesh, ax=right, label=WEIGHT)
    for axis in (left.xaxis, right.xaxis, right.yaxis):
        plot.degrees(axis, 60)
    right.grid(False)
    right.set(xlabel=r"own angle $\theta_y$", ylabel=r"rival $\theta_j$")
    right.set_title(f"β = {beta:g}: nearer, the push {where}")
    return plot.show(figure)
