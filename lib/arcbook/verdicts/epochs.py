"""What accuracies over the number of epochs say, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from arcbook import experiments
from arcbook.analysis import chance, leads, measured
from arcbook.verdicts import NOT_YET, listed

SAME = {"Arc": "ArcGrad"}
FIVE_RUNS = leads.TABLES["CIFAR-10"]


def signed(points: float, digits: int = 1) -> str:
    """A difference with its sign."""
    return f"{points:+.{digits}f}".replace("-", "−")


def shrinking(rows: pd.DataFrame, rival: str = "Soft") -> str:
    """How the printed lead goes with the number of epochs.

    Args:
        rows: as from `leads.over_epochs`.
        rival: whom it is over.
    """
    said = []
    for paper, part in rows.groupby("paper", sort=False):
        part = part[~part["several"]].sort_values("epochs")
        first, last = part.iloc[0], part.iloc[-1]
        said.append(
            f"from {first['published']:.1f} points at {first['epochs']} "
            f"epochs to {last['published']:.1f} at {last['epochs']} "
            f"[{paper}]"
        )
    least = rows["published"].min()
    ahead = "at every number of epochs" if least > 0 else "not everywhere"
    return (
        f"In print ArcGrad is ahead of {rival} {ahead}; the lead goes "
        f"{listed(said)}."
    )


def one_loss_twice(
    cells: Mapping[str, pd.DataFrame], epochs: str = "10"
) -> str:
    """How far the two papers are apart for the same loss and epochs.

    Args:
        cells: from the paper to `leads.accuracies` of its table over
            epochs.
        epochs: a row of both tables.
    """
    rows = {}
    for paper, table in cells.items():
        part = table[table["epochs"] == epochs].assign(
            method=lambda part: part["method"].replace(SAME)
        )
        rows[paper] = part.set_index("method")["published"]
    both = pd.DataFrame(rows).dropna()
    first, second = both.columns
    gaps = both[second] - both[first]
    soft, ours = both.loc["Soft"], both.loc["ArcGrad"]
    return (
        f"Soft after {epochs} epochs has {soft[first]:.2f}% in [{first}] and "
        f"{soft[second]:.2f}% in [{second}]: {gaps['Soft']:.2f} points "
        "between two printings of one loss on one network. ArcGrad has "
        f"{ours[first]:.2f}% and {ours[second]:.2f}%. So ArcGrad's lead over "
        f"Soft is {ours[first] - soft[first]:.2f} points in one and "
        f"{ours[second] - soft[second]:.2f} in the other."
    )


def protocols(columns: Sequence[str] = ("Soft", "Arc", "ArcGrad")) -> str:
    """What the two papers' runs over epochs differ in, from the grids."""
    said = []
    for id in ("arcgrad.table7", "angular-learning.table4"):
        runs = experiments.runs(id, "full")
        rates = {}
        for run in runs:
            if run["column"] in columns:
                rates.setdefault(run["learning_rate"], {})[run["column"]] = 1
        given = " and ".join(
            f"{rate:g} for {listed(names)}" for rate, names in rates.items()
        )
        said.append(
            f"[{id.split('.')[0]}] takes batches of {runs[0]['batch_size']} "
            f"and a largest rate of {given}"
        )
    return "; ".join(said) + "."


def longer(
    over: Mapping[str, pd.DataFrame], five: Mapping[str, pd.DataFrame]
) -> str:
    """Whether one long run of a table agrees with the means of another.

    Args:
        over: from the paper to `leads.accuracies` of its table over epochs.
        five: the same of its table of five runs.
    """
    said = []
    for paper, short in over.items():
        means = five[paper]
        last = short["epochs"].astype(int).max()
        run = experiments.runs(f"{paper}.{FIVE_RUNS[paper]}", "full")[0]
        one = short[short["epochs"].astype(int) == last]
        kept = means[
            (means["benchmark"] == "CIFAR10+") & (means["expected"] > 0)
        ]
        gap = (
            one.set_index("method")["published"]
            - kept.set_index("method")["published"]
        ).dropna()
        more = last > run["epochs"]
        wrong = gap[gap < 0] if more else gap[gap > 0]
        said.append(
            f"In [{paper}] single runs of {last} epochs stand "
            f"{'below' if more else 'above'} the means of five runs of "
            f"{run['epochs']} for {len(wrong)} of {len(gap)} losses, by up "
            f"to {wrong.abs().max():.2f} points."
            if len(wrong)
            else f"In [{paper}] the single runs of {last} epochs agree in "
            f"order with the means of five runs of {run['epochs']}."
        )
    return " ".join(said)


def rates(records: Sequence[Mapping]) -> str:
    """How far live runs lie apart at each learning rate.

    Args:
        records: of `cifar_pages.trained`, two columns or more at several
            learning rates.
    """
    if not records:
        return "Without the data there is no live run to read."
    runs = measured.of_records(records)
    lost = int(runs["accuracy"].isna().sum())
    runs = runs.dropna(subset=["accuracy"])
    wide = runs.pivot(
        index="learning_rate", columns="column", values="accuracy"
    ).dropna()
    if wide.shape[1] < 2 or wide.empty:
        return f"There are no two columns to compare.{_diverged(lost)}"
    ours = "ArcGrad" if "ArcGrad" in wide else wide.columns[-1]
    rival = "Soft" if "Soft" in wide and ours != "Soft" else None
    rival = rival or next(name for name in wide if name != ours)
    images = int(runs["test_images"].min())
    gaps = wide[ours] - wide[rival]
    error = max(
        math.hypot(*(chance.standard_error(x, images) for x in pair))
        for pair in zip(wide[ours], wide[rival])
    )
    text = ", ".join(
        f"{signed(gap)} at {rate:g}" for rate, gap in gaps.items()
    )
    low, high = gaps.iloc[0], gaps.iloc[-1]
    end = ""
    if len(gaps) > 1:
        clear = abs(high - low) > 1.96 * math.sqrt(2) * error
        grows = "larger" if high > low else "smaller"
        end = (
            f" The lead is {grows} at the largest rate than at the least, "
            f"by {abs(high - low):.1f} points"
            + (
                ", more than the test images' error."
                if clear
                else ", within the test images' error."
            )
        )
    return (
        f"{ours} is ahead of {rival} by {text} points; the error of such a "
        f"difference on {images:,} test images is about ±{1.96 * error:.1f}."
        f"{end}{_diverged(lost)} This is a hint from a small network, one "
        "seed and few epochs."
    )


def _diverged(number):
    return f" {number} of the runs diverged." if number else ""


def courses(records: Sequence[Mapping], profile: str) -> str:
    """How far a long run is when a short one ends.

    Args:
        records: as from `cifar_pages.courses`.
        profile: theirs.
    """
    lengths = sorted({one["epochs"] for one in records})
    if len(lengths) < 2:
        return NOT_YET
    short, long = lengths[0], lengths[-1]
    ends, there = {}, {}
    for one in records:
        curve = one["curves"]["test_accuracy"]
        if one["epochs"] == short:
            ends.setdefault(one["column"], 100 * curve[-1])
        if one["epochs"] == long and len(curve) >= short:
            there.setdefault(one["column"], 100 * curve[short - 1])
    gaps = (pd.Series(ends) - pd.Series(there)).dropna()
    if gaps.empty:
        return NOT_YET
    hint = (
        ""
        if profile == "full"
        else " These are quick runs: a hint, and no comparison with a paper."
    )
    return (
        f"At epoch {short} the run planned for {long} is behind the one "
        f"planned for {short} for {(gaps > 0).sum()} of {len(gaps)} losses, "
        f"by {gaps.min():.1f} to {gaps.max():.1f} points.{hint}"
    )


def less_data(cells: pd.DataFrame, ours: str = "ArcGrad") -> str:
    """Whether the lead grows when images are taken away.

    Args:
        cells: as from `cifar_pages.by_place`, of full runs.
        ours: the column that is said to lead.
    """
    wide = cells.pivot(index="value", columns="column", values="measured")
    said = []
    for rival in wide.columns.drop(ours):
        lead = (wide[ours] - wide[rival]).dropna()
        few, many = lead[lead.index <= 0.5], lead[lead.index > 0.5]
        if few.empty or many.empty:
            continue
        said.append(
            f"over {rival} {signed(few.mean(), 2)} points on half of the "
            f"images and less, {signed(many.mean(), 2)} on more"
        )
    if not said:
        return NOT_YET
    return f"{ours}'s mean lead is {'; '.join(said)}."


def fewer_steps(table: pd.DataFrame) -> str:
    """What taking images away takes from the number of steps.

    Args:
        table: as from `cifar_pages.steps`.
    """
    whole, least = table["steps"].max(), table.iloc[-1]
    half = table[table["share"] == 0.5].iloc[0]
    return (
        f"With {least['share']:.0%} of the images the network takes "
        f"{least['steps']:,.0f} steps instead of {whole:,.0f}: as many as "
        f"{least['epochs of all']:.1f} epochs of the whole set. Half of the "
        f"images for 20 epochs are {half['steps']:,.0f} steps, as many as "
        f"{half['epochs of all']:.0f} epochs of all of them: the first row "
        "of Table VII."
    )
