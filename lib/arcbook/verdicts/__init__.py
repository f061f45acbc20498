"""Sentences that a chapter draws from its numbers, whatever they are."""

LEVEL = 0.05
NOT_YET = "Not measured yet, so there is no answer here."
TOO_FEW = (
    "Too few data sets are measured in every column, so there is no answer "
    "here yet."
)


def listed(words) -> str:
    """Words as a list in a sentence; "none" where there are none."""
    words = [str(word) for word in words]
    if len(words) < 2:
        return words[0] if words else "none"
    return f"{', '.join(words[:-1])} and {words[-1]}"
