"""What a loss costs: counted, and in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook import timing
from arcbook.experiments import cost
from arcbook.experiments.images import METHODS
from arcbook.figures.uci import PUBLISHED
from arcbook.plot.style import BASELINE, INK, colour, marker
from arcbook.verdicts import listed

KINDS = {
    "arithmetic": "arithmetic",
    "traffic": "memory traffic",
    "calls": "calls",
}
DOTTED = (0, (1, 2))


def look(column: str) -> dict:
    """Colour and marker of a column; those as usual have their loss's."""
    name, _ = METHODS[column.removesuffix(" (usual)")]
    size = 9 if marker(name) == "*" else 6.5
    return {"color": colour(name), "marker": marker(name), "ms": size}


def _rows(axes, columns):
    """A row for each column, the first on top."""
    places = dict(zip(columns, range(len(columns))[::-1], strict=True))
    axes.set_yticks([*places.values()], columns)
    axes.set_ylim(-0.6, len(columns) - 0.4)
    return places


def growth(arithmetic: Mapping[str, float], size: int, published: float):
    """Share of ArcGrad's additional arithmetic against the classes.

    Args:
        arithmetic: of a step of a network, an image, by the network's name.
        size: d of the features.
        published: the cost that the paper prints, as a share.
    """
    figure, axes = plt.subplots(figsize=(8, 4.6))
    classes = np.logspace(1, 7, 121)
    ends = {name: 4 * size / each for name, each in arithmetic.items()}
    last = min(ends, key=ends.get)
    for name, slope in ends.items():
        axes.plot(classes, 100 * slope * classes, color=INK)
        beside = {
            "xytext": (7, -7) if name == last else (-7, 7),
            "textcoords": "offset points",
            "ha": "left" if name == last else "right",
            "va": "center",
        }
        at = classes[20]
        axes.annotate(name, (at, 100 * slope * at), **beside)
        meets = published / slope
        if classes[0] < meets < classes[-1]:
            axes.plot(meets, 100 * published, "o", color=INK)
            axes.annotate(
                f"{float(f'{meets:.2g}'):,.0f}",
                (meets, 100 * published),
                fontsize=10,
                **beside,
            )
    name, slope = next(iter(ends.items()))
    axes.set_title(
        f"For {100 * published:g}% more arithmetic {name} needs "
        f"{float(f'{published / slope:.2g}'):,.0f} classes"
    )
    axes.axhline(
        100 * published, color=colour("arcgrad"), lw=1.5, linestyle=DOTTED
    )
    axes.annotate(
        f"published {100 * published:g}%",
        (classes[0], 100 * published),
        (4, 5),
        textcoords="offset points",
        color=colour("arcgrad"),
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(classes[0], classes[-1])
    axes.minorticks_off()
    axes.set_yticks(
        axes.get_yticks(), [f"{tick:g}" for tick in axes.get_yticks()]
    )
    axes.set_ylim(100 * ends[last] * classes[0], 100)
    axes.set_xlabel("classes C")
    axes.set_ylabel("of the network's arithmetic, %")
    return figure


def shares(parts: Sequence[tuple[str, pd.DataFrame]]):
    """What each head does, as a share of what its network does.

    Args:
        parts: names of networks, each with what `work.shares` gives, all
            with the same rows; the first in the colours of the losses,
            others grey.
    """
    first = parts[0][1]
    figure, panels = plt.subplots(
        1, len(KINDS), figsize=(8, 1.7 + 0.36 * len(first)), sharey=True,
        sharex=True,
    )  # fmt: skip
    for axes, (kind, title) in zip(panels, KINDS.items(), strict=True):
        places = _rows(axes, list(first.index))
        for number, (name, part) in enumerate(parts):
            for column, share in (100 * part[kind]).items():
                style = look(column)
                if number:
                    style |= {"color": BASELINE, "ms": 5, "zorder": 1.9}
                axes.plot(share, places[column], **style)
            if axes is panels[0]:
                end = -1 if number else 0
                axes.annotate(
                    name,
                    (100 * part[kind].iloc[end], places[part.index[end]]),
                    (0, -10 if number else 10),
                    textcoords="offset points",
                    ha="center",
                    va="top" if number else "bottom",
                    fontsize=9.5,
                    color=BASELINE if number else INK,
                )
        axes.set_title(title, fontsize=11.5, pad=4)
    panels[0].set_ylim(-1, len(first))
    axes.set_xscale("log")
    axes.set_xlim(8e-6, 600)
    ours = 100 * first.loc["ArcGrad"]
    figure.suptitle(
        f"ArcGrad's head: {ours['arithmetic']:.1g}% of {parts[0][0]}'s "
        f"arithmetic, {ours['calls']:.0f}% of its calls",
        x=0.01,
        ha="left",
        fontsize=12.5,
    )
    ticks = (1e-3, 1e-1, 10)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    figure.supxlabel("of the network's, %", fontsize=11.5)
    return figure


def costs(
    records: Sequence[tuple[str, Mapping | None]],
    columns: Sequence[str],
    published: float | None = None,
):
    """How much longer a step takes than with softmax, a panel a setting.

    Args:
        records: titles of the panels, each with a record, or None where it
            is not measured.
        columns: the rows, of `cost.COLUMNS`.
        published: the cost of ArcGrad that the paper prints, as a share.
    """
    rows = [one for one in columns if cost.base(one) != one]
    figure, panels = plt.subplots(
        1,
        len(records),
        figsize=(8, 1.3 + 0.38 * len(rows)),
        sharey=True,
        sharex=True,
        squeeze=False,
    )
    ends = [0.0, 100 * (published or 0)]
    for axes, (title, record) in zip(panels.flat, records):
        places = _rows(axes, rows)
        axes.axvline(0, color=INK, lw=1)
        if published is not None:
            _printed(axes, places, 100 * published)
        if record is None:
            axes.annotate(
                "not measured yet",
                (0.5, 0.5),
                xycoords="axes fraction",
                ha="center",
            )
        else:
            ends += _timed(axes, places, record)
            title += " †" if record.get("stale") else ""
        axes.set_title(title, fontsize=11.5, pad=4)
    ours = [
        f"{100 * timing.extra(one['curves'], 'ArcGrad', 'Soft').middle:+.1f}%"
        for _, one in records
        if one and "ArcGrad" in one["curves"]
    ]
    if ours:
        figure.suptitle(
            f"What ArcGrad adds to a step: {listed(ours)}",
            x=0.01,
            ha="left",
            fontsize=12.5,
        )
    room = 0.06 * (max(ends) - min(ends)) or 1
    axes.set_xlim(min(ends) - room, max(ends) + room)
    figure.supxlabel("longer than softmax, %", fontsize=11.5)
    return figure


def _printed(axes, places, percent):
    style = look("ArcGrad")
    axes.axvline(percent, color=style["color"], lw=1.2, linestyle=DOTTED)
    if "ArcGrad" in places:
        axes.plot(percent, places["ArcGrad"], **style | {"ms": 12} | PUBLISHED)


def _timed(axes, places, record):
    """Median and interval of each column, and every round as a tick.

    Returns:
        Percentages that the axis has to hold.
    """
    ends = []
    for column, place in places.items():
        if column not in record["curves"]:
            continue
        style, other = look(column), cost.base(column)
        found = timing.extra(record["curves"], column, other)
        taken, base = (
            np.array(record["curves"][name]) for name in (column, other)
        )
        rounds = 100 * (taken / base - 1)
        axes.plot(
            rounds,
            np.full(len(rounds), place),
            "|",
            color=style["color"],
            alpha=0.35,
            ms=11,
        )
        axes.hlines(place, 100 * found.low, 100 * found.high, style["color"])
        axes.plot(100 * found.middle, place, **style)
        ends += [100 * found.low, 100 * found.high]
        ends += np.quantile(rounds, (0.05, 0.95)).tolist()
    return ends
