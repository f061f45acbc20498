"""How much faster is an ensemble than training its networks one by one?

    python benchmarks/ensembles.py [--epochs 100] [--alone 2] [--repeats 3]

A slice of ArcGrad Table I (three data sets, seven columns, 100 networks a
cell) is trained as ensembles. In the same run, some networks of each cell
are trained one by one by the loop that anyone would write in plain PyTorch:
`nn.Sequential`, a textbook loss in float32 with `cross_entropy`, Adam and
one-cycle as they come. Both use one thread, take turns, start from the same
parameters and see the same batches; the time of one network is compared.
"""

import argparse
import math
import statistics
import time
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from arcbook import datasets, ensembles
from arcbook.experiments import uci


class Textbook(nn.Module):
    """A network and its loss, as plain PyTorch code writes them."""

    def __init__(self, network, head, column):
        super().__init__()
        self.network, self.column = network, column
        self.weight = nn.Parameter(head.weight.detach().clone())
        self.s = math.sqrt(2) * math.log(max(len(self.weight) - 1, 1))
        if column == "Center":
            self.centers = nn.Parameter(torch.zeros_like(self.weight))

    def cosines(self, x):
        return F.linear(F.normalize(x), F.normalize(self.weight))

    def forward(self, inputs, y):
        x = self.network(inputs)
        if self.column in ("Soft", "Center", "M-Soft"):
            logits = F.linear(x, self.weight)
            if self.column == "M-Soft":
                logits = logits - 0.5 * F.one_hot(y, len(self.weight))
            loss = F.cross_entropy(logits, y)
            if self.column == "Center":
                gap = (x - self.centers[y]).square().sum(1)
                loss = loss + 0.01 * gap.mean()
            return loss
        cosines = self.cosines(x).clamp(-1 + 1e-6, 1 - 1e-6)
        own = F.one_hot(y, len(self.weight)).bool()
        if self.column == "ArcFace":
            angles = cosines.acos()
            logits = 20 * torch.where(own, torch.cos(angles + 0.1), cosines)
        elif self.column == "AdaCos":
            self.adapt(cosines.detach(), own)
            logits = self.s * cosines
        else:
            logits = -float(self.column[7:]) * cosines.acos()
        return F.cross_entropy(logits, y)

    @torch.no_grad()
    def adapt(self, cosines, own):
        rivals = torch.exp(self.s * cosines).masked_fill(own, 0).sum(1)
        middle = cosines[own].acos().median().clamp(max=math.pi / 4)
        self.s = (rivals.mean().log() / middle.cos()).item()

    def predict(self, inputs):
        x = self.network(inputs)
        if self.column in ("Soft", "Center", "M-Soft"):
            return F.linear(x, self.weight).argmax(1)
        return self.cosines(x).argmax(1)


def alone(table, folds, column, protocol, k):
    """Train network k by itself; its test predictions and its seconds."""
    start = time.perf_counter()
    fold, batch = folds[k], protocol["batch_size"]
    loss, hyperparameters = uci.COLUMNS[column]
    classes = len(table.class_names)
    shape = table.X.shape[1], protocol["width"], protocol["layers"]
    network, head = ensembles.initialise(
        fold.seed, shape, classes, loss, hyperparameters
    )
    model = Textbook(network, head, column)
    largest = max(len(fold.train) for fold in folds)
    steps = math.ceil(protocol["epochs"] * largest / batch)
    mean, deviation = table.X[fold.train].mean(0), table.X[fold.train].std(0)
    deviation = np.where(deviation == 0, 1, deviation)
    X = torch.tensor((table.X - mean) / deviation, dtype=torch.float32)
    y = torch.tensor(table.y)
    stream = torch.tensor(ensembles.stream(fold, steps * batch)).long()
    optimiser = torch.optim.Adam(
        model.parameters(),
        lr=protocol["lr"],
        weight_decay=protocol["weight_decay"],
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=protocol["lr"], total_steps=steps
    )
    for rows in stream.split(batch):
        optimiser.zero_grad()
        model(X[rows], y[rows]).backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        predicted = model.predict(X[fold.test]).numpy()
    return predicted, time.perf_counter() - start


def together(table, folds, column, protocol):
    """Train all networks at once; predictions and seconds of one."""
    loss, hyperparameters = uci.COLUMNS[column]
    trained = ensembles.train(
        table.X,
        table.y,
        folds,
        loss=loss,
        hyperparameters=hyperparameters,
        **protocol,
    )
    return trained.predictions, trained.seconds / len(folds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--alone", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--datasets", nargs="+", default=["iris", "haberman", "balance-scale"]
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "AdaCos with two classes")
    protocol = dict(uci.PROTOCOL)
    if options.epochs:
        protocol["epochs"] = options.epochs
    print(f"{protocol}, 100 networks, torch {torch.__version__}, 1 thread")
    print("ms a network, medians; agree: equal test predictions\n")
    print(f"{'':24}{'one by one':>12}{'ensemble':>10}{'ratio':>7}{'agree':>7}")
    totals, ratios = [0.0, 0.0], []
    warm = datasets.load("iris")
    folds = ensembles.cross_validation(len(warm.y))
    together(warm, folds, "Soft", protocol | {"epochs": 2})
    alone(warm, folds, "Soft", protocol | {"epochs": 2}, 0)
    for name in options.datasets:
        table = datasets.load(name)
        folds = ensembles.cross_validation(len(table.y))
        for column in uci.COLUMNS:
            slow, fast, agree = [], [], []
            for _ in range(options.repeats):
                predictions, seconds = together(table, folds, column, protocol)
                fast.append(seconds)
                for k in range(options.alone):
                    k = k * 37 % len(folds)
                    mine, seconds = alone(table, folds, column, protocol, k)
                    slow.append(seconds)
                    agree.append(np.mean(mine == predictions[k]))
            one, many = statistics.median(slow), statistics.median(fast)
            totals[0] += one
            totals[1] += many
            ratios.append(one / many)
            print(
                f"{name:14}{column:10}{1e3 * one:12.1f}{1e3 * many:10.2f}"
                f"{one / many:7.1f}{100 * np.mean(agree):6.0f}%",
                flush=True,
            )
    print(
        f"\nwhole slice: {totals[0] / totals[1]:.1f} times faster; "
        f"median over cells {statistics.median(ratios):.1f}, "
        f"least {min(ratios):.1f}, most {max(ratios):.1f}"
    )


if __name__ == "__main__":
    main()
