import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from tsgen.nn.noise import (
    SCHEDULES,
    clean_from_noise,
    clean_from_velocity,
    diffuse,
    linear_alpha_bar,
    noise_from_clean,
    velocity,
)

every_schedule = pytest.mark.parametrize("schedule", SCHEDULES)
every_length = pytest.mark.parametrize("n_levels", [2, 10, 50, 1000, 4000])


# schedules


@every_schedule
@every_length
def test_there_is_an_entry_for_every_level(schedule, n_levels):
    assert SCHEDULES[schedule](n_levels).shape == (n_levels + 1,)


@every_schedule
@every_length
def test_level_0_keeps_everything(schedule, n_levels):
    assert SCHEDULES[schedule](n_levels)[0] == 1


@every_schedule
@every_length
def test_every_level_keeps_less_than_the_one_before(schedule, n_levels):
    alpha_bar = SCHEDULES[schedule](n_levels)
    assert (alpha_bar.diff() < 0).all()
    assert (alpha_bar.float().diff() < 0).all()


@every_schedule
@every_length
def test_the_last_level_is_nearly_noise_but_keeps_something(schedule, n_levels):
    assert 0 < SCHEDULES[schedule](n_levels)[-1] < 1e-3


def test_the_linear_schedule_is_that_of_ddpm():
    alpha = 1 - np.linspace(1e-4, 0.02, 1000)
    product = [math.prod(alpha[:level]) for level in range(1001)]
    np.testing.assert_allclose(linear_alpha_bar(1000), product, rtol=1e-12)


@every_schedule
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75])
def test_schedules_of_any_length_follow_one_path(schedule, share):
    short, long = (SCHEDULES[schedule](n_levels) for n_levels in (500, 4000))
    assert_close(short[int(share * 500)], long[int(share * 4000)], rtol=0.05, atol=0)


def test_the_cosine_schedule_is_a_squared_cosine_before_its_last_step():
    time = np.arange(1000) / 1000
    kept = np.cos((time + 0.008) / 1.008 * np.pi / 2) ** 2
    found = SCHEDULES["cosine"](1000)[:-1]
    np.testing.assert_allclose(found, kept / kept[0], rtol=1e-9)


# the forward process


@pytest.mark.parametrize("kept", [1.0, 0.7, 0.01])
def test_the_forward_process_has_the_moments_of_equation_11(normals, kept):
    eps = normals(20_000, 1)
    z = diffuse(torch.full_like(eps, 3.0), torch.full((20_000,), kept), eps)
    spread = math.sqrt(1 - kept)
    # alpha = 1e-5, two-sided: 4.42 standard errors
    assert abs(z.mean().item() - 3 * math.sqrt(kept)) <= 4.42 * spread / 141 + 1e-5
    assert abs(z.std().item() - spread) <= 4.42 * spread / 200 + 1e-5


@pytest.mark.parametrize("kept", [1.0, 0.7, 0.01])
def test_the_forward_process_keeps_unit_variance(normals, kept):
    z0, eps = normals(2, 20_000, 1)
    z = diffuse(z0, torch.full((20_000,), kept), eps)
    assert abs(z.std().item() - 1) < 4.42 / 200


def test_every_row_has_a_level_of_its_own():
    z0, eps = torch.tensor([[2.0], [2.0]]), torch.tensor([[10.0], [10.0]])
    z = diffuse(z0, torch.tensor([1.0, 0.36]), eps)
    assert_close(z, torch.tensor([[2.0], [0.6 * 2 + 0.8 * 10]]))


def test_many_forward_steps_equal_one(normals):
    """Composing eq. 3 over all levels has the moments of eq. 11."""
    alpha_bar = linear_alpha_bar(20)
    alpha = alpha_bar[1:] / alpha_bar[:-1]
    gain, variance = 1.0, 0.0
    for a in alpha.tolist():
        gain, variance = gain * math.sqrt(a), a * variance + 1 - a
    assert_close(gain, alpha_bar[-1].sqrt().item())
    assert_close(variance, 1 - alpha_bar[-1].item())


# inverses


@pytest.fixture
def noisy(normals):
    z0, eps = normals(2, 50, 3, dtype=torch.float64)
    kept = linear_alpha_bar(100)[torch.arange(50) * 2 + 1]
    return z0, kept, eps, diffuse(z0, kept, eps)


def test_the_velocity_gives_back_the_clean_latent(noisy):
    z0, kept, eps, z = noisy
    assert_close(clean_from_velocity(z, kept, velocity(z0, kept, eps)), z0)


def test_the_noise_gives_back_the_clean_latent(noisy):
    z0, kept, eps, z = noisy
    assert_close(clean_from_noise(z, kept, eps), z0)


def test_the_clean_latent_gives_back_the_noise(noisy):
    z0, kept, eps, z = noisy
    assert_close(noise_from_clean(z, kept, z0), eps)


def test_velocity_and_latent_are_a_rotation_of_noise_and_clean_latent(noisy):
    z0, kept, eps, z = noisy
    v = velocity(z0, kept, eps)
    assert_close(z.square() + v.square(), z0.square() + eps.square())


def test_level_0_has_no_noise_to_give_back(normals):
    z = normals(4, 3)
    assert not noise_from_clean(z, torch.ones(4), z + 1).any()


def test_level_0_is_clean_for_both_predictions(normals):
    z, prediction = normals(2, 4, 3)
    for invert in (clean_from_velocity, clean_from_noise):
        assert torch.equal(invert(z, torch.ones(4), prediction), z)
