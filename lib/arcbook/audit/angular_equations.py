"""The displayed equations of Angular Learning: 1 to 15 and four unnumbered."""

from __future__ import annotations

import math

import numpy as np
import torch

from arcbook import losses
from arcbook.audit import situations as at
from arcbook.audit.equations import Check
from arcbook.audit.shared_equations import (
    common,
    cosine,
    shipped,
)

PAPER = "angular-learning"
SCALE = "04_scale.html#confidence-against-gradient"
COMMON = {
    "bias": "1",
    "softmax": "2",
    "arcface": "4",
    "distance": "5",
    "center": "6",
    "wc_intra": "12",
    "w_inter": "13",
    "c_inter": "14",
}


def logits(generator):
    """Outputs of a network and one class."""
    f = generator.normal(size=generator.integers(2, 9))
    return {"f": f, "y": int(generator.integers(len(f)))}


def scale_outside(x, w, y, s):
    """Eq. 3 as printed: s e^{cos θ_j} where e^{s cos θ_j} is meant."""
    cosines = np.cos(at.theta(x, w))
    target = np.exp(s * at.own(cosines, y))
    rest = (s * np.exp(at.others(cosines, y))).sum(1)
    return -np.log(target / (target + rest)).mean()


def angular(sign):
    """The loss with e^{sign·s·θ}."""

    def form(x, w, y, s):
        z = sign * s * at.theta(x, w)
        return at.log_loss(at.own(z, y), at.others(z, y))

    return form


def logit(generator):
    """Norms, an angle, a margin and a scale."""
    return {
        "norms": generator.uniform(0.5, 3, size=2),
        "theta": generator.uniform(0, math.pi),
        "m": generator.uniform(0.05, 0.9),
        "s": generator.uniform(0.5, 20),
    }


def slope_of(name):
    """Autograd of a shipped target logit, and of another class's."""

    def truth(norms, theta, m, s):
        spec = losses.get(name)
        hyper = {"s": s, "m": m} | spec.defaults
        hyper |= {k: v for k, v in {"s": s, "m": m}.items() if k in hyper}
        size = norms.prod() if "|x|" in spec.factors(hyper) else s
        own = at.derivative(
            lambda t: spec.target(t, **spec.arguments(hyper)), theta
        )
        return [size * own, size * at.derivative(spec.others, theta)]

    return truth


def right_angle(generator):
    """A scale and a number of classes."""
    return {
        "s": generator.uniform(0.3, 9),
        "C": int(generator.integers(2, 40)),
    }


def probabilities(s, C):
    """Softmax of the shipped logits at θ_y = 0, θ_j = π/2."""
    theta = [0.0] + [math.pi / 2] * (C - 1)
    theta = torch.tensor(theta, dtype=torch.float64)
    z = s * losses.get("arcgrad").others(theta)
    return torch.softmax(z, 0)[:2].numpy()


def printed_probabilities(s, C):
    """P(j) as printed."""
    own, other = math.exp(s * math.pi), math.exp(s * math.pi / 2)
    total = own + (C - 1) * other
    return np.array([own, other]) / total


def loss_slopes(s, C):
    """Autograd of the shipped loss there."""
    angles = [0.0] + [math.pi / 2] * (C - 1)
    return by_own_and_other("arcgrad", angles, s)


def by_own_and_other(name, angles, s):
    """∂L/∂θ_y and ∂L/∂θ_j of the shipped loss."""
    return at.by_angles(name, angles, s=s)[:2]


def printed_slopes(s, C):
    """Eq. 11 as printed."""
    own, other = printed_probabilities(s, C)
    return [-s * (own - 1), -s * other]


def angles(generator):
    """Angles of a sample to all classes, independent of each other."""
    return {
        "theta": generator.uniform(0.2, 2.9, size=generator.integers(2, 7)),
        "s": generator.uniform(0.5, 6),
    }


def chain(theta, s):
    """(∂L/∂Z)(∂Z/∂θ), each by itself, for ArcGrad's logits."""
    z = torch.tensor(-s * theta, requires_grad=True)
    loss = torch.logsumexp(z, 0) - z[0]
    return torch.autograd.grad(loss, z)[0].numpy() * -s


def features(generator):
    """Features as they come from a network."""
    return {"x": generator.normal(size=(6, 4)) * generator.uniform(1, 9)}


CHECKS = [
    *common(PAPER, COMMON),
    Check(
        PAPER,
        "P(c)",
        logits,
        lambda f, y: torch.softmax(torch.tensor(f), 0).numpy(),
        lambda f, y: np.exp(f) / np.exp(f).sum(),
        why="The softmax, as PyTorch has it.",
    ),
    Check(
        PAPER,
        "L",
        logits,
        lambda f, y: torch.nn.functional.cross_entropy(
            torch.tensor(f), torch.tensor(y)
        ).item(),
        lambda f, y: -np.log(np.exp(f[y]) / np.exp(f).sum()),
        why="The cross-entropy of one sample.",
    ),
    Check(
        PAPER,
        "3",
        at.batch,
        shipped("normface"),
        scale_outside,
        correct=cosine,
        latex=r"L^{\text{cosine}} = -\frac{1}{N} \sum_{i=1}^{N} \log "
        r"\frac{e^{s \cos(\theta_{y_i})}}{e^{s \cos(\theta_{y_i})} + "
        r"\sum_{j \neq y_i} e^{s \cos(\theta_j)}}",
        why="The s before the exponential belongs into it, as in the term "
        "before. ArcGrad prints the same loss rightly (its Eq. 7). The text "
        "extraction can have taken the s out of the exponent.",
        page="01_angles.html",
    ),
    Check(
        PAPER,
        "7",
        at.batch,
        shipped("arcgrad"),
        angular(+1),
        correct=angular(-1),
        latex=r"L^{\rm Arc} = -\frac{1}{N} \sum_{i=1}^{N} \log "
        r"\frac{e^{-s \,\theta_{y_i}}}{\sum_{j=1}^{C} e^{-s \,\theta_j}}",
        why="As printed the loss falls as the own angle widens. Eq. 10, "
        "P(j) and ArcGrad's Eq. 11 have the minus. The text extraction can "
        "have lost it, twice.",
        page="02_gradients.html",
    ),
    Check(
        PAPER,
        "8",
        logit,
        lambda **v: slope_of("softmax")(**v)[1],
        lambda norms, theta, m, s: -norms.prod() * math.sin(theta),
        why="Autograd of the shipped logit, norms held fixed.",
        page="02_gradients.html",
    ),
    Check(
        PAPER,
        "9",
        logit,
        slope_of("arcface"),
        lambda norms, theta, m, s: [
            -s * math.sin(theta + m),
            -s * math.sin(theta),
        ],
        why="Autograd of the shipped logit. It is proportional to s, though "
        "the sentence before says that s has no effect.",
        page="02_gradients.html",
    ),
    Check(
        PAPER,
        "10",
        logit,
        slope_of("arcgrad"),
        lambda norms, theta, m, s: [-s, -s],
        why="Autograd of the shipped logit. From Eq. 7 as printed it would "
        "be +s: the two contradict each other, and this one is right.",
        page="02_gradients.html",
    ),
    Check(
        PAPER,
        "P(j)",
        right_angle,
        probabilities,
        printed_probabilities,
        why="Softmax of the shipped logits at the stated angles. It holds "
        "for e^{s(π − θ)} and for e^{−sθ}, which differ by a factor that "
        "cancels, and not for Eq. 7's e^{sθ}: so it settles that sign.",
        page=SCALE,
    ),
    Check(
        PAPER,
        "chain",
        angles,
        lambda theta, s: at.by_angles("arcgrad", theta, s=s),
        chain,
        why="Each logit depends on one angle. The features are held fixed, "
        "as the text says, so the angles move one by one; a moving feature "
        "would change all of them at once.",
    ),
    Check(
        PAPER,
        "11",
        right_angle,
        loss_slopes,
        printed_slopes,
        why="Autograd of the shipped loss at the stated angles.",
        page=SCALE,
    ),
    Check(
        PAPER,
        "15",
        lambda g: {"x": at.normal(features(g)["x"])},
        lambda x: np.cos(at.theta(x, x)),
        lambda x: x @ x.T,
        why="A matrix of cosines: the sentence before it makes the features "
        "of unit length. A confusion matrix, which the text calls it, "
        "counts predictions.",
    ),
]
