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
    records = [
        one
        for one in experiments.records("arcgrad.cost", "full")
        if not one["stale"]
    ]
    ten, wide, deep = (
        cost.find(
            records,
            {"device_type": "cuda", "network": network, "classes": classes},
        )
        for network, classes in (
            ("resnet18", 10),
            ("resnet18", 100),
            ("resnet34", 100),
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
        return Judged(
            min(answer(gap, MEASURED) for gap in gaps.values()), gaps
        )
    here = cost.find(
        records, {"device_type": "cpu", "network": "resnet18", "classes": 10}
    )
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
    return Estimate(
        *(100 * x for x in record["metrics"]["over_softmax"][column])
    )
