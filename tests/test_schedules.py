"""Hyperparameters that follow the step: shapes, resuming, compiled heads."""

import copy
import math

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from arcbook.losses import Schedule, schedules
from test_losses import make

FEATURES = torch.randn(9, 6, generator=torch.Generator().manual_seed(4))
LABELS = torch.arange(9) % 5


def test_a_head_follows_its_schedule():
    head = make("arcface", s=9.0)
    schedule = Schedule(
        head, m=schedules.linear(0.0, 0.5, steps=4), s=lambda t: 9.0 + t
    )
    seen = [(head.hyper["m"], head.s)]
    for _ in range(5):
        schedule.step()
        seen.append((head.hyper["m"], head.s))
    margins = [0, 0.125, 0.25, 0.375, 0.5, 0.5]
    assert seen == [(m, 9.0 + t) for t, m in enumerate(margins)]
    assert schedule.values == {"m": 0.5, "s": 14.0}


def test_it_resumes_where_it_was():
    def begin():
        head = make("arcface", m=0.2)
        return head, Schedule(head, m=schedules.cosine(0.0, 0.4, steps=10))

    one, first = begin()
    for _ in range(3):
        first.step()
    other, second = begin()
    other.load_state_dict(one.state_dict())
    assert other.hyper["m"] == 0
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert other.hyper["m"] == one.hyper["m"] > 0
    first.step()
    second.step()
    assert other.hyper["m"] == one.hyper["m"]


def test_the_usual_shapes():
    line = schedules.linear(1.0, 3.0, steps=4, begin=10)
    assert [line(t) for t in (0, 10, 12, 14, 99)] == [1, 1, 2, 3, 3]
    wave = schedules.cosine(4.0, 0.0, steps=6, begin=2)
    assert [wave(t) for t in (0, 2, 8, 9)] == [4, 4, 0, 0]
    assert wave(4) == pytest.approx(2 + 2 * math.cos(math.pi / 3))
    falling = schedules.inverse()
    assert [falling(t) for t in (0, 25, 10_000)] == [1000, 250, 5]
    square = schedules.inverse(8.0, gamma=1.0, power=2.0, least=0.0)
    assert [square(t) for t in (1, 3)] == [2, 0.5]


def test_a_penalty_is_warmed_up():
    head = make("iam", 6, 5, s=4.0)
    Schedule(head, beta=schedules.linear(0.0, 0.3, steps=2)).step()
    expected = make("iam", 6, 5, s=4.0, beta=0.15)(FEATURES, LABELS)
    assert head(FEATURES, LABELS) == expected


def test_what_is_no_schedule():
    head = make("arcface")
    with pytest.raises(
        ValueError, match=r"m = 0\.3 is no function of the step"
    ):
        Schedule(head, m=0.3)
    with pytest.raises(ValueError, match="no hyperparameter is given"):
        Schedule(head)
    with pytest.raises(ValueError, match="no hyperparameter 'margin'"):
        Schedule(head, margin=lambda t: 0.1)
    schedule = Schedule(head, m=lambda t: 3.0 + t)
    with pytest.raises(ValueError, match=r"m = 4\.0 .*\[0, π\)"):
        schedule.step()
    assert schedule.last_step == 0 and head.hyper["m"] == 3.0
    for state in ({}, {"last_step": -1}, {"last_step": 2.0}):
        with pytest.raises(ValueError, match="is no state of a Schedule"):
            schedule.load_state_dict(state)
    with pytest.raises(ValueError, match="steps = 0"):
        schedules.linear(0, 1, steps=0)
    with pytest.raises(ValueError, match="both are at least 0"):
        schedules.inverse(gamma=-1.0)


COMPILED = [
    ("arcface", {"m": 0.04, "s": 1.5}, {}),
    ("arcface", {"m": 0.04}, {"variant": "monotone"}),
    ("sphereface", {"annealing": 3.0}, {}),
    ("l2_softmax", {"alpha": 0.7}, {}),
    ("ring", {"lam": 0.02}, {}),
    ("iam", {"beta": 0.03, "s": 0.7}, {}),
]


@pytest.mark.parametrize(("name", "slopes", "hyper"), COMPILED)
def test_a_compiled_head_follows_and_compiles_twice(name, slopes, hyper):
    """Two graphs: of the first numbers, and with numbers as inputs."""
    functions = {k: lambda t, by=by: by * (t + 1) for k, by in slopes.items()}
    assert graphs(make(name, 6, 5, **hyper), functions, steps=11) == 2


def test_when_each_value_is_compiled():
    head = make("sphereface", 6, 5)
    assert graphs(head, {"m": lambda t: t + 1}, steps=4) == 4
    head = make("cosface", 6, 5)
    functions = {"m": lambda t: 0.1 * (t + 1)}
    assert graphs(head, functions, steps=5, dynamic=False) == 5
    assert torch._dynamo.config.recompile_limit == 8


def graphs(head, functions, steps, **how):
    """How many a compiled head takes to follow a schedule."""
    torch._dynamo.reset()
    backend = CompileCounterWithBackend("eager")
    how = {"backend": backend, "fullgraph": True} | how
    compiled = torch.compile(head, **how)
    schedule = Schedule(compiled, **functions)
    for _ in range(steps):
        gap = compiled(FEATURES, LABELS) - head(FEATURES, LABELS)
        assert gap.abs() < 1e-12
        schedule.step()
    return backend.frame_count
