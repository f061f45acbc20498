"""Whether the code still trains as it did: a few fixed-seed steps, in numbers.

A canary of a run is the same run made small: fixed synthetic data, a few
steps, through the very function that measures. Its numbers are committed in
data/results/canaries.jsonl. While they come out the same, records stay fresh,
however the code is moved or renamed; when they move, every record of a run
with this canary is stale. Many runs share one: seeds, epochs and shares of
data are not part of it, network, loss and hyperparameters are.

Canaries compute in float64, in which processors agree: under SSE4, AVX2 and
AVX-512 all six digits kept were seen to be the same. So numbers have to agree
to 1 in 100,000; the deliberate bugs of tests/test_canary.py move one by a
hundred times that.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import platform
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from arcbook import paths, results
from arcbook.ensembles import one_thread
from arcbook.experiments.registry import CONTENT, home

TOLERANCE = 1e-5
DIGITS = 6
RIGHT_OF_IT = ("audit", "book", "chapters", "plot.py")
RIGHT_OF_IT += ("cells.py", "cli.py", "papers.py", "stats.py")
LIBRARY = Path(__file__).resolve().parents[1]


def key(id: str, run: Mapping) -> str:
    """The name of a run's canary: readable, then a hash of the small run."""
    name, small = home(id, run).canary(run)
    return f"{name}-{results.short_digest(small)}"


def stamp(id: str, run: Mapping) -> str:
    """What a record of a run keeps: its canary's name and numbers, hashed.

    The canary is measured and committed where it is not yet, or has moved.
    """
    name = key(id, run)
    if name not in committed() or moved(id, run):
        every = dict(sorted({**committed(), name: numbers(id, run)}.items()))
        lines = [
            json.dumps({"canary": key, "numbers": value}) + "\n"
            for key, value in every.items()
        ]
        results.write_whole(_file(), "".join(lines))
    return f"{name}:{results.short_digest(committed()[name])}"


def why_stale(id: str, run: Mapping, stamped: str) -> str:
    """Why a record with such a stamp is stale by its canary; else ""."""
    name = key(id, run)
    if name not in committed():
        return f"its canary {name} has no committed numbers"
    expected = f"{name}:{results.short_digest(committed()[name])}"
    if stamped != expected:
        return f"its canary is {stamped}, that of the checkout {expected}"
    if why := moved(id, run):
        return f"the code trains otherwise: {name}, {why}"
    return ""


def moved(id: str, run: Mapping, expected: Mapping | None = None) -> str:
    """The number of a canary that is furthest off, in words; "" if none.

    Nor is one where the run can't be measured. `expected` are its numbers,
    by default the committed ones.
    """
    if home(id, run).unmeasurable(run):
        return ""
    expected, found = expected or committed()[key(id, run)], numbers(id, run)
    if found.keys() != expected.keys():
        other = sorted(found.keys() ^ expected.keys())
        return f"it has other numbers: {', '.join(other)}"
    far = max(found, key=lambda name: _apart(found[name], expected[name]))
    if _apart(found[far], expected[far]) <= TOLERANCE:
        return ""
    return f"{far} is {found[far]:g}, it was {expected[far]:g}"


def _apart(found, expected):
    """Difference over size, of numbers that are about 1 or larger."""
    if math.isnan(found) or math.isnan(expected):
        return 0.0 if math.isnan(found) == math.isnan(expected) else math.inf
    return abs(found - expected) / max(1.0, abs(expected))


def numbers(id: str, run: Mapping) -> dict[str, float]:
    """Measure a run's canary, unless this code has done so before."""
    owner = home(id, run)
    small = json.dumps(owner.canary(run)[1])
    return _numbers(owner.probe, key(id, run), small, paths.CACHE)


@functools.cache
def _numbers(probe, name, small, cache):
    file = cache / "canaries" / code() / f"{name}.numbers"
    with suppress(FileNotFoundError, json.JSONDecodeError):
        return json.loads(file.read_text())
    with one_thread(), _double():
        measured = probe(json.loads(small))
    found = {
        name: float(f"{value:.{DIGITS}g}") for name, value in measured.items()
    }
    results.write_whole(file, json.dumps(found))
    return found


@functools.cache
def code() -> str:
    """Hash of what a canary may depend on: sources, PyTorch, processor."""
    processor = platform.machine(), torch.backends.cpu.get_cpu_capability()
    told = f"{torch.__version__} {processor} {CONTENT['methods']}"
    total = hashlib.sha256(told.encode())
    for file in sorted(LIBRARY.rglob("*.py")):
        place = file.relative_to(LIBRARY)
        if place.parts[0] not in RIGHT_OF_IT:
            total.update(f"{place}".encode() + file.read_bytes())
    return total.hexdigest()[:16]


@contextmanager
def _double():
    """Make what is made in float64, so that processors agree."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def flat(outcome: Mapping) -> dict[str, float]:
    """The numbers of a measured run: metrics and curves, by name."""
    found = {}

    def add(name, value):
        if isinstance(value, Mapping):
            for inner, one in value.items():
                add(f"{name}.{inner}", one)
        elif isinstance(value, list | tuple):
            for place, one in enumerate(value):
                add(f"{name}.{place}", one)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)

    for part in ("metrics", "curves"):
        add(part, outcome[part])
    return found


def committed() -> dict[str, dict[str, float]]:
    """The numbers in data/results/canaries.jsonl, by canary."""
    file = _file()
    return _read(file, file.stat().st_mtime_ns) if file.exists() else {}


@functools.lru_cache(maxsize=2)
def _read(file, modified):
    pairs = map(json.loads, file.read_text().splitlines())
    return {one["canary"]: one["numbers"] for one in pairs}


def _file():
    return paths.RESULTS / "canaries.jsonl"
