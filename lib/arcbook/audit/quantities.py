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

PRINT, MEASURED, REDUCED = "print", "measured", "reduced"
PROFILES = {PRINT: "full", MEASURED: "full", REDUCED: "reduced"}


@dataclass(frozen=True)
class Quantity:
    """A number: printed with its standard error, and its runs.

    The metric is a column of `cells.runs`, or "early NAME" or "late NAME" of
    a histogram: the mean angle over the first quarter of training, and at
    its end. Numbers are in percent or degrees, NaN where nothing is printed.
    The runs differ in nothing but the seed.
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
        runs = self.runs
        return bool(runs["measured"].all()) and not runs["stale"].any()

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
        records = self.runs["record"]
        if when == "early":
            return records.map(lambda run: cells.early(run, name))
        if when == "late":
            return records.map(lambda run: cells.course(run, name).iloc[-1])
        values = self.runs[self.metric].astype(float)
        if self.metric in cells.SHARES:  # what diverged has nothing right
            return values.where(~self.runs["diverged"].astype(bool), 0.0)
        return np.degrees(values)

    def run_error(self) -> float:
        """Standard error of the one run's metric by the images looked at.

        Of an angle of class centres, that of the images' own mean angle.
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
        counts = packing.unpack(run["record"]["arrays"][kind])[-1].astype(int)
        degrees = np.arange(len(counts))
        variance = np.cov(degrees, fweights=counts, ddof=0)
        return math.sqrt(variance / counts.sum())


def quantities(
    paper: str, place: str, metric: str | None = None, kind: str = MEASURED
) -> list[Quantity]:
    """What stands at a place: of a table its cells, else runs by column.

    `metric` is one that is read of the same networks instead; then nothing
    is printed. Runs are those of the full profile, or, where `kind` is
    `REDUCED`, of the reduced one.
    """
    profile = PROFILES[kind]
    item, _, at = place.partition("/")
    owner, _, item = item.rpartition(".")
    paper = owner or paper
    stamp = _stamp(paper, item, profile)
    content = _content(paper, item, profile, stamp)
    if isinstance(content, list):
        pairs = [one for one in content if fnmatchcase(one[0]["at"], at)]
    else:
        printed = item in papers.names(paper, "figures")
        facts = papers.facts(paper, item) if printed else {}
        pairs = _of_figure(facts, at, content)
    found = []
    for row, runs in pairs:
        scale = math.degrees(1) if row["unit"] == "radian" else 1.0
        same = metric in (None, row["metric"])
        one = Quantity(
            f"{paper}.{item}/{row['at']}",
            row["method"],
            metric or row["metric"],
            scale * row["printed"] if same else math.nan,
            scale * row["printed_error"],
            row["printed_freedom"],
            runs,
        )
        found.append(one)
    return found


def _of_figure(facts, at, runs):
    """What `cells.pairs` gives of a table: settings such as "layers=10"."""
    if runs.empty:
        return
    for name, value in (one.split("=") for one in at.split(",") if one):
        same = runs[name].astype(str).isin({value, f"{value}.0"})
        runs = runs[same]
    texts = facts.get("cells", {}).get(at, {})
    for method, some in runs.groupby("column", sort=False):
        printed = texts.get(method, math.nan)
        error = stats.share_error(printed, cells.TEST_IMAGES)
        row = {"at": at, "method": method, "metric": "accuracy"}
        row |= {"unit": "percent", "printed": printed}
        yield row | {"printed_error": error, "printed_freedom": math.inf}, some


@lru_cache(maxsize=32)
def _content(paper, item, profile, stamp):
    """Cells with their runs of a table, or the runs behind a figure."""
    if item in papers.names(paper, "tables"):
        return cells.pairs(paper, item, profile)
    return cells.runs(f"{paper}.{item}", profile)


def _stamp(paper, item, profile):
    """Changes when a record of the experiment behind an item does."""
    id = f"{paper}.{item}"
    if id not in experiments.available():
        return ()
    grid = experiments.runs(id, profile)
    owners = {experiments.home(id, run).id for run in grid}
    return tuple(
        (str(file), file.stat().st_mtime_ns)
        for one in sorted(owners)
        for file in results.files(one, profile)
    )
