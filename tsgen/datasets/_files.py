"""Reading what is shipped in `tsgen/data`."""

from __future__ import annotations

import csv
import gzip
from importlib.resources import files


def read_csv(name: str) -> list[list[str]]:
    """Rows of a gzipped CSV file that is shipped in `tsgen/data`."""
    resource = files("tsgen") / "data" / name
    with resource.open("rb") as packed, gzip.open(packed, "rt", newline="") as text:
        return list(csv.reader(text))
