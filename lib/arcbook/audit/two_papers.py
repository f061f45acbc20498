"""What the two papers of one group print of the same set-up."""

from __future__ import annotations

import numpy as np
import pandas as pd

from arcbook import papers
from arcbook.audit import numbers
from arcbook.audit.verdicts import (
    ASSUMES,
    CONSISTENT,
    CONTRADICTED,
    UNCHECKED,
    Finding,
    rule,
)

NAMES = {"ArcGrad": "Arc", "CIFAR10+": "CIFAR10+", "CIFAR10": "CIFAR10"}
RUNS = 5


@rule("table", "arcgrad", "table3")
@rule("table", "angular-learning", "table1")
def settings() -> Finding:
    """Settings: nothing to recompute."""
    one = papers.texts("arcgrad", "table3")
    two = papers.texts("angular-learning", "table1")
    epochs = one.loc["Epochs"].iloc[0], two.loc["epochs", "CIFAR10"]
    rates = one.loc["LR"].iloc[0], two.loc["lr(Soft)", "CIFAR10"]
    return Finding(
        UNCHECKED,
        "Settings. For ResNet-18 on CIFAR-10 the two papers of these "
        f"authors state {epochs[0]} and {epochs[1]} epochs, and for Soft "
        f"learning rates of {rates[0]} and {rates[1]}; how a rate was "
        "chosen, and on which data, neither says.",
        found={"epochs": epochs, "rates": rates},
    )


def same_setup() -> pd.DataFrame:
    """Numbers that both papers of one group print for one loss and network.

    Returns:
        A row a pair: benchmark, method; arcgrad, the error rate in percent
        from [arcgrad, Table IV and V]; angular, std, from
        [angular-learning, Table 6 and 7]; gap in points; z, the gap over
        the standard error of two means of five runs, the second's std
        taken for both.
    """
    pairs = (
        ("CIFAR10", "table4", "CIFAR10", "table6", "CIFAR10"),
        ("CIFAR10+", "table4", "CIFAR10+", "table6", "CIFAR10+"),
        ("CIFAR100+, top 1", "table5", "Top-1", "table7", "Top1"),
        ("CIFAR100+, top 5", "table5", "Top-5", "table7", "Top5"),
    )
    rows = []
    for title, one, first, two, second in pairs:
        ours = numbers.wide("arcgrad", one)[first]
        cells = papers.table("angular-learning", two)
        theirs = cells[cells["benchmark"] == second].set_index("method")
        for method in ("Soft", "Center", "ArcFace", "ArcGrad"):
            cell = theirs.loc[NAMES.get(method, method)]
            gap = 100 - ours[method] - cell["mean"]
            error = cell["std"] * np.sqrt(2 / RUNS)
            rows.append(
                (
                    title,
                    method,
                    100 - ours[method],
                    cell["mean"],
                    cell["std"],
                    gap,
                    gap / error,
                )
            )
    columns = ["benchmark", "method", "arcgrad", "angular", "std", "gap", "z"]
    return pd.DataFrame(rows, columns=columns)


def soft_on_cifar100() -> pd.Series:
    """The one pair whose settings are printed alike in both papers."""
    table = same_setup().set_index(["benchmark", "method"])
    return table.loc[("CIFAR100+, top 1", "Soft")]


@rule("table", "arcgrad", "table5")
@rule("table", "angular-learning", "table7")
def cifar100() -> Finding:
    """Soft with ResNet-34, 160 epochs, batch 128, rate 0.01, twice."""
    one = papers.texts("arcgrad", "table3")["CIFAR100+"]
    two = papers.texts("angular-learning", "table1")["CIFAR100"]
    alike = [*one] == [*two[["CNU", "epochs", "batch_size", "lr(Soft)"]]]
    pair = soft_on_cifar100()
    why = (
        "Soft on CIFAR-100+ with ResNet-34, 160 epochs, batches of 128 and "
        "a rate of 0.01 has a top-1 error of "
        f"{pair['arcgrad']:.2f} in ArcGrad and of {pair['angular']:.2f} ± "
        f"{pair['std']:.2f} in Angular Learning, five runs each: "
        f"{pair['gap']:.2f} points, {pair['z']:.0f} standard errors if that "
        "± is taken for both. This is the pair that is furthest apart: the "
        "same networks' top-5 errors and both numbers of Center, at the same "
        "settings, agree."
    )
    verdict = CONTRADICTED if alike and abs(pair["z"]) > 4 else CONSISTENT
    found = {"gap": pair["gap"], "z": pair["z"], "settings alike": alike}
    return Finding(verdict, why, found=found)


@rule("table", "arcgrad", "table7")
def epochs_of_arcgrad() -> Finding:
    """The gap to Soft at ten epochs, beside the sister paper's."""
    ours = numbers.wide("arcgrad", "table7").loc["10"]
    theirs = numbers.wide("angular-learning", "table4").loc["10"]
    here, there = (
        ours["ArcGrad"] - ours["Soft"],
        theirs["Soft"] - theirs["Arc"],
    )
    return Finding(
        ASSUMES,
        f"After 10 epochs ArcGrad leads Soft by {here:.2f} points here and "
        f"by {there:.2f} in Angular Learning (its Table 4), by the same "
        "authors with the same network. Here Soft is trained at ArcGrad's "
        "rate of 0.1, there at 0.01. One run a cell, data set not named.",
        correct="that Soft is to be trained at ArcGrad's learning rate",
        found={"here": here, "there": there},
    )


@rule("table", "angular-learning", "table4")
def epochs_of_angular() -> Finding:
    """200 epochs against the 160 of Table 6."""
    long = numbers.wide("angular-learning", "table4").loc["200"]
    cells = papers.table("angular-learning", "table6")
    short = cells[cells["benchmark"] == "CIFAR10+"].set_index("method")
    z = (long - short["mean"]).div(short["std"]).dropna()
    worse = int((z > 2).sum())
    text = ", ".join(
        f"{name} {long[name]:.2f} against {short.loc[name, 'mean']:.2f}"
        for name in z.index
    )
    return Finding(
        ASSUMES if worse >= 3 else CONSISTENT,
        "The data set is not named; error rates like these are those of "
        "CIFAR10+, and 200 epochs are another set-up than 160. Read so, all "
        "losses are worse after 200 epochs than after "
        f"the 160 of Table 6: {text}; by {z.min():.1f} to {z.max():.1f} of "
        "the printed standard deviations.",
        correct="that another data set is meant, or that more epochs cost "
        "accuracy",
        found={"least z": z.min(), "largest z": z.max(), "worse": worse},
    )
