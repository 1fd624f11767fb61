"""Judge a model on the split's test window, next to baselines: report.json and report.html.

The model judged is the one that never saw the window. Customers who bought something in it are
drawn with the configured seed, at most evaluation.max_customers.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

from recsys.columns import Columns as C
from recsys.evaluation.page import render
from recsys.evaluation.report import headline
from recsys.evaluation.window import Window, evaluate
from recsys.inference.run import scorer_inputs, scorer_notes
from recsys.job import Job, run_job
from recsys.paths import Partition
from recsys.storage import Draft

FEATURES = ("popularity", "copurchases")


def build(job: Job) -> None:
    """Write `models.evaluations` of the version."""
    version = job.args.model_version
    split = job.partition("examples.split")
    windows = _windows(job, split)
    inputs = [split, job.partition("examples.pairs"), job.partition("cleaned.transactions")]
    for window in windows:
        inputs += scorer_inputs(job, version, cutoff=window.cutoff)
        inputs += [job.partition(f"features.{name}", window.cutoff) for name in FEATURES]
    output = job.partition("models.evaluations", version)
    settings = job.config.model_dump(include={"evaluation", "candidates"})
    step = job.step([output], inputs=list(dict.fromkeys(inputs)), settings=settings)
    if not step.is_current:
        with step.write("models.evaluations") as draft:
            _write(job, version, windows, draft)
    with job.lake.local_path(output) as folder:
        job.facts.update(headline(json.loads((folder / "report.json").read_text("utf-8"))))


def _write(job: Job, version: str, windows: list[Window], draft: Draft) -> None:
    report = evaluate(job, version, windows)
    draft.rows, draft.notes = report["customers"], scorer_notes(job, version)
    draft.counts = {m: part["customers"] for m, part in report["details"].items()}
    files = {"report.json": json.dumps(report, indent=2), "report.html": render(report)}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.write_text(text, encoding="utf-8")
            job.lake.put(draft, name, path)


def _windows(job: Job, split: Partition) -> list[Window]:
    rows = job.lake.read(split, filter=pc.field(C.PART) == "test").sort_by(C.CUTOFF).to_pylist()
    return [Window(row[C.CUTOFF], row["label_end"]) for row in rows]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model-version", required=True, help="a version in the lake")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line."""
    return run_job(build, argv, name="evaluate", description=__doc__, add_arguments=_add_arguments)


if __name__ == "__main__":
    sys.exit(main())
