"""Of many classes: the same loss and gradient, block by block."""

import copy

import pytest
import torch
import torch.utils.checkpoint
from torch.utils._python_dispatch import TorchDispatchMode

from arcbook import formulas, geometry, losses
from arcbook.losses import heads, streaming, tables
from test_losses import EVERY, make

OPERATORS = vars(streaming) | vars(tables)


@pytest.fixture
def in_blocks(monkeypatch):
    """Every batch goes block by block, a few classes each."""
    monkeypatch.setattr(heads, "FEW", 0)
    monkeypatch.setattr(streaming, "BLOCK", 30)
    monkeypatch.setattr(streaming, "PAIRS", 3)
    monkeypatch.setattr(tables, "MAPPED", 1)


def measured(head, features, labels):
    """Losses and all gradients of a sum of them with unequal weights."""
    features = features.clone().requires_grad_()
    values = head.losses(features, labels)
    weights = torch.linspace(0.5, 2, labels.numel()).view(labels.shape)
    (values * weights).sum().backward()
    found = {name: p.grad for name, p in head.named_parameters()}
    return found | {"loss": values.detach(), "features": features.grad}


def same(head, features, labels, monkeypatch, tolerance):
    other = copy.deepcopy(head)
    monkeypatch.setattr(heads, "FEW", 1 << 30)
    whole = measured(head, features, labels)
    monkeypatch.setattr(heads, "FEW", 0)
    blocks = measured(other, features, labels)
    for name, value in whole.items():
        largest = value.abs().max().item()
        gap = (value - blocks[name]).abs().max().item()
        assert gap <= tolerance * largest, name
    return whole


@EVERY
@pytest.mark.parametrize(
    ("dtype", "tolerance", "n"),
    [
        (torch.float32, 1e-6, 11),
        (torch.float32, 1e-6, 4),
        (torch.float64, 1e-10, 7),
    ],
)
def test_blocks_give_what_one_array_gives(
    name, hyper, dtype, tolerance, n, in_blocks, monkeypatch
):
    """Whether products are kept (7 of 8), angles too (4), or neither (11)."""
    head = make(name, 8, 23, **hyper).to(dtype).train()
    draw = torch.Generator().manual_seed(2)
    features = torch.randn(n, 8, generator=draw).to(dtype)
    labels = torch.randint(23, (n,), generator=draw)
    with torch.no_grad():  # rivals at angles of almost 0 and π
        near, far = 1e-5 * torch.randn(2, 8, generator=draw)
        head.weight[3] = 2 * features[0] + near
        head.weight[5] = far - features[1]
    tolerance *= max(1, float(head.s) / 20)
    same(head, features, labels, monkeypatch, tolerance)


@EVERY
def test_blocks_of_stacked_heads(name, hyper, in_blocks, monkeypatch):
    head = make(name, 5, 9, **hyper).double()
    stacked = head.on(torch.randn(2, 3, 9, 5).double(), penalties=False)
    if name in ("center", "ring"):
        stacked.regularisers = torch.nn.ModuleList()
    features, labels = torch.randn(2, 3, 7, 5), torch.randint(9, (2, 3, 7))
    same(stacked, features.double(), labels, monkeypatch, 1e-12)


@pytest.mark.parametrize("scale", [("s",), ("s", "|x|"), ("s", "|x|", "|W|")])
def test_a_formula_of_every_angle_with_any_norms(
    scale, in_blocks, monkeypatch
):
    """What a reader may register: all classes' logits bend, norms enter."""

    def bent(theta):
        """Bent: cos θ − θ²/4."""
        return formulas.cos(theta) - theta**2 / 4

    s = losses.Hyperparameter("s", "scale", 2.0, 0, closed=False)
    given = {"target": bent, "others": bent, "scale": scale}
    spec = losses.Loss("bent", "Bent", "", hyperparameters=(s,), **given)
    losses.register(spec)
    try:
        head = make("bent", 6, 17, s=torch.nn.Parameter(torch.tensor(3.0)))
        features, labels = torch.randn(9, 6), torch.randint(17, (9,))
        found = same(head, features, labels, monkeypatch, 2e-6)
        assert found["s"] != 0
    finally:
        losses.unregister("bent")


@pytest.mark.parametrize(
    "name", ["l2_softmax", "cosface", "arcface", "adacos", "arcgrad", "iam"]
)
@pytest.mark.parametrize("size", [1e-170, 1.0, 1e170])
def test_float64_of_any_length(name, size, monkeypatch):
    """A feature's length changes nothing where it is no factor."""
    head = make(name, 6, 17).double()
    features = torch.randn(9, 6).double()
    labels = torch.randint(17, (9,))
    whole = same(head, features, labels, monkeypatch, 1e-12)
    scaled = copy.deepcopy(head)
    with torch.no_grad():
        scaled.weight.mul_(1 if "|W|" in head.factors else size)
    scaled.zero_grad()
    far = same(scaled, features * size, labels, monkeypatch, 1e-12)
    torch.testing.assert_close(far["loss"], whole["loss"])
    torch.testing.assert_close(far["features"] * size, whole["features"])


@pytest.mark.parametrize("name", ["softmax", "m_softmax", "l2_softmax"])
def test_large_logits_keep_their_digits(name, in_blocks, monkeypatch):
    """Rivals close to each other at thousands: what float64 gives."""
    head = make(name, 8, 23)
    with torch.no_grad():
        head.weight.add_(1e3 * torch.randn(8))
    features, labels = 10 * torch.randn(11, 8), torch.randint(23, (11,))
    same(head, features, labels, monkeypatch, 1e-6)


@pytest.mark.parametrize("classes", [7, 3000])
@pytest.mark.parametrize("name", losses.available())
def test_compiles_to_one_graph(name, classes):
    torch._dynamo.reset()
    hyper = {"variant": "monotone", "m": 0.5} if name == "arcface" else {}
    head = make(name, 8, classes, **hyper).train()
    other = copy.deepcopy(head)
    features, labels = torch.randn(64, 8), torch.randint(classes, (64,))
    compiled = torch.compile(other, fullgraph=True, backend="aot_eager")
    mine, theirs = (h(features, labels) for h in (head, compiled))
    assert mine.item() == pytest.approx(theirs.item(), rel=1e-6)
    mine.backward()
    theirs.backward()
    torch.testing.assert_close(head.weight.grad, other.weight.grad)


@pytest.mark.parametrize("few", [0, 1 << 30])
@pytest.mark.parametrize("name", losses.available())
def test_what_arrays_are_made(name, few, in_blocks, monkeypatch):
    """None (N, C, d); by blocks none (N, C), and gradients alone (C, d)."""
    monkeypatch.setattr(heads, "FEW", few)
    n, c, d, sizes = 8, 200, 4, []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            given = function(*args, **kwargs or {})
            if isinstance(given, torch.Tensor) and "view" not in str(function):
                sizes.append(given.numel())
            return given

    head = losses.create(name, embedding_dim=d, num_classes=c)
    features = torch.randn(n, d, requires_grad=True)
    with Watch():
        head(features, torch.randint(c, (n,))).backward()
    if few:
        assert max(sizes) == n * c
    else:
        assert n * c not in sizes
        assert sizes.count(c * d) <= (5 if name == "center" else 2)


@pytest.mark.parametrize("name", ["softmax", "arcface", "arcgrad", "iam"])
def test_blocks_as_people_train(name, in_blocks):
    """In bf16 autocast, batch by batch, and by a checkpoint: one gradient."""
    head = make(name, 8, 23)
    features, labels = torch.randn(12, 8), torch.randint(23, (12,))
    head(features, labels).backward()
    whole = head.weight.grad.clone()
    head.weight.grad = None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for part in (slice(0, 6), slice(6, 12)):
            given = features[part], labels[part]
            half = torch.utils.checkpoint.checkpoint(
                head, *given, use_reentrant=False
            )
            (half / 2).backward()
    torch.testing.assert_close(head.weight.grad, whole)


def test_a_second_backward_pass_computes_products_again(in_blocks):
    head, features = make("arcgrad", 8, 23), torch.randn(4, 8)
    loss = head(features, torch.tensor([0, 5, 9, 22]))
    first, second = (
        torch.autograd.grad(loss, head.weight, retain_graph=True)[0]
        for _ in range(2)
    )
    torch.testing.assert_close(first, second)


@EVERY
def test_sub_centers_in_blocks(name, hyper, in_blocks, monkeypatch):
    """One vector of a class counts, where all are equally near as well."""
    head = make(name, 8, 11, sub_centers=3, **hyper).double().train()
    features = torch.randn(7, 8).double()
    features[2] = 0
    same(head, features, torch.randint(11, (7,)), monkeypatch, 1e-10)


@pytest.mark.parametrize("classes", [5, 3000])
@EVERY
def test_a_device_without_float64(name, hyper, classes, monkeypatch):
    """No float64 is made, and float32's digits are right."""

    class Float64(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function.namespace == "arcbook":
                operator = OPERATORS[f"_{function._opname}"]
                with self:
                    given = operator._init_fn(*args, **kwargs or {})
            else:
                given = function(*args, **kwargs or {})
            made = given if isinstance(given, tuple) else (given,)
            assert torch.float64 not in {getattr(x, "dtype", 0) for x in made}
            return given

    head = make(name, 8, classes, **hyper).train()
    features, labels = torch.randn(16, 8), torch.randint(classes, (16,))
    with torch.no_grad():
        features[0] = 3 * head.weight[labels[0]] + features[0] / 50
    other = copy.deepcopy(head)
    expected = measured(head, features, labels)
    monkeypatch.setattr(geometry, "NARROW", {"cpu"})
    other.to("cpu")
    with Float64():
        found = measured(other, features, labels)
    for name, value in expected.items():
        gap = (value - found[name]).abs().max()
        assert gap <= 1e-5 * value.abs().max(), name
