"""Publishing on a real server: exact rows, the switch, what is refused and what is cleaned up."""

import pytest

pytestmark = pytest.mark.postgres

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def test_a_published_run_reads_back_exactly(publish_day, query):
    outcome = publish_day()
    assert (outcome.active, outcome.changed) == (True, True)
    rows = query("SELECT * FROM recs.recommendations ORDER BY customer_id, rank")
    assert len(rows) == 12
    assert [(c[0], r, a, s, why) for c, r, a, s, why, _, _ in rows] == [
        ("a", 1, "0108775002", 0.9, "picked for you"),
    ]
