"""Classes over two and three processes: the numbers of one."""

import math
import multiprocessing
import re
import runpy
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from arcbook import losses, paths
from test_losses import VARIANTS, make

EACH, DIM, CLASSES = 4, 8, 23
EXAMPLE = paths.ROOT / "examples/split.py"


def with_processes(work, number, *given):
    multiprocessing.set_forkserver_preload(["arcbook.losses"])
    store = dist.TCPStore("127.0.0.1", 0, is_master=True)
    mp.start_processes(
        begin,
        (work, number, store.port, *given),
        nprocs=number,
        start_method="forkserver",
    )


def begin(rank, work, number, port, *given):
    torch.set_num_threads(1)
    store = dist.TCPStore("127.0.0.1", port)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=number)
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


def whole(value):
    return value.full_tensor() if isinstance(value, DTensor) else value


def twice(name, hyper, kind):
    """Two heads of the same numbers, each with an s of its own to learn."""
    for _ in range(2):
        given = {
            k: nn.Parameter(torch.tensor(20.0)) if v == "learned" else v
            for k, v in hyper.items()
        }
        even = CLASSES + ("sub_centers" in hyper)
        yield make(name, DIM, even, **given).train().to(kind)


def every_loss(rank, mesh, kind, tolerance):
    x, y = batch(mesh.size())
    x = x.to(kind)
    mine = slice(EACH * rank, EACH * rank + EACH)
    more = [(name, {"s": "learned"}) for name in ("arcface", "arcgrad")]
    more += [(name, {"sub_centers": 2}) for name in ("arcgrad", "cosface")]
    for name, hyper in VARIANTS + more:
        one, other = twice(name, hyper, kind)
        part = losses.split(other, mesh)
        near = tolerance * max(1, float(one.s) / 20)
        every, some = x.clone().requires_grad_(), x[mine].requires_grad_()
        expected, found = one(every, y), part(some, y[mine])
        expected.backward()
        found.backward()
        close(found, expected, near)
        close(some.grad / mesh.size(), every.grad[mine], near)
        assert len(list(part.parameters())) == len(list(one.parameters()))
        for key, parameter in part.named_parameters():
            close(whole(parameter.grad), one.get_parameter(key).grad, near)
        close(part.logits(x[mine]), one.logits(x)[mine])
        assert torch.equal(part.predict(x[mine]), one.predict(x)[mine])
        if name == "adacos":
            close(part.s, one.s, near)
            everywhere = [torch.empty_like(part.s) for _ in range(mesh.size())]
            dist.all_gather(everywhere, part.s)
            assert len({s.item() for s in everywhere}) == 1


@pytest.mark.parametrize(
    ("number", "kind", "tolerance"),
    [(2, torch.float32, 1e-6), (3, torch.float64, 1e-12)],
)
def test_every_loss_is_that_of_one_process(number, kind, tolerance):
    with_processes(every_loss, number, kind, tolerance)


def network():
    torch.manual_seed(1)
    layers = nn.Linear(DIM, 16), nn.ReLU(), nn.Linear(16, DIM)
    return nn.Sequential(*layers).double()


def foreach(network, head):
    groups = [{"params": network.parameters()}, *head.param_groups(lr=0.5)]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, foreach=True)


def together(network, head):
    both = [*network.parameters(), *head.parameters()]
    return torch.optim.AdamW(both, lr=0.01)


def trained(network, head, x, y, optimiser, clip):
    """Three steps of two batches each."""
    both = [*network.parameters(), *head.parameters()]
    optimiser, norms = optimiser(network, head), []
    for _ in range(3):
        optimiser.zero_grad()
        for some in (slice(None, len(x) // 2), slice(len(x) // 2, None)):
            last = some.stop is None
            if last or not hasattr(network, "no_sync"):
                (head(network(x[some]), y[some]) / 2).backward()
            else:
                with network.no_sync():
                    (head(network(x[some]), y[some]) / 2).backward()
        norms.append(float(clip(both, 0.1)))
        optimiser.step()
    return [p.detach() for p in both], norms


def trains(rank, mesh):
    clip = runpy.run_path(str(EXAMPLE))["clip_grad_norm_"]
    x, y = batch(2 * mesh.size())
    x = x.double()
    first, second = torch.arange(len(x)).view(2, mesh.size(), EACH)[:, rank]
    mine = torch.cat([first, second])
    cases = [("center", {}, foreach), ("ring", {}, foreach)]
    cases += [("cosface", {"s": "learned"}, together)]
    cases += [("iam", {"reduction": "sum"}, together)]
    for name, hyper, optimiser in cases:
        one, other = twice(name, hyper, torch.float64)
        expected, lengths = trained(
            network(), one, x, y, optimiser, nn.utils.clip_grad_norm_
        )
        found, norms = trained(
            DistributedDataParallel(network()),
            losses.split(other, mesh),
            x[mine],
            y[mine],
            optimiser,
            clip,
        )
        assert min(lengths) > 0.1  # there is something to clip
        assert norms == pytest.approx(lengths, rel=1e-9)
        for a, b in zip(found, expected):
            close(whole(a), b, 1e-9)


def test_a_network_beside_it_trains_as_in_one_process():
    with_processes(trains, 2)


def autocast(rank, mesh):
    x, y = batch(mesh.size())
    mine = slice(EACH * rank, EACH * rank + EACH)
    one, other = twice("arcface", {}, torch.float32)
    part = losses.split(other, mesh)
    every = x.bfloat16().requires_grad_()
    some = every.detach()[mine].clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        expected, found = one(every, y), part(some, y[mine])
    expected.backward()
    found.backward()
    close(found, expected)
    assert some.grad.dtype == torch.bfloat16
    close(some.grad.float() / mesh.size(), every.grad[mine].float(), 2**-8)


def test_features_of_half_precision():
    with_processes(autocast, 2)


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


def bias(rank, mesh):
    torch.manual_seed(rank)
    head = make("normface", DIM, 2000, s=1.0).train()
    x, y = batch(mesh.size())
    mine = slice(EACH * rank, EACH * rank + EACH)
    part = losses.split(head, mesh, sample=0.1)

    def gap():
        drawn = [part(x[mine], y[mine]).item() for _ in range(30)]
        return head(x, y).item() - sum(drawn) / len(drawn)

    assert abs(gap() + math.log(0.1)) < 0.05  # rivals weigh alike
    head.set(s=400.0)
    part.set(s=400.0)
    x = head.weight.detach()[y] * 10
    assert 0 < gap() < 0.1  # they hardly matter
    x = head.weight.detach()[-1].expand_as(x).clone()
    assert gap() > 10 - math.log(0.1)  # one matters, and is seldom drawn


def test_what_sampling_leaves_out_of_the_loss():
    with_processes(bias, 2)


def on_meta(rank, mesh):
    x, y = batch(mesh.size())
    mine = slice(EACH * rank, EACH * rank + EACH)
    for name in losses.available():
        torch.manual_seed(0)  # all processes the same
        like = make(name, DIM, CLASSES).state_dict()
        with torch.device("meta"):
            head = make(name, DIM, CLASSES).train()
        head = losses.split(head, mesh)
        state = {key: whole(value) for key, value in head.state_dict().items()}
        weight = state.pop("weight")
        assert len(weight.unique(dim=0)) == CLASSES
        assert weight.abs().max() <= 1 / math.sqrt(DIM)
        assert weight.std() == pytest.approx(1 / math.sqrt(3 * DIM), rel=0.2)
        assert state.keys() == like.keys() - {"weight"}
        assert all(torch.equal(state[key], like[key]) for key in state)
        head(x[mine], y[mine]).backward()
        assert all(p.grad is not None for p in head.parameters())


def test_class_vectors_that_no_process_holds_all_of():
    with_processes(on_meta, 2)


def uneven(rank, mesh):
    x, _ = batch(mesh.size())
    mine = slice(0, 3) if rank == 0 else slice(3, 3)
    mine = slice(3, 8) if rank == 2 else mine
    for name in ("arcgrad", "softmax"):
        head = make(name, DIM, CLASSES)
        part = losses.split(head, mesh)
        found, expected = part.logits(x[mine]), head.logits(x)[mine]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        assert torch.equal(part.predict(x[mine]), head.predict(x)[mine])


def test_prediction_takes_batches_of_different_sizes():
    with_processes(uneven, 3)


def refuses(rank, mesh):
    head = make("arcface", DIM, 4)
    where = {"mesh": mesh}
    for given, problem in (
        (where | {"sample": 0.0}, r"sample = 0.0: it is a share"),
        ({"mesh": init_device_mesh("cpu", (2, 1))}, "has 2 dimensions"),
        (where | {"head": make("arcface", DIM, 2, reduction="none")}, "none"),
    ):
        with pytest.raises(ValueError, match=problem):
            losses.split(**{"head": head} | given)
    part = losses.split(head, mesh)
    x, y = torch.randn(1 + rank, DIM), torch.zeros(1 + rank, dtype=torch.long)
    with pytest.raises(ValueError, match=r"batches of \[1, 2\] samples"):
        part(x, y)
    with pytest.raises(ValueError, match="label 4 is outside"):
        part(x[:1], y[:1] + 4)
    with pytest.raises(ValueError, match="before `split`"):
        part.margin_logits(x, y)


def refuses_an_empty_part(rank, mesh):
    with pytest.raises(ValueError, match="give a multiple of 3"):
        losses.split(make("arcface", 3, 7, sub_centers=2), mesh)
    with pytest.raises(ValueError, match="parts of 2 the last would have non"):
        losses.split(make("arcface", DIM, 4), mesh)


def test_what_can_not_be_split():
    with_processes(refuses, 2)
    with_processes(refuses_an_empty_part, 3)


def example(folder, processes, *given):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), EXAMPLE]
    command += ["--folder", folder, *given]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [float(x) for x in re.findall(r"epochs: ([\d.]+) ", run.stdout)]


def test_the_example_goes_on_in_another_number_of_processes(tmp_path):
    first = example(tmp_path, 2, "--epochs", "3")
    assert first[0] < 0.3 < 0.8 < first[-1]
    more = example(tmp_path, 3, "--epochs", "1", "--resume", "--sample", "0.5")
    assert more[0] == pytest.approx(first[-1], abs=0.005)
    assert more[-1] > 0.8
