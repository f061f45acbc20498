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

from arcbook.losses.heads import Head, Own

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
            those of the batch, and of the others so many as are drawn.
            Below 1 the loss is smaller than that of all classes, by up to
            −log(sample), and its gradient knows only the classes drawn.

    The loss is that of all processes' samples together. Its gradient for a
    feature is as many times that as there are processes: what
    `DistributedDataParallel` divides by. In `state_dict` the class vectors
    are a DTensor, which `torch.distributed.checkpoint` loads into any number
    of processes. Raises ValueError: for a mesh of several dimensions, fewer
    classes than processes, a share outside (0, 1], or reduction "none".
    """
    if mesh.ndim != 1:
        raise ValueError(f"the mesh has {mesh.ndim} dimensions, not one")
    if len(head.weight) < mesh.size():
        raise ValueError(
            f"{len(head.weight)} classes can't be split over {mesh.size()} "
            "processes: each needs a class"
        )
    if not 0 < sample <= 1:
        raise ValueError(f"sample = {sample}: it is a share in (0, 1]")
    if head.reduction == "none":
        raise ValueError("reduction 'none' is not of a loss of all processes")
    weight = nn.Parameter(_part(head.weight, mesh))
    own = head._parameters | {"weight": weight}
    kept = {"_parameters": own, "_buffers": dict(head._buffers)}
    return _as(SplitHead, head, **kept, sample=sample, mesh=mesh)


def _as(kind, head, **attributes):
    """The same head, with its penalties and buffers, of another kind."""
    other = kind.__new__(kind)
    other.__dict__ |= head.__dict__ | attributes
    return other


def _part(weight, mesh):
    if not weight.is_meta:
        return distribute_tensor(weight.detach(), mesh, [Shard(0)])
    classes, dim = weight.shape
    mine = len(torch.arange(classes).chunk(mesh.size())[mesh.get_local_rank()])
    bound = 1 / math.sqrt(dim)
    local = torch.empty(mine, dim, device=mesh.device_type)
    local.uniform_(-bound, bound)
    kind = {"shape": weight.shape, "stride": weight.stride()}
    return DTensor.from_local(local, mesh, [Shard(0)], **kind)


class SplitHead(Head):
    """What `split` gives; called as any head, by all processes at once."""

    def losses(
        self, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"]
    ) -> Float[Tensor, " m"]:
        """Loss of each sample of all processes, in their order."""
        group = self.mesh.get_group()
        _check_sizes(features, group)
        everyone = _Gather.apply(features, group)
        labels = _gathered(labels.long(), group)
        weight = self.weight.to_local()
        first = _first(self.weight)
        mine = labels - first
        here = (mine >= 0) & (mine < len(weight))
        mine = mine.where(here, -1)
        if self.training and self.sample < 1:
            weight, mine = self._drawn(weight, mine)
        loss, odds = self._part(weight, here=here)._losses(everyone, mine)
        shared = everyone.view_as(everyone)
        if shared.requires_grad:  # each process computes every penalty
            shared.register_hook(lambda grad: grad / self.mesh.size())
        for penalty in self.regularisers:
            loss = loss + penalty(shared, labels, odds)
        return loss

    def _part(self, weight, **attributes):
        rest = {k: p for k, p in self._parameters.items() if k != "weight"}
        group = self.mesh.get_group()
        kept = {"weight": weight, "group": group, "_parameters": rest}
        return _as(_Part, self, **kept, **attributes)

    def _drawn(self, weight, labels):
        """Class vectors of the batch's classes and of others, by lot."""
        own = labels[labels >= 0].unique()
        lots = torch.rand(len(weight), device=weight.device)
        lots[own] = -1
        number = max(len(own), math.ceil(self.sample * len(weight)))
        chosen = lots.topk(number, largest=False).indices.sort().values
        places = torch.searchsorted(chosen, labels.clamp(min=0))
        return weight.index_select(0, chosen), places.where(labels >= 0, -1)

    @torch.no_grad()
    def logits(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n c"]:
        """Logits with no margin of this process's features; no gradient."""
        group = self.mesh.get_group()
        everyone = _gathered(features, group)
        columns = self._part(self.weight.to_local()).logits(everyone)
        parts = [None] * dist.get_world_size(group)
        dist.all_gather_object(parts, columns, group)
        start = dist.get_rank(group) * len(features)
        return torch.cat(parts, -1)[start : start + len(features)]

    def predict(self, features: Float[Tensor, "n d"]) -> Int[Tensor, " n"]:
        """The class of the largest logit."""
        return self.logits(features).argmax(-1)


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


class _Gather(torch.autograd.Function):
    """All processes' features; each gets back what all of them say."""

    @staticmethod
    def forward(ctx, features, group):
        ctx.group, ctx.number = group, len(features)
        return _gathered(features, group)

    @staticmethod
    def backward(ctx, grad):
        grad = grad.contiguous()
        dist.all_reduce(grad, group=ctx.group)
        start = dist.get_rank(ctx.group) * ctx.number
        mine = grad[start : start + ctx.number]
        return mine * dist.get_world_size(ctx.group), None


def _gathered(values, group):
    parts = [torch.empty_like(values) for _ in range(group.size())]
    dist.all_gather(parts, values.contiguous(), group)
    return torch.cat(parts)


def _check_sizes(features, group):
    sizes = _gathered(torch.tensor([len(features)]), group).tolist()
    if len(set(sizes)) > 1:
        raise ValueError(
            f"the processes have batches of {sizes} samples; they need as "
            "many each (a DataLoader's drop_last=True)"
        )


def _first(weight):
    chunk = math.ceil(len(weight) / weight.device_mesh.size())
    return weight.device_mesh.get_local_rank() * chunk
