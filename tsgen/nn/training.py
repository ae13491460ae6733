"""Training: one loop for both stages, a generator of one record per epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tsgen.exceptions import TrainingDivergedError
from tsgen.nn.devices import has_bfloat16
from tsgen.nn.objectives import LossTerm
from tsgen.nn.rows import Rows

Batch = tuple[Tensor, ...]
Data = tuple[Rows, ...]
LossTerms = Callable[[Any, Batch, torch.Generator, float], dict[str, LossTerm]]

Weights = dict[str, Tensor]

BETAS = (0.9, 0.99)  # of Adam; the usual 0.999 wants twice the steps
RUNAWAY = 1e3  # nats per entry; standardised series start near 1.4


class Epoch(NamedTuple):
    """Record of one epoch: every loss term, their weighted sum, the held-out sum."""

    number: int
    terms: dict[str, float]
    loss: float
    validation_loss: float | None


class History:
    """Figures by name: every loss term, one entry per epoch."""

    def __init__(self, columns: dict[str, list[float]] | None = None) -> None:
        self.columns = {name: list(column) for name, column in (columns or {}).items()}

    def add(self, epoch: Epoch, prefix: str = "") -> None:
        """Append the record of an epoch."""
        figures = {**epoch.terms, "loss": epoch.loss}
        if epoch.validation_loss is not None:
            figures["validation_loss"] = epoch.validation_loss
        self.record({prefix + name: value for name, value in figures.items()})

    def record(self, figures: dict[str, float]) -> None:
        """Append figures to the columns of their names."""
        for name, value in figures.items():
            self.columns.setdefault(name, []).append(value)


class EarlyStopping:
    """Remember the best weights; tell when the validation loss no longer falls.

    Parameters
    ----------
    patience : int
        Number of epochs without improvement after which to stop.
    tol : float
        Smallest fall that counts as an improvement.
    """

    def __init__(self, patience: int, tol: float) -> None:
        self.patience = patience
        self.tol = tol
        self.best = math.inf
        self.best_weights: Weights = {}
        self.waited = 0

    def update(self, loss: float, weights: Weights) -> bool:
        """Take note of an epoch; return whether to stop."""
        self.waited = 0 if loss < self.best - self.tol else self.waited + 1
        if loss < self.best:
            self.best, self.best_weights = loss, weights
        return self.waited >= self.patience


class Trainer:
    """A module, its moving average, its optimiser and its randomness.

    Parameters
    ----------
    module : nn.Module
        What is trained, on its device.
    loss_terms : callable
        From (module, batch, generator, progress) to named loss terms; progress is the
        share of training done, from 0 to 1.
    generator : torch.Generator
        On the device of `module`; draws noise, levels and dropout masks.
    learning_rate, max_grad_norm, ema_decay : float
    mixed_precision : bool
        Run the networks in bfloat16, if the device can.
    """

    def __init__(
        self,
        module: nn.Module,
        loss_terms: LossTerms,
        generator: torch.Generator,
        *,
        learning_rate: float,
        max_grad_norm: float,
        ema_decay: float,
        mixed_precision: bool,
    ) -> None:
        self.module = module
        self.loss_terms = loss_terms
        self.generator = generator
        self.learning_rate = learning_rate
        self.max_grad_norm = max_grad_norm
        self.mixed_precision = mixed_precision
        self.averaged = AveragedModel(module, multi_avg_fn=_moving_average(ema_decay))
        for part in self.averaged.modules():
            if isinstance(part, nn.RNNBase):
                part.flatten_parameters()  # one chunk again after the copy, for CUDA
        self.optimizer = torch.optim.Adam(
            module.parameters(), lr=learning_rate, betas=BETAS, fused=True
        )
        self.n_epochs = 0
        self.last_averaged = self._snapshot()

    @property
    def device(self) -> torch.device:
        """Where the module lives."""
        return self.generator.device

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Take one step of the optimiser; return the terms and their sum, "loss"."""
        terms = self._terms(self.module, batch, self.generator, progress)
        loss = weighted_sum(terms)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), self.max_grad_norm)
        self.optimizer.step()
        self.averaged.update_parameters(self.module)
        values = {name: term.value.detach() for name, term in terms.items()}
        return {**values, "loss": loss.detach()}

    def end_epoch(self) -> None:
        """Count the epoch and keep its averaged weights, safe from an interruption."""
        self.last_averaged = self._snapshot()
        self.n_epochs += 1

    def _snapshot(self) -> Weights:
        state = self.averaged.module.state_dict()
        return {name: tensor.clone() for name, tensor in state.items()}

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> float:
        """Loss of the averaged module on held-out batches, with the same noise."""
        generator = torch.Generator(self.device).manual_seed(0)
        self.averaged.eval()
        found = []
        for batch in batches:
            terms = self._terms(self.averaged.module, batch, generator, 1.0)
            found.append((weighted_sum(terms).cpu(), float(len(batch[0]))))
        losses, sizes = (torch.tensor(column) for column in zip(*found, strict=True))
        return float((losses * sizes).sum() / sizes.sum())

    def _terms(
        self,
        module: nn.Module,
        batch: Batch,
        generator: torch.Generator,
        progress: float,
    ) -> dict[str, LossTerm]:
        kind = self.device.type
        enabled = self.mixed_precision and has_bfloat16(self.device)
        with torch.autocast(kind, torch.bfloat16, enabled=enabled):
            return self.loss_terms(module, batch, generator, progress)

    def state_dict(self) -> dict[str, Any]:
        """Everything a later call of `fit` needs to go on as if never interrupted."""
        return {
            "module": self.module.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "n_epochs": self.n_epochs,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self.module.load_state_dict(state["module"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(deepcopy(state["optimizer"]))  # else shared
        self.generator.set_state(state["generator"])
        self.n_epochs = state["n_epochs"]
        self.last_averaged = self._snapshot()


def weighted_sum(terms: dict[str, LossTerm]) -> Tensor:
    """Sum of the terms, each times its weight: what is minimised."""
    return torch.stack([term.weight * term.value for term in terms.values()]).sum()


def train(
    trainer: Trainer,
    data: Data,
    *,
    batch_size: int,
    max_iter: int,
    validation_data: Data | None = None,
    decay: bool = False,
) -> Iterator[Epoch]:
    """Train for `max_iter` epochs and yield a record after each.

    Parameters
    ----------
    trainer : Trainer
    data : tuple of Rows, each of shape (n, ...)
        Training rows, on any device; batches move to that of the trainer.
    batch_size : int
        Smallest number of rows in a batch; no batch has twice as many.
    max_iter : int
        Number of epochs.
    validation_data : tuple of Rows, optional
        Rows held out, for the validation loss.
    decay : bool
        Let the learning rate fall to zero along a half cosine.

    Yields
    ------
    Epoch

    Raises
    ------
    TrainingDivergedError
        When a term is not finite or runs away.
    """
    for epoch in range(max_iter):
        trainer.module.train()
        sums: dict[str, Tensor] = {}
        n_batches = max(1, len(data[0]) // batch_size)
        for index, batch in enumerate(_shuffled(data, n_batches, trainer)):
            progress = (epoch + index / n_batches) / max_iter
            _set_learning_rate(trainer, progress if decay else 0.0)
            for name, value in trainer.step(batch, progress).items():
                sums[name] = sums.get(name, 0) + value
        means = {name: float(total) / n_batches for name, total in sums.items()}
        _check_finite(means, trainer.n_epochs + 1)
        trainer.end_epoch()
        loss = means.pop("loss")
        validation = None
        if validation_data is not None:
            held_out = _parts(validation_data, 1024, trainer.device)
            validation = trainer.evaluate(held_out)
        yield Epoch(trainer.n_epochs, means, loss, validation)


def _shuffled(data: Data, n_batches: int, trainer: Trainer) -> Iterator[Batch]:
    """Split the rows into random batches of equal size, give or take one row."""
    device = trainer.device
    order = torch.randperm(len(data[0]), generator=trainer.generator, device=device)
    order = order.to(data[0].device)
    for rows in order.tensor_split(n_batches):
        yield tuple(part[rows].to(device) for part in data)


def _parts(data: Data, size: int, device: torch.device) -> Iterator[Batch]:
    for parts in zip(*(rows.split(size) for rows in data), strict=True):
        yield tuple(part.to(device) for part in parts)


def _set_learning_rate(trainer: Trainer, progress: float) -> None:
    share = 0.5 * (1 + math.cos(math.pi * progress))
    for group in trainer.optimizer.param_groups:
        group["lr"] = trainer.learning_rate * share


def _moving_average(decay: float) -> Callable[..., None]:
    """Exponential moving average whose memory grows with the steps taken so far."""

    def update(averaged: list[Tensor], current: list[Tensor], n_averaged: Any) -> None:
        n = float(n_averaged)
        memory = min(decay, (1 + n) / (10 + n))
        get_ema_multi_avg_fn(memory)(averaged, current, n_averaged)

    return update


def _check_finite(means: dict[str, float], epoch: int) -> None:
    for name, value in means.items():
        if not math.isfinite(value) or abs(value) > RUNAWAY:
            raise TrainingDivergedError(
                f"Training diverged in epoch {epoch}: the term {name!r} reached "
                f"{value:.3g} per entry (limit {RUNAWAY:g}). Lower learning_rate or "
                f"max_grad_norm, or choose a bounded collapse_penalty."
            )


def on_cpu(state: Any) -> Any:
    """Copy the tensors of a nested state to the CPU."""
    if isinstance(state, Tensor):
        return state.detach().cpu().clone()
    if isinstance(state, dict):
        return {key: on_cpu(value) for key, value in state.items()}
    if isinstance(state, list):
        return [on_cpu(value) for value in state]
    return state
