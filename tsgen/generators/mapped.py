"""Series of a memory map, which are read and scaled when a network asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsgen._reading.parts import read
from tsgen._scaling import SeriesScaler


class MappedSeries:
    """Scaled series of a memory map, for batches, as a tensor (n, T, C) would be.

    Choosing rows reads nothing; `to` reads those chosen. See `tsgen.nn.rows.Rows`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_channels)
        The whole map; it is never written to.
    scaler : SeriesScaler
        Fitted.
    rows : ndarray of shape (n,) or None, default=None
        Which series; None for all.
    """

    device = torch.device("cpu")

    def __init__(
        self, X: np.ndarray, scaler: SeriesScaler, rows: np.ndarray | None = None
    ) -> None:
        self._X = X
        self._scaler = scaler
        self._rows = np.arange(len(X)) if rows is None else rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor that the series would make, (n, T, C)."""
        return (len(self), *self._X.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: slice | Tensor) -> MappedSeries:
        chosen = self._rows[rows if isinstance(rows, slice) else rows.numpy()]
        return MappedSeries(self._X, self._scaler, chosen)

    def split(self, size: int) -> Iterator[MappedSeries]:
        """Split into parts of so many series, the last maybe of fewer."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def to(self, device: Any) -> Tensor:
        """Read the series, in the order of the file, and scale them; (n, T, C)."""
        order = np.argsort(self._rows)
        series = np.empty(self.shape, np.float32)
        series[order] = self._scaler.transform(read(self._X, self._rows[order]))
        return torch.from_numpy(series).to(device)
