import math

import torch
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import (
    CONTINUOUS,
    B,
    C,
    T,
    none_recur,
    nothing_before,
    torch_mixture,
)
from tsgen.nn.likelihoods import Inflated, Mixture, standard_normal_log_prob


def test_draws_are_finite_however_far_out_the_noise(repeatable):
    for eps in (-40.0, 0.0, 40.0):
        assert repeatable.draw(torch.full((B, T, 2, C), eps)).isfinite().all()


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
