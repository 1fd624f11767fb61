"""### Train models

Once a week the two towers and the ranker are trained anew.

**Steps.** Cleaning (seconds, where the night has done it), features at the cutoffs of a split by
time, training pairs with negatives, training with early stopping, evaluation on the days after
beside the champion and the baselines, and a gate: the new version becomes champion only if it is
ahead of each baseline and not behind the champion. The gate says why in `recs.model_versions`.

**What it needs.** Image embeddings: `embed_images` or `full_refresh` must have run once.

**What it changes.** Nothing that customers see: `nightly_refresh` takes the champion of its hour.
"""

from datetime import timedelta

from airflow.sdk import DAG

from recsys_airflow.defaults import DAG_DEFAULTS
from recsys_airflow.params import source_params
from recsys_airflow.run_date import resolve_run
from recsys_airflow.tasks import clean_group, train_group

with DAG(
    "train_models",
    description="Examples to models, evaluated and gated",
    doc_md=__doc__,
    schedule="0 6 * * 0",
    dagrun_timeout=timedelta(hours=36),
    is_paused_upon_creation=True,
    params=source_params(),
    tags=["recommendations", "training"],
    **DAG_DEFAULTS,
):
    run = resolve_run()
    clean = clean_group()
    train = train_group()

    run >> clean.group >> train.group
