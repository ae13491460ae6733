import numpy as np
import pytest
import scipy.stats

from tsgen.metrics import _pairs, energy_distance, kernels, mmd


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def looped_mmd(x, y, sigma, *, biased):
    def k(a, b):
        return np.exp(-((a - b) ** 2).sum() / (2 * sigma**2))

    return looped(x, y, k, biased)


def looped(x, y, k, biased):
    """Means of a kernel over pairs, written as a double loop."""
    within = 0.0
    for z in (x, y):
        n = len(z)
        pairs = [(i, j) for i in range(n) for j in range(n) if biased or i != j]
        within += sum(k(z[i], z[j]) for i, j in pairs) / len(pairs)
    between = sum(k(a, b) for a in x for b in y) / (len(x) * len(y))
    return within - 2 * between


# closed form


@pytest.mark.parametrize("biased", [False, True])
def test_mmd_equals_a_double_loop(rng, biased):
    X, Y = rng.normal(size=(12, 3, 2)), rng.normal(size=(9, 3, 2)) + 0.4
    ours = mmd(X, Y, bandwidth=1.7, biased=biased, standardize=False)
    theirs = looped_mmd(X.reshape(12, 6), Y.reshape(9, 6), 1.7, biased=biased)
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("biased", [False, True])
def test_energy_equals_a_double_loop(rng, biased):
    X, Y = rng.normal(size=(12, 3, 2)), rng.normal(size=(9, 3, 2)) + 0.4
    theirs = looped(
        X.reshape(12, 6), Y.reshape(9, 6), lambda a, b: -np.linalg.norm(a - b), biased
    )
    ours = energy_distance(X, Y, biased=biased, standardize=False)
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_the_biased_energy_of_one_value_is_that_of_scipy(rng):
    X, Y = rng.normal(size=(30, 1)), rng.normal(size=(47, 1)) + 0.2
    ours = energy_distance(X, Y, biased=True, standardize=False)
    theirs = scipy.stats.energy_distance(X[:, 0], Y[:, 0])  # its root
    assert ours == pytest.approx(theirs**2, rel=1e-9)


def test_the_biased_energy_is_twice_that_of_geomloss(rng):
    geomloss = pytest.importorskip("geomloss")
    torch = pytest.importorskip("torch")
    x, y = rng.normal(size=(30, 6)), rng.normal(size=(20, 6)) + 0.2
    loss = geomloss.SamplesLoss("energy", backend="tensorized")
    theirs = 2 * loss(torch.tensor(x), torch.tensor(y)).item()
    theirs += 1e-4 * (1 / 30 + 1 / 20)  # it takes 1e-4 for a point's own distance
    ours = energy_distance(x, y, biased=True, standardize=False)
    assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("n_features", [None, 4000])
def test_mmd_of_gaussians_approaches_the_closed_form(rng, n_features):
    n, d, sigma, shift = 2000, 4, 1.5, 0.7
    X, Y = rng.normal(size=(2, n, d, 1))
    within = (sigma**2 / (sigma**2 + 2)) ** (d / 2)
    apart = np.exp(-d * shift**2 / (2 * (sigma**2 + 2)))
    exact = 2 * within * (1 - apart)
    ours = mmd(
        X,
        Y + shift,
        bandwidth=sigma,
        n_features=n_features,
        standardize=False,
        random_state=0,
    )
    assert ours == pytest.approx(exact, rel=0.06)


def test_two_far_points_of_energy_are_twice_their_distance():
    assert energy_distance([[0.0], [0.0]], [[5.0], [5.0]], standardize=False) == 10


def test_the_median_bandwidth_is_the_median_distance(rng):
    X, Y = rng.normal(size=(2, 40, 3))
    distances = np.linalg.norm(X[:, None] - X[None], axis=2)[np.triu_indices(40, 1)]
    median = float(np.median(distances))
    by_name = mmd(X, Y, standardize=False)
    assert by_name == pytest.approx(mmd(X, Y, bandwidth=median, standardize=False))
    several = [median * f for f in (0.25, 0.5, 1, 2, 4)]
    named = mmd(X, Y, bandwidth="multiple", standardize=False)
    assert named == pytest.approx(mmd(X, Y, bandwidth=several, standardize=False))
    each = [mmd(X, Y, bandwidth=b, standardize=False) for b in several]
    assert named == pytest.approx(np.mean(each))


# property of a family


@pytest.mark.parametrize("metric", [mmd, energy_distance])
def test_the_unbiased_form_is_zero_on_average(metric, rng):
    values = [metric(*rng.normal(size=(2, 30, 4))) for _ in range(200)]
    error = np.std(values) / np.sqrt(200)
    assert abs(np.mean(values)) < 4 * error
    assert np.min(values) < 0


@pytest.mark.parametrize("metric", [mmd, energy_distance])
def test_the_biased_form_is_never_negative(metric, rng):
    values = [metric(*rng.normal(size=(2, 10, 4)), biased=True) for _ in range(50)]
    assert min(values) > 0


def test_features_are_unbiased(rng):
    X, Y = rng.normal(size=(60, 4)), rng.normal(size=(50, 4)) + 0.5
    exact = mmd(X, Y, bandwidth=2.0)
    drawn = [
        mmd(X, Y, bandwidth=2.0, n_features=50, random_state=seed)
        for seed in range(200)
    ]
    error = np.std(drawn) / np.sqrt(200)
    assert abs(np.mean(drawn) - exact) < 4 * error
    assert error < 0.02 * exact


@pytest.mark.parametrize("biased", [False, True])
def test_more_features_approach_all_pairs(rng, biased):
    X, Y = rng.normal(size=(60, 4)), rng.normal(size=(50, 4)) + 0.5
    options = {"bandwidth": "multiple", "biased": biased, "random_state": 0}
    exact = mmd(X, Y, **options)
    assert mmd(X, Y, n_features=20_000, **options) == pytest.approx(exact, rel=0.03)


def test_large_sets_take_features(rng, monkeypatch):
    monkeypatch.setattr(kernels, "_MAX_EXACT", 30)
    X, Y = rng.normal(size=(2, 31, 3))
    by_features = mmd(X, Y, n_features=1000, random_state=0)
    assert mmd(X, Y, random_state=0) == by_features
    assert mmd(X[:30], Y[:30], random_state=0) == mmd(
        X[:30], Y[:30], n_features=None, random_state=0
    )


@pytest.mark.parametrize("metric", [mmd, energy_distance])
def test_chunks_do_not_change_the_result(metric, rng, monkeypatch):
    X, Y = rng.normal(size=(30, 4)), rng.normal(size=(23, 4))
    whole = metric(X, Y)
    monkeypatch.setattr(_pairs, "AT_ONCE", 7 * 30)
    assert metric(X, Y) == pytest.approx(whole, rel=1e-9)


def test_chunks_of_features_do_not_change_the_result(rng, monkeypatch):
    X, Y = rng.normal(size=(30, 4)), rng.normal(size=(23, 4))
    whole = mmd(X, Y, n_features=20, random_state=0)
    monkeypatch.setattr(_pairs, "AT_ONCE", 7 * 20)
    parts = mmd(X, Y, n_features=20, random_state=0)
    assert parts == pytest.approx(whole, rel=1e-9)


def test_the_median_of_many_series_is_that_of_some(rng, monkeypatch):
    monkeypatch.setattr(kernels, "_N_FOR_MEDIAN", 20)
    X, Y = rng.normal(size=(2, 40, 3))
    first, again, other = (mmd(X, Y, random_state=seed) for seed in (0, 0, 1))
    assert first == again != other


# refusals


@pytest.mark.parametrize(
    "bandwidth", [0, -1.0, np.nan, np.inf, [], [1, 0], "mean", [[1.0]], True, {1: 2}]
)
def test_a_bandwidth_that_is_none_is_refused(rng, bandwidth):
    with pytest.raises(ValueError, match="bandwidth must be"):
        mmd(*rng.normal(size=(2, 5, 4)), bandwidth=bandwidth)


def test_equal_series_have_no_median_distance():
    with pytest.raises(ValueError, match="bandwidth cannot follow"):
        mmd(np.ones((5, 4)), np.ones((5, 4)))
    assert mmd(np.ones((5, 4)), np.ones((5, 4)), bandwidth=1.0) == 0


@pytest.mark.parametrize("n_features", [0, -3])
def test_no_features_are_refused(rng, n_features):
    with pytest.raises(ValueError, match="n_features"):
        mmd(*rng.normal(size=(2, 5, 4)), n_features=n_features)


@pytest.mark.parametrize("n_features", ["all", 1.5])
def test_features_that_are_no_count_are_refused(rng, n_features):
    with pytest.raises(TypeError, match="n_features"):
        mmd(*rng.normal(size=(2, 5, 4)), n_features=n_features)
