"""How features scatter, in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from arcbook.analysis import scatter
from arcbook.verdicts import listed


def hint(text: str) -> str:
    """What the quick runs say, marked as a hint."""
    return f"As a hint only: {text[0].lower()}{text[1:]}" if text else ""


def course_title(means: pd.DataFrame, kind: str = "Measured") -> str:
    """The point of histograms, for the title of their figure.

    Args:
        means: as from `scatter.courses`.
        kind: "Measured", "Quick profile" or "Live".
    """
    if means.empty:
        return kind
    end = means.iloc[-1].sort_values()
    ends = [f"{value:.0f}° ({name})" for name, value in end.items()]
    ends = f"{ends[0]} to {ends[-1]}" if len(ends) > 1 else ends[0]
    return f"{kind}: after {means.index[-1]} epochs a mean angle of {ends}"


def matrices_title(table: pd.DataFrame, kind: str = "Measured") -> str:
    """The point of cosine and confusion matrices.

    Args:
        table: as from `scatter.matrices`, of one benchmark.
        kind: "Measured", "Quick profile" or "Live".
    """
    known = table.dropna(subset=["accuracy"])
    if known.empty:
        return kind
    where = "within" if known["within classes"].notna().any() else "between"
    cosines = known[f"{where} classes"].agg(["min", "max"])
    right = known["accuracy"].agg(["min", "max"])
    ends = " to ".join(map(scatter.cosine, dict.fromkeys(cosines)))
    shares = " to ".join(f"{x:.1f}%" for x in dict.fromkeys(right))
    return f"{kind}: mean cosine {where} classes {ends}, {shares} right"


def course(means: pd.DataFrame) -> str:
    """Whether the intra-class angle falls faster, and lower, than Soft's.

    Args:
        means: as from `scatter.courses`.
    """
    if means.empty:
        return ""
    if means.shape[1] < 2 or "Soft" not in means:
        return "Without Soft and another loss there is nothing to compare."
    early = scatter.against_soft(means, "early")
    late = scatter.against_soft(means, "late")
    faster = early.index[(early > 0)]
    lower = late.index[(late > 0)]
    end = means.iloc[-1].sort_values()
    ends = [end.index[0], end.index[-1]]
    soft = "" if "Soft" in ends else f"; Soft's ends at {end['Soft']:.1f}°"
    return (
        "Early in training the mean angle is below Soft's for "
        f"{listed(faster)}, and at the end for {listed(lower)}. The means "
        f"end between {end.iloc[0]:.1f}° ({ends[0]}) and "
        f"{end.iloc[-1]:.1f}° ({ends[1]}){soft}."
    )


def centre_and_features(cells: pd.DataFrame, means: pd.DataFrame) -> str:
    """WC-Intra beside the mean angle of the features themselves.

    Args:
        cells: as from `compactness.angles`.
        means: as from `scatter.courses`, of the same runs.
    """
    within = cells[cells["metric"] == "WC-Intra"].set_index("method")
    within = np.degrees(within["measured"]).dropna()
    both = pd.DataFrame(
        {"WC-Intra": within, "mean": means.iloc[-1] if len(means) else {}}
    ).dropna()
    if both.empty:
        return ""
    gap = (both["mean"] - both["WC-Intra"]).sort_values()
    most, least = gap.index[-1], gap.index[0]
    return (
        "WC-Intra is the angle of the centre, not of the features: for "
        f"{most} it is {both.loc[most, 'WC-Intra']:.1f}° where the features "
        f"stand {both.loc[most, 'mean']:.1f}° from their class vector on "
        f"average, for {least} {both.loc[least, 'WC-Intra']:.1f}° and "
        f"{both.loc[least, 'mean']:.1f}°."
    )


def matrices(table: pd.DataFrame) -> str:
    """What the cosines tell apart that the confusions do not.

    Args:
        table: as from `scatter.matrices`, of one benchmark.
    """
    if table.empty:
        return ""
    known = table.dropna(subset=["accuracy"]).set_index("loss")
    if len(known) < 2:
        return "With fewer than two losses there is nothing to compare."
    benchmark = known["benchmark"].iloc[0]
    text = []
    for name in ("within classes", "between classes"):
        values = known[name].dropna().sort_values()
        if len(values):
            text.append(
                f"the mean cosine {name} runs from "
                f"{scatter.cosine(values.iloc[0])} ({values.index[0]}) to "
                f"{scatter.cosine(values.iloc[-1])} ({values.index[-1]})"
            )
    ends = known["accuracy"].sort_values()
    sentence = ", and ".join(text)
    return (
        f"On {benchmark} {sentence}. The confusions hold no "
        f"angle; by them the losses have {ends.iloc[0]:.1f}% "
        f"({ends.index[0]}) to {ends.iloc[-1]:.1f}% ({ends.index[-1]}) "
        "right."
    )
