"""What every latent diffusion generator does beyond `BaseGenerator`.

Of `sample`: `sample_latents`, `LatentDiffusion.generate`. Beside it, what only a latent
makes possible: encoding, decoding, the dependency measure and the posterior report.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import ndtr
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn import functional as F

from tsgen._conditions.static import check_order
from tsgen._forms import Form
from tsgen._random import RandomState, numpy_generator
from tsgen._reading.parts import float_type
from tsgen._supports import Supports
from tsgen._validation import check_count, check_latents
from tsgen.generators.base import MAX_FLOATS, BaseGenerator, Given
from tsgen.generators.continuing import latents_after, read_prefix
from tsgen.generators.discrete import (
    check_kinds,
    check_same_labels,
    check_whole,
    discrete_channels,
    learned_supports,
)
from tsgen.generators.fitting import TwoStageFit
from tsgen.generators.inspecting import (
    dependency,
    latents_from,
    posterior_report,
    warn_if_collapsed,
)
from tsgen.generators.output import with_series
from tsgen.inspection import Dependency, PosteriorReport
from tsgen.inspection.measure import MaxOrder, Method
from tsgen.nn.likelihoods import NORMALS_PER_ENTRY, GaussianLikelihood
from tsgen.nn.models import LatentDiffusion, build
from tsgen.nn.rows import Rows

ALL_NORMALS = 84  # to be shared out among the mixtures of all channels
FEWEST_NORMALS, MOST_NORMALS = 3, 20  # of a mixture


class BaseLatentGenerator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseGenerator
):
    """What both latent diffusion generators share; a child adds its loss terms."""

    model_: LatentDiffusion
    _posterior: str
    _remedies: str
    _fitting = TwoStageFit
    _takes_categories = True

    _parameter_constraints: dict = {
        **BaseGenerator._parameter_constraints,
        "backbone": [StrOptions({"lstm", "transformer"})],
        "latent_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "skip_connections": ["boolean"],
        "likelihood": [StrOptions({"mixture", "gaussian"}), "array-like"],
        "n_components": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
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
        "missing": [StrOptions({"error", "mask"})],
        "guidance": [Interval(Real, 0, None, closed="left")],
    }

    def _inference(self, model: LatentDiffusion, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode scaled series: mean and log scale of the latents the decoder reads."""
        raise NotImplementedError("a child class infers its latents")

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, static: ArrayLike | None = None
    ) -> Self:
        """Learn to generate series like those of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels) or \
                (n_samples, n_timesteps), list of arrays, or DataFrame
            Training series, at least two; two axes mean series of one channel. A list
            may hold series (length, n_channels) of unequal length. A DataFrame has a
            row for each series, or, with an index of two levels, for each series and
            time; only then may its columns hold text or categories. A memory map is
            read in batches and may be larger than memory.
        y : array-like of shape (n_samples,) or None, default=None
            Class of each series, or a number, if the values are not whole. What is
            generated can then be asked for by `sample`.
        static : array-like or DataFrame of shape (n_samples, n_variables), default=None
            Further variables of each series, likewise; columns that do not hold numbers
            are categories.

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
            If the decoder does not use the latent, and `check_collapse`.
        """
        return self._fit(X, y, static)

    def sample(
        self,
        n_samples: int = 1,
        *,
        y: ArrayLike | None = None,
        static: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        prefix: ArrayLike | None = None,
        gaps: bool = False,
        random_state: RandomState = None,
    ) -> Any:
        """Draw synthetic series.

        Parameters
        ----------
        n_samples : int, default=1
            Number of series; 0 gives an empty array.
        y : array-like of shape (n_samples,), a single value, or None, default=None
            Classes, or numbers, to draw series of. What is not given of `y`, `static`
            and `lengths` is that of a training series that has what is given, drawn at
            random, or of one of those nearest to it.
        static : array-like or DataFrame of shape (n_samples, n_variables), default=None
            Static variables.
        lengths : int, array-like of shape (n_samples,) or None, default=None
            Lengths of the series, up to the longest of training; if not given, beyond
            the prefix.
        prefix : array-like of shape (n_samples, n_steps, n_channels) or \
                (n_steps, n_channels), list of arrays, or DataFrame, default=None
            First steps of each series, or of all, to go on from: a probabilistic
            forecast. The latents are inferred from it: of 256 of the prior one is
            chosen, with the likelihood of the prefix as weight, and a posterior fitted
            from there. If `X` of `fit` had no axis of channels, the prefix need not
            have one either. Entries that it lacks, if it may, are drawn, but each needs
            one value at least. After a long frame series keep its labels, one for each,
            and go on from its times, if they are at the one distance of those of `fit`;
            else they have those of `fit`, with a warning.
        gaps : bool, default=False
            Leave out the entries that this training series lacks. The prefix stays
            as it is.
        random_state : int, RandomState, Generator or None, default=None
            None falls back to the constructor's: with an int there, every call gives
            the same series.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_channels), or in the form of `X`
            In the units and the form of the training series: a list if their lengths
            differ, a DataFrame or a tensor if they were one. Arrays are float32 if
            theirs were, otherwise float64. For one seed, the first series do not depend
            on how many are drawn, up to rounding.

        Raises
        ------
        ValueError
            If what is given is not like that of `fit`, a value of the prefix would be
            rounded, or `y` or `static` have the labels of the prefix in another order.

        Warns
        -----
        UserWarning
            If numbers of `y` or `static` are more than a tenth of the range of those of
            `fit` beyond it; they are read as that.
        """
        self._check_usable()
        n_samples = check_count(n_samples, "n_samples")
        source = self.random_state if random_state is None else random_state
        start = read_prefix(self, prefix, n_samples)
        check_order(y, prefix, "y", "prefix")
        check_order(static, prefix, "static", "prefix")
        rows, lengths, chosen = self.conditions_.draw(
            n_samples,
            numpy_generator(source, "conditions"),
            y,
            static,
            lengths,
            after=start.shape[1],
        )
        given = self._given_prefix(start, Given(torch.from_numpy(rows)), source)
        series = self._sampled(n_samples, source, given)
        if gaps:
            series[self.conditions_.missing(chosen)] = np.nan
        begun = series[:, : start.shape[1]]
        begun[:] = np.where(np.isnan(start) & ~gaps, begun, start)
        return self._form.after(self._form.restore(series, lengths), prefix, lengths)

    def reconstruct(
        self, X: ArrayLike, y: ArrayLike | None = None, static: ArrayLike | None = None
    ) -> Any:
        """Encode series and decode them again, without noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Series in the form of those of `fit`.
        y : array-like of shape (n_samples,) or None, default=None
            Classes or numbers, as in `fit`, if they are known.
        static : array-like or DataFrame of shape (n_samples, n_variables), default=None
            Static variables, as in `fit`, if they are known.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_channels), or in the form of `X`
        """
        series, lengths = self._read(X)
        condition = self.conditions_.encode(lengths, y, static, X)
        z = self._encoded(series)
        nothing = np.zeros((len(series), self._n_decoder_normals()), np.float32)
        decoded = self._decoded(z, nothing, condition)
        return self._form.restore(decoded, lengths, like=X)

    def impute(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        static: ArrayLike | None = None,
        *,
        random_state: RandomState = None,
    ) -> Any:
        """Fill what is missing by a draw from the posterior; the rest stays as it is.

        The latent is inferred from all that is observed, and each step is drawn given
        it and the steps before. Several calls with other seeds show how sure the values
        are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Series in the form of those of `fit`, NaN where an entry is missing.
        y : array-like of shape (n_samples,) or None, default=None
            Classes or numbers, as in `fit`, if they are known.
        static : array-like or DataFrame of shape (n_samples, n_variables), default=None
            Static variables, as in `fit`, if they are known.
        random_state : int, RandomState, Generator or None, default=None
            None falls back to the constructor's.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_channels), or in the form of `X`
            With the index of a data frame, so that ``X.fillna(...)`` works too.

        Raises
        ------
        ValueError
            If the generator was not fitted with ``missing="mask"``, or if an observed
            value would be rounded: a column of a frame, or a tensor, held whole numbers
            in `fit` and holds others now.
        """
        check_is_fitted(self)
        if not self.model_.sees_gaps:
            raise ValueError(
                'impute needs a generator fitted with missing="mask", got one fitted '
                "without. Fit again; X need not have gaps for that."
            )
        series, lengths = self._read(X)
        check_whole(series, self._form)
        condition = self.conditions_.encode(lengths, y, static, X)
        source = self.random_state if random_state is None else random_state
        rng = numpy_generator(source, "impute")
        width = self.model_.latent_size
        size = width + self._n_decoder_normals()
        normals = rng.standard_normal((len(series), size), np.float32)
        x = self._scaled(series)
        z = latents_from(self, x, None, normals[:, :width]).z
        drawn = self._decoded(z.numpy(), normals[:, width:], condition, x)
        filled = np.where(np.isnan(series), drawn, series)
        return self._form.restore(filled, lengths, like=X)

    def score_samples(
        self, X: ArrayLike, y: ArrayLike | None = None, static: ArrayLike | None = None
    ) -> np.ndarray:
        """Bound the log-likelihood of each series from below.

        The bound is that of the full ancestral chain. It is estimated with the same few
        draws of noise for every series and every call, so it is deterministic, and
        differences between series or generators are sharper than the bound itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
        y : array-like of shape (n_samples,) or None, default=None
            Classes or numbers that the series are given; None for unknown.
        static : array-like or DataFrame of shape (n_samples, n_variables), default=None

        Returns
        -------
        ndarray of shape (n_samples,)
            Nats per series, as a density in the units of `X`, with values that repeat
            the one before them, recur, go on straight or are evenly spaced, as whole
            numbers are, and those of discrete channels, counted by their probability
            if the likelihood is a mixture. Of the density beyond an abrupt end of
            training a thousandth counts. Missing entries are left out, and so are
            channels that were constant in training.
        """
        return self._scored(X, y, static)

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        static: ArrayLike | None = None,
    ) -> float:
        """Average the bounds of `score_samples`; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
        y : array-like of shape (n_samples,) or None, default=None
            Classes or numbers; ignored if the generator was fitted without.
        static : array-like or DataFrame of shape (n_samples, n_variables), default=None

        Returns
        -------
        float
            Nats per series.
        """
        check_is_fitted(self)
        return float(self.score_samples(X, self._known(y), static).mean())

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Encode series: the mean of the posterior.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)

        Returns
        -------
        ndarray of shape (n_samples, latent_size)
            A data frame if `set_output` asks for it, with a row for each series of a
            long one.
        """
        return with_series(self._encoded(self._checked(X)), X, self)

    def inverse_transform(
        self,
        Z: ArrayLike,
        *,
        y: ArrayLike | None = None,
        static: ArrayLike | None = None,
        noise: bool = False,
        random_state: RandomState = None,
    ) -> Any:
        """Decode latents into series.

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent_size)
            Latents in the scale of `transform`.
        y : array-like of shape (n_samples,) or None, default=None
            Classes or numbers, as in `fit`; None for unknown.
        static : array-like or DataFrame of shape (n_samples, n_variables), default=None
            Static variables, as in `fit`; None for unknown.
        noise : bool, default=False
            False follows the middle of the likelihood at every step, the mean of a
            normal, the likeliest value of a discrete channel, and of a mixture the
            value before, a recurring one or the next on a line, if that is likeliest,
            or else the mean of its likeliest normal: the typical series of a latent.
            True draws every step, as `sample` does.
        random_state : int, RandomState, Generator or None, default=None
            For ``noise=True``; None falls back to the constructor's.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_channels)
            In the units and the form of the training series.
        """
        check_is_fitted(self)
        Z = check_latents(Z, self.model_.latent_size)
        normals = np.zeros((len(Z), self._n_decoder_normals()), np.float32)
        if noise:
            source = self.random_state if random_state is None else random_state
            rng = numpy_generator(source, "decode")
            rng.standard_normal(out=normals, dtype=np.float32)
        lengths = np.full(len(Z), self.n_timesteps_)
        condition = self.conditions_.encode(lengths, y, static)
        series = self._decoded(Z, normals, condition)
        return self._form.restore(series, lengths)

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

        Raises
        ------
        ValueError
            If there are too few series, or if all channels were constant in `fit`.
        """
        self._check_usable()
        n_series = check_count(n_series, "n_series", minimum=2)
        n_shuffles = check_count(n_shuffles, "n_shuffles", minimum=10)
        return posterior_report(self, X, n_series, n_shuffles, random_state)

    # Fitting

    def _check_options(self, n_levels: int) -> None:
        super()._check_options(n_levels)
        check_kinds(self.likelihood)

    def _supports(
        self, reader: BaseGenerator, X: np.ndarray, resumed: bool
    ) -> Supports:
        if not resumed:
            return learned_supports(self.likelihood, reader._form, X)
        check_same_labels(self._form, reader._form)
        self.scaler_.supports.check(X)
        return self.scaler_.supports

    def _discrete_channels(self, form: Form) -> tuple[np.ndarray, np.ndarray]:
        return discrete_channels(self.likelihood, form, self.n_channels_)

    def _sees_recurrence(self) -> bool:
        return bool(self._architecture["likelihood"] != "gaussian")

    def _prepare(self, model: LatentDiffusion) -> None:
        likelihood, supports = model.likelihood, self.scaler_.supports
        if isinstance(likelihood, GaussianLikelihood):
            return
        recurrence = self.scaler_.recurrence
        assert recurrence is not None
        scaled = torch.from_numpy(self.scaler_.standardised_recurrence())
        changes = torch.from_numpy(self.scaler_.standardised_changes())
        repeats, shares = map(torch.from_numpy, (recurrence.repeats, recurrence.shares))
        likelihood.set_recurrence(repeats, changes, scaled, shares)
        likelihood.set_grid(*map(torch.from_numpy, self.scaler_.standardised_grid()))
        likelihood.set_ends(*map(torch.from_numpy, self.scaler_.standardised_ends()))
        if supports.channels:
            discrete = list(supports.discrete)
            values, of_each = supports.table()  # (S, C) each
            values = self.scaler_.transform(values).astype(np.float32)
            likelihood.set_values(
                *(torch.from_numpy(part[:, discrete].T) for part in (values, of_each))
            )

    def _current_architecture(self) -> dict[str, Any]:
        """Return the parameters that the network is built from, as plain values."""
        kind, number = self.likelihood, self.n_components
        return {
            "backbone": self.backbone,
            "latent_size": int(self.latent_size),
            "hidden_size": int(self.hidden_size),
            "n_layers": int(self.n_layers),
            "n_heads": int(self.n_heads),
            "dropout": float(self.dropout),
            "skip_connections": bool(self.skip_connections),
            "likelihood": kind if isinstance(kind, str) else tuple(map(str, kind)),
            "n_components": number if number == "auto" else int(number),
            "min_scale": float(self.min_scale),
            "denoiser": self.denoiser,
            "n_levels": int(self.n_levels),
            "prediction": self.prediction,
            "sees_gaps": self.missing == "mask",
        }

    def _blueprint(self) -> LatentDiffusion:
        """Build the network of the fit without memory for its weights."""
        with torch.device("meta"):
            return build(
                n_channels=self.n_channels_,
                posterior=self._posterior,
                condition_widths=self.conditions_.widths,
                n_values=self._n_values,
                n_recurring=self._n_recurring,
                **self._architecture | {"n_components": self._n_normals_each()},
            )

    def _n_normals_each(self) -> int:
        """Count the normals of a mixture; "auto" gives few channels more of them."""
        number = self._architecture["n_components"]
        if number != "auto":
            return int(number)
        return min(MOST_NORMALS, max(FEWEST_NORMALS, ALL_NORMALS // self.n_channels_))

    def _widths(self) -> dict[str, int]:
        return {
            "latent_size": self.latent_size,
            "hidden_size": self.hidden_size,
            "n_levels": self.n_levels,
            "n_channels": self.n_channels_,
            "n_conditions": self.conditions_.width,
        }

    def _check_lengths(self, lengths: np.ndarray) -> None:
        """Take series of any lengths."""

    def _has_attention(self) -> bool:
        return self.backbone == "transformer"

    def _rows_at_once(self) -> int:
        n_discrete = sum(n > 0 for n in self._n_values)
        n_logits = n_discrete * max(self._n_values, default=0)
        features = 4 * self.n_timesteps_ * max(1, n_logits)
        return max(1, min(super()._rows_at_once(), MAX_FLOATS // features))

    def _look_at(self, x: Rows) -> None:
        if self.check_collapse:
            warn_if_collapsed(self, x)

    # Using the fitted model

    def _n_normals(self) -> int:
        """Count them: for latents and for the decoder."""
        return self._n_latent_normals() + self._n_decoder_normals()

    def _n_latent_normals(self) -> int:
        """Count those of the stopping level and the reverse chain."""
        return 1 + self._n_chain_normals(self.model_.latent_size)

    def _n_decoder_normals(self) -> int:
        """Count those that the decoder draws a series by."""
        return NORMALS_PER_ENTRY * self.n_timesteps_ * self.n_channels_

    def _decoder_noise(self, normals: np.ndarray) -> Tensor:
        """Arrange rows of normal numbers by step and channel, (n, T, 2, C)."""
        shape = (self.n_timesteps_, NORMALS_PER_ENTRY, self.n_channels_)
        return torch.from_numpy(normals).reshape(len(normals), *shape)

    def _encoded(self, series: np.ndarray) -> np.ndarray:
        """Encode checked series: the mean of the posterior, (n, K)."""
        encode = self._double().encode
        kind, rows = getattr(torch, float_type(series).name), self._scaled_rows(series)
        return self._in_batches(lambda x: encode(x.double())[0].to(kind), rows)

    def _decoded(
        self,
        z: np.ndarray,
        normals: np.ndarray,
        condition: np.ndarray,
        known: Tensor | None = None,
    ) -> np.ndarray:
        """Decode latents with noise; series (n, T, C) in the units of training."""
        parts: list[Tensor] = [torch.from_numpy(z.astype(np.float32))]
        parts += [self._decoder_noise(normals), torch.from_numpy(condition)]
        parts += [] if known is None else [known]
        return self._in_original_units(self._in_batches(self.model_.generate, *parts))

    def _given_prefix(
        self, start: np.ndarray, given: Given, random_state: RandomState
    ) -> Given:
        """Add to what series are given their beginnings, and latents that fit."""
        if not start.size:
            return given
        known = self._scaled(start, "prefix")
        rng = numpy_generator(random_state, "candidates")
        assert given.condition is not None
        latents = latents_after(self, known, given.condition, rng)
        return given._replace(known=known, latents=latents)

    @torch.no_grad()
    def _draw(self, normals: np.ndarray, given: Given) -> np.ndarray:
        """Turn rows of normal numbers into scaled series (B, T, C): algorithm 2.

        Latents that are given take the place of those of the reverse chain.
        """
        size = self._n_latent_normals()
        eps = self._decoder_noise(normals[:, size:])
        z, known = given.latents, given.known
        if z is None:
            z = self._draw_latents(normals[:, :size], given.condition)
        if known is not None:
            rest = self.n_timesteps_ - known.shape[1]
            known = F.pad(known, (0, 0, 0, rest), value=torch.nan)
        z, eps = z.to(self.device_), eps.to(self.device_)
        condition, known = (
            None if part is None else part.to(self.device_)
            for part in (given.condition, known)
        )
        return self.model_.generate(z, eps, condition, known).cpu().numpy()

    @torch.no_grad()
    def _draw_latents(self, normals: np.ndarray, condition: Tensor | None) -> Tensor:
        """Turn rows of normal numbers into latents of the decoder (B, K)."""
        width = self.model_.latent_size
        last = int(self.model_.last_level)
        share = ndtr(normals[:, 0].astype(np.float64))  # uniform in (0, 1)
        stop = np.minimum(share * (last + 1), last).astype(np.int64)
        noise = torch.from_numpy(normals[:, 1:]).to(self.device_)
        levels = torch.from_numpy(stop).to(self.device_)
        if condition is not None:
            condition = condition.to(self.device_)
        z = self._run_chain(noise, width, levels, condition, float(self.guidance))
        return self.model_.posterior.from_diffusion(z)

    @property
    def _missing(self) -> str:
        """What `missing` was in fit."""
        return "mask" if self._architecture["sees_gaps"] else "error"

    def _known(self, y: ArrayLike | None) -> ArrayLike | None:
        """Leave out what the generator was not fitted with: y of scikit-learn."""
        return None if self.conditions_.target is None else y

    def _has_density(self, x: Tensor) -> Tensor:
        return self.model_.likelihood.has_density(x)

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_size
