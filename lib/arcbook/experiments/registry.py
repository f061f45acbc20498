"""What an experiment is, and which there are."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from arcbook import paths, results
from arcbook.naming import refuse_unknown

PROFILES = ("quick", "reduced", "full")
CONTENT = tomllib.loads((paths.DATA / "experiments.toml").read_text("utf-8"))


def methods(paper: str) -> dict[str, tuple[str, dict]]:
    """What a paper calls its losses: the loss and its hyperparameters."""
    return {
        column: (one["loss"], {k: v for k, v in one.items() if k != "loss"})
        for column, one in CONTENT["methods"][paper].items()
    }


@dataclass(frozen=True)
class Experiment:
    """A grid of runs.

    Attributes:
        paper: where the item is in its paper.
        runs: from a profile to its runs. A run is a mapping of everything
            that decides the result, of plain values; it names its
            "dataset", None where it reads none, and, where there is just
            one, its "loss" and "hyperparameters".
        measure: from a run to ``{"metrics": {...}, "curves": {...},
            "data_sha256": ..., "seconds": ..., "note": ...}``, also
            "device" and further fields as "more"; None where this machine
            can't.
        canary: from a run to a short readable name and the small run that
            stands for it: everything that decides how it trains, and few
            steps (see `canary`).
        probe: from a small run to its numbers, through `measure` itself.
        home: from a run to the id of the experiment whose record of the
            same run is read instead of training it again; None for its own.
        resumes: whether `measure` also takes ``checkpoint``, a file to go
            on from, and ``time_left``, a function to seconds, and gives
            None when that time ended the run before it was complete.
        unmeasurable: whether this machine can't measure a run.
    """

    id: str  # the paper and the item, such as "arcgrad.table1"
    title: str
    paper: str
    runs: Callable[[str], list[dict]]
    name: Callable[[Mapping], str]  # short and readable
    measure: Callable[[Mapping], dict]
    canary: Callable[[Mapping], tuple[str, dict]]
    probe: Callable[[Mapping], dict[str, float]]
    home: Callable[[Mapping], str | None] = lambda run: None
    resumes: bool = False
    unmeasurable: Callable[[Mapping], bool] = lambda run: False


_registry: dict[str, Experiment] = {}


def register(experiment: Experiment) -> Experiment:
    """Add an experiment.

    Raises ValueError when the id is taken.
    """
    if experiment.id in _registry:
        raise ValueError(f"there is already an experiment {experiment.id!r}")
    _registry[experiment.id] = experiment
    return experiment


def unregister(id: str) -> None:
    """Take an experiment out again; its records stay."""
    del _registry[get(id).id]


def available() -> list[str]:
    """The ids of all experiments."""
    return list(_registry)


def named(pattern: str) -> Callable[[Mapping], str]:
    """A `name`: a pattern with the run's fields, in small letters."""
    return lambda run: pattern.format(**run).lower()


def get(id: str) -> Experiment:
    """An experiment by its id.

    Raises ValueError for an unknown id; it names the close ones.
    """
    refuse_unknown("experiment", [id], _registry)
    return _registry[id]


def home(id: str, run: Mapping) -> Experiment:
    """The experiment that a run's record belongs to."""
    return get(get(id).home(run) or id)


def file(id: str, profile: str, run: Mapping) -> Path:
    """Where the record of a run is, measured or not."""
    owner = home(id, run)
    return results.path(owner.id, profile, owner.name(run), run)


def runs(
    id: str, profile: str = "quick", only: Mapping | None = None
) -> list[dict]:
    """The grid of an experiment, or a part of it.

    `only` names fields of a run and the values wanted, such as
    ``{"epochs": [10, 20], "seed": [0]}``. Raises ValueError for an unknown
    id, profile or field, or if no run has such values.
    """
    experiment = get(id)
    refuse_unknown("profile", [profile], PROFILES)
    grid = experiment.runs(profile)
    for name, values in (only or {}).items():
        there = {str(run.get(name)): None for run in grid}
        grid = [run for run in grid if run.get(name) in values]
        if not grid:
            raise ValueError(
                f"no run of {id} ({profile}) has {name} = "
                f"{' or '.join(map(str, values))}; there are "
                f"{', '.join(there) or 'no runs'}"
            )
    return grid
