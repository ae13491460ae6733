"""Ends: how low and how high the values of channels go.

Some channels end abruptly, as shares do, or places in a region: values next to the end
are no rarer than others. Most thin out, and may go on a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from tsgen._reading.parts import channel_range

MARGIN = 0.1  # of the width in training, beyond an end that is not abrupt
ENOUGH = 0.005  # of the series are close to an abrupt end
LEAST_COUNT = 10  # series that are
CLOSE = 0.01  # of the width in training


class Ends(NamedTuple):
    """How low and how high the values of each channel may go, and if abruptly.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen._ends import Ends
    >>> rng = np.random.default_rng(0)
    >>> places = rng.uniform(122.0, 150.0, size=(500, 8, 1))
    >>> sizes = rng.exponential(size=(500, 8, 1))
    >>> ends = Ends.of(np.concatenate([places, sizes], axis=2))
    >>> np.abs(ends.lows).round(1), ends.highs.round(1)
    (array([121.9,   0. ]), array([150. ,   8.4]))
    >>> ends.abrupt
    array([1., 1.])
    """

    lows: np.ndarray  # (C,)
    highs: np.ndarray  # (C,)
    abrupt: np.ndarray  # (C,), 1 where one of the ends is, else 0

    @classmethod
    def of(
        cls,
        X: np.ndarray,
        some: np.ndarray | None = None,
        recurring: Sequence[np.ndarray] = (),
        discrete: Sequence[int] = (),
    ) -> Self:
        """Look at series (n, T, C), NaN where missing.

        `some` of them, all by default, tell what is close to an end. One that is among
        the `recurring` values of its channel is abrupt, as are both if NaN is, for
        straight lines, which would run far beyond, unless the channel only rises or
        only falls, as meters do; those of `discrete` channels are their least and their
        greatest values.
        """
        low, high = _range(X)
        some = X if some is None else some
        below = _margins(np.fmin.reduce(some, axis=1) - low, high - low, some.shape[1])
        above = _margins(high - np.fmax.reduce(some, axis=1), high - low, some.shape[1])
        for channel, values in enumerate(recurring):
            on_line = np.isnan(values).any() and _turns(some[:, :, channel])
            below[channel] *= not on_line and low[channel] not in values
            above[channel] *= not on_line and high[channel] not in values
        abrupt = np.minimum(below, above) < MARGIN * (high - low)
        for margins in (below, above, abrupt):
            margins[list(discrete)] = 0
        return cls(low - below, high + above, abrupt.astype(np.float64))

    def widened(self, X: np.ndarray) -> Self:
        """Move ends that other series (n, T, C) pass a tenth of the width beyond."""
        low, high = _range(X)
        lows, highs = np.fmin(self.lows, low), np.fmax(self.highs, high)
        margin = MARGIN * (highs - lows)
        return self._replace(
            lows=lows - margin * (low < self.lows),
            highs=highs + margin * (high > self.highs),
        )

    def are_sound(self) -> bool:
        """Tell whether the fields, of unknown origin, are what they must be."""
        in_order = (self.lows <= self.highs).all()
        return bool(in_order and np.isin(self.abrupt, (0, 1)).all())


def _range(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest value of each channel, (C,) each, in float64."""
    low, high = channel_range(X)
    return low.astype(np.float64), high.astype(np.float64)


def _turns(column: np.ndarray) -> bool:
    """Tell whether series of a channel (n, T) both rise and fall."""
    change = np.diff(column, axis=1)
    return bool((change > 0).any() and (change < 0).any())


def _margins(distances: np.ndarray, width: np.ndarray, n_steps: int) -> np.ndarray:
    """Tell how far to go beyond an end, (C,), by how near series (n, C) come to it.

    As far as enough of them stay away, if that is close; else a tenth of the width.
    Series may be windows of one: what T of them share may be a single observation.
    """
    margins = MARGIN * width
    for channel, column in enumerate(distances.T):
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        total = np.cumsum(-(-counts // n_steps))  # each rounded up
        if not total.size or total[-1] < LEAST_COUNT:
            continue
        place = np.searchsorted(total, max(LEAST_COUNT, ENOUGH * total[-1]))
        if values[place] <= CLOSE * width[channel]:
            margins[channel] = max(values[place], 0.0)
    return margins
