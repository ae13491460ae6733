"""What every generator with a network does: arrays in, networks inside, arrays out.

Reading path of `fit`: `check_series`, `SeriesScaler`, `Fit` on the network and the loss
terms of the child class. Of `sample`: rows of normal numbers, which the child class
turns into scaled series, `SeriesScaler.inverse_transform`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from numbers import Integral, Real
from os import PathLike
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import DensityMixin, _fit_context, clone
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from tsgen._conditions import Conditions, missing_entries
from tsgen._conditions.static import MAX_DEVIATION
from tsgen._forms import Form
from tsgen._progress import ProgressBar
from tsgen._random import RandomState, numpy_generator
from tsgen._reading.parts import channel_range, float_type, in_parts, is_mapped, read
from tsgen._recurrence import Recurrence
from tsgen._scaling import SeriesScaler
from tsgen._supports import Supports
from tsgen._validation import (
    check_any_series,
    check_columns,
    check_count,
    check_enough_series,
)
from tsgen.exceptions import ConstantInputWarning
from tsgen.generators.fitting import Fit, TrainingState, count_held_out
from tsgen.generators.mapped import MappedSeries
from tsgen.generators.saved import SavedState
from tsgen.nn.devices import resolve_device
from tsgen.nn.diffusion import Diffusion
from tsgen.nn.gradients import differentiating
from tsgen.nn.noise import SCHEDULES
from tsgen.nn.objectives import LossTerm
from tsgen.nn.rows import Rows, joined
from tsgen.nn.samplers import sample_latents
from tsgen.nn.training import Batch, Weights

MAX_ROWS = 1024  # series in one pass through the networks
MAX_FLOATS = 2**24  # of noise, or of features, in one pass


class Given(NamedTuple):
    """What rows of series to draw are given, each (n, ...); None for nothing.

    Conditions, first steps in the scale of the networks, and latents.
    """

    condition: Tensor | None = None
    known: Tensor | None = None
    latents: Tensor | None = None

    def part(self, rows: slice) -> Given:
        """Return what some of the rows are given."""
        return Given(*(None if part is None else part[rows] for part in self))


class BaseGenerator(DensityMixin, SavedState):
    """What all share; a child adds its options, its network and its loss terms."""

    _architecture: dict[str, Any]
    _fitting: type[Fit] = Fit

    _parameter_constraints: dict = {
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "n_levels": [Interval(Integral, 2, None, closed="left")],
        "noise_schedule": [StrOptions(set(SCHEDULES))],
        "prediction": [StrOptions({"v", "epsilon"})],
        "sampler": [StrOptions({"dpm", "ddim", "ancestral"})],
        "n_sampling_steps": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 2, None, closed="left"),
        ],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "device": [str],
        "mixed_precision": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state", np.random.Generator],
    }

    def _loss_terms(
        self,
        model: Any,
        batch: Batch,
        generator: torch.Generator,
        progress: float,
    ) -> dict[str, LossTerm]:
        """Return the named terms of the loss; what a child class is about."""
        raise NotImplementedError("a child class returns its loss terms")

    def _current_architecture(self) -> dict[str, Any]:
        """Return the parameters that the network is built from, as plain values."""
        raise NotImplementedError("a child class names what its network is built from")

    def _blueprint(self) -> Diffusion:
        """Build the network of the fit without memory for its weights."""
        raise NotImplementedError("a child class builds its network")

    def _widths(self) -> dict[str, int]:
        """Return sizes by name, each an axis of some tensor of the network."""
        raise NotImplementedError("a child class knows its widths")

    def _has_attention(self) -> bool:
        """Tell whether `hidden_size` is split among `n_heads`."""
        raise NotImplementedError("a child class knows whether it has attention")

    def _n_normals(self) -> int:
        """Count the normal numbers that one synthetic series is made from."""
        raise NotImplementedError("a child class counts its noise")

    def _draw(self, normals: np.ndarray, given: Given) -> np.ndarray:
        """Turn rows of normal numbers into scaled series (B, T, C)."""
        raise NotImplementedError("a child class draws its series")

    def _bound(self, model: Any, varies: Tensor, x: Tensor, given: Tensor) -> Tensor:
        """Bound the log-likelihood of scaled series (B, T, C) in varying channels."""
        raise NotImplementedError("a child class bounds its likelihood")

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn to generate series like those of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels) or \
                (n_samples, n_timesteps)
            Training series, at least two; two axes mean series of one channel. A memory
            map is read in batches and may be larger than memory.
        y : None
            Ignored, there for scikit-learn.

        Returns
        -------
        self
            The fitted generator.

        Raises
        ------
        TrainingDivergedError
            If a loss term is not finite or runs away.
        """
        return self._fit(X)

    def _fit(
        self, X: ArrayLike, y: ArrayLike | None = None, static: Any = None
    ) -> Self:
        """Fit to series, given what is known of each."""
        self._check_options(self.n_levels)
        reader = clone(self)  # what is refused leaves this generator as it is
        series, lengths = check_any_series(X, estimator=reader, reset=True)
        check_enough_series(series, 2, self)
        self._check_lengths(lengths)
        gaps = missing_entries(series, lengths)
        conditions = Conditions().fit(lengths, y, static, gaps, X)
        resumed = self._resumable(series.shape[1:], conditions)
        if resumed:
            check_columns(X, self._form, self.n_channels_)
            self._check_near(series)
        supports = self._supports(reader, series, bool(resumed))
        count_held_out(self, len(series))
        self._forget()  # nothing is refused after this
        self._remember(reader, conditions)
        if resumed:
            self.scaler_.widen(series)
        else:
            self._scale(series, supports)
        self._note_equal_series(series)
        with differentiating():
            fit, x = self._fitting(self, resumed), self._scaled_rows(series)
            try:
                fit.run(x, torch.from_numpy(conditions.rows))
            except KeyboardInterrupt:
                self._adopt(fit)
                raise
            self._adopt(fit)
            self._look_at(x)
        return self

    def sample(
        self, n_samples: int = 1, *, random_state: RandomState = None
    ) -> np.ndarray:
        """Draw synthetic series.

        Parameters
        ----------
        n_samples : int, default=1
            Number of series; 0 gives an empty array.
        random_state : int, RandomState, Generator or None, default=None
            None falls back to the constructor's: with an int there, every call gives
            the same series.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_channels)
            In the units and the form of the training series; arrays are float32 if
            theirs were, otherwise float64. For one seed, the first series do not depend
            on how many are drawn, up to rounding.
        """
        self._check_usable()
        n_samples = check_count(n_samples, "n_samples")
        source = self.random_state if random_state is None else random_state
        lengths = np.full(n_samples, self.n_timesteps_)
        series = self._sampled(n_samples, source, Given())
        return self._form.restore(series, lengths)

    def _sampled(
        self, n_samples: int, random_state: RandomState, given: Given
    ) -> np.ndarray:
        """Draw series (n_samples, T, C), each with its row of what is given."""
        rng = numpy_generator(random_state, "sample")
        shape = (n_samples, self.n_timesteps_, self.n_channels_)
        series = np.empty(shape, self._dtype)
        size = self._n_normals()
        n_rows = max(1, min(MAX_ROWS, MAX_FLOATS // size))
        with ProgressBar(-(-n_samples // n_rows), "sample", self.verbose) as bar:
            for start in range(0, n_samples, n_rows):
                rows = slice(start, start + n_rows)
                normals = rng.standard_normal((len(series[rows]), size), np.float32)
                drawn = self._draw(normals, given.part(rows))
                series[rows] = self._in_original_units(drawn)
                bar.advance()
        return series

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Bound the log-likelihood of each series from below.

        The bound is that of the full ancestral chain. It is estimated with the same few
        draws of noise for every series and every call, so it is deterministic, and
        differences between series or generators are sharper than the bound itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)

        Returns
        -------
        ndarray of shape (n_samples,)
            Nats per series, as a density in the units of `X`. Channels that were
            constant in training have no density and are left out.
        """
        return self._scored(X)

    def _scored(
        self, X: ArrayLike, y: ArrayLike | None = None, static: Any = None
    ) -> np.ndarray:
        series, lengths = self._read(X)
        given = torch.from_numpy(self.conditions_.encode(lengths, y, static, X))
        bound = partial(self._bound_in_units, self._double())
        return self._in_batches(bound, self._scaled_rows(series), given)

    def _bound_in_units(self, model: Any, x: Tensor, given: Tensor) -> Tensor:
        """Bound the log-likelihood of series in the units of `X`; (B,)."""
        varies = torch.from_numpy(~self.scaler_.constant_).to(x.device)
        bound = self._bound(model, varies, x.double(), given)
        log_scales = torch.from_numpy(self.scaler_.log_scales()).to(bound)  # (C,)
        return bound - self._has_density(x).sum(dim=1).to(bound) @ log_scales

    def _has_density(self, x: Tensor) -> Tensor:
        """Tell which entries of scaled series have a density: all; a child may differ.

        The others are missing, or have a probability, whatever their units.
        """
        return torch.ones_like(x)

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Average the bounds of `score_samples`; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
        y : None
            Ignored, there for scikit-learn.

        Returns
        -------
        float
            Nats per series.
        """
        return float(self.score_samples(X).mean())

    def save(self, path: str | PathLike) -> None:
        """Write the fitted generator to a folder, atomically and without pickle.

        Parameters
        ----------
        path : str or path-like
            Folder to create or replace: ``config.json`` and ``model.safetensors``.
        """
        from tsgen.persistence import save

        save(self, path)

    @classmethod
    def load(cls, path: str | PathLike, *, device: str = "auto") -> Self:
        """Read a generator of this class from a folder written by `save`.

        Parameters
        ----------
        path : str or path-like
        device : str, default="auto"
            Where to put it: "auto" takes CUDA when there is one.

        Returns
        -------
        BaseGenerator
            Fitted.

        Raises
        ------
        InvalidModelFileError
            If a file is damaged or holds something else.
        """
        from tsgen.persistence import load

        return load(cls, path, device=device)

    # Fitting, in the order of events

    def _check_options(self, n_levels: int) -> None:
        """Check what no single option tells."""
        for name in ("n_sampling_steps", "n_inference_levels", "n_collapse_levels"):
            value = getattr(self, name, 0)
            if value > n_levels:
                raise ValueError(
                    f"{name} must be at most n_levels = {n_levels}, got {value}. "
                    f"Lower it, or fit with more levels."
                )
        unit = 2 * self.n_heads
        if self._has_attention() and self.hidden_size % unit:
            raise ValueError(
                f"hidden_size must be a multiple of 2 * n_heads = {unit} for the "
                f"transformer, got {self.hidden_size}. Change either."
            )

    def _supports(
        self, reader: BaseGenerator, X: np.ndarray, resumed: bool
    ) -> Supports:
        """Learn the values of discrete channels, or check them; a child may have some.

        Parameters
        ----------
        reader : BaseGenerator
            What has read `X`, and so knows its form.
        X : ndarray of shape (n_samples, n_timesteps, n_channels)
        resumed : bool
            Whether training goes on with the scaler of the last fit.
        """
        return Supports()

    def _discrete_channels(self, form: Form) -> tuple[np.ndarray, np.ndarray]:
        """Tell which channels must be discrete, and which may be; a child may differ.

        Raises ValueError where the options do not fit to the form.
        """
        none = np.zeros(self.n_channels_, bool)
        return none, none

    def _sees_recurrence(self) -> bool:
        """Tell whether the likelihood takes recurring values exactly; a child may."""
        return False

    def _prepare(self, model: Any) -> None:
        """Tell a new network what it must know of the data; a child may."""

    def _check_lengths(self, lengths: np.ndarray) -> None:
        """Check that series have lengths that can be learned: equal ones."""
        if (lengths != lengths[0]).any():
            raise ValueError(
                f"{type(self).__name__} needs series of equal length, got lengths from "
                f"{lengths.min()} to {lengths.max()}. Cut them, e.g. with "
                "tsgen.datasets.make_windows, or use StablePosteriorGenerator."
            )

    def _resumable(
        self, shape: tuple[int, ...], conditions: Conditions
    ) -> TrainingState | None:
        """Return the state to go on from, if `warm_start` asks for it."""
        state = getattr(self, "_training_state", None) if self.warm_start else None
        origin = self._origin(shape, conditions)
        if state is not None and state.origin != origin:
            changed = [name for name in origin if state.origin[name] != origin[name]]
            raise ValueError(
                "warm_start goes on with the series, network and device of the last "
                f"fit, got another {', '.join(changed)}. Set warm_start=False to start "
                "anew."
            )
        return state

    def _origin(self, shape: tuple[int, ...], conditions: Conditions) -> dict[str, Any]:
        """Return what a warm start must not change."""
        encoders = conditions.facts()
        return {
            "shape": shape,
            "y": encoders["target"],
            "static": encoders["static"],
            "equality of lengths": encoders["unequal"],
            "device": resolve_device(self.device).type,
            "noise_schedule": self.noise_schedule,
            **self._current_architecture(),
        }

    def _forget(self) -> None:
        """Become unfitted, so that a failing fit leaves no half state behind."""
        fitted = ("model_", "history_", "n_iter_", "classes_", "feature_names_in_")
        for name in (*fitted, "_training_state"):
            self.__dict__.pop(name, None)

    def _remember(self, reader: BaseGenerator, conditions: Conditions) -> None:
        """Keep what the fitted generator needs to know, whatever is set later."""
        options = self.get_params(deep=False)
        read = {name: x for name, x in vars(reader).items() if name not in options}
        self.__dict__.update(read)
        self.conditions_ = conditions
        if conditions.classes is not None:
            self.classes_ = conditions.classes
        self.device_ = str(resolve_device(self.device))
        self._architecture = self._current_architecture()

    def _scale(self, X: np.ndarray, supports: Supports) -> None:
        """Learn how series are scaled, and what of them is exact."""
        recurs = self._sees_recurrence()
        recurrence = Recurrence.of(X, list(supports.discrete)) if recurs else None
        self.scaler_ = SeriesScaler(supports, recurrence).fit(X, stacklevel=6)
        self._n_values = supports.sizes
        recurrence = self.scaler_.recurrence
        self._n_recurring = () if recurrence is None else recurrence.sizes

    def _note_equal_series(self, X: np.ndarray) -> None:
        """Note whether all series are equal: then samples repeat them."""
        self._dtype = float_type(X).name
        first = read(X, slice(1))  # unequal to all, if it has a gap
        repeated = all((part == first).all() for _, part in in_parts(X))
        self._only_series = first[0].astype(np.float64) if repeated else None
        if repeated and not self.scaler_.constant_.all():
            warnings.warn(
                "All series of X are equal; samples will repeat them. Check that X "
                "holds the data you meant.",
                ConstantInputWarning,
                stacklevel=5,
            )

    def _adopt(self, fit: Fit) -> None:
        """Become fitted with what a fit has brought so far, if it brought anything."""
        if fit.model is None:
            return
        self.model_ = fit.model
        self.history_ = fit.history.columns
        self.n_iter_ = fit.n_iter
        if self.warm_start and fit.state is not None:
            self._training_state = fit.state

    def _look_at(self, x: Rows) -> None:
        """Look at the scaled training series after a fit, to warn; a child may."""

    def _loaded(self, weights: Weights) -> Any:
        model = self._blueprint().to_empty(device=self.device_)
        self._prepare(model)
        model.load_state_dict(weights)
        return model.eval().requires_grad_(False)

    # Using the fitted model

    def _check_usable(self) -> None:
        """Check that there is a model, and that the options fit to it."""
        check_is_fitted(self)
        self._validate_params()
        self._check_options(self.model_.n_levels)

    def _read(
        self, X: ArrayLike, *, shorter: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Check series like those of the fit: values (n, T, C), and their lengths.

        Where lengths may differ, all are padded as the longest in fit, so that what is
        made of a series does not depend on those beside it. With `shorter` they may,
        one by one, after a fit on series of one length too.
        """
        check_is_fitted(self)
        series, lengths = check_any_series(
            X, estimator=self, reset=False, shorter=shorter
        )
        rest = self.n_timesteps_ - series.shape[1]
        if rest:
            ends = ((0, 0), (0, rest), (0, 0))
            series = np.pad(read(series, slice(None)), ends, constant_values=np.nan)
        return series, lengths

    def _checked(self, X: ArrayLike) -> np.ndarray:
        return self._read(X)[0]

    def _scaled(self, X: np.ndarray, name: str = "X") -> Tensor:
        """Standardise series for the networks."""
        self._check_near(X, name)
        z = np.empty(X.shape, np.float32)
        for rows, part in in_parts(X):
            z[rows] = self.scaler_.transform(part)
        return torch.from_numpy(z)

    def _scaled_rows(self, X: np.ndarray) -> Rows:
        """Standardise series for the networks; those of a memory map batch by batch."""
        if not is_mapped(X):
            return self._scaled(X)
        self._check_near(X)
        return MappedSeries(X, self.scaler_)

    def _check_near(self, X: np.ndarray, name: str = "X") -> None:
        """Refuse values so far from those of the fit that float32 breaks."""
        self.scaler_.supports.check(X, name)
        with np.errstate(over="ignore"):
            ends = self.scaler_.transform(np.stack(channel_range(X)))
        if np.nanmax(np.abs(ends)) > MAX_DEVIATION:
            raise ValueError(
                f"{name} must resemble the training series, got a value more than "
                f"{MAX_DEVIATION:g} of their standard deviations away. Check its units."
            )

    def _double(self) -> Any:
        """Copy the model in float64, so that no row's result depends on the others."""
        return deepcopy(self.model_).double()

    def _rows_at_once(self) -> int:
        """Return how many series one pass through the networks may hold."""
        features = self.n_timesteps_ * 8 * max(self.hidden_size, self.n_channels_)
        return max(1, min(MAX_ROWS, MAX_FLOATS // features))

    @torch.no_grad()
    def _in_batches(self, function: Callable[..., Tensor], *data: Rows) -> np.ndarray:
        parts = zip(*(rows.split(self._rows_at_once()) for rows in data), strict=True)
        results = (
            function(*(rows.to(self.device_) for rows in part)).cpu() for part in parts
        )
        return joined(results, len(data[0])).numpy()

    def _n_chain_normals(self, width: int) -> int:
        """Count the normal numbers that one reverse chain of a width is made from."""
        steps = self.n_sampling_steps if self.sampler == "ancestral" else 0
        return width * (1 + steps)

    def _run_chain(
        self,
        normals: Tensor,
        width: int,
        stop: Tensor,
        condition: Tensor | None = None,
        guidance: float = 0.0,
    ) -> Tensor:
        """Run reverse chains (B, width) from rows of normal numbers down to `stop`."""
        predict = partial(
            self.model_.predict_in_range, condition=condition, guidance=guidance
        )
        start, steps = normals[:, :width], normals[:, width:]
        ancestral = self.sampler == "ancestral"
        return sample_latents(
            predict,
            start,
            stop,
            self.model_.alpha_bar,
            self.n_sampling_steps,
            steps.reshape(len(start), -1, width).transpose(0, 1) if ancestral else None,
            second_order=self.sampler == "dpm",
        )

    def _in_original_units(self, series: np.ndarray) -> np.ndarray:
        """Undo the scaling: series in the units and the dtype of the training data."""
        X = self.scaler_.inverse_transform(series)
        if self._only_series is not None:
            X = np.repeat(self._only_series[None], len(series), axis=0)
        if not np.isfinite(X).all():
            raise FloatingPointError(
                f"{type(self).__name__} made values that are not finite. "
                "Fit again with a lower learning_rate."
            )
        limit = float(np.finfo(self._dtype).max)
        return X.clip(-limit, limit).astype(self._dtype)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
