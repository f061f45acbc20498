"""Many small networks trained as one batched network.

K networks of one shape are one network whose parameters have a leading
dimension K. A layer is then one batched matrix product, a head works as it
is, and one Adam over the stacked parameters is K Adams, because it treats
every element by itself. Each network keeps its own fold, initialisation and
shuffle, so that its numbers are those of training it alone, within rounding.
"""

from __future__ import annotations

import copy
import ctypes
import functools
import math
import platform
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import KFold
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from arcbook import losses
from arcbook.networks import embedding_dim, mlp


@dataclass(frozen=True)
class Fold:
    """The part of the data that one network learns from, and the rest.

    Attributes:
        train, test: row numbers.
        seed: of the network's initialisation and shuffles. It does not
            depend on the loss: losses are compared in pairs.
    """

    train: np.ndarray
    test: np.ndarray
    seed: int


@dataclass(frozen=True)
class Trained:
    """What K networks came to, in the order of their folds.

    Attributes:
        network, head: stacked, in evaluation mode.
        predictions: the class of every test row, one array a network.
        correct, tested: test rows, right and all, (K,).
        train_accuracy: at the end, (K,), a share.
        diverged: whether a parameter is no longer finite, (K,).
        constant: whether all rows get the same class, (K,).
        curve: training loss, a mean over all networks and over each of a
            number of equal intervals of the training.
        steps: optimiser steps.
        seconds: of training and evaluation.
        note: the warnings given when the heads were made.
    """

    network: nn.Module
    head: nn.Module
    predictions: list[np.ndarray]
    correct: np.ndarray
    tested: np.ndarray
    train_accuracy: np.ndarray
    diverged: np.ndarray
    constant: np.ndarray
    curve: list[float]
    steps: int
    seconds: float
    note: str

    @property
    def accuracy(self) -> np.ndarray:
        """Test accuracy of each network, (K,), a share."""
        return self.correct / self.tested


def cross_validation(
    samples: int, *, runs: int = 10, splits: int = 10, seed: int = 0
) -> list[Fold]:
    """Folds of repeated cross-validation with random partitions.

    The rows, so many samples, are parted `runs` times into `splits` folds,
    not stratified, as in [arcgrad, Section IV-A]. The seed decides the
    partitions and the seeds of the networks.

    Gives runs × splits folds, run after run. Raises ValueError when there
    are fewer rows than folds.
    """
    if not 2 <= splits <= samples:
        raise ValueError(
            f"splits = {splits} is not allowed for {samples} rows: "
            f"it is an integer in 2..{samples}"
        )
    folds = []
    for run in range(runs):
        parts = KFold(splits, shuffle=True, random_state=_draw(seed, run))
        for split, (train, test) in enumerate(parts.split(range(samples))):
            folds.append(Fold(train, test, _draw(seed, run, split)))
    return folds


@contextmanager
def one_thread():
    """Compute on one thread: how many there are decides results."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def train(
    X: np.ndarray,
    y: np.ndarray,
    folds: Sequence[Fold],
    *,
    loss: str,
    hyperparameters: Mapping | None = None,
    layers: int = 3,
    width: int = 32,
    epochs: int = 100,
    lr: float = 0.01,
    batch_size: int = 16,
    weight_decay: float = 5e-4,
    only: Sequence[int] | None = None,
    dtype: torch.dtype | None = None,
    points: int = 20,
) -> Trained:
    """Train one network a fold, all at once.

    Adam with a one-cycle schedule. Features are z-scored with the mean and
    deviation of the network's own training fold. Epochs are shuffled anew
    and joined to one stream that is cut into full batches, so that all
    networks take the same number of steps, enough for `epochs` passes over
    the largest training fold.

    Args:
        X: (n, features).
        y: (n,), classes 0..C−1.
        folds: as from `cross_validation`.
        loss, hyperparameters: as `losses.create` takes them.
        layers, width: as `networks.mlp` takes them.
        epochs: passes over a training fold.
        lr: the peak of the one-cycle schedule.
        batch_size: rows of one step of one network.
        weight_decay: of Adam, on all parameters.
        only: numbers of the folds to train; the number of steps still comes
            from all folds.
        dtype: of the networks' parameters; by default torch's default.
        points: length of the loss curve, at most one a step.

    Gives the trained networks and what they came to. Raises ValueError: for an
    unknown loss or a value outside its range.
    """
    start = time.perf_counter()
    _keep_freed_memory()
    largest = max(len(fold.train) for fold in folds)
    steps = math.ceil(epochs * largest / batch_size)
    folds = [folds[k] for k in (range(len(folds)) if only is None else only)]
    size = X.shape[1]
    head_of = (int(y.max()) + 1, loss, hyperparameters or {})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pairs = [
            initialise(fold.seed, (size, width, layers), *head_of)
            for fold in folds
        ]
    note = "; ".join(dict.fromkeys(str(w.message) for w in caught))
    network, head = (stack(modules) for modules in zip(*pairs, strict=True))
    parameters = [*network.parameters(), *head.parameters()]
    dtype = dtype or torch.get_default_dtype()
    for parameter in parameters:
        parameter.data = parameter.data.to(dtype)
    rows = torch.from_numpy(_standardise(X, folds)).to(dtype)
    labels = torch.from_numpy(np.asarray(y)).long()
    optimiser = torch.optim.Adam(
        parameters, lr=lr, weight_decay=weight_decay, fused=True
    )
    schedule = OneCycleLR(optimiser, max_lr=lr, total_steps=steps)
    first = torch.arange(len(folds))[:, None] * len(labels)
    flat = rows.flatten(0, 1)
    course = torch.zeros(steps, dtype=torch.float64)
    for step, batch in enumerate(_batches(folds, steps, batch_size)):
        inputs = flat.index_select(0, (batch + first).flatten())
        features = network(inputs.view(len(folds), batch_size, size))
        each = head.losses(features, labels[batch]).mean(-1)
        optimiser.zero_grad()
        each.sum().backward()
        optimiser.step()
        schedule.step()
        course[step] = each.detach().mean()
    network.eval()
    head.eval()
    with torch.no_grad():
        predicted = head.predict(network(rows)).numpy()
    right = [row == np.asarray(y) for row in predicted]
    finite = [p.isfinite().view(len(folds), -1).all(1) for p in parameters]
    pairs = [*zip(right, folds, strict=True)]
    parts = course.tensor_split(min(points, steps))
    return Trained(
        network=network,
        head=head,
        predictions=[p[f.test] for p, f in zip(predicted, folds)],
        correct=np.array([hit[fold.test].sum() for hit, fold in pairs]),
        tested=np.array([len(fold.test) for fold in folds]),
        train_accuracy=np.array([h[fold.train].mean() for h, fold in pairs]),
        diverged=~torch.stack(finite).all(0).numpy(),
        constant=(predicted == predicted[:, :1]).all(1),
        curve=[part.mean().item() for part in parts],
        steps=steps,
        seconds=time.perf_counter() - start,
        note=note,
    )


def stack(modules: Sequence[nn.Module]) -> nn.Module:
    """One module whose parameters and buffers are those of K, stacked.

    Gives a copy of the first, of K modules of one structure, with a leading
    dimension K on every parameter and buffer. Whether its forward makes use
    of that is its own affair.
    """
    stacked = copy.deepcopy(modules[0])
    parts = [
        dict([*module.named_parameters(), *module.named_buffers()])
        for module in modules
    ]
    for name, value in parts[0].items():
        path, _, leaf = name.rpartition(".")
        tensor = torch.stack([part[name].detach() for part in parts])
        if isinstance(value, nn.Parameter):
            tensor = nn.Parameter(tensor)
        setattr(stacked.get_submodule(path), leaf, tensor)
    return stacked


def initialise(
    seed: int,
    shape: tuple[int, int, int],
    classes: int,
    loss: str,
    hyperparameters: Mapping,
) -> tuple[nn.Module, nn.Module]:
    """The network and the head of one fold, before training.

    `shape` is inputs, width and layers, as `networks.mlp` takes them. The
    parameters that losses share start from the same values. The global
    generator is left as it is.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return mlp(*shape), losses.create(
            loss,
            embedding_dim=embedding_dim(*shape),
            num_classes=classes,
            **hyperparameters,
        )


def stream(fold: Fold, length: int) -> np.ndarray:
    """The rows that one network sees: shuffled epochs, joined and cut."""
    generator = np.random.default_rng(fold.seed)
    epochs = math.ceil(length / len(fold.train))
    shuffled = [generator.permutation(fold.train) for _ in range(epochs)]
    return np.concatenate(shuffled)[:length].astype(np.int32)


def _draw(*entropy):
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def _standardise(X, folds):
    scaled = []
    for fold in folds:
        mean, deviation = X[fold.train].mean(0), X[fold.train].std(0)
        scaled.append((X - mean) / np.where(deviation == 0, 1, deviation))
    return np.stack(scaled)


def _batches(folds, steps, batch_size):
    """Row numbers (K, batch_size) of every step."""
    streams = np.stack([stream(fold, steps * batch_size) for fold in folds])
    for step in range(steps):
        part = streams[:, step * batch_size : (step + 1) * batch_size]
        yield torch.from_numpy(part).long()


@functools.cache
def _keep_freed_memory():
    """Let glibc reuse freed blocks instead of giving them back.

    The tensors of a step have the size at which glibc asks the system for
    fresh pages every time; touching those takes longer than the arithmetic.
    """
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold = -1, -3
        library = ctypes.CDLL(None)
        library.mallopt(mmap_threshold, 32 << 20)
        library.mallopt(trim_threshold, 1 << 30)
