"""Batches of images made on the device, all images of a batch at once.

Images lie there once, as bytes with the channels last. Taking a batch, its
crops and its flips is a single indexing operation.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float, Int, UInt8
    from torch import Tensor

PADDING = 4


class Scaling(NamedTuple):
    """Pixels become (pixel − mean)/std, one value a channel."""

    mean: Tensor
    std: Tensor

    def __call__(
        self, pixels: UInt8[Tensor, "n h w c"]
    ) -> Float[Tensor, "n c h w"]:
        """Scale bytes to float32; channels stay last in memory."""
        return ((pixels - self.mean) / self.std).permute(0, 3, 1, 2)


def to_device(
    images: np.ndarray, device: torch.device
) -> UInt8[Tensor, "n h w c"]:
    """Bring uint8 images (N, H, W) or (N, H, W, C) to the device."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    return tensor if tensor.ndim == 4 else tensor[..., None]


def unit_range(channels: int, device: torch.device) -> Scaling:
    """Pixels to 0..1."""
    zeros = torch.zeros(channels, device=device)
    return Scaling(zeros, zeros + 255)


def z_score(images: UInt8[Tensor, "n h w c"]) -> Scaling:
    """Pixels to mean 0 and standard deviation 1 in each channel.

    Exact: from counts of all pixels given, which are the ones trained on.
    """
    counts = torch.stack(
        [channel.bincount(minlength=256) for channel in images.flatten(0, 2).T]
    )
    values = torch.arange(256, device=images.device)
    number = images.numel() // len(counts)
    mean = (counts * values).sum(1).double() / number
    square = (counts * values.square()).sum(1).double() / number
    kind = torch.get_default_dtype()
    return Scaling(mean.to(kind), (square - mean.square()).sqrt().to(kind))


def _windows(padded, generator):
    """Rows and columns of a crop of each image, half of them flipped."""
    number, height, width, _ = padded.shape
    offsets = torch.randint(
        2 * PADDING + 1, (2, number, 1), generator=generator
    ).to(padded.device)
    flip = torch.randint(2, (number, 1), generator=generator).bool()
    down, across = (
        torch.arange(side - 2 * PADDING, device=padded.device)
        for side in (height, width)
    )
    across = torch.where(flip.to(padded.device), across.flip(0), across)
    return (offsets[0] + down)[:, :, None], (offsets[1] + across)[:, None, :]


class Stock:
    """The images trained on, on the device, with the scaling of their pixels.

    Where `augmented`, they are z-scored, each is a random crop of itself with
    4 black pixels added on each side, and half of them are flipped [arcgrad,
    Section IV]; else pixels become 0 to 1.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        augmented: bool,
        device: torch.device,
    ):
        self.images = to_device(images, device)
        self.labels = torch.from_numpy(labels).to(device)
        self.augmented = augmented
        if augmented:
            self.scaling = z_score(self.images)
            self.source = F.pad(self.images, (0, 0) + (PADDING,) * 4)
        else:
            self.scaling = unit_range(self.images.shape[-1], device)
            self.source = self.images

    def epoch(
        self, size: int, generator: torch.Generator
    ) -> Iterator[tuple[Float[Tensor, "b c h w"], Int[Tensor, " b"]]]:
        """Every image once, in random order: pixels and labels of a batch.

        A last batch that is short is left out.
        """
        order = torch.randperm(len(self.images), generator=generator)
        index = [order.to(self.images.device)]
        if self.augmented:
            index += _windows(self.source, generator)
        parts = zip(*(one.split(size) for one in index), strict=True)
        for chosen, *window in islice(parts, len(order) // size):
            first = chosen[:, None, None] if window else chosen
            pixels = self.source[first, *window]
            yield self.scaling(pixels), self.labels[chosen]
