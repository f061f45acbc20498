"""Angles between vectors, right to the last digit.

The arc cosine of a rounded cosine loses half of its digits near 0 and π.
Here an angle comes from two chords, θ = 2 atan2(|u − v|, |u + v|) (W. Kahan),
which keeps them all, and vectors are made unit in float64, where squares of
norms between 1e-25 and 1e22 neither vanish nor overflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def unit(
    vectors: Float[Tensor, "*n d"],
) -> tuple[Float[Tensor, "*n d"], Float[Tensor, "*n"]]:
    """Directions and norms of vectors, in float64.

    Args:
        vectors: of any floating type.

    Returns:
        The directions and the norms. A zero vector has no direction: it
        comes back as zero, so that it stands at π/2 to every other vector,
        and no gradient passes through it.
    """
    vectors = vectors.double()
    norms = torch.linalg.vector_norm(vectors, dim=-1)
    divisor = norms.masked_fill(norms == 0, torch.inf)
    return vectors / divisor[..., None], norms


def angle(
    u: Float[Tensor, "*n d"], v: Float[Tensor, "*n d"]
) -> Float[Tensor, "*n"]:
    """Angles between paired unit vectors, in radians.

    At θ = 0 and θ = π the angle has a kink and no direction in which it
    grows: the gradient there is the subgradient 0.
    """
    return 2 * torch.atan2(
        torch.linalg.vector_norm(u - v, dim=-1),
        torch.linalg.vector_norm(u + v, dim=-1),
    )


def angles(
    u: Float[Tensor, "*k n d"], v: Float[Tensor, "*k c d"]
) -> Float[Tensor, "*k n c"]:
    """Angles between every u and every v, unit vectors, in radians.

    No tensor of the size n c d is made, neither forward nor backward. The
    gradient at θ = 0 and θ = π is 0, as in `angle`.
    """
    return _Angles.apply(u, v)


class _Angles(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, v):
        exact = "donot_use_mm_for_euclid_dist"
        minus = torch.cdist(u, v, compute_mode=exact)
        plus = torch.cdist(u, -v, compute_mode=exact)
        ctx.save_for_backward(u, v, minus, plus)
        return 2 * torch.atan2(minus, plus)

    @staticmethod
    def backward(ctx, grad):
        u, v, minus, plus = ctx.saved_tensors
        sine = minus * plus / 2
        pull = grad / sine.masked_fill(sine == 0, torch.inf)
        along = pull * (plus - minus) * (plus + minus) / 4
        grad_u = along.sum(-1)[..., None] * u - pull @ v
        grad_v = along.sum(-2)[..., None] * v - pull.mT @ u
        return grad_u, grad_v
