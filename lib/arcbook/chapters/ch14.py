"""What a step has to do, counted; what a loss adds to it, timed.

Counting times nothing, so the numbers are the same on every machine. Each
call of PyTorch that does any work is one call; most start one kernel on a
GPU, some a few, and a compiled network has fewer than are counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from arcbook import convnets, plot, stats
from arcbook.chapters.ch06 import under
from arcbook.chapters.cifar import log_ticks
from arcbook.experiments import cost
from arcbook.plot import INK

NO_WORK = {"aten::empty", "aten::detach"}
TITLES = {"resnet18": "ResNet-18", "resnet34": "ResNet-34"}
TITLES |= {"resnet20": "ResNet-20", "iam_cnn": "IAM's CNN"}


class Work(NamedTuple):
    """What something does.

    Arithmetic is multiplications and additions of products, convolutions and
    distances, without what is done to single numbers; traffic the bytes that
    each call of PyTorch's operations reads and writes.
    """

    arithmetic: int
    traffic: int
    calls: int


class _Calls(TorchDispatchMode):
    """Counts calls, and the bytes of the tensors they take and give."""

    def __init__(self):
        super().__init__()
        self.calls = self.traffic = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        name = function.overloadpacket._qualified_op_name
        if not (function.is_view or name in NO_WORK):
            touched = tree_leaves((args, kwargs, found))
            tensors = (x for x in touched if isinstance(x, torch.Tensor))
            self.traffic += sum(tensor.nbytes for tensor in tensors)
            self.calls += 1
        return found


def _distances(first, second, *rest, out_shape=None, **options):
    """A difference, a square and a sum for each pair and coordinate."""
    return 3 * first[0] * second[0] * first[1]


def of(step: Callable[[], object]) -> Work:
    """Count what a function does; it is called twice."""
    mapping = {torch.ops.aten._cdist_forward: _distances}
    with FlopCounterMode(display=False, custom_mapping=mapping) as flops:
        step()
    with _Calls() as calls:
        step()
    return Work(flops.get_total_flops(), calls.traffic, calls.calls)


@lru_cache(maxsize=64)
def of_network(network: str, embedding_dim: int | None, batch: int) -> Work:
    """Forward and backward of a network on 32x32 colour images."""
    body = convnets.create(network, 3, embedding_dim).to("meta")
    images = torch.empty(batch, 3, 32, 32, device="meta")
    return of(lambda: body(images).sum().backward())


def of_head(head: nn.Module, batch: int) -> Work:
    """Loss and gradients of a head, by features and class vectors."""
    classes, size = head.weight.shape
    features = torch.randn(batch, size, requires_grad=True)
    labels = torch.arange(batch) % classes
    return of(lambda: head.losses(features, labels).mean().backward())


def table(run: Mapping) -> pd.DataFrame:
    """The network of a run, and each of its losses.

    Gives a row each, the network's named after it; the fields of `Work`.
    """
    name, size = run["network"], run["batch_size"]
    rows = {name: of_network(name, run["embedding_dim"], size)}
    with torch.random.fork_rng(devices=[]):
        for column, head in cost.criteria(run).items():
            rows[column] = of_head(head, size)
    return pd.DataFrame.from_dict(rows, orient="index", columns=Work._fields)


def shares(run: Mapping) -> pd.DataFrame:
    """What each loss of a run does, in percent of what its network does."""
    network, counted = run["network"], table(run).astype(float)
    return 100 * counted.drop(network) / counted.loc[network]


def setting(run: Mapping) -> str:
    """Network and shapes of a run, such as "ResNet-18, C = 10, ..."."""
    return (
        f"{TITLES.get(run['network'], run['network'])}, C = {run['classes']},"
        f" d = {run['embedding_dim']}, batches of {run['batch_size']}"
    )


def look(column: str) -> dict:
    """Colour and marker of a column; those as usual have their loss's."""
    return plot.look(column.removesuffix(" (usual)")) | {"ls": "none"}


def opening(figure, share: pd.DataFrame):
    """Publish what heads do beside a network."""
    ours, first = share.loc["ArcGrad"], figure.axes[0]
    log_ticks(first, (1e-4, 1e-2, 1, 100))
    first.set_xlim(8e-6, 600)
    first.invert_yaxis()
    title = f"ArcGrad's head: {ours['arithmetic']:.1g}% of the network's "
    title += f"arithmetic, {ours['calls']:.0f}% of its calls"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5)
    figure.supxlabel("of the network's, %, log scale", fontsize=11.5)
    return plot.show(figure)


BOUND = 0.5  # points, within which two precisions count as equivalent
FIRST, FRESH = "the first five", "twenty fresh ones"
SEEDS = {FIRST: range(5), FRESH: range(5, 25)}


def precision_gaps(runs: pd.DataFrame) -> pd.Series:
    """bfloat16 minus float32 in points of test accuracy, by seed."""
    of = [one["precision"] for one in runs["record"]]
    wide = runs.assign(of=of).pivot(
        index="seed", columns="of", values="accuracy"
    )
    both = wide.reindex(columns=["bfloat16", "float32"])
    return (both["bfloat16"] - both["float32"]).dropna()


def precision_means(runs: pd.DataFrame) -> dict[str, stats.Estimate]:
    """The mean of the differences with its 90% interval, by set of seeds."""
    gaps = precision_gaps(runs)
    return {
        name: stats.equivalence(gaps[gaps.index.isin(seeds)], BOUND)
        for name, seeds in SEEDS.items()
        if gaps.index.isin(seeds).any()
    }


def precisions(runs: pd.DataFrame):
    """The difference of each seed, and the interval of their mean."""
    gaps, means = precision_gaps(runs), precision_means(runs)
    figure, axes = plt.subplots(figsize=(8, 1.4 + 1.2 * len(means)))
    axes.axvspan(-BOUND, BOUND, color=plot.BASELINE, alpha=0.18, lw=0)
    axes.axvline(0, color=INK, lw=1)
    ink, rows, says = plot.look("ArcGrad")["color"], [], []
    for name, mean in means.items():
        some = gaps[gaps.index.isin(SEEDS[name])]
        at = -len(rows)
        axes.plot(some, [at] * len(some), "o", color=ink, **plot.HOLLOW)
        axes.hlines(at - 1, mean.low, mean.high, ink, lw=2)
        axes.plot(mean.mean, at - 1, "o", color=ink)
        rows += [f"seeds: {name}", "mean, 90% interval"]
        says.append(f"{name} {stats.within(mean, BOUND)}")
    axes.set_yticks([-k for k in range(len(rows))], rows)
    axes.set_ylim(0.6 - len(rows), 0.6)
    axes.set_xlabel("bfloat16 minus float32, points of test accuracy")
    title = f"Against the bound of ±{BOUND:g} points: {', '.join(says)}"
    axes.set_title(title)
    return plot.show(figure)


def speeds(runs: pd.DataFrame) -> pd.DataFrame:
    """Images a second in each precision: median, least, most of the runs."""
    found = pd.DataFrame(
        [
            (one["precision"], one["images_per_second"])
            for one in runs["record"]
        ],
        columns=["precision", "speed"],
    )
    heads = {"median": "median", "min": "least", "max": "most"}
    speed = found.groupby("precision")["speed"].agg(list(heads))
    return speed.rename(columns=heads)


def extras(record: Mapping) -> pd.DataFrame:
    """How much longer a step takes than with softmax of its kind, in percent.

    Gives a row a loss: method, measured, low, high, and all rounds.
    """
    rows, seconds = [], record["curves"]
    for column in seconds:
        if (other := cost.base(column)) != column:
            found = cost.extra(seconds, column)
            rounds = np.divide(seconds[column], seconds[other]) - 1
            ends = (100 * end for end in found)
            rows.append((column, *ends, 100 * rounds))
    heads = ["method", "measured", "low", "high", "rounds"]
    return pd.DataFrame(rows, columns=heads)


def costs(record: Mapping, what: str):
    """What each loss adds to a step, and every round below it."""
    rows = extras(record)
    figure = plot.dots(rows, style=look, xlabel="longer than softmax, %")
    (axes,) = figure.axes
    axes.axvline(0, color=INK, lw=1)
    under(axes, rows.set_index("method")["rounds"].to_dict(), look)
    several = np.concatenate(rows["rounds"].to_list())
    ends = [rows["low"].min(), rows["high"].max()]
    ends += [*np.quantile(several, (0.03, 0.97))]
    room = 0.06 * np.ptp(ends) or 1
    axes.set_xlim(min(ends) - room, max(ends) + room)
    within = ((rows["low"] <= 0) & (rows["high"] >= 0)).sum()
    title = f"{what}: {within} of {len(rows)} intervals hold 0"
    axes.set_title(f"{title}\n{setting(record)}")
    return plot.show(figure)
