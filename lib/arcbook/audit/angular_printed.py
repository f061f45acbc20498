"""Angular Learning's claims on images, by its own tables."""

from __future__ import annotations

from arcbook import papers
from arcbook.audit import numbers
from arcbook.audit.numbers import TEST_IMAGES, wide
from arcbook.audit.printed import SURE, lead, printed
from arcbook.audit.verdicts import (
    Finding,
    rule,
)


@rule("claim", "angular-learning", "center-declines-inter")
def declines() -> Finding:
    """Center beside Soft, four numbers."""
    lower = []
    for name in ("table2", "table3"):
        table = wide("angular-learning", name)[["W-Inter", "C-Inter"]]
        lower += [*(table.loc["Center"] < table.loc["Soft"])]
    return printed(
        all(lower),
        f"In {sum(lower)} of {len(lower)} inter-class angles of Tables 2 "
        "and 3 Center is below Soft.",
        lower=sum(lower),
    )


@rule("claim", "angular-learning", "both-enlarged")
def enlarged() -> Finding:
    """Arc beside Soft in Table 3."""
    table = wide("angular-learning", "table3")
    arc, soft = table.loc["Arc"], table.loc["Soft"]
    return printed(
        (arc > soft)[["W-Inter", "C-Inter"]].all(),
        "On CIFAR-100 Arc has smaller inter-class angles than Soft "
        f"({arc['W-Inter']:.4f} against {soft['W-Inter']:.4f}, "
        f"{arc['C-Inter']:.4f} against {soft['C-Inter']:.4f}), and "
        "ArcFace's are larger than any vectors have.",
        page="geometry_bounds.html",
    )


@rule("claim", "angular-learning", "tiny-arcface")
def tiny() -> Finding:
    """The smallest angle, here and in ArcGrad."""
    here = wide("angular-learning", "table2")["WC-Intra"]
    there = wide("arcgrad", "table6").loc["WC-Intra"]
    return printed(
        here.idxmin() == "ArcFace",
        f"{here['ArcFace']:.4f} rad, below Arc's {here['Arc']:.4f}. ArcGrad "
        f"prints {there['ArcFace']:.2f} and {there['ArcGrad']:.2f}, the "
        "other way round, for CIFAR-10 without augmentation.",
        ratio=there["ArcGrad"] / here["Arc"],
    )


@rule("claim", "angular-learning", "fashion-best")
def fashion_best() -> Finding:
    """Table 5 with its cited rows."""
    cells = wide("angular-learning", "table5")["Fashion-MNIST"]
    best = cells.idxmin()
    gap = numbers.gap(100 - cells["Arc"], 100 - cells["ArcFace"], TEST_IMAGES)
    return printed(
        best in ("Arc", "Center"),
        f"The lowest error of the table is {best}'s, {cells.min():.1f}. Of "
        "the four losses Arc and Center share the lowest; the lead over "
        f"ArcFace is {gap.items:.0f} images, {gap.z:.1f} standard errors.",
        z=gap.z,
    )


@rule("claim", "angular-learning", "arc-best")
def arc_best() -> Finding:
    """Tables 6 and 7, four columns, cited rows too."""
    text, firsts, seconds = [], 0, 0
    for name in ("table6", "table7"):
        for column, cells in wide("angular-learning", name).items():
            order = cells.dropna().sort_values().index
            losses = [
                one
                for one in order
                if one in ("Soft", "Center", "Arc", "ArcFace")
            ]
            firsts += losses[0] == "Arc"
            seconds += losses[1] == "ArcFace"
            text.append(f"{column}: {order[0]}")
    return printed(
        firsts == 4 and seconds == 4,
        f"Lowest error by column: {', '.join(text)}. Among the four losses "
        f"Arc is first in {firsts} of 4 and ArcFace second in {seconds}.",
        firsts=firsts,
        seconds=seconds,
    )


@rule("claim", "angular-learning", "state-of-the-art")
def state_of_the_art() -> Finding:
    """Arc beside the cited methods."""
    beaten = {}
    for name in ("table5", "table6", "table7"):
        cited = [
            row
            for row, facts in papers.rows("angular-learning", name).items()
            if facts.get("cited")
        ]
        for column, cells in wide("angular-learning", name).items():
            others = cells[cited].dropna()
            if len(others):
                beaten[column] = (others.min(), cells["Arc"])
    lost = {k: v for k, v in beaten.items() if v[0] < v[1]}
    return printed(
        not lost,
        "A cited method has the lower error on "
        + " and ".join(
            f"{k} ({a:g} against {b:g})" for k, (a, b) in lost.items()
        )
        + ".",
        lost=len(lost),
    )


@rule("claim", "angular-learning", "epochs")
@rule("claim", "angular-learning", "accelerates")
def angular_epochs() -> Finding:
    """Every row of Table 4."""
    gaps = [
        lead(row, "Arc", higher=False)
        for _, row in wide("angular-learning", "table4").iterrows()
    ]
    return printed(
        min(gap.points for gap in gaps) > 0,
        "Arc has the lowest error in every row, by "
        + ", ".join(f"{gap.points:.2f}" for gap in gaps)
        + " points, one run each. The learning rates differ between losses.",
        sure=min(gap.z for gap in gaps) > SURE,
        least_z=min(gap.z for gap in gaps),
    )
