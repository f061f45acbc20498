"""What a run looks at while it trains: hits and angles, never to choose."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from arcbook import metrics

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor

    from arcbook.augment import Scaling
    from arcbook.convnets import ConvNet
    from arcbook.losses import Head

BATCH = 1000
CLASS_0_SAMPLES = 200  # [angular-learning, Section 4.2.2]


@dataclass
class Log:
    """What a run has measured so far, in plain values.

    Attributes:
        step: steps done.
        seconds: of training alone.
        curves, looks: see `training.Result`.
        rates: images per second, one an epoch.
        histograms: rows of counts of intra-class angles, one a look.
    """

    step: int = 0
    seconds: float = 0.0
    curves: list[dict[str, float]] = field(default_factory=list)
    looks: list[dict[str, float]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    histograms: dict[str, list[list[int]]] = field(
        default_factory=lambda: {
            "intra_train": [],
            "intra_test": [],
            "intra_class0": [],
        }
    )


def precision(device: torch.device):
    """Bfloat16 for a network on CUDA, float32 elsewhere."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def draws(seed: int, *purpose: int) -> torch.Generator:
    """Random numbers that depend on a seed and on what they are for.

    An epoch draws the same after an interruption as without one, and no
    state of a generator needs keeping.
    """
    state = np.random.SeedSequence([seed, *purpose]).generate_state(
        1, np.uint64
    )
    return torch.Generator().manual_seed(int(state[0]))


def share_of_classes(
    labels: np.ndarray, number: int, generator: torch.Generator
) -> np.ndarray:
    """Draw the same share of every class, at least one sample of each.

    Gives indices, rising.
    """
    if number >= len(labels):
        return np.arange(len(labels))
    order = torch.randperm(len(labels), generator=generator).numpy()
    chosen = []
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        each = max(1, round(len(of_class) * number / len(labels)))
        chosen.append(of_class[:each])
    return np.sort(np.concatenate(chosen))


@torch.no_grad()
def embed(
    network: ConvNet, images: UInt8[Tensor, "n h w c"], scaling: Scaling
) -> Float[Tensor, "n d"]:
    """Features of images, in float32, by the network in its eval mode."""
    network.eval()
    with precision(images.device):
        parts = [network(scaling(part)) for part in images.split(BATCH)]
    network.train()
    return torch.cat(parts).float()


class Looker:
    """Looks at a fixed draw of the training images and at the test images.

    Attributes:
        seconds: spent looking.
    """

    def __init__(
        self,
        network: ConvNet,
        head: Head,
        scaling: Scaling,
        probe: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
    ):
        self.network, self.head, self.scaling = network, head, scaling
        self.probe, self.labels = probe
        self.test, self.test_labels = test
        self.seconds = 0.0

    def angles(self, log: Log) -> Float[Tensor, "n d"]:
        """Note WC-Intra, W-Inter and C-Inter of the training images.

        Gives their features; if one is NaN or infinite nothing is noted.
        """
        began = self._now()
        features = embed(self.network, self.probe, self.scaling)
        if torch.isfinite(features).all():
            found = metrics.compactness(
                features, self.labels, self.head.weight.detach()
            )
            log.looks.append({"step": log.step, **found})
        self.seconds += self._now() - began
        return features

    def whole(self, log: Log, generator: torch.Generator) -> dict | None:
        """Look at everything that is looked at after an epoch.

        Gives the shares of hits, or None if a feature is not finite.
        """
        began = self._now()
        if not log.looks or log.looks[-1]["step"] != log.step:
            features = self.angles(log)
        else:
            features = embed(self.network, self.probe, self.scaling)
        tested = embed(self.network, self.test, self.scaling)
        if not (features.isfinite().all() and tested.isfinite().all()):
            return None
        weight = self.head.weight.detach()
        theta = metrics.intra_angles(features, self.labels, weight)
        class_0 = theta[self.labels == 0].cpu()
        order = torch.randperm(len(class_0), generator=generator)
        rows = {
            "intra_train": theta,
            "intra_test": metrics.intra_angles(
                tested, self.test_labels, weight
            ),
            "intra_class0": class_0[order[:CLASS_0_SAMPLES]],
        }
        for name, angles in rows.items():
            counts = metrics.angle_histogram(angles)
            log.histograms[name].append(counts.tolist())
        hits = self._hits(features, tested)
        self.seconds += self._now() - began
        return hits

    @torch.no_grad()
    def _hits(self, features, tested):
        logits = self.head.logits(tested)
        return {
            "train_accuracy": metrics.top_k(
                self.head.logits(features), self.labels
            ),
            "test_accuracy": metrics.top_k(logits, self.test_labels),
            "test_top5": metrics.top_k(logits, self.test_labels, 5),
        }

    @torch.no_grad()
    def arrays(
        self, log: Log, keep_features: int, keep_cosines: int
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """What is kept of a run at its end, beside its log.

        Gives arrays as `training.Result` lists them, and test_wc_intra and
        test_c_inter.
        """
        tested = embed(self.network, self.test, self.scaling)
        weight, classes = self.head.weight, len(self.head.weight)
        found = metrics.confusion(
            self.test_labels, self.head.predict(tested), classes
        )
        arrays = {
            name: np.array(rows, dtype=np.uint32)
            for name, rows in log.histograms.items()
        }
        arrays["confusion"] = found.cpu().numpy().astype(np.uint32)
        if keep_features:
            features = embed(self.network, self.probe, self.scaling)
            arrays["features"] = _half(features[:keep_features])
            arrays["feature_labels"] = _bytes(self.labels[:keep_features])
            arrays["class_vectors"] = weight.float().cpu().numpy()
        if keep_cosines:
            chosen = metrics.spread(self.test_labels, keep_cosines)
            cosines = metrics.cosine_matrix(tested[chosen])
            arrays["cosines"] = _half(cosines)
            arrays["cosine_labels"] = _bytes(self.test_labels[chosen])
        present = torch.bincount(self.test_labels, minlength=classes) > 0
        if not present.all():
            return arrays, {}
        found = metrics.compactness(tested, self.test_labels, weight)
        del found["w_inter"]
        return arrays, {f"test_{k}": v for k, v in found.items()}

    def _now(self):
        if self.probe.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()


def _half(values):
    """Half precision, a few digits for a picture, where the range allows."""
    half = values.cpu().numpy().astype(np.float16)
    if np.isfinite(half).all():
        return half
    return values.float().cpu().numpy()


def _bytes(labels):
    return labels.cpu().numpy().astype(np.uint16)
