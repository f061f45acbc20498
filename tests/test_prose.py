"""Numbers in sentences are the notebook's, and verdicts the ledger's."""

import math
from dataclasses import replace

import nbformat
import pytest
import sympy as sp

from arcbook import audit
from arcbook.book import execution, parameters, prose
from arcbook.stats import Estimate

CLAIM = "% expects: arcgrad/best-average = "


@pytest.mark.parametrize("name", parameters.names())
def test_the_ledger_still_says_what_the_pages_rest_on(name):
    notebook = nbformat.read(parameters.path(name), as_version=4)
    for where, item, verdict in prose.expectations(notebook, name):
        assert item.verdict == verdict, (
            f"{where} rests on {item.paper}/{item.item} = {verdict}; "
            f"it now is {item.verdict}: write the paragraph anew"
        )


@pytest.fixture
def judged(monkeypatch):
    """A ledger in which one claim is too close to call."""
    item = replace(
        audit.item("arcgrad", "best-average"), verdict="too close to call"
    )
    monkeypatch.setattr(prose, "_item", lambda paper, name: item)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a word", "a word"),
        (12, "12"),
        (f"{-1.5:+.1f}", "−1.5"),
        ("from -3 to -.5, s-1, 2019-12", "from −3 to −.5, s-1, 2019-12"),
        (f"{1.5e-5:.1e}", "1.5 · 10⁻⁵"),
        (f"{-3e21:.0e}", "−3 · 10²¹"),
        (f"{0.0:.0e}", "0"),
        (Estimate(-0.5, -1.25, 0.25), "−0.50 [−1.25, +0.25]"),
        (sp.sqrt(sp.Symbol("s")), r"$\sqrt{s}$"),
    ],
)
def test_a_value_is_written_as_a_person_would(value, text):
    assert prose.written(value) == text


@pytest.mark.parametrize("value", [0.5, math.nan, None, True, [1], {}])
def test_what_has_no_one_form_is_refused(value):
    with pytest.raises(TypeError, match=r'such as f"\{\.\.\.:\.1f\}"'):
        prose.written(value)


def test_expressions_see_the_namespace():
    text = 'At {eval}`f"{gap:.1f}"`, {eval}`` f"`{n}`" ``.'
    assert prose.fill(text, {"gap": 1.75, "n": 3}) == "At 1.8, `3`."


@pytest.mark.parametrize(
    ("expression", "reason"),
    [("missing", "NameError"), ("1 / 0", "ZeroDivision"), ("0.5", "float")],
)
def test_a_failing_expression_is_named(expression, reason):
    with pytest.raises(prose.ProseError, match=reason) as error:
        prose.fill(f"{{eval}}`{expression}`", {}, "06_uci, cell 3")
    assert f"06_uci, cell 3: {{eval}}`{expression}`" in str(error.value)


def test_only_a_verdict_that_changed_is_said_at_its_paragraph(judged):
    one, two = CLAIM + "replicated\n", CLAIM + "too close to call\n"
    filled = prose.fill(f"First.\n{one}{two}\nSecond.\n{two}", {})
    first, note, second = filled.split(":::")
    assert first == "First.\n\n" and second.strip() == "Second."
    assert note.startswith("{admonition}") and ":class: outdated" in note
    assert 'href="claims.html#arcgrad-best-average"' in note
    assert "*replicated*; it now is *too close to call*." in note


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("arcgrad/best-average = certain", "one of replicated, .* 'certain'"),
        ("arcgrad/best-avrage = replicated", "no .* 'best-avrage'"),
        ("arcgrd/best-average = replicated", "did you mean arcgrad"),
        ("best-average = replicated", "expected `% expects: paper/item"),
    ],
)
def test_an_expectation_that_cannot_be_is_refused(line, reason):
    with pytest.raises(prose.ProseError, match=reason):
        prose.fill(f"% expects: {line}", {})


def test_every_kind_of_item_can_be_expected():
    known = {x.item: x for x in audit.items() if x.paper == "arcgrad"}
    for name in ("Eq. 16", "Table VII", "best-average"):
        assert audit.item("arcgrad", name).verdict == known[name].verdict


CAPTIONED = """:::{caption}
:alt: A "falling" curve
that flattens.

At s = {eval}`s`.
:::"""


def test_pictures_get_their_captions(write, tmp_path):
    plotted = "s = 4\nfor _ in 'ab': display(plot.show(plt.figure()))"
    source = write(
        tmp_path / "a.ipynb",
        "from matplotlib import pyplot as plt\nfrom arcbook import plot",
        *(plotted, CAPTIONED),
        *("plot.absent('No data.')", CAPTIONED),
    )
    out = tmp_path / "out.ipynb"
    execution.papermill(source, out)
    _, code, absent = nbformat.read(out, as_version=4).cells
    first, second = (one.data["text/html"] for one in code.outputs)
    said = 'aria-label="A &quot;falling&quot; curve that flattens."'
    assert said in first and said in second
    assert first.endswith("</svg>\n</div></figure>")
    assert second.endswith("<figcaption>At s = 4.</figcaption></figure>")
    assert "No data." in absent.outputs[0].data["text/markdown"]


def test_paragraphs_are_filled_where_they_stand(write, tmp_path):
    source = write(
        tmp_path / "a.ipynb",
        "# The answer is {eval}`x`",
        "x = 1",
        "# Now {eval}`x`",
        "x = 2\nx",
        "# Plain",
    )
    before = source.read_bytes()
    execution.papermill(source, tmp_path / "b.ipynb")
    cells = nbformat.read(tmp_path / "b.ipynb", 4).cells
    assert [cell.source for cell in cells] == [
        *("# The answer is 2", "x = 1", "# Now 1", "x = 2\nx", "# Plain")
    ]
    assert cells[3].outputs[0].data["text/plain"] == "2"
    assert source.read_bytes() == before


def test_a_paragraph_that_fails_names_its_page_and_cell(write, tmp_path):
    source = write(tmp_path / "a.ipynb", "x = 1", "# Now {eval}`y` falls")
    with pytest.raises(execution.NotebookError, match="a failed") as error:
        execution.papermill(source, tmp_path / "b.ipynb")
    assert "a, cell 2 (# Now {eval}`y` falls …)" in str(error.value)
    assert "NameError" in str(error.value).splitlines()[-1]
