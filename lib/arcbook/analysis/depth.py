"""What depth does to a small network: before training, and after.

Before training, the features of a deep ReLU network with PyTorch's default
initialisation stand at nearly one angle, and little of the loss's gradient
reaches the first layer. After training, that shows in the records.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import torch
from scipy import stats

from arcbook import ensembles, geometry
from arcbook.experiments import uci


def curve(records: Iterable[Mapping]) -> pd.DataFrame:
    """Accuracy against the number of layers, from records.

    Args:
        records: of `arcgrad.fig2`, one profile.

    Returns:
        A row a record: column, layers, mean accuracy in percent; low and
        high, the 95% interval of that mean over runs (over folds where
        there is one run); constant, the share in percent of networks that
        give all rows one class; stale.
    """
    rows = []
    for one in records:
        folds = uci.accuracies(one)
        parts = folds.reshape(one["runs"], -1).mean(axis=1)
        parts = parts if len(parts) > 1 else folds
        error = parts.std(ddof=1) / math.sqrt(len(parts))
        half = stats.t.ppf(0.975, len(parts) - 1) * error
        rows.append(
            {
                "column": one["column"],
                "layers": one["layers"],
                "mean": folds.mean(),
                "low": folds.mean() - half,
                "high": folds.mean() + half,
                "constant": 100 * one["metrics"]["constant"] / len(folds),
                "stale": one["stale"],
            }
        )
    columns = ["column", "layers", "mean", "low", "high", "constant", "stale"]
    course = pd.DataFrame(rows, columns=columns)
    course = course.astype(dict.fromkeys(columns[1:-1], float))
    return course.sort_values(["column", "layers"])


def rows_of_one_class(y: np.ndarray, folds) -> float:
    """Accuracy of a network that answers its fold's largest class.

    Args:
        y: (n,), classes 0..C−1.
        folds: as from `ensembles.cross_validation`.

    Returns:
        The mean over folds in percent. Folds of random partitions are not
        stratified: the class that is largest in training is the one that
        the test fold lacks.
    """
    hits = [
        (y[fold.test] == np.bincount(y[fold.train]).argmax()).mean()
        for fold in folds
    ]
    return 100 * float(np.mean(hits))


def features_at_start(
    X: np.ndarray, layers: Iterable[int], *, width=32, count=20, seed=0
) -> pd.DataFrame:
    """Features of untrained networks.

    Args:
        X: (n, features), not scaled.
        layers: numbers of layers, at least 2.
        width: as `networks.mlp` takes it.
        count: networks for each number of layers.
        seed: decides their initialisation.

    Returns:
        A row a network: layers; angle, the mean over pairs of samples of
        the angle between their features, in radians; norm, the mean norm.
    """
    inputs = _standard(X)
    rows = []
    for number in layers:
        nets, _ = _start(inputs, 3, number, width, count, seed, "softmax", {})
        nets = nets.double()
        with torch.no_grad():
            directions, norms = geometry.unit(
                nets(inputs.double().expand(count, -1, -1))
            )
            for k in range(count):
                between = geometry.angles(directions[k], directions[k])
                pairs = between.numel() - len(between)
                rows.append(
                    {
                        "layers": number,
                        "angle": between.sum().item() / pairs,
                        "norm": norms[k].mean().item(),
                    }
                )
    return pd.DataFrame(rows)


def pull_at_start(
    X: np.ndarray,
    y: np.ndarray,
    layers: Iterable[int],
    columns: Iterable[str],
    *,
    width=32,
    count=20,
    seed=0,
    weight_decay=uci.PROTOCOL["weight_decay"],
) -> pd.DataFrame:
    """What moves the first layer in the first step: loss, weight decay.

    Args:
        X, y, layers, width, count, seed: as for `features_at_start`.
        columns: of `uci.CURVES`.
        weight_decay: that of Adam, which adds it times the weights to the
            gradient.

    Returns:
        A row for each column and number of layers: gradient, the norm of
        the loss's gradient on the first layer's weights, and decay, the
        norm of what weight decay adds to it; medians over networks.
    """
    inputs, labels = _standard(X), torch.from_numpy(y)
    rows = []
    for number in layers:
        for column in columns:
            nets, head = _start(
                inputs,
                int(y.max()) + 1,
                number,
                width,
                count,
                seed,
                *uci.CURVES[column],
            )
            batch = inputs.expand(count, -1, -1)
            losses = head.losses(nets(batch), labels.expand(count, -1))
            weight = nets[0].weight
            (gradient,) = torch.autograd.grad(losses.mean(-1).sum(), weight)
            norms = gradient.flatten(1).norm(dim=1)
            decay = weight_decay * weight.detach().flatten(1).norm(dim=1)
            rows.append(
                {
                    "column": column,
                    "layers": number,
                    "gradient": norms.median().item(),
                    "decay": decay.median().item(),
                }
            )
    return pd.DataFrame(rows)


def fade(rows: pd.DataFrame, name: str, start: int = 6) -> float:
    """By what factor a quantity shrinks with each further layer.

    NaN for one that is 0 somewhere, as AdaCos's gradient on two classes.

    Args:
        rows: with "layers" and the quantity.
        name: of the quantity.
        start: fewest layers of the fit of a line to its logarithm.
    """
    deep = rows[rows["layers"] >= min(start, rows["layers"].max() - 1)]
    if (deep[name] <= 0).any():
        return math.nan
    slope = np.polyfit(deep["layers"], np.log(deep[name]), 1)[0]
    return float(np.exp(slope))


def crossing(pull: pd.DataFrame) -> pd.Series:
    """For each column the fewest layers at which weight decay pulls harder.

    Args:
        pull: as from `pull_at_start`.

    Returns:
        A number of layers a column; NaN where the loss always wins.
    """
    lost = pull[pull["gradient"] < pull["decay"]]
    columns = pull["column"].unique()
    return lost.groupby("column")["layers"].min().reindex(columns)


def falls(course: pd.DataFrame, below: float = 90.0) -> pd.Series:
    """For each column the fewest layers whose accuracy is low, from 3 on.

    Args:
        course: as from `curve`.
        below: percent.

    Returns:
        A number of layers a column; NaN where accuracy stays above.
    """
    deep = course[course["layers"] >= 3]
    low = deep[deep["mean"] < below]
    columns = course["column"].unique()
    return low.groupby("column")["layers"].min().reindex(columns)


def _standard(X):
    scaled = (X - X.mean(0)) / np.where(X.std(0) == 0, 1, X.std(0))
    return torch.from_numpy(scaled).float()


def _start(inputs, classes, layers, width, count, seed, loss, hyper):
    shape = inputs.shape[1], width, layers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # AdaCos on two classes
        pairs = [
            ensembles.initialise(seed * count + k, shape, classes, loss, hyper)
            for k in range(count)
        ]
    return [ensembles.stack(modules) for modules in zip(*pairs, strict=True)]
