"""What the candidates of the UCI protocol came to on validation rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from arcbook.analysis import tables
from arcbook.experiments import uci


def validation(records) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the candidates of the protocol came to on validation rows.

    Args:
        records: of `arcgrad.protocol`.

    Returns:
        width, epochs, lr and mean "accuracy" over the data sets for which
        every candidate is measured ("sets", their number); and the same
        for each method, one column a method.
    """
    names = list(uci.CANDIDATES)
    rows = _rows(records)
    means = rows.drop(columns="dataset").groupby(names).mean()
    scores = means[["accuracy"]].assign(sets=rows["dataset"].nunique())
    return scores.reset_index(), means[list(uci.COLUMNS)]


def likeness(records, candidate: str, baseline: str) -> pd.DataFrame:
    """How like the published table each candidate of the protocol is.

    Args:
        records: of `arcgrad.protocol`.
        candidate, baseline: methods.

    Returns:
        A row for each width, epochs and lr: "accuracy" of the baseline on
        validation rows and "gap", candidate − baseline, means over the data
        sets for which every candidate is measured; "distance", the root
        mean square of what is measured less what is published, over their
        cells without AdaCos. All in percentage points.
    """
    names, columns = list(uci.CANDIDATES), list(uci.COLUMNS)
    rows = _rows(records).set_index([*names, "dataset"])
    published = tables.wide(tables.beside("arcgrad", "table1", records=[]))
    sets = rows.index.get_level_values("dataset")
    off = rows[columns] - published.loc[sets, columns].to_numpy()
    off = off.drop(columns="AdaCos")
    found = pd.DataFrame(
        {
            "accuracy": rows[baseline],
            "gap": rows[candidate] - rows[baseline],
            "distance": (off**2).mean(axis=1),
        }
    )
    means = found.groupby(names).mean()
    return means.assign(distance=np.sqrt(means["distance"])).reset_index()


def complete_sets(records) -> list[str]:
    """The data sets for which every candidate of the protocol is measured.

    Args:
        records: of `arcgrad.protocol`.
    """
    return list(_rows(records)["dataset"].unique())


def _rows(records):
    """One row a record, of data sets with a record for every candidate."""
    names = list(uci.CANDIDATES)
    rows = pd.DataFrame(
        [
            {name: one[name] for name in (*names, "dataset")}
            | one["metrics"]["by_column"]
            | {"accuracy": one["metrics"]["accuracy"]}
            for one in records
        ],
        columns=[*names, "dataset", "accuracy", *uci.COLUMNS],
    )
    count = np.prod([len(values) for values in uci.CANDIDATES.values()])
    return rows.groupby("dataset").filter(lambda part: len(part) == count)
