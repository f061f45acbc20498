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
    text = (
        f"Where {names[1]} is trained best, {names[0]} − {names[1]} is "
        f"{best['gap']:+.2f} points; where it is trained worst, "
        f"{worst['gap']:+.2f}; published {published:+.2f}. Over the "
        f"{len(rows)} candidates accuracy of {names[1]} and the gap have a "
        f"rank correlation of {alike:+.2f}. The candidate that is nearest to "
        f"the published cells is width {near['width']:.0f}, "
        f"{near['epochs']:.0f} epochs, lr {near['lr']:g}, "
        f"{near['distance']:.1f} points off; the furthest is "
        f"{far['distance']:.1f} points off. "
    )
    if alike < -0.5 and worst["gap"] > best["gap"] and published > 0:
        return text + (
            "This suggests that a part of the published difference is one of "
            f"speed: {names[0]} is further on when training ends early. "
            "Whether the paper's training did end early is not known."
        )
    return text + (
        "So a shorter training does not, by these candidates, account for "
        "the published difference."
    )
