"""CIFAR-10: leads over epochs, the one-cycle rate, what five seeds show."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from torch.optim.lr_scheduler import OneCycleLR

from arcbook import datasets, experiments, plot, stats
from arcbook.chapters import cifar
from arcbook.plot import BASELINE, INK

DASHES = {"arcgrad": "-", "angular-learning": (0, (5, 2))}


def leads(rival: str = "Soft") -> pd.DataFrame:
    """Rows of `cifar.ahead` on CIFAR-10+, with their epochs.

    A lead is one of means of five runs where "five" is true, else of two runs.
    """
    one = cifar.ahead("epochs").assign(five=False)
    one["epochs"] = one["at"].astype(int)
    five = cifar.ahead("CIFAR-10").query("at == 'CIFAR10+'").assign(five=True)
    five["epochs"] = [
        experiments.runs(f"{paper}.{item}", "full")[0]["epochs"]
        for paper, item in zip(five["paper"], five["item"])
    ]
    both = pd.concat([one, five], ignore_index=True)
    return both[both["rival"] == rival].sort_values(["paper", "epochs"])


def opening(axes, rows: pd.DataFrame):
    """Publish the leads over epochs."""
    cifar.log_ticks(axes, [10, 20, 40, 80, 160])
    axes.axhline(0, color=INK, lw=1)
    for paper, part in rows.groupby("paper"):
        first = part.iloc[0]
        text = f"{cifar.TITLES[paper]} paper"
        if first["printed"] == rows["printed"].max():
            text, place = f"   {text}", "center"
        else:
            text, place = f"\n{text}", "top"
        axes.text(first["epochs"], first["printed"], text, va=place)
    rival = rows["rival"].iloc[0]
    axes.set_ylabel(f"ArcGrad ahead of {rival}, points")
    axes.set_xlabel("epochs that a run was planned for, log scale")
    few = rows[rows["epochs"] == 10]["printed"]
    both = " and ".join(f"{x:.1f}" for x in sorted(few, reverse=True))
    title = f"Printed after 10 epochs: {both} points, by one group"
    axes.set_title(f"{title}, on one network")
    plot.legend(axes.figure, *plot.kinds(rows))
    return plot.show(axes.figure)


def schedule(epochs: int, steps: int, rate: float = 1.0) -> np.ndarray:
    """The rate that PyTorch's one-cycle policy gives each step."""
    weight = torch.nn.Parameter(torch.zeros(()))
    adam = torch.optim.Adam([weight])
    cycle = OneCycleLR(adam, rate, total_steps=epochs * steps)
    found = []
    for _ in range(epochs * steps):
        found.append(cycle.get_last_lr()[0])
        adam.step()
        cycle.step()
    return np.array(found)


def cycle(planned: Sequence[int], steps: int):
    """The one-cycle rate against the epoch, for several lengths."""
    figure, axes = plt.subplots(figsize=(8, 4.2))
    at, shades = min(planned), np.linspace(1, 0.45, len(planned))
    for row, length in enumerate(sorted(planned)):
        rates = schedule(length, steps)
        epoch = np.arange(1, len(rates) + 1) / steps
        ink = {"color": plot.colour("arcgrad"), "alpha": shades[row]}
        axes.plot(epoch, rates, **ink)
        height = 1.03 + 0.06 * (row % 2)
        axes.text(epoch[rates.argmax()], height, f"planned for {length}")
        here = rates[at * steps - 1]
        axes.plot(at, here, "o", color=INK, ms=6, zorder=3)
        beside = here + (0.05 if here < 0.5 else -0.08)
        axes.text(at, beside, f"  {here:.0%}")
    axes.axvline(at, color=BASELINE, lw=1, ls=":")
    axes.set(xlim=0, ylim=(-0.02, 1.18))
    axes.set(xlabel="epoch", ylabel="learning rate / largest")
    axes.set_title(
        f"After {at} epochs the run of {at} is over, that of {length} is at "
        f"{here:.0%} of its rate"
    )
    return plot.show(figure)


def behind(records: Sequence[dict]) -> pd.Series:
    """How far the longest run is behind where the shortest one ends.

    Gives percentage points of test accuracy, by loss.
    """
    short, long = (f(one["epochs"] for one in records) for f in (min, max))
    there = pd.Series(
        {
            (one["epochs"], one["column"]): one["curves"]["test_accuracy"]
            for one in records
        }
    ).map(lambda curve: 100 * curve[short - 1])
    return (there[short] - there[long]).dropna()


def shown_by(stds: pd.Series) -> pd.DataFrame:
    """What five seeds of each loss can show, for each ± that is printed."""
    rows = []
    for std in sorted(set(stds.dropna())):
        gap = stats.around(0.0, std * math.sqrt(2 / cifar.SEEDS), 8)
        least = stats.detectable(std, cifar.SEEDS)
        rows.append((std, gap.half, least))
    heads = ["± between seeds", "95% interval, ±", "found 4 times of 5"]
    return pd.DataFrame(rows, columns=heads)


def over_epochs():
    """Accuracy against the number of epochs, a panel a paper."""
    rows = cifar.tables("epochs")
    rows = rows.assign(
        epochs=rows["at"].astype(int), height=error_spaced(rows["printed"])
    )
    figure, panels = plt.subplots(1, 2, figsize=(9, 5), sharey=True)
    panels[0].set_ylim(error_spaced(np.array([68, 96.7])))
    for axes, (paper, part) in zip(panels, rows.groupby("paper", sort=False)):
        axes.set_title(cifar.TITLES[paper], fontsize=11.5)
        cifar.log_ticks(axes, sorted(part["epochs"].unique()))
        look = {"hue": "method", "style": _hollow}
        plot.curves(part, "epochs", "height", axes=axes, **look)
        for one in part.itertuples():
            mark = plot.look(one.method) | {"ls": "none"}
            axes.plot(one.epochs, error_spaced(one.measured), **mark)
        axes.set_xlabel("epochs, log scale")
    ticks = np.array([70, 80, 85, 90, 92, 94])
    panels[0].set_yticks(error_spaced(ticks), map(str, ticks))
    panels[0].set_ylabel("accuracy, %, spaced by log error")
    plot.legend(figure, *plot.kinds(rows))
    return plot.show(figure)


def _hollow(column):
    mark = plot.look(column) | {"lw": 1} | plot.HOLLOW
    return mark | {"markeredgecolor": mark["color"]}


def error_spaced(accuracy):
    """Heights at which equal ratios of the error are equal distances."""
    return -np.log(100 - np.minimum(accuracy, 99.9))


RATES = "η = {:g} for both"
OWN_RATES = "η = 0.01 for Soft, 0.1 for ArcGrad"
BEST_RATES = "each at its best η"


def best_rates(runs: pd.DataFrame) -> pd.Series:
    """The learning rate of the highest mean accuracy, by column."""
    means = runs.groupby(["column", "learning_rate"])["accuracy"].mean()
    return means.unstack().idxmax(axis=1)


def rate_gaps(runs: pd.DataFrame) -> dict[str, stats.Estimate]:
    """ArcGrad's lead over Soft in points, by what sets the two rates.

    Differences are paired by seed. The best rates are chosen on the images
    on which the lead is measured.
    """
    values = runs.pivot_table("accuracy", "seed", ["column", "learning_rate"])
    best = best_rates(runs)
    pairs = {
        RATES.format(one): (one, one)
        for one in sorted(runs["learning_rate"].unique(), reverse=True)
    }
    pairs |= {OWN_RATES: (0.01, 0.1)}
    pairs |= {BEST_RATES: (best.get("Soft"), best.get("ArcGrad"))}
    return {
        name: stats.of_runs(
            (values["ArcGrad", ours] - values["Soft", soft]).dropna()
        )
        for name, (soft, ours) in pairs.items()
        if {("Soft", soft), ("ArcGrad", ours)} <= {*values}
    }


def rate_leads(runs: pd.DataFrame) -> pd.DataFrame:
    """`rate_gaps` and the two printed leads, for `plot.dots`.

    Gives a row each: scale ("reduced scale" or "printed"), rates, the lead.
    """
    rows = [
        {"scale": "reduced scale", "rates": name} | cifar.halved(gap)
        for name, gap in rate_gaps(runs).items()
    ]
    printed = cifar.ahead("epochs").query("at == '10' and rival == 'Soft'")
    rows += [
        {"scale": "printed", "rates": name, "printed": lead}
        for name, lead in zip(
            (RATES.format(0.1), OWN_RATES), printed["printed"]
        )
    ]
    return pd.DataFrame(rows)


def rates(runs: pd.DataFrame):
    """Accuracy after 10 epochs against the largest learning rate."""
    figure, axes = plt.subplots(figsize=(8, 4.4))
    over_x(axes, runs, "learning_rate")
    axes.set_xlabel("largest learning rate η, log scale")
    best = ", ".join(f"{k} {x:g}" for k, x in best_rates(runs)[::-1].items())
    axes.set_title(f"Best after 10 epochs at: {best}")
    plot.legend(figure, "reduced", bars=cifar.BARS["reduced"])
    return plot.show(figure)


def leads_by_rate(runs: pd.DataFrame):
    """The lead by what sets the rates, beside the two printed leads."""
    rows = rate_leads(runs)
    label = "ArcGrad ahead of Soft after 10 epochs, points"
    many = {"rows": "rates", "panels": "scale", "columns": 2, "sharex": True}
    many |= {"style": lambda _: plot.look("ArcGrad"), "xlabel": label}
    figure = plot.dots(rows, bars=cifar.BARS["reduced"], **many)
    for axes in figure.axes:
        axes.axvline(0, color=INK, lw=1)
    return plot.show(figure)


def epochs_at_scale():
    """Accuracy and ArcGrad's lead over the epochs, a column a paper."""
    ids = {x: f"{x}.{k}" for x, k in cifar.TABLES["epochs"].items()}
    every = {paper: cifar.reduced_runs(id) for paper, id in ids.items()}
    parts = {paper: runs for paper, runs in every.items() if len(runs)}
    if not parts:
        return cifar.absent(*ids.values())
    shape = {"figsize": (9, 6.6), "sharey": "row", "sharex": True}
    figure, grid = plt.subplots(2, len(parts), squeeze=False, **shape)
    for (paper, runs), (top, low) in zip(parts.items(), grid.T, strict=True):
        over_x(top, runs, "epochs")
        leads_over_x(low, runs, "epochs")
        top.set_title(cifar.TITLES[paper], fontsize=11.5)
        low.set_xlabel("epochs, log scale")
        top.set_xlabel("")
    plot.legend(figure, "reduced", bars=cifar.BARS["reduced"])
    return plot.show(figure)


def over_x(axes, runs: pd.DataFrame, x: str):
    """Accuracy by loss in reduced runs, over `x`."""
    plot.small(axes)
    cifar.log_ticks(axes, sorted(runs[x].unique()))
    plot.curves(runs, x, "accuracy", "column", axes, cifar.half_bars)
    axes.set_ylabel("accuracy, %")


def leads_over_x(axes, runs: pd.DataFrame, x: str):
    """ArcGrad's lead over each rival in reduced runs, over `x`.

    The marks of one place stand side by side.
    """
    plot.small(axes)
    cifar.log_ticks(axes, sorted(runs[x].unique()))
    axes.axhline(0, color=INK, lw=1)
    gaps, ends = cifar.paired(runs, [x]), {}
    for k, (rival, part) in enumerate(gaps.groupby("rival", sort=False)):
        mark, part = plot.half(rival), part.sort_values(x)
        places, ink = part[x] * 1.03 ** (k - 2), mark["color"]
        axes.vlines(
            places, part["reduced_low"], part["reduced_high"], ink, lw=1
        )
        axes.plot(places, part["reduced"], **mark)
        ends[rival] = places.iloc[-1], part["reduced"].iloc[-1]
    plot.names(axes, ends)
    axes.set_ylabel("ArcGrad ahead by, points")


def fewer(runs: pd.DataFrame):
    """Accuracy and ArcGrad's lead against the images of the training set."""
    images = datasets.card("cifar10").train
    runs = runs.assign(images=(runs["share"] * images).round().astype(int))
    figure, (top, low) = plt.subplots(1, 2, figsize=(9, 4.4))
    over_x(top, runs, "images")
    leads_over_x(low, runs, "images")
    for axes in (top, low):
        axes.set_xlabel("training images, log scale")
    plot.legend(figure, "reduced", bars=cifar.BARS["reduced"])
    return plot.show(figure)


def wrong_labels(runs: pd.DataFrame) -> pd.DataFrame:
    """What a tenth of wrong labels takes from each loss, paired by seed.

    Gives a row a loss: accuracy without and with them in percent, and an
    estimate of the difference.
    """
    rows = []
    for column, part in runs.groupby("column", sort=False):
        values = part.pivot(
            index="seed", columns="label_noise", values="accuracy"
        ).dropna()
        if {0.0, 0.1} <= {*values} and len(values):
            right, wrong = values[0.0], values[0.1]
            lost = stats.of_runs(right - wrong)
            rows.append((column, right.mean(), wrong.mean(), lost))
    heads = ["loss", "labels right", "a tenth wrong", "lost, points"]
    return pd.DataFrame(rows, columns=heads)


def steps() -> pd.DataFrame:
    """How many steps a share of the images leaves. [arcgrad, Fig. 3]

    Gives share, images, steps of the run; "epochs of all": how many epochs of
    the whole set take as many steps.
    """
    grid = experiments.runs("arcgrad.fig3", "full")
    size, images = grid[0]["batch_size"], datasets.card("cifar10").train
    shares = dict.fromkeys(run["share"] for run in grid)
    table = pd.DataFrame({"share": list(shares)})
    table["images"] = (table["share"] * images).round().astype(int)
    table["steps"] = grid[0]["epochs"] * (table["images"] // size)
    return table.assign(**{"epochs of all": table["steps"] / (images // size)})
