"""Random situations, and the truth about them: what the shipped code gives."""

from __future__ import annotations

import numpy as np
import torch

from arcbook import losses

N, D = 6, 5


def batch(generator, classes=4, least=0.0, most=np.pi):
    """Features, class vectors, labels and an s, angles in a range.

    Gives x (N, D), w (C, D), y (N,), every class once at least, s
    in 0.5..6.
    """
    while True:
        x = generator.normal(size=(N, D))
        w = generator.normal(size=(classes, D))
        y = np.arange(N) % classes
        angles = own(theta(x, w), y)
        if least <= angles.min() and angles.max() <= most:
            s = generator.uniform(0.5, 6)
            return {"x": x, "w": w, "y": y, "s": s}


def batch_with(**ranges):
    """Draw batches with further numbers, each uniform in its range."""

    def draw(generator):
        found = batch(generator)
        return found | {k: generator.uniform(*v) for k, v in ranges.items()}

    return draw


def theta(x, w):
    """Angles (N, C) in radians."""
    return np.arccos(np.clip(normal(x) @ normal(w).T, -1, 1))


def normal(v):
    """Unit rows."""
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def own(matrix, y):
    """The entry of each row at its label."""
    return matrix[np.arange(len(y)), y]


def others(matrix, y):
    """The entries of each row without the label's, (N, C − 1)."""
    keep = np.arange(matrix.shape[1]) != y[:, None]
    return matrix[keep].reshape(len(y), -1)


def log_loss(target, rivals):
    """−log(e^target / (e^target + Σ e^rivals)), the mean over a batch."""
    return np.mean(np.log1p(np.exp(rivals - target[:, None]).sum(1)))


def softmax_loss(logits, y):
    """`log_loss` of logits (N, C)."""
    return log_loss(own(logits, y), others(logits, y))


def shipped(name, x, w, y, **hyper):
    """The loss that trains, of a batch."""
    return shipped_loss(name, x, w, y, **hyper).item()


def shipped_loss(name, x, w, y, *, centers=None, **hyper):
    """The same as a tensor."""
    w = torch.as_tensor(w)
    head = losses.create(
        name, embedding_dim=w.shape[1], num_classes=len(w), **hyper
    ).on(w)
    if centers is not None:
        head.regularisers[0].centers.data = torch.tensor(centers)
    return head.eval()(torch.as_tensor(x), torch.as_tensor(y))


def by_angles(name, angles, **hyper):
    """Autograd of the shipped loss of one sample in its angles, own first."""
    head = losses.create(
        name, embedding_dim=2, num_classes=len(angles), **hyper
    )
    angles = torch.tensor(np.atleast_2d(angles), requires_grad=True)
    loss = head.losses_at(angles, torch.zeros(1, dtype=torch.long)).sum()
    return torch.autograd.grad(loss, angles)[0][0].numpy()


def derivative(function, at):
    """A derivative by autograd of a torch function of one number."""
    at = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(function(at), at)[0].item()


def target_logit(name, theta, **hyper) -> np.ndarray:
    """The shipped target's logit at angles, for a feature of norm 1."""
    hyper.pop("s", None)
    return losses.get(name).target(torch.tensor(theta), **hyper).numpy()
