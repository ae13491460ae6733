"""Samplers, tested without training.

For normal data the exact denoiser is linear, E[z0 | z_level] has a closed form, and the
whole chain is affine in its noise: its moments are known without drawing anything.
"""

import math
from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from tsgen.nn.noise import SCHEDULES, clean_from_noise, diffuse, linear_alpha_bar
from tsgen.nn.samplers import (
    ancestral_step,
    ddim_step,
    extrapolated_clean,
    log_snr_levels,
    reverse_chain,
    sample_latents,
    strided_levels,
)

N = 20_000
QUANTILE = 4.6  # standard errors; alpha = 1e-5 over the five moments of a 2-D normal
MEAN = torch.tensor([2.0, -1.0], dtype=torch.float64)
SCALES = torch.tensor([1.5, 0.8], dtype=torch.float64)
ANGLE = torch.tensor(0.5, dtype=torch.float64)
AXES = torch.stack(
    [
        torch.stack([ANGLE.cos(), -ANGLE.sin()]),
        torch.stack([ANGLE.sin(), ANGLE.cos()]),
    ]
)
COVARIANCE = AXES @ SCALES.square().diag() @ AXES.T


def exact_denoiser(alpha_bar, mean=MEAN, axes=AXES, scales=SCALES):
    """E[z0 | z_level] of normal data, along the axes of their covariance."""

    def predict_clean(z, level):
        kept = alpha_bar[level][:, None]
        noisy = kept * scales.square() + 1 - kept
        gain = kept.sqrt() * scales.square() / noisy
        return mean + (gain * ((z - kept.sqrt() * mean) @ axes)) @ axes.T

    return predict_clean


def assert_moments(z, mean, covariance, bias=0.0):
    """Compare sample moments with the true ones, within Monte-Carlo error.

    `bias` is what the finite number of steps may take from the variance, as a share.
    """
    error = covariance.diag().sqrt() / math.sqrt(len(z))
    assert ((z.mean(0) - mean).abs() < QUANTILE * error).all()
    variance = covariance.diag()
    error = (variance.outer(variance) + covariance.square()).sqrt() / math.sqrt(len(z))
    margin = QUANTILE * error + bias * variance.max()
    assert ((z.T.cov() - covariance).abs() < margin).all()


def affine_moments(run, n_steps, ancestral):
    """Mean and variance of what a chain in one dimension makes of normal noise.

    `run` is affine in z and in eps, so unit impulses give its coefficients.
    """
    n_inputs = 1 + n_steps * ancestral
    impulses = torch.cat([torch.zeros(1, n_inputs), torch.eye(n_inputs)]).double()
    eps = impulses[:, 1:].T[:, :, None] if ancestral else None
    z = run(impulses[:, :1], eps)[:, 0]
    return z[0].item(), (z[1:] - z[0]).square().sum().item()


# levels


def by_log_snr(n_levels, n_steps, stop, schedule="cosine"):
    return log_snr_levels(SCHEDULES[schedule](n_levels), n_steps, stop)


@pytest.mark.parametrize("spaced", [strided_levels, by_log_snr])
@pytest.mark.parametrize("n_steps", [1, 3, 7, 20])
def test_a_chain_runs_from_the_last_level_down_to_its_stop(n_steps, spaced):
    stop = torch.tensor([0, 1, 5, 19, 20])
    levels = spaced(20, n_steps, stop)
    assert levels.shape == (n_steps + 1, 5)
    assert (levels[0] == 20).all()
    assert torch.equal(levels[-1], stop)
    assert (levels.diff(dim=0) <= 0).all()


@pytest.mark.parametrize("n_levels", [2, 3, 10, 1000])
def test_as_many_steps_as_levels_visit_every_level(n_levels):
    stop = torch.tensor([0, n_levels // 2])
    whole, half = strided_levels(n_levels, n_levels, stop).T
    assert whole.tolist() == list(range(n_levels, -1, -1))
    assert set(half.tolist()) == set(range(n_levels // 2, n_levels + 1))


def test_every_chain_to_level_0_always_moves():
    """A row that waits at level 0 would divide zero by zero."""
    stop = torch.zeros(1, dtype=torch.long)
    for n_levels in range(1, 40):
        for n_steps in range(1, n_levels + 1):
            assert (strided_levels(n_levels, n_steps, stop).diff(dim=0) < 0).all()
            for schedule in SCHEDULES:
                levels = by_log_snr(n_levels, n_steps, stop, schedule)
                assert (levels[:-1] > 0).all()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("stop", [0, 50])
def test_levels_are_even_in_the_log_of_the_signal(schedule, stop):
    levels = by_log_snr(1000, 30, torch.tensor([stop]), schedule)[1:-1, 0]
    log_snr = SCHEDULES[schedule](1000).double().logit()
    first, last = log_snr[999], log_snr[max(stop, 1)]
    even = first + (last - first) * torch.arange(1, 30) / 30
    gap = log_snr[levels - 1] - log_snr[levels + 1]  # to the neighbours on both sides
    assert ((log_snr[levels] - even).abs() <= gap / 2)[levels < 999].all()


def test_strides_are_even():
    levels = strided_levels(1000, 30, torch.tensor([0, 50]))
    stride = (1000 - torch.tensor([0, 50])) / 30
    assert ((levels.diff(dim=0) + stride).abs() <= 1).all()


# single steps


@pytest.fixture
def step(normals):
    """Latent, prediction and noise between levels 1 ... 10 and the one below each."""
    z, z0_hat, eps = normals(3, 10, 3, dtype=torch.float64)
    alpha_bar = linear_alpha_bar(10)
    return z, z0_hat, alpha_bar[1:], alpha_bar[:-1], eps


def test_a_step_between_neighbours_is_equation_4(step):
    z, eps_back, kept, kept_next, eps = step
    alpha = (kept / kept_next)[:, None]
    beta, left = 1 - alpha, 1 - kept[:, None]
    mean = (z - beta / left.sqrt() * eps_back) / alpha.sqrt()
    variance = (1 - kept_next[:, None]) / left * beta
    found = ancestral_step(z, clean_from_noise(z, kept, eps_back), kept, kept_next, eps)
    assert_close(found, mean + variance.sqrt() * eps, rtol=1e-9, atol=1e-9)


def test_a_long_step_is_the_posterior_of_the_forward_process(normals):
    """Condition the joint normal of two levels on the upper one."""
    z, z0, eps = normals(3, 1, 2, dtype=torch.float64)
    here, there = torch.tensor([[0.2], [0.7]], dtype=torch.float64)
    ratio = here / there
    covariance = ratio.sqrt() * (1 - there)
    gain = covariance / (1 - here)
    mean = there.sqrt() * z0 + gain * (z - here.sqrt() * z0)
    variance = 1 - there - gain * covariance
    found = ancestral_step(z, z0, here, there, eps)
    assert_close(found, mean + variance.sqrt() * eps)


def test_an_ancestral_step_with_the_truth_stays_on_the_forward_process(normals):
    z0, eps, other = normals(3, N, 1)
    here, there = torch.full((2, N), 0.1)
    there = there + 0.6
    z = ancestral_step(diffuse(z0 * 0 + 2, here, eps), z0 * 0 + 2, here, there, other)
    assert_moments(
        z.double(),
        torch.tensor([2 * math.sqrt(0.7)]).double(),
        torch.tensor([[0.3]]).double(),
    )


def test_a_ddim_step_with_the_truth_keeps_the_noise(normals):
    z0, eps = normals(2, 5, 3, dtype=torch.float64)
    here, there = torch.tensor([[0.2] * 5, [0.7] * 5], dtype=torch.float64)
    found = ddim_step(diffuse(z0, here, eps), z0, here, there)
    assert_close(found, diffuse(z0, there, eps))


def test_a_step_of_second_order_is_that_of_dpm_solver(normals):
    """Algorithm 2 of Lu et al. 2022, in its own terms: r, h and D."""
    z, z0_hat, z0_last = normals(3, 5, 2, dtype=torch.float64)
    last, here, there = torch.tensor([[0.05] * 5, [0.2] * 5, [0.7] * 5]).double()
    half = [0.5 * (kept / (1 - kept)).log()[:, None] for kept in (last, here, there)]
    h = half[2] - half[1]
    r = (half[1] - half[0]) / h
    D = (1 + 1 / (2 * r)) * z0_hat - z0_last / (2 * r)
    noise = ((1 - there) / (1 - here)).sqrt()[:, None]
    expected = noise * z - there.sqrt()[:, None] * torch.expm1(-h) * D
    further = extrapolated_clean(z0_hat, z0_last, last, here, there)
    assert_close(ddim_step(z, further, here, there), expected)


@pytest.mark.parametrize(
    "kept",
    [(0.1, 0.2, 1.0), (0.1, 0.2, 0.2), (0.2, 0.2, 0.7), (0.0, 0.2, 0.7)],
    ids=["to level 0", "equal levels", "after equal levels", "from no signal"],
)
def test_nothing_is_extrapolated_where_levels_are_infinitely_far_or_equal(
    normals, kept
):
    z0_hat, z0_last = normals(2, 5, 2)
    last, here, there = torch.tensor(kept)[:, None].expand(3, 5)
    found = extrapolated_clean(z0_hat, z0_last, last, here, there)
    assert torch.equal(found, z0_hat)


@pytest.mark.parametrize("level", [1, 5, 10])
def test_a_step_between_equal_levels_is_the_identity(step, level):
    z, z0_hat, _, _, eps = step
    kept = linear_alpha_bar(10)[level].expand(10)
    assert_close(ancestral_step(z, z0_hat, kept, kept, eps), z)
    assert_close(ddim_step(z, z0_hat, kept, kept), z)


def test_the_last_step_returns_the_prediction_without_noise(step):
    z, z0_hat, kept, _, eps = step
    clean = torch.ones_like(kept)
    assert_close(ancestral_step(z, z0_hat, kept, clean, eps), z0_hat)
    assert_close(ddim_step(z, z0_hat, kept, clean), z0_hat)


# whole chains


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("n_levels", "n_steps"), [(200, 200), (1000, 200)])
@pytest.mark.parametrize("stop", [0, 20])
def test_ddim_samples_have_the_moments_of_the_data(
    normals, schedule, n_levels, n_steps, stop
):
    alpha_bar = SCHEDULES[schedule](n_levels)
    z = sample_latents(
        exact_denoiser(alpha_bar),
        normals(N, 2, dtype=torch.float64),
        torch.full((N,), stop),
        alpha_bar,
        n_steps,
    )
    kept = alpha_bar[stop]
    identity = torch.eye(2).double()
    covariance = kept * COVARIANCE + (1 - kept) * identity
    assert_moments(z, kept.sqrt() * MEAN, covariance, bias=0.02)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("n_levels", "n_steps"), [(200, 200), (1000, 200)])
@pytest.mark.parametrize("stop", [0, 20])
def test_ancestral_samples_have_the_moments_of_the_data(
    normals, schedule, n_levels, n_steps, stop
):
    alpha_bar = SCHEDULES[schedule](n_levels)
    z = sample_latents(
        exact_denoiser(alpha_bar),
        normals(N, 2, dtype=torch.float64),
        torch.full((N,), stop),
        alpha_bar,
        n_steps,
        normals(n_steps, N, 2, seed=1),
    )
    kept = alpha_bar[stop]
    identity = torch.eye(2).double()
    covariance = kept * COVARIANCE + (1 - kept) * identity
    assert_moments(z, kept.sqrt() * MEAN, covariance, bias=0.05)


def chain_errors(schedule, stop=0, ancestral=False, second_order=False):
    """Errors of mean and variance in one dimension, each with twice the steps."""
    alpha_bar, one = SCHEDULES[schedule](1000), torch.ones(1, 1).double()
    predict_clean = exact_denoiser(alpha_bar, 3 * one[0], one, 2 * one[0])
    kept, errors = alpha_bar[stop], []
    for n_steps in (10, 20, 40, 80, 160):

        def run(z, eps, n_steps=n_steps):
            return sample_latents(
                predict_clean,
                z,
                torch.full((len(z),), stop),
                alpha_bar,
                n_steps,
                eps,
                second_order=second_order,
            )

        mean, variance = affine_moments(run, n_steps, ancestral)
        truth = 3 * kept.sqrt(), 4 * kept + 1 - kept
        errors.append(float(abs(mean - truth[0]) + abs(variance - truth[1])))
    return errors


@pytest.mark.parametrize("ancestral", [True, False], ids=["ancestral", "ddim"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_error_of_a_chain_falls_with_its_steps(schedule, ancestral):
    errors = chain_errors(schedule, ancestral=ancestral)
    ratios = [new / old for old, new in pairwise(errors)]
    assert max(ratios) < 0.7
    assert errors[-1] < errors[0] / 8


@pytest.mark.parametrize("stop", [0, 100])
def test_a_chain_of_second_order_needs_fewer_steps(stop):
    first = chain_errors("cosine", stop)
    second = chain_errors("cosine", stop, second_order=True)
    assert max(new / old for old, new in pairwise(second[1:])) < 0.3
    assert second[-1] < second[0] / 100  # with 16 times as many steps
    assert second[0] < 0.35 * first[0]
    assert second[2] < 0.2 * first[2]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("n_steps", "bias"), [(25, 0.04), (50, 0.015)])
def test_a_chain_of_second_order_keeps_variances_of_all_sizes(schedule, n_steps, bias):
    variances = torch.tensor([10, 1, 0.1, 0.01]).double()
    alpha_bar = SCHEDULES[schedule](1000)

    def predict_clean(z, level):  # of normal latents, exactly
        kept = alpha_bar[level].double()[:, None]
        return kept.sqrt() * variances / (kept * variances + 1 - kept) * z

    one, stop = torch.ones(1, 4).double(), torch.zeros(1, dtype=torch.long)
    z = sample_latents(predict_clean, one, stop, alpha_bar, n_steps, second_order=True)
    assert_close(z[0].square(), variances, rtol=bias, atol=0)


def test_rows_stop_at_levels_of_their_own(normals):
    alpha_bar = linear_alpha_bar(100)
    predict_clean = exact_denoiser(alpha_bar)
    z, stop = normals(3, 2, dtype=torch.float64), torch.tensor([0, 10, 50])
    together = sample_latents(predict_clean, z, stop, alpha_bar, 30)
    for row in range(3):
        alone = sample_latents(
            predict_clean, z[row : row + 1], stop[row : row + 1], alpha_bar, 30
        )
        assert_close(together[row : row + 1], alone)


def test_the_denoiser_is_asked_at_the_level_of_each_latent(normals):
    asked = []

    def predict_clean(z, level):
        asked.append(level)
        return z

    levels = strided_levels(10, 5, torch.tensor([0, 4]))
    list(reverse_chain(predict_clean, normals(2, 1), levels, linear_alpha_bar(10)))
    assert torch.equal(torch.stack(asked), levels[:-1])


def test_a_chain_yields_its_latents_after_every_transition(normals):
    alpha_bar, z = linear_alpha_bar(10), normals(2, 2, dtype=torch.float64)
    levels = strided_levels(10, 4, torch.tensor([0, 2]))
    predict_clean = exact_denoiser(alpha_bar)
    yielded = list(reverse_chain(predict_clean, z, levels, alpha_bar))
    assert len(yielded) == 4
    last = sample_latents(predict_clean, z, levels[-1], alpha_bar, 4)
    assert torch.equal(yielded[-1], last)
