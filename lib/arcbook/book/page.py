"""What a chapter prints: equations, boxes and tables."""

from __future__ import annotations

import os

import pandas as pd
import sympy as sp
import torch
from IPython.display import HTML, Markdown, display

from arcbook import papers, plot
from arcbook.book import parameters


def begin(name, values):
    """Begin a page: check its parameters, set figures and threads.

    Plain papermill only warns of a parameter that does not exist; here it is
    an error, like a wrong value.

    Args:
        name: the notebook's own name, such as `06_uci`.
        values: its `globals()`, with nothing but parameters set so far.

    Where a parameter is not the default, the page says that its text was
    written for the defaults.

    Raises:
        ValueError: see `parameters.check`.
    """
    given = {k: v for k, v in values.items() if _is_given(k, v)}
    parameters.check(name, given)
    defaults = parameters.parameters(name)
    changed = [
        f"`{key} = {value!r}` instead of `{defaults[key].default!r}`"
        for key, value in given.items()
        if value != defaults[key].default
    ]
    if changed:
        display(
            Markdown(
                "> **Other parameters.** This page was run with "
                f"{', '.join(changed)}. Figures, tables and numbers follow; "
                "the sentences were written for the defaults."
            )
        )
    plot.style()
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))


def equations(lines: dict[str, sp.Expr | str]) -> Markdown:
    """A block of aligned equations.

    Args:
        lines: left sides in LaTeX, right sides as sympy or LaTeX.
    """
    rows = [f"{left} &= {_latex(right)}" for left, right in lines.items()]
    body = r" \\[4pt] ".join(rows)
    return Markdown("$$\n\\begin{aligned}\n" + body + "\n\\end{aligned}\n$$")


def differs(
    paper: str, number: str, derived: sp.Expr | str, why: str
) -> Markdown:
    """A marked box: an equation as printed, as derived, and why.

    Args:
        paper, number: as `papers.equation` takes them.
        derived: the right form, as sympy or LaTeX.
        why: one or two sentences.
    """
    printed = papers.equation(paper, number).latex
    return Markdown(
        f":::{{admonition}} Printed and derived differ: "
        f"[{paper}, Eq. {number}]\n:class: misprint\n\n"
        f"Printed:\n\n$$\n{printed}\n$$\n\n"
        f"Derived:\n\n$$\n{_latex(derived)}\n$$\n\n{why}\n:::"
    )


def table(
    frame: pd.DataFrame, caption: str = "", digits: int = 2, index=False
) -> HTML:
    """A data frame as a table of the book.

    Args:
        frame: what to print.
        caption: above the table; may hold HTML.
        digits: of floating numbers.
        index: whether to print the index.
    """
    body = frame.to_html(
        index=index,
        border=0,
        classes="table measured",
        escape=False,
        float_format=lambda x: f"{x:.{digits}f}",
        na_rep="not measured yet",
    )
    head = f"<caption>{caption}</caption>" if caption else ""
    body = body.replace("<thead>", f"{head}<thead>", 1)
    return HTML(f'<div class="table-box">{body}</div>')


def _latex(value) -> str:
    return value if isinstance(value, str) else sp.latex(value)


def _is_given(key, value):
    """Whether a global is a parameter, not a module or IPython's own."""
    literals = (bool, int, float, str, list, tuple, dict, type(None))
    own = key.startswith("_") or key in ("In", "Out")
    return isinstance(value, literals) and not own
