"""The ledger as pages, and pictures of what the papers print."""

from __future__ import annotations

import html
import math

import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib import pyplot as plt

from arcbook import papers, plot, stats
from arcbook.audit import PAPERS, Item, rule
from arcbook.audit.equations import ASSUMES, CONFIRMED
from arcbook.book import page
from arcbook.plot import BASELINE, INK

NAMES = {
    "arcgrad": "ArcGrad",
    "angular-learning": "Angular Learning",
    "iam": "IAM",
    "mnist-cosine": "MNIST paper",
}
ANGLES = {
    ("arcgrad", "table6"): "ArcGrad, Table VI\nCIFAR-10",
    ("angular-learning", "table2"): "Angular Learning, Table 2\nCIFAR-10+",
    ("angular-learning", "table3"): "Angular Learning, Table 3\nCIFAR-100",
}
LEADS = (
    ("arcgrad", "three-of-four"),
    ("arcgrad", "epochs"),
    ("angular-learning", "fashion-best"),
    ("angular-learning", "arc-best"),
    ("iam", "mnist-confirms"),
    ("iam", "even-better"),
    ("iam", "improves-all"),
    ("mnist-cosine", "maximum-at-0-5"),
)


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
    title = "It holds for" if item.verdict == ASSUMES else "Right form"
    return (
        f'<span id="{item.anchor}"></span>\n\n'
        f":::{{admonition}} {NAMES[item.paper]}, {item.item}: "
        f"{item.verdict}\n:class: misprint\n\n"
        f"Printed:\n\n{page.equation(item.printed, page.IN_A_BOX)}\n\n"
        f"{title}:\n\n{page.equation(item.correct, page.IN_A_BOX)}\n\n"
        f"{item.why}\n\n"
        f"Relative error against the truth: {errors[0]} as printed, "
        f"{errors[1]} in the right form or range. {evidence(item)}\n:::"
    )


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
    about = {
        "equation": lambda: (
            papers.equation(item.paper, item.item.removeprefix("Eq. ")).about
        ),
        "table": lambda: item.printed,
        "claim": lambda: f"“{item.printed}”",
    }[item.kind]()
    place = item.place or item.item
    ground = ", ".join(filter(None, (item.basis, item.caution)))
    known = {
        "In print": item.in_print,
        "Measured": item.measured,
        "Should be": "" if item.kind == "equation" else item.correct,
    }
    said = "".join(
        f"<br><i>{name}:</i> {html.escape(text)}."
        for name, text in known.items()
        if text
    )
    return (
        f'<li id="{item.anchor}" data-paper="{NAMES[item.paper]}" '
        f'data-verdict="{item.verdict}" data-basis="{item.basis}">'
        f"<b>{item.verdict}</b> <small>({html.escape(ground)})</small> "
        f"{html.escape(about)} "
        f"<small>{NAMES[item.paper]}, {html.escape(place)} "
        f'<a class="headerlink" href="#{item.anchor}">¶</a></small>'
        f"<details><summary>why</summary>{html.escape(item.why)}{said}<br>"
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
    return f"{value:.0e}" if value < 0.01 or value >= 100 else f"{value:.2f}"


def leads() -> pd.DataFrame:
    """The least lead in print of each claim in `LEADS`.

    Gives a row a claim: method (paper, claim and the pair that is compared),
    printed, printed_low, printed_high, in points.
    """
    rows = []
    for paper, name in LEADS:
        says = papers.claim(paper, name)["says"]
        gaps = rule.judge(paper, says, rule.PRINT).gaps
        known = {k: gap for k, gap in gaps.items() if gap is not None}
        pair, gap = min(known.items(), key=lambda one: one[1].mean)
        title = f"{NAMES[paper]}, {name}:\n{pair.partition(' (')[0]}"
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


def ranks(groups: dict[str, pd.DataFrame], level: float):
    """Average ranks in the printed Table I, of all data sets and of some."""
    rows = []
    for title, table in groups.items():
        half = stats.critical_difference(*table.shape[::-1], level=level) / 2
        p = stats.friedman(table)
        name = f"{title}: {len(table)} data sets, Friedman p = {p:.0e}"
        rows += [
            (name, column, rank, rank - half, rank + half)
            for column, rank in stats.ranks(table).sort_values().items()
        ]
    columns = ["panel", "method", "printed", "printed_low", "printed_high"]
    figure = plot.dots(
        pd.DataFrame(rows, columns=columns),
        panels="panel",
        sharex=True,
        xlabel="average rank, 1 is best, ± half a critical difference",
    )
    return plot.show(figure)


def papers_apart(rows: pd.DataFrame):
    """Error rates that two papers print for one loss and network."""
    names = rows["benchmark"].unique()
    figure, panels = plt.subplots(1, len(names), figsize=(8, 3.6))
    for axes, name in zip(panels, names, strict=True):
        for row in rows[rows["benchmark"] == name].to_dict("records"):
            pair = row["arcgrad"], row["angular"]
            axes.plot([0, 1], pair, **_hollow(row["method"]) | {"ls": "-"})
        axes.set_xticks([0, 1], ["ArcGrad", "Angular L."], fontsize=9)
        axes.set_xlim(-0.35, 1.35)
        axes.set_title(name, fontsize=10.5)
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("printed error rate, %")
    plot.key(figure, {x: _hollow(x) for x in rows["method"].unique()})
    return plot.show(figure)


def angles(rows: pd.DataFrame):
    """Printed W-Inter (left) and C-Inter (right) of each loss and table."""
    figure, panels = plt.subplots(1, 3, figsize=(8, 4.6), sharey=True)
    for axes, (key, title) in zip(panels, ANGLES.items(), strict=True):
        part = rows[(rows["paper"] == key[0]) & (rows["table"] == key[1])]
        simplex, largest = part[["simplex", "largest"]].iloc[0]
        axes.axhline(simplex, color=INK, lw=1.2, ls=(0, (5, 3)))
        axes.axhline(largest, color=INK, lw=1.6)
        axes.axhspan(largest, 1.9, color=BASELINE, alpha=0.14, lw=0)
        for place, (_, some) in enumerate(part.groupby("metric", sort=False)):
            for k, row in enumerate(some.to_dict("records")):
                at = place + 0.13 * (k - (len(some) - 1) / 2)
                axes.plot(at, row["printed"], **_hollow(row["method"]))
        axes.set_xticks([0, 1], ["W-Inter", "C-Inter"])
        axes.set_xlim(-0.55, 1.55)
        axes.set_title(title, fontsize=10.5)
        axes.grid(axis="x", visible=False)
        if key[1] == "table2":
            shared = {"ha": "center", "fontsize": 10}
            axes.text(0.5, simplex - 0.01, "simplex", va="top", **shared)
            axes.text(0.5, largest + 0.01, "largest mean", **shared)
    plot.degrees(panels[0].yaxis, 5)
    panels[0].set_ylim(math.radians(70), math.radians(103))
    panels[0].set_ylabel("mean angle")
    shown = rows["method"].unique()
    plot.key(figure, {x: _hollow(x) for x in shown if x != "Arc"})
    return plot.show(figure)


def _hollow(method):
    return plot.look(method) | plot.HOLLOW | {"ls": "none"}
