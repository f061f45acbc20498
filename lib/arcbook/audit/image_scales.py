"""What the six scales on Fashion-MNIST have to show."""

from __future__ import annotations

from arcbook.audit.image_intervals import Cell, Part
from arcbook.experiments.fashion import SCALES

FIG5 = "angular-learning.fig5"
STEPS = (
    "Measured on Fashion-MNIST, from each of s = "
    + ", ".join(f"{s:g}" for s in SCALES)
    + " to the next."
)


def scales(direction: float) -> list[Part]:
    """WC-Intra from each scale to the next: 1 for falls, −1 for rises."""
    cells = [Cell(FIG5, {"s": s}, "wc_intra") for s in SCALES]
    return [
        Part(
            "s = {:g} − s = {:g}, WC-Intra (degrees)".format(
                *((a, b) if direction > 0 else (b, a))
            ),
            ((direction, first), (-direction, second)),
        )
        for a, b, first, second in zip(
            SCALES, SCALES[1:], cells, cells[1:], strict=False
        )
    ]


def by_scale() -> list[Part]:
    """Accuracy of each scale above 3 against 1 and 3."""
    return [
        Part(
            f"accuracy, s = {high:g} − s = {low:g}",
            (
                (1.0, Cell(FIG5, {"s": high}, "accuracy")),
                (-1.0, Cell(FIG5, {"s": low}, "accuracy")),
            ),
        )
        for high in SCALES
        for low in SCALES
        if low <= 3 < high
    ]
