"""Writing a folder: complete or not at all, and never over what is not ours."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tsgen.exceptions import InvalidModelFileError
from tsgen.persistence.config import read_config
from tsgen.persistence.files import CONFIG, WEIGHTS, member


def check_target(target: Path) -> None:
    """Check that a folder can be written there and nothing is lost."""
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"path must lie in an existing folder, got {target}, whose parent is not "
            "there. Create it first."
        )
    if target.exists() and not _is_replaceable(target):
        raise FileExistsError(
            "path must be new or hold a saved generator and nothing else, got "
            f"{target}.\nChoose another path, or remove what is there."
        )


def _is_replaceable(target: Path) -> bool:
    """Tell whether nothing but a saved generator would be lost."""
    if not target.is_dir():
        return False
    names = set(os.listdir(target))
    try:
        return not names or (names == {CONFIG, WEIGHTS} and _is_ours(target))
    except InvalidModelFileError:
        return False


def _is_ours(folder: Path) -> bool:
    return bool(read_config(folder)) and member(folder, WEIGHTS).is_file()


def write_folder(target: Path, contents: dict[str, bytes]) -> None:
    """Write a folder next to `target`, then put it in its place."""
    staging = target.parent / f".tsgen-{secrets.token_hex(8)}"
    staging.mkdir()
    try:
        _write_files(staging / "new", contents)
        _publish(staging, target)
    finally:
        _discard(staging, target)
    _sync(target.parent)


def _write_files(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, data in contents.items():
        with (folder / name).open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    _sync(folder)


def _publish(staging: Path, target: Path) -> None:
    """Swap the new folder in; the old one comes back if that fails."""
    if not target.exists():
        os.rename(staging / "new", target)
        return
    os.rename(target, staging / "old")
    try:
        os.rename(staging / "new", target)
    except BaseException:
        os.rename(staging / "old", target)
        raise


def _discard(staging: Path, target: Path) -> None:
    """Remove what is left of the swap, unless it is the only copy of a model."""
    if (staging / "old").exists() and not target.exists():
        return
    for folder in (staging / "new", staging / "old"):
        for name in (CONFIG, WEIGHTS):
            (folder / name).unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()
    staging.rmdir()


def _sync(folder: Path) -> None:
    """Make the entries of a folder survive a power cut, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
