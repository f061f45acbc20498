"""A head in the place of a loss of pytorch-metric-learning.

Kevin Musgrave et al. 2020, arXiv 2008.09164; made for version 2.9.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from arcbook import losses
from arcbook.geometry import angle, unit
from arcbook.losses.registry import scale_s
from arcbook.losses.tables import take

try:
    from pytorch_metric_learning.distances import (
        CosineSimilarity,
        DotProductSimilarity,
    )
    from pytorch_metric_learning.losses import (
        BaseMetricLossFunction,
        WeightRegularizerMixin,
    )
    from pytorch_metric_learning.utils import common_functions as common
    from pytorch_metric_learning.utils import loss_and_miner_utils as miners
except ImportError as problem:
    raise ImportError(
        "arcbook.losses.metric_learning stands in for losses of "
        "pytorch-metric-learning, which is not installed: "
        "pip install pytorch-metric-learning"
    ) from problem

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

NAMES = {"margin": "m", "scale": "s", "temperature": "s"}
DEFAULTS = {  # theirs, where they are not those of this book
    "arcface": {"m": math.radians(28.6), "s": 64, "variant": "monotone"},
    "cosface": {"m": 0.35, "s": 64},
    "normface": {"s": 20},
}


class MetricLoss(WeightRegularizerMixin, BaseMetricLossFunction):
    """A loss of this book that is called, reduced and mined as theirs.

    Args:
        name: "arcface" for their `ArcFaceLoss`, "cosface" for `CosFaceLoss`,
            "sphereface" for `SphereFaceLoss`, "l_softmax" for
            `LargeMarginSoftmaxLoss`, "normface" for `NormalizedSoftmaxLoss`,
            with their defaults; or any other of `losses.available()`.
        num_classes: C.
        embedding_size: d.
        sub_centers: class vectors of a class; with 3, "arcface" is their
            `SubCenterArcFaceLoss`.
        **settings: the loss's hyperparameters, as `losses.describe(name)`
            lists them, or by their names: `margin` for m, in degrees where m
            is an angle, `scale` for s, or `temperature` for 1/s. Where |x| is
            a factor of the logits, `scale` is another. The rest are theirs:
            `reducer`, `distance`, `embedding_regularizer`,
            `embedding_reg_weight`, `weight_regularizer`, `weight_reg_weight`,
            `weight_init_func`, `collect_stats`.

    Called with embeddings (N, d), labels (N,) and the `indices_tuple` of a
    miner, which weights the samples, penalties of center, ring and iam
    included. Gives what the reducer makes of the losses, in float32, or in
    float64 for such embeddings. `head` is the head, for `head.set` and a
    `losses.Schedule`. `state_dict` has its class vectors as "W" (d, C): of
    the losses named above it loads into theirs and the other way round.

    Unlike theirs: class vectors stay in their type and on their device, which
    `to` changes; the parameter is (C, d) and `W` a view of it, so a state of
    an optimiser does not fit; `ref_emb` is refused, as theirs does, and with
    it `CrossBatchMemory`.

    Raises ValueError: as `losses.create`, for a name given twice, or for a
    `distance` other than cosines; when called, as a head.

    Examples:
        >>> loss = MetricLoss("arcface", num_classes=3, embedding_size=8)
        >>> loss(torch.randn(5, 8), torch.tensor([0, 1, 2, 0, 1])).shape
        torch.Size([])
    """

    def __init__(
        self,
        name: str,
        num_classes: int,
        embedding_size: int,
        sub_centers: int = 1,
        **settings,
    ):
        spec = losses.get(name)
        known = {h.name: h for h in spec.hyperparameters}
        if spec.penalty == "iam":
            base = losses.get(settings.get("base", "normface"))
            known |= {h.name: h for h in base.hyperparameters} | {"base": None}
        theirs = settings.keys() - NAMES.keys() - known.keys()
        super().__init__(**{name: settings.pop(name) for name in theirs})
        _check_distance(self.distance)
        self.num_classes, self.embedding_size = num_classes, embedding_size
        hyper = DEFAULTS.get(spec.name, {})
        hyper = hyper | _translated(spec, known, settings)
        self.stretch = 1.0
        if "s" in hyper and "s" not in known and _is_stretched(spec):
            self.stretch = scale_s(1.0).check(hyper.pop("s"), spec.name)
        with torch.random.fork_rng(devices=[]):
            self.head = losses.create(
                spec.name,
                embedding_dim=embedding_size,
                num_classes=num_classes,
                sub_centers=sub_centers,
                **hyper,
            )
        vectors = torch.empty(embedding_size, num_classes * sub_centers)
        self.weight_init_func(vectors)
        self.head.weight.data.copy_(vectors.mT)
        self.register_state_dict_post_hook(_to_theirs)
        self.register_load_state_dict_pre_hook(_from_theirs)
        self.add_to_recordable_attributes("num_classes", is_stat=False)
        self.add_to_recordable_attributes("avg_angle", is_stat=True)

    @property
    def W(self) -> Float[Tensor, "d c"]:
        """The class vectors as columns."""
        return self.head.weight.mT

    def get_default_distance(self):
        return CosineSimilarity()

    def get_logits(
        self, embeddings: Float[Tensor, "n d"]
    ) -> Float[Tensor, "n c"]:
        """Logits with no margin."""
        logits = self.head.logits(embeddings * self.stretch)
        return logits.to(_kind(embeddings))

    def compute_loss(
        self, embeddings, labels, indices_tuple, ref_emb, ref_labels
    ):
        common.labels_required(labels)
        common.ref_not_supported(embeddings, labels, ref_emb, ref_labels)
        if self.head.checks:
            self.head.check(embeddings, labels)
        if self.collect_stats:
            self.avg_angle = self._mean_angle(embeddings, labels)
        kind = _kind(embeddings)
        weights = miners.convert_to_weights(indices_tuple, labels, dtype=kind)
        values = self.head.losses(embeddings * self.stretch, labels).to(kind)
        found = {
            "losses": values * weights,
            "indices": common.torch_arange_from_size(embeddings),
            "reduction_type": "element",
        }
        by_name = {"loss": found}
        self.add_weight_regularization_to_loss_dict(by_name, self.head.weight)
        return by_name

    @torch.no_grad()
    def _mean_angle(self, embeddings, labels):
        rows = self.head._rows(embeddings, labels)
        own = unit(take(self.head.weight, rows))[0]
        return math.degrees(angle(unit(embeddings)[0], own).mean())


def _translated(spec, known, given):
    """Hyperparameters by the names and in the units of this book."""
    hyper = {}
    for name, value in given.items():
        ours = NAMES.get(name, name)
        if ours in hyper:
            raise ValueError(
                f"{spec.name}: {ours} is given more than once, "
                f"in {', '.join(given)}"
            )
        if name == "temperature":
            value = 1 / value if value else math.inf
        elif (
            name == "margin" and ours in known and known[ours].high == math.pi
        ):
            value = math.radians(value)
        hyper[ours] = value
    return hyper


def _is_stretched(spec):
    """Whether logits are s times as large where features are."""
    return not spec.penalty and "|x|" in spec.factors(spec.defaults)


def _check_distance(distance):
    cosine = isinstance(distance, DotProductSimilarity) and (
        distance.normalize_embeddings and distance.p == 2
    )
    if not cosine or distance.power != 1:
        raise ValueError(
            "the distance of these losses is the cosine: CosineSimilarity(), "
            "or DotProductSimilarity() that normalises by p = 2"
        )


def _kind(embeddings):
    return torch.promote_types(embeddings.dtype, torch.float32)


def _to_theirs(module, state, prefix, metadata):
    state[f"{prefix}W"] = state.pop(f"{prefix}head.weight").mT


def _from_theirs(module, state, prefix, *rest):
    if f"{prefix}W" in state:
        state[f"{prefix}head.weight"] = state.pop(f"{prefix}W").mT
