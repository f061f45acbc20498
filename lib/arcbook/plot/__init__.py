"""How the book draws: one style, a few general forms."""

from arcbook.plot.kit import (
    HOLLOW,
    curves,
    dots,
    heat,
    key,
    legend,
    look,
    ridges,
    sphere,
    tint,
)
from arcbook.plot.style import (
    BASELINE,
    INK,
    colour,
    degrees,
    label_line,
    marker,
    show,
    spaced,
    style,
    title,
)

__all__ = [
    "BASELINE",
    "HOLLOW",
    "INK",
    "colour",
    "curves",
    "degrees",
    "dots",
    "heat",
    "key",
    "label_line",
    "legend",
    "look",
    "marker",
    "ridges",
    "show",
    "spaced",
    "sphere",
    "style",
    "tint",
    "title",
]
