"""Slides of a chapter: its answer, figures, questions and exercises.

A deck is one HTML file, made from the chapter as it was last executed, that
opens without a server and prints a slide a page. Arrow keys turn the pages.
"""

from __future__ import annotations

import html
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from string import Template

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from arcbook.book import execution
from arcbook.course import source

FIGURE = re.compile(r'<figure class="plot">.*?</figure>', re.S)
ROLE = re.compile(r"\{(?:doc|eq|cite:?t?)\}`([^`]*)`")
MATHJAX = "tex-svg.js"


def write(target: Path) -> list[Path]:
    """Write a deck for every chapter with exercises that has been executed."""
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for chapter in source.available():
        path = execution.executed_path(chapter)
        if path.exists():
            notebook = nbformat.read(path, as_version=4)
            written.append(target / f"{chapter}.html")
            written[-1].write_text(deck(chapter, notebook), encoding="utf-8")
    spec = find_spec("sphinx-mathjax-offline")
    if written and spec:
        folder = Path(spec.origin).parent / "static" / "mathjax"
        shutil.copy(folder / MATHJAX, target)
    return written


def deck(chapter: str, notebook) -> str:
    """The deck of a chapter from its executed notebook, as HTML."""
    unit = source.unit(chapter)
    title, answer, *_ = notebook.cells[0].source.split("\n\n")
    shown = [f"<h1>{html.escape(title[2:])}</h1>{_html(answer)}"]
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = re.findall(r"^##+ (.+)$", cell.source, re.M)
            heading = found[-1] if found else heading
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/html", "")
            for figure in FIGURE.findall(text):
                shown.append(f"<h2>{_inline(heading)}</h2>{figure}")
    for one in unit.checks:
        question = f"<h2>Ask yourself</h2>{_html(one.question)}"
        options = "".join(
            f"<li>{_inline(text)}<aside>{'✓' if right else '✗'} {_inline(why)}"
            "</aside></li>"
            for right, text, why in one.options
        )
        shown.append(f'{question}<ol class="options">{options}</ol>')
    tasks = "".join(
        f"<li>{_inline(task.title)} <small>{task.level}</small></li>"
        for task in unit.exercises
    )
    shown.append(f"<h2>Exercises</h2><ol>{tasks}</ol>")
    template = Template((source.COURSE / "slides.html").read_text())
    return template.substitute(
        title=html.escape(title[2:]),
        mathjax=MATHJAX,
        slides="\n".join(f"<section>{one}</section>" for one in shown),
    )


def _renderer():
    def written(text, options):
        ends = r"\[%s\]" if options["display_mode"] else r"\(%s\)"
        return html.escape(ends % text)

    return MarkdownIt().use(dollarmath_plugin, renderer=written)


def _html(text):
    return _renderer().render(ROLE.sub(r"\1", text))


def _inline(text):
    return _renderer().renderInline(ROLE.sub(r"\1", text))
