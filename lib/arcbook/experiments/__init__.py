"""Published tables and figures as grids of runs.

An experiment says which runs it is made of and how one is measured; `run`
measures what is missing or stale and writes a record for each.

Examples:
    >>> from arcbook import experiments
    >>> experiments.available()[:3]
    ['arcgrad.table1', 'arcgrad.fig2', 'arcgrad.protocol']
    >>> len(experiments.runs("arcgrad.table1", "full"))
    105
"""

from arcbook.experiments.merging import merge
from arcbook.experiments.registry import (
    PROFILES,
    Experiment,
    available,
    get,
    home,
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
    why_stale,
)

# the order of `available`
from arcbook.experiments import uci  # isort: skip
from arcbook.experiments.grids import agenda  # isort: skip
from arcbook.experiments import cost  # isort: skip

__all__ = [
    "PROFILES",
    "Experiment",
    "agenda",
    "available",
    "cost",
    "get",
    "home",
    "is_stale",
    "merge",
    "records",
    "register",
    "run",
    "runs",
    "status",
    "table",
    "uci",
    "unregister",
    "why_stale",
]
