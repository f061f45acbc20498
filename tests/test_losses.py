"""Every loss of the registry: values, gradients, extremes and errors."""

import copy
import math
from contextlib import contextmanager
from unittest import mock

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import reference
from arcbook import losses
from arcbook.losses import heads, streaming

NAMES = losses.available()
VARIANTS = [(name, {}) for name in NAMES] + [
    ("arcface", {"variant": "monotone", "m": 0.5}),
    ("arcface", {"s": 128.0, "m": 0.3}),
    ("normface", {"s": 126.7}),
    ("arcgrad", {"s": 128.0}),
    ("l_softmax", {"m": 2, "annealing": 5.0}),
    ("combined", {"m1": 1.35, "m2": 0.3, "m3": 0.1}),
    ("ring", {"normalize_weights": True}),
    ("iam", {"base": "arcface", "beta": 0.8}),
    ("iam", {"base": "arcgrad", "s": 5.0}),
]
IDS = [f"{n}-{'-'.join(map(str, v.values()))}" for n, v in VARIANTS]
EVERY = pytest.mark.parametrize(("name", "hyper"), VARIANTS, ids=IDS)
WAYS = ["float32", "float64", "bf16", "blocks"]
EVERY_WAY = pytest.mark.parametrize("way", WAYS)


@contextmanager
def going(way):
    """Gives the type of features; under autocast, or block by block."""
    few = 0 if way == "blocks" else heads.FEW
    with (
        torch.autocast("cpu", torch.bfloat16, enabled=way == "bf16"),
        mock.patch.object(heads, "FEW", few),
        mock.patch.object(streaming, "BLOCK", 2),
    ):
        yield torch.float64 if way == "float64" else torch.float32


def make(name, dim=3, classes=3, **hyper):
    torch.manual_seed(3)
    return losses.create(
        name, embedding_dim=dim, num_classes=classes, **hyper
    ).eval()


def exact(name, hyper):
    """Keyword arguments of the reference for a variant."""
    if name == "iam":
        return {"base": "normface", "beta": 0.2} | hyper
    return hyper


def compare(head, name, hyper, x, label, rtol):
    """Loss and gradient of one sample against 60 digits."""
    features = x.clone()[None].requires_grad_()
    value = head(features, torch.tensor([label]))
    value.backward()
    weight = head.weight.detach().tolist()
    with mp.workdps(60):
        kwargs = exact(name, hyper)
        truth = reference.loss(name, x.tolist(), weight, label, **kwargs)
        slope = reference.gradient(name, x.tolist(), weight, label, **kwargs)
        slope = np.array([float(g) for g in slope])
    assert math.isfinite(value.item())
    assert value.item() == pytest.approx(float(truth), rel=rtol, abs=1e-30)
    gradient = features.grad[0].numpy()
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(
        gradient, slope, rtol=rtol, atol=rtol * np.abs(slope).max() + 1e-45
    )


@EVERY
def test_float64_equals_the_definition(name, hyper):
    head = make(name, **hyper).double()
    x = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64)
    for label in range(3):
        compare(head, name, hyper, x, label, 1e-11)


@EVERY
@EVERY_WAY
@pytest.mark.parametrize("norm", [1e-25, 1.0, 1e22])
def test_right_at_any_norm(name, hyper, norm, way):
    with going(way) as kind:
        head = make(name, **hyper).to(kind)
        direction = torch.tensor([0.48, -0.6, 0.64], dtype=kind)
        rtol = 3e-5 if kind == torch.float32 else 1e-10
        compare(head, name, hyper, direction * norm, 1, rtol)


@EVERY
@EVERY_WAY
@pytest.mark.parametrize("side", [1.0, -1.0], ids=["zero", "pi"])
def test_at_the_ends_and_one_float_away(name, hyper, side, way):
    with going(way) as kind:
        check_ends(make(name, **hyper).to(kind), name, hyper, side)


def check_ends(head, name, hyper, side):
    kind = head.weight.dtype
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[2, 0, 0], [0, 1, 0], [0, 0.6, 0.8]]))
    tiny = torch.finfo(torch.float32).eps
    x = torch.tensor([side, tiny * 0.8, -tiny * 0.6], dtype=kind)
    for label in range(3):
        compare(head, name, hyper, x, label, 3e-5)
    there = torch.tensor([[side, 0, 0]], dtype=kind, requires_grad=True)
    value = head(there, torch.tensor([0]))
    value.backward()
    with mp.workdps(60):
        vectors, given = head.weight.tolist(), exact(name, hyper)
        truth = reference.loss(name, [side, 0, 0], vectors, 0, **given)
    assert value.item() == pytest.approx(float(truth), rel=3e-5, abs=1e-30)
    assert torch.isfinite(there.grad).all()
    assert torch.isfinite(head.weight.grad).all()


@EVERY
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing(name, hyper, dtype):
    head = make(name, dim=8, **hyper)
    features = torch.randn(16, 8).to(dtype)
    labels = torch.arange(16) % 3

    def found(features):
        loss, logits = head(features, labels), head.logits(features)
        return loss, logits, head.predict(features)

    with torch.autocast("cpu", dtype=dtype):
        low = found(features)
    for one, other in zip(low, found(features.float()), strict=True):
        assert torch.equal(one, other)


@EVERY
@EVERY_WAY
@pytest.mark.parametrize("size", [0.0, 1e22])
def test_norms_that_vanish_or_are_huge_both(name, hyper, size, way):
    with going(way) as kind:
        head = make(name, **hyper).to(kind)
        with torch.no_grad():
            head.weight.mul_(size or 1)
        features = torch.randn(4, 3).to(kind).mul(size).requires_grad_()
        value = head(features, torch.tensor([0, 1, 2, 0]))
        value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_logits_predict_without_margin(name):
    head = make(name, dim=5, classes=4)
    features = torch.randn(20, 5)
    logits = head.logits(features)
    assert logits.shape == (20, 4)
    assert (logits.argmax(-1) == head.predict(features)).all()
    cosines = (
        nn.functional.normalize(features)
        @ nn.functional.normalize(head.weight).mT
    )
    if "|W|" not in head.factors:
        assert (cosines.argmax(-1) == head.predict(features)).all()


@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_parameter(name):
    head = make(name)
    features = torch.randn(6, 3)
    head(features, torch.arange(6) % 3).backward()
    for label, parameter in head.named_parameters():
        assert parameter.grad.abs().sum() > 0, label


SAME = (
    (("cosface", {"s": 7.0, "m": 0.0}), ("normface", {"s": 7.0})),
    (("arcface", {"s": 7.0, "m": 0.0}), ("normface", {"s": 7.0})),
    (("iam", {"s": 7.0, "beta": 0.0}), ("normface", {"s": 7.0})),
    (
        ("combined", {"s": 7.0, "m1": 1.0, "m2": 0.3, "m3": 0.0}),
        ("arcface", {"s": 7.0, "m": 0.3}),
    ),
    (("l_softmax", {"m": 1}), ("softmax", {})),
    (("m_softmax", {"m": 0.0}), ("softmax", {})),
    (("ring", {"lam": 0.0}), ("softmax", {})),
    (("center", {"lam": 0.0}), ("softmax", {})),
    (("angular", {}), ("arcgrad", {})),
)


def test_special_cases_agree():
    features, labels = torch.randn(9, 4).double(), torch.arange(9) % 3

    def value(name, hyper):
        head = make(name, dim=4, **hyper).double()
        return head(features, labels).item()

    for one, other in SAME:
        assert value(*one) == pytest.approx(value(*other)), one
    logits = features @ make("softmax", dim=4).weight.double().mT
    plain = nn.functional.cross_entropy(logits, labels).item()
    assert value("softmax", {}) == pytest.approx(plain)


def test_adacos_follows_the_batch_while_it_trains():
    """By what step, [arcgrad, Eq. 10], test_derive says."""
    head = make("adacos", dim=4, classes=5).double().train()
    features, labels = torch.randn(8, 4).double(), torch.arange(8) % 5
    fixed = math.sqrt(2) * math.log(4)
    assert head.s.item() == pytest.approx(fixed)
    head(features, labels)
    adapted = head.s.item()
    assert adapted != pytest.approx(fixed) and not head.s.requires_grad
    head.eval()(features, labels)
    assert head.s.item() == adapted
    head = make("adacos", dim=4, classes=5, dynamic=False).double().train()
    head(features, labels)
    assert head.s.item() == pytest.approx(fixed)


def test_adacos_says_that_two_classes_learn_nothing():
    with pytest.warns(UserWarning, match="s = √2 log"):
        head = losses.create("adacos", embedding_dim=3, num_classes=2)
    features = torch.randn(6, 3, requires_grad=True)
    value = head(features, torch.arange(6) % 2)
    value.backward()
    assert value.item() == pytest.approx(math.log(2))
    assert features.grad.abs().max() == 0
    assert len(set(head.predict(torch.randn(50, 3)).tolist())) == 2


def test_what_is_learned_besides_class_vectors():
    s = nn.Parameter(torch.tensor(4.0))
    head = losses.create("normface", embedding_dim=3, num_classes=3, s=s)
    head(torch.randn(6, 3), torch.arange(6) % 3).backward()
    assert s.grad.abs() > 0
    assert any(p is s for p in head.parameters())
    assert make("center", dim=5, classes=4).centers.shape == (4, 5)
    assert make("ring").radius.shape == ()
    with pytest.raises(AttributeError):
        _ = make("softmax").centers


@pytest.mark.parametrize(
    ("name", "hyper", "message"),
    [
        ("arcfaec", {}, "did you mean arcface"),
        ("arcface", {"margin": 1}, "no hyperparameter 'margin'"),
        ("arcface", {"m": math.pi}, r"m = 3.14.*\[0, π\)"),
        ("arcface", {"m": -0.1}, r"\[0, π\)"),
        ("arcface", {"m": math.nan}, r"\[0, π\)"),
        ("arcface", {"s": 0}, r"\(0, ∞\)"),
        ("arcface", {"s": True}, r"\(0, ∞\)"),
        ("arcface", {"s": "20"}, r"'20'"),
        ("arcface", {"variant": "montone"}, "'plain' or 'monotone'"),
        ("l_softmax", {"m": 2.5}, "an integer"),
        ("l_softmax", {"m": 0}, "an integer in"),
        ("sphereface", {"m": -1}, "an integer in"),
        ("adacos", {"dynamic": 1}, "True or False"),
        ("iam", {"base": "softmax"}, "needs a base with a scale s"),
        ("iam", {"base": "adacso"}, "did you mean adacos"),
        ("iam", {"s": math.inf}, r"\(0, ∞\)"),
        ("iam", {"s": nn.Parameter(torch.tensor(3.0))}, "s is learnable"),
        ("iam", {"beta": -1.0}, r"\[0, ∞\)"),
        ("normface", {"s": nn.Parameter(torch.tensor(math.inf))}, r"\(0, ∞"),
        ("softmax", {"num_classes": 1}, "at least 2"),
        ("softmax", {"embedding_dim": 0}, "at least 1"),
        ("softmax", {"num_classes": 2.0}, "an integer"),
        ("softmax", {"reduction": "avg"}, "'mean', 'sum' or 'none'"),
    ],
)
def test_refuses_what_has_no_meaning(name, hyper, message):
    size = {"embedding_dim": 3, "num_classes": 3}
    with pytest.raises(ValueError, match=message):
        losses.create(name, **size | hyper)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (torch.ones(2, 3), torch.tensor([0, 3]), r"label 3 is outside 0\.\.2"),
        (torch.ones(2, 3), torch.tensor([0, -1]), "label -1 is outside"),
        (torch.ones(0, 3), torch.ones(0).long(), "batch is empty"),
        (
            torch.tensor([[1.0, 2, 3], [1, math.nan, 3]]),
            *(torch.tensor([0, 1]), "of 1 of 2 .* are NaN .* first at 1$"),
        ),
        (torch.tensor([[1, 2, math.inf]]), torch.tensor([0]), "or infinite"),
        (torch.ones(2, 4), torch.tensor([0, 1]), r"takes \(N, 3\)"),
        (torch.ones(2, 3), torch.tensor([0]), "labels have shape"),
        (torch.ones(2, 3), torch.tensor([0.0, 1.0]), "not integers"),
        (torch.ones(2, 3).long(), torch.tensor([0, 1]), "not floating"),
    ],
)
def test_refuses_a_batch(name, features, labels, message):
    with pytest.raises(ValueError, match=message):
        make(name)(features, labels)


@pytest.mark.parametrize("name", NAMES)
def test_describe_names_formula_range_and_source(name):
    text = losses.describe(name)
    spec = losses.get(name)
    assert spec.title in text
    assert "sources:" in text
    for hyperparameter in spec.hyperparameters:
        assert hyperparameter.allowed in text


def test_names():
    assert losses.get("angular") is losses.get("arcgrad")
    with pytest.raises(ValueError, match="already"):
        losses.register(losses.get("arcface"))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "center"])
def test_ensemble_of_heads_equals_each_alone(name):
    features, labels = torch.randn(3, 7, 4).double(), torch.randint(3, (3, 7))
    vectors = torch.randn(3, 3, 4).double()
    head = make(name, dim=4)
    values = head.on(vectors).losses(features, labels)
    for k, alone in enumerate(vectors):
        single = head.on(alone).losses(features[k], labels[k])
        torch.testing.assert_close(values[k], single)


def test_a_head_on_other_class_vectors():
    head = losses.create("center", embedding_dim=2, num_classes=3, lam=0.5)
    x, y = torch.randn(4, 2), torch.tensor([0, 1, 2, 0])
    vectors = torch.randn(3, 2, requires_grad=True)
    other = losses.create("softmax", embedding_dim=2, num_classes=3)
    other = other.on(vectors)
    penalty = 0.25 * x.double().square().sum(-1).mean()
    assert head.on(vectors, penalties=False)(x, y).item() == other(x, y).item()
    assert head.on(vectors)(x, y).item() == pytest.approx(
        (other(x, y) + penalty).item()
    )
    assert head.weight is not vectors and len(head.regularisers) == 1
    assert torch.autograd.grad(other(x, y), vectors)[0].abs().sum() > 0


@pytest.mark.parametrize("name", ["center", "ring", "iam"])
def test_penalty_is_the_printed_formula(name):
    """`regularisers.LATEX`, term by term, is what a head adds."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(6, 4, generator=draw, dtype=torch.float64)
    y = torch.arange(6) % 3
    iam = {"beta": 0.3, "base": "normface", "s": 4.0}
    head = make(name, 4, **(iam if name == "iam" else {"lam": 0.3})).double()
    (penalty,) = head.regularisers
    plain = copy.deepcopy(head)
    plain.regularisers = nn.ModuleList()
    with torch.no_grad():
        if name == "center":
            torch.nn.init.normal_(penalty.centers, generator=draw)
            printed = 0.15 * (x - penalty.centers[y]).norm(dim=1) ** 2
        elif name == "ring":
            printed = 0.15 * (x.norm(dim=1) - head.radius) ** 2
        else:
            p = plain.logits(x).softmax(1)[torch.arange(6), y]
            printed = 0.3 * torch.log((1 - p) / 2)
        added = head(x, y) - plain(x, y)
    assert added.item() == pytest.approx(printed.mean().item(), rel=1e-9)


@given(
    name=st.sampled_from(losses.available()),
    seed=st.integers(0, 10_000),
    power=st.floats(-20, 18),
    s=st.floats(0.1, 128),
    way=st.sampled_from(WAYS),
)
@settings(deadline=None, max_examples=120)
def test_loss_and_gradient_are_finite_at_any_length(name, seed, power, s, way):
    """Features of any direction and of norms from 1e-20 to 1e18."""
    hyper = {"s": s} if "s" in losses.get(name).defaults else {}
    draw = torch.Generator().manual_seed(seed)
    with going(way) as kind:
        head = make(name, 5, 4, **hyper).to(kind)
        x = torch.randn(7, 5, generator=draw).to(kind) * 10.0**power
        x.requires_grad_()
        loss = head.train()(x, torch.arange(7) % 4)
        loss.backward()
    for found in (loss, x.grad, head.weight.grad):
        assert torch.isfinite(found).all()


@EVERY
@pytest.mark.parametrize("stack", [(), (2,)])
def test_a_loss_of_angles_is_that_of_unit_vectors_there(name, hyper, stack):
    """Without what center and ring add, which is no function of angles."""
    generator = torch.Generator().manual_seed(5)
    w, x = (
        nn.functional.normalize(
            torch.randn(*stack, n, 4, generator=generator).double(), dim=-1
        )
        for n in (3, 6)
    )
    head = make(name, 4, 3, **hyper).on(w)
    labels = (torch.arange(6) % 3).expand(*stack, 6)
    theta = torch.arccos(x @ w.mT)
    whole = head.losses(x, labels)
    for penalty in head.regularisers:
        if name in ("center", "ring"):
            whole = whole - penalty(x, labels, None)
    torch.testing.assert_close(head.losses_at(theta, labels), whole)
    own = theta.gather(-1, labels[..., None])[..., 0]
    lowered = head.target_logit(own)
    others = head.logits(x).double()
    others.scatter_(-1, labels[..., None], -torch.inf)
    rest = others.logsumexp(-1)  # of what stands beside the target
    if name != "iam" and float(head.s) == head.hyper.get("s", 1.0):
        expected = torch.log1p((rest - lowered).exp())
        torch.testing.assert_close(head.losses_at(theta, labels), expected)


def test_a_head_says_what_it_is():
    head = make("arcface", 4, 3, s=20.0, m=0.1)
    shown = "arcface, (3, 4), s=20.0, m=0.1, variant=plain"
    assert head.extra_repr() == shown and shown in repr(head)


def test_class_vectors_start_uniform_within_one_over_root_d():
    weight = make("softmax", 256, 40).weight
    bound = 1 / 16
    assert weight.abs().max() <= bound
    assert weight.max() > 0.99 * bound and weight.min() < -0.99 * bound
    assert abs(weight.mean()) < 0.02 * bound
