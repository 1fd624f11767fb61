"""Each policy, kept and broken, as its gate sees it in the database."""

import pytest

from recsys.errors import DataError
from recsys.serving.check import check

pytestmark = pytest.mark.postgres

#: customer 2: 2, 3, 4; customer 3: 3, 4, 5; customer 4: 7, 6, 5; customer 5: 4, 3, 2. All are of
#: product 0108775; 2 costs 0.025 and 3 0.05, 2 has been on sale for 9 days and 3 for 99.


@pytest.fixture
def faults(database, fill_lake, publish_day, tmp_path):
    """Publish lists that were made under policies, as it is said; return what the check finds."""

    def find(policies, **changes):
        publish_day(policies=policies, **changes)
        try:
            check(database, fill_lake(), run_date="2020-09-22", source="shop-1", data=str(tmp_path))
        except DataError as error:
            return [fault.removeprefix("published run 1: ") for fault in error.faults]
        return []

    return find


def test_policies_that_are_off_have_no_gate(faults):
    assert faults({"articles": {}, "max_per_product": None, "new_share": 0.0}) == []


@pytest.mark.parametrize(
    ("policies", "fault"),
    [
        ({"articles": {"product_types": ["Top"]}}, None),
        (
            {"articles": {"product_types": ["Hat", "Socks"]}},
            "12 rows are of other product_types than the policy's",
        ),
        ({"articles": {"without_product_types": ["Hat"]}}, None),
        (
            {"articles": {"without_product_types": ["Top"]}},
            "12 rows are of product_types that are left out",
        ),
        # No article has a department here: none is of those wanted, none of those left out.
        (
            {"articles": {"departments": ["Kids"]}},
            "12 rows are of other departments than the policy's",
        ),
        ({"articles": {"without_departments": ["Kids"]}}, None),
        ({"max_per_product": 3}, None),
        ({"max_per_product": 2}, "4 times a customer gets more than 2 of one product_code"),
        ({"max_per_type": 3}, None),
        ({"max_per_type": 1}, "4 times a customer gets more than 1 of one product_type_name"),
        # One of three is new after 9 days for two customers, and for the others none.
        ({"new_share": 0.3, "new_days": 9}, "2 customers get less than 1 new articles"),
        ({"new_share": 0.3, "new_days": 8}, "4 customers get less than 1 new articles"),
        ({"new_share": 0.5, "new_days": 99}, "2 customers get less than 2 new articles"),
    ],
)
def test_each_policy_kept_and_broken(faults, policies, fault):
    assert faults(policies) == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("band", "rows"),
    [
        # Of the 12 rows 2 are of article 2, 3 of article 3; the others have no price.
        ({"min_price": 0.025}, 7),
        ({"min_price": 0.0251}, 9),
        ({"max_price": 0.05}, 7),
        ({"max_price": 0.0499}, 10),
    ],
)
def test_the_ends_of_a_price_band_are_inside(faults, band, rows):
    ((name, value),) = band.items()
    assert faults({"articles": band}) == [f"{rows} rows do not keep {name} {value:g}"]


def test_what_is_out_of_stock_by_now(faults, tmp_path):
    (tmp_path / "gone.csv").write_text("article_id\n0108775007\n0108775005\n")
    assert faults({"articles": {"out_of_stock": "gone.csv"}}) == ["3 rows are out of stock"]


def test_what_many_policies_find_is_told_apart(faults):
    articles = {"without_product_types": ["Top"], "departments": ["Kids"], "max_price": 0.0499}
    found = faults({"articles": articles, "max_per_type": 1, "new_share": 0.3, "new_days": 9})
    assert found == [
        "12 rows are of product_types that are left out",
        "12 rows are of other departments than the policy's",
        "10 rows do not keep max_price 0.0499",
        "4 times a customer gets more than 1 of one product_type_name",
        "2 customers get less than 1 new articles",
    ]
