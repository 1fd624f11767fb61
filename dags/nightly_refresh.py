"""### Nightly refresh

Every night each customer gets the articles they are most likely to buy next.

**Steps.** Raw files are cleaned, features are computed as of the run date, the champion model
offers candidates and ranks them, and the result becomes the active run in Postgres with one switch.
Cleaned tables and features are checked as a whole before others build on them. A last task reads
the result back and fails when a list is short, empty or holds what the policy forbids.

**Dates.** The run of 02:00 UTC on day *D* uses purchases before *D*; its recommendations are for
*D* onward. By hand, choose a run date in the form. A run date before the active run's is published
but does not become active by itself (see *Make it the active run*).

**A champion that disappoints.** Trigger this DAG with *Roll back to model version*: that version
becomes champion, tonight's lists are made anew by it, and so are those of the nights to come, until
`train_models` makes a version that passes the gate.

**When it fails.** Bad data and bad configuration are not retried: the task's log ends with one
sentence that says what to mend; a check's names the page with its figures. Then clear the failed
task; what is done already takes seconds. Until then the run of the night before stays active.
"""

from datetime import timedelta

from airflow.sdk import DAG

from recsys_airflow.defaults import DAG_DEFAULTS
from recsys_airflow.params import model_params, publishing_params, source_params
from recsys_airflow.run_date import resolve_run
from recsys_airflow.tasks import choose_model, clean_group, refresh_group

with DAG(
    "nightly_refresh",
    description="H&M files in, recommendations in Postgres out",
    doc_md=__doc__,
    schedule="0 2 * * *",
    dagrun_timeout=timedelta(hours=12),
    is_paused_upon_creation=True,
    params={**source_params(), **publishing_params(), **model_params()},
    tags=["recommendations", "nightly"],
    **DAG_DEFAULTS,
):
    run = resolve_run()
    clean = clean_group()
    champion = choose_model()
    refresh = refresh_group()

    run >> clean.group >> refresh.group
    run >> champion >> refresh.candidates
