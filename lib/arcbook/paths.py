"""Where the project's files are."""

import os
from pathlib import Path

ROOT = Path(
    os.environ.get("ARCBOOK_HOME", Path(__file__).resolve().parents[2])
)
DATA = ROOT / "data"
CARDS = DATA / "cards"
SAMPLES = DATA / "samples"
PAPERS = DATA / "papers"
RESULTS = Path(os.environ.get("ARCBOOK_RESULTS", DATA / "results"))
NOTEBOOKS = ROOT / "notebooks"
CACHE = ROOT / "_build"
