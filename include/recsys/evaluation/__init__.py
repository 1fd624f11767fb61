"""Metrics, baselines and the report. NumPy only."""
