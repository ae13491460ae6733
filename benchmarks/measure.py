"""What the benchmarks share: rows, times taken in turns, memory, and the way to run."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter
from typing import NamedTuple

from report import append_row

SEED = 0


class Row(NamedTuple):
    """One figure: a key, what it is, its value, its target, how it came about."""

    name: str
    quantity: str
    value: float
    target: str
    detail: str


def in_turns(jobs: list[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Time the jobs in turns, forwards and backwards, after a warm-up of each."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for job in jobs:
        job()
    for turn in range(repeats):
        for index in range(len(jobs))[:: -1 if turn % 2 else 1]:
            start = perf_counter()
            jobs[index]()
            seconds[index].append(perf_counter() - start)
    return seconds


def ratio(numerator: list[float], denominator: list[float]) -> float:
    """Median of the ratios of the turns."""
    return median(a / b for a, b in zip(numerator, denominator, strict=True))


def peak_memory(code: str) -> float:
    """Run code in a process of its own; return its peak memory in GB."""
    wrapped = (
        f"{code}\nimport resource\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-W", "ignore", "-c", wrapped]
    printed = subprocess.check_output(command, text=True)
    return int(printed.split()[-1]) / 2**20


def run_benchmarks(
    benchmarks: dict[str, Callable[[], Iterator[Row]]], results: str
) -> None:
    """Run the benchmarks named on the command line, or all; append their rows."""
    warnings.simplefilter("ignore")
    for name in sys.argv[1:] or benchmarks:
        for row in benchmarks[name]():
            print(f"{row.quantity:46}{row.value:10.3g}  {row.target:13}{row.detail}")
            append_row(results, {"benchmark": name, **row._asdict(), "seed": SEED})
