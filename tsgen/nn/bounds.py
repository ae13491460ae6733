"""Bounds of the log-likelihood: the cost of a latent under the reverse chain.

The chain that is bounded is the full ancestral one, whose transitions are normal, so
that every divergence has a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from tsgen.nn.decoders import delayed
from tsgen.nn.encoders import GaussianPosterior, reparameterize
from tsgen.nn.likelihoods import LOG_SQRT_2PI, normal_log_prob
from tsgen.nn.models import LatentDiffusion
from tsgen.nn.noise import diffuse
from tsgen.nn.series_diffusion import SeriesDiffusion

N_DRAWS = 4
N_NODES = 16


def endpoint_kl(z0: Tensor, kept: Tensor) -> Tensor:
    r"""Divergence of the last level from the noise that sampling starts with.

    .. math:: KL(N(\sqrt{\bar\alpha} z^0, (1-\bar\alpha) I) \| N(0, I))

    Parameters
    ----------
    z0 : Tensor of shape (B, K)
    kept : Tensor of shape (B,)
        Signal kept at the last level.

    Returns
    -------
    Tensor of shape (B,), nats
    """
    kept = kept[:, None]
    each = kept * z0.square() + (1 - kept) - 1 - torch.log1p(-kept)
    return 0.5 * each.sum(dim=1)


class ChainNodes(NamedTuple):
    """Levels at which the cost of a chain is evaluated, and the weight of each."""

    levels: Tensor
    weight: float


def chain_nodes(
    alpha_bar: Tensor, stop: int, n_nodes: int = N_NODES, offset: float = 0.5
) -> ChainNodes:
    r"""Choose the levels whose predictions stand for the full chain from L to `stop`.

    The divergences of all transitions sum to

    .. math:: \sum_{k > stop} \tfrac12 (\mathrm{SNR}_{k-1} - \mathrm{SNR}_k)
        \, \|z^0 - \hat z^0(z^k, k)\|^2, \quad
        \mathrm{SNR} = \bar\alpha / (1 - \bar\alpha)

    (Kingma et al., "Variational Diffusion Models", 2021, eq. 13). The squared error is
    :math:`(1 - \bar\alpha_k)` times that of v-prediction, which changes slowly with
    the level; so levels are taken at equal quantiles of what multiplies it.

    Parameters
    ----------
    alpha_bar : Tensor of shape (L + 1,)
    stop : int
        Level at which the chain stops, at least 1.
    n_nodes : int
    offset : float in (0, 1)
        Where in its quantile each level lies.

    Returns
    -------
    ChainNodes
        Levels (n_nodes,), and what to multiply the mean squared errors of v with.
    """
    kept = alpha_bar[stop:].double()
    snr = kept / (1 - kept)
    gain = 0.5 * (snr[:-1] - snr[1:]) * (1 - kept[1:])  # of levels stop + 1 ... L
    reached = gain.cumsum(0)
    places = torch.arange(n_nodes, dtype=torch.float32, device=gain.device)
    middle = (places + offset) / n_nodes
    total = gain.sum()  # 0 where the chain stops at L
    nodes = torch.searchsorted(reached, middle * total) + stop + 1
    return ChainNodes(nodes.clamp(max=len(alpha_bar) - 1), float(total) / n_nodes)


def chain_cost(
    predict_clean: Callable[[Tensor, Tensor], Tensor],
    z0: Tensor,
    nodes: ChainNodes,
    alpha_bar: Tensor,
    eps: Tensor,
) -> Tensor:
    """Divergence of the forward process from the reverse chain, down to its last level.

    Parameters
    ----------
    predict_clean : callable
        From latents (B, K) and levels (B,) to predicted clean latents (B, K).
    z0 : Tensor of shape (B, K)
    nodes : ChainNodes
        See `chain_nodes`.
    alpha_bar : Tensor of shape (L + 1,)
    eps : Tensor of shape (n_nodes, K)
        Noise, the same for every row: one draw of the forward process per node.

    Returns
    -------
    Tensor of shape (B,), nats
    """
    cost = endpoint_kl(z0, alpha_bar[-1:])
    for node, noise in zip(nodes.levels, eps, strict=True):
        level = node.expand(len(z0))
        kept = alpha_bar[level]
        z0_hat = predict_clean(diffuse(z0, kept, noise.expand_as(z0)), level)
        error = (z0 - z0_hat).square().sum(dim=1) / (1 - kept)
        cost = cost + nodes.weight * error
    return cost


def antithetic_normals(n_draws: int, *shape: int) -> Tensor:
    """Draw noise in pairs of opposite sign, always the same: (n_draws, *shape)."""
    generator = torch.Generator().manual_seed(0)
    shape = (n_draws // 2, *shape)
    half = torch.randn(shape, dtype=torch.float32, generator=generator)
    return torch.cat([half, -half])


def series_log_prob(
    model: LatentDiffusion,
    z: Tensor,
    x: Tensor,
    varies: Tensor,
    condition: Tensor | None = None,
) -> Tensor:
    """Log-likelihood of series given latents, over channels that vary; (B,)."""
    previous = delayed(x, first=torch.nan)
    log_prob = model.decode(z, previous, condition=condition).log_prob(x)
    return (log_prob * varies).sum(dim=(1, 2))


def stable_posterior_bound(
    model: LatentDiffusion,
    x: Tensor,
    varies: Tensor,
    n_inference_levels: int,
    condition: Tensor | None = None,
) -> Tensor:
    r"""Bound the log-likelihood of a model whose chain stops at a random level.

    .. math:: \ln p(X) \ge \ln\tfrac{N}{N+1} + E_{i \in 1 \ldots N} \big[
        E \ln p(X | z^i) - KL(q(z^{i \ldots L} | X) \| p(z^{i \ldots L})) \big]

    Jensen's inequality over the stopping level and over the chain. Level 0 is left
    out, as q(z^0 | X) is a point; that costs the first summand.

    Parameters
    ----------
    model : LatentDiffusion
    x : Tensor of shape (B, T, C)
    varies : Tensor of shape (C,)
        1 for channels that vary, 0 for the others.
    n_inference_levels : int
        N, at least 1.
    condition : Tensor of shape (B, P), optional

    Returns
    -------
    Tensor of shape (B,), nats
    """
    z0, _ = model.encode(x)
    predict = partial(model.predict_clean, condition=condition)
    noise = antithetic_normals(N_DRAWS, N_NODES + 1, model.latent_size).to(x)
    bound = x.new_zeros(len(x))
    for draw, eps in enumerate(noise):
        offset = (draw + 0.5) / N_DRAWS
        level = math.ceil(n_inference_levels * offset)
        nodes = chain_nodes(model.alpha_bar, level, offset=offset)
        cost = chain_cost(predict, z0, nodes, model.alpha_bar, eps[1:])
        kept = model.alpha_bar[level].expand(len(x))
        z = diffuse(z0, kept, eps[0].expand_as(z0))
        bound += (series_log_prob(model, z, x, varies, condition) - cost) / N_DRAWS
    return bound + math.log(n_inference_levels / (n_inference_levels + 1))


def latent_diffusion_bound(
    model: LatentDiffusion,
    x: Tensor,
    varies: Tensor,
    condition: Tensor | None = None,
) -> Tensor:
    r"""Bound the log-likelihood of latent diffusion, whose chain ends at level 0.

    .. math:: E_q \big[ \ln p(X | z) + \ln p(z^0 | z^1) - \ln q(z^0 | X) \big]
        - KL(q(z^{1 \ldots L} | z^0) \| p(z^{1 \ldots L}))

    with :math:`z^0` the standardised z. The last transition, which sampling makes
    without noise, is given that of level 1.

    Parameters
    ----------
    model : LatentDiffusion
    x : Tensor of shape (B, T, C)
    varies : Tensor of shape (C,)
        1 for channels that vary, 0 for the others.
    condition : Tensor of shape (B, P), optional

    Returns
    -------
    Tensor of shape (B,), nats
    """
    mean, log_scale = model.encode(x)
    predict = partial(model.predict_clean, condition=condition)
    assert isinstance(model.posterior, GaussianPosterior)
    assert log_scale is not None
    noise = antithetic_normals(N_DRAWS, N_NODES + 1, model.latent_size).to(x)
    first = torch.ones(len(x), dtype=torch.long, device=x.device)
    kept = model.alpha_bar[first]
    scale = ((1 - kept) / kept).sqrt()[:, None]  # (B, 1)
    bound = normal_entropy(log_scale - model.posterior.standardizer.log_scale)
    for draw, eps in enumerate(noise):
        nodes = chain_nodes(model.alpha_bar, 1, offset=(draw + 0.5) / N_DRAWS)
        z = reparameterize(mean, log_scale, eps[0].expand_as(mean))
        z0 = model.posterior.to_diffusion(z)
        cost = chain_cost(predict, z0, nodes, model.alpha_bar, eps[1:])
        z1_hat = predict(diffuse(z0, kept, eps[-1].expand_as(z0)), first)
        last = normal_log_prob(z0, z1_hat, scale).sum(dim=1)
        log_prob = series_log_prob(model, z, x, varies, condition)
        bound = bound + (log_prob + last - cost) / N_DRAWS
    return bound


def series_diffusion_bound(model: SeriesDiffusion, x: Tensor, varies: Tensor) -> Tensor:
    r"""Bound the log-likelihood of a diffusion of the series themselves.

    .. math:: E_q \big[ \ln p(x^0 | x^1) \big]
        - KL(q(x^{1 \ldots L} | x^0) \| p(x^{1 \ldots L}))

    with the flattened series as :math:`x^0`. The last transition, which sampling makes
    without noise, is given that of level 1. Channels that do not vary are integrated
    out of it alone, so that a bound is left. Noise is brought to its expected length,
    which keeps its mean and covariance: near the data the error grows with that length.

    Parameters
    ----------
    model : SeriesDiffusion
    x : Tensor of shape (B, T, C)
    varies : Tensor of shape (C,)
        1 for channels that vary, 0 for the others.

    Returns
    -------
    Tensor of shape (B,), nats
    """
    x0 = x.flatten(1)
    noise = antithetic_normals(N_DRAWS, N_NODES + 1, model.width).to(x)
    noise = noise * (model.width**0.5 / noise.norm(dim=-1, keepdim=True))
    first = torch.ones(len(x), dtype=torch.long, device=x.device)
    kept = model.alpha_bar[first]
    scale = ((1 - kept) / kept).sqrt()[:, None]  # (B, 1)
    counted = varies.bool().repeat(x.shape[1])
    bound = x.new_zeros(len(x))
    for draw, eps in enumerate(noise):
        nodes = chain_nodes(model.alpha_bar, 1, offset=(draw + 0.5) / N_DRAWS)
        cost = chain_cost(model.predict_clean, x0, nodes, model.alpha_bar, eps[1:])
        x0_hat = model.predict_clean(diffuse(x0, kept, eps[0].expand_as(x0)), first)
        last = normal_log_prob(x0, x0_hat, scale)[:, counted].sum(dim=1)
        bound += (last - cost) / N_DRAWS
    return bound


def normal_entropy(log_scale: Tensor) -> Tensor:
    """Entropy of a diagonal normal with log scales (B, K); (B,), nats."""
    return (log_scale + LOG_SQRT_2PI + 0.5).sum(dim=1)
