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

from arcbook.experiments import cost, uci
from arcbook.experiments.checks import merge, why_stale
from arcbook.experiments.grids import agenda
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
from arcbook.experiments.running import records, run, status

__all__ = [
    "PROFILES",
    "Experiment",
    "agenda",
    "available",
    "cost",
    "get",
    "home",
    "merge",
    "records",
    "register",
    "run",
    "runs",
    "status",
    "uci",
    "unregister",
    "why_stale",
]
