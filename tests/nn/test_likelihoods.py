import math

import pytest
import scipy.stats
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal, kl_divergence
from torch.nn import functional as F
from torch.testing import assert_close

from tsgen.nn.decoders import Past, delayed
from tsgen.nn.likelihoods import (
    Categorical as DiscreteValues,
)
from tsgen.nn.likelihoods import (
    Gaussian,
    GaussianLikelihood,
    Inflated,
    Mixture,
    MixtureLikelihood,
    Recurring,
    standard_normal_log_prob,
)
from tsgen.nn.likelihoods.duration import LONGEST, PACE
from tsgen.nn.likelihoods.grid import Grid
from tsgen.nn.likelihoods.near import Near
from tsgen.nn.likelihoods.truncation import mass_between, truncated_quantile

B, T, C, H = 3, 5, 2, 8


@pytest.fixture
def gaussian(normals):
    mean, raw = normals(2, B, T, C, dtype=torch.float64)
    return Gaussian(mean, raw.exp())


@pytest.fixture
def likelihood(fresh):
    return fresh(GaussianLikelihood, H, C, 0.1).double()


def test_the_log_density_is_that_of_torch(gaussian, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    assert_close(gaussian.log_prob(x), Normal(*gaussian).log_prob(x))


def test_the_divergence_to_the_reference_is_that_of_torch(gaussian, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    expected = kl_divergence(Normal(*gaussian), Normal(0.0, 1.0))
    assert_close(gaussian.divergence(x), expected)


def test_the_reference_is_the_standard_normal(normals):
    x = normals(B, T, C)
    assert_close(standard_normal_log_prob(x), Normal(0.0, 1.0).log_prob(x))


def test_a_draw_is_noise_in_units_of_the_scale(gaussian, normals):
    eps = normals(B, T, 2, C, seed=1, dtype=torch.float64)
    assert_close((gaussian.draw(eps) - gaussian.mean) / gaussian.scale, eps[..., 1, :])


def test_every_entry_has_a_mean_and_a_scale(likelihood, normals):
    mean, scale = likelihood(normals(B, T, H, dtype=torch.float64), None)
    assert mean.shape == scale.shape == (B, T, C)


def test_the_mean_is_linear_in_the_features(likelihood, normals):
    h = normals(B, T, H, dtype=torch.float64)
    assert_close(likelihood(h, None).mean, likelihood.project(h)[..., :C])


def test_the_scale_is_a_softplus_above_the_floor(likelihood, normals):
    h = normals(B, T, H, dtype=torch.float64)
    raw = likelihood.project(h)[..., C:]
    assert_close(likelihood(h, None).scale, 0.1 + raw.exp().log1p())


@pytest.mark.parametrize("size", [-1e6, 1e6])
def test_the_scale_stays_above_the_floor_and_finite(likelihood, size):
    scale = likelihood(torch.full((1, H), size, dtype=torch.float64), None).scale
    assert (scale >= 0.1).all()
    assert scale.isfinite().all()


def test_every_weight_of_a_likelihood_is_trained(likelihood, normals, assert_trainable):
    h, x = normals(B, T, H).double(), normals(B, T, C, seed=1).double()
    assert_trainable(likelihood(h, None).log_prob(x).sum(), likelihood)


def test_a_step_alone_has_the_likelihood_it_has_in_its_series(likelihood, normals):
    h = normals(B, T, H, dtype=torch.float64)
    assert_close(likelihood(h[:, 2], None).scale, likelihood(h, None).scale[:, 2])


K = 4
WIDE = 7  # channels


@pytest.fixture
def mixture(normals):
    logits, mean, raw = normals(3, B, T, K, C, dtype=torch.float64)
    return Mixture(logits.log_softmax(dim=-2), mean, raw.exp())


STRAIGHT = 4  # a channel that goes on straight lines
RECURRING = torch.tensor([-0.5, 0.25, 0.5, torch.nan, 2.0], dtype=torch.float64)
OWNER = torch.tensor([0, 3, 3, STRAIGHT, WIDE - 1])
CHANGES = torch.tensor([1.0, 0.1, 0.5, 0.02, 0.2, 1.0, 0.3], dtype=torch.float64)


def with_recurrence(likelihood, log_odds=0.0):
    """Give values that recur to some channels, and typical changes to all."""
    shares = torch.full((len(likelihood.recurring.owners),), 0.1, dtype=torch.float64)
    values = RECURRING[: len(shares)]
    usual = torch.full((likelihood.n_channels,), log_odds, dtype=torch.float64)
    changes = CHANGES.repeat(-(-len(usual) // WIDE))[: len(usual)]
    likelihood.set_recurrence(usual.sigmoid(), changes, values, shares)
    likelihood.set_grid(*2 * [torch.zeros_like(usual)])
    likelihood.set_ends(torch.zeros(2, len(usual)), torch.zeros_like(usual))
    return likelihood


@pytest.fixture
def make_mixture(fresh):
    """Return a function that makes a likelihood of mixtures, with no atoms so far."""

    def make(n_channels, min_scale=0.1, n_components=K, **options):
        args = (H, n_channels, min_scale, n_components)
        likelihood = fresh(MixtureLikelihood, *args, **options).double()
        return with_recurrence(likelihood)

    return make


@pytest.fixture
def channels(make_mixture, normals):
    """Give a likelihood of many channels, its features, what was before and is next.

    Every third value repeats the one before it, every fifth recurs or goes on straight
    where some do.
    """
    likelihood = make_mixture(WIDE, n_recurring=(1, 0, 0, 2, 1, 0, 1))
    h = normals(B, T, H, dtype=torch.float64)
    previous, x = normals(2, B, T, WIDE, seed=1, dtype=torch.float64)
    previous[:, 0] = torch.nan
    place = torch.arange(B * T * WIDE).view(B, T, WIDE)
    x = torch.where(place % 3 == 0, previous, x).nan_to_num(1.0)
    past = Past.before_each(previous)
    values = likelihood.recurring.after(past)
    for value, owner in zip(values.unbind(-1), OWNER, strict=True):
        recurs = (place[..., owner] % 5 == 0) & ~value.isnan()
        x[..., owner] = torch.where(recurs, value, x[..., owner])
    return likelihood, h, past, x


def none_recur(like):
    """Give no recurring values to channels (..., C)."""
    nothing = like.new_zeros(0)
    nowhere = torch.zeros(0, dtype=torch.long)
    return Recurring(like[..., :0], nothing, nothing, nowhere, nothing)


@pytest.fixture
def repeatable(mixture, normals):
    """Give distributions that may repeat; the previous value is unknown in a third."""
    log_odds, previous = normals(2, B, T, C, seed=3, dtype=torch.float64)
    previous[0] = torch.nan
    usual = torch.tensor([-1.0, 2.0], dtype=torch.float64)
    return Inflated(log_odds, usual, previous, none_recur(log_odds), mixture)


@pytest.fixture
def recurring(repeatable, normals):
    """Give distributions that may repeat, and recur in the second channel."""
    log_odds = normals(B, T, 2, seed=4, dtype=torch.float64)
    values = torch.tensor([-1.0, 0.5], dtype=torch.float64)
    log_share = torch.tensor([0.2, 0.3], dtype=torch.float64).log()
    owner = torch.tensor([1, 1])
    exactly = torch.zeros(2)
    recurs = Recurring(log_odds, values, log_share, owner, exactly)
    return repeatable._replace(recurring=recurs)


def unknown(x):
    return torch.full_like(x, torch.nan)


def nothing_before(x):
    return Past.unknown(x)


def after(previous):
    """Look back at values whose change is not known."""
    return Past.unknown(previous).then(previous)


def torch_mixture(mixture):
    logits, *parts = (part.movedim(-2, -1) for part in mixture[:3])
    return MixtureSameFamily(Categorical(logits=logits), Normal(*parts))


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


def test_draws_are_finite_however_far_out_the_noise(repeatable):
    for eps in (-40.0, 0.0, 40.0):
        assert repeatable.draw(torch.full((B, T, 2, C), eps)).isfinite().all()


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


def test_what_repeats_has_a_probability_and_the_rest_a_density(repeatable, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    probability = repeatable.log_odds.sigmoid()
    density = (1 - probability) * torch_mixture(repeatable.mixture).log_prob(x).exp()
    known = slice(1, None)
    changed, repeated = (
        repeatable.log_prob(v)[known].exp() for v in (x, repeatable.previous)
    )
    assert_close(changed, density[known])
    assert_close(repeated, probability[known])


def test_nothing_repeats_what_is_not_known(repeatable, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    assert_close(repeatable.log_prob(x)[0], repeatable.mixture.log_prob(x)[0])
    assert repeatable.draw(torch.full((B, T, 2, C), -40.0)).isfinite().all()


def test_draws_repeat_as_often_as_they_should_and_are_drawn_else():
    n = 20_001
    probability = torch.linspace(0, 1, n + 2, dtype=torch.float64)[1:-1, None]
    ones = torch.ones(n, 1, 1, dtype=torch.float64)
    half, seven = 0.5 * ones[..., 0], 7 * ones[..., 0]
    mixture = Mixture(0 * ones, ones, ones)
    rows = Inflated(half, half[0], seven, none_recur(half), mixture)
    deviation = torch.special.ndtri(probability)
    turned = deviation.roll(n // 3, dims=0)  # the two numbers are independent
    drawn = rows.draw(torch.stack([deviation, turned], dim=-2))
    repeats = drawn == 7
    rate = torch.tensor(0.5, dtype=torch.float64).sigmoid()
    assert_close(repeats.double().mean(), rate, atol=1e-4, rtol=0)
    assert torch.equal(drawn[~repeats], (1 + turned)[~repeats])


def test_the_divergence_is_the_expected_gain_where_one_component_does_all():
    rate, previous, mean, scale = 0.3, 0.5, -1.0, 0.2
    one = torch.ones(1, 1, dtype=torch.float64)
    log_odds = torch.logit(rate * one)
    parts = (0 * one, mean * one, scale * one)
    mixture = Mixture(*(part[:, None] for part in parts))
    before = previous * one
    repeatable = Inflated(log_odds, one[0], before, none_recur(one), mixture)
    kl = kl_divergence(Normal(mean * one, scale * one), Normal(0.0, 1.0))
    gain = rate * (math.log(rate) - Normal(0.0, 1.0).log_prob(previous * one))
    gain = gain + (1 - rate) * (math.log(1 - rate) + kl)
    assert_close(repeatable.divergence(), gain)


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


# Discrete channels

N_VALUES = (0, 3, 0, 5, 1, 2, 0)
DISCRETE = [1, 3, 4, 5]
CONTINUOUS = [0, 2, 6]


def shares_of(n, width):
    weights = torch.arange(1.0, n + 1, dtype=torch.float64)
    return F.pad(weights / weights.sum(), (0, width - n))


def with_values(likelihood):
    """Give the values -1, 0, 1, ... to the discrete channels, later ones more often."""
    sizes = [n for n in likelihood.n_values if n]
    places = torch.arange(max(sizes), dtype=torch.float64)
    values = torch.stack([places.clamp(max=n - 1) - 1 for n in sizes])
    likelihood.set_values(
        values, torch.stack([shares_of(n, max(sizes)) for n in sizes])
    )
    return likelihood


def on_values(likelihood, x):
    """Bring the discrete channels of noise to their values, with some repeats."""
    x = x.clone()
    for c, n in enumerate(likelihood.n_values):
        if n:
            x[..., c] = (2 * x[..., c]).round().clamp(-1, n - 2)
    return x


@pytest.fixture
def make_mixed(make_mixture):
    """Return a function that makes a likelihood with discrete channels."""

    def make(n_values=N_VALUES):
        return with_values(make_mixture(len(n_values), n_values=n_values))

    return make


@pytest.fixture
def mixed(make_mixed, normals):
    """Give a likelihood, its features, previous values and next ones."""
    likelihood = make_mixed()
    h = normals(B, T, H, dtype=torch.float64)
    previous, x = on_values(likelihood, normals(2, B, T, WIDE, seed=1).double())
    previous[:, 0] = torch.nan
    return likelihood, h, Past.before_each(previous), x


def test_probabilities_of_discrete_channels_sum_to_one(make_mixed, normals):
    likelihood = make_mixed((3, 5, 1))
    values = [likelihood.support[d, :n] for d, n in enumerate(likelihood.n_values)]
    x = torch.cartesian_prod(*values)
    h = normals(1, H, dtype=torch.float64).expand(len(x), H)
    for previous in (unknown(x), x[7].expand_as(x)):
        log_prob = likelihood(h, after(previous)).log_prob(x).sum(dim=-1)
        assert float(log_prob.detach().exp().sum()) == pytest.approx(1, abs=1e-12)


def test_a_discrete_and_a_continuous_channel_have_a_joint_density(make_mixed, normals):
    likelihood = make_mixed((2, 0))
    axis = torch.linspace(-12, 12, 2401, dtype=torch.float64)
    x = torch.cartesian_prod(likelihood.support[0], axis)
    h = normals(1, H, dtype=torch.float64).expand(len(x), H)
    density = likelihood(h, nothing_before(x)).log_prob(x).sum(dim=-1).exp().detach()
    assert float(density.sum()) * 0.01 == pytest.approx(1, abs=1e-6)


def test_what_is_not_a_value_has_no_probability(mixed):
    likelihood, h, past, x = mixed
    x[..., 3] += 0.5
    x[..., 5] = 7
    log_prob = likelihood(h, past).log_prob(x)
    assert (log_prob[..., [3, 5]] == -torch.inf).all()
    others = [c for c in range(WIDE) if c not in (3, 5)]
    assert log_prob[..., others].isfinite().all()


def test_without_weights_discrete_channels_have_their_shares(mixed):
    likelihood, h, past, x = mixed
    for parameter in likelihood.parameters():
        parameter.data.zero_()
    distribution = likelihood(h, past)
    found = distribution.log_prob(x)
    assert_close(distribution.gain(x)[..., DISCRETE], 0 * found[..., DISCRETE])
    assert_close(found[..., 1].exp(), (x[..., 1] + 2) / 6)
    assert_close(distribution.divergence(x)[..., DISCRETE], 0 * found[..., DISCRETE])


def test_the_gain_of_changes_is_that_of_the_mixture_over_the_normal(mixed):
    likelihood, h, _, x = mixed
    x[..., 0] = torch.nan
    found = likelihood(h, nothing_before(x)).gain(x)
    expected = likelihood(h, nothing_before(x)).log_prob(x) - standard_normal_log_prob(
        x
    )
    assert_close(found[..., CONTINUOUS], expected[..., CONTINUOUS])
    assert not found[..., 0].any()


def test_the_gain_of_repeats_is_over_their_share_in_training(repeatable):
    x = repeatable.previous
    share = repeatable.usual_log_odds.sigmoid()
    expected = (repeatable.log_odds.sigmoid() / share).log()
    assert_close(repeatable.gain(x)[1:], expected[1:])


def test_making_repeats_likelier_does_not_lower_the_gain_of_changes(repeatable):
    x = (repeatable.previous + 1)[1:]
    few = repeatable._replace(
        log_odds=repeatable.log_odds[1:],
        previous=repeatable.previous[1:],
        recurring=none_recur(repeatable.log_odds[1:]),
        mixture=Mixture(*(part[1:] for part in repeatable.mixture[:3])),
    )
    likelier = few._replace(log_odds=few.log_odds + 5)
    assert_close(likelier.gain(x), few.gain(x))
    assert (likelier.log_prob(x) < few.log_prob(x)).all()


def test_the_divergence_of_discrete_channels_is_that_of_torch(mixed):
    likelihood, h, past, x = mixed
    found = likelihood.conditionals(h, past, x)
    discrete, at = found.discrete, DISCRETE.index(3)
    shares = Categorical(shares_of(5, 5))
    expected = kl_divergence(
        Categorical(logits=discrete.log_weight[..., at, :5]), shares
    )
    assert_close(found.divergence()[..., 3], expected)
    assert (found.divergence()[..., 3] > 0).all()


def test_draws_of_discrete_channels_have_their_probabilities():
    weight = torch.tensor([[0.1, 0.0, 0.6, 0.3]], dtype=torch.float64)
    support = torch.tensor([[-2.0, -1.0, 0.5, 4.0]], dtype=torch.float64)
    n = 20_000
    probability = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    rows = DiscreteValues(weight.log().expand(n, 1, 4), weight.log(), support)
    noise = torch.special.ndtri(probability)[:, None, None].expand(n, 2, 1)
    share = (rows.draw(noise) == support).double().mean(dim=0)
    assert_close(share, weight[0], atol=1.5 / n, rtol=0)


def test_no_noise_draws_the_likeliest_value(mixed):
    likelihood, h, past, x = mixed
    discrete = likelihood.conditionals(h, past, x).discrete
    likeliest = discrete.support[torch.arange(4), discrete.log_weight.argmax(dim=-1)]
    nothing = torch.zeros_like(likeliest)
    noise = torch.stack([nothing, nothing], dim=-2)
    assert torch.equal(discrete.draw(noise), likeliest)


def test_draws_are_values_however_far_out_the_noise(mixed):
    likelihood, h, past, x = mixed
    for eps in (-40.0, -5.0, 5.0, 40.0):
        drawn = likelihood(h, past).draw(x.new_full((B, T, 2, WIDE), eps))
        assert likelihood(h, past).log_prob(drawn).isfinite().all()


def test_a_repeat_of_a_discrete_channel_has_odds_of_its_own(make_mixed, normals):
    likelihood = make_mixed((5,))
    previous = torch.tensor([[0.0]], dtype=torch.float64)
    h = normals(1, H, dtype=torch.float64)
    past, nothing = after(previous), nothing_before(previous)
    before = likelihood(h, past).log_prob(previous)
    with torch.no_grad():
        likelihood.from_features.bias[likelihood.width] += 2  # its first output
    assert_close(
        torch.logit(likelihood(h, past).log_prob(previous).exp()),
        torch.logit(before.exp()) + 2,
    )
    other = likelihood(h, nothing).log_prob(previous)
    likelihood.from_features.bias.data[likelihood.width] -= 2
    assert_close(likelihood(h, nothing).log_prob(previous), other)


def test_no_channel_sees_itself_or_a_later_one_if_some_are_discrete(mixed):
    likelihood, h, past, x = mixed
    before = likelihood(h, past)._given(x)
    for c in range(WIDE):
        changed = x.clone()
        changed[..., c] += 1
        after = likelihood(h, past)._given(changed)
        for k, channel in enumerate(CONTINUOUS):
            same = torch.equal(
                before.continuous.mixture.mean[..., k],
                after.continuous.mixture.mean[..., k],
            )
            assert same == (channel <= c)
        for k, channel in enumerate(DISCRETE):
            n = N_VALUES[channel]
            one, other = (
                found.discrete.log_weight[..., k, :n] for found in (before, after)
            )
            assert torch.equal(one, other) == (channel <= c or n == 1)


def test_a_draw_inverts_the_conditionals_of_both_kinds(mixed, normals):
    likelihood, h, past, x = mixed
    eps = normals(B, T, 2, WIDE, seed=2, dtype=torch.float64)
    known = unknown(x)
    known[..., 3] = x[..., 3]
    drawn = likelihood(h, past).draw(eps, known)
    assert torch.equal(drawn[..., 3], x[..., 3])
    found = likelihood.conditionals(h, past, drawn)
    assert_close(found.continuous.draw(eps[..., CONTINUOUS]), drawn[..., CONTINUOUS])
    again = found.discrete.draw(eps[..., DISCRETE])
    assert_close(again[..., [0, 2, 3]], drawn[..., [1, 4, 5]])


def test_parts_are_the_distributions_of_their_series(mixed, gaussian):
    likelihood, h, past, x = mixed
    found, few = likelihood(h, past), slice(1, 3)
    assert_close(found.part(few).log_prob(x[few]), found.log_prob(x)[few])
    assert_close(gaussian.part(few).mean, gaussian.mean[few])


def test_missing_discrete_entries_count_nothing_and_harm_no_gradient(mixed):
    likelihood, h, past, x = mixed
    x[:, ::2, 1:4] = torch.nan
    distribution = likelihood(h, past)
    several = [c for c in range(WIDE) if N_VALUES[c] != 1]
    for figure in (distribution.log_prob(x), distribution.gain(x)):
        counts = (figure != 0)[..., several]
        assert torch.equal(counts, ~x.isnan()[..., several])
    (distribution.log_prob(x) + distribution.gain(x)).sum().backward()
    assert all(part.grad.isfinite().all() for part in likelihood.parameters())


def test_discrete_values_are_no_part_of_the_saved_weights(mixed):
    names = mixed[0].state_dict().keys()
    assert names == {name for name, _ in mixed[0].named_parameters()}


# Values that recur


def test_what_recurs_has_a_probability_and_the_rest_a_density(recurring, normals):
    x = normals(B, T, C, seed=1, dtype=torch.float64)
    odds = recurring.recurring.log_odds.exp()
    none = 1 / (1 + odds.sum(dim=-1))
    changes = 1 - recurring.log_odds.sigmoid().where(
        ~recurring.previous.isnan(), torch.zeros_like(none)[..., None]
    )
    density = changes[..., 1] * none * recurring.mixture.log_prob(x)[..., 1].exp()
    assert_close(recurring.log_prob(x)[..., 1].exp(), density)
    for r, value in enumerate(recurring.recurring.values):
        x[..., 1] = value
        expected = changes[..., 1] * none * odds[..., r]
        assert_close(recurring.log_prob(x)[..., 1].exp(), expected)


def test_draws_take_recurring_values_as_often_as_they_should(recurring):
    n = 20_000
    probability = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    one = slice(1, 2), slice(0, 1)
    rows = recurring._replace(
        log_odds=recurring.log_odds[one].expand(n, 1, C),
        previous=recurring.previous[one].expand(n, 1, C),
        recurring=recurring.recurring._replace(
            log_odds=recurring.recurring.log_odds[one].expand(n, 1, 2)
        ),
        mixture=Mixture(
            *(part[one].expand(n, 1, K, C) for part in recurring.mixture[:3])
        ),
    )
    noise = torch.special.ndtri(probability)[:, None, None, None]
    drawn = rows.draw(noise.expand(n, 1, 2, C))
    for value in (*recurring.recurring.values, recurring.previous[1, 0, 1]):
        rate = (drawn[..., 1] == value).double().mean()
        x = torch.full((1, 1, C), float(value), dtype=torch.float64)
        expected = (
            rows._replace(
                **{
                    name: part[:1]
                    for name, part in rows._asdict().items()
                    if name in ("log_odds", "previous")
                },
                recurring=rows.recurring._replace(log_odds=rows.recurring.log_odds[:1]),
                mixture=Mixture(*(part[:1] for part in rows.mixture[:3])),
            )
            .log_prob(x)[0, 0, 1]
            .exp()
        )
        assert_close(rate, expected, atol=1.5 / n, rtol=0)


def test_the_gain_of_recurring_values_is_over_their_share_in_training(recurring):
    x = recurring.previous.nan_to_num().clone()
    x[..., 1] = recurring.recurring.values[0]
    odds = recurring.recurring.log_odds.exp()
    expected = (odds[..., 0] / (1 + odds.sum(dim=-1)) / 0.2).log()
    assert_close(recurring.gain(x)[..., 1], expected)


def test_a_recurring_value_that_repeats_is_a_repeat(channels):
    likelihood, h, _, x = channels
    previous = torch.full_like(x, RECURRING[0])
    found = likelihood.conditionals(h, after(previous), previous)
    repeats = found.log_odds[..., 0].sigmoid()
    assert_close(found.log_prob(previous)[..., 0].exp(), repeats)
    assert (found.recurring.log_odds[..., 0] < -1e3).all()


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


def test_changes_of_a_normal_are_free(likelihood):
    ends = torch.tensor([[-1.0], [1.0]])
    found = likelihood.ranges(ends, ends / 1000)
    assert_close(found, (1.2 * ends, 2 * 2.4 * ends))


def test_the_divergence_of_recurring_values_is_from_their_shares(recurring):
    q = recurring.recurring.log_share.exp()
    none = 1 - q.sum()
    one = torch.ones(1, 1, C, dtype=torch.float64)
    normal = Mixture(*(part[..., None, :] for part in (0 * one, 0 * one, one)))
    of = recurring._replace(log_odds=-1e4 * one, previous=unknown(one), mixture=normal)
    usual = (q / none).log().expand(1, 1, 2)
    same = of._replace(recurring=of.recurring._replace(log_odds=usual))
    assert_close(same.divergence(), 0 * one, atol=1e-12, rtol=0)
    other = torch.tensor([[[0.3, -1.0]]], dtype=torch.float64)
    found = of._replace(recurring=of.recurring._replace(log_odds=other)).divergence()
    odds = torch.tensor([0.0, 0.3, -1.0], dtype=torch.float64)
    expected = kl_divergence(
        Categorical(logits=odds), Categorical(torch.cat([none[None], q]))
    )
    assert_close(found[0, 0, 1], expected)


def straight_on(past):
    return (past.value + past.change)[..., STRAIGHT]


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


@pytest.mark.parametrize("n_values", [(), (0, 3, 0, 0, 0, 2, 0)])
def test_durations_add_to_the_log_odds_of_their_channel(make_mixture, n_values):
    recurring = (1, 0, 0, 2, 1, 0, 1)
    likelihood = make_mixture(WIDE, n_values=n_values, n_recurring=recurring)
    h, past = torch.zeros(1, H).double(), Past.unknown(torch.zeros(1, WIDE).double())
    owners = torch.tensor(likelihood.durations.owners)
    entries = likelihood.durations.log_odds.data.view(len(owners), -1)
    entries += torch.arange(len(owners))[:, None]
    before = likelihood._before(h, past, likelihood._masked_weights()[0])[1]
    entries[:, LONGEST + 5] += 0.5
    run = torch.where(torch.arange(WIDE) == 3, 5, past.run)
    changed = likelihood._before(
        h, past._replace(run=run), likelihood._masked_weights()[0]
    )[1]
    gained = (changed - before)[0]
    place = torch.tensor(likelihood.outputs)
    expected = torch.tensor([0.0] * 3 * K + 3 * [0.5 * PACE])  # of repeats and values
    assert_close(gained[place == 3], expected.double())
    assert not gained[place != 3].any()


def test_only_channels_that_are_held_or_on_lines_have_durations(make_mixture):
    likelihood = make_mixture(WIDE, n_recurring=(1, 0, 0, 2, 1, 0, 1))
    repeats = torch.tensor([0.0, 0.1, 0.24, 0.25, 0.0, 0.5, 0.9]).double()
    values = RECURRING
    likelihood.set_recurrence(repeats, CHANGES, values, torch.full_like(values, 0.1))
    owners = torch.tensor(likelihood.durations.owners)
    lasts = torch.tensor([0, 0, 0, 1, 1, 1, 1.0])
    assert torch.equal(likelihood.durations.lasts.float(), lasts[owners])
    likelihood.durations.log_odds.data += 1.0
    found = likelihood.durations(torch.zeros(2, WIDE, dtype=torch.long))
    assert torch.equal(found != 0, (lasts[owners] > 0).expand(2, -1))


@pytest.mark.parametrize("run", [-1000, -33, 31, 1000])
def test_long_durations_are_one(make_mixture, run):
    likelihood = make_mixture(2)
    n_entries = 2 * LONGEST
    likelihood.durations.log_odds.data.copy_(torch.arange(2 * n_entries))
    found = likelihood.durations(torch.full((1, 2), run))
    last = 0 if run < 0 else n_entries - 1
    assert_close(found / PACE, torch.tensor([[last, n_entries + last]]).double())


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


# Ends

ENDS = torch.tensor([[-0.7, 0.1], [1.1, 4.0]], dtype=torch.float64)
MIDDLES = (torch.arange(400, dtype=torch.float64) + 0.5) / 400


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
