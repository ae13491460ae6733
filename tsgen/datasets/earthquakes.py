"""Earthquakes around Japan: sequences of events, shipped or freshly fetched."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from numbers import Real
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from tsgen._validation import check_count
from tsgen.datasets._events import (
    COLUMNS,
    LATITUDES,
    LONGITUDES,
    YEARS,
    Catalogue,
    Parts,
    choose_events,
    cut_parts,
    parse_catalogue,
)
from tsgen.datasets._fetching import PathLike, Source, existing_file, find_file
from tsgen.datasets._files import DAMAGE, open_text, read_csv

__all__ = ["fetch_earthquakes", "load_earthquakes"]

_SMALLEST = 2.5  # magnitude that is asked for
_QUERY = (
    "https://earthquake.usgs.gov/fdsnws/event/1/query?format=csv"
    "&starttime={year}-01-01&endtime={year}-12-31T23:59:59.999"
    f"&minlatitude={LATITUDES[0]}&maxlatitude={LATITUDES[1]}"
    f"&minlongitude={LONGITUDES[0]}&maxlongitude={LONGITUDES[1]}"
    f"&minmagnitude={_SMALLEST}&eventtype=earthquake&orderby=time-asc"
)

_RECIPE = """\
The recipe is that of Neural STPP (Chen, Amos & Nickel 2021): a sequence holds the
events of 30 days in the order of time; a new one starts every 7 days, from 1990-01-01
to 2019-11-25. Those that start in November or December 2010 or in 2011, about the
Tohoku earthquake, are left out. Of every 30 sequences one is for validation (the 4th),
one for testing (the 8th) and 19 for training (the 12th to the 30th); the others are
dropped.
"""

_NOTES = """\
log_days   natural logarithm of the days since the previous event, for the first event
           since the start of the 30 days; gaps under 1e-5 days count as 1e-5
days       with time="days" in its place: days since the start of the 30 days
longitude  degrees east
latitude   degrees north
magnitude  if asked for: of any kind, as reported

Neighbouring windows overlap: those next to each other share 23 of their 30 days, so
most events stand in several sequences for training, and the series are not
independent. Windows of different parts share at most 2 days.

The catalogue is not stationary: it is complete only from a magnitude of about 4.5, and
far fewer small events are reported after 2009 than before.

Source: U.S. Geological Survey, ANSS Comprehensive Earthquake Catalog.
https://earthquake.usgs.gov/fdsnws/event/1/
"""

_SHIPPED = f"""\
Earthquakes around Japan, 1990 to 2019
======================================

From a catalogue of 37,581 earthquakes between 22 and 46 degrees north and 122 and 150
degrees east, magnitudes 2.7 to 9.1, from 1990-01-01 to 2019-12-31 (UTC).

{_RECIPE}
part     sequences   events in all   shortest   longest
train          950          82,657         22       345
val             50           4,130         38       194
test            50           5,110         34       554

The events are those of the sequences of Neural STPP. Unless all are asked for, each
sequence is cut to its first events, so that all have one length.

{_NOTES}Collected in EarthquakeNPP, https://github.com/ss15859/EarthquakeNPP
Licence: US public domain (USGS). The file holds time, latitude, longitude and magnitude
of every event; no other column.
"""

_FETCHED = f"""\
Earthquakes around Japan, 1990 to 2019, freshly fetched
=======================================================

Earthquakes between 22 and 46 degrees north and 122 and 150 degrees east. The service
revises old events, so that two catalogues of different days may differ.

{_RECIPE}
Unless all events are asked for, each sequence is cut to its first events, and those
that have fewer are left out.

{_NOTES}Licence: US public domain (USGS).
"""


def load_earthquakes(
    *,
    n_events: int | None = 22,
    time: Literal["log_gaps", "days"] = "log_gaps",
    magnitude: bool = False,
) -> Bunch:
    """Load the Earthquakes data: when and where the earth shook around Japan.

    Each series is the start of a sequence of 30 days, one time step an event.

    Parameters
    ----------
    n_events : int or None, default=22
        Events of a series: the first ones of each sequence. From 1 to 22, which is
        as many as every sequence has. None keeps all events, and series differ in
        length.
    time : {"log_gaps", "days"}, default="log_gaps"
        The first channel: logarithm of the days since the previous event, or days
        since the start of the sequence, as Neural STPP has them.
    magnitude : bool, default=False
        Whether the magnitude is the last channel.

    Returns
    -------
    sklearn.utils.Bunch
        `train` : ndarray of shape (950, n_events, n_channels), float64.
        `val` : ndarray of shape (50, n_events, n_channels), float64.
        `test` : ndarray of shape (50, n_events, n_channels), float64.
        `channel_names` : list of str: `log_days` or `days`, `longitude`, `latitude`,
        and `magnitude` if asked for.
        `DESCR` : str with source, licence and notes.

        With `n_events=None` the three parts are lists of ndarray of shape
        (length, n_channels), with lengths from 22 to 554.

    Raises
    ------
    ValueError
        If `n_events` is less than 1 or more than the shortest sequence has, or if
        `time` is unknown.
    TypeError
        If `n_events` is not an integer.

    Notes
    -----
    `log_days` is the natural logarithm of the days since the previous event, and for
    the first event since the start of the 30 days. Gaps under 1e-5 days (0.9 seconds)
    count as 1e-5.

    Sequences start every 7 days, so **neighbouring series overlap** and are not
    independent; series of different parts share at most 2 days. The catalogue is **not
    stationary**: far fewer small events are reported after 2009.

    References
    ----------
    .. [1] U.S. Geological Survey. ANSS Comprehensive Earthquake Catalog.
       https://earthquake.usgs.gov/fdsnws/event/1/. US public domain.
    .. [2] Chen, R. T. Q., Amos, B., & Nickel, M. (2021). Neural spatio-temporal point
       processes. ICLR 2021. https://arxiv.org/abs/2011.04583

    Examples
    --------
    >>> from tsgen.datasets import load_earthquakes
    >>> quakes = load_earthquakes()
    >>> quakes.train.shape, quakes.val.shape, quakes.test.shape
    ((950, 22, 3), (50, 22, 3), (50, 22, 3))
    >>> quakes.channel_names
    ['log_days', 'longitude', 'latitude']
    """
    n_events = _check_options(n_events, time)
    parts = cut_parts(_shipped_catalogue(), time == "log_gaps", magnitude)
    _check_n_events(n_events, parts)
    return _bunch(parts, n_events, time, magnitude, _SHIPPED)


def fetch_earthquakes(
    path: PathLike | None = None,
    *,
    n_events: int | None = 22,
    time: Literal["log_gaps", "days"] = "log_gaps",
    magnitude: bool = False,
    min_magnitude: float = 2.5,
    place_filter: str | None = None,
    data_home: PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch:
    """Fetch a fresh catalogue of earthquakes, cut like that of `load_earthquakes`.

    Parameters
    ----------
    path : str, path-like or None, default=None
        A CSV file at hand with the columns of the U.S. Geological Survey, plain or
        gzipped, or a folder of such files, which are joined; then nothing is
        downloaded.
    n_events : int or None, default=22
        Events of a series: the first ones of each sequence; sequences with fewer are
        left out. None keeps all sequences and all their events, and series differ in
        length.
    time : {"log_gaps", "days"}, default="log_gaps"
        The first channel: logarithm of the days since the previous event, or days
        since the start of the sequence.
    magnitude : bool, default=False
        Whether the magnitude is the last channel.
    min_magnitude : float, default=2.5
        Smaller events are left out, and those without a magnitude. A download holds
        none below 2.5.
    place_filter : str or None, default=None
        Keep only events whose `place` contains these words, such as "Japan". None
        keeps all of the box.
    data_home : str, path-like or None, default=None
        Folder of downloads. None takes that of the environment variable
        `TSGEN_DATA`, or else the user's cache folder.
    download_if_missing : bool, default=True
        With False, an error is raised instead of a download.

    Returns
    -------
    sklearn.utils.Bunch
        As of `load_earthquakes`: `train`, `val`, `test`, `channel_names`, `DESCR`.

    Raises
    ------
    FileNotFoundError
        If there is no file at `path`, or none and it may not be downloaded.
    OSError
        If the download fails.
    ValueError
        If the file is another one, if an option is out of range, or if no sequence
        of a part has enough events.
    TypeError
        If `n_events` is not an integer.
    ImportError
        If pooch, which downloads, is not installed.

    Notes
    -----
    One query a year from 1990 to 2019, as the service answers with 20,000 events at
    most. It **revises old events**, so no digest can be known, and two downloads may
    differ: for results that others are to repeat take `load_earthquakes`. Events
    outside the box about Japan and those of another `type` than earthquake are left
    out.

    The published script of Neural STPP keeps only events whose place contains
    "Japan", but the sequences in circulation come from the whole box, as here.

    References
    ----------
    .. [1] U.S. Geological Survey. ANSS Comprehensive Earthquake Catalog.
       https://earthquake.usgs.gov/fdsnws/event/1/. US public domain.
    .. [2] Chen, R. T. Q., Amos, B., & Nickel, M. (2021). Neural spatio-temporal point
       processes. ICLR 2021. https://arxiv.org/abs/2011.04583

    Examples
    --------
    >>> from tsgen.datasets import fetch_earthquakes
    >>> quakes = fetch_earthquakes(min_magnitude=4)  # doctest: +SKIP
    """
    n_events = _check_options(n_events, time)
    _check_magnitude(min_magnitude, path)
    files = _find_files(path, data_home, download_if_missing)
    catalogue = _read_catalogue(files)
    _check_place(catalogue, place_filter)
    catalogue = choose_events(catalogue, min_magnitude, place_filter)
    parts = cut_parts(catalogue, time == "log_gaps", magnitude)
    parts = _drop_short(parts, n_events or 1)
    return _bunch(parts, n_events, time, magnitude, _FETCHED)


def _bunch(
    parts: Parts, n_events: int | None, time: str, magnitude: bool, description: str
) -> Bunch:
    first = "log_days" if time == "log_gaps" else time
    names = [first, "longitude", "latitude", "magnitude"]
    return Bunch(
        **{name: _first_events(part, n_events) for name, part in parts.items()},
        channel_names=names[: 3 + magnitude],
        DESCR=description,
    )


def _first_events(
    sequences: list[np.ndarray], n_events: int | None
) -> np.ndarray | list[np.ndarray]:
    if n_events is None:
        return sequences
    return np.stack([sequence[:n_events] for sequence in sequences])


def _shipped_catalogue() -> Catalogue:
    return parse_catalogue(read_csv("japan_1990_2019.csv.gz"))


def _find_files(
    path: PathLike | None, data_home: PathLike | None, download_if_missing: bool
) -> list[Path]:
    if path is None:
        return [
            find_file(source, None, data_home, download_if_missing)
            for source in _SOURCES
        ]
    folder = Path(path).expanduser()
    if folder.is_dir():
        found = sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])
        return found or [existing_file(folder, _SOURCES[0])]
    return [existing_file(path, _SOURCES[0])]


def _read_catalogue(files: list[Path]) -> Catalogue:
    """Read the events of all files, ascending in time."""
    parts = [_read_file(file) for file in files]
    joined = Catalogue(
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.marks for part in parts]),
        np.concatenate([part.places for part in parts]),
    )
    return joined.select(np.argsort(joined.times, kind="stable"))


def _read_file(path: Path) -> Catalogue:
    try:
        with open_text(path) as file:
            return parse_catalogue(_rows(file))
    except (ValueError, *DAMAGE) as error:
        raise ValueError(
            "path must name a CSV file of the USGS, with a number in the columns "
            f"{', '.join(COLUMNS[1:])} and a date in time, got {str(path)!r}: {error}. "
            f"Download {_SOURCES[0].url} and those of the other years."
        ) from error


def _rows(lines: Iterator[str]) -> Iterator[list[str]]:
    return (row for row in csv.reader(lines) if row)


def _check_download(path: Path) -> None:
    """Refuse an answer without events, and one that was broken off."""
    if not path.read_bytes().endswith(b"\n") or not len(_read_file(path).times):
        raise ValueError("the answer holds no event, or is not whole.")


def _check_options(n_events: int | None, time: str) -> int | None:
    if time not in ("log_gaps", "days"):
        raise ValueError(f"time must be 'log_gaps' or 'days', got {time!r}.")
    if n_events is None:
        return None
    return check_count(n_events, "n_events", minimum=1)


def _check_magnitude(min_magnitude: float, path: PathLike | None) -> None:
    lowest = -np.inf if path is not None else _SMALLEST
    if not (isinstance(min_magnitude, Real) and lowest <= min_magnitude < np.inf):
        raise ValueError(
            f"min_magnitude must be a number, of at least {_SMALLEST} for a download, "
            f"got {min_magnitude!r}. Pass a catalogue with smaller events as path."
        )


def _check_place(catalogue: Catalogue, place: str | None) -> None:
    if place is not None and not (catalogue.places != "").any():
        raise ValueError(
            "place_filter must be None where the table has no column place, got "
            f"{place!r}. Use a catalogue with all columns of the USGS."
        )


def _check_n_events(n_events: int | None, parts: Parts) -> None:
    shortest = min(len(sequence) for part in parts.values() for sequence in part)
    if n_events is not None and n_events > shortest:
        raise ValueError(
            f"n_events must not exceed the {shortest} events of the shortest sequence, "
            f"got n_events={n_events}. Use at most {shortest}."
        )


def _drop_short(parts: Parts, n_events: int) -> Parts:
    kept = {
        name: [sequence for sequence in part if len(sequence) >= n_events]
        for name, part in parts.items()
    }
    for name, part in kept.items():
        if not part:
            raise ValueError(
                f"n_events must leave a sequence for {name}, got n_events={n_events} "
                f"and none of {len(parts[name])} with as many events. Use fewer, a "
                "smaller min_magnitude, or a catalogue of all years."
            )
    return kept


_SOURCES = [
    Source(
        url=_QUERY.format(year=year),
        name=f"earthquakes/usgs_japan_{year}.csv",
        check=_check_download,
        what="the folder of all years",
    )
    for year in YEARS
]
