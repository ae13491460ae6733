"""Measuring dependencies: the decoder of a generator, or anybody's."""

from __future__ import annotations

import reprlib
import warnings
from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import as_series, check_count
from tsgen.exceptions import UndefinedDependencyWarning
from tsgen.inspection.dependency import Dependency

if TYPE_CHECKING:
    from torch import Tensor

    from tsgen.nn.dependency import Measure, Quadrature

Method = Literal["gauss-legendre", "monte-carlo"]
MaxOrder = int | Literal["all"]

LARGE_ERROR = 0.05  # of completeness
MANY_STEPS = 0.05  # share of the steps with a large error that is worth a warning


def dependency_measure(
    decoder: Callable[..., Any],
    z: Any,
    X: Any,
    *,
    lengths: Sequence[int] | np.ndarray | None = None,
    method: Method = "gauss-legendre",
    n_nodes: int = 16,
    tol: float = 1e-3,
    max_order: MaxOrder = 1,
    random_state: RandomState = None,
) -> Dependency:
    r"""Measure what the features of any differentiable decoder rely on.

    Integrated gradients along the straight line from zeros to the latent and the
    series (eq. 7 to 10), so zeros should mean "nothing known": standardise first.

    Parameters
    ----------
    decoder : callable
        ``decoder(z, prefix) -> h``: from latents (n, K) and the series delayed by one
        step (n, T, C), zeros first, to features (n, T, H), where h_t may depend on z
        and on what comes before x_t only. A `torch.nn.Module` in evaluation mode, or
        any function of tensors; its dropout must be off. It is differentiated
        backwards, n_timesteps times for each node.

        A decoder that also has the methods ``begin(z) -> state`` and
        ``step(state, previous) -> (h_t, state)``, with states that are nested tuples of
        tensors and operations that torch differentiates forwards, is measured in one
        pass for each node.
    z : tensor or array-like of shape (n, K)
        Latents. A `torch.nn.Module` is given the dtype and the device of its weights.
    X : tensor or array-like of shape (n, T, C)
        Series, as the decoder reads them.
    lengths : sequence of int or None, default=None
        Length of each series, if shorter ones are padded at their end.
    method : {"gauss-legendre", "monte-carlo"}, default="gauss-legendre"
        Quadrature: exact to rounding with a few dozen nodes, or the paper's, which
        draws nodes at random.
    n_nodes : int, default=16
        Number of nodes; of "gauss-legendre" in each interval.
    tol : float, default=1e-3
        The line is halved, and halved again, where the shares of a step miss what they
        must sum to by more. Features of recurrent decoders can jump on the line, and a
        fixed rule, ``tol=np.inf``, is then wrong without a sign but
        `Dependency.completeness_error`. Not for "monte-carlo".
    max_order : int or "all", default=1
        Largest order of local dependency; each costs one more derivative. 0 measures
        the global dependency alone, "all" the full table `Dependency.m`.
    random_state : int, RandomState, Generator or None, default=None
        Draws the nodes of "monte-carlo".

    Returns
    -------
    Dependency

    Raises
    ------
    ValueError
        If shapes do not fit together, a value is not finite, or T = 1: with one step
        everything depends on the latent by definition.

    Warns
    -----
    UndefinedDependencyWarning
        If features at a step do not depend on the input at all. The measure is 0 / 0
        there, and NaN.

    References
    ----------
    "A Study of Posterior Stability in Time-Series Latent Diffusion",
    arXiv 2405.14021, section 3.2. Sundararajan et al., "Axiomatic Attribution for Deep
    Networks", 2017.

    Examples
    --------
    A decoder that is not from this package, linear with known shares:

    >>> import torch
    >>> from tsgen.inspection import dependency_measure
    >>> def decoder(z, prefix):  # h_t = 3 z + x_{t-1}
    ...     return 3 * z[:, None] + prefix
    >>> z, X = torch.ones(5, 2), torch.ones(5, 4, 2)
    >>> dependency = dependency_measure(decoder, z, X)
    >>> dependency.mean().round(4)
    array([1.  , 0.75, 0.75, 0.75])
    >>> dependency.mean(order=1).round(4)
    array([ nan, 0.25, 0.25, 0.25])

    A network of torch, on series of four channels:

    >>> class Network(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.start = torch.nn.Linear(8, 16)
    ...         self.gru = torch.nn.GRU(4, 16, batch_first=True)
    ...
    ...     def forward(self, z, prefix):
    ...         return self.gru(prefix, self.start(z)[None])[0]
    >>> z, X = torch.rand(5, 8), torch.rand(5, 6, 4)
    >>> dependency_measure(Network().eval(), z, X).global_.shape
    (5, 6)
    """
    z, X = _as_decoder_reads(decoder, *_check_pair(z, X))
    n_series, n_timesteps = X.shape[:2]
    _check_lengths(lengths, n_series, n_timesteps)
    _check_features(decoder, z, X)
    options = check_options(method, n_nodes, tol, max_order, n_timesteps)
    found = measured(decoder, z, X, lengths, options, random_state)
    warn_unless_sound(found, lengths, stacklevel=3)
    return found


class Options(NamedTuple):
    """How to measure, checked."""

    method: str
    n_nodes: int
    tol: float
    max_order: int


def check_options(
    method: str, n_nodes: int, tol: float, max_order: MaxOrder, n_timesteps: int
) -> Options:
    """Check what both ways of measuring are told."""
    if method not in ("gauss-legendre", "monte-carlo"):
        raise ValueError(
            f"method must be 'gauss-legendre' or 'monte-carlo', got {method!r}."
        )
    n_nodes = check_count(n_nodes, "n_nodes", minimum=1)
    if not (isinstance(tol, Real) and tol > 0):
        raise ValueError(f"tol must be a positive number, got {tol!r}.")
    if n_timesteps < 2:
        raise ValueError(
            "X must have at least two time steps to measure a dependency, got "
            "n_timesteps = 1: everything depends on the latent then, by definition."
        )
    refined = method == "gauss-legendre"
    order = _check_max_order(max_order, n_timesteps - 1)
    return Options(method, n_nodes, float(tol) if refined else np.inf, order)


def _check_max_order(max_order: MaxOrder, highest: int) -> int:
    if max_order == "all":
        return highest
    if isinstance(max_order, str):
        raise ValueError(f"max_order must be a count or 'all', got {max_order!r}.")
    order = check_count(max_order, "max_order")
    if order > highest:
        raise ValueError(
            f"max_order must be at most n_timesteps - 1 = {highest}, got {max_order}. "
            "Use max_order='all'."
        )
    return order


def measured(
    decoder: Callable[..., Any],
    z: Tensor,
    x: Tensor,
    lengths: Sequence[int] | np.ndarray | None,
    options: Options,
    random_state: RandomState,
) -> Dependency:
    """Measure on checked tensors."""
    from tsgen.nn.dependency import measure

    rule = _quadrature(options, len(x), random_state)
    found = measure(decoder, z, x, rule, max_order=options.max_order, tol=options.tol)
    return _result(found, lengths)


def _quadrature(
    options: Options, n_series: int, random_state: RandomState
) -> Quadrature:
    """Choose the nodes in [0, 1]; at random, they are drawn series by series."""
    import torch

    from tsgen.nn.dependency import gauss_legendre, monte_carlo

    if options.method == "gauss-legendre":
        return gauss_legendre(n_series, options.n_nodes)
    rng = numpy_generator(random_state, "nodes")
    return monte_carlo(torch.from_numpy(rng.uniform(size=(n_series, options.n_nodes))))


def _result(found: Measure, lengths: Sequence[int] | np.ndarray | None) -> Dependency:
    """Turn tensors into a result; NaN where a series has no such step."""
    global_, local, error = (part.double().cpu().numpy() for part in found)
    for order in range(1, local.shape[2] + 1):
        local[:, :order, order - 1] = np.nan
    if lengths is not None:
        ended = np.arange(global_.shape[1]) >= np.asarray(lengths)[:, None]
        for part in (global_, local, error):
            part[ended] = np.nan
    return Dependency(global_, local, error)


def warn_unless_sound(
    dependency: Dependency,
    lengths: Sequence[int] | np.ndarray | None,
    stacklevel: int,
) -> None:
    """Warn of shares that are undefined, and of integrals that are not settled."""
    n_steps = dependency.global_.size if lengths is None else int(np.sum(lengths))
    _warn_of_undefined(dependency, n_steps, stacklevel + 1)
    _warn_of_unsettled(dependency, n_steps, stacklevel + 1)


def _warn_of_undefined(dependency: Dependency, n_steps: int, stacklevel: int) -> None:
    n_undefined = n_steps - np.count_nonzero(np.isfinite(dependency.global_))
    if n_undefined:
        warnings.warn(
            f"The dependency is undefined at {n_undefined} of {n_steps} steps, where "
            "the features of the decoder do not change with its input. It is NaN.",
            UndefinedDependencyWarning,
            stacklevel=stacklevel,
        )


def _warn_of_unsettled(dependency: Dependency, n_steps: int, stacklevel: int) -> None:
    wrong = np.count_nonzero(dependency.completeness_error > LARGE_ERROR)
    if wrong > MANY_STEPS * n_steps:
        warnings.warn(
            f"The shares of {wrong} of {n_steps} steps miss their sum of 1 by more "
            f"than {LARGE_ERROR}: the integrals are not settled. Use "
            "method='gauss-legendre' with a finite tol or more nodes; if so already, "
            "look for dropout or steps in the decoder, or measure in float64.",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )


def _check_lengths(
    lengths: Sequence[int] | np.ndarray | None, n_series: int, n_timesteps: int
) -> None:
    """Check the lengths of padded series."""
    if lengths is None:
        return
    found = np.asarray(lengths)
    whole = found.shape == (n_series,) and found.dtype.kind in "iu"
    if not whole or found.min() < 1 or found.max() > n_timesteps:
        raise ValueError(
            f"lengths must hold {n_series} integers from 1 to {n_timesteps}, one for "
            f"each series, got {reprlib.repr(lengths)}."
        )


def _check_pair(z: Any, X: Any) -> tuple[Tensor, Tensor]:
    """Check latents and series; tensors keep their dtype and device."""
    import torch

    series = as_series(X)
    values = np.asarray(z.detach().cpu() if hasattr(z, "detach") else z)
    shaped = values.ndim == 2 and len(values) == len(series)
    if not shaped or not np.isfinite(values).all():
        raise ValueError(
            f"z must hold finite latents of shape ({len(series)}, n), one for each "
            f"series of X, got shape {values.shape}."
        )
    x = X.detach() if hasattr(X, "detach") else torch.from_numpy(series)
    z = z.detach() if hasattr(z, "detach") else torch.from_numpy(values)
    if not (x.is_floating_point() and x.dtype == z.dtype and x.device == z.device):
        x, z = x.to(torch.get_default_dtype()), z.to(x.device)
    return z.to(x.dtype), x[:, :, None] if x.dim() == 2 else x


def _as_decoder_reads(
    decoder: Callable[..., Any], z: Tensor, x: Tensor
) -> tuple[Tensor, Tensor]:
    """Move latents and series to the dtype and the device of a network's weights."""
    weights = getattr(decoder, "parameters", tuple)
    for weight in weights():
        return z.to(weight), x.to(weight)
    return z, x


def _check_features(decoder: Callable[..., Any], z: Tensor, x: Tensor) -> None:
    import torch

    from tsgen.nn.decoders import delayed

    with torch.no_grad():
        h = decoder(z[:1], delayed(x[:1]))
    shape = tuple(getattr(h, "shape", ()))
    if len(shape) != 3 or shape[:2] != (1, x.shape[1]):
        raise ValueError(
            "decoder must return features of shape (n, T, H), for one series of "
            f"{x.shape[1]} steps (1, {x.shape[1]}, H), got "
            f"{shape or type(h).__name__}. It is called as decoder(z, prefix)."
        )
