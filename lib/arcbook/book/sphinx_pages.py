"""Sphinx extension: publish the executed copy of every notebook.

Before Sphinx looks for what changed, every notebook that is not fresh is
executed; when Sphinx then reads a notebook, it gets the executed copy. So
`jupyter-book build .` is enough, and a page is never older than what it was
made from.
"""

from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util import logging

from arcbook.book import execution

FOLDER = "notebooks/"

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


def setup(app):
    app.connect("builder-inited", _execute)
    app.connect("source-read", _publish)
    app.connect("build-finished", _withdraw)
    app.connect("build-finished", _forget)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
