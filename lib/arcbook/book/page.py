"""What a chapter prints: equations, tables, what the ledger says."""

from __future__ import annotations

import datetime
import html
import json
import re
from collections.abc import Sequence

import pandas as pd
import sympy as sp
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from arcbook import papers, plot
from arcbook.book import javascript, parameters, prose
from arcbook.naming import refuse_unknown

PHONE, IN_A_BOX = 28, 22
NO_WIDTH = {r"\left", r"\right", r"\mathrm", r"\operatorname", r"\text"}
NO_WIDTH |= {r"\boldsymbol", r"\tilde", r"\,", r"\;", r"\!"}
PIECE = r"\\(?:left|right)\b\s*(?:\\[a-zA-Z]+|\\?.)|\\text\{[ ;][^{}]*\}"
PIECE += r"|\\[a-zA-Z]+|\\?."
JOINED = r"\\quad \\q?quad"
WIDE = r"\quad", r"\qquad", r"\text{ for "
SIGNS = "=", "+", "-", r"\le", r"\ge", r"\approx", *WIDE[:2]
MEASURED = {
    "seed": "seed",
    "epochs": "epochs",
    "batches of": "batch_size",
    "training images:": "train_images",
    "threads:": "threads",
    "": "device",
    "PyTorch": "torch",
}
FIND = "Can you find the slip? Look first, then open."
ASSUMED = "What does it take for granted? Think first, then open."
LITERALS = (bool, int, float, str, list, tuple, dict, type(None))


def begin(name, values):
    """Begin a page: check its parameters and set the style of figures.

    Plain papermill only warns of a parameter that does not exist; here it is
    an error, like a wrong value. Where a parameter is not the default, the
    page says that its text was written for the defaults. `values` are its
    `globals()`, with nothing but parameters set so far.

    Raises ValueError: see `parameters.check`.
    """
    given = {
        key: value
        for key, value in values.items()
        if isinstance(value, LITERALS)
        and not key.startswith("_")
        and key not in ("In", "Out")  # IPython's own
    }
    parameters.check(name, given)
    known = parameters.parameters(name)
    changed = [
        f"`{key} = {value!r}` instead of `{known[key]['default']!r}`"
        for key, value in given.items()
        if value != known[key]["default"]
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


def equations(lines: dict[str, sp.Expr | str]) -> Markdown:
    """Aligned equations, left sides to right ones, fit for a phone."""
    rows = []
    for left, right in lines.items():
        rows += _rows(right, f"{left} &= ")
    return Markdown(_aligned(rows, "[4pt]"))


def equation(latex: sp.Expr | str, width: int = PHONE) -> str:
    """Markdown of one displayed equation, broken like those above."""
    rows = _rows(latex, "& ", width)
    return _aligned(rows) if rows[1:] else f"$$\n{rows[0][2:]}\n$$"


def broken(latex: str, width: int = PHONE) -> list[str]:
    r"""LaTeX in lines that a phone can show, as far as that goes.

    Wide spaces and words come first, then =, + and −; it is never broken
    inside of braces, brackets, norms or `\left … \right`. What holds `&` or a
    line break already is left alone.
    """
    if "&" in latex or r"\\" in latex or r"\begin" in latex:
        return [latex]
    parts, depth, bars = [[""]], 0, 0
    for piece in re.findall(PIECE, latex, re.DOTALL):
        depth -= piece.startswith(r"\right") or piece in ("}", "]", ")")
        bars += piece == r"\|"
        binary = parts[-1][-1].rstrip()[-1:] not in ("", "=", "+", "-")
        free = depth == bars % 2 == 0 and binary
        if free and piece.startswith(WIDE):
            parts.append([""])
        elif free and piece in SIGNS:
            parts[-1].append("")
        parts[-1][-1] += piece
        depth += piece.startswith(r"\left") or piece in ("{", "[", "(")
        if piece.startswith(r"\text{;"):
            parts.append([""])
    lines = [""]
    for part in parts:
        if lines[-1] and _width(lines[-1] + "".join(part)) > width:
            lines.append("")
        for term in part:
            if _width(lines[-1] + term) <= width or _width(lines[-1]) < 3:
                lines[-1] += term
            else:
                lines.append(term)
    return lines


def differs(
    paper: str, number: str, derived: sp.Expr | str, why: str
) -> Markdown:
    """A marked box: an equation as printed, as derived, and why."""
    title = f"Printed and derived differ: [{paper}, Eq. {number}]"
    shown = papers.equation(paper, number).latex
    return box(title, shown, "Derived", derived, why, ask=FIND)


def erratum(paper: str, number: str) -> Markdown:
    """A marked box: an equation and what the ledger says of it.

    Raises ValueError: there is no such equation.
    """
    from arcbook import audit

    item = audit.item(paper, f"Eq. {number}" if number.isdigit() else number)
    title = f"[{paper}, {item.item}]: {item.verdict}"
    why = prose.readable(item.why)
    ask = ASSUMED if item.verdict == "needs an assumption" else FIND
    return box(title, item.printed, "Right", item.correct, why, ask=ask)


def printed(paper: str, numbers: list[str]) -> Markdown:
    """Equations as a paper prints them, without a verdict."""
    found = [papers.equation(paper, number).latex for number in numbers]
    return Markdown("\n\n".join(map(equation, found)))


def table(
    frame: pd.DataFrame,
    caption: str = "",
    digits: int = 2,
    index: bool = False,
    formats: dict | None = None,
) -> HTML:
    """A data frame as a table of the book; a wide one scrolls in its box.

    Text and caption may hold HTML. `digits` are those of floating numbers;
    columns that need another format have it in `formats`, such as
    `{"p": ".1e"}`, or a function that gives the text itself.
    """
    shown = {
        name: f"{{:{how}}}" if isinstance(how, str) else how
        for name, how in (formats or {}).items()
    }
    names = [None] * frame.columns.nlevels
    names[-1] = frame.index.name if index else None
    frame = frame.rename_axis(columns=names)
    styler = Styler(frame, cell_ids=False, caption=caption or None)
    styler.set_table_attributes('class="dataframe table"')
    styler.format(shown, na_rep="–", precision=digits)
    styler.hide(axis="index", names=index)  # index: the row of its name
    body = styler.to_html(table_uuid="-").partition("</style>")[2]
    body = body.replace('<table id="T_-"', "<table")
    body = re.sub(r">-(?=[\d.])", ">−", body)
    body = re.sub(r">[^<]+", lambda text: prose.powers(text[0]), body)
    for k in range(frame.shape[1]):
        if _is_words(frame.iloc[:, k]):
            body = body.replace(f' col{k}"', f' col{k} words"')
    return HTML(f'<div class="table-box">{body}</div>')


def explorer(
    settings: Sequence[tuple[str, dict]],
    show: Sequence[str] = javascript.PICTURES,
    *,
    whole: bool = False,
    **shared,
) -> HTML:
    """Losses to be played with: sliders, curves, and the sphere.

    It is nothing without a script and on paper: a figure that says the same
    stands before it, or comes after it from the same cell.

    Args:
        settings: the losses to choose from, with their hyperparameters; the
            first two are shown.
        show: of logit, probability, slope, gradient, strip and sphere.
        whole: whether it offers every loss and keeps its state in the
            address of the page.
        **shared: number of classes and angles, as `javascript.state`.

    Raises ValueError: as `javascript.state`, or for an unknown picture.
    """
    refuse_unknown("picture", show, javascript.PICTURES)
    names = list(dict.fromkeys(key for key, _ in settings))
    first = _attribute(javascript.state(settings, **shared))
    return HTML(
        f'<div class="explorer" data-views="{" ".join(show)}" '
        f'data-names="{" ".join(names)}" data-state="{first}"'
        f"{' data-whole' * whole}></div>"
        f"<script>\n{javascript.script(None if whole else names)}\n</script>"
    )


def setting(words: str, settings: Sequence[tuple[str, dict]], **shared) -> str:
    """A button that brings the page's explorer into a state, as HTML.

    Arguments and errors are those of `javascript.state`.
    """
    state = _attribute(javascript.state(settings, **shared))
    return (
        f'<button type="button" class="setting" data-state="{state}">'
        f"{html.escape(words)}</button>"
    )


def _attribute(value):
    return html.escape(json.dumps(value))


def claims(paper: str, names: list[str]) -> HTML:
    """What a paper claims in items of the ledger, and what that says of it.

    Raises ValueError: there is no such item.
    """
    from arcbook import audit

    found = "".join(_claim(audit.item(paper, name)) for name in names)
    return HTML(f'<div class="claims">{found}</div>')


def provenance(
    id: str, profile: str = "full", records: list[dict] | None = None
) -> HTML:
    """Where an experiment's numbers come from, as a small line.

    `records` are by default all that there are of the profile.
    """
    from arcbook import experiments

    if records is None:
        records = experiments.records(id, profile)
    found = f"{len(records)} of {len(experiments.runs(id, profile))} runs"
    parts = [f"<code>{id}</code>, {profile} profile: {found}"]
    parts += [
        f"{one['runs']} × {one['splits']}-fold cross-validation"
        for one in records[:1]
        if "splits" in one
    ]
    parts += [
        f"{words} {values}".strip()
        for words, key in MEASURED.items()
        if (values := _values(records, key))
    ]
    if records:
        parts.append(_days(records))
    if stale := sum(bool(one["stale"]) for one in records):
        parts.append(f"<b>{stale} stale</b>: measured by older code or data")
    return HTML(f'<p class="provenance">Measured: {"; ".join(parts)}.</p>')


def box(
    title: str,
    shown: str,
    name: str,
    right,
    why: str,
    kind: str = "misprint",
    ask: str = "",
) -> Markdown:
    """A marked box: an equation as printed, its right form if any, and why.

    `kind` is its class, and so its colour. With `ask`, a question, what is
    right stays folded until it is asked for.
    """
    right = right and f"{name}:\n\n{equation(right, IN_A_BOX)}\n\n"
    told = f"{right}{why}"
    if ask:
        told = f":::{{dropdown}} {ask}\n:class-container: slip\n\n{told}\n:::"
    return Markdown(
        f"::::{{admonition}} {title}\n:class: {kind}\n\n"
        f"Printed:\n\n{equation(shown, IN_A_BOX)}\n\n{told}\n::::"
    )


def _rows(value, left, width=PHONE):
    latex = (
        value
        if isinstance(value, str)
        else sp.latex(value, inv_trig_style="full")
    )
    first, *others = broken(latex, width)
    others = [rf"&\quad {line}" for line in others]
    return [left + first, *(re.sub(JOINED, "", line) for line in others)]


def _aligned(rows, gap=""):
    body = f" \\\\{gap}\n".join(rows)
    return f"$$\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n$$"


def _width(latex):
    """About how many letters wide it is."""
    tokens = iter(re.findall(r"\\[a-zA-Z]+|\\?\S", latex))

    def group():
        return sum(map(one, iter(lambda: next(tokens, "}"), "}")))

    def one(token):
        if token == r"\frac":
            return max(one(next(tokens, "")), one(next(tokens, "")))
        if token in ("^", "_"):
            return 0.6 * one(next(tokens, ""))
        if token == "{":
            return group()
        return 2 if token in SIGNS else token not in NO_WIDTH

    return group()


def _is_words(column):
    """Whether a column holds words, which stand to the left."""
    texts = [re.sub("<[^>]*>", "", x) for x in column if isinstance(x, str)]
    return sum(x.lstrip("[")[:1].isalpha() for x in texts) > len(column) / 2


def _claim(item):
    address = papers.address(item.paper, item.item)
    where = f"[{item.paper}, {item.place or item.item}]"
    quoted = item.kind != "equation"
    basis = ground(item)
    return (
        f"<p{scale(item)}>{f'“{prose.readable(item.printed)}” ' * quoted}"
        f'<a href="{address}">{html.escape(where)}</a><br>'
        f"<b>{item.verdict.capitalize()}</b>{f' ({basis})' if basis else ''}."
        f"{said(item, ' ')} {prose.readable(item.why)}</p>"
    )


def ground(item) -> str:
    """What a verdict rests on, as HTML."""
    return html.escape(", ".join(filter(None, (item.basis, item.caution))))


def scale(item) -> str:
    """The attribute by which the style marks what is of reduced scale."""
    return ' class="reduced"' if item.basis == "reduced" else ""


def said(item, before: str, *more: tuple[str, str]) -> str:
    """What an item says in print, as measured, and more, as HTML."""
    known = ("In print", item.in_print), ("Measured", item.measured)
    known += ("At reduced scale", item.reduced), *more
    return "".join(
        f"{before}<i>{name}:</i> {prose.readable(text)}."
        for name, text in known
        if text and text != item.basis  # which the verdict names
    )


def _values(records, key):
    values = sorted({one[key] for one in records if one.get(key) is not None})
    return ", ".join(
        f"{value:,}" if isinstance(value, int) else str(value)
        for value in values
    )


def _days(records):
    dates = [datetime.datetime.fromisoformat(one["date"]) for one in records]
    days = [f"{day.day} {day:%B %Y}" for day in (min(dates), max(dates))]
    return " to ".join(dict.fromkeys(days))
