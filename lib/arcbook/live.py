"""Small trainings that a page runs while it is built.

Every setting and every seed is one network of a batch of K: each has its
own split, initialisation and class vectors, and all take the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from torch import nn

from arcbook import losses, stats
from arcbook.ensembles import one_thread, stack
from arcbook.geometry import angles, unit
from arcbook.networks import mlp


@dataclass(frozen=True)
class Angles:
    """Angles between features and class vectors, settings × seeds.

    Attributes:
        theta: (H, S, N, C), in radians.
        labels: (H, S, N).
    """

    theta: np.ndarray
    labels: np.ndarray

    @property
    def intra(self) -> np.ndarray:
        """Angle to the own class, (H, S, N)."""
        own = self.labels[..., None]
        return np.take_along_axis(self.theta, own, -1)[..., 0]

    @property
    def inter(self) -> np.ndarray:
        """Angles to the other classes, (H, S, N, C − 1)."""
        others = np.arange(self.theta.shape[-1]) != self.labels[..., None]
        return self.theta[others].reshape(*self.labels.shape, -1)

    @property
    def gap(self) -> np.ndarray:
        """Smallest of θ_j − θ_y, (H, S, N). [arcgrad, Eq. 13]"""
        return self.inter.min(-1) - self.intra

    @property
    def accuracy(self) -> np.ndarray:
        """Share of features nearest to their own class vector, (H, S)."""
        return (self.theta.argmin(-1) == self.labels).mean(-1)


@dataclass(frozen=True)
class Trained:
    """What a training showed at some of its epochs.

    Attributes:
        train, test: by epoch, `Angles` of the two parts of the data.
        between: by epoch, angles between class vectors (H, S, C, C).
    """

    train: dict[int, Angles]
    test: dict[int, Angles]
    between: dict[int, np.ndarray]


@one_thread()
def train(
    table,
    name: str,
    settings: list[dict],
    *,
    seeds: list[int],
    epochs: list[int],
    width: int = 16,
    relu: bool = True,
    lr: float = 0.01,
    test_size: float = 0.3,
) -> Trained:
    """Train a 3-layer ReLU network for each setting and seed.

    Features are standardised on the training part, steps are full-batch
    Adam. Settings differ in `s` and `beta` alone. All settings of one seed
    share split and initialisation.

    Args:
        table: a `datasets.Table`.
        name: of the loss.
        settings: H dictionaries of hyperparameters.
        seeds: S integers.
        epochs: when to measure; 0 is before the first step.
        width: of the hidden layers, and so of the features.
        relu: whether the features pass the last ReLU, as in `networks.mlp`
            and in [arcgrad, Section IV-A]; then none is negative.
        lr: the learning rate.
        test_size: share of the instances held out, stratified.

    Raises ValueError: for a loss that has no scale s, or its settings.
    """
    shape = len(settings), len(seeds)
    X, y, *held_out = _splits(table, shape[0], seeds, test_size)
    with torch.random.fork_rng(devices=[]):
        networks = [_network(X.shape[-1], width, seed) for seed in seeds]
        head = _stack(name, settings, seeds, width, int(table.y.max()) + 1)
    network = stack(networks * shape[0])[: None if relu else -1]
    optimizer = torch.optim.Adam([*network.parameters(), head.weight], lr=lr)
    seen = Trained({}, {}, {})
    for epoch in range(max(epochs) + 1):
        if epoch in epochs:
            seen.train[epoch] = _angles(network, head, X, y, shape)
            seen.test[epoch] = _angles(network, head, *held_out, shape)
            w = unit(head.weight.detach())[0]
            between = angles(w, w).numpy()
            seen.between[epoch] = between.reshape(*shape, *between.shape[1:])
        optimizer.zero_grad()
        head.losses(network(X), y).mean(-1).sum().backward()
        optimizer.step()
    return seen


def _network(inputs, width, seed):
    torch.manual_seed(seed)
    return mlp(inputs, width, 3)


def _splits(table, copies, seeds, test_size):
    """X, y, X_test, y_test: of each seed, once for each setting."""
    parts = [
        train_test_split(
            *(table.X, table.y),
            test_size=test_size,
            stratify=table.y,
            random_state=seed,
        )
        for seed in seeds
    ]
    X, X_test, y, y_test = map(np.stack, zip(*parts))
    mean, spread = X.mean(1, keepdims=True), X.std(1, keepdims=True)
    spread[spread == 0] = 1
    scaled = [((a - mean) / spread).astype(np.float32) for a in (X, X_test)]
    return [
        torch.tensor(np.concatenate([a] * copies))
        for a in (scaled[0], y, scaled[1], y_test)
    ]


def _stack(name, settings, seeds, dim, classes):
    """The heads of all settings and seeds as one batched head."""
    heads, bound = [], 1 / dim**0.5
    for hyper in settings:
        for seed in seeds:
            head = losses.create(
                name, embedding_dim=dim, num_classes=classes, **hyper
            )
            if "s" not in head.factors or head.spec.adaptive:
                raise ValueError(
                    f"{head.spec.name} has no fixed scale s; such losses are "
                    f"{', '.join(losses.with_scale())}, without adacos"
                )
            draw = torch.Generator().manual_seed(10_000 + seed)
            head.weight.data.uniform_(-bound, bound, generator=draw)
            heads.append(head)
    whole = stack(heads)
    whole.s = torch.tensor([head.s for head in heads])
    for k, penalty in enumerate(whole.regularisers):
        betas = [head.regularisers[k].beta for head in heads]
        penalty.beta = torch.tensor(betas)[:, None]
    return whole


@torch.no_grad()
def _angles(network, head, X, y, shape):
    theta = angles(unit(network(X))[0], unit(head.weight)[0]).numpy()
    return Angles(
        theta.reshape(*shape, *theta.shape[1:]), y.numpy().reshape(*shape, -1)
    )


@one_thread()
def descend_on_sphere(
    settings: list[dict],
    *,
    classes: int,
    seeds: list[int],
    steps: list[int],
    dim: int = 3,
    per_class: int = 10,
    step: float = 0.05,
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Gradient descent of class vectors and features, both free and unit.

    No network stands between the loss and the features, so what is seen is
    the loss alone.

    Args:
        settings: H dictionaries of hyperparameters of "iam" on normface,
            `s` among them.
        classes: C.
        seeds: S integers.
        steps: when to measure.
        dim: d of the sphere's space.
        per_class: features a class.
        step: the learning rate times s, in radians: how far a feature
            moves when its weight is 1.

    Returns:
        By step, for each setting and seed (H, S): the angle of a class
        vector to its nearest other, and the own angle, means in radians.
    """
    shape = len(settings), len(seeds)
    with torch.random.fork_rng(devices=[]):
        head = _stack("iam", settings, seeds, dim, classes)
    draws = [torch.Generator().manual_seed(seed) for seed in seeds]
    count = classes * per_class
    x = torch.stack([torch.randn(count, dim, generator=g) for g in draws])
    x = x.repeat(shape[0], 1, 1).double().requires_grad_(True)
    head.weight = nn.Parameter(head.weight.detach().double())
    y = torch.arange(classes).repeat_interleave(per_class).repeat(len(x), 1)
    lr = step / head.s[:, None, None]
    same = torch.eye(classes, dtype=torch.bool)
    seen = {}
    for k in range(max(steps) + 1):
        with torch.no_grad():
            x.copy_(unit(x)[0])
            head.weight.copy_(unit(head.weight)[0])
            if k in steps:
                between = angles(head.weight, head.weight)
                nearest = between.masked_fill(same, 9).amin(-1).mean(-1)
                own = angles(x, head.weight).gather(-1, y[..., None])
                pair = nearest, own[..., 0].mean(-1)
                seen[k] = tuple(v.numpy().reshape(shape) for v in pair)
        loss = head.losses(x, y).sum()
        of_x, of_w = torch.autograd.grad(loss, [x, head.weight])
        with torch.no_grad():
            x -= lr * of_x
            head.weight -= lr / per_class * of_w
    return seen


def summary(trained: Trained, epoch: int, **columns) -> pd.DataFrame:
    """Means over seeds, with half the width of their 95% intervals.

    Gives a row a setting, after `columns` of H values each; W-Inter is the
    mean angle between class vectors [arcgrad, Eq. 21].
    """
    between = np.degrees(trained.between[epoch])
    count = between.shape[-1]
    values = {"W-Inter, °": between.sum((-1, -2)) / (count**2 - count)}
    parts = {"training": trained.train, "held out": trained.test}
    for name, part in parts.items():
        seen = part[epoch]
        values |= {
            f"own angle, {name}, °": np.degrees(seen.intra.mean(-1)),
            f"gap, {name}, °": np.degrees(seen.gap.mean(-1)),
            f"accuracy, {name}, %": 100 * seen.accuracy,
        }
    return pd.DataFrame(
        columns
        | {
            title: [_with_half(stats.of_runs(row)) for row in rows]
            for title, rows in values.items()
        }
    )


def _with_half(found):
    return f"{found.mean:.1f} ± {found.high - found.mean:.1f}"
