"""Samplers: the reverse chain from noise to latents, in full or in strides."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from tsgen.nn.noise import noise_from_clean


def strided_levels(n_levels: int, n_steps: int, stop: Tensor) -> Tensor:
    """Levels that a chain of `n_steps` visits, evenly spaced for every row.

    Parameters
    ----------
    n_levels : int
        L, where every chain starts.
    n_steps : int
        Number of transitions, in 1 ... L. With L of them every level is visited.
    stop : Tensor of shape (B,)
        Level at which each row's chain ends.

    Returns
    -------
    Tensor of shape (n_steps + 1, B), int64
        From L down to `stop`.
    """
    share = torch.linspace(1, 0, n_steps + 1, dtype=torch.float64, device=stop.device)
    path = stop + (n_levels - stop) * share[:, None]
    return path.round().long()


def ancestral_step(
    z: Tensor, z0_hat: Tensor, kept: Tensor, kept_next: Tensor, eps: Tensor
) -> Tensor:
    r"""Draw from the posterior of the forward process, q(z_next | z, z0_hat).

    .. math::
        N\Big(\frac{\sqrt{a}(1-\bar\alpha')}{1-\bar\alpha} z
        + \frac{\sqrt{\bar\alpha'}(1-a)}{1-\bar\alpha} \hat z^0,\;
        \frac{(1-\bar\alpha')(1-a)}{1-\bar\alpha} I\Big),
        \quad a = \bar\alpha/\bar\alpha'

    Ho et al. 2020, eq. 6 and 7; between neighbouring levels it is the paper's eq. 4.

    Parameters
    ----------
    z, z0_hat, eps : Tensor of shape (B, K)
        Latent at this level, prediction of the clean latent, standard normal noise.
    kept, kept_next : Tensor of shape (B,)
        Signal kept (alpha bar) at this level and at the next, lower one.

    Returns
    -------
    Tensor of shape (B, K)
    """
    here, there = kept[:, None], kept_next[:, None]
    ratio = here / there
    left = (1 - there) / (1 - here)
    gained = (1 - ratio) / (1 - here)
    mean = ratio.sqrt() * left * z + there.sqrt() * gained * z0_hat
    return mean + (left * (1 - ratio)).clamp(min=0).sqrt() * eps


def ddim_step(z: Tensor, z0_hat: Tensor, kept: Tensor, kept_next: Tensor) -> Tensor:
    r"""Follow the deterministic path to the next level.

    .. math:: \sqrt{\bar\alpha'} \hat z^0 + \sqrt{1-\bar\alpha'} \hat\epsilon

    Song et al., "Denoising Diffusion Implicit Models", 2021, eq. 12 with sigma = 0.
    Shapes as in `ancestral_step`.
    """
    eps_hat = noise_from_clean(z, kept, z0_hat)
    there = kept_next[:, None]
    return there.sqrt() * z0_hat + (1 - there).sqrt() * eps_hat


def reverse_chain(
    predict_clean: Callable[[Tensor, Tensor], Tensor],
    z: Tensor,
    levels: Tensor,
    alpha_bar: Tensor,
    eps: Tensor | None = None,
) -> Iterator[Tensor]:
    """Run the reverse chain and yield the latents after every transition.

    Parameters
    ----------
    predict_clean : callable
        From latents (B, K) and their levels (B,) to predicted clean latents (B, K).
    z : Tensor of shape (B, K)
        Noise at the first level.
    levels : Tensor of shape (S + 1, B)
        Levels to visit, see `strided_levels`.
    alpha_bar : Tensor of shape (L + 1,)
        Signal kept at every level.
    eps : Tensor of shape (S, B, K), optional
        Noise of the ancestral steps; without it the steps are DDIM's.

    Yields
    ------
    Tensor of shape (B, K)
    """
    kept = alpha_bar[levels]
    for step in range(len(levels) - 1):
        z0_hat = predict_clean(z, levels[step])
        if eps is None:
            z = ddim_step(z, z0_hat, kept[step], kept[step + 1])
        else:
            z = ancestral_step(z, z0_hat, kept[step], kept[step + 1], eps[step])
        yield z


def sample_latents(
    predict_clean: Callable[[Tensor, Tensor], Tensor],
    z: Tensor,
    stop: Tensor,
    alpha_bar: Tensor,
    n_steps: int,
    eps: Tensor | None = None,
) -> Tensor:
    """Run the reverse chain from noise `z` down to each row's stopping level.

    Parameters
    ----------
    predict_clean, z, alpha_bar, eps
        As in `reverse_chain`.
    stop : Tensor of shape (B,), int64
        Level at which each row stops (paper, algorithm 2).
    n_steps : int
        Number of transitions.

    Returns
    -------
    Tensor of shape (B, K)
    """
    levels = strided_levels(len(alpha_bar) - 1, n_steps, stop)
    for latents in reverse_chain(predict_clean, z, levels, alpha_bar, eps):
        z = latents
    return z
