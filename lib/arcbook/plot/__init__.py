"""How the book draws: one style, a few general forms."""

from arcbook.plot.style import (
    BASELINE,
    INK,
    colour,
    degrees,
    label_line,
    marker,
    show,
    style,
    title,
)

__all__ = [
    "BASELINE",
    "INK",
    "colour",
    "degrees",
    "label_line",
    "marker",
    "show",
    "style",
    "title",
]
