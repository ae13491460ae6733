"""Ends of channels: found where they are abrupt, and not passed by samples."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tsgen import LatentDiffusionGenerator, StablePosteriorGenerator
from tsgen._ends import Ends
from tsgen._recurrence import Recurrence

OPTIONS = {
    "hidden_size": 16,
    "max_iter": 3,
    "prior_max_iter": 3,
    "check_collapse": False,
    "random_state": 0,
}
SHAPE = (2000, 8, 1)


def rng():
    return np.random.default_rng(0)


def places():
    """Return values between 122 and 150, no rarer at the ends: (2000, 8, 1)."""
    return rng().uniform(122, 150, size=SHAPE)


def margins(X, **options):
    """Tell how far below and above the values of a channel may go, in its widths."""
    low, high = np.nanmin(X), np.nanmax(X)
    ends = Ends.of(X, **options)
    found = (low - ends.lows[0]) / (high - low), (ends.highs[0] - high) / (high - low)
    assert ends.abrupt.tolist() == [float(min(found) < 0.099)]
    return found


@pytest.mark.parametrize(
    ("X", "abrupt"),
    [
        (places(), (True, True)),
        (-1e298 * places(), (True, True)),
        (1e-300 * places(), (True, True)),
        (places().astype(np.float32), (True, True)),
        (places().round(), (True, True)),
        (np.where(rng().random(SHAPE) < 0.5, np.nan, places()), (True, True)),
        (rng().exponential(size=SHAPE), (True, False)),
        (-rng().exponential(size=SHAPE), (False, True)),
        (np.minimum(rng().normal(size=SHAPE), 0.5), (False, True)),
        (rng().normal(size=SHAPE), (False, False)),
        (rng().standard_t(3, size=SHAPE), (False, False)),
        (rng().normal(size=SHAPE).cumsum(axis=1), (False, False)),
        (places()[:9], (False, False)),  # few
    ],
)
def test_ends_are_abrupt_where_values_next_to_them_are_not_rare(X, abrupt):
    for margin, is_abrupt in zip(margins(X), abrupt, strict=True):
        if is_abrupt:
            assert 0 <= margin < 0.01
        else:
            assert margin == pytest.approx(0.1)


def test_the_last_values_of_one_long_series_are_no_end():
    series = rng().normal(size=(2000, 1)).cumsum(axis=0)
    windows = np.lib.stride_tricks.sliding_window_view(series, 24, axis=0)
    assert_allclose(margins(np.moveaxis(windows, 2, 1)), (0.1, 0.1))


def test_an_end_that_recurs_is_abrupt_however_few_series_there_are():
    X = rng().exponential(size=(10, 8, 1))
    X[:, ::3] = 0.0
    assert margins(X) == pytest.approx((0.1, 0.1))
    assert margins(X, recurring=[np.array([0.0])]) == pytest.approx((0, 0.1))
    assert Recurrence.of(X).ends.lows == 0


def test_lines_end_where_those_of_training_do():
    X, lines = rng().normal(size=SHAPE), [np.array([np.nan])]
    assert margins(X, recurring=lines) == (0, 0)
    meters = np.abs(X).cumsum(axis=1)  # go on
    assert margins(meters, recurring=lines)[1] == pytest.approx(0.1)
    assert margins(-meters, recurring=lines)[0] == pytest.approx(0.1)


def test_discrete_channels_end_with_their_values():
    ends = Ends.of(places().round(), discrete=[0])
    assert (ends.lows, ends.highs, ends.abrupt) == (122, 150, 0)


def test_a_constant_channel_ends_where_it_is():
    ends = Ends.of(np.full(SHAPE, 3.5))
    assert (ends.lows, ends.highs, ends.abrupt) == (3.5, 3.5, 0)


@pytest.mark.parametrize(
    ("name", "value"), [("lows", 1e9), ("highs", -1e9), ("abrupt", 0.5)]
)
def test_ends_of_unknown_origin_are_checked(name, value):
    found = Recurrence.of(places())
    arrays = found.arrays()
    assert_array_equal(Recurrence.restored(found.sizes, arrays).ends, found.ends)
    arrays[f"recurrence_{name}"][0] = value
    with pytest.raises(ValueError, match="ends must be in order, and abrupt or not"):
        Recurrence.restored(found.sizes, arrays)


@pytest.mark.parametrize("cls", [StablePosteriorGenerator, LatentDiffusionGenerator])
def test_samples_do_not_pass_an_abrupt_end_nor_heap_up_there(cls, tmp_path):
    sizes = rng().gamma(1.0, size=SHAPE)
    counts = rng().geometric(0.3, size=SHAPE) - 1.0
    X = np.concatenate([places(), sizes, counts, rng().normal(size=SHAPE)], axis=2)
    generator = cls(**OPTIONS).fit(X)
    made = generator.sample(2000)
    ends = generator.scaler_.recurrence.ends
    assert ends.abrupt.tolist() == [1, 1, 1, 0]
    assert made[..., 0].min() >= 121.7
    assert made[..., 0].max() <= 150.3
    assert made[..., 1].min() >= -0.1
    assert made[..., 2].min() == 0
    for channel in (0, 1):
        column = made[..., channel]
        for end in (column.min(), column.max()):
            assert (column == end).sum() <= 2
    generator.save(tmp_path / "model")
    assert_array_equal(cls.load(tmp_path / "model").sample(2000), made)


def test_places_are_as_frequent_near_the_ends_as_elsewhere():
    generator = StablePosteriorGenerator(**OPTIONS | {"max_iter": 10}).fit(places())
    made = generator.sample(2000)
    counts, _ = np.histogram(made, bins=28, range=(122, 150))
    assert counts.sum() >= 0.99 * made.size
    assert counts[[0, -1]].min() > 0.6 * made.size / 28


def test_series_beyond_an_end_have_a_finite_score():
    X = places()[:500]
    generator = StablePosteriorGenerator(**OPTIONS).fit(X)
    assert generator.scaler_.recurrence.ends.abrupt == 1
    some = X[:100]
    beyond = generator.score(some + np.where(np.arange(8) == 3, 30.0, 0.0)[:, None])
    assert np.isfinite(beyond)
    assert beyond < generator.score(some) - np.log(1e3)


def test_what_new_series_pass_is_no_end_when_training_goes_on():
    X = places()[:500]
    generator = StablePosteriorGenerator(**OPTIONS, warm_start=True).fit(X)
    low, high = generator.scaler_.recurrence.ends[:2]
    generator.fit(X)
    assert generator.scaler_.recurrence.ends[:2] == (low, high)
    generator.fit(X + 5.0)
    ends = generator.scaler_.recurrence.ends
    assert (ends.lows, ends.abrupt) == (low, 1)
    assert 155 < ends.highs < 160
    made = generator.sample(2000)
    assert 150.5 < made.max() < 160
    assert made.min() > 121.7
