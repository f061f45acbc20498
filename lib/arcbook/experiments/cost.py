"""What a loss costs: seconds of a training step, the losses taking turns.

"In practice, the calculation cost of our method is 3.4% higher than
Softmax, and it will be lower as the network deeper" [arcgrad, Section IV-C].
One run measures all losses on one network and one batch, in rounds: within
a round each has its turn, and is compared with softmax in the same round, so
that what slows the machine down slows both. Speed depends on shapes, not on
what the pixels show: they are random, and no data set is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from arcbook import convnets, looks, losses, timing
from arcbook.experiments.grids import METHODS
from arcbook.experiments.registry import Experiment, register

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

SETTINGS = {
    "network": "conv4",
    "classes": 10,
    "embedding_dim": 100,
    "batch_size": 64,
    "weight_decay": 5e-4,
    "rounds": 25,
    "turn_seconds": 0.03,
    "seed": 0,
}
SHAPES = ("device_type", "network", "classes", "embedding_dim", "batch_size")
# Table IV's shapes; Table V's, and the same with the shallower network
FULL = (
    {"network": "resnet18", "batch_size": 256},
    *(
        {
            "network": network,
            "classes": 100,
            "embedding_dim": 512,
            "batch_size": 128,
        }
        for network in ("resnet18", "resnet34")
    ),
)


class Usual(nn.Module):
    """A loss as it is usually written: float32, no care for the ends."""

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        logits: Callable[[Tensor, Tensor], Tensor],
    ):
        super().__init__()
        bound = embedding_dim**-0.5
        weight = torch.empty(num_classes, embedding_dim)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.logits = logits

    def losses(
        self, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        logits = self.logits(features.to(self.weight.dtype), self.weight)
        return F.cross_entropy(logits, labels, reduction="none")


def minus_angles(
    features: Float[Tensor, "n d"], weight: Float[Tensor, "c d"]
) -> Float[Tensor, "n c"]:
    """−s θ by the arc cosine of a clamped cosine. [arcgrad, Eq. 11]"""
    cosines = F.linear(F.normalize(features), F.normalize(weight))
    _, hyperparameters = METHODS["ArcGrad"]
    return -hyperparameters["s"] * cosines.clamp(-1 + 1e-7, 1 - 1e-7).acos()


USUAL = {"Soft (usual)": F.linear, "ArcGrad (usual)": minus_angles}
COLUMNS = (*METHODS, *USUAL)


def base(column: str) -> str:
    """The softmax that a column is compared with: of its own kind."""
    return "Soft (usual)" if column in USUAL else "Soft"


def one_run(device_type: str, columns: Sequence[str], **changes) -> dict:
    """One run of the grid."""
    return {
        "dataset": None,
        "device_type": device_type,
        **SETTINGS,
        **changes,
        "columns": list(columns),
    }


def runs(profile: str) -> list[dict]:
    """Three settings on a GPU, the first of them on a processor too."""
    if profile == "quick":
        return [one_run("cpu", COLUMNS)]
    on_gpu = {"rounds": 21, "turn_seconds": 0.25}
    return [
        *(one_run("cuda", COLUMNS, **on_gpu, **given) for given in FULL),
        one_run("cpu", COLUMNS, rounds=9, **FULL[0]),
    ]


def find(records: Sequence[Mapping], run: Mapping) -> Mapping | None:
    """The record of a run's device, network and shapes, None without one."""
    wanted = {field: run[field] for field in SHAPES if field in run}
    alike = (one for one in records if wanted.items() <= one.items())
    return next(alike, None)


def name(run: Mapping) -> str:
    """Such as "cuda-resnet18-10-classes-100d-batch256"."""
    return (
        f"{run['device_type']}-{run['network']}-{run['classes']}-classes-"
        f"{run['embedding_dim']}d-batch{run['batch_size']}"
    )


def criteria(run: Mapping) -> dict[str, nn.Module]:
    """The losses of a run, each with class vectors of its own."""
    size = {"embedding_dim": run["embedding_dim"]}
    size["num_classes"], made = run["classes"], {}
    for column in run["columns"]:
        if column in USUAL:
            made[column] = Usual(**size, logits=USUAL[column])
        else:
            loss, hyperparameters = METHODS[column]
            made[column] = losses.create(loss, **size, **hyperparameters)
    return made


def unmeasurable(run: Mapping) -> bool:
    """Whether there is no device of the run's type."""
    return run["device_type"] == "cuda" and not torch.cuda.is_available()


def measure(run: Mapping) -> dict | None:
    """Time a training step of each loss.

    A step is that of `training.train` without its images: the network in its
    precision, compiled on CUDA; the loss; the gradients; Adam on both. The
    learning rate is 0, so that all losses meet the same weights.

    Gives metrics: "seconds", the median of each column; "over_softmax",
    median, low and high of each column over its `base`. curves: the seconds a
    step of each column and round. None where there is no device of the run's
    type.
    """
    if unmeasurable(run):
        return None
    on_cuda = run["device_type"] == "cuda"
    began = time.perf_counter()
    made = steps(run)

    def now():
        if on_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    how = run["rounds"], run["turn_seconds"], now
    seconds, number = timing.in_turns(made, *how)
    over = {
        column: timing.extra(seconds, column, base(column)) for column in made
    }
    return {
        "data_sha256": None,
        "metrics": {
            "seconds": {k: _short(np.median(v)) for k, v in seconds.items()},
            "over_softmax": {k: [*map(_short, v)] for k, v in over.items()},
        },
        "curves": {k: [*map(_short, v)] for k, v in seconds.items()},
        "note": "random pixels",
        "more": {
            "steps_a_turn": number,
            "precision": "bfloat16" if on_cuda else "float32",
        },
        "seconds": time.perf_counter() - began,
        "device": torch.cuda.get_device_name() if on_cuda else None,
    }


def steps(run: Mapping) -> dict[str, Callable[[], Tensor]]:
    """A training step of each column, as a function that gives its loss."""
    device = torch.device(run["device_type"])
    on_cuda = device.type == "cuda"
    torch.backends.cudnn.benchmark |= on_cuda
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run["seed"])
        network = convnets.create(run["network"], 3, run["embedding_dim"])
        made = criteria(run)
        pixels = torch.randn(run["batch_size"], 3, 32, 32)
    network.to(device, memory_format=torch.channels_last)
    pixels = pixels.to(device, memory_format=torch.channels_last)
    labels = torch.arange(run["batch_size"], device=device) % run["classes"]
    forward = network
    if on_cuda:
        torch.compiler.reset()
        forward = torch.compile(network)

    def stepping(head):
        optimizer = torch.optim.Adam(
            [*network.parameters(), *head.to(device).parameters()],
            lr=0.0,
            weight_decay=run["weight_decay"],
            fused=on_cuda,
        )

        def step():
            with looks.precision(device):
                features = forward(pixels)
            value = head.losses(features, labels).mean()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value.detach()

        return step

    return {column: stepping(head) for column, head in made.items()}


def canary(run: Mapping) -> dict:
    """A run made small: its network and losses, four images."""
    kept = ("network", "classes", "embedding_dim", "weight_decay", "seed")
    small = {"columns": run["columns"], "batch_size": 4, "device_type": "cpu"}
    return {key: run[key] for key in kept} | small


def probe(small: Mapping) -> dict[str, float]:
    """The loss of each column, whose step is timed."""
    return {f"loss.{k}": step().item() for k, step in steps(small).items()}


def _short(value):
    return float(f"{value:.6g}")


def run_one(columns: Sequence[str] = COLUMNS, **changes) -> dict:
    """Time losses here and now, on the processor; nothing is written.

    Gives the run with its metrics and curves, as a record has them. Raises
    ValueError for an unknown column or change, or too few rounds.
    """
    for what, given, known in (
        ("column", columns, COLUMNS),
        ("setting", changes, SETTINGS),
    ):
        if unknown := [one for one in given if one not in known]:
            raise ValueError(
                f"there is no {what} {unknown[0]!r}; there are "
                f"{', '.join(known)}"
            )
    wanted = {*columns} | {base(column) for column in columns}
    ordered = [column for column in COLUMNS if column in wanted]
    run = one_run("cpu", ordered, **changes)
    if run["rounds"] < timing.LEAST_ROUNDS:
        raise ValueError(
            f"rounds = {run['rounds']}: a 95% interval of a median takes at "
            f"least {timing.LEAST_ROUNDS}"
        )
    return run | measure(run)


register(
    Experiment(
        "arcgrad.cost",
        "Seconds of a training step with each loss",
        "arcgrad, Section IV-C",
        *(runs, name, measure, canary, probe),
        lambda small: f"cost-{small['network']}",
        unmeasurable=unmeasurable,
    )
)
