import pytest
import torch
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import B, C, H, T, after, nothing_before, unknown
from tsgen.nn.likelihoods.grid import Grid

SPACING = 0.5


@pytest.fixture
def rounded(recurring):
    """Give distributions that repeat, recur, and in the second channel have a grid."""
    grid = Grid(torch.tensor([0.0, 0.5]), torch.tensor([0.0, SPACING]))
    mixture = recurring.mixture
    wide = mixture._replace(scale=mixture.scale + SPACING / 2)
    previous = grid.nearest(recurring.previous, unknown(recurring.previous))
    recurs = recurring.recurring
    is_repeat = previous[..., 1:] == recurs.values
    recurs = recurs._replace(log_odds=recurs.log_odds.masked_fill(is_repeat, -1e4))
    parts = {"previous": previous, "mixture": wide, "recurring": recurs}
    return recurring._replace(grid=grid, **parts)


def test_probabilities_of_a_grid_sum_to_one(rounded):
    steps = SPACING * torch.arange(-200, 201, dtype=torch.float64)
    x = torch.zeros(B, T, C, dtype=torch.float64)
    total = sum(rounded.log_prob(x + step).exp() for step in steps)[..., 1]
    assert_close(total, torch.ones(B, T).double(), atol=0.02, rtol=0)


def test_a_channel_without_a_grid_has_its_density(rounded, normals):
    x = normals(B, T, C, seed=8, dtype=torch.float64)
    found, before = (
        part.log_prob(x) for part in (rounded, rounded._replace(grid=None))
    )
    assert torch.equal(found[..., 0], before[..., 0])
    assert (found != before)[..., 1].all()


def test_draws_are_on_the_grid_as_often_as_they_should(rounded):
    generator = torch.Generator().manual_seed(0)
    eps = torch.randn(4000, B, T, 2, C, generator=generator, dtype=torch.float64)
    x = torch.stack([rounded.draw(one) for one in eps])[..., 1]
    assert_close(x / SPACING, (x / SPACING).round())
    for value in (-1.0, 0.0, 0.5, 1.0, rounded.previous[1, 2, 1].item()):
        like = torch.full((B, T, C), value, dtype=torch.float64)
        expected = rounded.log_prob(like)[..., 1].exp()
        assert_close((x == value).double().mean(0), expected, atol=0.035, rtol=0)


def test_rounding_to_the_value_before_repeats_it_exactly():
    grid = Grid(torch.tensor([0.1]), torch.tensor([0.3]))
    previous = torch.tensor([[0.7 + 1e-6], [torch.nan], [5.0]])
    found = grid.nearest(torch.tensor([[0.6], [0.6], [0.6]]), previous)
    assert found[0] == previous[0]
    assert_close(found[1:], torch.full((2, 1), 0.7))


def test_normals_on_a_grid_are_not_narrower_than_half_its_spacing(
    make_mixture, normals
):
    likelihood = make_mixture(3, n_components=4)
    likelihood.set_grid(torch.zeros(3), torch.tensor([0.0, 0.6, 5.0]))
    h, x = normals(B, T, H, dtype=torch.float64), normals(B, T, 3).double()
    found = likelihood.conditionals(-1e3 * h.abs(), after(x), x)
    smallest = found.mixture.scale.amin((0, 1, 2))
    assert (smallest >= torch.tensor([0.0, 0.3, 2.5])).all()
    assert likelihood.has_density(x)[..., 0].all()
    assert not likelihood.has_density(x)[..., 1:].any()


def test_ranges_end_on_the_grid(make_mixture):
    likelihood = make_mixture(2)
    likelihood.set_grid(torch.tensor([0.25, 0.0]), torch.tensor([0.5, 0.0]))
    ends = torch.tensor([[-1.6, -1.3], [2.6, 2.3]], dtype=torch.float64)
    likelihood.set_ends(ends, torch.tensor([1.0, 0.0]))
    of_changes = torch.tensor([[-0.5, -0.5], [1.0, 1.0]], dtype=torch.float64)
    values, changes = likelihood.ranges(ends / 2, of_changes)
    assert_close(values, torch.tensor([[-1.25, -1.3], [2.25, 2.3]]).to(ends))
    assert_close(changes, torch.tensor([[-0.5, -0.65], [1.0, 1.15]]).to(ends))
    assert likelihood.limits[:, 0].tolist() == [-1.5, 2.5]  # half a spacing out


@pytest.mark.parametrize("n_values", [(), (0, 2, 0)])
def test_drawn_one_by_one_channels_have_their_grids(make_mixture, normals, n_values):
    likelihood = make_mixture(3, n_values=n_values)
    if n_values:
        likelihood.set_values(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
    likelihood.set_grid(torch.tensor([0.0, 0.0, 0.1]), torch.tensor([0.0, 0.0, 0.2]))
    h, eps = normals(B, H).double(), normals(B, 2, 3).double()
    x = likelihood(h, nothing_before(normals(B, 3).double())).draw(eps)
    steps = (x[:, 2] - 0.1) / 0.2
    assert_close(steps, steps.round())
    assert ((x[:, 0] / 0.2) % 1).min() > 1e-6
