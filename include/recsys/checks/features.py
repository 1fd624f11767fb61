"""What is checked of the features, before candidates are made of them."""

from recsys.checks.before import Before
from recsys.checks.drift import Drift, check_drift, is_category, is_number
from recsys.checks.profile import Keys, Orphans
from recsys.checks.result import Check
from recsys.checks.rules import check_share
from recsys.checks.tables import (
    FEATURES,
    check_columns_of,
    check_ids,
    check_layout,
    is_complete,
    profile,
)
from recsys.columns import Columns as C
from recsys.job import Job

#: The table that has one row for each id, and its key.
IDS = {
    "features.articles": ("cleaned.articles", C.ARTICLE_KEY),
    "features.customers": ("cleaned.customers", C.CUSTOMER_KEY),
}


def check_features(job: Job, before: Before) -> tuple[list[Check], list[Drift]]:
    """Return every check of the features of the run date, and the drifts among them."""
    checks: list[Check] = []
    drifts: list[Drift] = []
    for name in FEATURES:
        table = job.partition(name)
        checks += check_layout(job.lake, table, before, job.config.checks)
        if is_complete(job.lake, table):
            checks += _check_rows(job, name, before)
            drifts += _check_drifts(job, name, before)
    return [*checks, *(drift.check for drift in drifts)], drifts


def _check_rows(job: Job, name: str, before: Before) -> list[Check]:
    config = job.config.checks
    source, column = IDS[name]
    known, keys = Keys(column), Keys(column)
    for batch in job.lake.scan(job.partition(source)).to_batches(columns=[column]):
        known(batch)
    orphans = Orphans(column, known)
    found = profile(job.lake, job.partition(name), config, [keys, orphans])
    return [
        *check_ids(found, keys, before, config),
        check_share(
            name, "orphan_share", orphans.rows, found.rows, config.orphan_share,
            of=f"rows have a key that is not in {source}", column=column,
        ),
        check_share(
            name, "missing_share", known.missing_in(keys), known.distinct, config.missing_share,
            of=f"keys of {source} have no row", column=column,
        ),
        *check_columns_of(found, before, config),
    ]  # fmt: skip


def _check_drifts(job: Job, name: str, before: Before) -> list[Drift]:
    """Return the drift of each number and category; one column at a time is held in memory."""
    columns = [
        field.name
        for field in FEATURES[name]
        if field.name != IDS[name][1] and (is_number(field.type) or is_category(field.type))
    ]
    return [
        check_drift(
            name,
            column,
            job.lake.read(job.partition(name), columns=[column]).column(column),
            before.histograms.get((name, column)),
            job.config.checks.drift,
        )
        for column in columns
    ]
