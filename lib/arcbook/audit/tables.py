"""Verdicts on the other printed tables: leads, spreads, and lists."""

from __future__ import annotations

import numpy as np
import pandas as pd

from arcbook import papers
from arcbook.analysis import chance
from arcbook.audit import numbers
from arcbook.audit.verdicts import (
    CONSISTENT,
    UNCHECKED,
    Finding,
    rule,
)


@rule("table", "arcgrad", "table4")
def cifar10() -> Finding:
    """The lead over the second best, in test images."""
    found = {}
    for column, cells in numbers.wide("arcgrad", "table4").items():
        best, second = cells.sort_values(ascending=False).iloc[:2]
        found[column] = numbers.gap(best, second, numbers.TEST_IMAGES)
    parts = [
        f"{gap.items:.0f} of 10,000 images on {column} (standard error "
        f"{gap.error:.2f} points, lead {gap.points:.2f})"
        for column, gap in found.items()
    ]
    return Finding(
        CONSISTENT,
        "Means of five runs without a ±. The lead of the best over the "
        f"second is {' and '.join(parts)}. The runs are of one test set, so "
        "its error does not fall with their number.",
        found={column: gap.z for column, gap in found.items()},
    )


@rule("table", "angular-learning", "table5")
def fashion() -> Finding:
    """Differences in test images."""
    cells = numbers.wide("angular-learning", "table5")["Fashion-MNIST"]
    gap = numbers.gap(
        100 - cells["Arc"], 100 - cells["Soft"], numbers.TEST_IMAGES
    )
    return Finding(
        CONSISTENT,
        f"One number a loss. Arc and Soft are {gap.items:.0f} of 10,000 "
        f"images apart, {gap.z:.1f} standard errors.",
        found={"z": gap.z},
    )


@rule("table", "angular-learning", "table6")
def cifar10_of_angular() -> Finding:
    """± of five runs against the error of the test set."""
    cells = papers.table("angular-learning", "table6")
    ours = cells[cells["std"].notna()]
    error = 100 * np.sqrt(
        ours["mean"] / 100 * (1 - ours["mean"] / 100) / numbers.TEST_IMAGES
    )
    plus = ours[ours["benchmark"] == "CIFAR10+"].set_index("method")
    gap = numbers.gap(
        100 - plus.loc["Arc", "mean"],
        100 - plus.loc["ArcFace", "mean"],
        numbers.TEST_IMAGES,
    )
    return Finding(
        CONSISTENT,
        f"The ± of {ours['std'].min():.2f} to {ours['std'].max():.2f} is "
        f"that of five runs; the test set alone has {error.min():.2f} to "
        f"{error.max():.2f}. On CIFAR10+ Arc leads ArcFace by "
        f"{gap.points:.2f} points, {gap.z:.1f} standard errors.",
        found={"z of Arc over ArcFace": gap.z},
    )


@rule("table", "iam", "table1")
def network() -> Finding:
    """A list of layers."""
    return Finding(
        UNCHECKED,
        "A list of layers without strides, activations or a count of "
        "parameters to compare with.",
    )


@rule("table", "iam", "table6")
def megaface() -> Finding:
    """The labels are lost."""
    return Finding(
        UNCHECKED,
        "How many probes were identified is not said, and the text "
        "extraction has lost the names of the rows; they are assigned in "
        "the order of Table 5.",
    )


def settled(name: str) -> tuple[pd.Series, pd.Series]:
    """Accuracies of a column of the MNIST table, and which are no accident."""
    cells = papers.table("mnist-cosine", "table1")[name].astype(float)
    return cells, chance.settled(cells, numbers.TEST_IMAGES)


@rule("table", "mnist-cosine", "table1")
def margins() -> Finding:
    """40 accuracies on 10,000 images: more apart than chance?"""
    kept, lost = [], 0
    for column in ("arcface", "combined"):
        cells, keep = settled(column)
        kept += [*cells[keep]]
        lost += int((~keep).sum())
    test = chance.homogeneity(kept, numbers.TEST_IMAGES)
    ratio = test.chi2 / test.freedom
    found = {"kept": len(kept), "lost": lost, "ratio": ratio, "p": test.p}
    return Finding(
        CONSISTENT,
        f"{lost} of 40 runs have not settled, 1 to 3 points below the "
        f"rest. The variance of the other {len(kept)} is {ratio:.2f} times "
        "what networks of one and the same accuracy have on 10,000 images "
        f"(χ², p = {test.p:.2f}): no setting can be told from another. Cells "
        "were assigned in order where the extraction took the table apart.",
        found=found,
    )
