"""How an equation gets its verdict: printed, right form and truth, in numbers.

A `Check` holds a printed equation and its right form as functions of the
same random situation, beside a truth that owes nothing to either: the losses
that train, automatic derivatives, vectors. Which of the two forms agrees
with the truth is the verdict. The words stand in `data/papers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch

from arcbook import derive, losses
from arcbook.audit.verdicts import ASSUMES, CONFIRMED, MISPRINT

TOLERANCE = 1e-8


class AuditError(RuntimeError):
    """The numbers bear no verdict; the message says which."""


@dataclass(frozen=True)
class Check:
    """A printed equation and how it is held against the truth.

    `draw` makes a situation of a random generator; truth, printed and
    correct form make numbers of it. The fault is a misprint where the paper
    elsewhere uses the right form or the text settles it. `assumed` draws
    situations in which the printed form is right, up to `slack`.
    """

    draw: Callable
    truth: Callable
    printed: Callable
    correct: Callable | None = None
    fault: str = MISPRINT
    assumed: Callable | None = None
    slack: float = TOLERANCE


@dataclass(frozen=True)
class Judgement:
    """A verdict and the relative errors behind it.

    The other one is that of the right form, or of the printed one under the
    assumption; None for a confirmed equation.
    """

    verdict: str
    error: float
    other_error: float | None = None


def judge(
    check: Check, name: str = "it", *, seed: int = 0, draws: int = 8
) -> Judgement:
    """Hold an equation against the truth in random situations.

    Raises AuditError, with its name, if no form of it holds.
    """
    error = _error(check, check.printed, check.draw, seed, draws)
    if error <= TOLERANCE:
        return Judgement(CONFIRMED, error)
    other, verdict, slack = np.inf, "", TOLERANCE
    if check.assumed is not None:
        other = _error(check, check.printed, check.assumed, seed, draws)
        verdict, slack = ASSUMES, check.slack
    elif check.correct is not None:
        other = _error(check, check.correct, check.draw, seed, draws)
        verdict = check.fault
    if other > slack:
        raise AuditError(
            f"{name} is off by {error:.1e} as printed and by {other:.1e} "
            "otherwise: no verdict holds"
        )
    return Judgement(verdict, error, other)


def _error(check, form, draw, seed, draws):
    generator = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(draws):
        situation = draw(generator)
        truth = np.asarray(check.truth(situation), dtype=float)
        value = np.asarray(form(situation), dtype=float)
        gap = np.abs(value - truth).max()
        size = max(np.abs(truth).max(), 1e-300)
        worst = max(worst, gap / size if np.isfinite(gap) else np.inf)
    return float(worst)


N, D = 6, 5


class Situation(SimpleNamespace):
    """Numbers by name.

    Of a batch features x (N, D), class vectors w (C, D), labels y (N,), each
    class once at least, and a scale s: with its angles and shipped losses.
    """

    def but(self, **changes) -> Situation:
        """The same with some numbers new or replaced."""
        return Situation(**vars(self) | changes)

    @property
    def angles(self):
        """Angles (N, C) in radians."""
        return angles(self.x, self.w)

    def own(self, matrix):
        """The entry of each row at its label."""
        return matrix[np.arange(len(self.y)), self.y]

    def others(self, matrix):
        """The entries of each row without the label's, (N, C − 1)."""
        keep = np.arange(matrix.shape[1]) != self.y[:, None]
        return matrix[keep].reshape(len(self.y), -1)

    def loss(self, logits):
        """The softmax loss of logits (N, C), the mean over the batch."""
        return log_loss(self.own(logits), self.others(logits))

    def shipped(self, name, **hyper):
        """The loss that trains, as a number."""
        return shipped_loss(name, self.x, self.w, self.y, **hyper).item()


def batch(generator, most=np.pi):
    """A batch of four classes whose own angles are at most so wide."""
    while True:
        x, w = normals(N, D)(generator), normals(4, D)(generator)
        found = Situation(x=x, w=w, y=np.arange(N) % 4)
        if found.own(found.angles).max() <= most:
            return found.but(s=generator.uniform(0.5, 6))


def drawn(first=None, /, **draws):
    """A function that draws a situation: another one first, then by name.

    Each is a function of the generator, or what its `uniform` takes.
    """

    def draw(generator):
        found = first(generator) if first else Situation()
        for name, how in draws.items():
            one = how(generator) if callable(how) else generator.uniform(*how)
            found = found.but(**{name: one})
        return found

    return draw


def whole(low, high):
    """Draw a whole number below `high`."""
    return lambda generator: int(generator.integers(low, high))


def normals(*shape):
    """Draw normal numbers."""
    return lambda generator: generator.normal(size=shape)


def angles(x, w):
    """Angles (N, C) in radians."""
    return np.arccos(np.clip(unit(x) @ unit(w).T, -1, 1))


def unit(v):
    """Unit rows."""
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def log_loss(target, rivals):
    """−log(e^target / (e^target + Σ e^rivals)), the mean over a batch."""
    return np.mean(np.log1p(np.exp(rivals - target[:, None]).sum(1)))


def shipped_loss(name, x, w, y, *, centers=None, **hyper):
    """The loss that trains, of a batch, as a tensor."""
    w = torch.as_tensor(w)
    head = losses.create(
        name, embedding_dim=w.shape[1], num_classes=len(w), **hyper
    ).on(w)
    if centers is not None:
        head.regularisers[0].centers.data = torch.tensor(centers)
    return head.eval()(torch.as_tensor(x), torch.as_tensor(y))


def losses_by_angles(name, angles, **hyper):
    """The shipped loss of one sample at its angles, own first, a tensor."""
    head = losses.create(
        name, embedding_dim=2, num_classes=angles.shape[-1], **hyper
    )
    return head.losses_at(angles, torch.zeros(1, dtype=torch.long)).sum()


def by_angles(name, angles, **hyper):
    """Autograd of that loss in the angles."""
    loss = partial(losses_by_angles, name, **hyper)
    return derive.autograd(loss, np.atleast_2d(angles))[0]


def target_logit(name, theta, **hyper) -> np.ndarray:
    """The shipped target's formula at angles, without scale and norms."""
    return losses.get(name).target(torch.tensor(theta), **hyper).numpy()
