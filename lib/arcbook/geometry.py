"""Angles between vectors, right to the last digit.

The arc cosine of a rounded cosine loses half of its digits near 0 and π.
Here an angle comes from two chords, θ = 2 atan2(|u − v|, |u + v|) (W. Kahan),
which keeps them all, and vectors are made unit in float64, where squares of
norms between 1e-25 and 1e22 neither vanish nor overflow.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

NARROW = {"mps"}  # devices that have no float64


def widest(device: torch.device) -> torch.dtype:
    """What is computed in where digits matter: float64, if it is there."""
    return torch.float32 if device.type in NARROW else torch.float64


def unit(
    vectors: Float[Tensor, "*n d"],
) -> tuple[Float[Tensor, "*n d"], Float[Tensor, "*n"]]:
    """Directions and norms of vectors, in what is `widest`.

    Args:
        vectors: of any floating type.

    Gives the directions and the norms. A zero vector has no direction: it
    comes back as zero, so that it stands at π/2 to every other vector, and no
    gradient passes through it.
    """
    return _Unit.apply(vectors)


def norms(vectors: Float[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    """Norms in float64, of vectors as short as 1e-300 or as long as 1e300.

    float32 vectors have squares that float64 holds; where it does not, they
    are divided by their largest entry first.
    """
    wide = widest(vectors.device)
    norm = partial(torch.linalg.vector_norm, dim=-1, dtype=wide)
    if vectors.dtype is not wide:
        return norm(vectors)
    largest = vectors.abs().amax(-1, keepdim=True)
    largest = largest.masked_fill(largest == 0, 1)
    return norm(vectors / largest) * largest[..., 0]


def angle(
    u: Float[Tensor, "*n d"], v: Float[Tensor, "*n d"]
) -> Float[Tensor, "*n"]:
    """Angles between paired unit vectors, in radians.

    At θ = 0 and θ = π the angle has a kink and no direction in which it
    grows: the gradient there is the subgradient 0.
    """
    return _Angle.apply(u, v)


def angles(
    u: Float[Tensor, "*k n d"], v: Float[Tensor, "*k c d"]
) -> Float[Tensor, "*k n c"]:
    """Angles between every u and every v, unit vectors, in radians.

    No tensor of the size n c d is made, neither forward nor backward. The
    gradient at θ = 0 and θ = π is 0, as in `angle`.
    """
    return _Angles.apply(u, v)


class _Unit(torch.autograd.Function):
    """x/|x| and |x|, with a backward of few passes over (n, d)."""

    @staticmethod
    def forward(ctx, vectors):
        wide = vectors.to(widest(vectors.device))
        if wide.dtype is vectors.dtype:
            sizes = norms(vectors)
        else:
            sizes = torch.linalg.vector_norm(wide, dim=-1)
        divisor = sizes.masked_fill(sizes == 0, torch.inf)[..., None]
        directions = wide / divisor
        ctx.save_for_backward(directions, divisor)
        ctx.set_materialize_grads(False)
        ctx.kind = vectors.dtype
        return directions, sizes

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, grad_norms):
        directions, divisor = ctx.saved_tensors
        if grad is None:
            return (grad_norms[..., None] * directions).to(ctx.kind)
        radial = -(directions * grad).sum(-1, keepdim=True) / divisor
        if grad_norms is not None:
            radial = radial + grad_norms[..., None]
        return (grad / divisor).addcmul_(directions, radial).to(ctx.kind)


class _Angle(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, v):
        minus, plus = _chords(u, v)
        ctx.save_for_backward(u, v, minus, plus)
        return 2 * torch.atan2(minus, plus)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        return _along(grad, *ctx.saved_tensors)


def angle_gradient(grad, u, v):
    """What u and v of an `angle` get of the gradient that it gets."""
    return _along(grad, u, v, *_chords(u, v))


def _along(grad, u, v, *chords):
    pull, along = (x[..., None] for x in _pull(grad, *chords))
    return along * u - pull * v, along * v - pull * u


def _chords(u, v):
    norm = torch.linalg.vector_norm
    return norm(u - v, dim=-1), norm(u + v, dim=-1)


class _Angles(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, v):
        exact = "donot_use_mm_for_euclid_dist"
        minus = torch.cdist(u, v, compute_mode=exact)
        plus = torch.cdist(u, -v, compute_mode=exact)
        ctx.save_for_backward(u, v, minus, plus)
        return 2 * torch.atan2(minus, plus)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        u, v, minus, plus = ctx.saved_tensors
        pull, along = _pull(grad, minus, plus)
        grad_u = along.sum(-1)[..., None] * u - pull @ v
        grad_v = along.sum(-2)[..., None] * v - pull.mT @ u
        return grad_u, grad_v


def _pull(grad, minus, plus):
    """Factors of dθ/du = (u cos θ − v)/sin θ, from the two chords."""
    sine = minus * plus / 2
    pull = grad / sine.masked_fill(sine == 0, torch.inf)
    return pull, pull * (plus - minus) * (plus + minus) / 4


def class_centers(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int
) -> Float[Tensor, "c d"]:
    """The mean feature of each class, in float64.

    Features are averaged as they are, not made unit first: "the mean of the
    embedded features belonging to the same class" [arcgrad, Section IV-C2].

    Raises ValueError: if a class has no sample, so no centre.
    """
    counts = torch.bincount(labels, minlength=classes)
    if (counts == 0).any():
        missing = (counts == 0).nonzero()[0].item()
        raise ValueError(
            f"class {missing} has no sample, so it has no centre; "
            f"{classes} classes need a sample each"
        )
    sums = features.new_zeros(classes, features.shape[-1], dtype=torch.float64)
    sums.index_add_(0, labels, features.double())
    return sums / counts[:, None]


def wc_intra(
    centers: Float[Tensor, "c d"], class_vectors: Float[Tensor, "c d"]
) -> Float[Tensor, ""]:
    """WC-Intra: mean angle between a class's centre and its class vector.

    In radians. [arcgrad, Eq. 20], [angular-learning, Eq. 12]
    """
    return angle(unit(centers)[0], unit(class_vectors)[0]).mean()


def w_inter(class_vectors: Float[Tensor, "c d"]) -> Float[Tensor, ""]:
    """W-Inter: mean angle between two different class vectors.

    In radians. [arcgrad, Eq. 21], [angular-learning, Eq. 13]
    """
    return _mean_apart(class_vectors)


def c_inter(centers: Float[Tensor, "c d"]) -> Float[Tensor, ""]:
    """C-Inter: mean angle between the centres of two different classes.

    In radians, as the text defines it. The printed formula [arcgrad, Eq. 22],
    [angular-learning, Eq. 14] has ⟨Center_j, W_j⟩ under a sum over i ≠ j,
    which would be WC-Intra over again.
    """
    return _mean_apart(centers)


def simplex_angle(classes: int) -> float:
    """The angle between C vectors that all stand equally far apart.

    arccos(−1/(C − 1)), in radians: the largest that the smallest of their
    angles can be. It takes at least C − 1 dimensions.
    """
    return math.acos(-1 / (classes - 1))


def largest_mean_angle(classes: int) -> float:
    """The largest mean angle that C vectors can have, in radians.

    The angle of two vectors is π times the share of hyperplanes through 0
    that part them, and a hyperplane parts at most ⌊C²/4⌋ of the C(C − 1)/2
    pairs. Two opposite bundles reach it, in any dimension: for C = 10 it is
    5π/9 = 1.745, above the simplex's 1.682.
    """
    return math.pi * (classes**2 // 4) / (classes * (classes - 1) / 2)


def _mean_apart(vectors):
    directions, _ = unit(vectors)
    number = len(directions)
    return angles(directions, directions).sum() / (number**2 - number)
