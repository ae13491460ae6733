"""Rows shared by training and test windows: found whatever the split, and only they."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from tsgen.datasets import (
    load_earthquakes,
    load_energy,
    make_windows,
    overlapping_windows,
    train_test_windows,
)


def by_definition(X_train, X_test, min_rows):
    """Compare all stretches of all pairs, by loops."""

    def stretches(X):
        starts = range(X.shape[1] - min_rows + 1)
        return [[x[t : t + min_rows] for t in starts] for x in X]

    known = [stretch for series in stretches(X_train) for stretch in series]

    def counts(stretch):
        forward = any(np.array_equal(stretch, other) for other in known)
        backward = any(np.array_equal(stretch[::-1], other) for other in known)
        return forward and not backward

    return [any(map(counts, series)) for series in stretches(X_test)]


# closed form


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_a_loop_over_all_pairs_finds(seed):
    """Few values, so that stretches are equal by chance, in both directions too."""
    rng = np.random.default_rng(seed)
    n_timesteps, n_values = rng.integers([4, 2], [8, 5])
    shape = (n_timesteps, rng.integers(1, 3))
    X_train, X_test = (rng.integers(n_values, size=(n, *shape)) for n in (9, 12))
    for min_rows in range(2, n_timesteps + 1):
        found = overlapping_windows(X_train, X_test, min_rows=min_rows)
        assert found.tolist() == by_definition(X_train, X_test, min_rows)


def test_half_of_the_rows_count_by_default():
    X_train = np.arange(10.0)[None]
    shared = [np.append(np.full(10 - k, -1.0), np.arange(k)) for k in range(10)]
    found = overlapping_windows(X_train, shared)
    assert found.tolist() == [False] * 5 + [True] * 5
    assert overlapping_windows(X_train[:, :9], np.array(shared)[:, 1:]).sum() == 5


def test_windows_of_two_steps_must_be_equal():
    found = overlapping_windows([[1, 2], [3, 4]], [[1, 2], [2, 3], [4, 4]])
    assert found.tolist() == [True, False, False]


def test_all_channels_must_be_equal():
    X = np.random.default_rng(0).normal(size=(5, 6, 3))
    other = X.copy()
    assert overlapping_windows(X, other).all()
    other[:, :, 2] += 1e-12
    assert not overlapping_windows(X, other).any()


def test_rows_must_follow_each_other():
    X_train = np.array([[1.0, 2, 3, 4, 5, 6]])
    torn = np.array([[1.0, 2, 0, 3, 4, 0]])
    assert not overlapping_windows(X_train, torn).any()
    assert overlapping_windows(X_train, torn, min_rows=2).all()


@pytest.mark.parametrize("stride", [1, 2, 5, 6, 9, 10])
def test_the_rows_that_a_stride_leaves_in_common_are_found(stride):
    X = make_windows(np.random.default_rng(0).normal(size=200), 10, stride=stride)
    train, test = X[::2], X[1::2]
    for min_rows in range(2, 11):
        found = overlapping_windows(train, test, min_rows=min_rows)
        assert found.all() == found.any() == (10 - stride >= min_rows)


# what is no evidence


def test_constant_stretches_do_not_count():
    X = np.zeros((4, 8, 2))
    assert not overlapping_windows(X, X).any()
    X[:, 6:] = np.random.default_rng(0).normal(size=(4, 2, 2))
    assert overlapping_windows(X[:2], X).tolist() == [True, True, False, False]


def test_stretches_that_are_known_backwards_do_not_count():
    there = np.arange(6.0)
    assert overlapping_windows([there], [there]).all()
    assert not overlapping_windows([there, there[::-1]], [there]).any()


def test_windows_of_one_step_never_overlap():
    X = np.ones((3, 1, 1))
    assert overlapping_windows(X, X).tolist() == [False] * 3


def test_counts_overlap_by_chance_as_often_as_backwards():
    train, test = np.random.default_rng(0).poisson(0.8, size=(2, 300, 16))
    shared = overlapping_windows(train, test).mean()
    by_chance = overlapping_windows(train, test[:, ::-1]).mean()
    assert shared > 0.5
    assert abs(shared - by_chance) < 0.1


# kinds of values


def test_minus_zero_is_zero():
    X = np.array([[0.0, 1.0, 2.0, 3.0]])
    signed = X * [-1, 1, 1, 1]
    assert np.signbit(signed[0, 0])
    assert overlapping_windows(X, signed, min_rows=4).all()


@pytest.mark.parametrize("order", [1, -1])
def test_the_coarser_type_decides(order):
    X = np.random.default_rng(0).normal(size=(5, 8))
    sets = [X, X.astype(np.float32)][::order]
    assert overlapping_windows(*sets).all()
    assert overlapping_windows(X, np.asfortranarray(X)).all()


def test_more_rows_than_are_hashed_at_once():
    X = np.arange(2 * 40000.0).reshape(2, 40000)
    assert overlapping_windows(X[:1], X).tolist() == [True, False]


# real series


@pytest.fixture(scope="module")
def energy():
    return load_energy().data


def test_shuffled_windows_of_energy_all_overlap(energy):
    X = make_windows(energy[:3000], 24)
    assert overlapping_windows(*train_test_split(X, random_state=0)).all()


def test_blocks_of_energy_share_not_even_two_rows(energy):
    parts = train_test_windows(energy, 24, random_state=0)
    assert not overlapping_windows(*parts, min_rows=2).any()


def test_published_earthquakes_do_not_overlap():
    parts = load_earthquakes()
    assert not overlapping_windows(parts.train, parts.test).any()


def test_twenty_thousand_windows_take_about_a_second(energy):
    X = np.random.default_rng(0).permutation(make_windows(energy, 24))
    start = time.process_time()
    assert overlapping_windows(X[:16000], X[16000:]).all()
    assert time.process_time() - start < 1.5


# refusals


def test_other_steps_or_channels_are_refused():
    with pytest.raises(ValueError, match=r"same time steps .* \(2, 5, 1\) and \(2, 6"):
        overlapping_windows(np.zeros((2, 5)), np.zeros((2, 6)))


@pytest.mark.parametrize("bad", [1, 6, 2.0, "half"])
def test_rows_that_are_no_count_or_too_many_are_refused(bad):
    with pytest.raises((TypeError, ValueError), match="min_rows must be"):
        overlapping_windows(np.zeros((2, 5)), np.zeros((2, 5)), min_rows=bad)


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match="X_test contains NaN"):
        overlapping_windows(np.zeros((2, 5)), np.full((2, 5), np.nan))


def test_long_frames_must_have_the_same_columns():
    rows = np.random.default_rng(0).normal(size=(40, 2))
    index = pd.MultiIndex.from_product([range(10), range(4)])
    X = pd.DataFrame(rows, index, columns=["a", "b"])
    with pytest.raises(ValueError, match="X_test must have the columns of X_train"):
        overlapping_windows(X, X[["b", "a"]])
