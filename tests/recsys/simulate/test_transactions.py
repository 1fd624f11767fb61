from datetime import date

import numpy as np
import pandas as pd
import pytest

from recsys.simulate.customers import build_customers
from recsys.simulate.plan import Request
from recsys.simulate.transactions import draw_visits, seasonal_phase, seasonality


def test_rows_are_sorted_by_day_and_within_the_days(simulated):
    days = simulated.transactions.t_dat
    assert days.is_monotonic_increasing
    assert days.min() == "2018-09-20"
    assert days.max() == "2020-09-22"
    assert days.nunique() == 734


def test_every_id_is_in_the_other_files(simulated):
    rows = simulated.transactions
    assert rows.article_id.isin(simulated.articles.article_id).all()
    assert rows.customer_id.isin(simulated.customers.customer_id).all()
    share = rows.customer_id.nunique() / len(simulated.customers)
    assert share == pytest.approx(0.993, abs=0.005)


def test_channels_prices_and_quantities_are_as_the_real_ones(simulated):
    rows = simulated.transactions
    assert set(rows.sales_channel_id) == {1, 2}
    assert (rows.sales_channel_id == 2).mean() == pytest.approx(0.71, abs=0.03)
    assert rows.duplicated().mean() == pytest.approx(0.094, abs=0.025)
    assert rows.price.mean() == pytest.approx(0.0278, abs=0.003)
    modes = set(rows.price.round(6).value_counts().index[:5])
    assert modes == {0.033881, 0.025407, 0.016932, 0.050831, 0.013542}
    median = rows.groupby("sales_channel_id").price.median()
    assert median[1] <= median[2]


def test_baskets_and_customers_are_as_skewed_as_the_real_ones(simulated):
    rows = simulated.transactions
    baskets = rows.groupby(["customer_id", "t_dat"]).size()
    assert baskets.median() == 2
    assert baskets.mean() == pytest.approx(3.5, abs=0.3)
    assert baskets.quantile(0.9) == pytest.approx(8, abs=1)
    customers = rows.customer_id.value_counts()
    assert customers.median() == pytest.approx(9, abs=2)
    assert customers.head(len(customers) // 10).sum() / len(rows) == pytest.approx(0.49, abs=0.06)
    days = baskets.groupby("customer_id").size()
    assert (days == 1).mean() == pytest.approx(1 / 3, abs=0.05)


def test_may_to_july_sells_more_than_winter(simulated):
    month = simulated.transactions.t_dat.str[5:7]
    summer = month.isin(["05", "06", "07"]).sum()
    winter = month.isin(["12", "01", "02"]).sum()
    assert summer / winter == pytest.approx(1.5, abs=0.2)


def test_customers_come_back_for_articles_and_products(simulated):
    rows = simulated.transactions.merge(
        simulated.articles[["article_id", "product_code"]], on="article_id"
    )
    before = {
        key: (rows.groupby(["customer_id", key]).t_dat.transform("min") < rows.t_dat).mean()
        for key in ("article_id", "product_code")
    }
    # A small catalogue is bought through more often than the real one (3.4 % and 8.2 %).
    assert 0.02 < before["article_id"] < 0.07
    assert 0.05 < before["product_code"] < 0.13


def test_a_few_articles_sell_most(simulated):
    last = simulated.transactions[simulated.transactions.t_dat > "2020-09-15"]
    counts = last.article_id.value_counts()
    top = round(len(simulated.articles) * 1000 / 105_542)
    assert counts.head(top).sum() / len(last) > 0.2


@pytest.mark.parametrize("column", ["section_no", "perceived_colour_master_id", "index_group_no"])
def test_tastes_show_in_what_a_customer_buys(simulated, column):
    """A later purchase is of the favourite kind of the earlier ones more often than another's."""
    rows = simulated.transactions.drop_duplicates(["customer_id", "article_id"]).merge(
        simulated.articles[["article_id", column]], on="article_id"
    )
    earlier, later = rows[rows.t_dat < "2020-03-01"], rows[rows.t_dat >= "2020-03-01"]
    favourite = earlier.groupby("customer_id")[column].agg(lambda kinds: kinds.mode().iloc[0])
    known = later[later.customer_id.isin(favourite.index)]
    own = favourite.loc[known.customer_id].to_numpy()
    others = np.random.default_rng(1).permutation(own)
    bought = known[column].to_numpy()
    assert (bought == own).mean() > 1.15 * (bought == others).mean()


def test_articles_of_one_basket_go_together(simulated):
    rows = simulated.transactions.drop_duplicates(["t_dat", "customer_id", "article_id"])
    pairs = pd.merge(rows, rows, on=["t_dat", "customer_id"])
    pairs = pairs[pairs.article_id_x < pairs.article_id_y]
    pairs = pairs[pairs.article_id_x.str[:7] != pairs.article_id_y.str[:7]]
    counts = pairs.groupby(["article_id_x", "article_id_y"]).size()
    shuffled = pairs.assign(
        article_id_y=np.random.default_rng(1).permutation(pairs.article_id_y.to_numpy())
    )
    by_chance = shuffled.groupby(["article_id_x", "article_id_y"]).size()
    assert (counts >= 3).sum() > 2 * (by_chance >= 3).sum()


def test_visits_sum_to_the_transactions():
    request = Request(customers=300, articles=100, transactions=4321, images=0, seed=5)
    visits = draw_visits(request, build_customers(request))
    assert visits.rows.sum() == 4321
    assert visits.rows.min() == 1
    assert (np.diff(visits.day) >= 0).all()
    assert visits.day.max() < 734


def test_more_customers_than_transactions_leave_some_without():
    request = Request(customers=300, articles=10, transactions=40, images=0, seed=5)
    visits = draw_visits(request, build_customers(request))
    assert visits.rows.tolist() == [1] * 40
    assert len(set(visits.customer.tolist())) == 40


def test_the_season_turns_in_january_and_july():
    request = Request(end_date=date(2020, 12, 30), days=365)
    assert seasonal_phase(request, 28) == pytest.approx(1.0, abs=0.01)
    assert seasonal_phase(request, 2) == pytest.approx(-1.0, abs=0.01)
    traffic = seasonality(request)
    assert traffic.max() / traffic.min() == pytest.approx(1.55, abs=0.07)
