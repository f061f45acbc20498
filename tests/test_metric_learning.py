"""Losses in the place of pytorch-metric-learning's, held against its own."""

import copy
import math
import subprocess
import sys

import pytest
import torch
from pytorch_metric_learning import distances, miners, reducers, regularizers
from pytorch_metric_learning import losses as theirs

from arcbook import geometry, losses
from arcbook.losses.metric_learning import MetricLoss

SIZE = {"num_classes": 5, "embedding_size": 6}
X = torch.randn(14, 6, generator=torch.Generator().manual_seed(2))
Y = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 0, 1, 2])
PAIRS = [
    ("arcface", theirs.ArcFaceLoss, {}),
    ("arcface", theirs.ArcFaceLoss, {"margin": 60, "scale": 10}),
    ("arcface", theirs.SubCenterArcFaceLoss, {"sub_centers": 3}),
    ("cosface", theirs.CosFaceLoss, {}),
    ("cosface", theirs.CosFaceLoss, {"margin": 0.1, "scale": 12.0}),
    ("normface", theirs.NormalizedSoftmaxLoss, {}),
    ("normface", theirs.NormalizedSoftmaxLoss, {"temperature": 0.2}),
    ("sphereface", theirs.SphereFaceLoss, {}),
    ("sphereface", theirs.SphereFaceLoss, {"margin": 3, "scale": 2.5}),
    ("l_softmax", theirs.LargeMarginSoftmaxLoss, {"margin": 2}),
]
EACH = pytest.mark.parametrize(("name", "their", "hyper"), PAIRS)
COMMON = pytest.mark.parametrize(
    ("name", "their"),
    [
        ("arcface", theirs.ArcFaceLoss),
        ("cosface", theirs.CosFaceLoss),
        ("normface", theirs.NormalizedSoftmaxLoss),
        ("sphereface", theirs.SphereFaceLoss),
    ],
)


def pair(name, their, hyper):
    """Ours and theirs from the same seed."""
    torch.manual_seed(7)
    ours = MetricLoss(name, **SIZE, **copy.deepcopy(hyper))
    torch.manual_seed(7)
    return ours, their(**SIZE, **hyper)


def both(ours, their, *given, x=X, **more):
    """Losses and gradients by embeddings and class vectors, as (d, C)."""
    found = []
    for loss in (ours, their):
        start = x.clone().requires_grad_()
        value = loss(start, Y, *given, **more)
        value.backward()
        (vectors,) = loss.parameters()
        slope = vectors.grad.mT if loss is ours else vectors.grad
        found.append((value.detach(), start.grad, slope))
    return found


def assert_same(found, **how):
    how = {"rtol": 1e-5, "atol": 1e-5} | how
    for mine, other in zip(*found):
        assert mine.dtype == other.dtype
        torch.testing.assert_close(mine, other, **how)


@EACH
def test_value_and_gradients_are_theirs(name, their, hyper):
    ours, their = pair(name, their, hyper)
    torch.testing.assert_close(ours.W.detach(), their.W.detach())
    assert_same(both(ours, their))
    torch.testing.assert_close(ours.get_logits(X), their.get_logits(X))


@EACH
def test_in_float64_to_the_last_digits(name, their, hyper):
    ours, their = pair(name, their, hyper)
    found = both(ours.double(), their.double(), x=X.double())
    assert_same(found, rtol=1e-10, atol=1e-10)


def test_beyond_pi_minus_m_as_well():
    ours, their = pair("arcface", theirs.ArcFaceLoss, {"scale": 10})
    opposite = 0.3 * X - 3 * ours.W.detach().mT[Y]
    own = geometry.unit(ours.W.detach().mT[Y])[0]
    angles = geometry.angle(geometry.unit(opposite)[0], own)
    assert (angles > math.pi - math.radians(28.6)).all()
    assert_same(both(ours, their, x=opposite))
    plain = MetricLoss("arcface", **SIZE, scale=10, variant="plain")
    plain.load_state_dict(ours.state_dict())
    assert plain(opposite, Y) < ours(opposite, Y) - 1


@COMMON
@pytest.mark.parametrize(
    "miner",
    [
        miners.MultiSimilarityMiner(epsilon=0.3),
        miners.TripletMarginMiner(margin=0.2),
        miners.BatchEasyHardMiner(),
    ],
    ids=["pairs", "triplets", "easy-hard"],
)
def test_a_miner_weights_the_samples(name, their, miner):
    mined = miner(X, Y)
    assert len(mined[0])
    ours, their = pair(name, their, {"reducer": reducers.DoNothingReducer()})
    weighted, expected = (f(X, Y, mined)["loss"] for f in (ours, their))
    plain = ours(X, Y)["loss"]["losses"]
    assert not torch.allclose(weighted["losses"], plain)
    for key in ("losses", "indices"):
        torch.testing.assert_close(
            weighted[key], expected[key], rtol=1e-5, atol=1e-5
        )
    nothing = tuple(torch.empty(0, dtype=torch.long) for _ in range(4))
    assert torch.equal(ours(X, Y, nothing)["loss"]["losses"], plain)
    assert_same(both(*pair(name, type(their), {}), mined))


REDUCERS = {
    "mean": reducers.MeanReducer(),
    "sum": reducers.SumReducer(),
    "threshold": reducers.ThresholdReducer(low=1.0, high=60.0),
    "non-zero": reducers.AvgNonZeroReducer(),
    "anchor": reducers.PerAnchorReducer(),
    "class": reducers.ClassWeightedReducer(torch.tensor([1.0, 2, 0, 4, 5])),
    "several": reducers.MultipleReducers({"loss": reducers.SumReducer()}),
}


@COMMON
@pytest.mark.parametrize("reducer", REDUCERS.values(), ids=REDUCERS.keys())
def test_reducers_reduce_it(name, their, reducer):
    assert_same(both(*pair(name, their, {"reducer": reducer})), atol=1e-4)


@COMMON
def test_regularisers_are_added(name, their):
    hyper = {
        "weight_regularizer": regularizers.RegularFaceRegularizer(),
        "weight_reg_weight": 0.3,
        "embedding_regularizer": regularizers.LpRegularizer(),
        "embedding_reg_weight": 0.1,
    }
    ours, their = pair(name, their, hyper)
    assert ours.sub_loss_names() == their.sub_loss_names()
    assert_same(both(ours, their))
    plain = pair(name, type(their), {})[0]
    assert ours(X, Y) > plain(X, Y)


@COMMON
def test_states_are_loaded_both_ways(name, their):
    ours, their = pair(name, their, {})
    torch.nn.init.normal_(their.W)
    ours.load_state_dict(their.state_dict())
    assert torch.equal(ours.W, their.W)
    torch.nn.init.normal_(ours.head.weight)
    model = torch.nn.ModuleDict({"loss": their})
    model.load_state_dict(torch.nn.ModuleDict({"loss": ours}).state_dict())
    assert torch.equal(ours.W, their.W)
    again = pair(name, type(their), {})[0]
    again.load_state_dict(copy.deepcopy(ours).state_dict())
    assert torch.equal(again.W, ours.W)


def test_any_loss_of_the_book_stands_in():
    mined = miners.MultiSimilarityMiner(epsilon=0.3)(X, Y)
    for name in losses.available():
        loss = MetricLoss(name, **SIZE)
        value = loss(X, Y, mined)
        value.backward()
        assert value.isfinite() and value.dtype == X.dtype
        for parameter in loss.parameters():
            assert parameter.grad.abs().sum() > 0
    iam = MetricLoss("iam", **SIZE, base="arcface", margin=30, scale=9.0)
    expected = {"s": 9.0, "m": math.radians(30), "beta": 0.2}
    assert expected.items() <= iam.head.hyper.items()


def test_a_head_inside_follows_a_schedule():
    loss, later = (
        MetricLoss("arcface", **SIZE, margin=m, scale=8) for m in (0, 30)
    )
    later.load_state_dict(loss.state_dict())
    margin = losses.schedules.linear(0.0, math.radians(30), steps=1)
    losses.Schedule(loss.head, m=margin).step()
    assert loss(X, Y) == later(X, Y)


@COMMON
def test_what_is_recorded(name, their):
    ours, their = pair(name, their, {"collect_stats": True})
    ours(X, Y)
    their(X, Y)
    if name != "normface":
        assert ours.avg_angle == pytest.approx(their.avg_angle, rel=1e-5)
    assert ours.num_classes == 5 and ours.embedding_size == 6


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_embeddings_give_float32(kind):
    loss = MetricLoss("arcface", **SIZE)
    with torch.autocast("cpu", dtype=kind):
        assert loss(X.to(kind), Y) == loss(X.to(kind).float(), Y)
    assert loss(X.to(kind), Y).dtype == torch.float32
    assert loss.head.weight.dtype == torch.float32


REFUSED = [
    ("arcface", {"margin": 180}, r"m = 3\.14"),
    ("arcface", {"margin": 30, "m": 0.5}, "m is given more than once"),
    (
        "normface",
        {"temperature": 0.1, "scale": 3},
        "s is given more than once",
    ),
    ("normface", {"temperature": 0}, "s = inf"),
    ("normface", {"margin": 0.1}, "no hyperparameter 'm'"),
    ("ring", {"scale": 2.0}, "no hyperparameter 's'"),
    ("sphereface", {"scale": -1.0}, r"s = -1\.0 .* \(0, ∞\)"),
    ("arcface", {"distance": distances.LpDistance()}, "is the cosine"),
    ("arcface", {"distance": distances.CosineSimilarity(power=2)}, "cosine"),
    (
        "normface",
        {
            "distance": distances.DotProductSimilarity(
                normalize_embeddings=False
            )
        },
        "is the cosine",
    ),
    ("arcfaec", {}, "did you mean arcface"),
]


@pytest.mark.parametrize(("name", "hyper", "problem"), REFUSED)
def test_what_can_not_stand_in(name, hyper, problem):
    with pytest.raises(ValueError, match=problem):
        MetricLoss(name, **SIZE, **hyper)


def test_what_a_call_refuses():
    loss = MetricLoss("arcface", **SIZE)
    with pytest.raises(ValueError, match=r"label 5 is outside 0\.\.4"):
        loss(X, torch.full((14,), 5))
    with pytest.raises(ValueError, match="labels are required"):
        loss(X)
    with pytest.raises(ValueError, match="ref_emb is not supported"):
        loss(X, Y, ref_emb=X.clone(), ref_labels=Y)
    with pytest.raises(Exception, match="CrossBatchMemory not supported"):
        theirs.CrossBatchMemory(loss, 6)
    loss.head.checks = False
    assert loss(X * math.nan, Y).isnan()
    same = distances.DotProductSimilarity()
    assert MetricLoss("cosface", **SIZE, distance=same).distance is same


def test_without_their_package_it_says_so():
    script = (
        "import sys\n"
        "from arcbook import losses\n"
        "assert 'pytorch_metric_learning' not in sys.modules\n"
        "sys.modules['pytorch_metric_learning'] = None\n"
        "import arcbook.losses.metric_learning\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode and last.startswith("ImportError: arcbook.losses")
    assert last.endswith("pip install pytorch-metric-learning")
