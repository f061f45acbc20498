"""The ledger as pages, and pictures of what the papers print."""

from __future__ import annotations

import html

import pandas as pd
from IPython.display import HTML, Markdown

from arcbook import papers, plot
from arcbook.audit import PAPERS, Item, rule
from arcbook.audit.equations import ASSUMES, CONFIRMED
from arcbook.book import page, prose
from arcbook.plot import BASELINE, INK

NAMES = {
    "arcgrad": "ArcGrad",
    "angular-learning": "Angular Learning",
    "iam": "IAM",
    "mnist-cosine": "MNIST paper",
}
LEADS = {
    "arcgrad": ("three-of-four", "epochs"),
    "angular-learning": ("fashion-best", "arc-best"),
    "iam": ("mnist-confirms", "even-better", "improves-all"),
    "mnist-cosine": ("maximum-at-0-5",),
}


def errata(ledger: list[Item], paper: str) -> Markdown:
    """All equations of a paper that don't stand as printed."""
    wrong = [
        _erratum(item)
        for item in ledger
        if (item.kind, item.paper) == ("equation", paper)
        and item.verdict != CONFIRMED
    ]
    return Markdown("\n\n".join(wrong))


def _erratum(item):
    errors = [_power(error) for error in list(item.found.values())[:2]]
    box = page.box(
        f"{NAMES[item.paper]}, {prose.readable(item.item)}: {item.verdict}",
        item.printed,
        "It holds for" if item.verdict == ASSUMES else "Right form",
        item.correct,
        f"{prose.readable(item.why)}\n\nRelative error against the truth: "
        f"{errors[0]} as printed, {errors[1]} in the right form or range. "
        f"{evidence(item)}",
        f"misprint {item.verdict.split()[0]}",
    )
    return f'<span id="{item.anchor}"></span>\n\n{box.data}'


def listing(ledger: list[Item], kind: str) -> HTML:
    """Items of one kind as a list that can be filtered and linked to."""
    items = [
        item
        for item in ledger
        if item.kind == kind
        and (kind != "equation" or item.verdict == CONFIRMED)
    ]
    choices = {
        "paper": [NAMES[paper] for paper in PAPERS],
        "verdict": list(dict.fromkeys(item.verdict for item in items)),
        "basis": list(dict.fromkeys(item.basis for item in items)),
    }
    selects = "".join(
        f'<label>{name} <select name="{name}"><option value="">all</option>'
        + "".join(f"<option>{value}</option>" for value in values)
        + "</select></label> "
        for name, values in choices.items()
        if len(values) > 1
    )
    rows = "".join(_row(item) for item in items)
    return HTML(
        f'<div class="ledger"><form>{selects}<output></output></form>'
        f"<ul>{rows}</ul></div>"
    )


def _row(item):
    about, correct = item.printed, item.correct
    if item.kind == "equation":
        number = item.item.removeprefix("Eq. ")
        about, correct = papers.equation(item.paper, number).about, ""
    elif item.kind == "claim":
        about = f"“{about}”"
    place = item.place or item.item
    return (
        f'<li id="{item.anchor}"{page.scale(item)} '
        f'data-paper="{NAMES[item.paper]}" data-verdict="{item.verdict}" '
        f'data-basis="{item.basis}">'
        f"<b>{item.verdict}</b> <small>({page.ground(item)})</small> "
        f"{prose.readable(about)} "
        f"<small>{NAMES[item.paper]}, {prose.readable(place)}&nbsp;"
        f'<a class="headerlink" href="#{item.anchor}">¶</a></small>'
        f"<details><summary>why</summary>{prose.readable(item.why)}"
        f"{page.said(item, '<br>', ('Should be', correct))}<br>"
        f"{evidence(item)}</details></li>"
    )


def counts(ledger: list[Item], kind: str) -> HTML:
    """How often each verdict stands, paper by paper."""
    items = [item for item in ledger if item.kind == kind]
    verdict = pd.Series([item.verdict for item in items], name=kind)
    paper = pd.Series([NAMES[item.paper] for item in items])
    table = pd.crosstab(verdict, paper, margins=True, margins_name="all")
    order = [NAMES[one] for one in PAPERS if NAMES[one] in table] + ["all"]
    return page.table(table[order].reset_index().rename_axis(columns=None))


def tally(ledger: list[Item], kind: str, **wanted) -> int:
    """How many items have a verdict, a basis, or what an item has."""
    wanted |= {"kind": kind}
    return sum(
        all(getattr(item, key) == value for key, value in wanted.items())
        for item in ledger
    )


def evidence(item: Item) -> str:
    """What shows a verdict, as HTML."""
    parts = []
    if "derivation" in item.evidence:
        address = item.evidence["derivation"].removeprefix("notebooks/")
        parts.append(f'<a href="{address}">shown here</a>')
    if "record" in item.evidence:
        name = item.evidence["record"].rpartition("/")[2]
        parts.append(f'<a href="status.html">records of {name}</a>')
    test = item.evidence["test"].partition("::")[2]
    parts.append(f"<code>{html.escape(test)}</code>")
    return f"({', '.join(parts)})"


def _power(value):
    small = value < 0.01 or value >= 100
    return prose.powers(f"{value:.0e}") if small else f"{value:.2f}"


def leads() -> pd.DataFrame:
    """The least lead in print of each claim in `LEADS`, in points."""
    rows = []
    for paper, name in ((key, x) for key in LEADS for x in LEADS[key]):
        claim = papers.claim(paper, name)
        gaps = rule.judge(paper, claim["says"], rule.PRINT).gaps
        known = {k: gap for k, gap in gaps.items() if gap is not None}
        pair, gap = min(known.items(), key=lambda one: one[1].mean)
        title = f"{NAMES[paper]}, {claim['place']}:\n{pair}"
        rows.append((title, gap.mean, gap.low, gap.high))
    columns = ["method", "printed", "printed_low", "printed_high"]
    return pd.DataFrame(rows, columns=columns)


def least_leads():
    """The picture of `leads`."""
    figure = plot.dots(
        leads(),
        style=lambda name: {"color": INK, "marker": "o", "markersize": 6.5},
        xlabel="printed lead, percentage points, with its 95% interval",
    )
    figure.set_figheight(5.6)
    figure.axes[0].axvline(0, color=BASELINE, lw=1)
    return plot.show(figure)
