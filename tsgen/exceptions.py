"""Errors and warnings that a caller may want to catch by name."""

__all__ = [
    "ConstantInputWarning",
    "InvalidModelFileError",
    "TrainingDivergedError",
]


class TrainingDivergedError(ValueError):
    """Training produced a loss that is not finite or runs away without a bound.

    A `ValueError`, so that scikit-learn's searches record the candidate as NaN.
    """


class InvalidModelFileError(ValueError):
    """A saved model is damaged, incomplete, or not what its configuration says."""


class ConstantInputWarning(UserWarning):
    """The series do not vary, so there is nothing to learn."""
