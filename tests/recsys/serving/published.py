"""What the small lake of these tests reads back as once it is published."""

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
LISTS_SQL = (
    "SELECT customer_id, string_agg(right(article_id, 1), '' ORDER BY rank)"
    " FROM recs.recommendations GROUP BY customer_id ORDER BY customer_id"
)
STATES_SQL = "SELECT run_id, state FROM recs.runs ORDER BY run_id"
PARTITIONS_SQL = (
    "SELECT relname FROM pg_class WHERE relname ~ '^(lists|articles|popular)_[0-9]+$'"
    " AND relkind = 'r' ORDER BY relname"
)
FIRST = [(A, "234"), (B, "345"), (C, "765"), (D, "432")]
OTHER_LISTS = {2: [7, 4, 2], 3: [7, 6, 5], 4: [2, 3, 4], 5: [2, 3, 6]}
SECOND = [(A, "742"), (B, "765"), (C, "234"), (D, "236")]
