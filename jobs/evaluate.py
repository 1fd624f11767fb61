"""Judge a model on the split's test window, next to baselines: report.json and report.html.

The model judged is the one that never saw the window. Customers who bought something in it are
drawn with the configured seed, at most evaluation.max_customers. Where RECSYS_DATABASE_URL says
who is champion, it is judged on the same windows and customers: promote_model compares the two.
One of the baselines is fitted here, by Spark's ALS on purchases before each window.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from recsys.columns import Columns as C
from recsys.evaluation.als import Factors
from recsys.evaluation.page import render
from recsys.evaluation.report import headline
from recsys.evaluation.window import Window, evaluate
from recsys.inference.ragged import Keys
from recsys.inference.run import scorer_inputs, scorer_notes
from recsys.job import Job, run_job
from recsys.models.registry import model_partition
from recsys.paths import Partition
from recsys.serving import versions
from recsys.serving.postgres import DATABASE_URL
from recsys.storage import Draft

FEATURES = ("popularity", "copurchases")


def build(job: Job) -> None:
    """Write `models.evaluations` of the version."""
    version = job.args.model_version
    champion = job.facts["against"] = job.args.against or _champion(job, version)
    split = job.partition("examples.split")
    windows = _windows(job, split)
    inputs = [split, job.partition("examples.pairs"), job.partition("cleaned.transactions")]
    for window in windows:
        for name in (version, champion) if champion else (version,):
            inputs += scorer_inputs(job, name, cutoff=window.cutoff)
        inputs += [job.partition(f"features.{name}", window.cutoff) for name in FEATURES]
    output = job.partition("models.evaluations", version)
    settings = job.config.model_dump(include={"evaluation", "candidates"})
    settings["champion"] = champion
    step = job.step([output], inputs=list(dict.fromkeys(inputs)), settings=settings)
    if not step.is_current:
        with step.write("models.evaluations") as draft:
            fit = partial(_fit_als, job) if job.config.evaluation.als.enabled else None
            report = evaluate(job, version, windows, champion=champion, fit_als=fit)
            _write(job, report, draft)
    with job.lake.local_path(output) as folder:
        job.facts.update(headline(json.loads((folder / "report.json").read_text("utf-8"))))


def _write(job: Job, report: dict[str, Any], draft: Draft) -> None:
    draft.rows, draft.notes = report["customers"], scorer_notes(job, report["version"])
    draft.counts = {m: part["customers"] for m, part in report["details"].items()}
    files = {"report.json": json.dumps(report, indent=2), "report.html": render(report)}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.write_text(text, encoding="utf-8")
            job.lake.put(draft, name, path)


def _fit_als(job: Job, cutoff: date, customer_keys: Keys, articles: int) -> Factors:
    from recsys.features.als import fit_factors, keep_checkpoints, weigh_purchases
    from recsys.spark import build_session, read_parquet

    config, transactions = job.config.evaluation.als, job.partition("cleaned.transactions")
    started, since = time.monotonic(), cutoff - timedelta(days=config.days)
    spark = build_session(job.config, job.name, rows=job.lake.require(transactions).rows)
    files = job.lake.files(transactions, since=str(since), before=str(cutoff))
    weights = weigh_purchases(read_parquet(spark, files), cutoff=cutoff, config=config)
    with job.lake.scratch(f"als/{cutoff}") as folder:
        keep_checkpoints(spark, folder)
        factors = fit_factors(
            weights, customer_keys, articles=articles, config=config, seed=job.config.seed
        )
    seconds = job.facts.get("als_seconds", 0) + time.monotonic() - started
    job.facts["als_seconds"] = round(seconds, 1)  # of all windows
    return Factors(*factors)


def _champion(job: Job, version: str) -> str | None:
    """Return the version to compare with, None without a database, a champion or its files.

    A champion keeps the comparison by which it became one.
    """
    url = os.environ.get(DATABASE_URL)
    champion = versions.champion(url, job.config.source) if url else None
    if champion == version:
        earlier = job.lake.manifest(job.partition("models.evaluations", version))
        champion = earlier.settings.get("champion") if earlier else None
    if champion is None or job.lake.manifest(model_partition(champion)) is None:
        return None
    return champion


def _windows(job: Job, split: Partition) -> list[Window]:
    rows = job.lake.read(split, filter=pc.field(C.PART) == "test").sort_by(C.CUTOFF).to_pylist()
    return [Window(row[C.CUTOFF], row["label_end"]) for row in rows]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model-version", required=True, help="a version in the lake")
    parser.add_argument("--against", help="another one to compare it with (default: the champion)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line."""
    return run_job(build, argv, name="evaluate", description=__doc__, add_arguments=_add_arguments)


if __name__ == "__main__":
    sys.exit(main())
