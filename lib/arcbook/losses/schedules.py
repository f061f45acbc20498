"""Hyperparameters of a head that follow the number of the step."""

from __future__ import annotations

import math
from collections.abc import Callable

from arcbook.losses.heads import Head


class Schedule:
    """Sets hyperparameters of a head as a scheduler sets a learning rate.

    Args:
        head: on which `set` is called; of a head that is wrapped, such as by
            `DistributedDataParallel`, the head itself.
        **functions: by hyperparameter, from the number of the step to the
            value. `linear`, `cosine` and `inverse` make usual ones.

    The values of step 0 are set at once, those of step t by the t-th call of
    `step`, after the optimiser's. A head's `state_dict` has class vectors and
    no hyperparameters, so the schedule has a `state_dict` of its own, the
    number of the step; `load_state_dict` sets the values that belong to it.

    Of a head under `torch.compile` a value that changes becomes an input of
    the graph: the first change compiles once more and later ones do not.
    Each value of an integer, such as the pieces of SphereFace, is compiled,
    and under `dynamic=False` each value of any hyperparameter, up to torch's
    limit of 8 graphs.

    Raises ValueError: for what is no function, and as `Head.set` does.

    Examples:
        >>> from arcbook import losses
        >>> head = losses.create("arcface", embedding_dim=8, num_classes=3)
        >>> schedule = Schedule(head, m=linear(0.0, 0.5, steps=4))
        >>> for _ in range(3):
        ...     schedule.step()
        >>> schedule.last_step, schedule.values
        (3, {'m': 0.375})
    """

    def __init__(self, head: Head, **functions: Callable[[int], float]):
        if not functions:
            raise ValueError("no hyperparameter is given, so none is set")
        for name, function in functions.items():
            if not callable(function):
                raise ValueError(
                    f"{name} = {function!r} is no function of the step; a "
                    "fixed value goes to losses.create"
                )
        self.head, self.functions = head, functions
        self._go_to(0)

    def step(self) -> None:
        """Go to the next step."""
        self._go_to(self.last_step + 1)

    def state_dict(self) -> dict:
        """The number of the step; functions are code, and not saved."""
        return {"last_step": self.last_step}

    def load_state_dict(self, state: dict) -> None:
        """Go to the step of a state. Raises ValueError if it has none."""
        step = state.get("last_step")
        if not isinstance(step, int) or step < 0:
            raise ValueError(
                f"{state!r} is no state of a Schedule; it has 'last_step', "
                "an integer of at least 0"
            )
        self._go_to(step)

    def _go_to(self, step):
        values = {name: f(step) for name, f in self.functions.items()}
        self.head.set(**values)
        self.last_step, self.values = step, values


def linear(
    start: float, end: float, *, steps: int, begin: int = 0
) -> Callable[[int], float]:
    """From start to end along a line, then end.

    Args:
        start, end: the values up to step `begin` and from `begin + steps` on.
        steps: how many lie between them, at least 1.
        begin: the step at which it begins.
    """
    return _between(start, end, steps, begin, lambda share: share)


def cosine(
    start: float, end: float, *, steps: int, begin: int = 0
) -> Callable[[int], float]:
    """As `linear`, along half a cosine: slow at both ends.

    Loshchilov and Hutter 2017, arXiv 1608.03983, Eq. 5.
    """

    def share_of(share):
        return (1 - math.cos(math.pi * share)) / 2

    return _between(start, end, steps, begin, share_of)


def inverse(
    start: float = 1000.0,
    *,
    gamma: float = 0.12,
    power: float = 1.0,
    least: float = 5.0,
) -> Callable[[int], float]:
    """max(least, start (1 + gamma t)^(−power)), the λ of SphereFace.

    The layer that Liu et al. released with SphereFace (arXiv 1704.08063)
    weights the plain cosine so, and its example network has these defaults.
    It goes to `annealing`.
    """
    if gamma < 0 or power < 0:
        raise ValueError(
            f"gamma = {gamma} and power = {power}: both are at least 0"
        )
    return lambda step: max(least, start * (1 + gamma * step) ** -power)


def _between(start, end, steps, begin, share_of):
    if steps < 1:
        raise ValueError(f"steps = {steps}: there is at least one")

    def value(step):
        share = min(max((step - begin) / steps, 0), 1)
        return start + (end - start) * share_of(share)

    return value
