"""What a page prints is what it was given, and fits a phone."""

import re

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from bs4 import BeautifulSoup

from arcbook import audit, papers
from arcbook.book import page, prose

TERM = r"\left(a + b\right) e^{-x + y}"


def cells_of(shown):
    soup = BeautifulSoup(shown.data, "html.parser")
    rows = [
        [cell.get_text(strip=True) for cell in row.select("th, td")]
        for row in soup.select("tr")
    ]
    return soup, rows


def test_a_short_equation_stays_on_its_line():
    x = sp.Symbol("x")
    shown = page.equations({"y": x + 1, "z": r"\frac{1}{2}"}).data
    assert "y &= x + 1 \\\\[4pt]\nz &= \\frac{1}{2}\n" in shown


def test_a_long_equation_is_broken_between_its_terms():
    lines = page.broken(" + ".join([TERM] * 9))
    assert "".join(lines) == " + ".join([TERM] * 9)
    assert len(lines) > 2
    for line in lines:
        assert line.count("{") == line.count("}")
        assert line.count(r"\left") == line.count(r"\right")
    assert all(line.startswith("+ ") for line in lines[1:])


@pytest.mark.parametrize("paper", papers.available())
def test_printed_equations_keep_every_sign(paper):
    for number in papers.names(paper, "equations"):
        latex = papers.equation(paper, number).latex
        assert "".join(page.broken(latex)) == latex
        shown = page.equation(latex, 12)
        added = [shown.count(one) - latex.count(one) for one in "{}"]
        assert added[0] == added[1]


def test_what_is_aligned_already_is_left_alone():
    latex = r"a &= b + c + d + e + f + g + h + i + j + k + l + m + n \\ &= 0"
    assert page.broken(latex) == [latex]


def test_a_table_prints_numbers_as_they_are_read():
    frame = pd.DataFrame(
        {
            "loss": ["Soft", "ArcGrad"],
            "mean ± std": ["77.81 ± 5.60", "–"],
            "gap": [-1.256, np.nan],
            "runs": [10, -3],
            "mixed": [2.0, "two"],
            "p": [1e-9, 0.5],
        }
    )
    tidy = {"p": lambda p: "< 0.001" if p < 0.001 else f"{p:.3f}"}
    soup, rows = cells_of(page.table(frame, "What", digits=1, formats=tidy))
    assert rows == [
        ["loss", "mean ± std", "gap", "runs", "mixed", "p"],
        ["Soft", "77.81 ± 5.60", "−1.3", "10", "2.0", "< 0.001"],
        ["ArcGrad", "–", "–", "−3", "two", "0.500"],
    ]
    assert soup.caption.get_text() == "What"
    words = {cell.get_text() for cell in soup.select(".words")}
    assert words == {"loss", "Soft", "ArcGrad"}


def test_a_table_is_the_same_twice_and_shows_its_index_if_asked():
    index = pd.Index(["iris"], name="data")
    frame = pd.DataFrame({("a", "x"): [1.5], ("a", "y"): [2]}, index=index)
    assert page.table(frame).data == page.table(frame).data
    assert cells_of(page.table(frame))[1][-1] == ["1.50", "2"]
    _, rows = cells_of(page.table(frame, index=True))
    assert rows[-1] == ["iris", "1.50", "2"]


def test_claims_are_quoted_with_what_the_ledger_says():
    item = audit.item("arcgrad", "best-average")
    shown = page.claims("arcgrad", ["best-average", "Table I"])
    soup = BeautifulSoup(shown.data, "html.parser")
    first, second = soup.select("p")
    known = item.printed, item.in_print, item.measured, item.why
    for said in (*known, item.basis, item.caution):
        assert said in first.get_text()
    assert first.b.get_text().lower() == item.verdict
    assert first.a["href"] == f"claims.html#{item.anchor}"
    assert second.a["href"].startswith("published_statistics.html#")
    with pytest.raises(ValueError, match="nothing-such"):
        page.claims("arcgrad", ["nothing-such"])


def test_a_box_shows_the_printed_and_the_right_form():
    def boxed(latex):
        return page.equation(latex, page.IN_A_BOX)

    item = audit.item("arcgrad", "Eq. 16")
    derived = page.differs("arcgrad", "16", sp.Symbol("r"), "A sign.").data
    quoted = page.erratum("arcgrad", "16").data
    assert boxed(item.printed) in derived and boxed(item.printed) in quoted
    assert re.search(r"Derived:\s+\$\$\s+r\s+\$\$\s+A sign\.", derived)
    assert boxed(item.correct) in quoted and prose.readable(item.why) in quoted
    assert f"[arcgrad, Eq. 16]: {item.verdict}" in quoted
    for text, right in ((derived, "$$\nr\n$$"), (quoted, item.correct)):
        shown, folded = text.split(":::{dropdown} ")
        assert folded.startswith(page.FIND) and right not in shown
    assumed = page.erratum("arcgrad", "9").data
    assert f":::{{dropdown}} {page.ASSUMED}" in assumed
    pair = page.printed("arcgrad", ["20", "21"]).data
    assert page.equation(papers.equation("arcgrad", "21").latex) in pair


def record(**given):
    own = {"seed": 0, "epochs": 30, "device": "A", "torch": "2.13", "stale": 0}
    day = {"date": "2026-11-22T10:00:00+00:00"}
    return own | day | given


@pytest.mark.parametrize(
    ("records", "said", "unsaid"),
    [
        ([record(), record(seed=1)], ["2 of 105", "seed 0, 1"], "stale"),
        ([record(threads=1)], ["threads: 1;", "22 November 2026."], "to"),
        (
            [record(), record(date="2026-12-01T00:00:00+00:00", stale=1)],
            ["22 November 2026 to 1 December 2026", "1 stale"],
            "threads",
        ),
        ([record(runs=5, splits=10)], ["5 × 10-fold"], "None"),
        (
            [record(batch_size=256, seed=k) for k in range(5)],
            ["seed 0, 1, 2, 3, 4; epochs 30; batches of 256; A; PyTorch 2.13"],
            "None",
        ),
        ([], ["0 of 105 runs."], "PyTorch"),
    ],
)
def test_provenance_says_what_the_records_say(records, said, unsaid):
    shown = page.provenance("arcgrad.table1", "full", records).data
    text = BeautifulSoup(shown, "html.parser").get_text()
    assert all(one in text for one in said), text
    assert not re.search(rf"\b{unsaid}\b", text)


@pytest.mark.parametrize(
    ("item", "address"),
    [
        ("Eq. 16", "errata.html#arcgrad-eq--16"),
        ("Table VII", "published_statistics.html#arcgrad-table-vii"),
        ("Table V", "published_statistics.html#arcgrad-table-v"),
        ("gap-84", "claims.html#arcgrad-gap-84"),
        *(("Eq. 99", None), ("Fig. 3", None), ("Section IV", None)),
    ],
)
def test_items_have_an_address_in_the_book(item, address):
    assert papers.address("arcgrad", item) == address
