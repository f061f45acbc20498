"""The displayed equations of the IAM paper, 1 to 14, and its Algorithm 1."""

from __future__ import annotations

import numpy as np
import torch

from arcbook.audit import situations as at
from arcbook.audit.equations import WRONG, Check
from arcbook.audit.shared_equations import common, shipped, softmax

PIECES = 4
with_beta = at.batch_with(beta=(0.1, 2))


def one_sample(generator):
    """A batch of one, and a β."""
    whole = with_beta(generator)
    return whole | {"x": whole["x"][:1], "y": whole["y"][:1]}


def below_three(generator):
    """A batch without a scale, whose own angles are not near π."""
    found = at.batch(generator, most=3.0)
    del found["s"]
    return found


def within_first_piece(generator):
    """Features within π/m of their class vectors."""
    w = generator.normal(size=(4, at.D))
    y = np.arange(at.N) % 4
    near = at.normal(w[y]) + 0.12 * generator.normal(size=(at.N, at.D))
    return {"x": 2 * near, "w": w, "y": y}


def multiplied(x, w, y):
    """Eq. 4 as printed: the cosine of the multiplied angle."""
    angles, norms = at.theta(x, w), np.linalg.norm(x, axis=1)
    target = norms * np.cos(PIECES * at.own(angles, y))
    rivals = norms[:, None] * np.cos(at.others(angles, y))
    return at.log_loss(target, rivals)


def shares(x, w, y, s):
    """p_ij1 and p_ij2 as printed, (N, C) each."""
    e = np.exp(s * at.normal(x) @ at.normal(w).T)
    rivals = at.others(e, y).sum(1, keepdims=True)
    return e / e.sum(1, keepdims=True), e / rivals


def shares_of_torch(x, w, y, s):
    """PyTorch's softmax of all classes, and of the rivals alone."""
    z = torch.tensor(s * at.normal(x) @ at.normal(w).T)
    own = torch.nn.functional.one_hot(torch.tensor(y), len(w)).bool()
    rivals = z.masked_fill(own, -torch.inf)
    return [torch.softmax(logits, 1).numpy() for logits in (z, rivals)]


def side_by_side(first, second, y):
    """p_ij1, and p_ij2 for j ≠ y_i."""
    return np.hstack([first, at.others(second, y)])


def penalty(x, w, y, s):
    """Eq. 7 as printed."""
    z = np.exp(s * np.cos(at.theta(x, w)))
    return np.log(at.others(z, y).mean(1) / z.sum(1)).mean()


def penalty_truth(x, w, y, s):
    """What the shipped penalty adds, at β = 1."""
    whole = at.shipped("iam", x, w, y, s=s, beta=1.0)
    return whole - at.shipped("normface", x, w, y, s=s)


def total(x, w, y, s, beta):
    """Eq. 12, second line, as printed."""
    p = at.own(shares(x, w, y, s)[0], y)
    return (-np.log(p) + beta * np.log((1 - p) / (len(w) - 1))).mean()


def gradients(x, w, y, s, beta=1.0, base=0):
    """Autograd in unit features and unit class vectors, base + β·penalty."""
    x = torch.tensor(at.normal(x), requires_grad=True)
    w = torch.tensor(at.normal(w), requires_grad=True)
    labels = torch.tensor(y)[:, None]
    logp = torch.log_softmax(s * x @ w.T, 1).gather(1, labels)[:, 0]
    loss = beta * torch.log1p(-logp.exp()) - base * logp
    slopes = torch.autograd.grad(loss.mean(), (x, w))
    return [slope.numpy() for slope in slopes]


def own_terms(x, w, y, s):
    """Each sample's own term of Eq. 9."""
    x, w = at.normal(x), at.normal(w)
    e = np.exp(s * x @ w.T)
    terms = []
    for i, label in enumerate(y):
        p = e[i, label] / e[i].sum()
        pull = sum(
            s * (w[label] - w[j]) * e[i, label] * e[i, j]
            for j in range(len(w))
            if j != label
        )
        terms.append(-pull / (1 - p) / e[i].sum() ** 2 / len(x))
    return np.array(terms)


def summed_terms(**situation):
    """Eq. 9 as printed: every sample has the sum of all."""
    terms = own_terms(**situation)
    return np.broadcast_to(terms.sum(0), terms.shape)


def own_gradient(base):
    """Eq. 10 (base 0) and 13 (base 1): the gradient in w̃_{y_i}."""

    def truth(x, w, y, s, beta):
        return gradients(x, w, y, s, beta if base else 1.0, base)[1][y]

    def printed(x, w, y, s, beta):
        p = at.own(shares(x, w, y, s)[0], y)
        weight = -s * (1 - p + beta * p if base else p)
        whole = (weight[:, None] * at.normal(x)).sum(0) / len(x)
        return np.tile(whole, (len(y), 1))

    return Check(with_beta, truth, printed, assumed=one_sample)


def rival_gradient(base):
    """Eq. 11 (base 0) and 14 (base 1), of all but the first sample's class."""

    def truth(x, w, y, s, beta):
        found = gradients(x, w, y, s, beta if base else 1.0, base)[1]
        return np.delete(found, y[0], axis=0)

    def printed(x, w, y, s, beta):
        first, second = shares(x, w, y, s)
        weights = first + beta * (second - first) if base else second - first
        found = s * weights.T @ at.normal(x) / len(x)
        return np.delete(found, y[0], axis=0)

    return Check(with_beta, truth, printed, assumed=one_sample)


def steps(x, w, y, s, beta, divided=1):
    """Gradient step of the batch loss in features and class vectors."""
    of_x, of_w = gradients(x, w, y, s, beta, 1.0)
    return np.concatenate([of_x.ravel() / divided, of_w.ravel()])


def printed_steps(x, w, y, s, beta):
    """Algorithm 1: the mean in line 6 is of derivatives that hold 1/N.

    In lines 7 and 8 it is of N equal brackets.
    """
    return steps(x, w, y, s, beta, divided=len(x))


CHECKS = common(cosine="3", cosface="5", arcface="6") | {
    "1": Check(
        at.batch,
        lambda x, w, y, s: at.shipped("softmax", x, w, y),
        lambda **v: softmax(**v)[0],
    ),
    "2": Check(
        at.batch,
        lambda x, w, y, s: at.shipped("softmax", x, w, y),
        lambda **v: softmax(**v)[1],
    ),
    "4": Check(
        below_three,
        lambda x, w, y: at.shipped("sphereface", x, w, y, m=PIECES),
        multiplied,
        assumed=within_first_piece,
    ),
    "7": Check(at.batch, penalty_truth, penalty),
    "8": Check(
        with_beta,
        lambda **v: shipped("iam")(**v, base="arcface", m=0.2),
        lambda x, w, y, s, beta: (
            at.shipped("arcface", x, w, y, s=s, m=0.2)
            + beta * penalty(x, w, y, s)
        ),
    ),
    "9": Check(
        at.batch,
        lambda **v: gradients(**v)[0],
        summed_terms,
        correct=own_terms,
    ),
    "p_i": Check(
        at.batch,
        lambda x, w, y, s: at.own(shares_of_torch(x, w, y, s)[0], y),
        lambda x, w, y, s: at.own(shares(x, w, y, s)[0], y),
    ),
    "10": own_gradient(0),
    "11": rival_gradient(0),
    "p_ij": Check(
        at.batch,
        lambda **v: side_by_side(*shares_of_torch(**v), v["y"]),
        lambda **v: side_by_side(*shares(**v), v["y"]),
    ),
    "Algorithm 1": Check(
        with_beta, steps, printed_steps, fault=WRONG, correct=steps
    ),
    "12": Check(with_beta, shipped("iam"), total),
    "13": own_gradient(1),
    "14": rival_gradient(1),
}
