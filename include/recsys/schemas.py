"""The layout of every table of the platform, once, as Arrow schemas.

Spark jobs turn them into struct types with `recsys.spark.to_struct`; everything else uses them as
they are. Keys are int32, where 0 is padding and 1 is unknown; ids are H&M's own, as strings.
"""

import pyarrow as pa

from recsys.columns import Columns as C
from recsys.errors import DataError

KEYS: dict[str, pa.Schema] = {
    "customers": pa.schema([(C.CUSTOMER_ID, pa.string()), (C.CUSTOMER_KEY, pa.int32())]),
    "articles": pa.schema([(C.ARTICLE_ID, pa.string()), (C.ARTICLE_KEY, pa.int32())]),
}

#: Raw files in the Kaggle layout: column names in their order.
RAW_ARTICLES: tuple[str, ...] = (
    "article_id", "product_code", "prod_name", "product_type_no", "product_type_name",
    "product_group_name", "graphical_appearance_no", "graphical_appearance_name",
    "colour_group_code", "colour_group_name", "perceived_colour_value_id",
    "perceived_colour_value_name", "perceived_colour_master_id", "perceived_colour_master_name",
    "department_no", "department_name", "index_code", "index_name", "index_group_no",
    "index_group_name", "section_no", "section_name", "garment_group_no", "garment_group_name",
    "detail_desc",
)  # fmt: skip
RAW_CUSTOMERS: tuple[str, ...] = (
    "customer_id", "FN", "Active", "club_member_status", "fashion_news_frequency", "age",
    "postal_code",
)  # fmt: skip
RAW_TRANSACTIONS: tuple[str, ...] = (
    "t_dat", "customer_id", "article_id", "price", "sales_channel_id",
)  # fmt: skip

#: Article columns that hold a whole number; -1 means unknown there.
ARTICLE_NUMBERS: tuple[str, ...] = (
    "product_type_no", "graphical_appearance_no", "colour_group_code", "perceived_colour_value_id",
    "perceived_colour_master_id", "department_no", "index_group_no", "section_no",
    "garment_group_no",
)  # fmt: skip

CLEANED_ARTICLES = pa.schema(
    [(C.ARTICLE_KEY, pa.int32())]
    + [(name, pa.int32() if name in ARTICLE_NUMBERS else pa.string()) for name in RAW_ARTICLES]
)
CLEANED_CUSTOMERS = pa.schema(
    [
        (C.CUSTOMER_KEY, pa.int32()),
        (C.CUSTOMER_ID, pa.string()),
        ("fn", pa.bool_()),
        ("active", pa.bool_()),
        ("club_member_status", pa.string()),  # null: unknown
        ("fashion_news_frequency", pa.string()),  # NONE, Regularly, Monthly; null: unknown
        (C.AGE, pa.int16()),  # years; null: unknown
        (C.AGE_BAND, pa.string()),  # one of AGE_BANDS
        ("postal_code", pa.string()),
    ]
)
#: One row for each distinct raw row; `quantity` counts how often it stood there.
CLEANED_TRANSACTIONS = pa.schema(
    [
        (C.T_DAT, pa.date32()),
        (C.CUSTOMER_KEY, pa.int32()),
        (C.ARTICLE_KEY, pa.int32()),
        (C.PRICE, pa.float64()),
        (C.SALES_CHANNEL_ID, pa.int8()),  # 1 or 2
        (C.QUANTITY, pa.int32()),
    ]
)
REJECTED = pa.schema([("reason", pa.string()), (C.FILE, pa.string()), (C.LINE, pa.string())])

#: Customer segments, by age in years, half-open; `unknown` where the age is missing.
AGE_BANDS: tuple[str, ...] = (
    "16-19",
    "20-24",
    "25-29",
    "30-39",
    "40-49",
    "50-59",
    "60+",
    "unknown",
)
AGE_BAND_STARTS: tuple[int, ...] = (0, 20, 25, 30, 40, 50, 60)
#: The segment of every customer together, in popularity tables.
EVERYONE = "all"

#: One row for each customer of cleaned.customers, bought or not. All as of the cutoff.
FEATURES_CUSTOMERS = pa.schema(
    [
        (C.CUSTOMER_KEY, pa.int32()),
        ("transactions", pa.int32()),  # pieces bought
        ("purchase_days", pa.int32()),  # distinct days with a purchase
        ("distinct_articles", pa.int32()),
        ("mean_price", pa.float32()),  # null: never bought
        ("purchase_frequency", pa.float32()),  # purchase days a week since the first; null: never
        ("recency_days", pa.int32()),  # days since the last purchase, >= 1; null: never
        ("tenure_days", pa.int32()),  # days since the first purchase; null: never
        ("purchases_1d", pa.int32()),  # pieces in the last day
        ("purchases_3d", pa.int32()),
        ("purchases_7d", pa.int32()),
        ("purchases_14d", pa.int32()),
        ("purchases_30d", pa.int32()),
        ("channel_2_share", pa.float32()),  # of pieces; null: never bought
        ("distinct_product_groups", pa.int32()),
        (C.AGE, pa.float32()),  # null: unknown
        (C.AGE_BAND, pa.string()),
        ("club_member_status", pa.string()),
        ("fashion_news_frequency", pa.string()),
        ("fn", pa.bool_()),
        ("active", pa.bool_()),
        # The latest distinct articles, latest first (ties: higher key first), at most
        # features.history_length: their keys, days since their last purchase, pieces ever bought,
        # mean price paid.
        ("recent_articles", pa.list_(pa.int32())),
        ("recent_days", pa.list_(pa.int32())),
        ("recent_quantities", pa.list_(pa.int32())),
        ("recent_prices", pa.list_(pa.float32())),
    ]
)
#: One row for each article of cleaned.articles, sold or not. All as of the cutoff.
FEATURES_ARTICLES = pa.schema(
    [
        (C.ARTICLE_KEY, pa.int32()),
        ("product_group_name", pa.string()),
        ("sales", pa.int32()),  # pieces
        ("spend", pa.int64()),  # of all pieces, in billionths of the price's unit
        ("customers", pa.int32()),  # distinct
        ("repeat_customers", pa.int32()),  # who bought it on 2+ days
        ("customers_with_age", pa.int32()),
        ("age_sum", pa.int64()),  # of these, in years
        ("sales_1d", pa.int32()),
        ("sales_3d", pa.int32()),
        ("sales_7d", pa.int32()),
        ("sales_14d", pa.int32()),
        ("sales_30d", pa.int32()),
        ("trend", pa.float32()),  # log((sales_7d + 1) / (sales_30d * 7 / 30 + 1))
        ("rank_7d", pa.int32()),  # by sales_7d, from 1, ties by key; null: not sold in 7 days
        ("band_ranks_7d", pa.list_(pa.int32())),  # the same within each of AGE_BANDS
        ("mean_price", pa.float32()),  # null: never sold
        ("mean_price_7d", pa.float32()),  # null: not sold in 7 days
        ("discount_7d", pa.float32()),  # 1 - mean_price_7d / mean_price; null: not sold in 7 days
        ("days_on_sale", pa.int32()),  # days since the first sale; null: never sold
        ("days_since_sale", pa.int32()),  # days since the last sale; null: never sold
        ("mean_customer_age", pa.float32()),  # null: never sold, or no known age
        ("repurchase_rate", pa.float32()),  # share of its customers who bought it on 2+ days
        ("is_on_sale", pa.bool_()),  # sold in the last features.on_sale_days
    ]
)
#: The best sellers of each segment (AGE_BANDS and EVERYONE), rank from 1, ties by article key.
FEATURES_POPULARITY = pa.schema(
    [
        (C.AGE_BAND, pa.string()),
        (C.RANK, pa.int32()),
        (C.ARTICLE_KEY, pa.int32()),
        (C.SCORE, pa.float64()),  # distinct customers in the window
    ]
)
#: Articles bought by the same customers, rank from 1 within `article_key`, ties by other key.
FEATURES_COPURCHASES = pa.schema(
    [
        (C.ARTICLE_KEY, pa.int32()),
        (C.RANK, pa.int32()),
        ("other_article_key", pa.int32()),
        (C.SCORE, pa.float32()),  # cosine: customers of both / sqrt(customers of each multiplied)
    ]
)

PARTS: tuple[str, ...] = ("train", "validation", "test")
#: The split: one row for each feature snapshot that examples are drawn from.
EXAMPLES_SPLIT = pa.schema(
    [
        (C.PART, pa.string()),  # one of PARTS
        (C.CUTOFF, pa.date32()),  # features are as of this day
        ("label_end", pa.date32()),  # labels are purchases in [cutoff, label_end)
    ]
)
#: Training pairs; a positive's negatives share its `positive_id`.
EXAMPLES_PAIRS = pa.schema(
    [
        (C.PART, pa.string()),
        (C.CUTOFF, pa.date32()),
        ("positive_id", pa.int64()),
        (C.CUSTOMER_KEY, pa.int32()),
        (C.ARTICLE_KEY, pa.int32()),
        (C.LABEL, pa.int8()),  # 1 bought, 0 sampled
        (C.T_DAT, pa.date32()),  # the positive's day, also for its negatives
    ]
)

#: Candidate sources; a candidate's `sources` is the sum of its sources' bits.
SOURCES: dict[str, int] = {
    "towers": 1, "popular": 2, "copurchased": 4, "same_product": 8, "past_purchase": 16,
    "taste": 32,
}  # fmt: skip
CANDIDATES = pa.schema(
    [
        (C.CUSTOMER_KEY, pa.int32()),
        (C.ARTICLE_KEY, pa.int32()),
        (C.SCORE, pa.float32()),  # the towers' dot product
        ("copurchase_score", pa.float32()),  # what the customer's purchases say of the article
        ("sources", pa.int32()),
    ]
)
#: Which articles speak for which, see `recsys.inference.ease`: what a customer's purchases add up.
EASE = pa.schema(
    [
        (C.ARTICLE_KEY, pa.int32()),
        ("other_article_key", pa.int32()),  # the one it speaks for
        (C.SCORE, pa.float32()),
    ]
)
RECOMMENDATIONS = pa.schema(
    [
        (C.CUSTOMER_KEY, pa.int32()),
        (C.RANK, pa.int16()),  # from 1
        (C.ARTICLE_KEY, pa.int32()),
        (C.SCORE, pa.float32()),  # never rises with rank
        (C.REASON, pa.string()),  # {article} and {days} in it stand for the cause
        (C.CAUSE, pa.int32()),  # an article's key, or days; 0: the reason is all there is
    ]
)
#: The articles that the filter lets through, one row each.
OFFERED = pa.schema([(C.ARTICLE_KEY, pa.int32())])
SIMILAR_ARTICLES = pa.schema(
    [
        (C.ARTICLE_KEY, pa.int32()),
        (C.RANK, pa.int16()),
        ("similar_article_key", pa.int32()),
        (C.SCORE, pa.float32()),  # in [-1, 1], see recsys.inference.similar
    ]
)
#: One row for each check between layers. `check` names its limits in the configuration.
CHECKS = pa.schema(
    [
        ("dataset", pa.string()),  # or a raw file
        ("check", pa.string()),
        ("column", pa.string()),  # null: of the whole table
        ("status", pa.string()),  # ok, warning or breach
        ("value", pa.float64()),  # null: there was nothing to judge
        ("lower", pa.float64()),  # the nearest bounds; null: none
        ("upper", pa.float64()),
        ("message", pa.string()),
        # Of a feature, for the next night: counts of the bins that edges or categories make.
        ("edges", pa.list_(pa.float64())),
        ("categories", pa.list_(pa.string())),
        ("counts", pa.list_(pa.int64())),
    ]
)


def check_schema(found: pa.Schema, expected: pa.Schema, *, name: str) -> None:
    """Raise DataError listing every column that is missing, unknown or of another type."""
    faults = []
    for field in expected:
        index = found.get_field_index(field.name)
        if index < 0:
            faults.append(f"{name}: column {field.name} is missing")
        elif found.field(index).type != field.type:
            faults.append(f"{name}: {field.name} is {found.field(index).type}, not {field.type}")
    faults += [f"{name}: column {n} is not known" for n in found.names if n not in expected.names]
    if faults:
        raise DataError(faults)
