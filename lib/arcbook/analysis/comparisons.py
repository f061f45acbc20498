"""Losses compared in pairs over data sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from arcbook import datasets, statistics

SPLITS = 10


def two_class() -> list[str]:
    """The tables with two classes."""
    names = datasets.available("table")
    return [name for name in names if datasets.card(name).classes == 2]


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


def reach(std, networks: int = 100, splits: int = SPLITS):
    """Half of the 95% interval of a mean over folds, overlap allowed for.

    Args:
        std: of the folds, or of their paired differences.
        networks: folds of all runs.
        splits: folds of a run.
    """
    factor = np.sqrt(1 / networks + 1 / (splits - 1))
    return stats.t.ppf(0.975, networks - 1) * factor * std
