"""The grids of data/experiments.toml: image tables and figures as runs."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Mapping
from itertools import product

from arcbook.experiments import images
from arcbook.paths import DATA

CONTENT = tomllib.loads((DATA / "experiments.toml").read_text("utf-8"))


def methods(paper: str) -> dict[str, tuple[str, dict]]:
    """What a paper calls its losses: the loss and its hyperparameters."""
    return {
        column: (one["loss"], {k: v for k, v in one.items() if k != "loss"})
        for column, one in CONTENT["methods"][paper].items()
    }


METHODS = methods("arcgrad")
ANGULAR_METHODS = methods("angular-learning")


def grid(id: str, profile: str) -> list[dict]:
    """The runs of an image experiment in one profile."""
    return [
        run | {"hyperparameters": dict(run["hyperparameters"])}
        for run in _grid(id, profile)
    ]


@functools.cache
def _grid(id, profile):
    quick = profile == "quick"
    found = []
    for part in CONTENT["experiments"][id]["grids"]:
        less = part.get("quick", {}) if quick else {}
        protocol = CONTENT["protocols"][part["protocol"]]
        known = methods(protocol["methods"])
        over = part.get("over", {"column": "all"}) | less.get("over", {})
        if over["column"] == "all":
            over["column"] = list(known)
        fixed = protocol["full"] | (protocol["quick"] if quick else {})
        whole = [
            _run(protocol, known, fixed, dict(zip(over, values)), part, less)
            for values in product(*over.values())
        ]
        found += whole[:: less.get("every", 1)]
    return found


def _run(protocol, known, fixed, chosen, part, less):
    benchmark = chosen.pop("benchmark", part.get("benchmark"))
    column = chosen.pop("column")
    loss, default = known[column]
    hyperparameters = {k: chosen.pop(k, v) for k, v in default.items()}
    settings = fixed | protocol.get("column", {}).get(column, {})
    if chosen.get("seed", 0) == 0:
        settings |= protocol.get("first_seed", {})
    settings |= part.get("set", {}) | less.get("set", {}) | chosen
    method = loss, hyperparameters
    return images.one_run(benchmark, column, method, settings)


def reads(*homes: str):
    """A `home`: the first of these experiments whose grid has the run."""

    def home(run):
        for id, profile in product(homes, ("full", "quick")):
            if run in _grid(id, profile):
                return id
        return None

    return home


def agenda(ids: Iterable[str], profile: str) -> list[tuple[str, Mapping]]:
    """The steps of a sweep: an experiment, and the part of it to measure.

    Gives steps as `experiments.run` takes them, id and `only`.
    """
    ids = list(ids)
    if profile != "full":
        return [(id, {}) for id in ids]
    first = [
        (id, only) for id, only in CONTENT["agenda"]["steps"] if id in ids
    ]
    start = min((ids.index(id) for id, _ in first), default=len(ids))
    steps = [(id, {}) for id in ids[:start]] + first
    return steps + [(id, {}) for id in ids[start:] if (id, {}) not in steps]


for _id, _one in CONTENT["experiments"].items():
    images.register(
        *(_id, _one["title"], _one["paper"], functools.partial(grid, _id)),
        home=reads(*_one.get("reads", ())),
    )
