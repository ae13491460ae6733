"""Errors and warnings that a caller may want to catch by name."""

__all__ = [
    "ConstantInputWarning",
    "InvalidModelFileError",
    "OverlappingWindowsWarning",
    "PosteriorCollapseWarning",
    "TrainingDivergedError",
    "UndefinedDependencyWarning",
]


class TrainingDivergedError(ValueError):
    """Training produced a loss that is not finite or runs away without a bound.

    A `ValueError`, so that scikit-learn's searches record the candidate as NaN.
    """


class InvalidModelFileError(ValueError):
    """A saved model is damaged, incomplete, or not what its configuration says."""


class ConstantInputWarning(UserWarning):
    """The series do not vary, so there is nothing to learn."""


class OverlappingWindowsWarning(UserWarning):
    """Held-out series share many of their rows with series that are fitted on."""


class PosteriorCollapseWarning(UserWarning):
    """The decoder of a fitted generator does not use its latent."""


class UndefinedDependencyWarning(UserWarning):
    """Features of a decoder do not depend on its input: a dependency would be 0 / 0."""
