"""What is measured, what is not, and how long that would take."""

from __future__ import annotations

import math
import statistics

import pandas as pd

from arcbook import audit, datasets, experiments, papers, stats
from arcbook.audit import PAPERS, rule, verdicts

HOUR, DAY = 3600, 24 * 3600
# 1.16e9 multiplications an image in ResNet-34, 0.56e9 in ResNet-18.
RESNET34 = 0.56 / 1.16


def overview(counted: list[dict]) -> pd.DataFrame:
    """How much of every experiment is measured, in every profile.

    Gives a row an experiment: "in print", "what", and a column a profile with
    the measured runs of those expected; what of them is stale or cannot be
    checked here is said behind.
    """
    rows = []
    for one in counted:
        entry = experiments.get(one["id"])
        place = entry.paper if "[" in entry.paper else f"[{entry.paper}]"
        row = {"in print": place, "what": entry.title}
        for profile, runs in one["runs"].items():
            row[f"{profile} profile"] = _counts(runs)
        rows.append(row)
    return pd.DataFrame(rows)


def missing(counted: list[dict]) -> pd.DataFrame:
    """What is not measured in the full profile, and why.

    Gives a row an experiment: "experiment", "runs" that are missing, "one" and
    "all" of them in seconds on the processor that measured the rest (NaN where
    that says nothing), "why".
    """
    speeds, rows = rates(), []
    for one in counted:
        id, counts = one["id"], one["runs"]["full"]
        if not (number := counts["expected"] - counts["measured"]):
            continue
        runs = experiments.runs(id, "full")
        homes = [experiments.get(id).home(run) for run in runs]
        seconds, why = math.nan, "times a GPU, so it needs one"
        if all(homes):
            names = [f"<code>{home}</code>" for home in dict.fromkeys(homes)]
            why = f"comes with {' and '.join(names)}"
        elif not any(run.get("device_type") == "cuda" for run in runs):
            seconds = statistics.mean(_seconds(run, speeds) for run in runs)
            slow = seconds * number > 2 * DAY
            why = "a processor is too slow: it needs a GPU"
            why = why if slow else "needs time, but no GPU"
            if math.isnan(seconds):
                why = "no record of its network says how long it takes"
        rows.append((f"<code>{id}</code>", number, seconds, why))
    table = pd.DataFrame(rows, columns=["experiment", "runs", "one", "why"])
    table.insert(3, "all", table["one"] * table["runs"])
    return table


def power(points: float = 1.0, degrees: float = 2.0) -> pd.DataFrame:
    """What reduced runs can show of each claim, known before they are run.

    Gives a row a claim that they judge: its least difference in print, less
    what it has to exceed, the seeds, and the least true difference that these
    find four times of five, if that of two losses varies between seeds by so
    many `points` of accuracy or `degrees`.
    """
    rows = []
    pairs = [(x, y) for x in PAPERS for y in papers.names(x, "claims")]
    for paper, name in pairs:
        claim = papers.claim(paper, name)
        judged = claim.get("reduced", claim).get("says")
        id = claim.get("experiment", "faces")
        grid = experiments.runs(id, "reduced") if id != "faces" else []
        if not judged or not grid:
            continue
        gaps = rule.judge(paper, claim["says"], rule.PRINT).gaps
        known = [abs(gap.mean) for gap in gaps.values() if gap]
        homes = {experiments.home(id, run).id for run in grid}
        grids = [experiments.runs(home, "reduced") for home in homes]
        seeds = min(len({run["seed"] for run in one}) for one in grids)
        std = degrees if "degrees" in str(gaps) else points
        least = min(known, default=math.nan)
        found = stats.detectable(std, seeds, paired=True)
        rows.append((f"{paper}, {name}", least, seeds, found))
    heads = ["claim", "least difference in print", "seeds", "found"]
    return pd.DataFrame(rows, columns=heads)


def open_claims() -> pd.DataFrame:
    """The claims that nothing speaks of: "claim", "sentence", "why"."""
    rows = [
        (f"{item.paper}, {item.item}", item.printed, item.why)
        for item in audit.items()
        if item.verdict == verdicts.UNMEASURED
    ]
    return pd.DataFrame(rows, columns=["claim", "sentence", "why"])


def rates() -> dict[str, float]:
    """Training images a second of every network that was timed here.

    The median over the records of an experiment, in full where there is one,
    slim networks left out;
    ResNet-18 from the seconds of a step, ResNet-34 by its multiplications
    from that.
    """
    found = {}
    for profile in reversed(experiments.PROFILES):
        for id in experiments.available():
            networks = {
                run.get("network") for run in experiments.runs(id, profile)
            }
            if networks <= {None, *found}:
                continue
            for record in experiments.records(id, profile):
                if "width" in record:
                    continue
                speed = record.get("images_per_second")
                if record.get("device_type") == "cpu":
                    step = record["metrics"]["seconds"]["Soft"]
                    speed = record["batch_size"] / step
                if speed:
                    found.setdefault(record["network"], []).append(speed)
    speeds = {key: statistics.median(value) for key, value in found.items()}
    if "resnet18" in speeds:
        speeds.setdefault("resnet34", RESNET34 * speeds["resnet18"])
    return speeds


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would choose."""
    if pd.isna(seconds):
        return "–"
    for unit, length in (("days", DAY), ("hours", HOUR)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 60:.0f} minutes"


def _seconds(run, speeds):
    if "network" not in run or not run.get("epochs"):
        return math.nan
    there = datasets.card(run["dataset"]).train
    images = run.get("images", run["share"] * there)
    images *= run.get("trials", 0) + run.get("seeds", 1)  # of a search
    return run["epochs"] * images / speeds.get(run["network"], math.nan)


def _counts(runs):
    if not runs["expected"]:
        return "–"
    text = f"{runs['measured']} of {runs['expected']}"
    extra = [
        f"{number} {'not checked here' if word == 'unchecked' else word}"
        for word, number in runs.items()
        if word not in ("expected", "measured") and number
    ]
    return f"{text} ({', '.join(extra)})" if extra else text
