"""Tables of hospital databases: CSV files of a folder, whatever the case of names."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from tsgen.datasets._files import DAMAGE, is_gzip, optional

CHUNK_ROWS = 1_000_000
"""Rows of a large table that are held in memory at a time."""


def find_table(folder: Path, name: str, parameter: str, remedy: str) -> Path:
    """Find `name.csv` or `name.csv.gz` in a folder, in upper or lower case."""
    wanted = {f"{name.lower()}.csv", f"{name.lower()}.csv.gz"}
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.name.lower() in wanted and path.is_file():
                return path
    raise FileNotFoundError(
        f"{parameter} must be a folder with {name}.csv or {name}.csv.gz, got "
        f"{str(folder)!r}, which has neither. {remedy}"
    )


def read_table(path: Path, columns: Sequence[str], parameter: str) -> Any:
    """Read columns of a table, named in lower case, into a data frame."""
    chunks = list(read_chunks(path, columns, parameter))
    return optional("pandas").concat(chunks, ignore_index=True)


def read_chunks(
    path: Path, columns: Sequence[str], parameter: str
) -> Generator[Any, None, None]:
    """Read columns of a table in data frames of at most `CHUNK_ROWS` rows.

    Close the iterator if it is not used up.
    """
    try:
        with optional("pandas").read_csv(
            path,
            usecols=lambda column: column.lower() in columns,
            chunksize=CHUNK_ROWS,
            compression="gzip" if is_gzip(path) else None,
            low_memory=False,
        ) as chunks:
            for chunk in chunks:
                yield chunk.rename(columns=str.lower)[list(columns)]
    except (KeyError, ValueError, *DAMAGE) as error:
        raise ValueError(
            f"{parameter} must hold a CSV file {path.name} with the columns "
            f"{', '.join(columns)}, got {str(path)!r}: {error}"
        ) from error
