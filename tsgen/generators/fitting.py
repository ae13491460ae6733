"""Fitting: everything jointly, then, of a latent, the prior on cached latents."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from tsgen._progress import ProgressBar
from tsgen._random import numpy_generator
from tsgen.generators.inspecting import monitored
from tsgen.nn.diffusion import Diffusion, initialized
from tsgen.nn.models import LatentDiffusion
from tsgen.nn.noise import SCHEDULES
from tsgen.nn.objectives import prior_terms
from tsgen.nn.rows import Rows
from tsgen.nn.training import (
    Data,
    EarlyStopping,
    Epoch,
    History,
    LossTerms,
    Trainer,
    Weights,
    on_cpu,
    train,
)

if TYPE_CHECKING:
    from tsgen.generators.base import BaseGenerator
    from tsgen.generators.latent import BaseLatentGenerator

LARGEST_BATCH = 64
BATCHES_PER_EPOCH = 32


class Stage(NamedTuple):
    """What "auto" takes in a stage of training, by the number of series."""

    smallest_batch: int
    fewest_batches: int
    most_batches: int
    most_epochs: int  # whatever the number of minibatches

    def plan(
        self, batch_size: int | str, max_iter: int | str, n_rows: int
    ) -> tuple[int, int]:
        """Return the size of minibatches and the number of epochs.

        A 32nd of the series is a minibatch, and there are as many minibatches as
        series, within bounds.
        """
        if batch_size == "auto":
            size = max(self.smallest_batch, n_rows // BATCHES_PER_EPOCH)
            batch_size = min(LARGEST_BATCH, size)
        if max_iter == "auto":
            n_batches = min(self.most_batches, max(self.fewest_batches, n_rows))
            per_epoch = max(1, n_rows // int(batch_size))
            max_iter = min(self.most_epochs, -(-n_batches // per_epoch))
        return int(batch_size), int(max_iter)


JOINT = Stage(16, 1000, 1600, most_epochs=200)
PRIOR = Stage(LARGEST_BATCH, 4000, 4000, most_epochs=500)  # a small network


class TrainingState(NamedTuple):
    """What a warm start goes on from: the first stage, on the CPU."""

    origin: dict[str, Any]
    seeds: dict[str, int]
    trainer: dict[str, Any]
    history: dict[str, list[float]]


class Fit:
    """One fit of a generator; whatever stops it, what it has brought stays usable.

    Parameters
    ----------
    generator : BaseGenerator
        Gives the options, the blueprint of the network and the loss terms.
    resumed : TrainingState or None
        Where to go on, for a warm start.

    Attributes
    ----------
    model : Diffusion or None
        The network with averaged weights; None before the first epoch has ended.
    history : History
    n_iter : int
        Epochs of the first stage, earlier fits of a warm start included.
    state : TrainingState or None
        Where a later fit can go on; None before the first stage has ended.
    """

    def __init__(self, generator: BaseGenerator, resumed: TrainingState | None) -> None:
        self.generator = generator
        self.seeds = resumed.seeds if resumed else _draw_seeds(generator)
        self.history = History(resumed.history if resumed else None)
        self.model: Diffusion | None = None
        self.state: TrainingState | None = None
        self.n_iter = 0
        self._joint = self._joint_trainer()
        if resumed:
            self._joint.load_state_dict(resumed.trainer)
            generator._prepare(self._joint.module)

    def run(self, x: Rows, condition: Rows) -> None:
        """Run every stage on standardised series (n, T, C) and conditions (n, P)."""
        trained, held_out = self._split(x, condition)
        try:
            weights = self._first_stage(trained, held_out)
            self._keep(weights, x)
        except KeyboardInterrupt:
            if self.model is None and self._joint.n_epochs:
                self._keep(self._joint.last_averaged, x)
            raise
        if self.generator.warm_start:
            self.state = self._training_state(tuple(x.shape[1:]))
        self._finish(*trained)

    def _monitor(self, number: int, x: Rows) -> None:
        """Look at the network after an epoch of the first stage; a child may."""

    def _finish(self, x: Rows, condition: Rows) -> None:
        """Go on after the first stage; a child may."""

    def _joint_trainer(self) -> Trainer:
        generator = self.generator
        alpha_bar = SCHEDULES[generator.noise_schedule](int(generator.n_levels))
        model = initialized(generator._blueprint(), alpha_bar, self.seeds["weights"])
        generator._prepare(model)
        model = model.to(generator.device_)
        return self._trainer(
            model, generator._loss_terms, self.seeds["train"], generator.learning_rate
        )

    def _trainer(
        self, module: nn.Module, terms: LossTerms, seed: int, learning_rate: float
    ) -> Trainer:
        return Trainer(
            module,
            terms,
            torch.Generator(self.generator.device_).manual_seed(seed),
            learning_rate=learning_rate,
            max_grad_norm=self.generator.max_grad_norm,
            ema_decay=self.generator.ema_decay,
            mixed_precision=self.generator.mixed_precision,
        )

    def _split(self, x: Rows, condition: Rows) -> tuple[Data, Data | None]:
        """Hold out random series for early stopping."""
        n_held_out = count_held_out(self.generator, len(x))
        if not n_held_out:
            return (x, condition), None
        rng = np.random.default_rng(self.seeds["split"])
        order = torch.from_numpy(rng.permutation(len(x)))
        trained, held_out = order[n_held_out:], order[:n_held_out]
        return (x[trained], condition[trained]), (x[held_out], condition[held_out])

    def _first_stage(self, trained: Data, held_out: Data | None) -> Weights:
        """Train everything jointly; return the averaged weights to keep."""
        generator, x = self.generator, trained[0]
        batch_size, max_iter = JOINT.plan(
            generator.batch_size, generator.max_iter, len(x)
        )
        epochs = train(
            self._joint,
            trained,
            batch_size=batch_size,
            max_iter=max_iter,
            validation_data=held_out,
            decay=not generator.warm_start,
        )
        stopping = EarlyStopping(generator.n_iter_no_change, generator.tol)
        for epoch in self._shown(epochs, max_iter, "fit"):
            self.history.add(epoch)
            self._monitor(epoch.number, x)
            if epoch.validation_loss is not None and stopping.update(
                epoch.validation_loss, self._joint.last_averaged
            ):
                break
        else:
            self._warn_unless_stopped(max_iter)
        return stopping.best_weights or self._joint.last_averaged

    def _keep(self, weights: Weights, x: Rows) -> None:
        """Make the model that samples, from averaged weights."""
        model = self.generator._loaded(weights)
        model.calibrate(x, self.generator._rows_at_once())
        self.model = model
        self.n_iter = self._joint.n_epochs

    def _training_state(self, shape: tuple[int, ...]) -> TrainingState:
        return TrainingState(
            self.generator._origin(shape, self.generator.conditions_),
            self.seeds,
            on_cpu(self._joint.state_dict()),
            History(self.history.columns).columns,
        )

    def _shown(
        self, epochs: Iterator[Epoch], total: int, description: str
    ) -> Iterator[Epoch]:
        """Pass the epochs through, with a progress bar if `verbose` asks for it."""
        with ProgressBar(total, description, self.generator.verbose) as bar:
            for epoch in epochs:
                bar.advance(loss=epoch.loss)
                yield epoch

    def _warn_unless_stopped(self, max_iter: int) -> None:
        if self.generator.early_stopping:
            warnings.warn(
                f"The validation loss had not settled after "
                f"max_iter={max_iter} epochs. The generator is usable; "
                "raise max_iter for a better one.",
                ConvergenceWarning,
                stacklevel=7,
            )


class TwoStageFit(Fit):
    """A fit with a second stage, which trains the denoiser on cached latents."""

    generator: BaseLatentGenerator
    model: LatentDiffusion | None

    def _finish(self, x: Rows, condition: Rows) -> None:
        if self.generator.prior_max_iter:
            self._second_stage(x, condition)

    def _monitor(self, number: int, x: Rows) -> None:
        """Record how much depends on the latent, if it is time to."""
        every = self.generator.dependency_every
        if every and number % every == 0 and x.shape[1] > 1:
            averaged: Any = self._joint.averaged.module
            found = monitored(self.generator, averaged.eval(), x)
            self.history.record({"dependency_epoch": number, **found})

    def _second_stage(self, x: Rows, condition: Rows) -> None:
        """Train the denoiser alone, on the latents of the finished encoder."""
        assert self.model is not None
        generator = self.generator
        batch_size, max_iter = PRIOR.plan(
            generator.batch_size, generator.prior_max_iter, len(x)
        )
        denoiser = self.model.denoiser.requires_grad_(True)
        terms = partial(prior_terms, self.model)
        rate = generator.prior_learning_rate
        trainer = self._trainer(denoiser, terms, self.seeds["prior"], rate)
        latents = self.model.cached_latents(x, generator._rows_at_once())
        epochs = train(
            trainer,
            (*latents, condition.to(latents[0].device)),
            batch_size=batch_size,
            max_iter=max_iter,
            decay=True,
        )
        try:
            for epoch in self._shown(epochs, max_iter, "prior"):
                self.history.add(epoch, prefix="prior_")
        finally:
            denoiser.load_state_dict(trainer.last_averaged)
            denoiser.eval().requires_grad_(False)


def count_held_out(generator: BaseGenerator, n_samples: int) -> int:
    """Count the series to hold out for early stopping, 0 without it.

    Raises
    ------
    ValueError
        If too few are left to train on.
    """
    if not generator.early_stopping:
        return 0
    fraction = generator.validation_fraction
    n_held_out = max(1, round(fraction * n_samples))
    if n_samples - n_held_out < 2:
        raise ValueError(
            "early_stopping needs two series to train on and one to hold out, got "
            f"n_samples = {n_samples} with validation_fraction={fraction}. "
            "Give more series or turn it off."
        )
    return n_held_out


def _draw_seeds(generator: BaseGenerator) -> dict[str, int]:
    """Draw one seed for each use of randomness."""
    rng = numpy_generator(generator.random_state, "fit")
    return {
        name: int(rng.integers(2**63))
        for name in ("weights", "split", "train", "prior")
    }
