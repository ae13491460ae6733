"""Recovery: on data whose truth is known, the generators find it. Slow."""

import numpy as np
import pytest

from tsgen import (
    BlockBootstrapGenerator,
    GaussianGenerator,
    LatentDiffusionGenerator,
    StablePosteriorGenerator,
)
from tsgen.metrics import sliced_wasserstein_distance, spread_ratio

pytestmark = pytest.mark.slow


def two_regimes(n_samples, seed):
    """Draw slow large waves and fast small ones, half and half: (n, 16, 2)."""
    rng = np.random.default_rng(seed)
    fast = rng.integers(0, 2, size=(n_samples, 1, 1))
    phase = rng.uniform(0, 2 * np.pi, size=(n_samples, 1, 1))
    t = np.arange(16)[:, None]
    wave = np.sin(np.where(fast, 1.5, 0.3) * t + phase + [0.0, 1.0])
    noise = rng.normal(scale=0.05, size=wave.shape)
    return np.where(fast, 0.5, 2.0) * wave + noise


@pytest.fixture(
    scope="module", params=[StablePosteriorGenerator, LatentDiffusionGenerator]
)
def fitted(request):
    generator = request.param(max_iter=60, prior_max_iter=60, random_state=0)
    return generator.fit(two_regimes(2000, seed=0))


@pytest.fixture(scope="module")
def distance():
    X_test = two_regimes(1000, seed=1)
    return lambda X: sliced_wasserstein_distance(X_test, X, random_state=0)


def test_samples_come_near_the_floor(fitted, distance):
    floor = distance(two_regimes(1000, seed=2))
    assert distance(fitted.sample(1000)) < 1.5 * floor + 0.05


@pytest.mark.parametrize("other", [BlockBootstrapGenerator, GaussianGenerator])
def test_samples_beat_a_generator_without_a_network(fitted, distance, other):
    dummy = other(random_state=0).fit(two_regimes(2000, seed=0))
    assert distance(fitted.sample(1000)) < distance(dummy.sample(1000))


def test_samples_have_the_spread_of_the_series(fitted):
    spread = spread_ratio(two_regimes(1000, seed=1), fitted.sample(1000))
    assert spread == pytest.approx(1, abs=0.1)


def test_both_regimes_are_drawn(fitted):
    large = fitted.sample(1000)[:, :, 0].std(axis=1) > 0.8
    real = two_regimes(1000, seed=1)[:, :, 0].std(axis=1) > 0.8
    assert large.mean() == pytest.approx(real.mean(), abs=0.1)


def test_series_unlike_the_training_series_score_lower(fitted):
    X = two_regimes(200, seed=1)
    assert fitted.score(X) > fitted.score(X[:, ::-1] + 1) + 10


def test_strided_sampling_is_as_good_as_the_full_chain(fitted, distance):
    strided = distance(fitted.sample(1000, random_state=0))
    fitted.set_params(n_sampling_steps=1000)
    full = distance(fitted.sample(1000, random_state=0))
    fitted.set_params(n_sampling_steps=50)
    assert strided < full + 0.03


def test_the_stable_posterior_keeps_listening_where_latent_diffusion_stops():
    X = two_regimes(2000, seed=0).cumsum(axis=1)
    options = {"max_iter": 30, "prior_max_iter": 0, "random_state": 0}
    stable = StablePosteriorGenerator(**options).fit(X)
    plain = LatentDiffusionGenerator(**options).fit(X)
    assert own_against_foreign_latent(stable, X) > own_against_foreign_latent(plain, X)


def own_against_foreign_latent(generator, X):
    """Correlation of series with what is decoded from their own latents' means."""
    decoded = generator.inverse_transform(generator.transform(X))
    return np.corrcoef(decoded[:, -1].ravel(), X[:, -1].ravel())[0, 1]
