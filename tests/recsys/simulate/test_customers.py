import pytest


def test_ids_are_unique_hex_and_sorted(simulated):
    ids = simulated.customers.customer_id
    assert ids.str.fullmatch("[0-9a-f]{64}").all()
    assert ids.is_unique
    assert ids.is_monotonic_increasing


def test_missing_values_are_as_common_as_the_real_ones(simulated):
    missing = simulated.customers.isna().mean()
    assert missing["FN"] == pytest.approx(0.65, abs=0.03)
    assert missing["Active"] == pytest.approx(0.66, abs=0.03)
    assert missing.club_member_status == pytest.approx(0.0044, abs=0.004)
    assert missing.fashion_news_frequency == pytest.approx(0.0117, abs=0.006)
    assert missing.age == pytest.approx(0.0116, abs=0.006)
    assert missing.customer_id == missing.postal_code == 0


def test_values_are_from_the_real_sets(simulated):
    customers = simulated.customers
    assert set(customers.FN.dropna()) == set(customers.Active.dropna()) == {1.0}
    assert set(customers.club_member_status.dropna()) <= {"ACTIVE", "PRE-CREATE", "LEFT CLUB"}
    assert set(customers.fashion_news_frequency.dropna()) <= {"NONE", "Regularly", "Monthly"}
    shares = customers.club_member_status.value_counts(normalize=True)
    assert shares["ACTIVE"] == pytest.approx(0.93, abs=0.02)


def test_active_implies_fn_and_fn_goes_with_regular_news(simulated):
    customers = simulated.customers
    assert customers.FN[customers.Active.notna()].notna().all()
    readers = customers.fashion_news_frequency[customers.FN.notna()]
    assert (readers == "Regularly").mean() > 0.95


def test_ages_have_two_humps(simulated):
    age = simulated.customers.age.dropna()
    assert age.between(16, 99).all()
    assert age.mean() == pytest.approx(36, abs=1.5)
    young, trough, second = (
        age.between(*years).sum() / (years[1] - years[0] + 1)
        for years in ((20, 26), (36, 43), (46, 54))
    )
    assert young > second > 2.5 * trough


def test_one_postal_code_stands_out(simulated):
    shares = simulated.customers.postal_code.value_counts(normalize=True)
    assert shares.iloc[0] == pytest.approx(0.085, abs=0.015)
    assert shares.iloc[1] < 0.01
