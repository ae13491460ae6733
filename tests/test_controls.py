import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsgen.datasets import shuffle_timesteps


@pytest.fixture
def walks():
    """Return 200 random walks of 100 steps: (200, 100, 2)."""
    steps = np.random.default_rng(0).normal(size=(200, 100, 2))
    return steps.cumsum(axis=1)


def lag_one(X):
    """Correlation of neighbouring steps, averaged over series and channels."""
    centred = X - X.mean(axis=1, keepdims=True)
    products = (centred[:, 1:] * centred[:, :-1]).mean(axis=1)
    return (products / centred.var(axis=1)).mean()


def test_a_long_frame_keeps_all_channels(walks):
    pandas = pytest.importorskip("pandas")
    frames = {k: pandas.DataFrame(x) for k, x in enumerate(walks[:5])}
    found = shuffle_timesteps(pandas.concat(frames), random_state=0)
    np.testing.assert_array_equal(found, shuffle_timesteps(walks[:5], random_state=0))


# property of a family


@settings(max_examples=50, deadline=None)
@given(
    n_samples=st.integers(1, 6),
    n_timesteps=st.integers(1, 9),
    n_channels=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_every_series_keeps_its_steps_whole(n_samples, n_timesteps, n_channels, seed):
    shape = (n_samples, n_timesteps, n_channels)
    X = np.arange(np.prod(shape)).reshape(shape)  # rows ascend and all differ
    shuffled = shuffle_timesteps(X, random_state=seed)
    order = shuffled[:, :, 0].argsort(axis=1)
    restored = np.take_along_axis(shuffled, order[:, :, None], axis=1)
    np.testing.assert_array_equal(restored, X)


def test_the_channels_of_a_step_stay_together(walks):
    X = np.concatenate([walks, -walks], axis=2)
    shuffled = shuffle_timesteps(X, random_state=0)
    np.testing.assert_array_equal(shuffled[:, :, :2], -shuffled[:, :, 2:])


def test_series_get_orders_of_their_own():
    X = np.tile(np.arange(10), (20, 1))
    assert len(np.unique(shuffle_timesteps(X, random_state=0), axis=0)) == 20


def test_every_order_of_three_steps_is_equally_likely():
    X = np.tile(np.arange(3), (6000, 1))
    orders, counts = np.unique(
        shuffle_timesteps(X, random_state=0), axis=0, return_counts=True
    )
    assert len(orders) == 6
    assert np.abs(counts - 1000).max() < 150  # five standard deviations


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int8, bool])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3)])
def test_shape_and_dtype_are_those_that_came(shape, dtype):
    shuffled = shuffle_timesteps(np.ones(shape, dtype=dtype), random_state=0)
    assert shuffled.shape == shape
    assert shuffled.dtype == dtype


@pytest.mark.parametrize("convert", [list, np.ndarray.tolist, torch.from_numpy])
def test_what_is_no_array_becomes_one_of_floats(convert, walks):
    for X in (walks, walks[:, :, 0]):
        shuffled = shuffle_timesteps(convert(X), random_state=0)
        np.testing.assert_array_equal(shuffled, shuffle_timesteps(X, random_state=0))


# identity


def test_an_int_seed_gives_the_same_orders_every_time(walks):
    first, again = (shuffle_timesteps(walks, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("other", [1, None])
def test_another_seed_gives_other_orders(other, walks):
    first = shuffle_timesteps(walks, random_state=0)
    assert not np.array_equal(first, shuffle_timesteps(walks, random_state=other))


def test_the_series_that_came_are_left_alone(walks):
    before = walks.copy()
    shuffle_timesteps(walks, random_state=0)[:] = 0
    np.testing.assert_array_equal(walks, before)


def test_series_of_one_step_stay_as_they_are():
    X = np.arange(6.0).reshape(3, 1, 2)
    np.testing.assert_array_equal(shuffle_timesteps(X, random_state=0), X)


# recovery


def test_no_memory_of_a_random_walk_is_left(walks):
    assert lag_one(walks) > 0.8
    expected = -1 / 99  # of steps drawn without replacement
    assert abs(lag_one(shuffle_timesteps(walks, random_state=0)) - expected) < 0.02


# refusals


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((2, 3, 4, 5)), np.zeros((0, 3))])
def test_what_are_no_series_are_refused(bad):
    with pytest.raises(ValueError, match="X must have shape"):
        shuffle_timesteps(bad)


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match="X contains NaN"):
        shuffle_timesteps([[0.0, np.nan]])


def test_a_bad_random_state_is_refused():
    with pytest.raises(ValueError, match="seed"):
        shuffle_timesteps(np.zeros((2, 3)), random_state="no seed")
