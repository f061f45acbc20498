"""From the official site into the cache, whole or not at all."""

import os
import tempfile
import zipfile
from pathlib import Path

from .cards import Card, DataError, File, card
from .places import check, download


def _download_bytes(file: File, scratch: Path) -> bytes:
    try:
        import pooch
    except ImportError:
        raise DataError(
            f"{file.name} is not on this machine and pooch, which "
            "downloads it, is not installed: pip install pooch."
        ) from None
    whole = scratch / "download"
    pooch.HTTPDownloader(timeout=30)(file.url, str(whole), None)
    if not file.member:
        return whole.read_bytes()
    with zipfile.ZipFile(whole) as archive:
        return archive.read(file.member)


def _fetch_file(known: Card, file: File, target: Path) -> None:
    elsewhere = f"point ARCBOOK_DATA at a folder that has {file.path}"
    if known.sample:
        elsewhere += "; or take the sample (sample=True)"
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=".part-"
    ) as scratch:
        try:
            content = _download_bytes(file, Path(scratch))
        except (OSError, zipfile.BadZipFile, KeyError) as error:
            raise DataError(
                f"{file.url} cannot be fetched ({type(error).__name__}): "
                f"try again when the site can be reached, or {elsewhere}."
            ) from error
        status, detail = check(content, file)
        if status != "ok":
            raise DataError(
                f"{file.url} gave a file that is {status} ({detail}), "
                f"of which nothing was kept: try again, or {elsewhere}."
            )
        part = Path(scratch) / "verified"
        part.write_bytes(content)
        os.replace(part, target)


def fetch(name: str) -> list[Path]:
    """Download the official files of a data set into the cache.

    A file is written beside its place, verified, and only then moved there;
    one that is there and right is left alone.

    Gives where the files are. Raises DataError if the site cannot be reached
    or what it gives is not the file that the card describes.
    """
    known = card(name)
    place = download(known)
    for file in place.files:
        target = place.path(file)
        if target.is_file() and check(target.read_bytes(), file)[0] == "ok":
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch_file(known, file, target)
        except OSError as error:
            raise DataError(
                f"{target} cannot be written ({error.strerror}): make "
                "room, or set ARCBOOK_CACHE to a folder of yours."
            ) from error
    return [place.path(file) for file in place.files]
