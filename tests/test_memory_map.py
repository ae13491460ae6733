"""Series in a memory map: read in batches, with the results of the same array."""

import gc
import hashlib
import tempfile
import tracemalloc
import weakref
from functools import partial
from mmap import ACCESS_READ, mmap

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose, assert_array_equal

from tests.conftest import GENERATORS, LATENT_GENERATORS, maker
from tsgen._conditions import Conditions
from tsgen._reading import parts as parts_module
from tsgen._reading.parts import is_mapped, read
from tsgen._scaling import SeriesScaler
from tsgen.exceptions import ConstantInputWarning
from tsgen.generators import base
from tsgen.generators.mapped import MappedSeries

LAYOUTS = {
    "float64": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16),
    "whole numbers": lambda X: X.round().astype(np.int16),
    "big-endian": lambda X: X.astype(">f8"),
    "big-endian float32": lambda X: X.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "Fortran order, float32": lambda X: np.asfortranarray(X, dtype=np.float32),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


@pytest.fixture
def mapped(tmp_path):
    """Return a function that writes an array and maps it."""

    def mapped(X, mode="r"):
        path = tmp_path / "X.npy"
        np.save(path, X)
        return np.load(path, mmap_mode=mode)

    return mapped


@pytest.fixture
def small_parts(monkeypatch):
    """Let a part hold three series of six steps and two channels."""
    monkeypatch.setattr(parts_module, "MAX_ENTRIES", 40)


@pytest.fixture
def gappy(X):
    X = X.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    return X


def assert_same_samples(found, wanted):
    series = found.sample(5, random_state=1)
    assert series.dtype == wanted.sample(1).dtype
    assert_array_equal(series, wanted.sample(5, random_state=1))


# Fitting


@every_layout
def test_a_fit_is_that_of_the_same_array(mapped, X, layout):
    X = layout(X)
    make, own = LATENT_GENERATORS["stable"]
    found, wanted = (make(**own).fit(x) for x in (mapped(X), X))
    assert found.history_ == wanted.history_
    assert_same_samples(found, wanted)


def test_every_class_gives_the_samples_of_the_same_array(mapped, make_generator, X):
    assert_same_samples(make_generator().fit(mapped(X)), make_generator().fit(X))


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 5},
        {"dependency_every": 1},
        {"backbone": "transformer", "n_heads": 2},
        {"missing": "mask"},
    ],
    ids=lambda options: next(iter(options)),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_options_give_the_history_of_the_same_array(
    mapped, make_latent_generator, X, options
):
    found, wanted = (make_latent_generator(**options).fit(x) for x in (mapped(X), X))
    assert found.history_ == wanted.history_
    assert_same_samples(found, wanted)


def test_parts_give_the_samples_of_the_same_array(
    mapped, make_latent_generator, X, small_parts
):
    found, wanted = (make_latent_generator().fit(x) for x in (mapped(X), X))
    assert_same_samples(found, wanted)


def test_missing_entries_are_those_of_the_array(
    mapped, make_latent_generator, gappy, small_parts
):
    make = make_latent_generator
    found, wanted = (make(missing="mask").fit(x) for x in (mapped(gappy), gappy))
    assert_array_equal(found.conditions_.gaps, np.isnan(gappy))
    assert_same_samples(found, wanted)
    filled = found.impute(mapped(gappy), random_state=0)
    assert_array_equal(filled, wanted.impute(gappy, random_state=0))


def test_classes_can_be_given(mapped, make_latent_generator, X):
    y = np.arange(len(X)) % 3
    found, wanted = (make_latent_generator().fit(x, y) for x in (mapped(X), X))
    for_class = [g.sample(4, y=2, random_state=0) for g in (found, wanted)]
    assert_array_equal(*for_class)


def test_discrete_channels_are_those_of_the_same_array(
    mapped, make_latent_generator, X, small_parts
):
    X = X.copy()
    X[:, :, 1] = np.round(X[:, :, 1] / 50)  # -2 to 2
    make = partial(make_latent_generator, likelihood=["mixture", "discrete"])
    found, wanted = (make().fit(x) for x in (mapped(X), X))
    supports = [g.scaler_.supports.channels[1] for g in (found, wanted)]
    values, counts = np.unique(X[:, :, 1], return_counts=True)
    for support in supports:
        assert_array_equal(support.values, values)
        assert_array_equal(support.shares, counts / X[:, :, 1].size)
    assert_same_samples(found, wanted)
    X[9, 2, 1] = X[38, 2, 1] = 7.0
    with pytest.raises(ValueError, match="discrete channel 1, got 2 that are not"):
        found.transform(mapped(X))


def test_a_warm_start_goes_on(mapped, make_generator, X):
    found, wanted = (make_generator(warm_start=True) for _ in range(2))
    found.fit(mapped(X)).fit(X).fit(mapped(X))
    wanted.fit(X).fit(X).fit(X)
    assert_same_samples(found, wanted)


def test_two_axes_are_one_channel(mapped, make_generator, X):
    series = X[:, :, 0]
    found, wanted = (make_generator().fit(x) for x in (mapped(series), series))
    assert found.sample(2).shape == (2, 6)
    assert_same_samples(found, wanted)


def test_a_part_of_a_map_is_a_map_too(mapped, make_generator, X):
    found = make_generator().fit(mapped(X)[::-2, 1:, ::-1])
    assert_same_samples(found, make_generator().fit(X[::-2, 1:, ::-1]))


# What must not happen


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_the_map_is_never_written_to(mapped, tmp_path, make_latent_generator, X, mode):
    series = mapped(X, mode)
    before = hashlib.sha256((tmp_path / "X.npy").read_bytes()).hexdigest()
    generator = make_latent_generator(missing="mask").fit(series)
    for method in ("transform", "score_samples", "impute", "reconstruct"):
        getattr(generator, method)(series)
    assert_array_equal(series, X)
    assert hashlib.sha256((tmp_path / "X.npy").read_bytes()).hexdigest() == before


def test_no_file_is_left(mapped, tmp_path, make_generator, X, monkeypatch):
    for name in ("temporary", "working"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "working")
    series = mapped(X)
    make_generator().fit(series).score_samples(series)
    left = sorted(path.name for path in tmp_path.rglob("*"))
    assert left == ["X.npy", "temporary", "working"]


def test_a_fitted_generator_keeps_no_hold_of_the_map(mapped, make_generator, X):
    series = mapped(X)
    held = weakref.ref(series)
    generator = make_generator(warm_start=True).fit(series)
    generator.score_samples(series)
    del series
    gc.collect()
    assert held() is None
    assert generator.sample(2).shape == (2, 6, 2)


def test_a_map_of_whole_numbers_may_end_earlier_after_unequal_lengths(mapped, X):
    whole = X.round().astype(np.int16)
    make, own = GENERATORS["stable"]
    generator = make(**own).fit([series[: 4 + k % 3] for k, series in enumerate(whole)])
    found = generator.transform(mapped(whole[:, :5]))
    assert_array_equal(found, generator.transform(whole[:, :5]))


@pytest.fixture
def long():
    """Return 2,500 series of 24 x 4, 1.9 MB."""
    return np.random.default_rng(0).normal(size=(2500, 24, 4))


@pytest.fixture
def peak_of(monkeypatch):
    """Return a function that measures the peak of NumPy's memory in a call."""
    monkeypatch.setattr(parts_module, "MAX_ENTRIES", 2**12)
    monkeypatch.setattr(base, "MAX_ROWS", 50)
    quick().fit(np.random.default_rng(0).normal(size=(8, 2, 1)))  # imports are made

    def peak_of(function, *args):
        tracemalloc.start()
        try:
            function(*args)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return peak_of


def quick():
    make, own = GENERATORS["diffusion"]
    return make(**{**own, "max_iter": 1, "batch_size": 50})


def test_a_fit_holds_no_copy_of_the_map(mapped, long, peak_of):
    assert peak_of(quick().fit, mapped(long)) < long.nbytes / 3


def test_scores_hold_no_copy_of_the_map(mapped, long, peak_of, monkeypatch):
    generator = quick().fit(long[:500])
    monkeypatch.setattr(generator, "_bound", lambda model, varies, x, given: x[:, 0, 0])
    assert peak_of(generator.score_samples, mapped(long)) < long.nbytes / 3


def test_latents_hold_no_copy_of_the_map(mapped, long, peak_of):
    make, own = LATENT_GENERATORS["latent"]
    generator = make(**own).fit(long[:100])
    assert peak_of(generator.transform, mapped(long)) < long.nbytes / 3


def test_a_fit_in_memory_holds_one_copy_in_float32(long, peak_of):
    assert peak_of(quick().fit, long) < 0.8 * long.nbytes


def test_conditions_of_a_million_series_without_any_take_little_memory(peak_of):
    lengths = np.full(10**6, 24)
    assert peak_of(Conditions().fit, lengths) < 2**25


# Using a fitted generator


@pytest.fixture(scope="module", params=GENERATORS)
def fitted(request, X):
    """Return a fitted generator, of each class."""
    return maker(request)().fit(X)


@pytest.fixture(scope="module", params=LATENT_GENERATORS)
def fitted_latent(request, X):
    """Return a fitted generator, of each class with a latent."""
    return maker(request)().fit(X)


def test_scores_are_those_of_the_same_array(mapped, fitted, X):
    X = X[:9].astype(">f4")
    assert_array_equal(fitted.score_samples(mapped(X)), fitted.score_samples(X))


@every_layout
def test_latents_are_those_of_the_same_array(mapped, fitted_latent, X, layout):
    X = layout(X)
    found, wanted = (fitted_latent.transform(x) for x in (mapped(X), X))
    assert found.dtype == wanted.dtype
    assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["big-endian float32", "whole numbers"])
def test_what_reads_all_gives_the_same_too(mapped, fitted_latent, X, name):
    X = LAYOUTS[name](X[:9])
    found, wanted = (fitted_latent.reconstruct(x) for x in (mapped(X), X))
    assert_array_equal(found, wanted)
    found, wanted = (fitted_latent.dependency(x).global_ for x in (mapped(X), X))
    assert_array_equal(found, wanted)


def test_a_posterior_report_is_that_of_the_same_array(mapped, fitted_latent, X):
    report = partial(fitted_latent.posterior_report, n_series=9, n_shuffles=10)
    found, wanted = report(mapped(X)), report(X)
    assert_array_equal(found.dependency.global_, wanted.dependency.global_)
    assert found.log_likelihood == wanted.log_likelihood


def test_scores_do_not_depend_on_the_batches(fitted, X, monkeypatch):
    wanted = fitted.score_samples(X[:9])
    monkeypatch.setattr(type(fitted), "_rows_at_once", lambda self: 4)
    assert_allclose(fitted.score_samples(X[:9]), wanted, rtol=1e-12)


# Errors


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e301])
def test_a_value_that_is_not_allowed_is_found(mapped, make_generator, X, value):
    X = X.copy()
    X[31, 4, 1] = X[35, 0, 0] = value
    with pytest.raises(ValueError, match=r"2 of 480 values.*\(31, 4, 1\)"):
        make_generator().fit(mapped(X))


def test_other_axes_than_in_fit_are_refused(mapped, fitted, X):
    with pytest.raises(ValueError, match="n_channels = 1"):
        fitted.score_samples(mapped(X[:, :, :1]))


def test_values_far_from_those_of_the_fit_are_refused(mapped, fitted, X):
    far = X.copy()
    far[17, 3, 0] = 1e9
    with pytest.raises(ValueError, match="resemble the training series"):
        fitted.score_samples(mapped(far))


def test_constant_series_give_a_warning(mapped, make_generator):
    series = np.full((12, 6, 2), 0.1)
    with pytest.warns(ConstantInputWarning, match="constant in every channel"):
        generator = make_generator().fit(mapped(series))
    assert_array_equal(generator.sample(2), series[:2])


def test_equal_series_give_a_warning(mapped, make_generator, X, small_parts):
    series = np.repeat(X[:1], 12, axis=0)
    with pytest.warns(ConstantInputWarning, match="All series of X are equal"):
        generator = make_generator().fit(mapped(series))
    assert_array_equal(generator.sample(2), series[:2])


@pytest.mark.parametrize("shape", [(0, 6, 2), (5,), (5, 6, 2, 1)])
def test_other_shapes_are_refused(mapped, make_generator, shape):
    with pytest.raises(ValueError, match="X must have shape"):
        make_generator().fit(mapped(np.zeros(shape)))


# Maps and what is none


def test_views_of_a_map_are_mapped(mapped, X):
    series = mapped(X)
    windows = sliding_window_view(series, 3, axis=1)
    for view in (series, np.asarray(series), series[3:, ::2], series.T, windows):
        assert is_mapped(view)


def test_buffers_of_a_map_are_mapped(mapped, tmp_path, X):
    mapped(X)
    with (tmp_path / "X.npy").open("rb") as file:
        buffer = mmap(file.fileno(), 0, access=ACCESS_READ)
    assert is_mapped(np.frombuffer(buffer, np.uint8))


def test_copies_of_a_map_are_not_mapped(mapped, X):
    series = mapped(X)
    for array in (X, series.copy(), series[[0, 2]], series + 1, np.array(series)):
        assert not is_mapped(array)
    assert not is_mapped(series.tolist())


def test_text_in_a_map_is_read_as_any_text(mapped):
    assert not is_mapped(mapped(np.array([["1", "2"]])))


# Rows of a map


@pytest.fixture
def rows_and_tensor(mapped, X):
    scaler = SeriesScaler().fit(X)
    wanted = torch.from_numpy(scaler.transform(X).astype(np.float32))
    return MappedSeries(mapped(X), scaler), wanted


def test_rows_are_those_of_a_tensor_in_any_order(rows_and_tensor):
    rows, x = rows_and_tensor
    chosen = torch.tensor([5, 39, 5, 0, 17])
    for pick in (slice(None), slice(3, 9), slice(None, None, 7), chosen):
        assert rows[pick].shape == x[pick].shape
        assert torch.equal(rows[pick].to("cpu"), x[pick])


def test_rows_of_rows_are_those_of_a_tensor(rows_and_tensor):
    rows, x = rows_and_tensor
    first = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    second = torch.tensor([3, 1, 8])
    assert torch.equal(rows[first][second].to("cpu"), x[first][second])
    assert len(rows[first][4:]) == 36


@pytest.mark.parametrize("size", [1, 7, 40, 100])
def test_rows_are_split_as_a_tensor_is(rows_and_tensor, size):
    rows, x = rows_and_tensor
    for found, wanted in zip(rows.split(size), x.split(size), strict=True):
        assert torch.equal(found.to("cpu"), wanted)


def test_choosing_rows_reads_nothing(rows_and_tensor, monkeypatch):
    rows, _ = rows_and_tensor
    sizes = []

    def watched(X, chosen):
        sizes.append(len(chosen))
        assert (np.diff(chosen) >= 0).all()  # in the order of the file
        return read(X, chosen)

    monkeypatch.setattr("tsgen.generators.mapped.read", watched)
    chosen = rows[torch.tensor([9, 3, 20])]
    list(rows.split(5))
    assert sizes == []
    chosen.to("cpu")
    assert sizes == [3]
