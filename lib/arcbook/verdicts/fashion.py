"""What Fashion-MNIST says of scales and losses, in sentences and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from arcbook import experiments
from arcbook.analysis import measured, phases, tables
from arcbook.analysis.tables import UNMEASURED
from arcbook.audit.verdicts import NOT_REPLICATED, REPLICATED
from arcbook.chapters.audit import NAMES
from arcbook.verdicts import NOT_YET, listed

SMALLER = "ArcGrad's sentence, that a smaller s gives tighter classes"
LARGER = "Angular Learning's sentence, that a larger s gives the smaller angle"
ANGLES = {
    "WC-Intra, °": "wc_intra",
    "W-Inter, °": "w_inter",
    "C-Inter, °": "c_inter",
}
SIDES = "Arc", "Center"
OTHERS = "Soft", "ArcFace"


def label(records: Sequence[Mapping]) -> str:
    """What records are, in front of a caption."""
    if not records:
        return ""
    one = records[0]
    images = max(x.get("train_images", 0) for x in records)
    of = f"{images:,} training images, {one['epochs']} epochs"
    if one["profile"] == "full":
        return f"Full profile: {of}."
    return f"Quick profile: {of}; enters no comparison with the paper."


def scales(id: str, profile: str, records: Sequence[Mapping]) -> str:
    """Where the runs come from, which sentence they support, and when.

    Args:
        id: of the experiment.
        profile: "quick" or "full".
        records: of the experiment.
    """
    hint = profile == "quick"
    grid = experiments.runs(id, profile)
    said = which(phases.ends(records), len(grid), hint)
    seen = phases_seen(phases.course(records)), accuracies(records)
    said = " ".join(filter(None, (said, *seen)))
    before = "A hint, no more: " if hint and records else ""
    return f"{tables.provenance(id, profile, records)}\n\n{before}{said}"


def which(ends: pd.Series, runs: int, hint: bool = False) -> str:
    """Which of the two sentences the angles at the end support.

    Args:
        ends: as from `phases.ends`.
        runs: how many scales there should be.
        hint: whether these are runs of the quick profile.
    """
    lost, ends = [*ends.index[ends.isna()]], ends.dropna()
    there = len(ends) + len(lost)
    if there < runs:
        few = f"{there} of {runs} scales are measured: too few to compare."
        return few if there else NOT_YET
    if len(ends) < 3:
        return f"{len(lost)} of {runs} runs diverged: too many to compare."
    wider = int((ends.diff().dropna() > 0).sum())
    steps = len(ends) - 1
    span = (
        f"WC-Intra ends at {_degrees(ends.iloc[0])}° for s = "
        f"{ends.index[0]:g} and at {_degrees(ends.iloc[-1])}° for s = "
        f"{ends.index[-1]:g}"
    )
    if wider in (0, steps):
        ours, theirs = (SMALLER, LARGER) if wider else (LARGER, SMALLER)
        word = "It points to" if hint else "This supports"
        said = (
            f"**{word} {ours}**, and speaks against {theirs}. {span}, "
            f"and each of the {steps} steps to a larger s makes it "
            f"{'wider' if wider else 'narrower'}."
        )
    else:
        tau = stats.kendalltau(ends.index, ends.to_numpy()).statistic
        said = (
            f"**As printed, neither sentence holds here.** {span}. Of "
            f"{steps} steps to a larger s, {wider} make it wider and "
            f"{steps - wider} narrower (rank correlation {tau:+.2f})."
        )
    if lost:
        names = listed(f"s = {s:g}" for s in lost)
        said += f" {names} diverged and counts for neither."
    return f"{said} One run a scale: what another seed would change is open."


def phases_seen(course: pd.DataFrame) -> str:
    """When a larger and when a smaller scale was the tighter one.

    Args:
        course: as from `phases.course`.
    """
    order = phases.order(course)
    if order.empty:
        return ""
    settled, last = phases.settled(order), order["step"].iloc[-1]
    ahead = order[order["tau"] < 0]
    looks = f"{len(ahead)} of {len(order)} looks"
    if settled is None:
        return (
            f"A larger s is the tighter one at {looks}, by rank correlation, "
            "and a smaller one is not at the last."
        )
    if ahead.empty:
        return (
            "At no look is a larger s the tighter one, by rank correlation: "
            "the first phase of the derivation does not show."
        )
    return (
        f"A larger s is the tighter one at {looks}, by rank correlation, the "
        f"last of them at step {ahead['step'].iloc[-1]:.0f}. From step "
        f"{settled} of {last:.0f} on a smaller s is, at every look. So the "
        "curves cross, as in the derivation."
    )


def accuracies(records: Iterable[Mapping], limit: float = 3.0) -> str:
    """Test accuracy above a scale, and up to it.

    Args:
        records: runs of ArcGrad that differ in nothing but the scale.
        limit: the scale.
    """
    above, upto = [], []
    for one in records:
        if not one["metrics"]["diverged"]:
            place = above if one["hyperparameters"]["s"] > limit else upto
            place.append(100 * one["metrics"]["test_accuracy"])
    if not (above and upto):
        return ""
    return (
        f"Test accuracy is {min(above):.1f} to {max(above):.1f}% at s above "
        f"{limit:g}, and {min(upto):.1f} to {max(upto):.1f}% at s up to "
        f"{limit:g}."
    )


def angles(id: str, profile: str, records: Iterable[Mapping]) -> pd.DataFrame:
    """Angles and accuracy at the end, a row a run of the grid, as text.

    Args:
        id: of an experiment with one seed.
        profile: "quick" or "full".
        records: of the experiment.

    Returns:
        s of runs that differ in it, else the loss; mean own angle θ_y of
        the samples, WC-Intra, W-Inter, C-Inter in degrees, accuracy in
        percent. †: stale.
    """
    grid = experiments.runs(id, profile)
    known = {_key(one): one for one in records}
    scales = len({run["column"] for run in grid}) == 1
    rows = []
    for run in grid:
        name = (
            {"s": f"{run['hyperparameters']['s']:g}"}
            if scales
            else {"loss": run["column"]}
        )
        rows.append(name | _cells(known.get(_key(run))))
    return pd.DataFrame(rows)


def _key(run):
    return run["column"], tuple(run["hyperparameters"].items())


def _cells(record):
    names = ["θ_y, °", *ANGLES, "accuracy, %"]
    if record is None:
        return dict.fromkeys(names, UNMEASURED)
    found = record["metrics"]
    if found["diverged"]:
        return dict.fromkeys(names, "diverged")
    values = [
        math.degrees(phases.sample_angle(record)),
        *(math.degrees(found[name]) for name in ANGLES.values()),
        100 * found["test_accuracy"],
    ]
    mark = "†" if record["stale"] else ""
    return {n: f"{x:.1f}{mark}" for n, x in zip(names, values, strict=True)}


def pulled(runs: Mapping[float, pd.DataFrame], classes: int) -> str:
    """How much of the pull is left, and the own angle that goes with it.

    Args:
        runs: from s to a table as from `phases.pulls`.
        classes: C, of the derived angle.
    """
    said = []
    for s, table in runs.items():
        left, own = table["left"].mean(), table["own"].mean()
        derived = phases.own_angle_left(left, s, classes)
        said.append(
            f"At s = {s:g} the images have {left:.0%} of the pull left on "
            "average. {eq}`eq-fashion-left` puts that at "
            f"{_degrees(derived)}°; measured, θ_y is {_degrees(own)}° on "
            "average and between "
            f"{_degrees(table['own'].quantile(0.05))}° and "
            f"{_degrees(table['own'].quantile(0.95))}° for nine in ten."
        )
    return "\n\n".join(said)


def certainty(scales: Sequence[float], classes: int) -> pd.DataFrame:
    """`phases.certainty` as text."""
    table = phases.certainty(scales, classes)
    return pd.DataFrame(
        {
            "s": [f"{s:g}" for s in table["s"]],
            "p": [f"{p:.3f}" for p in table["p"]],
            "1 − p": [f"{rest:.2g}" for rest in table["left"]],
        }
    )


def error_table(cells: pd.DataFrame, printed: bool = True) -> pd.DataFrame:
    """Errors in percent as text, with 95% intervals of the test images.

    Args:
        cells: as from `measured.beside` of Table 5.
        printed: whether the printed ones stand beside; the methods that the
            paper cites have no others.
    """
    if not printed:
        cells = cells[cells["expected"] > 0]
    rows = cells.to_dict("records")
    table = {"method": [one["method"] for one in rows]}
    if printed:
        table["printed, %"] = [f"{one['published']:.2f}" for one in rows]
    table["measured, %"] = [measured.text(one) for one in rows]
    table["interval, %"] = [
        "–"
        if math.isnan(one["low"])
        else f"{one['low']:.2f} to {one['high']:.2f}"
        for one in rows
    ]
    return pd.DataFrame(table)


def errors(cells: pd.DataFrame) -> str:
    """Whether Arc and Center have the lowest errors, beyond the noise.

    Args:
        cells: as from `measured.beside` of Table 5.
    """
    ours = cells[cells["expected"] > 0].set_index("method")
    done = ours["runs"].eq(ours["expected"])
    if not done.all():
        few = f"{done.sum()} of {len(ours)} losses are measured: too few."
        return few if done.any() else NOT_YET
    if ours["measured"].isna().any():
        lost = listed(ours.index[ours["measured"].isna()])
        return f"{lost} diverged, so the four cannot be compared."
    best = ours["measured"].sort_values()
    gaps = [
        _gap(ours.loc[b, "measured"], ours.loc[a, "measured"])
        for a in SIDES
        for b in OTHERS
    ]
    clear = sum(low > 0 for low, _ in gaps)
    against = sum(high < 0 for _, high in gaps)
    return (
        f"The lowest error measured is that of {best.index[0]}, "
        f"{best.iloc[0]:.2f}%, the highest that of {best.index[-1]}, "
        f"{best.iloc[-1]:.2f}%. Of the four differences that the sentence "
        f"is about (Arc and Center below Soft and ArcFace), {clear} are so "
        f"beyond the error of the test images and {against} are the other "
        "way round beyond it."
    )


def _gap(other, ours, images=10_000):
    """95% interval of a difference of two errors in percent."""
    shares = np.array([other, ours]) / 100
    half = 1.96 * 100 * math.sqrt((shares * (1 - shares)).sum() / images)
    return other - ours - half, other - ours + half


def ending(items: Iterable) -> str:
    """What holds, what does not and what is not known, three paragraphs.

    Args:
        items: as from `audit.claims`.
    """
    items = [*items]
    named = {REPLICATED: [], NOT_REPLICATED: []}
    for item in items:
        if item.verdict in named:
            printed = item.printed.rstrip(".")
            named[item.verdict].append(f"“{printed}” ({NAMES[item.paper]})")
    holds, fails = ("; ".join(v) or "none so far" for v in named.values())
    still = len(items) - sum(map(len, named.values()))
    return (
        "**What holds.** Along the gradient both sentences are right, each "
        "in its phase: at first a larger s is tighter, later a smaller one. "
        "At equal certainty the gap goes like 1/s. Of the claims of this "
        f"page, these agree with the full records: {holds}.\n\n"
        "**What does not.** Neither sentence follows from the loss alone, "
        "without saying when to look. In print the errors of the four losses "
        "are closer than the test set can tell apart. Against the full "
        f"records stand: {fails}.\n\n"
        f"**What is not known.** {still} of {len(items)} claims are open; "
        "the list below says why. One run a cell does not say what another "
        "seed would change. How much of the early phase Adam leaves is "
        "measured here and not derived. Whether the paper's features passed "
        "a ReLU it does not say; here they do not."
    )


def _degrees(angle):
    return f"{math.degrees(angle):.0f}"
