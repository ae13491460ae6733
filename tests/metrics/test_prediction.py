"""Train on synthetic series, test on real ones: tasks, scales, options, refusals."""

import numpy as np
import pytest

from tsgen.metrics import prediction
from tsgen.metrics.prediction import predictive_score
from tsgen.nn import critics

QUICK = {"n_iterations": 20, "random_state": 0}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def noise(rng):
    X = rng.normal(size=(2, 40, 6, 3))
    X.flags.writeable = False
    return X


def waves(n, rng, n_channels=1):
    phase = rng.uniform(0, 2 * np.pi, size=(n, 1, 1))
    steps = np.arange(12)[:, None] * 0.7 + np.arange(n_channels)
    return np.sin(phase + steps)


@pytest.mark.parametrize(("mode", "n_channels"), [("standard", 2), ("sound", 1)])
def test_real_dynamics_beat_shuffled_ones(mode, n_channels, rng):
    real, same = waves(100, rng, n_channels), waves(100, rng, n_channels)
    wrong = rng.permuted(same, axis=1)
    options = {"mode": mode, "n_iterations": 400, "random_state": 0, "hidden_size": 16}
    good, bad = (predictive_score(real, Y, **options) for Y in (same, wrong))
    assert good < 0.7 * bad


def test_the_error_of_a_constant_forecast_is_known(rng):
    X = rng.choice([3.0, 7.0], size=(200, 5, 1))  # 5 - 2, 5 + 2
    options = {"mode": "sound", "n_iterations": 300, "random_state": 0}
    score = predictive_score(X, np.full((50, 5, 1), X.mean()), **options)
    assert score == pytest.approx(1, abs=0.05)  # standard deviation


@pytest.mark.parametrize("mode", ["standard", "sound"])
def test_units_do_not_matter(mode, noise):
    options = {"mode": mode, **QUICK}
    units, origin = np.array([1e5, 1.0, 1e-3]), np.array([1.0, -7.0, 0.0])
    converted = [side * units + origin for side in noise]
    plain = predictive_score(*noise, **options)
    assert predictive_score(*converted, **options) == pytest.approx(plain, rel=1e-3)


def test_tasks_are_as_described(rng):
    X = rng.normal(size=(4, 5, 3))
    x, y = prediction._last_channel(X)
    np.testing.assert_array_equal(x, X[:, :4, :2])
    np.testing.assert_array_equal(y, X[:, 1:, 2:])
    x, y = prediction._all_channels(X)
    np.testing.assert_array_equal(x, X[:, :4])
    np.testing.assert_array_equal(y, X[:, 1:])


@pytest.mark.parametrize("mode", ["standard", "sound"])
def test_the_network_learns_from_synthetic_series_alone(mode, noise, monkeypatch):
    seen = {}

    def fit(inputs, targets, **options):
        seen.update(inputs=inputs, targets=targets, **options)
        return lambda x: x[:, :, -1:] * 0 if mode == "standard" else x * 0

    monkeypatch.setattr(critics, "fit_forecaster", fit)
    real, synthetic = noise[0], noise[1][:25]
    score = predictive_score(real, synthetic, mode=mode)
    assert (seen["n_iterations"], seen["batch_size"]) == (5000, 128)
    if mode == "standard":
        low, high = real.min((0, 1)), real.max((0, 1))
        assert score == pytest.approx(np.mean(((real - low) / (high - low))[:, 1:, -1]))
        assert seen["inputs"].shape == (25, 5, 2)
        assert seen["hidden_size"] == 1
        assert seen["bounded"]
        assert "validation" not in seen
    else:
        mean, std = real.mean((0, 1)), real.std((0, 1))
        assert score == pytest.approx(np.abs((real - mean) / std)[:, 1:].mean())
        assert seen["inputs"].shape == (20, 5, 3)
        assert seen["validation"][0].shape == (5, 5, 3)
        assert seen["hidden_size"] == 32
        assert not seen["bounded"]
        joined = np.concatenate([seen["inputs"], seen["validation"][0]])
        expected = ((synthetic - mean) / std)[:, :-1]
        np.testing.assert_allclose(np.sort(joined, 0), np.sort(expected, 0))


@pytest.mark.parametrize("mode", ["standard", "sound"])
@pytest.mark.parametrize(
    "options",
    [{"n_iterations": 5}, {"batch_size": 7}, {"hidden_size": 3}, {"random_state": 1}],
)
def test_every_option_changes_the_score(mode, options, noise):
    plain, again, other = (
        predictive_score(*noise, **{"mode": mode, **QUICK, **extra})
        for extra in ({}, {}, options)
    )
    assert plain == again != other
    assert type(plain) is float


def test_the_sound_mode_takes_one_channel_and_two_steps(rng):
    X, Y = rng.normal(size=(2, 15, 2))
    score = predictive_score(X, Y[:12], mode="sound", **QUICK)
    assert score == predictive_score(
        X[..., None], Y[:12, :, None], mode="sound", **QUICK
    )
    assert 0 < score < 3


def test_outliers_of_a_generator_do_no_harm(noise):
    Y = noise[1].copy()
    Y[0] = 1e200
    assert np.isfinite(predictive_score(noise[0], Y, mode="sound", **QUICK))


@pytest.mark.parametrize(
    ("cut", "options", "message"),
    [
        (np.s_[:, :1], {}, "X_real must have at least 2 time steps"),
        (np.s_[:, :1], {"mode": "sound"}, "X_real must have at least 2 time steps"),
        (np.s_[:, :, :1], {}, r'at least 2 channels.*n_channels = 1.*mode="sound"'),
        (np.s_[:9], {}, "X_real must hold at least 10 series"),
        (np.s_[:], {"mode": "best"}, "mode must be 'standard' or 'sound', got 'best'"),
        (np.s_[:], {"n_iterations": 0}, "n_iterations must be an integer"),
        (np.s_[:], {"batch_size": 0}, "batch_size must be an integer"),
        (np.s_[:], {"hidden_size": 0}, "hidden_size must be an integer"),
    ],
)
def test_what_cannot_be_scored_is_refused(cut, options, message, noise):
    with pytest.raises(ValueError, match=message):
        predictive_score(noise[0][cut], noise[1][cut], **options)
    with pytest.raises(ValueError, match="X_synthetic contains NaN"):
        predictive_score(noise[0], noise[1] * np.nan)
