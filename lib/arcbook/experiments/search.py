"""Every loss tuned alike: random trials, one chosen, fresh seeds on test.

One run is a data set and a loss. Its trials draw the learning rate, the
weight decay and the loss's own numbers; the numbers drawn for rate and decay,
and for a scale, are the same for every loss. Validation chooses a trial, the
first of equals; it is trained again with other seeds, on the rows of training
and validation, and those networks meet the test rows. Trials are looked at on
test rows too, to show what more of them are worth; that chooses nothing.

A table is split anew for each seed, in rows to train on, to choose by and to
test, and each split chooses its own trial. Images come with their test part:
one trial is chosen, and each of its seeds draws its training images.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from arcbook import datasets, ensembles, training
from arcbook.experiments import images as image_runs
from arcbook.experiments import uci
from arcbook.experiments.canary import flat
from arcbook.experiments.registry import CONTENT, methods
from arcbook.looks import class_share, draws
from arcbook.naming import refuse_unknown
from arcbook.packing import short

METHODS = methods("tuned")
SETTINGS = CONTENT["protocols"]["tuned"]["full"]
DRAWN = ("learning_rate", "weight_decay", "s", "m", "lam")
EVENLY = {"m"}  # all others evenly by their logarithm
SPLIT, SEARCH, FINAL, POOL, VALIDATION = range(10, 15)  # what is drawn


def one_run(
    dataset: str, column: str, method: tuple[str, Mapping], settings: Mapping
) -> dict:
    """One run of a grid.

    Of a method, hyperparameters are the lowest and the highest to be drawn;
    "ranges" has them beside those of rate and decay.
    """
    loss, own = method
    run = {"dataset": dataset, "column": column, "loss": loss, **settings}
    return run | {"ranges": {**settings["ranges"], **own}}


def trials(run: Mapping) -> dict[str, list[float]]:
    """What a run's trials have: a list for each number that is drawn.

    The data set and the run's seed decide them, and the first ten of thirty
    are those of a run of ten. Raises ValueError for a number that is never
    drawn.
    """
    refuse_unknown("number to draw", run["ranges"], DRAWN)
    name = zlib.crc32(run["dataset"].encode())
    shape = run["trials"], len(DRAWN)
    drawn = np.random.default_rng([run["seed"], name]).random(shape)
    found = {}
    for part, key in zip(drawn.T, DRAWN, strict=True):
        if key in run["ranges"]:
            low, high = run["ranges"][key]
            if key in EVENLY:
                values = low + (high - low) * part
            else:
                values = low * (high / low) ** part
            found[key] = [short(float(value)) for value in values]
    return found


def measure(
    run: Mapping, *, data: datasets.Table | datasets.Images | None = None
) -> dict:
    """Search, choose, and test with fresh seeds.

    Gives metrics: "accuracy" and "std", the mean and the standard deviation
    (n − 1) of the test accuracies in percent; "trials", as `trials` gives
    them; "validation", the rows of `validated` that each trial has right, and
    "looked", those of `looked_at` test rows, a list for each choice; "chosen",
    the number of each chosen trial; "test", the rows of `tested` that each
    seed has right; "diverged", how many of all networks, which have none
    right. curves: training losses of the search and of the seeds.
    """
    start = time.perf_counter()
    data = data or datasets.load(run["dataset"], sample=False)
    drawn = trials(run)
    work = _images if "network" in run else _table
    found, curves = work(run, data, drawn)
    share = 100 * np.array(found["test"]) / found["tested"]
    accuracy = {
        "accuracy": round(share.mean(), 3),
        "std": round(share.std(ddof=1), 3) if len(share) > 1 else None,
    }
    plain = {
        k: v.tolist() if isinstance(v, np.ndarray) else v
        for k, v in found.items()
    }
    return {
        "data_sha256": data.sha256,
        "metrics": {**accuracy, "trials": drawn, **plain},
        "curves": {key: _plain(values) for key, values in curves.items()},
        "seconds": time.perf_counter() - start,
        "note": "",
    }


def own(drawn: Mapping, number: int) -> dict:
    """The hyperparameters that a trial gives its loss."""
    return {k: v[number] for k, v in drawn.items() if k not in DRAWN[:2]}


def _plain(values):
    return [float(f"{x:.6g}") if np.isfinite(x) else None for x in values]


def split(rows: int, run: Mapping, number: int) -> list[np.ndarray]:
    """Rows to train on, to choose by and to test, drawn for each seed."""
    generator = np.random.default_rng([run["seed"], SPLIT, number])
    order = generator.permutation(rows)
    tested = round(run["test"] * rows)
    ends = np.cumsum([tested, round(run["validation"] * rows)])
    test, validation, train = np.split(order, ends)
    return [train, validation, test]


def _seed(run, purpose, number):
    entropy = np.random.SeedSequence([run["seed"], purpose, number])
    return int(entropy.generate_state(1)[0])


def _table(run, table, drawn):
    y, number = np.asarray(table.y), run["trials"]
    parts = [split(len(y), run, k) for k in range(run["seeds"])]
    folds = [
        ensembles.Fold(a, np.r_[b, c], _seed(run, SEARCH, k))
        for k, (a, b, c) in enumerate(parts)
        for _ in range(number)
    ]
    searched = _train(run, table, folds, drawn, [*range(number)] * len(parts))
    right = [p == y[fold.test] for p, fold in zip(searched.predictions, folds)]
    right = np.array(right) & ~searched.diverged[:, None]
    right = right.reshape(len(parts), number, -1)
    validated = len(parts[0][1])
    hits = right[..., :validated].sum(-1)
    chosen = hits.argmax(1)
    again = [
        ensembles.Fold(np.r_[a, b], c, _seed(run, FINAL, k))
        for k, (a, b, c) in enumerate(parts)
    ]
    last = _train(run, table, again, drawn, chosen)
    found = {
        "validation": hits,
        "validated": validated,
        "looked": right[..., validated:].sum(-1),
        "looked_at": right.shape[-1] - validated,
        "chosen": chosen,
        "test": last.correct * ~last.diverged,
        "tested": int(last.tested[0]),
        "diverged": int(searched.diverged.sum() + last.diverged.sum()),
    }
    return found, {"search": searched.curve, "final": last.curve}


def _train(run, table, folds, drawn, numbers: Sequence[int]):
    """Train a fold each, with the trials of these numbers."""
    return ensembles.train(
        *(table.X, table.y, folds),
        loss=run["loss"],
        hyperparameters=[own(drawn, k) for k in numbers],
        lr=[drawn["learning_rate"][k] for k in numbers],
        weight_decay=[drawn["weight_decay"][k] for k in numbers],
        **{k: run[k] for k in ("layers", "width", "epochs", "batch_size")},
    )


def _images(run, images, drawn):
    inner, validated = _held_out(run, images)
    rows = inner.test_labels
    right = np.zeros((run["trials"], len(rows)), bool)
    losses, diverged = [], 0

    def train(data, number, seed, **given):
        nonlocal diverged
        given |= {k: drawn[k][number] for k in DRAWN[:2]}
        names = ("network", "embedding_dim", "epochs", "batch_size", "probe")
        given |= {k: run[k] for k in names} | {"loss": run["loss"]}
        given |= {"hyperparameters": own(drawn, number), "seed": seed}
        try:
            result = training.train(data, **given)
        except training.Diverged:
            diverged += 1
            losses.append(np.nan)
            return False
        losses.append(result.metrics["train_loss"])
        hits = np.unpackbits(result.arrays["hits"])
        return hits[: result.test_images].astype(bool)

    for number in range(run["trials"]):
        right[number] = train(inner, number, run["seed"])
    hits = right[:, :validated].sum(1)
    chosen = int(hits.argmax())
    tested = len(images.test_labels[: run["test_limit"]])
    more = {"share": run["share"], "test_limit": run["test_limit"]}
    seeds = [run["seed"] + 1 + k for k in range(run["seeds"])]
    last = [np.sum(train(images, chosen, seed, **more)) for seed in seeds]
    found = {
        "validation": hits[None],
        "validated": validated,
        "looked": right[:, validated:].sum(1)[None],
        "looked_at": len(rows) - validated,
        "chosen": [chosen],
        "test": np.array(last),
        "tested": tested,
        "diverged": diverged,
    }
    parts = np.split(np.array(losses), [run["trials"]])
    return found, dict(zip(("search", "final"), parts))


def _held_out(run, images):
    """Images of which "test" are those to choose by, then some of the test.

    Gives them, and how many there are to choose by.
    """
    labels = images.train_labels
    number = round(run["share"] * len(labels))
    pool = class_share(labels, number, draws(run["seed"], POOL))
    part = round(run["validation"] * len(pool))
    draw = draws(run["seed"], VALIDATION)
    place = class_share(labels[pool], part, draw)
    chooses, learns = pool[place], np.delete(pool, place)
    looks = slice(run["look"])
    inner = replace(
        images,
        train_images=images.train_images[learns],
        train_labels=labels[learns],
        test_images=np.concatenate(
            [images.train_images[chooses], images.test_images[looks]]
        ),
        test_labels=np.concatenate(
            [labels[chooses], images.test_labels[looks]]
        ),
    )
    return inner, len(chooses)


def run_one(dataset: str, columns: Sequence[str], **changes) -> list[dict]:
    """Search on a table here and now; nothing is written.

    Gives a run and its metrics for each column, as records have them. Raises
    ValueError for an unknown column or change.
    """
    refuse_unknown("column", columns, METHODS)
    refuse_unknown("setting", changes, SETTINGS)
    runs = [
        one_run(dataset, column, METHODS[column], SETTINGS | changes)
        for column in columns
    ]
    return [run | measure(run) for run in runs]


DECISIVE = ("loss", "ranges", "validation", "test", "seed", "layers", "width")
DECISIVE += ("network", "embedding_dim")
SMALL = {"dataset": "synthetic", "trials": 3, "seeds": 2}
SMALL_TABLE = SMALL | {"epochs": 20, "batch_size": 16}
SMALL_IMAGES = SMALL | {"epochs": 1, "batch_size": 16, "share": 0.8}
SMALL_IMAGES |= {"probe": 28, "look": 14, "test_limit": 28}


def canary(run: Mapping) -> tuple[str, dict]:
    """A run made small, on a synthetic table or synthetic images.

    Its name is such as "search-mlp3-arcgrad".
    """
    loss = run["loss"].replace("_", "-")
    small = {key: run[key] for key in DECISIVE if key in run}
    if "network" not in run:
        small |= SMALL_TABLE
        return f"search-mlp{run['layers']}-{loss}", small
    small |= SMALL_IMAGES
    small["channels"] = 3 if run["dataset"].startswith("cifar") else 1
    return f"search-{run['network']}-{loss}", small


def probe(small: Mapping) -> dict[str, float]:
    """The numbers of a small run."""
    if "network" in small:
        data = image_runs.synthetic(12, small["channels"])
    else:
        data = uci.synthetic()
    return flat(measure(small, data=data))


HOW = {"measure": measure, "canary": canary, "probe": probe}
