"""Classifiers that try to tell real series from synthetic ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from tsgen._random import RandomState, numpy_generator, seeded_clone
from tsgen._validation import check_choice, check_count, check_share
from tsgen.metrics._features import Features, series_features
from tsgen.metrics._folds import Folds, fold_pair
from tsgen.metrics._pairs import check_pair, flatten, standardize

__all__ = ["classifier_two_sample_test", "discriminative_score"]

Sides = tuple[np.ndarray, np.ndarray]  # real, synthetic

_WIDTH = 32  # of the network of the sound mode
_FEWEST = 10  # series of a set


def classifier_two_sample_test(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    classifier: Any = None,
    scoring: str = "roc_auc",
    n_splits: int = 5,
    groups: ArrayLike | None = None,
    gap: int = 0,
    random_state: RandomState = None,
) -> float:
    r"""How well a classifier tells held-out real series from synthetic ones.

    The classifier is fitted on all folds but one and judged on that one. With its
    scores :math:`a_i` of real and :math:`b_j` of synthetic series, the mean over folds
    of the area under the curve

    .. math::
        \mathrm{AUC} = \frac{1}{n m} \sum_{i=1}^{n} \sum_{j=1}^{m}
        \left([a_i > b_j] + \tfrac{1}{2} [a_i = b_j]\right)

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series that the generator was not fitted on, in time order if they are
        windows of a longer series. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series. If there are fewer of one kind to train on, they are repeated
        until both kinds are equally many.
    classifier : classifier of scikit-learn or None, default=None
        Fitted, as a copy, on series standardised by the moments of the real ones and
        flattened to (n_samples, n_timesteps * n_channels). None joins a logistic
        regression and boosted trees, which read values, moments, steps and products of
        channels.
    scoring : {"roc_auc", "accuracy"}, default="roc_auc"
        "roc_auc" is the area above. "accuracy" is the mean share of real and of
        synthetic series that are recognised; it finds less.
    n_splits : int, default=5
        Number of folds.
    groups : array-like of shape (n_real,) or None, default=None
        What each real series comes from, such as a patient: no group is trained on and
        judged. None cuts the series, in their order, into blocks that go to the folds
        in turn, since neighbouring windows are alike; so are the synthetic ones always.
    gap : int, default=0
        Series on both sides of a block held out that are not trained on. For windows
        that overlap: one less than the windows that share a row, e.g. `n_timesteps - 1`
        with a stride of 1.
    random_state : int, RandomState, Generator or None, default=None
        Seeds whatever the classifier draws, unless its own `random_state` is set.

    Returns
    -------
    float
        0.5 if the classifier finds nothing, 1 if it always knows. Well below 0.5 means
        that real and synthetic series depend on each other: it also happens if real
        series were copied.

    Raises
    ------
    ValueError
        If a set has fewer than `2 * n_splits` series, holds NaN or infinity, or if
        shapes, `scoring`, `n_splits`, `groups` or `gap` are not allowed.
    TypeError
        If a set does not hold real numbers, or `classifier` is no classifier.

    Notes
    -----
    Without a difference and with independent series, the area varies around 0.5 with a
    standard deviation of about :math:`1.3 \sqrt{(n + m) / (12 n m)}`, since folds share
    training series: 0.017 for a thousand each. It does not see copies of the training
    series, and it saturates: two generators that both get 1 may be far apart.

    Measured on 1,000 series each of 24 steps and 3 channels, the default finds in all
    of 100 draws: means moved by 0.3 standard deviations, variances of 80 %, reversed
    time, swapped channels, correlations at lag 1 that are 0.2 lower, and one kind of
    five left out (`benchmarks/results/power.csv`).

    References
    ----------
    .. [1] Lopez-Paz, D., & Oquab, M. (2017). Revisiting classifier two-sample tests.
       ICLR. https://arxiv.org/abs/1610.06545
    .. [2] Friedman, J. H. (2004). On multivariate goodness-of-fit and two-sample
       testing. https://www.osti.gov/biblio/826696

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics.classification import classifier_two_sample_test
    >>> X = np.random.default_rng(0).normal(size=(400, 12, 2))
    >>> real, synthetic = X[:200], X[200:]
    >>> round(classifier_two_sample_test(real, synthetic, random_state=0), 1)
    0.5
    >>> walks = synthetic.cumsum(axis=1)
    >>> round(classifier_two_sample_test(real, walks, random_state=0), 1)
    1.0
    """
    check_choice(scoring, "scoring", ("roc_auc", "accuracy"))
    n_splits = check_count(n_splits, "n_splits", minimum=2)
    pair = check_pair(X_real, X_synthetic, minimum=2 * n_splits)
    folds = _folds_of(pair, n_splits, groups, gap)
    rng = numpy_generator(random_state, "classifier")
    pair = standardize(*pair)
    if classifier is None:
        features = series_features(*pair, rng)
        classifier, points = _default_classifier(features), features[:2]
    else:
        _check_classifier(classifier)
        points = flatten(pair[0]), flatten(pair[1])
    scores = [
        _score(seeded_clone(classifier, rng), points, folds, k, scoring)
        for k in range(n_splits)
    ]
    return float(np.mean(scores))


def _folds_of(
    pair: Sides, n_splits: int, groups: ArrayLike | None, gap: int
) -> tuple[Folds, Folds]:
    sizes = len(pair[0]), len(pair[1])
    return fold_pair(*sizes, n_splits=n_splits, groups=groups, gap=gap)


def _check_classifier(classifier: Any) -> None:
    known = not isinstance(classifier, type) and hasattr(classifier, "__sklearn_tags__")
    if not (known and is_classifier(classifier)):
        raise TypeError(
            "classifier must be a classifier of scikit-learn, got "
            f"{classifier!r}. Pass an instance, e.g. KNeighborsClassifier()."
        )


def _default_classifier(features: Features) -> Any:
    """Logistic regression on all features and boosted trees on the summaries."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    trees = HistGradientBoostingClassifier(
        learning_rate=0.15,
        max_iter=40,
        max_leaf_nodes=8,
        max_features=0.3,
        max_bins=63,
        early_stopping=False,
    )
    summaries = slice(-features.n_summaries, None)
    chosen = ColumnTransformer([("summaries", "passthrough", summaries)])
    linear = LogisticRegression(C=0.01, max_iter=1000)
    parts = [
        ("linear", make_pipeline(StandardScaler(), linear)),
        ("trees", make_pipeline(chosen, trees)),
    ]
    return VotingClassifier(parts, voting="soft")


def _score(
    classifier: Any, points: Sides, folds: tuple[Folds, Folds], fold: int, scoring: str
) -> float:
    """Fit on the other folds and score on this one."""
    sides = list(zip(points, folds, strict=True))
    classifier.fit(*_balanced(*(x[part.outside(fold)] for x, part in sides)))
    real, synthetic = (x[part.inside(fold)] for x, part in sides)
    if scoring == "roc_auc":
        return _auc(_decide(classifier, real), _decide(classifier, synthetic))
    recognised = classifier.predict(real) == 1, classifier.predict(synthetic) == 0
    return float(np.mean([right.mean() for right in recognised]))


def _balanced(real: np.ndarray, synthetic: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Join both kinds, the smaller repeated, and label them 1 and 0."""
    n_each = max(len(real), len(synthetic))
    rows = [np.resize(np.arange(len(side)), n_each) for side in (real, synthetic)]
    labels = np.repeat([1, 0], n_each)
    return np.concatenate([real[rows[0]], synthetic[rows[1]]]), labels


def _decide(classifier: Any, points: np.ndarray) -> np.ndarray:
    """Scores that are higher for what looks real: (n_samples,)."""
    if hasattr(classifier, "decision_function"):
        return classifier.decision_function(points)
    if hasattr(classifier, "predict_proba"):
        return classifier.predict_proba(points)[:, 1]
    raise ValueError(
        f"classifier must have decision_function or predict_proba, got {classifier!r}. "
        'Use another, or scoring="accuracy".'
    )


def _auc(a: np.ndarray, b: np.ndarray) -> float:
    """Probability that a score of `a` is above one of `b`; ties count half."""
    b = np.sort(b)
    below, not_above = np.searchsorted(b, a), np.searchsorted(b, a, side="right")
    return float((below + not_above).mean() / (2 * len(b)))


def discriminative_score(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    mode: str = "standard",
    n_iterations: int = 2000,
    batch_size: int = 128,
    hidden_size: int | None = None,
    test_size: float = 0.2,
    n_splits: int = 5,
    groups: ArrayLike | None = None,
    gap: int = 0,
    random_state: RandomState = None,
) -> float:
    r"""How well a recurrent network tells real series from synthetic ones.

    .. math::
        |\mathrm{accuracy} - 0.5| \quad \text{or} \quad |\mathrm{AUC} - 0.5|

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least ten. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least ten. If sizes differ, both kinds weigh the same.
    mode : {"standard", "sound"}, default="standard"
        "standard" is the protocol of published tables [1]_: channels scaled to [0, 1]
        by the range of the real ones, a random split, a GRU with half as many units as
        there are channels, a fixed number of iterations, the accuracy at the
        threshold 0.5.

        "sound" mends its defects: folds of blocks or groups, since a random split puts
        near copies of a window on both sides; channels standardised; 32 units however
        few the channels; trained until the loss on another fold no longer falls; the
        area under the curve, for which a constant classifier or a bad threshold is no
        way to 0.
    n_iterations : int, default=2000
        Steps of the optimiser, Adam at a rate of 0.001. In the mode "sound" at most as
        many per fold, at 0.005.
    batch_size : int, default=128
        Series of each kind in a batch.
    hidden_size : int or None, default=None
        Units of the GRU. None is half the number of channels, at least 1, or 32 in the
        mode "sound".
    test_size : float, default=0.2
        Share of each set to test on in the mode "standard".
    n_splits : int, default=5
        Folds of the mode "sound", at least 3: one to test on, one to stop by.
    groups : array-like of shape (n_real,) or None, default=None
        What each real series comes from, in the mode "sound": no group stands on two
        sides. None cuts the series, in their order, into blocks.
    gap : int, default=0
        Series dropped on both sides of a block held out, in the mode "sound":
        `n_timesteps - 1` for windows with a stride of 1.
    random_state : int, RandomState, Generator or None, default=None
        Source of splits, weights and batches. One figure varies by a few hundredths;
        published ones are means over 5 or 10 seeds.

    Returns
    -------
    float
        0 is best, 0.5 worst. In the mode "sound" also series that depend on those held
        out, as copies do, get more than 0.

    Raises
    ------
    ValueError
        If a set has too few series, holds NaN or infinity, if shapes do not match, or
        if an option is not allowed.
    TypeError
        If a set does not hold real numbers or a count is not an integer.
    tsgen.exceptions.TrainingDivergedError
        If the network does not stay finite.

    Notes
    -----
    Without a difference about :math:`0.4 / \sqrt{n}` for `n` tested series: values
    below that say nothing, and values of 0 often come from networks that did not learn.
    With one unit or few iterations the mode "standard" overlooks a lot, and it does not
    see copies. `classifier_two_sample_test` is faster and finds more.

    References
    ----------
    .. [1] Yoon, J., Jarrett, D., & van der Schaar, M. (2019). Time-series generative
       adversarial networks. NeurIPS.
       https://papers.nips.cc/paper/2019/hash/c9efe5f26cd17ba6216bbe2a7d26d490-Abstract.html

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics.classification import discriminative_score
    >>> X = np.random.default_rng(0).normal(size=(60, 6, 2))
    >>> score = discriminative_score(X, X + 3, n_iterations=20, random_state=0)
    >>> 0 <= score <= 0.5
    True
    """
    check_choice(mode, "mode", ("standard", "sound"))
    options: dict[str, Any] = {
        "n_iterations": check_count(n_iterations, "n_iterations", minimum=1),
        "batch_size": check_count(batch_size, "batch_size", minimum=1),
    }
    n_splits = check_count(n_splits, "n_splits", minimum=3)
    check_share(test_size, "test_size")
    fewest = _FEWEST if mode == "standard" else max(_FEWEST, n_splits)
    pair = check_pair(X_real, X_synthetic, minimum=fewest)
    options["hidden_size"] = check_width(hidden_size, mode, pair[0].shape[2])
    rng = numpy_generator(random_state, "discriminative score")
    if mode == "standard":
        _refuse_folds(groups, gap)
        return _standard_score(min_max(*pair), test_size, options, rng)
    folds = _folds_of(pair, n_splits, groups, gap)
    return _sound_score(standardize(*pair), folds, n_splits, options, rng)


def check_width(hidden_size: int | None, mode: str, n_channels: int) -> int:
    """Units of the network: as given, or those of the mode.

    Parameters
    ----------
    hidden_size : int or None
    mode : {"standard", "sound"}
    n_channels : int

    Returns
    -------
    int
    """
    if hidden_size is not None:
        return check_count(hidden_size, "hidden_size", minimum=1)
    return max(1, n_channels // 2) if mode == "standard" else _WIDTH


def min_max(real: np.ndarray, synthetic: np.ndarray) -> Sides:
    """Map the range of each real channel to [0, 1]; a constant one is only centred.

    Parameters
    ----------
    real : ndarray of shape (n_real, n_timesteps, n_channels)
    synthetic : ndarray of shape (n_synthetic, n_timesteps, n_channels)

    Returns
    -------
    real : ndarray of shape (n_real, n_timesteps, n_channels)
    synthetic : ndarray of shape (n_synthetic, n_timesteps, n_channels)
    """
    low, high = real.min(axis=(0, 1)), real.max(axis=(0, 1))
    width = np.where(high > low, high - low, 1.0)
    return (real - low) / width, (synthetic - low) / width


def _refuse_folds(groups: ArrayLike | None, gap: int) -> None:
    if groups is not None or gap != 0:
        raise ValueError(
            'groups and gap need mode="sound", got mode="standard", which splits at '
            "random."
        )


def _standard_score(
    pair: Sides, test_size: float, options: dict[str, Any], rng: np.random.Generator
) -> float:
    """Distance of the accuracy on a random part from one half."""
    from tsgen.nn import critics

    parts = [_split(side, test_size, rng) for side in pair]
    seed = int(rng.integers(2**63))
    reader = critics.fit_discriminator(
        *(train for train, _ in parts), **options, seed=seed
    )
    a, b = (critics.apply_critic(reader.verdict, test) for _, test in parts)
    return abs(float((a > 0).mean() + (b <= 0).mean()) / 2 - 0.5)


def _split(X: np.ndarray, test_size: float, rng: np.random.Generator) -> Sides:
    """Split a set at random into series to train on and series to test on."""
    n_test = min(max(round(test_size * len(X)), 1), len(X) - 1)
    order = rng.permutation(len(X))
    return X[order[n_test:]], X[order[:n_test]]


def _sound_score(
    pair: Sides,
    folds: tuple[Folds, Folds],
    n_splits: int,
    options: dict[str, Any],
    rng: np.random.Generator,
) -> float:
    """Distance of the mean area under the curve of held-out folds from one half."""
    areas = [
        _held_out_area(pair, folds, (k, (k + 1) % n_splits), options, rng)
        for k in range(n_splits)
    ]
    return abs(float(np.mean(areas)) - 0.5)


def _held_out_area(
    pair: Sides,
    folds: tuple[Folds, Folds],
    held_out: tuple[int, int],
    options: dict[str, Any],
    rng: np.random.Generator,
) -> float:
    """Area of one fold under the curve; another one says when to stop."""
    from tsgen.nn import critics

    sides = list(zip(pair, folds, strict=True))
    test, stop = held_out
    reader = critics.fit_discriminator(
        *(x[part.outside(*held_out)] for x, part in sides),
        **options,
        seed=int(rng.integers(2**63)),
        validation=tuple(x[part.inside(stop)] for x, part in sides),
    )
    tested = (x[part.inside(test)] for x, part in sides)
    return _auc(*(critics.apply_critic(reader.verdict, x) for x in tested))
