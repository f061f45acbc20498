"""Mean angles: what chance gives, what was printed and what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from arcbook import experiments, geometry
from arcbook.analysis import measured
from arcbook.audit import sphere
from arcbook.experiments import images

METRICS = ("W-Inter", "C-Inter", "WC-Intra")
METHODS = images.METHODS | images.ANGULAR_METHODS
SIX, FOUR = tuple(images.METHODS), tuple(images.ANGULAR_METHODS)


def plane(directions: Sequence[float]) -> np.ndarray:
    """Unit vectors in the plane, (n, 2), from their directions in degrees."""
    radians = np.radians(np.asarray(directions, dtype=float))
    return np.column_stack([np.cos(radians), np.sin(radians)])


def chance(
    classes: int, dim: int, draws: int = 100, seed: int = 0
) -> dict[str, np.ndarray]:
    """Mean angles of vectors that have learned nothing.

    Args:
        classes: C, number of vectors.
        dim: d, their dimension.
        draws: how many sets of vectors.
        seed: of the draws.

    Returns:
        From "random" (normal in every coordinate), "random, less their
        mean" and "random, after a ReLU" to the mean angle over the pairs,
        in radians, of each draw.
    """
    normal = np.random.default_rng(seed).normal(size=(draws, classes, dim))
    return {
        "random": _mean_angles(normal),
        "random, less their mean": _mean_angles(
            normal - normal.mean(1, keepdims=True)
        ),
        "random, after a ReLU": _mean_angles(normal.clip(0)),
    }


def limits(drawn: Mapping[int, Mapping[str, np.ndarray]]) -> pd.DataFrame:
    """Bounds of the mean angle and chance, down; numbers of classes, across.

    Args:
        drawn: from a number of classes to `chance`.
    """
    found = pd.DataFrame(
        {
            classes: {
                "simplex": geometry.simplex_angle(classes),
                "largest mean": geometry.largest_mean_angle(classes),
            }
            | {name: values.mean() for name, values in sets.items()}
            for classes, sets in drawn.items()
        }
    )
    found.columns = [f"{classes} classes" for classes in found]
    return found.map(lambda x: f"{x:.4f} ({np.degrees(x):.1f}°)")


def _mean_angles(vectors):
    units = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    cosines = np.einsum("kid,kjd->kij", units, units)
    pairs = np.triu_indices(vectors.shape[1], 1)
    return np.arccos(cosines[:, *pairs].clip(-1, 1)).mean(1)


def home(paper: str, name: str) -> tuple[str, str]:
    """Whose runs a table of angles reads: an experiment and a benchmark.

    The experiment is that of the accuracies, whose networks they are, and
    which has five seeds where the table of angles has one.
    """
    id = f"{paper}.{name}"
    run = experiments.runs(id, "full")[0]
    return experiments.home(id, run).id, run["benchmark"]


def angles(
    paper: str,
    name: str,
    profile: str = "full",
    records: Sequence[Mapping] | None = None,
) -> pd.DataFrame:
    """A printed table of angles beside what was measured.

    Args:
        paper, name: one of `sphere.TABLES`.
        profile: "quick" or "full"; the two are never mixed.
        records: of the experiment that `home` names; by default those that
            there are.

    Returns:
        A row a printed number: method, metric, classes; published, and
        half, half of its last digit; place among the bounds (of WC-Intra
        none); measured, measured_std, low, high over seeds; runs, expected,
        diverged, stale. Radians.
    """
    id, benchmark = home(paper, name)
    runs = measured.frame(id, profile, records)
    runs = runs[runs["benchmark"] == benchmark]
    printed = sphere.printed_angles()
    printed = printed[(printed["paper"] == paper) & (printed["table"] == name)]
    rows = []
    for line in printed.to_dict("records"):
        same = runs[runs["column"] == line["method"]]
        for metric in METRICS:
            column = measured.PRINTED_METRICS[metric]
            (cell,) = measured.cells(same, ["column"], column).to_dict(
                "records"
            )
            inter = metric != "WC-Intra"
            rows.append(
                {
                    "method": line["method"],
                    "metric": metric,
                    "classes": line["classes"],
                    "published": line[metric],
                    "half": line["half"],
                    "place": sphere.place(
                        line[metric], line["half"], line["classes"]
                    )
                    if inter
                    else "",
                    "measured": cell["mean"],
                    "measured_std": cell["std"],
                    "runs": cell["measured"],
                    **{key: cell[key] for key in ("low", "high")},
                    **{key: cell[key] for key in ("expected", "diverged")},
                    "stale": cell["stale"],
                }
            )
    return pd.DataFrame(rows)


def table(cells: pd.DataFrame, *, published: bool = True) -> pd.DataFrame:
    """`angles` as text: losses down, metrics across, degrees in brackets.

    Args:
        cells: as from `angles`.
        published: whether to print a row of published numbers above each
            row of measured ones.

    Returns:
        Data frame of strings; a number that no vectors have is marked ✗.
        The index says of how many seeds a row is, where some are missing
        or diverged.
    """
    rows = {}
    for method, part in cells.groupby("method", sort=False):
        lines = part.set_index("metric").to_dict("index")
        if published:
            rows[method, "published ○"] = {
                metric: _published(cell) for metric, cell in lines.items()
            }
        rows[method, f"measured ●{_seeds(lines['WC-Intra'])}"] = {
            metric: _measured(cell) for metric, cell in lines.items()
        }
    found = pd.DataFrame.from_dict(rows, orient="index")[list(METRICS)]
    found.index = pd.MultiIndex.from_tuples(rows)
    return found if published else found.droplevel(1)


def _seeds(cell):
    notes = []
    if 0 < cell["runs"] < cell["expected"]:
        notes.append(f"{cell['runs']} of {cell['expected']} seeds")
    if cell["diverged"]:
        notes.append(f"{cell['diverged']} diverged")
    return f" ({', '.join(notes)})" if notes else ""


def _published(cell):
    digits = round(-math.log10(2 * cell["half"]))
    number = cell["published"]
    text = f"{number:.{digits}f} ({math.degrees(number):.1f}°)"
    if cell["place"] == sphere.BEYOND:
        return f"<b>{text} ✗</b>"
    return text


def _measured(cell):
    alone = dict(cell, expected=max(cell["runs"], 1), diverged=0)
    text = measured.text(alone, digits=4)
    if math.isnan(cell["measured"]):
        return text
    return f"{text} ({math.degrees(cell['measured']):.1f}°)"
