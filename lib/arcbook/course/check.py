"""Say of an answer whether it is right, and of a wrong one why it is not.

    check.derivative("arcface", answer)       ∂L/∂θ_y, of the book's formula
    check.equal("half-open", answer)          any expression
    check.number("inside", answer, seed=3)    with its tolerance and unit
    check.code("stable-angle", angle)         a function, on hard inputs

An answer that is wrong in a known way is told so. Each gives a `Verdict`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from numbers import Real

import mpmath
import numpy as np
import sympy as sp
import torch
from sympy.core.function import AppliedUndef

from arcbook import derive
from arcbook.course import source

DIGITS = 40  # of the arithmetic in which expressions are compared
SAME = 1e-20  # relative; what is further apart differs
POINTS = 12
UNITS = {
    ("degrees", "radians"): math.pi / 180,
    ("radians", "degrees"): 180 / math.pi,
    ("percent", "share"): 0.01,
    ("share", "percent"): 100,
}
RANGES = {
    "s": (1, 40),
    "m": (0.1, 0.9),
    "m1": (0.8, 1.4),
    "C": (3, 100),
    "theta_y": (0.1, 2.1),
    "theta_j": (0.1, 3),
}
NAMES = {str(norm): letter[1] for letter, norm in derive.NORMS.items()}


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and what to say of it."""

    right: bool
    message: str

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return self.message

    __repr__ = __str__


def derivative(
    name: str, answer, *, of: str = "L", by: str = "theta_y", **values
) -> Verdict:
    """Hold an answer against the derivative of a loss or of its logit.

    Args:
        name: of the loss, such as arcface.
        answer: a sympy expression, or its text. Symbols are known by name:
            theta_y, theta_j, P_y, P_j, p_y, p_j, s, m, C, beta, W and x (the
            two lengths).
        of: L, the loss, or Z, the logit that the angle is in.
        by: theta_y or theta_j.
        values: hyperparameters that are fixed, as in `derive.of`.
    """
    if of not in "LZ" or by not in ("theta_y", "theta_j"):
        raise ValueError(
            f"of = {of!r} is L or Z, by = {by!r} is theta_y or theta_j"
        )
    found, index = derive.of(name, **values), by[-1]
    truth = getattr(found, f"d{of}_{index}")
    slope = getattr(found, f"dZ_{index}")
    chance = "P_y − 1" if index == "y" else "P_j"
    slips = [(-truth, "It has the other sign.")]
    if of == "L":
        slips.append(
            (
                slope,
                f"That is the logit's slope. The loss's is {chance} times it.",
            )
        )
        if index == "y":
            slips.append(
                (
                    slope * derive.P_Y,
                    "∂L/∂Z_y is P_y − 1, what the probability still lacks.",
                )
            )
    known = {NAMES.get(str(x), str(x)): x for x in truth.free_symbols}
    known = dict(sorted(known.items()))
    ranges = {key: RANGES.get(key, (0.05, 0.9)) for key in known}
    renamed = {x: sp.Symbol(key, positive=True) for key, x in known.items()}
    slips = [(slip.subs(renamed), why) for slip, why in slips]
    return _compared(answer, truth.subs(renamed), ranges, slips)


def equal(key: str, answer) -> Verdict:
    """Hold an expression, or its text, against an exercise's solution."""
    task = _of_kind(key, "symbolic")
    names = _solved(task)
    truth = sp.sympify(names["answer"])
    slips = [(eval(one.code, names), one.why) for one in task.wrong]
    return _compared(answer, truth, task.symbols, slips)


def number(
    key: str, answer, *, seed: int = 0, unit: str | None = None
) -> Verdict:
    """Hold a number against an exercise's solution for a seed.

    `unit` is that of the answer, by default the exercise's.
    """
    task = _of_kind(key, "number")
    wanted = task.facts.get("unit", "")
    if answer is ...:
        return _unanswered()
    if isinstance(answer, sp.Basic) and answer.is_number:
        answer = float(answer)
    if isinstance(answer, np.generic | torch.Tensor | np.ndarray):
        answer = answer.item() if np.size(answer) == 1 else answer
    if not isinstance(answer, Real) or isinstance(answer, bool):
        return Verdict(False, f"Not a number: {answer!r}.")
    value = float(answer)
    if unit and unit != wanted:
        if (unit, wanted) not in UNITS:
            raise ValueError(
                f"{key}: the unit is {wanted or 'none'}, not {unit}"
            )
        value *= UNITS[unit, wanted]
    tolerance = task.facts.get("tolerance", 0.005)
    names = _solved(task, seed)
    truth = float(names["answer"])

    def near(one):
        return abs(value - one) <= tolerance * abs(one)

    said = f"{value:.6g} {wanted}".strip()
    if near(truth):
        return Verdict(
            True,
            f"Right: {said}, within {100 * tolerance:g}% of the solution.",
        )
    for one in task.wrong:
        if near(float(eval(one.code, names))):
            return Verdict(False, f"Not yet: {said}. {one.why}")
    for (other, one), factor in UNITS.items():
        if one == wanted and near(truth / factor):
            return Verdict(
                False, f"Not yet: {said} would be right in {other}, not {one}."
            )
    if near(-truth):
        return Verdict(False, f"Not yet: {said} has the wrong sign.")
    side = "large" if value > truth else "small"
    if not math.isfinite(value):
        return Verdict(False, f"Not yet: {value} is no finite number.")
    return Verdict(False, f"Not yet: {said} is too {side}.")


def code(key: str, function) -> Verdict:
    """Run a function on an exercise's hard inputs, beside the right one."""
    task = _of_kind(key, "code")
    if function is ...:
        return _unanswered()
    if not callable(function):
        return Verdict(False, f"{function!r} is no function.")
    cases = _run(task.cases, namespace())["cases"]
    near = _nearness(task)
    truth = [_called(solution(task), case) for case in cases]
    found = [_called(function, case) for case in cases]
    if isinstance(found[0], NotImplementedError):
        return _unanswered()
    apart = [k for k, pair in enumerate(zip(found, truth)) if not near(*pair)]
    if not apart:
        return Verdict(
            True, f"Right: as the solution on all {len(cases)} inputs."
        )
    first = apart[0]
    where = (
        f"Not yet: {task.function}({_told(*cases[first])}) gives "
        f"{_told(found[first])}, not {_told(truth[first])}; "
        f"{len(apart)} of {len(cases)} inputs differ."
    )
    for one in task.wrong:
        known = _function(task, one.code)
        if all(near(x, _called(known, c)) for x, c in zip(found, cases)):
            return Verdict(False, f"{where} {one.why}")
    return Verdict(False, where)


def solution(task: source.Exercise, seed: int = 0):
    """The right answer: an expression, a number or a function."""
    return _solved(task, seed)[task.function or "answer"]


def namespace() -> dict:
    """What the solutions' Python may use."""
    return _run(source.IMPORTS, {})


def _of_kind(key, kind):
    task = source.exercise(key)
    if task.kind != kind:
        right = "equal" if task.kind == "symbolic" else task.kind
        raise ValueError(f"{key} is checked by check.{right}")
    return task


def _solved(task, seed=0):
    """The namespace in which an exercise's solution has run."""
    symbols = {
        name: sp.Symbol(name, positive=low >= 0 or None, real=True)
        for name, (low, _) in task.symbols.items()
    }
    return _run(task.code, namespace() | symbols | task.given(seed))


def _unanswered():
    return Verdict(False, "No answer yet: put yours in place of the dots.")


def _run(code, names):
    exec(compile(code, "<exercise>", "exec"), names)
    return names


def _function(task, code):
    return _run(code, namespace())[task.function]


def _called(function, case):
    """What a function gives, or the error that it raises."""
    case = [x.copy() if isinstance(x, np.ndarray) else x for x in case]
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(*case), dtype=float)
    except Exception as error:
        return error


def _nearness(task):
    relative = task.facts.get("tolerance", 1e-9)
    absolute = task.facts.get("absolute", 0.0)

    def near(a, b):
        if isinstance(a, Exception) or isinstance(b, Exception):
            return type(a) is type(b)
        return a.shape == b.shape and np.allclose(
            a, b, rtol=relative, atol=absolute, equal_nan=True
        )

    return near


def _told(*values):
    texts = []
    for value in values:
        if isinstance(value, Exception):
            texts.append(f"{type(value).__name__}: {value}")
        elif isinstance(value, np.ndarray):
            texts.append(np.array2string(value, precision=6, threshold=12))
        else:
            texts.append(repr(value))
    return ", ".join(texts).replace("\n", "")


def _compared(answer, truth, ranges, slips):
    """A verdict on an expression in symbols that are known by name."""
    if answer is ...:
        return _unanswered()
    symbols = {str(x): x for x in truth.free_symbols}
    for name, ends in ranges.items():
        symbols.setdefault(
            name, sp.Symbol(name, positive=ends[0] >= 0 or None, real=True)
        )
    try:
        answer = sp.sympify(answer, locals=dict(symbols))
    except (sp.SympifyError, AttributeError, TypeError, SyntaxError):
        return Verdict(False, f"Not an expression: {answer!r}.")
    if not isinstance(answer, sp.Expr):
        return Verdict(False, f"Not an expression: {answer!r}.")
    unknown = {str(x) for x in answer.free_symbols} - symbols.keys()
    unknown |= {str(x.func) for x in answer.atoms(AppliedUndef)}
    if unknown:
        return Verdict(
            False,
            f"Not yet: {', '.join(sorted(unknown))} does not occur here. The "
            f"answer is in {', '.join(symbols)}.",
        )
    answer = answer.subs({x: symbols[str(x)] for x in answer.free_symbols})
    answer = sp.nsimplify(answer, rational=True)
    points = _points(ranges, truth)
    pairs = [(_at(answer, one), _at(truth, one)) for one in points]
    off = [
        abs(a - b) / (abs(b) or 1) if mpmath.isfinite(a) else mpmath.inf
        for a, b in pairs
    ]
    if max(off) < SAME:
        how = (
            "proved equal to the derived form by sympy"
            if proved(answer, truth)
            else f"equal to the derived form in {DIGITS // 2} digits at "
            f"{len(points)} points; sympy finds no proof"
        )
        return Verdict(True, f"Right: {how}.")
    worst = off.index(max(off))
    (here, there), point = pairs[worst], points[worst]
    where = ", ".join(f"{k} = {float(v):g}" for k, v in point.items())
    apart = mpmath.nstr(abs(here - there), 4)
    said = (
        f"Not yet: at {where} it is {_short(here)}, the derived form is "
        f"{_short(there)}; they differ by {apart}."
    )
    for slip, why in slips:
        slip = sp.sympify(slip)
        slip = slip.subs(
            {x: symbols.get(str(x), x) for x in slip.free_symbols}
        )
        known = [_at(slip, one) for one in points]
        if all(
            abs(a - x) <= SAME * max(abs(x), 1)
            for (a, _), x in zip(pairs, known)
        ):
            return Verdict(False, f"{said} {why}")
    return Verdict(False, said)


def _points(ranges, truth):
    """Points with round coordinates at which the truth is a real number."""
    draw, points = random.Random(0), []
    for _ in range(50 * POINTS):
        point = {
            name: sp.Integer(draw.randint(low, high))
            if isinstance(low, int)
            else sp.Rational(round(100 * draw.uniform(low, high)), 100)
            for name, (low, high) in ranges.items()
        }
        value = _at(truth, point)
        if mpmath.isfinite(value) and abs(mpmath.im(value)) < SAME:
            points.append(point)
        if len(points) == POINTS:
            return points
    raise ValueError(f"{truth} is real at too few points of {ranges}")


def _at(expression, point):
    if expression.has(sp.zoo, sp.nan, sp.oo):
        return mpmath.nan
    symbols = sorted(expression.free_symbols, key=str)
    with mpmath.workdps(DIGITS):
        values = [
            mpmath.mpf(point[str(x)].p) / point[str(x)].q for x in symbols
        ]
        try:
            function = sp.lambdify(symbols, expression, "mpmath")
            return mpmath.mpmathify(function(*values))
        except (ZeroDivisionError, ValueError):
            return mpmath.nan


def _short(value):
    if not mpmath.isfinite(value):
        return "not finite"
    if abs(mpmath.im(value)) > SAME:
        return f"{mpmath.nstr(value, 6)}, not real"
    return mpmath.nstr(mpmath.re(value), 6)


def proved(first: sp.Expr, second: sp.Expr) -> bool:
    """Whether sympy shows that two expressions are the same.

    They are known to agree somewhere, so it is enough that all derivatives
    of their difference vanish.
    """
    difference = first - second
    forms = (
        sp.expand,
        lambda x: sp.expand_trig(sp.expand(x)),
        lambda x: sp.expand_log(x, force=True),
        lambda x: sp.logcombine(x, force=True),
        lambda x: x.rewrite(sp.exp),
    )
    if difference == 0:
        return True
    if any(sp.simplify(form(difference)) == 0 for form in forms):
        return True
    slopes = (sp.diff(difference, x) for x in difference.free_symbols)
    return all(sp.simplify(slope) == 0 for slope in slopes)
