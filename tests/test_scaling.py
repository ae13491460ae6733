import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from tsgen._scaling import SeriesScaler
from tsgen.exceptions import ConstantInputWarning

few = settings(max_examples=50, deadline=None, derandomize=True)
shapes = st.tuples(st.integers(2, 6), st.integers(1, 8), st.integers(1, 3))


@pytest.fixture
def X():
    return np.random.default_rng(0).normal([5, -2, 0], [1, 30, 0.1], (200, 10, 3))


@pytest.fixture
def half_constant(X):
    X[:, :, 1] = 0.1  # its naive standard deviation is 1.4e-17
    return X


def fit_quietly(X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return SeriesScaler().fit(X)


# Standardisation


def test_channels_get_mean_0_and_standard_deviation_1(X):
    Z = SeriesScaler().fit(X).transform(X)
    assert_allclose(Z.mean(axis=(0, 1)), 0, atol=1e-12)
    assert_allclose(Z.std(axis=(0, 1)), 1, rtol=1e-12)


def test_mean_and_scale_are_those_of_the_channels(X):
    scaler = SeriesScaler().fit(X)
    assert_allclose(scaler.mean_, X.mean(axis=(0, 1)), rtol=1e-12)
    assert_allclose(scaler.scale_, X.std(axis=(0, 1)), rtol=1e-12)


def test_the_inverse_returns_the_series(X):
    scaler = SeriesScaler().fit(X)
    assert_allclose(scaler.inverse_transform(scaler.transform(X)), X, atol=1e-13)


def test_other_data_are_scaled_by_the_moments_of_the_fit(X):
    scaler = SeriesScaler().fit(X)
    Z = scaler.transform(X[:1] + scaler.scale_)
    assert_allclose(Z, scaler.transform(X[:1]) + 1, rtol=1e-12)


def test_a_single_step_can_be_scaled(X):
    scaler = SeriesScaler().fit(X)
    assert_array_equal(scaler.transform(X[0, 0]), scaler.transform(X)[0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_directions_return_float64(X, dtype):
    scaler = SeriesScaler().fit(X.astype(dtype))
    Z = scaler.transform(X.astype(dtype))
    assert Z.dtype == np.float64
    assert scaler.inverse_transform(Z.astype(np.float32)).dtype == np.float64


def test_float32_is_measured_in_float64(X):
    single = X.astype(np.float32)
    found, wanted = (SeriesScaler().fit(x) for x in (single, single.astype(np.float64)))
    assert_array_equal(found.mean_, wanted.mean_)
    assert_array_equal(found.scale_, wanted.scale_)


def test_attributes_are_float64_per_channel(X):
    scaler = SeriesScaler().fit(X.astype(np.float32))
    for values in (scaler.mean_, scaler.scale_, scaler.unit_):
        assert values.shape == (3,)
        assert values.dtype == np.float64


# R13: magnitudes


@pytest.mark.parametrize("factor", [1e-300, 1e-150, 1e-30, 1e30, 1e200, 1e298])
def test_any_magnitude_gives_the_same_scaled_series(X, factor):
    Z = SeriesScaler().fit(X).transform(X)
    scaled = X * factor
    assert_allclose(SeriesScaler().fit(scaled).transform(scaled), Z, atol=1e-9)


def test_numbers_near_1e_minus_320_keep_the_digits_they_have():
    X = np.random.default_rng(0).normal(size=(200, 10, 1))
    Z = SeriesScaler().fit(X * 1e-320).transform(X * 1e-320)
    assert_allclose(Z, SeriesScaler().fit(X).transform(X), atol=1e-3)


def test_subnormal_numbers_are_told_apart():
    X = np.array([0.0, 5e-324, 1e-323]).reshape(3, 1, 1)
    Z = SeriesScaler().fit(X).transform(X)
    assert_allclose(Z.ravel(), [-np.sqrt(1.5), 0, np.sqrt(1.5)], rtol=1e-12)


def test_noise_on_a_large_offset_keeps_its_standard_deviation():
    X = 1e9 + np.random.default_rng(0).normal(size=(2000, 50, 1))
    Z = SeriesScaler().fit(X).transform(X)
    assert_allclose([Z.mean(), Z.std()], [0, 1], atol=1e-6)


def test_a_large_offset_comes_back():
    X = 1e9 + np.random.default_rng(0).normal(size=(50, 10, 1))
    scaler = SeriesScaler().fit(X)
    assert_allclose(scaler.inverse_transform(scaler.transform(X)), X, rtol=1e-15)


def test_the_whole_range_up_to_1e300_neither_overflows_nor_warns():
    X = np.array([-1e300, 1e300, 0.0, 1e-320]).reshape(2, 2, 1)
    scaler = SeriesScaler().fit(X)
    assert_allclose(
        scaler.inverse_transform(scaler.transform(X)), X, rtol=1e-15, atol=1e285
    )


def test_values_far_outside_the_data_do_not_overflow_on_the_way_back():
    scaler = SeriesScaler().fit(np.array([-1e300, 1e300]).reshape(2, 1, 1))
    assert_allclose(scaler.inverse_transform(np.array([[1e7]])), [[1e307]])


@few
@given(
    X=arrays("f8", shapes, elements=st.floats(-1e300, 1e300)),
)
def test_every_series_is_scaled_to_finite_values_and_comes_back(X):
    scaler = fit_quietly(X)
    Z = scaler.transform(X)
    assert np.isfinite(Z).all()
    largest = np.abs(X).max(axis=(0, 1))
    error = np.abs(scaler.inverse_transform(Z) - X)
    assert (error <= 1e-14 * largest + 1e-323).all()


@few
@given(
    exponent=st.integers(-30, 30),
    offset=st.floats(-100, 100),
    sign=st.sampled_from([-1, 1]),
)
def test_scaled_series_do_not_depend_on_the_unit(exponent, offset, sign):
    X = np.random.default_rng(0).normal(size=(5, 6, 2))
    factor = sign * 10.0**exponent
    Y = factor * (X + offset)
    Z = SeriesScaler().fit(X).transform(X)
    assert_allclose(SeriesScaler().fit(Y).transform(Y), sign * Z, atol=1e-9)


# R8, R9: constants


def test_a_constant_channel_becomes_exactly_0(half_constant):
    Z = SeriesScaler().fit(half_constant).transform(half_constant)
    assert (Z[:, :, 1] == 0).all()


def test_a_constant_channel_is_0_for_other_values_too(half_constant):
    scaler = SeriesScaler().fit(half_constant)
    assert_array_equal(scaler.transform(half_constant + 1e30)[:, :, 1], 0)


def test_the_other_channels_are_standardised(half_constant):
    Z = SeriesScaler().fit(half_constant).transform(half_constant)
    assert_allclose(Z.std(axis=(0, 1)), [1, 0, 1], rtol=1e-12)


def test_constant_channels_are_marked(half_constant):
    scaler = SeriesScaler().fit(half_constant)
    assert_array_equal(scaler.constant_, [False, True, False])
    assert scaler.scale_[1] == 0


@few
@given(value=st.floats(-1e300, 1e300), noise=st.floats(-1e6, 1e6))
def test_a_constant_comes_back_exactly_from_any_noise(value, noise):
    scaler = fit_quietly(np.full((3, 4, 1), value))
    assert_array_equal(scaler.inverse_transform(np.full((2, 4, 1), noise)), value)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e-320, 1e300])
def test_data_that_do_not_vary_give_a_warning(value):
    with pytest.warns(ConstantInputWarning, match="constant in every channel"):
        SeriesScaler().fit(np.full((3, 4, 2), value))


def test_a_single_value_gives_a_warning():
    with pytest.warns(ConstantInputWarning):
        SeriesScaler().fit(np.ones((1, 1, 1)))


def test_the_warning_points_at_the_caller_of_the_estimator():
    def fit(X):
        return SeriesScaler().fit(X)

    with pytest.warns(ConstantInputWarning) as caught:
        fit(np.ones((3, 4, 1)))
    assert caught[0].filename == __file__


def test_one_constant_channel_gives_no_warning(half_constant):
    SeriesScaler().fit(half_constant)


def test_the_smallest_possible_variation_is_not_constant():
    X = np.array([0.1, np.nextafter(0.1, 1)]).reshape(2, 1, 1)
    assert_array_equal(SeriesScaler().fit(X).constant_, [False])


# Likelihoods


def test_the_log_volume_is_that_of_the_scales(X):
    scaler = SeriesScaler().fit(X)
    assert_allclose(scaler.log_volume(), np.log(scaler.scale_).sum(), rtol=1e-12)


def test_the_log_volume_leaves_constant_channels_out(half_constant):
    scaler = SeriesScaler().fit(half_constant)
    wanted = np.log(scaler.scale_[[0, 2]]).sum()
    assert_allclose(scaler.log_volume(), wanted, rtol=1e-12)


@pytest.mark.parametrize("factor", [2.0**-1000, 2.0**900])
def test_the_log_volume_grows_with_the_log_of_the_unit(X, factor):
    change = (
        SeriesScaler().fit(X * factor).log_volume() - SeriesScaler().fit(X).log_volume()
    )
    assert_allclose(change, 3 * np.log(factor), rtol=1e-12)


def test_the_log_volume_of_constants_is_0():
    assert fit_quietly(np.ones((2, 3, 2))).log_volume() == 0


# R19: memory


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_input_is_unchanged(X, dtype):
    X = X.astype(dtype)
    before = X.copy()
    scaler = SeriesScaler().fit(X)
    Z = scaler.transform(X)
    kept = Z.copy()
    scaler.inverse_transform(Z)
    assert_array_equal(X, before)
    assert_array_equal(Z, kept)


def test_the_result_never_shares_memory_with_the_input():
    X = np.array([-1.0, 1.0]).reshape(2, 1, 1)
    assert not np.shares_memory(SeriesScaler().fit(X).transform(X), X)
