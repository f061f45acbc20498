"""The UCI experiments of ArcGrad: Table I, Fig. 2, and their protocol.

The paper fixes the data sets, 10 runs of 10-fold cross-validation with
random partitions, a 3-layer ReLU network, Adam and a weight decay of 5e-4
[arcgrad, Section IV-A and Table III]. Width, learning rate and epochs it
leaves open: `arcgrad.protocol` chose them once for all losses, on parts of
the training folds of the first run; no test fold was looked at. Batches of
16, the one-cycle schedule and z-scored features were set beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import pandas as pd

from arcbook import datasets, ensembles
from arcbook.experiments.canary import flat
from arcbook.experiments.registry import CONTENT, methods
from arcbook.naming import refuse_unknown

SETTINGS = CONTENT["protocols"]["uci"]["full"]
FOLDS = {name: SETTINGS[name] for name in ("runs", "splits", "seed")}
PROTOCOL = {k: v for k, v in SETTINGS.items() if k not in FOLDS}
CURVES = methods("uci")
(_tried,) = CONTENT["experiments"]["arcgrad.protocol"]["grids"]
COLUMNS = {name: CURVES[name] for name in _tried["set"]["columns"]}
CANDIDATES = {k: v for k, v in _tried["over"].items() if k in PROTOCOL}


def one_run(
    dataset: str,
    column: str | None,
    method: tuple[str, Mapping],
    settings: Mapping,
) -> dict:
    """One run of a grid; of several columns where there is none."""
    run = {"dataset": dataset}
    if column is not None:
        loss, hyperparameters = method
        run |= {"column": column, "loss": loss}
        run["hyperparameters"] = dict(hyperparameters)
    return run | settings


def measure(run: Mapping, *, data: datasets.Table | None = None) -> dict:
    """Cross-validate one loss on one data set.

    Or validate one candidate with every loss, inside the training folds, if
    the run has "held_out", a share of each: the test folds take no part.

    Gives metrics: "accuracy" and "std", the mean and the standard deviation (n
    − 1) over folds of the test accuracy in percent; "train_accuracy" in
    percent; "diverged" and "constant", numbers of networks; "correct" and
    "tested", one number a fold.
    """
    table = data or datasets.load(run["dataset"], sample=False)
    if "held_out" in run:
        return _validate(table, run)
    method = run["loss"], run["hyperparameters"]
    trained = _train(table, _folds(table, run), run, *method)
    loss = [float(f"{x:.4g}") if x < np.inf else None for x in trained.curve]
    accuracy = 100 * trained.accuracy
    return {
        "data_sha256": table.sha256,
        "metrics": {
            "accuracy": round(accuracy.mean(), 3),
            "std": round(accuracy.std(ddof=1), 3),
            "train_accuracy": round(100 * trained.train_accuracy.mean(), 3),
            "diverged": int(trained.diverged.sum()),
            "constant": int(trained.constant.sum()),
            "correct": trained.correct.tolist(),
            "tested": trained.tested.tolist(),
        },
        "curves": {"loss": loss},
        "seconds": trained.seconds,
        "note": trained.note,
    }


def _validate(table, run):
    start = time.perf_counter()
    inner = [_hold_out(x, run["held_out"]) for x in _folds(table, run)]
    shares = {
        column: _train(table, inner, run, *COLUMNS[column]).accuracy.mean()
        for column in run["columns"]
    }
    return {
        "data_sha256": table.sha256,
        "metrics": {
            "accuracy": round(100 * np.mean(list(shares.values())), 3),
            "by_column": {k: round(100 * v, 2) for k, v in shares.items()},
        },
        "curves": {},
        "seconds": time.perf_counter() - start,
        "note": "validation accuracy, inside the training folds",
    }


def run_one(
    dataset: str,
    column: str | None = None,
    *,
    loss: str | None = None,
    hyperparameters: Mapping | None = None,
    **changes,
) -> pd.DataFrame:
    """Cross-validate one loss on one data set, here and now.

    Gives a row: the run, its metrics, and the rest of a record; nothing is
    written. Raises ValueError for an unknown column, loss or change.
    """
    settings = SETTINGS | {"runs": 1}
    refuse_unknown("setting", changes, settings)
    if (column is None) == (loss is None):
        raise ValueError("give a column of Table I, or a loss, not both")
    if loss is None:
        refuse_unknown("column", [column], CURVES)
        loss, hyperparameters = CURVES[column]
    method = loss, hyperparameters or {}
    run = one_run(dataset, column or loss, method, settings | changes)
    found = measure(run)
    return pd.DataFrame([run | found.pop("metrics") | found])


def accuracies(row: Mapping) -> np.ndarray:
    """Test accuracy of each fold in percent, from a record or a row."""
    values = row.get("metrics", row)
    return 100 * np.array(values["correct"]) / np.array(values["tested"])


def _folds(table, run):
    given = {name: run[name] for name in FOLDS}
    return ensembles.cross_validation(len(table.y), **given)


def _train(table, folds, run, loss, hyperparameters):
    given = {name: run[name] for name in PROTOCOL}
    given |= {"loss": loss, "hyperparameters": hyperparameters}
    return ensembles.train(table.X, table.y, folds, **given)


def _hold_out(fold, share):
    rows = np.random.default_rng(fold.seed).permutation(fold.train)
    count = max(1, round(share * len(rows)))
    return ensembles.Fold(rows[count:], rows[:count], fold.seed)


DECISIVE = ("loss", "hyperparameters", *SETTINGS, "held_out", "columns")
SMALL = {"epochs": 40, "weight_decay": 0.1, "runs": 2, "splits": 3, "seed": 0}


def canary(run: Mapping) -> tuple[str, dict]:
    """A run made small: its network and losses, on a synthetic table.

    Its name is such as "mlp3-arcgrad".
    """
    kept = {key: run[key] for key in DECISIVE if key in run}
    layers = min(run["layers"], 3)
    loss = run.get("loss", "protocol").replace("_", "-")
    return f"mlp{layers}-{loss}", kept | SMALL | {"layers": layers}


def synthetic() -> datasets.Table:
    """60 rows of three classes, a quarter of the labels at random."""
    generator = np.random.default_rng(0)
    y = np.tile(np.arange(3), 20)
    X = generator.normal(size=(3, 5))[y] + generator.normal(size=(60, 5))
    wrong = generator.permutation(60)[:15]
    y[wrong] = generator.integers(0, 3, 15)
    names = tuple("abc"), tuple("vwxyz")
    return datasets.Table("synthetic", X, y, *names, "synthetic", "synthetic")


def probe(small: Mapping) -> dict[str, float]:
    """The numbers of a small run."""
    return flat(measure(small, data=synthetic()))


HOW = {"measure": measure, "canary": canary, "probe": probe}
