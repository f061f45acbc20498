"""Figures as they are published, read back by the tests of pages."""

import nbformat
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from arcbook import plot
from arcbook.book import parameters


def caught(monkeypatch, draw, *arguments):
    """The figure that a function publishes."""
    found = []
    monkeypatch.setattr(plot, "show", found.append)
    draw(*arguments)
    (figure,) = found
    plt.close("all")  # it can be read on
    return figure


def opened(monkeypatch, name, **given):
    """The first figure of a notebook, and the variables it has by then."""
    source = nbformat.read(parameters.path(name), as_version=4).cells
    first, *others = [c.source for c in source if c.cell_type == "code"]
    found, values = [], {"__name__": name}

    monkeypatch.setattr(plot, "show", found.append)
    exec(first, values)
    values |= given
    for cell in others:
        exec(cell, values)
        if found:
            plt.close("all")
            return found[0], values


def marks(axes, *, hollow):
    """Where hollow or filled marks stand: (colour, x, y) each."""
    found = []
    for line in axes.get_lines():
        drawn = line.get_marker() not in ("None", "", None)
        if drawn and (line.get_markerfacecolor() == "none") == hollow:
            color = to_hex(line.get_color())
            found += [(color, x, y) for x, y in line.get_xydata()]
    return found


def bars(axes):
    """Ends of horizontal intervals: (colour, y, low, high) each."""
    found = []
    for lines in axes.collections:
        for (low, y), (high, _) in (s for s in lines.get_segments() if len(s)):
            color = to_hex(lines.get_color()[0])
            found.append((color, y, low, high))
    return found


def near(values):
    """Marks or bars, for comparison to rounding."""
    return [
        (color, *(pytest.approx(x, abs=1e-9) for x in rest))
        for color, *rest in values
        if not np.isnan(rest).any()
    ]
