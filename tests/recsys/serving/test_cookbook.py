"""Every example of docs/sql.md, run as the page says, on two published runs."""

import re

import psycopg2
import pytest

from recsys.config import REPOSITORY
from recsys.serving import versions
from recsys.serving.versions import ModelVersion

pytestmark = pytest.mark.postgres

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
PAGE = (REPOSITORY / "docs" / "sql.md").read_text(encoding="utf-8")
EXAMPLES = [
    (section.splitlines()[0], block)
    for section in PAGE.split("\n## ")[1:]
    for block in re.findall(r"```sql\n(.*?)```", section, flags=re.DOTALL)
]
#: What each example gives, in the page's order; None where it is checked elsewhere.
EXPECTED = [
    (
        "One customer",
        [
            (1, "0108775002", "Strap top", "Black", 0.025, 0.9, "picked for you"),
            (2, "0108775003", 'Trousers, "wide"', "Black", 0.05, 0.5, "popular now"),
            (3, "0108775004", "Blå kjole", "Black", None, 0.25, "popular now"),
        ],
    ),
    (
        "A customer, known or not",
        [
            (1, "0108775002", "picked for you"),
            (2, "0108775003", "popular now"),
            (3, "0108775004", "popular now"),
        ],
    ),
    (
        "A customer, known or not",
        [(1, "0108775007", "popular now"), (2, "0108775002", "popular now")],
    ),
    ("A customer, known or not", [(1, "0108775003", "popular now")]),
    ("A customer, known or not", [("20-24", 1), ("all", 2)]),
    (
        "All customers of a segment",
        [
            (A, 1, "0108775002"),
            (A, 2, "0108775003"),
            (A, 3, "0108775004"),
            (B, 1, "0108775003"),
            (B, 2, "0108775004"),
            (B, 3, "0108775005"),
        ],
    ),
    ("Who should see an article", [(A, 1), (D, 3)]),
    (
        "Similar articles",
        [(1, "0108775003", 'Trousers, "wide"', 0.75), (2, "0108775004", "Blå kjole", 0.5)],
    ),
    ("What is popular", [(1, "Scarf", 40.0), (2, "Strap top", 30.0)]),
    (
        "How recommendations are spread",
        [
            ("0108775003", 3, 75),
            ("0108775004", 3, 75),
            ("0108775002", 2, 50),
            ("0108775005", 2, 50),
            ("0108775006", 1, 25),
            ("0108775007", 1, 25),
        ],
    ),
    ("Export", None),
    ("Is it fresh?", None),
    ("Is it fresh?", [("ok: run 2 of 2020-09-22",)]),
    (
        "Runs, yesterday and today",
        [
            (2, "active", "2020-09-22", "model-1", "all", 3, 4, 12, None),
            (1, "superseded", "2020-09-21", "model-1", "all", 3, 4, 12, None),
        ],
    ),
    ("Runs, yesterday and today", [("2020-09-22", "2020-09-21", True, False, 0)]),
    ("Policies, and whether they are kept", [(2, "all", {}, 2, None, 0.25, 9)]),
    ("Policies, and whether they are kept", [(4,)]),
    ("Policies, and whether they are kept", [(2,)]),
    ("Models", None),
    ("Roll back", [(1,)]),
    ("Roll back", [(2,)]),
    ("Roll back", [("model-1",)]),
]


@pytest.fixture
def ask(publish_day, query, database):
    """Publish two days, register a model, and run examples as psql would."""
    publish_day("2020-09-21", lists={2: [7, 4, 2], 3: [7, 6, 5], 4: [2, 3, 4], 5: [2, 3, 6]})
    policies = {"articles": {}, "max_per_product": 2, "new_share": 0.25, "new_days": 9}
    publish_day("2020-09-22", policies=policies)
    model = ModelVersion("shop-1", "model-1", {}, {}, "d" * 64, "2020-09-22 10:00:00+00")
    versions.register(database, model)

    def run(section, block):
        for name, value in (("customer", A), ("article", "0108775002")):
            block = block.replace(f":'{name}'", f"'{value}'")
        role = "recs_loader" if section == "Roll back" else "recs_reader"
        rows = query("SET datestyle = iso; " + block, role=role)
        return [tuple(_plain(value) for value in row) for row in rows]

    return run


def _plain(value):
    return str(value) if type(value).__name__ == "date" else value


def test_every_example_gives_what_it_should(ask):
    assert [section for section, _ in EXAMPLES] == [section for section, _ in EXPECTED]
    for (section, block), (_, expected) in zip(EXAMPLES, EXPECTED, strict=True):
        if section == "Export":
            continue
        rows = ask(section, block)
        assert rows, block
        if expected is not None:
            assert rows == expected, block


def test_export_by_copy_writes_what_it_says(ask, database, tmp_path):
    (block,) = (block for section, block in EXAMPLES if section == "Export")
    out = tmp_path / "out.csv"
    with psycopg2.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET ROLE recs_reader")
        with out.open("w") as file:
            cursor.copy_expert(block, file)
    lines = out.read_text().splitlines()
    assert lines[:2] == ["customer_id,rank,article_id,score", f"{A},1,0108775002,0.9"]
    assert len(lines) == 13


def test_the_alert_says_that_a_run_is_late_and_that_there_is_none(ask, query):
    _, alert = (block for section, block in EXAMPLES if section == "Is it fresh?")
    late = "UPDATE recs_data.runs SET confirmed_at = '2020-09-22 04:00+00' WHERE state = 'active'"
    query(late, role="recs_owner")
    assert ask("", "SET timezone = 'UTC'; " + alert) == [
        ("late: run 2 of 2020-09-22 was last confirmed at 2020-09-22 04:00:00+00",)
    ]
    query("UPDATE recs_data.runs SET state = 'superseded'", role="recs_owner")
    assert ask("", alert) == [("late: nothing is published",)]
