"""Settings of the checks between layers: from which figure on to warn, and from which to stop.

A bound that is None is never passed, so a check whose `breach` has no bound never stops a run.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, model_validator

from recsys.config.frozen import Frozen, PositiveInt


class Band(Frozen):
    """Where a figure is right: from `low` to `high`, both included."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _is_not_empty(self) -> "Band":
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low must be at most high. Got {self.low} and {self.high}")
        return self

    def __str__(self) -> str:
        """Return the bounds as words."""
        if self.low is None:
            return "anything" if self.high is None else f"at most {self.high:g}"
        return f"at least {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"

    def holds(self, value: float) -> bool:
        """Return whether the value is within the bounds."""
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high)


class Limits(Frozen):
    """Outside `warning` a figure is worth a look; outside `breach` nothing may be built on it."""

    warning: Band = Band()
    breach: Band = Band()

    @classmethod
    def at_most(cls, *, warning: float | None = None, breach: float | None = None) -> "Limits":
        """Return limits for a figure that is better the lower it is."""
        return cls(warning=Band(high=warning), breach=Band(high=breach))


class Overlaid(Frozen):
    """A block that keeps its defaults, at any depth, where a file or a flag says nothing."""

    @model_validator(mode="before")
    @classmethod
    def _lay_over_defaults(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        defaults = {name: _plain(field.default) for name, field in cls.model_fields.items()}
        return _overlay(defaults, given)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _overlay(base: Any, given: Any) -> Any:
    if not isinstance(base, Mapping) or not isinstance(given, Mapping):
        return given
    return {**base, **{name: _overlay(base.get(name), value) for name, value in given.items()}}


class ValuesConfig(Frozen):
    """The values that are right in a column, and the share of its values that may be outside."""

    values: Band
    outside_share: Limits = Limits.at_most(breach=0)


class DailyRowsConfig(Overlaid):
    """Rows and pieces of each of the latest days, as a share of the median of the days before."""

    latest_days: PositiveInt = 3
    median_days: PositiveInt = 28
    #: With fewer days before it, or a lower median, a day is not judged: it would be noise.
    least_days: PositiveInt = 7
    least_median: PositiveInt = 100
    share: Limits = Limits(warning=Band(low=0.5, high=2.0), breach=Band(low=0.1, high=10.0))


class DriftConfig(Overlaid):
    """How far a feature may have moved since the night before, as a PSI (population stability)."""

    bins: PositiveInt = 10
    #: Categories beyond the most frequent ones count as one.
    categories: PositiveInt = 50
    #: With fewer rows on either night the PSI is mostly noise, and is not judged.
    least_rows: PositiveInt = 1000
    #: By custom 0.1 is a shift and 0.25 a large one. No bound of breach: a sale or a new season
    #: moves features too, and the lists of the night before would be no better.
    psi: Limits = Limits.at_most(warning=0.1)


_NEVER_NULL: tuple[str, ...] = (
    "cleaned.customers.customer_key", "cleaned.customers.customer_id", "cleaned.customers.age_band",
    "cleaned.articles.article_key", "cleaned.articles.article_id", "cleaned.articles.product_code",
    "cleaned.transactions.t_dat", "cleaned.transactions.customer_key",
    "cleaned.transactions.article_key", "cleaned.transactions.price",
    "cleaned.transactions.sales_channel_id", "cleaned.transactions.quantity",
    "features.customers.customer_key", "features.customers.transactions",
    "features.articles.article_key", "features.articles.sales",
)  # fmt: skip

NULL_SHARE = {name: Limits.at_most(breach=0) for name in _NEVER_NULL}
VALUES: dict[str, ValuesConfig] = {
    # H&M's dearest article costs 0.59. Nothing depends on the unit, so another one does not stop.
    "cleaned.transactions.price": ValuesConfig(
        values=Band(low=0, high=1), outside_share=Limits.at_most(warning=0.01)
    ),
    "cleaned.transactions.sales_channel_id": ValuesConfig(values=Band(low=1, high=2)),
    "cleaned.transactions.quantity": ValuesConfig(values=Band(low=1)),
    "cleaned.customers.age": ValuesConfig(
        values=Band(low=16, high=99), outside_share=Limits.at_most(warning=0.01)
    ),
    "features.customers.transactions": ValuesConfig(values=Band(low=0)),
    "features.customers.channel_2_share": ValuesConfig(values=Band(low=0, high=1)),
    "features.articles.sales": ValuesConfig(values=Band(low=0)),
    # Zero days ago is the run date itself, which features must not have seen.
    "features.customers.recency_days": ValuesConfig(values=Band(low=1)),
    "features.articles.days_since_sale": ValuesConfig(values=Band(low=1)),
}


class ChecksConfig(Overlaid):
    """What is checked of the cleaned tables and of the features, before others build on them."""

    daily_rows: DailyRowsConfig = DailyRowsConfig()
    #: Rows of a table with one row an id, as a share of the rows at the check before.
    rows_share: Limits = Limits(warning=Band(low=0.98, high=1.2), breach=Band(low=0.5))
    #: Days from the last purchase to the run date; yesterday is 1. Beyond a week the best sellers
    #: of the last `features.popular_days`, which fill short lists, are none.
    age_days: Limits = Limits.at_most(warning=2, breach=7)
    #: Rows of a raw file that are neither in the table nor rejected; below 0: out of nowhere.
    lost_rows: Limits = Limits(breach=Band(low=0, high=0))
    #: Of a raw file's rows; `cleaning.max_rejected_share` stops before.
    rejected_share: Limits = Limits.at_most(warning=0.01)
    #: Of rows whose key is in no row of the table that it points to; of keys that occur twice; of
    #: customers and articles without a row of features.
    orphan_share: Limits = Limits.at_most(breach=0)
    repeated_share: Limits = Limits.at_most(breach=0)
    missing_share: Limits = Limits.at_most(breach=0)
    #: Columns that are not as `recsys.schemas` has them, and that are not as at the check before.
    unexpected_columns: Limits = Limits.at_most(breach=0)
    changed_columns: Limits = Limits.at_most(warning=0)
    #: `layer.table.column` -> the share of null, in columns that others count on.
    null_share: dict[str, Limits] = NULL_SHARE
    #: What a column's share of null may have risen by since the check before.
    null_rise: Limits = Limits.at_most(warning=0.05, breach=0.5)
    #: `layer.table.column` -> the values that are right.
    values: dict[str, ValuesConfig] = VALUES
    drift: DriftConfig = DriftConfig()
