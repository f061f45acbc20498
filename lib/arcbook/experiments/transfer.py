"""How one run is measured that trains on some classes and looks at others.

Classes are dealt by the seed: some are held out, the first of the rest are
trained on. So of two runs with one seed the classes held out are the same,
and the fewer classes are among the more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from arcbook import augment, datasets, metrics
from arcbook.experiments import images
from arcbook.experiments.canary import flat
from arcbook.looks import Looker, draws
from arcbook.packing import short
from arcbook.training import CLASSES

DIGITS = 6


def one_run(
    benchmark: str, column: str, method: tuple[str, Mapping], protocol: Mapping
) -> dict:
    """One run of a grid.

    Beside what `images.one_run` takes, `protocol` has: classes, to train on;
    unseen, classes held out; unseen_limit, of how many of their test images
    (the first) the features are looked at, None for all; images, to train on,
    of all classes together. It may have: like, a number of classes, from which
    comes the margin of `matching_margin`; per_class, the images of each class,
    which takes the place of `images` and leaves the steps as they are.

    Raises ValueError for more images than there are.
    """
    given = dict(protocol)
    classes, number = given.pop("classes"), given.pop("images")
    own = {"classes": classes, "images": number}
    own |= {key: given.pop(key) for key in ("unseen", "unseen_limit")}
    loss, hyperparameters = method
    if like := given.pop("like", None):
        margin = matching_margin(hyperparameters["s"], classes, like)
        hyperparameters = {**hyperparameters, "m": margin}
    if each := given.pop("per_class", None):
        batch, own["images"] = given["batch_size"], each * classes
        steps = given["max_steps"] = given["epochs"] * (number // batch)
        batches = max(1, own["images"] // batch)
        given["epochs"] = math.ceil(steps / batches)
    card = datasets.card(images.BENCHMARKS[benchmark][0])
    given["share"] = own["images"] / (card.train * classes / card.classes)
    if given["share"] > 1:
        raise ValueError(
            f"images = {own['images']}: {classes} classes of {card.title} "
            f"have {card.train * classes // card.classes}"
        )
    method = loss, hyperparameters
    return images.one_run(benchmark, column, method, given) | own


def matching_margin(s: float, classes: int, like: int) -> float:
    """CosFace's margin with which C classes weigh as much as C' without one.

    m = log((C' − 1)/(C − 1))/s, to six digits.

    Raises ValueError unless 2 ≤ C ≤ C'.
    """
    if not 2 <= classes <= like:
        raise ValueError(
            f"{classes} classes like {like}: a margin adds to 2 or more"
        )
    return round(math.log((like - 1) / (classes - 1)) / s, DIGITS)


def name(run: Mapping) -> str:
    """Such as "50-classes-cifar100-plus-arcgrad-s10-15-epochs-seed0"."""
    return f"{run['classes']}-classes-{images.name(run)}"


def deal(run: Mapping, total: int) -> tuple[np.ndarray, np.ndarray]:
    """The classes a run holds out, and those that it trains on.

    Raises ValueError if there are not as many.
    """
    unseen, classes = run["unseen"], run["classes"]
    if min(unseen, classes) < 2 or unseen + classes > total:
        raise ValueError(
            f"{classes} classes and {unseen} held out, of {total}: it takes "
            "two of each, and no more than there are"
        )
    generator = draws(run["seed"], CLASSES)
    order = torch.randperm(total, generator=generator).numpy()
    return order[:unseen], order[unseen : unseen + classes]


def part(whole: datasets.Images, classes: np.ndarray) -> datasets.Images:
    """The images of some classes, numbered anew in the order given."""
    found = {"class_names": tuple(whole.class_names[c] for c in classes)}
    number = np.full(len(whole.class_names), -1)
    number[classes] = np.arange(len(classes))
    for which in ("train", "test"):
        labels = number[getattr(whole, f"{which}_labels")]
        kept = labels >= 0
        found[f"{which}_labels"] = labels[kept]
        found[f"{which}_images"] = getattr(whole, f"{which}_images")[kept]
    return replace(whole, **found)


def measure(
    run: Mapping, *, data: datasets.Images | None = None, **going_on
) -> dict | None:
    """Train on some classes; look at them and at those held out.

    Gives what `images.measure` gives, and in its metrics: own_angle and
    test_own_angle, the mean angle to the own class vector of the training
    images looked at and of the test images, in radians; and, with "unseen_"
    before, what `metrics.on_unseen` gives of the test images held out.
    """
    whole = data or images.load(run["dataset"], run["sample"])
    held_out, trained = deal(run, len(whole.class_names))
    unseen, limit = part(whole, held_out), run["unseen_limit"]
    found = {}

    def look(looker: Looker):
        weight, device = looker.head.weight.detach(), looker.probe.device
        for which, pixels, labels in (
            ("own_angle", looker.probe, looker.labels),
            ("test_own_angle", looker.test, looker.test_labels),
        ):
            features = looker.embed(pixels)
            angles = metrics.intra_angles(features, labels, weight)
            found[which] = angles.mean().item()
        pixels = augment.to_device(unseen.test_images[:limit], device)
        labels = torch.from_numpy(unseen.test_labels[:limit]).to(device)
        seen = metrics.on_unseen(looker.embed(pixels), labels)
        found.update({f"unseen_{k}": v for k, v in seen.items()})

    seen = part(whole, trained)
    outcome = images.measure(run, data=seen, on_end=look, **going_on)
    if outcome is not None:
        outcome["metrics"] |= {k: short(v) for k, v in found.items()}
    return outcome


def canary(run: Mapping) -> tuple[str, dict]:
    """A run made small, four of the seven synthetic classes trained on."""
    name, small = images.canary(run)
    dealt = {"classes": 4, "unseen": 3, "unseen_limit": None}
    return f"transfer-{name}", small | dealt


def probe(small: Mapping) -> dict[str, float]:
    """The numbers of a small run."""
    data = images.synthetic(12, small["channels"])
    return flat(measure({"sample": False} | small, data=data))


HOW = {"measure": measure, "canary": canary, "probe": probe}
HOW |= {"name": name, "resumes": True}
