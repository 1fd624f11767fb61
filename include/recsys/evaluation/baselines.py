"""What a model must beat: lists that anyone can make from the same tables, without a model."""

import numpy as np

from recsys.features.popularity import chain
from recsys.inference.policy import Segments, complete
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.sources import SEGMENTS, Sources, related
from recsys.schemas import EVERYONE


def baseline_lists(
    sources: Sources, customer_keys: Keys, bands: Segments, excluded: Ragged, *, k: int
) -> dict[str, Keys]:
    """Return each baseline's lists of customers [n], int32 [n, k], on sale while any are.

    popular_7d: last week's best sellers, the same for everyone.
    popular_by_age: those of the customer's age band, then everyone's.
    repurchase: past purchases, often and lately bought ones first, then last week's best sellers.
    copurchase: what past purchases are bought together with, then last week's best sellers.

    Args:
        sources: as of the test cutoff.
        customer_keys: [n].
        bands: [n], indices into AGE_BANDS.
        excluded: n rows of articles that the purchase policy leaves out.
        k: the length of a list.
    """
    everyone = np.full(len(customer_keys), SEGMENTS.index(EVERYONE))
    nothing = Ragged.of([()] * len(customer_keys))
    bought = sources.purchases.articles.take(customer_keys)
    again = bought.where(sources.is_on_sale[bought.keys]).best(len(bought.keys))
    together = related(sources.copurchased, bought, excluded, limit=k)
    ranked = {
        "popular_7d": (nothing, sources.popular, everyone),
        "popular_by_age": (nothing, _by_age(sources), bands),
        "repurchase": (again, sources.popular, everyone),
        "copurchase": (together, sources.popular, everyone),
    }
    return {
        name: complete(lists, popular, segments, excluded, k=k)
        for name, (lists, popular, segments) in ranked.items()
    }


def _by_age(sources: Sources) -> Keys:
    """Return each segment's best sellers, then everyone's, then all else."""
    everyone = sources.popular[SEGMENTS.index(EVERYONE)]
    own = [sources.best_sellers.take([row]).keys for row in range(len(SEGMENTS))]
    return np.stack([chain(keys, everyone) for keys in own])
