import pickle
from functools import partial

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_validate,
)
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline

from tsgen import BlockBootstrapGenerator, GaussianGenerator, StablePosteriorGenerator
from tsgen import scorers as home
from tsgen.metrics import sliced_wasserstein_distance, spread_ratio
from tsgen.scorers import GeneratorScorer, neg_sliced_wasserstein_scorer

READY = {name: getattr(home, name) for name in home.__all__ if name.endswith("_scorer")}
SLOW = ("c2st", "context_fid", "discriminative", "predictive")
QUICK = [name for name in READY if not any(word in name for word in SLOW)]
BLOCKS = {"n_blocks": [1, 2, 6]}


class Recorder(GaussianGenerator):
    """A generator that remembers what it was asked for."""

    asked = []

    def sample(self, n_samples=1, *, random_state=None):
        self.asked.append((n_samples, random_state))
        return super().sample(n_samples, random_state=random_state)


class NotFinite(GaussianGenerator):
    def sample(self, n_samples=1, *, random_state=None):
        return super().sample(n_samples, random_state=random_state) * np.nan


@pytest.fixture
def series():
    return np.random.default_rng(0).normal(size=(60, 6, 2)).cumsum(axis=1)


@pytest.fixture
def fitted(series):
    return GaussianGenerator(random_state=0).fit(series[:30])


# one score


def test_the_score_is_the_metric_of_as_many_samples(series, fitted):
    samples = fitted.sample(30, random_state=0)
    distance = sliced_wasserstein_distance(series[30:], samples, random_state=0)
    assert neg_sliced_wasserstein_scorer(fitted, series[30:]) == -distance


@pytest.mark.parametrize("name", QUICK)
def test_ready_scorers_are_numbers_that_a_better_generator_has_more_of(name, series):
    right = GaussianGenerator(random_state=0).fit(series[:30])
    wrong = GaussianGenerator(random_state=0).fit(series[:30, :, ::-1] * 3 + 2)
    scorer = READY[name]
    assert type(scorer(right, series[30:])) is float
    assert scorer(right, series[30:]) > scorer(wrong, series[30:])


@pytest.mark.parametrize("name", READY)
def test_ready_scorers_survive_a_pickle_and_say_what_they_are(name):
    again = pickle.loads(pickle.dumps(READY[name]))
    assert repr(again) == repr(READY[name])
    assert READY[name].metrics in repr(again)


def test_y_is_ignored(series, fitted):
    with_y = neg_sliced_wasserstein_scorer(fitted, series[30:], np.ones(30))
    assert with_y == neg_sliced_wasserstein_scorer(fitted, series[30:])


def test_other_estimators_that_sample_are_scored_too(series):
    flat = series[:, :, 0]
    kernel = KernelDensity().fit(flat[:30])
    assert neg_sliced_wasserstein_scorer(kernel, flat[30:]) < 0


# many scores


def test_many_metrics_share_one_draw(series):
    Recorder.asked.clear()
    scorer = GeneratorScorer(["mmd", "coverage", "spread_ratio"], random_state=3)
    scores = scorer(Recorder().fit(series[:30]), series[30:])
    assert list(scores) == ["neg_mmd", "coverage", "neg_spread_ratio_error"]
    assert Recorder.asked == [(30, 3)]


def test_a_long_frame_has_as_many_samples_as_series(series):
    pandas = pytest.importorskip("pandas")
    frames = {k: pandas.DataFrame(x) for k, x in enumerate(series[30:])}
    Recorder.asked.clear()
    scorer = GeneratorScorer("sliced_wasserstein_distance")
    fitted = Recorder().fit(series[:30])
    assert scorer(fitted, pandas.concat(frames)) == scorer(fitted, series[30:])
    assert Recorder.asked == [(30, 0), (30, 0)]


def test_the_number_of_samples_can_be_set(series):
    Recorder.asked.clear()
    GeneratorScorer("mmd", n_samples=7)(Recorder().fit(series[:30]), series[30:])
    assert Recorder.asked == [(7, 0)]


def test_the_seed_changes_samples_and_directions(series, fitted):
    scores = [
        GeneratorScorer("sliced_wasserstein_distance", random_state=seed)(
            fitted, series[30:]
        )
        for seed in (0, 0, 1)
    ]
    assert scores[0] == scores[1] != scores[2]


def test_a_dict_names_the_metrics(series, fitted):
    few = partial(sliced_wasserstein_distance, n_projections=5)
    scorer = GeneratorScorer({"few": few, "spread": spread_ratio})
    scores = scorer(fitted, series[30:])
    assert list(scores) == ["neg_few", "neg_spread_error"]
    samples = fitted.sample(30, random_state=0)
    assert scores["neg_few"] == -few(series[30:], samples, random_state=0)


def test_a_function_of_ones_own_is_a_distance(series, fitted):
    scorer = GeneratorScorer(lambda X, Y: abs(X.mean() - Y.mean()))
    gap = series[30:].mean() - fitted.sample(30, random_state=0).mean()
    assert scorer(fitted, series[30:]) == -abs(gap)


# in searches


def test_cross_validation_takes_many_metrics(series):
    scorer = GeneratorScorer(["mmd", "spread_ratio"])
    result = cross_validate(GaussianGenerator(), series, scoring=scorer, cv=3)
    assert result["test_neg_mmd"].shape == (3,)
    assert (result["test_neg_spread_ratio_error"] <= 0).all()


def test_a_search_prefers_what_scores_best(series):
    search = GridSearchCV(
        BlockBootstrapGenerator(random_state=0),
        BLOCKS,
        scoring=neg_sliced_wasserstein_scorer,
        cv=3,
    ).fit(series)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_index_ == np.argmax(scores)
    assert search.best_estimator_.sample(3).shape == (3, 6, 2)
    mean = np.mean(
        [
            neg_sliced_wasserstein_scorer(
                clone(search.best_estimator_).fit(series[train]), series[test]
            )
            for train, test in KFold(3).split(series)
        ]
    )
    assert scores.max() == pytest.approx(mean)


def test_a_search_by_one_of_many_metrics(series):
    search = GridSearchCV(
        BlockBootstrapGenerator(random_state=0),
        BLOCKS,
        scoring=GeneratorScorer(["energy_distance", "coverage"]),
        refit="coverage",
        cv=2,
    ).fit(series)
    assert {"mean_test_neg_energy_distance", "mean_test_coverage"} <= set(
        search.cv_results_
    )


def test_a_halving_search(series):
    search = HalvingGridSearchCV(
        BlockBootstrapGenerator(random_state=0),
        BLOCKS,
        scoring=neg_sliced_wasserstein_scorer,
        cv=2,
        min_resources=20,
        random_state=0,
    ).fit(series)
    assert np.isfinite(search.best_score_)
    assert search.n_iterations_ > 1


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_score_as_one_process_does(backend, series, make_generator):
    grid = {"hidden_size": [4, 8]}
    scoring = GeneratorScorer(["sliced_wasserstein_distance", "mmd"])
    search = GridSearchCV(make_generator(), grid, scoring=scoring, refit=False, cv=2)
    serial = search.fit(series).cv_results_
    with joblib.parallel_config(backend, n_jobs=2):
        parallel = search.fit(series).cv_results_
    for key in ("mean_test_neg_sliced_wasserstein_distance", "mean_test_neg_mmd"):
        np.testing.assert_allclose(parallel[key], serial[key], rtol=1e-6)


@pytest.mark.foreign_draws
def test_a_dask_cluster_scores_as_one_process_does(series):
    distributed = pytest.importorskip("distributed")
    search = GridSearchCV(
        BlockBootstrapGenerator(random_state=0),
        BLOCKS,
        scoring=neg_sliced_wasserstein_scorer,
        cv=2,
    )
    serial = search.fit(series).cv_results_["mean_test_score"]
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config("dask"):
        parallel = search.fit(series).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(parallel, serial)


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.parametrize(
    "scoring", [neg_sliced_wasserstein_scorer, GeneratorScorer(["mmd", "coverage"])]
)
def test_a_candidate_that_diverges_becomes_nan(scoring, series, make_latent_generator):
    if not isinstance(make_latent_generator(), StablePosteriorGenerator):
        pytest.skip("one class is enough")
    search = GridSearchCV(
        make_latent_generator(max_iter=30, check_collapse=False),
        {"learning_rate": [1e-3, 1e30]},
        scoring=scoring,
        refit=False,
        cv=2,
    )
    with pytest.warns(FitFailedWarning, match="TrainingDivergedError"):
        results = search.fit(series).cv_results_
    keys = [key for key in results if key.startswith("mean_test")]
    for key in keys:
        np.testing.assert_array_equal(np.isnan(results[key]), [False, True])


class Refusing(BlockBootstrapGenerator):
    """Samples only from two blocks."""

    def sample(self, n_samples=1, *, random_state=None):
        if self.n_blocks != 2:
            raise RuntimeError("no luck")
        return super().sample(n_samples, random_state=random_state)


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.parametrize("blocks", [[1, 2], [2, 1]])
def test_a_search_by_many_metrics_survives_what_cannot_sample(blocks, series):
    search = GridSearchCV(
        Refusing(random_state=0),
        {"n_blocks": blocks},
        scoring=GeneratorScorer(["mmd", "coverage"]),
        refit="neg_mmd",
        cv=2,
    )
    with pytest.warns(FitFailedWarning, match="sample failed .* no luck"):
        search.fit(series)
    assert search.best_params_ == {"n_blocks": 2}
    nan = np.isnan(search.cv_results_["mean_test_coverage"])
    np.testing.assert_array_equal(nan, [n != 2 for n in blocks])


def test_one_metric_that_fails_keeps_the_others(series):
    flat = series[:, :, :1]
    scorer = GeneratorScorer(["correlational_score", "mmd"])
    with pytest.warns(FitFailedWarning, match="correlational_score failed"):
        scores = scorer(GaussianGenerator().fit(flat), flat)
    assert np.isnan(scores["neg_correlational_score"])
    assert np.isfinite(scores["neg_mmd"])


def test_a_seed_that_is_fixed_in_a_partial_stays(series, fitted):
    few = partial(sliced_wasserstein_distance, n_projections=2)
    scores = [
        GeneratorScorer(partial(few, random_state=seed))(fitted, series[30:])
        for seed in (1, 2)
    ]
    assert scores[0] != scores[1]


@pytest.mark.parametrize(
    "scoring", [neg_sliced_wasserstein_scorer, GeneratorScorer(["mmd", "coverage"])]
)
def test_samples_that_are_not_finite_become_nan(scoring, series):
    kinds = (UserWarning, FitFailedWarning)
    with pytest.warns(kinds, match="X_synthetic contains NaN"):
        result = cross_validate(NotFinite(), series, scoring=scoring, cv=2)
    keys = [key for key in result if key.startswith("test")]
    assert keys
    assert all(np.isnan(result[key]).all() for key in keys)


# refusals


def test_a_generator_that_is_not_fitted_has_no_score(series):
    with pytest.raises(NotFittedError):
        neg_sliced_wasserstein_scorer(GaussianGenerator(), series)


def test_an_estimator_that_cannot_sample_is_refused(series, fitted):
    with pytest.raises(TypeError, match=r"must have a method sample.*last step"):
        neg_sliced_wasserstein_scorer(make_pipeline(fitted), series)


def test_one_series_has_no_score(series, fitted):
    with pytest.raises(ValueError, match="X_real must hold at least 2 series"):
        neg_sliced_wasserstein_scorer(fitted, series[:1])


def test_other_channels_are_refused(series, fitted):
    with pytest.raises(ValueError, match="same time steps and channels"):
        neg_sliced_wasserstein_scorer(fitted, series[:, :, :1])


def test_bad_options_are_refused_at_once():
    with pytest.raises(ValueError, match="metrics must be among"):
        GeneratorScorer("accuracy")
    with pytest.raises(ValueError, match="n_samples"):
        GeneratorScorer("mmd", n_samples=1)
    with pytest.raises(ValueError, match="seed"):
        GeneratorScorer("mmd", random_state="a")
    with pytest.raises(TypeError, match="metrics must be names or functions"):
        GeneratorScorer(None)
