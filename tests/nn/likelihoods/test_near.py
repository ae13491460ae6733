import pytest
import torch
from torch.testing import assert_close

from tsgen.nn.likelihoods.near import Near


def test_values_are_expected_where_an_autoregression_of_their_changes_is(normals):
    memory = 0.9
    shocks = normals(200_000, dtype=torch.float64) * (1 - memory**2) ** 0.5
    x = torch.zeros(200_000, dtype=torch.float64)
    for t in range(1, len(x)):
        x[t] = memory * x[t - 1] + shocks[t]
    change = x.diff().abs().median()
    near = Near.after(torch.ones(1), change.float()[None])
    assert near.middle.item() == pytest.approx(memory, abs=0.01)
    apart = normals(200_000, seed=1).diff().abs().median()[None]
    assert Near.after(torch.ones(1), apart).middle.item() == pytest.approx(0, abs=0.01)
    unknown_before = Near.after(torch.tensor([torch.nan]), torch.tensor([0.1]))
    assert unknown_before.middle.item() == 0.0
    assert unknown_before.change.item() == 1.0


def test_half_of_the_normals_are_near_the_last_value():
    near = Near(torch.zeros(2), torch.tensor([2.0, 0.0]), torch.tensor([0.01, 1.0]))
    mean, scale = torch.ones(3, 2), torch.full((3, 2), 0.5)
    placement = near.placement(
        torch.arange(3) < 2, min_scale=0.1, narrowest=torch.zeros(2)
    )
    mean, scale = placement.placed(mean, scale)
    assert_close(mean, torch.tensor([[2.1, 1.0], [2.1, 1.0], [1.0, 1.0]]))
    assert_close(scale, torch.tensor([[0.006, 0.6], [0.006, 0.6], [0.6, 0.6]]))
    assert_close(near.news(torch.tensor([2.1, 0.3])), torch.tensor([1.0, 0.3]))


def test_news_of_a_jump_is_bounded():
    near = Near.after(torch.zeros(1), torch.tensor([1e-4]))
    assert near.news(torch.tensor([[0.01], [1.0], [-3.0], [torch.nan]])).tolist() == [
        [1.0],
        [4.0],
        [-4.0],
        [0.0],
    ]
