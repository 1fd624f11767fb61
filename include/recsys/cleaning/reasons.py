"""Why a raw row is set aside."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

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


#: A fault is the place of its reason in this order, which is that of precedence.
ORDER = list(Reason)
#: No fault.
VALID = len(ORDER)
Faults = NDArray[np.int8]


def fault(reason: Reason | None) -> int:
    """Return a reason as a fault, VALID for none."""
    return VALID if reason is None else ORDER.index(reason)
