"""When a larger scale leads and when a smaller one does.

Derived: a sample of ArcGrad, all of whose rivals have one gap
m = θ_j − θ_y, is pulled by s (1 − p). Measured: WC-Intra of several scales
against the step, and what pull is left to each sample at the end.

Symbols: those of `derivations`; `k` is C − 1, the number of rivals, and
`epsilon` a pull that is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import sympy as sp
import torch
from scipy import stats
from scipy.optimize import brentq

from arcbook import derive, geometry, packing
from arcbook.derive import C, m

k, epsilon = sp.symbols("k epsilon", positive=True)
RIGHT = math.pi / 2


def pull() -> sp.Expr:
    """What pulls θ_y down: ∂L/∂θ_y = s (1 − p), all gaps being m."""
    return sp.simplify(-derive.gap_gradient().subs(C, k + 1))


def gap_left() -> sp.Expr:
    """The gap at which the pull has fallen to `epsilon` < s."""
    (gap,) = sp.solve(sp.Eq(pull(), epsilon), m)
    return gap


def turning_share() -> sp.Expr:
    """The share epsilon/s of the pull at which `gap_left` is widest in s.

    With v = f/(1 − f) of the share f the derivative vanishes where
    1 + v = log(k/v), that is v eᵛ = k/e. While more than this share is left,
    the larger scale has the wider gap at an equal pull; once less is left,
    the smaller one.
    """
    v = sp.Symbol("v", positive=True)
    (root,) = sp.solve(v * sp.exp(v) - k / sp.E, v)
    return root / (1 + root)


def time_to() -> sp.Expr:
    """Time in which gradient flow widens the gap from 0 to m."""
    return sp.integrate(sp.expand(1 / pull()), (m, 0, m))


def quickest_product(classes: int) -> float:
    """The product s·m of the scale that reaches a gap m first.

    The zero of eˣ (x − 2) + 2 − (C − 1) x, to which ∂`time_to`/∂s is
    proportional.

    Args:
        classes: C ≥ 2.
    """
    rivals = classes - 1

    def slope(x):
        return math.exp(x) * (x - 2) + 2 - rivals * x

    return brentq(slope, math.log(1 + rivals), 4 + math.log(1 + rivals))


def own_angle_after(time, scale: float, classes: int) -> np.ndarray:
    """θ_y that gradient flow reaches from π/2, in radians.

    The rivals stay at π/2, so that θ_y = π/2 − m, down to 0.

    Args:
        time: t ≥ 0, an array or a number.
        scale: s > 0.
        classes: C ≥ 2.
    """
    gap = derive.gap_after(time, scale, classes)
    return np.maximum(RIGHT - gap, 0)


def own_angle_left(share: float, scale, classes: int) -> np.ndarray:
    """θ_y at which a share of the pull is left, in radians.

    The rivals are at π/2; 0 where more than that share is left even there.

    Args:
        share: (1 − p), between 0 and 1.
        scale: s > 0, an array or a number.
        classes: C ≥ 2.

    Raises:
        ValueError: for a share that is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share = {share}: it is between 0 and 1")
    gap = math.log((classes - 1) * (1 / share - 1)) / np.asarray(scale, float)
    return np.clip(RIGHT - gap, 0, math.pi)


def certainty(scales: Iterable[float], classes: int) -> pd.DataFrame:
    """p and 1 − p at θ_y = 0 with all rivals at π/2, a row a scale.

    Args:
        scales: s > 0, several.
        classes: C ≥ 2.
    """
    s = np.array([*scales], dtype=float)
    odds = (classes - 1) * np.exp(-s * RIGHT)
    return pd.DataFrame(
        {"s": s, "p": 1 / (1 + odds), "left": odds / (1 + odds)}
    )


def course(records: Iterable[Mapping]) -> pd.DataFrame:
    """WC-Intra against the step, one row a look.

    Args:
        records: runs of ArcGrad that differ in nothing but the scale.

    Returns:
        s, step, wc_intra in radians, diverged; sorted by s and step.
    """
    rows = [
        (one["hyperparameters"]["s"], step, angle, one["metrics"]["diverged"])
        for one in records
        for step, angle in zip(
            one["curves"]["looks"].get("step", ()),
            one["curves"]["looks"].get("wc_intra", ()),
            strict=True,
        )
    ]
    table = pd.DataFrame(rows, columns=["s", "step", "wc_intra", "diverged"])
    return table.sort_values(["s", "step"], ignore_index=True)


def ends(records: Iterable[Mapping]) -> pd.Series:
    """WC-Intra of all training images at the end, by scale, in radians.

    Args:
        records: runs of ArcGrad that differ in nothing but the scale.

    Returns:
        NaN for a run that diverged.
    """
    found = {
        one["hyperparameters"]["s"]: one["metrics"].get("wc_intra", math.nan)
        for one in records
    }
    return pd.Series(found, dtype=float).sort_index()


def order(course: pd.DataFrame) -> pd.DataFrame:
    """Which scale is the tighter one, at each step that all scales have.

    Args:
        course: as from `course`; runs that diverged are left out.

    Returns:
        step and tau, Kendall's rank correlation of s and WC-Intra: 1 where
        every larger s has the wider angle, −1 where it has the tighter one.
        Empty for fewer than three scales.
    """
    whole = course[course["diverged"].eq(False) & course["step"].gt(0)]
    wide = whole.pivot(index="step", columns="s", values="wc_intra").dropna()
    if wide.shape[1] < 3:
        return pd.DataFrame({"step": [], "tau": []})
    tau = [
        stats.kendalltau(wide.columns, row).statistic for row in wide.values
    ]
    return pd.DataFrame({"step": wide.index, "tau": tau})


def settled(order: pd.DataFrame) -> int | None:
    """The step from which on a smaller s is the tighter one at every look.

    Args:
        order: as from `order`, by `tau` > 0.

    Returns:
        None if it is not so at the last look.
    """
    other = order.index[~order["tau"].gt(0)]
    after = order if other.empty else order.loc[other[-1] + 1 :]
    return None if after.empty else int(after["step"].iloc[0])


def sample_angle(record: Mapping) -> float:
    """Mean angle of training images to their class vector, in radians.

    From the record's last histogram; NaN for a run that diverged.
    """
    if "intra_train" not in record["arrays"]:
        return math.nan
    counts = packing.unpack(record["arrays"]["intra_train"])[-1]
    degrees = np.arange(len(counts)) + 0.5
    return math.radians(np.average(degrees, weights=counts))


def pulls(record: Mapping) -> pd.DataFrame:
    """What is left of the pull on each image whose features are kept.

    Args:
        record: of a run of ArcGrad with kept features.

    Returns:
        own, the angle to the own class vector; gap, to the nearest other
        one less own, both in radians; left, 1 − p; right, whether the gap
        is positive.
    """
    kept = {
        name: torch.from_numpy(packing.unpack(record["arrays"][name]))
        for name in ("features", "feature_labels", "class_vectors")
    }
    theta = geometry.angles(
        geometry.unit(kept["features"])[0],
        geometry.unit(kept["class_vectors"])[0],
    )
    labels = kept["feature_labels"].long()
    p = torch.softmax(-record["hyperparameters"]["s"] * theta, 1)
    at = torch.arange(len(labels))
    own = theta[at, labels].clone()
    theta[at, labels] = torch.inf
    gap = theta.min(1).values - own
    return pd.DataFrame(
        {
            "own": own.numpy(),
            "gap": gap.numpy(),
            "left": 1 - p[at, labels].numpy(),
            "right": (gap > 0).numpy(),
        }
    )
