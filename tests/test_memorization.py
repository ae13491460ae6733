"""Memorisation reports: figures against slow references, power, words, pictures."""

import numpy as np
import pandas as pd
import pytest

from tsgen._random import numpy_generator
from tsgen.exceptions import OverlappingWindowsWarning
from tsgen.memorization import memorization_report
from tsgen.plots.memorization import plot_memorization_report
from tsgen.reference import BlockBootstrapGenerator


def autoregressive(rng, n, length=24):
    """Draw series of an AR(1) of variance 1, (n, length)."""
    series = rng.normal(size=(n, length))
    series[:, 1:] *= np.sqrt(1 - 0.7**2)
    for t in range(1, length):
        series[:, t] += 0.7 * series[:, t - 1]
    return series


def make_sets(n=60, n_holdout=None, length=24, n_copies=0, noise=0.05, shift=0, seed=0):
    """Return synthetic, training and unseen series; the first synthetic are copies."""
    rng = np.random.default_rng(seed)
    X_train = autoregressive(rng, n, length + shift)
    X_holdout = autoregressive(rng, n_holdout or n, length)
    X = autoregressive(rng, n, length)
    X[:n_copies] = X_train[:n_copies, shift:]
    X[:n_copies] += noise * rng.normal(size=(n_copies, length))
    return X, X_train[:, :length], X_holdout


def make_report(sets=None, **options):
    options = {"n_permutations": 399, "random_state": 0, **options}
    return memorization_report(*(make_sets() if sets is None else sets), **options)


def small_sets(n_channels=2, sizes=(12, 15, 11), length=8, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, length, n_channels)).cumsum(axis=1) for n in sizes]


def assert_same(report, other):
    for name in ("distance_to_train", "distance_to_holdout", "nearest_train", "lag"):
        np.testing.assert_allclose(getattr(report, name), getattr(other, name))
    assert report.observed == pytest.approx(other.observed)


# slow references


def slow_distances(X, X_real, max_lag, ignore_scale=False):
    """Distance of each pair at each lag, by loops: (n_lags, n, n_real)."""
    mean, std = X_real.mean(axis=(0, 1)), X_real.std(axis=(0, 1))
    X, X_real = (X - mean) / std, (X_real - mean) / std
    lags = sorted(range(-max_lag, max_lag + 1), key=abs)
    pairs = [
        [[slow_distance(a, b, lag, ignore_scale) for b in X_real] for a in X]
        for lag in lags
    ]
    return np.array(lags), np.array(pairs)


def slow_distance(a, b, lag, ignore_scale):
    a, b = (a[lag:], b[: len(b) - lag]) if lag >= 0 else (a[:lag], b[-lag:])
    if ignore_scale:
        a, b = ((x - x.mean(axis=0)) / x.std(axis=0) for x in (a, b))
    return np.sqrt(((a - b) ** 2).mean())


def slow_auc(score_train, score_holdout):
    difference = score_train[:, None] - score_holdout
    return ((difference > 0) + 0.5 * (difference == 0)).mean()


@pytest.mark.parametrize("ignore_scale", [False, True])
@pytest.mark.parametrize("max_lag", [0, 3])
def test_distances_partners_and_lags_are_those_of_a_loop(max_lag, ignore_scale):
    X, X_train, X_holdout = small_sets()
    report = make_report(
        (X, X_train, X_holdout), max_lag=max_lag, ignore_scale=ignore_scale
    )
    real = np.concatenate([X_train, X_holdout])
    lags, slow = slow_distances(X, real, max_lag, ignore_scale)
    best = slow.min(axis=0)
    nearest = best[:, :15].argmin(axis=1)
    np.testing.assert_allclose(report.distance_to_train, best[:, :15].min(axis=1))
    np.testing.assert_allclose(report.distance_to_holdout, best[:, 15:].min(axis=1))
    np.testing.assert_array_equal(report.nearest_train, nearest)
    at_best = slow[:, np.arange(len(X)), nearest].argmin(axis=0)
    np.testing.assert_array_equal(report.lag, lags[at_best])


def test_permuted_statistics_are_those_of_the_shuffled_sets():
    sets = small_sets(sizes=(30, 40, 40))
    report = make_report(sets, max_lag=2)
    real = np.concatenate(sets[1:])
    distances = slow_distances(sets[0], real, 2)[1].min(axis=0)
    rng = numpy_generator(0, "memorization")
    for k in range(20):
        trains = rng.permutation(np.arange(80) < 40)
        near, far = distances[:, trains].min(axis=1), distances[:, ~trains].min(axis=1)
        closeness = -distances.min(axis=0)
        auc = slow_auc(closeness[trains], closeness[~trains])
        tail = np.maximum(1 - near / far, 0) ** 3
        assert report.permuted["share"][k] == pytest.approx((near < far).mean())
        assert report.permuted["tail"][k] == pytest.approx(tail.mean())
        assert report.permuted["attack"][k] == pytest.approx(auc)


@pytest.mark.parametrize("sizes", [(12, 40, 10), (12, 10, 40)])
def test_the_share_is_its_mean_over_draws_of_equal_sizes(sizes):
    X, X_train, X_holdout = small_sets(sizes=sizes)
    report = make_report((X, X_train, X_holdout), max_lag=0)
    real = np.concatenate([X_train, X_holdout])
    distances = slow_distances(X, real, 0)[1][0]
    near, far = distances[:, : sizes[1]], distances[:, sizes[1] :]
    rng, shares = np.random.default_rng(0), []
    for _ in range(4000):
        chosen = [x[:, rng.permutation(x.shape[1])[:10]] for x in (near, far)]
        shares.append((chosen[0].min(axis=1) < chosen[1].min(axis=1)).mean())
    assert report.share_nearer_train == pytest.approx(np.mean(shares), abs=0.01)


def test_the_p_value_is_that_of_the_smallest_of_three():
    report = make_report(make_sets(n_copies=4))
    table = np.stack(
        [np.append(report.observed[k], report.permuted[k]) for k in report.p_values],
        axis=1,
    )
    chances = (table[None] >= table[:, None]).mean(axis=1)  # of each row
    np.testing.assert_allclose(list(report.p_values.values()), chances[0])
    least = chances.min(axis=1)
    assert report.p_value == pytest.approx((least <= least[0]).mean())


def test_sets_in_blocks_give_the_same(monkeypatch):
    sets = make_sets(n_copies=5)
    whole = make_report(sets)
    monkeypatch.setattr("tsgen.memorization.distances._BLOCK", 7 * 120)
    assert_same(make_report(sets), whole)
    assert make_report(sets).p_value == whole.p_value


def test_ratios_of_unequal_sets_are_around_the_centre():
    report = make_report(make_sets(n=400, n_holdout=60, seed=3))
    assert report.ratio_centre < 0.93
    assert np.median(report.nearest_ratio) == pytest.approx(
        report.ratio_centre, abs=0.03
    )
    assert report.ratio_tail == pytest.approx(report.ratio_tail_control, abs=0.08)
    assert len(report.suspects) < 0.04 * 400


# what is found


@pytest.mark.parametrize("seed", range(3))
def test_ten_copies_among_two_hundred_are_found(seed):
    sets = make_sets(n=200, n_copies=10, seed=seed)
    report = memorization_report(*sets, random_state=0)
    assert report.memorizes
    assert set(report.suspects[:10]) == set(range(10))
    np.testing.assert_array_equal(report.nearest_train[:10], np.arange(10))
    assert 0.04 <= report.copy_share <= 0.07
    low, high = report.copy_share_interval
    assert 0 < low < 0.05 < high < 0.12
    assert report.ratio_tail < 0.2 < 0.7 < report.ratio_tail_control


@pytest.mark.parametrize(("shift", "lag"), [(3, -3), (0, 0)])
def test_the_lag_of_copies_is_found(shift, lag):
    report = make_report(make_sets(n_copies=20, shift=shift))
    assert report.memorizes
    np.testing.assert_array_equal(report.lag[:20], lag)


def test_copies_that_come_later_have_a_positive_lag():
    X, X_train, X_holdout = make_sets()
    X[:20, 2:] = X_train[:20, :-2]
    np.testing.assert_array_equal(make_report((X, X_train, X_holdout)).lag[:20], 2)


def test_shifted_copies_need_a_search_of_shifts():
    sets = make_sets(n_copies=12, shift=3)
    assert make_report(sets, max_lag=3).memorizes
    assert not make_report(sets, max_lag=2).memorizes


def test_a_quarter_of_the_steps_is_searched_unless_told():
    sets = make_sets()
    assert make_report(sets).max_lag == 6
    assert_same(make_report(sets), make_report(sets, max_lag=6))


def test_rescaled_copies_need_the_scale_ignored():
    X, X_train, X_holdout = make_sets(n_copies=12)
    X[:12] = 3 * X[:12] + 5
    assert not make_report((X, X_train, X_holdout)).memorizes
    report = make_report((X, X_train, X_holdout), ignore_scale=True)
    assert report.memorizes
    assert set(report.suspects[:12]) == set(range(12))


@pytest.mark.parametrize("seed", range(3))
def test_a_generator_that_copies_is_always_found(seed):
    X_train, X_holdout = make_sets(n=30, seed=seed)[1:]
    generator = BlockBootstrapGenerator(n_blocks=1, random_state=seed).fit(X_train)
    report = make_report((generator.sample(30), X_train, X_holdout))
    assert report.memorizes
    assert report.copy_share == 1
    assert report.share_nearer_train == 1
    assert (report.distance_to_train == 0).all()
    assert report.attack_auc > 0.7


def test_copies_of_unseen_series_are_no_memorisation():
    X, X_train, X_holdout = make_sets(n_copies=20)
    report = make_report((X, X_holdout, X_train))
    assert not report.memorizes
    assert report.copy_share == 0
    assert report.p_value > 0.5


def test_false_alarms_are_as_rare_as_the_level():
    n_alarms = sum(
        make_report(
            make_sets(n=25, length=8, seed=s), n_permutations=99, level=0.1
        ).memorizes
        for s in range(100)
    )
    assert n_alarms <= 24  # binomial, beyond it 1e-5


def test_intervals_hold_the_figures_and_controls_the_fair_value():
    report = make_report(make_sets(n_copies=20))
    for name in ("share_nearer_train", "attack_auc"):
        low, high = getattr(report, f"{name}_interval")
        assert 0 <= low < getattr(report, name) < high <= 1
        low, high = getattr(report, f"{name}_control")
        assert low < 0.5 < high


# options


def test_the_level_decides():
    sets = make_sets(n_copies=3, seed=1)
    p_value = make_report(sets).p_value
    assert 0.01 < p_value < 0.5
    assert make_report(sets, level=p_value).memorizes
    assert not make_report(sets, level=0.9 * p_value).memorizes


def test_there_are_as_many_permutations_as_wanted():
    report = make_report(n_permutations=350)
    assert {len(values) for values in report.permuted.values()} == {350}


def test_the_same_seed_gives_the_same_report():
    first, again, other = (make_report(random_state=k) for k in (1, 1, 2))
    assert str(first) == str(again)
    np.testing.assert_array_equal(first.permuted["tail"], again.permuted["tail"])
    assert (first.permuted["tail"] != other.permuted["tail"]).any()


def test_a_generator_as_a_seed_moves_on():
    rng = np.random.default_rng(0)
    first, other = (make_report(random_state=rng) for _ in range(2))
    assert (first.permuted["tail"] != other.permuted["tail"]).any()


# inputs


def test_two_axes_mean_one_channel():
    sets = make_sets(n_copies=5)
    assert_same(make_report(sets), make_report([X[:, :, None] for X in sets]))


def test_units_of_channels_do_not_matter():
    sets = small_sets(sizes=(30, 30, 30))
    moved = [X * [1e-200, 1e9] + [1e-200, 5e9] for X in sets]
    assert_same(make_report(sets), make_report(moved))


def test_inputs_are_only_read():
    sets = small_sets()
    copies = [X.copy() for X in sets]
    for X in sets:
        X.flags.writeable = False
    make_report(sets)
    for X, copy in zip(sets, copies, strict=True):
        np.testing.assert_array_equal(X, copy)


def test_lists_and_single_precision_pass():
    sets = [X.astype(np.float32) for X in make_sets(n_copies=5)]
    assert_same(make_report(sets), make_report([X.tolist() for X in sets]))
    assert_same(make_report(sets), make_report([X.astype(float) for X in sets]))


def test_constant_channels_change_nothing_but_the_mean():
    sets = make_sets(n_copies=10)
    wide = [np.stack([X, np.full_like(X, 0.1)], axis=2) for X in sets]
    report, other = make_report(sets), make_report(wide)
    np.testing.assert_allclose(
        other.distance_to_train, report.distance_to_train / np.sqrt(2)
    )
    assert other.p_value == report.p_value


@pytest.mark.parametrize("ignore_scale", [False, True])
def test_series_that_are_all_equal_show_nothing(ignore_scale):
    X = np.full((12, 6, 2), 0.1)
    report = make_report((X, X, X), ignore_scale=ignore_scale)
    assert (report.nearest_ratio == 1).all()
    assert report.share_nearer_train == report.attack_auc == 0.5
    assert report.p_value == 1
    assert report.copy_share == len(report.suspects) == 0


def test_copies_of_series_in_both_sets_are_as_near_to_both():
    X, X_train, X_holdout = make_sets()
    X_holdout[:20] = X[:20] = X_train[:20]
    with pytest.warns(OverlappingWindowsWarning, match="33% of the held") as caught:
        report = make_report((X, X_train, X_holdout))
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(report.nearest_ratio[:20], 1)
    assert not report.memorizes
    assert np.isfinite(list(report.observed.values())).all()


def test_exact_copies_of_unseen_series_have_an_infinite_ratio():
    X, X_train, X_holdout = make_sets()
    X[:5], X[5:15] = X_holdout[:5], X_train[:10]
    report = make_report((X, X_train, X_holdout))
    assert np.isinf(report.nearest_ratio[:5]).all()
    assert (report.nearest_ratio[5:15] == 0).all()
    assert np.isfinite(list(report.observed.values())).all()
    assert "nan" not in str(report)


def test_copies_that_were_rounded_to_single_precision_are_exact():
    X, X_train, X_holdout = make_sets()
    X[:5] = X_train[:5].astype(np.float32)
    X_train = X_train.astype(np.float32)
    report = make_report((X, X_train, X_holdout))
    assert (report.distance_to_train[:5] == 0).all()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_values_far_from_all_others_give_no_nan(which):
    sets = make_sets()
    sets[which][0] = 1e300
    report = make_report(sets)
    assert np.isfinite(list(report.observed.values())).all()
    assert np.isfinite(report.distance_to_train).all()


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_series_pass(length):
    assert make_report(make_sets(length=length)).max_lag == 0


# errors


NAMES = ["X_synthetic", "X_train", "X_holdout"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("bad", "words"),
    [(np.zeros((9, 24)), "must hold at least 10"), (np.full((20, 24), np.nan), "NaN")],
)
def test_bad_sets_are_named(name, bad, words):
    sets = dict(zip(NAMES, make_sets(), strict=True)) | {name: bad}
    with pytest.raises(ValueError, match=f"{name} .*{words}"):
        make_report(sets.values())


def test_ten_series_in_each_set_are_enough():
    make_report(make_sets(n=10))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_frames_must_have_the_same_columns(place):
    sets = [
        pd.DataFrame(np.random.default_rng(k).normal(size=(30, 4))) for k in (0, 1, 2)
    ]
    memorization_report(*sets, random_state=0)
    sets[place] = sets[place][[3, 2, 1, 0]]
    with pytest.raises(ValueError, match="must have the columns of X_"):
        memorization_report(*sets, random_state=0)


def test_shapes_must_match():
    sets = make_sets()
    with pytest.raises(ValueError, match="same time steps and channels"):
        make_report((sets[0][:, :-1], *sets[1:]))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"max_lag": -1}, ValueError, "max_lag"),
        ({"max_lag": 13}, ValueError, "at most half of the 24"),
        ({"max_lag": 2.0}, TypeError, "max_lag"),
        ({"n_permutations": 298}, ValueError, r"at least 3 / level - 1 = 299"),
        ({"n_permutations": 1e3}, TypeError, "n_permutations"),
        ({"level": 0}, ValueError, "between 0 and 1"),
        ({"level": 1.0}, ValueError, "between 0 and 1"),
        ({"level": "low"}, ValueError, "between 0 and 1"),
        ({"random_state": "a"}, ValueError, "seed"),
    ],
)
def test_bad_options_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        make_report(**options)


@pytest.mark.parametrize(
    ("level", "least"), [(0.01, 299), (0.05, 59), (0.1, 29), (0.001, 2999), (0.3, 9)]
)
def test_the_least_permutations_reach_the_level(level, least):
    report = make_report(make_sets(n_copies=60), level=level, n_permutations=least)
    assert report.memorizes
    with pytest.raises(ValueError, match=f"= {least}"):
        make_report(level=level, n_permutations=least - 1)


# words


def test_the_text_of_copies():
    report = make_report(make_sets(n_copies=12, shift=3))
    text = str(report)
    assert "60 synthetic series beside 60 training and 60 unseen ones" in text
    assert f"Memorised, p = {report.p_value:.2g}" in text
    assert "3 steps earlier" in text
    assert max(map(len, text.splitlines())) <= 88
    last = text[text.index("Memorised") :]
    assert "This is no guarantee of privacy" in last
    assert "(arXiv 2505.01524)" in last


def test_the_text_without_copies_says_what_cannot_show():
    report = make_report(make_sets(n=100, n_holdout=50))
    assert "Memorised" not in str(report)
    assert report.verdict.startswith("No memorisation found")
    assert "Copies of fewer than 12 training" in report.verdict  # (2/3)^12 < 0.01


def test_the_text_says_what_was_searched():
    sets = make_sets()
    words = " ".join(str(make_report(sets, max_lag=2)).split())
    assert "shifts of more than 2 steps, rescaled series" in words
    assert "rescaled" not in str(make_report(sets, ignore_scale=True))


def test_the_short_text_is_one_line():
    text = repr(make_report(make_sets(n_copies=12)))
    assert text.startswith("MemorizationReport(memorizes=True, p_value=0.0")
    assert "\n" not in text


def test_a_report_cannot_be_changed():
    with pytest.raises(AttributeError):
        make_report().level = 0.5


# pictures


@pytest.fixture(scope="module")
def report():
    pytest.importorskip("matplotlib")
    return make_report(make_sets(n_copies=12))


def offsets(ax):
    """Points of each cloud of a scatter plot."""
    return [np.asarray(cloud.get_offsets()) for cloud in ax.collections]


def test_points_are_the_distances_with_suspects_apart(report):
    others, suspects = offsets(report.plot()[0])
    points = np.stack([report.distance_to_train, report.distance_to_holdout], axis=1)
    np.testing.assert_allclose(suspects, points[np.sort(report.suspects)])
    assert len(others) == 60 - len(suspects)


def test_bars_count_all_ratios_in_view(report):
    ax = plot_memorization_report(report)[1]
    bars, others = ax.containers[:2]
    low, high = ax.get_xlim()
    ratio = report.nearest_ratio
    inside = ((ratio >= low) & (ratio <= high)).sum()
    assert sum(bar.get_height() for bar in bars) == len(report.suspects)
    assert sum(bar.get_height() for bar in (*bars, *others)) == inside


def test_the_region_of_copies_ends_at_the_threshold(report):
    (region,) = [p for p in report.plot()[0].patches if p.get_alpha() == 0.1]
    x, y = region.get_xy()[1]
    assert x / y == pytest.approx(report.copy_threshold)


def test_the_outline_counts_mirrored_ratios(report):
    from matplotlib.patches import StepPatch

    ax = report.plot()[1]
    (outline,) = [p for p in ax.patches if isinstance(p, StepPatch)]
    values, edges, _ = outline.get_data()
    mirrored = 1 / report.nearest_ratio
    assert values.sum() == ((mirrored >= edges[0]) & (mirrored <= edges[-1])).sum()


def test_pictures_go_where_they_are_told(report):
    from matplotlib.figure import Figure

    axes = Figure().subplots(2, 1, squeeze=False)
    assert report.plot(axes=axes).shape == (2, 1)
    assert axes[0, 0].get_title(loc="left")
    with pytest.raises(ValueError, match="2 panels"):
        report.plot(axes=axes[:1])


def test_only_reports_are_drawn():
    with pytest.raises(TypeError, match="must be a MemorizationReport"):
        plot_memorization_report({})


@pytest.mark.parametrize("kind", ["equal", "exact", "unseen", "unequal"])
def test_extremes_can_be_drawn(tmp_path, kind):
    pytest.importorskip("matplotlib")
    X, X_train, X_holdout = make_sets(n=40, n_holdout=20)
    if kind == "equal":
        X, X_train, X_holdout = np.full((3, 12, 4), 2.0)
    elif kind == "exact":
        X = X_train
    elif kind == "unseen":
        X = X_holdout
    axes = make_report((X, X_train, X_holdout)).plot()
    axes[0].figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000
