"""What a step has to do, counted: arithmetic, memory traffic and calls.

Nothing is timed here, so the numbers are the same on every machine. Each
call of PyTorch that does any work is one call; most start one kernel on a
GPU, some a few, and a compiled network has fewer than are counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from arcbook import convnets
from arcbook.experiments import cost

if TYPE_CHECKING:
    from torch import nn

NO_WORK = {"aten::empty", "aten::detach"}


class Work(NamedTuple):
    """What something does.

    Attributes:
        arithmetic: multiplications and additions of products, convolutions
            and distances; what is done to single numbers is left out.
        traffic: bytes that each call reads and writes, nothing being kept
            from one call to the next.
        calls: of PyTorch's operations.
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
def of_network(
    network: str, embedding_dim: int | None, batch_size: int
) -> Work:
    """Forward and backward of a network on 32x32 colour images.

    Args:
        network: one of `convnets.available()`.
        embedding_dim: d, as `convnets.create` takes it.
        batch_size: N.
    """
    body = convnets.create(network, 3, embedding_dim).to("meta")
    images = torch.empty(batch_size, 3, 32, 32, device="meta")
    return of(lambda: body(images).sum().backward())


def an_image(run: Mapping) -> float:
    """Arithmetic of a run's network in a step, an image."""
    size = run["batch_size"]
    return (
        of_network(run["network"], run["embedding_dim"], size).arithmetic
        / size
    )


def of_head(head: nn.Module, batch_size: int) -> Work:
    """Loss and gradients of a head, by features and class vectors."""
    classes, size = head.weight.shape
    features = torch.randn(batch_size, size, requires_grad=True)
    labels = torch.arange(batch_size) % classes
    return of(lambda: head.losses(features, labels).mean().backward())


def table(run: Mapping) -> pd.DataFrame:
    """The network of a run, and each of its losses.

    Args:
        run: as from `cost.one_run`.

    Returns:
        A row for the network, named after it, and one for each column;
        the fields of `Work`.
    """
    size = run["batch_size"]
    rows = {
        run["network"]: of_network(run["network"], run["embedding_dim"], size)
    }
    with torch.random.fork_rng(devices=[]):
        for column, head in cost.criteria(run).items():
            rows[column] = of_head(head, size)
    return pd.DataFrame.from_dict(rows, orient="index", columns=Work._fields)


def shares(run: Mapping) -> pd.DataFrame:
    """What each loss of a run does, as a share of what its network does."""
    counted = table(run).astype(float)
    return counted.drop(run["network"]) / counted.loc[run["network"]]
