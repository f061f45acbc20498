"""Every notebook runs, takes parameters, and is a chapter in form."""

import json

import nbformat
import pytest

from arcbook.book import execution, page, parameters
from arcbook.paths import NOTEBOOKS

CHAPTERS = [name for name in parameters.names() if name[0].isdigit()]
LONGEST_LINE = 75
TWICE = ("01_angles", "04_scale")
CHANGED = {
    "06_uci": {"dataset": "iris", "epochs": 3},
    "10_fashion": {"scales": [3.0], "epochs": 1, "classes": 100},
}


def read(name):
    return nbformat.read(parameters.path(name), as_version=4)


def cells(name, kind):
    return [cell for cell in read(name).cells if cell.cell_type == kind]


@pytest.mark.parametrize("name", parameters.names())
def test_runs(name):
    """Through the book's own cache, so that it runs once for both."""
    path = execution.execute(name).path
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text


@pytest.mark.parametrize(
    "name", [name for name in CHANGED if name in parameters.names()]
)
def test_runs_with_changed_parameters(name, tmp_path):
    parameters.run(name, tmp_path / "out.ipynb", **CHANGED[name])
    text = (tmp_path / "out.ipynb").read_text()
    assert "written for the defaults" in text
    for key in CHANGED[name]:
        assert f"`{key} = " in text


@pytest.mark.parametrize(
    "name", [name for name in TWICE if name in parameters.names()]
)
def test_shows_the_same_when_run_twice(name, tmp_path):
    once = execution.execute(name).path
    parameters.run(name, tmp_path / "twice.ipynb")
    assert shown(once) == shown(tmp_path / "twice.ipynb")


def shown(path):
    return [
        output.get("data", output.get("text"))
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
    ]


@pytest.mark.parametrize("name", parameters.names())
def test_is_committed_without_outputs(name):
    for cell in cells(name, "code"):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("name", parameters.names())
def test_lines_fit_the_page(name):
    for cell in cells(name, "code"):
        for line in cell.source.splitlines():
            assert len(line) <= LONGEST_LINE, line


@pytest.mark.parametrize("name", CHAPTERS)
def test_opens_with_a_title_and_a_question(name):
    opening = cells(name, "markdown")[0].source
    assert opening.startswith("# ")
    assert "?" in opening


@pytest.mark.parametrize("name", CHAPTERS)
def test_first_code_cell_is_of_literals_with_a_schema(name):
    first = cells(name, "code")[0]
    assert "parameters" in first.metadata.tags
    known = parameters.parameters(name)
    assert known
    parameters.check(name, {key: known[key].default for key in known})


@pytest.mark.parametrize("name", CHAPTERS)
def test_second_code_cell_begins_the_chapter(name):
    assert f'begin("{name}", globals())' in cells(name, "code")[1].source


@pytest.mark.parametrize("name", parameters.names())
def test_names_the_kernel_that_every_environment_has(name):
    assert read(name).metadata.kernelspec.name == "python3"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A notebook of four parameters that prints them."""
    schemas = {
        "s": {"type": "number", "exclusiveMinimum": 0, "maximum": 200},
        "epochs": {"type": "integer", "minimum": 1},
        "degrees": {"type": "boolean"},
        "loss": {"format": "loss"},
        "compared": {"type": "array", "items": {"format": "loss"}},
    }
    first = nbformat.v4.new_code_cell(
        's = 20.0\nepochs = 5\ndegrees = True\nloss = "arcface"\n'
        'compared = ["softmax"]'
    )
    first.metadata.tags = ["parameters"]
    show = nbformat.v4.new_code_cell(
        "assert epochs < 100\nprint(s, epochs, degrees, loss, compared)"
    )
    notebook = nbformat.v4.new_notebook(cells=[first, show])
    notebook.metadata["kernelspec"] = read(parameters.names()[0]).metadata[
        "kernelspec"
    ]
    notebook.metadata["arcbook"] = {"parameters": schemas}
    nbformat.write(notebook, tmp_path / "00_toy.ipynb")
    monkeypatch.setattr(parameters, "NOTEBOOKS", tmp_path)
    return "00_toy"


def test_parameters_are_read_with_their_schema(toy):
    known = parameters.parameters(toy)
    assert list(known) == ["s", "epochs", "degrees", "loss", "compared"]
    assert known["s"].default == 20.0
    assert "arcface" in known["loss"].schema["enum"]


@pytest.mark.parametrize(
    "values",
    [
        {},
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


def test_an_unknown_notebook_is_refused(toy):
    with pytest.raises(ValueError, match="did you mean 00_toy"):
        parameters.parameters("0_toy")


def test_a_parameter_without_schema_is_refused(toy):
    path = parameters.path(toy)
    notebook = json.loads(path.read_text())
    del notebook["metadata"]["arcbook"]["parameters"]["epochs"]
    path.write_text(json.dumps(notebook))
    with pytest.raises(ValueError, match="differ in epochs"):
        parameters.parameters(toy)


def test_runs_with_other_parameters(toy, tmp_path):
    parameters.run(toy, tmp_path / "out.ipynb", s=7, degrees=False)
    cell = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1]
    assert cell.outputs[0].text == "7 5 False arcface ['softmax']\n"


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
    values = {
        "s": -1.0,
        "epochs": 5,
        "degrees": True,
        "loss": "arcface",
        "compared": [],
    }
    with pytest.raises(ValueError, match=r"-1\.0 is less .* minimum of 0"):
        page.begin(toy, values)
    with pytest.raises(ValueError, match="no parameter 'epoch'"):
        page.begin(toy, values | {"s": 1.0, "epoch": 5})


def test_a_page_says_which_parameters_are_not_the_defaults(toy):
    known = parameters.parameters(toy)
    values = {key: known[key].default for key in known}
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "display", lambda note: shown.append(note.data))
        page.begin(toy, values)
        assert shown == []
        page.begin(toy, values | {"s": 7, "degrees": False})
    [note] = shown
    assert "`s = 7` instead of `20.0`, `degrees = False`" in note
    assert "epochs" not in note


def test_every_notebook_is_in_the_table_of_contents():
    contents = (NOTEBOOKS.parent / "_toc.yml").read_text()
    for name in parameters.names():
        assert f"notebooks/{name}\n" in contents
