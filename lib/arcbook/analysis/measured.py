"""What image runs measured, as tables, and beside what was printed.

A run that has no record has NaN in its row: it is "not measured yet".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from arcbook import experiments, papers

METRICS = {
    "accuracy": ("test_accuracy", 100.0),
    "top5": ("test_top5", 100.0),
    "train_accuracy": ("train_accuracy", 100.0),
    "wc_intra": ("wc_intra", 1.0),
    "w_inter": ("w_inter", 1.0),
    "c_inter": ("c_inter", 1.0),
}
IMAGES = {
    "accuracy": "test_images",
    "top5": "test_images",
    "train_accuracy": "probe_images",
}
PRINTED_METRICS = {
    "Top1": "accuracy",
    "Top-1": "accuracy",
    "Top5": "top5",
    "Top-5": "top5",
    "W-Inter": "w_inter",
    "C-Inter": "c_inter",
    "WC-Intra": "wc_intra",
}
COLUMNS = {
    "Eq.(3) + 0.2×IAM": "Eq.(3) + 0.2 IAM",
    "AM, m = 0.1": "CosFace",
    "AM + 0.2×IAM, m = 0.1": "CosFace + 0.2 IAM",
}
LEVEL = 0.95


def frame(
    id: str, profile: str = "full", records: Sequence[Mapping] | None = None
) -> pd.DataFrame:
    """One row for each run of an image experiment, measured or not.

    Args:
        id: of the experiment.
        profile: "quick" or "full".
        records: of the experiment; by default those that there are.

    Returns:
        The run's fields, its hyperparameters as columns of their own, and:
        accuracy, top5, train_accuracy in percent, wc_intra, w_inter, c_inter
        in radians, diverged (None where not measured), stale, test_images,
        probe_images, device, date.
    """
    if records is None:
        records = experiments.records(id, profile)
    grid = experiments.runs(id, profile)
    return pd.DataFrame([_row(run, _record_of(run, records)) for run in grid])


def of_records(records: Sequence[Mapping]) -> pd.DataFrame:
    """`frame` of any records, such as those of a live run."""
    return pd.DataFrame([_row(one, one) for one in records])


def cells(
    runs: pd.DataFrame, by: Sequence[str], metric: str = "accuracy"
) -> pd.DataFrame:
    """One metric of runs that differ in nothing but the seed.

    The interval (95%) is Student's over seeds where there are several, which
    speaks of other seeds on the same test images. Of one run it is Wilson's
    for a share of the images looked at, which leaves out what another seed
    would change; an angle of one run has none.

    Args:
        runs: from `frame`.
        by: columns that name a cell.
        metric: one of `METRICS`.

    Returns:
        A row a cell, in the order of the runs: `by`, mean, std over seeds,
        low, high, measured, expected, diverged (numbers of runs), stale.
    """
    rows = []
    for at, group in runs.groupby(list(by), sort=False, dropna=False):
        values = group[metric].dropna()
        low, high = _interval(group.loc[values.index], metric)
        rows.append(
            dict(zip(by, at, strict=True))
            | {
                "mean": values.mean() if len(values) else math.nan,
                "std": values.std() if len(values) > 1 else math.nan,
                "low": low,
                "high": high,
                "measured": int(group["diverged"].notna().sum()),
                "expected": len(group),
                "diverged": int(group["diverged"].eq(True).sum()),
                "stale": bool(group["stale"].eq(True).any()),
            }
        )
    return pd.DataFrame(rows)


def beside(
    paper: str,
    name: str,
    profile: str = "full",
    records: Sequence[Mapping] | None = None,
) -> pd.DataFrame:
    """A printed table of accuracies, errors or angles, cell by cell.

    Args:
        paper, name: as `papers.table` takes them; the experiment is
            "<paper>.<name>".
        profile: "quick" or "full"; the two are never mixed.
        records: of the experiment; by default those that there are.

    Returns:
        A row a printed cell: the table's own two columns; published,
        published_std, in the table's unit; and of `cells`, in the same unit:
        measured, measured_std, low, high, runs, expected, diverged, stale.
        Rows of methods that are no experiment of the book have 0 expected.

    Raises:
        ValueError: for a table that is not of the images.
    """
    printed = papers.table(paper, name).rename(
        columns={"mean": "published", "std": "published_std"}
    )
    unit = papers.facts(paper, name).get("unit")
    if unit not in UNITS:
        raise ValueError(f"{paper}, {name} has no unit of {', '.join(UNITS)}")
    runs = frame(f"{paper}.{name}", profile, records)
    found = [_cell(runs, one, unit) for one in printed.to_dict("records")]
    return pd.concat([printed, pd.DataFrame(found)], axis=1)


UNITS = ("percent", "percent wrong", "radian")
CELL = ("measured", "measured_std", "low", "high")
NOTHING = dict.fromkeys(CELL, math.nan) | {
    "runs": 0,
    "expected": 0,
    "diverged": 0,
    "stale": False,
}


def _cell(runs, printed, unit):
    """What was measured for a printed cell."""
    where, metric = _reading(printed)
    same = runs
    for key, value in where.items():
        same = same[same[key] == value]
    if same.empty:
        return NOTHING
    (found,) = cells(same, list(where), metric).to_dict("records")
    values = [found[key] for key in ("mean", "std", "low", "high")]
    if unit == "percent wrong":
        mean, std, low, high = values
        values = [100 - mean, std, 100 - high, 100 - low]
    return dict(zip(CELL, values, strict=True)) | {
        "runs": found["measured"],
        **{key: found[key] for key in ("expected", "diverged", "stale")},
    }


def _reading(printed):
    """The fields of a run that a printed cell names, and the metric."""
    method = printed["method"]
    where, metric = {"column": COLUMNS.get(method, method)}, "accuracy"
    if "epochs" in printed:
        where["epochs"] = int(printed["epochs"])
    place = printed.get("benchmark", printed.get("metric"))
    if place in PRINTED_METRICS:
        metric = PRINTED_METRICS[place]
    elif place is not None:
        where["benchmark"] = place
    return where, metric


def _record_of(run, records):
    for one in records:
        if all(one.get(key) == value for key, value in run.items()):
            return one
    return None


def _row(run, record):
    fields = {
        key: value for key, value in run.items() if key in _FIELDS
    } | dict(run["hyperparameters"])
    if record is None:
        missing = (*METRICS, "test_images", "probe_images")
        return fields | dict.fromkeys(missing, math.nan) | NOT_MEASURED
    found = record["metrics"]
    return fields | {
        **{
            key: scale * found.get(name, math.nan)
            for key, (name, scale) in METRICS.items()
        },
        "test_images": record.get("test_images", math.nan),
        "probe_images": record.get("probe_images", math.nan),
        "diverged": found["diverged"],
        **{key: record.get(key) for key in ("stale", "device", "date")},
    }


_FIELDS = ("benchmark", "column", "loss", "epochs", "share", "seed")
_FIELDS += ("network", "embedding_dim", "batch_size", "learning_rate")
NOT_MEASURED = dict.fromkeys(("diverged", "stale", "device", "date"))


def _interval(group, metric):
    values = group[metric].to_numpy()
    if len(values) > 1:
        error = values.std(ddof=1) / math.sqrt(len(values))
        half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * error
        return values.mean() - half, values.mean() + half
    if len(values) == 1 and metric in IMAGES:
        return binomial(values[0], int(group[IMAGES[metric]].iloc[0]))
    return math.nan, math.nan


def binomial(percent: float, images: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share of independent images.

    Args:
        percent: of the images.
        images: their number.

    Returns:
        Lower and upper end, in percent.
    """
    hits = round(percent * images / 100)
    found = stats.binomtest(hits, images).proportion_ci(LEVEL, "wilson")
    return 100 * found.low, 100 * found.high


def text(cell: Mapping, digits: int = 2) -> str:
    """What a table prints for a cell of `beside`.

    Mean ± standard deviation over seeds, or the mean of one run; how many of
    the seeds are in where some are missing; † if stale.
    """
    if not cell["expected"]:
        return "–"
    if not cell["runs"]:
        return "not measured yet"
    if np.isnan(cell["measured"]):
        return "diverged"
    parts = [f"{cell['measured']:.{digits}f}"]
    if not np.isnan(cell["measured_std"]):
        parts.append(f"± {cell['measured_std']:.{digits}f}")
    if cell["stale"]:
        parts.append("†")
    if cell["runs"] < cell["expected"]:
        parts.append(f"({cell['runs']} of {cell['expected']} seeds)")
    if cell["diverged"]:
        parts.append(f"({cell['diverged']} diverged)")
    return " ".join(parts)
