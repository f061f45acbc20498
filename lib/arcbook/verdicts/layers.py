"""What depth does to small networks, in sentences."""

from __future__ import annotations

import pandas as pd

from arcbook.analysis import comparisons
from arcbook.verdicts import NOT_YET, listed

NEAR = 12.0
HIGH = 85.0
CLEAR = 5.0


def at_depth(
    course: pd.DataFrame, claimed, chance: float, at: int = 10
) -> str:
    """What the paper says of many layers, and what is measured there.

    Args:
        course: as from `depth.curve`.
        claimed: the columns that the paper puts at chance.
        chance: accuracy of networks that answer one class, in percent.
        at: the number of layers of the claim.
    """
    if course.empty:
        return NOT_YET
    there = course[course["layers"] == at].set_index("column")
    said = [
        f"{name} {there.loc[name, 'mean']:.1f}% "
        f"({there.loc[name, 'constant']:.0f}% of its networks give one class)"
        for name in claimed
        if name in there.index
    ]
    at_chance = there[there["high"] < 100 / 3 + NEAR].index
    deepest = course["layers"].max()
    last = course[course["layers"] == deepest].set_index("column")["mean"]
    best = there["mean"].sort_values(ascending=False)
    return (
        f"At {at} layers {listed(said)}. Of the {len(there)} columns measured "
        f"there, {listed(at_chance)} stand at chance. "
        f"{best.index[0]} is highest with {best.iloc[0]:.1f}%, "
        f"{best.index[-1]} lowest with {best.iloc[-1]:.1f}%. At {deepest:.0f} "
        f"layers the columns stand between {last.min():.1f}% "
        f"({last.idxmin()}) and {last.max():.1f}% ({last.idxmax()}); "
        f"networks that answer the largest class of their training fold "
        f"would reach {chance:.1f}%."
    )


def claim(course: pd.DataFrame, claimed, at: int = 10) -> str:
    """What of the published claim on depth holds here.

    Args:
        course: as from `depth.curve`.
        claimed: the columns that the paper puts at chance.
        at: the number of layers of the claim.
    """
    there = course[course["layers"] == at] if len(course) else course
    there = there.set_index("column")
    if there.empty or len(there) < len(set(course["column"])):
        return f"**What holds, what does not.** {NOT_YET}"
    named = [name for name in claimed if name in there.index]
    low = [name for name in named if there.loc[name, "high"] < 100 / 3 + NEAR]
    high = [name for name in named if name not in low]
    base = course[course["layers"] == 3].set_index("column")["mean"]
    decay = (base - there["mean"]).dropna().sort_values()
    soft = decay.drop([k for k in decay.index if k.startswith("ArcGrad")])
    own = decay.drop(soft.index)
    beyond = soft[soft <= own.max()]
    first = (
        f"From 3 to {at} layers {decay.index[0]} loses least, "
        f"{decay.iloc[0]:.1f} points, and {decay.index[-1]} most, "
        f"{decay.iloc[-1]:.1f}."
    )
    listing = [f"{name} {there.loc[name, 'mean']:.1f}%" for name in high]
    holds = [
        f"{listed(low)} stand at chance at {at} layers." if low else "",
        first if decay.index[0].startswith("ArcGrad") else "",
    ]
    fails = [
        f"Where the paper has chance at {at} layers, it is not chance here: "
        f"{listed(listing)}."
        if high
        else "",
        "" if decay.index[0].startswith("ArcGrad") else first,
        "The advantage is not that of ArcGrad alone: "
        f"{listed(beyond.index)} "
        f"{'falls' if len(beyond) == 1 else 'fall'} no further than the "
        f"{own.idxmax()} column."
        if len(beyond)
        else "",
    ]
    return (
        f"**What holds.** {' '.join(filter(None, holds)) or 'Nothing here.'}"
        f"\n\n**What does not, or not to that extent.** "
        f"{' '.join(filter(None, fails)) or 'Nothing here.'}"
    )


def order(crossing: pd.Series, falls: pd.Series) -> str:
    """Whether the gradient before training tells who falls first.

    Args:
        crossing, falls: as from `depth.crossing` and `depth.falls`.
    """
    both = pd.DataFrame({"crossing": crossing, "falls": falls}).dropna()
    if len(both) < comparisons.LEAST:
        return (
            "Too few columns are measured down to where they fall, so the "
            "order cannot be compared yet."
        )
    gap = both["falls"] - both["crossing"]
    alike = both.rank().corr().iloc[0, 1]
    return (
        "Accuracy on Iris falls below 90% at a number of layers that is "
        f"{gap.min():+.0f} to {gap.max():+.0f} from the crossing; the rank "
        f"correlation of the two over {len(both)} columns is {alike:.2f}."
    )


def without_decay(
    rows: pd.DataFrame, usual: float, chance: float = 100 / 3
) -> str:
    """What training without weight decay does to deep networks.

    Args:
        rows: as from `uci.run_one`, with column, layers, weight_decay.
        usual: the weight decay that is compared with 0.
        chance: accuracy of giving all rows the largest class, in percent.
    """
    near = chance + NEAR
    wide = rows.pivot(
        index=["column", "layers"], columns="weight_decay", values="accuracy"
    )
    gain = wide[0.0] - wide[usual]
    most = gain.abs().idxmax()
    low, still = ((wide[k] < near).sum() for k in (usual, 0.0))
    if low == 0:
        end = "Nothing stands near chance here, so there is little to explain."
    elif wide[0.0].min() > HIGH:
        end = (
            "So what takes these networks to chance is weight decay, beside "
            "a gradient that depth has made small. It is not depth alone."
        )
    elif still < low:
        end = (
            "So weight decay, beside a gradient that depth has made small, "
            "is part of what takes these networks to chance. It is not all: "
            f"without it they stand between {wide[0.0].min():.1f}% and "
            f"{wide[0.0].max():.1f}%."
        )
    else:
        end = "Here weight decay does not explain the fall."
    return (
        f"Without weight decay accuracy is more than {CLEAR:g} points higher "
        f"in {(gain > CLEAR).sum()} of {len(gain)} cases and more than "
        f"{CLEAR:g} points lower in {(gain < -CLEAR).sum()}. The largest "
        f"change is that of {most[0]} with {most[1]} layers: from "
        f"{wide.loc[most, usual]:.1f}% to {wide.loc[most, 0.0]:.1f}%. Below "
        f"{near:.0f}% stand {low} cases with it and {still} without. "
        f"{end}"
    )
