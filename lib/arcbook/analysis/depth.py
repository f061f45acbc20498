"""Accuracy against the number of layers, from records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd
from scipy import stats

from arcbook.experiments import uci


def curve(records: Iterable[Mapping]) -> pd.DataFrame:
    """Accuracy against the number of layers, from records.

    Args:
        records: of `arcgrad.fig2`, one profile.

    Returns:
        A row a record: column, layers, mean accuracy in percent; low and
        high, the 95% interval of that mean over runs (over folds where
        there is one run); constant, the share in percent of networks that
        give all rows one class; stale.
    """
    rows = []
    for one in records:
        folds = uci.accuracies(one)
        parts = folds.reshape(one["runs"], -1).mean(axis=1)
        parts = parts if len(parts) > 1 else folds
        error = parts.std(ddof=1) / math.sqrt(len(parts))
        half = stats.t.ppf(0.975, len(parts) - 1) * error
        rows.append(
            {
                "column": one["column"],
                "layers": one["layers"],
                "mean": folds.mean(),
                "low": folds.mean() - half,
                "high": folds.mean() + half,
                "constant": 100 * one["metrics"]["constant"] / len(folds),
                "stale": one["stale"],
            }
        )
    columns = ["column", "layers", "mean", "low", "high", "constant", "stale"]
    course = pd.DataFrame(rows, columns=columns)
    course = course.astype(dict.fromkeys(columns[1:-1], float))
    return course.sort_values(["column", "layers"])
