"""Cosines of test images, and what their classes were taken for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Markdown
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb
from matplotlib.ticker import LogLocator, MaxNLocator

from arcbook import packing
from arcbook.analysis import scatter
from arcbook.figures.compactness import look
from arcbook.figures.ridges import drawable
from arcbook.plot.style import BASELINE, colour
from arcbook.plot.style import show as publish
from arcbook.verdicts import NOT_YET

NEGATIVE, POSITIVE = to_rgb(colour("arcface")), to_rgb(colour("arcgrad"))
DIVERGING = LinearSegmentedColormap.from_list(
    "cosine",
    [
        (0.0, (*NEGATIVE, 1.0)),
        (0.5, (*NEGATIVE, 0.0)),
        (0.5, (*POSITIVE, 0.0)),
        (1.0, (*POSITIVE, 1.0)),
    ],
)
ERRORS = LinearSegmentedColormap.from_list(
    "errors", [(*to_rgb(BASELINE), 0.0), (*to_rgb(BASELINE), 1.0)]
)
FAINTEST = 0.2  # percent; one of 100 images has to be seen


def matrices(records: Sequence[Mapping], columns: Sequence[str]):
    """Cosines of test images, beside the confusions of each loss.

    Args:
        records: of one benchmark, at most one of each column.
        columns: what the paper calls the losses, one a row.
    """
    by_column = {one["column"]: one for one in records}
    figure, panels = plt.subplots(
        len(columns), 2, figsize=(8, 3.55 * len(columns) + 0.7), squeeze=False
    )
    most = _largest_error(records)
    drawn = {}
    for column, (left, right) in zip(columns, panels, strict=True):
        record = by_column.get(column)
        color = look(column)["color"]
        left.set_title(column, color=color, fontsize=11, pad=4)
        for axes in (left, right):
            axes.grid(visible=False)
            axes.tick_params(length=0, labelsize=9)
        if not all([drawable(left, record), drawable(right, record)]):
            for axes in (left, right):
                axes.set_xticks([])
                axes.set_aspect("equal")
            continue
        drawn["cosine"] = _cosines(left, record)
        drawn["taken for, % of a class"] = _confusions(right, record, most)
        left.set_title(_title(record), color=color, fontsize=11, pad=4)
        accuracy = 100 * record["metrics"]["test_accuracy"]
        right.set_title(f"{accuracy:.1f}% right", fontsize=11, pad=4)
    for axes, (label, image) in zip(panels[0], drawn.items(), strict=False):
        bar = figure.colorbar(
            image, ax=axes, location="top", shrink=0.8, aspect=28, pad=0.09
        )
        bar.set_label(label)
        logarithmic = isinstance(image.norm, LogNorm)
        bar.locator = (
            LogLocator(subs=(1, 2, 5))
            if logarithmic
            else MaxNLocator(5, steps=[1, 2, 5, 10])
        )
        bar.formatter = lambda x, _: f"{x:g}"
        bar.minorticks_off()
        bar.outline.set_edgecolor(BASELINE)
        bar.ax.tick_params(labelsize=9)
    return figure


def show(records, columns, begin: str, title: str):
    """Publish `matrices`, or say that nothing is measured.

    Args:
        records, columns: as `matrices` takes them.
        begin: of the caption, what was run.
        title: the point of the picture.
    """
    if not records:
        return Markdown(NOT_YET)
    figure = matrices(records, columns)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5)
    return publish(
        figure,
        alt="A row for each loss: on the left the cosines of 100 test "
        "images, on the right the shares of images of one class taken for "
        "another.",
        caption=f"{begin} Left: cosines, orange above 0, blue below, and "
        "their means within and between classes. Right: the network's "
        "confusions; its hits, on the diagonal, have no colour.",
    )


def _title(record):
    """The loss and the mean cosines of its images."""
    ((_, row),) = scatter.matrices([record]).iterrows()
    parts = [
        f"{name} {scatter.cosine(row[f'{name} classes'])}"
        for name in ("within", "between")
        if not np.isnan(row[f"{name} classes"])
    ]
    return f"{record['column']}: {', '.join(parts)}"


def _cosines(axes, record):
    cosines = packing.unpack(record["arrays"]["cosines"])
    labels = packing.unpack(record["arrays"]["cosine_labels"])
    image = axes.imshow(cosines.astype(float), cmap=DIVERGING, vmin=-1, vmax=1)
    classes, starts, counts = np.unique(
        labels, return_index=True, return_counts=True
    )
    if counts.max() > 1:
        middles = starts + (counts - 1) / 2
        axes.set_xticks(middles, classes)
        axes.set_yticks(middles, classes)
    axes.set_xlabel("class of a test image", fontsize=10)
    return image


def _confusions(axes, record, most):
    shares = errors_of(record)
    classes = len(shares)
    off = shares.copy()
    np.fill_diagonal(off, np.nan)
    if classes > 20:
        norm = LogNorm(FAINTEST, max(most, 2))
        image = axes.imshow(
            np.where(off > 0, off, np.nan), cmap=ERRORS, norm=norm
        )
    else:
        image = axes.imshow(off, cmap=ERRORS, vmin=0, vmax=most)
        for (row, column), share in np.ndenumerate(shares):
            if share > 0:
                axes.text(
                    column,
                    row,
                    _percent(share),
                    ha="center",
                    va="center",
                    fontsize=8,
                    weight="bold" if row == column else "normal",
                )
        axes.set_xticks(range(classes))
        axes.set_yticks(range(classes))
    axes.set_xlabel("given class", fontsize=10)
    axes.set_ylabel("true class", fontsize=10)
    return image


def _percent(share):
    if share >= 9.95:
        return f"{share:.0f}"
    return f"{share:.1f}".removesuffix(".0")


def errors_of(record: Mapping) -> np.ndarray:
    """Confusions in percent of the images of each class, (C, C)."""
    counts = packing.unpack(record["arrays"]["confusion"]).astype(float)
    return 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)


def _largest_error(records):
    largest = 1.0
    for one in records:
        if not one["metrics"]["diverged"]:
            off = errors_of(one)
            np.fill_diagonal(off, 0)
            largest = max(largest, off.max())
    return largest
