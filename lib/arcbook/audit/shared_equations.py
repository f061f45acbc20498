"""The losses that more than one paper prints, checked wherever they stand.

Then what else is in the IAM paper, equations 1 to 14 and Algorithm 1, and in
the MNIST paper, which numbers none.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from arcbook import geometry
from arcbook.audit import equations as at
from arcbook.audit.equations import Check
from arcbook.audit.verdicts import WRONG


def shipped(name, *hyper, **fixed):
    """The truth of a loss: the shipped one, with these of the situation."""

    def truth(v):
        given = {key: getattr(v, key) for key in hyper}
        return v.shipped(name, **given, **fixed)

    return truth


def logits(generator):
    """Outputs of a network for some classes, and one of them."""
    z = generator.normal(size=generator.integers(2, 9))
    return at.Situation(z=z, y=generator.integers(len(z)))


def softmax(v):
    """Both lines of the softmax loss, by products and by angles."""
    return [v.loss(z) for z in (v.x @ v.w.T, products(v))]


def products(v):
    """Norms times the cosine of the angle, (N, C)."""
    x, w = np.linalg.norm(v.x, axis=1), np.linalg.norm(v.w, axis=1)
    return x[:, None] * w * np.cos(v.angles)


def biased(v):
    """Softmax loss with a bias, as printed."""
    e = np.exp(v.x @ v.w.T + v.b)
    return -np.log(v.own(e) / e.sum(1)).mean()


def center(v):
    """The distances, and the center loss with them, as printed."""
    distance = ((v.x - v.centers[v.y]) ** 2).sum() / (2 * len(v.x))
    return [distance, v.lam * distance + softmax(v)[0]]


def center_truth(v):
    """What the shipped center loss adds to softmax, and the loss."""
    whole = v.shipped("center", centers=v.centers, lam=v.lam)
    return [(whole - v.shipped("softmax")) / v.lam, whole]


def cosine(v):
    """The scaled cosine loss, as printed."""
    return v.loss(v.s * np.cos(v.angles))


def margin(target):
    """A loss whose own logit is a function of the angle, as printed."""

    def printed(v):
        others = np.cos(v.others(v.angles))
        return at.log_loss(v.s * target(v.own(v.angles), v), v.s * others)

    return printed


def measured(metric, *vectors):
    """A mean angle as training records it."""
    return metric(*map(torch.tensor, vectors)).item()


def apart(vectors):
    """Mean angle over pairs of different vectors."""
    pairs = np.triu_indices(len(vectors), 1)
    return at.angles(vectors, vectors)[pairs].mean()


def printed_c_inter(v):
    """Σ_j Σ_{i≠j} ⟨Center_j, W_j⟩ / (C² − C), term by term."""
    angles, count = np.diag(at.angles(v.centers, v.w)), len(v.w)
    terms = [angles[j] for j in range(count) for i in range(count) if i != j]
    return sum(terms) / (count**2 - count)


WITH_CENTERS = at.drawn(at.batch, centers=at.normals(4, at.D), lam=(0.1, 2))
WITH_MARGIN = at.drawn(at.batch, m=(0.05, 0.9))
VECTORS = at.drawn(centers=at.normals(7, at.D), w=at.normals(7, at.D))
FORMS = {
    "probabilities": Check(
        logits,
        lambda v: torch.softmax(torch.tensor(v.z), 0).numpy(),
        lambda v: np.exp(v.z) / np.exp(v.z).sum(),
    ),
    "entropy": Check(
        logits,
        lambda v: cross_entropy(torch.tensor(v.z), torch.tensor(v.y)).item(),
        lambda v: -np.log(np.exp(v.z[v.y]) / np.exp(v.z).sum()),
    ),
    "bias": Check(
        at.drawn(at.batch, b=at.normals(4)),
        lambda v: cross_entropy(
            torch.tensor(v.x @ v.w.T + v.b), torch.tensor(v.y)
        ).item(),
        biased,
    ),
    "softmax": Check(at.batch, shipped("softmax"), softmax),
    "distance": Check(
        WITH_CENTERS, lambda v: center_truth(v)[0], lambda v: center(v)[0]
    ),
    "center": Check(WITH_CENTERS, center_truth, center),
    "cosine": Check(at.batch, shipped("normface", "s"), cosine),
    "arcface": Check(
        WITH_MARGIN,
        shipped("arcface", "s", "m"),
        margin(lambda theta, v: np.cos(theta + v.m)),
    ),
    "cosface": Check(
        WITH_MARGIN,
        shipped("cosface", "s", "m"),
        margin(lambda theta, v: np.cos(theta) - v.m),
    ),
    "wc_intra": Check(
        VECTORS,
        lambda v: measured(geometry.wc_intra, v.centers, v.w),
        lambda v: np.diag(at.angles(v.centers, v.w)).mean(),
    ),
    "w_inter": Check(
        VECTORS,
        lambda v: measured(geometry.w_inter, v.w),
        lambda v: apart(v.w),
    ),
    "c_inter": Check(
        VECTORS,
        lambda v: measured(geometry.c_inter, v.centers),
        printed_c_inter,
        correct=lambda v: apart(v.centers),
    ),
}


def common(**numbers: str) -> dict[str, Check]:
    """Checks of equations that several papers print, by their numbers."""
    return {number: FORMS[name] for name, number in numbers.items()}


PIECES = 4
WITH_BETA = at.drawn(at.batch, beta=(0.1, 2))


def one_sample(generator):
    """A batch of one, and a β."""
    v = WITH_BETA(generator)
    return v.but(x=v.x[:1], y=v.y[:1])


def within_first_piece(generator):
    """Features within π/m of their class vectors."""
    w = generator.normal(size=(4, at.D))
    y = np.arange(at.N) % 4
    near = at.unit(w[y]) + 0.12 * generator.normal(size=(at.N, at.D))
    return at.Situation(x=2 * near, w=w, y=y)


def shares(v):
    """p_ij1 and p_ij2 as printed, (N, C) each."""
    e = np.exp(v.s * at.unit(v.x) @ at.unit(v.w).T)
    rivals = v.others(e).sum(1, keepdims=True)
    return e / e.sum(1, keepdims=True), e / rivals


def multiplied(v):
    """Eq. 4 as printed: the cosine of the multiplied angle."""
    norms = np.linalg.norm(v.x, axis=1)
    target = norms * np.cos(PIECES * v.own(v.angles))
    return at.log_loss(target, norms[:, None] * np.cos(v.others(v.angles)))


def p_i(v):
    """p_i as printed."""
    return v.own(shares(v)[0])


def shares_of_torch(v):
    """PyTorch's softmax of all classes, and of the rivals alone."""
    z = torch.tensor(v.s * at.unit(v.x) @ at.unit(v.w).T)
    own = torch.nn.functional.one_hot(torch.tensor(v.y), len(v.w)).bool()
    rivals = z.masked_fill(own, -torch.inf)
    return [torch.softmax(logits, 1).numpy() for logits in (z, rivals)]


def p_ij(form):
    """p_ij1, and p_ij2 for j ≠ y_i."""

    def side_by_side(v):
        first, second = form(v)
        return np.hstack([first, v.others(second)])

    return side_by_side


def penalty(v):
    """Eq. 7 as printed."""
    z = np.exp(v.s * np.cos(v.angles))
    return np.log(v.others(z).mean(1) / z.sum(1)).mean()


def gradients(v, beta=1.0, base=0):
    """Autograd in unit features and unit class vectors, base + β·penalty."""
    x, w = (
        torch.tensor(at.unit(one), requires_grad=True) for one in (v.x, v.w)
    )
    labels = torch.tensor(v.y)[:, None]
    logp = torch.log_softmax(v.s * x @ w.T, 1).gather(1, labels)[:, 0]
    loss = beta * torch.log1p(-logp.exp()) - base * logp
    slopes = torch.autograd.grad(loss.mean(), (x, w))
    return [slope.numpy() for slope in slopes]


def own_terms(v):
    """Each sample's own term of Eq. 9; its j = y_i is 0."""
    w, (p, _) = at.unit(v.w), shares(v)
    own = v.own(p)[:, None]
    pulls = (own * p)[..., None] * (w[v.y][:, None] - w)
    return -v.s * pulls.sum(1) / (1 - own) / len(v.x)


def by_class_vectors(base, of_own):
    """Eq. 10 and 11 (base 0), 13 and 14 (base 1).

    The gradient in w̃_{y_i}, or in all but the first sample's class vector.
    """

    def truth(v):
        found = gradients(v, v.beta if base else 1.0, base)[1]
        return found[v.y] if of_own else np.delete(found, v.y[0], axis=0)

    def printed(v):
        beta = v.beta if base else 1.0
        first, second = shares(v)
        p = v.own(first)
        if of_own:
            return weighted(v, -base * (1 - p) - beta * p)
        found = weighted(v, base * first + beta * (second - first))
        return np.delete(found, v.y[0], axis=0)

    return Check(WITH_BETA, truth, printed, assumed=one_sample)


def weighted(v, weights):
    """s Σ_i weight_i x̃_i / N."""
    return v.s * weights.T @ at.unit(v.x) / len(v.x)


def steps(v, divided=1):
    """Gradient step of the batch loss in features and class vectors.

    In lines 7 and 8 of Algorithm 1 the mean is of N equal brackets.
    """
    of_x, of_w = gradients(v, v.beta, 1.0)
    return np.concatenate([of_x.ravel() / divided, of_w.ravel()])


OF_IAM = common(cosine="3", cosface="5", arcface="6") | {
    "1": Check(at.batch, shipped("softmax"), lambda v: softmax(v)[0]),
    "2": Check(at.batch, shipped("softmax"), lambda v: softmax(v)[1]),
    "4": Check(
        lambda generator: at.batch(generator, most=3.0),
        shipped("sphereface", m=PIECES),
        multiplied,
        assumed=within_first_piece,
    ),
    "7": Check(
        at.batch,
        lambda v: (
            v.shipped("iam", s=v.s, beta=1.0) - v.shipped("normface", s=v.s)
        ),
        penalty,
    ),
    "8": Check(
        WITH_BETA,
        shipped("iam", "s", "beta", base="arcface", m=0.2),
        lambda v: v.shipped("arcface", s=v.s, m=0.2) + v.beta * penalty(v),
    ),
    "9": Check(
        at.batch,
        lambda v: gradients(v)[0],
        lambda v: own_terms(v).sum(0),  # every sample has the sum of all
        correct=own_terms,
    ),
    "p_i": Check(
        at.batch,
        lambda v: v.own(shares_of_torch(v)[0]),
        p_i,
    ),
    "10": by_class_vectors(0, of_own=True),
    "11": by_class_vectors(0, of_own=False),
    "p_ij": Check(at.batch, p_ij(shares_of_torch), p_ij(shares)),
    "Algorithm 1": Check(  # the mean in line 6 is of what holds 1/N already
        WITH_BETA,
        steps,
        lambda v: steps(v, divided=len(v.x)),
        fault=WRONG,
        correct=steps,
    ),
    "12": Check(  # its second line
        WITH_BETA,
        shipped("iam", "s", "beta"),
        lambda v: (-np.log(p_i(v)) + v.beta * np.log((1 - p_i(v)) / 3)).mean(),
    ),
    "13": by_class_vectors(1, of_own=True),
    "14": by_class_vectors(1, of_own=False),
}


def unit_vectors(generator):
    """Class vectors of length one, features of length s."""
    v = at.batch(generator)
    return v.but(x=v.s * at.unit(v.x), w=at.unit(v.w))


OF_MNIST = common(bias="L_1") | {
    "product": Check(
        at.drawn(x=at.normals(4, at.D), w=at.normals(4, at.D)),
        lambda v: v.x @ v.w.T,
        lambda v: np.diag(v.x @ v.w.T)[:, None],  # i stands for both
        correct=products,
    ),
    "L_2": Check(at.batch, shipped("softmax"), cosine, assumed=unit_vectors),
    "combined": Check(
        at.drawn(at.batch, m1=(0.7, 1.5), m2=(0, 0.6), m3=(0, 0.5)),
        shipped("combined", "s", "m1", "m2", "m3"),
        margin(lambda theta, v: np.cos(v.m1 * theta + v.m2) - v.m3),
    ),
}
