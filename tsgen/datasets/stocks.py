"""Stocks: the daily price of one share, downloaded or read from a file at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from tsgen.datasets._fetching import PathLike, Source, find_file
from tsgen.datasets._files import DAMAGE, open_text

__all__ = ["fetch_stocks"]

_CHANNELS = ["Open", "High", "Low", "Close", "Adj_Close", "Volume"]

_DESCRIPTION = """\
Stocks
======

The Google share, one row a trading day, in the order of time, as TimeGAN and many after
it use it: 3,685 rows without missing values, 6 channels. The file has no dates.

Open, High, Low, Close   prices of the day, US dollars
Adj_Close                closing price adjusted for splits and dividends
Volume                   shares traded

`Close` and `Adj_Close` are equal in every row.

Source: data/stock_data.csv of Yoon, J., Jarrett, D., & van der Schaar, M. (2019).
Time-series generative adversarial networks. NeurIPS 2019.
https://github.com/jsyoon0823/TimeGAN
Licence: Apache 2.0 for the repository; the prices are from Yahoo Finance, with terms of
its own. Not shipped with this package.
"""


def fetch_stocks(
    path: PathLike | None = None,
    *,
    data_home: PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch:
    """Fetch the Stocks data: six daily channels of the Google share.

    Parameters
    ----------
    path : str, path-like or None, default=None
        The file `stock_data.csv` at hand, plain or gzipped; then nothing is
        downloaded.
    data_home : str, path-like or None, default=None
        Folder of downloads. None takes that of the environment variable
        `TSGEN_DATA`, or else the user's cache folder.
    download_if_missing : bool, default=True
        With False, an error is raised instead of a download.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (3685, 6), float64, in the units of `DESCR`.
        `channel_names` : list of 6 str.
        `DESCR` : str with source, licence and notes.

    Raises
    ------
    FileNotFoundError
        If there is no file at `path`, or none and it may not be downloaded.
    OSError
        If the download fails.
    ValueError
        If the file is another one.
    ImportError
        If pooch, which downloads, is not installed.

    Notes
    -----
    The download is compared with the digest of the file as of 2026. `Close` and
    `Adj_Close` are equal: drop one where a full-rank covariance is needed.

    References
    ----------
    .. [1] Yoon, J., Jarrett, D., & van der Schaar, M. (2019). Time-series generative
       adversarial networks. NeurIPS 2019. https://github.com/jsyoon0823/TimeGAN

    Examples
    --------
    >>> from tsgen.datasets import fetch_stocks
    >>> fetch_stocks().data.shape  # doctest: +SKIP
    (3685, 6)
    """
    data = _read(find_file(_SOURCE, path, data_home, download_if_missing))
    return Bunch(data=data, channel_names=list(_CHANNELS), DESCR=_DESCRIPTION)


def _read(path: Path) -> np.ndarray:
    try:
        with open_text(path) as file:
            header, *rows = csv.reader(file)
            data = np.array(rows, dtype=float)
    except (ValueError, *DAMAGE) as error:
        raise ValueError(_refusal(path)) from error
    if header != _CHANNELS or data.ndim != 2 or data.shape[1] != len(_CHANNELS):
        raise ValueError(_refusal(path))
    return data


def _refusal(path: Path) -> str:
    return (
        f"path must name a CSV file with the columns {', '.join(_CHANNELS)} and a "
        f"number in each, got {str(path)!r}. Download {_SOURCE.url} and pass that file."
    )


_SOURCE = Source(
    url="https://raw.githubusercontent.com/jsyoon0823/TimeGAN/master/data/stock_data.csv",
    name="stock_data.csv",
    check=_read,
    sha256="134b8a00eb4eefa3242dd7ae85144082da80dedf75a1a656d5d08f97cd95277a",
)
