"""Vital signs in intensive care: set A of the PhysioNet/CinC Challenge 2012."""

from __future__ import annotations

import csv
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from tsgen.datasets._fetching import PathLike, Source, find_file
from tsgen.datasets._files import DAMAGE, open_text
from tsgen.datasets._hourly import cell_means, check_hours, fill_hours, find_observed

__all__ = ["fetch_physionet2012"]

_FOLDER = "https://physionet.org/files/challenge-2012/1.0.0"
_MEMBER = re.compile(r"(?:\./)?set-a/([0-9]{1,9})\.txt")
_LARGEST_STAY = 2**20  # bytes; the largest there is has 23,826
_RECORDED_HOURS = 48
_N_STAYS = 4000
_HEADER = "Time,Parameter,Value"

_ARTERIAL = ["SysABP", "DiasABP", "MAP"]
_CUFF = ["NISysABP", "NIDiasABP", "NIMAP"]
_VARIABLES = {name: i for i, name in enumerate(["HR", *_ARTERIAL, *_CUFF])}

_DESCRIPTION = """\
Vital signs of the PhysioNet/CinC Challenge 2012, set A
=======================================================

Hourly means of the first hours of stays in intensive care:

heart_rate   beats a minute (HR)
systolic     pressure, mm Hg (SysABP, NISysABP)
diastolic    the same (DiasABP, NIDiasABP)
mean         the same (MAP, NIMAP)

With pressure="arterial" a pressure is that of the arterial line, and in hours without
one that of the cuff; with pressure="cuff" it is that of the cuff, which is what a ward
measures. Values of 0 or less are taken as missing; other artefacts are left in. Hours
without a value take the last one before, and the first ones the next one after. Stays
with too few observed hours in any channel are left out.

`groups` holds the record of each series, one a stay; `target`, if the outcomes were
read, 1 for a death in hospital and 0 otherwise: 554 deaths in the 4,000 stays.

Source: Silva, I., Moody, G., Scott, D. J., Celi, L. A., & Mark, R. G. (2012).
Predicting in-hospital mortality of ICU patients: The PhysioNet/Computing in Cardiology
Challenge 2012. Computing in Cardiology, 39, 245-248.
https://physionet.org/content/challenge-2012/1.0.0/
Licence: open access, not shipped with this package; the page above has the terms.
"""


def fetch_physionet2012(
    path: PathLike | None = None,
    *,
    outcomes: PathLike | None = None,
    pressure: Literal["arterial", "cuff"] = "arterial",
    n_hours: int = 12,
    min_hours: int | None = None,
    data_home: PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch:
    """Fetch the vital signs of set A of the PhysioNet/CinC Challenge 2012.

    Nothing is unpacked on the disk.

    Parameters
    ----------
    path : str, path-like or None, default=None
        The file `set-a.tar.gz` at hand; then nothing is downloaded.
    outcomes : str, path-like or None, default=None
        The file `Outcomes-a.txt` at hand. None downloads it along with set A, and
        does without if `path` is given.
    pressure : {"arterial", "cuff"}, default="arterial"
        Blood pressure of the arterial line, and in hours without one of the cuff; or
        of the cuff alone, as on a ward.
    n_hours : int, default=12
        Hours of a series, from admission on: from 1 to 48.
    min_hours : int or None, default=None
        Hours out of `n_hours` in which every channel must have been observed, from 1
        to `n_hours`; not necessarily the same hours in each. Other stays are left
        out. None takes half of `n_hours`.
    data_home : str, path-like or None, default=None
        Folder of downloads. None takes that of the environment variable
        `TSGEN_DATA`, or else the user's cache folder.
    download_if_missing : bool, default=True
        With False, an error is raised instead of a download.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (n_stays, n_hours, 4), float64, in the units of
        `DESCR`.
        `groups` : ndarray of shape (n_stays,), int64, the record of each stay,
        ascending.
        `target` : ndarray of shape (n_stays,), int64, 1 for a death in hospital;
        there only if the outcomes were read.
        `channel_names` : list of 4 str: `heart_rate`, `systolic`, `diastolic`, `mean`.
        `DESCR` : str with source, licence and notes.

    Raises
    ------
    FileNotFoundError
        If there is no file at `path` or `outcomes`, or none and it may not be
        downloaded.
    OSError
        If the download fails.
    ValueError
        If a file is another one, if an option is out of range, or if no stay has
        enough observed hours.
    TypeError
        If a count is not an integer.
    ImportError
        If pooch, which downloads, is not installed.

    Notes
    -----
    Values of 0 or less are taken as missing, then hours are filled forward and
    backward: the longer a gap, the flatter the series. Other artefacts are left in.

    Numbers of stays:

    ==========  =======  =========  =====
    pressure    n_hours  min_hours  stays
    ==========  =======  =========  =====
    "arterial"  12       6 (None)   3,835
    "arterial"  24       12 (None)  3,871
    "arterial"  48       24 (None)  3,880
    "cuff"      12       6 (None)   1,936
    "cuff"      12       4          2,194
    ==========  =======  =========  =====

    The digest of the publisher's files is not known here: a download is checked to
    be whole and to hold 4,000 stays.

    References
    ----------
    .. [1] Silva, I., Moody, G., Scott, D. J., Celi, L. A., & Mark, R. G. (2012).
       Predicting in-hospital mortality of ICU patients: The PhysioNet/Computing in
       Cardiology Challenge 2012. Computing in Cardiology, 39, 245-248.

    Examples
    --------
    >>> from tsgen.datasets import fetch_physionet2012
    >>> vitals = fetch_physionet2012()  # doctest: +SKIP
    >>> vitals.data.shape  # doctest: +SKIP
    (3835, 12, 4)
    """
    n_hours, min_hours = _check_options(pressure, n_hours, min_hours)
    archive = find_file(_SET_A, path, data_home, download_if_missing)
    if path is None or outcomes is not None:
        outcomes = find_file(_OUTCOMES, outcomes, data_home, download_if_missing)
    records, measured = _read_stays(archive, n_hours)
    hourly = _choose_pressures(measured, pressure)
    kept = find_observed(hourly, min_hours)
    return Bunch(
        data=fill_hours(hourly[kept]),
        groups=records[kept],
        **_read_target(outcomes, records[kept]),
        channel_names=["heart_rate", "systolic", "diastolic", "mean"],
        DESCR=_DESCRIPTION,
    )


def _check_options(
    pressure: str, n_hours: int, min_hours: int | None
) -> tuple[int, int]:
    if pressure not in ("arterial", "cuff"):
        raise ValueError(f"pressure must be 'arterial' or 'cuff', got {pressure!r}.")
    n_hours, min_hours = check_hours(n_hours, min_hours, share=1 / 2)
    if n_hours > _RECORDED_HOURS:
        raise ValueError(
            f"n_hours must not exceed the {_RECORDED_HOURS} hours of a record, got "
            f"n_hours={n_hours}. Use at most {_RECORDED_HOURS}."
        )
    return n_hours, min_hours


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
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                found = _MEMBER.fullmatch(member.name)
                if found and member.isfile():
                    yield int(found[1]), _content(archive, member)
            _read_to_the_end(archive)
    except (tarfile.TarError, *DAMAGE) as error:
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
        f"{str(path)!r}, {came}. Download {_SET_A.url} and pass that file."
    )


def _hourly_means(text: str, n_hours: int) -> np.ndarray:
    """Mean of every variable in every hour, NaN where there is none: (n_hours, 7)."""
    found = np.array([*_measurements(text)], dtype=float).reshape(-1, 3)
    hours, variables, values = found.T
    kept = (hours >= 0) & (hours < n_hours) & (values > 0) & (values < np.inf)
    return cell_means(
        hours[kept].astype(int),
        variables[kept].astype(int),
        values[kept],
        (n_hours, len(_VARIABLES)),
    )


def _measurements(text: str) -> Iterator[tuple[int, int, float]]:
    """Hour, column and value of every measurement of the variables."""
    header, *lines = text.splitlines()
    if header != _HEADER:
        raise ValueError(f"The first line must be {_HEADER!r}, got {header!r}.")
    for line in lines:
        time, name, value = line.split(",")
        if name in _VARIABLES:
            yield int(time.split(":")[0]), _VARIABLES[name], float(value)


def _choose_pressures(measured: np.ndarray, pressure: str) -> np.ndarray:
    """Heart rate and pressures: (..., n_hours, 7) to (..., n_hours, 4)."""
    heart_rate, arterial, cuff = np.split(measured, [1, 4], axis=-1)
    if pressure == "arterial":
        cuff = np.where(np.isnan(arterial), cuff, arterial)
    return np.concatenate([heart_rate, cuff], axis=-1)


def _read_target(
    outcomes: PathLike | None, records: np.ndarray
) -> dict[str, np.ndarray]:
    """Read the target of every record, if there are outcomes."""
    if outcomes is None:
        return {}
    deaths = _read_outcomes(Path(outcomes))
    unknown = [int(record) for record in records if record not in deaths]
    if unknown:
        raise ValueError(
            f"outcomes must hold every record of set A, got {str(outcomes)!r}, which "
            f"lacks {len(unknown)} of them, the first {unknown[0]}. {_OTHER_OUTCOMES}"
        )
    return {"target": np.array([deaths[record] for record in records])}


def _read_outcomes(path: Path) -> dict[int, int]:
    """Read of every record whether the patient died in hospital."""
    try:
        with open_text(path) as file:
            return {
                int(row["RecordID"]): int(row["In-hospital_death"])
                for row in csv.DictReader(file)
            }
    except (KeyError, TypeError, ValueError, *DAMAGE) as error:
        raise ValueError(
            "outcomes must name a CSV file with the columns RecordID and "
            f"In-hospital_death, got {str(path)!r}. {_OTHER_OUTCOMES}"
        ) from error


def _check_archive(path: Path) -> None:
    _check_stays(sum(1 for _ in _members(path)))


def _check_outcomes(path: Path) -> None:
    _check_stays(len(_read_outcomes(path)))


def _check_stays(n_stays: int) -> None:
    if n_stays != _N_STAYS:
        raise ValueError(f"set A has {_N_STAYS} stays, and the file has {n_stays}.")


_SET_A = Source(
    url=f"{_FOLDER}/set-a.tar.gz",
    name="physionet2012/set-a.tar.gz",
    check=_check_archive,
)
_OUTCOMES = Source(
    url=f"{_FOLDER}/Outcomes-a.txt",
    name="physionet2012/Outcomes-a.txt",
    check=_check_outcomes,
    parameter="outcomes",
)
_OTHER_OUTCOMES = f"Download {_OUTCOMES.url} and pass that file."
