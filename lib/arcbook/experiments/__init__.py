"""Published tables and figures as grids of runs.

An experiment says which runs it is made of and how one is measured; `run`
measures what is missing or stale and writes a record for each.

Examples:
    >>> from arcbook import experiments
    >>> experiments.available()
    ['arcgrad.table1', 'arcgrad.fig2', 'arcgrad.protocol']
    >>> len(experiments.runs("arcgrad.table1", "full"))
    105
"""

from arcbook.experiments.registry import (
    PROFILES,
    Experiment,
    available,
    get,
    register,
    runs,
    unregister,
)
from arcbook.experiments.running import (
    is_stale,
    records,
    run,
    status,
    table,
)

from arcbook.experiments import uci  # isort: skip

__all__ = [
    "PROFILES",
    "Experiment",
    "available",
    "get",
    "is_stale",
    "records",
    "register",
    "run",
    "runs",
    "status",
    "table",
    "uci",
    "unregister",
]
