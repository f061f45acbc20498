"""Classes split over processes, the network beside them under DDP.

    torchrun --nproc-per-node 2 examples/split.py
    torchrun --nproc-per-node 3 examples/split.py --resume --sample 0.5

Scikit-learn's digits stand in for a data set of very many classes. Each
process has samples of its own and a part of the class vectors. One optimiser
takes both, a group each: one state to save, one schedule. GPUs are used where
there are any.
"""

import argparse
import os

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from sklearn.datasets import load_digits
from torch import nn
from torch.distributed.checkpoint import state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import get_total_norm
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from arcbook import losses


def clip_grad_norm_(parameters, most):
    """As torch's, for DTensors and plain parameters together."""
    grads = [p.grad for p in parameters if p.grad is not None]
    parts = [g for g in grads if isinstance(g, DTensor)]
    wholes = [g for g in grads if not isinstance(g, DTensor)]
    norms = get_total_norm(parts).full_tensor(), get_total_norm(wholes)
    norm = torch.linalg.vector_norm(torch.stack(norms)).item()
    for grad in grads:
        grad.mul_(min(1.0, most / (norm + 1e-6)))
    return norm


def digits(device):
    images, labels = (torch.tensor(x) for x in load_digits(return_X_y=True))
    order = torch.randperm(len(labels), generator=torch.manual_seed(0))
    return images[order].float().to(device) / 16, labels[order].to(device)


@torch.no_grad()
def accuracy(network, head, images, labels):
    mine = slice(dist.get_rank(), None, dist.get_world_size())
    right = (head.predict(network(images[mine])) == labels[mine]).sum()
    dist.all_reduce(right)
    return right.item() / len(labels)


def both(model, optimiser):
    names = "model_state_dict", "optim_state_dict"
    return dict(zip(names, state_dict.get_state_dict(model, optimiser)))


def main(given):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mesh = init_device_mesh(device, (int(os.environ["WORLD_SIZE"]),))
    images, labels = digits(device)
    data = TensorDataset(images[:1400], labels[:1400])
    test = images[1400:], labels[1400:]
    sampler = DistributedSampler(data, drop_last=True)
    each = 60 // mesh.size()  # the head takes batches of one size
    batches = DataLoader(data, each, sampler=sampler, drop_last=True)

    network = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))
    network = DistributedDataParallel(network.to(device))
    with torch.device("meta"):  # no process holds all class vectors
        head = losses.create("arcface", embedding_dim=16, num_classes=10)
    head = losses.split(head, mesh, given.sample)
    model = nn.ModuleDict({"network": network, "head": head})
    groups = [{"params": network.parameters()}, *head.param_groups()]
    optimiser = torch.optim.AdamW(groups, lr=1e-3)

    if given.resume:
        state = both(model, optimiser)
        dcp.load(state, checkpoint_id=given.folder)
        state_dict.set_state_dict(model, optimiser, **state)
    for epoch in range(given.epochs + 1):
        share = accuracy(network, head, *test)
        if mesh.get_rank() == 0:
            print(f"after {epoch} epochs: {share:.4f} of the test", flush=True)
        if epoch == given.epochs:
            break
        sampler.set_epoch(epoch)
        for x, y in batches:
            optimiser.zero_grad()
            head(network(x), y).backward()
            clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
    dcp.save(both(model, optimiser), checkpoint_id=given.folder)
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--sample", type=float, default=1.0)
    parser.add_argument("--folder", default="saved", help="of the checkpoint")
    parser.add_argument("--resume", action="store_true", help="from folder")
    main(parser.parse_args())
