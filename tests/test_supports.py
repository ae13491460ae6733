"""The values of discrete channels: learned, recognised, exact in both directions."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tsgen._scaling import SeriesScaler
from tsgen._supports import MAX_VALUES, Support, Supports


@pytest.fixture
def X():
    """Return series of a stepped, a continuous and a counted channel: (50, 4, 3)."""
    rng = np.random.default_rng(0)
    steps = rng.choice([0.1, 0.2, 0.7], size=(50, 4), p=[0.5, 0.25, 0.25])
    return np.stack([steps, rng.normal(size=(50, 4)), rng.poisson(2, (50, 4))], axis=2)


@pytest.fixture
def supports(X):
    return Supports([Support.of(X[:, :, 0]), None, Support.of(X[:, :, 2])])


def test_values_increase_and_have_their_shares(X, supports):
    values, shares = supports.channels[0]
    assert_array_equal(values, [0.1, 0.2, 0.7])
    assert_array_equal(shares, [(X[:, :, 0] == value).mean() for value in values])
    assert supports.sizes == (3, 0, len(np.unique(X[:, :, 2])))


def test_missing_entries_are_no_value():
    support = Support.of(np.array([[1.0, np.nan], [2.0, 2.0]]))
    assert_array_equal(support.values, [1, 2])
    assert_array_equal(support.shares, [1 / 3, 2 / 3])


def test_without_discrete_channels_nothing_happens(X):
    supports = Supports([None] * 3)
    assert supports.sizes == ()
    assert supports.arrays() == {}
    assert supports.nearest(X) is X
    assert supports.checked(X) is X


def test_series_become_exact_and_are_not_changed(X, supports):
    single = X.astype(np.float32)
    before = single.copy()
    found = supports.checked(single)
    assert_array_equal(found[..., [0, 2]], X[..., [0, 2]])
    assert_array_equal(found[..., 1], single[..., 1])
    assert_array_equal(single, before)


def test_gaps_stay(X, supports):
    X[0, :, :] = np.nan
    assert_array_equal(supports.checked(X), X)


def test_another_value_is_refused_with_its_channel(X, supports):
    X[3, 1, 0] = 0.3
    message = r"the discrete channel 0, got 1 that are not, the first is 0\.3"
    with pytest.raises(ValueError, match=message):
        supports.checked(X)


@pytest.mark.parametrize("value", [-1e9, 1e9, 0.1001])
def test_any_other_value_is_refused(X, supports, value):
    X[0, 0, 0] = value
    with pytest.raises(ValueError, match="discrete channel 0"):
        supports.checked(X)


def test_many_values_are_a_problem():
    support = Support.of(np.arange(MAX_VALUES + 1.0))
    assert support.problem() == "at most 256 values, got 257"
    assert Support.of(np.arange(float(MAX_VALUES))).problem() is None


@pytest.mark.parametrize("values", [[0, 1, 1e9], [1e-9, 1.0, 1.0 + 1e-7]])
def test_values_that_float32_cannot_tell_apart_are_a_problem(values):
    assert "differ by 1e-06 of the largest" in Support.of(np.array(values)).problem()


@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e299])
def test_scaling_there_and_back_in_float32_is_exact(X, unit):
    X = unit * X
    supports = Supports([Support.of(X[:, :, 0]), None, Support.of(X[:, :, 2])])
    scaler = SeriesScaler(supports).fit(X)
    back = scaler.inverse_transform(scaler.transform(X).astype(np.float32))
    assert_array_equal(back[..., [0, 2]], X[..., [0, 2]])


def test_what_comes_back_is_a_value(X, supports):
    scaler = SeriesScaler(supports).fit(X)
    Z = np.random.default_rng(1).normal(size=(200, 3))
    back = scaler.inverse_transform(Z)
    assert set(back[:, 0]) == {0.1, 0.2, 0.7}
    assert len(np.unique(back[:, 1])) == 200


def test_tables_end_with_repeats_that_have_no_share(supports):
    values, shares = supports.table()
    assert values.shape == shares.shape == (max(supports.sizes), 3)
    assert_array_equal(values[2:, 0], 0.7)
    assert_array_equal(shares[3:, 0], 0)
    assert not values[:, 1].any()
    np.testing.assert_allclose(shares.sum(axis=0), [1, 0, 1])


def test_supports_are_made_again_from_their_arrays(supports):
    again = Supports.restored(list(supports.sizes), supports.arrays())
    assert again.sizes == supports.sizes
    for channel, support in supports.discrete.items():
        for one, other in zip(support, again.discrete[channel], strict=True):
            assert_array_equal(one, other)
    assert Supports.restored([], {}).sizes == ()


BAD_ARRAYS = {
    "too short": {"values": [1.0], "shares": [1.0]},
    "too long": {"values": [1.0, 2.0, 3.0], "shares": [0.3, 0.3, 0.4]},
    "not finite": {"values": [1.0, np.inf], "shares": [0.5, 0.5]},
    "falling": {"values": [2.0, 1.0], "shares": [0.5, 0.5]},
    "without a share": {"values": [1.0, 2.0], "shares": [1.0, 0.0]},
    "shares missing": {"values": [1.0, 2.0], "shares": [1.0]},
}


@pytest.mark.parametrize("arrays", BAD_ARRAYS.values(), ids=BAD_ARRAYS.keys())
def test_other_arrays_are_refused(arrays):
    arrays = {name: np.array(array) for name, array in arrays.items()}
    with pytest.raises(ValueError, match="supports must"):
        Supports.restored([0, 2], arrays)


def test_a_problem_shows_plain_numbers():
    problem = Support.of(np.array([1e9, 1e9 + 1])).problem()
    assert "got 1000000000.0 and 1000000001.0 where" in problem
