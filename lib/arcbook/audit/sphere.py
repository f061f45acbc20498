"""What vectors on a sphere allow, against the angles that papers print."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import torch

from arcbook import geometry, papers
from arcbook.geometry import largest_mean_angle, simplex_angle

BEYOND = "beyond what any vectors have"
ABOVE = "above the simplex, below the bound of the mean"
AT = "at the simplex, to the printed digits"
UNDER = "under the simplex"
TABLES = (
    ("arcgrad", "table6"),
    ("angular-learning", "table2"),
    ("angular-learning", "table3"),
)
METRICS = ("W-Inter", "C-Inter", "WC-Intra")


def half_unit(text: str) -> float:
    """Half of the last printed digit."""
    _, _, decimals = text.partition("±")[0].strip().partition(".")
    return 0.5 * 10.0 ** -len(decimals)


def printed_angles() -> pd.DataFrame:
    """Every printed angle statistic, a row a loss of a table, in radians."""
    parts = []
    for paper, name in TABLES:
        texts = papers.texts(paper, name)
        texts = texts if "W-Inter" in texts else texts.T
        part = texts[[*METRICS]].astype(float).rename_axis("method")
        part["half"] = texts["W-Inter"].map(half_unit)
        part["classes"] = papers.facts(paper, name)["classes"]
        parts.append(part.assign(paper=paper, table=name).reset_index())
    first = ["paper", "table", "classes", "method"]
    return pd.concat(parts, ignore_index=True)[[*first, *METRICS, "half"]]


def against_bounds() -> pd.DataFrame:
    """Each printed W-Inter and C-Inter beside the bounds, in radians."""
    rows = printed_angles().rename(columns={"classes": "C"})
    rows = rows.melt(
        id_vars=["paper", "table", "C", "method", "half"],
        value_vars=METRICS[:2],
        var_name="metric",
        value_name="printed",
        ignore_index=False,
    ).sort_index(kind="stable", ignore_index=True)
    half = rows.pop("half")
    low, high = rows["printed"] - half, rows["printed"] + half
    simplex = rows["C"].map(simplex_angle)
    largest = rows["C"].map(largest_mean_angle)
    place = [low > largest, low > simplex, high >= simplex]
    return rows.assign(
        simplex=simplex,
        largest=largest,
        place=np.select(place, [BEYOND, ABOVE, AT], UNDER),
    )


def triangle() -> pd.DataFrame:
    """|C-Inter − W-Inter| against 2·WC-Intra, which it can't exceed.

    ∠(c_i, c_j) differs from ∠(w_i, w_j) by at most ∠(c_i, w_i) + ∠(c_j, w_j),
    and each class stands in 2/C of the pairs.
    """
    table = printed_angles()
    apart = (table["C-Inter"] - table["W-Inter"]).abs()
    most = 2 * table["WC-Intra"] + 4 * table["half"]
    return table.assign(apart=apart, most=most, holds=apart <= most)


def most_classes(mean_angle: float) -> int:
    """The most vectors whose mean angle can be so large."""
    classes = 2
    while largest_mean_angle(classes + 1) >= mean_angle:
        classes += 1
    return classes


def mean_angle(vectors) -> float:
    """Mean angle over the pairs of vectors (C, d), in radians."""
    return float(_pairs(torch.as_tensor(vectors)).mean())


def smallest_angle(vectors) -> float:
    """Smallest angle among vectors (C, d), in radians."""
    return float(_pairs(torch.as_tensor(vectors)).min())


def _pairs(vectors):
    unit, _ = geometry.unit(vectors)
    first, second = torch.triu_indices(len(unit), len(unit), 1)
    return geometry.angle(unit[first], unit[second])


def spread_out(
    classes: int, dim: int, *, goal: str, seed: int = 0, steps: int = 600
) -> np.ndarray:
    """Unit vectors (C, d) that optimisation has spread as far as it can."""
    draw = torch.Generator().manual_seed(seed)
    vectors = torch.randn(
        classes, dim, generator=draw, dtype=torch.float64
    ).requires_grad_()
    optimiser = torch.optim.Adam([vectors], lr=0.05)
    for step in range(steps):
        left = 1 - step / steps
        optimiser.param_groups[0]["lr"] = 0.05 * left + 1e-5
        angles = _pairs(vectors)
        if goal == "mean":
            loss = -angles.mean()
        else:
            hardness = 4 * 250 ** (1 - left)
            loss = torch.logsumexp(-hardness * angles, 0) / hardness
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return torch.nn.functional.normalize(vectors.detach(), dim=-1).numpy()


def bounds_by_search(classes, dims, seeds=3) -> pd.DataFrame:
    """The bounds beside what optimisation reaches, in radians."""
    goals = {"mean": mean_angle, "minimum": smallest_angle}
    rows = []
    for number, dim in itertools.product(classes, dims):
        mean, minimum = (
            max(
                measure(spread_out(number, dim, goal=goal, seed=seed))
                for seed in range(seeds)
            )
            for goal, measure in goals.items()
        )
        most = largest_mean_angle(number), simplex_angle(number)
        rows.append((number, dim, mean, most[0], minimum, most[1]))
    columns = ["C", "d", "mean reached", "largest mean"]
    columns += ["minimum reached", "simplex"]
    return pd.DataFrame(rows, columns=columns)


def simplex(classes: int) -> np.ndarray:
    """C vectors that all stand equally far apart, (C, C)."""
    return np.eye(classes) - 1 / classes


def nudged_simplex(classes: int, size: float, seed: int = 0) -> np.ndarray:
    """Unit vectors (C, C) near the simplex's corners whose sum is zero.

    While no cosine is positive, Jensen's inequality puts their mean angle
    above the simplex's.
    """
    draw = np.random.default_rng(seed)
    vectors = simplex(classes) + size * draw.normal(size=(classes, classes))
    for _ in range(200):
        vectors = vectors - vectors.mean(0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def slope_off_simplex(classes: int) -> float:
    """Second derivative of arccos at the simplex's cosine: positive.

    Where it is, spreading the cosines around their mean raises the mean
    angle: the simplex is no maximum of W-Inter.
    """
    x = -1 / (classes - 1)
    return -x / (1 - x**2) ** 1.5


def spread_for(excess: float, classes: int) -> float:
    """Standard deviation of cosines that lifts their mean angle so much.

    Above the simplex's, to second order.
    """
    return math.sqrt(2 * excess / slope_off_simplex(classes))
