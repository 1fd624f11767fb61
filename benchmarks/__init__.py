"""Benchmarks: speed and memory against a peer in the same run; results go to `results/`."""
