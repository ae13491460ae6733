"""What every latent diffusion generator does: arrays in, networks inside, arrays out.

Reading path of `fit`: `check_series`, `SeriesScaler`, `TwoStageFit` on the loss terms
of the child class. Of `sample`: `sample_latents`, `LatentDiffusion.generate`,
`inverse_transform`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from numbers import Integral, Real
from os import PathLike
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import ndtr
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from tsgen._progress import ProgressBar
from tsgen._random import RandomState, numpy_generator
from tsgen._scaling import SeriesScaler
from tsgen._validation import (
    as_series,
    check_count,
    check_enough_series,
    check_latents,
    check_series,
    is_ragged,
    pad_series,
    restore_form,
)
from tsgen.exceptions import ConstantInputWarning
from tsgen.generators.fitting import TrainingState, TwoStageFit
from tsgen.generators.inspecting import (
    dependency,
    posterior_report,
    warn_if_collapsed,
)
from tsgen.inspection import Dependency, PosteriorReport
from tsgen.inspection.measure import MaxOrder, Method
from tsgen.nn.devices import resolve_device, seen_devices
from tsgen.nn.models import LatentDiffusion, build
from tsgen.nn.noise import SCHEDULES
from tsgen.nn.objectives import LossTerm
from tsgen.nn.samplers import sample_latents
from tsgen.nn.training import Batch, Weights

MAX_ROWS = 1024  # series in one pass through the networks
MAX_FLOATS = 2**24  # of noise, or of features, in one pass
MAX_DEVIATION = 1e6  # standard deviations; beyond it float32 arithmetic breaks


class BaseGenerator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, BaseEstimator
):
    """What both generators share; a child adds its options and its loss terms."""

    scaler_: SeriesScaler
    _architecture: dict[str, Any]
    _posterior: str
    _remedies: str
    _later_options: tuple[str, ...] = ()  # younger than the format of saved files

    _parameter_constraints: dict = {
        "backbone": [StrOptions({"lstm", "transformer"})],
        "latent_size": [Interval(Integral, 1, None, closed="left")],
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "skip_connections": ["boolean"],
        "min_scale": [Interval(Real, 0, None, closed="neither")],
        "denoiser": [StrOptions({"mlp", "unet"})],
        "variable_masking": [Interval(Real, 0, 1, closed="both")],
        "n_levels": [Interval(Integral, 2, None, closed="left")],
        "noise_schedule": [StrOptions(set(SCHEDULES))],
        "prediction": [StrOptions({"v", "epsilon"})],
        "sampler": [StrOptions({"ddim", "ancestral"})],
        "n_sampling_steps": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "prior_max_iter": [Interval(Integral, 0, None, closed="left")],
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
        "dependency_every": [Interval(Integral, 1, None, closed="left"), None],
        "check_collapse": ["boolean"],
        "device": [str],
        "mixed_precision": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state", np.random.Generator],
    }

    def _loss_terms(
        self,
        model: LatentDiffusion,
        batch: Batch,
        generator: torch.Generator,
        progress: float,
    ) -> dict[str, LossTerm]:
        """Return the named terms of the loss; what a child class is about."""
        raise NotImplementedError("a child class returns its loss terms")

    def _last_inference_level(self) -> int:
        """Return the highest level at which the reverse chain may stop."""
        raise NotImplementedError("a child class names its last inference level")

    def _inference(self, model: LatentDiffusion, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode scaled series: mean and log scale of the latents the decoder reads."""
        raise NotImplementedError("a child class infers its latents")

    def _bound(self, model: LatentDiffusion, varies: Tensor, x: Tensor) -> Tensor:
        """Bound the log-likelihood of scaled series (B, T, C) in varying channels."""
        raise NotImplementedError("a child class bounds its likelihood")

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn to generate series like those of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels) or \
                (n_samples, n_timesteps)
            Training series, at least two; two axes mean series of one channel.
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

        Warns
        -----
        PosteriorCollapseWarning
            If the decoder does not use its latent, and `check_collapse`.
        """
        self._check_options(self.n_levels)
        series = as_series(X)
        check_enough_series(series, 2, self)
        resumed = self._resumable(series.shape[1:])
        X = check_series(X, estimator=self, reset=True)  # nothing is refused after this
        self._forget()
        self.scaler_ = self.scaler_ if resumed else SeriesScaler().fit(X)
        self._remember(X)
        fit, x = TwoStageFit(self, resumed), self._scaled(X)
        try:
            fit.run(x)
        except KeyboardInterrupt:
            self._adopt(fit)
            raise
        self._adopt(fit)
        if self.check_collapse:
            warn_if_collapsed(self, x)
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
            In the units, the form and the floating-point type of the training series.
            For one seed, the first series do not depend on how many are drawn, up to
            rounding.
        """
        self._check_usable()
        n_samples = check_count(n_samples, "n_samples")
        source = self.random_state if random_state is None else random_state
        rng = numpy_generator(source, "sample")
        shape = (n_samples, self.n_timesteps_, self.n_channels_)
        series = np.empty(shape, self._dtype)
        size = self._n_normals()
        rows = max(1, min(MAX_ROWS, MAX_FLOATS // size))
        with ProgressBar(-(-n_samples // rows), "sample", self.verbose) as bar:
            for start in range(0, n_samples, rows):
                part = series[start : start + rows]
                normals = rng.standard_normal((len(part), size), np.float32)
                part[:] = self._in_original_units(self._draw(normals))
                bar.advance()
        return restore_form(series, self)

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
        x = self._scaled(self._checked(X)).double()
        varies = torch.from_numpy(~self.scaler_.constant_).to(self.device_)
        bound = self._in_batches(partial(self._bound, self._double(), varies), x)
        return bound - self.n_timesteps_ * self.scaler_.log_volume()

    def score(self, X: ArrayLike, y: object = None) -> float:
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

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Encode series: the mean of the posterior.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)

        Returns
        -------
        ndarray of shape (n_samples, latent_size)
        """
        series = self._checked(X)
        encode = self._double().encode
        latents = self._in_batches(
            lambda x: encode(x)[0], self._scaled(series).double()
        )
        return latents.astype(series.dtype)

    def inverse_transform(
        self, Z: ArrayLike, *, noise: bool = False, random_state: RandomState = None
    ) -> np.ndarray:
        """Decode latents into series.

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent_size)
            Latents in the scale of `transform`.
        noise : bool, default=False
            False follows the mean of the likelihood at every step: the typical,
            smooth series of a latent. True draws every step, as `sample` does.
        random_state : int, RandomState, Generator or None, default=None
            For ``noise=True``; None falls back to the constructor's.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_channels)
            In the units and the form of the training series.
        """
        check_is_fitted(self)
        Z = check_latents(Z, self.model_.latent_size)
        eps = np.zeros((len(Z), self.n_timesteps_, self.n_channels_), np.float32)
        if noise:
            source = self.random_state if random_state is None else random_state
            rng = numpy_generator(source, "decode")
            rng.standard_normal(out=eps, dtype=np.float32)
        series = self._in_batches(
            self.model_.generate, torch.from_numpy(Z), torch.from_numpy(eps)
        )
        return restore_form(self._in_original_units(series), self)

    def dependency(
        self,
        X: ArrayLike,
        *,
        Z: ArrayLike | None = None,
        method: Method = "gauss-legendre",
        n_nodes: int = 16,
        tol: float = 1e-3,
        max_order: MaxOrder = 1,
        random_state: RandomState = None,
    ) -> Dependency:
        """Measure how much each step relies on the latent and on the steps before it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels), or a list
            Series, of at least two steps; in a list they may end earlier.
        Z : array-like of shape (n_samples, latent_size) or None, default=None
            Latents in the scale of `transform`. None draws them from the posterior of
            each series; of the stable posterior, from that at its last inference level,
            the noisiest that the decoder is trained to read.
        method : {"gauss-legendre", "monte-carlo"}, default="gauss-legendre"
            Quadrature; the paper's is "monte-carlo".
        n_nodes : int, default=16
            Number of nodes; of "gauss-legendre" in each interval.
        tol : float, default=1e-3
            Intervals in which the shares of a step miss their sum by more are halved;
            ``np.inf`` halves none. Not for "monte-carlo".
        max_order : int or "all", default=1
            Largest order of local dependency, each at the cost of one more derivative;
            "all" gives the full table.
        random_state : int, RandomState, Generator or None, default=None
            Draws the latents, and the nodes of "monte-carlo"; None falls back to the
            constructor's.

        Returns
        -------
        Dependency
            With `global_` and `local(order)` of shape (n_samples, n_timesteps).

        Warns
        -----
        UndefinedDependencyWarning
            If features do not change with the input somewhere; they are NaN there.

        See Also
        --------
        tsgen.inspection.dependency_measure : The same for any decoder.
        """
        self._check_usable()
        return dependency(self, X, Z, method, n_nodes, tol, max_order, random_state)

    def posterior_report(
        self,
        X: ArrayLike,
        *,
        n_series: int = 200,
        n_shuffles: int = 20,
        random_state: RandomState = None,
    ) -> PosteriorReport:
        """Tell whether the latent is used, in figures and in words.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            At least two series of at least two steps.
        n_series : int, default=200
            Number of series to look at, chosen at random, at least 2.
        n_shuffles : int, default=20
            Number of shuffles, at least 10: each puts the time steps of five series in
            a random order. They are the control without structure.
        random_state : int, RandomState, Generator or None, default=None
            None falls back to the constructor's.

        Returns
        -------
        PosteriorReport
            With `is_collapsed`, `verdict` and the figures behind them.
        """
        self._check_usable()
        n_series = check_count(n_series, "n_series", minimum=2)
        n_shuffles = check_count(n_shuffles, "n_shuffles", minimum=10)
        return posterior_report(self, X, n_series, n_shuffles, random_state)

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
        if self.backbone == "transformer" and self.hidden_size % unit:
            raise ValueError(
                f"hidden_size must be a multiple of 2 * n_heads = {unit} for the "
                f"transformer, got {self.hidden_size}. Change either."
            )

    def _resumable(self, shape: tuple[int, ...]) -> TrainingState | None:
        """Return the state to go on from, if `warm_start` asks for it."""
        state = getattr(self, "_training_state", None) if self.warm_start else None
        origin = self._origin(shape)
        if state is not None and state.origin != origin:
            changed = [name for name in origin if state.origin[name] != origin[name]]
            raise ValueError(
                "warm_start goes on with the series, network and device of the last "
                f"fit, got another {', '.join(changed)}. Set warm_start=False to start "
                "anew."
            )
        return state

    def _origin(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return what a warm start must not change."""
        return {
            "shape": shape,
            "device": resolve_device(self.device).type,
            "noise_schedule": self.noise_schedule,
            **self._current_architecture(),
        }

    def _current_architecture(self) -> dict[str, Any]:
        """Return the parameters that the network is built from, as plain values."""
        return {
            "backbone": self.backbone,
            "latent_size": int(self.latent_size),
            "hidden_size": int(self.hidden_size),
            "n_layers": int(self.n_layers),
            "n_heads": int(self.n_heads),
            "dropout": float(self.dropout),
            "skip_connections": bool(self.skip_connections),
            "min_scale": float(self.min_scale),
            "denoiser": self.denoiser,
            "n_levels": int(self.n_levels),
            "prediction": self.prediction,
        }

    def _forget(self) -> None:
        """Become unfitted, so that a failing fit leaves no half state behind."""
        for name in ("model_", "history_", "n_iter_", "_training_state"):
            self.__dict__.pop(name, None)

    def _remember(self, X: np.ndarray) -> None:
        """Keep what the fitted generator needs to know, whatever is set later."""
        self.device_ = str(resolve_device(self.device))
        self._architecture = self._current_architecture()
        self._dtype = X.dtype.name
        repeated = np.array_equal(X, np.broadcast_to(X[:1], X.shape))
        self._only_series = X[0].astype(np.float64) if repeated else None
        if repeated and not self.scaler_.constant_.all():
            warnings.warn(
                "All series of X are equal; samples will repeat them. Check that X "
                "holds the data you meant.",
                ConstantInputWarning,
                stacklevel=4,
            )

    def _adopt(self, fit: TwoStageFit) -> None:
        """Become fitted with what a fit has brought so far, if it brought anything."""
        if fit.model is None:
            return
        self.model_ = fit.model
        self.history_ = fit.history.columns
        self.n_iter_ = fit.n_iter
        if self.warm_start and fit.state is not None:
            self._training_state = fit.state

    def _blueprint(self) -> LatentDiffusion:
        """Build the network of the fit without memory for its weights."""
        with torch.device("meta"):
            return build(
                n_channels=self.n_channels_,
                posterior=self._posterior,
                **self._architecture,
            )

    def _loaded(self, weights: Weights) -> LatentDiffusion:
        model = self._blueprint().to_empty(device=self.device_)
        model.load_state_dict(weights)
        return model.eval().requires_grad_(False)

    # Using the fitted model

    def _check_usable(self) -> None:
        """Check that there is a model, and that the options fit to it."""
        check_is_fitted(self)
        self._validate_params()
        self._check_options(self.model_.n_levels)

    def _checked(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        return check_series(X, estimator=self, reset=False)

    def _checked_padded(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray | None]:
        """Check series, and pad those of a list to one length; return the lengths."""
        check_is_fitted(self)
        if is_ragged(X, self.n_timesteps_):
            return pad_series(X, estimator=self)
        return self._checked(X), None

    def _scaled(self, X: np.ndarray) -> Tensor:
        """Standardise series for the networks."""
        with np.errstate(over="ignore"):
            z = self.scaler_.transform(X)
        if np.abs(z).max() > MAX_DEVIATION:
            raise ValueError(
                f"X must resemble the training series, got a value more than "
                f"{MAX_DEVIATION:g} of their standard deviations away. Check its units."
            )
        return torch.from_numpy(z.astype(np.float32))

    def _double(self) -> LatentDiffusion:
        """Copy the model in float64, so that no row's result depends on the others."""
        return deepcopy(self.model_).double()

    def _rows(self) -> int:
        """Return how many series one pass through the networks may hold."""
        features = self.n_timesteps_ * 8 * max(self.hidden_size, self.n_channels_)
        return max(1, min(MAX_ROWS, MAX_FLOATS // features))

    @torch.no_grad()
    def _in_batches(self, function: Callable[..., Tensor], *data: Tensor) -> np.ndarray:
        parts = zip(*(rows.split(self._rows()) for rows in data), strict=True)
        results = [
            function(*(rows.to(self.device_) for rows in part)).cpu() for part in parts
        ]
        return torch.cat(results).numpy()

    def _n_normals(self) -> int:
        """Count the normal numbers that one synthetic series is made from."""
        steps = self.n_sampling_steps if self.sampler == "ancestral" else 0
        series = self.n_timesteps_ * self.n_channels_
        return 1 + self.model_.latent_size * (1 + steps) + series

    @torch.no_grad()
    def _draw(self, normals: np.ndarray) -> np.ndarray:
        """Turn rows of normal numbers into scaled series (B, T, C): algorithm 2."""
        K, B = self.model_.latent_size, len(normals)
        last = self._last_inference_level()
        share = ndtr(normals[:, 0].astype(np.float64))  # uniform in (0, 1)
        stop = np.minimum(share * (last + 1), last).astype(np.int64)
        noise = torch.from_numpy(normals[:, 1:]).to(self.device_)
        n_chain = noise.shape[1] - self.n_timesteps_ * self.n_channels_
        ancestral = self.sampler == "ancestral"
        z = sample_latents(
            self.model_.predict_in_range,
            noise[:, :K],
            torch.from_numpy(stop).to(self.device_),
            self.model_.alpha_bar,
            self.n_sampling_steps,
            noise[:, K:n_chain].reshape(B, -1, K).transpose(0, 1)
            if ancestral
            else None,
        )
        eps = noise[:, n_chain:].reshape(B, self.n_timesteps_, self.n_channels_)
        z = self.model_.posterior.from_diffusion(z)
        return self.model_.generate(z, eps).cpu().numpy()

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
        return X.astype(self._dtype)

    # The state that outlives a process

    def _export(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the fitted state as plain facts and named arrays."""
        facts = {
            "n_timesteps": self.n_timesteps_,
            "n_channels": self.n_channels_,
            "input_ndim": self._input_ndim,
            "dtype": self._dtype,
            "n_iter": self.n_iter_,
        }
        if hasattr(self, "feature_names_in_"):
            facts["feature_names"] = [str(name) for name in self.feature_names_in_]
        arrays = {
            f"model.{name}": tensor.cpu().numpy()
            for name, tensor in self.model_.state_dict().items()
        }
        for name in ("unit_", "relative_mean_", "relative_scale_"):
            arrays[f"scaler.{name}"] = getattr(self.scaler_, name)
        for name, column in self.history_.items():
            arrays[f"history.{name}"] = np.asarray(column, dtype=np.float64)
        if self._only_series is not None:
            arrays["only_series"] = self._only_series
        return facts, arrays

    def _restore(
        self, facts: dict[str, Any], arrays: dict[str, np.ndarray], device: str
    ) -> None:
        """Become fitted again from what `_export` returned."""
        self.n_timesteps_ = self.n_features_in_ = facts["n_timesteps"]
        self.n_channels_ = facts["n_channels"]
        self._input_ndim = facts["input_ndim"]
        self._dtype = facts["dtype"]
        self.n_iter_ = facts["n_iter"]
        if "feature_names" in facts:
            self.feature_names_in_ = np.array(facts["feature_names"], dtype=object)
        self.scaler_ = SeriesScaler()
        for name, array in _under("scaler.", arrays).items():
            setattr(self.scaler_, name, array)
        self.history_ = {
            name: array.tolist() for name, array in _under("history.", arrays).items()
        }
        self._only_series = arrays.get("only_series")
        self.device_ = str(resolve_device(device))
        weights = _under("model.", arrays)
        self.model_ = self._loaded({k: torch.tensor(v) for k, v in weights.items()})

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the parameters and plain arrays, on the CPU whatever the device."""
        state = super().__getstate__()
        if "model_" not in state:
            return state
        facts, arrays = self._export()
        exported = ("model_", "scaler_", "history_")
        state = {name: kept for name, kept in state.items() if name not in exported}
        return {**state, "_facts": facts, "_arrays": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpickle; a device that is not there any more gives way to "auto"."""
        state = dict(state)
        facts, arrays = state.pop("_facts", None), state.pop("_arrays", None)
        super().__setstate__(state)
        if facts is not None:
            there = self.device in seen_devices()
            self._restore(facts, arrays, self.device if there else "auto")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_size


def _under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose name starts with a prefix, without it."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
