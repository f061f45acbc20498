"""Speed of training: images per second, and what each loss costs a step.

    python benchmarks/training.py                  # all on this device
    python benchmarks/training.py --images 256 --batch 32 --epochs 3
    python benchmarks/training.py --only precision --threads 1

First, images a second in float32 and in bfloat16 of four networks, by
`arcbook.training`, taking turns: what training was and what it is now. On a
processor without bfloat16 (or with ONEDNN_MAX_CPU_ISA=AVX2 in the environment)
the second is rounded float32, and should be no slower.

Then a training epoch of ResNet-18 on CIFAR-10 by `arcbook.training`
(without looking at anything but ten images) against the recipe that people
copy: a DataLoader with worker processes, per-image transforms in Python,
float32, no compilation. Then the seconds of a step with each loss against
softmax, on one network and one batch, taking turns. Without CIFAR-10 on
this machine the images are random: speed does not depend on the pixels.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from arcbook import (
    augment,
    convnets,
    datasets,
    looks,
    losses,
    precision,
    training,
)

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
LOSSES = "softmax", "center", "m_softmax", "arcface", "adacos", "arcgrad"
# settings, images an epoch beside ResNet-18's, batch size
NETWORKS = {
    "ResNet-18": ({"network": "resnet18"}, 1, 32),
    "ResNet-18, a quarter": ({"network": "resnet18", "width": 0.25}, 8, 128),
    "ResNet-34, a quarter": ({"network": "resnet34", "width": 0.25}, 8, 128),
    "ResNet-20": ({"network": "resnet20"}, 8, 128),
}
# dense bfloat16 FLOP/s that the maker states
STATED = {"H100": 989e12, "H200": 989e12, "A100": 312e12}


def cifar(number: int) -> datasets.Images:
    """The first images of CIFAR-10, or random ones."""
    if datasets.locate("cifar10").kind == "folder":
        found = datasets.load("cifar10")
        pixels = found.train_images[:number]
        labels = found.train_labels[:number]
        source = found.source
    else:
        generator = np.random.default_rng(0)
        shape = (number, 32, 32, 3)
        pixels = generator.integers(256, size=shape, dtype=np.uint8)
        labels = np.arange(number) % 10
        source = "random pixels"
    classes = datasets.card("cifar10").class_names
    return datasets.Images(
        "cifar10", pixels, labels, pixels[:10], labels[:10], classes,
        "", source, sample=True,
    )  # fmt: skip


def now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def ours(images, batch: int, epochs: int, device: str, **given) -> float:
    """Images per second, the median of the epochs but the first."""
    result = training.train(
        images,
        **{"network": "resnet18"} | given,
        loss="softmax",
        epochs=epochs + 1,
        batch_size=batch,
        learning_rate=0.001,
        augmented=True,
        probe=10,
        test_limit=10,
        device=device,
    )
    return result.images_per_second


def precisions(number: int, epochs: int, repeats: int, device: str) -> dict:
    """Images per second of each network in each precision, in turns.

    Gives by network two lists, of `repeats` rates each. A network of a
    quarter of the width has so many times as many images an epoch that a turn
    is about as long.
    """
    found = {}
    for title, (given, times, batch) in NETWORKS.items():
        images = cifar(times * number)
        rates = {one: [] for one in precision.PRECISIONS}
        for _ in range(repeats):
            for one, seen in rates.items():
                how = given | {"precision": one}
                seen.append(ours(images, batch, epochs, device, **how))
        before, now = rates.values()
        ratios = [b / a for a, b in zip(before, now)]
        print(
            f"{title:>20}: {statistics.median(before):7,.0f} images/s in "
            f"float32, {statistics.median(now):7,.0f} in bfloat16, "
            f"{statistics.median(ratios):.2f} times "
            f"({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )
        found[title] = rates
    return found


class PerImage(Dataset):
    """One image at a time, transformed by Python, as torchvision does."""

    def __init__(self, images):
        self.pixels, self.labels = images.train_images, images.train_labels
        self.mean = torch.tensor(MEAN).view(3, 1, 1)
        self.std = torch.tensor(STD).view(3, 1, 1)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = ImageOps.expand(Image.fromarray(self.pixels[index]), 4)
        left, top = random.randint(0, 8), random.randint(0, 8)
        image = image.crop((left, top, left + 32, top + 32))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        tensor = tensor.contiguous().float().div(255)
        return (tensor - self.mean) / self.std, int(self.labels[index])


def recipe(images, batch: int, epochs: int, device: str) -> float:
    """Images per second, the median of the epochs but the first."""
    network = nn.Sequential(convnets.create("resnet18", 3), nn.Linear(512, 10))
    network.to(device)
    optimizer = torch.optim.Adam(network.parameters(), weight_decay=5e-4)
    loader = DataLoader(
        PerImage(images),
        batch,
        shuffle=True,
        drop_last=True,
        num_workers=min(8, os.cpu_count()),
        pin_memory=device == "cuda",
        persistent_workers=True,
    )
    rates = []
    for _ in range(epochs + 1):
        began, total = now(device), 0.0
        for pixels, labels in loader:
            pixels, labels = pixels.to(device), labels.to(device)
            optimizer.zero_grad()
            value = F.cross_entropy(network(pixels), labels)
            value.backward()
            optimizer.step()
            total += value.item()
        seconds = now(device) - began
        rates.append(len(loader) * batch / seconds)
    return statistics.median(rates[1:])


def flops_an_image() -> int:
    """Multiplications and additions of a step of ResNet-18, an image."""
    network = convnets.create("resnet18", 3)
    with FlopCounterMode(display=False) as counter:
        network(torch.rand(2, 3, 32, 32)).sum().backward()
    return counter.get_total_flops() // 2


def attainable(device: str) -> float:
    """FLOP/s of the best of two large kernels, in training's precision.

    A matrix product and a 3x3 convolution: libraries for CPUs know wider
    instructions for one than for the other.
    """
    cuda = device == "cuda"
    kind = {"device": device, "dtype": torch.bfloat16 if cuda else None}
    size, number, width = (8192, 512, 512) if cuda else (1024, 8, 256)
    a = torch.randn(size, size, **kind)
    images = torch.randn(number, width, 32, 32, **kind)
    images = images.contiguous(memory_format=torch.channels_last)
    filters = torch.randn(width, width, 3, 3, **kind)
    filters = filters.contiguous(memory_format=torch.channels_last)
    kernels = [
        (2 * size**3, lambda: a @ a),
        (
            2 * 9 * width**2 * number * 32 * 32,
            lambda: F.conv2d(images, filters, padding=1),
        ),
    ]
    rates = []
    with torch.no_grad():
        for work, kernel in kernels:
            for _ in range(10):
                began = now(device)
                kernel()
                rates.append(work / (now(device) - began))
    return max(rates)


def steps(images, batch: int, rounds: int, device: str) -> dict[str, list]:
    """Seconds of a step with each loss, the losses taking turns."""
    on = torch.device(device)
    stock = augment.Stock(
        images.train_images, images.train_labels, augmented=True, device=on
    )
    pixels, labels = next(stock.epoch(batch, looks.draws(0, 0)))
    network = convnets.create("resnet18", 3)
    network.to(on, memory_format=torch.channels_last)
    forward = torch.compile(network) if device == "cuda" else network
    each = 20 if device == "cuda" else 1
    heads = {
        name: losses.create(name, embedding_dim=512, num_classes=10).to(on)
        for name in LOSSES
    }
    optimizers = {
        name: torch.optim.Adam(
            [*network.parameters(), *head.parameters()],
            lr=1e-4,
            fused=device == "cuda",
        )
        for name, head in heads.items()
    }
    seconds = {name: [] for name in LOSSES}
    for number in range(rounds + 1):
        for name, head in heads.items():
            began = now(device)
            for _ in range(each):
                with precision.within(on, precision.usual(on)):
                    features = forward(pixels)
                value = head.losses(features, labels).mean()
                optimizers[name].zero_grad()
                value.backward()
                optimizers[name].step()
            if number:
                seconds[name].append((now(device) - began) / each)
    return seconds


def main():
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--images", type=int, default=50_000 if cuda else 320)
    parser.add_argument("--batch", type=int, default=256 if cuda else 32)
    parser.add_argument("--epochs", type=int, default=5 if cuda else 3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=20 if cuda else 5)
    parser.add_argument("--json", type=Path, help="write the numbers there")
    parser.add_argument("--threads", type=int, help="of the processor")
    parser.add_argument("--only", choices=["precision"], help="nothing else")
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    torch.backends.cudnn.benchmark = True

    device, images = chosen.device, cifar(chosen.images)
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    print(
        f"{name}, {torch.get_num_threads()} CPU threads, PyTorch "
        f"{torch.__version__}; {chosen.images} images ({images.source}), "
        f"batches of {chosen.batch}"
    )
    if device == "cpu":
        way = "its own kernels" if precision.native() else "rounded float32"
        print(f"bfloat16 by {way}")
    number = min(chosen.images, 64) if device == "cpu" else chosen.images
    turns = precisions(number, chosen.epochs, chosen.repeats, device)
    if chosen.json:
        chosen.json.write_text(json.dumps({"precisions": turns}, indent=1))
    if chosen.only:
        return
    size = chosen.batch, chosen.epochs, device
    ways = {"arcbook": ours, "recipe": recipe}
    found = {who: [] for who in ways}
    for _ in range(chosen.repeats):
        for who, way in ways.items():
            found[who].append(way(images, *size))
    rates = {who: statistics.median(each) for who, each in found.items()}
    for who, rate in rates.items():
        print(f"{who:>10}: {rate:10,.0f} images/s, ResNet-18")
    ratios = [a / b for a, b in zip(found["arcbook"], found["recipe"])]
    print(
        f"{'ratio':>10}: {statistics.median(ratios):10.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )

    work = flops_an_image() * rates["arcbook"]
    measured = attainable(device)
    print(
        f"{'peak':>10}: {work / 1e12:.2f} TFLOP/s, {work / measured:.0%} of "
        f"the {measured / 1e12:.2f} of the best large kernel"
    )
    for part, stated in STATED.items():
        if part in name:
            print(f"{'':>10}  {work / stated:.0%} of the {stated:.3g} stated")

    print("seconds a step, and more than softmax (median of rounds):")
    seconds = steps(images, chosen.batch, chosen.rounds, device)
    over = {}
    for loss, each in seconds.items():
        pairs = zip(each, seconds["softmax"])
        over[loss] = statistics.median(a / b - 1 for a, b in pairs)
        print(f"{loss:>10}: {statistics.median(each):.5f} {over[loss]:+.2%}")
    if chosen.json:
        numbers = {
            "device": name,
            "torch": torch.__version__,
            "precisions": turns,
            "images_per_second": found,
            "flops_per_second": work,
            "attainable_flops_per_second": measured,
            "seconds_a_step": seconds,
            "over_softmax": over,
        }
        chosen.json.write_text(json.dumps(numbers, indent=1))


if __name__ == "__main__":
    main()
