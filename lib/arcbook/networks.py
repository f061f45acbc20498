"""Networks that turn inputs into features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Affine(nn.Linear):
    """A linear layer that may stand for K of them.

    With weights (d', d) it takes (N, d), as `nn.Linear` does; with weights
    (K, d', d) and biases (K, d') it takes (K, N, d).
    """

    def forward(self, inputs: Float[Tensor, "*k n d"]):
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

    Args:
        inputs: number of input features.
        width: number of units of every hidden layer.
        layers: k, at least 1.

    Gives a module from (N, inputs) to the features, (N, `embedding_dim`).
    Raises ValueError: for a size that is not positive.
    """
    sizes = {"inputs": inputs, "width": width, "layers": layers}
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} = {value}: a network has at least 1")
    steps = []
    for layer in range(layers - 1):
        steps += [Affine(inputs if layer == 0 else width, width), nn.ReLU()]
    return nn.Sequential(*steps)


def embedding_dim(inputs: int, width: int, layers: int) -> int:
    """The size of the features that `mlp` gives to the head."""
    return inputs if layers == 1 else width
