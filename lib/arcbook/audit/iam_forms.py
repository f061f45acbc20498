"""The IAM paper's equations as printed, and the truth about them."""

from __future__ import annotations

import numpy as np
import torch

from arcbook.audit import situations as at

PIECES = 4


def with_beta(generator):
    """A batch and a β."""
    return at.batch(generator) | {"beta": generator.uniform(0.1, 2)}


def one_sample(generator):
    """A batch of one, and a β."""
    whole = with_beta(generator)
    return whole | {"x": whole["x"][:1], "y": whole["y"][:1]}


def sphere_batch(**limits):
    """A batch and ψ's m."""

    def draw(generator):
        found = at.batch(generator, **limits)
        del found["s"]
        return found

    return draw


def multiplied(x, w, y):
    """Eq. 4 as printed: the cosine of the multiplied angle."""
    angles, norms = at.theta(x, w), np.linalg.norm(x, axis=1)
    target = norms * np.cos(PIECES * at.own(angles, y))
    rivals = norms[:, None] * np.cos(at.others(angles, y))
    return at.log_loss(target, rivals)


def within_first_piece(generator):
    """Features within π/m of their class vectors."""
    w = generator.normal(size=(4, at.D))
    y = np.arange(at.N) % 4
    near = at.normal(w[y]) + 0.12 * generator.normal(size=(at.N, at.D))
    return {"x": 2 * near, "w": w, "y": y}


def shares(x, w, y, s):
    """p_ij1 and p_ij2 as printed, (N, C) each."""
    e = np.exp(s * at.normal(x) @ at.normal(w).T)
    rivals = at.others(e, y).sum(1, keepdims=True)
    return e / e.sum(1, keepdims=True), e / rivals


def penalty(x, w, y, s, beta=1.0):
    """Eq. 7 as printed."""
    z = np.exp(s * np.cos(at.theta(x, w)))
    rivals = at.others(z, y)
    return np.log(rivals.mean(1) / z.sum(1)).mean()


def penalty_truth(x, w, y, s, beta=1.0):
    """What the shipped penalty adds, at β = 1."""
    whole = at.shipped("iam", x, w, y, s=s, beta=1.0)
    return whole - at.shipped("normface", x, w, y, s=s)


def total(x, w, y, s, beta):
    """Eq. 12, second line, as printed."""
    p = at.own(shares(x, w, y, s)[0], y)
    C = len(w)
    return -np.log(p).mean() + beta * np.log((1 - p) / (C - 1)).mean()


def gradients(x, w, y, s, beta, base):
    """Autograd in unit features and unit class vectors, base + β·penalty."""
    x = torch.tensor(at.normal(x), requires_grad=True)
    w = torch.tensor(at.normal(w), requires_grad=True)
    labels = torch.tensor(y)[:, None]
    logp = torch.log_softmax(s * x @ w.T, 1).gather(1, labels)[:, 0]
    loss = beta * torch.log1p(-logp.exp()) - base * logp
    slopes = torch.autograd.grad(loss.mean(), (x, w))
    return [slope.numpy() for slope in slopes]


def penalty_slopes(x, w, y, s, beta=1.0):
    """Truth of Eq. 9, 10 and 11."""
    return gradients(x, w, y, s, 1.0, 0)


def eq_9(x, w, y, s, whole_sum):
    """∂L_IAM/∂x̃_i, a row a sample; summed over i as printed, or own."""
    x, w = at.normal(x), at.normal(w)
    e = np.exp(s * x @ w.T)
    terms = []
    for i, label in enumerate(y):
        p = e[i, label] / e[i].sum()
        rivals = [j for j in range(len(w)) if j != label]
        pull = sum(
            s * (w[label] - w[j]) * e[i, label] * e[i, j] for j in rivals
        )
        terms.append(-pull / (1 - p) / e[i].sum() ** 2 / len(x))
    terms = np.array(terms)
    return np.broadcast_to(terms.sum(0), terms.shape) if whole_sum else terms


def of_own(x, y, weight, kept):
    """For the class of each sample the sum of x̃ times a weight, over N."""
    x = at.normal(x)
    return np.array(
        [(kept(y == k)[:, None] * weight[:, None] * x).sum(0) for k in y]
    ) / len(x)


def everything(mask):
    """The sum as printed, over all of the batch."""
    return np.ones_like(mask, dtype=float)


def own_weight(x, w, y, s, beta, base):
    """−s p or −s (1 − p + βp), as the paper's derivative has it."""
    p = at.own(shares(x, w, y, s)[0], y)
    return -s * p if base == 0 else -s * (1 - p + beta * p)


def rival_weights(x, w, y, s, beta, base):
    """s (p_ij2 − p_ij1) or s (p_ij1 + β p_ij2 − β p_ij1), (N, C)."""
    first, second = shares(x, w, y, s)
    if base == 0:
        return s * (second - first)
    return s * (first + beta * second - beta * first)


def target_sum(base):
    """Eq. 10 (base 0) and 13 (base 1) as printed: for every y_i."""

    def printed(x, w, y, s, beta):
        weight = own_weight(x, w, y, s, beta, base)
        return of_own(x, y, weight, everything)

    return printed


def target_truth(base):
    """The gradient of the class vector of each sample."""

    def truth(x, w, y, s, beta):
        beta = beta if base else 1.0
        return gradients(x, w, y, s, beta, base)[1][y]

    return truth


def rival_sum(base):
    """Eq. 11 (base 0) and 14 (base 1) as printed, for every class."""

    def printed(x, w, y, s, beta):
        weights = rival_weights(x, w, y, s, beta, base)
        return rivals_of(y, weights.T @ at.normal(x) / len(x))

    return printed


def rival_truth(base):
    """The gradient of every class vector but the first sample's own."""

    def truth(x, w, y, s, beta):
        beta = beta if base else 1.0
        return rivals_of(y, gradients(x, w, y, s, beta, base)[1])

    return truth


def rivals_of(y, by_class):
    """Classes that are not the first sample's own."""
    return np.delete(by_class, y[0], axis=0)


def steps(x, w, y, s, beta):
    """Gradient step of the batch loss in features and class vectors."""
    of_x, of_w = gradients(x, w, y, s, beta, 1.0)
    return np.concatenate([of_x.ravel(), of_w.ravel()])


def printed_steps(x, w, y, s, beta):
    """Algorithm 1: the mean in line 6 is of derivatives that hold 1/N.

    In lines 7 and 8 it is of N equal brackets.
    """
    of_x, of_w = gradients(x, w, y, s, beta, 1.0)
    return np.concatenate([of_x.ravel() / len(x), of_w.ravel()])


def share_batch(x, w, y, s):
    """PyTorch's softmax of all classes, and of the rivals alone."""
    z = torch.tensor(s * at.normal(x) @ at.normal(w).T)
    first = torch.softmax(z, 1).numpy()
    own = torch.nn.functional.one_hot(torch.tensor(y), len(w)).bool()
    second = torch.softmax(z.masked_fill(own, -torch.inf), 1).numpy()
    return first, at.others(second, y)


def printed_shares(x, w, y, s):
    """p_ij1, and p_ij2 for j ≠ y_i."""
    first, second = shares(x, w, y, s)
    return first, at.others(second, y)
