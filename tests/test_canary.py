"""Canaries: still where code only moved, and moved by each of these bugs."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR

from arcbook import (
    augment,
    convnets,
    datasets,
    ensembles,
    experiments,
    looks,
    losses,
    metrics,
    training,
)
from arcbook.experiments import canary, images, uci


def run_of(id, profile="full", **where):
    return next(
        run
        for run in experiments.runs(id, profile)
        if all(run.get(name) == value for name, value in where.items())
    )


RUNS = {
    "digits": ("mnist-cosine.table1", {"column": "ArcFace"}),
    "coloured": ("arcgrad.table4", {"column": "Soft", "profile": "quick"}),
    "residual": ("angular-learning.table5", {"column": "Arc"}),
    "tables": ("arcgrad.table1", {"column": "Soft"}),
    "margin": ("arcgrad.table1", {"column": "M-Soft"}),
    "adaptive": ("arcgrad.table1", {"column": "AdaCos"}),
}


def apart(name, other_code):
    """The largest difference of a canary from its committed numbers."""
    id, where = RUNS[name]
    run = run_of(id, **where)
    other_code()
    expected = canary.committed()[canary.key(id, run)]
    found = canary.numbers(id, run)
    return max(canary._apart(found[k], expected[k]) for k in expected)


@pytest.mark.parametrize("name", RUNS)
def test_canaries_are_still(name, other_code):
    assert apart(name, other_code) <= canary.TOLERANCE


def no_decay(patch):
    adam = torch.optim.Adam
    patch.setattr(
        torch.optim, "Adam", lambda x, *, weight_decay, **more: adam(x, **more)
    )


def linear_cycle(patch):
    def linear(optimizer, *_, total_steps, **__):
        return LinearLR(optimizer, 0.1, 1.0, total_steps)

    patch.setattr(training, "OneCycleLR", linear)
    patch.setattr(ensembles, "OneCycleLR", linear)


def no_eval(patch):
    def embed(network, pixels, scaling, precision):
        with torch.no_grad():
            return network(scaling(pixels)).float()

    patch.setattr(looks, "embed", embed)
    patch.setattr(training, "embed", embed)


def same_shuffle(patch):
    drawn = training.draws
    patch.setattr(
        training, "draws", lambda seed, *purpose: drawn(seed, *purpose[:1])
    )
    patch.setattr(
        ensembles,
        "stream",
        lambda fold, length: np.resize(
            np.random.default_rng(fold.seed).permutation(fold.train), length
        ).astype(np.int32),
    )


def one_flip(patch):
    randint = torch.randint

    def once(high, size, *more, **given):
        if high == 2:
            return randint(high, (1, 1), **given).expand(size)
        return randint(high, size, *more, **given)

    patch.setattr(augment.torch, "randint", once)


def no_shortcut(patch):
    patch.setattr(
        convnets.Block,
        "forward",
        lambda block, x: nn.functional.relu(block.residual(x)),
    )


def first_is_fifth(patch):
    top_k = metrics.top_k
    patch.setattr(metrics, "top_k", lambda z, y, k=1: top_k(z, y, 1))


def every_row_trained_on(patch):
    cross_validation = ensembles.cross_validation

    def whole(samples, **given):
        folds = cross_validation(samples, **given)
        rows = np.arange(samples)
        return [ensembles.Fold(rows, f.test, f.seed) for f in folds]

    patch.setattr(ensembles, "cross_validation", whole)


def biased_deviation(patch):
    std = np.ndarray.std

    class Biased(np.ndarray):
        def std(self, *given, ddof=0, **more):
            return float(std(self, *given, **more))

        def mean(self, *given, **more):
            return float(np.ndarray.mean(self, *given, **more))

    patch.setattr(
        ensembles.Trained,
        "accuracy",
        property(lambda t: (t.correct / t.tested).view(Biased)),
    )


def mean_angle(patch):
    patch.setattr(
        torch.Tensor,
        "median",
        lambda tensor, dim: SimpleNamespace(values=tensor.mean(dim)),
    )


def smaller_margin(patch):
    check = losses.registry.Loss.check

    def less(spec, given):
        found = check(spec, given)
        if spec.name == "m_softmax":
            found["m"] = 0.35
        return found

    patch.setattr(losses.registry.Loss, "check", less)


@pytest.mark.parametrize(
    ("name", "bug"),
    [
        *itertools.product(
            ("digits", "tables"), (no_decay, linear_cycle, same_shuffle)
        ),
        ("digits", no_eval),
        ("residual", no_shortcut),
        ("coloured", first_is_fifth),
        ("coloured", one_flip),
        ("margin", smaller_margin),
        ("tables", every_row_trained_on),
        ("tables", biased_deviation),
        ("adaptive", mean_angle),
    ],
)
def test_a_bug_moves_a_canary(name, bug, monkeypatch, other_code):
    with monkeypatch.context() as patch:
        bug(patch)
        assert apart(name, other_code) > 100 * canary.TOLERANCE


@pytest.mark.parametrize(
    ("column", "changed"), [("M-Soft", {"m": 0.35}), ("ArcFace", {"m": 0.11})]
)
def test_another_margin_is_another_canary(column, changed):
    run = run_of("arcgrad.table1", column=column)
    other = run | {"hyperparameters": run["hyperparameters"] | changed}
    name = canary.key("arcgrad.table1", run)
    assert name != canary.key("arcgrad.table1", other)
    stamp = canary.stamp("arcgrad.table1", run)
    assert canary.why_stale("arcgrad.table1", other, stamp)


def test_a_run_s_seed_epochs_and_data_are_not_part_of_it():
    run = run_of("arcgrad.table4", "full", column="Soft", benchmark="CIFAR10+")
    other = run | {"seed": 3, "epochs": 1, "share": 0.1, "batch_size": 7}
    assert images.canary(run) == images.canary(other)
    table = run_of("arcgrad.table1")
    assert uci.canary(table) == uci.canary(table | {"dataset": "iris"})


def test_synthetic_data_are_the_same_everywhere():
    pixels = images.synthetic(12, 3)
    assert pixels.train_images.shape == (70, 12, 12, 3)
    assert datasets.digest(pixels.train_images)[:12] == "470a5ecfd685"
    table = uci.synthetic()
    assert datasets.digest(table.X.round(6), table.y)[:12] == "ea5d68a30188"


def test_what_can_not_run_here_is_not_stale(monkeypatch):
    run = run_of("arcgrad.cost", device_type="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert canary.moved("arcgrad.cost", run, {"loss.Soft": 1.0}) == ""


def test_the_code_of_a_canary_is_what_lies_left_of_it(tmp_path, monkeypatch):
    def hashed():
        canary.code.cache_clear()
        return canary.code()

    for name in ("formulas.py", "audit/ledger.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one")
    with monkeypatch.context() as patch:
        patch.setattr(canary, "LIBRARY", tmp_path)
        first = hashed()
        (tmp_path / "audit/ledger.py").write_text("two")
        assert hashed() == first
        (tmp_path / "formulas.py").write_text("two")
        assert hashed() != first
    canary.code.cache_clear()
