"""The UCI experiments of ArcGrad: Table I, Fig. 2, and their protocol.

The paper fixes the data sets, 10 runs of 10-fold cross-validation with
random partitions, a 3-layer ReLU network, Adam and a weight decay of 5e-4
[arcgrad, Section IV-A and Table III]. Width, learning rate and epochs it
leaves open: `arcgrad.protocol` chose them once for all losses, on parts of
the training folds of the first run; no test fold was looked at. Batches of
16, the one-cycle schedule and z-scored features were set beforehand.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping

import numpy as np
import pandas as pd

from arcbook import datasets, ensembles, results
from arcbook.experiments.canary import flat
from arcbook.experiments.registry import Experiment, register

PROTOCOL = {"layers": 3, "width": 32, "epochs": 30, "lr": 0.03}
PROTOCOL |= {"batch_size": 16, "weight_decay": 5e-4}
FOLDS = {"runs": 10, "splits": 10, "seed": 0}
QUICK_FOLDS = {"runs": 1, "splits": 10, "seed": 0}

COLUMNS = {
    "Soft": ("softmax", {}),
    "Center": ("center", {"lam": 0.02}),
    "M-Soft": ("m_softmax", {"m": 0.5}),
    "ArcFace": ("arcface", {"s": 20.0, "m": 0.1}),
    "AdaCos": ("adacos", {}),
    "ArcGrad30": ("arcgrad", {"s": 30.0}),
    "ArcGrad5": ("arcgrad", {"s": 5.0}),
}
CURVES = COLUMNS | {"ArcGrad10": ("arcgrad", {"s": 10.0})}

WHOLE_SAMPLES = ("pima", "hayes-roth", "tae", "votes", "haberman", "iris")
WHOLE_SAMPLES += ("balance-scale",)
LAYERS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20)
QUICK_LAYERS = (1, 2, 3, 5, 7, 10)

CANDIDATES = {"width": (16, 32), "epochs": (30, 60)}
CANDIDATES |= {"lr": (0.003, 0.01, 0.03)}
HELD_OUT = 0.2


def table1_runs(profile: str) -> list[dict]:
    """15 data sets × 7 columns; the quick profile has 7 data sets."""
    names = datasets.available("table")
    if profile == "quick":
        names = [name for name in names if name in WHOLE_SAMPLES]
    return [
        _run(name, column, profile) for name in names for column in COLUMNS
    ]


def fig2_runs(profile: str) -> list[dict]:
    """Iris: every loss at every number of layers."""
    layers = QUICK_LAYERS if profile == "quick" else LAYERS
    return [
        _run("iris", column, profile) | {"layers": number}
        for column in CURVES
        for number in layers
    ]


def protocol_runs(profile: str) -> list[dict]:
    """15 data sets × the candidates; there is no quick profile."""
    if profile == "quick":
        return []
    return [
        {"dataset": name}
        | PROTOCOL
        | dict(zip(CANDIDATES, values, strict=True))
        | FOLDS
        | {"runs": 1, "held_out": HELD_OUT, "columns": list(COLUMNS)}
        for name in datasets.available("table")
        for values in itertools.product(*CANDIDATES.values())
    ]


def _run(dataset, column, profile):
    loss, hyperparameters = CURVES[column]
    return {
        "dataset": dataset,
        "column": column,
        "loss": loss,
        "hyperparameters": hyperparameters,
        **PROTOCOL,
        **(QUICK_FOLDS if profile == "quick" else FOLDS),
    }


def _name(run):
    return f"{run['dataset']}-{run['column'].lower()}"


def _fig2_name(run):
    return f"{run['column'].lower()}-{run['layers']:02}-layers"


def _protocol_name(run):
    lr = f"lr{run['lr']:g}"
    return f"{run['dataset']}-w{run['width']}-e{run['epochs']}-{lr}"


def measure(run: Mapping, *, data: datasets.Table | None = None) -> dict:
    """Cross-validate one loss on one data set.

    Gives metrics: "accuracy" and "std", the mean and the standard deviation (n
    − 1) over folds of the test accuracy in percent; "train_accuracy" in
    percent; "diverged" and "constant", numbers of networks; "correct" and
    "tested", one number a fold.
    """
    table = data or datasets.load(run["dataset"], sample=False)
    loss = run["loss"], run["hyperparameters"]
    trained = _train(table, _folds(table, run), run, *loss)
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


def measure_protocol(
    run: Mapping, *, data: datasets.Table | None = None
) -> dict:
    """Validate one candidate with every loss, inside the training folds.

    A share of each training fold is held out for validation, the rest is
    learned from; the test folds take no part.
    """
    start = time.perf_counter()
    table = data or datasets.load(run["dataset"], sample=False)
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


def choose(records: pd.DataFrame) -> dict:
    """The candidate with the best validation accuracy of all.

    Gives its width, epochs and lr. Each data set and each loss has the same
    weight.
    """
    best = records.groupby(list(CANDIDATES))["accuracy"].mean().idxmax()
    return {
        name: type(CANDIDATES[name][0])(value)
        for name, value in zip(CANDIDATES, best, strict=True)
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

    Gives a row as `results.read` gives it; nothing is written. Raises
    ValueError for an unknown column, loss or change.
    """
    settings = PROTOCOL | QUICK_FOLDS
    if unknown := {*changes} - {*settings}:
        raise ValueError(
            f"unknown {', '.join(sorted(unknown))}: what can be changed is "
            f"{', '.join(settings)}"
        )
    if (column is None) == (loss is None):
        raise ValueError("give a column of Table I, or a loss, not both")
    if loss is None:
        if column not in CURVES:
            raise ValueError(
                f"there is no column {column!r}; there are {', '.join(CURVES)}"
            )
        loss, hyperparameters = CURVES[column]
    run = {
        "dataset": dataset,
        "column": column or loss,
        "loss": loss,
        "hyperparameters": dict(hyperparameters or {}),
        **settings,
        **changes,
    }
    return results.frame([run | measure(run)])


def accuracies(row: Mapping) -> np.ndarray:
    """Test accuracy of each fold in percent, from a record or a row."""
    values = row.get("metrics", row)
    return 100 * np.array(values["correct"]) / np.array(values["tested"])


def _folds(table, run):
    given = {name: run[name] for name in FOLDS}
    return ensembles.cross_validation(len(table.y), **given)


def _train(table, folds, run, loss, hyper):
    given = {name: run[name] for name in PROTOCOL}
    given |= {"loss": loss, "hyperparameters": hyper}
    return ensembles.train(table.X, table.y, folds, **given)


def _hold_out(fold, share):
    rows = np.random.default_rng(fold.seed).permutation(fold.train)
    count = max(1, round(share * len(rows)))
    return ensembles.Fold(rows[count:], rows[:count], fold.seed)


SMALL = {"epochs": 40, "weight_decay": 0.1, "runs": 2, "splits": 3, "seed": 0}
DECISIVE = ("loss", "hyperparameters", *PROTOCOL, *FOLDS)
DECISIVE += ("held_out", "columns")


def canary(run: Mapping) -> dict:
    """A run made small: its network and losses, on a synthetic table."""
    kept = {key: run[key] for key in DECISIVE if key in run}
    return kept | SMALL | {"layers": min(run["layers"], 3)}


def canary_name(small: Mapping) -> str:
    """Such as "mlp3-arcgrad"."""
    loss = small.get("loss", "protocol").replace("_", "-")
    return f"mlp{small['layers']}-{loss}"


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
    measured = measure if "loss" in small else measure_protocol
    return flat(measured(small, data=synthetic()))


HOW = canary, probe, canary_name
TITLE = "Accuracy of seven losses on 15 UCI data sets"
ABOUT = "arcgrad.table1", TITLE, "arcgrad, Table I"
register(Experiment(*ABOUT, table1_runs, _name, measure, *HOW))
TITLE = "Accuracy on Iris against the number of layers"
ABOUT = "arcgrad.fig2", TITLE, "arcgrad, Fig. 2"
register(Experiment(*ABOUT, fig2_runs, _fig2_name, measure, *HOW))
TITLE = "Width, epochs and learning rate, chosen by validation"
ABOUT = "arcgrad.protocol", TITLE, "what [arcgrad, Section IV-A] leaves open"
MEASURE = protocol_runs, _protocol_name, measure_protocol
register(Experiment(*ABOUT, *MEASURE, *HOW))
