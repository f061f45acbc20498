"""The audit: every verdict rests on something that fails if it is wrong."""

import copy
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from docutils.nodes import make_id

import test_audit_images
from arcbook import audit, cli, experiments, papers, results
from arcbook.audit import (
    angular_claims,
    arcgrad_claims,
    leads,
    numbers,
    records,
    report,
    sphere,
    two_papers,
    verdicts,
)
from arcbook.audit.equations import (
    ASSUMES,
    CONFIRMED,
    MISPRINT,
    VERDICTS,
    WRONG,
    AuditError,
    judge,
)
from arcbook.geometry import largest_mean_angle, simplex_angle
from arcbook.paths import PAPERS, ROOT

SEEDS = (0, 1, 2)
NOT_CONFIRMED = {
    "arcgrad": {
        "1": MISPRINT,
        "9": ASSUMES,
        "10": MISPRINT,
        "16": MISPRINT,
        "17": MISPRINT,
        "18": ASSUMES,
        "22": MISPRINT,
    },
    "angular-learning": {
        "3": MISPRINT,
        "7": MISPRINT,
        "14": MISPRINT,
        "15": ASSUMES,
    },
    "iam": {
        "4": ASSUMES,
        "9": MISPRINT,
        "10": ASSUMES,
        "11": ASSUMES,
        "13": ASSUMES,
        "14": ASSUMES,
        "Algorithm 1": WRONG,
    },
    "mnist-cosine": {"product": MISPRINT, "L_2": ASSUMES},
}
TABLES = {
    ("arcgrad", "table1"): verdicts.ASSUMES,
    ("arcgrad", "table2"): verdicts.CONSISTENT,
    ("arcgrad", "table3"): verdicts.UNCHECKED,
    ("arcgrad", "table4"): verdicts.CONSISTENT,
    ("arcgrad", "table5"): verdicts.CONTRADICTED,
    ("arcgrad", "table6"): verdicts.CONSISTENT,
    ("arcgrad", "table7"): verdicts.ASSUMES,
    ("angular-learning", "table1"): verdicts.UNCHECKED,
    ("angular-learning", "table2"): verdicts.CONSISTENT,
    ("angular-learning", "table3"): verdicts.IMPOSSIBLE,
    ("angular-learning", "table4"): verdicts.ASSUMES,
    ("angular-learning", "table5"): verdicts.CONSISTENT,
    ("angular-learning", "table6"): verdicts.CONSISTENT,
    ("angular-learning", "table7"): verdicts.CONTRADICTED,
    ("iam", "table1"): verdicts.UNCHECKED,
    ("iam", "table2"): verdicts.CONSISTENT,
    ("iam", "table3"): verdicts.MISPRINT,
    ("iam", "table4"): verdicts.CONSISTENT,
    ("iam", "table5"): verdicts.MISPRINT,
    ("iam", "table6"): verdicts.UNCHECKED,
    ("mnist-cosine", "table1"): verdicts.CONSISTENT,
}
MEASURED_ON_UCI = {
    ("arcgrad", name)
    for name in (
        "consistently",
        "soft-average",
        "best-average",
        "layers-chance",
        "layers-decay",
    )
}

MEASURED_ON_IMAGES = {*test_audit_images.CLAIMS, ("arcgrad", "cost-3-4")}


def image_records():
    """Full records of images; without any, no claim on them has a verdict."""
    return [
        file
        for id in experiments.available()
        if id not in ("arcgrad.table1", "arcgrad.fig2", "arcgrad.protocol")
        for file in results.files(id, "full")
    ]


def identity(check):
    return f"{check.paper}-{check.number}"


def content(paper):
    return yaml.safe_load((PAPERS / f"{paper}.yaml").read_text())


def claims():
    return [
        (paper, name)
        for paper in audit.PAPERS
        for name, claim in content(paper)["claims"].items()
        if "setting" not in claim
    ]


@pytest.fixture(scope="module")
def ledger():
    return audit.items()


@pytest.fixture
def reprint(monkeypatch):
    """Change what a paper prints, for one test."""

    def change(paper, kind, name, row, column, text):
        altered = copy.deepcopy(papers._read(paper))
        entry = altered[kind][name]
        place = entry["columns"].index(column)
        entry["rows"][row]["cells"][place] = text
        read = papers._read
        monkeypatch.setattr(
            papers, "_read", lambda one: altered if one == paper else read(one)
        )

    return change


# ------------------------------------------------- papers as data


def test_all_papers_are_audited():
    assert sorted(audit.PAPERS) == papers.available()


@pytest.mark.parametrize("paper", audit.PAPERS)
def test_files_keep_to_the_schema(paper):
    assert papers.problems(content(paper)) == []


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


@pytest.mark.parametrize("paper", audit.PAPERS)
def test_braces_of_every_equation_are_closed(paper):
    for number in papers.names(paper, "equations"):
        latex = papers.equation(paper, number).latex
        assert latex.count("{") == latex.count("}"), number
        assert latex.count(r"\begin") == latex.count(r"\end"), number


def test_numbered_equations_are_all_there():
    for paper, last in (
        ("arcgrad", 22),
        ("angular-learning", 15),
        ("iam", 14),
    ):
        printed = papers.names(paper, "equations")
        assert {str(n) for n in range(1, last + 1)} <= set(printed)


def test_missing_cells_are_nan():
    table = papers.table("angular-learning", "table6")
    cell = table[(table.method == "Maxout") & (table.benchmark == "CIFAR10+")]
    assert cell["mean"].isna().all()


# ------------------------------------------------- the ledger


def test_ledger_holds_every_equation_and_table_and_40_claims(ledger):
    for paper in audit.PAPERS:
        printed = content(paper)
        for kind, name in (("equation", "equations"), ("table", "tables")):
            found = [x for x in ledger if (x.paper, x.kind) == (paper, kind)]
            assert len(found) == len(printed[name])
    assert len([x for x in ledger if x.kind == "claim"]) == len(claims()) >= 40


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


def test_ledger_can_be_written_as_json(ledger):
    text = json.dumps({"items": [audit.as_dictionary(x) for x in ledger]})
    first = json.loads(text)["items"][0]
    assert {"paper", "item", "kind", "verdict", "printed", "correct"} <= {
        *first
    }
    assert {"test", "page"} <= {*first["evidence"]}


def test_verdicts_are_of_the_known_words(ledger):
    known = {
        "equation": VERDICTS,
        "table": verdicts.OF_TABLES,
        "claim": verdicts.OF_CLAIMS,
    }
    for item in ledger:
        assert item.verdict in known[item.kind], item
        assert item.why, item.item
        if item.kind == "equation" and item.verdict != CONFIRMED:
            assert item.correct


def test_anchors_are_unique(ledger):
    assert len({item.anchor for item in ledger}) == len(ledger)


def test_evidence_names_tests_that_there_are(ledger):
    known = {f"test_equation[{identity(x)}]" for x in audit.CHECKS}
    known |= {f"test_table[{p}-{n}]" for p, n in TABLES}
    known |= {f"test_claim[{p}-{n}]" for p, n in claims()}
    named = {x.evidence["test"].partition("::")[2] for x in ledger}
    assert named <= known


def test_derivations_are_linked_to_headings_that_there_are(ledger):
    linked = {
        item.evidence["derivation"]
        for item in ledger
        if "derivation" in item.evidence
    }
    for address in linked:
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
    assert [one["verdict"] for one in printed] == [x.verdict for x in ledger]


# ------------------------------------------------- equations


@pytest.mark.parametrize("check", audit.CHECKS, ids=identity)
def test_equation(check):
    """The verdict, at several seeds, and that another form changes it."""
    expected = NOT_CONFIRMED[check.paper].get(check.number, CONFIRMED)
    for seed in SEEDS:
        assert judge(check, seed=seed).verdict == expected
    right = replace(check, printed=check.truth, assumed=None)
    assert judge(right).verdict == CONFIRMED
    off = replace(
        check,
        printed=lambda **v: 1e-6 + 1.001 * np.asarray(check.truth(**v)),
        correct=None,
        assumed=None,
    )
    with pytest.raises(AuditError):
        judge(off)
    if check.correct is not None:
        with pytest.raises(AuditError):
            judge(replace(check, correct=check.printed))
    if check.assumed is not None:
        with pytest.raises(AuditError):
            judge(replace(check, assumed=check.draw))


def test_every_displayed_equation_has_one_check():
    printed = [
        (paper, number)
        for paper in audit.PAPERS
        for number in papers.names(paper, "equations")
    ]
    checked = [(check.paper, check.number) for check in audit.CHECKS]
    assert sorted(printed) == sorted(checked)


# ------------------------------------------------- tables


@pytest.mark.parametrize(("paper", "name"), TABLES, ids=lambda value: value)
def test_table(paper, name):
    assert (
        verdicts.finding("table", paper, name).verdict == TABLES[paper, name]
    )


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
    reprint(paper, "tables", name, row, column, text)
    assert verdicts.finding("table", paper, name).verdict == verdict


def test_angles_that_can_be_are_not_called_impossible(reprint):
    reprint(
        "angular-learning", "tables", "table3", "ArcFace", "W-Inter", "1.5860"
    )
    found = verdicts.finding("table", "angular-learning", "table3")
    assert found.found["beyond"] == 1


def test_the_exchanged_digits_are_found():
    found = verdicts.finding("table", "iam", "table5")
    assert "93.071, as in Table 4" in found.correct


def test_whole_counts():
    assert numbers.is_share("99.117", 6000)
    assert not numbers.is_share("93.017", 7000)
    assert numbers.is_share("93.071", 7000)
    assert not numbers.is_share("96.75 ± 5.62", 1500)
    for k in range(0, 1500, 7):
        assert numbers.is_share(f"{100 * k / 1500:.2f}", 1500)


def test_error_of_a_gap_is_that_of_simulated_networks():
    draw = np.random.default_rng(0)
    first, second = (
        draw.binomial(10_000, p, size=4000) / 100 for p in (0.94, 0.943)
    )
    spread = (first - second).std()
    assert numbers.gap(94, 94.3, 10_000).error == pytest.approx(
        spread, rel=0.05
    )


def test_expected_best_of_equal_networks():
    draw = np.random.default_rng(0)
    best = draw.binomial(10_000, 0.988, size=(4000, 18)).max(1) / 100 - 98.8
    expected = numbers.expected_spread(98.8, 10_000, 18)
    assert best.mean() == pytest.approx(expected, rel=0.05)


def test_adacos_rises_without_two_class_sets():
    averages = records.average_without_two()
    means = numbers.wide("arcgrad", "table1").mean()
    assert averages["AdaCos"] > means["AdaCos"] + 10
    assert averages["AdaCos"] > averages["Soft"]


# ------------------------------------------------- the sphere


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("classes", "dim"), [(4, 2), (5, 4), (10, 3)])
def test_no_vectors_pass_the_bounds_and_search_reaches_them(
    classes, dim, seed
):
    spread = sphere.spread_out(classes, dim, goal="mean", seed=seed, steps=300)
    most = largest_mean_angle(classes)
    assert most - 0.01 < sphere.mean_angle(spread) <= most + 1e-9
    apart = sphere.spread_out(
        classes, dim, goal="minimum", seed=seed, steps=300
    )
    assert sphere.smallest_angle(apart) <= simplex_angle(classes) + 1e-9


def test_search_reaches_the_simplex_where_there_is_room():
    apart = sphere.spread_out(5, 4, goal="minimum", steps=400)
    assert sphere.smallest_angle(apart) == pytest.approx(
        simplex_angle(5), abs=2e-3
    )
    corners = sphere.simplex(7)
    assert sphere.smallest_angle(corners) == pytest.approx(simplex_angle(7))
    assert sphere.mean_angle(corners) == pytest.approx(simplex_angle(7))


@pytest.mark.parametrize("classes", [5, 10, 100])
def test_opposite_bundles_reach_the_largest_mean(classes):
    draw = np.random.default_rng(classes)
    sides = np.where(np.arange(classes) % 2, 1.0, -1.0)
    bundles = sides[:, None] * np.eye(8)[0]
    bundles = bundles + 1e-9 * draw.normal(size=bundles.shape)
    assert sphere.mean_angle(bundles) == pytest.approx(
        largest_mean_angle(classes), abs=1e-6
    )


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


# ------------------------------------------------- claims


PINNED = [
    line.split("\t")
    for line in (Path(__file__).parent / "verdicts.tsv")
    .read_text()
    .splitlines()
]


def test_every_claim_has_a_pinned_verdict(ledger):
    found = [
        [item.paper, item.item, item.verdict, item.basis, item.in_print]
        for item in ledger
        if item.kind == "claim"
    ]
    assert found == PINNED


@pytest.mark.parametrize(
    ("paper", "name"), [(paper, name) for paper, name, *_ in PINNED]
)
def test_claim(paper, name):
    """Whatever is drawn at random, the verdict is the pinned one."""
    (pinned,) = (row[2] for row in PINNED if row[:2] == [paper, name])
    seeded = verdicts.takes_seed("claim", paper, name)
    for seed in SEEDS if seeded else (0,):
        options = {"seed": seed} if seeded else {}
        found = verdicts.finding("claim", paper, name, **options)
        assert found.verdict == pinned


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 2, verdicts.REPLICATED),
        (-2, -0.1, verdicts.NOT_REPLICATED),
        (-1, 1, verdicts.CLOSE),
    ],
)
def test_verdict_of_an_interval(low, high, verdict):
    assert verdicts.by_interval(low, high) == verdict


def test_verdict_of_several_parts():
    yes, no, close = (
        verdicts.REPLICATED,
        verdicts.NOT_REPLICATED,
        verdicts.CLOSE,
    )
    assert verdicts.all_of([yes, yes]) == yes
    assert verdicts.all_of([yes, close]) == close
    assert verdicts.all_of([close, no, yes]) == no


def uci_records(better: dict, spread=0.4, seed=0):
    """Folds of every cell of Table I, some columns better by so much."""
    draw = np.random.default_rng(seed)
    names = papers.table("arcgrad", "table1")["dataset"].unique()
    found = {}
    for name in names:
        shared = 80 + draw.normal(size=100)
        for column in ("ArcGrad5", "ArcGrad30", *records.RIVALS):
            noise = spread * draw.normal(size=100)
            found[name, column] = shared + better.get(column, 0) + noise
    return found


@pytest.fixture
def measured(monkeypatch):
    """Have the records of Table I say something."""

    def say(better, **options):
        found = uci_records(better, **options)
        kept = {"arcgrad.table1": found}
        monkeypatch.setattr(records, "full", kept.get)
        monkeypatch.setattr(
            records.tables,
            "folds",
            lambda name, column, kept: kept[name, column],
        )

    return say


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("better", "soft", "best", "everywhere"),
    [
        ({"ArcGrad5": 3, "Soft": 1}, "replicated", "replicated", "replicated"),
        (
            {"ArcGrad5": -3, "Soft": -1},
            "not replicated",
            "not replicated",
            "not replicated",
        ),
    ],
)
def test_claims_follow_the_records(
    measured, better, soft, best, everywhere, seed
):
    measured(better, seed=seed)
    assert records.soft_average().verdict == soft
    assert records.best_average().verdict == best
    assert records.consistently().verdict == everywhere


def test_equal_losses_are_too_close_to_call(measured):
    measured({}, spread=3.0)
    assert records.best_average().verdict == verdicts.CLOSE
    assert records.consistently().verdict == verdicts.CLOSE


def curve(accuracy):
    """Rows of Fig. 2, as `depth.curve` gives them."""
    import pandas as pd

    return pd.DataFrame(
        [
            (column, layers, value, value - 1, value + 1)
            for column, values in accuracy.items()
            for layers, value in zip((3, 10), values)
        ],
        columns=["column", "layers", "mean", "low", "high"],
    )


@pytest.mark.parametrize(
    ("deep", "ours", "chance", "decay"),
    [
        (30, 90, "replicated", "replicated"),
        (90, 40, "not replicated", "not replicated"),
    ],
)
def test_claims_on_depth_follow_the_records(
    monkeypatch, deep, ours, chance, decay
):
    accuracy = dict.fromkeys(records.RIVALS, (95, deep))
    accuracy |= dict.fromkeys(records.SCALES, (95, ours))
    monkeypatch.setattr(records, "full", lambda id: [])
    monkeypatch.setattr(records.depth, "curve", lambda kept: curve(accuracy))
    assert records.chance_at_ten().verdict == chance
    assert records.smallest_decay().verdict == decay
    accuracy["ArcGrad30"] = (95, deep)
    found = records.smallest_decay()
    assert found.verdict == "too close to call"
    assert found.found["ArcGrad30"] == 95 - deep


def test_a_network_that_gives_one_class_has_less_than_a_third():
    assert records.collapsed() == pytest.approx(21.93, abs=0.01)


@pytest.mark.parametrize("left_out", ["Soft", "ArcFace", "AdaCos"])
def test_each_of_the_three_has_to_be_at_chance(monkeypatch, left_out):
    accuracy = dict.fromkeys(("Soft", "ArcFace", "AdaCos"), (95, 25))
    monkeypatch.setattr(records, "full", lambda id: [])
    monkeypatch.setattr(records.depth, "curve", lambda kept: curve(accuracy))
    assert records.chance_at_ten().verdict == "replicated"
    accuracy[left_out] = (95, 60)
    assert records.chance_at_ten().verdict == "not replicated"


def test_stale_records_do_not_judge(monkeypatch):
    runs = experiments.runs("arcgrad.fig2", "full")
    found = [run | {"stale": False} for run in runs]
    monkeypatch.setattr(experiments, "records", lambda id, profile: found)
    monkeypatch.setattr(records.results, "files", lambda id, profile: [])
    records._full.cache_clear()
    assert records.full("arcgrad.fig2") == found
    found[3]["stale"] = True
    records._full.cache_clear()
    assert records.full("arcgrad.fig2") is None
    records._full.cache_clear()


def test_without_records_nothing_is_called_measured(monkeypatch):
    monkeypatch.setattr(records, "full", lambda id: None)
    for paper, name in MEASURED_ON_UCI:
        found = verdicts.finding("claim", paper, name)
        assert found.verdict == verdicts.UNMEASURED
        assert not found.measured


def test_the_scale_of_the_two_papers_turns_round_with_time():
    found = arcgrad_claims.smaller().found
    assert found["larger s leads early"] and found["smaller s leads late"]
    assert angular_claims.larger().found["falls"]


IN_PRINT = {
    ("arcgrad", "three-of-four"): verdicts.NOISE,
    ("arcgrad", "higher-15-5"): verdicts.FOLLOWS,
    ("arcgrad", "consistently"): verdicts.FAILS,
    ("arcgrad", "adacos-inter"): verdicts.FAILS,
    ("arcgrad", "center-slightly"): verdicts.FAILS,
    ("arcgrad", "epochs"): verdicts.NOISE,
    ("angular-learning", "both-enlarged"): verdicts.FAILS,
    ("angular-learning", "center-declines-inter"): verdicts.FAILS,
    ("angular-learning", "fashion-best"): verdicts.FAILS,
    ("angular-learning", "state-of-the-art"): verdicts.FAILS,
    ("iam", "eq3-greatly"): verdicts.FOLLOWS,
    ("iam", "even-better"): verdicts.NOISE,
    ("iam", "improves-all"): verdicts.NOISE,
    ("mnist-cosine", "combined-better"): verdicts.NOISE,
    ("mnist-cosine", "maximum-at-0-5"): verdicts.NOISE,
    ("mnist-cosine", "beats-softmax"): verdicts.FAILS,
}


@pytest.mark.parametrize(("paper", "name"), IN_PRINT, ids=lambda x: x)
def test_what_the_printed_numbers_say(paper, name):
    found = verdicts.finding("claim", paper, name)
    assert found.in_print == IN_PRINT[paper, name]


@pytest.mark.parametrize(
    ("paper", "table", "row", "column", "text", "name", "in_print"),
    [
        (
            *("arcgrad", "table5", "ArcGrad", "Top-5", "95.00"),
            *("three-of-four", verdicts.FAILS),
        ),
        (
            *("arcgrad", "table7", "10", "ArcGrad", "86.00"),
            *("higher-15-5", verdicts.FAILS),
        ),
        (
            *("mnist-cosine", "table1", "1", "combined", "99.60"),
            *("combined-better", verdicts.FOLLOWS),
        ),
        (
            *("iam", "table3", "0.8", "LFW", "98.600"),
            *("eq3-greatly", verdicts.NOISE),
        ),
    ],
)
def test_other_numbers_would_say_otherwise(
    reprint, paper, table, row, column, text, name, in_print
):
    reprint(paper, "tables", table, row, column, text)
    assert verdicts.finding("claim", paper, name).in_print == in_print


# ------------------------------------------------- pages


def test_six_findings_rest_on_items(ledger):
    found = report.findings(ledger)
    assert len(found) == 6
    for title, text, item in found:
        assert title and len(text) > 40
        assert item in ledger


def test_pages_hold_every_item_once(ledger):
    for paper in audit.PAPERS:
        page = report.errata(ledger, paper).data
        page += report.standing(ledger).data
        page += report.claims(ledger, paper).data
        page += report.tables(ledger).data
        for item in ledger:
            if item.paper == paper:
                assert page.count(f'<span id="{item.anchor}">') == 1


def test_scorecard_changes_with_a_record(measured):
    measured({"ArcGrad5": 3, "Soft": 1, "AdaCos": -20})
    found = report.findings(audit.items())
    title, text, item = found[0]
    assert title.endswith(item.verdict) and item.verdict == "replicated"
    assert "Measured: ArcGrad5 minus Soft: +2" in text


def test_leads_are_those_of_the_tables():
    gaps = dict(leads.all_leads())
    assert gaps["ArcGrad, CIFAR10+, best other"].items == pytest.approx(13)
    assert len(gaps) == len(leads.all_leads())


def test_same_set_up_is_found():
    assert abs(two_papers.soft_on_cifar100()["gap"] - 1.81) < 1e-9
    assert math.isclose(len(two_papers.same_setup()), 16)
