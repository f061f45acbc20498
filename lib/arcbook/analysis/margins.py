"""The MNIST paper's accuracies, printed beside measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from arcbook import datasets, papers
from arcbook.analysis import chance, measured

ID = "mnist-cosine.table1"
COLUMNS = ("ArcFace", "Combined")
KEYS = ("m", "m2", "m3")
TEST_IMAGES = datasets.card("mnist").test


def printed() -> pd.DataFrame:
    """The printed table, a row a setting.

    Returns:
        column (of `COLUMNS`), line, m, m2, m3 in radians (m3 is of the
        cosine; NaN where the loss has none), published in percent, low and
        high of its Wilson interval as published_low, published_high.
    """
    table = papers.table("mnist-cosine", "table1").astype(float)
    rows = []
    for column, name, keys in (
        ("ArcFace", "arcface", ("m",)),
        ("Combined", "combined", ("m2", "m3")),
    ):
        for line in table.to_dict("records"):
            low, high = measured.binomial(line[name], TEST_IMAGES)
            rows.append(
                {"column": column, "line": int(line["line"])}
                | dict.fromkeys(KEYS, math.nan)
                | {key: line[key] for key in keys}
                | {
                    "published": line[name],
                    "published_low": low,
                    "published_high": high,
                }
            )
    return pd.DataFrame(rows)


def beside(
    profile: str = "full", records: Sequence[Mapping] | None = None
) -> pd.DataFrame:
    """The printed table with what was measured for each setting.

    Args:
        profile: "quick" or "full"; the two are never mixed.
        records: of the experiment; by default those that there are.

    Returns:
        `printed`, and: measured, low, high in percent; runs, expected,
        diverged, stale as in `measured.beside`; images of the test set.
        In the quick profile a part of the settings has 0 expected.
    """
    runs = measured.frame(ID, profile, records)
    cells = measured.cells(runs, ["column", *KEYS]).rename(
        columns={"mean": "measured", "measured": "runs"}
    )
    cells["images"] = runs["test_images"].max()
    cells["measured_std"] = math.nan
    table = printed().merge(cells.drop(columns="std"), "left")
    table["expected"] = table["expected"].fillna(0).astype(int)
    for name in ("runs", "diverged"):
        table[name] = table[name].fillna(0).astype(int)
    table["stale"] = table["stale"].eq(True)
    return table


def texts(table: pd.DataFrame) -> pd.DataFrame:
    """The table by lines as it is printed, with intervals, as text.

    Args:
        table: as from `beside`.
    """
    lines = {}
    for cell in table.to_dict("records"):
        name = cell["column"]
        line = lines.setdefault(cell["line"], {})
        line |= (
            {"m": f"{cell['m']:.2f}"}
            if name == "ArcFace"
            else {"m2": f"{cell['m2']:.2f}", "m3": f"{cell['m3']:.2f}"}
        )
        line[f"{name}, printed ○"] = _with_interval(cell, "published")
        line[f"{name}, measured ●"] = _with_interval(cell, "measured")
    return pd.DataFrame(lines.values())


def ends(
    runs: pd.DataFrame, printed: Mapping[tuple[str, int], float]
) -> pd.DataFrame:
    """Accuracies of both losses after each number of epochs, as text.

    Args:
        runs: as from `measured.frame`, one a column and number of epochs.
        printed: accuracy in percent by column and epochs; where it is
            empty there is no column of printed values.
    """
    cells = measured.cells(runs, ["epochs", "column"]).rename(
        columns={"mean": "measured", "measured": "runs"}
    )
    cells["measured_std"] = math.nan
    rows = []
    for cell in cells.to_dict("records"):
        at = cell["column"], cell["epochs"]
        row = {"epochs": cell["epochs"], "loss": cell["column"]}
        if printed:
            row["printed ○"] = (
                f"{printed[at]:.2f}" if at in printed else "not printed"
            )
        rows.append(row | {"measured ●": _with_interval(cell, "measured")})
    return pd.DataFrame(rows)


def chi_squared(table: pd.DataFrame) -> pd.DataFrame:
    """How far settings lie apart, and how far chance puts equal ones.

    Args:
        table: as from `beside`.

    Returns:
        A row for each column and "printed" or "measured", over all
        settings and over those that have settled: which, runs, mean,
        range, expected (range of equal settings), at most (its 95%
        quantile), chi2, freedom, p. NaN where fewer than two are measured.
    """
    rows = []
    for column in COLUMNS:
        part = table[table["column"] == column]
        for kind, name, images in (
            ("printed", "published", TEST_IMAGES),
            ("measured", "measured", part["images"].max()),
        ):
            values = part[name].dropna().to_numpy()
            kept = values[chance.settled(values, images)]
            rows.append(_row(column, kind, "all", values, images))
            if len(kept) < len(values):
                rows.append(_row(column, kind, "settled", kept, images))
    return pd.DataFrame(rows)


NUMBERS = ("mean", "range", "expected", "at most", "chi2", "freedom", "p")


def _row(column, kind, which, values, images):
    row = {"column": column, "kind": kind, "which": which}
    row |= {"runs": len(values)} | dict.fromkeys(NUMBERS, math.nan)
    if len(values) < 2:
        return row
    mean, images = float(values.mean()), int(images)
    test = chance.homogeneity(values, images)
    return row | {
        "mean": mean,
        "range": float(values.max() - values.min()),
        "expected": chance.expected_range(mean, images, len(values)),
        "at most": chance.least_gap(mean, images, len(values)),
        **test._asdict(),
    }


def _with_interval(cell, name):
    low, high = (
        ("published_low", "published_high")
        if name == "published"
        else ("low", "high")
    )
    printed = name == "published"
    text = f"{cell[name]:.2f}" if printed else measured.text(cell)
    if math.isnan(cell[low]):
        return text
    return f"{text} [{cell[low]:.2f}, {cell[high]:.2f}]"
