"""In which order a sweep through all experiments spends its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

FIRST = (
    ("angular-learning.table5", {}),
    ("angular-learning.fig5", {}),
    ("angular-learning.fig6", {}),
    ("arcgrad.cost", {"device_type": ["cuda"]}),
    ("mnist-cosine.table1", {}),
    ("iam.table2", {}),
    ("mnist-cosine.fig1", {}),
    ("mnist-cosine.fig2", {}),
    ("arcgrad.table7", {"epochs": [10, 20, 40]}),
    ("angular-learning.table4", {"epochs": [10, 20]}),
    ("arcgrad.table4", {"seed": [0]}),
    ("angular-learning.table6", {"seed": [0]}),
    ("arcgrad.table7", {}),
    ("angular-learning.table4", {}),
    ("arcgrad.table4", {}),
    ("angular-learning.table6", {}),
    ("arcgrad.fig3", {}),
    ("arcgrad.table5", {"seed": [0]}),
    ("angular-learning.table7", {"seed": [0]}),
)


def agenda(ids: Iterable[str], profile: str) -> list[tuple[str, Mapping]]:
    """The steps of a sweep: an experiment, and the part of it to measure.

    Gives steps as `experiments.run` takes them, id and `only`.
    """
    ids = list(ids)
    if profile != "full":
        return [(id, {}) for id in ids]
    named = {id for id, _ in FIRST}
    starts = [ids.index(id) for id in named if id in ids]
    start = min(starts, default=len(ids))
    steps = [(id, {}) for id in ids[:start]]
    steps += [(id, only) for id, only in FIRST if id in ids]
    return steps + [(id, {}) for id in ids[start:] if (id, {}) not in steps]
