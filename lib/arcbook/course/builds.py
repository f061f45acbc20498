"""What is made of the exercises for a course: worksheets, guide, slides.

Students get a notebook a chapter without a solution; instructors the same
with solutions, in nbgrader's form, a guide, and slides of the chapters'
figures. nbgrader makes the first of the second, too.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from arcbook.course import check, pages, slides, source
from arcbook.paths import CACHE

ABOUT = "Run the first cell, answer below each question, run the check."
IMPORTS = f"{source.IMPORTS}from arcbook.course import check\n"


def students(target: Path, seed: int = 0) -> list[Path]:
    """Write a worksheet a chapter, without solutions; gives their paths.

    Raises ValueError: the folder is not empty, and not one of the book's.
    """
    _clear(target)
    return _worksheets(target, seed, solved=False)


def instructors(target: Path, seed: int = 0) -> list[Path]:
    """Write worksheets with solutions, the guide, and the slides.

    Chapters that have not been executed have no slides. Gives the paths of
    what was written. Raises ValueError: as `students` does.
    """
    _clear(target)
    written = _worksheets(target / "source", seed, solved=True)
    guide = target / "guide.md"
    guide.write_text(_guide(seed), encoding="utf-8")
    written.append(guide)
    for name in ("syllabus", "projects", "primer"):
        written.append(Path(shutil.copy(source.COURSE / f"{name}.md", target)))
    return written + slides.write(target / "slides")


def worksheet(chapter: str, seed: int = 0, *, solved: bool = False):
    """The notebook of a chapter's exercises, for a seed."""
    unit = source.unit(chapter)
    cells = [
        new_markdown_cell(f"# {unit.title}\n\n{ABOUT}", id="about"),
        _locked(f"{IMPORTS}\nseed = {seed}", "imports"),
    ]
    for k, task in enumerate(unit.exercises, 1):
        cells += _cells(k, task, seed, solved)
    kernel = {"name": "python3", "display_name": "Python 3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _clear(target):
    """Empty the folder of an earlier build, and no other."""
    built = target.resolve().is_relative_to(CACHE.resolve())
    if not built and target.exists() and any(target.iterdir()):
        raise ValueError(f"{target} is not empty: give a new folder")
    shutil.rmtree(target, ignore_errors=True)


def _worksheets(target, seed, *, solved):
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for chapter in source.available():
        written.append(target / f"{chapter}.ipynb")
        nbformat.write(worksheet(chapter, seed, solved=solved), written[-1])
    return written


def _cells(k, task, seed, solved):
    asks = f"## {k}. {task.title}\n\n{pages.asked(task)}\n\n{task.asks(seed)}"
    hint = f"<details><summary>Hint</summary>\n\n{task.hint}\n\n</details>"
    answer = task.function or "answer"
    call = pages.call(task, answer, "seed")
    test = f"verdict = {call}\nassert verdict, verdict.message\nverdict"
    code = _marked(task) if solved else task.stub()
    cells = [new_markdown_cell(f"{asks}\n\n{hint}", id=f"{task.key}-asks")]
    if begin := pages.start(task, seed):
        cells.append(_locked(begin, f"{task.key}-given"))
    cells.append(_graded(code, task.key, solution=True))
    cells.append(_graded(test, f"{task.key}-check", solution=False))
    return cells


def _marked(task):
    """A solution as nbgrader knows and removes it, its reasons as comments."""
    why = source.PYTHON.sub("", task.solution).strip()
    lines = [f"# {line}".rstrip() for line in why.splitlines()]
    inside = "\n".join([*lines, task.code])
    return f"### BEGIN SOLUTION\n{inside}\n### END SOLUTION"


def _graded(code, key, *, solution):
    facts = {
        "schema_version": 3,
        "grade_id": key,
        "grade": not solution,
        "solution": solution,
        "locked": not solution,
        "task": False,
    }
    facts |= {} if solution else {"points": 1}
    return new_code_cell(code, id=key, metadata={"nbgrader": facts})


def _locked(code, key):
    cell = _graded(code, key, solution=False)
    cell.metadata["nbgrader"] |= {"grade": False}
    del cell.metadata["nbgrader"]["points"]
    return cell


def _guide(seed):
    """What a teacher is told of each chapter, and the answers for a seed."""
    parts = [
        "# Guide for instructors",
        f"Numbers are those of the seed {seed}. The solutions stand in the "
        "book's repository, which is public: set a seed of your own, and mark "
        "the way to an answer rather than the answer.",
    ]
    for chapter in source.available():
        unit = source.unit(chapter)
        parts += [f"## {int(chapter[:2])}. {unit.title}", unit.teacher]
        rows = [
            f"| `{one.key}` | {one.level} | {_answer(one, seed)} |"
            for one in unit.exercises
        ]
        head = "| exercise | level | answer |\n|---|---|---|"
        parts.append("\n".join([head, *rows]))
        for one in unit.exercises:
            wrong = [f"- {wrong.why}" for wrong in one.wrong]
            heading = f"### {one.title} (`{one.key}`)"
            parts += [heading, one.solution, "Wrong:", "\n".join(wrong)]
    return "\n\n".join(parts) + "\n"


def _answer(task, seed):
    if task.kind == "code":
        return f"`{task.function}`"
    answer = check.solution(task, seed)
    unit = task.facts.get("unit", "")
    return f"`{answer}`" if task.symbols else f"{answer:.6g} {unit}".strip()
