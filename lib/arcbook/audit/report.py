"""The ledger as pages: nothing on them is typed by hand."""

from __future__ import annotations

import html
from collections import Counter

import pandas as pd
from IPython.display import HTML, Markdown

from arcbook import papers
from arcbook.audit.equations import ASSUMES, CONFIRMED, MISPRINT, WRONG
from arcbook.audit.ledger import PAPERS, Item
from arcbook.audit.verdicts import CLOSE, NOISE, NOT_REPLICATED, REPLICATED
from arcbook.book import page

NAMES = {
    "arcgrad": "ArcGrad",
    "angular-learning": "Angular Learning",
    "iam": "IAM",
    "mnist-cosine": "MNIST paper",
}
RIGHT = {
    MISPRINT: "Right form",
    WRONG: "Right form",
    ASSUMES: "It holds for",
}


def erratum(item: Item) -> str:
    """An equation that doesn't stand as printed, as a marked box."""
    error = item.found["relative error as printed"]
    other = item.found["relative error of the right form"]
    return (
        f'<span id="{item.anchor}"></span>\n\n'
        f":::{{admonition}} {NAMES[item.paper]}, {item.item}: "
        f"{item.verdict}\n:class: misprint\n\n"
        f"Printed:\n\n{page.equation(item.printed, page.IN_A_BOX)}\n\n"
        f"{RIGHT[item.verdict]}:\n\n"
        f"{page.equation(item.correct, page.IN_A_BOX)}\n\n"
        f"{item.why}\n\n"
        f"Relative error against the truth: {_power(error)} as printed, "
        f"{_power(other)} in the right form or range. {evidence(item)}\n:::"
    )


def errata(ledger: list[Item], paper: str) -> Markdown:
    """All equations of a paper that don't stand as printed."""
    found = [
        erratum(item)
        for item in ledger
        if item.kind == "equation"
        and item.paper == paper
        and item.verdict != CONFIRMED
    ]
    return Markdown("\n\n".join(found))


def standing(ledger: list[Item]) -> HTML:
    """The equations that stand as printed."""
    return _entries(
        (
            item,
            f"<b>{NAMES[item.paper]}, {item.item}</b>: "
            f"{html.escape(papers.equation(item.paper, _number(item)).about)}."
            f" {html.escape(item.why)} {evidence(item)}",
        )
        for item in ledger
        if item.kind == "equation" and item.verdict == CONFIRMED
    )


def _number(item):
    return item.item.removeprefix("Eq. ")


def claims(ledger: list[Item], paper: str) -> HTML:
    """The claims of a paper with what is known of each."""
    return _entries(
        (item, _claim(item))
        for item in ledger
        if item.kind == "claim" and item.paper == paper
    )


def _claim(item):
    said = (
        ("In print", item.in_print),
        ("Measured", item.measured or "not yet"),
    )
    known = "".join(
        f" <i>{name}:</i> {html.escape(text)}." for name, text in said if text
    )
    return (
        f"“{html.escape(item.printed)}” ({html.escape(item.place)})<br>"
        f"<b>{item.verdict.capitalize()}.</b>{known} "
        f"{html.escape(item.why)} {evidence(item)}"
    )


def tables(ledger: list[Item]) -> HTML:
    """The printed tables with a verdict each."""
    return _entries(
        (item, _table(item)) for item in ledger if item.kind == "table"
    )


def _table(item):
    should = f" <i>Should be:</i> {html.escape(item.correct)}."
    return (
        f"{NAMES[item.paper]}, {item.item}: <b>{item.verdict}</b>. "
        f"{html.escape(item.why)}{should * bool(item.correct)} "
        f"{evidence(item)}"
    )


def _entries(pairs) -> HTML:
    """A list whose entries can be linked to."""
    lines = [
        f'<li><span id="{item.anchor}"></span>{text}</li>'
        for item, text in pairs
    ]
    return HTML(f"<ul>{''.join(lines)}</ul>")


def counts(ledger: list[Item], kind: str) -> HTML:
    """How often each verdict stands, paper by paper."""
    found = Counter(
        (item.verdict, item.paper) for item in ledger if item.kind == kind
    )
    verdicts = sorted({verdict for verdict, _ in found})
    rows = [
        [
            verdict,
            *(found[verdict, paper] for paper in PAPERS),
            sum(found[verdict, paper] for paper in PAPERS),
        ]
        for verdict in verdicts
    ]
    total = [sum(row[k] for row in rows) for k in range(1, len(PAPERS) + 2)]
    columns = [kind, *(NAMES[paper] for paper in PAPERS), "all"]
    return page.table(pd.DataFrame([*rows, ["all", *total]], columns=columns))


def by_name(ledger: list[Item]) -> dict[tuple[str, str], Item]:
    """Items by paper and name."""
    return {(item.paper, item.item): item for item in ledger}


def findings(ledger: list[Item]) -> list[tuple[str, str, Item]]:
    """The six findings that a reader most needs to know.

    Returns:
        A title, one to three sentences and the item it rests on, each.
    """
    of = by_name(ledger)
    best, adacos = of["arcgrad", "best-average"], of["arcgrad", "soft-average"]
    angles = of["angular-learning", "Table 3"]
    eq_17, eq_19 = of["arcgrad", "Eq. 17"], of["arcgrad", "Eq. 19"]
    epochs = of["arcgrad", "Table VII"]
    small = of["arcgrad", "smaller-s-tighter"]
    large = of["angular-learning", "larger-s-smaller-angle"]
    digits = of["mnist-cosine", "Table 1"]
    pairs = of["iam", "even-better"]
    close = [item for item in ledger if item.in_print == NOISE]
    return [
        (
            f"ArcGrad's lead on the UCI data sets: {best.verdict}",
            f"In print ArcGrad5 has the best average. {_measured(best)} "
            f"{adacos.why}",
            best,
        ),
        (
            "One printed table holds angles that no vectors have",
            angles.why,
            angles,
        ),
        (
            "ArcGrad's derivation is misprinted, its result is right",
            f"Eq. 16 has the wrong sign and Eq. 17 ({eq_17.verdict}) lacks "
            "signs and a factor s; as printed there is no largest gradient. "
            f"Eq. 19 is {eq_19.verdict}: the authors must have worked with "
            "the right form.",
            eq_17,
        ),
        (
            f"A lead of {epochs.found['here']:.1f} points is "
            f"{epochs.found['there']:.1f} in the authors' other paper",
            epochs.why,
            epochs,
        ),
        (
            "Two papers of one group say opposite things of the scale",
            f"“{small.printed}” (ArcGrad) – “{large.printed}” (Angular "
            "Learning). Neither follows from its derivation: which s has "
            "the wider gap turns round with time.",
            small,
        ),
        (
            "Many printed differences are within the error of the test set",
            f"{len(close)} claims rest on such. In the MNIST paper the "
            f"variance of {digits.found['kept']} accuracies is "
            f"{digits.found['ratio']:.2f} times what equal networks have; a "
            "loss “even better” than another in the IAM paper is so by "
            f"{pairs.found['items']:.0f} of 6,000 pairs.",
            digits,
        ),
    ]


def _measured(item):
    if not item.measured:
        return "Measured: not yet."
    return f"Measured: {item.measured}; {item.verdict}."


def scorecard(ledger: list[Item]) -> HTML:
    """The six findings as a list."""
    entries = [
        f"<li><b>{html.escape(title)}.</b> {html.escape(text)} "
        f'<a href="{_page(item)}">Evidence</a></li>'
        for title, text, item in findings(ledger)
    ]
    return HTML(f"<ol>{''.join(entries)}</ol>")


def in_a_sentence(ledger: list[Item]) -> Markdown:
    """What stands and what doesn't, in numbers."""
    kinds = Counter(item.kind for item in ledger)
    stand = sum(item.verdict == CONFIRMED for item in ledger)
    of = Counter(item.verdict for item in ledger if item.kind == "claim")
    settled = of[REPLICATED] + of[NOT_REPLICATED] + of[CLOSE]
    return Markdown(
        f"The four papers display **{kinds['equation']} equations**; "
        f"{stand} stand as printed. They print **{kinds['table']} tables** "
        f"and make **{kinds['claim']} claims** that can be checked. "
        f"{settled} of the claims are settled by algebra or by "
        f"measurement: {of[REPLICATED]} replicated, {of[NOT_REPLICATED]} "
        f"not, {of[CLOSE]} too close to call. The others wait for a "
        "measurement."
    )


def evidence(item: Item) -> str:
    """Links to what shows a verdict, as HTML."""
    parts = []
    if "derivation" in item.evidence:
        address = item.evidence["derivation"].removeprefix("notebooks/")
        parts.append(f'<a href="{address}">derived here</a>')
    if "record" in item.evidence:
        name = item.evidence["record"].rpartition("/")[2]
        parts.append(f"records of <code>{name}</code>")
    test = item.evidence["test"].partition("::")[2]
    parts.append(f"<code>{html.escape(test)}</code>")
    return f"({', '.join(parts)})"


def _page(item):
    return item.evidence["page"].removeprefix("notebooks/")


def _power(value):
    return f"{value:.0e}" if value < 0.01 or value >= 100 else f"{value:.2f}"
