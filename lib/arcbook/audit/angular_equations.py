"""The displayed equations of Angular Learning: 1 to 15 and four unnumbered."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from arcbook import losses
from arcbook.audit import situations as at
from arcbook.audit.equations import Check
from arcbook.audit.shared_equations import common, cosine, shipped


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
    return lambda x, w, y, s: at.softmax_loss(sign * s * at.theta(x, w), y)


def logit(generator):
    """Norms, an angle, a margin and a scale."""
    return {
        "norms": generator.uniform(0.5, 3, size=2),
        "theta": generator.uniform(0, math.pi),
        "m": generator.uniform(0.05, 0.9),
        "s": generator.uniform(0.5, 20),
    }


def slopes(name):
    """Autograd of a shipped target logit, and of another class's."""

    def truth(norms, theta, m, s):
        spec = losses.get(name)
        given = {"s": s, "m": m}
        hyper = {k: given.get(k, v) for k, v in spec.defaults.items()}
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


def right_angles(C):
    """θ_y = 0 and θ_j = π/2."""
    return [0.0] + [math.pi / 2] * (C - 1)


def probabilities(s, C):
    """Softmax of the shipped logits at θ_y = 0, θ_j = π/2."""
    theta = torch.tensor(right_angles(C), dtype=torch.float64)
    z = s * losses.get("arcgrad").others(theta)
    return torch.softmax(z, 0)[:2].numpy()


def printed_probabilities(s, C):
    """P(j) as printed."""
    own, other = math.exp(s * math.pi), math.exp(s * math.pi / 2)
    return np.array([own, other]) / (own + (C - 1) * other)


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


def unit_features(generator):
    """Features of length one."""
    return {"x": at.normal(generator.normal(size=(6, 4)))}


CHECKS = common(
    bias="1",
    softmax="2",
    arcface="4",
    distance="5",
    center="6",
    wc_intra="12",
    w_inter="13",
    c_inter="14",
) | {
    "P(c)": Check(
        logits,
        lambda f, y: torch.softmax(torch.tensor(f), 0).numpy(),
        lambda f, y: np.exp(f) / np.exp(f).sum(),
    ),
    "L": Check(
        logits,
        lambda f, y: cross_entropy(torch.tensor(f), torch.tensor(y)).item(),
        lambda f, y: -np.log(np.exp(f[y]) / np.exp(f).sum()),
    ),
    "3": Check(at.batch, shipped("normface"), scale_outside, correct=cosine),
    "7": Check(at.batch, shipped("arcgrad"), angular(+1), correct=angular(-1)),
    "8": Check(
        logit,
        lambda **v: slopes("softmax")(**v)[1],
        lambda norms, theta, m, s: -norms.prod() * math.sin(theta),
    ),
    "9": Check(
        logit,
        slopes("arcface"),
        lambda norms, theta, m, s: -s * np.sin([theta + m, theta]),
    ),
    "10": Check(logit, slopes("arcgrad"), lambda norms, theta, m, s: [-s, -s]),
    "P(j)": Check(right_angle, probabilities, printed_probabilities),
    "chain": Check(
        angles, lambda theta, s: at.by_angles("arcgrad", theta, s=s), chain
    ),
    "11": Check(
        right_angle,
        lambda s, C: at.by_angles("arcgrad", right_angles(C), s=s)[:2],
        printed_slopes,
    ),
    "15": Check(
        unit_features, lambda x: np.cos(at.theta(x, x)), lambda x: x @ x.T
    ),
}
