"""Things that take turns on one machine, and how much longer one takes.

Whatever slows the machine down slows all of a round, so that the ratio
within a round stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

LEAST_ROUNDS = 6  # fewer give no 95% interval of a median


def turns(columns: Sequence[str], number: int) -> list[str]:
    """The order of a round: every second one is the one before, backwards.

    After two rounds the next pair begins one place later.
    """
    start = number // 2 % len(columns)
    order = [*columns[start:], *columns[:start]]
    return order[::-1] if number % 2 else order


def in_turns(
    steps: Mapping[str, Callable[[], None]],
    rounds: int,
    least: float,
    now: Callable[[], float],
) -> tuple[dict[str, list[float]], int]:
    """Seconds of a step of each, interleaved, after a warm-up.

    Gives seconds a step, one number a round, and the steps of a turn.
    """
    fastest = min([_warmed(step, least, now) for step in steps.values()])
    number = max(1, round(least / fastest))
    seconds = {column: [] for column in steps}
    for place in range(rounds):
        for column in turns(list(steps), place):
            began = now()
            for _ in range(number):
                steps[column]()
            seconds[column].append((now() - began) / number)
    return seconds, number


def _warmed(step, least, now):
    """Seconds of the last of the steps that warm up."""
    end = now() + least
    while True:
        began = now()
        step()
        if now() >= end:
            return now() - began


class Extra(NamedTuple):
    """What a loss takes more than another, as a share of the other.

    Attributes:
        middle: the median over rounds.
        low, high: its 95% interval at least, by order statistics.
    """

    middle: float
    low: float
    high: float


def extra(
    seconds: Mapping[str, Sequence[float]], column: str, other: str
) -> Extra:
    """Compare two losses round by round."""
    ratios = np.array(seconds[column]) / np.array(seconds[other]) - 1
    test = stats.quantile_test(ratios, p=0.5)
    return Extra(
        float(np.median(ratios)), *map(float, test.confidence_interval(0.95))
    )
