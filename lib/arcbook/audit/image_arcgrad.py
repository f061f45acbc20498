"""What ArcGrad's claims on images come to in full records.

Angles are read from the runs of the accuracy tables, which have five seeds
where the angle tables have one of them.
"""

from __future__ import annotations

from arcbook.audit import cost
from arcbook.audit.image_intervals import Cell, Part
from arcbook.audit.image_rules import (
    ANGLE_ERROR,
    ANGLES,
    FIVE,
    ONE,
    Rule,
    above,
    below,
    near,
    one,
    register,
)
from arcbook.audit.image_scales import STEPS, scales
from arcbook.audit.verdicts import from_records
from arcbook.experiments.cifar import ARCGRAD_EPOCHS, SHARES

OTHERS = ("Soft", "Center", "M-Soft", "ArcFace", "AdaCos")
A4, A5, A7 = "arcgrad.table4", "arcgrad.table5", "arcgrad.table7"
TEN, PLUS, HUNDRED = "CIFAR10", "CIFAR10+", "CIFAR100+"


def lead_when_cut(rival: str) -> list[Part]:
    """ArcGrad's lead on half of the images and less: there, and larger."""
    few = [share for share in SHARES if share <= 0.5]
    many = [share for share in SHARES if share > 0.5]

    def lead(shares, sign):
        return tuple(
            (
                sign * side / len(shares),
                Cell(
                    "arcgrad.fig3",
                    {"column": column, "share": share},
                    "accuracy",
                ),
            )
            for share in shares
            for side, column in ((1, "ArcGrad"), (-1, rival))
        )

    return [
        Part(f"lead over {rival}, 50% and less", lead(few, 1)),
        Part(
            f"lead over {rival}, 50% and less against more",
            lead(few, 1) + lead(many, -1),
        ),
    ]


FIFTEEN = above(A7, "accuracy", "ArcGrad", ["Soft"], epochs=10)[0]
TABLES_4_AND_5 = (
    (A4, "accuracy", PLUS),
    (A4, "accuracy", TEN),
    (A5, "accuracy", HUNDRED),
    (A5, "top-5 accuracy", HUNDRED),
)
ARCGRAD = {
    "smaller-s-tighter": one(
        f"{STEPS} {ANGLE_ERROR}",
        scales(-1.0),
    ),
    "margin-not-needed": one(
        "Measured as ArcGrad above M-Soft and ArcFace on CIFAR10+ and "
        f"CIFAR10. {FIVE}",
        *(
            above(
                A4, "accuracy", "ArcGrad", ("M-Soft", "ArcFace"), benchmark=b
            )
            for b in (PLUS, TEN)
        ),
    ),
    "three-of-four": Rule(
        f"Measured as best on at least three. {FIVE}",
        tuple(
            tuple(above(id, metric, "ArcGrad", OTHERS, benchmark=b))
            for id, metric, b in TABLES_4_AND_5
        ),
        need=3,
    ),
    "less-data": one(
        "Measured as a mean lead on 10% to 50% of the images that is there, "
        f"and larger than that on 60% to 100%. {ONE}",
        *(lead_when_cut(rival) for rival in ("ArcFace", "Soft", "AdaCos")),
    ),
    "center-slightly": one(
        "Measured as a WC-Intra below Soft's, and above three quarters of "
        f"it. {FIVE}",
        *(
            below(A4, "wc_intra", column, ["Soft"], benchmark=TEN)
            for column in ("Center", "M-Soft")
        ),
        [
            Part(
                f"{column} − 0.75 × Soft, WC-Intra (degrees)",
                (
                    (
                        1.0,
                        Cell(
                            A4,
                            {"benchmark": TEN, "column": column},
                            "wc_intra",
                        ),
                    ),
                    (
                        -0.75,
                        Cell(
                            A4,
                            {"benchmark": TEN, "column": "Soft"},
                            "wc_intra",
                        ),
                    ),
                ),
            )
            for column in ("Center", "M-Soft")
        ],
    ),
    "adacos-inter": one(
        f"Measured as all three angles below Soft's. {FIVE}",
        *(
            below(A4, metric, "AdaCos", ["Soft"], benchmark=TEN)
            for metric in ("wc_intra", *ANGLES)
        ),
    ),
    "both-enhanced": one(
        "Measured as inter-class angles above Soft's and a WC-Intra below "
        f"half of it. {FIVE}",
        *(
            above(A4, metric, column, ["Soft"], benchmark=TEN)
            for column in ("ArcFace", "ArcGrad")
            for metric in ANGLES
        ),
        *(
            below(A4, "wc_intra", column, ["Soft"], share=0.5, benchmark=TEN)
            for column in ("ArcFace", "ArcGrad")
        ),
    ),
    "histogram": one(
        "Measured as a mean angle to the own class vector below Soft's over "
        f"the first quarter of training, and at its end. {FIVE}",
        *(
            below(A4, metric, "ArcGrad", ["Soft"], benchmark=TEN)
            for metric in ("early intra_train", "late intra_train")
        ),
    ),
    "epochs": one(
        f"Measured at every number of epochs against every loss. {ONE}",
        *(
            above(A7, "accuracy", "ArcGrad", OTHERS, epochs=epochs)
            for epochs in ARCGRAD_EPOCHS
        ),
    ),
    "higher-15-5": one(
        f"Measured as within 2 points of 15.5. {ONE}",
        near(FIFTEEN, 15.5, 2.0),
    ),
}
register("arcgrad", ARCGRAD)
from_records("arcgrad", "cost-3-4", cost.judge)
