"""The exercises of a chapter, read from one Markdown file.

`course/NN_name.md` holds, under headings of the second level, the teacher's
notes, self-checks and exercises:

    ## Self-check KEY             a question, then - [x] and - [ ] options,
                                  each with its reason on indented lines
    ## Exercise KEY: Title        a yaml block, the statement, then ### Hint,
                                  ### Solution, ### Also right and ### Wrong

The yaml block says the `kind` (symbolic, number or code), the `level`, what
is `given` (lists of which a seed draws one value each) or the `symbols` with
the ranges in which answers are compared, `unit` and `tolerance`. A solution
is text with one block of Python that sets `answer`, or that defines the
function asked for. Right and wrong answers are expressions or functions; why
someone gives a wrong one stands beside it, and is what the check says.
"""

from __future__ import annotations

import ast
import random
import re
from dataclasses import dataclass
from functools import cache

import yaml

from arcbook.paths import ROOT

COURSE = ROOT / "course"
KINDS = "symbolic", "number", "code"
LEVELS = "plot it", "compute it", "prove it", "break it"
IMPORTS = """\
import math

import numpy as np
import sympy as sp
import torch
from scipy import optimize, special
from scipy import stats as distributions

from arcbook import derive, formulas, geometry, losses, metrics, stats
"""
PART = re.compile(r"^## +(.+?)\n(.*?)(?=^## |\Z)", re.M | re.S)
SECTION = re.compile(r"^### +(.+?)\n(.*?)(?=^### |\Z)", re.M | re.S)
PYTHON = re.compile(r"```python\n(.*?)\n```", re.S)
ITEM = re.compile(r"^- (?=`)(.+?)(?=^- `|\Z)", re.M | re.S)
OPTION = re.compile(r"^- \[([x ])\] (.+?)\n(.*?)(?=^- \[|\Z)", re.M | re.S)


@dataclass(frozen=True)
class Answer:
    """A right or wrong form: its Python, and why someone gives it."""

    code: str
    why: str = ""


@dataclass(frozen=True)
class Exercise:
    """One exercise; `facts` is its yaml block."""

    key: str
    title: str
    facts: dict
    statement: str
    hint: str
    solution: str
    right: tuple[Answer, ...]
    wrong: tuple[Answer, ...]
    cases: str = ""

    @property
    def kind(self) -> str:
        return self.facts["kind"]

    @property
    def level(self) -> str:
        return self.facts["level"]

    @property
    def code(self) -> str:
        """The Python of the solution."""
        return PYTHON.search(self.solution)[1]

    @property
    def function(self) -> str | None:
        """The name of the function that is asked for, if one is."""
        if self.kind == "code":
            return defined(self.code).name

    @property
    def symbols(self) -> dict:
        return self.facts.get("symbols", {})

    def given(self, seed: int = 0) -> dict:
        """The numbers that a seed draws, one of each list."""
        draw = random.Random(f"{self.key} {seed}")
        listed = self.facts.get("given", {})
        return {name: draw.choice(values) for name, values in listed.items()}

    def asks(self, seed: int = 0) -> str:
        """The statement with the numbers of a seed."""
        values = self.given(seed)
        return re.sub(
            r"\{\{(\w+)\}\}", lambda at: _shown(values[at[1]]), self.statement
        )

    def stub(self) -> str:
        """What a worksheet has where the answer goes: code without it."""
        if self.kind != "code":
            return "answer = ..."
        function = defined(self.code)
        function.body = [
            function.body[0],
            ast.parse("raise NotImplementedError").body[0],
        ]
        return ast.unparse(function)


@dataclass(frozen=True)
class SelfCheck:
    """A question with options, each (right, text, reason)."""

    key: str
    question: str
    options: tuple[tuple[bool, str, str], ...]


@dataclass(frozen=True)
class Unit:
    """What one chapter asks, and what its teacher is told."""

    chapter: str
    title: str
    teacher: str
    checks: tuple[SelfCheck, ...]
    exercises: tuple[Exercise, ...]


class SourceError(ValueError):
    """An exercise that cannot be read; the message names it and says why."""


def defined(code: str) -> ast.FunctionDef:
    """The last function that a piece of Python defines."""
    return [
        one for one in ast.parse(code).body if isinstance(one, ast.FunctionDef)
    ][-1]


def _shown(value):
    return f"{value:,}" if isinstance(value, int) else f"{value}"


def available() -> list[str]:
    """The chapters that have exercises, in order.

    Raises FileNotFoundError: the book's files are elsewhere.
    """
    if not COURSE.is_dir():
        raise FileNotFoundError(f"{COURSE}: set ARCBOOK_HOME to a checkout")
    return sorted(path.stem for path in COURSE.glob("[0-9][0-9]_*.md"))


@cache
def unit(chapter: str) -> Unit:
    """The exercises of a chapter, such as 01_angles.

    Raises SourceError: there is no such file, or it cannot be read.
    """
    if chapter not in available():
        raise SourceError(
            f"no exercises for {chapter!r}; there are {', '.join(available())}"
        )
    text = (COURSE / f"{chapter}.md").read_text(encoding="utf-8")
    title = re.search(r"^# (.+)", text)[1]
    teacher, checks, exercises = "", [], []
    for heading, body in PART.findall(text):
        what, _, rest = heading.partition(" ")
        key, _, name = rest.partition(": ")
        if what == "Self-check":
            checks.append(_check(key, body))
        elif what == "Exercise":
            exercises.append(_exercise(key, name, body))
        elif heading == "For the teacher":
            teacher = body.strip()
        else:
            raise SourceError(f"{chapter}: what is the heading {heading!r}?")
    return Unit(chapter, title, teacher, tuple(checks), tuple(exercises))


def exercises() -> dict[str, Exercise]:
    """All exercises by key, in the order of the book."""
    return {
        one.key: one for name in available() for one in unit(name).exercises
    }


def exercise(key: str) -> Exercise:
    """One exercise. Raises ValueError: there is none of that key."""
    found = exercises()
    if key not in found:
        raise ValueError(
            f"there is no exercise {key!r}; there are {', '.join(found)}"
        )
    return found[key]


def self_check(key: str) -> SelfCheck:
    """One self-check. Raises ValueError: there is none of that key."""
    for name in available():
        for one in unit(name).checks:
            if one.key == key:
                return one
    raise ValueError(f"there is no self-check {key!r}")


def _check(key, body):
    options = tuple(
        (mark == "x", text.strip(), " ".join(why.split()))
        for mark, text, why in OPTION.findall(body)
    )
    question = body[: body.find("- [")].strip()
    if sum(right for right, *_ in options) != 1 or not question:
        raise SourceError(
            f"self-check {key}: one right option, and a question"
        )
    if not all(why for *_, why in options):
        raise SourceError(f"self-check {key}: an option without a reason")
    return SelfCheck(key, question, options)


def _exercise(key, title, body):
    facts = re.match(r"\s*```yaml\n(.*?)\n```\n", body, re.S)
    if not facts:
        raise SourceError(f"exercise {key}: it begins with a yaml block")
    rest = body[facts.end() :]
    facts = yaml.safe_load(facts[1])
    parts = dict(SECTION.findall(rest))
    read = _functions if facts["kind"] == "code" else _expressions
    missing = {"Hint", "Solution", "Also right", "Wrong"} - parts.keys()
    if missing or not title or not PYTHON.search(parts["Solution"]):
        raise SourceError(
            f"exercise {key} lacks "
            f"{', '.join(sorted(missing)) or 'a title or code'}"
        )
    if facts["kind"] not in KINDS or facts["level"] not in LEVELS:
        raise SourceError(
            f"exercise {key}: kind is one of {', '.join(KINDS)}, level one of "
            f"{', '.join(LEVELS)}"
        )
    return Exercise(
        key,
        title,
        facts,
        rest[: rest.find("\n### ")].strip(),
        parts["Hint"].strip(),
        parts["Solution"].strip(),
        read(parts["Also right"]),
        read(parts["Wrong"]),
        PYTHON.search(parts.get("Cases", "```python\n\n```"))[1],
    )


def _expressions(text):
    """Items of the form - `expression`: why."""
    return tuple(
        Answer(code, " ".join(why.split()))
        for code, why in (
            re.match(r"`(.+?)`:?\s*(.*)", item, re.S).groups()
            for item in ITEM.findall(text)
        )
    )


def _functions(text):
    """Blocks of Python, each after the sentence that says why."""
    found = re.findall(r"(.*?)```python\n(.*?)\n```", text, re.S)
    return tuple(Answer(code, " ".join(why.split())) for why, code in found)
