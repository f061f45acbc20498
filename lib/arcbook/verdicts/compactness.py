"""What mean angles and cosines show, in sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from arcbook import audit, experiments, geometry
from arcbook.analysis import compactness, tables
from arcbook.audit import sphere
from arcbook.audit.report import NAMES
from arcbook.audit.verdicts import NOT_REPLICATED, REPLICATED
from arcbook.book import page
from arcbook.verdicts import NOT_YET, listed

PARAGRAPHS = (
    ("What holds", (REPLICATED,)),
    ("What does not", (NOT_REPLICATED,)),
)


def quick_label(id: str, records: Sequence[Mapping] | None = None) -> str:
    """What a quick run is and where it was measured, for a caption.

    Args:
        id: of an experiment.
        records: of its quick profile; by default those that there are.
    """
    if records is None:
        records = experiments.records(id, "quick")
    where = tables.provenance(id, "quick", records)
    where = re.sub("`(.*?)`", r"<code>\1</code>", where)
    known = [one for one in records if not one["metrics"]["diverged"]]
    return f"<b>{_small(known)}</b> {where}"


def cells_table(cells: pd.DataFrame) -> HTML:
    """Published above measured, loss by loss."""
    return page.table(
        compactness.table(cells),
        "Radians, degrees in brackets. ✗: more than any vectors have.",
        index=True,
    )


def quick_table(paper: str, name: str) -> HTML:
    """The angles of the quick runs of a table, apart from what is printed."""
    cells = compactness.angles(paper, name, "quick")
    body = page.table(
        compactness.table(cells, published=False), index=True
    ).data
    return HTML(f"<p>{quick_label(f'{paper}.{name}')}</p>{body}")


def _small(records):
    if not records:
        return "Quick profile."
    one = records[0]
    return (
        f"Quick profile: {one['train_images']:,} images, {one['epochs']} "
        f"epochs, small network ({one['network']}), {one['test_images']:,} "
        "test images; enters no comparison with the paper."
    )


def table(cells: pd.DataFrame, paper: str, name: str) -> str:
    """What is printed and measured of a table, and where it was measured.

    Args:
        cells: as from `compactness.angles`, of the full profile.
        paper, name: of the table.
    """
    id, (home, _) = f"{paper}.{name}", compactness.home(paper, name)
    said, where = NOT_YET, tables.provenance(id, "full")
    if cells["measured"].notna().any():
        said = f"{bound(cells)} {against_soft(cells)}"
        where += f" Seeds beside 0: {tables.provenance(home, 'full')}"
    return f"**Printed.** {printed(cells)}\n\n**Measured.** {said}\n\n{where}"


def headline(cells: pd.DataFrame) -> str:
    """The point of a table of angles, for the title of its figure.

    Args:
        cells: as from `compactness.angles`.
    """
    inter = cells["metric"] != "WC-Intra"
    known = cells["measured"].notna().any()
    beyond = (cells["place"] == sphere.BEYOND).sum()
    if beyond and not known:
        return (
            f"{beyond} of {inter.sum()} printed angles between classes are "
            "more than any vectors have"
        )
    column, word = (
        ("measured", "Measured") if known else ("published", "Printed")
    )
    values = np.degrees(cells[column])
    return (
        f"{word}: between classes {_span(values[inter])}, "
        f"within {_span(values[~inter])}"
    )


def _span(degrees):
    low, high = degrees.min(), degrees.max()
    digits = 0 if high - low > 5 else 1
    return f"{low:.{digits}f}° to {high:.{digits}f}°"


def printed(cells: pd.DataFrame) -> str:
    """Where the printed angles of a table lie among the bounds."""
    inter = cells[cells["metric"] != "WC-Intra"]
    counts = inter["place"].value_counts()
    parts = [
        f"{counts[place]} {'lies' if counts[place] == 1 else 'lie'} {text}"
        for place, text in (
            (sphere.BEYOND, "beyond what any vectors have"),
            (sphere.ABOVE, "above the simplex's, as a mean may"),
            (sphere.AT, "at the simplex's, to the printed digits"),
            (sphere.UNDER, "below the simplex's"),
        )
        if place in counts
    ]
    right = (inter["published"] > math.pi / 2).sum()
    return (
        f"Of {len(inter)} printed angles between classes {listed(parts)}. "
        f"{right} are above 90°."
    )


def against_soft(cells: pd.DataFrame) -> str:
    """What each loss does to the three angles, beside Soft.

    A difference counts as one where the two 95% intervals over seeds do not
    overlap, or, of one run each, says only which is larger.
    """
    wide = cells.pivot(index="method", columns="metric")
    soft = wide.loc["Soft"]
    others = [name for name in cells["method"].unique() if name != "Soft"]
    done = [
        name for name in others if wide.loc[name, "measured"].notna().all()
    ]
    if not done or soft["measured"].isna().any():
        return NOT_YET
    said = []
    for metric in compactness.METRICS:
        groups = {"wider": [], "narrower": [], "not told apart": []}
        for name in done:
            groups[_compare(wide.loc[name], soft, metric)].append(name)
        words = [
            f"{word} for {listed(names)}"
            for word, names in groups.items()
            if names
        ]
        said.append(f"{metric} is {', '.join(words)}")
    missing = [name for name in others if name not in done]
    gap = (
        f" {listed(missing)} {'is' if len(missing) == 1 else 'are'} missing "
        "or diverged."
        if missing
        else ""
    )
    return f"Beside Soft, {'; '.join(said)}.{gap}{_seeds(cells)}"


def _compare(one, soft, metric):
    apart = (
        one["low", metric] > soft["high", metric]
        or one["high", metric] < soft["low", metric]
    )
    one_run_each = np.isnan([one["low", metric], soft["low", metric]]).any()
    if not apart and not one_run_each:
        return "not told apart"
    larger = one["measured", metric] > soft["measured", metric]
    return "wider" if larger else "narrower"


def _seeds(cells):
    if cells["low"].notna().any():
        return ""
    return " Each is one run, so another seed may change the order."


def bound(cells: pd.DataFrame) -> str:
    """How near the measured angles come to the sphere's bounds."""
    inter = cells[(cells["metric"] != "WC-Intra")].dropna(subset=["measured"])
    if inter.empty:
        return NOT_YET
    simplex = geometry.simplex_angle(int(inter["classes"].iloc[0]))
    top = inter.loc[inter["measured"].idxmax()]
    gap = math.degrees(top["measured"] - simplex)
    where = (
        f"{gap:.2f}° above the simplex's"
        if gap > 0
        else f"{-gap:.2f}° below the simplex's"
    )
    right = (inter["measured"] > math.pi / 2).sum()
    return (
        f"The widest measured mean is {top['metric']} of {top['method']}, "
        f"{math.degrees(top['measured']):.2f}°, {where}. {right} of "
        f"{len(inter)} are above 90°."
    )


def said(*parts: str) -> Markdown | None:
    """Paragraphs, or nothing where there are none."""
    text = "\n\n".join(filter(None, parts))
    return Markdown(text) if text else None


def ledger(names: Mapping[str, Sequence[str]]) -> str:
    """The verdicts on claims as three paragraphs in Markdown.

    Args:
        names: from a paper to the ids of claims.
    """
    items = [
        one for paper in names for one in audit.claims(paper, names[paper])
    ]
    decided = {word for _, words in PARAGRAPHS for word in words}
    paragraphs = []
    for title, words in PARAGRAPHS:
        chosen = [one for one in items if one.verdict in words]
        paragraphs.append(
            f"**{title}.** {_claims(chosen) or 'Nothing is settled here.'}"
        )
    open_ = [one for one in items if one.verdict not in decided]
    paragraphs.append(
        f"**What is not known.** {_claims(open_) or 'No claim is open.'}"
    )
    return "\n\n".join(paragraphs)


def _claims(items):
    return "".join(f"\n- {_claim(one)}" for one in items)


def _claim(item):
    parts = [
        f"“{item.printed}” [{NAMES[item.paper]}, {item.place}]:",
        f"**{item.verdict}**.",
        f"In print: {item.in_print}." if item.in_print else "",
        item.why,
        f"Measured: {item.measured}." if item.measured else "",
    ]
    return " ".join(filter(None, parts))
