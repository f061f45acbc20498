"""Small trainings that a page runs while it is built.

Every setting and every seed is one network of a batch of K: each has its
own split, initialisation and class vectors, and all take the same steps.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from torch import nn

from arcbook import losses
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
        classes = np.arange(self.theta.shape[-1])
        others = classes != self.labels[..., None]
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

    Features are standardised on the training part, steps are full-batch Adam.
    Settings differ in `s` and `beta` alone. All settings of one seed share
    split and initialisation.

    Raises ValueError for a loss that has no scale s, or its settings.
    """
    shape = len(settings), len(seeds)
    (X, y), held_out = _splits(table, shape, seeds, test_size)
    classes = int(table.y.max()) + 1
    with torch.random.fork_rng(devices=[]):
        network = _network(X.shape[-1], width, relu, shape, seeds)
        head = _stack(name, settings, seeds, width, classes)
    parameters = [*network.parameters(), head.weight]
    optimizer = torch.optim.Adam(parameters, lr=lr)
    seen = Trained({}, {}, {})
    with _one_thread():
        for epoch in range(max(epochs) + 1):
            if epoch in epochs:
                seen.train[epoch] = _angles(network, head, X, y, shape)
                seen.test[epoch] = _angles(network, head, *held_out, shape)
                w = unit(head.weight.detach())[0]
                between = angles(w, w).numpy()
                seen.between[epoch] = between.reshape(
                    *shape, *between.shape[1:]
                )
            optimizer.zero_grad()
            head.losses(network(X), y).mean(-1).sum().backward()
            optimizer.step()
    return seen


@contextlib.contextmanager
def _one_thread():
    """The same numbers whatever the machine's number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _network(inputs, width, relu, shape, seeds):
    """The book's 3-layer network, one for each setting and seed."""
    members = []
    for seed in seeds:
        torch.manual_seed(seed)
        members.append(mlp(inputs, width, 3))
    network = members[0] if relu else members[0][:-1]
    for k, layer in enumerate(network):
        for name, _ in list(layer.named_parameters()):
            each = [getattr(member[k], name).detach() for member in members]
            stacked = nn.Parameter(_settings_by_seeds(each, shape))
            setattr(layer, name, stacked)
    return network


def _settings_by_seeds(each, shape):
    one = torch.stack(tuple(each))
    return one.repeat(shape[0], *[1] * (one.ndim - 1))


def _splits(table, shape, seeds, test_size):
    parts = [
        train_test_split(
            table.X,
            table.y,
            test_size=test_size,
            stratify=table.y,
            random_state=seed,
        )
        for seed in seeds
    ]
    X, X_test, y, y_test = map(np.stack, zip(*parts))
    mean = X.mean(1, keepdims=True)
    spread = X.std(1, keepdims=True)
    spread[spread == 0] = 1
    X, X_test = (X - mean) / spread, (X_test - mean) / spread
    pairs = ((X, y), (X_test, y_test))
    return [
        (
            _settings_by_seeds(torch.tensor(a, dtype=torch.float32), shape),
            _settings_by_seeds(torch.tensor(b), shape),
        )
        for a, b in pairs
    ]


def _stack(name, settings, seeds, dim, classes):
    """The heads of all settings and seeds as one batched head."""
    heads = []
    for hyper in settings:
        head = losses.create(
            name, embedding_dim=dim, num_classes=classes, **hyper
        )
        if "s" not in head.factors or head.spec.adaptive:
            raise ValueError(
                f"{head.spec.name} has no fixed scale s; such losses are "
                f"{', '.join(losses.with_scale())}, without adacos"
            )
        heads.append(head)
    head = heads[0]
    draws = [torch.Generator().manual_seed(10_000 + seed) for seed in seeds]
    bound = 1 / dim**0.5
    each = [
        torch.empty(classes, dim).uniform_(-bound, bound, generator=g)
        for g in draws
    ]
    shape = len(settings), len(seeds)
    head = head.on(nn.Parameter(_settings_by_seeds(each, shape)))
    repeat = len(seeds)
    head.s = torch.tensor([h.s for h in heads]).repeat_interleave(repeat)
    for k, penalty in enumerate(head.regularisers):
        betas = [h.regularisers[k].beta for h in heads]
        penalty.beta = torch.tensor(betas).repeat_interleave(repeat)[:, None]
    return head


@torch.no_grad()
def _angles(network, head, X, y, shape):
    x, w = unit(network(X))[0], unit(head.weight)[0]
    theta = angles(x, w).numpy()
    return Angles(
        theta.reshape(*shape, *theta.shape[1:]),
        y.numpy().reshape(*shape, -1),
    )


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

    No network stands between the loss and the features, so what is seen is the
    loss alone.

    Gives by step, for each setting and seed (H, S): the angle of a class
    vector to its nearest other, and the own angle, means in radians.
    """
    shape = len(settings), len(seeds)
    with torch.random.fork_rng(devices=[]):
        head = _stack("iam", settings, seeds, dim, classes)
    draws = [torch.Generator().manual_seed(seed) for seed in seeds]
    count = classes * per_class
    x = [torch.randn(count, dim, generator=g) for g in draws]
    x = _settings_by_seeds(x, shape).double().requires_grad_(True)
    head.weight = nn.Parameter(head.weight.detach().double())
    y = torch.arange(classes).repeat_interleave(per_class)
    y = y.repeat(len(x), 1)
    lr = step / head.s[:, None, None]
    same = torch.eye(classes, dtype=torch.bool)
    seen = {}
    with _one_thread():
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


def mean_and_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over seeds and half its 95% interval (Student's t)."""
    from scipy.stats import t

    count = values.shape[-1]
    error = values.std(-1, ddof=1) / count**0.5
    return values.mean(-1), t.ppf(0.975, count - 1) * error


def summary(trained: Trained, epoch: int, **columns) -> pd.DataFrame:
    """Means over seeds, with half the width of their 95 % intervals.

    Gives a row a setting; W-Inter is the mean angle between class vectors
    [arcgrad, Eq. 21].
    """
    frame = pd.DataFrame(columns)
    between = np.degrees(trained.between[epoch])
    count = between.shape[-1]
    mean, half = mean_and_interval(between.sum((-1, -2)) / (count**2 - count))
    frame["W-Inter, °"] = [f"{a:.1f} ± {b:.1f}" for a, b in zip(mean, half)]
    parts = {"training": trained.train, "held out": trained.test}
    for name, part in parts.items():
        seen = part[epoch]
        for title, values in {
            f"own angle, {name}, °": np.degrees(seen.intra.mean(-1)),
            f"gap, {name}, °": np.degrees(seen.gap.mean(-1)),
            f"accuracy, {name}, %": 100 * seen.accuracy,
        }.items():
            mean, half = mean_and_interval(values)
            frame[title] = [f"{a:.1f} ± {b:.1f}" for a, b in zip(mean, half)]
    return frame
