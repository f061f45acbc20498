"""CIFAR-100: top-1 against top-5, and the scale that classes need."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from arcbook import datasets, live_images, plot
from arcbook.chapters import cifar
from arcbook.plot import BASELINE


def both_places(value: str = "printed") -> pd.DataFrame:
    """Top-1 and top-5 accuracy of each loss in both papers.

    Gives a row a paper and method: paper, method, top1, top5, in percent.
    """
    rows = cifar.tables("CIFAR-100")
    rows["metric"] = rows["metric"].replace("accuracy", "top1")
    keys = ["paper", "method"]
    wide = rows.pivot(index=keys, columns="metric", values=value)
    return rows[keys].drop_duplicates().merge(wide.reset_index())


def opening(axes, rows: pd.DataFrame):
    """Publish top-5 over top-1."""
    for one in rows.itertuples():
        at, color = (one.top1, one.top5), plot.look(one.method)["color"]
        if one.paper == "arcgrad":
            text, place = f"{one.method}, V  ", {"ha": "right", "va": "bottom"}
        else:
            text, place = f"  {one.method}, 7", {"ha": "left", "va": "top"}
        axes.text(*at, text, color=color, fontsize=10, **place)
    axes.set(xlabel="top-1 accuracy, %", ylabel="top-5 accuracy, %")
    best = rows.groupby("paper")[["top1", "top5"]].idxmax()
    first, five = (
        " and ".join(dict.fromkeys(rows.loc[best[c], "method"].tolist()))
        for c in ("top1", "top5")
    )
    axes.set_title(f"Printed: best by top-1 {first}, by top-5 {five}")
    axes.margins(0.14, 0.1)
    return plot.show(axes.figure)


def order_agreement() -> pd.Series:
    """Kendall's τ of the printed orders by top-1 and by top-5, by paper."""
    places = both_places().groupby("paper")[["top1", "top5"]]
    return places.corr("kendall")["top1"].xs("top5", level=1)


def needed(
    reach: Mapping[str, Callable], given: Mapping[str, float], level: float
):
    """The scale that lets p reach a level, against the number of classes."""
    figure, axes = plt.subplots(figsize=(8, 4.6))
    classes = np.unique(np.geomspace(3, 1000, 200).round())
    curves = {word: [f(one) for one in classes] for word, f in reach.items()}
    curves["AdaCos, fixed"] = np.sqrt(2) * np.log(classes - 1)
    axes.set(xscale="log", ylim=(0, 1.1 * max(given.values())))
    plot.curves(
        pd.DataFrame(curves, classes).melt(ignore_index=False).reset_index(),
        *("index", "value"),
        hue="variable",
        axes=axes,
        style=lambda word: plot.look(word.split(",")[0]) | {"marker": ""},
    )
    for column, scale in given.items():
        mark = plot.look(column)
        axes.plot((10, 100), [scale] * 2, **mark | plot.HOLLOW)
        where = f"{column}, s = {scale:g} [arcgrad]"
        axes.text(11, scale + 0.4, where, color=mark["color"], fontsize=10)
    for one in (10, 100):
        axes.axvline(one, color=BASELINE, lw=1, ls=":")
    cifar.log_ticks(axes, [3, 10, 30, 100, 300, 1000])
    axes.set(xlabel="classes C, log scale", ylabel="scale s")
    most = max(scale(100) for scale in reach.values())
    axes.set_title(
        f"With 100 classes s = {most:.1f} is enough for p = {level:g}"
    )
    return plot.show(figure)


def leads_from_ten_to_hundred() -> pd.DataFrame:
    """ArcGrad's printed lead on CIFAR10+ and on CIFAR100+, in points.

    Gives a row a paper and rival.
    """
    ten = cifar.ahead("CIFAR-10").query("at == 'CIFAR10+'")
    hundred = cifar.ahead("CIFAR-100").query("at in ('Top-1', 'Top1')")
    keys = ["paper", "rival"]
    both = ten.merge(hundred, on=keys, suffixes=(" 10", " 100"))
    both["paper"] = both["paper"].map(cifar.TITLES)
    names = {"printed 10": "ten classes", "printed 100": "a hundred"}
    return both[[*keys, *names]].rename(columns=names)


def rescued() -> pd.DataFrame:
    """Of the images missed at first, the share found among the five.

    Gives a row a loss, a column a paper, in percent, NaN where not printed.
    """
    rows = both_places()
    rows["share"] = 100 * (rows["top5"] - rows["top1"]) / (100 - rows["top1"])
    rows["method"] = rows["method"].replace("Arc", "ArcGrad")
    wide = rows.pivot(index="method", columns="paper", values="share")
    return wide.loc[list(cifar.SIX), list(cifar.OURS)].rename(
        columns=cifar.TITLES
    )


def in_both_parts() -> pd.DataFrame | None:
    """Test images of CIFAR-100 that stand in the training part too.

    Gives a row a test image: its class, and the class of the same image in
    training; None if the data are not on this machine.
    """
    if live_images.missing("cifar100"):
        return None
    images = datasets.load("cifar100", sample=False)
    labels = {
        pixels.tobytes(): label
        for pixels, label in zip(images.train_images, images.train_labels)
    }
    tests = zip(images.test_images, images.test_labels, strict=True)
    rows = [
        (images.class_names[label], images.class_names[labels[key]])
        for key, label in ((x.tobytes(), label) for x, label in tests)
        if key in labels
    ]
    return pd.DataFrame(rows, columns=["in the test", "in training"])
