"""Memorisation: whether synthetic series repeat those of the training.

The sets are searched for nearest series (`distances`), whose ratios are compared
(`ratios`) with those of random splits of the real series (`permutation`).
"""

from tsgen.memorization.measure import memorization_report
from tsgen.memorization.report import MemorizationReport

__all__ = ["MemorizationReport", "memorization_report"]
