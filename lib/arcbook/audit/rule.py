"""What a claim in `data/papers` says, judged in print and as measured.

A claim's `says` is one comparison, or several of them. A comparison comes to
differences of quantities that all have to be above 0: the same differences
are taken of the printed numbers, of the full records and of the reduced ones,
each with its 95% interval, and one rule judges all. `data/papers/schema.json`
has the words. At reduced scale what has no run there is left out.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
import pandas as pd

from arcbook import stats
from arcbook.audit.quantities import (
    MEASURED,
    PRINT,
    REDUCED,
    Quantity,
    quantities,
)
from arcbook.stats import Estimate

YES, MAYBE, NO = 1, 0, -1


class Gap(NamedTuple):
    """A difference that has to be above 0; None where a number is missing.

    Its pair is such as "ArcGrad − Soft", where ", CIFAR10+", item "table4".
    `one_run` says whether its interval rests on a single run a cell.
    """

    pair: str
    where: str
    item: str
    found: Estimate | None
    one_run: bool = False
    freedom: float = math.inf

    @property
    def name(self) -> str:
        """The pair and where it is compared."""
        return self.pair + self.where


@dataclass(frozen=True)
class Judged:
    """What a side, in print or of a profile, says of a claim, by its gaps.

    The answer is YES, MAYBE or NO; None where a number is missing. Readings
    are the answers of a claim with several.
    """

    answer: int | None
    gaps: dict[str, Estimate | None]
    one_run: bool = False
    readings: tuple[int | None, ...] = ()


def judge(paper: str, says: Mapping, kind: str) -> Judged:
    """Whether a claim holds: `PRINT`, `MEASURED` in full, or `REDUCED`.

    Raises ValueError for a place or a method that is not there.
    """
    if "readings" in says:
        return _read([judge(paper, one, kind) for one in says["readings"]])
    groups = [
        group
        for one in says.get("all", [says])
        for group in differences(paper, one, kind)
    ]
    flat = [*itertools.chain(*groups)]
    gaps = _named(flat)
    if not gaps or None in gaps.values():
        return Judged(None, gaps)
    if says.get("pool"):
        answers = [answer(_pooled(flat), kind)]
    elif says.get("holm"):
        least = 0.05 if kind in (MEASURED, REDUCED) else math.inf
        corrected = stats.holm([gap.found.p for gap in flat])
        answers = [
            answer(gap.found, kind) if p < least else MAYBE
            for p, gap in zip(corrected, flat, strict=True)
        ]
    else:
        answers = [
            min(answer(gap.found, kind) for gap in group)
            for group in groups
            if group
        ]
    need = says.get("need", len(answers))
    found = MAYBE if len(answers) - answers.count(NO) >= need else NO
    if answers.count(YES) >= need:
        found = YES
    return Judged(found, gaps, any(gap.one_run for gap in flat))


def _read(parts):
    """Several readings of one claim: what all of them say, else open."""
    answers = tuple(part.answer for part in parts)
    same = answers[0] if len(set(answers)) == 1 else MAYBE
    gaps = {k: gap for part in parts for k, gap in part.gaps.items()}
    one_run = any(part.one_run for part in parts)
    return Judged(None if None in answers else same, gaps, one_run, answers)


def answer(gap: Estimate, kind: str) -> int:
    """The rule: an interval above 0 holds, one below 0 does not.

    A printed number that has no error is taken as exact.
    """
    low, high = gap.low, gap.high
    if kind == PRINT and math.isnan(low):
        low = high = gap.mean
    return YES if low > 0 else NO if high < 0 else MAYBE


def written(gaps: Mapping[str, Estimate | None], shown: int = 4) -> str:
    """The differences as text; of many the least."""
    known = {name: gap for name, gap in gaps.items() if gap is not None}
    if len(known) <= shown:
        return "; ".join(f"{name}: {gap}" for name, gap in known.items())
    low = {k: np.nan_to_num(gap.low, nan=gap.mean) for k, gap in known.items()}
    least = sorted(known, key=low.get)[:shown]
    text = "; ".join(f"{name}: {known[name]}" for name in least)
    return f"the {shown} least of {len(known)} differences: {text}"


def _named(flat):
    """Differences by name, with the item where two have one name."""
    often = Counter(gap.name for gap in flat)
    return {
        gap.name if often[gap.name] == 1 else f"{gap.name} ({gap.item})": (
            gap.found
        )
        for gap in flat
    }


def differences(paper: str, one: Mapping, kind: str) -> list[list[Gap]]:
    """What has to be above 0 for one comparison to hold, place by place."""
    if order := one.get("falls", one.get("rises")):
        word = "less" if "falls" in one else "more"
        rest = {k: v for k, v in one.items() if k not in ("falls", "rises")}
        steps = [
            rest | {word: ["*"], "at": [after], "over": [before]}
            for before, after in itertools.pairwise(order)
        ]
        return [x for step in steps for x in differences(paper, step, kind)]
    sign = 1 if "more" in one else -1
    methods = one["more" if sign > 0 else "less"]
    ours = _found(paper, one["at"], methods, one, kind)
    others = _others(paper, one, ours, kind)
    pairs = [(mine, others(place)) for place, mine in ours.items()]
    if one.get("best"):
        pairs = [
            ([_best(mine, kind, sign)], [_best(theirs, kind, sign)])
            for mine, theirs in pairs
        ]
    if one.get("spread"):
        return [[_spread(pairs, kind, sign)]]
    groups = [
        [
            _gap(one, mine, theirs, kind, sign)
            for mine in some
            for theirs in rivals
            if isinstance(theirs, float)
            or (theirs.place, theirs.method) != (mine.place, mine.method)
        ]
        for some, rivals in pairs
    ]
    if "near" in one:
        groups = [
            [part for gap in group for part in _around(gap, one)]
            for group in groups
        ]
    return [_means(groups)] if one.get("mean") else groups


def _found(paper, places, methods, one, kind) -> dict[str, list[Quantity]]:
    """Quantities by place; what matches nothing is an error.

    At reduced scale it is not measured there, and left out.
    """
    found = {}
    for place in places:
        some = [
            each
            for each in quantities(paper, place, one.get("of"), kind)
            if any(fnmatchcase(each.method, name) for name in methods)
            and not (kind == REDUCED and each.runs.empty)
        ]
        if not some and kind != REDUCED:
            raise ValueError(
                f"{paper}: {place} has no cell of {', '.join(methods)}"
            )
        for each in some:
            found.setdefault(each.place, []).append(each)
    return found


def _others(paper, one, ours, kind):
    """A function from a place to what stands against ours there."""
    than = one.get("than", [])
    every = [each for some in ours.values() for each in some]
    if isinstance(than, int | float):
        return lambda place: [float(than)]
    if than == "median":
        known = [x for each in every if (x := each.mean(kind)) is not None]
        median = float(np.median(known)) if known else math.nan
        return lambda place: [median]
    if than == "rest":
        mine = {each.method for each in every}
        rows = _found(paper, one["at"], ["*"], one, kind)
        than = {c.method for some in rows.values() for c in some} - mine
    if "over" in one:
        names = than or one.get("more", one.get("less"))
        there = _found(paper, one["over"], names, one, kind)
        return lambda place: [c for some in there.values() for c in some]
    there = _found(paper, one["at"], than, one, kind)
    return lambda place: there.get(place, [])


def _gap(one, mine, theirs, kind, sign):
    """One difference, with its name."""
    times, plus = one.get("times", 1.0), one.get("plus", 0.0)
    where = f", {mine.at}{mine.unit}"
    if isinstance(theirs, float):
        terms, constant = [(sign, mine)], -sign * (theirs + plus)
        pair = f"{mine.method} against {Estimate(theirs + plus):.4g}"
    else:
        terms = [(sign, mine), (-sign * times, theirs)]
        constant = -sign * plus
        of = "" if times == 1 else f"{times:g} × "
        sides = [mine.method, f"{of}{theirs.method}"]
        if mine.method == theirs.method:
            sides, where = [f"({c.at})" for c in (mine, theirs)], mine.unit
        pair = " − ".join(sides[::sign])
    if "since" in one:
        since = one["since"]
        terms += [(-w, _same_at(since, each, kind)) for w, each in terms]
    take = _printed if kind == PRINT else _measured
    return Gap(pair, where, mine.item, *take(terms, constant))


def _printed(terms, constant):
    """The printed difference, whether of one run, and its freedom."""
    if any(math.isnan(each.printed) for _, each in terms):
        return (None,)
    mean = constant + sum(weight * each.printed for weight, each in terms)
    error = math.hypot(*(weight * each.error for weight, each in terms))
    freedom = min(each.freedom for _, each in terms)
    return stats.around(mean, error, freedom), False, freedom


def _measured(terms, constant):
    """The same of runs, paired by seed or by fold."""
    exact = sum(w * each.printed for w, each in terms if each.runs.empty)
    terms = [(w, each) for w, each in terms if not each.runs.empty]
    if not terms or not all(each.known for _, each in terms):
        return (None,)
    constant += exact
    first = terms[0][1].runs
    if "folds" in first and first["folds"].notna().all():
        folds = constant + sum(w * c.runs["folds"].iloc[0] for w, c in terms)
        found = stats.of_folds(folds, int(first["splits"].iloc[0]))
        return found, False, len(folds) - 1
    seeds = pd.DataFrame(
        {
            k: w * each.values().set_axis(each.runs["seed"])
            for k, (w, each) in enumerate(terms)
        }
    )
    gaps = (constant + seeds.sum(axis=1, skipna=False)).dropna()
    if len(gaps) > 1:
        return stats.of_runs(gaps), False, len(gaps) - 1
    if gaps.empty:
        return Estimate(math.nan), True
    error = math.hypot(*(w * each.run_error() for w, each in terms))
    return stats.around(float(gaps.iloc[0]), error), True


def _best(some, kind, sign):
    """The best of several methods, under the name of all."""
    known = [each for each in some if each.mean(kind) is not None]
    best = max(known, key=lambda each: sign * each.mean(kind), default=some[0])
    several = len(some) > 1
    return replace(best, method=f"best of {len(some)}") if several else best


def _spread(pairs, kind, sign):
    """Difference of the means over settings, by Welch's interval."""
    mine, theirs = ([*itertools.chain(*side)] for side in zip(*pairs))
    name = f"{mine[0].method} − {theirs[0].method}"
    gap = Gap(name, ", mean over settings", mine[0].item, None)
    sides = [[each.mean(kind) for each in some] for some in (mine, theirs)]
    if kind == PRINT:
        sides = [[x for x in side if x is not None] for side in sides]
    if any(None in side or len(side) < 2 for side in sides):
        return gap
    return gap._replace(found=stats.welch(*sides) * sign, one_run=True)


def _means(groups):
    """Means over places, of each pair of methods."""
    by_pair: dict[str, list] = {}
    for gap in itertools.chain(*groups):
        by_pair.setdefault(gap.pair, []).append(gap)
    return [
        some[0]._replace(
            where=f", mean of {len(some)}",
            found=_pooled(some),
            one_run=any(gap.one_run for gap in some),
            freedom=math.inf,
        )
        for some in by_pair.values()
    ]


def _pooled(some):
    if any(gap.found is None for gap in some):
        return None
    return stats.pooled([gap.found for gap in some], some[0].freedom)


def _around(gap, one):
    """A difference within a tolerance of a number, as two to be above 0."""
    low, high = one["near"] - one["within"], one["near"] + one["within"]
    found = gap.found
    ends = {
        f"({gap.name}) above {Estimate(low):g}": found and found + -low,
        f"({gap.name}) below {Estimate(high):g}": found and -found + high,
    }
    return [
        gap._replace(pair=pair, where="", found=end)
        for pair, end in ends.items()
    ]


def _same_at(since, each, kind):
    """The same quantity where it is counted from."""
    paper = each.place.partition(".")[0]
    some = quantities(paper, since, each.metric, kind)
    return next(one for one in some if one.method == each.method)
