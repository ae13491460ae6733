import pytest
import torch
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import STRAIGHT, WIDE, H, straight_on
from tsgen.nn.decoders import Past, delayed


def test_what_goes_on_straight_has_a_probability_and_the_rest_a_density(channels):
    likelihood, h, past, x = channels
    x[..., STRAIGHT] = straight_on(past).nan_to_num(0.3)
    found = likelihood.conditionals(h, past, x)
    repeats = found.log_odds[..., STRAIGHT].sigmoid()
    log_odds = found.recurring.log_odds[..., 3]
    goes_on = (1 - repeats) * log_odds.sigmoid()
    there = ~past.change[..., STRAIGHT].isnan()
    assert there[:, 2:].all()
    assert not there[:, :2].any()
    log_prob = found.log_prob(x)[..., STRAIGHT]
    assert_close(log_prob[there].exp(), goes_on[there])
    density = found.mixture.log_prob(x)[..., STRAIGHT]
    other = torch.where(past.value[..., STRAIGHT].isnan(), 0, (1 - repeats).log())
    assert_close(log_prob[~there], (density + other)[~there])
    x[..., STRAIGHT] += 0.01
    found = likelihood.conditionals(h, past, x)
    assert not found.recurring.at(x)[..., 3].any()


def test_a_line_is_met_up_to_rounding(channels):
    likelihood, _, past, x = channels
    for off, meets in ((5e-4, True), (7e-4, False)):  # 3e-3 of a change of 0.2
        x[..., STRAIGHT] = straight_on(past) + off
        at = likelihood.recurring.at(x, likelihood.recurring.after(past))
        assert (at[:, 2:, 3] == meets).all()
        assert not at[:, :2, 3].any()


def test_no_line_goes_on_from_a_repeat_or_to_a_value_that_recurs(make_mixture):
    likelihood = make_mixture(2, n_recurring=(2, 0))
    values = torch.tensor([0.5, torch.nan], dtype=torch.float64)
    shares = torch.full((2,), 0.3, dtype=torch.float64)
    likelihood.set_recurrence(shares, torch.ones(2), values, shares)
    x = torch.tensor([[0.0, 0], [0.1, 0], [0.1, 0], [0.3, 0], [0.4, 0]])[None].double()
    found = likelihood.recurring.after(Past.before_each(delayed(x, torch.nan)))
    nan = torch.nan
    expected = torch.tensor([nan, nan, 0.2, nan, nan]).to(found)
    assert_close(found[0, :, 1], expected, equal_nan=True)
    for place, value, has_density in ((4, 0.45, "11011"), (2, 0.2, "11001")):
        x[0, place, 0] = value
        flags = likelihood.has_density(x)[0, :, 0].int().tolist()
        assert "".join(map(str, flags)) == has_density


def test_draws_go_on_straight_as_often_as_they_should(make_mixture):
    likelihood = make_mixture(WIDE, n_recurring=(1, 0, 0, 2, 1, 0, 1))
    for parameter in likelihood.parameters():
        parameter.data.zero_()
    rows = torch.ones(20_000, 1, dtype=torch.float64)
    value, change = rows * torch.linspace(-1, 1, WIDE), rows.expand(-1, WIDE) / 7
    past = Past.unknown(value)
    for earlier in (2.5, 1, 0):
        past = past.then(value - earlier * change)
    eps = torch.randn(
        20_000, 2, WIDE, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    x = likelihood(rows.expand(-1, H), past).draw(eps)
    goes_on = x == value + change
    assert goes_on[:, STRAIGHT].double().mean() == pytest.approx(0.05, abs=0.006)
    assert not goes_on[:, [c for c in range(WIDE) if c != STRAIGHT]].any()


@pytest.mark.parametrize("passes", [False, True])
def test_no_line_goes_on_beyond_an_abrupt_end(channels, passes):
    likelihood, _, past, _ = channels
    ahead = straight_on(past)[:, 2:]
    ends = torch.zeros(2, WIDE, dtype=torch.float64)
    ends[:, STRAIGHT] = torch.stack([ahead.min(), ahead.max()])
    if passes:
        ends[1, STRAIGHT] = 0.0
    likelihood.set_ends(ends, torch.ones(WIDE))
    found = likelihood.recurring.after(past)[:, 2:, 3]
    assert found.isnan().any() == passes
    assert torch.equal(found.isnan(), ahead > 1e-3 if passes else found.isnan())
