"""Seconds and memory of a step of the head, beside pytorch-metric-learning.

    pip install --no-deps pytorch-metric-learning==2.9.0
    python benchmarks/head.py [--classes 100000] [--rounds 5] [LOSS ...]

A step is the loss and its gradients, by features (128, 512) and by class
vectors, in float32. Ours, the peer's loss of that name (its ArcFace, where it
has none), and the three bare matrix products that no head can do without take
turns in one process: the median of the ratios of a round is printed. Memory
is the growth of the process's peak in one step, above the weights, each in a
process of its own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from arcbook import losses

SAMPLES, DIM = 128, 512
LARGE = 20_000  # classes from which a step shows in the process's peak
PEERS = {
    "arcface": "ArcFaceLoss",
    "cosface": "CosFaceLoss",
    "normface": "NormalizedSoftmaxLoss",
    "sphereface": "SphereFaceLoss",
}


def ours(name: str, classes: int):
    return losses.create(name, embedding_dim=DIM, num_classes=classes)


def peer(name: str, classes: int):
    from pytorch_metric_learning import losses as theirs

    return getattr(theirs, PEERS.get(name, "ArcFaceLoss"))(classes, DIM)


def step(head, features, labels) -> None:
    for parameter in head.parameters():
        parameter.grad = None
    head(features.clone().requires_grad_(), labels).backward()


def products(weight, features) -> None:
    logits = features @ weight.mT
    logits @ weight, logits.mT @ features


def batch(classes: int):
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(SAMPLES, DIM, generator=draw)
    return features, torch.randint(classes, (SAMPLES,), generator=draw)


def seconds(name: str, classes: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each, turn by turn; the first turn does not count."""
    features, labels = batch(classes)
    heads = {"ours": ours(name, classes), "peer": peer(name, classes)}
    calls = {
        who: lambda head=head: step(head, features, labels)
        for who, head in heads.items()
    }
    weight = torch.randn(classes, DIM)
    calls["products"] = lambda: products(weight, features)
    spent = {who: [] for who in calls}
    for _ in range(rounds + 1):
        for who, call in calls.items():
            start = time.perf_counter()
            call()
            spent[who].append(time.perf_counter() - start)
    return {who: values[1:] for who, values in spent.items()}


def resident(name: str) -> float:
    """MB that this process has ("VmRSS") or had at most ("VmHWM"); Linux."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


def memory(who: str, name: str, classes: int) -> float:
    """MB of one step above the weights, in a process of its own."""
    command = [sys.executable, __file__, "--grown", who, name]
    command += ["--classes", str(classes)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(run.stdout)


def grown(who: str, name: str, classes: int) -> float:
    make = ours if who == "ours" else peer
    small = make(name, 500)
    step(small, *batch(500))  # what a first step loads, of one block
    head = make(name, classes)
    given = batch(classes)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far
    step(head, *given)
    return resident("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="LOSS")
    parser.add_argument("--classes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--grown", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.grown:
        print(grown(given.grown, given.names[0], given.classes))
        return
    print("loss          ms    peer/ours  ours/products      MB   of peer's")
    for name in given.names or losses.available():
        spent = seconds(name, given.classes, given.rounds)
        mine = spent["ours"]
        faster, bare = (
            statistics.median(a / b for a, b in zip(x, y))
            for x, y in ((spent["peer"], mine), (mine, spent["products"]))
        )
        line = f"{name:10} {1e3 * statistics.median(mine):8.1f} "
        line += f"{faster:10.2f} {bare:12.2f}"
        if given.classes >= LARGE:
            mb = [memory(who, name, given.classes) for who in ("ours", "peer")]
            line += f" {mb[0]:12.0f} {mb[0] / mb[1]:9.0%}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
