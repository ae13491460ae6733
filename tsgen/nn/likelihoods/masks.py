"""Masks of weights, by which no channel sees itself or a later one.

Germain et al., "MADE: Masked Autoencoder for Distribution Estimation", 2015.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

SMALLEST_WIDTH, LARGEST_WIDTH = 64, 256  # of the units that see channels
UNITS_PER_CHANNEL = 5
BLIND_UNITS = 64  # see no channel, and so serve all
ALIGNMENT = 16  # floats in a vector register; other widths take up to twice the time


class Masks(NamedTuple):
    """Which weights are used: from the step before, into the units, and out of them.

    (W + O, I), (W, I) and (O, W), of I inputs, W units and O outputs.
    """

    from_past: Tensor
    into_units: Tensor
    from_units: Tensor

    @classmethod
    def of(cls, inputs: Tensor, outputs: Tensor, n_units: int, n_channels: int) -> Self:
        """Tell which weights are used, by the channels of inputs (I,), outputs (O,).

        Outputs see the past of their own channel only, units that of all. Units that
        are not blind, of which there are n, see channels of the step itself, unit j the
        first ``j * C // n``. The outputs of channel c see the units that see no channel
        from c on.
        """
        n_sighted = n_units - BLIND_UNITS
        sighted = torch.arange(-BLIND_UNITS, n_sighted, device=inputs.device)
        seen = sighted.clamp(min=0) * n_channels // n_sighted
        own = outputs[:, None] == inputs
        from_past = torch.cat([own.new_ones(n_units, len(inputs)), own])
        return cls(from_past, inputs < seen[:, None], seen <= outputs[:, None])


def are_near(n_components: int, device: torch.device) -> Tensor:
    """Tell which normals of a mixture lie near the last value, (K,): the first half."""
    return torch.arange(n_components, device=device) * 2 < n_components


def into_means(n_components: int, n_channels: int, device: torch.device) -> Tensor:
    """Tell which weights shift the means of channels by those before, (K, C, 2, C).

    Normals near the last value read the news of a channel, the others its value.
    """
    is_near = are_near(n_components, device)
    kind = torch.stack([is_near, ~is_near], dim=1)  # (K, 2)
    channel = torch.arange(n_channels, device=device)
    is_before = channel < channel[:, None]  # (C, C)
    return kind[:, None, :, None] & is_before[:, None]


def by_channel(
    part: Tensor, dim: int, owners: Sequence[int], n_channels: int
) -> tuple[Tensor, ...]:
    """Split what belongs to channels, along a dimension, into what each owns."""
    order = sorted(range(len(owners)), key=owners.__getitem__)
    count = Counter(owners)
    sizes = [count[c] for c in range(n_channels)]
    some = torch.tensor(order[: sum(sizes)], dtype=torch.long, device=part.device)
    return part.index_select(dim, some).split(sizes, dim)


def n_units(n_channels: int) -> int:
    """Tell how many units serve so many channels."""
    width = aligned(UNITS_PER_CHANNEL * n_channels)
    return BLIND_UNITS + min(LARGEST_WIDTH, max(SMALLEST_WIDTH, width))


def aligned(size: int) -> int:
    """Round a width up to whole vector registers."""
    return -(-size // ALIGNMENT) * ALIGNMENT
