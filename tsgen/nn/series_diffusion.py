"""Diffusion of the series themselves, without a latent and without a decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tsgen.nn.denoisers import Bypass, ResidualMLP, SeriesTransformer
from tsgen.nn.diffusion import Diffusion
from tsgen.nn.rows import Rows, observed_range, widened


class SeriesDiffusion(Diffusion):
    """A diffusion model of flattened series, of width K = T C.

    The buffer `series_range`, set by `calibrate`, bounds the clean series that the
    reverse chain predicts: the range seen in training, a tenth wider on each side.
    """

    series_range: Tensor

    def __init__(
        self,
        denoiser: nn.Module,
        n_timesteps: int,
        n_channels: int,
        n_levels: int,
        prediction: str,
    ) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.shape = (n_timesteps, n_channels)
        self.prediction = prediction
        self.register_buffer("alpha_bar", torch.zeros(n_levels + 1))
        self.register_buffer("series_range", torch.zeros(2, n_channels))

    @property
    def width(self) -> int:
        """Entries of a series K."""
        return self.shape[0] * self.shape[1]

    @property
    def clean_range(self) -> Tensor:
        """Lowest and highest clean entries that sampling may reach, (2, K)."""
        return self.series_range.repeat(1, self.shape[0])

    @torch.no_grad()
    def calibrate(self, x: Rows, batch_size: int = 1024) -> None:
        """Set the range from training series (n, T, C)."""
        self.series_range.copy_(widened(observed_range(x, batch_size)))

    def reset_statistics(self) -> None:
        """Set the range to its first value."""
        self.series_range.zero_()


def build_series_diffusion(
    *,
    n_timesteps: int,
    n_channels: int,
    denoiser: str,
    hidden_size: int,
    n_layers: int,
    n_heads: int,
    n_levels: int,
    prediction: str,
) -> SeriesDiffusion:
    """Assemble a model from the options of a generator, in float32.

    Build it under ``torch.device("meta")``, see `tsgen.nn.diffusion.initialized`.
    """
    shape = (n_timesteps, n_channels)
    width = n_timesteps * n_channels
    network: nn.Module
    if denoiser == "mlp":
        network = ResidualMLP(width, n_levels, 0, hidden_size, n_layers)
        network = Bypass(network, width, n_levels, hidden_size)
    else:
        network = SeriesTransformer(*shape, n_levels, hidden_size, n_layers, n_heads)
    return SeriesDiffusion(network, *shape, n_levels, prediction).float()
