"""Clean transactions: typed rows with keys; bad rows set aside with a reason.

Reads `transactions_train.csv` and the daily drops `transactions/t_dat=YYYY-MM-DD/*.csv`, of them
only what is new or changed; a drop replaces its day of the dump. Needs the catalogue of the same
run date: a transaction of an unknown customer or article is bad.
"""

import sys
from collections.abc import Sequence

from recsys.cleaning.loads import Loads, add_up, choose_parts, remove_unused
from recsys.cleaning.sources import Source, find_sources
from recsys.job import Job, run_job
from recsys.manifest import Manifest


def build(job: Job) -> None:
    """Write the loads that are missing, their rejected.transactions, and cleaned.transactions."""
    sources = find_sources(job.config.data, sha256=job.sha256)
    catalogue = [job.partition("cleaned.articles"), job.partition("cleaned.customers")]
    loads = Loads(
        job.lake,
        recipe=job.fingerprint(inputs=[], settings=job.config.cleaning, dated=False),
        catalogue=job.fingerprint(inputs=catalogue, dated=False),
    )
    found = {} if job.args.force else loads.find(sources)
    # The dump and the drops are different kinds of files, so that each has a pass of its own.
    stale = [source for source in sources if source.name not in found]
    for batch in ([s for s in stale if s.day is None], [s for s in stale if s.day]):
        if batch:
            load = _write(job, loads, batch)
            found |= dict.fromkeys([source.name for source in batch], load)
    view = job.step(["cleaned.transactions"], inputs=catalogue)
    parts, accounts = choose_parts(sources, found)
    if stale or not view.shows(parts):
        like, notes = found[sources[0].name], {"sources": accounts}
        view.show(parts, like=like, counts=add_up(accounts), notes=notes)
    removed = remove_unused(job.lake)
    job.facts["sources"] = {"read": len(stale), "kept": len(sources) - len(stale)}
    job.facts["loads_removed"] = len(removed)


def _write(job: Job, loads: Loads, sources: list[Source]) -> Manifest:
    """Clean sources of one kind in one pass; return the committed load."""
    from recsys.cleaning.load import clean_sources

    partition = loads.partition(sources)
    step = job.step(
        [partition, job.partition("rejected.transactions", partition.key)],
        inputs=[file for source in sources for file in source.files],
        settings=job.config.cleaning,
        dated=False,
    )
    job.logger.info("cleaning %s", ", ".join(source.name for source in sources[:10]))
    with step.write("cleaned.loads") as draft:
        clean_sources(job, step, sources, loads, draft)
    return job.lake.require(partition)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job and return its exit code."""
    return run_job(build, argv, name="clean_transactions", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
