import pytest
import torch
from torch.distributions import Categorical, kl_divergence
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import (
    CONTINUOUS,
    N_VALUES,
    WIDE,
    B,
    H,
    T,
    after,
    nothing_before,
    shares_of,
    unknown,
)
from tsgen.nn.likelihoods import Categorical as DiscreteValues

DISCRETE = [1, 3, 4, 5]


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
