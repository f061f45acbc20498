"""What the candidates of the protocol tell, in sentences."""

from __future__ import annotations

import pandas as pd

from arcbook.experiments import uci


def candidates(scores: pd.DataFrame, by_loss: pd.DataFrame) -> str:
    """The protocol, and what another candidate would have given.

    Args:
        scores, by_loss: as from `candidates.validation`.
    """
    settings = [
        f"{name.replace('_', ' ')} {value:g}"
        for name, value in uci.PROTOCOL.items()
    ]
    text = f"The protocol: {', '.join(settings)}."
    if scores.empty:
        return f"{text} Its candidates are not measured yet."
    chosen = tuple(uci.PROTOCOL[name] for name in uci.CANDIDATES)
    kept = scores.set_index(list(uci.CANDIDATES))["accuracy"]
    if chosen not in kept.index:
        return f"{text} It is not one of the candidates that were measured."
    best = kept.idxmax()
    lost = kept.max() - kept.loc[chosen]
    own = by_loss.max() - by_loss.loc[chosen]
    gains = [f"{name} {gain:.2f}" for name, gain in own.items()]
    return (
        f"{text} On {scores['sets'].iloc[0]} of the data sets the candidates "
        f"span {kept.max() - kept.min():.2f} points on average. "
        + (
            "The one used is the best of them. "
            if best == chosen
            else "The best of them is width {}, {} epochs, lr {:g}".format(
                *best
            )
            + f", {lost:.2f} points above the one used. "
        )
        + "With a candidate of its own, chosen on the same validation rows, "
        f"a column would gain there: {', '.join(gains)} points."
    )


def likeness(rows: pd.DataFrame, published: float, names: tuple) -> str:
    """Whether training less gives the published difference.

    Args:
        rows: as from `candidates.likeness`.
        published: the published gap, mean over the same data sets.
        names: candidate and baseline.
    """
    if rows.empty:
        return "The candidates of the protocol are not measured yet."
    near = rows.loc[rows["distance"].idxmin()]
    far = rows.loc[rows["distance"].idxmax()]
    best = rows.loc[rows["accuracy"].idxmax()]
    worst = rows.loc[rows["accuracy"].idxmin()]
    alike = rows[["accuracy", "gap"]].corr("spearman").iloc[0, 1]
    most = rows["gap"].max()
    text = (
        f"Where {names[1]} is trained best, {names[0]} − {names[1]} is "
        f"{round(best['gap'], 2) + 0.0:+.2f} points; where it is trained "
        f"worst, {worst['gap']:+.2f}; published {published:+.2f}. Over the "
        f"{len(rows)} candidates accuracy of {names[1]} and the gap have a "
        f"rank correlation of {alike:+.2f}. The candidate that is nearest to "
        f"the published cells is width {near['width']:.0f}, "
        f"{near['epochs']:.0f} epochs, lr {near['lr']:g}, "
        f"{near['distance']:.1f} points off; the furthest is "
        f"{far['distance']:.1f} points off. "
    )
    if published > 0 and most < published / 2:
        return text + (
            f"The largest gap of any candidate is {most:+.2f}, so no "
            "training within this range accounts for the published one."
        )
    if published > 0 and alike < -0.5:
        return text + (
            "This suggests that a part of the published difference is one of "
            f"speed: {names[0]} is further on when training ends early. "
            "Whether the paper's training did end early is not known."
        )
    return text + (
        "So a shorter training does not, by these candidates, account for "
        "the published difference."
    )


def lengths(rows: pd.DataFrame, published: float, names: tuple) -> str:
    """Whether the gap on one data set closes as training gets longer.

    Args:
        rows: as from `uci.run_one`, with column and epochs.
        published: the published gap on that data set.
        names: candidate and baseline.
    """
    wide = rows.pivot(index="epochs", columns="column", values="accuracy")
    gap = wide[names[0]] - wide[names[1]]
    steps = [f"{value:+.1f} after {epochs}" for epochs, value in gap.items()]
    text = (
        f"{names[0]} − {names[1]} in points: {', '.join(steps)} epochs; "
        f"published {published:+.1f}. "
    )
    if gap.max() > 5 and gap.iloc[-1] < gap.max() / 2:
        return text + (
            f"On this data set a gap of {gap.max():.1f} points comes and "
            "goes with the length of training, which suggests that it is "
            "one of speed."
        )
    return text + (
        "On this data set no large gap comes and goes with the length of "
        "training."
    )
