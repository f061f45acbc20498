"""How far one loss is ahead of others, and how far it must be to show.

Accuracies in percent, leads in percentage points; an error rate is turned
into an accuracy first, so that a lead is positive where the loss is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from scipy import optimize, stats

from arcbook import experiments, papers
from arcbook.analysis import chance, measured

SEEDS = 5
OURS = {"arcgrad": "ArcGrad", "angular-learning": "Arc"}
TABLES = {
    "over epochs": {"arcgrad": "table7", "angular-learning": "table4"},
    "CIFAR-10": {"arcgrad": "table4", "angular-learning": "table6"},
    "CIFAR-100": {"arcgrad": "table5", "angular-learning": "table7"},
}
POWER = 0.8


def accuracies(
    paper: str,
    name: str,
    profile: str = "full",
    records: Sequence[Mapping] | None = None,
) -> pd.DataFrame:
    """`measured.beside` with error rates turned into accuracies."""
    cells = measured.beside(paper, name, profile, records)
    if papers.facts(paper, name)["unit"] == "percent wrong":
        low, high = 100 - cells["high"], 100 - cells["low"]
        cells = cells.assign(
            published=100 - cells["published"],
            measured=100 - cells["measured"],
            low=low,
            high=high,
        )
    return cells


def in_both_papers(kind: str, profile: str = "full") -> dict:
    """`accuracies` of the two papers' tables of a kind (see `TABLES`)."""
    return {
        paper: accuracies(paper, name, profile)
        for paper, name in TABLES[kind].items()
    }


def ahead_in_both(kind: str, profile: str = "full") -> dict:
    """`beside` of the two papers' tables of a kind, ArcGrad's lead."""
    return {
        paper: beside(paper, name, OURS[paper], profile)
        for paper, name in TABLES[kind].items()
    }


def beside(
    paper: str,
    name: str,
    ours: str,
    profile: str = "full",
    records: Sequence[Mapping] | None = None,
) -> pd.DataFrame:
    """The lead of a column over each other one, printed and measured.

    Args:
        paper, name: of a table of accuracies or errors, as
            `measured.beside` takes them.
        ours: the column that leads, or not.
        profile: "quick" or "full".
        records: of the experiment; by default those that there are.

    Returns:
        A row for each rival and place: place (the benchmark, or the number
        of epochs), rival; published, published_low, published_high (Welch's
        95% interval of two means of five runs; NaN where no ± is printed);
        measured, low, high, seeds, as in `of_runs`.
    """
    cells = accuracies(paper, name, profile, records)
    cells = cells[cells["expected"] > 0]
    by = "epochs" if "epochs" in cells else "benchmark"
    runs = measured.frame(f"{paper}.{name}", profile, records)
    rows = []
    for place, part in cells.groupby(by, sort=False):
        part = part.set_index("method")
        metric = measured.PRINTED_METRICS.get(place, "accuracy")
        same = runs
        if by == "epochs":
            same = runs[runs["epochs"] == int(place)]
        elif place not in measured.PRINTED_METRICS:
            same = runs[runs["benchmark"] == place]
        for rival in part.index.drop(ours):
            found = of_runs(same, ours, rival, metric)
            printed = _printed(part.loc[ours], part.loc[rival])
            rows.append({"place": place, "rival": rival} | printed | found)
    return pd.DataFrame(rows)


def _printed(ours, rival):
    low = high = math.nan
    lead = float(ours["published"] - rival["published"])
    if not math.isnan(ours["published_std"]):
        a, b = ours["published_std"] ** 2, rival["published_std"] ** 2
        freedom = (SEEDS - 1) * (a + b) ** 2 / (a**2 + b**2)
        half = stats.t.ppf(0.975, freedom) * math.sqrt((a + b) / SEEDS)
        low, high = lead - half, lead + half
    return {"published": lead, "published_low": low, "published_high": high}


def of_runs(
    runs: pd.DataFrame, ours: str, rival: str, metric: str = "accuracy"
) -> dict:
    """A measured lead: the mean of differences paired by seed.

    Args:
        runs: from `measured.frame`, of one place.
        ours, rival: columns.
        metric: "accuracy" or "top5".

    Returns:
        measured, low, high (95%), seeds: of how many pairs. Several pairs
        have Student's interval, which speaks of other seeds on the same
        test images. One has the binomial's of both, as if the two networks
        erred on unrelated images. NaN where a run is missing or diverged.
    """
    sides = [
        runs[runs["column"] == name].set_index("seed")[metric]
        for name in (ours, rival)
    ]
    gaps = (sides[0] - sides[1]).dropna()
    lead, half = gaps.mean(), math.nan
    if len(gaps) > 1:
        half = gaps.std() / math.sqrt(len(gaps))
        half *= stats.t.ppf(0.975, len(gaps) - 1)
    elif len(gaps):
        images = int(runs["test_images"].max())
        at = [side[gaps.index[0]] for side in sides]
        errors = [chance.standard_error(one, images) for one in at]
        half = stats.norm.ppf(0.975) * math.hypot(*errors)
    return {
        "measured": lead,
        "low": lead - half,
        "high": lead + half,
        "seeds": len(gaps),
    }


def reach(std: float, seeds: int) -> float:
    """Half of the 95% interval of a difference of two means, in points.

    Args:
        std: between seeds, the same for both losses.
        seeds: of each.
    """
    critical = stats.t.ppf(0.975, 2 * seeds - 2)
    return float(critical * std * math.sqrt(2 / seeds))


def detectable(std: float, seeds: int, power: float = POWER) -> float:
    """The least true difference that a t test finds with some chance.

    Args:
        std: between seeds, the same for both losses, in points.
        seeds: of each, 2 or more.
        power: the chance, above the 5% of a false alarm.

    Returns:
        Points.

    Raises:
        ValueError: for fewer than two seeds, or a power that is no chance.
    """
    if seeds < 2 or not 0.05 < power < 1:
        raise ValueError(
            f"seeds = {seeds}, power = {power}: at least 2 seeds, and a "
            "power between 0.05 and 1"
        )
    freedom = 2 * seeds - 2
    critical = stats.f.ppf(0.95, 1, freedom)  # t² is F

    def excess(shift):
        return stats.ncf.sf(critical, 1, freedom, shift**2) - power

    shift = optimize.brentq(excess, 0.01, 4 * math.sqrt(critical))
    return float(shift * std * math.sqrt(2 / seeds))


def shown_by(stds: pd.Series, seeds: int = SEEDS) -> pd.DataFrame:
    """`reach` and `detectable` for each standard deviation printed."""
    rows = [
        (std, reach(std, seeds), detectable(std, seeds))
        for std in sorted(set(stds.dropna()))
    ]
    heads = ["± between seeds", "interval, ±", "found 4 times of 5"]
    return pd.DataFrame(rows, columns=heads)


def over_epochs(rival: str = "Soft", profile: str = "full") -> pd.DataFrame:
    """The lead on CIFAR10+ against the number of epochs, in both papers.

    Returns:
        Of `beside` for the tables over epochs and those of five seeds:
        paper, item, epochs, seeds planned, published, measured and their
        intervals, one row each.
    """
    rows = []
    for several, kind in ((False, "over epochs"), (True, "CIFAR-10")):
        for paper, name in TABLES[kind].items():
            cells = beside(paper, name, OURS[paper], profile)
            cells = cells[cells["rival"] == rival]
            if several:
                cells = cells[cells["place"] == "CIFAR10+"]
                run = experiments.runs(f"{paper}.{name}", "full")[0]
                cells = cells.assign(place=run["epochs"])
            epochs = cells["place"].astype(int)
            rows.append(
                cells.assign(
                    paper=paper,
                    item=name,
                    epochs=epochs,
                    several=several,
                )
            )
    return pd.concat(rows, ignore_index=True)
