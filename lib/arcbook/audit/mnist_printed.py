"""The MNIST paper's claims, by its one table."""

from __future__ import annotations

import re

from arcbook import papers
from arcbook.audit import numbers, tables
from arcbook.audit.numbers import TEST_IMAGES
from arcbook.audit.printed import SURE, absent, printed
from arcbook.audit.verdicts import (
    Finding,
    rule,
)


@rule("claim", "mnist-cosine", "maximum-at-0-5")
def maximum() -> Finding:
    """Where the largest ArcFace accuracy stands."""
    table = papers.table("mnist-cosine", "table1")
    cells, keep = tables.settled("arcface")
    best = table.loc[cells.idxmax(), "m"]
    second = cells.drop(cells.idxmax()).max()
    gap = numbers.gap(cells.max(), second, TEST_IMAGES)
    luck = numbers.expected_spread(cells[keep].mean(), TEST_IMAGES, keep.sum())
    return printed(
        best == "0.50",
        f"{cells.max():.2f} at m = {best}, {gap.items:.0f} images more than "
        f"the next. The best of {keep.sum()} equal networks is expected "
        f"{luck:.2f} points above their mean; this one is "
        f"{cells.max() - cells[keep].mean():.2f}.",
        sure=gap.z > SURE,
        z=gap.z,
    )


@rule("claim", "mnist-cosine", "combined-better")
def combined() -> Finding:
    """Best and mean of the two columns."""
    (one, a), (two, b) = map(tables.settled, ("arcface", "combined"))
    gap = numbers.gap(two.max(), one.max(), TEST_IMAGES)
    means = two[b].mean() - one[a].mean()
    return printed(
        gap.points > 0,
        f"The best cells differ by {gap.items:.0f} images, {gap.z:.1f} "
        f"standard errors; the means of the settled runs by {means:.2f} "
        "points.",
        sure=gap.z > SURE,
        z=gap.z,
    )


def accuracies_after_100() -> list[float]:
    """ArcFace and softmax after 100 epochs, from the sentence."""
    sentence = papers.claim("mnist-cosine", "long-run")["printed"]
    return [float(x) for x in re.findall(r"\d\d\.\d\d", sentence)]


@rule("claim", "mnist-cosine", "long-run")
def long_run() -> Finding:
    """99.08 against 99.11."""
    ours, softmax = accuracies_after_100()
    gap = numbers.gap(softmax, ours, TEST_IMAGES)
    return printed(
        abs(gap.z) < SURE,
        f"{gap.items:.0f} images, {gap.z:.1f} standard errors: too close "
        "indeed.",
        z=gap.z,
    )


@rule("claim", "mnist-cosine", "beats-softmax")
def beats_softmax() -> Finding:
    """Against the paper's own 100 epochs."""
    ours, softmax = accuracies_after_100()
    best = max(
        tables.settled(name)[0].max() for name in ("arcface", "combined")
    )
    return printed(
        softmax < min(ours, best),
        f"Section 4 has softmax at {softmax:.2f} after 100 epochs, above "
        f"ArcFace's {ours:.2f} and above every cell of Table 1 ({best:.2f} "
        "and less, 20 epochs).",
    )


@rule("claim", "mnist-cosine", "reliable")
def reliable() -> Finding:
    """Runs that did not settle."""
    lost = {
        name: int((~tables.settled(name)[1]).sum())
        for name in ("arcface", "combined")
    }
    return printed(
        sum(lost.values()) == 0,
        f"{lost['arcface']} of 20 runs with ArcFace and {lost['combined']} "
        "of 20 with the combined loss end 1 to 3 points below the rest.",
        **lost,
    )


@rule("claim", "mnist-cosine", "three-margins")
def three_margins() -> Finding:
    """Whether m1 is varied."""
    columns = papers.texts("mnist-cosine", "table1").columns
    return absent(
        "m1" in columns,
        "SphereFace's m1 is 1 throughout: two margins are varied.",
    )


@rule("claim", "mnist-cosine", "table-2")
def second_table() -> Finding:
    """Whether there is one."""
    return absent(
        "table2" in papers.names("mnist-cosine", "tables"),
        "The paper has one table.",
    )
