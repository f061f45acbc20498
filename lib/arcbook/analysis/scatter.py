"""How features scatter: angles of a class over training, cosines of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from arcbook import live_images, packing
from arcbook.analysis import compactness
from arcbook.experiments import cifar

FIRST_QUARTER = 0.25


def histograms(record: Mapping, kind: str = "intra_train") -> pd.DataFrame:
    """Shares of images in bins of one degree, in percent.

    Args:
        record: of a run that did not diverge.
        kind: "intra_train", "intra_test" or "intra_class0".

    Returns:
        A row for each epoch kept (the index), a column for each bin, named
        by its middle in degrees.
    """
    counts = packing.unpack(record["arrays"][kind]).astype(float)
    epochs = packing.unpack(record["arrays"]["histogram_epochs"])
    middles = (np.arange(counts.shape[1]) + 0.5) * 180 / counts.shape[1]
    shares = 100 * counts / counts.sum(1, keepdims=True)
    return pd.DataFrame(shares, index=epochs.astype(int), columns=middles)


def courses(
    records: Sequence[Mapping], kind: str = "intra_train"
) -> pd.DataFrame:
    """Mean intra-class angle over training, in degrees.

    Returns:
        Epochs down, what the paper calls the losses across; runs that
        diverged are left out.
    """
    found = {}
    for one in records:
        if not one["metrics"]["diverged"]:
            shares = histograms(one, kind)
            found[one["column"]] = shares @ shares.columns.to_numpy() / 100
    return pd.DataFrame(found)


def against_soft(course: pd.DataFrame, metric: str = "early") -> pd.Series:
    """How far each loss's mean intra-class angle lies below Soft's.

    Args:
        course: as from `courses`, with a column Soft.
        metric: "early", over the first quarter of the epochs (where none is
            kept there, at the first one kept), or "late", at the end.

    Returns:
        Degrees, a row for each other column.
    """
    later = course.loc[course.index > 0]
    if metric == "late":
        chosen = later.iloc[-1:]
    else:
        first = later.index <= FIRST_QUARTER * later.index[-1]
        chosen = later.loc[first] if first.any() else later.iloc[:1]
    means = chosen.mean()
    return (means["Soft"] - means).drop("Soft")


def mean_cosines(
    cosines: np.ndarray, labels: np.ndarray
) -> tuple[float, float]:
    """Mean cosine of pairs of different samples.

    Args:
        cosines: (N, N).
        labels: (N,).

    Returns:
        Within a class and between classes; NaN where there is no pair.
    """
    first, second = np.triu_indices(len(labels), 1)
    values = np.asarray(cosines, dtype=float)[first, second]
    same = labels[first] == labels[second]
    return _mean(values[same]), _mean(values[~same])


def _mean(values):
    return float(values.mean()) if values.size else float("nan")


def matrices(records: Sequence[Mapping]) -> pd.DataFrame:
    """What sums up the cosine matrix and the confusion matrix of each run.

    Args:
        records: of `angular-learning.fig8`, or of a live run that kept
            cosines.

    Returns:
        A row a record: benchmark, loss; mean cosine "within classes" and
        "between classes" of the images of the matrix; "mean θ_y" of all test
        images, in degrees; accuracy, in percent.
        NaN where it diverged.
    """
    rows = []
    for one in records:
        row = {"benchmark": one["benchmark"], "loss": one["column"]}
        if not one["metrics"]["diverged"]:
            arrays = one["arrays"]
            within, between = mean_cosines(
                packing.unpack(arrays["cosines"]),
                packing.unpack(arrays["cosine_labels"]),
            )
            row |= {
                "within classes": within,
                "between classes": between,
                "mean θ_y": courses([one], "intra_test").iloc[-1, 0],
                "accuracy": 100 * one["metrics"]["test_accuracy"],
            }
        rows.append(row)
    columns = ["benchmark", "loss", "within classes", "between classes"]
    columns += ["mean θ_y", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def cosine(value: float) -> str:
    """A cosine with two digits, a true minus, and no minus before 0."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def summary(records: Sequence[Mapping]) -> pd.DataFrame:
    """`matrices` as text; – where a class has one image or a run diverged."""
    found = matrices(records)
    forms = {"mean θ_y": "{:.1f}°".format, "accuracy": "{:.1f}%".format}
    for name in found.columns[2:]:
        form = forms.get(name, cosine)
        found[name] = ["–" if np.isnan(x) else form(x) for x in found[name]]
    return found


def live(columns: Sequence[str], s: float, **changes) -> live_images.Live:
    """Quick runs of `arcgrad.fig4`, trained here, that keep cosines.

    Args:
        columns: what the paper calls the losses.
        s: the scale of those that have one.
        **changes: as `live_images.quick` takes them.
    """
    records = []
    for column in columns:
        scaled = {"s": s} if "s" in compactness.METHODS[column][1] else {}
        found = live_images.quick(
            "arcgrad.fig4",
            [column],
            keep_cosines=cifar.COSINES,
            **scaled,
            **changes,
        )
        if found.problem:
            return found
        records += found.records
    return live_images.Live(records)
