"""Finding the file of a data set: at hand, downloaded before, or downloaded now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tsgen.datasets._files import optional

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Source:
    """One file that a data set is downloaded from.

    Parameters
    ----------
    url : str
    name : str
        What the file is called in the data folder, `/` between folders.
    check : callable
        Called with the path of a download; raises ValueError, with the reason, where
        it is not the file that was wanted.
    sha256 : str or None, default=None
        Digest of the publisher's file. None where it is not known: then `check` is
        all that stands between a damaged download and the data.
    parameter : str, default="path"
        Where the user passes the path of a file at hand.
    what : str, default="the file"
        What the user passes there.
    """

    url: str
    name: str
    check: Callable[[Path], object]
    sha256: str | None = None
    parameter: str = "path"
    what: str = "the file"


def find_file(
    source: Source,
    path: PathLike | None,
    data_home: PathLike | None,
    download_if_missing: bool,
) -> Path:
    """Find the file of a source; download it only if no path was given."""
    if path is not None:
        return existing_file(path, source)
    target = data_folder(data_home) / source.name
    if target.is_file() and _is_intact(target, source):
        return target
    if not download_if_missing:
        raise FileNotFoundError(
            f"download_if_missing must be True unless the data were downloaded before, "
            f"got download_if_missing=False and no {target}. {_by_hand(source)}"
        )
    _download(source, target)
    return target


def existing_file(path: PathLike, source: Source) -> Path:
    """Return the path of a file at hand, or say what to download."""
    found = Path(path).expanduser()
    if not found.is_file():
        raise FileNotFoundError(
            f"{source.parameter} must name a file, got {str(path)!r}, where there is "
            f"no file. {_by_hand(source)}"
        )
    return found


def data_folder(data_home: PathLike | None) -> Path:
    """Folder of downloads: as given, else `TSGEN_DATA`, else the user's cache."""
    chosen = data_home or os.environ.get("TSGEN_DATA")
    return Path(chosen or optional("pooch").os_cache("tsgen")).expanduser()


def _is_intact(target: Path, source: Source) -> bool:
    if source.sha256 is None:
        return True
    return hashlib.sha256(target.read_bytes()).hexdigest() == source.sha256


def _download(source: Source, target: Path) -> None:
    """Download to a temporary file and move it once it has proved right."""
    pooch = optional("pooch")
    bar = find_spec("tqdm") is not None
    download = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16)

    def download_and_check(url: str, file: str, pooch: object) -> None:
        download(url, file, pooch)
        if source.sha256 is None:
            source.check(Path(file))

    try:
        pooch.retrieve(
            source.url,
            known_hash=source.sha256,
            fname=target.name,
            path=target.parent,
            downloader=download_and_check,
        )
    except ValueError as error:
        raise ValueError(_failure(source, error)) from error
    except OSError as error:  # those of the connection are OSErrors too
        raise OSError(_failure(source, error)) from error


def _failure(source: Source, error: Exception) -> str:
    reason = str(error).rstrip(".")
    return (
        f"{source.name} could not be downloaded from {source.url}: {reason}. Nothing "
        f"was kept. {_by_hand(source)}"
    )


def _by_hand(source: Source) -> str:
    return (
        f"Download {source.url} by hand and pass {source.what} as {source.parameter}."
    )
