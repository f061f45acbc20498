"""Whether records agree: with today's code and data, with themselves, with
their names and the manifest; and the merging of those that do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from arcbook import datasets, packing, results
from arcbook.experiments import canary, cost, search
from arcbook.experiments.registry import file, home, runs

ROUNDED = 6e-6  # of six significant digits


def fresh(place: Path) -> dict | None:
    """The record in a file, None if it is not there, not whole or stale."""
    try:
        record = results.load(place)
    except (FileNotFoundError, results.RecordError):
        return None
    return None if why_stale(record) else record


def why_stale(record: Mapping) -> str:
    """What a record's numbers come from that is not there any more.

    Gives the reason in words, "" if the record is fresh.
    """
    name = record["dataset"]
    if name is not None:
        known = datasets.identities(name)
        if record["profile"] != "quick":
            known = {"official": known["official"]}
        if record["data_sha256"] not in known.values():
            here = " or ".join(f"{value[:12]}..." for value in known.values())
            return (
                f"its {name} data are {record['data_sha256'][:12]}..., "
                f"those of the {record['profile']} profile are {here}"
            )
    return canary.why_stale(record["experiment"], record, record["canary"])


class Merged(NamedTuple):
    """What became of the records of an archive, by their paths."""

    taken: list[str]
    kept: list[str]  # the same or a later one was there
    refused: dict[str, str]  # from the path in the archive to the reason


def merge(archive: Path) -> Merged:
    """Take in the records of an archive, each whole or not at all.

    A record is taken if it is of a run of today's grids, agrees with itself,
    and its canary and its data are those of this checkout. Of two records of
    a run the one measured later stays, so that merging again changes nothing,
    in whatever order.

    The archive is a .tar.gz or .zip, as from `results.pack`; folders in it do
    not matter. Raises results.RecordError if it can't be read as an archive.
    Raises FileNotFoundError if there is none.
    """
    merged = Merged([], [], {})
    for name, content in results.unpack(archive):
        record, problem = results.parse(content)
        run = run_of(record)
        if problem:
            merged.refused[name] = f"it is not a whole record ({problem})"
        elif run is None:
            merged.refused[name] = (
                f"{record['experiment']} ({record['profile']}) has no such "
                "run here"
            )
        elif reason := why_stale(record) or disagreement(record):
            merged.refused[name] = reason
        else:
            place = file(record["experiment"], record["profile"], run)
            there = fresh(place)
            if there and there.get("date", "") >= record.get("date", ""):
                merged.kept.append(results.place(place))
            else:
                results.write(place, record)
                merged.taken.append(results.place(place))
    return merged


def problems() -> dict[str, str]:
    """What is wrong with the records there are.

    Maps a record's path below the results to the first thing that does not
    agree; also of paths that the manifest names and are not there.
    """
    known = results.digests()
    found = {results.place(x): _problem(x, known) for x in results.files()}
    missing = "the manifest names it, and it is not there"
    found |= dict.fromkeys(sorted(known.keys() - found), missing)
    return {name: why for name, why in found.items() if why}


def _problem(there, known):
    content, name = there.read_bytes(), results.place(there)
    record, broken = results.parse(content)
    if broken:
        return f"it is not a whole record ({broken})"
    if why := disagreement(record):
        return why
    place = file(record["experiment"], record["profile"], run_of(record))
    if place != there:
        return f"its content is that of {results.place(place)}"
    if name not in known:
        return "the manifest does not name it"
    if known[name] != results.digest(content):
        return "it is not the file whose digest the manifest has"
    return ""


def run_of(record: Mapping) -> dict | None:
    """The run of today's grids that a record is of, None if of none."""
    id = record.get("experiment", "")
    try:
        grid = runs(id, record.get("profile", ""))
    except ValueError:
        return None
    alike = (run for run in grid if run.items() <= record.items())
    return next((run for run in alike if home(id, run).id == id), None)


def disagreement(record: Mapping) -> str:
    """What in a record contradicts the rest of it, in words; "" if nothing.

    Accuracies are held against folds, curves and confusions, angles and
    histograms against each other, times against their rounds, what was chosen
    against validation.
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
        "chosen": _searches,
    }
    try:
        for field, check in kinds.items():
            if field in record["metrics"]:
                return next(check(record, record["metrics"]), "")
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
        yield f"it has {len(correct)} folds, not {folds}"
    if (correct > tested).any() or tested.sum() != rows * record["runs"]:
        yield f"its folds do not test {rows} rows in each run"
    share = 100 * correct / tested
    if abs(metrics["accuracy"] - share.mean()) > 6e-4:
        yield f"its accuracy is not that of its folds, {share.mean():.3f}"
    if abs(metrics["std"] - share.std(ddof=1)) > 6e-4:
        yield f"its std is not that of its folds, {share.std(ddof=1):.3f}"
    if not 0 <= metrics["train_accuracy"] <= 100:
        yield "its training accuracy is no percentage"
    if max(metrics["constant"], metrics["diverged"]) > folds:
        yield "it counts more networks than it has folds"


def _candidates(record, metrics):
    shares = metrics["by_column"]
    if [*shares] != record["columns"]:
        yield "it has other columns than its run"
    mean = float(np.mean(list(shares.values())))
    if abs(metrics["accuracy"] - mean) > 0.01:
        yield f"its accuracy is not the mean of its columns, {mean:.3f}"


def _times(record, metrics):
    seconds = record["curves"]
    for column, values in seconds.items():
        if _off(metrics["seconds"][column], np.median(values)):
            yield f"its seconds of {column} are not those of its rounds"
        extra = cost.extra(seconds, column)
        pairs = zip(metrics["over_softmax"][column], extra)
        if any(_off(*pair, 1e-4) for pair in pairs):
            yield f"its extra time of {column} is not that of its rounds"


def _searches(record, metrics):
    if metrics["trials"] != search.trials(record):
        yield "its trials are not those that its run draws"
    hits, looked = (np.array(metrics[x]) for x in ("validation", "looked"))
    chosen, test = metrics["chosen"], np.array(metrics["test"])
    choices = 1 if "network" in record else record["seeds"]
    if hits.shape != looked.shape or hits.shape != (choices, record["trials"]):
        yield f"it has not {choices} × {record['trials']} trials"
    if chosen != hits.argmax(1).tolist():
        yield "a chosen trial is not the first of the best on validation"
    parts = zip((hits, looked, test), ("validated", "looked_at", "tested"))
    if any(x.min() < 0 or x.max() > metrics[name] for x, name in parts):
        yield "it has more rows right than it was asked"
    share = 100 * test / metrics["tested"]
    if len(test) != record["seeds"]:
        yield f"it has {len(test)} seeds, not {record['seeds']}"
    if abs(metrics["accuracy"] - share.mean()) > 6e-4:
        yield f"its accuracy is not that of its seeds, {share.mean():.3f}"
    if len(test) > 1 and abs(metrics["std"] - share.std(ddof=1)) > 6e-4:
        yield f"its std is not that of its seeds, {share.std(ddof=1):.3f}"


def _images(record, metrics):
    curves, arrays = record["curves"], record["arrays"]
    for name in ("train_loss", "train_accuracy", "test_accuracy", "test_top5"):
        if _off(metrics[name], curves[name][-1]):
            yield f"its {name} is not the last of its curve"
    all_looked_at = record["probe_images"] == record["train_images"]
    for name in ("wc_intra", "w_inter", "c_inter"):
        lasts = curves["looks"][name]
        if all_looked_at and _off(metrics[name], lasts[-1], 2e-5):
            yield f"its {name} is not the last that was looked at"
        if not all(0 <= angle <= math.pi for angle in (metrics[name], *lasts)):
            yield f"its {name} holds what is no angle"
    if record["steps"] != curves["step"][-1]:
        yield "its steps are not those of its curve"
    if len(curves["epoch"]) != record["epochs"]:
        yield f"its curves have {len(curves['epoch'])} epochs"
    confusion = packing.unpack(arrays["confusion"])
    tested = record["test_images"]
    hits, right = metrics["test_accuracy"] * tested, np.trace(confusion)
    if confusion.sum() != tested:
        yield f"its confusions are of {confusion.sum()} images, not {tested}"
    if round(hits) != right or abs(hits - round(hits)) > 0.01:
        yield f"its accuracy is {hits:.1f} hits, its confusions have {right}"
    if metrics["test_top5"] < metrics["test_accuracy"]:
        yield "it finds fewer among five than at first"
    images = {"intra_train": "probe_images", "intra_test": "test_images"}
    for name, counted in images.items():
        sums = packing.unpack(arrays[name]).sum(1)
        if (sums != record[counted]).any():
            yield f"its histograms {name} are not of {record[counted]} images"
    for name in ("train_accuracy", "test_accuracy", "test_top5"):
        of = record["probe_images" if "train" in name else "test_images"]
        whole = np.array(curves[name]) * of
        if (abs(whole - whole.round()) > 0.06).any():
            yield f"its {name} is no whole number of {of} images"
