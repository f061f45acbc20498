"""One loop that trains a network on images with any of the losses.

Adam with weight decay, Smith's one-cycle policy a step at a time, class
vectors beside the weights in the optimiser. Images, crops and flips are on
the device. What is looked at (test images, angles) decides nothing.

    images = datasets.load("fashion-mnist")
    result = train(images, network="resnet20", loss="arcgrad",
                   hyperparameters={"s": 10}, epochs=3, batch_size=256,
                   learning_rate=0.1)
    result.metrics["test_accuracy"]
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from arcbook import augment, checkpoints, convnets, losses, metrics
from arcbook.looks import (
    Log,
    Looker,
    class_share,
    draws,
    embed,
    mislabelled,
)
from arcbook.precision import usual, within

if TYPE_CHECKING:
    from arcbook.datasets import Images

# what random numbers are drawn for
SHARE, PROBE, LOOK, EPOCH, NOISE, CLASSES = range(6)
NEUTRAL = ("images", "device", "compiled", "checkpoint", "save_every")
NEUTRAL += ("time_budget", "on_epoch", "on_end")
NEUTRAL += ("keep_features", "keep_cosines")
METRICS = "train_loss", "train_accuracy", "test_accuracy", "test_top5"


class Diverged(ArithmeticError):
    """The loss, or the features it comes from, became NaN or infinite.

    Its attributes are epoch, step (counted from 1), loss and learning rate,
    and the curves and looks of the epochs before (see `Result`).
    """

    def __init__(self, epoch, step, loss, learning_rate, log):
        super().__init__(
            f"the loss is {loss} in epoch {epoch}, step {step}, at a "
            f"learning rate of {learning_rate:.3g}: try a smaller one"
        )
        self.epoch, self.step, self.loss = epoch, step, loss
        self.learning_rate = learning_rate
        self.curves, self.looks = log.curves, log.looks


@dataclass(frozen=True)
class Result:
    """What a run measured.

    Attributes:
        complete: False if the time budget ended it between two epochs.
        epochs, steps: how many were done.
        metrics: at the end: train_loss (mean of the last epoch),
            train_accuracy, test_accuracy, test_top5 (shares, not
            percentages), wc_intra, w_inter, c_inter (radians, of all
            images trained on), test_wc_intra, test_c_inter.
        curves: one row an epoch: epoch, step, learning_rate (of its last
            step), train_loss, train_accuracy, test_accuracy, test_top5.
        looks: one row a look, before the first step, after every epoch and
            every `angles_every` steps: step, wc_intra, w_inter, c_inter.
        arrays: intra_train, intra_test, intra_class0: (epochs + 1, 180)
            counts of intra-class angles, a bin a degree, row 0 before
            training; confusion: (C, C) counts on the test images; hits: one
            bit a test image, 1 where it is taken for its own class, packed
            by `numpy.packbits`; where asked for, features (n, d),
            feature_labels (n,), class_vectors (C, d), cosines (n, n) and
            cosine_labels (n,).
        train_images, probe_images, test_images: how many were trained on
            and looked at.
        parameters: numbers that were trained, class vectors among them.
        seconds: of training alone.
        images_per_second: of training alone, median over the epochs, the
            first (a warm-up) left out where there are others.
    """

    complete: bool
    epochs: int
    steps: int
    metrics: dict[str, float]
    curves: list[dict[str, float]]
    looks: list[dict[str, float]]
    arrays: dict[str, np.ndarray] = field(repr=False)
    train_images: int
    probe_images: int
    test_images: int
    parameters: int
    seconds: float
    images_per_second: float
    device: str
    precision: str
    torch_version: str


def train(
    images: Images,
    *,
    network: str,
    loss: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    hyperparameters: Mapping | None = None,
    embedding_dim: int | None = None,
    width: float = 1.0,
    precision: str | None = None,
    weight_decay: float = 5e-4,
    augmented: bool = False,
    share: float = 1.0,
    label_noise: float = 0.0,
    max_steps: int | None = None,
    seed: int = 0,
    angles_every: int | None = None,
    probe: int = 10_000,
    test_limit: int | None = None,
    keep_features: int = 0,
    keep_cosines: int = 0,
    device: str | torch.device | None = None,
    compiled: bool | None = None,
    checkpoint: Path | None = None,
    save_every: float = 0.0,
    time_budget: float | Callable[[], float] | None = None,
    on_epoch: Callable[[dict], None] | None = None,
    on_end: Callable[[Looker], None] | None = None,
) -> Result:
    """Train a network on images with a loss.

    Protocol: [arcgrad, Table III], [angular-learning, Table 1]. On a CPU the
    same arguments and threads give the same result, bit for bit, whether the
    run was interrupted or not. From `device` on, arguments decide nothing of
    what is measured.

    Args:
        images: from `datasets.load`.
        network, embedding_dim, width: as `convnets.create` takes them.
        loss, hyperparameters: as `losses.create` takes them.
        epochs: how often each image is seen. A last batch that is not full
            is left out, another one each epoch.
        batch_size: images a step; all of them if there are fewer.
        learning_rate: the largest of the cycle, after 30% of the steps.
        precision: in which the network computes, training and looked at,
            "float32" or "bfloat16"; None: bfloat16 on CUDA, else float32.
        weight_decay: of all parameters, class vectors among them.
        augmented: whether images are cropped, flipped and z-scored, the
            "+" of the papers; without it pixels are between 0 and 1.
        share: of every class of the training images to keep, in (0, 1].
        label_noise: share of the training images, in [0, 1), that are
            trained on as another class, drawn; they are looked at as their
            own.
        max_steps: the cycle is planned for at most so many steps.
        seed: of the initial weights and of all draws.
        angles_every: look at the training angles every so many steps,
            beside the look after every epoch.
        probe: how many training images are looked at, of all classes.
        test_limit: how many test images are looked at, the first ones.
        keep_features, keep_cosines: of how many probe images the features
            are kept, and of how many test images the matrix of cosines.
        device: "cuda" if None and there is one, else "cpu".
        compiled: whether to compile the network; None: on CUDA.
        checkpoint: file that holds the state after each epoch. The run goes
            on from it, and leaves it: remove it once the result is stored.
        save_every: least seconds between two checkpoints before the last.
        time_budget: seconds, or a function that says how many are left.
            An epoch that would not fit is not begun.
        on_epoch: called with each new row of the curves.
        on_end: called with what looks at images, network and class vectors
            in it, when the run is complete.

    Gives the result, complete or not. Raises ValueError: for arguments that
    make no sense. Raises Diverged: if the loss becomes NaN or infinite. Raises
    CheckpointError: if the checkpoint is damaged or another run's.
    """
    decisive = {k: v for k, v in locals().items() if k not in NEUTRAL}
    hyperparameters = decisive["hyperparameters"] = dict(hyperparameters or {})
    decisive["data"] = images.sha256
    _check(decisive)
    device = torch.device(
        device or ("cuda" if torch.cuda.is_available() else "cpu")
    )
    on_cuda = device.type == "cuda"
    precision = decisive["precision"] = precision or usual(device)
    computing = within(device, precision)
    torch.backends.cudnn.benchmark |= on_cuda
    budget = _clock(time_budget)

    classes = images.train_labels
    number = round(share * len(classes))
    kept = class_share(classes, number, draws(seed, SHARE))
    probed = class_share(classes[kept], probe, draws(seed, PROBE))
    own = classes[kept]
    taught = mislabelled(own, label_noise, draws(seed, NOISE))
    stock = augment.Stock(
        images.train_images[kept],
        taught,
        augmented=augmented,
        device=device,
    )
    batch_size = min(batch_size, len(kept))
    planned = min(epochs * (len(kept) // batch_size), max_steps or math.inf)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels = stock.images.shape[-1]
        net = convnets.create(network, channels, embedding_dim, width)
        head = losses.create(
            loss,
            embedding_dim=net.embedding_dim,
            num_classes=len(images.class_names),
            **hyperparameters,
        )
    net.to(device, memory_format=torch.channels_last)
    model = nn.ModuleList([net, head.to(device)])
    compiled = on_cuda if compiled is None else compiled
    forward = torch.compile(net) if compiled else net
    optimizer = torch.optim.Adam(
        model.parameters(), weight_decay=weight_decay, fused=on_cuda
    )
    cycle = OneCycleLR(optimizer, learning_rate, total_steps=planned)
    own = torch.from_numpy(own).to(device)
    seen = stock.images[probed], own[probed]
    tested = augment.to_device(images.test_images[:test_limit], device)
    labels = torch.from_numpy(images.test_labels[:test_limit]).to(device)
    how = stock.scaling, precision
    looker = Looker(net, head, *how, *seen, tested, labels)

    log, saved = Log(), (model, optimizer, cycle)
    state = checkpoints.load(checkpoint, decisive, device)
    if state is None:
        looker.whole(log, draws(seed, LOOK, 0))
    else:
        log = Log(**state["log"])
        for part, before in zip(saved, state["parts"], strict=True):
            part.load_state_dict(before)

    def save():
        parts = [part.state_dict() for part in saved]
        state = {"log": vars(log), "parts": parts}
        checkpoints.save(checkpoint, decisive, state)

    took, kept_at, kept_step = 0.0, -math.inf, log.step
    while log.step < planned and budget() > took:
        began, looked = time.perf_counter(), looker.seconds
        epoch, first = len(log.curves) + 1, log.step
        found, rates = [], []
        for pixels, labels in islice(
            stock.epoch(batch_size, draws(seed, EPOCH, epoch)),
            planned - log.step,
        ):
            with computing:
                features = forward(pixels)
            value = head.losses(features, labels).mean()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            rates.append(cycle.get_last_lr()[0])
            cycle.step()
            found.append(value.detach())
            log.step += 1
            if angles_every and log.step % angles_every == 0:
                looker.angles(log)
        values = torch.stack(found).tolist()
        seconds = time.perf_counter() - began - (looker.seconds - looked)

        for step, (value, rate) in enumerate(zip(values, rates), first + 1):
            if not math.isfinite(value):
                raise Diverged(epoch, step, value, rate, log)
        hits = looker.whole(log, draws(seed, LOOK, epoch))
        if hits is None:
            raise Diverged(epoch, log.step, math.nan, rates[-1], log)
        log.seconds += seconds
        log.rates.append(len(values) * batch_size / seconds)
        row = {"epoch": epoch, "step": log.step, "learning_rate": rates[-1]}
        row["train_loss"] = statistics.fmean(values)
        log.curves.append(row | hits)
        if checkpoint and time.monotonic() >= kept_at + save_every:
            save()
            kept_at, kept_step = time.monotonic(), log.step
        if on_epoch is not None:
            on_epoch(log.curves[-1])
        took = time.perf_counter() - began
    if checkpoint and log.step > kept_step:
        save()

    if on_end is not None and log.step == planned:
        on_end(looker)
    arrays, angles = looker.arrays(log, keep_features, keep_cosines)
    hits = {k: log.curves[-1][k] for k in METRICS} if log.curves else {}
    features = embed(net, stock.images, *how)
    weight = head.weight.detach()
    noted = metrics.compactness(features, own, weight)
    speeds = log.rates[1:] or log.rates or [math.nan]
    return Result(
        complete=log.step == planned,
        epochs=len(log.curves),
        steps=log.step,
        metrics=hits | noted | angles,
        curves=log.curves,
        looks=log.looks,
        arrays=arrays,
        train_images=len(kept),
        probe_images=len(probed),
        test_images=len(tested),
        parameters=convnets.count_parameters(model),
        seconds=log.seconds,
        images_per_second=statistics.median(speeds),
        device=torch.cuda.get_device_name(device) if on_cuda else "cpu",
        precision=precision,
        torch_version=torch.__version__,
    )


LEAST = dict.fromkeys(("epochs", "max_steps", "probe", "test_limit"), 1)
LEAST |= {"angles_every": 1, "batch_size": 2, "seed": 0}
RANGES = {
    "learning_rate": (lambda x: 0 < x < math.inf, "above 0 and finite"),
    "share": (lambda x: 0 < x <= 1, "above 0 and at most 1"),
    "weight_decay": (lambda x: 0 <= x < math.inf, "at least 0 and finite"),
    "label_noise": (lambda x: 0 <= x < 1, "at least 0 and below 1"),
}


def _check(decisive):
    for name, least in LEAST.items():
        value = decisive[name]
        if value is not None and (value != int(value) or value < least):
            raise ValueError(
                f"{name} = {value}: it is a whole number of at least {least}"
            )
    for name, (allowed, words) in RANGES.items():
        if not allowed(decisive[name]):
            raise ValueError(f"{name} = {decisive[name]}: it is {words}")


def _clock(time_budget):
    """Seconds left, as a function."""
    if callable(time_budget):
        return time_budget
    end = time.monotonic() + (math.inf if time_budget is None else time_budget)
    return lambda: end - time.monotonic()
