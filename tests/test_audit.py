"""The audit: every verdict rests on something that fails if it is wrong."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from docutils.nodes import make_id

from arcbook import audit, cli, papers
from arcbook.audit import sphere, tables, verdicts
from arcbook.audit.equations import AuditError, judge
from arcbook.audit.verdicts import ASSUMES, CONFIRMED, MISPRINT, WRONG
from arcbook.chapters import audit as pages
from arcbook.geometry import largest_mean_angle, simplex_angle
from arcbook.paths import PAPERS, ROOT

SEEDS = (0, 1, 2)
PRINT = Path(__file__).parent / "print.tsv"
NOT_CONFIRMED = {
    "arcgrad": dict.fromkeys(("1", "10", "16", "17", "22"), MISPRINT)
    | {"9": ASSUMES, "18": ASSUMES},
    "angular-learning": dict.fromkeys(("3", "7", "14"), MISPRINT),
    "iam": dict.fromkeys(("4", "10", "11", "13", "14"), ASSUMES)
    | {"9": MISPRINT, "Algorithm 1": WRONG},
    "mnist-cosine": {"product": MISPRINT, "L_2": ASSUMES},
}
NOT_CONSISTENT = {
    ("arcgrad", "table1"): verdicts.ASSUMES,
    ("arcgrad", "table3"): verdicts.UNCHECKED,
    ("arcgrad", "table5"): verdicts.CONTRADICTED,
    ("arcgrad", "table7"): verdicts.ASSUMES,
    ("angular-learning", "table1"): verdicts.UNCHECKED,
    ("angular-learning", "table3"): verdicts.IMPOSSIBLE,
    ("angular-learning", "table4"): verdicts.ASSUMES,
    ("angular-learning", "table7"): verdicts.CONTRADICTED,
    ("iam", "table1"): verdicts.UNCHECKED,
    ("iam", "table3"): verdicts.MISPRINT,
    ("iam", "table5"): verdicts.MISPRINT,
    ("iam", "table6"): verdicts.UNCHECKED,
}
CLAIMS = [
    (paper, name)
    for paper in audit.PAPERS
    for name in papers.names(paper, "claims")
    if "setting" not in papers.claim(paper, name)
]


def content(paper):
    return yaml.safe_load((PAPERS / f"{paper}.yaml").read_text())


@pytest.fixture(scope="module")
def ledger():
    return audit.items()


def test_all_papers_are_audited():
    assert sorted(audit.PAPERS) == papers.available()


@pytest.mark.parametrize("paper", audit.PAPERS)
def test_files_keep_to_the_schema_and_close_their_braces(paper):
    assert papers.problems(content(paper)) == []
    for number in papers.names(paper, "equations"):
        latex = papers.equation(paper, number).latex
        assert latex.count("{") == latex.count("}"), number
        assert latex.count(r"\begin") == latex.count(r"\end"), number


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: c.pop("key"), "'key' is a required property"),
        (lambda c: c.update(tabels={}), "'tabels' was unexpected"),
        (lambda c: c["equations"]["1"].pop("latex"), "'latex' is a required"),
        (
            lambda c: c["tables"]["table6"].update(unit="degree"),
            "'degree' is not one of",
        ),
        (
            lambda c: c["tables"]["table6"]["rows"]["W-Inter"]["cells"].pop(),
            "W-Inter has 5 cells for 6 columns",
        ),
        (
            lambda c: c["claims"]["epochs"].update(experiment="table 7"),
            "does not match",
        ),
    ],
)
def test_a_file_that_breaks_the_schema_is_refused(change, problem):
    broken = content("arcgrad")
    change(broken)
    assert any(problem in one for one in papers.problems(broken))


def test_ledger_holds_every_equation_table_and_claim(ledger):
    for kind in ("equation", "table"):
        found = [(x.paper, x.kind) for x in ledger if x.kind == kind]
        for paper in audit.PAPERS:
            number = len(content(paper)[f"{kind}s"])
            assert found.count((paper, kind)) == number
    found = [(x.paper, x.item) for x in ledger if x.kind == "claim"]
    assert found == CLAIMS and len(found) >= 105
    assert len({item.anchor for item in ledger}) == len(ledger)


def test_single_claims_are_those_of_the_ledger(ledger):
    names = ["reliable", "faster"]
    found = audit.claims("mnist-cosine", names)
    assert [one.item for one in found] == names
    assert all(one in ledger for one in found)


@pytest.mark.parametrize(
    ("paper", "name", "problem"),
    [
        ("mnist-cosine", "slower", "slower"),
        ("no-paper", "faster", "no-paper"),
        ("arcgrad", "image-settings", "set-up"),
    ],
)
def test_what_is_no_claim_is_not_judged(paper, name, problem):
    with pytest.raises(ValueError, match=problem):
        audit.claims(paper, [name])


def test_verdicts_are_of_the_known_words(ledger):
    for item in ledger:
        assert item.verdict in audit.VERDICTS[item.kind], item
        assert item.why, item.item
        if item.kind == "equation" and item.verdict != CONFIRMED:
            assert item.correct


def test_evidence_names_tests_that_there_are(ledger):
    known = {f"test_equation[{p}-{n}]" for p, n in audit.CHECKS}
    known |= {f"test_table[{p}-{n}]" for p, n in tables.CHECKS}
    known |= {f"test_claim[{p}-{n}]" for p, n in CLAIMS}
    for file, _, test in (x.evidence["test"].partition("::") for x in ledger):
        assert test in known
        assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text()


def test_derivations_are_linked_to_headings_that_there_are(ledger):
    for address in {x.evidence.get("derivation") for x in ledger} - {None}:
        page, _, anchor = address.partition("#")
        notebook = ROOT / page.replace(".html", ".ipynb")
        cells = json.loads(notebook.read_text())["cells"]
        headings = {
            make_id(line.lstrip("# "))
            for cell in cells
            if cell["cell_type"] == "markdown"
            for line in "".join(cell["source"]).splitlines()
            if line.startswith("#")
        }
        assert not anchor or anchor in headings, address


def test_command_prints_the_ledger(capsys, ledger):
    with pytest.raises(SystemExit) as end:
        cli.main(["audit", "--json"])
    assert end.value.code == 0
    printed = json.loads(capsys.readouterr().out)["items"]
    expected = [audit.as_dictionary(item) for item in ledger]
    assert printed == json.loads(json.dumps(expected))
    names = {"paper", "item", "kind", "verdict", "printed", "correct"}
    assert names <= {*printed[0]}
    assert {"test", "page"} <= {*printed[0]["evidence"]}


@pytest.mark.parametrize(
    "paper, number", audit.CHECKS, ids=map("-".join, audit.CHECKS)
)
def test_equation(paper, number):
    """The verdict, at several seeds, and that another form changes it."""
    check = audit.CHECKS[paper, number]
    expected = NOT_CONFIRMED[paper].get(number, CONFIRMED)
    for seed in SEEDS:
        assert judge(check, seed=seed).verdict == expected
    right = replace(check, printed=check.truth, assumed=None)
    assert judge(right).verdict == CONFIRMED

    def off(v):
        return 1e-6 + 1.001 * np.asarray(check.truth(v))

    false = [replace(check, printed=off, correct=None, assumed=None)]
    if check.correct is not None:
        false.append(replace(check, correct=check.printed))
    if check.assumed is not None:
        false.append(replace(check, assumed=check.draw))
    for one in false:
        with pytest.raises(AuditError):
            judge(one)


@pytest.mark.parametrize("kind", ["equations", "tables"])
def test_all_that_is_displayed_has_one_check(kind):
    known = audit.CHECKS if kind == "equations" else tables.CHECKS
    printed = [(p, n) for p in audit.PAPERS for n in papers.names(p, kind)]
    assert sorted(printed) == sorted(known)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def printed_digests():
    """Of each displayed equation's LaTeX and each table's cells, in order."""
    for paper in audit.PAPERS:
        for number in papers.names(paper, "equations"):
            yield paper, number, digest(papers.equation(paper, number).latex)
        for name in papers.names(paper, "tables"):
            cells = papers.texts(paper, name).to_csv()
            lines = papers.summary(paper, name).to_csv()
            yield paper, name, digest(cells + lines)


def test_print_is_what_was_checked():
    """LaTeX and cells are tied to the functions that judge them.

    A check's function was written from this LaTeX, and each table compared
    with its paper, cell by cell. Who changes either has to check it against
    the paper and the function again, and then `python tests/test_audit.py`
    pins it anew.
    """
    pinned = [tuple(x.split("\t")) for x in PRINT.read_text().splitlines()]
    for one, known in zip(printed_digests(), pinned, strict=True):
        assert one == known, (
            f"{one[0]}, {one[1]} is not what was checked: hold it against "
            "the paper and its function, then run python tests/test_audit.py"
        )


@pytest.mark.parametrize(
    ("paper", "number"),
    [("arcgrad", "12"), ("iam", "9"), ("angular-learning", "10")],
)
def test_a_flipped_sign_is_seen(altered, paper, number):
    entry = altered(paper)["equations"][number]
    assert "-" in entry["latex"]
    entry["latex"] = entry["latex"].replace("-", "+", 1)
    with pytest.raises(AssertionError, match=f"{paper}, {number}"):
        test_print_is_what_was_checked()


@pytest.mark.parametrize(("paper", "name"), tables.CHECKS, ids=str)
def test_table(paper, name):
    expected = NOT_CONSISTENT.get((paper, name), verdicts.CONSISTENT)
    assert tables.CHECKS[paper, name]()[0] == expected


@pytest.mark.parametrize(
    ("paper", "name", "row", "column", "text", "verdict"),
    [
        ("arcgrad", "table1", "iris", "Soft", "99.80", "contradicted"),
        ("arcgrad", "table2", "iris", "classes", 4, "contradicted"),
        ("arcgrad", "table5", "Soft", "Top-1", "74.40", "consistent"),
        ("arcgrad", "table6", "W-Inter", "ArcGrad", "1.76", "impossible"),
        ("arcgrad", "table6", "C-Inter", "ArcGrad", "1.10", "impossible"),
        ("iam", "table2", "Eq.(3)", "MNIST", "99.085", "misprint"),
        ("iam", "table4", "0.07", "CFP", "93.017", "misprint"),
    ],
)
def test_another_cell_would_change_the_verdict(
    reprint, paper, name, row, column, text, verdict
):
    reprint(paper, name, row, column, text)
    assert tables.CHECKS[paper, name]()[0] == verdict


def test_angles_that_can_be_are_not_called_impossible(reprint):
    reprint("angular-learning", "table3", "ArcFace", "W-Inter", "1.5860")
    _, found = tables.CHECKS["angular-learning", "table3"]()
    assert found["beyond"] == 1


def test_whole_counts():
    assert tables.is_share("99.117", 6000)
    assert not tables.is_share("93.017", 7000)
    assert tables.is_share("93.071", 7000)
    assert not tables.is_share("96.75 ± 5.62", 1500)
    for k in range(0, 1500, 7):
        assert tables.is_share(f"{100 * k / 1500:.2f}", 1500)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("classes", "dim"), [(4, 2), (5, 4), (10, 3)])
def test_search_reaches_the_bounds_and_stays_below(classes, dim, seed):
    spread, apart = (
        sphere.spread_out(classes, dim, goal=goal, seed=seed, steps=300)
        for goal in ("mean", "minimum")
    )
    most = largest_mean_angle(classes)
    assert most - 0.01 < sphere.mean_angle(spread) <= most + 1e-9
    assert sphere.smallest_angle(apart) <= simplex_angle(classes) + 1e-9


def test_search_reaches_the_simplex_where_there_is_room():
    apart = sphere.spread_out(5, 4, goal="minimum", steps=400)
    least = sphere.smallest_angle(apart)
    assert least == pytest.approx(simplex_angle(5), abs=2e-3)
    corners = sphere.simplex(7)
    assert sphere.smallest_angle(corners) == pytest.approx(simplex_angle(7))
    assert sphere.mean_angle(corners) == pytest.approx(simplex_angle(7))


@pytest.mark.parametrize("classes", [5, 10, 100])
def test_opposite_bundles_reach_the_largest_mean(classes):
    draw = np.random.default_rng(classes)
    sides = np.where(np.arange(classes) % 2, 1.0, -1.0)
    bundles = sides[:, None] * np.eye(8)[0]
    bundles = bundles + 1e-9 * draw.normal(size=bundles.shape)
    most = largest_mean_angle(classes)
    assert sphere.mean_angle(bundles) == pytest.approx(most, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_nudged_corners_have_a_larger_mean_and_a_smaller_minimum(seed):
    moved = sphere.nudged_simplex(10, 0.03, seed)
    assert np.abs(moved.sum(0)).max() < 1e-9
    assert sphere.mean_angle(moved) > simplex_angle(10)
    assert sphere.smallest_angle(moved) < simplex_angle(10)
    assert sphere.slope_off_simplex(10) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_triangle_inequality_of_the_three_metrics(seed):
    draw = np.random.default_rng(seed)
    w = draw.normal(size=(8, 5))
    c = w + 0.3 * draw.normal(size=w.shape)
    within = np.mean([sphere.mean_angle(np.stack(pair)) for pair in zip(c, w)])
    apart = abs(sphere.mean_angle(c) - sphere.mean_angle(w))
    assert apart <= 2 * within


def test_most_classes_for_a_mean_angle():
    most = sphere.most_classes(1.6256)
    assert largest_mean_angle(most) >= 1.6256 > largest_mean_angle(most + 1)
    assert all(largest_mean_angle(n) < 1.6256 for n in (29, 30, 31, 100))


def test_pages_hold_every_item_once(ledger):
    page = "".join(pages.errata(ledger, paper).data for paper in audit.PAPERS)
    for kind in ("equation", "table", "claim"):
        page += pages.listing(ledger, kind).data
    for item in ledger:
        assert page.count(f'id="{item.anchor}"') == 1


def test_least_leads_are_the_least_of_the_tables():
    found = pages.leads().set_index("method")["printed"]
    table = tables.wide("arcgrad", "table7")
    gaps = table["ArcGrad"] - table.drop(columns="ArcGrad").max(axis=1)
    (epochs,) = (x for name, x in found.items() if "ArcFace, 20" in name)
    assert epochs == pytest.approx(gaps.min())


def test_same_set_up_is_found():
    table = tables.same_setup().set_index(["benchmark", "method"])
    assert len(table) == 16
    gap = table.loc[("CIFAR100+, top 1", "Soft"), "gap"]
    assert gap == pytest.approx(1.81)


if __name__ == "__main__":
    PRINT.write_text("".join("\t".join(x) + "\n" for x in printed_digests()))
