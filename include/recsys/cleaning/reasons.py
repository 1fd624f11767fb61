"""Why a raw row is set aside."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

#: What the ids of H&M look like. An id that lost its leading zero has nine digits.
CUSTOMER_ID = "^[0-9a-fA-F]{64}$"
ARTICLE_ID = "^[0-9]{10}$"


class Reason(StrEnum):
    """The fault of a row. Of several faults the first in this order is named."""

    NOT_UTF8 = "not_utf8"  # bytes that are not UTF-8, or the mark (U+FFFD) that such bytes left
    WRONG_COLUMN_COUNT = "wrong_column_count"
    BAD_DATE = "bad_date"  # not YYYY-MM-DD, or no such day
    DATE_IN_FUTURE = "date_in_future"  # after today, UTC
    WRONG_DAY = "wrong_day"  # not the day that the folder of a daily drop names
    BAD_CUSTOMER_ID = "bad_customer_id"  # not 64 hexadecimal digits
    BAD_ARTICLE_ID = "bad_article_id"  # not 10 digits: a lost leading zero
    BAD_NUMBER = "bad_number"  # not a whole number (articles), not 0 or 1 (FN, Active)
    BAD_AGE = "bad_age"  # not a whole number of years in 1..120
    BAD_PRICE = "bad_price"  # not a finite number
    NEGATIVE_PRICE = "negative_price"
    ABSURD_PRICE = "absurd_price"  # above cleaning.max_price
    BAD_CHANNEL = "bad_channel"  # not 1 or 2
    UNKNOWN_CUSTOMER = "unknown_customer"  # not a valid row of customers.csv
    UNKNOWN_ARTICLE = "unknown_article"  # not a valid row of articles.csv
    DUPLICATE_CUSTOMER = "duplicate_customer"  # the first valid row of an id in the file is kept
    DUPLICATE_ARTICLE = "duplicate_article"


def first_reason(faults: "Mapping[Reason, Column]") -> "Column":
    """Return the first reason, in the order of `Reason`, whose condition holds; null for none.

    A condition that is null does not hold.
    """
    from pyspark.sql import functions as F  # what needs no Spark needs the reasons too

    order = list(Reason)
    ranked = sorted(faults.items(), key=lambda fault: order.index(fault[0]))
    return F.coalesce(*[F.when(condition, F.lit(str(reason))) for reason, condition in ranked])
