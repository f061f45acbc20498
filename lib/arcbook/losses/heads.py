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
from arcbook.geometry import angle, angles, unit, widest
from arcbook.losses.regularisers import InterClass
from arcbook.losses.streaming import FEW, log_sums, rivals
from arcbook.losses.tables import take

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from arcbook.losses.registry import Loss


class Sample(NamedTuple):
    """Features (…, N, d), and where they matter directions and norms."""

    features: Tensor
    autocast: bool  # whether it is on
    unit: Tensor | None = None
    norm: Tensor | None = None


class Own(NamedTuple):
    """Of each sample's own class: direction, norm, logit with no margin."""

    unit: Tensor | None
    norm: Tensor | None
    logit: Tensor | None


class Head(nn.Module):
    """Class vectors that turn features into a loss.

    Numerics: norms and the target's angle are computed in float64, the
    other classes by matrix products in float32 (see `streaming`), or in
    float64 for float64 features and where logits are large, whatever
    autocast says. Losses and logits are float64. A device without float64
    computes all of it in float32.

    Gradients are with respect to features and class vectors as they are
    given, norms included. Where an angle is exactly 0 or π the gradient
    through it is 0, and so it is through the direction of a feature of norm
    0, which has none (softmax needs no direction). At the knot of a
    formula the derivative is the one from the right. No gradient passes
    through the s of AdaCos.

    Attributes:
        weight: the class vectors, (C, d), a parameter; (C·K, d) of K
            sub-centres a class, those of a class one after another.
        s: the scale, where the loss has one: a number, a learnable
            parameter, or the buffer that AdaCos adapts.
        regularisers: penalties added to the loss.
        reduction: "mean", "sum" or "none".
        checks: whether `forward` looks at its input first.
    """

    def __init__(
        self,
        spec: Loss,
        embedding_dim: int,
        num_classes: int,
        hyper: dict,
        sub_centers: int = 1,
    ):
        super().__init__()
        self.spec = spec
        self.hyper = hyper
        self.factors = spec.factors(hyper)
        self.sub_centers = sub_centers
        self.reduction, self.checks = "mean", True
        self.regularisers = nn.ModuleList()
        bound = 1 / math.sqrt(embedding_dim)
        weight = torch.empty(num_classes * sub_centers, embedding_dim)
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
        """Mean loss over a batch, or what `reduction` says.

        Takes features (N, d), not normalised, and labels (N,) in 0..C−1.
        Gives float64. Raises ValueError: for shapes that don't fit, an empty
        batch, a label outside 0..C−1, or a feature that is NaN or infinite;
        a compiled graph, or one with `checks` off, looks at none of it.
        """
        if self.checks and not torch.compiler.is_compiling():
            self.check(features, labels)
        losses = self.losses(features, labels)
        if self.reduction == "none":
            return losses
        return losses.sum(-1) if self.reduction == "sum" else losses.mean(-1)

    def losses(
        self, features: Float[Tensor, "*k n d"], labels: Int[Tensor, "*k n"]
    ) -> Float[Tensor, "*k n"]:
        """Loss of each sample, without a look at the input."""
        labels = labels.long()
        loss, odds = self._losses(features, labels)
        for penalty in self.regularisers:
            loss = loss + penalty(features, labels, odds)
        return loss

    def _losses(self, features, labels):
        """Losses of the logits, and the log-odds if a penalty asks."""
        sample, known = self._sample(features), None
        with torch.autocast(features.device.type, enabled=False):
            plain = self._few(sample, labels)
            if self.training and self.spec.adaptive and self.hyper["dynamic"]:
                known = self._adapt(sample, labels, plain)
            sums, own, _ = self._rivals(sample, labels, plain, known=known)
            loss, odds = -logsigmoid(self._target(sample, own) - sums), None
            if self._has_odds():
                odds = self._log_odds(sample, labels, sums, own)
        return loss, odds

    def losses_at(
        self, theta: Float[Tensor, "*k n c"], labels: Int[Tensor, "*k n"]
    ) -> Float[Tensor, "*k n"]:
        """Loss of each sample as a function of its angles, at unit norms.

        Angles are to every class vector, in radians. The penalties that
        don't depend on them are left out. This is where the derivatives of
        the pages are checked, ends included.
        """
        own = theta.gather(-1, labels[..., None])[..., 0]
        scale = self._scale()
        sums = log_sums(scale[..., None] * self.spec.others(theta), labels)
        target = self.spec.target_logit(own, [scale], self.hyper)
        loss = -logsigmoid(target - sums)
        for penalty in self.regularisers:
            if isinstance(penalty, InterClass):
                cosines = scale[..., None] * theta.cos()
                odds = log_sums(cosines, labels) - scale * own.cos()
                loss = loss + penalty(None, labels, odds)
        return loss

    def set(self, **hyperparameters) -> None:
        """Change hyperparameters, as a warm-up does each step.

        Those of penalties too, such as the λ of center and ring and the β of
        iam. Raises ValueError as `losses.create`, and for an s that is
        learned or would be from now on.
        """
        values = self.spec.check(hyperparameters)
        values = {name: values[name] for name in hyperparameters}
        learned = (self.s, values.get("s"))
        if "s" in values and any(isinstance(s, nn.Parameter) for s in learned):
            raise ValueError(f"{self.spec.name}: s is learned, not set")
        self.hyper = self.hyper | values
        self.factors = self.spec.factors(self.hyper)
        if {"s", "alpha"} & values.keys() and not self.spec.adaptive:
            self.s = self.hyper.get("s", self.hyper.get("alpha"))
        for penalty in self.regularisers:
            for name in vars(penalty).keys() & values.keys():
                setattr(penalty, name, values[name])

    def param_groups(self, **settings) -> list[dict]:
        """Groups for an optimiser: class vectors with settings of their own.

        `SGD([*groups, *head.param_groups(lr=1.0, weight_decay=0)], lr=0.1)`.
        Centres, radius and a learned s are a second group, without decay.
        """
        rest = [p for p in self.parameters() if p is not self.weight]
        groups = [{"params": [self.weight], **settings}]
        if rest:
            groups.append({"params": rest, "weight_decay": 0.0})
        return groups

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
        sample = self._sample(features)
        with torch.autocast(features.device.type, enabled=False):
            plain, *_ = self._plain(sample)
            return self._scale()[..., None] * plain

    def margin_logits(
        self, features: Float[Tensor, "*k n d"], labels: Int[Tensor, "*k n"]
    ) -> Float[Tensor, "*k n c"]:
        """Logits with the margin on each sample's own class.

        `F.cross_entropy(head.margin_logits(x, y), y)` is `head(x, y)` but for
        what center, ring and iam add; class weights, smoothing and
        `ignore_index` come with it. A negative label has no margin. Makes an
        array (N, C), which `forward` does not.
        """
        places = labels.long().clamp(min=0)
        sample = self._sample(features)
        with torch.autocast(features.device.type, enabled=False):
            plain, *vectors = self._plain(sample)
            logits = self._scale()[..., None] * plain
            rows = self._rows(features, places)
            own = self._own(logits, *vectors, places, rows)
            target = self._target(sample, own).where(labels >= 0, own.logit)
            target = target.to(logits)[..., None]
            return logits.scatter(-1, places[..., None], target)

    def predict(
        self, features: Float[Tensor, "*k n d"]
    ) -> Int[Tensor, "*k n"]:
        """The class of the largest logit.

        s does not enter: with the s = 0 of AdaCos on two classes all logits
        are 0, and the cosines decide.
        """
        sample = self._sample(features)
        with torch.autocast(features.device.type, enabled=False):
            return self._plain(sample)[0].argmax(-1)

    def check(self, features: Tensor, labels: Tensor) -> None:
        """Raise a ValueError that says what is wrong with a batch."""
        classes, dim = self.num_classes, self.weight.shape[-1]
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
        if torch.isfinite(features.sum()):  # all are, unless it overflows
            return
        bad = ~torch.isfinite(features).all(-1)
        if bad.any():
            raise ValueError(
                f"the features of {bad.sum().item()} of {len(bad)} samples "
                f"are NaN or infinite, first at {bad.nonzero()[0].item()}"
            )

    @property
    def num_classes(self) -> int:
        """C."""
        return self.weight.shape[-2] // self.sub_centers

    @property
    def _formula(self):
        """The name of a loss whose rivals' logits are no products."""
        return self.spec.name * (self.spec.others is not formulas.cosine)

    def _scale(self):
        device = self.weight.device
        kind = {"dtype": widest(device), "device": device}
        if isinstance(self.s, torch.Tensor):
            return self.s.to(**kind)[..., None]
        return torch.full((1,), self.s, **kind)

    def _apply(self, function, recurse=True):
        """`to` and its like: AdaCos's s in what the new device has."""
        if self.spec.adaptive:
            device = function(torch.empty(0)).device
            self.s = self.s.to(widest(device))
        return super()._apply(function, recurse)

    def _sample(self, features):
        """Without directions where products of the features say all."""
        autocast = torch.is_autocast_enabled(features.device.type)
        bare = self.spec.target is self.spec.others is formulas.cosine
        if bare and "|x|" in self.factors and not self._has_odds():
            return Sample(features, autocast)
        return Sample(features, autocast, *unit(features))

    def _has_odds(self):
        return any(isinstance(p, InterClass) for p in self.regularisers)

    def _width(self, features):
        kind = torch.promote_types(features.dtype, self.weight.dtype)
        return torch.promote_types(kind, torch.float32)

    def _plain(self, sample, cosines=False):
        """Logits at s = 1 with no margin, and directions and norms of rows.

        As one array; unless `cosines`, with the norms that are factors.
        """
        factors = () if cosines else self.factors
        wide, w, lengths = self._width(sample.features), None, None
        if sample.unit is not None or "|W|" not in factors:
            w, lengths = unit(self.weight)
        if self._formula and not cosines:
            logits = self.spec.others(angles(sample.unit, w))
            if "|x|" in factors:
                logits = logits * sample.norm[..., None]
            if "|W|" in factors:
                logits = logits * lengths[..., None, :]
            return self._largest(logits), w, lengths
        rows = sample.features if "|x|" in factors else sample.unit
        columns = self.weight if "|W|" in factors else w
        if {"|x|", "|W|"} & {*factors}:
            wide = widest(rows.device)
        product = _Product.apply if sample.autocast else torch.matmul
        products = product(rows.to(wide), columns.to(wide).mT)
        return self._largest(products), w, lengths

    def _largest(self, logits):
        """Of each class's sub-centres the largest logit."""
        if self.sub_centers == 1:
            return logits
        return logits.unflatten(-1, (-1, self.sub_centers)).max(-1).values

    @torch.no_grad()
    def _rows(self, features, labels):
        """Each label's row of `weight`: of its sub-centres the largest."""
        if self.sub_centers == 1:
            return labels
        each = -1, self.sub_centers
        table = self.weight.unflatten(-2, each).flatten(-2)
        own = take(table, labels.clamp(min=0)).unflatten(-1, each[::-1])
        w, lengths = unit(own)
        x = unit(features)[0][..., None, :]
        if self._formula:
            logits = self.spec.others(angle(x, w))
        else:
            logits = (x * w).sum(-1)
        if "|W|" in self.factors:
            logits = logits * lengths
        rows = labels * self.sub_centers + logits.argmax(-1)
        return rows.where(labels >= 0, -1)

    def _few(self, sample, labels, cosines=False):
        """What `_plain` gives, or None of too many logits for one array."""
        if labels.numel() * self.weight.shape[-2] <= FEW:
            return self._plain(sample, cosines)
        return None

    def _own(self, logits, w, lengths, labels, rows):
        logit = logits.gather(-1, labels[..., None])[..., 0]
        if self.spec.target is self.spec.others:
            return Own(None, None, logit)
        return Own(take(w, rows), lengths.gather(-1, rows), logit)

    def _rivals(self, sample, labels, plain, cosines=False, **how):
        """Log-sums of the other classes, the own one, and what is kept.

        In blocks, unless their `plain` logits are there.
        """
        places = self._rows(sample.features, labels)
        if plain is not None:
            logits = self._scale()[..., None] * plain[0]
            own = self._own(logits, *plain[1:], labels, places)
            return log_sums(logits, labels), own, None
        factors = ("s",) if cosines else self.factors
        formula = "" if cosines else self._formula
        rows, scale = sample.unit, self._scale()
        if "|x|" in factors and formula:
            scale = scale * sample.norm
        elif "|x|" in factors:
            rows = sample.features.to(scale)
        scale = scale.expand(labels.shape)
        sums, vectors, kept = rivals(
            rows,
            self.weight,
            places,
            scale,
            loss=formula,
            lengths="|W|" in factors,
            centers=self.sub_centers,
            wide=self._width(sample.features),
            **how,
        )
        own = Own(*unit(vectors), None)
        if formula:
            return sums, own, kept
        w = vectors if "|W|" in factors else own.unit
        return sums, own._replace(logit=scale * (rows * w).sum(-1)), kept

    def _target(self, sample, own):
        """Z_y, with the margin."""
        if self.spec.target is self.spec.others and own.logit is not None:
            return self.spec.lowered(own.logit, self.hyper)
        norms = {"|x|": sample.norm, "|W|": own.norm}
        factors = [norms[name] for name in self.factors if name in norms]
        theta = angle(sample.unit, own.unit)
        factors = [self._scale(), *factors]
        return self.spec.target_logit(theta, factors, self.hyper)

    def _log_odds(self, sample, labels, sums, own):
        """Log-odds against the own class, with no margin. [iam, Eq. 7]"""
        if self._formula or self.factors != ("s",) or own.logit is None:
            plain = self._few(sample, labels, cosines=True)
            sums, own, _ = self._rivals(sample, labels, plain, cosines=True)
        return sums - own.logit

    def _adapt(self, sample, labels, plain):
        """One step of the dynamic scale. [arcgrad, Eq. 10]

        Gives the products that the loss at the new scale needs again.
        """
        keep = torch.is_grad_enabled()
        with torch.no_grad():
            sums, own, kept = self._rivals(sample, labels, plain, keep=keep)
            mean = sums.logsumexp(-1) - math.log(sums.shape[-1])
            cosines = (own.logit / self._scale()).nan_to_num()  # at s = 0
            middle = cosines.clamp(-1, 1).acos().median(-1).values
            self.s = mean / middle.clamp(max=math.pi / 4).cos()
        return kept


class _Product(torch.autograd.Function):
    """Of matrices, whose backward pass is in their type under autocast too."""

    @staticmethod
    def forward(ctx, one, other):
        ctx.save_for_backward(one, other)
        return one @ other

    @staticmethod
    def backward(ctx, grad):
        one, other = ctx.saved_tensors
        with torch.autocast(grad.device.type, enabled=False):
            by_one = (grad @ other.mT).sum_to_size(one.shape)
            return by_one, (one.mT @ grad).sum_to_size(other.shape)
