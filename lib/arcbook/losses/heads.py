"""A head: class vectors, a formula and the cross-entropy.

All tensors may have leading dimensions: an ensemble of K networks is one
head with class vectors (K, C, d) that takes features (K, N, d).
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn.functional import logsigmoid

from arcbook import formulas
from arcbook.geometry import angle, angles, unit
from arcbook.losses.regularisers import InterClass, rows

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from arcbook.losses.registry import Loss


class Geometry(NamedTuple):
    """What a loss needs to know of features and class vectors.

    Attributes:
        cosines: (…, N, C), of the angles to every class vector.
        others: (…, N, C), the other classes' formula at every angle.
        target: (…, N), the angle to the sample's own class, in radians;
            None where the target has no margin.
        x_norm: (…, N), norms of the features.
        w_norm: (…, C), norms of the class vectors.
    """

    cosines: Tensor
    others: Tensor
    target: Tensor | None
    x_norm: Tensor
    w_norm: Tensor


class Head(nn.Module):
    """Class vectors that turn features into a loss.

    Numerics: norms and the target's angle are computed in float64, the
    other classes by one matrix product in float32, or in float64 for
    float64 features and where the logit carries the feature's norm (two
    norms of 1e22 multiply to what float32 can't hold), whatever autocast
    says. Losses and logits are float64.

    Gradients are with respect to features and class vectors as they are
    given, norms included. Where an angle is exactly 0 or π the gradient
    through it is 0, and so it is through the direction of a feature of norm
    0, which has none (softmax needs no direction). At the knot of a
    formula the derivative is the one from the right. No gradient passes
    through the s of AdaCos.

    Attributes:
        weight: the class vectors, (C, d), a parameter.
        s: the scale, where the loss has one: a number, a learnable
            parameter, or the buffer that AdaCos adapts.
        regularisers: penalties added to the loss.
    """

    def __init__(
        self, spec: Loss, embedding_dim: int, num_classes: int, hyper: dict
    ):
        super().__init__()
        self.spec = spec
        self.hyper = hyper
        self.factors = spec.factors(hyper)
        self.regularisers = nn.ModuleList()
        bound = 1 / math.sqrt(embedding_dim)
        weight = torch.empty(num_classes, embedding_dim)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        if spec.adaptive:
            fixed = math.sqrt(2) * math.log(num_classes - 1)
            self.register_buffer("s", torch.tensor(fixed, dtype=torch.float64))
        else:
            self.s = hyper.get("s", hyper.get("alpha", 1.0))

    def __getattr__(self, name):
        """`centers` of the center loss and `radius` of the ring loss too."""
        if name in ("centers", "radius"):
            for penalty in self.regularisers:
                if hasattr(penalty, name):
                    return getattr(penalty, name)
        return super().__getattr__(name)

    def extra_repr(self) -> str:
        values = [f"{name}={value}" for name, value in self.hyper.items()]
        return ", ".join(
            [self.spec.name, str(tuple(self.weight.shape)), *values]
        )

    def forward(
        self, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"]
    ) -> Float[Tensor, ""]:
        """Mean loss over a batch.

        Takes features (N, d), not normalised, and labels (N,) in 0..C−1.
        Gives a float64 scalar. Raises ValueError: for shapes that don't fit,
        an empty batch, a label outside 0..C−1, or a feature that is NaN or
        infinite.
        """
        self.check(features, labels)
        return self.losses(features, labels).mean(-1)

    def losses(
        self, features: Float[Tensor, "*k n d"], labels: Int[Tensor, "*k n"]
    ) -> Float[Tensor, "*k n"]:
        """Loss of each sample, without a look at the input."""
        labels = labels.long()
        with torch.autocast(features.device.type, enabled=False):
            geometry = self._measure(features, labels)
            if self.training and self.spec.adaptive and self.hyper["dynamic"]:
                self._adapt(geometry, labels)
            loss, plain = self._cross_entropy(geometry, labels)
            for penalty in self.regularisers:
                loss = loss + penalty(features, labels, plain)
        return loss

    def losses_at(
        self, theta: Float[Tensor, "*k n c"], labels: Int[Tensor, "*k n"]
    ) -> Float[Tensor, "*k n"]:
        """Loss of each sample as a function of its angles, at unit norms.

        Angles are to every class vector, in radians. The penalties that
        don't depend on them are left out. This is where the derivatives of
        the pages are checked, ends included.
        """
        target = theta.gather(-1, labels[..., None])[..., 0]
        margin = self.spec.target is not self.spec.others
        geometry = Geometry(
            theta.cos(),
            self.spec.others(theta),
            target if margin else None,
            theta.new_ones(theta.shape[:-1]),
            theta.new_ones(*theta.shape[:-2], theta.shape[-1]),
        )
        loss, plain = self._cross_entropy(geometry, labels)
        for penalty in self.regularisers:
            if isinstance(penalty, InterClass):
                loss = loss + penalty(None, labels, plain)
        return loss

    def target_logit(self, theta: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Z_y at angles θ_y in radians, at unit norms."""
        return self.spec.target_logit(theta, [self.s], self.hyper)

    def on(self, weight: Tensor, penalties: bool = True) -> Head:
        """A copy of this head on other class vectors (…, C, d).

        Unless `penalties`, those on features alone stay, center and ring.
        """
        other = copy.deepcopy(self)
        del other.weight
        other.weight = weight
        if self.spec.penalty and not penalties:
            other.regularisers = nn.ModuleList()
        return other

    def logits(
        self, features: Float[Tensor, "*k n d"]
    ) -> Float[Tensor, "*k n c"]:
        """Logits with no margin, what prediction uses."""
        with torch.autocast(features.device.type, enabled=False):
            return self._logits(self._measure(features))

    def predict(
        self, features: Float[Tensor, "*k n d"]
    ) -> Int[Tensor, "*k n"]:
        """The class of the largest logit.

        s does not enter: with the s = 0 of AdaCos on two classes all logits
        are 0, and the cosines decide.
        """
        with torch.autocast(features.device.type, enabled=False):
            return self._measure(features).others.argmax(-1)

    def check(self, features: Tensor, labels: Tensor) -> None:
        """Raise a ValueError that says what is wrong with a batch."""
        classes, dim = self.weight.shape
        if features.ndim != 2 or features.shape[1] != dim:
            raise ValueError(
                f"features have shape {tuple(features.shape)}; this head "
                f"takes (N, {dim})"
            )
        if not features.is_floating_point():
            raise ValueError(f"features are {features.dtype}, not floating")
        if labels.shape != features.shape[:1]:
            raise ValueError(
                f"labels have shape {tuple(labels.shape)}; "
                f"{len(features)} features take ({len(features)},)"
            )
        if labels.is_floating_point() or labels.dtype == torch.bool:
            raise ValueError(f"labels are {labels.dtype}, not integers")
        if len(labels) == 0:
            raise ValueError("the batch is empty: a mean needs a sample")
        outside = (labels < 0) | (labels >= classes)
        if outside.any():
            raise ValueError(
                f"label {labels[outside][0].item()} is outside "
                f"0..{classes - 1}: the head has {classes} classes"
            )
        bad = ~torch.isfinite(features).all(-1)
        if bad.any():
            raise ValueError(
                f"the features of {bad.sum().item()} of {len(bad)} samples "
                f"are NaN or infinite, first at {bad.nonzero()[0].item()}"
            )

    def _measure(self, features, labels=None) -> Geometry:
        margin = (
            labels is not None and self.spec.target is not self.spec.others
        )
        if self.spec.others is formulas.cosine and not margin:
            products = self._products(features)
            return Geometry(products, products, None, None, None)
        x, x_norm = unit(features)
        w, w_norm = unit(self.weight)
        if self.spec.others is formulas.cosine:
            wide = self._width(features)
            cosines = others = x.to(wide) @ w.to(wide).mT
        else:
            theta = angles(x, w)
            cosines, others = theta.cos(), self.spec.others(theta)
        if "|x|" in self.factors:
            others = others * x_norm[..., :, None]
        if "|W|" in self.factors:
            others = others * w_norm[..., None, :]
        target = angle(x, rows(w, labels)) if margin else None
        return Geometry(cosines, others, target, x_norm, w_norm)

    def _products(self, features):
        """|W||x| cos θ with the norms that are among the factors."""
        x, w = features.double(), self.weight.double()
        if "|x|" not in self.factors:
            x, _ = unit(features)
        if "|W|" not in self.factors:
            w, _ = unit(self.weight)
        wide = self._width(features)
        return x.to(wide) @ w.to(wide).mT

    def _width(self, features):
        if "|x|" in self.factors:
            return torch.float64
        return torch.promote_types(features.dtype, torch.float32)

    def _scale(self, like):
        return torch.as_tensor(self.s, dtype=torch.float64, device=like.device)

    def _logits(self, geometry):
        scale = self._scale(geometry.others)
        return scale[..., None, None] * geometry.others

    def _target_logit(self, geometry, logits, labels):
        if geometry.target is None:
            logit = logits.gather(-1, labels[..., None])[..., 0]
            return self.spec.lowered(logit, self.hyper)
        factors = [self._scale(geometry.target)[..., None]]
        if "|x|" in self.factors:
            factors.append(geometry.x_norm)
        if "|W|" in self.factors:
            factors.append(geometry.w_norm.gather(-1, labels))
        return self.spec.target_logit(geometry.target, factors, self.hyper)

    def _cross_entropy(self, geometry, labels):
        logits = self._logits(geometry)
        target = self._target_logit(geometry, logits, labels)
        loss = -logsigmoid(target - _rivals(logits, labels))
        if not any(isinstance(p, InterClass) for p in self.regularisers):
            return loss, None
        plain = self._scale(logits)[..., None, None] * geometry.cosines
        own = plain.gather(-1, labels[..., None])[..., 0]
        return loss, _rivals(plain, labels) - own

    @torch.no_grad()
    def _adapt(self, geometry, labels):
        """One step of the dynamic scale. [arcgrad, Eq. 10]"""
        cosines = geometry.cosines.double()
        rivals = _rivals(self.s[..., None, None] * cosines, labels)
        mean = rivals.logsumexp(-1) - math.log(rivals.shape[-1])
        own = cosines.gather(-1, labels[..., None])[..., 0]
        middle = own.clamp(-1, 1).acos().median(-1).values
        self.s.copy_(mean / middle.clamp(max=math.pi / 4).cos())


def _rivals(logits, labels):
    """Log of the summed exponentials of all classes but the sample's own."""
    rivals = logits.scatter(-1, labels[..., None], -torch.inf)
    return rivals.mT.contiguous().logsumexp(-2)  # sums of long rows are fast
