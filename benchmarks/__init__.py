"""Benchmarks: scripts that measure, and the rows they have measured."""
