"""Batches of images made on the device, all images of a batch at once.

Images lie there once, as bytes with the channels last. Taking a batch, its
crops and its flips is a single indexing operation.
"""

from __future__ import annotations

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
    return Scaling(
        torch.zeros(channels, device=device),
        torch.full((channels,), 255.0, device=device),
    )


def z_score(images: UInt8[Tensor, "n h w c"]) -> Scaling:
    """Pixels to mean 0 and standard deviation 1 in each channel.

    Exact: whole-number sums over all images given, which are the ones
    trained on.
    """
    channels = images.shape[-1]
    total = torch.zeros(channels, dtype=torch.int64, device=images.device)
    squares = total.clone()
    for part in images.split(1000):
        values = part.reshape(-1, channels).int()
        total += values.sum(0)
        squares += values.square().sum(0)
    count = images.numel() // channels
    mean = total.double() / count
    std = (squares.double() / count - mean.square()).sqrt()
    kind = torch.get_default_dtype()
    return Scaling(mean.to(kind), std.to(kind))


def pad(images: UInt8[Tensor, "n h w c"]) -> UInt8[Tensor, "n H W c"]:
    """Add 4 black pixels on each side, once for all crops."""
    return F.pad(images, (0, 0) + (PADDING,) * 4)


def batches(
    images: UInt8[Tensor, "n h w c"], size: int, generator: torch.Generator
) -> Iterator[tuple[Int[Tensor, " b"], UInt8[Tensor, "b h w c"]]]:
    """Every image once, in random order; a last batch that is short is left.

    Gives the indices of the images and the images.
    """
    order = torch.randperm(len(images), generator=generator)
    order = order.to(images.device)
    for chosen in order.split(size)[: len(images) // size]:
        yield chosen, images[chosen]


def augmented_batches(
    padded: UInt8[Tensor, "n H W c"], size: int, generator: torch.Generator
) -> Iterator[tuple[Int[Tensor, " b"], UInt8[Tensor, "b h w c"]]]:
    """As `batches`, each image cropped at random, half of them flipped.

    [arcgrad, Section IV]: a random crop of the image with 4 pixels added on
    each side, and a flip with a probability of 0.5.

    Gives the indices of the images and the crops.
    """
    number, height, width, _ = padded.shape
    height, width = height - 2 * PADDING, width - 2 * PADDING
    order = torch.randperm(number, generator=generator)
    offsets = torch.randint(
        2 * PADDING + 1, (2, number, 1), generator=generator
    )
    flip = torch.randint(2, (number, 1), generator=generator).bool()
    order, offsets, flip = (
        drawn.to(padded.device) for drawn in (order, offsets, flip)
    )
    across = torch.arange(width, device=padded.device)
    rows = offsets[0] + torch.arange(height, device=padded.device)
    columns = offsets[1] + torch.where(flip, across.flip(0), across)
    parts = zip(*(t.split(size) for t in (order, rows, columns)), strict=True)
    for _, (chosen, row, column) in zip(range(number // size), parts):
        index = chosen[:, None, None], row[:, :, None], column[:, None, :]
        yield chosen, padded[index]


class Stock(NamedTuple):
    """The images trained on, on the device.

    Attributes:
        images: as they are.
        labels: int64 (N,).
        scaling: of pixels, in training and in looking.
        padded: the images with 4 more pixels on each side, if they are
            to be cropped and flipped; else None.
    """

    images: UInt8[Tensor, "n h w c"]
    labels: Int[Tensor, " n"]
    scaling: Scaling
    padded: UInt8[Tensor, "n H W c"] | None

    def epoch(
        self, size: int, generator: torch.Generator
    ) -> Iterator[tuple[Float[Tensor, "b c h w"], Int[Tensor, " b"]]]:
        """Every image once: pixels and labels, a batch at a time."""
        if self.padded is None:
            drawn = batches(self.images, size, generator)
        else:
            drawn = augmented_batches(self.padded, size, generator)
        for chosen, pixels in drawn:
            yield self.scaling(pixels), self.labels[chosen]


def stock(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    augmented: bool,
    device: torch.device,
) -> Stock:
    """Bring images to the device."""
    pixels = to_device(images, device)
    return Stock(
        pixels,
        torch.from_numpy(labels).to(device),
        z_score(pixels) if augmented else unit_range(pixels.shape[-1], device),
        pad(pixels) if augmented else None,
    )
