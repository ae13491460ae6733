import pytest
import torch
from torch.testing import assert_close

from tests.nn.likelihoods.conftest import CHANGES, RECURRING, WIDE, H, K
from tsgen.nn.decoders import Past
from tsgen.nn.likelihoods.duration import LONGEST, PACE


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
