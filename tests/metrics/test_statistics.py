import numpy as np
import pytest
import scipy.stats

from tsgen.metrics import (
    autocorrelation_difference,
    correlational_score,
    kurtosis_difference,
    marginal_density_difference,
    skewness_difference,
    spread_ratio,
)
from tsgen.metrics.statistics import autocorrelation, channel_correlation

COLLECTIONS = [
    autocorrelation_difference,
    correlational_score,
    kurtosis_difference,
    skewness_difference,
]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def first_order(n, length, correlation, rng):
    """Stationary series whose autocorrelation at lag l is correlation^l."""
    x = rng.normal(size=(n, length, 1))
    for t in range(1, length):
        x[:, t] = correlation * x[:, t - 1] + np.sqrt(1 - correlation**2) * x[:, t]
    return x


# closed form


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 2.0])
def test_the_spread_ratio_is_the_factor_of_the_spread(rng, factor):
    X = rng.normal(size=(20, 4, 2)) * [1, 100]
    assert spread_ratio(X, 7 + factor * X) == pytest.approx(factor)


def test_steps_that_are_constant_in_the_real_series_do_not_count(rng):
    X = rng.normal(size=(20, 4, 2))
    X[:, :2, 0] = 0.1
    Y = X.copy()
    Y[:, :2, 0] = rng.normal(size=(20, 2))
    assert spread_ratio(X, Y) == pytest.approx(1)


def test_a_mean_for_every_sample_is_seen_as_collapse(rng):
    X = rng.normal(size=(50, 4, 2))
    assert spread_ratio(X, np.repeat(X.mean(0, keepdims=True), 50, 0)) < 1e-9


@pytest.mark.parametrize(
    ("metric", "statistic"),
    [
        (skewness_difference, scipy.stats.skew),
        (kurtosis_difference, scipy.stats.kurtosis),
    ],
)
def test_shapes_of_values_are_those_of_scipy(metric, statistic, rng):
    X, Y = rng.normal(size=(20, 4, 2)), rng.exponential(size=(30, 4, 2))
    gaps = [
        abs(statistic(X[..., c], axis=None) - statistic(Y[..., c], axis=None))
        for c in range(2)
    ]
    assert metric(X, Y) == pytest.approx(np.mean(gaps))


def test_histograms_of_two_values_differ_by_their_shares():
    X = np.array([[0.0], [0.0], [1.0], [1.0]])
    Y = np.array([[0.0], [1.0], [1.0], [1.0]])
    assert marginal_density_difference(X, Y) == pytest.approx(0.5)


def test_values_beyond_the_real_range_count_in_full():
    X = np.linspace(0, 1, 50)[:, None]
    Y = np.concatenate([X[:25], X[:25] + 10])
    assert marginal_density_difference(X, Y, n_bins=1) == pytest.approx(1)


def test_more_bins_see_finer_differences():
    X = np.array([[0.0], [0.4], [0.6], [1.0]])
    Y = np.array([[0.0], [0.3], [0.7], [1.0]])
    assert marginal_density_difference(X, Y, n_bins=2) == 0
    assert marginal_density_difference(X, Y, n_bins=10) > 0


def test_taken_together_steps_may_change_places(rng):
    X = rng.normal(size=(50, 4, 2)) + np.arange(4)[:, None]
    assert marginal_density_difference(X, X[:, ::-1]) > 0.5
    assert marginal_density_difference(X, X[:, ::-1], by_step=False) == 0
    assert marginal_density_difference(X, X[:, :2], by_step=False) > 0


def test_the_autocorrelation_of_a_first_order_process_is_known(rng):
    X = first_order(5000, 20, 0.7, rng)
    expected = 0.7 ** np.arange(6)
    np.testing.assert_allclose(autocorrelation(X, 5)[:, 0], expected, atol=0.02)


def test_the_autocorrelation_equals_a_loop(rng):
    X = rng.normal(size=(7, 5, 2)) + 3
    centred = X - X.mean(axis=(0, 1))
    for lag in range(4):
        pairs = [
            centred[i, t] * centred[i, t + lag]
            for i in range(7)
            for t in range(5 - lag)
        ]
        expected = np.mean(pairs, axis=0) / (centred**2).mean(axis=(0, 1))
        np.testing.assert_allclose(autocorrelation(X, 3)[lag], expected)


def test_autocorrelations_differ_by_the_root_of_their_squares(rng):
    X, Y = first_order(30, 8, 0.7, rng), first_order(40, 8, 0.2, rng)
    gaps = (autocorrelation(X, 3) - autocorrelation(Y, 3))[1:, 0]
    ours = autocorrelation_difference(X, Y, max_lag=3)
    assert ours == pytest.approx(np.sqrt((gaps**2).sum()))


def test_lags_end_where_the_series_do(rng):
    X, Y = rng.normal(size=(2, 30, 8, 1))
    ends = autocorrelation_difference(X, Y, max_lag=7)
    assert autocorrelation_difference(X, Y) == ends
    assert autocorrelation_difference(X, Y, max_lag=3) < ends


def test_correlations_are_those_of_numpy(rng):
    X = rng.normal(size=(20, 4, 3))
    expected = np.corrcoef(X.reshape(-1, 3), rowvar=False)
    np.testing.assert_allclose(channel_correlation(X), expected)


def test_the_two_modes_are_a_sum_and_a_mean(rng):
    X, Y = rng.normal(size=(20, 4, 3)), rng.normal(size=(30, 4, 3))
    gaps = np.abs(channel_correlation(X) - channel_correlation(Y))
    pairs = gaps[np.tril_indices(3, -1)]
    assert correlational_score(X, Y) == pytest.approx(pairs.sum() / 10)
    assert correlational_score(X, Y, mode="sound") == pytest.approx(pairs.mean())


def test_a_constant_channel_is_correlated_with_nothing(rng):
    X = rng.normal(size=(20, 4, 3))
    X[..., 1] = 0.1
    correlation = channel_correlation(X)
    assert correlation[1].tolist() == [0, 1, 0]
    assert correlation[0, 2] == pytest.approx(
        np.corrcoef(X[..., [0, 2]].reshape(-1, 2).T)[0, 1]
    )
    assert channel_correlation(np.ones((3, 2, 2))).tolist() == [[1, 0], [0, 1]]


def test_pairs_with_a_constant_real_channel_leave_the_mean_alone(rng):
    X, Y = rng.normal(size=(2, 20, 4, 3))
    X[..., 1] = 0.1
    ours = correlational_score(X, Y, mode="sound")
    without = correlational_score(X[..., [0, 2]], Y[..., [0, 2]], mode="sound")
    assert ours == pytest.approx(without)


# property of a family


@pytest.mark.parametrize("metric", COLLECTIONS)
def test_a_list_of_equal_lengths_is_an_array(metric, rng):
    X, Y = rng.normal(size=(20, 6, 2)), rng.normal(size=(20, 6, 2))
    assert metric(list(X), list(Y)) == pytest.approx(metric(X, Y))


@pytest.mark.parametrize("metric", COLLECTIONS)
def test_series_of_unequal_length_are_one_set_of_values(metric, rng):
    X, Y = rng.normal(size=(20, 6, 2)), rng.normal(size=(20, 6, 2))
    ragged = [*X[:10], *X[10:, :4]]
    first = metric(ragged, Y)
    assert first == pytest.approx(metric(ragged[::-1], Y))
    assert first != metric(X, Y)


@pytest.mark.parametrize("metric", COLLECTIONS)
def test_synthetic_series_may_be_shorter(metric, rng):
    X = rng.exponential(size=(500, 12, 2)).cumsum(axis=2)
    Y = rng.exponential(size=(800, 8, 2)).cumsum(axis=2)
    assert metric(X, Y) < 0.5


def test_a_ragged_autocorrelation_pools_the_products(rng):
    X, Y = rng.normal(size=(6, 5, 1)), rng.normal(size=(6, 5, 1))
    ragged = [*X, *Y[:, :3]]
    values = np.concatenate([X.ravel(), Y[:, :3].ravel()])
    a, b = X[..., 0] - values.mean(), Y[:, :3, 0] - values.mean()
    products = np.concatenate(
        [(a[:, 2:] * a[:, :-2]).ravel(), (b[:, 2:] * b[:, :-2]).ravel()]
    )
    expected = products.mean() / values.var()
    assert autocorrelation([X, Y[:, :3]], 2)[2, 0] == pytest.approx(expected)
    assert autocorrelation_difference(ragged, ragged) == 0


@pytest.mark.parametrize("metric", COLLECTIONS)
def test_a_channel_that_is_constant_in_the_real_series_is_left_out(metric, rng):
    X, Y = rng.normal(size=(2, 20, 6, 3))
    X[..., 1] = 0.1
    options = {"mode": "sound"} if metric is correlational_score else {}
    without = metric(X[..., [0, 2]], Y[..., [0, 2]], **options)
    assert metric(X, Y, **options) == pytest.approx(without)


# refusals


@pytest.mark.parametrize(
    "metric", [autocorrelation_difference, kurtosis_difference, skewness_difference]
)
def test_a_constant_synthetic_channel_has_no_such_statistic(metric, rng):
    X, Y = rng.normal(size=(2, 20, 6, 2))
    Y[..., 1] = 0.1
    with pytest.raises(ValueError, match=r"constant channels \[1\]"):
        metric(X, Y)
    with pytest.raises(ValueError, match="X_real must have a channel that varies"):
        metric(np.ones((5, 4, 1)), Y[..., :1])


@pytest.mark.parametrize("metric", COLLECTIONS)
def test_channels_that_differ_are_refused(metric, rng):
    X = rng.normal(size=(20, 6, 2))
    with pytest.raises(ValueError, match="same channels, got n_channels"):
        metric(X, X[..., :1])
    with pytest.raises(ValueError, match="same channels, got n_channels"):
        metric([X[0], X[1, :3, :1]], X)


@pytest.mark.parametrize("metric", COLLECTIONS)
def test_a_bad_series_of_a_list_is_named(metric, rng):
    X = list(rng.normal(size=(5, 6, 2)))
    bad = [*X, np.full((3, 2), np.nan)]
    with pytest.raises(ValueError, match=r"X_synthetic\[5\] contains NaN"):
        metric(X, bad)


def test_one_channel_has_no_correlations(rng):
    with pytest.raises(ValueError, match="at least two channels"):
        correlational_score(*rng.normal(size=(2, 20, 6, 1)))


def test_another_mode_is_refused(rng):
    with pytest.raises(ValueError, match="mode must be"):
        correlational_score(*rng.normal(size=(2, 20, 6, 2)), mode="strict")


def test_one_step_has_no_autocorrelation(rng):
    with pytest.raises(ValueError, match="at least 2 time steps"):
        autocorrelation_difference(*rng.normal(size=(2, 20, 1, 2)))


def test_equal_real_series_have_no_spread_ratio(rng):
    with pytest.raises(ValueError, match="X_real must vary"):
        spread_ratio(np.full((5, 4, 2), 0.1), rng.normal(size=(5, 4, 2)))


@pytest.mark.parametrize("option", ["n_bins", "max_lag"])
def test_counts_below_one_are_refused(option, rng):
    metric = {
        "n_bins": marginal_density_difference,
        "max_lag": autocorrelation_difference,
    }
    with pytest.raises(ValueError, match=option):
        metric[option](*rng.normal(size=(2, 20, 6, 2)), **{option: 0})
