"""Every notebook runs, takes parameters, and is a chapter in form."""

import nbformat
import pytest

from arcbook.book import execution, page, parameters
from arcbook.paths import ROOT

LONGEST_LINE = 75
CHANGED = {
    "06_uci": {"dataset": "iris", "epochs": 3},
    "10_fashion": {"scales": [3.0], "epochs": 1, "classes": 100},
    "explorer": {"first": "iam", "second": "sphereface", "m": 0.3},
    "zoo": {"classes": 3, "seeds": 2, "steps": 9},
    "doctor": {"classes": 2, "confidence": 0.5, "steps": 20},
}
every_notebook = pytest.mark.parametrize("name", parameters.names())


def outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells for output in cell.get("outputs", [])]


@every_notebook
def test_runs(name):
    """Through the book's own cache, so that it runs once for both."""
    execution.execute(name)
    for output in outputs(execution.executed_path(name)):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text


@pytest.mark.parametrize("name", CHANGED)
def test_runs_with_changed_parameters(name, tmp_path):
    parameters.run(name, tmp_path / "out.ipynb", **CHANGED[name])
    text = (tmp_path / "out.ipynb").read_text()
    assert "written for the defaults" in text
    for key in CHANGED[name]:
        assert f"`{key} = " in text


@pytest.mark.parametrize("name", ["01_angles", "04_scale"])
def test_shows_the_same_when_run_twice(name, tmp_path):
    execution.execute(name)
    parameters.run(name, tmp_path / "twice.ipynb")
    once, twice = (
        [output.get("data", output.get("text")) for output in outputs(path)]
        for path in (execution.executed_path(name), tmp_path / "twice.ipynb")
    )
    assert once == twice


@every_notebook
def test_is_of_the_book_without_outputs_and_fits_the_page(name):
    notebook = nbformat.read(parameters.path(name), as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert f"notebooks/{name}\n" in (ROOT / "_toc.yml").read_text()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
            for line in cell.source.splitlines():
                assert len(line) <= LONGEST_LINE, line


@pytest.mark.parametrize(
    "name", [name for name in parameters.names() if name[0].isdigit()]
)
def test_a_chapter_asks_and_begins_with_its_parameters(name):
    cells = nbformat.read(parameters.path(name), as_version=4).cells
    opening = next(cell for cell in cells if cell.cell_type == "markdown")
    assert opening.source.startswith("# ")
    assert "?" in opening.source
    first, second, *_ = (cell for cell in cells if cell.cell_type == "code")
    assert "parameters" in first.metadata.tags
    assert f'begin("{name}", globals())' in second.source
    assert defaults(name)
    parameters.check(name, defaults(name))


def defaults(name):
    known = parameters.parameters(name)
    return {key: schema["default"] for key, schema in known.items()}


@pytest.fixture
def toy(write, tmp_path, monkeypatch):
    """A notebook of four parameters that prints them."""
    schemas = {
        "s": {"type": "number", "exclusiveMinimum": 0, "maximum": 200},
        "epochs": {"type": "integer", "minimum": 1},
        "degrees": {"type": "boolean"},
        "loss": {"format": "loss"},
        "compared": {"type": "array", "items": {"format": "loss"}},
    }
    write(
        tmp_path / "00_toy.ipynb",
        's = 20.0\nepochs = 5\ndegrees = True\nloss = "arcface"\n'
        'compared = ["softmax"]',
        "assert epochs < 100\nprint(s, epochs, degrees, loss, compared)",
        arcbook={"parameters": schemas},
    )
    monkeypatch.setattr(parameters, "NOTEBOOKS", tmp_path)
    return "00_toy"


def test_parameters_are_read_with_their_schema(toy):
    known = parameters.parameters(toy)
    assert list(known) == ["s", "epochs", "degrees", "loss", "compared"]
    assert known["s"]["default"] == 20.0
    assert "arcface" in known["loss"]["enum"]


@pytest.mark.parametrize(
    "values",
    [
        {"s": 30},
        {"s": 30.5, "epochs": 1, "degrees": False},
        {"loss": "softmax", "compared": ["arcface", "cosface"]},
    ],
)
def test_good_values_pass(toy, values):
    parameters.check(toy, values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "no parameter 'epoch'; did you mean epochs"),
        ({"zzz": 3}, "there are s, epochs, degrees, loss"),
        ({"s": "30"}, "s: '30' is not of type 'number'"),
        ({"s": True}, "True is not of type 'number'"),
        ({"s": 0}, "0 is less than or equal to the minimum of 0"),
        ({"s": 201}, "201 is greater than the maximum of 200"),
        ({"s": float("nan")}, "nan is not a finite number"),
        ({"s": None}, "None is not of type 'number'"),
        ({"epochs": 2.5}, "2.5 is not of type 'integer'"),
        ({"degrees": "true"}, "is not of type 'boolean'; write True"),
        ({"degrees": 1}, "1 is not of type 'boolean'"),
        ({"loss": "arcfase"}, "'arcfase' is not one of .* mean arcface"),
        ({"compared": ["arcfase"]}, "compared: 'arcfase' is not one of"),
        ({"compared": "arcface"}, "is not of type 'array'"),
    ],
)
def test_bad_values_are_refused(toy, values, message):
    with pytest.raises(ValueError, match=message):
        parameters.check(toy, values)


def test_an_unknown_notebook_and_a_parameter_without_schema_are_refused(toy):
    with pytest.raises(ValueError, match="did you mean 00_toy"):
        parameters.parameters("0_toy")
    path = parameters.path(toy)
    path.write_text(path.read_text().replace('"epochs": {', '"epoch": {'))
    with pytest.raises(ValueError, match="differ in epoch, epochs"):
        parameters.parameters(toy)


def test_runs_with_other_parameters(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters.run(toy, "out.ipynb", s=7, degrees=False)
    [output] = outputs("out.ipynb")
    assert output.text == "7 5 False arcface ['softmax']\n"


def test_refuses_before_anything_runs(toy, tmp_path):
    with pytest.raises(ValueError, match="no parameter"):
        parameters.run(toy, tmp_path / "out.ipynb", ss=7)
    assert not (tmp_path / "out.ipynb").exists()


def test_a_failing_run_says_why_and_leaves_its_notebook(toy, tmp_path):
    with pytest.raises(RuntimeError, match="AssertionError"):
        parameters.run(toy, tmp_path / "out.ipynb", epochs=100)
    assert "AssertionError" in (tmp_path / "out.ipynb").read_text()
    assert not list(tmp_path.glob(".*"))


def test_a_chapter_checks_what_papermill_gave_it(toy):
    with pytest.raises(ValueError, match=r"-1\.0 is less .* minimum of 0"):
        page.begin(toy, defaults(toy) | {"s": -1.0})
    with pytest.raises(ValueError, match="no parameter 'epoch'"):
        page.begin(toy, defaults(toy) | {"epoch": 5})


def test_a_page_says_which_parameters_are_not_the_defaults(toy, monkeypatch):
    shown = []
    monkeypatch.setattr(page, "display", lambda note: shown.append(note.data))
    page.begin(toy, defaults(toy))
    assert shown == []
    page.begin(toy, defaults(toy) | {"s": 7, "degrees": False})
    [note] = shown
    assert "`s = 7` instead of `20.0`, `degrees = False`" in note
    assert "epochs" not in note
