"""Claims as a page quotes them."""

from __future__ import annotations

from collections.abc import Iterable

from arcbook.audit import Item


def quoted(items: Iterable[Item]) -> str:
    """Each claim as printed, with what print and records say of it.

    Args:
        items: as from `audit.claims`.
    """
    return "\n\n".join(
        f"> {item.printed} [{item.paper}, {item.place}]\n\n"
        f"*{capital(item.verdict)}.* "
        + (f"By its own numbers: {item.in_print}. " if item.in_print else "")
        + item.why
        + (f" Measured: {item.measured}." if item.measured else "")
        for item in items
    )


def capital(text: str) -> str:
    """A sentence's beginning."""
    return text[:1].upper() + text[1:]
