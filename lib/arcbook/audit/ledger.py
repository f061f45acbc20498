"""The ledger: one item for every equation, table and claim."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import chain

from arcbook import papers
from arcbook.audit import (
    angular_equations,
    arcgrad_equations,
    cost,
    equations,
    iam_equations,
    mnist_equations,
    rule,
    verdicts,
)
from arcbook.audit.algebra import PROOFS
from arcbook.audit.equations import Check, Judgement, judge
from arcbook.audit.tables import CHECKS as CHECKS_OF_TABLES

PAPERS = ("arcgrad", "angular-learning", "iam", "mnist-cosine")
CHECKS: dict[tuple[str, str], Check] = {
    (paper, number): check
    for paper, module in (
        ("arcgrad", arcgrad_equations),
        ("angular-learning", angular_equations),
        ("iam", iam_equations),
        ("mnist-cosine", mnist_equations),
    )
    for number, check in module.CHECKS.items()
}
VERDICTS = {
    "equation": equations.VERDICTS,
    "table": tuple(verdicts.OF_TABLES),
    "claim": tuple(verdicts.OF_CLAIMS),
}
ROMAN = {arabic: roman for roman, arabic in papers.ARABIC.items()}


@dataclass(frozen=True)
class Item:
    """One line of the ledger.

    Attributes:
        paper: its file's name in `data/papers/`.
        item: such as "Eq. 16", "Table I" or the id of a claim.
        kind: "equation", "table" or "claim".
        verdict: of an equation one of `equations.VERDICTS`, of a table one
            of `verdicts.OF_TABLES`, of a claim one of `verdicts.OF_CLAIMS`.
        printed: LaTeX, caption or sentence, as printed.
        correct: what should stand there; empty where that stands.
        why: one to three sentences.
        in_print, measured: of a claim, what the paper's own numbers and what
            the book's records say.
        place: of a claim, its section.
        found: the numbers behind the verdict.
        evidence: test, page and record, by name.
        basis: what the verdict rests on: "derived", "print" or "measured".
        caution: what a reader has to bear in mind, in a few words.
    """

    paper: str
    item: str
    kind: str
    verdict: str
    printed: str
    correct: str
    why: str
    in_print: str = ""
    measured: str = ""
    place: str = ""
    found: dict = field(default_factory=dict)
    evidence: dict = field(default_factory=dict)
    basis: str = verdicts.PRINT
    caution: str = ""

    @property
    def anchor(self) -> str:
        """Its place on the page that lists it."""
        return papers.anchor(self.paper, self.item)


def items(*, seed: int = 0) -> list[Item]:
    """Judge everything.

    Gives equations, tables and claims of the four papers, in their order.
    Raises AuditError: an equation holds neither as printed nor as corrected.
    Raises KeyError: an equation or a table has no check.
    """
    return [
        one
        for paper in PAPERS
        for one in (*_equations(paper, seed), *_tables(paper), *_claims(paper))
    ]


def item(paper: str, name: str) -> Item:
    """One line of the ledger, judged alone.

    Raises ValueError: no such paper or item, or one without a verdict.
    """
    if name in papers.names(paper, "claims"):
        return claims(paper, [name])[0]
    for one in chain(_equations(paper, 0), _tables(paper)):
        if one.item == name:
            return one
    raise ValueError(f"{paper} has no equation, table or claim {name!r}")


def claims(paper: str, names: Iterable[str]) -> list[Item]:
    """Judge some claims of a paper, and nothing else.

    Gives their items, in the order of the names. Raises ValueError: no such
    paper or claim, or one that only describes a set-up and so has no verdict.
    """
    chosen = [(name, papers.claim(paper, name)) for name in names]
    for name, claim in chosen:
        if claim.get("setting"):
            raise ValueError(
                f"{paper}, {name} describes a set-up, so it has no verdict"
            )
    return [_claim(paper, name, claim) for name, claim in chosen]


def as_dictionary(item: Item) -> dict:
    """An item as plain values, for JSON."""
    return asdict(item) | {
        "found": {k: _plain(v) for k, v in item.found.items()}
    }


def _equations(paper, seed):
    for number in papers.names(paper, "equations"):
        name = f"Eq. {number}" if number.isdigit() else number
        judgement = judge(
            CHECKS[paper, number], f"[{paper}, {name}]", seed=seed
        )
        printed = papers.equation(paper, number)
        yield _with_evidence(
            Item(
                paper,
                name,
                "equation",
                judgement.verdict,
                printed.latex,
                printed.right,
                printed.why,
                found=_errors(judgement),
                basis=verdicts.DERIVED,
                caution=printed.caution,
            ),
            f"test_equation[{paper}-{number}]",
            printed.page,
        )


def _errors(judgement: Judgement) -> dict:
    found = {"relative error as printed": judgement.error}
    if judgement.other_error is not None:
        found["relative error of the right form"] = judgement.other_error
    return found


def _tables(paper):
    for name in papers.names(paper, "tables"):
        verdict, found = CHECKS_OF_TABLES[paper, name]()
        facts = papers.facts(paper, name)
        number = name.removeprefix("table")
        number = ROMAN[number] if paper == "arcgrad" else number
        yield _with_evidence(
            Item(
                paper,
                f"Table {number}",
                "table",
                verdict,
                facts["caption"],
                facts.get("correct", ""),
                facts["why"].format(**found),
                found=found,
            ),
            f"test_table[{paper}-{name}]",
            facts.get("page", ""),
            facts.get("experiment", ""),
        )


def _claims(paper):
    for name in papers.names(paper, "claims"):
        claim = papers.claim(paper, name)
        if not claim.get("setting"):
            yield _claim(paper, name, claim)


def _claim(paper, name, claim):
    proof = PROOFS.get((paper, name))
    holds, found = proof() if proof else (None, {})
    printed, measured = (
        rule.judge(paper, claim["says"], kind) if "says" in claim else None
        for kind in (rule.PRINT, rule.MEASURED)
    )
    if (paper, name) == cost.CLAIM:
        measured = cost.judge()
    in_print = claim.get("in_print") or verdicts.word(rule.PRINT, printed)
    text = verdicts.measured(measured)
    if holds is not None:
        verdict = holds if isinstance(holds, str) else verdicts.holds(holds)
        basis = verdicts.DERIVED
        text = "derived"
    elif measured and measured.answer is not None:
        verdict, basis = (
            verdicts.word(rule.MEASURED, measured),
            verdicts.MEASURED,
        )
    else:
        settled = claim.get("only") == verdicts.PRINT
        verdict = in_print if settled else verdicts.UNMEASURED
        basis = verdicts.PRINT
    if verdict == verdicts.SLIP:
        text, basis = "read in the paper", verdicts.PRINT
    cautions = [claim.get("caution")]
    if basis == verdicts.MEASURED and measured.one_run:
        cautions.append(verdicts.ONE_SEED)
    for kind, side in (("in print", printed), ("measured", measured)):
        gaps = side.gaps if side else {}
        found |= {f"{kind}, {k}": str(x) for k, x in gaps.items() if x}
    return _with_evidence(
        Item(
            paper,
            name,
            "claim",
            verdict,
            claim["printed"],
            "" if verdict == verdicts.REPLICATED else claim.get("correct", ""),
            claim["why"].format(**found),
            in_print,
            text,
            claim["place"],
            found,
            basis=basis,
            caution="; ".join(filter(None, cautions)),
        ),
        f"test_claim[{paper}-{name}]",
        claim.get("page", ""),
        claim.get("experiment", ""),
    )


def _with_evidence(item, test, page, experiment=""):
    evidence = {
        "test": f"tests/test_audit.py::{test}",
        "page": f"notebooks/{papers.address(item.paper, item.item)}",
    }
    if page:
        evidence["derivation"] = f"notebooks/{page}"
    if "." in experiment:
        evidence["record"] = f"data/results/{experiment}"
    return Item(**{**item.__dict__, "evidence": evidence})


def _plain(value):
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, (bool, int, float, str)) else str(value)
