"""Networks that judge series: a recurrent reader, a contrastive encoder, their fits.

For metrics only; no generator is trained with them. Arrays come in and arrays leave,
and everything random is drawn from one seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsgen.exceptions import TrainingDivergedError
from tsgen.nn.gradients import differentiating
from tsgen.nn.layers import initialize
from tsgen.nn.training import EarlyStopping

LIMIT = 1e6  # of what networks read: float32 squares it without overflow
RATE = 1e-3  # of Adam, as in published protocols
STOPPED_RATE = 5e-3  # where a validation stops it: as good, and sooner
LONGEST_CROP = 256
EVERY = 50  # iterations from one validation to the next
PATIENCE = 4  # validations without progress after which to stop
PART = 2**17  # time steps judged at once

Critic = TypeVar("Critic", bound=nn.Module)
Pair = tuple[Any, Any]


class SeriesReader(nn.Module):
    """A GRU of one layer with a linear head at every step.

    Parameters
    ----------
    n_inputs, n_outputs, hidden_size : int
        Channels read, channels said, width of the state.
    """

    def __init__(self, n_inputs: int, n_outputs: int, hidden_size: int) -> None:
        super().__init__()
        self.gru = nn.GRU(n_inputs, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Read (B, T, n_inputs) and say (B, T, n_outputs), one step after another."""
        return self.head(self.gru(x)[0])

    def verdict(self, x: Tensor) -> Tensor:
        """Logit of each series (B,), from the last state and the first output."""
        states = self.gru(x)[0]  # (B, T, H)
        return self.head(states[:, -1])[:, 0]


class DilatedConvolution(nn.Module):
    """Read each step beside those `dilation` before and after it; zeros at the ends.

    As one product of matrices: on the CPU, for the small batches of an encoder, several
    times as fast as a convolution of torch.

    Parameters
    ----------
    n_inputs, n_outputs, dilation : int
    """

    def __init__(self, n_inputs: int, n_outputs: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.taps = nn.Linear(3 * n_inputs, n_outputs)

    def forward(self, h: Tensor) -> Tensor:
        """Map (B, T, n_inputs) to (B, T, n_outputs)."""
        d, n_timesteps = self.dilation, h.shape[1]
        padded = F.pad(h, (0, 0, d, d))
        before, after = padded[:, :n_timesteps], padded[:, 2 * d :]
        return self.taps(torch.cat([before, h, after], dim=2))


class DilatedBlock(nn.Module):
    """Two dilated convolutions and a bypass.

    Parameters
    ----------
    n_inputs, n_outputs, dilation : int
    """

    def __init__(self, n_inputs: int, n_outputs: int, dilation: int) -> None:
        super().__init__()
        self.first = DilatedConvolution(n_inputs, n_inputs, dilation)
        self.second = DilatedConvolution(n_inputs, n_outputs, dilation)
        same = n_inputs == n_outputs
        self.bypass = nn.Identity() if same else nn.Linear(n_inputs, n_outputs)

    def forward(self, h: Tensor) -> Tensor:
        """Map (B, T, n_inputs) to (B, T, n_outputs)."""
        return self.bypass(h) + self.second(F.gelu(self.first(F.gelu(h))))


class SeriesEncoder(nn.Module):
    """Embed every step of a series in the light of all the others.

    A projection of each step, then `DilatedBlock` whose taps lie 1, 2, 4, ... steps
    apart, as many as let each step see the whole series.

    Parameters
    ----------
    n_channels, n_timesteps, width : int
        Shape of a series, and the width of an embedding.
    hidden_size : int
        Width of all but the last block.
    """

    def __init__(
        self, n_channels: int, n_timesteps: int, width: int, hidden_size: int = 64
    ) -> None:
        super().__init__()
        self.project = nn.Linear(n_channels, hidden_size)
        n_blocks = max(1, math.ceil(math.log2((n_timesteps + 1) / 2)))
        widths = [hidden_size] * n_blocks + [width]
        self.blocks = nn.Sequential(
            *(DilatedBlock(hidden_size, w, 2**k) for k, w in enumerate(widths))
        )

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Map (B, T, C) to (B, T, width); steps where `keep` (B, T) is 0 are hidden."""
        h = self.project(x)
        h = h if keep is None else h * keep[..., None]
        return self.blocks(h)

    def whole(self, x: Tensor) -> Tensor:
        """Embed whole series (B, T, C) as (B, width): the largest value over time."""
        return self(x).amax(dim=1)


def make(build: Callable[[], Critic], generator: torch.Generator) -> Critic:
    """Build a network in float32 with weights drawn from `generator` alone."""
    with torch.device("meta"):
        module = build()
    module = module.to_empty(device="cpu").float()
    initialize(module, generator)
    return module


def as_input(series: Any) -> Tensor:
    """Copy series to float32 on the CPU; what lies beyond `LIMIT` is put there."""
    if not isinstance(series, Tensor):
        series = torch.tensor(series)  # a copy: read-only arrays may not be shared
    wide = series.detach().to("cpu", torch.float64)
    return wide.clamp(-LIMIT, LIMIT).float()


def draw_rows(
    n_rows: int, batch_size: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Draw random rows without end; within a batch all differ."""
    while True:
        yield torch.randperm(n_rows, generator=generator)[:batch_size]


def train_critic(
    module: nn.Module,
    loss: Callable[[], Tensor],
    n_iterations: int,
    *,
    validation_loss: Callable[[], Tensor] | None = None,
) -> None:
    """Lower `loss` by Adam, in place; no network here behaves otherwise in training.

    Parameters
    ----------
    module : nn.Module
    loss : callable
        Loss of `module` on the next batch.
    n_iterations : int
        Steps of the optimiser: with `validation_loss` at most.
    validation_loss : callable, optional
        Loss on rows held out. If given, training stops when it no longer falls, and
        the weights are those at which it was least.

    Raises
    ------
    TrainingDivergedError
        If the loss is no longer finite.
    """
    rate = RATE if validation_loss is None else STOPPED_RATE
    optimizer = torch.optim.Adam(module.parameters(), rate, fused=True)
    stopping = EarlyStopping(PATIENCE, tol=0.0)
    for iteration in range(1, n_iterations + 1):
        value = _step(optimizer, loss)
        if iteration % EVERY and iteration < n_iterations:
            continue
        _check_finite(value, iteration)
        if validation_loss and _judge(module, validation_loss, iteration, stopping):
            break
    if validation_loss:
        module.load_state_dict(stopping.best_weights)


def _step(optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> Tensor:
    with torch.enable_grad():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
    return value.detach()


@torch.no_grad()
def _judge(
    module: nn.Module,
    validation_loss: Callable[[], Tensor],
    iteration: int,
    stopping: EarlyStopping,
) -> bool:
    value = validation_loss()
    _check_finite(value, iteration)
    weights = {name: part.clone() for name, part in module.state_dict().items()}
    return stopping.update(float(value), weights)


def _check_finite(value: Tensor, iteration: int) -> None:
    if not math.isfinite(float(value)):
        raise TrainingDivergedError(
            f"The network of the metric diverged: its loss was {float(value)} after "
            f"{iteration} iterations. Look for extreme values in the series."
        )


def discrimination_loss(
    reader: SeriesReader, real: Tensor, synthetic: Tensor
) -> Tensor:
    r"""Binary cross-entropy, each class with the same weight.

    .. math:: \frac{1}{2} \left(\mathrm{mean}(\log(1 + e^{-a})) +
              \mathrm{mean}(\log(1 + e^{b}))\right)

    Parameters
    ----------
    reader : SeriesReader
    real, synthetic : Tensor of shape (B, T, C)
        With the logits `a` and `b`.

    Returns
    -------
    Tensor of shape ()
    """
    logits = reader.verdict(torch.cat([real, synthetic]))
    a, b = logits.split([len(real), len(synthetic)])
    return (F.softplus(-a).mean() + F.softplus(b).mean()) / 2


@differentiating()
def fit_discriminator(
    real: Any,
    synthetic: Any,
    *,
    hidden_size: int,
    n_iterations: int,
    batch_size: int,
    seed: int,
    validation: Pair | None = None,
) -> SeriesReader:
    """Train a reader to tell two sets of series apart.

    Parameters
    ----------
    real, synthetic : array-like of shape (n, T, C)
        `n` may differ.
    hidden_size, n_iterations, batch_size : int
        A batch holds `batch_size` series of each set, or all if there are fewer.
    seed : int
    validation : tuple of two array-likes, optional
        Real and synthetic series held out, to stop early.

    Returns
    -------
    SeriesReader
        Its `verdict` is above 0 for series that look real.
    """
    generator = torch.Generator().manual_seed(seed)
    sides = as_input(real), as_input(synthetic)
    n_channels = sides[0].shape[2]
    reader = make(lambda: SeriesReader(n_channels, 1, hidden_size), generator)
    rows = [draw_rows(len(side), batch_size, generator) for side in sides]

    def loss() -> Tensor:
        batch = [side[next(draw)] for side, draw in zip(sides, rows, strict=True)]
        return discrimination_loss(reader, *batch)

    judge = None
    if validation is not None:
        judge = partial(discrimination_loss, reader, *map(as_input, validation))
    train_critic(reader, loss, n_iterations, validation_loss=judge)
    return reader


def forecast_loss(reader: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute error of what `reader` says to `x` (B, T, n_inputs)."""
    return F.l1_loss(reader(x), y)


@differentiating()
def fit_forecaster(
    inputs: Any,
    targets: Any,
    *,
    bounded: bool,
    hidden_size: int,
    n_iterations: int,
    batch_size: int,
    seed: int,
    validation: Pair | None = None,
) -> nn.Module:
    """Train a reader to say at every step what comes next.

    Parameters
    ----------
    inputs : array-like of shape (n, T, n_inputs)
    targets : array-like of shape (n, T, n_outputs)
        What to say after each input; the loss is the mean absolute error.
    bounded : bool
        Whether answers pass a sigmoid, for targets in [0, 1].
    hidden_size, n_iterations, batch_size, seed : int
    validation : tuple of two array-likes, optional
        Inputs and targets held out, to stop early.

    Returns
    -------
    nn.Module
        Maps inputs to answers of the shape of the targets.
    """
    generator = torch.Generator().manual_seed(seed)
    x, y = as_input(inputs), as_input(targets)
    widths = x.shape[2], y.shape[2], hidden_size
    link = nn.Sigmoid() if bounded else nn.Identity()
    reader = make(lambda: nn.Sequential(SeriesReader(*widths), link), generator)
    rows = draw_rows(len(x), batch_size, generator)

    def loss() -> Tensor:
        batch = next(rows)
        return forecast_loss(reader, x[batch], y[batch])

    judge = None
    if validation is not None:
        judge = partial(forecast_loss, reader, *map(as_input, validation))
    train_critic(reader, loss, n_iterations, validation_loss=judge)
    return reader


@differentiating()
def fit_encoder(
    series: Any, *, width: int, n_iterations: int, batch_size: int, seed: int
) -> SeriesEncoder:
    """Train an encoder without labels, by contrast of two views of the same series.

    Parameters
    ----------
    series : array-like of shape (n, T, C)
        Standardised.
    width, n_iterations, batch_size, seed : int

    Returns
    -------
    SeriesEncoder

    References
    ----------
    Yue, Z., et al. (2022). TS2Vec: Towards universal representation of time series.
    AAAI, 36(8), 8980-8987. https://arxiv.org/abs/2106.10466
    """
    generator = torch.Generator().manual_seed(seed)
    x = as_input(series)
    shape = x.shape[2], min(x.shape[1], LONGEST_CROP), width
    encoder = make(lambda: SeriesEncoder(*shape), generator)
    rows = draw_rows(len(x), batch_size, generator)

    def loss() -> Tensor:
        return contrast_of_views(encoder, x[next(rows)], generator)

    train_critic(encoder, loss, n_iterations)
    return encoder


def contrast_of_views(
    encoder: SeriesEncoder, x: Tensor, generator: torch.Generator
) -> Tensor:
    """Contrast the embeddings of the steps that two random stretches of `x` share.

    A view sees only its stretch, and of that a random half of the steps.

    Parameters
    ----------
    encoder : SeriesEncoder
    x : Tensor of shape (B, T, C)
    generator : torch.Generator

    Returns
    -------
    Tensor of shape ()
    """
    begin, start, stop, end = draw_overlap(x.shape[1], generator)
    seen = x.new_zeros(2, 1, end - begin)
    seen[0, :, : stop - begin] = seen[1, :, start - begin :] = 0.5
    keep = seen.expand(-1, len(x), -1).bernoulli(generator=generator)  # (2, B, T')
    views = encoder(x[:, begin:end].repeat(2, 1, 1), keep.flatten(0, 1))
    a, b = views[:, start - begin : stop - begin].chunk(2)
    return hierarchical_contrast(a, b)


def draw_overlap(
    n_timesteps: int, generator: torch.Generator
) -> tuple[int, int, int, int]:
    """Draw two stretches of time, [begin, stop) and [start, end), that overlap.

    Parameters
    ----------
    n_timesteps : int
    generator : torch.Generator

    Returns
    -------
    begin, start, stop, end : int
        In this order from 0 to `n_timesteps`; `start` to `stop` is shared.
    """

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    longest = min(n_timesteps, LONGEST_CROP)
    shared = draw(min(2, longest), longest)
    start = draw(0, n_timesteps - shared)
    spare = LONGEST_CROP - shared
    begin = draw(max(0, start - spare), start)
    stop = start + shared
    return begin, start, stop, draw(stop, min(n_timesteps, stop + spare))


def hierarchical_contrast(a: Tensor, b: Tensor) -> Tensor:
    """Contrast two views of the same steps, and of ever longer stretches of them.

    At each level the mean of two losses: tell a series from the others of the batch at
    one time, and one time from the others of the series. From level to level time is
    halved by the larger of two values, down to one.

    Parameters
    ----------
    a, b : Tensor of shape (B, T, H)

    Returns
    -------
    Tensor of shape ()
        Mean over the levels.
    """
    levels = []
    while True:
        by_series = twin_contrast(torch.cat([a, b]).transpose(0, 1))
        by_time = twin_contrast(torch.cat([a, b], dim=1))
        levels.append((by_series + by_time) / 2)
        if a.shape[1] == 1:
            return torch.stack(levels).mean()
        a, b = (F.max_pool1d(v.transpose(1, 2), 2).transpose(1, 2) for v in (a, b))


def twin_contrast(points: Tensor) -> Tensor:
    r"""Cross-entropy of finding the twin of each point among all the others.

    Of `2 n` points, `k` and `n + k` are twins. With inner products :math:`s_{kl}`:

    .. math:: -s_{k, \mathrm{twin}(k)} + \log \sum_{l \ne k} e^{s_{kl}}

    Parameters
    ----------
    points : Tensor of shape (N, 2 n, H)
        `N` sets of points.

    Returns
    -------
    Tensor of shape ()
        Mean over points and sets; 0 if `n` is 1.
    """
    n_sets, n_points, _ = points.shape
    itself = torch.eye(n_points, dtype=torch.bool)
    scores = (points @ points.transpose(1, 2)).masked_fill(itself, -math.inf)
    twins = torch.arange(n_points).roll(n_points // 2)
    return F.cross_entropy(scores.flatten(0, 1), twins.repeat(n_sets))


@torch.no_grad()
def apply_critic(judge: Callable[[Tensor], Tensor], series: Any) -> Any:
    """Apply a fitted network to series, a part at a time.

    Parameters
    ----------
    judge : callable
        From (B, T, C) to (B, ...).
    series : array-like of shape (n, T, C)

    Returns
    -------
    ndarray of shape (n, ...), float64

    Raises
    ------
    TrainingDivergedError
        If an answer is not finite.
    """
    tensor = as_input(series)
    parts = tensor.split(max(PART // tensor.shape[1], 1))
    answers = torch.cat([judge(part) for part in parts])
    if not answers.isfinite().all():
        raise TrainingDivergedError(
            "The network of the metric gave answers that are not finite. Look for "
            "extreme values in the series."
        )
    return answers.double().numpy()
