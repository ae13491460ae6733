"""Forecasters trained on synthetic series and tested on real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_choice, check_count
from tsgen.metrics._folds import block_folds
from tsgen.metrics._pairs import check_pair, standardize
from tsgen.metrics.classification import check_width, min_max

__all__ = ["predictive_score"]

Task = tuple[np.ndarray, np.ndarray]  # inputs, targets

_FEWEST = 10  # series of a set
_PARTS = 5  # of the synthetic series, one of which says when to stop


def predictive_score(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    mode: str = "standard",
    n_iterations: int = 5000,
    batch_size: int = 128,
    hidden_size: int | None = None,
    random_state: RandomState = None,
) -> float:
    r"""Error on real series of a forecaster trained on synthetic ones.

    A recurrent network reads :math:`x_1 \ldots x_t` and says
    :math:`\hat y_{t + 1}`; its mean absolute error on the real series is

    .. math::
        \frac{1}{n (T - 1)} \sum_{i=1}^{n} \sum_{t=2}^{T} |y_{it} - \hat y_{it}|

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least ten, of at least two steps. Shape (n_real, n_timesteps)
        means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least ten.
    mode : {"standard", "sound"}, default="standard"
        "standard" is the protocol of published tables [1]_: channels scaled to [0, 1]
        by the range of the real ones; the last channel is forecast from the others,
        without its own past; a GRU with half as many units as there are channels and a
        sigmoid at the end; a fixed number of iterations.

        "sound" forecasts all channels from all channels, standardised, in their
        standard deviations; 32 units, a linear end; trained until the loss on a fifth
        of the synthetic series no longer falls. Also for one channel.
    n_iterations : int, default=5000
        Steps of the optimiser, Adam at a rate of 0.001 on the mean absolute error. In
        the mode "sound" at most as many, at 0.005.
    batch_size : int, default=128
        Series in a batch.
    hidden_size : int or None, default=None
        Units of the GRU. None is half the number of channels, at least 1, or 32 in the
        mode "sound".
    random_state : int, RandomState, Generator or None, default=None
        Source of weights and batches.

    Returns
    -------
    float
        Mean absolute error, 0 or more; lower is better. Its best value is not 0 but
        what real series reach in the place of the synthetic ones. In widths of the real
        range ("standard") or in standard deviations ("sound").

    Raises
    ------
    ValueError
        If a set has fewer than ten series, holds NaN or infinity, if shapes do not
        match, if there is one time step, or one channel in the mode "standard", or if
        an option is not allowed.
    TypeError
        If a set does not hold real numbers or a count is not an integer.
    tsgen.exceptions.TrainingDivergedError
        If the network does not stay finite.

    Notes
    -----
    It sees only what a forecaster of the conditional median needs: neither noise nor
    modes that are missing, nor copies. In published tables most generators reach
    the figure of real series, so it tells bad ones from the rest and no more.

    References
    ----------
    .. [1] Yoon, J., Jarrett, D., & van der Schaar, M. (2019). Time-series generative
       adversarial networks. NeurIPS.
       https://papers.nips.cc/paper/2019/hash/c9efe5f26cd17ba6216bbe2a7d26d490-Abstract.html

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics.prediction import predictive_score
    >>> X = np.random.default_rng(0).normal(size=(60, 6, 2)).cumsum(axis=1)
    >>> score = predictive_score(X, X[::-1], n_iterations=20, random_state=0)
    >>> 0 <= score <= 1
    True
    """
    check_choice(mode, "mode", ("standard", "sound"))
    options: dict[str, Any] = {
        "n_iterations": check_count(n_iterations, "n_iterations", minimum=1),
        "batch_size": check_count(batch_size, "batch_size", minimum=1),
    }
    pair = check_pair(X_real, X_synthetic, minimum=_FEWEST)
    _check_size(pair[0], mode)
    options["hidden_size"] = check_width(hidden_size, mode, pair[0].shape[2])
    seed = int(numpy_generator(random_state, "predictive score").integers(2**63))
    if mode == "standard":
        tasks = [_last_channel(side) for side in min_max(*pair)]
        return _error(*tasks, bounded=True, **options, seed=seed)
    real, synthetic = (_all_channels(side) for side in standardize(*pair))
    folds = block_folds(len(synthetic[0]), _PARTS, gap=0)
    validation, train = (
        tuple(part[rows] for part in synthetic)
        for rows in (folds.inside(0), folds.outside(0))
    )
    options |= {"validation": validation}
    return _error(real, train, bounded=False, **options, seed=seed)


def _check_size(X: np.ndarray, mode: str) -> None:
    _, n_timesteps, n_channels = X.shape
    if n_timesteps < 2:
        raise ValueError(
            "X_real must have at least 2 time steps to forecast one, got n_timesteps = "
            f"{n_timesteps}. Use a metric of single values."
        )
    if mode == "standard" and n_channels < 2:
        raise ValueError(
            "X_real must have at least 2 channels, the last of which is forecast from "
            f'the others, got n_channels = {n_channels}. Use mode="sound".'
        )


def _last_channel(X: np.ndarray) -> Task:
    """Forecast the last channel from the others."""
    return X[:, :-1, :-1], X[:, 1:, -1:]


def _all_channels(X: np.ndarray) -> Task:
    """Forecast all channels from all."""
    return X[:, :-1], X[:, 1:]


def _error(real: Task, synthetic: Task, **options: Any) -> float:
    """Mean absolute error on real series after training on synthetic ones."""
    from tsgen.nn import critics

    forecaster = critics.fit_forecaster(*synthetic, **options)
    answers = critics.apply_critic(forecaster, real[0])
    return float(np.abs(answers - real[1]).mean())
