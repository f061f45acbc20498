"""Networks of an ensemble are the networks one would train one by one."""

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from arcbook import datasets, ensembles, losses, networks

IRIS = datasets.load("iris")
SETTINGS = {"width": 8, "batch_size": 16, "lr": 0.01, "weight_decay": 5e-4}


def one_by_one(folds, k, loss, *, epochs, layers=3, dtype=torch.float64):
    """Train network k by itself, as plain PyTorch code would."""
    fold = folds[k]
    torch.manual_seed(fold.seed)
    sizes = [IRIS.X.shape[1], *[SETTINGS["width"]] * (layers - 1)]
    modules = []
    for inputs, outputs in itertools.pairwise(sizes):
        modules += [nn.Linear(inputs, outputs), nn.ReLU()]
    network = nn.Sequential(*modules)
    head = losses.create(loss, embedding_dim=sizes[-1], num_classes=3)
    parameters = [*network.parameters(), *head.parameters()]
    for parameter in parameters:
        parameter.data = parameter.data.to(dtype)
    part = IRIS.X[fold.train]
    X = torch.tensor((IRIS.X - part.mean(0)) / part.std(0)).to(dtype)
    y = torch.tensor(IRIS.y)
    steps = math.ceil(epochs * max(len(f.train) for f in folds) / 16)
    shuffle, order = np.random.default_rng(fold.seed), []
    while len(order) < 16 * steps:
        order += shuffle.permutation(fold.train).tolist()
    optimiser = torch.optim.Adam(parameters, lr=0.01, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=0.01, total_steps=steps
    )
    for step in range(steps):
        rows = order[16 * step : 16 * step + 16]
        optimiser.zero_grad()
        head(network(X[rows]), y[rows]).backward()
        optimiser.step()
        schedule.step()
    return network, head, head.predict(network(X[fold.test])).numpy()


def parameters_of(network, head):
    return [p.detach() for p in (*network.parameters(), *head.parameters())]


@pytest.fixture(scope="module")
def folds():
    return ensembles.cross_validation(150, runs=1, splits=7)


@pytest.mark.parametrize("loss", losses.available())
def test_ensemble_equals_one_by_one(loss, folds):
    trained = ensembles.train(
        IRIS.X,
        IRIS.y,
        folds,
        loss=loss,
        epochs=5,
        dtype=torch.float64,
        **SETTINGS,
    )
    together = parameters_of(trained.network, trained.head)
    for k in (0, 4):
        network, head, predictions = one_by_one(folds, k, loss, epochs=5)
        alone = parameters_of(network, head)
        for mine, all_of_them in zip(alone, together, strict=True):
            torch.testing.assert_close(
                all_of_them[k], mine, rtol=1e-6, atol=1e-9
            )
        assert trained.predictions[k].tolist() == predictions.tolist()


@pytest.mark.parametrize("layers", [1, 2, 6])
def test_float32_agrees_for_any_number_of_layers(layers, folds):
    trained = ensembles.train(
        IRIS.X,
        IRIS.y,
        folds,
        loss="arcgrad",
        layers=layers,
        epochs=3,
        **SETTINGS,
    )
    together = parameters_of(trained.network, trained.head)
    network, head, predictions = one_by_one(
        folds, 2, "arcgrad", epochs=3, layers=layers, dtype=torch.float32
    )
    for mine, all_of_them in zip(
        parameters_of(network, head), together, strict=True
    ):
        torch.testing.assert_close(all_of_them[2], mine, rtol=0.01, atol=1e-3)
    assert np.mean(trained.predictions[2] == predictions) > 0.9


def test_a_network_is_the_same_in_any_company(folds):
    def train(only):
        return ensembles.train(
            IRIS.X,
            IRIS.y,
            folds,
            loss="arcface",
            epochs=4,
            only=only,
            dtype=torch.float64,
            **SETTINGS,
        )

    everyone, alone = train(None), train([5])
    assert alone.steps == everyone.steps
    for mine, all_of_them in zip(
        parameters_of(alone.network, alone.head),
        parameters_of(everyone.network, everyone.head),
        strict=True,
    ):
        torch.testing.assert_close(mine[0], all_of_them[5])
    assert alone.correct[0] == everyone.correct[5]


def test_losses_start_from_the_same_parameters_and_see_the_same_rows(folds):
    pairs = [
        ensembles.initialise(folds[0].seed, (4, 8, 3), 3, name, {})
        for name in losses.available()
    ]
    for network, head in pairs:
        assert torch.equal(network[0].weight, pairs[0][0][0].weight)
        assert torch.equal(head.weight, pairs[0][1].weight)
    rows = ensembles.stream(folds[0], 300)
    one_epoch = len(folds[0].train)
    assert sorted(rows[:one_epoch]) == sorted(folds[0].train)
    assert sorted(rows[one_epoch : 2 * one_epoch]) == sorted(folds[0].train)


def test_training_leaves_the_global_generator_and_threads_alone(folds):
    torch.manual_seed(7)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    trained = ensembles.train(
        IRIS.X, IRIS.y, folds, loss="softmax", epochs=1, **SETTINGS
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert len(trained.curve) == trained.steps


def test_it_learns(folds):
    trained = ensembles.train(
        IRIS.X, IRIS.y, folds, loss="arcgrad", epochs=20, **SETTINGS
    )
    assert trained.tested.sum() == 150
    assert trained.accuracy.mean() > 0.9
    assert trained.train_accuracy.mean() > 0.9
    assert trained.curve[-1] < trained.curve[0] / 2
    assert not trained.diverged.any() and not trained.constant.any()


def test_adacos_with_two_classes_is_noted_and_learns_nothing(folds):
    two = IRIS.y == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained = ensembles.train(
            IRIS.X, two.astype(int), folds, loss="adacos", epochs=2, **SETTINGS
        )
    assert trained.note.count("s = √2 log(C − 1) = 0") == 1
    assert trained.curve == pytest.approx([math.log(2)] * trained.steps)


def test_a_constant_feature_and_divergence_are_told_apart(folds):
    flat = np.column_stack([IRIS.X, np.ones(150)])
    settings = SETTINGS | {"epochs": 1, "loss": "softmax"}
    fine = ensembles.train(flat, IRIS.y, folds, **settings)
    assert not fine.diverged.any()
    wild = ensembles.train(flat, IRIS.y, folds, **settings | {"lr": 1e39})
    assert wild.diverged.all()


def test_folds_are_random_partitions():
    folds = ensembles.cross_validation(23, runs=2, splits=5, seed=1)
    assert len(folds) == 10 and len({fold.seed for fold in folds}) == 10
    for run in (folds[:5], folds[5:]):
        rows = np.concatenate([fold.test for fold in run])
        assert sorted(rows) == list(range(23))
        for fold in run:
            assert not set(fold.train) & set(fold.test)
            assert len(fold.train) + len(fold.test) == 23
    assert folds[0].test.tolist() != folds[5].test.tolist()
    again = ensembles.cross_validation(23, runs=2, splits=5, seed=1)
    assert all(
        np.array_equal(a.test, b.test) and a.seed == b.seed
        for a, b in zip(folds, again, strict=True)
    )
    with pytest.raises(ValueError, match=r"in 2\.\.4"):
        ensembles.cross_validation(4, splits=5)


def test_mlp_counts_the_class_vectors_as_a_layer():
    assert len(networks.mlp(4, 8, 1)) == 0
    assert networks.embedding_dim(4, 8, 1) == 4
    three = networks.mlp(4, 8, 3)
    assert [type(m).__name__ for m in three] == ["Affine", "ReLU"] * 2
    assert three(torch.zeros(5, 4)).shape == (5, 8)
    with pytest.raises(ValueError, match="layers = 0"):
        networks.mlp(4, 8, 0)


def test_a_seed_decides_the_folds_and_the_networks():
    one, other = (
        ensembles.cross_validation(23, runs=1, splits=3, seed=seed)
        for seed in (1, 2)
    )
    assert len(one) == 3
    assert {fold.seed for fold in one}.isdisjoint(fold.seed for fold in other)
    assert one[0].test.tolist() != other[0].test.tolist()


def test_stacking_leaves_its_parts_and_keeps_their_settings():
    pairs = [
        ensembles.initialise(seed, (4, 8, 3), 3, "arcgrad", {"s": 3.0})
        for seed in (0, 1)
    ]
    stacked = ensembles.stack([head for _, head in pairs])
    assert stacked.weight.shape == (2, 3, 8) and stacked.hyper["s"] == 3
    for k, (_, head) in enumerate(pairs):
        assert head.weight.shape == (3, 8)
        assert torch.equal(head.weight, stacked.weight[k])
