"""The published numbers are what the papers print."""

import pytest

from arcbook import papers
from arcbook.paths import PAPERS


def test_table_1_has_15_sets_by_7_methods():
    table = papers.table("arcgrad", "table1")
    methods = ["Soft", "Center", "M-Soft", "ArcFace", "AdaCos"]
    methods += ["ArcGrad30", "ArcGrad5"]
    assert list(table.columns) == ["dataset", "method", "mean", "std"]
    assert list(table.method) == 15 * methods
    assert table.notna().all(axis=None)
    facts = papers.table("arcgrad", "table2")
    assert list(table.dataset[::7]) == list(facts.dataset)
    columns = ["dataset", "classes", "features", "instances"]
    assert list(facts.columns) == columns


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


def test_missing_cells_are_nan():
    table = papers.table("angular-learning", "table6")
    cell = table[(table.method == "Maxout") & (table.benchmark == "CIFAR10+")]
    assert cell["mean"].isna().all()


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
    assert f"{{{papers._read(paper)['key']}," in references.read_text()
