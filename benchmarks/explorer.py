"""Frame time of the explorer's spheres, in headless Chromium.

    python benchmarks/explorer.py [--seconds 5]

Two losses at a time, 300 features each and ten classes. Printed are medians
and 95th percentiles in milliseconds of what a frame computes and draws, and
of the time between frames: 16.7 are 60 frames a second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from arcbook.book import page
from arcbook.paths import ROOT

PAIRS = [
    ("arcface", "arcgrad"),
    ("normface", "iam"),
    ("l_softmax", "iam-combined"),
]


def main():
    sys.path.insert(0, str(ROOT / "tests"))
    import browser

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        with browser.start(folder / "profile") as driver:
            for pair in PAIRS:
                shown = page.explorer(
                    [(name, {}) for name in pair], whole=True
                )
                driver.get("about:blank")
                driver.get(browser.explorer(folder, shown))
                driver.execute_script(
                    "document.querySelector('.pair canvas').scrollIntoView()"
                )
                time.sleep(seconds)
                report(pair, driver.execute_script("return arcbook.frames"))


def report(pair, frames):
    """One line: how long frames take and how far apart they are."""
    line = f"{' and '.join(pair):28}"
    for name, times in frames.items():
        middle, late = np.percentile(times, [50, 95])
        line += f"  {name} {middle:.1f} (95%: {late:.1f}) ms"
    print(f"{line}  of {len(frames['work'])} frames")


if __name__ == "__main__":
    main()
