import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal, kl_divergence
from torch.testing import assert_close

from tsgen.nn.likelihoods import (
    Gaussian,
    GaussianLikelihood,
    Mixture,
    MixtureLikelihood,
    standard_normal_log_prob,
)

B, T, C, H = 3, 5, 2, 8


@pytest.fixture
def gaussian(normals):
    mean, raw = normals(2, B, T, C, dtype=torch.float64)
    return Gaussian(mean, raw.exp())


@pytest.fixture
def likelihood(fresh):
    return fresh(GaussianLikelihood, H, C, 0.1).double()


def test_the_log_density_is_that_of_torch(gaussian, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    assert_close(gaussian.log_prob(x), Normal(*gaussian).log_prob(x))


def test_the_divergence_to_the_reference_is_that_of_torch(gaussian, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    expected = kl_divergence(Normal(*gaussian), Normal(0.0, 1.0))
    assert_close(gaussian.divergence(x), expected)


def test_the_reference_is_the_standard_normal(normals):
    x = normals(B, T, C)
    assert_close(standard_normal_log_prob(x), Normal(0.0, 1.0).log_prob(x))


def test_a_draw_is_noise_in_units_of_the_scale(gaussian, normals):
    eps = normals(B, T, C, seed=1, dtype=torch.float64)
    assert_close((gaussian.draw(eps) - gaussian.mean) / gaussian.scale, eps)


def test_every_entry_has_a_mean_and_a_scale(likelihood, normals):
    mean, scale = likelihood(normals(B, T, H, dtype=torch.float64))
    assert mean.shape == scale.shape == (B, T, C)


def test_the_mean_is_linear_in_the_features(likelihood, normals):
    h = normals(B, T, H, dtype=torch.float64)
    assert_close(likelihood(h).mean, likelihood.project(h)[..., :C])


def test_the_scale_is_a_softplus_above_the_floor(likelihood, normals):
    h = normals(B, T, H, dtype=torch.float64)
    raw = likelihood.project(h)[..., C:]
    assert_close(likelihood(h).scale, 0.1 + raw.exp().log1p())


@pytest.mark.parametrize("size", [-1e6, 1e6])
def test_the_scale_stays_above_the_floor_and_finite(likelihood, size):
    scale = likelihood(torch.full((1, H), size, dtype=torch.float64)).scale
    assert (scale >= 0.1).all()
    assert scale.isfinite().all()


def test_every_weight_of_a_likelihood_is_trained(likelihood, normals, assert_trainable):
    h, x = normals(B, T, H).double(), normals(B, T, C, seed=1).double()
    assert_trainable(likelihood(h).log_prob(x).sum(), likelihood)


def test_a_step_alone_has_the_likelihood_it_has_in_its_series(likelihood, normals):
    h = normals(B, T, H, dtype=torch.float64)
    assert_close(likelihood(h[:, 2]).scale, likelihood(h).scale[:, 2])


K = 4
WIDE = 7  # channels


@pytest.fixture
def mixture(normals):
    logits, mean, raw = normals(3, B, T, C, K, dtype=torch.float64)
    return Mixture(logits.log_softmax(dim=-1), mean, raw.exp())


@pytest.fixture
def channels(fresh, normals):
    """Give a likelihood of many channels, its features and observations."""
    likelihood = fresh(MixtureLikelihood, H, WIDE, 0.1, K).double()
    h = normals(B, T, H, dtype=torch.float64)
    return likelihood, h, normals(B, T, WIDE, seed=1, dtype=torch.float64)


def torch_mixture(mixture):
    parts = Normal(mixture.mean, mixture.scale)
    return MixtureSameFamily(Categorical(logits=mixture.log_weight), parts)


def test_the_log_density_of_a_mixture_is_that_of_torch(mixture, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    assert_close(mixture.log_prob(x), torch_mixture(mixture).log_prob(x))


def test_draws_of_a_mixture_have_its_distribution():
    logits = torch.tensor([[0.5, -1.0, 0.0]], dtype=torch.float64)
    mean = torch.tensor([[-2.0, 0.0, 5.0]], dtype=torch.float64)
    scale = torch.tensor([[0.3, 1.0, 0.5]], dtype=torch.float64)
    mixture = Mixture(logits.log_softmax(dim=-1), mean, scale)
    n = 20_001
    probability = torch.linspace(0, 1, n + 2, dtype=torch.float64)[1:-1]
    eps = torch.special.ndtri(probability)[:, None]
    rows = Mixture(*(part.expand(n, 1, 3) for part in mixture))
    drawn = rows.draw(eps)[:, 0].sort().values
    cdf = torch_mixture(mixture).cdf(drawn[:, None])[:, 0]
    assert_close(cdf, probability, atol=2e-4, rtol=0)


def test_a_mixture_of_one_component_is_a_normal(gaussian, normals):
    eps = normals(B, T, C, seed=1, dtype=torch.float64)
    zeros = torch.zeros_like(gaussian.mean)
    one = Mixture(*(part[..., None] for part in (zeros, *gaussian)))
    assert_close(one.log_prob(eps), gaussian.log_prob(eps))
    assert_close(one.draw(eps), gaussian.draw(eps))
    assert_close(one.divergence(), gaussian.divergence(eps))


def test_draws_of_a_mixture_are_finite_however_far_out_the_noise(mixture):
    for eps in (-40.0, 0.0, 40.0):
        assert mixture.draw(torch.full((B, T, C), eps)).isfinite().all()


def test_the_divergence_of_a_mixture_is_bounded_from_above(mixture):
    eps = torch.special.ndtri((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000)
    rows = Mixture(*(part[0, 0, :1].expand(4000, 1, K) for part in mixture))
    x = rows.draw(eps[:, None])
    estimate = (rows.log_prob(x) - standard_normal_log_prob(x)).mean()
    assert 0 < estimate < mixture.divergence()[0, 0, 0]


def test_no_channel_sees_itself_or_a_later_one(channels):
    likelihood, h, x = channels
    before = likelihood.conditionals(h, x)
    for c in range(WIDE):
        changed = x.clone()
        changed[..., c] += 1
        after = likelihood.conditionals(h, changed)
        for one, other in zip(before, after, strict=True):
            assert_close(one[..., : c + 1, :], other[..., : c + 1, :])
        if c + 1 < WIDE:
            assert not torch.equal(
                before.mean[..., c + 1, :], after.mean[..., c + 1, :]
            )


def test_every_unit_and_weight_of_the_mixture_is_used_or_masked(channels):
    likelihood, h, x = channels
    likelihood(h).log_prob(x).sum().backward()
    for weight in (likelihood.project.weight, likelihood.from_features.weight):
        assert (weight.grad.abs().sum(dim=1) > 0).all()


def test_a_draw_inverts_the_conditionals(channels, normals):
    likelihood, h, _ = channels
    eps = normals(B, T, WIDE, seed=2, dtype=torch.float64)
    x = likelihood(h).draw(eps)
    probability = torch_mixture(likelihood.conditionals(h, x)).cdf(x)
    components = likelihood.conditionals(h, x)
    assert_close(components.draw(eps), x)
    assert ((probability > 0) & (probability < 1)).all()


def test_the_density_of_an_observation_integrates_to_one(fresh, normals):
    likelihood = fresh(MixtureLikelihood, H, 2, 0.2, K).double()
    axis = torch.linspace(-12, 12, 601, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    h = normals(1, H, dtype=torch.float64).expand(len(x), H)
    density = likelihood(h).log_prob(x).sum(dim=-1).exp().detach()
    assert float(density.sum()) * 0.04**2 == pytest.approx(1, abs=1e-6)


def test_a_mixture_of_more_channels_than_units_is_still_a_density(fresh, normals):
    likelihood = fresh(MixtureLikelihood, H, 300, 0.1, 2).double()
    x = normals(2, 300, dtype=torch.float64)
    h = normals(2, H, seed=1, dtype=torch.float64)
    assert likelihood(h).log_prob(x).isfinite().all()
    assert likelihood(h).draw(x).isfinite().all()
