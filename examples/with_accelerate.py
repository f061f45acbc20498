"""Accelerate, with gradients of several batches in a step, on digits.

accelerate launch examples/with_accelerate.py --epochs 5
"""

import argparse

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from arcbook import losses


class WithLoss(nn.Module):
    """Network and head in one forward: what several processes wrap."""

    def __init__(self, network, head):
        super().__init__()
        self.network, self.head = network, head

    def forward(self, images, labels):
        return self.head(self.network(images), labels)


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=5)
args = parser.parse_args()
set_seed(0)
accelerator = Accelerator(gradient_accumulation_steps=2)

images, labels = map(torch.tensor, load_digits(return_X_y=True))
images = images.float() / 16
train, test = (
    TensorDataset(images[k], labels[k])
    for k in train_test_split(range(len(labels)), random_state=0)
)
network = nn.Sequential(
    *(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 32))
)
head = losses.create("arcgrad", embedding_dim=32, num_classes=10)
groups = [
    {"params": network.parameters(), "weight_decay": 5e-4},
    *head.param_groups(lr=0.2, weight_decay=0.0),
]
model, optimiser, batches, others = accelerator.prepare(
    WithLoss(network, head),
    torch.optim.SGD(groups, lr=0.05, momentum=0.9),
    DataLoader(train, batch_size=32, shuffle=True),
    DataLoader(test, batch_size=256),
)

for _ in range(args.epochs):
    for x, y in batches:
        with accelerator.accumulate(model):
            loss = model(x, y)
            accelerator.backward(loss)
            optimiser.step()
            optimiser.zero_grad()
    accelerator.print(f"loss {loss.item():.3f}")

whole = accelerator.unwrap_model(model)
predictor, hits = losses.predictor(whole.head, whole.network), []
for x, y in others:
    with torch.no_grad():
        predicted = predictor(x).argmax(1)
    hits.append(accelerator.gather_for_metrics(predicted == y))
accuracy = torch.cat(hits).float().mean()
accelerator.print(f"test accuracy {accuracy.item():.3f}")
