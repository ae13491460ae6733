"""Results as data frames; nothing else needs pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame


def data_frame(data: Any) -> DataFrame:
    """Make a data frame for `to_frame`, or tell how to install pandas."""
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise ImportError(
            "to_frame needs pandas, which is not installed. Install it with: "
            "pip install pandas"
        ) from error
    return DataFrame(data)
