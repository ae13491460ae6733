"""Samplers: the reverse chain from noise to latents, in full or in strides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from tsgen.nn.noise import noise_from_clean

SMALLEST_SHARE = 1e-6  # of signal or noise: float32 knows no smaller ones


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


def log_snr_levels(alpha_bar: Tensor, n_steps: int, stop: Tensor) -> Tensor:
    r"""Levels that a chain of `n_steps` visits, evenly spaced in the log of the signal.

    .. math:: \lambda = \tfrac{1}{2} \ln \frac{\bar\alpha}{1 - \bar\alpha}

    Lu et al., "DPM-Solver++", 2022, section 7 (time steps uniform in lambda). Where
    levels are sparser than steps, at both ends, some are visited twice, to no effect.

    Parameters
    ----------
    alpha_bar : Tensor of shape (L + 1,)
        Signal kept at every level.
    n_steps : int
        Number of transitions, in 1 ... L.
    stop : Tensor of shape (B,)
        Level at which each row's chain ends.

    Returns
    -------
    Tensor of shape (n_steps + 1, B), int64
        From L down to `stop`.
    """
    ends = float(alpha_bar[-2]), float(alpha_bar[1])  # those of L and 0 are infinite
    log_snr = alpha_bar.double().clamp(*ends).logit(eps=SMALLEST_SHARE)  # twice lambda
    share = torch.linspace(0, 1, n_steps + 1, dtype=torch.float64, device=stop.device)
    path = log_snr[-1] + (log_snr[stop] - log_snr[-1]) * share[:, None]  # (S + 1, B)
    middle = (log_snr[1:] + log_snr[:-1]) / 2
    lowest = stop.clamp(min=1)  # 0 is for the end
    levels = torch.searchsorted(-middle, -path).clamp(min=lowest)  # the nearest ones
    levels[0], levels[-1] = len(alpha_bar) - 1, stop
    return levels


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


def extrapolated_clean(
    z0_hat: Tensor, z0_last: Tensor, kept_last: Tensor, kept: Tensor, kept_next: Tensor
) -> Tensor:
    r"""Predict what a step of second order needs, from this level and the last.

    .. math::
        \hat z^0 + \frac{\lambda' - \lambda}{2 (\lambda - \lambda_{last})}
        (\hat z^0 - \hat z^0_{last}), \quad
        \lambda = \tfrac{1}{2} \ln \frac{\bar\alpha}{1 - \bar\alpha}

    `ddim_step` with it is a step of DPM-Solver++ (2M): Lu et al., "DPM-Solver++: Fast
    Solver for Guided Sampling of Diffusion Probabilistic Models", 2022, algorithm 2.
    On the way to level 0, which is infinitely far, it is the prediction itself.

    Parameters
    ----------
    z0_hat, z0_last : Tensor of shape (B, K)
        Predictions of the clean latent at this level and at the last, higher one.
    kept_last, kept, kept_next : Tensor of shape (B,)
        Signal kept (alpha bar) at the last level, at this and at the next.

    Returns
    -------
    Tensor of shape (B, K)
    """
    last, here, there = (k.logit() for k in (kept_last, kept, kept_next))
    weight = (there - here) / (2 * (here - last))
    weight = torch.where(weight.isfinite(), weight, 0.0)
    return z0_hat + weight[:, None] * (z0_hat - z0_last)


def reverse_chain(
    predict_clean: Callable[[Tensor, Tensor], Tensor],
    z: Tensor,
    levels: Tensor,
    alpha_bar: Tensor,
    eps: Tensor | None = None,
    *,
    second_order: bool = False,
) -> Iterator[Tensor]:
    """Run the reverse chain and yield the latents after every transition.

    Parameters
    ----------
    predict_clean : callable
        From latents (B, K) and their levels (B,) to predicted clean latents (B, K).
    z : Tensor of shape (B, K)
        Noise at the first level.
    levels : Tensor of shape (S + 1, B)
        Levels to visit, see `strided_levels` and `log_snr_levels`.
    alpha_bar : Tensor of shape (L + 1,)
        Signal kept at every level.
    eps : Tensor of shape (S, B, K), optional
        Noise of the ancestral steps; without it the steps are DDIM's.
    second_order : bool
        Make steps without noise those of DPM-Solver++ (2M).

    Yields
    ------
    Tensor of shape (B, K)
    """
    kept = alpha_bar[levels]
    z0_last = None
    for step, (here, there) in enumerate(pairwise(kept)):
        z0_hat = predict_clean(z, levels[step])
        if eps is not None:
            z = ancestral_step(z, z0_hat, here, there, eps[step])
        elif second_order and z0_last is not None:
            further = extrapolated_clean(z0_hat, z0_last, kept[step - 1], here, there)
            z = ddim_step(z, further, here, there)
        else:
            z = ddim_step(z, z0_hat, here, there)
        z0_last = z0_hat
        yield z


def sample_latents(
    predict_clean: Callable[[Tensor, Tensor], Tensor],
    z: Tensor,
    stop: Tensor,
    alpha_bar: Tensor,
    n_steps: int,
    eps: Tensor | None = None,
    *,
    second_order: bool = False,
) -> Tensor:
    """Run the reverse chain from noise `z` down to each row's stopping level.

    The steps of second order are evenly spaced in the log of the signal, others in the
    level.

    Parameters
    ----------
    predict_clean, z, alpha_bar, eps, second_order
        As in `reverse_chain`.
    stop : Tensor of shape (B,), int64
        Level at which each row stops (paper, algorithm 2).
    n_steps : int
        Number of transitions.

    Returns
    -------
    Tensor of shape (B, K)
    """
    if second_order:
        levels = log_snr_levels(alpha_bar, n_steps, stop)
    else:
        levels = strided_levels(len(alpha_bar) - 1, n_steps, stop)
    chain = reverse_chain(
        predict_clean, z, levels, alpha_bar, eps, second_order=second_order
    )
    for latents in chain:
        z = latents
    return z
