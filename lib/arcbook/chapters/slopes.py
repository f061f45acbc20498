"""Slopes of logits and of losses over the angle, through what trains."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import torch

from arcbook import losses

QUARTER = math.pi / 2


def head(name: str, num_classes: int = 10, **wanted) -> losses.Head:
    """A head of a loss, with those wanted hyperparameters that it has.

    Gives the head, with AdaCos at the s that it starts with.
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


def logits(settings: dict[str, dict], theta) -> pd.DataFrame:
    """The target's logit of some losses at unit scale and unit norms.

    Gives a row an angle, a column a loss.
    """
    columns = {}
    for name, values in settings.items():
        made = head(name, **values)
        logit = made.target_logit(torch.as_tensor(theta))
        columns[name] = logit.detach().numpy() / float(made.s)
    return pd.DataFrame(columns, index=theta)


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

    The class vectors have norm 1 and so has the feature, but for losses that
    keep |x|, where |x| = s.

    Gives (K,), in units of the loss a radian.
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


def alike(names, curve) -> list[tuple[list[str], np.ndarray]]:
    """Losses whose curves agree to 1e-9, together, in their order.

    Gives Pairs of the names that share a curve, and the curve.
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
