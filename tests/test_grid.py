"""Values of a grid, such as whole numbers: found in training, and drawn so."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tsgen import LatentDiffusionGenerator, StablePosteriorGenerator
from tsgen._grid import Grid
from tsgen._recurrence import Recurrence

OPTIONS = {
    "hidden_size": 16,
    "max_iter": 3,
    "prior_max_iter": 3,
    "check_collapse": False,
    "random_state": 0,
}


@pytest.fixture
def pulse():
    """Return whole numbers, as floats: (100, 8, 1)."""
    return np.random.default_rng(0).normal(70, 9, size=(100, 8, 1)).round()


@pytest.fixture
def mixed(pulse):
    """Return whole numbers, tenths with gaps, and anything: (100, 8, 3)."""
    rng = np.random.default_rng(1)
    tenths = rng.normal(37, 0.4, size=pulse.shape).round(1)
    tenths[rng.random(pulse.shape) < 0.2] = np.nan
    return np.concatenate([pulse, tenths, rng.normal(size=pulse.shape)], axis=2)


def is_whole(X):
    return (np.round(X) == X).all()


@pytest.mark.parametrize(
    ("change", "spacing"),
    [
        (np.copy, 1.0),
        (lambda x: x / 10, 0.1),
        (lambda x: (x / 10).astype(np.float32).astype(float), 0.1),
        (lambda x: 5 * x + 2, 5.0),
        (lambda x: x / 4 + 0.125, 0.25),
        (lambda x: -x, 1.0),
        (lambda x: x / 3, 1 / 3),
        (lambda x: x + 1e9, 1.0),
        (lambda x: x * 1e298, 1e298),
        (lambda x: x * 1e-300, 1e-300),
        (lambda x: np.where(x > 75, 1.0, 0.0), 1.0),
        (lambda x: np.where(x % 2, x, np.nan), 2.0),
        (lambda x: np.where(x > 75, 2.0, np.where(x > 65, 5.0, 0.0)), 1.0),
    ],
)
def test_what_is_evenly_spaced_has_a_grid(pulse, change, spacing):
    X = change(pulse)
    grid = Grid.of(X)
    assert_allclose(grid.spacings, [spacing], rtol=1e-7)
    assert_allclose(grid.nearest(X), X, rtol=1e-7)
    shifted = X + 0.2 * spacing
    if spacing in (0.1, 0.25, 1.0, 5.0) and X.max() < 1e8:
        assert_array_equal(grid.nearest(shifted), np.round(X, 3))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.random.default_rng(2).normal(size=x.shape),
        lambda x: np.random.default_rng(2).normal(size=x.shape).astype(np.float32),
        lambda x: np.where(np.arange(8)[:, None] == 3, x + np.pi / 1e5, x),
        lambda x: x[:2],  # few
        lambda x: 0 * x + 3.0,  # constant
        lambda x: np.where(x > 90, 1e8, x),  # too fine for the others
    ],
)
def test_nothing_else_has_one(pulse, change):
    X = np.array(change(pulse), float)
    grid = Grid.of(X)
    assert grid.spacings.tolist() == [0.0]
    assert_array_equal(grid.nearest(X + 0.1), X + 0.1)


def test_one_value_beside_the_others_is_seen_wherever_it_is(pulse):
    X = np.tile(pulse, (10, 1, 1))
    X[-1, -1] += np.pi / 10
    assert Grid.of(X).spacings.tolist() == [0.0]


def test_discrete_channels_have_none(mixed):
    assert Grid.of(mixed).spacings.tolist() == [1.0, 0.1, 0.0]
    assert Grid.of(mixed, [0]).spacings.tolist() == [0.0, 0.1, 0.0]


def test_a_negative_spacing_is_refused(mixed):
    found = Recurrence.of(mixed)
    arrays = found.arrays()
    arrays["recurrence_spacings"][0] = -1.0
    with pytest.raises(ValueError, match="spacings must not be negative"):
        Recurrence.restored(found.sizes, arrays)


@pytest.mark.parametrize("cls", [StablePosteriorGenerator, LatentDiffusionGenerator])
def test_samples_are_on_the_grid(mixed, cls, tmp_path):
    generator = cls(**OPTIONS, missing="mask").fit(mixed)
    made = generator.sample(300)
    assert is_whole(made[..., 0])
    assert np.isin(made[..., 1], np.arange(1000) / 10).all()
    assert not np.isin(made[..., 2], mixed[..., 2]).any()
    generator.save(tmp_path / "model")
    loaded = cls.load(tmp_path / "model")
    assert_array_equal(loaded.sample(300), made)
    filled = generator.impute(mixed)
    assert np.isin(filled[..., 1], np.arange(1000) / 10).all()
    assert is_whole(generator.reconstruct(mixed)[..., 0])
    prefix = np.nan_to_num(mixed[0, :3], nan=37.0)
    assert is_whole(generator.sample(5, prefix=prefix)[..., 0])


def test_changes_are_those_of_series(pulse):
    X = 70 + np.clip(pulse - 70, -2, 2).cumsum(axis=1)
    found = np.diff(StablePosteriorGenerator(**OPTIONS).fit(X).sample(300), axis=1)
    assert found.min() == -2
    assert found.max() == 2


def test_a_score_counts_the_probability_of_whole_numbers(pulse):
    scores = [
        StablePosteriorGenerator(**OPTIONS).fit(unit * pulse).score(unit * pulse)
        for unit in (1.0, 1000.0)
    ]
    assert scores[1] == pytest.approx(scores[0], rel=1e-4)
    assert scores[0] < 0


def test_a_normal_has_no_grid(pulse):
    generator = StablePosteriorGenerator(**OPTIONS, likelihood="gaussian").fit(pulse)
    assert not np.isin(generator.sample(20), pulse).any()
