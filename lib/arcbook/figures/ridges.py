"""Histograms of intra-class angles over training, slice by slice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Markdown
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from arcbook.analysis import scatter
from arcbook.figures.compactness import look
from arcbook.plot.style import show as publish
from arcbook.plot.style import spaced
from arcbook.verdicts import NOT_YET


def ridges(
    records: Sequence[Mapping],
    columns: Sequence[str],
    kind: str = "intra_train",
):
    """Histograms of intra-class angles over training, and their means.

    Slices run from epoch 0, at the top and dark, down to the last, light.
    Each is scaled to its own peak.

    Args:
        records: at most one of each column.
        columns: what the paper calls the losses, one a panel.
        kind: "intra_train", "intra_test" or "intra_class0".
    """
    by_column = {one["column"]: one for one in records}
    lines = -(-len(columns) // 2)
    height = 2.6 if _many_slices(records) else 1.7
    figure = plt.figure(figsize=(8, height * lines + 2.7))
    heights = [height] * lines + [2.7]
    grid = figure.add_gridspec(lines + 1, 2, height_ratios=heights)
    reach = _reach(records, kind)
    for place, column in enumerate(columns):
        axes = figure.add_subplot(grid[divmod(place, 2)])
        color = look(column)["color"]
        axes.set_title(column, fontsize=11.5, color=color, pad=4)
        axes.set_xlim(0, reach)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0f}°")
        axes.grid(axis="y", visible=False)
        if drawable(axes, by_column.get(column)):
            shares = scatter.histograms(by_column[column], kind)
            _slices(axes, shares, color)
        if place % 2 == 0:
            axes.set_ylabel("epoch")
    _means(
        figure.add_subplot(grid[-1, :]),
        scatter.courses(records, kind),
    )
    return figure


def show(records, columns, kind: str, begin: str, title: str):
    """Publish `ridges`, or say that nothing is measured.

    Args:
        records, columns, kind: as `ridges` takes them.
        begin: of the caption, what was run.
        title: the point of the picture.
    """
    if not records:
        return Markdown(NOT_YET)
    figure = ridges(records, columns, kind)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5)
    return publish(
        figure,
        alt="A panel for each loss with a histogram of angles for each "
        "epoch, from epoch 0 at the top to the last; below, the mean angles "
        "over epochs.",
        caption=f"{begin} Angles of features to their own class vector. Each "
        "slice is scaled to its own peak; epoch 0 is dark. Below: the means "
        "of the histograms.",
    )


def _many_slices(records):
    return any(
        not one["metrics"]["diverged"] and one["epochs"] > 5 for one in records
    )


def _reach(records, kind):
    """The angle that all but one image in a thousand stay under."""
    reach = 30.0
    for one in records:
        if not one["metrics"]["diverged"]:
            shares = scatter.histograms(one, kind)
            over = (shares.cumsum(axis=1) < 99.9).sum(axis=1).max()
            reach = max(reach, 5 * math.ceil((over + 2) / 5))
    return min(reach, 180)


def drawable(axes, record):
    """Whether there is something to draw; if not, the panel says why."""
    if record is not None and not record["metrics"]["diverged"]:
        return True
    text = "not measured yet"
    if record is not None:
        epoch = record["metrics"].get("diverged_epoch")
        text = "diverged" + (f" in epoch {epoch}" if epoch else "")
    axes.annotate(
        text, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center"
    )
    axes.set_yticks([])
    return False


def _slices(axes, shares, color):
    epochs = shares.index.to_numpy()
    last = epochs[-1]
    gap = last / (len(epochs) - 1)
    height = 0.9 * gap if len(epochs) < 6 else 2.6 * gap
    shades = np.linspace(-0.55, 0.6, len(epochs))
    for epoch, shade, share in zip(
        epochs, shades, shares.to_numpy(), strict=True
    ):
        tops = epoch - height * share / share.max()
        axes.fill_between(
            shares.columns,
            epoch,
            tops,
            step="mid",
            color=_shade(color, shade),
            lw=0,
            rasterized=True,
        )
        axes.step(
            shares.columns,
            np.where(_inside(share), tops, np.nan),
            where="mid",
            color=color,
            lw=0.7,
            rasterized=True,
        )
    axes.set_ylim(last + 0.15 * gap, -1.1 * height)
    step = max(1, 10 * round(last / 40)) if last > 12 else 1
    axes.set_yticks(np.arange(0, last + 1, step))


def _inside(share):
    """Bins from one before the first to one after the last that has any."""
    filled = np.flatnonzero(share)
    places = np.arange(len(share))
    return (places >= filled[0] - 1) & (places <= filled[-1] + 1)


def _shade(color, amount):
    """A colour mixed with black (amount < 0) or white."""
    end = 0.0 if amount < 0 else 1.0
    return tuple(x + abs(amount) * (end - x) for x in to_rgb(color))


def _means(axes, course):
    if course.empty:
        axes.axis("off")
        return
    ends = course.iloc[-1].dropna()
    span = np.nanmax(course.to_numpy())
    for column in course:
        values = course[column].dropna()
        axes.plot(values.index, values, color=look(column)["color"])
    last = course.index[-1]
    for column, height in spaced(ends.to_dict(), 0.105 * span).items():
        axes.annotate(
            f"{column} {ends[column]:.1f}°",
            (last, ends[column]),
            (1.02 * last, height),
            va="center",
            color=look(column)["color"],
            fontsize=10.5,
            annotation_clip=False,
        )
    axes.set_xlim(0, last)
    axes.set_ylim(0, 1.08 * span)
    axes.yaxis.set_major_formatter(lambda x, _: f"{x:.0f}°")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean of the histogram")
