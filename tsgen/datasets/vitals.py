"""Vital signs in intensive care, read from a file that you have downloaded."""

from __future__ import annotations

import gzip
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from tsgen._validation import check_count

__all__ = ["load_physionet2012"]

_URL = "https://physionet.org/files/challenge-2012/1.0.0/set-a.tar.gz"
_MEMBER = re.compile(r"(?:\./)?set-a/([0-9]{1,9})\.txt")
_LARGEST_STAY = 2**20  # bytes; the largest there is has 23,826
_RECORDED_HOURS = 48
_HEADER = "Time,Parameter,Value"

_ARTERIAL = ["SysABP", "DiasABP", "MAP"]
_CUFF = ["NISysABP", "NIDiasABP", "NIMAP"]
_VARIABLES = {name: i for i, name in enumerate(["HR", *_ARTERIAL, *_CUFF])}

_DESCRIPTION = """\
Vital signs of the PhysioNet/CinC Challenge 2012, set A
=======================================================

Hourly means of the first hours of stays in intensive care:

heart_rate   beats a minute (HR)
systolic     arterial pressure, mm Hg (SysABP, else NISysABP)
diastolic    the same (DiasABP, else NIDiasABP)
mean         the same (MAP, else NIMAP)

A pressure is that of the arterial line, and in hours without one that of the cuff.
Values of 0 or less are taken as missing; other artefacts are left in. Hours without a
value take the last one before, and the first ones the next one after. Stays with too
few observed hours in any channel are left out.

`groups` holds the record of each series, one a stay.

Source: Silva, I., Moody, G., Scott, D. J., Celi, L. A., & Mark, R. G. (2012).
Predicting in-hospital mortality of ICU patients: The PhysioNet/Computing in Cardiology
Challenge 2012. Computing in Cardiology, 39, 245-248.
https://physionet.org/content/challenge-2012/1.0.0/
Licence: open access, not shipped with this package; the page above has the terms.
"""


def load_physionet2012(
    path: str | os.PathLike[str], *, n_hours: int = 12, min_hours: int = 6
) -> Bunch:
    """Read the vital signs of set A of the PhysioNet/CinC Challenge 2012.

    Nothing is downloaded, and nothing is unpacked on the disk. The file is at
    https://physionet.org/files/challenge-2012/1.0.0/set-a.tar.gz, free for all.

    Parameters
    ----------
    path : str or path-like
        The downloaded `set-a.tar.gz`.
    n_hours : int, default=12
        Hours of a series, from admission on: from 1 to 48.
    min_hours : int, default=6
        Hours out of `n_hours` in which every channel must have been observed, from 1
        to `n_hours`; not necessarily the same hours in each. Other stays are left
        out.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (n_stays, n_hours, 4), float64, in the units of
        `DESCR`. 3,835 stays by default.
        `groups` : ndarray of shape (n_stays,), int64, the record of each stay,
        ascending.
        `channel_names` : list of 4 str: `heart_rate`, `systolic`, `diastolic`, `mean`.
        `DESCR` : str with source, licence and notes.

    Raises
    ------
    FileNotFoundError
        If there is no file at `path`.
    ValueError
        If the file is not set A, if a count is out of range, or if no stay has enough
        observed hours.
    TypeError
        If a count is not an integer.

    Notes
    -----
    Pressures are those of the arterial line, and in hours without one those of the
    cuff. Values of 0 or less are taken as missing, then hours are filled forward and
    backward: the longer a gap, the flatter the series. Other artefacts are left in.

    References
    ----------
    .. [1] Silva, I., Moody, G., Scott, D. J., Celi, L. A., & Mark, R. G. (2012).
       Predicting in-hospital mortality of ICU patients: The PhysioNet/Computing in
       Cardiology Challenge 2012. Computing in Cardiology, 39, 245-248.

    Examples
    --------
    >>> from tsgen.datasets import load_physionet2012
    >>> vitals = load_physionet2012("set-a.tar.gz")  # doctest: +SKIP
    >>> vitals.data.shape  # doctest: +SKIP
    (3835, 12, 4)
    """
    n_hours, min_hours = _check_hours(n_hours, min_hours)
    records, measured = _read_stays(Path(path), n_hours)
    hourly = _merge_pressures(measured)
    kept = np.isfinite(hourly).sum(axis=1).min(axis=1) >= min_hours
    _check_kept(kept, min_hours)
    return Bunch(
        data=_fill(hourly[kept]),
        groups=records[kept],
        channel_names=["heart_rate", "systolic", "diastolic", "mean"],
        DESCR=_DESCRIPTION,
    )


def _check_hours(n_hours: int, min_hours: int) -> tuple[int, int]:
    n_hours = check_count(n_hours, "n_hours", minimum=1)
    min_hours = check_count(min_hours, "min_hours", minimum=1)
    if n_hours > _RECORDED_HOURS:
        raise ValueError(
            f"n_hours must not exceed the {_RECORDED_HOURS} hours of a record, got "
            f"n_hours={n_hours}. Use at most {_RECORDED_HOURS}."
        )
    if min_hours > n_hours:
        raise ValueError(
            f"min_hours must not exceed n_hours, got min_hours={min_hours} and "
            f"n_hours={n_hours}. Ask for fewer observed hours or use longer series."
        )
    return n_hours, min_hours


def _check_kept(kept: np.ndarray, min_hours: int) -> None:
    if not kept.any():
        raise ValueError(
            f"min_hours must leave at least one stay, got min_hours={min_hours}, which "
            f"leaves none of {len(kept)}. Ask for fewer observed hours."
        )


def _read_stays(path: Path, n_hours: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the records, ascending, and their hours: (n_stays, n_hours, 7)."""
    stays = {
        record: _read_stay(path, record, content, n_hours)
        for record, content in _members(path)
    }
    if not stays:
        raise ValueError(_refusal(path, "an archive without any set-a/<record>.txt"))
    records = sorted(stays)
    return np.array(records), np.stack([stays[record] for record in records])


def _members(path: Path) -> Iterator[tuple[int, bytes]]:
    """Record and content of every stay; nothing but regular files of the right name."""
    if not path.is_file():
        raise FileNotFoundError(_refusal(path, "where there is no file"))
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                found = _MEMBER.fullmatch(member.name)
                if found and member.isfile():
                    yield int(found[1]), _content(archive, member)
            _read_to_the_end(archive)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(_refusal(path, "no archive, or a damaged one")) from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """At most one byte more than a stay may have."""
    file = archive.extractfile(member)
    return file.read(_LARGEST_STAY + 1) if file else b""


def _read_to_the_end(archive: tarfile.TarFile) -> None:
    """Read on to the checksum of the compressed file, so that damage is noticed."""
    while archive.fileobj and archive.fileobj.read(2**16):
        pass


def _read_stay(path: Path, record: int, content: bytes, n_hours: int) -> np.ndarray:
    name = f"set-a/{record}.txt"
    if len(content) > _LARGEST_STAY:
        came = f"an archive with more than {_LARGEST_STAY} bytes in {name}"
        raise ValueError(_refusal(path, came))
    try:
        return _hourly_means(content.decode(), n_hours)
    except ValueError as error:
        came = f"an archive in which {name} does not hold lines of {_HEADER}"
        raise ValueError(_refusal(path, came)) from error


def _refusal(path: Path, came: str) -> str:
    return (
        "path must name the file set-a.tar.gz of the PhysioNet Challenge 2012, got "
        f"{str(path)!r}, {came}. Download {_URL} and give the path of that file."
    )


def _hourly_means(text: str, n_hours: int) -> np.ndarray:
    """Mean of every variable in every hour, NaN where there is none: (n_hours, 7)."""
    sums = np.zeros((n_hours, len(_VARIABLES)))
    counts = np.zeros_like(sums)
    for hour, variable, value in _measurements(text):
        if hour in range(n_hours) and 0 < value < np.inf:
            sums[hour, variable] += value
            counts[hour, variable] += 1
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _measurements(text: str) -> Iterator[tuple[int, int, float]]:
    """Hour, column and value of every measurement of the variables."""
    header, *lines = text.splitlines()
    if header != _HEADER:
        raise ValueError(f"The first line must be {_HEADER!r}, got {header!r}.")
    for line in lines:
        time, name, value = line.split(",")
        if name in _VARIABLES:
            yield int(time.split(":")[0]), _VARIABLES[name], float(value)


def _merge_pressures(measured: np.ndarray) -> np.ndarray:
    """Heart rate and pressures, arterial where there are any: (..., n_hours, 4)."""
    heart_rate, arterial, cuff = np.split(measured, [1, 4], axis=-1)
    pressures = np.where(np.isnan(arterial), cuff, arterial)
    return np.concatenate([heart_rate, pressures], axis=-1)


def _fill(hourly: np.ndarray) -> np.ndarray:
    """Fill the hours forward, then backward: (n_stays, n_hours, 4)."""
    observed = np.isfinite(hourly)
    hours = np.arange(hourly.shape[1])[:, None]
    last = np.maximum.accumulate(np.where(observed, hours, -1), axis=1)
    first = observed.argmax(axis=1)[:, None]
    source = np.where(last < 0, first, last)  # the hour that each value comes from
    return np.take_along_axis(hourly, source, axis=1)
