"""What every metric must hold, those that train a network apart (see their files)."""

import inspect

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import SETTINGS
from tsgen import metrics
from tsgen.metrics._catalogue import NAMES, resolve

LEARNED = (
    "classifier_two_sample_test",
    "context_fid",
    "discriminative_score",
    "predictive_score",
)
DEFINED = {name: getattr(metrics, name) for name in NAMES if name not in LEARNED}
DISTANCES = [
    name for name in DEFINED if name not in ("coverage", "density", "spread_ratio")
]
CLIMBS = {"max_sliced_wasserstein_distance": 1e-4}  # rounding turns its steps a little
UNIT = {"wasserstein_distance": 1, "energy_distance": 1, "sinkhorn_divergence": 2}
UNIT |= {name: 1 for name in DEFINED if name.endswith("wasserstein_distance")}
ONE_SET = {"coverage", "density", "spread_ratio", "marginal_density_difference"}
SYMMETRIC = [name for name in DEFINED if name not in ONE_SET]


def compute(name, X, Y, **options):
    known = inspect.signature(DEFINED[name]).parameters
    defaults = {"random_state": 0, **options}
    return DEFINED[name](X, Y, **{k: v for k, v in defaults.items() if k in known})


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def pair(rng):
    return rng.normal(size=(30, 4, 2)), rng.normal(size=(24, 4, 2)) * 1.2 + 0.1


def test_the_list_of_metrics_is_the_public_one():
    assert set(DEFINED) | set(LEARNED) == set(NAMES)
    assert len(DEFINED) > 13


@pytest.mark.parametrize("name", DEFINED)
def test_the_result_is_a_plain_number(name, pair):
    assert type(compute(name, *pair)) is float


@pytest.mark.parametrize("name", DISTANCES)
def test_a_set_is_at_distance_zero_from_itself(name, pair):
    options = {"biased": True, "bandwidth": 2.0}
    assert compute(name, pair[0], pair[0], **options) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize(("name", "right"), [("coverage", 1), ("spread_ratio", 1)])
def test_a_set_is_right_beside_itself(name, right, pair):
    assert compute(name, pair[0], pair[0]) == pytest.approx(right)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(2, 9), m=st.integers(2, 9), seed=st.integers(0, 99))
@pytest.mark.parametrize("name", SYMMETRIC)
def test_distances_are_symmetric_where_nothing_is_scaled(name, n, m, seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(n, 3, 2)), rng.exponential(size=(m, 3, 2))
    options = {"standardize": False, "bandwidth": 2.0}
    there, back = (compute(name, *sides, **options) for sides in ((X, Y), (Y, X)))
    assert there == pytest.approx(back, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", DEFINED)
def test_the_order_of_the_series_does_not_matter(name, pair, rng):
    shuffled = [rng.permutation(side) for side in pair]
    plain = compute(name, *pair)
    error = CLIMBS.get(name, 1e-9)
    assert compute(name, *shuffled) == pytest.approx(plain, rel=error)


@pytest.mark.parametrize("name", DEFINED)
def test_the_order_of_the_channels_does_not_matter(name, pair):
    directed = ("sliced_wasserstein_distance", "max_sliced_wasserstein_distance")
    if name in directed:
        pytest.skip("the directions are drawn per value")
    swapped = [side[..., ::-1] for side in pair]
    assert compute(name, *swapped) == pytest.approx(compute(name, *pair), rel=1e-9)


@pytest.mark.parametrize("name", DEFINED)
def test_units_do_not_matter_where_all_is_scaled(name, pair):
    units, origin = np.array([1e6, 1e-3]), np.array([5e6, 1.0])
    converted = [side * units + origin for side in pair]
    plain = compute(name, *pair)
    error = CLIMBS.get(name, 1e-6)
    assert compute(name, *converted) == pytest.approx(plain, rel=error, abs=1e-9)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
@pytest.mark.parametrize("name", DEFINED)
def test_extreme_units_neither_vanish_nor_overflow(name, unit, pair):
    plain = compute(name, *pair)
    extreme = compute(name, unit * pair[0], unit * pair[1])
    assert extreme == pytest.approx(plain, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", DEFINED)
def test_a_channel_that_varies_by_rounding_is_constant(name, pair):
    X, Y = pair
    X[..., 1], Y[..., 1] = 0.3, 0.3
    plain = compute(name, X, Y) if name != "correlational_score" else None
    X[::2, :, 1] = 0.1 + 0.2
    if plain is not None:
        assert compute(name, X, Y) == pytest.approx(plain, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", DEFINED)
def test_an_explosion_is_a_large_number_and_not_nan(name, pair):
    X, Y = pair
    Y[0, 0, 0] = 1e160
    if name == "sinkhorn_divergence":
        pytest.skip("its costs would underflow beside so large a one")
    assert np.isfinite(compute(name, X, Y))


@pytest.mark.parametrize("name", [n for n in UNIT if "spectral" not in n])
def test_an_offset_loses_nothing_where_nothing_is_scaled(name, pair):
    plain = compute(name, *pair, standardize=False)
    far = compute(name, *(side + 1e8 for side in pair), standardize=False)
    assert far == pytest.approx(plain, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("name", "power"), UNIT.items())
def test_distances_grow_with_the_unit_where_nothing_is_scaled(name, power, pair):
    plain = compute(name, *pair, standardize=False)
    larger = compute(name, *(1000 * side for side in pair), standardize=False)
    assert larger == pytest.approx(1000**power * plain, rel=1e-6)


@pytest.mark.parametrize("name", UNIT)
def test_a_shift_of_both_sets_changes_no_distance(name, pair):
    if name == "spectral_wasserstein_distance":
        pytest.skip("a shift is the amplitude of frequency 0")
    plain = compute(name, *pair, standardize=False)
    shifted = compute(name, *(side + 5 for side in pair), standardize=False)
    assert shifted == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize("name", DEFINED)
def test_a_seed_gives_the_same_number_every_time(name, pair):
    assert compute(name, *pair, random_state=1) == compute(name, *pair, random_state=1)


@pytest.mark.parametrize("name", DEFINED)
def test_the_arguments_are_not_changed(name, pair):
    before = [side.copy() for side in pair]
    for side in pair:
        side.flags.writeable = False
    compute(name, *pair)
    for side, copy in zip(pair, before, strict=True):
        np.testing.assert_array_equal(side, copy)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", ">f8"])
@pytest.mark.parametrize("name", DEFINED)
def test_numbers_of_any_type_are_those_of_float64(name, dtype, pair):
    pair = [(10 * side).astype(dtype) for side in pair]
    plain = compute(name, *(side.astype(np.float64) for side in pair))
    assert compute(name, *pair) == plain


@pytest.mark.parametrize("name", DEFINED)
def test_two_dimensions_mean_one_channel(name, rng):
    if name == "correlational_score":
        pytest.skip("one channel is correlated with nothing")
    X, Y = rng.normal(size=(2, 30, 4, 1))
    assert compute(name, X[:, :, 0], Y[:, :, 0]) == compute(name, X, Y)


@pytest.mark.parametrize("name", DEFINED)
def test_one_time_step_is_enough(name, rng):
    if name == "autocorrelation_difference":
        pytest.skip("there is no lag")
    assert np.isfinite(compute(name, *rng.normal(size=(2, 30, 1, 2))))


@pytest.mark.parametrize("name", DEFINED)
def test_two_series_are_enough(name, rng):
    X, Y = rng.normal(size=(2, 2, 4, 2))
    assert np.isfinite(compute(name, X, Y, n_neighbors=1))


@pytest.mark.parametrize("name", DEFINED)
def test_one_series_is_refused(name, rng):
    X = rng.normal(size=(5, 4, 2))
    with pytest.raises(ValueError, match="X_real must hold at least 2 series"):
        compute(name, X[:1], X)
    with pytest.raises(ValueError, match="X_synthetic must hold at least 2 series"):
        compute(name, X, X[:1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", DEFINED)
def test_values_that_are_not_finite_are_refused_by_name(name, value, rng):
    X = rng.normal(size=(9, 4, 2))
    bad = X.copy()
    bad[3, 2, 1] = value
    for sides, called in (((X, bad), "X_synthetic"), ((bad, X), "X_real")):
        with pytest.raises(ValueError, match=rf"{called} contains .* \(3, 2, 1\)"):
            compute(name, *sides)


@pytest.mark.parametrize("name", DEFINED)
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((5, 4, 2), (5, 4, 1)), "same .*channels"),
        (((5, 4, 2), (5, 4, 2, 1)), "X_synthetic must have shape"),
        (((5,), (5, 4, 2)), "X_real must have shape"),
        (((5, 4, 2), (0, 4, 2)), "0 sample"),
        (((5, 0, 2), (5, 0, 2)), "empty|0 feature"),
    ],
)
def test_shapes_that_do_not_match_are_refused(name, shapes, message):
    with pytest.raises(ValueError, match=message):
        compute(name, *(np.ones(shape) for shape in shapes))


@pytest.mark.parametrize(
    "name", [n for n in DEFINED if "standardize" in str(n)] or UNIT
)
def test_other_lengths_are_refused_by_distances(name):
    with pytest.raises(ValueError, match="same time steps and channels"):
        compute(name, np.ones((5, 4, 2)), np.ones((5, 3, 2)))


@pytest.mark.parametrize("name", NAMES)
def test_long_frames_must_have_the_same_columns_in_the_same_order(name, rng):
    metric = getattr(metrics, name)
    parts = {
        k: pd.DataFrame(x, columns=["a", "b"])
        for k, x in enumerate(rng.normal(size=(30, 4, 2)))
    }
    X = pd.concat(parts)
    for other in (X[["b", "a"]], X.rename(columns={"b": "c"})):
        with pytest.raises(
            ValueError, match="X_synthetic must have the columns of X_real"
        ):
            metric(X, other)


@pytest.mark.parametrize("name", ["mmd", "marginal_density_difference"])
def test_wide_frames_may_be_of_other_steps_in_any_order_but_theirs(name, rng):
    X = pd.DataFrame(rng.normal(size=(30, 4)))
    assert np.isfinite(compute(name, X, X.rename(columns=lambda step: 9 - step)))
    with pytest.raises(ValueError, match="X_synthetic must have the columns of X_real"):
        compute(name, X, X[[3, 2, 1, 0]])


@pytest.mark.parametrize("lengths", [[4, 4], [4, 3]], ids=["equal", "unequal"])
@pytest.mark.parametrize("name", DEFINED)
def test_data_frames_in_a_list_are_refused(name, lengths):
    X = [pd.DataFrame(np.eye(4)[:length]) for length in lengths]
    with pytest.raises(TypeError, match=r"X_real must be .* or one data frame"):
        compute(name, X, X)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("name", LEARNED)
def test_settings_of_torch_change_nothing(name, setting, rng):
    metric, sides = getattr(metrics, name), rng.normal(size=(2, 20, 4, 2))
    known = inspect.signature(metric).parameters
    short = {"n_iterations": 5} if "n_iterations" in known else {}
    expected = metric(*sides, random_state=0, **short)
    with setting():
        assert metric(*sides, random_state=0, **short) == expected


# the catalogue


def test_metrics_are_found_by_name_and_by_function():
    by_name = resolve("spread_ratio")["spread_ratio"]
    assert resolve(metrics.spread_ratio)["spread_ratio"] == by_name
    assert (by_name.best, resolve("coverage")["coverage"].best) == (1, "high")
    assert list(resolve(["mmd", "coverage"])) == ["mmd", "coverage"]


def test_what_is_better_becomes_what_is_more():
    low, high, one = resolve(["mmd", "coverage", "spread_ratio"]).values()
    assert low.score(0.3) == -0.3
    assert high.score(0.3) == 0.3
    assert one.score(0.7) == one.score(1.3) == pytest.approx(-0.3)
    names = [m.score_name(n) for n, m in (("a", low), ("b", high), ("c", one))]
    assert names == ["neg_a", "b", "neg_c_error"]


@pytest.mark.parametrize("bad", ["accuracy", [], ["mmd", "mmd"]])
def test_what_is_no_metric_is_refused(bad):
    with pytest.raises(ValueError, match="metrics must"):
        resolve(bad)
    with pytest.raises(TypeError, match="metrics must be names or functions"):
        resolve([3])
