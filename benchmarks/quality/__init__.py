"""Recommendation quality on real purchases, beside what other recommenders reach."""
