import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import (
    RECURRING,
    STRAIGHT,
    WIDE,
    B,
    H,
    K,
    T,
    after,
    nothing_before,
    straight_on,
    unknown,
    with_recurrence,
)
from tsgen.nn.decoders import Past
from tsgen.nn.likelihoods import GaussianLikelihood, MixtureLikelihood


def test_no_channel_sees_itself_or_a_later_one(channels):
    likelihood, h, past, x = channels
    before = likelihood.conditionals(h, past, x)
    for c in range(WIDE):
        changed = x.clone()
        changed[..., c] += 1
        after = likelihood.conditionals(h, past, changed)
        for one, other in zip(before.mixture[:3], after.mixture[:3], strict=True):
            assert_close(one[..., : c + 1], other[..., : c + 1])
        assert_close(before.log_odds[..., : c + 1], after.log_odds[..., : c + 1])
        if c + 1 < WIDE:
            later = slice(c + 1, None)
            for one, other in (
                (before.mixture.mean, after.mixture.mean),
                (before.log_odds, after.log_odds),
            ):
                assert not torch.equal(one[..., later], other[..., later])


def test_later_channels_see_whether_a_channel_repeats(channels):
    likelihood, h, past, x = channels
    other = torch.where(x == past.value, past.value + 1e-9, past.value)
    before = likelihood.conditionals(h, past, x).log_odds
    found = likelihood.conditionals(h, past._replace(value=other), x).log_odds
    assert_close(before[..., 0], found[..., 0])
    assert (before - found).abs()[:, 1:, 1:].max() > 1e-3


def test_every_unit_and_weight_of_the_mixture_is_used_or_masked(channels):
    likelihood, h, past, x = channels
    likelihood(h, past).log_prob(x).sum().backward()
    used = torch.tensor([owner < WIDE for owner in likelihood.outputs])
    for weight, rows in (
        (
            likelihood.from_features.weight,
            F.pad(used, (likelihood.width, 0), value=True),
        ),
        (likelihood.from_units.weight, used),
    ):
        assert torch.equal(weight.grad.abs().sum(dim=1) > 0, rows)


def test_units_alone_tell_a_channel_the_past_of_others(channels):
    likelihood, h, past, x = channels
    other = Past(*(part.clone() for part in past))
    other.value[:, 1:, 2] += 1
    other.change[:, 2:, 2] += 1
    for silent in (False, True):
        if silent:
            likelihood.from_units.weight.data.zero_()
            likelihood.shift.weight.data.zero_()  # of changes
        one, changed = (likelihood(h, before).log_prob(x) for before in (past, other))
        differs = (one != changed).any(dim=1).any(dim=0)
        assert differs[2]
        assert differs.sum() == (1 if silent else WIDE)


def test_a_draw_inverts_the_conditionals(channels, normals):
    likelihood, h, past, _ = channels
    eps = normals(B, T, 2, WIDE, seed=2, dtype=torch.float64)
    x = likelihood(h, past).draw(eps)
    assert_close(likelihood.conditionals(h, past, x).draw(eps), x)
    repeats = x == past.value
    assert 0 < repeats[:, 1:].double().mean() < 1
    assert not repeats[:, 0].any()


def test_what_is_known_is_kept_and_told_to_later_channels(channels, normals):
    likelihood, h, past, x = channels
    eps = normals(B, T, 2, WIDE, seed=2, dtype=torch.float64)
    known = unknown(x)
    known[..., 3] = x[..., 3]
    drawn = likelihood(h, past).draw(eps, known)
    assert torch.equal(drawn[..., 3], x[..., 3])
    others = [c for c in range(WIDE) if c != 3]
    again = likelihood.conditionals(h, past, drawn).draw(eps)
    assert_close(again[..., others], drawn[..., others])
    free = likelihood(h, past).draw(eps)
    assert_close(free[..., :3], drawn[..., :3])
    assert not torch.equal(free[..., 4:], drawn[..., 4:])


@pytest.mark.parametrize("kind", [GaussianLikelihood, MixtureLikelihood])
def test_missing_entries_count_nothing_and_harm_no_gradient(fresh, normals, kind):
    options = (K,) if kind is MixtureLikelihood else ()
    likelihood = fresh(kind, H, WIDE, 0.1, *options).double()
    if kind is MixtureLikelihood:
        with_recurrence(likelihood)
    h, x = normals(B, T, H).double(), normals(B, T, WIDE, seed=1).double()
    x[:, ::2, 1:3] = torch.nan
    distribution = likelihood(h, nothing_before(x))
    for figure in (distribution.log_prob(x), distribution.divergence(x)):
        assert torch.equal(figure == 0, x.isnan())
    (distribution.log_prob(x) + distribution.gain(x)).sum().backward()
    assert all(part.grad.isfinite().all() for part in likelihood.parameters())


def test_an_entry_that_is_missing_is_not_one_of_zero(channels):
    likelihood, h, past, x = channels
    zero, missing = x.clone(), x.clone()
    zero[..., 0], missing[..., 0] = 0, torch.nan
    one, other = (
        likelihood(h, past).log_prob(series)[..., 1:] for series in (zero, missing)
    )
    assert not torch.equal(one, other)


@pytest.mark.parametrize("known", [False, True])
def test_the_density_of_an_observation_integrates_to_one(make_mixture, normals, known):
    likelihood = make_mixture(2, 0.2)
    likelihood.requires_grad_(False)
    axis = torch.linspace(-9, 9, 361, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    h = normals(1, H, dtype=torch.float64).expand(len(x), H)
    before = x.new_tensor([0.501, -0.303]).expand_as(x)  # not on the grid
    past = after(before) if known else nothing_before(x)
    found = likelihood.conditionals(h, past, x)
    density = found.log_prob(x).sum(dim=-1)
    changes = (-found.log_odds).sigmoid().log().sum(dim=-1) if known else 0
    mass = (density - changes).exp().sum() * 0.05**2
    assert float(mass) == pytest.approx(1, abs=1e-6)


def test_a_mixture_of_more_channels_than_units_is_still_a_density(
    make_mixture, normals
):
    likelihood = make_mixture(300, n_components=2)
    x = normals(2, 300, dtype=torch.float64)
    h = normals(2, H, seed=1, dtype=torch.float64)
    distribution = likelihood(h, nothing_before(x))
    assert distribution.log_prob(x).isfinite().all()
    assert distribution.draw(x).isfinite().all()


def test_later_channels_see_whether_a_value_recurs(channels):
    likelihood, h, past, x = channels
    one, other = x.clone(), x.clone()
    one[..., 0], other[..., 0] = RECURRING[0], RECURRING[0] + 1e-9
    one, other = (likelihood(h, past).log_prob(part)[..., 1:] for part in (one, other))
    assert (one - other).abs().max() > 1e-3


def test_untrained_odds_are_those_of_training(make_mixture, normals):
    likelihood = with_recurrence(make_mixture(WIDE, n_recurring=(1,) + 6 * (0,)), -3.0)
    for parameter in likelihood.parameters():
        parameter.data.zero_()
    x = torch.full((1, 1, WIDE), float(RECURRING[0]), dtype=torch.float64)
    h = normals(1, 1, H, dtype=torch.float64)
    found = likelihood(h, after(x + 1)).log_prob(x)[..., 0].exp()
    rate = torch.tensor(-3.0, dtype=torch.float64).sigmoid()
    assert_close(found, (0.1 * (1 - rate))[None, None])


def test_what_repeats_recurs_is_missing_or_discrete_has_no_density(
    make_mixture, normals
):
    likelihood = make_mixture(4, n_values=(0, 2, 0, 0), n_recurring=(1, 0, 0, 1))
    x = normals(B, T, 4)
    x[0, 1:3, 0] = x[0, 0, 0]
    x[1, :, 3] = RECURRING[1]
    x[2, 2, 2] = torch.nan
    expected = torch.ones_like(x, dtype=torch.bool)
    expected[0, 1:3, 0] = False
    expected[1, :, 3] = False
    expected[2, 2, 2] = False
    expected[:, :, 1] = False
    assert torch.equal(likelihood.has_density(x), expected)


def test_the_step_before_is_read_with_its_change_and_whether_it_repeats(channels):
    likelihood, h, past, x = channels
    change = past.change.clone()
    change[:, 2:] = 1.0
    before = likelihood(h, past._replace(change=change)).log_prob(x)
    for other in (1.5, 0.0, 1e-12):
        change[:, 2:] = other
        found = likelihood(h, past._replace(change=change)).log_prob(x)
        assert torch.equal(found[:, :2], before[:, :2])
        assert (found - before)[:, 2:].abs().max() > 1e-3
        before = found


def test_what_is_missing_is_told_beside_what_stands_for_it(channels):
    likelihood, h, past, x = channels
    found, told = (
        likelihood(h, past._replace(missing=missing)).log_prob(x)
        for missing in (past.missing, past.missing | True)
    )
    assert (found - told)[:, 1:].abs().max() > 1e-3


def test_odds_that_overflow_are_held_back(channels):
    likelihood, h, past, x = channels
    likelihood.from_features.bias.data += 1e3
    found = likelihood.conditionals(h, past, x)
    assert found.recurring.log_odds.max() <= 30
    assert found.log_prob(x).isfinite().all()


def test_observations_stay_between_the_ends(make_mixture):
    likelihood = make_mixture(2)
    ends = torch.tensor([[-1.0, -2.4], [3.5, 2.0]], dtype=torch.float64)
    likelihood.set_ends(ends, torch.tensor([0.0, 1.0]))
    assert_close(likelihood.ranges(ends / 2, ends / 2)[0], ends)


def test_changes_go_a_tenth_beyond_those_of_training_where_there_are_any(make_mixture):
    likelihood = make_mixture(3, n_values=(0, 0, 2))
    ends = torch.tensor([[-1.0, -2.0, 0.0], [3.0, 2.0, 1.0]], dtype=torch.float64)
    of_changes = ends / 10
    of_changes[:, 1] = torch.tensor([torch.inf, -torch.inf])
    likelihood.set_values(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
    likelihood.set_ends(ends, torch.zeros(3))
    found = likelihood.ranges(ends, of_changes)[1]
    free = torch.tensor([2 * 4.0, 2 * 1.0]).to(ends)  # twice the width of the range
    assert_close(found[:, 0], torch.tensor([-0.14, 0.34]).to(ends))
    assert_close(found[:, 1:], torch.stack([-free, free]))


def test_later_channels_see_whether_one_goes_on_straight(channels):
    likelihood, h, past, x = channels
    one, other = x.clone(), x.clone()
    one[..., STRAIGHT] = straight_on(past)
    other[..., STRAIGHT] = straight_on(past) + 1e-3
    later = slice(STRAIGHT + 1, None)
    one, other = (likelihood(h, past).log_prob(p)[..., later] for p in (one, other))
    assert (one - other)[:, 2:].abs().max() > 1e-2


def test_the_step_before_is_read_with_whether_it_went_on_straight(channels):
    likelihood, h, past, x = channels
    bends = (past.bend, torch.zeros_like(past.bend))
    one, other = (likelihood(h, past._replace(bend=bend)).log_prob(x) for bend in bends)
    assert torch.equal(one[:, :2], other[:, :2])
    assert (one - other)[:, 2:].abs().max() > 1e-3


MIDDLES = (torch.arange(400, dtype=torch.float64) + 0.5) / 400


@pytest.mark.parametrize("known", [False, True])
def test_a_truncated_observation_has_a_density(make_mixture, normals, known):
    likelihood = make_mixture(2, 0.2)
    ends = torch.tensor([[-0.5, -8.0], [0.7, 0.3]], dtype=torch.float64)
    likelihood.set_ends(ends, torch.ones(2))
    likelihood.requires_grad_(False)
    axes = (low + (high - low) * MIDDLES for low, high in ends.T)
    x = torch.cartesian_prod(*axes)
    h = normals(1, H, dtype=torch.float64).expand(len(x), H)
    before = x.new_tensor([0.501, -0.303]).expand_as(x)  # at no middle
    past = after(before) if known else nothing_before(x)
    found = likelihood.conditionals(h, past, x)
    density = found.log_prob(x).sum(dim=-1)
    changes = (-found.log_odds).sigmoid().log().sum(dim=-1) if known else 0
    mass = (density - changes).exp().mean() * (ends[1] - ends[0]).prod()
    assert float(mass) == pytest.approx(1, abs=1e-4)
