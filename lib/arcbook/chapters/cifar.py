"""What the pages on images share: two papers' tables, leads, live runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from itertools import product

import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib import pyplot as plt

from arcbook import cells, experiments, live_images, packing, plot, stats
from arcbook.book import page
from arcbook.experiments.grids import ANGULAR_METHODS, METHODS

SIX, FOUR = tuple(METHODS), tuple(ANGULAR_METHODS)
SEEDS = 5
OURS = {"arcgrad": "ArcGrad", "angular-learning": "Arc"}
TITLES = {"arcgrad": "ArcGrad", "angular-learning": "Angular Learning"}
TABLES = {
    "epochs": {"arcgrad": "table7", "angular-learning": "table4"},
    "CIFAR-10": {"arcgrad": "table4", "angular-learning": "table6"},
    "CIFAR-100": {"arcgrad": "table5", "angular-learning": "table7"},
}
LEFT = ("CIFAR10+", "Top-1", "Top1")  # of two panels
SIGNS = {"learning_rate": "η"}
ENDS = {"low": "reduced_low", "high": "reduced_high"}
BARS = {"full": "95% interval", "reduced": "95% interval over seeds"}
SMALLER = '<a href="../book/reduced.html">Reduced profile</a>'


def tables(kind: str, paper: str | None = None) -> pd.DataFrame:
    """`cells.beside` of two papers' tables, or one's: losses of the book."""
    chosen = [x for x in TABLES[kind].items() if paper in (None, x[0])]
    both = pd.concat([cells.beside(*x) for x in chosen], ignore_index=True)
    return both[both["expected"] > 0]


def small(paper: str, item: str) -> pd.DataFrame:
    """`cells.beside` of the reduced profile, without what is printed.

    What is measured is under the names that `plot.dots` draws half filled.
    """
    rows = cells.beside(paper, item, "reduced")
    rows = rows[rows["expected"] > 0].rename(columns=ENDS)
    rows["reduced"] = rows.pop("measured")
    rows["method"] = rows["method"].replace(cells.COLUMNS)
    return rows[[name for name in rows if not name.startswith("printed")]]


def small_dots(paper: str, item: str, **options):
    """Publish `plot.dots` of `small`, or a box if there is nothing."""
    rows = small(paper, item)
    if rows["reduced"].isna().all():
        return absent(f"{paper}.{item}")
    return plot.show(plot.dots(rows, bars=BARS["reduced"], **options))


def confusion(records: Iterable[Mapping]) -> np.ndarray:
    """Counts of class by class, of all records that have them together."""
    return sum(
        packing.unpack(one["arrays"]["confusion"]).astype(int)
        for one in records
        if "confusion" in one["arrays"]
    )


def grouped(
    runs: pd.DataFrame, by: Sequence[str], metric: str = "accuracy"
) -> pd.DataFrame:
    """`cells.group` of reduced runs, under the names of `small`."""
    found = cells.group(runs, by, metric)
    return found.rename(columns=ENDS | {"mean": "reduced"})


def reduced_runs(id: str, profile: str = "reduced", **where) -> pd.DataFrame:
    """The measured rows of `cells.runs` with such values; none if none."""
    runs = cells.select(cells.runs(id, profile), **where)
    return runs[runs["measured"]]


def reduced(
    id: str, draw: Callable, profile: str = "reduced", box=True, **where
):
    """What `draw` makes of `reduced_runs`; if there are none, a box or None.

    A page that has said so once has no `box` the next time.
    """
    runs = reduced_runs(id, profile, **where)
    if len(runs):
        return draw(runs)
    return absent(id, profile=profile) if box else None


def sources(*ids: str, profile: str = "reduced") -> None:
    """Display `page.provenance` of those that have records."""
    for id in ids:
        if experiments.records(id, profile):
            display(page.provenance(id, profile))


def absent(*ids: str, profile: str = "reduced"):
    """A box in the place of what is not measured yet."""
    runs = "; ".join(f"`arcbook run {id} --profile {profile}`" for id in ids)
    return plot.absent(f"Not measured yet: {runs}.")


def paired(
    runs: pd.DataFrame, by: Sequence[str], metric: str = "accuracy"
) -> pd.DataFrame:
    """How far ArcGrad is ahead of each rival in reduced runs.

    Gives a row for each value of `by` and rival: the mean difference paired
    by seed in the unit of the metric and Student's interval, under the names
    of `small`, and p. What has no pair is left out.
    """
    rows = []
    for at, part in runs.groupby(list(by), sort=False):
        values = part.pivot(index="seed", columns="column", values=metric)
        ours = next((x for x in values if x in OURS.values()), None)
        for rival in dict.fromkeys(part["column"]) if ours else ():
            gaps = (values[ours] - values[rival]).dropna()
            if rival != ours and len(gaps):
                where = dict(zip(by, at, strict=True)) | {"rival": rival}
                rows.append(where | halved(stats.of_runs(gaps)))
    names = [*by, "rival", *halved(stats.Estimate(math.nan))]
    return pd.DataFrame(rows, columns=names)


def half_bars(method: str) -> dict:
    """`plot.half` for `plot.curves`, with bars in the place of bands."""
    return plot.half(method) | {"err_style": "bars"}


def halved(found: stats.Estimate) -> dict:
    """An estimate under the names of `small`."""
    keys = "reduced", "reduced_low", "reduced_high", "p"
    return dict(zip(keys, astuple(found), strict=True))


def ahead(kind: str, profile: str = "full") -> pd.DataFrame:
    """The lead of ArcGrad over each rival, at each place of two tables.

    In points: printed with Welch's 95% interval of two means of five runs (NaN
    where no ± is printed), measured with that of differences paired by seed.
    """
    rows = []
    for paper, item in TABLES[kind].items():
        found = {
            (cell["at"], cell["method"]): (cell, runs)
            for cell, runs in cells.pairs(paper, item, profile)
            if len(runs)
        }
        for (at, name), (rival, others) in found.items():
            if name != OURS[paper]:
                ours, own = found[at, OURS[paper]]
                rows.append(
                    {"paper": paper, "item": item, "at": at, "rival": name}
                    | _printed_lead(ours, rival)
                    | _measured_lead(own, others, ours["metric"])
                )
    return pd.DataFrame(rows)


def _printed_lead(ours, rival):
    a, b = ours["printed_std"] ** 2, rival["printed_std"] ** 2
    freedom = (SEEDS - 1) * (a + b) ** 2 / (a**2 + b**2)
    lead = ours["printed"] - rival["printed"]
    gap = stats.around(lead, math.sqrt((a + b) / SEEDS), freedom)
    return {"printed": lead, "printed_low": gap.low, "printed_high": gap.high}


def _measured_lead(ours, others, metric):
    found = stats.Estimate(math.nan)
    if metric in ours:
        first, second = (
            runs.set_index("seed")[metric].dropna() for runs in (ours, others)
        )
        gaps = (first - second).dropna()
        if len(gaps) == 1:
            images = int(ours["test_images"].max())
            found = stats.of_shares(first.iloc[0], second.iloc[0], images)
        else:
            found = stats.of_runs(gaps)
    return {"measured": found.mean, "low": found.low, "high": found.high}


def log_ticks(axes, ticks: Sequence[float]):
    """Name these places on a logarithmic x-axis, and no others."""
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def bands(kind: str) -> dict[str, float]:
    """For each place the lead that five seeds find four times in five.

    At the median ± that Angular Learning prints for it; ArcGrad prints none.
    """
    return {
        at: stats.detectable(part["printed_std"].median(), SEEDS)
        for at, part in tables(kind, "angular-learning").groupby("at")
    }


def leads(kind: str, profile: str = "full"):
    """How far ArcGrad is ahead, a panel for each table and place.

    The reduced profile has a picture of its own, without what is printed;
    None if nothing is measured.
    """
    rows, band = ahead(kind, profile), bands(kind)
    if profile == "reduced":
        rows = rows.rename(columns=ENDS | {"measured": "reduced"})
        rows["printed"] = math.nan
        if rows["reduced"].isna().all():
            return None
    parts = dict(list(rows.groupby(["paper", "at"])))
    sizes = len(SIX), len(FOUR)
    size = {"figsize": (8.5, 0.42 * sum(sizes) + 1.4)}
    size |= {"sharey": "row", "height_ratios": sizes}
    figure, grid = plt.subplots(2, 2, **size)
    order = sorted(parts, key=lambda x: (x[0] != "arcgrad", x[1] not in LEFT))
    for axes, (paper, at) in zip(grid.flat, order, strict=True):
        least = band[at.replace("-", "")]
        if profile == "full":
            axes.axvspan(-least, least, color=plot.BASELINE, alpha=0.18, lw=0)
        axes.axvline(0, color=plot.INK, lw=1)
        plot.row_dots(axes, parts[paper, at], "rival")
        axes.set_title(f"{at}, {TITLES[paper]}", fontsize=11)
    figure.supxlabel("ArcGrad ahead by, percentage points", fontsize=11.5)
    plot.legend(figure, *plot.kinds(rows), bars=BARS[profile])
    return plot.show(figure)


def printed_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `cells.beside` as text: as printed, and measured if they are."""
    texts = {}
    for cell in rows.to_dict("records"):
        line = texts.setdefault(cell["method"], {})
        where = cell["at"] + (" epochs" if cell["at"].isdigit() else "")
        line[where] = _text(cell, "printed", "printed_std")
        if cell["runs"]:
            line[f"{where}, measured"] = _text(cell, "measured", "std")
    return pd.DataFrame(texts).T.rename_axis("loss")


def _text(cell, mean, std):
    if cell["unit"] == "radian":
        return angle(cell[mean])
    spread = "" if math.isnan(cell[std]) else f" ± {cell[std]:.2f}"
    return f"{cell[mean]:.2f}{spread}"


def angle(radians: float) -> str:
    """An angle as tables have it, in radians and in degrees."""
    return f"{radians:.5g} ({math.degrees(radians):.1f}°)"


def best_records(
    id: str, columns: Sequence[str] = SIX, seed: int | None = 0
) -> list[dict]:
    """Records of one seed, or of all, whose curves can be drawn.

    Full ones before reduced ones before quick ones, but those of more losses
    and settings first.
    """
    found = [
        [
            one
            for one in experiments.records(id, profile)
            if one["column"] in columns
            and not one["metrics"]["diverged"]
            and seed in (None, one["seed"])
        ]
        for profile in ("full", "reduced", "quick")
    ]

    def variety(some):
        keys = "benchmark", "column", "hyperparameters"
        return len({str([one[key] for key in keys]) for one in some})

    return max(found, key=variety)


def label(records: Sequence[dict]) -> str:
    """What runs that are not of the full profile are; "" for full ones."""
    if not records or records[0].get("profile") == "full":
        return ""
    images, epochs, tested = (
        " or ".join(f"{x:,}" for x in sorted({one[key] for one in records}))
        for key in ("train_images", "epochs", "test_images")
    )
    network = "".join(sorted({one["network"] for one in records}))
    if records[0].get("profile") == "reduced":
        width = {one.get("width", 1.0) for one in records}
        slim = "".join(f" at {w:g} of its width" for w in width - {1.0})
        return (
            f"<b>◐ {SMALLER}</b>: {images} images, epochs: {epochs}, "
            f"{network}{slim}, {tested} test images. "
        )
    return (
        f"<b>Quick profile</b>: {images} images, epochs: {epochs}, the small "
        f"network {network}, {tested} test images. It enters no comparison "
        "with the paper. "
    )


def trained(id: str, columns: Sequence[str], **values: Sequence):
    """A `live_images.Live` of quick runs for all combinations of some values.

    A hyperparameter that a column does not have is left out, and its run
    trained once.
    """
    found = []
    for column in columns:
        (run, *_) = experiments.runs(id, "quick", {"column": [column]})
        has = run | run["hyperparameters"]
        known = {key: some for key, some in values.items() if key in has}
        for chosen in product(*known.values()):
            changes = dict(zip(known, chosen, strict=True))
            one = live_images.quick(id, [column], **changes)
            if one.problem:
                return one
            found += one.records
    return live_images.Live(found)


def against(live, *names: str, metric: str = "accuracy"):
    """Publish live runs, a row for each loss and value of some settings.

    Gives a box that says why where there are none.
    """
    if live.problem:
        return plot.absent(live.problem)
    runs = cells.of_records(live.records)
    return plot.show(live_dots(runs, names, metric))


def live_dots(runs: pd.DataFrame, names: Sequence[str], metric="accuracy"):
    """Live runs as dots with Wilson's intervals, a row a loss and setting."""
    names = [name for name in names if name in runs]
    shown = cells.group(runs, ["column", *names], metric)
    shown["run"] = [_called(one, names) for one in shown.to_dict("records")]
    losses = shown.set_index("run")["column"]
    images = int(runs["test_images"].max())
    return plot.dots(
        shown.rename(columns={"mean": "measured"}),
        rows="run",
        style=lambda run: plot.look(losses[run]),
        xlabel=f"{cells.TITLES[metric]} on {images:,} test images, %",
    )


def _called(one, names):
    has = (name for name in names if pd.notna(one[name]))
    values = (f"{SIGNS.get(name, name)} = {one[name]:g}" for name in has)
    return ", ".join([one["column"], *values])
