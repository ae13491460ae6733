import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tsgen._conditions import missing_entries
from tsgen._reading import parts as parts_module
from tsgen._reading.parts import channel_range, float_type, in_parts, read
from tsgen._reading.values import LARGEST, check_observed, check_values
from tsgen._scaling import SeriesScaler


@pytest.fixture
def small_parts(monkeypatch):
    """Let a part hold three series of six steps and two channels."""
    monkeypatch.setattr(parts_module, "MAX_ENTRIES", 40)


@pytest.fixture
def gappy(X):
    X = X.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    return X


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ">f8", ">f4", "i2"])
def test_parts_make_up_the_whole(X, dtype, order, small_parts):
    X = X.astype(dtype, order=order)
    found = list(in_parts(X))
    assert [rows.stop - rows.start for rows, _ in found] == [3] * 13 + [1]
    assert all(part.flags.c_contiguous for _, part in found)
    assert {part.dtype for _, part in found} == {float_type(X)}
    assert_array_equal(np.concatenate([part for _, part in found]), X)


def test_a_series_longer_than_a_part_is_read_as_a_whole(X, monkeypatch):
    monkeypatch.setattr(parts_module, "MAX_ENTRIES", 5)
    assert [len(part) for _, part in in_parts(X)] == [1] * len(X)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_parts_of_an_array_in_memory_are_no_copies(X, dtype):
    X = X.astype(dtype)
    assert all(np.shares_memory(part, X) for _, part in in_parts(X))


def test_numbers_too_large_for_float64_become_infinite():
    X = np.full((1, 1, 1), np.longdouble(10) ** 400)
    if not np.isfinite(X).all():
        pytest.skip("this platform has no longer floats")
    assert_array_equal(read(X, slice(1)), [[[np.inf]]])


# What is measured on parts


def test_the_range_leaves_missing_values_out(gappy, small_parts):
    gappy[:4, :, 0] = np.nan  # more than a part
    low, high = channel_range(gappy)
    assert_array_equal(low, np.nanmin(gappy, axis=(0, 1)))
    assert_array_equal(high, np.nanmax(gappy, axis=(0, 1)))


def test_the_range_of_nothing_is_missing(X):
    X = X.copy()
    X[:, :, 1] = np.nan
    assert_array_equal(np.isnan(channel_range(X)), [[False, True]] * 2)


def test_moments_do_not_depend_on_the_parts(gappy, monkeypatch):
    gappy[:4, :, 0] = np.nan  # more than a part
    found = []
    for size in (40, 100, 10**6):
        monkeypatch.setattr(parts_module, "MAX_ENTRIES", size)
        found.append(SeriesScaler().fit(gappy))
    for scaler in found:
        assert_allclose(scaler.mean_, np.nanmean(gappy, axis=(0, 1)), rtol=1e-13)
        assert_allclose(scaler.scale_, np.nanstd(gappy, axis=(0, 1)), rtol=1e-13)


@pytest.mark.parametrize("value", [0.1, -7.3e250, 1e-320])
def test_a_constant_in_many_parts_has_no_spread(X, value, small_parts):
    X = X.copy()
    X[:, :, 1] = value
    scaler = SeriesScaler().fit(X)
    assert_array_equal(scaler.constant_, [False, True])
    assert scaler.mean_[1] == value


def test_gaps_in_one_part_are_found(X, small_parts):
    lengths = np.full(len(X), 6)
    assert missing_entries(X, lengths) is None
    X = X.copy()
    X[20, 2, 1] = np.nan
    assert_array_equal(np.argwhere(missing_entries(X, lengths)), [[20, 2, 1]])
    lengths[20] = 2
    assert missing_entries(X, lengths) is None


# What is checked on parts


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({(38, 5, 0): np.nan, (7, 1, 1): np.inf}, "NaN and infinity: 2 of 480"),
        ({(7, 1, 1): np.nan, (38, 5, 0): np.nan}, "NaN: 2 of 480"),
        ({(7, 1, 1): -np.inf, (8, 0, 0): 2 * LARGEST}, "infinity: 1 of 480"),
        ({(7, 1, 1): -2 * LARGEST, (7, 2, 0): 2 * LARGEST}, r"1e\+300: 2 of 480"),
    ],
)
def test_values_are_counted_over_all_parts(X, small_parts, bad, message):
    X = X.copy()
    for place, value in bad.items():
        X[place] = value
    with pytest.raises(ValueError, match=rf"{message} .*= \(7, 1, 1\)"):
        check_values(X, "X")


def test_missing_values_are_allowed_beside_others(X, small_parts):
    X = X.copy()
    X[7, 1, 1] = np.nan
    check_values(X, "X", missing="mask")
    X[38, 5, 0] = np.inf
    with pytest.raises(ValueError, match=r"infinity: 1 of 480 .*= \(38, 5, 0\)"):
        check_values(X, "X", missing="mask")


def test_every_series_and_channel_must_have_a_value(X, small_parts):
    X = X.copy()
    X[30] = np.nan
    with pytest.raises(ValueError, match=r"1 of 40, the first is series 30"):
        check_observed(X, "X", channels=True)
    X[30] = 0.0
    X[:, :, 1] = np.nan
    check_observed(X, "X", channels=False)
    with pytest.raises(ValueError, match=r"1 of 2, the first is channel 1"):
        check_observed(X, "X", channels=True)
