"""The loop: it learns, resumes to the same bits, stops with a reason."""

import inspect
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from arcbook import (
    augment,
    checkpoints,
    convnets,
    datasets,
    looks,
    losses,
    metrics,
    packing,
    training,
)

QUICK = {
    "network": "conv4",
    "loss": "arcface",
    "epochs": 3,
    "batch_size": 50,
    "learning_rate": 0.01,
    "embedding_dim": 8,
    "share": 0.1,
    "probe": 200,
    "test_limit": 100,
}


def train(images, **changes):
    return training.train(images, **QUICK | changes)


@pytest.fixture(scope="module")
def mnist():
    return datasets.load("mnist", sample=True)


@pytest.fixture(scope="module")
def whole(mnist):
    """A run that nothing interrupted."""
    return train(mnist, angles_every=3, keep_features=50)


def same(one, other):
    """Everything but the times is equal, bit for bit."""
    for name in ("complete", "epochs", "steps", "metrics", "curves", "looks"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.arrays.keys() == other.arrays.keys()
    for name, values in one.arrays.items():
        assert np.array_equal(values, other.arrays[name]), name


@pytest.mark.parametrize("loss", losses.available())
def test_every_loss_learns_the_digits(mnist, loss):
    size = {"embedding_dim": 16, "batch_size": 40, "share": 0.5}
    seen = {"epochs": 2, "probe": 500, "test_limit": 500}
    result = train(mnist, loss=loss, **size, **seen)
    first, last = result.curves
    assert last["train_loss"] < first["train_loss"] or loss == "adacos"
    assert result.metrics["train_loss"] == last["train_loss"]
    assert result.metrics["test_accuracy"] > 0.3
    before, after = result.looks[0], result.looks[-1]
    assert after["wc_intra"] < before["wc_intra"]


def test_residual_network_and_augmentation_learn():
    fashion = datasets.load("fashion-mnist", sample=True)
    kind = {"network": "resnet20", "embedding_dim": None, "augmented": True}
    loss = {"loss": "arcgrad", "hyperparameters": {"s": 10}}
    size = {"epochs": 2, "batch_size": 32, "learning_rate": 0.02}
    result = train(fashion, **kind, **loss, **size)
    assert result.curves[1]["train_loss"] < result.curves[0]["train_loss"]
    assert result.metrics["test_accuracy"] > 0.2


def test_cifar_shapes():
    random = np.random.default_rng(0)
    pixels = random.integers(256, size=(60, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(60) % 10
    images = datasets.Images(
        "toy", pixels, labels, pixels, labels, tuple("0123456789"), "", "", 1
    )
    kind = {"network": "resnet18", "embedding_dim": None, "augmented": True}
    size = {"epochs": 1, "batch_size": 4, "share": 1.0, "max_steps": 2}
    result = train(images, loss="softmax", **kind, **size)
    assert (result.steps, result.epochs, result.complete) == (2, 1, True)
    assert result.parameters == 11_168_832 + 5_120


def test_result_says_what_was_run(whole, mnist):
    assert whole.complete and whole.epochs == 3 and whole.steps == 24
    assert (whole.train_images, whole.probe_images) == (400, 200)
    assert whole.test_images == 100
    assert whole.device == "cpu" and whole.precision == "float32"
    network = convnets.create("conv4", 1, 8)
    assert whole.parameters == convnets.count_parameters(network) + 80
    assert [row["epoch"] for row in whole.curves] == [1, 2, 3]
    assert [row["step"] for row in whole.curves] == [8, 16, 24]
    assert [row["step"] for row in whole.looks] == [
        *(0, 3, 6, 8, 9, 12, 15, 16, 18, 21, 24)
    ]
    assert whole.metrics["wc_intra"] == pytest.approx(
        whole.looks[-1]["wc_intra"], abs=0.05
    )
    for name, each in (("train", 200), ("test", 100), ("class0", 20)):
        counts = whole.arrays[f"intra_{name}"]
        assert counts.shape == (4, metrics.BINS)
        assert (counts.sum(1) == each).all()
    confusion = whole.arrays["confusion"]
    assert np.trace(confusion) / 100 == whole.metrics["test_accuracy"]
    hits = np.unpackbits(whole.arrays["hits"], count=100)
    of_class = np.bincount(mnist.test_labels[:100], weights=hits)
    assert of_class.tolist() == np.diag(confusion).tolist()
    labels = np.bincount(mnist.test_labels[:100], minlength=10)
    assert (confusion.sum(1) == labels).all()
    assert whole.arrays["features"].shape == (50, 8)
    assert whole.arrays["class_vectors"].shape == (10, 8)
    assert whole.torch_version == torch.__version__


def test_seconds_are_of_training_alone(mnist, monkeypatch):
    """On a clock that goes on by a second whenever it is read."""
    clock = SimpleNamespace(
        perf_counter=map(float, itertools.count()).__next__,
        monotonic=time.monotonic,
    )
    for module in (training, looks):
        monkeypatch.setattr(module, "time", clock)
    result = train(mnist, angles_every=5)
    assert result.seconds == 2 + 3 + 2  # a second, and one for each look
    assert result.images_per_second == (400 / 3 + 400 / 2) / 2


def test_wrong_labels_are_so_many_of_every_other_class():
    labels = np.repeat([0, 2, 5], 1000)
    wrong = looks.mislabelled(labels, 0.1, looks.draws(3))
    pairs = np.bincount(6 * labels + wrong, minlength=36).reshape(6, 6)
    other = pairs[[0, 2, 5]][:, [0, 2, 5]]
    assert other.sum() == 3000 and np.trace(other) == 2700
    assert (other > 25).all()
    again = looks.mislabelled(labels, 0.1, looks.draws(3))
    assert (again == wrong).all()
    assert (looks.mislabelled(labels, 0.0, looks.draws(3)) == labels).all()


def test_wrong_labels_are_trained_on_and_not_looked_at(mnist, monkeypatch):
    def all_of_class_3(labels, share, generator):
        return np.full_like(labels, 3)

    monkeypatch.setattr(training, "mislabelled", all_of_class_3)
    result = train(mnist, label_noise=0.5, test_limit=None)
    labels = mnist.train_labels
    assert result.arrays["confusion"][:, 3].sum() > 0.9 * result.test_images
    assert result.metrics["train_accuracy"] < 2 * np.mean(labels == 3)


def test_every_draw_has_random_numbers_of_its_own(mnist, monkeypatch):
    made = []

    def draws(seed, *purpose):
        assert seed == 5
        made.append(looks.draws(seed, *purpose))
        return made[-1]

    monkeypatch.setattr(training, "draws", draws)
    train(mnist, epochs=2, seed=5)
    assert len({one.initial_seed() for one in made}) == len(made) == 8


def test_the_network_is_compiled_if_that_is_asked_for(mnist, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "compile", lambda x: asked.append(x) or x)
    train(mnist, max_steps=1)
    assert not asked
    train(mnist, max_steps=1, compiled=True)
    assert [type(one) for one in asked] == [convnets.ConvNet]


def test_result_in_plain_values(whole):
    plain = packing.outcome(whole)
    text = json.dumps(plain, allow_nan=False)
    assert len(text) < 10_000
    back = json.loads(text)
    for name, values in whole.arrays.items():
        found = packing.unpack(back["arrays"][name])
        assert np.array_equal(found, values), name
    assert back["curves"]["epoch"] == [1, 2, 3]
    assert len(back["curves"]["looks"]["wc_intra"]) == len(whole.looks)
    assert back["metrics"]["test_accuracy"] == pytest.approx(
        whole.metrics["test_accuracy"], abs=1e-6
    )
    damaged = back["arrays"]["confusion"] | {"shape": [3, 3]}
    with pytest.raises(ValueError, match="not a packed array"):
        packing.unpack(damaged)


def test_one_cycle(whole):
    rates = [row["learning_rate"] for row in whole.curves]
    assert rates[0] > 0.009 and rates[0] > rates[1] > rates[2]
    assert rates[2] < 1e-6


def test_seed_decides(mnist, whole):
    again = train(mnist, angles_every=3, keep_features=50)
    same(again, whole)
    other = train(mnist, angles_every=3, seed=1)
    assert other.metrics != whole.metrics


def test_looking_changes_nothing(mnist, whole):
    less = train(mnist, probe=100, test_limit=20)
    found = [row["train_loss"] for row in less.curves]
    assert found == [row["train_loss"] for row in whole.curves]


def test_cosines(mnist):
    result = train(mnist, max_steps=2, keep_cosines=40)
    cosines = result.arrays["cosines"].astype(float)
    labels = result.arrays["cosine_labels"]
    assert labels.tolist() == sorted(list(range(10)) * 4)
    assert np.allclose(np.diag(cosines), 1) and np.allclose(cosines, cosines.T)


@pytest.mark.parametrize("steps", [1, 2])
def test_shortest_runs(mnist, generator_left, steps):
    result = train(mnist, max_steps=steps, weight_decay=0)
    assert result.complete and result.steps == steps


RUN = """
import sys
import numpy as np
from arcbook import datasets, training
settings, checkpoint, out = eval(sys.argv[1]), sys.argv[2], sys.argv[3]
result = training.train(
    datasets.load("mnist", sample=True), **settings, checkpoint=checkpoint,
    on_epoch=lambda row: print(row["epoch"], flush=True))
np.savez(out, curves=repr(result.curves), looks=repr(result.looks),
         metrics=repr(result.metrics), **result.arrays)
"""


def test_killed_twice_and_resumed_to_the_same_bits(whole, tmp_path):
    settings = QUICK | {"angles_every": 3, "keep_features": 50}
    out = tmp_path / "out.npz"
    command = [sys.executable, "-c", RUN, repr(settings)]
    command += [str(tmp_path / "run.pt"), str(out)]
    environment = os.environ | {
        "PYTHONPATH": str(Path(training.__file__).parents[1]),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    for epoch in ("1", "2"):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout.readline().strip() == epoch
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not out.exists()
    (tmp_path / "run.pt.tmp").write_bytes(b"half of a checkpoint")
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["3"]
    found = dict(np.load(out))
    for name in ("curves", "looks", "metrics"):
        assert str(found.pop(name)) == repr(getattr(whole, name))
    for name, values in found.items():
        assert np.array_equal(values, whole.arrays[name]), name


@pytest.mark.parametrize("loss", ["adacos", "center", "ring"])
def test_time_budget_ends_between_epochs(mnist, tmp_path, loss):
    expected = train(mnist, loss=loss)
    path = tmp_path / "deep" / "run.pt"
    given = {"loss": loss, "checkpoint": path}
    stopped = train(mnist, **given, time_budget=iter([9e9, 0]).__next__)
    assert not stopped.complete and stopped.epochs == 1
    assert stopped.curves == expected.curves[:1]
    for rest in (expected.curves[1:], []):
        seen = []
        same(train(mnist, **given, on_epoch=seen.append), expected)
        assert seen == rest
    assert [p.name for p in path.parent.iterdir()] == ["run.pt"]


def test_no_time_at_all(mnist, tmp_path):
    result = train(mnist, time_budget=0, checkpoint=tmp_path / "run.pt")
    assert not result.complete and result.steps == 0
    assert set(result.metrics) >= {"wc_intra", "w_inter", "c_inter"}
    assert not list(tmp_path.iterdir())


def test_epoch_that_would_not_fit_is_not_begun(mnist):
    result = train(mnist, time_budget=lambda: 1e-9)
    assert result.epochs == 1


OTHER = {
    "network": "iam_cnn",
    "loss": "softmax",
    "hyperparameters": {"s": 3.0},
    "embedding_dim": 9,
    "width": 0.5,
    "precision": "bfloat16",
    "epochs": 3,
    "batch_size": 49,
    "learning_rate": 0.02,
    "weight_decay": 0.1,
    "augmented": True,
    "share": 0.2,
    "label_noise": 0.1,
    "max_steps": 1,
    "seed": 1,
    "angles_every": 2,
    "probe": 199,
    "test_limit": 99,
}


def test_checkpoint_of_another_run_names_what_differs(mnist, tmp_path):
    once = {"epochs": 1, "checkpoint": tmp_path / "run.pt"}
    train(mnist, **once)
    for name, value in OTHER.items():
        expected = rf"with another {name} \(.* there, .* here\): remove it"
        with pytest.raises(checkpoints.CheckpointError, match=expected):
            train(mnist, **once | {name: value})
    other = replace(mnist, sha256="0" * 64)
    with pytest.raises(checkpoints.CheckpointError, match="another data"):
        train(other, **once)


def test_what_decides_and_what_is_not_said_is_as_in_the_papers():
    signature = inspect.signature(training.train).parameters
    decides = {*OTHER, "images", "keep_features", "keep_cosines"}
    assert {*signature} - decides == {  # and these decide nothing
        *("device", "compiled", "checkpoint", "save_every"),
        *("time_budget", "on_epoch", "on_end"),
    }
    nothing = (inspect.Parameter.empty, None)
    defaults = {name: one.default for name, one in signature.items()}
    assert {k: v for k, v in defaults.items() if v not in nothing} == {
        "width": 1.0,
        "weight_decay": 5e-4,
        "augmented": False,
        "share": 1.0,
        "label_noise": 0.0,
        "seed": 0,
        "probe": 10_000,
        "keep_features": 0,
        "keep_cosines": 0,
        "save_every": 0.0,
    }


@pytest.mark.parametrize("content", [b"", b"torch?", None])
def test_damaged_checkpoint(mnist, tmp_path, content):
    path = tmp_path / "run.pt"
    if content is None:
        train(mnist, max_steps=1, checkpoint=path)
        content = path.read_bytes()[:-100]
    path.write_bytes(content)
    with pytest.raises(checkpoints.CheckpointError, match="remove it to"):
        train(mnist, max_steps=1, checkpoint=path)


def test_checkpoint_is_not_unpickled(mnist, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    path = tmp_path / "run.pt"
    torch.save({"settings": {}, "state": Evil()}, path)
    with pytest.raises(checkpoints.CheckpointError):
        train(mnist, checkpoint=path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(("max_steps", "step"), [(1, 1), (None, 2)])
def test_where_it_diverged(mnist, max_steps, step):
    given = {"learning_rate": 1e38, "loss": "softmax"}
    with pytest.raises(training.Diverged) as caught:
        train(mnist, **given, max_steps=max_steps)
    error = caught.value
    assert (error.epoch, error.step, error.curves) == (1, step, [])
    assert [look["step"] for look in error.looks] == [0]
    assert math.isnan(error.loss)
    assert 1e32 < error.learning_rate < 1e38
    assert f"the loss is nan in epoch 1, step {step}" in str(error)
    assert f"learning rate of {error.learning_rate:.3g}" in str(error)
    plain = packing.outcome_of_diverged(error)
    assert plain["metrics"]["loss"] == "nan"
    json.dumps(plain, allow_nan=False)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"network": "vgg"}, "no network 'vgg'"),
        ({"loss": "arcfase"}, "arcfase"),
        ({"hyperparameters": {"q": 1}}, "q"),
        ({"epochs": 0}, "epochs = 0"),
        ({"epochs": 1.5}, "epochs = 1.5"),
        ({"batch_size": 1}, "batch_size = 1: .* at least 2"),
        ({"learning_rate": 0}, "learning_rate = 0"),
        ({"learning_rate": math.nan}, "learning_rate = nan"),
        ({"learning_rate": math.inf}, "learning_rate = inf"),
        ({"weight_decay": -1}, "weight_decay = -1"),
        ({"weight_decay": math.inf}, "= inf: it is at least 0 and finite$"),
        ({"share": 0}, "share = 0"),
        ({"share": 1.5}, "share = 1.5"),
        ({"max_steps": 0}, "max_steps = 0"),
        ({"seed": -1}, "seed = -1"),
    ],
)
def test_bad_arguments(mnist, changed, complaint):
    with pytest.raises(ValueError, match=complaint):
        train(mnist, **changed)


def toy(augmented, number=40):
    """Random images, with their numbers as labels."""
    random = np.random.default_rng(1)
    pixels = random.integers(256, size=(number, 6, 6, 3), dtype=np.uint8)
    where = {"augmented": augmented, "device": torch.device("cpu")}
    return augment.Stock(pixels, np.arange(number), **where)


def test_an_epoch_is_every_image_once():
    stock = toy(augmented=False)
    drawn = list(stock.epoch(8, looks.draws(0, 1)))
    assert sorted(torch.cat([i for _, i in drawn]).tolist()) == list(range(40))
    scaled = stock.scaling(stock.images)
    assert all(torch.equal(scaled[i], batch) for batch, i in drawn)
    short = [len(i) for _, i in stock.epoch(16, looks.draws(0, 1))]
    assert short == [16, 16]


def test_every_crop_is_a_window_flipped_or_not():
    stock = toy(augmented=True)
    padded = stock.source
    assert padded.shape == (40, 14, 14, 3)
    assert torch.equal(padded[:, 4:-4, 4:-4], stock.images)
    assert padded.sum() == stock.images.sum()
    every, seen = (
        [*itertools.product(range(9), range(9), (False, True))],
        set(),
    )
    for epoch in range(60):
        for crops, index in stock.epoch(20, looks.draws(0, epoch)):
            for image, crop in zip(stock.scaling(padded[index]), crops):
                places = [
                    (top, left, flip)
                    for top, left, flip in every
                    if torch.equal(
                        image[:, top : top + 6, left : left + 6],
                        crop.flip(2) if flip else crop,
                    )
                ]
                assert places
                seen.update(places)
        if len(seen) == 162:
            return
    raise AssertionError(f"only {len(seen)} of 162 crops were drawn")


def test_scaling():
    images = toy(False, 1500).images
    scaled = augment.z_score(images)(images).double()
    assert scaled.shape == (1500, 3, 6, 6)
    for values in scaled.unbind(1):
        assert abs(values.mean()) < 1e-5
        assert values.std(correction=0) == pytest.approx(1, abs=1e-5)
    plain = augment.unit_range(3, torch.device("cpu"))(images)
    assert torch.equal(plain, images.permute(0, 3, 1, 2) / 255)
    assert plain.is_contiguous(memory_format=torch.channels_last)


def test_share_keeps_the_share_of_every_class():
    labels = np.repeat([0, 1, 2], [100, 50, 1])
    chosen = looks.class_share(labels, 75, looks.draws(0, 0))
    assert np.bincount(labels[chosen]).tolist() == [50, 25, 1]
    again = looks.class_share(labels, 75, looks.draws(0, 0))
    other = looks.class_share(labels, 75, looks.draws(1, 0))
    assert (chosen == again).all() and (chosen != other).any()
    every = looks.class_share(labels, 151, looks.draws(0, 0))
    assert every.tolist() == list(range(151))
