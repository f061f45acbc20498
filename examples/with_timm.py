"""A timm model as the network, without its classifier, on digits.

python examples/with_timm.py --epochs 3 --model resnet10t
"""

import argparse

import timm
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader, TensorDataset

from arcbook import losses

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--model", default="resnet10t")
parser.add_argument("--pretrained", action="store_true")
args = parser.parse_args()
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)

images, labels = map(torch.tensor, load_digits(return_X_y=True))
images = images.float().div(16).view(-1, 1, 8, 8)
images = interpolate(images, scale_factor=4, mode="bilinear")
train, test = (
    TensorDataset(images[k], labels[k])
    for k in train_test_split(range(len(labels)), random_state=0)
)

network = timm.create_model(
    args.model, pretrained=args.pretrained, num_classes=0, in_chans=1
).to(device)
head = losses.create(
    "arcface",
    embedding_dim=network.head_hidden_size,
    num_classes=10,
    s=16.0,
    m=0.2,
).to(device)
groups = [
    {"params": network.parameters(), "weight_decay": 5e-4},
    *head.param_groups(lr=0.2, weight_decay=0.0),
]
optimiser = torch.optim.SGD(groups, lr=0.02, momentum=0.9)

for epoch in range(args.epochs):
    for x, y in DataLoader(train, batch_size=32, shuffle=True):
        loss = head(network(x.to(device)), y.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}")

predictor, hits = losses.predictor(head, network), []
for x, y in DataLoader(test, batch_size=256):
    with torch.no_grad():
        hits.append(predictor(x.to(device)).argmax(1).cpu() == y)
accuracy = torch.cat(hits).float().mean()
print(f"test accuracy {accuracy.item():.3f}")
