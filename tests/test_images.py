"""CIFAR from the archive and from mosaics, and files that lie."""

import gzip
import io
import itertools
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest
from PIL import Image

from arcbook import datasets, paths
from arcbook.datasets import cifar
from tiny import entry, lines, official, write_card

IMAGES = datasets.available("image")
EACH = {"train": 6, "test": 2}  # images of each of two classes


def string(content):
    if len(content) < 256:
        return b"U" + bytes([len(content)]) + content
    return b"T" + struct.pack("<i", len(content)) + content


def integer(value):
    return b"J" + struct.pack("<i", value)


def array(values):
    shape = b"".join(integer(n) for n in values.shape)
    dtype = b"cnumpy\ndtype\n" + string(b"u1") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + string(b"|") + b"NNN" + integer(-1) * 2 + b"K\x00tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
    empty += string(b"b") + b"\x87R"
    rest = b"(K\x01(" + shape + b"t" + dtype + b"\x89"
    return empty + rest + string(values.tobytes()) + b"tb"


def batch(images, labels, key=b"labels"):
    """The pickle of one batch, opcode by opcode, protocol 2."""
    rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    numbers = b"](" + b"".join(integer(int(y)) for y in labels) + b"e"
    names = b"](" + string(b"a.png") * len(labels) + b"e"
    pairs = string(b"data") + array(rows)
    pairs += string(key) + numbers + string(b"filenames") + names
    return b"\x80\x02}(" + pairs + b"u."


def archive(members):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"small/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def webp(images, across=2):
    down, side = len(images) // across, images.shape[1]
    tiles = images.reshape(down, across, side, side, 3).swapaxes(1, 2)
    raw = io.BytesIO()
    mosaic = Image.fromarray(tiles.reshape(down * side, across * side, 3))
    mosaic.save(raw, "WEBP", lossless=True)
    return raw.getvalue()


def npy(labels, dtype=np.uint8):
    raw = io.BytesIO()
    np.save(raw, labels.astype(dtype))
    return raw.getvalue()


class Small:
    """A CIFAR of two classes, its files in a folder, and its card."""

    def __init__(self, folder):
        self.folder, self.parts = folder, {}
        random = np.random.default_rng(0)
        for part, each in EACH.items():
            size = (2 * each, 32, 32, 3)
            images = random.integers(256, size=size, dtype=np.uint8)
            self.parts[part] = images, np.repeat([0, 1], each)
        arrays = [cifar.canonical(*pair) for pair in self.parts.values()]
        self.identity = datasets.digest(*itertools.chain(*arrays))

    def files(self, mosaics):
        (x, y), (test, test_y) = self.parts["train"], self.parts["test"]
        if mosaics:  # one order in the mosaics, another in the archive
            x, y = x[::-1].copy(), y[::-1].copy()
            return {
                "train_batch_1.webp": webp(x[:6]),
                "train_batch_2.webp": webp(x[6:]),
                "train_labels.npy": npy(y),
                "test_batch.webp": webp(test),
                "test_labels.npy": npy(test_y),
            }
        members = {
            "one": batch(x[::2], y[::2]),
            "two": batch(x[1::2], y[1::2]),
            "test": batch(test, test_y),
        }
        return {"small.tar.gz": archive(members)}

    def write(self, mosaics=False, **changed):
        """Write its files, `changed` by their stems, and the card of all."""
        self.folder.mkdir(exist_ok=True)
        for path in self.folder.iterdir():
            path.unlink()
        known = self.files(False) | self.files(True)
        known |= {n: changed.get(n.split(".")[0], x) for n, x in known.items()}
        for name in self.files(mosaics):
            (self.folder / name).write_bytes(known[name])
        make = {"path": "small.tar.gz", "role": "archive", "labels": "labels"}
        make |= {"train": ["small/one", "small/two"], "test": ["small/test"]}
        make |= {"url": "http://127.0.0.1:9/small.tar.gz"}
        entries = [entry("files", known.pop("small.tar.gz"), **make)]
        for name, content in known.items():
            what = "labels" if name.endswith(".npy") else "images"
            role = f"{name.split('_')[0]}_{what}"
            entries.append(entry("mosaics", content, path=name, role=role))
        image = "[image]\n" + lines(shape=[32, 32, 3], train=12, test=4)
        given = {"folder": "small", "source": "https://example.org"}
        counts = {"0": 8, "1": 8}
        write_card("small", counts, self.identity, image, *entries, **given)


@pytest.fixture
def small(monkeypatch, tmp_path):
    (tmp_path / "cards").mkdir()
    monkeypatch.setattr(paths, "CARDS", tmp_path / "cards")
    monkeypatch.setenv("ARCBOOK_DATA", str(tmp_path))
    monkeypatch.setenv("ARCBOOK_CACHE", str(tmp_path / "cache"))
    return Small(tmp_path / "small")


def test_archive_and_mosaics_give_equal_arrays(small):
    small.write(mosaics=False)
    archived = datasets.load("small")
    assert archived.source == "ARCBOOK_DATA: small/small.tar.gz"
    small.write(mosaics=True)
    tiled = datasets.load("small")
    assert tiled.source == "ARCBOOK_DATA: small"
    assert archived.sha256 == tiled.sha256 == small.identity
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        a, b = getattr(archived, name), getattr(tiled, name)
        assert a.dtype == b.dtype and (a == b).all()
    assert archived.train_images.shape == (12, 32, 32, 3)
    assert archived.train_labels.tolist() == [0, 1] * 6
    label = dict(
        zip((i.tobytes() for i in small.parts["train"][0]), [0] * 6 + [1] * 6)
    )
    for image, y in zip(archived.train_images, archived.train_labels):
        assert label[image.tobytes()] == y


def test_canonical_order_keeps_repeats_and_unequal_classes():
    images = np.zeros((5, 32, 32, 3), dtype=np.uint8)
    images[3:] = 7
    labels = np.array([1, 0, 1, 1, 0])
    first = cifar.canonical(images, labels)
    shuffled = np.array([4, 2, 0, 1, 3])
    second = cifar.canonical(images[shuffled], labels[shuffled])
    assert first[1].tolist() == [0, 1, 0, 1, 1]
    assert all((a == b).all() for a, b in zip(first, second))


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_run_code_runs_none(tmp_path, protocol):
    target = tmp_path / "made"
    content = pickle.dumps({b"data": Evil(str(target))}, protocol)
    with pytest.raises(datasets.DataError, match="asks for"):
        cifar.unpickle(content, "evil")
    assert not target.exists()


@pytest.mark.parametrize(
    "asked", [b"cbuiltins\neval\n", b"cos\nsystem\n", b"cnumpy\nload\n"]
)
def test_nothing_that_a_pickle_names_is_looked_up(asked):
    with pytest.raises(datasets.DataError, match="nothing of it was run"):
        cifar.unpickle(b"\x80\x02" + asked + b"(U\x01xtR.")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is not a batch"),
        (b"not a pickle", "is not a batch"),
        (pickle.dumps([1, 2]), "holds a list"),
        (pickle.dumps({"a": np.array([{}], dtype=object)}), "not of bytes"),
        (pickle.dumps({"a": np.zeros(3)}), "not of bytes"),
    ],
)
def test_not_a_batch(content, complaint):
    with pytest.raises(datasets.DataError, match=complaint):
        cifar.unpickle(content)


def one_batch(key=b"labels", labels=(0, 1), side=32):
    images = np.zeros((2, side, side, 3), np.uint8)
    return archive({"one": batch(images, labels, key)})


@pytest.mark.parametrize(
    ("stem", "content", "complaint"),
    [
        ("small", b"\x1f\x8b not a tar", "is damaged"),
        ("small", gzip.compress(b"x" * 600, mtime=0), "is damaged"),
        ("small", archive({"one": b""}), "small/one is not a b"),
        ("small", archive({"two": b""}), "not the archive.* its.*'small/one'"),
        ("small", one_batch(key=b"fine"), "small/one has no list 'labels'"),
        ("small", one_batch(labels=[0]), "no list 'labels' of 2 labels"),
        ("small", one_batch(side=8), "no array 'data' of rows of 3072 bytes"),
        ("test_batch", b"RIFF....WEBP", "cannot be read as a WebP"),
        ("test_batch", webp(np.zeros((1, 40, 40, 3), np.uint8), 1), "is 40 x"),
        ("test_batch", webp(np.zeros((2, 32, 32, 3), np.uint8)), "images .2,"),
        ("train_labels", b"\x93NUMPY", "has no labels"),
        ("train_labels", npy(np.zeros(3)), r"labels \(3,\), where"),
        ("train_labels", npy(np.arange(12)), "label 11 among its train"),
        ("test_labels", npy(np.array([{}]), object), "has no labels"),
    ],
    ids=range(14),  # an archive holds the time at which it was made
)
def test_files_of_another_make(small, stem, content, complaint):
    small.write(mosaics=stem != "small", **{stem: content})
    with pytest.raises(datasets.DataError, match=complaint):
        datasets.load("small")


def test_pixels_other_than_the_cards(small):
    images = small.parts["train"][0][::-1].copy()
    images[0, 0, 0, 0] ^= 1
    small.write(mosaics=True, train_batch_1=webp(images[:6]))
    with pytest.raises(datasets.DataError, match="identity"):
        datasets.load("small")


def test_missing_file(small):
    small.write(mosaics=True)
    (small.folder / "train_batch_2.webp").unlink()
    with pytest.raises(datasets.DataError, match=r"_2\.webp is missing"):
        datasets.load("small")
    small.write()
    (small.folder / "small.tar.gz").unlink()
    with pytest.raises(datasets.DataError, match="cannot be fetched"):
        datasets.load("small")


def test_verify_names_every_mosaic(small):
    small.write(mosaics=True)
    assert [s.status for s in datasets.verify("small")] == ["ok"] * 5


@pytest.mark.parametrize("name", IMAGES)
def test_official_pixels(name, monkeypatch):
    images, card = official(name, monkeypatch), datasets.card(name)
    assert not images.sample
    assert images.train_images.shape == (card.train, *card.shape)
    assert images.test_images.shape == (card.test, *card.shape)
    labels = np.concatenate([images.train_labels, images.test_labels])
    assert tuple(np.bincount(labels)) == card.class_counts
    assert images.sha256 == datasets.identities(name)["official"]
    pixels = images.train_images.reshape(-1, len(card.mean))
    for channel, (mean, std) in enumerate(zip(card.mean, card.std)):
        counts = np.bincount(pixels[:, channel], minlength=256)
        share, values = counts / counts.sum(), np.arange(256)
        found = share @ values
        assert found == pytest.approx(mean, abs=6e-5)
        spread = np.sqrt(share @ (values - found) ** 2)
        assert spread == pytest.approx(std, abs=6e-5)
    if name.startswith("cifar"):
        train, test = (
            {image.tobytes() for image in part}
            for part in (images.train_images, images.test_images)
        )
        twice = 50_000 - len(train), 10_000 - len(test), len(train & test)
        assert twice == ((14, 2, 10) if name == "cifar100" else (0, 0, 0))
