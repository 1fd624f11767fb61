"""Training pairs: a split by time, positives, sampled negatives, encoded inputs."""
