import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal
from torch.testing import assert_close

from tsgen.nn.bounds import series_diffusion_bound
from tsgen.nn.diffusion import initialized
from tsgen.nn.noise import SCHEDULES, cosine_alpha_bar
from tsgen.nn.objectives import denoising_term, diffusion_terms
from tsgen.nn.samplers import sample_latents
from tsgen.nn.series_diffusion import build_series_diffusion

B, T, C = 12, 5, 2
OPTIONS = {
    "n_timesteps": T,
    "n_channels": C,
    "denoiser": "mlp",
    "hidden_size": 8,
    "n_layers": 2,
    "n_heads": 2,
    "n_levels": 10,
    "prediction": "v",
}

every_denoiser = pytest.mark.parametrize("denoiser", ["mlp", "transformer"])


@pytest.fixture
def make_series_model():
    def make(seed=0, schedule="cosine", **options):
        with torch.device("meta"):
            model = build_series_diffusion(**{**OPTIONS, **options})
        return initialized(model, SCHEDULES[schedule](model.n_levels), seed)

    return make


@pytest.fixture
def x(normals):
    return normals(B, T, C, dtype=torch.float64)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# the model


@every_denoiser
def test_a_model_builds_from_its_options_and_its_seed_alone(
    make_series_model, denoiser
):
    first, again, other = (
        make_series_model(seed, denoiser=denoiser).state_dict() for seed in (0, 0, 1)
    )
    assert_close(first, again, rtol=0, atol=0)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_model_knows_its_sizes(make_series_model):
    model = make_series_model(n_timesteps=7, n_levels=20)
    assert (model.width, model.n_levels) == (14, 20)


def test_the_range_of_an_entry_is_that_of_its_channel(make_series_model, x):
    model = make_series_model()
    model.calibrate(x)
    low, high = model.clean_range.unflatten(1, (T, C))
    lowest, highest = x.flatten(0, 1).aminmax(dim=0)
    margin = (highest - lowest) / 10
    for found, expected in ((low, lowest - margin), (high, highest + margin)):
        assert_close(found.double(), expected.expand(T, C), rtol=1e-5, atol=1e-5)


def test_predictions_for_sampling_stay_in_the_range(make_series_model, normals, x):
    model = make_series_model()
    model.calibrate(x)
    found = model.predict_in_range(100 * normals(B, T * C), torch.full((B,), 5))
    low, high = model.clean_range
    assert ((found >= low) & (found <= high)).all()


@every_denoiser
def test_the_loss_is_the_denoising_term_of_the_flattened_series(
    make_series_model, x, denoiser, assert_trainable
):
    model = make_series_model(denoiser=denoiser).double()
    terms = diffusion_terms(model, x, seeded())
    wanted = denoising_term(model, model.denoiser, x.flatten(1), seeded())
    assert terms == {"denoising": wanted}
    assert_trainable(terms["denoising"].value, model)


# exact for normal series


class NormalDenoiser(nn.Module):
    """E[v | x_level] where series are normal with a known covariance."""

    def __init__(self, alpha_bar, covariance):
        super().__init__()
        self.alpha_bar, self.covariance = alpha_bar, covariance

    def forward(self, x_level, level, condition=None):
        rows = []
        for row, kept in zip(x_level, self.alpha_bar[level], strict=True):
            noisy = kept * self.covariance + (1 - kept) * torch.eye(len(row)).to(row)
            clean = kept.sqrt() * self.covariance @ torch.linalg.solve(noisy, row)
            rows.append((kept.sqrt() * row - clean) / (1 - kept).sqrt())
        return torch.stack(rows)


@pytest.fixture
def exact(make_series_model, normals):
    """A model that knows the covariance of its series."""
    root = normals(T * C, T * C, seed=9, dtype=torch.float64) / math.sqrt(T * C)
    covariance = root @ root.T + 0.1 * torch.eye(T * C).double()
    model = make_series_model(n_levels=1000).double().requires_grad_(False)
    model.alpha_bar.copy_(cosine_alpha_bar(1000))
    model.denoiser = NormalDenoiser(model.alpha_bar, covariance)
    return model, covariance


def test_the_bound_lies_a_little_below_the_density_of_normal_series(exact):
    """The rest is the price of the chain's variances near the data, in every entry."""
    model, covariance = exact
    root = torch.linalg.cholesky(covariance)
    eps = torch.randn(40, T * C, generator=seeded(), dtype=torch.float64)
    x = (eps @ root.T).unflatten(1, (T, C))
    density = MultivariateNormal(torch.zeros(T * C).double(), covariance)
    gap = density.log_prob(x.flatten(1)) - series_diffusion_bound(
        model, x, torch.ones(C)
    )
    assert (gap > 0).all()
    assert gap.mean() < 0.6 * T * C
    assert gap.std() < 0.05 * T * C


def test_the_chain_draws_series_of_the_covariance(exact):
    model, covariance = exact
    model.series_range[0], model.series_range[1] = -100, 100
    start = torch.randn(1500, T * C, generator=seeded(), dtype=torch.float64)
    stop = torch.zeros(len(start), dtype=torch.long)
    x = sample_latents(model.predict_in_range, start, stop, model.alpha_bar, 50)
    assert_close(x.T.cov(), covariance, rtol=0, atol=0.2)


# the bound


def test_the_bound_is_deterministic_and_of_each_series_alone(make_series_model, x):
    model = make_series_model().double().eval()
    whole = series_diffusion_bound(model, x, torch.ones(C))
    assert torch.equal(whole, series_diffusion_bound(model, x, torch.ones(C)))
    assert_close(series_diffusion_bound(model, x[2:3], torch.ones(C)), whole[2:3])


def test_channels_that_do_not_vary_have_no_density(make_series_model, x):
    """Only the last transition, at level 1, leaves them out."""
    model = make_series_model().double().eval()
    model.denoiser.forward = lambda z, level, *_: torch.zeros_like(z)
    both, one = (
        series_diffusion_bound(model, x, torch.tensor(varies))
        for varies in ([True, True], [True, False])
    )
    kept = model.alpha_bar[1]
    scale = ((1 - kept) / kept).sqrt()
    # The velocity 0 predicts sqrt(kept) x_level, which is kept x and noise.
    left = x[:, :, 1]
    wanted = Normal(kept * left, scale).log_prob(left).sum(1) - 0.5 * kept**2 * T
    assert_close(both - one, wanted, rtol=0, atol=0.5 * T)
    assert (both - one).std() > 0


@pytest.mark.parametrize("n_levels", [2, 3])
@pytest.mark.parametrize("prediction", ["v", "epsilon"])
def test_chains_as_short_as_allowed_have_a_bound(
    make_series_model, x, n_levels, prediction
):
    model = make_series_model(n_levels=n_levels, prediction=prediction).double().eval()
    assert series_diffusion_bound(model, x, torch.ones(C)).isfinite().all()
