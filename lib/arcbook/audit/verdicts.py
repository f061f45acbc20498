"""The words of the audit."""

from __future__ import annotations

from arcbook.audit import rule as judged

CONFIRMED = "confirmed"
CONSISTENT = "consistent"  # all that can be recomputed agrees
MISPRINT = "misprint"  # of a table: a cell is certainly not what was measured
WRONG = "wrong"
IMPOSSIBLE = "impossible"  # no data can give a cell
CONTRADICTED = "contradicted"  # another printed table says otherwise
ASSUMES = "needs an assumption"  # it holds if something unsaid does
UNCHECKED = "cannot be checked"  # nothing in it can be recomputed
OF_EQUATIONS = (CONFIRMED, MISPRINT, WRONG, ASSUMES, UNCHECKED)
OF_TABLES = (CONSISTENT, MISPRINT, IMPOSSIBLE, CONTRADICTED)
OF_TABLES += (ASSUMES, UNCHECKED)

REPLICATED = "replicated"
NOT_REPLICATED = "not replicated"
CLOSE = "too close to call"
UNMEASURED = "not measured yet"
SLIP = "a slip"
FOLLOWS = "follows from the printed numbers"
FAILS = "contradicted by the printed numbers"
NOISE = "within the error of the printed numbers"
AT_REDUCED = {
    word: f"{word} at reduced scale"
    for word in (REPLICATED, NOT_REPLICATED, CLOSE)
}
OF_CLAIMS = {
    REPLICATED: "it holds, by algebra or as measured",
    NOT_REPLICATED: "it does not hold, by algebra or as measured",
    CLOSE: "what was measured leaves it open",
    AT_REDUCED[REPLICATED]: "it holds on a smaller scale than the paper's",
    AT_REDUCED[NOT_REPLICATED]: (
        "it does not hold on a smaller scale than the paper's"
    ),
    AT_REDUCED[CLOSE]: "the smaller scale leaves it open",
    ASSUMES: "it holds if something unsaid does",
    FOLLOWS: "settled in print, and no record of this book can",
    FAILS: "contradicted in print, and no record of this book can help",
    NOISE: "open in print, and no record of this book can settle it",
    SLIP: "a reference, a name or a count is wrong, and nothing rests on it",
    UNMEASURED: "a record of this book could settle it, and there is none",
}

DERIVED, PRINT, MEASURED = "derived", judged.PRINT, judged.MEASURED
REDUCED = judged.REDUCED
ONE_SEED = "one seed"
WORDS = {
    (PRINT, judged.YES): FOLLOWS,
    (PRINT, judged.MAYBE): NOISE,
    (PRINT, judged.NO): FAILS,
    (MEASURED, judged.YES): REPLICATED,
    (MEASURED, judged.MAYBE): CLOSE,
    (MEASURED, judged.NO): NOT_REPLICATED,
}
WORDS |= {
    (REDUCED, answer): AT_REDUCED[word]
    for (kind, answer), word in WORDS.items()
    if kind == MEASURED
}


def word(kind: str, side: judged.Judged | None) -> str:
    """The word for an answer of a side; empty without one."""
    return WORDS.get((kind, side.answer), "") if side else ""


def measured(side: judged.Judged | None, kind: str = MEASURED) -> str:
    """What was measured, with the word of each reading."""
    if not side:
        return ""
    text = judged.written(side.gaps)
    if side.readings:
        words = [WORDS.get((kind, x), UNMEASURED) for x in side.readings]
        said = ", ".join(words)
        if len(set(words)) == 1:
            said = f"{words[0]}, all {len(words)} of them"
        text = f"the readings say {said}; {text}"
    return text
