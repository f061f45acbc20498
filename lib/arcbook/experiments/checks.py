"""Whether records agree: with themselves, their names and the manifest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from arcbook import datasets, packing, paths, results, timing
from arcbook.experiments.registry import get, home, runs

ROUNDED = 6e-6  # of six significant digits


def problems() -> dict[str, str]:
    """What is wrong with the records there are.

    Maps a record's path below the results to the first thing that does not
    agree; also of paths that the manifest names and are not there.
    """
    known, found, there = results.digests(), {}, set()
    for file in sorted(Path(paths.RESULTS).glob("*/*/*.json")):
        if file.name.startswith("."):
            continue
        name = "/".join(file.parts[-3:])
        there.add(name)
        if why := _problem(name, file, known):
            found[name] = why
    missing = known.keys() - there
    return found | dict.fromkeys(
        sorted(missing), "the manifest names it, and it is not there"
    )


def _problem(name, file, known):
    content = file.read_bytes()
    record, broken = results.parse(content)
    if broken:
        return f"it is not a whole record ({broken})"
    if why := disagreement(record):
        return why
    own = "/".join(place(record).parts[-3:])
    if own != name:
        return f"its content is that of {own}"
    if name not in known:
        return "the manifest does not name it"
    if known[name] != results.digest(content):
        return "it is not the file whose digest the manifest has"
    return ""


def place(record: Mapping) -> Path:
    """The file that a record belongs in, by its fields."""
    run, id = run_of(record), record["experiment"]
    return results.path(id, record["profile"], get(id).name(run), run)


def run_of(record: Mapping) -> dict | None:
    """The run of today's grids that a record is of, None if of none."""
    try:
        grid = runs(record["experiment"], record["profile"])
    except ValueError:
        return None
    for run in grid:
        same = all(record.get(key) == value for key, value in run.items())
        if same and home(record["experiment"], run).id == record["experiment"]:
            return run
    return None


def disagreement(record: Mapping) -> str:
    """What in a record contradicts the rest of it, in words; "" if nothing.

    Accuracies are held against folds, curves and confusions, angles and
    histograms against each other, times against their rounds.
    """
    if run_of(record) is None:
        return "it is of no run of today's grids"
    if not isinstance(record.get("threads"), int) or record["threads"] < 1:
        return "it does not say on how many threads it was measured"
    kinds = {
        "correct": _folds,
        "by_column": _candidates,
        "over_softmax": _times,
        "test_accuracy": _images,
    }
    try:
        for field, check in kinds.items():
            if field in record["metrics"]:
                return check(record, record["metrics"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return f"it lacks something: {error!r}"
    return ""


def _off(found, expected, slack=ROUNDED):
    return abs(found - expected) > slack * max(1.0, abs(expected))


def _folds(record, metrics):
    correct, tested = (np.array(metrics[x]) for x in ("correct", "tested"))
    folds = record["runs"] * record["splits"]
    rows = datasets.card(record["dataset"]).instances
    if len(correct) != folds or len(tested) != folds:
        return f"it has {len(correct)} folds, not {folds}"
    if (correct > tested).any() or tested.sum() != rows * record["runs"]:
        return f"its folds do not test {rows} rows in each run"
    share = 100 * correct / tested
    if abs(metrics["accuracy"] - share.mean()) > 6e-4:
        return f"its accuracy is not that of its folds, {share.mean():.3f}"
    if abs(metrics["std"] - share.std(ddof=1)) > 6e-4:
        return f"its std is not that of its folds, {share.std(ddof=1):.3f}"
    if not 0 <= metrics["train_accuracy"] <= 100:
        return "its training accuracy is no percentage"
    if max(metrics["constant"], metrics["diverged"]) > folds:
        return "it counts more networks than it has folds"
    return ""


def _candidates(record, metrics):
    shares = metrics["by_column"]
    if [*shares] != record["columns"]:
        return "it has other columns than its run"
    mean = float(np.mean(list(shares.values())))
    if abs(metrics["accuracy"] - mean) > 0.01:
        return f"its accuracy is not the mean of its columns, {mean:.3f}"
    return ""


def _times(record, metrics):
    from arcbook.experiments.cost import base

    seconds = record["curves"]
    for column, values in seconds.items():
        if _off(metrics["seconds"][column], np.median(values)):
            return f"its seconds of {column} are not those of its rounds"
    columns = {k: np.array(v) for k, v in seconds.items()}
    for column in columns:
        over = timing.extra(columns, column, base(column))
        pairs = zip(metrics["over_softmax"][column], over)
        if any(_off(*pair, 1e-4) for pair in pairs):
            return f"its extra time of {column} is not that of its rounds"
    return ""


def _images(record, metrics):
    curves, arrays = record["curves"], record["arrays"]
    for name in ("train_loss", "train_accuracy", "test_accuracy", "test_top5"):
        if _off(metrics[name], curves[name][-1]):
            return f"its {name} is not the last of its curve"
    for name in ("wc_intra", "w_inter", "c_inter"):
        lasts = curves["looks"][name]
        if record["probe_images"] == record["train_images"] and _off(
            metrics[name], lasts[-1], 2e-5
        ):
            return f"its {name} is not the last that was looked at"
        if not all(0 <= angle <= math.pi for angle in (metrics[name], *lasts)):
            return f"its {name} holds what is no angle"
    if record["steps"] != curves["step"][-1]:
        return "its steps are not those of its curve"
    if len(curves["epoch"]) != record["epochs"]:
        return f"its curves have {len(curves['epoch'])} epochs"
    return _counts(record, metrics, arrays)


def _counts(record, metrics, arrays):
    confusion = packing.unpack(arrays["confusion"])
    tested = record["test_images"]
    hits = metrics["test_accuracy"] * tested
    if confusion.sum() != tested:
        return f"its confusions are of {confusion.sum()} images, not {tested}"
    if round(hits) != np.trace(confusion) or abs(hits - round(hits)) > 0.01:
        return (
            f"its accuracy is {hits:.1f} hits, its confusions "
            f"have {np.trace(confusion)}"
        )
    if metrics["test_top5"] < metrics["test_accuracy"]:
        return "it finds fewer among five than at first"
    images = {"intra_train": "probe_images", "intra_test": "test_images"}
    for name, counted in images.items():
        sums = packing.unpack(arrays[name]).sum(1)
        if (sums != record[counted]).any():
            return f"its histograms {name} are not of {record[counted]} images"
    for name in ("train_accuracy", "test_accuracy", "test_top5"):
        of = record["probe_images" if "train" in name else "test_images"]
        whole = np.array(record["curves"][name]) * of
        if (abs(whole - whole.round()) > 0.06).any():
            return f"its {name} is no whole number of {of} images"
    return ""
