"""Labels, static variables, lengths, gaps and beginnings: what series are given."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_index_equal

from tests.conftest import LATENT_GENERATORS, maker
from tsgen import StablePosteriorGenerator
from tsgen._conditions import Conditions
from tsgen.generators.inspecting import _shuffled, draw_latents, quick_dependency

TRAINED = {"hidden_size": 128, "max_iter": 100, "prior_max_iter": 100}


@pytest.fixture(scope="module")
def labels(X):
    """Return a class for each series, of two; the second lies higher."""
    return np.repeat(["high", "low"], len(X) // 2)


@pytest.fixture(scope="module")
def apart(X, labels):
    """Return series whose level tells their class."""
    return X + np.where(labels == "high", 5.0, 0.0)[:, None, None] * [1.0, 100.0]


@pytest.fixture(scope="module")
def ragged(X):
    """Return the series, cut to 2 to 6 steps."""
    return [series[: 2 + k % 5] for k, series in enumerate(X)]


@pytest.fixture(scope="module")
def gappy(X):
    """Return the series without a fifth of their entries."""
    missing = np.random.default_rng(0).random(X.shape) < 0.2
    return np.where(missing, np.nan, X)


def long_frame(X):
    """Return series of two channels in a long frame."""
    frames = {k: pd.DataFrame(x, columns=["a", "b"]) for k, x in enumerate(X)}
    return pd.concat(frames)


def in_hours(X, month):
    """Return series in a long frame: each of the hours of a day of the month."""
    days = pd.date_range(month, periods=len(X), freq="D", tz="Europe/Berlin")
    rows = X.shape[1]
    hours = [pd.date_range(day, periods=rows, freq="h") for day in days]
    series = np.repeat(np.arange(len(X)), rows)
    times = hours[0].append(hours[1:])
    index = pd.MultiIndex.from_arrays([series, times], names=["series", "time"])
    return pd.DataFrame(X.reshape(-1, X.shape[2]), index=index, columns=["a", "b"])


BAD_BEGINNINGS = {
    "infinite": (lambda x: x * np.inf, "infinity"),
    "far away": (lambda x: x * 1e12, "resemble the training series"),
    "unequal": (lambda x: [x[0], x[1, :1], x[2]], "equal length"),
    "text": (lambda x: "high", "must be an array"),
    "hidden": (lambda x: np.ma.masked_equal(x, x[0, 0, 0]), "masked"),
    "complex": (lambda x: x * 1j, "real numbers"),
    "frames in a list": (lambda x: [pd.DataFrame(y) for y in x], "one data frame"),
    "a wide frame": (lambda x: pd.DataFrame(x[:, :, 0]), "beginnings"),
}
FORMS_OF_BEGINNINGS = {
    "list": list,
    "nested lists": lambda x: x.tolist(),
    "tensor": torch.tensor,
    "tensors": lambda x: [torch.tensor(y) for y in x],
    "long frame": lambda x: long_frame(x),
    "objects": lambda x: x.astype(object),
}
NUMBERS = np.arange(40) / 7
BAD_TARGETS = {
    "too few": ([0, 1], "one value for each of 40 series"),
    "a column": (np.zeros((40, 1), int), "one value for each of 40 series"),
    "one for all": (3, "one value for each of 40 series"),
    "lists": ([[0], [0, 1]] * 20, "integers, text or booleans, got list"),
    "a missing number": ([np.nan, *NUMBERS[1:]], "1 missing ones"),
    "a missing label": ([None, *["a"] * 39], "1 missing ones"),
    "a missing one of pandas": (pd.Series([None, *[1] * 39], dtype="Int64"), "missing"),
    "a hidden one": (np.ma.masked_equal(np.arange(40), 3), "masked"),
    "an infinite number": ([np.inf, *NUMBERS[1:]], "finite"),
    "an infinite whole number": ([np.inf, *[1.0] * 39], "finite"),
    "several types": (["a", 1] * 20, "labels of one type"),
    "complex numbers": (NUMBERS * 1j, "integers, text or booleans"),
    "dates": (np.arange(40).astype("M8[D]"), "integers, text or booleans"),
    "bytes": ([b"a", b"b"] * 20, "integers, text or booleans"),
}
GOOD_TARGETS = {
    "list of text": (["a", "b"] * 20, 2),
    "whole floats": ([1.0, 2.0] * 20, 2),
    "booleans": ([True, False] * 20, 2),
    "categories": (pd.Series(["a", "b"] * 20, dtype="category"), 2),
    "tensor": (torch.arange(40) % 3, 3),
    "nullable integers": (pd.Series([1, 2] * 20, dtype="Int64"), 2),
    "numbers": (NUMBERS, None),
    "list of numbers": (NUMBERS.tolist(), None),
    "nullable numbers": (pd.Series(NUMBERS, dtype="Float64"), None),
    "tensor with a gradient": (torch.tensor(NUMBERS, requires_grad=True), None),
    "equal numbers": ([0.5] * 40, None),
    "half floats": (NUMBERS.astype(np.float16), None),
}
BAD_WISHES = {
    "unseen": (["high", "middle"], "labels of fit, got 'middle'"),
    "unseen type": ([0, 1], "labels of fit, got 0, 1"),
    "too few": (["high"], "one value for each of 2 series"),
    "a column": ([["high"], ["low"]], "one value for each of 2 series"),
    "lists": ([["high"], ["high", "low"]], "integers, text or booleans, got list"),
    "missing": (["high", None], "1 missing ones"),
    "bytes": (b"high", "integers, text or booleans"),
}


@pytest.fixture(scope="module", params=LATENT_GENERATORS)
def fitted(request, X):
    """Return a generator that tests only look at, as the next two."""
    return maker(request)(missing="mask").fit(X)


@pytest.fixture(scope="module", params=LATENT_GENERATORS)
def fitted_on_labels(request, apart, labels):
    return maker(request)().fit(apart, labels)


@pytest.fixture(scope="module", params=LATENT_GENERATORS)
def fitted_on_numbers(request, X):
    return maker(request)().fit(X, NUMBERS)


class TestClasses:
    def test_samples_are_of_the_class_asked_for(
        self, make_latent_generator, apart, labels
    ):
        generator = make_latent_generator(**TRAINED).fit(apart, labels)
        wanted = np.repeat(["low", "high"], 50)
        series = generator.sample(100, y=wanted)
        level = series[:, :, 0].mean(axis=1)
        middle = apart[:, :, 0].mean()
        assert ((level > middle) == (wanted == "high")).mean() > 0.9

    def test_one_label_serves_for_all(self, make_latent_generator, apart, labels):
        generator = make_latent_generator().fit(apart, labels)
        assert_array_equal(
            generator.sample(3, y="low"), generator.sample(3, y=["low"] * 3)
        )

    def test_classes_are_drawn_as_in_training(self, make_latent_generator, apart):
        y = np.arange(len(apart)) % 4 == 0
        generator = make_latent_generator().fit(apart, y)
        rng = np.random.default_rng(0)
        given, _, _ = generator.conditions_.draw(4000, rng)
        share = given.mean(axis=0)
        assert_allclose(share, [0.75, 0.25], atol=5 * (0.1875 / 4000) ** 0.5)

    def test_the_classes_are_public(self, make_latent_generator, apart, labels):
        generator = make_latent_generator().fit(apart, labels)
        assert_array_equal(generator.classes_, ["high", "low"])

    def test_a_fit_without_labels_has_no_classes(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X, np.arange(len(X)) % 2)
        assert hasattr(generator, "classes_")
        assert not hasattr(generator.fit(X), "classes_")

    def test_unseen_labels_are_named(self, make_latent_generator, apart, labels):
        generator = make_latent_generator().fit(apart, labels)
        with pytest.raises(ValueError, match="middle"):
            generator.sample(2, y=["high", "middle"])

    def test_labels_without_a_fit_on_some_are_refused(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        with pytest.raises(ValueError, match="y must be left out"):
            generator.sample(2, y=[0, 1])

    @pytest.mark.parametrize("name", BAD_TARGETS)
    def test_bad_labels_and_numbers_are_refused(self, make_latent_generator, X, name):
        y, message = BAD_TARGETS[name]
        with pytest.raises((ValueError, TypeError), match=message):
            make_latent_generator().fit(X, y)

    @pytest.mark.parametrize("name", GOOD_TARGETS)
    def test_labels_and_numbers_come_in_many_types(self, name):
        y, n_classes = GOOD_TARGETS[name]
        conditions = Conditions().fit(np.full(40, 6), y)
        assert n_classes == (
            None if conditions.classes is None else len(conditions.classes)
        )
        assert conditions.rows.shape == (40, n_classes or 1)

    @pytest.mark.parametrize("name", BAD_WISHES)
    def test_bad_wishes_are_refused(self, fitted_on_labels, name):
        y, message = BAD_WISHES[name]
        with pytest.raises((ValueError, TypeError), match=message):
            fitted_on_labels.sample(2, y=y)

    def test_bad_wishes_for_numbers_are_refused(self, fitted_on_numbers):
        for y, message in (
            (np.nan, "missing"),
            (np.inf, "finite"),
            (1e30, "standard deviations"),
            ("high", "numbers, as in fit"),
            ([1.0], "one value for each of 2"),
        ):
            with pytest.raises((ValueError, TypeError), match=message):
                fitted_on_numbers.sample(2, y=y)

    def test_numbers_beyond_those_of_fit_are_read_as_the_end(self, fitted_on_numbers):
        low, high = NUMBERS.min(), NUMBERS.max()
        end = high + 0.1 * (high - low)
        with pytest.warns(UserWarning, match=f"y should be .* first is {2 * end:g} in"):
            found = fitted_on_numbers.sample(2, y=2 * end)
        assert_array_equal(found, fitted_on_numbers.sample(2, y=end))

    def test_numbers_may_be_tensors(self, fitted_on_numbers):
        one, many, plain = (
            fitted_on_numbers.sample(2, y=y)
            for y in (
                torch.tensor(1.5),
                torch.tensor([1.5, 1.5], requires_grad=True),
                1.5,
            )
        )
        assert_array_equal(one, plain)
        assert_array_equal(many, plain)

    @pytest.mark.parametrize("y", [[], np.array([]), "high", np.array([], "U4")])
    def test_no_series_may_be_asked_for(self, fitted_on_labels, y):
        assert fitted_on_labels.sample(0, y=y).shape == (0, 6, 2)

    def test_a_class_of_one_series_can_be_asked_for(self, make_latent_generator, X):
        y = np.repeat(["often", "once"], [len(X) - 1, 1])
        generator = make_latent_generator().fit(X, y)
        rows, _, chosen = generator.conditions_.draw(
            50, np.random.default_rng(0), "once"
        )
        assert_array_equal(chosen, len(X) - 1)
        assert_array_equal(rows, [[0, 1]] * 50)
        assert np.isfinite(generator.sample(5, y="once")).all()

    def test_all_series_may_be_of_one_class(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X, ["only"] * len(X))
        assert generator.sample(3, y="only").shape == (3, 6, 2)

    def test_few_are_the_first_of_many(self, fitted_on_labels):
        y = ["high", "low"] * 10
        head = fitted_on_labels.sample(20, y=y)[:7]
        assert_allclose(fitted_on_labels.sample(7, y=y[:7]), head, rtol=1e-4, atol=1e-3)

    def test_a_generator_as_seed_gives_other_series_each_time(self, fitted_on_labels):
        rng = np.random.default_rng(0)
        first, other = (fitted_on_labels.sample(3, random_state=rng) for _ in range(2))
        again = fitted_on_labels.sample(3, random_state=np.random.default_rng(0))
        assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_labels_in_another_order_than_the_series_are_refused(
        self, make_latent_generator
    ):
        X = pd.DataFrame(
            np.random.default_rng(0).normal(size=(4, 6)), index=list("abcd")
        )
        y = pd.Series([0, 1, 1, 0], index=list("abdc"))
        with pytest.raises(ValueError, match="y must have its rows in the order"):
            make_latent_generator().fit(X, y)
        generator = make_latent_generator().fit(X, y[list("abcd")])
        with pytest.raises(ValueError, match="y must have its rows in the order"):
            generator.score(X, y)

    def test_labels_are_refused_where_none_were_learned(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        y = np.zeros(len(X), int)
        for method in (generator.reconstruct, generator.score_samples):
            with pytest.raises(ValueError, match="y must be left out"):
                method(X, y)
        assert generator.score(X, y) == generator.score(X)  # as scikit-learn calls it

    def test_refused_labels_leave_a_fitted_generator_as_it_was(
        self, make_latent_generator, X
    ):
        generator = make_latent_generator().fit(X)
        before = generator.sample(3)
        with pytest.raises(ValueError, match="y"):
            generator.fit(X[:, :4], [0, 1])
        assert_array_equal(generator.sample(3), before)

    def test_a_bound_knows_the_class(self, make_latent_generator, apart, labels):
        generator = make_latent_generator(**TRAINED).fit(apart, labels)
        other = np.where(labels == "high", "low", "high")
        own, wrong = (generator.score(apart, y) for y in (labels, other))
        assert own > wrong
        assert np.isfinite(generator.score_samples(apart)).all()

    def test_guidance_pushes_towards_the_class(
        self, make_latent_generator, apart, labels
    ):
        generator = make_latent_generator(**TRAINED).fit(apart, labels)
        plain = generator.sample(20, y="high")
        guided = generator.set_params(guidance=2.0).sample(20, y="high")
        assert not np.allclose(plain, guided)
        assert np.isfinite(guided).all()

    def test_a_warm_start_does_not_take_other_classes(
        self, make_latent_generator, apart, labels
    ):
        generator = make_latent_generator(warm_start=True).fit(apart, labels)
        assert len(generator.fit(apart, labels).history_["loss"]) == 4
        with pytest.raises(ValueError, match="another y"):
            generator.fit(apart, np.where(labels == "low", "lower", labels))

    def test_numbers_are_learned_as_numbers(self, make_latent_generator, apart):
        level = apart[:, :, 0].mean(axis=1)
        generator = make_latent_generator(**TRAINED).fit(apart, level)
        wanted = np.linspace(level.min(), level.max(), 60)
        found = generator.sample(60, y=wanted)[:, :, 0].mean(axis=1)
        assert np.corrcoef(wanted, found)[0, 1] > 0.7
        assert not hasattr(generator, "classes_")

    def test_a_pickle_keeps_what_series_are_given(
        self, make_latent_generator, apart, labels
    ):
        static = np.arange(len(apart) * 2.0).reshape(-1, 2)
        generator = make_latent_generator().fit(apart, labels, static=static)
        other = pickle.loads(pickle.dumps(generator))
        assert_array_equal(generator.sample(5), other.sample(5))
        assert_array_equal(
            generator.sample(2, y="low", static=static[:2]),
            other.sample(2, y="low", static=static[:2]),
        )


class TestStatic:
    def test_samples_follow_the_static_variables(self, make_latent_generator, apart):
        level = apart[:, :, :1].mean(axis=1)
        generator = make_latent_generator(**TRAINED).fit(apart, static=level)
        wanted = np.linspace(level.min(), level.max(), 60)[:, None]
        found = generator.sample(60, static=wanted)[:, :, 0].mean(axis=1)
        assert np.corrcoef(wanted[:, 0], found)[0, 1] > 0.7

    def test_they_are_drawn_from_series_of_the_class(
        self, make_latent_generator, apart, labels
    ):
        static = np.where(labels == "high", 1.0, -1.0)[:, None]
        generator = make_latent_generator().fit(apart, labels, static=static)
        rng = np.random.default_rng(0)
        wanted = ["low", "high", "low", "high"]
        rows, _, chosen = generator.conditions_.draw(4, rng, wanted)
        assert_array_equal(labels[chosen], wanted)
        assert_array_equal(np.sign(rows[:, 2]), [-1, 1, -1, 1])

    def test_static_variables_of_another_number_are_refused(
        self, make_latent_generator, X
    ):
        with pytest.raises(ValueError, match="static"):
            make_latent_generator().fit(X, static=np.zeros((3, 2)))

    def test_they_are_refused_without_a_fit_on_some(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        with pytest.raises(ValueError, match="static must be left out"):
            generator.sample(2, static=np.zeros((2, 1)))
        with pytest.raises(ValueError, match="static must be left out"):
            generator.score(X, static=np.zeros((40, 1)))
        with pytest.raises(ValueError, match="static must be left out"):
            generator.reconstruct(X, static=np.zeros((40, 1)))

    def test_decoded_series_follow_them(self, make_latent_generator, apart):
        level = apart[:, :, :1].mean(axis=1)
        generator = make_latent_generator(missing="mask", **TRAINED)
        generator.fit(apart, static=level)
        Z, gappy = generator.transform(apart), apart.copy()
        gappy[:, 2:] = np.nan
        for decoded in (
            lambda static: generator.reconstruct(apart, static=static),
            lambda static: generator.impute(gappy, static=static)[:, 2:],
            lambda static: generator.inverse_transform(Z, static=static),
        ):
            assert (decoded(level) != decoded(None)).any()
            with pytest.raises(ValueError, match="one row for each of 40 series"):
                decoded(level[:3])

    def test_no_series_may_be_asked_for(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X, static=X[:, 0])
        assert generator.sample(0, static=np.zeros((0, 2))).shape == (0, 6, 2)

    @pytest.mark.parametrize("n_rows", [1, 3])
    def test_a_row_is_needed_for_each_series(self, make_latent_generator, X, n_rows):
        generator = make_latent_generator().fit(X, static=X[:, 0])
        with pytest.raises(ValueError, match="one row for each of 2 series"):
            generator.sample(2, static=X[:n_rows, 0])
        with pytest.raises(ValueError, match="one row for each of 40 series"):
            generator.score(X, static=X[:n_rows, 0])

    def test_rows_in_another_order_than_the_series_are_refused(
        self, make_latent_generator
    ):
        X = pd.DataFrame(
            np.random.default_rng(0).normal(size=(4, 6)), index=list("abcd")
        )
        static = pd.DataFrame({"age": [1.0, 2.0, 4.0, 3.0]}, index=list("abdc"))
        with pytest.raises(ValueError, match="static must have its rows in the order"):
            make_latent_generator().fit(X, static=static)


class TestWhatIsNotGiven:
    """It is that of a training series with what is given, or of one of the nearest."""

    def drawn(self, n_series, *, y=None, static=None, lengths=None, known=()):
        conditions = Conditions().fit(np.array(known[0]), *known[1:])
        rng = np.random.default_rng(0)
        return conditions.draw(n_series, rng, y, static, lengths)

    def test_classes_are_those_of_equal_variables(self):
        known = [6] * 12, ["m", "f"] * 6, [[0.0], [1.0]] * 6
        rows, _, chosen = self.drawn(50, static=np.ones((50, 1)), known=known)
        assert (chosen % 2 == 1).all()
        assert len(set(chosen)) == 6
        assert (rows[:, 0] == 1).all()  # "f" is the first of the sorted classes

    def test_of_unknown_variables_those_of_the_nearest(self):
        age = np.arange(36.0)
        known = [6] * 36, np.where(age < 18, "young", "old"), age[:, None]
        _, _, chosen = self.drawn(50, static=np.full((50, 1), 3.2), known=known)
        assert set(chosen) == {1, 2, 3, 4, 5, 6}

    def test_lengths_follow_numbers(self):
        lengths = np.tile([2, 4, 6], 5)
        _, found, _ = self.drawn(30, y=np.full(30, 4.5), known=(lengths, lengths + 0.5))
        assert (found == 4).all()

    def test_classes_follow_lengths(self):
        lengths = np.tile([2, 6], 8)
        known = lengths, np.where(lengths == 2, "short", "long")
        _, _, chosen = self.drawn(30, lengths=2, known=known)
        assert (lengths[chosen] == 2).all()

    def test_a_class_comes_before_all_else(self):
        known = [6] * 20, ["a"] * 18 + ["b"] * 2, np.arange(20.0)[:, None]
        static = np.zeros((40, 1))
        _, _, chosen = self.drawn(40, y="b", static=static, known=known)
        assert set(chosen) == {18}

    def test_variables_of_series_that_are_not_drawn_change_nothing(self):
        known = [6] * 12, ["m", "f"] * 6, np.arange(12.0)[:, None]
        static = np.arange(8.0)[:, None]
        few, many = (self.drawn(n, static=static[:n], known=known)[2] for n in (3, 8))
        assert_array_equal(few, many[:3])


class TestLengths:
    def test_lengths_are_drawn_as_in_training(self, make_latent_generator, ragged):
        series = make_latent_generator().fit(ragged).sample(500)
        lengths = [len(one) for one in series]
        counts = np.bincount(lengths, minlength=7)[2:]
        assert_allclose(counts / 500, 0.2, atol=4.42 * (0.16 / 500) ** 0.5)

    def test_lengths_can_be_given(self, make_latent_generator, ragged):
        generator = make_latent_generator().fit(ragged)
        assert [len(one) for one in generator.sample(3, lengths=[2, 6, 3])] == [2, 6, 3]
        assert [len(one) for one in generator.sample(2, lengths=4)] == [4, 4]

    def test_the_end_of_series_is_in_their_values(self, X):
        """Series that fall to their end do so at any length."""
        lengths = np.tile([4, 8], 60)
        noise = np.random.default_rng(0).normal(scale=0.1, size=(120, 8))
        falling = [
            (np.arange(n)[::-1] + noise[k, :n])[:, None] for k, n in enumerate(lengths)
        ]
        generator = StablePosteriorGenerator(
            hidden_size=32, max_iter=60, prior_max_iter=60, random_state=0
        ).fit(falling)
        short, long = (np.stack(generator.sample(50, lengths=n)) for n in (4, 8))
        assert_allclose(short.mean(0)[:, 0], [3, 2, 1, 0], atol=0.5)
        assert_allclose(long.mean(0)[:, 0], np.arange(8)[::-1], atol=0.7)

    @pytest.mark.parametrize("lengths", [0, 7, [2, 2], [1.5, 2, 3]])
    def test_bad_lengths_are_refused(self, make_latent_generator, ragged, lengths):
        generator = make_latent_generator().fit(ragged)
        with pytest.raises((ValueError, TypeError), match="lengths"):
            generator.sample(3, lengths=lengths)

    def test_latents_scores_and_reconstructions_take_any_length(
        self, make_latent_generator, ragged
    ):
        generator = make_latent_generator().fit(ragged)
        assert generator.transform(ragged).shape == (40, 4)
        assert np.isfinite(generator.score_samples(ragged)).all()
        again = generator.reconstruct(ragged)
        assert [len(one) for one in again] == [len(one) for one in ragged]

    @pytest.mark.parametrize("chosen", [[0, 4], [0, 1], [0]])
    def test_a_series_does_not_depend_on_longer_ones_beside_it(
        self, make_latent_generator, ragged, chosen
    ):
        generator = make_latent_generator(missing="mask").fit(ragged)
        few = [ragged[k] for k in chosen]
        for method in (generator.score_samples, generator.transform):
            assert_allclose(method(few), method(ragged)[chosen], rtol=1e-6)
        for method in (generator.reconstruct, generator.impute):
            for one, other in zip(method(few), method(ragged), strict=False):
                if len(one) == len(other):
                    assert_allclose(one, other, rtol=1e-4, atol=1e-4)

    def test_dependency_is_that_of_the_latents_of_transform(
        self, make_latent_generator, ragged
    ):
        generator = make_latent_generator().fit(ragged)
        found = generator.dependency(ragged[:5], Z=generator.transform(ragged[:5]))
        assert_array_equal(
            np.isfinite(found.global_).sum(axis=1), [len(x) for x in ragged[:5]]
        )
        few = generator.dependency(ragged[:2], Z=generator.transform(ragged[:2]))
        assert few.global_.shape == (2, 3)
        assert_allclose(few.global_, found.global_[:2, :3], rtol=1e-3)

    def test_latents_of_dependency_are_near_those_of_transform(
        self, make_latent_generator, ragged
    ):
        """The posterior that is drawn from is that of the series to its padded end."""
        generator = make_latent_generator().fit(ragged)
        x = generator._scaled(generator._read(ragged)[0])
        lengths = np.array([len(series) for series in ragged])
        drawn = draw_latents(generator, x, lengths, 0)
        mean, _ = generator._inference(generator.model_, x)
        assert_allclose(drawn.mean, mean, rtol=1e-4, atol=1e-5)

    def test_a_report_leaves_the_steps_after_an_end_out(
        self, make_latent_generator, ragged
    ):
        generator = make_latent_generator().fit(ragged)
        report = generator.posterior_report(ragged, n_series=40, n_shuffles=10)
        counts = np.isfinite(report.dependency.global_).sum(axis=0)
        assert_array_equal(counts, [40, 40, 32, 24, 16, 8])
        ends = np.isfinite(report.shuffled.global_).sum(axis=1)
        assert set(ends) == {2, 3, 4, 5, 6}
        assert np.isfinite(list(report.log_likelihood.values())).all()

    def test_shuffled_steps_stay_before_the_end(self):
        series = np.arange(24.0).reshape(4, 6, 1)
        lengths = np.array([1, 3, 6, 2])
        shuffled = _shuffled(series, lengths, np.random.default_rng(0))
        for one, other, length in zip(shuffled, series, lengths, strict=True):
            assert_array_equal(np.sort(one[:length], axis=0), other[:length])
        assert not np.array_equal(shuffled[2], series[2])

    def test_a_collapse_is_looked_for_before_the_end(self, make_latent_generator, X):
        """Steps after the end of nearly all series tell nothing."""
        ragged = [X[0], *(series[:2] for series in X[1:])]
        generator = make_latent_generator(check_collapse=False).fit(ragged)
        x = generator._scaled(generator._read(ragged)[0])
        found = quick_dependency(generator, generator.model_, x)
        assert_array_equal(np.isfinite(found), ~x[: len(found)].isnan().all(dim=2))

    def test_a_warm_start_refuses_lengths_of_another_kind(
        self, make_latent_generator, X, ragged
    ):
        generator = make_latent_generator(warm_start=True).fit(X)
        with pytest.raises(ValueError, match="another equality of lengths"):
            generator.fit(ragged)


class TestGaps:
    def test_gaps_are_refused_by_default(self, make_latent_generator, gappy):
        with pytest.raises(ValueError, match="NaN"):
            make_latent_generator().fit(gappy)

    def test_samples_are_complete(self, make_latent_generator, gappy):
        generator = make_latent_generator(missing="mask").fit(gappy)
        assert np.isfinite(generator.sample(20)).all()
        assert np.isfinite(generator.score_samples(gappy)).all()
        assert np.isfinite(generator.transform(gappy)).all()

    def test_samples_can_have_the_gaps_of_training(self, make_latent_generator, gappy):
        series = make_latent_generator(missing="mask").fit(gappy).sample(500, gaps=True)
        patterns = {gaps.tobytes() for gaps in np.isnan(gappy)}
        assert {gaps.tobytes() for gaps in np.isnan(series)} == patterns

    def test_gaps_without_any_in_training_are_refused(self, make_latent_generator, X):
        generator = make_latent_generator(missing="mask").fit(X)
        with pytest.raises(ValueError, match="gaps=True"):
            generator.sample(2, gaps=True)

    def test_what_is_under_a_gap_changes_nothing(self, make_latent_generator, gappy, X):
        """Complete series with other values at the gaps give the same model."""
        one = make_latent_generator(missing="mask").fit(gappy)
        assert_array_equal(
            one.scaler_.mean_.round(9),
            np.nanmean(gappy, axis=(0, 1)).round(9),
        )
        assert one.history_["loss"] != make_latent_generator().fit(X).history_["loss"]

    def test_imputed_series_keep_what_is_observed(self, make_latent_generator, gappy):
        generator = make_latent_generator(missing="mask").fit(gappy)
        filled = generator.impute(gappy)
        assert np.isfinite(filled).all()
        observed = ~np.isnan(gappy)
        assert_array_equal(filled[observed], gappy[observed])
        other = generator.impute(gappy, random_state=1)
        assert (other[~observed] != filled[~observed]).mean() > 0.3

    def test_imputed_series_do_not_depend_on_the_others(
        self, make_latent_generator, gappy
    ):
        generator = make_latent_generator(missing="mask").fit(gappy)
        head, whole = generator.impute(gappy[:3]), generator.impute(gappy)
        np.testing.assert_allclose(head, whole[:3], rtol=1e-4, atol=1e-4)

    def test_frames_keep_their_labels(self, make_latent_generator, gappy):
        generator = make_latent_generator(missing="mask")
        wide = pd.DataFrame(gappy[:, :, 0]).rename(index=lambda k: 100 - k)
        long = long_frame(gappy).rename(index=lambda k: f"patient {k}", level=0)
        for X, held_out in ((wide, wide[:5]), (long, long[: 5 * 6])):
            generator.fit(X)
            for made in (generator.impute(held_out), generator.reconstruct(held_out)):
                assert made.index.equals(held_out.index)
                assert made.columns.equals(held_out.columns)
            filled = held_out.fillna(generator.impute(held_out))
            pd.testing.assert_frame_equal(filled, generator.impute(held_out))

    def test_values_that_would_be_rounded_are_refused(self, make_latent_generator, X):
        frame = long_frame(X.round())
        generator = make_latent_generator(missing="mask", likelihood="gaussian")
        generator.fit(frame.astype({"b": int}))
        held_out = frame.copy()
        held_out[np.arange(len(frame)) % 7 == 0] = np.nan
        assert_array_equal(
            generator.impute(held_out)[held_out.notna()], held_out[held_out.notna()]
        )
        held_out.iloc[1, 1] = 0.5
        with pytest.raises(ValueError, match=r"whole numbers .* the first is 0\.5"):
            generator.impute(held_out)
        held_out.iloc[1, 1] = 2.0**53 + 2
        with pytest.raises(ValueError, match=r"at most 2 \*\* 53 .* 1 others"):
            generator.impute(held_out)
        start = frame.groupby(level=0).head(2)
        with pytest.raises(ValueError, match="prefix must hold whole numbers where"):
            generator.sample(len(X), prefix=start + 0.5)

    def test_values_that_a_tensor_would_round_are_refused(
        self, make_latent_generator, X
    ):
        whole = torch.from_numpy(X.round())
        gappy = whole.clone()
        gappy[:, 3] = torch.nan
        generator = make_latent_generator(missing="mask").fit(whole.long())
        seen = ~gappy.isnan()
        assert torch.equal(generator.impute(gappy)[seen], whole.long()[seen])
        with pytest.raises(ValueError, match="X must hold whole numbers where"):
            generator.impute(gappy + 0.6)
        with pytest.raises(ValueError, match="prefix must hold whole numbers where"):
            generator.sample(3, prefix=whole[:3, :2] + 0.6)
        ragged = [series[: 2 + k % 5] for k, series in enumerate(whole.long())]
        generator.fit(ragged)
        with pytest.raises(ValueError, match="X must hold whole numbers where"):
            generator.impute([series + 0.6 for series in ragged])

    def test_values_of_whole_columns_of_a_wide_frame_are_not_rounded(
        self, make_latent_generator, X
    ):
        frame = pd.DataFrame(X[:, :, 0]).round({0: 0, 1: 0})
        generator = make_latent_generator(missing="mask")
        generator.fit(frame.astype({0: int, 1: int}))
        assert_array_equal(
            generator.sample(3, prefix=frame.iloc[:3, :3])[2], frame[2][:3]
        )
        for shift in (0.5, 2.0**53 + 1):
            with pytest.raises(ValueError, match="X must hold whole numbers"):
                generator.impute(frame + shift)
            with pytest.raises(ValueError, match="prefix must hold whole numbers"):
                generator.sample(3, prefix=frame.iloc[:3, :2] + shift)

    def test_what_counts_is_how_it_was_fitted(self, make_latent_generator, gappy, X):
        generator = make_latent_generator().fit(X).set_params(missing="mask")
        with pytest.raises(ValueError, match='fit with missing="mask"'):
            generator.transform(gappy)
        with pytest.raises(ValueError, match="got one fitted without"):
            generator.impute(gappy)
        generator = make_latent_generator(missing="mask").fit(gappy)
        assert np.isfinite(generator.set_params(missing="error").transform(gappy)).all()

    def test_imputation_beats_the_mean(self, make_latent_generator, gappy, X):
        generator = make_latent_generator(missing="mask", **TRAINED).fit(gappy)
        gaps = np.isnan(gappy)
        mean = np.broadcast_to(np.nanmean(gappy, axis=(0, 1)), X.shape)
        errors = [
            ((filled - X)[gaps] / X.std(axis=(0, 1))[np.nonzero(gaps)[2]])
            for filled in (generator.impute(gappy), mean)
        ]
        ours, naive = (np.sqrt(np.square(error).mean()) for error in errors)
        assert ours < 0.9 * naive

    def test_a_report_can_be_made_of_series_with_gaps(
        self, make_latent_generator, gappy
    ):
        generator = make_latent_generator(missing="mask").fit(gappy)
        report = generator.posterior_report(gappy, n_shuffles=10)
        assert np.isfinite(report.dependency.global_).all()
        assert np.isfinite(list(report.log_likelihood.values())).all()

    def test_ragged_series_may_have_gaps_too(self, make_latent_generator, gappy):
        ragged = [series[: 2 + k % 5] for k, series in enumerate(gappy)]
        ragged = [np.where(x[:1] == x[0, 0], 1.0, x) for x in ragged]
        generator = make_latent_generator(missing="mask").fit(ragged)
        assert np.isfinite(generator.dependency(ragged).global_[:, :2]).all()
        filled = generator.impute(ragged)
        assert [len(x) for x in filled] == [len(x) for x in ragged]
        assert all(np.isfinite(x).all() for x in filled)

    def test_imputation_needs_a_fit_that_saw_gaps(self, make_latent_generator, X):
        with pytest.raises(ValueError, match='missing="mask"'):
            make_latent_generator().fit(X).impute(X)


class TestBeginnings:
    def test_samples_begin_as_they_should(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        series = generator.sample(3, prefix=X[:3, :2])
        assert series.shape == (3, 6, 2)
        assert_array_equal(series[:, :2], X[:3, :2])

    def test_one_beginning_serves_for_all(self, make_latent_generator, X):
        series = make_latent_generator().fit(X).sample(5, prefix=X[0, :3])
        assert_array_equal(series[:, :3], np.broadcast_to(X[0, :3], (5, 3, 2)))
        assert len(np.unique(series[:, 3:], axis=0)) == 5

    def test_they_go_on_from_there(self, make_latent_generator, X):
        generator = make_latent_generator(**TRAINED).fit(X)
        series = generator.sample(40, prefix=X[:, :4])
        ours, others = (
            np.abs(series[:, 4:] - truth[:, 4:]).mean(axis=(0, 1))
            for truth in (X, np.roll(X, 1, axis=0))
        )
        assert (ours < 0.7 * others).all()

    @pytest.mark.parametrize(
        "shape", [(3, 6, 2), (3, 2, 1), (2, 2, 2), (2,), (), (1, 3, 2, 2), (3, 0, 2)]
    )
    def test_bad_beginnings_are_refused(self, fitted, shape):
        with pytest.raises(ValueError, match="prefix"):
            fitted.sample(3, prefix=np.zeros(shape))

    @pytest.mark.parametrize("name", BAD_BEGINNINGS)
    def test_beginnings_of_bad_values_are_refused(self, fitted, X, name):
        change, message = BAD_BEGINNINGS[name]
        with pytest.raises((ValueError, TypeError), match=f"prefix.*{message}"):
            fitted.sample(3, prefix=change(X[:3, :2]))

    @pytest.mark.parametrize("name", FORMS_OF_BEGINNINGS)
    def test_beginnings_come_in_many_forms(self, fitted, X, name):
        wanted = fitted.sample(3, prefix=X[:3, :2])
        found = fitted.sample(3, prefix=FORMS_OF_BEGINNINGS[name](X[:3, :2]))
        assert_array_equal(found, wanted)

    def test_none_of_no_series(self, fitted, X):
        for prefix in (X[:0, :2], X[0, :2]):
            assert fitted.sample(0, prefix=prefix).shape == (0, 6, 2)

    @pytest.mark.parametrize(
        "form", [np.asarray, torch.tensor, pd.DataFrame], ids=lambda f: f.__name__
    )
    def test_without_an_axis_of_channels_rows_are_series(
        self, make_latent_generator, X, form
    ):
        generator = make_latent_generator().fit(form(X[:, :, 0]))
        wanted = generator.sample(3, prefix=X[:3, :1, :1])
        assert_array_equal(wanted, generator.sample(3, prefix=form(X[:3, :1, 0])))
        assert_array_equal(np.asarray(wanted)[:, 0], X[:3, 0, 0])

    def test_without_an_axis_of_channels_one_may_serve_for_all(
        self, make_latent_generator, X
    ):
        series = make_latent_generator().fit(X[:, :, 0]).sample(5, prefix=X[0, :3, 0])
        assert_array_equal(series[:, :3], np.broadcast_to(X[0, :3, 0], (5, 3)))

    def test_a_long_frame_holds_one_for_each_series(self, make_latent_generator, X):
        """Its rows are not the steps of a single beginning."""
        frame = long_frame(X)
        generator = make_latent_generator().fit(frame)
        series = generator.sample(2, prefix=frame.groupby(level=0).head(2).head(4))
        begun = series.groupby(level=0).head(2).to_numpy()
        assert_array_equal(begun, X[:2, :2].reshape(4, 2))

    def test_columns_of_a_long_frame_are_in_their_order(self, make_latent_generator, X):
        frame = long_frame(X)
        generator = make_latent_generator().fit(frame)
        with pytest.raises(ValueError, match="prefix must have the columns of fit"):
            generator.sample(1, prefix=frame.head(2)[["b", "a"]])

    def test_columns_of_a_wide_frame_are_in_their_order(self, make_latent_generator, X):
        frame = pd.DataFrame(X[:, :, 0])
        generator = make_latent_generator().fit(frame)
        with pytest.raises(ValueError, match="prefix must have the columns of fit"):
            generator.sample(1, prefix=frame.head(1)[[1, 0]])

    @pytest.mark.parametrize("steps", [[2, 0], [3, 4]])
    def test_columns_of_a_wide_frame_are_the_first(
        self, make_latent_generator, X, steps
    ):
        frame = pd.DataFrame(X[:, :, 0])
        generator = make_latent_generator().fit(frame)
        with pytest.raises(ValueError, match="prefix must have the first columns"):
            generator.sample(1, prefix=frame.head(1)[steps])
        others = frame.head(1)[steps].set_axis(["a", "b"], axis=1)
        assert list(generator.sample(1, prefix=others).columns) == list(frame.columns)

    def test_a_long_frame_goes_on_from_its_labels_and_times(
        self, make_latent_generator, X
    ):
        generator = make_latent_generator().fit(in_hours(X, "2024-01"))
        later = in_hours(X[:2], "2025-06").groupby(level=0).head(2)
        later = later.rename({0: "b", 1: "a"}, level=0)
        wanted = in_hours(X[:2], "2025-06").rename({0: "b", 1: "a"}, level=0).index
        assert_index_equal(generator.sample(2, prefix=later).index, wanted)
        for one in (later.head(2), later.head(1)):
            series = generator.sample(2, prefix=one)
            assert series.index.unique(0).tolist() == [0, 1]
            assert series.index.unique(1).equals(wanted[:6].get_level_values(1))
        assert generator.sample(0, prefix=later).empty

    @pytest.mark.parametrize(
        ("unit", "zone", "goes_on"),
        [("us", "Europe/Berlin", True), ("ns", "UTC", True), ("ns", None, False)],
    )
    def test_dates_go_on_in_other_units_and_zones(
        self, make_latent_generator, X, unit, zone, goes_on
    ):
        generator = make_latent_generator().fit(in_hours(X, "2024-01"))
        later = in_hours(X[:2], "2025-06")
        times = later.index.get_level_values(1)
        times = times.as_unit(unit).tz_convert(zone)
        prefix = later.set_index(
            pd.MultiIndex.from_arrays([later.index.get_level_values(0), times])
        )
        prefix = prefix.groupby(level=0).head(2)
        if not goes_on:
            with pytest.warns(UserWarning, match="times of prefix should be"):
                generator.sample(2, prefix=prefix)
        else:
            made = generator.sample(2, prefix=prefix).index
            assert (made.get_level_values(1) == times).all()

    def test_times_of_a_beginning_stay_as_they_are(self, make_latent_generator, X):
        times = 10 * np.arange(len(X))[:, None] + 0.1 * np.arange(6)
        index = [np.repeat(np.arange(len(X)), 6), times.ravel()]
        frame = pd.DataFrame(X.reshape(-1, 2), pd.MultiIndex.from_arrays(index))
        start = frame.groupby(level=0).head(4)
        made = make_latent_generator().fit(frame).sample(len(X), prefix=start).index
        assert start.index.isin(made).all()
        assert_allclose(made.get_level_values(1), times.ravel(), atol=1e-9)

    @pytest.mark.parametrize("name", ["y", "static"])
    def test_what_is_given_is_in_the_order_of_the_series(
        self, make_latent_generator, X, labels, name
    ):
        frame = long_frame(X)
        given = pd.Series(labels) if name == "y" else pd.DataFrame({"kind": labels})
        generator = make_latent_generator().fit(frame, **{name: given})
        start = frame.groupby(level=0).head(2)
        assert len(generator.sample(len(X), prefix=start, **{name: given}))
        with pytest.raises(ValueError, match=f"{name} must have its rows in the order"):
            generator.sample(len(X), prefix=start, **{name: given[::-1]})

    def test_times_at_other_distances_are_those_of_fit(self, make_latent_generator, X):
        frame = in_hours(X, "2024-01")
        generator = make_latent_generator().fit(frame)
        other = in_hours(X[:1], "2025-06").iloc[[0, 2]]
        with pytest.warns(UserWarning, match="times of prefix should be") as warned:
            times = generator.sample(1, prefix=other).index.get_level_values(1)
        assert times.equals(frame.index[:6].get_level_values(1))
        assert warned[0].filename == __file__

    def test_the_first_times_of_fit_may_be_uneven(self, make_latent_generator, X):
        months = pd.date_range("2024-01", periods=6, freq="MS")
        index = pd.MultiIndex.from_product([range(len(X)), months])
        frame = pd.DataFrame(X.reshape(-1, 2), index)
        generator = make_latent_generator().fit(frame)
        made = generator.sample(
            2,
            prefix=frame[frame.index.get_level_values(0) < 2].groupby(level=0).head(3),
        )
        assert made.index.equals(index[:12])

    def test_a_message_has_the_shape_that_came(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        with pytest.raises(ValueError, match=r"got \(1, 3, 1\)"):
            generator.sample(4, prefix=X[:1, :3, :1])

    def test_series_of_one_step_have_none(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X[:, :1])
        with pytest.raises(ValueError, match="series of two steps or more"):
            generator.sample(2, prefix=X[0, :1])

    def test_few_are_the_first_of_many(self, make_latent_generator, X, labels):
        generator = make_latent_generator().fit(X, labels)
        y = ["high", "low"] * 10
        head = generator.sample(20, y=y, prefix=X[0, :2])[:7]
        few = generator.sample(7, y=y[:7], prefix=X[0, :2])
        assert_allclose(few, head, rtol=1e-4, atol=1e-3)

    def test_series_are_longer_than_their_beginning(
        self, make_latent_generator, ragged, X
    ):
        generator = make_latent_generator().fit(ragged)
        series = generator.sample(200, prefix=X[0, :4])
        lengths = [len(one) for one in series]
        assert set(lengths) == {5, 6}
        assert all((one[:4] == X[0, :4]).all() for one in series)

    def test_lengths_within_the_beginning_are_refused(
        self, make_latent_generator, ragged, X
    ):
        generator = make_latent_generator().fit(ragged)
        with pytest.raises(ValueError, match="lengths must be above the 4 steps"):
            generator.sample(2, prefix=X[0, :4], lengths=[5, 4])

    def test_classes_without_a_longer_series_are_named(
        self, make_latent_generator, ragged, X
    ):
        y = np.array(["short" if len(one) < 4 else "long" for one in ragged])
        generator = make_latent_generator().fit(ragged, y)
        with pytest.raises(ValueError, match=r"more than the 3 steps.*'short'"):
            generator.sample(2, prefix=X[0, :3], y=["short", "long"])
        series = generator.sample(2, prefix=X[0, :3], y="short", lengths=5)
        assert [len(one) for one in series] == [5, 5]

    def test_gaps_leave_them_whole(self, make_latent_generator, gappy, X):
        generator = make_latent_generator(missing="mask").fit(gappy)
        series = generator.sample(100, prefix=X[0, :3], gaps=True)
        assert_array_equal(series[:, :3], np.broadcast_to(X[0, :3], (100, 3, 2)))
        assert np.isnan(series[:, 3:]).any()

    def test_what_they_lack_is_drawn(self, make_latent_generator, gappy):
        generator = make_latent_generator(missing="mask").fit(gappy)
        start = gappy[:, :4]
        start[0, :2], start[1, :, 0] = np.nan, np.nan
        series = generator.sample(40, prefix=start)
        assert np.isfinite(series).all()
        there = ~np.isnan(start)
        assert_array_equal(series[:, :4][there], start[there])
        left = generator.sample(40, prefix=start, gaps=True)[:, :4]
        assert_array_equal(left, start)

    def test_what_one_lacks_is_drawn_anew_for_each(self, make_latent_generator, X):
        start = np.where(X[0, :3] > X[0, 0], np.nan, X[0, :3])
        missing = np.isnan(start)
        assert missing.any()
        generator = make_latent_generator(missing="mask").fit(X)
        series = generator.sample(20, prefix=start)
        assert len(np.unique(series[:, :3][:, missing], axis=0)) == 20
        few = generator.sample(7, prefix=start)
        assert_allclose(few, series[:7], rtol=1e-4, atol=1e-3)

    def test_those_with_gaps_are_gone_on_from(self, make_latent_generator, X):
        generator = make_latent_generator(**TRAINED, missing="mask").fit(X)
        hidden = np.random.default_rng(0).random((40, 4, 2)) < 0.3
        series = generator.sample(40, prefix=np.where(hidden, np.nan, X[:, :4]))
        ours, others = (
            np.abs(series - truth).mean(axis=(0, 1))
            for truth in (X, np.roll(X, 1, axis=0))
        )
        assert (ours < 0.7 * others).all()

    def test_gaps_need_a_fit_that_may_have_some(self, make_latent_generator, X):
        start = np.where(X[:3, :2] > X[0, 0], np.nan, X[:3, :2])
        match = r'(?s)prefix contains NaN.*fit with missing="mask"'
        with pytest.raises(ValueError, match=match):
            make_latent_generator().fit(X).sample(3, prefix=start)

    def test_a_beginning_without_any_value_is_refused(self, make_latent_generator, X):
        generator = make_latent_generator(missing="mask").fit(X)
        start = X[:2, :3].copy()
        start[1] = np.nan
        with pytest.raises(ValueError, match="prefix must have at least one value"):
            generator.sample(2, prefix=start)


def test_reconstructed_series_are_near(X):
    generator = StablePosteriorGenerator(**TRAINED, random_state=0).fit(X)
    error = np.abs(generator.reconstruct(X) - X).mean(axis=(0, 1))
    assert (error < 0.7 * np.abs(X - X.mean(0)).mean(axis=(0, 1))).all()
