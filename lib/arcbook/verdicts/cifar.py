"""What the CIFAR pages read in printed and measured accuracies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from arcbook.analysis import leads, measured
from arcbook.audit import Item
from arcbook.audit.verdicts import CLOSE, NOT_REPLICATED, REPLICATED
from arcbook.verdicts import NOT_YET, listed
from arcbook.verdicts.claims import capital
from arcbook.verdicts.epochs import signed

SAYS = {
    "higher-15-5": "15.5 points over Soft at 10 epochs",
    "epochs": "ahead of every loss at every number of epochs",
    "less-data": "an advantage that emerges with fewer images",
    "margin-not-needed": "no margin is needed",
    "three-of-four": "best of three of four benchmarks",
    "accelerates": "training is accelerated",
    "arc-best": "Arc is the best and ArcFace the second",
    "train-99-9": "above 99.9% on the training set",
    "state-of-the-art": "better than the state of the art",
}
CLAIMS = {
    "arcgrad": (
        *("higher-15-5", "epochs", "less-data"),
        *("margin-not-needed", "three-of-four"),
    ),
    "angular-learning": (
        *("epochs", "accelerates", "arc-best"),
        *("train-99-9", "state-of-the-art"),
    ),
}


def standing(
    items: Sequence[Item], holds: Sequence[str], fails: Sequence[str]
) -> str:
    """What holds, what does not and what is not known, a paragraph each.

    Args:
        items: as from `audit.claims`.
        holds, fails: sentences that need no record, to begin with.
    """
    parts = []
    for head, begin, verdict in (
        ("What holds.", holds, REPLICATED),
        ("What does not.", fails, NOT_REPLICATED),
        ("Too close to call.", (), CLOSE),
    ):
        mine = [item for item in items if item.verdict == verdict]
        said = "; ".join(f"{SAYS[x.item]} [{x.paper}]" for x in mine)
        text = [*begin, f"By the full records: {said}." if said else ""]
        if any(text):
            parts.append(f"**{head}** {' '.join(filter(None, text))}")
    known = (REPLICATED, NOT_REPLICATED, CLOSE)
    left = [item for item in items if item.verdict not in known]
    if left:
        parts.append(
            f"**Not measured yet** are {len(left)} of {len(items)} claims. "
            f"{_by_print(left)}"
        )
    return "\n\n".join(parts)


def _by_print(items):
    said = {}
    for item in items:
        if item.in_print:
            says = f"{SAYS[item.item]} [{item.paper}]"
            said.setdefault(capital(item.in_print), []).append(says)
    if not said:
        return "No printed numbers speak of them."
    listing = " ".join(f"{word}: {'; '.join(x)}." for word, x in said.items())
    return f"What the papers' own numbers say of them. {listing}"


def quick_rates(ours: str = "ArcGrad", rival: str = "Soft") -> str:
    """The lead at two learning rates, from the quick tables of five runs."""
    said = []
    for id, name in (
        ("arcgrad.table4", ours),
        ("angular-learning.table6", "Arc"),
    ):
        runs = measured.frame(id, "quick")
        for benchmark, part in runs.groupby("benchmark", sort=False):
            part = part.set_index("column")
            gap = part.loc[name, "accuracy"] - part.loc[rival, "accuracy"]
            if not math.isnan(gap):
                said.append(
                    f"on {benchmark} by {signed(gap)} points at a rate of "
                    f"{part.loc[name, 'learning_rate']:g} against "
                    f"{rival}'s {part.loc[rival, 'learning_rate']:g}"
                )
    if not said:
        return NOT_YET
    return (
        f"{ours} is ahead of {rival} {listed(said)}. A hint, from one seed "
        "and 1,000 test images."
    )


def showing(rows: Mapping[str, pd.DataFrame], bands: Mapping) -> str:
    """Which leads are more than five seeds' noise, printed and measured.

    Args:
        rows: from the paper to `leads.beside` of its table of five runs.
        bands: from a place to the least lead that can be relied on.
    """
    every = pd.concat(rows.values())
    least = every["place"].map(bands)
    beyond = (every["published"] > least).sum()
    known = every.dropna(subset=["low"])
    printed = (
        f"Printed: {beyond} of {len(every)} leads are beyond the band. "
        "Against "
        + listed(
            f"{name} {(part['published'] > part['place'].map(bands)).sum()} "
            f"of {len(part)}"
            for name, part in every.groupby("rival", sort=False)
        )
        + "."
    )
    if known.empty:
        return f"{printed} Measured: not yet."
    clear = (known["low"] > 0).sum()
    behind = (known["high"] < 0).sum()
    return (
        f"{printed} Measured: of {len(known)} leads {clear} are clear of "
        f"zero, and {behind} are the other way."
    )


def bands(cells: pd.DataFrame) -> dict[str, float]:
    """For each place the lead that five seeds find four times in five.

    Args:
        cells: as from `leads.accuracies`, of a table with printed ±.
    """
    return {
        place: leads.detectable(part["published_std"].median(), leads.SEEDS)
        for place, part in cells.groupby("benchmark", sort=False)
    }
