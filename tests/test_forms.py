"""Series come as lists, tensors and data frames, and go back as they came."""

import json
import pickle
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.estimator_checks import check_estimator

from tsgen._forms import ArrayForm, Form, ListForm
from tsgen._forms.axes import continued, times_of
from tsgen._forms.casting import cast_column, within
from tsgen._validation import as_series, check_any_series, check_lengths, check_series

few = settings(max_examples=40, deadline=None, derandomize=True)
counts = st.lists(st.integers(1, 6), min_size=2, max_size=5)
unequal_counts = counts.filter(lambda lengths: len(set(lengths)) > 1)


class Toy(DensityMixin, BaseEstimator):
    """Remembers what comes through the door, and nothing else."""

    def __init__(self, missing="error"):
        self.missing = missing

    def fit(self, X, y=None):
        self.values_, self.lengths_ = check_any_series(X, estimator=self, reset=True)
        return self

    def check(self, X, **options):
        return check_any_series(X, estimator=self, reset=False, **options)

    def score_samples(self, X):
        values, _ = self.check(X)
        return -np.nansum(values**2, axis=(1, 2))

    def score(self, X, y=None):
        return float(self.score_samples(X).mean())


def refusal(X, missing="error"):
    """Return the message that `X` meets in fit, which leaves nothing behind."""
    toy = Toy(missing)
    with pytest.raises((TypeError, ValueError)) as caught:
        toy.fit(X)
    assert vars(toy) == vars(Toy(missing))
    message = str(caught.value)
    assert len(message) < 400
    assert message.count("\n") == 1
    return message


def there_and_back(X):
    """Fit on `X`, keep its form as JSON, and give the same numbers this form again."""
    toy = Toy().fit(X)
    form = Form.from_facts(json.loads(json.dumps(toy._form.facts(), allow_nan=False)))
    assert form == toy._form == pickle.loads(pickle.dumps(toy._form))
    assert form.fits(toy.n_timesteps_, toy.n_channels_)
    restored = form.restore(toy.values_, toy.lengths_)
    values, lengths = toy.check(restored)
    assert_array_equal(values, toy.values_)
    assert_array_equal(lengths, toy.lengths_)
    return restored


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape)


def ragged(lengths, channels=None, dtype=np.float64):
    """Series of these lengths; None means without a channel axis."""
    tail = () if channels is None else (channels,)
    return [(numbers(n, *tail) + k).astype(dtype) for k, n in enumerate(lengths)]


def long(lengths, times=range, names=("series", "time"), columns=("a", "b"), dtypes=()):
    """Series of these lengths as a long frame, numbered from 0."""
    rows = [(k, t) for k, n in enumerate(lengths) for t in times(n)]
    index = pd.MultiIndex.from_tuples(rows, names=names)
    data = np.round(10 * numbers(len(rows), len(columns)))
    frame = pd.DataFrame(data, index=index, columns=list(columns))
    return frame.astype(dict(zip(columns, dtypes, strict=False)))


def hours(n, zone=None):
    return pd.date_range("2024-03-31", periods=n, freq="h", tz=zone)


# There and back


@few
@given(
    lengths=unequal_counts,
    channels=st.sampled_from([None, 1, 3]),
    dtype=st.sampled_from(["f4", "f8"]),
)
def test_a_ragged_list_comes_back(lengths, channels, dtype):
    X = ragged(lengths, channels, dtype)
    found = there_and_back(X)
    assert isinstance(found, list)
    for series, expected in zip(found, X, strict=True):
        assert_array_equal(series, expected, strict=True)


@few
@given(lengths=unequal_counts, channels=st.sampled_from([None, 1, 3]))
def test_values_after_the_end_are_nan_and_have_no_influence(lengths, channels):
    X = ragged(lengths, channels)
    toy = Toy().fit(X)
    ended = np.arange(max(lengths)) >= np.array(lengths)[:, None]
    assert_array_equal(np.isnan(toy.values_).all(axis=2), ended)
    assert_array_equal(np.isnan(toy.values_).any(axis=2), ended)
    toy.values_[ended] = 7
    for series, expected in zip(
        toy._form.restore(toy.values_, toy.lengths_), X, strict=True
    ):
        assert_array_equal(series, expected)


COLUMN_TYPES = ["f8", "f4", "f2", "i8", "i4", "u1", "bool", "Int64", "UInt8", "Float32"]


@few
@given(
    lengths=counts,
    times=st.sampled_from(
        [
            range,
            hours,
            lambda n: hours(n, "Europe/Berlin"),
            lambda n: hours(n, "UTC+02:00"),
            lambda n: pd.to_timedelta(np.arange(n), unit="s"),
            lambda n: pd.period_range("2024-01", periods=n, freq="M"),
            lambda n: [0, 1, 4, 9, 16, 25][:n],
            lambda n: np.linspace(0, 1, 7)[:n],
            lambda n: ["a", "b", "c", "d", "e", "f"][:n],
        ]
    ),
    names=st.sampled_from([("patient", "hour"), (None, None), (0, 1)]),
    columns=st.sampled_from([("a", "b"), (0, 1), (2.5, "b")]),
    dtypes=st.tuples(st.sampled_from(COLUMN_TYPES), st.sampled_from(COLUMN_TYPES)),
)
def test_a_long_frame_comes_back(lengths, times, names, columns, dtypes):
    X = long(lengths, times, names, columns).abs().round() % 2
    X = X.astype(dict(zip(columns, dtypes, strict=True)))
    X.columns.name = "channel"
    assert_frame_equal(there_and_back(X), X)


@few
@given(
    columns=st.sampled_from(
        [
            pd.RangeIndex(4),
            pd.Index(["a", "b", "d", "c"], name="step"),
            pd.Index([0.0, 0.5, 2.0, 2.5]),
            pd.Index([3, 1, 2, 0], dtype="int8"),
            hours(4),
            hours(4, "Asia/Tokyo"),
            pd.period_range("2024", periods=4, freq="W-SUN"),
            pd.CategoricalIndex([4, 3, 2, 1], [4, 3, 2, 1], ordered=True),
        ]
    ),
    dtypes=st.lists(st.sampled_from(COLUMN_TYPES), min_size=4, max_size=4),
)
def test_a_wide_frame_comes_back(columns, dtypes):
    table = np.abs(np.round(10 * numbers(3, 4))) % 2
    X = pd.DataFrame({k: table[:, k].astype("f8") for k in range(4)})
    X = X.astype(dict(enumerate(dtypes)))
    X.columns, X.index.name = columns, "patient"
    assert_frame_equal(there_and_back(X), X, check_freq=False)


TENSORS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
TENSORS += [torch.int64, torch.int8, torch.uint8, torch.bool]


@pytest.mark.parametrize("dtype", TENSORS, ids=str)
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2)])
def test_a_tensor_comes_back(dtype, shape):
    X = torch.from_numpy(numbers(*shape)).abs().round().to(dtype)
    found = there_and_back(X)
    assert found.dtype == dtype
    assert found.device.type == "cpu"
    assert torch.equal(found, X)


def test_a_ragged_list_of_tensors_comes_back():
    X = [torch.full((n, 2), n, dtype=torch.bfloat16) for n in (3, 2)]
    found = there_and_back(X)
    assert [series.dtype for series in found] == [torch.bfloat16] * 2
    assert all(torch.equal(a, b) for a, b in zip(found, X, strict=True))


def test_a_ragged_list_of_mixed_types_comes_back_as_arrays():
    found = there_and_back([torch.ones(3), [1, 2], np.ones(1, "i4")])
    assert [type(series) for series in found] == [np.ndarray] * 3
    assert {series.dtype.name for series in found} == {"float64"}


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2), (4, 3, 1)])
@pytest.mark.parametrize("make", [np.asarray, np.ndarray.tolist, list, tuple])
def test_arrays_and_lists_of_one_length_come_back_as_arrays(make, shape):
    found = there_and_back(make(numbers(*shape)))
    assert_array_equal(found, numbers(*shape), strict=True)


def test_an_array_of_objects_is_taken_for_a_list():
    X = np.empty(2, dtype=object)
    X[:] = ragged([3, 2])
    found = there_and_back(X)
    assert isinstance(found, list)
    assert_array_equal(found[1], X[1])


def test_series_of_pandas_in_a_list_are_arrays():
    assert there_and_back([pd.Series([1.0, 2.0]), pd.Series([3.0])])[1] == [3.0]


def test_a_copy_is_given_back():
    toy = Toy().fit(ragged([3, 2]))
    toy._form.restore(toy.values_, toy.lengths_)[0][:] = 9
    assert not (toy.values_ == 9).any()


# What is made, other than what came


def made(X, values, lengths=None):
    return Toy().fit(X)._form.restore(np.asarray(values, dtype=float), lengths)


def test_made_series_are_numbered_from_0():
    X = long([2, 2]).rename(index={0: "eve", 1: "ada"}, level=0)
    found = made(X, numbers(3, 2, 2))
    assert found.index.names == ["series", "time"]
    assert found.index.get_level_values(0).unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize("lengths", [[4, 4], [4, 2], [2, 4]])
def test_times_that_all_series_share_are_kept(lengths):
    X = long(lengths, lambda n: [1, 2, 4, 8][:n])
    found = made(X, numbers(1, 4, 2), np.array([3]))
    assert found.index.tolist() == [(0, 1), (0, 2), (0, 4)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([5, 7, 9], [20, 22], [5, 7, 9]),
        ([20, 22], [5, 7, 9], [20, 22, 24]),
        ([0.1, 0.2], [0.5, 0.6, 0.7], [0.1, 0.2, 0.3]),
        ([5, 7, 10], [20, 22], [0, 1, 2]),
        ([5, 7, 9], [20, 21], [0, 1, 2]),
        (["a", "b"], ["c", "d", "e"], [0, 1, 2]),
        ([0.0, np.inf], [1.0, 2.0, 4.0], [0, 1, 2]),
        ([-np.inf, 0.0], [1.0, 2.0, 4.0], [0, 1, 2]),
        ([-(2**62), 2**62], [1 - 2**62, 2**62 + 1], [0, 1]),
        (list(hours(2)), list(hours(9)[5:8]), list(hours(3))),
        (list(hours(2)), list(hours(9)[4:9:2]), [0, 1, 2]),
    ],
)
def test_times_that_differ_keep_their_distance_or_are_counted(first, second, expected):
    rows = [(0, t) for t in first] + [(1, t) for t in second]
    X = pd.DataFrame({"a": 1.0}, index=pd.MultiIndex.from_tuples(rows))
    found = made(X, numbers(1, len(expected), 1)).index.get_level_values(1)
    if isinstance(expected[0], float):
        np.testing.assert_allclose(found, expected)
    else:
        assert found.tolist() == expected


def test_distances_of_small_integers_may_leave_their_range():
    index = pd.MultiIndex.from_arrays(
        [[0, 0, 1, 1, 1], np.array([120, 125, 0, 5, 10], "i1")]
    )
    found = made(pd.DataFrame({"a": 1.0}, index=index), numbers(1, 3, 1))
    assert found.index.get_level_values(1).tolist() == [120, 125, 130]


def test_single_steps_at_different_times_are_counted():
    index = pd.MultiIndex.from_tuples([(0, 5), (1, 9)])
    assert made(pd.DataFrame({"a": [1, 2]}, index), [[[1]]]).index.tolist() == [(0, 0)]


def test_whole_numbers_are_rounded_into_their_range():
    types = {"i": "i4", "u": "u1", "b": "bool", "f": "f2"}
    X = long([2, 2], columns=types).abs().astype(types)
    found = made(X, [[[1.6, 300, 0.7, 1e9], [-1.6, -3, 0.2, -1e9]]])
    assert found.dtypes.tolist() == X.dtypes.tolist()
    assert found.to_numpy(float).tolist() == [[2, 255, 1, 65504], [-2, 0, 0, -65504]]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "Int64"])
def test_limits_of_integers_are_not_passed(dtype):
    found = cast_column(np.array([1e300, -1e300]), dtype)
    limits = np.iinfo(dtype.lower())
    assert limits.max * 0.999 < int(found[0]) <= limits.max
    assert int(found[1]) == limits.min


def test_missing_whole_numbers_become_floats_or_stay_missing():
    values = np.array([1.0, np.nan])
    assert_array_equal(cast_column(values, "int32"), values, strict=True)
    assert cast_column(values, "Int32").isna().tolist() == [False, True]
    assert_array_equal(within(values, np.dtype("u1")), values)


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy])
def test_shorter_series_of_an_array_are_made_as_a_list(make):
    form = Toy().fit(make(np.zeros((2, 3))))._form
    found = form.restore(np.ones((2, 3, 1)), np.array([3, 1]))
    assert [len(series) for series in found] == [3, 1]
    assert type(found[0]) is type(make(np.zeros(1)))
    assert form.restore(np.ones((2, 3, 1)), np.array([2, 2])).shape == (2, 2)


def test_shorter_series_of_a_wide_frame_end_in_nan():
    X = pd.DataFrame([[1, 2, 3]], columns=["a", "b", "c"])
    found = made(X, np.ones((2, 3, 1)), np.array([2, 1]))
    assert found.columns.tolist() == ["a", "b"]
    assert found.isna().to_numpy().tolist() == [[False, False], [False, True]]
    assert found.dtypes.tolist() == [np.int64, np.float64]


@pytest.mark.parametrize(
    "X",
    [
        ragged([3, 2]),
        numbers(2, 3),
        torch.ones(2, 3),
        pd.DataFrame(numbers(2, 3)),
        long([3, 2]),
    ],
    ids=["list", "array", "tensor", "wide", "long"],
)
def test_no_series_have_a_form_too(X):
    toy = Toy().fit(X)
    empty = np.empty((0, *toy.values_.shape[1:]))
    found = toy._form.restore(empty, np.empty(0, int))
    assert len(found) == 0
    assert type(found) is type(X)


def test_columns_and_times_of_pyarrow_come_back():
    pytest.importorskip("pyarrow")
    times = pd.Index(hours(2)).astype("timestamp[ns][pyarrow]")
    index = pd.MultiIndex.from_product([range(2), times])
    for dtype in ("double[pyarrow]", "uint8[pyarrow]", "bool[pyarrow]"):
        X = pd.DataFrame({"a": [1, 0, 0, 1]}, index=index).astype(dtype)
        found = there_and_back(X)
        assert_frame_equal(found.droplevel(1), X.droplevel(1))
        assert found.index.levels[1].tolist() == list(hours(2))


def test_categories_with_an_order_keep_it():
    months = pd.Categorical(["jan", "feb", "mar"] * 2, ["jan", "feb", "mar"], True)
    index = pd.MultiIndex.from_arrays([[0, 0, 0, 1, 1, 1], months])
    X = pd.DataFrame({"a": range(6)}, index=index)
    found = there_and_back(X)
    assert found.index.get_level_values(1).tolist() == list(months)
    assert "increasing times" in refusal(X.iloc[[1, 0, 2, 3, 4, 5]])


def test_categories_without_an_order_are_their_values():
    names = pd.Categorical(["b", "a", "b", "a"], ["b", "a"])
    index = pd.MultiIndex.from_arrays([[0, 0, 1, 1], names])
    X = pd.DataFrame({"a": range(4)}, index=index)
    assert "increasing times" in refusal(X)
    assert there_and_back(X.sort_index(key=lambda level: level.astype(str))) is not None


# What is remembered


@pytest.mark.parametrize(
    ("X", "axes"),
    [
        (ragged([3, 5]), (5, 5, 1, 2)),
        (ragged([3, 5], 2), (5, 5, 2, 3)),
        (long([3, 5]), (5, 5, 2, 3)),
        (pd.DataFrame(np.eye(4)), (4, 4, 1, 2)),
        (torch.ones(2, 3, 4), (3, 3, 4, 3)),
    ],
    ids=["series", "channels", "long", "wide", "tensor"],
)
def test_fit_remembers_the_axes(X, axes):
    toy = Toy().fit(X)
    n_axes = 2 + toy._form.has_channels
    assert (toy.n_features_in_, toy.n_timesteps_, toy.n_channels_, n_axes) == axes


def test_names_of_wide_columns_are_remembered_and_forgotten():
    toy = Toy().fit(pd.DataFrame({"mon": [1.0], "tue": [2.0]}))
    assert toy.feature_names_in_.tolist() == ["mon", "tue"]
    with pytest.raises(ValueError, match="feature names"):
        toy.check(pd.DataFrame({"tue": [1.0], "mon": [2.0]}))
    assert not hasattr(toy.fit(long([2, 2])), "feature_names_in_")


def test_only_series_of_unequal_length_are_called_unequal():
    forms = [Toy().fit(X)._form for X in (ragged([2, 2]), long([2, 2]), numbers(2, 2))]
    assert [form.unequal for form in forms] == [False] * 3
    forms = [Toy().fit(X)._form for X in (ragged([2, 1]), long([2, 1]))]
    assert [form.unequal for form in forms] == [True] * 2


@pytest.mark.foreign_draws
def test_an_estimator_behind_the_door_passes_every_check_of_scikit_learn():
    results = check_estimator(Toy(), on_skip=None)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert sum(result["status"] == "passed" for result in results) > 35


# Methods after fit


def test_after_unequal_lengths_any_may_be_shorter():
    toy = Toy().fit(ragged([5, 3], 2))
    for X in (ragged([2, 4], 2), long([1, 5]), numbers(3, 4, 2), torch.ones(1, 1, 2)):
        values, lengths = toy.check(X)
        assert values.shape[1] == lengths.max()


def test_after_equal_lengths_shorter_series_need_to_be_allowed():
    toy = Toy().fit(numbers(4, 5, 2))
    for X in (ragged([5, 3], 2), long([5, 3]), ragged([3, 3], 2), long([3, 3])):
        with pytest.raises(ValueError, match="n_timesteps = 5"):
            toy.check(X)
        values, lengths = toy.check(X, shorter=True)
        assert values.shape[1] == lengths.max()
        assert lengths.min() == 3


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy])
def test_an_array_is_never_shorter_after_equal_lengths(make):
    toy = Toy().fit(numbers(4, 5, 2))
    with pytest.raises(ValueError, match="n_timesteps = 4 and n_channels = 2"):
        toy.check(make(numbers(4, 4, 2)), shorter=True)


@pytest.mark.parametrize(
    "fitted", [numbers(4, 5, 2), ragged([5, 3], 2)], ids=["equal", "unequal"]
)
def test_longer_series_are_refused_by_number(fitted):
    toy = Toy().fit(fitted)
    with pytest.raises(ValueError, match="1 longer ones, the first is series 1 of 6"):
        toy.check(ragged([5, 6, 2], 2), shorter=True)


@pytest.mark.parametrize("shorter", [False, True])
@pytest.mark.parametrize("X", [ragged([5, 3], 3), ragged([5, 3])], ids=["3", "1"])
def test_other_channels_are_refused(X, shorter):
    for fitted in (numbers(4, 5, 2), ragged([5, 3], 2)):
        with pytest.raises(ValueError, match=r"X has n_channels = \d.*n_channels = 2"):
            Toy().fit(fitted).check(X, shorter=shorter)


@pytest.mark.parametrize("columns", [["b", "a"], ["a", "c"], ["a"], ["a", "b", "c"]])
def test_other_columns_than_in_fit_are_refused(columns):
    toy = Toy().fit(long([3, 2]))
    with pytest.raises(ValueError, match="columns of fit in their order, 'a', 'b', "):
        toy.check(long([3, 2], columns=columns))


STEPS = {
    "numbers": range(4),
    "uneven numbers": [0, 1, 2, 9],
    "dates": pd.date_range("2020", periods=4),
    "dates of a zone": pd.date_range("2020", periods=4, tz="Europe/Berlin"),
    "text": list("abcd"),
}


@pytest.mark.parametrize("door", [check_series, check_any_series])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_wide_frame_with_the_columns_of_fit_in_another_order_is_refused(door, steps):
    X, toy = pd.DataFrame(np.eye(4), columns=steps), Toy()
    door(X, estimator=toy, reset=True)
    door(X, estimator=toy, reset=False)
    with pytest.raises(ValueError, match=r"in their order|in the same order"):
        door(X[X.columns[[0, 2, 1, 3]]], estimator=toy, reset=False)


def test_a_message_shows_dates_as_dates():
    X = pd.DataFrame(np.eye(2), columns=pd.date_range("2020", periods=2))
    with pytest.raises(ValueError, match="order, '2020-01-01 00:00:00', '2020-01-02 "):
        Toy().fit(X).check(X[X.columns[::-1]])


def test_a_wide_frame_may_be_of_other_dates_and_units():
    X = pd.DataFrame(np.eye(4), columns=pd.date_range("2020", periods=4))
    toy = Toy().fit(X)
    for columns in (X.columns + pd.Timedelta("1D"), X.columns.as_unit("s"), range(4)):
        toy.check(X.set_axis(columns, axis=1))
    with pytest.raises(ValueError, match="columns of fit in their order"):
        toy.check(X.set_axis(X.columns.as_unit("s"), axis=1).iloc[:, ::-1])


def test_a_frame_may_follow_on_an_array_and_an_array_on_a_frame():
    X = long([3, 3])
    values, _ = Toy().fit(numbers(2, 3, 2)).check(X)
    assert_array_equal(values.reshape(6, 2), X)
    assert_array_equal(Toy().fit(X).check(values)[0], values)


# Lists that are refused


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([[1.0, 2.0], []], "1 of length 0, the first X[1]"),
        ([np.zeros((3, 2)), np.zeros((0, 2))], "1 of length 0, the first X[1]"),
        ([np.zeros((3, 2)), np.zeros((2, 3)), np.zeros((2, 1))], "X[1] with 3"),
        ([np.zeros((3, 2)), np.zeros((3, 1))], "2 in X[0] and others in 1 series"),
        ([np.zeros((3, 0)), np.zeros((2, 0))], "at least one channel"),
        ([np.zeros((3, 1)), np.zeros(2)], "(3, 1) in X[0] and (2,) in X[1]"),
        ([np.zeros(3), np.zeros((2, 2, 2))], "X[1] must be a series"),
        ([[1.0, 2.0], 3.0], "X[1] must be a series"),
        ([[1.0, 2.0], [3.0], "abc"], "X[2] must hold real numbers"),
        ([[1.0, 2.0], [3.0], None], "X[2] must be a series of shape"),
        ([[1.0, 2.0], ["x"]], "X[1] must hold real numbers"),
        ([[1.0, 2.0], [1j]], "Complex data not supported: X[1]"),
        ([[1.0], np.zeros(2, "M8[s]")], "X[1] must hold real numbers, got dates"),
        ([[[1, 2], [3]], [[1, 2]]], "X[0] must have the same channels at every step"),
        ([np.ones(3), np.ma.masked_all(2)], "X[1] must not be masked"),
        ([[0.0, 1.0], [np.nan]], "NaN: 1 of 3 values, the first at "),
        ([[0.0, 1.0], [np.nan]], "(series, step, channel) = (1, 0, 0)"),
        ([[0.0, np.inf], [1.0]], "infinity: 1 of 3 values"),
        ([[0.0, 1e305], [1.0]], "magnitudes above 1e+300: 1 of 3"),
        ([[0.0, np.longdouble("1e4000")], [1.0]], "infinity: 1 of 3"),
        ([pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1, 2]})], "pandas.concat(X"),
        ([pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})], "pandas.concat(X"),
    ],
)
def test_a_list_that_is_not_series_is_refused_by_place(X, words):
    assert words in refusal(X)


# Long frames that are refused


def out_of_order(rows):
    index = pd.MultiIndex.from_tuples(rows, names=["series", "time"])
    return pd.DataFrame({"a": np.arange(len(rows), dtype=float)}, index=index)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, 1), (0, 1), (0, 2)], "1 repeated rows, the first is row 1: (0, 1)"),
        ([(0, 1), (0, 2), (0, 1)], "1 repeated rows, the first is row 2: (0, 1)"),
        ([(0, 1), (1, 1), (0, 1)], "1 repeated rows, the first is row 2: (0, 1)"),
        ([(0, 2), (0, 1), (0, 3)], "1 rows before the one above, the first is row 1"),
        ([("a", 1), ("b", 5), ("b", 4)], "the first is row 2: (b, 4)"),
        ([(0, 1), (1, 1), (0, 2)], "1 series in parts, the first goes on in row 2"),
        ([(0, 1), (np.nan, 2)], "a series in every row, got 1 rows without (NaN)"),
        ([(0, 1), (0, np.nan)], "a time in every row, got 1 rows without (NaN), the"),
        ([(0, pd.Timestamp("2020")), (0, pd.NaT)], "a time in every row"),
        ([(0, 1), (0, "b")], "times that can be ordered, got a mixture"),
    ],
)
def test_rows_that_are_not_series_are_refused_by_place(rows, words):
    assert words in refusal(out_of_order(rows))


@pytest.mark.parametrize("rows", [[(0, 2), (0, 1)], [(0, 1), (1, 1), (0, 2)]])
def test_the_cure_of_disorder_works(rows):
    X = out_of_order(rows)
    assert "X.sort_index()" in refusal(X)
    assert Toy().fit(X.sort_index())


def test_the_cure_of_repeated_rows_works():
    X = out_of_order([(0, 1), (0, 1), (0, 2)])
    assert "X[~X.index.duplicated()]" in refusal(X)
    assert Toy().fit(X[~X.index.duplicated()]).n_timesteps_ == 2


def test_series_may_come_in_any_order():
    X = out_of_order([("b", 1), ("b", 2), ("a", 1), ("a", 2)])
    assert_array_equal(Toy().fit(X).values_.ravel(), range(4))


@pytest.mark.parametrize(
    "column",
    [
        ["x", "y"],
        pd.Categorical([1, 2]),
        [1j, 2],
        pd.date_range("2020", periods=2),
        pd.to_timedelta([1, 2]),
        [None, 1.5j],
        [[1], [2]],
    ],
)
def test_columns_that_are_not_numeric_are_named(column):
    X = long([2]).assign(bad=column)
    message = refusal(X)
    assert "numeric columns, got 'bad (" in message
    assert "select_dtypes" in message


def test_many_bad_columns_are_counted():
    assert "and 97 more" in refusal(long([2], columns=range(100)).astype(str))


def test_text_in_a_wide_frame_is_named():
    message = refusal(pd.DataFrame({"a": [1.0], "b": ["x"]}))
    assert "Look at the columns 'b'." in message


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (long([2]).set_index([[0, 0]], append=True), "two levels"),
        (long([2]).iloc[:0], "got 0 row(s)"),
        (long([2])[[]], "got 0 column(s)"),
        (pd.concat([long([2])], axis=1, keys=["x"]), "columns of one level, got 2"),
        (pd.concat([pd.DataFrame([[1]])], axis=1, keys=["x"]), "columns of one level"),
        (long([2], columns=["a", "a"]), "different names, got 'a' more than once"),
        (long([2], columns=["a", None]), "text or dates, got missing ones"),
        (pd.DataFrame([[1.0]], columns=pd.to_datetime([None])), "got missing ones"),
        (long([2], columns=["a", np.nan]), "labelled by numbers, text or dates"),
        (pd.DataFrame(np.eye(2), columns=pd.interval_range(0, 2)), "Interval(0, 1"),
        (long([2]).rename_axis(index=[("a", 1), "t"]), "The index levels of X must be"),
        (long([2]).assign(a=[np.nan, 1]), "NaN: 1 of 4 values"),
        (long([2, 1]).assign(a=np.inf), "infinity: 3 of 6 values"),
    ],
)
def test_other_frames_are_refused(X, words):
    assert words in refusal(X)


# Missing values


@pytest.mark.parametrize("where", [(0, 1, 0), (1, 2, 1)])
def test_missing_values_are_allowed_if_they_are_masked(where):
    X = numbers(2, 3, 2)
    X[where] = np.nan
    assert 'fit with missing="mask"' in refusal(X)
    assert_array_equal(Toy("mask").fit(X).values_, X)


def test_missing_values_of_every_form_are_allowed():
    nullable = pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": [1.0, 2.0]})
    for X in ([[1.0, np.nan], [2.0]], nullable, long([3, 2]).where(lambda X: X > 0)):
        toy = Toy("mask").fit(X)
        restored = toy._form.restore(toy.values_, toy.lengths_)
        if isinstance(X, list):
            assert_array_equal(restored[0], X[0])
        else:
            assert_frame_equal(restored, X)


@pytest.mark.parametrize("make", [np.asarray, lambda X: [*X, X[0, :1]]])
def test_infinity_is_refused_among_missing_values(make):
    X = numbers(2, 3, 2)
    X[0, 0, 0], X[1, 2, 1] = np.nan, -np.inf
    message = refusal(make(X), "mask")
    assert "contains infinity: 1 of" in message
    assert "(1, 2, 1)" in message


def test_magnitudes_are_refused_among_missing_values():
    assert "above 1e+300: 1 of 3 values" in refusal([[np.nan, 2e300, 0.0]], "mask")


def test_a_series_without_a_value_is_refused_in_every_method():
    X = numbers(3, 4, 2)
    toy = Toy("mask").fit(X)
    X[1] = np.nan
    words = "value in every series, got only NaN in 1 of 3, the first is series 1"
    assert words in refusal(X, "mask")
    with pytest.raises(ValueError, match=words):
        toy.check(X)


def test_a_channel_without_a_value_is_refused_in_fit_alone():
    X = numbers(3, 4, 2)
    toy = Toy("mask").fit(X)
    X[:, :, 1] = np.nan
    words = "value in every channel, got only NaN in 1 of 2, the first is channel 1"
    assert words in refusal(X, "mask")
    assert_array_equal(toy.check(X)[0], X)


# Nothing of the user's is changed, and nothing is copied twice


@pytest.mark.parametrize("lengths", [[3, 3], [3, 2]])
def test_input_is_unchanged(lengths):
    X, L = long(lengths, dtypes=("i4", "f4")), ragged(lengths)
    before = X.copy(), [series.copy() for series in L]
    for came in (X, L):
        toy = Toy().fit(came)
        toy.check(came)
        toy._form.restore(toy.values_, toy.lengths_)
    assert_frame_equal(X, before[0])
    for series, expected in zip(L, before[1], strict=True):
        assert_array_equal(series, expected, strict=True)


def test_a_clean_array_is_not_copied():
    X = numbers(3, 4, 2)
    assert np.shares_memory(Toy().fit(X).values_, X)


@pytest.mark.parametrize("whole", [True, False])
def test_a_million_rows_are_read_at_once(whole):
    index = pd.MultiIndex.from_product([range(20_000), range(50)])
    X = pd.DataFrame({"a": 1.0, "b": 2.0}, index=index)
    X = X if whole else X[np.random.default_rng(0).random(len(X)) < 0.9]
    start = time.process_time()
    toy = Toy().fit(X)
    toy._form.restore(toy.values_, toy.lengths_)
    assert time.process_time() - start < 4  # 0.2 s here; rows one by one take a minute


def test_a_form_needs_pandas_only_to_make_frames():
    facts = Toy().fit(long([2, 1]))._form.facts()
    code = (
        "import json, sys; sys.modules['pandas'] = None\n"
        "import numpy as np\n"
        "from tsgen._forms import Form\n"
        "form = Form.from_facts(json.loads(sys.argv[1]))\n"
        "try: form.restore(np.ones((1, 2, 2)))\n"
        "except ImportError as error: print(error)"
    )
    command = [sys.executable, "-c", code, json.dumps(facts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "pip install pandas" in done.stdout


# Facts of unknown origin

LONG = Toy().fit(long([3, 2]))._form.facts()
WIDE = Toy().fit(pd.DataFrame([[1.0, 2.0]], columns=["a", "b"]))._form.facts()
TENSOR = {"kind": "tensor", "n_axes": 3, "dtype": "float32"}
BAD_FACTS = {
    "nothing": None,
    "no kind": {},
    "another kind": {"kind": "pickle"},
    "a kind that is a list": {"kind": ["array"], "n_axes": 3},
    "a key too many": {"kind": "array", "n_axes": 3, "more": 1},
    "a key too few": {"kind": "array"},
    "four axes": {"kind": "array", "n_axes": 4},
    "a true axis": {"kind": "array", "n_axes": True},
    "a list of axes": {"kind": "array", "n_axes": [3]},
    "three axes of a series": {"kind": "list", "n_axes": 3, "dtype": None},
    "another type of tensors": {"kind": "list", "n_axes": 1, "dtype": "load"},
    "another type of tensor": {**TENSOR, "dtype": "float32 "},
    "a type that is a number": {**TENSOR, "dtype": 3},
    "another type of columns": {**LONG, "dtypes": ["object"]},
    "no type of columns": {**LONG, "dtypes": []},
    "a type of columns that is text": {**LONG, "dtypes": "int64"},
    "three names": {**LONG, "index_names": ["a", "b", "c"]},
    "a name that is a list": {**LONG, "index_names": [["a"], "b"]},
    "a number for ragged": {**LONG, "ragged": 1},
    "no axis": {**LONG, "times": None},
    "text for an axis": {**LONG, "columns": "ab"},
    "an axis of another type": {**LONG, "times": {"dtype": "i8", "labels": []}},
    "an axis of several types": {**LONG, "times": {"dtype": "int64", "labels": [1.5]}},
    "an axis of text": {**LONG, "times": {"dtype": "int64", "labels": ["a"]}},
    "an axis out of range": {**LONG, "times": {"dtype": "int8", "labels": [300]}},
    "an axis of lists": {**LONG, "columns": {"dtype": "object", "labels": [[1]]}},
    "an axis of nulls": {**LONG, "columns": {"dtype": "object", "labels": [None]}},
    "repeated times": {**LONG, "times": {"dtype": "int64", "labels": [1, 1]}},
    "a step of text": {**LONG, "times": {"dtype": "int64", "start": 0, "step": "1"}},
    "a path for a zone": {
        **LONG,
        "times": {"dtype": "datetime64[ns, ../etc]", "start": 0, "step": 1},
    },
    "a file for a zone": {
        **LONG,
        "times": {"dtype": "datetime64[ns, dateutil//etc]", "start": 0, "step": 1},
    },
    "an even axis of text": {**LONG, "times": {"dtype": "str", "start": 0, "step": 1}},
}


@pytest.mark.parametrize("facts", BAD_FACTS.values(), ids=BAD_FACTS.keys())
def test_facts_that_are_not_of_a_form_are_refused(facts):
    with pytest.raises(ValueError, match=r"form|axis"):
        Form.from_facts(facts)


@pytest.mark.parametrize(
    ("facts", "good", "bad"),
    [
        ({"kind": "array", "n_axes": 2}, (5, 1), (5, 2)),
        ({**TENSOR, "n_axes": 2}, (5, 1), (5, 2)),
        ({"kind": "list", "n_axes": 1, "dtype": None}, (5, 1), (5, 2)),
        (WIDE, (2, 1), (3, 1)),
        (WIDE, (2, 1), (2, 2)),
        ({**WIDE, "dtypes": ["int64", "int8"]}, (2, 1), (1, 1)),
        (LONG, (3, 2), (3, 3)),
        ({**LONG, "times": {"dtype": "int64", "labels": [1, 5]}}, (2, 2), (3, 2)),
        (
            {**LONG, "times": {"dtype": "int64", "start": 0, "step": 2**62}},
            (1, 2),
            (3, 2),
        ),
    ],
)
def test_a_form_knows_which_axes_fit(facts, good, bad):
    assert Form.from_facts(facts).fits(*good)
    assert not Form.from_facts(facts).fits(*bad)


def test_forms_cannot_be_changed():
    for form in (ArrayForm(3), ListForm(1, None), Toy().fit(long([2]))._form):
        with pytest.raises(AttributeError):
            form.kind = "other"


# Where lengths must be equal


def test_metrics_take_long_frames_of_one_length():
    X = long([3, 3])
    assert_array_equal(as_series(X).reshape(6, 2), X)
    assert check_series(X, estimator=Toy(), reset=True).shape == (2, 3, 2)


def test_long_frames_of_unequal_length_are_refused_there():
    with pytest.raises(ValueError, match="equal length, got lengths from 2 to 3 in 2"):
        as_series(long([3, 2]))
    with pytest.raises(ValueError, match=r"^synthetic must have increasing times"):
        as_series(out_of_order([(0, 2), (0, 1)]), "synthetic")


# Lengths to make


LENGTHS = [2, np.int8(2), [2] * 3, np.array([2] * 3, "u1"), torch.tensor([2] * 3)]


@pytest.mark.parametrize("lengths", LENGTHS, ids=lambda lengths: type(lengths).__name__)
def test_lengths_are_one_for_all_or_one_for_each(lengths):
    found = check_lengths(lengths, n_samples=3, n_timesteps=2)
    assert_array_equal(found, np.array([2, 2, 2]), strict=True)


def test_no_series_have_no_lengths():
    assert check_lengths([], 0, 5).shape == check_lengths(3, 0, 5).shape == (0,)


@pytest.mark.parametrize(
    "lengths", [2.0, True, "2", None, [2.0] * 3, [True] * 3, [[1], [1, 2]], {2}]
)
def test_lengths_that_are_not_integers_are_refused(lengths):
    with pytest.raises(TypeError, match="lengths must be an integer from 1 to 5, or 3"):
        check_lengths(lengths, 3, 5)


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([1, 2], r"got shape \(2,\)"),
        ([[1, 2, 3]], r"got shape \(1, 3\)"),
        (0, "the first is 0 for series 0"),
        (6, "the first is 6"),
        ([1, 6, -1], "got 2 that are not, the first is 6 for series 1"),
    ],
)
def test_lengths_out_of_range_are_refused(lengths, words):
    with pytest.raises(ValueError, match=words):
        check_lengths(lengths, 3, 5)


def test_the_result_of_lengths_is_no_view():
    lengths = np.array([1, 2, 3])
    check_lengths(lengths, 3, 3)[0] = 3
    assert lengths[0] == 1


def numbered(starts, numbers):
    """Return an index of series of six steps, whose times are numbers of a type."""
    times = np.add.outer(starts, np.arange(6)).astype(numbers)
    return pd.MultiIndex.from_arrays([np.arange(len(starts)).repeat(6), times.ravel()])


@pytest.mark.parametrize("starts", [[0, 0, 0], [7, 0, 70]])
@pytest.mark.parametrize("came", ["i1", "i8", "f8"])
@pytest.mark.parametrize("fitted", ["i4", "u1", "f4", "f8"])
def test_times_go_on_whatever_numbers_they_are(fitted, came, starts):
    axis = times_of(numbered(starts, fitted), np.full(3, 6), "The times")
    later = numbered([100, 30], came)
    first = later[[0, 1, 6, 7]].get_level_values(1)
    made = continued(axis, first, np.array([0, 2]), np.array([6, 6]))
    assert made.tolist() == later.get_level_values(1).tolist()
    halves = first.astype(float) / 2
    assert continued(axis, halves, np.array([0, 2]), np.array([6, 6])) is None
