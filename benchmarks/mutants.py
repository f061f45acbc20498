"""Mutation testing: which small changes of the code does no test notice?

`make mutants` copies the tree to `_build/mutants`, with `lib` called `src` as
mutmut wants it, lets mutmut change the modules below one by one and run their
tests, and prints each module's score and the mutants that survived. It takes
about two hours; the figures of the last run stand in tests/mutants.md.

Usage:
    python benchmarks/mutants.py [MODULE ...]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "_build" / "mutants"
TESTS = {
    "formulas": ["test_formulas", "test_losses"],
    "geometry": ["test_geometry", "test_losses", "test_metrics"],
    "metrics": ["test_metrics"],
    "stats": ["test_stats", "test_ch06", "test_ch08", "test_cells"],
    "losses/regularisers": ["test_losses", "test_ensembles"],
    "losses/heads": ["test_losses", "test_heads", "test_streaming"],
    "losses/streaming": ["test_streaming"],
    "losses/tables": ["test_streaming", "test_losses"],
    "losses/peers": ["test_heads"],
    "losses/schedules": ["test_schedules"],
    "losses/export": ["test_export"],
    "losses/metric_learning": ["test_metric_learning"],
    "training": ["test_training", "test_canary"],
    "ensembles": ["test_ensembles"],
    "audit/rule": ["test_claims"],
    "audit/quantities": ["test_claims"],
}
ALSO = ("data", "notebooks", "book", "benchmarks", "_toc.yml", "_config.yml")


def prepare(module: str) -> None:
    """A fresh copy that mutates one module."""
    shutil.rmtree(COPY, ignore_errors=True)
    for name in (*ALSO, "tests"):
        place = ROOT / name
        copy = shutil.copytree if place.is_dir() else shutil.copy
        COPY.mkdir(parents=True, exist_ok=True)
        copy(place, COPY / name)
    shutil.copytree(ROOT / "lib", COPY / "src")
    tests = [f"tests/{name}.py" for name in TESTS[module]]
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/arcbook/{module}.py"],
        "pytest_add_cli_args_test_selection": tests,
        "pytest_add_cli_args": [
            *("-x", "-p", "no:cacheprovider", "-k", "not compiles"),
        ],
        "also_copy": [*ALSO, "pyproject.toml"],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    own = (ROOT / "pyproject.toml").read_text().replace('"lib"', '"src"')
    text = own + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n"
    (COPY / "pyproject.toml").write_text(text)


def run(module: str) -> tuple[Counter, list[str]]:
    """How often each result was seen, and the names of the survivors."""
    prepare(module)
    tool = [sys.executable, "-m", "mutmut"]
    with (COPY / "log.txt").open("w") as log:
        subprocess.run([*tool, "run"], cwd=COPY, stdout=log, stderr=log)
    listed = subprocess.run(
        [*tool, "results", "--all", "True"],
        cwd=COPY,
        capture_output=True,
        text=True,
    ).stdout
    pairs = [
        line.rsplit(": ", 1) for line in listed.splitlines() if ": " in line
    ]
    left = [name.strip() for name, word in pairs if word == "survived"]
    return Counter(word for _, word in pairs), left


def main(modules: list[str]) -> None:
    """Print scores and survivors of the modules; all where none is given."""
    for module in modules or TESTS:
        if module not in TESTS:
            sys.exit(f"{module}: it is one of {', '.join(TESTS)}")
        seen, left = run(module)
        killed = seen["killed"] + seen["timeout"]
        total = killed + seen["survived"] + seen["no tests"]
        score = f"{killed / total:.1%}" if total else "nothing to mutate"
        print(f"{module}: {score}, {dict(seen)}", flush=True)
        for name in left:
            print(f"  {name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
