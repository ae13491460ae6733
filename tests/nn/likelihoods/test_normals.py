import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import B, C, H, T
from tsgen.nn.likelihoods import GaussianLikelihood, standard_normal_log_prob


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
    eps = normals(B, T, 2, C, seed=1, dtype=torch.float64)
    assert_close((gaussian.draw(eps) - gaussian.mean) / gaussian.scale, eps[..., 1, :])


def test_every_entry_has_a_mean_and_a_scale(likelihood, normals):
    mean, scale = likelihood(normals(B, T, H, dtype=torch.float64), None)
    assert mean.shape == scale.shape == (B, T, C)


def test_the_mean_is_linear_in_the_features(likelihood, normals):
    h = normals(B, T, H, dtype=torch.float64)
    assert_close(likelihood(h, None).mean, likelihood.project(h)[..., :C])


def test_the_scale_is_a_softplus_above_the_floor(likelihood, normals):
    h = normals(B, T, H, dtype=torch.float64)
    raw = likelihood.project(h)[..., C:]
    assert_close(likelihood(h, None).scale, 0.1 + raw.exp().log1p())


@pytest.mark.parametrize("size", [-1e6, 1e6])
def test_the_scale_stays_above_the_floor_and_finite(likelihood, size):
    scale = likelihood(torch.full((1, H), size, dtype=torch.float64), None).scale
    assert (scale >= 0.1).all()
    assert scale.isfinite().all()


def test_every_weight_of_a_likelihood_is_trained(likelihood, normals, assert_trainable):
    h, x = normals(B, T, H).double(), normals(B, T, C, seed=1).double()
    assert_trainable(likelihood(h, None).log_prob(x).sum(), likelihood)


def test_a_step_alone_has_the_likelihood_it_has_in_its_series(likelihood, normals):
    h = normals(B, T, H, dtype=torch.float64)
    assert_close(likelihood(h[:, 2], None).scale, likelihood(h, None).scale[:, 2])


def test_changes_of_a_normal_are_free(likelihood):
    ends = torch.tensor([[-1.0], [1.0]])
    found = likelihood.ranges(ends, ends / 1000)
    assert_close(found, (1.2 * ends, 2 * 2.4 * ends))
