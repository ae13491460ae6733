"""The public door: what comes in leaves as clean arrays, or with a clear error.

Every message is in four parts: the parameter, the rule, what came, what to do. Behind
this door shapes and values are trusted.
"""

from tsgen._validation.columns import check_columns, check_first_steps, check_same_names
from tsgen._validation.parameters import (
    check_choice,
    check_count,
    check_latents,
    check_lengths,
    check_share,
)
from tsgen._validation.series import (
    as_it_came,
    as_numbers,
    as_series,
    check_any_series,
    check_enough_series,
    check_series,
    restore_form,
)

__all__ = [
    "as_it_came",
    "as_numbers",
    "as_series",
    "check_any_series",
    "check_choice",
    "check_columns",
    "check_count",
    "check_enough_series",
    "check_first_steps",
    "check_latents",
    "check_lengths",
    "check_same_names",
    "check_series",
    "check_share",
    "restore_form",
]
