"""Seconds and peak memory of a training step with a million classes.

    python benchmarks/million.py [--classes 1000000] [LOSS ...]
    torchrun --nproc-per-node 2 benchmarks/million.py [--sample 0.1] [LOSS ...]

A step is the loss of 64 features (64, 512) in float32, its gradients and SGD
without momentum, which keeps nothing: momentum would keep one more array of
the class vectors' size, Adam two. The second step is timed. In several
processes the classes are split; each process has its share of the features
and draws its own part of the class vectors. Memory is the peak of the whole
process, Python and torch included, while the head is made and trained; Linux.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

from arcbook import losses

SAMPLES, DIM = 64, 512


def made(name: str, classes: int, sample: float):
    """A head of all classes, or in several processes of a part."""
    size = {"embedding_dim": DIM, "num_classes": classes}
    if not dist.is_initialized():
        return losses.create(name, **size)
    with torch.device("meta"):
        head = losses.create(name, **size)
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    return losses.split(head, mesh, sample)


def seconds(head, classes: int, samples: int) -> float:
    """Seconds of the second step."""
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    features = torch.randn(samples, DIM, requires_grad=True)
    labels = torch.randint(classes, (samples,))
    for _ in range(2):
        start = time.perf_counter()
        optimiser.zero_grad()
        head(features, labels).backward()
        optimiser.step()
    return time.perf_counter() - start


def peak() -> float:
    """GB that this process had at most since the mark was reset."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="LOSS")
    parser.add_argument("--classes", type=int, default=1_000_000)
    parser.add_argument("--sample", type=float, default=1.0)
    given = parser.parse_args()
    processes = int(os.environ.get("WORLD_SIZE", 1))
    if processes > 1:
        dist.init_process_group("gloo")
    rank = int(os.environ.get("RANK", 0))
    torch.manual_seed(rank)
    if rank == 0:
        print("loss       process  seconds  peak GB", flush=True)
    for name in given.names or ("arcface", "arcgrad", "iam"):
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far
        head = made(name, given.classes, given.sample)
        spent = seconds(head, given.classes, SAMPLES // processes)
        print(f"{name:10} {rank:7} {spent:8.2f} {peak():8.2f}", flush=True)
        del head
    if processes > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
