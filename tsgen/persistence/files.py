"""The folder and its files: where they are, and JSON that can be trusted."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from tsgen.exceptions import InvalidModelFileError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MAX_TEXT = 2**20  # bytes of a configuration, or of a header
CURE = "Save the generator again, or get another copy of the folder."


def check_folder(folder: Path) -> None:
    """Check that there is a folder to read."""
    if not folder.exists():
        raise FileNotFoundError(
            f"path must be a folder written by save, got {folder}, which is not there. "
            "Check the spelling."
        )
    if not folder.is_dir():
        raise invalid(folder, "it is not a folder", "Give the folder that save wrote.")


def member(folder: Path, name: str) -> Path:
    """Return the path of a file of the folder; links may not lead out of it."""
    file = folder / name
    real = Path(os.path.realpath(file))
    if real.parent != Path(os.path.realpath(folder)):
        raise invalid(file, "it is a link that leads out of the folder")
    if not real.is_file():
        raise invalid(file, "there is no such file")
    return file


def parsed(data: bytes, file: Path, what: str) -> Any:
    """Parse strict JSON: UTF-8, no repeated keys, every number finite."""
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_int=_bounded_int,
            parse_float=_finite_float,
            parse_constant=_finite_float,
        )
    except (ValueError, RecursionError) as error:
        raise invalid(file, f"{what} is not valid JSON ({error})") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found


def _bounded_int(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise ValueError("an integer is too large")
    return value


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


def invalid(file: Path, problem: str, cure: str = CURE) -> InvalidModelFileError:
    """Return the error of a file that cannot be loaded."""
    return InvalidModelFileError(f"{file} cannot be loaded: {problem}.\n{cure}")
