"""The terms of the training objectives, one function each, in nats per series entry.

==============================================  ============================
term in the field                               function
==============================================  ============================
KL to the standard normal prior (eq. 2)         `kl_divergence`
KL annealing weight                             `annealing_weight`
mutual-information constraint                   `mutual_information_bound`
variable masking (input dropout of decoder)     `mask_variables`
denoising loss (eq. 5)                          `denoising_loss`
variational inference by early levels (eq. 13)  `variational_inference_loss`
collapse simulation by last levels (eq. 14)     `collapse_simulation_loss`
==============================================  ============================

Sums of terms, `elbo_terms`, `stable_posterior_terms` and `diffusion_terms`, are what
the trainer minimises. Equations are those of arXiv 2405.14021. Missing entries of a
series are NaN and count in no term: "per entry" is per entry observed, on average over
the minibatch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tsgen.nn.decoders import delayed
from tsgen.nn.diffusion import Diffusion
from tsgen.nn.encoders import reparameterize
from tsgen.nn.layers import full_precision
from tsgen.nn.likelihoods import Observation
from tsgen.nn.models import LatentDiffusion
from tsgen.nn.noise import diffuse, velocity
from tsgen.nn.series_diffusion import SeriesDiffusion

N_ANNEALING_CYCLES = 4
COLLAPSE_SHARE = 1 / 3  # of a minibatch, enough for the estimate of eq. 14
CONDITION_DROPOUT = 0.1  # share of conditions hidden in training
MAX_ROWS = 64  # latents compared with all posteriors of a minibatch in one pass


class LossTerm(NamedTuple):
    """A term of the loss: its value as recorded, and its weight in the sum."""

    value: Tensor
    weight: float = 1.0


def kl_divergence(mean: Tensor, log_scale: Tensor) -> Tensor:
    r"""Kullback-Leibler divergence of the posterior to N(0, I) (eq. 2).

    .. math:: \tfrac12 \sum_k (\mu_k^2 + \sigma_k^2 - 1 - 2 \ln \sigma_k)

    Parameters
    ----------
    mean, log_scale : Tensor of shape (B, K)

    Returns
    -------
    Tensor of shape (B,), nats
    """
    spread = mean.square() + (2 * log_scale).exp() - 1 - 2 * log_scale
    return 0.5 * spread.sum(dim=1)


def annealing_weight(progress: float, annealing: str | None) -> float:
    """Weight of the KL term at a share of training done, between 0 and 1.

    "monotonic" rises linearly over the first half (Bowman et al., "Generating
    Sentences from a Continuous Space", 2016); "cyclical" does so in each of four
    cycles (Fu et al., "Cyclical Annealing Schedule", 2019); None stays at 1.
    """
    if annealing is None:
        return 1.0
    if annealing == "cyclical" and progress < 1:
        progress = progress * N_ANNEALING_CYCLES % 1
    return min(1.0, 2 * progress)


def mutual_information_bound(z: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    r"""Lower bound of the information I(X; z) that latents carry about their series.

    .. math:: \frac1B \sum_i \ln
        \frac{q(z_i | X_i)}{\frac1B \sum_j q(z_i | X_j)} \le \ln B

    InfoNCE with the encoder itself in place of a critic (Poole et al., "On Variational
    Bounds of Mutual Information", 2019). On average the KL term is
    I(X; z) and the divergence of the aggregate posterior from the prior (Hoffman and
    Johnson, "ELBO surgery", 2016): a weight of 1 charges little but the latter. Since
    the bound cannot exceed ln B, no weight makes the loss run away, and there is no
    second network to train.

    Parameters
    ----------
    z : Tensor of shape (B, K)
        One draw from the posterior of each series.
    mean, log_scale : Tensor of shape (B, K)

    Returns
    -------
    Tensor, a scalar, nats per series
    """
    own = _log_density(z, mean, log_scale)  # (B,)
    among_all = [
        _log_density(rows[:, None], mean, log_scale).logsumexp(dim=1)
        for rows in z.split(MAX_ROWS)
    ]
    return (own - torch.cat(among_all)).mean() + math.log(len(z))


def _log_density(z: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log-density of diagonal normals over the last axis, up to a constant."""
    deviation = (z - mean) * (-log_scale).exp()
    return (-0.5 * deviation.square() - log_scale).sum(dim=-1)


def mask_variables(previous: Tensor, keep: Tensor) -> Tensor:
    """Hide whole observations from the decoder: NaN where `keep` is 0.

    Bowman et al. 2016, section 3.1; Semeniuta et al. 2017. The networks read zero, the
    mean of a standardised channel, in the place of what is hidden.

    Parameters
    ----------
    previous : Tensor of shape (B, T, C)
    keep : Tensor of shape (B, T)
        Zeros and ones.

    Returns
    -------
    Tensor of shape (B, T, C)
    """
    return previous.masked_fill(keep[:, :, None] == 0, torch.nan)


def per_entry(values: Tensor, x: Tensor) -> Tensor:
    """Sum values over each series, per observed entry of an average series.

    Parameters
    ----------
    values : Tensor of shape (B, ...)
    x : Tensor of shape (B, T, C)
        The series, NaN where an entry is missing.

    Returns
    -------
    Tensor of shape (B,)
    """
    return values.flatten(1).sum(dim=1) / mean_size(x)


def mean_size(x: Tensor) -> Tensor:
    """Count the observed entries of series (B, T, C), on average; a scalar."""
    return (~x.isnan()).sum().to(x) / len(x)


def denoising_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of the denoiser (eq. 5), per entry of the latent; a scalar."""
    return (prediction - target).square().mean()


def variational_inference_loss(log_prob: Tensor, weight: Tensor, x: Tensor) -> Tensor:
    r"""Weighted negative log-likelihood at early levels (eq. 13).

    .. math:: - \bar\alpha^{\gamma i} \, \ln p(X | z^i)

    Parameters
    ----------
    log_prob : Tensor of shape (B, T, C)
        Log-likelihood of every entry.
    weight : Tensor of shape (B,)
        Signal kept at level gamma * i.
    x : Tensor of shape (B, T, C)

    Returns
    -------
    Tensor, a scalar
    """
    return -(weight * per_entry(log_prob, x)).mean()


def collapse_simulation_loss(charge: Tensor, weight: Tensor) -> Tensor:
    r"""Weighted penalty on explaining the series without the latent (eq. 14).

    .. math:: (1 - \bar\alpha^{\lceil k / \eta \rceil}) \, c(X, z^k)

    Parameters
    ----------
    charge : Tensor of shape (B,)
        What the decoder is charged, see `collapse_charge`.
    weight : Tensor of shape (B,)
        One minus the signal kept at level ceil(k / eta).

    Returns
    -------
    Tensor, a scalar
    """
    return (weight * charge).mean()


def collapse_charge(likelihood: Observation, x: Tensor, form: str) -> Tensor:
    r"""Charge a decoder that sees no latent, per entry of the series.

    With the gain :math:`\ln p(x | z^k, \text{prefix}) - \ln q(x)` over an uninformed
    reference, N(0, 1) or the shares in training of discrete values, of values that
    repeat and of those that recur, "entry", "step" and "series" charge
    :math:`\max(0, \cdot)` of the gain of each entry, of each time step and of the whole
    series. "kl" charges the divergence of the likelihood from N(0, 1) and the shares of
    discrete and recurring values.
    "printed" charges :math:`\ln p` itself, as eq. 14 stands: it has no lower bound.

    Parameters
    ----------
    likelihood : Gaussian or ChannelMixtures
        Distributions of shape (B, T, C).
    x : Tensor of shape (B, T, C)
    form : {"entry", "step", "series", "kl", "printed"}

    Returns
    -------
    Tensor of shape (B,)
    """
    if form == "kl":
        return per_entry(likelihood.divergence(x), x)
    if form == "printed":
        return per_entry(likelihood.log_prob(x), x)
    gain = likelihood.gain(x)
    if form == "step":
        gain = gain.sum(dim=2)
    elif form == "series":
        gain = gain.sum(dim=(1, 2))[:, None]
    return per_entry(gain.relu(), x)


def normal_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Draw standard normal noise of the shape of `x`."""
    return torch.empty_like(x).normal_(generator=generator)


def uniform_levels(
    low: int, high: int, like: Tensor, generator: torch.Generator
) -> Tensor:
    """Draw one level per row of `like`, uniform in low ... high (both included)."""
    size = (len(like),)
    device = like.device
    return torch.randint(low, high + 1, size, generator=generator, device=device)


def seen_before(x: Tensor, masking: float, generator: torch.Generator) -> Tensor:
    """Return the delayed series, each observation hidden with probability `masking`."""
    previous = delayed(x, first=torch.nan)
    if masking == 0:
        return previous
    keep = x.new_empty(x.shape[:2]).bernoulli_(1 - masking, generator=generator)
    return mask_variables(previous, keep)


def sometimes_hidden(
    condition: Tensor, widths: Sequence[int], generator: torch.Generator
) -> Tensor:
    """Hide conditions (B, P) by zeros: all of a series, and parts of given widths.

    A tenth of each at random: to know some of them, or none, is an input too.
    """
    if not condition.shape[1]:
        return condition
    parts = torch.tensor([width for width in widths if width], device=condition.device)
    coins = condition.new_empty(len(condition), len(parts) + (len(parts) > 1))
    coins.bernoulli_(1 - CONDITION_DROPOUT, generator=generator)
    keep = coins[:, : len(parts)].repeat_interleave(parts, dim=1)  # (B, P)
    return condition * keep * coins[:, -1:]


def denoising_term(
    model: Diffusion,
    denoiser: nn.Module,
    z0: Tensor,
    generator: torch.Generator,
    condition: Tensor | None = None,
) -> LossTerm:
    """Denoising loss of latents (B, K) at random levels (eq. 5).

    The latents are detached: the prior is fitted to them, they do not move to suit it.
    """
    z0 = z0.detach()
    level = uniform_levels(1, model.n_levels, z0, generator)
    eps = normal_like(z0, generator)
    kept = model.alpha_bar[level]
    target = velocity(z0, kept, eps) if model.prediction == "v" else eps
    output = full_precision(denoiser(diffuse(z0, kept, eps), level, condition))
    return LossTerm(denoising_loss(output, target))


def prior_terms(
    model: LatentDiffusion,
    denoiser: nn.Module,
    batch: tuple[Tensor, ...],
    generator: torch.Generator,
    progress: float,
) -> dict[str, LossTerm]:
    """Term of the second stage: the denoising loss on cached posteriors (B, K).

    The last tensor of the batch are the conditions (B, P).
    """
    *posterior, condition = batch
    z0 = posterior[0]
    if len(posterior) == 2:
        mean, log_scale = posterior
        z = reparameterize(mean, log_scale, normal_like(mean, generator))
        z0 = model.posterior.to_diffusion(z)
    condition = sometimes_hidden(condition, model.condition_widths, generator)
    return {"denoising": denoising_term(model, denoiser, z0, generator, condition)}


def diffusion_terms(
    model: SeriesDiffusion, x: Tensor, generator: torch.Generator
) -> dict[str, LossTerm]:
    """Term of a diffusion of the series (B, T, C) themselves: denoising (eq. 5)."""
    return {"denoising": denoising_term(model, model.denoiser, x.flatten(1), generator)}


def elbo_terms(
    model: LatentDiffusion,
    x: Tensor,
    condition: Tensor,
    generator: torch.Generator,
    *,
    kl_weight: float,
    variable_masking: float,
    mutual_information: float = 0.0,
) -> dict[str, LossTerm]:
    """Terms of latent diffusion: reconstruction, KL (eq. 2) and denoising (eq. 5).

    With a weight `mutual_information`, the bound of that name is subtracted.
    """
    mean, log_scale = model.encode(x, generator)
    assert log_scale is not None
    z = reparameterize(mean, log_scale, normal_like(mean, generator))
    previous = seen_before(x, variable_masking, generator)
    condition = sometimes_hidden(condition, model.condition_widths, generator)
    log_prob = model.decode(z, previous, generator, condition).log_prob(x)
    kl = kl_divergence(mean, log_scale).mean() / mean_size(x)
    z0 = model.posterior.to_diffusion(z.detach())
    terms = {
        "reconstruction": LossTerm(-per_entry(log_prob, x).mean()),
        "kl": LossTerm(kl, kl_weight),
        "denoising": denoising_term(model, model.denoiser, z0, generator, condition),
    }
    if mutual_information:
        bound = mutual_information_bound(z, mean, log_scale) / mean_size(x)
        terms["mutual_information"] = LossTerm(bound, -mutual_information)
    return terms


def stable_posterior_terms(
    model: LatentDiffusion,
    x: Tensor,
    condition: Tensor,
    generator: torch.Generator,
    *,
    gamma: float,
    alpha: float,
    eta: float,
    n_inference_levels: int,
    n_collapse_levels: int,
    collapse_penalty: str,
    variable_masking: float,
) -> dict[str, LossTerm]:
    """Terms of the stable posterior (algorithm 1): eq. 13, eq. 5 and eq. 14.

    The penalty is estimated on a random third of the minibatch: the same expectation
    at a third of the cost. Latents of both ends are decoded in one go.
    """
    is_charged = n_collapse_levels > 0 and alpha > 0
    few = x[: math.ceil(COLLAPSE_SHARE * len(x)) if is_charged else 0]
    v, _ = model.encode(x, generator)
    previous = seen_before(x, variable_masking, generator)
    condition = sometimes_hidden(condition, model.condition_widths, generator)
    z, first = noised(model, v, (0, n_inference_levels), generator)
    denoising = denoising_term(model, model.denoiser, v, generator, condition)
    levels = (model.n_levels - n_collapse_levels, model.n_levels)
    z_few, last = noised(model, v[: len(few)], levels, generator)
    early, late = _decode_both(model, z, z_few, previous, condition, generator)
    weight = model.alpha_bar[early_index(first, gamma, model.n_levels)]
    loss = variational_inference_loss(early.log_prob(x), weight, x)
    terms = {"variational_inference": LossTerm(loss), "denoising": denoising}
    if is_charged:
        weight = 1 - model.alpha_bar[late_index(last, eta)]
        charge = collapse_charge(late, few, collapse_penalty)
        loss = collapse_simulation_loss(charge, weight)
        terms["collapse_simulation"] = LossTerm(loss, alpha)
    return terms


def noised(
    model: LatentDiffusion,
    v: Tensor,
    levels: tuple[int, int],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Diffuse latents (B, K) to levels drawn from a range; return both."""
    level = uniform_levels(*levels, v, generator)
    return diffuse(v, model.alpha_bar[level], normal_like(v, generator)), level


def _decode_both(
    model: LatentDiffusion,
    z: Tensor,
    z_few: Tensor,
    previous: Tensor,
    condition: Tensor,
    generator: torch.Generator,
) -> tuple[Observation, Observation]:
    """Decode latents of all series (B, K) and others of the first few, in one batch."""
    n_series, n_few = len(z), len(z_few)
    previous, condition = (
        torch.cat([rows, rows[:n_few]]) for rows in (previous, condition)
    )
    both = model.decode(torch.cat([z, z_few]), previous, generator, condition)
    return both.part(slice(n_series)), both.part(slice(n_series, None))


def early_index(level: Tensor, gamma: float, n_levels: int) -> Tensor:
    """Index gamma * i of eq. 13 into the schedule, rounded and clipped to L."""
    return (gamma * level).round().long().clamp(max=n_levels)


def late_index(level: Tensor, eta: float) -> Tensor:
    """Index ceil(k / eta) of eq. 14 into the schedule; eta >= 1."""
    return (level.double() / eta).ceil().long()
