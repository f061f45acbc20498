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

import html
import re
from functools import cache
from numbers import Integral

import nbformat
import sympy as sp

from arcbook import stats

ROLE = re.compile(r"\{eval\}(`+)(.+?)(?<!`)\1(?!`)", re.DOTALL)
EXPECTS = re.compile(r"(?:^[ \t]*%[ \t]*expects:.*(?:\n|\Z))+", re.M)
CAPTION = re.compile(r":::\{caption\}\n:alt: (.+?)\n\n(.+?)\n:::", re.DOTALL)
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+")
INDEX = re.compile(r"(?<!\w)([A-Za-z]̃?|m?θ)_(\{[^{}]*\}|\w{1,3})(?!\w)")
ABOVE = r"\b([Le])\^(?:\{([^{}]*)\}|\(([^()]*)\)|(\w+))"
PICTURE, ALT = '<figure class="plot">', re.compile(r'aria-label="[^"]*"')
FILL = "__import__('arcbook.book.prose', fromlist=['show']).show"


class ProseError(ValueError):
    """A paragraph that cannot be filled; the message says which and why."""


def weave(notebook, name):
    """Put a cell that fills it before every paragraph that needs one."""
    woven, last, begun = [], [], False
    for cell, where in _numbered(notebook, name):
        begun |= cell.cell_type == "code"
        needs = ROLE.search(cell.source) or EXPECTS.search(cell.source)
        if cell.cell_type == "markdown" and needs:
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
    data = [output.get("data", {}) for output in outputs]
    pictures = [one for one in data if PICTURE in one.get("text/html", "")]
    label = f'aria-label="{html.escape(" ".join(alt.split()))}"'
    under = f"<figcaption>{caption}</figcaption></figure>"
    for one in pictures:
        one["text/html"] = ALT.sub(label, one["text/html"], 1)
    for one in pictures[-1:]:
        one["text/html"] = one["text/html"].replace("</figure>", under)


def show(text, namespace, where):
    """Display a paragraph as `fill` gives it; called in the kernel."""
    from IPython.display import display

    display({"text/markdown": fill(text, namespace, where)}, raw=True)


def fill(text, namespace, where="here"):
    """A paragraph with its numbers, and notes where a verdict has changed.

    Raises ProseError: an expression fails or gives no text, or an expectation
    cannot be.
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
            f"This paragraph was written when {_link(item)} was *{verdict}*; "
            f"it now is *{item.verdict}*."
            for item, verdict in _expectations(match[0], where)
            if item.verdict != verdict
        ]
        if not changed:
            return ""
        said = "\n".join(changed)
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
    return re.sub(r"(?<![\w.−-])-(?=\.?\d)", "−", powers(str(value)))


def powers(text):
    """A text whose 2e-05 reads 2 · 10⁻⁵, and whose 0e+00 is 0."""
    return re.sub(r"(\d(?:\.\d+)?)e([+-]\d+)", _power, text)


def readable(text):
    """Plain text as HTML, with its powers of ten and its θ_y as on paper."""
    text = INDEX.sub(_index, powers(html.escape(text, quote=False)))
    text = re.sub(r"\bm([1-3])\b", r"m<sub>\1</sub>", text)
    return re.sub(ABOVE, r"\1<sup>\2\3\4</sup>", text)


def expectations(notebook, name):
    """All that a notebook's paragraphs rest on.

    Gives where each stands, the item of the ledger and the verdict that it
    had when the paragraph was written. Raises ProseError: there is no such
    item, or it cannot have such a verdict.
    """
    return [
        (where, *one)
        for cell, where in _numbered(notebook, name)
        if cell.cell_type == "markdown"
        for one in _expectations(cell.source, where)
    ]


def _expectations(text, where):
    from arcbook import audit

    for line in re.findall(r"^[ \t]*%[ \t]*expects:(.*)$", text, re.M):
        named = re.fullmatch(r"\s*(.*?)/(.*\S)\s*=\s*(.*?)\s*", line)
        try:
            if not named:
                raise ValueError(
                    "expected `% expects: paper/item = verdict`, got "
                    f"`% expects:{line}`"
                )
            paper, name, verdict = named.groups()
            item = _item(paper, name)
            words = audit.VERDICTS[item.kind]
            if verdict not in words:
                raise ValueError(
                    f"a verdict of {paper}/{name} is one of "
                    f"{', '.join(words)}, not {verdict!r}"
                )
        except ValueError as error:
            raise ProseError(f"{where}: {error}") from None
        yield item, verdict


@cache
def _item(paper, name):
    from arcbook import audit

    return audit.item(paper, name)


def _numbered(notebook, name):
    """The cells, each with what it is called in messages."""
    for number, cell in enumerate(notebook.cells, 1):
        words = " ".join(cell.source.split()[:6])
        yield cell, f"{name}, cell {number} ({words} …)"


def _link(item):
    page = item.evidence["page"].removeprefix("notebooks/")
    return f'<a href="{page}">{item.paper}, {item.item}</a>'


def _index(match):
    below = INDEX.sub(_index, match[2].strip("{}"))
    return f"{match[1]}<sub>{below}</sub>"


def _power(match):
    mantissa, exponent = match[1], str(int(match[2]))
    if float(mantissa) == 0 or exponent == "0":
        return mantissa
    return f"{mantissa} · 10{exponent.translate(SUPERSCRIPT)}"
