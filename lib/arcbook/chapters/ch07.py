"""What depth does to a small network: before training, and after."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib import pyplot as plt

from arcbook import cells, ensembles, geometry, plot
from arcbook.chapters.ch06 import dot, look
from arcbook.experiments import uci
from arcbook.plot import BASELINE, HOLLOW, INK

GROUPS = {
    "Inner products": ("Soft", "Center", "M-Soft"),
    "Cosines": ("ArcFace", "AdaCos"),
    "Angles": ("ArcGrad30", "ArcGrad10", "ArcGrad5"),
}
CLAIMED = {"Soft": 10, "ArcFace": 9.3, "AdaCos": 10.7}  # beside each other
DASHED = (0, (4, 2))


def one_class(y: np.ndarray) -> float:
    """Accuracy in percent of answering each fold's largest training class.

    Folds of random partitions are not stratified: the class that is largest in
    training is the one that the test fold lacks.
    """
    hits = [
        (y[fold.test] == np.bincount(y[fold.train]).argmax()).mean()
        for fold in ensembles.cross_validation(len(y), **uci.FOLDS)
    ]
    return 100 * float(np.mean(hits))


def features_at_start(X, layers, *, width=32, count=20, seed=0):
    """Features of untrained networks, a row a network.

    Gives layers; angle, the mean over pairs of samples of the angle between
    features, in radians; norm, the mean.
    """
    inputs, rows = _standard(X), []
    for number in layers:
        shape = inputs.shape[1], width, number
        nets, _ = _start(shape, 3, ("softmax", {}), count, seed)
        batch = inputs.double().expand(count, -1, -1)
        with torch.no_grad():
            directions, norms = geometry.unit(nets.double()(batch))
        for one, lengths in zip(directions, norms):
            between = geometry.angles(one, one)
            pairs = between.numel() - len(between)
            angle = between.sum().item() / pairs
            rows.append((number, angle, lengths.mean().item()))
    return pd.DataFrame(rows, columns=["layers", "angle", "norm"])


def pull_at_start(
    X, y, layers, columns, *, count=20, seed=0, weight_decay=5e-4
):
    """What moves the first layer in the first step: loss, weight decay.

    Gives a row for each column and number of layers: gradient, the norm of the
    loss's gradient on the first layer's weights, and decay, that of what
    weight decay adds; medians over networks.
    """
    inputs, labels = _standard(X), torch.from_numpy(y)
    classes, rows = int(y.max()) + 1, []
    for number, column in itertools.product(layers, columns):
        shape = inputs.shape[1], uci.PROTOCOL["width"], number
        nets, head = _start(shape, classes, uci.CURVES[column], count, seed)
        features = nets(inputs.expand(count, -1, -1))
        losses = head.losses(features, labels.expand(count, -1))
        weight = nets[0].weight
        (gradient,) = torch.autograd.grad(losses.mean(-1).sum(), weight)
        sizes = [
            each.flatten(1).norm(dim=1).median().item()
            for each in (gradient, weight_decay * weight.detach())
        ]
        rows.append((column, number, *sizes))
    heads = ["column", "layers", "gradient", "decay"]
    return pd.DataFrame(rows, columns=heads)


def _standard(X):
    scaled = (X - X.mean(0)) / np.where(X.std(0) == 0, 1, X.std(0))
    return torch.from_numpy(scaled).float()


def _start(shape, classes, loss, count, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # AdaCos on two classes
        pairs = [
            ensembles.initialise(seed * count + k, shape, classes, *loss)
            for k in range(count)
        ]
    return [ensembles.stack(modules) for modules in zip(*pairs, strict=True)]


def fade(rows: pd.DataFrame, name: str, start: int = 6) -> float:
    """By what factor a quantity shrinks with each further layer."""
    deep = rows[rows["layers"] >= min(start, rows["layers"].max() - 1)]
    if (deep[name] <= 0).any():
        return math.nan
    slope = np.polyfit(deep["layers"], np.log(deep[name]), 1)[0]
    return float(np.exp(slope))


def crossing(pull: pd.DataFrame) -> pd.Series:
    """The fewest layers at which weight decay pulls harder, by column."""
    return _first(pull, pull["gradient"] < pull["decay"])


def falls(course: pd.DataFrame, below: float = 90.0) -> pd.Series:
    """The fewest layers, from 3 on, whose mean accuracy is below so many %."""
    return _first(course, (course["layers"] >= 3) & (course["mean"] < below))


def _first(rows, where):
    found = rows[where].groupby("column")["layers"].min()
    return found.reindex(rows["column"].unique())


def opening(axes, pull: pd.DataFrame):
    """Publish the gradient on the first layer against the layers."""
    alive = pull[pull["gradient"] > 0]
    last = alive.groupby("column").last()[["layers", "gradient"]]
    axes.set_xlim(1.5, pull["layers"].max())
    plot.names(axes, dict(zip(last.index, last.to_numpy())), look)
    below = 0.8 * pull["decay"].iloc[0]
    axes.text(pull["layers"].iloc[0], below, "weight decay", va="top")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="layers", ylabel="gradient on the first layer")
    if len(met := crossing(alive).dropna()):
        axes.set_title(
            f"Weight decay takes over from {met.min():.0f} layers on for "
            f"{met.idxmin()}, from {met.max():.0f} for the last"
        )
    return plot.show(axes.figure)


def accuracy(course: pd.DataFrame, level: float):
    """Accuracy against the number of layers, a panel a kind of loss."""
    figure, panels = plt.subplots(1, 3, figsize=(9.5, 4.2), sharey=True)
    for axes, (title, columns) in zip(panels, GROUPS.items()):
        axes.axhline(level, color=INK, lw=1, ls=DASHED)
        for column in columns:
            part = course[course["column"] == column].sort_values("layers")
            mark = look(column) | {"markersize": 4.5}
            axes.plot(part["layers"], part["mean"], label=column, **mark)
            ends = part["low"].clip(0), part["high"].clip(upper=100)
            band = {"color": mark["color"], "alpha": 0.18, "lw": 0}
            axes.fill_between(part["layers"], *ends, **band)
            if column in CLAIMED:
                hollow = dot(column) | {"markersize": 10} | HOLLOW
                axes.plot(CLAIMED[column], 33, **hollow)
        axes.set_title(title, fontsize=11.5)
        axes.set_xlim(0.5, 20.5)
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.legend(loc="lower left", fontsize=9.5, bbox_to_anchor=(0, 0.22))
    panels[0].set_ylim(0, 102)
    panels[0].set_ylabel("accuracy on Iris, %")
    figure.supxlabel("layers", fontsize=11.5)
    return plot.show(figure)


def collapse(start: pd.DataFrame):
    """Angles between features before training, against the layers."""
    figure, axes = plt.subplots(figsize=(8, 4.2))
    shown = start.assign(angle=np.degrees(start["angle"]))
    band = {"estimator": "median", "errorbar": ("pi", 80), "ax": axes}
    mark = {"color": INK, "marker": "o", "markeredgewidth": 0}
    sns.lineplot(shown, x="layers", y="angle", **band, **mark)
    middle = shown.groupby("layers")["angle"].median()
    layers = middle.index.to_numpy()
    derived = middle.iloc[0] * 6.0 ** ((layers[0] - layers) / 2)
    axes.plot(layers, derived, color=BASELINE, ls=DASHED)
    axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(
        ylabel="mean angle between features, degrees",
        title="Angle between features, and a fall by √6 a layer",
    )
    return plot.show(figure)


def course(profile: str = "full") -> pd.DataFrame:
    """Accuracy by column and layers, with the share that give one class.

    Gives rows of `cells.group`, and constant: percent of the networks.
    """
    runs = cells.measured("arcgrad.fig2", profile)
    share = 100 * (runs["constant"] / runs["networks"]).to_numpy()
    return cells.group(runs, ["column", "layers"]).assign(constant=share)
