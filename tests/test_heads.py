"""A head in other people's training: reductions, groups, warm-up, peers."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from arcbook import losses
from test_losses import EVERY, make

FEATURES = torch.randn(9, 6, generator=torch.Generator().manual_seed(4))
LABELS = torch.arange(9) % 5


@EVERY
def test_margin_logits_are_those_of_the_loss(name, hyper):
    head = make(name, 6, 5, **hyper).eval()
    plain = copy.deepcopy(head)
    plain.regularisers = nn.ModuleList()
    loss = F.cross_entropy(head.margin_logits(FEATURES, LABELS), LABELS)
    assert loss.item() == pytest.approx(plain(FEATURES, LABELS).item())
    ignored = head.margin_logits(FEATURES, torch.full((9,), -100))
    torch.testing.assert_close(ignored, head.logits(FEATURES))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_reductions_are_those_of_cross_entropy(reduction):
    head = make("arcface", 6, 5, reduction=reduction)
    logits = head.margin_logits(FEATURES, LABELS)
    expected = F.cross_entropy(logits, LABELS, reduction=reduction)
    torch.testing.assert_close(head(FEATURES, LABELS), expected)


def test_checks_can_be_switched_off():
    head, features = make("arcface", 6, 5), FEATURES * math.nan
    with pytest.raises(ValueError, match="NaN"):
        head(features, LABELS)
    head.checks = False
    assert head(features, LABELS).isnan()


def test_class_vectors_have_a_rate_of_their_own():
    head = make("ring", 6, 5)
    before = head.weight.detach().clone(), head.radius.item()
    groups = head.param_groups(lr=0.0)
    torch.optim.SGD(groups, lr=0.1, weight_decay=9).step()
    head(FEATURES, LABELS).backward()
    torch.optim.SGD(groups, lr=0.1, weight_decay=9).step()
    assert torch.equal(head.weight, before[0])
    slope = head.radius.grad.item()
    assert head.radius.item() == pytest.approx(before[1] - 0.1 * slope)
    (alone,) = make("arcface", 6, 5).param_groups(weight_decay=0.0)
    assert alone["weight_decay"] == 0 and len(alone["params"]) == 1


def test_a_margin_is_warmed_up():
    head, whole = make("arcface", m=0.0, s=9.0), make("arcface", m=0.5, s=30.0)
    x, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    head.set(m=0.5, s=30.0)
    assert head(x, y) == whole(x, y)
    with pytest.raises(ValueError, match=r"m = 4 .*\[0, π\)"):
        head.set(m=4)
    assert head.hyper["m"] == 0.5
    learned = make("normface", s=nn.Parameter(torch.tensor(4.0)))
    with pytest.raises(ValueError, match="s is learned"):
        learned.set(s=3.0)


CHANGED = [
    ("center", {"lam": 0.3}),
    ("ring", {"lam": 0.3}),
    ("ring", {"normalize_weights": True}),
    ("iam", {"beta": 0.7, "s": 4.0}),
    ("l2_softmax", {"alpha": 5.0}),
    ("m_softmax", {"m": 0.9}),
    ("sphereface", {"m": 2, "annealing": 3.0}),
    ("arcface", {"variant": "monotone"}),
    ("adacos", {"dynamic": False}),
]


@pytest.mark.parametrize(("name", "hyper"), CHANGED)
def test_every_hyperparameter_is_set(name, hyper):
    head, other = make(name, 6, 5), make(name, 6, 5, **hyper)
    head.train().set(**hyper)
    x = FEATURES / 4 - 9 * head.weight.detach()[LABELS]
    assert head(x, LABELS) == other.train()(x, LABELS)
    assert head(x, LABELS) != make(name, 6, 5).train()(x, LABELS)
    assert torch.equal(head.predict(x), other.predict(x))
    assert head.extra_repr() == other.extra_repr()


def test_what_set_refuses_of_a_penalty():
    head = make("iam", 6, 5, base="arcface")
    with pytest.raises(ValueError, match=r"'betta'; did you mean beta"):
        head.set(betta=0.1)
    with pytest.raises(ValueError, match=r"beta = -1\.0 .*\[0, ∞\)"):
        head.set(m=0.3, beta=-1.0)
    assert head.hyper["m"] == 0.1 and head.regularisers[0].beta == 0.2
    with pytest.raises(ValueError, match="s is learned, not set"):
        head.set(s=nn.Parameter(torch.tensor(4.0)))
    with pytest.raises(ValueError, match=r"lam = -1\.0 .*\[0, ∞\)"):
        make("ring", 6, 5).set(lam=-1.0)


def test_a_learned_s_stays_when_others_are_set():
    s = nn.Parameter(torch.tensor(4.0))
    head = make("cosface", 6, 5, s=s)
    with torch.no_grad():
        s.sub_(9.0)
    head.set(m=0.1)
    assert head.s is s and head.hyper["m"] == 0.1


def test_iam_needs_a_base_without_a_beta():
    bold = losses.Hyperparameter("beta", "of its own", 0.1)
    losses.register(
        losses.Loss("bold", "Bold", "s cos θ", hyperparameters=(bold,))
    )
    try:
        with pytest.raises(ValueError, match="iam and bold both have beta"):
            make("iam", base="bold")
    finally:
        losses.unregister("bold")


@pytest.mark.parametrize(
    "entry",
    [
        lambda w: {"W": w.mT},
        lambda w: {"module.loss.W": w.mT, "module.fc.bias": w[0]},
        lambda w: {"weight": w, "backbone.weight": torch.zeros(3, 3, 3, 3)},
    ],
)
def test_class_vectors_of_others_are_taken_over(entry):
    head, vectors = make("arcface", 6, 5), torch.randn(5, 6)
    losses.load_class_vectors(head, entry(vectors))
    assert torch.equal(head.weight, vectors)


@pytest.mark.parametrize(
    ("entries", "found", "there"),
    [
        ([], "no", "none"),
        (["W", "bias"], "no", r"W \(5, 6\), bias \(5, 6\)"),
        (["weight", "a.weight"], "2", r"weight \(5, 6\), a.weight \(5, 6\)"),
    ],
)
def test_other_entries_are_refused_by_name(entries, found, there):
    head, vectors = make("arcface", 6, 5), torch.randn(5, 6)
    said = f"^{found} entries hold 5 class vectors of 6 .* There are {there}$"
    with pytest.raises(ValueError, match=said):
        losses.load_class_vectors(head, dict.fromkeys(entries, vectors))


@EVERY
def test_of_sub_centers_the_nearest_counts(name, hyper):
    """Each sample sees a head of its classes' nearest vectors alone."""
    head = make(name, 8, 9, sub_centers=3, **hyper).double()
    features, labels = torch.randn(5, 8).double(), torch.randint(9, (5,))
    assert head.weight.shape == (27, 8)
    assert head.logits(features).shape == (5, 9)
    cosines = features @ torch.nn.functional.normalize(head.weight).T
    near = cosines if "|W|" not in head.factors else features @ head.weight.T
    chosen = near.view(5, 9, 3).argmax(-1) + 3 * torch.arange(9)
    for i in range(5):
        alone = make(name, 8, 9, **hyper).double()
        with torch.no_grad():
            alone.weight.copy_(head.weight[chosen[i]])
        given = features[i : i + 1], labels[i : i + 1]
        torch.testing.assert_close(head(*given), alone(*given))
        torch.testing.assert_close(
            head.margin_logits(*given), alone.margin_logits(*given)
        )
        assert head.predict(given[0]) == alone.predict(given[0])


def test_no_sub_center_is_refused():
    with pytest.raises(ValueError, match="sub_centers = 0 is not allowed"):
        make("arcface", sub_centers=0)
