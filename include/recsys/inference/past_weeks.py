"""What trees learn from: candidates of past weeks, labelled by the purchases of the week after."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from recsys import log
from recsys.columns import PADDING_KEY
from recsys.config import CandidatesConfig, TreesConfig
from recsys.inference.candidates import Candidates
from recsys.inference.pairs import gather_pairs
from recsys.inference.policy import MODES, apply_policy
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.signals import Signals
from recsys.inference.sources import Sources, find_candidates, load_sources
from recsys.models.batches import Positives
from recsys.models.prepare import Source
from recsys.models.registry import TrainedModel
from recsys.models.trees import PAIRS, Rows, Trees, fit_trees

logger = log.get_logger(__name__)


def label_week(
    model: TrainedModel,
    signals: Signals,
    sources: Sources,
    customer_keys: Keys,
    truth: Ragged,
    *,
    config: CandidatesConfig,
    negative_share: float = 1.0,
    seed: int = 0,
) -> tuple[tuple[str, ...], dict[str, Rows]]:
    """Return the columns' names, and the rows of one week for each mode.

    Args:
        model: its towers must not have learned from this week.
        signals: as of the week's first day.
        sources: of the same snapshot.
        customer_keys: [n], whose candidates are found.
        truth: what each customer bought in the week; row = customer key.
        config: of the candidates.
        negative_share: of the candidates that were not bought, 0 to 1; columns are made of the
            whole lists all the same.
        seed: of which ones, with the week's own date.

    A list without a purchase in it teaches nothing and is left out.
    """
    parts: dict[str, list[Rows]] = defaultdict(list)
    generator = np.random.default_rng((seed, signals.snapshot.cutoff.toordinal()))
    names: tuple[str, ...] = ()
    snapshot = signals.snapshot
    for found in find_candidates(model, snapshot, sources, customer_keys, config=config):
        bought = truth.take(found.customer_keys)
        for mode, candidates in _by_mode(found, sources):
            labels = bought.contains(candidates.rows, candidates.article_keys)
            teaches = np.bincount(candidates.rows[labels], minlength=len(candidates)) > 0
            kept = teaches[candidates.rows]
            lists = candidates.where(kept)
            names, features = signals.describe(lists)
            rows = Rows(features, labels[kept].astype(np.int8), np.diff(lists.offsets)[teaches])
            parts[mode].append(rows.thin_out(negative_share, generator))
    return names, {mode: Rows.join(rows) for mode, rows in parts.items()}


def bought_by(positives: Positives, *, customers: int) -> Ragged:
    """Return the distinct articles of each customer's positives; row = customer key."""
    pairs = np.unique(np.stack([positives.customers, positives.articles[:, 0]], axis=1), axis=0)
    return Ragged.group(pairs[:, 0], pairs[:, 1], count=customers)


def split_weeks(
    weeks: Sequence[Positives], late: int
) -> tuple[Sequence[Positives], Sequence[Positives]]:
    """Return the weeks for the network, and the latest, at most two thirds, for the trees."""
    early = len(weeks) - min(late, len(weeks) * 2 // 3)
    return weeks[:early], weeks[early:]


def learn_trees(
    model: TrainedModel,
    source: Source,
    weeks: Sequence[Positives],
    *,
    candidates: CandidatesConfig,
    config: TreesConfig,
    seed: int,
) -> Trees | None:
    """Return trees, a model a mode and one of pairs, that learned from past weeks; None of none,
    or where a mode has no list with a purchase in it.

    Args:
        model: its towers must not have learned from these weeks.
        source: where snapshots come from.
        weeks: what was bought in each of them.
        candidates: how they are found.
        config: of the trees.
        seed: of the customers that are drawn, and of the trees.
    """
    if not weeks:
        return None
    names: dict[str, tuple[str, ...]] = {}
    parts: dict[str, list[Rows]] = defaultdict(list)
    generator = np.random.default_rng(seed)
    for week in weeks:
        snapshot = source.snapshot(week.cutoff, model.encoder)
        sources = load_sources(
            source.lake, snapshot, transactions=source.transactions, config=candidates
        )
        signals = Signals.of(snapshot, sources.purchases)
        chosen = np.sort(generator.permutation(np.unique(week.customers))[: config.customers])
        truth = bought_by(week, customers=len(snapshot.age_bands))
        columns, found = label_week(
            model,
            signals,
            sources,
            chosen,
            truth,
            config=candidates,
            negative_share=config.negative_share,
            seed=seed,
        )
        names |= dict.fromkeys(found, columns)
        sampled = week.take(np.flatnonzero(np.isin(week.customers, chosen)))
        names[PAIRS], found[PAIRS] = label_pairs(model, signals, sources, sampled, truth)
        for mode, rows in found.items():
            parts[mode].append(rows)
            logger.info("%s", log.fields(week=week.cutoff, mode=mode, pairs=len(rows.labels)))
    for mode, found_rows in parts.items():
        if not any(len(rows.labels) for rows in found_rows):
            logger.warning(
                "%s", log.fields(trees="none", mode=mode, reason="no list has a purchase")
            )
            return None
    boosters = {}
    for mode in list(parts):  # the rows of a mode go once it is done: each takes gigabytes
        boosters[mode] = fit_trees(parts.pop(mode), config, seed=seed)
    return Trees(names, boosters)


def label_pairs(
    model: TrainedModel, signals: Signals, sources: Sources, week: Positives, truth: Ragged
) -> tuple[tuple[str, ...], Rows]:
    """Return the columns' names, and a week's purchases and sampled negatives, distinct."""
    real = week.articles != PADDING_KEY
    customers = np.broadcast_to(week.customers[:, None], real.shape)[real]
    pairs, _ = gather_pairs(model, signals.snapshot, sources, customers, week.articles[real])
    names, features = signals.describe(pairs, as_lists=False)
    labels = truth.take(pairs.customer_keys).contains(pairs.rows, pairs.article_keys)
    return names, Rows(features, labels.astype(np.int8), np.empty(0, np.int64))


def _by_mode(found: Candidates, sources: Sources) -> Iterator[tuple[str, Candidates]]:
    bought = sources.purchases.articles
    for mode, policy in MODES.items():
        yield mode, found if policy == "none" else apply_policy(found, bought)
