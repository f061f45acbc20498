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

from arcbook.geometry import angle, angle_gradient, norms, unit, widest
from arcbook.losses import registry
from arcbook.losses.tables import allocate, take

if TYPE_CHECKING:
    from jaxtyping import Float, Int

FEW = 1 << 15  # logits that are one array
BLOCK = 1 << 17  # logits of a block
STEEP = 0.995  # beyond, a cosine in float32 has lost digits of its angle
PAIRS = 1 << 12  # angles that are computed anew at a time
STEADY = 40  # logits below have exponentials whose sums float32 holds
LARGE = 1e3  # logits beyond have too few digits in float32
SHORT = 1e-15  # vectors below, or above its inverse, have squares beyond it


class Known(NamedTuple):
    """Products of class vectors and rows, if any are kept, and norms."""

    products: Tensor
    sizes: Float[Tensor, "k c"]


def rivals(
    rows: Float[Tensor, "*k n d"],
    vectors: Float[Tensor, "*k c d"],
    labels: Int[Tensor, "*k n"],
    scale: Float[Tensor, "*k n"],
    *,
    loss: str = "",
    lengths: bool = False,
    centers: int = 1,
    wide: torch.dtype = torch.float32,
    keep: bool | None = None,
    known: Known | None = None,
) -> tuple[Float[Tensor, "*k n"], Float[Tensor, "*k n d"], Known]:
    """Log of the summed exponentials of the other classes' logits.

    Args:
        rows: features in what is widest, unit where there is a `loss`.
        vectors: the class vectors, of any length.
        labels: rows of `vectors` whose classes are left out; of −1 none is.
        scale: what a sample's logits are multiplied with.
        loss: whose formula of the angle the logits are; products if none.
        lengths: whether class vectors enter with theirs, else at length one.
        centers: rows that a class has; the one of the largest logit counts.
        wide: in which logits are computed; float64 where they are large.
        keep: whether products are kept, where gradients are wanted if None.
        known: what a call with another scale has given.

    Gives the logarithms in the type of `rows`, the vectors of `labels`,
    through which the target's gradient reaches `vectors` without another
    array of their size, and what a call with another scale needs again.
    """
    shape = rows.shape
    rows, vectors = (x.reshape(-1, *x.shape[-2:]) for x in (rows, vectors))
    labels, scale = (x.reshape(rows.shape[:2]) for x in (labels, scale))
    if known is None:
        with torch.no_grad():
            sizes = _sizes(vectors, wide)
        known = Known(vectors.new_empty(0), sizes)
    keep = torch.is_grad_enabled() if keep is None else keep
    keep &= vectors.requires_grad and not torch.compiler.is_compiling()
    given = rows, vectors, labels, scale, known.sizes, known.products
    sums, own, kept = _rivals(*given, loss, lengths, centers, wide, keep)
    known = Known(kept, known.sizes)
    return sums.view(shape[:-1]), own.view(shape), known


def log_sums(
    logits: Float[Tensor, "*k n c"], labels: Int[Tensor, "*k n"]
) -> Float[Tensor, "*k n"]:
    """Log of the summed exponentials of all classes but the sample's own."""
    rivals = logits.scatter(-1, labels[..., None], -torch.inf)
    return rivals.mT.contiguous().logsumexp(-2)  # sums of long rows are fast


@torch.library.custom_op("arcbook::sizes", mutates_args=())
def _sizes(vectors: Tensor, wide: torch.dtype) -> Tensor:
    """Norms (…, C): float32's if they have all digits that `wide` has."""
    if vectors.dtype == wide == torch.float32:
        quick = torch.linalg.vector_norm(vectors, dim=-1)
        least, most = quick.aminmax()
        if least > SHORT and most < 1 / SHORT:
            return quick
    parts = vectors.split(max(1, BLOCK // vectors.shape[-1]), -2)
    return torch.cat([norms(part) for part in parts], -1)


@_sizes.register_fake
def _(vectors, wide):
    return vectors.new_empty(vectors.shape[:-1], dtype=wide)


@torch.library.custom_op("arcbook::rivals", mutates_args=())
def _rivals(
    rows: Tensor,
    vectors: Tensor,
    labels: Tensor,
    scale: Tensor,
    sizes: Tensor,
    known: Tensor,
    loss: str,
    lengths: bool,
    centers: int,
    wide: torch.dtype,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums (K, N), own vectors (K, N, d), and what is kept.

    What is kept are products of class vectors and rows, in the array that the
    backward pass fills with the gradient of the class vectors, row by row.
    """
    sums = rows.new_empty(labels.shape)
    kept = vectors.new_empty(0)
    for k in range(len(rows)):
        given = rows[k], vectors[k], labels[k], scale[k], sizes[k]
        classes = _Classes(*given, loss, lengths, centers, wide)
        if keep and not known.numel() and classes.fit:
            kept = kept if k else allocate(vectors, vectors.shape, filled=True)
        room = known if known.numel() else kept
        found = []
        for place in classes.places():
            there = room[k, place] if room.numel() else None
            block = classes.block(place, there, known.numel() > 0)
            most = classes.most
            if most is None:
                logits = classes.logits(block)
                most = logits.amax(0)
                logits -= most
            else:
                logits = classes.logits(block, -most)
            found.append(logits.exp_().sum(0).to(rows).log_() + most)
        sums[k] = torch.stack(found).logsumexp(0)
    return sums, take(vectors, labels.clamp(min=0)), kept


@_rivals.register_fake
def _(rows, vectors, labels, scale, *rest):
    own = vectors.new_empty(rows.shape)
    return torch.empty_like(scale), own, vectors.new_empty(0)


@torch.library.custom_op(
    "arcbook::rivals_backward", mutates_args=("by_vectors",)
)
def _rivals_backward(
    grad: Tensor,
    grad_own: Tensor,
    sums: Tensor,
    rows: Tensor,
    vectors: Tensor,
    labels: Tensor,
    scale: Tensor,
    sizes: Tensor,
    by_vectors: Tensor,
    kept: bool,
    learned: bool,
    loss: str,
    lengths: bool,
    centers: int,
    wide: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Gradients of rows and of `learned` scales; fills the class vectors'."""
    by_rows, by_scale = torch.empty_like(rows), torch.zeros_like(scale)
    for k in range(len(rows)):
        given = rows[k], vectors[k], labels[k], scale[k], sizes[k]
        classes = _Classes(*given, loss, lengths, centers, wide)
        with torch.autocast(rows.device.type, enabled=False):
            for place in classes.places():
                room = by_vectors[k, place]
                block = classes.block(place, room if kept else None, kept)
                pull = classes.logits(block, -sums[k]).exp_()
                pull *= grad[k].to(pull)
                into = by_scale[k] if learned else None
                classes.pulled(block, pull, into, room)
        own = labels[k].clamp(min=0)
        by_vectors[k].index_add_(0, own, grad_own[k])
        by_rows[k] = classes.by_rows
    return by_rows, by_scale


@_rivals_backward.register_fake
def _(grad, grad_own, sums, rows, vectors, labels, scale, *rest):
    return torch.empty_like(rows), torch.empty_like(scale)


def _save(ctx, inputs, output):
    *tensors, known, loss, lengths, centers, wide, _ = inputs
    sums, _, kept = output
    ctx.kept = known if known.numel() else kept
    ctx.how = loss, lengths, centers, wide
    ctx.mark_non_differentiable(kept)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(sums, *tensors)


def _autograd(ctx, grad, grad_own, *_):
    saved = ctx.saved_tensors
    _, rows, vectors, labels, *_ = saved
    kept, ctx.kept = ctx.kept, None  # another pass has to compute them again
    there = kept is not None and kept.numel() > 0
    by_vectors = (
        kept if there else allocate(vectors, vectors.shape, filled=True)
    )
    grad = rows.new_zeros(labels.shape) if grad is None else grad
    if grad_own is None:
        grad_own = vectors.new_zeros(rows.shape)
    how = by_vectors, there, ctx.needs_input_grad[3], *ctx.how
    by_rows, by_scale = _rivals_backward(grad, grad_own, *saved, *how)
    return by_rows, by_vectors, None, by_scale, *[None] * 7


torch.library.register_autograd(_rivals, _autograd, setup_context=_save)


class _Block(NamedTuple):
    place: slice
    vectors: Tensor  # of these classes, in the type of the logits
    products: Tensor  # (c, n), or cosines
    theta: Tensor | None
    steep: tuple[Tensor, ...] | None  # where a cosine says too little


class _Classes:
    """A head's classes as a batch sees them, and the gradient of its rows."""

    def __init__(
        self, rows, vectors, labels, scale, sizes, loss, lengths, centers, wide
    ):
        self.most = None
        if not loss:
            longest = norms(rows) * scale * (sizes.max() if lengths else 1)
            if longest.max() < STEADY:
                self.most = longest  # no logit is above
            elif longest.max() > LARGE:
                wide = widest(rows.device)
                sizes = sizes if lengths else _sizes(vectors, wide)
        self.formula = registry.get(loss).others if loss else None
        self.exact, self.rows = rows, rows.to(wide)
        self.vectors, self.labels, self.centers = vectors, labels, centers
        self.scale = scale.to(wide)
        self.sizes = sizes.to(wide)[:, None] if loss and lengths else None
        self.inverse = None
        if loss or not lengths:
            none = sizes == 0
            inverse = sizes.masked_fill(none, torch.inf).reciprocal_()
            self.inverse = inverse.to(wide)[:, None]
            least, most = inverse.aminmax()  # whose squares may be infinite
            self.far = least < SHORT or most > 1 / SHORT
        self.by_rows = torch.zeros_like(self.rows)
        self.fit = wide == vectors.dtype and len(rows) <= vectors.shape[-1]

    def places(self):
        """Slices of the rows of classes, a block of logits each."""
        size = max(1, BLOCK // len(self.rows) // self.centers) * self.centers
        return [slice(k, k + size) for k in range(0, len(self.vectors), size)]

    def block(self, place, room=None, known=False) -> _Block:
        part, n = self.vectors[place].to(self.rows), len(self.rows)
        room = () if room is None else room.split(n, -1)
        products = room[0] if room else None
        theta = room[1] if len(room) > 1 and room[1].shape[1] == n else None
        kept = known and theta is not None
        if not known:
            products = torch.mm(part, self.rows.mT, out=products)
            if self.inverse is not None:
                products *= self.inverse[place]
        if not self.formula:
            return _Block(place, part, products, None, None)
        least, most = (x.item() for x in products.aminmax())
        if max(-least, most) <= STEEP:
            theta = theta if kept else torch.acos(products, out=theta)
            return _Block(place, part, products, theta, None)
        steep = (products.abs() > STEEP).nonzero(as_tuple=True)
        theta = torch.acos(products.clamp_(-1, 1), out=theta)
        for j, i in zip(*(each.split(PAIRS) for each in steep)):
            exact = angle(self.exact[i], unit(part[j])[0])
            theta[j, i] = exact.to(theta)
        return _Block(place, part, products, theta, steep)

    def logits(self, block, plus=None):
        """(c, n); so low that nothing comes of them are the own class's.

        And those of rows that are not their class's largest.
        """
        place, value = block.place, self._value(block)
        if plus is None:
            logits = value * self._factors(place)
        else:
            plus = plus.to(value)
            logits = torch.addcmul(plus, value, self._factors(place))
        low = torch.finfo(logits.dtype).min / 2
        classes = logits.view(-1, self.centers, len(self.rows))
        if self.centers > 1:
            most, where = classes.max(1, keepdim=True)
            classes.fill_(low).scatter_(1, where, most)
        here = (self.labels >= place.start) & (self.labels < place.stop)
        (i,) = here.nonzero(as_tuple=True)
        classes[(self.labels[i] - place.start) // self.centers, :, i] = low
        return logits

    def _value(self, block):
        return self.formula(block.theta) if self.formula else block.products

    def pulled(self, block, pull, by_scale, out):
        """The class vectors' gradient from that of their logits.

        And that of the scales, which `by_scale` sums, if it is there.
        """
        place, part, products, theta, steep = block
        growth, factors = 0, self._factors(place)
        if self.formula:
            if by_scale is not None or self.sizes is not None:
                value = pull * self.formula(theta)
            if self.sizes is not None:
                growth = value @ self.scale[:, None]
                value *= self.sizes[place]
            if by_scale is not None:
                by_scale += value.sum(0)
            pull *= factors * -_slope(self.formula)(theta)
            if steep:
                alone = pull[steep]
            one = torch.ones((), dtype=pull.dtype, device=pull.device)
            pull *= torch.addcmul(one, products, products, value=-1).rsqrt_()
            if steep:
                pull[steep] = 0
            radial = (pull * products).sum(1, keepdim=True)
        else:
            value = pull * products
            if by_scale is not None:
                by_scale += value.sum(0)
            radial = value @ self.scale[:, None]
            pull *= factors
        if self.inverse is None:
            self.by_rows.addmm_(pull.mT, part)
            out.copy_(pull @ self.rows)
            return
        inverse = self.inverse[place]
        pull *= inverse
        radial *= inverse
        self.by_rows.addmm_(pull.mT, part)
        given = out if out.dtype == pull.dtype else None
        along = torch.mm(pull, self.rows, out=given)
        if self.far:
            part, inverse = part * inverse, 1
        along.addcmul_(part, (growth - radial) * inverse)
        if steep:
            self._add_steep(alone, block, along)
        if given is None:
            out.copy_(along)

    def _factors(self, place):
        if self.sizes is None:
            return self.scale
        return self.scale * self.sizes[place]

    def _add_steep(self, alone, block, along):
        """What angles near 0 and π add, along tangents to the last digit."""
        inverse = self.inverse[block.place]
        pairs = (each.split(PAIRS) for each in (*block.steep, alone))
        for j, i, pull in zip(*pairs):
            u, v = self.exact[i], unit(block.vectors[j])[0]
            by_u, by_v = angle_gradient(-pull, u, v)
            by_v -= v * (v * by_v).sum(-1, keepdim=True)
            self.by_rows.index_add_(0, i, by_u.to(along))
            along.index_add_(0, j, by_v.to(along) * inverse[j])


@cache
def _slope(formula):
    """The derivative of a formula, a function of many angles."""
    theta = sympy.Symbol("theta", real=True)
    return sympy.lambdify(theta, formula(theta).diff(theta), "torch")
