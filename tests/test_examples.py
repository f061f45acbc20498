"""The scripts of examples/, as somebody runs them who copied them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
TRAINED = 0.85  # by chance it is 0.1


def run(tmp_path, name, *arguments):
    """What a script prints, and the test accuracy that it ends with."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    *_, last = done.stdout.splitlines()
    return done.stdout, float(re.fullmatch(r"test accuracy (\S+)", last)[1])


@pytest.mark.parametrize("name", ["with_lightning", "with_accelerate"])
def test_a_few_epochs_learn_the_digits(tmp_path, name):
    _, accuracy = run(tmp_path, f"{name}.py", "--epochs", "2")
    assert accuracy > TRAINED


def test_plain_torch_learns_them_and_goes_on(tmp_path):
    given = "train.py", "--checkpoint", "digits.pt", "--epochs"
    begun, _ = run(tmp_path, *given, "1")
    told, accuracy = run(tmp_path, *given, "2")
    assert "epoch 1:" in begun and "epoch 1:" not in told
    assert accuracy > TRAINED


def test_a_timm_model_learns_them(tmp_path):
    why = "timm is not in requirements.lock: it needs torchvision"
    pytest.importorskip("timm", reason=why)
    small = ("--model", "test_resnet")
    _, accuracy = run(tmp_path, "with_timm.py", "--epochs", "3", *small)
    assert accuracy > TRAINED


def test_every_example_is_run():
    names = {path.name for path in EXAMPLES.glob("*.py")}
    text = Path(__file__).read_text()
    assert names and all(name.removesuffix(".py") in text for name in names)
