"""Cards, places, parsing and downloads of the data sets."""

import gzip
import http.server
import shutil
import socket
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from arcbook import datasets, papers, paths
from arcbook.datasets import idx, places
from tiny import entry, lines, official, write_card

TABLE_2 = papers._read("arcgrad")["tables"]["table2"]["rows"]
TABLES = datasets.available("table")
IMAGES = datasets.available("image")
SAMPLED = [n for n in TABLES if datasets.card(n).sample]
SAMPLED_IMAGES = [n for n in IMAGES if datasets.card(n).sample]
TOY = b"1,red,2\n3,blue,4\n\n5,red,?\n7,red,0\n"


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No ARCBOOK_DATA, an empty cache and no network."""
    monkeypatch.delenv("ARCBOOK_DATA", raising=False)
    monkeypatch.setenv("ARCBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    lookup = socket.getaddrinfo

    def local_only(host, *rest, **more):
        if host != "127.0.0.1":
            raise socket.gaierror("no network in tests")
        return lookup(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local_only)


def sorted_rows(table):
    rows = np.column_stack([table.X, table.y])
    return rows[np.lexsort(rows.T)]


def test_tables_are_those_of_table_2_in_its_order():
    assert list(TABLE_2) == TABLES and len(TABLES) == 15
    assert datasets.available() == TABLES + IMAGES


def check_table(table):
    card = datasets.card(table.name)
    printed, counts = TABLE_2[table.name], [*table.X.shape[::-1]]
    assert card.title == printed["printed_name"]
    assert [card.classes, *counts] == printed["cells"]
    assert table.X.dtype == np.float64 and table.y.dtype == np.int64
    assert table.X.shape == (len(table.y), len(table.feature_names))
    assert tuple(np.bincount(table.y)) == card.class_counts
    assert len(table.class_names) == card.classes
    assert np.isfinite(table.X).all()
    assert table.sha256 == datasets.digest(table.X, table.y)
    assert table.sha256 in datasets.identities(table.name).values()
    assert not table.source.startswith("/")


@pytest.mark.parametrize("name", TABLES)
def test_official_table(name, monkeypatch):
    table = official(name, monkeypatch)
    check_table(table)
    assert table.source.startswith("ARCBOOK_DATA: uci/")
    assert table.sha256 == datasets.identities(name)["official"]


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("sample", [True, None, False])
def test_sampled_table_is_the_whole_set(name, sample):
    table = datasets.load(name, sample=sample)
    check_table(table)
    assert table.source == f"data/samples/{name}.csv"
    assert table.sha256 == datasets.identities(name)["sample"]


@pytest.mark.parametrize("name", SAMPLED)
def test_sample_has_the_official_rows(name, monkeypatch):
    whole = official(name, monkeypatch)
    sample = datasets.load(name, sample=True)
    assert whole.class_names == sample.class_names
    assert whole.feature_names == sample.feature_names
    if name != "iris":
        assert (sorted_rows(whole) == sorted_rows(sample)).all()
        return
    # scikit-learn has Fisher's table, UCI has two rows of it wrong
    differ = (whole.X != sample.X).any(axis=1)
    assert (whole.y == sample.y).all()
    assert np.flatnonzero(differ).tolist() == [35 - 1, 38 - 1]
    assert whole.X[differ].tolist() == [[4.9, 3.1, 1.5, 0.1]] * 2
    assert sample.X[differ].tolist() == [
        [4.9, 3.1, 1.5, 0.2],
        [4.9, 3.6, 1.4, 0.1],
    ]


def test_equal_rows_in_equal_order_are_one_identity():
    same = [
        name
        for name in SAMPLED
        if len(set(datasets.identities(name).values())) == 1
    ]
    assert same == ["pima", "tae", "votes"]


@pytest.mark.parametrize("name", SAMPLED_IMAGES)
def test_image_sample(name):
    images = datasets.load(name, sample=True)
    sample = datasets.card(name).sample
    assert images.sample and not sample.complete
    assert images.train_images.shape == (sample.train, 28, 28)
    assert images.test_images.shape == (sample.test, 28, 28)
    assert images.train_images.dtype == np.uint8
    assert images.train_labels.dtype == np.int64
    assert set(np.bincount(images.train_labels)) == {sample.train // 10}
    assert set(np.bincount(images.test_labels)) == {sample.test // 10}
    assert images.train_images.max() == 255
    assert images.train_images.flags.writeable
    assert images.sha256 == datasets.identities(name)["sample"]
    assert images.source == f"data/samples/{name}"
    train = {image.tobytes() for image in images.train_images}
    assert not train & {image.tobytes() for image in images.test_images}


def test_mnist_sample_is_from_the_official_training_part(monkeypatch):
    whole = official("mnist", monkeypatch)
    sample = datasets.load("mnist", sample=True)
    images = map(np.ndarray.tobytes, whole.train_images)
    label = dict(zip(images, whole.train_labels, strict=True))
    for part in ("train", "test"):
        images = getattr(sample, f"{part}_images")
        found = [label[image.tobytes()] for image in images]
        assert found == getattr(sample, f"{part}_labels").tolist()


def test_samples_are_small_and_none_is_left_over():
    named = {
        paths.SAMPLES / file.path
        for name in SAMPLED + SAMPLED_IMAGES
        for file in datasets.card(name).sample.files
    }
    found = {p for p in paths.SAMPLES.rglob("*") if p.is_file()}
    assert named == found
    assert max(path.stat().st_size for path in found) < 4 * 2**20
    assert sum(path.stat().st_size for path in found) < 6 * 2**20


@pytest.mark.parametrize("name", TABLES + IMAGES)
def test_card_is_complete(name):
    card = datasets.card(name)
    assert card.name == name
    for prose in ("title", "licence", "citation", "preprocessing"):
        assert getattr(card, prose).strip()
    assert card.source.startswith("http")
    assert sum(card.class_counts) == card.instances
    assert list(card.class_labels) == sorted(card.class_labels)
    assert len(set(card.class_names)) == card.classes
    assert card.files
    for file in card.files:
        assert file.url.startswith("https://")
    every = card.files + (card.sample.files if card.sample else ())
    for file in every:
        for form in file.accepted:
            assert len(bytes.fromhex(form.sha256)) == 32
            assert form.bytes > 0 and form.origin
    expected = {"official", "sample"} if card.sample else {"official"}
    assert set(datasets.identities(name)) == expected
    if card.sample:
        assert card.sample.origin and card.sample.licence
    if card.kind == "table":
        assert len(card.feature_names) == card.features


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("irsi", "iris"),
        ("Iris", "iris"),
        ("wineq", None),
        ("PimaIndiansDiabetes", "pima"),
        ("fashion_mnist", "fashion-mnist"),
        ("../cards/iris", None),
    ],
)
def test_unknown_data_set_names_the_close_ones(word, meant):
    with pytest.raises(datasets.DataError) as caught:
        datasets.load(word)
    text = str(caught.value)
    assert repr(word) in text
    assert f"'{meant}'" in text if meant else "balance-scale" in text


def test_no_cards(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "CARDS", tmp_path)
    with pytest.raises(datasets.DataError, match="ARCBOOK_HOME"):
        datasets.load("iris")


def test_digest_sees_type_shape_values_and_order():
    x = np.arange(6.0)
    others = [x.reshape(2, 3), x[::-1], np.nextafter(x, 9), x.astype("f4")]
    assert len({datasets.digest(a) for a in [x, *others]}) == 5
    assert datasets.digest(x.astype(">f8")) == datasets.digest(x)
    assert datasets.digest(np.asfortranarray(x)) == datasets.digest(x)


@pytest.fixture
def copied_samples(monkeypatch, tmp_path):
    shutil.copytree(paths.SAMPLES, tmp_path / "samples")
    monkeypatch.setattr(paths, "SAMPLES", tmp_path / "samples")
    return tmp_path / "samples"


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("train-labels-idx1", b"!" * 99, "altered .*: restore it with git"),
        ("train-images-idx3", bytes(1000), r"truncated \(1,000 of 650,371 b"),
        ("t10k-labels-idx1", None, "labels.*is missing: restore"),
    ],
)
def test_damaged_sample(copied_samples, file, content, complaint):
    path = copied_samples / f"mnist/{file}-ubyte.gz"
    path.unlink()
    if content:
        path.write_bytes(content)
    with pytest.raises(datasets.DataError, match=complaint):
        datasets.load("mnist")


def test_no_such_kind_and_no_sample():
    with pytest.raises(datasets.DataError, match="'tables'"):
        datasets.available("tables")
    with pytest.raises(datasets.DataError, match="WebsitePhishing has no s"):
        datasets.load("website-phishing", sample=True)


def test_arcbook_data_that_is_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("ARCBOOK_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(datasets.DataError, match=r"nowhere.*not a folder"):
        datasets.load("iris")


def test_arcbook_data_comes_first_and_is_never_passed_over(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("ARCBOOK_DATA", str(tmp_path))
    assert datasets.locate("iris").kind == "sample"
    damaged = tmp_path / "uci" / "iris" / "iris.data"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"5.1,3.5,1.4,0.2,Iris-setosa\n")
    assert datasets.locate("iris").kind == "folder"
    with pytest.raises(datasets.DataError, match="unset ARCBOOK_DATA"):
        datasets.load("iris")
    assert datasets.load("iris", sample=True).source.startswith("data/")


def test_system_package(toy, tmp_path):
    toy(system=str(tmp_path))
    (tmp_path / "toy.csv").write_bytes(TOY)
    assert datasets.load("toy").source == "package toy-data"


def test_partial_sample_is_not_the_whole_set(monkeypatch):
    known = replace(datasets.card("fashion-mnist"), system="")
    monkeypatch.setattr(places, "card", lambda name: known)
    assert datasets.locate("fashion-mnist").kind == "sample"
    whole = datasets.locate("fashion-mnist", sample=False)
    assert whole.kind == "download" and not whole.sample
    with pytest.raises(datasets.DataError, match="cannot be fetched"):
        datasets.load("fashion-mnist", sample=False)


def test_verify_says_it_of_each_file(copied_samples):
    folder = copied_samples / "mnist"
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"")
    labels = folder / "train-labels-idx1-ubyte.gz"
    labels.write_bytes(labels.read_bytes() + b"!")
    found = {s.path.name[:11]: s.status for s in datasets.verify("mnist")}
    assert found == {
        "train-image": "ok",
        "train-label": "altered",
        "t10k-images": "truncated",
        "t10k-labels": "missing",
    }
    assert {s.place for s in datasets.verify("mnist")} == {"sample"}
    (nowhere,) = datasets.verify("banknote")
    assert (nowhere.place, nowhere.status) == ("download", "missing")
    assert "arcbook data fetch banknote" in nowhere.detail


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serve = threading.Thread(target=server.serve_forever, args=(0.01,))
    serve.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serve.join()
    server.server_close()


@pytest.fixture
def toy(monkeypatch, tmp_path, site):
    """A data set at a site of its own; a function that changes its card."""
    (tmp_path / "cards").mkdir()
    monkeypatch.setattr(paths, "CARDS", tmp_path / "cards")
    X, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0])

    def write(content=TOY, member="", system="", at=site[1]):
        url = f"{at}/toy.{'zip' if member else 'csv'}"
        rules = {"class": "c", "missing": "?", "nonzero": ["b"]}
        write_card(
            "toy",
            {"blue": 1, "red": 1},
            datasets.digest(X, y),
            "[layout]\n" + lines(columns=["a", "c", "b"]),
            "[rules]\n" + lines(**rules),
            entry("files", content, path="toy.csv", url=url, member=member),
            **{"source": at, "folder": "uci/toy"},
            **{"system": system, "system_package": "toy-data"},
        )

    write()
    return write


def cached(tmp_path):
    """Every file under the cache: what a later run could trust."""
    return [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"1,red,2\n3,blue\n", "has 2 cells in row 2, not 3"),
        (b"1,red,2\n3,green,4\n", "has class 'green'"),
        (b"1,red,2\nx,blue,4\n", "has 'x' in a, not a number"),
        (b"1,red,2\n3,blue,4\n5,red,6\n", r"gives \(1, 2\) instances"),
        (b"1,red,2\n3,blue,5\n", "preprocessing and its identity"),
    ],
)
def test_wrong_shape(toy, monkeypatch, tmp_path, content, complaint):
    toy(content)
    (tmp_path / "uci" / "toy").mkdir(parents=True)
    (tmp_path / "uci" / "toy" / "toy.csv").write_bytes(content)
    monkeypatch.setenv("ARCBOOK_DATA", str(tmp_path))
    with pytest.raises(datasets.DataError, match=complaint):
        datasets.load("toy")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is not an IDX file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01" + bytes(4), "0x00000d01"),
        (b"P5 28 28 255", "is not an IDX file"),
        (b"\x00\x00\x08\x03\x00\x00", "ends in its header"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x05abcd", "has 4 values.*says 5"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x03abcd", "has 4 values.*says 3"),
        (gzip.compress(bytes(99), mtime=0)[:-9], "is damaged"),
    ],
)
def test_idx_wrong_magic_or_length(content, complaint):
    with pytest.raises(datasets.DataError, match=complaint):
        idx.read(content, "labels.gz")


def test_download(toy, site, tmp_path):
    (site[0] / "toy.csv").write_bytes(TOY)
    table = datasets.load("toy")
    assert table.X.tolist() == [[1, 2], [3, 4]]
    assert table.y.tolist() == [1, 0]
    assert table.source == "download: uci/toy/toy.csv"
    assert cached(tmp_path) == ["toy.csv"]
    (site[0] / "toy.csv").unlink()
    assert datasets.load("toy").sha256 == table.sha256
    assert [s.status for s in datasets.verify("toy")] == ["ok"]


@pytest.mark.parametrize("damage", ["", "member", "zip"])
def test_download_of_a_member_of_a_zip(toy, site, tmp_path, damage):
    toy(member="inside/toy.csv")
    with zipfile.ZipFile(site[0] / "toy.zip", "w") as archive:
        archive.writestr(f"{damage or 'inside'}/toy.csv", TOY)
    if damage == "zip":
        (site[0] / "toy.zip").write_bytes(b"PK\x03\x04 half of it")
    if damage:
        with pytest.raises(datasets.DataError, match="cannot be fetched"):
            datasets.load("toy")
    else:
        datasets.load("toy")
    assert cached(tmp_path) == ([] if damage else ["toy.csv"])


@pytest.mark.parametrize("content", [TOY[:-3], TOY.replace(b"3", b"8")])
def test_what_the_site_gives_is_verified(toy, site, tmp_path, content):
    (site[0] / "toy.csv").write_bytes(content)
    with pytest.raises(datasets.DataError, match="nothing was kept"):
        datasets.fetch("toy")
    assert cached(tmp_path) == []


@pytest.mark.parametrize("name", ["banknote", "cifar10", "cifar100"])
def test_no_network(tmp_path, name):
    with pytest.raises(datasets.DataError) as caught:
        datasets.load(name)
    text, (file,) = str(caught.value), datasets.card(name).files
    assert f"{file.url} cannot be fetched" in text
    assert f"ARCBOOK_DATA at a folder that has {file.path}" in text
    assert text.endswith(".") and "\n" not in text
    assert cached(tmp_path) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_interrupted_download_leaves_nothing(
    toy, site, tmp_path, monkeypatch, stop
):
    def half(file, scratch):
        (scratch / "download").write_bytes(TOY[:9])
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(places, "_download_bytes", half)
        with pytest.raises((datasets.DataError, KeyboardInterrupt)):
            datasets.load("toy")
    assert cached(tmp_path) == []
    (site[0] / "toy.csv").write_bytes(TOY)
    assert len(datasets.load("toy").X) == 2


def test_half_written_file_is_not_taken_for_a_whole_one(toy, site, tmp_path):
    half = tmp_path / "cache" / "uci" / "toy" / "toy.csv"
    half.parent.mkdir(parents=True)
    half.write_bytes(TOY[:9])
    (half.parent / ".part-killed").mkdir()
    (half.parent / ".part-killed" / "download").write_bytes(TOY[:9])
    (status,) = datasets.verify("toy")
    assert (status.place, status.status) == ("download", "truncated")
    with pytest.raises(datasets.DataError, match=r"fetched \(HTTPError\)"):
        datasets.load("toy")
    (site[0] / "toy.csv").write_bytes(TOY)
    assert len(datasets.load("toy").X) == 2
    assert half.read_bytes() == TOY


def test_connection_cut_half_way(toy, tmp_path):
    """The server promises more bytes than it sends."""
    server = socket.create_server(("127.0.0.1", 0))
    toy(at=f"http://127.0.0.1:{server.getsockname()[1]}")

    def serve():
        connection, _ = server.accept()
        connection.recv(4096)
        head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(TOY)}\r\n\r\n"
        connection.sendall(head.encode() + TOY[:9])
        connection.close()

    threading.Thread(target=serve, daemon=True).start()
    with pytest.raises(datasets.DataError):
        datasets.load("toy")
    server.close()
    assert cached(tmp_path) == []


def test_cache_that_cannot_be_written(toy, site, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ARCBOOK_CACHE", str(tmp_path / "file"))
    with pytest.raises(datasets.DataError, match="ARCBOOK_CACHE"):
        datasets.load("toy")


BYTES = hnp.arrays(np.uint8, hnp.array_shapes(max_dims=4, max_side=6))
IRIS = datasets.card("iris").sample.files[0]
WHOLE = (paths.SAMPLES / IRIS.path).read_bytes()


@given(BYTES)
def test_any_bytes_come_back_from_an_idx_file_without_a_time(array):
    file = idx.write(array)
    assert np.array_equal(idx.read(file), array)
    assert file == idx.write(array) and file[4:8] == bytes(4)


@given(BYTES, BYTES)
def test_a_digest_is_of_shape_and_values(one, other):
    same = np.array_equal(one, other)
    assert (datasets.digest(one) == datasets.digest(other)) == same


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_altered_and_a_cut_one_truncated(place, change):
    changed = bytearray(WHOLE)
    changed[place] ^= change
    assert places.check(WHOLE, IRIS)[0] == "ok"
    assert places.check(bytes(changed), IRIS)[0] == "altered"
    assert places.check(WHOLE[:place], IRIS)[0] == "truncated"


@given(st.text(max_size=12).filter(lambda x: x not in datasets.available()))
def test_no_other_name_is_a_card(name):
    with pytest.raises(datasets.DataError, match="There is no data set"):
        datasets.card(name)
