"""Published numbers beside measured ones, with where they come from.

What is measured is read from the records of one profile. A cell without a
record is NaN, and is printed as "not measured yet".
"""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

from arcbook import datasets, experiments, papers
from arcbook.experiments import uci

UNMEASURED = "not measured yet"


def beside(
    paper: str, name: str, profile: str = "full", records=None
) -> pd.DataFrame:
    """A published table of accuracies, and what was measured for each cell.

    Args:
        paper, name: as `papers.table` takes them; the experiment is
            "<paper>.<name>".
        profile: "quick" or "full"; the two are never mixed.
        records: of the experiment; by default those that there are.

    Returns:
        One row a cell, in the order printed: dataset, method; mean, std as
        published; measured, measured_std in percent; networks, constant,
        diverged, numbers of networks; stale. NaN where nothing is measured.
    """
    published = papers.table(paper, name)
    if records is None:
        records = experiments.records(f"{paper}.{name}", profile)
    found = {
        (one["dataset"], one["column"]): {
            "measured": one["metrics"]["accuracy"],
            "measured_std": one["metrics"]["std"],
            "networks": len(one["metrics"]["correct"]),
            "constant": one["metrics"]["constant"],
            "diverged": one["metrics"]["diverged"],
            "stale": one["stale"],
        }
        for one in records
    }
    pairs = zip(published["dataset"], published["method"], strict=True)
    columns = ["measured", "measured_std", "networks", "constant"]
    measured = pd.DataFrame(
        [found.get(pair, {}) for pair in pairs],
        columns=[*columns, "diverged", "stale"],
    )
    measured[columns] = measured[columns].astype(float)
    return pd.concat([published, measured], axis=1)


def counts() -> pd.DataFrame:
    """Table II as printed, and counted in the data.

    Returns:
        A row a data set: classes, features, instances as printed, the same
        as "counted …", and "counted in": "the data" where they are on this
        machine, else "the card", which a test holds against the data.
    """
    rows = []
    for _, printed in papers.table("arcgrad", "table2").iterrows():
        name = printed["dataset"]
        place = datasets.locate(name, sample=False)
        if place.kind == "download":
            card = datasets.card(name)
            found = card.classes, card.features, card.instances
            source = "the card"
        else:
            table = datasets.load(name, sample=False)
            found = int(table.y.max()) + 1, *table.X.T.shape
            source = "the data"
        numbers = zip(("classes", "features", "instances"), found)
        rows.append(
            {**printed}
            | {f"counted {key}": number for key, number in numbers}
            | {"counted in": source}
        )
    return pd.DataFrame(rows)


def wide(cells: pd.DataFrame, value: str = "mean") -> pd.DataFrame:
    """One value of the cells, data sets down and methods across."""
    table = cells.pivot(index="dataset", columns="method", values=value)
    order = cells["dataset"].unique(), cells["method"].unique()
    return table.reindex(index=order[0], columns=order[1])


def complete(means: pd.DataFrame) -> pd.DataFrame:
    """The data sets for which every method has a value."""
    return means.dropna()


def wins(means: pd.DataFrame, digits: int = 2) -> pd.Series:
    """How often each method is the best one.

    Args:
        means: data sets × methods.
        digits: to which values are rounded before they are compared.

    Returns:
        One number a method. A tie counts for each method that shares it.
    """
    rounded = means.round(digits)
    best = rounded.eq(rounded.max(axis=1), axis=0)
    return best.sum().astype(int)


def folds(dataset: str, method: str, records) -> np.ndarray | None:
    """Accuracies of a cell's folds in percent, None if not measured."""
    for one in records:
        if (one["dataset"], one["column"]) == (dataset, method):
            return uci.accuracies(one)
    return None


def grid(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells as text: for each data set a published, a measured row.

    Args:
        cells: as from `beside`.

    Returns:
        Data frame of strings, "mean ± std", the best of a row bold, a stale
        cell marked †; averages and wins in the last rows, over the data
        sets in which every method is measured.
    """
    pieces = {}
    kinds = {
        "published ○": ("mean", "std"),
        "measured ●": ("measured", "measured_std"),
    }
    for kind, (mean, std) in kinds.items():
        means, stds = wide(cells, mean), wide(cells, std)
        stale = wide(cells, "stale")
        best = means.round(2).eq(means.round(2).max(axis=1), axis=0)
        for dataset in means.index:
            pieces[dataset, kind] = [
                _cell(
                    means.loc[dataset, method],
                    stds.loc[dataset, method],
                    best.loc[dataset, method],
                    mean == "measured" and stale.loc[dataset, method] is True,
                )
                for method in means.columns
            ]
        whole = complete(means)
        if len(whole):
            pieces["Average", kind] = [f"{x:.2f}" for x in whole.mean()]
            pieces["Wins", kind] = [str(x) for x in wins(whole)]
    rows = [*cells["dataset"].unique(), "Average", "Wins"]
    index = [(row, kind) for row in rows for kind in kinds]
    table = pd.DataFrame(
        [pieces.get(at, [UNMEASURED] * means.shape[1]) for at in index],
        index=pd.MultiIndex.from_tuples(index),
        columns=list(cells["method"].unique()),
    )
    return table


def plain(frame: pd.DataFrame, chances=("p", "p_holm")) -> pd.DataFrame:
    """Numbers as HTML: whole ones without digits, others with two.

    Args:
        frame: any; NaN stays NaN.
        chances: columns that hold p-values, which get three digits.
    """
    return pd.DataFrame(
        {
            name: [_number(value, name in chances) for value in frame[name]]
            for name in frame
        },
        index=frame.index,
    )


def provenance(id: str, profile: str = "full", records=None) -> str:
    """Where the measured numbers come from, in two or three sentences.

    Args:
        id: of an experiment.
        profile: "quick" or "full".
        records: of the experiment; by default those that there are.

    Returns:
        How much is measured and what of it is stale; folds, seed, epochs;
        machine, versions, commit and dates, from the records.
    """
    if records is None:
        records = experiments.records(id, profile)
    expected = len(experiments.runs(id, profile))
    begin = f"`{id}`, {profile} profile: "
    if not records:
        return f"{begin}{UNMEASURED} (0 of {expected} runs)."
    first = records[0]
    stale = sum(one["stale"] for one in records)
    parts = [f"{begin}{len(records)} of {expected} runs are measured"]
    parts.append(
        f", {stale} of them by older code or data (stale). "
        if stale
        else ", none is stale. "
    )
    if "splits" in first:
        parts.append(
            f"Each is {_count(first['runs'], 'run')} of {first['splits']}"
            f"-fold cross-validation with seed {first['seed']}"
        )
        epochs = sorted({one["epochs"] for one in records})
        parts.append(f", {' or '.join(map(str, epochs))} epochs. ")
    elif "network" in first:
        parts.append(_protocol(records))
    devices = sorted({one["device"] for one in records})
    versions = sorted({one["torch"] for one in records})
    commits = sorted({one["commit"] for one in records})
    parts.append(
        f"Measured on {', '.join(devices)} with PyTorch "
        f"{', '.join(versions)}, {_days(records)}, commit "
        f"{', '.join(commits)}."
    )
    return "".join(parts)


def _protocol(records):
    """Of image runs: seeds, epochs, batch and images."""
    different = {
        key: sorted({one[key] for one in records if key in one})
        for key in ("seed", "epochs", "batch_size", "train_images")
    }
    seeds, epochs, batches, images = (
        ", ".join(f"{value:,}" for value in values)
        for values in different.values()
    )
    return (
        f"Seed {seeds}; {epochs} epochs in batches of {batches}; "
        f"{images} training images. "
    )


def _number(value, chance):
    if isinstance(value, str) or pd.isna(value):
        return value
    if chance:
        return "&lt; 0.001" if value < 0.001 else f"{value:.3f}"
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


def _cell(mean, std, best, stale):
    if pd.isna(mean):
        return UNMEASURED
    text = f"{mean:.2f} ± {std:.2f}" + ("†" if stale else "")
    return f"<b>{text}</b>" if best else text


def _count(number, noun):
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _days(records):
    dates = [datetime.datetime.fromisoformat(one["date"]) for one in records]
    first, last = min(dates).date(), max(dates).date()

    def text(day):
        return f"{day.day} {day:%B %Y}"

    if first == last:
        return f"on {text(first)}"
    return f"from {text(first)} to {text(last)}"
