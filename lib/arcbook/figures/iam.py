"""The pictures of the chapter on the IAM regulariser."""

from __future__ import annotations

import math

import numpy as np
from matplotlib import pyplot as plt

from arcbook.plot.style import BASELINE, INK, colour, degrees

SHADES = ("#2b7bd6", "#0f8a7e", "#a23984", "#d55e00", "#8a7420")
INKS = {0: BASELINE} | dict(zip((0.2, 0.8, 1, 2), SHADES))


def _ink(beta):
    """Grey without the penalty; each β has one colour in all pictures."""
    return INKS.get(beta, SHADES[int(10 * beta) % len(SHADES)])


def weights(betas):
    """How much of a sample's pull is left, and the loss that gives it.

    Args:
        betas: several β ≥ 0, a curve each.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.4))
    p = np.linspace(0, 1, 200)
    against = np.linspace(-8, 6, 400)
    for beta in betas:
        ink = _ink(beta)
        left.plot(p, 1 - p + beta * p, color=ink)
        _beside(left, 1, beta, f"β = {beta:g}", ink)
        softplus = np.logaddexp(0, against)
        loss = softplus + beta * (against - softplus)
        right.plot(-against, loss, color=ink)
        _beside(right, 8, loss[0], f"β = {beta:g}", ink)
    left.set(
        xlabel="probability of the own class p",
        ylabel="weight 1 − p + βp",
        ylim=(0, None),
    )
    left.set_title("With β the pull no longer fades as p → 1")
    right.axhline(0, color=INK, lw=0.8)
    right.set(
        xlabel="log-odds for the own class log(p/(1 − p))",
        ylabel="−log p + β log(1 − p)",
    )
    right.set_title("With any β > 0 there is no lowest loss")
    return figure


def _beside(axis, x, y, text, ink):
    axis.annotate(
        text,
        (x, y),
        (5, 0),
        textcoords="offset points",
        color=ink,
        va="center",
        fontsize=11,
        annotation_clip=False,
    )


def rival_weight(theta_y, theta_j, theta_k, *, s: float, beta: float):
    """The weight of Eq. 14 with three classes, and its growth in cos θ_j.

    Args:
        theta_y, theta_j, theta_k: angles to the own class, to the rival and
            to a third class, in radians; arrays that broadcast.
        s, beta: scale and weight of the penalty.

    Returns:
        p_j + β (p_j2 − p_j), and the sign of its derivative in z_j.
    """
    z = [s * np.cos(np.asarray(t, float)) for t in (theta_y, theta_j, theta_k)]
    others = np.logaddexp(z[1], z[2])
    total = np.logaddexp(z[0], others)
    p_y, p_j = np.exp(z[0] - total), np.exp(z[1] - total)
    rest = np.exp(others - total)
    second = np.exp(z[1] - others)
    bracket = (1 - p_j) * rest * (rest + beta * p_y) - beta * p_y * p_j
    return p_j + beta * (second - p_j), np.sign(bracket)


def rivals(
    betas, *, s: float, beta: float, own: float = 30, third: float = 90
):
    """The push on a rival's class vector as the rival comes near.

    Args:
        betas: several β, a curve each on the left.
        s: the scale.
        beta: of the map on the right.
        own, third: angles to the own and to the third class, in degrees;
            the map varies the first.
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.6, 4.5), width_ratios=(1, 1.15)
    )
    theta = np.linspace(0, math.pi, 721)
    own, third = math.radians(own), math.radians(third)
    for b in betas:
        weight, _ = rival_weight(own, theta, third, s=s, beta=b)
        left.plot(theta, weight, color=_ink(b))
        place = np.argmin(np.abs(theta - (own + third) / 2))
        left.annotate(
            f"β = {b:g}",
            (theta[place], weight[place]),
            (0, 8),
            textcoords="offset points",
            color=_ink(b),
            ha="center",
            fontsize=11,
        )
    left.axvline(own, color=BASELINE, lw=1, ls=":")
    degrees(left.xaxis, 60)
    left.set(xlabel="angle to the rival θ_j", ylabel="weight of Eq. 14")
    left.set_title(f"The push on a rival at θ_y = {math.degrees(own):.0f}°")
    y, j = np.meshgrid(
        np.linspace(0, math.pi, 241), np.linspace(0, math.pi, 241)
    )
    weight, sign = rival_weight(y, j, third, s=s, beta=beta)
    mesh = right.pcolormesh(
        y, j, weight, cmap="cividis", rasterized=True, shading="gouraud"
    )
    falls = sign.min() < 0
    if falls:
        right.contour(y, j, sign, levels=[0], colors=SHADES[3], linewidths=3)
    figure.colorbar(mesh, ax=right, label="weight of Eq. 14")
    degrees(right.xaxis, 60)
    degrees(right.yaxis, 60)
    right.grid(False)
    right.set(xlabel="θ_y", ylabel="θ_j")
    where = "falls only below the line" if falls else "falls nowhere"
    right.set_title(f"β = {beta:g}: nearer, the push {where}")
    return figure


def sphere(seen, betas):
    """Class vectors and features that descend freely on the sphere.

    Args:
        seen: what `live.descend_on_sphere` gave, a setting for each β.
        betas: the β.
    """
    from arcbook.live import mean_and_interval

    figure, axes = plt.subplots(1, 2, figsize=(9.2, 4.4))
    steps = list(seen)
    for which, axis in enumerate(axes):
        values = np.stack([seen[k][which] for k in steps], -1)
        for row, beta in zip(values, betas):
            mean, half = mean_and_interval(row.T)
            ink = _ink(beta)
            axis.plot(steps, mean, color=ink)
            axis.fill_between(
                steps, mean - half, mean + half, color=ink, alpha=0.18, lw=0
            )
            _beside(axis, steps[-1], mean[-1], f"β = {beta:g}", ink)
        degrees(axis.yaxis)
        axis.set(xlabel="step", ylim=(0, None))
    for which, (axis, name) in enumerate(
        zip(axes, ("Nearest class vector", "Own angle"))
    ):
        last = np.degrees(seen[steps[-1]][which].mean(-1))
        axis.set(ylabel=name.lower())
        axis.set_title(
            f"{name}: {last[0]:.0f}° at β = {betas[0]:g}, "
            f"{last[-1]:.0f}° at β = {betas[-1]:g}"
        )
    return figure


def trained(rows, names):
    """Angles that networks come to, with and without the penalty.

    Args:
        rows: for each setting, (mean, half-width) of the own angle in
            training, of that held out and of W-Inter, in radians.
        names: of the settings.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 4.2), sharey=True)
    at = np.arange(len(names))[::-1]
    for k, (label, ink, mark, axis) in enumerate(
        (
            ("training", colour("iam"), "o", axes[0]),
            ("held out", INK, "o", axes[0]),
            ("", colour("iam"), "o", axes[1]),
        )
    ):
        mean, half = np.array([row[k] for row in rows]).T
        axis.errorbar(
            mean,
            at - (0.14 if label == "held out" else 0),
            xerr=half,
            fmt=mark,
            color=ink,
            capsize=3,
            lw=1.5,
            mfc="none" if label == "held out" else ink,
        )
        axis.annotate(
            label,
            (mean[0], at[0] - (0.14 if label == "held out" else 0)),
            (0, -14 if label == "held out" else 9),
            textcoords="offset points",
            ha="center",
            color=ink,
            fontsize=10.5,
        )
        degrees(axis.xaxis)
    axes[0].set_yticks(at, names)
    axes[0].set(xlabel="own angle", ylim=(-0.6, len(names) - 0.4))
    axes[0].set_xlim(0, None)
    axes[1].set(xlabel="mean angle between class vectors")
    for axis, k in zip(axes, (0, 2)):
        first, second = np.degrees([rows[0][k][0], rows[1][k][0]])
        axis.set_title(
            f"{first:.0f}° at {names[0]}, {second:.0f}° at {names[1]}"
        )
    return figure
