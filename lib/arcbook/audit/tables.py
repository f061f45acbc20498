"""What the printed tables are worth: arithmetic, counts, the sphere.

Each function gives a verdict of `verdicts.OF_TABLES` and the numbers that
the table's `why` in `data/papers` prints.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd

from arcbook import cells, datasets, papers, stats
from arcbook.audit import sphere
from arcbook.audit.verdicts import (
    ASSUMES,
    CONSISTENT,
    CONTRADICTED,
    IMPOSSIBLE,
    MISPRINT,
    UNCHECKED,
)

RUNS = 5


def wide(paper: str, name: str) -> pd.DataFrame:
    """Means of a printed table, rows down and columns across."""
    table = papers.table(paper, name)
    return cells.wide(table, "mean", *table.columns[:2])


def is_share(text: str, trials: int) -> bool:
    """Whether a printed percentage is some 100 k/n, to its last digit."""
    value = float(text.partition("±")[0])
    nearest = 100 * round(value * trials / 100) / trials
    return abs(nearest - value) <= sphere.half_unit(text) * (1 + 1e-9)


def not_shares(paper: str, name: str, trials: dict[str, int]) -> pd.DataFrame:
    """Cells that can't be whole counts, with the shares below and above."""
    found = []
    for (row, column), text in papers.texts(paper, name).stack().items():
        n = trials.get(column, trials.get(row))
        if n and text != "-" and not is_share(text, n):
            value = float(text.partition("±")[0])
            below = math.floor(value * n / 100) * 100 / n
            found.append((row, column, text, n, below, below + 100 / n))
    columns = ["row", "column", "printed", "trials", "below", "above"]
    return pd.DataFrame(found, columns=columns)


def equal_folds() -> dict[str, int]:
    """Data sets that fall into ten equal folds, and test rows of 10 runs."""
    facts = papers.table("arcgrad", "table2").set_index("dataset")
    rows = facts["instances"].astype(int)
    return {name: 10 * n for name, n in rows.items() if n % 10 == 0}


def uci():
    """Averages and wins from the cells; cells against whole counts."""
    means = wide("arcgrad", "table1")
    printed = papers.summary("arcgrad", "table1")
    off = (means.mean() - printed["Average"]).abs().max()
    wins = (stats.wins(means) == printed["Wins"]).all()
    holes = not_shares("arcgrad", "table1", equal_folds())
    first = holes[holes["row"] == "iris"].iloc[:1]
    found = {
        "off": off,
        "holes": len(holes),
        "checked": means.shape[1] * len(equal_folds()),
        "cell": first["printed"].str.partition(" ")[0].sum(),
        "below": first["below"].sum(),
        "above": first["above"].sum(),
    }
    if off > 0.005 + 1e-9 or not wins:
        return CONTRADICTED, found
    return ASSUMES if len(holes) else CONSISTENT, found


def uci_facts():
    """The data sets, against the files that the book reads."""
    facts = papers.table("arcgrad", "table2").set_index("dataset").astype(int)
    known = [
        [getattr(datasets.card(name), key) for key in facts.columns]
        for name in facts.index
    ]
    same = np.array_equal(facts, known)
    return CONSISTENT if same else CONTRADICTED, {"rows": len(facts)}


def settings():
    """Settings: nothing to recompute."""
    one = papers.texts("arcgrad", "table3")
    two = papers.texts("angular-learning", "table1")
    return UNCHECKED, {
        "epochs": (one.loc["Epochs"].iloc[0], two.loc["epochs", "CIFAR10"]),
        "rates": (one.loc["LR"].iloc[0], two.loc["lr(Soft)", "CIFAR10"]),
    }


def lead(paper, name, column, first=None, second=None) -> stats.Estimate:
    """Printed accuracy of one method over another, best and second best."""
    table = cells.beside(paper, name)
    table = table[table["at"] == column].set_index("method")["printed"]
    order = table.sort_values(ascending=False).index
    pair = table[[first or order[0], second or order[1]]]
    return stats.of_shares(*pair, cells.TEST_IMAGES)


def leads(paper, name, **pairs):
    """Leads of a table, each by its column and perhaps two methods."""
    return CONSISTENT, {k: lead(paper, name, *x) for k, x in pairs.items()}


def cifar10_of_angular():
    """± of five runs against the error of the test set."""
    table = papers.table("angular-learning", "table6").dropna()
    errors = [stats.share_error(x, cells.TEST_IMAGES) for x in table["mean"]]
    gap = lead("angular-learning", "table6", "CIFAR10+", "Arc", "ArcFace")
    return CONSISTENT, {
        "least": table["std"].min(),
        "most": table["std"].max(),
        "error_least": min(errors),
        "error_most": max(errors),
        "gap": gap,
    }


def counts(name):
    """A table of IAM: whole counts of MNIST, or of pairs of faces."""
    texts = papers.texts("iam", name)
    trials = papers.facts("iam", name)["trials"]
    holes = not_shares("iam", name, trials)
    verdict = MISPRINT if len(holes) else CONSISTENT
    if name == "table2":
        return verdict, {"holes": len(holes)}
    listed = [
        f"{one.row}, {one.column}: {one.printed} lies between "
        f"{one.below:.3f} and {one.above:.3f}"
        for one in holes.itertuples()
    ]
    return verdict, {
        "cells": texts.size,
        "whole": texts.size - len(holes),
        "holes": "; ".join(listed),
    }


def settled(rows: pd.DataFrame, value: str = "printed") -> pd.Series:
    """Which runs end less than five standard errors below the median."""
    median = rows.groupby("method")[value].transform("median")
    error = median.map(lambda x: stats.share_error(x, cells.TEST_IMAGES))
    return rows[value] > median - 5 * error


def margins():
    """40 accuracies on 10,000 images: more apart than chance?"""
    table = cells.beside("mnist-cosine", "table1").dropna(subset="printed")
    kept = table.loc[settled(table), "printed"]
    chi2, freedom, p = stats.homogeneity(kept, cells.TEST_IMAGES)
    return CONSISTENT, {
        "kept": len(kept),
        "lost": len(table) - len(kept),
        "ratio": chi2 / freedom,
        "p": p,
    }


def angles(paper, name):
    """A table of angles against the sphere."""
    bounds, triangle = (
        table[(table["paper"] == paper) & (table["table"] == name)]
        for table in (sphere.against_bounds(), sphere.triangle())
    )
    beyond = bounds[bounds["place"] == sphere.BEYOND]
    found = {
        "numbers": len(bounds),
        "beyond": len(beyond),
        "at": int((bounds["place"] == sphere.AT).sum()),
        "above": int((bounds["place"] == sphere.ABOVE).sum()),
        "bound": bounds["largest"].iloc[0],
        "triangle": bool(triangle["holds"].all()),
        "signed": int((triangle["C-Inter"] > np.pi / 2).sum()),
    }
    if len(beyond):
        found["most"] = sphere.most_classes(beyond["printed"].iloc[0])
    impossible = len(beyond) or not found["triangle"]
    return IMPOSSIBLE if impossible else CONSISTENT, found


def same_setup() -> pd.DataFrame:
    """Error rates that both papers of one group print, in percent.

    A row a loss and benchmark; z is the gap over the standard error of two
    means of five runs.
    """
    methods = ["Soft", "Center", "ArcFace", "ArcGrad"]
    parts = {}
    for benchmark, one, first, two, second in (
        ("CIFAR10", "table4", "CIFAR10", "table6", "CIFAR10"),
        ("CIFAR10+", "table4", "CIFAR10+", "table6", "CIFAR10+"),
        ("CIFAR100+, top 1", "table5", "Top-1", "table7", "Top1"),
        ("CIFAR100+, top 5", "table5", "Top-5", "table7", "Top5"),
    ):
        part = angular(two, second).rename(index={"Arc": "ArcGrad"})
        part.insert(0, "arcgrad", 100 - wide("arcgrad", one)[first])
        parts[benchmark] = part.loc[methods]
    table = pd.concat(parts, names=["benchmark"]).reset_index()
    table = table.rename(columns={"mean": "angular"})
    gap = table["arcgrad"] - table["angular"]
    error = table["std"] * math.sqrt(2 / RUNS)
    return table.assign(gap=gap, z=gap / error)


def angular(name: str, benchmark: str) -> pd.DataFrame:
    """Mean and std of each method of [angular-learning], of a benchmark."""
    table = papers.table("angular-learning", name)
    table = table[table["benchmark"] == benchmark].set_index("method")
    return table[["mean", "std"]]


def cifar100():
    """Soft with ResNet-34, 160 epochs, batch 128, rate 0.01, twice."""
    one = papers.texts("arcgrad", "table3")["CIFAR100+"]
    two = papers.texts("angular-learning", "table1")["CIFAR100"]
    alike = [*one] == [*two[["CNU", "epochs", "batch_size", "lr(Soft)"]]]
    table = same_setup().set_index(["benchmark", "method"])
    pair = table.loc[("CIFAR100+, top 1", "Soft")].to_dict()
    contradicted = alike and abs(pair["z"]) > 4
    return CONTRADICTED if contradicted else CONSISTENT, pair


def epochs_of_arcgrad():
    """The gap to Soft at ten epochs, beside the sister paper's."""
    ours = wide("arcgrad", "table7").loc["10"]
    theirs = wide("angular-learning", "table4").loc["10"]
    return ASSUMES, {
        "here": ours["ArcGrad"] - ours["Soft"],
        "there": theirs["Soft"] - theirs["Arc"],
    }


def epochs_of_angular():
    """200 epochs against the 160 of Table 6."""
    long = wide("angular-learning", "table4").loc["200"]
    short = angular("table6", "CIFAR10+")
    z = (long - short["mean"]).div(short["std"]).dropna()
    worse = int((z > 2).sum())
    return ASSUMES if worse >= 3 else CONSISTENT, {
        "least": z.min(),
        "most": z.max(),
        "worse": worse,
    }


CHECKS = {
    ("arcgrad", "table1"): uci,
    ("arcgrad", "table2"): uci_facts,
    ("arcgrad", "table3"): settings,
    ("arcgrad", "table4"): partial(
        *(leads, "arcgrad", "table4"), plus=["CIFAR10+"], plain=["CIFAR10"]
    ),
    ("arcgrad", "table5"): cifar100,
    ("arcgrad", "table7"): epochs_of_arcgrad,
    ("angular-learning", "table1"): settings,
    ("angular-learning", "table4"): epochs_of_angular,
    ("angular-learning", "table5"): partial(
        *(leads, "angular-learning", "table5"),
        gap=["Fashion-MNIST", "Arc", "Soft"],
    ),
    ("angular-learning", "table6"): cifar10_of_angular,
    ("angular-learning", "table7"): cifar100,
    ("iam", "table1"): lambda: (UNCHECKED, {}),  # a list of layers
    ("iam", "table6"): lambda: (UNCHECKED, {}),  # an unknown number of probes
    ("mnist-cosine", "table1"): margins,
}
CHECKS |= {
    ("iam", f"table{n}"): partial(counts, f"table{n}") for n in (2, 3, 4, 5)
}
CHECKS |= {table: partial(angles, *table) for table in sphere.TABLES}
