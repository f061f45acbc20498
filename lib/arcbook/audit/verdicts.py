"""The words of the audit, and the findings on tables and claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

CONSISTENT = "consistent"
MISPRINT = "misprint"
IMPOSSIBLE = "impossible"
CONTRADICTED = "contradicted"
ASSUMES = "needs an assumption"
UNCHECKED = "cannot be checked"
OF_TABLES = {
    CONSISTENT: "all that can be recomputed agrees",
    MISPRINT: "a cell is certainly not what was measured",
    IMPOSSIBLE: "no data can give a cell",
    CONTRADICTED: "another printed table says otherwise of one set-up",
    ASSUMES: "it holds if something unsaid does",
    UNCHECKED: "nothing in it can be recomputed",
}

REPLICATED = "replicated"
NOT_REPLICATED = "not replicated"
CLOSE = "too close to call"
UNMEASURED = "not measured yet"
OF_CLAIMS = (REPLICATED, NOT_REPLICATED, CLOSE, UNMEASURED, ASSUMES)

DERIVED, PRINT, MEASURED = "derived", "print", "measured"
ONE_SEED = "one seed"
EXTRACTION = "possible extraction artefact"
PROTOCOL = "unknown protocol"

FOLLOWS = "follows from the printed numbers"
FAILS = "contradicted by the printed numbers"
NOISE = "within the error of the test set"
NO_RECORD = "There is no record of it."


@dataclass(frozen=True)
class Finding:
    """What the audit says of a table or a claim.

    Attributes:
        verdict: one of `OF_TABLES` or `OF_CLAIMS`.
        why: one to three sentences.
        correct: what should stand there, in words or LaTeX.
        in_print: for a claim, what the paper's own numbers say of it.
        measured: for a claim, what was measured, with its interval.
        found: numbers behind it, by name.
        page: where the book shows it, below `notebooks/`.
        basis: what the verdict rests on: "derived", "print" or "measured".
        caution: what a reader has to bear in mind, in a few words.
    """

    verdict: str
    why: str
    correct: str = ""
    in_print: str = ""
    measured: str = ""
    found: dict = field(default_factory=dict)
    page: str = ""
    basis: str = PRINT
    caution: str = ""


_RULES: dict[tuple[str, str, str], Callable[[], Finding]] = {}
_RECORDS: dict[tuple[str, str], Callable[[Finding], Finding]] = {}


def rule(kind: str, paper: str, name: str):
    """Register the function that judges a table or a claim.

    Args:
        kind: "table" or "claim".
        paper, name: as in `data/papers/`.
    """

    def keep(function):
        _RULES[kind, paper, name] = function
        return function

    return keep


def from_records(
    paper: str, name: str, judge: Callable[[Finding], Finding]
) -> None:
    """Register what adds the word of the records to a claim's finding."""
    _RECORDS[paper, name] = judge


def finding(kind: str, paper: str, name: str, **options) -> Finding:
    """Judge a table or a claim.

    Args:
        kind, paper, name: as in `rule`.
        **options: for the rule, such as `seed`, where it takes one.

    Returns:
        Its finding; of a claim without a rule, that it is not measured.

    Raises:
        KeyError: for a table that has no rule.
    """
    key = kind, paper, name
    judge = _RECORDS.get((paper, name)) if kind == "claim" else None
    if kind == "claim" and key not in _RULES:
        found = Finding(UNMEASURED, "" if judge else NO_RECORD)
    else:
        found = _RULES[key](**options)
    return judge(found) if judge else found


def takes_seed(kind: str, paper: str, name: str) -> bool:
    """Whether a rule draws at random."""
    function = _RULES.get((kind, paper, name))
    return function is not None and "seed" in function.__code__.co_varnames


def by_interval(low: float, high: float) -> str:
    """Verdict on "greater": an interval of the difference against 0."""
    if low > 0:
        return REPLICATED
    return NOT_REPLICATED if high < 0 else CLOSE


def all_of(verdicts) -> str:
    """Verdict on a claim of several parts."""
    verdicts = list(verdicts)
    for verdict in (NOT_REPLICATED, UNMEASURED, CLOSE):
        if verdict in verdicts:
            return verdict
    return REPLICATED
