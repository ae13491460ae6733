import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from tsgen.nn.bounds import (
    antithetic_normals,
    chain_cost,
    chain_nodes,
    endpoint_kl,
    latent_diffusion_bound,
    normal_entropy,
    series_log_prob,
    stable_posterior_bound,
)
from tsgen.nn.noise import SCHEDULES, linear_alpha_bar

B, T, C, K = 5, 4, 2, 3

every_schedule = pytest.mark.parametrize("schedule", SCHEDULES)


def prior_denoiser(alpha_bar, variance=1.0):
    """E[z0 | z_level] when latents are N(0, variance I)."""

    def predict_clean(z, level):
        kept = alpha_bar[level][:, None]
        return kept.sqrt() * variance * z / (kept * variance + 1 - kept)

    return predict_clean


# parts


@pytest.mark.parametrize("kept", [0.999, 0.5, 1e-5])
def test_the_cost_of_the_last_level_is_a_divergence_of_torch(normals, kept):
    z0 = normals(B, K, dtype=torch.float64)
    kept = torch.tensor([kept], dtype=torch.float64)
    last = Normal(kept.sqrt() * z0, (1 - kept).sqrt())
    wanted = kl_divergence(last, Normal(0.0, 1.0)).sum(1)
    assert_close(endpoint_kl(z0, kept), wanted, rtol=1e-7, atol=1e-12)


def test_the_entropy_is_that_of_torch(normals):
    log_scale = normals(B, K, dtype=torch.float64)
    wanted = Normal(0.0, log_scale.exp()).entropy().sum(1)
    assert_close(normal_entropy(log_scale), wanted)


def test_antithetic_noise_comes_in_opposite_pairs_and_is_always_the_same():
    noise = antithetic_normals(4, 3, 2)
    assert noise.shape == (4, 3, 2)
    assert torch.equal(noise[:2], -noise[2:])
    assert torch.equal(noise, antithetic_normals(4, 3, 2))


def test_the_likelihood_of_a_series_leaves_channels_out_that_do_not_vary(
    make_model, normals
):
    model, x, z = make_model().eval(), normals(B, T, C), normals(B, 4, seed=1)
    both, first, second = (
        series_log_prob(model, z, x, torch.tensor(varies))
        for varies in ([True, True], [True, False], [False, True])
    )
    assert_close(first + second, both)


# the cost of a chain


@every_schedule
@pytest.mark.parametrize("stop", [1, 7, 50, 999])
@pytest.mark.parametrize("offset", [0.01, 0.5, 0.99])
def test_nodes_lie_between_the_stop_and_the_last_level(schedule, stop, offset):
    nodes = chain_nodes(SCHEDULES[schedule](1000), stop, 16, offset)
    assert nodes.levels.shape == (16,)
    assert nodes.levels.min() > stop
    assert nodes.levels.max() <= 1000
    assert (nodes.levels.diff() >= 0).all()


def transition_costs(alpha_bar, predict_clean, z0, stop, eps):
    """Divergence of every transition down to `stop`, from torch's distributions."""
    for level in range(len(alpha_bar) - 1, stop, -1):
        here, there = alpha_bar[level], alpha_bar[level - 1]
        beta = 1 - here / there
        scale = (beta * (1 - there) / (1 - here)).sqrt()
        z = here.sqrt() * z0 + (1 - here).sqrt() * eps

        def mean(clean, z=z, here=here, there=there, beta=beta):
            total = there.sqrt() * beta * clean
            total = total + (1 - beta).sqrt() * (1 - there) * z
            return total / (1 - here)

        z0_hat = predict_clean(z, torch.full((len(z0),), level))
        true, model = Normal(mean(z0), scale), Normal(mean(z0_hat), scale)
        yield kl_divergence(true, model).sum(1)


@every_schedule
@pytest.mark.parametrize("stop", [1, 5, 30])
@pytest.mark.parametrize("variance", [1.0, 0.2])
def test_the_cost_is_the_sum_over_all_transitions(normals, schedule, stop, variance):
    alpha_bar = SCHEDULES[schedule](100)
    z0, eps = normals(B, K).double(), normals(1, K, seed=1).double()
    predict_clean = prior_denoiser(alpha_bar, variance)
    parts = transition_costs(alpha_bar, predict_clean, z0, stop, eps)
    wanted = sum(parts) + endpoint_kl(z0, alpha_bar[-1:])
    nodes = chain_nodes(alpha_bar, stop, 2000)
    found = chain_cost(predict_clean, z0, nodes, alpha_bar, eps.expand(2000, K))
    assert_close(found, wanted, rtol=0.005, atol=0)


@every_schedule
def test_few_nodes_stand_for_the_whole_chain(normals, schedule):
    """The same noise at every node, so that only the choice of levels is tested."""
    alpha_bar = SCHEDULES[schedule](1000)
    z0, eps = normals(B, K).double(), normals(1, K, seed=1).double()
    predict_clean = prior_denoiser(alpha_bar, 0.5)
    few, many = (
        chain_cost(
            predict_clean, z0, chain_nodes(alpha_bar, 5, n), alpha_bar, eps.expand(n, K)
        )
        for n in (16, 4000)
    )
    assert_close(few, many, rtol=0.05, atol=0)


@every_schedule
@pytest.mark.parametrize("stop", [10, 50, 300])
def test_with_the_exact_denoiser_only_the_divergence_at_the_stop_is_paid(
    normals, schedule, stop
):
    """The reverse chain of a standard normal prior is exact as L and `stop` grow."""
    alpha_bar, width, n_nodes = SCHEDULES[schedule](1000), 2000, 200
    z0 = 1.5 * normals(2, width).double()
    eps = normals(n_nodes, width, seed=1).double()
    nodes = chain_nodes(alpha_bar, stop, n_nodes)
    found = chain_cost(prior_denoiser(alpha_bar), z0, nodes, alpha_bar, eps)
    assert_close(found, endpoint_kl(z0, alpha_bar[stop, None]), rtol=0.03, atol=0)


def test_a_chain_that_stops_at_the_last_level_pays_there_alone(normals):
    alpha_bar, z0 = linear_alpha_bar(4), normals(B, K).double()
    eps = normals(16, K, seed=1).double()
    nodes = chain_nodes(alpha_bar, 4)
    found = chain_cost(prior_denoiser(alpha_bar), z0, nodes, alpha_bar, eps)
    assert_close(found, endpoint_kl(z0, alpha_bar[-1:]))


# bounds, against the likelihood by integration over a latent of one dimension


class StandardNormalDenoiser(nn.Module):
    """Exact for latents that are standard normal: their velocity is 0 on average."""

    def forward(self, z_level, level, condition=None):
        return 0 * z_level


def chain_variances(alpha_bar):
    """Variance of the latent at every level of the reverse chain, exactly."""
    variance = torch.ones_like(alpha_bar)
    for level in range(len(alpha_bar) - 1, 1, -1):
        here, there = alpha_bar[level], alpha_bar[level - 1]
        beta, left = 1 - here / there, (1 - there) / (1 - here)
        gain = (1 - beta).sqrt() * left + (there * here).sqrt() * beta / (1 - here)
        variance[level - 1] = gain**2 * variance[level] + left * beta
    return variance


def log_likelihood(model, x, variance):
    """Integrate p(X | z) N(z; 0, variance) over a grid of latents; (B,)."""
    grid = torch.linspace(-9, 9, 1201).double()[:, None]
    columns = []
    for series in x:
        rows = series.expand(len(grid), -1, -1)
        log_prob = series_log_prob(model, grid, rows, torch.ones(1))
        prior = Normal(0.0, variance.sqrt()).log_prob(grid[:, 0])
        columns.append((log_prob + prior).logsumexp(0) + math.log(18 / 1200))
    return torch.stack(columns)


@pytest.fixture
def tiny(make_model, normals):
    """A model of a latent of one dimension with a chain that is known exactly."""

    def make(posterior):
        model = make_model(
            posterior=posterior, n_channels=1, latent_size=1, n_levels=40
        ).double()
        model.denoiser = StandardNormalDenoiser()
        model.alpha_bar.copy_(linear_alpha_bar(40))
        with torch.no_grad():
            for parameter in model.decoder.parameters():
                parameter.mul_(3)
        x = normals(40, 3, 1, dtype=torch.float64)
        model.eval().calibrate(x)
        return model.requires_grad_(False), x

    return make


@pytest.mark.parametrize("n_inference", [1, 4, 10])
def test_the_bound_of_the_stable_posterior_lies_below_the_likelihood(tiny, n_inference):
    model, x = tiny("deterministic")
    variances = chain_variances(model.alpha_bar)
    # Level 0: the last, noiseless step multiplies by sqrt(alpha_bar_1).
    variances[0] = model.alpha_bar[1] * variances[1]
    parts = [log_likelihood(model, x, v) for v in variances[: n_inference + 1]]
    exact = torch.stack(parts).logsumexp(0) - math.log(n_inference + 1)
    gap = exact - stable_posterior_bound(model, x, torch.ones(1), n_inference)
    assert (gap > 0).all()
    assert gap.mean() < 6


def test_the_bound_of_latent_diffusion_lies_below_the_likelihood(tiny):
    model, x = tiny("gaussian")
    kept = model.alpha_bar[1]
    variance = kept * chain_variances(model.alpha_bar)[1] + (1 - kept) / kept
    standardizer = model.posterior.standardizer
    standardizer.running_mean.zero_()
    standardizer.running_var.fill_(1 - standardizer.eps)
    gap = log_likelihood(model, x, variance) - latent_diffusion_bound(
        model, x, torch.ones(1)
    )
    assert gap.mean() > 0
    assert gap.mean() < 4


def test_the_bound_of_latent_diffusion_follows_from_moments(make_model, normals):
    """A decoder without a latent and a linear denoiser leave a closed form.

    With 2,000 independent entries of the latent, the average over them is sharp.
    """
    width = 2000
    model = make_model(posterior="gaussian", latent_size=width, n_levels=40)
    model = model.double().eval().requires_grad_(False)
    model.denoiser = StandardNormalDenoiser()
    model.decoder.initial_state.weight.zero_()
    standardizer = model.posterior.standardizer
    standardizer.running_mean.fill_(0.5)
    standardizer.running_var.fill_(4 - standardizer.eps)

    x = normals(B, T, C, dtype=torch.float64)
    mean, log_scale = model.encode(x)
    spread = log_scale.exp() / 2
    square = ((mean - 0.5) / 2).square() + spread.square()  # E (z0)^2
    kept = model.alpha_bar
    error = (1 - kept) ** 2 * square[..., None] + kept * (1 - kept)  # of z0_hat
    snr = kept[1:] / (1 - kept[1:])
    chain = -0.5 * (snr.diff() * error[..., 2:]).sum(-1)
    last = 0.5 * (kept[-1] * (square - 1) - torch.log1p(-kept[-1]))
    variance = (1 - kept[1]) / kept[1]
    first = -0.5 * (error[..., 1] / variance + (2 * math.pi * variance).log())
    entropy = Normal(0.0, spread).entropy()
    wanted = (entropy + first - chain - last).mean(1)

    log_prob = series_log_prob(model, mean, x, torch.ones(C))
    found = (latent_diffusion_bound(model, x, torch.ones(C)) - log_prob) / width
    assert_close(found, wanted, rtol=0, atol=0.05)


BOUNDS = {
    "deterministic": lambda model, x, varies: stable_posterior_bound(
        model, x, varies, 3
    ),
    "gaussian": latent_diffusion_bound,
}
every_bound = pytest.mark.parametrize("posterior", BOUNDS)


@pytest.fixture
def x(normals):
    return normals(B, T, C, dtype=torch.float64)


@every_bound
def test_a_bound_is_deterministic(make_model, x, posterior):
    model = make_model(posterior=posterior, dropout=0.5).double().eval()
    first, again = (BOUNDS[posterior](model, x, torch.ones(C)) for _ in range(2))
    assert torch.equal(first, again)


@every_bound
def test_the_bound_of_a_series_does_not_depend_on_the_batch(make_model, x, posterior):
    model = make_model(posterior=posterior).double().eval()
    alone = BOUNDS[posterior](model, x[2:3], torch.ones(C))
    together = BOUNDS[posterior](model, x, torch.ones(C))
    assert_close(alone, together[2:3], rtol=1e-10, atol=1e-10)


@every_bound
def test_the_bound_is_one_finite_number_per_series(make_model, x, posterior):
    model = make_model(posterior=posterior, prediction="epsilon").eval()
    bound = BOUNDS[posterior](model, x.float(), torch.ones(C))
    assert bound.shape == (B,)
    assert bound.isfinite().all()


@pytest.mark.parametrize(("n_levels", "n_inference"), [(2, 1), (2, 2), (4, 4), (8, 8)])
def test_chains_as_short_as_allowed_have_a_bound(make_model, x, n_levels, n_inference):
    model = make_model(n_levels=n_levels).double().eval()
    bound = stable_posterior_bound(model, x, torch.ones(C), n_inference)
    assert bound.isfinite().all()
