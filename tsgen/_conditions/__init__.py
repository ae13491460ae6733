"""What series are given: classes or numbers, static variables and lengths."""

from tsgen._conditions.conditions import Conditions, Layout, missing_entries

__all__ = ["Conditions", "Layout", "missing_entries"]
