"""Log odds by duration: how long a channel has been held, or has gone on straight.

Values interpolated between the hours bend on the hour, and values held until they are
measured again change then. A decoder reads values, in which bends are often too small
to be seen, and does not learn to count the steps between them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LONGEST = 32  # steps, beyond which a duration makes no more difference
LEAST_HELD = 0.25  # share of repeats; values held for two steps or more have half
PACE = 4.0  # of learning, times that of other weights


class Durations(nn.Module):
    r"""What the duration of a channel adds to its log odds of going on as it is.

    .. math:: l_t = l(h_t) + a_{d_t}

    with the duration :math:`d_t` of `Past.run`: a hazard in discrete time. Durations
    since the beginning, where it is not known when the channel bent, have entries of
    their own. Zero for channels that do not last.

    Singer and Willett, "It's About Time: Using Discrete-Time Survival Analysis to Study
    Duration and the Timing of Events", 1993.

    Parameters
    ----------
    owners : sequence of int
        Channels that the log odds belong to. `set` says which of these last, before
        anything else.
    """

    lasts: Tensor

    def __init__(self, owners: Sequence[int]) -> None:
        super().__init__()
        self.owners = list(owners)
        self.log_odds = nn.Parameter(torch.zeros(len(owners) * 2 * LONGEST))
        self.register_buffer("lasts", torch.zeros(len(owners)), persistent=False)

    def set(self, repeats: Tensor, on_line: Sequence[int]) -> None:
        """Tell channels that last by their share of repeats, (C,), or straight lines.

        `on_line` are the channels that go on straight.
        """
        lasts = repeats >= LEAST_HELD
        lasts[list(on_line)] = True
        self.lasts.copy_(lasts[self.owners])

    def forward(self, run: Tensor) -> Tensor:
        """Map durations (..., C) to what they add to the log odds, (..., R)."""
        place = run.clamp(-LONGEST, LONGEST - 1) + LONGEST
        first = 2 * LONGEST * torch.arange(len(self.owners), device=run.device)
        found = F.embedding(place[..., self.owners] + first, self.log_odds[:, None])
        return PACE * self.lasts * found[..., 0]
