"""Penalties that add to any head, one value a sample."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import logsigmoid

from arcbook.geometry import widest
from arcbook.losses.tables import take

LATEX = {  # of a batch of N, besides the loss of the logits
    "center": r"\frac{\lambda}{2N} \sum_{i=1}^N \|x_i - c_{y_i}\|^2",
    "ring": r"\frac{\lambda}{2N} \sum_{i=1}^N (\|x_i\| - R)^2",
    "iam": r"\frac{\beta}{N} \sum_{i=1}^N \log"
    r"\frac{\frac{1}{C-1} \sum_{j \neq y_i} e^{Z_j}}{\sum_{j=1}^C e^{Z_j}}",
}


class Center(nn.Module):
    """λ/2 |x − c_y|², the centres learned by gradient from zero.

    [arcgrad, Eq. 5], [angular-learning, Eq. 5]. The square is taken in
    float64, so it is finite at norms of 1e22.
    """

    def __init__(self, num_classes: int, embedding_dim: int, lam: float):
        super().__init__()
        self.lam = lam
        self.centers = nn.Parameter(torch.zeros(num_classes, embedding_dim))

    def forward(self, features, labels, log_odds):
        wide = widest(features.device)
        gap = features.to(wide) - take(self.centers, labels).to(wide)
        return self.lam / 2 * gap.square().sum(-1)


class Ring(nn.Module):
    """λ/2 (|x| − R)², the radius R learned by gradient from 1.

    Zheng et al. 2018, as cited in [iam, Section 1].
    """

    def __init__(self, lam: float):
        super().__init__()
        self.lam = lam
        self.radius = nn.Parameter(torch.ones(()))

    def forward(self, features, labels, log_odds):
        wide = features.to(widest(features.device))
        norms = torch.linalg.vector_norm(wide, dim=-1)
        return self.lam / 2 * (norms - self.radius[..., None]).square()


class InterClass(nn.Module):
    """β log((1 − p_y)/(C − 1)), p with no margin. [iam, Eq. 7 and 12]

    With u the log-odds against the target, 1 − p_y is the sigmoid of u: its
    logarithm keeps all digits as p_y → 1. The penalty is unbounded below;
    its gradient in u is β p_y, which stays finite.
    """

    def __init__(self, num_classes: int, beta: float):
        super().__init__()
        self.beta = beta
        self.log_rivals = math.log(num_classes - 1)

    def forward(self, features, labels, log_odds):
        return self.beta * (logsigmoid(log_odds) - self.log_rivals)
