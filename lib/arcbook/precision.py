"""In which precision a network computes: float32, or bfloat16 by autocast.

Weights, class vectors, angles, losses and the optimiser are float32 in both.
In bfloat16 convolutions and linear layers take rounded inputs and weights,
add up in float32 and round what they give; the same holds for gradients.
What is float64 stays float64: a canary is the same in every precision.
"""

from __future__ import annotations

import functools
import platform
from contextlib import AbstractContextManager

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from arcbook.naming import refuse_unknown

PRECISIONS = ("float32", "bfloat16")


def usual(device: torch.device) -> str:
    """The precision where a run names none: bfloat16 on CUDA alone."""
    return "bfloat16" if device.type == "cuda" else "float32"


def within(device: torch.device, precision: str) -> AbstractContextManager:
    """A context in which a network computes in this precision.

    A processor without instructions for bfloat16 rounds to it and multiplies
    in float32: the same arithmetic, at the speed of float32, where PyTorch's
    own way would be many times slower.

    Raises ValueError for an unknown precision.
    """
    refuse_unknown("precision", [precision], PRECISIONS)
    rounds = precision == "bfloat16"
    if rounds and device.type == "cpu" and not native():
        return Rounded()
    return torch.autocast(device.type, torch.bfloat16, enabled=rounds)


@functools.cache
def native() -> bool:
    """Whether this processor multiplies in bfloat16 (AVX-512 BF16, or ARM)."""
    if not torch.backends.mkldnn.is_available():
        return False
    x86 = platform.machine() in ("x86_64", "AMD64")
    fast = torch.cpu._is_avx512_bf16_supported() if x86 else True
    return fast and torch.ops.mkldnn._is_mkldnn_bf16_supported()


class Rounded(TorchFunctionMode):
    """Bfloat16 by float32's kernels, forward and, through it, backward."""

    LAYERS = (F.conv2d, torch.conv2d, F.linear)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function not in self.LAYERS or args[1].dtype == torch.float64:
            return function(*args, **(kwargs or {}))
        rounded = (
            each.bfloat16().float() if torch.is_tensor(each) else each
            for each in args
        )
        return function(*rounded, **(kwargs or {})).bfloat16()
