"""What several test modules use."""

import copy

import nbformat
import pytest

from arcbook import experiments, papers, paths
from arcbook.experiments import canary
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


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "CACHE", tmp_path / "build")
    return tmp_path / "results"


@pytest.fixture
def tiny(folder):
    yield add("test.images")
    experiments.unregister("test.images")


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
def reprint(monkeypatch):
    """Change what a paper prints, for one test."""

    def change(paper, name, row, column, text):
        altered = copy.deepcopy(papers._read(paper))
        entry = altered["tables"][name]
        place = entry["columns"].index(column)
        entry["rows"][row]["cells"][place] = text
        read = papers._read
        monkeypatch.setattr(
            papers, "_read", lambda one: altered if one == paper else read(one)
        )

    return change
