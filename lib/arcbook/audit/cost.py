"""What the claim on the cost of ArcGrad comes to in full records.

Seconds are of a device. The paper trains on GPUs, so records of a processor
are shown and settle nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from arcbook.audit import image_intervals
from arcbook.audit.records import Interval
from arcbook.audit.verdicts import (
    UNMEASURED,
    Finding,
    all_of,
    by_interval,
)
from arcbook.experiments import cost

ID, PAGE = "arcgrad.cost", "14_cost.html"
PRINTED, ROUNDING = 3.4, 0.05
KINDS = {"ArcGrad": "ArcGrad", "as usually written": "ArcGrad (usual)"}
HOW = (
    "The sentence names no network, batch or device. It is read as: on a "
    "GPU, a step of ResNet-18 with the batches of Table IV takes at most "
    f"{PRINTED}% longer with ArcGrad than with Soft, both as this book has "
    "them and both as they are usually written; and with the shapes of "
    "Table V ArcGrad adds less to ResNet-34 than to ResNet-18. 95% intervals "
    "of the median over rounds; for the two networks their worst ends."
)


def judge(found: Finding) -> Finding:
    """Add the word of the records to a finding."""
    shallow, wide, deep = (
        _record("cuda", network, classes)
        for network, classes in (
            ("resnet18", 10),
            ("resnet18", 100),
            ("resnet34", 100),
        )
    )
    texts, numbers, parts = [], {}, []
    if shallow:
        gaps = {kind: percent(shallow, KINDS[kind]) for kind in KINDS}
        for gap in gaps.values():
            most = PRINTED + ROUNDING
            parts.append(by_interval(most - gap.high, most - gap.low))
        texts.append(f"On {shallow['device']} in percent: {_listed(gaps)}")
        numbers |= {f"GPU, {kind}": gap.mean for kind, gap in gaps.items()}
    if wide and deep:
        first, second = (percent(one, "ArcGrad") for one in (wide, deep))
        gap = Interval(
            first.mean - second.mean,
            first.low - second.high,
            first.high - second.low,
        )
        parts.append(by_interval(gap.low, gap.high))
        texts.append(f"ResNet-18 minus ResNet-34: {gap}")
        numbers["GPU, ResNet-18 minus ResNet-34"] = gap.mean
    if processor := _record("cpu", "resnet18", 10):
        gaps = {kind: percent(processor, KINDS[kind]) for kind in KINDS}
        texts.append(
            "On a processor, which settles nothing, in percent: "
            f"{_listed(gaps)}"
        )
        numbers |= {f"CPU, {kind}": gap.mean for kind, gap in gaps.items()}
    whole = shallow and wide and deep
    return replace(
        found,
        verdict=all_of(parts) if whole else UNMEASURED,
        why=f"{found.why} {HOW}".strip(),
        measured=". ".join(texts),
        found=found.found | numbers,
        page=PAGE,
    )


def percent(record: Mapping, column: str) -> Interval:
    """What a column takes more than its softmax, in percent."""
    return Interval(
        *(100 * x for x in record["metrics"]["over_softmax"][column])
    )


def _record(device_type, network, classes):
    """The full record of a setting that is fresh, None without one."""
    wanted = {
        "device_type": device_type,
        "network": network,
        "classes": classes,
    }
    return cost.find(image_intervals.fresh(ID), wanted)


def _listed(gaps):
    return ", ".join(f"{kind} {gap}" for kind, gap in gaps.items())
