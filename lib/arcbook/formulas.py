"""Margins as pure functions of the angle.

Each function takes an angle in radians and gives the target logit at unit
scale. The angle may be a torch tensor, a sympy expression, a numpy array or
a float: the formula that is derived on the page is the one that trains.
"""

import math

import numpy as np
import torch


def _library(theta):
    if isinstance(theta, torch.Tensor):
        return torch
    if hasattr(theta, "free_symbols"):
        import sympy

        return sympy
    return np


def cos(theta):
    """Cosine of a tensor, a sympy expression, an array or a float."""
    return _library(theta).cos(theta)


def sin(angle):
    """Sine of a tensor, a sympy expression, an array or a float."""
    return _library(angle).sin(angle)


def pi(theta):
    """The number pi, exact beside a sympy expression."""
    return _library(theta).pi


def piecewise(theta, knots, pieces):
    """Join pieces at knots: ``pieces[k]`` up to ``knots[k]``, exclusive.

    Args:
        theta: the angle, in radians.
        knots: K rising angles.
        pieces: K + 1 values; the last one holds from the last knot on.

    Gives the joined function at ``theta``. At a knot the right piece holds, so
    its derivative is the derivative from the right.
    """
    library = _library(theta)
    if library is not torch and library is not np:
        cases = [(p, theta < k) for k, p in zip(knots, pieces)]
        return library.Piecewise(*cases, (pieces[-1], True))
    value = pieces[-1]
    for knot, piece in zip(
        reversed(knots), reversed(pieces[:-1]), strict=True
    ):
        value = library.where(theta < knot, piece, value)
    return value


def cosine(theta):
    """No margin: cos θ. [arcgrad, Eq. 7]"""
    return cos(theta)


def cosface(theta, *, m):
    """Additive cosine margin: cos θ − m. [iam, Eq. 5]"""
    return cos(theta) - m


def arcface(theta, *, m, variant="plain"):
    """Additive angular margin: cos(θ + m). [arcgrad, Eq. 8]

    Args:
        theta: the target angle, in radians.
        m: the margin, in radians.
        variant: ``"plain"`` keeps cos(θ + m), which rises again beyond
            θ = π − m; ``"monotone"`` goes on from there with
            cos θ − m sin m, which falls all the way to π. At the knot
            π − m the second piece holds; the value jumps there by
            1 − cos m − m sin m, which is down up to m = 2.33 (where
            tan(m/2) = m) and up for wider margins.
    """
    plain = cos(theta + m)
    if variant == "plain":
        return plain
    return piecewise(
        theta, [pi(theta) - m], [plain, cos(theta) - m * sine_of(m)]
    )


def sine_of(m):
    """Sine of a margin: exact for a symbol, a float otherwise."""
    return math.sin(m) if isinstance(m, int | float) else _library(m).sin(m)


def combined(theta, *, m1, m2, m3):
    """The three margins at once: cos(m₁ θ + m₂) − m₃.

    Source: the combined margin of [mnist-cosine, Section 3], where m₁ is
    SphereFace's factor, m₂ ArcFace's angle and m₃ CosFace's offset.
    """
    return cos(m1 * theta + m2) - m3


def psi(theta, *, m):
    """Multiplicative margin: ψ(θ) = (−1)ᵏ cos(mθ) − 2k on [kπ/m, (k+1)π/m].

    ψ falls from 1 at θ = 0 to 1 − 2m at θ = π. It is continuous with a
    continuous derivative: both sides of each knot have slope 0.

    Args:
        theta: the target angle, in radians.
        m: a positive integer, the number of pieces.
    """
    knots = [k * pi(theta) / m for k in range(1, m)]
    pieces = [(-1) ** k * cos(m * theta) - 2 * k for k in range(m)]
    return piecewise(theta, knots, pieces)


def annealed_psi(theta, *, m, annealing):
    """ψ mixed with the plain cosine: (λ cos θ + ψ(θ)) / (1 + λ).

    Args:
        theta: the target angle, in radians.
        m: a positive integer.
        annealing: λ ≥ 0; 0 is ψ alone, a large λ is the plain softmax.
    """
    return (annealing * cos(theta) + psi(theta, m=m)) / (1 + annealing)


def arcgrad(theta):
    """The angle itself: −θ, a constant shift from π − θ. [arcgrad, Eq. 11]"""
    return -theta
