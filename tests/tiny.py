"""Small things: image runs that take a second each, cards of toy data."""

import hashlib
import json
import os

import pytest

from arcbook import datasets, paths
from arcbook.experiments import grids, images

REAL_DATA = os.environ.get("ARCBOOK_DATA")

TINY = {
    "network": "conv4",
    "sample": True,
    "epochs": 2,
    "batch_size": 32,
    "learning_rate": 0.01,
    "share": 0.05,
    "probe": 50,
    "test_limit": 100,
    "keep_features": 20,
    "keep_cosines": 10,
}


def tiny_runs(profile):
    methods = {"Soft": grids.METHODS["Soft"], "Arc": grids.METHODS["ArcGrad"]}
    return [
        images.one_run("MNIST", column, method, TINY)
        for column, method in methods.items()
    ]


def add(id, grid=tiny_runs, **given):
    return images.register(id, "A test", "none", grid, **given)


def lines(**values):
    return "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items())


def entry(kind, content, **values):
    """What a card says of one file."""
    digest = hashlib.sha256(content).hexdigest()
    values |= {"bytes": len(content), "sha256": digest}
    return f"[[{kind}]]\n" + lines(**values)


def write_card(name, classes, identity, *parts, **values):
    """The card of a data set with so many instances of each class."""
    plain = ("licence", "citation", "preprocessing")
    values = dict.fromkeys(plain, "none") | {"title": name.title()} | values
    text = lines(order=1, features=2, instances=2, **values) + "".join(parts)
    for label, count in classes.items():
        text += "[[classes]]\n" + lines(label=label, name=label, count=count)
    text += "[identity]\n" + lines(official=identity)
    (paths.CARDS / f"{name}.toml").write_text(text)


def official(name, monkeypatch):
    """The real data set, or skip."""
    if REAL_DATA:
        monkeypatch.setenv("ARCBOOK_DATA", REAL_DATA)
    if datasets.locate(name).kind not in ("folder", "system"):
        pytest.skip(f"neither ARCBOOK_DATA nor the system has {name}")
    return datasets.load(name)
