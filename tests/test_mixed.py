"""Categories, counts and numbers in one series: learned, drawn, filled and scored."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tsgen import (
    DiffusionGenerator,
    LatentDiffusionGenerator,
    StablePosteriorGenerator,
)

N, T = 40, 3
STAY = 0.8  # probability that the state is that of the step before
MEAN, SPREAD, RATE = np.array([-4.0, 0.0, 4.0]), 0.5, np.array([0.5, 2.0, 4.0])
KINDS = ["discrete", "discrete", "mixture"]
ERROR = 4 * (0.25 / 2000) ** 0.5  # four standard errors of a share of 2000 series
FORMS = ["step", "entry", "series", "kl", "printed"]

every_backbone = pytest.mark.parametrize("backbone", ["lstm", "transformer"])


def mixed_series(n, seed):
    """Draw a state of three, a count and a level whose means depend on the state."""
    rng = np.random.default_rng(seed)
    state = np.empty((n, T), int)
    state[:, 0] = rng.integers(3, size=n)
    for t in range(1, T):
        moved = (state[:, t - 1] + rng.integers(1, 3, size=n)) % 3
        state[:, t] = np.where(rng.random(n) < STAY, state[:, t - 1], moved)
    count = np.minimum(rng.poisson(RATE[state]), 9)
    level = rng.normal(MEAN[state], SPREAD)
    return np.stack([state, count, level], axis=2).astype(float)


def as_frame(X):
    """Return mixed series as a long frame, with names of states."""
    index = pd.MultiIndex.from_product([range(len(X)), range(X.shape[1])])
    state, count, level = X.reshape(-1, 3).T
    names = ["off", "idle", "on"]
    return pd.DataFrame(
        {
            "state": pd.Categorical.from_codes(state.astype(int), names, ordered=True),
            "count": count.astype("int32"),
            "level": level,
        },
        index=index.set_names(["machine", "hour"]),
    )


@pytest.fixture(scope="module")
def X():
    series = mixed_series(N, seed=0)
    series.flags.writeable = False
    return series


@pytest.fixture(scope="module")
def gappy(X):
    missing = np.random.default_rng(1).random(X.shape) < 0.2
    return np.where(missing, np.nan, X)


@pytest.fixture
def make(make_latent_generator):
    """Return a function that makes a small generator of both kinds of channels."""

    def make(**options):
        return make_latent_generator(**{"likelihood": KINDS, **options})

    return make


def assert_on_values(found, X):
    """Check that discrete channels hold values of the training series only."""
    for channel in (0, 1):
        assert np.isin(found[..., channel], X[..., channel]).all()
    assert not np.isin(found[..., 2], X[..., 2]).any()


@pytest.fixture(scope="module")
def learned():
    """Return the training frame, and what a generator of it samples."""
    X = as_frame(mixed_series(200, seed=0))
    generator = LatentDiffusionGenerator(
        latent_size=4,
        hidden_size=32,
        n_levels=20,
        n_sampling_steps=5,
        batch_size=40,
        n_components=3,
        max_iter=80,
        prior_max_iter=10,
        check_collapse=False,
        random_state=0,
    )
    return X, generator.fit(X).sample(2000)


class TestLearning:
    def test_a_frame_comes_back_with_its_types(self, learned):
        X, found = learned
        assert found.index.names == X.index.names
        pd.testing.assert_series_equal(found.dtypes, X.dtypes)

    def test_every_value_is_one_of_training(self, learned):
        X, found = learned
        assert found["count"].isin(X["count"].unique()).all()
        assert found["state"].notna().all()
        assert not found["level"].isin(X["level"]).any()

    def test_values_are_as_frequent_as_in_training(self, learned):
        for name in ("state", "count"):
            real, made = (frame[name].value_counts(normalize=True) for frame in learned)
            difference = real.sub(made, fill_value=0)
            assert difference.abs().max() < ERROR

    def test_the_numbers_depend_on_the_category(self, learned):
        _, found = learned
        level = found.groupby("state", observed=False)["level"]
        count = found.groupby("state", observed=False)["count"]
        assert_allclose(level.mean(), MEAN, atol=0.2)
        assert_allclose(level.std(), SPREAD, rtol=0.3)
        assert_allclose(count.mean(), RATE, rtol=0.1, atol=0.2)

    def test_categories_persist_from_step_to_step(self, learned):
        _, found = learned
        state = found["state"].cat.codes.to_numpy().reshape(-1, T)
        stays = (state[:, 1:] == state[:, :-1]).mean()
        assert abs(stays - STAY) < ERROR


class TestChoice:
    def test_channels_of_an_array_are_continuous_by_themselves(self, make, X):
        generator = make(likelihood="mixture").fit(X)
        assert not generator.scaler_.supports.discrete

    def test_whole_numbers_of_a_frame_are_discrete_if_they_are_few(self, make, X):
        frame = as_frame(X).assign(
            many=np.arange(N * T), flag=X[..., 0].ravel() == 1, some=X[..., 1].ravel()
        )
        found = make(likelihood="mixture").fit(frame).scaler_.supports.sizes
        assert found == (3, len(np.unique(X[..., 1])), 0, 0, 2, 0)

    def test_a_wide_frame_of_whole_numbers_is_discrete(self, make, X):
        counts = X[..., 1].astype(int)
        found = make(likelihood="mixture").fit(pd.DataFrame(counts)).sample(50)
        assert set(found.dtypes) == {np.dtype("int64")}
        assert np.isin(found, counts).all()

    def test_text_is_discrete_by_itself(self, make, X):
        frame = as_frame(X).astype({"state": "str"})
        found = make(likelihood="mixture").fit(frame).sample(50)
        pd.testing.assert_series_equal(found.dtypes, frame.dtypes)
        assert found["state"].isin(["off", "idle", "on"]).all()

    def test_a_frame_may_be_told_otherwise(self, make, X):
        frame = as_frame(X)[["count", "level"]]
        generator = make(likelihood=["mixture", "mixture"]).fit(frame)
        assert generator.scaler_.supports.sizes == ()
        gaussian = make(likelihood="gaussian").fit(frame)
        assert gaussian.scaler_.supports.sizes == ()

    def test_stepped_numbers_may_be_discrete(self, make, X):
        steps = np.stack([0.1 * X[..., 1], X[..., 2]], axis=2)
        found = make(likelihood=["discrete", "mixture"]).fit(steps).sample(50)
        assert np.isin(found[..., 0], steps[..., 0]).all()

    def test_all_channels_may_be_discrete(self, make, X):
        states = X[..., :1]
        found = make(likelihood=("discrete",)).fit(states).sample(50)
        assert np.isin(found, states).all()

    def test_single_precision_comes_back_exactly(self, make, X):
        single = (X * [0.1, 0.1, 1]).astype(np.float32)
        generator = make().fit(single)
        assert_on_values(generator.sample(50), single)
        double = X * [0.1, 0.1, 1]
        assert_allclose(generator.score(double), generator.score(single), rtol=1e-5)


REFUSED = {
    "an unknown kind": (["discrete", "counts", "mixture"], "got 'counts'"),
    "too few kinds": (["discrete", "mixture"], "one for each of 3, got 2"),
    "no kinds": ([], "one for each channel, got none"),
    "another word": ("categorical", "'likelihood' parameter"),
}


class TestErrors:
    @pytest.mark.parametrize(("kinds", "got"), REFUSED.values(), ids=REFUSED.keys())
    def test_what_cannot_be_is_refused_in_fit(self, make, X, kinds, got):
        with pytest.raises(ValueError, match=got):
            make(likelihood=kinds).fit(X)

    def test_too_many_values_are_refused(self, make):
        with pytest.raises(ValueError, match=r"256 values, got 300, .* channel 2"):
            make(likelihood=["mixture", "mixture", "discrete"]).fit(
                mixed_series(100, 0)
            )

    def test_values_too_close_are_refused(self, make, X):
        X = X.copy()
        X[0, 0, 1] = 1e9
        with pytest.raises(ValueError, match=r"differ by 1e-06 .* discrete channel 1"):
            make().fit(X)

    @pytest.mark.parametrize("kinds", ["gaussian", ["mixture", "discrete", "mixture"]])
    def test_categories_must_be_discrete(self, make, X, kinds):
        with pytest.raises(ValueError, match=r"text or categories, got .* channel 0"):
            make(likelihood=kinds).fit(as_frame(X))

    def test_a_refusal_leaves_a_fitted_generator_as_it_was(self, make, X):
        generator = make().fit(X)
        before = generator.sample(3)
        with pytest.raises(ValueError, match="one for each of 1"):
            generator.fit(X[..., :1])
        assert_array_equal(generator.sample(3), before)

    @pytest.mark.parametrize(
        "method",
        ["score_samples", "transform", "reconstruct", "impute", "dependency", "prefix"],
    )
    def test_a_value_that_was_not_in_training_is_named(self, make, X, method):
        generator = make(missing="mask").fit(X)
        other = X[:2].copy()
        other[1, 0, 1] = 55
        if method == "prefix":
            call = lambda X: generator.sample(2, prefix=X[:, :2])  # noqa: E731
        else:
            call = getattr(generator, method)
        with pytest.raises(
            ValueError, match=r"channel 1, got 1 that are not, the first is 55"
        ):
            call(other)

    def test_a_category_that_was_not_in_training_is_named(self, make, X):
        frame = as_frame(X).astype({"state": "str"})
        generator = make(likelihood="mixture").fit(frame)
        other = frame.replace({"state": {"on": "broken"}})
        with pytest.raises(ValueError, match=r"X\['state'\] .* got 'broken'"):
            generator.score(other)

    def test_generators_without_discrete_channels_take_no_categories(self, X):
        with pytest.raises(TypeError, match="numeric columns"):
            DiffusionGenerator().fit(as_frame(X))


class TestMethods:
    @every_backbone
    def test_samples_are_on_the_values(self, make, X, backbone):
        assert_on_values(make(backbone=backbone).fit(X).sample(50), X)

    def test_latents_are_decoded_to_values(self, make, X):
        generator = make().fit(X)
        Z = generator.transform(X[:20])
        for found in (
            generator.inverse_transform(Z),
            generator.inverse_transform(Z, noise=True),
            generator.reconstruct(X[:20]),
        ):
            assert_on_values(found, X)

    def test_probabilities_do_not_depend_on_units(self, make, X):
        unit = np.array([10.0, 0.1, 1.0])
        one, other = (
            make().fit(series).score_samples(series) for series in (X, unit * X)
        )
        assert_allclose(one, other, rtol=1e-4)

    def test_the_score_of_a_series_does_not_depend_on_the_others(self, make, X):
        generator = make().fit(X)
        alone = [generator.score_samples(X[k : k + 1])[0] for k in range(3)]
        assert_allclose(generator.score_samples(X)[:3], alone, rtol=1e-12)

    def test_discrete_series_have_a_probability(self, make, X):
        generator = make(likelihood=["discrete"]).fit(X[..., :1])
        assert (generator.score_samples(X[..., :1]) < 0).all()

    @every_backbone
    def test_gaps_are_filled_with_values(self, make, X, gappy, backbone):
        generator = make(backbone=backbone, missing="mask").fit(gappy)
        found = generator.impute(gappy)
        known = ~np.isnan(gappy)
        assert_array_equal(found[known], gappy[known])
        for channel in (0, 1):
            assert np.isin(found[..., channel], X[..., channel]).all()
        assert np.isfinite(generator.score_samples(gappy)).all()

    def test_a_frame_with_gaps_is_filled(self, make, gappy):
        frame = as_frame(np.nan_to_num(gappy)).mask(np.isnan(gappy.reshape(-1, 3)))
        generator = make(likelihood="mixture", missing="mask").fit(frame)
        filled = generator.impute(frame)
        assert not filled.isna().any(axis=None)
        pd.testing.assert_series_equal(filled.dtypes, frame.dtypes)
        there = frame["state"].notna().to_numpy()
        assert_array_equal(filled["state"][there], frame["state"][there])
        assert generator.sample(20, gaps=True)["state"].isna().any()

    def test_a_beginning_is_kept_and_continued(self, make, X):
        found = make().fit(X).sample(5, prefix=X[:5, :2])
        assert_array_equal(found[:, :2], X[:5, :2])
        assert_on_values(found[:, 2:], X)

    def test_a_frame_is_continued(self, make, X):
        generator = make(likelihood="mixture").fit(as_frame(X))
        start = as_frame(X[:5, :2])
        found = generator.sample(5, prefix=start)
        hours = found.index.get_level_values("hour")
        pd.testing.assert_frame_equal(found[hours < 2], start, check_index_type=False)

    @pytest.mark.parametrize("form", FORMS)
    def test_every_penalty_is_finite(self, X, form):
        generator = StablePosteriorGenerator(
            likelihood=KINDS,
            hidden_size=8,
            latent_size=4,
            n_levels=20,
            n_inference_levels=2,
            n_collapse_levels=4,
            n_sampling_steps=5,
            max_iter=2,
            prior_max_iter=0,
            collapse_penalty=form,
            check_collapse=False,
            random_state=0,
        )
        history = generator.fit(X).history_["collapse_simulation"]
        assert np.isfinite(history).all()
        assert min(history) >= 0 or form == "printed"

    @pytest.mark.parametrize("option", [{"variable_masking": 0.9}, {"dropout": 0.5}])
    def test_options_of_training_work_with_discrete_channels(self, make, X, option):
        plain, other = (make(**more).fit(X).sample(20) for more in ({}, option))
        assert_on_values(other, X)
        assert not np.array_equal(plain, other)

    def test_a_rare_value_may_be_held_out(self, make, X):
        X = X.copy()
        X[:, :, 1] = 0
        rare = X.copy()
        for k in range(0, N, 10):
            rare[k, 0, 1] = 1
        generator = make(early_stopping=True, n_iter_no_change=1, tol=1e6)
        assert_on_values(generator.fit(rare).sample(50), rare)

    def test_half_precision_trains(self, make, X):
        generator = make(backbone="transformer", mixed_precision=True).fit(X)
        assert_on_values(generator.sample(20), X)

    def test_the_posterior_report_is_in_nats(self, make, X):
        report = make(check_collapse=True).fit(X).posterior_report(X, n_series=10)
        assert np.isfinite(list(report.log_likelihood.values())).all()

    def test_series_of_unequal_length_end_with_nothing_seen(self, make, X):
        series = [x[: 1 + k % T] for k, x in enumerate(X)]
        found = make().fit(series).sample(50)
        assert_on_values(np.concatenate(found), X)

    def test_a_pickle_samples_the_same(self, make, X):
        generator = make(likelihood="mixture").fit(as_frame(X))
        again = pickle.loads(pickle.dumps(generator))
        pd.testing.assert_frame_equal(again.sample(5), generator.sample(5))
        assert_array_equal(again.score_samples(as_frame(X)), generator.score_samples(X))


class TestWarmStart:
    def test_training_goes_on(self, make, X):
        warm = make(warm_start=True).fit(X).fit(X)
        once = make(warm_start=True, max_iter=4).fit(X)
        assert_array_equal(warm.history_["loss"], once.history_["loss"])
        assert_on_values(warm.sample(20), X)

    def test_other_series_may_have_fewer_values_and_no_new_ones(self, make, X):
        generator = make(warm_start=True).fit(X)
        generator.fit(X[:20])
        other = X.copy()
        other[0, 0, 0] = 7
        with pytest.raises(ValueError, match="discrete channel 0"):
            generator.fit(other)

    def test_other_categories_are_refused(self, make, X):
        frame = as_frame(X).astype({"state": "str"})
        generator = make(likelihood="mixture", warm_start=True).fit(frame)
        with pytest.raises(ValueError, match="categories of the last fit"):
            generator.fit(frame.replace({"state": {"on": "up"}}))

    def test_other_kinds_are_refused(self, make, X):
        generator = make(warm_start=True).fit(X)
        generator.set_params(likelihood=["discrete", "mixture", "mixture"])
        with pytest.raises(ValueError, match="another likelihood"):
            generator.fit(X)
