"""What the two CIFAR pages share: tables, live runs, images in both parts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown
from torch.optim.lr_scheduler import OneCycleLR

from arcbook import datasets, experiments, live_images, papers
from arcbook.analysis import measured, tables
from arcbook.book import page

KINDS = "○", "●"
METRICS = {"accuracy": "top-1", "top5": "top-5"}
SAYS = {
    "benchmark": "{}",
    "epochs": "{} epochs",
    "share": "{:.0%} of the images",
    "metric": "{}",
}


def printed_and_measured(id: str, profile: str = "full") -> list:
    """A printed table, beside what was measured, and where that is from.

    Args:
        id: of an experiment that is a printed table.
        profile: whose records fill the measured lines.

    Returns:
        What a cell displays: the table, in the unit of the paper, and a
        sentence on its records.
    """
    paper, name = id.split(".")
    unit = "Error" if "wrong" in papers.facts(paper, name)["unit"] else ""
    cells = measured.beside(paper, name, profile)
    caption = (
        f"{unit or 'Accuracy'} in percent, [{paper}, "
        f"{experiments.get(id).paper.split(', ')[1]}]: ○ printed, ● measured "
        f"({profile} profile), ± standard deviation over seeds."
    )
    records = experiments.records(id, profile)
    return [
        page.table(grid(cells), caption, index=True),
        Markdown(tables.provenance(id, profile, records)),
    ]


def grid(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells of `measured.beside` as text: two lines a method.

    Methods that the paper only cites have no measured line.
    """
    place = "epochs" if "epochs" in cells else "benchmark"
    lines = {}
    for cell in cells.to_dict("records"):
        printed, found = (
            lines.setdefault((cell["method"], kind), {}) for kind in KINDS
        )
        where = cell[place] + (" epochs" if place == "epochs" else "")
        printed[where] = _printed(cell)
        found[where] = measured.text(cell)
    ours = set(cells.loc[cells["expected"] > 0, "method"])
    kept = {
        (method, kind): line
        for (method, kind), line in lines.items()
        if method in ours or kind == KINDS[0]
    }
    names = [f"{method} {kind}" for method, kind in kept]
    return pd.DataFrame(kept.values(), index=names)


def _printed(cell):
    if math.isnan(cell["published"]):
        return "–"
    text = f"{cell['published']:.2f}"
    if math.isnan(cell["published_std"]):
        return text
    return f"{text} ± {cell['published_std']:.2f}"


def quick(id: str) -> list:
    """The quick profile of an experiment, apart from what was printed.

    Returns:
        What a cell displays: a label, a table and a sentence on the
        records; the label alone where there are none.
    """
    records = experiments.records(id, "quick")
    where = tables.provenance(id, "quick", records)
    if not records:
        return [Markdown(where)]
    caption = f"{label(records)} Accuracy in percent with its 95% interval."
    return [
        page.table(quick_table(id, records), caption, index=True),
        Markdown(where),
    ]


def label(records: Sequence[Mapping]) -> str:
    """What quick runs are, and are not."""
    images, epochs, tested = (
        sorted({one[key] for one in records if key in one})
        for key in ("train_images", "epochs", "test_images")
    )
    network = "".join(sorted({one["network"] for one in records}))
    return (
        f"Quick profile: {_some(images)} images, {_some(epochs)} "
        f"epoch{'' if epochs == [1] else 's'}, the small network {network}, "
        f"{_some(tested)} test images. It enters no comparison with the "
        "paper."
    )


def _some(numbers):
    return " or ".join(f"{x:,}" for x in numbers) or "no"


def quick_table(id: str, records: Sequence[Mapping]) -> pd.DataFrame:
    """Accuracies of quick runs as text: losses down, what varies across."""
    cells = by_place(measured.frame(id, "quick", records))
    cells["text"] = [
        measured.text(one | {"measured_std": math.nan}, 1) + _interval(one)
        for one in cells.to_dict("records")
    ]
    order = list(dict.fromkeys(cells["column"]))
    places = list(dict.fromkeys(cells["place"]))
    wide = cells.pivot(index="column", columns="place", values="text")
    return wide.loc[order, places].rename_axis(index=None, columns=None)


def _interval(cell):
    if math.isnan(cell["low"]):
        return ""
    return f" ({cell['low']:.1f} to {cell['high']:.1f})"


def by_place(runs: pd.DataFrame) -> pd.DataFrame:
    """Cells of runs by column and by what else varies.

    Args:
        runs: from `measured.frame`: of several benchmarks, numbers of
            epochs or shares, or, if CIFAR-100's, top-1 and top-5.

    Returns:
        column, place (in words), value; and of `measured.cells`: measured,
        measured_std, low, high, runs, expected, diverged, stale.
    """
    varies = [
        key
        for key in ("benchmark", "epochs", "share")
        if runs[key].nunique() > 1
    ]
    parts = []
    for metric in METRICS if not varies else ["accuracy"]:
        by = varies[:1] or ["benchmark"]
        found = measured.cells(runs, [*by, "column"], metric)
        found["value"] = found[by[0]] if varies else METRICS[metric]
        says = SAYS[by[0] if varies else "metric"].format
        found["place"] = found["value"].map(says)
        parts.append(found)
    cells = pd.concat(parts, ignore_index=True)
    return cells.rename(
        columns={"measured": "runs", "mean": "measured", "std": "measured_std"}
    )


def trained(
    id: str, columns: Sequence[str], **values: Sequence
) -> live_images.Live:
    """Train quick runs for all combinations of some values.

    A hyperparameter that a column does not have is left out, and its run
    trained once.

    Args:
        id: of an experiment.
        columns: what the paper calls the losses.
        **values: of a run's fields or hyperparameters, several of each.
    """
    records = []
    for column in columns:
        (has, *_) = experiments.runs(id, "quick", {"column": [column]})
        known = {
            key: some
            for key, some in values.items()
            if key in has or key in has["hyperparameters"]
        }
        for chosen in product(*known.values()):
            changes = dict(zip(known, chosen, strict=True))
            one = live_images.quick(id, [column], **changes)
            if one.problem:
                return one
            records += one.records
    return live_images.Live(records)


def absent(live: live_images.Live) -> Markdown:
    """A box that says why nothing was trained here."""
    return Markdown(
        f":::{{admonition}} Not trained here\n:class: note\n\n"
        f"{live.problem}\n:::"
    )


def courses(id: str, columns: Sequence[str]) -> tuple[list[dict], str]:
    """Runs whose accuracy over the epochs can be drawn.

    Returns:
        The records of the full profile; if there are none, those of the
        quick one. And which: "full" or "quick".
    """
    for profile in experiments.PROFILES[::-1]:
        found = [
            one
            for one in experiments.records(id, profile)
            if one["column"] in columns and one["curves"].get("epoch")
        ]
        if found:
            return found, profile
    return [], "full"


def schedule(epochs: int, steps: int, rate: float = 1.0) -> np.ndarray:
    """The rate that PyTorch's one-cycle policy gives each step.

    Args:
        epochs: that the cycle is planned for.
        steps: of an epoch.
        rate: the largest.
    """
    weight = torch.nn.Parameter(torch.zeros(()))
    adam = torch.optim.Adam([weight])
    cycle = OneCycleLR(adam, rate, total_steps=epochs * steps)
    found = []
    for _ in range(epochs * steps):
        found.append(cycle.get_last_lr()[0])
        adam.step()
        cycle.step()
    return np.array(found)


def steps() -> pd.DataFrame:
    """How many steps a share of the images leaves. [arcgrad, Fig. 3]

    Returns:
        share, images, steps of the run; "epochs of all": how many epochs of
        the whole set take as many steps.
    """
    rows, grid = [], experiments.runs("arcgrad.fig3", "full")
    run = grid[0]
    size, images = run["batch_size"], datasets.card(run["dataset"]).train
    for share in dict.fromkeys(run["share"] for run in grid):
        kept = round(share * images)
        number = run["epochs"] * (kept // size)
        rows.append((share, kept, number, number / (images // size)))
    columns = ["share", "images", "steps", "epochs of all"]
    return pd.DataFrame(rows, columns=columns)


def in_both_parts(name: str = "cifar100") -> pd.DataFrame | None:
    """Test images that stand in the training part too, pixel by pixel.

    Returns:
        A row a test image: its class, and the class of the same image in
        training; None if the data are not on this machine.
    """
    if live_images.missing(name):
        return None
    images = datasets.load(name, sample=False)
    labels = {
        pixels.tobytes(): label
        for pixels, label in zip(
            images.train_images, images.train_labels, strict=True
        )
    }
    rows = [
        (images.class_names[label], images.class_names[labels[key]])
        for key, label in zip(
            (x.tobytes() for x in images.test_images),
            images.test_labels,
            strict=True,
        )
        if key in labels
    ]
    return pd.DataFrame(rows, columns=["in the test", "in training"])


def on_the_card(name: str = "cifar100") -> int:
    """How many such images the card of the data set tells of."""
    said = re.search(
        r"(\d+) distinct images stand, pixel by pixel, in both",
        datasets.card(name).notes,
    )
    return int(said.group(1))
