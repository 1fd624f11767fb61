"""The fields of the trigger form, as JSON schema. An empty field means: as configured."""

from pathlib import Path
from typing import Any, get_args

from airflow.sdk import Param

from recsys.config import REPOSITORY, Policy

#: What the form shows for null in a list of choices.
AS_CONFIGURED = {"null": "as configured"}


def environments(folder: Path = REPOSITORY / "conf") -> list[str]:
    """Return the names of the configurations that a run may choose from, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def source_params() -> dict[str, Param]:
    """Return what every DAG can be told: which day, which data, which configuration."""
    return {
        "run_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Run date",
            description="Data before this day are used, and recommendations are for this day"
            " onward. Empty: the schedule's day, or the day after the last transaction where"
            " the configuration says `run_date_from: data`.",
        ),
        "data": Param(
            None,
            type=["null", "string"],
            minLength=1,
            title="Data folder",
            description="A folder or address in the Kaggle layout: articles.csv, customers.csv,"
            " transactions_train.csv and, where there are any, images/. Empty: as configured.",
        ),
        "env": _choice(
            environments(),
            title="Configuration",
            description="Which conf/<name>.yaml to read over conf/base.yaml.",
        ),
        "force": Param(
            False,
            type="boolean",
            title="Run everything again",
            description="Also run steps whose output is already there for the same input.",
        ),
    }


def publishing_params(*, activate: str | None = None) -> dict[str, Param]:
    """Return what a DAG that publishes can be told besides; `activate` is its default."""
    return {
        "k": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=100,
            title="Articles for each customer",
            description="From 1 to 100. Empty: as configured (12).",
        ),
        "policy": _choice(
            list(get_args(Policy)),
            title="Purchase policy",
            description="Which past purchases are left out: `all` of them, those of the"
            " `last_n_days`, or `none`.",
        ),
        "activate": _choice(
            ["newer", "always"],
            default=activate,
            title="Make it the active run",
            description="`newer`: only if its run date is not before the active run's;"
            " `always`: whatever its run date.",
        ),
        **article_params(),
        **mixture_params(),
    }


def article_params() -> dict[str, Param]:
    """Return which articles a run may recommend at all."""
    section = "Which articles"
    params = {}
    for kind, example in (
        ("product_types", "Trousers"),
        ("departments", "Knitwear"),
        ("index_groups", "Ladieswear"),
    ):
        words = kind.replace("_", " ")
        params[kind] = Param(
            None, type=["null", "array"], items={"type": "string"}, section=section,
            title=f"Only these {words}",
            description=f"Names such as {example}, as in recs.articles; one a line."
            " Empty: as configured (all).",
        )  # fmt: skip
        params[f"without_{kind}"] = Param(
            None, type=["null", "array"], items={"type": "string"}, section=section,
            title=f"Not these {words}",
            description="Likewise, left out. Empty: as configured (none).",
        )  # fmt: skip
    for name, word in (("min_price", "Lowest"), ("max_price", "Highest")):
        params[name] = Param(
            None, type=["null", "number"], minimum=0, section=section, title=f"{word} price",
            description="Of an article's mean price, in H&M's own scaled unit, itself included."
            " Empty: as configured (any).",
        )  # fmt: skip
    params["out_of_stock"] = Param(
        None, type=["null", "string"], minLength=1, section=section, title="Out of stock",
        description="A CSV file with a column article_id, in the data folder or at an address:"
        " these are left out. Empty: as configured (no file).",
    )  # fmt: skip
    return params


def mixture_params() -> dict[str, Param]:
    """Return how mixed a run's lists must be."""
    section = "How mixed a list is"
    params = {
        f"max_per_{kind}": Param(
            None, type=["null", "integer"], minimum=1, section=section,
            title=f"At most of one product {words}",
            description="So many articles in a list. Empty: as configured (any number).",
        )
        for kind, words in (("product", "code"), ("type", "type"))
    }  # fmt: skip
    params["new_share"] = Param(
        None, type=["null", "number"], minimum=0, maximum=1, section=section,
        title="Share of new articles",
        description="At least this share of each list, rounded up to whole places."
        " Empty: as configured (0).",
    )  # fmt: skip
    params["new_days"] = Param(
        None, type=["null", "integer"], minimum=1, section=section, title="New for",
        description="Days since an article's first sale. Empty: as configured (28).",
    )  # fmt: skip
    return params


def model_params() -> dict[str, Param]:
    """Return how a DAG that uses the champion can be told to roll back to another version."""
    return {
        "model_version": Param(
            None,
            type=["null", "string"],
            minLength=1,
            title="Roll back to model version",
            description="A version of `recs.model_versions`, which becomes champion: of this run"
            " and of the nights to come. Empty: the champion stays.",
        ),
    }


def _choice(
    values: list[str], *, title: str, description: str, default: str | None = None
) -> Param:
    """Return a list of choices in which null stands for the configured one."""
    schema: dict[str, Any] = {"enum": [None, *values], "values_display": AS_CONFIGURED}
    return Param(default, type=["null", "string"], title=title, description=description, **schema)
