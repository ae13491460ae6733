import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.neighbors import KernelDensity

from tsgen import (
    BlockBootstrapGenerator,
    DiffusionGenerator,
    GaussianGenerator,
    compare,
)
from tsgen.comparison import runs
from tsgen.comparison.result import FLOOR
from tsgen.datasets import WindowSplit, make_windows, overlapping_windows
from tsgen.exceptions import OverlappingWindowsWarning
from tsgen.metrics import sliced_wasserstein_distance

METRICS = ["sliced_wasserstein_distance", "spread_ratio"]


class Failing(GaussianGenerator):
    """Cannot be fitted."""

    def fit(self, X, y=None):
        raise ValueError("no luck")


class Wasteful(GaussianGenerator):
    """Holds 64 MiB for a moment while it is fitted."""

    def fit(self, X, y=None):
        held = np.ones(2**23)
        time.sleep(0.1)
        assert held.all()
        return super().fit(X, y)


class Recorder(GaussianGenerator):
    """Remembers what it was fitted on and with which seed."""

    seen = []

    def fit(self, X, y=None):
        self.seen.append((X, self.random_state))
        return super().fit(X, y)


@pytest.fixture
def series():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 6, 2)).cumsum(axis=1)


@pytest.fixture
def held_out():
    rng = np.random.default_rng(1)
    return rng.normal(size=(60, 6, 2)).cumsum(axis=1)


@pytest.fixture
def seen():
    Recorder.seen.clear()
    return Recorder.seen


def quick(generators, X, **options):
    return compare(generators, X, **{"metrics": METRICS, "cv": 3, **options})


# what is compared


def test_a_run_is_the_metric_of_samples_against_held_out_series(series, seen):
    test = series[:20] + 0.5
    result = quick({"a": Recorder()}, series, X_test=test, cv=None, dummies=False)
    runs_of_a = [run for run in result.runs if run["generator"] == "a"]
    for run, (X, seed) in zip(runs_of_a, list(seen), strict=True):
        samples = GaussianGenerator(random_state=seed).fit(X).sample(20)
        distance = sliced_wasserstein_distance(test, samples, random_state=seed)
        assert run["sliced_wasserstein_distance"] == distance


def test_a_generator_with_a_network_and_no_latent_is_compared(series):
    tiny = DiffusionGenerator(
        hidden_size=8, n_layers=1, n_levels=20, n_sampling_steps=5, max_iter=2
    )
    result = quick({"diffusion": tiny}, series)
    own = [run for run in result.runs if run["generator"] == "diffusion"]
    assert np.isfinite([[run[name] for name in METRICS] for run in own]).all()


def test_the_floor_is_real_series_in_the_place_of_synthetic_ones(series):
    result = quick({"a": GaussianGenerator()}, series)
    floors = [run for run in result.runs if run["generator"] == FLOOR]
    values = [run["sliced_wasserstein_distance"] for run in floors]
    mean, low, high = result.floor["sliced_wasserstein_distance"]
    half = student.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
    assert (mean, low, high) == pytest.approx(
        (np.mean(values), np.mean(values) - half, np.mean(values) + half)
    )
    assert mean < 0.7  # series of another law are farther
    assert 0.8 < result.floor["spread_ratio"][0] < 1.2


def test_dummies_are_added_unless_unwanted(series):
    result = quick({"a": GaussianGenerator()}, series)
    assert result.generators == ["a", "block bootstrap", "Gaussian"]
    assert result.dummies == ("block bootstrap", "Gaussian")
    alone = quick({"a": GaussianGenerator()}, series, dummies=False)
    assert (alone.generators, alone.dummies) == (["a"], ())


def test_generators_of_a_sequence_are_called_by_their_class(series):
    result = quick([BlockBootstrapGenerator(), GaussianGenerator()], series)
    assert result.generators[:2] == ["BlockBootstrapGenerator", "GaussianGenerator"]


def test_a_smoothing_generator_is_found_out(series):
    class Smooth(GaussianGenerator):
        def sample(self, n_samples=1, *, random_state=None):
            return 0.3 * super().sample(n_samples, random_state=random_state)

    result = quick({"smooth": Smooth(), "right": GaussianGenerator()}, series)
    assert result.mean["spread_ratio"]["smooth"] < 0.4
    distances = result.mean["sliced_wasserstein_distance"]
    assert distances["smooth"] > 1.3 * distances["right"]


def test_five_metrics_by_default(series):
    result = compare({"a": GaussianGenerator()}, series, cv=2, dummies=False)
    assert len(result.metrics) == 5
    assert result.best["spread_ratio"] == 1
    assert set(result.best.values()) == {"low", 0.5, 1.0}


# how it is split


def test_folds_are_blocks_spread_over_the_series(series, seen):
    X = series + 1000 * np.arange(60)[:, None, None]
    quick({"a": Recorder()}, X)
    held_out = [set(range(60)) - set((x[:, 0, 0] / 1000).round()) for x, _ in seen]
    assert [len(rows) for rows in held_out] == [20, 20, 20]
    assert set.union(*held_out) == set(range(60))
    assert held_out[0] == {*range(5), *range(15, 20), *range(30, 35), *range(45, 50)}


def test_a_gap_beside_held_out_blocks_is_not_fitted_on(series, seen):
    X = series + 1000 * np.arange(60)[:, None, None]
    quick({"a": Recorder()}, X, gap=2)
    fitted = set((seen[0][0][:, 0, 0] / 1000).round())
    assert fitted == set(range(22, 60))


def test_groups_stay_on_one_side(series, seen):
    groups = np.repeat(np.arange(6), 10)[np.random.default_rng(0).permutation(60)]
    X = series * 0.01 + groups[:, None, None]
    quick({"a": Recorder()}, X, groups=groups)
    for x, _ in seen:
        assert len(set(x[:, 0, 0].round())) == 4  # whole groups


@pytest.mark.parametrize("cv", [KFold(4), ShuffleSplit(3, random_state=0)])
def test_splitters_of_scikit_learn_are_used(cv, series, seen):
    quick({"a": Recorder()}, series, cv=cv)
    assert len(seen) == cv.get_n_splits()
    train = next(iter(cv.split(series)))[0]
    np.testing.assert_array_equal(seen[0][0], series[train])


def test_a_long_frame_keeps_all_channels(series):
    pandas = pytest.importorskip("pandas")
    frame = pandas.concat({k: pandas.DataFrame(x) for k, x in enumerate(series)})
    generators = {"a": GaussianGenerator()}
    found, wanted = (quick(generators, X, dummies=False) for X in (frame, series))
    np.testing.assert_equal(found.floor, wanted.floor)


def test_a_test_set_leaves_all_series_for_fitting(series, held_out, seen):
    result = quick({"a": Recorder()}, series, X_test=held_out[:10], cv=None)
    assert len(seen) == 5
    assert all(len(x) == 60 for x, _ in seen)
    assert len({seed for _, seed in seen}) == 5
    assert result.floor["spread_ratio"][1] < result.floor["spread_ratio"][2]


def test_repeats_have_seeds_of_their_own(series, seen):
    quick({"a": Recorder()}, series, n_repeats=2)
    assert len(seen) == 6
    assert len({seed for _, seed in seen}) == 6


def test_five_folds_by_default(series, seen):
    quick({"a": Recorder()}, series, cv=None)
    assert len(seen) == 5


def test_the_number_of_samples_follows_the_smaller_side(series, held_out):
    sizes = []

    def count(X_real, X_synthetic):
        sizes.append((len(X_real), len(X_synthetic)))
        return 0.0

    options = {"metrics": count, "cv": None, "n_repeats": 1, "dummies": False}
    quick([GaussianGenerator()], series[:10], X_test=series[10:], **options)
    assert sizes == [(50, 10), (50, 10)]
    quick([GaussianGenerator()], series, X_test=held_out[:20], n_samples=7, **options)
    assert sizes[2:] == [(20, 7), (20, 7)]


@pytest.fixture
def windows():
    long = np.random.default_rng(0).normal(size=(250, 2)).cumsum(axis=0)
    return make_windows(long, 8)


SHUFFLED = KFold(3, shuffle=True, random_state=0)


@pytest.mark.parametrize("n_axes", [2, 3])
def test_windows_that_overlap_across_a_split_are_warned_of_once(n_axes, windows):
    X = windows if n_axes == 3 else windows[:, :, 0]
    with pytest.warns(OverlappingWindowsWarning, match="at least 4 conse") as caught:
        quick([GaussianGenerator()], X, cv=SHUFFLED, dummies=False)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "WindowSplit" in str(caught[0].message)
    with pytest.warns(OverlappingWindowsWarning, match="100% of the held-out"):
        quick([GaussianGenerator()], X[::2], X_test=X[1::2], cv=None, dummies=False)


@pytest.mark.parametrize("options", [{"gap": 7}, {"cv": WindowSplit(3, length=8)}])
def test_windows_held_apart_are_not_warned_of(options, windows):
    quick([GaussianGenerator()], windows, dummies=False, **options)


def test_windows_that_share_less_than_half_are_not_warned_of(windows):
    quick([GaussianGenerator()], windows[::5], cv=SHUFFLED, dummies=False)


def test_counts_that_are_equal_by_chance_are_not_warned_of():
    train, test = np.random.default_rng(0).poisson(0.8, size=(2, 300, 16))
    assert overlapping_windows(train, test).mean() > 0.5
    options = {"X_test": test, "cv": None, "n_repeats": 1, "dummies": False}
    quick([BlockBootstrapGenerator()], train, **options)


# repeatable


def test_a_seed_gives_the_same_figures_and_another_others(series):
    means = [
        quick([GaussianGenerator()], series, random_state=seed).mean
        for seed in (0, 0, 1)
    ]
    assert means[0] == means[1] != means[2]


def test_workers_find_what_one_process_does(series):
    serial = quick([GaussianGenerator()], series)
    assert quick([GaussianGenerator()], series, n_jobs=2).mean == serial.mean


def test_the_generators_given_stay_unfitted(series):
    generator = GaussianGenerator(random_state=3)
    quick([generator], series)
    assert not hasattr(generator, "mean_")
    assert generator.random_state == 3


def test_two_dimensions_mean_one_channel(series):
    flat = quick([GaussianGenerator()], series[:, :, 0])
    assert flat.mean == quick([GaussianGenerator()], series[:, :, [0]]).mean


# failures and costs


def test_a_generator_that_fails_is_nan_and_the_others_go_on(series):
    with pytest.warns(FitFailedWarning, match="3 of 15 runs failed.*'bad'.*no luck"):
        result = quick({"bad": Failing(), "good": GaussianGenerator()}, series)
    assert np.isnan(result.mean["spread_ratio"]["bad"])
    assert np.isfinite(result.mean["spread_ratio"]["good"])
    bad = [run for run in result.runs if run["generator"] == "bad"]
    assert {run["error"] for run in bad} == {"ValueError: no luck"}
    assert "failed" in str(result)


def test_time_and_memory_are_recorded(series):
    result = quick({"a": Wasteful()}, series, dummies=False)
    assert result.cost["fit_seconds"]["a"] > 0
    assert result.cost["sample_seconds"]["a"] > 0
    assert 30 < result.cost["fit_mebibytes"]["a"] < 200


# the result


def test_it_prints_every_generator_under_every_metric(series):
    result = quick({"mine": GaussianGenerator()}, series)
    text = str(result)
    lines = text.splitlines()
    assert "sliced wasserstein" in lines[0]
    assert "spread ratio" in lines[0]
    assert "lower is better" in lines[1]
    assert "1 is right" in lines[1]
    assert [line.split("  ")[0] for line in lines[2:6]] == [
        FLOOR,
        "mine",
        "block bootstrap",
        "Gaussian",
    ]
    assert f"{result.mean['spread_ratio']['mine']:.2f}" in lines[3]
    assert lines[3].count("±") == 2
    assert "mean of 3" in lines[-1]
    assert repr(result).startswith("Comparison(generators=['mine',")


def test_rows_are_tidy(series):
    pandas = pytest.importorskip("pandas")
    result = quick({"mine": GaussianGenerator()}, series)
    rows = result.rows()
    assert len(rows) == 3 * 2
    first = rows[0]
    assert first["generator"] == "mine"
    assert first["low"] < first["mean"] < first["high"]
    assert first["floor"] == result.floor["sliced_wasserstein_distance"][0]
    assert (first["is_dummy"], rows[-1]["is_dummy"]) == (False, True)
    assert first["n_runs"] == 3
    assert isinstance(result.to_frame(), pandas.DataFrame)
    assert list(result.to_frame().columns) == list(first)


def test_a_single_run_has_no_interval(series, held_out):
    options = {"X_test": held_out[:20], "cv": None, "n_repeats": 1}
    result = quick([GaussianGenerator()], series, **options)
    assert np.isnan(result.low["spread_ratio"]["Gaussian"])
    assert "±" not in "".join(str(result).splitlines()[:-1])


def test_it_plots_a_panel_for_each_metric(series):
    pytest.importorskip("matplotlib")
    result = quick({"mine": GaussianGenerator()}, series)
    assert len(result.plot()) == 2
    assert len(result.plot(metrics=["spread_ratio"])) == 1
    axes = result.plot(metrics=["spread_ratio"])
    assert result.plot(metrics=["spread_ratio"], axes=axes)[0] is axes[0]


def test_what_fails_at_one_metric_keeps_the_others(series):
    metrics = ["correlational_score", "mmd"]
    with pytest.warns(FitFailedWarning, match="correlational_score: ValueError"):
        result = quick([GaussianGenerator()], series[:, :, :1], metrics=metrics)
    assert np.isnan(result.mean["correlational_score"]["Gaussian"])
    assert np.isfinite(result.mean["mmd"]["Gaussian"])
    assert np.isfinite(result.floor["mmd"][0])


def test_generators_without_a_seed_of_their_own_are_seeded_too(series):
    flat = series[:, :, 0]  # KernelDensity takes two axes
    means = [quick([KernelDensity()], flat, random_state=s).mean for s in (0, 0, 1)]
    assert means[0] == means[1] != means[2]


def test_too_few_samples_are_a_failure(series):
    class Few(GaussianGenerator):
        def sample(self, n_samples=1, *, random_state=None):
            return super().sample(3, random_state=random_state)

    with pytest.warns(FitFailedWarning, match="as many series as asked for, 20, got 3"):
        quick({"few": Few()}, series)


def test_masks_are_splits(series, seen):
    mask = np.arange(60) < 40
    quick({"a": Recorder()}, series, cv=[(mask, ~mask)])
    assert len(seen[0][0]) == 40


def test_a_floor_that_takes_all_series_has_no_interval(series):
    result = quick([GaussianGenerator()], series, X_test=series + 0.5, cv=None)
    assert np.isnan(result.floor["spread_ratio"][1])


@pytest.mark.parametrize("scale", [1e-6, 1e200])
def test_figures_are_printed_to_their_own_digits(scale, series):
    def scaled(X_real, X_synthetic):
        return scale * abs(X_real.mean() - X_synthetic.mean())

    text = str(quick([GaussianGenerator()], series, metrics={"scaled": scaled}))
    assert max(map(len, text.splitlines())) < 100
    assert " 0.0000 " not in text


# refusals


@pytest.mark.parametrize("names", ["error", "generator", "fit_seconds"])
def test_metrics_must_not_take_the_names_of_entries(names, series):
    with pytest.raises(ValueError, match="metrics must not be called"):
        quick(
            [GaussianGenerator()], series, metrics={names: sliced_wasserstein_distance}
        )


def test_a_gap_beside_what_decides_itself_is_refused(series):
    with pytest.raises(ValueError, match="gap must be 0 beside a splitter"):
        quick([GaussianGenerator()], series, cv=KFold(3), gap=2)
    with pytest.raises(ValueError, match="gap must be 0 beside groups"):
        quick([GaussianGenerator()], series, groups=np.arange(60) // 6, gap=2)


def test_more_samples_than_training_series_are_refused(series):
    with pytest.raises(ValueError, match=r"n_samples must be at most .*, 40, got 500"):
        quick([GaussianGenerator()], series, n_samples=500)


@pytest.mark.parametrize(
    ("generators", "message"),
    [
        (GaussianGenerator(), "a dict or a list"),
        ({"a": GaussianGenerator}, r"generators\['a'\] .* got a class"),
        ({1: GaussianGenerator()}, "str as names, got 1"),
    ],
)
def test_what_is_no_collection_of_generators_is_refused(generators, message, series):
    with pytest.raises(TypeError, match=message):
        quick(generators, series)


def test_more_folds_than_series_are_refused(series):
    with pytest.raises(ValueError, match="got 20 folds of 10 series"):
        quick([GaussianGenerator()], series[:10], cv=20)


@pytest.mark.parametrize(
    "generators", [[], [GaussianGenerator()] * 2, {"Gaussian": GaussianGenerator()}]
)
def test_names_must_be_different(generators, series):
    with pytest.raises(ValueError, match="generators must be at least one"):
        quick(generators, series)


def test_what_cannot_sample_is_refused(series):
    with pytest.raises(TypeError, match="methods fit and sample, got KFold"):
        quick({"a": KFold()}, series)


def test_a_test_set_and_folds_exclude_each_other(series):
    with pytest.raises(ValueError, match="without cv, groups and gap"):
        quick([GaussianGenerator()], series, X_test=series, cv=3)
    with pytest.raises(ValueError, match="same time steps and channels"):
        quick([GaussianGenerator()], series, X_test=series[:, :3], cv=None)


@pytest.mark.parametrize(
    ("option", "value"),
    [("metrics", "accuracy"), ("n_repeats", 0), ("n_samples", 1), ("cv", 1)],
)
def test_bad_options_are_refused_before_anything_is_fitted(option, value, series, seen):
    with pytest.raises(ValueError, match=option):
        quick({"a": Recorder()}, series, **{option: value})
    assert seen == []


def test_nan_is_refused(series):
    series[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="X contains NaN"):
        quick([GaussianGenerator()], series)


def test_the_dummies_stay_as_they_are(series):
    quick([GaussianGenerator()], series)
    assert not hasattr(runs.DUMMIES["Gaussian"], "mean_")


def test_held_out_frames_must_have_the_same_columns(series):
    X = pd.concat(
        {k: pd.DataFrame(x, columns=["a", "b"]) for k, x in enumerate(series)}
    )
    with pytest.raises(ValueError, match="X_test must have the columns of X in their"):
        quick([GaussianGenerator()], X, X_test=X[["b", "a"]], cv=None)
