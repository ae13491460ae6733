"""Distances of embeddings: closed forms, order of defects, options, refusals."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from tsgen.metrics.embedding import context_fid, frechet_distance
from tsgen.nn import critics

QUICK = {"n_iterations": 20, "embedding_size": 32, "random_state": 0}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def noise(rng):
    X = rng.normal(size=(2, 60, 6, 2))
    X.flags.writeable = False
    return X


def covariance(rng, n_features, rank):
    factor = rng.normal(size=(n_features, rank))
    return factor @ factor.T


# frechet_distance


def test_one_dimension_has_a_closed_form():
    distance = frechet_distance([1.0], [[4.0]], [3.0], [[9.0]])
    assert distance == pytest.approx((1 - 3) ** 2 + (2 - 3) ** 2)


def test_full_rank_agrees_with_the_root_of_a_product(rng):
    A, B = covariance(rng, 5, 8), covariance(rng, 5, 8)
    mu, nu = rng.normal(size=(2, 5))
    expected = ((mu - nu) ** 2).sum() + np.trace(A + B - 2 * sqrtm(A @ B).real)
    assert frechet_distance(mu, A, nu, B) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rank", [1, 4, 20])
def test_a_law_is_at_distance_zero_from_itself(rank, rng):
    A, mu = 1e4 * covariance(rng, 20, rank), rng.normal(size=20)
    distance = frechet_distance(mu, A, mu, A)
    assert 0 <= distance < 1e-10 * np.trace(A)


def test_singular_laws_on_different_axes_do_not_overlap():
    A, B = np.diag([4.0, 0.0]), np.diag([0.0, 9.0])
    assert frechet_distance([0, 0], A, [0, 0], B) == pytest.approx(13)


def test_the_distance_is_symmetric_and_does_not_turn_with_the_axes(rng):
    A, B = covariance(rng, 6, 3), covariance(rng, 6, 4)
    mu, nu = rng.normal(size=(2, 6))
    Q = ortho_group.rvs(6, random_state=rng)
    plain = frechet_distance(mu, A, nu, B)
    assert frechet_distance(nu, B, mu, A) == pytest.approx(plain)
    turned = frechet_distance(Q @ mu, Q @ A @ Q.T, Q @ nu, Q @ B @ Q.T)
    assert turned == pytest.approx(plain)


def test_eigenvalues_below_zero_by_rounding_count_as_zero():
    A = np.diag([1.0, -1e-12])
    assert frechet_distance([0, 0], A, [0, 0], np.diag([1.0, 0.0])) < 1e-9


def test_moments_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="must have shapes"):
        frechet_distance([0, 0], np.eye(2), [0, 0], np.eye(3))
    with pytest.raises(ValueError, match="must have shapes"):
        frechet_distance([0, 0], np.eye(2), [0], np.eye(2))


# context_fid


def test_a_set_is_at_distance_zero_from_itself(noise):
    assert context_fid(noise[0], noise[0], **QUICK) == pytest.approx(0, abs=1e-8)


def test_larger_defects_are_farther(noise):
    X, Y = noise
    figures = [context_fid(X, Y + shift, **QUICK) for shift in (0, 0.5, 1, 2)]
    assert figures == sorted(figures)
    assert figures[3] > 4 * figures[0]


def test_the_encoder_sees_the_order_of_time(rng):
    walks = rng.normal(size=(2, 100, 12, 1)).cumsum(axis=2)
    X, Y = walks - walks.mean(axis=2, keepdims=True)
    options = {"n_iterations": 60, "embedding_size": 32, "random_state": 0}
    floor = context_fid(X, Y, **options)
    assert context_fid(X, rng.permuted(Y, axis=1), **options) > 4 * floor


@pytest.mark.parametrize("n_real", [30, 60])
def test_sizes_may_differ_either_way(n_real, noise):
    figure = context_fid(noise[0][:n_real], noise[1][: 90 - n_real], **QUICK)
    assert 0 < figure < np.inf


@pytest.mark.parametrize("shape", [(10, 1, 1), (10, 2, 1), (10, 3, 2), (12, 70, 1)])
def test_any_length_is_enough(shape, rng):
    figure = context_fid(*rng.normal(size=(2, *shape)), **QUICK)
    assert 0 <= figure < np.inf
    assert type(figure) is float


def test_two_dimensions_mean_one_channel(noise):
    flat = context_fid(noise[0][:, :, 0], noise[1][:, :, 0], **QUICK)
    assert flat == context_fid(noise[0][:, :, :1], noise[1][:, :, :1], **QUICK)


def test_the_encoder_learns_from_standardised_real_series_alone(noise, monkeypatch):
    seen = {}
    fit = critics.fit_encoder

    def spy(series, **options):
        seen.update(series=series, **options)
        return fit(series, **{**options, "n_iterations": 1})

    monkeypatch.setattr(critics, "fit_encoder", spy)
    X = 50 * noise[0] + 7
    context_fid(X, X[:20] + 3)
    expected = (X - X.mean((0, 1))) / X.std((0, 1))
    np.testing.assert_allclose(seen["series"], expected)
    options = seen["n_iterations"], seen["width"], seen["batch_size"]
    assert options == (200, 320, 8)
    context_fid(np.tile(X, (200, 1, 1)), X, embedding_size=2)
    assert seen["n_iterations"] == 600


def test_units_do_not_matter(noise):
    plain = context_fid(*noise, **QUICK)
    large = context_fid(*(1e200 * side for side in noise), **QUICK)
    assert large == pytest.approx(plain, rel=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"n_iterations": 5},
        {"embedding_size": 8},
        {"batch_size": 3},
        {"random_state": 1},
    ],
)
def test_every_option_changes_the_distance(options, noise):
    plain, again, other = (
        context_fid(*noise, **{**QUICK, **extra}) for extra in ({}, {}, options)
    )
    assert plain == again != other


def test_outliers_of_a_generator_do_no_harm(noise):
    Y = noise[1].copy()
    Y[0] = 1e200
    assert context_fid(noise[0], Y, **QUICK) > 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_iterations": "many"}, 'n_iterations must be "auto" or an integer'),
        ({"n_iterations": 0}, "n_iterations must be an integer of at least 1"),
        ({"embedding_size": 0}, "embedding_size must be an integer of at least 1"),
        ({"batch_size": 1}, "batch_size must be an integer of at least 2"),
    ],
)
def test_options_out_of_range_are_refused(options, message, noise):
    with pytest.raises(ValueError, match=message):
        context_fid(*noise, **options)


def test_bad_series_are_refused_by_name(noise):
    X, Y = noise
    with pytest.raises(ValueError, match="X_real must hold at least 10 series"):
        context_fid(X[:9], Y)
    with pytest.raises(ValueError, match="X_synthetic must hold at least 10 series"):
        context_fid(X, Y[:9])
    with pytest.raises(ValueError, match="same time steps and channels"):
        context_fid(X, Y[:, :, :1])
    with pytest.raises(ValueError, match="X_real contains NaN"):
        context_fid(X * np.nan, Y)
