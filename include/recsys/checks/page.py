"""The page of one night's checks, that needs nothing but a browser."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from recsys.checks.drift import Drift
from recsys.checks.profile import Days
from recsys.checks.result import Check, Histogram, Status, count_by_status
from recsys.checks.rules import Account, usual_days
from recsys.config import DailyRowsConfig
from recsys.pages import page_templates

#: The worst first, and then as they were made.
ORDER = (Status.BREACH, Status.WARNING, Status.OK)


def render(
    checks: Sequence[Check],
    *,
    layer: str,
    run_date: date,
    accounts: Sequence[Account] = (),
    days: Sequence[Mapping[str, Any]] = (),
    drifts: Sequence[Drift] = (),
) -> str:
    """Return the page of a layer's checks: HTML with its styles and charts.

    Args:
        checks: everything that was checked.
        layer: cleaned or features.
        run_date: the day.
        accounts: where the rows of each raw file went.
        days: bars of days, as `day_bars` makes them.
        drifts: features beside those of the check before.
    """
    templates = page_templates(__file__)
    templates.filters["figure"] = lambda value: "-" if value is None else f"{value:.4g}"
    return templates.get_template("checks.html.jinja").render(
        layer=layer,
        run_date=run_date,
        counts=count_by_status(checks),
        checks=sorted(checks, key=lambda check: ORDER.index(check.status)),
        accounts=accounts,
        days=days,
        features=[feature_bars(drift) for drift in drifts],
    )


def day_bars(days: Days, config: DailyRowsConfig, *, until: date) -> list[dict[str, Any]]:
    """Return the latest days' rows as shares of the highest bar, with the usual of those judged.

    As many days are shown as a median is taken of, and the judged days after them.
    """
    judged = {day.day: day.median for day in usual_days(days.rows, config, until=until)}
    shown = config.model_copy(update={"latest_days": config.median_days + config.latest_days})
    rows = usual_days(days.rows, shown, until=until)
    top = max([day.count for day in rows] + [m for m in judged.values() if m], default=0) or 1
    return [
        {
            "day": day.day,
            "count": day.count,
            "height": round(100 * day.count / top, 2),
            "median": None if (m := judged.get(day.day)) is None else round(100 * m / top, 2),
            "judged": day.day in judged,
        }
        for day in rows
    ]


def feature_bars(drift: Drift) -> dict[str, Any]:
    """Return a feature's bins: their shares of the rows, now and before, of the largest one."""
    now = _shares(drift.now)
    before = None if drift.before is None else _shares(drift.before)
    top = max([*now, *(before or [])], default=0) or 1
    return {
        "check": drift.check,
        "bins": [
            {
                "label": label,
                "now": round(100 * share / top, 2),
                "before": None if before is None else round(100 * before[n] / top, 2),
                "share": share,
            }
            for n, (label, share) in enumerate(zip(_labels(drift.now), now, strict=True))
        ],
    }


def _shares(histogram: Histogram) -> list[float]:
    return [count / max(histogram.rows, 1) for count in histogram.counts]


def _labels(histogram: Histogram) -> list[str]:
    """Return what each bin holds, as words."""
    if histogram.edges is None:
        return [*(histogram.categories or ()), "others", "null"]
    if not histogram.edges:
        return ["any number", "null"]
    return [*(f"to {e:g}" for e in histogram.edges), f"above {histogram.edges[-1]:g}", "null"]
