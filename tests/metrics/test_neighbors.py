import numpy as np
import pytest

from tsgen.metrics import _pairs, coverage, density


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def brute_force(x, y, k):
    """Both figures by definition."""
    within = np.linalg.norm(x[:, None] - x[None], axis=2)
    radii = np.sort(within, axis=1)[:, k]  # position 0 is the series itself
    inside = np.linalg.norm(x[:, None] - y[None], axis=2) <= radii[:, None]
    return inside.any(axis=1).mean(), inside.sum() / (k * len(y))


def expected_coverage(n, m, k):
    """On average, for `n` and `m` series of one law."""
    return 1 - np.prod([(n - a) / (n + m - a) for a in range(1, k + 1)])


# closed form


@pytest.mark.parametrize(("n", "m", "k"), [(30, 30, 5), (30, 12, 1), (20, 50, 3)])
def test_both_equal_their_definition(rng, n, m, k):
    X, Y = rng.normal(size=(n, 3, 2)), rng.normal(size=(m, 3, 2)) + 0.5
    expected = brute_force(X.reshape(n, 6), Y.reshape(m, 6), k)
    ours = [f(X, Y, n_neighbors=k, standardize=False) for f in (coverage, density)]
    assert ours == pytest.approx(expected)


@pytest.mark.parametrize(("n", "m", "k"), [(40, 40, 5), (40, 20, 2), (20, 60, 1)])
def test_equal_laws_have_the_known_expectation(rng, n, m, k):
    draws = [(rng.normal(size=(n, 3)), rng.normal(size=(m, 3))) for _ in range(150)]
    covered = [coverage(X, Y, n_neighbors=k) for X, Y in draws]
    dense = [density(X, Y, n_neighbors=k, standardize=False) for X, Y in draws]
    for values, mean in ((covered, expected_coverage(n, m, k)), (dense, 1)):
        assert abs(np.mean(values) - mean) < 4 * np.std(values) / np.sqrt(150)


def test_copies_cover_everything(rng):
    X = rng.normal(size=(30, 3))
    assert coverage(X, X) == 1


def test_equal_series_lie_in_the_balls_of_each_other(rng):
    X = ((rng.random((200, 12, 2)) < 0.03) * 0.1).repeat(2, axis=0)
    assert coverage(X, X.copy()) == 1
    within = np.linalg.norm(X.reshape(400, 1, 24) - X.reshape(1, 400, 24), axis=2)
    radii = np.sort(within, axis=1)[:, 5]
    expected = (within <= radii[:, None] + 1e-9).sum() / (5 * 400)
    ours = density(X, X.copy(), standardize=False)
    assert ours == pytest.approx(expected)


# property of a family


@pytest.mark.parametrize("metric", [coverage, density])
def test_chunks_do_not_change_the_result(metric, rng, monkeypatch):
    X, Y = rng.normal(size=(30, 4)), rng.normal(size=(23, 4))
    whole = metric(X, Y)
    monkeypatch.setattr(_pairs, "AT_ONCE", 7 * 30)
    assert metric(X, Y) == whole


def test_standardising_lets_every_channel_count(rng):
    X, Y = rng.normal(size=(2, 60, 1, 2)) * [1, 1000]
    Y[..., 0] += 10
    assert coverage(X, Y) == 0
    assert coverage(X, Y, standardize=False) > 0.5
    assert density(X, Y) == 0
    assert density(X, Y, standardize=False) > 0.5


# recovery


def test_a_mode_left_out_is_not_covered(rng):
    X = np.concatenate([rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 50])
    assert coverage(X, rng.normal(size=(200, 2))) == pytest.approx(0.5, abs=0.05)


def test_smoothed_samples_crowd_where_data_are_dense(rng):
    X, Y = rng.normal(size=(2, 200, 8))
    assert density(X, 0.3 * Y) > 1.5


# refusals


@pytest.mark.parametrize("metric", [coverage, density])
def test_more_neighbours_than_series_are_refused(metric, rng):
    X = rng.normal(size=(5, 4))
    with pytest.raises(ValueError, match="more than n_neighbors = 5"):
        metric(X, X)
    assert metric(X, X, n_neighbors=4) >= 0
    with pytest.raises(ValueError, match="n_neighbors"):
        metric(X, X, n_neighbors=0)
