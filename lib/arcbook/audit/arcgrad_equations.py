"""The displayed equations of ArcGrad, 1 to 22."""

from __future__ import annotations

import math

import numpy as np
import torch

from arcbook import derive
from arcbook.audit import situations as at
from arcbook.audit.arcgrad_forms import (
    adacos_angles,
    adacos_batch,
    adacos_printed,
    adacos_two_steps,
    any_gap,
    at_equal_gaps,
    bound_holds,
    cosine_at_steepest,
    gap,
    gap_loss,
    gaps,
    gradient_by_autograd,
    logits,
    shares,
    stationary_is_maximum,
    stationary_scale,
)
from arcbook.audit.equations import Check
from arcbook.audit.shared_equations import common

PAPER = "arcgrad"
SCALE = "04_scale.html#"
COMMON = {
    "bias": "3",
    "softmax": "4",
    "distance": "5",
    "center": "6",
    "cosine": "7",
    "arcface": "8",
    "wc_intra": "20",
    "w_inter": "21",
    "c_inter": "22",
}


def soft_minimum(x, w, y, s, scale=1e5):
    """−log Σ_j e^{−S (θ_j − θ_y)}/S, ArcGrad's loss at a very large S."""
    theta = at.theta(x, w)
    gaps = at.others(theta, y) - at.own(theta, y)[:, None]
    return -torch.logsumexp(-scale * torch.tensor(gaps), 1).numpy() / scale


CHECKS = [
    *common(PAPER, COMMON),
    Check(
        PAPER,
        "1",
        logits,
        shares,
        lambda z, y: np.full(len(z), np.exp(z[y]) / np.exp(z).sum()),
        correct=lambda z, y: np.exp(z) / np.exp(z).sum(),
        latex=r"P(c = y|z) = \frac{e^{z_y}}{\sum_{j=1}^C e^{z_j}} "
        r"\text{ for } y = 1, \dots, C",
        why="An index slip: the formula has y and is said to hold for c. "
        "For each y it is right; read as printed, over c = 1..C, it is the "
        "same number C times and does not sum to one. Angular Learning "
        "prints the same line with one index.",
    ),
    Check(
        PAPER,
        "2",
        logits,
        lambda z, y: torch.nn.functional.cross_entropy(
            torch.tensor(z), torch.tensor(y)
        ).item(),
        lambda z, y: -np.log(np.exp(z[y]) / np.exp(z).sum()),
        why="The cross-entropy, as PyTorch has it.",
    ),
    Check(
        PAPER,
        "9",
        adacos_batch,
        cosine_at_steepest,
        lambda s, B: math.log(B),
        assumed=lambda g: adacos_batch(g, wide=True),
        slack=1e-3,
        latex=r"s \to \infty \text{; exactly, } s\cos\theta_y = "
        r"\log B_i - 2\,\operatorname{artanh}"
        r"\frac{\cos\theta_y}{s\sin^2\theta_y}",
        why="Eq. 9 is where P = 1/2, not where ∂²P/∂θ² = 0; the two meet "
        "only as s grows. Along θ_y, as it is solved, B is a constant; but B "
        "holds s, so the equation has s on both sides.",
        page=SCALE + "adacos-the-scale-at-which-p-changes-fastest",
    ),
    Check(
        PAPER,
        "10",
        adacos_angles,
        adacos_two_steps,
        adacos_printed,
        correct=lambda **v: adacos_printed(**v, middle=np.median),
        latex=r"\tilde{s}^{(l)} = \begin{cases} \sqrt{2}\,\log(C-1) & l = 0"
        r" \\ \log B_{\text{avg}}^{(l)} \big/ \cos\min(\tfrac{\pi}{4}, "
        r"\theta_{\text{med}}^{(l)}) & l \geq 1 \end{cases}",
        why="θ_mod is not defined, and the mode of a batch of real angles "
        "is any of them. AdaCos has the median, θ_med; the text extraction "
        "can have read an e as an o. With two classes the first line is 0: "
        "all logits are equal and nothing is learned.",
        page=SCALE + "adacos-the-scale-at-which-p-changes-fastest",
    ),
    Check(
        PAPER,
        "11",
        at.batch,
        lambda x, w, y, s: [at.shipped("arcgrad", x, w, y, s=s)] * 2,
        lambda x, w, y, s: [
            at.log_loss(-s * at.own(z, y), -s * at.others(z, y))
            for z in (at.theta(x, w), np.arccos(at.normal(x) @ at.normal(w).T))
        ],
        why="The definition of ArcGrad; both lines are the loss that trains.",
    ),
    Check(
        PAPER,
        "12",
        at.batch,
        lambda x, w, y, s: at.shipped("arcgrad", x, w, y, s=s),
        lambda x, w, y, s: np.log1p(
            np.exp(
                -s
                * (
                    at.others(at.theta(x, w), y)
                    - at.own(at.theta(x, w), y)[:, None]
                )
            ).sum(1)
        ).mean(),
        why="Eq. 11 after the division. (The text says that it rewrites "
        "Eq. 12; it means Eq. 11.)",
        page=SCALE + "from-the-loss-to-one-gap",
    ),
    Check(
        PAPER,
        "13",
        at.batch,
        soft_minimum,
        lambda x, w, y, s: (
            at.others(at.theta(x, w), y).min(1) - at.own(at.theta(x, w), y)
        ),
        slack=1e-3,
        why="The smallest gap; a definition. The loss of a very large scale "
        "sees no other.",
    ),
    Check(
        PAPER,
        "14",
        gaps,
        lambda m, s, C: [np.mean(gap_loss(m, s, C)), 1.0],
        lambda m, s, C: [
            np.mean(np.log1p((C - 1) * np.exp(-s * m))),
            bound_holds(m, s, C),
        ],
        why="With every gap as small as the smallest, the loss of Eq. 12 "
        "becomes this, and otherwise it is below: an upper bound, as "
        '"larger approximation" says. The slack is under log(C − 1).',
        page=SCALE + "from-the-loss-to-one-gap",
    ),
    Check(
        PAPER,
        "15",
        gaps,
        lambda m, s, C: np.polyfit(range(len(m)), m, 0)[0],
        lambda m, s, C: sum(m) / len(m),
        why="The mean gap; a definition. It is the number nearest to all "
        "gaps in squares.",
    ),
    Check(
        PAPER,
        "16",
        gaps,
        lambda m, s, C: at_equal_gaps(float(m.mean()), s, C),
        lambda m, s, C: np.log1p((C - 1) * np.exp(s * m.mean())),
        correct=lambda m, s, C: np.log1p((C - 1) * np.exp(-s * m.mean())),
        latex=r"L^{\text{ArcGrad}''} = -\log "
        r"\frac{1}{1 + (C-1)\,e^{-s \tilde{m}}}",
        why="Eq. 14 has the minus. As printed the loss grows with the gap. "
        "The text extraction can have lost the sign. By Jensen's "
        "inequality L″ ≤ L′, while L′ ≥ L: as an approximation of L it is "
        "a bound in neither direction.",
        page=SCALE + "from-the-loss-to-one-gap",
    ),
    Check(
        PAPER,
        "17",
        gap,
        gradient_by_autograd,
        lambda m, s, C: (
            (C - 1) * np.exp(m * s) / ((C - 1) * np.exp(m * s) + 1)
        ),
        correct=lambda m, s, C: (
            -s * (C - 1) * np.exp(-m * s) / ((C - 1) * np.exp(-m * s) + 1)
        ),
        latex=r"\frac{\partial L^{\text{ArcGrad}''}}{\partial\tilde m} = "
        r"-s\,\frac{(C-1)\,e^{-s\tilde m}}{1 + (C-1)\,e^{-s\tilde m}}",
        why="The factor s of the inner derivative is missing, and the "
        "minus three times. An extraction can lose signs, not the factor. "
        "The printed form rises with s throughout, so Eq. 18 would have no "
        "solution; Eq. 19 follows from the right form.",
        page=SCALE + "the-scale-with-the-largest-gradient",
    ),
    Check(
        PAPER,
        "18",
        lambda g: gap(g) if g.random() < 0.5 else any_gap(g),
        lambda m, s, C: 1.0,
        stationary_is_maximum,
        assumed=gap,
        latex=r"\tilde m > 0 \text{ and held fixed while } s \text{ varies}",
        why="For a positive gap the derivative has one zero, and it is the "
        "maximum: the second derivative there is negative. For a negative "
        "gap, a sample on the wrong side, it has no zero: the gradient "
        "grows with s without end.",
        page=SCALE + "the-scale-with-the-largest-gradient",
    ),
    Check(
        PAPER,
        "19",
        gap,
        stationary_scale,
        lambda m, s, C: derive.best_scale(m, C),
        why="The zero of Eq. 18, found by bracketing too. It "
        "needs the minus and the factor s that Eq. 16 and 17 lack in print.",
        page=SCALE + "the-scale-with-the-largest-gradient",
    ),
]
