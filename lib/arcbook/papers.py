"""What the papers print: their numbers and equations, beside our own.

One file a paper, `data/papers/<paper>.yaml`, holds `equations`, `tables`,
`figures` and `claims`, each by its id. A cell stands as it is printed:
`77.81 ± 5.60` is a mean and a standard deviation, `92.1` a number, `-` a
gap. `data/papers/schema.json` says what a file may hold.
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd
import yaml

from arcbook.naming import unknown
from arcbook.paths import PAPERS

ARABIC = dict(zip(("I", "II", "III", "IV", "V", "VI", "VII"), "1234567"))


@dataclass(frozen=True)
class Equation:
    """A printed equation, and what the book says of it.

    Attributes:
        latex: as printed.
        right: what should stand there, or what it assumes, as LaTeX.
        why: one to three sentences.
        caution: what a reader has to bear in mind.
        page: where a chapter derives it, below `notebooks/`.
    """

    number: str
    latex: str
    about: str
    why: str
    note: str = ""
    right: str = ""
    caution: str = ""
    page: str = ""


def available():
    """The papers there is something of, by the name of their file."""
    return sorted(path.stem for path in PAPERS.glob("*.yaml"))


def equation(paper, number):
    """A printed equation. Raises ValueError: no such paper or number."""
    number = str(number)
    return Equation(number, **_item(paper, "equations", number))


def table(paper, name):
    """A printed table.

    Gives a frame. Of a table of measurements, one row a cell, in the order
    printed: the row's id, the column's name (called `dataset` and `method` in
    [arcgrad, Table I]), `mean` and `std` (NaN where none is printed). Of a
    table of facts, the table itself. Raises ValueError: no such paper or
    table.
    """
    printed = _item(paper, "tables", name)
    rows, columns = printed["rows"], printed["columns"]
    if "column" not in printed:
        return pd.DataFrame(
            [[row, *entry["cells"]] for row, entry in rows.items()],
            columns=[printed["row"], *columns],
        )
    return pd.DataFrame(
        [
            (row, column, *_number(cell))
            for row, entry in rows.items()
            for column, cell in zip(columns, entry["cells"], strict=True)
        ],
        columns=[printed["row"], printed["column"], "mean", "std"],
    )


def summary(paper, name):
    """The lines that a printed table ends with, such as averages and wins.

    Gives one row a column of the table, one column a line. Raises
    ValueError: no such paper or table.
    """
    printed = _item(paper, "tables", name)
    return pd.DataFrame(printed.get("summary", {}), index=printed["columns"])


def names(paper, kind):
    """The ids of a paper's items, in the order of its file."""
    return list(_read(paper).get(kind, {}))


def anchor(paper, item):
    """An item's place on the page that lists it."""
    return re.sub(r"[\W_]", "-", f"{paper}-{item}").lower().strip("-")


def address(paper, item):
    """Page and anchor that say what an item is worth; None without one."""
    number = item.removeprefix("Eq. ")
    table = "table" + ARABIC.get(item[6:], item[6:])
    if number in names(paper, "equations"):
        return f"errata.html#{anchor(paper, item)}"
    if item.startswith("Table ") and table in names(paper, "tables"):
        return f"published_statistics.html#{anchor(paper, item)}"
    if item in names(paper, "claims"):
        return f"claims.html#{anchor(paper, item)}"
    return None


def facts(paper, name):
    """What is known of a printed table or figure, as a dictionary.

    Such as `unit`, `experiment`, `classes`, `trials` and `note`; of a table
    not its cells.
    """
    printed = _item(paper, _kind(name), name)
    cells = ("row", "column", "columns", "rows", "summary")
    return {k: v for k, v in printed.items() if k not in cells}


def texts(paper, name):
    """The cells of a printed table as strings, rows down, columns across."""
    printed = _item(paper, "tables", name)
    return pd.DataFrame(
        {
            row: [str(cell) for cell in entry["cells"]]
            for row, entry in printed["rows"].items()
        },
        index=printed["columns"],
    ).T


def problems(content):
    """What breaks the schema in a paper's file, one sentence a problem."""
    import jsonschema

    schema = json.loads((PAPERS / "schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    found = [
        f"{'/'.join(map(str, error.path)) or 'the file'}: {error.message}"
        for error in validator.iter_errors(content)
    ]
    for name, one in content.get("tables", {}).items():
        columns, rows = len(one.get("columns", ())), one.get("rows", {})
        lines = {line: row.get("cells", ()) for line, row in rows.items()}
        found += [
            f"tables/{name}: {line} has {len(cells)} cells for "
            f"{columns} columns"
            for line, cells in (lines | one.get("summary", {})).items()
            if len(cells) != columns
        ]
    return found


def claim(paper, name):
    """A printed sentence and its place, as a dictionary."""
    return dict(_item(paper, "claims", name))


def _kind(name):
    return "tables" if name.startswith("table") else "figures"


def _item(paper, kind, name):
    items = _read(paper).get(kind, {})
    if name not in items:
        raise ValueError(
            f"{paper} has no {name!r} among its {kind}; it has "
            f"{', '.join(items) or 'none'}"
        )
    return items[name]


@lru_cache
def _read(paper):
    path = PAPERS / f"{paper}.yaml"
    if not path.is_file():
        raise ValueError(unknown("paper", paper, available()))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster
    return yaml.load(path.read_text(encoding="utf-8"), loader)


def _number(cell):
    mean, _, std = str(cell).partition("±")
    mean = mean.strip()
    return float("nan" if mean == "-" else mean), float(std or "nan")
