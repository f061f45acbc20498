"""A small network with an ArcFace head on scikit-learn's digits.

python examples/train.py --epochs 5 --checkpoint digits.pt
"""

import argparse
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from arcbook import losses

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--checkpoint", type=Path, help="go on from this file")
args = parser.parse_args()
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)

images, labels = map(torch.tensor, load_digits(return_X_y=True))
images = images.float().div(16).view(-1, 1, 8, 8)
train, test = train_test_split(range(len(labels)), random_state=0)
train = TensorDataset(images[train], labels[train])
batches = DataLoader(train, batch_size=64, shuffle=True)

network = nn.Sequential(
    *(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
    *(nn.Conv2d(32, 64, 3, stride=2), nn.BatchNorm2d(64), nn.ReLU()),
    *(nn.Flatten(), nn.Linear(64 * 3 * 3, 32), nn.BatchNorm1d(32)),
).to(device)
head = losses.create("arcface", embedding_dim=32, num_classes=10).to(device)
groups = [
    {"params": network.parameters(), "weight_decay": 5e-4},
    *head.param_groups(lr=0.2, weight_decay=0.0),
]
optimiser = torch.optim.SGD(groups, lr=0.05, momentum=0.9)

parts = {"network": network, "head": head, "optimiser": optimiser}
first = 0
if args.checkpoint and args.checkpoint.exists():
    state = torch.load(args.checkpoint, map_location=device)
    first = state.pop("epochs")
    for name, value in state.items():
        parts[name].load_state_dict(value)

warm_up = 2 * len(batches)  # steps in which the margin grows
for epoch in range(first, args.epochs):
    for step, (x, y) in enumerate(batches, epoch * len(batches)):
        head.set(s=16.0, m=0.3 * min(1, step / warm_up))
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = head(network(x.to(device)), y.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
    if args.checkpoint:
        state = {name: part.state_dict() for name, part in parts.items()}
        torch.save(state | {"epochs": epoch + 1}, args.checkpoint)

predictor = losses.predictor(head, network)
with torch.no_grad():
    predicted = predictor(images[test].to(device)).argmax(1).cpu()
accuracy = (predicted == labels[test]).float().mean()
print(f"test accuracy {accuracy.item():.3f}")
