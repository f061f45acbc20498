"""CIFAR-10 and CIFAR-100: the image tables and figures of both papers.

[arcgrad, Table III] and [angular-learning, Table 1] fix network, epochs,
batch and learning rate. Tables that do not name their data set or number of
runs have their accuracies read: CIFAR10+ for the tables over epochs; one
run where "five" is not said. [angular-learning, Table 3] is headed CIFAR100
and described as CIFAR100+: it is read from the networks of Table 7, CIFAR100+.

The quick profile has the small network and a share of the images: they have
no sample, so it needs the data as the full one does.
"""

from __future__ import annotations

from arcbook.experiments.images import (
    ANGULAR_METHODS,
    METHODS,
    SEEDS,
    one_run,
    reads,
    register,
)

ARCGRAD = {
    "CIFAR10": {
        "network": "resnet18",
        "embedding_dim": 100,
        "epochs": 120,
        "batch_size": 256,
        "learning_rate": 0.1,
    },
    "CIFAR100": {
        "network": "resnet34",
        "embedding_dim": 512,
        "epochs": 160,
        "batch_size": 128,
        "learning_rate": 0.01,
    },
}
ANGULAR = {
    "CIFAR10": {
        "network": "resnet18",
        "embedding_dim": 100,
        "epochs": 160,
        "batch_size": 128,
    },
    "CIFAR100": {
        "network": "resnet34",
        "embedding_dim": 512,
        "epochs": 160,
        "batch_size": 128,
    },
}
LEARNING_RATES = {"Soft": 0.01, "Arc": 0.1, "ArcFace": 0.1, "Center": 0.01}
ARCGRAD_EPOCHS = (10, 20, 40, 90)
ANGULAR_EPOCHS = (10, 20, 80, 200)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SHARES_EPOCHS = 20
SHARES_COLUMNS = ("ArcGrad", "ArcFace", "Soft", "AdaCos")
COSINES = 100
QUICK = {
    "network": "conv4",
    "embedding_dim": 100,
    "epochs": 2,
    "batch_size": 64,
    "learning_rate": 0.01,
    "share": 0.2,
    "probe": 1000,
    "test_limit": 1000,
}
QUICK_EPOCHS = (2, 4)
QUICK_SHARES = (0.1, 0.2)


def arcgrad_table4_runs(profile: str) -> list[dict]:
    """Six losses on CIFAR10+ and CIFAR10, five seeds, seed by seed."""
    return [
        _arcgrad(profile, benchmark, column, seed=seed)
        for seed in _seeds(profile)
        for benchmark in ("CIFAR10+", "CIFAR10")
        for column in METHODS
    ]


def arcgrad_plain_runs(profile: str) -> list[dict]:
    """Of `arcgrad_table4_runs`: CIFAR10, the first seed."""
    return [_arcgrad(profile, "CIFAR10", column) for column in METHODS]


def arcgrad_table7_runs(profile: str) -> list[dict]:
    """Six losses on CIFAR10+ over epochs, the short runs first."""
    lengths = QUICK_EPOCHS if profile == "quick" else ARCGRAD_EPOCHS
    return [
        _arcgrad(profile, "CIFAR10+", column, epochs=epochs)
        for epochs in lengths
        for column in METHODS
    ]


def arcgrad_fig3_runs(profile: str) -> list[dict]:
    """Four losses on shares of CIFAR10+, 20 epochs, whole set first."""
    quick = profile == "quick"
    return [
        _arcgrad(
            profile,
            "CIFAR10+",
            column,
            share=share,
            epochs=QUICK_EPOCHS[0] if quick else SHARES_EPOCHS,
        )
        for share in sorted(QUICK_SHARES if quick else SHARES, reverse=True)
        for column in SHARES_COLUMNS
    ]


def arcgrad_table5_runs(profile: str) -> list[dict]:
    """Six losses on CIFAR100+, five seeds, seed by seed."""
    return [
        _arcgrad(profile, "CIFAR100+", column, seed=seed)
        for seed in _seeds(profile)
        for column in METHODS
    ]


def angular_table6_runs(profile: str) -> list[dict]:
    """Four losses on CIFAR10+ and CIFAR10, five seeds, seed by seed."""
    return [
        _angular(profile, benchmark, column, seed)
        for seed in _seeds(profile)
        for benchmark in ("CIFAR10+", "CIFAR10")
        for column in ANGULAR_METHODS
    ]


def angular_table4_runs(profile: str) -> list[dict]:
    """Four losses on CIFAR10+ over epochs, the short runs first."""
    lengths = QUICK_EPOCHS if profile == "quick" else ANGULAR_EPOCHS
    return [
        _angular(profile, "CIFAR10+", column, epochs=epochs, cosines=0)
        for epochs in lengths
        for column in ANGULAR_METHODS
    ]


def angular_table7_runs(profile: str) -> list[dict]:
    """Four losses on CIFAR100+, five seeds, seed by seed."""
    return [
        _angular(profile, "CIFAR100+", column, seed)
        for seed in _seeds(profile)
        for column in ANGULAR_METHODS
    ]


def _first_seed(benchmark):
    def grid(profile):
        return [_angular(profile, benchmark, c) for c in ANGULAR_METHODS]

    return grid


def angular_fig8_runs(profile: str) -> list[dict]:
    """Four losses on CIFAR10 and on CIFAR100+, the first seed."""
    return [
        *_first_seed("CIFAR10")(profile),
        *_first_seed("CIFAR100+")(profile),
    ]


def _seeds(profile):
    return SEEDS[:1] if profile == "quick" else SEEDS


def _arcgrad(profile, benchmark, column, **changes):
    protocol = ARCGRAD[benchmark.rstrip("+")]
    if profile == "quick":
        protocol = protocol | QUICK
    return one_run(benchmark, column, METHODS[column], protocol | changes)


def _angular(profile, benchmark, column, seed=0, cosines=COSINES, **changes):
    protocol = ANGULAR[benchmark.rstrip("+")] | {
        "learning_rate": LEARNING_RATES[column],
        "seed": seed,
        "keep_cosines": 0 if seed else cosines,
    }
    if profile == "quick":
        protocol |= {k: v for k, v in QUICK.items() if k != "learning_rate"}
    method = ANGULAR_METHODS[column]
    return one_run(benchmark, column, method, protocol | changes)


register(
    "arcgrad.table7",
    "Accuracy against the number of epochs on CIFAR-10+",
    "arcgrad, Table VII",
    arcgrad_table7_runs,
)
register(
    "angular-learning.table4",
    "Error against the number of epochs on CIFAR-10+",
    "angular-learning, Table 4",
    angular_table4_runs,
)
register(
    "arcgrad.table4",
    "Accuracy of six losses on CIFAR-10 and CIFAR-10+",
    "arcgrad, Table IV",
    arcgrad_table4_runs,
)
register(
    "arcgrad.table6",
    "Angles between centres and class vectors on CIFAR-10",
    "arcgrad, Table VI",
    arcgrad_plain_runs,
    home=reads("arcgrad.table4"),
)
register(
    "arcgrad.fig4",
    "Intra-class angles over training on CIFAR-10",
    "arcgrad, Fig. 4",
    arcgrad_plain_runs,
    home=reads("arcgrad.table4"),
)
register(
    "angular-learning.table6",
    "Error of four losses on CIFAR-10 and CIFAR-10+",
    "angular-learning, Table 6",
    angular_table6_runs,
)
register(
    "angular-learning.table2",
    "Angles between centres and class vectors on CIFAR-10+",
    "angular-learning, Table 2",
    _first_seed("CIFAR10+"),
    home=reads("angular-learning.table6"),
)
register(
    "angular-learning.fig7",
    "Intra-class angles of class 0 over training on CIFAR-10",
    "angular-learning, Fig. 7",
    _first_seed("CIFAR10"),
    home=reads("angular-learning.table6"),
)
register(
    "arcgrad.fig3",
    "Accuracy against the share of CIFAR-10+ kept",
    "arcgrad, Fig. 3",
    arcgrad_fig3_runs,
    home=reads("arcgrad.table7"),
)
register(
    "arcgrad.table5",
    "Top-1 and top-5 accuracy of six losses on CIFAR-100+",
    "arcgrad, Table V",
    arcgrad_table5_runs,
)
register(
    "angular-learning.table7",
    "Top-1 and top-5 error of four losses on CIFAR-100+",
    "angular-learning, Table 7",
    angular_table7_runs,
)
register(
    "angular-learning.table3",
    "Angles between centres and class vectors on CIFAR-100+",
    "angular-learning, Table 3",
    _first_seed("CIFAR100+"),
    home=reads("angular-learning.table7"),
)
register(
    "angular-learning.fig8",
    "Cosines of 100 test images, and confusions",
    "angular-learning, Fig. 8",
    angular_fig8_runs,
    home=reads("angular-learning.table6", "angular-learning.table7"),
)
