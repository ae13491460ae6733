"""The data sets of the tables, each split into training and held-out series.

No series for training overlaps in time with one held out, or comes from the same
patient, stay or product. The splits are the same in every run.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from tsgen import datasets
from tsgen.datasets._events import split_starts, window_starts

Split = tuple[np.ndarray, np.ndarray]

MOST_TRAINED = {"quick": 2000, "full": None}  # series to fit on
_N_PARTS = 3  # of patients, stays and products one is held out
_REACH = np.timedelta64(30, "D")  # length of a sequence of earthquakes
_BLOCK = 30  # weeks
_EVERY = 4  # of the blocks one is held out


class Places(NamedTuple):
    """Where files lie that are not shipped; None looks into the data folder."""

    mimic: str | None = None
    physionet2012: str | None = None
    retail: str | None = None
    stocks: str | None = None
    data_home: str | None = None
    download: bool = False


@cache
def load(name: str, mode: str = "full", places: Places = Places()) -> Split:  # noqa: B008
    """Return training and held-out series of a data set.

    Raises
    ------
    FileNotFoundError
        If its files are not there; says what to do.
    """
    X_train, X_test = SETS[name](places)
    return subset(X_train, MOST_TRAINED[mode], 0), X_test


def subset(X: np.ndarray, n_most: int | None, seed: int) -> np.ndarray:
    """Draw at most so many series, in their order: neighbours stay neighbours."""
    if n_most is None or n_most >= len(X):
        return X
    rows = np.random.default_rng(seed).permutation(len(X))[:n_most]
    return X[np.sort(rows)]


def earthquakes(places: Places) -> Split:
    """All 1,050 sequences, every fourth block of 30 weeks held out.

    The published parts hold out 100 sequences, too few to score against. Sequences of
    the other blocks that share a day with one held out are dropped.
    """
    parts = datasets.load_earthquakes()
    starts = split_starts(window_starts())
    days = np.concatenate([starts[name] for name in ("train", "val", "test")])
    X = np.concatenate([parts.train, parts.val, parts.test])
    order = np.argsort(days)
    trained, held_out = apart(days[order])
    return X[order][trained], X[order][held_out]


def apart(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the windows to fit on and to hold out, by their first days."""
    blocks = (days - days[0]) // np.timedelta64(7 * _BLOCK, "D")
    held_out = blocks % _EVERY == 1
    distances = np.abs(days[:, None] - days[held_out])
    return distances.min(axis=1) >= _REACH, held_out


def energy(places: Places) -> Split:
    """Windows of four hours; interleaved stretches of time held out, with gaps."""
    return _windows(datasets.load_energy().data)


def stocks(places: Places) -> Split:
    """Windows of 24 trading days; interleaved stretches of time held out, with gaps."""
    fetched = datasets.fetch_stocks(
        places.stocks, data_home=places.data_home, download_if_missing=places.download
    )
    return _windows(fetched.data)


def _windows(series: np.ndarray) -> Split:
    return datasets.train_test_windows(series, 24, random_state=0)


def mimic(places: Places) -> Split:
    """Windows of 12 hours of the MIMIC-III demo; patients with a third held out."""
    if places.mimic is None:
        raise FileNotFoundError(
            "pass --mimic FOLDER, with the open demo from "
            "https://physionet.org/content/mimiciii-demo/1.4/."
        )
    return _by_group(datasets.load_mimic(places.mimic, windows="all"))


def physionet2012(places: Places) -> Split:
    """First 12 hours of stays, in the place of the paper's WARDS; a third held out."""
    fetched = datasets.fetch_physionet2012(
        places.physionet2012,
        data_home=places.data_home,
        download_if_missing=places.download,
    )
    return _by_group(fetched)


def retail(places: Places) -> Split:
    """Sales of 300 products in 24 trading days; a third of the products held out."""
    fetched = datasets.fetch_retail(
        places.retail, data_home=places.data_home, download_if_missing=places.download
    )
    return _by_group(fetched)


def _by_group(bunch: dict[str, np.ndarray]) -> Split:
    """Hold out groups that have a third of the series, though few may have most."""
    from sklearn.model_selection import GroupKFold

    X, groups = bunch["data"], bunch["groups"]
    train, test = next(GroupKFold(_N_PARTS).split(X, groups=groups))
    return X[train], X[test]


SETS = {
    "earthquakes": earthquakes,
    "mimic": mimic,
    "physionet2012": physionet2012,
    "energy": energy,
    "retail": retail,
    "stocks": stocks,
}
