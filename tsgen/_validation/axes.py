"""Axes of series: that there are two or three, and that they are those of `fit`."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from tsgen._reading.arrays import SHAPES, type_name


def check_shape(array: np.ndarray, name: str) -> None:
    _check_axis_count(array, name)
    if array.shape[0] == 0:
        raise ValueError(_empty_message(array, "sample(s)", name))
    if array.shape[1] == 0:
        raise ValueError(_empty_message(array, "feature(s)", name))
    if array.shape[-1] == 0:
        raise ValueError(_empty_message(array, "channel(s)", name))


def _check_axis_count(array: np.ndarray, name: str) -> None:
    if array.ndim in (2, 3):
        return
    message = f"{name} must have shape {SHAPES}, got shape {array.shape}."
    if array.ndim == 1:
        message += (
            f"\nReshape your data: {name}.reshape(1, -1) if it is one series, or cut "
            "windows with tsgen.datasets.make_windows."
        )
    if array.ndim > 3:
        message += "\nMerge the last axes into one channel axis."
    raise ValueError(message)


def _empty_message(array: np.ndarray, what: str, name: str) -> str:
    """Word an empty axis as scikit-learn does; its "features" are our time steps."""
    return (
        f"Found array with 0 {what} (shape={array.shape}) while a minimum of 1 is "
        "required.\n"
        f"{name} must have shape {SHAPES} without an empty axis."
    )


def check_axes(shape: tuple[int, ...], estimator: BaseEstimator) -> None:
    """Compare both axes with those seen in `fit`."""
    came = (shape[1], shape[2] if len(shape) == 3 else 1)
    wanted = (estimator.n_timesteps_, estimator.n_channels_)
    if came == wanted:
        return
    owner = type_name(estimator)
    message = (
        f"X has n_timesteps = {came[0]} and n_channels = {came[1]}, but {owner} was "
        f"fitted on n_timesteps = {wanted[0]} and n_channels = {wanted[1]}."
    )
    if len(shape) == 2 and came[0] != wanted[0]:  # scikit-learn's words
        message = (
            f"X has {came[0]} features, but {owner} is expecting {wanted[0]} features "
            f"as input.\n{message}"
        )
    raise ValueError(message)


def check_channels(values: np.ndarray, estimator: BaseEstimator) -> None:
    came, wanted = values.shape[2], estimator.n_channels_
    if came != wanted:
        raise ValueError(
            f"X has n_channels = {came}, but {type_name(estimator)} was fitted on "
            f"n_channels = {wanted}.\nGive the channels of fit, in their order."
        )


def check_not_longer(lengths: np.ndarray, estimator: BaseEstimator) -> None:
    longer = np.flatnonzero(lengths > estimator.n_timesteps_)
    if longer.size:
        raise ValueError(
            f"X must hold series of at most n_timesteps = {estimator.n_timesteps_}, "
            f"the longest that {type_name(estimator)} was fitted on, got {longer.size} "
            f"longer ones, the first is series {longer[0]} of {lengths[longer[0]]} "
            "steps.\nCut them, or fit on series that are as long."
        )


def check_not_shorter(lengths: np.ndarray, estimator: BaseEstimator) -> None:
    if lengths.min() < estimator.n_timesteps_:
        raise ValueError(
            f"X must hold series of n_timesteps = {estimator.n_timesteps_}, as those "
            f"{type_name(estimator)} was fitted on, got lengths from {lengths.min()} "
            f"to {lengths.max()}.\nPad or cut them, or fit on series of unequal length."
        )
