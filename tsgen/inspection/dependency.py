"""Dependency: how much each step of a series relies on the latent and on its past."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tsgen._frames import data_frame
from tsgen._validation import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

N_SHOWN = 7  # steps in the text of a result


class Dependency:
    r"""How much each step of series relies on the latent and on the steps before it.

    :math:`m_{t,0}`, the global dependency, is the share of step t that comes from the
    latent; :math:`m_{t,t-k}`, the local dependency of order k, the share that comes
    from the observation k steps earlier. Shares are signed and sum to 1 over everything
    a step has seen. The method `dependency` of generators and `dependency_measure`
    return it.

    Parameters
    ----------
    global_ : ndarray of shape (n_series, n_timesteps)
        NaN beyond the end of a series, and where it is undefined.
    locals_ : ndarray of shape (n_series, n_timesteps, max_order)
        Local dependencies of order 1 ... `max_order`, NaN likewise, and where there is
        no observation of that order.
    completeness_error : ndarray of shape (n_series, n_timesteps)
        How far the shares of a step are from summing to 1: the error of the quadrature.

    Attributes
    ----------
    global_, completeness_error : ndarray of shape (n_series, n_timesteps)
    max_order : int
        Largest order that `local` can give.

    References
    ----------
    "A Study of Posterior Stability in Time-Series Latent Diffusion",
    arXiv 2405.14021, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.inspection import Dependency
    >>> shares = np.array([[1.0, 0.25]]), np.array([[[np.nan], [0.75]]])
    >>> dependency = Dependency(*shares, np.zeros((1, 2)))
    >>> dependency.local(1)
    array([[ nan, 0.75]])
    >>> dependency
    Dependency of 1 series of 2 steps, mean ± sd over series
    step                      1            2
    on the latent    1.00 ±0.00   0.25 ±0.00
    on 1 step back            -   0.75 ±0.00
    completeness error: median 0, largest 0
    """

    def __init__(
        self, global_: np.ndarray, locals_: np.ndarray, completeness_error: np.ndarray
    ) -> None:
        self.global_ = global_
        self.completeness_error = completeness_error
        self._locals = locals_

    @property
    def max_order(self) -> int:
        """Largest order of local dependency that was measured."""
        return self._locals.shape[2]

    @property
    def m(self) -> np.ndarray:
        """Full table (n_series, n_timesteps, n_timesteps); `m[:, t - 1, j]` is m_{t,j}.

        Column 0 is the latent, column j the observation at step j. NaN for j >= t.

        Raises
        ------
        ValueError
            If not all orders were measured.
        """
        n_series, n_timesteps = self.global_.shape
        if self.max_order < n_timesteps - 1:
            raise ValueError(
                f"The full table needs all orders, got max_order = {self.max_order}. "
                "Measure again with max_order='all'."
            )
        table = np.full((n_series, n_timesteps, n_timesteps), np.nan)
        table[:, :, 0] = self.global_
        for t in range(1, n_timesteps):
            table[:, t, t:0:-1] = self._locals[:, t, :t]  # orders 1 ... t
        return table

    def local(self, order: int = 1) -> np.ndarray:
        """Return the local dependency of an order.

        Parameters
        ----------
        order : int, default=1
            Distance in steps, from 1 to `max_order`.

        Returns
        -------
        ndarray of shape (n_series, n_timesteps)
            NaN for the first `order` steps, which have no such observation.

        Raises
        ------
        ValueError
            If the order was not measured, or no series has it.
        """
        order = check_count(order, "order", minimum=1)
        if order > self.max_order:
            raise ValueError(
                f"order must be at most max_order = {self.max_order}, got {order}. "
                f"Measure again with max_order={order} or 'all'."
            )
        return self._locals[:, :, order - 1]

    def mean(self, order: int = 0) -> np.ndarray:
        """Average over series: the global dependency, or the local one of an order.

        Parameters
        ----------
        order : int, default=0
            0 is the global dependency.

        Returns
        -------
        ndarray of shape (n_timesteps,)
        """
        return over_series(np.nanmean, self._of_order(order))

    def std(self, order: int = 0) -> np.ndarray:
        """Spread over series, as `mean`."""
        return over_series(np.nanstd, self._of_order(order))

    def median(self, order: int = 0) -> np.ndarray:
        """Median over series, as `mean`; single series may have very large shares."""
        return over_series(np.nanmedian, self._of_order(order))

    def to_frame(self) -> DataFrame:
        """Return a data frame, one row for each series and step.

        Returns
        -------
        pandas.DataFrame
            Columns `series`, `step` (from 1), `global`, `local_1` ... and
            `completeness_error`. Steps where nothing is defined are left out.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        n_series, n_timesteps = self.global_.shape
        columns = {
            "series": np.repeat(np.arange(n_series), n_timesteps),
            "step": np.tile(np.arange(1, n_timesteps + 1), n_series),
            "global": self.global_.ravel(),
            **{
                f"local_{order}": self.local(order).ravel()
                for order in range(1, self.max_order + 1)
            },
            "completeness_error": self.completeness_error.ravel(),
        }
        frame = data_frame(columns)
        ended = frame.drop(columns=["series", "step"]).isna().all(axis=1)
        return frame[~ended].reset_index(drop=True)

    def plot(
        self, series: int | None = None, *, ax: Any = None, label: str | None = None
    ) -> Axes:
        """Plot global and first-order dependency per step; see `plot_dependency`.

        Parameters
        ----------
        series : int or None, default=None
            One series; None averages over all, with error bars of one deviation.
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.
        label : str or None, default=None
            Title of the panel.

        Returns
        -------
        matplotlib Axes
        """
        from tsgen.plots import plot_dependency

        return plot_dependency(self, series=series, ax=ax, label=label)

    def _of_order(self, order: int) -> np.ndarray:
        return self.global_ if order == 0 else self.local(order)

    def __repr__(self) -> str:
        n_series, n_timesteps = self.global_.shape
        steps = spread_steps(n_timesteps, N_SHOWN)
        names = {0: "on the latent", 1: "on 1 step back"}
        rows = [self._row(names[k], k, steps) for k in names if k <= self.max_order]
        return "\n".join(
            [
                f"Dependency of {n_series:,} series of {n_timesteps} steps, "
                "mean ± sd over series",
                f"{'step':14}" + "".join(f"{step:13}" for step in steps),
                *rows,
                self._error(),
            ]
        )

    def _row(self, name: str, order: int, steps: np.ndarray) -> str:
        mean, std = self.mean(order)[steps - 1], self.std(order)[steps - 1]
        cells = [
            f"{m:z6.2f} ±{s:.2f}" if np.isfinite(m) else "-"
            for m, s in zip(mean, std, strict=True)
        ]
        return f"{name:14}" + "".join(f"{cell:>13}" for cell in cells)

    def _error(self) -> str:
        error = self.completeness_error[np.isfinite(self.completeness_error)]
        if not len(error):
            return "undefined at every step"
        return (
            f"completeness error: median {np.median(error):.2g}, "
            f"largest {error.max():.2g}"
        )


def spread_steps(n_timesteps: int, n_shown: int) -> np.ndarray:
    """Choose a few steps, counted from 1, from the first to the last."""
    shown = np.linspace(1, n_timesteps, min(n_shown, n_timesteps))
    return shown.round().astype(int)


def over_series(average: Callable[..., np.ndarray], shares: np.ndarray) -> np.ndarray:
    """Average over the series that have a step; NaN where none has."""
    result = np.full(shares.shape[1], np.nan)
    some = np.isfinite(shares).any(axis=0)
    result[some] = average(shares[:, some], axis=0)
    return result
