"""What a loss costs, in sentences."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

import pandas as pd

from arcbook import timing
from arcbook.experiments import cost
from arcbook.verdicts import NOT_YET, listed

NAMES = {"resnet18": "ResNet-18", "resnet34": "ResNet-34"}
NAMES |= {"resnet20": "ResNet-20", "iam_cnn": "IAM's CNN"}
PAIRS = {
    "ArcGrad": "ArcGrad",
    "ArcGrad (usual)": "ArcGrad as usually written",
}


def network(run: Mapping) -> str:
    """What a run's network is called on a page."""
    return NAMES.get(run["network"], run["network"])


def short(run: Mapping) -> str:
    """Network and classes of a run, such as "ResNet-18, C = 10"."""
    return f"{network(run)}, C = {run['classes']}"


def setting(run: Mapping) -> str:
    """Network and shapes of a run, such as "ResNet-18, C = 10, ..."."""
    return (
        f"{short(run)}, d = {run['embedding_dim']}, batches of "
        f"{run['batch_size']}"
    )


def percent(found: timing.Extra) -> str:
    """A cost with its interval, such as "+3.40% [+3.10%, +3.80%]"."""
    low, high = (f"{100 * end:+.2f}%" for end in (found.low, found.high))
    text = f"{100 * found.middle:+.2f}% [{low}, {high}]"
    return text.replace("-", "−")


def seconds(record: Mapping) -> str:
    """What a step takes with softmax, and how much more with others.

    Args:
        record: of `arcgrad.cost`, or as from `cost.run_one`.
    """
    curves = record["curves"]
    others = {
        column: timing.extra(curves, column, cost.base(column))
        for column in curves
        if cost.base(column) != column
    }
    named = [column for column in PAIRS if column in others] or [*others]
    pairs = [f"{column} {percent(others[column])}" for column in named]
    text = (
        f"{setting(record)}: a step with Soft takes "
        f"{1000 * record['metrics']['seconds']['Soft']:.2f} ms. "
        if "Soft" in curves
        else f"{setting(record)}. "
    )
    if pairs:
        text += f"More than softmax of its kind: {listed(pairs)}. "
    if len(others) > 1:
        most = max(others, key=lambda column: others[column].middle)
        text += f"{most} costs most, {100 * others[most].middle:+.2f}%. "
    return text.strip()


def where(record: Mapping) -> str:
    """Where a record comes from, in a sentence."""
    day = datetime.datetime.fromisoformat(record["date"]).date()
    threads = ""
    if record["device_type"] == "cpu":
        threads = f", {record['threads']} threads"
    return (
        f"{record['device']}{threads}, {record['precision']}, "
        f"PyTorch {record['torch']}, "
        f"{record['rounds']} rounds of {record['steps_a_turn']} steps a "
        f"loss, {day.day} {day:%B %Y}, commit {record['commit']}"
        f"{', stale' if record['stale'] else ''}."
    )


def measured(records: Sequence[Mapping], device_type: str) -> str:
    """The full records of a kind of device, a line for each.

    Args:
        records: of `arcgrad.cost`.
        device_type: "cuda" or "cpu".
    """
    mine = [one for one in records if one["device_type"] == device_type]
    if not mine:
        return NOT_YET
    return "\n".join(f"- {seconds(one)} ({where(one)})" for one in mine)


def counted(shares: pd.DataFrame, name: str) -> str:
    """How small a head is, by what is counted.

    Args:
        shares: as from `work.shares`.
        name: of the network.
    """
    ours, soft = shares.loc["ArcGrad"], shares.loc["Soft"]
    return (
        f"Beside {name} the head of ArcGrad does "
        f"{100 * ours['arithmetic']:.2g}% of the arithmetic, moves "
        f"{100 * ours['traffic']:.2g}% of the bytes, and makes "
        f"{100 * ours['calls']:.0f}% of the calls. Soft has "
        f"{100 * soft['arithmetic']:.2g}%, {100 * soft['traffic']:.2g}% and "
        f"{100 * soft['calls']:.0f}%."
    )


def a_call(record: Mapping | None, table: pd.DataFrame) -> str:
    """What a further call of ArcGrad's head takes, where measured.

    Args:
        record: of `arcgrad.cost`, of a GPU; None if there is none.
        table: as from `work.table`, for the same run.
    """
    calls = table["calls"]
    more = int(calls["ArcGrad"] - calls["Soft"])
    if record is None:
        return (
            f"ArcGrad makes {more} calls more than Soft. What one of them "
            "takes on a GPU is not measured yet."
        )
    taken = record["metrics"]["seconds"]
    found = timing.extra(record["curves"], "ArcGrad", "Soft").middle
    each = found * taken["Soft"] / more
    work = table["arithmetic"]
    rate = work[record["network"]] / taken["Soft"]
    additional = (work["ArcGrad"] - work["Soft"]) / rate
    return (
        f"On {record['device']} ArcGrad's {more} calls more than Soft's come "
        f"to {1e6 * each:.2g} µs each. Their arithmetic, at the rate at "
        f"which the whole step calculates, would take {1e6 * additional:.2g} "
        "µs in all."
    )


def numerics(record: Mapping | None) -> str:
    """What this book's care for digits costs softmax.

    Args:
        record: of `arcgrad.cost`; None if there is none.
    """
    if record is None:
        return ""
    found = timing.extra(record["curves"], "Soft", "Soft (usual)")
    return (
        "Soft, with norms and logits in float64, takes "
        f"{percent(found)} more than the usual softmax."
    )


def live(record: Mapping) -> str:
    """What a live timing says, and that it is one."""
    wide = [
        column
        for column in record["curves"]
        if cost.base(column) != column and _holds_0(record, column)
    ]
    end = f" The interval holds 0 for {listed(wide)}." if wide else ""
    return (
        "A live timing on the machine that made this page, over "
        f"{record['rounds']} rounds; another run gives other numbers. "
        f"{seconds(record)}{end}"
    )


def _holds_0(record, column):
    found = timing.extra(record["curves"], column, cost.base(column))
    return found.low <= 0 <= found.high


def claim(
    records: Sequence[Mapping],
    printed: float,
    shallow: pd.DataFrame,
    deep: pd.DataFrame,
) -> str:
    """What of the published sentence holds, and what does not.

    Args:
        records: full ones of `arcgrad.cost`; those of GPUs are judged.
        printed: the cost that the paper prints, as a share.
        shallow, deep: as from `work.shares`, of a network and a deeper one,
            otherwise the same.
    """
    ends = [100 * part.loc["ArcGrad", "calls"] for part in (shallow, deep)]
    holds = [
        "The additional work is constant: a head does the same whatever the "
        f"network is. ArcGrad's makes {ends[0]:.0f}% of the calls beside "
        f"ResNet-18 and {ends[1]:.0f}% beside ResNet-34."
    ]
    fails, open_ = [], []
    gpu = {
        (one["network"], one["classes"]): one
        for one in records
        if one["device_type"] == "cuda"
    }
    for column, words in PAIRS.items():
        record = gpu.get(("resnet18", 10))
        if record is None:
            continue
        found = timing.extra(record["curves"], column, cost.base(column))
        text = (
            f"On {record['device']} {words} adds {percent(found)} to a step "
            f"of ResNet-18; printed {100 * printed:g}%."
        )
        most = printed + 0.0005
        kind = holds if found.high < most else open_
        (fails if found.low > most else kind).append(text)
    pair = [gpu.get((name, 100)) for name in ("resnet18", "resnet34")]
    if all(pair):
        first, second = (
            timing.extra(one["curves"], "ArcGrad", "Soft") for one in pair
        )
        text = (
            f"Measured with 100 classes, ArcGrad adds {percent(first)} to "
            f"ResNet-18 and {percent(second)} to ResNet-34."
        )
        kind = holds if first.low > second.high else open_
        (fails if first.high < second.low else kind).append(text)
    if not gpu:
        open_.append(f"The number on a GPU. {NOT_YET}")
    open_.append(
        "The paper names no network, batch, device or code for its 3.4%, so "
        "the same number is not to be expected elsewhere: another GPU has "
        "another price of a call."
    )
    return (
        f"**What holds.** {' '.join(holds)}\n\n"
        f"**What does not.** {' '.join(fails) or 'Nothing measured here.'}"
        f"\n\n**What is not known.** {' '.join(open_)}"
    )
