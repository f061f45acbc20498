"""The built book: complete, whole, and read without a network."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
import torch
import yaml
from bs4 import BeautifulSoup
from filelock import FileLock

from arcbook import losses
from arcbook.course import source
from arcbook.paths import ROOT

HTML = ROOT / "_build" / "html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE = 390

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed"
)


def build():
    command = [Path(sys.executable).with_name("jupyter-book"), "build"]
    command += ["-W", "-n", "--keep-going", ROOT]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="session")
def book(tmp_path_factory, worker_id):
    """The pages by name; built once, whichever worker comes first."""
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    done = shared / "built"
    with FileLock(shared / "book.lock"):
        if not done.exists():
            run = build()
            said = (run.stdout + run.stderr)[-5000:]
            done.write_text(said if run.returncode else "")
    assert not done.read_text()
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [one for part in toc["parts"] for one in part["chapters"]]
    chapters += [one for x in chapters for one in x.get("sections", [])]
    names = [toc["root"], *(one["file"] for one in chapters)]
    return {name: parse(Path(HTML, f"{name}.html")) for name in names}


def parse(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def browse(url, tmp_path, *options):
    """The page as it stands after its scripts ran, with no network."""
    run = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--disable-quic", "--no-first-run", "--disable-sync"),
            *("--disable-background-networking", "--disable-dev-shm-usage"),
            *("--disable-component-update", "--mute-audio"),
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={tmp_path / 'profile'}",
            *("--virtual-time-budget=20000", *options, "--dump-dom", url),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return BeautifulSoup(run.stdout, "html.parser")


def test_a_second_build_executes_nothing(book):
    run = build()
    assert run.returncode == 0
    assert "build succeeded" in run.stdout
    assert "executing" not in run.stdout
    assert "WARNING" not in run.stdout + run.stderr


def test_notebooks_are_published_with_outputs_and_offered_without(book):
    for name, page in book.items():
        if name.startswith("notebooks/"):
            assert page.select(".cell_output"), name
            own, offered = (
                Path(folder, f"{name}.ipynb").read_bytes()
                for folder in (ROOT, HTML / "_sources")
            )
            assert own == offered, name


def test_no_page_shows_an_error(book):
    for name, page in book.items():
        text = page.select_one("article").get_text()
        assert "Traceback (most recent call last)" not in text, name
        assert not page.select(".output.traceback, .output.stderr"), name
        assert not page.select(".problematic, .system-message"), name


def test_nothing_is_loaded_from_elsewhere(book):
    for name, page in book.items():
        for tag in page.select("script, link, img, iframe, source, object"):
            for attribute in ("src", "href", "data", "srcset"):
                address = tag.get(attribute, "")
                outside = address.startswith(("http:", "https:", "//"))
                assert not outside, (name, address)
    elsewhere = re.compile(r"(url\(|@import)\s*['\"]?(https?:)?//")
    for path in HTML.glob("_static/**/*.css"):
        assert not elsewhere.search(path.read_text(encoding="utf-8")), path


def test_links_inside_the_book_resolve(book):
    pages = {(HTML / f"{name}.html").resolve(): book[name] for name in book}
    for here, page in pages.items():
        for link in page.select("a[href], img[src], link[href]"):
            address = link.get("href") or link.get("src")
            if re.match(r"[a-z]+:|//", address):
                continue
            address, _, anchor = unquote(address).partition("#")
            path = address.partition("?")[0]
            target = (here.parent / path).resolve() if path else here
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), (here, address)
            if anchor and target in pages:
                assert pages[target].find(id=anchor), (here, address, anchor)


def test_every_figure_says_what_it_shows_and_every_chapter_has_some(book):
    for name, page in book.items():
        for image in page.select("article img"):
            assert len(image.get("alt", "")) > 10, (name, image.get("src"))
        for drawing in page.select("article svg:not(svg svg, [aria-hidden])"):
            assert drawing.get("role") == "img", name
            assert drawing.get("aria-label") or drawing.find("title"), name
        figures = page.select("article figure.plot")
        said = page.find(string="Not drawn here")  # nothing is measured
        assert figures or said or not re.match(r"notebooks/\d", name), name
        for figure in figures:
            caption = figure.select_one("figcaption")
            assert caption and len(caption.get_text()) > 20, name


def test_answers_are_folded_and_self_checks_tell_without_a_script(book):
    asked = 0
    for name, page in book.items():
        assert not page.select("details.sd-dropdown[open]"), name
        for box in page.select(".selfcheck"):
            asked += 1
            right = box.select("details.option.right")
            assert len(right) == 1 and "Right." in right[0].get_text()
            wrong = box.select("details.option.wrong")
            assert len(wrong) >= 2
            assert all("No." in one.get_text() for one in wrong)
        if name.removeprefix("course/") in source.available():
            tasks = source.unit(name.removeprefix("course/")).exercises
            assert len(page.select("details.solution pre")) >= len(tasks)
    units = map(source.unit, source.available())
    assert asked == sum(len(unit.checks) for unit in units)


def test_the_code_of_the_how_to_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a model is saved
    text = (ROOT / "book" / "howto.md").read_text(encoding="utf-8")
    images, labels = torch.randn(4, 512), torch.tensor([0, 1, 2, 9])
    names = {
        "network": torch.nn.Linear(512, 512),
        "batches": [(images, labels)],
    }
    try:
        for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
            exec(code, names)
        assert names["predicted"].shape == (4,)
        assert "squared" in losses.available()
    finally:
        losses.unregister("squared")


@needs_chromium
def test_math_renders_without_a_network(book, tmp_path):
    url = (HTML / "book/notation.html").as_uri()
    page = browse(url, tmp_path)
    written = page.select("article .math")
    assert len(written) > 10
    assert all(math.find("mjx-container") for math in written)
    assert not page.select("mjx-merror")


MEASURE = """
const scrolls = (box) =>
  ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
const measure = (page) => {
  const all = [...page.querySelectorAll("article *")];
  const cut = all.filter((one) => {
    if (one.getBoundingClientRect().right <= page.clientWidth + 1)
      return false;
    if (!one.checkVisibility() || one.closest("mjx-assistive-mml"))
      return false;
    for (let box = one; box !== page; box = box.parentElement)
      if (scrolls(box)) return false;
    return true;
  });
  const said = (one) => `${one.tagName}: ${one.textContent.slice(0, 60)}`;
  return {width: page.scrollWidth, cut: cut.map(said)};
};
addEventListener("load", () => setTimeout(() => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe"))
    found[frame.title] = measure(frame.contentDocument.documentElement);
  document.querySelector("pre").textContent = JSON.stringify(found);
}, 3000));
"""


@needs_chromium
def test_all_of_a_page_can_be_seen_on_a_phone(book, tmp_path):
    """In a frame as wide as a phone no page scrolls sideways, and nothing is
    cut off that can't be seen by scrolling in its box."""
    frames = "".join(
        f'<iframe width="{PHONE}" height="800" title="{name}"'
        f' src="{(HTML / name).as_uri()}.html"></iframe>'
        for name in book
    )
    probe = tmp_path / "probe.html"
    probe.write_text(f"{frames}<pre></pre><script>{MEASURE}</script>")
    options = ("--allow-file-access-from-files",)
    page = browse(probe.as_uri(), tmp_path, *options)
    measured = json.loads(page.pre.get_text())
    assert measured.keys() == book.keys()
    assert not {
        name: found
        for name, found in measured.items()
        if found["width"] > PHONE or found["cut"]
    }
