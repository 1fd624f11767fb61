"""The evaluation report as one page that needs nothing but a browser."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys.evaluation.judge import MODEL
from recsys.evaluation.report import ALS, BASELINES, CHAMPION, POPULARITY, name_at
from recsys.pages import page_templates

METHODS: dict[str, str] = {
    MODEL: "This model",
    CHAMPION: "Champion",
    POPULARITY: "Popular last week",
    "popular_by_age": "Popular by age",
    "repurchase": "Repurchase",
    "copurchase": "Bought together",
    ALS: "ALS factors",
    "network": "This model's other ranker, the network",
    "trees": "This model's other ranker, the trees",
}
MODES: dict[str, tuple[str, str]] = {
    "novel": ("New articles", "Only first purchases count; nothing bought before is recommended."),
    "all": ("All purchases", "Every purchase counts; past purchases may be recommended."),
}
METRICS: dict[str, str] = {
    "map_at_k": "MAP", "ndcg_at_k": "NDCG", "precision_at_k": "Precision",
    "recall_at_k": "Recall", "hit_rate_at_k": "Hit rate",
}  # fmt: skip
SOURCES: dict[str, str] = {
    "towers": "Towers",
    "popular": "Popular",
    "copurchased": "Bought together",
    "same_product": "Other variants",
    "past_purchase": "Past purchases",
    "taste": "Favourite kinds",
    "any source": "Any source",
}
ABLATIONS: dict[str, str] = {
    "nothing": "Nothing", "log_q": "The correction of the softmax for sampling (log Q)",
    "images": "Images", "history": "The customer tower's history",
}  # fmt: skip
MEASURED: dict[str, str] = {
    "towers_recall": "Recall of the towers", "ndcg_at_12": "NDCG@12", "auc": "AUC of pairs",
}  # fmt: skip
#: Metrics that are drawn at every length of the lists.
DRAWN = ("precision_at_k", "recall_at_k", "ndcg_at_k", "map_at_k")
#: A chart's plot area in its own units; the browser scales it.
WIDTH, HEIGHT = 320, 120
#: Not curves: facts about an epoch that say nothing of the model.
NOT_CURVES = ("epoch", "seconds", "pairs_per_second")


def render(report: Mapping[str, Any]) -> str:
    """Return the page of a report, as `build_report` makes it: HTML with its styles and charts."""
    templates = page_templates(__file__)
    templates.filters["score"] = lambda value: f"{value:.4f}"
    return templates.get_template("report.html.jinja").render(
        report=report,
        verdicts=[
            verdict(report, mode, other=other)
            for other in ((POPULARITY, CHAMPION) if report["champion"] else (POPULARITY,))
            for mode in MODES
        ],
        bars={mode: bars(report, mode) for mode in MODES},
        lengths={mode: lengths(report, mode) for mode in MODES},
        curves=curves(report["history"]),
        ablations=ABLATIONS,
        measured=MEASURED,
        methods=METHODS,
        modes=MODES,
        sources=SOURCES,
        metrics={name_at(metric, report["k"]): label for metric, label in METRICS.items()},
        map_name=name_at("map_at_k", report["k"]),
        ndcg_name=name_at("ndcg_at_k", report["k"]),
        popularity=POPULARITY,
        width=WIDTH,
        height=HEIGHT,
    )


def verdict(report: Mapping[str, Any], mode: str, *, other: str = POPULARITY) -> dict[str, str]:
    """Return whether the model beats another method in a mode: a word, a sentence and a colour.

    It does where the whole 95 % interval of the paired difference is above zero: of MAP@k, or
    beside the champion of NDCG@k, by which promotion decides.
    """
    metric = "ndcg_at_k" if other == CHAMPION else "map_at_k"
    rival = "the champion" if other == CHAMPION else "popularity"
    name = name_at(metric, report["k"])
    theirs = report["modes"][mode][other][name]["mean"]
    difference = report["details"][mode]["model_minus"][other][name]
    if difference["low"] > 0:
        word, tone = f"Beats {rival}", "good"
    elif difference["high"] < 0:
        word, tone = f"Loses to {rival}", "bad"
    else:
        word, tone = f"No clear difference from {rival}", "open"
    lift = f" ({100 * difference['mean'] / theirs:+.0f} %)" if theirs else ""
    bounds = f"{difference['low']:+.4f} to {difference['high']:+.4f}"
    label = f"{METRICS[metric]}@{report['k']}"
    sentence = f"{label} {difference['mean']:+.4f}{lift}, 95 % interval {bounds}"
    return {"title": MODES[mode][0], "word": word, "tone": tone, "sentence": sentence}


def bars(report: Mapping[str, Any], mode: str) -> list[dict[str, Any]]:
    """Return each method's MAP@k and its interval as shares of the axis, the best method first."""
    name = name_at("map_at_k", report["k"])
    methods = report["modes"][mode]
    top = max(methods[method][name]["high"] for method in methods) or 1.0
    rows = [
        {
            "label": METHODS.get(method, method),
            "is_model": method == MODEL,
            "value": methods[method][name]["mean"],
            **{
                edge: round(100 * methods[method][name][edge] / top, 2)
                for edge in ("mean", "low", "high")
            },
        }
        for method in methods
    ]
    return sorted(rows, key=lambda row: -row["value"])


def lengths(report: Mapping[str, Any], mode: str) -> list[dict[str, Any]]:
    """Return one chart for each metric of DRAWN: the model and the best baseline at 1..k.

    The best baseline is that of the greatest value at k; both lines start from zero.
    """
    means = report["details"][mode]["at_each_k"]
    charts = []
    for metric in DRAWN:
        best = max((b for b in (*BASELINES, ALS) if b in means), key=lambda b: means[b][metric][-1])
        model, other = means[MODEL][metric], means[best][metric]
        top = max(*model, *other)
        charts.append(
            {
                "name": METRICS[metric],
                "baseline": METHODS[best],
                "model": _points(model, low=0, high=top),
                "other": _points(other, low=0, high=top),
                "top": top,
                "last": (model[-1], other[-1]),
            }
        )
    return charts


def curves(history: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Return one chart for each figure of training: its points in a plot area, and its range."""
    names = [n for n in (history[0] if history else {}) if n not in NOT_CURVES]
    return [_curve(name, [float(row[name]) for row in history]) for name in names]


def _curve(name: str, values: list[float]) -> dict[str, Any]:
    low, high = min(values), max(values)
    return {
        "name": name.replace("_", " "),
        "points": _points(values, low=low, high=high),
        "low": low,
        "high": high,
        "last": values[-1],
        "epochs": len(values),
    }


def _points(values: Sequence[float], *, low: float, high: float) -> str:
    """Return a line from left to right of the plot area, which spans from `low` to `high`."""
    span, steps = (high - low) or 1.0, max(len(values) - 1, 1)
    return " ".join(
        f"{WIDTH * i / steps:.1f},{HEIGHT * (high - value) / span:.1f}"
        for i, value in enumerate(values)
    )
