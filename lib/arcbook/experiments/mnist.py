"""MNIST: the cosine-derived losses of the MNIST paper, and IAM's toy.

[mnist-cosine] fixes the four-layer CNN, the margins and the epochs. Batch,
learning rate and features it leaves to its library, and s to ArcFace's own
paper, which has 64. [iam] fixes the network, 3 features, m = 0.1 and
β = 0.2; epochs, batch and learning rate are those of the other, and s = 30
is that of its face experiments. It "draws" 10,000 training samples, which
is read as: for the map; training is on all 60,000.

The quick profile trains on the sample, with a part of the margins.
"""

from __future__ import annotations

import itertools

from arcbook.experiments.images import one_run, reads, register

PROTOCOL = {
    "network": "conv4",
    "epochs": 20,
    "batch_size": 256,
    "learning_rate": 0.01,
}
QUICK = {
    "sample": True,
    "epochs": 2,
    "batch_size": 32,
    "probe": 1000,
    "test_limit": 1000,
}
S = 64.0
MARGINS = tuple(round(0.40 + 0.01 * k, 2) for k in range(20))
M2 = (0.40, 0.41, 0.42, 0.43, 0.44)
M3 = (0.20, 0.25, 0.30, 0.35)
EPOCHS = (5, 10, 100)
QUICK_EPOCHS = (1, 2, 6)
IAM_COLUMNS = {
    "Eq.(3)": ("normface", {"s": 30.0}),
    "Eq.(3) + 0.2 IAM": ("iam", {"base": "normface", "s": 30.0, "beta": 0.2}),
    "CosFace": ("cosface", {"s": 30.0, "m": 0.1}),
    "CosFace + 0.2 IAM": (
        "iam",
        {"base": "cosface", "s": 30.0, "m": 0.1, "beta": 0.2},
    ),
}


def table1_runs(profile: str) -> list[dict]:
    """20 margins of ArcFace and 20 of the combined loss, m1 = 1."""
    combined = [(m2, m3) for m3, m2 in itertools.product(M3, M2)]
    margins = MARGINS
    if profile == "quick":
        margins, combined = margins[::4], combined[::4]
    return [
        *(_run(profile, "ArcFace", _arcface(m)) for m in margins),
        *(
            _run(
                profile,
                "Combined",
                ("combined", {"s": S, "m1": 1.0, "m2": m2, "m3": m3}),
            )
            for m2, m3 in combined
        ),
    ]


def fig1_runs(profile: str) -> list[dict]:
    """Softmax with 3-D features."""
    return [_on_sphere(profile, "Soft")]


def fig2_runs(profile: str) -> list[dict]:
    """ArcFace with 3-D features; both losses at 5, 10 and 100 epochs."""
    lengths = QUICK_EPOCHS if profile == "quick" else EPOCHS
    return [
        _on_sphere(profile, "ArcFace"),
        *(
            _run(profile, column, METHODS[column], epochs=epochs)
            for epochs in lengths
            for column in METHODS
        ),
    ]


def iam_runs(profile: str) -> list[dict]:
    """Scaled softmax and CosFace, each with and without IAM."""
    return [
        _run(
            profile,
            column,
            method,
            network="iam_cnn",
            embedding_dim=3,
            keep_features=_kept(profile),
        )
        for column, method in IAM_COLUMNS.items()
    ]


def _arcface(m):
    return "arcface", {"s": S, "m": m}


METHODS = {"Soft": ("softmax", {}), "ArcFace": _arcface(0.5)}


def _on_sphere(profile, column):
    return _run(
        profile,
        column,
        METHODS[column],
        embedding_dim=3,
        keep_features=_kept(profile),
    )


def _kept(profile):
    return 500 if profile == "quick" else 2000


def _run(profile, column, method, **changes):
    protocol = PROTOCOL | (QUICK if profile == "quick" else {})
    return one_run("MNIST", column, method, protocol, **changes)


register(
    "mnist-cosine.table1",
    "Accuracy of 20 ArcFace margins and 20 combined ones on MNIST",
    "mnist-cosine, Table 1",
    table1_runs,
)
register(
    "iam.table2",
    "Accuracy with and without the IAM regulariser on MNIST",
    "iam, Table 2",
    iam_runs,
)
register(
    "iam.fig2",
    "3-D features with and without the IAM regulariser",
    "iam, Fig. 2",
    iam_runs,
    home=reads("iam.table2"),
)
register(
    "mnist-cosine.fig1",
    "3-D features of softmax on MNIST",
    "mnist-cosine, Fig. 1",
    fig1_runs,
)
register(
    "mnist-cosine.fig2",
    "3-D features of ArcFace, and both losses at 5, 10 and 100 epochs",
    "mnist-cosine, Fig. 2 and Section 4",
    fig2_runs,
)
