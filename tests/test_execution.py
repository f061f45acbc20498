"""A page is made again exactly when something it was made from changed."""

import json
import shutil
import subprocess
import sys
from contextlib import nullcontext

import pytest
from bs4 import BeautifulSoup

from arcbook.book import execution
from arcbook.paths import ROOT

READS_RECORDS = """
import json

from arcbook import paths, shared

for path in sorted((paths.RESULTS / "one").glob("*.json")):
    print(json.loads(path.read_text()))
"""
LOOKS_FOR_A_FILE = """
from arcbook import paths, shared, special

path = paths.DATA / "two.txt"
print(path.read_text() if path.exists() else "not measured yet")
"""
PAGES = ["file", "records"]


def stale(root):
    return {name for name in PAGES if not execution.is_fresh(name, root=root)}


@pytest.fixture(scope="module", autouse=True)
def no_settings():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ARCBOOK_RESULTS", raising=False)
        yield


@pytest.fixture(scope="module")
def made(write, tmp_path_factory):
    """A small project of two pages, both executed."""
    root = tmp_path_factory.mktemp("made")
    for name in ("__init__", "paths", "book/__init__", "book/trace"):
        own = f"lib/arcbook/{name}.py"
        (root / own).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / own, root / own)
    for name in ("shared", "special", "unused"):
        (root / f"lib/arcbook/{name}.py").write_text("")
    (root / "requirements.lock").write_text("numpy==2.0\n")
    for experiment in ("one", "other"):
        folder = root / "data/results" / experiment
        folder.mkdir(parents=True)
        (folder / "a.json").write_text("{}")
    (root / "notebooks").mkdir()
    write(root / "notebooks/records.ipynb", "# A page", READS_RECORDS)
    write(root / "notebooks/file.ipynb", "# A page", LOOKS_FOR_A_FILE)
    for expected in (PAGES, []):
        said = []
        execution.execute_all(PAGES, root=root, report=said.append)
        assert sorted(line.split()[1] for line in said) == expected
    return root


@pytest.fixture
def project(made, tmp_path):
    return shutil.copytree(made, tmp_path / "project")


def test_dependencies_are_what_was_read(made):
    record = execution.executed_path("records", root=made)
    needs = json.loads(record.with_suffix(".json").read_text())["needs"]
    read = "data/results/one", "data/results/one/a.json"
    assert needs.keys() >= {*read, "lib/arcbook/shared.py"}
    assert "lib/arcbook/special.py" not in needs
    assert not any("other" in need for need in needs)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("data/results/one/a.json", {"records"}),
        ("data/results/one/new.json", {"records"}),
        ("data/results/other/a.json", set()),
        ("data/results/other/new.json", set()),
        ("data/two.txt", {"file"}),
        ("lib/arcbook/shared.py", {"records", "file"}),
        ("lib/arcbook/special.py", {"file"}),
        ("lib/arcbook/unused.py", set()),
        ("lib/arcbook/new.py", set()),
        ("notebooks/file.ipynb", {"file"}),
        ("requirements.lock", {"records", "file"}),
        ("README.md", set()),
    ],
)
def test_a_change_makes_what_depends_on_it_stale(project, changed, expected):
    with (project / changed).open("a") as file:
        file.write("\n")
    assert stale(project) == expected


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ("data/results/one/a.json", {"records"}),
        ("_build/executed/file.ipynb", {"file"}),
    ],
)
def test_what_went_makes_its_pages_stale(project, lost, expected):
    (project / lost).unlink()
    assert stale(project) == expected


def test_a_setting_makes_pages_stale(project, monkeypatch):
    monkeypatch.setenv("ARCBOOK_DATA", str(project))
    assert stale(project) == {"records", "file"}


@pytest.fixture
def site(project):
    """The small project as a book, and what builds it."""
    (project / "conf.py").write_text(
        'extensions = ["myst_nb", "arcbook.book.sphinx_pages"]\n'
        'nb_execution_mode = "off"\n'
        'myst_enable_extensions = ["dollarmath"]\n'
        'exclude_patterns = ["_build", "html", "jupyter*"]\n'
    )
    (project / "index.md").write_text(
        "# Book\n\n```{toctree}\n:glob:\nnotebooks/*\n```\n"
    )
    html = project / "html"

    def build():
        command = [sys.executable, "-m", "sphinx", "-q", project, html]
        run = subprocess.run(command, capture_output=True, text=True)
        return run.returncode, run.stderr

    return html / "notebooks", build


def test_the_published_page_follows_its_data(project, site):
    pages, build = site
    assert build() == (0, "")
    records = (pages / "records.html").stat().st_mtime_ns
    assert "not measured yet" in (pages / "file.html").read_text()
    (project / "data/two.txt").write_text("measured now")
    assert build()[0] == 0
    assert "measured now" in (pages / "file.html").read_text()
    assert (pages / "records.html").stat().st_mtime_ns == records


def test_items_of_papers_are_linked(write, project, site):
    pages, build = site
    html = '<b title="[arcgrad, Eq. 4]">[iam, Eq. 3 and 4]</b>'
    shows = f"from IPython.display import HTML\nHTML('{html}')"
    write(project / "notebooks/errata.ipynb", "# A page", shows)

    def links(page, selected):
        soup = BeautifulSoup(page.read_text(), "html.parser")
        return soup.select(selected)

    cited = "[arcgrad,\nEq. 4] `[arcgrad, Eq. 4]` [arcgrad, Eq. 99]"
    with (project / "index.md").open("a") as page:
        page.write(f"\n{cited} $[arcgrad, Eq. 4]$\n")
    assert build() == (0, "")
    [link] = links(pages.parent / "index.html", '[href*="#arcgrad"]')
    assert link["href"] == "notebooks/errata.html#arcgrad-eq--4"
    [link] = links(pages / "errata.html", '.output [href*="#"]')
    assert link.get_text() == "[iam, Eq. 3 and 4]"
    assert link.parent["title"] == "[arcgrad, Eq. 4]"


def test_the_page_of_a_notebook_that_went_is_withdrawn(project, site):
    pages, build = site
    assert build() == (0, "")
    (project / "notebooks" / "file.ipynb").unlink()
    assert build()[0] == 0
    assert not (pages / "file.html").exists()
    assert (pages / "records.html").exists()


def test_a_failing_cell_fails_the_build_and_nothing_is_kept(
    write, project, site
):
    _, build = site
    write(project / "notebooks/fails.ipynb", "# A page", "1 / 0")
    code, error = build()
    assert code != 0
    assert "ZeroDivisionError" in error
    assert not execution.executed_path("fails", root=project).exists()
    assert not execution.is_fresh("fails", root=project)


def test_a_warning_is_given_again_by_the_next_build(project, site):
    _, build = site
    with (project / "index.md").open("a") as page:
        page.write("{doc}`no-such-page`\n")
    assert "no-such-page" in build()[1]
    assert "no-such-page" in build()[1]


@pytest.mark.parametrize(("deaths", "works"), [(2, True), (3, False)])
def test_a_kernel_that_never_started_is_started_again(
    write, tmp_path, monkeypatch, deaths, works
):
    calls = []

    def run(command, **given):
        calls.append(command)
        dead = len(calls) <= deaths
        error = f"RuntimeError: {execution.NOT_STARTED}" if dead else ""
        return subprocess.CompletedProcess(command, int(dead), "", error)

    monkeypatch.setattr(execution.subprocess, "run", run)
    source = write(tmp_path / "a.ipynb", "1")
    failure = pytest.raises(execution.NotebookError, match="a failed")
    with nullcontext() if works else failure:
        execution.papermill(source, tmp_path / "b.ipynb")
    assert len(calls) == 3
