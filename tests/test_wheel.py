"""The wheel, installed where no checkout is."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SCRIPT = """
from importlib.resources import files

import torch
import arcbook
from arcbook import losses

assert files(arcbook).joinpath("py.typed").is_file()
head = losses.create("arcface", embedding_dim=4, num_classes=3, s=20, m=0.1)
optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
x, y = torch.eye(4)[:3], torch.arange(3)
before = head(x, y)
before.backward()
optimiser.step()
assert head(x, y) < before
assert losses.predictor(head)(x).shape == (3, 3)
print(arcbook.__file__)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A fresh environment with the wheel and, of others, what is here.

    The packages that are installed here are added by a path of their own,
    which reads no .pth file: an editable arcbook is not among them.
    """
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    left = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "lib", source / "lib", ignore=left)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-text"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    build += ["--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    home = folder / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    own = subprocess.run(
        [python, "-c", "import sysconfig as s; print(s.get_path('purelib'))"],
        env=foreign(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    put = [sys.executable, "-m", "pip", "--python", python, "install"]
    put += ["--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(put, env=foreign(), check=True)
    paths = dict.fromkeys(map(sysconfig.get_path, ("purelib", "platlib")))
    Path(own, "others.pth").write_text("\n".join(paths))
    return home


def foreign():
    """The environment without what shows the checkout."""
    own = ("PYTHONPATH", "ARCBOOK")
    return {k: v for k, v in os.environ.items() if not k.startswith(own)}


def run(tmp_path, *command):
    return subprocess.run(
        command, cwd=tmp_path, env=foreign(), capture_output=True, text=True
    )


def test_a_foreign_script_trains(place, tmp_path):
    done = run(tmp_path, place / "bin" / "python", "-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(place)


def test_a_command_that_needs_the_book_says_so(place, tmp_path):
    listed = run(tmp_path, place / "bin" / "arcbook", "losses")
    assert listed.returncode == 0 and "arcface" in listed.stdout.split()
    done = run(tmp_path, place / "bin" / "arcbook", "status")
    assert done.returncode == 1
    assert done.stderr.startswith("arcbook: this needs the book's files")
    assert len(done.stderr.splitlines()) == 1
