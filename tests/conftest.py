"""What several test modules use."""

import copy

import nbformat
import pytest
import torch

from arcbook import datasets, papers, paths
from arcbook.experiments import canary, registry
from tiny import add


@pytest.fixture(scope="session")
def write():
    """Write a notebook: cells are prose where they begin with # or :, and the
    first holds the parameters."""

    def written(path, *texts, **metadata):
        kernel = {"name": "python3", "language": "python"}
        metadata["kernelspec"] = kernel | {"display_name": "Python 3"}
        notebook = nbformat.v4.new_notebook(metadata=metadata)
        for number, text in enumerate(texts):
            kind = "markdown" if text[0] in "#:" else "code"
            new = getattr(nbformat.v4, f"new_{kind}_cell")
            notebook.cells.append(new(text, id=f"cell-{number}"))
        notebook.cells[0].metadata.tags = ["parameters"]
        nbformat.write(notebook, path)
        return path

    return written


@pytest.fixture(scope="session")
def iris():
    return datasets.load("iris")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Records, checkpoints and experiments of one test."""
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "CACHE", tmp_path / "build")
    monkeypatch.setattr(registry, "_registry", dict(registry._registry))
    return tmp_path / "results"


@pytest.fixture
def tiny(folder):
    return add("test.images")


@pytest.fixture
def generator_left():
    """torch's global generator is left as it was."""
    torch.manual_seed(7)
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture
def other_code(monkeypatch, tmp_path):
    """A function that has canaries measured anew, as after an edit."""
    monkeypatch.setattr(paths, "CACHE", tmp_path / "build")
    edits = iter(range(99))

    def edited():
        name = f"edit-{next(edits)}"
        monkeypatch.setattr(canary, "code", lambda: name)
        canary._numbers.cache_clear()

    edited()
    yield edited
    canary._numbers.cache_clear()


@pytest.fixture
def altered(monkeypatch):
    """The content of a paper's file, to be changed for one test."""

    def content(paper):
        read, ours = papers._read, copy.deepcopy(papers._read(paper))
        monkeypatch.setattr(
            papers, "_read", lambda one: ours if one == paper else read(one)
        )
        return ours

    return content


@pytest.fixture
def reprint(altered):
    """Change what a paper prints, for one test."""

    def change(paper, name, row, column, text):
        table = altered(paper)["tables"][name]
        place = table["columns"].index(column)
        table["rows"][row]["cells"][place] = text

    return change
