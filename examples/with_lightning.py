"""A LightningModule that holds the head, on scikit-learn's digits.

python examples/with_lightning.py --epochs 5
"""

import argparse

import lightning
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from arcbook import losses


class Digits(lightning.LightningModule):
    """A network of two layers, trained with CosFace."""

    def __init__(self, s=16.0, m=0.2, warm_up=50):
        super().__init__()
        self.save_hyperparameters()
        self.network = nn.Sequential(
            *(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU()),
            nn.Linear(128, 32),
        )
        self.head = losses.create(
            "cosface", embedding_dim=32, num_classes=10, s=s, m=m
        )

    def training_step(self, batch, _):
        images, labels = batch
        grown = min(1, self.global_step / self.hparams.warm_up)
        self.head.set(m=self.hparams.m * grown)
        loss = self.head(self.network(images), labels)
        self.log("loss", loss)
        return loss

    def test_step(self, batch, _):
        images, labels = batch
        hits = self.head.predict(self.network(images)) == labels
        self.log("accuracy", hits.float().mean())

    def configure_optimizers(self):
        groups = [
            {"params": self.network.parameters(), "weight_decay": 5e-4},
            *self.head.param_groups(lr=0.2, weight_decay=0.0),
        ]
        return torch.optim.SGD(groups, lr=0.05, momentum=0.9)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()
    lightning.seed_everything(0)
    images, labels = map(torch.tensor, load_digits(return_X_y=True))
    images = images.float() / 16
    train, test = (
        DataLoader(TensorDataset(images[k], labels[k]), 64, shuffle=shuffle)
        for k, shuffle in zip(
            train_test_split(range(len(labels)), random_state=0),
            (True, False),
        )
    )
    trainer = lightning.Trainer(
        max_epochs=args.epochs, logger=False, enable_checkpointing=False
    )
    model = Digits()
    trainer.fit(model, train)
    (measured,) = trainer.test(model, test)
    print(f"test accuracy {measured['accuracy']:.3f}")


if __name__ == "__main__":
    main()
