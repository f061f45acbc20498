"""What a hundred classes change, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from arcbook.analysis import measured
from arcbook.analysis.tables import UNMEASURED
from arcbook.audit import two_papers
from arcbook.verdicts import listed
from arcbook.verdicts.epochs import signed

SAME = {"Arc": "ArcGrad"}
KINDS = {"published": "printed", "measured": "measured"}


def orders(cells: Mapping[str, pd.DataFrame]) -> str:
    """How alike the orders by top-1 and by top-5 are, printed and measured.

    Args:
        cells: from the paper to `leads.accuracies` of its table.
    """
    said, apart = [], []
    for paper, table in cells.items():
        for kind, word in KINDS.items():
            both = _both(table, kind).dropna()
            if len(both) < 3:
                continue
            tau = both.rank().corr("kendall").iloc[0, 1]
            first, second = both.idxmax()
            apart.append(first != second)
            said.append(
                f"In [{paper}], {word}, {first} is first by top-1 and "
                f"{second} by top-5; Kendall's τ of the two orders is "
                f"{tau:.2f}."
            )
    begin = f"Another loss is first by top-5 in {sum(apart)} of {len(apart)}"
    tables = "table" if len(apart) == 1 else "tables"
    return f"{begin} {tables}. {' '.join(said)}"


def rescued(cells: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Of the images missed at first, the share found among the five.

    Args:
        cells: from the paper to `leads.accuracies` of its table.

    Returns:
        A row a method, a column for each paper and kind, percent as text.
    """
    columns = {}
    for paper, table in cells.items():
        for kind, mark in (("published", "○"), ("measured", "●")):
            both = _both(table, kind)
            top1, top5 = both.iloc[:, 0], both.iloc[:, 1]
            share = 100 * (top5 - top1) / (100 - top1)
            gap = UNMEASURED if kind == "measured" else "–"
            columns[f"[{paper}] {mark}"] = pd.Series(
                {
                    SAME.get(name, name): gap if x != x else f"{x:.1f}"
                    for name, x in share.items()
                }
            )
    return pd.DataFrame(columns).fillna("–")


def _both(table, kind):
    """Top-1 and top-5 of a table, a row a method."""
    table = table[table["expected"] > 0]
    order = table["benchmark"].unique()
    wide = table.pivot(index="method", columns="benchmark", values=kind)
    return wide.loc[table["method"].unique(), order]


def printed_twice(ahead: Mapping[str, pd.DataFrame]) -> str:
    """Soft on CIFAR-100+, the one set-up that both papers print alike.

    Args:
        ahead: from the paper to `leads.beside` of its table.
    """
    pair = two_papers.soft_on_cifar100()
    gap = abs(pair["gap"])
    leads = pd.concat(ahead.values())
    top1 = leads[leads["place"].isin(("Top-1", "Top1"))]["published"]
    return (
        "Soft has the same network, epochs, batch and learning rate in both "
        f"papers. Its top-1 accuracy is {100 - pair['arcgrad']:.2f}% in one "
        f"and {100 - pair['angular']:.2f} ± {pair['std']:.2f}% in the other: "
        f"{gap:.2f} points apart, {abs(pair['z']):.0f} standard errors of "
        f"five runs with that ±. Of the {len(top1)} leads of ArcGrad by "
        f"top-1 in the two tables, {(top1.abs() < gap).sum()} are smaller "
        "than that."
    )


def from_ten_to_hundred(
    ten: Mapping[str, pd.DataFrame], hundred: Mapping[str, pd.DataFrame]
) -> str:
    """Whether ArcGrad's leads grow from ten classes to a hundred.

    Args:
        ten: from the paper to `leads.beside` of its table of CIFAR-10.
        hundred: the same of CIFAR-100.
    """
    said = []
    for kind, word in KINDS.items():
        for paper in ten:
            few, many = (
                table[table["place"].isin(places)].set_index("rival")[kind]
                for table, places in (
                    (ten[paper], ("CIFAR10+",)),
                    (hundred[paper], ("Top-1", "Top1")),
                )
            )
            both = pd.DataFrame({"few": few, "many": many}).dropna()
            if len(both):
                said.append(
                    f"[{paper}], {word}: "
                    + ", ".join(
                        f"{name} {signed(pair.few, 2)} to "
                        f"{signed(pair.many, 2)}"
                        for name, pair in both.iterrows()
                    )
                )
    return (
        "ArcGrad's lead from CIFAR10+ to CIFAR100+, in points. "
        f"{'; '.join(said)}."
    )


def suffices(
    given: Mapping[str, float],
    needed: Mapping[str, Callable],
    level: float,
    classes: int = 100,
) -> str:
    """Whether the scales of the paper allow a probability.

    Args:
        given: from "ArcFace" and "ArcGrad" to their scale.
        needed: from "cosine" and "angle" to a function from classes to s.
        level: the probability.
        classes: C.
    """
    said, short = [], []
    for column, kind in (("ArcFace", "cosine"), ("ArcGrad", "angle")):
        least = needed[kind](classes)
        (said if given[column] >= least else short).append(
            f"{column}'s s = {given[column]:g} ({least:.1f} needed)"
        )
    text = ""
    if said:
        text += (
            f"With {classes} classes p = {level:g} is allowed by "
            f"{listed(said)}, at the simplex."
        )
    if short:
        text += f" It is not by {listed(short)}."
    return text.strip()


def duplicates(pairs: pd.DataFrame | None, number: int, images: int) -> str:
    """What images in both parts can change, at most.

    Args:
        pairs: as from `cifar_pages.in_both_parts`.
        number: how many there are by the card.
        images: of the test part.
    """
    if pairs is None:
        return (
            f"The card tells of {number} images that stand in both parts "
            "(the data are not on this machine to count them). They can "
            f"change an accuracy by {100 * number / images:.2f} points at "
            "most."
        )
    same = (pairs["in the test"] == pairs["in training"]).sum()
    other = len(pairs) - same
    names = sorted(
        {
            "/".join(sorted(pair))
            for pair in pairs.to_numpy().tolist()
            if pair[0] != pair[1]
        }
    )
    return (
        f"Counted in the data, {len(pairs)} test images stand in the "
        f"training part too, pixel by pixel (the card says {number}). "
        f"{same} of them have the same label there. {other} have another "
        f"one: {listed(names)}. A network that remembers them all gets at "
        f"most {100 * same / images:.2f} points for it, and loses up to "
        f"{100 * other / images:.2f}."
    )


def scales(records: Sequence[Mapping], floors: Mapping[float, float]) -> str:
    """What live runs at several scales show.

    Args:
        records: of one column at several s, and of others.
        floors: from s to ArcGrad's loss at the simplex.
    """
    if not records:
        return "Without the data there is no live run to read."
    runs = measured.of_records(records)
    if "s" not in runs or runs["s"].notna().sum() < 1:
        return "None of these runs has a scale to compare."
    said = []
    runs = runs.dropna(subset=["s", "accuracy"])
    for column, part in runs.groupby("column"):
        part = part.sort_values("s")
        said.append(
            f"{column} reaches "
            + listed(
                f"{one['accuracy']:.1f}% at s = {one['s']:g}"
                for one in part.to_dict("records")
            )
            + "."
        )
    ends = {
        one["hyperparameters"]["s"]: one["curves"]["train_loss"][-1]
        for one in records
        if one["column"] == "ArcGrad" and one["curves"].get("train_loss")
    }
    below = [
        f"at s = {s:g}: {end:.2f} in the last epoch, {floors[s]:.2f} at the "
        "simplex"
        for s, end in sorted(ends.items())
        if s in floors
    ]
    if below:
        said.append(f"ArcGrad's loss: {'; '.join(below)}.")
    said.append("A hint from a small network, one seed and few epochs.")
    return " ".join(said)
