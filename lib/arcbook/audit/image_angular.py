"""What Angular Learning's claims on images come to in full records.

Angles are read from the runs of the accuracy tables, which have five seeds
where the angle tables have one of them.
"""

from __future__ import annotations

from arcbook import papers
from arcbook.audit.image_intervals import Part
from arcbook.audit.image_rules import (
    ANGLE_ERROR,
    ANGLES,
    FIVE,
    ONE,
    above,
    below,
    beyond,
    beyond_records,
    one,
    register,
)
from arcbook.audit.image_scales import STEPS, by_scale, scales
from arcbook.audit.numbers import wide
from arcbook.experiments.cifar import ANGULAR_EPOCHS

THREE = ("Soft", "ArcFace", "Center")
T4, T5 = "angular-learning.table4", "angular-learning.table5"
T6, T7 = "angular-learning.table6", "angular-learning.table7"
TEN, PLUS, HUNDRED = "CIFAR10", "CIFAR10+", "CIFAR100+"


def against_cited(name: str, column: str, metric: str, **where) -> Part:
    """Arc's accuracy above the best of a table's cited methods."""
    rows = papers.rows("angular-learning", name)
    cited = [row for row, facts in rows.items() if facts.get("cited")]
    error = wide("angular-learning", name).loc[cited, column].min()
    return beyond(
        f"angular-learning.{name}",
        metric,
        100 - float(error),
        column="Arc",
        **where,
    )


TABLES_6_AND_7 = (
    (T6, "accuracy", TEN),
    (T6, "accuracy", PLUS),
    (T7, "accuracy", HUNDRED),
    (T7, "top-5 accuracy", HUNDRED),
)

ANGULAR = {
    "s-above-3": one(
        "Measured on Fashion-MNIST as accuracy, every s above 3 against 1 "
        f"and 3. {ONE}",
        by_scale(),
    ),
    "larger-s-smaller-angle": one(
        f"{STEPS} {ANGLE_ERROR}",
        scales(1.0),
    ),
    "center-declines-inter": one(
        f"Measured on CIFAR10+ and CIFAR100+. {FIVE}",
        *(
            below(id, metric, "Center", ["Soft"], benchmark=b)
            for id, b in ((T6, PLUS), (T7, HUNDRED))
            for metric in ANGLES
        ),
    ),
    "both-enlarged": one(
        "Measured on CIFAR100+ against Soft: larger inter-class angles and a "
        f"smaller WC-Intra. {FIVE}",
        *(
            above(T7, metric, column, ["Soft"], benchmark=HUNDRED)
            for column in ("ArcFace", "Arc")
            for metric in ANGLES
        ),
        *(
            below(T7, "wc_intra", column, ["Soft"], benchmark=HUNDRED)
            for column in ("ArcFace", "Arc")
        ),
    ),
    "tiny-arcface": one(
        "Measured on CIFAR10+ as a WC-Intra below every other loss's, and "
        f"below a tenth of Soft's. {FIVE}",
        below(
            T6,
            "wc_intra",
            "ArcFace",
            ("Soft", "Arc", "Center"),
            benchmark=PLUS,
        ),
        below(T6, "wc_intra", "ArcFace", ["Soft"], share=0.1, benchmark=PLUS),
    ),
    "histogram": one(
        "Measured for class 0 on CIFAR10 as a mean angle below Soft's over "
        f"the first quarter of training, and at its end. {FIVE}",
        *(
            below(T6, metric, "Arc", ["Soft"], benchmark=TEN)
            for metric in ("early intra_class0", "late intra_class0")
        ),
    ),
    "cosine-matrix": one(
        "Measured on all test images of CIFAR10 and CIFAR100+ against Soft: "
        'C-Inter above it, and WC-Intra below half of it, for "greatly". '
        f"{FIVE}",
        *(
            part(id, metric, column, ["Soft"], benchmark=b, **more)
            for id, b in ((T6, TEN), (T7, HUNDRED))
            for column in ("ArcFace", "Arc")
            for part, metric, more in (
                (above, "test_c_inter", {}),
                (below, "test_wc_intra", {"share": 0.5}),
            )
        ),
    ),
    "fashion-best": one(
        f"Measured as Arc and Center above Soft and ArcFace. {ONE}",
        *(
            above(T5, "accuracy", column, ("Soft", "ArcFace"))
            for column in ("Arc", "Center")
        ),
    ),
    "arc-best": one(
        "Measured as Arc above the three others, and ArcFace above Soft and "
        f"Center, in all four columns. {FIVE}",
        *(
            above(id, metric, column, others, benchmark=b)
            for id, metric, b in TABLES_6_AND_7
            for column, others in (
                ("Arc", THREE),
                ("ArcFace", ("Soft", "Center")),
            )
        ),
    ),
    "epochs": one(
        f"Measured at every number of epochs against every loss. {ONE}",
        *(
            above(T4, "accuracy", "Arc", THREE, epochs=epochs)
            for epochs in ANGULAR_EPOCHS
        ),
    ),
    "accelerates": one(
        "Measured as the highest accuracy of the short runs, 10 and 20 "
        f"epochs. {ONE}",
        *(
            above(T4, "accuracy", "Arc", THREE, epochs=epochs)
            for epochs in ANGULAR_EPOCHS[:2]
        ),
    ),
    "train-99-9": one(
        "Measured on 10,000 training images without augmentation, every "
        "loss on CIFAR10, CIFAR10+ and CIFAR100+. Five seeds: 95% t "
        "intervals of the mean.",
        [
            beyond(id, "training accuracy", 99.9, column=column, benchmark=b)
            for id, b in ((T6, TEN), (T6, PLUS), (T7, HUNDRED))
            for column in ("Arc", *THREE)
        ],
    ),
    "state-of-the-art": one(
        "Measured as Arc above the best cited number of Tables 5 to 7, "
        "taken as exact. Five seeds: 95% t intervals of the mean; on "
        "Fashion-MNIST one run and its binomial error.",
        [
            against_cited("table5", "Fashion-MNIST", "accuracy"),
            against_cited("table6", TEN, "accuracy", benchmark=TEN),
            against_cited("table6", PLUS, "accuracy", benchmark=PLUS),
            against_cited("table7", "Top1", "accuracy", benchmark=HUNDRED),
        ],
    ),
}
NO_RECORD_CAN = {
    "tolerant": "No record can settle it: the paper does not say how "
    "tolerance of outliers is measured.",
}
register("angular-learning", ANGULAR)
beyond_records("angular-learning", NO_RECORD_CAN)
