"""Softmax losses with angular margins, behind one function.

Examples:
    >>> import torch
    >>> head = create("arcface", embedding_dim=8, num_classes=3, s=20, m=0.1)
    >>> features, labels = torch.randn(5, 8), torch.tensor([0, 1, 2, 0, 1])
    >>> head(features, labels).shape
    torch.Size([])
    >>> head.logits(features).shape
    torch.Size([5, 3])
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral

from torch import nn

from arcbook.losses.export import predictor
from arcbook.losses.heads import Head
from arcbook.losses.peers import load_class_vectors
from arcbook.losses.registry import (
    Hyperparameter,
    Loss,
    available,
    get,
    register,
    unregister,
    with_scale,
)
from arcbook.losses.regularisers import Center, InterClass, Ring
from arcbook.losses.schedules import Schedule
from arcbook.losses.split import split

__all__ = [
    "Head",
    "Hyperparameter",
    "Loss",
    "Schedule",
    "available",
    "create",
    "describe",
    "get",
    "load_class_vectors",
    "predictor",
    "register",
    "split",
    "unregister",
    "with_scale",
]


def create(
    name: str,
    *,
    embedding_dim: int,
    num_classes: int,
    sub_centers: int = 1,
    reduction: str = "mean",
    **hyperparameters,
) -> Head:
    """Make the head of a loss.

    Args:
        name: one of `available()`, or an alias.
        embedding_dim: d, the size of a feature.
        num_classes: C, at least 2.
        sub_centers: class vectors of a class, of which the one of the largest
            logit counts (Deng et al. 2020, "Sub-center ArcFace"): a class
            with noisy labels or several modes keeps a vector for each.
        reduction: of the losses of a batch, "mean", "sum" or "none".
        **hyperparameters: as `describe(name)` lists them; the rest is at
            its default. For ``"iam"``, ``base`` names another loss with an
            s (default ``"normface"``) and its hyperparameters may be given.
            An ``s`` that is an `nn.Parameter` is learned.

    Gives a module; call it with features (N, d) and labels (N,). Raises
    ValueError: for an unknown loss, hyperparameter or reduction, a value
    outside its range, fewer than 2 classes, no dimension, or a learnable s
    under iam, whose penalty falls without bound as s grows.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction = {reduction!r} is not allowed; it is 'mean', 'sum' "
            "or 'none'"
        )
    size = embedding_dim, num_classes, sub_centers
    head = _create(name, size, hyperparameters)
    head.reduction = reduction
    return head


def _create(name, size, hyperparameters):
    spec = get(name)
    embedding_dim, num_classes, sub_centers = size
    _check_size(spec.name, "embedding_dim", embedding_dim, 1)
    _check_size(spec.name, "num_classes", num_classes, 2)
    _check_size(spec.name, "sub_centers", sub_centers, 1)
    if spec.penalty == "iam":
        return _create_iam(spec, size, hyperparameters)
    hyper = spec.check(hyperparameters)
    head = Head(spec, embedding_dim, num_classes, hyper, sub_centers)
    if spec.penalty == "center":
        head.regularisers.append(
            Center(num_classes, embedding_dim, head.hyper["lam"])
        )
    if spec.penalty == "ring":
        head.regularisers.append(Ring(head.hyper["lam"]))
    if spec.adaptive and num_classes == 2:
        warnings.warn(
            "AdaCos with two classes has s = √2 log(C − 1) = 0 and keeps it: "
            "the loss is log 2 whatever the features, and nothing is learned",
            stacklevel=2,
        )
    return head


def _create_iam(spec: Loss, size: tuple[int, ...], hyper: dict) -> Head:
    own = {h.name for h in spec.hyperparameters}
    base = get(hyper.get("base", "normface"))
    if base.name not in with_scale():
        raise ValueError(
            f"iam needs a base with a scale s, and {base.name} has none; "
            f"such are {', '.join(with_scale())}"
        )
    given = {k: v for k, v in hyper.items() if k not in own | {"base"}}
    values = spec.check({k: v for k, v in hyper.items() if k in own})
    if isinstance(given.get("s"), nn.Parameter):
        raise ValueError(
            "iam: s is learnable, and the penalty falls without bound as s "
            "grows; give a fixed, finite s > 0"
        )
    if own & base.defaults.keys():
        raise ValueError(
            f"iam and {base.name} both have {', '.join(own)}: rename the one "
            f"of {base.name}"
        )
    head = _create(base.name, size, given)
    both = base.hyperparameters + spec.hyperparameters
    head.spec = replace(base, hyperparameters=both)
    head.hyper = head.hyper | values
    head.regularisers.append(InterClass(size[1], values["beta"]))
    return head


def _check_size(loss, name, value, least):
    if not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{loss}: {name} = {value!r} is not allowed; it is an integer "
            f"of at least {least}"
        )


def describe(name: str) -> str:
    """What a loss is: its logits, hyperparameters and sources, as text.

    Args:
        name: one of `available()`, or an alias.

    Raises ValueError: for an unknown loss.
    """
    spec = get(name)
    lines = [f"{spec.title} ({spec.name}): {spec.about}"]
    if spec.aliases:
        lines.append(f"  also called {', '.join(spec.aliases)}")
    lines.append(f"  target logit: {formula(spec)}")
    for h in spec.hyperparameters:
        lines.append(
            f"  {h.name}: {h.meaning}, {h.allowed}, default {h.default!r}"
        )
    if spec.penalty == "iam":
        lines.append(
            f"  base: another loss and its hyperparameters, one of "
            f"{', '.join(with_scale())}, default 'normface'"
        )
    lines.append(f"  sources: {'; '.join(spec.sources)}")
    return "\n".join(lines)


def formula(spec: Loss) -> str:
    """The target logit in one line of plain text."""
    scale = "·".join(spec.factors(spec.defaults)).replace("alpha", "α")
    doc = (spec.target.__doc__ or spec.target.__name__).strip()
    margin = doc.splitlines()[0].split(": ", 1)[-1].split(".")[0]
    lowered = f" − {spec.lowered_by}" if spec.lowered_by else ""
    return f"{scale} ({margin}){lowered}"
