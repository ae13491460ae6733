import torch
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import B, C, K, T, torch_mixture
from tsgen.nn.likelihoods import Mixture, standard_normal_log_prob


def test_the_log_density_of_a_mixture_is_that_of_torch(mixture, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    assert_close(mixture.log_prob(x), torch_mixture(mixture).log_prob(x))


def test_draws_of_a_mixture_have_its_distribution():
    logits = torch.tensor([[0.5], [-1.0], [0.0]], dtype=torch.float64)
    mean = torch.tensor([[-2.0], [0.0], [5.0]], dtype=torch.float64)
    scale = torch.tensor([[0.3], [1.0], [0.5]], dtype=torch.float64)
    mixture = Mixture(logits.log_softmax(dim=-2), mean, scale)
    n = 500
    middles = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    probability, within = torch.cartesian_prod(middles, middles).unbind(dim=1)
    rows = Mixture(*(part.expand(n * n, 3, 1) for part in mixture[:3]))
    drawn = rows.draw(probability[:, None], torch.special.ndtri(within)[:, None])
    cdf = torch_mixture(mixture).cdf(drawn.sort(dim=0).values)[:, 0]
    expected = (torch.arange(n * n, dtype=torch.float64) + 0.5) / n**2
    assert_close(cdf, expected, atol=2 / n, rtol=0)


def test_without_noise_a_mixture_gives_the_mean_of_its_likeliest_component(mixture):
    likeliest = mixture.log_weight.argmax(dim=-2, keepdim=True)
    found = mixture.draw(torch.full((B, T, C), 0.5), torch.zeros(B, T, C))
    assert_close(found, mixture.mean.gather(-2, likeliest)[..., 0, :])


def test_a_mixture_of_one_component_is_a_normal(gaussian, normals):
    eps = normals(B, T, 2, C, seed=1, dtype=torch.float64)
    x, zeros = eps[..., 0, :], torch.zeros_like(gaussian.mean)
    one = Mixture(*(part[..., None, :] for part in (zeros, *gaussian)))
    assert_close(one.log_prob(x), gaussian.log_prob(x))
    drawn = one.draw(torch.special.ndtr(x), eps[..., 1, :])
    assert torch.equal(drawn, gaussian.draw(eps))
    assert_close(one.divergence(), gaussian.divergence(x))


def test_draws_do_not_magnify_rounding(mixture, normals):
    n = 4000
    chosen, deviation = normals(2, n, C, dtype=torch.float64)
    rows = Mixture(*(part[0, 0].expand(n, K, C) for part in mixture[:3]))
    noise = torch.special.ndtr(chosen), deviation
    rounded = rows._replace(log_weight=rows.log_weight * (1 + 1e-7))
    assert torch.equal(rounded.draw(*noise), rows.draw(*noise))


def test_the_divergence_of_a_mixture_is_bounded_from_above(mixture, normals):
    probability = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    rows = Mixture(*(part[0, 0, :, :1].expand(4000, K, 1) for part in mixture[:3]))
    deviation = normals(4000, 1, seed=1, dtype=torch.float64)
    x = rows.draw(probability[:, None], deviation)
    estimate = (rows.log_prob(x) - standard_normal_log_prob(x)).mean()
    assert 0 < estimate < mixture.divergence()[0, 0, 0]
