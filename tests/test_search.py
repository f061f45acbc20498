"""All losses are tuned alike, and no test row chooses anything."""

import numpy as np
import pytest

from arcbook import ensembles, experiments, losses, training
from arcbook.experiments import checks, images, registry, search

ID = "open.tuned"
TINY = {"trials": 3, "seeds": 2, "epochs": 2}


def grid(profile="reduced", **where):
    return [
        run
        for run in experiments.runs(ID, profile)
        if all(run.get(name) == value for name, value in where.items())
    ]


def small(column, dataset="iris", **changes):
    (run,) = grid(dataset=dataset, column=column)
    return run | TINY | changes


def digits(column, **changes):
    _, tiny = search.canary(small(column, "fashion-mnist"))
    return tiny | changes, images.synthetic(12, 1)


def test_the_grid_is_the_design():
    runs = grid()
    assert len({run["dataset"] for run in runs}) == 15 + 2
    assert {run["column"] for run in runs} == {*search.METHODS}
    assert len(runs) == 17 * len(search.METHODS)
    assert {(run["trials"], run["seeds"]) for run in runs} == {(30, 10)}
    table1 = experiments.runs("arcgrad.table1", "full")
    for name in ("layers", "width", "batch_size"):
        (usual,) = {run[name] for run in table1}
        assert {run.get(name) for run in runs if "layers" in run} <= {usual}
    held = {"fashion-mnist": 60_000, "cifar10": 50_000}
    for run in runs:
        if "network" in run:
            assert round(run["share"] * held[run["dataset"]]) == 5000


def test_what_the_papers_set_can_be_drawn():
    for paper in ("arcgrad", "uci"):
        for loss, hyper in registry.methods(paper).values():
            for known, ranges in search.METHODS.values():
                for name in ranges if known == loss else ():
                    low, high = ranges[name]
                    assert low <= hyper[name] <= high


def test_trials_share_their_numbers_and_are_allowed():
    drawn = {run["column"]: search.trials(run) for run in grid(dataset="pima")}
    scales = [one["s"] for one in drawn.values() if "s" in one]
    assert len(scales) == 3 and scales[0] == scales[1] == scales[2]
    for column, one in drawn.items():
        loss, ranges = search.METHODS[column]
        assert {*one} == {"learning_rate", "weight_decay", *ranges}
        for name in ("learning_rate", "weight_decay"):
            assert one[name] == drawn["Soft"][name]
        for number in range(30):
            given = {"embedding_dim": 4, "num_classes": 3}
            losses.create(loss, **given, **search.own(one, number))
        (run,) = grid(dataset="pima", column=column)
        for name, values in one.items():
            low, high = run["ranges"][name]
            assert low <= min(values) < max(values) <= high
            assert len({*values}) == 30
            middle = np.median(values)
            even = (low + high) / 2 if name == "m" else (low * high) ** 0.5
            spread = high - low if name == "m" else high / low
            if name == "m":
                assert abs(middle - even) < 0.25 * spread
            else:
                assert abs(np.log(middle / even)) < 0.25 * np.log(spread)


def test_fewer_trials_are_the_first_and_data_sets_differ():
    few, many = (
        search.trials(small("ArcFace", trials=n))["s"] for n in (3, 9)
    )
    assert many[:3] == few
    assert search.trials(small("ArcFace", "tae", trials=3))["s"] != few
    run = small("Soft") | {"ranges": {"momentum": [0, 1]}}
    with pytest.raises(ValueError, match="no number to draw 'momentum'"):
        search.trials(run)


def test_a_split_has_every_row_once_in_its_share():
    run = small("Soft")
    parts = [search.split(150, run, k) for k in range(2)]
    for part in parts:
        assert [*map(len, part)] == [90, 30, 30]
        assert sorted(np.concatenate(part)) == [*range(150)]
    assert {*parts[0][2]} != {*parts[1][2]}


def test_no_test_row_chooses_or_is_learned(iris, monkeypatch):
    run, seen = small("ArcFace"), []
    train = ensembles.train

    def spy(X, y, folds, **given):
        seen.append((folds, given))
        return train(X, y, folds, **given)

    monkeypatch.setattr(ensembles, "train", spy)
    first = search.measure(run, data=iris)["metrics"]
    (tried, given), (again, last) = seen
    assert len(tried) == 6 and len(again) == 2
    for k, fold in enumerate(again):
        train_rows, validation, test = search.split(150, run, k)
        assert {*fold.train} == {*train_rows, *validation}
        assert {*fold.test} == {*test}
        for one in tried[3 * k : 3 * k + 3]:
            assert {*one.train} == {*train_rows}
            assert one.test.tolist() == [*validation, *test]
            assert one.seed != fold.seed
        chosen = first["chosen"][k]
        assert last["hyperparameters"][k] == given["hyperparameters"][chosen]
        assert last["lr"][k] == given["lr"][chosen]
    assert given["lr"] == 2 * first["trials"]["learning_rate"]
    assert first["validated"] == first["looked_at"] == first["tested"] == 30
    other = iris.y.copy()
    test = search.split(150, run, 0)[2]
    other[test] = (other[test] + 1) % 3
    moved = search.measure(
        run | {"seeds": 1},
        data=type(iris)(**vars(iris) | {"y": other}),
    )["metrics"]
    assert moved["validation"] == first["validation"][:1]
    assert moved["looked"] != first["looked"][:1]


def test_hits_are_those_of_the_predictions(iris, monkeypatch):
    run, kept, train = small("Soft", epochs=20), [], ensembles.train

    def keeping(*given, **more):
        kept.append(train(*given, **more))
        return kept[-1]

    monkeypatch.setattr(ensembles, "train", keeping)
    found = search.measure(run, data=iris)["metrics"]
    for k in range(2):
        _, validation, test = search.split(150, run, k)
        for number in range(3):
            predicted = kept[0].predictions[3 * k + number]
            right = predicted == iris.y[np.r_[validation, test]]
            assert found["validation"][k][number] == right[:30].sum()
            assert found["looked"][k][number] == right[30:].sum()
    assert found["test"] == kept[1].correct.tolist()
    assert found["accuracy"] > 80


def test_images_are_held_out_of_training(monkeypatch):
    run, data = digits("ArcGrad", share=1.0)
    seen, train = [], training.train

    def spy(images, **given):
        seen.append((images, given))
        return train(images, **given)

    monkeypatch.setattr(training, "train", spy)
    found = search.measure(run, data=data)["metrics"]
    tried, last = seen[:3], seen[3:]
    assert len(last) == run["seeds"]
    whole = {x.tobytes() for x in data.train_images}
    for inner, given in tried:
        learned = {x.tobytes() for x in inner.train_images}
        held = {x.tobytes() for x in inner.test_images[: found["validated"]]}
        assert learned | held == whole and not learned & held
        looked = inner.test_images[found["validated"] :]
        assert (looked == data.test_images[: run["look"]]).all()
        assert given["seed"] == run["seed"]
    chosen = found["chosen"][0]
    for images_seen, given in last:
        assert images_seen is data
        rate = found["trials"]["learning_rate"][chosen]
        assert given["learning_rate"] == rate
    seeds = [given["seed"] for _, given in last]
    assert len({run["seed"], *seeds}) == 1 + run["seeds"]


def test_a_trial_that_diverges_has_nothing_right(iris, monkeypatch):
    run, data = digits("Soft")
    train = training.train
    count = iter(range(9))

    def failing(images, **given):
        if next(count) == 1:
            log = type("Log", (), {"curves": [], "looks": []})
            raise training.Diverged(1, 1, float("nan"), 0.1, log)
        return train(images, **given)

    monkeypatch.setattr(training, "train", failing)
    outcome = search.measure(run, data=data)
    found = outcome["metrics"]
    assert found["validation"][0][1] == found["looked"][0][1] == 0
    assert found["diverged"] == 1 and found["chosen"] != [1]
    assert outcome["curves"]["search"][1] is None
    wild = {"learning_rate": [1e30, 1e38], "weight_decay": [1e-5, 1e-2]}
    metrics = search.measure(small("Soft", ranges=wild), data=iris)["metrics"]
    assert metrics["diverged"] == 8
    assert metrics["validation"] == [[0, 0, 0]] * 2
    assert metrics["test"] == [0, 0]


@pytest.mark.parametrize("column", ["Center", "ArcFace"])
def test_canaries_are_small_and_train(column):
    names = []
    for run in (small(column), small(column, "cifar10")):
        name, tiny = search.canary(run)
        numbers = search.probe(tiny)
        again = search.probe(tiny)
        assert numbers == again
        assert any(key.startswith("curves.search") for key in numbers)
        names.append(name)
        later = run | {"trials": 7, "seeds": 4, "epochs": 9}
        assert search.canary(later) == (name, tiny)
        other = run | {"validation": 0.3}
        assert search.canary(other) != (name, tiny)
    loss, _ = search.METHODS[column]
    assert names == [f"search-mlp3-{loss}", f"search-conv4-{loss}"]


def test_a_record_goes_round_and_agrees_with_itself(folder):
    assert experiments.run(ID, only={"column": ["ArcFace"]}) == 1
    (record,) = experiments.records(ID)
    assert not record["stale"] and record["column"] == "ArcFace"
    assert checks.problems() == {}


@pytest.fixture(scope="module")
def record():
    (run,) = experiments.runs(ID, "quick", {"column": ["Soft"]})
    found = search.measure(run)
    about = {"experiment": ID, "profile": "quick", "threads": 1}
    return run | about | {"metrics": found["metrics"]}


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("chosen", lambda x: [(x[0] + 1) % 6, *x[1:]], "first of the best"),
        ("test", lambda x: [x[0] + 1, *x[1:]], "its accuracy is not"),
        ("test", lambda x: [99, *x[1:]], "more rows right"),
        ("test", lambda x: x[1:], "2 seeds, not 3"),
        ("std", lambda x: x + 0.01, "its std is not"),
        ("looked", lambda x: x[1:], "has not 3 × 6 trials"),
        ("trials", lambda x: x | {"s": [1.0]}, "not those that its run draws"),
    ],
)
def test_what_contradicts_itself_is_named(record, name, change, problem):
    assert checks.disagreement(record) == ""
    changed = record["metrics"] | {name: change(record["metrics"][name])}
    assert problem in checks.disagreement(record | {"metrics": changed})


def test_a_live_search_takes_changes_and_refuses_others():
    (found,) = search.run_one("tae", ["NormFace"], trials=2, seeds=1, epochs=1)
    assert found["metrics"]["std"] is None
    assert len(found["metrics"]["trials"]["s"]) == 2
    with pytest.raises(ValueError, match="no column 'Hard'"):
        search.run_one("tae", ["Hard"])
    with pytest.raises(ValueError, match="no setting 'rate'"):
        search.run_one("tae", ["Soft"], rate=1)
