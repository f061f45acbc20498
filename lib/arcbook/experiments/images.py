"""How one run of an image experiment is measured."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from arcbook import datasets, packing, training
from arcbook.experiments import registry
from arcbook.experiments.canary import flat
from arcbook.experiments.registry import Experiment
from arcbook.naming import refuse_unknown

if TYPE_CHECKING:
    from arcbook.looks import Looker

BENCHMARKS = registry.CONTENT["benchmarks"]
CHOSEN = ("network", "embedding_dim", "epochs", "batch_size", "learning_rate")
SETTINGS = dict.fromkeys(CHOSEN) | {
    "weight_decay": 5e-4,
    "augmented": False,
    "share": 1.0,
    "max_steps": None,
    "seed": 0,
    "angles_every": None,
    "probe": 10_000,
    "test_limit": None,
    "keep_features": 0,
    "keep_cosines": 0,
}
# what a run names only where it is another, so that older keys stand
UNNAMED = {"width": 1.0, "precision": None, "label_noise": 0.0}
MORE = ("arrays", "steps", "train_images", "probe_images", "test_images")
MORE += ("parameters", "images_per_second", "precision")
HISTOGRAM_ROWS = 31


def one_run(
    benchmark: str,
    column: str,
    method: tuple[str, Mapping],
    protocol: Mapping,
    **changes,
) -> dict:
    """One run of a grid."""
    dataset, augmented = BENCHMARKS[benchmark]
    given = {**protocol, **changes}
    refuse_unknown("setting", given, [*SETTINGS, *UNNAMED, "sample"])
    usual = {k for k in UNNAMED if given.get(k, UNNAMED[k]) == UNNAMED[k]}
    loss, hyperparameters = method
    return {
        "dataset": dataset,
        "benchmark": benchmark,
        "column": column,
        "loss": loss,
        "hyperparameters": dict(hyperparameters),
        **SETTINGS,
        "sample": False,
        "augmented": augmented,
        **{k: v for k, v in given.items() if k not in usual},
    }


def name(run: Mapping) -> str:
    """Such as "cifar10-plus-arcgrad-s10-120-epochs-seed0"."""
    hyper = [
        f"{key}{value:g}" if isinstance(value, float | int) else str(value)
        for key, value in run["hyperparameters"].items()
    ]
    benchmark = run["benchmark"].lower().replace("+", "-plus")
    parts = [benchmark, run["loss"].replace("_", "-"), *hyper]
    if run["share"] < 1:
        parts.append(f"{100 * run['share']:g}-percent")
    if run["embedding_dim"] in (2, 3):
        parts.append(f"{run['embedding_dim']}d")
    if "width" in run:
        parts.append(f"width{run['width']:g}")
    if "precision" in run:
        parts.append(run["precision"])
    if "label_noise" in run:
        parts.append(f"{100 * run['label_noise']:g}-percent-noise")
    return "-".join([*parts, f"{run['epochs']}-epochs-seed{run['seed']}"])


def measure(
    run: Mapping,
    *,
    data: datasets.Images | None = None,
    checkpoint: Path | None = None,
    time_left: Callable[[], float] | None = None,
    on_end: Callable[[Looker], None] | None = None,
) -> dict | None:
    """Train one network, and keep what it shows.

    Gives metrics: as `training.Result`, shares and radians, and "diverged";
    for a run that diverged: "diverged_epoch", "diverged_step",
    "diverged_loss", "diverged_learning_rate", and the message as the note.
    "more": arrays, packed (see `packing.unpack`), the histograms at no more
    than 31 epochs, which "histogram_epochs" names; steps, parameters, images
    and speed. None if the time was over before the run was. `on_end` is as
    `training.train` takes it.
    """
    images = data or load(run["dataset"], run["sample"])
    began, on_cuda = time.perf_counter(), torch.cuda.is_available()
    card = torch.cuda.get_device_name() if on_cuda else None
    if on_cuda:
        run = UNNAMED | dict(run)
        decisive = ("network", "embedding_dim", "width", "batch_size")
        shapes = images.train_images.shape[1:], len(images.class_names)
        _forget_compiled(*shapes, *(run[key] for key in decisive))
    try:
        result = training.train(
            images,
            loss=run["loss"],
            hyperparameters=run["hyperparameters"],
            checkpoint=checkpoint,
            save_every=20.0 if on_cuda else 0.0,
            time_budget=time_left,
            on_end=on_end,
            **{key: run[key] for key in SETTINGS},
            **{key: run[key] for key in UNNAMED if key in run},
        )
    except training.Diverged as error:
        found, note = packing.outcome_of_diverged(error), str(error)
        where = {f"diverged_{k}": v for k, v in found["metrics"].items()}
        metrics, more = {"diverged": True} | where, {"arrays": {}}
        seconds = time.perf_counter() - began
    else:
        if not result.complete:
            return None
        result.arrays.update(_thin(result.arrays))
        found, note = packing.outcome(result), ""
        metrics = {"diverged": False} | found["metrics"]
        more = {key: found[key] for key in MORE}
        more["images_per_second"] = round(more["images_per_second"])
        seconds = result.seconds
    return {
        "data_sha256": images.sha256,
        "device": card,
        "metrics": metrics,
        "curves": found["curves"],
        "note": note,
        "more": more,
        "seconds": seconds,
    }


@functools.lru_cache(maxsize=1)
def load(dataset: str, sample: bool) -> datasets.Images:
    """The images of a run, kept for the next one."""
    return datasets.load(dataset, sample=sample)


@functools.lru_cache(maxsize=1)
def _forget_compiled(*shapes):
    """Compile networks anew when other shapes come."""
    torch.compiler.reset()


def _thin(arrays):
    """Histograms at about 30 epochs, the first and the last among them."""
    epochs = len(arrays["intra_train"]) - 1
    rows = np.unique(np.linspace(0, epochs, HISTOGRAM_ROWS).round())
    rows = rows.astype(np.uint32)
    return {"histogram_epochs": rows} | {
        key: array[rows]
        for key, array in arrays.items()
        if key.startswith("intra_")
    }


SMALL = {
    "epochs": 2,
    "batch_size": 16,
    "learning_rate": 0.005,
    "weight_decay": 0.1,  # large enough to show in a few steps
    "share": 0.8,
    "max_steps": None,
    "seed": 0,
    "angles_every": 2,
    "probe": 28,
    "test_limit": 28,
    "keep_features": 4,
    "keep_cosines": 14,
}
CLASSES, SIDE = 7, {"iam_cnn": 27}


def canary(run: Mapping) -> tuple[str, dict]:
    """A run made small: its network and loss, on synthetic images.

    The precision is no part of it: in float64, in which canaries compute, the
    steps of every precision are the same (see `precision`).

    Its name is such as "resnet18-arcgrad".
    """
    kept = ("loss", "hyperparameters", "network", "embedding_dim", "augmented")
    kept += tuple(key for key in ("width", "label_noise") if key in run)
    colours = 3 if run["dataset"].startswith("cifar") else 1
    small = {key: run[key] for key in kept} | SMALL | {"channels": colours}
    return f"{run['network']}-{run['loss']}".replace("_", "-"), small


def probe(small: Mapping) -> dict[str, float]:
    """The numbers of a small run."""
    side = SIDE.get(small["network"], 12)
    images = synthetic(side, small["channels"])
    return flat(measure({"sample": False} | small, data=images))


def synthetic(side: int, channels: int) -> datasets.Images:
    """Noisy patterns of seven classes, the same on every machine."""
    generator = np.random.default_rng(0)
    shape = (side, side) if channels == 1 else (side, side, channels)
    patterns = generator.uniform(60, 190, (CLASSES, *shape))
    parts = []
    for each in (10, 4):
        labels = np.tile(np.arange(CLASSES), each)
        noise = generator.normal(0, 60, (len(labels), *shape))
        pixels = (patterns[labels] + noise).clip(0, 255)
        parts += [pixels.astype(np.uint8), labels.astype(np.int64)]
    names = tuple("abcdefg")
    return datasets.Images(
        *("synthetic", *parts, names, "synthetic", "synthetic"), sample=False
    )


HOW = {"measure": measure, "canary": canary, "probe": probe}
HOW |= {"name": name, "resumes": True}


def register(id: str, title: str, paper: str, runs, **given) -> Experiment:
    """Add an image experiment; `given` are further fields of it."""
    return registry.register(
        Experiment(id, title, paper, runs, **(HOW | given))
    )
