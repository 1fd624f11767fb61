from datetime import date

import pytest

from recsys.errors import ConfigError
from recsys.simulate.plan import Request


def test_the_defaults_are_the_demo_on_the_real_days():
    request = Request()
    assert request.first_date == date(2018, 9, 20)
    assert request.weeks == 105
    assert request.as_json() == {
        "customers": 2000,
        "articles": 1200,
        "transactions": 60000,
        "images": 120,
        "seed": 20200923,
        "end_date": "2020-09-22",
        "days": 734,
        "format": 1,
    }


def test_every_bad_size_is_named_at_once():
    with pytest.raises(ConfigError) as error:
        Request(customers=0, articles=-5, transactions=0, images=-1, seed=-2, days=3)
    assert str(error.value) == (
        "customers must be from 1 to 10,000,000. Got 0;"
        " articles must be from 1 to 850,686. Got -5;"
        " transactions must be from 1 to 500,000,000. Got 0;"
        " images must be from 0 to articles (-5). Got -1;"
        " seed must be from 0 to 2**63 - 1. Got -2;"
        " days must be from 7 to 3,660. Got 3"
    )


def test_there_are_no_more_images_than_articles():
    with pytest.raises(ConfigError, match=r"images must be from 0 to articles \(10\). Got 11"):
        Request(articles=10, images=11)


def test_streams_differ_from_each_other_and_between_seeds():
    draws = {
        (seed, stream): Request(seed=seed).random(stream).integers(2**60)
        for seed in (1, 2)
        for stream in ("week 1", "week 2")
    }
    assert len(set(draws.values())) == 4
    assert draws[1, "week 1"] == Request(seed=1).random("week 1").integers(2**60)
