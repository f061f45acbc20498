"""Every exercise: its solution passes, wrong answers are told why."""

import pytest
import sympy as sp

from arcbook.course import check, source

EVERY = source.exercises()
SEEDS = range(3)
NOT_PROVED = ["cosine-slope"]  # √(1 − cos²θ) is sin θ up to θ = π


def of_kind(kind):
    return [key for key, task in EVERY.items() if task.kind == kind]


def answers(task, seed=0):
    """The solution and the other right forms; the wrong ones with why."""
    names = check.namespace() | task.given(seed)
    names |= {
        x: sp.Symbol(x, positive=low >= 0 or None, real=True)
        for x, (low, _) in task.symbols.items()
    }
    exec(task.code, names)
    if task.kind == "code":

        def of(code):
            exec(code, fresh := check.namespace())
            return fresh[task.function]

        right = [names[task.function], *(of(a.code) for a in task.right)]
        return right, [(of(one.code), one.why) for one in task.wrong]
    right = [names["answer"], *(eval(a.code, names) for a in task.right)]
    return right, [(eval(one.code, names), one.why) for one in task.wrong]


def test_there_are_enough_of_every_kind_in_every_chapter():
    assert len(EVERY) >= 35
    for chapter in source.available():
        tasks = source.unit(chapter).exercises
        assert 3 <= len(tasks) <= 6, chapter
        assert len({task.level for task in tasks}) > 1, chapter
    assert {task.facts["level"] for task in EVERY.values()} == set(
        source.LEVELS
    )


@pytest.mark.parametrize("key", EVERY)
def test_two_right_forms_and_three_wrong_answers(key):
    task = EVERY[key]
    assert len(task.right) >= 1 and len(task.wrong) >= 3
    assert all(one.why.endswith(".") for one in task.wrong)
    assert task.hint and task.statement
    for seed in SEEDS:
        assert "{{" not in task.asks(seed)


@pytest.mark.parametrize("key", of_kind("symbolic"))
def test_symbolic(key):
    right, wrong = answers(EVERY[key])
    for answer in right:
        verdict = check.equal(key, answer)
        assert verdict.right, verdict.message
        assert "proved" in verdict.message or key in NOT_PROVED
        assert check.equal(key, str(answer))
    for answer, why in wrong:
        verdict = check.equal(key, answer)
        assert not verdict.right
        assert why in verdict.message and "differ by" in verdict.message


@pytest.mark.parametrize(
    "key", [key for key in of_kind("symbolic") if "loss" in EVERY[key].facts]
)
def test_derivatives_are_those_of_the_formulas(key):
    facts = EVERY[key].facts
    right, wrong = answers(EVERY[key])
    for answer in right:
        assert check.derivative(facts["loss"], answer, by=facts["by"])
    for answer, _ in wrong:
        verdict = check.derivative(facts["loss"], answer, by=facts["by"])
        assert not verdict and "differ by" in verdict.message


@pytest.mark.parametrize("key", of_kind("number"))
@pytest.mark.parametrize("seed", SEEDS)
def test_number(key, seed):
    right, wrong = answers(EVERY[key], seed)
    for answer in right:
        verdict = check.number(key, answer, seed=seed)
        assert verdict.right, (verdict.message, right)
    for answer, why in wrong:
        verdict = check.number(key, answer, seed=seed)
        assert not verdict.right, (answer, right)
        assert why in verdict.message


@pytest.mark.parametrize("key", of_kind("code"))
def test_code(key):
    right, wrong = answers(EVERY[key])
    for function in right:
        verdict = check.code(key, function)
        assert verdict.right, verdict.message
    for function, why in wrong:
        verdict = check.code(key, function)
        assert not verdict.right, why
        assert why in verdict.message, verdict.message
