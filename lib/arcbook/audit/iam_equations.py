"""The displayed equations of the IAM paper, 1 to 14, and its Algorithm 1."""

from __future__ import annotations

import numpy as np

from arcbook.audit import situations as at
from arcbook.audit.equations import WRONG, Check
from arcbook.audit.iam_forms import (
    PIECES,
    eq_9,
    multiplied,
    one_sample,
    penalty,
    penalty_slopes,
    penalty_truth,
    printed_shares,
    printed_steps,
    rival_sum,
    rival_truth,
    share_batch,
    shares,
    sphere_batch,
    steps,
    target_sum,
    target_truth,
    total,
    with_beta,
    within_first_piece,
)
from arcbook.audit.shared_equations import (
    common,
    softmax,
)

PAPER = "iam"
PAGE = "05_iam.html"
COMMON = {"cosine": "3", "cosface": "5", "arcface": "6"}
ONE = r"N = 1 \text{; for a batch: } "
BATCH_OWN = (
    ONE + r"\frac{\partial L}{\partial\tilde{\boldsymbol w}_k} = "
    r"-\frac1N \sum_{i:\,y_i = k} s\tilde{\boldsymbol x}_i %s + "
    r"\frac1N \sum_{i:\,y_i \neq k} s\tilde{\boldsymbol x}_i %s"
)
BATCH_WHY = (
    "For one sample it is right. In a batch a class vector is the target of "
    "its own samples and a rival to all others; the printed sum runs over "
    "everybody. The class vectors stand for unit vectors that move freely; "
    "for w itself the derivative is projected to the sphere."
)


def batch_check(number, truth, printed, own, rival, why=BATCH_WHY):
    """A gradient that is right for a batch of one sample."""
    return Check(
        PAPER,
        number,
        with_beta,
        truth,
        printed,
        assumed=one_sample,
        latex=BATCH_OWN % (own, rival),
        why=why,
        page=PAGE,
    )


PENALTY = "p_i", "(p_{ik2} - p_{ik1})"
TOTAL = (
    r"(1 - p_i + \beta p_i)",
    r"(p_{ik1} + \beta p_{ik2} - \beta p_{ik1})",
)
CHECKS = [
    *common(PAPER, COMMON),
    Check(
        PAPER,
        "1",
        at.batch,
        shipped_softmax := lambda x, w, y, s: at.shipped("softmax", x, w, y),
        lambda x, w, y, s: softmax(x, w, y, s)[0],
        why="The softmax that trains in this book.",
    ),
    Check(
        PAPER,
        "2",
        at.batch,
        shipped_softmax,
        lambda x, w, y, s: softmax(x, w, y, s)[1],
        why="The same by norms and angles.",
    ),
    Check(
        PAPER,
        "4",
        sphere_batch(most=3.0),
        lambda x, w, y: at.shipped("sphereface", x, w, y, m=PIECES),
        multiplied,
        assumed=within_first_piece,
        latex=r"\theta_{i,y_i} \leq \pi/m \text{; beyond, } \psi(\theta) = "
        r"(-1)^k \cos(m\theta) - 2k",
        why="Beyond π/m the printed cosine rises again and rewards a wider "
        "own angle. SphereFace has ψ there, which falls throughout.",
        page="03_margins.html",
    ),
    Check(
        PAPER,
        "7",
        at.batch,
        penalty_truth,
        penalty,
        why="The penalty that trains in this book.",
        page=PAGE,
    ),
    Check(
        PAPER,
        "8",
        with_beta,
        lambda x, w, y, s, beta: at.shipped(
            "iam", x, w, y, s=s, beta=beta, base="arcface", m=0.2
        ),
        lambda x, w, y, s, beta: (
            at.shipped("arcface", x, w, y, s=s, m=0.2)
            + beta * penalty(x, w, y, s)
        ),
        why="A definition; on ArcFace as on the others.",
        page=PAGE,
    ),
    Check(
        PAPER,
        "9",
        at.batch,
        lambda **v: penalty_slopes(**v)[0],
        lambda **v: eq_9(**v, whole_sum=True),
        correct=lambda **v: eq_9(**v, whole_sum=False),
        latex=r"\frac{\partial L_{IAM}}{\partial\tilde{\boldsymbol x}_i} = "
        r"-\frac1N \frac{1}{1-p_i} \frac{\sum_{j \neq y_i} "
        r"s(\tilde{\boldsymbol w}_{y_i} - \tilde{\boldsymbol w}_j)\, "
        r"e^{s\tilde{\boldsymbol w}_{y_i}^T\tilde{\boldsymbol x}_i} "
        r"e^{s\tilde{\boldsymbol w}_j^T\tilde{\boldsymbol x}_i}}"
        r"{(\sum_j e^{s\tilde{\boldsymbol w}_j^T\tilde{\boldsymbol x}_i})^2}",
        why="A derivative in one sample's feature holds that sample's term "
        "alone; the sum over i gives every sample the sum of all. Under the "
        "inner sum stands j ≠ w̃ where j ≠ y_i is meant.",
        page=PAGE,
    ),
    Check(
        PAPER,
        "p_i",
        at.batch,
        lambda x, w, y, s: at.own(share_batch(x, w, y, s)[0], y),
        lambda x, w, y, s: at.own(shares(x, w, y, s)[0], y),
        why="The softmax of the scaled cosines at the label.",
    ),
    batch_check("10", target_truth(0), target_sum(0), *PENALTY),
    batch_check(
        "11",
        rival_truth(0),
        rival_sum(0),
        *PENALTY,
        why=BATCH_WHY + " With p_ij2 set to 0 at the sample's own class, "
        "Eq. 11 alone would be the whole gradient of a batch.",
    ),
    Check(
        PAPER,
        "p_ij",
        at.batch,
        lambda **v: np.hstack(share_batch(**v)),
        lambda **v: np.hstack(printed_shares(**v)),
        why="Two softmaxes, with and without the label. (The index j of the "
        "left side also runs in the sums.)",
    ),
    Check(
        PAPER,
        "Algorithm 1",
        with_beta,
        steps,
        printed_steps,
        fault=WRONG,
        correct=steps,
        latex=r"\phi \leftarrow \phi - r \sum_{i=1}^N "
        r"\frac{\partial L}{\partial\tilde x_i} "
        r"\frac{\partial\tilde x_i}{\partial\phi}, \quad "
        r"\tilde w_k \leftarrow \tilde w_k - r "
        r"\frac{\partial L}{\partial\tilde w_k}",
        why="The losses are means over the batch, so ∂L/∂x̃_i holds 1/N, and "
        "line 6 divides by N again: the network's steps are N times too "
        "small beside those of the class vectors. In lines 7 and 8 the N "
        "brackets are equal, and their mean changes nothing.",
        page=PAGE,
    ),
    Check(
        PAPER,
        "12",
        with_beta,
        lambda x, w, y, s, beta: at.shipped("iam", x, w, y, s=s, beta=beta),
        total,
        why="The loss that trains: −log p + β log((1 − p)/(C − 1)).",
        page=PAGE,
    ),
    batch_check("13", target_truth(1), target_sum(1), *TOTAL),
    batch_check("14", rival_truth(1), rival_sum(1), *TOTAL),
]
