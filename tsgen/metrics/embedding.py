"""Distance of learned features of whole series."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_count
from tsgen.metrics._pairs import check_pair, standardize

__all__ = ["context_fid", "frechet_distance"]

_FEWEST = 10  # series of a set
_SMALL = 100_000  # values of a data set that takes fewer iterations
_FEW, _MANY = 200, 600


def context_fid(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    embedding_size: int = 320,
    n_iterations: int | str = "auto",
    batch_size: int = 8,
    random_state: RandomState = None,
) -> float:
    r"""Fréchet distance of learned embeddings of whole series.

    An encoder of dilated convolutions is trained on the real series, without labels, by
    contrast of two views [1]_. Normal laws are fitted to the embeddings of both sets,
    the largest values over time:

    .. math::
        \|\mu - \nu\|^2 + \mathrm{tr}\left(\Sigma + \Lambda
        - 2 (\Sigma^{1/2} \Lambda \Sigma^{1/2})^{1/2}\right)

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least ten. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least ten; `n_synthetic` may differ from `n_real`.
    embedding_size : int, default=320
        Width of an embedding.
    n_iterations : int or "auto", default="auto"
        Steps of the optimiser. "auto" is 200 if `X_real` has at most 100,000 values,
        otherwise 600, as in published tables [2]_.
    batch_size : int, default=8
        Series in a batch, at least 2.
    random_state : int, RandomState, Generator or None, default=None
        Source of weights, batches, views and masks. Give an int to compare generators
        by the same encoder.

    Returns
    -------
    float
        The distance, 0 or more; lower is better. It has no unit: embeddings of another
        data set or seed have another size.

    Raises
    ------
    ValueError
        If a set has fewer than ten series, holds NaN or infinity, if shapes do not
        match, or if an option is out of range.
    TypeError
        If a set does not hold real numbers or a count is not an integer.
    tsgen.exceptions.TrainingDivergedError
        If the encoder does not stay finite.

    Notes
    -----
    Series are standardised by the moments of the real channels. The distance of two
    samples of one law falls with their size, so compare equal sizes only and read it
    beside that of real series. It sees mean and covariance of embeddings that were
    trained to tell series apart, not to be complete: it is blind to copies, and to
    defects that such an encoder does not care for. Published figures come from other
    weights and scales: the order of generators agrees, the size of the figure does not.

    References
    ----------
    .. [1] Yue, Z., Wang, Y., Duan, J., Yang, T., Huang, C., Tong, Y., & Xu, B. (2022).
       TS2Vec: Towards universal representation of time series. AAAI, 36(8), 8980-8987.
       https://arxiv.org/abs/2106.10466
    .. [2] Yuan, X., & Qiao, Y. (2024). Diffusion-TS: Interpretable diffusion for
       general time series generation. ICLR. https://arxiv.org/abs/2403.01742
    .. [3] Jeha, P., Bohlke-Schneider, M., Mercado, P., Kapoor, S., Nirwan, R. S.,
       Flunkert, V., Gasthaus, J., & Januschowski, T. (2022). PSA-GAN: Progressive self
       attention GANs for synthetic time series. ICLR. https://arxiv.org/abs/2108.00981

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics.embedding import context_fid
    >>> X = np.random.default_rng(0).normal(size=(200, 8, 1))
    >>> options = {"n_iterations": 10, "random_state": 0}
    >>> near = context_fid(X[:100], X[100:], **options)
    >>> far = context_fid(X[:100], X[100:].cumsum(axis=1), **options)
    >>> near < far / 2
    True
    """
    embedding_size = check_count(embedding_size, "embedding_size", minimum=1)
    batch_size = check_count(batch_size, "batch_size", minimum=2)
    pair = check_pair(X_real, X_synthetic, minimum=_FEWEST)
    n_iterations = _check_iterations(n_iterations, pair[0].size)
    seed = int(numpy_generator(random_state, "context_fid").integers(2**63))
    from tsgen.nn import critics

    real, synthetic = standardize(*pair)
    encoder = critics.fit_encoder(
        real,
        width=embedding_size,
        n_iterations=n_iterations,
        batch_size=batch_size,
        seed=seed,
    )
    points = [critics.apply_critic(encoder.whole, side) for side in (real, synthetic)]
    moments = [(side.mean(axis=0), np.cov(side, rowvar=False)) for side in points]
    return frechet_distance(*moments[0], *moments[1])


def _check_iterations(n_iterations: int | str, n_values: int) -> int:
    if isinstance(n_iterations, str):
        if n_iterations == "auto":
            return _FEW if n_values <= _SMALL else _MANY
        raise ValueError(
            f'n_iterations must be "auto" or an integer, got {n_iterations!r}.'
        )
    return check_count(n_iterations, "n_iterations", minimum=1)


def frechet_distance(
    mean_a: ArrayLike, cov_a: ArrayLike, mean_b: ArrayLike, cov_b: ArrayLike
) -> float:
    r"""Squared Fréchet distance, that is 2-Wasserstein distance, of two normal laws.

    .. math::
        \|\mu - \nu\|^2 + \mathrm{tr}(\Sigma) + \mathrm{tr}(\Lambda)
        - 2 \|\Sigma^{1/2} \Lambda^{1/2}\|_*

    The last norm is the sum of the singular values, equal to the trace of
    :math:`(\Sigma^{1/2} \Lambda \Sigma^{1/2})^{1/2}`, and needs no root of a matrix
    that rounding made indefinite.

    Parameters
    ----------
    mean_a, mean_b : array-like of shape (n_features,)
    cov_a, cov_b : array-like of shape (n_features, n_features)
        Symmetric, without negative eigenvalues but for rounding; may be singular.

    Returns
    -------
    float
        0 or more, in squared units.

    Raises
    ------
    ValueError
        If the shapes do not match.

    References
    ----------
    .. [1] Dowson, D. C., & Landau, B. V. (1982). The Fréchet distance between
       multivariate normal distributions. Journal of Multivariate Analysis, 12(3),
       450-455. https://doi.org/10.1016/0047-259X(82)90077-X

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics.embedding import frechet_distance
    >>> round(frechet_distance([0, 0], np.eye(2), [3, 0], 4 * np.eye(2)), 6)
    11.0
    """
    mu, nu = np.asarray(mean_a, dtype=float), np.asarray(mean_b, dtype=float)
    sides = [np.atleast_2d(np.asarray(cov, dtype=float)) for cov in (cov_a, cov_b)]
    shapes = (mu.shape, nu.shape, sides[0].shape, sides[1].shape)
    if shapes != (mu.shape, mu.shape, mu.shape * 2, mu.shape * 2):
        raise ValueError(
            "mean_a, mean_b, cov_a and cov_b must have shapes (n_features,) twice and "
            f"(n_features, n_features) twice, got {mu.shape}, {nu.shape}, "
            f"{sides[0].shape} and {sides[1].shape}."
        )
    roots = [_root(side) for side in sides]
    overlap = np.linalg.norm(roots[0] @ roots[1], "nuc")
    spread = sum(float((root**2).sum()) for root in roots)  # both traces
    return max(float(((mu - nu) ** 2).sum() + spread - 2 * overlap), 0.0)


def _root(cov: np.ndarray) -> np.ndarray:
    """Symmetric square root; eigenvalues that rounding made negative count as 0."""
    values, vectors = np.linalg.eigh((cov + cov.T) / 2)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
