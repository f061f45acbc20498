"""Many small networks trained as one batched network.

K networks of one shape are one network whose parameters have a leading
dimension K. A layer is then one batched matrix product, a head works as it
is, and one Adam over the stacked parameters is K Adams, because it treats
every element by itself. Each network keeps its own fold, initialisation and
shuffle, and where asked for its own rate, decay and hyperparameters, so that
its numbers are those of training it alone, within rounding.
"""

from __future__ import annotations

import copy
import ctypes
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

POINTS = 20


class Affine(nn.Linear):
    """A linear layer that may stand for K of them.

    With weights (d', d) it takes (N, d), as `nn.Linear` does; with weights
    (K, d', d) and biases (K, d') it takes (K, N, d).
    """

    def forward(self, inputs: torch.Tensor):
        if self.weight.ndim == 2:
            return super().forward(inputs)
        return torch.baddbmm(self.bias[:, None], inputs, self.weight.mT)


def mlp(inputs: int, width: int, layers: int) -> nn.Sequential:
    """The part of a feed-forward ReLU network that stands before its head.

    A network of k layers has k weight matrices, and the class vectors of the
    head are the last of them: k = 3 is linear, ReLU, linear, ReLU, class
    vectors [arcgrad, Section IV-A], and with k = 1 the features are the
    inputs. Layers have biases (the head has none) and PyTorch's default
    initialisation, uniform within ±1/√(fan-in).

    Gives a module from (N, inputs) to the features, (N, width) for k above 1.
    Raises ValueError: for a size that is not positive.
    """
    sizes = {"inputs": inputs, "width": width, "layers": layers}
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} = {value}: a network has at least 1")
    steps = []
    for fan_in in [inputs, *[width] * (layers - 2)][: layers - 1]:
        steps += [Affine(fan_in, width), nn.ReLU()]
    return nn.Sequential(*steps)


@dataclass(frozen=True)
class Fold:
    """The part of the data that one network learns from, and the rest.

    Train and test are row numbers; the seed is of the network's initialisation
    and shuffles, whatever the loss: losses are compared in pairs.
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
        curve: training loss, a mean over all networks and over each of at
            most 20 equal intervals of the training.
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
    hyperparameters: Mapping | Sequence[Mapping] | None = None,
    layers: int = 3,
    width: int = 32,
    epochs: int = 100,
    lr: float | Sequence[float] = 0.01,
    batch_size: int = 16,
    weight_decay: float | Sequence[float] = 5e-4,
) -> Trained:
    """Train one network a fold, all at once.

    Adam with a one-cycle schedule. Features are z-scored with the mean and
    deviation of the network's own training fold. Epochs are shuffled anew
    and joined to one stream that is cut into full batches, so that all
    networks take the same number of steps, enough for `epochs` passes over
    the largest training fold.

    X is (n, features), y (n,) with classes 0..C−1; folds are those of
    `cross_validation`, the loss and its hyperparameters those of
    `losses.create`, layers and width those of `mlp`. `lr` is the peak of the
    schedule, the batch size is that of one network, and weight decay is on
    all parameters. Hyperparameters, `lr` and weight decay are those of all
    networks, or a sequence with one a fold.

    Raises ValueError: for an unknown loss, a value outside its range, or a
    sequence of another length.
    """
    start = time.perf_counter()
    _keep_freed_memory()
    longest = max(len(fold.train) for fold in folds)
    steps = math.ceil(epochs * longest / batch_size)
    y, size = np.asarray(y), X.shape[1]
    like = (size, width, layers), int(y.max()) + 1, loss
    each = hyperparameters or {}
    if isinstance(each, Mapping):
        each = [each] * len(folds)
    own = {"hyperparameters": each, "lr": lr, "weight_decay": weight_decay}
    for name, values in own.items():
        if np.ndim(values) and len(values) != len(folds):
            raise ValueError(
                f"{name} of {len(values)} networks do not fit "
                f"{len(folds)} folds"
            )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pairs = [
            initialise(fold.seed, *like, own)
            for fold, own in zip(folds, each, strict=True)
        ]
    note = "; ".join(dict.fromkeys(str(w.message) for w in caught))
    network, head = (stack(modules) for modules in zip(*pairs, strict=True))
    _tell_apart(head, each)
    parameters = [*network.parameters(), *head.parameters()]
    rows = torch.from_numpy(_standardise(X, folds))
    rows = rows.to(torch.get_default_dtype())
    labels = torch.from_numpy(y).long()
    optimiser, step_of_each = _adam(parameters, lr, weight_decay, len(folds))
    peak = float(np.max(lr))
    schedule = OneCycleLR(optimiser, max_lr=peak, total_steps=steps)
    first = torch.arange(len(folds))[:, None] * len(labels)
    flat = rows.flatten(0, 1)
    course = torch.zeros(steps, dtype=torch.float64)
    order = np.stack([stream(fold, steps * batch_size) for fold in folds])
    batches = torch.from_numpy(order).split(batch_size, dim=1)
    for step, batch in enumerate(map(torch.Tensor.long, batches)):
        inputs = flat.index_select(0, (batch + first).flatten())
        features = network(inputs.view(len(folds), batch_size, size))
        found = head.losses(features, labels[batch]).mean(-1)
        optimiser.zero_grad()
        found.sum().backward()
        step_of_each()
        schedule.step()
        course[step] = found.detach().mean()
    network.eval()
    head.eval()
    with torch.no_grad():
        predicted = head.predict(network(rows)).numpy()
    right = predicted == y
    tested = [(k, fold.test) for k, fold in enumerate(folds)]
    learned = [(k, fold.train) for k, fold in enumerate(folds)]
    finite = [p.isfinite().view(len(folds), -1).all(1) for p in parameters]
    parts = course.tensor_split(min(POINTS, steps))
    return Trained(
        network=network,
        head=head,
        predictions=[predicted[rows] for rows in tested],
        correct=np.array([right[rows].sum() for rows in tested]),
        tested=np.array([len(fold.test) for fold in folds]),
        train_accuracy=np.array([right[rows].mean() for rows in learned]),
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
    parameters, buffers = torch.func.stack_module_state([*modules])
    parameters = {k: nn.Parameter(v) for k, v in parameters.items()}
    for name, value in (parameters | buffers).items():
        path, _, leaf = name.rpartition(".")
        setattr(stacked.get_submodule(path), leaf, value)
    return stacked


def _tell_apart(head, each):
    """Give stacked heads the hyperparameters in which they differ."""
    for name, value in each[0].items():
        if all(one.get(name) == value for one in each):
            continue
        column = torch.tensor([one[name] for one in each], dtype=torch.float64)
        if name == "s":
            head.s = column
        head.hyper = head.hyper | {name: column[:, None]}
        for penalty in head.regularisers:
            if name in vars(penalty):
                setattr(penalty, name, column[:, None])


def _adam(parameters, lr, weight_decay, networks):
    """Adam over stacked networks, and a step in which each has its own rate.

    Adam's step is proportional to the rate: each network goes a part of the
    step that it would go at the largest of them.
    """
    alike = np.ndim(lr) == np.ndim(weight_decay) == 0
    optimiser = torch.optim.Adam(
        parameters,
        lr=float(np.max(lr)),
        weight_decay=weight_decay if alike else 0.0,
        fused=True,
    )
    if alike:
        return optimiser, lambda: optimiser.step()
    rates, decays = (
        torch.tensor(np.broadcast_to(x, networks)).to(parameters[0])
        for x in (lr, weight_decay)
    )
    part = rates / rates.max()

    @torch.no_grad()
    def step():
        before = [parameter.clone() for parameter in parameters]
        for parameter in parameters:
            parameter.grad.addcmul_(parameter, _beside(decays, parameter))
        optimiser.step()
        for parameter, old in zip(parameters, before, strict=True):
            parameter.copy_(old.lerp(parameter, _beside(part, parameter)))

    return optimiser, step


def _beside(values, parameter):
    return values.view(-1, *[1] * (parameter.ndim - 1))


def initialise(
    seed: int,
    shape: tuple[int, int, int],
    classes: int,
    loss: str,
    hyperparameters: Mapping,
) -> tuple[nn.Module, nn.Module]:
    """The network and the head of one fold, before training.

    `shape` is what `mlp` takes. The parameters that losses share start from
    the same values. The global generator is left as it is.
    """
    inputs, width, layers = shape
    given = {"embedding_dim": inputs if layers == 1 else width}
    given |= {"num_classes": classes, **hyperparameters}
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return mlp(*shape), losses.create(loss, **given)


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


def _keep_freed_memory():
    """Let glibc reuse freed blocks instead of giving them back.

    The tensors of a step have the size at which glibc asks the system for
    fresh pages every time; touching those takes longer than the arithmetic.
    """
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold = -1, -3
        ctypes.CDLL(None).mallopt(mmap_threshold, 32 << 20)
        ctypes.CDLL(None).mallopt(trim_threshold, 1 << 30)
