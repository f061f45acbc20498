"""Curves over the angle: slopes of logits and of losses, for any loss."""

from __future__ import annotations

import math
import textwrap

import numpy as np
import torch
from matplotlib import pyplot as plt

from arcbook import losses
from arcbook.plot.style import (
    BASELINE,
    INK,
    colour,
    degrees,
    label_line,
    title,
)

QUARTER = math.pi / 2


def head(name: str, num_classes: int = 10, **wanted) -> losses.Head:
    """A head of a loss, with those wanted hyperparameters that it has.

    Args:
        name: of the loss.
        num_classes: C.
        **wanted: hyperparameters; one that the loss doesn't have is left.

    Returns:
        The head, with AdaCos at the s that it starts with.
    """
    spec = losses.get(name)
    known = {h.name for h in spec.hyperparameters}
    if spec.penalty == "iam":
        base = losses.get(wanted.get("base", "normface"))
        known |= {"base"} | {h.name for h in base.hyperparameters}
    given = {k: v for k, v in wanted.items() if k in known}
    made = losses.create(
        name, embedding_dim=2, num_classes=num_classes, **given
    )
    return made.eval()


def logit_slope(head: losses.Head, theta) -> np.ndarray:
    """∂Z_y/∂θ_y of the shipped formula, by autograd, at unit norms."""
    theta = torch.tensor(np.asarray(theta), requires_grad=True)
    logit = head.target_logit(theta)
    if not logit.requires_grad:
        return np.zeros(theta.shape)
    (slope,) = torch.autograd.grad(logit.sum(), theta)
    return slope.numpy()


def feature_norm(head: losses.Head, s: float) -> float:
    """|x| = s for a loss that keeps |x|, so that all compare at one scale."""
    return s if "|x|" in head.factors else 1.0


def loss_slope(head: losses.Head, theta, s: float = 1.0, others=QUARTER):
    """∂L/∂θ_y of one sample through the shipped code, by autograd.

    The class vectors have norm 1 and so has the feature, but for losses
    that keep |x|, where |x| = s.

    Args:
        head: of C classes.
        theta: K angles θ_y between 0 and π, the ends not included.
        s: |x| of the losses that keep it.
        others: θ_j of every other class.

    Returns:
        (K,), in units of the loss a radian.
    """
    classes = len(head.weight)
    theta = torch.tensor(np.asarray(theta), requires_grad=True)
    axes = torch.eye(classes + 1, dtype=torch.float64)
    turn = torch.full((len(theta), classes), float(others)).double()
    turn = torch.cat([theta[:, None], turn[:, 1:]], 1)
    vectors = (
        turn.cos()[..., None] * axes[0] + turn.sin()[..., None] * axes[1:]
    )
    feature = feature_norm(head, s) * axes[:1].expand(len(theta), 1, -1)
    labels = torch.zeros(len(theta), 1, dtype=torch.long)
    loss = head.on(vectors, penalties=False).losses(feature, labels)
    (slope,) = torch.autograd.grad(loss.sum(), theta)
    return slope.numpy()


def unit_scale(head: losses.Head, s: float) -> float:
    """What a head's logits are multiplied with, |x| = s included."""
    return float(head.s) * feature_norm(head, s)


def fig3(settings: dict[str, dict], s: float = 1.0, points: int = 721):
    """∂Z_y/∂θ_y of some losses in one picture. [angular-learning, Fig. 3]

    Args:
        settings: the hyperparameters of each loss, by its name.
        s: scale of all of them.
        points: angles from 0 to π.
    """
    figure, axes = plt.subplots(figsize=(8, 4.8))
    theta = np.linspace(0, np.pi, points)
    for name, values in settings.items():
        made = head(name, **values)
        slope = s * logit_slope(made, theta) / float(made.s)
        axes.plot(theta, slope, color=colour(name), label=title(name))
    for line, name in zip(axes.lines, settings, strict=True):
        _label_inside(line, name)
    axes.axhline(0, color=INK, lw=0.8)
    _angle_axis(axes, r"$\theta_y$")
    axes.set_ylabel(r"$\partial Z_y/\partial\theta_y$ (a radian)")
    axes.margins(y=0.09)
    axes.set_title("Only the angle as logit pulls the same at every angle")
    return figure


def _label_inside(line, name):
    """Write a name at the steepest point of its curve."""
    theta, slope = line.get_data()
    at = theta[np.argmin(slope)] if np.ptp(slope) > 1e-9 else 0.05
    label_line(line, min(at, 2.2), title(name), dy=-11)


def label_ends(lines, apart: float = 14):
    """Write the labels of some lines at their right ends, none over another.

    Args:
        lines: of one axes whose limits are set.
        apart: least distance between two names, in points.
    """
    axes = lines[0].axes
    height = axes.bbox.height * 72 / axes.figure.dpi
    low, high = axes.get_ylim()
    ends = [(line.get_ydata()[-1] - low) / (high - low) for line in lines]
    at = -math.inf
    for k in np.argsort(ends):
        at = max(at + apart, ends[k] * height)
        x = lines[k].get_xdata()[-1]
        label_line(lines[k], x, f" {lines[k].get_label()}",
                   dy=at - ends[k] * height)  # fmt: skip


def logit_atlas(names: list[str] | None = None, columns: int = 3, **wanted):
    """∂Z_y/∂θ_y at unit scale; losses with the same curve share a panel.

    Args:
        names: the losses; all registered ones by default.
        columns: of the grid.
        **wanted: hyperparameters, for the losses that have them.
    """
    theta = np.linspace(0, np.pi, 721)

    def slope(name):
        made = head(name, **wanted)
        return logit_slope(made, theta) / float(made.s)

    groups = alike(names or losses.available(), slope)
    figure, panels = _grid(groups, columns)
    for axes, (members, curve) in zip(panels, groups, strict=True):
        axes.plot(theta, -np.sin(theta), color=BASELINE, lw=1.2, ls="--")
        axes.plot(theta, curve, color=colour(members[0]))
        axes.axhline(0, color=INK, lw=0.6)
    figure.supylabel(r"$\partial Z_y/\partial\theta_y$ at scale 1",
                     fontsize=11.5)  # fmt: skip
    return figure


def loss_atlas(
    s: float,
    num_classes: int,
    names: list[str] | None = None,
    columns: int = 3,
    **wanted,
):
    """∂L/∂θ_y at unit scale with θ_j = 90°; the same curves share a panel.

    Where the pull is above half of its largest, the panel is tinted.

    Args:
        s: scale of the losses that have one, |x| of those that keep it.
        num_classes: C.
        names: the losses; all registered ones by default.
        columns: of the grid.
        **wanted: further hyperparameters, for the losses that have them.
    """

    def pull(name):
        return pull_curve(name, s, num_classes, **wanted)[1]

    theta = pull_angles()
    groups = alike(names or losses.available(), pull)
    figure, panels = _grid(groups, columns)
    for axes, (members, curve) in zip(panels, groups, strict=True):
        ink = colour(members[0])
        axes.plot(theta, curve, color=ink)
        strong = curve > curve.max() / 2
        axes.fill_between(
            theta, curve, where=strong, color=ink, alpha=0.25, lw=0
        )
        axes.axhline(0, color=INK, lw=0.6)
    figure.supylabel(r"$\partial L/\partial\theta_y$ at scale 1",
                     fontsize=11.5)  # fmt: skip
    return figure


def alike(names, curve) -> list[tuple[list[str], np.ndarray]]:
    """Losses whose curves agree to 1e-9, together, in their order.

    Args:
        names: the losses.
        curve: function from a name to an array.

    Returns:
        Pairs of the names that share a curve, and the curve.
    """
    groups = []
    for name in names:
        values = curve(name)
        for members, known in groups:
            if np.allclose(values, known, rtol=0, atol=1e-9):
                members.append(name)
                break
        else:
            groups.append(([name], values))
    return groups


def pull_angles() -> np.ndarray:
    """The angles of `pull_curve`, just inside of 0 and π."""
    return np.linspace(1e-4, np.pi - 1e-4, 541)


def pull_curve(name: str, s: float, num_classes: int, **wanted):
    """Angles between 0 and π, and ∂L/∂θ_y at unit scale with θ_j = 90°."""
    theta = pull_angles()
    made = head(name, num_classes, s=s, alpha=s, **wanted)
    return theta, loss_slope(made, theta, s) / unit_scale(made, s)


def half_range(name: str, s: float, num_classes: int, **wanted):
    """Smallest and largest θ_y where the pull is above half of its top."""
    theta, pull = pull_curve(name, s, num_classes, **wanted)
    strong = theta[pull > pull.max() / 2]
    return strong.min(), strong.max()


def _grid(groups, columns):
    rows = math.ceil(len(groups) / columns)
    longest = max(len(members) for members, _ in groups)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(8, 2.35 * rows + 0.12 * longest),
        squeeze=False,
    )
    for spare in grid.flat[len(groups) :]:
        spare.remove()
    panels = grid.flat[: len(groups)]
    for axes, (members, _) in zip(panels, groups, strict=True):
        text = textwrap.fill(", ".join(map(title, members)), 26)
        axes.set_title(text, color=colour(members[0]), fontsize=11, pad=4)
        _angle_axis(axes, r"$\theta_y$", step=60)
    figure.get_layout_engine().set(wspace=0.06)
    return figure, panels


def _angle_axis(axes, label, step=30):
    axes.set_xlim(0, np.pi)
    degrees(axes.xaxis, step)
    axes.set_xlabel(label)
