"""Cuff blood pressure of the eICU demo: intensive care and step-down units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from tsgen.datasets import _tables
from tsgen.datasets._fetching import PathLike, Source, find_file
from tsgen.datasets._hourly import cell_means, check_hours, fill_hours, find_observed

__all__ = ["fetch_eicu_demo"]

_FOLDER = "https://physionet.org/files/eicu-crd-demo/2.0.1"
_PRESSURES = ["noninvasivesystolic", "noninvasivediastolic", "noninvasivemean"]
_VITALS = ("patientunitstayid", "observationoffset", *_PRESSURES)
_PATIENTS = ("patientunitstayid", "uniquepid", "unitstaytype")

_DESCRIPTION = """\
Blood pressure of the eICU Collaborative Research Database demo
===============================================================

Hourly means of the first hours of 2,520 stays in intensive care and step-down units,
measured with a cuff:

systolic   mm Hg
diastolic  mm Hg
mean       mm Hg

Measurements count if they give all three pressures above 0. Hours without one take the
last value before, and the first ones the next one after. Stays with too few observed
hours are left out.

`groups` holds the patient of each series, `stays` the stay: a patient can have several.

Source: Johnson, A., Pollard, T., Badawi, O., & Raffa, J. eICU Collaborative Research
Database Demo 2.0.1, PhysioNet, https://physionet.org/content/eicu-crd-demo/2.0.1/
Licence: Open Database License (ODbL) 1.0. Not shipped with this package.
"""


def fetch_eicu_demo(
    path: PathLike | None = None,
    *,
    n_hours: int = 12,
    min_hours: int | None = None,
    step_down: bool = False,
    data_home: PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch:
    """Fetch hourly cuff blood pressures of the eICU demo.

    Parameters
    ----------
    path : str, path-like or None, default=None
        Folder with `vitalAperiodic` and `patient` at hand, as `.csv` or `.csv.gz`;
        then nothing is downloaded.
    n_hours : int, default=12
        Hours of a series, from admission to the unit on.
    min_hours : int or None, default=None
        Hours out of `n_hours` that must have been observed, from 1 to `n_hours`.
        None takes three quarters of `n_hours`.
    step_down : bool, default=False
        With True, only stays in step-down units, where patients go after intensive
        care: as near to a ward as these data come.
    data_home : str, path-like or None, default=None
        Folder of downloads. None takes that of the environment variable
        `TSGEN_DATA`, or else the user's cache folder.
    download_if_missing : bool, default=True
        With False, an error is raised instead of a download.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (n_stays, n_hours, 3), float64, mm Hg.
        `groups` : ndarray of shape (n_stays,), str, the patient of each series.
        `stays` : ndarray of shape (n_stays,), int64, the stay, ascending.
        `channel_names` : list of 3 str: `systolic`, `diastolic`, `mean`.
        `DESCR` : str with source, licence and notes.

    Raises
    ------
    FileNotFoundError
        If a table is not in the folder, or missing and not to be downloaded.
    OSError
        If the download fails.
    ValueError
        If a table lacks a column, an option is out of range, or no stay has enough
        observed hours.
    TypeError
        If a count is not an integer.
    ImportError
        If pandas, or pooch for a download, is not installed.

    Notes
    -----
    1,753 series of 12 hours and 1,420 of 24 hours with at least three quarters
    observed. Split them by `groups`, e.g. with
    `sklearn.model_selection.GroupShuffleSplit`.

    The digest of the publisher's files is not known here: a download is checked to
    be whole and to have the columns.

    References
    ----------
    .. [1] Pollard, T. J., Johnson, A. E. W., Raffa, J. D., et al. (2018). The eICU
       Collaborative Research Database, a freely available multi-center database for
       critical care research. Scientific Data, 5, 180178.

    Examples
    --------
    >>> from tsgen.datasets import fetch_eicu_demo
    >>> fetch_eicu_demo().data.shape  # doctest: +SKIP
    (1753, 12, 3)
    """
    n_hours, min_hours = check_hours(n_hours, min_hours, share=3 / 4)
    vitals, patients = (
        _read(source, path, data_home, download_if_missing)
        for source in (_VITALS_SOURCE, _PATIENTS_SOURCE)
    )
    if step_down:
        patients = patients[patients["unitstaytype"] == "stepdown/other"]
    patients = patients.sort_values("patientunitstayid")
    stays = patients["patientunitstayid"].to_numpy()
    hourly = _hourly_means(vitals, stays, n_hours)
    kept = find_observed(hourly, min_hours)
    return Bunch(
        data=fill_hours(hourly[kept]),
        groups=patients["uniquepid"].to_numpy(dtype=str)[kept],
        stays=stays[kept],
        channel_names=["systolic", "diastolic", "mean"],
        DESCR=_DESCRIPTION,
    )


def _read(
    source: Source,
    path: PathLike | None,
    data_home: PathLike | None,
    download_if_missing: bool,
) -> Any:
    if path is None:
        file = find_file(source, None, data_home, download_if_missing)
    else:
        name = Path(source.name).name.removesuffix(".csv.gz")
        remedy = f"Download {source.url} into it."
        folder = Path(path).expanduser()
        file = _tables.find_table(folder, name, "path", remedy)
    return _tables.read_table(file, _COLUMNS[source.name], "path")


def _hourly_means(vitals: Any, stays: np.ndarray, n_hours: int) -> np.ndarray:
    """Mean pressures of every hour of every stay: (n_stays, n_hours, 3)."""
    pressures = vitals[_PRESSURES].to_numpy(dtype=float)  # (n_rows, 3)
    hour = vitals["observationoffset"].to_numpy() // 60
    stay, known = _place(vitals["patientunitstayid"].to_numpy(), stays)
    whole = (pressures > 0).all(axis=1)  # False where one is missing
    kept = known & whole & (hour >= 0) & (hour < n_hours)
    rows = np.repeat(n_hours * stay[kept] + hour[kept], 3)
    columns = np.tile(np.arange(3), kept.sum())
    shape = (n_hours * len(stays), 3)
    means = cell_means(rows, columns, pressures[kept].ravel(), shape)
    return means.reshape(-1, n_hours, 3)


def _place(values: np.ndarray, ascending: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of each value in an ascending array, and whether it is there."""
    index = np.searchsorted(ascending, values).clip(max=len(ascending) - 1)
    return index, ascending[index] == values


def _check_vitals(path: Path) -> None:
    _tables.read_table(path, _VITALS, "path")


def _check_patients(path: Path) -> None:
    _tables.read_table(path, _PATIENTS, "path")


_VITALS_SOURCE = Source(
    url=f"{_FOLDER}/vitalAperiodic.csv.gz",
    name="eicu_demo/vitalAperiodic.csv.gz",
    check=_check_vitals,
    what="the folder of both tables",
)
_PATIENTS_SOURCE = Source(
    url=f"{_FOLDER}/patient.csv.gz",
    name="eicu_demo/patient.csv.gz",
    check=_check_patients,
    what="the folder of both tables",
)
_COLUMNS = {_VITALS_SOURCE.name: _VITALS, _PATIENTS_SOURCE.name: _PATIENTS}
