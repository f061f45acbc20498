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
    chosen = []
    for run in experiments.runs(id, "quick", columns and {"column": columns}):
        changed = _changed(id, run, changes)
        if changed not in chosen:
            chosen.append(changed)
    problem = missing(chosen[0]["dataset"], chosen[0]["sample"])
    records = []
    try:
        for run in [] if problem else chosen:
            outcome = experiments.get(id).measure(run)
            records.append(run | outcome.pop("more") | outcome)
    except datasets.DataError as error:
        return Live(problem=str(error))
    return Live(records, problem)


def missing(name: str, sample: bool = False) -> str:
    """Why the images of a data set can't be read here; "" if they can.

    A page downloads nothing by itself.
    """
    place = datasets.locate(name, sample=sample)
    if place.kind != "download" or place.occupied:
        return ""
    return (
        f"This needs {datasets.card(name).title}: {place.remedy}, or point "
        "ARCBOOK_DATA at a folder that has it."
    )


def _changed(id, run, changes):
    hyperparameters = run["hyperparameters"]
    known = [*hyperparameters, *images.SETTINGS, *images.UNNAMED]
    for name in changes:
        if name not in known:
            raise ValueError(
                f"a run of {id} ({run['column']}) has no {name}; it has "
                f"{', '.join(known)}"
            )
    own = {k: changes.get(k, v) for k, v in hyperparameters.items()}
    rest = {k: v for k, v in changes.items() if k not in own}
    return {**run, **rest, "hyperparameters": own}
