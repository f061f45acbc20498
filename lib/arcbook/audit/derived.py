"""A claim that algebra or numbers decide."""

from __future__ import annotations

from arcbook.audit.verdicts import (
    ASSUMES,
    DERIVED,
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


def decided(holds, why, page="", *, assuming="", caution="", **found):
    """A finding from what algebra or numbers say.

    Args:
        holds: whether the sentence does.
        why: in words.
        page: that derives it.
        assuming: what the sentence has to assume to hold, if anything.
        caution: of the finding.
        **found: numbers behind it.
    """
    verdict = REPLICATED if holds else NOT_REPLICATED
    return Finding(
        ASSUMES if assuming else verdict,
        why,
        correct=assuming,
        measured="derived",
        found=found,
        page=page,
        basis=DERIVED,
        caution=caution,
    )
