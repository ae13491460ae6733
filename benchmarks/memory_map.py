"""Benchmark of memory: one epoch over a memory map of a million series.

``python benchmarks/memory_map.py`` writes 384 MB of random walks to a temporary folder,
fits on the map of them in a process of its own, removes the folder, and appends its
rows to ``benchmarks/results/memory_map.csv``. Linux only: memory is read from
``/proc/self/status``.

Anonymous memory (``RssAnon``) is what the process needs; it is looked at every 5 ms.
Resident memory (``VmHWM``, the kernel's own peak) counts pages of the file as well,
which the kernel drops when it is short of memory. Of both, what the process held before
`fit` is subtracted: Python, NumPy, PyTorch and the class. What is left is the network,
its training in two stages, what they import, the latents of the second, and reading.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from measure import SEED, Row, run_benchmarks

RESULTS = "memory_map.csv"
SHAPE = (1_000_000, 24, 4)
OPTIONS: dict[str, Any] = {
    "hidden_size": 16,
    "batch_size": 1024,
    "max_iter": 1,
    "prior_max_iter": 1,
    "random_state": SEED,
}


class Cost(NamedTuple):
    """What a call took beyond what there was before it, in GB; and seconds of CPU."""

    anonymous: float
    resident: float
    seconds: float


def write_walks(path: Path) -> None:
    """Write random walks in float32, a part at a time."""
    rng = np.random.default_rng(SEED)
    X = np.lib.format.open_memmap(path, "w+", np.float32, SHAPE)
    for rows in np.array_split(np.arange(len(X)), 100):
        steps = rng.standard_normal((len(rows), *SHAPE[1:]), np.float32)
        X[rows[0] : rows[-1] + 1] = steps.cumsum(axis=1)
    X.flush()


def memory_in_gb(kind: str) -> float:
    """Read a figure of the memory of this process: RssAnon, VmRSS, VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return int(found[kind].split()[0]) / 2**20


@contextmanager
def watched_peak() -> Iterator[list[float]]:
    """Look at the anonymous memory every 5 ms; the list holds the largest so far."""
    peak, done = [memory_in_gb("RssAnon")], Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], memory_in_gb("RssAnon"))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def cost_of(call: Callable[[], object]) -> Cost:
    """Measure a call."""
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
    before, resident = memory_in_gb("RssAnon"), memory_in_gb("VmRSS")
    start = process_time()
    with watched_peak() as peak:
        call()
    seconds = process_time() - start
    return Cost(peak[0] - before, memory_in_gb("VmHWM") - resident, seconds)


def cost_of_fit(path: Path) -> Cost:
    """Fit on a map."""
    import torch

    from tsgen import StablePosteriorGenerator

    torch.set_num_threads(1)
    X = np.load(path, mmap_mode="r")
    return cost_of(lambda: StablePosteriorGenerator(**OPTIONS).fit(X))


def in_a_process(function: Callable[..., Any], *args: object) -> Any:
    """Call a function in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def memory() -> Iterator[Row]:
    """Measure the memory of a fit on a map."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walks.npy"
        write_walks(path)
        cost = in_a_process(cost_of_fit, path)
    shape = " x ".join(map(str, SHAPE))
    options = ", ".join(f"{k}={v}" for k, v in OPTIONS.items() if k != "random_state")
    detail = f"{shape} float32, {options}, 1 thread, {cost.seconds:.0f} s of CPU"
    what = "fit on a map, peak anonymous memory, GB"
    yield Row("anonymous", what, cost.anonymous, "< 1", detail)
    what = "the same with pages of the file, GB"
    yield Row("resident", what, cost.resident, "", detail)


if __name__ == "__main__":
    run_benchmarks({"memory": memory}, RESULTS)
