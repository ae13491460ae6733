"""Class labels and static variables become numbers for a network, or a clear error."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tsgen._conditions.labels import LabelEncoder, check_labels
from tsgen._conditions.static import StaticEncoder, check_static

few = settings(max_examples=40, deadline=None, derandomize=True)


def refusal(function, *args, **options):
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*args, **options)
    message = str(caught.value)
    assert len(message) < 400
    assert message.count("\n") == 1
    return message


def as_json(facts):
    return json.loads(json.dumps(facts, allow_nan=False))


# Labels

LABELS = {
    "integers": ([2, 0, 2], [2, 0, 2]),
    "text": (["b", "a", "b"], ["b", "a", "b"]),
    "booleans": ([True, False, True], [True, False, True]),
    "whole floats": ([2.0, 0.0, -2.0], [2.0, 0.0, -2.0]),
    "integers and whole floats": ([2, 0.0, 1], [2.0, 0.0, 1.0]),
    "an array": (np.array([2, 0, 2], "u1"), [2, 0, 2]),
    "objects": (np.array(["b", "a", "b"], dtype=object), ["b", "a", "b"]),
    "a tensor": (torch.tensor([2, 0, 2]), [2, 0, 2]),
    "numbers of torch": (list(torch.tensor([2, 0, 2])), [2, 0, 2]),
    "a pandas Series": (pd.Series([2, 0, 2], index=[5, 5, 5]), [2, 0, 2]),
    "nullable integers": (pd.array([2, 0, 2], "Int64"), [2, 0, 2]),
    "nullable booleans": (
        pd.array([True, False, True], "boolean"),
        [True, False, True],
    ),
    "text of pandas": (pd.Series(["b", "a", "b"], dtype="string"), ["b", "a", "b"]),
    "categories": (pd.Categorical(["b", "a", "b"]), ["b", "a", "b"]),
}


if hasattr(np.dtypes, "StringDType"):  # of NumPy 2
    LABELS["text of NumPy"] = (
        np.array(["b", "a", "b"], np.dtypes.StringDType()),
        ["b", "a", "b"],
    )


@pytest.mark.parametrize(("y", "expected"), LABELS.values(), ids=LABELS.keys())
def test_labels_of_one_type_pass(y, expected):
    found = check_labels(y, 3)
    assert_array_equal(found, np.array(expected))
    assert found.dtype.kind in "biufU"
    assert found.dtype.kind == np.array(expected).dtype.kind or found.dtype.kind == "u"


BAD_LABELS = {
    "too few": ([0, 1], "one label for each of 3 series, got 2"),
    "a column": ([[0], [1], [2]], "got (3, 1)"),
    "ragged": ([[0], [1, 2], [3]], "got list"),
    "one label": ("abc", "got ()"),
    "NaN": ([0.0, np.nan, 1.0], "got 1 missing ones (NaN) in rows 1"),
    "None": (["a", None, None], "got 2 missing ones (NaN) in rows 1, 2"),
    "NA": ([pd.NA, "a", "b"], "missing ones (NaN) in rows 0"),
    "NaT": (np.array(["2020", "NaT", "2021"], "M8[D]"), "missing ones (NaN) in rows 1"),
    "NaN of pandas": (pd.Series([1.0, None, 2.0]), "missing ones (NaN) in rows 1"),
    "missing integers": (
        pd.array([1, None, 2], "Int64"),
        "missing ones (NaN) in rows 1",
    ),
    "missing categories": (pd.Categorical(["a", None, "b"]), "missing ones"),
    "masked": (np.ma.masked_array([1, 2, 3], [0, 1, 0]), "must not be masked"),
    "fractions": ([0.0, 0.5, 1.5], "not whole in 2 rows, the first is 0.5 in row 1"),
    "infinity": ([0.0, 1.0, np.inf], "the first is inf in row 2"),
    "two types": ([1, "a", 2], "one type, got numbers and text"),
    "booleans and numbers": ([True, 2, 3], "one type, got booleans and numbers"),
    "complex": ([1j, 2, 3], "one type, got complex and numbers"),
    "all complex": (np.array([1j, 2, 3]), "text or booleans, got complex128"),
    "dates": (np.array(["2020", "2021", "2022"], "M8[D]"), "got datetime64"),
    "dates of pandas": (pd.Series(pd.date_range("2020", periods=3)), "got datetime64"),
    "bytes": ([b"a", b"b", b"c"], "got bytes"),
}


@pytest.mark.parametrize(("y", "words"), BAD_LABELS.values(), ids=BAD_LABELS.keys())
def test_what_is_no_label_is_refused(y, words):
    assert words in refusal(check_labels, y, 3)


def test_messages_about_labels_name_the_argument():
    assert refusal(check_labels, [0.5], name="y_new").startswith("y_new must hold")


def test_no_labels_pass_only_for_no_series():
    assert check_labels([], 0).shape == (0,)
    assert "at least one" in refusal(LabelEncoder().fit, [])
    assert "for each of 2 series, got 0" in refusal(check_labels, [], 2)


@few
@given(
    y=st.one_of(
        st.lists(st.integers(-5, 5), min_size=1, max_size=9),
        st.lists(st.text(max_size=3), min_size=1, max_size=9),
        st.lists(st.booleans(), min_size=1, max_size=9),
    )
)
def test_labels_become_one_hot_rows_and_back(y):
    encoder = LabelEncoder().fit(y)
    rows = encoder.transform(y)
    assert rows.dtype == np.float32
    assert rows.shape == (len(y), encoder.width)
    assert_array_equal(rows.sum(axis=1), 1)
    assert encoder.classes_[rows.argmax(axis=1)].tolist() == check_labels(y).tolist()
    again = LabelEncoder.from_facts(as_json(encoder.facts()))
    assert_array_equal(again.transform(y), rows)
    assert again.classes_.dtype.kind == encoder.classes_.dtype.kind


NOT_KEPT = {
    "large numbers": (np.array([1, 2**63], np.uint64), "between -2"),
    "the largest negative number": ([0, -(2**63)], "between -2"),
    "long text": (["a", "b" * 2**21], "at most 2,097,152 characters"),
}


@pytest.mark.parametrize(("labels", "message"), NOT_KEPT.values(), ids=NOT_KEPT)
def test_labels_that_could_not_be_saved_are_refused(labels, message):
    encoder = LabelEncoder()
    with pytest.raises(ValueError, match=f"y must hold .*{message}"):
        encoder.fit(labels)
    assert not hasattr(encoder, "classes_")


def test_the_longest_labels_that_are_allowed_are_saved():
    encoder = LabelEncoder().fit(["a", "b" * 2**20])
    again = LabelEncoder.from_facts(as_json(encoder.facts()))
    assert_array_equal(again.classes_, encoder.classes_)


def test_labels_are_compared_by_value():
    encoder = LabelEncoder().fit([0, 1])
    for y in ([1.0, 0.0], [True, False], np.array([1, 0], "u1")):
        assert encoder.codes(y).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("fitted", "y", "words"),
    [
        (["a", "b"], ["a", "c", "c", "z"], "got 'c', 'z' in 3 rows, 1, 2, 3."),
        (["a", "b"], ["0"], "The labels of fit are 'a', 'b'."),
        ([1, 2], [3, 2, 0], "got 3, 0 in 2 rows, 0, 2."),
        ([1, 2], ["1", "2"], "got '1', '2' in 2 rows, 0, 1."),
        (["1", "2"], [1, 2], "got 1, 2 in 2 rows, 0, 1."),
        (range(99), [-1], "6, 7, 8 and 90 more."),
    ],
)
def test_labels_that_were_not_there_are_named(fitted, y, words):
    encoder = LabelEncoder().fit(list(fitted))
    assert words in refusal(encoder.transform, y)
    assert words in refusal(encoder.codes, y)


@pytest.mark.parametrize(
    "facts",
    [
        None,
        {},
        {"classes": []},
        {"classes": "ab"},
        {"classes": ["b", "a"]},
        {"classes": ["a", "a"]},
        {"classes": [1, "a"]},
        {"classes": [1, True]},
        {"classes": [None]},
        {"classes": [[1]]},
        {"classes": [float("nan")]},
        {"classes": [1], "more": 1},
    ],
)
def test_facts_that_are_not_of_labels_are_refused(facts):
    with pytest.raises(ValueError, match="sorted classes"):
        LabelEncoder.from_facts(facts)


# Static variables


def people():
    return pd.DataFrame(
        {
            "age": [60, 70, 80, 70],
            "sex": ["f", "m", "f", "m"],
            "smoker": [True, False, False, True],
            "ward": pd.Categorical([2, 1, 2, 3], categories=[1, 2, 3, 4]),
            "weight": pd.array([50.5, 61, 72, 83], "Float64"),
        }
    )


def test_numbers_are_standardised_and_the_others_become_columns():
    encoder = StaticEncoder().fit(people())
    found = encoder.transform(people())
    assert found.dtype == np.float32
    assert encoder.width == found.shape[1] == 1 + 2 + 2 + 3 + 1
    age, weight = found[:, 0], found[:, 8]
    assert_allclose([age.mean(), weight.mean()], 0, atol=1e-6)
    assert_allclose([age.std(), weight.std()], 1, atol=1e-6)
    assert found[0, 1:8].tolist() == [1, 0, 0, 1, 0, 1, 0]
    assert found[3, 1:8].tolist() == [0, 1, 0, 1, 0, 0, 1]


def test_arrays_of_objects_and_lists_are_read_by_column():
    frame = people()[["age", "sex", "smoker"]]
    expected = StaticEncoder().fit(frame).transform(frame)
    for static in (frame.to_numpy(object), frame.to_numpy(object).tolist()):
        assert_array_equal(StaticEncoder().fit(static).transform(static), expected)


@pytest.mark.parametrize("make", [np.asarray, np.ndarray.tolist, torch.from_numpy])
def test_numeric_arrays_are_standardised(make):
    static = np.random.default_rng(0).normal(size=(20, 3)) * [1, 1e6, 1e-6] + 5
    found = StaticEncoder().fit(make(static)).transform(make(static))
    expected = (static - static.mean(axis=0)) / static.std(axis=0)
    assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("unit", [1e-300, 1e-30, 1.0, 1e30, 1e299])
def test_units_do_not_matter(unit):
    static = np.array([[1.0], [2.0], [4.0]])
    found = StaticEncoder().fit(static * unit).transform(static * unit)
    assert_allclose(found, StaticEncoder().fit(static).transform(static), rtol=1e-5)


def test_an_encoder_is_kept_as_json():
    encoder = StaticEncoder().fit(people())
    again = StaticEncoder.from_facts(as_json(encoder.facts()))
    assert_array_equal(again.transform(people()), encoder.transform(people()))
    assert again.facts() == encoder.facts()
    assert again.width == encoder.width


def test_an_array_may_follow_on_a_frame_by_place():
    encoder = StaticEncoder().fit(people()[["age", "sex"]])
    row = encoder.transform([[70, "m"]])
    assert_array_equal(row, encoder.transform(people()[["age", "sex"]].iloc[[1]]))


def test_no_rows_are_encoded_only_for_no_series():
    encoder = StaticEncoder().fit(people())
    assert encoder.transform(people().iloc[:0], 0).shape == (0, encoder.width)
    assert "got (0, 5)" in refusal(encoder.transform, people().iloc[:0])


@pytest.mark.parametrize("value", [0.1, -1e300, 0.0, 3, 1e-300])
def test_a_constant_is_known_exactly(value):
    encoder = StaticEncoder().fit([[value]] * 7)
    assert encoder.transform([[value]]).tolist() == [[0]]
    constant = {"mean": value, "scale": 0, "low": value, "high": value}
    assert encoder.facts()["columns"] == [constant]


def test_a_constant_is_0_and_stays_the_only_value():
    encoder = StaticEncoder().fit([[0.1, 1.0], [0.1, 2.0]])
    assert encoder.transform([[0.1, 1.0]]).tolist() == [[0, -1]]
    message = refusal(encoder.transform, [[0.1, 1.0], [0.2, 1.0]])
    assert "static[:, 0] must hold 0.1, the only value in fit" in message
    assert "the first is 0.2 in row 1" in message


def test_the_input_is_unchanged():
    static = people()
    StaticEncoder().fit(static).transform(static)
    pd.testing.assert_frame_equal(static, people())


def changed(column, values):
    return people().assign(**{column: values})


CHANGED = {
    "a new category": (changed("sex", ["f", "x", "x", "m"]), "static['sex'] must hold"),
    "its rows": (changed("sex", ["f", "x", "x", "m"]), "got 'x' in 2 rows, 1, 2."),
    "those known": (changed("sex", ["f", "x", "x", "m"]), "of fit are 'f', 'm'."),
    "a category without a row": (changed("ward", [4, 1, 2, 3]), "got 4 in 1 rows, 0."),
    "text for a number": (changed("age", list("abcd")), "static['age'] must hold num"),
    "a number for text": (changed("sex", range(4)), "got 0, 1, 2 and 1 more in 4 rows"),
    "a missing number": (changed("age", [1, 2, np.nan, 3]), "(NaN) in rows 2"),
    "missing text": (changed("sex", ["f", None, "f", "m"]), "(NaN) in rows 1"),
    "infinity": (changed("age", [1, 2, -np.inf, 3]), "the first is -inf in row 2"),
    "a far number": (changed("age", [60, 70, 1e9, 70]), "within 1e+06 standard dev"),
    "another order": (people().iloc[:, ::-1], "columns of fit in their order, 'age'"),
    "other names": (people().rename(columns={"age": "Age"}), "got 'Age', 'sex', 'smo"),
    "a column less": (
        people().iloc[:, :4].to_numpy(),
        "must have 5 columns",
    ),
    "a row less": (people().iloc[:3], "one row for each of 4 series, got 3"),
}


@pytest.mark.parametrize(("static", "words"), CHANGED.values(), ids=CHANGED.keys())
def test_what_differs_from_fit_is_refused(static, words):
    encoder = StaticEncoder().fit(people())
    assert words in refusal(encoder.transform, static, 4)


UNFIT = {
    "one axis": (np.arange(4), "got (4,)"),
    "a pandas Series": (pd.Series(range(4)), "got (4,)"),
    "three axes": (np.zeros((4, 2, 2)), "got (4, 2, 2)"),
    "no columns": (np.zeros((4, 0)), "got (4, 0)"),
    "ragged": ([[1, 2], [3], [4], [5]], "got (4,)"),
    "deeply ragged": ([np.zeros((2, k)) for k in range(4)], "rows that differ"),
    "a number": (3.0, "got ()"),
    "two types": ([[1], ["a"], [2], [3]], "static[:, 0] must hold labels of one type"),
    "dates": (people().assign(at=pd.Timestamp("2020")), "static['at'] must hold integ"),
    "complex": (np.ones((4, 1)) * 1j, "static[:, 0] must hold integers, text or bool"),
    "NaN": (
        [[1.0], [np.nan], [2.0], [np.nan]],
        "2 missing ones (NaN) in rows 1, 3",
    ),
    "None": ([["a"], [None], ["b"], ["c"]], "got 1 missing ones (NaN) in rows 1"),
    "huge": ([[1.0], [1e305], [0.0], [0.0]], "at most 1e+300 in magnitude, got 1"),
    "masked": (np.ma.masked_all((4, 1)), "static must not be masked"),
    "equal names": (people()[["age", "age"]], "different names, got 'age' more than"),
    "two levels": (pd.concat({"x": people()}, axis=1), "got ('x', 'age'),"),
}


@pytest.mark.parametrize(("static", "words"), UNFIT.values(), ids=UNFIT.keys())
def test_what_is_not_static_is_refused_in_fit(static, words):
    assert words in refusal(StaticEncoder().fit, static, 4)


def test_a_refused_fit_leaves_nothing_behind():
    encoder = StaticEncoder()
    refusal(encoder.fit, [[1.0], [np.nan]])
    assert vars(encoder) == {}


# Rows and series


def series(*names, wide=False):
    if wide:
        return pd.DataFrame(1.0, index=list(names), columns=range(2))
    index = pd.MultiIndex.from_product([names, range(2)])
    return pd.DataFrame({"a": 1.0}, index=index)


@pytest.mark.parametrize("wide", [False, True])
def test_rows_with_the_labels_of_the_series_are_in_their_order(wide):
    X = series("eve", "ada", wide=wide)
    static = pd.DataFrame({"age": [1, 2]}, index=["ada", "eve"])
    message = refusal(check_static, static, 2, X)
    assert "in the order of the series of X" in message
    for cured in (static.loc[X.index.get_level_values(0).unique()], static.to_numpy()):
        assert check_static(cured, 2, X)


def test_rows_with_labels_of_their_own_go_by_place():
    assert check_static(pd.DataFrame({"age": [1, 2]}), 2, series("eve", "ada"))
    assert check_static(pd.DataFrame({"age": [1, 2]}), 2, np.zeros((2, 3)))


NUMBER, TEXT = {"mean": 0.0, "scale": 1.0}, {"classes": ["a", "b"]}
BAD_FACTS = {
    "nothing": None,
    "no columns": {"names": None, "columns": []},
    "a key less": {"columns": [NUMBER]},
    "a key more": {"names": None, "columns": [NUMBER], "more": 1},
    "columns that are text": {"names": None, "columns": "ab"},
    "a column that is a list": {"names": None, "columns": [[1]]},
    "too few names": {"names": ["a"], "columns": [NUMBER, TEXT]},
    "a name that is a list": {"names": [["a"]], "columns": [NUMBER]},
    "names that are text": {"names": "a", "columns": [NUMBER]},
    "a negative scale": {"names": None, "columns": [{"mean": 0.0, "scale": -1.0}]},
    "a mean of text": {"names": None, "columns": [{"mean": "0", "scale": 1.0}]},
    "an infinite mean": {"names": None, "columns": [{"mean": np.inf, "scale": 1.0}]},
    "no scale": {"names": None, "columns": [{"mean": 0.0}]},
    "an unknown column": {"names": None, "columns": [{}]},
    "a bad class": {"names": None, "columns": [{"classes": [None]}]},
}


@pytest.mark.parametrize("facts", BAD_FACTS.values(), ids=BAD_FACTS.keys())
def test_facts_that_are_not_of_an_encoder_are_refused(facts):
    with pytest.raises(ValueError, match="an encoder of"):
        StaticEncoder.from_facts(facts)
