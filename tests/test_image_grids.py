"""The grids of the image experiments are those that the papers print."""

import json

import pytest

from arcbook import convnets, experiments, losses, papers, results

OTHERS = ("arcgrad.cost", "open.tuned", *experiments.available()[:3])
IMAGES = [id for id in experiments.available() if id not in OTHERS]
FULL_RUNS = {
    "angular-learning.table5": 4,
    "angular-learning.fig5": 6,
    "angular-learning.fig6": 4,
    "mnist-cosine.table1": 40,
    "iam.table2": 4,
    "iam.fig2": 4,
    "mnist-cosine.fig1": 1,
    "mnist-cosine.fig2": 7,
    "arcgrad.table7": 24,
    "angular-learning.table4": 16,
    "arcgrad.table4": 60,
    "arcgrad.table6": 6,
    "arcgrad.fig4": 6,
    "angular-learning.table6": 40,
    "angular-learning.table2": 4,
    "angular-learning.fig7": 4,
    "arcgrad.rates": 24,
    "angular-learning.tolerance": 24,
    "arcgrad.precision": 10,
    "arcgrad.fig3": 40,
    "arcgrad.table5": 30,
    "angular-learning.table7": 20,
    "angular-learning.table3": 4,
    "angular-learning.fig8": 8,
}


def full(id):
    return experiments.runs(id, "full")


def values(id, *fields):
    """What a full grid has in some fields."""
    found = {tuple(run[field] for field in fields) for run in full(id)}
    return found if len(fields) > 1 else {value for (value,) in found}


def test_every_experiment_has_its_full_grid():
    assert {id: len(full(id)) for id in IMAGES} == FULL_RUNS


@pytest.mark.parametrize("id", IMAGES)
def test_runs_are_plain_distinct_and_possible(id):
    for profile in experiments.PROFILES:
        grid = experiments.runs(id, profile)
        assert json.loads(json.dumps(grid)) == grid
        keys = {results.key(id, profile, run) for run in grid}
        assert len(keys) == len(grid)
        assert grid or (id, profile) == ("arcgrad.precision", "reduced")
        for run in grid:
            assert run["network"] in convnets.available()
            head = losses.create(
                run["loss"],
                embedding_dim=4,
                num_classes=10,
                **run["hyperparameters"],
            )
            assert head.weight.shape == (10, 4)
            assert run["sample"] == (
                profile == "quick" and "CIFAR" not in run["benchmark"]
            )


@pytest.mark.parametrize("id", IMAGES)
def test_a_shared_run_is_in_the_grid_of_its_home(id):
    for profile in experiments.PROFILES:
        for run in experiments.runs(id, profile):
            owner = experiments.home(id, run)
            assert run in experiments.runs(owner.id, profile)
            assert owner.home(run) is None


def test_what_reads_records_of_another_trains_nothing():
    angular = [f"angular-learning.{x}" for x in ("table2", "fig7", "fig8")]
    readers = ("arcgrad.table6", "arcgrad.fig4", "iam.fig2", *angular)
    for id in (*readers, "angular-learning.table3"):
        assert all(experiments.home(id, run).id != id for run in full(id))
    own = [
        run
        for run in full("arcgrad.fig3")
        if experiments.home("arcgrad.fig3", run).id == "arcgrad.fig3"
    ]
    assert len(own) == 36 and 1.0 not in {run["share"] for run in own}


def test_arcgrad_settings_are_those_of_its_table_3():
    table = papers.texts("arcgrad", "table3")
    for column, id in zip(table, ("arcgrad.table4", "arcgrad.table5")):
        told = table[column]
        assert values(id, "epochs") == {int(told["Epochs"])}
        assert values(id, "batch_size") == {int(told["Batch Size"])}
        assert values(id, "learning_rate") == {float(told["LR"])}
        assert values(id, "network") == {told["Architecture"].lower()}
        assert values(id, "weight_decay") == {5e-4}
        assert values(id, "seed") == {0, 1, 2, 3, 4}
    assert values("arcgrad.table4", "benchmark", "augmented") == {
        ("CIFAR10", False),
        ("CIFAR10+", True),
    }
    assert values("arcgrad.table5", "benchmark") == {"CIFAR100+"}


def test_angular_settings_are_those_of_its_table_1():
    table = papers.texts("angular-learning", "table1")
    ids = [f"angular-learning.table{n}" for n in (5, 6, 7)]
    for column, id in zip(table, ids):
        told = table[column]
        assert values(id, "network") == {told["CNU"].lower()}
        assert values(id, "epochs") == {int(told["epochs"])}
        assert values(id, "batch_size") == {int(told["batch_size"])}
        assert values(id, "column", "learning_rate") == {
            (name, float(told[f"lr({name})"]))
            for name in ("Soft", "Arc", "ArcFace", "Center")
        }
    assert values(ids[0], "seed") == {0}
    assert values(ids[1], "seed") == values(ids[2], "seed") == {*range(5)}


@pytest.mark.parametrize(
    ("id", "columns_are", "rows_are"),
    [
        ("arcgrad.table7", "column", "epochs"),
        ("angular-learning.table4", "column", "epochs"),
        ("arcgrad.table4", None, "column"),
        ("arcgrad.table5", None, "column"),
        ("arcgrad.table6", "column", None),
        ("angular-learning.table2", None, "column"),
        ("angular-learning.table3", None, "column"),
    ],
)
def test_rows_and_columns_are_those_printed(id, columns_are, rows_are):
    table = papers.texts(*id.split("."))
    for field, names in (
        (columns_are, table.columns),
        (rows_are, table.index),
    ):
        if field is not None:
            assert {*map(str, values(id, field))} == {*map(str, names)}


def test_margins_are_those_of_the_mnist_paper():
    table = papers.texts("mnist-cosine", "table1").astype(float)
    found = {"ArcFace": [], "Combined": []}
    for run in full("mnist-cosine.table1"):
        found[run["column"]].append(run["hyperparameters"])
    assert [h["m"] for h in found["ArcFace"]] == [*table["m"]]
    for name in ("m2", "m3"):
        assert [h[name] for h in found["Combined"]] == [*table[name]]
    assert {h["m1"] for h in found["Combined"]} == {1}
    assert values("mnist-cosine.table1", "epochs", "network") == {
        (20, "conv4")
    }
    spheres = full("mnist-cosine.fig1") + full("mnist-cosine.fig2")[:1]
    assert [run["loss"] for run in spheres] == ["softmax", "arcface"]
    assert {run["embedding_dim"] for run in spheres} == {3}
    long = full("mnist-cosine.fig2")[1:]
    assert [run["epochs"] for run in long] == [5, 5, 10, 10, 100, 100]


def test_iam_and_the_figures():
    runs = full("iam.table2")
    found = [run["loss"] for run in runs]
    assert found == ["normface", "iam", "cosface", "iam"]
    margins = [run["hyperparameters"].get("m") for run in runs]
    assert margins == [None, None, 0.1, 0.1]
    assert {r["hyperparameters"].get("beta") for r in runs} == {None, 0.2}
    assert values("iam.table2", "network", "embedding_dim") == {("iam_cnn", 3)}
    fig5 = full("angular-learning.fig5")
    scales = [run["hyperparameters"]["s"] for run in fig5]
    assert scales == [1, 3, 5, 7, 12, 20]
    assert values("angular-learning.fig5", "angles_every") == {200}
    assert values("angular-learning.fig6", "embedding_dim") == {2}
    assert values("arcgrad.fig3", "epochs", "benchmark") == {(20, "CIFAR10+")}
    assert values("angular-learning.fig8", "keep_cosines") == {100}


def test_the_agenda_is_the_one_for_scarce_time():
    steps = experiments.agenda(experiments.available(), "full")
    assert [id for id, _ in steps[1:4]] == experiments.available()[:3]
    places = [
        steps.index(step)
        for step in (
            ("angular-learning.table5", {}),
            ("arcgrad.cost", {"device_type": ["cuda"]}),
            ("mnist-cosine.table1", {}),
            ("iam.table2", {}),
            ("arcgrad.table7", {"epochs": [10, 20, 40]}),
            ("arcgrad.table4", {"seed": [0]}),
            ("arcgrad.table4", {}),
            ("arcgrad.fig3", {}),
            ("arcgrad.table5", {"seed": [0]}),
            ("arcgrad.cost", {}),
        )
    ]
    assert places == sorted(places)
    whole = [id for id, only in steps if not only]
    assert sorted(whole) == sorted(experiments.available())
    for id, only in steps:
        assert experiments.runs(id, "full", only)
    quick = experiments.agenda(["iam.fig2", "arcgrad.table1"], "quick")
    assert quick == [("iam.fig2", {}), ("arcgrad.table1", {})]


def test_the_reduced_profile_is_the_full_one_made_smaller():
    smaller = {"epochs", "batch_size", "share", "probe", "test_limit", "seed"}
    smaller |= {"width", "precision", "angles_every", "keep_cosines"}
    for id in {*IMAGES} - {"arcgrad.precision"}:
        paper = [
            {k: v for k, v in run.items() if k not in smaller}
            for run in full(id)
        ]
        grid = experiments.runs(id, "reduced")
        for run in grid:
            assert {k: v for k, v in run.items() if k not in smaller} in paper
            assert run["precision"] == "bfloat16"
            slim = run["network"] in ("resnet18", "resnet34")
            assert run.get("width", 1) == (0.25 if slim else 1)
            passes = run["epochs"] * run["share"]
            assert passes < min(x["epochs"] * x["share"] for x in full(id))
        owners = {experiments.home(id, run).id for run in grid}
        if id in owners:
            assert {0, 1, 2} <= {run["seed"] for run in grid}
    for id, only in experiments.agenda(IMAGES, "reduced"):
        if id != "arcgrad.precision":
            assert experiments.runs(id, "reduced", only)


def test_a_part_of_a_grid():
    part = experiments.runs("arcgrad.table4", "full", {"seed": [0, 3]})
    assert len(part) == 24
    with pytest.raises(ValueError, match=r"has seed = 7; there are 0, 1, 2"):
        experiments.runs("arcgrad.table4", "full", {"seed": [7]})
