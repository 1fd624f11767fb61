"""One simulated folder of middling size, written once for every test that only reads it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from recsys.simulate.plan import Request
from recsys.simulate.write import simulate

TEXT = {"article_id": str, "product_code": str, "colour_group_code": str, "postal_code": str}


class Simulated:
    """A folder and its three tables."""

    def __init__(self, path: Path, request: Request) -> None:
        self.path, self.request = path, request
        self.articles = pd.read_csv(path / "articles.csv", dtype=TEXT)
        self.customers = pd.read_csv(path / "customers.csv")
        self.transactions = pd.read_csv(path / "transactions_train.csv", dtype=TEXT)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    request = Request(customers=4000, articles=4000, transactions=90_000, images=60, seed=7)
    path = tmp_path_factory.mktemp("simulated") / "data"
    assert simulate(request, path)
    return Simulated(path, request)


@pytest.fixture
def tiny() -> Callable[..., Request]:
    """A request that takes a fraction of a second; keywords change it."""

    def make(**changes: int) -> Request:
        sizes = {"customers": 30, "articles": 20, "transactions": 200, "images": 3, "seed": 1}
        return Request(**(sizes | changes))

    return make
