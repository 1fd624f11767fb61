"""What happens when a task fails for good."""

import logging

from airflow.sdk import Context

logger = logging.getLogger("recsys_airflow")


def failure_line(context: Context) -> str:
    """Return one readable line: which task of which run failed, why, and where its log is."""
    ti = context["ti"]
    reason = " ".join(str(context.get("exception") or "no reason was given").split())
    link = getattr(ti, "log_url", "no link")
    return f"{ti.dag_id}.{ti.task_id} failed in run {ti.run_id}: {reason} (log: {link})"


def report_failure(context: Context) -> None:
    """Log the failure as one line at level ERROR; alerts are raised on these lines."""
    logger.error("%s", failure_line(context))
