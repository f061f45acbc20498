"""How the book draws: one style, one look a loss, a few general forms.

Printed numbers are hollow, measured ones filled, those of reduced scale half
filled on a ground of their own; a loss has its colour and marker. A form takes
a data frame and draws on axes that it makes or is given; what is special about
a page is added there.
"""

from __future__ import annotations

import io
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import HTML, Markdown
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.lines import Line2D

from arcbook import losses, stats

INK = "#0a0b0c"
BASELINE = "#808080"
HOLLOW = {"markerfacecolor": "none", "markeredgewidth": 1.5}
HALF = {"fillstyle": "left", "markerfacecoloralt": "none"}
HALF |= {"markeredgewidth": 1.2}
GROUND = "#b8922a"  # of what is drawn of the reduced profile, as a tint
SHIFT, OVERLAP = 0.17, 1.6
KINDS = {
    "printed": ("printed_low", "printed_high", HOLLOW, 0.9),
    "measured": ("low", "high", {}, 2.0),
}
REDUCED = {"reduced": ("reduced_low", "reduced_high", HALF, 1.4)}
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

# The six losses that are drawn together most (softmax to arcgrad) are at
# least 12 CAM02-UCS units apart under full deuteranopia, protanopia and
# tritanopia; all stand out 3.3 to 1 or more on white and 2.5 on the dark page.
_LOOKS = {
    "softmax": (BASELINE, "o"),
    "center": ("#bc76aa", "s"),
    "m_softmax": ("#08774a", "D"),
    "arcface": ("#2b7bd6", "^"),
    "adacos": ("#a23984", "v"),
    "arcgrad": ("#d55e00", "*"),
    "l_softmax": ("#6b9127", "P"),
    "sphereface": ("#8a7420", "X"),
    "normface": ("#857b8f", "p"),
    "cosface": ("#3f93a8", "<"),
    "combined": ("#6f5fd6", ">"),
    "l2_softmax": ("#64798f", "h"),
    "ring": ("#97715f", "8"),
    "iam": ("#0f8a7e", "d"),
}
_SPARE = itertools.cycle(zip(("#b0622f", "#5a7f2a", "#7a55a8"), "d1+x"))


def style() -> None:
    """Set the book's figure style for everything drawn from here on."""
    mpl.rcParams.update(mpl.rcParamsDefault)
    mpl.use("agg")
    plt.style.use(Path(__file__).with_name("arcbook.mplstyle"))


def _look(name):
    name = losses.get(name).name
    if name not in _LOOKS:
        _LOOKS[name] = next(_SPARE)
    return _LOOKS[name]


def colour(name: str) -> str:
    """The colour of a loss, the same in the whole book."""
    return _look(name)[0]


def marker(name: str) -> str:
    """The marker of a loss, the same in the whole book."""
    return _look(name)[1]


def title(name: str) -> str:
    """What a loss is called in figures and tables."""
    return losses.get(name).title


def look(method: str) -> dict:
    """Colour, marker and size of what a paper or the book calls a loss.

    A name with a number at its end, such as ArcGrad30, has the look of the
    name without it; with a penalty, such as "… IAM", that of the penalty.

    Raises ValueError: for a name that is no loss.
    """
    known = {title(name): name for name in losses.available()} | LOSS
    bare = method.rstrip("0123456789.")
    ink, mark = _look(
        "iam" if method.endswith("IAM") else known.get(bare, method)
    )
    return {
        "color": ink,
        "marker": mark,
        "markersize": 10 if mark == "*" else 6.5,
    }


def half(method: str) -> dict:
    """`look`, half filled: what the reduced profile has measured."""
    mark = look(method)
    return mark | HALF | {"markeredgecolor": mark["color"], "lw": 1.4}


def small(axes) -> None:
    """Give axes the ground of the reduced profile."""
    axes.set_facecolor(to_rgba(GROUND, 0.1))


def degrees(axis, step: int = 30) -> None:
    """Label an axis that holds radians in degrees."""
    axis.set_major_locator(mpl.ticker.MultipleLocator(step * math.pi / 180))
    axis.set_major_formatter(lambda x, _: f"{x * 180 / math.pi:.0f}°")


def own_angle(axes, step: int = 30) -> None:
    """Make the x axis that of the own angle, from 0 to π, in degrees."""
    axes.set(xlim=(0, math.pi), xlabel=r"$\theta_y$")
    degrees(axes.xaxis, step)


def label_line(line, x: float, text: str | None = None, dy: float = 0):
    """Write a curve's name, by default its label, beside it in its colour.

    It stands at x in data units, `dy` points above the curve.
    """
    xs, ys = line.get_data()
    return line.axes.annotate(
        text or line.get_label(),
        (x, ys[abs(xs - x).argmin()]),
        (0, dy),
        textcoords="offset points",
        color=line.get_color(),
        va="center",
        fontsize=11,
    )


def spaced(heights: dict, gap: float) -> dict:
    """Heights of labels, moved up until each two are `gap` or more apart."""
    placed, floor = {}, -math.inf
    for name in sorted(heights, key=heights.get):
        floor = max(heights[name], floor + gap)
        placed[name] = floor
    return placed


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


def lines(frame: pd.DataFrame, axes=None, style=look, **given):
    """The columns of a frame over its index, named at their ends.

    `given` is for `axes.set`, before the names are placed. Gives the axes.
    """
    axes = axes or plt.subplots()[1]
    for name, values in frame.items():
        axes.plot(values, **style(name) | {"marker": ""})
    axes.set(xlim=frame.index[[0, -1]], **given)
    last = frame.iloc[-1]
    names(axes, {name: (last.name, y) for name, y in last.items()}, style)
    return axes


def curves(frame: pd.DataFrame, x: str, y: str, hue: str, axes, style=look):
    """Means over x with their 95% intervals, named at their ends.

    Args:
        frame: a row a point, in long form.
        x, y: columns.
        hue: the column that names a curve.
        axes: to draw on.
        style: from a curve's name to marker and colour.
    """
    ends = {}
    for name, part in frame.groupby(hue, sort=False):
        mark = {"markeredgewidth": 0} | style(name)
        sns.lineplot(part, x=x, y=y, ax=axes, errorbar=stats.interval, **mark)
        means = part.groupby(x)[y].mean()
        ends[name] = means.index[-1], means.iloc[-1]
    names(axes, ends, style)


def grid(number, columns, height, *, width=8.0, base=0.0, **shared):
    """A figure of so many panels in rows, and the panels in their order.

    Heights are in inches: `height` of a row, and `base` besides; `shared` is
    for matplotlib's subplots.
    """
    rows = -(-number // columns)
    figure, every = plt.subplots(
        *(rows, columns),
        figsize=(width, height * rows + base),
        squeeze=False,
        **shared,
    )
    for spare in every.flat[number:]:
        spare.remove()
    return figure, list(every.flat[:number])


def dots(
    cells: pd.DataFrame,
    *,
    rows: str = "method",
    panels: str | None = None,
    columns: int = 1,
    style: Callable[[str], dict] = look,
    sharex: bool = False,
    xlabel: str = "accuracy, %",
    bars: str = "95% interval",
):
    """Numbers as dots with their intervals, a row each, in panels.

    Args:
        cells: rows of `cells.beside`: a column `rows`, and of each of
            `kinds` that is drawn a column of its name and those of its ends:
            printed, printed_low, printed_high; measured, low, high; reduced,
            reduced_low, reduced_high.
        rows: the column whose values are the rows, in their order.
        panels: a column that makes panels; one panel where None.
        columns: panels side by side.
        style: from a row's name to marker and colour.
        sharex: whether panels have one axis.
        xlabel: with the unit.
        bars: what the bars of dots that are not printed are.

    Gives the figure; its axes' titles name the panels. The legend names only
    what is drawn.
    """
    parts = cells.groupby(panels or (lambda _: ""), sort=False)
    order = list(dict.fromkeys(cells[rows]))
    figure, every = grid(
        *(len(parts), columns, 0.36 * len(order) + 0.75),
        base=0.8,
        sharex=sharex,
        sharey=True,
    )
    for axes, (name, part) in zip(every, parts, strict=True):
        row_dots(axes, part, rows, order, style)
        axes.set_title(name, fontsize=11.5, pad=5)
    figure.supxlabel(xlabel)
    legend(figure, *kinds(cells), bars=bars)
    return figure


def row_dots(
    axes,
    cells: pd.DataFrame,
    rows: str = "method",
    order: Sequence[str] | None = None,
    style: Callable[[str], dict] = look,
):
    """One panel of `dots`: a row each, the first at the top."""
    order = list(dict.fromkeys(cells[rows]) if order is None else order)[::-1]
    for cell in cells.to_dict("records"):
        mark = style(cell[rows])
        found = [k for k in KINDS | REDUCED if pd.notna(cell.get(k))]
        for kind, side in zip(found, (SHIFT, -SHIFT)):
            low, high, hollow, width = (KINDS | REDUCED)[kind]
            at = order.index(cell[rows]) + side * (len(found) > 1)
            ends = cell.get(low, math.nan), cell.get(high, math.nan)
            axes.hlines(at, *ends, mark["color"], lw=width)
            axes.plot(cell[kind], at, **mark | hollow | {"ls": "none"})
            if kind == "reduced":
                small(axes)
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(-0.6, len(order) - 0.4)


def kinds(cells: pd.DataFrame) -> list[str]:
    """Which kinds of numbers a frame has: printed, measured, reduced."""
    found = cells.columns[cells.notna().any()]
    return [kind for kind in KINDS | REDUCED if kind in found]


def legend(figure, *kinds: str, bars: str = "95% interval"):
    """What hollow and filled marks mean, for those that are drawn."""
    texts = {"printed": "printed", "measured": f"measured, {bars}"}
    texts["reduced"] = f"measured, reduced scale, {bars}"
    marks = {
        texts[kind].removesuffix(", "): (KINDS | REDUCED)[kind][2]
        | {"color": INK, "marker": "o"}
        for kind in kinds
    }
    if marks:
        key(figure, marks, loc="outside upper right", ncols=2)


def key(figure, entries: Mapping[str, dict], **options):
    """A legend of marks that are given by name, below the picture."""
    handles = [
        Line2D([], [], **{"ls": "none"} | mark) for mark in entries.values()
    ]
    shared = {"loc": "outside lower center", "ncols": len(entries)}
    shared |= {"handletextpad": 0.3, "columnspacing": 1.2}
    return figure.legend(handles, list(entries), **shared | options)


def heat(matrix: pd.DataFrame, *, axes, hits: str):
    """A confusion matrix as a heat map; zeros are not written.

    Its diagonal has the colour `hits` and is scaled on its own, so that
    errors can be seen beside hits.
    """
    diagonal = np.eye(len(matrix), dtype=bool)
    texts = matrix.astype(str).where(matrix != 0, "")
    for hidden, ink in ((diagonal, INK), (~diagonal, hits)):
        sns.heatmap(
            matrix,
            mask=hidden,
            cmap=tint(ink),
            vmin=0,
            annot=texts,
            fmt="",
            annot_kws={"fontsize": 10, "color": INK},
            linewidths=0.5,
            linecolor="none",
            cbar=False,
            ax=axes,
        )
    axes.grid(False)
    axes.tick_params(length=0)


def tint(color: str, most: float = 0.5) -> LinearSegmentedColormap:
    """From nothing to a colour, so that it reads on light and on dark."""
    ends = [to_rgba(color, alpha) for alpha in (0, most)]
    return LinearSegmentedColormap.from_list("tint", ends)


def ridges(axes, shares: pd.DataFrame, color: str, labels: Sequence):
    """Histograms one under the other, the first at the top and dark.

    Args:
        axes: to draw on.
        shares: a row a slice (the index names it), a column a bin's middle.
        color: of the slices.
        labels: the slices that are named at the axis.
    """
    last, bins = len(shares) - 1, shares.columns.to_numpy()
    for place, values in enumerate(shares.to_numpy()):
        floor, light = last - place, 0.85 - 0.6 * place / max(1, last)
        top, order = floor + OVERLAP * values / values.max(), place + 2
        look = {"color": color, "alpha": light, "lw": 0, "zorder": order}
        axes.fill_between(bins, floor, top, **look)
        axes.plot(bins, top, color=INK, lw=0.6, zorder=order)
    named = {n: last - k for k, n in enumerate(shares.index) if n in labels}
    axes.set_yticks(list(named.values()), list(named))
    axes.set_ylim(-0.1, last + OVERLAP + 0.1)
    axes.grid(axis="y", visible=False)


def to_svg(figure) -> str:
    """A figure as SVG whose text takes the colour of the page.

    The same figure gives the same bytes.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "arcbook"}):
        figure.savefig(
            buffer,
            format="svg",
            metadata={"Date": None, "Creator": None},
            bbox_inches="tight",
            pad_inches=0.06,
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'id="(figure|axes|text|line2d|patch)_\d+"', "", svg)
    return svg.replace("<svg", '<svg role="img" aria-label="figure"', 1)


def show(figure) -> HTML:
    """Publish a figure on the page, inline as SVG, and close it.

    Its caption and what it shows, for who can't see it, stand in the cell
    after (`book.prose`).
    """
    svg = to_svg(figure)
    plt.close(figure)
    return HTML(f'<figure class="plot"><div>{svg}</div></figure>')


def absent(problem: str) -> Markdown:
    """A box in the place of a figure that can't be drawn, and why."""
    return Markdown(
        f":::{{admonition}} Not drawn here\n:class: note\n\n{problem}\n:::"
    )
