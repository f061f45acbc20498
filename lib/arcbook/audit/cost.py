"""What the claim on the cost of ArcGrad comes to in full records.

Seconds are of a device. The paper trains on GPUs, so records of a processor
are shown and settle nothing.
"""

from __future__ import annotations

from arcbook import experiments
from arcbook.audit.rule import MEASURED, Judged, answer
from arcbook.experiments import cost
from arcbook.stats import Estimate

CLAIM = ("arcgrad", "cost-3-4")
PRINTED, ROUNDING = 3.4, 0.05
KINDS = {"ArcGrad": "ArcGrad", "as usually written": "ArcGrad (usual)"}


def judge() -> Judged:
    """Whether ArcGrad adds 3.4% and less to a step, and less when deeper."""
    records = experiments.records("arcgrad.cost", "full")
    fresh = [one for one in records if not one["stale"]]
    fields = "device_type", "network", "classes"
    ten, wide, deep, here = (
        cost.find(fresh, dict(zip(fields, run)))
        for run in (
            ("cuda", "resnet18", 10),
            ("cuda", "resnet18", 100),
            ("cuda", "resnet34", 100),
            ("cpu", "resnet18", 10),
        )
    )
    gaps = {}
    if ten:
        most = PRINTED + ROUNDING
        gaps |= {
            f"{most:.2f}% − {kind}": -percent(ten, column) + most
            for kind, column in KINDS.items()
        }
    if wide and deep:
        first, second = percent(wide, "ArcGrad"), percent(deep, "ArcGrad")
        gaps["ResNet-18 − ResNet-34"] = Estimate(
            first.mean - second.mean,
            first.low - second.high,
            first.high - second.low,
        )
    if len(gaps) == 3:
        answers = [answer(gap, MEASURED) for gap in gaps.values()]
        return Judged(min(answers), gaps)
    if here:
        gaps |= {
            f"on a processor, which settles nothing, {kind} in percent": (
                percent(here, column)
            )
            for kind, column in KINDS.items()
        }
    return Judged(None, gaps)


def percent(record, column: str) -> Estimate:
    """What a column takes more than its softmax, in percent."""
    over_softmax = record["metrics"]["over_softmax"][column]
    return Estimate(*(100 * x for x in over_softmax))
