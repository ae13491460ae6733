"""Synthetic time series."""
