import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torch.nn import functional as F

from tsgen.nn.decoders import Past
from tsgen.nn.likelihoods import (
    Gaussian,
    Inflated,
    Mixture,
    MixtureLikelihood,
    Recurring,
)

B, T, C, H = 3, 5, 2, 8
K = 4
WIDE = 7  # channels
STRAIGHT = 4  # a channel that goes on straight lines
RECURRING = torch.tensor([-0.5, 0.25, 0.5, torch.nan, 2.0], dtype=torch.float64)
OWNER = torch.tensor([0, 3, 3, STRAIGHT, WIDE - 1])
CHANGES = torch.tensor([1.0, 0.1, 0.5, 0.02, 0.2, 1.0, 0.3], dtype=torch.float64)
N_VALUES = (0, 3, 0, 5, 1, 2, 0)
CONTINUOUS = [0, 2, 6]


@pytest.fixture
def gaussian(normals):
    mean, raw = normals(2, B, T, C, dtype=torch.float64)
    return Gaussian(mean, raw.exp())


@pytest.fixture
def mixture(normals):
    logits, mean, raw = normals(3, B, T, K, C, dtype=torch.float64)
    return Mixture(logits.log_softmax(dim=-2), mean, raw.exp())


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


def straight_on(past):
    return (past.value + past.change)[..., STRAIGHT]
