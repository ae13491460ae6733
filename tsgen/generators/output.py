"""The container in which latents leave `transform`, as `set_output` asks for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._set_output import _get_output_config

from tsgen._forms.axes import import_pandas
from tsgen._reading.long import is_long


def with_series(Z: np.ndarray, X: Any, estimator: BaseEstimator) -> Any:
    """Put latents of a long frame into a frame with a row for each series.

    scikit-learn would give them the rows of `X`, of which there are more. It names the
    columns, and makes what else there is to make.

    Parameters
    ----------
    Z : ndarray of shape (n_series, latent_size)
    X : object
        The series as they came.
    estimator : BaseEstimator
        Whose output is set, or left to the configuration of scikit-learn.

    Returns
    -------
    ndarray or DataFrame of shape (n_series, latent_size)
        A frame, with the labels of the series in their order, only if `X` is a long one
        and pandas is asked for.
    """
    if (
        not is_long(X)
        or _get_output_config("transform", estimator)["dense"] != "pandas"
    ):
        return Z
    return import_pandas().DataFrame(Z, X.index.get_level_values(0).unique())
