"""Aggregates as of a cutoff: every interval is half-open and ends before it."""
