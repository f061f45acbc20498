"""Numbers and verdicts filled into prose, and captions put to pictures.

A markdown cell may hold MyST's `eval` role and comments of this form:

    The gap is {eval}`f"{gap.mean:+.1f}"` points.
    % expects: arcgrad/best-average = too close to call

The role's expression is evaluated in the notebook's namespace at that place,
in the opening (before the first code cell) at the page's end. An expectation
names an item of the ledger and its verdict when the paragraph before it was
written; where the ledger says otherwise, a note stands there instead.
A cell of this form captions the pictures of the code cell before it:

    :::{caption}
    :alt: A falling curve that flattens at 30 degrees.

    The own angle, s = {eval}`f"{s:g}"`.
    :::
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import cache
from numbers import Integral

import nbformat
import sympy as sp

from arcbook import stats

ROLE = re.compile(r"\{eval\}(`+)(.+?)(?<!`)\1(?!`)", re.DOTALL)
EXPECTS = re.compile(r"(?:^[ \t]*%[ \t]*expects:.*(?:\n|\Z))+", re.M)
CAPTION = re.compile(r":::\{caption\}\n:alt: (.+?)\n\n(.+?)\n:::", re.DOTALL)
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+")
PICTURE = '<figure class="plot">'
FILL = "__import__('arcbook.book.prose', fromlist=['show']).show"


class ProseError(ValueError):
    """A paragraph that cannot be filled; the message says which and why."""


@dataclass(frozen=True)
class Expectation:
    """A verdict that a paragraph rests on.

    Attributes:
        where: the notebook, the number of its cell and the first words.
        paper, item: of the ledger.
        verdict: when the paragraph was written.
    """

    where: str
    paper: str
    item: str
    verdict: str

    def now(self):
        """The ledger's item.

        Raises ProseError: there is none, or it cannot have such a verdict.
        """
        from arcbook import audit

        try:
            item = _item(self.paper, self.item)
        except ValueError as error:
            raise ProseError(f"{self.where}: {error}") from None
        words = audit.VERDICTS[item.kind]
        if self.verdict not in words:
            raise ProseError(
                f"{self.where}: a verdict of {self.paper}/{self.item} is one "
                f"of {', '.join(words)}, not {self.verdict!r}"
            )
        return item


def weave(notebook, name):
    """Put a cell that fills it before every paragraph that needs one."""
    woven, last, begun = [], [], False
    for cell, where in _numbered(notebook, name):
        begun |= cell.cell_type == "code"
        if cell.cell_type == "markdown" and _needs(cell.source):
            source = f"{FILL}({cell.source!r}, globals(), {where!r})"
            filler = nbformat.v4.new_code_cell(source, id=f"fill-{cell.id}")
            (woven if begun else last).append(filler)
        woven.append(cell)
    notebook.cells = woven + last


def unweave(notebook):
    """Put what was filled in where it belongs, and drop the cells that did it.

    A cell that failed stays, and so does what it did not fill. Captions go
    into the pictures before them; one whose picture was not drawn goes.
    """
    texts, cells = {}, []
    for cell in notebook.cells:
        output = cell.outputs[:1] if cell.id.startswith("fill-") else None
        if output and "data" in output[0]:
            text = output[0].data["text/markdown"]
            texts[cell.id.removeprefix("fill-")] = text
        elif output != []:
            cells.append(cell)
    notebook.cells = []
    for cell in cells:
        cell.source = texts.get(cell.id, cell.source)
        if caption := CAPTION.fullmatch(cell.source.strip()):
            _caption(notebook.cells[-1].get("outputs", []), *caption.groups())
        else:
            notebook.cells.append(cell)


def _caption(outputs, alt, caption):
    """Describe all pictures of a cell, and write a caption under the last."""
    pictures = [
        output.data
        for output in outputs
        if PICTURE in output.get("data", {}).get("text/html", "")
    ]
    label = f'aria-label="{html.escape(" ".join(alt.split()))}"'
    for data in pictures:
        drawn = data["text/html"]
        data["text/html"] = re.sub(
            r'aria-label="[^"]*"', label, drawn, count=1
        )
    if pictures:
        under = f"<figcaption>{caption}</figcaption></figure>"
        pictures[-1]["text/html"] = pictures[-1]["text/html"].replace(
            "</figure>", under
        )


def show(text, namespace, where):
    """Display a paragraph as `fill` gives it; called in the kernel."""
    from IPython.display import display

    display({"text/markdown": fill(text, namespace, where)}, raw=True)


def fill(text, namespace, where="here"):
    """A paragraph with its numbers, and notes where a verdict has changed.

    Raises ProseError: an expression fails or gives no text; see `Expectation`.
    """

    def value(match):
        expression = match[2].strip()
        try:
            return written(eval(expression, namespace))
        except Exception as error:
            raise ProseError(
                f"{where}: {{eval}}`{expression}` fails with "
                f"{type(error).__name__}: {error}"
            ) from None

    def note(match):
        changed = [
            f"when {_link(item)} was *{one.verdict}*; it now is "
            f"*{item.verdict}*."
            for one in _expectations(match[0], where)
            if (item := one.now()).verdict != one.verdict
        ]
        if not changed:
            return ""
        said = "\n".join(f"This paragraph was written {x}" for x in changed)
        return f"\n:::{{admonition}} Outdated\n:class: outdated\n{said}\n:::\n"

    return EXPECTS.sub(note, ROLE.sub(value, text))


def written(value):
    """A value as it stands in a sentence.

    Gives text with true minus signs and powers of ten. Raises TypeError:
    anything else; a float needs a format.
    """
    if isinstance(value, sp.Basic):
        return f"${sp.latex(value)}$"
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not (whole or isinstance(value, str | stats.Estimate)):
        raise TypeError(
            f"{value!r} is of type {type(value).__name__}: write it as text, "
            'such as f"{...:.1f}"'
        )
    text = re.sub(r"(\d(?:\.\d+)?)e([+-]\d+)", _power, str(value))
    return re.sub(r"(?<![\w.−-])-(?=\.?\d)", "−", text)


def expectations(notebook, name):
    """All that a notebook's paragraphs rest on."""
    return [
        one
        for cell, where in _numbered(notebook, name)
        if cell.cell_type == "markdown"
        for one in _expectations(cell.source, where)
    ]


def _expectations(text, where):
    found = []
    for line in re.findall(r"^[ \t]*%[ \t]*expects:(.*)$", text, re.M):
        reference, equals, verdict = line.rpartition("=")
        paper, slash, item = reference.strip().partition("/")
        if not (equals and slash):
            raise ProseError(
                f"{where}: expected `% expects: paper/item = verdict`, got "
                f"`% expects:{line}`"
            )
        found.append(Expectation(where, paper, item, verdict.strip()))
    return found


def _numbered(notebook, name):
    """The cells, each with what it is called in messages."""
    for number, cell in enumerate(notebook.cells, 1):
        words = " ".join(cell.source.split()[:6])
        yield cell, f"{name}, cell {number} ({words} …)"


def _needs(text):
    return ROLE.search(text) or EXPECTS.search(text)


@cache
def _item(paper, name):
    from arcbook import audit

    return audit.item(paper, name)


def _link(item):
    page = item.evidence["page"].removeprefix("notebooks/")
    return f'<a href="{page}">{item.paper}, {item.item}</a>'


def _power(match):
    mantissa, exponent = match[1], str(int(match[2]))
    if float(mantissa) == 0 or exponent == "0":
        return mantissa
    return f"{mantissa} · 10{exponent.translate(SUPERSCRIPT)}"
