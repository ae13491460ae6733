import contextlib
import hashlib
import re

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, DensityMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from tsgen._random import numpy_generator
from tsgen._validation import (
    as_series,
    check_count,
    check_enough_series,
    check_series,
    restore_form,
)

few = settings(max_examples=50, deadline=None, derandomize=True)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))


class Toy(DensityMixin, TransformerMixin, BaseEstimator):
    """Remembers the mean series: the least that goes through the public door."""

    def __init__(self, minimum=1, random_state=None):
        self.minimum = minimum
        self.random_state = random_state

    def fit(self, X, y=None):
        X = check_series(X, estimator=self, reset=True)
        check_enough_series(X, self.minimum, self)
        self.mean_series_ = X.mean(axis=0, dtype=np.float64)
        return self

    def score_samples(self, X):
        X = check_series(X, estimator=self, reset=False)
        return -((X - self.mean_series_) ** 2).sum(axis=(1, 2))

    def transform(self, X):
        X = check_series(X, estimator=self, reset=False)
        return (X - self.mean_series_).reshape(len(X), -1)

    def score(self, X, y=None):
        return float(self.score_samples(X).mean())

    def sample(self, n_samples=1):
        check_is_fitted(self)
        shape = (check_count(n_samples, "n_samples"), *self.mean_series_.shape)
        noise = numpy_generator(self.random_state, "sample").normal(size=shape)
        return restore_form(self.mean_series_ + noise, self)


def series(n=4, length=5, channels=3):
    return np.random.default_rng(0).normal(size=(n, length, channels))


def digest(X):
    return hashlib.sha256(np.ascontiguousarray(X).tobytes()).hexdigest()


def refusal(X, estimator=None):
    """Return the error that `X` meets in fit."""
    with pytest.raises((TypeError, ValueError)) as caught:
        check_series(X, estimator=estimator or Toy(), reset=True)
    return caught.value


# The contract of scikit-learn


@pytest.mark.foreign_draws
@pytest.mark.parametrize("minimum", [1, 2])
def test_an_estimator_behind_the_door_passes_every_check_of_scikit_learn(minimum):
    results = check_estimator(Toy(minimum=minimum), on_skip=None)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert sum(result["status"] == "passed" for result in results) > 40


def test_fit_remembers_the_axes_of_three_axes():
    toy = Toy().fit(series(4, 5, 3))
    axes = (toy.n_features_in_, toy.n_timesteps_, toy.n_channels_, toy._input_ndim)
    assert axes == (5, 5, 3, 3)


def test_fit_remembers_the_axes_of_two_axes():
    toy = Toy().fit(series(4, 5, 1)[:, :, 0])
    axes = (toy.n_features_in_, toy.n_timesteps_, toy.n_channels_, toy._input_ndim)
    assert axes == (5, 5, 1, 2)


def test_two_axes_are_series_of_one_channel():
    X = series(4, 5, 1)
    assert_array_equal(as_series(X[:, :, 0]), X)


def test_column_names_of_a_data_frame_are_remembered():
    toy = Toy().fit(pd.DataFrame({"monday": [1.0, 2.0], "tuesday": [3.0, 4.0]}))
    assert list(toy.feature_names_in_) == ["monday", "tuesday"]


def test_a_refused_fit_leaves_nothing_behind():
    toy = Toy()
    refusal(np.full((2, 3, 1), np.nan), toy)
    assert vars(toy) == vars(Toy())


def test_an_estimator_that_is_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        check_series(series(), estimator=Toy(), reset=False)


# Axes that differ from fit


@pytest.mark.parametrize("shape", [(4, 6, 3), (4, 5, 2), (4, 6, 2), (4, 5), (4, 6)])
def test_other_axes_than_in_fit_are_refused_naming_both(shape):
    toy = Toy().fit(series(4, 5, 3))
    came = f"n_timesteps = {shape[1]} and n_channels = {(*shape, 1)[2]}"
    with pytest.raises(ValueError, match=came) as caught:
        toy.score_samples(np.zeros(shape))
    assert "n_timesteps = 5 and n_channels = 3" in str(caught.value)


def test_another_length_of_two_axes_is_refused_in_the_words_of_scikit_learn():
    toy = Toy().fit(np.zeros((2, 4)))
    stock = "X has 3 features, but Toy is expecting 4 features as input"
    with pytest.raises(ValueError, match=stock) as caught:
        toy.score_samples(np.zeros((2, 3)))
    assert "n_timesteps = 4 and n_channels = 1" in str(caught.value)


@pytest.mark.parametrize("fitted", [(4, 5), (4, 5, 1)])
@pytest.mark.parametrize("given_", [(4, 5), (4, 5, 1)])
def test_one_channel_may_come_with_or_without_its_axis(fitted, given_):
    X = series(4, 5, 1)
    toy = Toy().fit(X.reshape(fitted))
    assert_array_equal(toy.score_samples(X.reshape(given_)), toy.score_samples(X))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3)])
def test_samples_have_the_form_of_the_fit(shape):
    assert Toy().fit(np.zeros(shape)).sample(7).shape == (7, *shape[1:])


# R7: values


@pytest.mark.parametrize("method", ["fit", "score_samples", "transform", "score"])
@pytest.mark.parametrize("position", [(0, 0, 0), (3, 0, 1), (1, 4, 2)])
@pytest.mark.parametrize(
    ("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
def test_a_value_that_is_not_finite_is_refused_with_its_position(
    method, position, value, word
):
    X = series(4, 5, 3)
    toy = Toy().fit(X)
    X[position] = value
    where = f"1 of 60 values, the first at (series, step, channel) = {position}"
    words = re.escape(f"X contains {word}: {where}")
    with pytest.raises(ValueError, match=words) as caught:
        getattr(toy, method)(X)
    assert "interpolate" in str(caught.value)


def test_nan_and_infinity_are_counted_together():
    X = np.zeros((2, 3, 1))
    X[0, 1], X[1, 2] = np.inf, np.nan
    assert "NaN and infinity: 2 of 6 values" in str(refusal(X))


def test_the_position_of_nan_in_two_axes_names_channel_0():
    X = np.zeros((2, 3))
    X[1, 2] = np.nan
    assert "(series, step, channel) = (1, 2, 0)" in str(refusal(X))


@pytest.mark.parametrize(
    "missing", [[[None, 1.0]], [["nan", "1"]], pd.DataFrame({"a": [1, None]})]
)
def test_missing_values_are_refused_in_every_form(missing):
    assert "NaN" in str(refusal(missing))


def test_pandas_missing_values_are_refused():
    X = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [1.0, 2.0]})
    assert "contains NaN: 1 of 4 values" in str(refusal(X))


def test_values_are_checked_even_if_scikit_learn_is_told_to_assume_them_finite():
    with config_context(assume_finite=True):
        assert "NaN" in str(refusal([[np.nan]]))


# R13: magnitudes


@pytest.mark.parametrize("value", [1e300, -1e300, 1e-320, 1e30, 0.0])
def test_magnitudes_up_to_1e300_pass(value):
    assert_array_equal(as_series([[value, 0.0]]).ravel(), [value, 0.0])


@pytest.mark.parametrize("value", [1.1e300, -1e305])
def test_magnitudes_above_1e300_are_refused(value):
    message = str(refusal([[0.0, value]]))
    assert "magnitudes above 1e+300: 1 of 2 values" in message


@pytest.mark.parametrize("value", [10**400, np.longdouble("1e4000")])
def test_numbers_too_large_for_float64_are_refused(value):
    assert isinstance(refusal([[0, value]]), ValueError)


# R10, R11, R12: axes


def test_one_series_passes():
    assert as_series(series(1)).shape == (1, 5, 3)


def test_too_few_series_are_refused_with_their_number():
    with pytest.raises(ValueError, match="n_samples = 1") as caught:
        Toy(minimum=2).fit(series(1))
    assert "1 sample" in str(caught.value)


def test_enough_series_pass():
    assert check_enough_series(series(2), 2, Toy()) is None


def test_series_of_length_1_pass():
    assert Toy().fit(series(4, 1, 3)).n_timesteps_ == 1


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((), r"got shape \(\)"),
        ((5,), r"reshape\(1, -1\)"),
        ((2, 3, 4, 5), "one channel axis"),
        ((0, 3), r"0 sample\(s\)"),
        ((0, 3, 2), r"0 sample\(s\)"),
        ((4, 0), r"0 feature\(s\) \(shape=\(4, 0\)\) while a minimum of 1"),
        ((4, 0, 2), r"0 feature\(s\)"),
        ((4, 3, 0), r"0 channel\(s\)"),
    ],
)
def test_a_shape_that_is_not_series_is_refused(shape, words):
    with pytest.raises(ValueError, match=words) as caught:
        Toy().fit(np.zeros(shape))
    assert "(n_samples, n_timesteps, n_channels)" in str(caught.value)


def test_one_axis_is_refused_with_advice_to_cut_windows():
    assert "tsgen.datasets.make_windows" in str(refusal(np.zeros(500)))


# R14: types of numbers


@pytest.mark.parametrize(
    "dtype",
    ["i1", "u2", "i8", "?", "f2", "g", ">f8", ">f4", ">i4", "O", "U8", "S8"],
)
def test_every_type_of_number_equals_float64_of_the_same_values(dtype):
    X = np.array([[[0, 1], [1, 1]], [[1, 0], [0, 0]]]).astype(dtype)
    found = as_series(X)
    assert found.dtype == np.float64
    assert found.dtype.isnative
    assert_array_equal(found, [[[0, 1], [1, 1]], [[1, 0], [0, 0]]])


@pytest.mark.parametrize("make", [np.asarray, list, torch.from_numpy])
def test_float32_stays_float32(make):
    assert as_series(make(np.ones((2, 3, 1), np.float32))).dtype == np.float32


@pytest.mark.parametrize("dtype", ["f4", "i4", "Int64", "Float64", "boolean"])
def test_a_data_frame_equals_its_array(dtype):
    X = pd.DataFrame(np.eye(3), dtype="f8").astype(dtype)
    assert_array_equal(as_series(X)[:, :, 0], np.eye(3))


def test_data_frames_in_a_list_are_refused_with_advice():
    frame = pd.DataFrame(np.eye(3))
    loose = np.empty(2, object)
    loose[:] = [frame, frame]
    for X in ([frame, frame], (frame, frame), loose, [np.eye(3), frame]):
        message = refusal(X)
        assert "a list of arrays or one data frame, got data frames in a" in str(
            message
        )


# R15: what is not numbers


@pytest.mark.parametrize(
    "X",
    [
        np.ones((50, 50)) * 1j,
        [[1j, 2.0]],
        pd.DataFrame({"a": [1j], "b": [2.0]}),
    ],
)
def test_complex_numbers_are_refused_with_advice(X):
    assert "Complex data not supported: X must hold" in str(refusal(X))


def test_complex_tensors_are_refused():
    X = torch.ones(2, 3, dtype=torch.complex64).conj()
    assert "Complex data not supported" in str(refusal(X))


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 3), "M8[s]"),
        np.zeros((2, 3), "m8[s]"),
        np.array([[np.datetime64("2020-01-01")]], dtype=object),
        pd.DataFrame({"when": pd.date_range("2020", periods=3), "x": range(3)}),
        pd.DataFrame({"when": pd.date_range("2020", periods=3, tz="UTC")}),
    ],
)
def test_dates_are_refused(X):
    error = refusal(X)
    assert isinstance(error, TypeError)
    assert "dates or time differences" in str(error)


@pytest.mark.parametrize("X", [[["a", "b"]], np.array([["a" * 1000]]), [["1", "x"]]])
def test_text_is_refused(X):
    assert "X must hold real numbers, got: could not convert" in str(refusal(X))


@pytest.mark.parametrize("X", [None, {"a": [1.0]}, {1.0}, "text", (i for i in [1])])
def test_what_is_not_an_array_is_refused_by_its_type(X):
    error = refusal(X)
    assert isinstance(error, TypeError)
    assert str(error).endswith(f"got {type(X).__name__}.")


def test_an_object_that_is_not_a_number_is_refused():
    X = np.ones((2, 2), object)
    X[0, 0] = {"not": "a number"}
    assert "a real number, not 'dict'" in str(refusal(X))


def test_structured_arrays_are_refused():
    assert "structured array" in str(refusal(np.zeros((2, 2), [("a", float)])))


@pytest.mark.parametrize(
    "X", [csr_array(np.eye(3)), [csr_array(np.eye(3))] * 2, torch.eye(3).to_sparse()]
)
def test_sparse_data_are_refused(X):
    assert "Sparse data was passed for X" in str(refusal(X))


@pytest.mark.parametrize("wrap", [lambda X: X, list])
def test_masked_values_are_refused_with_their_number(wrap):
    X = np.ma.masked_greater(np.arange(6.0).reshape(2, 3), 2.5)
    assert "3 of" in str(refusal(wrap(X)))
    assert ".filled(" in str(refusal(wrap(X)))


def test_a_masked_array_that_hides_nothing_passes():
    X = np.ma.masked_array(np.eye(3))
    assert type(as_series(X)) is np.ndarray


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64])
def test_tensors_of_any_type_become_float64(dtype):
    found = as_series(torch.arange(6).reshape(2, 3).to(dtype))
    assert found.dtype == np.float64
    assert_array_equal(found.ravel(), range(6))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tensors_are_detached(dtype):
    X = torch.ones(2, 3, 1, dtype=dtype, requires_grad=True)
    assert_array_equal(as_series(X), np.ones((2, 3, 1)))
    assert X.requires_grad


def test_a_list_of_tensors_is_stacked():
    X = [torch.ones(3, 2, dtype=torch.bfloat16, requires_grad=True) for _ in range(4)]
    assert as_series(X).shape == (4, 3, 2)


BAD = {
    "complex": np.ones((99, 99)) * 1j,
    "dates": np.zeros((99, 99), "M8[s]"),
    "long text": np.full((9, 9), "word " * 500),
    "nan": np.full((99, 99, 9), np.nan),
    "huge": np.full((99, 99, 9), 1e305),
    "four axes": np.zeros((99999, 1, 1, 2)),
    "one axis": np.zeros(99999),
    "no steps": np.zeros((99999, 0, 9)),
    "no channels": np.zeros((99999, 99999, 0)),
    "unequal": [np.zeros(9), np.zeros(99999)],
    "masked": np.ma.masked_all((99, 99)),
    "sparse": csr_array(np.eye(99)),
    "structured": np.zeros((9, 9), [("a", float)]),
    "dict": {str(i): i for i in range(999)},
    "none": None,
}


@pytest.mark.parametrize("X", BAD.values(), ids=BAD.keys())
def test_messages_are_short_and_name_the_parameter(X):
    message = str(refusal(X))
    assert "X" in message
    assert len(message) < 300
    assert message.count("\n") <= 2


def test_messages_name_the_argument_of_a_metric():
    with pytest.raises(ValueError, match=r"^synthetic contains NaN"):
        as_series([[np.nan]], "synthetic")


# R16: unequal lengths


@pytest.mark.parametrize(
    "make",
    [
        list,
        lambda lengths: [np.zeros(n) for n in lengths],
        lambda lengths: [np.zeros((n, 2)) for n in lengths],
        lambda lengths: [torch.zeros(n, 2) for n in lengths],
        lambda lengths: pd.Series([np.zeros(n) for n in lengths]),
        lambda lengths: [[[0.0, 1.0]] * n for n in lengths],
    ],
)
def test_unequal_lengths_are_refused_with_advice(make):
    X = make([3, 7, 5]) if make is not list else [[0] * 3, [0] * 7, [0] * 5]
    message = str(refusal(X))
    assert "equal length, got lengths from 3 to 7 in 3 series" in message
    assert "make_windows" in message


@pytest.mark.parametrize(
    "X",
    [
        [np.zeros((3, 1)), np.zeros((3, 2))],
        [[[1], [1, 2]], [[1], [1, 2]]],
    ],
)
def test_unequal_channels_are_refused(X):
    assert "the same channels at every step" in str(refusal(X))


def test_numbers_among_series_are_refused():
    assert "lengths from 0 to 2" in str(refusal([[1.0, 2.0], 3.0]))


def test_an_object_array_of_equal_series_is_stacked():
    X = pd.Series([np.zeros((3, 2)) for _ in range(4)])
    assert as_series(X).shape == (4, 3, 2)


# R17, R18, R19: memory

LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "negative strides": lambda X: np.ascontiguousarray(X[::-1, ::-1, ::-1])[
        ::-1, ::-1, ::-1
    ],
    "transposed": lambda X: np.ascontiguousarray(X.T).T,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "nested lists": np.ndarray.tolist,
    "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "unaligned": lambda X: np.frombuffer(
        bytearray(b"x" + X.tobytes()), offset=1
    ).reshape(X.shape),
    "big-endian": lambda X: X.astype(">f8"),
    "tensor": lambda X: torch.from_numpy(X.copy()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@few
@given(shape=shapes)
def test_every_layout_gives_the_array_that_torch_takes(layout, shape):
    X = series(*shape)
    found = as_series(LAYOUTS[layout](X))
    assert_array_equal(found, X)
    assert found.flags.carray
    assert type(found) is np.ndarray
    assert torch.from_numpy(found).shape == X.shape


def test_a_read_only_memory_map_is_read_without_a_warning(tmp_path):
    np.save(tmp_path / "X.npy", series())
    found = as_series(np.load(tmp_path / "X.npy", mmap_mode="r"))
    assert found.flags.writeable
    assert type(found) is np.ndarray


def test_a_clean_array_is_not_copied():
    X = series()
    assert np.shares_memory(as_series(X), X)


@few
@given(
    X=arrays(
        st.sampled_from(["f8", "f4", ">f8", "i8", "?"]),
        st.one_of(shapes, st.tuples(st.integers(0, 3), st.integers(0, 3))),
    )
)
def test_the_input_is_unchanged_whether_it_passes_or_not(X):
    before = digest(X)
    with contextlib.suppress(ValueError):
        Toy().fit(X).transform(X)
    assert digest(X) == before


def test_a_data_frame_is_unchanged():
    X = pd.DataFrame(np.eye(3))
    Toy().fit(X).transform(X)
    pd.testing.assert_frame_equal(X, pd.DataFrame(np.eye(3)))


# Counts


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_an_integer_is_a_count(value):
    found = check_count(value, "n_samples")
    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize("value", [True, np.True_, 3.0, np.float64(3), "3", None, [3]])
def test_what_is_not_an_integer_is_no_count(value):
    with pytest.raises(TypeError, match=r"^n_samples must be an integer of at least 0"):
        check_count(value, "n_samples")


def test_a_count_below_the_minimum_is_refused():
    with pytest.raises(ValueError, match=r"n_levels must be .* at least 2, got 1"):
        check_count(1, "n_levels", minimum=2)


def test_the_minimum_itself_is_a_count():
    assert check_count(0, "n_samples") == 0
