"""Vital signs of MIMIC-III, the demo or the whole, from a folder of yours."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from tsgen.datasets import _tables
from tsgen.datasets._fetching import PathLike
from tsgen.datasets._files import optional
from tsgen.datasets._hourly import cell_means, check_hours, fill_hours, find_observed

__all__ = ["load_mimic"]

_ITEMS = {
    "heart_rate": (211, 220045),
    "systolic": (51, 442, 455, 6701, 220179, 220050),
    "diastolic": (8368, 8440, 8441, 8555, 220180, 220051),
    "mean": (456, 52, 6702, 443, 220052, 220181, 225312),
    "respiratory_rate": (615, 618, 220210, 224690),
    "oxygen_saturation": (646, 220277),
    "temperature": (676, 223762, 678, 223761),
}
_FAHRENHEIT = (678, 223761)
_PLAUSIBLE = {  # above the first, up to the second
    "heart_rate": (0, 300),
    "systolic": (0, 400),
    "diastolic": (0, 300),
    "mean": (0, 300),
    "respiratory_rate": (0, 100),
    "oxygen_saturation": (0, 100),
    "temperature": (25, 45),
}
_SHARES = {"first": 1 / 2, "all": 2 / 3}
_REMEDY = (
    "Download the open demo from https://physionet.org/content/mimiciii-demo/1.4/, or "
    "ask for access at https://physionet.org/content/mimiciii/1.4/."
)

_DESCRIPTION = """\
Vital signs of MIMIC-III
========================

Hourly means of stays in intensive care, each hour counted from admission to the unit:

heart_rate         beats a minute
systolic           blood pressure, mm Hg, of the arterial line or the cuff
diastolic          the same
mean               the same
respiratory_rate   breaths a minute
oxygen_saturation  %
temperature        degrees Celsius

Entries marked as errors, those without a number and implausible ones are left out.
Within a series hours without a value take the last one before, and the first ones the
next one after. Series with too few observed hours in any channel are left out.

`groups` holds the patient of each series, `stays` the stay, `start_hours` the hour of
the stay at which the series starts. All patients of the demo died at some time, in
hospital or later: it is not for studies of outcomes.

Source: Johnson, A., Pollard, T., & Mark, R. MIMIC-III Clinical Database 1.4, PhysioNet,
https://doi.org/10.13026/C2XW26; the demo: https://doi.org/10.13026/C2HM2Q
Licence: of the demo Open Database License (ODbL) 1.0; the whole has a data use
agreement. Neither is shipped with this package or downloaded by it.
"""


def load_mimic(
    folder: PathLike,
    *,
    features: Sequence[str] = (
        "heart_rate",
        "systolic",
        "diastolic",
        "mean",
        "respiratory_rate",
        "oxygen_saturation",
    ),
    n_hours: int = 12,
    min_hours: int | None = None,
    windows: Literal["first", "all"] = "first",
) -> Bunch:
    """Read hourly vital signs of MIMIC-III from a folder of yours.

    Nothing is downloaded: the demo of 100 patients is open, at
    https://physionet.org/content/mimiciii-demo/1.4/, the whole asks for credentials, at
    https://physionet.org/content/mimiciii/1.4/.

    Parameters
    ----------
    folder : str or path-like
        Folder with ICUSTAYS and CHARTEVENTS of MIMIC-III or its demo, as `.csv` or
        `.csv.gz`, names and headers in upper or lower case.
    features : sequence of str, \
            default=("heart_rate", "systolic", "diastolic", "mean", \
            "respiratory_rate", "oxygen_saturation")
        The channels, in this order; `temperature` may be added.
    n_hours : int, default=12
        Hours of a series.
    min_hours : int or None, default=None
        Hours out of `n_hours` in which every channel must have been observed, from 1
        to `n_hours`; not necessarily the same hours in each. None takes half of
        `n_hours` for `windows="first"` and two thirds for `windows="all"`.
    windows : {"first", "all"}, default="first"
        The first hours of each stay; or all windows of `n_hours` side by side, up to
        the last measurement of the stay.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (n_series, n_hours, n_features), float64, in the
        units of `DESCR`.
        `groups` : ndarray of shape (n_series,), int64, the patient of each series.
        `stays` : ndarray of shape (n_series,), int64, the stay in intensive care.
        `start_hours` : ndarray of shape (n_series,), int64, hours from admission to
        the start of the series.
        `channel_names` : list of str, the `features`.
        `DESCR` : str with source, licence and notes.

    Raises
    ------
    FileNotFoundError
        If a table is not in the folder.
    ValueError
        If a table lacks a column, an option is out of range, or no series has enough
        observed hours.
    TypeError
        If a count is not an integer.
    ImportError
        If pandas is not installed.

    Notes
    -----
    A patient can have several stays, and a stay many windows: split by `groups`, e.g.
    with `sklearn.model_selection.GroupShuffleSplit`.

    The large table is read in chunks of a million rows, of which only the wanted
    items are kept. Plausible are heart rates, diastolic and mean pressures above 0 up
    to 300, systolic ones up to 400, respiratory rates and saturations up to 100, and
    temperatures above 25 up to 45 degrees. The two record systems of MIMIC-III number
    the same sign differently; both are read, and degrees Fahrenheit become Celsius.

    Series of the demo, with the six features:

    =======  =======  =========  ======
    windows  n_hours  min_hours  series
    =======  =======  =========  ======
    "first"  12       6 (None)   123
    "first"  24       12 (None)  120
    "all"    12       8 (None)   983
    =======  =======  =========  ======

    References
    ----------
    .. [1] Johnson, A. E. W., Pollard, T. J., Shen, L., et al. (2016). MIMIC-III, a
       freely accessible critical care database. Scientific Data, 3, 160035.

    Examples
    --------
    >>> from tsgen.datasets import load_mimic
    >>> vitals = load_mimic("mimic-iii-clinical-database-demo-1.4")  # doctest: +SKIP
    >>> vitals.data.shape  # doctest: +SKIP
    (123, 12, 6)
    """
    n_hours, min_hours = _check_options(features, n_hours, min_hours, windows)
    stays = _read_stays(Path(folder).expanduser())
    events = _read_events(Path(folder).expanduser(), stays, features)
    if windows == "first":
        n_windows = np.ones(len(stays), dtype=int)
    else:
        n_windows = _count_windows(events, len(stays), n_hours)
    hourly = _cut_windows(events, n_windows, n_hours, len(features))
    kept = find_observed(hourly, min_hours)
    stay = np.repeat(np.arange(len(stays)), n_windows)[kept]
    return Bunch(
        data=fill_hours(hourly[kept]),
        groups=stays["subject_id"].to_numpy()[stay],
        stays=stays["icustay_id"].to_numpy()[stay],
        start_hours=n_hours * np.concatenate([np.arange(n) for n in n_windows])[kept],
        channel_names=list(features),
        DESCR=_DESCRIPTION,
    )


def _check_options(
    features: Sequence[str], n_hours: int, min_hours: int | None, windows: str
) -> tuple[int, int]:
    if windows not in _SHARES:
        raise ValueError(f"windows must be 'first' or 'all', got {windows!r}.")
    known = not isinstance(features, str) and set(features) <= set(_ITEMS)
    if not known or len(features) != len(set(features)) or len(features) == 0:
        raise ValueError(
            f"features must be a list of names among {', '.join(_ITEMS)}, each once, "
            f"got {features!r}."
        )
    return check_hours(n_hours, min_hours, share=_SHARES[windows])


def _read_stays(folder: Path) -> Any:
    """Read patient and start of every stay: a data frame, ascending by stay."""
    path = _tables.find_table(folder, "ICUSTAYS", "folder", _REMEDY)
    stays = _tables.read_table(path, ("icustay_id", "subject_id", "intime"), "folder")
    stays["intime"] = _to_dates(stays["intime"], path)
    return stays.sort_values("icustay_id", ignore_index=True)


def _to_dates(texts: Any, path: Path) -> Any:
    try:
        return optional("pandas").to_datetime(texts)
    except ValueError as error:
        raise ValueError(
            f"folder must hold dates in {path.name}, got {str(path)!r}: {error}"
        ) from error


def _read_events(
    folder: Path, stays: Any, features: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Stay, hour, channel and value of every plausible measurement."""
    path = _tables.find_table(folder, "CHARTEVENTS", "folder", _REMEDY)
    columns = ("icustay_id", "itemid", "charttime", "valuenum", "error")
    with closing(_tables.read_chunks(path, columns, "folder")) as chunks:
        found = [_choose(chunk, path, stays, features) for chunk in chunks]
    parts = zip(*found, strict=True)
    stay, hour, channel, value = (np.concatenate(part) for part in parts)
    return stay, hour, channel, value


def _choose(chunk: Any, path: Path, stays: Any, features: Sequence[str]) -> tuple:
    """Keep what is a feature, no error, in a stay and plausible."""
    channels = {item: i for i, name in enumerate(features) for item in _ITEMS[name]}
    rows = chunk[chunk["itemid"].isin(channels) & (chunk["error"] != 1)]
    stay = optional("pandas").Index(stays["icustay_id"]).get_indexer(rows["icustay_id"])
    rows, stay = rows[stay >= 0], stay[stay >= 0]
    channel = rows["itemid"].map(channels).to_numpy(dtype=int)
    value = _in_celsius(rows["itemid"], rows["valuenum"].to_numpy(dtype=float))
    since = (
        _to_dates(rows["charttime"], path).to_numpy() - stays["intime"].to_numpy()[stay]
    )
    hour = since // np.timedelta64(1, "h")
    low, high = np.array([_PLAUSIBLE[name] for name in features]).T
    kept = (hour >= 0) & (value > low[channel]) & (value <= high[channel])
    return stay[kept], hour[kept], channel[kept], value[kept]


def _in_celsius(items: Any, values: np.ndarray) -> np.ndarray:
    return np.where(items.isin(_FAHRENHEIT), (values - 32) / 1.8, values)


def _count_windows(events: tuple, n_stays: int, n_hours: int) -> np.ndarray:
    """Whole windows of each stay up to its last measurement: (n_stays,)."""
    stay, hour, _, _ = events
    last = np.full(n_stays, -1)
    np.maximum.at(last, stay, hour)
    return (last + 1) // n_hours


def _cut_windows(
    events: tuple, n_windows: np.ndarray, n_hours: int, n_channels: int
) -> np.ndarray:
    """Hourly means of the windows of all stays: (n_windows, n_hours, n_channels)."""
    stay, hour, channel, value = events
    kept = hour < n_hours * n_windows[stay]
    first = np.cumsum(n_windows) - n_windows
    rows = (n_hours * first[stay] + hour)[kept]
    shape = (n_hours * int(n_windows.sum()), n_channels)
    means = cell_means(rows, channel[kept], value[kept], shape)
    return means.reshape(-1, n_hours, n_channels)
