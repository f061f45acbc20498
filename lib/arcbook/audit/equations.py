"""How an equation gets its verdict: printed, right form and truth, in numbers.

A `Check` holds a printed equation and its right form as functions of the
same random situation, beside a truth that owes nothing to either: the losses
that train, automatic derivatives, vectors. Which of the two forms agrees
with the truth is the verdict. The words stand in `data/papers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CONFIRMED = "confirmed"
MISPRINT = "misprint"
WRONG = "wrong"
ASSUMES = "needs an assumption"
UNCHECKED = "cannot be checked"
VERDICTS = (CONFIRMED, MISPRINT, WRONG, ASSUMES, UNCHECKED)

TOLERANCE = 1e-8


class AuditError(RuntimeError):
    """The numbers bear no verdict; the message says which."""


@dataclass(frozen=True)
class Check:
    """A printed equation and how it is held against the truth.

    Attributes:
        draw: from a random generator to a situation.
        truth, printed: from a situation to numbers.
        correct: the right form, where it isn't the printed one.
        fault: "misprint" where the paper elsewhere uses the right form or
            the text settles it, otherwise "wrong".
        assumed: situations in which the printed form is right.
        slack: the error allowed there, where the assumption is a limit.
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
    """A verdict, one of `VERDICTS`, and the relative errors behind it.

    `other_error` is that of the right form, or of the printed one under the
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
