"""What every latent diffusion generator does beyond `BaseGenerator`.

Of `sample`: `sample_latents`, `LatentDiffusion.generate`. Beside it, what only a latent
makes possible: encoding, decoding, the dependency measure and the posterior report.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import ndtr
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import (
    check_count,
    check_latents,
    is_ragged,
    pad_series,
    restore_form,
)
from tsgen.generators.base import BaseGenerator
from tsgen.generators.fitting import TwoStageFit
from tsgen.generators.inspecting import (
    dependency,
    posterior_report,
    warn_if_collapsed,
)
from tsgen.inspection import Dependency, PosteriorReport
from tsgen.inspection.measure import MaxOrder, Method
from tsgen.nn.decoders import delayed
from tsgen.nn.models import LatentDiffusion, build


class BaseLatentGenerator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseGenerator
):
    """What both latent diffusion generators share; a child adds its loss terms."""

    model_: LatentDiffusion
    _posterior: str
    _remedies: str
    _fitting = TwoStageFit

    _parameter_constraints: dict = {
        **BaseGenerator._parameter_constraints,
        "backbone": [StrOptions({"lstm", "transformer"})],
        "latent_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "skip_connections": ["boolean"],
        "likelihood": [StrOptions({"mixture", "gaussian"})],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "min_scale": [Interval(Real, 0, None, closed="neither")],
        "denoiser": [StrOptions({"mlp", "unet"})],
        "variable_masking": [Interval(Real, 0, 1, closed="both")],
        "prior_learning_rate": [Interval(Real, 0, None, closed="neither")],
        "prior_max_iter": [
            StrOptions({"auto"}),
            Interval(Integral, 0, None, closed="left"),
        ],
        "dependency_every": [Interval(Integral, 1, None, closed="left"), None],
        "check_collapse": ["boolean"],
    }

    def _last_inference_level(self) -> int:
        """Return the highest level at which the reverse chain may stop."""
        raise NotImplementedError("a child class names its last inference level")

    def _inference(self, model: LatentDiffusion, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode scaled series: mean and log scale of the latents the decoder reads."""
        raise NotImplementedError("a child class infers its latents")

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
            False follows the middle of the likelihood at every step, the mean of a
            normal and the median of a mixture: the typical series of a latent. True
            draws every step, as `sample` does.
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

    # Fitting

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
            "likelihood": self.likelihood,
            "n_components": int(self.n_components),
            "min_scale": float(self.min_scale),
            "denoiser": self.denoiser,
            "n_levels": int(self.n_levels),
            "prediction": self.prediction,
        }

    def _blueprint(self) -> LatentDiffusion:
        """Build the network of the fit without memory for its weights."""
        with torch.device("meta"):
            return build(
                n_channels=self.n_channels_,
                posterior=self._posterior,
                **self._architecture,
            )

    def _widths(self) -> dict[str, int]:
        return {
            "latent_size": self.latent_size,
            "hidden_size": self.hidden_size,
            "n_levels": self.n_levels,
            "n_channels": self.n_channels_,
        }

    def _has_attention(self) -> bool:
        return self.backbone == "transformer"

    def _look_at(self, x: Tensor) -> None:
        if self.check_collapse:
            warn_if_collapsed(self, x)

    # Using the fitted model

    def _checked_padded(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray | None]:
        """Check series, and pad those of a list to one length; return the lengths."""
        check_is_fitted(self)
        if is_ragged(X, self.n_timesteps_):
            return pad_series(X, estimator=self)
        return self._checked(X), None

    def _n_normals(self) -> int:
        """Count them: for the stopping level, the reverse chain and the decoder."""
        chain = self._n_chain_normals(self.model_.latent_size)
        return 1 + chain + self.n_timesteps_ * self.n_channels_

    @torch.no_grad()
    def _draw(self, normals: np.ndarray) -> np.ndarray:
        """Turn rows of normal numbers into scaled series (B, T, C): algorithm 2."""
        width = self.model_.latent_size
        last = self._last_inference_level()
        share = ndtr(normals[:, 0].astype(np.float64))  # uniform in (0, 1)
        stop = np.minimum(share * (last + 1), last).astype(np.int64)
        noise = torch.from_numpy(normals[:, 1:]).to(self.device_)
        n_chain = self._n_chain_normals(width)
        levels = torch.from_numpy(stop).to(self.device_)
        z = self._run_chain(noise[:, :n_chain], width, levels)
        eps = noise[:, n_chain:].reshape(-1, self.n_timesteps_, self.n_channels_)
        z = self.model_.posterior.from_diffusion(z)
        return self.model_.generate(z, eps).cpu().numpy()

    def _has_density(self, x: Tensor) -> np.ndarray:
        if self._architecture["likelihood"] == "gaussian":
            return super()._has_density(x)
        return (x != delayed(x, first=torch.nan)).numpy()

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_size
