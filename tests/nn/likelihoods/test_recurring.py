import torch
from torch.distributions import Categorical, kl_divergence
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import RECURRING, B, C, K, T, after, unknown
from tsgen.nn.likelihoods import Mixture


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
