"""Rows of results: a CSV file that grows, each row with versions and hardware.

``python benchmarks/report.py main_job.csv`` prints the latest row of every figure of
that file as a table of the README.
"""

from __future__ import annotations

import csv
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def append_row(name: str, row: dict[str, Any]) -> None:
    """Append a row to a file of results, and say where it was measured."""
    append_rows(name, [row])


def append_rows(name: str, rows: list[dict[str, Any]]) -> None:
    """Append rows in one piece: whoever breaks in leaves all of them or none."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / name
    shared = surroundings()
    text = StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=[*rows[0], *shared])
    if not path.exists():
        writer.writeheader()
    writer.writerows(_rounded(row) | shared for row in rows)
    with path.open("a", newline="") as file:
        file.write(text.getvalue())


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "value": f"{row['value']:.6g}"} if "value" in row else row


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


def read_rows(name: str) -> list[dict[str, str]]:
    """Read a file of results; no rows if it is not there."""
    path = FOLDER / name
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def latest_rows(name: str) -> list[dict[str, str]]:
    """Read the last row of every figure, in the order first measured."""
    rows = {(row["benchmark"], row["name"]): row for row in read_rows(name)}
    return list(rows.values())


def markdown_table(rows: list[dict[str, str]]) -> str:
    """Lay rows out as a table: what, figure, target, how."""
    lines = ["| what | measured | target | how |", "|---|---|---|---|"]
    for row in rows:
        figure = f"{float(row['value']):.3g}"
        target = row["target"].replace("<=", "≤").replace(">=", "≥")
        lines.append(f"| {row['quantity']} | {figure} | {target} | {row['detail']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown_table(latest_rows(sys.argv[1])))
