"""What the papers' methods lead by in print, each with its error."""

from __future__ import annotations

from arcbook import papers
from arcbook.audit import numbers, tables
from arcbook.audit.numbers import TEST_IMAGES, wide
from arcbook.audit.printed import face_gap, lead


def all_leads() -> list[tuple[str, numbers.Gap]]:
    """The leads that the papers build on, each with its error.

    Returns:
        A name and a gap each, paper by paper.
    """
    found = [
        (f"ArcGrad, {column}, best other", lead(cells, "ArcGrad"))
        for name in ("table4", "table5")
        for column, cells in wide("arcgrad", name).items()
    ]
    found += [
        (f"ArcGrad, {epochs} epochs, best other", lead(row, "ArcGrad"))
        for epochs, row in wide("arcgrad", "table7").iterrows()
    ]
    found += [
        (
            f"Angular L., {column}, best other loss",
            lead(
                cells.loc[["Soft", "Center", "ArcFace", "Arc"]],
                "Arc",
                higher=False,
            ),
        )
        for name in ("table5", "table6", "table7")
        for column, cells in wide("angular-learning", name).items()
    ]
    digits = wide("iam", "table2")["MNIST"]
    found += [
        (f"IAM, MNIST on {name}", numbers.gap(a, b, TEST_IMAGES))
        for name, a, b in (
            ("softmax", digits.iloc[1], digits.iloc[0]),
            ("AM", digits.iloc[3], digits.iloc[2]),
        )
    ]
    strongest = {"Eq.(3)": "0.8", "AM": "0.08"}
    found += [
        (
            f"IAM, {column} on {base}",
            face_gap("table5", f"{base} + {beta}×IAM", base, column),
        )
        for base in dict.fromkeys(
            row["base"] for row in papers.rows("iam", "table5").values()
        )
        for beta in [strongest.get(base, "0.1")]
        for column in ("LFW", "YTF", "CFP")
    ]
    one, two = (tables.settled(name)[0] for name in ("arcface", "combined"))
    best = numbers.gap(two.max(), one.max(), TEST_IMAGES)
    return [*found, ("MNIST paper, combined on ArcFace", best)]
