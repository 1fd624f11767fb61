"""Operators that run one job of `jobs/` as a child process and believe only its report."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from recsys.config import REPOSITORY, Config, load_config
from recsys.errors import ConfigError
from recsys.java import ensure_java
from recsys.paths import report_path
from recsys_airflow.assets import outlets_of
from recsys_airflow.children import Ended, follow, job_environment, kill_group, start
from recsys_airflow.connections import get_connection, serving_environment
from recsys_airflow.reports import conclude, read_report, remove_report
from recsys_airflow.run_date import Run, anchored, setting

#: What `resolve_run` decided, as JSON text.
RUN = "{{ ti.xcom_pull(task_ids='resolve_run') | tojson }}"


def job_path(job: str) -> str:
    """Return the file of a job."""
    return str(REPOSITORY / "jobs" / f"{job}.py")


def job_arguments(run: Run, *, report: str, arguments: Sequence[str] = ()) -> list[str]:
    """Return a job's command line after its name: what the run is, then what the task adds."""
    settings = [
        part for key, value in run["settings"].items() for part in ("--set", setting(key, value))
    ]
    force = ["--force"] if run["force"] else []
    return [
        "--run-date", run["run_date"], "--data", run["data"], "--env", run["env"],
        "--lake", run["lake"], "--report", report, *settings, *force, *arguments,
    ]  # fmt: skip


class JobOperator(BaseOperator):
    """Runs `python jobs/<job>.py` and returns its report.

    Args:
        job: the job's file stem.
        arguments: added to the run's own, templated.
        needs_database: whether the job is told where the serving database is.
        run: what `resolve_run` decided, as JSON, templated.
    """

    template_fields: Sequence[str] = ("run", "arguments")
    ui_color = "#e8f0e4"

    def __init__(
        self,
        *,
        job: str,
        arguments: Sequence[str] = (),
        needs_database: bool = False,
        run: str = RUN,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("outlets", outlets_of(job))
        super().__init__(**kwargs)
        self.job = job
        self.arguments = list(arguments)
        self.needs_database = needs_database
        self.run = run
        self._child: Any = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the job; return its report, which downstream tasks take facts from."""
        run: Run = json.loads(self.run)
        report = report_path(context["run_id"], self.task_id)
        argv = job_arguments(run, report=report, arguments=self.arguments)
        remove_report(run["lake"], report)
        ended = self._run_child([sys.executable, job_path(self.job), *argv])
        found = read_report(run["lake"], report)
        return conclude(self.job, found, exit_code=ended.exit_code, lines=ended.lines)

    def _run_child(self, argv: Sequence[str]) -> Ended:
        self.log.info("run %s", " ".join(argv))
        extra = serving_environment() if self.needs_database else {}
        self._child = start(argv, extra=extra)
        try:
            return follow(self._child, self.log.info)
        except BaseException:
            kill_group(self._child)
            raise

    def on_kill(self) -> None:
        """End the job and every process that it started."""
        kill_group(self._child)


class GroupSparkSubmitHook(SparkSubmitHook):
    """A spark-submit that stands in its own process group and is ended as a whole."""

    def submit(self, application: str = "", **kwargs: Any) -> str | None:
        """Run spark-submit in the repository's folder until it ends."""
        return super().submit(application, cwd=REPOSITORY, process_group=0, **kwargs)

    def on_kill(self) -> None:
        """End spark-submit, its Java and its Python; then what the provider does besides."""
        kill_group(self._submit_sp)
        super().on_kill()

    @property
    def ended(self) -> Ended:
        """How spark-submit ended."""
        code = self._submit_sp.returncode if self._submit_sp else 1
        return Ended(code, tuple(self._last_submit_log_lines))


class SparkJobOperator(SparkSubmitOperator):
    """Submits `jobs/<job>.py` to the Spark of connection `spark_default`; returns its report.

    Args:
        job: the job's file stem.
        arguments: added to the run's own, templated.
        run: what `resolve_run` decided, as JSON, templated.
    """

    template_fields: Sequence[str] = ("run", "arguments")
    ui_color = "#f6e9dc"

    def __init__(
        self, *, job: str, arguments: Sequence[str] = (), run: str = RUN, **kwargs: Any
    ) -> None:
        kwargs.setdefault("outlets", outlets_of(job))
        super().__init__(application=job_path(job), name=job, **kwargs)
        self.job = job
        self.arguments = list(arguments)
        self.run = run

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Submit the job; return its report, which downstream tasks take facts from."""
        run: Run = json.loads(self.run)
        report = report_path(context["run_id"], self.task_id)
        remove_report(run["lake"], report)
        self.application_args = job_arguments(run, report=report, arguments=self.arguments)
        hook = self._hook = self._submit_hook(run["env"])
        try:
            super().execute(context)
        except AirflowException as error:
            self.log.error("%s", str(error).partition("\n")[0])
        except BaseException:
            kill_group(hook._submit_sp)
            raise
        found = read_report(run["lake"], report)
        return conclude(self.job, found, exit_code=hook.ended.exit_code, lines=hook.ended.lines)

    def _submit_hook(self, env: str) -> GroupSparkSubmitHook:
        """Return the hook; the provider's own would fall back to YARN without the connection."""
        get_connection(self._conn_id, purpose="names the Spark master")
        try:
            config = load_config(env)
            environment = spark_environment(config)
        except ConfigError as error:
            raise AirflowFailException(f"{self.job}: bad configuration: {error}") from error
        return GroupSparkSubmitHook(
            conn_id=self._conn_id,
            conf={"spark.ui.enabled": "false"},
            name=self.name,
            driver_memory=config.spark.driver_memory,
            application_args=self.application_args,
            env_vars=environment,
        )


def spark_environment(config: Config) -> dict[str, str]:
    """Return a job's environment with a Java, and this Python for the driver and its workers."""
    return job_environment(
        {
            "JAVA_HOME": str(ensure_java(Path(anchored(config.state)))),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }
    )
