"""Every column name of the platform, once."""

from typing import Final


class Columns:
    """Names used in more than one module; a frame's full layout is in `recsys.schemas`."""

    CUSTOMER_ID: Final = "customer_id"
    ARTICLE_ID: Final = "article_id"
    CUSTOMER_KEY: Final = "customer_key"
    ARTICLE_KEY: Final = "article_key"
    T_DAT: Final = "t_dat"
    PRICE: Final = "price"
    SALES_CHANNEL_ID: Final = "sales_channel_id"
    QUANTITY: Final = "quantity"
    PRODUCT_CODE: Final = "product_code"
    AGE: Final = "age"
    AGE_BAND: Final = "age_band"
    RANK: Final = "rank"
    SCORE: Final = "score"
    REASON: Final = "reason"
    CAUSE: Final = "cause"
    RUN_DATE: Final = "run_date"
    MODEL_VERSION: Final = "model_version"
    LABEL: Final = "label"
    PART: Final = "part"
    CUTOFF: Final = "cutoff"
    FILE: Final = "file"
    LINE: Final = "line"


#: Dense keys below this one are reserved, so that real keys count up from it.
PADDING_KEY: Final = 0
UNKNOWN_KEY: Final = 1
FIRST_KEY: Final = 2
