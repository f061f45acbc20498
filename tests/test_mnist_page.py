"""The MNIST pages: chance, maps and sentences follow numbers alone."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from scipy import stats

from arcbook import (
    audit,
    derive,
    experiments,
    losses,
    packing,
    papers,
)
from arcbook.analysis import chance, margins, measured, spheres
from arcbook.audit import verdicts
from arcbook.figures import hemispheres, iam_digits, mnist
from arcbook.verdicts import mnist as said
from test_measured import record

SEEDS = (0, 1, 2)
N = 10_000
DIVERGED = {"metrics": {"diverged": True}, "arrays": {}}


def grid(id, profile="full"):
    return experiments.runs(id, profile)


def table(accuracy, skip=(), diverged=()):
    """Table 1 with made-up records, accuracy a function of the run."""
    records = [
        record(run, accuracy(run)) | (DIVERGED if place in diverged else {})
        for place, run in enumerate(grid(margins.ID))
        if place not in skip
    ]
    return margins.beside("full", records)


def drawn(seed, spread=0.0):
    """Accuracies of settings that differ by chance, and by a spread."""
    generator = np.random.default_rng(seed)

    def accuracy(run):
        share = 0.988 + spread * (run["hyperparameters"].get("m", 0.5) - 0.5)
        return generator.binomial(N, share) / N

    return accuracy


def written(figure):
    """All text of a figure."""
    return " | ".join(
        text.get_text()
        for text in figure.findobj(lambda x: True)
        if hasattr(text, "get_text")
    )


def ball(run, vectors, spread=0.05, seed=0):
    """A record of a run with features around class vectors."""
    generator = np.random.default_rng(seed)
    labels = np.arange(500) % len(vectors)
    noise = spread * generator.standard_normal((500, 3))
    features = spheres.unit(vectors)[labels] + noise
    arrays = {
        "features": features.astype(np.float16),
        "feature_labels": labels.astype(np.uint8),
        "class_vectors": vectors.astype(np.float32),
    }
    packed = {name: packing.pack(array) for name, array in arrays.items()}
    return record(run) | {"arrays": packed}


def directions(seed, count=10):
    return np.random.default_rng(seed).standard_normal((count, 3))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def runs3():
    return {run["column"]: run for run in grid("iam.fig2")}


# ------------------------------------------------- chance


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("settings", [2, 20])
def test_ranges_of_equal_settings_are_those_of_simulated_ones(seed, settings):
    generator = np.random.default_rng(seed)
    hits = generator.binomial(N, 0.988, (20_000, settings)) * 100 / N
    ranges = np.ptp(hits, axis=1)
    expected = chance.expected_range(98.8, N, settings)
    assert ranges.mean() == pytest.approx(expected, rel=0.02)
    most = chance.least_gap(98.8, N, settings)
    assert (ranges > most).mean() == pytest.approx(0.05, abs=0.012)
    low, high = chance.ranked(98.8, N, settings)
    inside = (np.sort(hits) >= low) & (np.sort(hits) <= high)
    assert 0.945 < inside.mean(0).min() <= inside.mean(0).max() < 0.98


def test_two_named_settings_need_the_normal_quantile():
    error = chance.standard_error(98.8, N)
    assert error == pytest.approx(100 * math.sqrt(0.988 * 0.012 / N))
    both = stats.norm.ppf(0.975) * math.sqrt(2) * error
    assert chance.least_gap(98.8, N) == pytest.approx(both, rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_homogeneity_is_pearsons(seed):
    shares = np.random.default_rng(seed).binomial(N, 0.99, 12) * 100 / N
    found = chance.homogeneity(shares, N)
    mean = shares.mean() / 100
    error = 100 * math.sqrt(mean * (1 - mean) / N)
    chi2 = (((shares - shares.mean()) / error) ** 2).sum()
    assert found.chi2 == pytest.approx(chi2)
    assert found.p == pytest.approx(stats.chi2.sf(chi2, 11))
    apart = chance.homogeneity([*shares, 97.0], N)
    assert found.p > 0.001 > apart.p


@pytest.mark.parametrize("values", [[99.0], [99.0, math.nan]])
def test_homogeneity_of_a_gap_is_refused(values):
    with pytest.raises(ValueError, match="two accuracies or more"):
        chance.homogeneity(values, N)


def test_all_right_are_all_alike():
    assert chance.homogeneity([100.0, 100.0], N).p == 1.0


# ------------------------------------------------- Table 1


def test_every_printed_cell_has_its_run():
    cells = table(lambda run: 0.99)
    assert len(cells) == 40
    assert (cells["runs"] == 1).all()
    raw = papers.table("mnist-cosine", "table1").astype(float)
    arcface = cells[cells["column"] == "ArcFace"]
    assert list(arcface["published"]) == list(raw["arcface"])
    assert list(arcface["m"]) == list(raw["m"])
    combined = cells[cells["column"] == "Combined"]
    assert list(combined["published"]) == list(raw["combined"])


def test_each_measured_value_stands_at_its_own_margins():
    def value(run):
        hyper = run["hyperparameters"]
        code = hyper.get("m", 0) + hyper.get("m2", 0) + hyper.get("m3", 0)
        return 0.9 + code / 100

    cells = table(value)
    code = cells[["m", "m2", "m3"]].sum(axis=1)
    assert np.allclose(cells["measured"], 90 + code)
    first = margins.texts(cells).iloc[0]
    low, high = measured.binomial(90.4, N)
    assert first["ArcFace, measured ●"] == f"90.40 [{low:.2f}, {high:.2f}]"


def test_gaps_and_divergence_are_named():
    cells = table(lambda run: 0.99, skip=(0,), diverged=(1,))
    shown = margins.texts(cells)["ArcFace, measured ●"]
    assert list(shown[:2]) == ["not measured yet", "diverged"]
    assert len(margins.chi_squared(cells).dropna()) == 6


def test_quick_and_full_are_never_mixed():
    quick = [record(run) for run in grid(margins.ID, "quick")]
    assert margins.beside("full", quick)["measured"].isna().all()
    cells = margins.beside("quick", quick)
    assert cells["expected"].sum() == len(quick)


@pytest.mark.parametrize("seed", SEEDS)
def test_settings_are_told_apart_only_where_they_differ(seed):
    alike = margins.chi_squared(table(drawn(seed)))
    text = said.told_apart(alike).split("Measured")[1]
    assert "No margin of them can be told" in text
    apart = margins.chi_squared(table(drawn(seed, 0.05)))
    text = said.told_apart(apart).split("Measured")[1]
    assert "more than the test set's chance" in text


def test_sentences_on_table_1_follow_the_records():
    none = margins.beside("full", [])
    for text in (
        said.outliers(none),
        said.told_apart(margins.chi_squared(none)),
        said.best(none),
    ):
        assert "ot measured yet" in text or "Measured: not yet" in text
    low = table(
        lambda run: 0.97 if run["hyperparameters"].get("m") == 0.4 else 0.99,
        diverged=(5,),
    )
    assert "Measured: 1 of 39 lie 2.0 points below" in said.outliers(low)
    assert said.outliers(low).endswith("; 1 diverged.")
    best = table(
        lambda run: 0.99 + 0.001 * (run["hyperparameters"].get("m") == 0.47)
    )
    assert (
        "Measured: the best is m = 0.47 with 99.10%, 10 images"
        in said.best(best)
    )


def test_figures_show_what_lies_below_and_what_diverged():
    none = margins.beside("full", [])
    text = written(mnist.settings(none))
    for outlier in ("97.58", "96.01", "95.93", "97.73", "96.83"):
        assert outlier in text
    assert "diverged" not in text
    assert "printed" in text and "measured" not in text
    text = written(mnist.settings(table(lambda r: 0.99, diverged=(3,))))
    assert "diverged" in text and "0 of 19 measured" in text


def test_top_figure_says_how_far_printed_cells_span():
    tests = margins.chi_squared(margins.beside("full", []))
    kept = tests[tests["which"] == "settled"]
    share = f"{(kept['range'] / kept['expected']).max():.1f}"
    text = written(mnist.ranks(margins.beside("full", [])))
    assert f"Without 5 outliers, the printed settings span {share}" in text


# ------------------------------------------------- numbers of epochs


def course(run, accuracy):
    epochs = run["epochs"]
    curve = {
        "epoch": list(range(1, epochs + 1)),
        "test_accuracy": list(np.linspace(0.9, accuracy, epochs)),
    }
    return record(run, accuracy) | {"curves": curve}


@pytest.mark.parametrize(
    ("gain", "sign", "word"),
    [
        (0.01, "+1.00", "more"),
        (-0.01, "−1.00", "more"),
        (0.001, "+0.10", "less"),
    ],
)
def test_lengths_are_compared_with_chance(gain, sign, word):
    records = [
        course(run, 0.98 + gain * (run["column"] == "ArcFace"))
        for run in grid("mnist-cosine.fig2")
    ]
    frame = measured.frame("mnist-cosine.fig2", "full", records)
    frame = frame[frame["embedding_dim"].isna()]
    text = said.lengths(frame)
    assert text.count(sign) == 3
    assert text.count(f"{word} than the") == 3
    plain = [r for r in records if r["embedding_dim"] is None]
    title = written(mnist.courses(plain, {}, (5, 10, 100)))
    assert f"points: {sign}, {sign}, {sign}" in title
    ends = margins.ends(frame, {("Soft", 100): 99.11})
    assert list(ends["printed ○"]) == ["not printed"] * 4 + [
        "99.11",
        "not printed",
    ]


def test_lengths_without_records_are_not_measured():
    frame = measured.frame("mnist-cosine.fig2", "full", [])
    frame = frame[frame["embedding_dim"].isna()]
    assert said.lengths(frame).startswith("Not measured yet")
    assert set(margins.ends(frame, {})["measured ●"]) == {"not measured yet"}
    figure = mnist.courses([], {("Soft", 100): 99.11}, (5, 10, 100))
    assert "not measured yet" in written(figure)


# ------------------------------------------------- maps


@pytest.mark.parametrize("seed", SEEDS)
def test_the_map_can_be_read_back_and_keeps_areas(seed):
    points = spheres.unit(
        np.random.default_rng(seed).standard_normal((20_000, 3))
    )
    places, discs = spheres.flattened(points)
    for disc in (0, 1):
        here = discs == disc
        assert np.allclose(
            spheres.raised(places[here], disc), points[here], atol=1e-12
        )
    inside = (places**2).sum(1)
    for radius in (0.3, 0.6, 0.9):
        share = (inside < radius**2).mean()
        assert share == pytest.approx(radius**2, abs=0.012)
    assert np.isnan(spheres.raised(np.array([[0.8, 0.8]]), 0)).all()


def test_the_discs_touch_in_one_point():
    (front, back), discs = spheres.flattened(
        np.array([[1.0, 0, 1e-9], [1.0, 0, -1e-9]])
    )
    assert list(discs) == [0, 1]
    assert front == pytest.approx([1, 0]) and back == pytest.approx([-1, 0])


@pytest.mark.parametrize("seed", SEEDS)
def test_maps_are_turned_and_not_mirrored(seed):
    vectors = spheres.unit(directions(seed))
    turn = spheres.turned(vectors)
    assert np.allclose(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1)
    least = np.abs(vectors @ turn[2]).min()
    for axis in spheres.unit(directions(seed + 10, 500)):
        assert least > np.abs(vectors @ axis).min() - 0.02


def test_facts_of_a_made_up_cloud(runs3):
    right = np.eye(3)
    one = ball(runs3["Eq.(3)"], right, spread=0.0)
    found = spheres.facts(one)
    assert found["spread"] == pytest.approx(0, abs=1e-3)
    assert found["apart"] == pytest.approx(math.pi / 2, abs=1e-3)
    wide = spheres.facts(ball(runs3["Eq.(3)"], right, spread=0.2))
    assert wide["spread"] > 0.1


def test_a_record_without_features_has_no_map():
    run = grid("mnist-cosine.table1")[0]
    with pytest.raises(ValueError, match="keeps no features of 3"):
        spheres.cloud(record(run) | {"arrays": {}})


@pytest.mark.parametrize("column", ["Soft", "CosFace"])
@pytest.mark.parametrize("seed", SEEDS)
def test_tint_is_what_the_network_takes_a_direction_for(column, seed):
    run = {
        r["column"]: r for r in [*grid("mnist-cosine.fig1"), *grid("iam.fig2")]
    }[column]
    vectors = directions(seed) * np.linspace(0.5, 2, 10)[:, None]
    cloud = spheres.cloud(ball(run, vectors))
    assert cloud.normalised == (column != "Soft")
    figure = hemispheres.maps([(column, ball(run, vectors))])
    turn = spheres.turned(spheres.unit(cloud.vectors))
    lengths = np.linalg.norm(vectors, axis=1)
    lengths = lengths if column == "Soft" else np.ones(10)
    points = spheres.unit(directions(seed + 5, 60))
    places, discs = spheres.flattened(points @ turn.T)
    agree = []
    for place, disc, point in zip(places, discs, points, strict=True):
        picture = figure.axes[disc].images[0].get_array()
        row, col = (int((x + 1) / 2 * hemispheres.PIXELS) for x in place[::-1])
        winner = (spheres.unit(vectors) @ point * lengths).argmax()
        ink = to_rgb(hemispheres.CLASSES[winner])
        agree.append(np.allclose(picture[row, col, :3], ink))
    assert np.mean(agree) > 0.95


def test_maps_mark_every_class_and_name_what_is_missing(runs3):
    run = runs3["Eq.(3)"]
    figure = hemispheres.maps(
        [
            ("one", ball(run, directions(0))),
            ("two", None),
            ("three", record(run) | DIVERGED),
        ],
        title="The point",
    )
    text = written(figure)
    assert {str(digit) for digit in range(10)} <= {*text.split(" | ")}
    assert "not measured yet" in text and "diverged" in text
    assert "The point" in text


def test_clouds_are_described_or_not_measured(runs3):
    one = ball(runs3["Eq.(3)"], np.eye(3), spread=0.0)
    assert "90° apart" in said.clouds([one])
    lost = record(runs3["CosFace"]) | DIVERGED
    assert "CosFace diverged" in said.clouds([lost])
    assert said.clouds([]).startswith("Not measured yet")


def test_ten_colours_stand_out_on_light_and_dark():
    def light(ink):
        parts = np.array(to_rgb(ink))
        linear = np.where(
            parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722] + 0.05

    assert len(set(hemispheres.CLASSES)) == 10
    for ink, ground in itertools.product(
        hemispheres.CLASSES, ("#ffffff", "#121212")
    ):
        pair = light(ink), light(ground)
        assert max(pair) / min(pair) > 2.5, (ink, ground)


# ------------------------------------------------- the penalty


@pytest.mark.parametrize("beta", [0.0, 0.2, 2.0])
def test_pull_on_the_arc_is_that_of_the_shipped_loss(beta):
    between, s = 1.1, 30.0
    theta = torch.linspace(0.05, 1.0, 7, dtype=torch.float64)
    head = losses.create(
        "iam", base="normface", beta=beta, s=s, embedding_dim=2, num_classes=2
    ).double()
    angles = torch.tensor([0.0, between], dtype=torch.float64)
    head.weight.data = torch.stack([angles.cos(), angles.sin()], 1)
    theta.requires_grad_()
    features = torch.stack([theta.cos(), theta.sin()], 1)
    loss = head(features, torch.zeros(7, dtype=torch.long)) * 7
    (truth,) = torch.autograd.grad(loss, theta)
    values = {
        derive.s: s,
        derive.beta: beta,
        derive.Delta: between,
    }
    slope = iam_digits.pull_on_arc().subs(values)
    found = [float(slope.subs(derive.theta, t)) for t in theta.tolist()]
    assert np.allclose(found, truth.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("beta", [0.05, 0.2, 0.9])
def test_crossing_is_where_penalty_and_base_pull_alike(beta):
    s, between = 30.0, 1.2
    at = iam_digits.crossing(s, beta, between)
    values = {derive.s: s, derive.Delta: between}
    slope = iam_digits.pull_on_arc().subs(values)
    slope = slope.subs(derive.theta, at)
    alone = float(slope.subs(derive.beta, 0))
    both = float(slope.subs(derive.beta, beta))
    assert 0 < at < between / 2
    assert both == pytest.approx(2 * alone)


def test_the_pull_is_drawn_for_every_weight():
    text = written(iam_digits.pull(30.0, 0.2, 1.15))
    assert "up to 2.8° before the boundary" in text
    assert "all the way" in written(iam_digits.pull(30.0, 2.0, 1.15))


def gains(**accuracy):
    records = [
        record(
            run,
            accuracy.get(run["column"].split(" +")[0], 0.99)
            + (0.004 if "IAM" in run["column"] else 0),
        )
        for run in grid("iam.table2")
    ]
    return measured.beside("iam", "table2", "full", records), records


def test_gains_are_counted_in_images_and_errors():
    cells, _ = gains()
    text = said.gains(cells, N)
    printed, found = text.split("Measured:")
    assert "99.08 → 99.42, +34 images, 2.8 standard errors" in printed
    assert "99.24 → 99.42, +18 images" in printed
    assert found.count("+40 images") == 2
    none = measured.beside("iam", "table2", "full", [])
    assert said.gains(none, N).count("not measured yet") == 2
    assert "gains of 34 and 18" in written(iam_digits.gains(none, N))
    assert "measured" not in written(iam_digits.gains(none, N))
    assert "measured" in written(iam_digits.gains(cells, N))


def test_a_diverged_run_has_no_gain():
    _, records = gains()
    records[1] = records[1] | DIVERGED
    cells = measured.beside("iam", "table2", "full", records)
    assert "Eq.(3): a run diverged" in said.gains(cells, N)
    assert said.moved(records, "Eq.(3)") == "Eq.(3): a run diverged."
    frame = measured.frame("iam.fig2", "full", records[1:])
    assert list(spheres.texts(frame)["C-Inter"][:2]) == [
        "not measured yet",
        "diverged",
    ]


@pytest.mark.parametrize(("by", "verb"), [(0.1, "grows"), (-0.1, "falls")])
def test_moves_of_the_angles_turn_with_the_records(by, verb):
    records = [
        record(run, c_inter=1.5 + by * ("IAM" in run["column"]))
        for run in grid("iam.fig2")
    ]
    assert f"C-Inter {verb} from 85.9°" in said.moved(records, "CosFace")
    assert said.moved([], "CosFace") == "CosFace: not measured yet."


def test_seeds_of_live_networks_are_compared():
    runs = {
        accuracy: record(grid("iam.fig2")[0], accuracy, c_inter=c_inter)
        for accuracy, c_inter in ((0.90, 1.4), (0.94, 1.5))
    }
    both = measured.of_records(list(runs.values()))
    text = said.seeds([("two", both), ("one", both[:1])])
    assert "two: 4.0 points apart" in text
    assert "one: too few networks" in text
    assert "two: 4.0 points apart" in written(mnist.seeds([("two", both)]))
    figure = iam_digits.by_seed([("Eq.(3)", both), ("Eq.(3) + 2 IAM", both)])
    assert "by up to 6° with the seed, 0° with the penalty" in written(figure)


# ------------------------------------------------- what holds


def item(name, verdict, in_print="", measured="+1.00 [+0.50, +1.50]"):
    return audit.Item(
        "mnist-cosine", name, "claim", verdict, "", "", "", in_print, measured
    )


def test_claims_stand_under_what_the_audit_says_of_them():
    names = list(said.SAYS)
    text = said.standing(
        [
            item(names[0], verdicts.REPLICATED),
            item(names[1], verdicts.NOT_REPLICATED),
            item(names[2], verdicts.UNMEASURED, verdicts.FAILS, ""),
            item(names[3], verdicts.CLOSE),
        ]
    )
    holds, fails, open_ = (
        text.split("**What does not.**")[0],
        text.split("**What does not.**")[1].split("**What is not known.**")[0],
        text.split("**What is not known.**")[1],
    )
    assert said.SAYS[names[0]] in holds
    assert said.SAYS[names[1]] in fails
    assert "own numbers speak against" in fails
    assert said.SAYS[names[2]] in fails
    assert f"{said.SAYS[names[2]]}: not measured yet" in open_
    assert f"{said.SAYS[names[3]]}: +1.00" in open_


def test_frames_of_made_up_records_are_whole():
    frame = pd.DataFrame(margins.printed())
    assert frame["published_low"].lt(frame["published"]).all()
    assert frame["published_high"].gt(frame["published"]).all()
