"""From the bytes of a table's files to X and y, as its card says.

How a file is cut into rows of cells (keys of the card's [layout], or of
one file where it differs; a sample is a CSV file with a header):

    columns    names of the columns, in the order of the file
    header     true if the first row repeats those names
    delimiter  between the cells; a comma unless said otherwise
    after      the rows begin after this line (ARFF: "@data")
    sheets     the rows are in these sheets of an .xls file

What is done to the rows, in this order (keys of [rules]):

    drop       columns left out
    missing    rows with this cell are left out
    nonzero    rows with a zero in one of these columns are left out
    encode     words that stand for numbers, e.g. {y = 1, n = 0}
    class      the column with the class
    rename     class labels that are spelled in two ways
"""

import csv
from collections.abc import Iterator

import numpy as np

from .cards import Card, DataError, File


def _sheet(content: bytes, sheet: str, width: int) -> list[list]:
    try:
        import xlrd
    except ImportError:
        raise DataError(
            "is an .xls file, and the package that reads it is not "
            "installed: pip install xlrd"
        ) from None
    rows = xlrd.open_workbook(file_contents=content).sheet_by_name(sheet)
    return [row[:width] for row in map(rows.row_values, range(rows.nrows))]


def _rows(content: bytes, layout: dict) -> Iterator[dict[str, str]]:
    columns = layout.get("columns")
    if "sheets" in layout:
        blocks = [_sheet(content, s, len(columns)) for s in layout["sheets"]]
    else:
        lines = [line.strip() for line in content.decode().splitlines()]
        if (after := layout.get("after")) is not None:
            if after not in lines:
                raise DataError(f"has no line {after!r}")
            lines = lines[lines.index(after) + 1 :]
        delimiter = layout.get("delimiter", ",")
        blocks = [[*csv.reader(filter(None, lines), delimiter=delimiter)]]
    for block in blocks:
        block = [[str(cell).strip() for cell in row] for row in block]
        header = block.pop(0) if layout.get("header") else columns
        if columns and header != columns:
            raise DataError(f"has columns {header}, not {columns}")
        for number, row in enumerate(block, start=1):
            if len(row) != len(header):
                raise DataError(
                    f"has {len(row)} cells in row {number}, not {len(header)}"
                )
            yield dict(zip(header, row, strict=True))


def _number(cell: str, column: str, encode: dict) -> float:
    try:
        return float(encode.get(cell, cell))
    except ValueError:
        raise DataError(f"has {cell!r} in {column}, not a number") from None


def _instances(card: Card, file: File, content: bytes) -> Iterator:
    """The features and the class of each row that the rules keep."""
    rules, names = card.rules, card.feature_names
    for row in _rows(content, file.format):
        for name in rules.get("drop", []):
            row.pop(name, None)
        if rules.get("missing") in row.values() or any(
            float(row[name]) == 0 for name in rules.get("nonzero", [])
        ):
            continue
        label = row.pop(rules["class"])
        label = rules.get("rename", {}).get(label, label)
        if label not in card.class_labels:
            raise DataError(
                f"has class {label!r}, not one of {card.class_labels}"
            )
        if row.keys() != {*names}:
            raise DataError(f"has features {sorted(row)}, not {sorted(names)}")
        features = [_number(row[n], n, rules.get("encode", {})) for n in names]
        yield features, card.class_labels.index(label)


def parse(
    card: Card, files: list[tuple[File, bytes]]
) -> tuple[np.ndarray, np.ndarray]:
    """Parse the files of a table, one after the other.

    Gives X, float64 (instances, features), and y, int64 (instances,). Raises
    DataError where shapes or class counts are not those of the card.
    """
    rows = []
    for file, content in files:
        try:
            rows += _instances(card, file, content)
        except DataError as error:
            raise DataError(
                f"{file.path} {error}: it is not the file that the card "
                f"of {card.name} describes."
            ) from None
    y = np.array([label for _, label in rows], dtype=np.int64)
    counts = tuple(np.bincount(y, minlength=card.classes).tolist())
    if counts != card.class_counts:
        raise DataError(
            f"{card.title} gives {counts} instances per class, not "
            f"{card.class_counts} as its card says: correct "
            f"data/cards/{card.name}.toml or its files."
        )
    return np.array([features for features, _ in rows], dtype=np.float64), y
