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
    """ArcGrad's lead on CIFAR-10+ against the number of epochs.

    Gives rows of `cifar.ahead` with "epochs" and "five" (whether a mean of
    five runs rather than one run).
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
    shown = [10, 20, 40, 80, 160]
    axes.set_xticks(shown, map(str, shown))
    axes.minorticks_off()
    axes.axhline(0, color=INK, lw=1)
    for paper, part in rows.groupby("paper"):
        first = part.iloc[0]
        above = first["printed"] == rows["printed"].max()
        axes.annotate(
            f"{cifar.TITLES[paper]} paper",
            (first["epochs"], first["printed"]),
            (10, 0) if above else (0, -12),
            textcoords="offset points",
            va="center" if above else "top",
            fontsize=10.5,
        )
    rival = rows["rival"].iloc[0]
    axes.set_ylabel(f"ArcGrad ahead of {rival}, points")
    axes.set_xlabel("epochs that a run was planned for, log scale")
    few = rows[rows["epochs"] == 10]["printed"]
    axes.set_title(
        "Printed after 10 epochs: "
        + " and ".join(f"{x:.1f}" for x in sorted(few, reverse=True))
        + " points, by one group, on one network"
    )
    plot.legend(axes.figure, *(k for k in plot.KINDS if rows[k].notna().any()))
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
    planned = sorted(planned)
    figure, axes = plt.subplots(figsize=(8, 4.2))
    shades = np.linspace(1, 0.45, len(planned))
    at = planned[0]
    for row, (length, shade) in enumerate(zip(planned, shades)):
        rates = schedule(length, steps)
        epoch = np.arange(1, len(rates) + 1) / steps
        axes.plot(epoch, rates, color=plot.colour("arcgrad"), alpha=shade)
        here = rates[min(at * steps, len(rates)) - 1]
        axes.plot(at, here, "o", color=INK, ms=6, zorder=3)
        top = rates.argmax()
        for text, place, shift in (
            (f"planned for {length}", (epoch[top], 1.0), 4 + 13 * (row % 2)),
            (f"{here:.0%}", (at, here), 7 if here < 0.5 else -14),
        ):
            axes.annotate(text, place, (6, shift), textcoords="offset points")
    axes.axvline(at, color=BASELINE, lw=1, ls=":")
    axes.set_ylim(-0.02, 1.18)
    axes.set_xlim(0)
    axes.set_xlabel("epoch")
    axes.set_ylabel("learning rate / largest")
    axes.set_title(
        f"After {at} epochs the run of {at} is over, that of {length} is at "
        f"{here:.0%} of its rate"
    )
    return plot.show(figure)


def courses(records: Sequence[dict]):
    """Test accuracy over the epochs, a panel a loss, a curve a length."""
    figure, panels = plt.subplots(
        3, 2, figsize=(8, 6.8), sharex=True, sharey=True
    )
    longest = max(one["epochs"] for one in records)
    for axes, column in zip(panels.flat, cifar.SIX, strict=True):
        mark = plot.look(column)
        for one in records:
            if one["column"] != column or one["seed"]:
                continue
            epoch, test = (
                one["curves"][key] for key in ("epoch", "test_accuracy")
            )
            test, ink = 100 * np.array(test), mark["color"]
            dash = "-" if one["epochs"] == longest else (0, (4, 2))
            axes.plot(epoch, test, color=ink, lw=1.5, ls=dash)
            axes.plot(epoch[-1], test[-1], **mark)
        axes.set_title(column, fontsize=11, color=mark["color"], pad=4)
    panels[0, 0].xaxis.get_major_locator().set_params(integer=True)
    figure.supxlabel("epoch", fontsize=11.5)
    figure.supylabel("test accuracy, %", fontsize=11.5)
    return plot.show(figure)


def behind(records: Sequence[dict]) -> pd.Series:
    """How far the longest run is behind where the shortest one ends.

    Gives percentage points of test accuracy, by loss.
    """
    short, long = (f(one["epochs"] for one in records) for f in (min, max))
    ends, there = {}, {}
    for one in records:
        curve = one["curves"]["test_accuracy"]
        if one["epochs"] == short:
            ends.setdefault(one["column"], 100 * curve[-1])
        if one["epochs"] == long:
            there.setdefault(one["column"], 100 * curve[short - 1])
    return (pd.Series(ends) - pd.Series(there)).dropna()


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
    figure, panels = plt.subplots(1, 2, figsize=(9, 5), sharey=True)
    for axes, (paper, table) in zip(panels, rows.groupby("paper", sort=False)):
        table = table.assign(epochs=table["at"].astype(int))
        starts = {}
        for column, part in table.groupby("method", sort=False):
            mark = plot.look(column)
            high = cifar.error_spaced(part["printed"])
            axes.plot(part["epochs"], high, lw=1, **mark | plot.HOLLOW)
            known = part.dropna(subset=["measured"])
            axes.plot(
                known["epochs"],
                cifar.error_spaced(known["measured"]),
                **mark | {"ls": "none"},
            )
            starts[column] = high.iloc[0]
        few = table["epochs"].min()
        for column, height in plot.spaced(starts, 0.085).items():
            axes.annotate(
                column,
                (0.88 * few, height),
                color=plot.look(column)["color"],
                ha="right",
                va="center",
                fontsize=10,
            )
        axes.set_xscale("log")
        ticks = sorted(table["epochs"].unique())
        axes.set_xticks(ticks, map(str, ticks))
        axes.minorticks_off()
        axes.set_xlim(few / 2.2, 1.15 * ticks[-1])
        axes.set_title(cifar.TITLES[paper], fontsize=11.5)
    ticks = np.array([70, 80, 85, 90, 92, 94])
    panels[0].set_yticks(cifar.error_spaced(ticks), map(str, ticks))
    panels[0].set_ylabel("accuracy, %, spaced by log error")
    figure.supxlabel("epochs, log scale", fontsize=11.5)
    plot.legend(figure, *(k for k in plot.KINDS if rows[k].notna().any()))
    return plot.show(figure)


def steps() -> pd.DataFrame:
    """How many steps a share of the images leaves. [arcgrad, Fig. 3]

    Gives share, images, steps of the run; "epochs of all": how many epochs of
    the whole set take as many steps.
    """
    rows, grid = [], experiments.runs("arcgrad.fig3", "full")
    run = grid[0]
    size, images = run["batch_size"], datasets.card(run["dataset"]).train
    for share in dict.fromkeys(run["share"] for run in grid):
        kept = round(share * images)
        number = run["epochs"] * (kept // size)
        rows.append((share, kept, number, number / (images // size)))
    columns = ["share", "images", "steps", "epochs of all"]
    return pd.DataFrame(rows, columns=columns)


def quick_lead(id: str, ours: str) -> float:
    """ArcGrad's lead over Soft in the quick runs of a table, CIFAR10+."""
    found = {
        one["column"]: 100 * one["metrics"]["test_accuracy"]
        for one in experiments.records(id, "quick")
        if one["benchmark"] == "CIFAR10+"
    }
    return found[ours] - found["Soft"]
