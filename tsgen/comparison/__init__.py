"""Generators beside each other, with the floor and the dummies every score needs."""

from tsgen.comparison.result import Comparison
from tsgen.comparison.runs import compare

__all__ = ["Comparison", "compare"]
