"""Fashion-MNIST: Table 5, Fig. 5 and Fig. 6 of "Angular Learning".

[angular-learning, Table 1]: ResNet-20, 60 epochs, batches of 256, Adam, a
weight decay of 5e-4, one-cycle, and a learning rate for each loss. Each is
one run. The quick profile trains the same network on the sample.
"""

from __future__ import annotations

from arcbook.experiments.images import ANGULAR_METHODS, one_run, register

PROTOCOL = {
    "network": "resnet20",
    "embedding_dim": 100,
    "epochs": 60,
    "batch_size": 256,
}
LEARNING_RATES = {"Soft": 0.1, "Arc": 0.1, "ArcFace": 0.1, "Center": 0.01}
SCALES = (1.0, 3.0, 5.0, 7.0, 12.0, 20.0)
QUICK = {
    "sample": True,
    "epochs": 3,
    "batch_size": 32,
    "share": 1 / 3,
    "probe": 500,
    "test_limit": 500,
}


def table5_runs(profile: str) -> list[dict]:
    """Four losses."""
    return [_run(profile, column) for column in ANGULAR_METHODS]


def fig5_runs(profile: str) -> list[dict]:
    """The angular loss at six scales, angles every 200 steps."""
    looks = {"angles_every": 200}
    if profile == "quick":
        looks = {"angles_every": 25, "probe": 300, "test_limit": 300}
    return [
        _run(profile, "Arc", ("arcgrad", {"s": s}), **looks) for s in SCALES
    ]


def fig6_runs(profile: str) -> list[dict]:
    """Four losses with 2-D features."""
    keep = 500 if profile == "quick" else 2000
    return [
        _run(profile, column, embedding_dim=2, keep_features=keep)
        for column in ANGULAR_METHODS
    ]


def _run(profile, column, method=None, **changes):
    protocol = PROTOCOL | (QUICK if profile == "quick" else {})
    return one_run(
        "Fashion-MNIST",
        column,
        method or ANGULAR_METHODS[column],
        protocol,
        learning_rate=LEARNING_RATES[column],
        **changes,
    )


register(
    "angular-learning.table5",
    "Error of four losses on Fashion-MNIST",
    "angular-learning, Table 5",
    table5_runs,
)
register(
    "angular-learning.fig5",
    "WC-Intra against iteration for six scales on Fashion-MNIST",
    "angular-learning, Fig. 5",
    fig5_runs,
)
register(
    "angular-learning.fig6",
    "2-D features of four losses on Fashion-MNIST",
    "angular-learning, Fig. 6",
    fig6_runs,
)
