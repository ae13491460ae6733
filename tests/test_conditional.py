"""Labels, static variables, lengths, gaps and beginnings: what series are given."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tsgen import StablePosteriorGenerator

TRAINED = {"hidden_size": 32, "max_iter": 100, "prior_max_iter": 100}


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

    def test_labels_of_another_number_are_refused(self, make_latent_generator, X):
        with pytest.raises(ValueError, match="y"):
            make_latent_generator().fit(X, [0, 1])

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
        )
        short, long = (
            np.stack(generator.fit(falling).sample(50, lengths=n)) for n in (4, 8)
        )
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

    def test_a_series_does_not_depend_on_longer_ones_beside_it(
        self, make_latent_generator, ragged
    ):
        generator = make_latent_generator().fit(ragged)
        together = generator.score_samples(ragged)
        pair = [ragged[0], ragged[4]]
        assert_allclose(generator.score_samples(pair), together[[0, 4]], rtol=1e-6)


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

    @pytest.mark.parametrize("shape", [(3, 6, 2), (3, 2, 1), (2, 2, 2), (2,)])
    def test_bad_beginnings_are_refused(self, make_latent_generator, X, shape):
        generator = make_latent_generator().fit(X)
        with pytest.raises(ValueError, match="prefix"):
            generator.sample(3, prefix=np.zeros(shape))


def test_reconstructed_series_are_near(X):
    generator = StablePosteriorGenerator(**TRAINED, random_state=0).fit(X)
    error = np.abs(generator.reconstruct(X) - X).mean(axis=(0, 1))
    assert (error < 0.7 * np.abs(X - X.mean(0)).mean(axis=(0, 1))).all()
