"""The grids of data/experiments.toml: tables and figures as runs."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Mapping, Sequence
from itertools import product

from arcbook.experiments import cost, images, registry, search, transfer, uci
from arcbook.experiments.registry import CONTENT, methods

KINDS = {"uci": uci, "cost": cost, "transfer": transfer}
KINDS |= {"tuned": search, "tuned-images": search}  # others are of images
METHODS = methods("arcgrad")
ANGULAR_METHODS = methods("angular-learning")


def grid(id: str, profile: str) -> list[dict]:
    """The runs of an experiment in one profile."""
    return pickle.loads(pickle.dumps(_grid(id, profile)))  # a quick copy


@functools.cache
def _grid(id, profile):
    found = []
    for part in CONTENT["experiments"][id]["grids"]:
        less = part.get(profile, {})
        protocol = CONTENT["protocols"][part["protocol"]]
        if profile not in protocol:
            continue
        known = methods(protocol["methods"])
        over = part.get("over", {"column": "all"}) | less.get("over", {})
        if over.get("column") == "all":
            over["column"] = list(known)
        fixed = protocol["full"] | protocol[profile]
        whole = [
            _run(protocol, known, fixed, dict(zip(over, values)), part, less)
            for values in product(*over.values())
        ]
        found += whole[:: less.get("every", 1)]
    return found


def _run(protocol, known, fixed, chosen, part, less):
    benchmark = chosen.pop("benchmark", part.get("benchmark"))
    column = chosen.pop("column", None)
    loss, default = known.get(column, (None, {}))
    hyperparameters = {k: chosen.pop(k, v) for k, v in default.items()}
    settings = fixed | protocol.get("column", {}).get(column, {})
    if chosen.get("seed", 0) == 0:
        settings |= protocol.get("first_seed", {})
    settings |= part.get("set", {}) | less.get("set", {}) | chosen
    if part["protocol"] == "cost":
        return cost.one_run(columns=cost.COLUMNS, **settings)
    kind = KINDS.get(part["protocol"], images)
    return kind.one_run(benchmark, column, (loss, hyperparameters), settings)


def reads(*homes: str):
    """A `home`: the first of these experiments whose grid has the run."""

    def home(run):
        for id, profile in product(homes, registry.PROFILES):
            if run in _grid(id, profile):
                return id
        return None

    return home


def agenda(ids: Sequence[str], profile: str) -> list[tuple[str, Mapping]]:
    """The steps of a sweep: an experiment, and the part of it to measure.

    Gives steps as `experiments.run` takes them, id and `only`.
    """
    listed = map(tuple, CONTENT["agenda"].get(profile, []))
    steps = [step for step in listed if step[0] in ids]
    return steps + [(id, {}) for id in ids if (id, {}) not in steps]


for _id, _one in CONTENT["experiments"].items():
    _how = dict(KINDS.get(_one["grids"][0]["protocol"], images).HOW)
    if "name" in _one:
        _how["name"] = registry.named(_one["name"])
    _how["home"] = reads(*_one.get("reads", ()))
    _about = _id, _one["title"], _one["paper"], functools.partial(grid, _id)
    registry.register(registry.Experiment(*_about, **_how))
