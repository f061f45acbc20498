"""Sphinx extension: publish the executed copy of every notebook.

Before Sphinx looks for what changed, every notebook that is not fresh is
executed; when Sphinx then reads a notebook, it gets the executed copy. So
`jupyter-book build .` is enough, and a page is never older than what it was
made from. Where a page names an item of a paper, such as [arcgrad, Eq. 11],
it gets a link to what the book says of it.
"""

import html
import re
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from arcbook import papers
from arcbook.book import execution

FOLDER = "notebooks/"
CITED = rf"\[({'|'.join(papers.available())}),\s([^\[\]<>]+)\]"
UNTOUCHED = r"<(a|svg|title|script|style)\b.*?</\1>|<[^>]*>"
UNLINKED = (nodes.FixedTextElement, nodes.literal, nodes.math, nodes.comment)
UNLINKED += (nodes.reference, nodes.raw)

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


class Links(SphinxPostTransform):
    """Link items of papers to where the book judges them."""

    default_priority = 100
    formats = ("html",)

    def run(self, **given):
        for text in list(self.document.findall(nodes.Text)):
            parent = text.parent
            if isinstance(parent, nodes.raw):
                if parent["format"] == "html":
                    linked = nodes.Text(self.in_html(str(text)))
                    parent.replace(text, linked)
            elif not isinstance(parent, UNLINKED):
                parent.replace(text, self.in_text(str(text)))

    def in_html(self, text):
        def link(match):
            address = match[2] and self.address(match[2], match[3])
            if not address:
                return match[0]
            return f'<a href="{html.escape(address)}">{match[0]}</a>'

        return re.sub(rf"{UNTOUCHED}|{CITED}", link, text, flags=re.DOTALL)

    def in_text(self, text):
        found, end = [], 0
        for match in re.finditer(CITED, text):
            if address := self.address(match[1], match[2]):
                found.append(nodes.Text(text[end : match.start()]))
                link = {"internal": True, "refuri": address}
                found.append(nodes.reference("", match[0], **link))
                end = match.end()
        return [*found, nodes.Text(text[end:])]

    def address(self, paper, place):
        """The address of the first item named, None if there is none."""
        named = re.search(r"(Eq\.|Table)s?\s([\w()]+)", place)
        item = f"{named[1]} {named[2]}" if named else place
        page, _, anchor = (papers.address(paper, item) or "").partition(".")
        if FOLDER + page not in self.env.found_docs:
            return None
        here = self.env.docname
        uri = self.app.builder.get_relative_uri(here, FOLDER + page)
        return f"{uri}#{anchor.partition('#')[2]}"


def setup(app):
    app.add_post_transform(Links)
    app.connect("builder-inited", _execute)
    app.connect("source-read", _publish)
    app.connect("build-finished", _withdraw)
    app.connect("build-finished", _forget)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
