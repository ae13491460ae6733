"""What every diffusion model does: predict what is clean, within a known range."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from tsgen.nn.layers import full_precision, initialize
from tsgen.nn.noise import clean_from_noise, clean_from_velocity
from tsgen.nn.rows import Rows

Model = TypeVar("Model", bound="Diffusion")


class Diffusion(nn.Module):
    """A denoiser and its noise schedule; a child says what is diffused, of width K.

    A child registers its modules and the buffer `alpha_bar`. One that reads conditions,
    or is told of gaps, says so in `condition_widths` and `sees_gaps`.
    """

    condition_widths: tuple[int, ...] = ()
    sees_gaps = False
    alpha_bar: Tensor
    denoiser: nn.Module
    prediction: str

    @property
    def n_conditions(self) -> int:
        """Width of a condition P."""
        return sum(self.condition_widths)

    @property
    def n_levels(self) -> int:
        """Number of diffusion levels L."""
        return len(self.alpha_bar) - 1

    @property
    def clean_range(self) -> Tensor:
        """Lowest and highest clean entries that sampling may reach, (2, K)."""
        raise NotImplementedError("a child class knows its range")

    def calibrate(self, x: Rows, batch_size: int = 1024) -> None:
        """Set the statistics of evaluation and the ranges from training series."""
        raise NotImplementedError("a child class sets its ranges")

    def reset_statistics(self) -> None:
        """Set the buffers other than the schedule to their first values."""
        raise NotImplementedError("a child class knows its buffers")

    def predict_clean(
        self, z_level: Tensor, level: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        """Predict what is clean (B, K) from what is noisy at levels (B,)."""
        raw = full_precision(self.denoiser(z_level, level, condition))
        kept = self.alpha_bar[level]
        invert = clean_from_velocity if self.prediction == "v" else clean_from_noise
        return invert(z_level, kept, raw)

    def predict_in_range(
        self,
        z_level: Tensor,
        level: Tensor,
        condition: Tensor | None = None,
        guidance: float = 0.0,
    ) -> Tensor:
        r"""Predict what is clean, held within the range seen in training.

        .. math:: (1 + w) \, \hat z^0(z^k, c) - w \, \hat z^0(z^k)

        with the weight `guidance` w of classifier-free guidance (Ho and Salimans,
        "Classifier-Free Diffusion Guidance", 2022, eq. 6).
        """
        clean = self.predict_clean(z_level, level, condition)
        if guidance:
            anyway = self.predict_clean(z_level, level)
            clean = clean + guidance * (clean - anyway)
        return clean.clamp(*self.clean_range)


def initialized(model: Model, alpha_bar: Tensor, seed: int) -> Model:
    """Give a model built on the meta device its first state, on the CPU."""
    model = model.to_empty(device="cpu")
    initialize(model, torch.Generator().manual_seed(seed))
    model.alpha_bar.copy_(alpha_bar)
    model.reset_statistics()
    return model
