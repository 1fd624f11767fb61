"""House rules of every DAG and task: owner, retries, pools, queues, time limits."""

from datetime import timedelta
from typing import Any, Final

import pendulum

from recsys_airflow.callbacks import report_failure

OWNER: Final = "recommendations"

#: Pools, with their slots in conf/pools.json: one Spark driver, one TensorFlow, one publisher.
SPARK_POOL: Final = "spark"
GPU_POOL: Final = "gpu"
PUBLISH_POOL: Final = "publish"

#: Celery workers with a GPU listen on this queue; the local executor runs it like any other.
GPU_QUEUE: Final = "gpu"

#: Bad data and bad configuration are never retried, see `recsys_airflow.reports.conclude`.
DAG_DEFAULT_ARGS: Final[dict[str, Any]] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=30),
    "execution_timeout": timedelta(hours=1),
    "on_failure_callback": report_failure,
}

#: What every DAG shares. Nothing before the start date is caught up on.
DAG_DEFAULTS: Final[dict[str, Any]] = {
    "start_date": pendulum.datetime(2026, 1, 1, tz="UTC"),
    "catchup": False,
    "max_active_runs": 1,
    "default_args": DAG_DEFAULT_ARGS,
}
