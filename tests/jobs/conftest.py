"""What the tests of jobs share with those of the library behind them."""

from tests.recsys.conftest import (
    fixed_model,
    fixed_scorer,
    toy_copurchases,
    toy_lake,
    toy_popularity,
    toy_purchases,
    toy_snapshot,
    toy_transactions,
)
from tests.recsys.serving.conftest import database, fill_lake, query

__all__ = [
    "database",
    "fill_lake",
    "fixed_model",
    "fixed_scorer",
    "query",
    "toy_copurchases",
    "toy_lake",
    "toy_popularity",
    "toy_purchases",
    "toy_snapshot",
    "toy_transactions",
]
