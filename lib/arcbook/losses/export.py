"""A trained head as a module of plain operations, to be taken elsewhere."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from arcbook.geometry import unit

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from arcbook.losses.heads import Head


def predictor(head: Head, network: nn.Module | None = None) -> nn.Module:
    """The logits that a head predicts with, as a module that exports.

    Args:
        head: of any loss. Of a split head all processes have to call.
        network: what makes the features; without one the module takes them.

    Gives a module in eval mode with buffers of its own and a copy of the
    network: training can go on. It takes what the network takes, or features
    (N, d), and gives `head.logits` in float32, (N, C): no margin, and no
    angle but where angles are the logits, as ArcGrad's are, whose cosines are
    then float64. `torch.export` and `torch.onnx.export` take it with any N.
    """
    scores = Predictor(head)
    if network is None:
        return scores.eval()
    return nn.Sequential(copy.deepcopy(network), scores).eval()


class Predictor(nn.Module):
    """What `predictor` gives for features.

    Attributes:
        weight: class vectors (C, d), unit where the loss makes them so;
            (C·K, d) of K sub-centres.
        scale: what their products with the features are multiplied with.
    """

    def __init__(self, head: Head):
        super().__init__()
        weight = head.weight.detach()
        if isinstance(weight, DTensor):
            weight = weight.full_tensor()
        directions, lengths = unit(weight)
        scale = head._scale().detach()[..., None]
        self.by_norm = "|x|" in head.factors
        self.formula = head.spec.others if head._formula else None
        long = "|W|" in head.factors
        if self.formula and long:
            scale = scale * lengths[..., None, :]
        self.sub_centers = head.sub_centers
        kind = torch.float64 if self.formula else torch.float32
        plain = long and not self.formula
        weight = (weight if plain else directions).to(kind, copy=True)
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.float())

    def forward(
        self, features: Float[Tensor, "*k n d"]
    ) -> Float[Tensor, "*k n c"]:
        """Logits with no margin."""
        if torch.compiler.is_exporting():
            logits = self._logits(features)
        else:
            with torch.autocast(features.device.type, enabled=False):
                logits = self._logits(features)
        if self.sub_centers == 1:
            return logits
        return logits.unflatten(-1, (-1, self.sub_centers)).amax(-1)

    def _logits(self, features):
        rows = features.to(self.weight.dtype)
        if self.by_norm and not self.formula:
            return self.scale * (rows @ self.weight.mT)
        largest = rows.abs().amax(-1, keepdim=True)
        rows = rows / largest.masked_fill(largest == 0, 1)
        norm = rows.square().sum(-1, keepdim=True).sqrt().clamp(min=1)
        cosines = rows / norm @ self.weight.mT
        if not self.formula:
            return self.scale * cosines
        cosines = cosines.clamp(-1, 1)
        tangent = ((1 - cosines) / (1 + cosines)).float().sqrt()
        logits = self.scale * self.formula(2 * tangent.atan())
        return logits * (largest * norm).float() if self.by_norm else logits
