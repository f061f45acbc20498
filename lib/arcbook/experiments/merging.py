"""Take in records that another machine has measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from arcbook import results
from arcbook.experiments import checks
from arcbook.experiments.running import why_stale


@dataclass(frozen=True)
class Merged:
    """What became of the records of an archive.

    Attributes:
        taken: paths of the records written, from the results' folder.
        kept: of those that were there already, the same or a later one.
        refused: from the path in the archive to the reason.
    """

    taken: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def counts(self) -> Counter:
        """How many were taken, kept and refused."""
        return Counter(
            {name: len(value) for name, value in vars(self).items()}
        )


def merge(archive: Path) -> Merged:
    """Take in the records of an archive, each whole or not at all.

    A record is taken if it is of a run of today's grids, agrees with itself,
    and its canary and its data are those of this checkout. Of two records of
    a run the one measured later stays, so that merging again changes nothing,
    in whatever order.

    Args:
        archive: a .tar.gz or .zip, as from `results.pack`; folders in it
            do not matter.

    Gives what was taken, kept and refused, and why. Raises
    results.RecordError: if it can't be read as an archive. Raises
    FileNotFoundError: if there is none.
    """
    merged = Merged()
    for name, content in results.unpack(archive):
        record, problem = results.parse(content)
        if problem:
            merged.refused[name] = f"it is not a whole record ({problem})"
        elif checks.run_of(record) is None:
            merged.refused[name] = (
                f"{record['experiment']} ({record['profile']}) has no such "
                "run here"
            )
        elif reason := why_stale(record) or checks.disagreement(record):
            merged.refused[name] = reason
        elif _stays(file := checks.place(record), record):
            merged.kept.append("/".join(file.parts[-3:]))
        else:
            results.write(file, record)
            merged.taken.append("/".join(file.parts[-3:]))
    return merged


def _stays(file, record):
    """Whether the record that is there is fresh and not the earlier one."""
    try:
        there = results.load(file)
    except (FileNotFoundError, results.RecordError):
        return False
    fresh = not why_stale(there)
    return fresh and there.get("date", "") >= record.get("date", "")
