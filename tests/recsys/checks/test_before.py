"""What tonight is compared with."""

from datetime import date

from tests.recsys.checks.conftest import RUN_DATE, Tables

from recsys.checks.before import find_before, load_before
from recsys.checks.result import Check, Histogram, Status, count_by_status, to_table
from recsys.paths import Partition
from recsys.storage import Lake

RESULTS = "checks.features"


def commit(lake: Lake, day: str, *statuses: Status) -> Partition:
    checks = [
        Check("features.articles", "null_share", "sales", status, 0.25, None, None, "")
        for status in statuses
    ]
    histogram = Histogram((1, 2), edges=())
    checks.append(
        Check("features.articles", "drift.psi", "sales", Status.OK, None, None, None, "", histogram)
    )
    with lake.write(Partition(RESULTS, day), fingerprint=day) as draft:
        lake.put_table(draft, to_table(checks))
        draft.counts = count_by_status(checks)
    return Partition(RESULTS, day)


def test_the_latest_earlier_check_without_a_breach(lake: Lake) -> None:
    assert find_before(lake, RESULTS, run_date=RUN_DATE) is None
    commit(lake, "2020-09-19", Status.OK)
    second = commit(lake, "2020-09-20", Status.WARNING)
    commit(lake, "2020-09-21", Status.BREACH, Status.OK)
    commit(lake, "2020-09-23", Status.OK)
    commit(lake, "2020-09-24", Status.OK)
    assert find_before(lake, RESULTS, run_date=RUN_DATE) == second
    assert find_before(lake, RESULTS, run_date=date(2020, 9, 19)) is None


def test_it_knows_shares_histograms_and_what_the_manifests_say(lake: Lake, tables: Tables) -> None:
    partition = commit(lake, "2020-09-20", Status.OK)
    name = "features.articles"
    with lake.write(Partition(name, "2020-09-20"), fingerprint="f") as draft:
        lake.put_table(draft, tables[name])
    before = load_before(lake, partition, (name, "features.customers"))
    assert before.null_shares == {(name, "sales"): 0.25}
    assert before.histograms == {(name, "sales"): Histogram((1, 2), edges=())}
    assert before.rows(name) == 30
    columns = before.columns(name)
    assert columns is not None and columns["sales"] == "int32"
    assert (before.rows("features.customers"), before.columns("features.customers")) == (None, None)


def test_the_first_night_knows_nothing(lake: Lake) -> None:
    before = load_before(lake, None, ("features.articles",))
    assert (before.null_shares, before.histograms, before.rows("features.articles")) == (
        {},
        {},
        None,
    )
