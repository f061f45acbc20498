"""Metrics against their definitions, computed one pair at a time."""

import math

import numpy as np
import pytest
import sklearn.metrics
import torch
from sklearn.neighbors import KNeighborsClassifier

from arcbook import geometry, metrics

CLASSES, DIM = 4, 5


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(60, DIM, generator=generator) * 3
    labels = torch.arange(60) % CLASSES
    vectors = torch.randn(CLASSES, DIM, generator=generator)
    return features, labels, vectors


def angle(u, v):
    u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    cosine = u @ v / np.linalg.norm(u) / np.linalg.norm(v)
    return math.acos(np.clip(cosine, -1, 1))


def test_compactness_is_what_the_papers_define(batch):
    features, labels, vectors = batch
    centers = [features[labels == c].mean(0) for c in range(CLASSES)]
    others = [(i, j) for i in range(CLASSES) for j in range(CLASSES) if i != j]
    found = metrics.compactness(features, labels, vectors)
    expected = {
        "wc_intra": np.mean(
            [angle(centers[c], vectors[c]) for c in range(CLASSES)]
        ),
        "w_inter": np.mean([angle(vectors[i], vectors[j]) for i, j in others]),
        "c_inter": np.mean([angle(centers[i], centers[j]) for i, j in others]),
    }
    assert found == pytest.approx(expected, abs=1e-6)


def test_printed_c_inter_would_be_wc_intra(batch):
    """[arcgrad, Eq. 22] as printed sums ⟨Center_j, W_j⟩ over i ≠ j."""
    features, labels, vectors = batch
    centers = geometry.class_centers(features, labels, CLASSES)
    printed = sum(
        angle(centers[j], vectors[j])
        for j in range(CLASSES)
        for i in range(CLASSES)
        if i != j
    ) / (CLASSES**2 - CLASSES)
    assert printed == pytest.approx(
        geometry.wc_intra(centers, vectors).item(), abs=1e-6
    )


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_simplex(classes):
    corners = torch.eye(classes, dtype=torch.float64) - 1 / classes
    assert geometry.w_inter(corners).item() == pytest.approx(
        geometry.simplex_angle(classes), abs=1e-9
    )
    assert geometry.simplex_angle(classes) <= geometry.largest_mean_angle(
        classes
    ) * (1 + 1e-12)


@pytest.mark.parametrize("classes", [2, 5, 10])
def test_largest_mean_angle(classes):
    pole = torch.tensor([[1.0, 0.0, 0.0]])
    bundles = torch.cat([pole if k % 2 else -pole for k in range(classes)])
    largest = geometry.largest_mean_angle(classes)
    assert geometry.w_inter(bundles).item() == pytest.approx(largest)
    generator = torch.Generator().manual_seed(classes)
    for _ in range(50):
        vectors = torch.randn(classes, 3, generator=generator)
        assert geometry.w_inter(vectors) < largest


def test_top_k():
    logits = torch.tensor([[3.0, 2, 1], [1, 2, 3], [2, 3, 1]])
    labels = torch.tensor([0, 0, 0])
    assert metrics.top_k(logits, labels) == pytest.approx(1 / 3)
    assert metrics.top_k(logits, labels, 2) == pytest.approx(2 / 3)
    assert metrics.top_k(logits, labels, 5) == 1


def test_confusion():
    labels, taken = torch.tensor([0, 0, 2, 2]), torch.tensor([0, 1, 2, 2])
    assert metrics.confusion(labels, taken, 3).tolist() == [
        [1, 1, 0],
        [0, 0, 0],
        [0, 0, 2],
    ]


def test_intra_angles_and_their_histogram(batch):
    features, labels, vectors = batch
    found = metrics.intra_angles(features, labels, vectors)
    expected = [angle(x, vectors[y]) for x, y in zip(features, labels)]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    counts = metrics.angle_histogram(found)
    degrees = np.degrees(expected)
    assert counts.tolist() == np.histogram(degrees, 180, (0, 180))[0].tolist()
    ends = torch.tensor([0.0, math.pi], dtype=torch.float64)
    assert metrics.angle_histogram(ends)[[0, -1]].tolist() == [1, 1]


def test_cosine_matrix(batch):
    features, _, _ = batch
    found = metrics.cosine_matrix(features[:6])
    for i in range(6):
        for j in range(6):
            expected = math.cos(angle(features[i], features[j]))
            assert found[i, j].item() == pytest.approx(expected, abs=1e-6)


def test_spread():
    labels = torch.tensor([1, 0, 1, 0, 2, 1])
    assert metrics.spread(labels, 6).tolist() == [1, 3, 0, 2, 4]
    assert metrics.spread(labels, 2).tolist() == [1, 0]


def pairs_of(seed, ties=False):
    draw = np.random.default_rng(seed)
    same = draw.random(400) < 0.2
    scores = draw.normal(size=400) + same
    return (scores.round(1) if ties else scores), same


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_verification_is_that_of_the_roc_curve(seed, ties):
    scores, same = pairs_of(seed, ties)
    found = metrics.verification(*map(torch.from_numpy, (scores, same)))
    auc = sklearn.metrics.roc_auc_score(same, scores)
    assert found["auc"] == pytest.approx(auc)
    false, true, _ = sklearn.metrics.roc_curve(
        same, scores, drop_intermediate=False
    )
    assert found["tar"] == pytest.approx(true[false <= 0.01].max())
    fine = np.linspace(0, 1, 100_001)
    rejects = 1 - np.interp(fine, false, true)
    at = np.argmin(abs(rejects - fine))
    assert found["eer"] == pytest.approx(fine[at], abs=2e-3)


def test_verification_of_perfect_and_of_reversed_scores():
    same = torch.tensor([True, True, False, False])
    scores = torch.tensor([4.0, 3.0, 2.0, 1.0])
    good, bad = (metrics.verification(x, same) for x in (scores, -scores))
    assert good == {"auc": 1.0, "eer": 0.0, "tar": 1.0}
    assert bad == {"auc": 0.0, "eer": 1.0, "tar": 0.0}
    with pytest.raises(ValueError, match="4 of 4 pairs are of one class"):
        metrics.verification(scores, same | True)


def cloud(seed=0, classes=4, each=6):
    draw = np.random.default_rng(seed)
    labels = np.tile(np.arange(classes) * 3, each)
    features = draw.normal(size=(classes, 5))[labels // 3]
    return features + draw.normal(size=(len(labels), 5)), labels


def test_retrieval_is_that_of_scikit_learn():
    x, labels = cloud()
    found = metrics.retrieval(*map(torch.from_numpy, (x, labels)))
    cosines = sklearn.metrics.pairwise.cosine_similarity(x)
    every, hits, centroid = np.arange(len(x)), [], []
    average = []
    for k in every:
        rest = every != k
        same = labels[rest] == labels[k]
        average.append(
            sklearn.metrics.average_precision_score(same, cosines[k, rest])
        )
        nearest = KNeighborsClassifier(1, metric="cosine")
        nearest.fit(x[rest], labels[rest])
        hits.append(nearest.predict(x[k : k + 1])[0] == labels[k])
        units = x / np.linalg.norm(x, axis=1, keepdims=True)
        means = [
            units[rest & (labels == c)].mean(0) for c in np.unique(labels)
        ]
        nearest.fit(means, np.unique(labels))
        centroid.append(nearest.predict(x[k : k + 1])[0] == labels[k])
    assert found["map"] == pytest.approx(np.mean(average))
    assert found["recall"] == pytest.approx(np.mean(hits))
    assert found["centroid"] == pytest.approx(np.mean(centroid))
    assert 0.3 < found["centroid"] < 1


def test_retrieval_takes_two_classes_of_two():
    x, labels = map(torch.from_numpy, cloud())
    with pytest.raises(ValueError, match="4 classes of 1 samples"):
        metrics.retrieval(x[:5], labels[:5])
    with pytest.raises(ValueError, match="1 classes"):
        metrics.retrieval(x, torch.zeros_like(labels))


def test_on_unseen_takes_every_pair_once():
    x, labels = map(torch.from_numpy, cloud())
    found = metrics.on_unseen(x, labels)
    cosines = sklearn.metrics.pairwise.cosine_similarity(x)
    upper = np.triu_indices(len(x), 1)
    same = np.equal.outer(labels.numpy(), labels.numpy())[upper]
    auc = sklearn.metrics.roc_auc_score(same, cosines[upper])
    assert found["auc"] == pytest.approx(auc)
    assert found["map"] == metrics.retrieval(x, labels)["map"]
