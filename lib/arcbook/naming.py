"""Names that are not known, and what is said of them."""

import difflib


def close(name, known) -> str:
    """Which known names are like this one, as a question; "" if none is."""
    found = difflib.get_close_matches(str(name), list(known))
    return f"did you mean {' or '.join(found)}?" if found else ""


def unknown(what: str, name, known) -> str:
    """That there is no such name, which are close, and which there are."""
    there = f"there are {', '.join(known) or 'none'}"
    hint = f"{close(name, known)} {there}".strip()
    return f"there is no {what} {name!r}; {hint}"


def refuse_unknown(what: str, given, known) -> None:
    """Raises ValueError for the first that is not among the known ones."""
    for one in given:
        if one not in known:
            raise ValueError(unknown(what, one, known))
