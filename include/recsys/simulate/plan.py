"""What a simulated data set shall hold, checked before anything is drawn."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from recsys.errors import ConfigError

#: Raised whenever the same request would give other bytes than before.
FORMAT = 1
#: Product codes run from 0108775 to 0959461 in the real files; codes are not used twice.
FIRST_PRODUCT_CODE, LAST_PRODUCT_CODE = 108_775, 959_461
#: Articles a product code has on average: its colours (105,542 of 47,224).
ARTICLES_PER_PRODUCT = 105_542 / 47_224


@dataclass(frozen=True)
class Request:
    """Sizes, seed and days of a simulated data set; the last day is part of it."""

    customers: int = 2_000
    articles: int = 1_200
    transactions: int = 60_000
    images: int = 120
    seed: int = 20200923
    end_date: date = date(2020, 9, 22)
    days: int = 734

    def __post_init__(self) -> None:
        """Raise ConfigError naming every size that cannot be had."""
        most_articles = LAST_PRODUCT_CODE - FIRST_PRODUCT_CODE
        checks = [
            (1 <= self.customers <= 10_000_000, "customers", "from 1 to 10,000,000"),
            (1 <= self.articles <= most_articles, "articles", f"from 1 to {most_articles:,}"),
            (1 <= self.transactions <= 500_000_000, "transactions", "from 1 to 500,000,000"),
            (0 <= self.images <= self.articles, "images", f"from 0 to articles ({self.articles})"),
            (0 <= self.seed < 2**63, "seed", "from 0 to 2**63 - 1"),
            (7 <= self.days <= 3_660, "days", "from 7 to 3,660"),
        ]
        faults = [
            f"{name} must be {bounds}. Got {getattr(self, name)}"
            for is_good, name, bounds in checks
            if not is_good
        ]
        if faults:
            raise ConfigError("; ".join(faults))

    @property
    def first_date(self) -> date:
        """The first day with transactions."""
        return self.end_date - timedelta(days=self.days - 1)

    @property
    def weeks(self) -> int:
        """Weeks counted from the first day; the last may be short."""
        return -(-self.days // 7)

    def random(self, stream: str) -> np.random.Generator:
        """Return the generator of one part of the work, independent of the other parts."""
        return np.random.default_rng([self.seed, *stream.encode()])

    def as_json(self) -> dict[str, Any]:
        """Return the request as plain data, with the format's number."""
        return asdict(self) | {"end_date": self.end_date.isoformat(), "format": FORMAT}
