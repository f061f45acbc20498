"""Small trainings that a page runs while it is built.

Every setting and every seed is one network of a batch of K: each has its
own split, initialisation and class vectors, and all take the same steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from torch import nn

from arcbook import losses, stats
from arcbook.ensembles import initialise, one_thread, stack
from arcbook.geometry import angles, unit


class Angles(NamedTuple):
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
    def gap(self) -> np.ndarray:
        """Smallest of θ_j − θ_y, (H, S, N). [arcgrad, Eq. 13]"""
        own = np.arange(self.theta.shape[-1]) == self.labels[..., None]
        return np.where(own, np.inf, self.theta).min(-1) - self.intra

    @property
    def accuracy(self) -> np.ndarray:
        """Share of features nearest to their own class vector, (H, S)."""
        return (self.theta.argmin(-1) == self.labels).mean(-1)


class Trained(NamedTuple):
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
    Adam. All settings of one seed share split and initialisation.

    Args:
        table: a `datasets.Table`; `test_size` is the share held out.
        name, settings: of the loss, and H dictionaries of hyperparameters,
            of which `s` and `beta` alone differ.
        seeds, epochs: S integers, and when to measure, 0 before any step.
        width: of the hidden layers, and so of the features.
        relu: whether the features pass the last ReLU, as in `ensembles.mlp`
            and in [arcgrad, Section IV-A]; then none is negative.

    Raises ValueError: for a loss that has no scale s, or its settings.
    """
    shape = len(settings), len(seeds)
    rows = np.arange(len(table.y))
    given = {"test_size": test_size, "stratify": table.y}
    splits = [
        train_test_split(rows, random_state=seed, **given) for seed in seeds
    ]
    train, test = map(np.stack, zip(*splits))
    X = table.X[train]
    mean, spread = X.mean(1, keepdims=True), X.std(1, keepdims=True)
    spread[spread == 0] = 1
    seen, parts = Trained({}, {}, {}), []
    for found, rows in ((seen.test, test), (seen.train, train)):
        scaled = np.float32((table.X[rows] - mean) / spread)
        both = torch.from_numpy(scaled), torch.from_numpy(table.y[rows])
        X, y = (torch.cat([part] * len(settings)) for part in both)
        parts.append((found, X, y))
    sizes, classes = (X.shape[-1], width, 3), int(table.y.max()) + 1
    network, head = _stack(name, settings, seeds, sizes, classes)
    network = network[: None if relu else -1]
    optimizer = torch.optim.Adam([*network.parameters(), head.weight], lr=lr)
    for epoch in range(max(epochs) + 1):
        if epoch in epochs:
            with torch.no_grad():
                w, _ = unit(head.weight)
                seen.between[epoch] = _numbers(angles(w, w), shape)
                for found, inputs, labels in parts:
                    theta = angles(unit(network(inputs))[0], w)
                    pair = _numbers(theta, shape), _numbers(labels, shape)
                    found[epoch] = Angles(*pair)
        optimizer.zero_grad()
        head.losses(network(X), y).mean(-1).sum().backward()
        optimizer.step()
    return seen


def _numbers(tensor, shape):
    return tensor.unflatten(0, shape).numpy()


def _stack(name, settings, seeds, sizes, classes):
    """Networks and heads of all settings and seeds, each as a batched one.

    Class vectors depend on the seed alone.
    """
    every = [(hyper, seed) for hyper in settings for seed in seeds]
    networks, heads = zip(
        *(initialise(seed, sizes, classes, name, one) for one, seed in every)
    )
    spec, bound = heads[0].spec, heads[0].weight.shape[1] ** -0.5
    if "s" not in heads[0].factors or spec.adaptive:
        raise ValueError(
            f"{spec.name} has no fixed scale s; such losses are "
            f"{', '.join(losses.with_scale())}, without adacos"
        )
    for head, (_, seed) in zip(heads, every):
        draw = torch.Generator().manual_seed(10_000 + seed)
        head.weight.data.uniform_(-bound, bound, generator=draw)
    whole = stack(heads)
    whole.s = torch.tensor([head.s for head in heads])
    for k, penalty in enumerate(whole.regularisers):
        betas = [head.regularisers[k].beta for head in heads]
        penalty.beta = torch.tensor(betas)[:, None]
    return stack(networks), whole


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

    `settings` are H dictionaries of hyperparameters of "iam" on normface, `s`
    among them; `steps` says when to measure; `step` is the learning rate
    times s, in radians: how far a feature moves when its weight is 1.

    Gives by step, for each setting and seed (H, S), the angle of a class
    vector to its nearest other, and the own angle, means in radians.
    """
    shape = len(settings), len(seeds)
    _, head = _stack("iam", settings, seeds, (dim, dim, 1), classes)
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
                seen[k] = tuple(_numbers(one, shape) for one in pair)
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
    for title, rows in values.items():
        found = map(stats.of_runs, rows)
        columns[title] = [f"{one.mean:.1f} ± {one.half:.1f}" for one in found]
    return pd.DataFrame(columns)
