import io

import psycopg2
import pytest
from rich.console import Console

from stack.api import StackError
from stack.postgres import Postgres
from stack.recommendations import read_sample, recommendation_table

#: What the public views offer, as far as the sample reads them.
OBJECTS = """
create schema recs;
create table recs.customers (customer_id text);
create table recs.articles (article_id text, prod_name text, product_type_name text,
    colour_group_name text, mean_price real);
create table recs.recommendations (customer_id text, rank int, article_id text, score real,
    reason text);
"""

ROWS = """
insert into recs.customers values ('c'), ('b'), ('a'), ('0');
insert into recs.articles values ('0108775015', 'Strap top', 'Vest top', 'Black', 0.0254),
    ('0108775044', 'Strap top', 'Vest top', 'White', null);
insert into recs.recommendations values ('a', 2, '0108775044', 0.5, 'popular'),
    ('a', 1, '0108775015', 0.75, 'towers'), ('b', 1, '0108775044', 0.9, 'popular'),
    ('c', 1, '0108775044', 0.9, 'popular'), ('c', 2, '0108775015', 0.9, 'towers');
"""


@pytest.fixture
def url(server: Postgres) -> str:
    execute(server.url(), OBJECTS)
    return server.url()


def execute(url: str, statements: str) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(statements)
    connection.close()


@pytest.mark.postgres
def test_reads_a_customer_whose_list_has_most_to_say_by_rank(url: str) -> None:
    execute(url, ROWS)
    assert read_sample(url) == (
        "a",
        [
            (
                1,
                "0108775015",
                "Strap top",
                "Vest top",
                "Black",
                pytest.approx(0.0254),
                0.75,
                "towers",
            ),
            (2, "0108775044", "Strap top", "Vest top", "White", None, 0.5, "popular"),
        ],
    )


@pytest.mark.postgres
def test_says_when_nothing_is_published(url: str) -> None:
    with pytest.raises(StackError, match="the database holds no active run"):
        read_sample(url)


def test_shows_them_as_a_table() -> None:
    output = io.StringIO()
    rows = [(1, "0108775015", "Strap top", "Vest top", "Black", 0.0254, 0.75, "towers"),
            (2, "0108775044", "Strap top", "Vest top", "White", None, 0.5, "popular")]  # fmt: skip
    Console(file=output, width=120).print(recommendation_table("0123456789abcdef0123", rows))
    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    assert lines[0] == "2 recommendations for customer 0123456789abcdef..."
    assert lines[2].split() == ["1", "0108775015", "Strap", "top", "Vest", "top", "Black", "0.0254",
                                "0.750", "towers"]  # fmt: skip
    assert lines[3].split()[-3:] == ["White", "0.500", "popular"]


def test_a_narrow_terminal_shortens_words_and_no_article() -> None:
    output = io.StringIO()
    rows = [(12, "0108775015", "Strap top " * 9, "Vest top", "Black", 0.0254, 0.75, "towers " * 9)]
    Console(file=output, width=80).print(recommendation_table("0123456789abcdef0123", rows))
    assert len(output.getvalue().splitlines()) == 3
    line = output.getvalue().splitlines()[2].split()
    assert line[:2] == ["12", "0108775015"]
    assert "0.0254" in line
    assert "0.750" in line
