"""Image runs that a page trains while it is built, in the quick profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from arcbook import datasets, experiments
from arcbook.experiments import images


@dataclass(frozen=True)
class Live:
    """Runs trained here and now; they enter no table.

    Attributes:
        records: as those of `experiments.records`, without provenance.
        problem: why there are none, in a sentence, if the data are missing.
    """

    records: list[dict] = field(default_factory=list)
    problem: str = ""


def quick(id: str, columns: Sequence[str] | None = None, **changes) -> Live:
    """Train runs of an experiment's quick profile, writing no record.

    Nothing is downloaded for it.

    Gives the runs of the grid in its order; those that `changes` have made
    alike are trained once. Raises ValueError for a column or a change that the
    experiment's runs do not have.
    """
    grid = experiments.runs(id, "quick", columns and {"column": columns})
    chosen = []
    for run in grid:
        changed = _changed(id, run, changes)
        if changed not in chosen:
            chosen.append(changed)
    if problem := missing(chosen[0]["dataset"], chosen[0]["sample"]):
        return Live(problem=problem)
    try:
        return Live([run | _measured(run) for run in chosen])
    except datasets.DataError as error:
        return Live(problem=str(error))


def missing(name: str, sample: bool = False) -> str:
    """Why the images of a data set can't be read here; "" if they can.

    A page downloads nothing by itself.
    """
    place = datasets.locate(name, sample=sample)
    if place.kind != "download" or place.occupied:
        return ""
    return (
        f"{datasets.card(name).title} is not on this machine: {place.remedy}, "
        "or point ARCBOOK_DATA at a folder that has it."
    )


def _measured(run):
    outcome = images.measure(run)
    return outcome.pop("more") | outcome


def _changed(id, run, changes):
    hyperparameters = dict(run["hyperparameters"])
    fields = {}
    for name, value in changes.items():
        if name in hyperparameters:
            hyperparameters[name] = value
        elif name in images.SETTINGS:
            fields[name] = value
        else:
            raise ValueError(
                f"a run of {id} ({run['column']}) has no {name}; it has "
                f"{', '.join([*hyperparameters, *images.SETTINGS])}"
            )
    return {**run, **fields, "hyperparameters": hyperparameters}
