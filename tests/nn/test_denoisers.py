import pytest
import torch
from torch.testing import assert_close

from tsgen.nn.denoisers import (
    Bypass,
    LevelEmbedding,
    ResidualMLP,
    SeriesTransformer,
    UNet1d,
)

B, L = 4, 20


def mlp(latent_size=6, n_levels=L, n_conditions=0):
    return ResidualMLP(latent_size, n_levels, n_conditions, 32, 2)


def unet(latent_size=6, n_levels=L, n_conditions=0):
    return UNet1d(latent_size, n_levels, n_conditions, 8)


def transformer(n_timesteps=6, n_levels=L):
    """Series of one channel, so that the latent's width is their length."""
    return SeriesTransformer(n_timesteps, 1, n_levels, 16, 2, 2)


def bypassed(latent_size=6, n_levels=L):
    return Bypass(mlp(latent_size, n_levels), latent_size, n_levels, 16)


DENOISERS = [mlp, unet, transformer, bypassed]
every_denoiser = pytest.mark.parametrize("denoiser", DENOISERS)


@pytest.fixture
def level():
    return torch.tensor([0, 1, 7, L])


@every_denoiser
@pytest.mark.parametrize("latent_size", [1, 2, 3, 4, 5, 8, 13])
def test_a_prediction_has_the_shape_of_the_latent(
    fresh, normals, level, denoiser, latent_size
):
    z = normals(B, latent_size)
    assert fresh(denoiser, latent_size)(z, level).shape == z.shape


@every_denoiser
def test_every_weight_of_a_denoiser_is_trained(
    fresh, normals, level, assert_trainable, denoiser
):
    module, z = fresh(denoiser), normals(B, 6)
    assert_trainable((module(z, level) * normals(B, 6, seed=1)).sum(), module)


@every_denoiser
def test_a_prediction_depends_on_the_level(fresh, normals, denoiser):
    module, z = fresh(denoiser), normals(1, 6).expand(L + 1, 6)
    assert torch.pdist(module(z, torch.arange(L + 1))).min() > 1e-6


@every_denoiser
@pytest.mark.parametrize("k", range(5))
def test_a_prediction_depends_on_every_entry_of_the_latent(
    fresh, normals, level, denoiser, k
):
    module, z = fresh(denoiser, 5), normals(B, 5)
    other = z.clone()
    other[:, k] += 1
    assert ((module(other, level) - module(z, level)).abs().amax(dim=1) > 1e-6).all()


@every_denoiser
def test_predictions_of_a_row_do_not_depend_on_the_batch(
    fresh, normals, level, denoiser
):
    module = fresh(denoiser).double()
    z = normals(B, 6, dtype=torch.float64)
    assert_close(module(z[2:3], level[2:3]), module(z, level)[2:3])


@every_denoiser
def test_training_and_evaluation_predict_the_same(fresh, normals, level, denoiser):
    module, z = fresh(denoiser), normals(B, 6)
    assert torch.equal(module.eval()(z, level), module.train()(z, level))


@every_denoiser
def test_a_denoiser_works_in_float64(fresh, normals, level, denoiser):
    module, z = fresh(denoiser), normals(B, 6)
    single = module(z, level)
    double = module.double()(z.double(), level)
    assert double.dtype == torch.float64
    assert_close(double.float(), single, rtol=1e-4, atol=1e-5)


@every_denoiser
def test_the_state_of_a_denoiser_makes_an_equal_one(fresh, normals, level, denoiser):
    module, other, z = fresh(denoiser), fresh(denoiser, seed=1), normals(B, 6)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(z, level), module(z, level))


def test_levels_are_embedded_by_their_share_of_the_chain(fresh):
    short, long = (fresh(LevelEmbedding, n_levels, 8) for n_levels in (10, 1000))
    assert_close(short(torch.arange(11)), long(torch.arange(11) * 100))


def test_a_transformer_reads_the_steps_of_a_flattened_series(fresh, normals, level):
    module = fresh(SeriesTransformer, 5, 2, L, 16, 1, 2).double()
    x = normals(B, 5, 2, dtype=torch.float64)
    module.blocks[0].forward = lambda h: h
    found = module(x.flatten(1), level).unflatten(1, (5, 2))
    moved = x.clone()
    moved[:, 3] += 1
    change = (module(moved.flatten(1), level).unflatten(1, (5, 2)) - found).abs()
    assert (change.amax(2).amax(0) > 0).tolist() == [False, False, False, True, False]


def test_equal_steps_of_a_series_are_told_apart(fresh, level):
    x = fresh(SeriesTransformer, 5, 2, L, 16, 1, 2)(torch.ones(B, 10), level)
    assert (x.unflatten(1, (5, 2)).diff(dim=1).abs().amax(2) > 1e-5).all()


def test_a_bypass_adds_a_gain_of_each_entry_at_each_level(fresh, normals, level):
    module, z = fresh(bypassed).double(), normals(B, 6, dtype=torch.float64)
    module.denoiser.forward = lambda z, level: torch.zeros_like(z)
    gain = module(torch.ones_like(z), level)
    assert_close(module(z, level), gain * z)
    assert torch.pdist(gain).min() > 1e-6


# conditions


every_conditional = pytest.mark.parametrize("denoiser", [mlp, unet])


@every_conditional
def test_a_prediction_depends_on_the_condition(fresh, normals, level, denoiser):
    module, z = fresh(denoiser, n_conditions=3), normals(B, 6)
    one, other = (module(z, level, normals(B, 3, seed=s)) for s in (1, 2))
    assert (one - other).abs().amax(dim=1).min() > 1e-4


@every_conditional
def test_an_unknown_condition_is_one_of_zeros(fresh, normals, level, denoiser):
    module, z = fresh(denoiser, n_conditions=3), normals(B, 6)
    assert torch.equal(module(z, level), module(z, level, torch.zeros(B, 3)))


@every_conditional
def test_every_weight_is_trained_with_a_condition(
    fresh, normals, level, assert_trainable, denoiser
):
    module, z = fresh(denoiser, n_conditions=3), normals(B, 6)
    given = normals(B, 3, seed=2)
    assert_trainable((module(z, level, given) * normals(B, 6, seed=1)).sum(), module)


@every_conditional
def test_conditions_of_no_width_change_nothing(fresh, normals, level, denoiser):
    module, z = fresh(denoiser), normals(B, 6)
    assert torch.equal(module(z, level), module(z, level, torch.zeros(B, 0)))
