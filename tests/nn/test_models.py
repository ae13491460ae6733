import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close

from tsgen.nn.decoders import delayed
from tsgen.nn.encoders import reparameterize
from tsgen.nn.models import folded
from tsgen.nn.noise import diffuse

B, T, C, K = 12, 5, 2, 4

every_posterior = pytest.mark.parametrize("posterior", ["deterministic", "gaussian"])
every_backbone = pytest.mark.parametrize("backbone", ["lstm", "transformer"])


@pytest.fixture
def x(normals):
    return normals(B, T, C)


@pytest.fixture
def calibrated(make_model, x):
    def make(**options):
        model = make_model(**options).eval()
        model.calibrate(x)
        return model.requires_grad_(False)

    return make


# building


@every_posterior
@every_backbone
@pytest.mark.parametrize("denoiser", ["mlp", "unet"])
@pytest.mark.parametrize("skip", [False, True])
def test_a_model_builds_from_its_options_and_its_seed_alone(
    make_model, posterior, backbone, denoiser, skip
):
    first, again, other = (
        make_model(
            seed=seed,
            posterior=posterior,
            backbone=backbone,
            denoiser=denoiser,
            skip_connections=skip,
            n_layers=2,
        ).state_dict()
        for seed in (0, 0, 1)
    )
    assert_close(first, again, rtol=0, atol=0)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@every_posterior
def test_a_model_knows_its_sizes(make_model, posterior):
    model = make_model(posterior=posterior, latent_size=7, n_levels=20)
    assert (model.latent_size, model.n_levels) == (7, 20)
    assert len(model.alpha_bar) == 21


@every_posterior
@every_backbone
def test_a_state_makes_an_equal_model(calibrated, make_model, x, posterior, backbone):
    options = {"posterior": posterior, "backbone": backbone}
    model, other = calibrated(**options), make_model(seed=1, **options).eval()
    other.load_state_dict(model.state_dict())
    z, level = model.encode(x)[0], torch.full((B,), 3)
    assert torch.equal(other.encode(x)[0], z)
    assert torch.equal(
        other.predict_in_range(z, level), model.predict_in_range(z, level)
    )
    noise = torch.zeros(B, T, C)
    assert torch.equal(other.generate(z, noise), model.generate(z, noise))


@every_posterior
@every_backbone
def test_a_model_works_in_float64(calibrated, x, posterior, backbone):
    model = calibrated(posterior=posterior, backbone=backbone)
    single = model.decode(model.encode(x)[0], delayed(x)).mean
    model, x = model.double(), x.double()
    double = model.decode(model.encode(x)[0], delayed(x)).mean
    assert double.dtype == torch.float64
    assert_close(double.float(), single, rtol=1e-3, atol=1e-4)


# calibration


def test_calibrated_latents_have_mean_0_and_variance_1(calibrated, x):
    v, _ = calibrated().encode(x)
    assert_close(v.mean(0), torch.zeros(K), rtol=0, atol=1e-5)
    assert_close(v.var(0, unbiased=False), torch.ones(K), rtol=1e-2, atol=0)


def test_the_scale_of_a_posterior_counts_its_spread(calibrated, x, normals):
    """Law of total variance, against many draws; n = 24,000, alpha = 1e-5."""
    model = calibrated(posterior="gaussian")
    mean, log_scale = (part.repeat(2000, 1) for part in model.encode(x))
    z0 = model.posterior.to_diffusion(
        reparameterize(mean, log_scale, normals(2000 * B, K))
    )
    assert (z0.mean(0).abs() < 4.8 / 24_000**0.5).all()
    assert ((z0.var(0) - 1).abs() < 4.8 * (2 / 24_000) ** 0.5).all()


def test_clean_latents_range_over_those_of_training(calibrated, x):
    model = calibrated()
    low, high = model.encode(x)[0].aminmax(dim=0)
    assert_close(model.latent_range, torch.stack([low, high]))


def test_clean_latents_of_a_posterior_range_over_three_standard_deviations(
    calibrated, x
):
    model = calibrated(posterior="gaussian")
    mean, log_scale = model.encode(x)
    ends = [model.posterior.to_diffusion(mean + n * log_scale.exp()) for n in (-3, 3)]
    assert_close(model.latent_range, torch.stack([ends[0].amin(0), ends[1].amax(0)]))


def test_series_range_a_tenth_of_their_width_beyond_those_of_training(calibrated, x):
    low, high = x.flatten(0, 1).aminmax(dim=0)
    margin = (high - low) / 10
    assert_close(calibrated().series_range, torch.stack([low - margin, high + margin]))


@every_posterior
def test_calibration_does_not_depend_on_the_batch_size(calibrated, x, posterior):
    model = calibrated(posterior=posterior)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.calibrate(x, batch_size=5)
    assert_close(dict(model.named_buffers()), before)


@every_posterior
def test_cached_latents_are_those_of_the_encoder(calibrated, x, posterior):
    model = calibrated(posterior=posterior)
    wanted = tuple(part for part in model.encode(x) if part is not None)
    assert_close(model.cached_latents(x, batch_size=5), wanted)


# prediction


@pytest.mark.parametrize("prediction", ["v", "epsilon"])
def test_a_perfect_denoiser_predicts_the_clean_latent(make_model, normals, prediction):
    model = make_model(prediction=prediction).double()
    z0, eps = normals(2, 10, K, dtype=torch.float64)
    level = torch.arange(1, 11)
    kept = model.alpha_bar[level][:, None]
    v = kept.sqrt() * eps - (1 - kept).sqrt() * z0
    model.denoiser.forward = lambda z, level, *_: v if prediction == "v" else eps
    z = diffuse(z0, kept[:, 0], eps)
    assert_close(model.predict_clean(z, level), z0, rtol=1e-6, atol=1e-6)


def test_predictions_for_sampling_stay_in_the_range_of_training(calibrated, normals):
    model = calibrated()
    z, level = 100 * normals(50, K), torch.full((50,), 5)
    found = model.predict_in_range(z, level)
    low, high = model.latent_range
    assert ((found >= low) & (found <= high)).all()
    assert not torch.equal(found, model.predict_clean(z, level))


# generation


@every_backbone
@pytest.mark.parametrize("skip", [False, True])
def test_generated_series_are_draws_given_their_own_past(
    calibrated, normals, backbone, skip
):
    model = calibrated(backbone=backbone, skip_connections=skip, n_layers=2).double()
    for ends in (model.series_range, model.change_range):
        ends[0], ends[1] = -100, 100
    z, eps = normals(B, K).double(), normals(B, T, 2, C, seed=1).double()
    x = model.generate(z, eps)
    assert_close(x, model.decode(z, delayed(x, torch.nan)).draw(eps))


@every_backbone
def test_generated_series_stay_in_their_range(calibrated, normals, backbone):
    model = calibrated(backbone=backbone)
    x = model.generate(normals(B, K), 1e6 * normals(B, T, 2, C, seed=1))
    low, high = model.series_range
    assert ((x >= low) & (x <= high)).all()


@every_backbone
def test_steps_of_a_mixture_are_not_longer_than_in_training(
    calibrated, normals, x, backbone
):
    model = calibrated(backbone=backbone, likelihood="mixture")
    ends = 1.2 * torch.stack(x.flatten(0, 1).aminmax(dim=0))
    model.likelihood.set_ends(ends, torch.zeros(C))
    model.calibrate(x)
    changes = x.diff(dim=1).flatten(0, 1)
    low, high = changes.aminmax(dim=0)
    margin = (high - low) / 10
    assert_close(model.change_range, torch.stack([low - margin, high + margin]))
    model.change_range /= 10
    samples = model.generate(normals(B, K), 3 * normals(B, T, 2, C, seed=1))
    assert (samples[:, 0].std(0) > (high - low) / 10).all()  # the first is free
    found = samples.diff(dim=1).flatten(0, 1)
    low, high = model.change_range
    assert ((found > low - 1e-6) & (found < high + 1e-6)).all()
    assert ((found < 0.9 * low) | (found > 0.9 * high)).float().mean() < 0.2


@pytest.mark.parametrize(
    ("change", "ends", "expected"),
    [
        (0.7, (-1.0, 2.0), 0.7),
        (2.5, (-1.0, 2.0), 0.5),
        (-5.25, (-1.0, 2.0), -0.25),
        (3.0, (-1.0, 0.0), 0.0),
        (-3.25, (0.5, 2.0), 1.25),
        (7.0, (0.5, 2.0), 1.0),
        (0.25, (-2.0, -0.5), -1.25),
        (7.0, (0.5, 0.5), 0.5),
        (7.0, (0.0, 0.0), 0.0),
    ],
)
def test_a_change_beyond_its_range_is_folded_into_it(change, ends, expected):
    found = folded(*(torch.tensor([number]) for number in (change, *ends)))
    assert_close(found, torch.tensor([expected]))


@every_backbone
def test_generated_series_are_shorter_or_longer_as_the_noise_is(
    calibrated, normals, backbone
):
    model, z, eps = calibrated(backbone=backbone), normals(B, K), normals(B, 9, 2, C)
    assert_close(model.generate(z, eps)[:, :4], model.generate(z, eps[:, :4]))


def test_the_density_of_a_model_is_that_of_its_steps(calibrated, x, normals):
    model, z = calibrated(), normals(B, K)
    likelihood = model.decode(z, delayed(x))
    assert_close(likelihood.log_prob(x), Normal(*likelihood).log_prob(x))


# discrete channels


@pytest.fixture
def make_mixed(make_model):
    """Return a function that makes a model of one continuous and one discrete channel.

    The values are -1, 0.5 and 2.
    """

    def make(**options):
        model = make_model(likelihood="mixture", n_values=(0, 3), **options).eval()
        model.likelihood.set_values(
            torch.tensor([[-1.0, 0.5, 2.0]]), torch.tensor([[0.2, 0.3, 0.5]])
        )
        ends = torch.tensor([[-5.0, -1.0], [5.0, 2.0]])
        model.likelihood.set_ends(ends, torch.zeros(2))
        for ends in (model.series_range, model.change_range):
            ends[0], ends[1] = -100, 100
        return model.requires_grad_(False)

    return make


@every_backbone
def test_generated_series_of_both_kinds_are_draws_given_their_own_past(
    make_mixed, normals, backbone
):
    model = make_mixed(backbone=backbone).double()
    z, eps = normals(B, K).double(), normals(B, T, 2, C, seed=1).double()
    x = model.generate(z, eps)
    assert_close(x, model.decode(z, delayed(x, torch.nan)).draw(eps))
    assert set(x[..., 1].unique().tolist()) == {-1.0, 0.5, 2.0}


@pytest.mark.parametrize("likelihood", ["mixture", "gaussian"])
def test_what_is_far_out_is_read_as_four_deviations(make_model, normals, likelihood):
    model = make_model(likelihood=likelihood).eval()
    z, x = normals(B, K), normals(B, T, C, seed=1)
    far, farther = x.clone(), x.clone()
    far[:, 1, 0], farther[:, 1, 0] = 40.0, 400.0
    one, other = (model.decode(z, delayed(part, torch.nan)) for part in (far, farther))
    found, same = one.log_prob(x), other.log_prob(x)
    only_read = slice(None)
    if likelihood == "mixture":  # half of its normals lie near the value itself
        weights = [part._given(x).mixture.log_weight[:, 2] for part in (one, other)]
        assert_close(*weights)
        only_read = slice(1, None)
    assert_close(found[:, 2, only_read], same[:, 2, only_read])
    far[:, 1, 0] = 3.0
    assert not torch.equal(
        model.decode(z, delayed(far, torch.nan)).log_prob(x)[:, 2], found[:, 2]
    )


def test_the_range_of_a_discrete_channel_is_that_of_its_values(make_mixed, x):
    model = make_mixed()
    x[..., 1] = 0.5  # of the part that was not held out
    model.calibrate(x)
    assert model.series_range[:, 1].tolist() == [-1.0, 2.0]
