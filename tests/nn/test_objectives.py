import math

import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as torch_kl
from torch.testing import assert_close

from tsgen.nn import objectives
from tsgen.nn.decoders import Past
from tsgen.nn.likelihoods import (
    Gaussian,
    MixtureLikelihood,
    standard_normal_log_prob,
)
from tsgen.nn.objectives import (
    annealing_weight,
    collapse_charge,
    collapse_simulation_loss,
    denoising_loss,
    denoising_term,
    early_index,
    elbo_terms,
    kl_divergence,
    late_index,
    mask_variables,
    mutual_information_bound,
    per_entry,
    prior_terms,
    seen_before,
    sometimes_hidden,
    stable_posterior_terms,
    uniform_levels,
    variational_inference_loss,
)
from tsgen.nn.training import weighted_sum

B, T, C, K = 6, 5, 2, 4
BOUNDED = ("entry", "step", "series", "kl")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# single terms


def test_the_kl_term_is_that_of_torch(normals):
    mean, log_scale = normals(2, B, K, dtype=torch.float64)
    wanted = torch_kl(Normal(mean, log_scale.exp()), Normal(0.0, 1.0)).sum(1)
    assert_close(kl_divergence(mean, log_scale), wanted)


def test_the_kl_term_of_the_prior_is_zero():
    assert not kl_divergence(torch.zeros(B, K), torch.zeros(B, K)).any()


def test_the_denoising_loss_is_a_mean_square():
    loss = denoising_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]))
    assert loss.item() == (1 + 4) / 2


def test_sums_are_per_observed_entry_of_an_average_series(normals):
    x = normals(B, T, C)
    assert_close(per_entry(x, x), x.mean(dim=(1, 2)))
    gappy = x.clone()
    gappy[0] = torch.nan
    size = T * C * (B - 1) / B
    values = gappy.nan_to_num()
    assert_close(per_entry(values, gappy), values.sum(dim=(1, 2)) / size)


def test_a_tenth_of_the_conditions_is_hidden():
    condition = torch.ones(20_000, 3)
    found = sometimes_hidden(condition, (3, 0, 0), seeded())
    hidden = (found == 0).all(dim=1)
    assert torch.equal(found[~hidden], condition[~hidden])
    assert abs(hidden.double().mean() - 0.1) < 4.42 * math.sqrt(0.09 / 20_000)


def test_parts_of_conditions_are_hidden_alone_and_together():
    condition = torch.ones(20_000, 4)
    found = sometimes_hidden(condition, (3, 0, 1), seeded())
    first, last = (found[:, :3] == 0), (found[:, 3:] == 0)
    assert torch.equal(first.all(dim=1), first.any(dim=1))
    shares = {
        0.9 * 0.1 * 0.9: first.all(dim=1) & ~last[:, 0],
        0.1 + 0.9 * 0.01: first.all(dim=1) & last[:, 0],
    }
    for share, hidden in shares.items():
        error = 4.42 * math.sqrt(share * (1 - share) / 20_000)
        assert abs(hidden.double().mean() - share) < error


def test_conditions_of_no_width_draw_nothing(normals):
    generator = seeded()
    before = generator.get_state()
    sometimes_hidden(normals(B, 0), (), generator)
    assert torch.equal(generator.get_state(), before)


def test_the_variational_term_weighs_the_likelihood_of_each_series():
    log_prob = torch.tensor([[[-1.0], [-3.0]], [[-2.0], [-6.0]]])
    loss = variational_inference_loss(log_prob, torch.tensor([1.0, 0.5]), log_prob)
    assert loss.item() == (1 * 2 + 0.5 * 4) / 2


def test_the_collapse_term_weighs_the_charge_of_each_series():
    loss = collapse_simulation_loss(torch.tensor([3.0, 5.0]), torch.tensor([1.0, 0.2]))
    assert_close(loss.item(), (3 + 1) / 2)


# the bound of the mutual information


def test_the_information_bound_is_its_definition_by_torch(normals):
    mean, log_scale, eps = normals(3, B, K, dtype=torch.float64)
    z = mean + log_scale.exp() * eps
    total = 0.0
    for i in range(B):
        log_q = Normal(mean, log_scale.exp()).log_prob(z[i]).sum(1)
        total = total + log_q[i] - log_q.exp().mean().log()
    assert_close(mutual_information_bound(z, mean, log_scale), total / B)


def test_the_information_bound_does_not_depend_on_the_size_of_a_pass(
    normals, monkeypatch
):
    mean, eps = normals(2, B, K, dtype=torch.float64)
    inputs = mean + eps, mean, torch.zeros_like(mean)
    at_once = mutual_information_bound(*inputs)
    monkeypatch.setattr(objectives, "MAX_ROWS", 4)
    assert_close(mutual_information_bound(*inputs), at_once)


def test_latents_that_tell_nothing_have_no_information(normals):
    mean, eps = torch.ones(B, K), normals(B, K)
    bound = mutual_information_bound(mean + eps, mean, torch.zeros(B, K))
    assert_close(bound, torch.tensor(0.0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("log_scale", [0.0, -5.0, -20.0])
def test_latents_that_tell_all_series_apart_have_the_most_information(
    normals, log_scale
):
    mean, eps = normals(2, B, K)
    log_scale = torch.full_like(mean, log_scale)
    far = 100 * mean
    bound = mutual_information_bound(far + log_scale.exp() * eps, far, log_scale)
    assert_close(bound, torch.tensor(math.log(B)))


def test_the_information_bound_lies_below_the_information(normals):
    """Normal means of variance 3 and unit noise: ln 2 nats for each dimension."""
    mean, eps = normals(2, 200, 8, 2, dtype=torch.float64)
    mean = 3**0.5 * mean
    zero = torch.zeros(8, 2, dtype=torch.float64)
    bounds = torch.stack(
        [
            mutual_information_bound(m + e, m, zero)
            for m, e in zip(mean, eps, strict=True)
        ]
    )
    error = bounds.std() / 200**0.5
    assert 0.5 < bounds.mean() < 2 * math.log(2) - 4 * error


# indices into the schedule


@pytest.mark.parametrize(
    ("gamma", "wanted"),
    [
        (2.0, [0, 2, 98, 100, 100]),
        (1.0, [0, 1, 49, 50, 100]),
        (0.0, [0, 0, 0, 0, 0]),
        (1.5, [0, 2, 74, 75, 100]),
    ],
)
def test_early_weights_are_read_at_gamma_times_the_level_up_to_the_last(gamma, wanted):
    level = torch.tensor([0, 1, 49, 50, 100])
    assert early_index(level, gamma, 100).tolist() == wanted


@pytest.mark.parametrize(
    ("eta", "wanted"),
    [(1.0, [90, 91, 99, 100]), (2.0, [45, 46, 50, 50]), (1000.0, [1, 1, 1, 1])],
)
def test_late_weights_are_read_at_the_level_over_eta_rounded_up(eta, wanted):
    assert late_index(torch.tensor([90, 91, 99, 100]), eta).tolist() == wanted


@pytest.mark.parametrize(("low", "high"), [(0, 4), (1, 5), (7, 7)])
def test_levels_are_uniform_with_both_ends_included(low, high):
    levels = uniform_levels(low, high, torch.empty(50_000), seeded())
    counts = levels.bincount()[low:].double()
    assert len(counts) == high - low + 1
    assert not levels.bincount()[:low].any()
    share = 1 / len(counts)
    error = math.sqrt(share * (1 - share) / 50_000)
    # alpha = 1e-5 over at most five counts
    assert ((counts / 50_000 - share).abs() <= 4.8 * error).all()


# annealing


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_without_annealing_the_weight_is_1(progress):
    assert annealing_weight(progress, None) == 1


@pytest.mark.parametrize(
    ("progress", "weight"),
    [(0, 0), (0.1, 0.2), (0.25, 0.5), (0.5, 1), (0.9, 1), (1, 1)],
)
def test_monotonic_annealing_rises_over_the_first_half(progress, weight):
    assert annealing_weight(progress, "monotonic") == weight


@pytest.mark.parametrize("cycle", range(4))
@pytest.mark.parametrize(("share", "weight"), [(0, 0), (0.25, 0.5), (0.5, 1), (0.9, 1)])
def test_cyclical_annealing_rises_over_half_of_each_cycle(cycle, share, weight):
    found = annealing_weight((cycle + share) / 4, "cyclical")
    assert found == pytest.approx(weight, abs=1e-12)


def test_cyclical_annealing_ends_at_1():
    assert annealing_weight(1.0, "cyclical") == 1


# masking


def test_masking_hides_whole_observations():
    previous = torch.ones(2, 3, 2)
    keep = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    masked = mask_variables(previous, keep)
    assert torch.equal(masked.nan_to_num().sum(2) / 2, keep)
    assert torch.equal(masked.isnan().all(2), keep == 0)


@pytest.mark.parametrize("masking", [0.1, 0.3, 0.8])
def test_observations_are_hidden_at_the_named_rate(masking):
    previous = seen_before(torch.ones(1000, 101, 2), masking, seeded())[:, 1:]
    assert torch.equal(previous[..., 0].isnan(), previous[..., 1].isnan())
    hidden = previous[..., 0].isnan().double().mean().item()
    assert abs(hidden - masking) < 4.42 * math.sqrt(masking * (1 - masking) / 1e5)


def test_masking_changes_the_prefix_and_not_the_series(normals):
    x = normals(B, T, C)
    previous = seen_before(x, 0.5, seeded())
    kept = previous[:, 1:] == x[:, :-1]
    assert (kept | previous[:, 1:].isnan()).all()
    assert previous[:, 0].isnan().all()


def test_masking_everything_leaves_nothing(normals):
    assert seen_before(normals(B, T, C), 1.0, seeded()).isnan().all()


def test_without_masking_nothing_is_drawn(normals):
    generator = seeded()
    before = generator.get_state()
    seen_before(normals(B, T, C), 0.0, generator)
    assert torch.equal(generator.get_state(), before)


# the charge of a decoder that sees no latent


@pytest.fixture
def gaussian(normals):
    mean, raw = normals(2, B, T, C, dtype=torch.float64)
    return Gaussian(mean, (raw / 3).exp())


@pytest.fixture
def x(normals):
    return normals(B, T, C, seed=1, dtype=torch.float64)


@pytest.mark.parametrize("form", [*BOUNDED, "printed"])
def test_there_is_a_charge_for_every_series(gaussian, x, form):
    assert collapse_charge(gaussian, x, form).shape == (B,)


@pytest.mark.parametrize("form", BOUNDED)
def test_bounded_charges_are_never_negative(gaussian, x, form):
    for size in (0.1, 1, 10):
        assert (collapse_charge(gaussian, size * x, form) >= 0).all()


@pytest.mark.parametrize("form", BOUNDED)
def test_the_reference_itself_is_free_of_charge(x, form):
    reference = Gaussian(torch.zeros_like(x), torch.ones_like(x))
    assert not collapse_charge(reference, x, form).any()


@pytest.mark.parametrize("form", ["entry", "step", "series"])
def test_explaining_worse_than_the_reference_is_free_of_charge(x, form):
    worse = Gaussian(-x.sign() * 3, torch.ones_like(x))
    assert not collapse_charge(worse, x, form).any()


@pytest.mark.parametrize("form", BOUNDED)
def test_explaining_better_than_the_reference_is_charged(x, form):
    better = Gaussian(x, torch.full_like(x, 0.1))
    assert (collapse_charge(better, x, form) > 1).all()


@pytest.fixture
def shares(fresh, normals):
    """Give a likelihood of discrete channels that knows their shares, and series."""
    likelihood = fresh(MixtureLikelihood, 4, C, 0.1, 2, (2,) * C).double()
    for parameter in likelihood.parameters():
        parameter.data.zero_()
    likelihood.set_values(
        torch.tensor([[-1.0, 1.0]] * C), torch.tensor([[0.25, 0.75]] * C)
    )
    x = normals(B, T, C, dtype=torch.float64).sign()
    return likelihood, normals(B, T, 4, dtype=torch.float64), x


@pytest.mark.parametrize("form", BOUNDED)
def test_the_shares_of_discrete_values_are_free_of_charge(shares, form):
    likelihood, h, x = shares
    distribution = likelihood(h, Past.unknown(x))
    assert collapse_charge(distribution, x, form).abs().max() < 1e-7


@pytest.mark.parametrize("form", BOUNDED)
def test_telling_discrete_values_better_than_their_shares_is_charged(shares, form):
    likelihood, h, x = shares
    outputs = likelihood.from_features.bias.data[likelihood.width :]
    outputs[C + 1 : 3 * C : 2] += 3  # of the value 1
    distribution = likelihood(h, Past.unknown(x))
    assert (collapse_charge(distribution, x.abs(), form) > 0.1).all()


def test_the_printed_charge_is_the_likelihood_and_has_no_lower_bound(gaussian, x):
    charge = collapse_charge(gaussian, x, "printed")
    assert_close(charge, Normal(*gaussian).log_prob(x).mean((1, 2)))
    assert (collapse_charge(gaussian, 1e3 * x, "printed") < -1e4).all()


def test_charges_on_a_series_of_two_entries_follow_by_hand():
    """Gains 3, -1 in step 1 and -4, 1 in step 2, by the choice of the means."""
    gain = torch.tensor([[[3.0, -1.0], [-4.0, 1.0]]], dtype=torch.float64)
    x = torch.full_like(gain, 4.0)
    # ln N(4; m, 1) - ln N(4; 0, 1) = 8 - (4 - m)^2 / 2
    likelihood = Gaussian(4 - (16 - 2 * gain).sqrt(), torch.ones_like(gain))
    charges = [
        collapse_charge(likelihood, x, form).item()
        for form in ("entry", "step", "series", "printed")
    ]
    printed = (gain + standard_normal_log_prob(x)).mean().item()
    assert charges == pytest.approx([4 / 4, (1 + 0) / 2, 0, printed])


def test_finer_charges_are_no_smaller(gaussian, x):
    entry, step, series = (
        collapse_charge(gaussian, x, form) for form in ("entry", "step", "series")
    )
    assert (entry >= step).all()
    assert (step >= series).all()


# sums of terms

STABLE = {
    "gamma": 2.0,
    "alpha": 0.7,
    "eta": 1.5,
    "n_inference_levels": 3,
    "n_collapse_levels": 4,
    "collapse_penalty": "step",
    "variable_masking": 0.3,
}


def stable_terms(model, x, **options):
    options = {**STABLE, **options}
    return stable_posterior_terms(model, x, x[:, 0, :0], seeded(), **options)


def baseline_terms(model, x, **options):
    options = {"kl_weight": 0.5, "variable_masking": 0.3, **options}
    return elbo_terms(model, x, x[:, 0, :0], seeded(), **options)


def gradients(loss, model):
    parameters = [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for (name, parameter), gradient in zip(
            model.named_parameters(), found, strict=True
        )
    }


both = pytest.mark.parametrize(
    ("posterior", "terms_of"),
    [("deterministic", stable_terms), ("gaussian", baseline_terms)],
    ids=["stable posterior", "latent diffusion"],
)


@both
def test_the_denoising_term_reaches_the_denoiser_and_nothing_else(
    make_model, x, posterior, terms_of
):
    model = make_model(posterior=posterior).double()
    found = gradients(terms_of(model, x)["denoising"].value, model)
    for name, gradient in found.items():
        assert gradient.any() == name.startswith("denoiser."), name


@both
def test_the_other_terms_leave_the_denoiser_alone(make_model, x, posterior, terms_of):
    model = make_model(posterior=posterior).double()
    terms = terms_of(model, x)
    del terms["denoising"]
    found = gradients(weighted_sum(terms), model)
    for name, gradient in found.items():
        assert gradient.any() != name.startswith("denoiser."), name


@both
@pytest.mark.parametrize("backbone", ["lstm", "transformer"])
@pytest.mark.parametrize("skip", [False, True])
def test_the_loss_trains_every_weight(
    make_model, x, assert_trainable, posterior, terms_of, backbone, skip
):
    model = make_model(
        posterior=posterior,
        backbone=backbone,
        skip_connections=skip,
        n_layers=2,
        dropout=0.1,
        denoiser="unet",
    )
    assert_trainable(weighted_sum(terms_of(model, x.float())), model)


@both
def test_equal_generators_give_equal_terms(make_model, x, posterior, terms_of):
    model = make_model(posterior=posterior, dropout=0.3).double()
    first, again = terms_of(model, x), terms_of(model, x)
    assert first == again


@pytest.mark.parametrize("off", [{"alpha": 0.0}, {"n_collapse_levels": 0}])
def test_a_penalty_that_is_off_is_no_term(make_model, x, off):
    model = make_model().double()
    assert set(stable_terms(model, x, **off)) == {"variational_inference", "denoising"}


def test_terms_before_the_penalty_do_not_depend_on_it(make_model, x):
    model = make_model().double()
    with_penalty, without = stable_terms(model, x), stable_terms(model, x, alpha=0.0)
    for name, term in without.items():
        assert_close(with_penalty[name].value, term.value, rtol=1e-12, atol=0)
        assert with_penalty[name].weight == term.weight


def test_alpha_weighs_the_penalty_and_nothing_else(make_model, x):
    terms = stable_terms(make_model().double(), x)
    weights = {name: term.weight for name, term in terms.items()}
    assert weights == {
        "variational_inference": 1.0,
        "denoising": 1.0,
        "collapse_simulation": 0.7,
    }


def test_the_kl_term_is_per_entry_of_the_series_and_has_its_weight(make_model, x):
    model = make_model(posterior="gaussian").double()
    term = baseline_terms(model, x)["kl"]
    wanted = torch_kl(
        Normal(model.encode(x)[0], model.encode(x)[1].exp()), Normal(0.0, 1.0)
    )
    assert_close(term.value, wanted.sum(1).mean() / (T * C))
    assert term.weight == 0.5


def test_reconstruction_and_kl_are_the_negative_elbo_per_entry(make_model, x):
    model = make_model(posterior="gaussian").double()
    terms = baseline_terms(model, x, kl_weight=1.0, variable_masking=0.0)
    mean, log_scale = model.encode(x)
    eps = torch.empty_like(mean).normal_(generator=seeded())
    prefix = torch.cat([torch.zeros(B, 1, C), x[:, :-1]], dim=1)
    likelihood = Normal(*model.decode(mean + log_scale.exp() * eps, prefix))
    kl = torch_kl(Normal(mean, log_scale.exp()), Normal(0.0, 1.0)).sum(1)
    elbo = likelihood.log_prob(x).sum((1, 2)) - kl
    assert_close(
        terms["reconstruction"].value + terms["kl"].value, -elbo.mean() / (T * C)
    )


def test_without_a_weight_information_is_no_term(make_model, x):
    model = make_model(posterior="gaussian").double()
    assert set(baseline_terms(model, x)) == {"reconstruction", "kl", "denoising"}


def test_information_is_subtracted_per_entry_of_the_series(make_model, x):
    model = make_model(posterior="gaussian").double()
    without = baseline_terms(model, x)
    terms = baseline_terms(model, x, mutual_information=0.5)
    mean, log_scale = model.encode(x)
    eps = torch.empty_like(mean).normal_(generator=seeded())
    bound = mutual_information_bound(mean + log_scale.exp() * eps, mean, log_scale)
    assert_close(terms["mutual_information"].value, bound / (T * C))
    assert terms["mutual_information"].weight == -0.5
    assert {name: terms[name] for name in without} == without


def test_information_is_raised_by_its_term(make_model, x):
    model = make_model(posterior="gaussian").double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    found = []
    for _ in range(30):
        terms = baseline_terms(model, x, mutual_information=100.0)
        optimizer.zero_grad()
        weighted_sum(terms).backward()
        optimizer.step()
        found.append(terms["mutual_information"].value.item() * T * C)
    assert found[-1] > 2 * found[0]
    assert max(found) <= math.log(B)


def test_the_diffusion_of_the_baseline_sees_standardised_draws(make_model, x):
    model = make_model(posterior="gaussian").double().train()
    seen = []
    model.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.alpha_bar.fill_(1 - 1e-12)
    baseline_terms(model, x)
    assert_close(seen[0].mean(0), torch.zeros(K).double(), rtol=0, atol=1e-4)
    assert_close(
        seen[0].var(0, unbiased=False), torch.ones(K).double(), rtol=0.01, atol=0
    )


# algorithm 1, written out again


class Algorithm1:
    """The paper's algorithm 1, with the bounded penalty per time step."""

    def __init__(self, model, x, options):
        self.model, self.x, self.options = model, x, options
        self.signal = model.alpha_bar.tolist()
        self.last = len(self.signal) - 1
        self.draws = Draws(x, options["variable_masking"])
        self.prefix = torch.zeros_like(x)
        self.prefix[:, 1:] = x[:, :-1]

    def loss(self):
        raw = self.model.posterior.project(self.model.encoder(self.x))
        v = (raw - raw.mean(0)) / (raw.var(0, unbiased=False) + 1e-5).sqrt()
        self.prefix = self.prefix * self.draws.bernoulli()
        total = self.early(v) + self.denoising(v.detach())
        return total + self.options["alpha"] * self.late(v)

    def early(self, v):
        levels = self.draws.integers(0, self.options["n_inference_levels"], len(v))
        log_prob = self.log_likelihood(self.noisy(v, levels, self.draws.normal(v)))
        total = 0.0
        for row, level in zip(log_prob, levels, strict=True):
            index = min(round(self.options["gamma"] * level), self.last)
            total = total - self.signal[index] * row.mean() / len(v)
        return total

    def denoising(self, v):
        levels = self.draws.integers(1, self.last, len(v))
        eps = self.draws.normal(v)
        output = self.model.denoiser(self.noisy(v, levels, eps), torch.tensor(levels))
        keep = torch.tensor([[self.signal[level]] for level in levels], dtype=v.dtype)
        target = eps
        if self.model.prediction == "v":
            target = keep**0.5 * eps - (1 - keep) ** 0.5 * v
        return ((output - target) ** 2).mean()

    def late(self, v):
        v = v[: math.ceil(objectives.COLLAPSE_SHARE * len(v))]
        lowest = self.last - self.options["n_collapse_levels"]
        levels = self.draws.integers(lowest, self.last, len(v))
        log_prob = self.log_likelihood(self.noisy(v, levels, self.draws.normal(v)))
        gain = log_prob - Normal(0.0, 1.0).log_prob(self.x[: len(v)])
        total = 0.0
        for row, level in zip(gain, levels, strict=True):
            weight = 1 - self.signal[math.ceil(level / self.options["eta"])]
            total = total + weight * row.mean(1).clamp(min=0).mean() / len(v)
        return total

    def noisy(self, v, levels, eps):
        keep = torch.tensor([[self.signal[level]] for level in levels], dtype=v.dtype)
        return keep**0.5 * v + (1 - keep) ** 0.5 * eps

    def log_likelihood(self, z):
        h = self.model.decoder(z, self.prefix[: len(z)])
        mean, raw_scale = self.model.likelihood.project(h).split(C, dim=-1)
        scale = 0.02 + torch.log1p(raw_scale.exp())
        return Normal(mean, scale).log_prob(self.x[: len(z)])


class Draws:
    """The random numbers of algorithm 1 in its order, from one seed."""

    def __init__(self, x, masking):
        self.x, self.masking, self.generator = x, masking, seeded()

    def bernoulli(self):
        keep = self.x.new_empty(*self.x.shape[:2])
        return keep.bernoulli_(1 - self.masking, generator=self.generator)[..., None]

    def integers(self, low, high, n):
        return torch.randint(low, high + 1, (n,), generator=self.generator).tolist()

    def normal(self, like):
        return torch.empty_like(like).normal_(generator=self.generator)


@pytest.mark.parametrize("backbone", ["lstm", "transformer"])
@pytest.mark.parametrize("prediction", ["v", "epsilon"])
@pytest.mark.parametrize("options", [{}, {"gamma": 5.0, "eta": 1.0, "alpha": 2.0}])
def test_loss_and_gradients_are_those_of_algorithm_1(
    make_model, x, backbone, prediction, options
):
    model = make_model(backbone=backbone, prediction=prediction).double().train()
    options = {**STABLE, **options}
    found = weighted_sum(stable_terms(model, x, **options))
    wanted = Algorithm1(model, x, options).loss()
    assert_close(found, wanted)
    again = gradients(wanted, model)
    for name, gradient in gradients(found, model).items():
        assert_close(gradient, again[name], rtol=1e-6, atol=1e-10, msg=name)


# the second stage


def test_the_second_stage_denoises_cached_latents(make_model, normals):
    model, v = make_model().eval(), normals(B, K)
    found = prior_terms(model, model.denoiser, (v, v[:, :0]), seeded(), 0.0)[
        "denoising"
    ]
    wanted = denoising_term(model, model.denoiser, v, seeded())
    assert found == wanted


def test_the_second_stage_draws_from_cached_posteriors(make_model, normals):
    model = make_model(posterior="gaussian").eval()
    mean, log_scale = normals(2, B, K)
    generator = seeded()
    latents = (mean, log_scale, mean[:, :0])
    found = prior_terms(model, model.denoiser, latents, seeded(), 0.0)
    z = mean + log_scale.exp() * torch.empty_like(mean).normal_(generator=generator)
    z0 = (z - 0) / math.sqrt(1 + 1e-5)
    wanted = denoising_term(model, model.denoiser, z0, generator)
    assert_close(found["denoising"].value, wanted.value)
