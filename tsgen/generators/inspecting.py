"""Looking into a fitted generator: dependencies, posterior reports, collapse."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_enough_series, check_latents
from tsgen.exceptions import PosteriorCollapseWarning
from tsgen.inspection.dependency import Dependency, over_series, spread_steps
from tsgen.inspection.measure import (
    MaxOrder,
    Options,
    check_options,
    measured,
    warn_unless_sound,
)
from tsgen.inspection.posterior import (
    PosteriorReport,
    is_collapsed,
    late_dependency,
)
from tsgen.nn.bounds import series_log_prob
from tsgen.nn.dependency import gauss_legendre, measure
from tsgen.nn.encoders import reparameterize
from tsgen.nn.layers import readable
from tsgen.nn.models import LatentDiffusion
from tsgen.nn.rows import Rows

if TYPE_CHECKING:
    from tsgen.generators.latent import BaseLatentGenerator

N_CHECKED_STEPS = 256  # that tell, after a fit, whether the latent is used
N_SHUFFLED = 5  # series of each shuffle
N_MONITORED = 5  # steps whose dependency is recorded
N_NODES = 8
COARSE = 0.02  # tolerance where a verdict is wanted and no figure


class Latents(NamedTuple):
    """Posterior of the latents that the decoder reads, and a draw from it: (n, K)."""

    mean: Tensor
    log_scale: Tensor
    z: Tensor


def dependency(
    generator: BaseLatentGenerator,
    X: ArrayLike,
    Z: ArrayLike | None,
    method: str,
    n_nodes: int,
    tol: float,
    max_order: MaxOrder,
    random_state: RandomState,
) -> Dependency:
    """Measure the decoder: see `BaseLatentGenerator.dependency`."""
    series, lengths = generator._read(X, shorter=True)
    n_steps = int(lengths.max())
    options = check_options(method, n_nodes, tol, max_order, n_steps)
    x = generator._scaled(series)
    source = generator.random_state if random_state is None else random_state
    if Z is None:
        z = draw_latents(generator, x, lengths, source).z
    else:
        z = torch.from_numpy(check_latents(Z, generator.model_.latent_size, len(x)))
    found = _measured(generator, z, x[:, :n_steps], lengths, options, source)
    warn_unless_sound(found, lengths, stacklevel=4)
    return found


def _measured(
    generator: BaseLatentGenerator,
    z: Tensor,
    x: Tensor,
    lengths: np.ndarray | None,
    options: Options,
    random_state: RandomState,
) -> Dependency:
    device, model = generator.device_, generator.model_
    z = model.with_condition(z.to(device))
    x = readable(x).to(device)
    return measured(model.decoder, z, x, lengths, options, random_state)


def draw_latents(
    generator: BaseLatentGenerator,
    x: Tensor,
    lengths: np.ndarray | None,
    random_state: RandomState,
) -> Latents:
    """Draw the latent of each scaled series (n, T, C) from its posterior, (n, K)."""
    rng = numpy_generator(random_state, "latents")
    shape = (len(x), generator.model_.latent_size)
    return latents_from(generator, x, lengths, rng.standard_normal(shape, np.float32))


def latents_from(
    generator: BaseLatentGenerator,
    x: Tensor,
    lengths: np.ndarray | None,
    eps: np.ndarray,
) -> Latents:
    """Make the latents of scaled series (n, T, C) from normal numbers (n, K)."""
    mean, log_scale = _posterior(generator, x, lengths)
    z = reparameterize(mean, log_scale, torch.from_numpy(eps))
    return Latents(mean, log_scale, z)


@torch.no_grad()
def _posterior(
    generator: BaseLatentGenerator, x: Tensor, lengths: np.ndarray | None
) -> tuple[Tensor, Tensor]:
    """Encode series, those of one length together: mean and log scale, (n, K).

    After a fit on unequal lengths, encoders read series to the end of the longest.
    """
    if lengths is None or generator._form.unequal:
        lengths = np.full(len(x), x.shape[1])
    mean = x.new_zeros(len(x), generator.model_.latent_size)
    log_scale = torch.zeros_like(mean)
    for length in np.unique(lengths):
        rows = torch.from_numpy(np.flatnonzero(lengths == length))
        for part in rows.split(generator._rows_at_once()):
            found = generator._inference(
                generator.model_, x[part, :length].to(generator.device_)
            )
            mean[part], log_scale[part] = (figure.cpu() for figure in found)
    return mean, log_scale


def posterior_report(
    generator: BaseLatentGenerator,
    X: ArrayLike,
    n_series: int,
    n_shuffles: int,
    random_state: RandomState,
) -> PosteriorReport:
    """Report on the posterior: see `BaseLatentGenerator.posterior_report`."""
    series, lengths = generator._read(X)
    check_enough_series(series, 2, generator)
    if generator.scaler_.constant_.all():
        raise ValueError(
            "posterior_report needs a generator with a channel that varied in fit, got "
            "one of constant channels. There is nothing to explain."
        )
    options = check_options("gauss-legendre", N_NODES, COARSE, 1, int(lengths.max()))
    source = generator.random_state if random_state is None else random_state
    rng = numpy_generator(source, "report")
    chosen = rng.permutation(len(series))[:n_series]
    series, lengths = series[chosen], lengths[chosen]
    rows, shuffle = _rows_of_shuffles(len(series), n_shuffles, rng)
    controls = _shuffled(series[rows], lengths[rows], rng)
    look = partial(_looked_at, generator, options=options, rng=rng)
    x, latents, ordered = look(series, lengths)
    _, _, shuffled = look(controls, lengths[rows])
    warn_unless_sound(ordered, lengths, stacklevel=4)
    return PosteriorReport(
        dependency=ordered,
        shuffled=shuffled,
        shuffle=shuffle,
        **{name: part.double().numpy() for name, part in latents._asdict().items()},
        log_likelihood=_log_likelihoods(generator, x, latents.z, rng),
        remedies=generator._remedies,
    )


def _looked_at(
    generator: BaseLatentGenerator,
    series: np.ndarray,
    lengths: np.ndarray,
    options: Options,
    rng: np.random.Generator,
) -> tuple[Tensor, Latents, Dependency]:
    x = generator._scaled(series)
    latents = draw_latents(generator, x, None, rng)
    return x, latents, _measured(generator, latents.z, x, lengths, options, rng)


def _rows_of_shuffles(
    n_series: int, n_shuffles: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose a few series anew for each shuffle: which, and of which shuffle."""
    n_each = min(N_SHUFFLED, n_series)
    rows = [rng.permutation(n_series)[:n_each] for _ in range(n_shuffles)]
    return np.concatenate(rows), np.repeat(np.arange(n_shuffles), n_each)


def _shuffled(
    series: np.ndarray, lengths: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Put the steps of every series, up to its end, in a random order of its own."""
    n_series, n_timesteps, _ = series.shape
    orders = rng.permuted(np.tile(np.arange(n_timesteps), (n_series, 1)), axis=1)
    late = np.argsort(orders >= lengths[:, None], axis=1, kind="stable")
    orders = np.take_along_axis(orders, late, axis=1)
    return np.take_along_axis(series, orders[:, :, None], axis=1)


def _log_likelihoods(
    generator: BaseLatentGenerator, x: Tensor, z: Tensor, rng: np.random.Generator
) -> dict[str, float]:
    """Log-likelihood per entry with own, other series' and random latents."""
    model = generator.model_
    eps = rng.standard_normal(z.shape, dtype=np.float32)
    noise = model.posterior.from_diffusion(torch.from_numpy(eps).to(generator.device_))
    latents = {"own": z, "permuted": z.roll(1, dims=0), "noise": noise.cpu()}
    varies = torch.from_numpy(~generator.scaler_.constant_).to(generator.device_)

    def likelihood(z: Tensor, x: Tensor) -> Tensor:
        return series_log_prob(model, z, x, varies)

    n_entries = int((~x[:, :, varies.cpu()].isnan()).sum())
    return {
        name: float(generator._in_batches(likelihood, z, x).sum() / n_entries)
        for name, z in latents.items()
    }


def quick_dependency(
    generator: BaseLatentGenerator, model: LatentDiffusion, rows: Rows
) -> np.ndarray:
    """Measure the global dependency of a few scaled series at their first steps.

    It is NaN at steps of which nothing is observed.
    """
    n_steps = min(rows.shape[1], N_CHECKED_STEPS)
    n_series = 8 if n_steps > 128 else 32
    chosen = rows[:: max(1, len(rows) // n_series)][:n_series]
    x = chosen.to(generator.device_)
    with torch.no_grad():
        mean, log_scale = generator._inference(model, x)
    eps = np.random.default_rng(0).standard_normal(mean.shape, dtype=np.float32)
    z = reparameterize(mean, log_scale, torch.from_numpy(eps).to(mean))
    rule = gauss_legendre(len(x), N_NODES)
    x = x[:, :n_steps]
    z = model.with_condition(z)
    found = measure(model.decoder, z, readable(x), rule, max_order=0, tol=COARSE)
    unseen = x.isnan().all(dim=2)  # steps after the end among them
    return found.global_.masked_fill(unseen, torch.nan).cpu().numpy()


def warn_if_collapsed(generator: BaseLatentGenerator, x: Rows) -> None:
    """Warn, after a fit, when the decoder does not use its latent."""
    if x.shape[1] < 2:
        return
    late = late_dependency(quick_dependency(generator, generator.model_, x))
    if is_collapsed(late):
        warnings.warn(
            f"The posterior has collapsed: of late steps, {late:z.2f} comes from the "
            f"latent (median), so series are continued from their own past. Try "
            f"{generator._remedies}. posterior_report(X) says more; "
            "check_collapse=False turns this check off.",
            PosteriorCollapseWarning,
            stacklevel=6,
        )


def monitored(
    generator: BaseLatentGenerator, model: LatentDiffusion, x: Rows
) -> dict[str, float]:
    """Mean global dependency at a few steps, under the names of `history_`."""
    global_ = quick_dependency(generator, model, x)
    mean = over_series(np.nanmean, global_)
    steps = spread_steps(len(mean), N_MONITORED)[1:]
    return {f"global_dependency_{step}": float(mean[step - 1]) for step in steps}
