"""The page of one run over the images, that needs nothing but a browser."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from recsys.images.contact import Picture
from recsys.images.inventory import Inventory
from recsys.images.load import Reason
from recsys.images.pca import Reduction
from recsys.pages import page_templates

#: What each reason means, in words.
REASONS: dict[Reason, str] = {
    Reason.MISSING: "No file",
    Reason.UNREADABLE: "The file cannot be read",
    Reason.EMPTY: "An empty file",
    Reason.NOT_AN_IMAGE: "Not an image",
    Reason.TOO_LARGE: "More pixels than images.max_pixels",
    Reason.TRUNCATED: "Cut off or damaged",
}
EXAMPLES = 6
#: The chart's plot area in its own units; the browser scales it.
WIDTH, HEIGHT = 480, 180


def render(
    inventory: Inventory,
    reduction: Reduction,
    sheet: Sequence[Sequence[Picture]],
    *,
    run_date: date,
    variance: float,
    facts: Mapping[str, Any],
) -> str:
    """Return the page: HTML with its styles, chart and pictures.

    Args:
        inventory: what has a vector, and what has none.
        reduction: the PCA of the vectors.
        sheet: rows of pictures, see `recsys.images.contact`.
        run_date: the day.
        variance: the share that the PCA was to keep.
        facts: weights, engine and what they did, by name, shown as they are.
    """
    templates = page_templates(__file__)
    held = np.cumsum(reduction.explained_variance_ratio)
    return templates.get_template("images.html.jinja").render(
        run_date=run_date,
        has_folder=inventory.has_folder,
        images=len(inventory.images),
        rejected=len(inventory.rejected),
        rejects=rejects(inventory.rejected),
        facts=facts,
        components=len(held),
        held=float(held[-1]) if len(held) else 0.0,
        variance=variance,
        points=variance_points(held),
        limit=round(HEIGHT * (1 - variance), 1),
        sheet=sheet,
        width=WIDTH,
        height=HEIGHT,
    )


def rejects(rejected: Mapping[str, Reason]) -> list[dict[str, Any]]:
    """Return each reason with its count and a few articles, the most frequent first."""
    articles = defaultdict(list)
    for article_id, reason in sorted(rejected.items()):
        articles[reason].append(article_id)
    return [
        {"reason": reason, "text": REASONS[reason], "count": len(ids), "examples": ids[:EXAMPLES]}
        for reason, ids in sorted(articles.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def variance_points(held: np.ndarray) -> str:
    """Return the share of the variance that the first components hold, as a line of the chart."""
    steps = max(len(held), 1)
    return " ".join(
        f"{WIDTH * number / steps:.1f},{HEIGHT * (1 - share):.1f}"
        for number, share in enumerate([0.0, *held.tolist()])
    )
