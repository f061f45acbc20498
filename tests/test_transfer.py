"""Runs that train on some classes of a data set and look at others."""

import json
import math

import numpy as np
import pytest

from arcbook import convnets, datasets, experiments, losses, results
from arcbook.experiments import canary, images, registry, transfer

OPEN = ("open.classes", "open.angles")
SMALL = {"sample": False} | transfer.canary(
    experiments.runs("open.angles", "quick")[0]
)[1]
DATA = images.synthetic(12, 3)


@pytest.mark.parametrize("id", OPEN)
@pytest.mark.parametrize("profile", experiments.PROFILES)
def test_runs_are_plain_distinct_and_possible(id, profile):
    grid = experiments.runs(id, profile)
    assert json.loads(json.dumps(grid)) == grid
    keys = {results.key(id, profile, run) for run in grid}
    assert len(keys) == len(grid) > 0
    for run in grid:
        assert run["network"] in convnets.available()
        size = {"embedding_dim": 4, "num_classes": run["classes"]}
        losses.create(run["loss"], **size, **run["hyperparameters"])
        assert run["share"] * 500 * run["classes"] == run["images"]
        transfer.deal(run, 100)


def steps(run):
    batches = run["images"] // run["batch_size"]
    return min(run["epochs"] * batches, run["max_steps"] or math.inf)


@pytest.mark.parametrize("profile", ["reduced", "full"])
def test_runs_of_classes_differ_in_nothing_but_s_m_and_classes(profile):
    grid = experiments.runs("open.classes", profile)
    assert len({steps(run) for run in grid}) == 1
    own = {"hyperparameters", "classes", "share", "seed", "images", "epochs"}
    own |= {"max_steps"}
    rest = {json.dumps({k: run[k] for k in run.keys() - own}) for run in grid}
    assert len({tuple(sorted(json.loads(one).items())) for one in rest}) == 1
    each = {run["images"] / run["classes"] for run in grid if run["max_steps"]}
    assert each == {50}


def weight(run):
    hyper = run["hyperparameters"]
    return hyper["s"] * hyper["m"] + math.log(run["classes"] - 1)


def test_matched_settings_weigh_as_much_as_one_without_a_margin():
    grid = experiments.runs("open.classes", "reduced", {"seed": [0]})
    plain = [run for run in grid if run["hyperparameters"]["m"] == 0]
    fitted = {(r["hyperparameters"]["s"], weight(r)) for r in plain}
    matched = [
        run
        for run in grid
        if run["hyperparameters"]["m"] not in (0, 0.05, 0.1)
    ]
    assert len(matched) == 11
    for run in matched:
        s = run["hyperparameters"]["s"]
        near = min(abs(u - weight(run)) for t, u in fitted if t == s)
        assert near < 1e-4
    weights = [u for _, u in fitted]
    assert all(min(weights) < weight(r) < max(weights) + 1e-4 for r in matched)


def test_a_margin_that_would_be_negative_is_refused():
    with pytest.raises(ValueError, match="20 classes like 10"):
        transfer.matching_margin(8.0, 20, 10)


def test_more_images_than_there_are_are_refused():
    given = {"classes": 5, "unseen": 50, "unseen_limit": 9, "images": 2600}
    with pytest.raises(ValueError, match=r"5 classes of .* have 2500"):
        transfer.one_run("CIFAR100+", "Soft", ("softmax", {}), given)


def test_classes_are_dealt_by_the_seed_and_nested():
    few, more = ({**SMALL, "classes": c, "unseen": 3} for c in (2, 4))
    held_out, first = transfer.deal(few, 7)
    same, second = transfer.deal(more, 7)
    assert held_out.tolist() == same.tolist()
    assert first.tolist() == second[:2].tolist()
    assert {*held_out, *second} == {*range(7)}
    other = [transfer.deal(more | {"seed": k}, 7)[0].tolist() for k in (1, 2)]
    assert other[0] != other[1] or other[0] != same.tolist()
    with pytest.raises(ValueError, match="5 classes and 3 held out, of 7"):
        transfer.deal(more | {"classes": 5}, 7)


def test_a_part_has_the_images_of_its_classes_numbered_anew():
    found = transfer.part(DATA, np.array([5, 2]))
    assert found.class_names == ("f", "c") and len(found.train_labels) == 20
    for new, old in enumerate((5, 2)):
        for kind in ("train", "test"):
            pixels = getattr(DATA, f"{kind}_images")
            labels = getattr(DATA, f"{kind}_labels")
            here = getattr(found, f"{kind}_labels") == new
            mine = getattr(found, f"{kind}_images")[here]
            assert (mine == pixels[labels == old]).all()
    assert isinstance(found, datasets.Images)


def test_a_run_looks_at_what_it_was_not_trained_on():
    run = SMALL | {"epochs": 4}
    outcome = transfer.measure(run, data=DATA)
    found = outcome["metrics"]
    assert outcome["more"]["train_images"] == 32
    assert outcome["more"]["test_images"] == 16
    seen = {k for k in found if k.startswith("unseen_")}
    assert {k.removeprefix("unseen_") for k in seen} == {
        *("auc", "eer", "tar", "recall", "map", "centroid")
    }
    assert found["unseen_auc"] > 0.6
    assert 0 < found["own_angle"] < found["test_own_angle"] < math.pi
    held_out, _ = transfer.deal(run, 7)
    noisy = DATA.test_images.copy()
    noise = np.random.default_rng(0).integers(0, 255, noisy.shape)
    there = np.isin(DATA.test_labels, held_out)
    noisy[there] = noise[there]
    other = transfer.measure(
        run, data=datasets.Images(**vars(DATA) | {"test_images": noisy})
    )["metrics"]
    moved = {k for k in found if found[k] != other[k]}
    assert moved and moved <= seen


def test_a_run_that_is_not_over_gives_nothing():
    assert transfer.measure(SMALL, data=DATA, time_left=lambda: 0.0) is None


def test_a_record_of_a_run_agrees_with_itself(folder, monkeypatch):
    run = experiments.runs("open.angles", "quick")[1]
    small = run | {"epochs": 1, "images": 1000, "share": 0.04}
    small |= {"unseen_limit": 100}
    monkeypatch.setattr(images, "load", lambda *_: enlarged())
    monkeypatch.setattr(experiments.checks.datasets, "identities", known)
    how = transfer.HOW | {"home": lambda run: None}
    registry.register(
        registry.Experiment("test.open", "", "", lambda p: [small], **how)
    )
    assert experiments.run("test.open") == 1
    (record,) = experiments.records("test.open")
    assert not record["stale"] and record["classes"] == 50
    assert experiments.status()["problems"] == []


def known(name):
    return {"sample": "synthetic", "official": "synthetic"}


def enlarged():
    """Noise that has the size of CIFAR-100, 100 classes, in little."""
    draw = np.random.default_rng(0)
    parts = []
    for each in (50, 10):
        labels = np.tile(np.arange(100), each)
        pixels = draw.integers(0, 255, (len(labels), 8, 8, 3), np.uint8)
        parts += [pixels, labels]
    names = tuple(map(str, range(100)))
    return datasets.Images(
        *("noise", *parts, names, "synthetic", "none"), sample=False
    )


def test_its_canary_is_another_than_that_of_images():
    run = experiments.runs("open.angles", "quick")[0]
    name, small = transfer.canary(run)
    assert name == f"transfer-{images.canary(run)[0]}"
    assert small.items() > images.canary(run)[1].items()
    numbers = canary.numbers("open.angles", run)
    assert {"metrics.unseen_auc", "metrics.own_angle"} <= numbers.keys()
