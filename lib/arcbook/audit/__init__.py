"""Every printed equation, table and claim, with a verdict and its evidence.

Examples:
    >>> from arcbook import audit
    >>> ledger = audit.items()
    >>> {item.kind for item in ledger} == {"equation", "table", "claim"}
    True
"""

from arcbook.audit.ledger import (
    CHECKS,
    PAPERS,
    VERDICTS,
    Item,
    as_dictionary,
    claims,
    item,
    items,
)

__all__ = [
    "CHECKS",
    "PAPERS",
    "VERDICTS",
    "Item",
    "as_dictionary",
    "claims",
    "item",
    "items",
]
