"""The pictures of the book, drawn from formulas and records."""

from arcbook.figures.style import (
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
