"""Class vectors that other libraries have trained."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from arcbook.losses.heads import Head

TRANSPOSED = {"W": True, "weight": False}  # pytorch-metric-learning: (d, C)


def load_class_vectors(head: Head, state: Mapping[str, Tensor]) -> Head:
    """Take over the class vectors of another library's loss.

    Args:
        head: of the same numbers of classes and dimensions.
        state: the loss's `state_dict`, or that of a model which holds it:
            "W" (d, C) of pytorch-metric-learning, "weight" (C, d) of
            open-metric-learning, arcface-pytorch, insightface and this book,
            with any prefix, such as "module.".

    Gives the head. Raises ValueError unless exactly one entry fits.
    """
    shape = head.weight.shape
    found = {}
    for name, value in state.items():
        last = name.rpartition(".")[2]
        if last in TRANSPOSED:
            vectors = value.mT if TRANSPOSED[last] else value
            if vectors.shape == shape:
                found[name] = vectors
    if len(found) != 1:
        shapes = ", ".join(f"{k} {tuple(v.shape)}" for k, v in state.items())
        raise ValueError(
            f"{len(found) or 'no'} entries hold {shape[0]} class vectors of "
            f"{shape[1]} numbers; one has to. There are {shapes or 'none'}"
        )
    with torch.no_grad():
        head.weight.copy_(*found.values())
    return head
