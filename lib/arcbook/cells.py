"""What is printed beside what is measured: one row a cell, for all papers.

A cell is a number of a printed table: a place (data set, benchmark, epochs,
angle) and a method. What was measured for it are runs that differ in nothing
but the seed. Records of other code or data are read too, and marked stale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from arcbook import experiments, packing, papers, stats
from arcbook.stats import Estimate

TEST_IMAGES = 10_000
ANGLES = ("wc_intra", "w_inter", "c_inter")
SHARES = {
    "accuracy": ("test_accuracy", "test_images"),
    "top5": ("test_top5", "test_images"),
    "train_accuracy": ("train_accuracy", "probe_images"),
}
METRICS = {
    "Top1": "accuracy",
    "Top-1": "accuracy",
    "Top5": "top5",
    "Top-5": "top5",
    "W-Inter": "w_inter",
    "C-Inter": "c_inter",
    "WC-Intra": "wc_intra",
}
TITLES = {
    "accuracy": "accuracy",
    "top5": "top-5 accuracy",
    "train_accuracy": "training accuracy",
    "wc_intra": "WC-Intra",
    "w_inter": "W-Inter",
    "c_inter": "C-Inter",
    "test_wc_intra": "WC-Intra on test images",
    "test_c_inter": "C-Inter on test images",
}
COLUMNS = {
    "Eq.(3) + 0.2×IAM": "Eq.(3) + 0.2 IAM",
    "AM, m = 0.1": "CosFace",
    "AM + 0.2×IAM, m = 0.1": "CosFace + 0.2 IAM",
}
FIELDS = ("dataset", "benchmark", "column", "loss", "layers", "epochs")
FIELDS += ("share", "seed", "network", "embedding_dim", "batch_size")
FIELDS += ("learning_rate", "runs", "splits")
KNOWN = ("stale", "device", "threads", "date", "test_images", "probe_images")
EARLY = 0.25


def runs(
    id: str, profile: str = "full", records: Sequence[Mapping] | None = None
) -> pd.DataFrame:
    """One row for each run of an experiment, measured or not.

    Gives the run's fields, its hyperparameters as columns of their own, and:
    measured (whether there is a record), `KNOWN`, diverged (for UCI a number
    of networks), accuracy, top5, train_accuracy in percent, angles in radians,
    folds (test accuracies of a UCI run in percent, an array), std over them,
    constant, and record. What is not measured is NaN or None.
    """
    if records is None:
        records = experiments.records(id, profile)
    return pd.DataFrame(
        _row(run, experiments.cost.find(records, run))
        for run in experiments.runs(id, profile)
    )


def measured(id: str, profile: str = "full") -> pd.DataFrame:
    """The measured rows of `runs`.

    Raises ValueError: nothing is measured; the message says how to measure it.
    """
    frame = runs(id, profile)
    frame = frame[frame["measured"]]
    if frame.empty:
        raise ValueError(
            f"{id} has no record in the {profile} profile: measure it by "
            f"`arcbook run {id} --profile {profile}`"
        )
    return frame


def of_records(records: Iterable[Mapping]) -> pd.DataFrame:
    """`runs` of any records, such as those of a live run."""
    return pd.DataFrame(_row(one, one) for one in records)


def select(frame: pd.DataFrame, **where) -> pd.DataFrame:
    """The rows of `runs` that have such values."""
    for name, value in where.items():
        several = value if isinstance(value, list | tuple) else [value]
        frame = frame[frame[name].isin(several)]
    return frame


def estimate(frame: pd.DataFrame, metric: str = "accuracy") -> Estimate:
    """One metric of runs that differ in nothing but the seed.

    Of several Student's interval of their mean, which speaks of other seeds on
    the same test images. Of one run's share Wilson's by the images looked at,
    of a UCI run's that of its folds, of an angle none. NaN where none has it.
    """
    if metric not in frame:
        return Estimate(math.nan)
    known = frame[frame[metric].notna()]
    if len(known) != 1:
        return stats.of_runs(known[metric].astype(float))
    (row,) = known.to_dict("records")
    if metric == "accuracy" and row.get("folds") is not None:
        return stats.of_folds(row["folds"], int(row["splits"]))
    if metric in SHARES:
        return stats.of_share(row[metric], int(row[SHARES[metric][1]]))
    return Estimate(float(row[metric]))


def group(
    frame: pd.DataFrame, by: Sequence[str], metric: str = "accuracy"
) -> pd.DataFrame:
    """`estimate` of each group of runs.

    Gives a row a group, in the order of the runs: `by`, mean, low, high, std
    over seeds (or over folds), runs, expected, diverged, stale.
    """
    return pd.DataFrame(
        dict(zip(by, at, strict=True)) | _summary(part, metric)
        for at, part in frame.groupby(list(by), sort=False, dropna=False)
    )


def beside(
    paper: str,
    item: str,
    profile: str = "full",
    records: Sequence[Mapping] | None = None,
) -> pd.DataFrame:
    """A printed table, cell by cell, and what was measured for each.

    Gives a row a printed cell, in the order printed: paper, item, at (the data
    set, benchmark, number of epochs or angle, as printed), method, unit
    ("percent" or "radian"; errors are turned into accuracies), metric;
    printed, printed_std, printed_low, printed_high; measured, low, high, std,
    runs, expected (0 of methods that the book does not measure), diverged,
    stale. Raises ValueError for a table without unit, not one of results.
    """
    rows = [
        {"paper": paper, "item": item}
        | printed
        | _summary(same, printed["metric"])
        for printed, same in pairs(paper, item, profile, records)
    ]
    return pd.DataFrame(rows).rename(columns={"mean": "measured"})


def pairs(
    paper: str,
    item: str,
    profile: str = "full",
    records: Sequence[Mapping] | None = None,
) -> list[tuple[dict, pd.DataFrame]]:
    """What `beside` has of each printed cell, with the `runs` that measure it.

    Raises ValueError for a table without unit, which is not of results.
    """
    facts = papers.facts(paper, item)
    if "unit" not in facts:
        raise ValueError(f"{paper}, {item} is not a table of results")
    frame = _of_source(paper, item, profile, records)
    return [
        (_printed(cell, facts), _runs_of(frame, cell))
        for cell in _cells(papers.table(paper, item))
    ]


def source(paper: str, item: str) -> tuple[str, dict]:
    """Whose runs a printed table reads: an experiment, and which of them.

    Angles are read from the networks of the accuracy tables, which have
    five seeds where the angle tables have one of them.
    """
    id = f"{paper}.{item}"
    run = experiments.runs(id, "full")[0]
    home = experiments.home(id, run).id
    return home, {} if home == id else {"benchmark": run["benchmark"]}


def wide(
    frame: pd.DataFrame,
    value: str = "printed",
    down: str = "at",
    across: str = "method",
) -> pd.DataFrame:
    """One value of `beside`, places down and methods across, as printed."""
    table = frame.pivot(index=down, columns=across, values=value)
    return table.loc[frame[down].unique(), frame[across].unique()]


def histogram(record: Mapping, kind: str) -> pd.DataFrame:
    """Shares of intra-class angles over training, a bin a degree.

    Gives a row an epoch, the index, a column a bin's middle in degrees.
    """
    counts = packing.unpack(record["arrays"][kind]).astype(float)
    epochs = packing.unpack(record["arrays"]["histogram_epochs"])
    return pd.DataFrame(
        counts / counts.sum(1, keepdims=True),
        index=pd.Index(epochs.astype(int), name="epoch"),
        columns=np.arange(counts.shape[1]) + 0.5,
    )


def course(record: Mapping, kind: str) -> pd.Series:
    """Mean intra-class angle by epoch, in degrees, from `histogram`."""
    shares = histogram(record, kind)
    return (shares * shares.columns.to_numpy()).sum(axis=1)


def early(record: Mapping, kind: str) -> float:
    """Mean intra-class angle over the first quarter of training, degrees."""
    means = course(record, kind)
    first = (means.index > 0) & (means.index <= EARLY * record["epochs"])
    return float(means[first].mean())


def _row(run, record):
    row = {key: run[key] for key in FIELDS if key in run}
    row["label_noise"] = run.get("label_noise", 0.0)
    row |= dict(run.get("hyperparameters", {}))
    row |= {"measured": record is not None, "record": record}
    found, known = (record["metrics"], record) if record else ({}, {})
    row |= {key: known.get(key) for key in KNOWN}
    row["diverged"] = found.get("diverged")
    row |= {key: found[key] for key in TITLES if key in found}
    if "correct" not in found:
        return row | {
            key: 100 * found[name]
            for key, (name, _) in SHARES.items()
            if name in found
        }
    row |= {key: found[key] for key in ("std", "constant")}
    row["folds"] = 100 * np.divide(found["correct"], found["tested"])
    return row | {"networks": len(found["correct"])}


def _summary(part, metric):
    """The estimate of runs that differ in the seed, and how many there are."""
    found = estimate(part, metric)
    there = part[part["measured"].astype(bool)]
    if len(there) == 1 and metric == "accuracy" and "std" in there:
        std = float(there["std"].iloc[0])
    else:
        std = part.get(metric, pd.Series()).dropna().astype(float).std()
    return {
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "std": std,
        "runs": len(there),
        "expected": len(part),
        "diverged": int(there["diverged"].astype(bool).sum()),
        "stale": bool(there["stale"].eq(True).any()),
    }


def _of_source(paper, item, profile, records):
    """Runs of the experiment behind a table; none where there is none."""
    if f"{paper}.{item}" not in experiments.available():
        return pd.DataFrame(
            columns=["column", "measured", "diverged", "stale"]
        )
    id, where = source(paper, item)
    return select(runs(id, profile, records), **where)


def _cells(table):
    """A printed table as one mapping a cell; settings stand in "where"."""
    if "beta" in table:
        table = table.assign(method="β = " + table["beta"].astype(str))
        table = table.drop(columns="beta")
    if "mean" in table:
        return table.to_dict("records")
    found = []  # [mnist-cosine, Table 1]: two methods, each with its margins
    for method, margins in (("ArcFace", ["m"]), ("Combined", ["m2", "m3"])):
        means = pd.to_numeric(table[method.lower()], errors="coerce")
        for mean, values in zip(means, table[margins].to_numpy(float)):
            where = dict(zip(margins, values.tolist(), strict=True))
            at = ", ".join(f"{name} = {x:g}" for name, x in where.items())
            cell = {"setting": at, "method": method, "where": where}
            found.append(cell | {"mean": mean, "std": math.nan})
    return found


def _printed(printed, facts):
    mean, std = printed["mean"], printed["std"]
    values = "method", "mean", "std", "where"
    place = next(v for k, v in printed.items() if k not in values)
    unit = facts["unit"]
    if unit == "percent wrong":
        mean, unit = 100 - mean, "percent"
    trials = facts.get("trials", {place: TEST_IMAGES}).get(place)
    folds, seeds = facts.get("folds"), facts.get("seeds")
    error, freedom, found = math.nan, math.inf, None
    if folds:
        error, freedom = float(stats.fold_error(std, folds)), folds - 1
    elif seeds and not math.isnan(std):
        error, freedom = std / math.sqrt(seeds), seeds - 1
    elif unit == "percent" and trials and not math.isnan(mean):
        error = stats.share_error(mean, trials)
        found = stats.of_share(mean, trials)
    found = found or stats.around(mean, error, freedom)
    return {
        "at": str(place),
        "method": printed["method"],
        "metric": METRICS.get(place, "accuracy"),
        "unit": unit,
        "printed": mean,
        "printed_std": std,
        "printed_low": found.low,
        "printed_high": found.high,
        "printed_error": error,
        "printed_freedom": freedom,
    }


def _runs_of(frame, printed):
    if frame.empty:
        return frame
    method = printed["method"]
    where = {"column": COLUMNS.get(method, method), **printed.get("where", {})}
    if "epochs" in printed:
        where["epochs"] = int(printed["epochs"])
    where |= {k: printed[k] for k in ("dataset", "benchmark") if k in printed}
    if where.get("benchmark") in METRICS:
        del where["benchmark"]
    return select(frame, **where)
