"""What Table I says, published and measured, in sentences."""

from __future__ import annotations

import pandas as pd

from arcbook import statistics
from arcbook.analysis import comparisons, tables
from arcbook.verdicts import LEVEL, NOT_YET, TOO_FEW, listed


def noise(spread: pd.DataFrame) -> str:
    """How the ± of the cells compare with chance.

    Args:
        spread: as from `comparisons.spread`.
    """
    ratio = spread["std"] / spread["chance"]
    low = spread[ratio < 0.8]["dataset"].value_counts(sort=False)
    below = [f"{count} cells of {name}" for name, count in low.items()]
    high = spread[ratio > 2]
    text = (
        "The paper does not say what its ± is. Read as the standard "
        f"deviation over 100 test folds, {(ratio > 1).sum()} of "
        f"{len(spread)} printed cells lie above chance, {len(high)} of them "
        "at more than twice chance ("
        + "; ".join(f"{r.method} on {r.dataset}" for r in high.itertuples())
        + "). That reading does not fit everywhere. More than a fifth below "
        f"chance lie {listed(below)}, where random test folds of that size "
        "would spread more."
    )
    ours = (spread["measured_std"] / spread["measured_chance"]).dropna()
    if len(ours):
        text += (
            " The measured ± is the standard deviation over test folds: "
            f"{ours.median():.2f} times chance in the median cell, "
            f"{ours.min():.2f} to {ours.max():.2f} over all."
        )
    return text


def sums(summary: pd.DataFrame) -> str:
    """Whether printed averages and wins follow from the printed cells.

    Args:
        summary: as from `comparisons.summary`.
    """
    lines = ["Average, printed", "Average, from printed cells"]
    gap = summary.loc[lines].diff().abs().max().max()
    printed = summary.loc["Wins, printed"]
    cells = summary.loc["Wins, from printed cells"]
    missed = [
        column for column in cells.index if cells[column] > printed[column]
    ]
    return (
        "The printed averages follow from the printed cells"
        + (". " if gap < 0.006 else f" up to {gap:.2f} points. ")
        + f"The printed wins add up to {printed.sum():.0f}, the best cells "
        f"to {cells.sum():.0f}"
        + (
            f": a tied data set is not counted for {listed(missed)}."
            if missed
            else "."
        )
    )


def coins(table: pd.DataFrame, summary: pd.DataFrame, candidate: str) -> str:
    """What AdaCos on two classes is, published and measured.

    Args:
        table: as from `comparisons.coins`.
        summary: as from `comparisons.summary`.
        candidate: a column whose average is named beside that of AdaCos.
    """
    off = (table["mean"] - 50).abs().max()
    ratio = table["std"] / table["coin_std"]
    text = (
        f"The published means lie within {off:.1f} points of 50, and their "
        f"± is {ratio.min():.2f} to {ratio.max():.2f} times that of the "
        "coin. This suggests that the published AdaCos did not learn on "
        "these sets either."
    )
    seen = table.dropna()
    if len(seen):
        far = (seen["measured"] - 50).abs().max()
        text += (
            f" Of our networks {seen['constant'].sum():.0f} of "
            f"{seen['networks'].sum():.0f} give all rows one class; the "
            f"means lie within {far:.1f} points of 50."
        )
    lines = ["Average, printed", "Average, printed cells, C > 2"]
    averages = [
        f"{column} from {summary.loc[lines[0], column]:.2f} to "
        f"{summary.loc[lines[1], column]:.2f}"
        for column in dict.fromkeys(["AdaCos", candidate])
    ]
    return (
        f"{text} So {len(table)} of the data sets say nothing about AdaCos "
        "as a loss. Leaving them out takes the published averages of "
        f"{listed(averages)}."
    )


def ranks(cells: pd.DataFrame, candidate: str) -> str:
    """What the tests over data sets say, published and measured.

    Args:
        cells: as from `tables.beside`.
        candidate: the column that is compared with each other one.
    """
    sentences = []
    for word, value in (("Published", "mean"), ("Measured", "measured")):
        means = tables.wide(cells, value).dropna()
        if len(means) < comparisons.LEAST:
            sentences.append(f"**{word}.** {TOO_FEW}")
            continue
        averages = statistics.ranks(means).sort_values()
        critical = statistics.critical_difference(means.shape[1], len(means))
        far = averages[averages > averages.iloc[0] + critical]
        overall = statistics.friedman(means)
        without = statistics.friedman(means.drop(columns="AdaCos"))
        pairs = comparisons.against(means, candidate)
        better = pairs[(pairs["p_holm"] < LEVEL) & (pairs["difference"] > 0)]
        worse = pairs[(pairs["p_holm"] < LEVEL) & (pairs["difference"] < 0)]
        sentences.append(
            f"**{word}** ({_sets(len(means))}). Friedman's test "
            f"{_finds(overall)} a difference between the columns "
            f"(p = {overall:.2g}), and without AdaCos it {_finds(without)} "
            f"one (p = {without:.2g}). {averages.index[0]} ranks first with "
            f"{averages.iloc[0]:.2f}; further behind it than the critical "
            f"difference of {critical:.2f}: {listed(far.index)}. By "
            f"Wilcoxon's test with Holm's correction {candidate} is better "
            f"than {listed(better['other'])}"
            + (
                f", and worse than {listed(worse['other'])}."
                if len(worse)
                else "."
            )
        )
    return "\n\n".join(sentences)


def within(pairs: pd.DataFrame, candidate: str, baseline: str) -> str:
    """In how many data sets two columns differ beyond their noise.

    Args:
        pairs: as from `comparisons.within`.
        candidate, baseline: the two columns.
    """
    known = pairs.dropna(subset=["difference"])
    if known.empty:
        return NOT_YET
    better = known[known["low"] > 0]["dataset"]
    worse = known[known["high"] < 0]["dataset"]
    sure = known[known["p_holm"] < LEVEL]["dataset"]
    half = (known["high"] - known["low"]) / 2
    small = known[known["published"].abs() < half]
    return (
        f"{candidate} is better than {baseline} beyond the noise on "
        f"{len(better)} of {len(known)} data sets ({listed(better)}), worse "
        f"on {len(worse)} ({listed(worse)}). On the other "
        f"{len(known) - len(better) - len(worse)} the interval holds 0. "
        f"After Holm's correction {len(sure)} remain ({listed(sure)}). The "
        f"intervals reach {half.min():.1f} to {half.max():.1f} points to "
        f"each side, {half.median():.1f} in the middle; on {len(small)} "
        f"of {len(known)} data sets the published difference is smaller "
        "than that reach."
    )


def apart(cells: pd.DataFrame, far: pd.DataFrame) -> str:
    """Where published and measured means are far from each other.

    Args:
        cells: as from `tables.beside`.
        far: as from `comparisons.apart`.
    """
    known = cells.dropna(subset=["measured"])
    if known.empty:
        return NOT_YET
    gap = known["measured"] - known["mean"]
    coin = (known["method"] == "AdaCos") & known["dataset"].isin(
        comparisons.two_class()
    )
    trained = known[~coin]
    wide = trained[trained["std"] > 15]
    failed = trained[trained["constant"] + trained["diverged"] > 0]
    above = (far["gap"] > 0).sum()
    text = (
        f"Measured is above published in {(gap > 0).sum()} of {len(known)} "
        f"cells, by {gap.median():+.1f} points in the middle. "
        f"{len(far)} cells are more than 5 points apart: {above} above, "
        f"{len(far) - above} below. "
    )
    if len(wide):
        both = wide["measured"] - wide["mean"]
        text += (
            f"Of the {len(wide)} measured cells whose printed ± exceeds 15 "
            "points (AdaCos on two classes left out), "
            f"{(both > 5).sum()} are more than 5 points higher here, and "
            f"our ± there is {wide['measured_std'].median():.1f} in the "
            f"middle against {wide['std'].median():.1f}. A large ± below a "
            "low mean suggests that some of the published trainings "
            "failed; the paper does not say. "
        )
    counts = [
        f"{one.method} on {one.dataset} ({one.constant + one.diverged:.0f})"
        for one in failed.itertuples()
    ]
    return text + (
        "Cells in which some of our networks give one class to all rows or "
        f"diverged: {listed(counts)}, AdaCos on two classes aside."
    )


def table1(cells: pd.DataFrame, records, candidate: str, baseline: str) -> str:
    """What of the published comparison holds here, and what does not.

    Args:
        cells, records: as from `tables.beside`, `experiments.records`.
        candidate, baseline: columns.
    """
    measured = tables.wide(cells, "measured").dropna()
    if len(measured) < comparisons.LEAST:
        return f"**What holds, what does not.** {TOO_FEW}"
    published = tables.wide(cells).loc[measured.index]
    old, new = published.mean(), measured.mean()
    trained = measured.columns.drop("AdaCos")
    range_old = old[trained].max() - old[trained].min()
    range_new = new[trained].max() - new[trained].min()
    gap_old = old[candidate] - old[baseline]
    gap_new = new[candidate] - new[baseline]
    pairs = comparisons.within(cells, records, candidate, baseline)
    pairs = pairs.dropna(subset=["difference"])
    real = ((pairs["low"] > 0) | (pairs["high"] < 0)).sum()
    won = tables.wins(measured)
    over = statistics.friedman(measured[trained])
    agree = old.idxmax() == new.idxmax()
    again = comparisons.against(measured, candidate).set_index("other")
    sure = baseline in again.index and again.loc[baseline, "p_holm"] < LEVEL
    rivals = ["Center", "ArcFace", "AdaCos"]
    ahead = [name for name in rivals if new["Soft"] > new[name]]
    soft = (
        f"Soft is above {listed(ahead)} on average here; the paper has it "
        f"above {listed(rivals)}."
    )
    holds = [
        soft if ahead == rivals else "",
        "AdaCos learns nothing on two classes here, and its published cells "
        "look the same."
        if _coins_agree(cells)
        else "",
        f"{new.idxmax()} has the highest average here as in the paper."
        if agree
        else "",
        f"{candidate} is above {baseline} on average in both, by "
        f"{gap_old:.2f} points published and {gap_new:.2f} measured."
        if gap_old * gap_new > 0 and gap_old > 0
        else "",
        f"The difference between {candidate} and {baseline} over the data "
        "sets is real by Wilcoxon's test."
        if sure
        else "",
    ]
    fails = [
        "" if ahead == rivals else soft,
        ""
        if agree
        else f"The highest average is that of {new.idxmax()} here, of "
        f"{old.idxmax()} in the paper.",
        ""
        if gap_old * gap_new > 0
        else f"{candidate} − {baseline} is {gap_old:+.2f} points on "
        f"average as published and {gap_new:+.2f} as measured.",
        f"Without AdaCos the averages span {range_new:.2f} points here, "
        f"{range_old:.2f} in the paper.",
        f"Over the data sets, Friedman's test {_finds(over)} a difference "
        f"between the columns without AdaCos (p = {over:.2g}).",
        f"{candidate} wins {won[candidate]} of {len(measured)} data sets "
        f"here, {tables.wins(published)[candidate]} of the same in the "
        "paper.",
        f"Inside a data set {candidate} and {baseline} differ beyond noise "
        f"on {real} of {len(pairs)}.",
        ""
        if sure
        else f"Over the data sets {candidate} and {baseline} cannot be told "
        "apart by Wilcoxon's test.",
    ]
    return (
        f"**What holds.** {' '.join(filter(None, holds)) or 'Nothing here.'}"
        f"\n\n**What does not, or not to that extent.** "
        f"{' '.join(filter(None, fails))}"
    )


def _sets(number):
    return f"{number} data set" + ("" if number == 1 else "s")


def _finds(p):
    return "finds" if p < LEVEL else "does not find"


def _coins_agree(cells):
    coins = comparisons.coins(cells).dropna()
    return len(coins) > 0 and bool(
        (coins["constant"] > 0.9 * coins["networks"]).all()
    )
