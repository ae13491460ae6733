"""Catalogues of earthquakes, and the sequences of Neural STPP that are cut from them.

A catalogue is read from tables with the columns of the U.S. Geological Survey; a
sequence holds the events of 30 days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

COLUMNS = ("time", "latitude", "longitude", "mag")
YEARS = range(1990, 2020)
LATITUDES = (22, 46)
LONGITUDES = (122, 150)

_FIRST_DAY = np.datetime64("1990-01-01", "D")
_DAY = np.timedelta64(1, "D")
_WINDOW = np.timedelta64(30, "D")
_SHORTEST_GAP = 1e-5  # days, 0.9 seconds: keeps the logarithm finite

Parts = dict[str, list[np.ndarray]]


@dataclass(frozen=True)
class Catalogue:
    """Events in the order of time.

    Parameters
    ----------
    times : ndarray of shape (n_events,), datetime64[ms]
    marks : ndarray of shape (n_events, 3)
        Longitude, latitude and magnitude.
    places : ndarray of shape (n_events,), str
        Where in words, empty if the table does not say.
    """

    times: np.ndarray
    marks: np.ndarray
    places: np.ndarray

    def select(self, chosen: np.ndarray) -> Catalogue:
        """Return the events of a mask or an order."""
        return Catalogue(self.times[chosen], self.marks[chosen], self.places[chosen])


def parse_catalogue(rows: Iterable[list[str]]) -> Catalogue:
    """Read a table with a header; events in any order, other kinds than quakes out.

    Raises
    ------
    ValueError
        If a column is missing, or a value is not of its kind.
    """
    header, *lines = rows
    if not set(COLUMNS) <= set(header):
        raise ValueError(f"the header lacks one of {', '.join(COLUMNS)}")
    events = [dict(zip(header, line, strict=True)) for line in lines]
    quakes = [e for e in events if e.get("type", "earthquake") == "earthquake"]
    catalogue = Catalogue(
        np.array([e["time"].removesuffix("Z") for e in quakes], "datetime64[ms]"),
        np.array([[_number(e[name]) for name in _MARKS] for e in quakes]),
        np.array([e.get("place", "") for e in quakes]),
    )
    return catalogue.select(np.argsort(catalogue.times, kind="stable"))


_MARKS = ("longitude", "latitude", "mag")


def _number(cell: str) -> float:
    return float(cell) if cell else np.nan


def choose_events(
    catalogue: Catalogue, min_magnitude: float, place: str | None
) -> Catalogue:
    """Events of the box about Japan, large enough, and at a place if it is named."""
    longitude, latitude, magnitude = catalogue.marks.T
    chosen = magnitude >= min_magnitude  # False if unknown
    for value, (low, high) in ((longitude, LONGITUDES), (latitude, LATITUDES)):
        chosen &= (low <= value) & (value <= high)
    if place is not None:
        chosen &= np.char.find(catalogue.places, place) >= 0
    return catalogue.select(chosen)


def cut_parts(catalogue: Catalogue, log_gaps: bool, magnitude: bool) -> Parts:
    """Sequences for training, validation and testing, each at its own length.

    Parameters
    ----------
    catalogue : Catalogue
    log_gaps : bool
        Whether the first channel is the logarithm of the days since the last event,
        or the days since the start.
    magnitude : bool
        Whether the magnitude is the last channel.

    Returns
    -------
    dict of str to list of ndarray of shape (length, n_channels)
    """
    marks = catalogue.marks[:, : 2 + magnitude]
    return {
        name: [_sequence(catalogue.times, marks, start, log_gaps) for start in starts]
        for name, starts in split_starts(window_starts()).items()
    }


def window_starts() -> np.ndarray:
    """First days of the windows, without those about the Tohoku earthquake."""
    starts = _FIRST_DAY + 7 * np.arange(1561)
    months = starts.astype("datetime64[M]")
    before = months < np.datetime64("2010-11")
    after = months > np.datetime64("2011-12")
    return starts[before | after]


def split_starts(starts: np.ndarray) -> dict[str, np.ndarray]:
    """Of every 30 windows 19 are for training, one for validation, one for testing."""
    place = np.arange(len(starts)) % 30
    return {
        "train": starts[place > 10],
        "val": starts[place == 3],
        "test": starts[place == 7],
    }


def _sequence(
    times: np.ndarray, marks: np.ndarray, start: np.datetime64, log_gaps: bool
) -> np.ndarray:
    """Events of the window [start, start + 30 days): (length, n_channels)."""
    first, stop = np.searchsorted(times, [start, start + _WINDOW])
    days = (times[first:stop] - start) / _DAY
    if log_gaps:
        days = np.log(np.maximum(np.diff(days, prepend=0.0), _SHORTEST_GAP))
    return np.column_stack([days, marks[first:stop]])
