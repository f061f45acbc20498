"""State of a run on disk, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import torch


class CheckpointError(RuntimeError):
    """A checkpoint that is damaged or belongs to another run."""


def save(path: Path, settings: dict, state: dict) -> None:
    """Write a checkpoint beside its place and move it there.

    Whatever moment the process is killed at, the path holds the old state or
    the new one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".tmp")
    with open(part, "wb") as file:
        torch.save({"settings": settings, "state": state}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def load(
    path: Path | None, settings: dict, device: torch.device
) -> dict | None:
    """Read the state of a run, without unpickling anything but tensors.

    Gives the state, or None if there is no file. Raises CheckpointError if the
    file is damaged, or was written by a run with other settings.
    """
    if path is None or not Path(path).exists():
        return None
    try:
        found = torch.load(path, map_location=device, weights_only=True)
        before, state = found["settings"], found["state"]
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"{path} is not a checkpoint that can be read ({reason[:100]}): "
            "remove it to begin again."
        ) from None
    differ = [
        f"{key} ({before.get(key)!r} there, {settings.get(key)!r} here)"
        for key in settings | before
        if before.get(key) != settings.get(key)
    ]
    if differ:
        raise CheckpointError(
            f"{path} belongs to another run, with another "
            f"{', '.join(differ)}: remove it, or name another checkpoint."
        )
    return state
