"""A claim that algebra or numbers decide."""

from __future__ import annotations

from arcbook.audit.verdicts import (
    NOT_REPLICATED,
    REPLICATED,
    Finding,
)

SCALE, MARGINS, ATLAS, IAM = (
    "04_scale.html",
    "03_margins.html",
    "02_gradients.html",
    "05_iam.html",
)


def decided(holds, why, page="", **found) -> Finding:
    """A finding from what algebra or numbers say."""
    verdict = REPLICATED if holds else NOT_REPLICATED
    return Finding(verdict, why, measured="derived", found=found, page=page)
