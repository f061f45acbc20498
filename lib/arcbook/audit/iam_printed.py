"""The IAM paper's claims on digits and faces, by its own tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from arcbook import papers
from arcbook.audit import numbers
from arcbook.audit.numbers import TEST_IMAGES, wide
from arcbook.audit.printed import SURE, face_gap, printed
from arcbook.audit.verdicts import (
    Finding,
    rule,
)


@rule("claim", "iam", "mnist-confirms")
def mnist() -> Finding:
    """Two gains on 10,000 digits."""
    cells = wide("iam", "table2")["MNIST"]
    gains = [
        numbers.gap(cells.iloc[k + 1], cells.iloc[k], TEST_IMAGES)
        for k in (0, 2)
    ]
    return printed(
        all(gain.points > 0 for gain in gains),
        "Gains of "
        + " and ".join(
            f"{gain.items:.0f} images ({gain.z:.1f} standard errors)"
            for gain in gains
        )
        + " if all 10,000 test images were used; one run each. Together "
        f"{pooled(gains):.1f} standard errors.",
        sure=pooled(gains) > SURE,
        z=pooled(gains),
    )


@rule("claim", "iam", "eq3-greatly")
def greatly() -> Finding:
    """98.567 to 99.117 on 6,000 pairs."""
    gap = face_gap("table3", "0.8", "0", "LFW")
    return printed(
        gap.points > 0,
        f"{gap.items:.0f} of 6,000 pairs, {gap.z:.1f} standard errors; β is "
        "the best of eleven on the same pairs.",
        sure=gap.z > SURE,
        z=gap.z,
    )


@rule("claim", "iam", "even-better")
def even_better() -> Finding:
    """99.117 against 99.067 on 6,000 pairs."""
    ours = wide("iam", "table3").loc["0.8", "LFW"]
    gap = numbers.gap(ours, wide("iam", "table4").loc["0", "LFW"], 6000)
    return printed(
        gap.points > 0,
        f"{gap.items:.0f} of 6,000 pairs, {gap.z:.1f} standard errors.",
        sure=gap.z > SURE,
        items=gap.items,
        z=gap.z,
    )


def beta_2(table: str) -> list[numbers.Gap]:
    """β = 2 minus β = 0 on the three sets."""
    columns = ("LFW", "YTF", "CFP")
    return [face_gap(table, "2", "0", column) for column in columns]


def pooled(gaps: list[numbers.Gap]) -> float:
    """Standard errors of the sum of independent differences."""
    return sum(gap.points for gap in gaps) / np.hypot.reduce(
        [gap.error for gap in gaps]
    )


def in_words(gaps):
    """Differences in points with their standard errors."""
    return ", ".join(f"{g.points:+.2f} ({g.z:+.1f} SE)" for g in gaps)


@rule("claim", "iam", "beta-2-better")
def better_at_2() -> Finding:
    """Three sets of Table 3."""
    gaps = beta_2("table3")
    return printed(
        min(gap.points for gap in gaps) > 0,
        f"{in_words(gaps)} on LFW, YTF and CFP, together "
        f"{pooled(gaps):.1f} SE. It contradicts the analysis of Section 4.1, "
        "by which β has to be below 1.",
        sure=pooled(gaps) > SURE,
        z=pooled(gaps),
    )


@rule("claim", "iam", "beta-2-worse")
def worse_at_2() -> Finding:
    """Three sets of Table 4."""
    gaps = beta_2("table4")
    return printed(
        max(gap.points for gap in gaps) < 0,
        f"{in_words(gaps)} on LFW, YTF and CFP, together "
        f"{pooled(gaps):.1f} SE.",
        sure=pooled(gaps) < -SURE,
        z=pooled(gaps),
    )


@rule("claim", "iam", "beta-below-1")
def below_1() -> Finding:
    """The best β of Tables 3 and 4, and β = 2 against none."""
    best = [
        float(wide("iam", name)[column].idxmax())
        for name in ("table3", "table4")
        for column in ("LFW", "YTF", "CFP")
    ]
    return printed(
        max(best) < 1,
        "The best β is "
        + ", ".join(f"{x:g}" for x in best)
        + " by set and base loss. For the scaled softmax β = 2 is still "
        "better than 0.",
        largest=max(best),
    )


def gains(table: str) -> pd.DataFrame:
    """IAM minus its base, every row with an IAM and every column."""
    cells, facts = wide("iam", table), papers.rows("iam", table)
    return pd.DataFrame(
        {
            row: cells.loc[row] - cells.loc[fact["base"]]
            for row, fact in facts.items()
            if fact["beta"]
        }
    ).T


@rule("claim", "iam", "improves-all")
def improves() -> Finding:
    """Table 5, row by row."""
    found = gains("table5")
    others = found[~found.index.str.startswith("Eq.")]
    z = [
        face_gap("table5", row, papers.rows("iam", "table5")[row]["base"], c).z
        for row in others.index
        for c in others.columns
    ]
    worse, sure = (
        int((others < 0).sum().sum()),
        int((np.array(z) > SURE).sum()),
    )
    bases = [papers.rows("iam", "table5")[row]["base"] for row in found.index]
    best = found.groupby(bases).max()
    falls = int((best < 0).sum().sum())
    return printed(
        falls <= 1,
        f"Of {others.size} cells with IAM on another loss than the scaled "
        f"softmax {worse} are below their base; {sure} are above it by more "
        f"than two standard errors. With the best β, {best.size - falls} of "
        f"{best.size} pairs of a loss and a set rise.",
        sure=falls == 0,
        rise=best.size - falls,
        worse=worse,
        clear=sure,
        cells=others.size,
    )


@rule("claim", "iam", "megaface")
def megaface() -> Finding:
    """Table 6, row by row."""
    found = gains("table6")["MegaFace"]
    bases = [papers.rows("iam", "table6")[row]["base"] for row in found.index]
    return printed(
        (found.groupby(bases).max() > 0).all(),
        f"With the best β every loss rises. {int((found < 0).sum())} of "
        f"{len(found)} rows is below its base ({found.idxmin()}, "
        f"{found.min():+.3f}). The names of the rows are assigned by order.",
        worse=int((found < 0).sum()),
    )


@rule("claim", "iam", "beats-sphereface")
def beats() -> Finding:
    """Two rows of Table 6."""
    cells = wide("iam", "table6")["MegaFace"]
    ours = cells[cells.index.str.startswith("Eq.(3) +")]
    return printed(
        ours.min() > cells["SphereFace"],
        f"{ours.min():.1f} and more against {cells['SphereFace']:.1f}.",
    )
