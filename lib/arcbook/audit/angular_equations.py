"""The displayed equations of Angular Learning: 1 to 15 and four unnumbered."""

from __future__ import annotations

import math

import numpy as np
import torch

from arcbook import losses
from arcbook.audit import equations as at
from arcbook.audit.equations import Check
from arcbook.audit.shared_equations import common, cosine, shipped


def scale_outside(v):
    """Eq. 3 as printed: s e^{cos θ_j} where e^{s cos θ_j} is meant."""
    cosines = np.cos(v.angles)
    target = np.exp(v.s * v.own(cosines))
    rest = (v.s * np.exp(v.others(cosines))).sum(1)
    return -np.log(target / (target + rest)).mean()


LOGIT = at.drawn(
    norms=(0.5, 3, 2), theta=(0, math.pi), m=(0.05, 0.9), s=(0.5, 20)
)


def slopes(name):
    """Autograd of a shipped target logit, and of another class's."""
    spec = losses.get(name)

    def truth(v):
        hyper = spec.defaults | {"s": v.s, "m": v.m}
        size = v.norms.prod() if "|x|" in spec.factors(hyper) else v.s
        forms = lambda t: spec.target(t, **spec.arguments(hyper)), spec.others
        return [size * at.derivative(form, v.theta) for form in forms]

    return truth


RIGHT_ANGLE = at.drawn(s=(0.3, 9), C=at.whole(2, 40))


def right_angles(v):
    """θ_y = 0 and θ_j = π/2."""
    return np.array([0.0] + [math.pi / 2] * (v.C - 1))


def probabilities(v):
    """Softmax of the shipped logits at θ_y = 0, θ_j = π/2."""
    theta = torch.tensor(right_angles(v))
    z = v.s * losses.get("arcgrad").others(theta)
    return torch.softmax(z, 0)[:2].numpy()


def printed_probabilities(v):
    """P(j) as printed."""
    own, other = math.exp(v.s * math.pi), math.exp(v.s * math.pi / 2)
    return np.array([own, other]) / (own + (v.C - 1) * other)


def chain(v):
    """(∂L/∂Z)(∂Z/∂θ), each by itself, for ArcGrad's logits."""
    z = torch.tensor(-v.s * v.theta, requires_grad=True)
    loss = torch.logsumexp(z, 0) - z[0]
    return torch.autograd.grad(loss, z)[0].numpy() * -v.s


CHECKS = common(
    probabilities="P(c)",
    entropy="L",
    bias="1",
    softmax="2",
    arcface="4",
    distance="5",
    center="6",
    wc_intra="12",
    w_inter="13",
    c_inter="14",
) | {
    "3": Check(
        at.batch, shipped("normface", "s"), scale_outside, correct=cosine
    ),
    "7": Check(
        at.batch,
        shipped("arcgrad", "s"),
        lambda v: v.loss(v.s * v.angles),
        correct=lambda v: v.loss(-v.s * v.angles),
    ),
    "8": Check(
        LOGIT,
        lambda v: slopes("softmax")(v)[1],
        lambda v: -v.norms.prod() * math.sin(v.theta),
    ),
    "9": Check(
        LOGIT,
        slopes("arcface"),
        lambda v: -v.s * np.sin([v.theta + v.m, v.theta]),
    ),
    "10": Check(LOGIT, slopes("arcgrad"), lambda v: -v.s),
    "P(j)": Check(RIGHT_ANGLE, probabilities, printed_probabilities),
    "chain": Check(
        at.drawn(
            theta=lambda g: g.uniform(0.2, 2.9, size=g.integers(2, 7)),
            s=(0.5, 6),
        ),
        lambda v: at.by_angles("arcgrad", v.theta, s=v.s),
        chain,
    ),
    "11": Check(
        RIGHT_ANGLE,
        lambda v: at.by_angles("arcgrad", right_angles(v), s=v.s)[:2],
        lambda v: -v.s * (printed_probabilities(v) - [1, 0]),
    ),
    "15": Check(
        at.drawn(x=lambda g: at.unit(g.normal(size=(6, 4)))),
        lambda v: np.cos(at.angles(v.x, v.x)),
        lambda v: v.x @ v.x.T,
    ),
}
