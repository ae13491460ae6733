"""Wasserstein distances: what it costs to move one set of series onto another.

`wasserstein_distance` is exact, `sinkhorn_divergence` its smoothed and debiased
relative, `sliced_wasserstein_distance` and its kin look at one-dimensional views, where
the distance follows from sorting.
"""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.metrics import pairwise_distances

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_count
from tsgen.metrics._pairs import parts_of, points, rows_at_once, scaled_pair, subsample

__all__ = [
    "marginal_wasserstein_distance",
    "max_sliced_wasserstein_distance",
    "sinkhorn_divergence",
    "sliced_wasserstein_distance",
    "spectral_wasserstein_distance",
    "wasserstein_distance",
]

_N_STARTS = 10  # directions that max_sliced_wasserstein_distance climbs from
_MAX_SIMPLEX_STEPS = 100_000_000  # far more than max_samples ever needs
_ROUND, _MAX_ROUNDS = 20, 2000  # steps of Sinkhorn's iteration between two looks at it
_TOLERANCE = 1e-10  # relative change of the value in one round
_RELAXATION = 1.5  # of each step: 1 is the plain iteration, 2 no longer converges


def wasserstein_distance(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    order: int = 2,
    standardize: bool = True,
    max_samples: int | None = 5000,
    random_state: RandomState = None,
) -> float:
    r"""Exact Wasserstein distance between two sets of series.

    Each series is flattened to a point. A plan :math:`P` moves the mass of one set onto
    the other, and the cheapest plan counts:

    .. math::
        W_p^p = \min_P \sum_{ij} P_{ij} \lVert x_i - y_j \rVert^p, \quad
        \sum_j P_{ij} = 1/n, \quad \sum_i P_{ij} = 1/m

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    order : {1, 2}, default=2
        The power :math:`p`.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel **of `X_real`** first. Without it the channels with large numbers
        decide. A channel that is constant in `X_real` is only centred.
    max_samples : int or None, default=5000
        Larger sets are thinned to so many series, drawn without replacement: the cost
        grows with the third power, the memory with the square. None uses all.
    random_state : int, RandomState, Generator or None, default=None
        Thins sets that are larger than `max_samples`; not used otherwise.

    Returns
    -------
    float
        The distance, 0 or more; lower is better. In standard deviations of a channel,
        times the root of the number of values of a series, or in the units of `X` with
        `standardize=False`.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, if the shapes do not
        match, or if `order` is neither 1 nor 2.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    With thousands of series in hundreds of dimensions most of the value is bias: two
    sets from one distribution are far apart, and samples that are smoothed towards the
    mean come out *below* real ones. Read it beside the floor and the
    `spread_ratio`.

    References
    ----------
    .. [1] Flamary, R., et al. (2021). POT: Python Optimal Transport. Journal of Machine
       Learning Research, 22(78), 1-8. https://jmlr.org/papers/v22/20-451.html

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import wasserstein_distance
    >>> X = np.random.default_rng(0).normal(size=(50, 4, 1))
    >>> round(wasserstein_distance(X, X + 0.5, standardize=False), 6)
    1.0
    """
    if isinstance(order, bool) or order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, got {order!r}.")
    x, y = _thinned(X_real, X_synthetic, standardize, max_samples, random_state)
    costs = pairwise_distances(x, y, "sqeuclidean" if order == 2 else "euclidean")
    return float(_cheapest_plan(costs) ** (1 / order))


def _thinned(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    scale: bool,
    max_samples: int | None,
    random_state: RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as points, at most `max_samples` of each."""
    if max_samples is not None:
        max_samples = check_count(max_samples, "max_samples", minimum=2)
    rng = numpy_generator(random_state, "thinning")
    x, y = points(X_real, X_synthetic, scale)
    return subsample(x, max_samples, rng), subsample(y, max_samples, rng)


def _cheapest_plan(costs: np.ndarray) -> float:
    """Cost of the cheapest plan between equal weights."""
    from ot import emd2

    n, m = costs.shape
    unit = costs.max() or 1.0  # the solver works with absolute tolerances
    value = emd2(
        np.full(n, 1 / n),
        np.full(m, 1 / m),
        costs / unit,
        numItermax=_MAX_SIMPLEX_STEPS,
    )
    return float(value) * unit


def sinkhorn_divergence(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    regularization: float = 0.5,
    standardize: bool = True,
    max_samples: int | None = 2000,
    random_state: RandomState = None,
) -> float:
    r"""Entropic optimal transport without its bias.

    With :math:`\varepsilon` times the entropy relative to independence added to the
    squared cost, transport is smooth and fast but no longer 0 from a set to itself.
    Subtracting that mends it:

    .. math::
        S = OT_\varepsilon(x, y) - \tfrac12 OT_\varepsilon(x, x)
            - \tfrac12 OT_\varepsilon(y, y)

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    regularization : float, default=0.5
        :math:`\varepsilon` as a share of the mean squared distance between the two
        sets, above 0. Small values approach the squared exact distance, with its bias
        in many dimensions and at a price in time; large ones the squared distance of
        the means.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel of `X_real` first.
    max_samples : int or None, default=2000
        Larger sets are thinned to so many series, drawn without replacement. None uses
        all.
    random_state : int, RandomState, Generator or None, default=None
        Thins sets that are larger than `max_samples`; not used otherwise.

    Returns
    -------
    float
        The divergence, 0 or more; lower is better. In *squared* standard
        deviations, or squared units of `X` with `standardize=False`.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, if the shapes do not
        match, or if `regularization` is not above 0 or too small to converge.
    TypeError
        If a set does not hold real numbers.

    References
    ----------
    .. [1] Feydy, J., Séjourné, T., Vialard, F.-X., Amari, S., Trouvé, A., & Peyré, G.
       (2019). Interpolating between optimal transport and MMD using Sinkhorn
       divergences. AISTATS. https://arxiv.org/abs/1810.08278

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import sinkhorn_divergence
    >>> X = np.random.default_rng(0).normal(size=(50, 4, 1))
    >>> round(sinkhorn_divergence(X, X + 0.5, standardize=False), 4)
    1.0
    """
    is_number = isinstance(regularization, Real) and not isinstance(
        regularization, bool
    )
    if not (is_number and 0 < regularization < np.inf):
        message = f"regularization must be a number above 0, got {regularization!r}."
        raise ValueError(message)
    x, y = _thinned(X_real, X_synthetic, standardize, max_samples, random_state)
    costs = pairwise_distances(x, y, "sqeuclidean")
    epsilon = regularization * costs.mean()
    if epsilon == 0:  # all series are equal
        return 0.0
    own = [pairwise_distances(z, metric="sqeuclidean") for z in (x, y)]
    halves = [_entropic_cost(cost, epsilon, symmetric=True) / 2 for cost in own]
    return max(_entropic_cost(costs, epsilon) - sum(halves), 0.0)


def _entropic_cost(
    costs: np.ndarray, epsilon: float, *, symmetric: bool = False
) -> float:
    r"""Entropic transport between equal weights: the mean of both potentials.

    Sinkhorn's iteration is :math:`f_i \leftarrow -\varepsilon \ln
    \operatorname{mean}_j e^{(g_j - C_{ij}) / \varepsilon}`, and the same for :math:`g`.
    It works on factors :math:`u = e^{\Delta f / \varepsilon}` and :math:`v` of a kernel
    that takes the potentials up from time to time, so that nothing underflows. From a
    set to itself both potentials are one.
    """
    g = _soft_minimum(costs.T, epsilon)
    f = g if symmetric else _soft_minimum(costs - g, epsilon)
    value = np.inf
    for _ in range(_MAX_ROUNDS):
        kernel = np.exp((f[:, None] + g - costs) / epsilon)
        u, v = _symmetric_factors(kernel) if symmetric else _factors(kernel)
        f, g = f + epsilon * np.log(u), g + epsilon * np.log(v)
        value, before = float(f.mean() + g.mean()), value
        if abs(value - before) <= _TOLERANCE * abs(value):
            return value
    raise ValueError(
        "regularization must be large enough for Sinkhorn's iteration, which did not "
        f"converge in {_MAX_ROUNDS * _ROUND} steps. Give a larger value, or use "
        "wasserstein_distance."
    )


def _soft_minimum(costs: np.ndarray, epsilon: float) -> np.ndarray:
    """-epsilon ln mean exp(-costs / epsilon) of each row."""
    log_sums = logsumexp(costs / -epsilon, axis=1)
    return -epsilon * (log_sums - np.log(costs.shape[1]))


def _factors(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors after some steps of Sinkhorn's iteration, over-relaxed."""
    n, m = kernel.shape
    u, v = np.ones(n), np.ones(m)
    for _ in range(_ROUND):
        u *= (m / (kernel @ v) / u) ** _RELAXATION
        v *= (n / (u @ kernel) / v) ** _RELAXATION
    return u, v


def _symmetric_factors(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors after some averaged steps: alternating ones hardly move here."""
    u = np.ones(len(kernel))
    for _ in range(_ROUND):
        u = np.sqrt(u * len(u) / (kernel @ u))
    return u, u


def sliced_wasserstein_distance(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    n_projections: int = 500,
    standardize: bool = True,
    random_state: RandomState = None,
) -> float:
    r"""Distance between two sets of series, averaged over one-dimensional views.

    Each series is flattened to a point, and the points are projected on random
    directions :math:`\theta_k` of unit length. In one dimension the 2-Wasserstein
    distance follows from the quantile functions :math:`Q`, exactly and for any two
    sample sizes:

    .. math::
        SW_2^2 = \frac{1}{K} \sum_{k=1}^{K} \int_0^1
        \left(Q_{\theta_k^\top x}(u) - Q_{\theta_k^\top y}(u)\right)^2 du

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    n_projections : int, default=500
        Number :math:`K` of directions.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel **of `X_real`** first. Without it the channels with large numbers
        decide. A channel that is constant in `X_real` is only centred.
    random_state : int, RandomState, Generator or None, default=None
        Draws the directions. None draws new ones on every call, and the result varies
        by a few per cent; give an int to compare generators on the same directions.

    Returns
    -------
    float
        The distance, 0 or more; lower is better. In standard deviations of a channel,
        or in the units of `X` with `standardize=False`.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, or if the shapes do
        not match.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    The distance of two samples from the *same* distribution is not 0 and falls with
    the sample size: compare equal sizes only, and with a floor. The directions are
    taken in the plain space of the `n_timesteps * n_channels` values, so the result
    hardly depends on their number.

    References
    ----------
    .. [1] Bonneel, N., Rabin, J., Peyré, G., & Pfister, H. (2015). Sliced and Radon
       Wasserstein barycenters of measures. Journal of Mathematical Imaging and Vision,
       51(1), 22-45. https://doi.org/10.1007/s10851-014-0506-3

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import sliced_wasserstein_distance
    >>> X = np.random.default_rng(0).normal(size=(500, 12, 2))
    >>> sliced_wasserstein_distance(X, X, random_state=0)
    0.0
    >>> round(
    ...     sliced_wasserstein_distance(X, X + 0.5, standardize=False, random_state=0),
    ...     1,
    ... )
    0.5
    """
    n_projections = check_count(n_projections, "n_projections", minimum=1)
    x, y = points(X_real, X_synthetic, standardize)
    rng = numpy_generator(random_state, "directions")
    n_values = x.shape[1]
    size = rows_at_once(n_values)
    counts = [min(size, n_projections - k) for k in range(0, n_projections, size)]
    parts = (_draw_directions(count, n_values, rng) for count in counts)
    squares = [_squares(x, y, part) for part in parts]
    return float(np.sqrt(np.concatenate(squares).mean()))


def max_sliced_wasserstein_distance(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    n_projections: int = 500,
    n_steps: int = 20,
    standardize: bool = True,
    random_state: RandomState = None,
) -> float:
    r"""Distance between two sets of series in the one-dimensional view that shows most.

    Starts from the best of random directions and climbs: at a direction
    :math:`\theta`, sorting pairs the points, and the pairs' differences :math:`d` give
    the next one, :math:`\theta \leftarrow \sum d \, d^\top \theta`, of unit length.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    n_projections : int, default=500
        Number of random directions to start from; the ten best climb.
    n_steps : int, default=20
        Steps of the climb. With 0 the best random direction counts.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel of `X_real` first.
    random_state : int, RandomState, Generator or None, default=None
        Draws the directions.

    Returns
    -------
    float
        The distance, 0 or more; lower is better. Units as in
        `sliced_wasserstein_distance`.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, or if the shapes do
        not match.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    A lower bound of the maximum over all directions. Where there are fewer series than
    values in a series, some direction separates any two samples, and the floor is high.

    References
    ----------
    .. [1] Deshpande, I., et al. (2019). Max-sliced Wasserstein distance and its use for
       GANs. CVPR. https://arxiv.org/abs/1904.05877

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import max_sliced_wasserstein_distance
    >>> X = np.random.default_rng(0).normal(size=(500, 4, 1))
    >>> shift = np.array([[0.0], [0.0], [3.0], [0.0]])
    >>> round(
    ...     max_sliced_wasserstein_distance(
    ...         X, X + shift, standardize=False, random_state=0
    ...     ),
    ...     4,
    ... )
    3.0
    """
    n_projections = check_count(n_projections, "n_projections", minimum=1)
    n_steps = check_count(n_steps, "n_steps")
    x, y = points(X_real, X_synthetic, standardize)
    rng = numpy_generator(random_state, "directions")
    directions = _draw_directions(n_projections, x.shape[1], rng)
    squares = _squares(x, y, directions)
    best = directions[np.argsort(squares)[-_N_STARTS:]]
    climbed = [max(_climb(x, y, theta, n_steps), default=0.0) for theta in best]
    return float(np.sqrt(max(squares.max(), *climbed)))


def _climb(
    x: np.ndarray, y: np.ndarray, theta: np.ndarray, n_steps: int
) -> Iterator[float]:
    """Squared distances along directions that turn to where pairs lie far apart."""
    for _ in range(n_steps):
        rows_x, rows_y, widths = _quantile_pairs(len(x), len(y))
        gaps = x[np.argsort(x @ theta)[rows_x]] - y[np.argsort(y @ theta)[rows_y]]
        gaps /= np.abs(gaps).max() or 1.0  # only their directions count
        theta = (widths * (gaps @ theta)) @ gaps
        length = np.linalg.norm(theta)
        if length == 0:
            return
        theta = theta / length
        yield float(_squares(x, y, theta[None])[0])


def marginal_wasserstein_distance(
    X_real: ArrayLike, X_synthetic: ArrayLike, *, standardize: bool = True
) -> float:
    r"""Distance of the values of one step and channel, over all steps and channels.

    The root of the mean squared 2-Wasserstein distance between the single values: what
    a generator gets wrong even if everything that joins steps and channels is ignored.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel of `X_real` first.

    Returns
    -------
    float
        The distance, 0 or more; lower is better. In standard deviations of a channel,
        or in the units of `X` with `standardize=False`.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, or if the shapes do
        not match.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    It sees neither the order of the steps nor any dependence.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import marginal_wasserstein_distance
    >>> X = np.random.default_rng(0).normal(size=(50, 4, 2))
    >>> round(marginal_wasserstein_distance(X, X + 0.5, standardize=False), 6)
    0.5
    """
    x, y = points(X_real, X_synthetic, standardize)
    return _root_mean_square_of_columns(x, y)


def spectral_wasserstein_distance(
    X_real: ArrayLike, X_synthetic: ArrayLike, *, standardize: bool = True
) -> float:
    r"""Distance of the amplitudes of one frequency and channel, over all of them.

    With the amplitudes :math:`|\hat x_f| = |\sum_t x_t e^{-2\pi i f t / T}| / \sqrt T`
    of each series, the root of the mean squared 2-Wasserstein distance over frequencies
    :math:`f = 0 \ldots T/2` and channels.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel of `X_real` first.

    Returns
    -------
    float
        The distance, 0 or more; lower is better. In standard deviations of a channel,
        or in the units of `X` with `standardize=False`.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, or if the shapes do
        not match.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    Amplitudes do not see phases: time reversal goes unnoticed. Taken on the complex
    coefficients instead, a sliced distance would be the same as in time, because the
    transform is a rotation.

    References
    ----------
    .. [1] Crabbé, J., Huynh, N., Stanczuk, J., & van der Schaar, M. (2024). Time series
       diffusion in the frequency domain. ICML. https://arxiv.org/abs/2402.05933

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import spectral_wasserstein_distance
    >>> X = np.random.default_rng(0).normal(size=(200, 24, 1))
    >>> smooth = X.cumsum(axis=1) / 3.5
    >>> spectral_wasserstein_distance(X, smooth) > 0.5
    True
    >>> spectral_wasserstein_distance(X, X[:, ::-1]) < 1e-12
    True
    """
    pair = scaled_pair(X_real, X_synthetic, standardize)
    x, y = (_amplitudes(series) for series in pair)
    return _root_mean_square_of_columns(x, y)


def _amplitudes(X: np.ndarray) -> np.ndarray:
    """Amplitudes of each series: (n_samples, n_frequencies * n_channels)."""
    spectrum = np.fft.rfft(X, axis=1, norm="ortho")
    return np.abs(spectrum).reshape(len(X), -1)


def _root_mean_square_of_columns(x: np.ndarray, y: np.ndarray) -> float:
    width = len(x) + len(y)
    pairs = zip(parts_of(x.T, width), parts_of(y.T, width), strict=True)
    squares = [_squared_wasserstein_1d(*pair) for pair in pairs]
    return float(np.sqrt(np.concatenate(squares).mean()))


def _squares(x: np.ndarray, y: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Squared distance in each direction, (n_directions,), a few at a time."""
    parts = parts_of(directions, len(x) + len(y))
    squares = [_squared_wasserstein_1d(part @ x.T, part @ y.T) for part in parts]
    return np.concatenate(squares)


def _draw_directions(
    n_projections: int, n_values: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw directions uniformly on the sphere: (n_projections, n_values)."""
    directions = rng.standard_normal((n_projections, n_values))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions


def _squared_wasserstein_1d(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Squared 2-Wasserstein distance of each row of `u` from the same row of `v`."""
    u, v = np.sort(u, axis=1), np.sort(v, axis=1)
    if u.shape == v.shape:
        return ((u - v) ** 2).mean(axis=1)
    rows_u, rows_v, widths = _quantile_pairs(u.shape[1], v.shape[1])
    return (u[:, rows_u] - v[:, rows_v]) ** 2 @ widths


def _quantile_pairs(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which of `n` and of `m` sorted points meet, and for what share of the mass.

    The quantile functions of `n` and `m` points are steps with edges at multiples of
    `1 / n` and `1 / m`: here whole numbers, counted in units of `1 / (n * m)`.
    """
    edges = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    widths = np.diff(edges, prepend=0) / (n * m)
    return (edges - 1) // m, (edges - 1) // n, widths
