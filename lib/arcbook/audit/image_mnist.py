"""What the claims on MNIST come to in full records, of both papers."""

from __future__ import annotations

import numpy as np

from arcbook.audit import image_intervals
from arcbook.audit.image_intervals import Cell, Part
from arcbook.audit.image_rules import (
    ANGLE_ERROR,
    ONE,
    above,
    below,
    beyond_records,
    near,
    one,
    register,
    said,
)
from arcbook.audit.verdicts import (
    NOT_REPLICATED,
    UNMEASURED,
    Finding,
    all_of,
    by_interval,
    from_records,
)
from arcbook.experiments.mnist import MARGINS

IAM = "iam.table2"
MNIST, LENGTHS = "mnist-cosine.table1", "mnist-cosine.fig2"
LOST = 1.0
AT_100 = above(LENGTHS, "accuracy", "ArcFace", ["Soft"], epochs=100)[0]
IAM_PAPER = {
    "mnist-confirms": one(
        f"Measured as both losses above their base. {ONE}",
        above(IAM, "accuracy", "Eq.(3) + 0.2 IAM", ["Eq.(3)"]),
        above(IAM, "accuracy", "CosFace + 0.2 IAM", ["CosFace"]),
    ),
    "mnist-maps": one(
        "Measured on Eq. 3 with IAM against without: a larger C-Inter and a "
        f"smaller WC-Intra. {ANGLE_ERROR}",
        above(IAM, "c_inter", "Eq.(3) + 0.2 IAM", ["Eq.(3)"]),
        below(IAM, "wc_intra", "Eq.(3) + 0.2 IAM", ["Eq.(3)"]),
    ),
}
MNIST_PAPER = {
    "maximum-at-0-5": one(
        f"Measured as m = 0.5 above every other margin of ArcFace. {ONE}",
        [
            Part(
                f"accuracy, m = 0.5 − m = {m:g}",
                (
                    (
                        1.0,
                        Cell(
                            MNIST, {"column": "ArcFace", "m": 0.5}, "accuracy"
                        ),
                    ),
                    (
                        -1.0,
                        Cell(MNIST, {"column": "ArcFace", "m": m}, "accuracy"),
                    ),
                ),
            )
            for m in MARGINS
            if m != 0.5
        ],
    ),
    "faster": one(
        f"Measured after 5 and after 10 epochs. {ONE}",
        *(
            above(LENGTHS, "accuracy", "ArcFace", ["Soft"], epochs=epochs)
            for epochs in (5, 10)
        ),
    ),
    "long-run": one(
        f"Measured as within half a point after 100 epochs. {ONE}",
        near(AT_100, 0.0, 0.5),
    ),
    "beats-softmax": one(
        "Measured for ArcFace after 5, 10 and 100 epochs, which can refute "
        "it but not bear it out: no softmax run has the 20 epochs of the "
        f"combined loss. {ONE}",
        *(
            above(LENGTHS, "accuracy", "ArcFace", ["Soft"], epochs=epochs)
            for epochs in (5, 10, 100)
        ),
        half=True,
    ),
}
NO_RECORD_CAN = dict.fromkeys(
    (
        *("beta-below-1", "eq3-greatly", "even-better", "beta-2-better"),
        *("beta-2-worse", "improves-all", "megaface", "beats-sphereface"),
    ),
    "It is of face images, of which the book measures none.",
)


def combined_better(found: Finding) -> Finding:
    """The mean of 20 settings of each loss."""
    why = (
        f"{found.why} Measured as the mean over the 20 settings of each "
        "loss, with Welch's 95% t interval over settings."
    )
    columns = [
        image_intervals.select(MNIST, {"column": column})
        for column in ("Combined", "ArcFace")
    ]
    if None in columns:
        return said(found, UNMEASURED, why, [])
    ours, others = (
        [image_intervals.value(run, "accuracy") for run in runs]
        for runs in columns
    )
    gap = image_intervals.welch(ours, others)
    label = "Combined − ArcFace, accuracy"
    return said(found, by_interval(gap.low, gap.high), why, [(label, gap)])


def reliable(found: Finding) -> Finding:
    """No run of either loss far below the others of its loss."""
    why = (
        f"{found.why} Measured as no run that diverged or ended more than "
        f"{LOST:g} point below the median of its loss, by the binomial "
        "error of the test images."
    )
    margins, diverged = [], False
    for column in ("ArcFace", "Combined"):
        runs = image_intervals.select(MNIST, {"column": column})
        if runs is None:
            return said(found, UNMEASURED, why, [])
        values = [image_intervals.value(run, "accuracy") for run in runs]
        diverged |= bool(np.isnan(values).any())
        floor = float(np.nanmedian(values)) - LOST
        for run, value in zip(runs, values, strict=True):
            half = image_intervals.NORMAL * np.sqrt(
                image_intervals.variance(run, "accuracy")
            )
            setting = ", ".join(
                f"{k} = {v:g}"
                for k, v in run["hyperparameters"].items()
                if k not in ("s", "m1")
            )
            gap = image_intervals.around(value - floor, float(half))
            margins.append((f"{column} ({setting}) − {floor:.2f}", gap))
    verdict = all_of(by_interval(gap.low, gap.high) for _, gap in margins)
    return said(found, NOT_REPLICATED if diverged else verdict, why, margins)


register("iam", IAM_PAPER)
register("mnist-cosine", MNIST_PAPER)
from_records("mnist-cosine", "combined-better", combined_better)
from_records("mnist-cosine", "reliable", reliable)
beyond_records("iam", NO_RECORD_CAN)
