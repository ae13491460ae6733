"""Posteriors fitted by optimisation, where an encoder cannot read the series."""

import pytest
import torch
from torch.testing import assert_close

from tsgen.nn.encoders import reparameterize
from tsgen.nn.inference import fitted_posterior
from tsgen.nn.objectives import kl_divergence

B, T, C, K = 5, 4, 2, 4


@pytest.fixture
def model(make_model):
    return make_model().eval()


@pytest.fixture
def given(normals):
    return normals(B, K), normals(B, T, C, seed=1), normals(B, 0)


def bound(model, posterior, x):
    mean, log_scale = posterior
    noise = torch.randn(200, 1, K, generator=torch.Generator().manual_seed(3))
    previous = torch.cat([torch.full_like(x[:, :1], torch.nan), x[:, :-1]], dim=1)
    gains = [
        model.decode(reparameterize(mean, log_scale, eps), previous).log_prob(x)
        for eps in noise.expand(-1, B, -1)
    ]
    return torch.stack(gains).sum(dim=(2, 3)).mean(0) - kl_divergence(mean, log_scale)


def test_steps_raise_the_bound_of_every_series(model, given, normals):
    noise = normals(60, K, seed=2)
    first, last = (fitted_posterior(model, *given, noise[:n]) for n in (0, 60))
    with torch.no_grad():
        assert (bound(model, last, given[1]) > bound(model, first, given[1])).all()


def test_a_decoder_that_does_not_listen_leaves_the_prior(model, given, normals):
    for parameter in model.decoder.initial_state.parameters():
        parameter.data.zero_()
    mean, log_scale = fitted_posterior(model, *given, normals(300, K, seed=2))
    assert mean.abs().max() < 0.3
    assert log_scale.abs().max() < 0.3


def test_the_prior_is_that_of_the_diffusion(make_model, given, normals):
    """The decoder of a normal posterior reads latents of another mean and spread."""
    model = make_model(posterior="gaussian").eval()
    model.posterior.standardizer.running_mean.fill_(2.0)
    model.posterior.standardizer.running_var.fill_(0.25)
    for parameter in model.decoder.initial_state.parameters():
        parameter.data.zero_()
    mean, log_scale = fitted_posterior(model, *given, normals(300, K, seed=2))
    assert mean.abs().max() < 0.3
    assert log_scale.abs().max() < 0.3


def test_each_series_is_fitted_for_itself(model, given, normals):
    noise = normals(20, K, seed=2)
    found = fitted_posterior(model, *given, noise)
    few = fitted_posterior(model, *(part[1:3] for part in given), noise)
    for one, other in zip(found, few, strict=True):
        assert_close(one[1:3], other, rtol=1e-3, atol=1e-3)


def test_the_model_stays_as_it_is(model, given, normals):
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    fitted_posterior(model, *given, normals(3, K, seed=2))
    assert all(torch.equal(before[n], w) for n, w in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not any(part.training for part in model.modules())
