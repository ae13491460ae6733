"""Rows of results: a CSV file that grows, each row with versions and hardware."""

from __future__ import annotations

import csv
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def append_row(name: str, row: dict[str, Any]) -> None:
    """Append a row to a file of results, and say where it was measured."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / name
    row = {**row, **surroundings()}
    if "value" in row:
        row["value"] = f"{row['value']:.6g}"
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def surroundings() -> dict[str, str]:
    """Return what a figure may depend on."""
    packages = ("tsgen-latent", "torch", "numpy", "scikit-learn")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": " ".join(f"{name}={version(name)}" for name in packages),
        "python": platform.python_version(),
        "hardware": f"{_processor()}, {os.cpu_count()} cores",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()
