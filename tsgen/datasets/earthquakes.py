"""Earthquakes around Japan: sequences of events, shipped with the package."""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from tsgen._validation import check_count
from tsgen.datasets._files import read_csv

__all__ = ["load_earthquakes"]

_FIRST_DAY = np.datetime64("1990-01-01", "D")
_WINDOW = np.timedelta64(30, "D")
_SHORTEST_GAP = 1e-5  # days, 0.9 seconds: keeps the logarithm finite

_DESCRIPTION = """\
Earthquakes around Japan, 1990 to 2019
======================================

From a catalogue of 37,581 earthquakes between 22 and 46 degrees north and 122 and 150
degrees east, magnitudes 2.7 to 9.1, from 1990-01-01 to 2019-12-31 (UTC). A sequence
holds the events of 30 days in the order of time; a new one starts every 7 days. Those
that start in November or December 2010 or in 2011, about the Tohoku earthquake, are
left out. Of every 30 sequences one is for validation (the 4th), one for testing (the
8th) and 19 for training (the 12th to the 30th); the others are dropped:

part     sequences   events in all   shortest
train          950          82,657         22
val             50           4,130         38
test            50           5,110         34

The recipe is that of Neural STPP (Chen, Amos & Nickel 2021), and the events are those
of its sequences. Here each is cut to its first events, so that all have one length.

log_days   natural logarithm of the days since the previous event, for the first event
           since the start of the 30 days; gaps under 1e-5 days count as 1e-5
longitude  degrees east
latitude   degrees north

Neighbouring windows overlap: those next to each other share 23 of their 30 days, so
most events stand in several sequences for training, and the series are not
independent. Windows of different parts share at most 2 days.

The catalogue is not stationary: it is complete only from a magnitude of about 4.5, and
far fewer small events are reported after 2009 than before.

Source: U.S. Geological Survey, ANSS Comprehensive Earthquake Catalog.
https://earthquake.usgs.gov/fdsnws/event/1/
Collected in EarthquakeNPP, https://github.com/ss15859/EarthquakeNPP
Licence: US public domain (USGS). The file holds time, latitude, longitude and magnitude
of every event; no other column.
"""


def load_earthquakes(*, n_events: int = 22) -> Bunch:
    """Load the Earthquakes data: when and where the earth shook around Japan.

    Each series is the start of a sequence of 30 days, one time step an event.

    Parameters
    ----------
    n_events : int, default=22
        Events of a series: the first ones of each sequence. From 1 to 22, which is
        as many as every sequence has.

    Returns
    -------
    sklearn.utils.Bunch
        `train` : ndarray of shape (950, n_events, 3), float64.
        `val` : ndarray of shape (50, n_events, 3), float64.
        `test` : ndarray of shape (50, n_events, 3), float64.
        `channel_names` : list of 3 str: `log_days`, `longitude`, `latitude`.
        `DESCR` : str with source, licence and notes.

    Raises
    ------
    ValueError
        If `n_events` is less than 1 or more than the shortest sequence has.
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
    n_events = check_count(n_events, "n_events", minimum=1)
    sequences = _full_sequences()
    _check_n_events(n_events, sequences)
    return Bunch(
        **{name: _first_events(part, n_events) for name, part in sequences.items()},
        channel_names=["log_days", "longitude", "latitude"],
        DESCR=_DESCRIPTION,
    )


def _full_sequences() -> dict[str, list[np.ndarray]]:
    """Sequences of each part at their own lengths, each of shape (n_events, 3)."""
    times, places = _read_catalogue()
    return {
        name: [_sequence(times, places, start) for start in starts]
        for name, starts in _split(_window_starts()).items()
    }


def _read_catalogue() -> tuple[np.ndarray, np.ndarray]:
    """Read the ascending times of all events and their (longitude, latitude)."""
    _, *rows = read_csv("japan_1990_2019.csv.gz")
    times = [time.removesuffix("Z") for time, *_ in rows]
    places = [(float(longitude), float(latitude)) for _, latitude, longitude, _ in rows]
    return np.array(times, dtype="datetime64[ms]"), np.array(places)


def _window_starts() -> np.ndarray:
    """First days of the windows, without those about the Tohoku earthquake."""
    starts = _FIRST_DAY + 7 * np.arange(1561)
    months = starts.astype("datetime64[M]")
    before = months < np.datetime64("2010-11")
    after = months > np.datetime64("2011-12")
    return starts[before | after]


def _split(starts: np.ndarray) -> dict[str, np.ndarray]:
    place = np.arange(len(starts)) % 30
    return {
        "train": starts[place > 10],
        "val": starts[place == 3],
        "test": starts[place == 7],
    }


def _sequence(
    times: np.ndarray, places: np.ndarray, start: np.datetime64
) -> np.ndarray:
    """Events of the window [start, start + 30 days): (n_events, 3)."""
    first, stop = np.searchsorted(times, [start, start + _WINDOW])
    days = (times[first:stop] - start) / np.timedelta64(1, "D")
    gaps = np.maximum(np.diff(days, prepend=0.0), _SHORTEST_GAP)
    return np.column_stack([np.log(gaps), places[first:stop]])


def _first_events(sequences: list[np.ndarray], n_events: int) -> np.ndarray:
    return np.stack([sequence[:n_events] for sequence in sequences])


def _check_n_events(n_events: int, sequences: dict[str, list[np.ndarray]]) -> None:
    shortest = min(len(sequence) for part in sequences.values() for sequence in part)
    if n_events > shortest:
        raise ValueError(
            f"n_events must not exceed the {shortest} events of the shortest sequence, "
            f"got n_events={n_events}. Use at most {shortest}."
        )
