"""### Embed images

New and changed article images become vectors: ResNet152 without its head gives 2048 numbers an
article, and PCA keeps 95 % of their variance. Models and similar articles use them.

**What it needs.** The article keys that `clean_catalogue` writes, so `nightly_refresh` or
`full_refresh` must have run once. Images already embedded are not embedded again. A folder without
images is no fault: articles then go without.

**Weights.** They come from the file, address or download that `images.weights` names; where they
cannot be had, the task says how to get them.

**What came of it.** The task's report has the path of a page: counts, images set aside and why, the
variance that the components hold, and a contact sheet of images with those nearest to them.
"""

from datetime import timedelta

from airflow.sdk import DAG

from recsys_airflow.defaults import DAG_DEFAULTS
from recsys_airflow.params import source_params
from recsys_airflow.run_date import resolve_run
from recsys_airflow.tasks import images_group

with DAG(
    "embed_images",
    description="New article images to vectors",
    doc_md=__doc__,
    schedule="0 4 * * *",
    dagrun_timeout=timedelta(hours=25),
    is_paused_upon_creation=True,
    params=source_params(),
    tags=["recommendations", "images"],
    **DAG_DEFAULTS,
):
    run = resolve_run()
    images = images_group()

    run >> images
