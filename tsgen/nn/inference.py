"""Inference of latents by optimisation, where the encoder cannot read the series."""

from __future__ import annotations

import math
from copy import deepcopy

import torch
from torch import Tensor, nn

from tsgen.nn.decoders import delayed
from tsgen.nn.encoders import reparameterize
from tsgen.nn.gradients import differentiating
from tsgen.nn.models import LatentDiffusion
from tsgen.nn.objectives import kl_divergence

STEP_SIZE = 0.1
FIRST_SCALE = 0.3


@differentiating()
def fitted_posterior(
    model: LatentDiffusion, z: Tensor, x: Tensor, condition: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor]:
    r"""Fit normal posteriors of the latents of series by ascent of their bounds.

    .. math:: E_q \ln p(x | z) - KL(q(z^0) \,\|\, N(0, I))

    with :math:`z^0` the latent in the scale of the diffusion, whose prior is N(0, I).
    The encoder reads whole series; this needs the decoder only, so it serves for the
    first steps of series too (Kim et al., "Semi-Amortized Variational Autoencoders",
    2018). Every row is fitted for itself, with the same noise.

    Parameters
    ----------
    model : LatentDiffusion
    z : Tensor of shape (B, K)
        Latents of the decoder to start from.
    x : Tensor of shape (B, t, C)
        Scaled series, or their first steps.
    condition : Tensor of shape (B, P)
    noise : Tensor of shape (S, K)
        Standard normal, a row for each of S steps.

    Returns
    -------
    mean, log_scale : Tensor of shape (B, K)
        In the scale of the diffusion.
    """
    z, x, condition, noise = (part.clone() for part in (z, x, condition, noise))
    model, previous = _differentiable(model), delayed(x, first=torch.nan)
    mean = model.posterior.to_diffusion(z).clone().requires_grad_()
    log_scale = torch.full_like(z, math.log(FIRST_SCALE)).requires_grad_()
    optimizer = torch.optim.Adam([mean, log_scale], lr=STEP_SIZE)
    for eps in noise:
        z0 = reparameterize(mean, log_scale, eps.expand_as(mean))
        z = model.posterior.from_diffusion(z0)
        log_prob = model.decode(z, previous, condition=condition).log_prob(x)
        loss = kl_divergence(mean, log_scale).sum() - log_prob.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return mean.detach(), log_scale.detach()


def _differentiable(model: LatentDiffusion) -> LatentDiffusion:
    """Copy a model whose latents are to be differentiated by, but not its weights.

    On CUDA, recurrent layers can be differentiated in training mode only.
    """
    model = deepcopy(model).requires_grad_(False)
    for part in model.modules():
        if isinstance(part, nn.RNNBase):
            part.flatten_parameters()
            part.train()
    return model
