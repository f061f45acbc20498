"""Sphinx extension: publish the executed copy of every notebook.

Before Sphinx looks for what changed, every notebook that is not fresh is
executed; when Sphinx then reads a notebook, it gets the executed copy. So
`jupyter-book build .` is enough, and a page is never older than what it was
made from. The course's exercises become pages in the same way, and
`{selfcheck}` puts one of their questions into any page. Where a page names an
item of a paper, such as [arcgrad, Eq. 11], it gets a link to what the book
says of it.
"""

import html
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from arcbook import papers
from arcbook.book import execution
from arcbook.course import pages
from arcbook.course import source as exercises

FOLDER, COURSE = "notebooks/", "course/"
CITED = rf"\[(?P<paper>{'|'.join(papers.available())}),\s(?P<place>[^][<>]+)\]"
UNTOUCHED = r"<(a|svg|title|script|style|pre|code)\b.*?</\1>"
UNTOUCHED += r'|<(span|div) class="[^"]*\bmath\b.*?</\2>|<[^>]*>'

logger = logging.getLogger(__name__)


def _execute(app):
    names = sorted(path.stem for path in app.srcdir.glob(f"{FOLDER}*.ipynb"))
    try:
        execution.execute_all(names, root=app.srcdir, report=logger.info)
    except execution.NotebookError as error:
        raise ExtensionError(str(error)) from None


def _publish(app, docname, source):
    if docname.startswith(FOLDER):
        name = docname.removeprefix(FOLDER)
        executed = execution.executed_path(name, root=app.srcdir)
        source[0] = executed.read_text(encoding="utf-8")
        app.env.note_dependency(str(executed))
    elif docname.removeprefix(COURSE) in exercises.available():
        source[0] = pages.chapter(docname.removeprefix(COURSE))


class SelfCheck(SphinxDirective):
    """A question of the course, by its key."""

    required_arguments = 1

    def run(self):
        for name in exercises.available():
            self.env.note_dependency(str(exercises.COURSE / f"{name}.md"))
        text = pages.self_check(self.arguments[0]).splitlines()
        node = nodes.container()
        self.state.nested_parse(StringList(text), self.content_offset, node)
        return node.children


def _link(app, docname, template, context, doctree):
    """Link items of papers to where the book judges them."""

    def linked(match):
        if not match["paper"]:
            return match[0]
        named = re.search(r"(Eq\.|Table)s?\s([\w()]+)", match["place"])
        item = " ".join(named.groups()) if named else match["place"]
        address = papers.address(match["paper"], item) or ""
        page, _, anchor = address.partition(".html")
        if FOLDER + page not in app.env.found_docs:
            return match[0]
        uri = app.builder.get_relative_uri(docname, FOLDER + page) + anchor
        return f'<a href="{html.escape(uri)}">{match[0]}</a>'

    if body := context.get("body"):
        pattern = re.compile(f"{UNTOUCHED}|{CITED}", re.DOTALL)
        context["body"] = pattern.sub(linked, body)


def _withdraw(app, error):
    """Delete the pages of an earlier build whose source is gone."""
    if error or app.builder.format != "html":
        return
    for folder in {name.partition("/")[0] for name in app.env.found_docs}:
        for page in Path(app.outdir, folder).glob("*.html"):
            if f"{folder}/{page.stem}" not in app.env.found_docs:
                page.unlink()


def _forget(app, error):
    """Read every page again after a build that warned.

    Sphinx warns of a page only while it reads it: the next build would pass.
    """
    if error or app._warncount:
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)


def setup(app):
    app.add_directive("selfcheck", SelfCheck)
    app.connect("builder-inited", _execute)
    app.connect("source-read", _publish)
    app.connect("html-page-context", _link)
    app.connect("build-finished", _withdraw)
    app.connect("build-finished", _forget)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
