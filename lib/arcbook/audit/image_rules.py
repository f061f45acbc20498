"""A verdict on a claim from differences that have to be above 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from arcbook.audit import image_intervals
from arcbook.audit.image_intervals import Cell, Part
from arcbook.audit.records import Interval
from arcbook.audit.verdicts import (
    CLOSE,
    MEASURED,
    NOT_REPLICATED,
    ONE_SEED,
    REPLICATED,
    UNMEASURED,
    Finding,
    all_of,
    by_interval,
    from_records,
)

SHOWN = 4
ANGLES = ("w_inter", "c_inter")
TITLES = {
    "wc_intra": "WC-Intra",
    "w_inter": "W-Inter",
    "c_inter": "C-Inter",
    "test_wc_intra": "WC-Intra on test images",
    "test_c_inter": "C-Inter on test images",
}
FIVE = "Five seeds: 95% t intervals of the differences, paired by seed."
ONE = (
    "One run each: 95% intervals by the binomial error of the test images, "
    "which leave out what another seed would change."
)
ANGLE_ERROR = (
    "One run each: 95% intervals by the spread of the angles of the images "
    "looked at, which leave out what another seed would change."
)


class Rule(NamedTuple):
    """What a claim comes to in measured differences.

    Attributes:
        how: the reading, in words.
        groups: in each, parts that all have to be above 0.
        need: how many groups have to hold; all where None.
        half: whether the parts are only some of what the claim says, so
            that they can refute it and no more.
    """

    how: str
    groups: tuple[tuple[Part, ...], ...]
    need: int | None = None
    half: bool = False


def one(how: str, *parts: Iterable[Part], half: bool = False) -> Rule:
    """A rule of parts that all have to be above 0."""
    return Rule(how, (tuple(p for some in parts for p in some),), half=half)


def above(
    id: str, metric: str, ours: str, others: Iterable[str], **where
) -> list[Part]:
    """Parts: a column's metric is larger than others'."""
    return [
        Part(
            f"{ours} − {other}, {_title(metric, where)}",
            (
                (1.0, Cell(id, where | {"column": ours}, metric)),
                (-1.0, Cell(id, where | {"column": other}, metric)),
            ),
        )
        for other in others
    ]


def below(id, metric, ours, others, *, share=1.0, **where) -> list[Part]:
    """Parts: a column's metric is smaller than a share of others'."""
    times = "" if share == 1 else f"{share:g} × "
    return [
        Part(
            f"{times}{other} − {ours}, {_title(metric, where)}",
            (
                (share, Cell(id, where | {"column": other}, metric)),
                (-1.0, Cell(id, where | {"column": ours}, metric)),
            ),
        )
        for other in others
    ]


def near(part: Part, target: float, tolerance: float) -> list[Part]:
    """Parts: a difference is within a tolerance of a number."""
    other_way = tuple((-weight, cell) for weight, cell in part.terms)
    least, most = target - tolerance, target + tolerance
    sign = "+" if least < 0 else "−"
    return [
        Part(f"({part.label}) {sign} {abs(least):g}", part.terms, -least),
        Part(f"{most:g} − ({part.label})", other_way, most),
    ]


def beyond(id: str, metric: str, number: float, **where) -> Part:
    """A part: a metric is larger than a number."""
    return Part(
        f"{where['column']} − {number:g}, {_title(metric, where)}",
        ((1.0, Cell(id, where, metric)),),
        -number,
    )


def judged(rule: Rule) -> Callable[[Finding], Finding]:
    """The function that adds a rule's word to a finding."""

    def judge(found: Finding) -> Finding:
        why = f"{found.why} {rule.how}".strip()
        measured = [
            [(part.label, image_intervals.interval(part)) for part in group]
            for group in rule.groups
        ]
        flat = [pair for group in measured for pair in group]
        if any(gap is None for _, gap in flat):
            return replace(found, verdict=UNMEASURED, why=why)
        words = [
            all_of(by_interval(gap.low, gap.high) for _, gap in group)
            for group in measured
        ]
        verdict = _counted(words, rule.need)
        if rule.half and verdict != NOT_REPLICATED:
            verdict = UNMEASURED
        return said(found, verdict, why, flat)

    return judge


def said(
    found: Finding, verdict: str, why: str, gaps: list[tuple[str, Interval]]
) -> Finding:
    """A finding with what was measured; of many parts the least."""
    least = sorted(gaps, key=lambda pair: _lowest(pair[1]))[:SHOWN]
    shown = gaps if len(gaps) <= SHOWN else least
    text = "; ".join(f"{label}: {_written(gap)}" for label, gap in shown)
    if len(gaps) > SHOWN:
        text = f"of {len(gaps)} differences the least are {text}"
    settled = verdict != UNMEASURED
    one_run = ONE in why or ANGLE_ERROR in why
    return replace(
        found,
        verdict=verdict,
        why=why,
        measured=text,
        basis=MEASURED if settled else found.basis,
        caution=ONE_SEED if settled and one_run else found.caution,
        found=found.found
        | {
            f"measured, {label}": gap.mean
            for label, gap in gaps
            if not math.isnan(gap.mean)
        },
    )


def register(paper: str, rules: dict[str, Rule]) -> None:
    """Have the claims of a paper judged by rules."""
    for name, rule in rules.items():
        from_records(paper, name, judged(rule))


def beyond_records(paper: str, reasons: dict[str, str]) -> None:
    """Say of claims why no record can settle them."""

    def explain(reason):
        return lambda found: replace(
            found, why=f"{found.why} {reason}".strip()
        )

    for name, reason in reasons.items():
        from_records(paper, name, explain(reason))


def _counted(words, need):
    if need is None:
        return all_of(words)
    if words.count(REPLICATED) >= need:
        return REPLICATED
    possible = words.count(REPLICATED) + words.count(CLOSE)
    return CLOSE if possible >= need else NOT_REPLICATED


def _lowest(gap):
    return -math.inf if math.isnan(gap.low) else gap.low


def _written(gap):
    return "a run diverged" if math.isnan(gap.mean) else str(gap)


def _title(metric, where):
    benchmark = where.get("benchmark", "")
    epochs = f"{where['epochs']} epochs" if "epochs" in where else ""
    unit = "" if "accuracy" in metric else " (degrees)"
    named = [benchmark, epochs, TITLES.get(metric, metric) + unit]
    return ", ".join(x for x in named if x)
