"""What the two papers say of MNIST, and what is measured, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from arcbook import stats
from arcbook.analysis import chance, margins, spheres
from arcbook.audit import Item
from arcbook.audit.verdicts import (
    FAILS,
    NOT_REPLICATED,
    REPLICATED,
    UNMEASURED,
)
from arcbook.plot import title
from arcbook.verdicts import NOT_YET, listed

NAMED = {"ArcFace": "ArcFace", "Combined": "the combined loss"}
SAYS = {
    "maximum-at-0-5": "ArcFace is best at m = 0.5",
    "combined-better": "the combined loss is better than ArcFace",
    "reliable": "both losses give reliable results",
    "faster": "ArcFace is ahead of softmax after 5 and 10 epochs",
    "long-run": "after 100 epochs the two are close",
    "beats-softmax": "both losses are more accurate than softmax",
    "mnist-confirms": "IAM raises the accuracy of both losses",
    "mnist-maps": "IAM moves the classes of Eq. 3 apart and makes each of "
    "them narrower",
}


def standing(items: Sequence[Item]) -> str:
    """What holds, what does not and what is open, a paragraph each.

    Args:
        items: as from `audit.claims`.
    """
    groups = {"holds": [], "fails": [], "open": []}
    for item in items:
        known = {REPLICATED: "holds", NOT_REPLICATED: "fails"}
        text = f"- {SAYS[item.item]}: {item.measured or UNMEASURED}"
        groups[known.get(item.verdict, "open")].append(text)
    against = [SAYS[one.item] for one in items if one.in_print == FAILS]
    heads = {
        "holds": ("What holds.", "Full records bear out that", "bear out"),
        "fails": ("What does not.", "Full records refute that", "refute"),
        "open": ("What is not known.", "It is open whether", "leave open"),
    }
    parts = []
    for key, (head, begin, verb) in heads.items():
        rest = f"Full records {verb} no claim of these."
        text = f"**{head}** {begin if groups[key] else rest}"
        if key == "fails" and against:
            text = (
                f"**{head}** The paper's own numbers speak against that "
                f"{listed(against)}. {begin if groups[key] else rest}"
            )
        parts.append("\n\n".join([text, "\n".join(groups[key])]).strip())
    return "\n\n".join(parts)


def outliers(table: pd.DataFrame) -> str:
    """How far off the lowest cells are, printed and measured.

    Args:
        table: as from `margins.beside`.
    """
    parts = []
    for kind, name in (("printed", "published"), ("measured", "measured")):
        known = table.dropna(subset=[name])
        if known.empty:
            parts.append("Measured: not yet.")
            continue
        images = margins.TEST_IMAGES
        if kind == "measured":
            images = int(known["images"].max())
        apart = []
        for _, part in known.groupby("column"):
            median = part[name].median()
            error = chance.standard_error(median, images)
            lost = part[~chance.settled(part[name], images)]
            apart += [(median - value, error) for value in lost[name]]
        if not apart:
            text = f"none of {len(known)} lies far below its column"
        else:
            off = [gap / error for gap, error in apart]
            text = (
                f"{len(apart)} of {len(known)} lie "
                f"{_span([gap for gap, _ in apart], 1)} points below the "
                f"median of their column, {_span(off, 0)} standard errors of "
                "the test set. Such a run has failed to settle, or is a "
                "misprint"
            )
        diverged = int(table["diverged"].sum())
        if kind == "measured" and diverged:
            text += f"; {diverged} diverged"
        parts.append(f"{kind.capitalize()}: {text}.")
    return " ".join(parts)


def told_apart(tests: pd.DataFrame) -> str:
    """Whether settings differ by more than the test set's own chance.

    Args:
        tests: as from `margins.chi_squared`.
    """
    known = tests.dropna(subset=["p"])
    last = known.groupby(["kind", "column"], sort=False).last()
    parts = []
    for kind in ("printed", "measured"):
        if kind not in last.index.get_level_values("kind"):
            parts.append("Measured: not yet.")
            continue
        lines = []
        for column, row in last.loc[kind].iterrows():
            ratio = row["chi2"] / row["freedom"]
            lines.append(
                f"the {row['runs']:.0f} {'settled ' * (row.which != 'all')}"
                f"runs of {NAMED[column]} span {row['range']:.2f} "
                f"points where equal ones are expected to span "
                f"{row['expected']:.2f}, and their χ² is {ratio:.2f} a "
                f"degree of freedom (p {_p(row['p'])})"
            )
        least = last.loc[kind]["p"].min()
        end = (
            "No margin of them can be told from another"
            if least > chance.LEVEL
            else "So more than the test set's chance is at work, of the "
            "margin or of the run"
        )
        parts.append(f"{kind.capitalize()}: {'; '.join(lines)}. {end}.")
    return "\n\n".join(parts)


def best(table: pd.DataFrame, column: str = "ArcFace") -> str:
    """Where the best margin stands, and by how many images it leads.

    Args:
        table: as from `margins.beside`.
        column: of `margins.COLUMNS`.
    """
    part = table[table["column"] == column]
    key = "m" if column == "ArcFace" else "m2"
    parts = []
    for kind, name in (("Printed", "published"), ("Measured", "measured")):
        known = part.dropna(subset=[name]).sort_values(name, ascending=False)
        if len(known) < 2:
            parts.append(f"{kind}: not measured yet.")
            continue
        images = margins.TEST_IMAGES
        if name == "measured":
            images = int(known["images"].max())
        first, second = known[name].iloc[:2]
        lead = (first - second) * images / 100
        need = chance.least_gap(first, images, len(known)) * images / 100
        parts.append(
            f"{kind}: the best is {key} = {known[key].iloc[0]:.2f} with "
            f"{first:.2f}%, {lead:.0f} images more than the next. The best "
            f"and the worst of {len(known)} equal ones would have to be "
            f"more than {need:.0f} images apart to mean anything."
        )
    return " ".join(parts)


def seeds(rows: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """How far networks differ by the seed alone, and by the margin.

    Args:
        rows: a name and runs, as from `measured.of_records`, for each.
    """
    lines = []
    for name, runs in rows:
        values = runs["accuracy"].dropna()
        if len(values) < 2:
            lines.append(f"{name}: too few networks to compare")
            continue
        images = int(runs["test_images"].max())
        wide = chance.expected_range(values.mean(), images, len(values))
        lines.append(
            f"{name}: {values.max() - values.min():.1f} points apart, where "
            f"{len(values)} equal ones are expected to lie {wide:.1f} apart "
            f"on {images:,} images"
        )
    return ". ".join(lines) + "."


def clouds(records: Sequence[Mapping]) -> str:
    """How wide and how far apart the classes of maps are.

    Args:
        records: of networks with features of three dimensions.
    """
    lines = []
    for record in records:
        if "features" not in record["arrays"]:
            lines.append(f"{record['column']} diverged")
            continue
        found = spheres.facts(record)
        lines.append(
            f"{title(record['loss'])}: a feature stands "
            f"{math.degrees(found['spread']):.1f}° from the middle of its "
            "class on average, and the two closest classes are "
            f"{math.degrees(found['apart']):.0f}° apart"
        )
    return "; ".join(lines) + "." if lines else NOT_YET


def lengths(cells: pd.DataFrame) -> str:
    """ArcFace minus softmax, a number of epochs after the other.

    Args:
        cells: accuracy of runs as from `measured.frame`: column, epochs,
            accuracy, test_images.
    """
    wide = cells.pivot(index="epochs", columns="column", values="accuracy")
    wide = wide.dropna()
    if wide.empty:
        return NOT_YET
    images = int(cells["test_images"].max())
    lines = []
    for epochs, row in wide.iterrows():
        gap = _of_shares(row["ArcFace"], row["Soft"], images)
        half = chance.least_gap(row.mean(), images)
        sure = "more" if abs(gap.points) > half else "less"
        lines.append(
            f"after {epochs} epoch{'s' * (epochs > 1)} "
            f"{_signed(gap.points, 2)} points ({_signed(gap.items)} images), "
            f"{sure} than the {half:.2f} that the test set's chance can give"
        )
    return f"ArcFace minus softmax: {'; '.join(lines)}."


def gains(cells: pd.DataFrame, images: int) -> str:
    """What the penalty adds, in images and in standard errors.

    Args:
        cells: as from `measured.beside("iam", "table2")`, each base
            followed by the base with the penalty.
        images: of the test set, for printed cells.
    """
    parts = []
    for kind, name in (("Printed", "published"), ("Measured", "measured")):
        lines = []
        for first in range(0, len(cells), 2):
            base, ours = cells.iloc[first], cells.iloc[first + 1]
            pair = base[name], ours[name]
            if any(math.isnan(x) for x in pair):
                lost = base["diverged"] + ours["diverged"]
                why = "a run diverged" if lost else UNMEASURED
                lines.append(f"{base['method']}: {why}")
                continue
            gap = _of_shares(pair[1], pair[0], images)
            lines.append(f"{base['method']}: {_gap(pair, gap)}")
        parts.append(f"{kind}: {'; '.join(lines)}.")
    return "\n\n".join(parts)


def _gap(pair, gap):
    text = f"{pair[0]:.2f} → {pair[1]:.2f}, {_signed(gap.items)} images"
    if not gap.points:
        return text
    at_most = abs(gap.points) / gap.least_error
    return (
        f"{text}, {abs(gap.z):.1f} standard errors if the two err "
        f"independently and at most {at_most:.1f} if one errs only where "
        "the other does"
    )


def moved(records: Sequence[Mapping], base: str) -> str:
    """What the penalty does to WC-Intra and C-Inter of a base.

    Args:
        records: of runs with these angles in their metrics.
        base: "Eq.(3)" or "CosFace".
    """
    found = {
        one["column"]: one["metrics"]
        for one in records
        if not one["metrics"]["diverged"]
    }
    ours = f"{base} + 0.2 IAM"
    if not {base, ours} <= {*found}:
        there = {one["column"] for one in records}
        why = "a run diverged" if {base, ours} <= there else UNMEASURED
        return f"{base}: {why}."
    words = []
    for key, name in (("c_inter", "C-Inter"), ("wc_intra", "WC-Intra")):
        before, after = (
            math.degrees(found[column][key]) for column in (base, ours)
        )
        verb = "grows" if after > before else "falls"
        words.append(f"{name} {verb} from {before:.1f}° to {after:.1f}°")
    return f"{base}: with the penalty {listed(words)}."


def _span(values, digits):
    low, high = min(values), max(values)
    ends = f"{low:.{digits}f}", f"{high:.{digits}f}"
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _signed(value, digits=0):
    return f"{value:+.{digits}f}".replace("-", "−")


def _p(value):
    return "< 0.001" if value < 0.001 else f"= {value:.2f}"


class _Gap(NamedTuple):
    points: float
    items: float
    least_error: float
    z: float


def _of_shares(first, second, images):
    gap = stats.of_shares(first, second, images)
    apart = abs(first - second) / 100
    least = 100 * math.sqrt(max(apart - apart**2, 0) / images)
    error = gap.half / 1.959964
    return _Gap(gap.mean, gap.mean * images / 100, least, gap.mean / error)
