import math
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning

from tsgen.exceptions import UndefinedDependencyWarning
from tsgen.inspection import Dependency, PosteriorReport, dependency_measure
from tsgen.inspection.posterior import (
    active_units,
    decay_rate,
    kl_per_dimension,
    late_dependency,
    mutual_information,
    signal_to_noise,
)
from tsgen.nn.objectives import kl_divergence

N, T = 3, 4


def normals(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture
def full():
    """Return a dependency of all orders: (3, 4)."""
    local = normals(N, T, T - 1, seed=1)
    for order in range(1, T):
        local[:, :order, order - 1] = np.nan
    return Dependency(normals(N, T), local, np.abs(normals(N, T, seed=2)) / 100)


class TestDependency:
    def test_the_table_holds_the_global_and_the_local_dependencies(self, full):
        assert full.m.shape == (N, T, T)
        assert_array_equal(full.m[:, :, 0], full.global_)
        for t in range(1, T + 1):
            for j in range(1, T):
                share = full.m[:, t - 1, j]
                if j < t:
                    assert_array_equal(share, full.local(t - j)[:, t - 1])
                else:
                    assert np.isnan(share).all()

    def test_the_table_needs_all_orders(self, full):
        part = Dependency(full.global_, full.local(1)[..., None], full.global_)
        with pytest.raises(ValueError, match="max_order='all'"):
            _ = part.m

    @pytest.mark.parametrize("order", [4, 9])
    def test_an_order_that_was_not_measured_is_an_error(self, full, order):
        with pytest.raises(ValueError, match=f"max_order = 3, got {order}"):
            full.local(order)

    @pytest.mark.parametrize(("order", "error"), [(0, ValueError), (1.0, TypeError)])
    def test_an_order_is_a_count(self, full, order, error):
        with pytest.raises(error, match="order must be an integer of at least 1"):
            full.local(order)

    @pytest.mark.parametrize("name", ["mean", "std", "median"])
    def test_averages_are_over_the_series_that_have_the_step(self, full, name):
        full.global_[1, 2:] = np.nan
        result = getattr(full, name)()
        assert_allclose(result[0], getattr(np, name)(full.global_[:, 0]))
        assert_allclose(result[3], getattr(np, name)(full.global_[[0, 2], 3]))
        first = getattr(full, name)(order=1)
        assert np.isnan(first[0])
        assert_allclose(first[1], getattr(np, name)(full.local()[:, 1]))

    def test_a_frame_has_a_row_for_each_step_of_each_series(self, full):
        frame = full.to_frame()
        assert list(frame.columns) == [
            *("series", "step", "global", "local_1", "local_2", "local_3"),
            "completeness_error",
        ]
        row = frame[(frame.series == 2) & (frame.step == 3)].iloc[0]
        assert row["global"] == full.global_[2, 2]
        assert row["local_2"] == full.local(2)[2, 2]
        assert len(frame) == N * T

    def test_a_frame_ends_where_a_series_does(self, full):
        for part in (full.global_, full.completeness_error, full.m, full.local(1)):
            part[1, 2:] = np.nan
        for order in (2, 3):
            full.local(order)[1, 2:] = np.nan
        assert full.to_frame().groupby("series").size().tolist() == [4, 2, 4]

    def test_a_frame_names_pandas_when_it_is_missing(self, full, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pandas", None)
        with pytest.raises(ImportError, match="to_frame needs pandas"):
            full.to_frame()

    def test_the_text_shows_a_few_steps_of_a_long_series(self):
        long = Dependency(
            np.full((2, 100), 0.5), np.full((2, 100, 1), 0.25), np.zeros((2, 100))
        )
        lines = repr(long).splitlines()
        assert lines[0].startswith("Dependency of 2 series of 100 steps")
        assert lines[1].split()[1:] == ["1", "18", "34", "50", "67", "84", "100"]
        assert lines[2].count("0.50 ±0.00") == 7
        assert lines[3].count("0.25 ±0.00") == 7
        assert max(map(len, lines)) <= 110

    def test_the_text_of_the_global_dependency_alone(self):
        alone = Dependency(np.ones((1, 2)), np.ones((1, 2, 0)), np.zeros((1, 2)))
        assert "1 step back" not in repr(alone)

    def test_the_text_says_when_nothing_is_defined(self):
        nan = np.full((1, 2), np.nan)
        assert "undefined at every step" in repr(Dependency(nan, nan[..., None], nan))

    def test_it_can_be_plotted(self, full):
        assert full.plot().patches
        assert full.plot(series=1, label="one").get_title(loc="left") == "one"


def linear(z, prefix):
    """h_t = 3 z + x_{t-1}."""
    return 3 * z[:, None] + prefix


@pytest.fixture
def z():
    return torch.ones(N, 2)


@pytest.fixture
def X():
    return torch.ones(N, T, 2)


class TestDependencyMeasure:
    def test_known_shares_are_recovered(self, z, X):
        found = dependency_measure(linear, z, X, max_order="all")
        assert_allclose(found.mean(), [1, 0.75, 0.75, 0.75], atol=1e-6)
        assert_allclose(found.mean(order=1)[1:], 0.25, atol=1e-6)
        assert_allclose(found.mean(order=2)[2:], 0, atol=1e-6)
        assert_allclose(np.nansum(found.m, axis=2), 1, atol=1e-6)
        assert found.completeness_error.max() < 1e-6

    def test_local_dependencies_are_undefined_at_the_first_steps(self, z, X):
        found = dependency_measure(linear, z, X, max_order=2)
        for order in (1, 2):
            undefined = np.isnan(found.local(order)).all(axis=0)
            assert_array_equal(undefined, np.arange(T) < order)

    def test_arrays_and_series_of_one_channel_are_taken(self, X):
        found = dependency_measure(linear, np.ones((N, 1)), np.ones((N, T)))
        assert_allclose(found.mean(), [1, 0.75, 0.75, 0.75], atol=1e-9)

    def test_any_network_of_torch_is_measured(self, X):
        generator = torch.Generator().manual_seed(0)
        with torch.device("meta"):
            network = torch.nn.LSTM(2, 8, batch_first=True)
        network = network.to_empty(device="cpu").eval()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, generator=generator)

        def decoder(z, prefix):
            return network(prefix, (z[None], z[None]))[0]

        z = torch.randn(N, 8, generator=generator)
        found = dependency_measure(decoder, z, X, max_order="all")
        assert np.isfinite(found.global_).all()
        assert np.median(found.completeness_error) < 1e-3
        assert all(parameter.grad is None for parameter in network.parameters())

    @pytest.mark.filterwarnings("ignore:The shares")
    def test_nodes_at_random_come_near(self, z, X):
        def decoder(z, prefix):
            return torch.tanh(linear(z, prefix))

        exact = dependency_measure(decoder, z, X)
        options = {"method": "monte-carlo", "n_nodes": 900}
        first, again, other = (
            dependency_measure(decoder, z, X, random_state=seed, **options)
            for seed in (0, 0, 1)
        )
        assert_array_equal(first.global_, again.global_)
        assert not np.array_equal(first.global_, other.global_)
        assert_allclose(first.global_, exact.global_, atol=0.1)

    @pytest.mark.filterwarnings("ignore:The shares")
    def test_the_random_nodes_of_a_series_do_not_depend_on_the_others(self, z, X):
        def decoder(z, prefix):
            return torch.tanh(linear(z, prefix)) * torch.arange(1, 5)[:, None]

        options = {"method": "monte-carlo", "n_nodes": 900, "random_state": 0}
        whole = dependency_measure(decoder, z, X, **options)
        head = dependency_measure(decoder, z[:2], X[:2], **options)
        assert_allclose(head.global_, whole.global_[:2], rtol=1e-6)

    def test_shorter_series_end_earlier(self, z, X):
        found = dependency_measure(linear, z, X, lengths=[4, 1, 2], max_order=2)
        ended = np.arange(T) >= np.array([4, 1, 2])[:, None]
        for part in (found.global_, found.completeness_error):
            assert_array_equal(np.isnan(part), ended)
        assert np.isnan(found.local(1)[ended]).all()

    def test_an_integral_that_is_not_settled_warns(self, z, X):
        def decoder(z, prefix):
            return torch.tanh(1e3 * (linear(z, prefix).abs() - 1))

        with pytest.warns(ConvergenceWarning, match="not settled"):
            dependency_measure(decoder, z, X, tol=np.inf, n_nodes=3)
        found = dependency_measure(decoder, z, X, n_nodes=8)
        assert found.completeness_error.max() < 0.01

    def test_features_that_do_not_depend_on_anything_are_undefined(self, z, X):
        for decoder in (
            lambda z, p: 0 * linear(z, p) + 1,
            lambda z, p: torch.ones(*p.shape[:2], 3),
        ):
            with pytest.warns(UndefinedDependencyWarning, match="12 of 12 steps"):
                found = dependency_measure(decoder, z, X)
            assert np.isnan(found.global_).all()

    def test_a_decoder_that_looks_ahead_is_found_out(self, z, X):
        with pytest.warns(ConvergenceWarning, match="miss their sum"):
            found = dependency_measure(
                lambda z, p: linear(z, p) + p.flip(1), z, X, n_nodes=4
            )
        assert found.completeness_error[:, 0].min() > 0.1

    def test_inputs_are_given_the_precision_of_the_network(self):
        with torch.device("meta"):
            network = torch.nn.Linear(1, 4)
        network = network.to_empty(device="cpu")
        for parameter in network.parameters():
            torch.nn.init.ones_(parameter)

        class Decoder(torch.nn.Module):
            def forward(self, z, prefix):
                return network(z[:, None] + prefix)

        decoder = Decoder()
        decoder.network = network
        found = dependency_measure(decoder, [[1], [2]], [[1, 2, 3], [3, 2, 1]])
        assert_allclose(found.global_[:, 1], [1 / 2, 2 / 5], rtol=1e-5)
        whole = dependency_measure(
            linear, torch.ones(2, 1).int(), torch.ones(2, 3, 1).int()
        )
        assert_allclose(whole.mean(), [1, 0.75, 0.75], rtol=1e-5)

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            ({"z": torch.ones(2, 2)}, ValueError, "z must hold finite latents"),
            ({"z": torch.ones(N, 2) * math.nan}, ValueError, "z must hold finite"),
            ({"X": torch.ones(N, 1, 2)}, ValueError, "at least two time steps"),
            ({"X": torch.ones(N, T, 2) * math.nan}, ValueError, "X contains NaN"),
            ({"X": torch.ones(5)}, ValueError, "X must have shape"),
            ({"method": "simpson"}, ValueError, "'simpson'"),
            ({"n_nodes": 0}, ValueError, "n_nodes must be an integer of at least 1"),
            ({"n_nodes": 2.5}, TypeError, "n_nodes must be an integer"),
            ({"tol": 0}, ValueError, "tol must be a positive number"),
            ({"max_order": 4}, ValueError, "max_order must be at most"),
            ({"max_order": "some"}, ValueError, "a count or 'all', got 'some'"),
            ({"max_order": 1.0}, TypeError, "max_order must be an integer"),
            ({"lengths": [1, 2]}, ValueError, "lengths must hold 3 integers"),
            ({"lengths": [1, 2, 5]}, ValueError, "from 1 to 4"),
            ({"decoder": lambda z, p: p[:, 1:]}, ValueError, "decoder must return"),
            ({"decoder": lambda z, p: None}, ValueError, "got NoneType"),
        ],
    )
    def test_what_does_not_fit_is_named(self, z, X, change, error, message):
        given = {"decoder": linear, "z": z, "X": X, **change}
        with pytest.raises(error, match=re.escape(message)):
            dependency_measure(**given)


class TestFigures:
    def test_the_divergence_is_that_of_the_objective(self):
        mean, log_scale = normals(50, 5), normals(50, 5, seed=1) / 3
        whole = kl_divergence(torch.from_numpy(mean), torch.from_numpy(log_scale))
        assert_allclose(kl_per_dimension(mean, log_scale).sum(), whole.mean())

    def test_a_strictly_collapsed_posterior_has_nothing(self):
        zero = np.zeros((200, 4))
        z = normals(200, 4)
        assert_allclose(kl_per_dimension(zero, zero), 0)
        assert_allclose(signal_to_noise(zero, zero), 0)
        assert_allclose(mutual_information(zero, zero, z), 0, atol=1e-12)
        assert not active_units(zero).any()

    def test_posteriors_far_apart_carry_all_information(self):
        mean = 100 * normals(200, 4)
        log_scale = np.zeros_like(mean)
        z = mean + normals(200, 4, seed=1)
        assert_allclose(mutual_information(mean, log_scale, z), math.log(200))
        assert active_units(mean).all()
        assert (signal_to_noise(mean, log_scale) > 1000).all()

    def test_the_information_of_a_linear_gaussian_latent_is_known(self):
        mean, noise = normals(4000, 1), 0.5
        log_scale = np.full_like(mean, math.log(noise))
        z = mean + noise * normals(4000, 1, seed=1)
        truth = 0.5 * math.log(1 + 1 / noise**2)
        assert_allclose(mutual_information(mean, log_scale, z), truth, atol=0.05)

    @pytest.mark.parametrize("rate", [0.0, 0.1, 0.7])
    def test_the_rate_of_an_exponential_decay_is_found(self, rate):
        curve = np.exp(-rate * np.arange(20))
        curve[curve < 0.01] = 0
        assert_allclose(decay_rate(curve), rate, rtol=0.15, atol=1e-12)

    def test_a_latent_that_stops_at_once_decays_at_the_largest_rate(self):
        assert decay_rate(np.array([1, 0, 0, 0])) == pytest.approx(-math.log(0.01))

    def test_an_undefined_curve_has_no_rate(self):
        assert math.isnan(decay_rate(np.full(4, np.nan)))

    def test_late_steps_are_those_of_the_second_half(self):
        shares = np.array([[1, 1, 0.2, 0.2], [1, 1, 0.4, np.nan]])
        assert late_dependency(shares) == pytest.approx(0.2)
        assert math.isnan(late_dependency(shares * np.nan))


def report_of(curve, shuffled_first_order, spread=0.0):
    """Make a report whose global dependency is `curve` for every series."""
    curve = np.asarray(curve, float)
    n, steps = 40, len(curve)
    shares = np.tile(curve, (n, 1))
    first = np.full((n, steps, 1), shuffled_first_order)
    first += spread * norm.ppf((np.arange(n) + 0.5) / n)[:, None, None]
    error = np.zeros((n, steps))
    return PosteriorReport(
        dependency=Dependency(shares, 1 - shares[..., None], error),
        shuffled=Dependency(shares, first, error),
        shuffle=np.arange(n) % 10,
        mean=normals(n, 2),
        log_scale=np.zeros((n, 2)),
        z=normals(n, 2, seed=1),
        log_likelihood={"own": -1.0, "permuted": -2.0, "noise": -3.0},
        remedies="something else",
    )


class TestPosteriorReport:
    def test_a_collapsed_latent_is_called_so(self):
        report = report_of([1, 0.2, 0.04, 0.01, 0.0, 0.0], 0.4)
        assert report.is_collapsed
        assert report.has_illusion
        assert report.verdict.startswith(
            "Collapsed: at 5 of 6 steps, the first of them step 2"
        )
        assert "Try something else." in report.verdict
        assert "illusion" in report.verdict
        assert report.decay_rate > 1

    def test_a_stable_latent_is_called_so(self):
        report = report_of([1, 0.9, 0.9, 0.8, 0.9, 0.9], 0.01)
        assert not report.is_collapsed
        assert not report.has_illusion
        assert report.verdict == (
            "Stable: at every step at least 0.80 comes from the latent."
        )

    def test_a_fading_latent_is_called_so(self):
        report = report_of([1, 0.9, 0.7, 0.4, 0.25, 0.2], 0.01)
        assert not report.is_collapsed
        assert report.verdict.startswith("Fading")
        assert "at 2 of 6 steps, the first of them step 5" in report.verdict

    def test_a_latent_that_counteracts_is_not_stable(self):
        report = report_of([1, -0.9, -0.9, -0.9], 0.01)
        assert not report.is_collapsed
        assert report.verdict.startswith("Fading: at 3 of 4 steps")

    def test_an_interval_around_zero_is_no_illusion(self):
        report = report_of([1, 0.9, 0.9], 0.06, spread=1.0)
        low, high = report.first_order_interval
        assert low < report.first_order < high
        assert not report.has_illusion
        assert report_of([1, 0.9, 0.9], -0.2).has_illusion

    def test_an_undefined_dependency_is_no_verdict(self):
        report = report_of([np.nan, np.nan, np.nan], 0.0)
        assert not report.is_collapsed
        assert report.verdict.startswith("Undefined")

    def test_the_text_holds_the_figures(self):
        text = repr(report_of([1, 0.9, 0.9, 0.8, 0.9, 0.9], 0.01))
        assert "40 series of 6 steps" in text
        assert "0.80 at step 4" in text
        assert "-2.00 permuted" in text
        assert "2 of 2 units active" in text
        assert "0.010 on 1 step back" in text
        assert "Stable" in text

    def test_it_can_be_plotted(self):
        assert report_of([1, 0.9, 0.9], 0.1).plot().shape == (3,)

    def test_no_zero_is_negative_in_the_text(self):
        report = report_of([1, 0.2, -1e-4, -1e-4], -1e-5)
        assert not re.search(r"-0\.0+\b", repr(report))
        assert not re.search(r"-0\.0+\b", repr(report.dependency))
