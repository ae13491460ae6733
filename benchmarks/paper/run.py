"""The paper's tables on public data: fit, score, and append rows to paper.csv.

``python benchmarks/paper/run.py`` does everything at full size, in many hours;
``--quick`` fits at most 2,000 series briefly, a minute or two each; ``table1 --sets
energy`` does only what is named. Fits whose rows are in
``benchmarks/results/paper.csv`` are not repeated, so a run may be stopped and started
again at any time. `report.py` prints the tables.

``--mimic FOLDER``, ``--retail FILE`` and the like say where data lie that are not
shipped; else the folder ``--data-home`` or ``TSGEN_DATA`` is searched. Sets that are
not found are skipped.

Each fit takes one thread if ``OMP_NUM_THREADS=1``; ``--jobs`` of them run at a time.
With ``--dask ADDRESS`` they run on a Dask cluster instead, whose workers need this
repository as their working directory and on their path.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from joblib import Parallel, delayed, parallel_config

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.paper import generators, sets
from benchmarks.paper.sets import Places
from benchmarks.paper.units import Unit, measure
from benchmarks.report import append_rows, read_rows
from tsgen._progress import ProgressBar

RESULTS = "paper.csv"
N_SEEDS = {"quick": 1, "full": 5}


class Entry(NamedTuple):
    """A table of the paper: what is fitted to what."""

    sets: tuple[str, ...]
    generators: tuple[str, ...]
    backbones: tuple[str, ...] = generators.BACKBONES


_SETS = ("earthquakes", "mimic", "physionet2012", "energy")
ENTRIES = {
    "table1": Entry(_SETS, generators.TABLE_1),
    "paper": Entry(_SETS, generators.PAPERS),
    "table2": Entry(_SETS, generators.TABLE_2),
    "times": Entry(_SETS, (generators.STABLE, generators.PLAIN, generators.DIRECT)),
    "mmd": Entry(("retail", "energy"), generators.TABLE_1),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    options = parsed(arguments)
    places = Places(**{name: getattr(options, name) for name in Places._fields})
    absent = missing_sets(chosen_sets(options), options.mode, places)
    with backend(options.dask, options.jobs):
        for units in phases(options, absent):
            run(unfinished(units), places)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("entries", nargs="*", metavar="entry", help=", ".join(ENTRIES))
    size = parser.add_mutually_exclusive_group()
    for mode in ("quick", "full"):
        size.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode)
    for what, known in (
        ("sets", tuple(sets.SETS)),
        ("generators", generators.ALL),
        ("backbones", generators.BACKBONES),
    ):
        help_ = "; ".join(known)
        parser.add_argument(
            f"--{what}", nargs="+", choices=known, metavar="NAME", help=help_
        )
    parser.add_argument("--seeds", type=int, help="default: 5, or 1 if quick")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--dask", metavar="ADDRESS", help="of a scheduler")
    for place in ("mimic", "physionet2012", "retail", "stocks", "data-home"):
        parser.add_argument(f"--{place}", metavar="PATH")
    parser.add_argument("--download", action="store_true", help="what is not there")
    parser.set_defaults(mode="full")
    options = parser.parse_args(arguments)
    unknown = set(options.entries) - set(ENTRIES)
    if unknown:
        parser.error(f"entries must be among {', '.join(ENTRIES)}, got {unknown}")
    options.entries = options.entries or list(ENTRIES)
    options.seeds = options.seeds or N_SEEDS[options.mode]
    return options


def chosen_sets(options: argparse.Namespace) -> list[str]:
    """List the data sets that are asked for, each once."""
    wanted = options.sets or [s for e in options.entries for s in ENTRIES[e].sets]
    return list(dict.fromkeys(wanted))


def missing_sets(names: Iterable[str], mode: str, places: Places) -> set[str]:
    """Find the sets whose files are not there, and say what to do."""
    missing = set()
    for name in names:
        try:
            sets.load(name, mode, places)
        except (OSError, ImportError) as error:
            print(f"{name} is skipped, see --{name} and --download: {error}")
            missing.add(name)
    return missing


def phases(options: argparse.Namespace, absent: set[str]) -> Iterator[list[Unit]]:
    """Units seed by seed; first the references, for rows are written with a floor."""
    names = [name for name in chosen_sets(options) if name not in absent]
    for seed in range(options.seeds):
        yield [
            Unit(options.mode, data, reference, "", seed)
            for reference in generators.REFERENCES
            for data in names
        ]
        yield [
            Unit(options.mode, data, generator, backbone, seed)
            for data, generator, backbone in sorted(cells(options), key=_rank)
            if data in names
        ]


def cells(options: argparse.Namespace) -> set[tuple[str, str, str]]:
    """List data set, generator and backbone of all that the entries ask for."""
    return {
        (data, generator, backbone)
        for entry in (ENTRIES[name] for name in options.entries)
        for data in options.sets or entry.sets
        for generator in options.generators or entry.generators
        if generator in entry.generators
        for backbone in generators.backbones(
            generator, tuple(options.backbones or entry.backbones)
        )
    }


def _rank(cell: tuple[str, str, str]) -> tuple[int, ...]:
    """Put first what matters most, on all sets and backbones."""
    data, generator, backbone = cell
    return generators.ALL.index(generator), list(sets.SETS).index(data), len(backbone)


def unfinished(units: Iterable[Unit]) -> list[Unit]:
    """Leave out the units whose rows are there."""
    finished = {key(row) for row in read_rows(RESULTS)}
    return [unit for unit in units if key(unit._asdict()) not in finished]


def key(row: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells the unit of a row."""
    return tuple(str(row[name]) for name in Unit._fields)


@contextmanager
def backend(address: str | None, n_jobs: int) -> Iterator[None]:
    """Take processes of this machine, or the workers of a Dask cluster."""
    if address is None:
        with parallel_config("loky", n_jobs=n_jobs):
            yield
    else:
        from distributed import Client

        with Client(address), parallel_config("dask"):
            yield


def run(units: list[Unit], places: Places) -> None:
    """Do units in parallel; this process alone writes, all rows of a unit at once."""
    results = Parallel(return_as="generator_unordered")(
        delayed(attempt)(unit, places) for unit in units
    )
    with ProgressBar(len(units), "fits", verbose=bool(units)) as bar:
        for rows in results:
            if rows:
                append_rows(RESULTS, finished_rows(rows))
            bar.advance()


def attempt(unit: Unit, places: Places) -> list[dict[str, Any]]:
    """Measure; without rows if that fails, so that the next run tries again."""
    try:
        return measure(unit, places)
    except Exception as error:  # of any generator: the others go on
        print(f"{unit} failed: {type(error).__name__}: {error}", file=sys.stderr)
        return []


def finished_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the floor of each figure, if there is one, and round."""
    floors = floors_of(rows[0])
    own = {(row["metric"], row["part"]): row["value"] for row in rows}
    known = own if rows[0]["generator"] == generators.FLOOR else floors
    return [_in_order(row, known.get((row["metric"], row["part"]))) for row in rows]


def floors_of(unit: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Values of real series on the same data set with the same seed."""
    floor = key({**unit, "generator": generators.FLOOR, "backbone": ""})
    return {
        (row["metric"], row["part"]): float(row["value"])
        for row in read_rows(RESULTS)
        if key(row) == floor
    }


def _in_order(row: dict[str, Any], floor: float | None) -> dict[str, Any]:
    names = (*Unit._fields, "metric", "part", "value")
    return {name: row[name] for name in names} | {
        "floor": "" if floor is None else f"{floor:.6g}",
        "seconds": f"{row['seconds']:.4g}",
    }


if __name__ == "__main__":
    main()
