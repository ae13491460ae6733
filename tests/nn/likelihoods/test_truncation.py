import math

import pytest
import scipy.stats
import torch
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import B, C, H, K, T, nothing_before, torch_mixture
from tsgen.nn.likelihoods import Mixture
from tsgen.nn.likelihoods.truncation import mass_between, truncated_quantile

ENDS = torch.tensor([[-0.7, 0.1], [1.1, 4.0]], dtype=torch.float64)


@pytest.fixture
def truncated(mixture):
    return mixture._replace(ends=ENDS)


def torch_mass(mixture):
    """Probability between the ends, by the distribution functions of torch."""
    low, high = (torch_mixture(mixture).cdf(end) for end in mixture.ends)
    return high - low


def test_a_truncated_mixture_is_what_lies_between_its_ends(truncated, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    whole = truncated._replace(ends=None).log_prob(x)
    is_inside = (x >= ENDS[0]) & (x <= ENDS[1])
    assert is_inside.any()
    assert not is_inside.all()
    expected = torch.where(is_inside, whole - torch_mass(truncated).log(), whole)
    found = truncated.log_prob(x) + math.log(1e3) * ~is_inside
    assert_close(found, expected)


def test_draws_of_a_truncated_mixture_have_its_distribution(truncated):
    n = 500
    middles = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    probability, within = torch.cartesian_prod(middles, middles).unbind(dim=1)
    deviation = torch.special.ndtri(within)[:, None].expand(-1, C)
    for row in (truncated._replace(**first) for first in firsts(truncated, n * n)):
        drawn = row.draw(probability[:, None].expand(-1, C), deviation)
        assert (drawn >= ENDS[0]).all()
        assert (drawn <= ENDS[1]).all()
        cdf = torch_mixture(row).cdf(drawn.sort(dim=0).values)
        cdf = (cdf - torch_mixture(row).cdf(ENDS[0])) / torch_mass(row)
        expected = (torch.arange(n * n, dtype=torch.float64) + 0.5) / n**2
        assert_close(cdf, expected[:, None].expand(-1, C), atol=2 / n, rtol=0)


def firsts(mixture, n):
    """Repeat the mixtures of some entries n times."""
    for row, step in ((0, 0), (1, 2)):
        parts = zip(mixture._fields[:3], mixture[:3], strict=True)
        yield {name: part[row, step].expand(n, K, C) for name, part in parts}


@pytest.mark.parametrize(("low", "high"), [(-1.0, 0.5), (3.0, 4.0), (-9.0, -8.0)])
def test_quantiles_of_a_truncated_normal_are_those_of_scipy(low, high):
    deviation = torch.linspace(-3, 3, 13, dtype=torch.float64)
    ends = torch.tensor([low, high], dtype=torch.float64).expand(13, 2).unbind(1)
    expected = scipy.stats.truncnorm(low, high).ppf(scipy.stats.norm.cdf(deviation))
    found = truncated_quantile(deviation, *ends)
    assert_close(found, torch.from_numpy(expected), atol=1e-8, rtol=1e-8)


def test_without_ends_a_truncated_normal_is_one(normals):
    deviation = normals(100, dtype=torch.float64)
    far = torch.full_like(deviation, torch.inf)
    assert_close(truncated_quantile(deviation, -far, far), deviation)
    assert (mass_between(-far, far) == 1).all()


@pytest.mark.parametrize("mean", [-50.0, 50.0])
def test_normals_beyond_the_ends_harm_neither_draws_nor_gradients(mean):
    ends = torch.tensor([[-1.0], [1.0]])
    logits = torch.zeros(4, K, 1, requires_grad=True)
    middle = torch.full((4, K, 1), mean, requires_grad=True)
    scale = torch.full((4, K, 1), 0.01, requires_grad=True)
    mixture = Mixture(logits.log_softmax(dim=-2), middle, scale, ends)
    x = torch.linspace(-1, 1, 4)[:, None]
    mixture.log_prob(x).sum().backward()
    assert all(part.grad.isfinite().all() for part in (logits, middle, scale))
    drawn = mixture.draw(torch.full((4, 1), 0.3), torch.linspace(-3, 3, 4)[:, None])
    assert_close(drawn, torch.full((4, 1), math.copysign(1.0, mean)))


def test_the_divergence_of_truncated_ones_is_bounded_from_above(truncated, normals):
    n = 4000
    probability = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    deviation = normals(n, C, seed=1, dtype=torch.float64)
    for first in firsts(truncated, n):
        rows = truncated._replace(**first)
        x = rows.draw(probability[:, None].expand(-1, C), deviation)
        estimate = (rows.log_prob(x) - rows.reference(x)).mean(dim=0)
        assert (estimate > 0).all()
        assert (estimate < rows.divergence()[0]).all()


def test_the_reference_of_truncated_ones_integrates_to_one(truncated):
    x = torch.linspace(0, 1, 20_001, dtype=torch.float64)[:, None]
    x = ENDS[0] + (ENDS[1] - ENDS[0]) * x
    density = truncated.reference(x).exp()
    assert_close(torch.trapezoid(density, x, dim=0), torch.ones(C).double())


@pytest.mark.parametrize("n_values", [(), (0, 2, 0)])
def test_only_channels_with_an_abrupt_end_are_truncated(
    make_mixture, normals, n_values
):
    likelihood = make_mixture(3, n_values=n_values)
    if n_values:
        likelihood.set_values(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
    h, x = normals(400, H).double(), normals(400, 3).double()
    x[:, 1] = 1.0
    eps = normals(400, 2, 3).double()
    past = nothing_before(x)
    whole = likelihood(h, past).log_prob(x)
    ends = torch.tensor([[-9.0, 0.0, -0.2], [9.0, 1.0, 9.0]], dtype=torch.float64)
    likelihood.set_ends(ends, torch.tensor([0.0, 0.0, 1.0]))
    found = likelihood(h, past)
    assert_close(found.log_prob(x)[:, :2], whole[:, :2])
    is_inside = x[:, 2] > -0.2
    assert (found.log_prob(x) > whole)[is_inside, 2].all()
    drawn = found.draw(eps)
    assert drawn[:, 2].min() > -0.2
    assert drawn[:, 0].min() < -0.2
    assert (drawn[:, 2] < 0).any()
