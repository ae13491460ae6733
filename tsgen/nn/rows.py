"""Rows of series: in a tensor, or somewhere else until a device asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Protocol

import torch
from torch import Tensor

RANGE_MARGIN = 0.1  # of the width seen in training, on each side


class Rows(Protocol):
    """What batches are taken from: a tensor (n, ...), or what behaves like one.

    Rows may be chosen, and are not needed before `to` puts them on a device.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all rows (n, ...)."""

    @property
    def device(self) -> torch.device:
        """Where the indices of rows have to be."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Rows: ...

    def split(self, size: int, /) -> Iterable[Rows]:
        """Split into parts of so many rows, the last maybe of fewer."""

    def to(self, device: Any, /) -> Tensor:
        """Return the rows as a tensor on a device."""


def joined(parts: Iterable[Tensor], n_rows: int) -> Tensor:
    """Join parts (., ...) that come one by one, and never hold the whole twice.

    Parameters
    ----------
    parts : iterable of Tensor
        At least one; of one shape but for the number of rows.
    n_rows : int
        Of all parts together.

    Returns
    -------
    Tensor of shape (n_rows, ...)
    """
    rest: Iterator[Tensor] = iter(parts)
    first = next(rest)
    rows, start = first.new_empty(n_rows, *first.shape[1:]), 0
    for part in chain([first], rest):
        rows[start : start + len(part)] = part
        start += len(part)
    return rows


def observed_range(
    x: Rows, batch_size: int = 1024, of: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Lowest and highest value of each channel of series (n, T, C), (2, C).

    Or of what a function makes of them; where all is missing inf and -inf.
    """
    lows, highs = [], []
    for rows in x.split(batch_size):
        part = rows.to("cpu")
        if of:
            part = of(part)
        lows.append(part.nan_to_num(torch.inf).amin((0, 1)))
        highs.append(part.nan_to_num(-torch.inf).amax((0, 1)))
    return torch.stack([torch.stack(lows).amin(0), torch.stack(highs).amax(0)])


def widened(ends: Tensor) -> Tensor:
    """Move the ends of ranges (2, C) apart on each side by a tenth of the width."""
    low, high = ends
    margin = RANGE_MARGIN * (high - low)
    return torch.stack([low - margin, high + margin])


def any_change(ends: Tensor) -> Tensor:
    """Return a range of changes, (2, C), that leaves all of a range free."""
    width = 2 * (ends[1] - ends[0])  # with room for rounding
    return torch.stack([-width, width])
