"""What a comparison of generators found: figures with intervals, floors and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t as student

from tsgen._frames import data_frame
from tsgen.metrics._catalogue import Best

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Comparison"]

FLOOR = "real, the floor"
COSTS = ("fit_seconds", "sample_seconds", "fit_mebibytes")
_CONFIDENCE = 0.95

Table = dict[str, dict[str, float]]  # metric, then generator


@dataclass(frozen=True, eq=False)
class Comparison:
    """Scores of several generators; made by `compare`, prints as a table.

    Parameters
    ----------
    generators : list of str
        Names, in the order given, the dummies last.
    dummies : tuple of str
        Names of the generators without a network that were added.
    best : dict of str to {"low", "high"} or float
        For each metric whether less or more is better, or which value is right.
    runs : list of dict
        One for each fit of each generator and one for each floor, with the entries
        "generator", "split", "repeat", one for each metric, "fit_seconds",
        "sample_seconds", "fit_mebibytes" (peak over the memory before, of the whole
        process) and "error" (empty, or the text of an error).
    """

    generators: list[str]
    dummies: tuple[str, ...]
    best: dict[str, Best]
    runs: list[dict[str, Any]]

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return list(self.best)

    @property
    def mean(self) -> Table:
        """Mean over the runs: by metric, then by generator; NaN if one failed."""
        return self._table(0)

    @property
    def low(self) -> Table:
        """Lower end of the 95 % interval of the mean; NaN if no run varies."""
        return self._table(1)

    @property
    def high(self) -> Table:
        """Upper end of the 95 % interval of the mean; NaN if no run varies."""
        return self._table(2)

    @property
    def floor(self) -> dict[str, tuple[float, float, float]]:
        """Mean, low and high of real series against real ones, by metric."""
        return {name: _interval(self._values(FLOOR, name)) for name in self.metrics}

    @property
    def cost(self) -> Table:
        """Median seconds, largest memory: by quantity, then by generator."""
        return {name: self._costs(name) for name in COSTS}

    def rows(self) -> list[dict[str, Any]]:
        """Tidy table: one row for each generator and metric.

        Returns
        -------
        list of dict
            With "generator", "metric", "mean", "low", "high", "floor", "floor_low",
            "floor_high", "is_dummy", "n_runs", "fit_seconds", "sample_seconds" and
            "fit_mebibytes".
        """
        return [self._row(g, name) for g in self.generators for name in self.metrics]

    def to_frame(self) -> DataFrame:
        """Tidy table as a pandas data frame.

        Returns
        -------
        DataFrame
            The rows of `rows`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return data_frame(self.rows())

    def plot(self, *, metrics: Sequence[str] | None = None, axes: Any = None) -> Any:
        """Plot a panel for each metric, with the floor.

        Parameters
        ----------
        metrics : sequence of str or None, default=None
            Which metrics to show. None means all.
        axes : array-like of Axes or None, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        ndarray of Axes
            See `tsgen.plots.plot_comparison`.
        """
        from tsgen.plots import plot_comparison

        return plot_comparison(self, metrics=metrics, axes=axes)

    def _values(self, generator: str, name: str) -> np.ndarray:
        """All runs of a generator, (n_runs,)."""
        own = [run for run in self.runs if run["generator"] == generator]
        return np.array([run[name] for run in own], dtype=np.float64)

    def _table(self, part: int) -> Table:
        return {
            name: {g: _interval(self._values(g, name))[part] for g in self.generators}
            for name in self.metrics
        }

    def _costs(self, name: str) -> dict[str, float]:
        summary = np.max if name == "fit_mebibytes" else np.median
        return {g: float(summary(self._values(g, name))) for g in self.generators}

    def _row(self, generator: str, name: str) -> dict[str, Any]:
        values = self._values(generator, name)
        mean, low, high = _interval(values)
        floor, floor_low, floor_high = self.floor[name]
        return {
            "generator": generator,
            "metric": name,
            "mean": mean,
            "low": low,
            "high": high,
            "floor": floor,
            "floor_low": floor_low,
            "floor_high": floor_high,
            "is_dummy": generator in self.dummies,
            "n_runs": len(values),
            **{cost: self.cost[cost][generator] for cost in COSTS},
        }

    def __repr__(self) -> str:
        return (
            f"Comparison(generators={self.generators}, metrics={self.metrics}, "
            f"n_runs={len(self.runs)})"
        )

    def __str__(self) -> str:
        lines = [*self._header(), self._line(FLOOR)]
        lines += [self._line(generator) for generator in self.generators]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [_justified(line, widths) for line in lines]
        runs = len(self._values(FLOOR, self.metrics[0]))
        if runs > 1:
            text.append(f"± half of the 95 % interval of the mean of {runs}.")
        return "\n".join(text)

    def _header(self) -> list[list[str]]:
        names = [name.removesuffix("_distance").replace("_", " ") for name in self.best]
        words = [_direction(best) for best in self.best.values()]
        return [
            ["", *names, "fit", "sample", "memory"],
            ["", *words, "s", "s", "MiB"],
        ]

    def _line(self, generator: str) -> list[str]:
        figures = [_figure(self._values(generator, name)) for name in self.metrics]
        if generator == FLOOR:
            return [generator, *figures, "", "", ""]
        costs = [f"{self.cost[name][generator]:.3g}" for name in COSTS]
        return [generator, *figures, *costs]


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of the runs and its interval by Student's t."""
    mean = float(values.mean())
    if not np.isfinite(values).all() or np.ptp(values) == 0:  # one run, or none varies
        return mean, np.nan, np.nan
    unit = np.abs(values).max()
    error = (values / unit).std(ddof=1) * unit / np.sqrt(len(values))
    half = float(error * student.ppf((1 + _CONFIDENCE) / 2, len(values) - 1))
    return mean, mean - half, mean + half


def _figure(values: np.ndarray) -> str:
    mean, low, _ = _interval(values)
    if np.isnan(mean):
        return "failed"
    half = mean - low
    if np.isnan(half):
        return f"{mean:z.4g}"
    if not 1e-9 < half < 1e6:
        return f"{mean:z.4g} ± {half:.2g}"
    digits = max(1 - floor(log10(half)), 0)  # two of the half interval
    return f"{mean:z.{digits}f} ± {half:.{digits}f}"


def _direction(best: Best) -> str:
    words = {"low": "lower is better", "high": "higher is better"}
    return words[best] if isinstance(best, str) else f"{best:g} is right"


def _justified(line: list[str], widths: list[int]) -> str:
    name, *cells = line
    padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *padded]).rstrip()
