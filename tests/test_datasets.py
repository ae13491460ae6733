import time

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tsgen.datasets import load_energy, make_windows, train_test_windows
from tsgen.metrics import sliced_wasserstein_distance

SPLITS = ["blocks", "shuffled", "time"]


@pytest.fixture(scope="module")
def energy():
    return load_energy()


# closed form


def test_energy_has_the_published_shape(energy):
    assert energy.data.shape == (19735, 28)
    assert energy.data.dtype == np.float64


def test_energy_starts_with_the_published_row(energy):
    first = dict(zip(energy.channel_names, energy.data[0], strict=True))
    assert (first["Appliances"], first["lights"], first["T1"]) == (60, 30, 19.89)


def test_energy_runs_without_a_gap_for_the_published_months(energy):
    assert str(energy.dates[0]) == "2016-01-11T17:00"
    assert str(energy.dates[-1]) == "2016-05-27T18:00"
    assert set(np.diff(energy.dates)) == {np.timedelta64(10, "m")}


def test_energy_has_no_missing_value(energy):
    assert np.isfinite(energy.data).all()


def test_the_random_channels_of_energy_are_equal_as_the_description_says(energy):
    names = energy.channel_names
    columns = energy.data[:, [names.index("rv1"), names.index("rv2")]]
    np.testing.assert_array_equal(*columns.T)
    assert "`rv1` and `rv2` are equal" in energy.DESCR


@pytest.mark.parametrize("words", ["10.24432/C5VC8G", "Candanedo", "CC BY 4.0"])
def test_energy_names_its_source_and_licence(energy, words):
    assert words in energy.DESCR


def test_energy_loads_in_less_than_a_second_and_a_half():
    start = time.process_time()
    load_energy()
    assert time.process_time() - start < 1.5


def test_windows_are_the_rows_from_every_stride():
    windows = make_windows(np.arange(12).reshape(6, 2), length=2, stride=3)
    np.testing.assert_array_equal(windows, [[[0, 1], [2, 3]], [[6, 7], [8, 9]]])


def test_a_series_of_one_channel_may_be_one_dimensional():
    assert make_windows(np.arange(5.0), length=5).shape == (1, 5, 1)


def test_blocks_put_test_windows_into_every_stretch_of_time():
    _, test = train_test_windows(np.arange(1000), 2, n_blocks=10, random_state=0)
    assert set(test[:, 0, 0] // 100) == set(range(10))


def test_the_time_split_tests_on_the_last_windows():
    train, test = train_test_windows(np.arange(100), 5, split="time")
    assert test[-1, -1, 0] == 99
    assert train.max() < test.min() - 5


# property of a family


@settings(max_examples=50, deadline=None)
@given(
    n_rows=st.integers(1, 60),
    n_channels=st.integers(1, 3),
    length=st.integers(1, 60),
    stride=st.integers(1, 60),
)
def test_window_i_is_the_slice_that_starts_at_i_strides(
    n_rows, n_channels, length, stride
):
    assume(length <= n_rows)
    series = np.arange(n_rows * n_channels).reshape(n_rows, n_channels)
    windows = make_windows(series, length, stride=stride)
    starts = range(0, n_rows - length + 1, stride)
    assert len(windows) == len(starts)
    for window, start in zip(windows, starts, strict=True):
        np.testing.assert_array_equal(window, series[start : start + length])


def split_or_skip(n_rows, length, **options):
    """Split the row numbers; a refusal for lack of windows is a valid answer."""
    try:
        return train_test_windows(np.arange(n_rows), length, **options)
    except ValueError as error:
        assert "Both parts" in str(error)  # noqa: PT017 (other errors must surface)
        assume(False)


@settings(max_examples=300, deadline=None)
@given(
    n_rows=st.integers(30, 500),
    length=st.integers(1, 12),
    stride=st.integers(1, 30),
    test_size=st.floats(0.02, 0.9),
    split=st.sampled_from(["blocks", "time"]),
    n_blocks=st.one_of(st.just("auto"), st.integers(1, 40)),
    seed=st.integers(0, 9),
)
def test_a_whole_window_lies_between_train_and_test(
    n_rows, length, stride, test_size, split, n_blocks, seed
):
    train, test = split_or_skip(
        n_rows,
        length,
        stride=stride,
        test_size=test_size,
        split=split,
        n_blocks=n_blocks,
        random_state=seed,
    )
    starts_apart = np.abs(train[:, :1, 0] - test[:, 0, 0])
    assert starts_apart.min() >= 2 * length


@settings(max_examples=100, deadline=None)
@given(
    n_rows=st.integers(30, 300),
    length=st.integers(1, 8),
    stride=st.integers(1, 8),
    split=st.sampled_from(SPLITS),
    seed=st.integers(0, 9),
)
def test_both_parts_are_distinct_windows_of_the_series(
    n_rows, length, stride, split, seed
):
    train, test = split_or_skip(
        n_rows, length, stride=stride, split=split, random_state=seed
    )
    starts = np.concatenate([train, test])[:, 0, 0]
    assert len(np.unique(starts)) == len(starts)
    windows = make_windows(np.arange(n_rows), length, stride=stride)
    np.testing.assert_array_equal(
        np.concatenate([train, test]), windows[starts // stride]
    )


@settings(max_examples=50, deadline=None)
@given(n_blocks=st.integers(1, 12), length=st.integers(1, 6), seed=st.integers(0, 9))
def test_only_windows_near_the_other_part_are_dropped(n_blocks, length, seed):
    train, test = split_or_skip(400, length, n_blocks=n_blocks, random_state=seed)
    all_starts = np.arange(400 - length + 1)
    dropped = np.setdiff1d(all_starts, np.concatenate([train, test])[:, 0, 0])
    if dropped.size:
        near = np.abs(dropped[:, None] - test[:, 0, 0]).min(axis=1)
        assert near.max() < 2 * length


@settings(max_examples=50, deadline=None)
@given(
    n_rows=st.integers(40, 2000),
    length=st.integers(1, 10),
    stride=st.integers(1, 30),
    seed=st.integers(0, 9),
)
def test_auto_blocks_drop_at_most_one_training_window_in_eight(
    n_rows, length, stride, seed
):
    n_windows = len(make_windows(np.arange(n_rows), length, stride=stride))
    reach = -(-2 * length // stride) - 1
    assume(n_windows >= max(20 * reach, 5))
    train, test = train_test_windows(
        np.arange(n_rows), length, stride=stride, random_state=seed
    )
    dropped = n_windows - len(train) - len(test)
    assert dropped <= (n_windows - len(test)) / 8 + 1


@pytest.mark.parametrize("split", SPLITS)
def test_an_int_seed_gives_the_same_split_every_time(split):
    first, again = (
        train_test_windows(np.arange(500), 4, split=split, random_state=3)
        for _ in range(2)
    )
    for ours, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("split", ["blocks", "shuffled"])
def test_another_seed_gives_another_split(split):
    tests = [
        train_test_windows(np.arange(500), 4, split=split, random_state=seed)[1]
        for seed in (0, 1)
    ]
    assert not np.array_equal(*tests)


def test_the_test_size_is_the_share_of_the_windows():
    _, test = train_test_windows(np.arange(1000), 1, test_size=0.3, n_blocks=4)
    assert len(test) == 300


# identity


def test_windows_of_length_one_are_the_series():
    series = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_array_equal(make_windows(series, 1)[:, 0], series)


def test_the_shuffled_split_keeps_every_window():
    train, test = train_test_windows(np.arange(50), 4, split="shuffled")
    starts = np.concatenate([train, test])[:, 0, 0]
    np.testing.assert_array_equal(np.sort(starts), np.arange(47))


def test_windows_keep_missing_values():
    windows = make_windows([0.0, np.nan, 2.0], 2)
    np.testing.assert_array_equal(np.isnan(windows[:, :, 0]), [[0, 1], [1, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.int16, bool])
def test_windows_keep_the_dtype(dtype):
    assert make_windows(np.ones(9, dtype=dtype), 3).dtype == dtype


def test_tensors_and_frames_are_read_as_numbers():
    numbers = np.arange(6.0).reshape(3, 2)
    nullable = pd.DataFrame(numbers).astype("Int64")
    nullable.iloc[0, 0] = pd.NA
    for series in (torch.tensor(numbers, requires_grad=True), pd.DataFrame(numbers)):
        np.testing.assert_array_equal(make_windows(series, 3)[0], numbers)
    for series in (nullable, nullable.assign(third=0.5)):
        windows = make_windows(series, 3)
        assert windows.dtype == np.float64
        assert np.isnan(windows[0, 0, 0])
        np.testing.assert_array_equal(windows[0, 1:, :2], numbers[1:])


def test_writing_into_windows_leaves_the_series_alone():
    series = np.zeros(9)
    make_windows(series, 3)[:] = 1
    assert not series.any()


# recovery


def test_blocks_have_a_lower_floor_than_one_cut_in_time(energy):
    scaled = (energy.data - energy.data.mean(0)) / energy.data.std(0)
    floors = {}
    for split in SPLITS:
        train, test = train_test_windows(
            scaled, 24, stride=5, split=split, random_state=0
        )
        train, test = (part[:: len(part) // 400][:400] for part in (train, test))
        floors[split] = sliced_wasserstein_distance(
            train, test, n_projections=100, standardize=False, random_state=0
        )
    assert floors["shuffled"] < floors["blocks"] < 0.5 * floors["time"]


# refusals


@pytest.mark.parametrize("shape", [(), (2, 3, 4)])
def test_a_series_of_other_dimensions_is_refused(shape):
    with pytest.raises(ValueError, match="series must have shape"):
        make_windows(np.zeros(shape), 1)


DATES = pd.date_range("2020", periods=4)
NO_SERIES = {
    "masked": (np.ma.masked_greater(np.arange(4.0), 2), ValueError),
    "dates": (DATES, TypeError),
    "a column of dates": (pd.DataFrame({"a": DATES, "b": 1.0}), TypeError),
    "a column of text": (pd.DataFrame({"a": list("wxyz"), "b": 1.0}), ValueError),
    "text": (list("wxyz"), TypeError),
    "objects": ([1.0, None, 2.0, 3.0], TypeError),
    "many series": (pd.concat({k: pd.DataFrame([0.0] * 4) for k in "ab"}), ValueError),
    "unequal rows": ([[1.0, 2.0], [3.0]], ValueError),
}


@pytest.mark.parametrize(("series", "error"), NO_SERIES.values(), ids=NO_SERIES)
def test_what_is_no_series_of_numbers_is_refused(series, error):
    for cut in (make_windows, train_test_windows):
        with pytest.raises(error, match="series must"):
            cut(series, 1)


@pytest.mark.parametrize("shape", [(0,), (4,), (4, 2)])
def test_a_series_shorter_than_a_window_is_refused(shape):
    with pytest.raises(ValueError, match=f"length=5 and {shape[0]} rows"):
        make_windows(np.zeros(shape), 5)


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", None])
@pytest.mark.parametrize("name", ["length", "stride"])
def test_a_length_or_stride_that_is_no_count_is_refused(name, bad):
    options = {"length": 2, "stride": 1} | {name: bad}
    with pytest.raises((TypeError, ValueError), match=name):
        make_windows(np.zeros(9), **options)


@pytest.mark.parametrize("bad", [0, 1, -0.5, 3, "half", np.nan])
def test_a_test_size_that_is_no_share_is_refused(bad):
    with pytest.raises(ValueError, match="test_size must be a share"):
        train_test_windows(np.zeros(99), 2, test_size=bad)


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="split must be 'blocks'"):
        train_test_windows(np.zeros(99), 2, split="random")


@pytest.mark.parametrize("bad", [0, -2, 1.5, "many"])
def test_a_number_of_blocks_that_is_no_count_is_refused(bad):
    with pytest.raises((TypeError, ValueError), match="n_blocks"):
        train_test_windows(np.zeros(99), 2, n_blocks=bad)


def test_more_blocks_than_the_series_can_hold_are_refused():
    with pytest.raises(ValueError, match="fewer blocks"):
        train_test_windows(np.zeros(99), 10, n_blocks=50)
