"""Is a table of accuracies evidence? What its cells can and can't tell.

`tables.beside` gives the cells; here they are summed up, held against
chance, and compared in pairs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from arcbook import datasets, papers, statistics
from arcbook.analysis import tables

SPLITS = 10
LEAST = 3


def two_class() -> list[str]:
    """The tables with two classes."""
    names = datasets.available("table")
    return [name for name in names if datasets.card(name).classes == 2]


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """Averages and wins: as printed, from the cells, and as measured.

    Args:
        cells: as from `tables.beside`.

    Returns:
        A row for each way to sum up, the methods across. Ties count for
        each method; data sets that are not measured for every method are
        left out of the measured rows.
    """
    published, measured = tables.wide(cells), tables.wide(cells, "measured")
    printed = papers.summary("arcgrad", "table1").T
    apart = published.index.difference(two_class(), sort=False)
    rows = {}
    for line, count in (("Average", _average), ("Wins", tables.wins)):
        rows[f"{line}, printed"] = printed.loc[line]
        rows[f"{line}, from printed cells"] = count(published)
        rows[f"{line}, measured"] = count(measured.dropna())
        rows[f"{line}, printed cells, C > 2"] = count(published.loc[apart])
        rows[f"{line}, measured, C > 2"] = count(measured.loc[apart].dropna())
    return pd.DataFrame(rows).T[published.columns]


def chance(accuracy, rows, splits: int = SPLITS):
    """Spread of a fold's accuracy that chance alone gives.

    Which of the rows a network gets wrong is taken as given; which of them
    a random test fold holds is chance (the hypergeometric distribution).

    Args:
        accuracy: in percent.
        rows: of the data set.
        splits: folds of a run.

    Returns:
        A standard deviation in percentage points.
    """
    share, size = np.asarray(accuracy) / 100, rows / splits
    left = (rows - size) / (rows - 1)
    return 100 * np.sqrt(share * (1 - share) / size * left)


def spread(cells: pd.DataFrame) -> pd.DataFrame:
    """The ± of each cell beside what chance alone gives.

    Returns:
        dataset, method, chance, std, measured_chance, measured_std; AdaCos
        on two classes, which answers by a coin, is left out.
    """
    coin = (cells["method"] == "AdaCos") & cells["dataset"].isin(two_class())
    kept = cells[~coin]
    rows = kept["dataset"].map(lambda name: datasets.card(name).instances)
    return pd.DataFrame(
        {
            "dataset": kept["dataset"],
            "method": kept["method"],
            "chance": chance(kept["mean"], rows),
            "std": kept["std"],
            "measured_chance": chance(kept["measured"], rows),
            "measured_std": kept["measured_std"],
        }
    )


def coins(cells: pd.DataFrame) -> pd.DataFrame:
    """AdaCos on two classes beside a network that answers by one coin.

    Such a network gives all rows one class, either with chance 1/2. Its
    mean accuracy is 50 percent, and the variance is that of the coin plus
    that of the test fold.

    Returns:
        A row for each data set with two classes: the coin's spread in
        percentage points, what is published, what is measured, and how many
        of the measured networks give all rows one class.
    """
    rows = []
    chosen = cells[cells["method"] == "AdaCos"].set_index("dataset")
    for name in two_class():
        card, cell = datasets.card(name), chosen.loc[name]
        share = 100 * card.class_counts[0] / card.instances
        toss = abs(share - 50)
        rows.append(
            {
                "dataset": name,
                "coin": 50.0,
                "coin_std": np.hypot(toss, chance(share, card.instances)),
                **cell[["mean", "std", "measured", "measured_std"]],
                "constant": cell["constant"],
                "networks": cell["networks"],
            }
        )
    return pd.DataFrame(rows)


def against(means: pd.DataFrame, candidate: str) -> pd.DataFrame:
    """Wilcoxon's test of one method against each other one.

    Args:
        means: data sets × methods.
        candidate: one of the methods.

    Returns:
        A row for each other method: "other", the median "difference" of
        candidate − other in percentage points, "better", on how many data
        sets the candidate is better, "p" and "p_holm", corrected for these
        comparisons alone.
    """
    others = [name for name in means.columns if name != candidate]
    rows = []
    for other in others:
        pair = means[[candidate, other]].dropna()
        test = statistics.wilcoxon(pair).iloc[0]
        gap = pair[candidate] - pair[other]
        rows.append((other, test["difference"], (gap > 0).sum(), test["p"]))
    columns = ["other", "difference", "better", "p"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=statistics.holm(table["p"]))


def within(
    cells: pd.DataFrame, records, candidate: str, baseline: str
) -> pd.DataFrame:
    """Two methods compared inside each data set, fold by fold.

    Args:
        cells, records: as from `tables.beside` and `experiments.records`.
        candidate, baseline: methods.

    Returns:
        A row for each data set: "published" difference of the means; the
        measured "difference", its 95% interval "low", "high", "p", and
        "p_holm" over the data sets; NaN where nothing is measured.

    Raises:
        ValueError: when both are the same column.
    """
    if candidate == baseline:
        raise ValueError(
            f"candidate and baseline are both {candidate}: a column does "
            "not differ from itself; choose two"
        )
    published = tables.wide(cells)
    rows = []
    for name in published.index:
        gap = published.loc[name, candidate] - published.loc[name, baseline]
        row = {"dataset": name, "published": gap}
        pair = [tables.folds(name, x, records) for x in (candidate, baseline)]
        if all(one is not None for one in pair):
            found = statistics.corrected_t_test(*pair, splits=SPLITS)
            row |= {
                "difference": found.mean,
                "low": found.low,
                "high": found.high,
                "p": found.p,
            }
        rows.append(row)
    columns = ["dataset", "published", "difference", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=columns)
    known = table["p"].notna()
    table.loc[known, "p_holm"] = statistics.holm(table.loc[known, "p"])
    return table


def friedman(cells: pd.DataFrame) -> pd.DataFrame:
    """Friedman's test on three cuts of the table, published and measured.

    Returns:
        A row a cut: "losses" and "data sets", their numbers; "published"
        and "measured", the p of the test, NaN where fewer than 3 data sets
        are measured; the index says what is left out.
    """
    published, measured = tables.wide(cells), tables.wide(cells, "measured")
    apart = published.index.difference(two_class(), sort=False)
    cuts = {
        "all": published.columns,
        "without AdaCos": published.columns.drop("AdaCos"),
        "without two-class sets": published.columns,
    }
    rows = {}
    for cut, columns in cuts.items():
        kept = apart if "sets" in cut else published.index
        found = measured.loc[kept, columns].dropna()
        rows[cut] = {
            "losses": len(columns),
            "data sets": len(kept),
            "published": statistics.friedman(published.loc[kept, columns]),
            "measured": statistics.friedman(found)
            if len(found) >= LEAST
            else np.nan,
        }
    return pd.DataFrame(rows).T.astype({"losses": int, "data sets": int})


def apart(cells: pd.DataFrame, points: float = 5.0) -> pd.DataFrame:
    """Cells whose published and measured means are far from each other.

    Args:
        cells: as from `tables.beside`.
        points: how far, in percentage points.

    Returns:
        Those cells, the furthest first, with "gap" = measured − published.
    """
    gap = cells["measured"] - cells["mean"]
    far = cells.assign(gap=gap)[gap.abs() > points]
    return far.sort_values("gap", key=abs, ascending=False)


def reach(std, networks: int = 100, splits: int = SPLITS):
    """Half of the 95% interval of a mean over folds, overlap allowed for.

    Args:
        std: of the folds, or of their paired differences.
        networks: folds of all runs.
        splits: folds of a run.
    """
    factor = np.sqrt(1 / networks + 1 / (splits - 1))
    return stats.t.ppf(0.975, networks - 1) * factor * std


def _average(means):
    return means.mean().round(2)
