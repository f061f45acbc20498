"""Networks of an ensemble are the networks one would train one by one."""

import itertools
import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from arcbook import datasets, ensembles, losses

IRIS = datasets.load("iris")
SETTINGS = {"width": 8, "batch_size": 16, "lr": 0.01, "weight_decay": 5e-4}


def train(folds, loss, *, X=IRIS.X, y=IRIS.y, **given):
    return ensembles.train(X, y, folds, loss=loss, **SETTINGS | given)


def one_by_one(folds, k, loss, *, epochs, layers=3):
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
    part = IRIS.X[fold.train]
    X = torch.tensor((IRIS.X - part.mean(0)) / part.std(0))
    X, y = X.to(torch.get_default_dtype()), torch.tensor(IRIS.y)
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
    return parameters, head.predict(network(X[fold.test])).tolist()


def parameters(trained):
    return [*trained.network.parameters(), *trained.head.parameters()]


@pytest.fixture(scope="module")
def folds():
    return ensembles.cross_validation(150, runs=1, splits=7)


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("loss", losses.available())
def test_ensemble_equals_one_by_one(loss, folds, double):
    trained = train(folds, loss, epochs=5)
    for k in (0, 4):
        alone, predictions = one_by_one(folds, k, loss, epochs=5)
        together = [one[k] for one in parameters(trained)]
        torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-9)
        assert trained.predictions[k].tolist() == predictions


@pytest.mark.parametrize("layers", [1, 2, 6])
def test_float32_agrees_for_any_number_of_layers(layers, folds):
    given = {"epochs": 3, "layers": layers}
    trained = train(folds, "arcgrad", **given)
    alone, predictions = one_by_one(folds, 2, "arcgrad", **given)
    together = [one[2] for one in parameters(trained)]
    torch.testing.assert_close(together, alone, rtol=0.01, atol=1e-3)
    assert np.mean(trained.predictions[2] == predictions) > 0.9


def test_a_network_is_the_same_in_any_company(folds, double):
    everyone = train(folds, "arcface", epochs=4)
    alone = train(folds[5:6], "arcface", epochs=4)
    assert alone.steps == everyone.steps
    torch.testing.assert_close(
        [one[5] for one in parameters(everyone)],
        [one[0] for one in parameters(alone)],
    )
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


def test_training_leaves_generator_and_threads_alone(folds, generator_left):
    threads = torch.get_num_threads()
    trained = train(folds, "softmax", epochs=1)
    assert torch.get_num_threads() == threads
    assert len(trained.curve) == trained.steps


def test_it_learns(folds):
    trained = train(folds, "arcgrad", epochs=20)
    assert trained.tested.sum() == 150
    assert trained.accuracy.mean() > 0.9
    assert trained.train_accuracy.mean() > 0.9
    assert trained.curve[-1] < trained.curve[0] / 2
    assert not trained.diverged.any() and not trained.constant.any()


def test_adacos_with_two_classes_is_noted_and_learns_nothing(folds):
    two = (IRIS.y == 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained = train(folds, "adacos", y=two, epochs=2)
    assert trained.note.count("s = √2 log(C − 1) = 0") == 1
    assert trained.curve == pytest.approx([math.log(2)] * trained.steps)


def test_a_constant_feature_and_divergence_are_told_apart(folds):
    flat = np.column_stack([IRIS.X, np.ones(150)])
    fine = train(folds, "softmax", X=flat, epochs=1)
    assert not fine.diverged.any()
    wild = train(folds, "softmax", X=flat, epochs=1, lr=1e39)
    assert wild.diverged.all()


def test_folds_are_random_partitions():
    folds, again, other = (
        ensembles.cross_validation(23, runs=2, splits=5, seed=seed)
        for seed in (1, 1, 2)
    )
    assert len(folds) == 10 and len({fold.seed for fold in folds}) == 10
    for run in (folds[:5], folds[5:]):
        rows = np.concatenate([fold.test for fold in run])
        assert sorted(rows) == list(range(23))
        for fold in run:
            assert not set(fold.train) & set(fold.test)
            assert len(fold.train) + len(fold.test) == 23
    assert folds[0].test.tolist() != folds[5].test.tolist()
    for one, same in zip(folds, again, strict=True):
        assert np.array_equal(one.test, same.test) and one.seed == same.seed
    assert {fold.seed for fold in folds}.isdisjoint(x.seed for x in other)
    assert folds[0].test.tolist() != other[0].test.tolist()
    with pytest.raises(ValueError, match=r"in 2\.\.4"):
        ensembles.cross_validation(4, splits=5)


def test_mlp_counts_the_class_vectors_as_a_layer():
    network, head = ensembles.initialise(0, (4, 8, 1), 3, "softmax", {})
    assert len(network) == 0 and head.weight.shape == (3, 4)
    three = ensembles.mlp(4, 8, 3)
    assert [type(m).__name__ for m in three] == ["Affine", "ReLU"] * 2
    assert three(torch.zeros(5, 4)).shape == (5, 8)
    with pytest.raises(ValueError, match="layers = 0"):
        ensembles.mlp(4, 8, 0)


def test_stacking_leaves_its_parts_and_keeps_their_settings():
    heads = [
        ensembles.initialise(seed, (4, 8, 3), 3, "arcgrad", {"s": 3.0})[1]
        for seed in (0, 1)
    ]
    stacked = ensembles.stack(heads)
    assert stacked.weight.shape == (2, 3, 8) and stacked.hyper["s"] == 3
    for k, head in enumerate(heads):
        assert head.weight.shape == (3, 8)
        assert torch.equal(head.weight, stacked.weight[k])


def test_ten_times_ten_folds_and_the_fewest_and_most_there_can_be():
    plain = ensembles.cross_validation(30)
    told = ensembles.cross_validation(30, runs=10, splits=10, seed=0)
    assert [f.seed for f in plain] == [f.seed for f in told]
    assert len(plain) == 100
    for splits in (2, 4):
        folds = ensembles.cross_validation(4, runs=1, splits=splits)
        assert [len(f.test) for f in folds] == [4 // splits] * splits


@pytest.mark.parametrize("libc", ["glibc", "musl"])
def test_glibc_is_asked_to_keep_freed_memory(monkeypatch, libc):
    asked = {}
    made = SimpleNamespace(mallopt=asked.__setitem__)
    monkeypatch.setattr(ensembles.platform, "libc_ver", lambda: (libc, "2"))
    monkeypatch.setattr(ensembles.ctypes, "CDLL", {None: made}.get)
    ensembles._keep_freed_memory()
    kept = {-3: 32 << 20, -1: 1 << 30}
    assert asked == (kept if libc == "glibc" else {})


@pytest.mark.parametrize(
    ("loss", "own"),
    [
        ("softmax", [{}, {}, {}]),
        ("center", [{"lam": 0.5}, {"lam": 0.01}, {"lam": 0.1}]),
        ("m_softmax", [{"m": 0.5}, {"m": 0.0}, {"m": 2.0}]),
        ("normface", [{"s": 3.0}, {"s": 30.0}, {"s": 8.0}]),
        (
            "arcface",
            [{"s": 9.0, "m": m} for m in (0.1, 0.5)] + [{"s": 1.0, "m": 0.0}],
        ),
        ("adacos", [{}, {}, {}]),
        ("arcgrad", [{"s": 3.0}, {"s": 30.0}, {"s": 3.0}]),
    ],
)
def test_networks_with_numbers_of_their_own_are_those_alone(
    loss, own, folds, double
):
    rates, decays = [0.03, 0.001, 0.01], [1e-5, 0.01, 0.0]
    together = train(
        *(folds[:3], loss),
        hyperparameters=own,
        lr=rates,
        weight_decay=decays,
        epochs=5,
    )
    for k in range(3):
        alone = train(
            *(folds[k : k + 1], loss),
            hyperparameters=own[k],
            lr=rates[k],
            weight_decay=decays[k],
            epochs=5,
        )
        for one, other in zip(parameters(together), parameters(alone)):
            assert torch.allclose(one[k], other[0], rtol=1e-8, atol=1e-10)
        assert together.correct[k] == alone.correct[0]


def test_numbers_that_do_not_fit_the_folds_are_refused(folds):
    with pytest.raises(ValueError, match="of 2 networks do not fit 3 folds"):
        train(folds[:3], "normface", hyperparameters=[{"s": 1.0}] * 2)
    for name in ("lr", "weight_decay"):
        with pytest.raises(ValueError, match=f"{name} of 2 networks"):
            train(folds[:3], "softmax", **{name: [0.1, 0.2]})
    with pytest.raises(ValueError, match="normface: s = -1"):
        own = [{"s": 1.0}, {"s": 1.0}, {"s": -1.0}]
        train(folds[:3], "normface", hyperparameters=own)
