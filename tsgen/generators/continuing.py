"""Continuing given beginnings: latents of the prior, fitted to what they explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from tsgen._forms import Form
from tsgen._reading.arrays import as_array, is_frame
from tsgen._reading.ragged import items_of, refuse_frames
from tsgen._validation import as_series, check_columns, check_first_steps
from tsgen.generators.discrete import check_whole
from tsgen.nn.bounds import series_log_prob
from tsgen.nn.encoders import reparameterize
from tsgen.nn.inference import fitted_posterior

if TYPE_CHECKING:
    from tsgen.generators.latent import BaseLatentGenerator

N_CANDIDATES = 256
N_STEPS = 60  # of the ascent from a candidate


def read_prefix(
    generator: BaseLatentGenerator, prefix: Any, n_samples: int
) -> np.ndarray:
    """Check the beginnings of series.

    Parameters
    ----------
    generator : BaseLatentGenerator
        Fitted.
    prefix : array-like, torch tensor, pandas DataFrame, or None
        Series in the forms that `fit` takes, or one of them, for all; None for none.
        NaN is allowed if `fit` allowed it.
    n_samples : int

    Returns
    -------
    ndarray of shape (n_samples, n_steps, n_channels)
        Without steps if there is no prefix, or no series.
    """
    if prefix is None or not n_samples:
        return np.empty((n_samples, 0, generator.n_channels_))
    check_columns(prefix, generator._form, generator.n_channels_, "prefix")
    check_first_steps(prefix, generator._form, generator.n_timesteps_, "prefix")
    start = _as_beginnings(prefix, generator._form, generator._missing)
    n_steps, longest = start.shape[1], generator.n_timesteps_ - 1
    if not longest:
        raise ValueError(
            "prefix needs a generator of series of two steps or more, got one of "
            "series of one step. Leave it out, or fit on longer series."
        )
    wanted = {(n, n_steps, generator.n_channels_) for n in (1, n_samples)}
    if start.shape not in wanted or n_steps > longest:
        raise ValueError(
            "prefix must hold beginnings of shape (n_samples, n_steps, n_channels) = "
            f"({n_samples}, 1 to {longest}, {generator.n_channels_}), or one for all, "
            f"got {start.shape}.\nCut it, or ask for as many series as it has."
        )
    check_whole(start, generator._form, "prefix")
    return np.broadcast_to(start, (n_samples, *start.shape[1:])).copy()


def _as_beginnings(prefix: Any, form: Form, missing: str) -> np.ndarray:
    """Read one beginning, or one for each series: (n, t, C)."""
    if is_frame(prefix):
        return as_series(prefix, "prefix", form.categories, missing)
    refuse_frames(items_of(prefix) or (), "prefix")
    array = as_array(prefix, "prefix")
    if array.ndim == 1 + form.has_channels:
        array = array[None]
    return as_series(array, "prefix", missing=missing)


@torch.no_grad()
def latents_after(
    generator: BaseLatentGenerator,
    start: Tensor,
    condition: Tensor,
    rng: np.random.Generator,
) -> Tensor:
    r"""Draw latents given the first steps of series.

    .. math:: z \sim p(z | x_1 \ldots x_t) \propto p(z) \, p(x_1 \ldots x_t | z)

    Among candidates of the prior one is taken with the likelihood of the beginning as
    weight (Rubin, "The Calculation of Posterior Distributions by Data Augmentation:
    Comment", 1987). A normal posterior is fitted from there, see `fitted_posterior`:
    no candidate explains many steps of many channels.

    Parameters
    ----------
    generator : BaseLatentGenerator
        Fitted.
    start : Tensor of shape (n, t, C)
        Scaled beginnings, NaN where missing.
    condition : Tensor of shape (n, P)
    rng : numpy.random.Generator

    Returns
    -------
    Tensor of shape (n, K)
    """
    width = generator.model_.latent_size
    shape = (N_CANDIDATES, generator._n_latent_normals())
    normals = rng.standard_normal(shape, np.float32)
    noise = torch.from_numpy(rng.standard_normal((N_STEPS, width), np.float32))
    own = torch.from_numpy(rng.standard_normal((len(start), 1 + width), np.float32))
    share = torch.special.ndtr(own[:, 0].double())  # uniform in (0, 1)
    latents = _resampled(generator, start, condition, normals, share)
    mean, log_scale = _fitted(generator, latents, start, condition, noise)
    z0 = reparameterize(mean, log_scale, own[:, 1:]).to(generator.device_)
    return generator.model_.posterior.from_diffusion(z0).cpu()


def _resampled(
    generator: BaseLatentGenerator,
    start: Tensor,
    condition: Tensor,
    normals: np.ndarray,
    share: Tensor,
) -> Tensor:
    """Choose among candidates, made from the same normal numbers for all series."""
    shape = (len(start), generator.model_.latent_size)
    latents = torch.empty(shape, dtype=torch.float32)
    for given, rows in _alike(condition):
        given = given.expand(N_CANDIDATES, -1)
        pool = generator._draw_latents(normals, given)
        for beginning, members in _alike(start[rows].flatten(1)):
            x = beginning.view(1, *start.shape[1:]).expand(N_CANDIDATES, -1, -1)
            weight = _log_likelihood(generator, pool, x, given).softmax(dim=0)
            chosen = torch.searchsorted(weight.cumsum(0), share[rows[members]])
            latents[rows[members]] = pool.cpu()[chosen.clamp(max=N_CANDIDATES - 1)]
    return latents


def _fitted(
    generator: BaseLatentGenerator,
    latents: Tensor,
    start: Tensor,
    condition: Tensor,
    noise: Tensor,
) -> tuple[Tensor, Tensor]:
    """Fit posteriors from latents (n, K), once for rows that are alike in all.

    They are those of the diffusion's latents: means and log scales, each (n, K).
    """
    device, model = generator.device_, generator.model_
    together = torch.cat([latents, start.flatten(1), condition], dim=1)
    each, group = _distinct(together)
    widths = [latents.shape[1], start[0].numel(), condition.shape[1]]
    found = []
    for rows in each.to(device).split(generator._rows_at_once()):
        z, x, given = rows.split(widths, dim=1)
        x = x.unflatten(1, start.shape[1:])
        found.append(fitted_posterior(model, z, x, given, noise.to(device)))
    mean, log_scale = (
        torch.cat(parts).cpu()[group] for parts in zip(*found, strict=True)
    )
    return mean, log_scale


def _alike(rows: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Group equal rows (n, W): each row once, and where it stands."""
    if not rows.shape[1]:
        return [(rows[0], torch.arange(len(rows)))] if len(rows) else []
    each, group = _distinct(rows)
    return [(row, torch.nonzero(group == k)[:, 0]) for k, row in enumerate(each)]


def _distinct(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return equal rows (n, W) once, and which of these each is; NaN equals NaN."""
    filled = rows.nan_to_num(nan=torch.inf)
    each, group = torch.unique(filled, dim=0, return_inverse=True)
    return each.masked_fill(each.isinf(), torch.nan), group


def _log_likelihood(
    generator: BaseLatentGenerator, z: Tensor, x: Tensor, condition: Tensor
) -> Tensor:
    """Log-likelihood of scaled beginnings (B, t, C) given latents (B, K); (B,)."""

    def likelihood(z: Tensor, x: Tensor, condition: Tensor) -> Tensor:
        varies = torch.from_numpy(~generator.scaler_.constant_).to(z.device)
        return series_log_prob(generator.model_, z, x, varies, condition).double()

    return torch.from_numpy(generator._in_batches(likelihood, z, x, condition))
