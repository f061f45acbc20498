"""The book's notebooks and their parameters, checked before anything runs.

A notebook's first code cell is tagged `parameters` and holds literals. Its
metadata hold a JSON schema for each of them:

    {"arcbook": {"parameters": {"s": {"type": "number", "maximum": 200},
                                "loss": {"format": "loss"}}}}

`{"format": "loss"}` and `{"format": "dataset"}` allow every name that
`losses.available()` and `datasets.available()` list.
"""

import ast
import math

import jsonschema
import nbformat

from arcbook import datasets, losses
from arcbook.book import execution
from arcbook.naming import close, refuse_unknown, unknown
from arcbook.paths import NOTEBOOKS


def names():
    """The book's notebooks, in its order, without their suffix."""
    return sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def path(name):
    """The file of a notebook.

    Raises ValueError: there is no such notebook; close matches are named.
    """
    refuse_unknown("notebook", [name], names())
    return NOTEBOOKS / f"{name}.ipynb"


def parameters(name):
    """The JSON schemas of a notebook's parameters, with their defaults.

    Gives them by name, in the order of the cell. Raises ValueError: there is
    no such notebook, or a parameter has no schema.
    """
    notebook = nbformat.read(path(name), as_version=4)
    schemas = notebook.metadata.get("arcbook", {}).get("parameters", {})
    defaults = {
        line.targets[0].id: ast.literal_eval(line.value)
        for cell in notebook.cells
        if "parameters" in cell.metadata.get("tags", ())
        for line in ast.parse(cell.source).body
    }
    if bare := sorted(defaults.keys() ^ schemas.keys()):
        raise ValueError(
            f"{name}: the parameters cell and the schema in the notebook's "
            f"metadata differ in {', '.join(bare)}"
        )
    return {
        key: _resolved(schemas[key]) | {"default": value}
        for key, value in defaults.items()
    }


def check(name, values):
    """Refuse values that a notebook cannot take.

    Raises ValueError: unknown parameter, wrong type or out of range.
    """
    known = parameters(name)
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"{name}: {unknown('parameter', key, known)}")
        if problem := _problem(value, known[key]):
            raise ValueError(f"{name}: {key}: {problem}")


def run(name, output, **values):
    """Execute a notebook by papermill with other parameters.

    Raises ValueError as `check`. Raises RuntimeError: a cell failed.
    """
    source = path(name)
    check(name, values)
    try:
        execution.papermill(source, output, parameters=values)
    except execution.NotebookError as error:
        reason = str(error).splitlines()[-1]
        raise RuntimeError(
            f"{name} failed with {reason} (all of it is in {output})"
        ) from None


def _resolved(schema):
    """The schema with `format` replaced by the names it stands for."""
    match schema:
        case {"items": items}:
            return schema | {"items": _resolved(items)}
        case {"format": "loss"}:
            return {"enum": list(losses.available())}
        case {"format": "dataset"}:
            return {"enum": list(datasets.available(schema.get("kind")))}
    return schema


def _problem(value, schema):
    """What is wrong with a value, None if fine."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number"
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    error = jsonschema.exceptions.best_match(errors)
    if error is None:
        return None
    hint, given = "", str(error.instance)
    if error.validator == "enum":
        hint = close(given, map(str, error.validator_value))
    elif given in ("true", "false"):
        hint = f"write {given.capitalize()}"
    return "; ".join(filter(None, (error.message, hint)))
