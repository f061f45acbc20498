"""Verdicts on the tables of angles, against the sphere."""

from __future__ import annotations

import numpy as np

from arcbook.audit import sphere
from arcbook.audit.verdicts import (
    CONSISTENT,
    IMPOSSIBLE,
    Finding,
    rule,
)


def angles(name: str, paper: str) -> Finding:
    """A table of angles against the sphere."""
    bounds = sphere.against_bounds()
    bounds = bounds[(bounds["paper"] == paper) & (bounds["table"] == name)]
    triangle = sphere.triangle()
    triangle = triangle[
        (triangle["paper"] == paper) & (triangle["table"] == name)
    ]
    beyond = bounds[bounds["place"] == sphere.BEYOND]
    found = {
        "numbers": len(bounds),
        "beyond": len(beyond),
        "at the simplex": int((bounds["place"] == sphere.AT).sum()),
        "above the simplex": int((bounds["place"] == sphere.ABOVE).sum()),
        "triangle holds": bool(triangle["holds"].all()),
    }
    page = "geometry_bounds.html"
    if len(beyond):
        row = beyond.iloc[0]
        most = sphere.most_classes(row["printed"])
        return Finding(
            IMPOSSIBLE,
            f"{' and '.join(beyond['metric'])} of "
            f"{' and '.join(beyond['method'].unique())} are "
            f"{' and '.join(f'{x:.4f}' for x in beyond['printed'])} rad. "
            f"No {row['C']} vectors have a mean angle above "
            f"{row['largest']:.4f} rad, in any dimension; {most} classes is "
            f"the most for which {row['printed']:.4f} can be.",
            correct=f"at most {row['largest']:.4f} rad",
            found=found | {"most classes": most, "bound": row["largest"]},
            page=page,
        )
    if not triangle["holds"].all():
        return Finding(
            IMPOSSIBLE, "The triangle inequality fails.", found=found
        )
    above = bounds[bounds["place"] == sphere.ABOVE]
    text = (
        "All means are below the bound and obey the triangle inequality "
        "between the three metrics. "
    )
    if len(above):
        row = above.iloc[0]
        text += (
            f"{row['metric']} of {row['method']}, {row['printed']:.4f}, is "
            f"above the simplex's {row['simplex']:.4f}, as a mean can be. "
        )
    wide = (bounds["metric"] == "C-Inter") & (bounds["printed"] > np.pi / 2)
    if wide.any():
        text += (
            "Centres more than 90° apart on average can't come from "
            "features that have passed a ReLU: none is negative."
        )
    return Finding(CONSISTENT, text, found=found, page=page)


@rule("table", "arcgrad", "table6")
def angles_of_arcgrad() -> Finding:
    """CIFAR-10, six losses."""
    return angles("table6", "arcgrad")


@rule("table", "angular-learning", "table2")
def angles_of_cifar10() -> Finding:
    """CIFAR-10+, four losses."""
    return angles("table2", "angular-learning")


@rule("table", "angular-learning", "table3")
def angles_of_cifar100() -> Finding:
    """CIFAR-100, four losses."""
    return angles("table3", "angular-learning")
