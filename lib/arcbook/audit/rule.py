"""What a claim in `data/papers` says, judged in print and as measured.

A claim's `says` is one comparison, or several of them. A comparison comes to
differences of cells that all have to be above 0: the same differences are
taken of the printed numbers and of the full records, each with its 95%
interval, and one rule judges both. `data/papers/schema.json` has the words.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from arcbook import cells, experiments, packing, papers, results, stats
from arcbook.stats import Estimate

PRINT, MEASURED = "print", "measured"
YES, MAYBE, NO = 1, 0, -1


@dataclass(frozen=True)
class Cell:
    """A number: printed with its standard error, and its runs.

    Attributes:
        place, method: such as "table4/CIFAR10+" and "ArcGrad".
        metric: a column of `cells.runs`, or "early NAME" and "late NAME" of
            a histogram NAME: the mean angle over the first quarter of
            training and at its end.
        printed: in percent or degrees; NaN where nothing is.
        error, freedom: of what is printed.
        runs: rows of `cells.runs` that differ in nothing but the seed.
    """

    place: str
    method: str
    metric: str
    printed: float
    error: float
    freedom: float
    runs: pd.DataFrame

    @property
    def item(self) -> str:
        """The table or figure it stands in."""
        return self.place.partition("/")[0].rpartition(".")[2]

    @property
    def known(self) -> bool:
        """Whether every run is measured, by the code and data of today."""
        if not self.runs["measured"].all():
            return False
        return not self.runs["stale"].any()


class Gap(NamedTuple):
    """A difference that has to be above 0.

    Attributes:
        name, item: such as "ArcGrad − Soft, CIFAR10+" and "table4".
        found: None where a number is missing.
        one_run: whether its interval rests on a single run a cell.
        freedom: of its interval.
    """

    name: str
    item: str
    found: Estimate | None
    one_run: bool = False
    freedom: float = math.inf


@dataclass(frozen=True)
class Judged:
    """What one side, in print or measured, says of a claim.

    Attributes:
        answer: YES, MAYBE or NO; None where a number is missing.
        gaps: the differences by name, None where a number is missing.
        one_run: whether an interval rests on a single run a cell.
        readings: the answer of each reading of a claim with several.
    """

    answer: int | None
    gaps: dict[str, Estimate | None]
    one_run: bool = False
    readings: tuple[int | None, ...] = ()


def judge(paper: str, says: Mapping, kind: str) -> Judged:
    """Whether a claim holds, in print or as measured.

    Raises ValueError: a place or a method that is not there.
    """
    if "readings" in says:
        parts = [judge(paper, one, kind) for one in says["readings"]]
        answers = tuple(part.answer for part in parts)
        one = answers[0] if len(set(answers)) == 1 else MAYBE
        gaps = {k: gap for part in parts for k, gap in part.gaps.items()}
        one_run = any(part.one_run for part in parts)
        missing = None in answers
        return Judged(None if missing else one, gaps, one_run, answers)
    groups = [
        group
        for one in says.get("all", [says])
        for group in differences(paper, one, kind)
    ]
    if says.get("half") and kind == PRINT:
        groups = [[gap for gap in one if gap.found] for one in groups]
    flat = [gap for group in groups for gap in group]
    gaps = _named(flat)
    if not gaps or None in gaps.values():
        return Judged(None, gaps)
    if says.get("pool"):
        answers = [answer(_pooled(flat), kind)]
    elif says.get("holm"):
        p = stats.holm([gap.found.p for gap in flat])
        answers = [
            MAYBE if kind == MEASURED and x >= 0.05 else answer(found, kind)
            for x, found in zip(p, gaps.values(), strict=True)
        ]
    else:
        answers = [
            min(answer(gap.found, kind) for gap in group)
            for group in groups
            if group
        ]
    found = _counted(answers, says.get("need", len(answers)))
    if says.get("half") and kind == MEASURED and found != NO:
        found = None
    return Judged(found, gaps, any(gap.one_run for gap in flat))


def differences(paper: str, one: Mapping, kind: str) -> list[list[Gap]]:
    """What has to be above 0 for one comparison to hold, place by place."""
    if order := one.get("falls", one.get("rises")):
        word = "less" if "falls" in one else "more"
        rest = {k: v for k, v in one.items() if k not in ("falls", "rises")}
        steps = itertools.pairwise(order)
        return [
            group
            for before, after in steps
            for group in differences(
                paper,
                rest | {word: ["*"], "at": [after], "over": [before]},
                kind,
            )
        ]
    sign = 1 if "more" in one else -1
    ours = _found(paper, one["at"], one["more" if sign > 0 else "less"], one)
    others = _others(paper, one, ours, kind)
    pairs = [
        (mine, theirs)
        for place, mine in ours.items()
        for theirs in [_against(one, others, place)]
    ]
    if one.get("best"):
        pairs = [
            tuple([_best(some, kind, sign)] for some in pair) for pair in pairs
        ]
    if one.get("spread"):
        return [[_spread(pairs, kind, sign)]]
    groups = [
        [
            _gap(one, mine, theirs, kind, sign)
            for mine in some
            for theirs in rivals
            if isinstance(theirs, float) or _key(theirs) != _key(mine)
        ]
        for some, rivals in pairs
    ]
    if "near" in one:
        groups = [
            [part for gap in group for part in _around(gap, one)]
            for group in groups
        ]
    return [_means(groups)] if one.get("mean") else groups


def written(gaps: Mapping[str, Estimate | None], shown: int = 4) -> str:
    """The differences as text; of many the least."""
    known = {name: gap for name, gap in gaps.items() if gap is not None}
    least = sorted(
        known,
        key=lambda name: np.nan_to_num(known[name].low, nan=known[name].mean),
    )
    some = list(known) if len(known) <= shown else least[:shown]
    text = "; ".join(f"{name}: {known[name]}" for name in some)
    if len(known) > shown:
        return f"the least of {len(known)} differences are {text}"
    return text


def _named(flat):
    """Differences by name, with the item where two have one name."""
    often = Counter(gap.name for gap in flat)
    return {
        gap.name if often[gap.name] == 1 else f"{gap.name} ({gap.item})": (
            gap.found
        )
        for gap in flat
    }


def _found(paper, places, methods, one) -> dict[str, list[Cell]]:
    """Cells by place; a place or method that matches nothing is an error."""
    found = {}
    for place in places:
        owner, item, at = _split(paper, place)
        some = [
            cell
            for cell in _cells(
                owner, item, at, one.get("of"), _stamp(owner, item)
            )
            if any(fnmatchcase(cell.method, name) for name in methods)
        ]
        if not some:
            raise ValueError(
                f"{paper}: {place} has no cell of {', '.join(methods)}"
            )
        for cell in some:
            found.setdefault(cell.place, []).append(cell)
    return found


def _others(paper, one, ours, kind):
    than = one.get("than", [])
    if isinstance(than, int | float):
        return float(than)
    if than == "median":
        values = [
            _sample(cell, kind) for some in ours.values() for cell in some
        ]
        known = [value for value in values if value is not None]
        return float(np.median(known)) if known else math.nan
    names = than
    if than == "rest":
        mine = {cell.method for some in ours.values() for cell in some}
        rows = _found(paper, one["at"], ["*"], one)
        names = {c.method for some in rows.values() for c in some} - mine
    if "over" in one:
        names = names or one.get("more", one.get("less"))
        there = _found(paper, one["over"], names, one)
        return {None: [cell for some in there.values() for cell in some]}
    return _found(paper, one["at"], names, one)


def _against(one, others, place):
    if not isinstance(others, dict):
        return [others]
    return others.get(None) or others.get(place, [])


def _gap(one, mine, theirs, kind, sign):
    """One difference, with its name."""
    times, plus = one.get("times", 1.0), one.get("plus", 0.0)
    if isinstance(theirs, float):
        terms, constant = [(sign, mine)], -sign * (theirs + plus)
        name = f"{mine.method} against {theirs + plus:.4g}"
    else:
        terms = [(sign, mine), (-sign * times, theirs)]
        constant = -sign * plus
        of = "" if times == 1 else f"{times:g} × "
        same = mine.method == theirs.method
        first, second = mine.method, f"{of}{theirs.method}"
        if same:
            first, second = _at(mine), _at(theirs)
        if sign < 0:
            first, second = second, first
        name = f"{first} − {second}"
    if "since" in one:
        terms += [(-w, _moved(cell, one["since"])) for w, cell in terms]
    if isinstance(theirs, float) or mine.method != theirs.method:
        name += f", {_at(mine)}"
    name += _unit(mine)
    return (
        _printed(name, terms, constant)
        if kind == PRINT
        else _measured(name, terms, constant)
    )


def _printed(name, terms, constant):
    if any(math.isnan(cell.printed) for _, cell in terms):
        return Gap(name, terms[0][1].item, None)
    mean = constant + sum(weight * cell.printed for weight, cell in terms)
    error = math.hypot(*(weight * cell.error for weight, cell in terms))
    freedom = min(cell.freedom for _, cell in terms)
    found = stats.around(mean, error, freedom)
    return Gap(name, terms[0][1].item, found, freedom=freedom)


def _measured(name, terms, constant):
    """The difference of runs, paired by seed or by fold."""
    item = terms[0][1].item
    exact = sum(w * cell.printed for w, cell in terms if cell.runs.empty)
    terms = [(w, cell) for w, cell in terms if not cell.runs.empty]
    if not terms or not all(cell.known for _, cell in terms):
        return Gap(name, item, None)
    constant += exact
    first = terms[0][1].runs
    if "folds" in first and first["folds"].notna().all():
        folds = constant + sum(w * c.runs["folds"].iloc[0] for w, c in terms)
        found = stats.of_folds(folds, int(first["splits"].iloc[0]))
        return Gap(name, item, found, freedom=len(folds) - 1)
    seeds = pd.DataFrame(
        {
            k: w * _values(cell).set_axis(cell.runs["seed"])
            for k, (w, cell) in enumerate(terms)
        }
    )
    gaps = (constant + seeds.sum(axis=1, skipna=False)).dropna()
    if len(gaps) > 1:
        return Gap(name, item, stats.of_runs(gaps), freedom=len(gaps) - 1)
    if gaps.empty:
        return Gap(name, item, Estimate(math.nan), one_run=True)
    error = math.hypot(*(w * _error(cell) for w, cell in terms))
    found = stats.around(float(gaps.iloc[0]), error)
    return Gap(name, item, found, one_run=True)


def _sample(cell, kind):
    """One cell's mean, None where it is missing."""
    if kind == PRINT:
        return None if math.isnan(cell.printed) else cell.printed
    if cell.runs.empty or not cell.known:
        return None
    return float(_values(cell).mean())


def _best(some, kind, sign):
    """The best of several methods, under the name of all."""
    values = [_sample(cell, kind) for cell in some]
    known = [k for k, value in enumerate(values) if value is not None]
    best = max(known, key=lambda k: sign * values[k]) if known else 0
    names = [cell.method for cell in some]
    name = names[0] if len(names) == 1 else f"best of {len(names)}"
    return replace(some[best], method=name)


def _spread(pairs, kind, sign):
    """Difference of the means over settings, by Welch's interval."""
    mine, theirs = (
        [cell for pair in pairs for cell in pair[k]] for k in (0, 1)
    )
    name = f"{mine[0].method} − {theirs[0].method}, mean over settings"
    sides = [[_sample(cell, kind) for cell in some] for some in (mine, theirs)]
    if kind == PRINT:
        sides = [[x for x in side if x is not None] for side in sides]
    if any(None in side or len(side) < 2 for side in sides):
        return Gap(name, mine[0].item, None)
    found = stats.welch(*sides) * sign
    return Gap(name, mine[0].item, found, one_run=True)


def _means(groups):
    """Means over places, of each pair of methods."""
    by_name: dict[str, list] = {}
    for gap in (gap for group in groups for gap in group):
        by_name.setdefault(gap.name.partition(",")[0], []).append(gap)
    return [
        Gap(
            f"{name}, mean of {len(some)}",
            some[0].item,
            _pooled(some),
            any(gap.one_run for gap in some),
        )
        for name, some in by_name.items()
    ]


def _pooled(some):
    if any(gap.found is None for gap in some):
        return None
    return stats.pooled([gap.found for gap in some], some[0].freedom)


def _around(gap, one):
    """A difference within a tolerance of a number, as two to be above 0."""
    low, high = one["near"] - one["within"], one["near"] + one["within"]
    found = gap.found
    return [
        gap._replace(
            name=f"({gap.name}) − {low:g}",
            found=None if found is None else found + -low,
        ),
        gap._replace(
            name=f"{high:g} − ({gap.name})",
            found=None if found is None else -found + high,
        ),
    ]


def _moved(cell, since):
    owner, item, at = _split(cell.place.partition(".")[0], since)
    some = _cells(owner, item, at, cell.metric, _stamp(owner, item))
    return next(one for one in some if one.method == cell.method)


def answer(gap: Estimate, kind: str) -> int:
    """The rule: an interval above 0 holds, one below 0 does not.

    A printed number that has no error is taken as exact.
    """
    low, high = gap.low, gap.high
    if kind == PRINT and math.isnan(low):
        low = high = gap.mean
    return YES if low > 0 else NO if high < 0 else MAYBE


def _counted(answers, need):
    if answers.count(YES) >= need:
        return YES
    return MAYBE if len(answers) - answers.count(NO) >= need else NO


def _values(cell):
    """A metric of each run, in percent or degrees."""
    runs = cell.runs
    if cell.metric.startswith(("early ", "late ")):
        when, name = cell.metric.split()
        return runs["record"].map(
            lambda one: (
                cells.early(one, name)
                if when == "early"
                else float(cells.course(one, name).iloc[-1])
            )
        )
    values = runs[cell.metric].astype(float)
    if cell.metric in cells.SHARES:  # a run that diverged has nothing right
        return values.where(~runs["diverged"].astype(bool), 0.0)
    return np.degrees(values)


def _error(cell):
    """Standard error of one run's metric by the images looked at.

    Of an angle of class centres, that of the mean of the images' own angles.
    """
    (run,) = cell.runs.to_dict("records")
    if run["diverged"]:
        return 0.0
    if cell.metric in cells.SHARES:
        images = run[cells.SHARES[cell.metric][1]]
        return stats.share_error(_values(cell).iloc[0], int(images))
    when, _, kind = cell.metric.rpartition(" ")
    if when == "early":
        return math.nan
    if not when:
        test = cell.metric.startswith("test_")
        kind = "intra_test" if test else "intra_train"
    counts = packing.unpack(run["record"]["arrays"][kind])[-1].astype(float)
    degrees = np.arange(len(counts)) + 0.5
    mean = np.average(degrees, weights=counts)
    spread = np.average((degrees - mean) ** 2, weights=counts)
    return float(math.sqrt(spread / counts.sum()))


def _split(paper, place):
    """Paper, item and the place in it, of "table4/CIFAR10+"."""
    item, _, at = place.partition("/")
    owner, _, name = item.rpartition(".")
    return owner or paper, name, at


def _stamp(paper, item):
    """Changes when a record of the experiment behind an item does."""
    id = f"{paper}.{item}"
    if id not in experiments.available():
        return ()
    owners = {experiments.home(id, r).id for r in experiments.runs(id, "full")}
    return tuple(
        (str(file), file.stat().st_mtime_ns)
        for one in sorted(owners)
        for file in results.files(one, "full")
    )


@lru_cache(maxsize=256)
def _cells(paper, item, at, metric, stamp) -> tuple[Cell, ...]:
    """Cells of a printed table, or of the runs behind a figure."""
    if item in papers.names(paper, "tables"):
        return tuple(
            _cell(f"{paper}.{item}/{row['at']}", row, runs, metric)
            for row, runs in _table(paper, item, stamp)
            if fnmatchcase(row["at"], at)
        )
    runs = _runs(paper, item, stamp)
    where = dict(one.split("=") for one in at.split(",") if one)
    for name, value in where.items():
        runs = runs[runs[name].astype(str).isin({value, f"{value}.0"})]
    texts = papers.facts(paper, item).get("cells", {}).get(at, {})
    return tuple(
        _cell(
            f"{paper}.{item}/{at}",
            {
                "method": method,
                "metric": "accuracy",
                "unit": "percent",
                "printed": texts.get(method, math.nan),
                "printed_error": stats.share_error(
                    texts.get(method, math.nan), cells.TEST_IMAGES
                ),
                "printed_freedom": math.inf,
            },
            part,
            metric,
        )
        for method, part in runs.groupby("column", sort=False)
    )


@lru_cache(maxsize=32)
def _table(paper, item, stamp):
    return cells.pairs(paper, item)


@lru_cache(maxsize=8)
def _runs(paper, item, stamp):
    return cells.runs(f"{paper}.{item}")


def _cell(place, row, runs, metric):
    scale = math.degrees(1) if row["unit"] == "radian" else 1.0
    same = metric in (None, row["metric"])
    return Cell(
        place,
        row["method"],
        metric or row["metric"],
        scale * row["printed"] if same else math.nan,
        scale * row["printed_error"],
        row["printed_freedom"],
        runs,
    )


def _key(cell):
    return cell.place, cell.method


def _at(cell):
    """A cell's place as text, such as "layers = 10"."""
    at = cell.place.partition("/")[2] or cell.place.partition(".")[2]
    return at if " = " in at else at.replace("=", " = ")


def _unit(cell):
    name = cells.TITLES.get(cell.metric, cell.metric)
    if cell.metric in cells.SHARES:
        return "" if cell.metric == "accuracy" else f", {name}"
    return " (degrees)" if name in _at(cell) else f", {name} (degrees)"
