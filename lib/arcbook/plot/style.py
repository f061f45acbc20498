"""One style for every figure, one colour and one marker for every loss."""

from __future__ import annotations

import html
import io
import itertools
import math
import re
from hashlib import sha256
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from arcbook import losses

INK = "#0a0b0c"
BASELINE = "#808080"

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


def degrees(axis, step: int = 30) -> None:
    """Label an axis that holds radians in degrees."""
    axis.set_major_locator(mpl.ticker.MultipleLocator(step * math.pi / 180))
    axis.set_major_formatter(lambda x, _: f"{x * 180 / math.pi:.0f}°")


def label_line(line, x: float, text: str | None = None, dy: float = 0):
    """Write a curve's name beside it, in its colour, at x.

    Args:
        line: a matplotlib line.
        x: where, in data units.
        text: the name; the line's own label by default.
        dy: how far above the curve, in points.
    """
    xs, ys = line.get_data()
    y = ys[abs(xs - x).argmin()]
    return line.axes.annotate(
        text or line.get_label(),
        (x, y),
        (0, dy),
        textcoords="offset points",
        color=line.get_color(),
        va="center",
        ha="left",
        fontsize=11,
    )


def spaced(heights: dict, gap: float) -> dict:
    """Heights of labels, moved up so that none covers another.

    Args:
        heights: where each label belongs.
        gap: least distance between two, in the same units.
    """
    placed, floor = {}, -math.inf
    for name in sorted(heights, key=heights.get):
        floor = max(heights[name], floor + gap)
        placed[name] = floor
    return placed


def to_svg(figure) -> str:
    """A figure as SVG whose text takes the colour of the page.

    Its titles are its label. The same figure gives the same bytes.
    """
    titles = [axes.get_title() for axes in figure.axes]
    label = "; ".join(filter(None, titles)) or "figure"
    salt = sha256(label.encode()).hexdigest()[:12]
    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None}
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(
            buffer,
            format="svg",
            metadata=metadata,
            bbox_inches="tight",
            pad_inches=0.06,
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'id="(figure|axes|text|line2d|patch)_\d+"', "", svg)
    role = f'<svg role="img" aria-label="{html.escape(label, quote=True)}"'
    return svg.replace("<svg", role, 1)


def show(figure):
    """Publish a figure on the page, and close it.

    Gives what a notebook displays as inline SVG. Its caption and what it
    shows, for who can't see it, stand in the cell after (`book.prose`).
    """
    from IPython.display import HTML

    svg = to_svg(figure)
    plt.close(figure)
    return HTML(f'<figure class="plot"><div>{svg}</div></figure>')


def absent(problem: str):
    """A box in the place of a figure that can't be drawn here.

    Args:
        problem: why, in a sentence.
    """
    from IPython.display import Markdown

    return Markdown(
        f":::{{admonition}} Not drawn here\n:class: note\n\n{problem}\n:::"
    )
