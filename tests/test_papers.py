"""The published numbers and equations are what the papers print."""

import pytest

from arcbook import papers
from arcbook.paths import PAPERS

METHODS = [
    "Soft",
    "Center",
    "M-Soft",
    "ArcFace",
    "AdaCos",
    "ArcGrad30",
    "ArcGrad5",
]


def test_table_1_has_15_sets_by_7_methods():
    table = papers.table("arcgrad", "table1")
    assert list(table.columns) == ["dataset", "method", "mean", "std"]
    assert table.groupby("dataset").size().eq(7).all()
    assert list(table.method.unique()) == METHODS
    assert table.dataset.nunique() == 15
    assert table.notna().all(axis=None)


@pytest.mark.parametrize(
    ("dataset", "method", "mean", "std"),
    [
        ("pima", "Soft", 77.81, 5.60),
        ("wpbc", "AdaCos", 53.61, 24.22),
        ("votes", "Center", 93.75, 6.17),
        ("balance-scale", "ArcGrad5", 92.35, 6.05),
    ],
)
def test_cells_of_table_1(dataset, method, mean, std):
    table = papers.table("arcgrad", "table1").set_index(["dataset", "method"])
    assert tuple(table.loc[(dataset, method)]) == (mean, std)


def test_printed_averages_follow_from_the_cells_to_the_last_digit_but_one():
    means = papers.table("arcgrad", "table1").groupby("method")["mean"].mean()
    printed = papers.summary("arcgrad", "table1")["Average"]
    assert (means[METHODS] - printed[METHODS]).abs().max() < 0.02


def test_printed_wins_are_15():
    assert papers.summary("arcgrad", "table1")["Wins"].sum() == 15


def test_table_2_describes_the_sets_of_table_1():
    facts = papers.table("arcgrad", "table2").set_index("dataset")
    sets = papers.table("arcgrad", "table1").dataset.unique()
    assert list(facts.index) == list(sets)
    assert tuple(facts.loc["iris"]) == (3, 4, 150)
    assert tuple(facts.loc["wpbc"]) == (2, 33, 194)


@pytest.mark.parametrize(
    ("paper", "numbers"),
    [
        ("arcgrad", range(9, 20)),
        ("angular-learning", [7, 8, 9, 10, "P(j)", 11]),
        ("iam", [7, 8, 9, "p_i", 10, 11, "p_ij", 12, 13, 14]),
    ],
)
def test_equations(paper, numbers):
    for number in numbers:
        equation = papers.equation(paper, number)
        assert equation.number == str(number)
        assert equation.latex.count("{") == equation.latex.count("}")
        assert equation.about


def test_what_is_not_there_is_named():
    with pytest.raises(ValueError, match="did you mean arcgrad"):
        papers.table("arcgard", "table1")
    with pytest.raises(ValueError, match="table1, table2"):
        papers.table("arcgrad", "table9")
    with pytest.raises(ValueError, match="no '99' among its equations"):
        papers.equation("iam", 99)


@pytest.mark.parametrize("paper", papers.available())
def test_every_paper_is_in_the_bibliography(paper):
    references = PAPERS.parents[1] / "book" / "references.bib"
    assert f"{{{papers.key(paper)}," in references.read_text()
