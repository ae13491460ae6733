"""Classifiers that tell real from synthetic: power, null, folds, options, refusals."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsgen.metrics._features import series_features
from tsgen.metrics._folds import block_folds, group_folds
from tsgen.metrics.classification import (
    _auc,
    check_width,
    classifier_two_sample_test,
    discriminative_score,
    min_max,
)
from tsgen.nn import critics

QUICK = {"n_iterations": 20, "random_state": 0}


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what it is fitted on and asked about; says nothing."""

    log = []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.log.append({"train": X.copy(), "labels": y.copy(), "test": []})
        return self

    def decision_function(self, X):
        self.log[-1]["test"].append(X.copy())
        return np.zeros(len(X))

    def predict(self, X):
        return np.ones(len(X), dtype=int)


class NoScores(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.ones(len(X), dtype=int)


@pytest.fixture
def log():
    Recorder.log.clear()
    yield Recorder.log
    Recorder.log.clear()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def noise(rng):
    X = rng.normal(size=(2, 60, 6, 2))
    X.flags.writeable = False
    return X


def autoregressive(n, rng, phi=(0.8, 0.5), n_timesteps=12):
    """Series with jumps up and slow falls, unlike themselves backwards."""
    phi = np.array(phi)
    steps = rng.exponential(size=(n_timesteps + 20, n, len(phi))) - 1
    x = np.zeros((n_timesteps + 20, n, len(phi)))
    for t in range(1, len(x)):
        x[t] = phi * x[t - 1] + np.sqrt(1 - phi**2) * steps[t]
    return x[20:].transpose(1, 0, 2)


# classifier_two_sample_test: power and null


DEFECTS = {
    "mean": lambda Y: Y + 0.3,
    "variance": lambda Y: np.sqrt(0.8) * Y,
    "time": lambda Y: Y[:, ::-1],
    "channels": lambda Y: Y[:, :, ::-1],
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_default_classifier_finds_a_planted_defect(defect, rng):
    X, Y = autoregressive(500, rng), autoregressive(500, rng)
    # 0.5 + 5 standard deviations of the null
    assert classifier_two_sample_test(X, DEFECTS[defect](Y), random_state=0) > 0.6


def test_the_default_classifier_finds_a_lower_correlation_in_time(rng):
    X, Y = autoregressive(500, rng), autoregressive(500, rng, phi=(0.6, 0.3))
    assert classifier_two_sample_test(X, Y, random_state=0) > 0.6


def test_the_default_classifier_finds_a_mode_left_out(rng):
    centres = 3 * rng.normal(size=(4, 12, 2))
    X = autoregressive(500, rng) + centres[rng.integers(4, size=500)]
    Y = autoregressive(500, rng) + centres[rng.integers(3, size=500)]
    assert classifier_two_sample_test(X, Y, random_state=0) > 0.6


def test_the_default_classifier_finds_channels_that_no_longer_belong_together(rng):
    X, Y = np.repeat(rng.normal(size=(2, 300, 8, 1)), 2, axis=3)
    Y[:, :, 1] = rng.permutation(Y[:, :, 1])
    assert classifier_two_sample_test(X, Y, random_state=0) > 0.9


def test_equal_laws_are_told_apart_by_chance_only(rng):
    figures = [
        classifier_two_sample_test(*autoregressive(600, rng).reshape(2, 300, 12, 2))
        for _ in range(10)
    ]
    assert np.mean(figures) == pytest.approx(0.5, abs=0.04)
    assert np.std(figures) < 0.06


def test_the_sides_may_be_exchanged(rng):
    X, Y = autoregressive(300, rng), autoregressive(300, rng) + 0.4
    there, back = (
        classifier_two_sample_test(*sides, random_state=0) for sides in ((X, Y), (Y, X))
    )
    assert there == pytest.approx(back, abs=0.03)
    assert there > 0.7


@pytest.mark.parametrize("shape", [(40, 1, 1), (40, 5, 1), (40, 1, 3), (40, 2, 2)])
def test_few_steps_and_channels_are_enough(shape, rng):
    X = rng.normal(size=shape)
    assert classifier_two_sample_test(X, X + 9, random_state=0) > 0.99


@pytest.mark.parametrize("shape", [(20, 200, 1), (20, 3, 40)])
def test_long_series_and_many_channels_are_cut_down(shape, rng):
    X, Y = rng.normal(size=(2, *shape))
    features = series_features(X, Y, rng)
    assert features.real.shape == features.synthetic.shape
    assert features.real.shape[1] <= 48 * shape[2] + 1200 + 13 * shape[2]
    assert classifier_two_sample_test(X, Y + 2, random_state=0) > 0.9


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_extreme_units_do_not_matter(unit, noise):
    X, Y = noise[0], noise[1] + 0.5
    plain = classifier_two_sample_test(X, Y, random_state=0)
    extreme = classifier_two_sample_test(unit * X, unit * Y, random_state=0)
    assert extreme == pytest.approx(plain, abs=1e-6)


def test_outliers_of_a_generator_are_found_and_do_no_harm(noise):
    Y = noise[1].copy()
    Y[::2, 3] = 1e150
    assert classifier_two_sample_test(noise[0], Y, random_state=0) > 0.7


def test_a_channel_that_never_varies_does_no_harm(noise):
    X, Y = (np.concatenate([side, np.ones((60, 6, 1))], axis=2) for side in noise)
    assert 0.2 < classifier_two_sample_test(X, Y, random_state=0) < 0.8


# classifier_two_sample_test: options


def test_any_classifier_will_do(noise):
    X, Y = noise[0], noise[1] + 3
    for classifier in (KNeighborsClassifier(), LogisticRegression()):
        found = classifier_two_sample_test(X, Y, classifier=classifier)
        assert found == 1.0
        assert not hasattr(classifier, "classes_")


@pytest.mark.parametrize("scoring", ["roc_auc", "accuracy"])
def test_a_constant_classifier_finds_nothing(scoring, noise):
    dummy = DummyClassifier(strategy="most_frequent")
    options = {"classifier": dummy, "scoring": scoring}
    assert classifier_two_sample_test(noise[0], noise[1][:33] + 9, **options) == 0.5


def test_accuracy_is_not_the_area(noise):
    X, Y = noise[0], noise[1] + 1
    area, accuracy = (
        classifier_two_sample_test(X, Y, scoring=scoring, random_state=0)
        for scoring in ("roc_auc", "accuracy")
    )
    assert 0.6 < accuracy < area


def test_accuracy_needs_no_scores(noise):
    options = {"classifier": NoScores(), "scoring": "accuracy"}
    assert classifier_two_sample_test(*noise, **options) == 0.5


def test_the_classifier_sees_flat_standardised_series(log, rng):
    X, Y = 50 * rng.normal(size=(2, 20, 3, 2)) + 7
    classifier_two_sample_test(X, Y, classifier=Recorder())
    real = np.unique(
        np.concatenate([fit["train"][fit["labels"] == 1] for fit in log]), axis=0
    )
    expected = (X - X.mean((0, 1))) / X.std((0, 1))
    expected = np.unique(expected.reshape(20, 6), axis=0)
    np.testing.assert_allclose(real, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n_splits", [2, 5])
def test_every_series_is_judged_once(n_splits, log, noise):
    classifier_two_sample_test(*noise, classifier=Recorder(), n_splits=n_splits)
    assert len(log) == n_splits
    for side in range(2):
        tested = np.concatenate([fit["test"][side] for fit in log])
        assert len(np.unique(tested, axis=0)) == len(tested) == 60


def test_classes_are_equally_large_where_sets_are_not(log, noise):
    classifier_two_sample_test(noise[0], noise[1][:17], classifier=Recorder())
    for fit in log:
        assert fit["labels"].mean() == 0.5
        assert len(np.unique(fit["train"], axis=0)) == 60 + 17 - sum(
            map(len, fit["test"])
        )


def test_unequal_sizes_keep_null_and_power(rng):
    X, Y = autoregressive(600, rng), autoregressive(150, rng)
    assert classifier_two_sample_test(X, Y, random_state=0) < 0.62
    assert classifier_two_sample_test(X, Y[:, ::-1], random_state=0) > 0.8


@pytest.mark.parametrize("gap", [0, 3])
def test_neighbours_within_the_gap_are_not_trained_on(gap, log):
    X = np.arange(60.0).reshape(60, 1)
    classifier_two_sample_test(X, -100 - X, classifier=Recorder(), gap=gap)
    unit = np.arange(60.0).std()
    for fit in log:
        distances = []
        for side, label in ((0, 1), (1, 0)):
            train = fit["train"][fit["labels"] == label]
            distances.append(np.abs(train - fit["test"][side].T).min() * unit)
        np.testing.assert_allclose(distances, gap + 1)


def test_a_group_never_stands_on_both_sides(log, rng):
    groups = np.array(list("abcdefghij"))[rng.integers(10, size=80)]
    X = np.unique(groups, return_inverse=True)[1] * 1.0
    Y = 100 + np.arange(80.0)
    classifier_two_sample_test(
        X[:, None], Y[:, None], classifier=Recorder(), groups=groups
    )
    assert len(log) == 5
    for fit in log:
        train = fit["train"][fit["labels"] == 1]
        assert not np.isin(fit["test"][0], train).any()


def test_repeated_series_look_like_a_difference_unless_grouped(rng):
    X = np.tile(rng.normal(size=(40, 6, 2)), (5, 1, 1))
    Y = rng.normal(size=(200, 6, 2))
    options = {"classifier": KNeighborsClassifier(1), "scoring": "accuracy"}
    groups = np.tile(np.arange(40), 5)
    assert classifier_two_sample_test(X, Y, **options) > 0.7
    assert classifier_two_sample_test(X, Y, groups=groups, **options) < 0.6


def test_copies_of_held_out_series_push_the_area_below_one_half(noise, rng):
    near = KNeighborsClassifier(1)
    copies = rng.permutation(noise[0])
    assert classifier_two_sample_test(noise[0], copies, classifier=near) < 0.3


def test_a_seed_gives_the_same_number_and_another_seed_another(noise):
    first, again, other = (
        classifier_two_sample_test(*noise, random_state=seed) for seed in (0, 0, 1)
    )
    assert first == again != other
    assert type(first) is float


def test_random_states_of_any_kind_are_taken(noise):
    for source in (None, np.random.RandomState(0), np.random.default_rng(0)):
        found = classifier_two_sample_test(*noise, random_state=source)
        assert 0 <= found <= 1


def test_a_seed_of_the_classifier_is_kept_and_an_empty_one_filled(noise):
    def score(own, seed):
        forest = RandomForestClassifier(5, random_state=own)
        pipeline = make_pipeline(StandardScaler(), forest)
        return classifier_two_sample_test(
            *noise, classifier=pipeline, random_state=seed
        )

    assert score(3, 0) == score(3, 1)
    assert score(None, 0) == score(None, 0) != score(None, 1)


def test_two_dimensions_mean_one_channel(noise):
    plain, flat = (
        classifier_two_sample_test(noise[0][cut], noise[1][cut], random_state=0)
        for cut in (np.s_[:, :, :1], np.s_[:, :, 0])
    )
    assert plain == flat


def test_the_area_is_that_of_scikit_learn(rng):
    a, b = rng.integers(5, size=30), rng.integers(7, size=21)
    labels = np.repeat([1, 0], [30, 21])
    assert _auc(a, b) == pytest.approx(roc_auc_score(labels, np.append(a, b)))
    assert _auc(a, b) + _auc(b, a) == pytest.approx(1)


# classifier_two_sample_test: refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scoring": "f1"}, "scoring must be 'roc_auc' or 'accuracy', got 'f1'"),
        ({"n_splits": 1}, "n_splits must be an integer of at least 2"),
        ({"gap": -1}, "gap must be an integer of at least 0"),
        ({"gap": 60}, "gap must leave series to train on, got gap=60"),
        ({"groups": [1, 2]}, "groups must have one label for each of the 60"),
        ({"groups": np.arange(60) % 4}, "groups must hold at least n_splits = 5"),
        ({"n_splits": 31}, "X_real must hold at least 62 series"),
        ({"classifier": NoScores()}, "decision_function or predict_proba"),
    ],
)
def test_options_out_of_range_are_refused(options, message, noise):
    with pytest.raises(ValueError, match=message):
        classifier_two_sample_test(*noise, **options)


@pytest.mark.parametrize("bad", ["svc", KNeighborsClassifier, StandardScaler()])
def test_what_is_no_classifier_is_refused(bad, noise):
    with pytest.raises(TypeError, match="classifier must be a classifier"):
        classifier_two_sample_test(*noise, classifier=bad)


@pytest.mark.parametrize("metric", [classifier_two_sample_test, discriminative_score])
def test_bad_series_are_refused_by_name(metric, noise):
    X, Y = noise
    bad = Y.copy()
    bad[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="X_synthetic contains NaN"):
        metric(X, bad)
    with pytest.raises(ValueError, match="same time steps and channels"):
        metric(X, Y[:, 1:])
    with pytest.raises(ValueError, match="X_real must hold at least 10 series"):
        metric(X[:9], Y)
    with pytest.raises(ValueError, match="X_synthetic must hold at least 10 series"):
        metric(X, Y[:9])


# folds


@pytest.mark.parametrize("n_series", [10, 11, 97, 1000])
@pytest.mark.parametrize("gap", [0, 1, 20])
def test_blocks_are_even_runs_that_come_in_turn(n_series, gap):
    labels = block_folds(n_series, 5, gap).labels
    sizes = np.bincount(labels, minlength=5)
    assert sizes.max() - sizes.min() <= 4
    assert sizes.min() >= 1
    runs = labels[np.append(True, np.diff(labels) != 0)]
    np.testing.assert_array_equal(runs, np.arange(len(runs)) % 5)


def test_gaps_take_at_most_an_eighth_of_what_is_trained_on():
    for gap in (0, 5, 23):
        folds = block_folds(2000, 5, gap)
        assert all(len(folds.outside(k)) >= 1600 * 7 / 8 for k in range(5))


def test_groups_are_shared_out_evenly(rng):
    groups = rng.integers(40, size=1000)
    sizes = np.bincount(group_folds(groups, 1000, 5).labels)
    assert sizes.max() - sizes.min() < 30


# discriminative_score


@pytest.mark.parametrize("mode", ["standard", "sound"])
def test_a_clear_difference_scores_one_half(mode, noise):
    options = {"mode": mode, "n_iterations": 150, "hidden_size": 4, "random_state": 0}
    assert discriminative_score(noise[0], noise[1] + 5, **options) > 0.4


@pytest.mark.parametrize("mode", ["standard", "sound"])
def test_equal_laws_score_near_zero(mode, rng):
    X, Y = rng.normal(size=(2, 300, 4, 2))
    options = {"mode": mode, "n_iterations": 60, "random_state": 0}
    assert discriminative_score(X, Y, **options) < 0.15  # 3 deviations


@pytest.mark.parametrize("mode", ["standard", "sound"])
@pytest.mark.parametrize("shape", [(20, 1, 1), (20, 4, 1), (20, 1, 2)])
def test_networks_too_take_one_step_and_one_channel(mode, shape, rng):
    X, Y = rng.normal(size=(2, *shape))
    score = discriminative_score(X, Y[:15], mode=mode, **QUICK)
    assert 0 <= score <= 0.5
    assert type(score) is float


def test_a_bad_threshold_scores_zero_in_the_standard_mode_only(noise, monkeypatch):
    class Confident:
        def verdict(self, x):
            return x.sum((1, 2)) + 1000

    def fit(*sides, **options):
        return Confident()

    monkeypatch.setattr(critics, "fit_discriminator", fit)
    X, Y = noise[0] + 9, noise[1]
    assert discriminative_score(X, Y) == 0
    assert discriminative_score(X, Y, mode="sound") == 0.5


def test_the_standard_mode_follows_the_protocol(noise, monkeypatch):
    seen = {}

    def fit(real, synthetic, **options):
        seen.update(real=real, synthetic=synthetic, **options)
        return critics.SeriesReader(2, 1, 1)

    monkeypatch.setattr(critics, "fit_discriminator", fit)
    with torch.random.fork_rng():
        discriminative_score(*noise)
    assert seen["real"].shape == seen["synthetic"].shape == (48, 6, 2)
    assert seen["real"].min() >= 0
    assert seen["real"].max() <= 1
    assert (seen["n_iterations"], seen["batch_size"]) == (2000, 128)
    assert seen["hidden_size"] == 1
    assert "validation" not in seen


def test_the_sound_mode_keeps_three_parts_apart(noise, monkeypatch):
    seen = []

    class Reader:
        def verdict(self, x):
            seen[-1]["test"].append(x[:, 0, 0].double().numpy())
            return x[:, 0, 0]

    def fit(real, synthetic, *, validation, **options):
        train = real[:, 0, 0], synthetic[:, 0, 0]
        seen.append({"train": train, "stop": validation, "test": []})
        return Reader()

    monkeypatch.setattr(critics, "fit_discriminator", fit)
    discriminative_score(*noise, mode="sound", n_splits=3)
    assert len(seen) == 3
    for fold in seen:
        for train, stop, test in zip(*fold.values(), strict=True):
            parts = [train, stop[:, 0, 0], test]
            joined = np.concatenate(parts).astype(np.float32)
            assert len(np.unique(joined)) == len(joined) == 60
            assert [len(part) for part in parts] == [20, 20, 20]


def test_min_max_maps_the_real_range_to_the_unit_interval():
    real, synthetic = np.array([[[1.0, 5.0], [3.0, 5.0]]]), np.array([[[5.0, 6.0]]])
    scaled = min_max(real, synthetic)
    np.testing.assert_array_equal(scaled[0], [[[0, 0], [1, 0]]])
    np.testing.assert_array_equal(scaled[1], [[[2, 1]]])


@pytest.mark.parametrize(
    ("mode", "n_channels", "width"),
    [("standard", 1, 1), ("standard", 7, 3), ("sound", 1, 32), ("sound", 99, 32)],
)
def test_the_width_is_tied_to_the_channels_in_the_standard_mode_only(
    mode, n_channels, width
):
    assert check_width(None, mode, n_channels) == width
    assert check_width(5, mode, n_channels) == 5


STANDARD = {"n_iterations": 5, "batch_size": 7, "hidden_size": 3, "test_size": 0.5}
SOUND = {
    "n_iterations": 5,
    "batch_size": 7,
    "hidden_size": 3,
    "n_splits": 3,
    "gap": 2,
    "groups": np.arange(60) % 6,
}


@pytest.mark.parametrize(
    ("mode", "name"),
    [("standard", name) for name in STANDARD] + [("sound", name) for name in SOUND],
)
def test_every_option_changes_the_training(mode, name, noise, monkeypatch):
    """Seen in what is trained: accuracies of few series often agree."""
    value = (STANDARD if mode == "standard" else SOUND)[name]
    prints = []
    fit = critics.fit_discriminator

    def spy(*sides, **options):
        reader = fit(*sides, **options)
        weights = torch.cat([p.detach().flatten() for p in reader.parameters()])
        prints[-1].append(float(weights.sum()))
        return reader

    monkeypatch.setattr(critics, "fit_discriminator", spy)
    for extra in ({}, {name: value}):
        prints.append([])
        discriminative_score(*noise, **{"mode": mode, **QUICK, **extra})
    assert prints[0] != prints[1]


@pytest.mark.parametrize("mode", ["standard", "sound"])
def test_a_seed_gives_the_same_score(mode, noise):
    first, again = (discriminative_score(*noise, mode=mode, **QUICK) for _ in range(2))
    assert first == again


def test_another_seed_gives_another_score(noise):
    found = {
        discriminative_score(*noise, mode="sound", n_iterations=20, random_state=seed)
        for seed in range(3)
    }
    assert len(found) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "fast"}, "mode must be 'standard' or 'sound', got 'fast'"),
        ({"n_iterations": 0}, "n_iterations must be an integer of at least 1"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1"),
        ({"hidden_size": 0}, "hidden_size must be an integer of at least 1"),
        ({"test_size": 1}, "test_size must be a share between 0 and 1, got 1"),
        ({"test_size": "few"}, "test_size must be a share between 0 and 1"),
        ({"n_splits": 2}, "n_splits must be an integer of at least 3"),
        ({"groups": np.arange(60)}, 'groups and gap need mode="sound"'),
        ({"gap": 1}, 'groups and gap need mode="sound"'),
        ({"mode": "sound", "n_splits": 61}, "X_real must hold at least 61 series"),
    ],
)
def test_options_of_the_score_out_of_range_are_refused(options, message, noise):
    with pytest.raises(ValueError, match=message):
        discriminative_score(*noise, **options)
