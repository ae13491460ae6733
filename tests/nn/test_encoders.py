import pytest
import torch
from torch.testing import assert_close

from tsgen.nn.encoders import (
    DeterministicPosterior,
    GaussianPosterior,
    LSTMEncoder,
    Standardizer,
    TransformerEncoder,
    reparameterize,
)

B, T, C, K, H = 6, 5, 3, 4, 8


def lstm(n_layers=1, dropout=0.0):
    return LSTMEncoder(C, H, n_layers, dropout)


def transformer(n_layers=1, dropout=0.0):
    return TransformerEncoder(C, H, n_layers, 2, dropout)


every_encoder = pytest.mark.parametrize("encoder", [lstm, transformer])
every_depth = pytest.mark.parametrize("n_layers", [1, 3])
every_posterior = pytest.mark.parametrize(
    "posterior", [DeterministicPosterior, GaussianPosterior]
)


@pytest.fixture
def x(normals):
    return normals(B, T, C)


# the family of encoders


@every_encoder
@every_depth
def test_features_have_the_hidden_width(fresh, x, encoder, n_layers):
    assert fresh(encoder, n_layers)(x).shape == (B, H)


@every_encoder
def test_series_of_one_step_have_features(fresh, x, encoder):
    assert fresh(encoder)(x[:, :1]).isfinite().all()


@every_encoder
@every_depth
def test_every_weight_of_an_encoder_is_trained(
    fresh, x, assert_trainable, encoder, n_layers
):
    module = fresh(encoder, n_layers)
    assert_trainable(module(x).square().sum(), module)


@every_encoder
@pytest.mark.parametrize("t", range(T))
def test_features_depend_on_every_step(fresh, x, encoder, t):
    module = fresh(encoder)
    other = x.clone()
    other[:, t] += 1
    assert ((module(other) - module(x)).abs().amax(dim=1) > 1e-6).all()


@every_encoder
def test_features_depend_on_the_order_of_the_steps(fresh, x, encoder):
    module = fresh(encoder)
    assert not torch.allclose(module(x.flip(1)), module(x), atol=1e-4)


@every_encoder
def test_features_of_a_series_do_not_depend_on_the_batch(fresh, x, encoder):
    module = fresh(encoder).double()
    x = x.double()
    assert_close(module(x[2:3]), module(x)[2:3])


@every_encoder
def test_encoding_in_evaluation_is_deterministic(fresh, x, encoder):
    module = fresh(encoder, 2, 0.5).eval()
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(module(x, generator), module(x, generator))


@every_encoder
def test_dropout_of_an_encoder_follows_the_generator(fresh, x, encoder):
    module = fresh(encoder, 2, 0.5)
    first, again, other = (
        module(x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@every_encoder
def test_an_encoder_works_in_float64(fresh, x, encoder):
    module = fresh(encoder, 2)
    single = module(x)
    double = module.double()(x.double())
    assert double.dtype == torch.float64
    assert_close(double.float(), single, rtol=1e-4, atol=1e-5)


@every_encoder
def test_the_state_of_an_encoder_makes_an_equal_one(fresh, x, encoder):
    module, other = fresh(encoder, 2), fresh(encoder, 2, seed=1)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(x), module(x))


# standardised latents


@pytest.fixture
def standardizer(normals):
    module = Standardizer(K)
    module.running_mean.copy_(normals(K))
    module.running_var.copy_(normals(K).square() + 0.1)
    return module.eval()


def test_training_standardises_by_the_batch(normals):
    z0 = Standardizer(K)(3 * normals(50, K) + 5)
    assert_close(z0.mean(0), torch.zeros(K), rtol=0, atol=1e-5)
    assert_close(z0.var(0, unbiased=False), torch.ones(K), rtol=1e-4, atol=0)


def test_evaluation_standardises_by_the_running_statistics(standardizer, normals):
    v = normals(B, K, seed=1)
    scale = (standardizer.running_var + standardizer.eps).sqrt()
    assert_close(standardizer(v), (v - standardizer.running_mean) / scale)


def test_the_log_scale_is_that_of_the_standardisation(standardizer):
    v = standardizer.running_mean + standardizer.log_scale.exp()
    assert_close(standardizer(v[None]), torch.ones(1, K))


def test_the_inverse_undoes_the_standardisation(standardizer, normals):
    v = normals(B, K, seed=1)
    assert_close(standardizer.inverse(standardizer(v)), v)


def test_standardising_has_nothing_to_learn(standardizer):
    assert not list(standardizer.parameters())


# posteriors


@every_posterior
def test_every_weight_of_a_posterior_is_trained(
    fresh, normals, assert_trainable, posterior
):
    module = fresh(posterior, H, K)
    module.standardizer.reset_running_stats()
    outputs = [part for part in module(normals(B, H)) if part is not None]
    weights = normals(len(outputs), B, K, seed=1)
    scalar = sum((w * part).sum() for w, part in zip(weights, outputs, strict=True))
    scalar.backward()
    gradient = module.project.weight.grad
    assert gradient.isfinite().all()
    assert gradient.any(dim=1).all()


@every_posterior
def test_latents_come_back_from_the_diffusion(fresh, normals, standardizer, posterior):
    module = fresh(posterior, H, K).eval()
    module.standardizer = standardizer
    z = normals(B, K)
    assert_close(module.from_diffusion(module.to_diffusion(z)), z)


def test_a_deterministic_posterior_is_standardised_and_has_no_spread(fresh, normals):
    module = fresh(DeterministicPosterior, H, K)
    module.standardizer.reset_running_stats()
    v, log_scale = module(normals(50, H))
    assert log_scale is None
    assert_close(v.var(0, unbiased=False), torch.ones(K), rtol=1e-2, atol=0)


def test_the_decoder_of_the_stable_posterior_reads_latents_of_the_diffusion(
    fresh, normals
):
    module, z = fresh(DeterministicPosterior, H, K), normals(B, K)
    assert module.to_diffusion(z) is z
    assert module.from_diffusion(z) is z


def test_a_gaussian_posterior_is_linear_in_the_features(fresh, normals):
    module, features = fresh(GaussianPosterior, H, K), normals(B, H)
    mean, log_scale = module(features)
    assert_close(torch.cat([mean, log_scale], dim=1), module.project(features))


def test_a_draw_has_the_mean_and_the_scale_of_the_posterior():
    mean, log_scale = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]]).log()
    eps = torch.tensor([[3.0, 0.5]])
    assert reparameterize(mean, log_scale, eps).tolist() == [[1.0, -1.0]]
