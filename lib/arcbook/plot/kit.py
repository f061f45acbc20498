"""The forms that the book draws in: dots, curves, heat maps, ridges.

Printed numbers are hollow, measured ones filled; a loss has its colour and
marker. A form takes a data frame and draws on axes that it makes or is given;
what is special about a page is added there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.lines import Line2D

from arcbook import losses
from arcbook.plot.style import BASELINE, INK, colour, marker, spaced

HOLLOW = {"markerfacecolor": "none", "markeredgewidth": 1.5}
SHIFT = 0.17
KINDS = {
    "printed": ("printed_low", "printed_high", HOLLOW, 0.9),
    "measured": ("low", "high", {}, 2.0),
}
LOSS = {
    "Soft": "softmax",
    "Center": "center",
    "M-Soft": "m_softmax",
    "ArcFace": "arcface",
    "AdaCos": "adacos",
    "ArcGrad": "arcgrad",
    "Arc": "arcgrad",
    "Combined": "combined",
    "CosFace": "cosface",
    "AM": "cosface",
    "Eq.(3)": "normface",
}


def look(method: str) -> dict:
    """Colour, marker and size of what a paper or the book calls a loss.

    A name with a number at its end, such as ArcGrad30, has the look of the
    name without it; with a penalty, such as "… IAM", that of the penalty.

    Raises ValueError: for a name that is no loss.
    """
    bare = method.rstrip("0123456789.")
    name = "iam" if method.endswith("IAM") else LOSS.get(bare, method)
    mark = marker(losses.get(name).name)
    return {
        "color": colour(name),
        "marker": mark,
        "markersize": 10 if mark == "*" else 6.5,
    }


def dots(
    cells: pd.DataFrame,
    *,
    rows: str = "method",
    panels: str | None = None,
    columns: int = 1,
    style: Callable[[str], dict] = look,
    sharex: bool = False,
    width: float = 8.0,
    xlabel: str = "accuracy, %",
    bars: str = "95% interval",
):
    """Numbers as dots with their intervals, a row each, in panels.

    Args:
        cells: rows of `cells.beside`: a column `rows`, printed,
            printed_low, printed_high, measured, low, high; any but one of
            printed and measured may be missing.
        rows: the column whose values are the rows, in their order.
        panels: a column that makes panels; one panel where None.
        columns: panels side by side.
        style: from a row's name to marker and colour.
        sharex: whether panels have one axis.
        width: of the figure, in inches.
        xlabel: with the unit.
        bars: what the bars of measured dots are.

    Gives the figure; its axes' titles name the panels. The legend names only
    what is drawn.
    """
    parts = [None] if panels is None else list(cells[panels].unique())
    order = list(dict.fromkeys(cells[rows]))
    height = 0.36 * len(order) + 0.75
    shared = {"sharex": sharex, "sharey": True, "width": width, "base": 0.8}
    figure, every = grid(len(parts), columns, height, **shared)
    for axes, name in zip(every, parts, strict=True):
        part = cells if name is None else cells[cells[panels] == name]
        row_dots(axes, part, rows, order, style)
        if name is not None:
            axes.set_title(str(name), fontsize=11.5, pad=5)
    figure.supxlabel(xlabel, fontsize=11.5)
    legend(figure, *(kind for kind in KINDS if _has(cells, kind)), bars=bars)
    return figure


def grid(number, columns, height, *, width=8.0, base=0.0, **shared):
    """A figure of so many panels in rows, and the panels in their order.

    Heights are in inches: `height` of a row, and `base` besides; `shared` is
    for matplotlib's subplots.
    """
    lines = -(-number // columns)
    figure, every = plt.subplots(
        *(lines, columns),
        figsize=(width, height * lines + base),
        squeeze=False,
        **shared,
    )
    for spare in every.flat[number:]:
        spare.remove()
    return figure, list(every.flat[:number])


def row_dots(
    axes,
    cells: pd.DataFrame,
    rows: str = "method",
    order: Sequence[str] | None = None,
    style: Callable[[str], dict] = look,
):
    """One panel of `dots`: a row each, the first at the top."""
    order = list(dict.fromkeys(cells[rows]) if order is None else order)[::-1]
    for _, cell in cells.iterrows():
        _dots(axes, cell, order.index(cell[rows]), style(cell[rows]))
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(-0.6, len(order) - 0.4)


def _has(cells, kind):
    return kind in cells and cells[kind].notna().any()


def _dots(axes, cell, place, mark):
    both = all(pd.notna(cell.get(kind)) for kind in KINDS)
    for kind, side in zip(KINDS, (1, -1)):
        if pd.isna(cell.get(kind)):
            continue
        low, high, hollow, width = KINDS[kind]
        at = place + side * SHIFT * both
        ends = cell.get(low, math.nan), cell.get(high, math.nan)
        axes.hlines(at, *ends, mark["color"], lw=width)
        axes.plot(cell[kind], at, **mark | hollow | {"ls": "none"})


def legend(figure, *kinds: str, bars: str = "95% interval"):
    """What hollow and filled marks mean, for those that are drawn."""
    texts = {"printed": "printed", "measured": f"measured, {bars}"}
    texts["measured"] = texts["measured"].removesuffix(", ")
    handles = [
        Line2D([], [], color=INK, marker="o", lw=0, **KINDS[kind][2])
        for kind in kinds
    ]
    if handles:
        figure.legend(
            handles,
            [texts[kind] for kind in kinds],
            loc="outside upper right",
            ncols=2,
            fontsize=10.5,
        )


def curves(
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    hue: str = "loss",
    axes=None,
    style: Callable[[str], dict] = look,
    label_at: float | None = None,
    **options,
):
    """Curves over x with their names beside their ends.

    Args:
        frame: a row a point, in long form; several points at one x are
            drawn as their mean with its 95% interval.
        x, y: columns.
        hue: the column that names a curve.
        axes: to draw on; a new figure's where None.
        style: from a curve's name to marker and colour; the marker is left
            out where there are more than 25 points.
        label_at: where names stand, in data units; by default at the end.
        **options: for seaborn's lineplot.

    Gives the axes.
    """
    axes = axes or plt.subplots()[1]
    ends = {}
    for name in dict.fromkeys(frame[hue]):
        part = frame[frame[hue] == name]
        mark = style(name)
        if part[x].nunique() > 25:
            mark = {"color": mark["color"]}
        sns.lineplot(
            part,
            x=x,
            y=y,
            ax=axes,
            **{"errorbar": ("ci", 95), "markeredgewidth": 0} | mark | options,
        )
        last = label_at if label_at is not None else part[x].max()
        nearest = part.iloc[(part[x] - last).abs().argsort()[:1]][x].iloc[0]
        ends[name] = nearest, part.loc[part[x] == nearest, y].mean()
    names(axes, ends, style)
    return axes


def names(axes, ends: Mapping[str, tuple], style=look):
    """Names at the right of curves, moved apart by a line's height.

    Args:
        axes: with its limits and its scale set.
        ends: from a name to the (x, y) of its curve's end.
        style: from a name to its colour.
    """
    log = axes.get_yscale() == "log"
    there, back = (np.log10, lambda y: 10.0**y) if log else (float, float)
    low, high = map(there, axes.get_ylim())
    inches = axes.get_position().height * axes.figure.get_figheight()
    gap = (high - low) * 0.2 / inches
    heights = spaced({name: there(y) for name, (_, y) in ends.items()}, gap)
    for name, (x, _) in ends.items():
        axes.annotate(
            name,
            (x, back(heights[name])),
            (9, 0),
            textcoords="offset points",
            color=style(name)["color"],
            va="center",
            fontsize=10.5,
            annotation_clip=False,
        )


def heat(
    matrix: pd.DataFrame,
    *,
    axes=None,
    hits: str | None = None,
    fmt: str = "d",
    annotate: bool = True,
    label: str = "",
    **options,
):
    """A matrix as a heat map.

    Args:
        matrix: index and columns name its rows and columns.
        axes: to draw on; a new figure's where None.
        hits: for a confusion matrix the colour of its diagonal, which is
            scaled on its own, so that errors can be seen beside hits.
        fmt: of the numbers in the cells.
        annotate: whether to print them; zeros off the diagonal are not.
        label: of the colour bar; none where empty.
        **options: for seaborn's heatmap.

    Gives the axes.
    """
    axes = axes or plt.subplots(figsize=(8, 6.5))[1]
    values = matrix.to_numpy()
    square = hits is not None
    diagonal = np.eye(*values.shape, dtype=bool) & square
    texts = np.vectorize(lambda x: format(x, fmt) if x else "")(values)
    shared = {"ax": axes, "linewidths": 0.5, "linecolor": "none"} | options
    shared |= {"annot": texts if annotate else False, "fmt": ""}
    shared["annot_kws"] = {"fontsize": 10, "color": INK} | options.get(
        "annot_kws", {}
    )
    bar = {"cbar": bool(label), "cbar_kws": {"label": label} if label else {}}
    sns.heatmap(
        matrix,
        mask=diagonal,
        cmap=shared.pop("cmap", None) or tint(INK),
        **shared | bar,
    )
    if square:
        shared.pop("vmin", None), shared.pop("vmax", None)
        sns.heatmap(
            matrix,
            mask=~diagonal,
            cmap=tint(hits),
            cbar=False,
            vmin=0,
            **shared,
        )
    axes.grid(False)
    axes.tick_params(length=0)
    return axes


def tint(color: str, most: float = 0.5) -> LinearSegmentedColormap:
    """From nothing to a colour, so that it reads on light and on dark."""
    red, green, blue = to_rgb(color)
    ends = [(red, green, blue, 0.0), (red, green, blue, most)]
    return LinearSegmentedColormap.from_list("tint", ends)


def ridges(
    axes,
    shares: pd.DataFrame,
    color: str,
    *,
    overlap: float = 1.6,
    labels: Sequence | None = None,
):
    """Histograms one under the other, the first at the top and dark.

    Args:
        axes: to draw on.
        shares: a row a slice (the index names it), a column a bin's middle.
        color: of the slices.
        overlap: height of the tallest peak, in slices.
        labels: the slices that are named at the axis; all where None.
    """
    edges = shares.columns.to_numpy()
    for place, (_, values) in enumerate(shares.iterrows()):
        floor = len(shares) - 1 - place
        light = 0.85 - 0.6 * place / max(1, len(shares) - 1)
        top = floor + overlap * values.to_numpy() / values.max()
        axes.fill_between(
            edges, floor, top, color=color, alpha=light, lw=0, zorder=place + 2
        )
        axes.plot(edges, top, color=INK, lw=0.6, zorder=place + 2)
    named = list(shares.index if labels is None else labels)
    places = [
        len(shares) - 1 - k
        for k, name in enumerate(shares.index)
        if name in named
    ]
    axes.set_yticks(places, [n for n in shares.index if n in named])
    axes.set_ylim(-0.1, len(shares) - 1 + overlap + 0.1)
    axes.grid(axis="y", visible=False)
    return axes


def sphere(axes, *, elev: float = 18, azim: float = -60):
    """Make 3-D axes a unit sphere of faint lines, equal on all sides.

    Args:
        axes: of ``projection="3d"``.
        elev, azim: of the viewer, in degrees.
    """
    turn = np.linspace(0, 2 * math.pi, 121)
    for tilt in np.radians([-60, -30, 0, 30, 60]):
        ring = np.cos(tilt)
        axes.plot(
            ring * np.cos(turn),
            ring * np.sin(turn),
            np.full_like(turn, np.sin(tilt)),
            color=BASELINE,
            lw=0.6,
            alpha=0.5,
        )
    for side in np.radians([0, 45, 90, 135]):
        axes.plot(
            np.cos(turn) * np.cos(side),
            np.cos(turn) * np.sin(side),
            np.sin(turn),
            color=BASELINE,
            lw=0.6,
            alpha=0.5,
        )
    axes.set_box_aspect((1, 1, 1))
    axes.view_init(elev, azim)
    axes.set_axis_off()
    return axes


def key(figure, entries: Mapping[str, dict], **options):
    """A legend of marks that are given by name, below the picture."""
    handles = [
        Line2D([], [], **{"ls": "none"} | mark) for mark in entries.values()
    ]
    shared = {"loc": "outside lower center", "ncols": len(entries)}
    shared |= {"fontsize": 10.5, "handletextpad": 0.3, "columnspacing": 1.2}
    return figure.legend(handles, list(entries), **shared | options)
