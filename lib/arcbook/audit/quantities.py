"""The numbers that claims compare: cells of tables, and runs of figures.

A place is "table4/CIFAR10+", "fig2/layers=10" or, of another paper,
"angular-learning.table4/10"; it may hold wildcards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

import numpy as np
import pandas as pd

from arcbook import cells, experiments, packing, papers, results, stats

PRINT, MEASURED = "print", "measured"


@dataclass(frozen=True)
class Quantity:
    """A number: printed with its standard error, and its runs.

    Attributes:
        place, method: such as "arcgrad.table4/CIFAR10+" and "ArcGrad".
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
    def at(self) -> str:
        """Its place there as text, such as "layers = 10"."""
        at = self.place.partition("/")[2] or self.place.partition(".")[2]
        return at if " = " in at else at.replace("=", " = ")

    @property
    def unit(self) -> str:
        """What it is, where that is not an accuracy in percent."""
        name = cells.TITLES.get(self.metric, self.metric)
        if self.metric in cells.SHARES:
            return "" if self.metric == "accuracy" else f", {name}"
        return " (degrees)" if name in self.at else f", {name} (degrees)"

    @property
    def known(self) -> bool:
        """Whether every run is measured, by the code and data of today."""
        if not self.runs["measured"].all():
            return False
        return not self.runs["stale"].any()

    def mean(self, kind: str) -> float | None:
        """As printed, or over runs; None where it is missing."""
        if kind == PRINT:
            return None if math.isnan(self.printed) else self.printed
        if self.runs.empty or not self.known:
            return None
        return float(self.values().mean())

    def values(self) -> pd.Series:
        """The metric of each run, in percent or degrees."""
        when, _, name = self.metric.rpartition(" ")
        if when == "early":
            return self.runs["record"].map(lambda run: cells.early(run, name))
        if when == "late":
            return self.runs["record"].map(
                lambda run: float(cells.course(run, name).iloc[-1])
            )
        values = self.runs[self.metric].astype(float)
        if self.metric in cells.SHARES:  # what diverged has nothing right
            return values.where(~self.runs["diverged"].astype(bool), 0.0)
        return np.degrees(values)

    def run_error(self) -> float:
        """Standard error of the one run's metric by the images looked at.

        Of an angle of class centres, that of the mean of the images' own
        angles.
        """
        (run,) = self.runs.to_dict("records")
        if run["diverged"]:
            return 0.0
        if self.metric in cells.SHARES:
            images = run[cells.SHARES[self.metric][1]]
            return stats.share_error(self.values().iloc[0], int(images))
        when, _, kind = self.metric.rpartition(" ")
        if when == "early":
            return math.nan
        if not when:
            test = self.metric.startswith("test_")
            kind = "intra_test" if test else "intra_train"
        counts = packing.unpack(run["record"]["arrays"][kind])[-1]
        counts = counts.astype(float)
        degrees = np.arange(len(counts)) + 0.5
        mean = np.average(degrees, weights=counts)
        spread = np.average((degrees - mean) ** 2, weights=counts)
        return float(math.sqrt(spread / counts.sum()))


def quantities(
    paper: str, place: str, metric: str | None = None
) -> list[Quantity]:
    """What stands at a place: of a table its cells, else runs by column.

    `metric` is one that is read of the same networks instead; then nothing
    is printed.
    """
    item, _, at = place.partition("/")
    owner, _, item = item.rpartition(".")
    paper = owner or paper
    content = _content(paper, item, _stamp(paper, item))
    if isinstance(content, list):
        return [
            _quantity(f"{paper}.{item}/{row['at']}", row, runs, metric)
            for row, runs in content
            if fnmatchcase(row["at"], at)
        ]
    for name, value in (one.split("=") for one in at.split(",") if one):
        same = content[name].astype(str).isin({value, f"{value}.0"})
        content = content[same]
    texts = papers.facts(paper, item).get("cells", {}).get(at, {})
    found = []
    for method, runs in content.groupby("column", sort=False):
        value = texts.get(method, math.nan)
        row = {"method": method, "metric": "accuracy", "unit": "percent"}
        row |= {"printed": value, "printed_freedom": math.inf}
        row["printed_error"] = stats.share_error(value, cells.TEST_IMAGES)
        found.append(_quantity(f"{paper}.{item}/{at}", row, runs, metric))
    return found


def _quantity(place, row, runs, metric):
    scale = math.degrees(1) if row["unit"] == "radian" else 1.0
    same = metric in (None, row["metric"])
    return Quantity(
        place,
        row["method"],
        metric or row["metric"],
        scale * row["printed"] if same else math.nan,
        scale * row["printed_error"],
        row["printed_freedom"],
        runs,
    )


@lru_cache(maxsize=32)
def _content(paper, item, stamp):
    """Cells with their runs of a table, or the runs behind a figure."""
    if item in papers.names(paper, "tables"):
        return cells.pairs(paper, item)
    return cells.runs(f"{paper}.{item}")


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
