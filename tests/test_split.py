"""Classes over two and three processes: the numbers of one."""

import math
import os
import socket
from contextlib import closing

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from torch.distributed.device_mesh import init_device_mesh

from arcbook import losses
from test_losses import VARIANTS, make

EACH, DIM, CLASSES = 4, 8, 23


def with_processes(work, number, *given):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    mp.spawn(begin, (work, number, port, *given), nprocs=number)


def begin(rank, work, number, port, *given):
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=number)
    try:
        work(rank, init_device_mesh("cpu", (number,)), *given)
    finally:
        dist.destroy_process_group()


def batch(number):
    draw = torch.Generator().manual_seed(5)
    x = torch.randn(EACH * number, DIM, generator=draw)
    return x, torch.randint(CLASSES, (len(x),), generator=draw)


def close(found, expected, tolerance=1e-6):
    gap = (found - expected).abs().max()
    assert gap <= tolerance * expected.abs().max().clamp(min=1)


def every_loss(rank, mesh, kind, tolerance):
    x, y = batch(mesh.size())
    x = x.to(kind)
    mine = slice(EACH * rank, EACH * rank + EACH)
    for name, hyper in VARIANTS:
        whole, other = (
            make(name, DIM, CLASSES, **hyper).train().to(kind)
            for _ in range(2)
        )
        part = losses.split(other, mesh)
        near = tolerance * max(1, float(whole.s) / 20)
        every, some = x.clone().requires_grad_(), x[mine].requires_grad_()
        expected, found = whole(every, y), part(some, y[mine])
        expected.backward()
        found.backward()
        close(found, expected, near)
        close(some.grad / mesh.size(), every.grad[mine], near)
        for key, parameter in part.named_parameters():
            grad = parameter.grad
            grad = grad.full_tensor() if key == "weight" else grad
            close(grad, whole.get_parameter(key).grad, near)
        close(part.logits(x[mine]), whole.logits(x)[mine])
        assert torch.equal(part.predict(x[mine]), whole.predict(x)[mine])


@pytest.mark.parametrize(
    ("number", "kind", "tolerance"),
    [(2, torch.float32, 1e-6), (3, torch.float64, 1e-12)],
)
def test_every_loss_is_that_of_one_process(number, kind, tolerance):
    with_processes(every_loss, number, kind, tolerance)


def sampled(rank, mesh):
    torch.manual_seed(rank)
    head = make("cosface", DIM, CLASSES).train()
    part = losses.split(head, mesh, sample=0.7)
    x, y = batch(mesh.size())
    mine = slice(EACH * rank, EACH * rank + EACH)
    whole = head(x, y).item()
    seen = set()
    for _ in range(40):
        part.weight.grad = None
        loss = part(x[mine], y[mine])
        loss.backward()
        local = part.weight.grad.to_local()
        drawn = local.ne(0).any(1).nonzero()[:, 0].tolist()
        assert len(drawn) == max(
            math.ceil(0.7 * len(local)), len(y[here(y, local, rank)].unique())
        )
        seen |= {*drawn}
        assert loss <= whole + 1e-9
    assert len(seen) == len(local)
    part.eval()
    close(part(x[mine], y[mine]), torch.tensor(whole))


def here(y, local, rank):
    first = rank * 12
    return (y >= first) & (y < first + len(local))


def test_a_sample_of_classes():
    with_processes(sampled, 2)


def saves(rank, mesh, folder):
    head = losses.split(make("arcface", DIM, CLASSES), mesh)
    dcp.save(head.state_dict(), checkpoint_id=folder)


def loads(rank, mesh, folder):
    expected = make("arcface", DIM, CLASSES).weight.detach()
    with torch.device("meta"):
        other = make("arcface", DIM, CLASSES)
    head = losses.split(other, mesh)
    state = head.state_dict()
    dcp.load(state, checkpoint_id=folder)
    head.load_state_dict(state)
    assert torch.equal(head.weight.full_tensor(), expected)


def test_a_checkpoint_of_two_processes_is_loaded_by_three(tmp_path):
    with_processes(saves, 2, str(tmp_path))
    with_processes(loads, 3, str(tmp_path))


def refuses(rank, mesh):
    head = make("arcface", DIM, 2)
    for given, problem in (
        ({"head": head, "sample": 0.0}, r"sample = 0.0: it is a share"),
        ({"head": make("arcface", DIM, 2, reduction="none")}, "'none' is not"),
    ):
        with pytest.raises(ValueError, match=problem):
            losses.split(mesh=mesh, **given)
    part = losses.split(head, mesh)
    uneven = torch.randn(1 + rank, DIM)
    with pytest.raises(ValueError, match=r"batches of \[1, 2\] samples"):
        part(uneven, torch.zeros(1 + rank, dtype=torch.long))


def test_what_can_not_be_split():
    with_processes(refuses, 2)
