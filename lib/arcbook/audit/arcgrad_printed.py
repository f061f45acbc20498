"""ArcGrad's claims on images, by its own tables."""

from __future__ import annotations

import pandas as pd

from arcbook.audit.numbers import wide
from arcbook.audit.printed import SURE, lead, printed
from arcbook.audit.verdicts import (
    Finding,
    rule,
)


@rule("claim", "arcgrad", "three-of-four")
def three_of_four() -> Finding:
    """Benchmarks that ArcGrad is best on."""
    both = pd.concat(
        [wide("arcgrad", "table4"), wide("arcgrad", "table5")], axis=1
    )
    gaps = {name: lead(cells, "ArcGrad") for name, cells in both.items()}
    best = sum(gap.points > 0 for gap in gaps.values())
    sure = sum(gap.z > SURE for gap in gaps.values())
    return printed(
        best == 3,
        f"Best on {best} of {len(gaps)}; on {sure} of them by more than two "
        "standard errors of the test set. Leads: "
        + ", ".join(f"{k} {g.points:+.2f}" for k, g in gaps.items())
        + " points.",
        sure=sure == best,
        best=best,
        sure_leads=sure,
    )


@rule("claim", "arcgrad", "margin-not-needed")
def no_margin() -> Finding:
    """ArcGrad beside ArcFace in Tables IV and V."""
    gap = lead(
        wide("arcgrad", "table4").loc[["ArcFace", "ArcGrad"], "CIFAR10+"],
        "ArcGrad",
    )
    return printed(
        gap.points > 0,
        "The paper compares one setting of ArcFace (s = 20, m = 0.1) with "
        f"one of ArcGrad: {gap.points:+.2f} points on CIFAR10+.",
        sure=gap.z > SURE,
        z=gap.z,
    )


@rule("claim", "arcgrad", "epochs")
def epochs() -> Finding:
    """Every row of Table VII."""
    gaps = [
        lead(row, "ArcGrad") for _, row in wide("arcgrad", "table7").iterrows()
    ]
    leads = [gap.points for gap in gaps]
    return printed(
        min(leads) > 0,
        "ArcGrad is ahead in every row, by "
        + ", ".join(f"{x:.2f}" for x in leads)
        + f" points; the standard error is {gaps[0].error:.2f} and less. One "
        "run a cell.",
        sure=min(gap.z for gap in gaps) > SURE,
        least_lead=min(leads),
    )


@rule("claim", "arcgrad", "higher-15-5")
def fifteen() -> Finding:
    """Points, per cent, and the sister paper."""
    row = wide("arcgrad", "table7").loc["10"]
    points = row["ArcGrad"] - row["Soft"]
    sister = wide("angular-learning", "table4").loc["10"]
    there = sister["Soft"] - sister["Arc"]
    return printed(
        abs(points - 15.5) < 0.05,
        f"{points:.2f} percentage points ({100 * points / row['Soft']:.1f}% "
        f"of Soft's accuracy). In Angular Learning the same gap after 10 "
        f"epochs is {there:.2f} points: there Soft has its own learning "
        "rate.",
        points=points,
        sister=there,
    )


@rule("claim", "arcgrad", "center-slightly")
def slightly() -> Finding:
    """Center's angle beside ArcFace's."""
    row = wide("arcgrad", "table6").loc["WC-Intra"]
    kept = row / row["Soft"]
    return printed(
        kept["Center"] > 0.75 and kept["M-Soft"] > 0.75,
        f"Of Soft's angle Center leaves {kept['Center']:.0%}, M-Soft "
        f"{kept['M-Soft']:.0%}, and ArcFace, said to compress greatly, "
        f"{kept['ArcFace']:.0%}.",
        center=kept["Center"],
        arcface=kept["ArcFace"],
    )


@rule("claim", "arcgrad", "adacos-inter")
def adacos_inter() -> Finding:
    """AdaCos's inter-class angles beside Soft's."""
    rows = wide("arcgrad", "table6").loc[["W-Inter", "C-Inter"]]
    return printed(
        (rows["AdaCos"] < rows["Soft"]).all(),
        "AdaCos has inter-class angles of "
        f"{rows['AdaCos'].iloc[0]:.2f} and {rows['AdaCos'].iloc[1]:.2f}, "
        f"Soft {rows['Soft'].iloc[0]:.2f} and {rows['Soft'].iloc[1]:.2f}: "
        "larger, not smaller, though smaller than ArcFace's.",
    )


@rule("claim", "arcgrad", "both-enhanced")
def both() -> Finding:
    """ArcFace and ArcGrad beside Soft."""
    table = wide("arcgrad", "table6")
    ours = table[["ArcFace", "ArcGrad"]]
    wider = ours.loc[["W-Inter", "C-Inter"]].gt(
        table["Soft"].loc[["W-Inter", "C-Inter"]], axis=0
    )
    tighter = ours.loc["WC-Intra"] < table.loc["WC-Intra", "Soft"] / 2
    return printed(
        wider.all(axis=None) and tighter.all(),
        "Both have wider inter-class angles and less than half of Soft's "
        "intra-class angle.",
    )
