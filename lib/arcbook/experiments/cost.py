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

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F

from arcbook import convnets, losses, precision
from arcbook.experiments.registry import CONTENT, methods
from arcbook.naming import refuse_unknown
from arcbook.packing import short

METHODS = methods("arcgrad")
LEAST_ROUNDS = 6  # fewer give no 95% interval of a median
SETTINGS = CONTENT["protocols"]["cost"]["full"]


class Usual(nn.Linear):
    """A loss as it is usually written: float32, no care for the ends."""

    def __init__(self, embedding_dim: int, num_classes: int, logits: Callable):
        super().__init__(embedding_dim, num_classes, bias=False)
        self.logits = logits

    def losses(self, features: Tensor, labels: Tensor) -> Tensor:
        logits = self.logits(features.to(self.weight.dtype), self.weight)
        return F.cross_entropy(logits, labels, reduction="none")


def minus_angles(features: Tensor, weight: Tensor) -> Tensor:
    """−s θ (n, c), by the arc cosine of a clamped cosine. [arcgrad, Eq. 11]"""
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


def find(records: Sequence[Mapping], fields: Mapping) -> Mapping | None:
    """The first record with such fields, None without one."""
    alike = (one for one in records if fields.items() <= one.items())
    return next(alike, None)


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

    Gives metrics: "seconds", the median of each column; "over_softmax", what
    `extra` says of each. curves: the seconds a step of each column and round.
    None where there is no device of the run's type.
    """
    if unmeasurable(run):
        return None
    device = torch.device(run["device_type"])
    on_cuda = device.type == "cuda"
    began = time.perf_counter()

    def now():
        if on_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    seconds, number = in_turns(
        steps(run), run["rounds"], run["turn_seconds"], now
    )
    over = {k: extra(seconds, k) for k in seconds}
    return {
        "data_sha256": None,
        "metrics": {
            "seconds": {k: short(np.median(v)) for k, v in seconds.items()},
            "over_softmax": {k: [*map(short, v)] for k, v in over.items()},
        },
        "curves": {k: [*map(short, v)] for k, v in seconds.items()},
        "note": "random pixels",
        "more": {
            "steps_a_turn": number,
            "precision": precision.usual(device),
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
            with precision.within(device, precision.usual(device)):
                features = forward(pixels)
            value = head.losses(features, labels).mean()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value.detach()

        return step

    return {column: stepping(head) for column, head in made.items()}


def turns(columns: Sequence[str], number: int) -> list[str]:
    """The order of a round: every second one is the one before, backwards.

    After two rounds the next pair begins one place later.
    """
    start = number // 2 % len(columns)
    order = [*columns[start:], *columns[:start]]
    return order[::-1] if number % 2 else order


def in_turns(
    steps: Mapping[str, Callable[[], None]],
    rounds: int,
    least: float,
    now: Callable[[], float],
) -> tuple[dict[str, list[float]], int]:
    """Seconds of a step of each, interleaved, after a warm-up.

    Gives seconds a step, one number a round, and the steps of a turn.
    """
    fastest = min([_warmed(step, least, now) for step in steps.values()])
    number = max(1, round(least / fastest))
    seconds = {column: [] for column in steps}
    for place in range(rounds):
        for column in turns(list(steps), place):
            began = now()
            for _ in range(number):
                steps[column]()
            seconds[column].append((now() - began) / number)
    return seconds, number


def _warmed(step, least, now):
    """Seconds of the last of the steps that warm up."""
    end = now() + least
    while True:
        began = now()
        step()
        if now() >= end:
            return now() - began


def extra(
    seconds: Mapping[str, Sequence[float]], column: str
) -> tuple[float, float, float]:
    """What a loss takes more than its `base`, as a share of that.

    Gives the median over rounds, and low and high of its 95% interval at
    least, by order statistics.
    """
    ratios = np.divide(seconds[column], seconds[base(column)]) - 1
    test = stats.quantile_test(ratios, p=0.5)
    low, high = test.confidence_interval(0.95)
    return float(np.median(ratios)), float(low), float(high)


def canary(run: Mapping) -> tuple[str, dict]:
    """A run made small: its network and losses, four images."""
    kept = ("network", "classes", "embedding_dim", "weight_decay", "seed")
    small = {"columns": run["columns"], "batch_size": 4, "device_type": "cpu"}
    small = {key: run[key] for key in kept} | small
    return f"cost-{run['network']}", small


def probe(small: Mapping) -> dict[str, float]:
    """The loss of each column, whose step is timed."""
    return {f"loss.{k}": step().item() for k, step in steps(small).items()}


def run_one(columns: Sequence[str] = COLUMNS, **changes) -> dict:
    """Time losses here and now, on the processor; nothing is written.

    Gives the run with its metrics and curves, as a record has them. Raises
    ValueError for an unknown column or change, or too few rounds.
    """
    refuse_unknown("column", columns, COLUMNS)
    refuse_unknown("setting", changes, SETTINGS)
    wanted = {*columns} | {base(column) for column in columns}
    ordered = [column for column in COLUMNS if column in wanted]
    run = one_run("cpu", ordered, **changes)
    if run["rounds"] < LEAST_ROUNDS:
        raise ValueError(
            f"rounds = {run['rounds']}: a 95% interval of a median takes at "
            f"least {LEAST_ROUNDS}"
        )
    return run | measure(run)


HOW = {"measure": measure, "canary": canary, "probe": probe}
HOW["unmeasurable"] = unmeasurable
