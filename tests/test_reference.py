import pickle

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import estimator_checks_generator

from tsgen.exceptions import ConstantInputWarning
from tsgen.metrics import sliced_wasserstein_distance, spread_ratio
from tsgen.reference import BlockBootstrapGenerator, GaussianGenerator

GENERATORS = [BlockBootstrapGenerator(), GaussianGenerator()]
every_generator = pytest.mark.parametrize("generator", GENERATORS, ids=str)


@pytest.fixture
def X():
    """Random walks of two channels with very different units."""
    steps = np.random.default_rng(0).normal(size=(60, 8, 2))
    return steps.cumsum(axis=1) * [1e-3, 1e6] + [5, 1e7]


# the contract of scikit-learn


CHECKS = [
    pytest.param(
        generator, check, id=f"{type(generator).__name__}-{check.func.__name__}"
    )
    for generator in GENERATORS
    for generator, check in estimator_checks_generator(generator)
]


@pytest.mark.foreign_draws
@pytest.mark.parametrize(("generator", "check"), CHECKS)
def test_a_check_of_scikit_learn_passes(generator, check):
    check(generator)


def test_scikit_learn_checks_more_than_a_name():
    assert len(CHECKS) > 2 * 30


@every_generator
def test_it_is_a_density_estimator_for_three_dimensions(generator):
    tags = generator.__sklearn_tags__()
    assert tags.estimator_type == "density_estimator"
    assert tags.input_tags.three_d_array


def test_the_gaussian_can_be_cross_validated(X):
    scores = cross_val_score(GaussianGenerator(), X, cv=3)
    assert np.isfinite(scores).all()


def test_the_bootstrap_offers_no_score():
    assert not hasattr(BlockBootstrapGenerator(), "score")


# closed form


def test_the_score_is_the_log_density_of_a_normal_law():
    mean, covariance = [3.0, -1e4], [[4.0, 30.0], [30.0, 900.0]]
    law = multivariate_normal(mean, covariance)
    X = law.rvs(20_000, random_state=0)
    generator = GaussianGenerator().fit(X)
    expected = law.logpdf(X[:50])
    np.testing.assert_allclose(generator.score_samples(X[:50]), expected, atol=0.1)


def test_the_score_is_the_mean_of_the_scores_of_the_series(X):
    generator = GaussianGenerator().fit(X)
    assert generator.score(X) == pytest.approx(generator.score_samples(X).mean())


def test_changing_the_unit_shifts_the_score_by_its_logarithm(X):
    plain = GaussianGenerator().fit(X).score(X)
    larger = GaussianGenerator().fit(1000 * X).score(1000 * X)
    assert larger == pytest.approx(plain - X[0].size * np.log(1000))


def test_each_block_of_a_bootstrap_is_a_block_of_a_training_series(X):
    samples = BlockBootstrapGenerator(n_blocks=4).fit(X).sample(30)
    for block in (slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8)):
        known = {series.tobytes() for series in X[:, block]}
        assert {series.tobytes() for series in samples[:, block]} <= known


def test_one_block_gives_training_series(X):
    samples = BlockBootstrapGenerator(n_blocks=1).fit(X).sample(30)
    known = {series.tobytes() for series in X}
    assert {series.tobytes() for series in samples} <= known


def test_more_blocks_than_steps_mean_one_step_each(X):
    many, each = (
        BlockBootstrapGenerator(n_blocks, random_state=0).fit(X).sample(5)
        for n_blocks in (99, 8)
    )
    np.testing.assert_array_equal(many, each)


# property of a family


@every_generator
def test_samples_have_the_shape_of_the_series(generator, X):
    assert clone(generator).fit(X).sample(7).shape == (7, 8, 2)


@every_generator
def test_two_dimensions_in_give_two_dimensions_out(generator, X):
    assert clone(generator).fit(X[:, :, 0]).sample(7).shape == (7, 8)


@every_generator
def test_no_samples_are_an_empty_array_of_the_right_shape(generator, X):
    assert clone(generator).fit(X).sample(0).shape == (0, 8, 2)


@every_generator
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_have_the_dtype_of_the_series(generator, dtype, X):
    assert clone(generator).fit(X.astype(dtype)).sample(3).dtype == dtype


@every_generator
def test_few_samples_are_the_head_of_many(generator, X):
    generator = clone(generator).fit(X)
    few, many = (generator.sample(n, random_state=3) for n in (7, 20))
    np.testing.assert_allclose(few, many[:7], rtol=1e-12)


@every_generator
def test_a_seed_in_the_constructor_gives_the_same_samples_every_time(generator, X):
    generator = clone(generator).set_params(random_state=1).fit(X)
    np.testing.assert_array_equal(generator.sample(5), generator.sample(5))


@every_generator
def test_a_seed_in_the_call_overrides_that_of_the_constructor(generator, X):
    generator = clone(generator).set_params(random_state=1).fit(X)
    seeded = generator.sample(5, random_state=2)
    np.testing.assert_array_equal(seeded, generator.sample(5, random_state=2))
    assert not np.array_equal(seeded, generator.sample(5))


@every_generator
@pytest.mark.parametrize("random_state", [None, np.random.default_rng(0)])
def test_without_an_int_every_call_draws_anew(generator, random_state, X):
    generator = clone(generator).fit(X)
    first, second = (generator.sample(5, random_state=random_state) for _ in range(2))
    assert not np.array_equal(first, second)


@every_generator
def test_fitting_does_not_change_or_keep_the_series(generator, X):
    before = X.copy()
    generator = clone(generator).fit(X)
    np.testing.assert_array_equal(X, before)
    samples = generator.sample(5, random_state=0)
    X[:] = 0
    np.testing.assert_array_equal(generator.sample(5, random_state=0), samples)


@every_generator
def test_the_global_random_state_is_left_alone(generator, X):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (the global state itself)
    clone(generator).fit(X).sample(5)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@every_generator
def test_a_channel_that_is_constant_keeps_its_constant(generator, X):
    X[:, :, 0] = 0.1
    samples = clone(generator).fit(X).sample(20)
    assert (samples[:, :, 0] == 0.1).all()


def test_a_constant_channel_does_not_change_the_score(X):
    more = np.concatenate([X, np.full_like(X, 0.1)], axis=2)
    alone, beside = (GaussianGenerator().fit(part).score(part) for part in (X, more))
    assert beside == pytest.approx(alone)


def test_series_that_are_all_equal_are_repeated_with_a_warning():
    X = np.tile([[1.0, 2.0, 3.0]], (5, 1))
    with pytest.warns(ConstantInputWarning):
        generator = GaussianGenerator().fit(X)
    np.testing.assert_array_equal(generator.sample(2), X[:2])
    assert generator.score(X) == 0


@pytest.mark.parametrize("n_series", [2, 3, 5])
def test_the_gaussian_takes_fewer_series_than_values(n_series):
    X = np.random.default_rng(0).normal(size=(n_series, 40, 3))
    generator = GaussianGenerator().fit(X)
    assert np.isfinite(generator.sample(5)).all()
    assert np.isfinite(generator.score(X))


def test_noise_does_not_repeat_series_drawn_from_the_same_seed():
    X = np.random.default_rng(0).normal(size=(300, 4))
    samples = GaussianGenerator().fit(X).sample(300, random_state=0)
    assert abs(np.corrcoef(X.ravel(), samples.ravel())[0, 1]) < 0.15


# identity


@every_generator
def test_a_pickled_generator_gives_the_same_samples(generator, X):
    generator = clone(generator).fit(X)
    restored = pickle.loads(pickle.dumps(generator))
    np.testing.assert_array_equal(
        restored.sample(5, random_state=0), generator.sample(5, random_state=0)
    )


# recovery


def test_the_gaussian_recovers_mean_and_covariance(X):
    samples = GaussianGenerator(random_state=0).fit(X).sample(20_000)
    assert spread_ratio(X, samples) == pytest.approx(1, abs=0.02)
    correlations = [np.corrcoef(part.reshape(len(part), -1).T) for part in (X, samples)]
    np.testing.assert_allclose(*correlations, atol=0.1)


def test_the_bootstrap_keeps_each_step_and_breaks_what_spans_blocks(X):
    samples = BlockBootstrapGenerator(n_blocks=2, random_state=0).fit(X).sample(5000)
    within, across = (
        np.corrcoef(samples[:, first, 0], samples[:, second, 0])[0, 1]
        for first, second in ((2, 3), (3, 4))
    )
    assert within > 0.8
    assert abs(across) < 0.1
    assert spread_ratio(X, samples) == pytest.approx(1, abs=0.05)


def test_the_gaussian_beats_the_bootstrap_on_random_walks():
    X, held_out = np.random.default_rng(0).normal(size=(2, 500, 12, 2)).cumsum(axis=2)
    gaussian, bootstrap = (
        sliced_wasserstein_distance(
            held_out,
            clone(generator).fit(X).sample(500, random_state=0),
            random_state=0,
        )
        for generator in (GaussianGenerator(), BlockBootstrapGenerator(n_blocks=6))
    )
    assert gaussian < bootstrap


# refusals


def test_the_gaussian_refuses_a_single_series(X):
    generator = GaussianGenerator(random_state=0).fit(X)
    before = generator.sample(3)
    with pytest.raises(ValueError, match="GaussianGenerator needs at least 2 series"):
        generator.fit(X[:1, :2])
    np.testing.assert_array_equal(generator.sample(3), before)


@pytest.mark.parametrize(("bad", "error"), [(0, ValueError), (2.5, TypeError)])
def test_a_number_of_blocks_that_is_no_count_is_refused(bad, error, X):
    with pytest.raises(error, match="n_blocks must be an integer"):
        BlockBootstrapGenerator(n_blocks=bad).fit(X)


@every_generator
@pytest.mark.parametrize(("bad", "error"), [(-1, ValueError), (2.5, TypeError)])
def test_a_number_of_samples_that_is_no_count_is_refused(generator, bad, error, X):
    with pytest.raises(error, match="n_samples must be an integer"):
        clone(generator).fit(X).sample(bad)


@every_generator
def test_sampling_before_fitting_is_refused(generator):
    with pytest.raises(NotFittedError):
        clone(generator).sample()


def test_scoring_another_number_of_channels_is_refused(X):
    with pytest.raises(ValueError, match="n_channels = 1"):
        GaussianGenerator().fit(X).score(X[:, :, :1])


@pytest.mark.parametrize("make", [BlockBootstrapGenerator, GaussianGenerator])
def test_a_frame_and_a_tensor_come_back_as_such(make):
    pandas, torch = pytest.importorskip("pandas"), pytest.importorskip("torch")
    X = np.random.default_rng(0).normal(size=(20, 5, 2))
    index = pandas.MultiIndex.from_product([range(20), range(5)], names=["who", "t"])
    frame = pandas.DataFrame(X.reshape(-1, 2), index=index, columns=["a", "b"])
    drawn = make(random_state=0).fit(frame).sample(3)
    assert drawn.index.names == ["who", "t"]
    assert list(drawn.columns) == ["a", "b"]
    drawn = make(random_state=0).fit(torch.from_numpy(X)).sample(3)
    assert drawn.shape == (3, 5, 2)
    assert drawn.dtype == torch.float64
