"""Every loss of the registry: values, gradients, extremes and errors."""

import math
import warnings

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import reference
from arcbook import losses

NAMES = losses.available()
VARIANTS = [(name, {}) for name in NAMES] + [
    ("arcface", {"variant": "monotone", "m": 0.5}),
    ("arcface", {"s": 128.0, "m": 0.3}),
    ("normface", {"s": 128.0}),
    ("arcgrad", {"s": 128.0}),
    ("l_softmax", {"m": 2, "annealing": 5.0}),
    ("combined", {"m1": 1.35, "m2": 0.3, "m3": 0.1}),
    ("ring", {"normalize_weights": True}),
    ("iam", {"base": "arcface", "beta": 0.8}),
    ("iam", {"base": "arcgrad", "s": 5.0}),
]
IDS = [f"{n}-{'-'.join(map(str, v.values()))}" for n, v in VARIANTS]
EVERY = pytest.mark.parametrize(("name", "hyper"), VARIANTS, ids=IDS)


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
@pytest.mark.parametrize("norm", [1e-25, 1.0, 1e22])
def test_float32_is_right_at_any_norm(name, hyper, norm):
    head = make(name, **hyper)
    direction = torch.tensor([0.48, -0.6, 0.64])
    compare(head, name, hyper, direction * norm, 1, 3e-5)


@EVERY
@pytest.mark.parametrize("side", [1.0, -1.0], ids=["zero", "pi"])
def test_one_float_away_from_the_ends(name, hyper, side):
    head = make(name, **hyper)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[2, 0, 0], [0, 1, 0], [0, 0.6, 0.8]]))
    tiny = torch.finfo(torch.float32).eps
    x = torch.tensor([side, tiny * 0.8, -tiny * 0.6])
    for label in range(3):
        compare(head, name, hyper, x, label, 3e-5)


@EVERY
@pytest.mark.parametrize("side", [1.0, -1.0], ids=["zero", "pi"])
def test_exactly_at_the_ends(name, hyper, side):
    head = make(name, **hyper)
    with torch.no_grad():
        head.weight.copy_(torch.eye(3))
    features = torch.tensor([[side, 0.0, 0.0]], requires_grad=True)
    value = head(features, torch.tensor([0]))
    value.backward()
    with mp.workdps(60):
        truth = reference.loss(
            name, [side, 0, 0], np.eye(3).tolist(), 0, **exact(name, hyper)
        )
    assert value.item() == pytest.approx(float(truth), rel=3e-5, abs=1e-30)
    assert torch.isfinite(features.grad).all()
    assert torch.isfinite(head.weight.grad).all()


@EVERY
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing(name, hyper, dtype):
    head = make(name, dim=8, **hyper)
    torch.manual_seed(0)
    features = torch.randn(16, 8).to(dtype)
    labels = torch.arange(16) % 3
    with torch.autocast("cpu", dtype=dtype):
        low = head(features, labels)
    assert low == head(features.float(), labels)


@EVERY
def test_both_norms_huge(name, hyper):
    head = make(name, **hyper)
    with torch.no_grad():
        head.weight.mul_(1e22)
    features = torch.randn(4, 3).mul(1e22).requires_grad_()
    value = head(features, torch.tensor([0, 1, 2, 0]))
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_feature_without_direction(name):
    head = make(name)
    features = torch.zeros(2, 3, requires_grad=True)
    head(features, torch.tensor([0, 1])).backward()
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


def test_special_cases_agree():
    features, labels = torch.randn(9, 4), torch.arange(9) % 3

    def value(name, **hyper):
        head = make(name, dim=4, **hyper).double()
        return head(features.double(), labels).item()

    normface = value("normface", s=7.0)
    assert value("cosface", s=7.0, m=0.0) == pytest.approx(normface)
    assert value("arcface", s=7.0, m=0.0) == pytest.approx(normface)
    assert value("combined", s=7.0, m1=1.0, m2=0.0, m3=0.0) == pytest.approx(
        normface
    )
    assert value("iam", s=7.0, beta=0.0) == pytest.approx(normface)
    assert value("l_softmax", m=1) == pytest.approx(value("softmax"))
    assert value("m_softmax", m=0.0) == pytest.approx(value("softmax"))
    assert value("ring", lam=0.0) == pytest.approx(value("softmax"))
    assert value("center", lam=0.0) == pytest.approx(value("softmax"))
    arcface = value("arcface", s=7.0, m=0.3)
    assert value("combined", s=7.0, m1=1.0, m2=0.3, m3=0.0) == pytest.approx(
        arcface
    )
    plain = nn.functional.cross_entropy(
        features.double() @ make("softmax", dim=4).weight.double().mT, labels
    )
    assert value("softmax") == pytest.approx(plain.item())
    assert value("angular") == value("arcgrad")


def test_adacos_follows_the_batch():
    """[arcgrad, Eq. 10], written out sample by sample."""
    head = make("adacos", dim=4, classes=5).double().train()
    features, labels = torch.randn(8, 4).double(), torch.arange(8) % 5
    s = math.sqrt(2) * math.log(4)
    assert head.s.item() == pytest.approx(s)
    head(features, labels)
    cosines = nn.functional.cosine_similarity(
        features[:, None], head.weight.detach()[None], dim=-1
    )
    rivals = [
        sum(math.exp(s * cosines[i, j]) for j in range(5) if j != labels[i])
        for i in range(8)
    ]
    angles = sorted(math.acos(cosines[i, labels[i]]) for i in range(8))
    middle = min(math.pi / 4, angles[3])
    expected = math.log(sum(rivals) / 8) / math.cos(middle)
    assert head.s.item() == pytest.approx(expected)
    assert not head.s.requires_grad
    head.eval()(features, labels)
    assert head.s.item() == pytest.approx(expected)
    fixed = make("adacos", dim=4, classes=5, dynamic=False).double().train()
    fixed(features, labels)
    assert fixed.s.item() == pytest.approx(s)


def test_adacos_says_that_two_classes_learn_nothing():
    with pytest.warns(UserWarning, match="s = √2 log"):
        head = losses.create("adacos", embedding_dim=3, num_classes=2)
    features = torch.randn(6, 3, requires_grad=True)
    value = head(features, torch.arange(6) % 2)
    value.backward()
    assert value.item() == pytest.approx(math.log(2))
    assert features.grad.abs().max() == 0
    assert len(set(head.predict(torch.randn(50, 3)).tolist())) == 2


def test_learnable_scale():
    s = nn.Parameter(torch.tensor(4.0))
    head = losses.create("normface", embedding_dim=3, num_classes=3, s=s)
    head(torch.randn(6, 3), torch.arange(6) % 3).backward()
    assert s.grad.abs() > 0
    assert any(p is s for p in head.parameters())


def test_center_and_ring_learn_what_they_are_named_for():
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
    ],
)
def test_refuses_what_has_no_meaning(name, hyper, message):
    with pytest.raises(ValueError, match=message):
        losses.create(name, embedding_dim=3, num_classes=3, **hyper)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"embedding_dim": 3, "num_classes": 1}, "at least 2"),
        ({"embedding_dim": 0, "num_classes": 3}, "at least 1"),
        ({"embedding_dim": 3, "num_classes": 2.0}, "an integer"),
    ],
)
def test_refuses_sizes(size, message):
    with pytest.raises(ValueError, match=message):
        losses.create("softmax", **size)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (torch.ones(2, 3), torch.tensor([0, 3]), r"label 3 is outside 0\.\.2"),
        (torch.ones(2, 3), torch.tensor([0, -1]), "label -1 is outside"),
        (torch.ones(0, 3), torch.ones(0).long(), "batch is empty"),
        (torch.tensor([[1, 2, math.nan]]), torch.tensor([0]), "NaN"),
        (torch.tensor([[1, 2, math.inf]]), torch.tensor([0]), "infinite"),
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


def test_no_tensor_of_samples_by_classes_by_dimension():
    """Memory is counted by the tensors that autograd keeps."""
    n, c, d = 64, 48, 32
    for name in NAMES:
        head = losses.create(name, embedding_dim=d, num_classes=c)
        sizes = []
        features = torch.randn(n, d, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, kept=sizes: kept.append(t.numel()) or t, lambda t: t
        ):
            head(features, torch.randint(c, (n,))).backward()
        assert max(sizes) <= n * max(c, d), name


def test_ensemble_of_heads_equals_each_alone():
    torch.manual_seed(0)
    features, labels = torch.randn(3, 7, 4), torch.randint(3, (3, 7))
    for name in NAMES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            heads = [make(name, dim=4).double() for _ in range(3)]
        stacked = make(name, dim=4).double()
        del stacked.weight
        stacked.weight = torch.stack(
            [h.weight * (k + 1) for k, h in enumerate(heads)]
        )
        if name in ("center", "ring"):
            continue
        values = stacked.losses(features.double(), labels)
        for k, head in enumerate(heads):
            with torch.no_grad():
                head.weight.mul_(k + 1)
            alone = head.losses(features[k].double(), labels[k])
            torch.testing.assert_close(values[k], alone)


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
    given = {"beta": 0.3} if name == "iam" else {"lam": 0.3}
    base = {"base": "normface", "s": 4.0} if name == "iam" else {}
    head = losses.create(
        name, embedding_dim=4, num_classes=3, **given, **base
    ).double()
    (penalty,) = head.regularisers
    if name == "center":
        torch.nn.init.normal_(penalty.centers, generator=draw)
    plain = losses.create(
        "normface" if base else "softmax",
        embedding_dim=4,
        num_classes=3,
        **({"s": 4.0} if base else {}),
    ).double()
    with torch.no_grad():
        plain.weight.copy_(head.weight)
        added = float(head(x, y) - plain(x, y))
        gap = {
            "center": lambda: (x - penalty.centers[y]).norm(dim=1) ** 2,
            "ring": lambda: (x.norm(dim=1) - head.radius) ** 2,
        }
        if name == "iam":
            p = plain.logits(x).softmax(1)[torch.arange(6), y]
            printed = 0.3 * float(torch.log((1 - p) / 2).mean())
        else:
            printed = 0.3 / 2 * float(gap[name]().mean())
    assert added == pytest.approx(printed, rel=1e-9)


@given(
    name=st.sampled_from(losses.available()),
    seed=st.integers(0, 10_000),
    power=st.floats(-20, 18),
    data=st.data(),
)
@settings(deadline=None, max_examples=60)
def test_loss_and_gradient_are_finite_at_any_length(name, seed, power, data):
    """Features of any direction and of norms from 1e-20 to 1e18."""
    spec = losses.get(name)
    given_ = {}
    if any(h.name == "s" for h in spec.hyperparameters):
        given_["s"] = data.draw(st.floats(0.1, 128))
    head = losses.create(name, embedding_dim=5, num_classes=4, **given_)
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(7, 5, generator=draw) * 10.0**power
    x.requires_grad_()
    loss = head(x, torch.arange(7) % 4)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(head.weight.grad).all()


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


@EVERY
def test_prediction_under_autocast_is_that_without(name, hyper):
    head = make(name, 16, 7, **hyper)
    x = torch.randn(9, 16, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, predicted = head.logits(x), head.predict(x)
    assert torch.equal(logits, head.logits(x))
    assert torch.equal(predicted, head.predict(x))


@pytest.mark.parametrize(("row", "value"), [(3, math.nan), (4, math.inf)])
def test_the_feature_that_is_no_number_is_named(row, value):
    head, x = make("arcface", 3, 3), torch.ones(5, 3)
    x[row, 1] = value
    with pytest.raises(ValueError, match=f"of 1 of 5 .* first at {row}$"):
        head(x, torch.zeros(5, dtype=torch.long))
