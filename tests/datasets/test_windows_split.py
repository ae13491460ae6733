"""Cross-validation on windows that overlap: no leak, every window tested once."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    check_cv,
    cross_val_score,
    cross_validate,
)

from tsgen import BlockBootstrapGenerator, GaussianGenerator, compare
from tsgen.datasets import (
    WindowSplit,
    make_windows,
    overlapping_windows,
    train_test_windows,
)
from tsgen.scorers import neg_sliced_wasserstein_scorer


def random_request(seed):
    """Draw a splitter, and series of random lengths to split, mixed."""
    rng = np.random.default_rng(seed)
    n_splits, length, stride, gap = rng.integers([2, 1, 1, 0], [6, 13, 16, 20])
    n_blocks = "auto" if rng.random() < 0.5 else int(rng.integers(1, 5))
    cv = WindowSplit(
        int(n_splits),
        length=int(length),
        stride=int(stride),
        gap=int(gap),
        n_blocks=n_blocks,
        random_state=seed,
    )
    sizes = rng.integers(3, 80, size=rng.integers(1, 5))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    order = rng.permutation(len(groups)) if rng.random() < 0.5 else slice(None)
    groups = groups[order]
    number = np.empty(len(groups), dtype=int)  # of a window in its series
    for group, size in enumerate(sizes):
        number[groups == group] = np.arange(size)
    return cv, groups, number * int(stride)


REQUESTS = range(60)


def splits_or_none(cv, groups):
    """Split; a refusal for lack of windows is a valid answer."""
    try:
        return list(cv.split(groups, groups=groups))
    except ValueError as error:
        assert str(error).startswith(("n_splits times", "gap and length"))  # noqa: PT017
        return None


# property of a family


@pytest.mark.parametrize("seed", REQUESTS)
def test_just_what_is_near_to_a_test_window_is_dropped(seed):
    cv, groups, starts = random_request(seed)
    for train, test in splits_or_none(cv, groups) or []:
        apart = np.abs(starts[:, None] - starts[test]) - cv.length  # rows between
        same = groups[:, None] == groups[test]
        near = (same & (apart < cv.gap)).any(axis=1)
        np.testing.assert_array_equal(train, np.flatnonzero(~near))


@pytest.mark.parametrize("seed", REQUESTS)
def test_every_window_is_tested_on_once_in_folds_alike(seed):
    cv, groups, _ = random_request(seed)
    splits = splits_or_none(cv, groups)
    if splits is not None:
        tests = [test for _, test in splits]
        assert len(tests) == cv.get_n_splits()
        np.testing.assert_array_equal(
            np.sort(np.concatenate(tests)), np.arange(len(groups))
        )
        sizes = [len(test) for test in tests]
        assert max(sizes) <= 2 * min(sizes)  # runs of one window, or of two


def test_most_random_requests_can_be_met():
    met = [splits_or_none(*random_request(seed)[:2]) is not None for seed in REQUESTS]
    assert 0.5 < np.mean(met) < 1


@pytest.mark.parametrize("stride", [1, 3, 10])
@pytest.mark.parametrize("gap", [0, 4])
def test_no_row_of_a_test_window_is_in_a_training_window(stride, gap):
    X = make_windows(np.arange(400), 10, stride=stride)
    cv = WindowSplit(4, length=10, stride=stride, gap=gap)
    for train, test in cv.split(X):
        apart = X[test].reshape(-1, 1) - np.unique(X[train])
        between = -(-(10 + gap) // stride) * stride - 10  # the next that are allowed
        assert np.abs(apart).min() == between + 1
        assert between >= gap


@pytest.mark.parametrize("n_splits", [2, 3, 5, 49])
@pytest.mark.parametrize("stride", [1, 5, 30])
def test_auto_drops_at_most_one_training_window_in_eight(n_splits, stride):
    cv = WindowSplit(n_splits, length=12, stride=stride)
    for train, test in cv.split(np.zeros(1500)):
        assert 1500 - len(train) - len(test) <= (1500 - len(test)) / 8 + 1


# closed form


def test_each_fold_has_one_run_in_every_stretch_of_time():
    cv = WindowSplit(3, length=2, n_blocks=10)
    for _, test in cv.split(np.zeros(300)):
        for stretch in range(10):
            run = test[test // 30 == stretch]
            assert len(run) == 10
            assert np.ptp(run) == 9


def test_folds_do_not_keep_to_a_day_of_the_week():
    """Days without overlap, seven folds: one cut after the other would do so."""
    cv = WindowSplit(7, length=24, stride=24, n_blocks=20)
    for _, test in cv.split(np.zeros(140)):
        assert len(set(test % 7)) > 3


def test_a_gap_of_a_window_leaves_what_train_test_windows_does():
    cv = WindowSplit(2, length=5, gap=5, n_blocks=1)
    (train, test), _ = cv.split(np.zeros(100))
    assert np.abs(train[:, None] - test).min() == 2 * 5
    series = np.arange(104)
    X_train, X_test = train_test_windows(
        series, 5, test_size=0.5, n_blocks=1, random_state=0
    )
    apart = np.abs(X_train[:, :1, 0] - X_test[:, 0, 0])
    assert apart.min() == 2 * 5


def test_train_test_windows_are_those_they_always_were():
    train, test = train_test_windows(
        np.arange(40), 3, test_size=0.3, n_blocks=2, random_state=0
    )
    assert test[:, 0, 0].tolist() == [*range(1, 7), *range(23, 29)]
    assert train[:, 0, 0].tolist() == [*range(12, 18), *range(34, 38)]


def test_strides_longer_than_a_window_drop_nothing():
    cv = WindowSplit(3, length=4, stride=4)
    for train, test in cv.split(np.zeros(30)):
        assert len(train) + len(test) == 30


# series of several groups


def test_windows_of_other_groups_are_not_dropped():
    groups = np.repeat(["a", "b"], 20)
    cv = WindowSplit(2, length=5, n_blocks=1)  # a run is a group
    for train, test in cv.split(groups, groups=groups):
        assert len(train) == len(test) == 20
    (train, _), _ = cv.split(groups)  # of one series, neighbours are
    assert len(train) == 16


def test_groups_may_be_mixed():
    groups = np.tile([0, 1], 30)
    cv = WindowSplit(3, length=4)
    apart = np.argsort(groups, kind="stable")
    mixed, sorted_ = (list(cv.split(g, groups=g)) for g in (groups, groups[apart]))
    for (train, test), (train_sorted, test_sorted) in zip(mixed, sorted_, strict=True):
        np.testing.assert_array_equal(train, np.sort(apart[train_sorted]))
        np.testing.assert_array_equal(test, np.sort(apart[test_sorted]))


def test_thousands_of_groups_are_split_in_no_time():
    groups = np.repeat(np.arange(20000), 3)
    splits = list(WindowSplit(5, length=12, gap=10**30).split(groups, groups=groups))
    assert len(splits) == 5


# as a splitter of scikit-learn


@pytest.fixture(scope="module")
def windows():
    series = np.random.default_rng(0).normal(size=(300, 2)).cumsum(axis=0)
    return make_windows(series, 8)


def test_it_serves_cross_val_score(windows):
    scores = cross_val_score(
        GaussianGenerator(random_state=0),
        windows,
        cv=WindowSplit(3, length=8),
        scoring=neg_sliced_wasserstein_scorer,
    )
    assert scores.shape == (3,)
    assert (scores < 0).all()


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
def test_it_serves_searches(search, windows):
    options = {"resource": "random_state", "max_resources": 9, "min_resources": 3}
    found = search(
        BlockBootstrapGenerator(random_state=0),
        {"n_blocks": [1, 2, 4]},
        cv=WindowSplit(3, length=8, gap=2),
        scoring=neg_sliced_wasserstein_scorer,
        **(options if search is HalvingGridSearchCV else {}),
    ).fit(windows)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert found.n_splits_ == 3
    assert clone(found).cv.gap == 2


def test_a_search_within_the_folds_does_not_leak_either(windows):
    """Windows left out by the outer folds only set the others farther apart."""
    cv = WindowSplit(3, length=8)
    for train, _ in cv.split(windows):
        for inner, held_out in cv.split(windows[train]):
            starts, tested = train[inner], train[held_out]
            assert np.abs(starts[:, None] - tested).min() >= 8


@pytest.mark.parametrize("routing", [False, True])
def test_scikit_learn_passes_the_groups_on(routing, windows):
    groups = np.repeat([0, 1], [150, 143])
    cv = WindowSplit(3, length=8)
    with sklearn.config_context(enable_metadata_routing=routing):
        extra = {"params": {"groups": groups}} if routing else {"groups": groups}
        result = cross_validate(
            Ridge(),
            windows[:, :, 0],
            windows[:, 0, 1],
            cv=cv,
            return_indices=True,
            **extra,
        )
    for train, (expected, _) in zip(
        result["indices"]["train"], cv.split(windows, groups=groups), strict=True
    ):
        np.testing.assert_array_equal(train, expected)


def test_it_serves_compare(windows):
    result = compare(
        [GaussianGenerator()],
        windows,
        cv=WindowSplit(3, length=8),
        metrics="spread_ratio",
        dummies=False,
    )
    assert np.isfinite(result.mean["spread_ratio"]["GaussianGenerator"])


def same_splits(cv, other):
    pairs = zip(cv.split(np.zeros(90)), other.split(np.zeros(90)), strict=True)
    return all(
        np.array_equal(ours, theirs)
        for pair in pairs
        for ours, theirs in zip(*pair, strict=True)
    )


def test_it_is_shown_and_taken_like_others():
    cv = WindowSplit(3, length=8, gap=2, n_blocks=4)
    for part in ("WindowSplit(", "n_splits=3", "length=8", "gap=2", "n_blocks=4"):
        assert part in repr(cv)
    assert check_cv(cv) is cv
    assert cv.get_n_splits() == 3
    assert same_splits(cv, WindowSplit(**vars(cv)))


@pytest.mark.parametrize(
    "twin_of",
    [
        copy.deepcopy,
        lambda cv: pickle.loads(pickle.dumps(cv)),
        lambda cv: clone(cv, safe=False),
    ],
    ids=["deepcopy", "pickle", "clone"],
)
def test_a_copy_splits_alike(twin_of):
    cv = WindowSplit(3, length=8, gap=2, n_blocks=4)
    assert same_splits(twin_of(cv), cv)
    assert repr(twin_of(cv)) == repr(cv)


def test_an_int_seed_gives_the_same_folds_every_time_and_another_others():
    def first(seed):
        return next(WindowSplit(3, length=2, random_state=seed).split(np.zeros(99)))[1]

    np.testing.assert_array_equal(first(0), first(0))
    assert not np.array_equal(first(0), first(1))


# refusals


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("n_splits", 1),
        ("n_splits", 2.0),
        ("length", 0),
        ("length", None),
        ("stride", 0),
        ("gap", -1),
        ("n_blocks", 0),
        ("n_blocks", "many"),
        ("n_blocks", None),
        ("random_state", "seed"),
    ],
)
def test_options_that_are_no_counts_are_refused(name, bad):
    with pytest.raises((TypeError, ValueError), match=name.replace("_state", "")):
        WindowSplit(**{"length": 4, name: bad})


def test_more_runs_than_windows_are_refused():
    with pytest.raises(ValueError, match=r"n_splits=3, n_blocks=4 and 11 windows"):
        WindowSplit(3, length=1, n_blocks=4).split(np.zeros(11))
    with pytest.raises(ValueError, match=r"n_splits=5, n_blocks=1 and 4 windows"):
        WindowSplit(length=1).split(np.zeros(4))


def test_a_gap_that_leaves_nothing_to_train_on_is_refused():
    with pytest.raises(ValueError, match=r"none in fold . with length=3.*gap=50"):
        WindowSplit(3, length=3, gap=50).split(np.zeros(40))


def test_windows_longer_than_told_are_refused(windows):
    with pytest.raises(ValueError, match="got length=7 and windows of 8 rows"):
        WindowSplit(3, length=7).split(windows)
    thinned = windows[:, ::2]  # of 8 rows, 4 are left
    assert len(list(WindowSplit(3, length=8).split(thinned))) == 3


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros(39), "inconsistent numbers of samples"),
        (np.zeros((40, 2)), r"one label .* 40 windows, got shape \(40, 2\)"),
        (np.full(40, np.nan), "groups contains NaN"),
    ],
)
def test_groups_that_are_no_labels_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        WindowSplit(2, length=2).split(np.zeros(40), groups=groups)


def test_groups_of_several_kinds_are_refused():
    with pytest.raises(TypeError, match="groups must hold labels of one kind"):
        WindowSplit(2, length=1).split(np.zeros(3), groups=["a", None, "b"])


def test_a_wrong_stride_is_found_out_by_overlapping_windows(windows):
    train, test = next(WindowSplit(3, length=8, stride=8).split(windows))
    assert overlapping_windows(windows[train], windows[test]).mean() > 0.5
    train, test = next(WindowSplit(3, length=8).split(windows))
    assert not overlapping_windows(windows[train], windows[test], min_rows=2).any()
