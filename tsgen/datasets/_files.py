"""Reading tables: those shipped in `tsgen/data`, and CSV files at hand."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, TextIO

DAMAGE = (gzip.BadGzipFile, zlib.error, EOFError, UnicodeDecodeError, csv.Error)
"""What reading raises where a file is damaged, or of another kind."""

_GZIP = b"\x1f\x8b"


def read_csv(name: str) -> list[list[str]]:
    """Rows of a gzipped CSV file that is shipped in `tsgen/data`."""
    resource = files("tsgen") / "data" / name
    with resource.open("rb") as packed, gzip.open(packed, "rt", newline="") as text:
        return list(csv.reader(text))


def is_gzip(path: Path) -> bool:
    """Tell by its first bytes whether a file is compressed by gzip."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file in UTF-8, compressed by gzip or not, whatever its name."""
    if is_gzip(path):
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file


def optional(name: str) -> Any:
    """Import a package that only some data sets need."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"This data set needs {name}: install it with "
            "pip install 'tsgen-latent[datasets]'."
        ) from error
