r"""The forward process: how much of the latent is left at each level.

:math:`q(z^\ell | z^0) = N(\sqrt{\bar\alpha_\ell} z^0, (1 - \bar\alpha_\ell) I)`, for
levels 0 (clean) to L (noise); paper, eq. 3 and 11.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MAX_BETA = 0.999


def linear_alpha_bar(n_levels: int) -> Tensor:
    """Signal kept at levels 0 ... L when the variance added grows linearly.

    From 1e-4 to 0.02 in 1000 levels as in Ho et al., "Denoising Diffusion
    Probabilistic Models", 2020; for another L the same path in larger or smaller steps.

    Returns
    -------
    Tensor of shape (L + 1,), float64
    """
    scale = 1000 / n_levels
    beta = torch.linspace(1e-4 * scale, 0.02 * scale, n_levels, dtype=torch.float64)
    return _accumulated(beta)


def cosine_alpha_bar(n_levels: int) -> Tensor:
    """Signal kept at levels 0 ... L along a squared cosine.

    Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models", 2021,
    eq. 17.

    Returns
    -------
    Tensor of shape (L + 1,), float64
    """
    time = torch.linspace(0, 1, n_levels + 1, dtype=torch.float64)
    kept = torch.cos((time + 0.008) / 1.008 * math.pi / 2).square()
    return _accumulated(1 - kept[1:] / kept[:-1])


def _accumulated(beta: Tensor) -> Tensor:
    """Products of 1 - beta, with 1 at level 0."""
    kept = (1 - beta.clamp(max=MAX_BETA)).cumprod(dim=0)
    return torch.cat([kept.new_ones(1), kept])


SCHEDULES = {"cosine": cosine_alpha_bar, "linear": linear_alpha_bar}


def diffuse(z0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    r"""Draw a latent at a noise level from the forward process (eq. 11).

    .. math:: z^\ell =
        \sqrt{\bar\alpha_\ell} \, z^0 + \sqrt{1 - \bar\alpha_\ell} \, \epsilon

    Parameters
    ----------
    z0 : Tensor of shape (B, K)
        Clean latents.
    alpha_bar : Tensor of shape (B,)
        Signal kept at each row's level, in (0, 1].
    eps : Tensor of shape (B, K)
        Standard normal noise.

    Returns
    -------
    Tensor of shape (B, K)
    """
    keep = alpha_bar[:, None]
    return keep.sqrt() * z0 + (1 - keep).sqrt() * eps


def velocity(z0: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    r"""Direction of the forward process at a level, the target of v-prediction.

    .. math:: v = \sqrt{\bar\alpha_\ell} \, \epsilon - \sqrt{1 - \bar\alpha_\ell} \, z^0

    Salimans and Ho, "Progressive Distillation for Fast Sampling of Diffusion Models",
    2022, appendix D. Shapes as in `diffuse`.
    """
    keep = alpha_bar[:, None]
    return keep.sqrt() * eps - (1 - keep).sqrt() * z0


def clean_from_velocity(z_level: Tensor, alpha_bar: Tensor, v: Tensor) -> Tensor:
    """Invert `diffuse` given the velocity: the clean latent (B, K)."""
    keep = alpha_bar[:, None]
    return keep.sqrt() * z_level - (1 - keep).sqrt() * v


def clean_from_noise(z_level: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    """Invert `diffuse` given the noise: the clean latent (B, K)."""
    keep = alpha_bar[:, None]
    return (z_level - (1 - keep).sqrt() * eps) / keep.sqrt()


def noise_from_clean(z_level: Tensor, alpha_bar: Tensor, z0: Tensor) -> Tensor:
    """Invert `diffuse` given the clean latent: the noise (B, K); 0 at level 0."""
    keep = alpha_bar[:, None]
    left = (1 - keep).sqrt()
    return (z_level - keep.sqrt() * z0) / left.clamp(min=1e-12) * (left > 0)
