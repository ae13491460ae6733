"""Columns of text and categories: numbers stand for them, and become them again."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.base import BaseEstimator

from tsgen._forms import Form
from tsgen._forms.categories import Categories
from tsgen._validation import check_any_series


class Toy(BaseEstimator):
    """Remembers what comes through the door, and takes categories."""

    _takes_categories = True

    def __init__(self, missing="mask"):
        self.missing = missing

    def fit(self, X):
        self.values_, self.lengths_ = check_any_series(X, estimator=self, reset=True)
        return self

    def check(self, X):
        return check_any_series(X, estimator=self, reset=False)[0]


def frame(**columns):
    """Series of two steps each, as a long frame of these columns."""
    n_rows = len(next(iter(columns.values())))
    index = pd.MultiIndex.from_product([range(n_rows // 2), ["a", "b"]])
    return pd.DataFrame({k: pd.Series(v) for k, v in columns.items()}).set_index(index)


COLUMNS = {
    "text": pd.Series(["on", "off", "on", "idle"], dtype="str"),
    "objects": pd.Series(["on", "off", "on", "idle"], dtype=object),
    "booleans and gaps": pd.Series([True, False, np.nan, True], dtype=object),
    "nullable text": pd.Series(["on", None, "on", "idle"], dtype="string"),
    "text with gaps": pd.Series(["on", np.nan, "on", "idle"], dtype="str"),
    "categories": pd.Series(pd.Categorical(["on", "off", "on", "idle"])),
    "ordered": pd.Series(
        pd.Categorical(["low", None, "high", "low"], ["low", "mid", "high"], True)
    ),
    "numbers": pd.Series(pd.Categorical([30, 10, 10, 20])),
    "dates": pd.Series(
        pd.Categorical(pd.to_datetime(["2024-03-01", "2024-01-01"] * 2))
    ),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS.keys())
def test_columns_come_back_as_they_were(column):
    X = frame(state=column, level=[0.5, 1.5, 2.5, 3.5])
    toy = Toy().fit(X)
    form = Form.from_facts(json.loads(json.dumps(toy._form.facts(), allow_nan=False)))
    assert form == toy._form == pickle.loads(pickle.dumps(toy._form))
    assert form.fits(2, 2)
    assert_frame_equal(form.restore(toy.values_, toy.lengths_), X)
    assert_array_equal(toy.check(X), toy.values_)


def test_codes_count_the_categories_in_their_order():
    order = pd.Categorical(["b", "a", "b", "b"], ["c", "b", "a"])
    X = frame(text=["y", "x", "y", "x"], chosen=order)
    found = Toy().fit(X).values_
    assert_array_equal(found[:, :, 0], [[1, 0], [1, 0]])
    assert_array_equal(found[:, :, 1], [[1, 2], [1, 1]])


def test_the_codes_are_those_of_fit():
    toy = Toy().fit(frame(text=["a", "b", "c", "a"]))
    found = toy.check(frame(text=pd.Categorical(["c", "b", "c", "b"])))
    assert_array_equal(found[:, :, 0], [[2, 1], [2, 1]])
    assert_array_equal(toy.check(found), found)


UNSEEN = {
    "text": (["a", "b", "a", "b"], ["a", "b", "d", "e"], "got 'd', 'e' in 2 rows"),
    "categories": (
        pd.Categorical(["a", "b", "a", "b"], ["a", "b", "c"]),
        pd.Categorical(["a", "b", "a", "c"], ["a", "b", "c"]),
        "got 'c' in 1 rows",
    ),
    "numbers": (["a", "b", "a", "b"], [0, 1, 0, 1], "got 0, 1 in 4 rows"),
}


@pytest.mark.parametrize(("seen", "came", "got"), UNSEEN.values(), ids=UNSEEN.keys())
def test_categories_that_were_not_in_fit_are_refused(seen, came, got):
    toy = Toy().fit(frame(state=seen))
    with pytest.raises(ValueError, match="must hold categories of fit") as caught:
        toy.check(frame(state=came))
    message = str(caught.value)
    assert message.startswith(f"X['state'] must hold categories of fit, {got}.")
    assert message.endswith("Those of fit are 'a', 'b'.")


def test_a_column_that_held_numbers_takes_no_text():
    toy = Toy().fit(frame(state=["a", "b", "a", "b"], level=[1.0, 2, 3, 4]))
    X = frame(state=["a", "b", "a", "b"], level=["1", "2", "3", "4"])
    with pytest.raises(TypeError, match=r"numeric columns, got 'level \(str\)'"):
        toy.check(X)


def test_columns_in_another_order_are_named_before_their_categories():
    X = frame(state=["a", "b", "a", "b"], other=["c", "d", "c", "d"])
    toy = Toy().fit(X)
    with pytest.raises(ValueError, match="columns of fit in their order"):
        toy.check(X[["other", "state"]])


REFUSED = {
    "numbers as objects": pd.Series([1, 2.5, 1, 2.5], dtype=object),
    "numbers and text": pd.Series([1, "a", 1, "a"], dtype=object),
    "lists": pd.Series([(1,), (2,), (1,), (2,)], dtype=object),
    "intervals": pd.Series(pd.cut([1.0, 2.0, 3.0, 4.0], 2)),
    "dates": pd.Series(pd.date_range("2024-01-01", periods=4)),
}


@pytest.mark.parametrize("column", REFUSED.values(), ids=REFUSED.keys())
def test_other_columns_are_refused(column):
    with pytest.raises(TypeError, match=r"X.* must") as caught:
        Toy().fit(frame(state=column))
    assert len(str(caught.value)) < 400


def test_gaps_are_refused_where_they_are_not_allowed():
    with pytest.raises(ValueError, match="NaN"):
        Toy("error").fit(frame(state=["a", None, "b", "a"]))


@pytest.fixture
def facts():
    labels = {"dtype": "str", "labels": ["a", "b"]}
    return {"dtype": "str", "ordered": False, "labels": labels, "unused": []}


def test_sound_facts_are_read(facts):
    assert Categories.from_facts(facts).facts() == facts


BAD_FACTS = {
    "another type": {"dtype": "int64"},
    "text with an order": {"ordered": True},
    "no boolean": {"ordered": 0},
    "no labels": {"labels": {"dtype": "str", "labels": []}},
    "repeated labels": {"labels": {"dtype": "str", "labels": ["a", "a"]}},
    "numbers as text": {"labels": {"dtype": "object", "labels": [1, 2]}},
    "even labels": {"labels": {"dtype": "int64", "start": 0, "step": 1}},
    "all unused": {"unused": [0, 1]},
    "unused beyond": {"unused": [2]},
    "unused twice": {"unused": [1, 1]},
    "unused of no type": {"unused": [False]},
    "unused of no length": {"unused": 0},
    "another key": {"more": 1},
}


@pytest.mark.parametrize("change", BAD_FACTS.values(), ids=BAD_FACTS.keys())
def test_other_facts_are_refused(facts, change):
    with pytest.raises(ValueError, match=r"categories|axis"):
        Categories.from_facts({**facts, **change})


def test_a_form_takes_categories_for_its_channels_only():
    form = Toy().fit(frame(state=["a", "b", "a", "b"], level=[1, 2, 3, 4]))._form
    facts = form.facts()
    for categories in ([None, None], ["a", None], "ab", [[None], None]):
        with pytest.raises(ValueError, match="form"):
            Form.from_facts({**facts, "categories": categories})
    short = Form.from_facts({**facts, "categories": facts["categories"][:1]})
    assert not short.fits(2, 2)
