"""What a loss costs: the turns, the records, the claim."""

import itertools
import json
import math
import operator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from arcbook import audit, experiments, losses, papers, paths, results
from arcbook.audit import cost as audit_cost
from arcbook.audit import verdicts
from arcbook.experiments import canary, cost, grids, registry

CACHE = paths.CACHE
ID, KEY = "arcgrad.cost", ("claim", "arcgrad", "cost-3-4")
TINY = {"embedding_dim": 8, "batch_size": 4, "rounds": 6, "turn_seconds": 0}
YES, CLOSE = verdicts.REPLICATED, verdicts.CLOSE
NO, NONE = verdicts.NOT_REPLICATED, verdicts.UNMEASURED


def full():
    return experiments.runs(ID, "full")


def test_full_runs_have_the_shapes_of_the_papers_tables():
    shapes = operator.itemgetter("network", "batch_size", "embedding_dim")
    four, *_ = experiments.runs("arcgrad.table4", "full")
    five, *_ = experiments.runs("arcgrad.table5", "full")
    assert {
        (run["device_type"], *shapes(run), run["classes"]) for run in full()
    } == {
        ("cuda", *shapes(four), 10),
        ("cpu", *shapes(four), 10),
        ("cuda", *shapes(five), 100),
        ("cuda", "resnet18", *shapes(five)[1:], 100),
    }
    for run in full():
        assert run["columns"] == [*cost.COLUMNS]
        assert {*grids.METHODS} < {*run["columns"]}
        assert run["weight_decay"] == four["weight_decay"]
    trained = {run["column"] for run in experiments.runs("arcgrad.table4")}
    assert trained == {*grids.METHODS}


def test_losses_of_a_run_are_those_of_the_tables():
    (quick,) = experiments.runs(ID, "quick")
    assert quick["device_type"] == "cpu" and quick["dataset"] is None
    made = cost.criteria(quick)
    named = [head.spec.name for head in made.values() if hasattr(head, "spec")]
    assert named == [loss for loss, _ in grids.METHODS.values()]


@pytest.mark.parametrize("number", [2, 3, 8])
def test_every_round_has_every_loss_once_and_no_place_is_one_loss_s(number):
    columns = [*"abcdefgh"[:number]]
    rounds = [cost.turns(columns, k) for k in range(2 * number)]
    assert all(sorted(one) == columns for one in rounds)
    for place in range(number):
        assert {one[place] for one in rounds} == {*columns}
    before = {pair for one in rounds for pair in itertools.pairwise(one)}
    assert {(b, a) for a, b in before} == before


class Clock:
    """A machine whose steps take known times, and that slows down."""

    def __init__(self, seconds, slower=0.0):
        self.time, self.calls = 0.0, []
        self.seconds, self.slower = seconds, slower

    def turns(self, rounds, least):
        steps = {name: partial(self.step, name) for name in self.seconds}
        return cost.in_turns(steps, rounds, least, lambda: self.time)

    def step(self, name):
        self.calls.append(name)
        drift = 1 + self.slower * len(self.calls)
        self.time += self.seconds[name] * drift


def test_turns_are_as_long_as_asked_for_and_interleaved():
    clock = Clock({"Soft": 1.0, "ArcGrad": 2.0, "Center": 4.0})
    found, number = clock.turns(4, 5.0)
    assert number == 5
    assert found == {k: [v] * 4 for k, v in clock.seconds.items()}
    measured = clock.calls[-4 * 3 * number :]
    for place in range(4):
        turn = measured[15 * place : 15 * place + 15]
        assert turn[::5] == cost.turns([*found], place)
    warm = clock.calls[: -4 * 3 * number]
    assert {*warm} == {*found} and warm.index("ArcGrad") > 0


def test_one_long_step_is_a_turn():
    clock = Clock({"Soft": 3.0, "ArcGrad": 3.1})
    _, number = clock.turns(2, 0.1)
    assert number == 1
    warm_up, first = ["Soft", "ArcGrad"], ["Soft", "ArcGrad"]
    assert clock.calls == [*warm_up, *first, *first[::-1]]


def test_a_drift_of_the_machine_cancels_in_the_ratio():
    clock = Clock({"Soft": 1.0, "ArcGrad": 1.034}, slower=0.002)
    found, _ = clock.turns(20, 0.0)
    first, then = np.mean(found["Soft"][:10]), np.mean(found["ArcGrad"][10:])
    middle, low, high = cost.extra(found, "ArcGrad")
    assert then / first - 1 > 0.06
    assert low < 0.034 < high
    assert middle == pytest.approx(0.034, abs=0.001)


def test_interval_is_that_of_order_statistics():
    ratios = np.arange(1.0, 10.0)
    seconds = {"Soft": [1.0] * 9, "ArcGrad": (1 + ratios).tolist()}
    assert cost.extra(seconds, "ArcGrad") == (5.0, 2.0, 8.0)
    few = {k: v[: cost.LEAST_ROUNDS] for k, v in seconds.items()}
    assert cost.extra(few, "ArcGrad") == (3.5, 1.0, 6.0)
    fewer = {k: v[: cost.LEAST_ROUNDS - 1] for k, v in seconds.items()}
    assert np.isnan(cost.extra(fewer, "ArcGrad")[1])


def test_a_run_has_positive_seconds_for_every_column():
    found = cost.run_one(**TINY)
    assert [*found["curves"]] == [*cost.COLUMNS]
    for column, seconds in found["curves"].items():
        assert len(seconds) == 6
        assert all(0 < one < math.inf for one in seconds)
        middle, low, high = found["metrics"]["over_softmax"][column]
        assert low <= middle <= high
        assert found["metrics"]["seconds"][column] == pytest.approx(
            np.median(seconds), rel=1e-4
        )
    for column in ("Soft", "Soft (usual)"):
        assert found["metrics"]["over_softmax"][column] == [0, 0, 0]


def test_a_column_brings_its_own_softmax():
    found = cost.run_one(["ArcGrad (usual)"], **TINY)
    assert found["columns"] == ["Soft (usual)", "ArcGrad (usual)"]


@pytest.mark.parametrize(
    ("columns", "changes", "problem"),
    [
        (["Hard"], {}, "no column 'Hard'; there are Soft, "),
        (["Soft"], {"epochs": 3}, "no setting 'epochs'; there are network"),
        (["Soft"], {"rounds": 5}, "rounds = 5: .* at least 6"),
        (["Soft"], {"network": "vgg"}, "there is no network 'vgg'"),
    ],
)
def test_what_can_not_be_timed_is_refused(columns, changes, problem):
    with pytest.raises(ValueError, match=problem):
        cost.run_one(columns, **changes)


def test_the_weights_do_not_move(generator_left):
    run = cost.one_run("cpu", ["Soft", "ArcGrad"], **TINY)
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        criteria = cost.criteria
        patch.setattr(
            cost, "criteria", lambda run: made.update(criteria(run)) or made
        )
        cost.measure(run)
    with torch.random.fork_rng():
        torch.manual_seed(run["seed"])
        cost.convnets.create("conv4", 3, 8)
        before = cost.criteria(run)
    for column, head in made.items():
        assert torch.equal(head.weight, before[column].weight)
        assert head.weight.grad.abs().sum() > 0


def test_usual_losses_are_the_book_s_up_to_their_precision():
    torch.manual_seed(0)
    features, labels = torch.randn(12, 6), torch.arange(12) % 4
    size = {"embedding_dim": 6, "num_classes": 4}
    for column in ("Soft", "ArcGrad"):
        loss, hyperparameters = grids.METHODS[column]
        ours = losses.create(loss, **size, **hyperparameters)
        usual = cost.Usual(**size, logits=cost.USUAL[f"{column} (usual)"])
        usual.weight = nn.Parameter(ours.weight.detach().clone())
        expected = ours.losses(features, labels).float()
        assert torch.allclose(
            usual.losses(features, labels), expected, atol=1e-4
        )


@pytest.fixture
def small(monkeypatch):
    """The grid with its own devices, and shapes that take no time."""
    made = experiments.get(ID)

    def runs(profile):
        grid = made.runs(profile)[-2:]
        return [run | TINY | {"network": "conv4"} for run in grid]

    monkeypatch.setitem(registry._registry, ID, replace(made, runs=runs))


def test_a_record_goes_round_and_needs_no_data(
    folder, tmp_path, small, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert experiments.run(ID, profile="full") == 1
    assert experiments.run(ID, profile="full") == 0
    (record,) = experiments.records(ID, "full")
    assert not record["stale"] and record["device_type"] == "cpu"
    assert record["dataset"] is None and record["data_sha256"] is None
    assert record["precision"] == "float32" and record["threads"] >= 1
    assert [*record["curves"]] == record["columns"]
    every = {x["id"]: x["runs"] for x in experiments.status()["experiments"]}
    counts = every[ID]["full"]
    assert (counts["measured"], counts["stale"]) == (1, 0)
    (archive,) = results.pack(tmp_path / "records.tar.gz", [ID])
    (file,) = results.files(ID, "full")
    file.unlink()
    assert len(experiments.merge(archive).taken) == 1
    assert experiments.records(ID, "full") == [record]
    file.write_text(file.read_text().replace(record["canary"], "0" * 16))
    assert experiments.records(ID, "full")[0]["stale"]


def record(run, percent, spread=0.2, base=0.006):
    """A record in which a column costs so many percent, ± its rounds."""
    wobble = np.linspace(-spread, spread, run["rounds"])
    more = {c: percent[c] + wobble for c in percent}
    curves = {
        column: (base * (1 + more.get(column, 0 * wobble) / 100)).tolist()
        for column in run["columns"]
    }
    over = {c: [*cost.extra(curves, c)] for c in curves}
    seconds = {c: float(np.median(v)) for c, v in curves.items()}
    return run | {
        "experiment": ID,
        "profile": "full",
        "metrics": {"seconds": seconds, "over_softmax": over},
        "curves": curves,
        "threads": 2,
        "stale": False,
    }


def world(ours=2.0, usual=1.0, wide=4.0, deep=2.0, processor=None):
    """Records of the grid: what ArcGrad costs in each, in percent."""
    values = ((ours, usual), (wide, usual), (deep, usual), (processor,) * 2)
    return [
        record(run, dict(zip(("ArcGrad", "ArcGrad (usual)"), each)))
        for run, each in zip(full(), values)
        if each[0] is not None
    ]


def judged(monkeypatch, records):
    monkeypatch.setattr(
        audit_cost.experiments, "records", lambda id, profile: records
    )
    return audit.item(*KEY[1:])


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({}, YES),
        ({"ours": 3.2}, YES),
        ({"ours": 3.4}, CLOSE),
        ({"ours": 3.9}, NO),
        ({"ours": -1.0}, YES),
        ({"usual": 3.9}, NO),
        ({"wide": 2.0, "deep": 4.0}, NO),
        ({"wide": 2.1}, CLOSE),
        ({"ours": None}, NONE),
        ({"deep": None}, NONE),
        ({"ours": 3.9, "wide": None, "deep": None}, NONE),
        ({"ours": 3.9, "processor": 1.0}, NO),
    ],
)
def test_verdict_follows_the_records_of_a_gpu(monkeypatch, given, verdict):
    found = judged(monkeypatch, world(**given))
    assert found.verdict == verdict, found.measured
    assert found.evidence["derivation"] == "notebooks/14_cost.html"
    if given.get("ours", 2.0) is not None:
        left = f"{3.45 - given.get('ours', 2.0):+.2f}".replace("-", "−")
        assert f"3.45% − ArcGrad: {left} [" in found.measured


@pytest.mark.parametrize("percent", [0.1, 3.4, 50.0])
def test_a_processor_settles_nothing_and_is_shown(monkeypatch, percent):
    records = [world(processor=percent)[-1]]
    found = judged(monkeypatch, records)
    assert found.verdict == NONE
    assert "settles nothing" in found.measured
    assert f"ArcGrad in percent: {percent:+.2f} [" in found.measured
    assert judged(monkeypatch, []).measured == ""


def test_the_printed_number_is_the_paper_s():
    assert f"{audit_cost.PRINTED}%" in papers.claim(*KEY[1:])["printed"]


def test_files_are_read_for_the_verdict(folder, monkeypatch):
    monkeypatch.setattr(paths, "CACHE", CACHE)  # canaries once for all tests
    for run, one in zip(full(), world(processor=1.0)):
        made = one | {"canary": canary.stamp(ID, run), "data_sha256": None}
        file = registry.file(ID, "full", run)
        results.write(file, json.loads(json.dumps(made)))
    assert audit.item(*KEY[1:]).verdict == YES
    file = registry.file(ID, "full", full()[0])
    file.write_text(file.read_text().replace(made["canary"], "0" * 16))
    assert audit.item(*KEY[1:]).verdict == NONE
