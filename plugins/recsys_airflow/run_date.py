"""What one run is about, decided once: its day, its data, its configuration, its lake.

Every later task takes the answer from the XCom of `resolve_run`, so that no two tasks of a run ever
decide differently. Configuration is read here as the jobs read it: defaults, base, env, flags.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, TypedDict

from airflow.sdk import Context, Variable, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from recsys.config import REPOSITORY, Config, load_config
from recsys.errors import ConfigError
from recsys_airflow.children import Ended, follow, kill_group, start
from recsys_airflow.reports import HOPELESS_EXITS, last_error

logger = logging.getLogger("recsys_airflow")

#: Params that change one setting for the whole run.
SETTINGS = {
    "k": "recommendations.k",
    "policy": "recommendations.policy",
    "product_types": "recommendations.articles.product_types",
    "without_product_types": "recommendations.articles.without_product_types",
    "departments": "recommendations.articles.departments",
    "without_departments": "recommendations.articles.without_departments",
    "index_groups": "recommendations.articles.index_groups",
    "without_index_groups": "recommendations.articles.without_index_groups",
    "min_price": "recommendations.articles.min_price",
    "max_price": "recommendations.articles.max_price",
    "out_of_stock": "recommendations.articles.out_of_stock",
    "max_per_product": "recommendations.max_per_product",
    "max_per_type": "recommendations.max_per_type",
    "new_share": "recommendations.new_share",
    "new_days": "recommendations.new_days",
    "activate": "publish.activate",
}


class Run(TypedDict):
    """What every task of a run is told. Paths are absolute; the date reads YYYY-MM-DD."""

    run_date: str
    data: str
    env: str
    lake: str
    settings: dict[str, Any]
    force: bool


@task(task_id="resolve_run", show_return_value_in_logs=True)
def resolve_run() -> Run:
    """Decide what this run is about: its day, its data folder, its configuration, its lake."""
    return describe_run(get_current_context())


def describe_run(context: Context) -> Run:
    """Return the run's day, data, configuration and lake from its params and its context.

    Raises:
        AirflowFailException: the configuration, the params or the data folder are at fault.
    """
    params = context["params"]
    given = {key: _without_blanks(params.get(name)) for name, key in SETTINGS.items()}
    settings = {key: value for key, value in given.items() if value is not None}
    try:
        config = resolve_config(params, [setting(key, value) for key, value in settings.items()])
    except ConfigError as error:
        raise AirflowFailException(str(error)) from error
    return Run(
        run_date=resolve_run_date(context, config).isoformat(),
        data=config.data,
        env=config.env,
        lake=config.lake_root,
        settings=settings,
        force=bool(params.get("force", False)),
    )


def setting(key: str, value: Any) -> str:
    """Return a setting as a job's `--set` wants it, which reads what follows the sign as YAML.

    >>> setting("recommendations.articles.out_of_stock", "stock #2.csv")
    'recommendations.articles.out_of_stock="stock #2.csv"'
    >>> setting("recommendations.articles.departments", ["Men's, knitwear"])
    'recommendations.articles.departments=["Men\'s, knitwear"]'
    """
    is_text = isinstance(value, str | list)
    return f"{key}={json.dumps(value, ensure_ascii=False) if is_text else value}"


def _without_blanks(value: Any) -> Any:
    """Return what a field of the form holds; of a box of lines those with text, None for none."""
    if not isinstance(value, list):
        return value
    return [line for line in value if not isinstance(line, str) or line.strip()] or None


def resolve_config(params: dict[str, Any], overrides: list[str]) -> Config:
    """Return the run's configuration with absolute folders.

    The environment and the data folder come from the params, else from the Airflow Variables
    `recsys_env` and `recsys_data`, else as for a job by hand.
    """
    env = params.get("env") or Variable.get("recsys_env", default=None)
    data = params.get("data") or Variable.get("recsys_data", default=None)
    config = load_config(env, [*([f"data={data}"] if data else []), *overrides])
    lake = None if config.lake is None else anchored(config.lake)
    return config.model_copy(
        update={"data": anchored(config.data), "state": anchored(config.state), "lake": lake}
    )


def anchored(path: str) -> str:
    """Return a path as seen from the repository's folder, wherever the worker was started.

    >>> anchored("s3://lake/hm")
    's3://lake/hm'
    """
    return path if "://" in path else str(REPOSITORY / os.path.expanduser(path))  # noqa: PTH111


def resolve_run_date(
    context: Context, config: Config, *, after_the_data: Callable[[str], date] | None = None
) -> date:
    """Return the run date: the first of these that there is.

    The param; with `run_date_from: data`, the day after the data's last transaction; the day of
    the partition; the schedule's (logical) day; the day that the asset event which started the run
    is about; the day the run was due.
    """
    if given := context["params"].get("run_date"):
        return parse_date(given, what="the param run_date")
    if config.run_date_from == "data":
        return (after_the_data or day_after_last_transaction)(config.data)
    if key := context.get("partition_key"):
        return parse_date(key, what="the partition key")
    if logical_date := context.get("logical_date"):
        return utc_day(logical_date)
    return _event_day(context) or utc_day(context["dag_run"].run_after)


def _event_day(context: Context) -> date | None:
    """Return the latest day among the asset events that started the run, or None without any."""
    events = [e for some in (context.get("triggering_asset_events") or {}).values() for e in some]
    days = [
        parse_date(e.extra["run_date"], what="the asset event's run_date")
        if e.extra.get("run_date")
        else utc_day(e.timestamp)
        for e in events
    ]
    return max(days, default=None)


def utc_day(moment: datetime) -> date:
    """Return the day of a moment in UTC."""
    return moment.astimezone(UTC).date()


def parse_date(text: str, *, what: str) -> date:
    """Return a day written YYYY-MM-DD, a time after it left out.

    Raises:
        AirflowFailException: it reads otherwise.
    """
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError as error:
        raise AirflowFailException(f"{what} must read YYYY-MM-DD. Got {text!r}") from error


def day_after_last_transaction(data: str) -> date:
    """Return what `jobs/resolve_run_date.py` prints for a data folder.

    Raises:
        AirflowFailException: the folder or a file in it is missing or wrong.
        RuntimeError: the job failed otherwise.
    """
    argv = [sys.executable, str(REPOSITORY / "jobs" / "resolve_run_date.py"), "--data", data]
    child = start(argv)
    try:
        ended = follow(child, logger.info)
    except BaseException:
        kill_group(child)
        raise
    return _printed_date(ended)


def _printed_date(ended: Ended) -> date:
    if ended.exit_code in HOPELESS_EXITS:
        fault = HOPELESS_EXITS[ended.exit_code]
        raise AirflowFailException(f"resolve_run: {fault}: {last_error(ended.lines)}")
    if ended.exit_code != 0 or not ended.lines:
        reason = last_error(ended.lines)
        raise RuntimeError(f"resolve_run_date ended with exit code {ended.exit_code}: {reason}")
    return parse_date(ended.lines[-1], what="the last line of resolve_run_date")
