"""The `arcbook` command: a thin layer over the library."""

import ast
import json
import math
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from arcbook import paths

app = typer.Typer(
    help="Angular-margin softmax losses: the book's experiments and pages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")
results_app = typer.Typer(help="Run records.", no_args_is_help=True)
app.add_typer(results_app, name="results")
console = Console()

BAD_USAGE, FAILURE = 2, 1
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def run(
    experiment: Annotated[
        str, typer.Argument(help="An experiment's id, or `all`.")
    ],
    profile: Annotated[
        Literal["quick", "reduced", "full"],
        typer.Option(
            help="quick: minutes. reduced: hours on two cores. full: the "
            "paper's protocol."
        ),
    ] = "quick",
    jobs: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 1,
    time_budget: Annotated[
        float,
        typer.Option(
            help="Begin no run, and no epoch of an image run, after so many "
            "seconds.",
            show_default=False,
        ),
    ] = math.inf,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE,...",
            help="A part of the grid, such as epochs=10,20; repeatable.",
        ),
    ] = None,
    backend: Annotated[
        Literal["loky", "dask", "ray"],
        typer.Option(help="What the runs are handed to."),
    ] = "loky",
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A dask scheduler or ray cluster that is up; its workers, "
            "not --jobs, say how many runs there are at a time.",
        ),
    ] = None,
):
    """Measure what an experiment still lacks; measured runs are kept."""
    from arcbook import experiments

    ids = experiments.available() if experiment == "all" else [experiment]
    steps = experiments.agenda(ids, profile)
    if only:
        steps = [(one, _fields(only)) for one in ids]
    stop = time.monotonic() + time_budget
    for one, part in steps:
        left = stop - time.monotonic()
        if left <= 0:
            break
        measured = experiments.run(
            one,
            profile=profile,
            jobs=jobs,
            time_budget=left,
            only=part or None,
            backend=backend,
            scheduler=scheduler,
        )
        print(f"{one}: {measured} runs measured now")


@app.command()
def status(as_json: Json = False):
    """Say which experiments are measured, and which runs are stale."""
    from arcbook import experiments

    report = experiments.status()
    if as_json:
        print(json.dumps(report, indent=2))
        return
    heads = ("expected", "measured", "stale", "not checked here")
    table = Table("experiment", "profile", *heads)
    for experiment in report["experiments"]:
        for profile, runs in experiment["runs"].items():
            if runs["expected"]:
                counts = map(str, runs.values())
                table.add_row(experiment["id"], profile, *counts)
    console.print(table)
    for line in report["problems"]:
        print(line)


@app.command()
def audit(as_json: Json = False):
    """Judge every printed equation, table and claim."""
    from arcbook import audit

    ledger = audit.items()
    if as_json:
        found = [audit.as_dictionary(item) for item in ledger]
        print(json.dumps({"items": found}, indent=2, ensure_ascii=False))
        return
    table = Table("paper", "item", "kind", "verdict")
    for item in ledger:
        table.add_row(item.paper, item.item, item.kind, item.verdict)
    console.print(table)


@results_app.command("merge")
def merge_results(
    file: Annotated[Path, typer.Argument(help="A .tar.gz or .zip.")],
):
    """Take in records that another machine has measured."""
    from arcbook import experiments

    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    merged = experiments.merge(file)
    found = merged._asdict().items()
    print(", ".join(f"{len(names)} {what}" for what, names in found))
    for name, reason in merged.refused.items():
        print(f"refused {name}: {reason}")
    raise typer.Exit(FAILURE if merged.refused else 0)


@results_app.command("check")
def check_results():
    """Name records that contradict themselves, their name or the manifest."""
    from arcbook.experiments import checks

    wrong = checks.problems()
    for name, why in wrong.items():
        print(f"{name}: {why}")
    raise typer.Exit(FAILURE if wrong else 0)


@results_app.command("pack")
def pack_results(
    target: Annotated[Path, typer.Argument(help="Such as records.tar.gz.")],
    experiments: Annotated[
        list[str] | None, typer.Argument(help="Their ids; default: all.")
    ] = None,
):
    """Put records into archives of at most 16 MiB, for `merge` elsewhere."""
    from arcbook import results

    for archive in results.pack(target, experiments):
        print(archive)


@app.command("losses")
def describe_losses(
    name: Annotated[
        str | None, typer.Argument(help="A loss; all are listed without.")
    ] = None,
):
    """List the losses, or describe one."""
    from arcbook import losses

    names = "\n".join(losses.available())
    print(names if name is None else losses.describe(name))


@data_app.command("list")
def list_data():
    """List the data sets and where each would be read from."""
    from arcbook import datasets

    table = Table("name", "title", "read from")
    for name in datasets.available():
        place = datasets.locate(name)
        table.add_row(name, datasets.card(name).title, place.source)
    console.print(table)


@data_app.command("fetch")
def fetch_data(names: Annotated[list[str], typer.Argument()]):
    """Download data sets from their official sites."""
    from arcbook import datasets

    for name in names:
        for path in datasets.fetch(name):
            print(f"{name}: {path}")


@data_app.command("verify")
def verify_data(names: Annotated[list[str] | None, typer.Argument()] = None):
    """Compare files with the checksums on their cards (default: all)."""
    from arcbook import datasets

    damaged = False
    for name in names or datasets.available():
        files = datasets.verify(name)
        there = {file.place for file in files if file.status != "missing"}
        for file in files:
            print(f"{name}: {file.path} {file.status} ({file.detail})")
            absent = file.status == "missing" and file.place not in there
            damaged |= file.status != "ok" and not absent
    raise typer.Exit(FAILURE if damaged else 0)


@app.command()
def course(
    build: Annotated[
        Literal["students", "instructors"],
        typer.Argument(help="Worksheets; or solutions, guide and slides."),
    ],
    seed: Annotated[int, typer.Option(help="Of the given numbers.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", help="Default: in _build.")
    ] = None,
):
    """Make the course's worksheets; those of before are deleted."""
    from arcbook.course import builds

    target = output or paths.CACHE / build
    written = getattr(builds, build)(target, seed)
    print(f"{target}: {len(written)} files")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def notebook(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Such as 06_uci.")],
    output: Annotated[
        Path | None, typer.Option("-o", help="Default: NAME.out.ipynb here.")
    ] = None,
):
    """Run a page with other parameters, each given as -p KEY VALUE.

    As papermill does, but an unknown parameter, a wrong type or a value out
    of range is refused before anything runs.
    """
    from arcbook.book import parameters

    output = output or Path(f"{name}.out.ipynb")
    parameters.run(name, output, **_pairs(context.args))
    print(output)


def _fields(pairs):
    """Values from FIELD=VALUE,VALUE options."""
    fields = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        if not equals:
            raise ValueError(f"expected FIELD=VALUE, got {pair}")
        fields[name] = [_literal(value) for value in values.split(",")]
    return fields


def _pairs(arguments):
    """Values from `-p KEY VALUE -p KEY VALUE ...`."""
    flags, keys, values = (arguments[start::3] for start in range(3))
    if len(arguments) % 3 or set(flags) - {"-p"}:
        raise ValueError(
            f"expected -p KEY VALUE, got {' '.join(arguments)}: give the "
            "notebook's name first, then its parameters"
        )
    return dict(zip(keys, map(_literal, values), strict=True))


def _literal(text):
    """The Python literal that `text` is (0.5, [1, 2]), otherwise the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def main(arguments=None):
    """Run the command with such arguments, by default the command line's.

    Raises SystemExit: always; 2 for bad usage, 1 for a failure. Errors are
    one sentence, without a traceback.
    """
    try:
        sys.exit(app(arguments))
    except FileNotFoundError:
        if paths.DATA.is_dir():
            raise
        print(
            f"arcbook: this needs the book's files, and {paths.ROOT} has "
            "none: run it in a checkout, or set ARCBOOK_HOME to one",
            file=sys.stderr,
        )
        sys.exit(FAILURE)
    except (ValueError, RuntimeError) as error:
        print(f"arcbook: {error}", file=sys.stderr)
        sys.exit(BAD_USAGE if isinstance(error, ValueError) else FAILURE)
