"""Every printed equation, table and claim, with a verdict and its evidence.

Examples:
    >>> from arcbook import audit
    >>> ledger = audit.items()
    >>> {item.kind for item in ledger} == {"equation", "table", "claim"}
    True
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain

from arcbook import papers
from arcbook.audit import cost, rule, verdicts
from arcbook.audit.algebra import PROOFS
from arcbook.audit.equations import Check, judge
from arcbook.audit.group_equations import OF_ANGULAR, OF_ARCGRAD
from arcbook.audit.shared_equations import OF_IAM, OF_MNIST
from arcbook.audit.tables import CHECKS as OF_TABLES

PAPERS = ("arcgrad", "angular-learning", "iam", "mnist-cosine")
CHECKS: dict[tuple[str, str], Check] = {
    (paper, number): check
    for paper, checks in zip(
        PAPERS, (OF_ARCGRAD, OF_ANGULAR, OF_IAM, OF_MNIST)
    )
    for number, check in checks.items()
}
VERDICTS = {
    "equation": verdicts.OF_EQUATIONS,
    "table": verdicts.OF_TABLES,
    "claim": tuple(verdicts.OF_CLAIMS),
}
RANK = (rule.MEASURED, rule.REDUCED)
ROMAN = {arabic: roman for roman, arabic in papers.ARABIC.items()}


@dataclass(frozen=True)
class Item:
    """One line of the ledger.

    Attributes:
        paper: its file's name in `data/papers/`.
        item: such as "Eq. 16", "Table I" or the id of a claim.
        kind, verdict: one of `VERDICTS`, and one of its words.
        printed: LaTeX, caption or sentence, as printed.
        correct: what should stand there; empty where that stands.
        why: one to three sentences.
        in_print, measured, reduced: of a claim, what the paper's own numbers
            say, what full records do, and what those at reduced scale do.
        place: of a claim, its section.
        found: the numbers behind the verdict.
        evidence: test, page and record, by name.
        basis: what the verdict rests on: "derived", "print", "measured" or
            "reduced".
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
    reduced: str = ""
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
    """The whole ledger: equations, tables and claims, paper by paper.

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

    Raises ValueError: no such paper or claim, or one that only describes a
    set-up and so has no verdict.
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
    return json.loads(json.dumps(vars(item), default=_plain))


def _equations(paper, seed):
    for number in papers.names(paper, "equations"):
        name = f"Eq. {number}" if number.isdigit() else number
        found = judge(CHECKS[paper, number], f"[{paper}, {name}]", seed=seed)
        errors = {"relative error as printed": found.error}
        if found.other_error is not None:
            errors["relative error of the right form"] = found.other_error
        printed = papers.equation(paper, number)
        item = Item(
            paper,
            name,
            "equation",
            found.verdict,
            printed.latex,
            printed.right,
            printed.why,
            found=errors,
            basis=verdicts.DERIVED,
            caution=printed.caution,
        )
        yield _with_evidence(item, number, {"page": printed.page})


def _tables(paper):
    for name in papers.names(paper, "tables"):
        verdict, found = OF_TABLES[paper, name]()
        facts = papers.facts(paper, name)
        number = name.removeprefix("table")
        item = Item(
            paper,
            f"Table {ROMAN[number] if paper == 'arcgrad' else number}",
            "table",
            verdict,
            facts["caption"],
            facts.get("correct", ""),
            facts["why"].format(**found),
            found=found,
        )
        yield _with_evidence(item, name, facts)


def _claims(paper):
    for name in papers.names(paper, "claims"):
        claim = papers.claim(paper, name)
        if not claim.get("setting"):
            yield _claim(paper, name, claim)


def _claim(paper, name, claim):
    proof = PROOFS.get((paper, name))
    holds, found = proof() if proof else (None, {})
    says, reading = claim.get("says"), claim.get("reduced", {})
    sides = dict.fromkeys((rule.PRINT, rule.MEASURED), says)
    sides[rule.REDUCED] = reading.get("says", says)
    sides = {
        kind: rule.judge(paper, one, kind) if one else None
        for kind, one in sides.items()
    }
    if (paper, name) == cost.CLAIM:
        sides[rule.MEASURED] = cost.judge()
    printed, measured, reduced = sides.values()
    in_print = claim.get("in_print") or verdicts.word(rule.PRINT, printed)
    why, text, basis = (
        claim["why"],
        verdicts.measured(measured),
        verdicts.PRINT,
    )
    best = next((k for k in RANK if verdicts.word(k, sides[k])), None)
    if holds is not None:
        answers = {True: verdicts.REPLICATED, False: verdicts.NOT_REPLICATED}
        verdict = holds if isinstance(holds, str) else answers[bool(holds)]
        text = basis = verdicts.DERIVED
    elif best:
        verdict, basis = verdicts.word(best, sides[best]), best
        if best == rule.REDUCED and "why" in reading:
            why = f"{why} {reading['why']}"
    else:
        settled = claim.get("only") == verdicts.PRINT
        verdict = in_print if settled else verdicts.UNMEASURED
    if verdict == verdicts.SLIP:
        text, basis = "read in the paper", verdicts.PRINT
    cautions = [claim.get("caution")]
    if best and basis == best and sides[best].one_run:
        cautions.append(verdicts.ONE_SEED)
    for kind, side in zip(("in print", "measured", "reduced"), sides.values()):
        gaps = side.gaps if side else {}
        found |= {f"{kind}, {k}": str(x) for k, x in gaps.items() if x}
    item = Item(
        paper,
        name,
        "claim",
        verdict,
        claim["printed"],
        "" if verdict == verdicts.REPLICATED else claim.get("correct", ""),
        why.format(**found),
        in_print,
        text,
        verdicts.measured(reduced, rule.REDUCED),
        claim["place"],
        found,
        basis=basis,
        caution="; ".join(filter(None, cautions)),
    )
    return _with_evidence(item, name, claim)


def _with_evidence(item, name, facts):
    file = "claims" if item.kind == "claim" else "audit"
    test = f"test_{item.kind}[{item.paper}-{name}]"
    evidence = {
        "test": f"tests/test_{file}.py::{test}",
        "page": f"notebooks/{papers.address(item.paper, item.item)}",
    }
    if facts.get("page"):
        evidence["derivation"] = f"notebooks/{facts['page']}"
    if "." in facts.get("experiment", ""):
        evidence["record"] = f"data/results/{facts['experiment']}"
    return replace(item, evidence=evidence)


def _plain(value):
    return value.item() if hasattr(value, "item") else str(value)
