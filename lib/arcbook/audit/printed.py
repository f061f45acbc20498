"""How a claim is held against the numbers of its own paper.

Whether it holds is for measurement; until there are records, the verdict is
"not measured yet" and only the printed numbers speak.
"""

from __future__ import annotations

import pandas as pd

from arcbook import papers
from arcbook.audit import numbers
from arcbook.audit.numbers import TEST_IMAGES, wide
from arcbook.audit.verdicts import (
    FAILS,
    FOLLOWS,
    NOISE,
    NOT_REPLICATED,
    REPLICATED,
    UNMEASURED,
    Finding,
)

SURE = 2.0
PAGE = "published_statistics.html"


def printed(holds, why, *, sure=True, page=PAGE, **found) -> Finding:
    """A finding from printed numbers alone.

    Args:
        holds: whether the sentence follows from them.
        why: in words, with the numbers.
        sure: whether the difference exceeds the test set's error.
    """
    in_print = FOLLOWS if sure else NOISE
    return Finding(
        UNMEASURED,
        why,
        in_print=in_print if holds else FAILS,
        found=found,
        page=page,
    )


def lead(cells: pd.Series, ours: str, *, higher=True) -> numbers.Gap:
    """One column against the best of the others, on 10,000 images.

    Args:
        cells: percent, by method.
        ours: the method.
        higher: False where the cells are error rates.
    """
    cells = cells if higher else 100 - cells
    others = cells.drop(ours).dropna()
    return numbers.gap(cells[ours], others.max(), TEST_IMAGES)


def face_gap(table: str, first: str, second: str, column: str):
    """Two rows of a face table on the pairs of a column."""
    cells = wide("iam", table)[column]
    trials = papers.facts("iam", table)["trials"][column]
    return numbers.gap(cells[first], cells[second], trials)


def absent(ok, why) -> Finding:
    """A sentence about the paper itself."""
    return Finding(
        REPLICATED if ok else NOT_REPLICATED,
        why,
        in_print=FOLLOWS if ok else FAILS,
        measured="read in the paper",
        page=PAGE,
    )
