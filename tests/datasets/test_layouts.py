"""Series in the layout of aeon: channels before time, arrays and lists."""

import numpy as np
import pandas as pd
import pytest
import torch

from tsgen import GaussianGenerator
from tsgen.datasets import from_aeon, to_aeon


def is_numpy3d(X, n_cases, n_channels, n_timepoints):
    """aeon: an array of three axes, (n_cases, n_channels, n_timepoints)."""
    return type(X) is np.ndarray and X.shape == (n_cases, n_channels, n_timepoints)


def is_np_list(X, n_channels, n_timepoints):
    """aeon: a list of arrays, each (n_channels, n_timepoints_i), channels the same."""
    return type(X) is list and [(type(x), x.shape) for x in X] == [
        (np.ndarray, (n_channels, n)) for n in n_timepoints
    ]


def random_list(rng):
    n_channels = rng.integers(1, 5)
    lengths = rng.integers(1, 9, size=rng.integers(1, 6))
    return [rng.normal(size=(length, n_channels)) for length in lengths]


def same_lists(ours, theirs):
    return all(map(np.array_equal, ours, theirs)) and len(ours) == len(theirs)


# closed form


def test_an_array_becomes_numpy3d_value_by_value():
    X = np.random.default_rng(0).normal(size=(4, 7, 3))
    found = to_aeon(X)
    assert is_numpy3d(found, 4, 3, 7)
    for (i, t, c), value in np.ndenumerate(X):
        assert found[i, c, t] == value


def test_unequal_lengths_become_an_np_list():
    X = [np.arange(2.0 * n).reshape(n, 2) for n in (3, 1, 5)]
    found = to_aeon(X)
    assert is_np_list(found, 2, [3, 1, 5])
    assert found[0].tolist() == [[0, 2, 4], [1, 3, 5]]


def test_a_list_stays_a_list_when_all_lengths_are_equal():
    X = [np.zeros((6, 2))] * 3
    assert is_np_list(to_aeon(X), 2, [6] * 3)
    assert type(from_aeon(to_aeon(X))) is list


def test_series_of_one_channel_need_no_axis_for_it():
    assert is_numpy3d(to_aeon(np.zeros((4, 7))), 4, 1, 7)
    assert is_np_list(to_aeon([np.zeros(7), np.zeros(2)]), 1, [7, 2])
    assert is_np_list(to_aeon([[1, 2, 3], [4, 5]]), 1, [3, 2])


def test_a_square_is_turned_by_the_name_alone():
    X = np.arange(4).reshape(1, 2, 2)
    assert to_aeon(X).tolist() == from_aeon(X).tolist() == [[[0, 2], [1, 3]]]


# identity


@pytest.mark.parametrize("seed", range(20))
def test_arrays_and_lists_come_back_as_they_were(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=rng.integers(1, 6, size=3))
    np.testing.assert_array_equal(from_aeon(to_aeon(X)), X)
    np.testing.assert_array_equal(to_aeon(from_aeon(X)), X)
    ragged = random_list(rng)
    assert same_lists(from_aeon(to_aeon(ragged)), ragged)
    swapped = [x.T for x in ragged]
    assert same_lists(to_aeon(from_aeon(swapped)), swapped)


def test_objects_of_numpy_and_tuples_are_lists():
    X = random_list(np.random.default_rng(3))
    loose = np.empty(len(X), dtype=object)
    loose[:] = X
    assert same_lists(to_aeon(loose), to_aeon(X))
    assert same_lists(from_aeon(tuple(to_aeon(X))), X)


def test_nothing_becomes_nothing():
    assert to_aeon([]) == from_aeon([]) == []
    assert to_aeon(np.zeros((0, 7, 3))).shape == (0, 3, 7)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, bool])
def test_values_keep_their_type_and_their_gaps(dtype):
    assert to_aeon(np.ones((2, 3, 4), dtype=dtype)).dtype == dtype
    assert from_aeon([np.ones((2, 3), dtype=dtype)])[0].dtype == dtype
    assert np.isnan(to_aeon(np.full((2, 3, 4), np.nan))).all()


@pytest.mark.parametrize("turn", [to_aeon, from_aeon])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 1), (3, 1, 4), (1, 1, 1)])
def test_results_are_contiguous_copies(turn, shape):
    X = np.zeros(shape)
    for found, given in ((turn(X), X), (turn(list(X))[0], X[0])):
        assert found.flags.c_contiguous
        assert not np.shares_memory(found, given)


def test_tensors_are_arrays():
    X = torch.arange(24.0).reshape(2, 3, 4).requires_grad_()
    np.testing.assert_array_equal(to_aeon(X), X.detach().numpy().transpose(0, 2, 1))


def test_a_long_frame_is_read_series_by_series():
    X = np.random.default_rng(0).normal(size=(3, 5, 2))
    frame = pd.concat({k: pd.DataFrame(x) for k, x in enumerate(X)})
    np.testing.assert_array_equal(to_aeon(frame), to_aeon(X))
    frame.iloc[1, 0] = np.nan
    shorter = to_aeon(frame.drop(index=(1, 4)))
    assert is_np_list(shorter, 2, [5, 4, 5])
    np.testing.assert_array_equal(shorter[1], X[1, :4].T)
    assert np.isnan(shorter[0][0, 1])
    with pytest.raises(ValueError, match="X must have increasing times"):
        to_aeon(frame.iloc[::-1])


def test_a_wide_frame_holds_a_series_a_row():
    X = np.random.default_rng(0).normal(size=(3, 5))
    np.testing.assert_array_equal(to_aeon(pd.DataFrame(X)), X[:, None])


def test_data_frames_in_a_list_are_refused():
    with pytest.raises(TypeError, match="X must be a list of arrays or one data frame"):
        to_aeon([pd.DataFrame(np.zeros((3, 2)))])


def test_a_generator_takes_what_comes_from_aeon():
    X = np.random.default_rng(0).normal(size=(30, 2, 6))
    samples = GaussianGenerator(random_state=0).fit(from_aeon(X)).sample(4)
    assert is_numpy3d(to_aeon(samples), 4, 2, 6)


# refusals


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4, 5)])
def test_arrays_of_other_axes_are_refused(shape):
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, n_times"):
        to_aeon(np.zeros(shape))
    with pytest.raises(ValueError, match=r"X must have shape \(n_cases, n_channels"):
        from_aeon(np.zeros(shape))


def test_two_axes_of_aeon_are_not_guessed():
    with pytest.raises(ValueError, match=r"X\[:, None, :\] .* X\[None\]"):
        from_aeon(np.zeros((4, 7)))
    with pytest.raises(ValueError, match=r"X\[1\] must have shape \(n_channels, n_ti"):
        from_aeon([np.zeros((1, 4)), np.zeros(7)])


@pytest.mark.parametrize("turn", [to_aeon, from_aeon])
def test_a_list_of_other_channels_is_refused(turn):
    X = [np.zeros((2, 3)), np.zeros((3, 2))]
    with pytest.raises(ValueError, match=r"same channels, got \[2, 3\]"):
        turn(X)


@pytest.mark.parametrize("turn", [to_aeon, from_aeon])
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.full((2, 3, 4), "x"), TypeError, "real numbers"),
        (np.full((2, 3, 4), None), TypeError, "real numbers"),
        (np.ones((2, 3, 4), dtype=complex), ValueError, "real numbers"),
        (np.ma.masked_less(np.zeros((2, 3, 4)), 1), ValueError, "must not be masked"),
        ([np.zeros((2, 3)), np.full((2, 3), "x")], TypeError, r"X\[1\] must hold"),
        ([np.zeros((2, 3)), 5.0], ValueError, r"X\[1\] must have shape"),
    ],
)
def test_what_is_no_series_is_refused(turn, bad, error, message):
    with pytest.raises(error, match=message):
        turn(bad)
