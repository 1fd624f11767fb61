import numpy as np
import pytest

from recsys.simulate.catalogue import build_catalogue
from recsys.simulate.plan import Request

CODES = [
    ("product_type_no", "product_type_name"),
    ("graphical_appearance_no", "graphical_appearance_name"),
    ("colour_group_code", "colour_group_name"),
    ("perceived_colour_value_id", "perceived_colour_value_name"),
    ("perceived_colour_master_id", "perceived_colour_master_name"),
    ("department_no", "department_name"),
    ("index_code", "index_name"),
    ("index_group_no", "index_group_name"),
    ("section_no", "section_name"),
    ("garment_group_no", "garment_group_name"),
]


def test_an_article_id_is_its_product_code_and_a_colour(simulated):
    articles = simulated.articles
    assert articles.article_id.str.fullmatch(r"0\d{9}").all()
    assert articles.article_id.is_unique
    assert articles.article_id.is_monotonic_increasing
    assert (articles.article_id.str[:7] == articles.product_code).all()
    assert articles.product_code.nunique() / len(articles) == pytest.approx(0.447, abs=0.02)


@pytest.mark.parametrize(("code", "name"), CODES)
def test_one_code_has_one_name(simulated, code, name):
    pairs = simulated.articles[[code, name]].drop_duplicates()
    assert pairs[code].is_unique
    assert pairs.groupby(code)[name].nunique().max() == 1


def test_the_words_and_codes_are_h_and_ms(simulated):
    rows = set(
        simulated.articles[["product_type_no", "product_type_name", "product_group_name"]]
        .itertuples(index=False, name=None)
    )  # fmt: skip
    assert {
        (272, "Trousers", "Garment Lower body"),
        (265, "Dress", "Garment Full body"),
        (252, "Sweater", "Garment Upper body"),
        (306, "Bra", "Underwear"),
        (94, "Sneakers", "Shoes"),
    } <= rows
    assert set(simulated.articles.index_group_name) == {
        "Ladieswear", "Divided", "Menswear", "Baby/Children", "Sport",
    }  # fmt: skip
    assert {"09", "73", "10"} <= set(simulated.articles.colour_group_code)


def test_colours_and_patterns_are_as_common_as_in_the_shop(simulated):
    articles = simulated.articles
    assert (articles.colour_group_name == "Black").mean() == pytest.approx(0.23, abs=0.03)
    assert (articles.graphical_appearance_name == "Solid").mean() == pytest.approx(0.49, abs=0.05)


def test_minus_one_is_a_code_that_is_unknown():
    catalogue = build_catalogue(Request(articles=105_542, images=0, seed=3))
    assert (catalogue.type == -1).sum() == pytest.approx(121, abs=40)
    assert catalogue.is_master_unknown.sum() == pytest.approx(685, abs=90)


def test_descriptions_are_messy_as_the_real_ones_are(simulated):
    text = simulated.articles.detail_desc
    assert text.str.contains(",").mean() == pytest.approx(0.71, abs=0.06)
    assert text.isna().mean() == pytest.approx(0.004, abs=0.004)
    assert text.str.contains('"').any()
    assert text.str.contains(r"[^\x00-\x7f]").any()


def test_demand_is_zero_outside_an_articles_life_and_fades_within():
    catalogue = build_catalogue(Request(articles=500, images=0, seed=3))
    demand = np.array([catalogue.demand(week, 0.0) for week in range(-40, 300)])
    weeks = np.arange(-40, 300)[:, None]
    is_alive = (weeks >= catalogue.launch_week) & (weeks < catalogue.end_week)
    assert ((demand > 0) == is_alive).all()
    both = is_alive[1:] & is_alive[:-1]
    assert (demand[1:][both] <= demand[:-1][both]).all()


def test_shorts_sell_in_summer_and_coats_in_winter():
    catalogue = build_catalogue(Request(articles=2000, images=0, seed=3))
    ratio = catalogue.demand(50, 1.0) / np.maximum(catalogue.demand(50, -1.0), 1e-12)
    alive = catalogue.demand(50, 0.0) > 0
    assert (ratio[alive & (catalogue.season == 0.9)] > 10).all()
    assert (ratio[alive & (catalogue.season == -0.9)] < 0.1).all()


def test_new_articles_come_every_week():
    catalogue = build_catalogue(Request(articles=10_554, images=0, seed=3))
    new = np.bincount(catalogue.launch_week[catalogue.launch_week >= 0], minlength=105)
    assert (new[1:104] > 0).all()
    # A tenth of the real catalogue: 400 to 1,000 a week.
    assert 40 < np.median(new) < 100
