"""What the pages on CIFAR share: two papers' tables, leads, quick runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook import cells, experiments, live_images, plot, stats
from arcbook.experiments.grids import ANGULAR_METHODS, METHODS

SIX, FOUR = tuple(METHODS), tuple(ANGULAR_METHODS)
SEEDS = 5
OURS = {"arcgrad": "ArcGrad", "angular-learning": "Arc"}
TITLES = {"arcgrad": "ArcGrad", "angular-learning": "Angular Learning"}
TABLES = {
    "epochs": {"arcgrad": "table7", "angular-learning": "table4"},
    "CIFAR-10": {"arcgrad": "table4", "angular-learning": "table6"},
    "CIFAR-100": {"arcgrad": "table5", "angular-learning": "table7"},
}
FIRST = {"CIFAR10+": 0, "CIFAR10": 1, "Top-1": 0, "Top-5": 1}
FIRST |= {"Top1": 0, "Top5": 1}


def tables(kind: str, paper: str | None = None) -> pd.DataFrame:
    """The two papers' tables of a kind, or one's: losses the book trains.

    Gives rows of `cells.beside`.
    """
    both = pd.concat(
        [
            cells.beside(one, item)
            for one, item in TABLES[kind].items()
            if paper in (None, one)
        ],
        ignore_index=True,
    )
    return both[both["expected"] > 0]


def ahead(kind: str) -> pd.DataFrame:
    """The lead of ArcGrad over each other loss, printed and measured.

    Gives a row for each table, place and rival: paper, item, at, rival;
    printed with Welch's 95% interval of two means of five runs (NaN where no ±
    is printed), measured with that of the differences paired by seed, in
    percentage points.
    """
    rows = []
    keys = ["paper", "item", "at"]
    for key, part in tables(kind).groupby(keys, sort=False):
        part = part.set_index("method")
        ours = part.loc[OURS[key[0]]]
        for name, rival in part.drop(ours.name).iterrows():
            rows.append(
                dict(zip(keys, key, strict=True))
                | {"rival": name}
                | _printed_lead(ours, rival)
                | _measured_lead(*key, ours.name, name, ours["metric"])
            )
    return pd.DataFrame(rows)


def _printed_lead(ours, rival):
    lead = float(ours["printed"] - rival["printed"])
    a, b = ours["printed_std"] ** 2, rival["printed_std"] ** 2
    gap = stats.Estimate(lead)
    if a + b > 0:
        freedom = (SEEDS - 1) * (a + b) ** 2 / (a**2 + b**2)
        gap = stats.around(lead, math.sqrt((a + b) / SEEDS), freedom)
    return {"printed": lead, "printed_low": gap.low, "printed_high": gap.high}


def _measured_lead(paper, item, at, ours, rival, metric):
    runs = cells.runs(f"{paper}.{item}")
    if at.isdigit():
        runs = cells.select(runs, epochs=int(at))
    elif at not in cells.METRICS:
        runs = cells.select(runs, benchmark=at)
    found = stats.Estimate(math.nan)
    if metric in runs:
        first, second = (
            cells.select(runs, column=name).set_index("seed")[metric].dropna()
            for name in (ours, rival)
        )
        gaps = (first - second).dropna()
        if len(gaps) == 1:
            images = int(runs["test_images"].max())
            found = stats.of_shares(first.iloc[0], second.iloc[0], images)
        else:
            found = stats.of_runs(gaps)
    return {"measured": found.mean, "low": found.low, "high": found.high}


def bands(kind: str) -> dict[str, float]:
    """For each place the lead that five seeds find four times in five.

    At the median ± that Angular Learning prints for it; ArcGrad, which
    prints none, calls the same places by other names.
    """
    printed = tables(kind)
    found = {
        at: stats.detectable(part["printed_std"].median(), SEEDS)
        for at, part in printed.groupby("at", sort=False)
        if part["printed_std"].notna().any()
    }
    names = {"Top1": "Top-1", "Top5": "Top-5"}
    return found | {names[at]: found[at] for at in names if at in found}


def leads(kind: str):
    """How far ArcGrad is ahead, a panel for each table and place."""
    band = bands(kind)
    rows = ahead(kind).sort_values(
        ["paper", "at"],
        key=lambda x: x.map(FIRST) if x.name == "at" else x != "arcgrad",
        kind="stable",
    )
    panels = rows[["paper", "at"]].drop_duplicates().to_dict("records")
    sizes = rows.groupby("paper", sort=False)["rival"].nunique() + 1
    figure, grid = plt.subplots(
        *(len(sizes), len(panels) // len(sizes)),
        figsize=(8.5, 0.42 * sizes.sum() + 1.4),
        sharey="row",
        height_ratios=sizes.tolist(),
    )
    for axes, one in zip(grid.flat, panels, strict=True):
        part = rows[
            (rows["paper"] == one["paper"]) & (rows["at"] == one["at"])
        ]
        least = band[one["at"]]
        axes.axvspan(-least, least, color=plot.BASELINE, alpha=0.18, lw=0)
        axes.axvline(0, color=plot.INK, lw=1)
        plot.row_dots(axes, part, "rival")
        axes.set_title(f"{one['at']}, {TITLES[one['paper']]}", fontsize=11)
    figure.supxlabel("ArcGrad ahead by, percentage points", fontsize=11.5)
    plot.legend(figure, *(k for k in plot.KINDS if rows[k].notna().any()))
    return plot.show(figure)


def printed_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `cells.beside` as text: as printed, and measured if they are."""
    texts = {}
    for cell in rows.to_dict("records"):
        line = texts.setdefault(cell["method"], {})
        where = cell["at"] + (" epochs" if cell["at"].isdigit() else "")
        line[where] = _text(cell, "printed", "printed_std")
        if cell["runs"]:
            line[f"{where}, measured"] = _text(cell, "measured", "std")
    return pd.DataFrame(texts).T.rename_axis("loss")


def _text(cell, mean, std):
    if cell["unit"] == "radian":
        return angle(cell[mean])
    spread = "" if math.isnan(cell[std]) else f" ± {cell[std]:.2f}"
    return f"{cell[mean]:.2f}{spread}"


def angle(radians: float) -> str:
    """An angle as tables have it, in radians and in degrees."""
    return f"{radians:.5g} ({math.degrees(radians):.1f}°)"


def best_records(id: str, columns: Sequence[str] = SIX) -> list[dict]:
    """Records whose curves can be drawn: full ones if there, else quick."""
    for profile in ("full", "quick"):
        found = [
            one
            for one in experiments.records(id, profile)
            if one["column"] in columns and not one["metrics"]["diverged"]
        ]
        if found:
            return found
    return []


def label(records: Sequence[dict]) -> str:
    """What runs of the quick profile are, and are not; empty for full ones."""
    if not records or records[0].get("profile") == "full":
        return ""
    images, epochs, tested = (
        " or ".join(f"{x:,}" for x in sorted({one[key] for one in records}))
        for key in ("train_images", "epochs", "test_images")
    )
    network = "".join(sorted({one["network"] for one in records}))
    return (
        f"<b>Quick profile</b>: {images} images, epochs: {epochs}, the small "
        f"network {network}, {tested} test images. It enters no comparison "
        "with the paper. "
    )


def trained(id: str, columns: Sequence[str], **values: Sequence):
    """Train quick runs for all combinations of some values.

    A hyperparameter that a column does not have is left out, and its run
    trained once.

    Gives a `live_images.Live`, with a problem where the data are missing.
    """
    found = []
    for column in columns:
        (has, *_) = experiments.runs(id, "quick", {"column": [column]})
        known = {
            key: some
            for key, some in values.items()
            if key in has or key in has["hyperparameters"]
        }
        for chosen in product(*known.values()):
            changes = dict(zip(known, chosen, strict=True))
            one = live_images.quick(id, [column], **changes)
            if one.problem:
                return one
            found += one.records
    return live_images.Live(found)


def against(live, name: str, metric: str = "accuracy"):
    """Accuracy of live runs against one of their settings.

    Gives the published figure, or a box that says why there is none.
    """
    if live.problem:
        return plot.absent(live.problem)
    runs = cells.of_records(live.records).dropna(subset=[metric])
    if name not in runs:
        runs[name] = math.nan
    images = int(runs["test_images"].iloc[0])
    figure, axes = plt.subplots(figsize=(8, 4.2))
    ends, ticks = {}, sorted(set(runs[name].dropna())) or [1.0]
    for column, part in runs.groupby("column", sort=False):
        mark, part = plot.look(column), part.sort_values(name)
        bars = [stats.of_share(x, images) for x in part[metric]]
        if part[name].isna().all():
            ends[column] = bars[0].mean
            span = bars[0].low, bars[0].high
            axes.axhspan(*span, color=mark["color"], alpha=0.15, lw=0)
            axes.axhline(ends[column], color=mark["color"], lw=1.2)
            continue
        ends[column] = bars[-1].mean
        axes.vlines(
            *(part[name], [b.low for b in bars], [b.high for b in bars]),
            mark["color"],
        )
        axes.plot(part[name], part[metric], **mark)
    axes.set(xscale="log", xlim=(ticks[0] / 1.12, ticks[-1] * 1.12))
    axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
    axes.minorticks_off()
    places = {column: (1.12 * ticks[-1], y) for column, y in ends.items()}
    plot.names(axes, places)
    words = {"learning_rate": "largest learning rate", "s": "scale s"}
    axes.set_xlabel(f"{words[name]}, log scale")
    axes.set_ylabel(f"{cells.TITLES[metric]} on {images:,} test images, %")
    return plot.show(figure)


def error_spaced(accuracy):
    """Heights at which equal ratios of the error are equal distances."""
    return -np.log(100 - np.minimum(accuracy, 99.9))
