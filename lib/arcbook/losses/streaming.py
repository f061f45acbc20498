"""What all classes but a sample's own add to its loss, in blocks of classes.

Of very many classes C and N samples no array (N, C) is made, neither forward
nor backward: a block of logits is computed, taken into a running log-sum-exp
and forgotten; the backward pass computes it again, as Cut Cross-Entropy does
for language models (Wijmans et al. 2024, arXiv 2411.09009). What is kept is a
number a sample, a number a class and the gradient of the class vectors. Of
few classes the logits are one array, and automatic differentiation is faster.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import sympy
import torch
from torch import Tensor

from arcbook.geometry import angle, angle_gradient, norms, unit
from arcbook.losses import registry

if TYPE_CHECKING:
    from jaxtyping import Float, Int

FEW = 1 << 15  # logits that are one array
BLOCK = 1 << 17  # logits of a block
STEEP = 0.995  # beyond, a cosine in float32 has lost digits of its angle
PAIRS = 1 << 12  # angles that are computed anew at a time
LARGE = 1e3  # logits beyond have too few digits in float32


def rivals(
    rows: Float[Tensor, "*k n d"],
    vectors: Float[Tensor, "*k c d"],
    labels: Int[Tensor, "*k n"],
    scale: Float[Tensor, "*k n"],
    *,
    loss: str = "",
    lengths: bool = False,
    wide: torch.dtype = torch.float32,
) -> tuple[Float[Tensor, "*k n"], Float[Tensor, "*k n d"]]:
    """Log of the summed exponentials of the other classes' logits.

    Args:
        rows: features in float64, unit where there is a `loss`.
        vectors: the class vectors, of any length.
        labels: the classes that are left out.
        scale: what a sample's logits are multiplied with.
        loss: whose formula of the angle the logits are; products if none.
        lengths: whether class vectors enter with theirs, else at length one.
        wide: in which logits are computed; float64 where they are large.

    Gives the logarithms in float64, and the vector of each sample's own
    class, through which the target's gradient reaches `vectors` without
    another array of their size.
    """
    if not loss:
        rows, scale = scale[..., None] * rows, torch.ones_like(scale)
    shape = rows.shape
    rows, vectors = (x.reshape(-1, *x.shape[-2:]) for x in (rows, vectors))
    labels, scale = (x.reshape(rows.shape[:2]) for x in (labels, scale))
    sums, own, _ = _rivals(rows, vectors, labels, scale, loss, lengths, wide)
    return sums.view(shape[:-1]), own.view(shape)


def log_sums(
    logits: Float[Tensor, "*k n c"], labels: Int[Tensor, "*k n"]
) -> Float[Tensor, "*k n"]:
    """Log of the summed exponentials of all classes but the sample's own."""
    rivals = logits.scatter(-1, labels[..., None], -torch.inf)
    return rivals.mT.contiguous().logsumexp(-2)  # sums of long rows are fast


def take(
    table: Float[Tensor, "*k c d"], labels: Int[Tensor, "*k n"]
) -> Float[Tensor, "*k n d"]:
    """The row of each label."""
    flat = table.reshape(-1, *table.shape[-2:])
    first = torch.arange(len(flat), device=labels.device) * table.shape[-2]
    numbers = labels.reshape(len(flat), -1) + first[:, None]
    found = flat.flatten(0, 1).index_select(0, numbers.flatten())
    return found.view(*labels.shape, table.shape[-1])


@torch.library.custom_op("arcbook::rivals", mutates_args=())
def _rivals(
    rows: Tensor,
    vectors: Tensor,
    labels: Tensor,
    scale: Tensor,
    loss: str,
    lengths: bool,
    wide: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums (K, N), own vectors (K, N, d) and norms of vectors (K, C)."""
    sums = rows.new_empty(labels.shape)
    sizes = rows.new_empty(vectors.shape[:-1])
    for k in range(len(rows)):
        for place in _places(labels[k], vectors[k]):
            sizes[k, place] = norms(vectors[k, place])
        given = rows[k], vectors[k], labels[k], scale[k], sizes[k]
        classes = _Classes(*given, loss, lengths, wide)
        found = []
        for place in _places(labels[k], vectors[k]):
            logits = classes.block(place).logits
            most = logits.amax(-1)
            total = (logits - most[:, None]).exp_().sum(-1)
            found.append(total.to(rows).log_() + most)
        sums[k] = torch.stack(found).logsumexp(0)
    return sums, take(vectors, labels), sizes


@_rivals.register_fake
def _(rows, vectors, labels, scale, loss, lengths, wide):
    sizes = rows.new_empty(vectors.shape[:-1])
    return torch.empty_like(scale), vectors.new_empty(rows.shape), sizes


@torch.library.custom_op("arcbook::rivals_backward", mutates_args=())
def _backward(
    grad: Tensor,
    grad_own: Tensor,
    sums: Tensor,
    sizes: Tensor,
    rows: Tensor,
    vectors: Tensor,
    labels: Tensor,
    scale: Tensor,
    loss: str,
    lengths: bool,
    wide: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of rows, class vectors and scales."""
    by_rows, by_vectors = torch.empty_like(rows), torch.empty_like(vectors)
    by_scale = torch.zeros_like(scale)
    for k in range(len(rows)):
        given = rows[k], vectors[k], labels[k], scale[k], sizes[k]
        classes = _Classes(*given, loss, lengths, wide)
        with torch.autocast(rows.device.type, enabled=False):
            for place in _places(labels[k], vectors[k]):
                block = classes.block(place)
                pull = block.logits - sums[k, :, None].to(block.logits)
                pull.exp_().mul_(grad[k, :, None])
                found = classes.pulled(block, pull, by_scale[k])
                by_vectors[k, place] = found
        by_vectors[k].index_add_(0, labels[k], grad_own[k])
        by_rows[k] = classes.by_rows
    return by_rows, by_vectors, by_scale


@_backward.register_fake
def _(grad, grad_own, sums, sizes, rows, vectors, labels, scale, *rest):
    return tuple(torch.empty_like(x) for x in (rows, vectors, scale))


def _save(ctx, inputs, output):
    *tensors, ctx.loss, ctx.lengths, ctx.wide = inputs
    sums, _, sizes = output
    ctx.save_for_backward(sums, sizes, *tensors)


def _autograd(ctx, grad, grad_own, _):
    how = ctx.loss, ctx.lengths, ctx.wide
    found = _backward(grad, grad_own, *ctx.saved_tensors, *how)
    by_rows, by_vectors, by_scale = found
    return by_rows, by_vectors, None, by_scale, None, None, None


torch.library.register_autograd(_rivals, _autograd, setup_context=_save)


def _places(labels, vectors):
    """Slices of the classes."""
    size = max(1, BLOCK // len(labels))
    return [slice(k, k + size) for k in range(0, len(vectors), size)]


class _Block(NamedTuple):
    place: slice
    vectors: Tensor  # of these classes, in the type of the logits
    products: Tensor  # or cosines
    logits: Tensor  # the own class's so low that nothing comes of it
    theta: Tensor | None
    steep: tuple[Tensor, ...]  # where a cosine says too little


class _Classes:
    """A head's classes as a batch sees them, and the gradient of its rows."""

    def __init__(
        self, rows, vectors, labels, scale, sizes, loss, lengths, wide
    ):
        longest = norms(rows).max() * (sizes.max() if lengths else 1)
        if not loss and longest > LARGE:
            wide = torch.float64
        self.formula = registry.get(loss).others if loss else None
        self.exact, self.rows = rows, rows.to(wide)
        self.vectors, self.labels = vectors, labels
        self.scale = scale[:, None].to(wide)
        self.sizes = sizes.to(wide) if lengths else None
        self.inverse = None
        if loss or not lengths:
            none = sizes == 0
            inverse = sizes.masked_fill(none, torch.inf).reciprocal_()
            self.inverse = inverse.to(wide)
        self.by_rows = torch.zeros_like(self.rows)

    def block(self, place) -> _Block:
        part = self.vectors[place].to(self.rows)
        products = self.rows @ part.mT
        if self.inverse is not None:
            products *= self.inverse[place]
        logits, theta, steep = products, None, ()
        if self.formula:
            steep = (products.abs() > STEEP).nonzero(as_tuple=True)
            theta = products.clamp_(-1, 1).acos()
            for i, j in zip(*(each.split(PAIRS) for each in steep)):
                exact = angle(self.exact[i], unit(part[j])[0])
                theta[i, j] = exact.to(theta)
            logits = self.formula(theta) * self._factors(place)
        here = (self.labels >= place.start) & (self.labels < place.stop)
        (i,) = here.nonzero(as_tuple=True)
        logits[i, self.labels[i] - place.start] = (
            torch.finfo(logits.dtype).min / 2
        )
        return _Block(place, part, products, logits, theta, steep)

    def pulled(self, block, pull, by_scale):
        """The class vectors' gradient from that of their logits."""
        place, part, products, _, theta, steep = block
        growth = alone = None
        if self.formula:
            slope = _slope(self.formula)(theta) * pull
            value = pull.mul_(self.formula(theta))
            if self.sizes is not None:
                growth = (value * self.scale).sum(0)
                value *= self.sizes[place]
            by_scale += value.sum(-1)
            pull = slope.mul_(-self._factors(place))
            alone = pull[steep]
            pull /= (1 - products.square()).sqrt_()
            pull[steep] = 0
        along = pull.mT @ self.rows
        if self.inverse is None:
            self.by_rows.addmm_(pull, part)
            return along
        inverse = self.inverse[place]
        radial = (pull * products).sum(0)
        if growth is not None:
            radial -= growth * self.sizes[place]
        along.addcmul_(part, (radial * inverse)[:, None], value=-1)
        self.by_rows.addmm_(pull.mul_(inverse), part)
        if alone is not None:
            self._add_steep(alone, block, along)
        return along.mul_(inverse[:, None])

    def _factors(self, place):
        if self.sizes is None:
            return self.scale
        return self.scale * self.sizes[place]

    def _add_steep(self, alone, block, along):
        """What angles near 0 and π add, along tangents to the last digit."""
        pairs = (each.split(PAIRS) for each in (*block.steep, alone))
        for i, j, pull in zip(*pairs):
            u, v = self.exact[i], unit(block.vectors[j])[0]
            by_u, by_v = angle_gradient(-pull, u, v)
            by_v -= v * (v * by_v).sum(-1, keepdim=True)
            self.by_rows.index_add_(0, i, by_u.to(along))
            along.index_add_(0, j, by_v.to(along))


@cache
def _slope(formula):
    """The derivative of a formula, a function of many angles."""
    theta = sympy.Symbol("theta", real=True)
    return sympy.lambdify(theta, formula(theta).diff(theta), "torch")
