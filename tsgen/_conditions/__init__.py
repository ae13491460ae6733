"""What series are given: classes or numbers, static variables and lengths."""

from tsgen._conditions.conditions import Conditions, missing_entries

__all__ = ["Conditions", "missing_entries"]
