"""Synthetic series as training data: what is added, what leaks, what it is worth."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import t as student
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import (
    KernelDensity,
    KNeighborsClassifier,
    KNeighborsRegressor,
)
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import estimator_checks_generator

from tests.conftest import GENERATORS
from tsgen import (
    AugmentedClassifier,
    AugmentedRegressor,
    BlockBootstrapGenerator,
    GaussianGenerator,
    HarmCheck,
    StablePosteriorGenerator,
    SyntheticAugmenter,
    harm_check,
    tstr_score,
)
from tsgen.augmentation._sources import resolve_generator
from tsgen.datasets import make_regimes

BOTH, SYNTHETIC = "real + synthetic", "synthetic"


class Spy(GaussianGenerator):
    """Remembers what it was fitted on, with which seed."""

    seen = []

    def fit(self, X, y=None):
        self.seen.append((X.copy(), None if y is None else y.copy(), self.random_state))
        return super().fit(X, y)


class Conditional(BaseEstimator):
    """Learns all classes at once: a constant series a class, and a little noise."""

    fits, asked = [], []

    def __init__(self, noise=1e-3):
        self.noise = noise

    def fit(self, X, y=None):
        self.fits.append((X, y))
        self.shape_ = X.shape[1:]
        self.classes_ = None if y is None else np.unique(y)
        return self

    def sample(self, n_samples=1, *, y=None, random_state=None):
        self.asked.append(y)
        noise = np.random.default_rng(random_state).normal(
            size=(n_samples, *self.shape_)
        )
        level = 0 if y is None else 100 * np.searchsorted(self.classes_, y)
        return np.reshape(level, (-1, *(1 for _ in self.shape_))) + self.noise * noise


class Plain:
    """Somebody's own generator: no parameters, no seed, no scikit-learn."""

    def fit(self, X):
        self.mean = X.mean(axis=0)

    def sample(self, n_samples):
        return np.repeat(self.mean[None], n_samples, axis=0)


class Remembering(ClassifierMixin, BaseEstimator):
    """Remembers what it was trained and asked on; answers with the first class."""

    fits, asked = [], []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.fits.append((X, y))
        return self

    def predict(self, X):
        self.asked.append(X)
        return np.repeat(self.classes_[:1], len(X))


@pytest.fixture
def seen():
    Spy.seen.clear()
    return Spy.seen


@pytest.fixture
def conditional():
    Conditional.fits.clear()
    Conditional.asked.clear()
    return Conditional()


@pytest.fixture
def remembering():
    Remembering.fits.clear()
    Remembering.asked.clear()
    return Remembering()


@pytest.fixture
def X():
    """Random walks; the first value of each is its number in tens of thousands."""
    walks = np.random.default_rng(0).normal(size=(30, 5, 2)).cumsum(axis=1)
    walks[:, 0, 0] = 1e4 * np.arange(30)
    walks.flags.writeable = False
    return walks


@pytest.fixture
def y():
    """Labels of 15, 10 and 5 series, mixed."""
    labels = np.repeat(["often", "rare", "some"], [15, 5, 10])
    return np.random.default_rng(1).permutation(labels)


def numbers_of(X):
    """Tell series of the fixture apart, in whatever form."""
    return set((X.reshape(len(X), -1)[:, 0] / 1e4).round(6))


@pytest.fixture
def walks(X):
    """Return the same without the numbers: values of a few units."""
    return X[:, 1:]


def augmenter(generator=None, **options):
    generator = GaussianGenerator() if generator is None else generator
    return SyntheticAugmenter(generator, **{"random_state": 0, **options})


# the contract of scikit-learn


ESTIMATORS = [
    AugmentedClassifier(LogisticRegression(), GaussianGenerator()),
    AugmentedClassifier(generator=BlockBootstrapGenerator(), sampling_strategy="auto"),
    AugmentedRegressor(Ridge(), GaussianGenerator()),
    SyntheticAugmenter(GaussianGenerator()),
]
CHECKS = [
    pytest.param(estimator, check, id=f"{number}-{check.func.__name__}")
    for number, prototype in enumerate(ESTIMATORS)
    for estimator, check in estimator_checks_generator(prototype)
]


@pytest.mark.foreign_draws
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_a_check_of_scikit_learn_passes(estimator, check):
    check(clone(estimator))


def test_scikit_learn_checks_more_than_names():
    assert len(CHECKS) > 4 * 40


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=range(len(ESTIMATORS)))
def test_they_take_three_dimensions(estimator):
    assert estimator.__sklearn_tags__().input_tags.three_d_array


def test_they_are_what_they_are_called():
    assert sklearn.base.is_classifier(AugmentedClassifier())
    assert sklearn.base.is_regressor(AugmentedRegressor())
    tags = AugmentedClassifier(LinearSVC()).__sklearn_tags__()
    assert tags.classifier_tags == LinearSVC().__sklearn_tags__().classifier_tags


# what the augmenter adds


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("auto", {"often": 0, "rare": 10, "some": 5}),
        ("all", {"often": 0, "rare": 10, "some": 5}),
        ("not majority", {"often": 0, "rare": 10, "some": 5}),
        ("minority", {"often": 0, "rare": 10, "some": 0}),
        ("not minority", {"often": 0, "rare": 0, "some": 5}),
        (1.0, {"often": 15, "rare": 5, "some": 10}),
        (2, {"often": 30, "rare": 10, "some": 20}),
        (0.5, {"often": 8, "rare": 2, "some": 5}),
        (0, {"often": 0, "rare": 0, "some": 0}),
        ({"rare": 7, "often": 15}, {"often": 0, "rare": 2, "some": 0}),
    ],
    ids=str,
)
def test_a_strategy_says_how_many_of_each_class(strategy, expected, X, y):
    augment = augmenter(sampling_strategy=strategy)
    X_more, y_more = augment.fit_resample(X, y)
    labels, counts = np.unique(y_more[30:], return_counts=True)
    found = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    assert {label: found.get(label, 0) for label in expected} == expected
    assert augment.synthetic_counts_ == expected
    assert len(X_more) == len(y_more) == 30 + sum(expected.values())


def test_real_series_come_first_unchanged_and_in_their_order(X, y):
    before = X.copy(), y.copy()
    X_more, y_more = augmenter().fit_resample(X, y)
    assert_array_equal(X_more[:30], X)
    assert_array_equal(y_more[:30], y)
    assert_array_equal(X, before[0])
    assert_array_equal(y, before[1])
    X_more[:] = 0
    assert_array_equal(X, before[0])


def test_synthetic_series_resemble_those_of_their_class(X, y):
    level = np.array([{"often": 0, "rare": 500, "some": 1000}[k] for k in y])
    shifted = X[:, 1:] + level[:, None, None]
    X_more, y_more = augmenter().fit_resample(shifted, y)
    assert_allclose(X_more[y_more == "rare"].mean(), 500, atol=5)
    assert_allclose(X_more[y_more == "some"].mean(), 1000, atol=5)


def test_a_generator_sees_one_class_and_the_largest_needs_none(X, y, seen):
    augment = augmenter(Spy())
    augment.fit_resample(X, y)
    assert sorted(augment.generators_) == ["rare", "some"]
    for (series, labels, _), label in zip(seen, ["rare", "some"], strict=True):
        assert_array_equal(series, X[y == label])
        assert labels is None


def test_a_generator_that_takes_labels_is_fitted_once_and_asked_for_them(
    X, y, conditional
):
    augment = augmenter(conditional)
    X_more, y_more = augment.fit_resample(X, y)
    ((series, labels),), (wanted,) = conditional.fits, conditional.asked
    assert_array_equal(series, X)
    assert_array_equal(labels, y)
    assert_array_equal(wanted, ["rare"] * 10 + ["some"] * 5)
    assert_array_equal(y_more[30:], wanted)
    assert_allclose(X_more[30:40], 100, atol=1)
    assert_allclose(X_more[40:], 200, atol=1)
    assert augment.generators_["rare"] is augment.generators_["some"]


def test_a_generator_that_takes_labels_needs_no_two_series_of_a_class(X, conditional):
    y = np.array([*"a" * 29, "b"])
    assert list(augmenter(conditional).fit_resample(X, y)[1]).count("b") == 29


def test_any_object_that_fits_and_samples_will_do(X, y):
    X_more, _ = augmenter(Plain()).fit_resample(X, y)
    mean = X[y == "rare"].mean(axis=0)
    assert_allclose(X_more[30:40], np.repeat(mean[None], 10, axis=0))


def test_two_dimensions_stay_two_also_for_the_generator(X, y, seen):
    X_more, _ = augmenter(Spy()).fit_resample(X[:, :, 0], y)
    assert X_more.shape == (45, 5)
    assert seen[0][0].shape == (5, 5)
    assert augmenter(KernelDensity()).fit_resample(X[:, :, 0], y)[0].shape == (45, 5)


def test_single_precision_stays(X, y):
    assert augmenter(Plain()).fit_resample(X.astype("f4"), y)[0].dtype == np.float32


@pytest.mark.parametrize(
    "labels", [["a", "bc"], [3, 1], [True, False], [2.0, 1.0]], ids=str
)
def test_labels_keep_their_type(labels, X):
    y = np.repeat(labels, [20, 10])
    y_more = augmenter(sampling_strategy=1.0).fit_resample(X, y)[1]
    assert y_more.dtype == y.dtype
    assert_array_equal(np.sort(y_more), np.sort(np.concatenate([y, y])))


def test_objects_are_labels_too(X):
    y = np.array([*"a" * 20, *["bc"] * 10], dtype=object)
    y_more = augmenter().fit_resample(X, y)[1]
    assert y_more.dtype == object
    assert list(y_more[30:]) == ["bc"] * 10


def test_frames_stay_frames(X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:, :, 0], columns=list("abcde"))
    labels = pandas.Series(y, name="kind", dtype="category")
    X_more, y_more = augmenter().fit_resample(frame, labels)
    assert list(X_more.columns) == list("abcde")
    assert (y_more.name, y_more.dtype) == ("kind", labels.dtype)
    assert len(X_more) == len(y_more) == 45


def test_types_of_wide_frames_and_tensors_stay(X, y):
    whole = X[:, :, 0].round().astype("i2")
    frame = pd.DataFrame(whole, columns=list("abcde")).astype({"b": float})
    X_more = augmenter().fit_resample(frame, y)[0]
    pd.testing.assert_frame_equal(X_more[:30], frame)
    assert (X_more.dtypes == frame.dtypes).all()
    tensor = torch.from_numpy(whole)
    X_more = augmenter().fit_resample(tensor, y)[0]
    assert X_more.dtype == tensor.dtype
    assert torch.equal(X_more[:30], tensor)
    cube = torch.tensor(X)
    assert torch.equal(augmenter().fit_resample(cube, y)[0][:30], cube)


def test_a_long_frame_stays_one(X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.concat({k: pandas.DataFrame(x) for k, x in enumerate(X)})
    X_more, y_more = augmenter().fit_resample(frame, y)
    assert X_more.shape == (45 * 5, 2)
    np.testing.assert_array_equal(X_more.index.unique(0), range(45))
    np.testing.assert_array_equal(X_more[: 30 * 5], frame)
    np.testing.assert_array_equal(y_more, augmenter().fit_resample(X, y)[1])


def test_a_long_frame_is_checked_for_harm_with_all_its_channels(X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.concat({k: pandas.DataFrame(x) for k, x in enumerate(X)})
    found, wanted = (check_harm(series, y, random_state=0) for series in (frame, X))
    np.testing.assert_equal(found.scores, wanted.scores)


def test_a_list_of_series_is_taken(X, y):
    assert augmenter().fit_resample(list(X), list(y))[0].shape == (45, 5, 2)


def test_one_class_needs_nothing_or_gets_its_share(X):
    ones = np.ones(30, int)
    assert len(augmenter().fit_resample(X, ones)[0]) == 30
    assert len(augmenter(sampling_strategy=1.0).fit_resample(X, ones)[0]) == 60


# repeatable


def test_a_seed_gives_the_same_series_and_another_others(X, y):
    first, again, other = (
        augmenter(random_state=seed).fit_resample(X, y)[0] for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_a_seed_the_generator_decides(X, y):
    seeded, fresh = GaussianGenerator(random_state=3), GaussianGenerator()
    same, differ = (
        [augmenter(g, random_state=None).fit_resample(X, y)[0] for _ in range(2)]
        for g in (seeded, fresh)
    )
    assert_array_equal(*same)
    assert not np.array_equal(*differ)


def test_a_seed_of_the_generator_is_kept_and_others_are_given(X, y, seen):
    augmenter(Spy(random_state=7)).fit_resample(X, y)
    assert [seed for *_, seed in seen] == [7, 7]
    seen.clear()
    augmenter(Spy()).fit_resample(X, y)
    assert len({seed for *_, seed in seen} - {None}) == 2


def test_the_generator_given_stays_unfitted(X, y):
    generator = GaussianGenerator()
    augmenter(generator).fit_resample(X, y)
    with pytest.raises(NotFittedError):
        generator.sample()
    assert generator.random_state is None


def test_fit_learns_without_drawing(X, y):
    augment = augmenter().fit(X, y)
    assert augment.synthetic_counts_["rare"] == 10
    assert augment.generators_["rare"].sample(2).shape == (2, 5, 2)


# inside a pipeline that resamples in fit only


class Resampling(ClassifierMixin, BaseEstimator):
    """What imbalanced-learn's pipeline does with a step that has `fit_resample`."""

    def __init__(self, augment, estimator):
        self.augment = augment
        self.estimator = estimator

    def fit(self, X, y):
        assert not hasattr(self.augment, "transform")
        X, y = clone(self.augment).fit_resample(X, y)
        self.estimator_ = clone(self.estimator).fit(X.reshape(len(X), -1), y)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        return self.estimator_.predict(X.reshape(len(X), -1))


def test_a_pipeline_trains_on_more_and_is_tested_on_real_series(
    X, y, seen, remembering
):
    pipeline = Resampling(augmenter(Spy(), sampling_strategy=1.0), remembering)
    cross_val_score(pipeline, X, y, cv=StratifiedKFold(3), error_score="raise")
    assert [len(x) for x, _ in remembering.fits] == [40, 40, 40]
    assert [len(x) for x in remembering.asked] == [10, 10, 10]
    for k, asked in enumerate(remembering.asked):
        fitted = [numbers_of(x) for x, *_ in seen[3 * k : 3 * k + 3]]
        assert len(set.union(*fitted)) == 20
        assert not set.union(*fitted) & numbers_of(asked)


def test_a_strategy_is_searched_within_a_pipeline(X, y):
    pipeline = Resampling(augmenter(), KNeighborsClassifier())
    grid = {"augment__sampling_strategy": ["auto", "minority", 2.0]}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 3


# the classifier


def test_a_classifier_learns_from_real_and_synthetic_series(X, y, remembering):
    model = AugmentedClassifier(remembering, GaussianGenerator(), random_state=0)
    model.fit(X, y)
    ((rows, labels),) = remembering.fits
    assert rows.shape == (60, 10)
    assert_array_equal(rows[:30], X.reshape(30, 10))
    assert_array_equal(labels[:30], y)
    assert model.synthetic_counts_ == {"often": 15, "rare": 5, "some": 10}
    assert sorted(model.generators_) == list(model.classes_)
    assert_array_equal(model.predict(X), ["often"] * 30)
    assert model.n_features_in_ == model.n_timesteps_ == 5
    assert model.n_channels_ == 2


def test_no_generator_sees_what_is_tested_on(X, y, seen, remembering):
    model = AugmentedClassifier(remembering, Spy(), random_state=0)
    cross_val_score(model, X, y, cv=StratifiedKFold(3), error_score="raise")
    for k, asked in enumerate(remembering.asked):
        fitted = [numbers_of(x) for x, *_ in seen[3 * k : 3 * k + 3]]
        assert len(set.union(*fitted)) == 20
        assert not set.union(*fitted) & numbers_of(asked)


def test_series_are_given_in_their_form_if_not_to_be_flattened(X, y, remembering):
    for series in (X, X[:, :, 0]):
        model = AugmentedClassifier(remembering, GaussianGenerator(), flatten=False)
        model.fit(series, y).predict(series[:4])
        assert remembering.fits[-1][0].shape == (60, *series.shape[1:])
        assert_array_equal(remembering.asked[-1], series[:4])


def test_nothing_added_is_the_classifier_itself(walks, y):
    model = AugmentedClassifier(LogisticRegression(), Plain(), sampling_strategy=0)
    alone = LogisticRegression().fit(walks.reshape(30, -1), y)
    answers = model.fit(walks, y).predict_proba(walks)
    assert_array_equal(answers, alone.predict_proba(walks.reshape(30, -1)))
    assert model.generators_ == {}


def test_methods_are_those_of_the_classifier():
    linear, trees = AugmentedClassifier(LinearSVC()), AugmentedClassifier()
    assert hasattr(linear, "decision_function")
    assert not hasattr(linear, "predict_proba")
    assert not hasattr(linear, "predict_log_proba")
    assert not hasattr(trees, "decision_function")
    assert hasattr(trees, "predict_log_proba")
    assert not hasattr(AugmentedRegressor(), "predict_proba")
    assert not hasattr(AugmentedClassifier(3), "score")


def test_answers_are_those_of_the_classifier(walks, y):
    model = AugmentedClassifier(
        LogisticRegression(), GaussianGenerator(), random_state=0
    ).fit(walks, y)
    rows = walks.reshape(30, -1)
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert_array_equal(
            getattr(model, name)(walks), getattr(model.estimator_, name)(rows)
        )
    weights = np.arange(30)
    assert model.score(walks, y) == accuracy_score(y, model.predict(walks))
    assert model.score(walks, y, weights) == accuracy_score(
        y, model.predict(walks), sample_weight=weights
    )


def test_it_scores_as_its_classifier_does(walks, y):
    search = GridSearchCV(
        LogisticRegression(), {"C": [1.0]}, scoring="neg_log_loss", cv=2
    )
    model = AugmentedClassifier(search, GaussianGenerator(), random_state=0).fit(
        walks, y
    )
    assert model.score(walks, y) < 0


def test_a_seed_repeats_everything(X, y):
    forest = RandomForestClassifier(n_estimators=3)
    model = AugmentedClassifier(forest, GaussianGenerator())
    first, again, other = (
        clone(model).set_params(random_state=seed).fit(X, y).predict_proba(X)
        for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_estimator_it_reads_features_of_series():
    train, test = (make_regimes(40, noise=0.5, random_state=seed) for seed in (0, 1))
    model = AugmentedClassifier(generator=GaussianGenerator(), random_state=0)
    assert model.fit(train.data, train.target).score(test.data, test.target) == 1
    flat = model.fit(train.data[:, :, 0], train.target)
    assert flat.score(test.data[:, :, 0], test.target) == 1


def test_without_generator_it_is_the_stable_posterior():
    assert isinstance(resolve_generator(None), StablePosteriorGenerator)


def test_parameters_are_nested():
    model = AugmentedClassifier(KNeighborsClassifier(), StablePosteriorGenerator())
    model.set_params(generator__max_iter=3, estimator__n_neighbors=2)
    assert model.generator.max_iter == 3
    copy = clone(model)
    assert copy.get_params()["generator__max_iter"] == 3
    assert copy.get_params()["estimator__n_neighbors"] == 2
    assert copy.generator is not model.generator


def test_a_network_augments(make_generator, X, y):
    model = AugmentedClassifier(
        KNeighborsClassifier(1), make_generator(), random_state=0
    )
    assert model.fit(X, y).score(X, y) == 1


def test_a_search_over_a_parameter_of_the_generator():
    make, own = GENERATORS["diffusion"]
    data = make_regimes(24, 6, 1, n_regimes=2, random_state=0)
    model = AugmentedClassifier(KNeighborsClassifier(), make(**own), random_state=0)
    grid = {"generator__max_iter": [1, 2]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise")
    search.fit(data.data, data.target)
    fitted = search.best_estimator_.generators_[0]
    assert fitted.n_iter_ == search.best_params_["generator__max_iter"]


def test_it_can_be_pickled(walks, y):
    model = AugmentedClassifier(
        LogisticRegression(), GaussianGenerator(), random_state=0
    ).fit(walks, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(walks), model.predict_proba(walks))


def test_a_fit_that_fails_leaves_it_unfitted(walks, y):
    for model in (
        AugmentedClassifier(LogisticRegression(), GaussianGenerator()),
        augmenter(),
    ):
        model.fit(walks, y)
        with pytest.raises(ValueError, match="y contains NaN"):
            model.fit(walks[:, :3], np.where(np.arange(30) == 4, np.nan, 1))
        with pytest.raises(NotFittedError):
            sklearn.utils.validation.check_is_fitted(model)


def test_other_channels_are_refused_when_predicting(walks, y):
    model = AugmentedClassifier(LogisticRegression(), GaussianGenerator()).fit(walks, y)
    with pytest.raises(ValueError, match="n_channels = 1"):
        model.predict(walks[:, :, :1])


# what is not supported


def test_weights_in_fit_are_refused_by_name(X, y):
    for model in (
        AugmentedClassifier(LogisticRegression(), GaussianGenerator()),
        AugmentedRegressor(Ridge(), GaussianGenerator()),
    ):
        with pytest.raises(TypeError, match="with X and y only, got sample_weight"):
            model.fit(X, y, sample_weight=np.ones(30))


def test_routed_weights_are_refused(X, y):
    model = AugmentedClassifier(LogisticRegression(), GaussianGenerator())
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises((TypeError, ValueError), match="sample_weight"),
    ):
        cross_validate(model, X, y, params={"sample_weight": np.ones(30)})


# the regressor


@pytest.fixture
def pairs():
    """Series, and a target that is a sum of some of their values, in other units."""
    X = np.random.default_rng(0).normal(size=(200, 6, 2)) * [0.1, 10]
    return X, 1e6 + 5e3 * (10 * X[:, 1, 0] + X[:, 4, 1] / 10)


class Recorder(LinearRegression):
    """Remembers the rows and targets of its last fit."""

    last = []

    def fit(self, X, y):
        self.last[:] = X, y
        return super().fit(X, y)


def test_synthetic_pairs_follow_the_law_of_the_real_ones(pairs):
    X, y = pairs
    model = AugmentedRegressor(
        Recorder(), GaussianGenerator(), sampling_strategy=5.0, random_state=0
    ).fit(X, y)
    rows, target = Recorder.last
    assert rows.shape == (1200, 12)
    assert_array_equal(rows[:200], X.reshape(200, 12))
    assert_array_equal(target[:200], y)
    made = LinearRegression().fit(rows[200:], target[200:])
    assert made.score(X.reshape(200, 12), y) > 0.99
    assert_allclose(target[200:].mean(), y.mean(), atol=1e3)
    assert_allclose(target[200:].std(), y.std(), rtol=0.1)
    assert model.score(X, y) > 0.99


def test_the_target_is_one_more_channel_and_comes_back_as_its_mean(seen, pairs):
    class Known(Spy):
        def sample(self, n_samples=1, *, random_state=None):
            series = np.zeros((n_samples, 6, 3))
            series[:, :, 2] = np.arange(6)
            return series

    X, y = pairs
    AugmentedRegressor(Recorder(), Known()).fit(X, y)
    ((series, labels, _),) = seen
    assert_array_equal(series[:, :, :2], X)
    assert_array_equal(series[:, :, 2], np.repeat(y[:, None], 6, axis=1))
    assert labels is None
    assert_array_equal(Recorder.last[1][200:], np.full(200, 2.5))


def test_joined_blocks_have_the_mean_target_of_their_donors(pairs):
    X, y = pairs
    generator = BlockBootstrapGenerator(n_blocks=3)
    AugmentedRegressor(Recorder(), generator, random_state=0).fit(X, y)
    synthetic = Recorder.last[1][200:]
    assert_allclose(synthetic.std(), y.std() / np.sqrt(3), rtol=0.2)


def test_a_univariate_regression(pairs):
    X, y = pairs[0][:, :, 0], pairs[0][:, 1, 0]
    model = AugmentedRegressor(Recorder(), GaussianGenerator(), random_state=0)
    assert model.fit(X, y).score(X, y) > 0.99
    assert Recorder.last[0].shape == (400, 6)
    assert isinstance(model.generator_, GaussianGenerator)


def test_a_default_regressor_reads_features(pairs):
    X, y = pairs
    model = AugmentedRegressor(generator=GaussianGenerator(), random_state=0)
    assert 0.5 < model.fit(X[:150], y[:150]).score(X[150:], y[150:]) < 1


def test_no_share_needs_no_generator(pairs):
    model = AugmentedRegressor(Recorder(), GaussianGenerator(), sampling_strategy=0.0)
    model.fit(*pairs)
    assert model.generator_ is None
    assert len(Recorder.last[1]) == 200


def test_a_regressor_repeats_and_does_not_leak(seen, pairs):
    X, y = pairs
    model = AugmentedRegressor(Ridge(), Spy(), random_state=0)
    first, again = (cross_val_score(model, X, y, cv=KFold(4)) for _ in range(2))
    assert_array_equal(first, again)
    folds = [test for _, test in KFold(4).split(X)]
    for (series, *_), test in zip(seen[:4], folds, strict=True):
        assert len(series) == 150
        assert not set(series[:, 0, 0]) & set(X[test, 0, 0])


# what is refused


def fit_augmenter(X, y, **options):
    options = {"sampling_strategy": 1.0, **options}
    return augmenter(**options).fit_resample(X, y)


def fit_classifier(X, y, **options):
    options = {"generator": GaussianGenerator(), **options}
    return AugmentedClassifier(LogisticRegression(), **options).fit(X, y)


def fit_regressor(X, y, **options):
    options = {"generator": GaussianGenerator(), **options}
    return AugmentedRegressor(Ridge(), **options).fit(X, y)


def check_harm(X, y, **options):
    options = {"generator": GaussianGenerator(), **options}
    return harm_check(
        X=X, y=y, **{"estimator": KNeighborsClassifier(1), "cv": 3, **options}
    )


labelled = pytest.mark.parametrize("act", [fit_augmenter, fit_classifier, check_harm])
everyone = pytest.mark.parametrize(
    "act", [fit_augmenter, fit_classifier, fit_regressor, check_harm]
)


@everyone
def test_labels_of_another_number_are_refused(act, X):
    with pytest.raises(ValueError, match="got 29 values for n_samples = 30"):
        act(X, np.arange(29) % 2)


@everyone
@pytest.mark.parametrize("bad", [np.nan, np.inf, None])
def test_missing_labels_are_refused(act, bad, X):
    y = [1.0] * 15 + [bad] + [2.0] * 14
    with pytest.raises(ValueError, match=r"1 of 30 values, the first at 15"):
        act(X, y)


def test_missing_labels_of_pandas_are_refused(X):
    pandas = pytest.importorskip("pandas")
    y = pandas.Series(["a", "b", pandas.NA] * 10, dtype="string")
    with pytest.raises(ValueError, match="10 of 30 values, the first at 2"):
        fit_augmenter(X, y)


@everyone
def test_no_labels_are_refused(act, X):
    with pytest.raises(ValueError, match="requires y to be passed"):
        act(X, None)


@labelled
def test_continuous_labels_are_refused(act, X):
    with pytest.raises(ValueError, match="class labels, got continuous"):
        act(X, np.linspace(0, 1, 30))


def test_words_are_no_target(X, y):
    with pytest.raises(ValueError, match=r"y must hold real numbers.*\n.*Classifier"):
        fit_regressor(X, y)


@labelled
def test_a_class_of_one_series_is_named(act, X):
    y = np.array([*"a" * 29, "b"])
    with pytest.raises(ValueError, match="of class 'b'"):
        act(X, y)


def test_a_class_of_one_series_may_stay_alone(X):
    y = np.array([*"a" * 20, *"b" * 9, "c"])
    for strategy in ("not minority", {"b": 12}):
        _, y_more = fit_augmenter(X, y, sampling_strategy=strategy)
        assert list(y_more).count("c") == 1


def test_one_series_is_too_few_to_regress_on(X):
    with pytest.raises(ValueError, match="AugmentedRegressor needs at least 2"):
        fit_regressor(X[:1], [1.5])


@labelled
@pytest.mark.parametrize("bad", ["some", -1.0, np.nan, np.inf, None, True, [1]])
def test_an_unknown_strategy_is_refused(act, bad, X):
    with pytest.raises(ValueError, match="sampling_strategy must be"):
        act(X, np.arange(30) % 2, sampling_strategy=bad)


@pytest.mark.parametrize("bad", ["auto", -1.0, {0: 4}])
def test_a_regressor_takes_a_share_only(bad, X):
    with pytest.raises(ValueError, match="sampling_strategy must be"):
        fit_regressor(X, np.arange(30.0), sampling_strategy=bad)


@pytest.mark.parametrize(
    ("strategy", "error", "message"),
    [
        ({"never": 40}, ValueError, r"name classes of y, .* got \['never'\]"),
        ({"often": 14}, ValueError, r"at least the 15 real ones, got 14"),
        (
            {"often": 20.0},
            TypeError,
            r"sampling_strategy\['often'\] must be an integer",
        ),
    ],
)
def test_a_dict_must_fit_to_the_classes(strategy, error, message, X, y):
    with pytest.raises(error, match=message):
        fit_augmenter(X, y, sampling_strategy=strategy)


class Returning(GaussianGenerator):
    """Returns what a function makes of good samples."""

    def __init__(self, change=None):
        self.change = change

    random_state = None

    def sample(self, n_samples=1, *, random_state=None):
        return self.change(super().sample(n_samples, random_state=random_state))


@everyone
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X[1:], "as many series as asked for"),
        (lambda X: X[:, :3], "in the form of X"),
        (lambda X: X[:, :, :1], "in the form of X"),
        (lambda X: np.where(X.max() == X, np.nan, X), r"Returning.sample contains NaN"),
        (lambda X: X / 0.0, r"contains .*infinity"),
        (lambda X: (X, X[0]), "must return finite series"),
        (lambda X: "series", "must return finite series"),
    ],
    ids=["few", "short", "narrow", "nan", "infinite", "tuple", "text"],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_a_generator_must_not_return(act, change, message, X):
    with pytest.raises(ValueError, match=message):
        act(X, np.arange(30) % 2, generator=Returning(change))


def test_values_out_of_the_range_of_single_precision_are_refused(X, y):
    with pytest.raises(ValueError, match="contains infinity"):
        fit_augmenter(
            X.astype("f4"), y, generator=Returning(lambda X: X.astype(float) + 1e39)
        )


def test_samples_with_labels_of_their_own_are_refused(X, y):
    with pytest.raises(ValueError, match="must return finite series"):
        fit_augmenter(X[:, :, 0], y, generator=GaussianMixture(random_state=0))


@everyone
@pytest.mark.parametrize("bad", [GaussianGenerator, KNeighborsClassifier(), "Gaussian"])
def test_what_is_no_generator_is_refused(act, bad, X):
    with pytest.raises(TypeError, match="methods fit and sample"):
        act(X, np.arange(30) % 2, generator=bad)


@pytest.mark.parametrize("bad", [Ridge(), LogisticRegression, GaussianGenerator(), 3])
def test_what_is_no_classifier_is_refused(bad, X, y):
    with pytest.raises(TypeError, match="estimator must be a classifier"):
        AugmentedClassifier(bad, GaussianGenerator()).fit(X, y)


def test_what_is_no_regressor_is_refused(pairs):
    with pytest.raises(TypeError, match="estimator must be a regressor"):
        AugmentedRegressor(LogisticRegression(), GaussianGenerator()).fit(*pairs)


# train on synthetic, test on real


@pytest.fixture
def regimes():
    return [make_regimes(40, 8, 2, noise=0.5, random_state=seed) for seed in (0, 1)]


def test_the_score_is_that_of_the_estimator_on_real_series(regimes):
    train, test = regimes
    noise = np.random.default_rng(0).normal(size=train.data.shape)
    for X, scoring in ((train.data, None), (noise, "balanced_accuracy")):
        model = KNeighborsClassifier(1).fit(X.reshape(40, -1), train.target)
        scorer = sklearn.metrics.get_scorer(scoring or "accuracy")
        expected = scorer(model, test.data.reshape(40, -1), test.target)
        found = tstr_score(
            X,
            train.target,
            test.data,
            test.target,
            estimator=KNeighborsClassifier(1),
            scoring=scoring,
        )
        assert found == expected


def test_good_series_reach_the_floor_and_bad_ones_do_not(regimes):
    train, test = regimes
    floor, bad = (
        tstr_score(X, train.target, test.data, test.target, random_state=0)
        for X in (train.data, train.data[::-1])
    )
    assert floor > 0.9
    assert bad < 0.5


def test_a_seed_makes_trees_repeatable(regimes):
    (X, y), (Z, w) = ((part.data, part.target) for part in regimes)
    hard = X + np.random.default_rng(2).normal(size=X.shape)
    first, again = (tstr_score(hard, y, Z, w, random_state=5) for _ in range(2))
    assert first == again


def test_numbers_are_regressed(pairs):
    X, y = pairs
    assert tstr_score(X[:150], y[:150], X[150:], y[150:], random_state=0) > 0.5
    options = {"estimator": KNeighborsRegressor(1), "scoring": "r2"}
    assert tstr_score(X, y.round(), X, y.round(), **options) == 1


def test_numbers_that_come_as_objects_are_regressed(pairs):
    X, y = pairs[0][:40], pairs[1][:40]
    options = {"cv": 2, "n_repeats": 1, "random_state": 0}
    found, wanted = (
        harm_check(GaussianGenerator(), X, target, **options)
        for target in (y.astype(object), y)
    )
    assert found.scoring == "R²"
    assert str(found) == str(wanted)


def test_series_are_read_unflattened_if_wanted(regimes, remembering):
    (X, y), (Z, w) = ((part.data, part.target) for part in regimes)
    tstr_score(X, y, Z, w, estimator=remembering, flatten=False)
    assert remembering.fits[0][0].shape == (40, 8, 2)
    tstr_score(X, y, Z, w, estimator=remembering)
    assert remembering.asked[-1].shape == (40, 16)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y_test": list("abcd") * 10}, ValueError, "must have a class in common"),
        ({"y_synthetic": [0, 1]}, ValueError, "y_synthetic must hold one value for"),
        ({"y_test": None}, ValueError, "y_test must hold one value for"),
        ({"X_test": np.ones((40, 7, 2))}, ValueError, "same time steps and channels"),
        ({"X_synthetic": [[np.nan] * 8] * 40}, ValueError, "X_synthetic contains NaN"),
        ({"scoring": ["accuracy", "f1"]}, TypeError, "scoring must be a name"),
        ({"scoring": lambda *_: np.nan}, ValueError, "scoring must give a finite"),
        ({"estimator": KernelDensity()}, TypeError, "estimator must be a classifier"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_cannot_be_scored_is_refused(change, error, message, regimes):
    train, test = regimes
    arguments = {
        "X_synthetic": train.data,
        "y_synthetic": train.target,
        "X_test": test.data,
        "y_test": test.target,
    }
    with pytest.raises(error, match=message):
        tstr_score(**{**arguments, **change})


# help or harm


def make_check(real, both, synthetic=None, **options):
    arms = {
        "real": real,
        BOTH: both,
        SYNTHETIC: real if synthetic is None else synthetic,
    }
    n = len(real)
    options = {"n_train": np.full(n, 80), "n_test": np.full(n, 20), **options}
    return HarmCheck(
        scores={arm: np.array(scores, dtype=float) for arm, scores in arms.items()},
        n_added=np.full(n, 80),
        generator="G",
        scoring="accuracy",
        **options,
    )


def test_the_interval_is_the_corrected_one_by_hand():
    check = make_check([0.5, 0.6, 0.7, 0.6], [0.6, 0.6, 0.9, 0.7])
    gains = [0.1, 0.0, 0.2, 0.1]
    variance = (0.0 + 0.01 + 0.01 + 0.0) / 3
    half = 3.182446 * np.sqrt((1 / 4 + 20 / 80) * variance)  # t of 3 degrees, 97.5 %
    assert_allclose(check.gains[BOTH], gains)
    assert check.gain[BOTH] == pytest.approx(0.1)
    assert check.low[BOTH] == pytest.approx(0.1 - half, rel=1e-6)
    assert check.high[BOTH] == pytest.approx(0.1 + half, rel=1e-6)
    plain = student.ppf(0.975, 3) * np.std(gains, ddof=1) / 2
    assert half == pytest.approx(plain * np.sqrt(2))


def test_the_share_of_test_series_is_that_of_the_splits():
    sizes = {"n_train": np.array([50, 100]), "n_test": np.array([50, 50])}
    check = make_check([0.0, 0.0], [0.0, 1.0], **sizes)
    half = student.ppf(0.975, 1) * np.sqrt((1 / 2 + 0.75) * 0.5)
    assert check.high[BOTH] == pytest.approx(0.5 + half)


@pytest.mark.parametrize(
    ("gain", "outcome", "word"),
    [
        (0.1, "helps", "Helps"),
        (-0.1, "harms", "Harms"),
        (0.001, "no difference seen", "No difference seen"),
    ],
)
def test_the_verdict_follows_the_interval(gain, outcome, word):
    real = np.array([0.5, 0.52, 0.48, 0.51])
    both = real + gain + [0.01, -0.01, 0.005, 0]
    check = make_check(real, both, real - 0.3)
    assert check.outcome == outcome
    assert check.verdict.startswith(f"{word}: ")
    assert f"{check.gain[BOTH]:+.3g}" in check.verdict
    assert repr(check).startswith(f"HarmCheck(outcome='{outcome}', ")


@pytest.mark.parametrize("gain", [0.0, 0.1])
def test_equal_gains_give_no_interval_and_no_claim(gain):
    real = np.array([0.5, 0.6, 0.7])
    check = make_check(real, real + gain)
    assert np.isnan(check.low[BOTH])
    assert np.isnan(check.high[BOTH])
    assert check.outcome == "no difference seen"
    assert "in every split" in str(check)


def test_the_text_shows_every_arm():
    check = make_check([0.5, 0.6, 0.7], [0.6, 0.6, 0.9], [0.4, 0.3, 0.1])
    header, *lines, verdict = str(check).splitlines()
    assert header == (
        "G: 3 splits of 80 real series to train and 20 to test on, 80 synthetic ones "
        "added; accuracy, higher is better"
    )
    assert [line.split("  ")[0] for line in lines] == ["real", BOTH, SYNTHETIC]
    assert lines[0].endswith("0.600")
    assert "gain +0.1, 95 % interval" in lines[1]
    assert "gain -0.333, 95 % interval" in lines[2]
    assert verdict == check.verdict


def test_the_table_is_tidy():
    pandas = pytest.importorskip("pandas")
    check = make_check([0.5, 0.6], [0.6, 0.6])
    frame = check.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["arm"]) == ["real", BOTH, SYNTHETIC]
    assert np.isnan(frame["gain"][0])
    assert frame["gain"][1] == pytest.approx(0.05)
    assert frame["low"][1] == check.low[BOTH]
    assert frame["n_splits"][0] == 2


def test_arms_share_folds_and_differ_in_what_they_train_on(X, y, seen, remembering):
    result = harm_check(
        Spy(), X, y, estimator=remembering, cv=5, n_repeats=1, random_state=0
    )
    assert len(remembering.fits) == 15
    for k in range(5):
        fits, asked = (part[3 * k : 3 * k + 3] for part in _records())
        real, both, alone = (rows for rows, _ in fits)
        assert (len(real), len(both), len(alone)) == (24, 48, 24)
        assert_array_equal(both, np.concatenate([real, alone]))
        assert_array_equal(np.sort(fits[2][1]), np.sort(fits[0][1]))
        assert_array_equal(asked[0], asked[1])
        assert_array_equal(asked[0], asked[2])
        fitted = set.union(*(numbers_of(x) for x, *_ in seen[3 * k : 3 * k + 3]))
        assert fitted == numbers_of(real)
        assert fitted.isdisjoint(numbers_of(asked[0]))
    assert_array_equal(result.n_train, [24] * 5)
    assert_array_equal(result.n_test, [6] * 5)
    assert_array_equal(result.n_added, [24] * 5)
    assert set.union(*(numbers_of(x) for x in remembering.asked)) == numbers_of(X)


def _records():
    return Remembering.fits, Remembering.asked


def test_scores_are_those_of_the_estimator(X, y):
    result = check_harm(X, y, n_repeats=1, random_state=0)
    folds = []

    class Folds(KNeighborsClassifier):
        def score(self, X, y, sample_weight=None):
            folds.append(super().score(X, y))
            return folds[-1]

    options = {"estimator": Folds(1), "n_repeats": 1, "random_state": 0}
    assert_array_equal(
        np.ravel(list(check_harm(X, y, **options).scores.values()), order="F"), folds
    )
    assert_array_equal(result.scores["real"], folds[::3])
    assert result.scoring == "score"


def test_a_strategy_changes_what_is_added_not_what_stands_alone(X, y, remembering):
    options = {"sampling_strategy": "auto", "n_repeats": 1}
    result = check_harm(X, y, estimator=remembering, **options)
    sizes = [len(rows) for rows, _ in remembering.fits]
    assert sizes == [20, 30, 20] * 3
    assert_array_equal(result.n_added, [10] * 3)
    labels = remembering.fits[1][1]
    assert len(set(np.unique(labels, return_counts=True)[1])) == 1


def test_more_synthetic_series_than_real_ones(X, y, remembering):
    options = {"sampling_strategy": 3.0, "n_repeats": 1}
    check_harm(X, y, estimator=remembering, **options)
    assert [len(rows) for rows, _ in remembering.fits] == [20, 80, 20] * 3


def test_a_generator_of_labels_is_fitted_once_a_split(X, y, conditional, remembering):
    check_harm(X, y, generator=conditional, estimator=remembering, n_repeats=1)
    assert len(conditional.fits) == 3
    assert_allclose(remembering.fits[2][0][-1], 200, atol=1)


def test_copies_that_are_labelled_wrong_harm():
    class Liar(GaussianGenerator):
        """Draws one class for the other."""

        def fit(self, X, y=None):
            return super().fit(-X, y)

    X, y = make_classification(200, 6, class_sep=2, flip_y=0, random_state=0)
    X = (2 * y - 1)[:, None] + 0.1 * X
    result = check_harm(
        X, y, generator=Liar(), cv=5, random_state=0, scoring="accuracy"
    )
    assert result.outcome == "harms"
    assert result.mean[SYNTHETIC] < 0.1
    assert result.mean["real"] == 1


def test_good_series_help_where_real_ones_are_few():
    class Truth(GaussianGenerator):
        """Knows the law of series and target."""

        def fit(self, X, y=None):
            return self

        def sample(self, n_samples=1, *, random_state=None):
            return draw(n_samples, np.random.default_rng(random_state))

    def draw(n_samples, rng):
        series = rng.normal(size=(n_samples, 25, 1))
        target = series.mean(axis=1, keepdims=True) + rng.normal(size=(n_samples, 1, 1))
        return np.concatenate([series, np.repeat(target, 25, axis=1)], axis=2)

    pairs = draw(60, np.random.default_rng(1))
    result = harm_check(
        Truth(),
        pairs[:, :, 0],
        pairs[:, 0, 1],
        sampling_strategy=20.0,
        estimator=LinearRegression(),
        n_repeats=4,
        scoring="neg_mean_absolute_error",
        random_state=0,
    )
    assert result.outcome == "helps"
    assert result.scoring == "neg_mean_absolute_error"
    assert result.mean["real"] < result.mean[BOTH] < 0


def test_numbers_are_checked_too(pairs, seen):
    result = harm_check(
        Spy(), *pairs, estimator=LinearRegression(), cv=3, n_repeats=1, random_state=0
    )
    assert [x.shape for x, *_ in seen] == [(133, 6, 3), (133, 6, 3), (134, 6, 3)]
    assert result.mean["real"] == pytest.approx(1)
    assert 0.9 < result.mean[SYNTHETIC] < 1
    default = harm_check(GaussianGenerator(), *pairs, cv=2, n_repeats=1, random_state=0)
    assert default.scoring == "R²"
    assert default.mean["real"] > 0.5


def test_a_seed_repeats_a_check_and_workers_do_not_change_it(X, y):
    forest = RandomForestClassifier(n_estimators=3)
    first, again, parallel, other = (
        check_harm(X, y, estimator=forest, random_state=seed, n_jobs=n_jobs).scores
        for seed, n_jobs in ((0, None), (0, None), (0, 2), (1, None))
    )
    for arm, scores in first.items():
        assert_array_equal(scores, again[arm])
        assert_array_equal(scores, parallel[arm])
    assert any(not np.array_equal(first[arm], other[arm]) for arm in first)


def test_folds_are_repeated_twice_or_as_often_as_asked(X, y):
    assert len(check_harm(X, y).n_test) == 6
    assert len(check_harm(X, y, n_repeats=3).n_test) == 9


def test_repeats_draw_folds_of_their_own(X, y, remembering):
    check_harm(X, y, estimator=remembering, n_repeats=2, random_state=0)
    folds = [frozenset(numbers_of(asked)) for asked in remembering.asked[::3]]
    assert len(set(folds)) == 6


@pytest.mark.parametrize("continuous", [False, True])
def test_groups_stay_together(continuous, X, remembering):
    groups = np.arange(30) // 3
    if continuous:
        asked = []

        class Asked(KNeighborsRegressor):
            def predict(self, X):
                asked.append(X)
                return super().predict(X)

        y, estimator = np.linspace(0, 1.5, 30), Asked(1)
    else:
        asked, estimator = remembering.asked, remembering
        y = np.arange(30) % 2
    check_harm(X, y, estimator=estimator, groups=groups, random_state=0)
    held_out = [{int(k) // 3 for k in numbers_of(rows)} for rows in asked]
    sizes = [len(rows) for rows in asked]
    assert [3 * len(kept) for kept in held_out] == sizes


def test_any_splitter_will_do(X, y):
    result = check_harm(X, y, cv=ShuffleSplit(4, test_size=6, random_state=0))
    assert_array_equal(result.n_test, [6] * 4)
    mask = np.arange(30) < 20
    masks = [(mask, ~mask), (~mask, mask)]
    labels = np.arange(30) % 2
    assert_array_equal(check_harm(X, labels, cv=masks).n_test, [10, 20])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": 1}, "cv must be an integer of at least 2"),
        ({"cv": 6}, "at least cv = 6 series of each class, got 5 of class 'rare'"),
        ({"n_repeats": 0}, "n_repeats must be an integer of at least 1"),
        ({"cv": KFold(3), "n_repeats": 2}, "n_repeats must be None beside a splitter"),
        ({"cv": [(range(20), range(20, 30))]}, "at least two splits.* got 1 split"),
        ({"cv": [(range(20), range(19, 30))] * 2}, "both sides of a split"),
    ],
)
def test_what_gives_no_folds_is_refused(options, message, X, y):
    with pytest.raises(ValueError, match=message):
        check_harm(X, y, **options)


def test_a_picture_shows_both_arms():
    pytest.importorskip("matplotlib")
    check = make_check([0.5, 0.6, 0.7], [0.6, 0.6, 0.9], [0.4, 0.3, 0.1])
    ax = check.plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == [BOTH, SYNTHETIC]
    assert ax.get_title(loc="left") == "G: no difference seen"
    assert [text.get_text() for text in ax.texts] == ["+0.1", "−0.333"]
    splits = [line for line in ax.lines if len(line.get_xdata()) == 3]
    for line, gains in zip(splits, check.gains.values(), strict=True):
        assert_array_equal(line.get_xdata(), gains)
    ends = [part.get_segments()[0][:, 0] for part in ax.collections]
    assert_allclose(ends[0], [check.low[BOTH], check.high[BOTH]])
    assert check.plot(ax=ax) is ax


def test_a_picture_of_something_else_is_refused():
    pytest.importorskip("matplotlib")
    from tsgen.plots import plot_harm_check

    with pytest.raises(TypeError, match="check must be a HarmCheck, got dict"):
        plot_harm_check({})


def long_frame(X):
    """Series of two channels, "a" and "b", as a long frame."""
    return pd.concat({k: pd.DataFrame(x, columns=["a", "b"]) for k, x in enumerate(X)})


def test_frames_must_have_the_same_columns(X, y):
    X = long_frame(X[:, :, [0, 0]])
    with pytest.raises(ValueError, match="X_test must have the columns of X_synthetic"):
        tstr_score(X, y, X[["b", "a"]], y)
    fitted = AugmentedClassifier(generator=GaussianGenerator(), random_state=0)
    fitted.fit(X, y)
    with pytest.raises(ValueError, match="X must have the columns of fit in their"):
        fitted.predict(X[["b", "a"]])


@pytest.mark.parametrize("form", [long_frame, lambda X: pd.DataFrame(X[:, :, 0])])
def test_labels_of_pandas_must_be_in_the_order_of_the_series(form, X, y):
    generator, X = GaussianGenerator(), form(X)
    y = pd.Series(y, index=X.index.get_level_values(0).unique())
    known, options = KNeighborsClassifier(1), {"random_state": 0}
    calls = [
        SyntheticAugmenter(generator).fit_resample,
        AugmentedClassifier(known, generator).fit,
        AugmentedRegressor(Ridge(), generator, **options).fit,
        lambda X, y: harm_check(generator, X, y, estimator=known, cv=2, **options),
        lambda X, y: tstr_score(X, y, X, pd.Series(y.to_numpy()), **options),
        lambda X, y: tstr_score(X, pd.Series(y.to_numpy()), X, y, **options),
    ]
    codes = pd.Series(np.arange(30.0), index=y.index)
    for k, call in enumerate(calls):
        target = codes if k == 2 else y
        call(X, target)
        with pytest.raises(ValueError, match="rows in the order of the series of X"):
            call(X, target[::-1])
