import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance

from tsgen import metrics
from tsgen._random import numpy_generator
from tsgen.metrics import sliced_wasserstein, spread_ratio


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def points(n, *, seed, n_values=1):
    return np.random.default_rng(seed).normal(size=(n, n_values))


# closed form


def test_a_shift_of_one_value_is_its_own_distance():
    X = points(50, seed=0)
    assert sliced_wasserstein(X, X + 3, standardize=False) == pytest.approx(3)


def test_a_shift_in_many_dimensions_shrinks_by_the_root_of_their_number(rng):
    X = rng.normal(size=(20, 4, 5))
    distance = sliced_wasserstein(
        X, X + 1, standardize=False, n_projections=20_000, random_state=0
    )
    assert distance == pytest.approx(1, rel=0.02)  # |shift| = sqrt(20), over sqrt(20)


def test_one_dimension_equals_the_best_assignment():
    X, Y = points(30, seed=0), points(30, seed=1) * 2 + 1
    costs = (X - Y.T) ** 2
    best = np.sqrt(costs[linear_sum_assignment(costs)].mean())
    assert sliced_wasserstein(X, Y, standardize=False) == pytest.approx(best)


@pytest.mark.parametrize(("n", "m"), [(1, 7), (30, 20), (16, 64), (31, 50)])
def test_unequal_sizes_equal_samples_repeated_to_one_size(n, m):
    X, Y = points(n, seed=0), points(m, seed=1)
    repeated = sliced_wasserstein(X.repeat(m, 0), Y.repeat(n, 0), standardize=False)
    assert sliced_wasserstein(X, Y, standardize=False) == pytest.approx(repeated)


def test_a_two_valued_sample_agrees_with_scipy():
    X, Y = np.array([[0.0], [1.0]]), np.array([[0.0], [1.0], [1.0]])
    first_power = wasserstein_distance(X[:, 0], Y[:, 0])  # gaps are 0 or 1: same square
    squared = sliced_wasserstein(X, Y, standardize=False) ** 2
    assert squared == pytest.approx(first_power)


@pytest.mark.parametrize("m", [40, 55])
def test_the_result_equals_that_of_pot_on_the_same_directions(rng, m):
    ot = pytest.importorskip("ot")
    X, Y = rng.normal(size=(40, 3, 2)), rng.normal(size=(m, 3, 2)) + 0.3
    directions = metrics._draw_directions(25, 6, numpy_generator(5, "directions"))
    theirs = ot.sliced_wasserstein_distance(
        X.reshape(40, 6), Y.reshape(m, 6), projections=directions.T
    )
    ours = sliced_wasserstein(X, Y, n_projections=25, standardize=False, random_state=5)
    assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 2.0])
def test_the_spread_ratio_is_the_factor_of_the_spread(rng, factor):
    X = rng.normal(size=(20, 4, 2)) * [1, 100]
    assert spread_ratio(X, 7 + factor * X) == pytest.approx(factor)


# property of a family


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 12), m=st.integers(1, 12), seed=st.integers(0, 99))
def test_the_distance_is_symmetric_without_scaling(n, m, seed):
    X, Y = points(n, seed=seed, n_values=3), points(m, seed=seed + 1, n_values=3)
    there = sliced_wasserstein(X, Y, standardize=False, random_state=0)
    back = sliced_wasserstein(Y, X, standardize=False, random_state=0)
    assert there == pytest.approx(back)


def test_standardising_makes_the_units_of_a_channel_irrelevant(rng):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    units, origin = np.array([1e6, 1e-3]), np.array([5e6, 1.0])
    plain = sliced_wasserstein(X, Y, random_state=0)
    converted = sliced_wasserstein(
        X * units + origin, Y * units + origin, random_state=0
    )
    assert converted == pytest.approx(plain)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_extreme_units_neither_vanish_nor_overflow(unit, rng):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    plain = sliced_wasserstein(X, Y, random_state=0)
    extreme = sliced_wasserstein(unit * X, unit * Y, random_state=0)
    assert extreme == pytest.approx(plain)
    assert spread_ratio(unit * X, unit * Y) == pytest.approx(spread_ratio(X, Y))


def test_a_channel_that_is_constant_in_the_real_series_is_only_centred(rng):
    X = rng.normal(size=(20, 4, 2))
    X[:, :, 1] = 0.1  # its standard deviation rounds to something tiny, not to 0
    Y = X + np.array([0, 1])
    assert sliced_wasserstein(X, Y, random_state=0) < 1


def test_chunks_of_projections_do_not_change_the_result(rng, monkeypatch):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    whole = sliced_wasserstein(X, Y, random_state=0)
    monkeypatch.setattr(metrics, "_MAX_PROJECTED", 7 * 60)
    assert sliced_wasserstein(X, Y, random_state=0) == pytest.approx(whole, rel=1e-12)


def test_the_order_of_the_series_does_not_matter(rng):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    shuffled = sliced_wasserstein(X[::-1], Y, random_state=0)
    assert shuffled == pytest.approx(sliced_wasserstein(X, Y, random_state=0))


def test_an_int_seed_gives_the_same_distance_every_time(rng):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    first, again = (sliced_wasserstein(X, Y, random_state=1) for _ in range(2))
    assert first == again


def test_directions_do_not_coincide_with_series_drawn_from_the_same_seed():
    X, Y = points(200, seed=0, n_values=50), points(200, seed=9, n_values=50)
    same, other = (sliced_wasserstein(X, Y, random_state=seed) for seed in (0, 1))
    assert same == pytest.approx(other, rel=0.1)


def test_without_a_seed_the_directions_are_fresh(rng):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    assert sliced_wasserstein(X, Y) != sliced_wasserstein(X, Y)


def test_the_global_random_state_is_left_alone(rng):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (the global state itself)
    sliced_wasserstein(*rng.normal(size=(2, 30, 4, 2)), random_state=0)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("metric", [sliced_wasserstein, spread_ratio])
def test_the_arguments_are_not_changed(metric, rng):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    X.flags.writeable = Y.flags.writeable = False
    metric(X, Y)


@pytest.mark.parametrize("metric", [sliced_wasserstein, spread_ratio])
def test_two_dimensions_mean_one_channel(metric, rng):
    X, Y = rng.normal(size=(2, 30, 4, 1))
    options = {"random_state": 0} if metric is sliced_wasserstein else {}
    assert metric(X[:, :, 0], Y[:, :, 0], **options) == metric(X, Y, **options)


# identity


def test_a_set_has_distance_zero_from_itself(rng):
    X = rng.normal(size=(20, 4, 2))
    assert sliced_wasserstein(X, X) == 0


def test_the_spread_ratio_of_a_set_with_itself_is_one(rng):
    X = rng.normal(size=(20, 4, 2))
    assert spread_ratio(X, X) == pytest.approx(1)


def test_steps_that_are_constant_in_the_real_series_do_not_count(rng):
    X = rng.normal(size=(20, 4, 2))
    X[:, :2, 0] = 0.1
    Y = X.copy()
    Y[:, :2, 0] = rng.normal(size=(20, 2))
    assert spread_ratio(X, Y) == pytest.approx(1)


# recovery


def test_samples_of_another_law_lie_beyond_the_floor(rng):
    X, same, other = rng.normal(size=(3, 400, 6, 2))
    floor = sliced_wasserstein(X, same, random_state=0)
    assert sliced_wasserstein(X, 0.5 * other, random_state=0) > 3 * floor


def test_a_mean_for_every_sample_is_seen_as_collapse(rng):
    X = rng.normal(size=(50, 4, 2))
    assert spread_ratio(X, np.repeat(X.mean(0, keepdims=True), 50, 0)) < 1e-9


# refusals


@pytest.mark.parametrize("metric", [sliced_wasserstein, spread_ratio])
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((5, 4, 2), (5, 3, 2)), "same time steps and channels"),
        (((5, 4, 2), (5, 4, 1)), "same time steps and channels"),
        (((5, 4, 2), (5, 4, 2, 1)), "X_synthetic must have shape"),
        (((5,), (5, 4, 2)), "X_real must have shape"),
        (((5, 4, 2), (0, 4, 2)), "0 sample"),
        (((5, 0, 2), (5, 0, 2)), "empty|0 feature"),
    ],
)
def test_shapes_that_do_not_match_are_refused(metric, shapes, message):
    with pytest.raises(ValueError, match=message):
        metric(*(np.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("metric", [sliced_wasserstein, spread_ratio])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_by_name(metric, value, rng):
    X = rng.normal(size=(5, 4, 2))
    Y = X.copy()
    Y[0, 0, 0] = value
    with pytest.raises(ValueError, match="X_synthetic contains"):
        metric(X, Y)


def test_no_directions_are_refused(rng):
    X = rng.normal(size=(5, 4, 2))
    with pytest.raises(ValueError, match="n_projections"):
        sliced_wasserstein(X, X, n_projections=0)


def test_equal_real_series_have_no_spread_ratio(rng):
    with pytest.raises(ValueError, match="X_real must vary"):
        spread_ratio(np.full((5, 4, 2), 0.1), rng.normal(size=(5, 4, 2)))
