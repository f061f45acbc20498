"""What a run looks at while it trains: hits and angles, never to choose."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from arcbook import metrics
from arcbook.precision import within

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt8
    from torch import Tensor

    from arcbook.augment import Scaling
    from arcbook.convnets import ConvNet
    from arcbook.losses import Head

BATCH = 1000
CLASS_0_SAMPLES = 200  # [angular-learning, Section 4.2.2]


@dataclass
class Log:
    """What a run has measured so far, in plain values: see `training.Result`.

    Rates are images per second, histograms counts of intra-class angles.
    """

    step: int = 0
    seconds: float = 0.0
    curves: list[dict[str, float]] = field(default_factory=list)
    looks: list[dict[str, float]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    histograms: dict[str, list[list[int]]] = field(default_factory=dict)


def draws(seed: int, *purpose: int) -> torch.Generator:
    """Random numbers that depend on a seed and on what they are for.

    So an epoch draws the same after an interruption, and keeps no state.
    """
    entropy = np.random.SeedSequence([seed, *purpose])
    (state,) = entropy.generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state))


def class_share(
    labels: np.ndarray, number: int, generator: torch.Generator
) -> np.ndarray:
    """Rising indices of the same share of every class, drawn, at least one."""
    if number >= len(labels):
        return np.arange(len(labels))
    order = torch.randperm(len(labels), generator=generator).numpy()
    chosen = []
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        each = max(1, round(len(of_class) * number / len(labels)))
        chosen.append(of_class[:each])
    return np.sort(np.concatenate(chosen))


def mislabelled(
    labels: np.ndarray, share: float, generator: torch.Generator
) -> np.ndarray:
    """Labels of which a share, drawn, are those of another class, drawn."""
    wrong = labels.copy()
    if number := round(share * len(labels)):
        order = torch.randperm(len(labels), generator=generator).numpy()
        there = np.unique(labels)
        place = np.searchsorted(there, labels[order[:number]])
        turn = torch.randint(1, len(there), (number,), generator=generator)
        wrong[order[:number]] = there[(place + turn.numpy()) % len(there)]
    return wrong


@torch.no_grad()
def embed(
    network: ConvNet,
    images: UInt8[Tensor, "n h w c"],
    scaling: Scaling,
    precision: str,
) -> Float[Tensor, "n d"]:
    """Features of images, as float32, by the network in its eval mode."""
    network.eval()
    with within(images.device, precision):
        parts = [network(scaling(part)) for part in images.split(BATCH)]
    network.train()
    return torch.cat(parts).float()


@dataclass
class Looker:
    """Looks at a fixed draw of the training images and at the test images.

    Attributes:
        precision: in which the network computes.
        probe, labels: the draw of the training images.
        seconds: spent on `angles`, which are looked at between two steps.
    """

    network: ConvNet
    head: Head
    scaling: Scaling
    precision: str
    probe: UInt8[Tensor, "n h w c"]
    labels: Int[Tensor, " n"]
    test: UInt8[Tensor, "t h w c"]
    test_labels: Int[Tensor, " t"]
    seconds: float = 0.0

    @torch.no_grad()
    def angles(self, log: Log) -> Float[Tensor, "n d"]:
        """Note WC-Intra, W-Inter and C-Inter of the training images.

        Gives their features; if one is NaN or infinite, or if the step has
        been looked at, nothing is noted.
        """
        began = self._now()
        features = self.embed(self.probe)
        noted = log.looks and log.looks[-1]["step"] == log.step
        if not noted and features.isfinite().all():
            weight = self.head.weight
            found = metrics.compactness(features, self.labels, weight)
            log.looks.append({"step": log.step, **found})
        self.seconds += self._now() - began
        return features

    @torch.no_grad()
    def whole(self, log: Log, generator: torch.Generator) -> dict | None:
        """Look at everything that is looked at after an epoch.

        Gives the shares of hits, or None if a feature is not finite.
        """
        features = self.angles(log)
        tested = self.embed(self.test)
        if not (features.isfinite().all() and tested.isfinite().all()):
            return None
        weight, labels = self.head.weight, self.test_labels
        theta = metrics.intra_angles(features, self.labels, weight)
        class_0 = theta[self.labels == 0].cpu()
        order = torch.randperm(len(class_0), generator=generator)
        rows = {
            "intra_train": theta,
            "intra_test": metrics.intra_angles(tested, labels, weight),
            "intra_class0": class_0[order[:CLASS_0_SAMPLES]],
        }
        for name, angles in rows.items():
            counts = metrics.angle_histogram(angles).tolist()
            log.histograms.setdefault(name, []).append(counts)
        probed, logits = map(self.head.logits, (features, tested))
        return {
            "train_accuracy": metrics.top_k(probed, self.labels),
            "test_accuracy": metrics.top_k(logits, labels),
            "test_top5": metrics.top_k(logits, labels, 5),
        }

    @torch.no_grad()
    def arrays(
        self, log: Log, keep_features: int, keep_cosines: int
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """What is kept of a run at its end, beside its log.

        Gives arrays as `training.Result` lists them, and test_wc_intra and
        test_c_inter.
        """
        tested = self.embed(self.test)
        labels, weight = self.test_labels, self.head.weight
        classes = len(weight)
        predicted = self.head.predict(tested)
        found = metrics.confusion(labels, predicted, classes)
        kept = log.histograms | {"confusion": found.tolist()}
        arrays = {k: np.array(rows, np.uint32) for k, rows in kept.items()}
        arrays["hits"] = np.packbits((predicted == labels).cpu().numpy())
        if keep_features:
            features = self.embed(self.probe)
            arrays["features"] = _half(features[:keep_features])
            arrays["feature_labels"] = _short(self.labels[:keep_features])
            arrays["class_vectors"] = weight.float().cpu().numpy()
        if keep_cosines:
            chosen = metrics.spread(labels, keep_cosines)
            arrays["cosines"] = _half(metrics.cosine_matrix(tested[chosen]))
            arrays["cosine_labels"] = _short(labels[chosen])
        if (labels.bincount(minlength=classes) == 0).any():
            return arrays, {}
        found = metrics.compactness(tested, labels, weight)
        return arrays, {
            f"test_{name}": found[name] for name in ("wc_intra", "c_inter")
        }

    def embed(self, images: UInt8[Tensor, "n h w c"]) -> Float[Tensor, "n d"]:
        """Features of any images, on the device of those that are tested."""
        return embed(self.network, images, self.scaling, self.precision)

    def _now(self):
        if self.probe.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()


def _half(values):
    """Half precision, a few digits for a picture, where the range allows."""
    half = values.cpu().numpy().astype(np.float16)
    return half if np.isfinite(half).all() else values.float().cpu().numpy()


def _short(labels):
    return labels.cpu().numpy().astype(np.uint16)
