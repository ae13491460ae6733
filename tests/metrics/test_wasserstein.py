import numpy as np
import pytest
import scipy.stats
from scipy.optimize import linear_sum_assignment

from tsgen._random import numpy_generator
from tsgen.metrics import (
    _pairs,
    marginal_wasserstein_distance,
    max_sliced_wasserstein_distance,
    sinkhorn_divergence,
    sliced_wasserstein_distance,
    spectral_wasserstein_distance,
    spread_ratio,
    wasserstein,
    wasserstein_distance,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def points(n, *, seed, n_values=1):
    return np.random.default_rng(seed).normal(size=(n, n_values))


# closed form


def test_a_shift_of_one_value_is_its_own_distance():
    X = points(50, seed=0)
    assert sliced_wasserstein_distance(X, X + 3, standardize=False) == pytest.approx(3)


def test_a_shift_in_many_dimensions_shrinks_by_the_root_of_their_number(rng):
    X = rng.normal(size=(20, 4, 5))
    distance = sliced_wasserstein_distance(
        X, X + 1, standardize=False, n_projections=20_000, random_state=0
    )
    assert distance == pytest.approx(1, rel=0.02)  # |shift| = sqrt(20), over sqrt(20)


def test_one_dimension_equals_the_best_assignment():
    X, Y = points(30, seed=0), points(30, seed=1) * 2 + 1
    costs = (X - Y.T) ** 2
    best = np.sqrt(costs[linear_sum_assignment(costs)].mean())
    assert sliced_wasserstein_distance(X, Y, standardize=False) == pytest.approx(best)


@pytest.mark.parametrize(("n", "m"), [(2, 7), (30, 20), (16, 64), (31, 50)])
def test_unequal_sizes_equal_samples_repeated_to_one_size(n, m):
    X, Y = points(n, seed=0), points(m, seed=1)
    repeated = sliced_wasserstein_distance(
        X.repeat(m, 0), Y.repeat(n, 0), standardize=False
    )
    assert sliced_wasserstein_distance(X, Y, standardize=False) == pytest.approx(
        repeated
    )


def test_a_two_valued_sample_agrees_with_scipy():
    X, Y = np.array([[0.0], [1.0]]), np.array([[0.0], [1.0], [1.0]])
    first_power = scipy.stats.wasserstein_distance(
        X[:, 0], Y[:, 0]
    )  # gaps are 0 or 1: same square
    squared = sliced_wasserstein_distance(X, Y, standardize=False) ** 2
    assert squared == pytest.approx(first_power)


@pytest.mark.parametrize("m", [40, 55])
def test_the_result_equals_that_of_pot_on_the_same_directions(rng, m):
    ot = pytest.importorskip("ot")
    X, Y = rng.normal(size=(40, 3, 2)), rng.normal(size=(m, 3, 2)) + 0.3
    directions = wasserstein._draw_directions(25, 6, numpy_generator(5, "directions"))
    theirs = ot.sliced_wasserstein_distance(
        X.reshape(40, 6), Y.reshape(m, 6), projections=directions.T
    )
    ours = sliced_wasserstein_distance(
        X, Y, n_projections=25, standardize=False, random_state=5
    )
    assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_the_exact_distance_equals_the_best_assignment(rng, order):
    X, Y = rng.normal(size=(2, 30, 3, 2))
    costs = np.linalg.norm(X.reshape(30, 1, 6) - Y.reshape(1, 30, 6), axis=2) ** order
    best = costs[linear_sum_assignment(costs)].mean() ** (1 / order)
    ours = wasserstein_distance(X, Y, order=order, standardize=False)
    assert ours == pytest.approx(best, rel=1e-9)


def test_the_exact_distance_of_unequal_sizes_agrees_with_scipy(rng):
    X, Y = rng.normal(size=(30, 1)), rng.normal(size=(47, 1))
    ours = wasserstein_distance(X, Y, order=1, standardize=False)
    theirs = scipy.stats.wasserstein_distance(X[:, 0], Y[:, 0])
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_large_sets_approach_the_closed_form_of_gaussians(rng):
    mean, scale = np.array([1.0, -0.5]), np.array([2.0, 0.5])
    X, Y = rng.normal(size=(2, 2000, 2, 1))
    exact = np.sqrt((mean**2).sum() + ((scale - 1) ** 2).sum())
    Y = Y * scale[:, None] + mean[:, None]
    ours = wasserstein_distance(X, Y, standardize=False)
    assert ours == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (40, 25)])
def test_the_sinkhorn_divergence_equals_that_of_geomloss(rng, n, m):
    geomloss = pytest.importorskip("geomloss")
    torch = pytest.importorskip("torch")
    X, Y = rng.normal(size=(n, 3, 1)), rng.normal(size=(m, 3, 1)) * 0.8 + 0.3
    x, y = X.reshape(n, 3), Y.reshape(m, 3)
    mean_cost = ((x[:, None] - y[None]) ** 2).sum(axis=2).mean()
    loss = geomloss.SamplesLoss(
        "sinkhorn",
        blur=np.sqrt(0.3 * mean_cost / 2),
        scaling=0.999,
        backend="tensorized",
    )  # of half the squared distance, at half the epsilon
    theirs = 2 * loss(torch.tensor(x), torch.tensor(y)).item()
    ours = sinkhorn_divergence(X, Y, regularization=0.3, standardize=False)
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_little_regularisation_approaches_the_exact_distance(rng):
    X, Y = rng.normal(size=(2, 60, 2, 1))
    exact = wasserstein_distance(X, Y + 1) ** 2
    gaps = [
        abs(sinkhorn_divergence(X, Y + 1, regularization=share) - exact)
        for share in (1, 0.1, 0.01)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.02 * exact


def test_much_regularisation_leaves_the_distance_of_the_means(rng):
    X, Y = rng.normal(size=(2, 60, 2, 1))
    ours = sinkhorn_divergence(X, Y + 1, regularization=1e4, standardize=False)
    gap = (X.mean(axis=0) - Y.mean(axis=0) - 1).ravel()
    assert ours == pytest.approx(gap @ gap, rel=1e-3)


def test_marginals_of_one_value_are_the_sliced_distance(rng):
    X, Y = rng.normal(size=(40, 1)), rng.normal(size=(30, 1))
    assert marginal_wasserstein_distance(X, Y) == pytest.approx(
        sliced_wasserstein_distance(X, Y)
    )


def test_marginals_are_the_root_of_the_mean_square_of_each(rng):
    X, Y = rng.normal(size=(2, 40, 3, 2))
    single = [
        sliced_wasserstein_distance(X[:, t, [c]], Y[:, t, [c]], standardize=False)
        for t in range(3)
        for c in range(2)
    ]
    ours = marginal_wasserstein_distance(X, Y, standardize=False)
    assert ours == pytest.approx(np.sqrt(np.mean(np.square(single))))


def test_the_spectrum_sees_a_wave_as_its_amplitude(rng):
    phase = rng.uniform(0, 2 * np.pi, size=(50, 1, 1))
    wave = np.sin(phase + 2 * np.pi * np.arange(16)[:, None] / 4)
    ours = spectral_wasserstein_distance(np.zeros_like(wave), wave, standardize=False)
    at_the_wave = 0.5 * np.sqrt(16)  # all of its energy, at one of 9 frequencies
    assert ours == pytest.approx(at_the_wave / np.sqrt(9))


def test_the_largest_view_finds_the_axis_of_a_shift(rng):
    X = rng.normal(size=(300, 4, 2))
    Y = X.copy()
    Y[:, 2, 1] += 2
    ours = max_sliced_wasserstein_distance(X, Y, standardize=False, random_state=0)
    assert ours == pytest.approx(2, rel=1e-3)


@pytest.mark.parametrize("m", [40, 55])
def test_without_a_climb_the_largest_view_is_that_of_pot(rng, m):
    ot = pytest.importorskip("ot")
    X, Y = rng.normal(size=(40, 6)), rng.normal(size=(m, 6)) + 0.3
    directions = wasserstein._draw_directions(25, 6, numpy_generator(5, "directions"))
    theirs = ot.max_sliced_wasserstein_distance(X, Y, projections=directions.T)
    ours = max_sliced_wasserstein_distance(
        X, Y, n_projections=25, n_steps=0, standardize=False, random_state=5
    )
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_a_climb_never_ends_below_its_start(rng):
    X, Y = rng.normal(size=(40, 3, 2)), rng.normal(size=(55, 3, 2))
    low, high = (
        max_sliced_wasserstein_distance(X, Y, n_steps=n, random_state=0)
        for n in (0, 20)
    )
    assert high > 1.05 * low


# property of a family


def test_standardising_makes_the_units_of_a_channel_irrelevant(rng):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    units, origin = np.array([1e6, 1e-3]), np.array([5e6, 1.0])
    plain = sliced_wasserstein_distance(X, Y, random_state=0)
    converted = sliced_wasserstein_distance(
        X * units + origin, Y * units + origin, random_state=0
    )
    assert converted == pytest.approx(plain)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_extreme_units_neither_vanish_nor_overflow(unit, rng):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    plain = sliced_wasserstein_distance(X, Y, random_state=0)
    extreme = sliced_wasserstein_distance(unit * X, unit * Y, random_state=0)
    assert extreme == pytest.approx(plain)
    assert spread_ratio(unit * X, unit * Y) == pytest.approx(spread_ratio(X, Y))


def test_a_channel_that_is_constant_in_the_real_series_is_only_centred(rng):
    X = rng.normal(size=(20, 4, 2))
    X[:, :, 1] = 0.1  # its standard deviation rounds to something tiny, not to 0
    Y = X + np.array([0, 1])
    assert sliced_wasserstein_distance(X, Y, random_state=0) < 1


def test_chunks_of_projections_do_not_change_the_result(rng, monkeypatch):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    whole = sliced_wasserstein_distance(X, Y, random_state=0)
    monkeypatch.setattr(_pairs, "AT_ONCE", 7 * 60)
    assert sliced_wasserstein_distance(X, Y, random_state=0) == pytest.approx(
        whole, rel=1e-12
    )


def test_directions_do_not_coincide_with_series_drawn_from_the_same_seed():
    X, Y = points(200, seed=0, n_values=50), points(200, seed=9, n_values=50)
    same, other = (
        sliced_wasserstein_distance(X, Y, random_state=seed) for seed in (0, 1)
    )
    assert same == pytest.approx(other, rel=0.1)


def test_without_a_seed_the_directions_are_fresh(rng):
    X, Y = rng.normal(size=(2, 30, 4, 2))
    assert sliced_wasserstein_distance(X, Y) != sliced_wasserstein_distance(X, Y)


# identity


def test_a_set_has_distance_zero_from_itself(rng):
    X = rng.normal(size=(20, 4, 2))
    assert sliced_wasserstein_distance(X, X) == 0


# recovery


def test_samples_of_another_law_lie_beyond_the_floor(rng):
    X, same, other = rng.normal(size=(3, 400, 6, 2))
    floor = sliced_wasserstein_distance(X, same, random_state=0)
    assert sliced_wasserstein_distance(X, 0.5 * other, random_state=0) > 3 * floor


def test_thinning_draws_as_many_series_as_it_says(rng):
    X, Y = rng.normal(size=(2, 60, 2, 1))
    for metric in (wasserstein_distance, sinkhorn_divergence):
        thinned = metric(X, Y, max_samples=20, random_state=0)
        assert thinned == metric(X, Y, max_samples=20, random_state=0)
        assert thinned != metric(X, Y, max_samples=20, random_state=1)
        assert metric(X, Y, max_samples=None) == metric(X, Y, max_samples=60)


def test_without_regularisation_to_speak_of_the_iteration_gives_up(rng, monkeypatch):
    monkeypatch.setattr(wasserstein, "_MAX_ROUNDS", 2)
    X, Y = rng.normal(size=(2, 60, 2, 1))
    with pytest.raises(ValueError, match="regularization must be large enough"):
        sinkhorn_divergence(X, Y, regularization=1e-5)


# refusals


@pytest.mark.parametrize("regularization", [0, -1, np.nan, np.inf, "0.5", True])
def test_no_regularisation_is_refused(rng, regularization):
    with pytest.raises(ValueError, match="regularization must be a number above 0"):
        sinkhorn_divergence(*rng.normal(size=(2, 5, 4)), regularization=regularization)


def test_another_order_is_refused(rng):
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        wasserstein_distance(*rng.normal(size=(2, 5, 4)), order=3)


def test_no_directions_are_refused(rng):
    X = rng.normal(size=(5, 4, 2))
    with pytest.raises(ValueError, match="n_projections"):
        sliced_wasserstein_distance(X, X, n_projections=0)
