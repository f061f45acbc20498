"""Verdicts on tables of accuracies, as whole counts out of n."""

from __future__ import annotations

from arcbook import datasets, papers, statistics
from arcbook.audit import numbers
from arcbook.audit.verdicts import (
    ASSUMES,
    CONSISTENT,
    CONTRADICTED,
    MISPRINT,
    Finding,
    rule,
)


def equal_folds() -> dict[str, int]:
    """Data sets that fall into ten equal folds, and test rows of 10 runs."""
    facts = papers.table("arcgrad", "table2").set_index("dataset")
    rows = facts["instances"].astype(int)
    return {name: 10 * n for name, n in rows.items() if n % 10 == 0}


@rule("table", "arcgrad", "table1")
def uci() -> Finding:
    """Averages and wins from the cells; cells against whole counts."""
    means = numbers.wide("arcgrad", "table1")
    printed = papers.summary("arcgrad", "table1")
    off = (means.mean() - printed["Average"]).abs().max()
    wins = statistics.wins(means)
    agree = off < 0.005 + 1e-9 and (wins == printed["Wins"]).all()
    holes = numbers.not_shares("arcgrad", "table1", equal_folds())
    found = {
        "largest error of an average": off,
        "wins agree": bool((wins == printed["Wins"]).all()),
        "cells that no 100 equal folds give": len(holes),
        "cells checked": 7 * len(equal_folds()),
    }
    if not agree:
        return Finding(CONTRADICTED, "Averages or wins differ.", found=found)
    why = (
        "All averages follow from the cells, and so do the wins if the tie "
        "on Iris counts for the first of the two. "
    )
    if not len(holes):
        return Finding(CONSISTENT, why, found=found)
    first = holes[holes["row"] == "iris"].iloc[0]
    return Finding(
        ASSUMES,
        f"{why}But {len(holes)} of {7 * len(equal_folds())} cells can't be "
        "the mean of 100 equal folds: on Iris, 15 rows a fold, "
        f"{first['printed'].partition(' ')[0]} lies between "
        f"{first['below']:.2f} and {first['above']:.2f}. Folds of unequal "
        "size, or fewer than 100 networks, would explain them.",
        correct="folds of unequal size, or fewer than 10 × 10 networks",
        found=found,
    )


@rule("table", "arcgrad", "table2")
def uci_facts() -> Finding:
    """The data sets, against the files that the book reads."""
    facts = papers.table("arcgrad", "table2").set_index("dataset")
    wrong = [
        name
        for name, row in facts.iterrows()
        if tuple(map(int, row))
        != (
            datasets.card(name).classes,
            datasets.card(name).features,
            datasets.card(name).instances,
        )
    ]
    if wrong:
        why = f"The files of {', '.join(wrong)} say otherwise."
        return Finding(CONTRADICTED, why, found={"differ": len(wrong)})
    return Finding(
        CONSISTENT,
        f"All {len(facts)} rows are those of the official files, after the "
        "preprocessing that each card names.",
        found={"data sets": len(facts)},
        page="data.html",
    )


@rule("table", "iam", "table2")
def digits() -> Finding:
    """Whole counts out of 10,000."""
    holes = numbers.not_shares("iam", "table2", {"MNIST": 10_000})
    verdict = MISPRINT if len(holes) else CONSISTENT
    why = "Two decimals of 10,000 images: every cell is a whole count."
    return Finding(verdict, why, found={"holes": len(holes)})


def faces(name: str) -> Finding:
    """A table of pairs: whole counts, and agreement with the others."""
    trials = papers.facts("iam", name)["trials"]
    holes = numbers.not_shares("iam", name, trials)
    texts = papers.texts("iam", name)
    found = {"cells": texts.size, "impossible": len(holes)}
    checked = (
        f"{texts.size - len(holes)} of {texts.size} cells are a whole "
        "number of pairs (of 6,000, 5,000 and 7,000). "
    )
    if not len(holes):
        return Finding(CONSISTENT, checked, found=found)
    listed = "; ".join(
        f"{row.row}, {row.column}: {row.printed} lies between "
        f"{row.below:.3f} and {row.above:.3f}"
        for row in holes.itertuples()
    )
    return Finding(
        MISPRINT,
        f"{checked}Not so {listed}.",
        correct="; ".join(_nearest(row) for row in holes.itertuples()),
        found=found,
    )


def _nearest(hole) -> str:
    elsewhere = _elsewhere(hole)
    if elsewhere:
        return f"{elsewhere}, as in Table 4"
    return f"{hole.below:.3f} or {hole.above:.3f}"


def _elsewhere(hole) -> str:
    """The cell of Table 4 that a row of Table 5 repeats, if it differs."""
    base, _, rest = hole.row.partition(" + ")
    beta = rest.partition("×")[0]
    table4 = papers.texts("iam", "table4")
    if base != "AM" or beta not in table4.index:
        return ""
    return table4.loc[beta, hole.column]


@rule("table", "iam", "table3")
def beta_of_softmax() -> Finding:
    """Pairs of LFW, YTF and CFP."""
    return faces("table3")


@rule("table", "iam", "table4")
def beta_of_cosface() -> Finding:
    """Pairs of LFW, YTF and CFP."""
    return faces("table4")


@rule("table", "iam", "table5")
def all_losses() -> Finding:
    """Pairs of LFW, YTF and CFP; rows that Table 3 and 4 print too."""
    return faces("table5")
