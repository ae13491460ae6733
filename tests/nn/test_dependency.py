import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.testing import assert_close

from tsgen.nn import dependency
from tsgen.nn.decoders import LSTMDecoder, TransformerDecoder, delayed
from tsgen.nn.dependency import gauss_legendre, measure, monte_carlo, squared_length

B, T, C, K, H = 4, 6, 2, 3, 8
FIXED = math.inf


def lstm(n_layers, skip):
    return LSTMDecoder(C, K, H, n_layers, 0.0, skip_connections=skip)


def transformer(n_layers, skip):
    return TransformerDecoder(C, K, H, n_layers, 2, 0.0, skip_connections=skip)


def constrained_lstm(n_layers, skip):
    return LSTMDecoder(
        C, K, H, n_layers, 0.0, skip_connections=skip, inverse_lipschitz=1.0
    )


def constrained_transformer(n_layers, skip):
    return TransformerDecoder(
        C, K, H, n_layers, 2, 0.0, skip_connections=skip, inverse_lipschitz=1.0
    )


BACKBONES = [lstm, transformer, constrained_lstm, constrained_transformer]
every_backbone = pytest.mark.parametrize("backbone", BACKBONES)


def every_decoder(test):
    test = pytest.mark.parametrize("skip", [False, True])(test)
    return every_backbone(pytest.mark.parametrize("n_layers", [1, 2])(test))


@pytest.fixture
def z(normals):
    return 2 * normals(B, K, dtype=torch.float64)


@pytest.fixture
def x(normals):
    return 2 * normals(B, T, C, seed=1, dtype=torch.float64)


@pytest.fixture
def rule():
    return gauss_legendre(B, 16)


def as_callable(decoder):
    """Hide the steps of a decoder, so that it is differentiated backwards."""
    return lambda z, prefix: decoder(z, prefix)


class LinearDecoder:
    """h_t = A z + 0.9^(t-1) sums of W x_j: every share is known."""

    fade = 0.9

    def __init__(self, normals, dtype=torch.float64):
        self.A = normals(K, H, seed=5, dtype=dtype)
        self.W = normals(C, H, seed=6, dtype=dtype)

    def __call__(self, z, prefix):
        state, features = self.begin(z), []
        for previous in prefix.unbind(1):
            h, state = self.step(state, previous)
            features.append(h)
        return torch.stack(features, dim=1)

    def begin(self, z):
        return (z @ self.A, torch.zeros_like(z @ self.A))

    def step(self, state, previous):
        first, past = state
        past = self.fade * past + previous @ self.W
        return first + past, (first, past)

    def table(self, z, x):
        """Every m_{t,j}, (B, T, T)."""
        parts = torch.zeros(len(x), T, T, H, dtype=z.dtype)
        for t in range(T):
            parts[:, t, 0] = z @ self.A
            for j in range(1, t + 1):
                parts[:, t, j] = self.fade ** (t - j) * x[:, j - 1] @ self.W
        d = parts.sum(2, keepdim=True)
        return (parts * d).sum(-1) / (d * d).sum(-1)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(
    ("dtype", "atol"), [(torch.float32, 1e-5), (torch.float64, 1e-12)]
)
def test_the_shares_of_a_linear_decoder_are_recovered(
    normals, z, x, rule, hidden, dtype, atol
):
    decoder = LinearDecoder(normals, dtype)
    z, x = z.to(dtype), x.to(dtype)
    given = as_callable(decoder) if hidden else decoder
    found = measure(given, z, x, rule, max_order=T - 1, tol=FIXED)
    table = decoder.table(z, x)
    assert_close(found.global_, table[:, :, 0], rtol=0, atol=atol)
    for t in range(T):
        for order in range(1, t + 1):
            expected = table[:, t, t + 1 - order]
            share = found.local[:, t, order - 1]
            assert_close(share, expected, rtol=0, atol=atol)


# two engines


@every_decoder
@pytest.mark.parametrize("max_order", [0, 1, 3, T - 1])
def test_both_engines_give_the_same_figures(
    fresh, z, x, backbone, n_layers, skip, max_order
):
    decoder = fresh(backbone, n_layers, skip).double()
    nodes = torch.rand(B, 3, generator=torch.Generator().manual_seed(0))
    rule, options = monte_carlo(nodes), {"max_order": max_order, "tol": FIXED}
    forward = measure(decoder, z, x, rule, **options)
    backward = measure(as_callable(decoder), z, x, rule, **options)
    for mine, theirs in zip(forward, backward, strict=True):
        assert_close(mine, theirs)


@every_backbone
def test_the_derivatives_are_central_differences(fresh, z, x, backbone):
    decoder, step = fresh(backbone, 2, True).double(), 1e-5
    prefix = delayed(x)
    difference = decoder(z, prefix) - decoder(0 * z, 0 * prefix)
    s = 0.3
    ahead = decoder((s + step) * z, s * prefix)
    behind = decoder((s - step) * z, s * prefix)
    slope = (ahead - behind) / (2 * step)
    expected = (slope * difference).sum(-1) / difference.square().sum(-1)
    rule = monte_carlo(torch.full((B, 1), s))
    found = measure(decoder, z, x, rule, max_order=0, tol=FIXED)
    assert_close(found.global_, expected, rtol=1e-7, atol=1e-9)


@every_backbone
def test_captum_gives_the_same_global_dependency(fresh, z, x, backbone):
    captum = pytest.importorskip("captum.attr")
    decoder = fresh(backbone, 1, False).double()
    prefix, n_nodes = delayed(x), 12
    difference = decoder(z, prefix) - decoder(0 * z, 0 * prefix)
    rule = gauss_legendre(B, n_nodes)
    found = measure(decoder, z, x, rule, max_order=1, tol=FIXED)
    for t in range(T):

        def gain(z, prefix, t=t):
            copies = difference[:, t].repeat(len(z) // B, 1)
            return (decoder(z, prefix)[:, t] * copies).sum(-1)

        along_z, along_x = captum.IntegratedGradients(gain).attribute(
            (z, prefix), n_steps=n_nodes, method="gausslegendre"
        )
        length = difference[:, t].square().sum(-1)
        assert_close(found.global_[:, t], along_z.sum(-1) / length, rtol=1e-4, atol=0)
        newest = along_x[:, t].sum(-1) / length
        assert_close(found.local[:, t, 0] * (t > 0), newest, rtol=1e-4, atol=1e-9)


# completeness


@every_decoder
def test_the_shares_of_a_step_sum_to_one(fresh, z, x, rule, backbone, n_layers, skip):
    decoder = fresh(backbone, n_layers, skip).double()
    found = measure(decoder, z, x, rule, max_order=T - 1, tol=1e-9)
    assert found.completeness_error.max() < 1e-6
    total = found.global_ + found.local.sum(-1)
    assert_close(total, torch.ones(B, T, dtype=x.dtype), rtol=0, atol=1e-6)


@every_backbone
def test_the_error_falls_with_the_number_of_nodes(fresh, z, x, backbone):
    decoder = fresh(backbone, 1, False).double()
    errors = [
        measure(decoder, 9 * z, 9 * x, gauss_legendre(B, n), max_order=0, tol=FIXED)
        .completeness_error.median()
        .item()
        for n in (2, 4, 8, 16, 32)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3 * errors[0]


def test_half_precision_of_the_nodes_does_not_decide(fresh, z, x, rule):
    decoder = fresh(lstm, 1, False)
    single = measure(decoder, z.float(), x.float(), rule, max_order=1, tol=1e-3)
    double = measure(decoder.double(), z, x, rule, max_order=1, tol=1e-3)
    assert_close(single.global_.double(), double.global_, rtol=0, atol=1e-5)
    assert single.global_.dtype == torch.float32


class JumpingDecoder:
    """Jump where a weighted sum of what has come in reaches 1: every share is known."""

    def __init__(self, steepness):
        self.steepness = steepness

    def __call__(self, z, prefix):
        total = z.abs().sum(-1)[:, None] + prefix.abs().sum(-1).cumsum(1)
        return torch.tanh(self.steepness * (total - 1))[..., None]

    def global_dependency(self, z, x):
        whole = z.abs().sum(-1)[:, None] + delayed(x).abs().sum(-1).cumsum(1)
        return z.abs().sum(-1)[:, None] / whole


def test_a_fixed_rule_is_wrong_where_features_jump(z, x, rule):
    found = measure(JumpingDecoder(3000), z, x, rule, max_order=0, tol=FIXED)
    assert found.completeness_error.median() > 0.5


def test_a_jump_is_found_by_halving(z, x, rule):
    decoder = JumpingDecoder(3000)
    found = measure(decoder, z, x, rule, max_order=1, tol=1e-4)
    assert found.completeness_error.max() < 1e-3
    expected = decoder.global_dependency(z, x)
    assert_close(found.global_, expected, rtol=0, atol=1e-3)


def test_halving_ends_where_no_interval_would_do(z, x, monkeypatch):
    """A step has no derivative, so no interval ever gets what it must sum to."""
    monkeypatch.setattr(dependency, "MAX_INTERVALS", 8)
    decoder = JumpingDecoder(1e30)
    found = measure(decoder, z, x, gauss_legendre(B, 4), max_order=0, tol=1e-6)
    assert not found.global_.isnan().any()
    assert found.completeness_error.median() > 0.5


# undefined


def test_it_is_not_a_number_where_features_do_not_depend_on_the_input(z, x, rule):
    def decoder(z, prefix):
        h = z.sum(-1)[:, None, None].expand(B, T, H).clone()
        h[:, 2] = 1.0  # whatever comes in
        return h

    found = measure(decoder, z, x, rule, max_order=1, tol=1e-3)
    assert found.global_[:, 2].isnan().all()
    assert found.completeness_error[:, 2].isnan().all()
    rest = [0, 1, 3, 4, 5]
    assert_close(found.global_[:, rest], torch.ones(B, 5, dtype=x.dtype))


def test_a_difference_of_rounding_has_no_length():
    h = torch.tensor([[[1.0, 1.0], [1.0, 1.0]]])
    difference = torch.tensor([[[1e-7, 0.0], [1e-3, 0.0]]])
    length = squared_length(difference, h)
    assert length.isnan().tolist() == [[True, False]]


# how it is computed


@every_backbone
@pytest.mark.parametrize("hidden", [False, True])
def test_the_size_of_a_chunk_does_not_matter(
    fresh, z, x, rule, backbone, hidden, monkeypatch
):
    decoder = fresh(backbone, 1, False).double()
    given = as_callable(decoder) if hidden else decoder
    whole = measure(given, z, x, rule, max_order=2, tol=1e-3)
    monkeypatch.setattr(dependency, "MAX_FLOATS", 1)
    parts = measure(given, z, x, rule, max_order=2, tol=1e-3)
    for mine, theirs in zip(whole, parts, strict=True):
        assert_close(mine, theirs)


@every_backbone
def test_no_pass_is_larger_than_memory_allows(fresh, z, x, rule, backbone, monkeypatch):
    decoder, rows = fresh(backbone, 1, False).double(), []
    step = decoder.step
    monkeypatch.setattr(dependency, "MAX_FLOATS", 16 * 4 * 4 * 100)
    monkeypatch.setattr(
        decoder, "step", lambda state, x: rows.append(len(x)) or step(state, x)
    )
    measure(decoder, z.repeat(9, 1), x.repeat(9, 1, 1), gauss_legendre(36, 16),
            max_order=1, tol=1e-3)  # fmt: skip
    assert max(rows) <= 16 * 4
    assert len(rows) > 4 * T


@every_backbone
@pytest.mark.parametrize(
    "mode", [torch.no_grad, torch.inference_mode, torch.enable_grad]
)
@pytest.mark.parametrize("hidden", [False, True])
def test_the_mode_of_the_caller_does_not_matter(
    fresh, z, x, rule, backbone, mode, hidden
):
    decoder = fresh(backbone, 1, False).double()
    given = as_callable(decoder) if hidden else decoder
    usual = measure(given, z, x, rule, max_order=1, tol=1e-3).global_
    with mode():
        assert_close(measure(given, z, x, rule, max_order=1, tol=1e-3).global_, usual)


@every_backbone
def test_threads_measure_as_one_does(fresh, z, x, rule, backbone):
    decoder = fresh(backbone, 1, False).double()

    def figures(_):
        return measure(decoder, z, x, rule, max_order=1, tol=1e-3).global_

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(figures, range(12)):
            assert torch.equal(found, figures(0))


def test_no_gradient_is_kept(fresh, z, x, rule):
    decoder = fresh(lstm, 1, False).double()
    found = measure(as_callable(decoder), z, x, rule, max_order=1, tol=1e-3)
    assert not any(part.requires_grad for part in found)
    assert all(parameter.grad is None for parameter in decoder.parameters())


@every_backbone
def test_a_longer_series_has_the_same_beginning(fresh, z, x, rule, backbone):
    decoder = fresh(backbone, 1, False).double()
    whole = measure(decoder, z, x, rule, max_order=2, tol=FIXED)
    short = measure(decoder, z, x[:, :4], rule, max_order=2, tol=FIXED)
    assert_close(short.global_, whole.global_[:, :4])
    assert_close(short.local, whole.local[:, :4])


def test_the_rules_integrate_polynomials():
    nodes, weights = gauss_legendre(3, 4)
    assert nodes.shape == (3, 4)
    for power in range(8):
        integral = (weights * nodes**power).sum(1)
        assert_close(integral, torch.full((3,), 1 / (power + 1), dtype=torch.float64))
    assert_close(monte_carlo(torch.ones(2, 5)).weights, torch.full((2, 5), 0.2))
