"""### Full refresh

Everything, in order, from nothing: the first run on a new machine, or on a new data folder.

**Steps.** *clean* the raw files, turn *images* into vectors, *train* and judge the models, then
*refresh* the recommendations in Postgres. What is there already for the same data, settings and
code is not done again, so a second run takes minutes.

**In the form.** A data folder in the Kaggle layout; how many articles for each customer; which past
purchases are left out. The new run becomes the active one whatever its run date, unless you choose
otherwise.

**When it fails.** Bad data and bad configuration are not retried: the task's log ends with one
sentence that says what to mend. Clear the failed task to go on from there.
"""

from datetime import timedelta

from airflow.sdk import DAG

from recsys_airflow.defaults import DAG_DEFAULTS
from recsys_airflow.params import publishing_params, source_params
from recsys_airflow.run_date import resolve_run
from recsys_airflow.tasks import clean_group, images_group, refresh_group, train_group

with DAG(
    "full_refresh",
    description="The whole chain: files, images, models, recommendations",
    doc_md=__doc__,
    schedule=None,
    dagrun_timeout=timedelta(hours=72),
    is_paused_upon_creation=False,
    params={**source_params(), **publishing_params(activate="always")},
    tags=["recommendations", "by hand"],
    **DAG_DEFAULTS,
):
    run = resolve_run()
    clean = clean_group()
    images = images_group()
    train = train_group()
    refresh = refresh_group()

    run >> clean.group
    clean.catalogue >> images >> train.models
    clean.check >> [train.features, refresh.features]
    train.promote >> refresh.candidates
