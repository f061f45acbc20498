"""What several test modules use."""

import pytest

from arcbook import experiments, paths
from tiny import add


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "CACHE", tmp_path / "build")
    return tmp_path / "results"


@pytest.fixture
def tiny(folder):
    yield add("test.images")
    experiments.unregister("test.images")
