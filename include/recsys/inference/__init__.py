"""Candidates, exact top-K, ranking scores, the purchase policy and the fallbacks."""
