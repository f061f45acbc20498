"""A head whose classes are split over processes, as Partial FC splits them.

Every process holds a part of the class vectors and sees the features of all
processes (An et al. 2022, arXiv 2203.15565): it takes its own rivals into a
log-sum-exp, and numbers, one a sample, are all that processes exchange
besides features and their gradients.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.func import functional_call
from torch.nn.functional import pad

from arcbook.losses.heads import Head, Own
from arcbook.losses.regularisers import Center, Ring

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor
    from torch.distributed.device_mesh import DeviceMesh


def split(head: Head, mesh: DeviceMesh, sample: float = 1.0) -> SplitHead:
    """Split a head's classes over the processes of a mesh.

    Args:
        head: the same in every process; made on the device "meta" its class
            vectors are first drawn here, each process its own part.
        mesh: of one dimension, such as `init_device_mesh("cpu", (2,))`.
        sample: the share of classes that takes part in a step of training:
            those of the batch, and of the others so many as are drawn, anew
            in each step. As in Partial FC nothing makes up for the others:
            the loss is smaller than that of all classes, by about
            −log(sample) where many rivals weigh alike and samples are not
            yet told apart, by less later, and by more in a step that lacks
            the one rival which matters.

    The loss is that of all processes' samples together. Its gradient for a
    feature is as many times that as there are processes: what
    `DistributedDataParallel` divides by. The head itself isn't wrapped:
    gradients of its own parameters are whole. Class vectors, and centres of
    the center loss, are DTensors, which `torch.distributed.checkpoint` loads
    into any number of processes. Raises ValueError: for a mesh of several
    dimensions, a process that would have no class, a share outside (0, 1],
    or reduction "none"; the head, for batches of different sizes.
    """
    if mesh.ndim != 1:
        raise ValueError(f"the mesh has {mesh.ndim} dimensions, not one")
    classes, number = head.num_classes, mesh.size()
    if _each(classes, number) * (number - 1) >= classes:
        raise ValueError(
            f"{classes} classes can't be split over {number} processes: in "
            f"parts of {_each(classes, number)} the last would have none"
        )
    each = _each(classes, number) * head.sub_centers
    if _each(len(head.weight), number) != each:
        raise ValueError(
            f"{classes} classes of {head.sub_centers} sub-centres can't be "
            f"split over {number} processes: give a multiple of {number}"
        )
    if not 0 < sample <= 1:
        raise ValueError(f"sample = {sample}: it is a share in (0, 1]")
    if head.reduction == "none":
        raise ValueError("reduction 'none' is not of a loss of all processes")
    penalties = (_penalty(each, mesh) for each in head.regularisers)
    buffers = dict(head._buffers)
    if head.weight.is_meta:  # one number, AdaCos's first s
        buffers = Head(head.spec, 1, classes, head.hyper)._buffers
    kept = {
        "_parameters": head._parameters
        | {"weight": _part(head.weight, mesh, _drawn_anew)},
        "_buffers": {k: b.to(mesh.device_type) for k, b in buffers.items()},
        "_modules": {"regularisers": nn.ModuleList(penalties)},
    }
    return _as(SplitHead, head, **kept, sample=sample, mesh=mesh)


def _as(kind, head, **attributes):
    """The same head, with its penalties and buffers, of another kind."""
    other = kind.__new__(kind)
    other.__dict__ |= head.__dict__ | attributes
    return other


def _each(classes, number):
    """Classes of a process, but for the last one's; as `Shard(0)` cuts."""
    return math.ceil(classes / number)


def _mine(classes, mesh):
    """The classes of this process."""
    each = _each(classes, mesh.size())
    first = each * mesh.get_local_rank()
    return range(classes)[first : first + each]


def _part(whole, mesh, fill):
    """A parameter with a row a class, split; one on "meta" is filled."""
    part = whole.detach()
    if whole.is_meta:
        mine = len(_mine(len(whole), mesh)), *whole.shape[1:]
        local = torch.empty(mine, dtype=whole.dtype, device=mesh.device_type)
        kind = {"shape": whole.shape, "stride": whole.stride()}
        fill(local, mesh)
        part = DTensor.from_local(local, mesh, [Shard(0)], **kind)
    else:
        part = distribute_tensor(part, mesh, [Shard(0)])
    return nn.Parameter(part, whole.requires_grad)


def _drawn_anew(weight, mesh):
    """As `Head` does, other numbers in each process whatever its seed."""
    draw = torch.Generator(weight.device)
    seed = torch.randint(1 << 62, (), device="cpu").item()
    draw.manual_seed(seed + mesh.get_local_rank())
    bound = 1 / math.sqrt(weight.shape[1])
    weight.uniform_(-bound, bound, generator=draw)


def _penalty(penalty, mesh):
    if isinstance(penalty, Center):
        with torch.device("meta"):
            other = Center(*penalty.centers.shape, penalty.lam)
        other.centers = _part(penalty.centers, mesh, lambda c, _: c.zero_())
        return other
    if isinstance(penalty, Ring) and penalty.radius.is_meta:
        return Ring(penalty.lam).to(mesh.device_type)
    return penalty


class SplitHead(Head):
    """What `split` gives; called as any head, by all processes at once."""

    def losses(
        self, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"]
    ) -> Float[Tensor, " m"]:
        """Loss of each sample of all processes, in their order."""
        group = self.mesh.get_group()
        everyone = _everyone(features, group)
        labels = torch.cat(_gathered(labels.long(), group))
        weight, classes = self.weight.to_local(), self.mine
        here = (labels >= classes.start) & (labels < classes.stop)
        places = (labels - classes.start).where(here, -1)
        rows, chosen = weight, places
        if self.training and self.sample < 1:
            rows, chosen = self._drawn(weight, places)
        loss, odds = self._part(rows, here=here)._losses(everyone, chosen)
        shared = everyone.view_as(everyone)
        if shared.requires_grad:  # each process computes these penalties
            shared.register_hook(lambda grad: grad / self.mesh.size())
        for penalty in self.regularisers:
            if isinstance(penalty, Center):  # and the one with the class this
                held = {"centers": penalty.centers.to_local()}
                given = everyone, places.clamp(min=0), odds
                value = functional_call(penalty, held, given)
                loss = loss + _Sum.apply(value.where(here, 0), group)
            else:
                loss = loss + penalty(shared, labels, odds)
        return loss

    @property
    def mine(self) -> range:
        """The classes of this process."""
        return _mine(self.num_classes, self.mesh)

    def check(self, features: Tensor, labels: Tensor) -> None:
        """The same, and that all processes have as many samples."""
        sizes = _sizes(features, self.mesh.get_group())
        if len({*sizes}) > 1:
            raise ValueError(
                f"the processes have batches of {sizes} samples; they need as "
                "many each (a DataLoader's drop_last=True)"
            )
        super().check(features, labels)

    def _part(self, weight, **attributes):
        group = self.mesh.get_group()
        rest = {k: p for k, p in self._parameters.items() if k != "weight"}
        rest = {k: _Same.apply(p, group) for k, p in rest.items()}
        kept = {"weight": weight, "group": group, "_parameters": {}}
        return _as(_Part, self, **kept, **rest, **attributes)

    def _drawn(self, weight, places):
        """Class vectors of the batch's classes and of others, by lot."""
        own = places[places >= 0].unique()
        weight = weight.unflatten(0, (-1, self.sub_centers))
        lots = torch.rand(len(weight), device=weight.device)
        lots[own] = -1
        number = max(len(own), math.ceil(self.sample * len(weight)))
        chosen = lots.topk(number, largest=False).indices.sort().values
        new = torch.searchsorted(chosen, places.clamp(min=0))
        vectors = weight.index_select(0, chosen).flatten(0, 1)
        return vectors, new.where(places >= 0, -1)

    @torch.no_grad()
    def logits(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n c"]:
        """Logits with no margin of this process's features; no gradient.

        Processes may have different numbers of features.
        """
        group, classes = self.mesh.get_group(), self.num_classes
        columns = self._part(self.weight.to_local()).logits(
            _padded(features, group)
        )
        missing = _each(classes, group.size()) - columns.shape[1]
        columns = pad(columns, (0, missing)).chunk(group.size())
        parts = [torch.empty_like(columns[0]) for _ in columns]
        for rank, of_rank in enumerate(columns):
            mine = parts if rank == group.rank() else None
            dist.gather(of_rank, mine, group=group, group_dst=rank)
        return torch.cat(parts, -1)[: len(features), :classes]

    @torch.no_grad()
    def predict(self, features: Float[Tensor, "n d"]) -> Int[Tensor, " n"]:
        """The class of the largest logit, of this process's features.

        Processes may have different numbers of features.
        """
        group = self.mesh.get_group()
        part = self._part(self.weight.to_local())
        everyone = _padded(features, group)
        with torch.autocast(features.device.type, enabled=False):
            best, places = part._plain(part._sample(everyone))[0].max(-1)
        best = torch.stack(_gathered(best, group))
        classes = torch.stack(_gathered(places + self.mine.start, group))
        found = classes.gather(0, best.argmax(0, keepdim=True))[0]
        return found.chunk(group.size())[group.rank()][: len(features)]

    def margin_logits(self, features, labels):
        """A split head has none: raises ValueError."""
        raise ValueError(
            "the classes are split over processes, and no array has all of "
            "them; call the head, or make margin_logits before `split`"
        )


class _Part(Head):
    """The classes of one process, in a loss of all."""

    def _few(self, sample, labels, cosines=False):
        return None

    def _rivals(self, sample, labels, plain, cosines=False, **how):
        given = sample, labels, plain, cosines
        sums, own, kept = super()._rivals(*given, **how)
        if own.logit is not None:
            own = own._replace(logit=self._from_owner(own.logit))
        most = sums.detach().clone()
        dist.all_reduce(most, dist.ReduceOp.MAX, self.group)
        total = _Sum.apply((sums - most).exp(), self.group)
        return most + total.log(), own, kept

    def _target(self, sample, own: Own):
        if self.spec.target is self.spec.others and own.logit is not None:
            return super()._target(sample, own)
        return self._from_owner(super()._target(sample, own))

    def _from_owner(self, values):
        return _Sum.apply(values.where(self.here, 0), self.group)


class _Sum(torch.autograd.Function):
    """The sum over processes, of a loss that all of them compute."""

    @staticmethod
    def forward(ctx, values, group):
        total = values.clone()
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx, grad):
        return grad, None


class _Same(torch.autograd.Function):
    """What is the same in all processes; its gradient is what all say."""

    @staticmethod
    def forward(ctx, values, group):
        ctx.group = group
        return values.view_as(values)

    @staticmethod
    def backward(ctx, grad):
        total = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=ctx.group)
        return total, None


def _everyone(features, group):
    """All processes' features, in float32 or wider, as gradients are too."""
    mine = features.view_as(features)
    if mine.requires_grad:
        mine.register_hook(lambda grad: grad * group.size())
    parts = _gathered(features.detach(), group)
    parts[group.rank()] = mine
    wide = torch.promote_types(features.dtype, torch.float32)
    return _Same.apply(torch.cat(parts).to(wide), group)


def _padded(features, group):
    """All processes' features, zeros below those of the smaller batches."""
    missing = max(_sizes(features, group)) - len(features)
    return torch.cat(_gathered(pad(features, (0, 0, 0, missing)), group))


def _gathered(values, group):
    parts = [torch.empty_like(values) for _ in range(group.size())]
    dist.all_gather(parts, values.contiguous(), group)
    return parts


def _sizes(features, group):
    size = torch.tensor([len(features)], device=features.device)
    return torch.cat(_gathered(size, group)).tolist()
