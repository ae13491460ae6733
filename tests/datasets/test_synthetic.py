import numpy as np
import pytest

from tsgen.datasets import make_regimes, make_sines, make_var

MAKERS = [make_sines, make_var, make_regimes]

# closed form


def test_a_sine_is_that_of_its_frequency_and_phase():
    sines = make_sines(5, 7, 3, random_state=0)
    f, p = sines.frequencies[4, 2], sines.phases[4, 2]
    expected = [(np.sin(f * t + p) + 1) / 2 for t in range(7)]
    np.testing.assert_allclose(sines.data[4, :, 2], expected)


def test_sines_draw_from_the_ranges_of_timegan_unless_told():
    sines = make_sines(2000, random_state=0)
    for values in (sines.frequencies, sines.phases):
        assert 0 <= values.min() < 0.001
        assert 0.099 < values.max() <= 0.1
    assert abs(np.corrcoef(sines.frequencies[:, 0], sines.phases[:, 0])[0, 1]) < 0.1
    other = make_sines(2000, frequency_range=(1, 2), phase_range=(3, 3), random_state=0)
    assert 1 <= other.frequencies.min() < 1.01
    assert 1.99 < other.frequencies.max() <= 2
    assert set(other.phases.flat) == {3}


def test_a_first_order_process_of_one_channel_has_the_known_moments():
    process = make_var(
        1, 4, 1, coefficients=[[[0.5]]], noise_covariance=[[3]], random_state=0
    )
    variance = 3 / (1 - 0.25)
    expected = variance * 0.5 ** np.arange(4)
    np.testing.assert_allclose(process.autocovariance[:, 0, 0], expected)
    assert process.spectral_radius == pytest.approx(0.5)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("radius", [0, 0.3, 0.95])
def test_a_drawn_process_has_the_radius_that_was_asked_for(order, radius):
    process = make_var(2, order=order, spectral_radius=radius, random_state=0)
    assert process.coefficients.shape == (order, 3, 3)
    assert process.spectral_radius == pytest.approx(radius, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_autocovariance_solves_the_yule_walker_equations(order):
    process = make_var(2, 9, 2, order=order, random_state=1)
    moments, A = process.autocovariance, process.coefficients

    def moment(h):
        return moments[h] if h >= 0 else moments[-h].T

    for h in range(9):
        expected = sum(A[j] @ moment(h - j - 1) for j in range(order))
        expected = expected + (process.noise_covariance if h == 0 else 0)
        np.testing.assert_allclose(moments[h], expected, atol=1e-9)


def test_every_regime_has_its_own_number_of_waves():
    means = make_regimes(1, 24, 2, n_regimes=4, random_state=0).means
    power = np.abs(np.fft.rfft(means[:, :, 0], axis=1))
    np.testing.assert_array_equal(power.argmax(axis=1), [1, 2, 3, 4])


# recovery


@pytest.mark.parametrize("order", [1, 2])
def test_series_have_the_autocovariance_at_every_step(order):
    covariance = [[1, 0.5], [0.5, 2]]
    process = make_var(
        40000,
        6,
        2,
        order=order,
        spectral_radius=0.7,
        noise_covariance=covariance,
        random_state=0,
    )
    X, moments = process.data, process.autocovariance
    scale = np.abs(moments[0]).max()
    for start, lag in [(0, 0), (5, 0), (0, 1), (4, 1), (0, 5)]:
        found = X[:, start + lag].T @ X[:, start] / len(X)
        np.testing.assert_allclose(found / scale, moments[lag] / scale, atol=0.03)


def test_coefficients_are_found_by_regression():
    process = make_var(20000, 8, 3, random_state=0)
    X = process.data
    before, after = X[:, :-1].reshape(-1, 3), X[:, 1:].reshape(-1, 3)
    found = np.linalg.lstsq(before, after)[0].T
    np.testing.assert_allclose(found, process.coefficients[0], atol=0.02)


def test_the_regime_tells_everything_but_the_noise():
    regimes = make_regimes(4000, noise=0.3, random_state=0)
    rest = regimes.data - regimes.means[regimes.target]
    assert rest.std() == pytest.approx(0.3, rel=0.01)
    flat = rest.reshape(len(rest), -1)
    correlations = np.corrcoef(flat.T) - np.eye(flat.shape[1])
    assert np.abs(correlations).max() < 0.08
    shares = np.bincount(regimes.target) / 4000
    np.testing.assert_allclose(shares, 0.25, atol=0.03)


def test_without_noise_there_are_as_many_series_as_regimes():
    regimes = make_regimes(200, n_regimes=3, noise=0, random_state=0)
    assert len(np.unique(regimes.data, axis=0)) == 3


# property of a family


@pytest.mark.parametrize("make", MAKERS)
def test_shapes_names_and_text_are_as_everywhere(make):
    made = make(5, 7, 4, random_state=0)
    assert made.data.shape == (5, 7, 4)
    assert made.data.dtype == np.float64
    assert len(made.channel_names) == 4
    assert "Licence" in made.DESCR


@pytest.mark.parametrize("make", MAKERS)
def test_an_int_gives_the_same_series_and_another_one_others(make):
    first, again, other = (make(5, random_state=seed).data for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


# refusals


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("name", ["n_samples", "n_timesteps", "n_channels"])
@pytest.mark.parametrize("bad", [0, 1.5, "2"])
def test_a_count_that_is_none_is_refused(make, name, bad):
    with pytest.raises((TypeError, ValueError), match=name):
        make(**{"n_samples": 2, name: bad})


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (make_sines, {"frequency_range": (1, 0)}, "frequency_range must be two"),
        (make_sines, {"phase_range": (0, np.inf)}, "phase_range must be two"),
        (make_sines, {"phase_range": 1}, "phase_range must be two"),
        (make_var, {"order": 0}, "order must be"),
        (make_var, {"spectral_radius": 1}, "spectral_radius must be in"),
        (make_var, {"coefficients": np.eye(3)}, "coefficients must have shape"),
        (make_var, {"coefficients": [np.eye(3)]}, "coefficients must be of a stat"),
        (make_var, {"noise_covariance": -np.eye(3)}, "noise_covariance must be"),
        (make_var, {"noise_covariance": np.eye(2)}, "noise_covariance must be"),
        (make_regimes, {"n_regimes": 0}, "n_regimes must be"),
        (make_regimes, {"noise": -1}, "noise must be a number"),
    ],
)
def test_an_option_out_of_range_is_refused(make, options, words):
    with pytest.raises(ValueError, match=words):
        make(2, **options)
