"""The losses that more than one paper prints, checked wherever they stand."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from arcbook.audit import situations as at
from arcbook.audit.equations import Check


def with_bias(generator):
    """A batch and a bias for every class."""
    return at.batch(generator) | {"b": generator.normal(size=4)}


def with_centers(generator):
    """A batch, class centres and a λ."""
    return at.batch(generator) | {
        "c": generator.normal(size=(4, at.D)),
        "lam": generator.uniform(0.1, 2),
    }


def of_torch(x, w, y, s, b):
    """PyTorch's own cross-entropy of inner products."""
    logits = torch.tensor(x @ w.T + b)
    return cross_entropy(logits, torch.tensor(y)).item()


def biased(x, w, y, s, b):
    """Softmax loss with a bias, as printed."""
    logits = x @ w.T + b
    share = np.exp(at.own(logits, y)) / np.exp(logits).sum(1)
    return -np.log(share).mean()


def softmax(x, w, y, s):
    """Both lines of the softmax loss, by products and by angles."""
    products = x @ w.T
    norms = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(w, axis=1)
    angles = norms * np.cos(at.theta(x, w))
    return [
        at.log_loss(at.own(z, y), at.others(z, y)) for z in (products, angles)
    ]


def softmax_truth(x, w, y, s):
    """The shipped softmax, once a line."""
    return [at.shipped("softmax", x, w, y)] * 2


def center(x, w, y, s, c, lam):
    """The distances, and the center loss with them, as printed."""
    distance = ((x - c[y]) ** 2).sum() / (2 * len(x))
    return [distance, lam * distance + softmax(x, w, y, s)[0]]


def center_truth(x, w, y, s, c, lam):
    """The shipped center loss, and what it adds to softmax."""
    whole = at.shipped("center", x, w, y, centers=c, lam=lam)
    return [(whole - at.shipped("softmax", x, w, y)) / lam, whole]


def cosine(x, w, y, s):
    """The scaled cosine loss, as printed."""
    z = s * np.cos(at.theta(x, w))
    return at.log_loss(at.own(z, y), at.others(z, y))


def margin(function):
    """A loss with a margin on the own angle, as printed."""

    def printed(x, w, y, s, m):
        angles = at.theta(x, w)
        target = s * function(at.own(angles, y), m)
        return at.log_loss(target, s * np.cos(at.others(angles, y)))

    return printed


def shipped(name):
    """The truth of a loss with a scale and perhaps a margin."""

    def truth(x, w, y, **hyper):
        return at.shipped(name, x, w, y, **hyper)

    return truth


arcface = margin(lambda theta, m: np.cos(theta + m))
cosface = margin(lambda theta, m: np.cos(theta) - m)


def metrics(generator):
    """Class centres and class vectors."""
    return {
        "centers": generator.normal(size=(7, at.D)),
        "w": generator.normal(size=(7, at.D)),
    }


def apart(vectors):
    """Mean angle over ordered pairs of different vectors."""
    count = len(vectors)
    return (
        np.triu(at.theta(vectors, vectors), 1).mean() * 2 * count / (count - 1)
    )


def within(centers, w):
    """Mean angle between the pairs of one class."""
    return np.diag(at.theta(centers, w)).mean()


def printed_c_inter(centers, w):
    """Σ_j Σ_{i≠j} ⟨Center_j, W_j⟩ / (C² − C), term by term."""
    angles = np.diag(at.theta(centers, w))
    count = len(w)
    terms = [angles[j] for j in range(count) for i in range(count) if i != j]
    return sum(terms) / (count**2 - count)


C_INTER = (
    r"\text{C-Inter} = \frac{1}{C^2 - C} \sum_{j=1}^C "
    r"\sum_{i=1, i \neq j}^C \langle \text{Center}_i, \text{Center}_j \rangle"
)
C_INTER_WHY = (
    "No term depends on i, so the printed sum is WC-Intra over again. The "
    'text defines it rightly ("the mean of angles between different '
    "classes' feature center\"), and the printed tables hold other values "
    "for the two. Both papers print the same line, so the text extraction "
    "did not make it."
)


def geometry(name):
    """The truth of a metric: the book's own, which training uses."""
    from arcbook import geometry as shapes

    def truth(centers, w):
        arguments = {
            "wc_intra": (centers, w),
            "w_inter": (w,),
            "c_inter": (centers,),
        }[name]
        return getattr(shapes, name)(*map(torch.tensor, arguments)).item()

    return truth


def common(paper, numbers) -> list[Check]:
    """Checks of the equations that several papers print."""
    why = {
        "bias": "It is PyTorch's cross-entropy of a layer with a bias.",
        "distance": "It is the penalty of the center loss that trains here.",
        **dict.fromkeys(
            ("wc_intra", "w_inter"),
            "It is the mean angle that the book's records hold.",
        ),
    }
    same = "It is the loss that trains in this book, to the last digits."
    margins = at.with_margin(0.05, 0.9)
    forms = {
        "bias": (with_bias, of_torch, biased),
        "softmax": (at.batch, softmax_truth, softmax),
        "distance": (
            with_centers,
            lambda **v: center_truth(**v)[0],
            lambda **v: center(**v)[0],
        ),
        "center": (with_centers, center_truth, center),
        "cosine": (at.batch, shipped("normface"), cosine),
        "arcface": (margins, shipped("arcface"), arcface),
        "cosface": (margins, shipped("cosface"), cosface),
        "wc_intra": (metrics, geometry("wc_intra"), within),
        "w_inter": (metrics, geometry("w_inter"), lambda centers, w: apart(w)),
    }
    checks = [
        Check(paper, numbers[name], *form, why=why.get(name, same))
        for name, form in forms.items()
        if name in numbers
    ]
    if "c_inter" in numbers:
        checks.append(
            Check(
                paper,
                numbers["c_inter"],
                metrics,
                geometry("c_inter"),
                printed_c_inter,
                correct=lambda centers, w: apart(centers),
                latex=C_INTER,
                why=C_INTER_WHY,
            )
        )
    return checks
