"""Series as points in the plane, to see whether both clouds cover each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_count
from tsgen.metrics._pairs import points, subsample
from tsgen.plots._channels import legend
from tsgen.plots._style import BLUE, ORANGE, label_axes, one_axes, tidy, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_VALUES = 50  # of a series that t-SNE is given
_PERPLEXITY = 30


def plot_embedding(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    method: Literal["pca", "tsne"] = "pca",
    max_samples: int | None = 1000,
    standardize: bool = True,
    ax: Any = None,
    random_state: RandomState = 0,
) -> Axes:
    """Plot real and synthetic series as two clouds of points in the plane.

    Each series is flattened to one point of `n_timesteps * n_channels` values. Real
    points without synthetic ones near them were left out by the generator; synthetic
    points without real ones near them do not look like data.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series.
    method : {"pca", "tsne"}, default="pca"
        "pca": the first two principal components **of the real series**. They are the
        same for every generator, so pictures can be compared; what varies elsewhere is
        not seen.

        "tsne": t-SNE [1]_ of both sides together, of their first 50 components, with a
        perplexity of 30 or a third of the points. It shows clusters and who is missing
        in them; distances between clusters mean nothing, and another generator gives
        another map. Takes seconds.
    max_samples : int or None, default=1000
        Series drawn at random of each side, at least 2. None takes all.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel of the real series first. Without it the channels with large numbers
        decide.
    ax : Axes or None, default=None
        Where to draw. None makes a new figure.
    random_state : int, RandomState, Generator or None, default=0
        Chooses the series; the default shows the same ones every time.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If shapes do not match, a value is not finite, a side has fewer than two series,
        `max_samples` is less than 2 or there is no such `method`.
    TypeError
        If `max_samples` is not an integer, or `ax` something else.

    References
    ----------
    .. [1] van der Maaten, L., & Hinton, G. (2008). Visualizing data using t-SNE.
       Journal of Machine Learning Research, 9, 2579-2605.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.plots import plot_embedding
    >>> X = np.random.default_rng(0).normal(size=(100, 24, 1)).cumsum(axis=1)
    >>> ax = plot_embedding(X, 0.5 * X)
    >>> ax.get_xlabel()
    'component 1, 80 % of the real variance'
    """
    draw = _check_method(method)
    if max_samples is not None:
        max_samples = check_count(max_samples, "max_samples", minimum=2)
    rng = numpy_generator(random_state, "plot")
    sides = points(X_real, X_synthetic, standardize)
    real, synthetic = (subsample(side, max_samples, rng) for side in sides)
    own = ax is None
    ax = one_axes(ax, 5.4, 4.8)
    tidy(ax)
    draw(ax, real, synthetic, int(rng.integers(2**31)))
    _legend(ax, own, len(sides[0]), len(sides[1]))
    return ax


def _draw_pca(ax: Axes, real: np.ndarray, synthetic: np.ndarray, seed: int) -> None:
    plane = _fit_pca(real, 2, seed)
    _draw_clouds(ax, _project(plane, real), _project(plane, synthetic))
    shares = [*np.nan_to_num(plane.explained_variance_ratio_), 0.0][:2]
    names = [
        f"component {k}, {s:.0%}".replace("%", " %") for k, s in enumerate(shares, 1)
    ]
    label_axes(ax, *(f"{name} of the real variance" for name in names))
    title(ax, "Principal components of real series")


def _draw_tsne(ax: Axes, real: np.ndarray, synthetic: np.ndarray, seed: int) -> None:
    both = np.concatenate([real, synthetic])
    placed = _tsne(_project(_fit_pca(both, _MOST_VALUES, seed), both), seed)
    _draw_clouds(ax, placed[: len(real)], placed[len(real) :])
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color("0.8")
    ax.spines[:].set_visible(True)
    title(ax, "t-SNE of real and synthetic series")


_METHODS = {"pca": _draw_pca, "tsne": _draw_tsne}


def _draw_clouds(ax: Axes, real: np.ndarray, synthetic: np.ndarray) -> None:
    """Draw equal dots, the synthetic ones over the real ones."""
    alpha = float(np.clip(16 / np.sqrt(max(len(real), len(synthetic))), 0.2, 0.8))
    look: dict[str, Any] = {"s": 10, "alpha": alpha, "linewidth": 0}
    for cloud, colour in ((real, BLUE), (synthetic, ORANGE)):
        ax.scatter(cloud[:, 0], cloud[:, 1], color=colour, **look)


def _legend(ax: Axes, own: bool, *counts: int) -> None:
    """Say how many of how many series there are, beside dots in full colour."""
    for cloud, side, count in zip(ax.collections[-2:], _SIDES, counts, strict=True):
        shown = len(np.asarray(cloud.get_offsets()))
        of = f" of {count:,}" if shown < count else ""
        cloud.set_label(f"{side}, {shown:,}{of} series")
    look: dict[str, Any] = {"markerscale": 2, "handletextpad": 0.2}
    for handle in legend(np.array([ax]), own, **look).legend_handles:
        handle.set_alpha(1)


_SIDES = ("real", "synthetic")


# projections


def _fit_pca(values: np.ndarray, n_components: int, seed: int) -> Any:
    """Fit PCA of as many components as there can be; none of equal points warns."""
    from sklearn.decomposition import PCA

    n_components = min(n_components, *values.shape)
    with np.errstate(invalid="ignore"):
        return PCA(n_components, random_state=seed).fit(values)


def _project(plane: Any, values: np.ndarray) -> np.ndarray:
    """Coordinates, at least two; beyond the components there are they are 0."""
    found = plane.transform(values)
    missing = max(0, 2 - found.shape[1])
    return np.pad(found, ((0, 0), (0, missing)))


def _tsne(values: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    start = values[:, :2] / (values[:, 0].std() or 1.0) * 1e-4  # as with init="pca"
    perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init=start.astype(np.float32), random_state=seed)
    return tsne.fit_transform(values)


def _check_method(method: str) -> Any:
    if method not in _METHODS:
        raise ValueError(f'method must be "pca" or "tsne", got {method!r}.')
    return _METHODS[method]
