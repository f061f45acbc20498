"""What printed numbers can be held against: arithmetic and sampling error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from arcbook import papers

TEST_IMAGES = 10_000


def half_unit(text: str) -> float:
    """Half of the last printed digit."""
    _, _, decimals = text.partition("±")[0].strip().partition(".")
    return 0.5 * 10.0 ** -len(decimals)


def is_share(text: str, trials: int) -> bool:
    """Whether a printed percentage can be k out of n.

    Args:
        text: as printed, such as "99.033".
        trials: n.

    Returns:
        True if some whole k has 100 k/n within half of the last digit.
    """
    value = float(text.partition("±")[0])
    nearest = 100 * round(value * trials / 100) / trials
    return abs(nearest - value) <= half_unit(text) * (1 + 1e-9)


def not_shares(paper: str, name: str, trials: dict[str, int]) -> pd.DataFrame:
    """Cells that cannot be whole counts out of n.

    Args:
        paper, name: of a table, as `papers.texts` takes them.
        trials: n, by column or else by row.

    Returns:
        A row a cell: row, column, printed, trials, and the two shares
        nearest to it, below and above.
    """
    found = []
    for row, cells in papers.texts(paper, name).iterrows():
        for column, text in cells.items():
            n = trials.get(column, trials.get(row))
            if n and text != "-" and not is_share(text, n):
                value = float(text.partition("±")[0])
                below = math.floor(value * n / 100) * 100 / n
                above = below + 100 / n
                found.append((row, column, text, n, below, above))
    columns = ["row", "column", "printed", "trials", "below", "above"]
    return pd.DataFrame(found, columns=columns)


@dataclass(frozen=True)
class Gap:
    """A difference of two printed accuracies on the same test set.

    Attributes:
        points: the difference in percentage points.
        items: the same in test images or pairs.
        error: its standard error by the binomial, the two taken as
            independent.
        least_error: the same if one is right wherever the other is: the
            least that two accuracies can have.
        z: points over error.
    """

    points: float
    items: float
    error: float
    least_error: float
    z: float


def gap(first: float, second: float, trials: int) -> Gap:
    """Compare two accuracies in percent on n images or pairs."""
    p, q = first / 100, second / 100
    error = 100 * math.sqrt((p * (1 - p) + q * (1 - q)) / trials)
    apart = abs(p - q)
    least = 100 * math.sqrt(max(apart - apart**2, 0) / trials)
    points = first - second
    items = points * trials / 100
    return Gap(points, items, error, least, points / error)


def expected_spread(accuracy: float, trials: int, runs: int) -> float:
    """How far the best of equal runs lies above their mean, in points.

    Args:
        accuracy: that all have, in percent.
        trials: test images.
        runs: how many are compared.
    """
    p = accuracy / 100
    error = 100 * math.sqrt(p * (1 - p) / trials)
    grid = np.linspace(-9, 9, 20001)
    density = runs * stats.norm.pdf(grid) * stats.norm.cdf(grid) ** (runs - 1)
    return float(error * np.trapezoid(grid * density, grid))


def wide(paper: str, name: str) -> pd.DataFrame:
    """Means of a printed table, rows down and columns across."""
    cells = papers.table(paper, name)
    rows, columns = cells.columns[:2]
    order = cells[rows].unique(), cells[columns].unique()
    table = cells.pivot(index=rows, columns=columns, values="mean")
    return table.reindex(index=order[0], columns=order[1])
