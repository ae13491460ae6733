"""Values that recur: found in training, and drawn exactly."""

import numpy as np
import pytest

from tsgen import LatentDiffusionGenerator, StablePosteriorGenerator
from tsgen._recurrence import LINE_TOLERANCE, STEEP, Recurrence
from tsgen._scaling import SeriesScaler
from tsgen.nn.likelihoods import recurrence


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def X(rng):
    """Series of three channels: anything, two values that stand out, one value each."""
    X = rng.normal(size=(200, 10, 3))
    X[:, ::2, 1] = 0.0
    X[:100, 5, 1] = 3.3
    X[:, :, 2] = X[:, :1, 2]
    return X


def test_what_stands_out_recurs(X):
    found = Recurrence.of(X)
    assert found.sizes == (0, 2, 0)
    assert found.values.tolist() == [0.0, 3.3]
    np.testing.assert_allclose(found.shares, np.array([1000, 100]) / 2001)
    assert found.repeats[0] < 1e-3
    assert found.repeats[2] > 0.999


def test_repeats_and_missing_entries_do_not_recur(rng):
    X = rng.normal(size=(100, 10, 1))
    X[:, 1:5] = X[:, :1]
    X[::2, 5:] = np.nan
    assert Recurrence.of(X).sizes == (0,)


def test_what_is_kept_has_the_type_that_files_hold(X, lines):
    for found in map(Recurrence.of, (X, X[..., :1], lines)):
        merged = found.merged(found.values.astype(np.float32))
        kept = {k: (v.dtype.name, v.shape) for k, v in merged.arrays().items()}
        assert kept == Recurrence.layout(merged.sizes)


def test_discrete_channels_have_no_recurring_values(X):
    assert Recurrence.of(X, [1]).sizes == (0, 0, 0)


def test_few_series_and_single_steps_have_recurring_values(rng):
    X = np.concatenate([rng.normal(size=(30, 1, 1)), np.ones((30, 1, 1))])
    found = Recurrence.of(X)
    assert found.values.tolist() == [1.0]
    assert found.repeats.tolist() == [0.5 / 61]  # nothing says that they repeat


def test_values_that_never_follow_each_other_hardly_repeat(rng):
    X = rng.normal(size=(100, 6, 2))
    X[:, 1::2] = np.nan
    options = {"max_iter": 5, "prior_max_iter": 5, "check_collapse": False}
    generator = StablePosteriorGenerator(
        **options, missing="mask", hidden_size=16, random_state=0
    )
    assert (np.diff(generator.fit(X).sample(200), axis=1) == 0).mean() < 0.05


def test_a_value_recurs_if_it_is_common_and_frequent(rng):
    def of(n_times, n):
        column = rng.normal(size=n)
        column[rng.permutation(n)[:n_times]] = 7.0
        return Recurrence.of(column.reshape(-1, 1, 1)).sizes

    assert of(19, 100) == (0,)
    assert of(20, 100) == (1,)
    assert of(45, 1000) == (0,)
    assert of(55, 1000) == (1,)


def test_series_in_turns_are_all_looked_at(rng, monkeypatch):
    monkeypatch.setattr("tsgen._recurrence.MOST_COUNTED", 2000)
    X = rng.normal(size=(1000, 10, 1))
    X[1::2, ::2] = 0.0
    assert Recurrence.of(X).sizes == (1,)
    assert Recurrence.of(rng.normal(size=(2, 4000, 1))).sizes == (0,)


def test_values_that_are_one_in_float32_are_one(rng):
    X = rng.gamma(2.0, size=(300, 6, 1))
    X[rng.random(X.shape) < 0.5] = 0.1 + 0.2
    X[rng.random(X.shape) < 0.3] = 0.3
    scaler = SeriesScaler(recurrence=Recurrence.of(X)).fit(X)
    found = scaler.recurrence
    assert found.sizes == (1,)
    assert found.shares[0] == pytest.approx(Recurrence.of(X).shares.sum())
    assert found.values[0] == 0.3


def test_long_data_are_looked_at_in_part(X, monkeypatch):
    monkeypatch.setattr("tsgen._recurrence.MOST_COUNTED", X.size // 2)
    found = Recurrence.of(X)
    assert found.values[0] == 0.0
    assert found.shares[0] == pytest.approx(500 / 1001, rel=1e-9)  # not 1000 / 2001


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e12])
def test_recurring_values_come_back_exactly(X, unit):
    X = unit * (X + 0.1)
    scaler = SeriesScaler(recurrence=Recurrence.of(X)).fit(X)
    Z = scaler.transform(X).astype(np.float32)
    back = scaler.inverse_transform(Z)
    recurs = np.isin(X[..., 1], scaler.recurrence.values)
    assert recurs.mean() > 0.5
    assert (back[..., 1][recurs] == X[..., 1][recurs]).all()
    np.testing.assert_allclose(back, X, rtol=1e-5, atol=1e-6 * unit)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [StablePosteriorGenerator, LatentDiffusionGenerator])
def test_samples_hold_recurring_values_as_often_as_series(rng, cls):
    X = rng.gamma(2.0, size=(400, 8, 2))
    X[rng.random(X.shape) < 0.4] = 0.0
    generator = cls(
        hidden_size=16,
        latent_size=4,
        max_iter=100,
        prior_max_iter=10,
        check_collapse=False,
        random_state=0,
    )
    samples = generator.fit(X).sample(500)
    assert (samples == 0).mean() == pytest.approx(0.4, abs=0.08)
    others = np.diff(samples, axis=1)[samples[:, 1:] != 0]
    assert (others == 0).mean() < 0.05


def test_samples_do_not_pass_an_end_that_recurs(rng):
    X = rng.normal(size=(100, 6, 1)).clip(min=0.0)
    options = {"max_iter": 1, "prior_max_iter": 1, "check_collapse": False}
    one = StablePosteriorGenerator(**options, random_state=0).fit(X)
    samples = one.sample(500)
    assert samples.min() == 0.0
    assert one.model_.series_range[1, 0] > one.scaler_.transform(X).max()


def test_a_meter_does_not_step_further_than_in_training(rng):
    steps = rng.gamma(2.0, 1e-4, size=(100, 12, 2))
    X = rng.normal(size=(100, 1, 2)) + steps.cumsum(axis=1)
    options = {"max_iter": 5, "prior_max_iter": 5, "check_collapse": False}
    generator = StablePosteriorGenerator(**options, hidden_size=16, random_state=0)
    found = np.diff(generator.fit(X).sample(500), axis=1)
    longest = np.diff(X, axis=1).max()
    assert found.min() > -0.2 * longest
    assert found.max() < 1.2 * longest
    assert found.std() > 0.1 * steps.std()


def test_a_meter_that_always_rises_does_so_in_samples(rng):
    steps = rng.uniform(0.9, 1.1, size=(100, 12, 1))
    X = rng.normal(0, 3, size=(100, 1, 1)) + steps.cumsum(axis=1)
    options = {"max_iter": 5, "prior_max_iter": 5, "check_collapse": False}
    generator = StablePosteriorGenerator(**options, hidden_size=16, random_state=0)
    found = np.diff(generator.fit(X).sample(500), axis=1)
    low, high = np.diff(X, axis=1).min(), np.diff(X, axis=1).max()
    margin = 0.101 * (high - low)
    assert ((found > low - margin) & (found < high + margin)).all()
    assert np.isclose(found, found.min(), atol=1e-4).mean() < 0.2
    assert found.std() > 0.5 * steps.std()


def test_a_normal_likelihood_has_no_recurring_values(X):
    generator = StablePosteriorGenerator(
        likelihood="gaussian", max_iter=1, prior_max_iter=1, check_collapse=False
    ).fit(X)
    assert generator.scaler_.recurrence is None
    assert not (generator.sample(50) == 0.0).any()


@pytest.mark.parametrize(
    ("name", "value"), [("repeats", 0.0), ("repeats", 1.0), ("shares", 0.0)]
)
def test_impossible_shares_are_refused(X, name, value):
    found = Recurrence.of(X)
    arrays = found.arrays()
    arrays[f"recurrence_{name}"][0] = value
    with pytest.raises(ValueError, match="share"):
        Recurrence.restored(found.sizes, arrays)


@pytest.mark.parametrize("values", [[1.0, 0.0], [0.0, 0.0], [0.0, 1e308]])
def test_impossible_values_are_refused(X, values):
    scaler = SeriesScaler(recurrence=Recurrence.of(X)).fit(X)
    arrays = scaler.arrays() | {"recurrence_values": np.array(values)}
    with pytest.raises(ValueError, match="increase and be finite"):
        SeriesScaler.restored((), scaler.recurrence.sizes, arrays)


def test_shares_that_leave_nothing_are_refused(X):
    found = Recurrence.of(X)
    arrays = found.arrays()
    arrays["recurrence_shares"][:] = 0.5
    with pytest.raises(ValueError, match="leave some"):
        Recurrence.restored(found.sizes, arrays)


@pytest.fixture
def lines(rng):
    """Return series of two channels, of which the first is interpolated in fours."""
    knots = rng.normal(size=(120, 6, 2)).cumsum(axis=1)
    places = np.arange(21) / 4
    left = places.astype(int)
    share = (places - left)[:, None]
    X = (1 - share) * knots[:, left] + share * knots[:, left + (left < 5)]
    X[..., 1] += 0.1 * rng.normal(size=(120, 21))
    return X


def test_the_next_value_on_a_line_recurs(lines):
    found = Recurrence.of(lines)
    assert found.sizes == (1, 0)
    assert np.isnan(found.values).all()
    assert found.shares == pytest.approx(15 / 19, abs=0.02)  # some are flat
    merged = found.merged(found.values.astype(np.float32))
    assert merged.sizes == found.sizes
    assert merged.shares == pytest.approx(found.shares)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lines_are_found_in_any_unit_and_type(lines, unit, dtype):
    assert Recurrence.of((unit * (lines + 20)).astype(dtype)).sizes == (1, 0)


def test_some_steps_go_on_straight_by_chance_and_smooth_ones_nearly(rng):
    counts = rng.integers(0, 10, size=(300, 20, 1)).cumsum(axis=1)
    angle = np.linspace(0, 6, 240)[:, None] + rng.uniform(0, 6, size=(50, 1, 1))
    for X in (counts, np.sin(angle)):
        assert Recurrence.of(X).sizes == (0,)


def test_repeats_are_no_lines_and_recurring_values_come_first(rng):
    X = np.zeros((100, 12, 1))
    assert Recurrence.of(X + rng.normal(size=(100, 1, 1))).sizes == (0,)
    X = np.arange(12.0)[:, None] % 3 + X  # 0, 1, 2 on a line, and all of them recur
    assert Recurrence.of(X).values.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_the_share_of_lines_is_of_those_that_may_go_on(rng, missing):
    X = (
        rng.normal(size=(200, 1, 1))
        + rng.normal(size=(200, 1, 1)) * np.arange(8)[:, None]
    )
    X[rng.random(X.shape) < missing] = np.nan
    found = Recurrence.of(X)
    assert found.sizes == (1,)
    assert found.shares[0] > 0.98


def test_shares_leave_some_to_others_where_all_go_on_straight(rng):
    slope = rng.uniform(1, 2, size=(400, 1, 1))
    X = 5.0 + slope * np.arange(-1.0, 8.0)[:, None]  # all pass 5, which so recurs
    found = Recurrence.of(X)
    assert found.sizes == (2,)
    assert 0.8 < found.shares.sum() < 1


def test_lines_pass_no_gaps(lines):
    lines[:, ::3] = np.nan
    assert Recurrence.of(lines).sizes == (0, 0)


def test_a_typical_change_is_the_median_of_those_that_are_not_zero(X):
    found = Recurrence.of(X)
    changes = np.abs(np.diff(X[..., 0], axis=1))
    assert found.changes[0] == pytest.approx(np.median(changes))
    assert found.changes[2] == 0.0
    scaler = SeriesScaler(recurrence=found).fit(X)
    scaled = scaler.standardised_changes()
    assert scaled[0] == pytest.approx(found.changes[0] / X[..., 0].std())
    assert scaled[2] == 1.0  # without any


def test_a_channel_that_creeps_changes_by_what_float32_can_tell():
    X = np.arange(100_000.0).reshape(1000, 100, 1)
    scaler = SeriesScaler(recurrence=Recurrence.of(X)).fit(X)
    assert scaler.standardised_changes().tolist() == [1e-4]


def fitted(X, cls=StablePosteriorGenerator):
    options = {"max_iter": 40, "prior_max_iter": 100, "check_collapse": False}
    return cls(hidden_size=64, random_state=0, **options).fit(X)


@pytest.mark.parametrize("cls", [StablePosteriorGenerator, LatentDiffusionGenerator])
def test_samples_go_on_straight_as_often_as_series(lines, cls, tmp_path):
    generator = fitted(lines, cls)
    samples = generator.sample(300)
    bends = np.abs(np.diff(samples, 2, axis=1)) / lines.std((0, 1))
    shares = (bends < 1e-5).mean(axis=(0, 1))
    assert shares[0] == pytest.approx(15 / 19, abs=0.15)
    assert shares[1] < 0.01
    generator.save(tmp_path / "model")
    loaded = cls.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.sample(300), samples)


def test_lines_of_samples_stay_in_range_and_bend_when_those_of_series_do(lines):
    samples = fitted(lines[..., :1]).sample(300)[..., 0]
    assert samples.min() >= lines[..., 0].min() - 1e-6
    assert samples.max() <= lines[..., 0].max() + 1e-6
    bends = np.abs(np.diff(samples, 2, axis=1)) > 1e-5 * lines[..., 0].std()
    gaps = np.concatenate([np.diff(np.flatnonzero(row)) for row in bends])
    assert (gaps % 4 == 0).mean() > 0.5  # 0.2 if by chance, 1 in series


def test_held_values_of_samples_change_when_those_of_series_do(rng):
    held = rng.normal(size=(200, 8, 1)).cumsum(axis=1).repeat(3, axis=1)
    starts = rng.integers(3, size=200)
    held = np.stack([x[s : s + 21] for x, s in zip(held, starts, strict=True)])
    samples = fitted(held).sample(300)[..., 0]
    gaps = [np.diff(np.flatnonzero(row)) for row in np.diff(samples, axis=1) != 0]
    assert (np.concatenate(gaps) == 3).mean() > 0.5  # 0.15 if by chance, 1 in series


def test_a_line_has_a_probability_whatever_the_unit(lines):
    def entropy(X):
        return (
            StablePosteriorGenerator(
                max_iter=1, prior_max_iter=1, check_collapse=False, random_state=0
            )
            .fit(X)
            .score(X)
        )

    straight = lines[..., :1]
    n_others = (~np.isclose(np.diff(straight, 2, axis=1), 0)).sum() / len(lines) + 2
    gap = entropy(straight) - entropy(1000 * straight)
    assert gap == pytest.approx(n_others * np.log(1000), rel=0.05)  # flat ones are none


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lines", 0.5, "on a line"),
        ("lines", [1.0, 0.0], "on a line"),
        ("changes", -1.0, "negative"),
    ],
)
def test_impossible_lines_and_changes_are_refused(X, name, value, message):
    found = Recurrence.of(X)
    arrays = found.arrays()
    arrays[f"recurrence_{name}"][:] = value
    with pytest.raises(ValueError, match=message):
        Recurrence.restored(found.sizes, arrays)


def test_both_floors_mean_the_same_by_a_line():
    assert LINE_TOLERANCE == recurrence.LINE_TOLERANCE
    assert STEEP == recurrence.STEEP
