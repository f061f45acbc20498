"""Verdicts on the claims on images follow the full records alone."""

import functools
import math
import os

import numpy as np
import pytest

from arcbook import datasets, experiments, packing, papers, paths, results
from arcbook.audit import image_intervals, ledger, verdicts
from arcbook.experiments import canary
from arcbook.experiments.registry import home

YES, NO, CLOSE, NONE = (
    verdicts.REPLICATED,
    verdicts.NOT_REPLICATED,
    verdicts.CLOSE,
    verdicts.UNMEASURED,
)
COLUMNS = (
    *("Soft", "Center", "M-Soft", "ArcFace", "AdaCos", "ArcGrad", "Arc"),
    *("Combined", "Eq.(3)", "Eq.(3) + 0.2 IAM", "CosFace"),
    "CosFace + 0.2 IAM",
)
DEFAULTS = {
    "test_accuracy": 0.9,
    "test_top5": 0.95,
    "train_accuracy": 0.99,
    "wc_intra": 0.6,
    "w_inter": 1.5,
    "c_inter": 1.5,
    "test_wc_intra": 0.6,
    "test_c_inter": 1.5,
    "early": 0.6,
    "late": 0.6,
}
PATTERN = (0.0, 1.0, -1.0, 2.0, -2.0)


def wobble(run):
    """Noise that is 0 on average over the seeds, of another size a column."""
    size = 1 + 0.37 * COLUMNS.index(run["column"])
    return 1e-4 * size * PATTERN[run["seed"]]


@functools.cache
def histogram(length, early, late):
    """31 rows of counts with these mean angles, in radians."""
    epochs = np.linspace(0, length, 31).round().astype(np.uint32)
    counts = np.zeros((31, 180), np.uint32)
    for row, epoch in enumerate(epochs):
        mean = late if epoch > 0.25 * length else early
        place = math.degrees(mean) - 0.5
        below = int(place)
        above = round(5000 * (place - below))
        counts[row, below], counts[row, below + 1] = 5000 - above, above
    return packing.pack(epochs), packing.pack(counts)


def record(run, given):
    """A record of a run, what is not given by default."""
    if given.get("diverged"):
        return run | {"metrics": {"diverged": True}, "arrays": {}}
    values = {
        name: given.get(name, value) + wobble(run)
        for name, value in DEFAULTS.items()
    }
    ends = values.pop("early"), values.pop("late")
    epochs, counts = histogram(run["epochs"], *ends)
    names = "intra_train", "intra_test", "intra_class0"
    return run | {
        "metrics": {"diverged": False} | values,
        "arrays": dict.fromkeys(names, counts) | {"histogram_epochs": epochs},
        "test_images": 10_000,
        "probe_images": 10_000,
        "stale": False,
    }


@pytest.fixture
def measured(monkeypatch):
    """Have full records of every image experiment, by a function of a run."""

    def say(world):
        kept = {}

        def fresh(id):
            if id not in kept:
                runs = experiments.runs(id, "full")
                kept[id] = [record(run, world(run)) for run in runs]
            return kept[id]

        monkeypatch.setattr(image_intervals, "fresh", fresh)

    return say


def judged(paper, name):
    return verdicts.finding("claim", paper, name)


# ------------------------------------------------- what the runs may show


def equal(run):
    return {}


def by_column(default=None, **values):
    """Values by column, in a mapping or as keywords."""
    return lambda run: values.get(run["column"], default or {})


def better(*columns, by=0.03):
    gain = {"test_accuracy": 0.9 + by, "test_top5": 0.95 + by}
    return lambda run: gain if run["column"] in columns else {}


def over_soft(by):
    return by_column(
        Soft={"test_accuracy": 0.8}, ArcGrad={"test_accuracy": 0.8 + by}
    )


def angles(wc, inter=1.5):
    return {
        "wc_intra": wc,
        "test_wc_intra": wc,
        "w_inter": inter,
        "c_inter": inter,
        "test_c_inter": inter,
    }


def with_share(sign):
    def world(run):
        lead = sign * 0.1 * (1 - run["share"])
        return {"test_accuracy": 0.8 + lead * (run["column"] == "ArcGrad")}

    return world


def by_s(slope, metric="wc_intra"):
    def world(run):
        s = run["hyperparameters"].get("s") or 0
        return {metric: DEFAULTS[metric] + slope * s}

    return world


def by_margin(best):
    def world(run):
        hit = run["hyperparameters"].get("m") == best
        return {"test_accuracy": 0.95 if hit else 0.9}

    return world


def trained(share):
    return lambda run: {"train_accuracy": share}


def at_share(accuracy):
    """Arc with an accuracy for each benchmark."""
    return lambda run: {"test_accuracy": accuracy[run["benchmark"]]}


CITED = {
    "Fashion-MNIST": 0.946,
    "CIFAR10": 0.9092,
    "CIFAR10+": 0.9331,
    "CIFAR100+": 0.7274,
}


def than_cited(by):
    return at_share({name: value + by for name, value in CITED.items()})


def one_lost(by):
    """One run of the combined loss is below the others."""

    def world(run):
        lost = run["hyperparameters"].get("m3") == 0.35
        lost &= run["hyperparameters"].get("m2") == 0.44
        return {"test_accuracy": 0.98 - by * lost}

    return world


def both(*worlds):
    def world(run):
        return {k: v for one in worlds for k, v in one(run).items()}

    return world


HALF = by_column(
    ArcFace=angles(0.3, 1.6), ArcGrad=angles(0.3, 1.6), Arc=angles(0.3, 1.6)
)
TIGHT = by_column(
    ArcFace=angles(0.1, 1.7), ArcGrad=angles(0.1, 1.7), Arc=angles(0.1, 1.7)
)
WIDE = by_column(
    ArcFace=angles(0.7, 1.4), ArcGrad=angles(0.7, 1.4), Arc=angles(0.7, 1.4)
)
FASTER = {"early": 0.3, "late": 0.2}
SLOWER = {"early": 0.5, "late": 0.7}
WITH_IAM = "Eq.(3) + 0.2 IAM"
CLAIMS = {
    ("arcgrad", "smaller-s-tighter"): (by_s(0.02), by_s(-0.02), equal),
    ("arcgrad", "margin-not-needed"): (
        better("ArcGrad"),
        better("ArcFace"),
        equal,
    ),
    ("arcgrad", "three-of-four"): (better("ArcGrad"), better("Center"), equal),
    ("arcgrad", "less-data"): (with_share(1), with_share(-1), equal),
    ("arcgrad", "center-slightly"): (
        by_column(**{"Center": angles(0.5), "M-Soft": angles(0.52)}),
        by_column(**{"Center": angles(0.2), "M-Soft": angles(0.52)}),
        equal,
    ),
    ("arcgrad", "adacos-inter"): (
        by_column(AdaCos=angles(0.4, 1.4)),
        by_column(AdaCos=angles(0.4, 1.6)),
        equal,
    ),
    ("arcgrad", "both-enhanced"): (TIGHT, WIDE, HALF),
    ("arcgrad", "histogram"): (
        by_column(ArcGrad=FASTER),
        by_column(ArcGrad=SLOWER),
        equal,
    ),
    ("arcgrad", "epochs"): (better("ArcGrad"), better("AdaCos"), equal),
    ("arcgrad", "higher-15-5"): (
        over_soft(0.155),
        over_soft(0.03),
        over_soft(0.135),
    ),
    ("angular-learning", "s-above-3"): (
        by_s(0.004, "test_accuracy"),
        by_s(-0.02, "test_accuracy"),
        equal,
    ),
    ("angular-learning", "larger-s-smaller-angle"): (
        by_s(-0.02),
        by_s(0.02),
        equal,
    ),
    ("angular-learning", "center-declines-inter"): (
        by_column(Center=angles(0.4, 1.4)),
        by_column(Center=angles(0.4, 1.6)),
        equal,
    ),
    ("angular-learning", "both-enlarged"): (TIGHT, WIDE, equal),
    ("angular-learning", "tiny-arcface"): (
        by_column(ArcFace=angles(0.01)),
        by_column(ArcFace=angles(0.01), Arc=angles(0.002)),
        by_column(ArcFace=angles(0.06)),
    ),
    ("angular-learning", "histogram"): (
        by_column(Arc=FASTER),
        by_column(Arc=SLOWER),
        equal,
    ),
    ("angular-learning", "cosine-matrix"): (TIGHT, WIDE, HALF),
    ("angular-learning", "fashion-best"): (
        better("Arc", "Center"),
        better("ArcFace"),
        equal,
    ),
    ("angular-learning", "arc-best"): (
        both(better("ArcFace"), better("Arc", by=0.04)),
        better("Center"),
        equal,
    ),
    ("angular-learning", "epochs"): (better("Arc"), better("Soft"), equal),
    ("angular-learning", "accelerates"): (
        better("Arc"),
        better("Soft"),
        equal,
    ),
    ("angular-learning", "train-99-9"): (
        trained(0.9999),
        trained(0.99),
        trained(0.999),
    ),
    ("angular-learning", "state-of-the-art"): (
        than_cited(0.02),
        than_cited(-0.02),
        than_cited(0.0),
    ),
    ("iam", "mnist-confirms"): (
        better(WITH_IAM, "CosFace + 0.2 IAM"),
        better("Eq.(3)"),
        equal,
    ),
    ("iam", "mnist-maps"): (
        by_column(**{WITH_IAM: angles(0.3, 1.7)}),
        by_column(**{WITH_IAM: angles(0.3, 1.4)}),
        equal,
    ),
    ("mnist-cosine", "maximum-at-0-5"): (
        by_margin(0.5),
        by_margin(0.42),
        equal,
    ),
    ("mnist-cosine", "combined-better"): (
        better("Combined"),
        better("ArcFace"),
        equal,
    ),
    ("mnist-cosine", "faster"): (better("ArcFace"), better("Soft"), equal),
    ("mnist-cosine", "long-run"): (
        lambda run: {"test_accuracy": 0.9905},
        lambda run: {
            "test_accuracy": 0.9905 if run["column"] == "Soft" else 0.97
        },
        lambda run: {
            "test_accuracy": 0.9905 if run["column"] == "Soft" else 0.9855
        },
    ),
    ("mnist-cosine", "reliable"): (equal, one_lost(0.03), one_lost(0.01)),
}
KEPT = {("mnist-cosine", "beats-softmax")}
NOT_IMAGES = {"arcgrad.table1", "arcgrad.fig2", "faces", "arcgrad.cost"}
UNDECIDABLE = {("angular-learning", "tolerant")}
DECIDED_BY_READING = {("mnist-cosine", "three-margins")}


def test_every_claim_on_images_has_a_rule_or_a_reason():
    claims = {
        (paper, name): papers.claim(paper, name).get("experiment")
        for paper in ledger.PAPERS
        for name in papers.names(paper, "claims")
    }
    images = {k for k, v in claims.items() if v and v not in NOT_IMAGES}
    assert images == CLAIMS.keys() | KEPT | UNDECIDABLE | DECIDED_BY_READING
    for paper, name in images | {
        k for k, v in claims.items() if v in ("faces", "arcgrad.cost")
    }:
        assert judged(paper, name).why not in ("", verdicts.NO_RECORD)


@pytest.mark.parametrize("expected", [YES, NO, CLOSE])
@pytest.mark.parametrize(("paper", "name"), CLAIMS, ids=lambda x: x)
def test_verdict_follows_the_records(measured, paper, name, expected):
    world = CLAIMS[paper, name][(YES, NO, CLOSE).index(expected)]
    measured(world)
    found = judged(paper, name)
    assert found.verdict == expected, found.measured
    assert "[" in found.measured


def test_half_a_claim_can_only_be_refuted(measured):
    key = "mnist-cosine", "beats-softmax"
    measured(better("ArcFace"))
    assert judged(*key).verdict == NONE
    measured(better("Soft"))
    assert judged(*key).verdict == NO


@pytest.mark.parametrize(("paper", "name"), CLAIMS, ids=lambda x: x)
def test_a_missing_record_leaves_it_open(monkeypatch, measured, paper, name):
    measured(CLAIMS[paper, name][0])
    whole = image_intervals.fresh
    asked = []

    def none(id):
        asked.append(id)
        return []

    monkeypatch.setattr(image_intervals, "fresh", none)
    judged(paper, name)
    for id in set(asked):
        monkeypatch.setattr(
            image_intervals,
            "fresh",
            lambda one, id=id: [] if one == id else whole(one),
        )
        found = judged(paper, name)
        assert (found.verdict, found.measured) == (NONE, "")


def test_one_missing_seed_leaves_it_open(monkeypatch, measured):
    measured(better("ArcGrad"))
    whole = image_intervals.fresh
    for id in ("arcgrad.table4", "arcgrad.table5"):
        monkeypatch.setattr(
            image_intervals,
            "fresh",
            lambda one, id=id: whole(one)[: -1 if one == id else None],
        )
        assert judged("arcgrad", "three-of-four").verdict == NONE


def test_one_best_of_two_benchmarks_is_not_three(measured):
    def world(run):
        if run["column"] == "ArcGrad" and run["benchmark"] != "CIFAR100+":
            return {"test_accuracy": 0.95}
        if run["column"] == "Soft" and run["benchmark"] == "CIFAR100+":
            return {"test_accuracy": 0.95, "test_top5": 0.99}
        return {}

    measured(world)
    assert judged("arcgrad", "three-of-four").verdict == NO


def test_a_run_that_diverged_decides_nothing_but_reliability(measured):
    def world(run):
        lost = run["hyperparameters"].get("m") == 0.59
        return {"diverged": True} if lost else by_margin(0.5)(run)

    measured(world)
    found = judged("mnist-cosine", "maximum-at-0-5")
    assert found.verdict == CLOSE
    assert "a run diverged" in found.measured
    assert judged("mnist-cosine", "reliable").verdict == NO
    assert judged("mnist-cosine", "combined-better").verdict == CLOSE


def test_interval_over_seeds_is_the_paired_t_interval():
    from scipy import stats

    gaps = np.array([0.4, 0.1, 0.3, -0.1, 0.2])
    found = image_intervals.t_interval(gaps)
    low, high = stats.ttest_1samp(gaps, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))


def test_error_of_one_run_is_the_binomial():
    run = experiments.runs("arcgrad.table7", "full")[0]
    made = record(run, {"test_accuracy": 0.9})
    share = made["metrics"]["test_accuracy"]
    assert image_intervals.variance(made, "accuracy") == pytest.approx(
        share * (1 - share)
    )


# ------------------------------------------------- files


def put(id, profile, world, code=None):
    """Write the records of an experiment."""
    for run in experiments.runs(id, profile):
        owner = home(id, run)
        made = record(run, world(run))
        del made["stale"]
        made |= {
            "experiment": owner.id,
            "profile": profile,
            "canary": code or canary.stamp(id, run),
            "data_sha256": next(
                iter(datasets.identities(run["dataset"]).values())
            ),
        }
        file = results.path(owner.id, profile, owner.name(run), run)
        results.write(file, made)


def test_files_are_read_and_only_full_and_fresh_ones(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    monkeypatch.setattr(os, "fsync", lambda file: None)
    id, key = "angular-learning.table5", ("angular-learning", "fashion-best")
    world = better("Arc", "Center")
    put(id, "quick", world)
    assert judged(*key).verdict == NONE
    put(id, "full", world)
    found = judged(*key)
    assert found.verdict == YES
    assert "Arc − Soft, accuracy: +3.00 [" in found.measured
    put(id, "full", world, code="0" * 8)
    assert judged(*key).verdict == NONE
    put(id, "full", better("Soft"))
    assert judged(*key).verdict == NO
    results.files(id, "full")[0].unlink()
    assert judged(*key).verdict == NONE
