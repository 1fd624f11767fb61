"""What the tests of publishing jobs share with those of the library behind them."""

from tests.recsys.serving.conftest import database, fill_lake, query

__all__ = ["database", "fill_lake", "query"]
