"""Tables with a row a class: rows of them, and room for a gradient as large.

A table of many classes is the largest array of a training, so that making
another, or only its zeros, counts.
"""

from __future__ import annotations

import math
import mmap
from contextlib import suppress
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

MAPPED = 1 << 25  # bytes of an array whose pages are asked for by themselves


def take(
    table: Float[Tensor, "*k c d"], labels: Int[Tensor, "*k n"]
) -> Float[Tensor, "*k n d"]:
    """The row of each label."""
    flat = table.reshape(-1, *table.shape[-2:])
    first = torch.arange(len(flat), device=labels.device) * table.shape[-2]
    numbers = (labels.reshape(len(flat), -1) + first[:, None]).flatten()
    rows = flat.flatten(0, 1)
    if rows.nbytes < MAPPED:
        found = rows.index_select(0, numbers)
    else:
        found = _take(rows, numbers)
    return found.view(*labels.shape, -1)


def allocate(like: Tensor, shape: tuple[int, ...], *, filled: bool) -> Tensor:
    """Zeros, or anything where all of it will be `filled`.

    Linux makes pages of a large array when they are written to: of 2 MB if
    all are, since to make them of 4 KB takes a fifth of a step, and else so
    that zeros take no memory.
    """
    size = math.prod(shape) * like.itemsize
    here = like.device.type == "cpu" and hasattr(mmap, "MADV_HUGEPAGE")
    if size < MAPPED or not here:
        return like.new_empty(shape) if filled else like.new_zeros(shape)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    pages = mmap.mmap(-1, size, flags=flags)
    if filled:
        with suppress(OSError):  # a kernel without large pages
            pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=like.dtype).view(shape)


@torch.library.custom_op("arcbook::take", mutates_args=())
def _take(rows: Tensor, numbers: Tensor) -> Tensor:
    return rows.index_select(0, numbers)


@_take.register_fake
def _(rows, numbers):
    return rows.new_empty(len(numbers), rows.shape[1])


@torch.library.custom_op("arcbook::put", mutates_args=())
def _put(rows: Tensor, numbers: Tensor, classes: int) -> Tensor:
    """Rows at their numbers, among zeros."""
    zeros = allocate(rows, (classes, rows.shape[1]), filled=False)
    return zeros.index_add_(0, numbers, rows)


@_put.register_fake
def _(rows, numbers, classes):
    return rows.new_empty(classes, rows.shape[1])


def _save(ctx, inputs, output):
    rows, numbers = inputs
    ctx.classes = len(rows)
    ctx.save_for_backward(numbers)


def _put_back(ctx, grad):
    return _put(grad, *ctx.saved_tensors, ctx.classes), None


_take.register_autograd(_put_back, setup_context=_save)
