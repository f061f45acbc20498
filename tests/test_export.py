"""A trained head taken elsewhere: torch.export, ONNX, onnxruntime."""

import copy
import logging

import onnxruntime
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.export import Dim

from arcbook import formulas, losses
from test_losses import EVERY, IDS, VARIANTS, make

ANY = ({0: Dim("batch")},)
logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # no torchvision


def batch(head, number):
    """Features; of many, some are 0, tiny, huge, and beside class vectors."""
    draw = torch.Generator().manual_seed(number)
    x = torch.randn(number, head.weight.shape[-1], generator=draw)
    if number > 5:
        x[0] = 0
        x[1] *= 1e-30
        x[2] *= 1e15
        away = torch.tensor([0, 1e-4, 1e-2])[torch.arange(number) % 3]
        own = head.weight.detach()[torch.arange(number) % 5]
        turn = torch.linspace(-3, 3, number)
        x[3:] = (turn[:, None] * own + away[:, None] * x)[3:]
    return x


def near(found, expected):
    """To 1e-5 of the largest logit of a sample."""
    assert found.dtype == torch.float32
    gap = (found - expected).abs().amax(-1)
    assert (gap <= 1e-5 * expected.abs().amax(-1)).all()


def with_onnx(module, example):
    """The function that onnxruntime computes."""
    program = torch.onnx.export(
        module, (example,), dynamo=True, dynamic_shapes=ANY, verbose=False
    )
    model = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(model)
    (given,) = session.get_inputs()

    def run(x):
        return [*map(torch.tensor, session.run(None, {given.name: x.numpy()}))]

    return run


@EVERY
def test_every_predictor_exports(name, hyper):
    head = make(name, 6, 5, **hyper)
    alone = losses.predictor(head)
    assert not alone.training and not list(alone.parameters())
    exported = torch.export.export(
        alone, (batch(head, 9),), dynamic_shapes=ANY
    )
    plain = {"call_function", "output", "placeholder"}
    assert {node.op for node in exported.graph.nodes} == plain
    for number in (1, 2, 99):
        x = batch(head, number)
        near(alone(x), head.logits(x))
        near(exported.module()(x), head.logits(x))


class Together(nn.Module):
    """All losses in one module, since an export takes seconds."""

    def __init__(self, heads):
        super().__init__()
        self.each = nn.ModuleList(map(losses.predictor, heads))

    def forward(self, features):
        return [one(features) for one in self.each]


@pytest.fixture(scope="module")
def heads():
    return [make(name, 6, 5, **hyper) for name, hyper in VARIANTS]


@pytest.fixture(scope="module")
def run(heads):
    return with_onnx(Together(heads).eval(), batch(heads[0], 9))


@pytest.mark.parametrize("number", [1, 2, 7, 99])
@pytest.mark.parametrize("place", range(len(VARIANTS)), ids=IDS)
def test_onnxruntime_gives_the_same(heads, run, place, number):
    x = batch(heads[place], number)
    near(run(x)[place], heads[place].logits(x))


def turned(theta):
    """A formula of every class's angle."""
    return formulas.cos(theta) - 0.1 * theta**2


def test_a_loss_that_a_reader_registers():
    names = {"target": turned, "others": turned}
    entry = losses.Loss("turned", "Turned", "", scale=("|W|", "|x|"), **names)
    losses.register(entry)
    try:
        head = make("turned", 6, 5)
        run = with_onnx(losses.predictor(head), batch(head, 9))
    finally:
        losses.unregister("turned")
    x = batch(head, 9)
    near(run(x)[0], head.logits(x))


@pytest.fixture
def network():
    torch.manual_seed(0)
    parts = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(144, 6)).train()


@pytest.mark.parametrize("name", ["arcface", "arcgrad", "softmax"])
def test_a_network_goes_with_it_in_eval_mode(name, network):
    head = make(name, 6, 5)
    network(torch.randn(50, 1, 8, 8))  # statistics of a training
    whole = losses.predictor(head, network)
    assert network.training and not whole.training
    run = with_onnx(whole, torch.randn(2, 1, 8, 8))
    for number in (1, 5):
        images = torch.randn(number, 1, 8, 8)
        with torch.no_grad():
            expected = head.logits(copy.deepcopy(network).eval()(images))
            near(whole(images), expected)
        near(run(images)[0], expected)


@pytest.mark.parametrize("name", ["arcface", "arcgrad", "softmax"])
def test_training_goes_on_without_it(name, network):
    head, x = make(name, 6, 5), torch.randn(4, 6)
    whole = losses.predictor(head, nn.Sequential(nn.Linear(6, 6)))
    before = whole(x)
    with torch.no_grad():
        head.weight.add_(1)
    assert torch.equal(whole(x), before)


@EVERY
def test_autocast_changes_nothing(name, hyper):
    head = make(name, 6, 5, **hyper)
    x = batch(head, 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        near(losses.predictor(head)(x), head.logits(x))


def test_the_scale_is_the_one_that_was_learned():
    for head in (
        make("adacos", 6, 5).train(),
        make("normface", 6, 5, s=nn.Parameter(torch.tensor(7.0))),
    ):
        x = batch(head, 30)
        head(x.clamp(-9, 9), torch.arange(30) % 5)
        near(losses.predictor(head)(x), head.logits(x))


@pytest.mark.parametrize("name", ["cosface", "arcgrad", "ring"])
def test_an_ensemble_in_one_module(name):
    head = make(name, 6, 5).on(torch.randn(3, 5, 6))
    x = torch.randn(3, 4, 6)
    near(losses.predictor(head)(x), head.logits(x))


def test_a_split_head_is_put_together():
    dist.init_process_group(
        "gloo", store=dist.HashStore(), rank=0, world_size=1
    )
    try:
        head = make("arcface", 6, 5)
        part = losses.split(copy.deepcopy(head), init_device_mesh("cpu", (1,)))
        x = batch(head, 9)
        near(losses.predictor(part)(x), head.logits(x))
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize("name", ["arcface", "softmax", "arcgrad"])
def test_sub_centers_are_one_class(name):
    head = make(name, 6, 5, sub_centers=3)
    x = batch(head, 9)
    assert losses.predictor(head)(x).shape == (9, 5)
    near(losses.predictor(head)(x), head.logits(x))


def test_cosines_that_rounding_takes_beyond_one():
    head = make("arcgrad", 64, 400)
    x = head.weight.detach()
    near(losses.predictor(head)(x), head.logits(x))
