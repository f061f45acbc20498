"""Bfloat16 is where the protocol says, is near float32, and is recorded."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from arcbook import convnets, datasets, experiments, precision, training
from arcbook.experiments import canary, images
from tiny import TINY, add, tiny_runs

CPU = torch.device("cpu")
EXACT = 2**-8  # of a number rounded to bfloat16's eight binary digits


@pytest.fixture(params=[True, False], ids=["native", "rounded"])
def native(request, monkeypatch):
    """With and without instructions for bfloat16."""
    if request.param and not precision.native():
        pytest.skip("this processor has no instructions for bfloat16")
    monkeypatch.setattr(precision, "native", lambda: request.param)
    return request.param


def gradients(network, pixels, name):
    network.zero_grad()
    with precision.within(CPU, name):
        features = network(pixels)
    features.float().square().mean().backward()
    return features, [p.grad.clone() for p in network.parameters()]


def off(found, expected):
    return ((found.float() - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(16, 32, 3, 2, 1, bias=False), (4, 16, 9, 9)),
        (nn.Conv2d(64, 64, 3, 1, 1, bias=False), (4, 64, 8, 8)),
        (nn.Conv2d(3, 16, 3, 1, 1, bias=False), (4, 3, 32, 32)),
        (nn.Conv2d(32, 64, 1, 2, bias=False), (4, 32, 8, 8)),
        (nn.Linear(128, 100), (16, 128)),
    ],
    ids=str,
)
def test_a_layer_rounds_its_operands_and_its_result_alone(
    layer, shape, native
):
    torch.manual_seed(0)
    x = torch.randn(shape).requires_grad_()
    with precision.within(CPU, "bfloat16"):
        found = layer(x)
    assert found.dtype == torch.bfloat16
    operands = {n: p.detach() for n, p in layer.named_parameters()}
    rounded = {n: p.bfloat16().double() for n, p in operands.items()}
    exact = x.detach().bfloat16().double().requires_grad_()
    expected = torch.func.functional_call(layer, rounded, exact)
    size = expected.abs().max()
    assert (found.double() - expected).abs().max() <= EXACT * size
    given = torch.randn_like(expected).bfloat16()
    (ours,) = torch.autograd.grad(found, x, given)
    (theirs,) = torch.autograd.grad(expected, exact, given.double())
    assert (ours - theirs).abs().max() <= 2 * EXACT * theirs.abs().max()


@pytest.mark.parametrize(
    ("name", "width"), [("resnet20", 1), ("resnet18", 0.25), ("conv4", 1)]
)
def test_features_and_gradients_are_near_those_of_float32(name, width, native):
    torch.manual_seed(0)
    network = convnets.create(name, 3, 100, width)
    network.to(memory_format=torch.channels_last)
    pixels = torch.randn(32, 3, 32, 32)
    expected, slopes = gradients(network, pixels, "float32")
    found, ours = gradients(network, pixels, "bfloat16")
    assert expected.dtype == torch.float32 and found.dtype == torch.bfloat16
    assert 0 < off(found, expected) < 0.03
    joined = [
        torch.cat([g.flatten() for g in part]) for part in (ours, slopes)
    ]
    assert joined[0].dtype == torch.float32
    assert 0 < off(*joined) < 0.2


@contextmanager
def kinds():
    """What layers of networks give while they run, by kind of layer."""
    seen = {}

    def note(module, _, given):
        if isinstance(module, nn.Conv2d | nn.Linear):
            seen.setdefault(given.dtype, set()).add(module.training)

    handle = register_module_forward_hook(note)
    try:
        yield seen
    finally:
        handle.remove()


def train(**changes):
    given = {k: v for k, v in TINY.items() if k != "sample"}
    loss = {"loss": "arcgrad", "hyperparameters": {"s": 10}}
    mnist = datasets.load("mnist", sample=True)
    return training.train(mnist, **given | loss | changes)


@pytest.mark.parametrize("name", precision.PRECISIONS)
def test_every_step_and_look_is_in_the_precision_asked_for(name, native):
    with kinds() as seen:
        result = train(precision=name, embedding_dim=8)
    assert seen == {getattr(torch, name): {True, False}}
    assert result.precision == name
    assert result.arrays["class_vectors"].dtype == "float32"


def test_the_usual_precision_of_a_processor_is_float32():
    with kinds() as seen:
        assert train().precision == "float32"
    assert [*seen] == [torch.float32]
    assert precision.usual(torch.device("cuda")) == "bfloat16"


def test_the_optimiser_and_the_class_vectors_are_float32(native, monkeypatch):
    made = []
    step = torch.optim.Adam.step

    def noted(optimizer, *given):
        done = step(optimizer, *given)
        made.extend(
            tensor.dtype
            for parameter, state in optimizer.state.items()
            for tensor in (parameter, parameter.grad, state["exp_avg_sq"])
        )
        return done

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    train(precision="bfloat16", max_steps=2)
    assert {*made} == {torch.float32}


def test_bfloat16_learns_as_float32_does(native):
    size = {"share": 0.5, "epochs": 3, "test_limit": 500}
    found = [train(precision=x, **size) for x in precision.PRECISIONS]
    near, far = (one.metrics["test_accuracy"] for one in found)
    assert found[0].metrics != found[1].metrics
    assert min(near, far) > 0.8 and abs(near - far) < 0.03


def test_an_unknown_precision():
    with pytest.raises(ValueError, match=r"no precision 'bf16'.*bfloat16"):
        train(precision="bf16")


def test_a_canary_is_the_same_in_every_precision(native, other_code):
    run = tiny_runs("full")[0]
    with_precision = run | {"precision": "bfloat16"}
    assert images.canary(run) == images.canary(with_precision)
    _, small = images.canary(run)
    found = []
    for name in precision.PRECISIONS:
        with canary._double():
            found.append(images.probe(small | {"precision": name}))
    assert found[0] == found[1]


def test_another_width_is_another_canary():
    run = tiny_runs("full")[0]
    _, small = images.canary(run | {"width": 0.5})
    assert small["width"] == 0.5 and "width" not in images.canary(run)[1]


def test_the_usual_is_not_named_so_that_older_keys_stand():
    method = ("softmax", {})
    plain = images.one_run("MNIST", "Soft", method, TINY)
    usual = {"width": 1, "precision": None}
    assert images.one_run("MNIST", "Soft", method, TINY, **usual) == plain
    other = {"width": 0.25, "precision": "bfloat16"}
    run = images.one_run("MNIST", "Soft", method, TINY, **other)
    assert run == plain | other
    assert "-width0.25-bfloat16-2-epochs" in images.name(run)


def test_a_record_says_precision_width_and_threads(folder):
    changed = {"precision": "bfloat16", "width": 0.5}
    add("test.half", lambda p: [one | changed for one in tiny_runs(p)[:1]])
    assert experiments.run("test.half") == 1
    (record,) = experiments.records("test.half")
    assert not record["stale"] and changed.items() <= record.items()
    assert record["threads"] == 1 and record["metrics"]["test_accuracy"] > 0
    assert experiments.run("test.half") == 0


def test_equivalence_is_measured_by_pairs_that_differ_in_nothing_else():
    pairs = {}
    for run in experiments.runs("arcgrad.precision", "full"):
        name = run.pop("precision")
        pairs.setdefault(run["seed"], {})[name] = run
    assert len(pairs) == 25
    for pair in pairs.values():
        assert [*pair] == [*precision.PRECISIONS]
        assert pair["float32"] == pair["bfloat16"]
